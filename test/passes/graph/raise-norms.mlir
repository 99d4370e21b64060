// RUN: aicc-opt %s --nn-raise | FileCheck %s

// As exporters without LayerNormalization write it.
// CHECK-LABEL: func.func @layer_norm
// CHECK-NEXT: nn.layer_norm %arg0, %arg1, %arg2 {axis = 2 : i64, epsilon = 9.99999996E-13 : f32,
// CHECK-NEXT: return
func.func @layer_norm(%x: tensor<?x?x8xf32>, %scale: tensor<8xf32>, %bias: tensor<8xf32>) -> tensor<?x?x8xf32> {
  %two = nn.constant dense<2.0> : tensor<f32>
  %epsilon = nn.constant dense<1.0e-12> : tensor<f32>
  %0 = nn.reduce %x {kind = #nn.reduce<mean>, axes = array<i64: 2>, keepdims = true} : (tensor<?x?x8xf32>) -> tensor<?x?x1xf32>
  %1 = nn.sub %x, %0 : (tensor<?x?x8xf32>, tensor<?x?x1xf32>) -> tensor<?x?x8xf32>
  %2 = nn.pow %1, %two : (tensor<?x?x8xf32>, tensor<f32>) -> tensor<?x?x8xf32>
  %3 = nn.reduce %2 {kind = #nn.reduce<mean>, axes = array<i64: 2>, keepdims = true} : (tensor<?x?x8xf32>) -> tensor<?x?x1xf32>
  %4 = nn.add %3, %epsilon : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
  %5 = nn.sqrt %4 : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %6 = nn.div %1, %5 : (tensor<?x?x8xf32>, tensor<?x?x1xf32>) -> tensor<?x?x8xf32>
  %7 = nn.mul %6, %scale : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
  %8 = nn.add %7, %bias : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
  return %8 : tensor<?x?x8xf32>
}

// By rsqrt, bias on the left, no scale.
// CHECK-LABEL: func.func @layer_norm_rsqrt
// CHECK: nn.layer_norm %arg0, %arg1 {axis = 1 : i64, epsilon = {{.*}} operandSegmentSizes = array<i32: 1, 0, 1>}
// CHECK-NEXT: return
func.func @layer_norm_rsqrt(%x: tensor<4x8xf32>, %bias: tensor<8xf32>) -> tensor<4x8xf32> {
  %epsilon = nn.constant dense<1.0e-5> : tensor<f32>
  %0 = nn.reduce %x {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %1 = nn.sub %x, %0 : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %2 = nn.mul %1, %1 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %3 = nn.reduce %2 {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %4 = nn.add %epsilon, %3 : (tensor<f32>, tensor<4x1xf32>) -> tensor<4x1xf32>
  %5 = nn.rsqrt %4 : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %6 = nn.mul %5, %1 : (tensor<4x1xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %7 = nn.add %bias, %6 : (tensor<8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %7 : tensor<4x8xf32>
}

// A skip connection after a norm is no bias, a vector per row no scale.
// CHECK-LABEL: func.func @no_bias
// CHECK: %[[N:.*]] = nn.layer_norm %arg0 {
// CHECK: %[[M:.*]] = nn.mul %[[N]], %arg2
// CHECK: nn.add %[[M]], %arg1
func.func @no_bias(%x: tensor<4x8xf32>, %skip: tensor<4x8xf32>, %rows: tensor<4x1xf32>) -> tensor<4x8xf32> {
  %epsilon = nn.constant dense<1.0e-5> : tensor<f32>
  %0 = nn.reduce %x {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %1 = nn.sub %x, %0 : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %2 = nn.mul %1, %1 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %3 = nn.reduce %2 {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %4 = nn.add %3, %epsilon : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %5 = nn.sqrt %4 : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %6 = nn.div %1, %5 : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %7 = nn.mul %6, %rows : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %8 = nn.add %7, %skip : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %8 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @rms_norm
// CHECK-NEXT: nn.rms_norm %arg0, %arg1 {axis = 2 : i64
// CHECK-NEXT: return
func.func @rms_norm(%x: tensor<?x?x8xf32>, %scale: tensor<8xf32>) -> tensor<?x?x8xf32> {
  %two = nn.constant dense<2.0> : tensor<f32>
  %epsilon = nn.constant dense<1.0e-6> : tensor<f32>
  %0 = nn.pow %x, %two : (tensor<?x?x8xf32>, tensor<f32>) -> tensor<?x?x8xf32>
  %1 = nn.reduce %0 {kind = #nn.reduce<mean>, axes = array<i64: 2>, keepdims = true} : (tensor<?x?x8xf32>) -> tensor<?x?x1xf32>
  %2 = nn.add %1, %epsilon : (tensor<?x?x1xf32>, tensor<f32>) -> tensor<?x?x1xf32>
  %3 = nn.sqrt %2 : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %4 = nn.reciprocal %3 : (tensor<?x?x1xf32>) -> tensor<?x?x1xf32>
  %5 = nn.mul %x, %4 : (tensor<?x?x8xf32>, tensor<?x?x1xf32>) -> tensor<?x?x8xf32>
  %6 = nn.mul %scale, %5 : (tensor<8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %6 : tensor<?x?x8xf32>
}

// The scale stands between x and the root.
// CHECK-LABEL: func.func @rms_norm_scale_inside
// CHECK-NEXT: nn.rms_norm %arg0, %arg1 {axis = 1 : i64
// CHECK-NEXT: return
func.func @rms_norm_scale_inside(%x: tensor<4x8xf32>, %scale: tensor<8xf32>) -> tensor<4x8xf32> {
  %epsilon = nn.constant dense<1.0e-6> : tensor<f32>
  %0 = nn.mul %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = nn.reduce %0 {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %2 = nn.add %1, %epsilon : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %3 = nn.rsqrt %2 : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %4 = nn.mul %x, %scale : (tensor<4x8xf32>, tensor<8xf32>) -> tensor<4x8xf32>
  %5 = nn.mul %4, %3 : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  return %5 : tensor<4x8xf32>
}

// Half precision computes the root in f32 and comes back: norms do that by themselves.
// CHECK-LABEL: func.func @rms_norm_casts
// CHECK-NEXT: nn.rms_norm %arg0, %arg1 {axis = 1 : i64{{.*}} : (tensor<4x8xf16>, tensor<8xf16>) -> tensor<4x8xf16>
// CHECK-NEXT: return
func.func @rms_norm_casts(%x: tensor<4x8xf16>, %scale: tensor<8xf16>) -> tensor<4x8xf16> {
  %epsilon = nn.constant dense<1.0e-6> : tensor<f32>
  %w = nn.cast %x {to = f32} : (tensor<4x8xf16>) -> tensor<4x8xf32>
  %0 = nn.mul %w, %w : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = nn.reduce %0 {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (tensor<4x8xf32>) -> tensor<4x1xf32>
  %2 = nn.add %1, %epsilon : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x1xf32>
  %3 = nn.rsqrt %2 : (tensor<4x1xf32>) -> tensor<4x1xf32>
  %4 = nn.mul %w, %3 : (tensor<4x8xf32>, tensor<4x1xf32>) -> tensor<4x8xf32>
  %5 = nn.cast %4 {to = f16} : (tensor<4x8xf32>) -> tensor<4x8xf16>
  %6 = nn.mul %5, %scale : (tensor<4x8xf16>, tensor<8xf16>) -> tensor<4x8xf16>
  return %6 : tensor<4x8xf16>
}

// A mean over other dimensions is no such norm.
// CHECK-LABEL: func.func @no_norm
// CHECK-NOT: nn.rms_norm
// CHECK: nn.reduce
func.func @no_norm(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %epsilon = nn.constant dense<1.0e-6> : tensor<f32>
  %0 = nn.mul %x, %x : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %1 = nn.reduce %0 {kind = #nn.reduce<mean>, axes = array<i64: 0>, keepdims = true} : (tensor<4x8xf32>) -> tensor<1x8xf32>
  %2 = nn.add %1, %epsilon : (tensor<1x8xf32>, tensor<f32>) -> tensor<1x8xf32>
  %3 = nn.rsqrt %2 : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %4 = nn.mul %x, %3 : (tensor<4x8xf32>, tensor<1x8xf32>) -> tensor<4x8xf32>
  return %4 : tensor<4x8xf32>
}

// A group norm written by an instance norm of groups.
// CHECK-LABEL: func.func @group_norm
// CHECK: nn.group_norm %arg0, %arg1, %{{.*}} {epsilon = 9.99999974E-6 : f32, groups = 2 : i64} : (tensor<?x4x3x3xf32>
// CHECK-NEXT: return
func.func @group_norm(%x: tensor<?x4x3x3xf32> {nn.dims = affine_map<()[s0] -> (s0, 4, 3, 3)>}, %scale: tensor<4xf32>) -> tensor<?x4x3x3xf32>
    attributes {nn.symbols = [#nn.symbol<"batch", input, 1, 9>]} {
  %one = nn.constant dense<1.0> : tensor<2xf32>
  %zero = nn.constant dense<0.0> : tensor<2xf32>
  %bias = nn.constant dense<0.5> : tensor<4x1x1xf32>
  %s = nn.reshape %scale {shape = affine_map<()[s0] -> (4, 1, 1)>} : (tensor<4xf32>) -> tensor<4x1x1xf32>
  %0 = nn.reshape %x {shape = affine_map<()[s0] -> (s0, 2, 18)>} : (tensor<?x4x3x3xf32>) -> tensor<?x2x18xf32>
  %1 = nn.group_norm %0, %one, %zero {groups = 2 : i64, epsilon = 1.0e-5 : f32} : (tensor<?x2x18xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<?x2x18xf32>
  %2 = nn.reshape %1 {shape = affine_map<()[s0] -> (s0, 4, 3, 3)>} : (tensor<?x2x18xf32>) -> tensor<?x4x3x3xf32>
  %3 = nn.mul %2, %s : (tensor<?x4x3x3xf32>, tensor<4x1x1xf32>) -> tensor<?x4x3x3xf32>
  %4 = nn.add %3, %bias : (tensor<?x4x3x3xf32>, tensor<4x1x1xf32>) -> tensor<?x4x3x3xf32>
  return %4 : tensor<?x4x3x3xf32>
}
