// Attention, streamed (Dao et al., 2022): a workgroup takes a block of query rows of one key head (all query
// heads that share it count as rows) and passes over the keys in blocks, with a running maximum and sum for
// each row. Scores of one block stay in registers; their exponentials go through workgroup memory to be the
// left operand of the product with the values. Wide values are shared out among workgroups.

#include "targets/gpu/codegen/Kernels.h"
#include "targets/gpu/codegen/MatrixUnitTile.h"
#include "targets/gpu/codegen/Tile.h"
#include "targets/kernel/Collapse.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

namespace {
/// Threads that share a row.
constexpr unsigned kAcross = 16;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// How the work is cut.
struct Blocks {
  unsigned rows = 64, keys = 64, width = 64; // width: columns of the values
  unsigned partRows = 4;                     // of one thread, or of one subgroup with a matrix unit
  const MatrixUnit *unit = nullptr;
  unsigned splits = 1;
  unsigned threads() const { return rows / partRows * (unit ? unit->lanes : kAcross); }
  /// Depth of one step: of queries and keys, and keys of the values.
  unsigned depth() const { return unit && splits == 1 ? 32 : 16; }
};

struct AttentionEmitter {
  GpuEmitter &e;
  nn::AttentionOp root;
  Blocks blocks;
  const View *q = nullptr, *k = nullptr, *v = nullptr;
  unsigned rank = 0;
  Type element = {}, accumulator = {};
  AffineExpr queriesPerKey = {}, rows = {};
  SmallVector<AffineExpr> scoreShape = {};
  SmallVector<Value> batch = {};
  Value keyHead = {}, firstRow = {}, firstKey = {}, S = {}, T = {};

