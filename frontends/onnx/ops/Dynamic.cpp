// See Dynamic.h. Vectors here are small: one number for each dimension or axis.

#include "frontends/onnx/ops/Dynamic.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

using nn::CompareKind;

Type getI64(Node &n) { return n.builder.getBuilder().getI64Type(); }
Value number(Node &n, int64_t value) {
  return n.builder.constant(
      DenseElementsAttr::get(RankedTensorType::get({}, getI64(n)), ArrayRef<int64_t>{value}));
}
Value sizesOf(Node &n, Value x) { return n.builder.sizes(n.getShape(x)); }
int64_t lengthOf(Node &n, Value vector, const Twine &what) { return n.getStaticSize(vector, 0, what); }
Value select(Node &n, Value condition, Value a, Value b) { return n.make<nn::SelectOp>(condition, a, b); }
Value compare(Node &n, Value a, Value b, CompareKind kind) { return n.builder.compare(a, b, kind); }
Value maxOf(Node &n, Value a, Value b) { return n.make<nn::MaxOp>(a, b); }
Value minOf(Node &n, Value a, Value b) { return n.make<nn::MinOp>(a, b); }
Value column(Node &n, Value vector) { return n.builder.unsqueeze(vector, {1}); }
Value row(Node &n, Value vector) { return n.builder.unsqueeze(vector, {0}); }
Value part(Node &n, Value vector, int64_t from, int64_t count) {
  return n.builder.sliceAxis(vector, 0, n.constant(from), n.constant(count));
}
Value scalarOf(Node &n, Value vector, int64_t index) {
  return n.builder.reshape(part(n, vector, index, 1), {});
}
Value positions(Node &n, int64_t count) { return n.builder.iota({n.constant(count)}, 0, getI64(n)); }
Value sumAlong(Node &n, Value x, int64_t axis) {
  return n.builder.reduce(x, nn::ReduceKind::sum, {axis}, false);
}

/// Axes from the front; the run checks that they are within the rank.
Value wrapAxes(Node &n, Value axes, int64_t rank) {
  Value zero = number(n, 0), size = number(n, rank);
  Value inRange = n.make<nn::AndOp>(compare(n, axes, number(n, -rank), CompareKind::ge),
                                    compare(n, axes, size, CompareKind::lt));
  n.builder.require(inRange, "an axis is outside a tensor of rank " + Twine(rank));
  return select(n, compare(n, axes, zero, CompareKind::lt), n.add(axes, size), axes);
}

/// [rank, axes]: whether a dimension is that axis.
Value matchAxes(Node &n, Value axes, int64_t rank) {
  return compare(n, column(n, positions(n, rank)), row(n, axes), CompareKind::eq);
}
/// i64 [rank]: 1 for dimensions that are among the axes.
Value markAxes(Node &n, Value axes, int64_t rank) {
  return n.builder.convert(n.builder.reduce(matchAxes(n, axes, rank), nn::ReduceKind::any, {1}, false),
                           getI64(n));
}
/// The elements of a vector that belong to the axes, at their dimensions; `otherwise` ([rank] or a number)
/// elsewhere.
Value spread(Node &n, Value match, Value vector, Value otherwise) {
  Value placed = sumAlong(n, select(n, match, row(n, vector), number(n, 0)), 1);
  return select(n, n.builder.reduce(match, nn::ReduceKind::any, {1}, false), placed, otherwise);
}

/// The sizes of the dimensions that are not marked, `count` of them.
Value dropMarked(Node &n, Value mask, Value sizes, int64_t rank, int64_t count) {
  Value kept = compare(n, mask, number(n, 0), CompareKind::eq);
  Value place = n.sub(positions(n, rank), n.make<nn::CumSumOp>(mask, 0, /*exclusive=*/false, false));
  Value goes = n.make<nn::AndOp>(compare(n, column(n, positions(n, count)), row(n, place), CompareKind::eq),
                                 row(n, kept));
  return sumAlong(n, select(n, goes, row(n, sizes), number(n, 0)), 1);
}

