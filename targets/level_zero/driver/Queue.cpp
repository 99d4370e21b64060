//===- Queue.cpp - in-order queues of Level Zero devices ----------------------------------===//
//
// Batches of commands: how they are opened, given to the device and taken back, and the commands themselves.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/level_zero/driver/Device.h"

using namespace aicc;
using namespace aicc::level_zero;

/// Commands after which a batch is given to the device without being asked for, so that it has something to
/// do.
static constexpr unsigned kBatchSize = 32;

/// Destroys a batch that the device does not have. Scratch memory that was replaced in it may be in use by
/// others.
static void destroyBatch(aicc_driver_queue *queue, Batch &batch) {
  const Api &api = queue->device->api;
  queue->retired.insert(queue->retired.end(), batch.scratch.begin(), batch.scratch.end());
  batch.events.clear();
  if (batch.fence)
    api.zeFenceDestroy(batch.fence);
  if (batch.list)
    api.zeCommandListDestroy(batch.list);
}

/// A batch that is done becomes idle.
static aicc_status *recycle(aicc_driver_queue *queue, std::unique_ptr<Batch> batch) {
  aicc_driver_device *device = queue->device;
  for (void *memory : batch->scratch)
    release(device, memory);
  batch->scratch.clear();
  batch->events.clear();
  batch->commandCount = 0;
  ze_result_t code = device->api.zeFenceReset(batch->fence);
  if (code == ZE_RESULT_SUCCESS && batch->list)
    code = device->api.zeCommandListReset(batch->list);
  if (code != ZE_RESULT_SUCCESS) {
    destroyBatch(queue, *batch);
    return failure(device, code, "resetting a command list");
  }
  queue->idle.push_back(std::move(batch));
  return nullptr;
}

/// Takes back what is done, without waiting.
static aicc_status *reap(aicc_driver_queue *queue) {
  while (!queue->pending.empty()) {
    ze_result_t code = queue->device->api.zeFenceQueryStatus(queue->pending.front()->fence);
    if (code == ZE_RESULT_NOT_READY)
      return nullptr;
    AICC_LEVEL_ZERO_CALL(queue->device, code, "work in the queue");
    std::unique_ptr<Batch> batch = std::move(queue->pending.front());
    queue->pending.pop_front();
    AICC_RETURN_IF_ERROR(recycle(queue, std::move(batch)));
  }
  return nullptr;
}

aicc_status *level_zero::takeBatch(aicc_driver_queue *queue, std::unique_ptr<Batch> &out) {
  if (!queue->idle.empty()) {
    out = std::move(queue->idle.back());
    queue->idle.pop_back();
    return nullptr;
  }
  auto batch = std::make_unique<Batch>();
  const ze_fence_desc_t description = {ZE_STRUCTURE_TYPE_FENCE_DESC, nullptr, 0};
  AICC_LEVEL_ZERO_CALL(queue->device,
                       queue->device->api.zeFenceCreate(queue->queue, &description, &batch->fence),
                       "zeFenceCreate");
  out = std::move(batch);
  return nullptr;
}

static aicc_status *createList(aicc_driver_device *device, ze_command_list_handle_t &out) {
  const ze_command_list_desc_t description = {ZE_STRUCTURE_TYPE_COMMAND_LIST_DESC, nullptr,
                                              device->traits.queueGroup, 0};
  AICC_LEVEL_ZERO_CALL(
      device, device->api.zeCommandListCreate(device->context, device->traits.id, &description, &out),
      "zeCommandListCreate");
  return nullptr;
}

aicc_status *level_zero::openBatch(aicc_driver_queue *queue, Batch *&out) {
  if (!queue->open) {
    std::unique_ptr<Batch> batch;
    AICC_RETURN_IF_ERROR(takeBatch(queue, batch));
    aicc_status *status = batch->list ? nullptr : createList(queue->device, batch->list);
    if (status) {
      destroyBatch(queue, *batch);
      return status;
    }
    queue->open = std::move(batch);
  }
  out = queue->open.get();
  return nullptr;
}