  Value number(double x) { return e.b.create<arith::ConstantOp>(e.loc, e.b.getFloatAttr(accumulator, x)); }
  Value add(Value x, Value y) { return e.b.create<arith::AddFOp>(e.loc, x, y); }
  Value sub(Value x, Value y) { return e.b.create<arith::SubFOp>(e.loc, x, y); }
  Value mul(Value x, Value y) { return e.b.create<arith::MulFOp>(e.loc, x, y); }
  Value exp(Value x) { return e.b.create<math::ExpOp>(e.loc, x); }
  Value select(Value condition, Value x, Value y) {
    return e.b.create<arith::SelectOp>(e.loc, condition, x, y);
  }
  Value larger(Value x, Value y) {
    return select(e.b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::OGT, x, y), x, y);
  }
  Value equals(Value x, double y) {
    return e.b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::OEQ, x, number(y));
  }
  Value isBelow(Value x, Value limit) { return e.compare(arith::CmpIPredicate::slt, x, limit); }

  //===--- places
  //--------------------------------------------------------------------------------------------------------===//

  /// Query head and position of a row of the key head; rows beyond the last count as the last.
  std::pair<Value, Value> split(Value row) {
    if (!rows.isMultipleOf(blocks.rows))
      row = e.min(row, e.sub(e.size(rows), e.constant(1)));
    if (GpuEmitter::getConstant(queriesPerKey) == 1)
      return {keyHead, row};
    return {e.add(e.mul(keyHead, e.size(queriesPerKey)), e.div(row, S)), e.rem(row, S)};
  }
  Value headOffset(const View &view, Value head) {
    Value offset = e.size(view.offset);
    for (auto [d, i] : llvm::enumerate(batch))
      offset = e.add(offset, e.mul(i, e.size(view.strides[d])));
    return e.add(offset, e.mul(head, e.size(view.strides[rank - 3])));
  }
  /// Keys that the row at `position` sees.
  Value seen(Value position) {
    Value end = e.add(e.add(position, e.sub(T, S)), e.constant(1));
    return e.max(e.min(end, T), e.constant(0));
  }

  /// Elements of one load along the last dimension of `operand`.
  unsigned loadWidth(Value operand, const View &view, unsigned limit) {
    auto fits = [&](unsigned width) {
      if (GpuEmitter::getConstant(view.strides[rank - 1]) != 1 || !view.offset.isMultipleOf(width) ||
          !e.shape(operand)[rank - 1].isMultipleOf(width))
        return false;
      return llvm::all_of(ArrayRef(view.strides).drop_back(),
                          [&](AffineExpr stride) { return stride.isMultipleOf(width); });
    };
    while (limit > 1 && !fits(limit))
      limit /= 2;
    return std::max(1u, limit);
  }

  /// Rows of queries or keys, whose elements are the depth of the scores. `place`: the offset of a row.
  TileOperand makeRows(Value operand, const View &view, unsigned outer, unsigned limit,
                       std::function<Value(Value)> place) {
    TileOperand result;
    result.element = element;
    result.width =
        loadWidth(operand, view, std::min(limit, std::max(1u, outer * blocks.depth() / blocks.threads())));
    AffineExpr depth = e.shape(operand)[rank - 1];
    bool exact = depth.isMultipleOf(blocks.depth());
    result.prepare = [place](Value at) { return SmallVector<Value>{place(at)}; };
    result.load = [this, &view, depth, exact, width = result.width](ValueRange prepared, Value, Value d) {
      Value at = exact ? d : e.min(d, e.sub(e.size(depth), e.constant(width)));
      Value index = e.add(prepared[0], e.mul(at, e.size(view.strides[rank - 1])));
      Value x = e.load(view.base, index, element, width > 1 ? width : 0, Value(), width);
      return exact ? x : select(isBelow(d, e.size(depth)), x, zeroOf(e, x.getType()));
    };
    return result;
  }

  /// Columns of the values; the depth of their product is the key.
  TileOperand makeValues(unsigned limit) {
    TileOperand result;
    result.element = element;
    result.alongOuter = true;
    result.width = loadWidth(root.getValue(), *v,
                             std::min(limit, std::max(1u, blocks.width * blocks.depth() / blocks.threads())));
    AffineExpr width = e.shape(root.getValue())[rank - 1];
    Value offset = headOffset(*v, keyHead), last = e.sub(e.size(width), e.constant(result.width));
    bool exact = width.isMultipleOf(blocks.width);
    result.prepare = [this, offset, last, exact](Value column) {
      column = exact ? column : e.min(column, last);
      return SmallVector<Value>{e.add(offset, e.mul(column, e.size(v->strides[rank - 1])))};
    };
    result.load = [this, lanes = result.width](ValueRange prepared, Value, Value key) {
      bool exact = e.shape(root.getKey())[rank - 2].isMultipleOf(blocks.keys);
      key = e.add(firstKey, key);
      Value at = exact ? key : e.min(key, e.sub(T, e.constant(1)));
      Value index = e.add(prepared[0], e.mul(at, e.size(v->strides[rank - 2])));
      Value x = e.load(v->base, index, element, lanes > 1 ? lanes : 0, Value(), lanes);
      return exact ? x : select(isBelow(key, T), x, zeroOf(e, x.getType()));
    };
    return result;
  }

  //===--- scores
  //--------------------------------------------------------------------------------------------------------===//

  /// What a row's scores are masked by.
  struct Row {
    Value head, position;
    Value limit; // keys that it sees; null: all there are
  };

  Value maskScore(const Row &row, Value key, Value score) {
    if (Value mask = root.getMask()) {
      bool exact = e.shape(root.getKey())[rank - 2].isMultipleOf(blocks.keys);
      Coord c{batch, -1, Value()};
      c.idx.append({row.head, row.position, exact ? key : e.min(key, e.sub(T, e.constant(1)))});
      Value m = e.emit(mask, e.operandCoord(mask, scoreShape, c));
      if (cast<RankedTensorType>(mask.getType()).getElementType().isInteger(1))
        score = select(m, score, number(-kInfinity));
      else
        score = add(score, convertNumber(e, m, accumulator));
    }
    return row.limit ? select(isBelow(key, row.limit), score, number(-kInfinity)) : score;
  }

  bool prepare() {
    q = e.view(root.getQuery()), k = e.view(root.getKey()), v = e.view(root.getValue());
    rank = e.shape(root.getResult()).size();
    if (!q || !k || !v)
      return false;
    element = e.registerType(cast<RankedTensorType>(root.getType()).getElementType());
    accumulator = getAccumulatorType(e.b, element);
    ArrayRef<AffineExpr> query = e.shape(root.getQuery()), key = e.shape(root.getKey());
    scoreShape.assign(query.begin(), query.end());
    scoreShape.back() = key[rank - 2];
    queriesPerKey =
        e.shapes.equal(query[rank - 3], key[rank - 3]) ? e.expr(1) : query[rank - 3].floorDiv(key[rank - 3]);
    rows = queriesPerKey * query[rank - 2];
    return true;
  }

  Launch run() {
    ArrayRef<AffineExpr> query = e.shape(root.getQuery());
    AffineExpr width = e.shape(root.getResult())[rank - 1], keyCount = scoreShape.back();
    SmallVector<AffineExpr> sizes(query.take_front(rank - 3));
    sizes.append({e.shape(root.getKey())[rank - 3], rows.ceilDiv(blocks.rows), width.ceilDiv(blocks.width)});
    SmallVector<Value> place = e.delinearize(e.groupId(), sizes);
    Value firstColumn = e.mul(place.pop_back_val(), e.constant(blocks.width));
    firstRow = e.mul(place.pop_back_val(), e.constant(blocks.rows));
    keyHead = place.pop_back_val();
    batch = place;
    S = e.size(query[rank - 2]), T = e.size(keyCount);

    TileShape scoreTile, resultTile;
    for (TileShape *tile : {&scoreTile, &resultTile}) {
      tile->rows = blocks.rows, tile->depth = blocks.depth(), tile->threads = blocks.threads();
      tile->partRows = blocks.partRows;
      tile->columns = tile == &scoreTile ? blocks.keys : blocks.width;
      tile->unit = blocks.unit, tile->splits = blocks.splits;
      tile->partColumns = blocks.unit ? tile->columns : tile->columns / kAcross;
      tile->run = blocks.unit ? getColumnRun(*blocks.unit) : std::min(4u, tile->partColumns);
    }
    resultTile.residentDepth = blocks.keys;
    std::unique_ptr<TileProduct> scores = makeTileProduct(e, scoreTile, element),
                                 results = makeTileProduct(e, resultTile, element);
    // Queries and keys share memory with the values: barriers are between.
    Value memory =
        e.shared(scores->rhs.element, std::max(TileContraction::getSharedElements(scoreTile, *scores),
                                               TileContraction::getSharedElements(resultTile, *results)));
    Value weights = e.shared(results->lhs.element, results->lhs.size);
    unsigned limit = 16 / (scores->rhs.element.getIntOrFloatBitWidth() / 8);

    TileOperand queries = makeRows(root.getQuery(), *q, blocks.rows, limit, [&](Value row) {
      auto [head, position] = split(row);
      return e.add(headOffset(*q, head), e.mul(position, e.size(q->strides[rank - 2])));
    });
    Value keyOffset = headOffset(*k, keyHead), lastKey = e.sub(T, e.constant(1));
    TileOperand keys = makeRows(root.getKey(), *k, blocks.keys, limit, [&](Value key) {
      key = keyCount.isMultipleOf(blocks.keys) ? key : e.min(key, lastKey);
      return e.add(keyOffset, e.mul(key, e.size(k->strides[rank - 2])));
    });
    TileContraction scoreLoop(e, scoreTile, queries, keys, *scores, memory);
    TileContraction resultLoop(e, resultTile, TileOperand(), makeValues(limit), *results, memory, weights);

    SmallVector<Row> places;
    Value end = T;
    for (Value row : scores->rows()) {
      Row r;
      std::tie(r.head, r.position) = split(e.add(firstRow, row));
      if (root.getCausal())
        r.limit = seen(r.position);
      else if (!keyCount.isMultipleOf(blocks.keys))
        r.limit = T;
      places.push_back(r);
    }
    if (root.getCausal() && GpuEmitter::getConstant(queriesPerKey) == 1)
      end = seen(split(e.add(firstRow, e.constant(blocks.rows - 1))).second);

    // Carried: maxima, this thread's sums, the result so far.
    unsigned count = places.size();
    SmallVector<Value> init(count, number(-kInfinity));
    init.append(count, number(0));
    init.append(results->zero());
    Value scale = number(root.getScale().convertToFloat());
    auto sum = [&](Value x, Value y) { return add(x, y); };
    SmallVector<Value> last =
        e.loop(e.constant(0), end, e.constant(blocks.keys), init, [&](Value at, ValueRange before) {
          e.clearMemo();
          firstKey = at;
          SmallVector<Value> s = scoreLoop.run(firstRow, firstKey, e.size(root.getQuery(), rank - 1));
          s = scores->map(s, [&](unsigned i, Value column, Value x) {
            return maskScore(places[i], e.add(firstKey, column), mul(x, scale));
          });
          e.clearMemo();
          SmallVector<Value> maxima =
              scores->shareRows(scores->foldRows(s, [&](Value x, Value y) { return larger(x, y); }),
                                [&](Value x, Value y) { return larger(x, y); });
          SmallVector<Value> next, bases, factors;
          for (unsigned i = 0; i < count; ++i) {
            Value maximum = larger(before[i], maxima[i]);
            // All is masked so far: exponentials are of minus infinity then, not of NaN.
            Value base = select(equals(maximum, -kInfinity), number(0), maximum);
            next.push_back(maximum);
            bases.push_back(base);
            factors.push_back(exp(sub(before[i], base)));
          }
          s = scores->map(s, [&](unsigned i, Value, Value x) { return exp(sub(x, bases[i])); });
          for (auto [i, total] : llvm::enumerate(scores->foldRows(s, sum)))
            next.push_back(multiplyAdd(e, before[count + i], factors[i], total));
          for (const TileProduct::Run &run : scores->runs(s))
            for (auto [j, value] : llvm::enumerate(run.values))
              e.store(convertNumber(e, value, results->lhs.element), weights,
                      results->lhs.at(e, run.row, e.add(run.column, e.constant(j))), results->lhs.element);
          SmallVector<Value> scaled = results->map(
              before.drop_front(2 * count), [&](unsigned i, Value, Value x) { return mul(x, factors[i]); });
          e.barrier();
          next.append(resultLoop.run(e.constant(0), firstColumn, e.constant(blocks.keys), scaled));
          e.barrier();
          return next;
        });
    e.clearMemo();
    SmallVector<Value> sums = scores->shareRows(ArrayRef(last).slice(count, count), sum);
    for (Value &total : sums)
      total = select(equals(total, 0), number(0), e.b.create<arith::DivFOp>(e.loc, number(1), total));
    SmallVector<Value> values = results->map(ArrayRef(last).drop_front(2 * count),
                                             [&](unsigned i, Value, Value x) { return mul(x, sums[i]); });
    TileStore store(e, root.getResult(), rank - 1, resultTile.run, width);
    Value rowLimit = rows.isMultipleOf(blocks.rows) ? Value() : e.size(rows);
    Value columnLimit = width.isMultipleOf(blocks.width) ? Value() : e.size(width);
    for (const TileProduct::Run &run : results->runs(values))
      store.store(run, e.add(firstRow, run.row), e.add(firstColumn, run.column), rowLimit, columnLimit,
                  [&](Value row, Value column) {
                    Coord c{batch, -1, Value()};
                    auto [head, position] = split(row);
                    c.idx.append({head, position, column});
                    return c;
                  });
    return e.finish(e.product(sizes));
  }
};
} // namespace

