// RUN: kernel-to-isa rocm:gfx90a %s | FileCheck %s

// CHECK: v_mfma_f32_32x32x8f16
// CHECK: v_mfma_f32_16x16x16f16
// CHECK: v_mfma_f32_32x32x8bf16_1k
// CHECK: v_mfma_f32_32x32x2f32
// CHECK: v_mfma_i32_32x32x8i8
module {
  llvm.func @"matrix.mfma.32x32x8.f16"(vector<4xf16>, vector<4xf16>, vector<16xf32>) -> vector<16xf32>
  llvm.func @mfma_32x32x8_f16(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f16>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f16>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<16 x f32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<4xf16>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<4xf16>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
    %d = llvm.call @"matrix.mfma.32x32x8.f16"(%a, %b, %c)
        : (vector<4xf16>, vector<4xf16>, vector<16xf32>) -> vector<16xf32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
    llvm.return
  }
}
module {
  llvm.func @"matrix.mfma.16x16x16.f16"(vector<4xf16>, vector<4xf16>, vector<4xf32>) -> vector<4xf32>
  llvm.func @mfma_16x16x16_f16(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f16>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f16>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<4xf16>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<4xf16>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<4xf32>
    %d = llvm.call @"matrix.mfma.16x16x16.f16"(%a, %b, %c)
        : (vector<4xf16>, vector<4xf16>, vector<4xf32>) -> vector<4xf32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<4xf32>, !llvm.ptr
    llvm.return
  }
}
module {
  llvm.func @"matrix.mfma.32x32x8.bf16"(vector<4xbf16>, vector<4xbf16>, vector<16xf32>) -> vector<16xf32>
  llvm.func @mfma_32x32x8_bf16(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x bf16>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x bf16>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<16 x f32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<4xbf16>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<4xbf16>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
    %d = llvm.call @"matrix.mfma.32x32x8.bf16"(%a, %b, %c)
        : (vector<4xbf16>, vector<4xbf16>, vector<16xf32>) -> vector<16xf32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
    llvm.return
  }
}
module {
  llvm.func @"matrix.mfma.32x32x2.f32"(vector<1xf32>, vector<1xf32>, vector<16xf32>) -> vector<16xf32>
  llvm.func @mfma_32x32x2_f32(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<1 x f32>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<1 x f32>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<16 x f32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<1xf32>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<1xf32>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
    %d = llvm.call @"matrix.mfma.32x32x2.f32"(%a, %b, %c)
        : (vector<1xf32>, vector<1xf32>, vector<16xf32>) -> vector<16xf32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<16xf32>, !llvm.ptr
    llvm.return
  }
}
module {
  llvm.func @"matrix.mfma.32x32x8.i8"(vector<4xi8>, vector<4xi8>, vector<16xi32>) -> vector<16xi32>
  llvm.func @mfma_32x32x8_i8(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x i8>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x i8>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<16 x i32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<4xi8>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<4xi8>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<16xi32>
    %d = llvm.call @"matrix.mfma.32x32x8.i8"(%a, %b, %c)
        : (vector<4xi8>, vector<4xi8>, vector<16xi32>) -> vector<16xi32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<16xi32>, !llvm.ptr
    llvm.return
  }
}
