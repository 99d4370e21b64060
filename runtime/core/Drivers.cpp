//===- Drivers.cpp - finding and opening drivers -----------------------------------------===//
//
// Drivers are part of the program, or libraries that are looked for where this one lies. A driver that cannot
// be used is no error here: its reason is kept for who asks for its devices.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Instance.h"
#include "runtime/core/Status.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <dlfcn.h>

using namespace aicc::rt;

static std::string join(const char *const *list, uint32_t count) {
  std::string joined;
  for (uint32_t i = 0; i < count; ++i)
    (joined += i ? "," : "") += list[i];
  return joined;
}

/// The first function that the driver should have and hasn't; null: it has all.
static const char *findMissing(const aicc_driver_table &table) {
#define AICC_NEEDS(function)                                                                                 \
  if (!table.function)                                                                                       \
  return #function
  AICC_NEEDS(create);
  AICC_NEEDS(destroy);
  AICC_NEEDS(device_count);
  AICC_NEEDS(device_open);
  AICC_NEEDS(device_close);
  AICC_NEEDS(device_info);
#undef AICC_NEEDS
  return nullptr;
}

/// The same for one device, by its capabilities.
static const char *findMissing(const aicc_driver_table &table, uint64_t capabilities) {
#define AICC_NEEDS(capability, function)                                                                     \
  if ((capabilities & (capability)) == (capability) && !table.function)                                      \
  return #function
  AICC_NEEDS(0ull, memory_alloc);
  AICC_NEEDS(0ull, memory_free);
  AICC_NEEDS(0ull, memory_usage);
  AICC_NEEDS(0ull, executable_load);
  AICC_NEEDS(0ull, executable_destroy);
  AICC_NEEDS(0ull, executable_entry_count);
  AICC_NEEDS(0ull, executable_entry_name);
  AICC_NEEDS(0ull, queue_create);
  AICC_NEEDS(0ull, queue_destroy);
  AICC_NEEDS(0ull, queue_dispatch);
  AICC_NEEDS(0ull, queue_copy);
  AICC_NEEDS(0ull, queue_fill);
  AICC_NEEDS(0ull, queue_write);
  AICC_NEEDS(0ull, queue_read);
  AICC_NEEDS(0ull, queue_flush);
  AICC_NEEDS(0ull, queue_wait);
  AICC_NEEDS(AICC_DRIVER_COMMANDS, commands_begin);
  AICC_NEEDS(AICC_DRIVER_COMMANDS, commands_end);
  AICC_NEEDS(AICC_DRIVER_COMMANDS, commands_submit);
  AICC_NEEDS(AICC_DRIVER_COMMANDS, commands_destroy);
  AICC_NEEDS(AICC_DRIVER_EVENTS, event_create);
  AICC_NEEDS(AICC_DRIVER_EVENTS, event_destroy);
  AICC_NEEDS(AICC_DRIVER_EVENTS, event_wait);
  AICC_NEEDS(AICC_DRIVER_EVENTS, queue_signal);
  AICC_NEEDS(AICC_DRIVER_TIMESTAMPS, queue_timestamp);
  AICC_NEEDS(AICC_DRIVER_TIMESTAMPS, timestamp_read);
  AICC_NEEDS(AICC_DRIVER_PEER, queue_copy_peer);
  AICC_NEEDS(AICC_DRIVER_ADOPT, memory_adopt);
#undef AICC_NEEDS
  return nullptr;
}

/// Opens device `index`. On failure nothing is left behind.
static aicc_status *openDevice(aicc_instance &instance, const Driver &driver, uint32_t index) {
  auto device = std::make_unique<aicc_device>();
  device->table = driver.table.get();
  device->instance = &instance;
  device->id = driver.name + ":" + std::to_string(index);
  device->info.struct_size = sizeof(device->info);
  AICC_RETURN_IF_ERROR(driver.table->device_info(driver.handle.get(), index, &device->info));
  if (const char *missing = findMissing(*driver.table, device->info.capabilities))
    return makeStatus(AICC_STATUS_INTERNAL, "the driver's table lacks %s", missing);
  AICC_RETURN_IF_ERROR(driver.table->device_open(driver.handle.get(), index, &device->handle));
  device->features = join(device->info.features, device->info.feature_count);
  device->formats = join(device->info.formats, device->info.format_count);
  instance.devices.push_back(std::move(device));
  return nullptr;
}

/// Notes what is wrong, in one line.
static void noteProblem(aicc_instance &instance, Driver &driver, aicc_log_level level,
                        const std::string &problem) {
  instance.log(level, driver.name + ": " + problem);
  (driver.problem += driver.problem.empty() ? "" : "; ") += problem;
}

static void noteProblem(aicc_instance &instance, Driver &driver, aicc_log_level level,
                        const std::string &prefix, aicc_status *status) {
  noteProblem(instance, driver, level, prefix + aicc_status_get_message(status));
  aicc_status_destroy(status);
}