aicc_status *level_zero::openList(aicc_driver_queue *queue, ze_command_list_handle_t &out) {
  if (aicc_driver_commands *recording = queue->recording.get()) {
    if (!recording->list)
      AICC_RETURN_IF_ERROR(createList(queue->device, recording->list));
    out = recording->list;
    return nullptr;
  }
  Batch *batch = nullptr;
  AICC_RETURN_IF_ERROR(openBatch(queue, batch));
  out = batch->list;
  return nullptr;
}

aicc_status *level_zero::endCommand(aicc_driver_queue *queue) {
  aicc_driver_device *device = queue->device;
  ze_command_list_handle_t list = queue->recording ? queue->recording->list : queue->open->list;
  AICC_LEVEL_ZERO_CALL(device, device->api.zeCommandListAppendBarrier(list, nullptr, 0, nullptr),
                       "zeCommandListAppendBarrier");
  if (queue->recording) {
    ++queue->recording->commandCount;
    return nullptr;
  }
  return ++queue->open->commandCount >= kBatchSize ? flush(queue) : nullptr;
}

aicc_status *level_zero::submit(aicc_driver_queue *queue, ze_command_list_handle_t list,
                                std::unique_ptr<Batch> batch) {
  aicc_driver_device *device = queue->device;
  ze_result_t code = device->api.zeCommandQueueExecuteCommandLists(queue->queue, 1, &list, batch->fence);
  if (code != ZE_RESULT_SUCCESS) {
    destroyBatch(queue, *batch);
    return failure(device, code, "zeCommandQueueExecuteCommandLists");
  }
  queue->pending.push_back(std::move(batch));
  return nullptr;
}

aicc_status *level_zero::flush(aicc_driver_queue *queue) {
  aicc_driver_device *device = queue->device;
  AICC_RETURN_IF_ERROR(reap(queue));
  if (!queue->open || !queue->open->commandCount)
    return nullptr;
  std::unique_ptr<Batch> batch = std::move(queue->open);
  ze_command_list_handle_t list = batch->list;
  ze_result_t code = device->api.zeCommandListClose(list);
  if (code != ZE_RESULT_SUCCESS) {
    destroyBatch(queue, *batch);
    return failure(device, code, "zeCommandListClose");
  }
  return submit(queue, list, std::move(batch));
}

static aicc_status *queueCreate(aicc_driver_device *device, aicc_driver_queue **out) {
  AICC_RETURN_IF_ERROR(checkDevice(device));
  ze_command_queue_desc_t description = {};
  description.stype = ZE_STRUCTURE_TYPE_COMMAND_QUEUE_DESC;
  description.ordinal = device->traits.queueGroup;
  // Queues share the device's engines in turn.
  description.index = device->nextQueue.fetch_add(1) % device->traits.queueCount;
  description.mode = ZE_COMMAND_QUEUE_MODE_ASYNCHRONOUS;
  description.priority = ZE_COMMAND_QUEUE_PRIORITY_NORMAL;
  auto queue = std::make_unique<aicc_driver_queue>();
  queue->device = device;
  AICC_LEVEL_ZERO_CALL(
      device,
      device->api.zeCommandQueueCreate(device->context, device->traits.id, &description, &queue->queue),
      "zeCommandQueueCreate");
  *out = queue.release();
  return nullptr;
}

static aicc_status *queueWait(aicc_driver_queue *queue, int64_t deadline) {
  aicc_driver_device *device = queue->device;
  AICC_RETURN_IF_ERROR(checkDevice(device));
  AICC_RETURN_IF_ERROR(flush(queue));
  while (!queue->pending.empty()) {
    ze_result_t code =
        device->api.zeFenceHostSynchronize(queue->pending.front()->fence, timeoutUntil(deadline));
    if (code == ZE_RESULT_NOT_READY && deadline)
      return makeStatus(AICC_STATUS_DEADLINE_EXCEEDED,
                        "the queue of Level Zero device %s is not empty by the deadline",
                        device->traits.name.c_str());
    if (code != ZE_RESULT_NOT_READY)
      AICC_LEVEL_ZERO_CALL(device, code, "work in the queue");
    AICC_RETURN_IF_ERROR(reap(queue));
  }
  return nullptr;
}

