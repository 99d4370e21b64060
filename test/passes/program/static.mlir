// Temporaries of static size share one arena: %1 is dead when %3 is written, so %3 lies where %1 was.
// RUN: aicc-opt %s -build-program | FileCheck %s

// CHECK-LABEL: rt.program @main
// CHECK-SAME: args [#rt.tensor<"x" : tensor<2x16xf32>
// CHECK-SAME: results [#rt.tensor<"y" : tensor<2x16xf32>
// CHECK: ^bb0(%[[X:.*]]: !rt.buffer):
// CHECK: %[[ARENA:.*]] = rt.arena 256
// CHECK: %[[Y:.*]] = rt.results(
// CHECK: %[[W:.*]] = nn.constant
// CHECK: %[[WB:.*]] = rt.constant "" %[[W]] : tensor<16xf32>
// CHECK: rt.dispatch @kernels::@a {{.*}} buffers(%[[X]], %[[WB]], %[[ARENA]]) offsets(%c0_i64{{.*}}, %c0_i64{{.*}}, %[[FIRST:.*]]) lengths
// CHECK-SAME: nodes ["/A"]
// CHECK: rt.dispatch @kernels::@b {{.*}} buffers(%[[ARENA]], %[[ARENA]]) offsets(%[[FIRST]], %[[SECOND:.*]]) lengths
// CHECK: rt.dispatch @kernels::@b {{.*}} buffers(%[[ARENA]], %[[ARENA]]) offsets(%[[SECOND]], %[[FIRST]]) lengths
// The last one writes into the caller's memory.
// CHECK: rt.dispatch @kernels::@b {{.*}} buffers(%[[ARENA]], %[[Y]])
// CHECK-NOT: rt.copy
// CHECK: rt.return
func.func @main(%x: tensor<2x16xf32> {nn.name = "x"}) -> (tensor<2x16xf32> {nn.name = "y"}) {
  %w = nn.constant dense<1.0> : tensor<16xf32>
  %1 = exe.launch @kernels::@a (%x, %w) grid affine_map<() -> (2)> scratch affine_map<() -> (0)> params affine_map<() -> (16)>
      {inplace = array<i64>, names = ["/A"]} : (tensor<2x16xf32>, tensor<16xf32>) -> tensor<2x16xf32>
  %2 = exe.launch @kernels::@b (%1) grid affine_map<() -> (2)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64>, names = ["/B"]} : (tensor<2x16xf32>) -> tensor<2x16xf32>
  %3 = exe.launch @kernels::@b (%2) grid affine_map<() -> (2)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64>, names = ["/C"]} : (tensor<2x16xf32>) -> tensor<2x16xf32>
  %4 = exe.launch @kernels::@b (%3) grid affine_map<() -> (2)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64>, names = ["/D"]} : (tensor<2x16xf32>) -> tensor<2x16xf32>
  return %4 : tensor<2x16xf32>
}
