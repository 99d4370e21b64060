//===- Device.h - what the Level Zero driver's opaque types hold --------------------------===//
//
// The driver table over Level Zero, within version 1.0 of its API. A queue is a command queue to which closed
// command lists are given, each with a fence: work is appended to an open list, with a barrier behind each
// command, and a flush gives the list away. The table's functions are spread over the files of this folder.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_LEVEL_ZERO_DRIVER_DEVICE_H
#define AICC_LEVEL_ZERO_DRIVER_DEVICE_H

#include "targets/gpu/driver/Support.h"
#include "targets/level_zero/driver/Api.h"

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace aicc::level_zero {

using gpu::makeStatus;

constexpr const char *kFormat = "spirv-opencl";
constexpr const char *kArchitecture = "generic"; ///< of payloads, besides none at all

/// What is known of a device before it is opened.
struct Traits {
  ze_driver_handle_t driver = nullptr;
  ze_device_handle_t id = nullptr;
  std::string name, architecture, driverVersion;
  std::vector<std::string> features;
  std::vector<const char *> featureNames; ///< of `features`, for the device's info
  std::vector<uint32_t> subgroupSizes;
  uint64_t memorySize = 0, maxAllocation = 0;
  uint32_t localMemory = 0, maxThreads = 0, maxGrid = 0, maxArgumentsSize = 0;
  uint32_t speedClass = 0;
  uint32_t queueGroup = 0, queueCount = 0;
  uint64_t ticksPerSecond = 0; ///< of timestamps
  uint64_t timestampMask = 0;
  bool sharesHostMemory = false; ///< kernels can use any host address
};

/// All devices of all drivers that can be used, the fastest class first; in `reasons` why others cannot.
std::vector<Traits> findDevices(const Api &api, std::vector<std::string> &reasons);

/// An event of one of the device's pools, given back when nobody holds it any more.
struct PooledEvent {
  aicc_driver_device *device = nullptr;
  ze_event_handle_t handle = nullptr;
  size_t slot = 0; ///< its index, counted over all pools

  ~PooledEvent();
};
using EventRef = std::shared_ptr<PooledEvent>;

/// A command list on its way: open, or given to the queue until its fence is signaled.
struct Batch {
  ze_command_list_handle_t list = nullptr; ///< null for a submission of recorded commands
  ze_fence_handle_t fence = nullptr;
  unsigned commandCount = 0;
  std::vector<EventRef> events; ///< that its commands use
  std::vector<void *> scratch;  ///< memory that was replaced while its commands use it
};

} // namespace aicc::level_zero

struct aicc_driver {
  aicc_driver_host host;
  const aicc::level_zero::Api *api;
  std::vector<aicc::level_zero::Traits> devices;
};

struct aicc_driver_device {
  struct Allocation {
    void *base; ///< what Level Zero gave
    uint64_t size;
  };
  aicc_driver *driver;
  const aicc::level_zero::Api &api;
  const aicc::level_zero::Traits &traits;
  ze_context_handle_t context = nullptr;
  std::atomic<uint64_t> used{0};
  std::atomic<uint32_t> nextQueue{0};
  std::atomic<bool> isLost{false};
  std::mutex mutex; ///< of what follows
  std::map<void *, Allocation> allocations;
  std::vector<ze_event_pool_handle_t> pools;
  std::vector<size_t> freeSlots;

  aicc_driver_device(aicc_driver *driver, const aicc::level_zero::Traits &traits)
      : driver(driver), api(*driver->api), traits(traits) {}
};

struct aicc_driver_executable {
  struct Entry {
    std::string name;
    uint32_t bufferCount = 0, paramCount = 0;
    bool takesScratch = false;
    ze_kernel_handle_t kernel = nullptr;
    std::mutex mutex; ///< arguments are set and the kernel is appended by one thread at a time
  };
  aicc_driver_device *device;
  ze_module_handle_t module = nullptr;
  std::vector<std::unique_ptr<Entry>> entries;
};

