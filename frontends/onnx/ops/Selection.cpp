// Operators whose results are as large as the data say: what is not zero, what a condition picks, what occurs
// at all. Each counts, binds the count as a size, and places elements by their running count.

#include "dialects/nn/NNControl.h"
#include "frontends/onnx/ops/Dynamic.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

using nn::CompareKind;

Type getI64(Node &n) { return n.builder.getBuilder().getI64Type(); }
Value number(Node &n, double value) { return n.builder.scalar(value, getI64(n)); }
Value sizeOf(Node &n, AffineExpr size) { return n.builder.sizes({size}, /*isScalar=*/true); }
AffineExpr productOf(Node &n, ArrayRef<AffineExpr> sizes) {
  AffineExpr product = n.math().product(sizes);
  if (!product)
    throw ImportError("its sizes are too large");
  return product;
}
Value flatten(Node &n, Value x) { return n.builder.reshape(x, {productOf(n, n.getShape(x))}); }
Value positions(Node &n, AffineExpr count) { return n.builder.iota({count}, 0, getI64(n)); }
Value isSet(Node &n, Value x) {
  return n.getElement(x).isInteger(1) ? x : n.builder.compare(x, n.builder.scalarLike(0, x), CompareKind::ne);
}

/// Which elements of a vector were chosen, and where each goes.
struct Choice {
  AffineExpr size, count; ///< of the vector, and of what was chosen
  Value place;            ///< of each element among those chosen; `size` for others
};

Choice choose(Node &n, Value flags, const Twine &what) {
  Choice choice;
  choice.size = n.getShape(flags)[0];
  Value ones = n.builder.convert(flags, getI64(n));
  Value total = n.builder.reduce(ones, nn::ReduceKind::sum, {0}, false);
  choice.count = n.builder.bindSizes(total, what, Interval{0, n.math().getBounds(choice.size).max})[0];
  Value before = n.make<nn::CumSumOp>(ones, 0, /*exclusive=*/true, false);
  choice.place = n.make<nn::SelectOp>(flags, before, sizeOf(n, choice.size));
  return choice;
}

/// The chosen ones among `values`, in order. (A place behind them takes all others.)
Value take(Node &n, const Choice &choice, Value values) {
  AffineExpr room = n.math().simplify(choice.size + 1);
  Value target = n.builder.broadcast(n.builder.scalarLike(0, values), {room});
  Value placed = n.make<nn::ScatterElementsOp>(target, choice.place, values, 0, nn::ScatterKind::none);
  return n.builder.sliceAxis(placed, 0, n.constant(0), choice.count);
}

/// Positions of what is set in a vector.
Value findSet(Node &n, Value flags, const Twine &what) {
  Choice choice = choose(n, flags, what);
  return take(n, choice, positions(n, choice.size));
}

/// Coordinates of flat positions, a row for each dimension.
Value unravel(Node &n, Value flat, ArrayRef<AffineExpr> shape) {
  SmallVector<Value> rows;
  for (size_t i = 0; i < shape.size(); ++i) {
    Value row = n.div(flat, sizeOf(n, productOf(n, shape.drop_front(i + 1))));
    if (i)
      row = n.make<nn::ModOp>(row, sizeOf(n, shape[i]), false);
    rows.push_back(n.builder.unsqueeze(row, {0}));
  }
  return n.builder.concat(rows, 0);
}

Results importNonZero(Node &n) {
  Value x = n.in(0);
  if (n.getRank(x) == 0)
    x = n.builder.reshape(x, {n.constant(1)}); // as numpy has it
  SmallVector<AffineExpr> shape(n.getShape(x));
  return unravel(n, findSet(n, flatten(n, isSet(n, x)), "the number of elements that are not 0"), shape);
}

