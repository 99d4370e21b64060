//===- HeadersTest.cpp - our declarations against the vendors' headers ------------------------===//
//
// The drivers declare what they call themselves, so that they can be built anywhere. Where a vendor's header
// is installed, this file compares: sizes of arguments, layouts, numbers. It is compiled, that is the test.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/StreamApi.h"

#include <gtest/gtest.h>
#include <type_traits>

#if __has_include(<cuda.h>)
#include <cuda.h>
#define HAS_CUDA 1
#endif
#if __has_include(<hip/hip_runtime_api.h>)
#define __HIP_PLATFORM_AMD__
#include <hip/hip_runtime_api.h>
#define HAS_HIP 1
#endif

using namespace aicc::gpu;

/// Arguments are alike that travel alike: none is a float, and registers hold 4 or 8 bytes of a number or a
/// pointer.
template <typename A, typename B> struct IsAlike;
template <typename R, typename... A, typename S, typename... B> struct IsAlike<R (*)(A...), S (*)(B...)> {
  template <typename T> static constexpr size_t width = sizeof(T) > 4 ? 8 : 4;
  template <typename T, typename U>
  static constexpr bool same =
      width<T> == width<U> && !std::is_floating_point_v<T> && !std::is_floating_point_v<U>;
  static constexpr bool compare() {
    if constexpr (sizeof...(A) == sizeof...(B))
      return sizeof(R) == sizeof(S) && (same<A, B> && ...);
    return false;
  }
};
#define SAME(member, function)                                                                               \
  static_assert(IsAlike<decltype(StreamApi::member), decltype(&function)>::compare(), #function)

#ifdef HAS_CUDA
namespace cuda_header {
SAME(streamCreate, cuStreamCreate);
SAME(streamDestroy, cuStreamDestroy);
SAME(streamSynchronize, cuStreamSynchronize);
SAME(streamQuery, cuStreamQuery);
SAME(streamBeginCapture, cuStreamBeginCapture);
SAME(streamEndCapture, cuStreamEndCapture);
SAME(streamWriteValue, cuStreamWriteValue64);
SAME(eventCreate, cuEventCreate);
SAME(eventDestroy, cuEventDestroy);
SAME(eventRecord, cuEventRecord);
SAME(eventSynchronize, cuEventSynchronize);
SAME(eventElapsedTime, cuEventElapsedTime);
SAME(graphInstantiate, cuGraphInstantiateWithFlags);
SAME(graphLaunch, cuGraphLaunch);
SAME(graphExecutableDestroy, cuGraphExecDestroy);
SAME(graphDestroy, cuGraphDestroy);
SAME(memoryInfo, cuMemGetInfo);
SAME(memoryFree, cuMemFree);
SAME(poolCreate, cuMemPoolCreate);
SAME(poolDestroy, cuMemPoolDestroy);
SAME(poolSetAttribute, cuMemPoolSetAttribute);
SAME(poolSetAccess, cuMemPoolSetAccess);
SAME(poolTrim, cuMemPoolTrimTo);
SAME(poolFree, cuMemFreeAsync);
SAME(hostRegister, cuMemHostRegister);
SAME(hostUnregister, cuMemHostUnregister);
SAME(hostDeviceAddress, cuMemHostGetDevicePointer);
SAME(copyToDevice, cuMemcpyHtoDAsync);
SAME(copyToHost, cuMemcpyDtoHAsync);
SAME(copyOnDevice, cuMemcpyDtoDAsync);
SAME(fill8, cuMemsetD8Async);
SAME(fill16, cuMemsetD16Async);
SAME(fill32, cuMemsetD32Async);
SAME(moduleUnload, cuModuleUnload);
SAME(moduleFunction, cuModuleGetFunction);
SAME(functionAttribute, cuFuncGetAttribute);
SAME(launch, cuLaunchKernel);
SAME(copyPeer, cuMemcpyPeerAsync);
SAME(streamWaitValue, cuStreamWaitValue64);
SAME(memoryAlloc, cuMemAlloc);
SAME(poolAlloc, cuMemAllocFromPoolAsync);
SAME(hostAlloc, cuMemHostAlloc);
SAME(hostFree, cuMemFreeHost);
static_assert(sizeof(CUmemPoolProps) == sizeof(StreamPoolProperties) &&
              offsetof(CUmemPoolProps, location) == offsetof(StreamPoolProperties, location) &&
              offsetof(CUmemPoolProps, maxSize) == offsetof(StreamPoolProperties, maxSize));
static_assert(sizeof(CUmemAccessDesc) == sizeof(StreamPoolAccess));
static_assert(CU_MEM_ALLOCATION_TYPE_PINNED == 1 && CU_MEM_LOCATION_TYPE_DEVICE == 1 &&
              CU_MEM_ACCESS_FLAGS_PROT_READWRITE == 3);
static_assert(int(CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES) == int(kPoolInternalDependencies) &&
              int(CU_MEMPOOL_ATTR_RELEASE_THRESHOLD) == int(kPoolReleaseThreshold));
static_assert(int(CU_STREAM_CAPTURE_MODE_RELAXED) == int(kCaptureRelaxed) &&
              int(CU_STREAM_NON_BLOCKING) == int(kStreamNonBlocking) &&
              int(CU_EVENT_DISABLE_TIMING) == int(kEventWithoutTiming));
static_assert(CU_MEMHOSTALLOC_PORTABLE == kHostPortable && CU_MEMHOSTALLOC_DEVICEMAP == kHostMapped &&
              CU_MEMHOSTREGISTER_PORTABLE == kHostPortable && CU_MEMHOSTREGISTER_DEVICEMAP == kHostMapped &&
              CU_MEMHOSTREGISTER_READ_ONLY == kHostReadOnly);
static_assert(int(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK) == int(kFunctionMaxThreads) &&
              int(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES) == int(kFunctionStaticShared) &&
              CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES == 8);
static_assert(CU_STREAM_WAIT_VALUE_GEQ == 0 && int(CUDA_ERROR_NOT_READY) == int(kStreamNotReady) &&
              int(CUDA_ERROR_OUT_OF_MEMORY) == int(kStreamOutOfMemory));
static_assert(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK == 1 && CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X == 5 &&
              CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK == 8 && CU_DEVICE_ATTRIBUTE_WARP_SIZE == 10 &&
              CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT == 16 && CU_DEVICE_ATTRIBUTE_INTEGRATED == 18 &&
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR == 75 &&
              CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN == 97 &&
              CU_DEVICE_ATTRIBUTE_READ_ONLY_HOST_REGISTER_SUPPORTED == 113 &&
              CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED == 115 &&
              CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS == 122);
} // namespace cuda_header
#endif

#ifdef HAS_HIP
namespace hip_header {
SAME(streamCreate, hipStreamCreateWithFlags);
SAME(streamDestroy, hipStreamDestroy);
SAME(streamSynchronize, hipStreamSynchronize);
SAME(streamQuery, hipStreamQuery);
SAME(streamBeginCapture, hipStreamBeginCapture);
SAME(streamEndCapture, hipStreamEndCapture);
SAME(streamWriteValue, hipStreamWriteValue64);
SAME(eventCreate, hipEventCreateWithFlags);
SAME(eventDestroy, hipEventDestroy);
SAME(eventRecord, hipEventRecord);
SAME(eventSynchronize, hipEventSynchronize);
SAME(eventElapsedTime, hipEventElapsedTime);
SAME(graphInstantiate, hipGraphInstantiateWithFlags);
SAME(graphLaunch, hipGraphLaunch);
SAME(graphExecutableDestroy, hipGraphExecDestroy);
SAME(graphDestroy, hipGraphDestroy);
SAME(memoryInfo, hipMemGetInfo);
SAME(memoryFree, hipFree);
SAME(poolCreate, hipMemPoolCreate);
SAME(poolDestroy, hipMemPoolDestroy);
SAME(poolSetAttribute, hipMemPoolSetAttribute);
SAME(poolSetAccess, hipMemPoolSetAccess);
SAME(poolTrim, hipMemPoolTrimTo);
SAME(poolFree, hipFreeAsync);
SAME(hostRegister, hipHostRegister);
SAME(hostUnregister, hipHostUnregister);
SAME(hostDeviceAddress, hipHostGetDevicePointer);
SAME(copyToDevice, hipMemcpyHtoDAsync);
SAME(copyToHost, hipMemcpyDtoHAsync);
SAME(copyOnDevice, hipMemcpyDtoDAsync);
SAME(fill8, hipMemsetD8Async);
SAME(fill16, hipMemsetD16Async);
SAME(fill32, hipMemsetD32Async);
SAME(moduleUnload, hipModuleUnload);
SAME(moduleFunction, hipModuleGetFunction);
SAME(functionAttribute, hipFuncGetAttribute);
SAME(launch, hipModuleLaunchKernel);
SAME(graphUpdate, hipGraphExecUpdate);
static_assert(sizeof(hipMemPoolProps) == sizeof(StreamPoolProperties) &&
              offsetof(hipMemPoolProps, location) == offsetof(StreamPoolProperties, location));
static_assert(sizeof(hipMemAccessDesc) == sizeof(StreamPoolAccess));
static_assert(int(hipMemPoolReuseAllowInternalDependencies) == int(kPoolInternalDependencies) &&
              int(hipMemPoolAttrReleaseThreshold) == int(kPoolReleaseThreshold));
static_assert(int(hipStreamCaptureModeRelaxed) == int(kCaptureRelaxed) &&
              hipStreamNonBlocking == kStreamNonBlocking && hipEventDisableTiming == kEventWithoutTiming &&
              hipHostMallocPortable == kHostPortable && hipHostMallocMapped == kHostMapped &&
              hipMallocSignalMemory == 2 && hipStreamWaitValueGte == 0);
static_assert(hipDeviceAttributeIntegrated == 16 && hipDeviceAttributeMaxGridDimX == 29 &&
              hipDeviceAttributeMaxThreadsPerBlock == 56 && hipDeviceAttributeMultiprocessorCount == 63 &&
              hipDeviceAttributeMaxSharedMemoryPerBlock == 74 && hipDeviceAttributeWarpSize == 87 &&
              hipDeviceAttributeMemoryPoolsSupported == 88 &&
              hipDeviceAttributeCanUseStreamWaitValue == 10013);
static_assert(offsetof(hipDeviceProp_t, gcnArchName) % 4 == 0 &&
              offsetof(hipDeviceProp_t, gcnArchName) >= 256 && sizeof(hipDeviceProp_t) < 16384);
} // namespace hip_header
#endif

TEST(Headers, AgreeWithOurDeclarations) {
#if !defined(HAS_CUDA) && !defined(HAS_HIP)
  GTEST_SKIP() << "no vendor's header is installed";
#endif
}
