// Matrix products: workgroups are (batch, block of rows, group of column panels); each sweeps register tiles
// down its rows and evaluates the epilogue on the accumulators before they are stored. Products of bytes are
// products of words of four depths, which one instruction multiplies and adds up.

#include "targets/cpu/codegen/ByteProducts.h"
#include "targets/cpu/codegen/Kernels.h"
#include "targets/cpu/codegen/MatrixTiles.h"
#include "targets/cpu/codegen/Packing.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/kernel/Collapse.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;
using namespace aicc::kernel;

/// Products longer than this run k in parts of about kDepthBlock.
static constexpr int64_t kLongDepth = 1536, kDepthBlock = 1024;

namespace {
struct MatMulEmitter {
  CpuEmitter &e;
  nn::MatMulOp root;
  Value packedRhs = {}; // panels, or null: the right operand is a view
  const View *lhs = nullptr, *rhs = nullptr;
  unsigned rank = {};                  // of the result
  Type element = {}, accumulator = {}; // of the result; of what is read of the right operand, too
  Type leftElement = {};
  bool bytes = false; // both operands are of bytes; the right one is read in words
  bool tiles = false; // of bytes, by matrix tiles where there are rows enough
  unsigned lanes = {}, perPanel = {};
  Value M = {}, N = {}, K = {}; // K: steps
  TileShape tile = {};
  Value panels = {};      // ceil(N / 16)
  int64_t depthBlock = 0; // steps of k at a time, accumulators resting in scratch between; 0: all at once
  int64_t leftRow = {}, leftCol = {}; // dimensions of M and K in lhs
  int64_t rightRow = {}, rightCol = {};

  /// Offset of batch `idx` in an operand's view (numpy broadcasting of leading dimensions).
  Value batchOffset(Value operand, const View &view, ArrayRef<Value> batch) {
    Value offset = e.size(view.offset);
    ArrayRef<AffineExpr> sizes = e.shape(operand);
    unsigned count = sizes.size() - 2, lead = batch.size() - count;
    for (unsigned d = 0; d < count; ++d) {
      if (CpuEmitter::getConstant(sizes[d]) == 1)
        continue;
      Value index = batch[lead + d];
      if (!e.shapes.equal(sizes[d], e.shape(root.getResult())[lead + d]))
        index = e.mul(index, e.broadcastFactor(sizes[d]));
      offset = e.add(offset, e.mul(index, e.size(view.strides[d])));
    }
    return offset;
  }

  /// The columns, the part of k and the rows (from `firstRow`) that a sweep of tiles covers.
  struct Sweep {
    Value panel;
    unsigned width;                 // panels
    bool masked;                    // the last panel may be cut by N
    Value from, to;                 // k
    bool first = true, last = true; // parts of k
    Value firstRow;
  };

  /// Four bytes `stride` apart as one number.
  Value loadWord(Value base, Value index, Value stride) {
    if (CpuEmitter::getConstant(stride) == 1)
      return e.b.create<LLVM::LoadOp>(e.loc, accumulator, e.address(base, index, leftElement), 1);
    Value word = numberConstant(e, accumulator, 0, 0);
    for (int64_t i = 0; i < kBytesPerWord; ++i) {
      Value byte = e.load(base, e.add(index, e.mul(stride, e.constant(i))), leftElement);
      byte = e.b.create<arith::ExtUIOp>(e.loc, accumulator, byte);
      byte = e.b.create<arith::ShLIOp>(e.loc, byte, numberConstant(e, accumulator, 8 * i, 0));
      word = e.b.create<arith::OrIOp>(e.loc, word, byte);
    }
    return word;
  }

