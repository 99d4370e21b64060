// RUN: aicc-opt %s --nn-raise --mlir-print-local-scope | FileCheck %s

// BERT's: scaled by a division, an additive mask.
// CHECK-LABEL: func.func @bert
// CHECK-NEXT: nn.attention %arg0, %arg1, %arg2, %arg3 {scale = 2.500000e-01 : f32}
// CHECK-NEXT: return
func.func @bert(%q: tensor<2x4x8x16xf32>, %k: tensor<2x4x8x16xf32>, %v: tensor<2x4x8x16xf32>, %mask: tensor<2x1x1x8xf32>) -> tensor<2x4x8x16xf32> {
  %four = nn.constant dense<4.0> : tensor<f32>
  %0 = nn.matmul %q, %k {transpose_rhs = true} : (tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>) -> tensor<2x4x8x8xf32>
  %1 = nn.div %0, %four : (tensor<2x4x8x8xf32>, tensor<f32>) -> tensor<2x4x8x8xf32>
  %2 = nn.add %1, %mask : (tensor<2x4x8x8xf32>, tensor<2x1x1x8xf32>) -> tensor<2x4x8x8xf32>
  %3 = nn.softmax %2 {axis = 3 : i64} : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %4 = nn.matmul %3, %v : (tensor<2x4x8x8xf32>, tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32>
  return %4 : tensor<2x4x8x16xf32>
}

// Root of the scale on q and on k, k transposed, boolean mask with a NaN guard, symbolic sizes.
// CHECK-LABEL: func.func @sdpa
// CHECK-NEXT: nn.attention %arg0, %arg1, %arg2, %arg3 {scale = 2.500000e-01 : f32} : {{.*}}, tensor<?x1x?x?xi1>) -> tensor<?x4x?x16xf32>
// CHECK-NEXT: return
func.func @sdpa(%q: tensor<?x4x?x16xf32> {nn.dims = affine_map<()[s0, s1] -> (s0, 4, s1, 16)>},
                %k: tensor<?x4x?x16xf32> {nn.dims = affine_map<()[s0, s1] -> (s0, 4, s1, 16)>},
                %v: tensor<?x4x?x16xf32> {nn.dims = affine_map<()[s0, s1] -> (s0, 4, s1, 16)>},
                %mask: tensor<?x1x?x?xi1> {nn.dims = affine_map<()[s0, s1] -> (s0, 1, s1, s1)>}) -> tensor<?x4x?x16xf32>
    attributes {nn.symbols = [#nn.symbol<"batch", input, 1, 9>, #nn.symbol<"seq", input, 1, 99>]} {
  %half = nn.constant dense<0.5> : tensor<f32>
  %zero = nn.constant dense<0.0> : tensor<f32>
  %minus = nn.constant dense<0xFF800000> : tensor<f32>
  %0 = nn.mul %q, %half : (tensor<?x4x?x16xf32>, tensor<f32>) -> tensor<?x4x?x16xf32>
  %1 = nn.transpose %k {perm = array<i64: 0, 1, 3, 2>} : (tensor<?x4x?x16xf32>) -> tensor<?x4x16x?xf32>
  %2 = nn.mul %1, %half : (tensor<?x4x16x?xf32>, tensor<f32>) -> tensor<?x4x16x?xf32>
  %3 = nn.matmul %0, %2 : (tensor<?x4x?x16xf32>, tensor<?x4x16x?xf32>) -> tensor<?x4x?x?xf32>
  %4 = nn.select %mask, %3, %minus : (tensor<?x1x?x?xi1>, tensor<?x4x?x?xf32>, tensor<f32>) -> tensor<?x4x?x?xf32>
  %5 = nn.softmax %4 {axis = 3 : i64} : (tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  %6 = nn.is_nan %5 : (tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xi1>
  %7 = nn.select %6, %zero, %5 : (tensor<?x4x?x?xi1>, tensor<f32>, tensor<?x4x?x?xf32>) -> tensor<?x4x?x?xf32>
  %8 = nn.matmul %7, %v : (tensor<?x4x?x?xf32>, tensor<?x4x?x16xf32>) -> tensor<?x4x?x16xf32>
  return %8 : tensor<?x4x?x16xf32>
}

// GPT-2's: a causal condition and an additive mask: both are added.
// CHECK-LABEL: func.func @two_masks
// CHECK-DAG: %[[ZERO:.*]] = nn.constant dense<0.000000e+00>
// CHECK-DAG: %[[FILL:.*]] = nn.constant dense<-3.40282347E+38>
// CHECK: %[[CAUSAL:.*]] = nn.select %arg3, %[[ZERO]], %[[FILL]]
// CHECK: %[[MASK:.*]] = nn.add %[[CAUSAL]], %arg4
// CHECK: nn.attention %arg0, %arg1, %arg2, %[[MASK]] {scale = 1.000000e+00 : f32}
// CHECK-NEXT: return
func.func @two_masks(%q: tensor<2x4x8x16xf32>, %k: tensor<2x4x8x16xf32>, %v: tensor<2x4x8x16xf32>,
                     %causal: tensor<1x1x8x8xi1>, %mask: tensor<2x1x1x8xf32>) -> tensor<2x4x8x16xf32> {
  %lowest = nn.constant dense<-3.40282347E+38> : tensor<f32>
  %0 = nn.matmul %q, %k {transpose_rhs = true} : (tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>) -> tensor<2x4x8x8xf32>
  %1 = nn.select %causal, %0, %lowest : (tensor<1x1x8x8xi1>, tensor<2x4x8x8xf32>, tensor<f32>) -> tensor<2x4x8x8xf32>
  %2 = nn.add %mask, %1 : (tensor<2x1x1x8xf32>, tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %3 = nn.softmax %2 {axis = 3 : i64} : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %4 = nn.matmul %3, %v : (tensor<2x4x8x8xf32>, tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32>
  return %4 : tensor<2x4x8x16xf32>
}

// Grouped queries: repeated heads are read where they are. Half precision with a softmax in f32.
// CHECK-LABEL: func.func @grouped
// CHECK-NEXT: nn.attention %arg0, %arg1, %arg2 {scale = 2.500000e-01 : f32} : (tensor<1x4x3x16xf16>, tensor<1x2x?x16xf16>, tensor<1x2x?x16xf16>)
// CHECK-NEXT: return
func.func @grouped(%q: tensor<1x4x3x16xf16>, %k: tensor<1x2x?x16xf16> {nn.dims = affine_map<()[s0] -> (1, 2, s0, 16)>},
                   %v: tensor<1x2x?x16xf16> {nn.dims = affine_map<()[s0] -> (1, 2, s0, 16)>}) -> tensor<1x4x3x16xf16>
    attributes {nn.symbols = [#nn.symbol<"total", input, 1, 99>]} {
  %scale = nn.constant dense<0.25> : tensor<f16>
  %k0 = nn.reshape %k {shape = affine_map<()[s0] -> (1, 2, 1, s0, 16)>} : (tensor<1x2x?x16xf16>) -> tensor<1x2x1x?x16xf16>
  %k1 = nn.broadcast %k0 {shape = affine_map<()[s0] -> (1, 2, 2, s0, 16)>} : (tensor<1x2x1x?x16xf16>) -> tensor<1x2x2x?x16xf16>
  %k2 = nn.reshape %k1 {shape = affine_map<()[s0] -> (1, 4, s0, 16)>} : (tensor<1x2x2x?x16xf16>) -> tensor<1x4x?x16xf16>
  %v0 = nn.reshape %v {shape = affine_map<()[s0] -> (1, 2, 1, s0, 16)>} : (tensor<1x2x?x16xf16>) -> tensor<1x2x1x?x16xf16>
  %v1 = nn.broadcast %v0 {shape = affine_map<()[s0] -> (1, 2, 2, s0, 16)>} : (tensor<1x2x1x?x16xf16>) -> tensor<1x2x2x?x16xf16>
  %v2 = nn.reshape %v1 {shape = affine_map<()[s0] -> (1, 4, s0, 16)>} : (tensor<1x2x2x?x16xf16>) -> tensor<1x4x?x16xf16>
  %0 = nn.matmul %q, %k2 {transpose_rhs = true} : (tensor<1x4x3x16xf16>, tensor<1x4x?x16xf16>) -> tensor<1x4x3x?xf16>
  %1 = nn.mul %0, %scale : (tensor<1x4x3x?xf16>, tensor<f16>) -> tensor<1x4x3x?xf16>
  %2 = nn.cast %1 {to = f32} : (tensor<1x4x3x?xf16>) -> tensor<1x4x3x?xf32>
  %3 = nn.softmax %2 {axis = 3 : i64} : (tensor<1x4x3x?xf32>) -> tensor<1x4x3x?xf32>
  %4 = nn.cast %3 {to = f16} : (tensor<1x4x3x?xf32>) -> tensor<1x4x3x?xf16>
  %5 = nn.matmul %4, %v2 : (tensor<1x4x3x?xf16>, tensor<1x4x?x16xf16>) -> tensor<1x4x3x16xf16>
  return %5 : tensor<1x4x3x16xf16>
}

// Heads may be the leading dimension; keys may lie as [.., D, T].
// CHECK-LABEL: func.func @three_dimensions
// CHECK-NEXT: %[[K:.*]] = nn.transpose %arg1 {perm = array<i64: 0, 2, 1>}
// CHECK-NEXT: nn.attention %arg0, %[[K]], %arg2 {scale = 1.000000e+00 : f32}
// CHECK-NEXT: return
func.func @three_dimensions(%q: tensor<4x8x16xf32>, %k: tensor<4x16x8xf32>, %v: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  %0 = nn.matmul %q, %k : (tensor<4x8x16xf32>, tensor<4x16x8xf32>) -> tensor<4x8x8xf32>
  %1 = nn.softmax %0 {axis = 2 : i64} : (tensor<4x8x8xf32>) -> tensor<4x8x8xf32>
  %2 = nn.matmul %1, %v : (tensor<4x8x8xf32>, tensor<4x8x16xf32>) -> tensor<4x8x16xf32>
  return %2 : tensor<4x8x16xf32>
}

// Probabilities that are an output must be made.
// CHECK-LABEL: func.func @probabilities_used
// CHECK-NOT: nn.attention
// CHECK: nn.softmax
func.func @probabilities_used(%q: tensor<4x8x16xf32>, %k: tensor<4x8x16xf32>, %v: tensor<4x8x16xf32>) -> (tensor<4x8x16xf32>, tensor<4x8x8xf32>) {
  %0 = nn.matmul %q, %k {transpose_rhs = true} : (tensor<4x8x16xf32>, tensor<4x8x16xf32>) -> tensor<4x8x8xf32>
  %1 = nn.softmax %0 {axis = 2 : i64} : (tensor<4x8x8xf32>) -> tensor<4x8x8xf32>
  %2 = nn.matmul %1, %v : (tensor<4x8x8xf32>, tensor<4x8x16xf32>) -> tensor<4x8x16xf32>
  return %2, %1 : tensor<4x8x16xf32>, tensor<4x8x8xf32>
}

// A softmax over queries is something else.
// CHECK-LABEL: func.func @other_axis
// CHECK-NOT: nn.attention
// CHECK: nn.softmax
func.func @other_axis(%q: tensor<4x8x16xf32>, %k: tensor<4x8x16xf32>, %v: tensor<4x8x16xf32>) -> tensor<4x8x16xf32> {
  %0 = nn.matmul %q, %k {transpose_rhs = true} : (tensor<4x8x16xf32>, tensor<4x8x16xf32>) -> tensor<4x8x8xf32>
  %1 = nn.softmax %0 {axis = 1 : i64} : (tensor<4x8x8xf32>) -> tensor<4x8x8xf32>
  %2 = nn.matmul %1, %v : (tensor<4x8x8xf32>, tensor<4x8x16xf32>) -> tensor<4x8x16xf32>
  return %2 : tensor<4x8x16xf32>
}

// Sizes that can't be proved equal are left to matmul's broadcasting.
// CHECK-LABEL: func.func @unproved
// CHECK-NOT: nn.attention
// CHECK: nn.softmax
func.func @unproved(%q: tensor<?x4x8x16xf32> {nn.dims = affine_map<()[s0, s1] -> (s0, 4, 8, 16)>},
                    %k: tensor<?x4x8x16xf32> {nn.dims = affine_map<()[s0, s1] -> (s1, 4, 8, 16)>},
                    %v: tensor<?x4x8x16xf32> {nn.dims = affine_map<()[s0, s1] -> (s1, 4, 8, 16)>}) -> tensor<?x4x8x16xf32>
    attributes {nn.symbols = [#nn.symbol<"a", input, 2, 2>, #nn.symbol<"b", input, 2, 2>]} {
  %0 = nn.matmul %q, %k {transpose_rhs = true} : (tensor<?x4x8x16xf32>, tensor<?x4x8x16xf32>) -> tensor<?x4x8x8xf32>
  %1 = nn.softmax %0 {axis = 3 : i64} : (tensor<?x4x8x8xf32>) -> tensor<?x4x8x8xf32>
  %2 = nn.matmul %1, %v : (tensor<?x4x8x8xf32>, tensor<?x4x8x16xf32>) -> tensor<?x4x8x16xf32>
  return %2 : tensor<?x4x8x16xf32>
}
