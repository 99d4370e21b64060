// RUN: aicc-opt %s --nn-fold-batch-norm --nn-fold-constants --mlir-print-local-scope | FileCheck %s

// Into the weight, whose recipe it becomes, and a bias.
// CHECK-LABEL: func.func @conv
// CHECK-DAG: %[[W:.*]] = nn.weight
// CHECK-DAG: %[[F:.*]] = nn.constant dense<{{\[\[\[}}[2.000000e+00]]], {{\[\[}}[4.000000e+00]]]]> : tensor<2x1x1x1xf32>
// CHECK-DAG: %[[B:.*]] = nn.constant dense<[-1.000000e+00, -1.100000e+01]> : tensor<2xf32>
// CHECK-DAG: %[[S:.*]] = nn.mul %[[W]], %[[F]]
// CHECK: %[[R:.*]] = nn.conv %arg0, %[[S]], %[[B]]
// CHECK-NEXT: return %[[R]]
func.func @conv(%x: tensor<?x3x8x8xf32>) -> tensor<?x2x8x8xf32> {
  %w = nn.weight "w" <"model.bin", 0, 24> : tensor<2x3x1x1xf32>
  %scale = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %bias = nn.constant dense<[1.0, 1.0]> : tensor<2xf32>
  %mean = nn.constant dense<[1.0, 3.0]> : tensor<2xf32>
  %variance = nn.constant dense<[0.25, 0.25]> : tensor<2xf32>
  %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, groups = 1 : i64}
      : (tensor<?x3x8x8xf32>, tensor<2x3x1x1xf32>) -> tensor<?x2x8x8xf32>
  %1 = nn.batch_norm %0, %scale, %bias, %mean, %variance {epsilon = 0.0 : f32}
      : (tensor<?x2x8x8xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x8x8xf32>
  return %1 : tensor<?x2x8x8xf32>
}

// Without a weight before it, a product and a sum.
// CHECK-LABEL: func.func @alone
// CHECK-DAG: %[[F:.*]] = nn.constant dense<2.000000e+00> : tensor<2x1x1xf32>
// CHECK-DAG: %[[S:.*]] = nn.constant dense<-1.000000e+00> : tensor<2x1x1xf32>
// CHECK-DAG: %[[M:.*]] = nn.mul %arg0, %[[F]]
// CHECK: nn.add %[[M]], %[[S]]
func.func @alone(%x: tensor<?x2x8x8xf32>) -> tensor<?x2x8x8xf32> {
  %one = nn.constant dense<1.0> : tensor<2xf32>
  %variance = nn.constant dense<0.25> : tensor<2xf32>
  %0 = nn.batch_norm %x, %one, %one, %one, %variance {epsilon = 0.0 : f32}
      : (tensor<?x2x8x8xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x8x8xf32>
  return %0 : tensor<?x2x8x8xf32>
}

// A linear layer: its bias is scaled, too.
// CHECK-LABEL: func.func @matmul
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{\[\[}}2.000000e+00, 6.000000e+00], [2.000000e+00, 6.000000e+00]]>
// CHECK-DAG: %[[B:.*]] = nn.constant dense<[1.000000e+01, 3.000000e+01]>
// CHECK: %[[M:.*]] = nn.matmul %arg0, %[[W]]
// CHECK: nn.add %[[M]], %[[B]]
func.func @matmul(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %w = nn.constant dense<2.0> : tensor<2x2xf32>
  %b = nn.constant dense<10.0> : tensor<2xf32>
  %f = nn.constant dense<[1.0, 3.0]> : tensor<2xf32>
  %0 = nn.matmul %x, %w : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
  %1 = nn.add %b, %0 : (tensor<2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %2 = nn.mul %1, %f : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  return %2 : tensor<?x2xf32>
}

// Groups of a transposed convolution share the weight's second dimension.
// CHECK-LABEL: func.func @conv_transpose
// CHECK-DAG: %[[W:.*]] = nn.constant dense<{{\[\[\[}}[1.000000e+00]]], {{\[\[}}[2.000000e+00]]]]> : tensor<2x1x1x1xf32>
// CHECK: nn.conv_transpose %arg0, %[[W]] {
// CHECK-NEXT: return
func.func @conv_transpose(%x: tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32> {
  %w = nn.constant dense<1.0> : tensor<2x1x1x1xf32>
  %f = nn.constant dense<[[[1.0]], [[2.0]]]> : tensor<2x1x1xf32>
  %0 = nn.conv_transpose %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, output_padding = array<i64: 0, 0>, groups = 2 : i64}
      : (tensor<1x2x4x4xf32>, tensor<2x1x1x1xf32>) -> tensor<1x2x4x4xf32>
  %1 = nn.mul %0, %f : (tensor<1x2x4x4xf32>, tensor<2x1x1xf32>) -> tensor<1x2x4x4xf32>
  return %1 : tensor<1x2x4x4xf32>
}

// A weight that others use, and a result that others use, stay.
// CHECK-LABEL: func.func @shared
// CHECK: %[[A:.*]] = nn.matmul %arg0
// CHECK: nn.mul %[[A]]
func.func @shared(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %w = nn.constant dense<2.0> : tensor<2x2xf32>
  %f = nn.constant dense<[1.0, 3.0]> : tensor<2xf32>
  %0 = nn.matmul %x, %w : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
  %1 = nn.mul %0, %f : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  return %0, %1 : tensor<?x2xf32>, tensor<?x2xf32>
}
