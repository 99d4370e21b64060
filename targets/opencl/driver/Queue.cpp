//===- Queue.cpp - in-order queues of OpenCL devices --------------------------------------===//
//
// Everything is enqueued without blocking; only queue_wait waits.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/opencl/driver/Device.h"

using namespace aicc;
using namespace aicc::opencl;
using Command = aicc_driver_commands::Command;

static aicc_status *queueCreate(aicc_driver_device *device, aicc_driver_queue **out) {
  AICC_RETURN_IF_ERROR(checkDevice(device));
  const cl_queue_properties properties[] = {CL_QUEUE_PROPERTIES, CL_QUEUE_PROFILING_ENABLE, 0};
  cl_int code = CL_SUCCESS;
  auto queue = std::make_unique<aicc_driver_queue>();
  queue->device = device;
  queue->queue =
      device->api.clCreateCommandQueueWithProperties(device->context, device->traits.id, properties, &code);
  AICC_OPENCL_CALL(device, code, "clCreateCommandQueueWithProperties");
  queue->progress = std::make_shared<Timeline>(device->api);
  *out = queue.release();
  return nullptr;
}

static void freeRetired(aicc_driver_queue *queue) {
  for (void *memory : queue->retired)
    release(queue->device, memory);
  queue->retired.clear();
}

static void queueDestroy(aicc_driver_queue *queue) {
  const Api &api = queue->device->api;
  api.clFinish(queue->queue);
  if (queue->recording)
    destroyCommands(queue->recording.release());
  for (cl_event event : queue->timestamps)
    if (event)
      api.clReleaseEvent(event);
  freeRetired(queue);
  if (queue->scratch)
    release(queue->device, queue->scratch);
  api.clReleaseCommandQueue(queue->queue);
  delete queue;
}

/// Scratch memory of at least `size` bytes; `capacity` becomes what it has. Growing by halves keeps the
/// number of buffers small that are given up while work may still use them.
static aicc_status *makeScratch(aicc_driver_device *device, uint64_t size, void *&memory,
                                uint64_t &capacity) {
  uint64_t wanted = std::max(size, capacity + capacity / 2);
  cl_int code = CL_SUCCESS;
  memory = allocate(device, AICC_MEMORY_DEVICE, wanted, 64, code);
  if (!memory && wanted > size)
    memory = allocate(device, AICC_MEMORY_DEVICE, wanted = size, 64, code);
  if (!memory)
    return makeStatus(code == CL_DEVICE_NOT_AVAILABLE ? AICC_STATUS_DEVICE_LOST : AICC_STATUS_OUT_OF_MEMORY,
                      "OpenCL device %s has no %s of memory for a kernel's scratch",
                      device->traits.name.c_str(), gpu::formatBytes(wanted).c_str());
  capacity = wanted;
  return nullptr;
}

static aicc_status *checkDispatch(const aicc_driver_dispatch &dispatch, uint64_t &scratch) {
  if (dispatch.entry >= dispatch.executable->entries.size())
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "the executable has no kernel %u", dispatch.entry);
  const aicc_driver_executable::Entry &entry = *dispatch.executable->entries[dispatch.entry];
  if (dispatch.buffer_count != entry.bufferCount || dispatch.param_count != entry.paramCount)
    return makeStatus(
        AICC_STATUS_INVALID_ARGUMENT, "kernel %s takes %u buffers and %u parameters, and is given %u and %u",
        entry.name.c_str(), entry.bufferCount, entry.paramCount, dispatch.buffer_count, dispatch.param_count);
  uint64_t items = 0;
  if (dispatch.grid <= 0 || __builtin_mul_overflow(uint64_t(dispatch.grid), entry.threads, &items))
    return makeStatus(AICC_STATUS_OUT_OF_RANGE, "kernel %s cannot run in %lld workgroups", entry.name.c_str(),
                      static_cast<long long>(dispatch.grid));
  scratch = 0;
  if (entry.takesScratch && __builtin_mul_overflow(uint64_t(dispatch.grid), dispatch.scratch_size, &scratch))
    return makeStatus(AICC_STATUS_OUT_OF_RANGE, "kernel %s wants more than 2^64 bytes of scratch",
                      entry.name.c_str());
  return nullptr;
}

