// Products of few rows, as in generation: every element of the right operand is used a few times only, so
// that the memory it comes from bounds the kernel. Threads read it in pieces as wide as possible and without
// workgroup memory; where its columns are neighbours, threads of one workgroup share out the depth, and add
// up at the end; where its depth is, neighbouring threads share out one column.

#include "targets/gpu/codegen/MatMulOperands.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

namespace {
constexpr unsigned kThreads = 256;
/// Loads under way in each thread.
constexpr unsigned kAhead = 4;

struct FewRows {
  GpuEmitter &e;
  MatMulOperands &mm;
  unsigned rows;
  Value rowLimit = {}; // rows that there are; null: all
  Type accumulator = {};
  SmallVector<Value> batch = {};
  Value leftOffset = {}, rightOffset = {}, K = {};

  Value number(Value loaded) { return convertNumber(e, loaded, accumulator); }
  Value lane(Value vector, unsigned i) {
    return isa<VectorType>(vector.getType())
               ? e.b.create<vector::ExtractOp>(e.loc, vector, int64_t(i)).getResult()
               : vector;
  }
  Value add(Value x, Value y) {
    if (isa<FloatType>(accumulator))
      return e.b.create<arith::AddFOp>(e.loc, x, y);
    return e.b.create<arith::AddIOp>(e.loc, x, y);
  }
  /// Elements [k, k + width) of row m of the left operand, as accumulators.
  SmallVector<Value> readLeft(unsigned m, Value k, unsigned width) {
    const View &view = *mm.lhs;
    Value at = rowLimit ? e.min(e.constant(m), e.sub(rowLimit, e.constant(1))) : e.constant(m);
    Value row = e.add(leftOffset, e.mul(at, e.size(view.strides[mm.leftRow])));
    Value stride = e.size(view.strides[mm.leftDepth]);
    SmallVector<Value> values;
    unsigned wide = width > 1 ? mm.loadWidth(mm.root.getLhs(), view, mm.leftDepth, width) : 1;
    for (unsigned first = 0; first < width; first += wide) {
      Value index = e.add(row, e.mul(e.add(k, e.constant(first)), stride));
      Value loaded = number(e.load(view.base, index, mm.element, wide > 1 ? wide : 0, Value(), wide));
      for (unsigned i = 0; i < wide; ++i)
        values.push_back(lane(loaded, i));
    }
    return values;
  }

  void place(Value inGrid, AffineExpr groups) {
    bool batched = GpuEmitter::getConstant(e.product(mm.batches)) != 1;
    batch = e.delinearize(batched ? e.div(inGrid, e.size(groups)) : e.constant(0), mm.batches);
    leftOffset = mm.batchOffset(mm.root.getLhs(), *mm.lhs, batch);
    rightOffset = mm.batchOffset(mm.root.getRhs(), *mm.rhs, batch);
    K = e.size(mm.depth);
  }

  /// Stores row m's value at `column`, if these are there.
  void storeOne(Value value, unsigned m, Value column, bool exactColumns) {
    Value inside;
    if (rowLimit && m)
      inside = e.compare(arith::CmpIPredicate::slt, e.constant(m), rowLimit);
    if (!exactColumns) {
      Value below = e.compare(arith::CmpIPredicate::slt, column, e.size(mm.columns));
      inside = inside ? e.b.create<arith::AndIOp>(e.loc, inside, below).getResult() : below;
    }
    auto store = [&] {
      e.clearMemo();
      Coord c;
      c.idx.assign(batch.begin(), batch.end());
      c.idx.append({e.constant(m), column});
      e.bind(mm.root.getResult(), convertNumber(e, value, mm.element));
      e.emitStores(mm.root.getResult(), c);
      e.clearBound();
    };
    if (inside)
      e.ifThen(inside, store);
    else
      store();
    e.clearMemo();
  }

  //===--- columns are neighbours