Results importCompress(Node &n) {
  Value x = n.in(0), condition = n.in(1);
  if (n.getRank(condition) != 1)
    throw ImportError("the condition must be a vector");
  Value at = findSet(n, isSet(n, condition), "the number of elements that are kept");
  if (!n.hasAttr("axis"))
    return n.make<nn::GatherOp>(flatten(n, x), at, 0);
  return n.make<nn::GatherOp>(x, at, n.getAxis(n.getInt("axis"), n.getRank(x)));
}

/// For rows [count, length]: the place of each in lexicographic order, the first of equal ones first.
Value rankRows(Node &n, Value rows) {
  AffineExpr count = n.getShape(rows)[0], length = n.getShape(rows)[1], one = n.constant(1);
  Value a = n.builder.reshape(rows, {count, one, length}), b = n.builder.reshape(rows, {one, count, length});
  // At the first place where two rows differ, which is smaller?
  Value differ = n.builder.convert(n.builder.compare(a, b, CompareKind::ne), getI64(n));
  Value first = n.make<nn::ArgReduceOp>(differ, /*max=*/true, 2, /*keepdims=*/true, /*last=*/false);
  Value greater = n.builder.convert(n.builder.compare(a, b, CompareKind::gt), getI64(n));
  auto pick = [&](Value v) {
    return n.builder.reshape(n.make<nn::GatherElementsOp>(v, first, 2), {count, count});
  };
  Value isGreater = isSet(n, pick(greater)), isEqual = n.make<nn::NotOp>(isSet(n, pick(differ)));
  Value earlier = n.builder.compare(n.builder.iota({count, one}, 0, getI64(n)),
                                    n.builder.iota({one, count}, 1, getI64(n)), CompareKind::gt);
  Value behind = n.make<nn::OrOp>(isGreater, n.make<nn::AndOp>(isEqual, earlier));
  return n.builder.reduce(n.builder.convert(behind, getI64(n)), nn::ReduceKind::sum, {1}, false);
}

/// result[at[i]] = values[i], where `at` is a permutation.
Value permute(Node &n, Value values, Value at) {
  Value target = n.builder.broadcast(n.builder.scalarLike(0, values), n.getShape(values));
  return n.make<nn::ScatterElementsOp>(target, at, values, 0, nn::ScatterKind::none);
}
Value sortIndices(Node &n, Value x) {
  return n.builder.makeResults<nn::TopKOp>(2, x, n.builder.map(n.getShape(x)), 0, /*largest=*/false)[1];
}

/// Sorted elements (or rows) that differ from the one before begin a group; a group is one element of the
/// result.
Results importUnique(Node &n) {
  Value x = n.in(0);
  SmallVector<AffineExpr> shape(n.getShape(x));
  const bool sorted = n.getInt("sorted", 1) != 0;
  Value rows, order, y;
  int64_t axis = 0;
  if (n.hasAttr("axis")) {
    axis = n.getAxis(n.getInt("axis"), n.getRank(x));
    SmallVector<int64_t> perm = {axis};
    for (int64_t i = 0; i < n.getRank(x); ++i)
      if (i != axis)
        perm.push_back(i);
    Value front = n.builder.transpose(x, perm);
    ArrayRef<AffineExpr> sizes = n.getShape(front);
    rows = n.builder.reshape(front, {sizes[0], productOf(n, sizes.drop_front())});
    order = permute(n, positions(n, sizes[0]), rankRows(n, rows));
  } else {
    x = flatten(n, x);
    rows = n.builder.unsqueeze(x, {1});
    order = sortIndices(n, x);
  }
  const AffineExpr count = n.getShape(rows)[0];
  Value ordered = n.make<nn::GatherOp>(rows, order, 0);
  Value at = positions(n, count), zero = number(n, 0);
  Value previous = n.make<nn::GatherOp>(ordered, n.make<nn::MaxOp>(n.sub(at, number(n, 1)), zero), 0);
  Value differs = n.builder.reduce(n.builder.compare(ordered, previous, CompareKind::ne), nn::ReduceKind::any,
                                   {1}, false);
  Value begins = n.make<nn::OrOp>(differs, n.builder.compare(at, zero, CompareKind::eq));
  Choice groups = choose(n, begins, "the number of unique elements");
  Value first = take(n, groups, order); // where each group's element occurs first
  // By element: its group.
  Value group =
      n.sub(n.make<nn::CumSumOp>(n.builder.convert(begins, getI64(n)), 0, false, false), number(n, 1));
  Value inverse = permute(n, group, order);
  if (!sorted) {
    Value byPlace = sortIndices(n, first);
    first = n.make<nn::GatherOp>(first, byPlace, 0);
    inverse = n.make<nn::GatherOp>(permute(n, positions(n, groups.count), byPlace), inverse, 0);
  }
  y = n.make<nn::GatherOp>(x, first, axis);
  Value counts;
  if (n.wants(3)) {
    Value none = n.builder.broadcast(zero, {groups.count}), each = n.builder.broadcast(number(n, 1), {count});
    counts = n.make<nn::ScatterElementsOp>(none, inverse, each, 0, nn::ScatterKind::add);
  }
  return {y, first, inverse, counts};
}
//===--- boxes
//-------------------------------------------------------------------------------------------------------===//

