// Copies from global to workgroup memory that do not pass registers, and the wait for them.
// RUN: kernel-to-isa cuda:sm_80 %s | FileCheck %s

// CHECK: cp.async.cg.shared.global [%rd{{[0-9]+}}], [%rd{{[0-9]+}}], 16;
// CHECK: cp.async.ca.shared.global [%rd{{[0-9]+}}], [%rd{{[0-9]+}}], 4;
// CHECK: cp.async.commit_group;
// CHECK: cp.async.wait_group 0;
// CHECK: bar.sync
module {
  llvm.mlir.global internal @tile() {addr_space = 3 : i32} : !llvm.array<1024 x f32>
  llvm.func @async.copy.16(!llvm.ptr<3>, !llvm.ptr)
  llvm.func @async.copy.4(!llvm.ptr<3>, !llvm.ptr)
  llvm.func @async.commit()
  llvm.func @async.wait.0()
  llvm.func @stage(%x: !llvm.ptr, %y: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 128 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %half = arith.constant 512 : i64
    %u = arith.addi %t, %half : i64
    %s = llvm.mlir.addressof @tile : !llvm.ptr<3>
    %to = llvm.getelementptr %s[%t] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, !llvm.array<4 x f32>
    %from = llvm.getelementptr %x[%t] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<4 x f32>
    llvm.call @async.copy.16(%to, %from) : (!llvm.ptr<3>, !llvm.ptr) -> ()
    %to1 = llvm.getelementptr %s[%u] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, f32
    %from1 = llvm.getelementptr %x[%u] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    llvm.call @async.copy.4(%to1, %from1) : (!llvm.ptr<3>, !llvm.ptr) -> ()
    llvm.call @async.commit() : () -> ()
    llvm.call @async.wait.0() : () -> ()
    gpu.barrier
    %v = llvm.load %to1 {alignment = 4 : i64} : !llvm.ptr<3> -> f32
    %q = llvm.getelementptr %y[%t] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    llvm.store %v, %q {alignment = 4 : i64} : f32, !llvm.ptr
    llvm.return
  }
}
