// Products of tiles by matrix instructions, see MatrixUnitTile.h. Both operands' tiles lie with the depth
// innermost, so that what one lane needs at neighbouring depths is one load. f32 operands may be split into a
// high and a low part of fewer bits: three products instead of one then keep f32's accuracy.

#include "targets/gpu/codegen/MatrixUnitTile.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

Type aicc::gpu::getNumberType(OpBuilder &b, Number number) {
  switch (number) {
  case Number::f64:
    return b.getF64Type();
  case Number::f32:
  case Number::tf32:
    return b.getF32Type();
  case Number::f16:
    return b.getF16Type();
  case Number::bf16:
    return b.getBF16Type();
  case Number::i32:
    return b.getI32Type();
  default:
    return b.getI8Type();
  }
}

/// The sum of those of `bits` that are set in `index`: the row's parts (first) or the column's.
static Value placeOf(GpuEmitter &e, ArrayRef<std::pair<unsigned, unsigned>> bits, Value index, bool first) {
  Value sum = e.constant(0);
  for (auto [i, bit] : llvm::enumerate(bits)) {
    unsigned part = first ? bit.first : bit.second;
    if (part)
      sum = e.add(sum, e.mul(e.rem(e.div(index, e.constant(1 << i)), e.constant(2)), e.constant(part)));
  }
  return sum;
}

namespace {
class MatrixUnitProduct : public TileProduct {
public:
  MatrixUnitProduct(GpuEmitter &e, const TileShape &shape, Type operand)
      : e(e), shape(shape), unit(*shape.unit), rowFragments(shape.partRows / shape.unit->m),
        columnFragments(shape.partColumns / shape.unit->n) {
    accumulator = getNumberType(e.b, unit.acc);
    fragment = VectorType::get({int64_t(unit.accLayout.getNumElements())}, accumulator);
    Type number = getNumberType(e.b, unit.lhs);
    unsigned pad = 16 / std::max(1u, number.getIntOrFloatBitWidth() / 8);
    auto layout = [&](unsigned outer, unsigned depth) {
      return TileLayout{number, /*depthMajor=*/false, depth + pad, outer * (depth + pad)};
    };
    lhs = layout(shape.rows, std::max(shape.depth, shape.residentDepth));
    rhs = layout(shape.columns, shape.depth);

    Value lane = e.rem(e.threadId(), e.constant(unit.lanes)),
          subgroup = e.div(e.threadId(), e.constant(unit.lanes));
    unsigned across = shape.columns / shape.partColumns;
    firstRow = e.mul(e.div(subgroup, e.constant(across)), e.constant(shape.partRows));
    firstColumn = e.mul(e.rem(subgroup, e.constant(across)), e.constant(shape.partColumns));
    leftRow = e.add(firstRow, placeOf(e, unit.lhsLayout.lane, lane, true));
    leftDepth = placeOf(e, unit.lhsLayout.lane, lane, false);
    rightDepth = placeOf(e, unit.rhsLayout.lane, lane, true);
    rightColumn = e.add(firstColumn, placeOf(e, unit.rhsLayout.lane, lane, false));
    accRow = e.add(firstRow, placeOf(e, unit.accLayout.lane, lane, true));
    accColumn = e.add(firstColumn, placeOf(e, unit.accLayout.lane, lane, false));
    // What an accumulator's number says about its row and its column.
    for (auto [i, bit] : llvm::enumerate(unit.accLayout.element)) {
      assert((bit.first == 0) != (bit.second == 0) && "a bit of a layout moves along one dimension");
      (bit.first ? rowBits : columnBits).push_back(i);
    }
  }

  SmallVector<Value> zero() override {
    return SmallVector<Value>(rowFragments * columnFragments, zeroOf(e, fragment));
  }

