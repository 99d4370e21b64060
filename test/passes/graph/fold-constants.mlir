// RUN: aicc-opt %s --nn-fold-constants | FileCheck %s
// RUN: aicc-opt %s --nn-fold-constants=limit=8 | FileCheck %s --check-prefix=LIMIT

// Operations on constants become their values, through several steps, and what only they used disappears.
// CHECK-LABEL: func.func @chain
// CHECK-NEXT: %[[C:.*]] = nn.constant dense<[2.000000e+00, 4.000000e+00]> : tensor<2xf32>
// CHECK-NEXT: return %[[C]]
func.func @chain() -> tensor<2xf32> {
  %0 = nn.constant dense<[2.0, 8.0]> : tensor<2xf32>
  %1 = nn.constant dense<2.0> : tensor<f32>
  %2 = nn.mul %0, %1 : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
  %3 = nn.sqrt %2 : (tensor<2xf32>) -> tensor<2xf32>
  return %3 : tensor<2xf32>
}

// Results beyond the limit stay.
// CHECK-LABEL: func.func @limit
// CHECK-NOT: nn.add
// LIMIT-LABEL: func.func @limit
// LIMIT: nn.add
func.func @limit() -> tensor<2x2xf32> {
  %0 = nn.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %1 = nn.constant dense<[[3.0, 4.0]]> : tensor<1x2xf32>
  %2 = nn.add %0, %1 : (tensor<2x1xf32>, tensor<1x2xf32>) -> tensor<2x2xf32>
  return %2 : tensor<2x2xf32>
}

// A weight's recipe is left as it is.
// CHECK-LABEL: func.func @weight
// CHECK: nn.weight
// CHECK-NEXT: nn.transpose
func.func @weight() -> tensor<3x2xf32> {
  %0 = nn.weight "w" <"model.bin", 0, 24> : tensor<2x3xf32>
  %1 = nn.transpose %0 {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}

// A broadcast says in few bytes what a constant says in many; who reads it is evaluated.
// CHECK-LABEL: func.func @broadcast
// CHECK: nn.broadcast
// CHECK: nn.constant dense<1.600000e+01> : tensor<f32>
// CHECK-NOT: nn.reduce
func.func @broadcast() -> (tensor<32xf32>, tensor<f32>) {
  %0 = nn.constant dense<0.5> : tensor<f32>
  %1 = nn.broadcast %0 {shape = affine_map<()[] -> (32)>} : (tensor<f32>) -> tensor<32xf32>
  %2 = nn.reduce %1 {kind = #nn.reduce<sum>, axes = array<i64: 0>, keepdims = false} : (tensor<32xf32>) -> tensor<f32>
  return %1, %2 : tensor<32xf32>, tensor<f32>
}

// What depends on a symbol is no constant, static though its type may be.
// CHECK-LABEL: func.func @symbol
// CHECK: nn.sizes
// CHECK: nn.slice
func.func @symbol(%x: tensor<?xf32> {nn.dims = affine_map<()[s0] -> (s0)>}) -> (tensor<1xi64>, tensor<1xf32>)
    attributes {nn.symbols = [#nn.symbol<"n", input, 1, 4>]} {
  %0 = nn.sizes {value = affine_map<()[s0] -> (s0)>} : () -> tensor<1xi64>
  %1 = nn.constant dense<[0.0, 1.0, 2.0, 3.0, 4.0]> : tensor<5xf32>
  %2 = nn.slice %1 {offsets = affine_map<()[s0] -> (s0)>, sizes = affine_map<()[s0] -> (1)>, steps = array<i64: 1>}
      : (tensor<5xf32>) -> tensor<1xf32>
  return %0, %2 : tensor<1xi64>, tensor<1xf32>
}
