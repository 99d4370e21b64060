// What the end cannot lower is an error that names the kernel.
// RUN: not kernel-to-isa cuda:sm_80 %s 2>&1 | FileCheck %s

// CHECK: error: kernel 'unknown': {{.*}}'math.erf'
module {
  llvm.func @unknown(%x: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
    %v = llvm.load %x {alignment = 4 : i64} : !llvm.ptr -> f32
    %e = math.erf %v : f32
    llvm.store %e, %x {alignment = 4 : i64} : f32, !llvm.ptr
    llvm.return
  }
}
