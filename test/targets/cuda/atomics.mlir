// Atomics are the device's own, without loops.
// RUN: kernel-to-isa cuda:sm_70 %s | FileCheck %s

// CHECK-NOT: bra
// CHECK: atom.global.add.f32
// CHECK: atom.global.add.u32
// CHECK: atom.global.max.s32
// CHECK: atom.global.add.u64
module {
  llvm.func @atomics(%f: !llvm.ptr, %i: !llvm.ptr, %l: !llvm.ptr)
      attributes {gpu.kernel, aicc.threads = 64 : i32, aicc.subgroup = 0 : i32} {
    %tid = gpu.thread_id x
    %t = arith.index_cast %tid : index to i64
    %k = arith.trunci %t : i64 to i32
    %v = arith.sitofp %t : i64 to f32
    %0 = llvm.atomicrmw fadd %f, %v monotonic : !llvm.ptr, f32
    %1 = llvm.atomicrmw add %i, %k monotonic : !llvm.ptr, i32
    %2 = llvm.atomicrmw max %i, %k monotonic : !llvm.ptr, i32
    %3 = llvm.atomicrmw add %l, %t monotonic : !llvm.ptr, i64
    llvm.return
  }
}
