// nn-raise's patterns for rotary embeddings: x * cos + rotate(x) * sin.

#include "passes/graph/Rewrite.h"

using namespace mlir;

namespace aicc {
namespace {

/// A slice that takes every `step`th element of the last dimension, `size` of them from `offset`, and all of
/// the others.
struct LastSlice {
  Value input;
  int64_t offset, size, step;
};
std::optional<LastSlice> matchLastSlice(Value v, nn::SymbolicShapes &shapes) {
  auto slice = v.getDefiningOp<nn::SliceOp>();
  if (!slice)
    return std::nullopt;
  ArrayRef<AffineExpr> input = shapes.get(slice.getInput()), sizes = shapes.get(v);
  size_t last = input.size() - 1;
  for (size_t i = 0; i < last; ++i)
    if (slice.getSteps()[i] != 1 || nn::ShapeContext::getConstant(slice.getOffsets().getResult(i)) != 0 ||
        !shapes.equal(input[i], sizes[i]))
      return std::nullopt;
  auto offset = nn::ShapeContext::getConstant(slice.getOffsets().getResult(last));
  auto size = nn::ShapeContext::getConstant(sizes[last]);
  if (!offset || !size)
    return std::nullopt;
  return LastSlice{slice.getInput(), *offset, *size, slice.getSteps()[last]};
}

/// -v.
Value matchNegated(Value v) {
  std::optional<Scaled> scaled = matchScaled(v);
  return scaled && scaled->factor == -1 ? scaled->x : Value();
}

/// v = rotate(x) for x of last size `depth`.
struct Rotation {
  Value x;
  bool interleaved;
  SmallVector<Operation *, 6> ops;
};
std::optional<Rotation> matchRotation(Value v, nn::SymbolicShapes &shapes) {
  Operation *outer = v.getDefiningOp();
  bool interleaved = false;
  // Interleaved: the halves are made [.., D/2, 1], concatenated to [.., D/2, 2] and flattened.
  if (auto reshape = dyn_cast_or_null<nn::ReshapeOp>(outer)) {
    outer = reshape.getInput().getDefiningOp();
    interleaved = true;
  }
  auto concat = dyn_cast_or_null<nn::ConcatOp>(outer);
  int64_t rank = concat ? getRank(concat) : 0;
  if (!concat || concat.getInputs().size() != 2 || static_cast<int64_t>(concat.getAxis()) != rank - 1 ||
      rank != getRank(v) + interleaved)
    return std::nullopt;
  Value parts[2] = {concat.getInputs()[0], concat.getInputs()[1]};
  Rotation result{{}, interleaved, {}};
  for (Value &part : parts) {
    auto reshape = part.getDefiningOp<nn::ReshapeOp>();
    if (!interleaved)
      break;
    if (!reshape || getRank(reshape.getInput()) != rank - 1 || !isOne(shapes.get(part)[rank - 1]))
      return std::nullopt;
    part = reshape.getInput();
  }
  Value high = matchNegated(parts[0]);
  if (!high)
    return std::nullopt;
  std::optional<LastSlice> second = matchLastSlice(high, shapes), first = matchLastSlice(parts[1], shapes);
  if (!first || !second || first->input != second->input || first->size != second->size)
    return std::nullopt;
  int64_t half = first->size, step = interleaved ? 2 : 1;
  auto depth = nn::ShapeContext::getConstant(shapes.get(first->input).back());
  if (depth != 2 * half || first->step != step || second->step != step || first->offset != 0 ||
      second->offset != (interleaved ? 1 : half) || !shapes.equalShapes(first->input, v))
    return std::nullopt;
  result.x = first->input;
  result.ops = {parts[1].getDefiningOp(), high.getDefiningOp(), parts[0].getDefiningOp(), concat,
                v.getDefiningOp()};
  return result;
}

struct RaiseRope : ShapedPattern<nn::AddOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::AddOp op, PatternRewriter &rewriter) const override {
    auto a = op.getLhs().getDefiningOp<nn::MulOp>(), b = op.getRhs().getDefiningOp<nn::MulOp>();
    if (!a || !b)
      return failure();
    for (auto [straight, turned] : {std::pair(a, b), std::pair(b, a)})
      for (unsigned i : {0, 1}) {
        std::optional<Rotation> rotation = matchRotation(turned->getOperand(i), shapes);
        if (!rotation)
          continue;
        Value x = rotation->x, sin = turned->getOperand(1 - i);
        Value cos = straight.getLhs() == x   ? straight.getRhs()
                    : straight.getRhs() == x ? straight.getLhs()
                                             : Value();
        // cos and sin must not make the result larger than x.
        if (!cos || !shapes.equalShapes(op.getResult(), x) ||
            !shapes.equalShapes(a.getResult(), b.getResult()))
          continue;
        SmallVector<Operation *> ops(rotation->ops.begin(), rotation->ops.end());
        ops.append({straight.getOperation(), turned.getOperation(), op.getOperation()});
        replaceOp(rewriter, op,
                  rewriter.create<nn::RopeOp>(fuseLocations(ops), x, cos, sin, rotation->interleaved));
        return success();
      }
    return failure();
  }
};

