// RUN: aicc-opt %s --nn-simplify --mlir-print-local-scope | FileCheck %s

// A transpose becomes the flag of the matmul.
// CHECK-LABEL: func.func @transpose_into_matmul
// CHECK-NEXT: nn.matmul %arg0, %arg1 {transpose_rhs = true}
func.func @transpose_into_matmul(%q: tensor<2x4x8x16xf32>, %k: tensor<2x4x8x16xf32>) -> tensor<2x4x8x8xf32> {
  %0 = nn.transpose %k {perm = array<i64: 0, 1, 3, 2>} : (tensor<2x4x8x16xf32>) -> tensor<2x4x16x8xf32>
  %1 = nn.matmul %q, %0 : (tensor<2x4x8x16xf32>, tensor<2x4x16x8xf32>) -> tensor<2x4x8x8xf32>
  return %1 : tensor<2x4x8x8xf32>
}

// Of a transpose of more dimensions the rest stays, with the innermost dimension innermost.
// CHECK-LABEL: func.func @transpose_rest
// CHECK-NEXT: %[[T:.*]] = nn.transpose %arg1 {perm = array<i64: 0, 2, 1, 3>} : (tensor<2x8x4x16xf32>) -> tensor<2x4x8x16xf32>
// CHECK-NEXT: nn.matmul %arg0, %[[T]] {transpose_rhs = true}
func.func @transpose_rest(%q: tensor<2x4x8x16xf32>, %k: tensor<2x8x4x16xf32>) -> tensor<2x4x8x8xf32> {
  %0 = nn.transpose %k {perm = array<i64: 0, 2, 3, 1>} : (tensor<2x8x4x16xf32>) -> tensor<2x4x16x8xf32>
  %1 = nn.matmul %q, %0 : (tensor<2x4x8x16xf32>, tensor<2x4x16x8xf32>) -> tensor<2x4x8x8xf32>
  return %1 : tensor<2x4x8x8xf32>
}

// A weight has its flag off; the transpose is its recipe.
// CHECK-LABEL: func.func @weight_flag
// CHECK: %[[T:.*]] = nn.transpose
// CHECK: nn.matmul %arg0, %[[T]] :
func.func @weight_flag(%x: tensor<2x16xf32>) -> tensor<2x8xf32> {
  %0 = nn.weight "w" <"model.bin", 0, 512> : tensor<8x16xf32>
  %1 = nn.matmul %x, %0 {transpose_rhs = true} : (tensor<2x16xf32>, tensor<8x16xf32>) -> tensor<2x8xf32>
  return %1 : tensor<2x8xf32>
}

