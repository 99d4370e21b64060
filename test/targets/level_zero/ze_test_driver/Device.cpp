//===- Device.cpp - the test driver's device, memory and failures -------------------------===//
//
// The device is the first of OpenCL's that has unified shared memory.
//
//===--------------------------------------------------------------------------------------===//
#include "test/targets/level_zero/ze_test_driver/TestDriver.h"

#include <cstdlib>
#include <cstring>

using namespace zetest;

static Device *findDevice() {
  static Device device;
  aicc_status *status = aicc::opencl::loadApi(device.api);
  aicc_status_destroy(status);
  if (!device.api)
    return nullptr;
  const Api &api = *device.api;
  cl_platform_id platforms[8];
  cl_uint platformCount = 0;
  if (api.clGetPlatformIDs(8, platforms, &platformCount) != CL_SUCCESS)
    return nullptr;
  for (cl_uint i = 0; i < std::min(platformCount, 8u); ++i) {
    device.platform = platforms[i];
    if (api.clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_CPU, 1, &device.id, nullptr) != CL_SUCCESS ||
        !aicc::opencl::loadUsm(api, platforms[i], device.usm))
      continue;
    cl_int code = CL_SUCCESS;
    device.context = api.clCreateContext(nullptr, 1, &device.id, nullptr, nullptr, &code);
    if (code == CL_SUCCESS)
      return &device;
  }
  return nullptr;
}

Device *zetest::device() {
  static Device *found = findDevice();
  return found;
}

namespace {

/// What is to fail.
struct Failures {
  struct One {
    std::string function;
    ze_result_t code;
    unsigned calls;
  };
  std::mutex mutex;
  std::vector<One> all;
  bool isLost = false;

  Failures() { parse(std::getenv("AICC_ZE_TEST_FAIL")); }

  void parse(const char *text) {
    std::lock_guard<std::mutex> lock(mutex);
    all.clear();
    isLost = false;
    std::string rest = text ? text : "";
    while (!rest.empty()) {
      std::string item = rest.substr(0, rest.find(','));
      rest.erase(0, item.size() + 1);
      size_t equals = item.find('='), at = item.find('@');
      if (equals == std::string::npos)
        continue;
      One one = {item.substr(0, equals),
                 static_cast<ze_result_t>(std::strtoul(item.c_str() + equals + 1, nullptr, 16)), 0};
      if (at != std::string::npos)
        one.calls = static_cast<unsigned>(std::strtoul(item.c_str() + at + 1, nullptr, 10));
      all.push_back(one);
    }
  }
};

Failures &failures() {
  static Failures instance;
  return instance;
}

} // namespace

extern "C" __attribute__((visibility("default"))) void ze_test_driver_fail(const char *text) {
  failures().parse(text);
}

extern "C" __attribute__((visibility("default"))) int64_t ze_test_driver_live() {
  return device() ? device()->live.load() : 0;
}

/// What the conformance program asks at its end: objects that were not given back.
extern "C" __attribute__((visibility("default"))) int stand_in_check() {
  return static_cast<int>(ze_test_driver_live());
}

/// The code for this call, and whether the device is lost by it.
static ze_result_t countCall(const char *function, bool &isLosing) {
  Failures &instance = failures();
  std::lock_guard<std::mutex> lock(instance.mutex);
  // What is destroyed or freed goes even from a lost device.
  if (instance.isLost && !std::strstr(function, "Destroy") && !std::strstr(function, "Free"))
    return ZE_RESULT_ERROR_DEVICE_LOST;
  for (Failures::One &one : instance.all) {
    if (one.function != function)
      continue;
    if (one.calls) {
      --one.calls;
      continue;
    }
    isLosing = one.code == ZE_RESULT_ERROR_DEVICE_LOST && !instance.isLost;
    instance.isLost |= isLosing;
    return one.code;
  }
  return ZE_RESULT_SUCCESS;
}

ze_result_t zetest::failing(const char *function) {
  bool isLosing = false;
  ze_result_t code = countCall(function, isLosing);
  // A lost device does nothing any more with memory that its users free.
  if (isLosing)
    finishAll();
  return code;
}

bool zetest::isLost() {
  std::lock_guard<std::mutex> lock(failures().mutex);
  return failures().isLost;
}

ze_result_t zetest::translate(cl_int code) {
  switch (code) {
  case CL_SUCCESS:
    return ZE_RESULT_SUCCESS;
  case CL_OUT_OF_HOST_MEMORY:
    return ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY;
  case CL_OUT_OF_RESOURCES:
  case CL_MEM_OBJECT_ALLOCATION_FAILURE:
    return ZE_RESULT_ERROR_OUT_OF_DEVICE_MEMORY;
  case CL_INVALID_BUFFER_SIZE:
    return ZE_RESULT_ERROR_UNSUPPORTED_SIZE;
  case CL_INVALID_KERNEL_NAME:
    return ZE_RESULT_ERROR_INVALID_KERNEL_NAME;
  case CL_INVALID_WORK_GROUP_SIZE:
    return ZE_RESULT_ERROR_INVALID_GROUP_SIZE_DIMENSION;
  default:
    return ZE_RESULT_ERROR_UNKNOWN;
  }
}