/// Corners and areas of boxes [.., 4], each [..].
struct Boxes {
  Value low[2], high[2], area;
};

Boxes getBoxes(Node &n, Value boxes, bool fromCenter) {
  const int64_t last = n.getRank(boxes) - 1;
  SmallVector<AffineExpr> shape(ArrayRef(n.getShape(boxes)).drop_back());
  auto column = [&](int64_t i) {
    return n.builder.reshape(n.builder.sliceAxis(boxes, last, n.constant(i), n.constant(1)), shape);
  };
  Boxes b;
  for (int64_t i : {0, 1}) {
    Value x = column(i), y = column(i + 2);
    if (fromCenter) {
      Value half = n.mul(y, 0.5);
      b.low[i] = n.sub(x, half);
      b.high[i] = n.add(x, half);
    } else {
      b.low[i] = n.make<nn::MinOp>(x, y);
      b.high[i] = n.make<nn::MaxOp>(x, y);
    }
  }
  b.area = n.mul(n.sub(b.high[0], b.low[0]), n.sub(b.high[1], b.low[1]));
  return b;
}

/// Repeats `make` on a tensor, whose sizes it keeps, while it changes something.
Value untilStable(Node &n, Value x, AffineExpr mostSteps, function_ref<Value(Value)> make) {
  OpBuilder &b = n.builder.getBuilder();
  nn::SymbolicShapes &shapes = n.builder.getShapes();
  SmallVector<AffineExpr> shape(n.getShape(x));
  Value trip = sizeOf(n, mostSteps), go = n.builder.scalar(1, b.getI1Type());
  auto loop = b.create<nn::LoopOp>(n.builder.getLocation(), TypeRange{x.getType()}, trip, go, ValueRange{x},
                                   n.builder.map(shape), n.builder.map(shape), ArrayRef<int64_t>());
  {
    OpBuilder::InsertionGuard guard(b);
    Block *body = b.createBlock(&loop.getBody());
    Value iteration = body->addArgument(RankedTensorType::get({}, getI64(n)), x.getLoc());
    Value carried = body->addArgument(x.getType(), x.getLoc());
    shapes.set(iteration, {});
    shapes.set(carried, shape);
    Value next = make(carried);
    Value changed = n.builder.compare(next, carried, CompareKind::ne);
    changed = n.builder.reduce(changed, nn::ReduceKind::any,
                               llvm::to_vector(llvm::seq<int64_t>(0, n.getRank(x))), false);
    b.create<nn::YieldOp>(n.builder.getLocation(), ValueRange{changed, next});
  }
  shapes.set(loop.getResult(0), shape);
  return loop.getResult(0);
}

