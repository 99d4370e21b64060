//===- Library.cpp - the exported calls of the stand-in --------------------------------------===//
//
// Compiled twice: with STAND_IN_CUDA as libcuda.so.1, without as libamdhip64. Parallel calls are written
// once, under both names. Handles that are none, missing contexts, memory that is none and the like are
// misuses, which stand_in_check counts together with what was not given back.
//
//===--------------------------------------------------------------------------------------===//
#include "test/targets/gpu/stand_in/Calls.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace stand_in;

static std::atomic<bool> isInitialized{false};

#ifdef STAND_IN_CUDA
static thread_local std::vector<int> contexts;
int stand_in::currentDevice() { return contexts.empty() ? -1 : contexts.back(); }
static std::atomic<int> retained[kDevices];
#else
static thread_local int current = 0;
int stand_in::currentDevice() { return current; }
#endif

/// Leaves the calling function, with the code of an injected or sticky error, or when no device is current.
int stand_in::begin(const char *name) {
  if (!isInitialized)
    return misuse(NotInitialized, "%s before initialization", name);
  const int device = currentDevice();
  if (device < 0)
    return misuse(InvalidContext, "%s without a context", name);
  State &all = state();
  {
    std::lock_guard<std::mutex> lock(all.mutex);
    if (all.failCall == name && all.failAfter-- == 0) {
      all.failCall.clear();
      return all.failCode;
    }
  }
  return all.devices[device].error.load();
}
static int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// For the tests.

/// The call `name` fails with `code` once, after `after` good ones.
CALL stand_in_fail(const char *name, int code, int after) {
  std::lock_guard<std::mutex> lock(state().mutex);
  state().failCall = name;
  state().failCode = code;
  state().failAfter = after;
  return Ok;
}

/// As a new process would find it.
CALL stand_in_reset(void) {
  for (Device &device : state().devices)
    device.error = Ok;
  return Ok;
}

/// Misuses, and what is still there.
CALL stand_in_check(void) {
  State &all = state();
  int problems = all.misuses.exchange(0);
  std::lock_guard<std::mutex> lock(all.mutex);
  for (const auto &[handle, kind] : all.kinds) {
    std::fprintf(stderr, "stand-in: a %s is left\n", kind);
    ++problems;
  }
  for (const Device &device : all.devices)
    if (!device.allocations.empty()) {
      std::fprintf(stderr, "stand-in: %zu allocations are left\n", device.allocations.size());
      ++problems;
    }
  if (!all.host.empty()) {
    std::fprintf(stderr, "stand-in: %zu ranges of pinned memory are left\n", all.host.size());
    ++problems;
  }
#ifdef STAND_IN_CUDA
  for (std::atomic<int> &count : retained)
    if (count) {
      std::fprintf(stderr, "stand-in: a primary context is left\n");
      ++problems;
    }
#endif
  return problems;
}

// Devices and contexts.