static aicc_status *queueDispatch(aicc_driver_queue *queue, const aicc_driver_dispatch *dispatch) {
  aicc_driver_device *device = queue->device;
  AICC_RETURN_IF_ERROR(checkDevice(device));
  uint64_t scratch = 0;
  AICC_RETURN_IF_ERROR(checkDispatch(*dispatch, scratch));
  aicc_driver_executable::Entry &entry = *dispatch->executable->entries[dispatch->entry];
  size_t threads = entry.threads, items = static_cast<size_t>(dispatch->grid) * threads;
  if (aicc_driver_commands *recording = queue->recording.get()) {
    if (scratch > recording->scratchSize) {
      void *memory = nullptr;
      AICC_RETURN_IF_ERROR(makeScratch(device, scratch, memory, recording->scratchSize));
      recording->scratch.push_back(memory);
    }
    Command command = {Command::Dispatch};
    cl_int code = CL_SUCCESS;
    command.kernel = device->api.clCreateKernel(dispatch->executable->program, entry.name.c_str(), &code);
    AICC_OPENCL_CALL(device, code, "clCreateKernel");
    command.threads = threads;
    command.workItems = items;
    recording->commands.push_back(command);
    return setArguments(device, entry, command.kernel, *dispatch,
                        recording->scratch.empty() ? nullptr : recording->scratch.back());
  }
  if (scratch > queue->scratchSize) {
    void *memory = nullptr;
    AICC_RETURN_IF_ERROR(makeScratch(device, scratch, memory, queue->scratchSize));
    if (queue->scratch)
      queue->retired.push_back(queue->scratch);
    queue->scratch = memory;
  }
  std::lock_guard<std::mutex> lock(entry.mutex);
  AICC_RETURN_IF_ERROR(setArguments(device, entry, entry.kernel, *dispatch, queue->scratch));
  AICC_OPENCL_CALL(device,
                   device->api.clEnqueueNDRangeKernel(queue->queue, entry.kernel, 1, nullptr, &items,
                                                      &threads, 0, nullptr, nullptr),
                   entry.name.c_str());
  return nullptr;
}

aicc_status *opencl::enqueueCopy(aicc_driver_queue *queue, void *dst, const void *src, uint64_t size) {
  aicc_driver_device *device = queue->device;
  cl_int code =
      device->traits.hasUsm
          ? device->usm.clEnqueueMemcpyINTEL(queue->queue, CL_FALSE, dst, src, size, 0, nullptr, nullptr)
          : device->api.clEnqueueSVMMemcpy(queue->queue, CL_FALSE, dst, src, size, 0, nullptr, nullptr);
  AICC_OPENCL_CALL(device, code, "a copy");
  return nullptr;
}

aicc_status *opencl::enqueueFill(aicc_driver_queue *queue, void *dst, uint64_t size, uint64_t pattern,
                                 uint32_t patternSize) {
  aicc_driver_device *device = queue->device;
  cl_int code = device->traits.hasUsm
                    ? device->usm.clEnqueueMemFillINTEL(queue->queue, dst, &pattern, patternSize, size, 0,
                                                        nullptr, nullptr)
                    : device->api.clEnqueueSVMMemFill(queue->queue, dst, &pattern, patternSize, size, 0,
                                                      nullptr, nullptr);
  AICC_OPENCL_CALL(device, code, "a fill");
  return nullptr;
}

static aicc_status *queueCopy(aicc_driver_queue *queue, void *dst, const void *src, uint64_t size) {
  AICC_RETURN_IF_ERROR(checkDevice(queue->device));
  if (size == 0 || dst == src)
    return nullptr;
  if (!queue->recording)
    return enqueueCopy(queue, dst, src, size);
  Command command = {Command::Copy};
  command.dst = dst;
  command.src = src;
  command.size = size;
  queue->recording->commands.push_back(command);
  return nullptr;
}

