// RUN: aicc-opt %s --exe-form-dispatches=target=cpu:x86-64-v4 --split-input-file --verify-diagnostics | FileCheck %s

// Bias and activation join the product as its epilogue; the constant right operand is packed by a recipe outside and unpacked within.
// CHECK-LABEL: @epilogue
// CHECK: nn.weight
// CHECK: %[[PACK:.*]] = nn.pack
// CHECK: %[[PANELS:.*]] = nn.transpose %[[PACK]] {perm = array<i64: 1, 0, 2>}
// CHECK-NOT: nn.unpack
// CHECK: exe.dispatch "matmul"(%{{.*}}, %[[PANELS]], %{{.*}})
// CHECK: nn.unpack
// CHECK: nn.matmul
// CHECK: nn.add
// CHECK: nn.relu
// CHECK: exe.yield
// CHECK-NOT: exe.dispatch
func.func @epilogue(%x: tensor<8x64xf32>, %b: tensor<32xf32>) -> tensor<8x32xf32> {
  %w = nn.weight "w" <"w.bin", 0, 8192> : tensor<64x32xf32>
  %0 = nn.matmul %x, %w : (tensor<8x64xf32>, tensor<64x32xf32>) -> tensor<8x32xf32>
  %1 = nn.add %0, %b : (tensor<8x32xf32>, tensor<32xf32>) -> tensor<8x32xf32>
  %2 = nn.relu %1 : (tensor<8x32xf32>) -> tensor<8x32xf32>
  return %2 : tensor<8x32xf32>
}

// -----

// A value that is needed elsewhere too is yielded beside the last one.
// CHECK-LABEL: @two_results
// CHECK: %[[D:.*]]:2 = exe.dispatch "map"
// CHECK: exe.yield %{{.*}}, %{{.*}} : tensor<8x32xf32>, tensor<8x32xf32>
// CHECK: return %[[D]]#0, %[[D]]#1
func.func @two_results(%x: tensor<8x32xf32>) -> (tensor<8x32xf32>, tensor<8x32xf32>) {
  %0 = nn.exp %x : (tensor<8x32xf32>) -> tensor<8x32xf32>
  %1 = nn.relu %0 : (tensor<8x32xf32>) -> tensor<8x32xf32>
  return %0, %1 : tensor<8x32xf32>, tensor<8x32xf32>
}

// -----

// A norm computes its producer itself when nobody else needs it.
// CHECK-LABEL: @prologue
// CHECK: exe.dispatch "layer_norm"
// CHECK: nn.add
// CHECK: nn.layer_norm
// CHECK-NOT: exe.dispatch
func.func @prologue(%x: tensor<8x32xf32>, %y: tensor<8x32xf32>) -> tensor<8x32xf32> {
  %0 = nn.add %x, %y : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %1 = nn.layer_norm %0 {axis = 1 : i64, epsilon = 1.0e-5 : f32, operandSegmentSizes = array<i32: 1, 0, 0>} : (tensor<8x32xf32>) -> tensor<8x32xf32>
  return %1 : tensor<8x32xf32>
}

// -----

// Joining must not make a circle: the addition needs the softmax, which needs the product.
// CHECK-LABEL: @acyclic
// CHECK: exe.dispatch "matmul"
// CHECK-NOT: nn.add
// CHECK: exe.dispatch "softmax"
// CHECK: nn.softmax
// CHECK: nn.add
func.func @acyclic(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %0 = nn.matmul %x, %x : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %1 = nn.softmax %0 {axis = 1 : i64} : (tensor<8x8xf32>) -> tensor<8x8xf32>
  %2 = nn.add %0, %1 : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %2 : tensor<8x8xf32>
}

// -----

// Heads are split by reading through strides, not by copies; a reshape alone is another name for the same memory.
// CHECK-LABEL: @views
// CHECK: exe.dispatch "matmul"
// CHECK: nn.reshape
// CHECK: nn.transpose
// CHECK: nn.matmul
// CHECK-NOT: exe.dispatch
// CHECK: nn.reshape
// CHECK: return
func.func @views(%x: tensor<2x8x64xf32>, %y: tensor<2x4x16x8xf32>) -> tensor<2x256xf32> {
  %0 = nn.reshape %x {shape = affine_map<() -> (2, 8, 4, 16)>} : (tensor<2x8x64xf32>) -> tensor<2x8x4x16xf32>
  %1 = nn.transpose %0 {perm = array<i64: 0, 2, 1, 3>} : (tensor<2x8x4x16xf32>) -> tensor<2x4x8x16xf32>
  %2 = nn.matmul %1, %y : (tensor<2x4x8x16xf32>, tensor<2x4x16x8xf32>) -> tensor<2x4x8x8xf32>
  %3 = nn.reshape %2 {shape = affine_map<() -> (2, 256)>} : (tensor<2x4x8x8xf32>) -> tensor<2x256xf32>
  return %3 : tensor<2x256xf32>
}

// -----

// Elementwise work has numbers inline; a product reads even a matrix of one number from memory.
// CHECK-LABEL: @matrix_of_one_number
// CHECK: %[[W:.*]] = nn.constant dense<5.000000e-01> : tensor<2x32x20xf32>
// CHECK: exe.dispatch "matmul"(%{{.*}}, %[[W]])
// CHECK: ^bb0(%{{.*}}: tensor<2x8x32xf32>, %[[ARG:.*]]: tensor<2x32x20xf32>):
// CHECK: nn.matmul %{{.*}}, %[[ARG]]
// CHECK: nn.constant dense<2.000000e+00> : tensor<f32>
// CHECK: nn.mul
func.func @matrix_of_one_number(%x: tensor<2x8x32xf32>) -> tensor<2x8x20xf32> {
  %w = nn.constant dense<0.5> : tensor<2x32x20xf32>
  %c = nn.constant dense<2.0> : tensor<f32>
  %0 = nn.matmul %x, %w : (tensor<2x8x32xf32>, tensor<2x32x20xf32>) -> tensor<2x8x20xf32>
  %1 = nn.mul %0, %c : (tensor<2x8x20xf32>, tensor<f32>) -> tensor<2x8x20xf32>
  return %1 : tensor<2x8x20xf32>
}
