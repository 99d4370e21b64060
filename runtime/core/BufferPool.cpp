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

static uint64_t alignmentOf(const aicc_device &device, uint64_t capacity) {
  if (!device.sharesHostMemory())
    return kDeviceAlignment;
  return capacity >= kPageAligned ? kMaxAlignment : 64;
}

BufferPool::~BufferPool() {
  for (PoolBlock *&list : freeLists)
    while (PoolBlock *block = list) {
      list = block->next;
      destroy(block);
    }
}

void BufferPool::destroy(PoolBlock *block) {
  device.free(block->base, block->capacity, alignmentOf(device, block->capacity));
  delete block;
}

aicc_status *BufferPool::allocate(uint64_t size, uint32_t alignment, PoolBlock *&block) {
  if (size > kMaxSize)
    return makeStatus(AICC_STATUS_OUT_OF_RANGE, "a buffer of %llu bytes is wanted",
                      static_cast<unsigned long long>(size));
  if (!device.sharesHostMemory())
    size += alignment > kDeviceAlignment ? alignment : 0;
  else if (alignment > 64 && size < kPageAligned)
    size = kPageAligned;
  uint32_t sizeClass = sizeClassOf(size);
  block = freeLists[sizeClass];
  if (block) {
    freeLists[sizeClass] = block->next;
    idle -= block->capacity;
  } else {
    void *address = nullptr;
    AICC_RETURN_IF_ERROR(device.allocate(AICC_MEMORY_DEVICE, size, alignmentOf(device, size), &address));
    block = new PoolBlock{nullptr, static_cast<uint8_t *>(address), size, sizeClass, nullptr};
  }
  block->address = block->base + (-reinterpret_cast<uintptr_t>(block->base) & (uintptr_t(alignment) - 1));
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

void BufferPool::releaseIdle(uint64_t most) {
  for (uint32_t i = kClasses; i-- > 0 && idle > most;)
    while (freeLists[i] && idle > most) {
      PoolBlock *block = freeLists[i];
      freeLists[i] = block->next;
      idle -= block->capacity;
      destroy(block);
    }
}
