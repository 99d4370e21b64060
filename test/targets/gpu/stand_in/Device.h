//===- Device.h - a stand-in for a vendor's device library ----------------------------------===//
//
// What libcuda and libamdhip64 would do for the calls that the stream driver makes, in host memory: streams
// run on threads of their own, device addresses cannot be dereferenced by the host, captured work becomes
// graphs, a handful of kernels known by name are executed. It checks OUR USE OF THE API (handles, contexts,
// order, ranges, what is given back); it says nothing of the vendors' software, nor of generated code.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_TEST_TARGETS_GPU_STAND_IN_DEVICE_H
#define AICC_TEST_TARGETS_GPU_STAND_IN_DEVICE_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace stand_in {

enum Code : int {
  Ok = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NotInitialized = 3,
  InvalidDevice = 101,
  InvalidImage = 200,
  InvalidContext = 201,
  NoBinary = 209,
  InvalidSource = 218,
  InvalidHandle = 400,
  NotFound = 500,
  NotReady = 600,
  IllegalAddress = 700,
  LaunchFailed = 719,
  AlreadyRegistered = 712,
  NotRegistered = 713,
  CaptureUnsupported = 900,
  CaptureInvalidated = 901,
};

constexpr int kDevices = 2;
constexpr uint64_t kMemory = 256ull << 20; ///< of each device
constexpr uint64_t kShared = 100 << 10, kSharedWithoutAsking = 48 << 10;
constexpr unsigned kThreads = 1024;

/// One thing in a stream, or in a graph: its kind, and what it does. Returns a code; others than Ok are
/// sticky.
struct Work {
  char kind;
  std::function<int()> run;
};

struct Graph {
  std::vector<Work> work;
};

struct Stream {
  int device;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Work> queue;
  bool isBusy = false, isEnding = false;
  std::unique_ptr<Graph> capture;
  std::thread thread;
};

struct Event {
  int device;
  bool hasTiming;
  std::mutex mutex;
  std::condition_variable changed;
  uint64_t recorded = 0, passed = 0;
  int64_t ns = 0;
};

struct Module {
  int device;
  std::set<std::string> kernels;
};

struct Function {
  Module *module;
  std::string name;
  unsigned dynamicShared = 0; ///< what was asked for
};

struct Pool {
  int device;
};

struct Device {
  std::atomic<int> error{Ok}; ///< sticky
  char *base = nullptr;       ///< address space that nobody can touch
  uint64_t next = 0;
  uint64_t used = 0;
  /// By offset; storage elsewhere.
  std::map<uint64_t, std::vector<char>> allocations;
};

/// Everything, for all threads.
struct State {
  std::mutex mutex;
  Device devices[kDevices];
  std::map<void *, size_t> host; ///< pinned or registered
  std::set<void *> live;         ///< handles of all kinds
  std::map<void *, const char *> kinds;
  std::atomic<int> misuses{0};
  std::string failCall; ///< the next call of that name fails
  int failCode = 0, failAfter = 0;
};
State &state();

/// Notes a misuse, for stand_in_check, and returns `code`.
int misuse(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// What a call with a context begins with: the code of an injected or sticky error, or of having no context.
int begin(const char *name);

void addHandle(void *handle, const char *kind);
bool isHandle(void *handle, const char *kind);
/// False, and a misuse, when it is none.
bool removeHandle(void *handle, const char *kind);

/// Where [address, address + size) really is: device memory, or pinned host memory. Null: nowhere.
char *translate(void *address, uint64_t size);
int allocate(int device, size_t size, void **out);
/// The device whose memory begins at `address` gets it back; a misuse if none does.
int deallocate(void *address);
/// Whether memory begins at `address`.
bool isAllocation(void *address);

Stream *createStream(int device);
void destroyStream(Stream *stream);
/// Runs on the stream's thread, or is captured.
int enqueue(Stream *stream, Work work);
int synchronize(Stream *stream);

/// Buffers, parameters and scratch of a known kernel; false when it is none.
bool describeKernel(const std::string &name, unsigned &buffers, unsigned &params, bool &takesScratch);
/// What the kernel does, with device addresses.
int runKernel(const std::string &name, uint64_t grid, const std::vector<void *> &buffers,
              const std::vector<int64_t> &params, void *scratch);
extern const char *const kKernels[6];

} // namespace stand_in

#endif // AICC_TEST_TARGETS_GPU_STAND_IN_DEVICE_H
