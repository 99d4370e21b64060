//===- BufferPool.cpp - a context's memory of run-time sizes -----------------------------===//
//
// See BufferPool.h.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/BufferPool.h"

#include "runtime/core/Status.h"
#include "runtime/module/Format.h"

using namespace aicc::rt;

static constexpr uint64_t kMaxSize = 1ull << 48;
/// Blocks from here on are page-aligned, smaller ones to 64 bytes.
static constexpr uint64_t kPageAligned = 64 << 10;

/// Rounds up to a size of the form (4 + m) * 2^e with m in 0..3, and numbers those.
static uint32_t sizeClassOf(uint64_t &size) {
  if (size < 256)
    size = 256;
  uint32_t log = 63 - static_cast<uint32_t>(__builtin_clzll(size));
  uint64_t step = 1ull << (log - 2);
  size = (size + step - 1) & ~(step - 1);
  log = 63 - static_cast<uint32_t>(__builtin_clzll(size));
  return log * 4 + static_cast<uint32_t>((size >> (log - 2)) & 3);
}

static uint64_t alignmentOf(uint64_t capacity) { return capacity >= kPageAligned ? kMaxAlignment : 64; }

BufferPool::~BufferPool() {
  for (PoolBlock *&list : freeLists)
    while (PoolBlock *block = list) {
      list = block->next;
      destroy(block);
    }
}

void BufferPool::destroy(PoolBlock *block) {
  device.table->memory_free(device.handle, block->address, block->capacity, alignmentOf(block->capacity));
  delete block;
}

aicc_status *BufferPool::allocate(uint64_t size, uint32_t alignment, PoolBlock *&block) {
  if (size > kMaxSize)
    return makeStatus(AICC_STATUS_OUT_OF_RANGE, "a buffer of %llu bytes is wanted",
                      static_cast<unsigned long long>(size));
  if (alignment > 64 && size < kPageAligned)
    size = kPageAligned;
  uint32_t sizeClass = sizeClassOf(size);
  block = freeLists[sizeClass];
  if (block) {
    freeLists[sizeClass] = block->next;
    idle -= block->capacity;
  } else {
    void *address = nullptr;
    AICC_RETURN_IF_ERROR(
        device.table->memory_alloc(device.handle, AICC_MEMORY_DEVICE, size, alignmentOf(size), &address));
    block = new PoolBlock{static_cast<uint8_t *>(address), size, sizeClass, nullptr};
  }
  live += block->capacity;
  peak = live > peak ? live : peak;
  return nullptr;
}

void BufferPool::free(PoolBlock *block) {
  live -= block->capacity;
  idle += block->capacity;
  block->next = freeLists[block->sizeClass];
  freeLists[block->sizeClass] = block;
}

void BufferPool::trim() {
  for (uint32_t i = kClasses; i-- > 0 && idle > 2 * peak;)
    while (freeLists[i] && idle > 2 * peak) {
      PoolBlock *block = freeLists[i];
      freeLists[i] = block->next;
      idle -= block->capacity;
      destroy(block);
    }
}
