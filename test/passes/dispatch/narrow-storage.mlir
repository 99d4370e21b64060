// RUN: aicc-opt %s --exe-form-dispatches=target=cpu:x86-64-v4 | FileCheck %s

// Kernels move codes; the signature keeps what callers see.
// CHECK-LABEL: func.func @main
// CHECK-SAME: %[[X:.*]]: tensor<4x5xui8> {nn.element = !nn.narrow<f8E4M3FN>}, %[[Y:.*]]: tensor<4x5xf32>
// CHECK-SAME: -> (tensor<5x4xui8> {nn.element = !nn.narrow<f8E4M3FN>}, tensor<4x5xf32>, tensor<2xui8> {nn.element = !nn.narrow<i4>})
// CHECK-NOT: nn.bitcast
// CHECK: nn.constant dense<[1, 15]> : tensor<2xui8>
// CHECK-NOT: nn.bitcast
// CHECK: nn.decode
// CHECK-NOT: nn.narrow
func.func @main(%x: tensor<4x5x!nn.narrow<f8E4M3FN>>, %y: tensor<4x5xf32>)
    -> (tensor<5x4x!nn.narrow<f8E4M3FN>>, tensor<4x5xf32>, tensor<2x!nn.narrow<i4>>) {
  %0 = nn.transpose %x {perm = array<i64: 1, 0>} : (tensor<4x5x!nn.narrow<f8E4M3FN>>) -> tensor<5x4x!nn.narrow<f8E4M3FN>>
  %1 = nn.bitcast %x {to = ui8} : (tensor<4x5x!nn.narrow<f8E4M3FN>>) -> tensor<4x5xui8>
  %2 = nn.decode %1 {format = #nn.format<f8E4M3FN>} : (tensor<4x5xui8>) -> tensor<4x5xf32>
  %3 = nn.add %2, %y : (tensor<4x5xf32>, tensor<4x5xf32>) -> tensor<4x5xf32>
  %4 = nn.constant dense<[1, 15]> : tensor<2xui8>
  %5 = nn.bitcast %4 {to = !nn.narrow<i4>} : (tensor<2xui8>) -> tensor<2x!nn.narrow<i4>>
  return %0, %3, %5 : tensor<5x4x!nn.narrow<f8E4M3FN>>, tensor<4x5xf32>, tensor<2x!nn.narrow<i4>>
}
