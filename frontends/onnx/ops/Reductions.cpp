// Reductions, softmax, running sums, sorting.

#include "frontends/onnx/ops/Dynamic.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

struct Reduction {
  Value input; ///< what is reduced: x, or a view of it
  SmallVector<int64_t> axes;
  bool keepdims;
  std::optional<SmallVector<AffineExpr>> shape; ///< of the result, if it is another than the reduction's
};

/// Axes as attribute (up to opset 12 for ReduceSum, 17 for others) or input; none means all, or with
/// noop_with_empty_axes nothing.
Reduction getReduction(Node &n, Value x) {
  const int64_t rank = n.getRank(x);
  SmallVector<int64_t> axes;
  if (!n.hasAttr("axes") && isLate(n, 1)) {
    if (n.getRank(n.in(1)) != 1 || n.getStaticSize(n.in(1), 0, "the number of axes")) {
      LateReduction late = reduceLate(n, x);
      return {late.view, late.axes, false, late.shape};
    }
  } else if (std::optional<SmallVector<int64_t>> given = n.getAxesAttrOrInput(1)) {
    axes = n.getAxes(*given, rank);
  }
  if (axes.empty() && !n.getInt("noop_with_empty_axes", 0))
    axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  return {x, axes, n.getInt("keepdims", 1) != 0, std::nullopt};
}

Value reduce(Node &n, nn::ReduceKind kind, const Reduction &r) {
  Value y = n.builder.reduce(r.input, kind, r.axes, r.keepdims);
  return r.shape ? n.builder.reshape(y, *r.shape) : y;
}

template <nn::ReduceKind kind> Results plain(Node &n) {
  Value x = n.in(0);
  const bool isBool = n.getElement(x).isInteger(1); // opset 20 reduces booleans by max and min
  if (isBool && kind == nn::ReduceKind::max)
    return reduce(n, nn::ReduceKind::any, getReduction(n, x));
  if (isBool && kind == nn::ReduceKind::min)
    return reduce(n, nn::ReduceKind::all, getReduction(n, x));
  return reduce(n, kind, getReduction(n, x));
}

Value sumOf(Node &n, Value x) { return reduce(n, nn::ReduceKind::sum, getReduction(n, x)); }
Results importL1(Node &n) { return sumOf(n, n.make<nn::AbsOp>(n.in(0))); }
Results importSumSquare(Node &n) { return sumOf(n, n.mul(n.in(0), n.in(0))); }
Results importL2(Node &n) {
  Value sum = sumOf(n, n.mul(n.in(0), n.in(0)));
  if (n.isFloat(sum))
    return n.make<nn::SqrtOp>(sum);
  Type f64 = n.builder.getBuilder().getF64Type();
  return n.builder.convert(n.make<nn::SqrtOp>(n.builder.convert(sum, f64)), n.getElement(sum));
}
Results importLogSum(Node &n) { return n.make<nn::LogOp>(sumOf(n, n.in(0))); }
Results importLogSumExp(Node &n) {
  // Shifted by the maximum, so that large inputs don't overflow.
  Reduction r = getReduction(n, n.in(0));
  Value top = n.builder.reduce(r.input, nn::ReduceKind::max, r.axes, true);
  r.input = n.make<nn::ExpOp>(n.sub(r.input, top));
  Value logSum = n.make<nn::LogOp>(reduce(n, nn::ReduceKind::sum, r));
  return n.add(logSum, n.builder.reshape(top, n.getShape(logSum)));
}

template <bool max> Results importArg(Node &n) {
  Value x = n.in(0);
  return n.make<nn::ArgReduceOp>(x, max, n.getAxis(n.getInt("axis", 0), n.getRank(x)),
                                 n.getInt("keepdims", 1) != 0, n.getInt("select_last_index", 0) != 0);
}

