//===- Api.h - the OpenCL functions that the driver calls ---------------------------------===//
//
// OpenCL is loaded at run time: this table has one pointer for each function of libOpenCL.so that is used,
// and those of an extension belong to a platform.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_OPENCL_DRIVER_API_H
#define AICC_OPENCL_DRIVER_API_H

#include "aicc/status.h"

#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <CL/cl_ext.h>

namespace aicc::opencl {

/// Functions of the library itself.
#define AICC_OPENCL_FUNCTIONS(X)                                                                             \
  X(clGetPlatformIDs)                                                                                        \
  X(clGetPlatformInfo)                                                                                       \
  X(clGetDeviceIDs)                                                                                          \
  X(clGetDeviceInfo)                                                                                         \
  X(clGetExtensionFunctionAddressForPlatform)                                                                \
  X(clCreateContext)                                                                                         \
  X(clReleaseContext)                                                                                        \
  X(clCreateCommandQueueWithProperties)                                                                      \
  X(clReleaseCommandQueue)                                                                                   \
  X(clFlush)                                                                                                 \
  X(clFinish)                                                                                                \
  X(clCreateProgramWithIL)                                                                                   \
  X(clBuildProgram)                                                                                          \
  X(clGetProgramBuildInfo)                                                                                   \
  X(clReleaseProgram)                                                                                        \
  X(clCreateKernel)                                                                                          \
  X(clReleaseKernel)                                                                                         \
  X(clGetKernelInfo)                                                                                         \
  X(clGetKernelWorkGroupInfo)                                                                                \
  X(clSetKernelArg)                                                                                          \
  X(clSetKernelArgSVMPointer)                                                                                \
  X(clEnqueueNDRangeKernel)                                                                                  \
  X(clSVMAlloc)                                                                                              \
  X(clSVMFree)                                                                                               \
  X(clEnqueueSVMMemcpy)                                                                                      \
  X(clEnqueueSVMMemFill)                                                                                     \
  X(clEnqueueMarkerWithWaitList)                                                                             \
  X(clEnqueueBarrierWithWaitList)                                                                            \
  X(clCreateUserEvent)                                                                                       \
  X(clSetUserEventStatus)                                                                                    \
  X(clSetEventCallback)                                                                                      \
  X(clWaitForEvents)                                                                                         \
  X(clGetEventProfilingInfo)                                                                                 \
  X(clReleaseEvent)

/// Functions of cl_intel_unified_shared_memory, which several vendors have.
#define AICC_OPENCL_USM_FUNCTIONS(X)                                                                         \
  X(clDeviceMemAllocINTEL)                                                                                   \
  X(clHostMemAllocINTEL)                                                                                     \
  X(clMemFreeINTEL)                                                                                          \
  X(clSetKernelArgMemPointerINTEL)                                                                           \
  X(clEnqueueMemcpyINTEL)                                                                                    \
  X(clEnqueueMemFillINTEL)

struct Api {
#define AICC_OPENCL_MEMBER(NAME) decltype(&::NAME) NAME = nullptr;
  AICC_OPENCL_FUNCTIONS(AICC_OPENCL_MEMBER)
};

struct UsmApi {
  AICC_OPENCL_USM_FUNCTIONS(AICC_OPENCL_MEMBER)
#undef AICC_OPENCL_MEMBER
};

/// Loads the library once. UNSUPPORTED where it is missing or too old.
aicc_status *loadApi(const Api *&out);

/// Whether the platform has all functions of the extension.
bool loadUsm(const Api &api, cl_platform_id platform, UsmApi &out);

/// "CL_OUT_OF_RESOURCES", or the number in words.
const char *errorName(cl_int code);

} // namespace aicc::opencl

#endif // AICC_OPENCL_DRIVER_API_H
