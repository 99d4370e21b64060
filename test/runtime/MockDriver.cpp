//===- MockDriver.cpp - a device with memory of its own, for tests -----------------------===//
//
// See MockDriver.h. Kernels run on the cpu driver, in the queue's thread.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/MockDriver.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

using namespace aicc::test;

extern "C" const aicc_driver_table *aiccRegisterCpuDriver(uint32_t abiVersion);

namespace {

/// Where addresses of devices begin: not canonical, so that the host cannot use one by mistake.
constexpr uint64_t kFirstAddress = 0x4d00000000000000;

const aicc_driver_table &cpu() {
  static const aicc_driver_table *table = aiccRegisterCpuDriver(AICC_DRIVER_ABI_VERSION);
  return *table;
}

aicc_status *error(aicc_status_code code, const std::string &message) {
  return aicc_status_create(code, message.c_str());
}

aicc_status *lost() { return error(AICC_STATUS_DEVICE_LOST, "the mock device is lost"); }

[[noreturn]] void misuse(const char *what) {
  std::fprintf(stderr, "the mock driver is misused: %s\n", what);
  std::abort();
}

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Takes one of a number that is left; false when there is none.
bool take(std::atomic<int64_t> &left) {
  int64_t count = left.load();
  while (count > 0 && !left.compare_exchange_weak(count, count - 1)) {
  }
  return count != 0;
}

struct Allocation {
  aicc_driver_device *device;
  uint64_t size, alignment;
  char *data; ///< where the bytes are; staging memory is its own address
};

/// Times out at a deadline of the monotonic clock (0: never).
template <typename Predicate>
bool waitUntil(std::condition_variable &condition, std::unique_lock<std::mutex> &lock, int64_t deadline,
               const Predicate &done) {
  if (!deadline) {
    condition.wait(lock, done);
    return true;
  }
  return condition.wait_until(lock, std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline)),
                              done);
}

} // namespace

struct aicc_driver {
  aicc_driver_host host;
  MockOptions options;
  aicc_driver *inner = nullptr;
  std::vector<const char *> features;
  std::mutex mutex; ///< of the memory
  std::map<uint64_t, Allocation> memory;
  uint64_t nextAddress = kFirstAddress;
  uint64_t used = 0;
};

struct aicc_driver_device {
  aicc_driver *driver;
  uint32_t index;
  aicc_driver_device *inner = nullptr;
  std::atomic<bool> isLost{false};
};

struct aicc_driver_executable {
  aicc_driver_executable *inner;
};

struct aicc_driver_event {
  aicc_driver_device *device;
  std::mutex mutex;
  std::condition_variable changed;
  uint64_t value;
};

namespace {

using Work = std::function<aicc_status *(aicc_driver_queue &)>;

/// Where a range of device memory is; null: there is none, or not all of it.
char *translate(aicc_driver_device *device, const void *address, uint64_t size) {
  auto begin = reinterpret_cast<uint64_t>(address);
  std::lock_guard<std::mutex> lock(device->driver->mutex);
  auto &memory = device->driver->memory;
  auto it = memory.upper_bound(begin);
  if (it == memory.begin())
    return nullptr;
  --it;
  const Allocation &allocation = it->second;
  uint64_t offset = begin - it->first;
  if (allocation.device != device || offset >= allocation.size || size > allocation.size - offset)
    return nullptr;
  return allocation.data + offset;
}

aicc_status *badAddress(const char *what) {
  return error(AICC_STATUS_INTERNAL, std::string(what) + " uses memory that is not on the mock device");
}

} // namespace

struct aicc_driver_commands {
  aicc_driver_device *device;
  std::vector<Work> works;
  std::atomic<int64_t> uses{0};
};

struct aicc_driver_queue {
  aicc_driver_device *device;
  aicc_driver_queue *inner = nullptr;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Work> works;
  bool isBusy = false, isStopping = false;
  aicc_status *failure = nullptr;
  uint64_t times[AICC_TIMESTAMP_SLOTS] = {};
  aicc_driver_commands *recording = nullptr;
  std::atomic<bool> isCalled{false};
  std::thread thread;