  /// One register tile at row m.
  void emitTileAt(ArrayRef<Value> batch, Value m, unsigned rows, const Sweep &sweep, Value prefetchFrom) {
    Value p = sweep.panel;
    unsigned width = sweep.width;
    bool masked = sweep.masked;
    TileOperands t;
    t.rows = rows;
    t.vectors = width * perPanel;
    t.lanes = lanes;
    t.accumulator = accumulator;
    Value column = e.mul(p, e.constant(kPanel));
    // Left: element (m + row, k).
    Value leftBase = batchOffset(root.getLhs(), *lhs, batch);
    Value rowStride = e.size(lhs->strides[leftRow]), kStride = e.size(lhs->strides[leftCol]);
    Value leftPointer = e.address(lhs->base, e.add(leftBase, e.mul(m, rowStride)), leftElement);
    SmallVector<Value> rowPointers;
    bool constantRows = CpuEmitter::getConstant(rowStride).has_value();
    for (unsigned r = 0; r < rows; ++r)
      rowPointers.push_back(
          constantRows ? leftPointer : e.address(leftPointer, e.mul(e.constant(r), rowStride), leftElement));
    if (bytes)
      t.combine = [this](Value left, Value right, Value acc) { return multiplyWords(e, left, right, acc); };
    t.left = [&](unsigned row, Value k) {
      Value index = e.mul(k, bytes ? e.mul(kStride, e.constant(kBytesPerWord)) : kStride);
      if (constantRows)
        index = e.add(index, e.mul(e.constant(row), rowStride));
      if (bytes)
        return loadWord(rowPointers[row], index, kStride);
      return toAccumulator(e, e.load(rowPointers[row], index, element), element);
    };
    // Right: panels [p + i][k][16], or row k of a plain matrix.
    SmallVector<Value> masks(t.vectors);
    if (masked)
      for (unsigned v = 0; v < t.vectors; ++v)
        if (v / perPanel + 1 == width)
          masks[v] = e.maskOf(e.sub(N, e.add(column, e.constant(v * lanes))), lanes);
    Value rightPointer, rightStride;
    if (packedRhs) {
      Value base = e.inputPointer(cast<BlockArgument>(packedRhs).getArgNumber());
      rightPointer = e.address(base, e.mul(e.mul(p, K), e.constant(kPanel)), element);
    } else {
      rightStride = e.size(rhs->strides[rightRow]);
      rightPointer = e.address(rhs->base, e.add(batchOffset(root.getRhs(), *rhs, batch), column), element);
    }
    t.right = [&](unsigned v, Value k) {
      Value index;
      Value mask;
      if (packedRhs) {
        Value panel = e.mul(e.constant(v / perPanel), e.mul(K, e.constant(kPanel)));
        index = e.add(e.add(e.mul(k, e.constant(kPanel)), panel), e.constant(v % perPanel * lanes));
      } else {
        index = e.add(e.mul(k, rightStride), e.constant(v * lanes));
        mask = masks[v];
      }
      return toAccumulator(e, e.load(rightPointer, index, element, lanes, mask), element);
    };
    if (prefetchFrom) {
      // A slow trickle: each tile of rows fetches its share of what the next sweep reads into L2, a line of
      // each panel per block of k.
      Value start =
          e.address(e.inputPointer(cast<BlockArgument>(packedRhs).getArgNumber()), prefetchFrom, element);
      t.everyBlock = [this, start, width, first = sweep.from](Value k) {
        for (unsigned i = 0; i < width; ++i)
          e.prefetch(start, e.add(e.sub(k, first), e.mul(e.constant(i * kPanel), K)), element, 2);
      };
    }
    // Between parts of k the accumulators rest in scratch memory.
    auto resting = [&](unsigned i) {
      Value row = e.add(e.sub(m, sweep.firstRow), e.constant(i / t.vectors));
      return e.add(e.mul(row, e.constant(t.vectors * lanes)), e.constant(i % t.vectors * lanes));
    };
    SmallVector<Value> init = zeroTile(e, t);
    if (!sweep.first)
      for (unsigned i = 0; i < init.size(); ++i)
        init[i] = e.load(e.scratch, resting(i), accumulator, lanes);
    SmallVector<Value> acc = emitTile(e, t, sweep.from, sweep.to, init);
    if (!sweep.last) {
      for (unsigned i = 0; i < acc.size(); ++i)
        e.store(acc[i], e.scratch, resting(i), accumulator);
      return;
    }
    e.clearMemo();
    for (unsigned v = 0; v < t.vectors; ++v)
      for (unsigned r = 0; r < rows; ++r)
        store(acc[r * t.vectors + v], batch, e.add(m, e.constant(r)), e.add(column, e.constant(v * lanes)),
              masks[v]);
    e.clearBound();
  }

