// Symbolic sizes: chosen by the inputs, by --dim or by the tool; checked when the program runs.
// RUN: rm -rf %t && mkdir %t
// RUN: aicc compile %s -o %t/m.aicc --dim batch=1..8
// RUN: aicc inspect %t/m.aicc | FileCheck %s --check-prefix=INSPECT
// INSPECT: input   x: [batch, 4] f32
// INSPECT: input   mask: [batch, past + seq] f32
// INSPECT: size    batch: 1 to
// INSPECT: cpu:native: elf-x86-64
// INSPECT: provenance
// RUN: aicc run %t/m.aicc --input x=3x4xf32=2 --input y=3x4xf32=3 | FileCheck %s
// CHECK: input  mask: 3x64xf32
// CHECK: output z: 3x4xf32, min 6, max 6
// RUN: aicc run %t/m.aicc --dim batch=2 --dim past=5 --dim seq=7 | FileCheck %s --check-prefix=DIM
// DIM: input  x: 2x4xf32
// DIM: input  mask: 2x12xf32
// RUN: not aicc run %t/m.aicc --input x=3x4xf32 --input y=2x4xf32 2>&1 | FileCheck %s --check-prefix=SYMBOL
// SYMBOL: error: input y: dimension 0 batch is 2, but must be 3
// RUN: not aicc run %t/m.aicc --input x=65x4xf32 2>&1 | FileCheck %s --check-prefix=BOUND
// BOUND: error: input x: size batch is 65, but the module takes 1 to 64
// RUN: not aicc run %t/m.aicc --input mask=1x3xf32 2>&1 | FileCheck %s --check-prefix=SUM
// SUM: error: {{.*}}input mask: dimension 1 must be past + seq
func.func @main(%x: tensor<?x4xf32> {nn.name = "x", nn.dims = affine_map<()[s0, s1, s2] -> (s0, 4)>},
                %y: tensor<?x4xf32> {nn.name = "y", nn.dims = affine_map<()[s0, s1, s2] -> (s0, 4)>},
                %mask: tensor<?x?xf32> {nn.name = "mask", nn.dims = affine_map<()[s0, s1, s2] -> (s0, s1 + s2)>},
                %past: tensor<?xf32> {nn.name = "p", nn.dims = affine_map<()[s0, s1, s2] -> (s1)>},
                %seq: tensor<?xf32> {nn.name = "s", nn.dims = affine_map<()[s0, s1, s2] -> (s2)>}) -> (tensor<?x4xf32> {nn.name = "z"})
    attributes {nn.symbols = [#nn.symbol<"batch", input, 1, 64>, #nn.symbol<"past", input, 0, 512>, #nn.symbol<"seq", input, 1, 512>]} {
  %0 = nn.mul %x, %y : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32> loc("/Mul")
  return %0 : tensor<?x4xf32>
}
