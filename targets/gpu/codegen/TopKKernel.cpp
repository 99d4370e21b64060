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

/// More than these are sorted.
static constexpr int64_t kMaxFound = 48;

namespace {
struct TopKRow {
  TopK top;
  RowFrame &frame;
  ArrayRef<AffineExpr> outer; // the input's sizes, 1 along the axis
  Type type = {};             // of the input's elements
  AffineExpr count = {};
  SmallVector<Value> idx = {}, values = {}, indices = {};

  Value read(Value i) {
    SmallVector<Value> at(idx);
    at[top.root.getAxis()] = i;
    return toAccumulator(top.e, top.e.emit(top.root.getInput(), Coord{at, -1, Value()}), type);
  }
  /// Writes the result's entry i.
  void write(Value i, ValueRange entry) {
    GpuEmitter &e = top.e;
    Value linear = e.constant(0);
    unsigned axis = top.root.getAxis();
    for (unsigned d = 0; d < idx.size(); ++d)
      linear = e.add(e.mul(linear, e.size(d == axis ? count : outer[d])), d == axis ? i : idx[d]);
    storeAll(e, values, fromAccumulator(e, entry[0], type), linear, type);
    storeAll(e, indices, entry[1], linear, e.b.getI64Type());
  }

  void emitFinds();
  void emitSort(AffineExpr length);
};
} // namespace

void TopKRow::emitFinds() {
  GpuEmitter &e = top.e;
  SmallVector<Value> none{numberConstant(e, top.element, 0, 0), e.constant(-1)};
  // Elements of short rows stay in registers.
  SmallVector<Value> kept(frame.getNumSlots());
  if (frame.isUnrolled())
    frame.sweep({}, [&](const RowFrame::Place &place, ValueRange) {
      kept[place.slot] = read(place.idx[0]);
      return SmallVector<Value>();
    });
  e.loop(e.constant(0), e.size(count), e.constant(1), none, [&](Value i, ValueRange found) {
    SmallVector<Value> last(found);
    SmallVector<Value> best = frame.sweep(none, [&](const RowFrame::Place &place, ValueRange best) {
      SmallVector<Value> entry{place.slot >= 0 ? kept[place.slot] : read(place.idx[0]), place.idx[0]};
      Value possible = top.either(top.isNone(last), top.before(last, entry));
      if (place.inside)
        possible = top.both(possible, place.inside);
      return top.select(possible, top.first(best, entry), best);
    });
    best = frame.reduceAll(best, [&](ValueRange x, ValueRange y) { return top.first(x, y); });
    frame.once([&] { write(i, best); });
    return best;
  });
}

/// Bitonic sorting: in stage s runs of 2^s become sorted. Each comparison puts what comes first in front, so
/// that nothing beyond the row's end would ever move to the front, and comparisons with it are left out.
void TopKRow::emitSort(AffineExpr length) {
  GpuEmitter &e = top.e;
  OpBuilder &b = e.b;
  Type i64 = b.getI64Type();
  int64_t keyBytes = llvm::divideCeil(top.element.getIntOrFloatBitWidth(), 8);
  Value places = e.scratch(length * (8 + keyBytes)), size = e.size(length);
  Value keys = e.atEntry([&] { return e.address(places, size, i64); });
  auto get = [&](Value i) {
    return SmallVector<Value>{e.load(keys, i, top.element), e.load(places, i, i64)};
  };
  auto set = [&](Value i, ValueRange entry) {
    e.store(entry[0], keys, i, top.element);
    e.store(entry[1], places, i, i64);
  };
  auto shiftLeft = [&](Value x, Value n) -> Value { return b.create<arith::ShLIOp>(e.loc, x, n); };
  auto shiftRight = [&](Value x, Value n) -> Value { return b.create<arith::ShRUIOp>(e.loc, x, n); };
  auto comparePair = [&](Value i, Value j) {
    e.ifThen(e.compare(arith::CmpIPredicate::ult, j, size), [&] {
      SmallVector<Value> x = get(i), y = get(j);
      e.ifThen(top.before(y, x), [&] { set(i, y), set(j, x); });
    });
  };
  e.share(size, [&](Value i) {
    e.clearMemo();
    set(i, {read(i), i});
    e.clearMemo();
  });
  e.barrier();
  Value one = e.constant(1);
  // Stages: the bits of length - 1.
  Value zeros = b.create<math::CountLeadingZerosOp>(e.loc, e.max(e.sub(size, one), e.constant(0)));
  Value stages = e.sub(e.constant(64), zeros);
  e.loop(one, e.add(stages, one), one, [&](Value stage) {
    Value half = e.sub(stage, one), mask = e.sub(shiftLeft(one, half), one);
    auto pairs = [&](llvm::function_ref<void(Value)> body) {
      e.share(size, body);
      e.barrier();
    };
    pairs([&](Value p) { // the first run with the second one backwards
      Value start = shiftLeft(shiftRight(p, half), stage), offset = b.create<arith::AndIOp>(e.loc, p, mask);
      comparePair(e.add(start, offset), e.sub(e.add(start, e.sub(shiftLeft(one, stage), one)), offset));
    });
    e.loop(one, stage, one, [&](Value step) {
      Value bits = e.sub(half, step), distance = shiftLeft(one, bits);
      pairs([&](Value p) {
        Value offset = b.create<arith::AndIOp>(e.loc, p, e.sub(distance, one));
        Value i = e.add(shiftLeft(shiftRight(p, bits), e.add(bits, one)), offset);
        comparePair(i, e.add(i, distance));
      });
    });
  });
  e.share(e.min(e.size(count), size), [&](Value i) { write(i, get(i)); });
}

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
  RowFrame frame(e, shape, rows, length);
  TopKRow row{{e, root, accumulator}, frame, outer, element, count};
  row.idx = e.delinearize(frame.row, outer);
  row.values = resultPointers(e, root, 0), row.indices = resultPointers(e, root, 1);
  auto knownCount = GpuEmitter::getConstant(count);
  if (knownCount == 0)
    return e.finish(e.expr(0));
  if (knownCount && *knownCount <= kMaxFound)
    row.emitFinds();
  else
    row.emitSort(length);
  e.clearMemo();
  return e.finish(frame.getGrid());
}
