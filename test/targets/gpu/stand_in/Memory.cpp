//===- Memory.cpp - allocations, copies and fills of the stand-in -----------------------------===//
//
// Calls that reach outside of what is allocated are misuses; so are copies that the real library would make
// synchronously, because one side is pageable.
//
//===--------------------------------------------------------------------------------------===//
#include "test/targets/gpu/stand_in/Calls.h"

#include <cstdlib>
#include <cstring>

using namespace stand_in;

CALL NAME(cuMemAlloc_v2, hipMalloc)(void **address, size_t size) {
  BEGIN();
  return allocate(currentDevice(), size, address);
}
CALL NAME(cuMemFree_v2, hipFree)(void *address) {
#ifndef STAND_IN_CUDA
  std::unique_lock<std::mutex> lock(state().mutex);
  if (auto found = state().host.find(address); found != state().host.end() && found->second == 8) {
    state().host.erase(found);
    std::free(address);
    return Ok;
  }
  lock.unlock();
#endif
  return deallocate(address);
}
CALL NAME(cuMemGetInfo_v2, hipMemGetInfo)(size_t *available, size_t *total) {
  BEGIN();
  std::lock_guard<std::mutex> lock(state().mutex);
  *available = kMemory - state().devices[currentDevice()].used;
  *total = kMemory;
  return Ok;
}
CALL NAME(cuMemPoolCreate, hipMemPoolCreate)(void **pool, const void *properties) {
  BEGIN();
  const auto *numbers = static_cast<const int *>(properties);
  if (numbers[0] != 1 || numbers[2] != 1 || numbers[3] < 0 || numbers[3] >= kDevices)
    return misuse(InvalidValue, "a pool's properties");
  *pool = new Pool{numbers[3]};
  addHandle(*pool, "pool");
  return Ok;
}
CALL NAME(cuMemPoolDestroy, hipMemPoolDestroy)(Pool *pool) {
  if (!removeHandle(pool, "pool"))
    return InvalidHandle;
  delete pool;
  return Ok;
}
CALL NAME(cuMemPoolSetAttribute, hipMemPoolSetAttribute)(Pool *pool, int, void *) {
  NEED(pool, "pool");
  return Ok;
}
CALL NAME(cuMemPoolSetAccess, hipMemPoolSetAccess)(Pool *pool, const void *, size_t) {
  NEED(pool, "pool");
  return Ok;
}
CALL NAME(cuMemPoolTrimTo, hipMemPoolTrimTo)(Pool *pool, size_t) {
  NEED(pool, "pool");
  return Ok;
}
CALL NAME(cuMemAllocFromPoolAsync, hipMallocFromPoolAsync)(void **address, size_t size, Pool *pool,
                                                           Stream *stream) {
  NEED(pool, "pool");
  NEED(stream, "stream");
  BEGIN();
  if (stream->capture)
    return misuse(CaptureUnsupported, "an allocation is captured");
  return allocate(pool->device, size, address);
}
CALL NAME(cuMemFreeAsync, hipFreeAsync)(void *address, Stream *stream) {
  NEED(stream, "stream");
  if (!isAllocation(address))
    return misuse(InvalidValue, "%p is not allocated", address);
  if (state().devices[stream->device].error.load() != Ok)
    return deallocate(address);
  return enqueue(stream, {'f', [address] { return deallocate(address); }});
}
CALL NAME(cuMemHostAlloc, hipHostMalloc)(void **address, size_t size, unsigned) {
  BEGIN();
  if (size > kMemory)
    return OutOfMemory;
  *address = std::aligned_alloc(4096, (size + 4095) / 4096 * 4096);
  std::lock_guard<std::mutex> lock(state().mutex);
  state().host[*address] = size;
  return Ok;
}
static int forget(void *address) {
  std::lock_guard<std::mutex> lock(state().mutex);
  return state().host.erase(address) ? Ok : NotRegistered;
}
CALL NAME(cuMemFreeHost, hipHostFree)(void *address) {
  if (forget(address))
    return misuse(InvalidValue, "%p is no pinned memory", address);
  std::free(address);
  return Ok;
}
CALL NAME(cuMemHostRegister_v2, hipHostRegister)(void *address, size_t size, unsigned) {
  BEGIN();
  std::lock_guard<std::mutex> lock(state().mutex);
  return state().host.emplace(address, size).second ? Ok : AlreadyRegistered;
}
CALL NAME(cuMemHostUnregister, hipHostUnregister)(void *address) {
  return forget(address) ? misuse(NotRegistered, "%p is not registered", address) : Ok;
}
CALL NAME(cuMemHostGetDevicePointer_v2, hipHostGetDevicePointer)(void **address, void *host, unsigned) {
  BEGIN();
  *address = host;
  return translate(host, 1) ? Ok : InvalidValue;
}
#ifndef STAND_IN_CUDA
CALL hipExtMallocWithFlags(void **address, size_t size, unsigned flags) {
  BEGIN();
  if (size != 8 || flags != 2)
    return misuse(InvalidValue, "signal memory of %zu bytes", size);
  *address = std::calloc(1, 8);
  std::lock_guard<std::mutex> lock(state().mutex);
  state().host[*address] = 8;
  return Ok;
}
#endif