  void run();
  aicc_status *push(Work work);
};

namespace {

/// That nobody else uses the queue for the moment.
class QueueCall {
public:
  explicit QueueCall(aicc_driver_queue *queue) : queue(queue) {
    if (queue->isCalled.exchange(true))
      misuse("two threads call one queue");
  }
  ~QueueCall() { queue->isCalled = false; }

private:
  aicc_driver_queue *queue;
};

} // namespace

void aicc_driver_queue::run() {
  std::unique_lock<std::mutex> lock(mutex);
  for (;;) {
    changed.wait(lock, [&] { return isStopping || !works.empty(); });
    if (works.empty())
      return;
    Work work = std::move(works.front());
    works.pop_front();
    isBusy = true;
    lock.unlock();
    aicc_status *status = device->isLost ? lost() : work(*this);
    work = nullptr;
    lock.lock();
    isBusy = false;
    if (failure)
      aicc_status_destroy(status);
    else
      failure = status;
    changed.notify_all();
  }
}

aicc_status *aicc_driver_queue::push(Work work) {
  if (device->isLost)
    return lost();
  if (recording) {
    recording->works.push_back(std::move(work));
    return nullptr;
  }
  std::lock_guard<std::mutex> lock(mutex);
  works.push_back(std::move(work));
  changed.notify_all();
  return nullptr;
}

namespace {

//===--- Driver and devices --------------------------------------------------------------===//

aicc_status *create(const aicc_driver_host *host, aicc_driver **out) {
  if (!mockOptions().problem.empty())
    return error(AICC_STATUS_UNSUPPORTED, mockOptions().problem);
  auto driver = std::make_unique<aicc_driver>();
  driver->host = *host;
  driver->options = mockOptions();
  if (aicc_status *status = cpu().create(host, &driver->inner))
    return status;
  aicc_driver_device_info info = {};
  info.struct_size = sizeof(info);
  if (aicc_status *status = cpu().device_info(driver->inner, 0, &info))
    return status;
  driver->features.assign(info.features, info.features + info.feature_count);
  driver->features.insert(driver->features.end(), driver->options.features.begin(),
                          driver->options.features.end());
  *out = driver.release();
  return nullptr;
}

void destroy(aicc_driver *driver) {
  cpu().destroy(driver->inner);
  delete driver;
}

uint32_t deviceCount(aicc_driver *driver) { return driver->options.deviceCount; }

aicc_status *deviceOpen(aicc_driver *driver, uint32_t index, aicc_driver_device **out) {
  auto device = std::make_unique<aicc_driver_device>();
  device->driver = driver;
  device->index = index;
  if (aicc_status *status = cpu().device_open(driver->inner, 0, &device->inner))
    return status;
  *out = device.release();
  return nullptr;
}

void deviceClose(aicc_driver_device *device) {
  cpu().device_close(device->inner);
  delete device;
}

aicc_status *deviceInfo(aicc_driver *driver, uint32_t index, aicc_driver_device_info *info) {
  const MockOptions &options = driver->options;
  aicc_driver_device_info local = {};
  local.struct_size = info->struct_size;
  local.name = "Mock accelerator";
  local.architecture = "mock1";
  local.formats = options.formats.data();
  local.format_count = static_cast<uint32_t>(options.formats.size());
  local.features = driver->features.data();
  local.feature_count = static_cast<uint32_t>(driver->features.size());
  local.memory_size = options.memorySize;
  local.capabilities = options.capabilities;
  local.speed_class = options.speedClass;
  local.dlpack_type = 12; // kDLExtDev
  local.dlpack_id = static_cast<int32_t>(index);
  local.driver_version = "mock 1.0";
  local.matrix_units = "none";
  std::memcpy(info, &local, std::min<size_t>(info->struct_size, sizeof(local)));
  return nullptr;
}

//===--- Memory --------------------------------------------------------------------------===//

aicc_status *memoryAlloc(aicc_driver_device *device, aicc_memory_kind kind, uint64_t size, uint64_t alignment,
                         void **out) {
  aicc_driver &driver = *device->driver;
  if (device->isLost)
    return lost();
  std::lock_guard<std::mutex> lock(driver.mutex);
  if (!take(mockState().allocationsLeft) || size > driver.options.memorySize - driver.used)
    return error(AICC_STATUS_OUT_OF_MEMORY,
                 "no memory for " + std::to_string(size) + " bytes on the mock device");
  auto *data =
      static_cast<char *>(std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment));
  uint64_t address = reinterpret_cast<uint64_t>(data);
  if (kind == AICC_MEMORY_DEVICE) {
    // What nobody has written is garbage.
    std::memset(data, 0xcd, size);
    address = (driver.nextAddress + alignment - 1) & ~(alignment - 1);
    driver.nextAddress = address + size + 4096;
  }
  driver.memory[address] = {device, size, alignment, data};
  driver.used += size;
  ++mockState().allocations;
  mockState().bytes += static_cast<int64_t>(size);
  *out = reinterpret_cast<void *>(address);
  return nullptr;
}

