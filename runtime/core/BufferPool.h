//===- BufferPool.h - a context's memory of run-time sizes -------------------------------===//
//
// Keeps what Alloc commands freed for the next run, so that a model of dynamic sizes stops allocating once it
// is warm. Sizes are rounded to classes, four to a power of two.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_CORE_BUFFERPOOL_H
#define AICC_RUNTIME_CORE_BUFFERPOOL_H

#include "runtime/core/Instance.h"

namespace aicc::rt {

struct PoolBlock {
  uint8_t *address; ///< of what was asked for: aligned
  uint8_t *base;    ///< of the memory
  uint64_t capacity;
  uint32_t sizeClass;
  PoolBlock *next;
};

class BufferPool {
public:
  explicit BufferPool(const aicc_device &device) : device(device) {}
  ~BufferPool();
  BufferPool(const BufferPool &) = delete;
  BufferPool &operator=(const BufferPool &) = delete;

  /// A block of at least `size` bytes, aligned to `alignment` (a power of two up to 4096).
  aicc_status *allocate(uint64_t size, uint32_t alignment, PoolBlock *&block);
  /// Its contents stay readable until the next allocate or trim.
  void free(PoolBlock *block);
  /// Gives memory back while more of it is idle than the busiest moment needed.
  void trim() { releaseIdle(2 * peak); }
  /// Gives memory back while more than `most` bytes are idle. Nothing queued may use it any more.
  void releaseIdle(uint64_t most);
  bool hasIdle() const { return idle; }

private:
  void destroy(PoolBlock *block);

  static constexpr uint32_t kClasses = 256;
  const aicc_device &device;
  PoolBlock *freeLists[kClasses] = {};
  uint64_t live = 0, idle = 0, peak = 0;
};

} // namespace aicc::rt

#endif // AICC_RUNTIME_CORE_BUFFERPOOL_H
