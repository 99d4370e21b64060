// Ids, workgroup memory, barriers, and what the code object says of the kernel.
// RUN: kernel-to-isa rocm:gfx942 %s | FileCheck %s
// RUN: kernel-to-isa rocm:gfx1100 %s | FileCheck %s

// CHECK: .amdhsa_code_object_version 5
// CHECK-LABEL: exchange:
// CHECK: global_load_{{dword|b32}}
// CHECK: ds_{{write|store}}_b32
// CHECK: s_barrier
// CHECK: ds_{{read|load}}_b32
// CHECK: global_store_{{dword|b32}}
// CHECK: .amdhsa_group_segment_fixed_size 1024
// CHECK: .amdhsa_kernarg_size 24
// CHECK: .max_flat_workgroup_size: 256
module {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32} : !llvm.array<256 x f32>
  llvm.func @exchange(%x: !llvm.ptr, %y: !llvm.ptr, %n: i64)
      attributes {gpu.kernel, aicc.threads = 256 : i32, aicc.subgroup = 32 : i32} {
    %tid = gpu.thread_id x
    %bid = gpu.block_id x
    %t = arith.index_cast %tid : index to i64
    %b = arith.index_cast %bid : index to i64
    %threads = arith.constant 256 : i64
    %o = arith.muli %b, %threads : i64
    %i = arith.addi %o, %t : i64
    %inside = arith.cmpi slt, %i, %n : i64
    %zero = arith.constant 0.0 : f32
    %v = scf.if %inside -> f32 {
      %p = llvm.getelementptr %x[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %l = llvm.load %p {alignment = 4 : i64} : !llvm.ptr -> f32
      scf.yield %l : f32
    } else {
      scf.yield %zero : f32
    }
    %s = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %s[%t] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, f32
    llvm.store %v, %to {alignment = 4 : i64} : f32, !llvm.ptr<3>
    gpu.barrier
    %last = arith.constant 255 : i64
    %r = arith.subi %last, %t : i64
    %from = llvm.getelementptr %s[%r] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, f32
    %w = llvm.load %from {alignment = 4 : i64} : !llvm.ptr<3> -> f32
    %q = llvm.getelementptr %y[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    llvm.store %w, %q {alignment = 4 : i64} : f32, !llvm.ptr
    llvm.return
  }
}
