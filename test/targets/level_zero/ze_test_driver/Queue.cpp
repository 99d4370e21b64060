//===- Queue.cpp - the test driver's queues, fences and events ----------------------------===//
//
// What becomes set is a Signal: fences by a marker's callback, events by a list's command or the host.
//
//===--------------------------------------------------------------------------------------===//
#include "test/targets/level_zero/ze_test_driver/TestDriver.h"

#include <algorithm>
#include <chrono>

using namespace zetest;

static const Api &api() { return *device()->api; }

void Signal::set() {
  std::vector<cl_event> released;
  {
    std::lock_guard<std::mutex> lock(mutex);
    value = true;
    released.swap(waiters);
  }
  changed.notify_all();
  for (cl_event event : released) {
    api().clSetUserEventStatus(event, CL_COMPLETE);
    api().clReleaseEvent(event);
  }
}

void Signal::reset() {
  std::lock_guard<std::mutex> lock(mutex);
  value = false;
}

bool Signal::isSet() {
  std::lock_guard<std::mutex> lock(mutex);
  return value;
}

ze_result_t Signal::wait(uint64_t timeout) {
  std::unique_lock<std::mutex> lock(mutex);
  const auto isDone = [this] { return value; };
  if (timeout == UINT64_MAX) {
    // So that a loss on another thread is noticed.
    while (!changed.wait_for(lock, std::chrono::milliseconds(50), isDone))
      if (isLost())
        return ZE_RESULT_ERROR_DEVICE_LOST;
    return ZE_RESULT_SUCCESS;
  }
  return changed.wait_for(lock, std::chrono::nanoseconds(timeout), isDone) ? ZE_RESULT_SUCCESS
                                                                           : ZE_RESULT_NOT_READY;
}

cl_int Signal::hold(cl_command_queue queue) {
  cl_int code = CL_SUCCESS;
  cl_event event = api().clCreateUserEvent(device()->context, &code);
  if (code != CL_SUCCESS)
    return code;
  code = api().clEnqueueBarrierWithWaitList(queue, 1, &event, nullptr);
  if (code != CL_SUCCESS) {
    api().clReleaseEvent(event);
    return code;
  }
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (!value) {
      waiters.push_back(event);
      return CL_SUCCESS;
    }
  }
  api().clSetUserEventStatus(event, CL_COMPLETE);
  api().clReleaseEvent(event);
  return CL_SUCCESS;
}

/// All queues there are.
static std::vector<cl_command_queue> queues;
static std::mutex queuesMutex;

void zetest::finishAll() {
  std::lock_guard<std::mutex> lock(queuesMutex);
  for (cl_command_queue queue : queues)
    api().clFinish(queue);
}

static ze_result_t ZE_APICALL queueCreate(ze_context_handle_t, ze_device_handle_t,
                                          const ze_command_queue_desc_t *, ze_command_queue_handle_t *out) {
  ZE_TEST_ENTER("zeCommandQueueCreate");
  const cl_queue_properties properties[] = {CL_QUEUE_PROPERTIES, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, 0};
  cl_int code = CL_SUCCESS;
  cl_command_queue queue =
      api().clCreateCommandQueueWithProperties(device()->context, device()->id, properties, &code);
  if (code != CL_SUCCESS)
    return translate(code);
  std::lock_guard<std::mutex> lock(queuesMutex);
  queues.push_back(queue);
  return give(new CommandQueue{queue}, out);
}

static ze_result_t ZE_APICALL queueDestroy(ze_command_queue_handle_t handle) {
  auto *queue = from<CommandQueue>(handle);
  {
    std::lock_guard<std::mutex> lock(queuesMutex);
    queues.erase(std::remove(queues.begin(), queues.end(), queue->queue), queues.end());
  }
  api().clFinish(queue->queue);
  api().clReleaseCommandQueue(queue->queue);
  return destroy(queue);
}

static ze_result_t ZE_APICALL queueSynchronize(ze_command_queue_handle_t handle, uint64_t timeout) {
  ZE_TEST_ENTER("zeCommandQueueSynchronize");
  if (timeout != UINT64_MAX)
    return ZE_RESULT_ERROR_UNSUPPORTED_FEATURE;
  return translate(api().clFinish(from<CommandQueue>(handle)->queue));
}