static Blocks chooseBlocks(const GpuDescriptor &gpu, nn::AttentionOp root, nn::SymbolicShapes &shapes) {
  Blocks blocks;
  ArrayRef<AffineExpr> query = shapes.get(root.getQuery()), key = shapes.get(root.getKey()),
                       result = shapes.get(root.getResult());
  unsigned rank = result.size();
  auto width = GpuEmitter::getConstant(result[rank - 1]);
  blocks.width = width ? std::clamp<int64_t>(llvm::PowerOf2Ceil(std::max<int64_t>(1, *width)), 16, 128) : 64;
  auto rows = GpuEmitter::getConstant(query[rank - 2]), heads = GpuEmitter::getConstant(query[rank - 3]),
       keyHeads = GpuEmitter::getConstant(key[rank - 3]);
  Type element = cast<RankedTensorType>(root.getType()).getElementType();
  const MatrixUnit *unit = findMatrixUnit(gpu, element, /*fewestRows=*/true);
  if (unit && unit->m <= 16 && 32 % unit->k == 0 && 16 % unit->n == 0 && !element.isF64()) {
    blocks.unit = unit, blocks.partRows = unit->m, blocks.splits = getSplits(*unit);
    if (element.isF32()) // twice as large in workgroup memory
      blocks.keys = 32, blocks.width = std::min(blocks.width, 64u);
    return blocks;
  }
  if (element.isF64()) // half as much fits
    blocks.width = std::min(blocks.width, 64u), blocks.rows = 32, blocks.keys = 32;
  if (rows && heads && keyHeads && *keyHeads) {
    int64_t count = *rows * (*heads / *keyHeads);
    if (count <= 16)
      blocks.rows = 16, blocks.partRows = 2;
    else if (count <= 32)
      blocks.rows = 32;
  }
  return blocks;
}

FailureOr<Launch> aicc::gpu::emitAttention(KernelRequest &request) {
  auto root = dyn_cast_or_null<nn::AttentionOp>(getRoot(request.dispatch));
  if (!root)
    return failure();
  Blocks blocks = chooseBlocks(request.gpu, root, request.shapes);
  GpuEmitter e(request.module, request.name, request.dispatch, request.shapes, request.gpu, request.end,
               blocks.threads());
  AttentionEmitter emitter{e, root, blocks};
  if (emitter.prepare())
    return emitter.run();
  e.abandon();
  return failure();
}
