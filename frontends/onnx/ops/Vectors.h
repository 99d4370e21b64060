// Constants made of attributes' lists, for operators that carry their tables in attributes.

#ifndef AICC_FRONTENDS_ONNX_OPS_VECTORS_H
#define AICC_FRONTENDS_ONNX_OPS_VECTORS_H

#include "frontends/onnx/Node.h"

namespace aicc::onnx_import {

/// Numbers as a constant with these sizes (default: a vector), of any numeric element type.
template <typename T>
Value makeConstant(Node &node, ArrayRef<T> values, Type type, SmallVector<int64_t, 2> shape = {-1}) {
  if (shape == SmallVector<int64_t, 2>{-1})
    shape = {int64_t(values.size())};
  nn::Tensor tensor(mlir::RankedTensorType::get(shape, type));
  for (size_t i = 0; i < values.size(); ++i)
    if constexpr (std::is_integral_v<T>)
      tensor.setInt(int64_t(i), int64_t(values[i]));
    else
      tensor.setDouble(int64_t(i), double(values[i]));
  return node.builder.constant(tensor);
}

} // namespace aicc::onnx_import

#endif
