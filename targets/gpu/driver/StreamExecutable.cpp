//===- StreamExecutable.cpp - loading kernels through a stream API ------------------------===//
//
// Picks the payload of an image that the device runs best, loads it, and refuses what the device could not
// launch, so that a wrong choice of target shows when a module is loaded and not in the middle of a run.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/DeviceImage.h"
#include "targets/gpu/driver/StreamDriver.h"

#include <algorithm>
#include <cstring>

using namespace aicc::gpu;

/// What every kernel may have of workgroup memory without asking.
static constexpr unsigned kSharedWithoutAsking = 48 << 10;

static void executableDestroy(aicc_driver_executable *executable) {
  if (executable->module) {
    StreamScope scope(executable->device);
    executable->device->api().moduleUnload(executable->module);
  }
  delete executable;
}

/// Why the device could not launch a kernel, as far as the image says; "" if it could.
static std::string tooLarge(const StreamDeviceTraits &traits, const DeviceImage::Entry &entry) {
  const uint64_t shared = uint64_t(entry.staticShared) + entry.dynamicShared;
  if (entry.threads > traits.maxThreads)
    return "has workgroups of " + std::to_string(entry.threads) + " threads; the device takes " +
           std::to_string(traits.maxThreads);
  if (shared > traits.maxShared)
    return "wants " + std::to_string(shared) + " bytes of workgroup memory; the device has " +
           std::to_string(traits.maxShared);
  if (entry.subgroupSize && !(entry.subgroupSize & traits.subgroupSizes))
    return "is made for subgroups of " + std::to_string(entry.subgroupSize) +
           " threads, which the device does not run";
  return "";
}

/// The payloads that the device runs, the best first.
static std::vector<const DeviceImage::Payload *> choosePayloads(const aicc_driver_device *device,
                                                                const DeviceImage &image) {
  const auto fit = [device](const DeviceImage::Payload &payload) {
    return device->driver->vendor->fit(*device->traits, payload.format, payload.architecture);
  };
  std::vector<const DeviceImage::Payload *> chosen;
  for (const DeviceImage::Payload &payload : image.payloads)
    if (fit(payload))
      chosen.push_back(&payload);
  std::sort(chosen.begin(), chosen.end(),
            [&](const DeviceImage::Payload *a, const DeviceImage::Payload *b) { return fit(*a) > fit(*b); });
  return chosen;
}

static std::string oneLine(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.substr(0, 1000);
}

static aicc_status *moduleFailure(aicc_driver_device *device, int code, const DeviceImage::Payload &payload,
                                  const std::string &log) {
  const StreamVendor &vendor = *device->driver->vendor;
  const StreamModuleFault fault = vendor.moduleFault(code);
  if (fault == StreamModuleFault::Other)
    return streamFailure(device, code, "loading kernels");
  std::string text = "code of format " + std::string(payload.format) + " for " +
                     (payload.architecture.empty() ? "any architecture" : std::string(payload.architecture)) +
                     " is refused by device " + vendor.name + ":" + std::to_string(device->traits->ordinal) +
                     " (" + device->traits->driverVersion + "): " + vendor.error(code).text;
  if (!log.empty())
    text += ": " + oneLine(log);
  return makeStatus(fault == StreamModuleFault::Damaged ? AICC_STATUS_DATA_LOSS : AICC_STATUS_UNSUPPORTED,
                    "%s", text.c_str());
}