CALL NAME(cuInit, hipInit)(unsigned) {
  if (const char *code = std::getenv("STAND_IN_INIT"))
    return std::atoi(code);
  isInitialized = true;
  return Ok;
}
CALL NAME(cuDriverGetVersion, hipRuntimeGetVersion)(int *version) {
  const char *other = std::getenv("STAND_IN_VERSION");
  *version = other ? std::atoi(other) : NAME(12080, 60200000);
  return Ok;
}
CALL NAME(cuDeviceGetCount, hipGetDeviceCount)(int *count) {
  const char *other = std::getenv("STAND_IN_DEVICES");
  *count = other ? std::atoi(other) : kDevices;
  return Ok;
}
CALL NAME(cuDeviceGetName, hipDeviceGetName)(char *name, int size, int device) {
  std::snprintf(name, static_cast<size_t>(size), "Stand-in %d", device);
  return Ok;
}
CALL NAME(cuDeviceTotalMem_v2, hipDeviceTotalMem)(size_t *bytes, int) {
  *bytes = kMemory;
  return Ok;
}
#ifdef STAND_IN_CUDA
static int capability() {
  const char *other = std::getenv("STAND_IN_CAPABILITY");
  return other ? std::atoi(other) : 90;
}
#endif
CALL NAME(cuDeviceGetAttribute, hipDeviceGetAttribute)(int *value, int attribute, int) {
  static const std::map<int, int> values = {
      {NAME(1, 56), kThreads},      {NAME(5, 29), INT32_MAX}, {NAME(8, 74), kSharedWithoutAsking},
      {NAME(10, 87), NAME(32, 64)}, {NAME(16, 63), 4},        {NAME(115, 88), 1},
      {NAME(122, 10013), 1},        {NAME(113, -1), 1},       {NAME(97, -2), kShared}};
  const bool isBare = std::getenv("STAND_IN_BARE") != nullptr; // neither pools nor values
  if (isBare && (attribute == NAME(115, 88) || attribute == NAME(122, 10013))) {
    *value = 0;
    return Ok;
  }
  auto found = values.find(attribute);
  *value = found == values.end() ? 0 : found->second;
#ifdef STAND_IN_CUDA
  if (attribute == 75 || attribute == 76)
    *value = attribute == 75 ? capability() / 10 : capability() % 10;
#endif
  return Ok;
}

#ifdef STAND_IN_CUDA
CALL cuDeviceGet(int *device, int ordinal) {
  if (ordinal < 0 || ordinal >= kDevices)
    return InvalidDevice;
  *device = ordinal;
  return Ok;
}
CALL cuDevicePrimaryCtxRetain(void **context, int device) {
  ++retained[device];
  *context = reinterpret_cast<void *>(intptr_t(0x1000) + device);
  return Ok;
}
CALL cuDevicePrimaryCtxRelease_v2(int device) {
  return --retained[device] < 0 ? misuse(InvalidContext, "a primary context is released too often") : Ok;
}
int stand_in::deviceOf(void *context) {
  const intptr_t device = reinterpret_cast<intptr_t>(context) - 0x1000;
  return device >= 0 && device < kDevices && retained[device] > 0 ? static_cast<int>(device) : -1;
}
CALL cuCtxPushCurrent_v2(void *context) {
  if (deviceOf(context) < 0)
    return misuse(InvalidContext, "%p is no context", context);
  contexts.push_back(deviceOf(context));
  return Ok;
}
CALL cuCtxPopCurrent_v2(void **context) {
  if (contexts.empty())
    return misuse(InvalidContext, "a context is popped that was not pushed");
  *context = reinterpret_cast<void *>(intptr_t(0x1000) + contexts.back());
  contexts.pop_back();
  return Ok;
}
CALL cuGetErrorName(int code, const char **text) {
  *text = code == OutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_OF_THE_STAND_IN";
  return Ok;
}
CALL cuGetErrorString(int, const char **text) {
  *text = "made by a test's stand-in";
  return Ok;
}
#else
CALL hipGetDevice(int *device) {
  *device = current;
  return Ok;
}
CALL hipSetDevice(int device) {
  if (device < 0 || device >= kDevices)
    return misuse(InvalidDevice, "there is no device %d", device);
  current = device;
  return Ok;
}
/// The layout does not matter; the architecture lies where HIP 6 has it.
CALL hipGetDevicePropertiesR0600(void *properties, int) {
  const char *other = std::getenv("STAND_IN_ARCHITECTURE");
  std::memset(properties, 0, 1472);
  std::strcpy(static_cast<char *>(properties), "gfxname");
  std::strcpy(static_cast<char *>(properties) + 1160, other ? other : "gfx90a:sramecc+:xnack-");
  return Ok;
}
extern "C" __attribute__((visibility("default"))) const char *hipGetErrorName(int code) {
  return code == OutOfMemory ? "hipErrorOutOfMemory" : "hipErrorOfTheStandIn";
}
extern "C" __attribute__((visibility("default"))) const char *hipGetErrorString(int) {
  return "made by a test's stand-in";
}
#endif

