//===- module_loader.cpp - fuzzes the module loader --------------------------------------===//
//
// The input is a whole file, or, since a fuzzer cannot guess hashes, is treated as one whose hash matches.
// What the verifier accepts is decoded and asked everything, which must hold without a further check. Kernels
// are not loaded: their hashes guard them, and running what a fuzzer wrote proves nothing.
//
//===--------------------------------------------------------------------------------------===//
#include "aicc/runtime.h"
#include "runtime/core/Program.h"
#include "runtime/module/Verifier.h"
#include "runtime/module/aicc_generated.h"

#include <cstdlib>
#include <cstring>

using namespace aicc;

/// Loads without a device through the C ABI, as `aicc inspect` does.
static void inspect(const uint8_t *data, size_t size) {
  aicc_instance_options options = {};
  options.struct_size = sizeof(options);
  options.thread_count = 1;
  options.plugins = "";
  static aicc_instance *instance = [&] {
    aicc_instance *created = nullptr;
    if (aicc_instance_create(&options, &created))
      abort();
    return created;
  }();
  aicc_module *module = nullptr;
  if (aicc_status *status = aicc_module_load_memory(instance, nullptr, data, size, nullptr, &module)) {
    if (!*aicc_status_get_message(status))
      abort();
    aicc_status_destroy(status);
    return;
  }
  aicc_status_destroy(aicc_module_verify_weights(module));
  aicc_module_info info = {};
  info.struct_size = sizeof(info);
  aicc_status_destroy(aicc_module_get_info(module, &info));
  aicc_target_info target = {};
  target.struct_size = sizeof(target);
  for (uint32_t i = 0; i < info.target_count; ++i)
    aicc_status_destroy(aicc_module_get_target(module, i, &target));
  const aicc_device *device = nullptr;
  aicc_status_destroy(aicc_module_find_device(module, "auto", &device));
  for (uint32_t i = 0; i < aicc_module_function_count(module); ++i) {
    const aicc_function *function = aicc_module_get_function(module, i);
    aicc_value_info value = {};
    value.struct_size = sizeof(value);
    for (uint32_t k = 0; k < aicc_function_arg_count(function); ++k)
      aicc_status_destroy(aicc_function_get_arg(function, k, &value));
    aicc_dispatch_info dispatch = {};
    dispatch.struct_size = sizeof(dispatch);
    for (uint32_t k = 0; k < aicc_function_dispatch_count(function); ++k)
      aicc_status_destroy(aicc_function_get_dispatch(function, k, &dispatch));
  }
  aicc_module_destroy(module);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < sizeof(rt::ModuleHeader))
    return 0;
  inspect(data, size);
  // In memory as the loader has it: aligned, and with the size the header must say.
  size_t rounded = (size + 4095) / 4096 * 4096;
  auto *copy = static_cast<uint8_t *>(std::aligned_alloc(4096, rounded));
  std::memcpy(copy, data, size);
  uint64_t fileSize = size;
  std::memcpy(copy + offsetof(rt::ModuleHeader, fileSize), &fileSize, sizeof(fileSize));
  rt::FormatError error;
  rt::VerifyOptions options;
  options.checkHash = false;
  if (const fb::Module *module = rt::verifyModule(copy, size, error, options)) {
    for (uint32_t i = 0; i < rt::countOf(module->segments()); ++i)
      rt::verifySegment(copy, *module, i, error);
    for (const fb::Instance *instance : *module->instances())
      for (uint32_t i = 0; i < instance->functions()->size(); ++i)
        if (!rt::decodeFunction(*instance, i))
          abort();
  } else if (error.message.empty()) {
    abort();
  }
  std::free(copy);
  return 0;
}
