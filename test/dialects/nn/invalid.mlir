// What a model gets wrong is an error that names the sizes; a result type that contradicts the operands is refused.
// RUN: aicc-opt %s -split-input-file -verify-diagnostics

func.func @result_type(%a: tensor<2x3xf32>) {
  // expected-error @+2 {{'nn.add' op inferred type(s) 'tensor<2x3xf32>' are incompatible with return type(s) of operation 'tensor<2x4xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.add %a, %a : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @result_element(%a: tensor<2x3xf32>) {
  // expected-error @+2 {{'nn.compare' op inferred type(s) 'tensor<2x3xi1>' are incompatible}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.compare %a, %a {kind = #nn.compare<eq>} : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

// A type may say more or less than what can be inferred.
func.func @compatible(%a: tensor<?x3xf32>, %b: tensor<2x3xf32>) {
  %0 = nn.neg %a : (tensor<?x3xf32>) -> tensor<2x3xf32>
  %1 = nn.neg %b : (tensor<2x3xf32>) -> tensor<?x3xf32>
  return
}

// -----

func.func @broadcast(%a: tensor<2x3xf32>, %b: tensor<4x3xf32>) {
  // expected-error @+2 {{'nn.mul' op cannot broadcast 2x3 and 4x3}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.mul %a, %b : (tensor<2x3xf32>, tensor<4x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @elements(%a: tensor<2xf32>, %b: tensor<2xf16>) {
  // expected-error @+2 {{'nn.add' op needs operands of one element type, has f32 and f16}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.add %a, %b : (tensor<2xf32>, tensor<2xf16>) -> tensor<2xf32>
  return
}

// -----

func.func @not_a_number(%a: tensor<2xi1>) {
  // expected-error @+2 {{'nn.add' op needs numbers, has i1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.add %a, %a : (tensor<2xi1>, tensor<2xi1>) -> tensor<2xi1>
  return
}

// -----

func.func @integer_exp(%a: tensor<2xi32>) {
  // expected-error @+2 {{'nn.exp' op needs floating-point elements, has i32}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.exp %a : (tensor<2xi32>) -> tensor<2xi32>
  return
}

// -----

func.func @element_type(%a: tensor<2xindex>) {
  // expected-error @+1 {{operand #0 must be ranked tensor of element type of nn values}}
  %0 = nn.neg %a : (tensor<2xindex>) -> tensor<2xindex>
  return
}

// -----

func.func @reshape(%a: tensor<2x3xf32>) {
  // expected-error @+2 {{'nn.reshape' op cannot reshape 2x3 to 4x2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.reshape %a {shape = affine_map<() -> (4, 2)>} : (tensor<2x3xf32>) -> tensor<4x2xf32>
  return
}

// -----

func.func @negative_size(%a: tensor<?xf32>) {
  // expected-error @+2 {{'nn.reshape' op has a result with a negative size: -1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.reshape %a {shape = affine_map<() -> (-1)>} : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @too_large(%a: tensor<1xf32>) {
  // expected-error @+2 {{'nn.broadcast' op has a result with too many elements: 4294967296x4294967296}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.broadcast %a {shape = affine_map<() -> (4294967296, 4294967296)>} : (tensor<1xf32>) -> tensor<4294967296x4294967296xf32>
  return
}

// -----

func.func @map(%a: tensor<?xf32>) {
  // expected-error @+2 {{'nn.reshape' op 'shape' must range over symbols only}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.reshape %a {shape = affine_map<(d0) -> (d0)>} : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

func.func @permutation(%a: tensor<2x3xf32>) {
  // expected-error @+2 {{'nn.transpose' op 'perm' is not a permutation of the dimensions of 2x3}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.transpose %a {perm = array<i64: 1, 1>} : (tensor<2x3xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @axis(%a: tensor<2x3xf32>) {
  // expected-error @+2 {{'nn.softmax' op axis -1 is out of range for rank 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.softmax %a {axis = -1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @slice(%a: tensor<5xf32>) {
  // expected-error @+2 {{'nn.slice' op leaves dimension 0 of 5: offset 1, size 3, step 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.slice %a {offsets = affine_map<() -> (1)>, sizes = affine_map<() -> (3)>, steps = array<i64: 2>} : (tensor<5xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @step(%a: tensor<5xf32>) {
  // expected-error @+2 {{'nn.slice' op has step 0 along dimension 0}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.slice %a {offsets = affine_map<() -> (1)>, sizes = affine_map<() -> (3)>, steps = array<i64: 0>} : (tensor<5xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @concat(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) {
  // expected-error @+2 {{sizes of dimension 1 (of 4x5, for one) differ: 3 and 5}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.concat %a, %b {axis = 0 : i64} : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<6x3xf32>
  return
}

// -----

func.func @matmul(%a: tensor<2x3xf32>, %b: tensor<4x5xf32>) {
  // expected-error @+2 {{'nn.matmul' op inner sizes of 2x3 and 4x5 (transposed) differ: 3 and 5}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.matmul %a, %b {transpose_rhs = true} : (tensor<2x3xf32>, tensor<4x5xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @stride(%x: tensor<1x8x9x9xf32>, %w: tensor<8x8x3x3xf32>) {
  // expected-error @+2 {{'nn.conv' op 'strides' has the value 0, allowed are 1 to 2147483648}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.conv %x, %w {strides = array<i64: 0, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>,
      groups = 1 : i64} : (tensor<1x8x9x9xf32>, tensor<8x8x3x3xf32>) -> tensor<1x8x7x7xf32>
  return
}

// -----

func.func @kernel(%x: tensor<1x8x2x9xf32>, %w: tensor<8x8x3x3xf32>) {
  // expected-error @+2 {{'nn.conv' op has a window of 3 elements over 2 padded by 0 and 0}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>,
      groups = 1 : i64} : (tensor<1x8x2x9xf32>, tensor<8x8x3x3xf32>) -> tensor<1x8x?x7xf32>
  return
}