/// Bounds of a size that lies within a dimension.
SmallVector<Interval> within(Node &n, ArrayRef<AffineExpr> shape) {
  SmallVector<Interval> bounds;
  for (AffineExpr size : shape)
    bounds.push_back({0, n.math().getBounds(size).max});
  return bounds;
}
} // namespace

bool isLate(Node &n, unsigned index) { return n.has(index) && !n.builder.getKnown(n.in(index)); }

bool isLate(Node &n, AffineExpr size) {
  auto symbols =
      n.builder.getShapes().getFunction()->getAttrOfType<ArrayAttr>(nn::NNDialect::getSymbolsAttrName());
  bool found = false;
  size.walk([&](AffineExpr e) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(e);
        symbol && symbols && symbol.getPosition() < symbols.size())
      found |= cast<nn::SymbolAttr>(symbols[symbol.getPosition()]).getKind() == nn::SymbolKind::data;
  });
  return found;
}

Value getVector(Node &n, unsigned index) {
  Value x = n.builder.convert(n.in(index), getI64(n));
  if (n.getRank(x) > 1)
    throw ImportError("input " + Twine(index) + " must be a vector");
  return n.getRank(x) == 1 ? x : n.builder.reshape(x, {n.constant(1)});
}

Value getNumber(Node &n, unsigned index) {
  return n.builder.reshape(n.builder.convert(n.in(index), getI64(n)), {});
}

Results reshapeLate(Node &n) {
  Value x = n.in(0), shape = getVector(n, 1), zero = number(n, 0), one = number(n, 1);
  const int64_t count = lengthOf(n, shape, "the number of the shape's dimensions");
  if (n.getInt("allowzero", 0) == 0) {
    SmallVector<AffineExpr> sizes(n.getShape(x));
    sizes.resize(count, n.constant(0));
    if (count)
      shape = select(n, compare(n, shape, zero, CompareKind::eq), n.builder.sizes(sizes), shape);
  }
  if (count == 0)
    return n.builder.reshape(x, {});
  Value free = compare(n, shape, number(n, -1), CompareKind::eq);
  n.builder.require(compare(n, sumAlong(n, n.builder.convert(free, getI64(n)), 0), one, CompareKind::le),
                    "the shape has more than one unknown size");
  Value others = n.builder.reduce(select(n, free, one, shape), nn::ReduceKind::prod, {0}, false);
  AffineExpr total = n.math().product(n.getShape(x));
  if (!total)
    throw ImportError("its sizes are too large");
  Value left = n.div(n.builder.sizes({total}, /*isScalar=*/true), maxOf(n, others, one));
  return n.builder.reshape(x, n.builder.bindSizes(select(n, free, left, shape), "a size of the shape"));
}

Results expandLate(Node &n) {
  Value x = n.in(0), shape = getVector(n, 1), one = number(n, 1);
  const int64_t given = lengthOf(n, shape, "the number of the shape's dimensions");
  SmallVector<AffineExpr> sizes(n.getShape(x));
  const int64_t rank = std::max<int64_t>(given, sizes.size());
  sizes.insert(sizes.begin(), rank - sizes.size(), n.constant(1));
  if (rank > given)
    shape = n.builder.concat({n.builder.ints(SmallVector<int64_t>(rank - given, 1)), shape}, 0);
  Value own = n.builder.sizes(sizes);
  Value target = select(n, compare(n, shape, one, CompareKind::eq), own, shape);
  // What is known not to be 1 stays.
  SmallVector<Interval> bounds(rank);
  for (auto [bound, size] : llvm::zip_equal(bounds, sizes))
    if (auto known = dyn_cast<AffineConstantExpr>(size); known && known.getValue() != 1)
      bound = {known.getValue(), known.getValue()};
  return n.builder.broadcast(x, n.builder.bindSizes(target, "a size of the shape", bounds));
}

