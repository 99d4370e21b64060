// Sizes and element types of constants, views and data movement.

#include "dialects/nn/InferSupport.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace aicc::nn;

/// A static type's sizes and element type.
static LogicalResult inferStatic(ShapeContext &ctx, Type type, Results &results) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return ctx.fail("needs a tensor type with static sizes, has " + text(type));
  SymShape shape;
  for (int64_t size : tensor.getShape())
    shape.push_back(ctx.constant(size));
  results.push_back({shape, tensor.getElementType()});
  return aicc::nn::detail::checkResults(ctx, results);
}

LogicalResult ConstantOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes, Results &results) {
  return inferStatic(ctx, adaptor.getValue().getType(), results);
}

LogicalResult WeightOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes, Results &results) {
  if (failed(inferStatic(ctx, adaptor.getType(), results)))
    return failure();
  auto type = cast<RankedTensorType>(adaptor.getType());
  SourceAttr source = adaptor.getSource();
  int64_t bytes, size = getElementSize(type.getElementType());
  if (llvm::MulOverflow(type.getNumElements(), size, bytes) || source.getOffset() < 0 ||
      source.getSize() != bytes)
    return ctx.fail("'" + adaptor.getLabel() + "' has " + Twine(source.getSize()) + " bytes at offset " +
                    Twine(source.getOffset()) + ", its type is " + text(type));
  return success();
}

LogicalResult SizesOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes, Results &results) {
  AffineMap map = adaptor.getValue();
  if (failed(checkMap(ctx, "value", map, adaptor.getScalar() ? 1 : -1)))
    return failure();
  SymShape shape;
  if (!adaptor.getScalar())
    shape.push_back(ctx.constant(map.getNumResults()));
  return result(results, shape, IntegerType::get(ctx.getContext(), 64));
}

LogicalResult IotaOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes, Results &results) {
  AffineMap map = adaptor.getShape();
  if (failed(checkMap(ctx, "shape", map)) || failed(checkAxis(ctx, adaptor.getAxis(), map.getNumResults())))
    return failure();
  if (!isElementType(adaptor.getType()) || !isNumber(adaptor.getType()))
    return ctx.fail("cannot count in " + text(adaptor.getType()));
  return result(results, SymShape(map.getResults()), adaptor.getType());
}

LogicalResult ReshapeOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  AffineMap map = adaptor.getShape();
  if (failed(checkMap(ctx, "shape", map)))
    return failure();
  if (!mayBeEqual(ctx, ctx.product(operands[0]), ctx.product(map.getResults())))
    return ctx.fail("cannot reshape " + ShapeContext::toString(operands[0]) + " to " +
                    ShapeContext::toString(map.getResults()));
  return result(results, SymShape(map.getResults()), elementOf(adaptor.getInput()));
}

LogicalResult BroadcastOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  AffineMap map = adaptor.getShape();
  if (failed(checkMap(ctx, "shape", map)) ||
      failed(checkBroadcastsTo(ctx, "input", operands[0], map.getResults())))
    return failure();
  return result(results, SymShape(map.getResults()), elementOf(adaptor.getInput()));
}

LogicalResult TransposeOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  ArrayRef<int64_t> perm = adaptor.getPerm();
  int64_t rank = operands[0].size();
  SymShape shape;
  llvm::SmallDenseSet<int64_t> seen;
  for (int64_t p : perm)
    if (p >= 0 && p < rank && seen.insert(p).second)
      shape.push_back(operands[0][p]);
  if (int64_t(perm.size()) != rank || int64_t(shape.size()) != rank)
    return ctx.fail("'perm' is not a permutation of the dimensions of " +
                    ShapeContext::toString(operands[0]));
  return result(results, shape, elementOf(adaptor.getInput()));
}

LogicalResult SliceOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &input = operands[0];
  AffineMap offsets = adaptor.getOffsets(), sizes = adaptor.getSizes();
  int64_t rank = input.size();
  if (failed(checkMap(ctx, "offsets", offsets, rank)) || failed(checkMap(ctx, "sizes", sizes, rank)) ||
      failed(checkValues(ctx, "steps", adaptor.getSteps(), rank, INT64_MIN, INT64_MAX)))
    return failure();
  for (int64_t i = 0; i < rank; ++i) {
    int64_t step = adaptor.getSteps()[i], last;
    if (step == 0)
      return ctx.fail("has step 0 along dimension " + Twine(i));
    std::optional<int64_t> dim = ctx.getConstant(input[i]), offset = ctx.getConstant(offsets.getResult(i)),
                           size = ctx.getConstant(sizes.getResult(i));
    if (!dim || !offset || !size || *size <= 0)
      continue;
    bool inside = !llvm::MulOverflow(*size - 1, step, last) && !llvm::AddOverflow(*offset, last, last) &&
                  *offset >= 0 && *offset < *dim && last >= 0 && last < *dim;
    if (!inside)
      return ctx.fail("leaves dimension " + Twine(i) + " of " + ShapeContext::toString(input) + ": offset " +
                      Twine(*offset) + ", size " + Twine(*size) + ", step " + Twine(step));
  }
  return result(results, SymShape(sizes.getResults()), elementOf(adaptor.getInput()));
}

