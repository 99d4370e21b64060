// Group norm (instance norm with as many groups as channels): statistics over a group of channels, then each
// channel by its own scale and bias. Lanes run along the innermost dimension.

#include "targets/cpu/codegen/Norms.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/cpu/codegen/Rows.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

namespace {
struct GroupNormEmitter {
  CpuEmitter &e;
  nn::GroupNormOp root;
  Type element = {}, accumulator = {};
  unsigned rank = 0, lanes = 0;

  using PassBody = llvm::function_ref<SmallVector<Value>(const Coord &c, Value mask, ValueRange carried)>;

  /// Visits the spatial dimensions from `depth` on.
  SmallVector<Value> pass(SmallVector<Value> idx, unsigned depth, SmallVector<Value> state, unsigned copies,
                          PassBody body) {
    if (depth == rank) // no spatial dimensions: one element for each copy's first
      return body(Coord{idx, -1, Value()}, Value(), state);
    Value count = e.size(root.getInput(), depth);
    if (depth + 1 < rank)
      return e.loop(e.constant(0), count, e.constant(1), state, [&](Value i, ValueRange carried) {
        idx[depth] = i;
        return pass(idx, depth + 1, SmallVector<Value>(carried), copies, body);
      });
    return sweep(e, count, std::max(lanes, 1u), copies, state, [&](Value i, Value mask, ValueRange carried) {
      idx[depth] = i;
      return body(Coord{idx, lanes ? int(depth) : -1, Value()}, mask, carried);
    });
  }

  Value read(const Coord &c, Value mask) {
    return toAccumulator(e, e.emit(root.getInput(), c, lanes, mask), element);
  }

  void emitGroup(Value image, Value group) {
    AffineExpr channels = e.shape(root.getInput())[1].floorDiv(root.getGroups());
    AffineExpr length = channels * e.product(e.shape(root.getInput()).drop_front(2));
    unsigned copies = rank == 2 ? 1 : 4;
    Value zero = numberConstant(e, accumulator, 0, lanes);
    Value count = e.b.create<arith::SIToFPOp>(e.loc, accumulator, e.size(length));
    Value first = e.mul(group, e.size(channels)), last = e.add(first, e.size(channels));
    SmallVector<Value> idx(rank, e.constant(0));
    idx[0] = image;
    auto sum = [&](Value x, Value y) { return addf(e, x, y); };
    auto accumulate = [&](PassBody body) {
      SmallVector<Value> state =
          e.loop(first, last, e.constant(1), replicate(zero, copies), [&](Value channel, ValueRange carried) {
            idx[1] = channel;
            e.clearMemo();
            return pass(idx, 2, SmallVector<Value>(carried), copies, body);
          });
      e.clearMemo();
      return divf(e, foldLanes(e, fold(state, sum), sum), count);
    };
    Value mean = accumulate([&](const Coord &c, Value mask, ValueRange s) {
      return SmallVector<Value>{addf(e, s[0], masked(e, mask, read(c, mask), zero))};
    });
    Value meanLanes = e.splat(mean, lanes);
    Value square = accumulate([&](const Coord &c, Value mask, ValueRange s) {
      Value x = masked(e, mask, subf(e, read(c, mask), meanLanes), zero);
      return SmallVector<Value>{multiplyAdd(e, x, x, s[0])};
    });
    Value factor = reciprocalSqrt(
        e, addf(e, square, numberConstant(e, accumulator, root.getEpsilon().convertToFloat(), 0)));
    e.loop(first, last, e.constant(1), [&](Value channel) {
      e.clearMemo();
      auto parameter = [&](Value v) {
        return toAccumulator(e, e.emit(v, Coord{{channel}, -1, Value()}), element);
      };
      Value scale = e.splat(mulf(e, parameter(root.getScale()), factor), lanes),
            bias = e.splat(parameter(root.getBias()), lanes);
      idx[1] = channel;
      pass(idx, 2, {}, 1, [&](const Coord &c, Value mask, ValueRange) {
        Value y = multiplyAdd(e, subf(e, read(c, mask), meanLanes), scale, bias);
        e.bind(root.getResult(), fromAccumulator(e, y, element));
        e.emitStores(root.getResult(), c, lanes, mask);
        e.clearBound();
        return SmallVector<Value>();
      });
    });
  }

  Launch run() {
    rank = e.shape(root.getInput()).size();
    element = cast<RankedTensorType>(root.getType()).getElementType();
    accumulator = getAccumulatorType(e.b, element);
    unsigned wide = e.cpu.getLanes();
    if (rank > 2 && e.canVectorize(root.getInput(), rank - 1, wide) &&
        e.canStoreVectors(root.getResult(), rank - 1, wide))
      lanes = wide;
    ArrayRef<AffineExpr> shape = e.shape(root.getInput());
    SmallVector<AffineExpr> sizes{shape[0], e.expr(root.getGroups())};
    AffineExpr rows = e.product(sizes);
    AffineExpr length = shape[1].floorDiv(root.getGroups()) * e.product(shape.drop_front(2));
    int64_t work = CpuEmitter::getConstant(length).value_or(4096);
    int64_t rowsPerGroup = std::clamp<int64_t>(kRowPiece / std::max<int64_t>(1, work), 1, 1 << 20);
    Value from = e.mul(e.begin, e.constant(rowsPerGroup)),
          to = e.min(e.mul(e.end, e.constant(rowsPerGroup)), e.size(rows));
    e.loop(from, to, e.constant(1), [&](Value row) {
      SmallVector<Value> at = e.delinearize(row, sizes);
      emitGroup(at[0], at[1]);
    });
    return e.finish(rows.ceilDiv(rowsPerGroup));
  }
};
} // namespace

Launch aicc::cpu::emitGroupNorm(CpuEmitter &e, nn::GroupNormOp root) {
  GroupNormEmitter emitter{e, root};
  return emitter.run();
}
