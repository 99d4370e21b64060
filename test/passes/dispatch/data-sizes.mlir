// What a size depends on is made before the size is bound, and what depends on it behind.
// RUN: aicc-opt %s --exe-form-dispatches=target=cpu:x86-64-v4 | FileCheck %s

// CHECK-LABEL: func.func @bind
// CHECK: exe.dispatch "reduce"
// CHECK: nn.bind_size
// CHECK: exe.dispatch "map"
// CHECK: nn.slice
// CHECK: nn.neg
func.func @bind(%x: tensor<8xf32>) -> tensor<?xf32> attributes {nn.symbols = [#nn.symbol<"k", data, 0, 8>]} {
  %zero = nn.constant dense<0.0> : tensor<f32>
  %0 = nn.compare %x, %zero {kind = #nn.compare<ne>} : (tensor<8xf32>, tensor<f32>) -> tensor<8xi1>
  %1 = nn.cast %0 {to = i64} : (tensor<8xi1>) -> tensor<8xi64>
  %2 = nn.reduce %1 {kind = #nn.reduce<sum>, axes = array<i64: 0>, keepdims = false} : (tensor<8xi64>) -> tensor<i64>
  nn.bind_size %2 {symbols = array<i64: 0>, what = "the count"} : tensor<i64>
  %3 = nn.slice %x {offsets = affine_map<()[s0] -> (0)>, sizes = affine_map<()[s0] -> (s0)>, steps = array<i64: 1>} : (tensor<8xf32>) -> tensor<?xf32>
  %4 = nn.neg %3 : (tensor<?xf32>) -> tensor<?xf32>
  return %4 : tensor<?xf32>
}
