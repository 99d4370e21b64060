// Placing temporaries of static size in one arena.

#ifndef AICC_PASSES_PROGRAM_ARENA_H
#define AICC_PASSES_PROGRAM_ARENA_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace aicc {

/// A temporary: alive from the step that writes it to the one that reads it last, inclusive.
struct ArenaItem {
  int64_t size = 0;
  unsigned first = 0, last = 0;
  int64_t offset = 0;
};

/// Sets the items' offsets (multiples of 64) so that none that are alive together overlap, and returns the
/// arena's size. Largest first, each in the tightest gap that is free for its whole life (Pisarchyk and Lee,
/// "Efficient Memory Management for Deep Neural Net Inference", 2020: greedy by size).
int64_t planArena(llvm::MutableArrayRef<ArenaItem> items);

} // namespace aicc

#endif
