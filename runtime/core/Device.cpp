//===- Device.cpp - a device and the memory on it ----------------------------------------===//
//
// See Device.h.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Device.h"

#include "runtime/core/Instance.h"
#include "runtime/core/Status.h"

#include <cstring>

using namespace aicc::rt;

aicc_device::~aicc_device() {
  if (transferQueue)
    table->queue_destroy(transferQueue);
  if (handle)
    table->device_close(handle);
}

bool aicc_device::hasFormat(const char *format) const {
  for (uint32_t i = 0; i < info.format_count; ++i)
    if (std::strcmp(info.formats[i], format) == 0)
      return true;
  return false;
}

const char *aicc_device::missingFeature(const char *const *required, uint32_t count) const {
  for (uint32_t i = 0; i < count; ++i) {
    bool found = false;
    for (uint32_t k = 0; k < info.feature_count && !found; ++k)
      found = std::strcmp(info.features[k], required[i]) == 0;
    if (!found)
      return required[i];
  }
  return nullptr;
}

aicc_status *aicc_device::allocate(aicc_memory_kind kind, uint64_t size, uint64_t alignment,
                                   void **out) const {
  AICC_RETURN_IF_ERROR(table->memory_alloc(handle, kind, size, alignment, out));
  used.fetch_add(size, std::memory_order_relaxed);
  return nullptr;
}

void aicc_device::free(void *address, uint64_t size, uint64_t alignment) const {
  table->memory_free(handle, address, size, alignment);
  used.fetch_sub(size, std::memory_order_relaxed);
}

aicc_status *TransferQueue::open(aicc_driver_queue *&queue) {
  if (!device.transferQueue) {
    aicc_driver_queue *created = nullptr;
    AICC_RETURN_IF_ERROR(device.table->queue_create(device.handle, &created));
    device.transferQueue = created;
  }
  queue = device.transferQueue;
  return nullptr;
}

aicc_status *TransferQueue::finish(aicc_status *status) {
  aicc_status *waited = device.table->queue_wait(device.transferQueue, 0);
  if (!status)
    return waited;
  aicc_status_destroy(waited);
  return status;
}

aicc_status *aicc_device::write(void *to, const void *host, uint64_t size) const {
  if (!size)
    return nullptr;
  TransferQueue transfer(*this);
  aicc_driver_queue *queue = nullptr;
  AICC_RETURN_IF_ERROR(transfer.open(queue));
  return transfer.finish(table->queue_write(queue, to, host, size));
}

aicc_status *aicc_device::read(void *host, const void *from, uint64_t size) const {
  if (!size)
    return nullptr;
  TransferQueue transfer(*this);
  aicc_driver_queue *queue = nullptr;
  AICC_RETURN_IF_ERROR(transfer.open(queue));
  return transfer.finish(table->queue_read(queue, host, from, size));
}

aicc_status *aicc_device::copy(void *to, const void *from, uint64_t size) const {
  if (!size)
    return nullptr;
  TransferQueue transfer(*this);
  aicc_driver_queue *queue = nullptr;
  AICC_RETURN_IF_ERROR(transfer.open(queue));
  return transfer.finish(table->queue_copy(queue, to, from, size));
}

aicc_status *aicc_device::zero(void *to, uint64_t size) const {
  if (!size)
    return nullptr;
  TransferQueue transfer(*this);
  aicc_driver_queue *queue = nullptr;
  AICC_RETURN_IF_ERROR(transfer.open(queue));
  return transfer.finish(table->queue_fill(queue, to, size, 0, 1));
}

aicc_status *aicc_device::copyFromPeer(void *to, const aicc_device &source, const void *from,
                                       uint64_t size) const {
  if (!size)
    return nullptr;
  TransferQueue transfer(*this);
  aicc_driver_queue *queue = nullptr;
  AICC_RETURN_IF_ERROR(transfer.open(queue));
  return transfer.finish(table->queue_copy_peer(queue, handle, to, source.handle, from, size));
}

aicc_status *aicc_device_get_info(const aicc_device *device, aicc_device_info *info) {
  const aicc_driver_device_info &from = device->info;
  aicc_device_info local = {};
  local.thread_count = from.thread_count;
  local.id = device->id.c_str();
  local.driver = device->table->name;
  local.name = from.name ? from.name : "";
  local.architecture = from.architecture ? from.architecture : "";
  local.features = device->features.c_str();
  local.formats = device->formats.c_str();
  local.memory_size = from.memory_size;
  local.capabilities = from.capabilities;
  local.speed_class = from.speed_class;
  local.dlpack_type = from.dlpack_type;
  local.dlpack_id = from.dlpack_id;
  local.driver_version = from.driver_version ? from.driver_version : "";
  local.matrix_units = from.matrix_units ? from.matrix_units : "";
  writeInfo(local, info);
  return nullptr;
}

aicc_status *aicc_device_get_memory(const aicc_device *device, uint64_t *used, uint64_t *available) {
  uint64_t theirs = 0, free = 0;
  AICC_RETURN_IF_ERROR(device->table->memory_usage(device->handle, &theirs, &free));
  *used = device->usedMemory();
  *available = free;
  return nullptr;
}
