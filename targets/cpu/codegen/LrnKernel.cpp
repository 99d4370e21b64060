// Local response normalization: each element by a power of the squares' sum over neighbouring channels. Lanes
// run along the innermost dimension; the window's squares are summed afresh for each channel, which is cheap
// beside the power.

#include "targets/cpu/codegen/Norms.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/cpu/codegen/Rows.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

Launch aicc::cpu::emitLrn(CpuEmitter &e, nn::LrnOp root) {
  ArrayRef<AffineExpr> shape = e.shape(root.getResult());
  unsigned rank = shape.size(), wide = e.cpu.getLanes(), lanes = 0;
  Type element = cast<RankedTensorType>(root.getType()).getElementType(),
       accumulator = getAccumulatorType(e.b, element);
  if (rank > 2 && e.canVectorize(root.getInput(), rank - 1, wide) &&
      e.canStoreVectors(root.getResult(), rank - 1, wide))
    lanes = wide;
  int64_t size = root.getSize(), below = (size - 1) / 2, above = size - 1 - below;
  SmallVector<AffineExpr> sizes(shape.drop_back(lanes ? 1 : 0)); // of rows
  AffineExpr rows = e.product(sizes), inner = lanes ? shape.back() : e.expr(1);
  int64_t work = CpuEmitter::getConstant(inner).value_or(256) * (lanes ? 4 : 32);
  int64_t rowsPerGroup = std::clamp<int64_t>(kRowPiece / std::max<int64_t>(1, work), 1, 1 << 20);
  Value from = e.mul(e.begin, e.constant(rowsPerGroup)),
        to = e.min(e.mul(e.end, e.constant(rowsPerGroup)), e.size(rows));
  auto read = [&](const Coord &c, Value mask) {
    return toAccumulator(e, e.emit(root.getInput(), c, lanes, mask), element);
  };
  auto number = [&](double value) { return numberConstant(e, accumulator, value, lanes); };
  e.loop(from, to, e.constant(1), [&](Value row) {
    SmallVector<Value> idx = e.delinearize(row, sizes);
    idx.resize(rank, e.constant(0));
    Value channel = idx[1];
    Value first = e.max(e.sub(channel, e.constant(below)), e.constant(0));
    Value last = e.min(e.add(channel, e.constant(above + 1)), e.size(shape[1]));
    sweep(e, e.size(inner), std::max(lanes, 1u), [&](Value i, Value mask) {
      Coord c{idx, lanes ? int(rank) - 1 : -1, Value()};
      if (lanes)
        c.idx.back() = i;
      Value sum = e.loop(first, last, e.constant(1), number(0), [&](Value k, ValueRange carried) {
        e.clearMemo();
        Coord neighbour = c;
        neighbour.idx[1] = k;
        Value x = read(neighbour, mask);
        return SmallVector<Value>{multiplyAdd(e, x, x, carried[0])};
      })[0];
      e.clearMemo();
      Value base = multiplyAdd(e, sum, number(root.getAlpha().convertToFloat() / size),
                               number(root.getBias().convertToFloat()));
      Value power = e.b.create<math::PowFOp>(e.loc, base, number(-root.getBeta().convertToFloat()));
      e.bind(root.getResult(), fromAccumulator(e, mulf(e, read(c, mask), power), element));
      e.emitStores(root.getResult(), c, lanes, mask);
      e.clearBound();
    });
  });
  return e.finish(rows.ceilDiv(rowsPerGroup));
}
