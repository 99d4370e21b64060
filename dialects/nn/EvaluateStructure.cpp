// Reference evaluation of constants and of the operations that place elements without looking at them.
// Weights are packed through these, so they copy in bulk.

#include "dialects/nn/EvaluateSupport.h"
#include <numeric>

using namespace mlir;

namespace aicc::nn {
using namespace detail;

#define AICC_EVALUATE(OP)                                                                                    \
  LogicalResult OP::evaluate(EvalContext &ctx, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results)

//===--- sources ----------------------------------------------------------------------------------------===//

AICC_EVALUATE(ConstantOp) {
  auto type = dyn_cast<RankedTensorType>(getValue().getShapedType());
  if (!type || !isa<DenseElementsAttr, DenseResourceElementsAttr>(getValue()) ||
      !getElementKind(type.getElementType()))
    return ctx.fail("holds an attribute that can't be evaluated");
  results.push_back(Tensor::get(getValue()));
  return success();
}

AICC_EVALUATE(WeightOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  SourceAttr source = getSource();
  std::shared_ptr<llvm::MemoryBuffer> file = ctx.map(source.getPath());
  if (!file)
    return failure();
  int64_t available = file->getBufferSize(),
          size = type->getNumElements() * nn::getElementSize(type->getElementType());
  if (source.getSize() != size)
    return ctx.fail("weight '" + getLabel() + "' has " + Twine(source.getSize()) + " bytes, its type needs " +
                    Twine(size));
  if (source.getOffset() < 0 || source.getOffset() > available || size > available - source.getOffset())
    return ctx.fail("weight '" + getLabel() + "' lies outside '" + source.getPath() + "', which has " +
                    Twine(available) + " bytes");
  results.emplace_back(*type, ArrayRef<char>(file->getBufferStart() + source.getOffset(), size), file);
  return success();
}

AICC_EVALUATE(SizesOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  SmallVector<int64_t> values = ctx.evaluate(getValue());
  if (type->getNumElements() != int64_t(values.size()))
    return ctx.fail("holds " + Twine(values.size()) + " sizes, its type another number");
  Tensor result(*type);
  for (auto [i, value] : llvm::enumerate(values))
    result.setInt(i, value);
  results.push_back(result);
  return success();
}

AICC_EVALUATE(IotaOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  AxisSplit split(type->getShape(), getAxis());
  std::vector<int64_t> values;
  values.reserve(type->getNumElements());
  for (int64_t o = 0; o < split.outer; ++o)
    for (int64_t i = 0; i < split.size; ++i)
      values.insert(values.end(), split.inner, i);
  results.push_back(makeTensor(*type, values));
  return success();
}

//===--- views ------------------------------------------------------------------------------------------===//

AICC_EVALUATE(ReshapeOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  if (type->getNumElements() != operands[0].getNumElements())
    return ctx.fail("reshapes " + Twine(operands[0].getNumElements()) + " elements to " +
                    Twine(type->getNumElements()));
  results.push_back(operands[0].reshaped(type->getShape()));
  return success();
}

AICC_EVALUATE(BroadcastOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  ArrayRef<int64_t> from = operands[0].getShape(), to = type->getShape();
  if (from == to) {
    results.push_back(operands[0]);
    return success();
  }
  bool fits = from.size() <= to.size();
  for (unsigned i = 0; fits && i < from.size(); ++i)
    fits = from[i] == 1 || from[i] == to[to.size() - from.size() + i];
  if (!fits)
    return ctx.fail("its input doesn't broadcast to its sizes");
  Tensor result(*type);
  copyStrided(to, nn::getElementSize(type->getElementType()), operands[0].getBytes().data(),
              getBroadcastStrides(from, to), result.getMutableBytes().data(), getStrides(to));
  results.push_back(result);
  return success();
}

AICC_EVALUATE(TransposeOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  Sizes from = getStrides(operands[0].getShape()), strides;
  for (int64_t dim : getPerm())
    strides.push_back(from[dim]);
  Tensor result(*type);
  copyStrided(type->getShape(), nn::getElementSize(type->getElementType()), operands[0].getBytes().data(),
              strides, result.getMutableBytes().data(), getStrides(type->getShape()));
  results.push_back(result);
  return success();
}

AICC_EVALUATE(SliceOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  SmallVector<int64_t> offsets = ctx.evaluate(getOffsets());
  ArrayRef<int64_t> steps = getSteps(), from = operands[0].getShape(), sizes = type->getShape();
  Sizes strides = getStrides(from);
  int64_t first = 0;
  for (unsigned i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0)
      continue;
    int64_t reach, last;
    if (llvm::MulOverflow(sizes[i] - 1, steps[i], reach) || llvm::AddOverflow(offsets[i], reach, last) ||
        offsets[i] < 0 || offsets[i] >= from[i] || last < 0 || last >= from[i])
      return ctx.fail("slices dimension " + Twine(i) + " of size " + Twine(from[i]) + " from " +
                      Twine(offsets[i]) + ", " + Twine(sizes[i]) + " elements by steps of " +
                      Twine(steps[i]));
    first += offsets[i] * strides[i];
    strides[i] *= steps[i];
  }
  Tensor result(*type);
  int64_t elementSize = nn::getElementSize(type->getElementType());
  if (type->getNumElements())
    copyStrided(sizes, elementSize, operands[0].getBytes().data() + first * elementSize, strides,
                result.getMutableBytes().data(), getStrides(sizes));
  results.push_back(result);
  return success();
}