  /// The epilogue on a vector of sums.
  void store(Value sums, ArrayRef<Value> batch, Value row, Value column, Value mask) {
    Coord c;
    c.idx.assign(batch.begin(), batch.end());
    c.idx.append({row, column});
    c.lane = rank - 1;
    e.clearComputed();
    e.bind(root.getResult(), fromAccumulator(e, sums, element));
    e.emitStores(root.getResult(), c, lanes, mask);
  }

  //===--- matrix tiles

  /// 16 or 32 rows at m by matrix tiles.
  void emitTilesAt(ArrayRef<Value> batch, Value m, unsigned rowTiles, const Sweep &sweep) {
    MatrixTiles t;
    t.rowTiles = rowTiles, t.panels = sweep.width;
    t.rowStride = e.size(lhs->strides[leftRow]);
    t.left = e.address(lhs->base, e.add(batchOffset(root.getLhs(), *lhs, batch), e.mul(m, t.rowStride)),
                       leftElement);
    t.panelStride = e.mul(K, e.constant(kPanel * kBytesPerWord));
    t.right = e.address(e.inputPointer(cast<BlockArgument>(packedRhs).getArgNumber()),
                        e.mul(sweep.panel, t.panelStride), leftElement);
    t.steps = e.div(K, e.constant(kTileDepth / kBytesPerWord));
    emitMatrixTiles(e, t, e.scratch);
    Value column = e.mul(sweep.panel, e.constant(kPanel));
    unsigned vectors = sweep.width * perPanel;
    e.loop(e.constant(0), e.constant(rowTiles * kTileRows), e.constant(1), [&](Value r) {
      e.clearMemo();
      for (unsigned v = 0; v < vectors; ++v) {
        Value place = e.add(e.mul(r, e.constant(vectors * lanes)), e.constant(v * lanes)), mask;
        Value sums = e.load(e.scratch, place, accumulator, lanes), at = e.add(column, e.constant(v * lanes));
        if (sweep.masked && v / perPanel + 1 == sweep.width)
          mask = e.maskOf(e.sub(N, at), lanes);
        store(sums, batch, e.add(m, r), at, mask);
      }
      e.clearBound();
      e.clearMemo();
    });
  }

  /// All rows [from, to): two tiles at a time, then one, and the last by register tiles of 8, 4, 2 and 1.
  void emitTiledRows(ArrayRef<Value> batch, Value from, Value to, const Sweep &sweep) {
    Value two = e.constant(2 * kTileRows), count = e.sub(to, from);
    Value at = e.add(from, e.mul(e.div(count, two), two)), rest = e.sub(to, at);
    e.loop(from, at, two, [&](Value m) {
      e.clearMemo();
      emitTilesAt(batch, m, 2, sweep);
    });
    for (unsigned power = kTileRows; power; power /= 2) {
      auto emitRest = [&] {
        if (power == kTileRows)
          return emitTilesAt(batch, at, 1, sweep);
        emitTileAt(batch, at, power, sweep, Value());
      };
      if (auto known = CpuEmitter::getConstant(rest)) {
        if (*known & power)
          emitRest(), at = e.add(at, e.constant(power));
        continue;
      }
      Value bit = e.b.create<arith::AndIOp>(e.loc, rest, e.constant(power));
      Value some = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::ne, bit, e.constant(0));
      e.ifThen(some, [&] {
        e.clearMemo();
        emitRest();
      });
      at = e.add(at, bit);
    }
    e.clearMemo();
  }

