//===- Tensor.cpp - making, wrapping and packing tensors ---------------------------------===//
//
// All sizes that come from callers are checked here, once, so that the run can compute with them.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Tensor.h"

#include "runtime/core/Status.h"
#include "runtime/module/Format.h"

#include <cstdlib>
#include <cstring>
#include <new>

using namespace aicc::rt;

static constexpr uint64_t kTensorAlignment = 64;

/// What tensors without elements point at.
alignas(64) static char emptyData[64];

void aicc_tensor::operator delete(void *pointer) { std::free(pointer); }

aicc_tensor::~aicc_tensor() {
  if (allocation && device)
    device->free(data, allocation, kTensorAlignment);
  else if (allocation)
    instance->deallocate(data, allocation, kTensorAlignment);
  if (releaseFn)
    releaseFn(releaseUser);
  if (instance)
    instance->release();
}

bool aicc_tensor::isDense() const {
  int64_t expected = 1;
  for (uint32_t i = rank; i-- > 0;) {
    if (dims[i] == 0)
      return true;
    if (dims[i] != 1 && strides[i] != expected)
      return false;
    expected *= dims[i];
  }
  return true;
}

void aicc_tensor::reshape(const int64_t *sizes) {
  int64_t stride = 1;
  for (uint32_t i = rank; i-- > 0;) {
    dims[i] = sizes[i];
    strides[i] = stride;
    stride *= sizes[i] ? sizes[i] : 1;
  }
}

bool aicc::rt::computeByteSize(aicc_element_type type, uint32_t rank, const int64_t *dims, uint64_t &bytes) {
  uint64_t bits = aicc_element_type_bits(type);
  bool isEmpty = false;
  for (uint32_t i = 0; i < rank; ++i) {
    if (dims[i] < 0)
      return false;
    isEmpty |= dims[i] == 0;
    if (dims[i] && !checkedMul(bits, static_cast<uint64_t>(dims[i]), bits))
      return false;
  }
  bytes = isEmpty ? 0 : bits / 8 + (bits % 8 != 0);
  return bits < (1ull << 62);
}

aicc_tensor *aicc::rt::newTensor(aicc_instance *instance, aicc_element_type type, uint32_t rank,
                                 const int64_t *dims) {
  void *memory = std::malloc(sizeof(aicc_tensor) + 2 * rank * sizeof(int64_t));
  if (!memory)
    return nullptr;
  auto *tensor = new (memory) aicc_tensor;
  tensor->instance = instance;
  instance->retain();
  tensor->type = type;
  tensor->rank = rank;
  tensor->dims = reinterpret_cast<int64_t *>(tensor + 1);
  tensor->strides = tensor->dims + rank;
  tensor->data = emptyData;
  tensor->reshape(dims);
  return tensor;
}

std::string aicc::rt::describeShape(aicc_element_type type, uint32_t rank, const int64_t *dims) {
  std::string text;
  for (uint32_t i = 0; i < rank; ++i)
    text += (dims[i] < 0 ? "?" : std::to_string(dims[i])) + "x";
  return text + aicc_element_type_name(type);
}

static aicc_status *checkShape(aicc_element_type type, uint32_t rank, const int64_t *dims, uint64_t &bytes) {
  if (!aicc_element_type_bits(type))
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "%d is not an element type", static_cast<int>(type));
  if (rank > kMaxRank)
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "a tensor has at most %u dimensions", kMaxRank);
  if (!computeByteSize(type, rank, dims, bytes))
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "a tensor cannot have the sizes %s",
                      describeShape(type, rank, dims).c_str());
  return nullptr;
}

aicc_status *aicc_tensor_create(aicc_instance *instance, const aicc_device *device, aicc_element_type type,
                                uint32_t rank, const int64_t *dims, aicc_tensor **out) {
  uint64_t bytes = 0;
  AICC_RETURN_IF_ERROR(checkShape(type, rank, dims, bytes));
  aicc_tensor *tensor = newTensor(instance, type, rank, dims);
  if (!tensor)
    return makeStatus(AICC_STATUS_OUT_OF_MEMORY, "no memory for a tensor");
  tensor->device = device;
  aicc_status *status = nullptr;
  if (bytes) {
    void *data = nullptr;
    if (device)
      status = device->allocate(AICC_MEMORY_DEVICE, bytes, kTensorAlignment, &data);
    else
      data = instance->allocate(bytes, kTensorAlignment);
    if (!data && !status)
      status = makeStatus(AICC_STATUS_OUT_OF_MEMORY, "no memory for a tensor of %llu bytes",
                          static_cast<unsigned long long>(bytes));
    if (!status) {
      tensor->data = data;
      tensor->byteSize = tensor->allocation = bytes;
    }
  }
  if (status) {
    tensor->release();
    return status;
  }
  *out = tensor;
  return nullptr;
}

