// What the reference evaluators of all families share: element kinds and conversions, strided loops and
// copies, result types. Private to the dialect; clients use Tensor.h.
//
// Elementwise and other arithmetic is done in one of three types, by the class of the element type: double
// for floats, int64_t for signed and uint64_t for unsigned integers and booleans. Storing rounds (floats, to
// nearest even; f16 and bf16 through f32), wraps (integers) or saturates (float to integer, NaN gives 0).
// Wrapping on the store is the same as wrapping at each step.

#ifndef AICC_DIALECTS_NN_EVALUATESUPPORT_H
#define AICC_DIALECTS_NN_EVALUATESUPPORT_H

#include "dialects/nn/NN.h"
#include <array>
#include <cstring>
#include <vector>

namespace aicc::nn::detail {

enum class ElementKind : uint8_t { f64, f32, f16, bf16, i1, i8, i16, i32, i64, ui8, ui16, ui32, ui64 };

/// The kind of an element type; nullopt if nn has no such element.
std::optional<ElementKind> getElementKind(mlir::Type type);
/// The kind of a tensor's elements, which must be of nn.
ElementKind getKind(const Tensor &tensor);
ElementKind getKind(mlir::RankedTensorType type);
int64_t getSize(ElementKind kind);
inline bool isFloat(ElementKind kind) { return kind <= ElementKind::bf16; }
inline bool isSigned(ElementKind kind) { return kind >= ElementKind::i8 && kind <= ElementKind::i64; }

/// out[i] = element index + i * stride at base, for i < n. C: float, double, int64_t, uint64_t.
template <class C>
void load(ElementKind kind, const char *base, int64_t index, int64_t stride, int64_t n, C *out);
/// element index + i at base = in[i], for i < n.
template <class C> void store(ElementKind kind, char *base, int64_t index, int64_t n, const C *in);

/// All elements, converted.
template <class C> std::vector<C> loadAll(const Tensor &tensor) {
  std::vector<C> values;
  if (!tensor)
    return values;
  values.resize(tensor.getNumElements());
  load(getKind(tensor), tensor.getBytes().data(), 0, 1, tensor.getNumElements(), values.data());
  return values;
}

/// A tensor of these elements, converted.
template <class C> Tensor makeTensor(mlir::RankedTensorType type, const std::vector<C> &values) {
  Tensor tensor(type);
  assert(int64_t(values.size()) == tensor.getNumElements());
  store(getKind(type), tensor.getMutableBytes().data(), 0, tensor.getNumElements(), values.data());
  return tensor;
}

/// Calls fn with a zero of the type that elements of this kind are computed in.
template <class Fn> auto dispatchCompute(ElementKind kind, Fn fn) {
  if (isFloat(kind))
    return fn(double(0));
  if (isSigned(kind))
    return fn(int64_t(0));
  return fn(uint64_t(0));
}

/// Smallest and largest value of an element kind (infinities for floats).
template <class C> C getLowest(ElementKind kind);
template <class C> C getHighest(ElementKind kind);

/// Sums and products that wrap where C is an integer.
template <class C> C addWrap(C a, C b) {
  if constexpr (std::is_floating_point_v<C>)
    return a + b;
  else
    return C(uint64_t(a) + uint64_t(b));
}
template <class C> C mulWrap(C a, C b) {
  if constexpr (std::is_floating_point_v<C>)
    return a * b;
  else
    return C(uint64_t(a) * uint64_t(b));
}
/// The smaller and the larger of both; NaN if either is NaN.
template <class C> C minNaN(C a, C b) { return a != a ? a : (b < a || b != b) ? b : a; }
template <class C> C maxNaN(C a, C b) { return a != a ? a : (b > a || b != b) ? b : a; }

//===--- strided walks ----------------------------------------------------------------------------------===//

using Sizes = llvm::SmallVector<int64_t, 6>;

int64_t getProduct(llvm::ArrayRef<int64_t> sizes);
/// Row-major strides in elements.
Sizes getStrides(llvm::ArrayRef<int64_t> sizes);
/// Strides with which a tensor of sizes `from` is read under numpy broadcasting to `to`.
Sizes getBroadcastStrides(llvm::ArrayRef<int64_t> from, llvm::ArrayRef<int64_t> to);

/// A loop nest over several tensors: sizes, outermost first, and each tensor's strides in elements.
struct Loops {
  Sizes sizes;
  llvm::SmallVector<Sizes, 4> strides;

