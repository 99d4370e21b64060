//===- Module.h - a loaded module --------------------------------------------------------===//
//
// The mapped file, the instance that was picked, its kernels loaded on the device, its functions decoded.
// Immutable after the load, so contexts of many threads share it without locks.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_CORE_MODULE_H
#define AICC_RUNTIME_CORE_MODULE_H

#include "runtime/core/Instance.h"
#include "runtime/core/Program.h"

namespace aicc::fb {
struct Module;
} // namespace aicc::fb

namespace aicc::rt {

/// The bytes of a module: a mapped file, the caller's memory, or a copy of it.
class ModuleBytes {
public:
  ModuleBytes() = default;
  ~ModuleBytes();
  ModuleBytes(const ModuleBytes &) = delete;
  ModuleBytes &operator=(const ModuleBytes &) = delete;

  aicc_status *map(const char *path);
  aicc_status *copy(const void *data, size_t size);
  void borrow(const void *data, size_t size);

  const uint8_t *data() const { return bytes; }
  uint64_t size() const { return count; }

private:
  const uint8_t *bytes = nullptr;
  uint64_t count = 0;
  bool isMapped = false;
};

struct ConstantRef {
  uint8_t *address;
  uint64_t size;
};

/// An allocation that constants lie in.
struct DeviceBlock {
  void *base = nullptr;
  uint64_t capacity = 0;
  uint8_t *address = nullptr; ///< of the first constant
};

struct StateInfo {
  ValueType type;
  uint64_t size;
};

} // namespace aicc::rt

struct aicc_module : aicc::rt::RefCounted<aicc_module> {
  aicc_instance *instance = nullptr; ///< counted
  const aicc_device *device = nullptr;
  aicc::rt::ModuleBytes bytes;
  const aicc::fb::Module *root = nullptr;
  int32_t target = -1; ///< index of the instance in use
  std::vector<aicc::rt::ConstantRef> constants;
  std::vector<aicc::rt::DeviceBlock> constantBlocks;
  uint64_t deviceConstantSize = 0;
  std::vector<aicc_driver_executable *> executables;
  std::vector<std::unique_ptr<aicc_function>> functions; ///< of the instance, by its index
  std::vector<const aicc_function *> publicFunctions;
  std::vector<aicc::rt::StateInfo> states;
  std::vector<std::string> targetFeatures; ///< joined, for each instance

  ~aicc_module();
};

#endif // AICC_RUNTIME_CORE_MODULE_H
