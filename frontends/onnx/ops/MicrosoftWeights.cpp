// Products with weights that are packed in a few bits and scaled by blocks, and mixtures of experts. The
// weights are unpacked by operations on constants, which the passes evaluate.

#include "frontends/onnx/ops/Microsoft.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

Type getByte(Node &n) { return n.builder.getBuilder().getIntegerType(8, /*isSigned=*/false); }
Type getF32(Node &n) { return n.builder.getBuilder().getF32Type(); }

/// Small integers as a constant vector of bytes.
Value bytes(Node &n, ArrayRef<int64_t> values) {
  nn::Tensor tensor(RankedTensorType::get({int64_t(values.size())}, getByte(n)));
  for (size_t i = 0; i < values.size(); ++i)
    tensor.setInt(int64_t(i), values[i]);
  return n.builder.constant(tensor);
}

void checkBits(int64_t bits) {
  if (bits != 2 && bits != 4 && bits != 8)
    throw ImportError("weights of " + Twine(bits) + " bits are not supported", "2, 4 and 8 are");
}

/// Numbers of `bits` bits from bytes: the last dimension grows 8 / bits times. The first is in the low bits,
/// or with `highFirst` in the high ones.
Value unpack(Node &n, Value packed, int64_t bits, bool highFirst = false) {
  if (getByte(n) != n.getElement(packed))
    throw ImportError("packed numbers must be of uint8");
  if (bits == 8)
    return packed;
  const int64_t each = 8 / bits, rank = n.getRank(packed);
  if (rank == 0)
    throw ImportError("packed numbers must not be a scalar");
  SmallVector<int64_t> shifts;
  for (int64_t i = 0; i < each; ++i)
    shifts.push_back(bits * (highFirst ? each - 1 - i : i));
  SmallVector<AffineExpr> shape(n.getShape(packed));
  shape.back() = n.math().simplify(shape.back() * each);
  Value wide = n.make<nn::ShiftOp>(n.builder.unsqueeze(packed, {rank}), bytes(n, shifts), /*left=*/false);
  wide = n.make<nn::AndOp>(wide, n.builder.scalar(double((1 << bits) - 1), getByte(n)));
  return n.builder.reshape(wide, shape);
}

int64_t getPositive(Node &n, StringRef name) {
  const int64_t value = n.getInt(name);
  if (value < 1 || value > INT32_MAX)
    throw ImportError("attribute '" + name + "' must be positive");
  return value;
}

/// Every element of a block has the block's: [.., n] -> [.., n * block].
Value spreadBlocks(Node &n, Value x, int64_t block) {
  SmallVector<AffineExpr> wide(n.getShape(x)), merged(wide);
  const int64_t rank = n.getRank(x);
  wide.push_back(n.constant(block));
  merged.back() = n.math().simplify(merged.back() * block);
  return n.builder.reshape(n.builder.broadcast(n.builder.unsqueeze(x, {rank}), wide), merged);
}

/// The first `size` elements of the last dimension.
Value trim(Node &n, Value x, AffineExpr size) {
  return n.builder.sliceAxis(x, n.getRank(x) - 1, n.constant(0), size);
}

/// x [.., K] times the transpose of w [N, K].
Value multiplyTransposed(Node &n, Value x, Value w) {
  if (n.getRank(x) >= 2)
    return n.make<nn::MatMulOp>(x, w, false, true);
  return matmulLikeNumpy(n, x, n.builder.transpose(w, {1, 0}));
}

/// Codes to numbers: (codes - zeros) * scales, all of one shape; zeros may be null: half the range.
Value dequantize(Node &n, Value codes, Value scales, Value zeros, int64_t bits) {
  codes = n.builder.convert(codes, getF32(n));
  codes = zeros ? n.sub(codes, n.builder.convert(zeros, getF32(n))) : n.add(codes, -double(1 << (bits - 1)));
  return n.mul(codes, n.builder.convert(scales, getF32(n)));
}

