// Forms of operators whose sizes, places or axes only the run tells. They compute with small tensors what the
// usual forms compute at import, and bind sizes to the results. Apart from the families, whose usual forms
// stay readable.

#ifndef AICC_FRONTENDS_ONNX_OPS_DYNAMIC_H
#define AICC_FRONTENDS_ONNX_OPS_DYNAMIC_H

#include "frontends/onnx/Node.h"

namespace aicc::onnx_import {

/// Whether input `index` is there and not known at import.
bool isLate(Node &node, unsigned index);
/// Whether a size depends on data.
bool isLate(Node &node, AffineExpr size);
/// Input `index` as a vector of i64.
Value getVector(Node &node, unsigned index);
/// The one number of an input, as a scalar of i64.
Value getNumber(Node &node, unsigned index);

Results reshapeLate(Node &node);
Results expandLate(Node &node);
Results squeezeLate(Node &node);
Results unsqueezeLate(Node &node);
Results splitLate(Node &node);
Results padLate(Node &node);
Results sliceLate(Node &node);
/// start + i * delta, where not all of them are known.
Results rangeLate(Node &node);
/// `make` on a view [before, axis, behind] of x, along dimension 1; the axis is input `index`.
Value alongLateAxis(Node &node, Value x, unsigned index, llvm::function_ref<Value(Value)> make);

/// x as a view in which `axes` are the dimensions to reduce, and the sizes that the reduction ends in.
struct LateReduction {
  Value view;
  SmallVector<int64_t> axes;
  SmallVector<AffineExpr> shape;
};
LateReduction reduceLate(Node &node, Value x);

} // namespace aicc::onnx_import

#endif
