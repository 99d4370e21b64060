//===- MockDriver.h - a device with memory of its own, for tests -------------------------===//
//
// A driver whose devices run the host's kernels, but behave like an accelerator on the far side of a bus:
// memory has addresses that nobody can dereference, every queue has a thread that does its work later, and
// things go wrong on demand. What a runtime must not do (use memory that is freed, mix host and device
// addresses, use one queue from two threads, destroy what is in use) it reports, or aborts.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_TEST_RUNTIME_MOCKDRIVER_H
#define AICC_TEST_RUNTIME_MOCKDRIVER_H

#include "aicc/driver.h"

#include <atomic>
#include <string>
#include <vector>

namespace aicc::test {

/// What the drivers that are created from now on offer.
struct MockOptions {
  uint32_t deviceCount = 1;
  uint64_t capabilities = AICC_DRIVER_COMMANDS | AICC_DRIVER_EVENTS | AICC_DRIVER_TIMESTAMPS |
                          AICC_DRIVER_PEER | AICC_DRIVER_ADOPT;
  uint64_t memorySize = 1ull << 30;
  uint32_t speedClass = AICC_SPEED_DISCRETE;
  std::vector<const char *> formats = {"elf-x86-64"};
  std::vector<const char *> features; ///< besides the host's
  std::string problem;                ///< not empty: create fails with it
  uint32_t tableSize = sizeof(aicc_driver_table);
};

/// What happens, and what is to go wrong, in all of them.
struct MockState {
  // Of what was made: how much is there now.
  std::atomic<int64_t> allocations{0}, bytes{0}, executables{0}, queues{0}, commands{0}, events{0};
  // How often.
  std::atomic<int64_t> unalignedBuffers{0}; ///< of all dispatches
  std::atomic<int64_t> dispatches{0}, writes{0}, reads{0}, peerCopies{0}, recordings{0}, submits{0}, waits{0};
  /// So many allocations succeed still; below 0: all do.
  std::atomic<int64_t> allocationsLeft{-1};
  /// So many dispatches succeed still, then the device is lost; below 0: never.
  std::atomic<int64_t> dispatchesLeft{-1};
  std::atomic<bool> refusesToLoad{false}, refusesToRecord{false}, refusesQueues{false}, refusesEvents{false};
  /// Before each dispatch.
  std::atomic<int64_t> delayNs{0};

  void reset();
  /// Everything that was made is gone.
  bool isClean() const;
};

MockOptions &mockOptions();
MockState &mockState();

extern "C" const aicc_driver_table *aiccRegisterMockDriver(uint32_t abiVersion);

} // namespace aicc::test

#endif // AICC_TEST_RUNTIME_MOCKDRIVER_H
