// A launch may write its result over an operand that it reads last, but never over an argument, a constant or what is read later.
// RUN: aicc-opt %s -split-input-file -build-program | FileCheck %s

// CHECK-LABEL: rt.program @chain
// Everything happens in the result's memory.
// CHECK-NOT: rt.arena
// CHECK: %[[Y:.*]] = rt.results
// CHECK: buffers(%{{.*}}, %[[Y]])
// CHECK: buffers(%[[Y]], %[[Y]])
func.func @chain(%x: tensor<16xf32>) -> tensor<16xf32> {
  %1 = exe.launch @kernels::@b (%x) grid affine_map<() -> (2)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64: 0, 0>, names = []} : (tensor<16xf32>) -> tensor<16xf32>
  %2 = exe.launch @kernels::@b (%1) grid affine_map<() -> (2)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64: 0, 0>, names = []} : (tensor<16xf32>) -> tensor<16xf32>
  return %2 : tensor<16xf32>
}

// -----

// %1 is read again after the launch that could have overwritten it.
// CHECK-LABEL: rt.program @later
// CHECK: %[[ARENA:.*]] = rt.arena 128
// CHECK: rt.dispatch @kernels::@b {{.*}} buffers(%[[ARENA]], %[[ARENA]]) offsets(%[[ONE:.*]], %[[TWO:.*]]) lengths
// CHECK: rt.dispatch @kernels::@add {{.*}} buffers(%[[ARENA]], %[[ARENA]], %{{.*}}) offsets(%[[ONE]], %[[TWO]], %{{.*}})
func.func @later(%x: tensor<16xf32>) -> tensor<16xf32> {
  %1 = exe.launch @kernels::@b (%x) grid affine_map<() -> (2)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64>, names = []} : (tensor<16xf32>) -> tensor<16xf32>
  %2 = exe.launch @kernels::@b (%1) grid affine_map<() -> (2)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64: 0, 0>, names = []} : (tensor<16xf32>) -> tensor<16xf32>
  %3 = exe.launch @kernels::@add (%1, %2) grid affine_map<() -> (2)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64>, names = []} : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
  return %3 : tensor<16xf32>
}

// -----

// The operand is there twice, and only one of the places may be overwritten.
// CHECK-LABEL: rt.program @twice
// CHECK: %[[Y:.*]] = rt.results
// CHECK: rt.dispatch @kernels::@gather {{.*}} buffers(%[[ARENA:.*]], %[[ARENA]], %[[Y]])
func.func @twice(%x: tensor<16xf32>) -> tensor<16xf32> {
  %1 = exe.launch @kernels::@b (%x) grid affine_map<() -> (2)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64>, names = []} : (tensor<16xf32>) -> tensor<16xf32>
  %2 = exe.launch @kernels::@gather (%1, %1) grid affine_map<() -> (2)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64: 0, 0>, names = []} : (tensor<16xf32>, tensor<16xf32>) -> tensor<16xf32>
  return %2 : tensor<16xf32>
}