/// Until opset 12 the input is seen as a matrix, split at `axis`.
template <typename MakeFn> Results alongLastOrFlattened(Node &n, MakeFn make) {
  Value x = n.in(0);
  const int64_t rank = n.getRank(x);
  const bool flatten = n.opset < 13;
  int64_t axis = n.getInt("axis", flatten ? 1 : -1);
  if (rank == 0)
    throw ImportError("its input is a scalar");
  // With axis 1 of a vector the matrix has one column.
  if (flatten && axis == rank)
    return n.builder.reshape(make(n.builder.unsqueeze(x, {rank}), rank), n.getShape(x));
  axis = n.getAxis(axis, rank);
  if (!flatten || axis == rank - 1)
    return make(x, axis);
  SmallVector<AffineExpr> shape(n.getShape(x)), matrix(ArrayRef(shape).take_front(axis));
  matrix.push_back(n.math().product(ArrayRef(shape).drop_front(axis)));
  if (!matrix.back())
    throw ImportError("its sizes are too large");
  return n.builder.reshape(make(n.builder.reshape(x, matrix), axis), shape);
}

template <bool log> Results importSoftmax(Node &n) {
  return alongLastOrFlattened(n, [&](Value x, int64_t axis) { return n.make<nn::SoftmaxOp>(x, axis, log); });
}
Results importHardmax(Node &n) {
  return alongLastOrFlattened(n, [&](Value x, int64_t axis) -> Value {
    if (nn::ShapeContext::getConstant(n.getShape(x)[axis]) == 0)
      return x; // without elements
    Type i64 = n.builder.getBuilder().getI64Type();
    Value top = n.make<nn::ArgReduceOp>(x, true, axis, true, false);
    Value index = n.builder.iota(n.getShape(x), axis, i64);
    return n.builder.convert(n.builder.compare(index, top, nn::CompareKind::eq), n.getElement(x));
  });
}

Results importLpNormalization(Node &n) {
  Value x = n.in(0);
  const int64_t axis = n.getAxis(n.getInt("axis", -1), n.getRank(x)), p = n.getInt("p", 2);
  if (p != 1 && p != 2)
    throw ImportError("p is neither 1 nor 2");
  Value powers = p == 1 ? n.make<nn::AbsOp>(x) : n.mul(x, x);
  Value norm = n.builder.reduce(powers, nn::ReduceKind::sum, {axis}, true);
  if (p == 2)
    norm = n.make<nn::SqrtOp>(norm);
  // A row of zeros stays one.
  Value zero = n.builder.scalarLike(0, x), one = n.builder.scalarLike(1, x);
  return n.div(x, n.make<nn::SelectOp>(n.builder.compare(norm, zero, nn::CompareKind::eq), one, norm));
}

Results importCumSum(Node &n) {
  Value x = n.in(0);
  const bool exclusive = n.getInt("exclusive", 0) != 0, reverse = n.getInt("reverse", 0) != 0;
  if (isLate(n, 1))
    return alongLateAxis(n, x, 1,
                         [&](Value view) { return n.make<nn::CumSumOp>(view, 1, exclusive, reverse); });
  return n.make<nn::CumSumOp>(x, n.getAxis(n.getConstantInt(1, "axis"), n.getRank(x)), exclusive, reverse);
}

