// Atomics are the device's own, without loops.
// RUN: kernel-to-isa rocm:gfx90a %s | FileCheck %s
// RUN: kernel-to-isa rocm:gfx1201 %s | FileCheck %s

// CHECK-LABEL: atomics:
// CHECK-NOT: cmpswap
// CHECK-DAG: global_atomic_add_f32
// CHECK-DAG: global_atomic_add{{(_u32)?}} v
// CHECK-DAG: global_atomic_{{smax|max_i32}}
// CHECK-DAG: global_atomic_add_{{x2|u64}}
// CHECK: s_endpgm
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