/// Inputs x, weights [N, blocks, bytes], scales [N, blocks], zero points, g_idx, bias.
Results importMatMulNBits(Node &n) {
  const int64_t bits = n.getInt("bits", 4), block = getPositive(n, "block_size");
  const int64_t columns = getPositive(n, "K"), rows = getPositive(n, "N");
  checkBits(bits);
  if (block < 16 || (block & (block - 1)))
    throw ImportError("block_size must be a power of 2, and not below 16");
  if (n.getInt("weight_prepacked", 0))
    throw ImportError("weights that were prepared for a device are not supported",
                      "export them with weight_prepacked = 0");
  const int64_t blocks = (columns + block - 1) / block;
  const AffineExpr N = n.constant(rows), B = n.constant(blocks), K = n.constant(columns);
  Value x = n.in(0), packed = n.in(1), scales = n.in(2), zeros = n.getOptional(3);
  if (n.getRank(x) < 1 || n.getShape(x).back() != K)
    throw ImportError("its input's last size is not K");
  Value y;
  if (llvm::is_contained(n.getShape(packed), n.constant(0))) { // a projection that was left out
    SmallVector<AffineExpr> shape(n.getShape(x));
    shape.back() = N;
    y = n.builder.broadcast(n.builder.scalarLike(0, x), shape);
  } else {
    Value codes = unpack(n, n.builder.reshape(packed, {N, B, n.constant(block * bits / 8)}), bits);
    codes = trim(n, n.builder.reshape(codes, {N, n.constant(blocks * block)}), K);
    scales = n.builder.reshape(scales, {N, B});
    if (zeros && !n.isFloat(zeros)) {
      const int64_t perRow = (blocks * bits + 7) / 8;
      zeros = trim(n, unpack(n, n.builder.reshape(zeros, {N, n.constant(perRow)}), bits), B);
    } else if (zeros) {
      zeros = n.builder.reshape(zeros, {N, B});
    }
    auto spread = [&](Value v) { // one for each element
      if (n.has(4))
        return n.make<nn::GatherOp>(v, n.builder.reshape(n.in(4), {K}), 1);
      return trim(n, spreadBlocks(n, v, block), K);
    };
    Value w = dequantize(n, codes, spread(scales), zeros ? spread(zeros) : Value(), bits);
    y = multiplyTransposed(n, x, n.builder.convert(w, n.getElement(x)));
  }
  return n.has(5) ? n.add(y, n.in(5)) : y;
}

/// The numbers that codes of 4 bits stand for: quantiles of a normal distribution (Dettmers et al., 2023), or
/// floats with a sign, two bits of exponent and one of mantissa.
ArrayRef<float> getCodebook(bool quantiles) {
  static const float normal[16] = {
      -1.0f,       -0.69619280f, -0.52507305f, -0.39491749f, -0.28444138f, -0.18477343f, -0.09105004f, 0.0f,
      0.07958030f, 0.16093020f,  0.24611230f,  0.33791524f,  0.44070983f,  0.56261700f,  0.72295684f,  1.0f};
  static const float narrow[16] = {0.0f,         0.00520833f, 0.66666667f,  1.0f,         0.33333333f,  0.5f,
                                   0.16666667f,  0.25f,       -0.0f,        -0.00520833f, -0.66666667f, -1.0f,
                                   -0.33333333f, -0.5f,       -0.16666667f, -0.25f};
  return quantiles ? ArrayRef(normal) : ArrayRef(narrow);
}

/// Inputs x, weights [N * K / 2], the largest number of each block.
Results importMatMulBnb4(Node &n) {
  const int64_t kind = n.getInt("quant_type"), block = getPositive(n, "block_size");
  const int64_t columns = getPositive(n, "K"), rows = getPositive(n, "N"), count = rows * columns;
  if (kind != 0 && kind != 1)
    throw ImportError("quant_type must be 0 or 1");
  nn::Tensor book(RankedTensorType::get({16}, getF32(n)));
  for (auto [i, number] : llvm::enumerate(getCodebook(kind == 1)))
    book.setDouble(int64_t(i), number);
  Value codes = unpack(n, n.builder.reshape(n.in(1), {n.constant((count + 1) / 2)}), 4, /*highFirst=*/true);
  codes = n.builder.convert(trim(n, codes, n.constant(count)), n.builder.getBuilder().getI64Type());
  Value numbers = n.make<nn::GatherOp>(n.builder.constant(book), codes, 0);
  Value scales = n.builder.reshape(n.in(2), {n.constant((count + block - 1) / block)});
  scales = trim(n, spreadBlocks(n, n.builder.convert(scales, getF32(n)), block), n.constant(count));
  Value w = n.builder.reshape(n.mul(numbers, scales), {n.constant(rows), n.constant(columns)});
  w = n.builder.convert(w, n.getElement(n.in(0)));
  return n.getInt("transB", 1) ? multiplyTransposed(n, n.in(0), w) : matmulLikeNumpy(n, n.in(0), w);
}

