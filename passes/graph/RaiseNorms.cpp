// nn-raise's patterns for normalizations. The core, (x - mean) / sqrt(variance + epsilon), is recognized
// first, without scale and bias; further patterns absorb those, and casts around, in whatever order they
// come.

#include "passes/graph/Rewrite.h"
#include <cmath>

using namespace mlir;

namespace aicc {
namespace {

/// inverse = 1 / sqrt(y), or root = sqrt(y) where `inverted` is false; gives y.
Value matchRoot(Value v, bool inverted, SmallVectorImpl<Operation *> &ops) {
  Operation *op = v.getDefiningOp();
  if (!op)
    return {};
  ops.push_back(op);
  if (auto power = dyn_cast<nn::PowOp>(op))
    return isUniform(power.getRhs(), inverted ? -0.5 : 0.5) && isScalarFor(power.getRhs(), power.getLhs())
               ? power.getLhs()
               : Value();
  if (!inverted)
    return isa<nn::SqrtOp>(op) ? op->getOperand(0) : Value();
  if (isa<nn::RsqrtOp>(op))
    return op->getOperand(0);
  if (isa<nn::ReciprocalOp>(op))
    return matchRoot(op->getOperand(0), false, ops);
  if (auto div = dyn_cast<nn::DivOp>(op);
      div && isUniform(div.getLhs(), 1) && isScalarFor(div.getLhs(), div.getRhs()))
    return matchRoot(div.getRhs(), false, ops);
  return {};
}

/// v = mean(x^2) + epsilon over the last dimensions.
struct MeanOfSquares {
  Value x;
  int64_t axis = 0;
  double epsilon = 0;
};
std::optional<int64_t> matchTrailingMean(nn::ReduceOp reduce) {
  if (!reduce || reduce.getKind() != nn::ReduceKind::mean || !reduce.getKeepdims())
    return std::nullopt;
  ArrayRef<int64_t> axes = reduce.getAxes();
  int64_t rank = getRank(reduce.getInput());
  for (auto [i, axis] : llvm::enumerate(axes))
    if (axis != rank - static_cast<int64_t>(axes.size()) + static_cast<int64_t>(i))
      return std::nullopt;
  if (axes.empty())
    return std::nullopt;
  return axes.front();
}
std::optional<MeanOfSquares> matchMeanOfSquares(Value v, SmallVectorImpl<Operation *> &ops) {
  MeanOfSquares result;
  if (std::optional<Scaled> sum = matchShifted(v); sum && sum->factor >= 0) {
    ops.push_back(v.getDefiningOp());
    result.epsilon = sum->factor;
    v = sum->x;
  }
  auto mean = v.getDefiningOp<nn::ReduceOp>();
  std::optional<int64_t> axis = matchTrailingMean(mean);
  if (!axis)
    return std::nullopt;
  result.axis = *axis;
  Operation *square = mean.getInput().getDefiningOp();
  if (auto mul = dyn_cast_or_null<nn::MulOp>(square); mul && mul.getLhs() == mul.getRhs())
    result.x = mul.getLhs();
  else if (auto power = dyn_cast_or_null<nn::PowOp>(square);
           power && isUniform(power.getRhs(), 2) && isScalarFor(power.getRhs(), power.getLhs()))
    result.x = power.getLhs();
  else
    return std::nullopt;
  ops.append({mean, square});
  return result;
}

/// d / sqrt(mean(d^2) + epsilon): layer_norm(x) where d = x - mean(x), else rms_norm(d). As a division or a
/// product, in which a scale may stand between d and the root.
template <typename OpT> struct RaiseNorm : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    constexpr bool isDivision = std::is_same_v<OpT, nn::DivOp>;
    if (!isFloat(op.getResult()))
      return failure();
    for (unsigned i : {0, 1}) {
      if (isDivision && i)
        break;
      Value d = op->getOperand(i), root = op->getOperand(1 - i);
      if (match(rewriter, op, d, root, !isDivision, Value()))
        return success();
      // d * (root * scale), (d * scale) * root
      if (auto inner = root.getDefiningOp<nn::MulOp>(); inner && inner->hasOneUse() && !isDivision)
        if (match(rewriter, op, d, inner.getLhs(), true, inner.getRhs()) ||
            match(rewriter, op, d, inner.getRhs(), true, inner.getLhs()))
          return success();
      if (auto inner = d.getDefiningOp<nn::MulOp>(); inner && inner->hasOneUse())
        if (match(rewriter, op, inner.getLhs(), root, !isDivision, inner.getRhs()) ||
            match(rewriter, op, inner.getRhs(), root, !isDivision, inner.getLhs()))
          return success();
    }
    return failure();
  }

private:
  static bool match(PatternRewriter &rewriter, Operation *op, Value d, Value root, bool inverted,
                    Value scale) {
    SmallVector<Operation *> ops;
    Value variance = matchRoot(root, inverted, ops);
    if (!variance)
      return false;
    std::optional<MeanOfSquares> mean = matchMeanOfSquares(variance, ops);
    if (!mean || mean->x != d || getType(op->getResult(0)).getRank() != getRank(d))
      return false;
    if (scale && getType(op->getResult(0)) != getType(d))
      return false;
    APFloat epsilon(static_cast<float>(mean->epsilon));
    Value x = d;
    bool centered = false;
    if (auto sub = d.getDefiningOp<nn::SubOp>()) {
      auto average = sub.getRhs().getDefiningOp<nn::ReduceOp>();
      if (matchTrailingMean(average) == mean->axis && average.getInput() == sub.getLhs()) {
        ops.append({sub.getOperation(), average.getOperation()});
        x = sub.getLhs();
        centered = true;
      }
    }
    std::reverse(ops.begin(), ops.end());
    ops.push_back(op);
    Location loc = fuseLocations(ops);
    Value norm;
    if (centered)
      norm = rewriter.create<nn::LayerNormOp>(loc, x, Value(), Value(), mean->axis, epsilon);
    else
      norm = rewriter.create<nn::RmsNormOp>(loc, x, Value(), mean->axis, epsilon);
    if (scale)
      norm = rewriter.create<nn::MulOp>(loc, norm, scale);
    replaceOp(rewriter, op, norm);
    return true;
  }
};

