// RUN: kernel-to-isa rocm:gfx1100 %s | FileCheck %s

// CHECK: v_wmma_f32_16x16x16_f16
// CHECK: v_wmma_f32_16x16x16_bf16
// CHECK: v_wmma_i32_16x16x16_iu8 {{.*}} neg_lo:[1,1,0]
module {
  llvm.func @"matrix.wmma.f16"(vector<16xf16>, vector<16xf16>, vector<8xf32>) -> vector<8xf32>
  llvm.func @wmma_f16(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<16 x f16>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<16 x f16>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<8 x f32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<16xf16>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<16xf16>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<8xf32>
    %d = llvm.call @"matrix.wmma.f16"(%a, %b, %c)
        : (vector<16xf16>, vector<16xf16>, vector<8xf32>) -> vector<8xf32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<8xf32>, !llvm.ptr
    llvm.return
  }
}
module {
  llvm.func @"matrix.wmma.bf16"(vector<16xbf16>, vector<16xbf16>, vector<8xf32>) -> vector<8xf32>
  llvm.func @wmma_bf16(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<16 x bf16>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<16 x bf16>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<8 x f32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<16xbf16>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<16xbf16>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<8xf32>
    %d = llvm.call @"matrix.wmma.bf16"(%a, %b, %c)
        : (vector<16xbf16>, vector<16xbf16>, vector<8xf32>) -> vector<8xf32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<8xf32>, !llvm.ptr
    llvm.return
  }
}
module {
  llvm.func @"matrix.wmma.i8"(vector<16xi8>, vector<16xi8>, vector<8xi32>) -> vector<8xi32>
  llvm.func @wmma_i8(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<16 x i8>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<16 x i8>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<8 x i32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<16xi8>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<16xi8>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<8xi32>
    %d = llvm.call @"matrix.wmma.i8"(%a, %b, %c)
        : (vector<16xi8>, vector<16xi8>, vector<8xi32>) -> vector<8xi32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<8xi32>, !llvm.ptr
    llvm.return
  }
}
