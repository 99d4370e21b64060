// Folders and canonicalization patterns: what is an identity, or cancels, whatever the values. Nothing here
// evaluates operations on constants: a pass does, by `evaluate`, with a limit on size. Folds keep the
// result's type exactly; where sizes are unknown they need a proof from the types alone (symbolic sizes are
// the analysis' business).

#include "dialects/nn/NN.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace aicc::nn;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// True if broadcasting `kept` with `other` surely leaves the sizes of `kept`.
static bool keepsSizes(Value kept, Value other) {
  ArrayRef<int64_t> sizes = typeOf(kept).getShape(), others = typeOf(other).getShape();
  if (others.size() > sizes.size())
    return false;
  for (auto [size, otherSize] : llvm::zip_equal(sizes.take_back(others.size()), others))
    if (otherSize != 1 && (ShapedType::isDynamic(otherSize) || otherSize != size))
      return false;
  return true;
}

/// True if `constant` (an operand's folded attribute, or null) is everywhere `value`.
static bool isSplatOf(Attribute constant, int value) {
  auto splat = dyn_cast_or_null<SplatElementsAttr>(constant);
  if (!splat)
    return false;
  if (auto real = dyn_cast<FloatType>(splat.getElementType()))
    return splat.getSplatValue<APFloat>().isExactlyValue(value);
  return splat.getSplatValue<APInt>() == static_cast<uint64_t>(value);
}

/// `kept`, if the other operand is everywhere `neutral` and neither sizes nor type change.
static OpFoldResult foldNeutral(Value result, Value kept, Value other, Attribute constant, int neutral) {
  if (kept.getType() == result.getType() && isSplatOf(constant, neutral) && keepsSizes(kept, other))
    return kept;
  return {};
}

OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  if (OpFoldResult kept = foldNeutral(getResult(), getLhs(), getRhs(), adaptor.getRhs(), 0))
    return kept;
  return foldNeutral(getResult(), getRhs(), getLhs(), adaptor.getLhs(), 0);
}

OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  if (OpFoldResult kept = foldNeutral(getResult(), getLhs(), getRhs(), adaptor.getRhs(), 1))
    return kept;
  return foldNeutral(getResult(), getRhs(), getLhs(), adaptor.getLhs(), 1);
}

OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  return foldNeutral(getResult(), getLhs(), getRhs(), adaptor.getRhs(), 0);
}
OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  return foldNeutral(getResult(), getLhs(), getRhs(), adaptor.getRhs(), 1);
}

OpFoldResult SelectOp::fold(FoldAdaptor adaptor) {
  auto condition = dyn_cast_or_null<SplatElementsAttr>(adaptor.getCondition());
  if (!condition)
    return {};
  bool first = condition.getSplatValue<bool>();
  Value kept = first ? getLhs() : getRhs(), other = first ? getRhs() : getLhs();
  if (kept.getType() == getType() && keepsSizes(kept, getCondition()) && keepsSizes(kept, other))
    return kept;
  return {};
}

/// True if every value of `from` survives conversion to `to` and back.
static bool isLossless(Type from, Type to) {
  if (from == to)
    return true;
  auto floatFrom = dyn_cast<FloatType>(from), floatTo = dyn_cast<FloatType>(to);
  if (floatFrom && floatTo)
    return floatTo.getWidth() > floatFrom.getWidth();
  auto intFrom = dyn_cast<IntegerType>(from), intTo = dyn_cast<IntegerType>(to);
  if (intFrom && intTo) // Same width: the bits stay. To i1 is a test, not a truncation.
    return intTo.getWidth() >= intFrom.getWidth() && intTo.getWidth() > 1;
  return intFrom && floatTo && intFrom.getWidth() < static_cast<unsigned>(floatTo.getFPMantissaWidth());
}

OpFoldResult CastOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  if (auto inner = getInput().getDefiningOp<CastOp>())
    if (inner.getInput().getType() == getType() && isLossless(getTo(), inner.getTo()))
      return inner.getInput();
  return {};
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

/// True if a reshape between equal types surely keeps each size: at most one is unknown, and the total gives
/// that one.
static bool hasOneUnknownSize(RankedTensorType type) {
  return type.getNumDynamicDims() == 0 ||
         (type.getNumDynamicDims() == 1 && !llvm::is_contained(type.getShape(), 0));
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType() && hasOneUnknownSize(getType()))
    return getInput();
  return {};
}

OpFoldResult BroadcastOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType() && getType().hasStaticShape())
    return getInput();
  return {};
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  bool identity =
      llvm::all_of(llvm::enumerate(getPerm()), [](auto p) { return p.value() == int64_t(p.index()); });
  return identity && getInput().getType() == getType() ? OpFoldResult(getInput()) : OpFoldResult();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  // Equal static sizes leave no room for another offset; only a reversal is left.
  bool forward = llvm::all_of(llvm::zip_equal(getSteps(), getInput().getType().getShape()),
                              [](auto p) { return std::get<0>(p) > 0 || std::get<1>(p) == 1; });
  if (forward && getInput().getType() == getType() && getType().hasStaticShape())
    return getInput();
  return {};
}

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  if (getInputs().size() == 1 && getInputs()[0].getType() == getType())
    return getInputs()[0];
  return {};
}

OpFoldResult PackOp::fold(FoldAdaptor) {
  auto inner = getInput().getDefiningOp<UnpackOp>();
  if (!inner || inner.getAxis() != getAxis() || inner.getInput().getType() != getType())
    return {};
  // What lies in a partial block is zeros after pack, but anything before unpack.
  if (inner.getSize() % getBlock())
    return {};
  return inner.getInput();
}

OpFoldResult UnpackOp::fold(FoldAdaptor) {
  auto inner = getInput().getDefiningOp<PackOp>();
  if (inner && inner.getAxis() == getAxis() && inner.getInput().getType() == getType())
    return inner.getInput();
  return {};
}

namespace {
/// reshape(reshape(x)) = reshape(x)
struct ReshapeOfReshape : OpRewritePattern<ReshapeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ReshapeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<ReshapeOp>();
    if (!inner)
      return failure();
    rewriter.modifyOpInPlace(op, [&] { op.getInputMutable().set(inner.getInput()); });
    return success();
  }
};

/// transpose(transpose(x)) = transpose(x) by both permutations
struct TransposeOfTranspose : OpRewritePattern<TransposeOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TransposeOp op, PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<TransposeOp>();
    if (!inner)
      return failure();
    SmallVector<int64_t> perm;
    for (int64_t p : op.getPerm())
      perm.push_back(inner.getPerm()[p]);
    rewriter.modifyOpInPlace(op, [&] {
      op.setPerm(perm);
      op.getInputMutable().set(inner.getInput());
    });
    return success();
  }
};
} // namespace

void ReshapeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<ReshapeOfReshape>(context);
}

void TransposeOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<TransposeOfTranspose>(context);
}

OpFoldResult BitcastOp::fold(FoldAdaptor) {
  if (getInput().getType() == getResult().getType())
    return getInput();
  // Only the first type and the last one matter.
  if (auto first = getInput().getDefiningOp<BitcastOp>()) {
    if (first.getInput().getType() == getResult().getType())
      return first.getInput();
    setOperand(first.getInput());
    return getResult();
  }
  return {};
}
