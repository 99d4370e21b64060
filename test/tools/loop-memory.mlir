// A loop of a hundred thousand iterations, each with temporaries, a branch and a carried value of 64 kB from the pool, needs no more
// memory than one of them: together they would be 25 GB, and the run may have 4.
// RUN: aicc compile %s -o %t.aicc
// RUN: bash -c 'ulimit -v 4000000 && aicc run %t.aicc --input m=100000 --input x=0.5' | FileCheck %s
// One without an end does not lose itself in memory either: it is stopped from outside.
// RUN: not bash -c 'ulimit -v 4000000 && timeout -s INT 2 aicc run %t.aicc --input m=4611686018427387904 --input x=0.5'

// CHECK: y
#map = affine_map<()[s0, s1, s2] -> (s0)>
func.func @main(%m: tensor<i64> {nn.name = "m"}, %x: tensor<?xf32> {nn.dims = #map, nn.name = "x"}) -> (tensor<f32> {nn.name = "y"})
    attributes {nn.symbols = [#nn.symbol<"n", input, 16384, 16384>, #nn.symbol<"a", data, 0, 1000000>, #nn.symbol<"b", data, 0, 1000000>]} {
  %yes = nn.constant dense<true> : tensor<i1>
  %two = nn.constant dense<2> : tensor<i64>
  %c = nn.constant dense<0.9> : tensor<f32>
  %r = nn.loop %m, %yes, %x {binds = array<i64: 1, 2>, carried = affine_map<()[s0, s1, s2] -> (s1)>, sizes = affine_map<()[s0, s1, s2] -> (s2)>} do {
  ^bb0(%i: tensor<i64>, %a: tensor<?xf32>):
    %0 = nn.mod %i, %two {fmod = false} : (tensor<i64>, tensor<i64>) -> tensor<i64>
    %odd = nn.cast %0 {to = i1} : (tensor<i64>) -> tensor<i1>
    %1 = nn.if %odd {binds = array<i64>, sizes = affine_map<()[s0, s1, s2] -> (s1)>} then {
      %2 = nn.mul %a, %c : (tensor<?xf32>, tensor<f32>) -> tensor<?xf32>
      nn.yield %2 : tensor<?xf32>
    } else {
      nn.yield %a : tensor<?xf32>
    } : (tensor<i1>) -> tensor<?xf32>
    %3 = nn.slice %1 {offsets = affine_map<()[s0, s1, s2] -> (0)>, sizes = affine_map<()[s0, s1, s2] -> (s1)>, steps = array<i64: 1>} : (tensor<?xf32>) -> tensor<?xf32>
    %4 = nn.neg %3 : (tensor<?xf32>) -> tensor<?xf32>
    nn.yield %yes, %4 : tensor<i1>, tensor<?xf32>
  } : (tensor<i64>, tensor<i1>, tensor<?xf32>) -> tensor<?xf32>
  %s = nn.reduce %r {kind = #nn.reduce<sum>, axes = array<i64: 0>, keepdims = false} : (tensor<?xf32>) -> tensor<f32>
  return %s : tensor<f32>
}
