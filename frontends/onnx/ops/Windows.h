// Sliding windows: what convolution and pooling have in common.

#ifndef AICC_FRONTENDS_ONNX_OPS_WINDOWS_H
#define AICC_FRONTENDS_ONNX_OPS_WINDOWS_H

#include "frontends/onnx/Node.h"

namespace aicc::onnx_import {

struct Windows {
  SmallVector<int64_t> kernel, strides, dilations, low, high;
  /// Padding that only sizes at run time tell, per spatial dimension; else empty.
  SmallVector<AffineExpr> runLow, runHigh;
};

/// The attributes strides, dilations, pads and auto_pad over spatial dimensions 2.. of `x`. Who takes no
/// padding from the run is told so by an error.
Windows getWindows(Node &node, Value x, ArrayRef<int64_t> kernel, bool takesRunPadding = false);
/// `x` with the padding of `runLow` and `runHigh`, if there is any.
Value padAtRun(Node &node, Value x, const Windows &windows, Value padding);

} // namespace aicc::onnx_import

#endif
