//===- Events.cpp - timelines and timestamps of Level Zero queues -------------------------===//
//
// Level Zero's events are set once. A timeline is made of one event for each queued signal, and a word in
// host memory for its value.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/level_zero/driver/Device.h"

#include <ctime>

using namespace aicc;
using namespace aicc::level_zero;

static constexpr size_t kPoolSize = 64;

static uint64_t load(const uint64_t *word) { return __atomic_load_n(word, __ATOMIC_ACQUIRE); }

PooledEvent::~PooledEvent() {
  device->api.zeEventDestroy(handle);
  std::lock_guard<std::mutex> lock(device->mutex);
  device->freeSlots.push_back(slot);
}

static aicc_status *takeEvent(aicc_driver_device *device, EventRef &out) {
  std::lock_guard<std::mutex> lock(device->mutex);
  if (device->freeSlots.empty()) {
    ze_event_pool_desc_t description = {};
    description.stype = ZE_STRUCTURE_TYPE_EVENT_POOL_DESC;
    description.flags = ZE_EVENT_POOL_FLAG_HOST_VISIBLE;
    description.count = kPoolSize;
    ze_event_pool_handle_t pool = nullptr;
    ze_device_handle_t id = device->traits.id;
    AICC_LEVEL_ZERO_CALL(device, device->api.zeEventPoolCreate(device->context, &description, 1, &id, &pool),
                         "zeEventPoolCreate");
    for (size_t i = kPoolSize; i-- > 0;)
      device->freeSlots.push_back(device->pools.size() * kPoolSize + i);
    device->pools.push_back(pool);
  }
  size_t slot = device->freeSlots.back();
  ze_event_desc_t description = {};
  description.stype = ZE_STRUCTURE_TYPE_EVENT_DESC;
  description.index = static_cast<uint32_t>(slot % kPoolSize);
  description.signal = ZE_EVENT_SCOPE_FLAG_HOST;
  description.wait = ZE_EVENT_SCOPE_FLAG_HOST;
  ze_event_handle_t handle = nullptr;
  AICC_LEVEL_ZERO_CALL(device,
                       device->api.zeEventCreate(device->pools[slot / kPoolSize], &description, &handle),
                       "zeEventCreate");
  device->freeSlots.pop_back();
  out = std::make_shared<PooledEvent>();
  out->device = device;
  out->handle = handle;
  out->slot = slot;
  return nullptr;
}

/// Forgets the signals and the waiters that have been reached.
static void dropReached(aicc_driver_event *event) {
  uint64_t value = load(event->word);
  for (auto *points : {&event->signals, &event->waiters})
    points->erase(std::remove_if(points->begin(), points->end(),
                                 [=](const auto &point) { return point.value <= value; }),
                  points->end());
}

/// A queued signal that reaches `value`; null if there is none.
static EventRef findSignal(aicc_driver_event *event, uint64_t value) {
  for (const auto &point : event->signals)
    if (point.value >= value)
      return point.event;
  return nullptr;
}

static aicc_status *eventCreate(aicc_driver_device *device, uint64_t value, aicc_driver_event **out) {
  AICC_RETURN_IF_ERROR(checkDevice(device));
  ze_result_t code = ZE_RESULT_SUCCESS;
  void *memory = allocate(device, AICC_MEMORY_STAGING, sizeof(uint64_t), 64, code);
  AICC_LEVEL_ZERO_CALL(device, code, "an allocation");
  auto *event = new aicc_driver_event;
  event->device = device;
  event->word = static_cast<uint64_t *>(memory);
  *event->word = value;
  *out = event;
  return nullptr;
}

static void eventDestroy(aicc_driver_event *event) {
  // Queues that still wait would wait for ever.
  for (const auto &waiter : event->waiters)
    event->device->api.zeEventHostSignal(waiter.event->handle);
  release(event->device, event->word);
  delete event;
}

static aicc_status *eventQuery(aicc_driver_event *event, uint64_t *value) {
  *value = load(event->word);
  return checkDevice(event->device);
}

static aicc_status *eventSignal(aicc_driver_event *event, uint64_t value) {
  aicc_driver_device *device = event->device;
  AICC_RETURN_IF_ERROR(checkDevice(device));
  std::lock_guard<std::mutex> lock(event->mutex);
  if (value > load(event->word))
    __atomic_store_n(event->word, value, __ATOMIC_RELEASE);
  for (const auto &waiter : event->waiters)
    if (waiter.value <= value)
      AICC_LEVEL_ZERO_CALL(device, device->api.zeEventHostSignal(waiter.event->handle), "zeEventHostSignal");
  dropReached(event);
  return nullptr;
}