static void queueDestroy(aicc_driver_queue *queue) {
  aicc_driver_device *device = queue->device;
  if (queue->recording)
    destroyCommands(queue->recording.release());
  // Whatever a fence says, nothing of the queue may run on; but on a lost device there is nothing to wait
  // for.
  if (aicc_status *status = queueWait(queue, 0)) {
    aicc_status_destroy(status);
    if (!device->isLost)
      device->api.zeCommandQueueSynchronize(queue->queue, UINT64_MAX);
  }
  if (queue->open)
    destroyBatch(queue, *queue->open);
  for (const auto &batch : queue->pending)
    destroyBatch(queue, *batch);
  for (const auto &batch : queue->idle)
    destroyBatch(queue, *batch);
  for (void *memory : queue->retired)
    release(device, memory);
  if (queue->scratch)
    release(device, queue->scratch);
  if (queue->timestamps)
    release(device, queue->timestamps);
  device->api.zeCommandQueueDestroy(queue->queue);
  delete queue;
}

/// Scratch memory of at least `size` bytes; `capacity` becomes what it has. Growing by halves keeps the
/// number of buffers small that are given up while work may still use them.
static aicc_status *makeScratch(aicc_driver_device *device, uint64_t size, void *&memory,
                                uint64_t &capacity) {
  uint64_t wanted = std::max(size, capacity + capacity / 2);
  ze_result_t code = ZE_RESULT_SUCCESS;
  memory = allocate(device, AICC_MEMORY_DEVICE, wanted, 64, code);
  if (!memory && wanted > size)
    memory = allocate(device, AICC_MEMORY_DEVICE, wanted = size, 64, code);
  if (!memory && code == ZE_RESULT_ERROR_DEVICE_LOST)
    return failure(device, code, "an allocation");
  if (!memory)
    return makeStatus(AICC_STATUS_OUT_OF_MEMORY,
                      "Level Zero device %s has no %s of memory for a kernel's scratch",
                      device->traits.name.c_str(), gpu::formatBytes(wanted).c_str());
  capacity = wanted;
  return nullptr;
}

static aicc_status *checkDispatch(const aicc_driver_device *device, const aicc_driver_dispatch &dispatch,
                                  uint64_t &scratch) {
  if (dispatch.entry >= dispatch.executable->entries.size())
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "the executable has no kernel %u", dispatch.entry);
  const aicc_driver_executable::Entry &entry = *dispatch.executable->entries[dispatch.entry];
  if (dispatch.buffer_count != entry.bufferCount || dispatch.param_count != entry.paramCount)
    return makeStatus(
        AICC_STATUS_INVALID_ARGUMENT, "kernel %s takes %u buffers and %u parameters, and is given %u and %u",
        entry.name.c_str(), entry.bufferCount, entry.paramCount, dispatch.buffer_count, dispatch.param_count);
  if (dispatch.grid <= 0 || dispatch.grid > int64_t(device->traits.maxGrid))
    return makeStatus(AICC_STATUS_OUT_OF_RANGE, "kernel %s cannot run in %lld workgroups, at most in %u",
                      entry.name.c_str(), static_cast<long long>(dispatch.grid), device->traits.maxGrid);
  scratch = 0;
  if (entry.takesScratch && __builtin_mul_overflow(uint64_t(dispatch.grid), dispatch.scratch_size, &scratch))
    return makeStatus(AICC_STATUS_OUT_OF_RANGE, "kernel %s wants more than 2^64 bytes of scratch",
                      entry.name.c_str());
  return nullptr;
}

/// Finds scratch memory of `size` bytes for the next command.
static aicc_status *findScratch(aicc_driver_queue *queue, uint64_t size, void *&out) {
  if (aicc_driver_commands *recording = queue->recording.get()) {
    if (size > recording->scratchSize) {
      void *memory = nullptr;
      AICC_RETURN_IF_ERROR(makeScratch(queue->device, size, memory, recording->scratchSize));
      recording->scratch.push_back(memory);
    }
    out = recording->scratch.empty() ? nullptr : recording->scratch.back();
    return nullptr;
  }
  if (size > queue->scratchSize) {
    Batch *batch = nullptr;
    void *memory = nullptr;
    AICC_RETURN_IF_ERROR(openBatch(queue, batch));
    AICC_RETURN_IF_ERROR(makeScratch(queue->device, size, memory, queue->scratchSize));
    if (queue->scratch)
      batch->scratch.push_back(queue->scratch);
    queue->scratch = memory;
  }
  out = queue->scratch;
  return nullptr;
}

