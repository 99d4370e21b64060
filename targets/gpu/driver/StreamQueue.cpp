//===- StreamQueue.cpp - queues of a stream API's device ----------------------------------===//
//
// A queue is a stream. Copies of pageable host memory go through a small ring of pinned chunks, so that reads
// do not stop the caller; what they leave to do on the host is done by queue_wait.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/StreamDriver.h"

#include <algorithm>
#include <cstring>

using namespace aicc::gpu;

static constexpr uint64_t kChunkSize = 2 << 20;

static aicc_status *refuseWhileRecording(aicc_driver_queue *queue, const char *what) {
  if (!queue->recording)
    return nullptr;
  return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "%s between commands_begin and commands_end", what);
}

static aicc_status *queueCreate(aicc_driver_device *device, aicc_driver_queue **out) {
  AICC_ENTER_DEVICE(device);
  auto queue = std::make_unique<aicc_driver_queue>();
  queue->device = device;
  AICC_STREAM_CALL(device, device->api().streamCreate(&queue->stream, kStreamNonBlocking), "making a stream");
  *out = queue.release();
  return nullptr;
}

static void finishReads(aicc_driver_queue::Chunk &chunk) {
  for (const aicc_driver_queue::Chunk::Read &read : chunk.reads)
    std::memcpy(read.to, read.from, read.size);
  chunk.reads.clear();
}

/// What was read stays where it is when the device is lost.
void aicc::gpu::finishReads(aicc_driver_queue *queue) {
  const bool isLost = queue->device->isLost.load(std::memory_order_acquire);
  // The oldest chunk first: later reads may overwrite earlier ones.
  for (unsigned i = 1; i <= aicc_driver_queue::kChunks; ++i) {
    aicc_driver_queue::Chunk &chunk = queue->chunks[(queue->chunk + i) % aicc_driver_queue::kChunks];
    if (isLost)
      chunk.reads.clear();
    else
      ::finishReads(chunk);
    chunk.isRecorded = false;
  }
  queue->chunkUsed = 0;
}

static void queueDestroy(aicc_driver_queue *queue) {
  aicc_driver_device *device = queue->device;
  const StreamApi &api = device->api();
  StreamScope scope(device);
  if (queue->recording) {
    void *graph = nullptr;
    if (api.streamEndCapture(queue->stream, &graph) == kStreamOk && graph)
      api.graphDestroy(graph);
    for (void *scratch : queue->recording->scratch)
      freeOnStream(device, device->service, scratch);
  }
  if (int code = api.streamSynchronize(queue->stream))
    aicc_status_destroy(streamFailure(device, code, "waiting for a queue"));
  finishReads(queue);
  for (aicc_driver_queue::Chunk &chunk : queue->chunks) {
    if (chunk.event)
      api.eventDestroy(chunk.event);
    if (chunk.memory)
      api.hostFree(chunk.memory);
  }
  releaseTimestamps(queue);
  if (queue->scratch)
    freeOnStream(device, queue->stream, queue->scratch);
  api.streamDestroy(queue->stream);
  delete queue;
}

/// Scratch memory of `size` bytes for the next dispatch, in the order of the queue; while commands are
/// recorded it belongs to them, since a later submission must find it.
static aicc_status *provideScratch(aicc_driver_queue *queue, uint64_t size, void **out) {
  aicc_driver_device *device = queue->device;
  if (aicc_driver_commands *commands = queue->recording.get()) {
    if (size > commands->scratchSize) {
      void *memory = nullptr;
      AICC_STREAM_CALL(device, allocateOnStream(device, device->service, size, &memory),
                       "an allocation for scratch");
      commands->scratch.push_back(memory);
      commands->scratchSize = size;
      if (device->pool)
        AICC_STREAM_CALL(device, device->api().streamSynchronize(device->service),
                         "an allocation for scratch");
    }
    *out = commands->scratch.back();
    return nullptr;
  }
  if (size > queue->scratchSize) {
    if (queue->scratch)
      freeOnStream(device, queue->stream, queue->scratch);
    queue->scratch = nullptr;
    queue->scratchSize = 0;
    AICC_STREAM_CALL(device, allocateOnStream(device, queue->stream, size, &queue->scratch),
                     "an allocation for scratch");
    queue->scratchSize = size;
  }
  *out = queue->scratch;
  return nullptr;
}