/// `vector` as the scale or bias of a norm over dimensions axis.. of x; null if it varies over other
/// dimensions or is broadcast within these.
Value asNormVector(PatternRewriter &rewriter, nn::SymbolicShapes &shapes, Value vector, Value x,
                   int64_t axis) {
  ArrayRef<AffineExpr> sizes = shapes.get(vector), input = shapes.get(x);
  int64_t count = input.size() - axis, extra = static_cast<int64_t>(sizes.size()) - count;
  if (extra < 0 || sizes.size() > input.size() || getElement(vector) != getElement(x))
    return {};
  if (!llvm::all_of(sizes.take_front(extra), isOne))
    return {};
  for (auto [a, b] : llvm::zip_equal(sizes.take_back(count), input.take_back(count)))
    if (!shapes.equal(a, b))
      return {};
  if (extra == 0)
    return vector;
  AffineMap map = shapes.getMap(sizes.take_back(count));
  return rewriter.create<nn::ReshapeOp>(vector.getLoc(), vector, map);
}

/// mul(norm(x), scale) -> norm(x, scale).
struct AbsorbScale : ShapedPattern<nn::MulOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::MulOp op, PatternRewriter &rewriter) const override {
    for (auto [n, s] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
      Operation *norm = n.getDefiningOp();
      if (!norm || !norm->hasOneUse())
        continue;
      Location loc = fuseLocations({norm, op});
      Value result;
      if (auto layer = dyn_cast<nn::LayerNormOp>(norm); layer && !layer.getScale() && !layer.getBias()) {
        if (Value scale = asNormVector(rewriter, shapes, s, layer.getInput(), layer.getAxis()))
          result = rewriter.create<nn::LayerNormOp>(loc, layer.getInput(), scale, Value(), layer.getAxis(),
                                                    layer.getEpsilon());
      } else if (auto rms = dyn_cast<nn::RmsNormOp>(norm); rms && !rms.getScale()) {
        if (Value scale = asNormVector(rewriter, shapes, s, rms.getInput(), rms.getAxis()))
          result =
              rewriter.create<nn::RmsNormOp>(loc, rms.getInput(), scale, rms.getAxis(), rms.getEpsilon());
      }
      if (!result)
        continue;
      replaceOp(rewriter, op, result);
      return success();
    }
    return failure();
  }
};

/// add(layer_norm(x, scale), bias) -> layer_norm(x, scale, bias).
struct AbsorbBias : ShapedPattern<nn::AddOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::AddOp op, PatternRewriter &rewriter) const override {
    for (auto [n, b] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
      auto norm = n.getDefiningOp<nn::LayerNormOp>();
      if (!norm || !norm->hasOneUse() || norm.getBias())
        continue;
      Value bias = asNormVector(rewriter, shapes, b, norm.getInput(), norm.getAxis());
      // A skip connection of a tensor with one row looks like a bias.
      if (!bias || (!isConstantComputable(b) && getRank(b) > 1))
        continue;
      replaceOp(rewriter, op,
                rewriter.create<nn::LayerNormOp>(fuseLocations({norm, op}), norm.getInput(), norm.getScale(),
                                                 bias, norm.getAxis(), norm.getEpsilon()));
      return success();
    }
    return failure();
  }
};

