// Dispatches within branches and loops, and around them.
// RUN: aicc-opt %s --exe-form-dispatches=target=cpu:x86-64-v4 | FileCheck %s

// Work before a loop does not join work behind it; what the body reads from outside lies in memory; constants are hoisted; the
// trip count, which only the loop reads, is no kernel's work.
// CHECK-LABEL: func.func @loop
// CHECK-DAG: %[[TRIP:.*]] = nn.sizes {scalar = true
// CHECK-DAG: nn.constant dense<[1.0
// CHECK: %[[BEFORE:.*]] = exe.dispatch "map"(%{{.*}}) {
// CHECK: nn.relu
// CHECK: %[[SWAPPED:.*]] = exe.dispatch "map"(%[[BEFORE]])
// CHECK: nn.transpose
// CHECK: nn.loop %[[TRIP]], %{{.*}}, %[[BEFORE]]
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<i64>, %[[A:.*]]: tensor<?x2xf32>)
// CHECK-NEXT: exe.dispatch "reduce"
// CHECK: exe.dispatch "map"(%[[A]],
// CHECK: nn.add
// CHECK: nn.mul
// CHECK: nn.yield
// CHECK: exe.dispatch "map"
// CHECK: nn.neg
func.func @loop(%x: tensor<?x2xf32> {nn.dims = affine_map<()[s0] -> (s0, 2)>}) -> tensor<?x2xf32>
    attributes {nn.symbols = [#nn.symbol<"n", input, 0, 100>]} {
  %trip = nn.sizes {value = affine_map<()[s0] -> (s0)>, scalar = true} : () -> tensor<i64>
  %yes = nn.constant dense<true> : tensor<i1>
  %0 = nn.relu %x : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %t = nn.transpose %0 {perm = array<i64: 1, 0>} : (tensor<?x2xf32>) -> tensor<2x?xf32>
  %1 = nn.loop %trip, %yes, %0 {binds = array<i64>, carried = affine_map<()[s0] -> (s0, 2)>, sizes = affine_map<()[s0] -> (s0, 2)>} do {
  ^bb0(%i: tensor<i64>, %a: tensor<?x2xf32>):
    %c = nn.constant dense<[1.0, 2.0]> : tensor<2xf32>
    %b = nn.reduce %t {kind = #nn.reduce<sum>, axes = array<i64: 1>, keepdims = false} : (tensor<2x?xf32>) -> tensor<2xf32>
    %2 = nn.add %a, %c : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
    %3 = nn.mul %2, %b : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
    nn.yield %yes, %3 : tensor<i1>, tensor<?x2xf32>
  } : (tensor<i64>, tensor<i1>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %4 = nn.neg %1 : (tensor<?x2xf32>) -> tensor<?x2xf32>
  return %4 : tensor<?x2xf32>
}