// -----

func.func @channels(%x: tensor<1x8x9x9xf32>, %w: tensor<8x8x3x3xf32>) {
  // expected-error @+2 {{'nn.conv' op input channels of 1x8x9x9 and of filter 8x8x3x3 with 2 groups differ: 8 and 16}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>,
      groups = 2 : i64} : (tensor<1x8x9x9xf32>, tensor<8x8x3x3xf32>) -> tensor<1x8x7x7xf32>
  return
}

// -----

func.func @pool_kernel(%x: tensor<1x8x9xf32>) {
  // expected-error @+2 {{'nn.avg_pool' op 'kernel' has the value -3}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.avg_pool %x {kernel = array<i64: -3>, strides = array<i64: 1>, dilations = array<i64: 1>, pads_low = array<i64: 0>,
      pads_high = array<i64: 0>} : (tensor<1x8x9xf32>) -> tensor<1x8x7xf32>
  return
}

// -----

func.func @heads(%q: tensor<1x6x5x8xf32>, %k: tensor<1x4x5x8xf32>) {
  // expected-error @+2 {{'nn.attention' op has 6 query heads, which 4 key heads do not divide}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.attention %q, %k, %k {scale = 1.0 : f32} : (tensor<1x6x5x8xf32>, tensor<1x4x5x8xf32>, tensor<1x4x5x8xf32>) -> tensor<1x6x5x8xf32>
  return
}

// -----

func.func @weights(%x: tensor<7x2x3xf32>, %w: tensor<1x15x3xf32>, %r: tensor<1x16x4xf32>) {
  // expected-error @+2 {{'nn.lstm' op weights must be 1x16x3, is 1x15x3}}
  // expected-error @+1 {{failed to infer returned types}}
  %0:3 = nn.lstm %x, %w, %r {direction = #nn.direction<forward>, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0>}
      : (tensor<7x2x3xf32>, tensor<1x15x3xf32>, tensor<1x16x4xf32>) -> (tensor<7x1x2x4xf32>, tensor<1x2x4xf32>, tensor<1x2x4xf32>)
  return
}

// -----

func.func @weight_size() {
  // expected-error @+1 {{'nn.weight' op 'w' has 60 bytes at offset 0, its type is tensor<4x4xf32>}}
  %0 = nn.weight "w" <"model.onnx", 0, 60> : tensor<4x4xf32>
  return
}

// -----

func.func @gather_indices(%x: tensor<4xf32>, %i: tensor<2xf32>) {
  // expected-error @+2 {{'nn.gather' op needs indices of i32 or i64, has f32}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.gather %x, %i {axis = 0 : i64} : (tensor<4xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

// expected-error @+1 {{symbol 'n' has bounds 5..4}}
func.func @bounds() attributes {nn.symbols = [#nn.symbol<"n", input, 5, 4>]} { return }

// -----

// expected-error @+1 {{symbol 'm' must be defined by two expressions over earlier symbols}}
func.func @definition() attributes {nn.symbols = [#nn.symbol<"m", max, 0, 4, affine_map<()[s0] -> (s0, 2)>>]} { return }

// -----

// expected-error @+1 {{'nn.dims' of argument 0 uses symbols that 'nn.symbols' does not have}}
func.func @dims(%x: tensor<?xf32> {nn.dims = affine_map<()[s0] -> (s0)>}) { return }

// -----

// expected-error @+1 {{'nn.dims' of argument 0 contradicts its type 'tensor<?x3xf32>'}}
func.func @dims_type(%x: tensor<?x3xf32> {nn.dims = affine_map<()[s0] -> (s0, 4)>})
    attributes {nn.symbols = [#nn.symbol<"n", input, 0, 4>]} { return }

// -----

func.func @narrow_arithmetic(%a: tensor<2x!nn.narrow<f8E5M2>>) {
  // expected-error @+2 {{'nn.add' op needs numbers, has f8E5M2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.add %a, %a : (tensor<2x!nn.narrow<f8E5M2>>, tensor<2x!nn.narrow<f8E5M2>>) -> tensor<2x!nn.narrow<f8E5M2>>
  return
}

// -----

func.func @bitcast_widths(%a: tensor<2xf32>) {
  // expected-error @+2 {{'nn.bitcast' op cannot read the bits of f32 as i16}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.bitcast %a {to = i16} : (tensor<2xf32>) -> tensor<2xi16>
  return
}

// -----

func.func @decode_integers(%a: tensor<2xui8>) {
  // expected-error @+2 {{'nn.decode' op decodes floats only}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.decode %a {format = #nn.format<i4>} : (tensor<2xui8>) -> tensor<2xf32>
  return
}

// -----

func.func @narrow_scatter(%a: tensor<2x!nn.narrow<i4>>, %i: tensor<2xi64>) {
  // expected-error @+2 {{'nn.scatter_elements' op needs numbers or booleans to combine, has i4}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = nn.scatter_elements %a, %i, %a {axis = 0 : i64, kind = #nn.scatter<add>}
      : (tensor<2x!nn.narrow<i4>>, tensor<2xi64>, tensor<2x!nn.narrow<i4>>) -> tensor<2x!nn.narrow<i4>>
  return
}