AICC_EVALUATE(ConcatOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  Tensor result(*type);
  int64_t elementSize = nn::getElementSize(type->getElementType()), axis = getAxis();
  AxisSplit split(type->getShape(), axis);
  char *to = result.getMutableBytes().data();
  int64_t row = split.size * split.inner;
  for (const Tensor &operand : operands) {
    int64_t part = operand.getShape()[axis] * split.inner;
    copyStrided({split.outer, part}, elementSize, operand.getBytes().data(), {part, 1}, to, {row, 1});
    to += part * elementSize;
  }
  results.push_back(result);
  return success();
}

//===--- padding ----------------------------------------------------------------------------------------===//

void detail::takeAlong(const Tensor &input, int64_t axis, ArrayRef<int64_t> indices, Tensor &result) {
  AxisSplit split(input.getShape(), axis);
  int64_t bytes = split.inner * nn::getElementSize(input.getElementType());
  const char *from = input.getBytes().data();
  char *to = result.getMutableBytes().data();
  for (int64_t o = 0; o < split.outer; ++o, from += split.size * bytes)
    for (int64_t index : indices) {
      if (index >= 0)
        std::memcpy(to, from + index * bytes, bytes);
      to += bytes;
    }
}

/// Which element of a dimension of `size` each of the padded ones is; -1: none.
static std::vector<int64_t> getPadIndices(PadMode mode, int64_t size, int64_t low, int64_t high) {
  int64_t crop = std::max<int64_t>(-low, 0), rest = size - crop - std::max<int64_t>(-high, 0);
  low = std::max<int64_t>(low, 0);
  high = std::max<int64_t>(high, 0);
  std::vector<int64_t> indices;
  for (int64_t i = -low; i < rest + high; ++i) {
    int64_t index = i;
    if (i < 0 || i >= rest) {
      auto modulo = [&](int64_t period) { return ((i % period) + period) % period; };
      switch (mode) {
      case PadMode::constant:
        index = -1;
        break;
      case PadMode::edge:
        index = std::clamp<int64_t>(i, 0, rest - 1);
        break;
      case PadMode::wrap:
        index = modulo(rest);
        break;
      case PadMode::reflect:
        index = rest == 1 ? 0 : modulo(2 * (rest - 1));
        index = std::min(index, 2 * (rest - 1) - index);
        break;
      }
    }
    indices.push_back(index < 0 ? -1 : index + crop);
  }
  return indices;
}

