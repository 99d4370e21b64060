// Reference evaluation of the operations that are driven by data: gathers, scatters, sorting, and scans.
// Every index is checked.

#include "dialects/nn/EvaluateSupport.h"
#include <algorithm>
#include <numeric>

using namespace mlir;

namespace aicc::nn {
using namespace detail;

#define AICC_EVALUATE(OP)                                                                                    \
  LogicalResult OP::evaluate(EvalContext &ctx, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results)

/// The indices, negative ones counted from the end of `size`; fails where one is out of range.
static FailureOr<std::vector<int64_t>> loadIndices(EvalContext &ctx, const Tensor &indices, int64_t size) {
  std::vector<int64_t> values = loadAll<int64_t>(indices);
  for (int64_t &value : values) {
    int64_t index = value < 0 ? value + size : value;
    if (index < 0 || index >= size)
      return ctx.fail("index " + Twine(value) + " is out of range for a dimension of size " + Twine(size));
    value = index;
  }
  return values;
}

/// Flat element offsets of slices: each row of `indices` [.., k] addresses the k dimensions of `shape` after
/// the first `batchDims`, which it shares. `indices` has `perBatch` rows per batch element.
static FailureOr<std::vector<int64_t>> loadOffsets(EvalContext &ctx, const Tensor &indices,
                                                   ArrayRef<int64_t> shape, int64_t batchDims) {
  int64_t k = indices.getShape().back();
  if (k < 0 || batchDims + k > int64_t(shape.size()))
    return ctx.fail("indices address " + Twine(k) + " dimensions after " + Twine(batchDims) + " of " +
                    Twine(shape.size()));
  std::vector<int64_t> values = loadAll<int64_t>(indices);
  Sizes strides = getStrides(shape);
  int64_t batches = getProduct(shape.take_front(batchDims)),
          rows = getProduct(indices.getShape().drop_back());
  int64_t perBatch = batches ? rows / batches : 0, batchStride = batchDims ? strides[batchDims - 1] : 0;
  std::vector<int64_t> offsets(rows);
  for (int64_t row = 0; row < rows; ++row) {
    int64_t offset = perBatch ? row / perBatch * batchStride : 0;
    for (int64_t i = 0; i < k; ++i) {
      int64_t value = values[row * k + i], size = shape[batchDims + i],
              index = value < 0 ? value + size : value;
      if (index < 0 || index >= size)
        return ctx.fail("index " + Twine(value) + " is out of range for dimension " + Twine(batchDims + i) +
                        " of size " + Twine(size));
      offset += index * strides[batchDims + i];
    }
    offsets[row] = offset;
  }
  return offsets;
}

//===--- gather -----------------------------------------------------------------------------------------===//

AICC_EVALUATE(GatherOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  AxisSplit split(operands[0].getShape(), getAxis());
  FailureOr<std::vector<int64_t>> indices = loadIndices(ctx, operands[1], split.size);
  if (failed(indices))
    return failure();
  Tensor result(*type);
  int64_t bytes = split.inner * nn::getElementSize(type->getElementType());
  const char *from = operands[0].getBytes().data();
  char *to = result.getMutableBytes().data();
  for (int64_t o = 0; o < split.outer; ++o, from += split.size * bytes)
    for (int64_t index : *indices) {
      std::memcpy(to, from + index * bytes, bytes);
      to += bytes;
    }
  results.push_back(result);
  return success();
}

/// Offsets in a tensor of sizes `shape` that the elements of `indices` address along `axis`, as in
/// take_along_axis.
static FailureOr<std::vector<int64_t>> loadElementOffsets(EvalContext &ctx, const Tensor &indices,
                                                          ArrayRef<int64_t> shape, int64_t axis) {
  for (unsigned i = 0; i < shape.size(); ++i)
    if (int64_t(i) != axis && indices.getShape()[i] > shape[i])
      return ctx.fail("indices are larger than the input in dimension " + Twine(i));
  FailureOr<std::vector<int64_t>> offsets = loadIndices(ctx, indices, shape[axis]);
  if (failed(offsets))
    return failure();
  Loops loops;
  loops.sizes.assign(indices.getShape().begin(), indices.getShape().end());
  Sizes strides = getStrides(shape);
  int64_t axisStride = strides[axis];
  strides[axis] = 0;
  loops.strides = {strides};
  int64_t next = 0;
  loops.forEachRow([&](ArrayRef<int64_t> first, int64_t n) {
    for (int64_t i = 0; i < n; ++i, ++next)
      (*offsets)[next] = (*offsets)[next] * axisStride + first[0] + i * strides.back();
  });
  return offsets;
}

AICC_EVALUATE(GatherElementsOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  FailureOr<std::vector<int64_t>> offsets =
      loadElementOffsets(ctx, operands[1], operands[0].getShape(), getAxis());
  if (failed(offsets))
    return failure();
  Tensor result(*type);
  int64_t bytes = nn::getElementSize(type->getElementType());
  char *to = result.getMutableBytes().data();
  for (int64_t offset : *offsets) {
    std::memcpy(to, operands[0].getBytes().data() + offset * bytes, bytes);
    to += bytes;
  }
  results.push_back(result);
  return success();
}

AICC_EVALUATE(GatherNdOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  ArrayRef<int64_t> shape = operands[0].getShape();
  int64_t batchDims = getBatchDims();
  FailureOr<std::vector<int64_t>> offsets = loadOffsets(ctx, operands[1], shape, batchDims);
  if (failed(offsets))
    return failure();
  Tensor result(*type);
  int64_t elementSize = nn::getElementSize(type->getElementType());
  int64_t bytes = getProduct(shape.drop_front(batchDims + operands[1].getShape().back())) * elementSize;
  char *to = result.getMutableBytes().data();
  for (int64_t offset : *offsets) {
    std::memcpy(to, operands[0].getBytes().data() + offset * elementSize, bytes);
    to += bytes;
  }
  results.push_back(result);
  return success();
}

//===--- scatter ----------------------------------------------------------------------------------------===//

/// A copy that can be written to.
static Tensor copyOf(const Tensor &tensor) {
  Tensor result(tensor.getType());
  llvm::copy(tensor.getBytes(), result.getMutableBytes().begin());
  return result;
}

/// target[offsets[i] .. + count] = combine(target, updates[i * count ..]), in order.
static void scatter(ScatterKind how, Tensor &target, ArrayRef<int64_t> offsets, const Tensor &updates,
                    int64_t count) {
  ElementKind kind = getKind(target);
  const char *from = updates.getBytes().data();
  char *to = target.getMutableBytes().data();
  int64_t size = getSize(kind);
  if (how == ScatterKind::none) {
    for (auto [i, offset] : llvm::enumerate(offsets))
      std::memcpy(to + offset * size, from + int64_t(i) * count * size, count * size);
    return;
  }
  dispatchCompute(kind, [&](auto zero) {
    using C = decltype(zero);
    std::vector<C> old(count), update(count);
    for (auto [i, offset] : llvm::enumerate(offsets)) {
      load(kind, to, offset, 1, count, old.data());
      load(kind, from, int64_t(i) * count, 1, count, update.data());
      for (int64_t j = 0; j < count; ++j)
        old[j] = how == ScatterKind::add   ? addWrap(old[j], update[j])
                 : how == ScatterKind::mul ? mulWrap(old[j], update[j])
                 : how == ScatterKind::max ? maxNaN(old[j], update[j])
                                           : minNaN(old[j], update[j]);
      store(kind, to, offset, count, old.data());
    }
  });
}

AICC_EVALUATE(ScatterElementsOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  if (operands[1].getShape() != operands[2].getShape())
    return ctx.fail("indices and updates differ in their sizes");
  FailureOr<std::vector<int64_t>> offsets =
      loadElementOffsets(ctx, operands[1], operands[0].getShape(), getAxis());
  if (failed(offsets))
    return failure();
  Tensor result = copyOf(operands[0]);
  scatter(getKind(), result, *offsets, operands[2], 1);
  results.push_back(result);
  return success();
}

AICC_EVALUATE(ScatterNdOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  ArrayRef<int64_t> shape = operands[0].getShape();
  FailureOr<std::vector<int64_t>> offsets = loadOffsets(ctx, operands[1], shape, 0);
  if (failed(offsets))
    return failure();
  int64_t count = getProduct(shape.drop_front(operands[1].getShape().back()));
  if (operands[2].getNumElements() != int64_t(offsets->size()) * count)
    return ctx.fail("updates don't have the sizes that the indices ask for");
  Tensor result = copyOf(operands[0]);
  scatter(getKind(), result, *offsets, operands[2], count);
  results.push_back(result);
  return success();
}

//===--- order ------------------------------------------------------------------------------------------===//

/// True if a comes before b; NaN counts as larger than all numbers.
template <class C> static bool isBefore(C a, C b, bool largest) {
  bool aNaN = a != a, bNaN = b != b;
  if (aNaN || bNaN)
    return largest ? aNaN && !bNaN : bNaN && !aNaN;
  return largest ? a > b : a < b;
}

AICC_EVALUATE(TopKOp) {
  FailureOr<SmallVector<RankedTensorType>> types = nn::detail::getResultTypes(*this, ctx, operands);
  if (failed(types))
    return failure();
  RankedTensorType type = types->front();
  int64_t axis = getAxis(), k = type.getShape()[axis];
  bool largest = getLargest();
  AxisSplit split(operands[0].getShape(), axis);
  if (k > split.size)
    return ctx.fail("asks for " + Twine(k) + " of " + Twine(split.size) + " elements");
  dispatchCompute(getKind(type), [&](auto zero) {
    using C = decltype(zero);
    std::vector<C> input = loadAll<C>(operands[0]), values(type.getNumElements());
    std::vector<int64_t> indices(values.size()), order(split.size);
    for (int64_t o = 0; o < split.outer; ++o)
      for (int64_t i = 0; i < split.inner; ++i) {
        const C *row = input.data() + o * split.size * split.inner + i;
        std::iota(order.begin(), order.end(), 0);
        std::partial_sort(order.begin(), order.begin() + k, order.end(), [&](int64_t a, int64_t b) {
          C x = row[a * split.inner], y = row[b * split.inner];
          return isBefore(x, y, largest) || (!isBefore(y, x, largest) && a < b);
        });
        for (int64_t j = 0; j < k; ++j) {
          int64_t at = (o * k + j) * split.inner + i;
          values[at] = row[order[j] * split.inner];
          indices[at] = order[j];
        }
      }
    results.push_back(makeTensor(type, values));
    results.push_back(makeTensor((*types)[1], indices));
  });
  return success();
}

AICC_EVALUATE(ArgReduceOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  AxisSplit split(operands[0].getShape(), getAxis());
  if (split.size == 0 && type->getNumElements())
    return ctx.fail("looks for the largest or smallest of no elements");
  bool max = getMax(), last = getLast();
  std::vector<int64_t> found(type->getNumElements());
  dispatchCompute(getKind(operands[0]), [&](auto zero) {
    using C = decltype(zero);
    std::vector<C> input = loadAll<C>(operands[0]);
    for (int64_t o = 0; o < split.outer; ++o)
      for (int64_t i = 0; i < split.inner; ++i) {
        const C *row = input.data() + o * split.size * split.inner + i;
        int64_t best = 0;
        // NaN wins against numbers, as it does in numpy's argmax and argmin.
        auto better = [&](C a, C b) { return (a != a && b == b) || (max ? a > b : a < b); };
        for (int64_t j = 1; j < split.size; ++j) {
          C value = row[j * split.inner], kept = row[best * split.inner];
          if (last ? !better(kept, value) : better(value, kept))
            best = j;
        }
        found[o * split.inner + i] = best;
      }
  });
  results.push_back(makeTensor(*type, found));
  return success();
}

AICC_EVALUATE(CumSumOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  AxisSplit split(operands[0].getShape(), getAxis());
  bool exclusive = getExclusive(), reverse = getReverse();
  results.push_back(dispatchCompute(getKind(*type), [&](auto zero) {
    using C = decltype(zero);
    std::vector<C> values = loadAll<C>(operands[0]);
    for (int64_t o = 0; o < split.outer; ++o)
      for (int64_t i = 0; i < split.inner; ++i) {
        C sum = 0;
        for (int64_t step = 0; step < split.size; ++step) {
          C &value = values[(o * split.size + (reverse ? split.size - 1 - step : step)) * split.inner + i];
          C next = addWrap(sum, value);
          value = exclusive ? sum : next;
          sum = next;
        }
      }
    return makeTensor(*type, values);
  }));
  return success();
}

} // namespace aicc::nn