// Copies and fills.

/// `toDevice` and `fromDevice` say which side must be device memory; the other is the host's.
static int copy(void *dst, void *src, size_t size, Stream *stream, bool toDevice, bool fromDevice) {
  if ((toDevice && !translate(dst, size)) || (fromDevice && !translate(src, size)))
    return misuse(InvalidValue, "a copy of %zu bytes between %p and %p leaves its memory", size, dst, src);
  if (!toDevice && !translate(dst, size))
    return misuse(InvalidValue, "a copy to pageable memory waits for the device");
  return enqueue(stream, {'c', [=] {
                            char *to = translate(dst, size);
                            char *from = fromDevice ? translate(src, size) : static_cast<char *>(src);
                            if (!to || !from)
                              return int(IllegalAddress);
                            std::memcpy(to, from, size);
                            return int(Ok);
                          }});
}
CALL NAME(cuMemcpyHtoDAsync_v2, hipMemcpyHtoDAsync)(void *dst, void *host, size_t size, Stream *stream) {
  NEED(stream, "stream");
  BEGIN();
  return copy(dst, host, size, stream, true, false);
}
CALL NAME(cuMemcpyDtoHAsync_v2, hipMemcpyDtoHAsync)(void *host, void *src, size_t size, Stream *stream) {
  NEED(stream, "stream");
  BEGIN();
  return copy(host, src, size, stream, false, true);
}
CALL NAME(cuMemcpyDtoDAsync_v2, hipMemcpyDtoDAsync)(void *dst, void *src, size_t size, Stream *stream) {
  NEED(stream, "stream");
  BEGIN();
  return copy(dst, src, size, stream, true, true);
}
#ifdef STAND_IN_CUDA
CALL cuMemcpyPeerAsync(void *dst, void *dstContext, void *src, void *srcContext, size_t size,
                       Stream *stream) {
  if (deviceOf(dstContext) < 0 || deviceOf(srcContext) < 0)
    return misuse(InvalidContext, "a copy between contexts that are none");
#else
CALL hipMemcpyPeerAsync(void *dst, int dstDevice, void *src, int srcDevice, size_t size, Stream *stream) {
  if (dstDevice < 0 || dstDevice >= kDevices || srcDevice < 0 || srcDevice >= kDevices)
    return misuse(InvalidDevice, "a copy between devices that are none");
#endif
  NEED(stream, "stream");
  BEGIN();
  return copy(dst, src, size, stream, true, true);
}
template <typename T> static int fill(void *dst, T value, size_t count, Stream *stream) {
  if (reinterpret_cast<uintptr_t>(dst) % sizeof(T) || !translate(dst, count * sizeof(T)))
    return misuse(InvalidValue, "a fill of %p leaves its memory, or is not aligned", dst);
  return enqueue(stream, {static_cast<char>('0' + sizeof(T)), [=] {
                            auto *to = translate(dst, count * sizeof(T));
                            if (!to)
                              return int(IllegalAddress);
                            for (size_t i = 0; i < count; ++i)
                              std::memcpy(to + i * sizeof(T), &value, sizeof(T));
                            return int(Ok);
                          }});
}
CALL NAME(cuMemsetD8Async, hipMemsetD8Async)(void *dst, unsigned char value, size_t count, Stream *stream) {
  NEED(stream, "stream");
  BEGIN();
  return fill(dst, value, count, stream);
}
CALL NAME(cuMemsetD16Async, hipMemsetD16Async)(void *dst, unsigned short value, size_t count,
                                               Stream *stream) {
  NEED(stream, "stream");
  BEGIN();
  return fill(dst, value, count, stream);
}
CALL NAME(cuMemsetD32Async, hipMemsetD32Async)(void *dst, unsigned value, size_t count, Stream *stream) {
  NEED(stream, "stream");
  BEGIN();
  return fill(dst, value, count, stream);
}
