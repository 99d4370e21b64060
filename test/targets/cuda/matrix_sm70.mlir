// RUN: kernel-to-isa cuda:sm_70 %s | FileCheck %s

// CHECK: mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32
module {
  llvm.func @"matrix.m8n8k4.f16"(vector<4xf16>, vector<4xf16>, vector<8xf32>) -> vector<8xf32>
  llvm.func @m8n8k4_f16(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f16>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f16>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<8 x f32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<4xf16>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<4xf16>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<8xf32>
    %d = llvm.call @"matrix.m8n8k4.f16"(%a, %b, %c)
        : (vector<4xf16>, vector<4xf16>, vector<8xf32>) -> vector<8xf32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<8xf32>, !llvm.ptr
    llvm.return
  }
}
