// nn-simplify's patterns on arithmetic: scalars that merge, powers, reciprocals, casts, broadcasts that
// operations do by themselves.

#include "passes/graph/Rewrite.h"
#include <cmath>

using namespace mlir;

namespace aicc {
namespace {

/// mul(mul(x, c1), c2), and the same with divisions and negations -> mul(x, c1 * c2), unless the product
/// leaves the range in which both factors were.
template <typename OpT> struct MergeScales : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    std::optional<Scaled> outer = matchScaled(op.getResult());
    if (!outer)
      return failure();
    Operation *before = outer->x.getDefiningOp();
    std::optional<Scaled> inner = matchScaled(outer->x);
    if (!inner || !outer->x.hasOneUse())
      return failure();
    double factor = outer->factor * inner->factor;
    double magnitude = std::abs(factor);
    if (!(magnitude > 1e-30 && magnitude < 1e30) ||
        (getElement(op.getResult()).isF16() && !(magnitude > 1e-4 && magnitude < 6e4)))
      return failure();
    Location loc = fuseLocations({before, op});
    Value scalar = createScalar(rewriter, loc, factor, getElement(op.getResult()));
    replaceOp(rewriter, op, rewriter.create<nn::MulOp>(loc, inner->x, scalar));
    return success();
  }
};

/// div(x, c) -> mul(x, 1/c) where that is exact: c a power of two with a normal reciprocal.
struct DivideByPowerOfTwo : OpRewritePattern<nn::DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::DivOp op, PatternRewriter &rewriter) const override {
    std::optional<Scaled> scaled = matchScaled(op.getResult());
    int exponent;
    if (!scaled || std::abs(std::frexp(scaled->factor, &exponent)) != 0.5 || std::abs(exponent) > 14)
      return failure();
    Value scalar = createScalar(rewriter, op.getLoc(), scaled->factor, getElement(op.getResult()));
    replaceOp(rewriter, op, rewriter.create<nn::MulOp>(op.getLoc(), scaled->x, scalar));
    return success();
  }
};

/// div(1, x) -> reciprocal(x).
struct DivideOne : ShapedPattern<nn::DivOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::DivOp op, PatternRewriter &rewriter) const override {
    if (!isFloat(op.getResult()) || !isUniform(op.getLhs(), 1) ||
        !shapes.equalShapes(op.getRhs(), op.getResult()))
      return failure();
    replaceOp(rewriter, op, rewriter.create<nn::ReciprocalOp>(op.getLoc(), op.getRhs()));
    return success();
  }
};

/// reciprocal(sqrt(x)), sqrt(reciprocal(x)) -> rsqrt(x).
struct ReciprocalOfRoot : OpRewritePattern<nn::ReciprocalOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ReciprocalOp op, PatternRewriter &rewriter) const override {
    auto root = op.getInput().getDefiningOp<nn::SqrtOp>();
    if (!root)
      return failure();
    replaceOp(rewriter, op, rewriter.create<nn::RsqrtOp>(fuseLocations({root, op}), root.getInput()));
    return success();
  }
};
struct RootOfReciprocal : OpRewritePattern<nn::SqrtOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::SqrtOp op, PatternRewriter &rewriter) const override {
    auto reciprocal = op.getInput().getDefiningOp<nn::ReciprocalOp>();
    if (!reciprocal)
      return failure();
    replaceOp(rewriter, op,
              rewriter.create<nn::RsqrtOp>(fuseLocations({reciprocal, op}), reciprocal.getInput()));
    return success();
  }
};

/// Powers by constants that are products or roots.
struct SimplifyPower : OpRewritePattern<nn::PowOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::PowOp op, PatternRewriter &rewriter) const override {
    Value x = op.getLhs();
    std::optional<double> exponent = getUniform(op.getRhs());
    if (!exponent || !isScalarFor(op.getRhs(), x))
      return failure();
    Location loc = op.getLoc();
    Value result;
    if (*exponent == 1)
      result = x;
    else if (*exponent == 2)
      result = rewriter.create<nn::MulOp>(loc, x, x);
    else if (*exponent == 3)
      result = rewriter.create<nn::MulOp>(loc, rewriter.create<nn::MulOp>(loc, x, x), x);
    else if (!isFloat(x))
      return failure();
    else if (*exponent == 0.5)
      result = rewriter.create<nn::SqrtOp>(loc, x);
    else if (*exponent == -0.5)
      result = rewriter.create<nn::RsqrtOp>(loc, x);
    else if (*exponent == -1)
      result = rewriter.create<nn::ReciprocalOp>(loc, x);
    else
      return failure();
    replaceOp(rewriter, op, result);
    return success();
  }
};

/// True if every value of `from` is one of `to`.
bool isLossless(Type from, Type to) {
  if (from == to || from.isInteger(1))
    return true;
  if (auto narrow = dyn_cast<FloatType>(from)) {
    auto wide = dyn_cast<FloatType>(to);
    if (!wide)
      return false;
    const llvm::fltSemantics &a = narrow.getFloatSemantics(), &b = wide.getFloatSemantics();
    return APFloat::semanticsPrecision(a) <= APFloat::semanticsPrecision(b) &&
           APFloat::semanticsMaxExponent(a) <= APFloat::semanticsMaxExponent(b) &&
           APFloat::semanticsMinExponent(a) >= APFloat::semanticsMinExponent(b);
  }
  auto narrow = dyn_cast<IntegerType>(from);
  if (auto wide = dyn_cast<IntegerType>(to); narrow && wide)
    return !wide.isInteger(1) && narrow.getWidth() < wide.getWidth() &&
           (narrow.isUnsignedInteger() || !wide.isUnsignedInteger());
  if (auto wide = dyn_cast<FloatType>(to); narrow && wide)
    return narrow.getWidth() <= wide.getFPMantissaWidth();
  return false;
}

