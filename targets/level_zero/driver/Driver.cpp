//===- Driver.cpp - the Level Zero driver's table, driver and devices ---------------------===//
//
// Opening the library and its devices, and what a failed call means.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/level_zero/driver/Device.h"

using namespace aicc;
using namespace aicc::level_zero;

/// DLPack's number for memory of this kind of device (kDLOneAPI).
static constexpr int32_t kDLPackType = 14;

aicc_status *level_zero::lost(const aicc_driver_device *device) {
  return makeStatus(AICC_STATUS_DEVICE_LOST, "Level Zero device %s stopped working",
                    device->traits.name.c_str());
}

aicc_status *level_zero::failure(aicc_driver_device *device, ze_result_t code, const char *what) {
  aicc_status_code status = AICC_STATUS_INTERNAL;
  switch (code) {
  case ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY:
  case ZE_RESULT_ERROR_OUT_OF_DEVICE_MEMORY:
  case ZE_RESULT_ERROR_UNSUPPORTED_SIZE:
    status = AICC_STATUS_OUT_OF_MEMORY;
    break;
  case ZE_RESULT_ERROR_DEVICE_LOST:
    device->isLost = true;
    status = AICC_STATUS_DEVICE_LOST;
    break;
  default:
    break;
  }
  return makeStatus(status, "Level Zero device %s: %s failed with %s (0x%x)", device->traits.name.c_str(),
                    what, errorName(code), static_cast<unsigned>(code));
}

uint64_t level_zero::timeoutUntil(int64_t deadline) {
  if (!deadline)
    return UINT64_MAX;
  int64_t now = gpu::monotonicNow();
  return deadline > now ? static_cast<uint64_t>(deadline - now) : 0;
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
    return makeStatus(AICC_STATUS_NOT_FOUND, "there is no Level Zero device %u", index);
  const Traits &traits = driver->devices[index];
  auto device = std::make_unique<aicc_driver_device>(driver, traits);
  const ze_context_desc_t description = {ZE_STRUCTURE_TYPE_CONTEXT_DESC, nullptr, 0};
  AICC_LEVEL_ZERO_CALL(device.get(),
                       driver->api->zeContextCreate(traits.driver, &description, &device->context),
                       "zeContextCreate");
  *out = device.release();
  return nullptr;
}

static void deviceClose(aicc_driver_device *device) {
  for (ze_event_pool_handle_t pool : device->pools)
    device->api.zeEventPoolDestroy(pool);
  device->api.zeContextDestroy(device->context);
  delete device;
}

static aicc_status *deviceInfo(aicc_driver *driver, uint32_t index, aicc_driver_device_info *out) {
  if (index >= driver->devices.size())
    return makeStatus(AICC_STATUS_NOT_FOUND, "there is no Level Zero device %u", index);
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
  info.capabilities = AICC_DRIVER_COMMANDS | AICC_DRIVER_EVENTS | AICC_DRIVER_TIMESTAMPS | AICC_DRIVER_ADOPT;
  if (traits.sharesHostMemory)
    info.capabilities |= AICC_DRIVER_IMPORT;
  info.speed_class = traits.speedClass;
  info.dlpack_type = kDLPackType;
  info.dlpack_id = static_cast<int32_t>(index);
  info.driver_version = traits.driverVersion.c_str();
  gpu::writeInfo(info, out);
  return nullptr;
}

static aicc_driver_table makeTable() {
  aicc_driver_table table = {};
  table.struct_size = sizeof(table);
  table.abi_version = AICC_DRIVER_ABI_VERSION;
  table.name = "level_zero";
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