/// The product of the elements up to each: for known sizes by doubling, each step multiplying by what lies 1,
/// 2, 4, ... before; else by a product over all of a row, of which the elements beyond are 1.
Value cumulate(Node &n, Value x, int64_t axis) {
  const int64_t rank = n.getRank(x);
  const bool exclusive = n.getInt("exclusive", 0) != 0, reverse = n.getInt("reverse", 0) != 0;
  const AffineExpr size = n.getShape(x)[axis];
  Value one = n.builder.scalarLike(1, x);
  auto number = dyn_cast<AffineConstantExpr>(size);
  if (!number) {
    Type i64 = n.builder.getBuilder().getI64Type();
    SmallVector<AffineExpr> wide(n.getShape(x)), to(rank + 1, n.constant(1)), from(to);
    wide.insert(wide.begin() + axis, size); // [.., result, factor, ..]
    to[axis] = from[axis + 1] = size;
    const nn::CompareKind kind = reverse ? (exclusive ? nn::CompareKind::gt : nn::CompareKind::ge)
                                         : (exclusive ? nn::CompareKind::lt : nn::CompareKind::le);
    Value counts =
        n.builder.compare(n.builder.iota(from, axis + 1, i64), n.builder.iota(to, axis, i64), kind);
    Value factors = n.make<nn::SelectOp>(counts, n.builder.unsqueeze(x, {axis}), one);
    return n.builder.reduce(factors, nn::ReduceKind::prod, {axis + 1}, false);
  }
  SmallVector<AffineExpr> none(rank, n.constant(0));
  auto shifted = [&](Value v, int64_t by) {
    Value kept =
        n.builder.sliceAxis(v, axis, n.constant(reverse ? by : 0), n.constant(number.getValue() - by));
    SmallVector<AffineExpr> pad(none);
    pad[axis] = n.constant(by);
    return n.make<nn::PadOp>(kept, one, n.builder.map(reverse ? none : pad),
                             n.builder.map(reverse ? pad : none), nn::PadMode::constant);
  };
  if (exclusive && number.getValue() > 0)
    x = shifted(x, 1);
  for (int64_t by = 1; by < number.getValue(); by *= 2)
    x = n.mul(x, shifted(x, by));
  return x;
}
Results importCumProd(Node &n) {
  Value x = n.in(0);
  if (isLate(n, 1))
    return alongLateAxis(n, x, 1, [&](Value view) { return cumulate(n, view, 1); });
  return cumulate(n, x, n.getAxis(n.getConstantInt(1, "axis"), n.getRank(x)));
}

Results importTopK(Node &n) {
  Value x = n.in(0);
  const int64_t axis = n.getAxis(n.getInt("axis", -1), n.getRank(x));
  SmallVector<AffineExpr> k;
  if (n.opset < 10)
    k.push_back(n.constant(n.getInt("k")));
  else
    k = n.getSizes(1, "k");
  if (k.size() != 1)
    throw ImportError("k must be a single number");
  if (isLate(n, k[0]) && n.math().compare(k[0], n.getShape(x)[axis]).value_or(1) > 0)
    n.builder.require(
        n.builder.compare(n.builder.sizes(k), n.builder.sizes({n.getShape(x)[axis]}), nn::CompareKind::le),
        "k is larger than the dimension");
  return n.builder.makeResults<nn::TopKOp>(2, x, n.builder.map(k), axis, n.getInt("largest", 1) != 0);
}
} // namespace

void addReductionOps(OpTable &t) {
  t.add("ReduceSum", plain<nn::ReduceKind::sum>);
  t.add("ReduceMean", plain<nn::ReduceKind::mean>);
  t.add("ReduceProd", plain<nn::ReduceKind::prod>);
  t.add("ReduceMax", plain<nn::ReduceKind::max>);
  t.add("ReduceMin", plain<nn::ReduceKind::min>);
  t.add("ReduceL1", importL1);
  t.add("ReduceL2", importL2);
  t.add("ReduceLogSum", importLogSum);
  t.add("ReduceLogSumExp", importLogSumExp);
  t.add("ReduceSumSquare", importSumSquare);
  t.add("ArgMax", importArg<true>);
  t.add("ArgMin", importArg<false>);
  t.add("Softmax", importSoftmax<false>);
  t.add("LogSoftmax", importSoftmax<true>);
  t.add("Hardmax", importHardmax);
  t.add("LpNormalization", importLpNormalization);
  t.add("CumSum", importCumSum);
  t.add("CumProd", importCumProd);
  t.add("TopK", importTopK);
}
} // namespace aicc::onnx_import
