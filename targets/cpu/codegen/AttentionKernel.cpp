// Attention, streamed (Dao et al., 2022): a workgroup takes a block of query rows of one key head (all query
// heads that share it count as rows) and passes over the keys in blocks, with a running maximum and sum for
// each row, so that scratch memory does not depend on the number of keys. Many rows: keys are transposed into
// panels and both products run on register tiles. Few rows, as in generation: keys and values are read once,
// straight from their views, by dot products.

#include "targets/cpu/codegen/Kernels.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/cpu/codegen/Rows.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

namespace {
/// Keys in one block.
constexpr int64_t kKeyBlock = 256;
/// Rows up to which keys are not packed.
constexpr int64_t kFewRows = 4;

/// A matrix in scratch memory.
struct Area {
  AffineExpr offset; // in elements
  AffineExpr stride; // between rows
};

struct AttentionEmitter {
  CpuEmitter &e;
  nn::AttentionOp root;
  const View *q = nullptr, *k = nullptr, *v = nullptr;
  unsigned rank = 0, lanes = 0;
  Type element = {}, accumulator = {};
  unsigned maskLanes = 0, storeLanes = 0; // 0: one by one
  unsigned tileRows = 0, tilePanels = 0, groupRows = 0, blockRows = 0;
  int64_t keyBlock = kKeyBlock;
  AffineExpr depthPadded = {}, widthPadded = {}, queriesPerKey = {};
  SmallVector<AffineExpr> scoreShape = {};
  Area queries = {}, keys = {}, values = {}, scores = {}, results = {}, maxima = {}, sums = {},
       corrections = {};
  AffineExpr scratchElements = {};
  // Of the present workgroup:
  SmallVector<Value> batch = {};
  Value keyHead = {}, firstRow = {}, lastRow = {}; // lastRow: rows beyond repeat it
  bool single = false; // one block of keys, known beforehand: nothing is carried from block to block

  Value S() { return e.size(root.getQuery(), rank - 2); }
  Value T() { return e.size(root.getKey(), rank - 2); }
  Value D() { return e.size(root.getQuery(), rank - 1); }
  Value W() { return e.size(root.getValue(), rank - 1); }
  Value number(double x, unsigned width = 0) { return numberConstant(e, accumulator, x, width); }

  //===--- places
  //--------------------------------------------------------------------------------------------------------===//

  Area allocate(AffineExpr rows, AffineExpr columns) {
    Area area{scratchElements, columns};
    scratchElements = scratchElements + (rows * columns).ceilDiv(16) * 16;
    return area;
  }
  Value at(const Area &area, Value row, Value column) {
    return e.add(e.add(e.size(area.offset), e.mul(row, e.size(area.stride))), column);
  }
  Value load(const Area &area, Value row, Value column, unsigned width = 0, Value mask = {}) {
    return e.load(e.scratch, at(area, row, column), accumulator, width, mask);
  }
  void store(Value value, const Area &area, Value row, Value column, Value mask = {}) {
    e.store(value, e.scratch, at(area, row, column), accumulator, mask);
  }

  /// Query head and position of a row of the key head.
  std::pair<Value, Value> split(Value row) {
    auto one = CpuEmitter::getConstant(queriesPerKey);
    if (one && *one == 1)
      return {keyHead, row};
    Value head = e.add(e.mul(keyHead, e.size(queriesPerKey)), e.div(row, S()));
    return {head, e.rem(row, S())};
  }
  /// Offset of row `position` of `head` in a view.
  Value offsetOf(const View &view, Value head, Value position) {
    Value offset = e.size(view.offset);
    for (auto [d, i] : llvm::enumerate(batch))
      offset = e.add(offset, e.mul(i, e.size(view.strides[d])));
    offset = e.add(offset, e.mul(head, e.size(view.strides[rank - 3])));
    return e.add(offset, e.mul(position, e.size(view.strides[rank - 2])));
  }
  Value read(const View &view, Value offset, unsigned width, Value mask) {
    Value stride = e.size(view.strides[rank - 1]);
    auto known = CpuEmitter::getConstant(stride);
    if (width && !(known && *known == 1))
      return toAccumulator(e, e.loadStrided(view.base, offset, stride, element, width, mask), element);
    return toAccumulator(e, e.load(view.base, offset, element, width, mask), element);
  }

