// The k largest or smallest elements along a dimension, sorted: a heap of the k best so far, the worst of
// them on top, in scratch memory; then it is emptied from the result's end to its start.

#include "targets/cpu/codegen/Indexed.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/cpu/codegen/Rows.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

namespace {
struct TopKEmitter {
  CpuEmitter &e;
  nn::TopKOp root;
  Type element = {};
  Value keys = {}, places = {}; // the heap: elements and their positions
  Value size = {}, inner = {}, k = {};

  struct Entry {
    Value key, place;
  };

  OpBuilder &b() { return e.b; }
  Value both(Value x, Value y) { return b().create<arith::AndIOp>(e.loc, x, y); }
  Value either(Value x, Value y) { return b().create<arith::OrIOp>(e.loc, x, y); }
  Value select(Value condition, Value x, Value y) {
    return b().create<arith::SelectOp>(e.loc, condition, x, y);
  }

  Entry get(Value i) { return {e.load(keys, i, element), e.load(places, i, b().getI64Type())}; }
  void set(Value i, Entry entry) {
    e.store(entry.key, keys, i, element);
    e.store(entry.place, places, i, b().getI64Type());
  }

  /// x comes strictly before y by its key alone; NaN counts as larger than all numbers.
  Value keyBefore(Value x, Value y) {
    bool largest = root.getLargest();
    if (!isa<FloatType>(element)) {
      bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
      return compare(e,
                     largest ? (isUnsigned ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::sgt)
                             : (isUnsigned ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt),
                     x, y);
    }
    x = toAccumulator(e, x, element), y = toAccumulator(e, y, element);
    auto is = [&](arith::CmpFPredicate predicate, Value l, Value r) {
      return b().create<arith::CmpFOp>(e.loc, predicate, l, r);
    };
    Value beyond = is(largest ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT, x, y);
    Value last = largest ? y : x, first = largest ? x : y; // `first` is NaN, `last` a number
    return either(
        beyond, both(is(arith::CmpFPredicate::UNO, first, first), is(arith::CmpFPredicate::ORD, last, last)));
  }
  /// x comes before y in the result.
  Value before(Entry x, Entry y) {
    Value tie = both(
        b().create<arith::XOrIOp>(e.loc, keyBefore(y.key, x.key), numberConstant(e, b().getI1Type(), 1, 0)),
        compare(e, arith::CmpIPredicate::slt, x.place, y.place));
    return either(keyBefore(x.key, y.key), tie);
  }

  /// Puts `entry` into the hole at `hole` of a heap of `count` > 0 entries: children that come after it move
  /// up.
  void sift(Value hole, Value count, Entry entry) {
    Type i64 = b().getI64Type();
    Value one = e.constant(1), last = e.sub(count, one);
    auto loop = b().create<scf::WhileOp>(
        e.loc, TypeRange{i64, i64}, ValueRange{hole},
        [&](OpBuilder &, Location, ValueRange args) {
          OpBuilder::InsertionGuard guard(b());
          b().setInsertionPointToEnd(args[0].getParentBlock());
          Value child = e.add(e.mul(args[0], e.constant(2)), one);
          Value left = e.min(child, last), right = e.min(e.add(child, one), last);
          Value worst = select(before(get(left), get(right)), right, left);
          Value go = both(compare(e, arith::CmpIPredicate::slt, child, count), before(entry, get(worst)));
          b().create<scf::ConditionOp>(e.loc, go, ValueRange{args[0], worst});
        },
        [&](OpBuilder &, Location, ValueRange args) {
          OpBuilder::InsertionGuard guard(b());
          b().setInsertionPointToEnd(args[0].getParentBlock());
          set(args[0], get(args[1]));
          b().create<scf::YieldOp>(e.loc, ValueRange{args[1]});
        });
    set(loop.getResult(0), entry);
  }

  void emitRow(Value outer, Value column, ArrayRef<Value> values, ArrayRef<Value> indices) {
    Value first = e.add(e.mul(e.mul(outer, size), inner), column);
    auto read = [&](Value i) {
      return Entry{readLinear(e, root.getInput(), e.add(first, e.mul(i, inner))), i};
    };
    Value zero = e.constant(0), one = e.constant(1);
    e.loop(zero, k, one, [&](Value i) { set(i, read(i)); });
    Value parents = e.div(k, e.constant(2));
    e.loop(zero, parents, one, [&](Value i) {
      Value at = e.sub(e.sub(parents, one), i);
      sift(at, k, get(at));
    });
    e.loop(k, size, one, [&](Value i) { // a later element must be better by its key to be taken
      Entry next = read(i);
      e.ifThen(keyBefore(next.key, e.load(keys, zero, element)), [&] { sift(zero, k, next); });
    });
    e.loop(zero, k, one, [&](Value i) {
      Value at = e.sub(e.sub(k, one), i);
      Entry worst = get(zero);
      Value to = e.add(e.mul(e.add(e.mul(outer, k), at), inner), column);
      storeAll(e, values, worst.key, to, element);
      storeAll(e, indices, worst.place, to, b().getI64Type());
      e.ifThen(compare(e, arith::CmpIPredicate::sgt, at, zero), [&] { sift(zero, at, get(at)); });
    });
  }

  Launch run() {
    Value input = root.getInput();
    element = cast<RankedTensorType>(input.getType()).getElementType();
    AffineExpr count = root.getK().getResult(0);
    AxisSplit split = splitAt(e, input, root.getAxis());
    // k <= size was checked where both are constant; a larger one must not read beyond the input.
    size = e.size(split.size), inner = e.size(split.inner), k = e.size(count);
    places = e.scratch;
    keys = e.address(e.scratch, k, b().getI64Type());
    SmallVector<Value> values = resultPointers(e, root, 0), indices = resultPointers(e, root, 1);
    AffineExpr rows = split.outer * split.inner;
    int64_t each = std::max<int64_t>(
        1, kIndexedPiece / std::max<int64_t>(1, CpuEmitter::getConstant(split.size).value_or(512)));
    Value possible = e.atEntry([&] {
      Value some = compare(e, arith::CmpIPredicate::sgt, k, e.constant(0));
      return both(some, compare(e, arith::CmpIPredicate::sle, k, size));
    });
    e.ifThen(possible, [&] {
      forEachShare(e, e.size(rows), each,
                   [&](Value row) { emitRow(e.div(row, inner), e.rem(row, inner), values, indices); });
    });
    return e.finish(rows.ceilDiv(each), count * 16);
  }
};
} // namespace

Launch aicc::cpu::emitTopK(CpuEmitter &e, nn::TopKOp root) { return TopKEmitter{e, root}.run(); }