static aicc_status *queueDispatch(aicc_driver_queue *queue, const aicc_driver_dispatch *dispatch) {
  aicc_driver_device *device = queue->device;
  const aicc_driver_executable *executable = dispatch->executable;
  if (dispatch->entry >= executable->entries.size())
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "there is no kernel %u: the executable has %zu",
                      dispatch->entry, executable->entries.size());
  const aicc_driver_executable::Entry &entry = executable->entries[dispatch->entry];
  if (dispatch->buffer_count != entry.bufferCount || dispatch->param_count != entry.paramCount)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT,
                      "kernel %s takes %u buffers and %u parameters, not %u and %u", entry.name.c_str(),
                      entry.bufferCount, entry.paramCount, dispatch->buffer_count, dispatch->param_count);
  const StreamDeviceTraits &traits = *device->traits;
  const uint64_t grid = static_cast<uint64_t>(dispatch->grid);
  if (dispatch->grid < 1 || grid > traits.maxGrid ||
      (traits.maxWorkItems && grid > traits.maxWorkItems / entry.threads))
    return makeStatus(AICC_STATUS_OUT_OF_RANGE,
                      "kernel %s is to run in %lld workgroups of %u threads; the device takes %llu",
                      entry.name.c_str(), static_cast<long long>(dispatch->grid), entry.threads,
                      static_cast<unsigned long long>(traits.maxGrid));
  AICC_ENTER_DEVICE(device);
  void *scratch = nullptr;
  if (entry.takesScratch && dispatch->scratch_size) {
    uint64_t size = 0;
    if (__builtin_mul_overflow(dispatch->scratch_size, grid, &size))
      return makeStatus(AICC_STATUS_OUT_OF_RANGE, "kernel %s wants more than 2^64 bytes of scratch",
                        entry.name.c_str());
    if (aicc_status *status = provideScratch(queue, size, &scratch))
      return status;
  }
  // The library reads each argument at the address given here, during the call.
  queue->arguments.clear();
  for (uint32_t i = 0; i < dispatch->buffer_count; ++i)
    queue->arguments.push_back(const_cast<void **>(&dispatch->buffers[i]));
  for (uint32_t i = 0; i < dispatch->param_count; ++i)
    queue->arguments.push_back(const_cast<int64_t *>(&dispatch->params[i]));
  if (entry.takesScratch)
    queue->arguments.push_back(&scratch);
  if (int code = device->api().launch(entry.function, static_cast<unsigned>(grid), 1, 1, entry.threads, 1, 1,
                                      entry.dynamicShared, queue->stream, queue->arguments.data(), nullptr))
    return streamFailure(device, code, ("launching kernel " + entry.name).c_str());
  if (queue->recording)
    queue->recording->shape += 'k';
  return nullptr;
}

static aicc_status *queueCopy(aicc_driver_queue *queue, void *dst, const void *src, uint64_t size) {
  if (!size)
    return nullptr;
  aicc_driver_device *device = queue->device;
  AICC_ENTER_DEVICE(device);
  AICC_STREAM_CALL(device, device->api().copyOnDevice(dst, const_cast<void *>(src), size, queue->stream),
                   "a copy");
  if (queue->recording)
    queue->recording->shape += 'c';
  return nullptr;
}

static aicc_status *queueCopyPeer(aicc_driver_queue *queue, aicc_driver_device *dstDevice, void *dst,
                                  aicc_driver_device *srcDevice, const void *src, uint64_t size) {
  if (!size)
    return nullptr;
  if (aicc_status *status = refuseWhileRecording(queue, "queue_copy_peer"))
    return status;
  aicc_driver_device *device = queue->device;
  AICC_ENTER_DEVICE(device);
  AICC_STREAM_CALL(device,
                   device->api().copyPeer(dst, dstDevice->context, const_cast<void *>(src),
                                          srcDevice->context, size, queue->stream),
                   "a copy between devices");
  return nullptr;
}