/// cast(cast(x)) -> cast(x), or x, where the first cast loses nothing.
struct MergeCasts : OpRewritePattern<nn::CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::CastOp op, PatternRewriter &rewriter) const override {
    auto first = op.getInput().getDefiningOp<nn::CastOp>();
    if (!first || !isLossless(getElement(first.getInput()), first.getTo()))
      return failure();
    Value x = first.getInput();
    if (getElement(x) != op.getTo())
      x = rewriter.create<nn::CastOp>(fuseLocations({first, op}), x, op.getTo());
    replaceOp(rewriter, op, x);
    return success();
  }
};

/// An operand that is a broadcast, or a constant of equal elements, is read unbroadcast where the others give
/// the result's sizes.
struct DropBroadcast : OpInterfaceRewritePattern<nn::ElementwiseOpInterface> {
  DropBroadcast(MLIRContext *context, nn::SymbolicShapes &shapes)
      : OpInterfaceRewritePattern(context), shapes(shapes) {}

  LogicalResult matchAndRewrite(nn::ElementwiseOpInterface op, PatternRewriter &rewriter) const override {
    if (op->getNumOperands() < 2)
      return failure();
    for (OpOperand &operand : op->getOpOperands()) {
      Value replacement = getNarrower(operand.get());
      bool asScalar = false;
      if (!replacement) {
        auto constant = operand.get().getDefiningOp<nn::ConstantOp>();
        std::optional<double> number = getUniform(operand.get());
        if (!constant || !number || getType(operand.get()).getNumElements() <= 1)
          continue;
        asScalar = true;
      }
      nn::SymShape narrow;
      if (!asScalar)
        narrow.assign(shapes.get(replacement).begin(), shapes.get(replacement).end());
      if (!givesResult(op, operand.getOperandNumber(), narrow))
        continue;
      if (asScalar) {
        auto elements = cast<DenseElementsAttr>(operand.get().getDefiningOp<nn::ConstantOp>().getValue());
        auto scalar = elements.resizeSplat(RankedTensorType::get({}, elements.getElementType()));
        replacement = rewriter.create<nn::ConstantOp>(operand.get().getLoc(), cast<ElementsAttr>(scalar));
      }
      rewriter.modifyOpInPlace(op, [&] { operand.set(replacement); });
      return success();
    }
    return failure();
  }

private:
  Value getNarrower(Value value) const {
    auto broadcast = value.getDefiningOp<nn::BroadcastOp>();
    return broadcast ? broadcast.getInput() : Value();
  }

  /// True if the operands, with number `index` of sizes `narrow`, broadcast to the sizes that the result has.
  bool givesResult(Operation *op, unsigned index, const nn::SymShape &narrow) const {
    SmallVector<nn::SymShape> operands;
    for (OpOperand &operand : op->getOpOperands()) {
      if (operand.getOperandNumber() == index) {
        operands.push_back(narrow);
      } else {
        ArrayRef<AffineExpr> sizes = shapes.get(operand.get());
        operands.emplace_back(sizes.begin(), sizes.end());
      }
    }
    // A symbol against another is not a proof: a max symbol would be an unknown here, which equals nothing.
    nn::ShapeContext ctx(op->getContext(), [](const Twine &) {});
    FailureOr<nn::SymShape> result = ctx.broadcast(operands);
    ArrayRef<AffineExpr> expected = shapes.get(op->getResult(0));
    return succeeded(result) && result->size() == expected.size() &&
           llvm::all_of(llvm::zip(*result, expected),
                        [&](auto pair) { return shapes.equal(std::get<0>(pair), std::get<1>(pair)); });
  }

  nn::SymbolicShapes &shapes;
};

/// Conditions beside a constant one: and(x, true), or(x, false) -> x.
template <typename OpT> struct DropNeutralCondition : ShapedPattern<OpT> {
  using ShapedPattern<OpT>::ShapedPattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    if (!getElement(op.getResult()).isInteger(1))
      return failure();
    for (auto [x, constant] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())})
      if (isUniform(constant, std::is_same_v<OpT, nn::AndOp>) && isa<OpResult>(x) &&
          this->shapes.equalShapes(x, op.getResult())) {
        replaceOp(rewriter, op, x);
        return success();
      }
    return failure();
  }
};

/// One operation for both ends of a clamp at zero.
struct MaxWithZero : OpRewritePattern<nn::MaxOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::MaxOp op, PatternRewriter &rewriter) const override {
    if (!isFloat(op.getResult()))
      return failure();
    for (auto [x, zero] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())})
      if (isUniform(zero, 0) && isScalarFor(zero, x)) {
        replaceOp(rewriter, op, rewriter.create<nn::ReluOp>(op.getLoc(), x));
        return success();
      }
    return failure();
  }
};

} // namespace

void populateSimplifyElementwise(RewritePatternSet &patterns, nn::SymbolicShapes &shapes) {
  MLIRContext *context = patterns.getContext();
  patterns.add<MergeScales<nn::MulOp>, MergeScales<nn::DivOp>, MergeScales<nn::NegOp>, DivideByPowerOfTwo,
               ReciprocalOfRoot, RootOfReciprocal, SimplifyPower, MergeCasts, MaxWithZero>(context);
  patterns.add<DivideOne, DropNeutralCondition<nn::AndOp>, DropNeutralCondition<nn::OrOp>, DropBroadcast>(
      context, shapes);
}

} // namespace aicc
