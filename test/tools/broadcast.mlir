// Two sizes that may differ broadcast where one is 1; anything else ends the run with the node's name.
// RUN: rm -rf %t && mkdir %t
// RUN: aicc compile %s -o %t/m.aicc
// RUN: aicc run %t/m.aicc --input x=4xf32=1 --input y=4xf32=2 | FileCheck %s --check-prefix=SAME
// SAME: output z: 4xf32, min 3, max 3
// RUN: aicc run %t/m.aicc --input x=1xf32=1 --input y=4xf32=2 | FileCheck %s --check-prefix=LEFT
// LEFT: output z: 4xf32, min 3, max 3
// RUN: aicc run %t/m.aicc --input x=4xf32=1 --input y=1xf32=2 | FileCheck %s --check-prefix=LEFT
// RUN: not aicc run %t/m.aicc --input x=4xf32 --input y=3xf32 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: error: {{.*}}node /Add: the size b must be max(a, b), or 1
func.func @main(%x: tensor<?xf32> {nn.name = "x", nn.dims = affine_map<()[s0, s1] -> (s0)>},
                %y: tensor<?xf32> {nn.name = "y", nn.dims = affine_map<()[s0, s1] -> (s1)>}) -> (tensor<?xf32> {nn.name = "z"})
    attributes {nn.symbols = [#nn.symbol<"a", input, 0, 64>, #nn.symbol<"b", input, 0, 64>]} {
  %0 = nn.add %x, %y : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32> loc("/Add")
  return %0 : tensor<?xf32>
}
