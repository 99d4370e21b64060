// Normalizations.

#include "frontends/onnx/Node.h"

using namespace mlir;

namespace aicc::onnx_import {

Value alongAxis(Node &n, Value x, int64_t axis, int64_t rank) {
  if (n.getRank(x) != 1)
    throw ImportError("a per-channel input must be a vector");
  SmallVector<AffineExpr> shape(rank, n.constant(1));
  shape[axis] = n.getShape(x)[0];
  return n.builder.reshape(x, shape);
}

namespace {
Results importBatchNormalization(Node &n) {
  if (n.getInt("training_mode", 0))
    throw ImportError("training mode is not supported", "export the model for inference");
  if (!n.getInt("spatial", 1))
    throw ImportError("spatial = 0 is not supported");
  n.refuseOutputs(1, "it exists in training only");
  return n.make<nn::BatchNormOp>(n.in(0), n.in(1), n.in(2), n.in(3), n.in(4),
                                 n.builder.f32(n.getFloat("epsilon", 1e-5)));
}

Results importInstanceNormalization(Node &n) {
  const int64_t channels = n.getStaticSize(n.in(0), 1, "the number of channels");
  return n.make<nn::GroupNormOp>(n.in(0), n.in(1), n.in(2), channels,
                                 n.builder.f32(n.getFloat("epsilon", 1e-5)));
}

Results importGroupNormalization(Node &n) {
  Value x = n.in(0), scale = n.in(1), bias = n.in(2);
  const int64_t groups = n.getInt("num_groups"), channels = n.getStaticSize(x, 1, "the number of channels");
  if (groups < 1 || channels % groups != 0)
    throw ImportError("the channels are not a multiple of num_groups");
  if (n.opset < 21) { // one scale per group, not per channel
    auto spread = [&](Value v) {
      Value wide = n.builder.broadcast(n.builder.unsqueeze(v, {1}),
                                       {n.constant(groups), n.constant(channels / groups)});
      return n.builder.reshape(wide, {n.constant(channels)});
    };
    scale = spread(scale);
    bias = spread(bias);
  }
  return n.make<nn::GroupNormOp>(x, scale, bias, groups, n.builder.f32(n.getFloat("epsilon", 1e-5)));
}

/// The normalized sizes of `x` from `axis` on are those of `v`.
bool hasNormalizedShape(Node &n, Value v, Value x, int64_t axis) {
  return v && n.getShape(v) == n.getShape(x).drop_front(axis);
}

/// Scale and bias that only broadcast to the normalized sizes are applied outside.
Value layerNorm(Node &n, Value x, Value scale, Value bias, int64_t axis, double epsilon) {
  const bool inside =
      (!scale || hasNormalizedShape(n, scale, x, axis)) && (!bias || hasNormalizedShape(n, bias, x, axis));
  Value y = n.make<nn::LayerNormOp>(x, inside ? scale : Value(), inside ? bias : Value(), axis,
                                    n.builder.f32(epsilon));
  if (!inside && scale)
    y = n.mul(y, scale);
  if (!inside && bias)
    y = n.add(y, bias);
  return y;
}

Value rmsNorm(Node &n, Value x, Value scale, int64_t axis, double epsilon) {
  const bool inside = !scale || hasNormalizedShape(n, scale, x, axis);
  Value y = n.make<nn::RmsNormOp>(x, inside ? scale : Value(), axis, n.builder.f32(epsilon));
  return inside ? y : n.mul(y, scale);
}

SmallVector<int64_t> axesFrom(Node &n, Value x, int64_t axis) {
  return llvm::to_vector(llvm::seq<int64_t>(axis, n.getRank(x)));
}

Results importLayerNormalization(Node &n) {
  Value x = n.in(0);
  const int64_t axis = n.getAxis(n.getInt("axis", -1), n.getRank(x));
  const double epsilon = n.getFloat("epsilon", 1e-5);
  Results results(layerNorm(n, x, n.getOptional(1), n.getOptional(2), axis, epsilon));
  if (!n.wants(1) && !n.wants(2))
    return results;
  // Mean and inverse standard deviation, in float.
  Value wide = n.builder.convert(x, n.builder.getBuilder().getF32Type());
  Value mean = n.builder.reduce(wide, nn::ReduceKind::mean, axesFrom(n, x, axis), true);
  Value centered = n.sub(wide, mean);
  Value variance =
      n.builder.reduce(n.mul(centered, centered), nn::ReduceKind::mean, axesFrom(n, x, axis), true);
  results.push_back(mean);
  results.push_back(n.make<nn::RsqrtOp>(n.add(variance, epsilon)));
  return results;
}

Results importRmsNormalization(Node &n) {
  const int64_t axis = n.getAxis(n.getInt("axis", -1), n.getRank(n.in(0)));
  n.refuseOutputs(1, "statistics are not kept");
  return rmsNorm(n, n.in(0), n.getOptional(1), axis, n.getFloat("epsilon", 1e-5));
}

Results importLrn(Node &n) {
  return n.make<nn::LrnOp>(n.in(0), n.getInt("size"), n.builder.f32(n.getFloat("alpha", 1e-4)),
                           n.builder.f32(n.getFloat("beta", 0.75)), n.builder.f32(n.getFloat("bias", 1)));
}

/// com.microsoft: inputs x, skip, gamma, (beta,) bias; outputs y, -, -, x + skip + bias.
Results skipNorm(Node &n, bool rms) {
  Value sum = n.add(n.in(0), n.in(1));
  if (Value bias = n.getOptional(rms ? 3 : 4))
    sum = n.add(sum, bias);
  const int64_t axis = n.getRank(sum) - 1;
  const double epsilon = n.getFloat("epsilon", 1e-12);
  Value y = rms ? rmsNorm(n, sum, n.in(2), axis, epsilon)
                : layerNorm(n, sum, n.in(2), n.getOptional(3), axis, epsilon);
  if (n.wants(1) || n.wants(2))
    throw ImportError("outputs 1 and 2 are not supported: statistics are not kept");
  return {y, Value(), Value(), sum};
}
Results importSkipLayerNormalization(Node &n) { return skipNorm(n, false); }
Results importSkipSimplifiedLayerNormalization(Node &n) { return skipNorm(n, true); }
} // namespace

void addNormalizationOps(OpTable &t) {
  t.add("BatchNormalization", importBatchNormalization);
  t.add("InstanceNormalization", importInstanceNormalization);
  t.add("GroupNormalization", importGroupNormalization);
  t.add("LayerNormalization", importLayerNormalization);
  t.add("RMSNormalization", importRmsNormalization);
  t.add("SimplifiedLayerNormalization", importRmsNormalization);
  t.add("LRN", importLrn);
  t.add(OpTable::microsoft, "SkipLayerNormalization", 1, OpTable::anyOpset, importSkipLayerNormalization);
  t.add(OpTable::microsoft, "SkipSimplifiedLayerNormalization", 1, OpTable::anyOpset,
        importSkipSimplifiedLayerNormalization);
}
} // namespace aicc::onnx_import
