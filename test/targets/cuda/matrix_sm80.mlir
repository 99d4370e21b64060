// RUN: kernel-to-isa cuda:sm_80 %s | FileCheck %s
// RUN: kernel-to-isa cuda:sm_90a %s | FileCheck %s

// CHECK: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// CHECK: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// CHECK: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
// CHECK: mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32
// CHECK: mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32
module {
  llvm.func @"matrix.m16n8k16.f16"(vector<8xf16>, vector<4xf16>, vector<4xf32>) -> vector<4xf32>
  llvm.func @m16n8k16_f16(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<8 x f16>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f16>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<8xf16>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<4xf16>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<4xf32>
    %d = llvm.call @"matrix.m16n8k16.f16"(%a, %b, %c)
        : (vector<8xf16>, vector<4xf16>, vector<4xf32>) -> vector<4xf32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<4xf32>, !llvm.ptr
    llvm.return
  }
}
module {
  llvm.func @"matrix.m16n8k16.bf16"(vector<8xbf16>, vector<4xbf16>, vector<4xf32>) -> vector<4xf32>
  llvm.func @m16n8k16_bf16(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<8 x bf16>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x bf16>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<8xbf16>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<4xbf16>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<4xf32>
    %d = llvm.call @"matrix.m16n8k16.bf16"(%a, %b, %c)
        : (vector<8xbf16>, vector<4xbf16>, vector<4xf32>) -> vector<4xf32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<4xf32>, !llvm.ptr
    llvm.return
  }
}
module {
  llvm.func @"matrix.m16n8k8.tf32"(vector<4xf32>, vector<2xf32>, vector<4xf32>) -> vector<4xf32>
  llvm.func @m16n8k8_tf32(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f32>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<2 x f32>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<4xf32>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<2xf32>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<4xf32>
    %d = llvm.call @"matrix.m16n8k8.tf32"(%a, %b, %c)
        : (vector<4xf32>, vector<2xf32>, vector<4xf32>) -> vector<4xf32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<4xf32>, !llvm.ptr
    llvm.return
  }
}
module {
  llvm.func @"matrix.m16n8k32.s8"(vector<16xi8>, vector<8xi8>, vector<4xi32>) -> vector<4xi32>
  llvm.func @m16n8k32_s8(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<16 x i8>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<8 x i8>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x i32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<16xi8>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<8xi8>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<4xi32>
    %d = llvm.call @"matrix.m16n8k32.s8"(%a, %b, %c)
        : (vector<16xi8>, vector<8xi8>, vector<4xi32>) -> vector<4xi32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<4xi32>, !llvm.ptr
    llvm.return
  }
}
module {
  llvm.func @"matrix.m16n8k32.u8s8"(vector<16xi8>, vector<8xi8>, vector<4xi32>) -> vector<4xi32>
  llvm.func @m16n8k32_u8s8(%x: !llvm.ptr, %y: !llvm.ptr, %z: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %px = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<16 x i8>
    %py = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<8 x i8>
    %pz = llvm.getelementptr %z[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x i32>
    %a = llvm.load %px {alignment = 4 : i64} : !llvm.ptr -> vector<16xi8>
    %b = llvm.load %py {alignment = 4 : i64} : !llvm.ptr -> vector<8xi8>
    %c = llvm.load %pz {alignment = 4 : i64} : !llvm.ptr -> vector<4xi32>
    %d = llvm.call @"matrix.m16n8k32.u8s8"(%a, %b, %c)
        : (vector<16xi8>, vector<8xi8>, vector<4xi32>) -> vector<4xi32>
    llvm.store %d, %pz {alignment = 4 : i64} : vector<4xi32>, !llvm.ptr
    llvm.return
  }
}