static aicc_status *eventWait(aicc_driver_event *event, uint64_t value, int64_t deadline) {
  aicc_driver_device *device = event->device;
  // A signal that is yet to be queued, by the host or a queue, is looked for from time to time.
  constexpr uint64_t kLook = 1000000;
  while (load(event->word) < value) {
    AICC_RETURN_IF_ERROR(checkDevice(device));
    uint64_t timeout = timeoutUntil(deadline);
    if (!timeout)
      return makeStatus(AICC_STATUS_DEADLINE_EXCEEDED, "the event has not reached its value by the deadline");
    EventRef signal;
    {
      std::lock_guard<std::mutex> lock(event->mutex);
      signal = findSignal(event, value);
    }
    if (!signal) {
      timespec time = {0, static_cast<long>(std::min(timeout, kLook / 10))};
      nanosleep(&time, nullptr);
      continue;
    }
    ze_result_t code = device->api.zeEventHostSynchronize(signal->handle, std::min(timeout, kLook));
    if (code != ZE_RESULT_NOT_READY)
      AICC_LEVEL_ZERO_CALL(device, code, "zeEventHostSynchronize");
  }
  return nullptr;
}

static aicc_status *queueSignal(aicc_driver_queue *queue, aicc_driver_event *event, uint64_t value) {
  aicc_driver_device *device = queue->device;
  const Api &api = device->api;
  AICC_RETURN_IF_ERROR(checkDevice(device));
  EventRef signal;
  AICC_RETURN_IF_ERROR(takeEvent(device, signal));
  Batch *batch = nullptr;
  AICC_RETURN_IF_ERROR(openBatch(queue, batch));
  AICC_LEVEL_ZERO_CALL(device,
                       api.zeCommandListAppendMemoryFill(batch->list, event->word, &value, sizeof(value),
                                                         sizeof(value), nullptr, 0, nullptr),
                       "a fill");
  AICC_LEVEL_ZERO_CALL(device, api.zeCommandListAppendBarrier(batch->list, nullptr, 0, nullptr),
                       "zeCommandListAppendBarrier");
  AICC_LEVEL_ZERO_CALL(device, api.zeCommandListAppendSignalEvent(batch->list, signal->handle),
                       "zeCommandListAppendSignalEvent");
  batch->events.push_back(signal);
  std::lock_guard<std::mutex> lock(event->mutex);
  dropReached(event);
  // The host may reach a waiter's value before this queue does: then the event is set twice, which does no
  // harm.
  for (const auto &waiter : event->waiters) {
    if (waiter.value > value)
      continue;
    AICC_LEVEL_ZERO_CALL(device, api.zeCommandListAppendSignalEvent(batch->list, waiter.event->handle),
                         "zeCommandListAppendSignalEvent");
    batch->events.push_back(waiter.event);
  }
  event->signals.push_back({value, signal});
  return endCommand(queue);
}

static aicc_status *queueAwait(aicc_driver_queue *queue, aicc_driver_event *event, uint64_t value) {
  aicc_driver_device *device = queue->device;
  AICC_RETURN_IF_ERROR(checkDevice(device));
  std::lock_guard<std::mutex> lock(event->mutex);
  if (load(event->word) >= value)
    return nullptr;
  EventRef signal = findSignal(event, value);
  bool isNew = !signal;
  if (isNew)
    AICC_RETURN_IF_ERROR(takeEvent(device, signal));
  Batch *batch = nullptr;
  AICC_RETURN_IF_ERROR(openBatch(queue, batch));
  AICC_LEVEL_ZERO_CALL(device, device->api.zeCommandListAppendWaitOnEvents(batch->list, 1, &signal->handle),
                       "zeCommandListAppendWaitOnEvents");
  batch->events.push_back(signal);
  if (isNew)
    event->waiters.push_back({value, signal});
  return endCommand(queue);
}

static aicc_status *queueTimestamp(aicc_driver_queue *queue, uint32_t slot) {
  aicc_driver_device *device = queue->device;
  AICC_RETURN_IF_ERROR(checkDevice(device));
  if (slot >= AICC_TIMESTAMP_SLOTS)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "there is no timestamp %u", slot);
  if (!queue->timestamps) {
    ze_result_t code = ZE_RESULT_SUCCESS;
    void *memory = allocate(device, AICC_MEMORY_STAGING, AICC_TIMESTAMP_SLOTS * sizeof(uint64_t), 64, code);
    AICC_LEVEL_ZERO_CALL(device, code, "an allocation");
    queue->timestamps = static_cast<uint64_t *>(memory);
    std::memset(queue->timestamps, 0, AICC_TIMESTAMP_SLOTS * sizeof(uint64_t));
  }
  Batch *batch = nullptr;
  AICC_RETURN_IF_ERROR(openBatch(queue, batch));
  AICC_LEVEL_ZERO_CALL(device,
                       device->api.zeCommandListAppendWriteGlobalTimestamp(
                           batch->list, &queue->timestamps[slot], nullptr, 0, nullptr),
                       "zeCommandListAppendWriteGlobalTimestamp");
  return endCommand(queue);
}

static aicc_status *timestampRead(aicc_driver_queue *queue, uint32_t slot, uint64_t *ns) {
  uint64_t ticks = slot < AICC_TIMESTAMP_SLOTS && queue->timestamps ? load(&queue->timestamps[slot]) : 0;
  if (!ticks)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "timestamp %u was never marked", slot);
  const Traits &traits = queue->device->traits;
  *ns = static_cast<uint64_t>(static_cast<unsigned __int128>(ticks & traits.timestampMask) * 1000000000 /
                              std::max<uint64_t>(traits.ticksPerSecond, 1));
  return nullptr;
}

void level_zero::fillEventTable(aicc_driver_table &table) {
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