template <typename T> static T ask(cl_device_info what) {
  T value = {};
  device()->api->clGetDeviceInfo(device()->id, what, sizeof(value), &value, nullptr);
  return value;
}

static ze_result_t ZE_APICALL init(ze_init_flags_t) {
  ZE_TEST_ENTER("zeInit");
  return device() ? ZE_RESULT_SUCCESS : ZE_RESULT_ERROR_UNINITIALIZED;
}

/// The only driver and the only device are named by this.
static ze_result_t giveOne(uint32_t *count, void **out) {
  if (out && *count)
    *out = device();
  *count = *count && out ? std::min(*count, 1u) : 1;
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL driverGet(uint32_t *count, ze_driver_handle_t *out) {
  return giveOne(count, reinterpret_cast<void **>(out));
}

static ze_result_t ZE_APICALL driverGetApiVersion(ze_driver_handle_t, ze_api_version_t *version) {
  *version = ZE_API_VERSION_1_3;
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL driverGetProperties(ze_driver_handle_t, ze_driver_properties_t *out) {
  out->driverVersion = 1;
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL deviceGet(ze_driver_handle_t, uint32_t *count, ze_device_handle_t *out) {
  return giveOne(count, reinterpret_cast<void **>(out));
}

static ze_result_t ZE_APICALL deviceGetProperties(ze_device_handle_t, ze_device_properties_t *out) {
  out->type = ZE_DEVICE_TYPE_CPU;
  out->vendorId = 0x8086;
  out->flags = ZE_DEVICE_PROPERTY_FLAG_INTEGRATED;
  out->maxMemAllocSize = ask<cl_ulong>(CL_DEVICE_MAX_MEM_ALLOC_SIZE);
  // Nanoseconds, in both of the units that are asked for.
  out->timerResolution = out->stype == ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES_1_2 ? 1000000000 : 1;
  out->timestampValidBits = 64;
  out->kernelTimestampValidBits = 64;
  std::strcpy(out->name, "aicc's test driver");
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL deviceGetComputeProperties(ze_device_handle_t,
                                                         ze_device_compute_properties_t *out) {
  size_t sizes[3] = {};
  device()->api->clGetDeviceInfo(device()->id, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof(sizes), sizes, nullptr);
  out->maxTotalGroupSize = static_cast<uint32_t>(ask<size_t>(CL_DEVICE_MAX_WORK_GROUP_SIZE));
  out->maxGroupSizeX = static_cast<uint32_t>(sizes[0]);
  out->maxGroupSizeY = static_cast<uint32_t>(sizes[1]);
  out->maxGroupSizeZ = static_cast<uint32_t>(sizes[2]);
  out->maxGroupCountX = out->maxGroupCountY = out->maxGroupCountZ = 0xffffffff;
  out->maxSharedLocalMemory = static_cast<uint32_t>(ask<cl_ulong>(CL_DEVICE_LOCAL_MEM_SIZE));
  size_t subgroups[ZE_SUBGROUPSIZE_COUNT] = {}, size = 0;
  device()->api->clGetDeviceInfo(device()->id, CL_DEVICE_SUB_GROUP_SIZES_INTEL, sizeof(subgroups), subgroups,
                                 &size);
  out->numSubGroupSizes = static_cast<uint32_t>(size / sizeof(size_t));
  for (uint32_t i = 0; i < out->numSubGroupSizes; ++i)
    out->subGroupSizes[i] = static_cast<uint32_t>(subgroups[i]);
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL deviceGetModuleProperties(ze_device_handle_t,
                                                        ze_device_module_properties_t *out) {
  out->spirvVersionSupported = ZE_MAKE_VERSION(1, 4);
  out->flags = ZE_DEVICE_MODULE_FLAG_FP16 | ZE_DEVICE_MODULE_FLAG_FP64 | ZE_DEVICE_MODULE_FLAG_INT64_ATOMICS;
  out->maxArgumentsSize = static_cast<uint32_t>(ask<size_t>(CL_DEVICE_MAX_PARAMETER_SIZE));
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL deviceGetMemoryProperties(ze_device_handle_t, uint32_t *count,
                                                        ze_device_memory_properties_t *out) {
  if (out && *count)
    out->totalSize = ask<cl_ulong>(CL_DEVICE_GLOBAL_MEM_SIZE);
  *count = 1;
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL deviceGetMemoryAccessProperties(ze_device_handle_t,
                                                              ze_device_memory_access_properties_t *out) {
  out->hostAllocCapabilities = out->deviceAllocCapabilities = out->sharedSystemAllocCapabilities =
      ZE_MEMORY_ACCESS_CAP_FLAG_RW;
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL deviceGetQueueGroups(ze_device_handle_t, uint32_t *count,
                                                   ze_command_queue_group_properties_t *out) {
  if (out && *count) {
    out->flags = ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COMPUTE | ZE_COMMAND_QUEUE_GROUP_PROPERTY_FLAG_COPY;
    out->maxMemoryFillPatternSize = 16;
    out->numQueues = 4;
  }
  *count = 1;
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL contextCreate(ze_driver_handle_t, const ze_context_desc_t *,
                                            ze_context_handle_t *out) {
  ZE_TEST_ENTER("zeContextCreate");
  return give(new Context, out);
}

static ze_result_t ZE_APICALL contextDestroy(ze_context_handle_t context) {
  return destroy(from<Context>(context));
}

static ze_result_t allocate(bool onHost, size_t size, size_t alignment, void **out) {
  // As far as OpenCL's largest type goes; larger ones are left to the caller.
  if (alignment > 128)
    return ZE_RESULT_ERROR_UNSUPPORTED_ALIGNMENT;
  Device &device = *zetest::device();
  cl_int code = CL_SUCCESS;
  void *memory = onHost ? device.usm.clHostMemAllocINTEL(device.context, nullptr, size,
                                                         static_cast<cl_uint>(alignment), &code)
                        : device.usm.clDeviceMemAllocINTEL(device.context, device.id, nullptr, size,
                                                           static_cast<cl_uint>(alignment), &code);
  if (code != CL_SUCCESS || !memory)
    return code == CL_SUCCESS ? ZE_RESULT_ERROR_OUT_OF_DEVICE_MEMORY : translate(code);
  std::lock_guard<std::mutex> lock(device.mutex);
  device.allocations[static_cast<char *>(memory)] = {size, onHost};
  ++device.live;
  *out = memory;
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL memAllocDevice(ze_context_handle_t, const ze_device_mem_alloc_desc_t *,
                                             size_t size, size_t alignment, ze_device_handle_t, void **out) {
  ZE_TEST_ENTER("zeMemAllocDevice");
  return allocate(false, size, alignment, out);
}

static ze_result_t ZE_APICALL memAllocHost(ze_context_handle_t, const ze_host_mem_alloc_desc_t *, size_t size,
                                           size_t alignment, void **out) {
  ZE_TEST_ENTER("zeMemAllocHost");
  return allocate(true, size, alignment, out);
}

static ze_result_t ZE_APICALL memFree(ze_context_handle_t, void *address) {
  Device &device = *zetest::device();
  {
    std::lock_guard<std::mutex> lock(device.mutex);
    if (!device.allocations.erase(static_cast<char *>(address)))
      return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  }
  --device.live;
  return translate(device.usm.clMemFreeINTEL(device.context, address));
}

static ze_result_t ZE_APICALL memGetAllocProperties(ze_context_handle_t, const void *address,
                                                    ze_memory_allocation_properties_t *out,
                                                    ze_device_handle_t *owner) {
  Device &device = *zetest::device();
  std::lock_guard<std::mutex> lock(device.mutex);
  auto behind = device.allocations.upper_bound(static_cast<const char *>(address));
  out->type = ZE_MEMORY_TYPE_UNKNOWN;
  if (behind == device.allocations.begin())
    return ZE_RESULT_SUCCESS;
  const auto &[base, allocation] = *std::prev(behind);
  if (static_cast<const char *>(address) >= base + allocation.size)
    return ZE_RESULT_SUCCESS;
  out->type = allocation.isHost ? ZE_MEMORY_TYPE_HOST : ZE_MEMORY_TYPE_DEVICE;
  if (owner)
    *owner = reinterpret_cast<ze_device_handle_t>(&device);
  return ZE_RESULT_SUCCESS;
}

void zetest::fillDeviceTables(ze_global_dditable_t *global, ze_driver_dditable_t *driver,
                              ze_device_dditable_t *device, ze_context_dditable_t *context,
                              ze_mem_dditable_t *mem) {
  if (global)
    global->pfnInit = init;
  if (driver) {
    driver->pfnGet = driverGet;
    driver->pfnGetApiVersion = driverGetApiVersion;
    driver->pfnGetProperties = driverGetProperties;
  }
  if (device) {
    device->pfnGet = deviceGet;
    device->pfnGetProperties = deviceGetProperties;
    device->pfnGetComputeProperties = deviceGetComputeProperties;
    device->pfnGetModuleProperties = deviceGetModuleProperties;
    device->pfnGetMemoryProperties = deviceGetMemoryProperties;
    device->pfnGetMemoryAccessProperties = deviceGetMemoryAccessProperties;
    device->pfnGetCommandQueueGroupProperties = deviceGetQueueGroups;
  }
  if (context) {
    context->pfnCreate = contextCreate;
    context->pfnDestroy = contextDestroy;
  }
  if (mem) {
    mem->pfnAllocDevice = memAllocDevice;
    mem->pfnAllocHost = memAllocHost;
    mem->pfnFree = memFree;
    mem->pfnGetAllocProperties = memGetAllocProperties;
  }
}
