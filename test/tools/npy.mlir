// Arrays of every type go through .npy files unchanged: row- and column-major, big-endian, of every version, empty, of rank 0.
// RUN: rm -rf %t && mkdir %t
// RUN: aicc compile %s -o %t/m.aicc
// RUN: %python %S/Inputs/npy.py make %t
// RUN: aicc run %t/m.aicc --output-dir %t/out --input a=@%t/a.npy --input b=@%t/b.npy --input c=@%t/c.npy --input d=@%t/d.npy --input e=@%t/e.npy --input f=@%t/f.npy --input g=@%t/g.npy --input h=@%t/h.npy
// RUN: %python %S/Inputs/npy.py check %t
// RUN: not aicc run %t/m.aicc --input a=@%t/cut.npy 2>&1 | FileCheck %s --check-prefix=CUT
// CUT: error: {{.*}}cut.npy is truncated: its header says 2x3xf32
// RUN: not aicc run %t/m.aicc --input a=@%s 2>&1 | FileCheck %s --check-prefix=NOT
// NOT: error: {{.*}}npy.mlir is not a .npy file
func.func @main(%a: tensor<2x3xf32> {nn.name = "a"}, %b: tensor<?xi64> {nn.name = "b", nn.dims = affine_map<()[s0] -> (s0)>}, %c: tensor<3xi1> {nn.name = "c"},
                %d: tensor<f64> {nn.name = "d"}, %e: tensor<2x2xf16> {nn.name = "e"}, %f: tensor<4xui8> {nn.name = "f"}, %g: tensor<2x3x4xi32> {nn.name = "g"},
                %h: tensor<2xui16> {nn.name = "h"})
    -> (tensor<2x3xf32>, tensor<?xi64>, tensor<3xi1>, tensor<f64>, tensor<2x2xf16>, tensor<4xui8>, tensor<2x3x4xi32>, tensor<2xui16>)
    attributes {nn.symbols = [#nn.symbol<"n", input, 0, 64>]} {
  return %a, %b, %c, %d, %e, %f, %g, %h : tensor<2x3xf32>, tensor<?xi64>, tensor<3xi1>, tensor<f64>, tensor<2x2xf16>, tensor<4xui8>, tensor<2x3x4xi32>, tensor<2xui16>
}
