// Operators that ONNX Runtime's optimizer makes of several: products and convolutions with an activation,
// normalizations of sums, biased activations; and the standard's operators under com.microsoft's name.

#include "frontends/onnx/ops/Microsoft.h"

using namespace mlir;

namespace aicc::onnx_import {

Value activate(Node &n, Value x, StringRef name, ArrayRef<double> parameters) {
  auto parameter = [&](size_t index, double otherwise) {
    return index < parameters.size() ? parameters[index] : otherwise;
  };
  auto f32 = [&](size_t index, double otherwise) { return n.builder.f32(parameter(index, otherwise)); };
  if (name.empty())
    return x;
  if (name == "Relu")
    return n.make<nn::ReluOp>(x);
  if (name == "Tanh")
    return n.make<nn::TanhOp>(x);
  if (name == "Sigmoid")
    return n.make<nn::SigmoidOp>(x);
  if (name == "Softplus")
    return n.make<nn::SoftplusOp>(x);
  if (name == "Softsign")
    return n.make<nn::SoftsignOp>(x);
  if (name == "Gelu")
    return n.make<nn::GeluOp>(x, false);
  if (name == "HardSwish")
    return n.make<nn::HardSwishOp>(x);
  if (name == "LeakyRelu")
    return n.make<nn::LeakyReluOp>(x, f32(0, 0.01));
  if (name == "Elu")
    return n.make<nn::EluOp>(x, f32(0, 1), n.builder.f32(1));
  if (name == "HardSigmoid")
    return n.make<nn::HardSigmoidOp>(x, f32(0, 0.2), f32(1, 0.5));
  if (name == "QuickGelu")
    return n.mul(x, n.make<nn::SigmoidOp>(n.mul(x, parameter(0, 1.702))));
  if (name == "Clip") {
    x = n.make<nn::MaxOp>(x, n.builder.scalarLike(parameter(0, -INFINITY), x));
    return n.make<nn::MinOp>(x, n.builder.scalarLike(parameter(1, INFINITY), x));
  }
  throw ImportError("activation '" + name + "' is not supported");
}

namespace {

/// The opset whose standard operators com.microsoft's are like.
constexpr int64_t standardOpset = 17;

Value activateByAttributes(Node &n, Value x) {
  SmallVector<double> parameters;
  for (StringRef name : {"activation_alpha", "activation_beta", "activation_gamma"})
    if (n.hasAttr(name))
      parameters.push_back(n.getFloat(name));
  return activate(n, x, n.getString("activation", ""), parameters);
}

// ---- products and convolutions ----

/// [d0, batch.., last] -> [batch.., d0, last]
Value transposeBatch(Node &n, Value x, bool wanted) {
  const int64_t rank = n.getRank(x);
  if (!wanted || rank < 3)
    return x;
  SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(1, rank - 1));
  perm.append({0, rank - 1});
  return n.builder.transpose(x, perm);
}

Value multiply(Node &n) {
  Value a = transposeBatch(n, n.in(0), n.getInt("transBatchA", 0) != 0);
  Value b = transposeBatch(n, n.in(1), n.getInt("transBatchB", 0) != 0);
  Value y = n.getRank(a) < 2 || n.getRank(b) < 2
                ? matmulLikeNumpy(n, a, b)
                : n.make<nn::MatMulOp>(a, b, n.getInt("transA", 0) != 0, n.getInt("transB", 0) != 0);
  return n.mul(y, n.getFloat("alpha", 1));
}
Results importFusedMatMul(Node &n) { return multiply(n); }
Results importFusedMatMulActivation(Node &n) {
  if (n.getString("activation", "") == "Softmax") {
    Value y = multiply(n);
    return n.make<nn::SoftmaxOp>(y, n.getAxis(n.getInt("activation_axis", -1), n.getRank(y)));
  }
  return activateByAttributes(n, multiply(n));
}

Results importGemmFastGelu(Node &n) {
  Value y = matmulLikeNumpy(n, n.in(0), n.in(1));
  return n.make<nn::GeluOp>(n.has(2) ? n.add(y, n.in(2)) : y, true);
}

/// [N, spatial.., C] -> [N, C, spatial..], and back.
Value channelsFirst(Node &n, Value x) {
  const int64_t rank = n.getRank(x);
  if (rank < 3)
    throw ImportError("its input has no spatial dimensions");
  SmallVector<int64_t> perm{0, rank - 1};
  llvm::append_range(perm, llvm::seq<int64_t>(1, rank - 1));
  return n.builder.transpose(x, perm);
}
Value channelsLast(Node &n, Value x) {
  const int64_t rank = n.getRank(x);
  SmallVector<int64_t> perm{0};
  llvm::append_range(perm, llvm::seq<int64_t>(2, rank));
  perm.push_back(1);
  return n.builder.transpose(x, perm);
}

/// The standard's operator on the first `count` inputs, in another layout or not.
Value callStandard(Node &n, const ImportFn &import, unsigned count, bool last) {
  SmallVector<Value> inputs(n.getInputs().take_front(count));
  if (inputs.empty() || !inputs[0])
    throw ImportError("input 0 is missing");
  if (last)
    inputs[0] = channelsFirst(n, inputs[0]);
  Node inner = n.with(standardOpset, inputs);
  Value y = import(inner)[0];
  return last ? channelsLast(n, y) : y;
}

/// Inputs x, w, bias, z: activation(conv(x, w) + bias + z).
ImportFn fuseConv(ImportFn conv, bool last) {
  return [conv = std::move(conv), last](Node &n) -> Results {
    Value y = callStandard(n, conv, 3, last);
    if (n.has(3))
      y = n.add(y, n.in(3));
    return activate(n, y, n.getString("activation", ""), n.getFloats("activation_params"));
  };
}

// ---- normalizations ----

/// Mean and inverse standard deviation over the last dimension, in float.
void addStatistics(Node &n, Value x, double epsilon, bool rms, Results &results) {
  const int64_t axis = n.getRank(x) - 1;
  Value wide = n.builder.convert(x, n.builder.getBuilder().getF32Type());
  Value mean = n.builder.reduce(wide, nn::ReduceKind::mean, {axis}, true);
  Value centered = rms ? wide : n.sub(wide, mean);
  Value variance = n.builder.reduce(n.mul(centered, centered), nn::ReduceKind::mean, {axis}, true);
  results.push_back(mean);
  results.push_back(n.make<nn::RsqrtOp>(n.add(variance, epsilon)));
}

/// Inputs x, skip, gamma, (beta,) bias; results y, mean, 1 / deviation, x + skip + bias.
Results normalizeSum(Node &n, bool rms) {
  Value sum = n.add(n.in(0), n.in(1));
  if (Value bias = n.getOptional(rms ? 3 : 4))
    sum = n.add(sum, bias);
  if (n.getShape(sum) != n.getShape(n.in(0)))
    throw ImportError("skip does not broadcast to the input");
  const int64_t axis = n.getRank(sum) - 1;
  const double epsilon = n.getFloat("epsilon", 1e-12);
  if (n.getRank(sum) < 1)
    throw ImportError("a scalar cannot be normalized");
  Results results(
      rms ? n.make<nn::RmsNormOp>(sum, n.in(2), axis, n.builder.f32(epsilon))
          : n.make<nn::LayerNormOp>(sum, n.in(2), n.getOptional(3), axis, n.builder.f32(epsilon)));
  if (n.wants(1) || n.wants(2))
    addStatistics(n, sum, epsilon, rms, results);
  results.resize(3);
  results.push_back(sum);
  return results;
}
Results importSkipLayerNormalization(Node &n) { return normalizeSum(n, false); }
Results importSkipSimplifiedLayerNormalization(Node &n) { return normalizeSum(n, true); }

/// Inputs ids, segment ids, words, positions, segments, gamma, beta, mask, position ids; results y, how many
/// words the mask leaves, the sum.
Results importEmbedLayerNormalization(Node &n) {
  Value ids = n.in(0);
  if (n.getRank(ids) != 2)
    throw ImportError("input_ids must have rank 2");
  SmallVector<AffineExpr> s(n.getShape(ids));
  Type i64 = n.builder.getBuilder().getI64Type();
  Value places = n.has(8) ? n.in(8) : n.builder.iota({n.constant(1), s[1]}, 1, i64);
  Value sum = n.add(n.make<nn::GatherOp>(n.in(2), ids, 0), n.make<nn::GatherOp>(n.in(3), places, 0));
  if (n.has(1) && n.has(4))
    sum = n.add(sum, n.make<nn::GatherOp>(n.in(4), n.in(1), 0));
  Value y = n.make<nn::LayerNormOp>(sum, n.in(5), n.in(6), 2, n.builder.f32(n.getFloat("epsilon", 1e-12)));
  Value lengths;
  if (n.wants(1)) {
    Type i32 = n.builder.getBuilder().getI32Type();
    if (n.has(7)) {
      Value ones = n.builder.compare(n.in(7), n.builder.scalarLike(1, n.in(7)), nn::CompareKind::eq);
      lengths = n.builder.reduce(n.builder.convert(ones, i32), nn::ReduceKind::sum, {1}, false);
    } else {
      lengths = n.builder.broadcast(n.builder.scalar(0, i32), {s[0]});
    }
  }
  return {y, lengths, sum};
}

Value normalizeGroups(Node &n, Value x) { // in the layout that channels_last says
  const bool last = n.getInt("channels_last", 1) != 0;
  const int64_t activation = n.getInt("activation", 0);
  if (activation != 0 && activation != 1)
    throw ImportError("activation must be 0 or 1");
  auto parameter = [&](unsigned index) { return n.builder.convert(n.in(index), n.getElement(x)); };
  Value y = n.make<nn::GroupNormOp>(last ? channelsFirst(n, x) : x, parameter(1), parameter(2),
                                    n.getInt("groups"), n.builder.f32(n.getFloat("epsilon", 1e-5)));
  if (activation)
    y = n.make<nn::SiluOp>(y);
  return last ? channelsLast(n, y) : y;
}
Results importGroupNorm(Node &n) { return normalizeGroups(n, n.in(0)); }

/// Inputs x, gamma, beta, skip, bias; results y, x + skip + bias.
Results importSkipGroupNorm(Node &n) {
  const bool last = n.getInt("channels_last", 1) != 0;
  Value x = n.in(0), skip = n.in(3);
  const int64_t rank = n.getRank(x), channel = last ? rank - 1 : 1;
  if (rank < 3)
    throw ImportError("its input has no spatial dimensions");
  if (n.getRank(skip) == 2) { // [N, C]
    SmallVector<AffineExpr> shape(rank, n.constant(1));
    shape[0] = n.getShape(skip)[0];
    shape[channel] = n.getShape(skip)[1];
    skip = n.builder.reshape(skip, shape);
  }
  Value sum = n.add(x, skip);
  if (n.has(4))
    sum = n.add(sum, alongAxis(n, n.in(4), channel, rank));
  return {normalizeGroups(n, sum), sum};
}

/// RMS norm over groups of as many elements as the scale has, times the gate's activation.
Results importGatedRmsNorm(Node &n) {
  Value x = n.in(0), gate = n.in(2), scale = n.in(1);
  Type f32 = n.builder.getBuilder().getF32Type();
  SmallVector<AffineExpr> shape(n.getShape(x)), split(shape);
  if (n.getRank(scale) != 1 || shape.empty())
    throw ImportError("the scale must be a vector");
  AffineExpr groups = n.math().divideExactly(shape.back(), n.getShape(scale)[0]);
  if (!groups)
    throw ImportError("the last size is not a multiple of the scale's");
  split.back() = groups;
  split.push_back(n.getShape(scale)[0]);
  Value y = n.make<nn::RmsNormOp>(n.builder.reshape(n.builder.convert(x, f32), split),
                                  n.builder.convert(scale, f32), int64_t(split.size()) - 1,
                                  n.builder.f32(n.getFloat("epsilon", 1e-5)));
  const std::string name = n.getString("activation", "silu");
  gate = n.builder.convert(gate, f32);
  if (name == "silu" || name == "swish")
    gate = n.make<nn::SiluOp>(gate);
  else if (name == "sigmoid")
    gate = n.make<nn::SigmoidOp>(gate);
  else
    throw ImportError("activation '" + name + "' is not supported");
  return n.builder.convert(n.mul(n.builder.reshape(y, shape), gate), n.getElement(x));
}

// ---- elementwise ----

/// (left, right) halves of the last dimension.
std::pair<Value, Value> halve(Node &n, Value x) {
  const int64_t axis = n.getRank(x) - 1;
  AffineExpr half = axis < 0 ? AffineExpr() : n.math().divideExactly(n.getShape(x)[axis], n.constant(2));
  if (!half)
    throw ImportError("the last size is not a multiple of 2");
  return {n.builder.sliceAxis(x, axis, n.constant(0), half), n.builder.sliceAxis(x, axis, half, half)};
}

Results importBiasSplitGelu(Node &n) {
  auto [left, right] = halve(n, n.add(n.in(0), n.in(1)));
  return n.mul(left, n.make<nn::GeluOp>(right, false));
}
Results importBiasAdd(Node &n) { return n.add(n.add(n.in(0), n.in(1)), n.in(2)); }
Results importGatedAdd(Node &n) {
  if (n.has(3))
    throw ImportError("gate_weight is not supported");
  return n.add(n.in(0), n.mul(n.in(1), n.in(2)));
}
Results importScaledSilu(Node &n) {
  Value x = n.has(1) ? n.mul(n.in(0), n.builder.convert(n.in(1), n.getElement(n.in(0))))
                     : n.mul(n.in(0), n.getFloat("alpha", 1));
  return n.make<nn::SiluOp>(x);
}
Results importSwiGlu(Node &n) {
  Value gate = n.in(0), up = n.getOptional(1);
  if (!up)
    std::tie(gate, up) = halve(n, gate);
  const Type element = n.getElement(gate), f32 = n.builder.getBuilder().getF32Type();
  gate = n.builder.convert(gate, f32);
  up = n.builder.convert(up, f32);
  if (const double limit = n.getFloat("limit", 0); limit > 0) {
    Value most = n.builder.scalarLike(limit, gate);
    gate = n.make<nn::MinOp>(gate, most);
    up = n.make<nn::MaxOp>(n.make<nn::MinOp>(up, most), n.builder.scalarLike(-limit, up));
  }
  Value y = n.mul(gate, n.make<nn::SigmoidOp>(n.mul(gate, n.getFloat("activation_alpha", 1))));
  if (n.getInt("round_activation", 0))
    y = n.builder.convert(n.builder.convert(y, element), f32);
  return n.builder.convert(n.mul(y, n.add(up, n.getFloat("activation_beta", 0))), element);
}

/// softmax(data + bias) over all dimensions from `axis` on; the bias' dimensions are missing in front or
/// between.
Results importBiasSoftmax(Node &n) {
  Value x = n.in(0), bias = n.in(1);
  const int64_t rank = n.getRank(x), axis = n.getAxis(n.getInt("axis", 1), rank);
  if (n.getRank(bias) != rank)
    throw ImportError("a bias of another rank than the data's is not supported");
  Value sum = n.add(x, bias);
  if (axis == rank - 1)
    return n.make<nn::SoftmaxOp>(sum, axis);
  SmallVector<AffineExpr> shape(n.getShape(sum)), flat(shape.begin(), shape.begin() + axis);
  flat.push_back(n.math().product(ArrayRef(shape).drop_front(axis)));
  return n.builder.reshape(n.make<nn::SoftmaxOp>(n.builder.reshape(sum, flat), axis), shape);
}

Results importExpandDims(Node &n) {
  const int64_t rank = n.getRank(n.in(0));
  return n.builder.unsqueeze(n.in(0), {n.getAxis(n.getConstantInt(1, "axis"), rank + 1)});
}

Results importIsAllFinite(Node &n) {
  const bool infinite = !n.getInt("isnan_only", 0), nan = !n.getInt("isinf_only", 0);
  Value all;
  for (Value x : n.getInputs()) {
    Value bad = infinite ? n.make<nn::IsInfOp>(x, true, true) : Value();
    if (nan) {
      Value test = n.make<nn::IsNanOp>(x);
      bad = bad ? n.make<nn::OrOp>(bad, test) : test;
    }
    if (!bad)
      throw ImportError("isinf_only and isnan_only exclude each other");
    Value good = n.builder.reduce(n.make<nn::NotOp>(bad), nn::ReduceKind::all,
                                  llvm::to_vector(llvm::seq<int64_t>(0, n.getRank(x))), false);
    all = all ? n.make<nn::AndOp>(all, good) : good;
  }
  if (!all)
    throw ImportError("input 0 is missing");
  return all;
}
} // namespace