static aicc_status *queueDispatch(aicc_driver_queue *queue, const aicc_driver_dispatch *dispatch) {
  aicc_driver_device *device = queue->device;
  const Api &api = device->api;
  AICC_RETURN_IF_ERROR(checkDevice(device));
  uint64_t scratchSize = 0;
  AICC_RETURN_IF_ERROR(checkDispatch(device, *dispatch, scratchSize));
  void *scratch = nullptr;
  AICC_RETURN_IF_ERROR(findScratch(queue, scratchSize, scratch));
  ze_command_list_handle_t list = nullptr;
  AICC_RETURN_IF_ERROR(openList(queue, list));
  aicc_driver_executable::Entry &entry = *dispatch->executable->entries[dispatch->entry];
  {
    std::lock_guard<std::mutex> lock(entry.mutex);
    uint32_t index = 0;
    for (uint32_t i = 0; i < entry.bufferCount; ++i)
      AICC_LEVEL_ZERO_CALL(
          device, api.zeKernelSetArgumentValue(entry.kernel, index++, sizeof(void *), &dispatch->buffers[i]),
          "setting a kernel's buffer");
    for (uint32_t i = 0; i < entry.paramCount; ++i)
      AICC_LEVEL_ZERO_CALL(
          device, api.zeKernelSetArgumentValue(entry.kernel, index++, sizeof(int64_t), &dispatch->params[i]),
          "setting a kernel's parameter");
    if (entry.takesScratch)
      AICC_LEVEL_ZERO_CALL(device,
                           api.zeKernelSetArgumentValue(entry.kernel, index, sizeof(void *), &scratch),
                           "setting a kernel's scratch memory");
    const ze_group_count_t grid = {static_cast<uint32_t>(dispatch->grid), 1, 1};
    AICC_LEVEL_ZERO_CALL(device,
                         api.zeCommandListAppendLaunchKernel(list, entry.kernel, &grid, nullptr, 0, nullptr),
                         entry.name.c_str());
  }
  return endCommand(queue);
}

static aicc_status *queueCopy(aicc_driver_queue *queue, void *dst, const void *src, uint64_t size) {
  aicc_driver_device *device = queue->device;
  AICC_RETURN_IF_ERROR(checkDevice(device));
  if (size == 0 || dst == src)
    return nullptr;
  ze_command_list_handle_t list = nullptr;
  AICC_RETURN_IF_ERROR(openList(queue, list));
  AICC_LEVEL_ZERO_CALL(
      device, device->api.zeCommandListAppendMemoryCopy(list, dst, src, size, nullptr, 0, nullptr), "a copy");
  return endCommand(queue);
}

static aicc_status *queueFill(aicc_driver_queue *queue, void *dst, uint64_t size, uint64_t pattern,
                              uint32_t patternSize) {
  aicc_driver_device *device = queue->device;
  AICC_RETURN_IF_ERROR(checkDevice(device));
  if (size == 0)
    return nullptr;
  ze_command_list_handle_t list = nullptr;
  AICC_RETURN_IF_ERROR(openList(queue, list));
  AICC_LEVEL_ZERO_CALL(
      device,
      device->api.zeCommandListAppendMemoryFill(list, dst, &pattern, patternSize, size, nullptr, 0, nullptr),
      "a fill");
  return endCommand(queue);
}

static aicc_status *queueFlush(aicc_driver_queue *queue) {
  AICC_RETURN_IF_ERROR(checkDevice(queue->device));
  return flush(queue);
}

void level_zero::fillQueueTable(aicc_driver_table &table) {
  table.queue_create = queueCreate;
  table.queue_destroy = queueDestroy;
  table.queue_dispatch = queueDispatch;
  table.queue_copy = queueCopy;
  table.queue_fill = queueFill;
  // Level Zero copies between host and device memory by the same command.
  table.queue_write = queueCopy;
  table.queue_read = queueCopy;
  table.queue_flush = queueFlush;
  table.queue_wait = queueWait;
}
