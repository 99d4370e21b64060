// Matrix products: a workgroup computes a tile of one batch's result and evaluates the epilogue on it. Tiles
// are numbered so that workgroups which run at the same time share rows and columns in the cache.

#include "targets/gpu/codegen/MatMulOperands.h"
#include "targets/kernel/Collapse.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

/// Rows of tiles that are computed column by column, for the cache.
static constexpr int64_t kGroupedRows = 8;

std::pair<Value, Value> aicc::gpu::numberTiles(GpuEmitter &e, Value index, AffineExpr rowTiles,
                                               AffineExpr columnTiles) {
  if (GpuEmitter::getConstant(rowTiles) == 1)
    return {e.constant(0), index};
  if (GpuEmitter::getConstant(columnTiles) == 1)
    return {index, e.constant(0)};
  Value rows = e.size(rowTiles), columns = e.size(columnTiles);
  auto known = GpuEmitter::getConstant(rowTiles);
  if (known && *known <= kGroupedRows)
    return {e.rem(index, rows), e.div(index, rows)};
  Value group = e.mul(columns, e.constant(kGroupedRows));
  Value first = e.mul(e.div(index, group), e.constant(kGroupedRows)), inGroup = e.rem(index, group);
  Value height = known && *known % kGroupedRows == 0 ? e.constant(kGroupedRows)
                                                     : e.min(e.sub(rows, first), e.constant(kGroupedRows));
  return {e.add(first, e.rem(inGroup, height)), e.div(inGroup, height)};
}

/// The tiles of the whole product; returns the grid.
static AffineExpr emitTiles(GpuEmitter &e, MatMulOperands &mm, TileShape tile) {
  AffineExpr rowTiles = mm.rows.ceilDiv(tile.rows), columnTiles = mm.columns.ceilDiv(tile.columns);
  Value tiles = e.size(rowTiles * columnTiles);
  bool batched = GpuEmitter::getConstant(e.product(mm.batches)) != 1;
  Value inBatch = batched ? e.rem(e.groupId(), tiles) : e.groupId();
  SmallVector<Value> batch = e.delinearize(batched ? e.div(e.groupId(), tiles) : e.constant(0), mm.batches);
  auto [rowTile, columnTile] = numberTiles(e, inBatch, rowTiles, columnTiles);
  Value firstRow = e.mul(rowTile, e.constant(tile.rows)),
        firstColumn = e.mul(columnTile, e.constant(tile.columns));

  std::unique_ptr<TileProduct> product = makeTileProduct(e, tile, mm.element);
  auto limitOf = [&](const TileLayout &layout) {
    return 16 / std::max(1u, layout.element.getIntOrFloatBitWidth() / 8);
  };
  TileOperand lhs =
      mm.makeOperand(true, mm.batchOffset(mm.root.getLhs(), *mm.lhs, batch), tile, limitOf(product->lhs));
  TileOperand rhs =
      mm.makeOperand(false, mm.batchOffset(mm.root.getRhs(), *mm.rhs, batch), tile, limitOf(product->rhs));
  tile.stages = TileContraction::chooseStages(e, tile, lhs, rhs, *product);
  TileContraction contraction(e, tile, lhs, rhs, *product);
  SmallVector<Value> acc = contraction.run(firstRow, firstColumn, e.size(mm.depth));

  TileStore store(e, mm.root.getResult(), mm.rank - 1, tile.run, mm.columns);
  Value rowLimit = mm.rows.isMultipleOf(tile.rows) ? Value() : e.size(mm.rows);
  Value columnLimit = mm.columns.isMultipleOf(tile.columns) ? Value() : e.size(mm.columns);
  for (const TileProduct::Run &run : product->runs(acc))
    store.store(run, e.add(firstRow, run.row), e.add(firstColumn, run.column), rowLimit, columnLimit,
                [&](Value row, Value column) {
                  Coord c;
                  c.idx.assign(batch.begin(), batch.end());
                  c.idx.append({row, column});
                  return c;
                });
  return e.product(mm.batches) * rowTiles * columnTiles;
}

FailureOr<Launch> aicc::gpu::emitMatMul(KernelRequest &request) {
  exe::DispatchOp clone = kernel::cloneDetached(request.dispatch, request.shapes);
  auto erase = llvm::make_scope_exit([&] { clone.erase(); });
  auto root = dyn_cast_or_null<nn::MatMulOp>(getRoot(clone));
  if (!root)
    return failure();
  kernel::collapseRows(clone, root, request.shapes);
  FailureOr<Launch> few = emitMatMulFewRows(request, clone, root);
  if (succeeded(few))
    return few;

  ArrayRef<AffineExpr> result = request.shapes.get(root.getResult());
  auto known = [](AffineExpr size) { return GpuEmitter::getConstant(size).value_or(0); };
  AffineExpr rows = result[result.size() - 2], columns = result.back();
  TileProblem problem;
  problem.rows = known(rows), problem.columns = known(columns);
  ArrayRef<AffineExpr> left = request.shapes.get(root.getLhs());
  problem.depth = known(left[left.size() - (root.getTransposeLhs() ? 2 : 1)]);
  problem.element = cast<RankedTensorType>(root.getType()).getElementType();
  problem.vectorColumns = columns.isMultipleOf(4);
  for (AffineExpr batch : result.drop_back(2))
    problem.batches *= std::max<int64_t>(1, known(batch));
  TileShape tile = chooseTile(request.gpu, problem);

  GpuEmitter e(request.module, request.name, clone, request.shapes, request.gpu, request.end, tile.threads);
  MatMulOperands mm(e, root);
  if (!mm.lhs || !mm.rhs) {
    e.abandon();
    return failure();
  }
  if (GpuEmitter::getConstant(rows))
    return e.finish(emitTiles(e, mm, tile));
  // Few rows, as in generation, or many: each has a grid of its own, and the number of rows says which it is.
  std::optional<AffineExpr> fewGrid;
  Value M = e.size(rows), limit = e.constant(kFewRowsUnknown);
  e.ifThen(e.compare(arith::CmpIPredicate::sle, M, limit),
           [&] { fewGrid = emitFewRows(e, mm, kFewRowsUnknown, M); });
  e.clearMemo();
  if (!fewGrid)
    return e.finish(emitTiles(e, mm, tile));
  AffineExpr manyGrid;
  e.ifThen(e.compare(arith::CmpIPredicate::sgt, M, limit), [&] { manyGrid = emitTiles(e, mm, tile); });
  // 1 for 1 to kFewRowsUnknown rows, else 0: quotients by a number beyond all sizes.
  constexpr int64_t beyond = int64_t(1) << 40;
  AffineExpr isFew = ((e.expr(kFewRowsUnknown) - rows).floorDiv(beyond) + 1) * rows.ceilDiv(beyond);
  return e.finish(isFew * *fewGrid + (e.expr(1) - isFew) * manyGrid);
}