void memoryFree(aicc_driver_device *device, void *address, uint64_t size, uint64_t alignment) {
  aicc_driver &driver = *device->driver;
  std::lock_guard<std::mutex> lock(driver.mutex);
  auto it = driver.memory.find(reinterpret_cast<uint64_t>(address));
  if (it == driver.memory.end() || it->second.device != device || it->second.size != size ||
      it->second.alignment != alignment)
    misuse("what is freed was not allocated so");
  std::free(it->second.data);
  driver.memory.erase(it);
  driver.used -= size;
  --mockState().allocations;
  mockState().bytes -= static_cast<int64_t>(size);
}

aicc_status *memoryUsage(aicc_driver_device *device, uint64_t *used, uint64_t *available) {
  std::lock_guard<std::mutex> lock(device->driver->mutex);
  *used = device->driver->used;
  *available = device->driver->options.memorySize - device->driver->used;
  return nullptr;
}

aicc_status *memoryAdopt(aicc_driver_device *device, void *address, uint64_t size) {
  return translate(device, address, size)
             ? nullptr
             : error(AICC_STATUS_INVALID_ARGUMENT, "the address is not on the mock device");
}

//===--- Executables ---------------------------------------------------------------------===//

aicc_status *executableLoad(aicc_driver_device *device, const char *format, const void *image, uint64_t size,
                            aicc_driver_executable **out) {
  if (mockState().refusesToLoad)
    return error(AICC_STATUS_UNSUPPORTED, "the kernels take too many registers");
  bool isListed = false;
  for (const char *known : device->driver->options.formats)
    isListed |= std::strcmp(known, format) == 0;
  if (!isListed)
    return error(AICC_STATUS_UNSUPPORTED, std::string("the mock device does not load format ") + format);
  auto executable = std::make_unique<aicc_driver_executable>();
  if (aicc_status *status =
          cpu().executable_load(device->inner, "elf-x86-64", image, size, &executable->inner))
    return status;
  ++mockState().executables;
  *out = executable.release();
  return nullptr;
}

void executableDestroy(aicc_driver_executable *executable) {
  cpu().executable_destroy(executable->inner);
  --mockState().executables;
  delete executable;
}

uint32_t entryCount(const aicc_driver_executable *executable) {
  return cpu().executable_entry_count(executable->inner);
}

const char *entryName(const aicc_driver_executable *executable, uint32_t entry) {
  return cpu().executable_entry_name(executable->inner, entry);
}

//===--- Queues --------------------------------------------------------------------------===//

aicc_status *queueCreate(aicc_driver_device *device, aicc_driver_queue **out) {
  auto queue = std::make_unique<aicc_driver_queue>();
  queue->device = device;
  if (aicc_status *status = cpu().queue_create(device->inner, &queue->inner))
    return status;
  queue->thread = std::thread([&queue = *queue] { queue.run(); });
  ++mockState().queues;
  *out = queue.release();
  return nullptr;
}

