// A size that only the run time knows: vectors while they fit, then element by element. Divisions are in 64
// bits, for sizes may be large.
// RUN: env AICC_PLUGIN_PATH=%plugins/good aicc compile %s --target test_gpu:plain --compile-to=kernel | FileCheck %s

// CHECK: llvm.func @map_0({{.*}}%[[N:[a-z0-9]*]]: i64) attributes {aicc.subgroup = 0 : i32
// CHECK: scf.if
// CHECK: arith.cmpi sle, %{{.*}}, %[[N]]
// CHECK-NEXT: scf.if
// CHECK: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr -> vector<4xf32>
// CHECK: } else {
// CHECK: scf.for
// CHECK: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> f32
func.func @main(%x: tensor<?xf32> {nn.name = "x", nn.dims = affine_map<()[s0] -> (s0)>}) -> (tensor<?xf32> {nn.name = "z"})
    attributes {nn.symbols = [#nn.symbol<"n", input, 1, 100000>]} {
  %0 = nn.neg %x : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