// Streams.

CALL NAME(cuStreamCreate, hipStreamCreateWithFlags)(void **stream, unsigned) {
  BEGIN();
  *stream = createStream(currentDevice());
  return Ok;
}
CALL NAME(cuStreamDestroy_v2, hipStreamDestroy)(Stream *stream) {
  if (!removeHandle(stream, "stream"))
    return InvalidHandle;
  destroyStream(stream);
  return Ok;
}
CALL NAME(cuStreamSynchronize, hipStreamSynchronize)(Stream *stream) {
  NEED(stream, "stream");
  BEGIN();
  return synchronize(stream);
}
CALL NAME(cuStreamQuery, hipStreamQuery)(Stream *stream) {
  NEED(stream, "stream");
  BEGIN();
  std::lock_guard<std::mutex> lock(stream->mutex);
  if (stream->capture)
    return misuse(CaptureUnsupported, "a stream is asked while it is captured");
  return stream->queue.empty() && !stream->isBusy ? state().devices[stream->device].error.load()
                                                  : int(NotReady);
}
CALL NAME(cuStreamBeginCapture_v2, hipStreamBeginCapture)(Stream *stream, int) {
  NEED(stream, "stream");
  BEGIN();
  std::lock_guard<std::mutex> lock(stream->mutex);
  if (stream->capture)
    return misuse(CaptureUnsupported, "a stream is captured twice");
  stream->capture = std::make_unique<Graph>();
  return Ok;
}
CALL NAME(cuStreamEndCapture, hipStreamEndCapture)(Stream *stream, void **graph) {
  NEED(stream, "stream");
  BEGIN();
  std::lock_guard<std::mutex> lock(stream->mutex);
  if (!stream->capture)
    return misuse(CaptureUnsupported, "a stream is not captured");
  *graph = stream->capture.release();
  addHandle(*graph, "graph");
  return Ok;
}
static int writeValue(Stream *stream, void *address, uint64_t value) {
  auto *word = reinterpret_cast<uint64_t *>(translate(address, 8));
  if (!word)
    return misuse(InvalidValue, "a signal's address is no memory");
  return enqueue(stream, {'w', [word, value] {
                            __atomic_store_n(word, value, __ATOMIC_RELEASE);
                            return int(Ok);
                          }});
}
static int waitValue(Stream *stream, void *address, uint64_t value) {
  auto *word = reinterpret_cast<uint64_t *>(translate(address, 8));
  if (!word)
    return misuse(InvalidValue, "a signal's address is no memory");
  return enqueue(stream,
                 {'a', [stream, word, value] {
                    while (static_cast<int64_t>(__atomic_load_n(word, __ATOMIC_ACQUIRE) - value) < 0 &&
                           state().devices[stream->device].error.load() == Ok)
                      std::this_thread::sleep_for(std::chrono::microseconds(50));
                    return int(Ok);
                  }});
}
CALL NAME(cuStreamWriteValue64_v2, hipStreamWriteValue64)(Stream *stream, void *address, uint64_t value,
                                                          unsigned) {
  NEED(stream, "stream");
  BEGIN();
  return writeValue(stream, address, value);
}
#ifdef STAND_IN_CUDA
CALL cuStreamWaitValue64_v2(Stream *stream, void *address, uint64_t value, unsigned) {
#else
CALL hipStreamWaitValue64(Stream *stream, void *address, uint64_t value, unsigned, uint64_t mask) {
  if (mask != UINT64_MAX)
    return misuse(InvalidValue, "a wait with a mask");
#endif
  NEED(stream, "stream");
  BEGIN();
  return waitValue(stream, address, value);
}

// Events.

CALL NAME(cuEventCreate, hipEventCreateWithFlags)(void **event, unsigned flags) {
  BEGIN();
  auto *made = new Event;
  made->device = currentDevice();
  made->hasTiming = !(flags & 2);
  *event = made;
  addHandle(made, "event");
  return Ok;
}
CALL NAME(cuEventDestroy_v2, hipEventDestroy)(Event *event) {
  if (!removeHandle(event, "event"))
    return InvalidHandle;
  {
    std::lock_guard<std::mutex> lock(event->mutex);
    if (event->recorded != event->passed && state().devices[event->device].error.load() == Ok)
      misuse(Ok, "an event is destroyed before its stream has come to it");
  }
  delete event;
  return Ok;
}
CALL NAME(cuEventRecord, hipEventRecord)(Event *event, Stream *stream) {
  NEED(event, "event");
  NEED(stream, "stream");
  BEGIN();
  uint64_t generation;
  {
    std::lock_guard<std::mutex> lock(event->mutex);
    generation = ++event->recorded;
  }
  return enqueue(stream, {'e', [event, generation] {
                            std::lock_guard<std::mutex> lock(event->mutex);
                            event->passed = generation;
                            event->ns = now();
                            event->changed.notify_all();
                            return int(Ok);
                          }});
}
CALL NAME(cuEventSynchronize, hipEventSynchronize)(Event *event) {
  NEED(event, "event");
  BEGIN();
  std::unique_lock<std::mutex> lock(event->mutex);
  const std::atomic<int> &error = state().devices[event->device].error;
  while (event->passed != event->recorded && error.load() == Ok)
    event->changed.wait_for(lock, std::chrono::milliseconds(5));
  return error.load();
}
CALL NAME(cuEventElapsedTime, hipEventElapsedTime)(float *milliseconds, Event *start, Event *end) {
  NEED(start, "event");
  NEED(end, "event");
  BEGIN();
  if (!start->hasTiming || !end->hasTiming)
    return misuse(InvalidHandle, "the time of an event without one");
  std::scoped_lock lock(start->mutex, end->mutex);
  if (start->passed != start->recorded || end->passed != end->recorded)
    return NotReady;
  *milliseconds = static_cast<float>(static_cast<double>(end->ns - start->ns) * 1e-6);
  return Ok;
}

// Graphs.

CALL NAME(cuGraphInstantiateWithFlags, hipGraphInstantiateWithFlags)(void **executable, Graph *graph,
                                                                     unsigned long long) {
  NEED(graph, "graph");
  BEGIN();
  *executable = new Graph(*graph);
  addHandle(*executable, "graph executable");
  return Ok;
}
CALL NAME(cuGraphExecUpdate, hipGraphExecUpdate)(Graph *executable, Graph *graph, void **node, int *result) {
  NEED(executable, "graph executable");
  NEED(graph, "graph");
  BEGIN();
  *node = nullptr;
  *result = 0;
  bool isSame = executable->work.size() == graph->work.size();
  for (size_t i = 0; isSame && i < graph->work.size(); ++i)
    isSame = executable->work[i].kind == graph->work[i].kind;
  if (!isSame) {
    *result = 2;
    return 910;
  }
  executable->work = graph->work;
  return Ok;
}
CALL NAME(cuGraphLaunch, hipGraphLaunch)(Graph *executable, Stream *stream) {
  NEED(executable, "graph executable");
  NEED(stream, "stream");
  BEGIN();
  for (const Work &work : executable->work)
    if (int code = enqueue(stream, work))
      return code;
  return Ok;
}
CALL NAME(cuGraphExecDestroy, hipGraphExecDestroy)(Graph *executable) {
  if (!removeHandle(executable, "graph executable"))
    return InvalidHandle;
  delete executable;
  return Ok;
}
CALL NAME(cuGraphDestroy, hipGraphDestroy)(Graph *graph) {
  if (!removeHandle(graph, "graph"))
    return InvalidHandle;
  delete graph;
  return Ok;
}
