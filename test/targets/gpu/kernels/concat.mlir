// The parts of a concatenation have workgroups of their own: 512 elements are two, 256 one.
// RUN: env AICC_PLUGIN_PATH=%plugins/good aicc compile %s --target test_gpu --compile-to=kernel | FileCheck %s

// CHECK: affine_map<() -> (3)>
// CHECK: llvm.func @map_0
// CHECK: arith.cmpi ult, %{{.*}}, %c512_i64
// CHECK: llvm.store
// CHECK: arith.cmpi ult, %{{.*}}, %c256_i64
// CHECK: llvm.store
func.func @main(%x: tensor<64x8xf32> {nn.name = "x"}, %y: tensor<64x4xf32> {nn.name = "y"})
    -> (tensor<64x12xf32> {nn.name = "z"}) {
  %0 = nn.concat %x, %y {axis = 1 : i64} : (tensor<64x8xf32>, tensor<64x4xf32>) -> tensor<64x12xf32>
  return %0 : tensor<64x12xf32>
}