/// concat(x1 cos - x2 sin, x2 cos + x1 sin) of the halves, cos and sin of half the size -> rope with cos and
/// sin doubled.
struct RaiseRopeOfHalves : ShapedPattern<nn::ConcatOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::ConcatOp op, PatternRewriter &rewriter) const override {
    int64_t last = getRank(op) - 1;
    if (op.getInputs().size() != 2 || static_cast<int64_t>(op.getAxis()) != last)
      return failure();
    auto real = op.getInputs()[0].getDefiningOp<nn::SubOp>();
    auto imaginary = op.getInputs()[1].getDefiningOp<nn::AddOp>();
    if (!real || !imaginary)
      return failure();
    nn::MulOp products[4] = {
        real.getLhs().getDefiningOp<nn::MulOp>(), real.getRhs().getDefiningOp<nn::MulOp>(),
        imaginary.getLhs().getDefiningOp<nn::MulOp>(), imaginary.getRhs().getDefiningOp<nn::MulOp>()};
    if (!llvm::all_of(products, [](nn::MulOp product) { return bool(product); }))
      return failure();
    for (unsigned i : {0, 1})
      for (unsigned j : {0, 1}) {
        Value low = products[0]->getOperand(i), cos = products[0]->getOperand(1 - i);
        Value high = products[1]->getOperand(j), sin = products[1]->getOperand(1 - j);
        if (!isProduct(products[2], low, sin) && !isProduct(products[3], low, sin))
          continue;
        if (!isProduct(products[2], high, cos) && !isProduct(products[3], high, cos))
          continue;
        std::optional<LastSlice> first = matchLastSlice(low, shapes), second = matchLastSlice(high, shapes);
        if (!first || !second || first->input != second->input || first->offset != 0 ||
            second->offset != first->size || first->size != second->size || first->step != 1 ||
            second->step != 1 || !shapes.equalShapes(first->input, op.getResult()))
          continue;
        auto isHalf = [&](Value v) {
          return nn::ShapeContext::getConstant(shapes.get(v).back()) == first->size;
        };
        if (getRank(cos) == 0 || getRank(sin) == 0 || !isHalf(cos) || !isHalf(sin))
          continue;
        Location loc =
            fuseLocations({products[0], products[1], products[2], products[3], real, imaginary, op});
        Value doubled[2] = {cos, sin};
        for (Value &v : doubled)
          v = rewriter.create<nn::ConcatOp>(v.getLoc(), ValueRange{v, v}, getRank(v) - 1);
        replaceOp(rewriter, op,
                  rewriter.create<nn::RopeOp>(loc, first->input, doubled[0], doubled[1], false));
        return success();
      }
    return failure();
  }

private:
  static bool isProduct(nn::MulOp product, Value a, Value b) {
    return (product.getLhs() == a && product.getRhs() == b) ||
           (product.getLhs() == b && product.getRhs() == a);
  }
};

} // namespace

void populateRaiseRope(RewritePatternSet &patterns, nn::SymbolicShapes &shapes) {
  patterns.add<RaiseRope, RaiseRopeOfHalves>(patterns.getContext(), shapes);
}

} // namespace aicc