/// Inputs data, indices, scales, zero points: rows are chosen first, then dequantized.
Results importGatherBlockQuantized(Node &n) {
  Value data = n.in(0), indices = n.in(1), scales = n.in(2), zeros = n.getOptional(3);
  const int64_t rank = n.getRank(data), bits = n.getInt("bits", 4);
  int64_t block = n.getInt("block_size", 128);
  const int64_t gather = n.getAxis(n.getInt("gather_axis", 0), rank);
  const int64_t axis = n.getAxis(n.getInt("quantize_axis", 1), rank);
  const bool isPacked = n.getElement(data) == getByte(n);
  if (n.getRank(scales) != rank || (zeros && n.getRank(zeros) != rank))
    throw ImportError("scales and zero points must have the data's rank");
  if (isPacked) {
    checkBits(bits);
    if (bits < 8 && gather == rank - 1)
      throw ImportError("numbers cannot be chosen along the dimension that they are packed in");
  }
  if (block == 0)
    block = n.getStaticSize(data, axis, "the size of a block");
  if (block < 1 || block > INT32_MAX)
    throw ImportError("block_size must be positive");
  const int64_t size = isPacked && bits < 8 && axis == rank - 1
                           ? n.getStaticSize(data, axis, "the quantized size") * 8 / bits
                           : n.getStaticSize(data, axis, "the quantized size");
  auto choose = [&](Value x) { return gather == axis ? x : n.make<nn::GatherOp>(x, indices, gather); };
  const int64_t moved = gather < axis ? axis + n.getRank(indices) - 1 : axis;
  auto spread = [&](Value x) {
    const int64_t r = n.getRank(x), last = r - 1;
    SmallVector<int64_t> swap = llvm::to_vector(llvm::seq<int64_t>(0, r));
    std::swap(swap[moved], swap[last]);
    x = trim(n, spreadBlocks(n, n.builder.transpose(x, swap), block), n.constant(size));
    return n.builder.transpose(x, swap);
  };
  auto unpacked = [&](Value x) { return isPacked ? unpack(n, x, bits) : x; };
  Value codes = n.builder.convert(unpacked(choose(data)), getF32(n));
  if (zeros) {
    Value z = unpacked(choose(zeros));
    const AffineExpr blocks = n.getShape(scales).back();
    if (isPacked && bits < 8 && n.getShape(z).back() != blocks)
      z = trim(n, z, blocks);
    codes = n.sub(codes, spread(n.builder.convert(z, getF32(n))));
  } else if (isPacked) {
    codes = n.add(codes, -double(1 << (bits - 1)));
  }
  Value y = n.mul(codes, spread(n.builder.convert(choose(scales), getF32(n))));
  y = n.builder.convert(y, n.getElement(scales));
  if (gather == axis)
    y = n.make<nn::GatherOp>(y, indices, gather);
  // Nothing is where an index is outside.
  Value limit = n.builder.sizes({n.getShape(data)[gather]}, true);
  Value index = n.builder.convert(indices, n.getElement(limit));
  Value inside = n.make<nn::AndOp>(
      n.builder.compare(index, limit, nn::CompareKind::lt),
      n.builder.compare(n.add(index, limit), n.builder.scalarLike(0, limit), nn::CompareKind::ge));
  SmallVector<AffineExpr> wide(n.getShape(inside));
  wide.append(rank - 1 - gather, n.constant(1));
  return n.make<nn::SelectOp>(n.builder.reshape(inside, wide), y, n.builder.scalarLike(0, y));
}

// ---- mixtures of experts ----

/// One linear layer of all experts: weights [E, N, K] in the input's type, bias [E, N] or null.
struct Layer {
  Value weights, bias;
};

/// x [E or 1, T, K] -> [E, T, N].
Value apply(Node &n, const Layer &layer, Value x) {
  Value y = n.make<nn::MatMulOp>(x, layer.weights, false, true);
  return layer.bias ? n.add(y, n.builder.unsqueeze(layer.bias, {1})) : y;
}