void queueDestroy(aicc_driver_queue *queue) {
  {
    std::lock_guard<std::mutex> lock(queue->mutex);
    queue->isStopping = true;
    queue->changed.notify_all();
  }
  queue->thread.join();
  aicc_status_destroy(queue->failure);
  cpu().queue_destroy(queue->inner);
  --mockState().queues;
  delete queue;
}

aicc_status *runDispatch(aicc_driver_queue &queue, aicc_driver_dispatch dispatch,
                         const std::vector<void *> &buffers, const std::vector<int64_t> &params) {
  if (!take(mockState().dispatchesLeft)) {
    queue.device->isLost = true;
    return lost();
  }
  if (int64_t delay = mockState().delayNs)
    std::this_thread::sleep_for(std::chrono::nanoseconds(delay));
  std::vector<void *> real;
  for (void *buffer : buffers) {
    real.push_back(buffer ? translate(queue.device, buffer, 0) : nullptr);
    if (buffer && !real.back())
      return badAddress("a kernel");
  }
  dispatch.buffers = real.data();
  dispatch.params = params.data();
  dispatch.executable = dispatch.executable->inner;
  ++mockState().dispatches;
  return cpu().queue_dispatch(queue.inner, &dispatch);
}

aicc_status *queueDispatch(aicc_driver_queue *queue, const aicc_driver_dispatch *dispatch) {
  QueueCall call(queue);
  if (dispatch->scratch_size > (1ull << 40))
    return error(AICC_STATUS_OUT_OF_RANGE, "a dispatch wants more than 2^40 bytes of scratch");
  std::vector<void *> buffers(dispatch->buffers, dispatch->buffers + dispatch->buffer_count);
  std::vector<int64_t> params(dispatch->params, dispatch->params + dispatch->param_count);
  return queue->push([dispatch = *dispatch, buffers, params](aicc_driver_queue &queue) {
    return runDispatch(queue, dispatch, buffers, params);
  });
}

aicc_status *queueCopy(aicc_driver_queue *queue, void *dst, const void *src, uint64_t size) {
  QueueCall call(queue);
  if (!size)
    return nullptr;
  return queue->push([=](aicc_driver_queue &queue) -> aicc_status * {
    char *to = translate(queue.device, dst, size), *from = translate(queue.device, src, size);
    if (!to || !from)
      return badAddress("a copy");
    std::memmove(to, from, size);
    return nullptr;
  });
}

aicc_status *queueFill(aicc_driver_queue *queue, void *dst, uint64_t size, uint64_t pattern,
                       uint32_t patternSize) {
  QueueCall call(queue);
  if (!size)
    return nullptr;
  return queue->push([=](aicc_driver_queue &queue) -> aicc_status * {
    char *to = translate(queue.device, dst, size);
    if (!to)
      return badAddress("a fill");
    return cpu().queue_fill(queue.inner, to, size, pattern, patternSize);
  });
}

aicc_status *queueWrite(aicc_driver_queue *queue, void *dst, const void *host, uint64_t size) {
  QueueCall call(queue);
  if (!size)
    return nullptr;
  if (queue->recording)
    misuse("a write is recorded");
  ++mockState().writes;
  return queue->push([=](aicc_driver_queue &queue) -> aicc_status * {
    char *to = translate(queue.device, dst, size);
    if (!to)
      return badAddress("a write");
    std::memcpy(to, host, size);
    return nullptr;
  });
}

aicc_status *queueRead(aicc_driver_queue *queue, void *host, const void *src, uint64_t size) {
  QueueCall call(queue);
  if (!size)
    return nullptr;
  if (queue->recording)
    misuse("a read is recorded");
  ++mockState().reads;
  return queue->push([=](aicc_driver_queue &queue) -> aicc_status * {
    char *from = translate(queue.device, src, size);
    if (!from)
      return badAddress("a read");
    std::memcpy(host, from, size);
    return nullptr;
  });
}

