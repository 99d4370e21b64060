//===- Events.cpp - timelines and timestamps of OpenCL queues -----------------------------===//
//
// A timeline's value lives with the host: a queue raises it by a marker's callback, and a queue waits for it
// by a user event. Timestamps are markers whose end the device has noted.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/opencl/driver/Device.h"

#include <algorithm>
#include <chrono>

using namespace aicc;
using namespace aicc::opencl;

void Timeline::reach(uint64_t reached) {
  std::vector<Waiter> released;
  bool failed = false;
  uint64_t now = 0;
  {
    std::lock_guard<std::mutex> lock(mutex);
    now = value = std::max(value, reached);
    failed = hasFailed;
    // Nobody will raise a timeline that has failed.
    const auto waits = [&](const Waiter &waiter) { return !failed && waiter.value > now; };
    const auto done = std::partition(waiters.begin(), waiters.end(), waits);
    released.assign(done, waiters.end());
    waiters.erase(done, waiters.end());
  }
  changed.notify_all();
  for (const Waiter &waiter : released) {
    api.clSetUserEventStatus(
        waiter.event, waiter.value <= now ? CL_COMPLETE : CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
    api.clReleaseEvent(waiter.event);
  }
}

void Timeline::fail() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    hasFailed = true;
  }
  reach(0);
}

aicc_status_code Timeline::wait(uint64_t wanted, int64_t deadline) {
  std::unique_lock<std::mutex> lock(mutex);
  const auto isDone = [&] { return value >= wanted || hasFailed; };
  if (!deadline)
    changed.wait(lock, isDone);
  else if (std::chrono::steady_clock::time_point time{std::chrono::nanoseconds(deadline)};
           !changed.wait_until(lock, time, isDone))
    return AICC_STATUS_DEADLINE_EXCEEDED;
  return value >= wanted ? AICC_STATUS_OK : AICC_STATUS_DEVICE_LOST;
}

static aicc_status *eventCreate(aicc_driver_device *device, uint64_t value, aicc_driver_event **out) {
  AICC_RETURN_IF_ERROR(checkDevice(device));
  auto *event = new aicc_driver_event{std::make_shared<Timeline>(device->api)};
  event->timeline->value = value;
  *out = event;
  return nullptr;
}

static void eventDestroy(aicc_driver_event *event) {
  // Queues that still wait would wait for ever.
  event->timeline->fail();
  delete event;
}

static aicc_status *eventQuery(aicc_driver_event *event, uint64_t *value) {
  std::lock_guard<std::mutex> lock(event->timeline->mutex);
  *value = event->timeline->value;
  if (event->timeline->hasFailed)
    return makeStatus(AICC_STATUS_DEVICE_LOST, "the device that was to signal an event stopped working");
  return nullptr;
}

static aicc_status *eventSignal(aicc_driver_event *event, uint64_t value) {
  event->timeline->reach(value);
  return nullptr;
}

static aicc_status *eventWait(aicc_driver_event *event, uint64_t value, int64_t deadline) {
  aicc_status_code code = event->timeline->wait(value, deadline);
  if (code == AICC_STATUS_DEADLINE_EXCEEDED)
    return makeStatus(code, "the event has not reached its value by the deadline");
  return makeStatus(code, "the device that was to signal an event stopped working");
}

static aicc_status *queueSignal(aicc_driver_queue *queue, aicc_driver_event *event, uint64_t value) {
  AICC_RETURN_IF_ERROR(checkDevice(queue->device));
  return enqueueReach(queue, event->timeline, value);
}

static aicc_status *queueAwait(aicc_driver_queue *queue, aicc_driver_event *event, uint64_t value) {
  aicc_driver_device *device = queue->device;
  const Api &api = device->api;
  AICC_RETURN_IF_ERROR(checkDevice(device));
  cl_int code = CL_SUCCESS;
  cl_event user = api.clCreateUserEvent(device->context, &code);
  AICC_OPENCL_CALL(device, code, "clCreateUserEvent");
  code = api.clEnqueueBarrierWithWaitList(queue->queue, 1, &user, nullptr);
  if (code != CL_SUCCESS) {
    api.clReleaseEvent(user);
    return failure(device, code, "a barrier");
  }
  Timeline &timeline = *event->timeline;
  {
    std::lock_guard<std::mutex> lock(timeline.mutex);
    timeline.waiters.push_back({value, user});
  }
  // Releases the new waiter at once if the value has been reached, or never will be.
  timeline.reach(0);
  return nullptr;
}

static aicc_status *queueTimestamp(aicc_driver_queue *queue, uint32_t slot) {
  aicc_driver_device *device = queue->device;
  AICC_RETURN_IF_ERROR(checkDevice(device));
  if (slot >= AICC_TIMESTAMP_SLOTS)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "there is no timestamp %u", slot);
  if (slot >= queue->timestamps.size())
    queue->timestamps.resize(slot + 1);
  cl_event event = nullptr;
  AICC_OPENCL_CALL(device, device->api.clEnqueueMarkerWithWaitList(queue->queue, 0, nullptr, &event),
                   "a marker");
  if (queue->timestamps[slot])
    device->api.clReleaseEvent(queue->timestamps[slot]);
  queue->timestamps[slot] = event;
  return nullptr;
}

static aicc_status *timestampRead(aicc_driver_queue *queue, uint32_t slot, uint64_t *ns) {
  aicc_driver_device *device = queue->device;
  if (slot >= queue->timestamps.size() || !queue->timestamps[slot])
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "timestamp %u was never marked", slot);
  cl_ulong time = 0;
  AICC_OPENCL_CALL(device,
                   device->api.clGetEventProfilingInfo(queue->timestamps[slot], CL_PROFILING_COMMAND_END,
                                                       sizeof(time), &time, nullptr),
                   "clGetEventProfilingInfo");
  *ns = time;
  return nullptr;
}

void opencl::fillEventTable(aicc_driver_table &table) {
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
