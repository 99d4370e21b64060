//===- Instance.cpp - finding drivers and devices ----------------------------------------===//
//
// Creating an instance opens every device of every driver that is found (Drivers.cpp).
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Instance.h"

#include "runtime/core/Status.h"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

using namespace aicc::rt;

namespace {

constexpr size_t kHugePage = 2 << 20;

/// The C library's memory; large blocks ask for huge pages, which kernels that stream over them want.
void *defaultAlloc(void *, size_t size, size_t alignment) {
  bool isLarge = size >= kHugePage;
  if (alignment < 64)
    alignment = 64;
  if (isLarge && alignment < kHugePage)
    alignment = kHugePage;
  if (size > SIZE_MAX - alignment)
    return nullptr;
  void *pointer = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (pointer && isLarge)
    madvise(pointer, size, MADV_HUGEPAGE);
  return pointer;
}

void defaultFree(void *, void *pointer, size_t, size_t) { std::free(pointer); }

} // namespace

const Driver *aicc_instance::findDriver(const std::string &name) const {
  for (const Driver &driver : drivers)
    if (driver.name == name)
      return &driver;
  return nullptr;
}

void aicc_instance::log(aicc_log_level level, const std::string &message) const {
  if (host.log)
    host.log(host.log_user, level, message.c_str());
}

aicc_status *aicc_instance_create(const aicc_instance_options *options, aicc_instance **out) {
  aicc_instance_options local = {};
  readOptions(options, local);
  if (!local.allocator.alloc != !local.allocator.free)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT,
                      "instance options: the allocator has alloc or free, but not both");
  auto *instance = new aicc_instance;
  instance->host.struct_size = sizeof(instance->host);
  instance->host.thread_count = local.thread_count;
  instance->host.allocator = local.allocator;
  if (!local.allocator.alloc)
    instance->host.allocator = {defaultAlloc, defaultFree, nullptr};
  instance->host.log = local.log;
  instance->host.log_user = local.log_user;

  uint32_t count = 0;
  const aicc_register_driver_fn *builtin = builtinDrivers(count);
  aicc_status *status = nullptr;
  for (uint32_t i = 0; i < count; ++i)
    addDriver(*instance, builtin[i], "", "");
  for (uint32_t i = 0; i < local.driver_count; ++i)
    addDriver(*instance, local.drivers[i], "", "");
  for (uint32_t i = 0; i < local.driver_path_count && !status; ++i)
    status = addDriverLibrary(*instance, "", local.driver_paths[i]);
  if (!status)
    addPlugins(*instance, local.plugins);
  if (status) {
    instance->release();
    return status;
  }
  *out = instance;
  return nullptr;
}

void aicc_instance_destroy(aicc_instance *instance) {
  if (instance)
    instance->release();
}

uint32_t aicc_instance_device_count(const aicc_instance *instance) {
  return static_cast<uint32_t>(instance->devices.size());
}

const aicc_device *aicc_instance_get_device(const aicc_instance *instance, uint32_t index) {
  return index < instance->devices.size() ? instance->devices[index].get() : nullptr;
}

uint32_t aicc_instance_driver_count(const aicc_instance *instance) {
  return static_cast<uint32_t>(instance->drivers.size());
}

aicc_status *aicc_instance_get_driver(const aicc_instance *instance, uint32_t index, aicc_driver_info *info) {
  if (index >= instance->drivers.size())
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "there is no driver %u", index);
  const Driver &driver = instance->drivers[index];
  aicc_driver_info local = {};
  local.device_count = driver.deviceCount;
  local.name = driver.name.c_str();
  local.path = driver.path.c_str();
  local.problem = driver.problem.c_str();
  writeInfo(local, info);
  return nullptr;
}

aicc_status *aicc_instance_find_device(const aicc_instance *instance, const char *name,
                                       const aicc_device **out) {
  std::string known;
  for (const auto &device : instance->devices) {
    if (!name || !*name || device->id == name || (device->id == std::string(name) + ":0")) {
      *out = device.get();
      return nullptr;
    }
    (known += known.empty() ? "" : ", ") += device->id;
  }
  std::string wanted = name ? name : "";
  const Driver *driver = instance->findDriver(wanted.substr(0, wanted.find(':')));
  std::string reason = driver && !driver->problem.empty() ? " (" + driver->problem + ")" : "";
  return makeStatus(AICC_STATUS_NOT_FOUND, "there is no device %s%s; there is %s", wanted.c_str(),
                    reason.c_str(), known.empty() ? "none" : known.c_str());
}
