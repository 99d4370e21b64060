// Every family parses, verifies, and prints as it was read; default attributes are left out.
// RUN: aicc-opt %s | aicc-opt | FileCheck %s
// RUN: aicc-opt %s --mlir-print-op-generic | aicc-opt | FileCheck %s

// CHECK-LABEL: func.func @symbols
// CHECK-SAME: %{{.*}}: tensor<?x?xf32> {nn.dims = #map{{[0-9]*}}, nn.name = "x"}
// CHECK-SAME: nn.symbols = [#nn.symbol<"batch", input, 1, 32>, #nn.symbol<"seq", input, 0, 9223372036854775807>, #nn.symbol<"max0", max, 1, 64, #map{{[0-9]*}}>]
func.func @symbols(%x: tensor<?x?xf32> {nn.dims = affine_map<()[s0, s1] -> (s0, s1)>, nn.name = "x"})
    -> (tensor<?xf32> {nn.name = "y"})
    attributes {nn.symbols = [#nn.symbol<"batch", input, 1, 32>, #nn.symbol<"seq", input, 0, 9223372036854775807>,
                              #nn.symbol<"max0", max, 1, 64, affine_map<()[s0, s1] -> (s0, s1)>>]} {
  // CHECK: nn.reshape %{{.*}} {shape = #map{{[0-9]*}}} : (tensor<?x?xf32>) -> tensor<?xf32>
  %0 = nn.reshape %x {shape = affine_map<()[s0, s1] -> (s0 * s1)>} : (tensor<?x?xf32>) -> tensor<?xf32>
  // CHECK: nn.sizes {scalar = true, value = #map{{[0-9]*}}} : () -> tensor<i64>
  %1 = nn.sizes {value = affine_map<()[s0, s1] -> (s1)>, scalar = true} : () -> tensor<i64>
  // CHECK: nn.sizes {value = #map{{[0-9]*}}} : () -> tensor<2xi64>
  %2 = nn.sizes {value = affine_map<()[s0, s1] -> (s0, s1 * 2)>} : () -> tensor<2xi64>
  // CHECK: nn.iota {axis = 0 : i64, shape = #map{{[0-9]*}}, type = i32} : () -> tensor<?xi32>
  %3 = nn.iota {shape = affine_map<()[s0] -> (s0)>, axis = 0 : i64, type = i32} : () -> tensor<?xi32>
  return %0 : tensor<?xf32>
}

// CHECK-LABEL: func.func @constants
func.func @constants() -> (tensor<2x3xf32>, tensor<4x8xf16>) {
  // CHECK: nn.constant dense<1.000000e+00> : tensor<2x3xf32>
  %0 = nn.constant dense<1.0> : tensor<2x3xf32>
  // CHECK: nn.weight "encoder.w" <"model.onnx", 128, 64> : tensor<4x8xf16>
  %1 = nn.weight "encoder.w" <"model.onnx", 128, 64> : tensor<4x8xf16>
  return %0, %1 : tensor<2x3xf32>, tensor<4x8xf16>
}

// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%a: tensor<2x1xf32>, %b: tensor<?xf32>, %i: tensor<4xui8>, %p: tensor<4xi1>) {
  // CHECK: nn.add %{{.*}}, %{{.*}} : (tensor<2x1xf32>, tensor<?xf32>) -> tensor<2x?xf32>
  %0 = nn.add %a, %b : (tensor<2x1xf32>, tensor<?xf32>) -> tensor<2x?xf32>
  // CHECK: nn.gelu %{{.*}} : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %1 = nn.gelu %a : (tensor<2x1xf32>) -> tensor<2x1xf32>
  // CHECK: nn.gelu %{{.*}} {tanh = true}
  %2 = nn.gelu %a {tanh = true} : (tensor<2x1xf32>) -> tensor<2x1xf32>
  // CHECK: nn.compare %{{.*}}, %{{.*}} {kind = #nn.compare<le>} : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xi1>
  %3 = nn.compare %i, %i {kind = #nn.compare<le>} : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xi1>
  // CHECK: nn.select
  %4 = nn.select %p, %i, %i : (tensor<4xi1>, tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  // CHECK: nn.cast %{{.*}} {to = bf16} : (tensor<4xui8>) -> tensor<4xbf16>
  %5 = nn.cast %i {to = bf16} : (tensor<4xui8>) -> tensor<4xbf16>
  // CHECK: nn.pow %{{.*}}, %{{.*}} : (tensor<2x1xf32>, tensor<4xui8>) -> tensor<2x4xf32>
  %6 = nn.pow %a, %i : (tensor<2x1xf32>, tensor<4xui8>) -> tensor<2x4xf32>
  // CHECK: nn.leaky_relu %{{.*}} {alpha = 0.00999999977 : f32}
  %7 = nn.leaky_relu %a {alpha = 0.01 : f32} : (tensor<2x1xf32>) -> tensor<2x1xf32>
  // CHECK: nn.is_inf %{{.*}} {negative = false} : (tensor<2x1xf32>) -> tensor<2x1xi1>
  %8 = nn.is_inf %a {negative = false} : (tensor<2x1xf32>) -> tensor<2x1xi1>
  return
}

// CHECK-LABEL: func.func @structure
func.func @structure(%x: tensor<2x3x5xf32>, %v: tensor<f32>, %i: tensor<7x2xi64>, %u: tensor<7x5xf32>) {
  // CHECK: nn.broadcast
  %0 = nn.broadcast %v {shape = affine_map<() -> (2, 4)>} : (tensor<f32>) -> tensor<2x4xf32>
  // CHECK: nn.transpose %{{.*}} {perm = array<i64: 2, 0, 1>} : (tensor<2x3x5xf32>) -> tensor<5x2x3xf32>
  %1 = nn.transpose %x {perm = array<i64: 2, 0, 1>} : (tensor<2x3x5xf32>) -> tensor<5x2x3xf32>
  // CHECK: nn.slice
  %2 = nn.slice %x {offsets = affine_map<() -> (0, 2, 0)>, sizes = affine_map<() -> (2, 3, 2)>, steps = array<i64: 1, -1, 4>}
      : (tensor<2x3x5xf32>) -> tensor<2x3x2xf32>
  // CHECK: nn.concat %{{.*}}, %{{.*}} {axis = 1 : i64} : (tensor<2x3x5xf32>, tensor<2x3x5xf32>) -> tensor<2x6x5xf32>
  %3 = nn.concat %x, %x {axis = 1 : i64} : (tensor<2x3x5xf32>, tensor<2x3x5xf32>) -> tensor<2x6x5xf32>
  // CHECK: nn.pad %{{.*}}, %{{.*}} {{{.*}}mode = #nn.pad<constant>} : (tensor<2x3x5xf32>, tensor<f32>) -> tensor<3x3x4xf32>
  %4 = nn.pad %x, %v {low = affine_map<() -> (0, 0, -1)>, high = affine_map<() -> (1, 0, 0)>, mode = #nn.pad<constant>}
      : (tensor<2x3x5xf32>, tensor<f32>) -> tensor<3x3x4xf32>
  // CHECK: nn.gather
  %5 = nn.gather %x, %i {axis = 1 : i64} : (tensor<2x3x5xf32>, tensor<7x2xi64>) -> tensor<2x7x2x5xf32>
  // CHECK: nn.gather_nd
  %6 = nn.gather_nd %x, %i {batch_dims = 0 : i64} : (tensor<2x3x5xf32>, tensor<7x2xi64>) -> tensor<7x5xf32>
  // CHECK: nn.scatter_nd %{{.*}}, %{{.*}}, %{{.*}} {kind = #nn.scatter<add>}
  %7 = nn.scatter_nd %x, %i, %u {kind = #nn.scatter<add>} : (tensor<2x3x5xf32>, tensor<7x2xi64>, tensor<7x5xf32>) -> tensor<2x3x5xf32>
  // CHECK: nn.pack %{{.*}} {axis = 1 : i64, block = 2 : i64} : (tensor<2x3x5xf32>) -> tensor<2x2x5x2xf32>
  %8 = nn.pack %x {axis = 1 : i64, block = 2 : i64} : (tensor<2x3x5xf32>) -> tensor<2x2x5x2xf32>
  // CHECK: nn.unpack %{{.*}} {axis = 1 : i64, size = 3 : i64} : (tensor<2x2x5x2xf32>) -> tensor<2x3x5xf32>
  %9 = nn.unpack %8 {axis = 1 : i64, size = 3 : i64} : (tensor<2x2x5x2xf32>) -> tensor<2x3x5xf32>
  return
}

// CHECK-LABEL: func.func @compute
func.func @compute(%x: tensor<1x8x10x10xf32>, %w: tensor<16x4x3x3xf32>, %b: tensor<16xf32>, %s: tensor<8xf32>, %m: tensor<10x6xf32>) {
  // CHECK: nn.reduce %{{.*}} {axes = array<i64: 2, 3>, keepdims = false, kind = #nn.reduce<mean>}
  %0 = nn.reduce %x {kind = #nn.reduce<mean>, axes = array<i64: 2, 3>, keepdims = false} : (tensor<1x8x10x10xf32>) -> tensor<1x8xf32>
  // CHECK: nn.arg_reduce
  %1 = nn.arg_reduce %x {max = true, axis = 1 : i64, keepdims = true} : (tensor<1x8x10x10xf32>) -> tensor<1x1x10x10xi64>
  // CHECK: nn.topk %{{.*}} : (tensor<1x8x10x10xf32>) -> (tensor<1x8x10x3xf32>, tensor<1x8x10x3xi64>)
  %2:2 = nn.topk %x {k = affine_map<() -> (3)>, axis = 3 : i64, largest = true}
      : (tensor<1x8x10x10xf32>) -> (tensor<1x8x10x3xf32>, tensor<1x8x10x3xi64>)
  // CHECK: nn.conv %{{.*}}, %{{.*}}, %{{.*}} {{{.*}}} : (tensor<1x8x10x10xf32>, tensor<16x4x3x3xf32>, tensor<16xf32>) -> tensor<1x16x5x5xf32>
  %3 = nn.conv %x, %w, %b {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads_low = array<i64: 1, 1>,
      pads_high = array<i64: 1, 1>, groups = 2 : i64} : (tensor<1x8x10x10xf32>, tensor<16x4x3x3xf32>, tensor<16xf32>) -> tensor<1x16x5x5xf32>
  // CHECK: nn.max_pool
  %4 = nn.max_pool %x {kernel = array<i64: 3, 3>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 0>,
      pads_high = array<i64: 0, 0>, ceil = true} : (tensor<1x8x10x10xf32>) -> tensor<1x8x5x5xf32>
  // CHECK: nn.matmul %{{.*}}, %{{.*}} {transpose_lhs = true} : (tensor<1x8x10x10xf32>, tensor<10x6xf32>) -> tensor<1x8x10x6xf32>
  %5 = nn.matmul %x, %m {transpose_lhs = true} : (tensor<1x8x10x10xf32>, tensor<10x6xf32>) -> tensor<1x8x10x6xf32>
  // CHECK: nn.layer_norm %{{.*}} {axis = 3 : i64, epsilon = 9.99999974E-6 : f32, operandSegmentSizes = array<i32: 1, 0, 0>} : (tensor<1x8x10x10xf32>)
  %6 = nn.layer_norm %x {axis = 3 : i64, epsilon = 1.0e-5 : f32, operandSegmentSizes = array<i32: 1, 0, 0>} : (tensor<1x8x10x10xf32>) -> tensor<1x8x10x10xf32>
  // CHECK: nn.attention
  %7 = nn.attention %x, %x, %x {scale = 0.125 : f32, causal = true}
      : (tensor<1x8x10x10xf32>, tensor<1x8x10x10xf32>, tensor<1x8x10x10xf32>) -> tensor<1x8x10x10xf32>
  // CHECK: nn.resize %{{.*}} {coordinates = #nn.coordinates<half_pixel>, cubic_a = -7.500000e-01 : f32, exclude_outside = false, mode = #nn.resize<linear>, nearest = #nn.nearest<floor>, scales = array<f32>, shape = #map{{[0-9]*}}}
  %8 = nn.resize %x {shape = affine_map<() -> (1, 8, 20, 20)>, scales = array<f32>, mode = #nn.resize<linear>,
      coordinates = #nn.coordinates<half_pixel>, nearest = #nn.nearest<floor>, cubic_a = -0.75 : f32, exclude_outside = false}
      : (tensor<1x8x10x10xf32>) -> tensor<1x8x20x20xf32>
  return
}

// CHECK-LABEL: func.func @recurrent
func.func @recurrent(%x: tensor<?x2x3xf32>, %w: tensor<1x16x3xf32>, %r: tensor<1x16x4xf32>, %c: tensor<1x2x4xf32>) {
  // CHECK: nn.lstm %{{.*}} {direction = #nn.direction<reverse>, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 1, 0>}
  %0:3 = nn.lstm %x, %w, %r, %c {direction = #nn.direction<reverse>, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 1, 0>}
      : (tensor<?x2x3xf32>, tensor<1x16x3xf32>, tensor<1x16x4xf32>, tensor<1x2x4xf32>)
      -> (tensor<?x1x2x4xf32>, tensor<1x2x4xf32>, tensor<1x2x4xf32>)
  return
}

// CHECK-LABEL: func.func @narrow
// CHECK-SAME: tensor<?x4x!nn.narrow<f4E2M1FN>>
func.func @narrow(%x: tensor<?x4x!nn.narrow<f4E2M1FN>>) {
  // CHECK: nn.bitcast %{{.*}} {to = ui8} : (tensor<?x4x!nn.narrow<f4E2M1FN>>) -> tensor<?x4xui8>
  %0 = nn.bitcast %x {to = ui8} : (tensor<?x4x!nn.narrow<f4E2M1FN>>) -> tensor<?x4xui8>
  // CHECK: nn.decode %{{.*}} {format = #nn.format<f4E2M1FN>} : (tensor<?x4xui8>) -> tensor<?x4xf32>
  %1 = nn.decode %0 {format = #nn.format<f4E2M1FN>} : (tensor<?x4xui8>) -> tensor<?x4xf32>
  // CHECK: nn.encode %{{.*}} {format = #nn.format<f8E8M0FNU>, rounding = #nn.scale_rounding<down>, saturate = false} : (tensor<?x4xf32>) -> tensor<?x4xui8>
  %2 = nn.encode %1 {format = #nn.format<f8E8M0FNU>, saturate = false, rounding = #nn.scale_rounding<down>} : (tensor<?x4xf32>) -> tensor<?x4xui8>
  // CHECK: nn.encode %{{.*}} {format = #nn.format<f8E5M2>} : (tensor<?x4xf32>) -> tensor<?x4xui8>
  %3 = nn.encode %1 {format = #nn.format<f8E5M2>, saturate = true} : (tensor<?x4xf32>) -> tensor<?x4xui8>
  return
}
