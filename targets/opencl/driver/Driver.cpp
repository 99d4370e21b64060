//===- Driver.cpp - the OpenCL driver's table, driver and devices -------------------------===//
//
// Opening the library and its devices, and what a failed call means.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/opencl/driver/Device.h"

using namespace aicc;
using namespace aicc::opencl;

aicc_status *opencl::lost(const aicc_driver_device *device) {
  return makeStatus(AICC_STATUS_DEVICE_LOST, "OpenCL device %s stopped working", device->traits.name.c_str());
}

aicc_status *opencl::failure(aicc_driver_device *device, cl_int code, const char *what) {
  aicc_status_code status = AICC_STATUS_INTERNAL;
  switch (code) {
  case CL_MEM_OBJECT_ALLOCATION_FAILURE:
  case CL_OUT_OF_RESOURCES:
  case CL_OUT_OF_HOST_MEMORY:
    status = AICC_STATUS_OUT_OF_MEMORY;
    break;
  case CL_DEVICE_NOT_AVAILABLE:
  case CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST:
    device->isLost = true;
    status = AICC_STATUS_DEVICE_LOST;
    break;
  default:
    break;
  }
  return makeStatus(status, "OpenCL device %s: %s failed with %s (%d)", device->traits.name.c_str(), what,
                    errorName(code), code);
}

static aicc_status *create(const aicc_driver_host *host, aicc_driver **out) {
  const Api *api = nullptr;
  AICC_RETURN_IF_ERROR(loadApi(api));
  std::vector<std::string> reasons;
  auto driver = std::make_unique<aicc_driver>();
  driver->host = *host;
  driver->api = api;
  driver->devices = findDevices(*api, reasons);
  if (driver->devices.empty()) {
    std::string text;
    for (const std::string &reason : reasons)
      (text += text.empty() ? "" : "; ") += reason;
    return makeStatus(AICC_STATUS_UNSUPPORTED, "%s", text.c_str());
  }
  if (host->log)
    for (const std::string &reason : reasons)
      host->log(host->log_user, AICC_LOG_INFO, reason.c_str());
  *out = driver.release();
  return nullptr;
}

static void destroy(aicc_driver *driver) { delete driver; }

static uint32_t deviceCount(aicc_driver *driver) { return static_cast<uint32_t>(driver->devices.size()); }

static aicc_status *deviceOpen(aicc_driver *driver, uint32_t index, aicc_driver_device **out) {
  if (index >= driver->devices.size())
    return makeStatus(AICC_STATUS_NOT_FOUND, "there is no OpenCL device %u", index);
  const Traits &traits = driver->devices[index];
  auto device = std::make_unique<aicc_driver_device>(driver, traits);
  if (traits.hasUsm)
    loadUsm(*driver->api, traits.platform, device->usm);
  cl_int code = CL_SUCCESS;
  const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                              reinterpret_cast<cl_context_properties>(traits.platform), 0};
  device->context = driver->api->clCreateContext(properties, 1, &traits.id, nullptr, nullptr, &code);
  AICC_OPENCL_CALL(device.get(), code, "clCreateContext");
  *out = device.release();
  return nullptr;
}

static void deviceClose(aicc_driver_device *device) {
  device->api.clReleaseContext(device->context);
  delete device;
}

static aicc_status *deviceInfo(aicc_driver *driver, uint32_t index, aicc_driver_device_info *out) {
  if (index >= driver->devices.size())
    return makeStatus(AICC_STATUS_NOT_FOUND, "there is no OpenCL device %u", index);
  static const char *const formats[] = {kFormat};
  const Traits &traits = driver->devices[index];
  aicc_driver_device_info info = {};
  info.name = traits.name.c_str();
  info.architecture = traits.architecture.c_str();
  info.formats = formats;
  info.format_count = 1;
  info.features = traits.featureNames.data();
  info.feature_count = static_cast<uint32_t>(traits.featureNames.size());
  info.memory_size = traits.memorySize;
  info.capabilities = AICC_DRIVER_COMMANDS | AICC_DRIVER_EVENTS | AICC_DRIVER_TIMESTAMPS;
  if (traits.sharesHostMemory)
    info.capabilities |= AICC_DRIVER_IMPORT;
  info.speed_class = traits.speedClass;
  info.driver_version = traits.driverVersion.c_str();
  gpu::writeInfo(info, out);
  return nullptr;
}

static aicc_driver_table makeTable() {
  aicc_driver_table table = {};
  table.struct_size = sizeof(table);
  table.abi_version = AICC_DRIVER_ABI_VERSION;
  table.name = "opencl";
  table.create = create;
  table.destroy = destroy;
  table.device_count = deviceCount;
  table.device_open = deviceOpen;
  table.device_close = deviceClose;
  table.device_info = deviceInfo;
  fillMemoryTable(table);
  fillExecutableTable(table);
  fillQueueTable(table);
  fillCommandTable(table);
  fillEventTable(table);
  return table;
}

extern "C" AICC_API const aicc_driver_table *aicc_register_driver_v1(uint32_t abiVersion) {
  static const aicc_driver_table table = makeTable();
  return abiVersion == AICC_DRIVER_ABI_VERSION ? &table : nullptr;
}
