// What shape inference believed is asserted when the program runs.
// RUN: aicc-opt %s -collect-checks -mlir-print-local-scope | FileCheck %s

// CHECK: func.func @broadcast
// CHECK-SAME: rt.checks = [{exact = false, node = "/Add", sizes = affine_map<()[s0, s1, s2] -> (s0, s2)>}, {exact = false, node = "/Add", sizes = affine_map<()[s0, s1, s2] -> (s1, s2)>}]
func.func @broadcast(%x: tensor<?xf32> {nn.dims = affine_map<()[s0, s1] -> (s0)>}, %y: tensor<?xf32> {nn.dims = affine_map<()[s0, s1] -> (s1)>})
    -> tensor<?xf32> attributes {nn.symbols = [#nn.symbol<"a", input, 0, 64>, #nn.symbol<"b", input, 0, 64>]} {
  %0 = nn.add %x, %y : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32> loc("/Add")
  return %0 : tensor<?xf32>
}

// CHECK: func.func @inner
// CHECK-SAME: rt.checks = [{exact = true, node = "/MatMul", sizes = affine_map<()[s0, s1] -> (s0, s1)>}]
func.func @inner(%x: tensor<4x?xf32> {nn.dims = affine_map<()[s0, s1] -> (4, s0)>}, %y: tensor<?x4xf32> {nn.dims = affine_map<()[s0, s1] -> (s1, 4)>})
    -> tensor<4x4xf32> attributes {nn.symbols = [#nn.symbol<"a", input, 0, 64>, #nn.symbol<"b", input, 0, 64>]} {
  %0 = nn.matmul %x, %y : (tensor<4x?xf32>, tensor<?x4xf32>) -> tensor<4x4xf32> loc("/MatMul")
  return %0 : tensor<4x4xf32>
}

// Nothing to check: the sizes are one symbol.
// CHECK: func.func @same
// CHECK-SAME: rt.checks = []
func.func @same(%x: tensor<?xf32> {nn.dims = affine_map<()[s0] -> (s0)>}) -> tensor<?xf32>
    attributes {nn.symbols = [#nn.symbol<"a", input, 0, 64>]} {
  %0 = nn.add %x, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