LogicalResult ConcatOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  if (operands.empty())
    return ctx.fail("needs an operand");
  int64_t axis = adaptor.getAxis();
  SymShape shape = operands[0];
  if (failed(checkSameElements(ctx, adaptor.getInputs())) || failed(checkAxis(ctx, axis, shape.size())))
    return failure();
  for (const SymShape &other : operands.drop_front()) {
    if (other.size() != shape.size())
      return ctx.fail("needs operands of one rank, has " + ShapeContext::toString(shape) + " and " +
                      ShapeContext::toString(other));
    for (int64_t i = 0, e = shape.size(); i < e; ++i) {
      if (i == axis) {
        shape[i] = ctx.simplify(shape[i] + other[i]);
        continue;
      }
      FailureOr<AffineExpr> size =
          unify(ctx, shape[i], other[i],
                "sizes of dimension " + Twine(i) + " (of " + ShapeContext::toString(other) + ", for one)");
      if (failed(size))
        return failure();
      shape[i] = *size;
    }
  }
  return result(results, shape, elementOf(adaptor.getInputs()[0]));
}

LogicalResult PadOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &input = operands[0];
  AffineMap low = adaptor.getLow(), high = adaptor.getHigh();
  if (failed(checkMap(ctx, "low", low, input.size())) || failed(checkMap(ctx, "high", high, input.size())) ||
      failed(checkSameElements(ctx, adaptor.getOperands())))
    return failure();
  if (adaptor.getValue() &&
      (adaptor.getMode() != PadMode::constant || ctx.getConstant(ctx.product(operands[1])) != 1))
    return ctx.fail("takes one element as value, and only in constant mode; has " +
                    ShapeContext::toString(operands[1]));
  SymShape shape;
  for (auto [size, l, h] : llvm::zip_equal(input, low.getResults(), high.getResults())) {
    shape.push_back(ctx.simplify(size + l + h));
    std::optional<int64_t> n = ctx.getConstant(size);
    int64_t most = std::max(ctx.getConstant(l).value_or(0), ctx.getConstant(h).value_or(0));
    if (n && most > 0 &&
        ((adaptor.getMode() == PadMode::reflect && *n < 2) ||
         (adaptor.getMode() != PadMode::constant && *n < 1)))
      return ctx.fail("has nothing to pad with in " + ShapeContext::toString(input));
  }
  return result(results, shape, elementOf(adaptor.getInput()));
}

LogicalResult GatherOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &input = operands[0], &indices = operands[1];
  if (failed(checkIndices(ctx, adaptor.getIndices())) ||
      failed(checkAxis(ctx, adaptor.getAxis(), input.size())))
    return failure();
  SymShape shape(input.begin(), input.begin() + adaptor.getAxis());
  shape.append(indices.begin(), indices.end());
  shape.append(input.begin() + adaptor.getAxis() + 1, input.end());
  return result(results, shape, elementOf(adaptor.getInput()));
}

LogicalResult GatherElementsOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  if (failed(checkIndices(ctx, adaptor.getIndices())) ||
      failed(checkAxis(ctx, adaptor.getAxis(), operands[0].size())) ||
      failed(checkRank(ctx, "indices", operands[1], operands[0].size())))
    return failure();
  return result(results, operands[1], elementOf(adaptor.getInput()));
}

/// The length of the index tuples of gather_nd and scatter_nd: the last size of the indices, at most `rank`.
static FailureOr<int64_t> getTupleLength(ShapeContext &ctx, const SymShape &indices, int64_t rank) {
  std::optional<int64_t> length;
  if (!indices.empty())
    length = ShapeContext::getConstant(indices.back());
  if (!length || *length < 1 || *length > rank)
    return ctx.fail("needs indices whose last size is 1 to " + Twine(rank) + ", has " +
                    ShapeContext::toString(indices));
  return *length;
}

