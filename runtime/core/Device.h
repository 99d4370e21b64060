//===- Device.h - a device and the memory on it ------------------------------------------===//
//
// What is asked of a driver outside of runs: memory, with a count of it, and copies that are complete when
// they return. Runs have queues of their own (Stream.h).
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_CORE_DEVICE_H
#define AICC_RUNTIME_CORE_DEVICE_H

#include "aicc/runtime.h"

#include <atomic>
#include <mutex>
#include <string>

namespace aicc::rt {

/// What drivers are asked to align memory of a device's own to. Where a program wants more, more bytes are
/// allocated and the runtime aligns: not every vendor's allocator takes larger alignments.
inline constexpr uint64_t kDeviceAlignment = 256;

class TransferQueue;
} // namespace aicc::rt

/// Opened when its instance is created, and closed with it.
struct aicc_device {
  const aicc_driver_table *table = nullptr; ///< with nulls for what the driver doesn't know
  aicc_driver_device *handle = nullptr;
  aicc_driver_device_info info = {};
  aicc_instance *instance = nullptr; ///< not counted: the instance owns its devices
  std::string id, features, formats;

  ~aicc_device();
  bool can(uint64_t capability) const { return info.capabilities & capability; }
  /// Host and kernels use the same addresses.
  bool sharesHostMemory() const { return can(AICC_DRIVER_HOST_MEMORY); }

  bool hasFormat(const char *format) const;
  /// The first of `required` that the device lacks, or null.
  const char *missingFeature(const char *const *required, uint32_t count) const;

  /// Like the driver's; counted. `size` above 0.
  aicc_status *allocate(aicc_memory_kind kind, uint64_t size, uint64_t alignment, void **out) const;
  void free(void *address, uint64_t size, uint64_t alignment) const;
  uint64_t usedMemory() const { return used.load(std::memory_order_relaxed); }

  // Complete when they return; from any thread. Nothing happens for a size of 0.
  aicc_status *write(void *to, const void *host, uint64_t size) const;
  aicc_status *read(void *host, const void *from, uint64_t size) const;
  aicc_status *copy(void *to, const void *from, uint64_t size) const;
  aicc_status *zero(void *to, uint64_t size) const;
  /// From another device of the same driver, which has AICC_DRIVER_PEER.
  aicc_status *copyFromPeer(void *to, const aicc_device &source, const void *from, uint64_t size) const;

private:
  friend class aicc::rt::TransferQueue;
  mutable std::atomic<uint64_t> used{0};
  mutable std::mutex transferMutex;
  mutable aicc_driver_queue *transferQueue = nullptr; ///< made when it is first needed
};

namespace aicc::rt {

/// The device's queue for copies outside of runs: its holder's alone until this is destroyed.
class TransferQueue {
public:
  explicit TransferQueue(const aicc_device &device) : device(device), lock(device.transferMutex) {}
  aicc_status *open(aicc_driver_queue *&queue);
  /// Waits for what was queued; `status` is what queueing it returned.
  aicc_status *finish(aicc_status *status);

private:
  const aicc_device &device;
  std::lock_guard<std::mutex> lock;
};

} // namespace aicc::rt

#endif // AICC_RUNTIME_CORE_DEVICE_H