/// A box is kept unless one of a higher score that is kept overlaps with it. From all valid ones as kept,
/// repeated until nothing changes: what is right for the first k boxes is right for k + 1 after one more
/// step.
Results importNonMaxSuppression(Node &n) {
  Value boxes = n.in(0), scores = n.in(1);
  if (n.getRank(boxes) != 3 || n.getRank(scores) != 3)
    throw ImportError("boxes and scores must have three dimensions");
  SmallVector<AffineExpr> shape(n.getShape(scores)); // [batch, class, box]
  AffineExpr count = shape[2], one = n.constant(1);
  Type i64 = getI64(n);
  auto scalar = [&](unsigned i) { return n.builder.reshape(n.in(i), {}); };
  SmallVector<Value> sorted = n.builder.makeResults<nn::TopKOp>(2, scores, n.builder.map({count}), 2, true);
  // Each class has its boxes in the order of its scores.
  auto inOrder = [&](Value v) {
    Value wide = n.builder.broadcast(n.builder.unsqueeze(v, {1}), shape);
    return n.make<nn::GatherElementsOp>(wide, sorted[1], 2);
  };
  Boxes b = getBoxes(n, boxes, n.getInt("center_point_box", 0) != 0);
  for (Value *v : {&b.low[0], &b.low[1], &b.high[0], &b.high[1], &b.area})
    *v = inOrder(*v);
  Value valid = n.builder.broadcast(n.builder.scalar(1, n.builder.getBuilder().getI1Type()), shape);
  if (n.has(4))
    valid = n.builder.compare(sorted[0], scalar(4), CompareKind::gt);
  Value threshold = n.has(3) ? scalar(3) : n.builder.scalarLike(0, b.area);
  Value kept = untilStable(n, valid, count, [&](Value kept) {
    // [.., box, other]
    auto mine = [&](Value v) { return n.builder.unsqueeze(v, {3}); };
    auto other = [&](Value v) { return n.builder.unsqueeze(v, {2}); };
    Value zero = n.builder.scalarLike(0, b.area), common;
    for (int i : {0, 1}) {
      Value side = n.sub(n.make<nn::MinOp>(mine(b.high[i]), other(b.high[i])),
                         n.make<nn::MaxOp>(mine(b.low[i]), other(b.low[i])));
      side = n.make<nn::MaxOp>(side, zero);
      common = common ? n.mul(common, side) : side;
    }
    Value all = n.sub(n.add(mine(b.area), other(b.area)), common);
    Value overlaps = n.builder.compare(common, n.mul(all, threshold), CompareKind::gt);
    Value earlier = n.builder.compare(n.builder.iota({one, one, count, one}, 2, i64),
                                      n.builder.iota({one, one, one, count}, 3, i64), CompareKind::gt);
    Value beaten = n.make<nn::AndOp>(n.make<nn::AndOp>(overlaps, earlier), other(kept));
    Value isBeaten = n.builder.reduce(beaten, nn::ReduceKind::any, {3}, false);
    return n.make<nn::AndOp>(valid, n.make<nn::NotOp>(isBeaten));
  });
  Value most = n.has(2) ? getNumber(n, 2) : number(n, 0);
  Value rank = n.make<nn::CumSumOp>(n.builder.convert(kept, i64), 2, /*exclusive=*/false, false);
  kept = n.make<nn::AndOp>(kept, n.builder.compare(rank, most, CompareKind::le));
  Value at = findSet(n, flatten(n, kept), "the number of boxes that are kept");
  Value place = unravel(n, at, shape);
  Value box = n.make<nn::GatherOp>(flatten(n, sorted[1]), at, 0);
  Value where = n.builder.sliceAxis(place, 0, n.constant(0), n.constant(2));
  return n.builder.transpose(n.builder.concat({where, n.builder.unsqueeze(box, {0})}, 0), {1, 0});
}
} // namespace

void addSelectionOps(OpTable &t) {
  t.add("NonZero", importNonZero);
  t.add("Compress", importCompress);
  t.add("Unique", importUnique);
  t.add("NonMaxSuppression", importNonMaxSuppression);
}
} // namespace aicc::onnx_import
