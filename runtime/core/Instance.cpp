//===- Instance.cpp - finding drivers and devices ----------------------------------------===//
//
// Creating an instance opens every device of every driver; a driver whose devices aren't here leaves a line
// in the log.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Instance.h"

#include "runtime/core/Status.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
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

std::string join(const char *const *list, uint32_t count) {
  std::string joined;
  for (uint32_t i = 0; i < count; ++i)
    (joined += i ? "," : "") += list[i];
  return joined;
}

} // namespace

bool aicc_device::hasFormat(const char *format) const {
  for (uint32_t i = 0; i < info.format_count; ++i)
    if (std::strcmp(info.formats[i], format) == 0)
      return true;
  return false;
}

const char *aicc_device::missingFeature(const char *const *required, uint32_t count) const {
  for (uint32_t i = 0; i < count; ++i) {
    bool found = false;
    for (uint32_t k = 0; k < info.feature_count && !found; ++k)
      found = std::strcmp(info.features[k], required[i]) == 0;
    if (!found)
      return required[i];
  }
  return nullptr;
}

aicc_instance::~aicc_instance() {
  for (auto &device : devices)
    device->table->device_close(device->handle);
}

void aicc_instance::log(aicc_log_level level, const std::string &message) const {
  if (host.log)
    host.log(host.log_user, level, message.c_str());
}

/// Takes a driver in with all its devices. A driver that is not for this machine is no error.
static aicc_status *addDriver(aicc_instance &instance, aicc_register_driver_fn entry, const char *where) {
  const aicc_driver_table *table = entry(AICC_DRIVER_ABI_VERSION);
  if (!table || table->abi_version != AICC_DRIVER_ABI_VERSION ||
      table->struct_size < sizeof(aicc_driver_table))
    return makeStatus(AICC_STATUS_UNSUPPORTED, "driver %s was built for another version of the runtime",
                      where);
  aicc_driver *handle = nullptr;
  if (aicc_status *status = table->create(&instance.host, &handle)) {
    instance.log(AICC_LOG_INFO,
                 std::string("no ") + table->name + " devices: " + aicc_status_get_message(status));
    aicc_status_destroy(status);
    return nullptr;
  }
  instance.drivers.push_back({table, {handle, DriverDeleter{table}}});
  for (uint32_t i = 0, n = table->device_count(handle); i < n; ++i) {
    auto device = std::make_unique<aicc_device>();
    device->table = table;
    device->instance = &instance;
    device->id = std::string(table->name) + ":" + std::to_string(i);
    device->info.struct_size = sizeof(device->info);
    aicc_status *status = table->device_info(handle, i, &device->info);
    if (!status)
      status = table->device_open(handle, i, &device->handle);
    if (status) {
      instance.log(AICC_LOG_WARNING,
                   "device " + device->id + " is left out: " + aicc_status_get_message(status));
      aicc_status_destroy(status);
      continue;
    }
    device->features = join(device->info.features, device->info.feature_count);
    device->formats = join(device->info.formats, device->info.format_count);
    instance.devices.push_back(std::move(device));
  }
  return nullptr;
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
  for (uint32_t i = 0; i < count && !status; ++i)
    status = addDriver(*instance, builtin[i], "built in");
  for (uint32_t i = 0; i < local.driver_path_count && !status; ++i) {
    const char *path = local.driver_paths[i];
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void *entry = library ? dlsym(library, AICC_REGISTER_DRIVER_NAME) : nullptr;
    if (!entry) {
      const char *reason = dlerror();
      status = makeStatus(AICC_STATUS_NOT_FOUND, "driver %s cannot be loaded: %s", path,
                          reason ? reason : "no entry");
      if (library)
        dlclose(library);
    } else {
      // The library stays loaded: vendors' libraries do not survive being unloaded.
      status = addDriver(*instance, reinterpret_cast<aicc_register_driver_fn>(entry), path);
    }
  }
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
  return makeStatus(AICC_STATUS_NOT_FOUND, "there is no device %s; there is %s", name ? name : "",
                    known.empty() ? "none" : known.c_str());
}

aicc_status *aicc_device_get_info(const aicc_device *device, aicc_device_info *info) {
  aicc_device_info local = {};
  local.thread_count = device->info.thread_count;
  local.id = device->id.c_str();
  local.driver = device->table->name;
  local.name = device->info.name;
  local.architecture = device->info.architecture;
  local.features = device->features.c_str();
  local.formats = device->formats.c_str();
  local.memory_size = device->info.memory_size;
  writeInfo(local, info);
  return nullptr;
}
