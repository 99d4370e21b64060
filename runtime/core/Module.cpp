//===- Module.cpp - loading modules ------------------------------------------------------===//
//
// Map, verify, pick the instance for the device, load its kernels, decode its functions. Nothing in the file
// is believed before verifyModule has said so.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Module.h"

#include "runtime/core/Constants.h"
#include "runtime/core/Select.h"
#include "runtime/core/Status.h"
#include "runtime/module/Verifier.h"
#include "runtime/module/aicc_generated.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace aicc;
using namespace aicc::rt;

ModuleBytes::~ModuleBytes() {
  if (isMapped)
    munmap(const_cast<uint8_t *>(bytes), count);
}

aicc_status *ModuleBytes::map(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return makeStatus(errno == ENOENT ? AICC_STATUS_NOT_FOUND : AICC_STATUS_IO, "cannot open module %s: %s",
                      path, std::strerror(errno));
  struct stat info = {};
  aicc_status *status = nullptr;
  if (fstat(fd, &info) != 0)
    status = makeStatus(AICC_STATUS_IO, "cannot read module %s: %s", path, std::strerror(errno));
  else if (!S_ISREG(info.st_mode))
    status = makeStatus(AICC_STATUS_INVALID_ARGUMENT, "module %s is not a regular file", path);
  else if (info.st_size < 64)
    status =
        makeStatus(AICC_STATUS_DATA_LOSS, "%s is not an .aicc module: it is shorter than a header", path);
  else {
    void *address = mmap(nullptr, static_cast<size_t>(info.st_size), PROT_READ, MAP_PRIVATE, fd, 0);
    if (address == MAP_FAILED) {
      status = makeStatus(AICC_STATUS_IO, "cannot map module %s: %s", path, std::strerror(errno));
    } else {
      bytes = static_cast<const uint8_t *>(address);
      count = static_cast<uint64_t>(info.st_size);
      isMapped = true;
    }
  }
  close(fd);
  return status;
}

aicc_status *ModuleBytes::copy(const void *data, size_t size) {
  void *address =
      size ? mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
  if (address == MAP_FAILED)
    return makeStatus(size ? AICC_STATUS_OUT_OF_MEMORY : AICC_STATUS_DATA_LOSS,
                      "cannot copy a module of %zu bytes", size);
  std::memcpy(address, data, size);
  mprotect(address, size, PROT_READ);
  bytes = static_cast<const uint8_t *>(address);
  count = size;
  isMapped = true;
  return nullptr;
}

void ModuleBytes::borrow(const void *data, size_t size) {
  bytes = static_cast<const uint8_t *>(data);
  count = size;
}

aicc_module::~aicc_module() {
  for (aicc_driver_executable *executable : executables)
    device->table->executable_destroy(executable);
  for (const DeviceBlock &block : constantBlocks)
    device->free(block.base, block.capacity, kDeviceAlignment);
  if (instance)
    instance->release();
}

static std::vector<const char *> featuresOf(const fb::Instance &target) {
  std::vector<const char *> features;
  for (uint32_t i = 0; i < countOf(target.features()); ++i)
    features.push_back(target.features()->Get(i)->c_str());
  return features;
}

static aicc_status *toStatus(const FormatError &error) {
  return makeStatus(error.code, "%s", error.message.c_str());
}

static aicc_status *loadExecutables(aicc_module &module) {
  const fb::Instance &target = *module.root->instances()->Get(static_cast<uint32_t>(module.target));
  const aicc_driver_table &driver = *module.device->table;
  for (uint32_t i = 0; i < countOf(target.executables()); ++i) {
    const fb::Executable &executable = *target.executables()->Get(i);
    const fb::Segment &segment = *module.root->segments()->Get(executable.segment());
    FormatError error;
    if (!verifySegment(module.bytes.data(), *module.root, executable.segment(), error))
      return toStatus(error);
    aicc_driver_executable *handle = nullptr;
    if (aicc_status *status =
            driver.executable_load(module.device->handle, target.format()->c_str(),
                                   module.bytes.data() + segment.offset(), segment.size(), &handle)) {
      aicc_status *named =
          makeStatus(aicc_status_get_code(status), "device %s: target %s: %s", module.device->id.c_str(),
                     target.target()->c_str(), aicc_status_get_message(status));
      aicc_status_destroy(status);
      return named;
    }
    module.executables.push_back(handle);
    for (uint32_t e = 0; e < executable.entries()->size(); ++e) {
      const char *wanted = executable.entries()->Get(e)->name()->c_str();
      if (e >= driver.executable_entry_count(handle) ||
          std::strcmp(driver.executable_entry_name(handle, e), wanted) != 0)
        return makeStatus(AICC_STATUS_DATA_LOSS,
                          "module is damaged: executables[%u].entries[%u]: the image has no kernel %s there",
                          i, e, wanted);
    }
  }
  return nullptr;
}

