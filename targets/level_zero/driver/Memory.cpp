//===- Memory.cpp - memory of Level Zero devices ------------------------------------------===//
//
// Device allocations, and host allocations for staging.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/level_zero/driver/Device.h"

using namespace aicc;
using namespace aicc::level_zero;

static void *allocateOnce(aicc_driver_device *device, aicc_memory_kind kind, uint64_t size,
                          uint64_t alignment, ze_result_t &code) {
  void *memory = nullptr;
  const ze_host_mem_alloc_desc_t onHost = {ZE_STRUCTURE_TYPE_HOST_MEM_ALLOC_DESC, nullptr, 0};
  const ze_device_mem_alloc_desc_t onDevice = {ZE_STRUCTURE_TYPE_DEVICE_MEM_ALLOC_DESC, nullptr, 0, 0};
  code = kind == AICC_MEMORY_STAGING
             ? device->api.zeMemAllocHost(device->context, &onHost, size, alignment, &memory)
             : device->api.zeMemAllocDevice(device->context, &onDevice, size, alignment, device->traits.id,
                                            &memory);
  if (code == ZE_RESULT_SUCCESS && !memory)
    code = ZE_RESULT_ERROR_OUT_OF_DEVICE_MEMORY;
  return code == ZE_RESULT_SUCCESS ? memory : nullptr;
}

void *level_zero::allocate(aicc_driver_device *device, aicc_memory_kind kind, uint64_t size,
                           uint64_t alignment, ze_result_t &code) {
  if (size > device->traits.maxAllocation) {
    code = ZE_RESULT_ERROR_UNSUPPORTED_SIZE;
    return nullptr;
  }
  void *base = allocateOnce(device, kind, size, alignment, code);
  auto address = reinterpret_cast<uintptr_t>(base);
  if (!base && code == ZE_RESULT_ERROR_UNSUPPORTED_ALIGNMENT) {
    base = allocateOnce(device, kind, size + alignment, 0, code);
    address = (reinterpret_cast<uintptr_t>(base) + alignment - 1) / alignment * alignment;
  }
  if (!base)
    return nullptr;
  device->used.fetch_add(size, std::memory_order_relaxed);
  std::lock_guard<std::mutex> lock(device->mutex);
  device->allocations[reinterpret_cast<void *>(address)] = {base, size};
  return reinterpret_cast<void *>(address);
}

void level_zero::release(aicc_driver_device *device, void *address) {
  aicc_driver_device::Allocation allocation;
  {
    std::lock_guard<std::mutex> lock(device->mutex);
    auto found = device->allocations.find(address);
    if (found == device->allocations.end())
      return;
    allocation = found->second;
    device->allocations.erase(found);
  }
  device->used.fetch_sub(allocation.size, std::memory_order_relaxed);
  device->api.zeMemFree(device->context, allocation.base);
}

static aicc_status *memoryAlloc(aicc_driver_device *device, aicc_memory_kind kind, uint64_t size,
                                uint64_t alignment, void **out) {
  AICC_RETURN_IF_ERROR(checkDevice(device));
  ze_result_t code = ZE_RESULT_SUCCESS;
  void *address = allocate(device, kind, size, alignment, code);
  if (!address && code == ZE_RESULT_ERROR_DEVICE_LOST)
    return failure(device, code, "an allocation");
  if (!address)
    return makeStatus(
        AICC_STATUS_OUT_OF_MEMORY,
        "Level Zero device %s has no memory for a buffer of %s (%s): it has %s, %s of them used, and "
        "gives %s at most",
        device->traits.name.c_str(), gpu::formatBytes(size).c_str(), errorName(code),
        gpu::formatBytes(device->traits.memorySize).c_str(), gpu::formatBytes(device->used.load()).c_str(),
        gpu::formatBytes(device->traits.maxAllocation).c_str());
  *out = address;
  return nullptr;
}

static void memoryFree(aicc_driver_device *device, void *address, uint64_t, uint64_t) {
  release(device, address);
}

static aicc_status *memoryImport(aicc_driver_device *device, void *host, uint64_t, int, void **out) {
  if (!device->traits.sharesHostMemory)
    return makeStatus(AICC_STATUS_UNSUPPORTED, "Level Zero device %s cannot use the host's memory",
                      device->traits.name.c_str());
  *out = host;
  return nullptr;
}

static void memoryRelease(aicc_driver_device *, void *) {}

static aicc_status *memoryUsage(aicc_driver_device *device, uint64_t *used, uint64_t *available) {
  *used = device->used.load(std::memory_order_relaxed);
  // What others use is known to the system management API only, which needs rights that few users have.
  *available = device->traits.memorySize - std::min(device->traits.memorySize, *used);
  return nullptr;
}

static aicc_status *memoryAdopt(aicc_driver_device *device, void *address, uint64_t) {
  AICC_RETURN_IF_ERROR(checkDevice(device));
  ze_memory_allocation_properties_t properties = {};
  properties.stype = ZE_STRUCTURE_TYPE_MEMORY_ALLOCATION_PROPERTIES;
  ze_device_handle_t owner = nullptr;
  AICC_LEVEL_ZERO_CALL(device,
                       device->api.zeMemGetAllocProperties(device->context, address, &properties, &owner),
                       "zeMemGetAllocProperties");
  if (properties.type == ZE_MEMORY_TYPE_UNKNOWN)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT,
                      "Level Zero device %s: the memory was allocated in another context",
                      device->traits.name.c_str());
  if (properties.type == ZE_MEMORY_TYPE_DEVICE && owner && owner != device->traits.id)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "the memory is not on Level Zero device %s",
                      device->traits.name.c_str());
  return nullptr;
}

void level_zero::fillMemoryTable(aicc_driver_table &table) {
  table.memory_alloc = memoryAlloc;
  table.memory_free = memoryFree;
  table.memory_import = memoryImport;
  table.memory_release = memoryRelease;
  table.memory_usage = memoryUsage;
  table.memory_adopt = memoryAdopt;
}
