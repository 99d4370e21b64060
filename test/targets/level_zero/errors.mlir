// What has no translation is named, with the kernel it is in.
// RUN: split-file %s %t
// RUN: not kernel-to-spirv %t/lanes.mlir %t/k.spv 2>&1 | FileCheck %s --check-prefix=LANES
// RUN: not kernel-to-spirv %t/math.mlir %t/k.spv 2>&1 | FileCheck %s --check-prefix=MATH
// RUN: not kernel-to-spirv %t/shuffle.mlir %t/k.spv 2>&1 | FileCheck %s --check-prefix=SHUFFLE
// RUN: not kernel-to-spirv %t/call.mlir %t/k.spv 2>&1 | FileCheck %s --check-prefix=CALL
// RUN: not kernel-to-spirv %t/bf16.mlir %t/k.spv 2>&1 | FileCheck %s --check-prefix=BF16
// RUN: not kernel-to-spirv %t/private.mlir %t/k.spv 2>&1 | FileCheck %s --check-prefix=PRIVATE
// RUN: not kernel-to-spirv %t/threads.mlir %t/k.spv 2>&1 | FileCheck %s --check-prefix=THREADS
// RUN: not kernel-to-spirv %t/twice.mlir %t/k.spv 2>&1 | FileCheck %s --check-prefix=TWICE

//--- lanes.mlir
// LANES: error: kernel 'lanes': 'llvm.load' op has no translation to SPIR-V (result type 'vector<32xf32>')
llvm.func @lanes(%p: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
  %v = llvm.load %p : !llvm.ptr -> vector<32xf32>
  llvm.store %v, %p : vector<32xf32>, !llvm.ptr
  llvm.return
}
//--- math.mlir
// MATH: error: kernel 'math': 'math.tanh' op has no translation to SPIR-V (result type 'f32')
llvm.func @math(%p: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
  %v = llvm.load %p : !llvm.ptr -> f32
  %w = math.tanh %v : f32
  llvm.store %w, %p : f32, !llvm.ptr
  llvm.return
}
//--- shuffle.mlir
// SHUFFLE: error: kernel 'shuffle': 'gpu.shuffle' op has no translation to SPIR-V: shuffles need a kernel with a subgroup size, and a constant width
llvm.func @shuffle(%p: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
  %v = llvm.load %p : !llvm.ptr -> f32
  %o = arith.constant 1 : i32
  %n = arith.constant 16 : i32
  %w, %valid = gpu.shuffle xor %v, %o, %n : f32
  llvm.store %w, %p : f32, !llvm.ptr
  llvm.return
}
//--- call.mlir
// CALL: error: kernel 'call': 'llvm.call' op has no translation to SPIR-V
llvm.func @callee()
llvm.func @call() attributes {gpu.kernel, aicc.threads = 64 : i32} {
  llvm.call @callee() : () -> ()
  llvm.return
}
//--- bf16.mlir
// BF16: error: kernel 'bf16': 'arith.addf' op has no translation to SPIR-V (result type 'bf16')
llvm.func @bf16(%p: !llvm.ptr) attributes {gpu.kernel, aicc.threads = 64 : i32} {
  %v = llvm.load %p : !llvm.ptr -> bf16
  %w = arith.addf %v, %v : bf16
  llvm.store %w, %p : bf16, !llvm.ptr
  llvm.return
}
//--- private.mlir
// PRIVATE: error: kernel 'private': 'cf.cond_br' op has no translation to SPIR-V: it carries a pointer to another kind of memory than its type says
llvm.func @private(%p: !llvm.ptr, %n: i64) attributes {gpu.kernel, aicc.threads = 64 : i32} {
  %one = arith.constant 1 : i32
  %zero = arith.constant 0 : i64
  %c = arith.cmpi eq, %n, %zero : i64
  %a = llvm.alloca %one x f32 : (i32) -> !llvm.ptr
  cf.cond_br %c, ^bb1(%p : !llvm.ptr), ^bb1(%a : !llvm.ptr)
^bb1(%q: !llvm.ptr):
  %v = llvm.load %q : !llvm.ptr -> f32
  llvm.store %v, %p : f32, !llvm.ptr
  llvm.return
}
//--- threads.mlir
// THREADS: error: kernel 'threads': 'llvm.func' op has no workgroup size
llvm.func @threads() attributes {gpu.kernel} {
  llvm.return
}
//--- twice.mlir
// TWICE: error: kernel 'twice': it is defined twice
module {
  llvm.func @twice() attributes {gpu.kernel, aicc.threads = 64 : i32} {
    llvm.return
  }
}
module {
  llvm.func @twice() attributes {gpu.kernel, aicc.threads = 64 : i32} {
    llvm.return
  }
}
