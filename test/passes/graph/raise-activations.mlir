// RUN: aicc-opt %s --nn-raise | FileCheck %s

// x * 0.5 * (1 + erf(x / sqrt(2))), the half last.
// CHECK-LABEL: func.func @gelu_erf
// CHECK-NEXT: nn.gelu %arg0 :
// CHECK-NEXT: return
func.func @gelu_erf(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %root = nn.constant dense<1.41421354> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.div %x, %root : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %1 = nn.erf %0 : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %2 = nn.add %1, %one : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  %3 = nn.mul %x, %2 : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %4 = nn.mul %3, %half : (tensor<?x8xf32>, tensor<f32>) -> tensor<?x8xf32>
  return %4 : tensor<?x8xf32>
}

// The half first, 1/sqrt(2) as a factor, x itself a product.
// CHECK-LABEL: func.func @gelu_erf_other_order
// CHECK: %[[X:.*]] = nn.mul %arg0, %arg1
// CHECK-NEXT: nn.gelu %[[X]] :
// CHECK-NEXT: return
func.func @gelu_erf_other_order(%a: tensor<8xf32>, %b: tensor<8xf32>) -> tensor<8xf32> {
  %root = nn.constant dense<0.70710677> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %x = nn.mul %a, %b : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %0 = nn.mul %half, %x : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %1 = nn.mul %x, %root : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %2 = nn.erf %1 : (tensor<8xf32>) -> tensor<8xf32>
  %3 = nn.add %one, %2 : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %4 = nn.mul %0, %3 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %4 : tensor<8xf32>
}

// x * (0.5 erf(x / sqrt(2)) + 0.5).
// CHECK-LABEL: func.func @gelu_erf_inner_half
// CHECK-NEXT: nn.gelu %arg0 :
// CHECK-NEXT: return
func.func @gelu_erf_inner_half(%x: tensor<8xf32>) -> tensor<8xf32> {
  %root = nn.constant dense<0.70710677> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.mul %x, %root : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = nn.erf %0 : (tensor<8xf32>) -> tensor<8xf32>
  %2 = nn.mul %1, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %3 = nn.add %2, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %4 = nn.mul %x, %3 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %4 : tensor<8xf32>
}

// Another constant is another function.
// CHECK-LABEL: func.func @no_gelu
// CHECK-NOT: nn.gelu
// CHECK: nn.erf
func.func @no_gelu(%x: tensor<8xf32>) -> tensor<8xf32> {
  %root = nn.constant dense<0.75> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.mul %x, %root : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = nn.erf %0 : (tensor<8xf32>) -> tensor<8xf32>
  %2 = nn.mul %1, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %3 = nn.add %2, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %4 = nn.mul %x, %3 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %4 : tensor<8xf32>
}

// The tanh form with a power.
// CHECK-LABEL: func.func @gelu_tanh
// CHECK-NEXT: nn.gelu %arg0 {tanh = true}
// CHECK-NEXT: return
func.func @gelu_tanh(%x: tensor<8xf32>) -> tensor<8xf32> {
  %three = nn.constant dense<3.0> : tensor<f32>
  %c = nn.constant dense<0.044715> : tensor<f32>
  %k = nn.constant dense<0.797884583> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.pow %x, %three : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = nn.mul %c, %0 : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %2 = nn.add %x, %1 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %3 = nn.mul %k, %2 : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %4 = nn.tanh %3 : (tensor<8xf32>) -> tensor<8xf32>
  %5 = nn.add %one, %4 : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %6 = nn.mul %half, %x : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %7 = nn.mul %6, %5 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %7 : tensor<8xf32>
}

// The tanh form with x taken out: k x (1 + c x x).
// CHECK-LABEL: func.func @gelu_tanh_factored
// CHECK-NEXT: nn.gelu %arg0 {tanh = true}
// CHECK-NEXT: return
func.func @gelu_tanh_factored(%x: tensor<8xf32>) -> tensor<8xf32> {
  %c = nn.constant dense<0.044715> : tensor<f32>
  %k = nn.constant dense<0.797884583> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.mul %x, %x : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %1 = nn.mul %0, %c : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %2 = nn.add %1, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %3 = nn.mul %x, %k : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %4 = nn.mul %3, %2 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %5 = nn.tanh %4 : (tensor<8xf32>) -> tensor<8xf32>
  %6 = nn.add %5, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %7 = nn.mul %x, %6 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %8 = nn.mul %7, %half : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  return %8 : tensor<8xf32>
}

// silu within a gate; sigmoid from its pieces.
// CHECK-LABEL: func.func @silu
// CHECK-NEXT: %[[S:.*]] = nn.silu %arg0
// CHECK-NEXT: nn.mul %[[S]], %arg1
func.func @silu(%x: tensor<8xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
  %one = nn.constant dense<1.0> : tensor<f32>
  %0 = nn.neg %x : (tensor<8xf32>) -> tensor<8xf32>
  %1 = nn.exp %0 : (tensor<8xf32>) -> tensor<8xf32>
  %2 = nn.add %1, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %3 = nn.reciprocal %2 : (tensor<8xf32>) -> tensor<8xf32>
  %4 = nn.mul %x, %3 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %5 = nn.mul %4, %y : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %5 : tensor<8xf32>
}

// CHECK-LABEL: func.func @hard_swish
// CHECK-NEXT: nn.hard_swish %arg0
// CHECK-NEXT: return
func.func @hard_swish(%x: tensor<8xf32>) -> tensor<8xf32> {
  %three = nn.constant dense<3.0> : tensor<f32>
  %zero = nn.constant dense<0.0> : tensor<f32>
  %six = nn.constant dense<6.0> : tensor<f32>
  %0 = nn.add %x, %three : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %1 = nn.max %0, %zero : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %2 = nn.min %1, %six : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %3 = nn.mul %x, %2 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  %4 = nn.div %3, %six : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  return %4 : tensor<8xf32>
}

// CHECK-LABEL: func.func @mish
// CHECK-NEXT: nn.mish %arg0
// CHECK-NEXT: return
func.func @mish(%x: tensor<8xf32>) -> tensor<8xf32> {
  %one = nn.constant dense<1.0> : tensor<f32>
  %0 = nn.exp %x : (tensor<8xf32>) -> tensor<8xf32>
  %1 = nn.add %0, %one : (tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  %2 = nn.log %1 : (tensor<8xf32>) -> tensor<8xf32>
  %3 = nn.tanh %2 : (tensor<8xf32>) -> tensor<8xf32>
  %4 = nn.mul %3, %x : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %4 : tensor<8xf32>
}

// CHECK-LABEL: func.func @softmax
// CHECK-NEXT: nn.softmax %arg0 {axis = 1 : i64}
// CHECK-NEXT: return
func.func @softmax(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %0 = nn.reduce %x {kind = #nn.reduce<max>, axes = array<i64: 1>, keepdims = true} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %1 = nn.sub %x, %0 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %2 = nn.exp %1 : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %3 = nn.reduce %2 {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = true} : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %4 = nn.div %2, %3 : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  return %4 : tensor<2x8xf32>
}
