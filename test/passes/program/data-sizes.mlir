// Sizes that the run computes: loaded, checked, and used from there on; results that get their memory then.
// RUN: aicc-opt %s -build-program -split-input-file | FileCheck %s

// The size is loaded behind the launch that makes it. The result is written where the caller wants it, once its size is known.
// CHECK-LABEL: rt.program @take
// CHECK-SAME: #rt.tensor<"output_0" : tensor<?xf32> symbols[-1] dims["k"]>
// CHECK-DAG: %[[UNKNOWN:.*]] = arith.constant -1 : i64
// CHECK: rt.results(%[[UNKNOWN]])
// CHECK: rt.dispatch @kernels::@count
// CHECK: %[[K:.*]] = rt.load_scalar %{{.*}} : i64
// CHECK: %[[LE:.*]] = rt.arith le %[[K]]
// CHECK: rt.assert %{{.*}}, "the count must be 0 to 8"
// CHECK: %[[R:.*]] = rt.bind_result 0(%[[K]])
// CHECK: rt.dispatch @kernels::@take grid %[[K]] {{.*}} buffers(%{{.*}}, %[[R]])
// CHECK-NOT: rt.copy
// CHECK: rt.return
func.func @take(%x: tensor<8xf32>) -> tensor<?xf32> attributes {nn.symbols = [#nn.symbol<"k", data, 0, 8>]} {
  %n = exe.launch @kernels::@count (%x) grid affine_map<() -> (1)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64>, names = []} : (tensor<8xf32>) -> tensor<1xi64>
  nn.bind_size %n {symbols = array<i64: 0>, what = "the count"} : tensor<1xi64>
  %y = exe.launch @kernels::@take (%x) grid affine_map<()[s0] -> (s0)> scratch affine_map<()[s0] -> (0)> params affine_map<()[s0] -> ()>
      {inplace = array<i64>, names = [], exe.shapes = [affine_map<()[s0] -> (s0)>]} : (tensor<8xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

// An argument with other sizes: its memory is known, the result's sizes are not before the run, and it is a copy.
// CHECK-LABEL: rt.program @view
// CHECK: rt.results
// CHECK: %[[A:.*]] = rt.load_scalar
// CHECK: %[[B:.*]] = rt.load_scalar
// CHECK: rt.assert %{{.*}}, "node r: the size {{.*}} nodes ["r"]
// CHECK: %[[R:.*]] = rt.bind_result 0(%[[A]], %[[B]])
// CHECK: rt.copy %[[R]]
func.func @view(%x: tensor<8xf32>, %s: tensor<2xi64>) -> tensor<?x?xf32>
    attributes {nn.symbols = [#nn.symbol<"a", data, 0, 9223372036854775807>, #nn.symbol<"b", data, 0, 9223372036854775807>],
                rt.checks = [{sizes = affine_map<()[s0, s1] -> (8, s0 * s1)>, exact = true, node = "r"}]} {
  nn.bind_size %s {symbols = array<i64: 0, 1>, what = "a size"} : tensor<2xi64>
  %y = nn.reshape %x {shape = affine_map<()[s0, s1] -> (s0, s1)>} : (tensor<8xf32>) -> tensor<?x?xf32>
  return %y : tensor<?x?xf32>
}