LogicalResult GatherNdOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &input = operands[0], &indices = operands[1];
  int64_t batch = adaptor.getBatchDims(), rank = input.size();
  if (failed(checkIndices(ctx, adaptor.getIndices())))
    return failure();
  if (batch < 0 || batch >= std::min<int64_t>(rank, indices.size()))
    return ctx.fail("'batch_dims' is " + Twine(batch) + ", but operands are " +
                    ShapeContext::toString(input) + " and " + ShapeContext::toString(indices));
  for (int64_t i = 0; i < batch; ++i)
    if (failed(unify(ctx, input[i], indices[i], "sizes of batch dimension " + Twine(i))))
      return failure();
  FailureOr<int64_t> length = getTupleLength(ctx, indices, rank - batch);
  if (failed(length))
    return failure();
  SymShape shape(indices.begin(), indices.end() - 1);
  shape.append(input.begin() + batch + *length, input.end());
  return result(results, shape, elementOf(adaptor.getInput()));
}

/// Codes of narrow numbers can be replaced, but not combined.
static LogicalResult checkCombined(ShapeContext &ctx, Type element, ScatterKind kind) {
  if (kind == ScatterKind::none || element.isIntOrFloat())
    return success();
  return ctx.fail("needs numbers or booleans to combine, has " + text(element));
}

LogicalResult ScatterElementsOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands,
                                       Results &results) {
  const SymShape &input = operands[0], &indices = operands[1], &updates = operands[2];
  if (failed(checkIndices(ctx, adaptor.getIndices())) ||
      failed(checkAxis(ctx, adaptor.getAxis(), input.size())) ||
      failed(checkRank(ctx, "indices", indices, input.size())) ||
      failed(checkRank(ctx, "updates", updates, input.size())) ||
      failed(checkSameElements(ctx, {adaptor.getInput(), adaptor.getUpdates()})) ||
      failed(checkCombined(ctx, elementOf(adaptor.getInput()), adaptor.getKind())))
    return failure();
  for (auto [a, b] : llvm::zip_equal(indices, updates))
    if (failed(unify(ctx, a, b, "sizes of indices and updates")))
      return failure();
  return result(results, input, elementOf(adaptor.getInput()));
}

LogicalResult ScatterNdOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &input = operands[0], &indices = operands[1], &updates = operands[2];
  FailureOr<int64_t> length = getTupleLength(ctx, indices, input.size());
  if (failed(length) || failed(checkIndices(ctx, adaptor.getIndices())) ||
      failed(checkSameElements(ctx, {adaptor.getInput(), adaptor.getUpdates()})) ||
      failed(checkCombined(ctx, elementOf(adaptor.getInput()), adaptor.getKind())))
    return failure();
  SymShape wanted(indices.begin(), indices.end() - 1);
  wanted.append(input.begin() + *length, input.end());
  if (failed(checkRank(ctx, "updates", updates, wanted.size())))
    return failure();
  for (auto [a, b] : llvm::zip_equal(wanted, updates))
    if (failed(unify(ctx, a, b, "sizes wanted of updates and theirs")))
      return failure();
  return result(results, input, elementOf(adaptor.getInput()));
}

LogicalResult PackOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  int64_t axis = adaptor.getAxis(), block = adaptor.getBlock();
  if (failed(checkAxis(ctx, axis, operands[0].size())) || failed(checkValues(ctx, "block", block, 1, 1)))
    return failure();
  SymShape shape = operands[0];
  shape[axis] = ctx.simplify(shape[axis].ceilDiv(block));
  shape.push_back(ctx.constant(block));
  return result(results, shape, elementOf(adaptor.getInput()));
}

LogicalResult UnpackOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &input = operands[0];
  int64_t axis = adaptor.getAxis(), size = adaptor.getSize();
  if (failed(checkRank(ctx, "input", input, 2, /*atLeast=*/true)) ||
      failed(checkAxis(ctx, axis, input.size() - 1)) ||
      failed(checkValues(ctx, "size", size, 1, 0, INT64_MAX)))
    return failure();
  std::optional<int64_t> block = ctx.getConstant(input.back());
  if (!block || *block < 1 ||
      !mayBeEqual(ctx, input[axis], ctx.constant(llvm::divideCeil(uint64_t(size), uint64_t(*block)))))
    return ctx.fail("cannot take " + Twine(size) + " elements of dimension " + Twine(axis) + " out of " +
                    ShapeContext::toString(input));
  SymShape shape(input.begin(), input.end() - 1);
  shape[axis] = ctx.constant(size);
  return result(results, shape, elementOf(adaptor.getInput()));
}