  /// All rows [from, to) of `width` panels at p.
  void emitRows(ArrayRef<Value> batch, Value from, Value to, Value p, unsigned width, bool masked,
                bool prefetch) {
    Sweep sweep{p, width, masked, e.constant(0), K, true, true, from};
    if (tiles)
      return emitTiledRows(batch, from, to, sweep);
    if (!depthBlock)
      return emitSweep(batch, from, to, sweep, prefetch);
    int64_t depth = *CpuEmitter::getConstant(K), blocks = llvm::divideCeil(depth, depthBlock);
    sweep.to = e.constant(depthBlock), sweep.last = false;
    emitSweep(batch, from, to, sweep, prefetch);
    sweep.first = false;
    if (blocks > 2)
      e.loop(e.constant(depthBlock), e.constant((blocks - 1) * depthBlock), e.constant(depthBlock),
             [&](Value k) {
               sweep.from = k, sweep.to = e.add(k, e.constant(depthBlock));
               emitSweep(batch, from, to, sweep, prefetch);
             });
    sweep.from = e.constant((blocks - 1) * depthBlock), sweep.to = K, sweep.last = true;
    emitSweep(batch, from, to, sweep, prefetch);
  }

  /// The tiles of all rows [from, to).
  void emitSweep(ArrayRef<Value> batch, Value from, Value to, const Sweep &sweep, bool prefetch) {
    Value p = sweep.panel;
    unsigned width = sweep.width;
    Value step = e.constant(tile.rows), count = e.sub(to, from);
    Value whole = e.add(from, e.mul(e.div(count, step), step));
    auto constantK = CpuEmitter::getConstant(K);
    prefetch &= packedRhs && constantK && *constantK >= 64 && width * perPanel > 1;
    // What comes next: the following part of k of these panels, or the next group of panels. Each tile takes
    // an equal share of its lines.
    Value next, share;
    if (prefetch) {
      Value base = sweep.last ? e.mul(e.mul(e.add(p, e.constant(width)), K), e.constant(kPanel))
                              : e.mul(e.add(e.mul(p, K), sweep.to), e.constant(kPanel));
      next = base;
      Value tiles = e.max(e.div(count, step), e.constant(1));
      share = e.mul(e.ceilDiv(e.sub(sweep.to, sweep.from), tiles), e.constant(kPanel));
    }
    e.loop(from, whole, step, [&](Value m) {
      Value at = prefetch ? e.add(next, e.mul(e.div(e.sub(m, from), step), share)) : Value();
      emitTileAt(batch, m, tile.rows, sweep, at);
    });
    if (auto rest = CpuEmitter::getConstant(e.sub(to, whole))) {
      if (*rest)
        emitTileAt(batch, whole, *rest, sweep, Value());
      return;
    }
    // The rest of a dynamic number of rows: tiles of the powers of two below the full one.
    Value rest = e.sub(to, whole), at = whole;
    unsigned power = 1;
    while (power * 2 < tile.rows)
      power *= 2;
    for (; power; power /= 2) {
      Value bit = e.b.create<arith::AndIOp>(e.loc, rest, e.constant(power));
      Value some = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::ne, bit, e.constant(0));
      e.ifThen(some, [&] { emitTileAt(batch, at, power, sweep, Value()); });
      at = e.add(at, bit);
    }
  }
};
} // namespace