/// The library fills with 8, 16 and 32 bits at aligned addresses. Anything else is written once and then
/// doubled by copies of what is there.
static aicc_status *queueFill(aicc_driver_queue *queue, void *dst, uint64_t size, uint64_t pattern,
                              uint32_t patternSize) {
  if (!size)
    return nullptr;
  aicc_driver_device *device = queue->device;
  AICC_ENTER_DEVICE(device);
  const StreamApi &api = device->api();
  unsigned char bytes[8];
  std::memcpy(bytes, &pattern, sizeof(bytes));
  // A pattern that repeats itself is a smaller one.
  while (patternSize > 1 && std::memcmp(bytes, bytes + patternSize / 2, patternSize / 2) == 0)
    patternSize /= 2;
  const char *what = "a fill";
  std::string *shape = queue->recording ? &queue->recording->shape : nullptr;
  const auto note = [shape](char node) {
    if (shape)
      *shape += node;
  };
  auto *to = static_cast<char *>(dst);
  const auto address = reinterpret_cast<uintptr_t>(dst);
  void *stream = queue->stream;
  if (patternSize <= 4 && address % patternSize == 0 && size % patternSize == 0) {
    uint32_t value = static_cast<uint32_t>(pattern);
    const size_t count = size / patternSize;
    AICC_STREAM_CALL(device,
                     patternSize == 1   ? api.fill8(dst, bytes[0], count, stream)
                     : patternSize == 2 ? api.fill16(dst, static_cast<unsigned short>(value), count, stream)
                                        : api.fill32(dst, value, count, stream),
                     what);
    note(static_cast<char>('0' + patternSize));
    return nullptr;
  }
  uint64_t done = 0;
  while (done < patternSize && done < size) {
    if (address % 4 == 0 && patternSize == 8 && size - done >= 4) {
      uint32_t value;
      std::memcpy(&value, bytes + done, 4);
      AICC_STREAM_CALL(device, api.fill32(to + done, value, 1, stream), what);
      note('4');
      done += 4;
    } else {
      AICC_STREAM_CALL(device, api.fill8(to + done, bytes[done], 1, stream), what);
      note('1');
      ++done;
    }
  }
  while (done < size) {
    const uint64_t part = std::min(done, size - done);
    AICC_STREAM_CALL(device, api.copyOnDevice(to + done, to, part, stream), what);
    note('c');
    done += part;
  }
  return nullptr;
}

/// Pinned memory for a copy of at most `wanted` bytes: at least one byte, in `size`. Waits for the copies
/// that used the same part of the ring before.
static aicc_status *stage(aicc_driver_queue *queue, uint64_t wanted, char **out, uint64_t *size) {
  aicc_driver_device *device = queue->device;
  const StreamApi &api = device->api();
  if (queue->chunkUsed == kChunkSize) {
    aicc_driver_queue::Chunk &full = queue->chunks[queue->chunk];
    AICC_STREAM_CALL(device, api.eventRecord(full.event, queue->stream), "an event");
    full.isRecorded = true;
    queue->chunk = (queue->chunk + 1) % aicc_driver_queue::kChunks;
    queue->chunkUsed = 0;
    aicc_driver_queue::Chunk &next = queue->chunks[queue->chunk];
    if (next.isRecorded)
      AICC_STREAM_CALL(device, api.eventSynchronize(next.event), "a copy between host and device");
    next.isRecorded = false;
    finishReads(next);
  }
  aicc_driver_queue::Chunk &chunk = queue->chunks[queue->chunk];
  if (!chunk.event)
    AICC_STREAM_CALL(device, api.eventCreate(&chunk.event, kEventWithoutTiming), "making an event");
  if (!chunk.memory) {
    void *memory = nullptr;
    AICC_STREAM_CALL(device, api.hostAlloc(&memory, kChunkSize, kHostPortable | kHostMapped),
                     "an allocation of pinned memory");
    chunk.memory = static_cast<char *>(memory);
  }
  *out = chunk.memory + queue->chunkUsed;
  *size = std::min(wanted, kChunkSize - queue->chunkUsed);
  // The next copy begins on a line of its own.
  queue->chunkUsed = std::min(kChunkSize, queue->chunkUsed + (*size + 63) / 64 * 64);
  return nullptr;
}

