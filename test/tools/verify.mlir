// A model that is compiled as it should be.
// RUN: aicc verify %s --dim n=5 | FileCheck %s --check-prefix=GOOD
// RUN: aicc verify %s --input x=3x8xf32 --json | FileCheck %s --check-prefix=JSON
// GOOD: verify.mlir: {{[0-9]+}} operations and {{[0-9]+}} dispatches agree with the reference on cpu; largest error
// JSON: "status": 0
// JSON: "divergence": null

// Kernels, and what a target does with the graph, that are broken on purpose.
// RUN: env AICC_PLUGIN_PATH=%plugins/broken not aicc verify %s --target test_broken:kernel --device cpu | FileCheck %s --check-prefix=KERNEL
// KERNEL: node "gate" (nn.sigmoid): kernel {{.+}} of target test_broken:kernel is wrong
// KERNEL-NEXT: 8x8xf32 differs by {{.+}}, where the largest value is {{.+}}, at [{{.*}}]: {{.+}} instead of
// RUN: env AICC_PLUGIN_PATH=%plugins/broken not aicc verify %s --target test_broken:fused --device cpu --json | FileCheck %s --check-prefix=FUSED
// FUSED: "status": 3
// FUSED: "stage": "kernel"
// FUSED-NEXT: "node": "nodes \"
// FUSED: "only_fused": true
// RUN: env AICC_PLUGIN_PATH=%plugins/broken not aicc verify %s --target test_broken:prepare --device cpu | FileCheck %s --check-prefix=PREPARE
// PREPARE: what target test_broken:prepare makes of the graph is not the graph

// RUN: not aicc verify %s --target cpu:portable 2>&1 | FileCheck %s --check-prefix=TARGETS
// TARGETS: error: 'cpu:portable' stands for several architectures; verify one at a time
// RUN: not aicc verify %s --input z=1 2>&1 | FileCheck %s --check-prefix=INPUT
// INPUT: error: --input z=1: write NAME=..., where NAME is one of: x

#product = loc("product")
#gate = loc("gate")
#sum = loc("sum")
func.func @main(%x: tensor<?x8xf32> {nn.name = "x", nn.dims = affine_map<()[s0] -> (s0, 8)>})
    -> (tensor<?x8xf32> {nn.name = "y"}) attributes {nn.symbols = [#nn.symbol<"n", input, 1, 64>]} {
  %w = nn.constant dense<0.25> : tensor<8x8xf32>
  %0 = nn.matmul %x, %w : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32> loc(#product)
  %1 = nn.sigmoid %0 : (tensor<?x8xf32>) -> tensor<?x8xf32> loc(#gate)
  %2 = nn.add %1, %0 : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> loc(#sum)
  return %2 : tensor<?x8xf32>
}