static void decodeTarget(aicc_module &module) {
  const fb::Instance &target = *module.root->instances()->Get(static_cast<uint32_t>(module.target));
  for (uint32_t i = 0; i < countOf(target.states()); ++i) {
    const fb::State &state = *target.states()->Get(i);
    StateInfo info;
    info.type.name = stringOrEmpty(state.type()->name());
    info.type.elementType = static_cast<aicc_element_type>(state.type()->element_type());
    for (uint32_t d = 0; d < countOf(state.type()->dims()); ++d) {
      info.type.sizes.push_back(state.type()->dims()->Get(d)->size());
      info.type.dimNames.push_back(stringOrEmpty(state.type()->dims()->Get(d)->name()));
    }
    info.size = state.size();
    module.states.push_back(std::move(info));
  }
  for (uint32_t i = 0; i < target.functions()->size(); ++i) {
    module.functions.push_back(decodeFunction(target, i));
    aicc_function &function = *module.functions.back();
    for (const StateRef &state : function.states)
      function.stateTypes.push_back(&module.states[state.state].type);
    if (!function.isPrivate)
      module.publicFunctions.push_back(&function);
  }
}

static aicc_status *openModule(aicc_module &module, const aicc_device *device,
                               const aicc_module_options &options) {
  FormatError error;
  module.root = verifyModule(module.bytes.data(), module.bytes.size(), error);
  if (!module.root)
    return toStatus(error);
  for (const fb::Instance *target : *module.root->instances()) {
    std::string joined;
    for (const char *feature : featuresOf(*target))
      (joined += joined.empty() ? "" : ",") += feature;
    module.targetFeatures.push_back(std::move(joined));
  }
  if (!device && (options.flags & AICC_MODULE_AUTO_DEVICE))
    AICC_RETURN_IF_ERROR(selectDevice(module, options.target, device));
  AICC_RETURN_IF_ERROR(selectTarget(module, device, options.target));
  if (options.flags & AICC_MODULE_VERIFY_WEIGHTS)
    AICC_RETURN_IF_ERROR(aicc_module_verify_weights(&module));
  decodeTarget(module);
  if (!device)
    return nullptr;
  module.device = device;
  AICC_RETURN_IF_ERROR(loadExecutables(module));
  return placeConstants(module);
}

/// Finishes a load whose bytes are there; releases the module when that fails.
static aicc_status *finishLoad(aicc_module *module, aicc_status *status, const aicc_device *device,
                               const aicc_module_options &options, aicc_module **out) {
  if (!status)
    status = openModule(*module, device, options);
  if (status) {
    module->release();
    return status;
  }
  *out = module;
  return nullptr;
}

static aicc_module *newModule(aicc_instance *instance) {
  auto *module = new aicc_module;
  module->instance = instance;
  instance->retain();
  return module;
}

aicc_status *aicc_module_load_file(aicc_instance *instance, const aicc_device *device, const char *path,
                                   const aicc_module_options *options, aicc_module **out) {
  aicc_module_options local = {};
  readOptions(options, local);
  aicc_module *module = newModule(instance);
  return finishLoad(module, module->bytes.map(path), device, local, out);
}

aicc_status *aicc_module_load_memory(aicc_instance *instance, const aicc_device *device, const void *data,
                                     size_t size, const aicc_module_options *options, aicc_module **out) {
  aicc_module_options local = {};
  readOptions(options, local);
  aicc_module *module = newModule(instance);
  aicc_status *status = nullptr;
  if ((local.flags & AICC_MODULE_COPY) || reinterpret_cast<uintptr_t>(data) % 64 != 0)
    status = module->bytes.copy(data, size);
  else
    module->bytes.borrow(data, size);
  return finishLoad(module, status, device, local, out);
}

void aicc_module_destroy(aicc_module *module) {
  if (module)
    module->release();
}

const aicc_device *aicc_module_get_device(const aicc_module *module) { return module->device; }

aicc_status *aicc_module_verify_weights(const aicc_module *module) {
  FormatError error;
  for (uint32_t i = 0; i < countOf(module->root->segments()); ++i)
    if (!verifySegment(module->bytes.data(), *module->root, i, error))
      return toStatus(error);
  return nullptr;
}

uint32_t aicc_module_function_count(const aicc_module *module) {
  return static_cast<uint32_t>(module->publicFunctions.size());
}

const aicc_function *aicc_module_get_function(const aicc_module *module, uint32_t index) {
  return index < module->publicFunctions.size() ? module->publicFunctions[index] : nullptr;
}

aicc_status *aicc_module_find_function(const aicc_module *module, const char *name,
                                       const aicc_function **out) {
  for (const aicc_function *function : module->publicFunctions)
    if (!name || !*name || function->name == name) {
      *out = function;
      return nullptr;
    }
  return makeStatus(AICC_STATUS_NOT_FOUND, "the module has no function %s", name ? name : "");
}