  /// Drops dimensions of size 1 and merges those that all tensors walk as one; leaves at least one dimension.
  void simplify();

  /// Calls fn(offsets, n) for each innermost row: the element offset at which each tensor's row begins, and
  /// its length.
  template <class Fn> void forEachRow(Fn fn) const {
    if (llvm::is_contained(sizes, 0))
      return;
    unsigned rank = sizes.size();
    Sizes index(rank, 0), offsets(strides.size(), 0);
    while (true) {
      fn(llvm::ArrayRef<int64_t>(offsets), sizes.back());
      int dim = int(rank) - 2;
      for (; dim >= 0; --dim) {
        for (unsigned t = 0; t < strides.size(); ++t)
          offsets[t] += strides[t][dim];
        if (++index[dim] < sizes[dim])
          break;
        for (unsigned t = 0; t < strides.size(); ++t)
          offsets[t] -= strides[t][dim] * sizes[dim];
        index[dim] = 0;
      }
      if (dim < 0)
        return;
    }
  }
};

/// Copies elements of `elementSize` bytes between strided places (strides in elements, any sign). The last
/// dimension should be the destination's fastest.
void copyStrided(llvm::ArrayRef<int64_t> sizes, int64_t elementSize, const char *source,
                 llvm::ArrayRef<int64_t> sourceStrides, char *target, llvm::ArrayRef<int64_t> targetStrides);

/// Sizes before, at and after an axis.
struct AxisSplit {
  int64_t outer, size, inner;
  AxisSplit(llvm::ArrayRef<int64_t> shape, int64_t axis)
      : outer(getProduct(shape.take_front(axis))), size(shape[axis]),
        inner(getProduct(shape.drop_front(axis + 1))) {}
};

/// pack and unpack as functions: the layout of convolutions. `size` elements along `axis` are kept by unpack.
Tensor pack(const Tensor &input, int64_t axis, int64_t block);
Tensor unpack(const Tensor &input, int64_t axis, int64_t size);

/// Indices along one axis replaced: element [.., j, ..] of `result` is element [.., indices[j], ..] of
/// `input`; -1 leaves it.
void takeAlong(const Tensor &input, int64_t axis, llvm::ArrayRef<int64_t> indices, Tensor &result);

//===--- operations -------------------------------------------------------------------------------------===//

/// The results' types given the operands' actual sizes and the symbols' values. They agree with the
/// operation's result types.
llvm::FailureOr<llvm::SmallVector<mlir::RankedTensorType>>
getResultTypes(mlir::Operation *op, EvalContext &ctx, llvm::ArrayRef<Tensor> operands);
/// The same for the operations with one result.
llvm::FailureOr<mlir::RankedTensorType> getResultType(mlir::Operation *op, EvalContext &ctx,
                                                      llvm::ArrayRef<Tensor> operands);

/// The tensor of an ODS operand; empty if it is absent.
template <class Op> Tensor getOperand(Op op, llvm::ArrayRef<Tensor> operands, unsigned index) {
  auto [first, count] = op.getODSOperandIndexAndLength(index);
  return count ? operands[first] : Tensor();
}

/// The type with other sizes.
inline mlir::RankedTensorType withShape(mlir::RankedTensorType type, llvm::ArrayRef<int64_t> shape) {
  return mlir::RankedTensorType::get(shape, type.getElementType());
}

} // namespace aicc::nn::detail

#endif
