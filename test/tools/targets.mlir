// One module for several architectures: weights once, the best code first, any of them by name.
// RUN: rm -rf %t && mkdir %t
// RUN: aicc compile %s -o %t/m.aicc --target cpu:portable
// RUN: aicc inspect %t/m.aicc --kernels | FileCheck %s
// CHECK: weights 16.4 kB in 1 constants
// CHECK: /Add
// CHECK: targets, best first
// CHECK-NEXT: cpu:x86-64-v4: elf-x86-64
// CHECK-NEXT: cpu:x86-64-v3: elf-x86-64
// RUN: aicc bench %t/m.aicc --runs 1 --device cpu:x86-64-v3 | FileCheck %s --check-prefix=V3
// V3: cpu:x86-64-v3
// RUN: not aicc run %t/m.aicc --device cpu:x86-64-v2 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: {{.*}}cpu:x86-64-v2
func.func @main(%x: tensor<64x64xf32> {nn.name = "x"}) -> (tensor<64x64xf32> {nn.name = "y"}) {
  %c = nn.iota {axis = 0 : i64, shape = affine_map<() -> (64, 64)>, type = f32} : () -> tensor<64x64xf32>
  %w = nn.exp %c : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %0 = nn.add %x, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32> loc("/Add")
  return %0 : tensor<64x64xf32>
}
