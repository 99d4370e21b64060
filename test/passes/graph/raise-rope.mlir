// RUN: aicc-opt %s --nn-raise | FileCheck %s

// Halves by slices.
// CHECK-LABEL: func.func @halves
// CHECK-NEXT: nn.rope %arg0, %arg1, %arg2 :
// CHECK-NEXT: return
func.func @halves(%x: tensor<2x4x3x8xf32>, %cos: tensor<2x1x3x8xf32>, %sin: tensor<2x1x3x8xf32>) -> tensor<2x4x3x8xf32> {
  %0 = nn.mul %x, %cos : (tensor<2x4x3x8xf32>, tensor<2x1x3x8xf32>) -> tensor<2x4x3x8xf32>
  %1 = nn.slice %x {offsets = affine_map<() -> (0, 0, 0, 0)>, sizes = affine_map<() -> (2, 4, 3, 4)>, steps = array<i64: 1, 1, 1, 1>}
      : (tensor<2x4x3x8xf32>) -> tensor<2x4x3x4xf32>
  %2 = nn.slice %x {offsets = affine_map<() -> (0, 0, 0, 4)>, sizes = affine_map<() -> (2, 4, 3, 4)>, steps = array<i64: 1, 1, 1, 1>}
      : (tensor<2x4x3x8xf32>) -> tensor<2x4x3x4xf32>
  %3 = nn.neg %2 : (tensor<2x4x3x4xf32>) -> tensor<2x4x3x4xf32>
  %4 = nn.concat %3, %1 {axis = 3 : i64} : (tensor<2x4x3x4xf32>, tensor<2x4x3x4xf32>) -> tensor<2x4x3x8xf32>
  %5 = nn.mul %4, %sin : (tensor<2x4x3x8xf32>, tensor<2x1x3x8xf32>) -> tensor<2x4x3x8xf32>
  %6 = nn.add %0, %5 : (tensor<2x4x3x8xf32>, tensor<2x4x3x8xf32>) -> tensor<2x4x3x8xf32>
  return %6 : tensor<2x4x3x8xf32>
}

// Halves the other way round are no rotation.
// CHECK-LABEL: func.func @not_a_rotation
// CHECK-NOT: nn.rope
// CHECK: nn.concat
func.func @not_a_rotation(%x: tensor<3x8xf32>, %cos: tensor<3x8xf32>, %sin: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %0 = nn.mul %x, %cos : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  %1 = nn.slice %x {offsets = affine_map<() -> (0, 0)>, sizes = affine_map<() -> (3, 4)>, steps = array<i64: 1, 1>} : (tensor<3x8xf32>) -> tensor<3x4xf32>
  %2 = nn.slice %x {offsets = affine_map<() -> (0, 4)>, sizes = affine_map<() -> (3, 4)>, steps = array<i64: 1, 1>} : (tensor<3x8xf32>) -> tensor<3x4xf32>
  %3 = nn.neg %1 : (tensor<3x4xf32>) -> tensor<3x4xf32>
  %4 = nn.concat %3, %2 {axis = 1 : i64} : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x8xf32>
  %5 = nn.mul %4, %sin : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  %6 = nn.add %0, %5 : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  return %6 : tensor<3x8xf32>
}

// Neighbours: slices of step 2, stacked.
// CHECK-LABEL: func.func @interleaved
// CHECK-NEXT: nn.rope %arg0, %arg1, %arg2 {interleaved = true}
// CHECK-NEXT: return
func.func @interleaved(%x: tensor<3x8xf32>, %cos: tensor<3x8xf32>, %sin: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %0 = nn.slice %x {offsets = affine_map<() -> (0, 0)>, sizes = affine_map<() -> (3, 4)>, steps = array<i64: 1, 2>} : (tensor<3x8xf32>) -> tensor<3x4xf32>
  %1 = nn.slice %x {offsets = affine_map<() -> (0, 1)>, sizes = affine_map<() -> (3, 4)>, steps = array<i64: 1, 2>} : (tensor<3x8xf32>) -> tensor<3x4xf32>
  %2 = nn.neg %1 : (tensor<3x4xf32>) -> tensor<3x4xf32>
  %3 = nn.reshape %2 {shape = affine_map<() -> (3, 4, 1)>} : (tensor<3x4xf32>) -> tensor<3x4x1xf32>
  %4 = nn.reshape %0 {shape = affine_map<() -> (3, 4, 1)>} : (tensor<3x4xf32>) -> tensor<3x4x1xf32>
  %5 = nn.concat %3, %4 {axis = 2 : i64} : (tensor<3x4x1xf32>, tensor<3x4x1xf32>) -> tensor<3x4x2xf32>
  %6 = nn.reshape %5 {shape = affine_map<() -> (3, 8)>} : (tensor<3x4x2xf32>) -> tensor<3x8xf32>
  %7 = nn.mul %6, %sin : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  %8 = nn.mul %cos, %x : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  %9 = nn.add %7, %8 : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  return %9 : tensor<3x8xf32>
}

// Computed half by half.
// CHECK-LABEL: func.func @by_halves
// CHECK-DAG: %[[C:.*]] = nn.concat %arg1, %arg1 {axis = 1 : i64}
// CHECK-DAG: %[[S:.*]] = nn.concat %arg2, %arg2 {axis = 1 : i64}
// CHECK: nn.rope %arg0, %[[C]], %[[S]]
// CHECK-NEXT: return
func.func @by_halves(%x: tensor<3x8xf32>, %cos: tensor<3x4xf32>, %sin: tensor<3x4xf32>) -> tensor<3x8xf32> {
  %0 = nn.slice %x {offsets = affine_map<() -> (0, 0)>, sizes = affine_map<() -> (3, 4)>, steps = array<i64: 1, 1>} : (tensor<3x8xf32>) -> tensor<3x4xf32>
  %1 = nn.slice %x {offsets = affine_map<() -> (0, 4)>, sizes = affine_map<() -> (3, 4)>, steps = array<i64: 1, 1>} : (tensor<3x8xf32>) -> tensor<3x4xf32>
  %2 = nn.mul %0, %cos : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %3 = nn.mul %1, %sin : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %4 = nn.sub %2, %3 : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %5 = nn.mul %0, %sin : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %6 = nn.mul %1, %cos : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %7 = nn.add %6, %5 : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x4xf32>
  %8 = nn.concat %4, %7 {axis = 1 : i64} : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x8xf32>
  return %8 : tensor<3x8xf32>
}