void addMicrosoftFusedOps(OpTable &t) {
  auto add = [&](StringRef op, ImportFn import) {
    t.add(OpTable::microsoft, op, 1, OpTable::anyOpset, std::move(import));
  };
  // As they are in the standard, at an opset that takes what com.microsoft's has as attributes and inputs.
  auto like = [&](StringRef op, StringRef standard, int64_t opset) {
    const OpTable::Entry *entry = t.find("", standard, opset);
    add(op, [import = entry->import, opset](Node &n) {
      Node inner = n.with(opset, llvm::to_vector(n.getInputs()));
      return import(inner);
    });
  };
  like("LayerNormalization", "LayerNormalization", 17);
  like("SimplifiedLayerNormalization", "SimplifiedLayerNormalization", 17);
  like("Trilu", "Trilu", 17);
  like("GatherND", "GatherND", 11);
  like("Range", "Range", 11);
  like("Pad", "Pad", 13);
  const ImportFn conv = t.find("", "Conv", standardOpset)->import,
                 gemm = t.find("", "Gemm", standardOpset)->import,
                 maxPool = t.find("", "MaxPool", standardOpset)->import;
  add("FusedConv", fuseConv(conv, false));
  add("NhwcConv", fuseConv(conv, true));
  add("NhwcFusedConv", fuseConv(conv, true));
  add("NhwcMaxPool", [maxPool](Node &n) -> Results { return callStandard(n, maxPool, 1, true); });
  add("FusedGemm", [gemm](Node &n) -> Results { return activateByAttributes(n, gemm(n)[0]); });
  add("FusedMatMul", importFusedMatMul);
  add("TransposeMatMul", importFusedMatMul);
  add("FusedMatMulActivation", importFusedMatMulActivation);
  add("GemmFastGelu", importGemmFastGelu);
  add("SkipLayerNormalization", importSkipLayerNormalization);
  add("SkipSimplifiedLayerNormalization", importSkipSimplifiedLayerNormalization);
  add("EmbedLayerNormalization", importEmbedLayerNormalization);
  add("GroupNorm", importGroupNorm);
  add("SkipGroupNorm", importSkipGroupNorm);
  add("GatedRMSNorm", importGatedRmsNorm);
  add("BiasSplitGelu", importBiasSplitGelu);
  add("BiasAdd", importBiasAdd);
  add("BiasSoftmax", importBiasSoftmax);
  add("GatedAdd", importGatedAdd);
  add("ScaledSiLU", importScaledSilu);
  add("SwiGLU", importSwiGlu);
  add("ExpandDims", importExpandDims);
  add("IsAllFinite", importIsAllFinite);
}
} // namespace aicc::onnx_import
