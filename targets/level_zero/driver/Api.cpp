//===- Api.cpp - loading Level Zero -------------------------------------------------------===//
//
// The loader is opened and initialized once in a process and stays open.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/level_zero/driver/Api.h"

#include "targets/gpu/driver/Support.h"

#include <mutex>

using namespace aicc;
using namespace aicc::level_zero;

aicc_status *level_zero::loadApi(const Api *&out) {
  static std::mutex mutex;
  static Api api;
  static bool isLoaded = false;
  std::lock_guard<std::mutex> lock(mutex);
  if (!isLoaded) {
    static const char *const names[] = {"libze_loader.so.1", "libze_loader.so", nullptr};
#define AICC_LEVEL_ZERO_SYMBOL(NAME) {#NAME, &api.NAME},
    const gpu::LibrarySymbol symbols[] = {AICC_LEVEL_ZERO_FUNCTIONS(AICC_LEVEL_ZERO_SYMBOL){}};
#undef AICC_LEVEL_ZERO_SYMBOL
    AICC_RETURN_IF_ERROR(gpu::loadLibrary("Level Zero", names, symbols));
    if (ze_result_t code = api.zeInit(0); code != ZE_RESULT_SUCCESS)
      return gpu::makeStatus(AICC_STATUS_UNSUPPORTED,
                             "Level Zero has no driver that starts: zeInit gives %s (0x%x)", errorName(code),
                             static_cast<unsigned>(code));
    isLoaded = true;
  }
  out = &api;
  return nullptr;
}

const char *level_zero::errorName(ze_result_t code) {
  switch (code) {
#define AICC_LEVEL_ZERO_ERROR(NAME)                                                                          \
  case NAME:                                                                                                 \
    return #NAME;
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_NOT_READY)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_DEVICE_LOST)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_OUT_OF_HOST_MEMORY)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_MODULE_BUILD_FAILURE)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_MODULE_LINK_FAILURE)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_INSUFFICIENT_PERMISSIONS)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_NOT_AVAILABLE)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_DEPENDENCY_UNAVAILABLE)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_UNINITIALIZED)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_UNSUPPORTED_VERSION)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_UNSUPPORTED_FEATURE)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_INVALID_ARGUMENT)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_INVALID_NULL_HANDLE)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_HANDLE_OBJECT_IN_USE)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_INVALID_NULL_POINTER)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_INVALID_SIZE)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_UNSUPPORTED_SIZE)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_UNSUPPORTED_ALIGNMENT)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_INVALID_ENUMERATION)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_UNSUPPORTED_ENUMERATION)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_INVALID_NATIVE_BINARY)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_INVALID_KERNEL_NAME)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_INVALID_GROUP_SIZE_DIMENSION)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_INVALID_GLOBAL_WIDTH_DIMENSION)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_INVALID_KERNEL_ARGUMENT_INDEX)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_INVALID_KERNEL_ARGUMENT_SIZE)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_OVERLAPPING_REGIONS)
    AICC_LEVEL_ZERO_ERROR(ZE_RESULT_ERROR_UNKNOWN)
#undef AICC_LEVEL_ZERO_ERROR
  default:
    return "an error without a name";
  }
}
