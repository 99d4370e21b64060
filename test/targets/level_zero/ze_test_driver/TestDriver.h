//===- TestDriver.h - a Level Zero driver over an OpenCL device, for tests ----------------===//
//
// What ZE_ENABLE_ALT_DRIVERS is pointed at where there is no device with a Level Zero driver: the real
// loader, and its validation layer, then run on OpenCL's CPU device, so that numbers are real. It has what
// aicc's driver uses, and it is stricter than most: commands of a list run in any order but for barriers and
// events.
//
// Failures on demand: AICC_ZE_TEST_FAIL, or a call of ze_test_driver_fail, gives "function=CODE@N,..."; the
// call number N (from 0) of that function, counted from then on, and all later ones fail with the hexadecimal
// code. After DEVICE_LOST everything that works on the device does. ze_test_driver_fail("") ends it.
//
// ze_test_driver_live says how many objects and allocations there are.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_TEST_ZE_TEST_DRIVER_H
#define AICC_TEST_ZE_TEST_DRIVER_H

#include "targets/opencl/driver/Api.h"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <level_zero/ze_api.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace zetest {

using aicc::opencl::Api;
using aicc::opencl::UsmApi;

/// The one device.
struct Device {
  const Api *api = nullptr;
  UsmApi usm;
  cl_platform_id platform = nullptr;
  cl_device_id id = nullptr;
  cl_context context = nullptr;
  std::atomic<int64_t> live{0}; ///< objects and allocations
  std::mutex mutex;             ///< of `allocations`
  struct Allocation {
    size_t size;
    bool isHost;
  };
  std::map<const char *, Allocation> allocations;
};

/// Null where OpenCL has no device that serves.
Device *device();

/// The code a call of `function` fails with now; ZE_RESULT_SUCCESS if it doesn't.
ze_result_t failing(const char *function);
bool isLost();
/// Waits for all that was given to the device.
void finishAll();

/// An OpenCL code as one of Level Zero's.
ze_result_t translate(cl_int code);

/// Something that becomes set once, by the device or by the host. OpenCL queues wait for it by user events.
class Signal {
public:
  /// Releases who waits.
  void set();
  void reset();
  bool isSet();
  /// ZE_RESULT_SUCCESS or ZE_RESULT_NOT_READY.
  ze_result_t wait(uint64_t timeout);
  /// Makes what follows in the queue wait.
  cl_int hold(cl_command_queue queue);

private:
  std::mutex mutex;
  std::condition_variable changed;
  bool value = false;
  std::vector<cl_event> waiters;
};

struct Context {};

struct Module {
  cl_program program = nullptr;
  /// Of each kernel, which of its arguments are pointers.
  std::map<std::string, std::vector<bool>> pointers;
};

struct BuildLog {
  std::string text;
};

struct Kernel {
  Module *module = nullptr;
  std::string name;
  cl_kernel kernel = nullptr;
  std::vector<bool> pointers;
  std::vector<uint64_t> values;
  std::vector<bool> isGiven;
  size_t threads = 0;
};

struct CommandList {
  bool isClosed = false;
  std::vector<std::function<cl_int(cl_command_queue)>> commands;
};

struct CommandQueue {
  cl_command_queue queue = nullptr;
};

struct Fence {
  std::shared_ptr<Signal> signal = std::make_shared<Signal>();
};

struct EventPool {
  uint32_t count = 0;
  std::vector<bool> isTaken;
};

struct Event {
  EventPool *pool = nullptr;
  uint32_t index = 0;
  std::shared_ptr<Signal> signal = std::make_shared<Signal>();
};

/// Which parameters of the module's kernels are pointers, from its SPIR-V. False if it is no SPIR-V.
bool readKernels(const uint8_t *bytes, size_t size, std::map<std::string, std::vector<bool>> &out);

template <typename T, typename Handle> T *from(Handle handle) { return reinterpret_cast<T *>(handle); }

template <typename T, typename Handle> ze_result_t give(T *object, Handle *out) {
  ++device()->live;
  *out = reinterpret_cast<Handle>(object);
  return ZE_RESULT_SUCCESS;
}

template <typename T> ze_result_t destroy(T *object) {
  --device()->live;
  delete object;
  return ZE_RESULT_SUCCESS;
}

} // namespace zetest

/// Returns from the enclosing function when it is to fail.
#define ZE_TEST_ENTER(FUNCTION)                                                                              \
  if (ze_result_t failure = ::zetest::failing(FUNCTION); failure != ZE_RESULT_SUCCESS)                       \
  return failure

// The functions of the tables, by file.
#include <level_zero/ze_ddi.h>
namespace zetest {
void fillDeviceTables(ze_global_dditable_t *, ze_driver_dditable_t *, ze_device_dditable_t *,
                      ze_context_dditable_t *, ze_mem_dditable_t *);
void fillModuleTables(ze_module_dditable_t *, ze_module_build_log_dditable_t *, ze_kernel_dditable_t *);
void fillQueueTables(ze_command_queue_dditable_t *, ze_fence_dditable_t *, ze_event_pool_dditable_t *,
                     ze_event_dditable_t *);
void fillListTable(ze_command_list_dditable_t *);
} // namespace zetest

#endif // AICC_TEST_ZE_TEST_DRIVER_H
