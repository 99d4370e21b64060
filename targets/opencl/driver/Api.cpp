//===- Api.cpp - loading OpenCL -----------------------------------------------------------===//
//
// The library is opened once in a process and stays open.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/opencl/driver/Api.h"

#include "targets/gpu/driver/Support.h"

#include <mutex>

using namespace aicc;
using namespace aicc::opencl;

aicc_status *opencl::loadApi(const Api *&out) {
  static std::mutex mutex;
  static Api api;
  static bool isLoaded = false;
  std::lock_guard<std::mutex> lock(mutex);
  if (!isLoaded) {
    static const char *const names[] = {"libOpenCL.so.1", "libOpenCL.so", nullptr};
#define AICC_OPENCL_SYMBOL(NAME) {#NAME, &api.NAME},
    const gpu::LibrarySymbol symbols[] = {AICC_OPENCL_FUNCTIONS(AICC_OPENCL_SYMBOL){}};
#undef AICC_OPENCL_SYMBOL
    AICC_RETURN_IF_ERROR(gpu::loadLibrary("OpenCL", names, symbols));
    isLoaded = true;
  }
  out = &api;
  return nullptr;
}

bool opencl::loadUsm(const Api &api, cl_platform_id platform, UsmApi &out) {
  bool isComplete = true;
  const auto load = [&](auto &function, const char *name) {
    void *address = api.clGetExtensionFunctionAddressForPlatform(platform, name);
    std::memcpy(&function, &address, sizeof(address));
    isComplete &= address != nullptr;
  };
#define AICC_OPENCL_LOAD(NAME) load(out.NAME, #NAME);
  AICC_OPENCL_USM_FUNCTIONS(AICC_OPENCL_LOAD)
#undef AICC_OPENCL_LOAD
  return isComplete;
}

const char *opencl::errorName(cl_int code) {
  switch (code) {
#define AICC_OPENCL_ERROR(NAME)                                                                              \
  case NAME:                                                                                                 \
    return #NAME;
    AICC_OPENCL_ERROR(CL_DEVICE_NOT_FOUND)
    AICC_OPENCL_ERROR(CL_DEVICE_NOT_AVAILABLE)
    AICC_OPENCL_ERROR(CL_COMPILER_NOT_AVAILABLE)
    AICC_OPENCL_ERROR(CL_MEM_OBJECT_ALLOCATION_FAILURE)
    AICC_OPENCL_ERROR(CL_OUT_OF_RESOURCES)
    AICC_OPENCL_ERROR(CL_OUT_OF_HOST_MEMORY)
    AICC_OPENCL_ERROR(CL_PROFILING_INFO_NOT_AVAILABLE)
    AICC_OPENCL_ERROR(CL_MEM_COPY_OVERLAP)
    AICC_OPENCL_ERROR(CL_BUILD_PROGRAM_FAILURE)
    AICC_OPENCL_ERROR(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST)
    AICC_OPENCL_ERROR(CL_INVALID_VALUE)
    AICC_OPENCL_ERROR(CL_INVALID_DEVICE)
    AICC_OPENCL_ERROR(CL_INVALID_BUFFER_SIZE)
    AICC_OPENCL_ERROR(CL_INVALID_BINARY)
    AICC_OPENCL_ERROR(CL_INVALID_BUILD_OPTIONS)
    AICC_OPENCL_ERROR(CL_INVALID_PROGRAM)
    AICC_OPENCL_ERROR(CL_INVALID_PROGRAM_EXECUTABLE)
    AICC_OPENCL_ERROR(CL_INVALID_KERNEL_NAME)
    AICC_OPENCL_ERROR(CL_INVALID_KERNEL)
    AICC_OPENCL_ERROR(CL_INVALID_ARG_INDEX)
    AICC_OPENCL_ERROR(CL_INVALID_ARG_VALUE)
    AICC_OPENCL_ERROR(CL_INVALID_ARG_SIZE)
    AICC_OPENCL_ERROR(CL_INVALID_KERNEL_ARGS)
    AICC_OPENCL_ERROR(CL_INVALID_WORK_DIMENSION)
    AICC_OPENCL_ERROR(CL_INVALID_WORK_GROUP_SIZE)
    AICC_OPENCL_ERROR(CL_INVALID_WORK_ITEM_SIZE)
    AICC_OPENCL_ERROR(CL_INVALID_GLOBAL_WORK_SIZE)
    AICC_OPENCL_ERROR(CL_INVALID_EVENT)
    AICC_OPENCL_ERROR(CL_INVALID_OPERATION)
    AICC_OPENCL_ERROR(CL_PLATFORM_NOT_FOUND_KHR)
#undef AICC_OPENCL_ERROR
  default:
    return "an error without a name";
  }
}
