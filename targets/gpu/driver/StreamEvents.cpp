//===- StreamEvents.cpp - timelines and timestamps of a stream API ------------------------===//
//
// A timeline is a 64-bit word in pinned memory that streams write and wait for, so that one may be awaited
// before it is signalled. A timestamp is an event of the library; its time is counted from another one.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/StreamDriver.h"

using namespace aicc::gpu;

/// Each word has a line of its own.
static constexpr size_t kSignalStride = 64, kSignalBlock = 4096;

static aicc_status *takeSignal(aicc_driver_device *device, uint64_t **out) {
  const StreamApi &api = device->api();
  if (api.signalAlloc) {
    void *word = nullptr;
    AICC_STREAM_CALL(device, api.signalAlloc(&word), "making a timeline");
    *out = static_cast<uint64_t *>(word);
    return nullptr;
  }
  {
    std::lock_guard<std::mutex> lock(device->mutex);
    if (!device->signals.empty()) {
      *out = device->signals.back();
      device->signals.pop_back();
      return nullptr;
    }
  }
  void *block = nullptr;
  AICC_STREAM_CALL(device, api.hostAlloc(&block, kSignalBlock, kHostPortable | kHostMapped),
                   "making a timeline");
  std::lock_guard<std::mutex> lock(device->mutex);
  device->signalBlocks.push_back(block);
  for (size_t offset = kSignalStride; offset < kSignalBlock; offset += kSignalStride)
    device->signals.push_back(reinterpret_cast<uint64_t *>(static_cast<char *>(block) + offset));
  *out = static_cast<uint64_t *>(block);
  return nullptr;
}

static void returnSignal(aicc_driver_device *device, uint64_t *word) {
  if (device->api().signalAlloc) {
    device->api().memoryFree(word);
    return;
  }
  std::lock_guard<std::mutex> lock(device->mutex);
  device->signals.push_back(word);
}

static aicc_status *eventCreate(aicc_driver_device *device, uint64_t value, aicc_driver_event **out) {
  AICC_ENTER_DEVICE(device);
  uint64_t *word = nullptr;
  if (aicc_status *status = takeSignal(device, &word))
    return status;
  void *address = word;
  if (!device->api().signalAlloc)
    if (int code = device->api().hostDeviceAddress(&address, word, 0)) {
      returnSignal(device, word);
      return streamFailure(device, code, "making a timeline");
    }
  __atomic_store_n(word, value, __ATOMIC_RELEASE);
  *out = new aicc_driver_event{device, word, address};
  return nullptr;
}

static void eventDestroy(aicc_driver_event *event) {
  StreamScope scope(event->device);
  returnSignal(event->device, event->word);
  delete event;
}

static aicc_status *eventQuery(aicc_driver_event *event, uint64_t *value) {
  if (aicc_status *status = checkDevice(event->device))
    return status;
  *value = __atomic_load_n(event->word, __ATOMIC_ACQUIRE);
  return nullptr;
}

