//===- Device.h - what the OpenCL driver's opaque types hold ------------------------------===//
//
// The driver table over OpenCL 2 and 3 devices that take SPIR-V. Memory is named by addresses, so a device
// needs unified shared memory (the extension, preferred, because its device memory stays on the device) or
// shared virtual memory. The table's functions are spread over the files of this folder.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_OPENCL_DRIVER_DEVICE_H
#define AICC_OPENCL_DRIVER_DEVICE_H

#include "targets/gpu/driver/Support.h"
#include "targets/opencl/driver/Api.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace aicc::opencl {

using gpu::makeStatus;

constexpr const char *kFormat = "spirv-opencl";
constexpr const char *kArchitecture = "generic"; ///< of payloads, besides none at all

/// What is known of a device before it is opened.
struct Traits {
  cl_platform_id platform = nullptr;
  cl_device_id id = nullptr;
  std::string name, architecture, driverVersion;
  std::vector<std::string> features;
  std::vector<const char *> featureNames; ///< of `features`, for the device's info
  std::vector<size_t> subgroupSizes;      ///< empty: not known
  uint64_t memorySize = 0, maxAllocation = 0, localMemory = 0, maxThreads = 0, maxParameterSize = 0;
  uint32_t speedClass = 0;
  bool hasUsm = false;
  bool sharesHostMemory = false;  ///< kernels can use any host address
  bool dividesExactly = false;    ///< can round f32 divisions and roots correctly
  bool wantsLargeBuffers = false; ///< wants to be told of buffers of more than 4 GiB
};

/// All devices of all platforms that can be used, the fastest class first; in `reasons` why others cannot.
std::vector<Traits> findDevices(const Api &api, std::vector<std::string> &reasons);

/// A timeline of 64-bit values. Waiting queues hold user events of it, which are completed by whoever reaches
/// their value: the host, or another queue's callback.
struct Timeline {
  struct Waiter {
    uint64_t value;
    cl_event event;
  };
  explicit Timeline(const Api &api) : api(api) {}

  /// Raises the value (it never falls) and releases who waits for it.
  void reach(uint64_t value);
  /// Nobody will reach any value any more.
  void fail();
  /// OK, DEADLINE_EXCEEDED or DEVICE_LOST.
  aicc_status_code wait(uint64_t value, int64_t deadline);

  const Api &api;
  std::mutex mutex; ///< of what follows
  std::condition_variable changed;
  uint64_t value = 0;
  bool hasFailed = false;
  std::vector<Waiter> waiters;
};

} // namespace aicc::opencl

struct aicc_driver {
  aicc_driver_host host;
  const aicc::opencl::Api *api;
  std::vector<aicc::opencl::Traits> devices;
};

struct aicc_driver_device {
  struct Allocation {
    void *base; ///< what OpenCL, or the C library, gave
    uint64_t size;
    bool isHost; ///< from the C library
  };
  aicc_driver *driver;
  const aicc::opencl::Api &api;
  const aicc::opencl::Traits &traits;
  aicc::opencl::UsmApi usm;
  cl_context context = nullptr;
  std::atomic<uint64_t> used{0};
  std::atomic<bool> isLost{false};
  std::mutex mutex; ///< of `allocations`
  std::map<void *, Allocation> allocations;

  aicc_driver_device(aicc_driver *driver, const aicc::opencl::Traits &traits)
      : driver(driver), api(*driver->api), traits(traits) {}
};

struct aicc_driver_executable {
  struct Entry {
    std::string name;
    uint32_t threads = 0, bufferCount = 0, paramCount = 0;
    bool takesScratch = false;
    cl_kernel kernel = nullptr;
    std::mutex mutex; ///< arguments are set and the kernel is enqueued by one thread at a time
  };
  aicc_driver_device *device;
  cl_program program = nullptr;
  std::vector<std::unique_ptr<Entry>> entries;
};

/// A recorded block: kernels of its own with their arguments set, so that a submission only enqueues them.
struct aicc_driver_commands {
  struct Command {
    enum Kind { Dispatch, Copy, Fill } kind;
    cl_kernel kernel = nullptr;
    size_t threads = 0, workItems = 0;
    void *dst = nullptr;
    const void *src = nullptr;
    uint64_t size = 0, pattern = 0;
    uint32_t patternSize = 0;
  };
  aicc_driver_device *device;
  std::vector<Command> commands;
  std::vector<void *> scratch; ///< its kernels use these; the last is the largest
  uint64_t scratchSize = 0;
};

struct aicc_driver_queue {
  aicc_driver_device *device;
  cl_command_queue queue = nullptr;
  void *scratch = nullptr;
  uint64_t scratchSize = 0;
  std::vector<void *> retired;                      ///< scratch memory that work in the queue may still use
  std::shared_ptr<aicc::opencl::Timeline> progress; ///< counts the waits that have a deadline
  uint64_t waits = 0;
  std::vector<cl_event> timestamps;
  std::unique_ptr<aicc_driver_commands> recording;
};

struct aicc_driver_event {
  std::shared_ptr<aicc::opencl::Timeline> timeline;
};

namespace aicc::opencl {

/// What a failed call becomes. Notes that the device is lost where the code says so.
aicc_status *failure(aicc_driver_device *device, cl_int code, const char *what);
/// DEVICE_LOST once that has been noted.
aicc_status *lost(const aicc_driver_device *device);
inline aicc_status *checkDevice(const aicc_driver_device *device) {
  return device->isLost.load(std::memory_order_relaxed) ? lost(device) : nullptr;
}

/// Device memory. The address, or null with the code.
void *allocate(aicc_driver_device *device, aicc_memory_kind kind, uint64_t size, uint64_t alignment,
               cl_int &code);
void release(aicc_driver_device *device, void *address);

/// Enqueues without looking whether the queue records.
aicc_status *enqueueCopy(aicc_driver_queue *queue, void *dst, const void *src, uint64_t size);
aicc_status *enqueueFill(aicc_driver_queue *queue, void *dst, uint64_t size, uint64_t pattern,
                         uint32_t patternSize);
/// Raises the timeline when the queue has come that far.
aicc_status *enqueueReach(aicc_driver_queue *queue, const std::shared_ptr<Timeline> &timeline,
                          uint64_t value);
/// Sets all arguments of `kernel` for the dispatch.
aicc_status *setArguments(aicc_driver_device *device, const aicc_driver_executable::Entry &entry,
                          cl_kernel kernel, const aicc_driver_dispatch &dispatch, void *scratch);

void destroyCommands(aicc_driver_commands *commands);

// The parts of the table, by file.
void fillMemoryTable(aicc_driver_table &table);     // Memory.cpp
void fillExecutableTable(aicc_driver_table &table); // Executable.cpp
void fillQueueTable(aicc_driver_table &table);      // Queue.cpp
void fillCommandTable(aicc_driver_table &table);    // Commands.cpp
void fillEventTable(aicc_driver_table &table);      // Events.cpp

} // namespace aicc::opencl

/// Returns from the enclosing function when a call of OpenCL fails.
#define AICC_OPENCL_CALL(DEVICE, CALL, WHAT)                                                                 \
  do {                                                                                                       \
    if (cl_int failed = (CALL); __builtin_expect(failed != CL_SUCCESS, 0))                                   \
      return ::aicc::opencl::failure(DEVICE, failed, WHAT);                                                  \
  } while (false)

#endif // AICC_OPENCL_DRIVER_DEVICE_H
