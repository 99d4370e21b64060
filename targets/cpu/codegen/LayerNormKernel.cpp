// Layer and RMS norms: mean, mean square and the scaled result in passes over a row. A row that is computed
// by fused producers is computed once, into the worker's scratch memory.

#include "targets/cpu/codegen/Norms.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/cpu/codegen/Rows.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

namespace {
struct LayerNormEmitter {
  CpuEmitter &e;
  Value input, scale, bias, result; // scale and bias may be null
  bool center;
  double epsilon;
  unsigned axis;
  Type element = {}, accumulator = {};
  unsigned lanes = 0, rank = 0;
  bool plain = false;

  using PassBody =
      llvm::function_ref<SmallVector<Value>(const Coord &c, Value slot, Value mask, ValueRange carried)>;

  /// Visits the row's elements: dimensions from `depth` on, `slot` counts them.
  SmallVector<Value> pass(SmallVector<Value> idx, unsigned depth, Value slot, SmallVector<Value> state,
                          unsigned copies, PassBody body) {
    Value count = e.size(result, depth);
    if (depth + 1 < rank)
      return e.loop(e.constant(0), count, e.constant(1), state, [&](Value i, ValueRange carried) {
        idx[depth] = i;
        return pass(idx, depth + 1, e.mul(e.add(slot, i), e.size(result, depth + 1)),
                    SmallVector<Value>(carried), copies, body);
      });
    return sweep(e, count, std::max(lanes, 1u), copies, state, [&](Value i, Value mask, ValueRange carried) {
      idx[depth] = i;
      return body(Coord{idx, lanes ? int(depth) : -1, Value()}, e.add(slot, i), mask, carried);
    });
  }

  void emitRow(SmallVector<Value> idx) {
    Value zero = numberConstant(e, accumulator, 0, lanes), start = e.constant(0);
    Value count =
        e.b.create<arith::SIToFPOp>(e.loc, accumulator, e.size(e.product(e.shape(result).drop_front(axis))));
    auto sum = [&](Value x, Value y) { return addf(e, x, y); };
    auto total = [&](SmallVector<Value> state) { return foldLanes(e, fold(state, sum), sum); };
    bool kept = plain;
    auto read = [&](const Coord &c, Value slot, Value mask) {
      if (kept && !plain)
        return e.load(e.scratch, slot, accumulator, lanes, mask);
      Value x = toAccumulator(e, e.emit(input, c, lanes, mask), element);
      if (!kept)
        e.store(x, e.scratch, slot, accumulator, mask);
      return x;
    };
    Value mean;
    if (center) {
      SmallVector<Value> state = pass(
          idx, axis, start, replicate(zero, 4), 4, [&](const Coord &c, Value slot, Value mask, ValueRange s) {
            return SmallVector<Value>{addf(e, s[0], masked(e, mask, read(c, slot, mask), zero))};
          });
      mean = e.splat(divf(e, total(state), count), lanes);
      kept = true;
    }
    SmallVector<Value> state = pass(idx, axis, start, replicate(zero, 4), 4,
                                    [&](const Coord &c, Value slot, Value mask, ValueRange s) {
                                      Value x = read(c, slot, mask);
                                      if (center)
                                        x = subf(e, x, mean);
                                      x = masked(e, mask, x, zero);
                                      return SmallVector<Value>{multiplyAdd(e, x, x, s[0])};
                                    });
    kept = true;
    Value square = addf(e, divf(e, total(state), count), numberConstant(e, accumulator, epsilon, 0));
    Value factor = e.splat(reciprocalSqrt(e, square), lanes);
    pass(idx, axis, start, {}, 1, [&](const Coord &c, Value slot, Value mask, ValueRange) {
      Value x = read(c, slot, mask);
      if (center)
        x = subf(e, x, mean);
      x = mulf(e, x, factor);
      auto parameter = [&](Value v) {
        return e.splat(toAccumulator(e, e.emit(v, e.operandCoord(v, result, c), lanes, mask), element),
                       lanes);
      };
      if (scale && bias)
        x = multiplyAdd(e, x, parameter(scale), parameter(bias));
      else if (scale)
        x = mulf(e, x, parameter(scale));
      else if (bias)
        x = addf(e, x, parameter(bias));
      e.bind(result, fromAccumulator(e, x, element));
      e.emitStores(result, c, lanes, mask);
      e.clearBound();
      return SmallVector<Value>();
    });
  }

  Launch run() {
    ArrayRef<AffineExpr> shape = e.shape(result);
    rank = shape.size();
    element = cast<RankedTensorType>(result.getType()).getElementType();
    accumulator = getAccumulatorType(e.b, element);
    unsigned wide = e.cpu.getLanes();
    auto vectorizes = [&](Value v) {
      if (!v)
        return true;
      int rankOf = e.shape(v).size();
      bool one = rankOf == 0 || CpuEmitter::getConstant(e.shape(v).back()) == 1;
      return e.canVectorize(v, one ? -1 : rankOf - 1, wide);
    };
    if (e.canVectorize(input, rank - 1, wide) && vectorizes(scale) && vectorizes(bias) &&
        e.canStoreVectors(result, rank - 1, wide))
      lanes = wide;
    const View *memory = e.view(input);
    plain = memory && element == accumulator &&
            (!lanes || CpuEmitter::getConstant(memory->strides[rank - 1]) == 1);
    AffineExpr rows = e.product(shape.take_front(axis)), length = e.product(shape.drop_front(axis));
    int64_t work = CpuEmitter::getConstant(length).value_or(512) * (lanes ? 1 : 8);
    int64_t rowsPerGroup = std::clamp<int64_t>(kRowPiece / std::max<int64_t>(1, work), 1, 1 << 20);
    Value from = e.mul(e.begin, e.constant(rowsPerGroup)),
          to = e.min(e.mul(e.end, e.constant(rowsPerGroup)), e.size(rows));
    e.loop(from, to, e.constant(1), [&](Value row) {
      SmallVector<Value> idx = e.delinearize(row, shape.take_front(axis));
      idx.resize(rank, e.constant(0));
      emitRow(idx);
    });
    int64_t bytes = plain ? 0 : accumulator.getIntOrFloatBitWidth() / 8;
    return e.finish(rows.ceilDiv(rowsPerGroup), length * bytes);
  }
};
} // namespace

Launch aicc::cpu::emitLayerNorm(CpuEmitter &e, Operation *root) {
  if (auto op = dyn_cast<nn::LayerNormOp>(root)) {
    LayerNormEmitter emitter{e,
                             op.getInput(),
                             op.getScale(),
                             op.getBias(),
                             op.getResult(),
                             true,
                             op.getEpsilon().convertToFloat(),
                             unsigned(op.getAxis())};
    return emitter.run();
  }
  auto op = cast<nn::RmsNormOp>(root);
  LayerNormEmitter emitter{e,
                           op.getInput(),
                           op.getScale(),
                           Value(),
                           op.getResult(),
                           false,
                           op.getEpsilon().convertToFloat(),
                           unsigned(op.getAxis())};
  return emitter.run();
}
