// RUN: kernel-to-isa cuda:sm_75 %s | FileCheck %s

// CHECK: mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32
// CHECK: mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32
module {
  llvm.func @"matrix.m16n8k8.f16"(vector<4xf16>, vector<2xf16>, vector<4xf32>) -> vector<4xf32>
  llvm.func @m16n8k8_f16(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f16>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<2 x f16>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<4xf16>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<2xf16>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<4xf32>
    %d = llvm.call @"matrix.m16n8k8.f16"(%a, %b, %c)
        : (vector<4xf16>, vector<2xf16>, vector<4xf32>) -> vector<4xf32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<4xf32>, !llvm.ptr
    llvm.return
  }
}
module {
  llvm.func @"matrix.m8n8k16.s8"(vector<4xi8>, vector<4xi8>, vector<2xi32>) -> vector<2xi32>
  llvm.func @m8n8k16_s8(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x i8>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x i8>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<2 x i32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<4xi8>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<4xi8>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<2xi32>
    %d = llvm.call @"matrix.m8n8k16.s8"(%a, %b, %c)
        : (vector<4xi8>, vector<4xi8>, vector<2xi32>) -> vector<2xi32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<2xi32>, !llvm.ptr
    llvm.return
  }
}
