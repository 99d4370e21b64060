//===- StreamDriver.cpp - devices of a stream API -----------------------------------------===//
//
// Finding and opening devices, errors, and the table's frame.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/StreamDriver.h"

#include <ctime>

using namespace aicc::gpu;

static std::string deviceName(const aicc_driver_device *device) {
  return std::string(device->driver->vendor->name) + ":" + std::to_string(device->traits->ordinal);
}

aicc_status *aicc::gpu::checkDevice(aicc_driver_device *device) {
  if (__builtin_expect(!device->isLost.load(std::memory_order_acquire), 1))
    return nullptr;
  std::lock_guard<std::mutex> lock(device->mutex);
  return makeStatus(AICC_STATUS_DEVICE_LOST, "device %s is lost: %s", deviceName(device).c_str(),
                    device->lossReason.c_str());
}

aicc_status *aicc::gpu::streamFailure(aicc_driver_device *device, int code, const char *what) {
  StreamError error = device->driver->vendor->error(code);
  if (error.isLost) {
    {
      std::lock_guard<std::mutex> lock(device->mutex);
      if (!device->isLost.load(std::memory_order_relaxed))
        device->lossReason = error.text + " (seen by " + what + ")";
      device->isLost.store(true, std::memory_order_release);
    }
    return checkDevice(device);
  }
  return makeStatus(code == kStreamOutOfMemory ? AICC_STATUS_OUT_OF_MEMORY : AICC_STATUS_INTERNAL,
                    "device %s: %s failed: %s", deviceName(device).c_str(), what, error.text.c_str());
}

aicc_status *aicc::gpu::pollUntil(aicc_driver_device *device, int64_t deadline, const char *what,
                                  int (*poll)(void *), void *user) {
  // Short work is waited for without sleeping; then each sleep is a twentieth of the time waited so far, up
  // to 1 ms.
  constexpr int64_t spinNs = 50000;
  const int64_t start = monotonicNow();
  while (true) {
    int code = poll(user);
    if (code == kStreamOk)
      return nullptr;
    if (code != kStreamNotReady)
      return streamFailure(device, code, what);
    const int64_t now = monotonicNow();
    if (deadline && now >= deadline)
      return makeStatus(AICC_STATUS_DEADLINE_EXCEEDED, "device %s has not finished in time; its work goes on",
                        deviceName(device).c_str());
    if (now - start < spinNs)
      continue;
    int64_t sleep = (now - start) / 20;
    sleep = sleep < 1000000 ? sleep : 1000000;
    if (deadline && sleep > deadline - now)
      sleep = deadline - now;
    timespec duration = {0, static_cast<long>(sleep)};
    nanosleep(&duration, nullptr);
  }
}

aicc_status *aicc::gpu::createStreamDriver(const StreamVendor &vendor, const aicc_driver_host *host,
                                           aicc_driver **out) {
  auto driver = std::make_unique<aicc_driver>();
  driver->host = *host;
  driver->vendor = &vendor;
  if (aicc_status *status = vendor.load(driver->devices))
    return status;
  for (const StreamDeviceTraits &device : driver->devices) {
    std::vector<const char *> features;
    for (const std::string &feature : device.features)
      features.push_back(feature.c_str());
    driver->features.push_back(std::move(features));
  }
  *out = driver.release();
  return nullptr;
}

static void destroy(aicc_driver *driver) { delete driver; }

static uint32_t deviceCount(aicc_driver *driver) { return static_cast<uint32_t>(driver->devices.size()); }

