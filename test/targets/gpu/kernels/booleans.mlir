// Booleans are bytes in memory and single bits in registers; vectors are as wide as the widest type allows.
// RUN: env AICC_PLUGIN_PATH=%plugins/good aicc compile %s --target test_gpu --compile-to=kernel | FileCheck %s

// CHECK: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr -> vector<4xf32>
// CHECK: %[[LESS:.*]] = arith.cmpf olt
// CHECK: %[[BYTES:.*]] = arith.extui %[[LESS]] : vector<4xi1> to vector<4xi8>
// CHECK: llvm.store %[[BYTES]], %{{.*}} {alignment = 4 : i64}
func.func @main(%x: tensor<100000xf32> {nn.name = "x"}, %y: tensor<100000xf32> {nn.name = "y"})
    -> (tensor<100000xi1> {nn.name = "z"}) {
  %0 = nn.compare %x, %y {kind = #nn.compare<lt>} : (tensor<100000xf32>, tensor<100000xf32>) -> tensor<100000xi1>
  return %0 : tensor<100000xi1>
}