static aicc_status *eventSignal(aicc_driver_event *event, uint64_t value) {
  if (aicc_status *status = checkDevice(event->device))
    return status;
  uint64_t now = __atomic_load_n(event->word, __ATOMIC_ACQUIRE);
  while (now < value &&
         !__atomic_compare_exchange_n(event->word, &now, value, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    ;
  return nullptr;
}

static aicc_status *eventWait(aicc_driver_event *event, uint64_t value, int64_t deadline) {
  aicc_driver_device *device = event->device;
  AICC_ENTER_DEVICE(device);
  struct Wait {
    aicc_driver_event *event;
    uint64_t value;
  } wait = {event, value};
  // The idle stream is asked, too: it reports a device that will never signal.
  const auto poll = [](void *user) {
    auto *waiting = static_cast<Wait *>(user);
    if (__atomic_load_n(waiting->event->word, __ATOMIC_ACQUIRE) >= waiting->value)
      return static_cast<int>(kStreamOk);
    aicc_driver_device *device = waiting->event->device;
    int code = device->api().streamQuery(device->service);
    return code == kStreamOk ? static_cast<int>(kStreamNotReady) : code;
  };
  return pollUntil(device, deadline, "waiting for a timeline", poll, &wait);
}

static aicc_status *refuse(aicc_driver_queue *queue, const char *what) {
  return queue->recording
             ? makeStatus(AICC_STATUS_INVALID_ARGUMENT, "%s between commands_begin and commands_end", what)
             : nullptr;
}

static aicc_status *queueSignal(aicc_driver_queue *queue, aicc_driver_event *event, uint64_t value) {
  if (aicc_status *status = refuse(queue, "queue_signal"))
    return status;
  aicc_driver_device *device = queue->device;
  AICC_ENTER_DEVICE(device);
  AICC_STREAM_CALL(device, device->api().streamWriteValue(queue->stream, event->address, value, 0),
                   "a signal");
  return nullptr;
}

static aicc_status *queueAwait(aicc_driver_queue *queue, aicc_driver_event *event, uint64_t value) {
  if (aicc_status *status = refuse(queue, "queue_await"))
    return status;
  aicc_driver_device *device = queue->device;
  AICC_ENTER_DEVICE(device);
  AICC_STREAM_CALL(device, device->api().streamWaitValue(queue->stream, event->address, value, 0),
                   "waiting for a signal");
  return nullptr;
}

/// A float of milliseconds is exact to 61 ns for one second, which is when the origin moves on; but only
/// while the queue is empty, for only then it is known when the new one happens.
static aicc_status *provideOrigin(aicc_driver_queue *queue) {
  constexpr uint64_t kOriginLife = 1000000000;
  aicc_driver_device *device = queue->device;
  const StreamApi &api = device->api();
  const uint64_t now = static_cast<uint64_t>(monotonicNow());
  if (!queue->origins.empty() &&
      (now - queue->origins.back().ns < kOriginLife || api.streamQuery(queue->stream) != kStreamOk))
    return nullptr;
  void *event = nullptr;
  AICC_STREAM_CALL(device, api.eventCreate(&event, 0), "making an event");
  if (int code = api.eventRecord(event, queue->stream)) {
    api.eventDestroy(event);
    return streamFailure(device, code, "a timestamp");
  }
  queue->origins.push_back({event, now});
  return nullptr;
}

static aicc_status *queueTimestamp(aicc_driver_queue *queue, uint32_t slot) {
  if (slot >= AICC_TIMESTAMP_SLOTS)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "there is no timestamp %u", slot);
  if (aicc_status *status = refuse(queue, "queue_timestamp"))
    return status;
  aicc_driver_device *device = queue->device;
  AICC_ENTER_DEVICE(device);
  if (aicc_status *status = provideOrigin(queue))
    return status;
  if (slot >= queue->timestamps.size())
    queue->timestamps.resize(slot + 1);
  aicc_driver_queue::Timestamp &timestamp = queue->timestamps[slot];
  if (!timestamp.event)
    AICC_STREAM_CALL(device, device->api().eventCreate(&timestamp.event, 0), "making an event");
  AICC_STREAM_CALL(device, device->api().eventRecord(timestamp.event, queue->stream), "a timestamp");
  timestamp.origin = static_cast<unsigned>(queue->origins.size() - 1);
  return nullptr;
}

static aicc_status *timestampRead(aicc_driver_queue *queue, uint32_t slot, uint64_t *ns) {
  aicc_driver_device *device = queue->device;
  if (slot >= queue->timestamps.size() || !queue->timestamps[slot].event)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "timestamp %u was not taken", slot);
  AICC_ENTER_DEVICE(device);
  const aicc_driver_queue::Timestamp &timestamp = queue->timestamps[slot];
  const aicc_driver_queue::Origin &origin = queue->origins[timestamp.origin];
  float milliseconds = 0;
  AICC_STREAM_CALL(device, device->api().eventElapsedTime(&milliseconds, origin.event, timestamp.event),
                   "reading a timestamp");
  *ns = origin.ns + static_cast<uint64_t>(static_cast<double>(milliseconds) * 1e6);
  return nullptr;
}

void aicc::gpu::releaseTimestamps(aicc_driver_queue *queue) {
  for (const aicc_driver_queue::Timestamp &timestamp : queue->timestamps)
    if (timestamp.event)
      queue->device->api().eventDestroy(timestamp.event);
  for (const aicc_driver_queue::Origin &origin : queue->origins)
    queue->device->api().eventDestroy(origin.event);
}

void aicc::gpu::fillEventTable(aicc_driver_table &table) {
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
