// nn-raise's patterns for activations. They look at products as sets of factors (matchProduct), so that the
// order in which an exporter multiplies does not matter.

#include "passes/graph/Rewrite.h"
#include <cmath>

using namespace mlir;

namespace aicc {
namespace {

/// Models write sqrt(2) as 1.41421, in half precision as 1.4141.
constexpr double tolerance = 5e-4;

bool isNear(double a, double b) { return std::abs(a - b) <= tolerance * std::abs(b); }

/// v = weight * f(argument) + weight for a unary FunctionOp, e.g. 1 + erf(y) or 0.5 tanh(y) + 0.5.
template <typename FunctionOp> struct OnePlus {
  double weight = 0;
  FunctionOp function;
  SmallVector<Operation *, 4> ops;

  static std::optional<OnePlus> match(Value v) {
    std::optional<Scaled> sum = matchShifted(v);
    if (!sum)
      return std::nullopt;
    OnePlus result;
    result.weight = sum->factor;
    result.ops = {v.getDefiningOp()};
    double weight = 1;
    Value inner = sum->x;
    if (std::optional<Scaled> scaled = matchScaled(inner)) {
      result.ops.push_back(inner.getDefiningOp());
      weight = scaled->factor;
      inner = scaled->x;
    }
    result.function = inner.template getDefiningOp<FunctionOp>();
    if (!result.function || !isNear(weight, result.weight))
      return std::nullopt;
    result.ops.push_back(result.function);
    return result;
  }
};

/// y = sqrt(2/pi) (x + 0.044715 x^3), or the same with x taken out.
bool isTanhArgument(Value y, Value x, SmallVectorImpl<Operation *> &ops) {
  Product outer = matchProduct(y);
  bool factored = outer.factors.size() == 2 && outer.take(x);
  if (outer.factors.size() != 1)
    return false;
  Value sum = outer.factors.front();
  auto add = sum.getDefiningOp<nn::AddOp>();
  if (!add)
    return false;
  for (auto [linear, cubic] :
       {std::pair(add.getLhs(), add.getRhs()), std::pair(add.getRhs(), add.getLhs())}) {
    double scale = outer.constant;
    if (factored) { // k x (1 + 0.044715 x^2), any common factor
      std::optional<double> one = getUniform(linear);
      if (!one)
        continue;
      scale *= *one;
    } else if (linear != x) {
      continue;
    }
    Product powers = matchProduct(cubic);
    size_t count = factored ? 2 : 3;
    if (powers.factors.size() != count || !llvm::all_of(powers.factors, [&](Value f) { return f == x; }))
      continue;
    if (!isNear(scale, std::sqrt(2 / M_PI)) || !isNear(powers.constant * outer.constant / scale, 0.044715))
      continue;
    ops.append(outer.ops.begin(), outer.ops.end());
    ops.push_back(add);
    ops.append(powers.ops.begin(), powers.ops.end());
    return true;
  }
  return false;
}

/// v = clip(x + 3, 0, 6), in either order of its two ends: x, with factor 6.
std::optional<Scaled> matchShiftedClip(Value v) {
  Value inner;
  auto takeMin = [&](Value from) -> Value {
    auto min = from.getDefiningOp<nn::MinOp>();
    if (!min)
      return {};
    return isUniform(min.getRhs(), 6) ? min.getLhs() : isUniform(min.getLhs(), 6) ? min.getRhs() : Value();
  };
  auto takeMax = [&](Value from) -> Value {
    if (auto relu = from.getDefiningOp<nn::ReluOp>())
      return relu.getInput();
    auto max = from.getDefiningOp<nn::MaxOp>();
    if (!max)
      return {};
    return isUniform(max.getRhs(), 0) ? max.getLhs() : isUniform(max.getLhs(), 0) ? max.getRhs() : Value();
  };
  if (Value low = takeMin(v))
    inner = takeMax(low);
  else if (Value high = takeMax(v))
    inner = takeMin(high);
  if (!inner)
    return std::nullopt;
  std::optional<Scaled> sum = matchShifted(inner);
  if (!sum || sum->factor != 3)
    return std::nullopt;
  return Scaled{sum->x, 6};
}

/// Products that are activations: gelu, silu, hard_swish, mish.
template <typename OpT> struct RaiseProduct : ShapedPattern<OpT> {
  using ShapedPattern<OpT>::ShapedPattern;

  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    if (!isFloat(op.getResult()))
      return failure();
    Product product = matchProduct(op.getResult());
    if (product.factors.size() != 2)
      return failure();
    for (unsigned i : {0, 1}) {
      Value x = product.factors[i], f = product.factors[1 - i];
      SmallVector<Operation *> ops(product.ops.rbegin(), product.ops.rend());
      if (!this->shapes.equalShapes(x, op.getResult()) || !f.getDefiningOp())
        continue;
      Operation *raised = raise(rewriter, op, x, f, product.constant, ops);
      if (!raised)
        continue;
      replaceOp(rewriter, op, raised->getResult(0));
      return success();
    }
    return failure();
  }

private:
  static Operation *raise(PatternRewriter &rewriter, Operation *op, Value x, Value f, double constant,
                          SmallVectorImpl<Operation *> &ops) {
    if (auto erf = OnePlus<nn::ErfOp>::match(f); erf && isNear(constant * erf->weight, 0.5)) {
      std::optional<Scaled> argument = matchScaled(erf->function.getInput());
      if (argument && argument->x == x && isNear(argument->factor, M_SQRT1_2)) {
        ops.insert(ops.begin(), erf->ops.rbegin(), erf->ops.rend());
        ops.insert(ops.begin(), erf->function.getInput().getDefiningOp());
        return rewriter.create<nn::GeluOp>(fuseLocations(ops), x, false);
      }
    }
    if (auto tanh = OnePlus<nn::TanhOp>::match(f); tanh && isNear(constant * tanh->weight, 0.5)) {
      ops.insert(ops.begin(), tanh->ops.rbegin(), tanh->ops.rend());
      if (isTanhArgument(tanh->function.getInput(), x, ops))
        return rewriter.create<nn::GeluOp>(fuseLocations(ops), x, true);
    }
    ops.insert(ops.begin(), f.getDefiningOp());
    if (auto clip = matchShiftedClip(f);
        clip && clip->x == x && isNear(constant * clip->factor, 1)) // x clip(x + 3, 0, 6) / 6
      return rewriter.create<nn::HardSwishOp>(fuseLocations(ops), x);
    if (constant != 1)
      return nullptr;
    if (auto sigmoid = dyn_cast<nn::SigmoidOp>(f.getDefiningOp()); sigmoid && sigmoid.getInput() == x)
      return rewriter.create<nn::SiluOp>(fuseLocations(ops), x);
    if (auto hard = dyn_cast<nn::HardSigmoidOp>(f.getDefiningOp());
        hard && hard.getInput() == x && isNear(hard.getAlpha().convertToDouble(), 1.0 / 6) &&
        isNear(hard.getBeta().convertToDouble(), 0.5))
      return rewriter.create<nn::HardSwishOp>(fuseLocations(ops), x);
    if (auto tanh = dyn_cast<nn::TanhOp>(f.getDefiningOp()))
      if (auto softplus = tanh.getInput().getDefiningOp<nn::SoftplusOp>();
          softplus && softplus.getInput() == x)
        return rewriter.create<nn::MishOp>(fuseLocations(ops), x);
    return nullptr;
  }
};

/// clip(x + 3, 0, 6) / 6 -> hard_sigmoid.
template <typename OpT> struct RaiseHardSigmoid : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    std::optional<Scaled> scaled = matchScaled(op.getResult());
    if (!scaled || !isNear(scaled->factor, 1.0 / 6))
      return failure();
    std::optional<Scaled> clip = matchShiftedClip(scaled->x);
    if (!clip)
      return failure();
    Location loc = fuseLocations({scaled->x.getDefiningOp(), op});
    replaceOp(rewriter, op,
              rewriter.create<nn::HardSigmoidOp>(loc, clip->x, APFloat(1.0f / 6.0f), APFloat(0.5f)));
    return success();
  }
};

