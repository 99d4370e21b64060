// Reductions, and the positions of largest and smallest elements: a group of threads sweeps a row and
// combines what its threads have (see RowFrame.h).

#include "targets/gpu/codegen/RowFrame.h"
#include "targets/kernel/Collapse.h"
#include "targets/kernel/Reduction.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;
using namespace aicc::kernel;

/// The innermost dimension larger than 1; -1 if there is none.
static int getInnermost(ArrayRef<AffineExpr> sizes) {
  int last = -1;
  for (int d = 0; d < int(sizes.size()); ++d)
    if (GpuEmitter::getConstant(sizes[d]) != 1)
      last = d;
  return last;
}

static SmallVector<AffineExpr> pick(ArrayRef<AffineExpr> sizes, ArrayRef<unsigned> dims) {
  SmallVector<AffineExpr> picked;
  for (unsigned d : dims)
    picked.push_back(sizes[d]);
  return picked;
}

//===--- reductions
//------------------------------------------------------------------------------------------------------===//

static FailureOr<Launch> emitReduction(KernelRequest &request, exe::DispatchOp dispatch, nn::ReduceOp root) {
  collapseReduction(dispatch, root, request.shapes);
  SmallVector<AffineExpr> sizes(request.shapes.get(root.getInput()));
  SmallVector<unsigned> reduced, kept, keptInResult;
  for (unsigned d = 0, next = 0; d < sizes.size(); ++d) {
    bool isReduced = llvm::is_contained(root.getAxes(), d);
    if (!isReduced)
      keptInResult.push_back(next);
    (isReduced ? reduced : kept).push_back(d);
    next += root.getKeepdims() || !isReduced;
  }
  int last = getInnermost(sizes);
  bool along = last < 0 || llvm::is_contained(reduced, unsigned(last));
  if (along && last >= 0) { // sizes of 1 behind it go first
    llvm::erase(reduced, unsigned(last));
    reduced.push_back(last);
  }
  auto productOf = [&](ArrayRef<unsigned> dims) {
    AffineExpr result = getAffineConstantExpr(1, root.getContext());
    for (unsigned d : dims)
      result = result * sizes[d];
    return result;
  };
  Type element = cast<RankedTensorType>(root.getType()).getElementType();
  unsigned lanes = getWideLanes(dispatch, request.gpu);
  if (!along || last < 0 || element.isInteger(1) || !sizes[last].isMultipleOf(lanes))
    lanes = 1;
  AffineExpr rows = productOf(kept), length = productOf(reduced);
  RowShape shape = chooseRowShape(request.gpu, rows, length, lanes, !along);
  GpuEmitter e(request.module, request.name, dispatch, request.shapes, request.gpu, request.end,
               shape.threads);
  if (shape.lanes > 1 && !e.canVectorize(root.getInput(), last, shape.lanes))
    shape.lanes = 1;
  unsigned width = shape.lanes > 1 ? shape.lanes : 0;

  RowFrame frame(e, shape, rows, pick(sizes, reduced));
  Combiner combiner(e, root.getKind(), element);
  SmallVector<Value> idx(sizes.size(), e.constant(0));
  for (auto [d, i] : llvm::zip_equal(kept, e.delinearize(frame.row, pick(sizes, kept))))
    idx[d] = i;
  Value neutral = combiner.neutral(width);
  Value value = frame.sweep(neutral, [&](const RowFrame::Place &place, ValueRange before) {
    Coord c{idx, width ? last : -1, Value()};
    for (auto [at, d] : llvm::enumerate(reduced))
      c.idx[d] = place.idx[at];
    Value next = combiner.load(e.emit(root.getInput(), c, width));
    if (place.inside)
      next = e.b.create<arith::SelectOp>(e.loc, place.inside, next, neutral);
    return SmallVector<Value>{combiner.combine(before[0], next)};
  })[0];
  value = frame.reduce(value, [&](Value x, Value y) { return combiner.combine(x, y); });
  frame.once([&] {
    Coord c{SmallVector<Value>(e.shape(root.getResult()).size(), e.constant(0)), -1, Value()};
    for (auto [d, at] : llvm::zip_equal(kept, keptInResult))
      c.idx[at] = idx[d];
    e.bind(root.getResult(), combiner.finish(value, e.size(length)));
    e.emitStores(root.getResult(), c);
    e.clearBound();
  });
  return e.finish(frame.getGrid());
}

//===--- positions
//-------------------------------------------------------------------------------------------------------===//

namespace {
/// Candidates are pairs (value, position); a negative position is none.
struct ArgReduce {
  GpuEmitter &e;
  nn::ArgReduceOp root;
  Type element;

