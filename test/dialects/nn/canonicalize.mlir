// Identities disappear and inverses cancel, but only where the result surely keeps its sizes.
// RUN: aicc-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: func.func @neutral
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32>, %[[N:.*]]: tensor<?x3xf32>
func.func @neutral(%x: tensor<2x3xf32>, %n: tensor<?x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<?x3xf32>, tensor<?x3xf32>) {
  %zero = nn.constant dense<0.0> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<1x3xf32>
  %0 = nn.add %zero, %x : (tensor<f32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = nn.mul %0, %one : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<2x3xf32>
  %2 = nn.sub %x, %zero : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %3 = nn.div %n, %one : (tensor<?x3xf32>, tensor<1x3xf32>) -> tensor<?x3xf32>
  %4 = nn.add %n, %zero : (tensor<?x3xf32>, tensor<f32>) -> tensor<?x3xf32>
  // CHECK-NOT: nn.
  // CHECK: return %[[X]], %[[X]], %[[N]], %[[N]]
  return %1, %2, %3, %4 : tensor<2x3xf32>, tensor<2x3xf32>, tensor<?x3xf32>, tensor<?x3xf32>
}

// Broadcasting the neutral element gives other sizes.
// CHECK-LABEL: func.func @broadcasting
func.func @broadcasting(%x: tensor<1x3xf32>, %n: tensor<?xf32>) -> (tensor<2x3xf32>, tensor<?xf32>) {
  %zeros = nn.constant dense<0.0> : tensor<2x3xf32>
  %four = nn.constant dense<0.0> : tensor<4xf32>
  // CHECK: nn.add
  %0 = nn.add %x, %zeros : (tensor<1x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK: nn.add
  %1 = nn.add %n, %four : (tensor<?xf32>, tensor<4xf32>) -> tensor<?xf32>
  return %0, %1 : tensor<2x3xf32>, tensor<?xf32>
}

// CHECK-LABEL: func.func @select
// CHECK-SAME: %[[X:.*]]: tensor<4xf32>, %[[Y:.*]]: tensor<4xf32>
func.func @select(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %false = nn.constant dense<false> : tensor<i1>
  %0 = nn.select %false, %x, %y : (tensor<i1>, tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK-NEXT: return %[[Y]]
  return %0 : tensor<4xf32>
}

// CHECK-LABEL: func.func @casts
// CHECK-SAME: %[[X:.*]]: tensor<4xf16>, %[[I:.*]]: tensor<4xi32>
func.func @casts(%x: tensor<4xf16>, %i: tensor<4xi32>) -> (tensor<4xf16>, tensor<4xi32>, tensor<4xi32>) {
  %0 = nn.cast %x {to = f32} : (tensor<4xf16>) -> tensor<4xf32>
  %1 = nn.cast %0 {to = f16} : (tensor<4xf32>) -> tensor<4xf16>
  %2 = nn.cast %i {to = i64} : (tensor<4xi32>) -> tensor<4xi64>
  %3 = nn.cast %2 {to = i32} : (tensor<4xi64>) -> tensor<4xi32>
  // CHECK-NEXT: %[[F:.*]] = nn.cast %[[I]] {to = f32}
  // CHECK-NEXT: %[[BACK:.*]] = nn.cast %[[F]] {to = i32}
  %4 = nn.cast %i {to = f32} : (tensor<4xi32>) -> tensor<4xf32>
  %5 = nn.cast %4 {to = i32} : (tensor<4xf32>) -> tensor<4xi32>
  // CHECK-NEXT: return %[[X]], %[[I]], %[[BACK]]
  return %1, %3, %5 : tensor<4xf16>, tensor<4xi32>, tensor<4xi32>
}

// CHECK-LABEL: func.func @reshape
// CHECK-SAME: %[[X:.*]]: tensor<2x3x4xf32>, %[[N:.*]]: tensor<?x4xf32>
func.func @reshape(%x: tensor<2x3x4xf32>, %n: tensor<?x4xf32> {nn.dims = affine_map<()[s0] -> (s0, 4)>})
    -> (tensor<24xf32>, tensor<2x3x4xf32>, tensor<?x4xf32>) attributes {nn.symbols = [#nn.symbol<"n", input, 0, 100>]} {
  %0 = nn.reshape %x {shape = affine_map<() -> (6, 4)>} : (tensor<2x3x4xf32>) -> tensor<6x4xf32>
  // CHECK-NEXT: %[[R:.*]] = nn.reshape %[[X]] {{.*}} : (tensor<2x3x4xf32>) -> tensor<24xf32>
  %1 = nn.reshape %0 {shape = affine_map<() -> (24)>} : (tensor<6x4xf32>) -> tensor<24xf32>
  %2 = nn.reshape %0 {shape = affine_map<() -> (2, 3, 4)>} : (tensor<6x4xf32>) -> tensor<2x3x4xf32>
  %3 = nn.reshape %n {shape = affine_map<()[s0] -> (s0 * 4)>} : (tensor<?x4xf32>) -> tensor<?xf32>
  %4 = nn.reshape %3 {shape = affine_map<()[s0] -> (s0, 4)>} : (tensor<?xf32>) -> tensor<?x4xf32>
  // CHECK-NEXT: return %[[R]], %[[X]], %[[N]]
  return %1, %2, %4 : tensor<24xf32>, tensor<2x3x4xf32>, tensor<?x4xf32>
}

// Two unknown sizes may trade places.
// CHECK-LABEL: func.func @reshape_swap
func.func @reshape_swap(%x: tensor<?x?xf32> {nn.dims = affine_map<()[s0, s1] -> (s0, s1)>}) -> tensor<?x?xf32>
    attributes {nn.symbols = [#nn.symbol<"a", input, 0, 100>, #nn.symbol<"b", input, 0, 100>]} {
  // CHECK: nn.reshape
  %0 = nn.reshape %x {shape = affine_map<()[s0, s1] -> (s1, s0)>} : (tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// CHECK-LABEL: func.func @transpose
// CHECK-SAME: %[[X:.*]]: tensor<2x3x4xf32>
func.func @transpose(%x: tensor<2x3x4xf32>) -> (tensor<3x2x4xf32>, tensor<2x3x4xf32>) {
  // CHECK-NEXT: %[[T:.*]] = nn.transpose %[[X]] {perm = array<i64: 1, 0, 2>}
  %0 = nn.transpose %x {perm = array<i64: 2, 1, 0>} : (tensor<2x3x4xf32>) -> tensor<4x3x2xf32>
  %1 = nn.transpose %0 {perm = array<i64: 1, 2, 0>} : (tensor<4x3x2xf32>) -> tensor<3x2x4xf32>
  %2 = nn.transpose %0 {perm = array<i64: 2, 1, 0>} : (tensor<4x3x2xf32>) -> tensor<2x3x4xf32>
  // CHECK-NEXT: return %[[T]], %[[X]]
  return %1, %2 : tensor<3x2x4xf32>, tensor<2x3x4xf32>
}

// CHECK-LABEL: func.func @views
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32>
func.func @views(%x: tensor<2x3xf32>) -> (tensor<2x3xf32>, tensor<2x3xf32>) {
  %0 = nn.broadcast %x {shape = affine_map<() -> (2, 3)>} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %1 = nn.slice %0 {offsets = affine_map<() -> (0, 0)>, sizes = affine_map<() -> (2, 3)>, steps = array<i64: 1, 1>}
      : (tensor<2x3xf32>) -> tensor<2x3xf32>
  %2 = nn.concat %1 {axis = 0 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK-NEXT: %[[R:.*]] = nn.slice %[[X]]
  %3 = nn.slice %2 {offsets = affine_map<() -> (1, 0)>, sizes = affine_map<() -> (2, 3)>, steps = array<i64: -1, 1>}
      : (tensor<2x3xf32>) -> tensor<2x3xf32>
  // CHECK-NEXT: return %[[X]], %[[R]]
  return %2, %3 : tensor<2x3xf32>, tensor<2x3xf32>
}

// CHECK-LABEL: func.func @packs
// CHECK-SAME: %[[X:.*]]: tensor<1x20x5xf32>, %[[P:.*]]: tensor<1x2x5x16xf32>
func.func @packs(%x: tensor<1x20x5xf32>, %p: tensor<1x2x5x16xf32>)
    -> (tensor<1x20x5xf32>, tensor<1x2x5x16xf32>, tensor<1x2x5x16xf32>) {
  %0 = nn.pack %x {axis = 1 : i64, block = 16 : i64} : (tensor<1x20x5xf32>) -> tensor<1x2x5x16xf32>
  %1 = nn.unpack %0 {axis = 1 : i64, size = 20 : i64} : (tensor<1x2x5x16xf32>) -> tensor<1x20x5xf32>
  %2 = nn.unpack %p {axis = 1 : i64, size = 32 : i64} : (tensor<1x2x5x16xf32>) -> tensor<1x32x5xf32>
  %3 = nn.pack %2 {axis = 1 : i64, block = 16 : i64} : (tensor<1x32x5xf32>) -> tensor<1x2x5x16xf32>
  // The tail of a partial block becomes zeros.
  // CHECK-NEXT: nn.unpack %[[P]]
  // CHECK-NEXT: %[[Z:.*]] = nn.pack
  %4 = nn.unpack %p {axis = 1 : i64, size = 20 : i64} : (tensor<1x2x5x16xf32>) -> tensor<1x20x5xf32>
  %5 = nn.pack %4 {axis = 1 : i64, block = 16 : i64} : (tensor<1x20x5xf32>) -> tensor<1x2x5x16xf32>
  // CHECK-NEXT: return %[[X]], %[[P]], %[[Z]]
  return %1, %3, %5 : tensor<1x20x5xf32>, tensor<1x2x5x16xf32>, tensor<1x2x5x16xf32>
}

// CHECK-LABEL: func.func @bitcasts
// CHECK-SAME: %[[X:.*]]: tensor<4xui8>, %[[F:.*]]: tensor<4xf32>
func.func @bitcasts(%x: tensor<4xui8>, %f: tensor<4xf32>) -> (tensor<4xui8>, tensor<4xui32>) {
  %0 = nn.bitcast %x {to = !nn.narrow<i4>} : (tensor<4xui8>) -> tensor<4x!nn.narrow<i4>>
  %1 = nn.bitcast %0 {to = ui8} : (tensor<4x!nn.narrow<i4>>) -> tensor<4xui8>
  %2 = nn.bitcast %f {to = i32} : (tensor<4xf32>) -> tensor<4xi32>
  // CHECK-NEXT: %[[U:.*]] = nn.bitcast %[[F]] {to = ui32}
  %3 = nn.bitcast %2 {to = ui32} : (tensor<4xi32>) -> tensor<4xui32>
  // CHECK-NEXT: return %[[X]], %[[U]]
  return %1, %3 : tensor<4xui8>, tensor<4xui32>
}
