// Sizes and element types of convolution, pooling and resize.

#include "dialects/nn/InferSupport.h"

using namespace mlir;
using namespace aicc::nn;

namespace {
/// Strides, dilations and padding of a window, checked.
struct Window {
  ArrayRef<int64_t> strides, dilations, low, high;

  LogicalResult check(ShapeContext &ctx, size_t rank) const {
    bool ok = succeeded(checkValues(ctx, "strides", strides, rank, 1)) &&
              succeeded(checkValues(ctx, "dilations", dilations, rank, 1)) &&
              succeeded(checkValues(ctx, "pads_low", low, rank, 0)) &&
              succeeded(checkValues(ctx, "pads_high", high, rank, 0));
    return success(ok);
  }
  /// Elements that a window of `kernel` taps spans along dimension i.
  int64_t span(int64_t kernel, size_t i) const { return dilations[i] * (kernel - 1) + 1; }
};
} // namespace

/// Positions of the window along spatial dimension i. With `ceil`, ONNX's rule: also a last one that leaves
/// the input, if it begins inside the input or the low padding.
static FailureOr<AffineExpr> slide(ShapeContext &ctx, const Window &window, AffineExpr input, int64_t kernel,
                                   size_t i, bool ceil) {
  int64_t span = window.span(kernel, i), stride = window.strides[i], low = window.low[i],
          high = window.high[i];
  AffineExpr room = ctx.simplify(input + (low + high - span));
  if (std::optional<int64_t> value = ctx.getConstant(room); value && *value <= (ceil ? -stride : -1))
    return ctx.fail("has a window of " + Twine(span) + " elements over " + ShapeContext::toString(input) +
                    " padded by " + Twine(low) + " and " + Twine(high));
  if (!ceil)
    return ctx.simplify(room.floorDiv(stride) + 1);
  // min(ceil(room / stride) + 1, ceil((input + low) / stride)): which one is smaller depends on constants
  // only.
  if (high - span + stride > 0)
    return ctx.simplify((input + low).ceilDiv(stride));
  return ctx.simplify(room.ceilDiv(stride) + 1);
}

/// Kernel sizes (dimensions 2.. of a filter) as constants.
static FailureOr<SmallVector<int64_t>> getKernel(ShapeContext &ctx, const SymShape &filter) {
  SmallVector<int64_t> kernel;
  if (failed(checkRank(ctx, "filter", filter, 3, /*atLeast=*/true)))
    return failure();
  for (AffineExpr size : ArrayRef(filter).drop_front(2)) {
    std::optional<int64_t> value = ctx.getConstant(size);
    if (!value)
      return ctx.fail("needs a filter of static kernel size, has " + ShapeContext::toString(filter));
    kernel.push_back(*value);
  }
  if (failed(checkValues(ctx, "kernel", kernel, kernel.size(), 1)))
    return failure();
  return kernel;
}

/// Fails unless there are `groups` > 0 groups of equal size in `channels`.
static LogicalResult checkGroups(ShapeContext &ctx, int64_t groups, AffineExpr channels) {
  if (failed(checkValues(ctx, "groups", groups, 1, 1)))
    return failure();
  if (ctx.getConstant(channels).value_or(0) % groups)
    return ctx.fail("cannot divide " + ShapeContext::toString(channels) + " channels into " + Twine(groups) +
                    " groups");
  return success();
}

static LogicalResult checkBias(ShapeContext &ctx, Shapes operands, AffineExpr channels) {
  if (operands.size() < 3)
    return success();
  if (failed(checkRank(ctx, "bias", operands[2], 1)))
    return failure();
  return success(succeeded(unify(ctx, operands[2][0], channels, "sizes of bias and output channels")));
}

LogicalResult ConvOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &input = operands[0], &filter = operands[1];
  Type element = elementOf(adaptor.getInput());
  FailureOr<SmallVector<int64_t>> kernel = getKernel(ctx, filter);
  int64_t block = adaptor.getBlock(), groups = adaptor.getGroups();
  bool bytes = isByteProduct(element, elementOf(adaptor.getFilter())) && !adaptor.getBias();
  if (failed(kernel) || (!bytes && failed(checkSameElements(ctx, adaptor.getOperands()))) ||
      (!bytes && failed(checkFloat(ctx, element))) || failed(checkValues(ctx, "block", block, 1, 0)))
    return failure();
  if (bytes)
    element = IntegerType::get(ctx.getContext(), 32);
  bool packed = block && adaptor.getBlockInput();
  Window window{adaptor.getStrides(), adaptor.getDilations(), adaptor.getPadsLow(), adaptor.getPadsHigh()};
  if (failed(checkRank(ctx, "input", input, filter.size() + packed)) ||
      failed(window.check(ctx, kernel->size())) || failed(checkGroups(ctx, groups, filter[0])) ||
      failed(checkBias(ctx, operands, filter[0])))
    return failure();
  AffineExpr channels = ctx.simplify(filter[1] * groups);
  if (packed) {
    channels = ctx.simplify(channels.ceilDiv(block));
    if (ctx.getConstant(input.back()) != block)
      return ctx.fail("needs an input in blocks of " + Twine(block) + ", has " +
                      ShapeContext::toString(input));
  }
  if (failed(unify(ctx, input[1], channels,
                   "input channels of " + ShapeContext::toString(input) + " and of filter " +
                       ShapeContext::toString(filter) + " with " + Twine(groups) + " groups")))
    return failure();

  SymShape shape{input[0], block ? ctx.simplify(filter[0].ceilDiv(block)) : filter[0]};
  for (auto [i, size] : llvm::enumerate(*kernel)) {
    FailureOr<AffineExpr> positions = slide(ctx, window, input[i + 2], size, i, /*ceil=*/false);
    if (failed(positions))
      return failure();
    shape.push_back(*positions);
  }
  if (block)
    shape.push_back(ctx.constant(block));
  return result(results, shape, element);
}