  SmallVector<Value> multiply(TilePlace left, TilePlace right, unsigned depth, ValueRange acc) override {
    SmallVector<Value> sums(acc);
    for (unsigned k = 0; k < depth; k += unit.k) {
      SmallVector<SmallVector<Value>> x, y;
      for (unsigned i = 0; i < rowFragments; ++i)
        x.push_back(split(read(left, lhs, unit.lhsLayout, e.add(leftRow, e.constant(i * unit.m)),
                               e.add(leftDepth, e.constant(k)), /*outerFirst=*/true)));
      for (unsigned j = 0; j < columnFragments; ++j)
        y.push_back(split(read(right, rhs, unit.rhsLayout, e.add(rightColumn, e.constant(j * unit.n)),
                               e.add(rightDepth, e.constant(k)), /*outerFirst=*/false)));
      for (unsigned i = 0; i < rowFragments; ++i)
        for (unsigned j = 0; j < columnFragments; ++j) {
          Value &sum = sums[i * columnFragments + j];
          auto step = [&](unsigned p, unsigned q) {
            sum = e.end.emitMatrix(e.b, e.loc, unit, x[i][p], y[j][q], sum);
          };
          if (shape.splits == 2) // small products first
            step(1, 0), step(0, 1);
          step(0, 0);
        }
    }
    return sums;
  }

  SmallVector<Run> runs(ValueRange acc) override {
    SmallVector<Run> result;
    forEachPlace([&](unsigned value, unsigned element, Value row, Value column, unsigned) {
      Value x = e.b.create<vector::ExtractOp>(e.loc, acc[value], int64_t(element));
      if (element % getColumnRun(unit))
        return result.back().values.push_back(x);
      result.push_back({row, column, {x}});
    });
    return result;
  }

  SmallVector<Value> rows() override {
    SmallVector<Value> result(rowFragments << rowBits.size());
    forEachPlace([&](unsigned, unsigned, Value row, Value, unsigned index) { result[index] = row; });
    return result;
  }

  SmallVector<Value> map(ValueRange acc, llvm::function_ref<Value(unsigned, Value, Value)> fn) override {
    SmallVector<Value> result(acc);
    forEachPlace([&](unsigned value, unsigned element, Value, Value column, unsigned index) {
      Value x = e.b.create<vector::ExtractOp>(e.loc, acc[value], int64_t(element));
      result[value] =
          e.b.create<vector::InsertOp>(e.loc, fn(index, column, x), result[value], int64_t(element));
    });
    return result;
  }

  SmallVector<Value> foldRows(ValueRange acc, llvm::function_ref<Value(Value, Value)> combine) override {
    SmallVector<Value> result(rowFragments << rowBits.size());
    forEachPlace([&](unsigned value, unsigned element, Value, Value, unsigned index) {
      Value x = e.b.create<vector::ExtractOp>(e.loc, acc[value], int64_t(element));
      result[index] = result[index] ? combine(result[index], x) : x;
    });
    return result;
  }

  SmallVector<Value> shareRows(ValueRange ofRows, llvm::function_ref<Value(Value, Value)> combine) override {
    assert(shape.partColumns == shape.columns && "a row is one subgroup's");
    SmallVector<Value> result(ofRows);
    for (auto [i, bit] : llvm::enumerate(unit.accLayout.lane))
      if (bit.first == 0)
        for (Value &value : result)
          value = combine(value, exchange(value, 1u << i));
    return result;
  }

private:
  /// The fragment at (outer, k) of a tile, as a vector.
  Value read(TilePlace tile, const TileLayout &at, const FragmentLayout &layout, Value outer, Value k,
             bool outerFirst) {
    // Elements that lie side by side: the lowest bits count along the depth.
    auto parts = [&](std::pair<unsigned, unsigned> place) {
      return outerFirst ? place : std::make_pair(place.second, place.first);
    };
    unsigned count = layout.getNumElements(), run = 1;
    while (run < count && parts(layout.element[llvm::Log2_32(run)]) == std::make_pair(0u, run))
      run *= 2;
    Value base = e.add(tile.index, at.at(e, outer, k));
    Value result;
    for (unsigned first = 0; first < count; first += run) {
      auto [outerPart, depthPart] = parts(layout.at(0, first));
      Value index = e.add(base, e.constant(int64_t(outerPart) * at.stride + depthPart));
      Value loaded = e.load(tile.base, index, at.element, run > 1 ? run : 0, Value(), run);
      if (run == count && run > 1)
        return loaded;
      if (!result)
        result = zeroOf(e, VectorType::get({int64_t(count)}, at.element));
      for (unsigned i = 0; i < run; ++i) {
        Value x = run == 1 ? loaded : e.b.create<vector::ExtractOp>(e.loc, loaded, int64_t(i)).getResult();
        result = e.b.create<vector::InsertOp>(e.loc, x, result, int64_t(first + i));
      }
    }
    return result;
  }