static ze_result_t ZE_APICALL queueExecute(ze_command_queue_handle_t handle, uint32_t count,
                                           ze_command_list_handle_t *lists, ze_fence_handle_t fence) {
  ZE_TEST_ENTER("zeCommandQueueExecuteCommandLists");
  cl_command_queue queue = from<CommandQueue>(handle)->queue;
  for (uint32_t i = 0; i < count; ++i) {
    auto *list = from<CommandList>(lists[i]);
    if (!list->isClosed)
      return ZE_RESULT_ERROR_INVALID_ARGUMENT;
    for (const auto &command : list->commands)
      if (cl_int code = command(queue); code != CL_SUCCESS)
        return translate(code);
  }
  if (fence) {
    cl_event event = nullptr;
    cl_int code = api().clEnqueueMarkerWithWaitList(queue, 0, nullptr, &event);
    if (code != CL_SUCCESS)
      return translate(code);
    const auto callback = [](cl_event, cl_int, void *user) {
      std::unique_ptr<std::shared_ptr<Signal>> own(static_cast<std::shared_ptr<Signal> *>(user));
      (*own)->set();
    };
    code = api().clSetEventCallback(event, CL_COMPLETE, callback,
                                    new std::shared_ptr<Signal>(from<Fence>(fence)->signal));
    api().clReleaseEvent(event);
    if (code != CL_SUCCESS)
      return translate(code);
  }
  return translate(api().clFlush(queue));
}

static ze_result_t ZE_APICALL fenceCreate(ze_command_queue_handle_t, const ze_fence_desc_t *,
                                          ze_fence_handle_t *out) {
  ZE_TEST_ENTER("zeFenceCreate");
  return give(new Fence, out);
}

static ze_result_t ZE_APICALL fenceDestroy(ze_fence_handle_t fence) { return destroy(from<Fence>(fence)); }

static ze_result_t ZE_APICALL fenceSynchronize(ze_fence_handle_t fence, uint64_t timeout) {
  ZE_TEST_ENTER("zeFenceHostSynchronize");
  return from<Fence>(fence)->signal->wait(timeout);
}

static ze_result_t ZE_APICALL fenceQuery(ze_fence_handle_t fence) {
  ZE_TEST_ENTER("zeFenceQueryStatus");
  return from<Fence>(fence)->signal->isSet() ? ZE_RESULT_SUCCESS : ZE_RESULT_NOT_READY;
}

static ze_result_t ZE_APICALL fenceReset(ze_fence_handle_t fence) {
  ZE_TEST_ENTER("zeFenceReset");
  from<Fence>(fence)->signal->reset();
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL poolCreate(ze_context_handle_t, const ze_event_pool_desc_t *from, uint32_t,
                                         ze_device_handle_t *, ze_event_pool_handle_t *out) {
  ZE_TEST_ENTER("zeEventPoolCreate");
  return give(new EventPool{from->count, std::vector<bool>(from->count)}, out);
}

static ze_result_t ZE_APICALL poolDestroy(ze_event_pool_handle_t pool) {
  return destroy(from<EventPool>(pool));
}

static ze_result_t ZE_APICALL eventCreate(ze_event_pool_handle_t handle, const ze_event_desc_t *description,
                                          ze_event_handle_t *out) {
  ZE_TEST_ENTER("zeEventCreate");
  auto *pool = from<EventPool>(handle);
  std::lock_guard<std::mutex> lock(device()->mutex);
  if (description->index >= pool->count || pool->isTaken[description->index])
    return ZE_RESULT_ERROR_INVALID_ARGUMENT;
  pool->isTaken[description->index] = true;
  auto *event = new Event;
  event->pool = pool;
  event->index = description->index;
  return give(event, out);
}

static ze_result_t ZE_APICALL eventDestroy(ze_event_handle_t handle) {
  auto *event = from<Event>(handle);
  {
    std::lock_guard<std::mutex> lock(device()->mutex);
    event->pool->isTaken[event->index] = false;
  }
  return destroy(event);
}

static ze_result_t ZE_APICALL eventSignal(ze_event_handle_t event) {
  from<Event>(event)->signal->set();
  return ZE_RESULT_SUCCESS;
}

static ze_result_t ZE_APICALL eventSynchronize(ze_event_handle_t event, uint64_t timeout) {
  ZE_TEST_ENTER("zeEventHostSynchronize");
  return from<Event>(event)->signal->wait(timeout);
}

void zetest::fillQueueTables(ze_command_queue_dditable_t *queue, ze_fence_dditable_t *fence,
                             ze_event_pool_dditable_t *pool, ze_event_dditable_t *event) {
  if (queue) {
    queue->pfnCreate = queueCreate;
    queue->pfnDestroy = queueDestroy;
    queue->pfnSynchronize = queueSynchronize;
    queue->pfnExecuteCommandLists = queueExecute;
  }
  if (fence) {
    fence->pfnCreate = fenceCreate;
    fence->pfnDestroy = fenceDestroy;
    fence->pfnHostSynchronize = fenceSynchronize;
    fence->pfnQueryStatus = fenceQuery;
    fence->pfnReset = fenceReset;
  }
  if (pool) {
    pool->pfnCreate = poolCreate;
    pool->pfnDestroy = poolDestroy;
  }
  if (event) {
    event->pfnCreate = eventCreate;
    event->pfnDestroy = eventDestroy;
    event->pfnHostSignal = eventSignal;
    event->pfnHostSynchronize = eventSynchronize;
  }
}
