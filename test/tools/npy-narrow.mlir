// Types that numpy lacks: opaque bytes as ml_dtypes writes them come in, unsigned integers of their bits go out.
// RUN: rm -rf %t && mkdir %t
// RUN: aicc compile %s -o %t/m.aicc
// RUN: %python -c "import numpy as np, ml_dtypes as m; np.save('%t/a.npy', np.array([1.5, -448], m.float8_e4m3fn)); np.save('%t/b.npy', np.array([1, 2], m.float8_e5m2)); np.save('%t/c.npy', np.array([-8, 7, -1], m.int4)); np.save('%t/d.npy', np.array([1.5], m.bfloat16))"
// RUN: aicc run %t/m.aicc --output-dir %t/out --input a=@%t/a.npy --input b=@%t/b.npy --input c=@%t/c.npy --input d=@%t/d.npy
// RUN: %python -c "import numpy as np, ml_dtypes as m; n = lambda i, t: np.load('%t/out/output_%%d.npy' %% i).view(t).astype(float).tolist(); assert n(0, m.float8_e4m3fn) == [1.5, -448]; assert n(1, m.float8_e5m2) == [1, 2]; assert n(2, m.int4) == [-8, 7, -1]; assert n(3, m.bfloat16) == [1.5]"
// What was written is read again.
// RUN: aicc run %t/m.aicc --input a=@%t/out/output_0.npy --input b=@%t/out/output_1.npy --input c=@%t/out/output_2.npy --input d=@%t/out/output_3.npy | FileCheck %s
// CHECK: output {{.*}}: 2xf8e4m3fn, min -448, max 1.5
// CHECK: output {{.*}}: 2xf8e5m2, min 1, max 2
// CHECK: output {{.*}}: 3xi4, min -8, max 7, mean -0.666667, first -8 7 -1
// CHECK: output {{.*}}: 1xbf16
// RUN: aicc run %t/m.aicc --input a=448 --input b=-1 --input c=-3 --input d=0 | FileCheck %s --check-prefix=FILL
// FILL: 2xf8e4m3fn, min 448, max 448
// FILL: 2xf8e5m2, min -1, max -1
// FILL: 3xi4, min -3, max -3
// RUN: not aicc run %t/m.aicc --input a=@%t/d.npy 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: error: {{.*}}bf16
func.func @main(%a: tensor<2x!nn.narrow<f8E4M3FN>> {nn.name = "a"}, %b: tensor<2x!nn.narrow<f8E5M2>> {nn.name = "b"},
                %c: tensor<3x!nn.narrow<i4>> {nn.name = "c"}, %d: tensor<1xbf16> {nn.name = "d"})
    -> (tensor<2x!nn.narrow<f8E4M3FN>>, tensor<2x!nn.narrow<f8E5M2>>, tensor<3x!nn.narrow<i4>>, tensor<1xbf16>) {
  return %a, %b, %c, %d : tensor<2x!nn.narrow<f8E4M3FN>>, tensor<2x!nn.narrow<f8E5M2>>, tensor<3x!nn.narrow<i4>>, tensor<1xbf16>
}
