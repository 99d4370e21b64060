// See Arena.h.

#include "passes/program/Arena.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/MathExtras.h"

using namespace aicc;

int64_t aicc::planArena(llvm::MutableArrayRef<ArenaItem> items) {
  llvm::SmallVector<unsigned> order(items.size());
  for (auto [i, index] : llvm::enumerate(order))
    index = i;
  llvm::stable_sort(order, [&](unsigned a, unsigned b) { return items[a].size > items[b].size; });
  // Those that have their place, by offset.
  llvm::SmallVector<unsigned> placed;
  int64_t total = 0;
  for (unsigned index : order) {
    ArenaItem &item = items[index];
    // Empty tensors get a place too: an address is never null.
    int64_t size = llvm::alignTo(std::max<int64_t>(item.size, 1), 64), end = 0, bestGap = INT64_MAX,
            best = -1;
    for (unsigned other : placed) {
      const ArenaItem &neighbour = items[other];
      if (neighbour.last < item.first || item.last < neighbour.first)
        continue;
      int64_t gap = neighbour.offset - end;
      if (gap >= size && gap < bestGap) {
        bestGap = gap;
        best = end;
      }
      end =
          std::max<int64_t>(end, neighbour.offset + llvm::alignTo(std::max<int64_t>(neighbour.size, 1), 64));
    }
    item.offset = best >= 0 ? best : end;
    total = std::max(total, item.offset + size);
    auto position = llvm::upper_bound(
        placed, item.offset, [&](int64_t offset, unsigned other) { return offset < items[other].offset; });
    placed.insert(position, index);
  }
  return total;
}
