//===- Tensor.h - tensors ----------------------------------------------------------------===//
//
// A reference-counted array with a type, sizes and strides, in memory that is ours, the caller's, or another
// tensor's.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_CORE_TENSOR_H
#define AICC_RUNTIME_CORE_TENSOR_H

#include "runtime/core/Instance.h"

struct aicc_tensor : aicc::rt::RefCounted<aicc_tensor> {
  aicc_instance *instance = nullptr;   ///< counted
  const aicc_device *device = nullptr; ///< null: plain host memory
  aicc_element_type type = AICC_TYPE_INVALID;
  uint32_t rank = 0;
  int64_t *dims = nullptr;    ///< behind the struct, in the same allocation
  int64_t *strides = nullptr; ///< likewise
  void *data = nullptr;       ///< never null, so that it tells a tensor without elements from none
  uint64_t byteSize = 0;      ///< of the memory; sizes may need less
  uint64_t allocation = 0;    ///< bytes to free; 0: not ours
  void (*releaseFn)(void *user) = nullptr;
  void *releaseUser = nullptr;

  ~aicc_tensor();
  static void operator delete(void *pointer);
  bool isDense() const;
  /// The host can read and write its elements.
  bool isOnHost() const { return !device || device->sharesHostMemory(); }
  /// Sets sizes and dense strides.
  void reshape(const int64_t *sizes);
};

namespace aicc::rt {

/// Bytes of a dense tensor, rounded up to whole ones. False when a size is negative or the product leaves 62
/// bits.
bool computeByteSize(aicc_element_type type, uint32_t rank, const int64_t *dims, uint64_t &bytes);

/// A tensor without memory yet; null when there is no memory even for that.
aicc_tensor *newTensor(aicc_instance *instance, aicc_element_type type, uint32_t rank, const int64_t *dims);

/// Copies `from`, which may be strided, to dense memory. Both are the host's; `data` (null: the tensor's own)
/// is where its elements are. Element types of 8 bits and more if it is strided.
void packTensor(const aicc_tensor &from, void *to, const void *data = nullptr);

// Complete when they return. In TensorCopy.cpp.

/// The elements, densely, to the host's memory.
aicc_status *readTensor(const aicc_tensor &from, void *to);
/// The same to memory of `device`.
aicc_status *copyTensorTo(const aicc_tensor &from, const aicc_device &device, void *to);
/// `size` bytes of the host's memory to the dense tensor `to`.
aicc_status *writeTensor(const aicc_tensor &to, const void *from, uint64_t size);

/// "2x3xf32".
std::string describeShape(aicc_element_type type, uint32_t rank, const int64_t *dims);

} // namespace aicc::rt

#endif // AICC_RUNTIME_CORE_TENSOR_H