AICC_EVALUATE(PadOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  SmallVector<int64_t> low = ctx.evaluate(getLow()), high = ctx.evaluate(getHigh());
  Tensor value = nn::detail::getOperand(*this, operands, 1);
  int64_t elementSize = nn::getElementSize(type->getElementType());
  // One dimension after the other: the modes are separable.
  Tensor current = operands[0];
  for (int64_t axis = 0; axis < type->getRank(); ++axis) {
    if (low[axis] == 0 && high[axis] == 0)
      continue;
    int64_t size = current.getShape()[axis], padded;
    if (llvm::AddOverflow(size, low[axis], padded) || llvm::AddOverflow(padded, high[axis], padded) ||
        padded < 0 || -low[axis] > size || -high[axis] > size)
      return ctx.fail("removes more than dimension " + Twine(axis) + " has");
    int64_t rest = size + std::min<int64_t>(low[axis], 0) + std::min<int64_t>(high[axis], 0);
    if (getMode() != PadMode::constant && rest <= 0 && padded > 0)
      return ctx.fail("repeats elements of dimension " + Twine(axis) + ", which has none");
    SmallVector<int64_t> shape(current.getShape());
    shape[axis] = padded;
    Tensor next(withShape(*type, shape));
    if (getMode() == PadMode::constant) {
      char *to = next.getMutableBytes().data();
      static constexpr char zero[8] = {};
      copyStrided({next.getNumElements()}, elementSize, value ? value.getBytes().data() : zero, {0}, to, {1});
    }
    takeAlong(current, axis, getPadIndices(getMode(), size, low[axis], high[axis]), next);
    current = next;
  }
  results.push_back(current);
  return success();
}

//===--- blocked layouts --------------------------------------------------------------------------------===//

Tensor detail::pack(const Tensor &input, int64_t axis, int64_t block) {
  AxisSplit split(input.getShape(), axis);
  int64_t blocks = llvm::divideCeil(split.size, block), whole = split.size / block, rest = split.size % block;
  SmallVector<int64_t> shape(input.getShape());
  shape[axis] = blocks;
  shape.push_back(block);
  Tensor result(withShape(input.getType(), shape));
  int64_t elementSize = nn::getElementSize(input.getElementType());
  const char *from = input.getBytes().data();
  char *to = result.getMutableBytes().data();
  if (rest)
    std::memset(to, 0, result.getBytes().size());
  auto copy = [&](int64_t first, int64_t count, int64_t inBlock) {
    copyStrided({split.outer, count, split.inner, inBlock}, elementSize,
                from + first * block * split.inner * elementSize,
                {split.size * split.inner, block * split.inner, 1, split.inner},
                to + first * split.inner * block * elementSize,
                {blocks * split.inner * block, split.inner * block, block, 1});
  };
  copy(0, whole, block);
  if (rest)
    copy(whole, 1, rest);
  return result;
}

Tensor detail::unpack(const Tensor &input, int64_t axis, int64_t size) {
  int64_t block = input.getShape().back();
  SmallVector<int64_t> shape(input.getShape().drop_back());
  AxisSplit split(shape, axis);
  shape[axis] = size;
  Tensor result(withShape(input.getType(), shape));
  int64_t elementSize = nn::getElementSize(input.getElementType()), whole = size / block, rest = size % block;
  const char *from = input.getBytes().data();
  char *to = result.getMutableBytes().data();
  auto copy = [&](int64_t first, int64_t count, int64_t inBlock) {
    copyStrided({split.outer, count, inBlock, split.inner}, elementSize,
                from + first * split.inner * block * elementSize,
                {split.size * split.inner * block, split.inner * block, 1, block},
                to + first * block * split.inner * elementSize,
                {size * split.inner, block * split.inner, split.inner, 1});
  };
  copy(0, whole, block);
  if (rest)
    copy(whole, 1, rest);
  return result;
}

AICC_EVALUATE(PackOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  results.push_back(pack(operands[0], getAxis(), getBlock()));
  return success();
}

AICC_EVALUATE(UnpackOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  int64_t size = getSize();
  if (size > operands[0].getShape()[getAxis()] * operands[0].getShape().back())
    return ctx.fail("keeps more elements than there are");
  results.push_back(unpack(operands[0], getAxis(), size));
  return success();
}

} // namespace aicc::nn
