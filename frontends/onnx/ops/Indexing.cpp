// Operators that pick or place elements: slices, gathers, scatters.

#include "frontends/onnx/ops/Dynamic.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

std::optional<int64_t> getNumber(AffineExpr expr) {
  auto number = dyn_cast<AffineConstantExpr>(expr);
  return number ? std::optional(number.getValue()) : std::nullopt;
}

AffineExpr checked(AffineExpr expr) {
  if (!expr)
    throw ImportError("its sizes depend on the input's in too complicated a way");
  return expr;
}

/// An index into [0, size] with Python's rules, clamped where numbers are known. Where sizes are symbolic and
/// nothing is proved, clamping makes a max symbol, except for the first and the last element: those are taken
/// to exist. An index that is a size itself is taken to be in range. Both are noted in the symbol's bounds,
/// if it is a plain one, so that another input is refused with the symbol's name.
AffineExpr normalizeIndex(SizeMath &math, AffineExpr index, AffineExpr size) {
  constexpr int64_t farAway = INT32_MAX; // exporters write "to the end" as 2^31-1 or 2^63-1
  std::optional<int64_t> i = getNumber(index), d = getNumber(size);
  if (i && d)
    return math.constant(std::clamp<int64_t>(*i < 0 ? *i + *d : *i, 0, *d));
  if (i && *i >= farAway)
    return size;
  if (i && *i <= -farAway)
    return math.constant(0);
  if (i && *i < 0) {
    AffineExpr sum = checked(math.simplify(size + *i));
    if (!math.isNonNegative(sum) && !(*i == -1 && math.require(size, 1, INT64_MAX)))
      sum = checked(math.max(sum, math.constant(0)));
    return sum;
  }
  if (i) {
    const Interval bounds = math.getBounds(size);
    if (bounds.max <= *i)
      return size;
    if (bounds.min >= *i || (*i == 1 && math.require(size, 1, INT64_MAX)))
      return index;
    return checked(math.min(index, size));
  }
  // The index itself is symbolic.
  if (math.getBounds(index).max <= 0) {
    index = checked(math.simplify(index + size));
    return index;
  }
  std::optional<int> order = math.compare(index, size);
  if (order && *order >= 0)
    return size;
  if (!order && d)
    math.require(index, 0, *d);
  return index;
}
} // namespace

Value sliceLikeNumpy(Node &n, Value x, ArrayRef<AffineExpr> starts, ArrayRef<AffineExpr> ends,
                     ArrayRef<int64_t> axes, ArrayRef<int64_t> steps) {
  const int64_t rank = n.getRank(x);
  SizeMath &math = n.math();
  if (starts.size() != ends.size() || starts.size() != axes.size() || starts.size() != steps.size())
    throw ImportError("starts, ends, axes and steps differ in length");
  n.getAxes(axes, rank); // each once
  SmallVector<AffineExpr> offsets(rank, math.constant(0)), sizes(n.getShape(x));
  SmallVector<int64_t> allSteps(rank, 1);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = n.getAxis(axes[i], rank), step = steps[i];
    AffineExpr size = sizes[axis];
    if (step == 0 || step == INT64_MIN)
      throw ImportError("a step is 0");
    allSteps[axis] = step;
    if (step > 0) {
      offsets[axis] = normalizeIndex(math, starts[i], size);
      AffineExpr end = normalizeIndex(math, ends[i], size);
      AffineExpr length = checked(math.simplify(end - offsets[axis]));
      std::optional<int64_t> start = getNumber(starts[i]), stop = getNumber(ends[i]);
      const bool inverted = start && stop && *start >= *stop && (*start < 0) == (*stop < 0);
      if (inverted || math.getBounds(length).max <= 0)
        length = math.constant(0);
      else if (step != 1)
        length = checked(math.ceilDiv(length, step));
      sizes[axis] = length;
      continue;
    }
    // Backwards: from start down to, not including, end.
    std::optional<int64_t> start = getNumber(starts[i]), end = getNumber(ends[i]), d = getNumber(size);
    if (start && end && d) {
      // The standard clamps the start to [0, d - 1], the end to [-1, d - 1].
      const int64_t first = std::min(std::max<int64_t>(*start < 0 ? *start + *d : *start, 0), *d - 1);
      const int64_t last = *end < 0 ? std::max<int64_t>(*end + *d, -1) : std::min(*end, *d - 1);
      const int64_t count = first > last ? (first - last + -step - 1) / -step : 0;
      offsets[axis] = math.constant(count ? first : 0);
      sizes[axis] = math.constant(count);
    } else if (start && end && (*start == -1 || *start >= INT32_MAX) && *end <= -INT32_MAX) {
      offsets[axis] = checked(math.simplify(size - 1));
      sizes[axis] = checked(math.ceilDiv(size, -step));
    } else {
      throw ImportError("a slice with a negative step needs sizes that are known at compile time",
                        "fix them with --dim");
    }
  }
  return n.builder.slice(x, offsets, sizes, allSteps);
}

