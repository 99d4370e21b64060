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
/// Numbers per channel or, without `spatial`, per element of an example: [C, ...].
Value alongChannels(Node &n, Value v, Value x) {
  if (n.getRank(v) == 1)
    return n.getRank(x) == 1 ? v : alongAxis(n, v, 1, n.getRank(x));
  if (n.getRank(v) + 1 != n.getRank(x))
    throw ImportError("its statistics must be vectors, or have the sizes of an example");
  return v;
}

/// Normalized by the batch's own statistics; the running ones come out moved towards them. Until opset 13 a
/// call was in training if it had those outputs, and two more held the batch's.
Results trainBatchNormalization(Node &n, const SmallVector<int64_t> &axes) {
  Value x = n.in(0);
  Type f32 = n.builder.getBuilder().getF32Type(), type = n.getElement(x);
  Value wide = type.isF64() ? x : n.builder.convert(x, f32);
  Value mean = n.builder.reduce(wide, nn::ReduceKind::mean, axes, true);
  Value centered = n.sub(wide, mean);
  Value variance = n.builder.reduce(n.mul(centered, centered), nn::ReduceKind::mean, axes, true);
  Value factor = n.make<nn::RsqrtOp>(n.add(variance, n.getFloat("epsilon", 1e-5)));
  Value scale = n.builder.convert(alongChannels(n, n.in(1), x), n.getElement(wide));
  Value bias = n.builder.convert(alongChannels(n, n.in(2), x), n.getElement(wide));
  Value y = n.add(n.mul(n.mul(centered, factor), scale), bias);
  Results results(n.builder.convert(y, type));
  const double momentum = n.getFloat("momentum", 0.9);
  for (unsigned i : {3, 4}) {
    Value old = n.in(i), now = n.builder.reshape(i == 3 ? mean : variance, n.getShape(old));
    Value moved = n.add(n.mul(n.builder.convert(old, n.getElement(now)), momentum), n.mul(now, 1 - momentum));
    results.push_back(n.builder.convert(moved, n.getElement(old)));
  }
  for (Value saved : {mean, variance})
    results.push_back(n.builder.convert(n.builder.reshape(saved, n.getShape(n.in(3))), type));
  return results;
}

Results importBatchNormalization(Node &n) {
  Value x = n.in(0);
  const bool perElement = n.opset < 9 && !n.getInt("spatial", 1) && n.getRank(n.in(1)) > 1;
  const bool training = n.opset >= 14 ? n.getInt("training_mode", 0) != 0
                        : n.opset < 7 ? n.getInt("is_test", 0) == 0 && n.wants(1)
                                      : n.wants(1);
  if (training) {
    SmallVector<int64_t> axes{0};
    for (int64_t axis = 2; !perElement && axis < n.getRank(x); ++axis)
      axes.push_back(axis);
    return trainBatchNormalization(n, axes);
  }
  n.refuseOutputs(1, "it exists in training only");
  const double epsilon = n.getFloat("epsilon", 1e-5);
  if (!perElement)
    return n.make<nn::BatchNormOp>(x, n.in(1), n.in(2), n.in(3), n.in(4), n.builder.f32(epsilon));
  Value centered = n.sub(x, alongChannels(n, n.in(3), x));
  Value factor =
      n.mul(n.make<nn::RsqrtOp>(n.add(alongChannels(n, n.in(4), x), epsilon)), alongChannels(n, n.in(1), x));
  return n.add(n.mul(centered, factor), alongChannels(n, n.in(2), x));
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
} // namespace

void addNormalizationOps(OpTable &t) {
  t.add("BatchNormalization", importBatchNormalization);
  t.add("InstanceNormalization", importInstanceNormalization);
  t.add("GroupNormalization", importGroupNormalization);
  t.add("LayerNormalization", importLayerNormalization);
  t.add("RMSNormalization", importRmsNormalization);
  t.add("SimplifiedLayerNormalization", importRmsNormalization);
  t.add("LRN", importLrn);
}
} // namespace aicc::onnx_import
