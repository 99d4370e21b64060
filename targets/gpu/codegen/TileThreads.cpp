// Products of tiles without matrix instructions: a thread holds some rows times some columns of the result in
// registers, and for each k reads what it needs of both operands from workgroup memory.

#include "targets/gpu/codegen/MatrixUnitTile.h"
#include "targets/gpu/codegen/Tile.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

namespace {
class ThreadProduct : public TileProduct {
public:
  ThreadProduct(GpuEmitter &e, const TileShape &shape, Type operand) : e(e), shape(shape) {
    accumulator = getAccumulatorType(e.b, e.registerType(operand));
    wide = 16 / (accumulator.getIntOrFloatBitWidth() / 8); // elements of 16 bytes
    auto layout = [&](unsigned outer) {
      return TileLayout{accumulator, /*depthMajor=*/true, outer + wide, (outer + wide) * shape.depth};
    };
    lhs = layout(shape.rows), rhs = layout(shape.columns);
    if (shape.residentDepth)
      lhs.size = lhs.stride * shape.residentDepth;
    unsigned across = shape.columns / shape.partColumns;
    row = e.mul(e.div(e.threadId(), e.constant(across)), e.constant(shape.partRows));
    Value x = e.rem(e.threadId(), e.constant(across));
    for (unsigned group = 0; group < shape.partColumns / shape.run; ++group)
      columns.push_back(
          e.add(e.mul(x, e.constant(shape.run)), e.constant(int64_t(group) * across * shape.run)));
  }

  SmallVector<Value> zero() override {
    return SmallVector<Value>(shape.partRows * shape.partColumns, zeroOf(e, accumulator));
  }

  SmallVector<Value> multiply(TilePlace left, TilePlace right, unsigned depth, ValueRange acc) override {
    unsigned unroll = std::min(depth, shape.partRows * shape.partColumns > 16 ? 2u : 4u);
    return e.loop(e.constant(0), e.constant(depth), e.constant(unroll), acc, [&](Value k, ValueRange before) {
      SmallVector<Value> sums(before);
      for (unsigned u = 0; u < unroll; ++u) {
        Value at = e.add(k, e.constant(u)), leftRow = e.add(left.index, e.mul(at, e.constant(lhs.stride)));
        SmallVector<Value> x, y;
        read(left.base, e.add(leftRow, row), shape.partRows, x);
        Value rightRow = e.add(right.index, e.mul(at, e.constant(rhs.stride)));
        for (Value column : columns)
          read(right.base, e.add(rightRow, column), shape.run, y);
        for (unsigned i = 0; i < shape.partRows; ++i)
          for (unsigned j = 0; j < shape.partColumns; ++j) {
            Value &sum = sums[i * shape.partColumns + j];
            sum = multiplyAdd(e, x[i], y[j], sum);
          }
      }
      return sums;
    });
  }

  SmallVector<Run> runs(ValueRange acc) override {
    SmallVector<Run> result;
    for (unsigned i = 0; i < shape.partRows; ++i)
      for (auto [group, column] : llvm::enumerate(columns)) {
        ValueRange values = acc.slice(i * shape.partColumns + group * shape.run, shape.run);
        result.push_back({e.add(row, e.constant(i)), column, SmallVector<Value>(values)});
      }
    return result;
  }

  SmallVector<Value> rows() override {
    SmallVector<Value> result;
    for (unsigned i = 0; i < shape.partRows; ++i)
      result.push_back(e.add(row, e.constant(i)));
    return result;
  }

  SmallVector<Value> map(ValueRange acc, llvm::function_ref<Value(unsigned, Value, Value)> fn) override {
    SmallVector<Value> result;
    for (unsigned i = 0; i < shape.partRows; ++i)
      for (unsigned j = 0; j < shape.partColumns; ++j)
        result.push_back(
            fn(i, e.add(columns[j / shape.run], e.constant(j % shape.run)), acc[i * shape.partColumns + j]));
    return result;
  }

  SmallVector<Value> foldRows(ValueRange acc, llvm::function_ref<Value(Value, Value)> combine) override {
    SmallVector<Value> result;
    for (unsigned i = 0; i < shape.partRows; ++i) {
      Value folded = acc[i * shape.partColumns];
      for (unsigned j = 1; j < shape.partColumns; ++j)
        folded = combine(folded, acc[i * shape.partColumns + j]);
      result.push_back(folded);
    }
    return result;
  }

  SmallVector<Value> shareRows(ValueRange ofRows, llvm::function_ref<Value(Value, Value)> combine) override {
    return e.reduce(ofRows, shape.columns / shape.partColumns, [&](ValueRange x, ValueRange y) {
      SmallVector<Value> result;
      for (auto [a, b] : llvm::zip_equal(x, y))
        result.push_back(combine(a, b));
      return result;
    });
  }

private:
  /// `count` neighbouring numbers, which start at a multiple of the largest power of two in `count`.
  void read(Value base, Value index, unsigned count, SmallVector<Value> &to) {
    unsigned lanes = std::min(wide, count & -count);
    for (unsigned first = 0; first < count; first += lanes) {
      Value at = e.add(index, e.constant(first));
      if (lanes == 1) {
        to.push_back(e.load(base, at, accumulator));
        continue;
      }
      Value vector = e.load(base, at, accumulator, lanes, Value(), lanes);
      for (unsigned i = 0; i < lanes; ++i)
        to.push_back(e.b.create<vector::ExtractOp>(e.loc, vector, int64_t(i)));
    }
  }

  GpuEmitter &e;
  TileShape shape;
  Type accumulator;
  unsigned wide;
  Value row;                  // the first of this thread
  SmallVector<Value> columns; // the first of each run
};
} // namespace

std::unique_ptr<TileProduct> aicc::gpu::makeTileProduct(GpuEmitter &e, const TileShape &shape, Type element) {
  if (shape.unit)
    return makeMatrixUnitProduct(e, shape, element);
  return std::make_unique<ThreadProduct>(e, shape, element);
}