  /// `width` columns for each of `across` threads; the others share out the depth.
  AffineExpr emitAlongColumns(unsigned width, unsigned across) {
    unsigned slices = e.threads / across, columns = across * width;
    AffineExpr groups = mm.columns.ceilDiv(columns);
    place(e.groupId(), groups);
    Value inBatch = GpuEmitter::getConstant(e.product(mm.batches)) != 1 ? e.rem(e.groupId(), e.size(groups))
                                                                        : e.groupId();
    Value firstColumn = e.mul(inBatch, e.constant(columns));
    Value slice = e.div(e.threadId(), e.constant(across));
    Value column = e.mul(e.rem(e.threadId(), e.constant(across)), e.constant(width));
    Value from = e.add(firstColumn, column);
    if (!mm.columns.isMultipleOf(columns))
      from = e.min(from, e.sub(e.size(mm.columns), e.constant(width)));
    Value base = e.add(rightOffset, from), stride = e.size(mm.rhs->strides[mm.rightDepth]);

    auto accumulate = [&](Value k, unsigned count, ValueRange before) {
      SmallVector<Value> sums(before), loaded;
      for (unsigned u = 0; u < count; ++u) {
        Value index = e.add(base, e.mul(e.add(k, e.constant(u)), stride));
        loaded.push_back(
            number(e.load(mm.rhs->base, index, mm.element, width > 1 ? width : 0, Value(), width)));
      }
      SmallVector<SmallVector<Value>> left;
      for (unsigned m = 0; m < rows; ++m)
        left.push_back(readLeft(m, k, count));
      for (unsigned u = 0; u < count; ++u)
        for (unsigned m = 0; m < rows; ++m)
          for (unsigned i = 0; i < width; ++i) {
            Value &sum = sums[m * width + i];
            sum = multiplyAdd(e, left[m][u], lane(loaded[u], i), sum);
          }
      return sums;
    };
    SmallVector<Value> sums(rows * width, zeroOf(e, accumulator));
    Value ahead = e.constant(kAhead), whole = e.mul(e.div(K, ahead), ahead);
    sums = e.loop(e.mul(slice, ahead), whole, e.constant(slices * kAhead), sums,
                  [&](Value k, ValueRange before) { return accumulate(k, kAhead, before); });
    if (!mm.depth.isMultipleOf(kAhead))
      sums = e.loop(e.add(whole, slice), K, e.constant(slices), sums,
                    [&](Value k, ValueRange before) { return accumulate(k, 1, before); });

    // The slices' sums of one row after the other: [slice][column].
    Value partial = e.shared(accumulator, slices * columns);
    for (unsigned m = 0; m < rows; ++m) {
      if (m)
        e.barrier();
      for (unsigned i = 0; i < width; ++i) {
        Value at = e.add(e.mul(slice, e.constant(columns)), e.add(column, e.constant(i)));
        e.store(sums[m * width + i], partial, at, accumulator);
      }
      e.barrier();
      e.share(e.constant(columns), [&](Value i) {
        Value sum = e.load(partial, i, accumulator);
        for (unsigned s = 1; s < slices; ++s)
          sum = add(sum, e.load(partial, e.add(i, e.constant(s * columns)), accumulator));
        storeOne(sum, m, e.add(firstColumn, i), mm.columns.isMultipleOf(columns));
      });
      e.clearMemo();
    }
    return e.product(mm.batches) * groups;
  }

  //===--- the depth is