static aicc_status *queueFill(aicc_driver_queue *queue, void *dst, uint64_t size, uint64_t pattern,
                              uint32_t patternSize) {
  AICC_RETURN_IF_ERROR(checkDevice(queue->device));
  if (size == 0)
    return nullptr;
  if (!queue->recording)
    return enqueueFill(queue, dst, size, pattern, patternSize);
  Command command = {Command::Fill};
  command.dst = dst;
  command.size = size;
  command.pattern = pattern;
  command.patternSize = patternSize;
  queue->recording->commands.push_back(command);
  return nullptr;
}

/// Copies between host and device memory are like those on the device: OpenCL takes any address.
static aicc_status *queueTransfer(aicc_driver_queue *queue, void *dst, const void *src, uint64_t size) {
  AICC_RETURN_IF_ERROR(checkDevice(queue->device));
  return size ? enqueueCopy(queue, dst, src, size) : nullptr;
}

static aicc_status *queueFlush(aicc_driver_queue *queue) {
  AICC_RETURN_IF_ERROR(checkDevice(queue->device));
  AICC_OPENCL_CALL(queue->device, queue->device->api.clFlush(queue->queue), "clFlush");
  return nullptr;
}

namespace {
/// What a marker's callback needs; it may run after the queue is gone.
struct Mark {
  std::shared_ptr<Timeline> timeline;
  uint64_t value;
};
} // namespace

static void CL_CALLBACK onMark(cl_event, cl_int status, void *user) {
  std::unique_ptr<Mark> mark(static_cast<Mark *>(user));
  if (status < 0)
    mark->timeline->fail();
  else
    mark->timeline->reach(mark->value);
}

aicc_status *opencl::enqueueReach(aicc_driver_queue *queue, const std::shared_ptr<Timeline> &timeline,
                                  uint64_t value) {
  const Api &api = queue->device->api;
  cl_event event = nullptr;
  AICC_OPENCL_CALL(queue->device, api.clEnqueueMarkerWithWaitList(queue->queue, 0, nullptr, &event),
                   "a marker");
  auto mark = std::make_unique<Mark>(Mark{timeline, value});
  cl_int code = api.clSetEventCallback(event, CL_COMPLETE, onMark, mark.get());
  api.clReleaseEvent(event);
  AICC_OPENCL_CALL(queue->device, code, "clSetEventCallback");
  mark.release();
  return nullptr;
}

static aicc_status *queueWait(aicc_driver_queue *queue, int64_t deadline) {
  aicc_driver_device *device = queue->device;
  const Api &api = device->api;
  AICC_RETURN_IF_ERROR(checkDevice(device));
  if (deadline) {
    AICC_RETURN_IF_ERROR(enqueueReach(queue, queue->progress, ++queue->waits));
    AICC_OPENCL_CALL(device, api.clFlush(queue->queue), "clFlush");
    aicc_status_code code = queue->progress->wait(queue->waits, deadline);
    if (code == AICC_STATUS_DEADLINE_EXCEEDED)
      return makeStatus(code, "the queue of OpenCL device %s is not empty by the deadline",
                        device->traits.name.c_str());
    if (code != AICC_STATUS_OK)
      device->isLost = true;
    AICC_RETURN_IF_ERROR(checkDevice(device));
  }
  // A marker tells of failures that clFinish keeps to itself.
  cl_event event = nullptr;
  AICC_OPENCL_CALL(device, api.clEnqueueMarkerWithWaitList(queue->queue, 0, nullptr, &event), "a marker");
  cl_int code = api.clWaitForEvents(1, &event);
  api.clReleaseEvent(event);
  if (code != CL_SUCCESS)
    device->isLost = true;
  AICC_OPENCL_CALL(device, code, "work in the queue");
  freeRetired(queue);
  return nullptr;
}

void opencl::fillQueueTable(aicc_driver_table &table) {
  table.queue_create = queueCreate;
  table.queue_destroy = queueDestroy;
  table.queue_dispatch = queueDispatch;
  table.queue_copy = queueCopy;
  table.queue_fill = queueFill;
  table.queue_write = queueTransfer;
  table.queue_read = queueTransfer;
  table.queue_flush = queueFlush;
  table.queue_wait = queueWait;
}
