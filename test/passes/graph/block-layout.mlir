// RUN: aicc-opt %s --nn-block-layout --mlir-print-local-scope | FileCheck %s

// An image is read as it is; between convolutions tensors stay packed; what leaves is unpacked. N, H and W are symbols.
// CHECK-LABEL: func.func @chain
// CHECK: %[[A:.*]] = nn.conv %arg0, {{.*}} {block = 16 : i64, block_input = false, {{.*}} -> tensor<?x2x?x?x16xf32>
// CHECK-NEXT: %[[B:.*]] = nn.relu %[[A]] : (tensor<?x2x?x?x16xf32>)
// CHECK-NEXT: %[[C:.*]] = nn.max_pool %[[B]] {block = 16 : i64
// CHECK-NEXT: %[[D:.*]] = nn.conv %[[C]], {{.*}} {block = 16 : i64, dilations
// CHECK-NEXT: %[[E:.*]] = nn.add %[[D]], %[[C]]
// CHECK-NEXT: %[[F:.*]] = nn.unpack %[[E]] {axis = 1 : i64, size = 32 : i64} : (tensor<?x2x?x?x16xf32>) -> tensor<?x32x?x?xf32>
// CHECK-NEXT: return %[[F]]
func.func @chain(%x: tensor<?x3x?x?xf32>) -> tensor<?x32x?x?xf32> {
  %w0 = nn.weight "w0" <"model.bin", 0, 3456> : tensor<32x3x3x3xf32>
  %w1 = nn.weight "w1" <"model.bin", 3456, 4096> : tensor<32x32x1x1xf32>
  %0 = nn.conv %x, %w0 {strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads_low = array<i64: 1, 1>, pads_high = array<i64: 1, 1>, groups = 1 : i64}
      : (tensor<?x3x?x?xf32>, tensor<32x3x3x3xf32>) -> tensor<?x32x?x?xf32>
  %1 = nn.relu %0 : (tensor<?x32x?x?xf32>) -> tensor<?x32x?x?xf32>
  %2 = nn.max_pool %1 {kernel = array<i64: 2, 2>, strides = array<i64: 2, 2>, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>}
      : (tensor<?x32x?x?xf32>) -> tensor<?x32x?x?xf32>
  %3 = nn.conv %2, %w1 {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, groups = 1 : i64}
      : (tensor<?x32x?x?xf32>, tensor<32x32x1x1xf32>) -> tensor<?x32x?x?xf32>
  %4 = nn.add %3, %2 : (tensor<?x32x?x?xf32>, tensor<?x32x?x?xf32>) -> tensor<?x32x?x?xf32>
  return %4 : tensor<?x32x?x?xf32>
}

// Channels that the block doesn't divide; a channel vector and a map over space beside them; the mean over space.
// CHECK-LABEL: func.func @odd_channels
// CHECK: %[[X:.*]] = nn.pack %arg0 {axis = 1 : i64, block = 16 : i64} : (tensor<1x24x8x8xf32>) -> tensor<1x2x8x8x16xf32>
// CHECK: %[[A:.*]] = nn.conv %[[X]], {{.*}} groups = 24 : i64{{.*}} -> tensor<1x2x8x8x16xf32>
// CHECK: %[[S:.*]] = nn.pack %{{.*}} {axis = 0 : i64, block = 16 : i64} : (tensor<24x1x1xf32>) -> tensor<2x1x1x16xf32>
// CHECK: %[[B:.*]] = nn.mul %[[A]], %[[S]]
// CHECK: %[[M:.*]] = nn.reshape %arg1 {{.*}} : (tensor<1x1x8x8xf32>) -> tensor<1x1x8x8x1xf32>
// CHECK: %[[C:.*]] = nn.add %[[B]], %[[M]]
// CHECK: %[[D:.*]] = nn.reduce %[[C]] {axes = array<i64: 2, 3>, {{.*}} : (tensor<1x2x8x8x16xf32>) -> tensor<1x2x16xf32>
// CHECK: nn.unpack %[[D]] {axis = 1 : i64, size = 24 : i64} : (tensor<1x2x16xf32>) -> tensor<1x24xf32>
func.func @odd_channels(%x: tensor<1x24x8x8xf32>, %map: tensor<1x1x8x8xf32>) -> tensor<1x24xf32> {
  %w = nn.weight "w" <"model.bin", 0, 864> : tensor<24x1x3x3xf32>
  %s = nn.constant dense<2.0> : tensor<24x1x1xf32>
  %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 1, 1>, pads_high = array<i64: 1, 1>, groups = 24 : i64}
      : (tensor<1x24x8x8xf32>, tensor<24x1x3x3xf32>) -> tensor<1x24x8x8xf32>
  %1 = nn.mul %0, %s : (tensor<1x24x8x8xf32>, tensor<24x1x1xf32>) -> tensor<1x24x8x8xf32>
  %2 = nn.add %1, %map : (tensor<1x24x8x8xf32>, tensor<1x1x8x8xf32>) -> tensor<1x24x8x8xf32>
  %3 = nn.reduce %2 {kind = #nn.reduce<mean>, axes = array<i64: 2, 3>, keepdims = false} : (tensor<1x24x8x8xf32>) -> tensor<1x24xf32>
  return %3 : tensor<1x24xf32>
}