/// How much each expert counts for each token, [T, E]: 0 but for the k best, whose shares add up to 1 where
/// `normalize`. `weights` (may be null) take the place of the logits' softmax.
Value getRouting(Node &n, Value logits, Value weights, bool normalize) {
  const int64_t k = n.getInt("k", 1), experts = n.getStaticSize(logits, 1, "the number of experts");
  if (k < 1 || k > experts)
    throw ImportError("k must be between 1 and the number of experts");
  if (n.getInt("use_sparse_mixer", 0))
    throw ImportError("use_sparse_mixer is not supported");
  logits = n.builder.convert(logits, getF32(n));
  SmallVector<Value> best =
      n.builder.makeResults<nn::TopKOp>(2, logits, n.builder.map({n.constant(k)}), 1, true);
  Value shares;
  if (weights) {
    shares = n.make<nn::GatherElementsOp>(n.builder.convert(weights, getF32(n)), best[1], 1);
    if (normalize)
      shares = n.div(shares, n.builder.reduce(shares, nn::ReduceKind::sum, {1}, true));
  } else if (normalize) {
    shares = n.make<nn::SoftmaxOp>(best[0], 1);
  } else {
    shares = n.make<nn::GatherElementsOp>(n.make<nn::SoftmaxOp>(logits, 1), best[1], 1);
  }
  Value none = n.builder.broadcast(n.builder.scalar(0, getF32(n)), n.getShape(logits));
  return n.make<nn::ScatterElementsOp>(none, best[1], shares, 1, nn::ScatterKind::none);
}

Value clampAbove(Node &n, Value x, double limit) {
  return n.make<nn::MinOp>(x, n.builder.scalarLike(limit, x));
}

/// The activation behind the first layer; [E, T, I].
Value activateExperts(Node &n, Value x, const Layer *gate, Value input) {
  const std::string name = n.getString("activation_type", "relu");
  if (name != "swiglu") {
    Value y = name == "relu"       ? n.make<nn::ReluOp>(x)
              : name == "gelu"     ? n.make<nn::GeluOp>(x, true)
              : name == "silu"     ? n.make<nn::SiluOp>(x)
              : name == "identity" ? x
                                   : Value();
    if (!y)
      throw ImportError("activation_type '" + name + "' is not supported");
    return gate ? n.mul(y, apply(n, *gate, input)) : y;
  }
  const int64_t fusion = n.getInt("swiglu_fusion", 0);
  Value linear;
  if (fusion == 0) {
    if (!gate)
      throw ImportError("swiglu needs a third layer, or both halves in the first");
    linear = apply(n, *gate, input);
  } else {
    const AffineExpr half = n.math().divideExactly(n.getShape(x)[2], n.constant(2));
    if (!half || (fusion != 1 && fusion != 2))
      throw ImportError("swiglu_fusion does not fit the first layer");
    SmallVector<AffineExpr> s(n.getShape(x)), part{s[0], s[1], half};
    if (fusion == 1) { // neighbours
      Value pairs = n.builder.reshape(x, {s[0], s[1], half, n.constant(2)});
      linear = n.builder.reshape(n.builder.sliceAxis(pairs, 3, n.constant(1), n.constant(1)), part);
      x = n.builder.reshape(n.builder.sliceAxis(pairs, 3, n.constant(0), n.constant(1)), part);
    } else {
      linear = n.builder.sliceAxis(x, 2, half, half);
      x = n.builder.sliceAxis(x, 2, n.constant(0), half);
    }
  }
  if (n.getInt("swiglu_limit_after_activation", 0))
    throw ImportError("swiglu_limit_after_activation is not supported");
  if (n.hasAttr("swiglu_limit")) {
    const double limit = n.getFloat("swiglu_limit");
    x = clampAbove(n, x, limit);
    linear = n.make<nn::MaxOp>(clampAbove(n, linear, limit), n.builder.scalarLike(-limit, linear));
  }
  x = n.mul(x, n.make<nn::SigmoidOp>(n.mul(x, n.getFloat("activation_alpha", 1))));
  return n.mul(x, n.add(linear, n.getFloat("activation_beta", 0)));
}