FailureOr<Launch> aicc::cpu::emitMatMul(KernelRequest &request) {
  exe::DispatchOp clone = cloneDetached(request.dispatch, request.shapes);
  auto erase = llvm::make_scope_exit([&] { clone.erase(); });
  auto roots = clone.getBody().front().getOps<nn::MatMulOp>();
  if (!llvm::hasSingleElement(roots))
    return failure();
  nn::MatMulOp root = *roots.begin();
  kernel::collapseRows(clone, root, request.shapes);
  CpuEmitter e(request.module, request.name, clone, request.shapes, request.cpu);
  MatMulEmitter mm{e, root};
  mm.bytes = isByteProduct(root);
  mm.packedRhs = mm.bytes ? getPackedBytes(root.getRhs()) : getPackedMatrix(root.getRhs());
  mm.lhs = e.view(root.getLhs());
  mm.rhs = mm.packedRhs ? nullptr : e.view(root.getRhs());
  mm.rank = e.shape(root.getResult()).size();
  mm.lanes = request.cpu.getLanes();
  mm.perPanel = kPanel / mm.lanes;
  unsigned leftRank = e.shape(root.getLhs()).size(), rightRank = e.shape(root.getRhs()).size();
  mm.leftRow = leftRank - (root.getTransposeLhs() ? 1 : 2),
  mm.leftCol = leftRank - (root.getTransposeLhs() ? 2 : 1);
  mm.rightRow = rightRank - (root.getTransposeRhs() ? 1 : 2),
  mm.rightCol = rightRank - (root.getTransposeRhs() ? 2 : 1);
  bool ok = mm.lhs && (!mm.bytes || (mm.packedRhs && request.cpu.vnni)) &&
            (mm.packedRhs || (mm.rhs && CpuEmitter::getConstant(mm.rhs->strides[mm.rightCol]) == 1)) &&
            e.canStoreVectors(root.getResult(), mm.rank - 1, mm.lanes);
  if (!ok) {
    e.abandon();
    return failure();
  }
  mm.element = cast<RankedTensorType>(root.getType()).getElementType();
  mm.accumulator = getAccumulatorType(e.b, mm.element);
  mm.leftElement = cast<RankedTensorType>(root.getLhs().getType()).getElementType();
  ArrayRef<AffineExpr> result = e.shape(root.getResult());
  AffineExpr rows = result[mm.rank - 2], columns = result[mm.rank - 1];
  mm.M = e.size(rows), mm.N = e.size(columns), mm.K = e.size(root.getLhs(), mm.leftCol);
  if (mm.bytes)
    mm.K = e.div(mm.K, e.constant(kBytesPerWord));
  mm.panels = e.ceilDiv(mm.N, e.constant(kPanel));
  auto constantRows = CpuEmitter::getConstant(rows), constantColumns = CpuEmitter::getConstant(columns);
  std::optional<int64_t> constantPanels;
  if (constantColumns)
    constantPanels = llvm::divideCeil(*constantColumns, kPanel);
  mm.tile = chooseTile(constantRows, constantPanels, request.cpu);
  auto constantSteps = CpuEmitter::getConstant(mm.K);
  mm.tiles = mm.bytes && request.cpu.byteTiles && constantSteps &&
             *constantSteps % (kTileDepth / kBytesPerWord) == 0 && constantRows.value_or(512) >= kTileRows &&
             CpuEmitter::getConstant(mm.lhs->strides[mm.leftCol]) == 1;
  if (mm.tiles)
    mm.tile = {2 * kTileRows, 2};

  // A long k in parts: a tile's rows of the left operand then stay in L1, the panels in L2.
  auto constantDepth = CpuEmitter::getConstant(mm.K);
  if (!mm.tiles && constantDepth && *constantDepth > kLongDepth &&
      constantRows.value_or(512) > 2 * int64_t(mm.tile.rows))
    mm.depthBlock =
        llvm::alignTo(llvm::divideCeil(*constantDepth, llvm::divideCeil(*constantDepth, kDepthBlock)), 16);
  // Rows per workgroup: a block of the left operand that stays in L2 beside two groups of panels.
  int64_t depth = mm.depthBlock ? mm.depthBlock : constantDepth.value_or(1024);
  int64_t elementBytes = mm.element.getIntOrFloatBitWidth() / 8;
  int64_t block = request.cpu.l2Bytes / 4 / std::max<int64_t>(1, depth * std::max<int64_t>(1, elementBytes));
  block = std::clamp<int64_t>(block / mm.tile.rows, 1, 1 << 16) * mm.tile.rows;
  int64_t groupsGuess = constantPanels ? llvm::divideCeil(*constantPanels, mm.tile.panels) : 8;
  if (groupsGuess < 8) // few columns: more blocks of rows, so that threads share evenly
    block = std::min<int64_t>(
        block,
        llvm::alignTo(std::max<int64_t>(constantRows.value_or(512) * groupsGuess / 16, 1), mm.tile.rows));
  if (constantRows) { // even blocks
    int64_t count = llvm::divideCeil(std::max<int64_t>(1, *constantRows), block);
    block = llvm::alignTo(llvm::divideCeil(std::max<int64_t>(1, *constantRows), count), mm.tile.rows);
  }
  int64_t accumulatorBytes = mm.accumulator.getIntOrFloatBitWidth() / 8;
  int64_t scratchBytes = (mm.depthBlock ? block
                          : mm.tiles    ? 2 * kTileRows
                                        : 0) *
                         mm.tile.panels * kPanel * accumulatorBytes;
  AffineExpr rowBlocks = rows.ceilDiv(block);
  AffineExpr groups = columns.ceilDiv(kPanel * mm.tile.panels);
  AffineExpr batches = e.product(result.drop_back(2));

  if (mm.tiles)
    configureTiles(e);
  Value groupCount = e.size(groups), blockCount = e.size(rowBlocks);
  e.loop(e.begin, e.end, e.constant(1), [&](Value wg) {
    Value group = e.rem(wg, groupCount), rest = e.div(wg, groupCount);
    Value rowBlock = e.rem(rest, blockCount);
    SmallVector<Value> batch = e.delinearize(e.div(rest, blockCount), result.drop_back(2));
    Value from = e.mul(rowBlock, e.constant(block)), to = e.min(e.add(from, e.constant(block)), mm.M);
    auto oneBlock = CpuEmitter::getConstant(rowBlocks);
    if (oneBlock && *oneBlock == 1)
      from = e.constant(0), to = mm.M;
    else if (constantRows && *constantRows % block == 0)
      to = e.add(from, e.constant(block));
    Value panel = e.mul(group, e.constant(mm.tile.panels));
    if (constantPanels) {
      int64_t full = *constantPanels / mm.tile.panels, left = *constantPanels % mm.tile.panels;
      bool cut = *constantColumns % kPanel != 0;
      int64_t plain = cut && left == 0 ? full - 1 : full; // groups without a mask
      if (cut && left == 0)
        left = mm.tile.panels;
      if (plain && !left)
        return mm.emitRows(batch, from, to, panel, mm.tile.panels, false, true);
      if (!plain)
        return mm.emitRows(batch, from, to, panel, left, cut, false);
      Value isPlain = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::slt, group, e.constant(plain));
      e.ifThen(isPlain, [&] { mm.emitRows(batch, from, to, panel, mm.tile.panels, false, true); });
      Value isLast = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::sge, group, e.constant(plain));
      e.ifThen(isLast, [&] { mm.emitRows(batch, from, to, panel, left, cut, false); });
      return;
    }
    // Dynamic columns: a full group without masks, else panel by panel with them.
    Value last = e.mul(e.add(panel, e.constant(mm.tile.panels)), e.constant(kPanel));
    Value isFull = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::sle, last, mm.N);
    e.ifThen(isFull, [&] { mm.emitRows(batch, from, to, panel, mm.tile.panels, false, false); });
    Value isCut = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::sgt, last, mm.N);
    e.ifThen(isCut, [&] {
      Value stop = e.min(e.add(panel, e.constant(mm.tile.panels)), mm.panels);
      e.loop(panel, stop, e.constant(1), [&](Value p) { mm.emitRows(batch, from, to, p, 1, true, false); });
    });
  });
  if (mm.tiles)
    releaseTiles(e);
  return e.finish(batches * rowBlocks * groups, e.expr(scratchBytes));
}
