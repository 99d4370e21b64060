// Operators that make tensors from sizes and numbers: constants, ranges, identities, triangles, one-hot.

#include "frontends/onnx/ops/Dynamic.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

Results importConstant(Node &n) {
  OpBuilder &b = n.builder.getBuilder();
  if (const onnx::AttributeProto *value = n.getAttr("value"))
    return n.loader.load(value->t(),
                         n.getNumOutputs() ? StringRef(n.proto.output(0)) : StringRef("constant"));
  if (n.hasAttr("value_float"))
    return n.builder.scalar(n.getFloat("value_float"), b.getF32Type());
  if (n.hasAttr("value_int"))
    return n.builder.constant(DenseElementsAttr::get(RankedTensorType::get({}, b.getI64Type()),
                                                     ArrayRef<int64_t>{n.getInt("value_int")}));
  if (n.hasAttr("value_ints"))
    return n.builder.ints(n.getInts("value_ints"));
  if (n.hasAttr("value_floats")) {
    SmallVector<float> values;
    for (double value : n.getFloats("value_floats"))
      values.push_back(float(value));
    auto type = RankedTensorType::get({int64_t(values.size())}, b.getF32Type());
    return n.builder.constant(DenseElementsAttr::get(type, ArrayRef(values)));
  }
  throw ImportError("only dense numbers can be constants");
}

Results importConstantOfShape(Node &n) {
  Value value;
  if (const onnx::AttributeProto *attribute = n.getAttr("value"))
    value = n.builder.reshape(n.loader.load(attribute->t(), "value"), {});
  else
    value = n.builder.scalar(0, n.builder.getBuilder().getF32Type());
  SmallVector<AffineExpr> shape = n.getSizes(0, "the shape");
  for (AffineExpr size : shape)
    if (n.math().getBounds(size).max < 0)
      throw ImportError("a size is negative");
  return n.builder.broadcast(value, shape);
}

/// start + i * delta for i < ceil((limit - start) / delta).
Results importRange(Node &n) {
  for (unsigned i : {0u, 1u, 2u})
    if (isLate(n, i) || (n.isFloat(n.in(0)) && !n.builder.getConstantDoubles(n.in(i))))
      return rangeLate(n);
  Value start = n.in(0);
  Type element = n.getElement(start);
  AffineExpr count;
  if (n.isFloat(start)) {
    const double from = n.getConstantDouble(0, "the start"), to = n.getConstantDouble(1, "the limit"),
                 step = n.getConstantDouble(2, "the step");
    const double steps = std::ceil((to - from) / step);
    if (!(steps < double(INT32_MAX)))
      throw ImportError("the range has no sensible length");
    count = n.constant(std::max<int64_t>(0, int64_t(steps)));
  } else {
    SmallVector<AffineExpr> from = n.getSizes(0, "the start"), to = n.getSizes(1, "the limit");
    const int64_t step = n.getConstantInt(2, "the step");
    if (from.size() != 1 || to.size() != 1 || step == 0 || std::abs(step) > INT32_MAX)
      throw ImportError("start, limit and step must be numbers, the step not 0");
    AffineExpr distance = step > 0 ? to[0] - from[0] : from[0] - to[0];
    count = n.math().ceilDiv(distance, std::abs(step));
    if (count && !n.math().isNonNegative(count) && !isa<AffineDimExpr>(count)) {
      if (n.math().getBounds(count).max <= 0)
        count = n.constant(0);
      else if (n.math().getBounds(count).min < 0)
        count = n.math().max(count, n.constant(0));
    }
    if (!count)
      throw ImportError("its length is too complicated");
  }
  Value index = n.builder.iota({count}, 0, element);
  Value step = n.builder.reshape(n.in(2), {});
  std::optional<SmallVector<double>> one = n.builder.getConstantDoubles(step);
  Value scaled = one && (*one)[0] == 1 ? index : n.mul(index, step);
  std::optional<SmallVector<double>> zero = n.builder.getConstantDoubles(start);
  return zero && zero->size() == 1 && (*zero)[0] == 0 ? scaled : n.add(scaled, n.builder.reshape(start, {}));
}

