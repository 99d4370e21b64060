// What the families of com.microsoft's operators share.

#ifndef AICC_FRONTENDS_ONNX_OPS_MICROSOFT_H
#define AICC_FRONTENDS_ONNX_OPS_MICROSOFT_H

#include "frontends/onnx/Node.h"

namespace aicc::onnx_import {

/// Attention on projected inputs [B, S, sum of `sizes`], with the attributes of the operator Attention; the
/// others are optional. Results: y, present.
Results attendPacked(Node &node, Value qkv, ArrayRef<AffineExpr> sizes, Value mask, Value past, Value bias);

/// An activation by the name that fused operators give it; `parameters` are its own, in its order.
Value activate(Node &node, Value x, StringRef name, ArrayRef<double> parameters);

} // namespace aicc::onnx_import

#endif
