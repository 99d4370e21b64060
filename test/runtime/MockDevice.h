//===- MockDevice.h - what the mock driver's functions share -------------------------------===//
//
// Inside of MockDriver.cpp (driver, devices, memory, executables) and MockQueue.cpp (queues, recordings,
// events). The types have names of their own: a program has other drivers, too.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_TEST_RUNTIME_MOCKDEVICE_H
#define AICC_TEST_RUNTIME_MOCKDEVICE_H

#include "test/runtime/MockDriver.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace aicc::test::mock {

struct Device;
struct Queue;

struct Allocation {
  Device *device;
  uint64_t size, alignment;
  char *data; ///< where the bytes are; staging memory is its own address
};

/// Where addresses of devices begin: not canonical, so that the host cannot use one by mistake.
constexpr uint64_t kFirstAddress = 0x4d00000000000000;

struct Driver {
  aicc_driver_host host;
  MockOptions options;
  aicc_driver *inner = nullptr;
  std::vector<const char *> features;
  std::mutex mutex; ///< of the memory
  std::map<uint64_t, Allocation> memory;
  uint64_t nextAddress = kFirstAddress;
  uint64_t used = 0;
};

struct Device {
  Driver *driver;
  uint32_t index;
  aicc_driver_device *inner = nullptr;
  std::atomic<bool> isLost{false};
};

struct Executable {
  aicc_driver_executable *inner;
};

struct Event {
  Device *device;
  std::mutex mutex;
  std::condition_variable changed;
  uint64_t value;
};

using Work = std::function<aicc_status *(Queue &)>;

struct Commands {
  Device *device;
  std::vector<Work> works;
  std::atomic<int64_t> uses{0};
};

struct Queue {
  Device *device;
  aicc_driver_queue *inner = nullptr;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Work> works;
  bool isBusy = false, isStopping = false;
  aicc_status *failure = nullptr;
  uint64_t times[AICC_TIMESTAMP_SLOTS] = {};
  Commands *recording = nullptr;
  std::atomic<bool> isCalled{false};
  std::thread thread;

  void run();
  aicc_status *push(Work work);
};

// The handles that the runtime sees, and what they are.
template <typename To, typename From> To *cast(From *from) { return reinterpret_cast<To *>(from); }
inline Driver *own(aicc_driver *handle) { return cast<Driver>(handle); }
inline Device *own(aicc_driver_device *handle) { return cast<Device>(handle); }
inline Executable *own(aicc_driver_executable *handle) { return cast<Executable>(handle); }
inline const Executable *own(const aicc_driver_executable *handle) { return cast<const Executable>(handle); }
inline Event *own(aicc_driver_event *handle) { return cast<Event>(handle); }
inline Commands *own(aicc_driver_commands *handle) { return cast<Commands>(handle); }
inline Queue *own(aicc_driver_queue *handle) { return cast<Queue>(handle); }
inline aicc_driver *handle(Driver *driver) { return cast<aicc_driver>(driver); }
inline aicc_driver_device *handle(Device *device) { return cast<aicc_driver_device>(device); }
inline aicc_driver_executable *handle(Executable *e) { return cast<aicc_driver_executable>(e); }
inline aicc_driver_event *handle(Event *event) { return cast<aicc_driver_event>(event); }
inline aicc_driver_commands *handle(Commands *commands) { return cast<aicc_driver_commands>(commands); }
inline aicc_driver_queue *handle(Queue *queue) { return cast<aicc_driver_queue>(queue); }

/// The driver that runs the kernels.
const aicc_driver_table &cpu();
aicc_status *error(aicc_status_code code, const std::string &message);
aicc_status *lost();
[[noreturn]] void misuse(const char *what);
/// Takes one of a number that is left; false when there is none.
bool take(std::atomic<int64_t> &left);
/// Where a range of device memory is; null: there is none, or not all of it.
char *translate(Device *device, const void *address, uint64_t size);

/// Adds the functions of MockQueue.cpp.
void fillQueueFunctions(aicc_driver_table &table);

} // namespace aicc::test::mock

#endif // AICC_TEST_RUNTIME_MOCKDEVICE_H
