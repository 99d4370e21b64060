// nn-fold-batch-norm: the pass of that name, see Passes.td.

#include "passes/graph/Passes.h"
#include "passes/graph/Rewrite.h"

using namespace mlir;

namespace aicc {
#define GEN_PASS_DEF_FOLDBATCHNORM
#include "passes/graph/Passes.h.inc"

namespace {

/// batch_norm(x) -> x * f + (bias - mean * f), f = scale / sqrt(variance + epsilon), all of sizes [C, 1, ..].
struct LowerBatchNorm : ShapedPattern<nn::BatchNormOp> {
  using ShapedPattern::ShapedPattern;
  LogicalResult matchAndRewrite(nn::BatchNormOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value epsilon =
        createScalar(rewriter, loc, op.getEpsilon().convertToDouble(), getElement(op.getVariance()));
    Value root = rewriter.create<nn::SqrtOp>(loc, rewriter.create<nn::AddOp>(loc, op.getVariance(), epsilon));
    Value factor = rewriter.create<nn::DivOp>(loc, op.getScale(), root);
    Value shift =
        rewriter.create<nn::SubOp>(loc, op.getBias(), rewriter.create<nn::MulOp>(loc, op.getMean(), factor));
    Value scaled = rewriter.create<nn::MulOp>(loc, op.getInput(), asChannels(rewriter, op, factor));
    replaceOp(rewriter, op, rewriter.create<nn::AddOp>(loc, scaled, asChannels(rewriter, op, shift)));
    return success();
  }

private:
  /// [C] as [C, 1, ..], which broadcasts along dimension 1, in the input's element type.
  Value asChannels(PatternRewriter &rewriter, nn::BatchNormOp op, Value vector) const {
    Location loc = op.getLoc();
    if (getElement(vector) != getElement(op.getInput()))
      vector = rewriter.create<nn::CastOp>(loc, vector, getElement(op.getInput()));
    int64_t rank = getRank(op.getInput());
    if (rank <= 2)
      return vector;
    SmallVector<AffineExpr> sizes(rank - 1, rewriter.getAffineConstantExpr(1));
    sizes[0] = shapes.get(vector)[0];
    return rewriter.create<nn::ReshapeOp>(loc, vector, shapes.getMap(sizes));
  }
};

/// An operation with a constant weight, whose output channels are dimension `channelAxis` of its result and
/// can be scaled in the weight.
struct Weighted {
  Operation *op = nullptr;
  Value filter, bias;
  int64_t channels = 0, channelAxis = 1;
};

/// `v`'s producer, if it is one with a constant weight that nobody else uses.
std::optional<Weighted> matchWeighted(Value v) {
  Operation *op = v.getDefiningOp();
  if (!op || !v.hasOneUse())
    return std::nullopt;
  Weighted result;
  result.op = op;
  if (auto conv = dyn_cast<nn::ConvOp>(op)) {
    result.filter = conv.getFilter();
    result.bias = conv.getBias();
  } else if (auto transposed = dyn_cast<nn::ConvTransposeOp>(op)) {
    result.filter = transposed.getFilter();
    result.bias = transposed.getBias();
  } else if (auto matmul = dyn_cast<nn::MatMulOp>(op)) {
    result.filter = matmul.getRhs();
    if (getRank(result.filter) != 2 || matmul.getTransposeRhs())
      return std::nullopt;
    result.channelAxis = getRank(v) - 1;
  } else {
    return std::nullopt;
  }
  if (!result.filter.hasOneUse() || !getType(result.filter).hasStaticShape() ||
      !isConstantComputable(result.filter) || (result.bias && !isConstantComputable(result.bias)))
    return std::nullopt;
  result.channels = getType(v).getDimSize(result.channelAxis);
  if (ShapedType::isDynamic(result.channels))
    return std::nullopt;
  return result;
}

/// True for a constant that varies along dimension `axis` (of `count` elements) of a tensor of rank `rank` at
/// most, or not at all.
bool isVector(Value constant, int64_t rank, int64_t axis, int64_t count) {
  RankedTensorType type = getType(constant);
  if (!type.hasStaticShape() || type.getRank() > rank || !isConstantComputable(constant))
    return false;
  int64_t place = axis - (rank - type.getRank());
  return type.getNumElements() == 1 ||
         (place >= 0 && type.getDimSize(place) == count && type.getNumElements() == count);
}

/// The same as [count] or, of one element, as a scalar.
Value toVector(PatternRewriter &rewriter, Value constant) {
  int64_t count = getType(constant).getNumElements();
  return createReshape(rewriter, constant.getLoc(), constant,
                       count == 1 ? ArrayRef<int64_t>() : ArrayRef<int64_t>(count));
}

/// Scales output channels of a filter: `vector` is [M] or a scalar.
Value scaleFilter(PatternRewriter &rewriter, Location loc, const Weighted &weighted, Value vector) {
  SmallVector<int64_t> sizes(getType(weighted.filter).getShape());
  Value filter = weighted.filter;
  if (getRank(vector) == 0)
    return rewriter.create<nn::MulOp>(loc, filter, vector);
  if (isa<nn::MatMulOp>(weighted.op))
    return rewriter.create<nn::MulOp>(loc, filter, vector);
  if (isa<nn::ConvOp>(weighted.op)) { // [M, C/groups, kernel..]
    SmallVector<int64_t> wide(sizes.size(), 1);
    wide[0] = weighted.channels;
    return rewriter.create<nn::MulOp>(loc, filter, createReshape(rewriter, loc, vector, wide));
  }
  // conv_transpose: [C, M/groups, kernel..], groups along C
  int64_t groups = cast<nn::ConvTransposeOp>(weighted.op).getGroups();
  SmallVector<int64_t> split(sizes), wide(sizes.size() + 1, 1);
  split[0] /= groups;
  split.insert(split.begin(), groups);
  wide[0] = groups;
  wide[2] = sizes[1];
  filter = createReshape(rewriter, loc, filter, split);
  filter = rewriter.create<nn::MulOp>(loc, filter, createReshape(rewriter, loc, vector, wide));
  return createReshape(rewriter, loc, filter, sizes);
}

/// [M] from a scalar, for a bias.
Value spread(PatternRewriter &rewriter, Location loc, Value vector, int64_t count) {
  if (getRank(vector) == 1)
    return vector;
  return rewriter.create<nn::BroadcastOp>(loc, vector, nn::getConstantMap({count}, rewriter.getContext()));
}

/// The same operation with another filter and bias.
Value rebuild(PatternRewriter &rewriter, Location loc, const Weighted &weighted, Value filter, Value bias) {
  if (auto conv = dyn_cast<nn::ConvOp>(weighted.op))
    return rewriter.create<nn::ConvOp>(loc, conv.getInput(), filter, bias, conv.getStrides(),
                                       conv.getDilations(), conv.getPadsLow(), conv.getPadsHigh(),
                                       conv.getGroups());
  if (auto conv = dyn_cast<nn::ConvTransposeOp>(weighted.op))
    return rewriter.create<nn::ConvTransposeOp>(loc, conv.getInput(), filter, bias, conv.getStrides(),
                                                conv.getDilations(), conv.getPadsLow(), conv.getPadsHigh(),
                                                conv.getOutputPadding(), conv.getGroups());
  auto matmul = cast<nn::MatMulOp>(weighted.op);
  return rewriter.create<nn::MatMulOp>(loc, matmul.getLhs(), filter, matmul.getTransposeLhs(), false);
}

/// mul(weighted(x), constant), also by division -> weighted with scaled weights. A matmul's bias, an
/// addition, is on the way: mul(add(matmul(x, w), b), c) -> add(matmul(x, w c), b c).
template <typename OpT> struct FoldScale : ShapedPattern<OpT> {
  using ShapedPattern<OpT>::ShapedPattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    constexpr bool isDivision = std::is_same_v<OpT, nn::DivOp>;
    if (!isFloat(op.getResult()))
      return failure();
    for (unsigned i : {0, 1}) {
      if (isDivision && i)
        break;
      Value x = op->getOperand(i), constant = op->getOperand(1 - i);
      Value bias;
      std::optional<Weighted> weighted = matchWeighted(x);
      auto add = x.template getDefiningOp<nn::AddOp>();
      if (!weighted && add && x.hasOneUse()) {
        for (unsigned j : {0, 1})
          if (auto product = matchWeighted(add->getOperand(j));
              product && isa<nn::MatMulOp>(product->op) && isConstantComputable(add->getOperand(1 - j)))
            weighted = product, bias = add->getOperand(1 - j);
      }
      if (!weighted || !this->shapes.equalShapes(weighted->op->getResult(0), op.getResult()))
        continue;
      int64_t rank = getRank(op.getResult());
      if (!isVector(constant, rank, weighted->channelAxis, weighted->channels) ||
          (bias && !isVector(bias, rank, weighted->channelAxis, weighted->channels)))
        continue;
      Value vector = toVector(rewriter, constant),
            biasVector = bias ? toVector(rewriter, bias) : weighted->bias;
      SmallVector<Operation *> ops{weighted->op, op};
      if (bias)
        ops.insert(ops.begin() + 1, add);
      Location loc = fuseLocations(ops);
      if (isDivision)
        vector = rewriter.create<nn::ReciprocalOp>(loc, vector);
      Value filter = scaleFilter(rewriter, loc, *weighted, vector);
      if (biasVector)
        biasVector = rewriter.create<nn::MulOp>(loc, biasVector, vector);
      bool inside = !isa<nn::MatMulOp>(weighted->op);
      Value result = rebuild(rewriter, loc, *weighted, filter, inside ? biasVector : Value());
      if (!inside && biasVector)
        result = rewriter.create<nn::AddOp>(loc, result, biasVector);
      replaceOp(rewriter, op, result);
      return success();
    }
    return failure();
  }
};

/// add(conv(x), constant per channel), also by subtraction -> conv with a bias.
template <typename OpT> struct FoldShift : ShapedPattern<OpT> {
  using ShapedPattern<OpT>::ShapedPattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    constexpr bool isDifference = std::is_same_v<OpT, nn::SubOp>;
    for (unsigned i : {0, 1}) {
      if (isDifference && i)
        break;
      Value constant = op->getOperand(1 - i);
      std::optional<Weighted> weighted = matchWeighted(op->getOperand(i));
      if (!weighted || isa<nn::MatMulOp>(weighted->op) ||
          !this->shapes.equalShapes(op->getOperand(i), op.getResult()))
        continue;
      if (!isVector(constant, getRank(op.getResult()), 1, weighted->channels))
        continue;
      Location loc = fuseLocations({weighted->op, op});
      Value vector = spread(rewriter, loc, toVector(rewriter, constant), weighted->channels);
      if (isDifference)
        vector = rewriter.create<nn::NegOp>(loc, vector);
      if (weighted->bias)
        vector = rewriter.create<nn::AddOp>(loc, weighted->bias, vector);
      replaceOp(rewriter, op, rebuild(rewriter, loc, *weighted, weighted->filter, vector));
      return success();
    }
    return failure();
  }
};

struct FoldBatchNorm : impl::FoldBatchNormBase<FoldBatchNorm> {
  void runOnOperation() override {
    auto populate = [](RewritePatternSet &patterns, nn::SymbolicShapes &shapes) {
      patterns.add<LowerBatchNorm, FoldScale<nn::MulOp>, FoldScale<nn::DivOp>, FoldShift<nn::AddOp>,
                   FoldShift<nn::SubOp>>(patterns.getContext(), shapes);
    };
    if (failed(applyGraphPatterns(getOperation(), populate)))
      signalPassFailure();
  }
};

} // namespace
} // namespace aicc
