//===- Calls.h - how the stand-in's exported calls are written --------------------------------===//
//
// Parallel calls are written once, under the name of the library that is compiled: STAND_IN_CUDA says which.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_TEST_TARGETS_GPU_STAND_IN_CALLS_H
#define AICC_TEST_TARGETS_GPU_STAND_IN_CALLS_H

#include "test/targets/gpu/stand_in/Device.h"

#ifdef STAND_IN_CUDA
#define NAME(cuda, hip) cuda
#else
#define NAME(cuda, hip) hip
#endif
#define CALL extern "C" __attribute__((visibility("default"))) int

#define BEGIN()                                                                                              \
  if (int code = begin(__func__))                                                                            \
  return code
#define NEED(handle, kind)                                                                                   \
  if (!isHandle(handle, kind))                                                                               \
  return misuse(InvalidHandle, "%s: %p is no %s", __func__, static_cast<void *>(handle), kind)

namespace stand_in {
/// The calling thread's; -1: none.
int currentDevice();
#ifdef STAND_IN_CUDA
/// The device of a context that is retained; -1: it is none.
int deviceOf(void *context);
#endif
} // namespace stand_in

#endif // AICC_TEST_TARGETS_GPU_STAND_IN_CALLS_H
