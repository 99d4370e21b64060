// The choice of tiles: tables of what is known to work well, and a rough estimate of the time that each takes
// for the sizes at hand.

#include "targets/gpu/codegen/MatrixUnitTile.h"
#include "targets/gpu/codegen/Tile.h"
#include <cmath>

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

namespace {
/// A tile, the part of one thread or subgroup, and how much of the processor's arithmetic it keeps busy.
struct Candidate {
  unsigned rows, columns, depth, partRows, partColumns;
  double efficiency;
  unsigned getParts() const { return rows / partRows * (columns / partColumns); }
};
} // namespace

static constexpr Candidate kThreadTiles[] = {
    {128, 128, 16, 8, 8, 0.80}, {128, 64, 16, 8, 4, 0.70}, {64, 128, 16, 4, 8, 0.70},
    {64, 64, 16, 4, 4, 0.55},   {32, 64, 16, 4, 4, 0.45},  {64, 32, 16, 4, 4, 0.45},
    {32, 32, 32, 4, 4, 0.40},   {16, 64, 32, 2, 4, 0.30},  {64, 16, 32, 4, 2, 0.30},
    {16, 16, 32, 2, 2, 0.15},
};

static constexpr Candidate kUnitTiles[] = {
    {128, 128, 32, 64, 64, 0.80}, {128, 128, 32, 64, 32, 0.75}, {128, 64, 32, 64, 32, 0.70},
    {64, 128, 32, 32, 64, 0.70},  {128, 64, 32, 32, 32, 0.62},  {64, 64, 32, 32, 32, 0.55},
    {64, 64, 32, 32, 16, 0.48},   {32, 64, 32, 32, 16, 0.40},   {32, 64, 32, 16, 32, 0.40},
    {64, 32, 32, 32, 16, 0.40},   {32, 32, 32, 16, 16, 0.30},   {16, 64, 32, 16, 16, 0.25},
    {64, 16, 32, 16, 16, 0.25},
};

unsigned aicc::gpu::getColumnRun(const MatrixUnit &unit) {
  unsigned run = 1;
  for (auto [row, column] : unit.accLayout.element) {
    if (row || column != run)
      break;
    run *= 2;
  }
  return run;
}

namespace {
struct Choice {
  const GpuDescriptor &gpu;
  const TileProblem &problem;
  TileShape best = {};
  double bestCost = 0;

  void consider(const Candidate &c, const MatrixUnit *unit, unsigned splits) {
    unsigned bytes = std::max(unit ? 1u : 4u, problem.element.getIntOrFloatBitWidth() / 8);
    TileShape tile;
    tile.rows = c.rows, tile.columns = c.columns;
    tile.depth = splits > 1 ? c.depth / 2 : c.depth;
    tile.partRows = c.partRows, tile.partColumns = c.partColumns;
    tile.threads = c.getParts() * (unit ? unit->lanes : 1);
    tile.unit = unit, tile.splits = splits;
    if (unit && (c.partRows % unit->m || c.partColumns % unit->n || tile.depth % unit->k))
      return;
    unsigned pad = 16 / bytes;
    uint64_t shared = unit ? uint64_t(c.rows + c.columns) * (tile.depth + pad)
                           : uint64_t(c.rows + c.columns + 2 * pad) * tile.depth;
    unsigned sums = c.partRows * c.partColumns / (unit ? unit->lanes : 1) * std::max(1u, bytes / 4);
    if (tile.stages * shared * bytes > gpu.sharedBytes || tile.threads > gpu.maxWorkgroupThreads ||
        sums * 2 > gpu.registersPerThread)
      return;
    int64_t rows = problem.rows ? problem.rows : 512, columns = problem.columns ? problem.columns : 512;
    int64_t tiles = llvm::divideCeil(rows, int64_t(c.rows)) * llvm::divideCeil(columns, int64_t(c.columns)) *
                    problem.batches;
    // Units take several small workgroups at once: a tile counts by its share of the largest.
    double share = std::max(1.0, 256.0 / tile.threads);
    double waves = std::max(1.0, double(tiles) / (gpu.computeUnits * share));
    waves = waves < 4 ? std::ceil(waves) : waves;
    double cost = waves * share * c.rows * c.columns / c.efficiency;
    if (bestCost && cost >= bestCost)
      return;
    bestCost = cost;
    best = tile;
  }
};
} // namespace

TileShape aicc::gpu::chooseTile(const GpuDescriptor &gpu, const TileProblem &problem) {
  Choice choice{gpu, problem};
  if (const MatrixUnit *unit = findMatrixUnit(gpu, problem.element))
    for (const Candidate &c : kUnitTiles)
      choice.consider(c, unit, getSplits(*unit));
  if (choice.bestCost) {
    choice.best.run = problem.vectorColumns ? getColumnRun(*choice.best.unit) : 1;
    return choice.best;
  }
  for (const Candidate &c : kThreadTiles)
    choice.consider(c, nullptr, 1);
  choice.best.run = problem.vectorColumns ? std::min(4u, choice.best.partColumns) : 1;
  return choice.best;
}