/// Whether what the host is to give is still on its way from the device: read to pageable memory and not
/// waited for.
static bool isAwaited(const aicc_driver_queue *queue, const void *source, uint64_t size) {
  const auto *from = static_cast<const char *>(source);
  for (const aicc_driver_queue::Chunk &chunk : queue->chunks)
    for (const aicc_driver_queue::Chunk::Read &read : chunk.reads)
      if (from < static_cast<const char *>(read.to) + read.size &&
          static_cast<const char *>(read.to) < from + size)
        return true;
  return false;
}

static aicc_status *queueWrite(aicc_driver_queue *queue, void *dst, const void *source, uint64_t size) {
  if (!size)
    return nullptr;
  if (aicc_status *status = refuseWhileRecording(queue, "queue_write"))
    return status;
  aicc_driver_device *device = queue->device;
  AICC_ENTER_DEVICE(device);
  const char *what = "a copy to the device";
  if (isPinned(device, source, size)) {
    AICC_STREAM_CALL(device, device->api().copyToDevice(dst, source, size, queue->stream), what);
    return nullptr;
  }
  if (isAwaited(queue, source, size)) {
    AICC_STREAM_CALL(device, device->api().streamSynchronize(queue->stream), "a queue's work");
    finishReads(queue);
  }
  for (uint64_t done = 0, part = 0; done < size; done += part) {
    char *memory = nullptr;
    if (aicc_status *status = stage(queue, size - done, &memory, &part))
      return status;
    std::memcpy(memory, static_cast<const char *>(source) + done, part);
    AICC_STREAM_CALL(device,
                     device->api().copyToDevice(static_cast<char *>(dst) + done, memory, part, queue->stream),
                     what);
  }
  return nullptr;
}

static aicc_status *queueRead(aicc_driver_queue *queue, void *dst, const void *source, uint64_t size) {
  if (!size)
    return nullptr;
  if (aicc_status *status = refuseWhileRecording(queue, "queue_read"))
    return status;
  aicc_driver_device *device = queue->device;
  AICC_ENTER_DEVICE(device);
  const char *what = "a copy from the device";
  auto *from = static_cast<char *>(const_cast<void *>(source));
  if (isPinned(device, dst, size)) {
    AICC_STREAM_CALL(device, device->api().copyToHost(dst, from, size, queue->stream), what);
    return nullptr;
  }
  for (uint64_t done = 0, part = 0; done < size; done += part) {
    char *memory = nullptr;
    if (aicc_status *status = stage(queue, size - done, &memory, &part))
      return status;
    AICC_STREAM_CALL(device, device->api().copyToHost(memory, from + done, part, queue->stream), what);
    queue->chunks[queue->chunk].reads.push_back({static_cast<char *>(dst) + done, memory, part});
  }
  return nullptr;
}

/// A stream starts what it is given at once.
static aicc_status *queueFlush(aicc_driver_queue *queue) { return checkDevice(queue->device); }

static aicc_status *queueWait(aicc_driver_queue *queue, int64_t deadline) {
  if (aicc_status *status = refuseWhileRecording(queue, "queue_wait"))
    return status;
  aicc_driver_device *device = queue->device;
  AICC_ENTER_DEVICE(device);
  if (deadline) {
    const auto poll = [](void *user) {
      auto *waiting = static_cast<aicc_driver_queue *>(user);
      return waiting->device->api().streamQuery(waiting->stream);
    };
    if (aicc_status *status = pollUntil(device, deadline, "a queue's work", poll, queue))
      return status;
  } else if (int code = device->api().streamSynchronize(queue->stream)) {
    // The caller's memory need not outlive this call.
    for (aicc_driver_queue::Chunk &chunk : queue->chunks)
      chunk.reads.clear();
    return streamFailure(device, code, "a queue's work");
  }
  finishReads(queue);
  return nullptr;
}

void aicc::gpu::fillQueueTable(aicc_driver_table &table) {
  table.queue_create = queueCreate;
  table.queue_destroy = queueDestroy;
  table.queue_dispatch = queueDispatch;
  table.queue_copy = queueCopy;
  table.queue_copy_peer = queueCopyPeer;
  table.queue_fill = queueFill;
  table.queue_write = queueWrite;
  table.queue_read = queueRead;
  table.queue_flush = queueFlush;
  table.queue_wait = queueWait;
}
