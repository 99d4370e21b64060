// Sliding windows: what convolution and pooling have in common.

#ifndef AICC_FRONTENDS_ONNX_OPS_WINDOWS_H
#define AICC_FRONTENDS_ONNX_OPS_WINDOWS_H

#include "frontends/onnx/Node.h"

namespace aicc::onnx_import {

struct Windows {
  SmallVector<int64_t> kernel, strides, dilations, low, high;
};

/// The attributes strides, dilations, pads and auto_pad over spatial dimensions 2.. of `x`.
Windows getWindows(Node &node, Value x, ArrayRef<int64_t> kernel);

} // namespace aicc::onnx_import

#endif
