// A model is compiled and run; inputs are filled, given as files, or generated; outputs are summarized, written, compared.
// RUN: rm -rf %t && mkdir %t
// RUN: aicc compile %s -o %t/m.aicc
// RUN: aicc run %t/m.aicc --input x/in:0=2 --input y=2x4xf32=0.5 | FileCheck %s
// CHECK: input  x/in:0: 2x4xf32, filled
// CHECK: input  y: 2x4xf32, filled
// CHECK: output sum: 2x4xf32, min 2.5, max 2.5, mean 2.5, first 2.5 2.5 2.5 2.5 2.5 2.5 ...

// Generated data is the same in every run, and a model runs as a module does.
// RUN: aicc run %t/m.aicc > %t/a.txt
// RUN: aicc run %s > %t/b.txt
// RUN: cmp %t/a.txt %t/b.txt
// RUN: FileCheck %s --check-prefix=RANDOM < %t/a.txt
// RANDOM: input  x/in:0: 2x4xf32, random, normal

// RUN: aicc run %t/m.aicc --input x/in:0=1 --input y=1 --output-dir %t/out | count 0
// RUN: %python -c "import numpy as np; a = np.load(r'%t/out/output_0.npy'); assert a.dtype == np.float32 and a.shape == (2, 4) and (a == 2).all(); np.save(r'%t/two.npy', a); np.save(r'%t/three.npy', a + 1)"
// RUN: aicc run %t/m.aicc --input x/in:0=1 --input y=1 --expected sum=@%t/two.npy
// RUN: not aicc run %t/m.aicc --input x/in:0=1 --input y=1 --expected sum=@%t/three.npy 2>&1 | FileCheck %s --check-prefix=DIFFERS
// DIFFERS: error: output sum: differs by 1, more than 0.0001 of the largest value 3; element 0 is 2, but 3 is expected

// What doesn't fit is said in one line.
// RUN: not aicc run %t/m.aicc --input z=1 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: error: --input z=1: write NAME=..., where NAME is one of: x/in:0, y
// RUN: not aicc run %t/m.aicc --input y=3x4xf32 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: error: input y: dimension 0 is 3, but must be 2
// RUN: not aicc run %t/m.aicc --input y=2x4xi64 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: error: input y is {{.*}}i64{{.*}}, but must be {{.*}}f32
func.func @main(%x: tensor<2x4xf32> {nn.name = "x/in:0"}, %y: tensor<2x4xf32> {nn.name = "y"}) -> (tensor<2x4xf32> {nn.name = "sum"}) {
  %0 = nn.add %x, %y : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32> loc("/Add")
  return %0 : tensor<2x4xf32>
}
