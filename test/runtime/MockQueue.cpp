//===- MockQueue.cpp - queues, recordings and events of the mock driver ------------------===//
//
// Every queue has a thread, which does what was queued later, one after the other. Addresses are looked up
// when it does, so that memory that was freed too early is noticed.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/MockDevice.h"

#include <chrono>
#include <cstring>
#include <memory>

using namespace aicc::test;
using namespace aicc::test::mock;

void Queue::run() {
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

aicc_status *Queue::push(Work work) {
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

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

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

aicc_status *badAddress(const char *what) {
  return error(AICC_STATUS_INTERNAL, std::string(what) + " uses memory that is not on the mock device");
}

/// That nobody else uses the queue for the moment.
class QueueCall {
public:
  explicit QueueCall(Queue *queue) : queue(queue) {
    if (queue->isCalled.exchange(true))
      misuse("two threads call one queue");
  }
  ~QueueCall() { queue->isCalled = false; }

private:
  Queue *queue;
};

//===--- Queues --------------------------------------------------------------------------===//

aicc_status *queueCreate(aicc_driver_device *deviceHandle, aicc_driver_queue **out) {
  Device *device = own(deviceHandle);
  if (mockState().refusesQueues)
    return error(AICC_STATUS_OUT_OF_MEMORY, "the mock device has no more queues");
  auto queue = std::make_unique<Queue>();
  queue->device = device;
  if (aicc_status *status = cpu().queue_create(device->inner, &queue->inner))
    return status;
  queue->thread = std::thread([&queue = *queue] { queue.run(); });
  ++mockState().queues;
  *out = handle(queue.release());
  return nullptr;
}

void queueDestroy(aicc_driver_queue *queueHandle) {
  Queue *queue = own(queueHandle);
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

aicc_status *runDispatch(Queue &queue, aicc_driver_dispatch dispatch, const std::vector<void *> &buffers,
                         const std::vector<int64_t> &params) {
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
  dispatch.executable = own(dispatch.executable)->inner;
  ++mockState().dispatches;
  return cpu().queue_dispatch(queue.inner, &dispatch);
}

aicc_status *queueDispatch(aicc_driver_queue *queueHandle, const aicc_driver_dispatch *dispatch) {
  Queue *queue = own(queueHandle);
  QueueCall call(queue);
  if (dispatch->scratch_size > (1ull << 40))
    return error(AICC_STATUS_OUT_OF_RANGE, "a dispatch wants more than 2^40 bytes of scratch");
  std::vector<void *> buffers(dispatch->buffers, dispatch->buffers + dispatch->buffer_count);
  // Kernels of accelerators load whole vectors.
  for (void *buffer : buffers)
    mockState().unalignedBuffers += reinterpret_cast<uintptr_t>(buffer) % 64 != 0;
  std::vector<int64_t> params(dispatch->params, dispatch->params + dispatch->param_count);
  return queue->push([dispatch = *dispatch, buffers, params](Queue &queue) {
    return runDispatch(queue, dispatch, buffers, params);
  });
}

aicc_status *queueCopy(aicc_driver_queue *queueHandle, void *dst, const void *src, uint64_t size) {
  Queue *queue = own(queueHandle);
  QueueCall call(queue);
  if (!size)
    return nullptr;
  return queue->push([=](Queue &queue) -> aicc_status * {
    char *to = translate(queue.device, dst, size), *from = translate(queue.device, src, size);
    if (!to || !from)
      return badAddress("a copy");
    std::memmove(to, from, size);
    return nullptr;
  });
}

aicc_status *queueFill(aicc_driver_queue *queueHandle, void *dst, uint64_t size, uint64_t pattern,
                       uint32_t patternSize) {
  Queue *queue = own(queueHandle);
  QueueCall call(queue);
  if (!size)
    return nullptr;
  return queue->push([=](Queue &queue) -> aicc_status * {
    char *to = translate(queue.device, dst, size);
    if (!to)
      return badAddress("a fill");
    return cpu().queue_fill(queue.inner, to, size, pattern, patternSize);
  });
}

aicc_status *queueWrite(aicc_driver_queue *queueHandle, void *dst, const void *host, uint64_t size) {
  Queue *queue = own(queueHandle);
  QueueCall call(queue);
  if (!size)
    return nullptr;
  if (queue->recording)
    misuse("a write is recorded");
  ++mockState().writes;
  return queue->push([=](Queue &queue) -> aicc_status * {
    char *to = translate(queue.device, dst, size);
    if (!to)
      return badAddress("a write");
    std::memcpy(to, host, size);
    return nullptr;
  });
}

aicc_status *queueRead(aicc_driver_queue *queueHandle, void *host, const void *src, uint64_t size) {
  Queue *queue = own(queueHandle);
  QueueCall call(queue);
  if (!size)
    return nullptr;
  if (queue->recording)
    misuse("a read is recorded");
  ++mockState().reads;
  return queue->push([=](Queue &queue) -> aicc_status * {
    char *from = translate(queue.device, src, size);
    if (!from)
      return badAddress("a read");
    std::memcpy(host, from, size);
    return nullptr;
  });
}

aicc_status *queueCopyPeer(aicc_driver_queue *queueHandle, aicc_driver_device *dstDeviceHandle, void *dst,
                           aicc_driver_device *srcDeviceHandle, const void *src, uint64_t size) {
  Queue *queue = own(queueHandle);
  Device *dstDevice = own(dstDeviceHandle);
  Device *srcDevice = own(srcDeviceHandle);
  QueueCall call(queue);
  ++mockState().peerCopies;
  return queue->push([=](Queue &) -> aicc_status * {
    char *to = translate(dstDevice, dst, size), *from = translate(srcDevice, src, size);
    if (!to || !from)
      return badAddress("a copy between devices");
    std::memmove(to, from, size);
    return nullptr;
  });
}

aicc_status *queueFlush(aicc_driver_queue *queueHandle) {
  Queue *queue = own(queueHandle);
  QueueCall call(queue);
  return queue->device->isLost ? lost() : nullptr;
}

aicc_status *queueWait(aicc_driver_queue *queueHandle, int64_t deadline) {
  Queue *queue = own(queueHandle);
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

aicc_status *commandsBegin(aicc_driver_queue *queueHandle) {
  Queue *queue = own(queueHandle);
  QueueCall call(queue);
  queue->recording = new Commands;
  queue->recording->device = queue->device;
  return nullptr;
}

aicc_status *commandsEnd(aicc_driver_queue *queueHandle, aicc_driver_commands **out) {
  Queue *queue = own(queueHandle);
  QueueCall call(queue);
  std::unique_ptr<Commands> recorded(queue->recording);
  queue->recording = nullptr;
  if (mockState().refusesToRecord)
    return error(AICC_STATUS_UNSUPPORTED, "the mock driver does not record now");
  ++mockState().recordings;
  ++mockState().commands;
  *out = handle(recorded.release());
  return nullptr;
}

aicc_status *commandsSubmit(aicc_driver_queue *queueHandle, aicc_driver_commands *commandsHandle) {
  Queue *queue = own(queueHandle);
  Commands *commands = own(commandsHandle);
  QueueCall call(queue);
  ++mockState().submits;
  ++commands->uses;
  aicc_status *status = queue->push([commands](Queue &queue) {
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

void commandsDestroy(aicc_driver_commands *commandsHandle) {
  Commands *commands = own(commandsHandle);
  // What a lost device had not begun is in use no more.
  if (commands->uses && !commands->device->isLost)
    misuse("commands in use are destroyed");
  --mockState().commands;
  delete commands;
}

//===--- Events and timestamps -----------------------------------------------------------===//

aicc_status *eventCreate(aicc_driver_device *deviceHandle, uint64_t value, aicc_driver_event **out) {
  Device *device = own(deviceHandle);
  if (mockState().refusesEvents)
    return error(AICC_STATUS_OUT_OF_MEMORY, "the mock device has no more events");
  auto *event = new Event;
  event->device = device;
  event->value = value;
  *out = handle(event);
  ++mockState().events;
  return nullptr;
}

void eventDestroy(aicc_driver_event *eventHandle) {
  Event *event = own(eventHandle);
  --mockState().events;
  delete event;
}

aicc_status *eventQuery(aicc_driver_event *eventHandle, uint64_t *value) {
  Event *event = own(eventHandle);
  std::lock_guard<std::mutex> lock(event->mutex);
  *value = event->value;
  return nullptr;
}

aicc_status *eventSignal(aicc_driver_event *eventHandle, uint64_t value) {
  Event *event = own(eventHandle);
  std::lock_guard<std::mutex> lock(event->mutex);
  event->value = value;
  event->changed.notify_all();
  return nullptr;
}

aicc_status *eventWait(aicc_driver_event *eventHandle, uint64_t value, int64_t deadline) {
  Event *event = own(eventHandle);
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

aicc_status *queueSignal(aicc_driver_queue *queueHandle, aicc_driver_event *event, uint64_t value) {
  Queue *queue = own(queueHandle);
  QueueCall call(queue);
  return queue->push([=](Queue &) { return eventSignal(event, value); });
}

aicc_status *queueAwait(aicc_driver_queue *queueHandle, aicc_driver_event *event, uint64_t value) {
  Queue *queue = own(queueHandle);
  QueueCall call(queue);
  return queue->push([=](Queue &) { return eventWait(event, value, 0); });
}

aicc_status *queueTimestamp(aicc_driver_queue *queueHandle, uint32_t slot) {
  Queue *queue = own(queueHandle);
  QueueCall call(queue);
  if (slot >= AICC_TIMESTAMP_SLOTS)
    return error(AICC_STATUS_INVALID_ARGUMENT, "there is no such slot for a timestamp");
  return queue->push([=](Queue &queue) -> aicc_status * {
    queue.times[slot] = static_cast<uint64_t>(now());
    return nullptr;
  });
}

aicc_status *timestampRead(aicc_driver_queue *queueHandle, uint32_t slot, uint64_t *ns) {
  Queue *queue = own(queueHandle);
  QueueCall call(queue);
  std::lock_guard<std::mutex> lock(queue->mutex);
  if (slot >= AICC_TIMESTAMP_SLOTS)
    return error(AICC_STATUS_INVALID_ARGUMENT, "there is no such slot for a timestamp");
  *ns = queue->times[slot];
  return nullptr;
}

} // namespace

void mock::fillQueueFunctions(aicc_driver_table &table) {
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
}