// Scalars merge; division by a power of two is multiplication; a division by anything else alone stays.
// CHECK-LABEL: func.func @scales
// CHECK-DAG: %[[SIX:.*]] = nn.constant dense<6.000000e+00> : tensor<f32>
// CHECK-DAG: %[[HALF:.*]] = nn.constant dense<5.000000e-01> : tensor<f32>
// CHECK-DAG: nn.mul %arg0, %[[SIX]]
// CHECK-DAG: nn.mul %arg0, %[[HALF]]
// CHECK-DAG: nn.div %arg0
func.func @scales(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) {
  %two = nn.constant dense<2.0> : tensor<f32>
  %three = nn.constant dense<3.0> : tensor<1xf32>
  %0 = nn.mul %x, %two : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %1 = nn.mul %three, %0 : (tensor<1xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %2 = nn.div %x, %two : (tensor<?x4xf32>, tensor<f32>) -> tensor<?x4xf32>
  %3 = nn.div %x, %three : (tensor<?x4xf32>, tensor<1xf32>) -> tensor<?x4xf32>
  return %1, %2, %3 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>
}

// Products that would vanish are left.
// CHECK-LABEL: func.func @vanishing
// CHECK-COUNT-2: nn.mul
func.func @vanishing(%x: tensor<4xf32>) -> tensor<4xf32> {
  %tiny = nn.constant dense<1.0e-20> : tensor<f32>
  %0 = nn.mul %x, %tiny : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = nn.mul %0, %tiny : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// Powers and reciprocals.
// CHECK-LABEL: func.func @powers
// CHECK-DAG: nn.mul %arg0, %arg0
// CHECK-DAG: nn.sqrt %arg0
// CHECK-DAG: %[[R:.*]] = nn.rsqrt %arg0
// CHECK-NOT: nn.pow
// CHECK: return %{{.*}}, %{{.*}}, %[[R]]
func.func @powers(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %one = nn.constant dense<1.0> : tensor<f32>
  %two = nn.constant dense<2.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.pow %x, %two : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %1 = nn.pow %x, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
  %2 = nn.div %one, %1 : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// A cast that loses nothing is no step of its own; one that loses something is.
// CHECK-LABEL: func.func @casts
// CHECK: %[[A:.*]] = nn.cast %arg0 {to = f32} : (tensor<4xi1>) -> tensor<4xf32>
// CHECK: nn.cast %arg1 {to = i32}
// CHECK: nn.cast
func.func @casts(%a: tensor<4xi1>, %b: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = nn.cast %a {to = i64} : (tensor<4xi1>) -> tensor<4xi64>
  %1 = nn.cast %0 {to = f32} : (tensor<4xi64>) -> tensor<4xf32>
  %2 = nn.cast %b {to = i32} : (tensor<4xf32>) -> tensor<4xi32>
  %3 = nn.cast %2 {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  return %1, %3 : tensor<4xf32>, tensor<4xf32>
}

// A broadcast is dropped where the other operand gives the sizes, which symbols prove.
// CHECK-LABEL: func.func @drop_broadcast
// CHECK-NEXT: nn.add %arg0, %arg1
func.func @drop_broadcast(%x: tensor<?x?xf32> {nn.dims = affine_map<()[s0, s1] -> (s0, s1)>},
                          %y: tensor<1x?xf32> {nn.dims = affine_map<()[s0, s1] -> (1, s1)>}) -> tensor<?x?xf32>
    attributes {nn.symbols = [#nn.symbol<"a", input, 1, 9>, #nn.symbol<"b", input, 1, 9>]} {
  %0 = nn.broadcast %y {shape = affine_map<()[s0, s1] -> (s0, s1)>} : (tensor<1x?xf32>) -> tensor<?x?xf32>
  %1 = nn.add %x, %0 : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %1 : tensor<?x?xf32>
}

// It stays where it gives the result's sizes.
// CHECK-LABEL: func.func @keep_broadcast
// CHECK-NEXT: nn.broadcast
func.func @keep_broadcast(%x: tensor<1x4xf32>, %y: tensor<1x4xf32>) -> tensor<3x4xf32> {
  %0 = nn.broadcast %y {shape = affine_map<()[] -> (3, 4)>} : (tensor<1x4xf32>) -> tensor<3x4xf32>
  %1 = nn.add %x, %0 : (tensor<1x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  return %1 : tensor<3x4xf32>
}

// It moves below what is computed from it alone.
// CHECK-LABEL: func.func @sink_broadcast
// CHECK-NEXT: %[[E:.*]] = nn.exp %arg0 : (tensor<1x4xf32>)
// CHECK-NEXT: nn.broadcast %[[E]]
func.func @sink_broadcast(%x: tensor<1x4xf32>) -> tensor<3x4xf32> {
  %0 = nn.broadcast %x {shape = affine_map<()[] -> (3, 4)>} : (tensor<1x4xf32>) -> tensor<3x4xf32>
  %1 = nn.exp %0 : (tensor<3x4xf32>) -> tensor<3x4xf32>
  return %1 : tensor<3x4xf32>
}

// Slices of slices, of concatenations, and concatenations of slices.
// CHECK-LABEL: func.func @slices
// CHECK: %[[S:.*]] = nn.slice %arg0 {offsets = affine_map<() -> (3)>, sizes = affine_map<() -> (2)>, steps = array<i64: 2>}
// CHECK: %[[N:.*]] = nn.neg %arg1
// CHECK: %[[A:.*]] = nn.abs %arg0
// CHECK: return %[[S]], %[[N]], %[[A]]
func.func @slices(%x: tensor<8xf32>, %y: tensor<4xf32>) -> (tensor<2xf32>, tensor<4xf32>, tensor<8xf32>) {
  %0 = nn.slice %x {offsets = affine_map<() -> (1)>, sizes = affine_map<() -> (6)>, steps = array<i64: 1>} : (tensor<8xf32>) -> tensor<6xf32>
  %1 = nn.slice %0 {offsets = affine_map<() -> (2)>, sizes = affine_map<() -> (2)>, steps = array<i64: 2>} : (tensor<6xf32>) -> tensor<2xf32>
  %n = nn.neg %y : (tensor<4xf32>) -> tensor<4xf32>
  %2 = nn.concat %x, %n {axis = 0 : i64} : (tensor<8xf32>, tensor<4xf32>) -> tensor<12xf32>
  %3 = nn.slice %2 {offsets = affine_map<() -> (8)>, sizes = affine_map<() -> (4)>, steps = array<i64: 1>} : (tensor<12xf32>) -> tensor<4xf32>
  %a = nn.abs %x : (tensor<8xf32>) -> tensor<8xf32>
  %4 = nn.slice %a {offsets = affine_map<() -> (0)>, sizes = affine_map<() -> (5)>, steps = array<i64: 1>} : (tensor<8xf32>) -> tensor<5xf32>
  %5 = nn.slice %a {offsets = affine_map<() -> (5)>, sizes = affine_map<() -> (3)>, steps = array<i64: 1>} : (tensor<8xf32>) -> tensor<3xf32>
  %6 = nn.concat %4, %5 {axis = 0 : i64} : (tensor<5xf32>, tensor<3xf32>) -> tensor<8xf32>
  return %1, %3, %6 : tensor<2xf32>, tensor<4xf32>, tensor<8xf32>
}

// A gather at one constant index is a view; from the end, too, of a size that only a symbol names.
// CHECK-LABEL: func.func @gather
// CHECK: %[[S:.*]] = nn.slice %arg0 {offsets = affine_map<()[s0] -> (s0 - 1, 0)>
// CHECK: nn.reshape %[[S]] {shape = affine_map<()[s0] -> (4)>} : (tensor<1x4xf32>) -> tensor<4xf32>
func.func @gather(%x: tensor<?x4xf32> {nn.dims = affine_map<()[s0] -> (s0, 4)>}) -> tensor<4xf32>
    attributes {nn.symbols = [#nn.symbol<"n", input, 1, 9>]} {
  %0 = nn.constant dense<-1> : tensor<i64>
  %1 = nn.gather %x, %0 {axis = 0 : i64} : (tensor<?x4xf32>, tensor<i64>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// Transposes meet across elementwise operations and cancel.
// CHECK-LABEL: func.func @transposes
// CHECK-NEXT: %[[R:.*]] = nn.relu %arg0
// CHECK-NEXT: return %[[R]]
func.func @transposes(%x: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = nn.transpose %x {perm = array<i64: 1, 0>} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %1 = nn.relu %0 : (tensor<3x2xf32>) -> tensor<3x2xf32>
  %2 = nn.transpose %1 {perm = array<i64: 1, 0>} : (tensor<3x2xf32>) -> tensor<2x3xf32>
  return %2 : tensor<2x3xf32>
}

// Zeros before a convolution are its own padding; other numbers are not.
// CHECK-LABEL: func.func @pad
// CHECK: nn.conv %arg0, %arg1 {{{.*}}pads_high = array<i64: 1, 2>, pads_low = array<i64: 1, 1>
// CHECK: nn.pad
// CHECK: nn.conv
func.func @pad(%x: tensor<1x2x4x4xf32>, %w: tensor<2x2x3x3xf32>) -> (tensor<1x2x4x5xf32>, tensor<1x2x3x3xf32>) {
  %one = nn.constant dense<1.0> : tensor<f32>
  %0 = nn.pad %x {low = affine_map<() -> (0, 0, 1, 0)>, high = affine_map<() -> (0, 0, 0, 1)>, mode = #nn.pad<constant>} : (tensor<1x2x4x4xf32>) -> tensor<1x2x5x5xf32>
  %1 = nn.conv %0, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 1>, pads_high = array<i64: 1, 1>, groups = 1 : i64}
      : (tensor<1x2x5x5xf32>, tensor<2x2x3x3xf32>) -> tensor<1x2x4x5xf32>
  %2 = nn.pad %x, %one {low = affine_map<() -> (0, 0, 1, 0)>, high = affine_map<() -> (0, 0, 0, 1)>, mode = #nn.pad<constant>} : (tensor<1x2x4x4xf32>, tensor<f32>) -> tensor<1x2x5x5xf32>
  %3 = nn.conv %2, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, groups = 1 : i64}
      : (tensor<1x2x5x5xf32>, tensor<2x2x3x3xf32>) -> tensor<1x2x3x3xf32>
  return %1, %3 : tensor<1x2x4x5xf32>, tensor<1x2x3x3xf32>
}

// Keys transposed with batch and heads merged: as if they had not been.
// CHECK-LABEL: func.func @merged_heads
// CHECK-NEXT: nn.matmul %arg0, %arg1 {transpose_rhs = true}
// CHECK-NEXT: return
func.func @merged_heads(%q: tensor<2x4x8x16xf32>, %k: tensor<2x4x8x16xf32>) -> tensor<2x4x8x8xf32> {
  %0 = nn.reshape %k {shape = affine_map<() -> (8, 8, 16)>} : (tensor<2x4x8x16xf32>) -> tensor<8x8x16xf32>
  %1 = nn.transpose %0 {perm = array<i64: 0, 2, 1>} : (tensor<8x8x16xf32>) -> tensor<8x16x8xf32>
  %2 = nn.reshape %1 {shape = affine_map<() -> (2, 4, 16, 8)>} : (tensor<8x16x8xf32>) -> tensor<2x4x16x8xf32>
  %3 = nn.matmul %q, %2 : (tensor<2x4x8x16xf32>, tensor<2x4x16x8xf32>) -> tensor<2x4x8x8xf32>
  return %3 : tensor<2x4x8x8xf32>
}

// A linear layer on flattened rows is one on rows.
// CHECK-LABEL: func.func @flatten
// CHECK: %[[M:.*]] = nn.matmul %arg0
// CHECK-NEXT: %[[A:.*]] = nn.add %[[M]]
// CHECK-NEXT: return %[[A]]
func.func @flatten(%x: tensor<?x?x4xf32> {nn.dims = affine_map<()[s0, s1] -> (s0, s1, 4)>}) -> tensor<?x?x8xf32>
    attributes {nn.symbols = [#nn.symbol<"batch", input, 1, 9>, #nn.symbol<"seq", input, 1, 9>]} {
  %w = nn.weight "w" <"model.bin", 0, 128> : tensor<4x8xf32>
  %b = nn.weight "b" <"model.bin", 128, 32> : tensor<8xf32>
  %0 = nn.reshape %x {shape = affine_map<()[s0, s1] -> (s0 * s1, 4)>} : (tensor<?x?x4xf32>) -> tensor<?x4xf32>
  %1 = nn.matmul %0, %w : (tensor<?x4xf32>, tensor<4x8xf32>) -> tensor<?x8xf32>
  %2 = nn.add %1, %b : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %3 = nn.reshape %2 {shape = affine_map<()[s0, s1] -> (s0, s1, 8)>} : (tensor<?x8xf32>) -> tensor<?x?x8xf32>
  return %3 : tensor<?x?x8xf32>
}

// A condition that always holds.
// CHECK-LABEL: func.func @condition
// CHECK-NEXT: %[[N:.*]] = nn.not %arg0
// CHECK-NEXT: return %[[N]]
func.func @condition(%x: tensor<4xi1>) -> tensor<4xi1> {
  %true = nn.constant dense<true> : tensor<i1>
  %0 = nn.not %x : (tensor<4xi1>) -> tensor<4xi1>
  %1 = nn.and %true, %0 : (tensor<i1>, tensor<4xi1>) -> tensor<4xi1>
  return %1 : tensor<4xi1>
}
