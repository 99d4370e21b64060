//===- Instance.h - instances, drivers and devices ---------------------------------------===//
//
// What lives as long as the process uses the runtime: the host's allocator and log, the drivers found, the
// devices they offer.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_CORE_INSTANCE_H
#define AICC_RUNTIME_CORE_INSTANCE_H

#include "aicc/runtime.h"
#include "runtime/core/Device.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace aicc::rt {

/// Counts the references to a handle; the last release deletes it.
template <typename T> class RefCounted {
public:
  void retain() const { references.fetch_add(1, std::memory_order_relaxed); }
  void release() const {
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete static_cast<const T *>(this);
  }

private:
  mutable std::atomic<uint64_t> references{1};
};

struct DriverDeleter {
  const aicc_driver_table *table;
  void operator()(aicc_driver *driver) const { table->destroy(driver); }
};

/// A driver that was found, whether or not it can be used here.
struct Driver {
  std::string name, path; ///< path: "" if it is part of the program
  std::string problem;    ///< why it has no devices, or not all
  uint32_t deviceCount = 0;
  /// A copy of the driver's, with nulls for the functions that it doesn't know.
  std::unique_ptr<aicc_driver_table> table;
  std::unique_ptr<aicc_driver, DriverDeleter> handle;
};

/// The drivers linked into this library.
const aicc_register_driver_fn *builtinDrivers(uint32_t &count);

/// Takes a driver in with all its devices; `path`: of its library, or "". What is wrong with it is noted with
/// it and in the log.
void addDriver(aicc_instance &instance, aicc_register_driver_fn entry, const std::string &name,
               const std::string &path);
/// Loads a driver's library and takes the driver in; the status says why the library is none.
aicc_status *addDriverLibrary(aicc_instance &instance, const std::string &name, const std::string &path);
/// Takes in the plug-ins of the folders that runtime.h names; `names`: as aicc_instance_options.plugins.
void addPlugins(aicc_instance &instance, const char *names);

/// Copies a caller's versioned struct over `local`, which holds the defaults: as many bytes as both sides
/// know.
template <typename T> void readOptions(const T *from, T &local) {
  if (!from)
    return;
  uint32_t size = from->struct_size < sizeof(T) ? from->struct_size : static_cast<uint32_t>(sizeof(T));
  __builtin_memcpy(&local, from, size);
  local.struct_size = sizeof(T);
}

/// The reverse, for info structs.
template <typename T> void writeInfo(const T &local, T *to) {
  uint32_t callers = to->struct_size;
  uint32_t size = callers < sizeof(T) ? callers : static_cast<uint32_t>(sizeof(T));
  __builtin_memcpy(to, &local, size);
  to->struct_size = callers;
}

} // namespace aicc::rt

struct aicc_instance : aicc::rt::RefCounted<aicc_instance> {
  aicc_driver_host host = {};
  std::vector<aicc::rt::Driver> drivers;
  std::vector<std::unique_ptr<aicc_device>> devices; ///< gone before the drivers

  const aicc::rt::Driver *findDriver(const std::string &name) const;
  void log(aicc_log_level level, const std::string &message) const;
  void *allocate(size_t size, size_t alignment) const {
    return host.allocator.alloc(host.allocator.user, size, alignment);
  }
  void deallocate(void *pointer, size_t size, size_t alignment) const {
    host.allocator.free(host.allocator.user, pointer, size, alignment);
  }
};

#endif // AICC_RUNTIME_CORE_INSTANCE_H
