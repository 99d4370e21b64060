// Positions, taps and weighted sums of what is read at computed places. Everything is arithmetic on the
// points, which all channels share, then one gather at positions of rows plus points, which fuses with the
// sum over taps.

#include "frontends/onnx/ops/Sampling.h"

using namespace mlir;

namespace aicc::onnx_import {

Value sizeScalar(Node &n, AffineExpr size, Type element) {
  if (!size)
    throw ImportError("its sizes depend on the input's in too complicated a way");
  if (auto number = dyn_cast<AffineConstantExpr>(size))
    return n.builder.scalar(double(number.getValue()), element);
  return n.builder.convert(n.builder.sizes({size}, /*isScalar=*/true), element);
}

Value ramp(Node &n, AffineExpr size, int64_t axis, int64_t rank, Type element) {
  SmallVector<AffineExpr> shape(rank, n.constant(1));
  shape[axis] = size;
  return n.builder.iota(shape, axis, element);
}

Value clampIndex(Node &n, Value x, AffineExpr size) {
  Value last = sizeScalar(n, n.math().simplify(size - 1), n.getElement(x));
  return n.make<nn::MaxOp>(n.make<nn::MinOp>(x, last), n.builder.scalarLike(0, x));
}

Value isBetween(Node &n, Value x, Value lo, Value hi) {
  return n.make<nn::AndOp>(n.builder.compare(x, lo, nn::CompareKind::ge),
                           n.builder.compare(x, hi, nn::CompareKind::le));
}

Type getComputeType(Node &n, Value x) {
  OpBuilder &b = n.builder.getBuilder();
  return n.getElement(x).isF64() ? b.getF64Type() : b.getF32Type();
}

AffineExpr productOf(Node &n, ArrayRef<AffineExpr> sizes) {
  AffineExpr product = n.math().product(sizes);
  if (!product)
    throw ImportError("its sizes are too large");
  return product;
}

Value withSize(Node &n, Value x, int64_t dim, AffineExpr size, const Twine &what) {
  SmallVector<AffineExpr> shape(n.getShape(x));
  if (shape[dim] == size)
    return x;
  if (n.math().compare(shape[dim], size).value_or(0) != 0)
    throw ImportError(what + " does not fit");
  if (auto number = dyn_cast<AffineConstantExpr>(size))
    n.math().require(shape[dim], number.getValue(), number.getValue());
  shape[dim] = size;
  return n.builder.reshape(x, shape);
}

AffineExpr toSize(Node &n, Value x, const Twine &what, int64_t least) {
  x = n.builder.reshape(n.builder.convert(x, n.builder.getBuilder().getI64Type()), {n.constant(1)});
  return n.builder.bindSizes(x, what, Interval{least, INT32_MAX}).front();
}

SmallVector<AffineExpr> getPositiveSizes(Node &n, unsigned index, const Twine &what) {
  SmallVector<AffineExpr> sizes = n.builder.bindSizes(n.in(index), what, Interval{1, INT32_MAX});
  for (AffineExpr size : sizes)
    if (n.math().getBounds(size).max < 1)
      throw ImportError(what + " must be positive");
  return sizes;
}

Type getPositionType(Node &n, Value x) {
  const bool small = n.math().getBounds(productOf(n, n.getShape(x))).max <= INT32_MAX;
  OpBuilder &b = n.builder.getBuilder();
  return small ? b.getI32Type() : b.getI64Type();
}

Value takeFlat(Node &n, Value x, Value positions) {
  return n.make<nn::GatherOp>(n.builder.reshape(x, {productOf(n, n.getShape(x))}), positions, 0);
}

Value rowPositions(Node &n, ArrayRef<AffineExpr> shape, int64_t trailing, AffineExpr rowSize, Type type) {
  Value rows = n.mul(n.builder.iota({productOf(n, shape)}, 0, type), sizeScalar(n, rowSize, type));
  SmallVector<AffineExpr> full(shape);
  full.append(trailing, n.constant(1));
  return n.builder.reshape(rows, full);
}

Value reflect(Node &n, Value x, AffineExpr size, double low) {
  // Distance from the low end within a period of there and back.
  Type type = n.getElement(x);
  auto number = [&](double value) { return n.builder.scalar(value, type); };
  Value range = n.add(sizeScalar(n, n.math().simplify(size - 1), type), -2 * low);
  Value period = n.mul(range, 2.0), lowEnd = number(low);
  Value highEnd = n.add(range, low);
  Value t = n.make<nn::AbsOp>(n.sub(x, lowEnd));
  t = n.sub(t, n.mul(n.make<nn::FloorOp>(n.div(t, period)), period));
  Value mirrored = n.add(n.make<nn::MinOp>(t, n.sub(period, t)), lowEnd);
  // Unchanged where it is inside, and in a tensor of one element without distance between its ends.
  Value y = n.make<nn::SelectOp>(isBetween(n, x, lowEnd, highEnd), x, mirrored);
  if (low != 0)
    return y;
  return n.make<nn::SelectOp>(n.builder.compare(range, number(0), nn::CompareKind::gt), y, lowEnd);
}

namespace {
/// Weight of an element at distance d >= 0.
Value weigh(Node &n, Value d, Interpolation mode, double a) {
  if (mode == Interpolation::linear)
    return n.sub(n.builder.scalarLike(1, d), d);
  Value inner = n.add(n.mul(n.mul(d, d), n.add(n.mul(d, a + 2), -(a + 3))), 1.0);
  Value outer = n.add(n.mul(d, n.add(n.mul(d, n.add(n.mul(d, a), -5 * a)), 8 * a)), -4 * a);
  return n.make<nn::SelectOp>(n.builder.compare(d, n.builder.scalarLike(1, d), nn::CompareKind::le), inner,
                              outer);
}
} // namespace

Taps makeTaps(Node &n, ArrayRef<SampleAxis> axes, Interpolation mode, Outside outside, double low,
              Type position, double cubicA) {
  const int64_t count = mode == Interpolation::nearest ? 1 : mode == Interpolation::linear ? 2 : 4;
  Taps taps;
  taps.numTapDims = count == 1 ? 0 : int64_t(axes.size());
  for (auto [d, axis] : llvm::enumerate(axes)) {
    Type type = n.getElement(axis.at);
    Value zero = n.builder.scalar(0, type), at = axis.at, tap = axis.at, weight;
    if (count > 1) {
      SmallVector<AffineExpr> shape(axes.size(), n.constant(1));
      shape.append(n.getShape(at).begin(), n.getShape(at).end());
      at = n.builder.reshape(at, shape);
      Value offset = ramp(n, n.constant(count), int64_t(d), int64_t(shape.size()), type);
      tap = n.add(n.make<nn::FloorOp>(at), count == 4 ? n.add(offset, -1.0) : offset);
      weight = weigh(n, n.make<nn::AbsOp>(n.sub(at, tap)), mode, cubicA);
    }
    if (outside == Outside::zeros) {
      Value inside = isBetween(n, tap, zero, sizeScalar(n, n.math().simplify(axis.size - 1), type));
      weight = n.make<nn::SelectOp>(inside, weight ? weight : n.builder.scalar(1, type), zero);
    }
    if (outside == Outside::reflection && count == 4)
      tap = reflect(n, tap, axis.size, low);
    Value index = n.builder.convert(clampIndex(n, tap, axis.size), position);
    index = axis.stride == n.constant(1) ? index : n.mul(index, sizeScalar(n, axis.stride, position));
    taps.index = taps.index ? n.add(taps.index, index) : index;
    if (weight)
      taps.weight = taps.weight ? n.mul(taps.weight, weight) : weight;
  }
  return taps;
}

Value sampleSum(Node &n, Value x, Value rows, const Taps &taps) {
  Value values = takeFlat(n, x, n.add(rows, taps.index));
  if (taps.numTapDims == 0) {
    // Nothing to sum: what has no weight is not there at all.
    if (!taps.weight)
      return values;
    Value there = n.builder.compare(taps.weight, n.builder.scalarLike(0, taps.weight), nn::CompareKind::ne);
    return n.make<nn::SelectOp>(there, values, n.builder.scalarLike(0, x));
  }
  Value sum = n.mul(n.builder.convert(values, n.getElement(taps.weight)), taps.weight);
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, taps.numTapDims));
  return n.builder.convert(n.builder.reduce(sum, nn::ReduceKind::sum, axes, false), n.getElement(x));
}

} // namespace aicc::onnx_import
