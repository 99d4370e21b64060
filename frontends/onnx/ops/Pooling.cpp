// Pooling, over windows and over everything.

#include "frontends/onnx/ops/Windows.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

Windows getPoolWindows(Node &n) {
  SmallVector<int64_t> kernel = n.getInts("kernel_shape");
  if (kernel.empty() || int64_t(kernel.size()) + 2 != n.getRank(n.in(0)))
    throw ImportError("kernel_shape does not fit the input's rank");
  return getWindows(n, n.in(0), kernel);
}

Results importMaxPool(Node &n) {
  n.refuseOutputs(1, "indices are not kept");
  Windows w = getPoolWindows(n);
  return n.make<nn::MaxPoolOp>(n.in(0), w.kernel, w.strides, w.dilations, w.low, w.high,
                               n.getInt("ceil_mode", 0) != 0, 0);
}

Results importAveragePool(Node &n) {
  Windows w = getPoolWindows(n);
  return n.make<nn::AvgPoolOp>(n.in(0), w.kernel, w.strides, w.dilations, w.low, w.high,
                               n.getInt("ceil_mode", 0) != 0, 0, n.getInt("count_include_pad", 0) != 0);
}

Value power(Node &n, Value x, int64_t p) {
  if (p == 1)
    return n.make<nn::AbsOp>(x);
  return p == 2 ? n.mul(x, x) : n.make<nn::PowOp>(n.make<nn::AbsOp>(x), n.builder.scalarLike(double(p), x));
}
Value root(Node &n, Value x, int64_t p) {
  if (p == 1)
    return x;
  return p == 2 ? n.make<nn::SqrtOp>(x) : n.make<nn::PowOp>(x, n.builder.scalarLike(1.0 / double(p), x));
}
int64_t getP(Node &n) {
  const onnx::AttributeProto *attribute = n.getAttr("p");
  const bool isFloat = attribute && attribute->type() == onnx::AttributeProto::FLOAT; // opset 1
  const int64_t p = isFloat ? int64_t(std::clamp(n.getFloat("p"), 0.0, 1e6)) : n.getInt("p", 2);
  if (p < 1)
    throw ImportError("p must be positive");
  return p;
}

/// (sum |x|^p)^(1/p): the mean over whole windows, padding counted as the zeros it is, times their size.
Results importLpPool(Node &n) {
  Windows w = getPoolWindows(n);
  const int64_t p = getP(n);
  double size = 1;
  for (int64_t k : w.kernel)
    size *= double(k);
  if (n.getInt("ceil_mode", 0))
    throw ImportError("ceil_mode is not supported");
  Value mean = n.make<nn::AvgPoolOp>(power(n, n.in(0), p), w.kernel, w.strides, w.dilations, w.low, w.high,
                                     false, 0, true);
  return root(n, n.mul(mean, size), p);
}

SmallVector<int64_t> getSpatialAxes(Node &n) {
  if (n.getRank(n.in(0)) < 3)
    throw ImportError("its input has no spatial dimensions");
  return llvm::to_vector(llvm::seq<int64_t>(2, n.getRank(n.in(0))));
}
template <nn::ReduceKind kind> Results importGlobal(Node &n) {
  return n.builder.reduce(n.in(0), kind, getSpatialAxes(n), true);
}
Results importGlobalLp(Node &n) {
  const int64_t p = getP(n);
  return root(n, n.builder.reduce(power(n, n.in(0), p), nn::ReduceKind::sum, getSpatialAxes(n), true), p);
}
} // namespace

void addPoolingOps(OpTable &t) {
  t.add("MaxPool", importMaxPool);
  t.add("AveragePool", importAveragePool);
  t.add("LpPool", importLpPool);
  t.add("GlobalMaxPool", importGlobal<nn::ReduceKind::max>);
  t.add("GlobalAveragePool", importGlobal<nn::ReduceKind::mean>);
  t.add("GlobalLpPool", importGlobalLp);
}
} // namespace aicc::onnx_import