  /// Keys that the row at `position` sees.
  Value seen(Value position) {
    if (!root.getCausal())
      return T();
    Value end = e.add(e.add(position, e.sub(T(), S())), e.constant(1));
    return e.max(e.min(end, T()), e.constant(0));
  }
  /// Keys that any of rows [first, last] sees.
  Value seenByAny(Value first, Value last) {
    if (!root.getCausal())
      return T();
    auto [head, position] = split(first);
    auto [lastHead, lastPosition] = split(last);
    if (head == lastHead)
      return seen(lastPosition);
    Value same = compare(e, arith::CmpIPredicate::eq, head, lastHead);
    return e.b.create<arith::SelectOp>(e.loc, same, seen(lastPosition), T());
  }

  //===--- one row's softmax
  //---------------------------------------------------------------------------------------------===//

  Value applyMask(Value x, Value mask, unsigned width) {
    Type type = cast<RankedTensorType>(root.getMask().getType()).getElementType();
    if (type.isInteger(1))
      return e.b.create<arith::SelectOp>(e.loc, mask, x,
                                         number(-std::numeric_limits<double>::infinity(), width));
    return addf(e, x, toAccumulator(e, mask, type));
  }

  /// Turns the scores of `count` keys from `firstKey` in `rows` rows from `p` of the scores into
  /// exponentials, and updates the rows' maxima and sums (from `row` of the block) and the factors for what
  /// was added up before. Rows go abreast, to hide latencies.
  void emitSoftmax(Value p, Value row, unsigned rows, Value firstKey, Value count) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    Value zero = e.constant(0), lowest = number(-infinity, lanes);
    auto larger = [&](Value x, Value y) { return quickMax(e, x, y); };
    auto sum = [&](Value x, Value y) { return addf(e, x, y); };
    SmallVector<std::pair<Value, Value>> places;
    SmallVector<Value> limits, at;
    for (unsigned r = 0; r < rows; ++r) {
      at.push_back(e.add(p, e.constant(r)));
      places.push_back(split(lastRow ? e.min(e.add(firstRow, e.add(row, e.constant(r))), lastRow)
                                     : e.add(firstRow, e.add(row, e.constant(r)))));
      if (root.getCausal())
        limits.push_back(e.sub(seen(places.back().second), firstKey));
    }
    auto maskAt = [&](unsigned r, Value i, unsigned width, Value guard) {
      Coord c{batch, width ? int(rank) - 1 : -1, Value()};
      c.idx.append({places[r].first, places[r].second, e.add(firstKey, i)});
      return e.splat(e.emit(root.getMask(), e.operandCoord(root.getMask(), scoreShape, c), width, guard),
                     width);
    };
    bool separate = root.getMask() && !maskLanes;
    if (separate)
      for (unsigned r = 0; r < rows; ++r)
        sweep(e, count, 1, [&](Value i, Value) {
          store(applyMask(load(scores, at[r], i), maskAt(r, i, 0, Value()), 0), scores, at[r], i);
        });
    SmallVector<Value> state =
        sweep(e, count, lanes, 1, replicate(lowest, rows), [&](Value i, Value guard, ValueRange kept) {
          SmallVector<Value> next;
          for (unsigned r = 0; r < rows; ++r) {
            Value x = load(scores, at[r], i, lanes, guard);
            if (root.getMask() && !separate)
              x = applyMask(x, maskAt(r, i, lanes, guard), lanes);
            if (root.getCausal())
              x = e.b.create<arith::SelectOp>(e.loc, e.maskOf(e.sub(limits[r], i), lanes), x, lowest);
            if (root.getCausal() || (root.getMask() && !separate))
              store(x, scores, at[r], i, guard);
            next.push_back(quickMax(e, kept[r], masked(e, guard, x, lowest)));
          }
          return next;
        });
    SmallVector<Value> maximum, bases, factors;
    for (unsigned r = 0; r < rows; ++r) {
      Value index = e.add(row, e.constant(r)), max = foldLanes(e, state[r], larger), before;
      if (!single) {
        before = load(maxima, index, zero);
        max = quickMax(e, before, max);
      }
      // All is masked so far: exponentials are of minus infinity then, not of NaN.
      Value none = e.b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::OEQ, max, number(-infinity));
      Value base = e.b.create<arith::SelectOp>(e.loc, none, number(0), max);
      maximum.push_back(max);
      bases.push_back(e.splat(base, lanes));
      factors.push_back(single ? Value() : softmaxExp(e, subf(e, before, base)));
    }
    Value noSum = number(0, lanes);
    state = sweep(e, count, lanes, 1, replicate(noSum, rows), [&](Value i, Value guard, ValueRange kept) {
      SmallVector<Value> next;
      for (unsigned r = 0; r < rows; ++r) {
        Value x = softmaxExp(e, subf(e, load(scores, at[r], i, lanes, guard), bases[r]));
        store(x, scores, at[r], i, guard);
        next.push_back(addf(e, kept[r], masked(e, guard, x, noSum)));
      }
      return next;
    });
    for (unsigned r = 0; r < rows; ++r) {
      Value index = e.add(row, e.constant(r)), total = foldLanes(e, state[r], sum);
      if (!single) {
        total = multiplyAdd(e, load(sums, index, zero), factors[r], total);
        store(maximum[r], maxima, index, zero);
        store(factors[r], corrections, index, zero);
      }
      store(total, sums, index, zero);
    }
  }

  /// Divides the row's result by its sum and stores it through the epilogue.
  void emitResult(Value row) {
    Value head, position;
    std::tie(head, position) = split(e.add(firstRow, row));
    Value sum = load(sums, row, e.constant(0));
    Value none = e.b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::OEQ, sum, number(0));
    Value factor = e.b.create<arith::SelectOp>(e.loc, none, number(0), divf(e, number(1), sum));
    sweep(e, W(), std::max(storeLanes, 1u), [&](Value i, Value guard) {
      Value y = mulf(e, load(results, row, i, storeLanes, guard), e.splat(factor, storeLanes));
      Coord c{batch, storeLanes ? int(rank) - 1 : -1, Value()};
      c.idx.append({head, position, i});
      e.bind(root.getResult(), fromAccumulator(e, y, element));
      e.emitStores(root.getResult(), c, storeLanes, guard);
      e.clearBound();
    });
  }

  /// Row `from` of the queries times the scale, as row `to` of the block.
  void copyQuery(Value from, Value to) {
    auto [head, position] = split(from);
    Value offset = offsetOf(*q, head, position), stride = e.size(q->strides[rank - 1]);
    double scale = root.getScale().convertToFloat();
    sweep(e, D(), lanes, [&](Value i, Value guard) {
      Value x = read(*q, e.add(offset, e.mul(i, stride)), lanes, guard);
      store(mulf(e, x, number(scale, lanes)), queries, to, i, guard);
    });
  }

  void resetRow(Value row) {
    if (single)
      return;
    Value zero = e.constant(0);
    store(number(-std::numeric_limits<double>::infinity()), maxima, row, zero);
    store(number(0), sums, row, zero);
    store(number(1), corrections, row, zero);
    sweep(e, e.size(widthPadded), lanes, [&](Value i, Value) { store(number(0, lanes), results, row, i); });
  }

  //===--- many rows
  //-----------------------------------------------------------------------------------------------------===//

  /// Transposes `count` keys from `firstKey` into panels of kPanel keys: [panel][depth][kPanel].
  void packKeys(Value firstKey, Value count) {
    Value last = e.sub(T(), e.constant(1)), stride = e.size(k->strides[rank - 1]);
    auto square = VectorType::get({int64_t(lanes), int64_t(lanes)}, accumulator);
    e.loop(e.constant(0), count, e.constant(lanes), [&](Value key) {
      SmallVector<Value> offsets; // keys beyond the last are read as the last
      for (unsigned l = 0; l < lanes; ++l)
        offsets.push_back(offsetOf(*k, keyHead, e.min(e.add(firstKey, e.add(key, e.constant(l))), last)));
      Value panel = e.mul(e.div(key, e.constant(kPanel)), e.mul(e.size(depthPadded), e.constant(kPanel)));
      Value to = e.add(e.add(e.size(keys.offset), panel), e.rem(key, e.constant(kPanel)));
      sweep(e, D(), lanes, [&](Value d, Value guard) {
        Value block = e.b.create<arith::ConstantOp>(e.loc, e.b.getZeroAttr(square));
        for (unsigned l = 0; l < lanes; ++l) {
          Value row = read(*k, e.add(offsets[l], e.mul(d, stride)), lanes, guard);
          block = e.b.create<vector::InsertOp>(e.loc, row, block, int64_t(l));
        }
        block = e.b.create<vector::TransposeOp>(e.loc, block, ArrayRef<int64_t>{1, 0});
        for (unsigned l = 0; l < lanes; ++l) {
          Value row = e.b.create<vector::ExtractOp>(e.loc, block, int64_t(l));
          e.store(row, e.scratch, e.add(to, e.mul(e.add(d, e.constant(l)), e.constant(kPanel))), accumulator);
        }
      });
    });
  }

  void packValues(Value firstKey, Value count) {
    Value stride = e.size(v->strides[rank - 1]);
    e.loop(e.constant(0), count, e.constant(1), [&](Value key) {
      Value offset = offsetOf(*v, keyHead, e.add(firstKey, key));
      sweep(e, W(), lanes, [&](Value i, Value guard) {
        store(read(*v, e.add(offset, e.mul(i, stride)), lanes, guard), values, key, i);
      });
    });
  }

  TileOperands makeTile(unsigned vectors) {
    TileOperands t;
    t.rows = tileRows;
    t.vectors = vectors;
    t.lanes = lanes;
    t.accumulator = accumulator;
    return t;
  }

  /// scores [rows, keys] of `count` rows from `row` of the block: row 0 of the scores is row `row`.
  void emitScores(Value row, Value count, Value keyCount) {
    unsigned perPanel = kPanel / lanes;
    Value panels = e.ceilDiv(keyCount, e.constant(kPanel));
    e.loop(e.constant(0), panels, e.constant(tilePanels), [&](Value panel) {
      e.loop(e.constant(0), count, e.constant(tileRows), [&](Value m) {
        TileOperands t = makeTile(tilePanels * perPanel);
        Value left = at(queries, e.add(row, m), e.constant(0)), leftStride = e.size(queries.stride);
        Value panelSize = e.mul(e.size(depthPadded), e.constant(kPanel));
        Value right = e.add(e.size(keys.offset), e.mul(panel, panelSize));
        t.left = [&](unsigned r, Value d) {
          return e.load(e.scratch, e.add(e.add(left, d), e.mul(e.constant(r), leftStride)), accumulator);
        };
        t.right = [&](unsigned vec, Value d) {
          Value index =
              e.add(e.mul(e.constant(vec / perPanel), panelSize), e.constant(vec % perPanel * lanes));
          return e.load(e.scratch, e.add(e.add(right, e.mul(d, e.constant(kPanel))), index), accumulator,
                        lanes);
        };
        SmallVector<Value> acc = emitTile(e, t, e.constant(0), D(), zeroTile(e, t));
        for (unsigned r = 0; r < t.rows; ++r)
          for (unsigned vec = 0; vec < t.vectors; ++vec)
            store(acc[r * t.vectors + vec], scores, e.add(m, e.constant(r)),
                  e.add(e.mul(panel, e.constant(kPanel)), e.constant(vec * lanes)));
      });
    });
  }

  /// results = results * correction + exponentials * values for `count` rows from `row`.
  void emitWeightedSum(Value row, Value count, Value keyCount) {
    auto tiles = [&](Value column, unsigned vectors) {
      e.loop(e.constant(0), count, e.constant(tileRows), [&](Value m) {
        TileOperands t = makeTile(vectors);
        SmallVector<Value> acc;
        for (unsigned r = 0; r < t.rows; ++r) {
          if (single)
            break;
          Value at = e.add(e.add(row, m), e.constant(r));
          Value factor = e.splat(load(corrections, at, e.constant(0)), lanes);
          for (unsigned vec = 0; vec < vectors; ++vec)
            acc.push_back(mulf(e, load(results, at, e.add(column, e.constant(vec * lanes)), lanes), factor));
        }
        t.left = [&](unsigned r, Value key) { return load(scores, e.add(m, e.constant(r)), key); };
        t.right = [&](unsigned vec, Value key) {
          return load(values, key, e.add(column, e.constant(vec * lanes)), lanes);
        };
        acc = emitTile(e, t, e.constant(0), keyCount, single ? zeroTile(e, t) : acc);
        for (unsigned r = 0; r < t.rows; ++r)
          for (unsigned vec = 0; vec < vectors; ++vec)
            store(acc[r * vectors + vec], results, e.add(e.add(row, m), e.constant(r)),
                  e.add(column, e.constant(vec * lanes)));
      });
    };
    unsigned wide = tilePanels * (kPanel / lanes);
    Value width = e.mul(e.constant(wide), e.constant(lanes));
    Value whole = e.mul(e.div(W(), width), width);
    e.loop(e.constant(0), whole, width, [&](Value column) { tiles(column, wide); });
    e.loop(whole, W(), e.constant(lanes), [&](Value column) { tiles(column, 1); });
  }

  void emitManyRows(Value rows) {
    Value one = e.constant(1), zero = e.constant(0), tile = e.constant(tileRows);
    // Rows that fill up the last tile repeat the last one; nobody reads what becomes of them.
    Value padded = e.mul(e.ceilDiv(rows, tile), tile), last = e.sub(rows, one);
    lastRow = e.add(firstRow, last);
    e.loop(zero, padded, one, [&](Value row) {
      copyQuery(e.add(firstRow, e.min(row, last)), row);
      resetRow(row);
    });
    Value end = seenByAny(firstRow, e.add(firstRow, last));
    e.loop(zero, end, e.constant(keyBlock), [&](Value firstKey) {
      Value keyCount = e.min(e.sub(end, firstKey), e.constant(keyBlock));
      packKeys(firstKey, keyCount);
      packValues(firstKey, keyCount);
      e.loop(zero, padded, e.constant(groupRows), [&](Value group) {
        Value count = e.min(e.sub(padded, group), e.constant(groupRows));
        Value real = e.min(e.sub(rows, group), e.constant(groupRows)), groupKeys = keyCount;
        if (root.getCausal()) {
          Value first = e.add(firstRow, group);
          Value limit = seenByAny(first, e.add(first, e.sub(real, one)));
          groupKeys = e.max(e.min(e.sub(limit, firstKey), keyCount), zero);
        }
        emitScores(group, count, groupKeys);
        e.loop(zero, count, e.constant(tileRows / 2),
               [&](Value r) { emitSoftmax(r, e.add(group, r), tileRows / 2, firstKey, groupKeys); });
        emitWeightedSum(group, count, groupKeys);
      });
    });
    e.loop(zero, rows, one, [&](Value row) { emitResult(row); });
  }

  //===--- few rows
  //------------------------------------------------------------------------------------------------------===//

  void emitFewRows(Value rows) {
    Value zero = e.constant(0), one = e.constant(1);
    lastRow = Value();
    e.loop(zero, rows, one, [&](Value row) {
      copyQuery(e.add(firstRow, row), row);
      resetRow(row);
    });
    Value end = seenByAny(firstRow, e.add(firstRow, e.sub(rows, one)));
    e.loop(zero, end, e.constant(keyBlock), [&](Value firstKey) {
      Value keyCount = e.min(e.sub(end, firstKey), e.constant(keyBlock));
      e.loop(zero, rows, one, [&](Value row) {
        Value rowKeys = keyCount;
        if (root.getCausal()) {
          Value limit = seen(split(e.add(firstRow, row)).second);
          rowKeys = e.max(e.min(e.sub(limit, firstKey), keyCount), zero);
        }
        emitDots(row, firstKey, rowKeys);
        emitSoftmax(zero, row, 1, firstKey, rowKeys);
        emitRowSum(row, firstKey, rowKeys);
      });
    });
    e.loop(zero, rows, one, [&](Value row) { emitResult(row); });
  }

  /// Row 0 of the scores: the query's products with `count` keys.
  void emitDots(Value row, Value firstKey, Value count) {
    Value stride = e.size(k->strides[rank - 1]), keyStride = e.size(k->strides[rank - 2]);
    Value start = offsetOf(*k, keyHead, firstKey);
    // The query stays in registers where it is short.
    auto depth = CpuEmitter::getConstant(D());
    unsigned vectors = depth ? llvm::divideCeil(*depth, lanes) : 0;
    SmallVector<Value> query;
    if (vectors && vectors <= e.cpu.numVectorRegisters / 2)
      for (unsigned i = 0; i < vectors; ++i) {
        bool cut = (i + 1) * lanes > *depth;
        query.push_back(load(queries, row, e.constant(i * lanes), lanes,
                             cut ? e.maskOf(e.constant(*depth - i * lanes), lanes) : Value()));
      }
    auto sum = [&](Value x, Value y) { return addf(e, x, y); };
    sweep(e, count, 1, 4, {}, [&](Value key, Value, ValueRange) {
      Value offset = e.add(start, e.mul(key, keyStride));
      auto term = [&](Value d, Value guard, Value x, Value acc) {
        Value y = read(*k, e.add(offset, e.mul(d, stride)), lanes, guard);
        return multiplyAdd(e, masked(e, guard, x, number(0, lanes)), masked(e, guard, y, number(0, lanes)),
                           acc);
      };
      Value total = number(0, lanes);
      if (!query.empty()) {
        Value chains[2] = {total, total};
        for (unsigned i = 0; i < vectors; ++i) {
          bool cut = (i + 1) * lanes > *depth;
          Value guard = cut ? e.maskOf(e.constant(*depth - i * lanes), lanes) : Value();
          chains[i % 2] = term(e.constant(i * lanes), guard, query[i], chains[i % 2]);
        }
        total = addf(e, chains[0], chains[1]);
      } else
        total = sweep(e, D(), lanes, 1, total, [&](Value d, Value guard, ValueRange acc) {
          return SmallVector<Value>{term(d, guard, load(queries, row, d, lanes, guard), acc[0])};
        })[0];
      store(foldLanes(e, total, sum), scores, e.constant(0), key);
      return SmallVector<Value>();
    });
  }

  /// results = results * correction + exponentials * values for one row.
  void emitRowSum(Value row, Value firstKey, Value count) {
    Value stride = e.size(v->strides[rank - 1]), keyStride = e.size(v->strides[rank - 2]);
    Value start = offsetOf(*v, keyHead, firstKey), factor;
    if (!single)
      factor = e.splat(load(corrections, row, e.constant(0)), lanes);
    auto run = [&](Value column, unsigned vectors, bool cut) {
      SmallVector<Value> acc, guards(vectors);
      if (cut)
        guards.back() = e.maskOf(e.sub(W(), e.add(column, e.constant((vectors - 1) * lanes))), lanes);
      for (unsigned vec = 0; vec < vectors; ++vec)
        acc.push_back(
            single ? number(0, lanes)
                   : mulf(e, load(results, row, e.add(column, e.constant(vec * lanes)), lanes), factor));
      acc = e.loop(e.constant(0), count, e.constant(1), acc, [&](Value key, ValueRange carried) {
        Value weight = e.splat(load(scores, e.constant(0), key), lanes),
              offset = e.add(start, e.mul(key, keyStride));
        SmallVector<Value> next;
        for (unsigned vec = 0; vec < vectors; ++vec) {
          Value at = e.add(offset, e.mul(e.add(column, e.constant(vec * lanes)), stride));
          next.push_back(multiplyAdd(e, weight, read(*v, at, lanes, guards[vec]), carried[vec]));
        }
        return next;
      });
      for (unsigned vec = 0; vec < vectors; ++vec)
        store(acc[vec], results, row, e.add(column, e.constant(vec * lanes)));
    };
    if (auto width = CpuEmitter::getConstant(W())) {
      for (int64_t column = 0; column < *width;) {
        unsigned vectors = std::min<int64_t>(8, llvm::divideCeil(*width - column, lanes));
        run(e.constant(column), vectors, column + vectors * lanes > *width);
        column += vectors * lanes;
      }
      return;
    }
    e.loop(e.constant(0), W(), e.constant(lanes), [&](Value column) { run(column, 1, true); });
  }

  //===--- the kernel
  //----------------------------------------------------------------------------------------------------===//

  bool prepare() {
    q = e.view(root.getQuery()), k = e.view(root.getKey()), v = e.view(root.getValue());
    rank = e.shape(root.getResult()).size();
    if (!q || !k || !v)
      return false;
    lanes = e.cpu.getLanes();
    element = cast<RankedTensorType>(root.getType()).getElementType();
    accumulator = getAccumulatorType(e.b, element);
    ArrayRef<AffineExpr> query = e.shape(root.getQuery()), key = e.shape(root.getKey()),
                         value = e.shape(root.getValue());
    scoreShape.assign(query.begin(), query.end());
    scoreShape.back() = key[rank - 2];
    if (Value mask = root.getMask()) {
      int maskRank = e.shape(mask).size();
      bool one = maskRank == 0 || CpuEmitter::getConstant(e.shape(mask).back()) == 1;
      bool known = one || e.shapes.equal(e.shape(mask).back(), scoreShape.back()) || e.view(mask);
      if (known && e.canVectorize(mask, one ? -1 : maskRank - 1, lanes))
        maskLanes = lanes;
    }
    if (e.canStoreVectors(root.getResult(), rank - 1, lanes))
      storeLanes = lanes;
    queriesPerKey = query[rank - 3].floorDiv(key[rank - 3]);
    if (e.shapes.equal(query[rank - 3], key[rank - 3]))
      queriesPerKey = e.expr(1);
    bool isWide = e.cpu.numVectorRegisters >= 32;
    tileRows = isWide ? 8 : 6;
    tilePanels = lanes == kPanel ? 2 : 1;
    groupRows = tileRows * 4;
    blockRows = groupRows * 4;
    AffineExpr rows = queriesPerKey * query[rank - 2];
    if (auto known = CpuEmitter::getConstant(rows)) { // even blocks
      int64_t blocks = std::max<int64_t>(1, llvm::divideCeil(*known, blockRows));
      blockRows = llvm::alignTo(std::max<int64_t>(1, llvm::divideCeil(*known, blocks)), tileRows);
    }
    if (auto known = CpuEmitter::getConstant(key[rank - 2]); known && *known <= keyBlock && *known > 0)
      single = true, keyBlock = llvm::alignTo(std::max<int64_t>(1, *known), kPanel * tilePanels);
    depthPadded = query[rank - 1].ceilDiv(16) * 16;
    widthPadded = value[rank - 1].ceilDiv(16) * 16;
    scratchElements = e.expr(0);
    queries = allocate(e.expr(blockRows), depthPadded);
    keys = allocate(e.expr(keyBlock), depthPadded);
    values = allocate(e.expr(keyBlock), widthPadded);
    scores = allocate(e.expr(groupRows), e.expr(keyBlock));
    results = allocate(e.expr(blockRows), widthPadded);
    maxima = allocate(e.expr(blockRows), e.expr(1));
    sums = allocate(e.expr(blockRows), e.expr(1));
    corrections = allocate(e.expr(blockRows), e.expr(1));
    return true;
  }

  Launch run() {
    ArrayRef<AffineExpr> query = e.shape(root.getQuery());
    AffineExpr rows = queriesPerKey * query[rank - 2], blocks = rows.ceilDiv(blockRows);
    SmallVector<AffineExpr> sizes(query.take_front(rank - 3));
    sizes.push_back(e.shape(root.getKey())[rank - 3]);
    sizes.push_back(blocks);
    e.loop(e.begin, e.end, e.constant(1), [&](Value workgroup) {
      e.clearMemo();
      SmallVector<Value> place = e.delinearize(workgroup, sizes);
      firstRow = e.mul(place.pop_back_val(), e.constant(blockRows));
      keyHead = place.pop_back_val();
      batch = place;
      Value count = e.min(e.sub(e.size(rows), firstRow), e.constant(blockRows));
      auto known = CpuEmitter::getConstant(rows);
      if (known && *known <= blockRows)
        count = e.constant(*known);
      if (known && *known <= kFewRows)
        return emitFewRows(count);
      if (known)
        return emitManyRows(count);
      Value few = compare(e, arith::CmpIPredicate::sle, count, e.constant(kFewRows));
      e.ifThen(few, [&] { emitFewRows(count); });
      Value many = compare(e, arith::CmpIPredicate::sgt, count, e.constant(kFewRows));
      e.ifThen(many, [&] { emitManyRows(count); });
    });
    return e.finish(e.product(sizes), scratchElements * (accumulator.getIntOrFloatBitWidth() / 8));
  }
};
} // namespace

FailureOr<Launch> aicc::cpu::emitAttention(KernelRequest &request) {
  auto roots = request.dispatch.getBody().front().getOps<nn::AttentionOp>();
  if (!llvm::hasSingleElement(roots))
    return failure();
  CpuEmitter e(request.module, request.name, request.dispatch, request.shapes, request.cpu);
  AttentionEmitter emitter{e, *roots.begin()};
  if (emitter.prepare())
    return emitter.run();
  e.abandon();
  return failure();
}
