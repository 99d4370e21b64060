// Positions of largest and smallest elements, see ArgReduce.h. Lanes run along the innermost dimension; where
// that is the reduced one, each lane keeps a candidate, and the lanes' candidates are compared at the end.

#include "targets/cpu/codegen/ArgReduce.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/cpu/codegen/Rows.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

namespace {
struct ArgReduceEmitter {
  CpuEmitter &e;
  nn::ArgReduceOp root;
  Type element = {};
  unsigned lanes = 0;
  int lane = -1;      // dimension of the input
  bool along = false; // lanes run along the reduced dimension

  Value load(SmallVector<Value> idx, Value mask) {
    return toAccumulator(e, e.emit(root.getInput(), Coord{idx, lanes ? lane : -1, Value()}, lanes, mask),
                         element);
  }

  /// x is to be taken before y wherever they stand; NaN before numbers.
  Value better(Value x, Value y) {
    OpBuilder &b = e.b;
    if (!isa<FloatType>(element)) {
      bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
      auto predicate = root.getMax() ? (isUnsigned ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::sgt)
                                     : (isUnsigned ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt);
      return b.create<arith::CmpIOp>(e.loc, predicate, x, y);
    }
    auto predicate = root.getMax() ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT;
    Value beyond = b.create<arith::CmpFOp>(e.loc, predicate, x, y);
    Value noNumber = b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::UNO, x, x);
    Value number = b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::ORD, y, y);
    return b.create<arith::OrIOp>(e.loc, beyond, b.create<arith::AndIOp>(e.loc, noNumber, number));
  }

  Value select(Value condition, Value x, Value y) {
    return e.b.create<arith::SelectOp>(e.loc, condition, x, y);
  }

  /// The candidate (value, position) after one at a later position was seen.
  SmallVector<Value> step(ValueRange kept, Value value, Value position, Value mask) {
    Value take = better(value, kept[0]);
    if (root.getLast()) {
      Value keep = better(kept[0], value);
      Value one = numberConstant(e, e.b.getI1Type(), 1, lanes);
      take = e.b.create<arith::XOrIOp>(e.loc, keep, one);
    }
    if (mask)
      take = e.b.create<arith::AndIOp>(e.loc, take, mask);
    return {select(take, value, kept[0]), select(take, e.splat(position, lanes), kept[1])};
  }

  /// The better of two scalar candidates.
  std::pair<Value, Value> merge(std::pair<Value, Value> x, std::pair<Value, Value> y) {
    Value worse = better(y.first, x.first), best = better(x.first, y.first);
    auto order = root.getLast() ? arith::CmpIPredicate::sgt : arith::CmpIPredicate::slt;
    Value nearer = compare(e, order, y.second, x.second);
    // y wins if it is better, or neither is and it stands nearer.
    Value tie = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::eq, worse, best);
    Value take = e.b.create<arith::OrIOp>(e.loc, worse, e.b.create<arith::AndIOp>(e.loc, tie, nearer));
    return {select(take, y.first, x.first), select(take, y.second, x.second)};
  }

  void emitResult(SmallVector<Value> idx) {
    unsigned axis = root.getAxis();
    Value count = e.size(root.getInput(), axis), zero = e.constant(0), mask;
    if (lanes && !along)
      mask = e.maskOf(e.sub(e.size(root.getInput(), lane), idx[lane]), lanes);
    idx[axis] = zero;
    SmallVector<int64_t> ids;
    for (unsigned l = 0; l < lanes; ++l)
      ids.push_back(l);
    Value iota;
    if (lanes)
      iota = e.b.create<arith::ConstantOp>(
          e.loc, DenseElementsAttr::get(VectorType::get({int64_t(lanes)}, e.b.getI64Type()),
                                        ArrayRef<int64_t>(ids)));
    SmallVector<Value> state;
    if (along) { // lanes beyond a short row hold its first element
      Value inside = e.maskOf(count, lanes);
      Value first = toAccumulator(e, e.emit(root.getInput(), Coord{idx, -1, Value()}), element);
      Value none = e.splat(zero, lanes);
      state = {select(inside, load(idx, inside), e.splat(first, lanes)), select(inside, iota, none)};
    } else {
      state = {load(idx, mask), e.splat(zero, lanes)};
    }
    Value skip = e.constant(along ? lanes : 1);
    state = sweep(e, e.max(e.sub(count, skip), zero), along ? lanes : 1, 1, state,
                  [&](Value i, Value tail, ValueRange kept) {
                    Value position = e.add(i, skip);
                    idx[axis] = position;
                    Value value = load(idx, along ? tail : mask);
                    if (along)
                      position = e.b.create<arith::AddIOp>(e.loc, e.splat(position, lanes), iota);
                    return step(kept, value, position, tail);
                  });
    e.clearMemo();
    if (along) {
      std::pair<Value, Value> best;
      for (unsigned l = 0; l < lanes; ++l) {
        std::pair<Value, Value> candidate{e.b.create<vector::ExtractOp>(e.loc, state[0], int64_t(l)),
                                          e.b.create<vector::ExtractOp>(e.loc, state[1], int64_t(l))};
        best = l ? merge(best, candidate) : candidate;
      }
      state[1] = best.second;
    }
    Coord c;
    for (unsigned d = 0; d < idx.size(); ++d) {
      if (d == axis && !root.getKeepdims())
        continue;
      if (lanes && !along && int(d) == lane)
        c.lane = c.idx.size();
      c.idx.push_back(d == axis ? zero : idx[d]);
    }
    e.bind(root.getResult(), state[1]);
    e.emitStores(root.getResult(), c, along ? 0 : lanes, mask);
    e.clearBound();
  }

  Launch run() {
    ArrayRef<AffineExpr> input = e.shape(root.getInput());
    int axis = root.getAxis(), rank = input.size();
    element = cast<RankedTensorType>(root.getInput().getType()).getElementType();
    lane = axis;
    for (int d = axis + 1; d < rank; ++d)
      if (CpuEmitter::getConstant(input[d]) != 1)
        lane = d;
    along = lane == axis;
    int stored = lane - (root.getKeepdims() || lane < axis ? 0 : 1);
    unsigned wide = e.cpu.getLanes();
    if (e.canVectorize(root.getInput(), lane, wide) &&
        (along || e.canStoreVectors(root.getResult(), stored, wide)))
      lanes = wide;
    along &= lanes > 0;
    bool blocked = lanes && !along;
    SmallVector<AffineExpr> sizes(input);
    sizes[axis] = e.expr(1);
    if (blocked)
      sizes[lane] = sizes[lane].ceilDiv(lanes);
    AffineExpr rows = e.product(sizes);
    int64_t work = CpuEmitter::getConstant(input[axis]).value_or(512) * (blocked ? lanes : 1);
    int64_t rowsPerGroup = std::clamp<int64_t>(kRowPiece / std::max<int64_t>(1, work), 1, 1 << 20);
    Value from = e.mul(e.begin, e.constant(rowsPerGroup)),
          to = e.min(e.mul(e.end, e.constant(rowsPerGroup)), e.size(rows));
    e.loop(from, to, e.constant(1), [&](Value row) {
      SmallVector<Value> idx = e.delinearize(row, sizes);
      if (blocked)
        idx[lane] = e.mul(idx[lane], e.constant(lanes));
      emitResult(idx);
    });
    return e.finish(rows.ceilDiv(rowsPerGroup));
  }
};
} // namespace

Launch aicc::cpu::emitArgReduce(CpuEmitter &e, nn::ArgReduceOp root) {
  ArgReduceEmitter emitter{e, root};
  return emitter.run();
}
