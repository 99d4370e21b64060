// Symbolic sizes become register arithmetic in the shape program; temporaries come from the pool and are taken again by later ones
// of equal size.
// RUN: aicc-opt %s -build-program | FileCheck %s

// CHECK-LABEL: rt.program @main
// CHECK-SAME: args [#rt.tensor<"x" : tensor<?x?x8xf32> symbols[0, 1, -1] dims["batch", "seq", ""]>, #rt.tensor<"mask" : tensor<?x?xf32> symbols[0, -1] dims["batch", "past + seq"]>
// CHECK-SAME: results [#rt.tensor<"y" : tensor<?x?x8xf32> symbols[0, 1, -1]
// CHECK-SAME: symbols [#rt.symbol<"batch", 1, 32, arg 0 dim 0>, #rt.symbol<"seq", 1, 512, arg 0 dim 1>, #rt.symbol<"past", 0, 512, arg 2 dim 0>]
// CHECK: %[[ACTUAL:.*]] = rt.arg_dim 1, 1
// CHECK: rt.assert %{{.*}}, "input mask: dimension 1 must be past + seq" nodes []
// CHECK: rt.results
// CHECK: %[[T1:.*]] = rt.alloc
// CHECK: rt.dispatch @kernels::@a {{.*}} buffers(%{{.*}}, %[[T1]])
// CHECK: %[[T2:.*]] = rt.alloc
// CHECK: rt.dispatch @kernels::@a {{.*}} buffers(%[[T1]], %[[T2]])
// CHECK-NOT: rt.alloc
// CHECK: rt.dispatch @kernels::@a {{.*}} buffers(%[[T2]], %[[T1]])
// CHECK-NEXT: rt.free %[[T2]]
// CHECK: rt.dispatch
// CHECK-NEXT: rt.free %[[T1]]
// CHECK-NEXT: rt.return
#same = affine_map<()[s0, s1, s2] -> (s0, s2, 8)>
#grid = affine_map<()[s0, s1, s2] -> (s0 * s2)>
#zero = affine_map<()[s0, s1, s2] -> (0)>
#none = affine_map<()[s0, s1, s2] -> ()>
func.func @main(
    %x: tensor<?x?x8xf32> {nn.name = "x", nn.dims = affine_map<()[s0, s1, s2] -> (s0, s2, 8)>},
    %mask: tensor<?x?xf32> {nn.name = "mask", nn.dims = affine_map<()[s0, s1, s2] -> (s0, s1 + s2)>},
    %past: tensor<?xf32> {nn.name = "past", nn.dims = affine_map<()[s0, s1, s2] -> (s1)>}) -> (tensor<?x?x8xf32> {nn.name = "y"})
    attributes {nn.symbols = [#nn.symbol<"batch", input, 1, 32>, #nn.symbol<"past", input, 0, 512>, #nn.symbol<"seq", input, 1, 512>]} {
  %1 = exe.launch @kernels::@a (%x) grid #grid scratch #zero params #none
      {inplace = array<i64>, names = [], exe.shapes = [#same]} : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %2 = exe.launch @kernels::@a (%1) grid #grid scratch #zero params #none
      {inplace = array<i64>, names = [], exe.shapes = [#same]} : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %3 = exe.launch @kernels::@a (%2) grid #grid scratch #zero params #none
      {inplace = array<i64>, names = [], exe.shapes = [#same]} : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %4 = exe.launch @kernels::@a (%3) grid #grid scratch #zero params #none
      {inplace = array<i64>, names = [], exe.shapes = [#same]} : (tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %4 : tensor<?x?x8xf32>
}
