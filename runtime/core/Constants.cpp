//===- Constants.cpp - weights where kernels read them -----------------------------------===//
//
// On a device that shares the host's memory constants are used where the file is mapped. Others get a copy of
// what the instance in use reads, once for each loaded module, through two small buffers that the host fills
// while the device empties the other.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Constants.h"

#include "runtime/core/Status.h"
#include "runtime/module/Format.h"
#include "runtime/module/Verifier.h"
#include "runtime/module/aicc_generated.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>

using namespace aicc;
using namespace aicc::rt;

static const fb::Constant &constantAt(const aicc_module &module, uint32_t index) {
  return *module.root->constants()->Get(index);
}

static const uint8_t *dataOf(const aicc_module &module, uint32_t index) {
  const fb::Constant &constant = constantAt(module, index);
  return module.bytes.data() + module.root->segments()->Get(constant.segment())->offset() + constant.offset();
}

//===--- In place ------------------------------------------------------------------------===//

/// The kernel is told that the pages will be used.
static aicc_status *mapConstants(aicc_module &module) {
  for (uint32_t i = 0; i < countOf(module.root->segments()); ++i) {
    const fb::Segment &segment = *module.root->segments()->Get(i);
    if (segment.kind() == fb::SegmentKind_Data && segment.size()) {
      auto address =
          reinterpret_cast<uintptr_t>(module.bytes.data() + segment.offset()) & ~uintptr_t(kPageSize - 1);
      madvise(reinterpret_cast<void *>(address), segment.size(), MADV_WILLNEED);
    }
  }
  for (uint32_t i = 0; i < countOf(module.root->constants()); ++i) {
    const fb::Constant &constant = constantAt(module, i);
    const uint8_t *address = dataOf(module, i);
    if (reinterpret_cast<uintptr_t>(address) % constant.alignment() != 0)
      return makeStatus(AICC_STATUS_INVALID_ARGUMENT,
                        "the module's memory must be aligned to %u bytes, or be copied (AICC_MODULE_COPY)",
                        constant.alignment());
    module.constants.push_back({const_cast<uint8_t *>(address), constant.size()});
  }
  return nullptr;
}

//===--- Copies --------------------------------------------------------------------------===//

namespace {

constexpr uint64_t kStagingSize = 4 << 20;
/// Constants share allocations up to this size; a larger one has its own.
constexpr uint64_t kBlockSize = 64 << 20;
/// From here on the log says how far it is.
constexpr uint64_t kLongUpload = 256 << 20;

/// Writes a stream of bytes to device memory through two staging buffers.
class Uploader {
public:
  explicit Uploader(const aicc_device &device) : device(device), transfer(device) {}
  ~Uploader() {
    for (Half &half : halves)
      if (half.data)
        device.free(half.data, kStagingSize, 64);
    if (event)
      device.table->event_destroy(event);
  }

  aicc_status *open() {
    AICC_RETURN_IF_ERROR(transfer.open(queue));
    if (device.can(AICC_DRIVER_EVENTS))
      AICC_RETURN_IF_ERROR(device.table->event_create(device.handle, 0, &event));
    for (Half &half : halves)
      AICC_RETURN_IF_ERROR(device.allocate(AICC_MEMORY_STAGING, kStagingSize, 64, &half.data));
    return nullptr;
  }

  /// What follows is written from `address` on.
  aicc_status *seek(uint8_t *address) {
    AICC_RETURN_IF_ERROR(flush());
    to = address;
    return nullptr;
  }

  /// `data` null: zeros.
  aicc_status *write(const uint8_t *data, uint64_t size) {
    while (size) {
      if (filled == kStagingSize)
        AICC_RETURN_IF_ERROR(flush());
      uint64_t step = std::min(size, kStagingSize - filled);
      auto *place = static_cast<uint8_t *>(halves[current].data) + filled;
      if (data)
        std::memcpy(place, data, step);
      else
        std::memset(place, 0, step);
      filled += step;
      size -= step;
      data = data ? data + step : nullptr;
    }
    return nullptr;
  }

  aicc_status *finish(aicc_status *status) {
    if (!status)
      status = flush();
    return queue ? transfer.finish(status) : status;
  }

private:
  struct Half {
    void *data = nullptr;
    uint64_t used = 0; ///< the event's value when the device has read it
  };

  /// Queues what the current half holds, and turns to the other when the device is done with that.
  aicc_status *flush() {
    if (!filled)
      return nullptr;
    const aicc_driver_table &driver = *device.table;
    AICC_RETURN_IF_ERROR(driver.queue_write(queue, to, halves[current].data, filled));
    to += filled;
    filled = 0;
    if (!event)
      return driver.queue_wait(queue, 0);
    halves[current].used = ++timeline;
    AICC_RETURN_IF_ERROR(driver.queue_signal(queue, event, timeline));
    AICC_RETURN_IF_ERROR(driver.queue_flush(queue));
    current ^= 1;
    return halves[current].used ? driver.event_wait(event, halves[current].used, 0) : nullptr;
  }