Results squeezeLate(Node &n) {
  Value x = n.in(0), axes = getVector(n, 1);
  const int64_t rank = n.getRank(x), count = rank - lengthOf(n, axes, "the number of axes");
  if (count < 0)
    throw ImportError("it has more axes than dimensions");
  Value mask = markAxes(n, wrapAxes(n, axes, rank), rank);
  Value sizes = dropMarked(n, mask, sizesOf(n, x), rank, count);
  return n.builder.reshape(x, n.builder.bindSizes(sizes, "a size that is left"));
}

Results unsqueezeLate(Node &n) {
  Value x = n.in(0), axes = getVector(n, 1);
  const int64_t rank = n.getRank(x) + lengthOf(n, axes, "the number of axes");
  Value mask = markAxes(n, wrapAxes(n, axes, rank), rank);
  if (n.getRank(x) == 0)
    return n.builder.reshape(x, SmallVector<AffineExpr>(rank, n.constant(1)));
  Value from = n.sub(positions(n, rank), n.make<nn::CumSumOp>(mask, 0, /*exclusive=*/false, false));
  Value inRange = minOf(n, maxOf(n, from, number(n, 0)), number(n, n.getRank(x) - 1));
  Value sizes = select(n, compare(n, mask, number(n, 0), CompareKind::ne), number(n, 1),
                       n.make<nn::GatherOp>(sizesOf(n, x), inRange, 0));
  return n.builder.reshape(x, n.builder.bindSizes(sizes, "a size of the result"));
}

Results splitLate(Node &n) {
  Value x = n.in(0), split = getVector(n, 1);
  const int64_t axis = n.getAxis(n.getInt("axis", 0), n.getRank(x)), count = n.getNumOutputs();
  if (lengthOf(n, split, "the number of parts") != count)
    throw ImportError("it has " + Twine(count) + " outputs but another number of parts");
  AffineExpr total = n.getShape(x)[axis];
  Value size = n.builder.sizes({total}, /*isScalar=*/true);
  n.builder.require(compare(n, sumAlong(n, split, 0), size, CompareKind::eq),
                    "the parts do not sum up to dimension " + Twine(axis));
  SmallVector<AffineExpr> sizes =
      n.builder.bindSizes(split, "the size of a part", Interval{0, n.math().getBounds(total).max});
  Results results;
  AffineExpr offset = n.constant(0);
  for (auto [i, part] : llvm::enumerate(sizes)) {
    results.push_back(n.wants(i) ? n.builder.sliceAxis(x, axis, offset, part) : Value());
    offset = n.math().simplify(offset + part);
  }
  return results;
}

Results padLate(Node &n) {
  Value x = n.in(0), pads = getVector(n, 1), value = n.getOptional(2), zero = number(n, 0);
  const int64_t rank = n.getRank(x), count = lengthOf(n, pads, "the number of paddings") / 2;
  if (rank == 0)
    return x;
  Value low = part(n, pads, 0, count), high = part(n, pads, count, count);
  if (n.has(3)) {
    Value match = matchAxes(n, wrapAxes(n, getVector(n, 3), rank), rank);
    low = spread(n, match, low, zero);
    high = spread(n, match, high, zero);
  } else if (count != rank) {
    throw ImportError("it needs two paddings per axis");
  }
  const std::string name = n.getString("mode", "constant");
  std::optional<nn::PadMode> mode = nn::symbolizePadMode(name);
  if (!mode)
    throw ImportError("mode '" + name + "' is not supported");
  Value sizes = sizesOf(n, x), all = n.builder.concat({low, high}, 0);
  Value kept = n.add(sizes, n.add(minOf(n, low, zero), minOf(n, high, zero)));
  n.builder.require(compare(n, kept, zero, CompareKind::ge), "more is cut off than there is");
  if (*mode == nn::PadMode::reflect)
    n.builder.require(compare(n, maxOf(n, low, high), sizes, CompareKind::lt),
                      "reflection pads by more than there is");
  else if (*mode != nn::PadMode::constant)
    n.builder.require(n.make<nn::OrOp>(compare(n, sizes, zero, CompareKind::gt),
                                       compare(n, maxOf(n, low, high), zero, CompareKind::le)),
                      "there is nothing to pad with");
  Value zeros = n.sub(all, all);
  Value both = n.builder.concat({maxOf(n, all, zeros), n.sub(zeros, minOf(n, all, zeros))}, 0);
  SmallVector<AffineExpr> bound = n.builder.bindSizes(both, "the padding", Interval{0, int64_t(1) << 40});
  SmallVector<AffineExpr> before, behind;
  for (int64_t i = 0; i < rank; ++i) {
    before.push_back(n.math().simplify(bound[i] - bound[2 * rank + i]));
    behind.push_back(n.math().simplify(bound[rank + i] - bound[3 * rank + i]));
  }
  if (*mode != nn::PadMode::constant)
    value = {};
  else if (!value)
    value = n.builder.scalarLike(0, x);
  else if (n.getRank(value) != 0)
    value = n.builder.reshape(value, {});
  return n.make<nn::PadOp>(x, value, n.builder.map(before), n.builder.map(behind), *mode);
}