  Value both(Value x, Value y) { return e.b.create<arith::AndIOp>(e.loc, x, y); }
  Value either(Value x, Value y) { return e.b.create<arith::OrIOp>(e.loc, x, y); }
  Value negate(Value x) {
    return e.b.create<arith::XOrIOp>(e.loc, x, numberConstant(e, e.b.getI1Type(), 1, 0));
  }
  Value select(Value condition, Value x, Value y) {
    return e.b.create<arith::SelectOp>(e.loc, condition, x, y);
  }
  Value isNone(Value position) { return e.compare(arith::CmpIPredicate::slt, position, e.constant(0)); }

  /// x is to be taken before y wherever they stand; NaN before numbers.
  Value better(Value x, Value y) {
    if (!isa<FloatType>(element)) {
      bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
      return e.compare(root.getMax() ? (isUnsigned ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::sgt)
                                     : (isUnsigned ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt),
                       x, y);
    }
    auto is = [&](arith::CmpFPredicate predicate, Value l, Value r) {
      return e.b.create<arith::CmpFOp>(e.loc, predicate, l, r);
    };
    Value beyond = is(root.getMax() ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT, x, y);
    return either(beyond, both(is(arith::CmpFPredicate::UNO, x, x), is(arith::CmpFPredicate::ORD, y, y)));
  }

  /// After one at a later position was seen.
  SmallVector<Value> step(ValueRange kept, Value value, Value position, Value inside) {
    Value take = root.getLast() ? negate(better(kept[0], value)) : better(value, kept[0]);
    take = either(take, isNone(kept[1]));
    if (inside)
      take = both(take, inside);
    return {select(take, value, kept[0]), select(take, position, kept[1])};
  }

  SmallVector<Value> merge(ValueRange x, ValueRange y) {
    Value worse = better(y[0], x[0]), best = better(x[0], y[0]);
    Value nearer =
        e.compare(root.getLast() ? arith::CmpIPredicate::sgt : arith::CmpIPredicate::slt, y[1], x[1]);
    Value tie = e.compare(arith::CmpIPredicate::eq, worse, best);
    // y wins if it is better, or neither is and it stands nearer.
    Value take = either(worse, both(tie, nearer));
    take = both(either(take, isNone(x[1])), negate(isNone(y[1])));
    return {select(take, y[0], x[0]), select(take, y[1], x[1])};
  }
};
} // namespace

static FailureOr<Launch> emitArgReduction(KernelRequest &request, exe::DispatchOp dispatch,
                                          nn::ArgReduceOp root) {
  SmallVector<AffineExpr> sizes(request.shapes.get(root.getInput())), outer = sizes;
  unsigned axis = root.getAxis();
  AffineExpr length = sizes[axis];
  outer[axis] = getAffineConstantExpr(1, root.getContext());
  AffineExpr rows = outer[axis];
  for (AffineExpr size : outer)
    rows = rows * size;
  bool along = getInnermost(ArrayRef(outer).drop_front(axis)) < 0;
  RowShape shape = chooseRowShape(request.gpu, rows, length, 1, !along);
  GpuEmitter e(request.module, request.name, dispatch, request.shapes, request.gpu, request.end,
               shape.threads);
  RowFrame frame(e, shape, rows, length);
  Type element = cast<RankedTensorType>(root.getInput().getType()).getElementType();
  ArgReduce arg{e, root, element};
  SmallVector<Value> idx = e.delinearize(frame.row, outer);
  SmallVector<Value> none{numberConstant(e, getAccumulatorType(e.b, element), 0, 0), e.constant(-1)};
  SmallVector<Value> best = frame.sweep(none, [&](const RowFrame::Place &place, ValueRange kept) {
    idx[axis] = place.idx[0];
    Value value = toAccumulator(e, e.emit(root.getInput(), Coord{idx, -1, Value()}), element);
    return arg.step(kept, value, place.idx[0], place.inside);
  });
  best = frame.reduceAll(best, [&](ValueRange x, ValueRange y) { return arg.merge(x, y); });
  frame.once([&] {
    Coord c;
    for (unsigned d = 0; d < idx.size(); ++d)
      if (d != axis || root.getKeepdims())
        c.idx.push_back(d == axis ? e.constant(0) : idx[d]);
    e.bind(root.getResult(), best[1]);
    e.emitStores(root.getResult(), c);
    e.clearBound();
  });
  return e.finish(frame.getGrid());
}

FailureOr<Launch> aicc::gpu::emitReduce(KernelRequest &request) {
  exe::DispatchOp clone = cloneDetached(request.dispatch, request.shapes);
  auto erase = llvm::make_scope_exit([&] { clone.erase(); });
  Operation *root = getRoot(clone);
  if (auto reduce = dyn_cast_or_null<nn::ReduceOp>(root))
    return emitReduction(request, clone, reduce);
  if (auto arg = dyn_cast_or_null<nn::ArgReduceOp>(root))
    return emitArgReduction(request, clone, arg);
  return failure();
}