  const aicc_device &device;
  TransferQueue transfer;
  aicc_driver_queue *queue = nullptr;
  aicc_driver_event *event = nullptr;
  Half halves[2];
  uint32_t current = 0;
  uint64_t filled = 0, timeline = 0;
  uint8_t *to = nullptr;
};

/// Where constants come to lie.
struct Plan {
  struct Place {
    uint32_t constant;
    size_t block;
    uint64_t offset;
  };
  std::vector<Place> places; ///< in the order of the file
  std::vector<uint64_t> blockSizes;
  uint64_t total = 0;
};

Plan makePlan(const aicc_module &module) {
  std::vector<bool> isRead(countOf(module.root->constants()));
  for (const auto &function : module.functions)
    for (const Op &op : function->ops)
      if (op.code == OpCode::ConstantView)
        isRead[op.b] = true;
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < isRead.size(); ++i)
    if (isRead[i] && constantAt(module, i).size())
      order.push_back(i);
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return dataOf(module, a) < dataOf(module, b); });
  Plan plan;
  for (uint32_t index : order) {
    const fb::Constant &constant = constantAt(module, index);
    uint64_t mask = std::max<uint64_t>(constant.alignment(), kDeviceAlignment) - 1;
    uint64_t offset = plan.blockSizes.empty() ? 0 : (plan.blockSizes.back() + mask) & ~mask;
    if (plan.blockSizes.empty() || offset + constant.size() > kBlockSize) {
      plan.blockSizes.push_back(0);
      offset = 0;
    }
    plan.blockSizes.back() = offset + constant.size();
    plan.places.push_back({index, plan.blockSizes.size() - 1, offset});
  }
  for (uint64_t size : plan.blockSizes)
    plan.total += size;
  return plan;
}

aicc_status *doesNotFit(const aicc_module &module, uint64_t total, aicc_status *reason) {
  uint64_t used = 0, available = 0;
  aicc_status_destroy(aicc_device_get_memory(module.device, &used, &available));
  std::string free = available ? ", which has " + std::to_string(available >> 20) + " MiB free" : "";
  aicc_status *status =
      makeStatus(AICC_STATUS_OUT_OF_MEMORY, "the module's weights take %llu MiB of device %s%s: %s",
                 static_cast<unsigned long long>((total + (1 << 20) - 1) >> 20), module.device->id.c_str(),
                 free.c_str(), aicc_status_get_message(reason));
  aicc_status_destroy(reason);
  return status;
}

/// Allocations begin at page boundaries, because a constant may want one.
aicc_status *allocateBlocks(aicc_module &module, const Plan &plan) {
  for (uint64_t size : plan.blockSizes) {
    DeviceBlock block;
    block.capacity = size + kMaxAlignment - kDeviceAlignment;
    aicc_status *status =
        module.device->allocate(AICC_MEMORY_DEVICE, block.capacity, kDeviceAlignment, &block.base);
    if (status)
      return aicc_status_get_code(status) == AICC_STATUS_OUT_OF_MEMORY
                 ? doesNotFit(module, plan.total, status)
                 : status;
    block.address = static_cast<uint8_t *>(block.base) +
                    (-reinterpret_cast<uintptr_t>(block.base) & uintptr_t(kMaxAlignment - 1));
    module.constantBlocks.push_back(block);
  }
  return nullptr;
}

aicc_status *writeConstants(aicc_module &module, const Plan &plan, Uploader &uploader) {
  const aicc_device &device = *module.device;
  size_t block = SIZE_MAX;
  uint64_t position = 0, done = 0, reported = 0;
  for (const Plan::Place &place : plan.places) {
    if (place.block != block) {
      block = place.block;
      position = 0;
      AICC_RETURN_IF_ERROR(uploader.seek(module.constantBlocks[block].address));
    }
    uint64_t size = constantAt(module, place.constant).size();
    AICC_RETURN_IF_ERROR(uploader.write(nullptr, place.offset - position));
    AICC_RETURN_IF_ERROR(uploader.write(dataOf(module, place.constant), size));
    module.constants[place.constant] = {module.constantBlocks[block].address + place.offset, size};
    position = place.offset + size;
    done += size;
    if (plan.total >= kLongUpload && done - reported >= plan.total / 10) {
      reported = done;
      module.instance->log(AICC_LOG_INFO, std::to_string(done >> 20) + " of " +
                                              std::to_string(plan.total >> 20) + " MiB of weights are on " +
                                              device.id);
    }
  }
  return nullptr;
}

aicc_status *uploadConstants(aicc_module &module) {
  // What has no bytes needs an address, that nobody reads.
  static char nothing[64];
  module.constants.assign(countOf(module.root->constants()), {reinterpret_cast<uint8_t *>(nothing), 0});
  Plan plan = makePlan(module);
  if (plan.places.empty())
    return nullptr;
  AICC_RETURN_IF_ERROR(allocateBlocks(module, plan));
  Uploader uploader(*module.device);
  aicc_status *status = uploader.open();
  if (!status)
    status = writeConstants(module, plan, uploader);
  AICC_RETURN_IF_ERROR(uploader.finish(status));
  module.instance->log(AICC_LOG_DEBUG,
                       std::to_string(plan.total) + " bytes of weights are on " + module.device->id);
  module.deviceConstantSize = plan.total;
  return nullptr;
}

} // namespace

aicc_status *aicc::rt::placeConstants(aicc_module &module) {
  return module.device->sharesHostMemory() ? mapConstants(module) : uploadConstants(module);
}