Results sliceLate(Node &n) {
  Value x = n.in(0), starts = getVector(n, 1), ends = getVector(n, 2), zero = number(n, 0),
        one = number(n, 1);
  const int64_t rank = n.getRank(x), count = lengthOf(n, starts, "the number of starts");
  if (lengthOf(n, ends, "the number of ends") != count || count > rank)
    throw ImportError("starts, ends, axes and steps differ in length");
  // Everything by dimension.
  Value axes = n.has(3) ? wrapAxes(n, getVector(n, 3), rank) : positions(n, count);
  Value steps = n.has(4) ? getVector(n, 4) : n.builder.ints(SmallVector<int64_t>(count, 1));
  if (lengthOf(n, axes, "the number of axes") != count || lengthOf(n, steps, "the number of steps") != count)
    throw ImportError("starts, ends, axes and steps differ in length");
  n.builder.require(compare(n, steps, zero, CompareKind::ne), "a step is 0");
  Value sizes = sizesOf(n, x), match = matchAxes(n, axes, rank);
  Value start = spread(n, match, starts, zero), end = spread(n, match, ends, sizes),
        step = spread(n, match, steps, one);
  Value forward = compare(n, step, zero, CompareKind::gt), last = n.sub(sizes, one);
  auto wrap = [&](Value v) { return select(n, compare(n, v, zero, CompareKind::lt), n.add(v, sizes), v); };
  auto clamp = [&](Value v, Value low, Value high) { return maxOf(n, minOf(n, v, high), low); };
  Value minusOne = number(n, -1);
  start = wrap(start);
  start = select(n, forward, clamp(start, zero, sizes), clamp(start, zero, last));
  end = wrap(end);
  end = select(n, forward, clamp(end, zero, sizes), clamp(end, minusOne, last));
  Value distance = select(n, forward, n.sub(end, start), n.sub(start, end));
  Value stride = maxOf(n, n.make<nn::AbsOp>(step), one);
  Value length = select(n, compare(n, distance, zero, CompareKind::gt),
                        n.add(n.div(n.sub(distance, one), stride), one), n.sub(distance, distance));
  // A dimension that no axis names stays whole.
  SmallVector<bool> isCut(rank, true);
  std::optional<SmallVector<int64_t>> known = n.builder.getConstantInts(axes);
  if (known)
    for (int64_t d = 0; d < rank; ++d)
      isCut[d] = llvm::is_contained(*known, d);
  std::optional<SmallVector<int64_t>> knownSteps = n.builder.getConstantInts(step);
  SmallVector<Interval> bounds = within(n, n.getShape(x));
  SmallVector<AffineExpr> shape(n.getShape(x)), offsets(rank, n.constant(0));
  SmallVector<AffineExpr> bound = n.builder.bindSizes(length, "the length of the slice", bounds);
  for (int64_t d = 0; d < rank; ++d)
    if (isCut[d])
      shape[d] = bound[d];
  if (known && knownSteps) {
    SmallVector<AffineExpr> from =
        n.builder.bindSizes(maxOf(n, start, zero), "the start of the slice", bounds);
    for (int64_t d = 0; d < rank; ++d)
      if (isCut[d])
        offsets[d] = from[d];
    return n.builder.slice(x, offsets, shape, *knownSteps);
  }
  for (int64_t d = 0; d < rank; ++d) {
    if (!isCut[d])
      continue;
    Value index =
        n.add(n.mul(n.builder.iota({shape[d]}, 0, getI64(n)), scalarOf(n, step, d)), scalarOf(n, start, d));
    x = n.make<nn::GatherOp>(x, index, d);
  }
  return x;
}

