// Exchanges of lanes are moves between them where the distance allows, reads across lanes elsewhere.
// RUN: kernel-to-isa rocm:gfx90a %s | FileCheck %s --check-prefixes=CHECK,WAVE64
// RUN: kernel-to-isa rocm:gfx1100 %s | FileCheck %s --check-prefixes=CHECK,WAVE32

// CHECK: quad_perm:[1,0,3,2]
// CHECK: quad_perm:[2,3,0,1]
// WAVE64: ds_swizzle_b32 {{.*}} offset:swizzle(SWAP,4)
// WAVE64: ds_swizzle_b32 {{.*}} offset:swizzle(SWAP,8)
// WAVE32: row_xmask:4
// WAVE32: row_xmask:8
// CHECK: ds_swizzle_b32 {{.*}} offset:swizzle(SWAP,16)
// CHECK: ds_bpermute_b32
module {
  llvm.func @shuffles(%x: !llvm.ptr, %y: !llvm.ptr)
      attributes {gpu.kernel, aicc.threads = 256 : i32, aicc.subgroup = 32 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %lane = gpu.lane_id
    %subgroup = gpu.subgroup_id : index
    %l = arith.index_cast %lane : index to i64
    %g = arith.index_cast %subgroup : index to i64
    %k = arith.muli %l, %g : i64
    %p = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %v0 = llvm.load %p {alignment = 4 : i64} : !llvm.ptr -> f32
    %width = arith.constant 32 : i32
    %c0 = arith.constant 1 : i32
    %m0, %ok0 = gpu.shuffle xor %v0, %c0, %width : f32
    %v1 = arith.addf %v0, %m0 : f32
    %c1 = arith.constant 2 : i32
    %m1, %ok1 = gpu.shuffle xor %v1, %c1, %width : f32
    %v2 = arith.addf %v1, %m1 : f32
    %c2 = arith.constant 4 : i32
    %m2, %ok2 = gpu.shuffle xor %v2, %c2, %width : f32
    %v3 = arith.addf %v2, %m2 : f32
    %c3 = arith.constant 8 : i32
    %m3, %ok3 = gpu.shuffle xor %v3, %c3, %width : f32
    %v4 = arith.addf %v3, %m3 : f32
    %c4 = arith.constant 16 : i32
    %m4, %ok4 = gpu.shuffle xor %v4, %c4, %width : f32
    %v5 = arith.addf %v4, %m4 : f32
    %c5 = arith.constant 7 : i32
    %m5, %ok5 = gpu.shuffle idx %v5, %c5, %width : f32
    %v6 = arith.addf %v5, %m5 : f32
    %q = llvm.getelementptr %y[%k] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    llvm.store %v6, %q {alignment = 4 : i64} : f32, !llvm.ptr
    llvm.return
  }
}