/// 1 / (1 + e^-x) -> sigmoid.
struct RaiseSigmoid : OpRewritePattern<nn::ReciprocalOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::ReciprocalOp op, PatternRewriter &rewriter) const override {
    std::optional<Scaled> sum = matchShifted(op.getInput());
    if (!sum || sum->factor != 1)
      return failure();
    auto exp = sum->x.getDefiningOp<nn::ExpOp>();
    if (!exp)
      return failure();
    std::optional<Scaled> negated = matchScaled(exp.getInput());
    if (!negated || negated->factor != -1)
      return failure();
    Location loc = fuseLocations({exp.getInput().getDefiningOp(), exp, op.getInput().getDefiningOp(), op});
    replaceOp(rewriter, op, rewriter.create<nn::SigmoidOp>(loc, negated->x));
    return success();
  }
};

/// log(1 + e^x) -> softplus; log(softmax(x)) -> log softmax.
struct RaiseLog : OpRewritePattern<nn::LogOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::LogOp op, PatternRewriter &rewriter) const override {
    if (auto softmax = op.getInput().getDefiningOp<nn::SoftmaxOp>(); softmax && !softmax.getLog()) {
      replaceOp(rewriter, op,
                rewriter.create<nn::SoftmaxOp>(fuseLocations({softmax, op}), softmax.getInput(),
                                               softmax.getAxis(), true));
      return success();
    }
    std::optional<Scaled> sum = matchShifted(op.getInput());
    auto exp = sum && sum->factor == 1 ? sum->x.getDefiningOp<nn::ExpOp>() : nullptr;
    if (!exp)
      return failure();
    Location loc = fuseLocations({exp, op.getInput().getDefiningOp(), op});
    replaceOp(rewriter, op, rewriter.create<nn::SoftplusOp>(loc, exp.getInput()));
    return success();
  }
};

