// Results that are arguments, constants, reshaped or returned twice.
// RUN: aicc-opt %s -build-program | FileCheck %s

// CHECK-LABEL: rt.program @main
// CHECK: ^bb0(%[[X:.*]]: !rt.buffer):
// CHECK: %[[R:.*]]:5 = rt.results
// The first of the two writes in place, through the reshape; the second is a copy.
// CHECK: rt.dispatch @kernels::@a {{.*}} buffers(%[[X]], %[[R]]#0)
// CHECK: rt.copy %[[R]]#1[%{{.*}}], %[[R]]#0[
// CHECK: rt.copy %[[R]]#2[%{{.*}}], %[[X]][
// CHECK: rt.copy %[[R]]#3[%{{.*}}], %[[X]][
// CHECK: %[[C:.*]] = rt.constant
// CHECK: rt.copy %[[R]]#4[%{{.*}}], %[[C]][
// CHECK: rt.return
func.func @main(%x: tensor<2x8xf32>) -> (tensor<16xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<16xf32>, tensor<3xf32>) {
  %c = nn.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %1 = exe.launch @kernels::@a (%x) grid affine_map<() -> (2)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64: 0, 0>, names = []} : (tensor<2x8xf32>) -> tensor<2x8xf32>
  %2 = nn.reshape %1 {shape = affine_map<() -> (16)>} : (tensor<2x8xf32>) -> tensor<16xf32>
  %3 = nn.reshape %x {shape = affine_map<() -> (16)>} : (tensor<2x8xf32>) -> tensor<16xf32>
  return %2, %1, %x, %3, %c : tensor<16xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<16xf32>, tensor<3xf32>
}