/// Row and column numbers of the last two dimensions, [rows, 1] and [1, columns].
std::pair<Value, Value> rowsAndColumns(Node &n, AffineExpr rows, AffineExpr columns) {
  Type i64 = n.builder.getBuilder().getI64Type();
  return {n.builder.iota({rows, n.constant(1)}, 0, i64), n.builder.iota({n.constant(1), columns}, 1, i64)};
}

Value addSize(Node &n, Value x, AffineExpr offset) {
  return offset == n.constant(0) ? x : n.add(x, n.builder.sizes({offset}, /*isScalar=*/true));
}

Results importEyeLike(Node &n) {
  Value x = n.in(0);
  if (n.getRank(x) != 2)
    throw ImportError("its input must be a matrix");
  Type element = n.hasAttr("dtype") ? n.getType(n.getInt("dtype")) : n.getElement(x);
  auto [rows, columns] = rowsAndColumns(n, n.getShape(x)[0], n.getShape(x)[1]);
  rows = addSize(n, rows, n.constant(n.getInt("k", 0)));
  return n.builder.convert(n.builder.compare(rows, columns, nn::CompareKind::eq), element);
}

/// Upper: column >= row + k is kept; lower: column <= row + k.
Results importTrilu(Node &n) {
  Value x = n.in(0);
  const int64_t rank = n.getRank(x);
  if (rank < 2)
    throw ImportError("its input must have two dimensions at least");
  AffineExpr k = n.constant(0);
  const bool hasLateK = isLate(n, 1);
  if (n.has(1) && !hasLateK) {
    SmallVector<AffineExpr> given = n.getSizes(1, "k");
    if (given.size() != 1)
      throw ImportError("k must be a single number");
    k = given[0];
  }
  auto [rows, columns] = rowsAndColumns(n, n.getShape(x)[rank - 2], n.getShape(x)[rank - 1]);
  if (hasLateK)
    rows = n.add(rows, getNumber(n, 1));
  const bool upper = n.getInt("upper", 1) != 0;
  Value keep =
      n.builder.compare(columns, addSize(n, rows, k), upper ? nn::CompareKind::ge : nn::CompareKind::le);
  return n.make<nn::SelectOp>(keep, x, n.builder.scalarLike(0, x));
}

Results importOneHot(Node &n) {
  Type i64 = n.builder.getBuilder().getI64Type();
  Value indices = n.builder.convert(n.in(0), i64), values = n.in(2);
  const int64_t rank = n.getRank(indices) + 1, axis = n.getAxis(n.getInt("axis", -1), rank);
  // A number of any type.
  SmallVector<AffineExpr> depth = n.builder.bindSizes(n.builder.convert(n.in(1), i64), "the depth");
  if (depth.size() != 1 || n.getRank(values) != 1)
    throw ImportError("depth must be a number, values a pair");
  // Negative indices count from the end; those beyond are hot nowhere.
  Value zero = n.builder.scalar(0, i64);
  Value wrapped = n.add(indices, n.builder.sizes(depth, true));
  indices = n.make<nn::SelectOp>(n.builder.compare(indices, zero, nn::CompareKind::lt), wrapped, indices);
  SmallVector<AffineExpr> line(rank, n.constant(1));
  line[axis] = depth[0];
  Value hot = n.builder.compare(n.builder.unsqueeze(indices, {axis}), n.builder.iota(line, axis, i64),
                                nn::CompareKind::eq);
  auto pick = [&](int64_t i) {
    return n.builder.reshape(n.builder.sliceAxis(values, 0, n.constant(i), n.constant(1)), {});
  };
  return n.make<nn::SelectOp>(hot, pick(1), pick(0));
}
} // namespace

void addGeneratorOps(OpTable &t) {
  t.add("Constant", importConstant);
  t.add("ConstantOfShape", importConstantOfShape);
  t.add("Range", importRange);
  t.add("EyeLike", importEyeLike);
  t.add("Trilu", importTrilu);
  t.add("OneHot", importOneHot);
}
} // namespace aicc::onnx_import
