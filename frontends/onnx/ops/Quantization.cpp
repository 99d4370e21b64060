// Linear quantization, written out in float arithmetic; integer kernels are the passes' matter.

#include "dialects/nn/Formats.h"
#include "frontends/onnx/Node.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

/// A scale or zero point, per tensor, per axis or per block, broadcast against `x`.
Value spread(Node &n, Value parameter, Value x) {
  const int64_t rank = n.getRank(x), block = n.getInt("block_size", 0);
  if (n.getRank(parameter) == 0 || (n.getRank(parameter) == 1 && n.getShape(parameter)[0] == n.constant(1)))
    return n.builder.reshape(parameter, {});
  if (rank == 1 && n.getRank(parameter) == 1 && !block) // broadcasts, whether it is one or many
    return parameter;
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
  unsigned width = 0;
  bool isUnsigned = type.isUnsignedInteger();
  if (auto narrow = dyn_cast<nn::NarrowType>(type); narrow && nn::isIntegerFormat(narrow.getFormat())) {
    width = nn::getCodeBits(narrow.getFormat());
    isUnsigned = narrow.getFormat() == nn::Format::ui4 || narrow.getFormat() == nn::Format::ui2;
  } else if (auto integer = dyn_cast<IntegerType>(type)) {
    width = integer.getWidth();
  }
  if (width < 2 || width > 32)
    throw ImportError("only integers of 2 to 32 bits and floats of up to 8 bits are supported");
  const double size = double(int64_t(1) << width);
  return isUnsigned ? std::pair(0.0, size - 1) : std::pair(-size / 2, size / 2 - 1);
}

/// The element type as one of arithmetic.
Type asFloat(Node &n, Type type) {
  return isa<FloatType>(type) ? type : Type(n.builder.getBuilder().getF32Type());
}

} // namespace

Value saturateQuantized(Node &n, Value y, Value zero, Type type, bool saturate) {
  Type f32 = n.builder.getBuilder().getF32Type();
  auto narrow = dyn_cast<nn::NarrowType>(type);
  if (narrow && !nn::isIntegerFormat(narrow.getFormat())) {
    // Floats of 8 bits are given for their type alone: all zero points are 0.
    if (zero && nn::getCodeBits(narrow.getFormat()) < 8)
      y = n.add(n.builder.convert(y, f32), n.builder.convert(zero, f32));
    return n.builder.convert(y, type, saturate);
  }
  auto [low, high] = getLimits(type);
  y = n.make<nn::RoundOp>(n.builder.convert(y, f32));
  if (zero)
    y = n.add(y, n.builder.convert(zero, f32));
  y = n.make<nn::MaxOp>(y, n.builder.scalar(low, f32));
  y = n.make<nn::MinOp>(y, n.builder.scalar(high, f32));
  return n.builder.convert(y, type);
}

namespace {

/// x - zero in a type that holds it exactly; products and sums of 8-bit ones are exact, too, where it is i32.
Value center(Node &n, Value x, Value zero, Type type) {
  x = n.builder.convert(x, type);
  return zero ? n.sub(x, n.builder.convert(zero, type)) : x;
}

Results importQuantizeLinear(Node &n) {
  Value x = n.in(0), scale = spread(n, n.in(1), x), zero = n.has(2) ? spread(n, n.in(2), x) : Value();
  const int64_t dtype = n.getInt("output_dtype", 0), precision = n.getInt("precision", 0);
  Type type = zero    ? n.getElement(zero)
              : dtype ? n.getType(dtype)
                      : Type(n.builder.getBuilder().getIntegerType(8, false));
  // The division is done in the scale's type, or what is asked for.
  Type element = asFloat(n, precision ? n.getType(precision) : n.getElement(scale));
  Value y = n.div(n.builder.convert(x, element), n.builder.convert(scale, element));
  return saturateQuantized(n, y, zero, type, n.getInt("saturate", 1) != 0);
}

Results importDequantizeLinear(Node &n) {
  Value x = n.in(0), scale = spread(n, n.in(1), x), zero = n.has(2) ? spread(n, n.in(2), x) : Value();
  const int64_t dtype = n.getInt("output_dtype", 0);
  Type type = dtype ? n.getType(dtype) : n.getElement(scale);
  // In f32 and rounded once, or in f64.
  Type element = type.isF64() ? type : Type(n.builder.getBuilder().getF32Type());
  Value y = n.mul(center(n, x, zero, element), n.builder.convert(scale, element));
  return n.builder.convert(y, type);
}

/// A parameter of the left operand: one, or one for each row.
Value perRow(Node &n, Value parameter, Value a) {
  const int64_t rank = n.getRank(parameter);
  if (rank == 1 && n.getRank(a) > 1 && n.getShape(parameter)[0] != n.constant(1))
    return n.builder.unsqueeze(parameter, {1});
  return rank <= 1 && n.getRank(a) <= 1 ? n.builder.reshape(parameter, {}) : parameter;
}

/// A parameter of the right operand: one, or one for each column.
Value perColumn(Node &n, Value parameter, Value b) {
  return n.getRank(b) <= 1 ? n.builder.reshape(parameter, {}) : parameter;
}

/// The product of integers, exact in i32, of inputs `a` and `b` with zero points of theirs, which may be
/// absent.
Value multiplyIntegers(Node &n, unsigned a, unsigned zeroA, unsigned b, unsigned zeroB) {
  Type i32 = n.builder.getBuilder().getI32Type();
  Value lhs = center(n, n.in(a), n.has(zeroA) ? perRow(n, n.in(zeroA), n.in(a)) : Value(), i32);
  Value rhs = center(n, n.in(b), n.has(zeroB) ? perColumn(n, n.in(zeroB), n.in(b)) : Value(), i32);
  return matmulLikeNumpy(n, lhs, rhs);
}

Results importMatMulInteger(Node &n) { return multiplyIntegers(n, 0, 2, 1, 3); }

/// Inputs a, scale, zero, b, scale, zero, scale, zero of the result.
Results importQLinearMatMul(Node &n) {
  Type f32 = n.builder.getBuilder().getF32Type();
  Value y = n.builder.convert(multiplyIntegers(n, 0, 2, 3, 5), f32);
  Value scale = n.mul(n.builder.convert(perRow(n, n.in(1), n.in(0)), f32),
                      n.builder.convert(perColumn(n, n.in(4), n.in(3)), f32));
  auto ofResult = [&](Value parameter) { // one, or one for each row
    return n.getRank(y) > 1 && n.getRank(parameter) == 1 ? perRow(n, parameter, y) : parameter;
  };
  scale = n.div(scale, n.builder.convert(ofResult(n.in(6)), f32));
  return saturateQuantized(n, n.mul(y, scale), ofResult(n.in(7)), n.getElement(n.in(7)));
}
} // namespace

void addQuantizationOps(OpTable &t) {
  t.add("QuantizeLinear", importQuantizeLinear);
  t.add("DequantizeLinear", importDequantizeLinear);
  t.add("MatMulInteger", importMatMulInteger);
  t.add("QLinearMatMul", importQLinearMatMul);
}
} // namespace aicc::onnx_import