struct aicc_driver_commands {
  aicc_driver_device *device;
  ze_command_list_handle_t list = nullptr;
  unsigned commandCount = 0;
  std::vector<void *> scratch; ///< its kernels use these; the last is the largest
  uint64_t scratchSize = 0;
};

struct aicc_driver_queue {
  aicc_driver_device *device;
  ze_command_queue_handle_t queue = nullptr;
  std::unique_ptr<aicc::level_zero::Batch> open; ///< null: nothing was appended since the last flush
  std::deque<std::unique_ptr<aicc::level_zero::Batch>> pending; ///< in the order of submission
  std::vector<std::unique_ptr<aicc::level_zero::Batch>> idle;   ///< to be used again
  void *scratch = nullptr;
  uint64_t scratchSize = 0;
  std::vector<void *> retired;    ///< scratch memory of batches that could not be given to the device
  uint64_t *timestamps = nullptr; ///< host memory; null: no timestamp was taken yet
  std::unique_ptr<aicc_driver_commands> recording;
};

/// A timeline. `word` is host memory that queues write the value to; queues wait by events: either for one
/// that a queued signal sets, or, if none is queued yet, for one of their own that whoever reaches the value
/// sets.
struct aicc_driver_event {
  struct Point {
    uint64_t value;
    aicc::level_zero::EventRef event;
  };
  aicc_driver_device *device;
  uint64_t *word;
  std::mutex mutex; ///< of what follows
  std::vector<Point> signals, waiters;
};

namespace aicc::level_zero {

/// What a failed call becomes. Notes that the device is lost where the code says so.
aicc_status *failure(aicc_driver_device *device, ze_result_t code, const char *what);
/// DEVICE_LOST once that has been noted.
aicc_status *lost(const aicc_driver_device *device);
inline aicc_status *checkDevice(const aicc_driver_device *device) {
  return device->isLost.load(std::memory_order_relaxed) ? lost(device) : nullptr;
}

/// Memory by its address, or null with the code.
void *allocate(aicc_driver_device *device, aicc_memory_kind kind, uint64_t size, uint64_t alignment,
               ze_result_t &code);
void release(aicc_driver_device *device, void *address);

/// Nanoseconds from now until the deadline: UINT64_MAX without one, 0 when it has passed.
uint64_t timeoutUntil(int64_t deadline);

/// The open batch, with its list.
aicc_status *openBatch(aicc_driver_queue *queue, Batch *&out);
/// Where commands are appended now: the open batch's list, or the recording's.
aicc_status *openList(aicc_driver_queue *queue, ze_command_list_handle_t &out);
/// To be called after each command: orders what follows behind it. Flushes when enough has come together.
aicc_status *endCommand(aicc_driver_queue *queue);
/// Gives the open batch to the device.
aicc_status *flush(aicc_driver_queue *queue);
/// Gives a closed list to the device in a batch, which it keeps until the list is done.
aicc_status *submit(aicc_driver_queue *queue, ze_command_list_handle_t list, std::unique_ptr<Batch> batch);
/// A batch with a fence, of those that are done or new; it has a list only if it had one before.
aicc_status *takeBatch(aicc_driver_queue *queue, std::unique_ptr<Batch> &out);
void destroyCommands(aicc_driver_commands *commands);

// The parts of the table, by file.
void fillMemoryTable(aicc_driver_table &table);     // Memory.cpp
void fillExecutableTable(aicc_driver_table &table); // Executable.cpp
void fillQueueTable(aicc_driver_table &table);      // Queue.cpp
void fillCommandTable(aicc_driver_table &table);    // Commands.cpp
void fillEventTable(aicc_driver_table &table);      // Events.cpp

} // namespace aicc::level_zero

/// Returns from the enclosing function when a call of Level Zero fails.
#define AICC_LEVEL_ZERO_CALL(DEVICE, CALL, WHAT)                                                             \
  do {                                                                                                       \
    if (ze_result_t failed = (CALL); __builtin_expect(failed != ZE_RESULT_SUCCESS, 0))                       \
      return ::aicc::level_zero::failure(DEVICE, failed, WHAT);                                              \
  } while (false)

#endif // AICC_LEVEL_ZERO_DRIVER_DEVICE_H