/// A pool of this runtime's own, so that other users of the device keep their settings. Its memory is usable
/// by every device that can reach this one.
static void createPool(aicc_driver_device *device) {
  const StreamApi &api = device->api();
  if (!device->traits->hasPools || !api.poolCreate)
    return;
  StreamPoolProperties properties = {};
  properties.allocationType = 1;
  properties.location = {1, device->traits->ordinal};
  if (api.poolCreate(&device->pool, &properties) != kStreamOk) {
    device->pool = nullptr;
    return;
  }
  // Allocations never wait for another queue's work, and an eighth of the device is kept for the next ones.
  int off = 0;
  api.poolSetAttribute(device->pool, kPoolInternalDependencies, &off);
  uint64_t kept = device->traits->memorySize / 8;
  api.poolSetAttribute(device->pool, kPoolReleaseThreshold, &kept);
  for (const StreamDeviceTraits &other : device->driver->devices) {
    if (other.ordinal == device->traits->ordinal)
      continue;
    StreamPoolAccess access = {{1, other.ordinal}, 3};
    api.poolSetAccess(device->pool, &access,
                      1); // A device that cannot reach this one is copied to all the same.
  }
}

static void deviceClose(aicc_driver_device *device) {
  {
    StreamScope scope(device);
    const StreamApi &api = device->api();
    destroyRetiredGraphs(device);
    for (void *block : device->signalBlocks)
      api.hostFree(block);
    if (device->service) {
      api.streamSynchronize(device->service);
      api.streamDestroy(device->service);
    }
    if (device->pool)
      api.poolDestroy(device->pool);
  }
  device->driver->vendor->close(device->traits->ordinal);
  delete device;
}

static aicc_status *deviceOpen(aicc_driver *driver, uint32_t index, aicc_driver_device **out) {
  if (index >= driver->devices.size())
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "there is no device %s:%u", driver->vendor->name, index);
  auto device = std::make_unique<aicc_driver_device>();
  device->driver = driver;
  device->traits = &driver->devices[index];
  AICC_STREAM_CALL(device.get(), driver->vendor->open(device->traits->ordinal, &device->context),
                   "opening it");
  int code;
  {
    StreamScope scope(device.get());
    code = scope.code;
    if (code == kStreamOk)
      code = device->api().streamCreate(&device->service, kStreamNonBlocking);
    if (code == kStreamOk)
      createPool(device.get());
  }
  if (code != kStreamOk) {
    aicc_status *status = streamFailure(device.get(), code, "making its first stream");
    driver->vendor->close(device->traits->ordinal);
    return status;
  }
  *out = device.release();
  return nullptr;
}

static aicc_status *deviceInfo(aicc_driver *driver, uint32_t index, aicc_driver_device_info *out) {
  if (index >= driver->devices.size())
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "there is no device %s:%u", driver->vendor->name, index);
  const StreamDeviceTraits &traits = driver->devices[index];
  aicc_driver_device_info info = {};
  info.name = traits.name.c_str();
  info.architecture = traits.architecture.c_str();
  info.formats = &driver->vendor->format;
  info.format_count = 1;
  info.features = driver->features[index].data();
  info.feature_count = static_cast<uint32_t>(driver->features[index].size());
  info.memory_size = traits.memorySize;
  info.capabilities = AICC_DRIVER_IMPORT | AICC_DRIVER_COMMANDS | AICC_DRIVER_TIMESTAMPS | AICC_DRIVER_PEER |
                      (traits.hasValues ? AICC_DRIVER_EVENTS : 0);
  info.speed_class = traits.isIntegrated ? AICC_SPEED_INTEGRATED : AICC_SPEED_DISCRETE;
  info.dlpack_type = driver->vendor->dlpackType;
  info.dlpack_id = traits.ordinal;
  info.dlpack_host_type = driver->vendor->dlpackHostType;
  info.driver_version = traits.driverVersion.empty() ? nullptr : traits.driverVersion.c_str();
  info.matrix_units = traits.matrixUnits.empty() ? nullptr : traits.matrixUnits.c_str();
  writeInfo(info, out);
  return nullptr;
}

aicc_driver_table aicc::gpu::makeStreamTable(const StreamVendor &vendor) {
  aicc_driver_table table = {};
  table.struct_size = sizeof(table);
  table.abi_version = AICC_DRIVER_ABI_VERSION;
  table.name = vendor.name;
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