/// Bytes from the first element to behind the last of a strided tensor; false on overflow or a negative
/// stride.
static bool computeSpan(aicc_element_type type, uint32_t rank, const int64_t *dims, const int64_t *strides,
                        uint64_t &bytes) {
  uint64_t last = 0;
  for (uint32_t i = 0; i < rank; ++i) {
    if (dims[i] == 0) {
      bytes = 0;
      return true;
    }
    uint64_t step = 0;
    if (strides[i] < 0 ||
        !checkedMul(static_cast<uint64_t>(dims[i] - 1), static_cast<uint64_t>(strides[i]), step) ||
        !checkedAdd(last, step, last))
      return false;
  }
  uint64_t bits = 0;
  if (!checkedAdd(last, 1, last) || !checkedMul(last, aicc_element_type_bits(type), bits))
    return false;
  bytes = bits / 8 + (bits % 8 != 0);
  return true;
}

aicc_status *aicc_tensor_wrap(aicc_instance *instance, aicc_element_type type, uint32_t rank,
                              const int64_t *dims, const int64_t *strides, void *data, uint64_t byte_size,
                              void (*release)(void *user), void *user, aicc_tensor **out) {
  uint64_t bytes = 0;
  AICC_RETURN_IF_ERROR(checkShape(type, rank, dims, bytes));
  if (strides && !computeSpan(type, rank, dims, strides, bytes))
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "a tensor's strides are negative or too large");
  if (bytes > byte_size || (bytes && !data))
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "a tensor of %s needs %llu bytes, %llu are given",
                      describeShape(type, rank, dims).c_str(), static_cast<unsigned long long>(bytes),
                      static_cast<unsigned long long>(data ? byte_size : 0));
  aicc_tensor *tensor = newTensor(instance, type, rank, dims);
  if (!tensor)
    return makeStatus(AICC_STATUS_OUT_OF_MEMORY, "no memory for a tensor");
  if (strides)
    std::memcpy(tensor->strides, strides, rank * sizeof(int64_t));
  if (data)
    tensor->data = data;
  tensor->byteSize = byte_size;
  tensor->releaseFn = release;
  tensor->releaseUser = user;
  *out = tensor;
  return nullptr;
}

aicc_tensor *aicc_tensor_retain(aicc_tensor *tensor) {
  tensor->retain();
  return tensor;
}

void aicc_tensor_release(aicc_tensor *tensor) {
  if (tensor)
    tensor->release();
}

aicc_status *aicc_tensor_get_info(const aicc_tensor *tensor, aicc_tensor_info *info) {
  aicc_tensor_info local = {};
  local.element_type = tensor->type;
  local.rank = tensor->rank;
  local.dims = tensor->dims;
  local.strides = tensor->strides;
  local.data = tensor->data;
  if (!computeSpan(tensor->type, tensor->rank, tensor->dims, tensor->strides, local.byte_size))
    return makeStatus(AICC_STATUS_INTERNAL, "a tensor has impossible strides");
  local.device = tensor->device;
  writeInfo(local, info);
  return nullptr;
}

/// Copies dimension `dim` and those inside it; returns where the next element goes.
static char *packDim(const aicc_tensor &from, uint32_t dim, const char *data, char *to, size_t size) {
  if (dim == from.rank) {
    std::memcpy(to, data, size);
    return to + size;
  }
  int64_t step = from.strides[dim] * static_cast<int64_t>(size);
  if (dim + 1 == from.rank && from.strides[dim] == 1) {
    size_t bytes = static_cast<size_t>(from.dims[dim]) * size;
    std::memcpy(to, data, bytes);
    return to + bytes;
  }
  for (int64_t i = 0; i < from.dims[dim]; ++i)
    to = packDim(from, dim + 1, data + i * step, to, size);
  return to;
}

void aicc::rt::packTensor(const aicc_tensor &from, void *to, const void *data) {
  if (!data)
    data = from.data;
  uint64_t bytes = 0;
  if (from.isDense() && computeByteSize(from.type, from.rank, from.dims, bytes)) {
    if (bytes)
      std::memcpy(to, data, bytes);
    return;
  }
  packDim(from, 0, static_cast<const char *>(data), static_cast<char *>(to),
          aicc_element_type_bits(from.type) / 8);
}
