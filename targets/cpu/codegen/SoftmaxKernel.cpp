// Softmax in three passes over a row: the maximum, the exponentials and their sum, the scaled result. Values
// between passes stay in the worker's scratch memory, so that fused producers and exponentials are computed
// once. Lanes run along the axis where it is the innermost dimension, else along the innermost one, each with
// a row of its own.

#include "targets/cpu/codegen/Norms.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/cpu/codegen/Rows.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

namespace {
struct SoftmaxEmitter {
  CpuEmitter &e;
  nn::SoftmaxOp root;
  Type element = {}, accumulator = {};
  int axis = 0, lane = 0;
  unsigned lanes = 0;
  bool along = false; // lanes run along the axis
  bool plain = false; // the input can be read again at no cost

  Coord at(SmallVector<Value> idx, Value i) {
    idx[axis] = i;
    return Coord{idx, lanes ? lane : -1, Value()};
  }
  /// Index of row element i in scratch memory.
  Value slot(Value i) { return along || !lanes ? i : e.mul(i, e.constant(lanes)); }

  void emitRow(SmallVector<Value> idx) {
    unsigned step = along ? lanes : 1;
    Value count = e.size(root.getResult(), axis), rowMask;
    if (lanes && !along)
      rowMask = e.maskOf(e.sub(e.size(root.getResult(), lane), idx[lane]), lanes);
    auto tailOf = [&](Value mask) { return along ? mask : Value(); };
    auto read = [&](Value i, Value mask) {
      return toAccumulator(e, e.emit(root.getInput(), at(idx, i), lanes, along ? mask : rowMask), element);
    };
    auto keep = [&](Value value, Value i, Value mask) {
      e.store(value, e.scratch, slot(i), accumulator, tailOf(mask));
    };
    auto again = [&](Value i, Value mask) {
      return plain ? read(i, mask) : e.load(e.scratch, slot(i), accumulator, lanes, tailOf(mask));
    };
    auto larger = [&](Value x, Value y) { return quickMax(e, x, y); };
    auto sum = [&](Value x, Value y) { return addf(e, x, y); };
    Value lowest = numberConstant(e, accumulator, -std::numeric_limits<double>::infinity(), lanes);
    Value zero = numberConstant(e, accumulator, 0, lanes);

    SmallVector<Value> state =
        sweep(e, count, step, 4, replicate(lowest, 4), [&](Value i, Value mask, ValueRange kept) {
          Value x = read(i, mask);
          if (!plain)
            keep(x, i, mask);
          return SmallVector<Value>{quickMax(e, kept[0], masked(e, tailOf(mask), x, lowest))};
        });
    Value max = fold(state, larger);
    if (along)
      max = e.splat(foldLanes(e, max, larger), lanes);
    // A NaN does not pass through the maximum, but through the sum.
    state = sweep(e, count, step, 4, replicate(zero, 4), [&](Value i, Value mask, ValueRange kept) {
      Value p = softmaxExp(e, subf(e, again(i, mask), max));
      if (!root.getLog())
        keep(p, i, mask);
      return SmallVector<Value>{addf(e, kept[0], masked(e, tailOf(mask), p, zero))};
    });
    Value total = fold(state, sum);
    if (along)
      total = foldLanes(e, total, sum);
    Value factor;
    if (root.getLog())
      factor = e.splat(e.b.create<math::LogOp>(e.loc, total), lanes);
    else
      factor = e.splat(divf(e, numberConstant(e, accumulator, 1, along ? 0 : lanes), total), lanes);
    sweep(e, count, step, [&](Value i, Value mask) {
      Value y;
      if (root.getLog())
        y = subf(e, subf(e, again(i, mask), max), factor);
      else
        y = mulf(e, e.load(e.scratch, slot(i), accumulator, lanes, tailOf(mask)), factor);
      e.bind(root.getResult(), fromAccumulator(e, y, element));
      e.emitStores(root.getResult(), at(idx, i), lanes, along ? mask : rowMask);
      e.clearBound();
    });
  }

  Launch run() {
    ArrayRef<AffineExpr> shape = e.shape(root.getResult());
    axis = lane = root.getAxis();
    element = cast<RankedTensorType>(root.getType()).getElementType();
    accumulator = getAccumulatorType(e.b, element);
    for (int d = axis + 1; d < int(shape.size()); ++d)
      if (CpuEmitter::getConstant(shape[d]) != 1)
        lane = d;
    unsigned wide = e.cpu.getLanes();
    if (e.canVectorize(root.getInput(), lane, wide) && e.canStoreVectors(root.getResult(), lane, wide))
      lanes = wide;
    along = lanes && lane == axis;
    const View *memory = e.view(root.getInput());
    plain =
        memory && element == accumulator && (!lanes || CpuEmitter::getConstant(memory->strides[lane]) == 1);
    bool blocked = lanes && !along;
    SmallVector<AffineExpr> sizes(shape);
    AffineExpr length = shape[axis];
    sizes[axis] = e.expr(1);
    if (blocked)
      sizes[lane] = sizes[lane].ceilDiv(lanes);
    AffineExpr rows = e.product(sizes);
    int64_t work = CpuEmitter::getConstant(length).value_or(256) * (blocked ? lanes : 1) * (lanes ? 2 : 16);
    int64_t rowsPerGroup = std::clamp<int64_t>(kRowPiece / std::max<int64_t>(1, work), 1, 1 << 20);
    Value from = e.mul(e.begin, e.constant(rowsPerGroup)),
          to = e.min(e.mul(e.end, e.constant(rowsPerGroup)), e.size(rows));
    e.loop(from, to, e.constant(1), [&](Value row) {
      SmallVector<Value> idx = e.delinearize(row, sizes);
      if (blocked)
        idx[lane] = e.mul(idx[lane], e.constant(lanes));
      emitRow(idx);
    });
    int64_t bytes = accumulator.getIntOrFloatBitWidth() / 8;
    return e.finish(rows.ceilDiv(rowsPerGroup), length * (bytes * (blocked ? lanes : 1)));
  }
};
} // namespace

Launch aicc::cpu::emitSoftmax(CpuEmitter &e, nn::SoftmaxOp root) {
  SoftmaxEmitter emitter{e, root};
  return emitter.run();
}
