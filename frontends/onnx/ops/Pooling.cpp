// Pooling, over windows and over everything.

#include "frontends/onnx/ops/Sampling.h"
#include "frontends/onnx/ops/Windows.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

Windows getPoolWindows(Node &n) {
  SmallVector<int64_t> kernel = n.getInts("kernel_shape");
  if (kernel.empty() || int64_t(kernel.size()) + 2 != n.getRank(n.in(0)))
    throw ImportError("kernel_shape does not fit the input's rank");
  return getWindows(n, n.in(0), kernel, /*takesRunPadding=*/true);
}

/// The smallest number of a type.
Value getLowest(Node &n, Type type) {
  if (isa<FloatType>(type))
    return n.builder.scalar(-INFINITY, type);
  auto integer = cast<IntegerType>(type);
  const bool isUnsigned = integer.isUnsigned() || integer.getWidth() == 1;
  return n.builder.scalar(isUnsigned ? 0 : -std::ldexp(1.0, int(integer.getWidth()) - 1), type);
}

/// Where in the whole tensor each window's largest element `y` is: the first such in the order of the
/// dimensions. With `columnMajor` the place is counted with the spatial dimensions in reverse.
Value findIndices(Node &n, Value y, const Windows &w, bool columnMajor) {
  Value x = n.in(0);
  const int64_t spatial = int64_t(w.kernel.size()), rank = 2 * spatial + 2;
  SmallVector<AffineExpr> shape(n.getShape(x));
  SmallVector<AffineExpr> sizes(ArrayRef(shape).drop_front(2));
  AffineExpr plane = productOf(n, sizes), stride = n.constant(1);
  double elements = 1;
  for (int64_t kernel : w.kernel)
    elements *= double(kernel);
  if (elements > INT16_MAX)
    throw ImportError("its windows are too large for indices");
  Type position = getPositionType(n, x);
  auto number = [&](double value) { return n.builder.scalar(value, position); };
  // [place in the window..., image, channel, window...]
  Value index, inside;
  for (int64_t d = spatial - 1; d >= 0; --d) {
    Value start = n.mul(ramp(n, n.getShape(y)[2 + d], spatial + 2 + d, rank, position), double(w.strides[d]));
    if (!w.runLow.empty())
      start = n.sub(start, sizeScalar(n, w.runLow[d], position));
    Value within = n.mul(ramp(n, n.constant(w.kernel[d]), d, rank, position), double(w.dilations[d]));
    Value at = n.add(n.add(start, -double(w.low[d])), within);
    Value here = isBetween(n, at, number(0), sizeScalar(n, n.math().simplify(sizes[d] - 1), position));
    inside = inside ? n.make<nn::AndOp>(inside, here) : here;
    at = n.mul(clampIndex(n, at, sizes[d]), sizeScalar(n, stride, position));
    index = index ? n.add(index, at) : at;
    stride = productOf(n, {stride, sizes[d]});
  }
  Value rows = rowPositions(n, {shape[0], shape[1]}, spatial, plane, position);
  Value places = n.add(rows, index);
  Value isLargest = n.builder.compare(takeFlat(n, x, places), y, nn::CompareKind::eq);
  // What is not the largest is behind the tensor's end; a window without one (of NaN) ends up at its last
  // element.
  AffineExpr total = productOf(n, shape);
  Value last = sizeScalar(n, n.math().simplify(total - 1), position);
  Value found = n.make<nn::SelectOp>(n.make<nn::AndOp>(isLargest, inside), places, last);
  found =
      n.builder.reduce(found, nn::ReduceKind::min, llvm::to_vector(llvm::seq<int64_t>(0, spatial)), false);
  found = n.builder.convert(found, n.builder.getBuilder().getI64Type());
  if (!columnMajor || spatial < 2)
    return found;
  auto size = [&](AffineExpr expr) { return sizeScalar(n, expr, n.getElement(found)); };
  Value rest = found, result;
  AffineExpr stepBack = plane;
  for (int64_t d = spatial - 1; d >= 0; --d) {
    // The innermost dimension counts most.
    Value above = n.div(rest, size(sizes[d])), digit = n.sub(rest, n.mul(above, size(sizes[d])));
    stepBack = n.math().divideExactly(stepBack, sizes[d]);
    if (!stepBack)
      throw ImportError("storage_order 1 needs sizes that are known at compile time", "fix them with --dim");
    Value part = n.mul(digit, size(stepBack));
    result = result ? n.add(result, part) : part;
    rest = above;
  }
  return n.add(result, n.mul(rest, size(plane)));
}

Results importMaxPool(Node &n) {
  Windows w = getPoolWindows(n);
  Value x = padAtRun(n, n.in(0), w, getLowest(n, n.getElement(n.in(0))));
  Value y = n.make<nn::MaxPoolOp>(x, w.kernel, w.strides, w.dilations, w.low, w.high,
                                  n.getInt("ceil_mode", 0) != 0, 0);
  if (!n.wants(1))
    return y;
  return {y, findIndices(n, y, w, n.getInt("storage_order", 0) != 0)};
}

Results importAveragePool(Node &n) {
  Windows w = getPoolWindows(n);
  const bool ceil = n.getInt("ceil_mode", 0) != 0, countsPadding = n.getInt("count_include_pad", 0) != 0;
  auto pool = [&](Value x) {
    return n.make<nn::AvgPoolOp>(x, w.kernel, w.strides, w.dilations, w.low, w.high, ceil, 0, countsPadding);
  };
  Value x = n.in(0);
  if (w.runLow.empty())
    return pool(x);
  Value zero = n.builder.scalarLike(0, x), mean = pool(padAtRun(n, x, w, zero));
  if (countsPadding)
    return mean;
  // The share of each window that is not padding.
  SmallVector<AffineExpr> shape(n.getShape(x));
  shape[0] = shape[1] = n.constant(1);
  Value ones = n.builder.broadcast(n.builder.scalarLike(1, x), shape);
  return n.div(mean, pool(padAtRun(n, ones, w, zero)));
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
  Value x = power(n, n.in(0), p), zero = n.builder.scalarLike(0, x);
  x = padAtRun(n, x, w, zero);
  if (n.getInt("ceil_mode", 0)) {
    // Zeros up to the end of the last window, which then is a whole one.
    Value shaped = n.make<nn::MaxPoolOp>(x, w.kernel, w.strides, w.dilations, w.low, w.high, true, 0);
    SmallVector<AffineExpr> low(2, n.constant(0)), high(low);
    for (auto [d, kernel] : llvm::enumerate(w.kernel)) {
      AffineExpr end = (n.getShape(shaped)[2 + d] - 1) * w.strides[d] + (kernel - 1) * w.dilations[d] + 1;
      AffineExpr behind = n.math().simplify(end - n.getShape(x)[2 + d] - w.low[d]);
      if (!behind)
        throw ImportError("its sizes depend on the input's in too complicated a way");
      low.push_back(n.constant(w.low[d]));
      high.push_back(behind);
    }
    x = n.make<nn::PadOp>(x, zero, n.builder.map(low), n.builder.map(high), nn::PadMode::constant);
    w.low.assign(w.kernel.size(), 0);
    w.high = w.low;
  }
  Value mean = n.make<nn::AvgPoolOp>(x, w.kernel, w.strides, w.dilations, w.low, w.high, false, 0, true);
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
