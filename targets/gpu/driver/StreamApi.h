//===- StreamApi.h - a vendor's stream API, as the common driver calls it ------------------===//
//
// CUDA's driver API and HIP are parallel: the same calls under other names, with the same handles and the
// same numbers for most flags. This table has one member for each call that StreamDriver makes; a vendor's
// file fills it from its library's symbols, or with an adapter where a signature differs. Handles and device
// addresses are plain pointers here, results are the library's own codes, 0 for success.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_GPU_DRIVER_STREAMAPI_H
#define AICC_GPU_DRIVER_STREAMAPI_H

#include "aicc/driver.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace aicc::gpu {

/// Where memory lives, in the layout of both libraries.
struct StreamMemoryLocation {
  int type; ///< 1: a device
  int id;
};

/// What a memory pool is made with, in the layout of both libraries.
struct StreamPoolProperties {
  int allocationType; ///< 1: pinned, the only one
  int handleTypes;    ///< 0: not for other processes
  StreamMemoryLocation location;
  void *security;
  size_t maxSize;
  unsigned char reserved[56];
};

/// Who may use a pool's memory, in the layout of both libraries.
struct StreamPoolAccess {
  StreamMemoryLocation location;
  int flags; ///< 3: read and write
};

/// Numbers that mean the same in both libraries.
enum : int {
  kStreamOk = 0,
  kStreamOutOfMemory = 2,
  kStreamNotReady = 600,
  kStreamAlreadyRegistered = 712,
};
enum : unsigned {
  kStreamNonBlocking = 1, ///< does not wait for the null stream
  kEventWithoutTiming = 2,
  kHostPortable = 1, ///< pinned for every device
  kHostMapped = 2,   ///< has a device address
  kHostReadOnly = 8,
  kCaptureRelaxed = 2,           ///< other threads, and this one on other streams, may call what they like
  kPoolInternalDependencies = 3, ///< attribute: allocations may wait for other streams
  kPoolReleaseThreshold = 4,     ///< attribute: bytes that are kept over a synchronization
  kFunctionMaxThreads = 0,       ///< attribute: threads of a workgroup
  kFunctionStaticShared = 1,     ///< attribute: bytes of workgroup memory
};

struct StreamApi {
  int (*streamCreate)(void **stream, unsigned flags);
  int (*streamDestroy)(void *stream);
  int (*streamSynchronize)(void *stream);
  int (*streamQuery)(void *stream);
  int (*streamBeginCapture)(void *stream, int mode);
  int (*streamEndCapture)(void *stream, void **graph);
  /// Null where timelines of 64-bit values cannot be had. Waits until the value is greater or equal.
  int (*streamWriteValue)(void *stream, void *address, uint64_t value, unsigned flags);
  int (*streamWaitValue)(void *stream, void *address, uint64_t value, unsigned flags);

  int (*eventCreate)(void **event, unsigned flags);
  int (*eventDestroy)(void *event);
  int (*eventRecord)(void *event, void *stream);
  int (*eventSynchronize)(void *event);
  int (*eventElapsedTime)(float *milliseconds, void *start, void *end);

  int (*graphInstantiate)(void **executable, void *graph, unsigned long long flags);
  int (*graphUpdate)(void *executable, void *graph, void **errorNode, int *result);
  int (*graphLaunch)(void *executable, void *stream);
  int (*graphExecutableDestroy)(void *executable);
  int (*graphDestroy)(void *graph);

  int (*memoryAlloc)(void **address, size_t size);
  int (*memoryFree)(void *address);
  int (*memoryInfo)(size_t *available, size_t *total);
  int (*poolCreate)(void **pool, const StreamPoolProperties *properties);
  int (*poolDestroy)(void *pool);
  int (*poolSetAttribute)(void *pool, int attribute, void *value);
  int (*poolSetAccess)(void *pool, const StreamPoolAccess *access, size_t count);
  int (*poolTrim)(void *pool, size_t keep);
  int (*poolAlloc)(void **address, size_t size, void *pool, void *stream);
  int (*poolFree)(void *address, void *stream);
  int (*hostAlloc)(void **address, size_t size, unsigned flags);
  int (*hostFree)(void *address);
  int (*hostRegister)(void *address, size_t size, unsigned flags);
  int (*hostUnregister)(void *address);
  int (*hostDeviceAddress)(void **address, void *host, unsigned flags);
  /// Memory of 8 bytes for streamWriteValue and streamWaitValue, which the host can use at the same address
  /// and memoryFree frees; null: pinned memory serves.
  int (*signalAlloc)(void **address);

  int (*copyToDevice)(void *dst, const void *host, size_t size, void *stream);
  int (*copyToHost)(void *host, void *src, size_t size, void *stream);
  int (*copyOnDevice)(void *dst, void *src, size_t size, void *stream);
  int (*copyPeer)(void *dst, void *dstContext, void *src, void *srcContext, size_t size, void *stream);
  int (*fill8)(void *dst, unsigned char value, size_t count, void *stream);
  int (*fill16)(void *dst, unsigned short value, size_t count, void *stream);
  int (*fill32)(void *dst, unsigned value, size_t count, void *stream);

  int (*moduleUnload)(void *module);
  int (*moduleFunction)(void **function, void *module, const char *name);
  int (*functionAttribute)(int *value, int attribute, void *function);
  int (*launch)(void *function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                unsigned blockY, unsigned blockZ, unsigned sharedBytes, void *stream, void **arguments,
                void **extra);
};

/// What is known of a device before it is opened.
struct StreamDeviceTraits {
  int ordinal = 0;
  std::string name, architecture, driverVersion, matrixUnits;
  std::vector<std::string> features;
  uint64_t memorySize = 0;
  unsigned maxThreads = 0;    ///< of a workgroup
  unsigned maxShared = 0;     ///< bytes of workgroup memory, after asking for it
  unsigned subgroupSizes = 0; ///< bits: the sum of those it runs, each a power of two
  uint64_t maxGrid = 0;       ///< workgroups of a dispatch
  uint64_t maxWorkItems = 0;  ///< threads of a dispatch; 0: no limit but the above
  bool isIntegrated = false;
  bool hasPools = false;
  bool hasValues = false;         ///< streamWriteValue and streamWaitValue
  bool registersReadOnly = false; ///< kHostReadOnly is known
};

/// One code of the library in words.
struct StreamError {
  std::string text;    ///< "CUDA_ERROR_OUT_OF_MEMORY: out of memory"
  bool isLost = false; ///< nothing of the process can be used on the device any more
};

} // namespace aicc::gpu

#endif // AICC_GPU_DRIVER_STREAMAPI_H