LogicalResult ConvTransposeOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &input = operands[0], &filter = operands[1];
  Type element = elementOf(adaptor.getInput());
  FailureOr<SmallVector<int64_t>> kernel = getKernel(ctx, filter);
  if (failed(kernel) || failed(checkSameElements(ctx, adaptor.getOperands())) ||
      failed(checkFloat(ctx, element)))
    return failure();
  Window window{adaptor.getStrides(), adaptor.getDilations(), adaptor.getPadsLow(), adaptor.getPadsHigh()};
  if (failed(checkRank(ctx, "input", input, filter.size())) || failed(window.check(ctx, kernel->size())) ||
      failed(checkValues(ctx, "output_padding", adaptor.getOutputPadding(), kernel->size(), 0)) ||
      failed(checkGroups(ctx, adaptor.getGroups(), filter[0])) ||
      failed(unify(ctx, input[1], filter[0],
                   "input channels of " + ShapeContext::toString(input) + " and of filter " +
                       ShapeContext::toString(filter))))
    return failure();
  SymShape shape{input[0], ctx.simplify(filter[1] * adaptor.getGroups())};
  if (failed(checkBias(ctx, operands, shape[1])))
    return failure();
  for (auto [i, size] : llvm::enumerate(*kernel)) {
    int64_t fixed = adaptor.getOutputPadding()[i] + window.span(size, i) - window.low[i] - window.high[i];
    shape.push_back(ctx.simplify((input[i + 2] - 1) * window.strides[i] + fixed));
  }
  return result(results, shape, element);
}

template <typename Adaptor>
static LogicalResult inferPool(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &input = operands[0];
  ArrayRef<int64_t> kernel = adaptor.getKernel();
  int64_t block = adaptor.getBlock();
  Window window{adaptor.getStrides(), adaptor.getDilations(), adaptor.getPadsLow(), adaptor.getPadsHigh()};
  if (failed(checkValues(ctx, "block", block, 1, 0)) ||
      failed(checkValues(ctx, "kernel", kernel, kernel.size(), 1)) ||
      failed(checkRank(ctx, "input", input, kernel.size() + 2 + (block != 0))) ||
      failed(window.check(ctx, kernel.size())))
    return failure();
  if (block && ctx.getConstant(input.back()) != block)
    return ctx.fail("needs an input in blocks of " + Twine(block) + ", has " + ShapeContext::toString(input));
  SymShape shape = input;
  for (auto [i, size] : llvm::enumerate(kernel)) {
    FailureOr<AffineExpr> positions = slide(ctx, window, input[i + 2], size, i, adaptor.getCeil());
    if (failed(positions))
      return failure();
    shape[i + 2] = *positions;
  }
  return result(results, shape, elementOf(adaptor.getInput()));
}

LogicalResult MaxPoolOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  if (failed(checkNumber(ctx, elementOf(adaptor.getInput()))))
    return failure();
  return inferPool(ctx, adaptor, operands, results);
}

LogicalResult AvgPoolOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  if (failed(checkFloat(ctx, elementOf(adaptor.getInput()))))
    return failure();
  return inferPool(ctx, adaptor, operands, results);
}

LogicalResult ResizeOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &input = operands[0];
  AffineMap map = adaptor.getShape();
  ArrayRef<float> scales = adaptor.getScales();
  if (failed(checkMap(ctx, "shape", map, input.size())) ||
      failed(checkNumber(ctx, elementOf(adaptor.getInput()))))
    return failure();
  if (!scales.empty() &&
      (scales.size() != input.size() || llvm::any_of(scales, [](float scale) { return !(scale > 0); })))
    return ctx.fail("'scales' must be one positive number for each dimension of " +
                    ShapeContext::toString(input));
  for (auto [size, wanted] : llvm::zip_equal(input, map.getResults()))
    if (ctx.getConstant(size) == 0 && ctx.getConstant(wanted).value_or(0) != 0)
      return ctx.fail("has nothing to resize in " + ShapeContext::toString(input));
  return result(results, SymShape(map.getResults()), elementOf(adaptor.getInput()));
}