  /// The operand's parts: itself, or what fits the unit's numbers and the rest.
  SmallVector<Value> split(Value x) {
    if (shape.splits == 1)
      return {x};
    auto type = cast<VectorType>(x.getType());
    auto bits = type.clone(e.b.getI32Type());
    Value mask = e.b.create<arith::ConstantOp>(e.loc, DenseElementsAttr::get(bits, int32_t(0xFFFFE000)));
    Value high = e.b.create<arith::AndIOp>(e.loc, e.b.create<arith::BitcastOp>(e.loc, bits, x), mask);
    high = e.b.create<arith::BitcastOp>(e.loc, type, high);
    return {high, e.b.create<arith::SubFOp>(e.loc, x, high)};
  }

  /// fn(number of the accumulator, element in it, row, column, index of the row) for each place.
  void forEachPlace(llvm::function_ref<void(unsigned, unsigned, Value, Value, unsigned)> fn) {
    for (unsigned i = 0; i < rowFragments; ++i)
      for (unsigned j = 0; j < columnFragments; ++j)
        for (unsigned r = 0; r < unit.accLayout.getNumElements(); ++r) {
          auto [row, column] = unit.accLayout.at(0, r);
          unsigned index = 0;
          for (auto [n, bit] : llvm::enumerate(rowBits))
            index |= (r >> bit & 1) << n;
          fn(i * columnFragments + j, r, e.add(accRow, e.constant(i * unit.m + row)),
             e.add(accColumn, e.constant(j * unit.n + column)), (i << rowBits.size()) + index);
        }
  }

  /// The value of the lane whose number differs in `mask`.
  Value exchange(Value value, unsigned mask) {
    if (e.lanes == unit.lanes)
      return e.shuffleXor(value, mask);
    if (!exchangeMemory)
      exchangeMemory = e.shared(value.getType(), e.threads);
    e.barrier();
    e.store(value, exchangeMemory, e.threadId(), value.getType());
    e.barrier();
    Value other = e.b.create<arith::XOrIOp>(e.loc, e.threadId(), e.constant(mask));
    return e.load(exchangeMemory, other, value.getType());
  }

  GpuEmitter &e;
  TileShape shape;
  const MatrixUnit &unit;
  unsigned rowFragments, columnFragments;
  Type accumulator;
  VectorType fragment;
  Value firstRow, firstColumn, leftRow, leftDepth, rightDepth, rightColumn, accRow, accColumn;
  SmallVector<unsigned> rowBits, columnBits; // of an accumulator's element
  Value exchangeMemory;
};
} // namespace

std::unique_ptr<TileProduct> aicc::gpu::makeMatrixUnitProduct(GpuEmitter &e, const TileShape &shape,
                                                              Type element) {
  return std::make_unique<MatrixUnitProduct>(e, shape, element);
}

//===--- choice
//----------------------------------------------------------------------------------------------------------===//

unsigned aicc::gpu::getSplits(const MatrixUnit &unit) { return unit.lhs == Number::tf32 ? 2 : 1; }

const MatrixUnit *aicc::gpu::findMatrixUnit(const GpuDescriptor &gpu, Type element, bool fewestRows) {
  const MatrixUnit *best = nullptr;
  auto rate = [](const MatrixUnit &unit) { return unit.perClock / (getSplits(unit) == 2 ? 3 : 1); };
  for (const MatrixUnit &unit : gpu.matrixUnits) {
    bool fits = unit.lhs == unit.rhs && !unit.operandsShared &&
                ((element.isF16() && unit.lhs == Number::f16 && unit.acc == Number::f32) ||
                 (element.isBF16() && unit.lhs == Number::bf16 && unit.acc == Number::f32) ||
                 (element.isF32() && (unit.lhs == Number::tf32 || unit.lhs == Number::f32)) ||
                 (element.isF64() && unit.lhs == Number::f64));
    bool better = !best || (fewestRows && unit.m != best->m ? unit.m < best->m : rate(unit) > rate(*best));
    if (fits && better)
      best = &unit;
  }
  return best;
}