Results rangeLate(Node &n) {
  auto scalar = [&](unsigned i) { return n.builder.reshape(n.in(i), {}); };
  Value start = scalar(0), limit = scalar(1), delta = scalar(2);
  Type element = n.getElement(start);
  Value zero = n.builder.scalar(0, element), distance = n.sub(limit, start), count;
  n.builder.require(compare(n, delta, zero, CompareKind::ne), "the step is 0");
  if (n.isFloat(start)) {
    count = n.builder.convert(n.make<nn::CeilOp>(n.div(distance, delta)), getI64(n));
  } else {
    Value one = number(n, 1), none = number(n, 0);
    distance = n.builder.convert(distance, getI64(n));
    Value step = n.builder.convert(delta, getI64(n));
    Value forward = compare(n, step, none, CompareKind::gt);
    distance = select(n, forward, distance, n.sub(none, distance));
    count = n.add(n.div(n.sub(distance, one), maxOf(n, n.make<nn::AbsOp>(step), one)), one);
    count = select(n, compare(n, distance, none, CompareKind::gt), count, none);
  }
  AffineExpr size = n.builder.bindSizes(maxOf(n, count, number(n, 0)), "the length of the range")[0];
  return n.add(n.mul(n.builder.iota({size}, 0, element), delta), start);
}

Value alongLateAxis(Node &n, Value x, unsigned index, llvm::function_ref<Value(Value)> make) {
  const int64_t rank = n.getRank(x);
  SmallVector<AffineExpr> shape(n.getShape(x));
  Value axis = wrapAxes(n, getVector(n, index), rank), one = number(n, 1);
  Value at = positions(n, rank), sizes = sizesOf(n, x);
  auto sizeWhere = [&](CompareKind kind) {
    Value chosen = select(n, compare(n, at, axis, kind), sizes, one);
    return n.builder.reduce(chosen, nn::ReduceKind::prod, {0}, /*keepdims=*/true);
  };
  Value parts = n.builder.concat(
      {sizeWhere(CompareKind::lt), sizeWhere(CompareKind::eq), sizeWhere(CompareKind::gt)}, 0);
  Value view = n.builder.reshape(x, n.builder.bindSizes(parts, "a size"));
  return n.builder.reshape(make(view), shape);
}

LateReduction reduceLate(Node &n, Value x) {
  const int64_t rank = n.getRank(x);
  Value axes = getVector(n, 1), sizes = sizesOf(n, x), one = number(n, 1), zero = number(n, 0);
  const int64_t count = lengthOf(n, axes, "the number of axes");
  Value mask = markAxes(n, wrapAxes(n, axes, rank), rank);
  // [d0', r0, d1', r1, ...]: of each dimension one of both is its size, the other one 1.
  Value isReduced = compare(n, mask, zero, CompareKind::ne);
  Value left = select(n, isReduced, one, sizes), reduced = select(n, isReduced, sizes, one);
  LateReduction result;
  SmallVector<AffineExpr> shape =
      n.builder.bindSizes(n.builder.concat({left, reduced}, 0), "a size of the reduction");
  SmallVector<AffineExpr> view;
  for (int64_t d = 0; d < rank; ++d) {
    view.push_back(shape[d]);
    view.push_back(shape[rank + d]);
    result.axes.push_back(2 * d + 1);
    result.shape.push_back(shape[d]);
  }
  result.view = n.builder.reshape(x, view);
  if (n.getInt("keepdims", 1) == 0) {
    result.shape = n.builder.bindSizes(dropMarked(n, mask, sizes, rank, rank - count), "a size that is left");
  }
  return result;
}

} // namespace aicc::onnx_import
