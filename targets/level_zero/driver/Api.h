//===- Api.h - the Level Zero functions that the driver calls -----------------------------===//
//
// Level Zero's loader is opened at run time: this table has one pointer for each of its functions that is
// used.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_LEVEL_ZERO_DRIVER_API_H
#define AICC_LEVEL_ZERO_DRIVER_API_H

#include "aicc/status.h"

#include <level_zero/ze_api.h>

namespace aicc::level_zero {

#define AICC_LEVEL_ZERO_FUNCTIONS(X)                                                                         \
  X(zeInit)                                                                                                  \
  X(zeDriverGet)                                                                                             \
  X(zeDriverGetApiVersion)                                                                                   \
  X(zeDriverGetProperties)                                                                                   \
  X(zeDeviceGet)                                                                                             \
  X(zeDeviceGetProperties)                                                                                   \
  X(zeDeviceGetComputeProperties)                                                                            \
  X(zeDeviceGetModuleProperties)                                                                             \
  X(zeDeviceGetMemoryProperties)                                                                             \
  X(zeDeviceGetMemoryAccessProperties)                                                                       \
  X(zeDeviceGetCommandQueueGroupProperties)                                                                  \
  X(zeContextCreate)                                                                                         \
  X(zeContextDestroy)                                                                                        \
  X(zeMemAllocDevice)                                                                                        \
  X(zeMemAllocHost)                                                                                          \
  X(zeMemFree)                                                                                               \
  X(zeMemGetAllocProperties)                                                                                 \
  X(zeModuleCreate)                                                                                          \
  X(zeModuleDestroy)                                                                                         \
  X(zeModuleBuildLogGetString)                                                                               \
  X(zeModuleBuildLogDestroy)                                                                                 \
  X(zeKernelCreate)                                                                                          \
  X(zeKernelDestroy)                                                                                         \
  X(zeKernelGetProperties)                                                                                   \
  X(zeKernelSetGroupSize)                                                                                    \
  X(zeKernelSetArgumentValue)                                                                                \
  X(zeCommandQueueCreate)                                                                                    \
  X(zeCommandQueueDestroy)                                                                                   \
  X(zeCommandQueueSynchronize)                                                                               \
  X(zeCommandQueueExecuteCommandLists)                                                                       \
  X(zeCommandListCreate)                                                                                     \
  X(zeCommandListDestroy)                                                                                    \
  X(zeCommandListClose)                                                                                      \
  X(zeCommandListReset)                                                                                      \
  X(zeCommandListAppendBarrier)                                                                              \
  X(zeCommandListAppendLaunchKernel)                                                                         \
  X(zeCommandListAppendMemoryCopy)                                                                           \
  X(zeCommandListAppendMemoryFill)                                                                           \
  X(zeCommandListAppendSignalEvent)                                                                          \
  X(zeCommandListAppendWaitOnEvents)                                                                         \
  X(zeCommandListAppendWriteGlobalTimestamp)                                                                 \
  X(zeFenceCreate)                                                                                           \
  X(zeFenceDestroy)                                                                                          \
  X(zeFenceReset)                                                                                            \
  X(zeFenceQueryStatus)                                                                                      \
  X(zeFenceHostSynchronize)                                                                                  \
  X(zeEventPoolCreate)                                                                                       \
  X(zeEventPoolDestroy)                                                                                      \
  X(zeEventCreate)                                                                                           \
  X(zeEventDestroy)                                                                                          \
  X(zeEventHostSignal)                                                                                       \
  X(zeEventHostSynchronize)

struct Api {
#define AICC_LEVEL_ZERO_MEMBER(NAME) decltype(&::NAME) NAME = nullptr;
  AICC_LEVEL_ZERO_FUNCTIONS(AICC_LEVEL_ZERO_MEMBER)
#undef AICC_LEVEL_ZERO_MEMBER
};

/// Loads and initializes the library once. UNSUPPORTED where it is missing, too old or without a driver.
aicc_status *loadApi(const Api *&out);

/// "ZE_RESULT_ERROR_DEVICE_LOST", or the number in words.
const char *errorName(ze_result_t code);

} // namespace aicc::level_zero

#endif // AICC_LEVEL_ZERO_DRIVER_API_H