namespace {
Results importSlice(Node &n) {
  if (n.opset >= 10 && (isLate(n, 1) || isLate(n, 2) || isLate(n, 3) || isLate(n, 4)))
    return sliceLate(n);
  Value x = n.in(0);
  SmallVector<AffineExpr> starts, ends;
  SmallVector<int64_t> axes;
  if (n.opset < 10) {
    for (int64_t start : n.getInts("starts"))
      starts.push_back(n.constant(start));
    for (int64_t end : n.getInts("ends"))
      ends.push_back(n.constant(end));
    axes = n.getInts("axes");
  } else {
    starts = n.getSizes(1, "the start of the slice");
    ends = n.getSizes(2, "the end of the slice");
    if (n.has(3))
      axes = n.getConstantInts(3, "axes");
  }
  if (axes.empty())
    axes = llvm::to_vector(llvm::seq<int64_t>(0, starts.size()));
  SmallVector<int64_t> steps(starts.size(), 1);
  if (n.opset >= 10 && n.has(4))
    steps = n.getConstantInts(4, "the step of the slice");
  return sliceLikeNumpy(n, x, starts, ends, axes, steps);
}

Results importGather(Node &n) {
  return n.make<nn::GatherOp>(n.in(0), n.in(1), n.getAxis(n.getInt("axis", 0), n.getRank(n.in(0))));
}
Results importGatherElements(Node &n) {
  return n.make<nn::GatherElementsOp>(n.in(0), n.in(1), n.getAxis(n.getInt("axis", 0), n.getRank(n.in(0))));
}
Results importGatherNd(Node &n) {
  const int64_t batch = n.getInt("batch_dims", 0);
  if (batch < 0 || batch >= std::min(n.getRank(n.in(0)), n.getRank(n.in(1))))
    throw ImportError("batch_dims is out of range");
  return n.make<nn::GatherNdOp>(n.in(0), n.in(1), batch);
}

nn::ScatterKind getScatterKind(Node &n) {
  const std::string name = n.getString("reduction", "none");
  std::optional<nn::ScatterKind> kind = nn::symbolizeScatterKind(name);
  if (!kind)
    throw ImportError("reduction '" + name + "' is not supported");
  return *kind;
}
Results importScatterElements(Node &n) {
  return n.make<nn::ScatterElementsOp>(n.in(0), n.in(1), n.in(2),
                                       n.getAxis(n.getInt("axis", 0), n.getRank(n.in(0))), getScatterKind(n));
}
Results importScatterNd(Node &n) {
  return n.make<nn::ScatterNdOp>(n.in(0), n.in(1), n.in(2), getScatterKind(n));
}

/// Rows of a batch reversed up to their lengths: index = position < length ? length - 1 - position :
/// position.
Results importReverseSequence(Node &n) {
  Value x = n.in(0), lengths = n.in(1);
  const int64_t time = n.getInt("time_axis", 0), batch = n.getInt("batch_axis", 1);
  if (n.getRank(x) < 2 || std::min(time, batch) != 0 || std::max(time, batch) != 1)
    throw ImportError("time_axis and batch_axis must be 0 and 1");
  SmallVector<AffineExpr> shape(n.getShape(x));
  Type i64 = n.builder.getBuilder().getI64Type();
  Value position = n.builder.iota({shape[0], shape[1]}, time, i64);
  Value length = n.builder.unsqueeze(n.builder.convert(lengths, i64), {time});
  Value reversed = n.sub(n.sub(length, n.builder.scalar(1, i64)), position);
  Value index =
      n.make<nn::SelectOp>(n.builder.compare(position, length, nn::CompareKind::lt), reversed, position);
  SmallVector<AffineExpr> wide(shape.size(), n.constant(1));
  wide[0] = shape[0];
  wide[1] = shape[1];
  return n.make<nn::GatherElementsOp>(x, n.builder.broadcast(n.builder.reshape(index, wide), shape), time);
}

/// A cache of which, from a position per example on, rows along `axis` are replaced by `update`. Position p
/// takes row p - start of it, if there is one.
Results importTensorScatter(Node &n) {
  Value cache = n.in(0), update = n.in(1);
  const int64_t rank = n.getRank(cache), axis = n.getAxis(n.getInt("axis", -2), rank);
  const std::string mode = n.getString("mode", "linear");
  if (axis == 0 || n.getRank(update) != rank)
    throw ImportError("axis is the batch's, or the inputs' ranks differ");
  if (mode != "linear" && mode != "circular")
    throw ImportError("mode is neither linear nor circular");
  Type i64 = n.builder.getBuilder().getI64Type();
  const AffineExpr length = n.getShape(cache)[axis], rows = n.getShape(update)[axis];
  SmallVector<AffineExpr> line(rank, n.constant(1));
  line[axis] = length;
  Value row = n.builder.iota(line, axis, i64);
  if (n.has(2)) {
    SmallVector<AffineExpr> batch(rank, n.constant(1));
    if (n.getRank(n.in(2)) != 1)
      throw ImportError("write_indices must be a vector");
    batch[0] = n.getShape(n.in(2))[0];
    row = n.sub(row, n.builder.reshape(n.builder.convert(n.in(2), i64), batch));
  }
  auto size = [&](AffineExpr expr) { return n.builder.sizes({expr}, /*isScalar=*/true); };
  if (mode == "circular")
    row = n.make<nn::ModOp>(row, size(length), false);
  Value zero = n.builder.scalar(0, i64);
  Value written = n.make<nn::AndOp>(n.builder.compare(row, zero, nn::CompareKind::ge),
                                    n.builder.compare(row, size(rows), nn::CompareKind::lt));
  Value safe = n.make<nn::SelectOp>(written, row, zero);
  Value index = n.builder.broadcast(safe, n.getShape(cache));
  return n.make<nn::SelectOp>(written, n.make<nn::GatherElementsOp>(update, index, axis), cache);
}
} // namespace

void addIndexingOps(OpTable &t) {
  t.add("Slice", importSlice);
  t.add("Gather", importGather);
  t.add("GatherElements", importGatherElements);
  t.add("GatherND", importGatherNd);
  t.add("Scatter", importScatterElements);
  t.add("ScatterElements", importScatterElements);
  t.add("ScatterND", importScatterNd);
  t.add("ReverseSequence", importReverseSequence);
  t.add("TensorScatter", importTensorScatter);
}
} // namespace aicc::onnx_import