/// e / sum(e), e = exp(x) or exp(x - max(x)) -> softmax(x). Without the maximum softmax differs only where
/// exp overflows: it gives the limit instead of NaN.
struct RaiseSoftmax : OpRewritePattern<nn::DivOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(nn::DivOp op, PatternRewriter &rewriter) const override {
    auto exp = op.getLhs().getDefiningOp<nn::ExpOp>();
    auto sum = op.getRhs().getDefiningOp<nn::ReduceOp>();
    if (!exp || !sum || sum.getInput() != exp.getResult() || sum.getKind() != nn::ReduceKind::sum ||
        !sum.getKeepdims() || sum.getAxes().size() != 1)
      return failure();
    SmallVector<Operation *> ops{exp, sum, op};
    Value x = exp.getInput();
    if (auto sub = x.getDefiningOp<nn::SubOp>()) {
      auto max = sub.getRhs().getDefiningOp<nn::ReduceOp>();
      if (max && max.getKind() == nn::ReduceKind::max && max.getKeepdims() &&
          max.getInput() == sub.getLhs() && max.getAxes() == sum.getAxes()) {
        ops.insert(ops.begin(), {max.getOperation(), sub.getOperation()});
        x = sub.getLhs();
      }
    }
    replaceOp(rewriter, op, rewriter.create<nn::SoftmaxOp>(fuseLocations(ops), x, sum.getAxes()[0], false));
    return success();
  }
};

} // namespace

void populateRaiseActivations(RewritePatternSet &patterns, nn::SymbolicShapes &shapes) {
  MLIRContext *context = patterns.getContext();
  patterns
      .add<RaiseHardSigmoid<nn::MulOp>, RaiseHardSigmoid<nn::DivOp>, RaiseSigmoid, RaiseLog, RaiseSoftmax>(
          context);
  patterns.add<RaiseProduct<nn::MulOp>, RaiseProduct<nn::DivOp>>(context, shapes);
}

} // namespace aicc
