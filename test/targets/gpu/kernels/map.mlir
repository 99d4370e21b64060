// Elementwise work: a thread for each small vector, aligned loads and stores, and the rest by single elements.
// RUN: env AICC_PLUGIN_PATH=%plugins/good aicc compile %s --target test_gpu --compile-to=kernel | FileCheck %s

// 64 x 1000 elements are merged into one dimension of 64000, in vectors of two so that the device is filled.
// CHECK: exe.launch @kernels::@map_0({{.*}}) grid #[[GRID:map[0-9]*]]
// CHECK: llvm.func @map_0(%[[X:.*]]: !llvm.ptr {llvm.noalias}, %[[Y:.*]]: !llvm.ptr {llvm.noalias}, %[[Z:.*]]: !llvm.ptr {llvm.noalias})
// CHECK-SAME: aicc.subgroup = 32 : i32, aicc.threads = 256 : i32, gpu.kernel
// CHECK: gpu.block_id x
// CHECK: gpu.thread_id x
// CHECK: %[[IN:.*]] = arith.cmpi ult, %{{.*}}, %c32000_i64
// CHECK: scf.if %[[IN]]
// CHECK: %[[A:.*]] = llvm.getelementptr %[[X]]
// CHECK-NEXT: llvm.load %[[A]] {alignment = 8 : i64} : !llvm.ptr -> vector<2xf32>
// CHECK: arith.addf
// CHECK: llvm.store %{{.*}} {alignment = 8 : i64} : vector<2xf32>, !llvm.ptr
func.func @main(%x: tensor<64x1000xf32> {nn.name = "x"}, %y: tensor<64x1000xf32> {nn.name = "y"})
    -> (tensor<64x1000xf32> {nn.name = "z"}) {
  %0 = nn.add %x, %y : (tensor<64x1000xf32>, tensor<64x1000xf32>) -> tensor<64x1000xf32>
  return %0 : tensor<64x1000xf32>
}