// Channels are concatenated packed only where every part fills its blocks.
// CHECK-LABEL: func.func @concat
// CHECK: nn.concat {{.*}} {axis = 1 : i64} : (tensor<1x1x8x8x16xf32>, tensor<1x1x8x8x16xf32>) -> tensor<1x2x8x8x16xf32>
// CHECK: nn.concat {{.*}} {axis = 1 : i64} : (tensor<1x16x8x8xf32>, tensor<1x8x8x8xf32>) -> tensor<1x24x8x8xf32>
func.func @concat(%x: tensor<1x16x8x8xf32>, %y: tensor<1x8x8x8xf32>) -> (tensor<1x32x8x8xf32>, tensor<1x24x8x8xf32>) {
  %w = nn.weight "w" <"model.bin", 0, 1024> : tensor<16x16x1x1xf32>
  %0 = nn.conv %x, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, groups = 1 : i64}
      : (tensor<1x16x8x8xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x8x8xf32>
  %1 = nn.concat %0, %x {axis = 1 : i64} : (tensor<1x16x8x8xf32>, tensor<1x16x8x8xf32>) -> tensor<1x32x8x8xf32>
  %2 = nn.concat %0, %y {axis = 1 : i64} : (tensor<1x16x8x8xf32>, tensor<1x8x8x8xf32>) -> tensor<1x24x8x8xf32>
  return %1, %2 : tensor<1x32x8x8xf32>, tensor<1x24x8x8xf32>
}

// No convolution, no blocks; a reduction over channels is a boundary; so are groups that don't fill blocks.
// CHECK-LABEL: func.func @boundaries
// CHECK: nn.relu %arg0 : (tensor<1x16x8x8xf32>)
// CHECK: nn.conv %{{.*}}, %{{.*}} {dilations
// CHECK: %[[C:.*]] = nn.conv {{.*}} {block = 16 : i64
// CHECK: %[[U:.*]] = nn.unpack %[[C]]
// CHECK: nn.reduce %[[U]]
func.func @boundaries(%x: tensor<1x16x8x8xf32>) -> tensor<1x1x8x8xf32> {
  %wg = nn.weight "wg" <"model.bin", 0, 256> : tensor<16x4x1x1xf32>
  %w = nn.weight "w" <"model.bin", 256, 1024> : tensor<16x16x1x1xf32>
  %0 = nn.relu %x : (tensor<1x16x8x8xf32>) -> tensor<1x16x8x8xf32>
  %1 = nn.conv %0, %wg {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, groups = 4 : i64}
      : (tensor<1x16x8x8xf32>, tensor<16x4x1x1xf32>) -> tensor<1x16x8x8xf32>
  %2 = nn.conv %1, %w {strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, groups = 1 : i64}
      : (tensor<1x16x8x8xf32>, tensor<16x16x1x1xf32>) -> tensor<1x16x8x8xf32>
  %3 = nn.reduce %2 {kind = #nn.reduce<max>, axes = array<i64: 1>, keepdims = true} : (tensor<1x16x8x8xf32>) -> tensor<1x1x8x8xf32>
  return %3 : tensor<1x1x8x8xf32>
}