/// Loads one payload and finds its kernels.
static aicc_status *loadPayload(aicc_driver_device *device, const DeviceImage &image,
                                const DeviceImage::Payload &payload, aicc_driver_executable &executable) {
  const StreamVendor &vendor = *device->driver->vendor;
  const StreamApi &api = device->api();
  // The libraries do not take the size: text ends with a zero byte, machine code says its size itself.
  std::string data(payload.data);
  std::string log;
  if (int code = vendor.moduleLoad(&executable.module, data.c_str(), payload.format, log)) {
    executable.module = nullptr;
    return moduleFailure(device, code, payload, log);
  }
  for (const DeviceImage::Entry &entry : image.entries) {
    void *function = nullptr;
    if (api.moduleFunction(&function, executable.module, entry.name.c_str()) != kStreamOk)
      return makeStatus(AICC_STATUS_DATA_LOSS, "the image's code has no kernel %s", entry.name.c_str());
    int threads = 0, shared = 0;
    AICC_STREAM_CALL(device, api.functionAttribute(&threads, kFunctionMaxThreads, function),
                     "asking about a kernel");
    AICC_STREAM_CALL(device, api.functionAttribute(&shared, kFunctionStaticShared, function),
                     "asking about a kernel");
    if (entry.threads > static_cast<unsigned>(threads))
      return makeStatus(AICC_STATUS_UNSUPPORTED,
                        "kernel %s has workgroups of %u threads; with its registers the device takes %d",
                        entry.name.c_str(), entry.threads, threads);
    const uint64_t all = static_cast<uint64_t>(shared) + entry.dynamicShared;
    if (all > device->traits->maxShared)
      return makeStatus(AICC_STATUS_UNSUPPORTED,
                        "kernel %s wants %llu bytes of workgroup memory; the device has %u",
                        entry.name.c_str(), static_cast<unsigned long long>(all), device->traits->maxShared);
    if (all > kSharedWithoutAsking && entry.dynamicShared && vendor.allowShared)
      AICC_STREAM_CALL(device, vendor.allowShared(function, entry.dynamicShared),
                       "asking for workgroup memory");
    executable.entries.push_back({entry.name, function, entry.threads, entry.dynamicShared, entry.bufferCount,
                                  entry.paramCount, entry.takesScratch});
  }
  return nullptr;
}

static aicc_status *executableLoad(aicc_driver_device *device, const char *format, const void *bytes,
                                   uint64_t size, aicc_driver_executable **out) {
  const StreamVendor &vendor = *device->driver->vendor;
  const StreamDeviceTraits &traits = *device->traits;
  if (std::strcmp(format, vendor.format) != 0)
    return makeStatus(AICC_STATUS_UNSUPPORTED, "device %s:%d does not load executables of format %s",
                      vendor.name, traits.ordinal, format);
  DeviceImage image;
  if (aicc_status *status = DeviceImage::parse(bytes, size, image))
    return status;
  for (const DeviceImage::Entry &entry : image.entries)
    if (std::string reason = tooLarge(traits, entry); !reason.empty())
      return makeStatus(AICC_STATUS_UNSUPPORTED, "kernel %s %s", entry.name.c_str(), reason.c_str());
  const std::vector<const DeviceImage::Payload *> payloads = choosePayloads(device, image);
  if (payloads.empty()) {
    std::string held;
    for (const DeviceImage::Payload &payload : image.payloads)
      (held += held.empty() ? "" : ", ") +=
          std::string(payload.architecture) + " (" + std::string(payload.format) + ")";
    return makeStatus(AICC_STATUS_UNSUPPORTED, "the executable holds code for %s; device %s:%d is %s",
                      held.c_str(), vendor.name, traits.ordinal, traits.architecture.c_str());
  }
  AICC_ENTER_DEVICE(device);
  // The next best may do where the best is refused: a library that is too old for PTX takes machine code,
  // say.
  aicc_status *status = nullptr;
  for (const DeviceImage::Payload *payload : payloads) {
    aicc_status_destroy(status);
    struct Destroyer {
      void operator()(aicc_driver_executable *executable) const { executableDestroy(executable); }
    };
    std::unique_ptr<aicc_driver_executable, Destroyer> executable(new aicc_driver_executable);
    executable->device = device;
    status = loadPayload(device, image, *payload, *executable);
    if (!status) {
      *out = executable.release();
      return nullptr;
    }
  }
  return status;
}

static uint32_t entryCount(const aicc_driver_executable *executable) {
  return static_cast<uint32_t>(executable->entries.size());
}

static const char *entryName(const aicc_driver_executable *executable, uint32_t entry) {
  return executable->entries[entry].name.c_str();
}

void aicc::gpu::fillExecutableTable(aicc_driver_table &table) {
  table.executable_load = executableLoad;
  table.executable_destroy = executableDestroy;
  table.executable_entry_count = entryCount;
  table.executable_entry_name = entryName;
}