  /// `along` threads share out one column, `width` elements at a time.
  AffineExpr emitAlongDepth(unsigned width, unsigned along) {
    unsigned columns = e.threads / along;
    AffineExpr groups = mm.columns.ceilDiv(columns);
    place(e.groupId(), groups);
    Value inBatch = GpuEmitter::getConstant(e.product(mm.batches)) != 1 ? e.rem(e.groupId(), e.size(groups))
                                                                        : e.groupId();
    Value column = e.add(e.mul(inBatch, e.constant(columns)), e.div(e.threadId(), e.constant(along)));
    bool exact = mm.columns.isMultipleOf(columns);
    Value from = exact ? column : e.min(column, e.sub(e.size(mm.columns), e.constant(1)));
    Value base = e.add(rightOffset, e.mul(from, e.size(mm.rhs->strides[mm.rightColumn])));
    Value first = e.mul(e.rem(e.threadId(), e.constant(along)), e.constant(width));

    auto accumulate = [&](Value k, unsigned count, ValueRange before) {
      SmallVector<Value> sums(before), loaded;
      for (unsigned u = 0; u < count; ++u) {
        Value index = e.add(base, e.add(k, e.constant(int64_t(u) * along * width)));
        loaded.push_back(
            number(e.load(mm.rhs->base, index, mm.element, width > 1 ? width : 0, Value(), width)));
      }
      for (unsigned u = 0; u < count; ++u)
        for (unsigned m = 0; m < rows; ++m) {
          SmallVector<Value> left = readLeft(m, e.add(k, e.constant(int64_t(u) * along * width)), width);
          for (unsigned i = 0; i < width; ++i)
            sums[m] = multiplyAdd(e, left[i], lane(loaded[u], i), sums[m]);
        }
      return sums;
    };
    SmallVector<Value> sums(rows, zeroOf(e, accumulator));
    unsigned step = along * width;
    // Whole rounds of kAhead loads, as far as this thread has them, then one by one.
    Value left = e.max(e.sub(e.sub(K, e.constant((kAhead - 1) * step)), first), e.constant(0));
    Value rounds = e.mul(e.ceilDiv(left, e.constant(kAhead * step)), e.constant(kAhead * step));
    Value rest = e.add(first, rounds);
    sums = e.loop(first, rest, e.constant(kAhead * step), sums,
                  [&](Value k, ValueRange before) { return accumulate(k, kAhead, before); });
    sums = e.loop(rest, K, e.constant(step), sums,
                  [&](Value k, ValueRange before) { return accumulate(k, 1, before); });
    for (unsigned m = 0; m < rows; ++m)
      sums[m] = e.reduce(sums[m], along, [&](Value x, Value y) { return add(x, y); });
    e.ifThen(e.compare(arith::CmpIPredicate::eq, first, e.constant(0)), [&] {
      for (unsigned m = 0; m < rows; ++m)
        storeOne(sums[m], m, column, exact);
    });
    e.clearMemo();
    return e.product(mm.batches) * groups;
  }
};
} // namespace

std::optional<AffineExpr> aicc::gpu::emitFewRows(GpuEmitter &e, MatMulOperands &mm, unsigned rows,
                                                 Value rowLimit) {
  FewRows few{e, mm, rows, rowLimit};
  few.accumulator = getAccumulatorType(e.b, mm.element);
  unsigned bytes = std::max(1u, mm.element.getIntOrFloatBitWidth() / 8);
  auto isOne = [](AffineExpr stride) { return GpuEmitter::getConstant(stride) == 1; };
  unsigned widest = std::max(1u, std::min(e.gpu.vectorBytes, 16u) / bytes);
  if (isOne(mm.rhs->strides[mm.rightColumn])) {
    unsigned limit = std::min(widest, llvm::bit_floor(32u / rows)); // sums in registers
    unsigned width = mm.loadWidth(mm.root.getRhs(), *mm.rhs, mm.rightColumn, std::max(1u, limit));
    int64_t columns = GpuEmitter::getConstant(mm.columns).value_or(4096);
    unsigned across = 32;
    while (across > 8 && across * width * bytes > 64 &&
           columns / (across * width) < 2 * int64_t(e.gpu.computeUnits))
      across /= 2;
    return few.emitAlongColumns(width, across);
  }
  if (isOne(mm.rhs->strides[mm.rightDepth]))
    return few.emitAlongDepth(mm.loadWidth(mm.root.getRhs(), *mm.rhs, mm.rightDepth, widest), 32);
  return std::nullopt;
}

FailureOr<Launch> aicc::gpu::emitMatMulFewRows(KernelRequest &request, exe::DispatchOp dispatch,
                                               nn::MatMulOp root) {
  ArrayRef<AffineExpr> result = request.shapes.get(root.getResult());
  auto rows = GpuEmitter::getConstant(result[result.size() - 2]);
  if (!rows || *rows < 1 || *rows > kFewRows || request.gpu.maxWorkgroupThreads < kThreads)
    return failure();
  GpuEmitter e(request.module, request.name, dispatch, request.shapes, request.gpu, request.end, kThreads);
  MatMulOperands mm(e, root);
  if (mm.lhs && mm.rhs)
    if (std::optional<AffineExpr> grid = emitFewRows(e, mm, unsigned(*rows), Value()))
      return e.finish(*grid);
  e.abandon();
  return failure();
}