/// All experts see all tokens; those that were not chosen count for nothing.
Value mixExperts(Node &n, const Layer &first, const Layer &second, const Layer *third, Value weights,
                 bool normalize) {
  SmallVector<AffineExpr> shape(n.getShape(n.in(0)));
  if (shape.size() != 2 && shape.size() != 3)
    throw ImportError("its input must have rank 2 or 3");
  if (n.getRank(n.in(1)) != 2)
    throw ImportError("router_probs must have rank 2");
  AffineExpr tokens = shape.size() == 2 ? shape[0] : n.math().product({shape[0], shape[1]});
  Value x = n.builder.reshape(n.in(0), {n.constant(1), tokens, shape.back()});
  Value shares = getRouting(n, n.in(1), weights, normalize);
  Value y = apply(n, second, activateExperts(n, apply(n, first, x), third, x));
  shares = n.builder.unsqueeze(n.builder.transpose(n.builder.convert(shares, n.getElement(y)), {1, 0}), {2});
  y = n.builder.reduce(n.mul(y, shares), nn::ReduceKind::sum, {0}, false);
  return n.builder.reshape(y, shape);
}

/// Inputs x, router, then weights and bias of each of three layers.
Results importMoE(Node &n) {
  Layer first{n.in(2), n.getOptional(3)}, second{n.in(4), n.getOptional(5)}, third;
  if (n.has(6))
    third = {n.in(6), n.getOptional(7)};
  return mixExperts(n, first, second, n.has(6) ? &third : nullptr, Value(),
                    n.getInt("normalize_routing_weights", 0) != 0);
}

/// Inputs x, router, then weights, scales and bias of each of three layers, their zero points, routing
/// weights.
Results importQMoE(Node &n) {
  if (n.getString("quant_type", "int") != "int")
    throw ImportError("quant_type '" + n.getString("quant_type", "") + "' is not supported", "'int' is");
  if (n.getInt("weights_prepacked", -1) == 1)
    throw ImportError("weights that were prepared for a device are not supported",
                      "export them with weights_prepacked = 0");
  const int64_t bits = n.getInt("expert_weight_bits", 4), block = n.getInt("block_size", 0);
  if (block < 0 || block > INT32_MAX)
    throw ImportError("block_size must not be negative");
  auto layer = [&](unsigned number) {
    const std::string name = "fc" + std::to_string(number + 1) + "_expert_weight_bits";
    const int64_t width = n.getInt(name, bits);
    checkBits(width);
    const unsigned index = 2 + 3 * number;
    Value codes = unpack(n, n.in(index), width), scales = n.in(index + 1), zeros = n.getOptional(11 + number);
    if (n.getRank(codes) != 3)
      throw ImportError("the experts' weights must have rank 3");
    SmallVector<AffineExpr> s(n.getShape(codes));
    const AffineExpr blocks = block ? n.math().ceilDiv(s[2], block) : n.constant(1);
    scales = n.builder.reshape(scales, {s[0], s[1], blocks});
    if (zeros) // one for each row is packed along rows
      zeros = block ? trim(n, unpack(n, zeros, width), blocks)
                    : n.builder.unsqueeze(trim(n, unpack(n, zeros, width), s[1]), {2});
    auto spread = [&](Value v) { return v && block ? trim(n, spreadBlocks(n, v, block), s[2]) : v; };
    Value w = dequantize(n, codes, spread(scales), spread(zeros), width);
    return Layer{n.builder.convert(w, n.getElement(n.in(0))), n.getOptional(index + 2)};
  };
  Layer first = layer(0), second = layer(1), third;
  if (n.has(8))
    third = layer(2);
  // Without weights of their own, the shares of the chosen add up to 1 whatever the attribute says.
  const bool normalize = !n.has(14) || n.getInt("normalize_routing_weights", 0) != 0;
  return mixExperts(n, first, second, n.has(8) ? &third : nullptr, n.getOptional(14), normalize);
}
} // namespace

void addMicrosoftWeightOps(OpTable &t) {
  auto add = [&](StringRef op, ImportFn import) {
    t.add(OpTable::microsoft, op, 1, OpTable::anyOpset, std::move(import));
  };
  add("MatMulNBits", importMatMulNBits);
  add("MatMulBnb4", importMatMulBnb4);
  add("GatherBlockQuantized", importGatherBlockQuantized);
  add("MoE", importMoE);
  add("QMoE", importQMoE);
}
} // namespace aicc::onnx_import