aicc_status *queueCopyPeer(aicc_driver_queue *queue, aicc_driver_device *dstDevice, void *dst,
                           aicc_driver_device *srcDevice, const void *src, uint64_t size) {
  QueueCall call(queue);
  ++mockState().peerCopies;
  return queue->push([=](aicc_driver_queue &) -> aicc_status * {
    char *to = translate(dstDevice, dst, size), *from = translate(srcDevice, src, size);
    if (!to || !from)
      return badAddress("a copy between devices");
    std::memmove(to, from, size);
    return nullptr;
  });
}

aicc_status *queueFlush(aicc_driver_queue *queue) {
  QueueCall call(queue);
  return queue->device->isLost ? lost() : nullptr;
}

aicc_status *queueWait(aicc_driver_queue *queue, int64_t deadline) {
  QueueCall call(queue);
  if (queue->recording)
    misuse("a wait is recorded");
  ++mockState().waits;
  std::unique_lock<std::mutex> lock(queue->mutex);
  if (!waitUntil(queue->changed, lock, deadline, [&] { return queue->works.empty() && !queue->isBusy; }))
    return error(AICC_STATUS_DEADLINE_EXCEEDED, "the queue is not empty yet");
  aicc_status *status = queue->failure;
  queue->failure = nullptr;
  return status ? status : queue->device->isLost ? lost() : nullptr;
}

//===--- Commands ------------------------------------------------------------------------===//

aicc_status *commandsBegin(aicc_driver_queue *queue) {
  QueueCall call(queue);
  queue->recording = new aicc_driver_commands;
  queue->recording->device = queue->device;
  return nullptr;
}

aicc_status *commandsEnd(aicc_driver_queue *queue, aicc_driver_commands **out) {
  QueueCall call(queue);
  std::unique_ptr<aicc_driver_commands> recorded(queue->recording);
  queue->recording = nullptr;
  if (mockState().refusesToRecord)
    return error(AICC_STATUS_UNSUPPORTED, "the mock driver does not record now");
  ++mockState().recordings;
  ++mockState().commands;
  *out = recorded.release();
  return nullptr;
}

aicc_status *commandsSubmit(aicc_driver_queue *queue, aicc_driver_commands *commands) {
  QueueCall call(queue);
  ++mockState().submits;
  ++commands->uses;
  aicc_status *status = queue->push([commands](aicc_driver_queue &queue) {
    aicc_status *failure = nullptr;
    for (const Work &work : commands->works)
      if (!failure)
        failure = work(queue);
    --commands->uses;
    return failure;
  });
  if (status)
    --commands->uses;
  return status;
}

void commandsDestroy(aicc_driver_commands *commands) {
  // What a lost device had not begun is in use no more.
  if (commands->uses && !commands->device->isLost)
    misuse("commands in use are destroyed");
  --mockState().commands;
  delete commands;
}

//===--- Events and timestamps -----------------------------------------------------------===//

aicc_status *eventCreate(aicc_driver_device *device, uint64_t value, aicc_driver_event **out) {
  *out = new aicc_driver_event;
  (*out)->device = device;
  (*out)->value = value;
  ++mockState().events;
  return nullptr;
}

void eventDestroy(aicc_driver_event *event) {
  --mockState().events;
  delete event;
}

aicc_status *eventQuery(aicc_driver_event *event, uint64_t *value) {
  std::lock_guard<std::mutex> lock(event->mutex);
  *value = event->value;
  return nullptr;
}

aicc_status *eventSignal(aicc_driver_event *event, uint64_t value) {
  std::lock_guard<std::mutex> lock(event->mutex);
  event->value = value;
  event->changed.notify_all();
  return nullptr;
}

aicc_status *eventWait(aicc_driver_event *event, uint64_t value, int64_t deadline) {
  std::unique_lock<std::mutex> lock(event->mutex);
  while (event->value < value) {
    if (event->device->isLost)
      return lost();
    if (deadline && now() >= deadline)
      return error(AICC_STATUS_DEADLINE_EXCEEDED, "the event is not reached yet");
    // A device that is lost tells nobody.
    event->changed.wait_for(lock, std::chrono::milliseconds(1));
  }
  return nullptr;
}

