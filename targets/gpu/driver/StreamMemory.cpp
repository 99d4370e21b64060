//===- StreamMemory.cpp - memory of a stream API's device ---------------------------------===//
//
// Device memory comes from a pool that is ordered by a stream of its own, so that an allocation does not stop
// the device; the staging kind is pinned host memory, which has the same address on both sides.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/StreamDriver.h"

#include <algorithm>

using namespace aicc::gpu;

/// What the libraries align allocations to at least.
static constexpr uint64_t kNaturalAlignment = 256;

int aicc::gpu::allocateOnStream(aicc_driver_device *device, void *stream, uint64_t size, void **out) {
  const StreamApi &api = device->api();
  if (!device->pool)
    return api.memoryAlloc(out, size);
  int code = api.poolAlloc(out, size, device->pool, stream);
  if (code == kStreamOutOfMemory && api.poolTrim(device->pool, 0) == kStreamOk)
    code = api.poolAlloc(out, size, device->pool, stream);
  return code;
}

void aicc::gpu::freeOnStream(aicc_driver_device *device, void *stream, void *address) {
  const StreamApi &api = device->api();
  if (device->pool)
    api.poolFree(address, stream);
  else
    api.memoryFree(address); // waits for the device
}

bool aicc::gpu::isPinned(aicc_driver_device *device, const void *host, uint64_t size) {
  std::lock_guard<std::mutex> lock(device->mutex);
  auto next = device->pinned.upper_bound(const_cast<void *>(host));
  if (next == device->pinned.begin())
    return false;
  const auto &[base, length] = *std::prev(next);
  uint64_t offset = static_cast<uint64_t>(static_cast<const char *>(host) - static_cast<const char *>(base));
  return offset <= length && size <= length - offset;
}

static aicc_status *memoryAlloc(aicc_driver_device *device, aicc_memory_kind kind, uint64_t size,
                                uint64_t alignment, void **out) {
  AICC_ENTER_DEVICE(device);
  const StreamApi &api = device->api();
  const uint64_t extra = alignment > kNaturalAlignment ? alignment : 0;
  if (size > UINT64_MAX / 2 - extra)
    return makeStatus(AICC_STATUS_OUT_OF_MEMORY, "no memory for a buffer of %llu bytes",
                      static_cast<unsigned long long>(size));
  void *base = nullptr;
  int code;
  if (kind == AICC_MEMORY_STAGING) {
    code = api.hostAlloc(&base, size + extra, kHostPortable | kHostMapped);
  } else {
    code = allocateOnStream(device, device->service, size + extra, &base);
    // Other streams may use it at once.
    if (code == kStreamOk && device->pool)
      code = api.streamSynchronize(device->service);
  }
  if (code == kStreamOutOfMemory) {
    size_t available = 0, total = 0;
    api.memoryInfo(&available, &total);
    return makeStatus(AICC_STATUS_OUT_OF_MEMORY,
                      "no memory for a buffer of %llu bytes: %s:%d has %zu of %zu bytes left",
                      static_cast<unsigned long long>(size), device->driver->vendor->name,
                      device->traits->ordinal, available, total);
  }
  AICC_STREAM_CALL(device, code, "an allocation");
  uintptr_t address = reinterpret_cast<uintptr_t>(base);
  if (extra)
    address = (address + alignment - 1) & ~(alignment - 1);
  *out = reinterpret_cast<void *>(address);
  {
    std::lock_guard<std::mutex> lock(device->mutex);
    device->allocations[*out] = {base, size, kind};
    if (kind == AICC_MEMORY_STAGING)
      device->pinned[*out] = size;
  }
  device->used.fetch_add(size, std::memory_order_relaxed);
  return nullptr;
}

static void memoryFree(aicc_driver_device *device, void *address, uint64_t, uint64_t) {
  aicc_driver_device::Allocation allocation;
  {
    std::lock_guard<std::mutex> lock(device->mutex);
    auto found = device->allocations.find(address);
    if (found == device->allocations.end())
      return;
    allocation = found->second;
    device->allocations.erase(found);
    if (allocation.kind == AICC_MEMORY_STAGING)
      device->pinned.erase(address);
  }
  device->used.fetch_sub(allocation.size, std::memory_order_relaxed);
  StreamScope scope(device);
  if (allocation.kind == AICC_MEMORY_STAGING)
    device->api().hostFree(allocation.base);
  else
    freeOnStream(device, device->service, allocation.base);
}

/// Host memory is pinned once for all devices, however often it is imported.
static aicc_status *memoryImport(aicc_driver_device *device, void *host, uint64_t size, int readOnly,
                                 void **out) {
  AICC_ENTER_DEVICE(device);
  const StreamApi &api = device->api();
  aicc_driver *driver = device->driver;
  std::lock_guard<std::mutex> lock(driver->mutex);
  auto &[users, registered, isReadOnly] = driver->imports[host];
  int code = kStreamOk;
  if (!users) {
    registered = size;
    isReadOnly = readOnly && device->traits->registersReadOnly;
    code = api.hostRegister(host, size, kHostPortable | kHostMapped | (isReadOnly ? kHostReadOnly : 0));
  } else if (size > registered || (isReadOnly && !readOnly)) {
    return makeStatus(AICC_STATUS_UNSUPPORTED, "host memory is in use by another import that is %s",
                      size > registered ? "smaller" : "only for reading");
  }
  if (code == kStreamOk) {
    code = api.hostDeviceAddress(out, host, 0);
    if (code != kStreamOk && !users)
      api.hostUnregister(host);
  }
  if (code != kStreamOk) {
    if (!users)
      driver->imports.erase(host);
    if (code == kStreamAlreadyRegistered)
      return makeStatus(AICC_STATUS_UNSUPPORTED,
                        "host memory is pinned already, by another library or as part of another import");
    return streamFailure(device, code, "pinning host memory");
  }
  ++users;
  std::lock_guard<std::mutex> deviceLock(device->mutex);
  aicc_driver_device::Import &entry = device->imports[*out];
  entry.host = host;
  ++entry.users;
  uint64_t &pinned = device->pinned[host];
  pinned = std::max(pinned, size);
  return nullptr;
}

static void memoryRelease(aicc_driver_device *device, void *address) {
  aicc_driver *driver = device->driver;
  std::lock_guard<std::mutex> lock(driver->mutex);
  void *host = nullptr;
  {
    std::lock_guard<std::mutex> deviceLock(device->mutex);
    auto found = device->imports.find(address);
    if (found == device->imports.end())
      return;
    host = found->second.host;
    if (!--found->second.users) {
      device->imports.erase(found);
      device->pinned.erase(host);
    }
  }
  auto found = driver->imports.find(host);
  if (found == driver->imports.end() || --found->second.users)
    return;
  driver->imports.erase(found);
  StreamScope scope(device);
  device->api().hostUnregister(host);
}

/// `available` is what the whole device has left.
static aicc_status *memoryUsage(aicc_driver_device *device, uint64_t *used, uint64_t *available) {
  AICC_ENTER_DEVICE(device);
  size_t left = 0, total = 0;
  AICC_STREAM_CALL(device, device->api().memoryInfo(&left, &total), "asking for its free memory");
  *used = device->used.load(std::memory_order_relaxed);
  *available = left;
  return nullptr;
}

void aicc::gpu::fillMemoryTable(aicc_driver_table &table) {
  table.memory_alloc = memoryAlloc;
  table.memory_free = memoryFree;
  table.memory_import = memoryImport;
  table.memory_release = memoryRelease;
  table.memory_usage = memoryUsage;
}
