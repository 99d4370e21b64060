//===- DLPack.cpp - exchange of tensors without copying ----------------------------------===//
//
// The structs of dlpack.h (https://dmlc.github.io/dlpack) are declared here as its ABI fixes them, so that
// the runtime does not depend on a header that most systems lack.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Status.h"
#include "runtime/core/Tensor.h"
#include "runtime/module/Format.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <vector>

using namespace aicc::rt;

extern "C" {
struct DLDevice {
  int32_t device_type;
  int32_t device_id;
};
struct DLDataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};
struct DLTensor {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides;
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor dl_tensor;
  void *manager_ctx;
  void (*deleter)(DLManagedTensor *self);
};
}

namespace {

constexpr int32_t kDLCPU = 1;

struct TypePair {
  aicc_element_type type;
  uint8_t code, bits;
};
/// DLDataTypeCode: 0 int, 1 uint, 2 float, 4 bfloat, 6 bool, 10.. the 8-bit floats. Types below 8 bits have
/// none: without a flag, which this version of the struct lacks, DLPack means them packed.
constexpr TypePair kPairs[] = {
    {AICC_TYPE_F64, 2, 64},    {AICC_TYPE_F32, 2, 32},        {AICC_TYPE_F16, 2, 16},
    {AICC_TYPE_BF16, 4, 16},   {AICC_TYPE_I64, 0, 64},        {AICC_TYPE_I32, 0, 32},
    {AICC_TYPE_I16, 0, 16},    {AICC_TYPE_I8, 0, 8},          {AICC_TYPE_U64, 1, 64},
    {AICC_TYPE_U32, 1, 32},    {AICC_TYPE_U16, 1, 16},        {AICC_TYPE_U8, 1, 8},
    {AICC_TYPE_BOOL, 6, 8},    {AICC_TYPE_F8E4M3FN, 10, 8},   {AICC_TYPE_F8E4M3FNUZ, 11, 8},
    {AICC_TYPE_F8E5M2, 12, 8}, {AICC_TYPE_F8E5M2FNUZ, 13, 8}, {AICC_TYPE_F8E8M0FNU, 14, 8}};

void releaseManaged(void *user) {
  auto *managed = static_cast<DLManagedTensor *>(user);
  if (managed->deleter)
    managed->deleter(managed);
}

void deleteExported(DLManagedTensor *self) {
  static_cast<aicc_tensor *>(self->manager_ctx)->release();
  std::free(self);
}

} // namespace

/// The device that DLPack's (type, id) is; null where that is the host.
static aicc_status *findDevice(const aicc_instance &instance, DLDevice wanted, const aicc_device *&device) {
  device = nullptr;
  if (wanted.device_type == kDLCPU)
    return nullptr;
  for (const auto &candidate : instance.devices) {
    const aicc_driver_device_info &info = candidate->info;
    if (info.dlpack_host_type && info.dlpack_host_type == wanted.device_type)
      return nullptr;
    if (info.dlpack_type && info.dlpack_type == wanted.device_type && info.dlpack_id == wanted.device_id) {
      device = candidate.get();
      return nullptr;
    }
  }
  return makeStatus(AICC_STATUS_UNSUPPORTED,
                    "there is no device for a DLPack tensor on device type %d, id %d", wanted.device_type,
                    wanted.device_id);
}

aicc_status *aicc_tensor_import_dlpack(aicc_instance *instance, DLManagedTensor *managed, aicc_tensor **out) {
  const DLTensor &from = managed->dl_tensor;
  const aicc_device *device = nullptr;
  AICC_RETURN_IF_ERROR(findDevice(*instance, from.device, device));
  aicc_element_type type = AICC_TYPE_INVALID;
  for (const TypePair &pair : kPairs)
    if (from.dtype.code == pair.code && from.dtype.bits == pair.bits && from.dtype.lanes == 1)
      type = pair.type;
  if (type == AICC_TYPE_INVALID)
    return makeStatus(AICC_STATUS_UNSUPPORTED,
                      "DLPack's data type (%u, %u bits, %u lanes) has no counterpart", from.dtype.code,
                      from.dtype.bits, from.dtype.lanes);
  if (from.ndim < 0 || from.ndim > static_cast<int32_t>(kMaxRank))
    return makeStatus(AICC_STATUS_INVALID_ARGUMENT, "a DLPack tensor has %d dimensions", from.ndim);
  // DLPack carries no size: its sizes and strides are all there is to believe.
  aicc_tensor *tensor = nullptr;
  char *data = from.data ? static_cast<char *>(from.data) + from.byte_offset : nullptr;
  AICC_RETURN_IF_ERROR(aicc_tensor_wrap(instance, type, static_cast<uint32_t>(from.ndim), from.shape,
                                        from.strides, data, UINT64_MAX, nullptr, nullptr, &tensor));
  aicc_tensor_info info = {};
  info.struct_size = sizeof(info);
  aicc_status *status = aicc_tensor_get_info(tensor, &info);
  if (!status && device && info.byte_size && device->can(AICC_DRIVER_ADOPT))
    status = device->table->memory_adopt(device->handle, data, info.byte_size);
  if (status) {
    aicc_tensor_release(tensor);
    return status;
  }
  tensor->device = device;
  tensor->byteSize = info.byte_size;
  tensor->releaseFn = releaseManaged;
  tensor->releaseUser = managed;
  *out = tensor;
  return nullptr;
}

aicc_status *aicc_tensor_export_dlpack(aicc_tensor *tensor, DLManagedTensor **out) {
  DLDevice device = {kDLCPU, 0};
  if (!tensor->isOnHost()) {
    device = {tensor->device->info.dlpack_type, tensor->device->info.dlpack_id};
    if (!device.device_type)
      return makeStatus(AICC_STATUS_UNSUPPORTED, "DLPack has no name for memory of device %s",
                        tensor->device->id.c_str());
  }
  const TypePair *pair = std::find_if(std::begin(kPairs), std::end(kPairs),
                                      [&](const TypePair &p) { return p.type == tensor->type; });
  if (pair == std::end(kPairs))
    return makeStatus(AICC_STATUS_UNSUPPORTED, "DLPack has no data type for %s in a byte",
                      aicc_element_type_name(tensor->type));
  auto *managed = static_cast<DLManagedTensor *>(std::calloc(1, sizeof(DLManagedTensor)));
  if (!managed)
    return makeStatus(AICC_STATUS_OUT_OF_MEMORY, "no memory for a DLPack tensor");
  DLTensor &to = managed->dl_tensor;
  to.data = tensor->data;
  to.device = device;
  to.ndim = static_cast<int32_t>(tensor->rank);
  to.dtype = {pair->code, pair->bits, 1};
  to.shape = tensor->dims;
  to.strides = tensor->strides;
  tensor->retain();
  managed->manager_ctx = tensor;
  managed->deleter = deleteExported;
  *out = managed;
  return nullptr;
}