static void openDriver(aicc_instance &instance, Driver &driver, aicc_register_driver_fn entry) {
  const aicc_driver_table *table = entry(AICC_DRIVER_ABI_VERSION);
  if (!table || table->abi_version != AICC_DRIVER_ABI_VERSION ||
      table->struct_size < AICC_DRIVER_TABLE_MIN_SIZE)
    return noteProblem(instance, driver, AICC_LOG_WARNING,
                       "the driver was built for another version of the runtime");
  driver.table = std::make_unique<aicc_driver_table>();
  std::memcpy(driver.table.get(), table, std::min<size_t>(table->struct_size, sizeof(aicc_driver_table)));
  driver.name = table->name;
  if (const char *missing = findMissing(*driver.table))
    return noteProblem(instance, driver, AICC_LOG_WARNING,
                       std::string("the driver's table lacks ") + missing);
  aicc_driver *handle = nullptr;
  if (aicc_status *status = driver.table->create(&instance.host, &handle))
    return noteProblem(instance, driver, AICC_LOG_INFO, "", status);
  driver.handle = {handle, DriverDeleter{driver.table.get()}};
  uint32_t count = driver.table->device_count(handle);
  for (uint32_t i = 0; i < count; ++i) {
    if (aicc_status *status = openDevice(instance, driver, i))
      noteProblem(instance, driver, AICC_LOG_WARNING, "device " + std::to_string(i) + ": ", status);
    else
      ++driver.deviceCount;
  }
  if (!count)
    noteProblem(instance, driver, AICC_LOG_INFO, "no devices");
}

void aicc::rt::addDriver(aicc_instance &instance, aicc_register_driver_fn entry, const std::string &name,
                         const std::string &path) {
  Driver driver;
  driver.name = name;
  driver.path = path;
  openDriver(instance, driver, entry);
  instance.drivers.push_back(std::move(driver));
}

aicc_status *aicc::rt::addDriverLibrary(aicc_instance &instance, const std::string &name,
                                        const std::string &path) {
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void *entry = library ? dlsym(library, AICC_REGISTER_DRIVER_NAME) : nullptr;
  if (!entry) {
    const char *reason = dlerror();
    aicc_status *status = makeStatus(AICC_STATUS_NOT_FOUND, "driver %s cannot be loaded: %s", path.c_str(),
                                     reason ? reason : "no entry");
    if (library)
      dlclose(library);
    return status;
  }
  // The library stays loaded: vendors' libraries do not survive being unloaded.
  addDriver(instance, reinterpret_cast<aicc_register_driver_fn>(entry), name, path);
  return nullptr;
}

//===--- Plug-ins ------------------------------------------------------------------------===//

static const char kPrefix[] = "libaicc_driver_", kSuffix[] = ".so";

/// The folder aicc/ beside the library (or program) that this code is in; "" if the system doesn't say.
static std::string ownPluginFolder() {
  Dl_info info = {};
  if (!dladdr(reinterpret_cast<void *>(&aicc_instance_create), &info) || !info.dli_fname)
    return "";
  std::string path = info.dli_fname;
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "aicc" : path.substr(0, slash) + "/aicc";
}

/// Calls `visit` for each part of `text`, empty ones excepted.
template <typename Visit> static void split(const char *text, char separator, const Visit &visit) {
  for (const char *begin = text; *begin;) {
    const char *end = std::strchr(begin, separator);
    size_t length = end ? static_cast<size_t>(end - begin) : std::strlen(begin);
    if (length)
      visit(std::string(begin, length));
    begin += length + (end ? 1 : 0);
  }
}

/// The drivers' names of the plug-ins in a folder, in order.
static std::vector<std::string> listPlugins(const std::string &folder) {
  std::vector<std::string> names;
  DIR *directory = opendir(folder.c_str());
  if (!directory)
    return names;
  while (const dirent *entry = readdir(directory)) {
    std::string file = entry->d_name;
    size_t prefix = sizeof(kPrefix) - 1, suffix = sizeof(kSuffix) - 1;
    if (file.size() > prefix + suffix && file.compare(0, prefix, kPrefix) == 0 &&
        file.compare(file.size() - suffix, suffix, kSuffix) == 0)
      names.push_back(file.substr(prefix, file.size() - prefix - suffix));
  }
  closedir(directory);
  std::sort(names.begin(), names.end());
  return names;
}

void aicc::rt::addPlugins(aicc_instance &instance, const char *names) {
  std::vector<std::string> wanted, folders;
  if (names)
    split(names, ',', [&](const std::string &name) { wanted.push_back(name); });
  if (names && wanted.empty())
    return;
  if (const char *path = secure_getenv("AICC_PLUGIN_PATH"))
    split(path, ':', [&](const std::string &folder) { folders.push_back(folder); });
  folders.push_back(ownPluginFolder());
  for (const std::string &folder : folders) {
    for (const std::string &name : listPlugins(folder)) {
      if (names && std::find(wanted.begin(), wanted.end(), name) == wanted.end())
        continue;
      std::string path = folder + "/" + kPrefix + name + kSuffix;
      if (instance.findDriver(name)) {
        instance.log(AICC_LOG_DEBUG, path + " is left out: there is a driver " + name + " already");
        continue;
      }
      if (aicc_status *status = addDriverLibrary(instance, name, path)) {
        Driver driver;
        driver.name = name;
        driver.path = path;
        noteProblem(instance, driver, AICC_LOG_WARNING, "", status);
        instance.drivers.push_back(std::move(driver));
      }
    }
  }
}
