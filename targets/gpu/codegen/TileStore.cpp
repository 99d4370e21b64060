// What becomes of a tile's results: the dispatch's epilogue on each element or vector of them, and the choice
// of tiles.

#include "targets/gpu/codegen/MatrixUnitTile.h"
#include "targets/gpu/codegen/Tile.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

//===--- stores
//----------------------------------------------------------------------------------------------------------===//

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

//===--- the choice of tiles
//---------------------------------------------------------------------------------------------===//

namespace {
/// A tile of threads, and how much of the processor's arithmetic it keeps busy.
struct Candidate {
  unsigned rows, columns, depth, partRows, partColumns, threads;
  double efficiency;
};
} // namespace

static constexpr Candidate kThreadTiles[] = {
    {128, 128, 16, 8, 8, 256, 0.80}, {128, 64, 16, 8, 4, 256, 0.70}, {64, 128, 16, 4, 8, 256, 0.70},
    {64, 64, 16, 4, 4, 256, 0.55},   {32, 64, 16, 4, 4, 128, 0.45},  {64, 32, 16, 4, 4, 128, 0.45},
    {32, 32, 32, 4, 4, 64, 0.40},    {16, 64, 32, 2, 4, 128, 0.30},  {64, 16, 32, 4, 2, 128, 0.30},
    {16, 16, 32, 2, 2, 64, 0.15},
};

TileShape aicc::gpu::chooseTile(const GpuDescriptor &gpu, const TileProblem &problem) {
  TileShape best;
  double bestCost = 0;
  unsigned bytes = std::max(4u, problem.element.getIntOrFloatBitWidth() / 8);
  int64_t rows = problem.rows ? problem.rows : 512, columns = problem.columns ? problem.columns : 512;
  for (const Candidate &c : kThreadTiles) {
    uint64_t shared = 2 * uint64_t(c.rows + c.columns + 8) * c.depth * bytes;
    if (shared > gpu.sharedBytes || c.threads > gpu.maxWorkgroupThreads ||
        c.partRows * c.partColumns * (bytes / 4) * 2 > gpu.registersPerThread)
      continue;
    int64_t tiles = llvm::divideCeil(rows, int64_t(c.rows)) * llvm::divideCeil(columns, int64_t(c.columns)) *
                    problem.batches;
    // Units take several small workgroups at once: a tile counts by its share of the largest.
    double share = std::max(1.0, 256.0 / c.threads);
    double waves = std::max(1.0, double(tiles) / (gpu.computeUnits * share));
    waves = waves < 4 ? std::ceil(waves) : waves;
    double cost = waves * share * c.rows * c.columns / c.efficiency;
    if (bestCost && cost >= bestCost)
      continue;
    bestCost = cost;
    best = TileShape();
    best.rows = c.rows, best.columns = c.columns, best.depth = c.depth;
    best.partRows = c.partRows, best.partColumns = c.partColumns, best.threads = c.threads;
  }
  best.run = problem.vectorColumns ? std::min(4u, best.partColumns) : 1;
  return best;
}
