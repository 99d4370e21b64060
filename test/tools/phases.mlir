// The IR at every phase, on standard output or kept in a folder.
// RUN: rm -rf %t && mkdir %t
// RUN: aicc compile %s --compile-to import | FileCheck %s --check-prefix=GRAPH
// RUN: aicc compile %s --compile-to graph | FileCheck %s --check-prefix=GRAPH
// RUN: aicc compile %s --compile-to dispatch | FileCheck %s --check-prefix=DISPATCH
// RUN: aicc compile %s --compile-to program | FileCheck %s --check-prefix=PROGRAM
// GRAPH: nn.neg
// DISPATCH: // cpu:native
// DISPATCH: exe.dispatch
// PROGRAM: rt.program @main
// RUN: aicc compile %s -o %t/m.aicc --dump %t/dump
// RUN: ls %t/dump | FileCheck %s --check-prefix=DUMP
// DUMP: 1-import.mlir
// DUMP: 2-graph.mlir
// DUMP: 3-dispatch-cpu-native.mlir
// DUMP: 4-kernel-cpu-native.mlir
// DUMP: 5-program-cpu-native.mlir
// DUMP: kernels-cpu-native
func.func @main(%x: tensor<4xf32> {nn.name = "x"}) -> (tensor<4xf32> {nn.name = "y"}) {
  %0 = nn.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
