// What becomes of a tile's results: the dispatch's epilogue on each element or vector of them.

#include "targets/gpu/codegen/Tile.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

TileStore::TileStore(GpuEmitter &e, Value root, unsigned lane, unsigned run, AffineExpr columns)
    : e(e), root(root), lane(lane), run(run) {
  useVectors = run > 1 && columns.isMultipleOf(run) && e.canStoreVectors(root, lane, run);
  element = e.registerType(cast<RankedTensorType>(root.getType()).getElementType());
}

/// `body`, if `index` is below `limit` (null: it is).
static void guarded(GpuEmitter &e, Value index, Value limit, llvm::function_ref<void()> body) {
  if (limit)
    e.ifThen(e.compare(arith::CmpIPredicate::slt, index, limit), body);
  else
    body();
}

void TileStore::store(const TileProduct::Run &part, Value row, Value column, Value rowLimit,
                      Value columnLimit, llvm::function_ref<Coord(Value, Value)> place) {
  auto emitOne = [&](Value value, Value at, unsigned lanes) {
    e.clearMemo();
    Coord c = place(row, at);
    c.lane = lanes ? int(lane) : -1;
    e.bind(root, convertNumber(e, value, element));
    e.emitStores(root, c, lanes);
    e.clearBound();
  };
  guarded(e, row, rowLimit, [&] {
    if (useVectors && part.values.size() == run)
      return guarded(e, column, columnLimit, [&] { emitOne(packVector(e, part.values), column, run); });
    for (auto [i, value] : llvm::enumerate(part.values)) {
      Value at = e.add(column, e.constant(i));
      guarded(e, at, columnLimit, [&, value = value] { emitOne(value, at, 0); });
    }
  });
  e.clearMemo();
}

Value aicc::gpu::packVector(GpuEmitter &e, ValueRange values) {
  auto type = VectorType::get({int64_t(values.size())}, values[0].getType());
  Value vector = zeroOf(e, type);
  for (auto [i, value] : llvm::enumerate(values))
    vector = e.b.create<vector::InsertOp>(e.loc, value, vector, int64_t(i));
  return vector;
}
