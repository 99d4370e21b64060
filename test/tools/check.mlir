// RUN: aicc check %s | FileCheck %s
// CHECK: check.mlir: all 1 operations can be compiled for cpu
func.func @main(%x: tensor<4xf32> {nn.name = "x"}) -> (tensor<4xf32> {nn.name = "y"}) {
  %0 = nn.neg %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