/// cast(norm(cast(x))) -> norm(x) where x and the result have the same narrow type: norms compute in f32
/// anyway.
struct DropCastsAroundNorm : OpRewritePattern<nn::CastOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::CastOp op, PatternRewriter &rewriter) const override {
    Operation *norm = op.getInput().getDefiningOp();
    if (!norm || !norm->hasOneUse() || !isa<nn::LayerNormOp, nn::RmsNormOp>(norm) ||
        norm->getNumOperands() != 1)
      return failure();
    auto widen = norm->getOperand(0).getDefiningOp<nn::CastOp>();
    if (!widen || !isFloat(widen.getInput()) || getElement(widen.getInput()) != op.getTo() ||
        !isFloat(op.getInput()) ||
        op.getTo().getIntOrFloatBitWidth() >= widen.getTo().getIntOrFloatBitWidth())
      return failure();
    Location loc = fuseLocations({widen, norm, op});
    Value result;
    if (auto layer = dyn_cast<nn::LayerNormOp>(norm))
      result = rewriter.create<nn::LayerNormOp>(loc, widen.getInput(), Value(), Value(), layer.getAxis(),
                                                layer.getEpsilon());
    else
      result =
          rewriter.create<nn::RmsNormOp>(loc, widen.getInput(), Value(), cast<nn::RmsNormOp>(norm).getAxis(),
                                         cast<nn::RmsNormOp>(norm).getEpsilon());
    replaceOp(rewriter, op, result);
    return success();
  }
};

bool isPlain(nn::GroupNormOp norm) { return isUniform(norm.getScale(), 1) && isUniform(norm.getBias(), 0); }

/// reshape(group_norm(reshape(x))) by way of [N, groups, ...], as exporters write group norms by instance
/// norms -> group_norm(x).
struct RaiseGroupNorm : ShapedPattern<nn::ReshapeOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::ReshapeOp op, PatternRewriter &rewriter) const override {
    auto norm = op.getInput().getDefiningOp<nn::GroupNormOp>();
    auto split = norm ? norm.getInput().getDefiningOp<nn::ReshapeOp>() : nullptr;
    if (!split || !norm->hasOneUse() || !isPlain(norm))
      return failure();
    ArrayRef<AffineExpr> wide = shapes.get(split.getInput()), narrow = shapes.get(norm);
    int64_t groups = norm.getGroups();
    auto channels = nn::ShapeContext::getConstant(wide.size() > 1 ? wide[1] : wide[0]);
    if (!shapes.equalShapes(split.getInput(), op) || wide.size() < 2 || !shapes.equal(wide[0], narrow[0]) ||
        nn::ShapeContext::getConstant(narrow[1]) != groups || !channels || *channels % groups)
      return failure();
    Location loc = fuseLocations({split, norm, op});
    auto vector = [&](double number) -> Value {
      auto type = RankedTensorType::get({*channels}, getElement(norm.getScale()));
      auto attr = DenseElementsAttr::get(type, rewriter.getFloatAttr(type.getElementType(), number));
      return rewriter.create<nn::ConstantOp>(loc, cast<ElementsAttr>(attr));
    };
    replaceOp(rewriter, op,
              rewriter.create<nn::GroupNormOp>(loc, split.getInput(), vector(1), vector(0), groups,
                                               norm.getEpsilon()));
    return success();
  }
};

/// group_norm(x) * scale + bias -> group_norm(x, scale, bias), vectors of channels.
template <typename OpT> struct AbsorbIntoGroupNorm : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    constexpr bool isScale = std::is_same_v<OpT, nn::MulOp>;
    for (auto [n, v] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
      auto norm = n.template getDefiningOp<nn::GroupNormOp>();
      if (!norm || !norm->hasOneUse() || !(isScale ? isPlain(norm) : isUniform(norm.getBias(), 0)))
        continue;
      RankedTensorType type = getType(v);
      int64_t channels = getType(norm.getScale()).getDimSize(0), place = type.getRank() - getRank(norm) + 1;
      if (!type.hasStaticShape() || place < 0 || place > 1 || type.getDimSize(place) != channels ||
          type.getNumElements() != channels)
        continue;
      Value vector = createReshape(rewriter, v.getLoc(), v, {channels});
      replaceOp(rewriter, op,
                rewriter.create<nn::GroupNormOp>(
                    fuseLocations({norm, op}), norm.getInput(), isScale ? vector : norm.getScale(),
                    isScale ? norm.getBias() : vector, norm.getGroups(), norm.getEpsilon()));
      return success();
    }
    return failure();
  }
};

} // namespace

void populateRaiseNorms(RewritePatternSet &patterns, nn::SymbolicShapes &shapes) {
  MLIRContext *context = patterns.getContext();
  patterns.add<RaiseNorm<nn::MulOp>, RaiseNorm<nn::DivOp>, DropCastsAroundNorm,
               AbsorbIntoGroupNorm<nn::MulOp>, AbsorbIntoGroupNorm<nn::AddOp>>(context);
  patterns.add<AbsorbScale, AbsorbBias, RaiseGroupNorm>(context, shapes);
}

} // namespace aicc
