//===- TensorCopy.cpp - tensors between devices and the host -----------------------------===//
//
// Copies outside of runs, complete when they return. A strided tensor is packed by the host.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Status.h"
#include "runtime/core/Tensor.h"

#include <cstring>

using namespace aicc::rt;

namespace {

/// Host memory for a copy's duration.
class HostMemory {
public:
  explicit HostMemory(const aicc_instance &instance) : instance(instance) {}
  ~HostMemory() {
    if (data)
      instance.deallocate(data, size, 64);
  }
  aicc_status *allocate(uint64_t bytes) {
    data = instance.allocate(bytes, 64);
    size = bytes;
    return data ? nullptr
                : makeStatus(AICC_STATUS_OUT_OF_MEMORY, "no memory for a copy of %llu bytes",
                             static_cast<unsigned long long>(bytes));
  }
  void *get() const { return data; }

private:
  const aicc_instance &instance;
  void *data = nullptr;
  uint64_t size = 0;
};

uint64_t denseSize(const aicc_tensor &tensor) {
  uint64_t bytes = 0;
  computeByteSize(tensor.type, tensor.rank, tensor.dims, bytes);
  return bytes;
}

} // namespace

aicc_status *aicc::rt::readTensor(const aicc_tensor &from, void *to) {
  uint64_t bytes = denseSize(from);
  if (!bytes)
    return nullptr;
  if (from.isOnHost()) {
    packTensor(from, to);
    return nullptr;
  }
  if (from.isDense())
    return from.device->read(to, from.data, bytes);
  HostMemory span(*from.instance);
  AICC_RETURN_IF_ERROR(span.allocate(from.byteSize));
  AICC_RETURN_IF_ERROR(from.device->read(span.get(), from.data, from.byteSize));
  packTensor(from, to, span.get());
  return nullptr;
}

aicc_status *aicc::rt::writeTensor(const aicc_tensor &to, const void *from, uint64_t size) {
  if (to.isOnHost()) {
    if (size && to.data != from)
      std::memmove(to.data, from, size);
    return nullptr;
  }
  return to.device->write(to.data, from, size);
}

aicc_status *aicc::rt::copyTensorTo(const aicc_tensor &from, const aicc_device &device, void *to) {
  uint64_t bytes = denseSize(from);
  if (!bytes)
    return nullptr;
  if (from.isDense()) {
    if (from.isOnHost())
      return device.write(to, from.data, bytes);
    if (from.device == &device)
      return device.copy(to, from.data, bytes);
    if (from.device->table == device.table && device.can(AICC_DRIVER_PEER))
      return device.copyFromPeer(to, *from.device, from.data, bytes);
  }
  HostMemory packed(*from.instance);
  AICC_RETURN_IF_ERROR(packed.allocate(bytes));
  AICC_RETURN_IF_ERROR(readTensor(from, packed.get()));
  return device.write(to, packed.get(), bytes);
}

aicc_status *aicc_tensor_copy(const aicc_tensor *from, aicc_tensor *to) {
  if (from->type != to->type || from->rank != to->rank ||
      (from->rank && std::memcmp(from->dims, to->dims, from->rank * sizeof(int64_t)) != 0))
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "a tensor of %s cannot be copied to one of %s",
                      describeShape(from->type, from->rank, from->dims).c_str(),
                      describeShape(to->type, to->rank, to->dims).c_str());
  if (!to->isDense())
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "the tensor that is copied to must be dense");
  return to->isOnHost() ? readTensor(*from, to->data) : copyTensorTo(*from, *to->device, to->data);
}

aicc_status *aicc_tensor_copy_to(const aicc_tensor *from, const aicc_device *device, aicc_tensor **out) {
  aicc_tensor *to = nullptr;
  AICC_RETURN_IF_ERROR(aicc_tensor_create(from->instance, device, from->type, from->rank, from->dims, &to));
  if (aicc_status *status = aicc_tensor_copy(from, to)) {
    aicc_tensor_release(to);
    return status;
  }
  *out = to;
  return nullptr;
}
