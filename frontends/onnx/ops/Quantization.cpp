// Linear quantization, written out in float arithmetic; integer kernels are the passes' matter.

#include "frontends/onnx/Node.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

/// A scale or zero point, per tensor, per axis or per block, broadcast against `x`.
Value spread(Node &n, Value parameter, Value x) {
  const int64_t rank = n.getRank(x), block = n.getInt("block_size", 0);
  if (n.getRank(parameter) == 0 || (n.getRank(parameter) == 1 && n.getShape(parameter)[0] == n.constant(1)))
    return n.builder.reshape(parameter, {});
  const int64_t axis = n.getAxis(n.getInt("axis", 1), rank);
  if (n.getRank(parameter) == 1 && !block)
    return alongAxis(n, parameter, axis, rank);
  if (block < 1 || n.getRank(parameter) != rank)
    throw ImportError("scale and zero point fit neither a tensor, nor an axis, nor blocks");
  // Every element of a block has the block's: [.., n, ..] -> [.., n, block, ..] -> [.., n * block, ..].
  SmallVector<AffineExpr> split(n.getShape(parameter)), merged(split);
  split.insert(split.begin() + axis + 1, n.constant(block));
  merged[axis] = n.math().simplify(merged[axis] * block);
  Value wide = n.builder.broadcast(n.builder.unsqueeze(parameter, {axis + 1}), split);
  wide = n.builder.reshape(wide, merged);
  AffineExpr size = n.getShape(x)[axis];
  return merged[axis] == size ? wide : n.builder.sliceAxis(wide, axis, n.constant(0), size);
}

/// Range of an integer type.
std::pair<double, double> getLimits(Type type) {
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.getWidth() > 32 || integer.getWidth() == 1)
    throw ImportError("only integers of 8 to 32 bits are supported");
  const double size = double(int64_t(1) << integer.getWidth());
  return integer.isUnsigned() ? std::pair(0.0, size - 1) : std::pair(-size / 2, size / 2 - 1);
}

} // namespace

Value quantizeLinear(Node &n, Value x, Value scale, Value zero, Type type) {
  auto [low, high] = getLimits(type);
  Type f32 = n.builder.getBuilder().getF32Type();
  Value y = n.make<nn::RoundOp>(n.div(n.builder.convert(x, f32), n.builder.convert(scale, f32)));
  if (zero)
    y = n.add(y, n.builder.convert(zero, f32));
  y = n.make<nn::MaxOp>(y, n.builder.scalar(low, f32));
  y = n.make<nn::MinOp>(y, n.builder.scalar(high, f32));
  return n.builder.convert(y, type);
}

namespace {

/// (x - zero) * scale, in the scale's type.
Value dequantize(Node &n, Value x, Value scale, Value zero) {
  Type element = n.getElement(scale);
  Value y = n.builder.convert(x, element);
  if (zero)
    y = n.sub(y, n.builder.convert(zero, element));
  return n.mul(y, scale);
}

Results importQuantizeLinear(Node &n) {
  Value x = n.in(0), scale = spread(n, n.in(1), x), zero = n.has(2) ? spread(n, n.in(2), x) : Value();
  const int64_t dtype = n.getInt("output_dtype", 0);
  Type type = zero    ? n.getElement(zero)
              : dtype ? n.getType(dtype)
                      : Type(n.builder.getBuilder().getIntegerType(8, false));
  return quantizeLinear(n, x, scale, zero, type);
}

Results importDequantizeLinear(Node &n) {
  Value x = n.in(0);
  Value y = dequantize(n, x, spread(n, n.in(1), x), n.has(2) ? spread(n, n.in(2), x) : Value());
  const int64_t dtype = n.getInt("output_dtype", 0);
  return dtype ? n.builder.convert(y, n.getType(dtype)) : y;
}

Results importMatMulInteger(Node &n) {
  Type i32 = n.builder.getBuilder().getI32Type();
  Value a = n.builder.convert(n.in(0), i32), b = n.builder.convert(n.in(1), i32);
  if (n.has(2)) { // a scalar or one per row
    Value zero = n.builder.convert(n.in(2), i32);
    a = n.sub(a, n.getRank(zero) == 1 ? n.builder.unsqueeze(zero, {1}) : zero);
  }
  if (n.has(3))
    b = n.sub(b, n.builder.convert(n.in(3), i32));
  return matmulLikeNumpy(n, a, b);
}

Results importQLinearMatMul(Node &n) {
  auto wide = [&](unsigned first, bool rows) {
    Value scale = n.in(first + 1), zero = n.in(first + 2);
    if (rows && n.getRank(scale) == 1)
      scale = n.builder.unsqueeze(scale, {1});
    if (rows && n.getRank(zero) == 1)
      zero = n.builder.unsqueeze(zero, {1});
    return dequantize(n, n.in(first), scale, zero);
  };
  Value y = matmulLikeNumpy(n, wide(0, true), wide(3, false));
  return quantizeLinear(n, y, n.in(6), n.in(7), n.getElement(n.in(7)));
}
} // namespace

void addQuantizationOps(OpTable &t) {
  t.add("QuantizeLinear", importQuantizeLinear);
  t.add("DequantizeLinear", importDequantizeLinear);
  t.add("MatMulInteger", importMatMulInteger);
  t.add("QLinearMatMul", importQLinearMatMul);
}
} // namespace aicc::onnx_import
