// One module for several architectures: weights once, the best code first, any of them by name.
// RUN: rm -rf %t && mkdir %t
// RUN: aicc compile %s -o %t/m.aicc --target cpu:portable
// RUN: aicc inspect %t/m.aicc --kernels | FileCheck %s
// CHECK: weights 16.4 kB in 1 constants
// CHECK: /Add
// CHECK: targets, best first
// CHECK-NEXT: cpu:x86-64-v4: elf-x86-64
// CHECK-NEXT: 1 kernels in 1 executables, arena 0 B, weights 16.4 kB in 1 constants, 0 B of them its own
// CHECK-NEXT: cpu:x86-64-v3: elf-x86-64
// CHECK: 0 {{.*}} /Add
// RUN: aicc bench %t/m.aicc --runs 1 --device cpu:x86-64-v3 | FileCheck %s --check-prefix=V3
// V3: cpu:x86-64-v3
// RUN: not aicc run %t/m.aicc --device cpu:x86-64-v2 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: {{.*}}cpu:x86-64-v2
// Targets of other kinds share them, too, and each finds its own code; of one kind the newest comes first.
// RUN: aicc compile %s -o %t/fat.aicc --target cuda:sm_70,cpu,level_zero,cuda:sm_80
// RUN: aicc inspect %t/fat.aicc | FileCheck %s --check-prefix=FAT
// FAT: weights 16.4 kB in 1 constants
// FAT: cuda:sm_80: ptx
// FAT-NEXT: 0 B of them its own
// FAT-NEXT: cuda:sm_70: ptx
// FAT: cpu:native: elf-x86-64
// FAT-NEXT: 0 B of them its own
// FAT: level_zero:generic: spirv-opencl
// FAT-NEXT: 0 B of them its own
// RUN: aicc run %t/fat.aicc --device cpu --input x=0 | FileCheck %s --check-prefix=ANY
// ANY: output y: 64x64xf32
func.func @main(%x: tensor<64x64xf32> {nn.name = "x"}) -> (tensor<64x64xf32> {nn.name = "y"}) {
  %c = nn.iota {axis = 0 : i64, shape = affine_map<() -> (64, 64)>, type = f32} : () -> tensor<64x64xf32>
  %w = nn.exp %c : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %0 = nn.add %x, %w : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32> loc("/Add")
  return %0 : tensor<64x64xf32>
}
