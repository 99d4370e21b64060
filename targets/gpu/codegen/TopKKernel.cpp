// The k largest or smallest elements along a dimension, in order: a workgroup for each row finds, k times,
// the first of those that come after the one found before.

#include "targets/gpu/codegen/RowFrame.h"
#include "targets/kernel/Indexing.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;
using namespace aicc::kernel;

namespace {
/// Entries are pairs (element, position); a negative position is none.
struct TopK {
  GpuEmitter &e;
  nn::TopKOp root;
  Type element; // in accumulators

  Value both(Value x, Value y) { return e.b.create<arith::AndIOp>(e.loc, x, y); }
  Value either(Value x, Value y) { return e.b.create<arith::OrIOp>(e.loc, x, y); }
  Value negate(Value x) {
    return e.b.create<arith::XOrIOp>(e.loc, x, numberConstant(e, e.b.getI1Type(), 1, 0));
  }
  Value isNone(ValueRange x) { return e.compare(arith::CmpIPredicate::slt, x[1], e.constant(0)); }
  SmallVector<Value> select(Value condition, ValueRange x, ValueRange y) {
    SmallVector<Value> result;
    for (auto [l, r] : llvm::zip_equal(x, y))
      result.push_back(e.b.create<arith::SelectOp>(e.loc, condition, l, r));
    return result;
  }

  /// x comes strictly before y by its element alone; NaN counts as larger than all numbers.
  Value keyBefore(Value x, Value y) {
    bool largest = root.getLargest();
    if (!isa<FloatType>(element)) {
      Type type = cast<RankedTensorType>(root.getInput().getType()).getElementType();
      bool isUnsigned = type.isUnsignedInteger() || type.isInteger(1);
      return e.compare(largest ? (isUnsigned ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::sgt)
                               : (isUnsigned ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt),
                       x, y);
    }
    auto is = [&](arith::CmpFPredicate predicate, Value l, Value r) {
      return e.b.create<arith::CmpFOp>(e.loc, predicate, l, r);
    };
    Value beyond = is(largest ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT, x, y);
    Value last = largest ? y : x, first = largest ? x : y; // `first` is NaN, `last` a number
    return either(
        beyond, both(is(arith::CmpFPredicate::UNO, first, first), is(arith::CmpFPredicate::ORD, last, last)));
  }
  /// x comes before y in the result.
  Value before(ValueRange x, ValueRange y) {
    Value nearer = e.compare(arith::CmpIPredicate::slt, x[1], y[1]);
    return either(keyBefore(x[0], y[0]), both(negate(keyBefore(y[0], x[0])), nearer));
  }
  /// The one that comes first; none comes last.
  SmallVector<Value> first(ValueRange x, ValueRange y) {
    Value take = both(either(before(y, x), isNone(x)), negate(isNone(y)));
    return select(take, y, x);
  }
};
} // namespace

FailureOr<Launch> aicc::gpu::emitTopK(KernelRequest &request) {
  auto root = dyn_cast_or_null<nn::TopKOp>(getRoot(request.dispatch));
  if (!root)
    return failure();
  Value input = root.getInput();
  SmallVector<AffineExpr> sizes(request.shapes.get(input)), outer = sizes;
  unsigned axis = root.getAxis();
  AffineExpr length = sizes[axis], count = root.getK().getResult(0);
  outer[axis] = getAffineConstantExpr(1, root.getContext());
  AffineExpr rows = outer[axis];
  for (AffineExpr size : outer)
    rows = rows * size;
  auto known = GpuEmitter::getConstant(length);
  RowShape shape;
  shape.threads = 256;
  while (known && shape.threads > 32 && *known * 2 <= shape.threads)
    shape.threads /= 2;
  shape.width = shape.threads;
  GpuEmitter e(request.module, request.name, request.dispatch, request.shapes, request.gpu, request.end,
               shape.threads);
  if (!llvm::all_of(e.getYield().getValues(), [&](Value v) { return v.getDefiningOp() == root; })) {
    e.abandon();
    return failure();
  }
  Type element = cast<RankedTensorType>(input.getType()).getElementType(),
       accumulator = getAccumulatorType(e.b, element);
  TopK top{e, root, accumulator};
  RowFrame frame(e, shape, rows, length);
  SmallVector<Value> idx = e.delinearize(frame.row, outer);
  SmallVector<AffineExpr> resultSizes = sizes;
  resultSizes[axis] = count;
  SmallVector<Value> none{numberConstant(e, accumulator, 0, 0), e.constant(-1)};
  SmallVector<Value> values = resultPointers(e, root, 0), indices = resultPointers(e, root, 1);
  // Elements of short rows stay in registers.
  SmallVector<Value> kept(frame.getNumSlots());
  auto read = [&](const RowFrame::Place &place) {
    SmallVector<Value> at(idx);
    at[axis] = place.idx[0];
    return toAccumulator(e, e.emit(input, Coord{at, -1, Value()}), element);
  };
  if (frame.isUnrolled())
    frame.sweep({}, [&](const RowFrame::Place &place, ValueRange) {
      kept[place.slot] = read(place);
      return SmallVector<Value>();
    });
  e.loop(e.constant(0), e.size(count), e.constant(1), none, [&](Value i, ValueRange found) {
    SmallVector<Value> last(found);
    SmallVector<Value> best = frame.sweep(none, [&](const RowFrame::Place &place, ValueRange best) {
      SmallVector<Value> entry{place.slot >= 0 ? kept[place.slot] : read(place), place.idx[0]};
      Value possible = top.either(top.isNone(last), top.before(last, entry));
      if (place.inside)
        possible = top.both(possible, place.inside);
      return top.select(possible, top.first(best, entry), best);
    });
    best = frame.reduceAll(best, [&](ValueRange x, ValueRange y) { return top.first(x, y); });
    frame.once([&] {
      SmallVector<Value> at(idx);
      at[axis] = i;
      Value linear = e.constant(0);
      for (auto [position, size] : llvm::zip_equal(at, resultSizes))
        linear = e.add(e.mul(linear, e.size(size)), position);
      storeAll(e, values, fromAccumulator(e, best[0], element), linear, element);
      storeAll(e, indices, best[1], linear, e.b.getI64Type());
    });
    return best;
  });
  e.clearMemo();
  return e.finish(frame.getGrid());
}