aicc_status *queueSignal(aicc_driver_queue *queue, aicc_driver_event *event, uint64_t value) {
  QueueCall call(queue);
  return queue->push([=](aicc_driver_queue &) { return eventSignal(event, value); });
}

aicc_status *queueAwait(aicc_driver_queue *queue, aicc_driver_event *event, uint64_t value) {
  QueueCall call(queue);
  return queue->push([=](aicc_driver_queue &) { return eventWait(event, value, 0); });
}

aicc_status *queueTimestamp(aicc_driver_queue *queue, uint32_t slot) {
  QueueCall call(queue);
  if (slot >= AICC_TIMESTAMP_SLOTS)
    return error(AICC_STATUS_INVALID_ARGUMENT, "there is no such slot for a timestamp");
  return queue->push([=](aicc_driver_queue &queue) -> aicc_status * {
    queue.times[slot] = static_cast<uint64_t>(now());
    return nullptr;
  });
}

aicc_status *timestampRead(aicc_driver_queue *queue, uint32_t slot, uint64_t *ns) {
  QueueCall call(queue);
  std::lock_guard<std::mutex> lock(queue->mutex);
  if (slot >= AICC_TIMESTAMP_SLOTS)
    return error(AICC_STATUS_INVALID_ARGUMENT, "there is no such slot for a timestamp");
  *ns = queue->times[slot];
  return nullptr;
}

aicc_driver_table makeTable() {
  aicc_driver_table table = {};
  table.abi_version = AICC_DRIVER_ABI_VERSION;
  table.name = "mock";
  table.create = create;
  table.destroy = destroy;
  table.device_count = deviceCount;
  table.device_open = deviceOpen;
  table.device_close = deviceClose;
  table.device_info = deviceInfo;
  table.memory_alloc = memoryAlloc;
  table.memory_free = memoryFree;
  table.memory_usage = memoryUsage;
  table.memory_adopt = memoryAdopt;
  table.executable_load = executableLoad;
  table.executable_destroy = executableDestroy;
  table.executable_entry_count = entryCount;
  table.executable_entry_name = entryName;
  table.queue_create = queueCreate;
  table.queue_destroy = queueDestroy;
  table.queue_dispatch = queueDispatch;
  table.queue_copy = queueCopy;
  table.queue_fill = queueFill;
  table.queue_write = queueWrite;
  table.queue_read = queueRead;
  table.queue_copy_peer = queueCopyPeer;
  table.queue_flush = queueFlush;
  table.queue_wait = queueWait;
  table.commands_begin = commandsBegin;
  table.commands_end = commandsEnd;
  table.commands_submit = commandsSubmit;
  table.commands_destroy = commandsDestroy;
  table.event_create = eventCreate;
  table.event_destroy = eventDestroy;
  table.event_query = eventQuery;
  table.event_signal = eventSignal;
  table.event_wait = eventWait;
  table.queue_signal = queueSignal;
  table.queue_await = queueAwait;
  table.queue_timestamp = queueTimestamp;
  table.timestamp_read = timestampRead;
  return table;
}

} // namespace

MockOptions &aicc::test::mockOptions() {
  static MockOptions options;
  return options;
}

MockState &aicc::test::mockState() {
  static MockState state;
  return state;
}

void MockState::reset() {
  for (auto *count : {&dispatches, &writes, &reads, &peerCopies, &recordings, &submits, &waits, &delayNs})
    *count = 0;
  allocationsLeft = dispatchesLeft = -1;
  refusesToLoad = refusesToRecord = false;
  mockOptions() = MockOptions();
}

bool MockState::isClean() const {
  return !allocations && !bytes && !executables && !queues && !commands && !events;
}

const aicc_driver_table *aicc::test::aiccRegisterMockDriver(uint32_t abiVersion) {
  static aicc_driver_table table = makeTable();
  table.struct_size = mockOptions().tableSize;
  return abiVersion == AICC_DRIVER_ABI_VERSION ? &table : nullptr;
}
