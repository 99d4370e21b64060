// Ids, workgroup memory and barriers; pointers are global, and what is only read goes through the read-only path.
// RUN: kernel-to-isa cuda:sm_80 %s | FileCheck %s

// CHECK: .version 7.0
// CHECK: .target sm_80
// CHECK: .visible .entry exchange(
// CHECK: .reqntid 256, 1, 1
// CHECK: .shared .align 16 .b8 exchange_tile[1024];
// CHECK-DAG: %tid.x;
// CHECK-DAG: %ctaid.x;
// CHECK: ld.global.nc.f32
// CHECK: st.shared.f32
// CHECK: bar.sync {{\t*}}0;
// CHECK: ld.shared.f32
// CHECK: st.global.f32
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
