//===- Memory.cpp - memory of OpenCL devices ----------------------------------------------===//
//
// With unified shared memory device allocations stay on the device and staging memory is pinned; otherwise
// both come from where host and device agree: shared virtual memory, and plain host memory for staging.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/opencl/driver/Device.h"

#include <cstdlib>

using namespace aicc;
using namespace aicc::opencl;

/// Memory from OpenCL, at the alignment it gives. `alignment` 0: its own.
static void *allocateOnce(aicc_driver_device *device, aicc_memory_kind kind, uint64_t size,
                          uint32_t alignment, cl_int &code) {
  void *memory = nullptr;
  code = CL_SUCCESS;
  if (!device->traits.hasUsm) {
    memory = device->api.clSVMAlloc(device->context, CL_MEM_READ_WRITE, size, alignment);
    if (!memory)
      code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
  } else if (kind == AICC_MEMORY_STAGING) {
    memory = device->usm.clHostMemAllocINTEL(device->context, nullptr, size, alignment, &code);
  } else {
    memory = device->usm.clDeviceMemAllocINTEL(device->context, device->traits.id, nullptr, size, alignment,
                                               &code);
  }
  if (!memory && code == CL_SUCCESS)
    code = CL_MEM_OBJECT_ALLOCATION_FAILURE;
  return code == CL_SUCCESS ? memory : nullptr;
}

static void freeBase(aicc_driver_device *device, const aicc_driver_device::Allocation &allocation) {
  if (allocation.isHost)
    std::free(allocation.base);
  else if (device->traits.hasUsm)
    device->usm.clMemFreeINTEL(device->context, allocation.base);
  else
    device->api.clSVMFree(device->context, allocation.base);
}

void *opencl::allocate(aicc_driver_device *device, aicc_memory_kind kind, uint64_t size, uint64_t alignment,
                       cl_int &code) {
  // The largest alignment that every implementation knows is that of its largest type.
  constexpr uint64_t kKnownAlignment = 128;
  aicc_driver_device::Allocation allocation = {nullptr, size, false};
  char *address = nullptr;
  code = CL_SUCCESS;
  if (size > device->traits.maxAllocation || alignment > size + (1ull << 30)) {
    code = CL_INVALID_BUFFER_SIZE;
    return nullptr;
  }
  if (kind == AICC_MEMORY_STAGING && !device->traits.hasUsm) {
    alignment = std::max<uint64_t>(alignment, 64);
    allocation.isHost = true;
    allocation.base = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (!allocation.base)
      code = CL_OUT_OF_HOST_MEMORY;
    address = static_cast<char *>(allocation.base);
  } else if (alignment <= kKnownAlignment) {
    allocation.base = allocateOnce(device, kind, size, static_cast<uint32_t>(alignment), code);
    address = static_cast<char *>(allocation.base);
  } else {
    allocation.base = allocateOnce(device, kind, size + alignment, 0, code);
    auto value = reinterpret_cast<uintptr_t>(allocation.base);
    address =
        static_cast<char *>(allocation.base) + ((value + alignment - 1) / alignment * alignment - value);
  }
  if (!allocation.base)
    return nullptr;
  device->used.fetch_add(size, std::memory_order_relaxed);
  std::lock_guard<std::mutex> lock(device->mutex);
  device->allocations[address] = allocation;
  return address;
}

void opencl::release(aicc_driver_device *device, void *address) {
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
  freeBase(device, allocation);
}

static aicc_status *memoryAlloc(aicc_driver_device *device, aicc_memory_kind kind, uint64_t size,
                                uint64_t alignment, void **out) {
  AICC_RETURN_IF_ERROR(checkDevice(device));
  cl_int code = CL_SUCCESS;
  void *address = allocate(device, kind, size, alignment, code);
  if (!address && code == CL_DEVICE_NOT_AVAILABLE)
    return failure(device, code, "an allocation");
  if (!address)
    return makeStatus(
        AICC_STATUS_OUT_OF_MEMORY,
        "OpenCL device %s has no memory for a buffer of %s: it has %s, %s of them used, and gives %s "
        "at most",
        device->traits.name.c_str(), gpu::formatBytes(size).c_str(),
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
    return makeStatus(AICC_STATUS_UNSUPPORTED, "OpenCL device %s cannot use the host's memory",
                      device->traits.name.c_str());
  *out = host;
  return nullptr;
}

static void memoryRelease(aicc_driver_device *, void *) {}

static aicc_status *memoryUsage(aicc_driver_device *device, uint64_t *used, uint64_t *available) {
  *used = device->used.load(std::memory_order_relaxed);
  // OpenCL does not say what others use.
  *available = device->traits.memorySize - std::min(device->traits.memorySize, *used);
  return nullptr;
}

void opencl::fillMemoryTable(aicc_driver_table &table) {
  table.memory_alloc = memoryAlloc;
  table.memory_free = memoryFree;
  table.memory_import = memoryImport;
  table.memory_release = memoryRelease;
  table.memory_usage = memoryUsage;
}
