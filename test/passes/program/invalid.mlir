// What cannot become a program is said with the place it comes from.
// RUN: aicc-opt %s -split-input-file -verify-diagnostics -build-program

func.func @left_over(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{did not become part of a kernel}}
  %0 = nn.relu %x : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

func.func @no_shapes(%x: tensor<?xf32>) -> tensor<?xf32> {
  // expected-error @below {{has a result of symbolic sizes and no 'exe.shapes'}}
  %0 = exe.launch @kernels::@a (%x) grid affine_map<() -> (2)> scratch affine_map<() -> (0)> params affine_map<() -> ()>
      {inplace = array<i64>, names = []} : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// -----

// expected-error @below {{no input has the size 'a' as a dimension of its own}}
func.func @unbound(%x: tensor<?xf32> {nn.dims = affine_map<()[s0, s1] -> (s0 + s1)>}) -> tensor<4xf32>
    attributes {nn.symbols = [#nn.symbol<"a", input, 0, 64>, #nn.symbol<"b", input, 0, 64>]} {
  %0 = exe.launch @kernels::@a (%x) grid affine_map<()[s0, s1] -> (s0)> scratch affine_map<()[s0, s1] -> (0)> params affine_map<()[s0, s1] -> ()>
      {inplace = array<i64>, names = []} : (tensor<?xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
