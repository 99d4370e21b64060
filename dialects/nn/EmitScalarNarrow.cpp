// Payloads of what reads and writes codes of narrow numbers: integer arithmetic on the bits of the code and
// of the float, for no target has instructions for all formats. Subnormals go through one exact float
// operation on normal numbers, so that devices that flush subnormals agree.

#include "dialects/nn/EmitScalar.h"
#include "dialects/nn/Formats.h"
#include <cmath>

using namespace mlir;
using namespace aicc::nn;
using IntPredicate = arith::CmpIPredicate;

Value BitcastOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  auto scalarOf = [&](Type element) -> Type {
    if (auto integer = dyn_cast<IntegerType>(element))
      return builder.getIntegerType(integer.getWidth());
    return isa<NarrowType>(element) ? Type(builder.getI8Type()) : element;
  };
  Type to = scalarOf(getTo());
  if (to == getElementTypeOrSelf(args[0].getType()))
    return args[0];
  return builder.create<arith::BitcastOp>(loc, withElement(args[0].getType(), to), args[0]);
}

/// Bits of f32 to f32.
static Value toFloat(ScalarBuilder &b, Value bits) {
  return b.convert<arith::BitcastOp>(bits, b.builder.getF32Type());
}

static Value decodeScale(ScalarBuilder &b, Value code) {
  Value bits = b.i<arith::ShLIOp>(code, b.integer(code, 23));
  bits = b.select(b.compare(IntPredicate::eq, code, 0), b.integer(code, 1 << 22), bits); // 2^-127
  return toFloat(b, b.select(b.compare(IntPredicate::eq, code, 255), b.integer(code, 0x7fc00000), bits));
}

Value DecodeOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  Value code = b.convert<arith::ExtUIOp>(args[0], builder.getI32Type());
  if (getFormat() == Format::f8E8M0FNU)
    return decodeScale(b, code);
  const FloatFormat &f = *getFloatFormat(getFormat());
  const unsigned bits = f.getMagnitudeBits();
  Value magnitude = b.i<arith::AndIOp>(code, b.integer(code, (1 << bits) - 1));
  Value sign =
      b.i<arith::AndIOp>(b.i<arith::ShLIOp>(code, b.integer(code, 31 - bits)), b.integer(code, INT32_MIN));
  Value normal = b.i<arith::ShLIOp>(magnitude, b.integer(code, 23 - f.mantissaBits));
  normal = b.i<arith::AddIOp>(normal, b.integer(code, int64_t(127 - f.bias) << 23));
  // Multiples of the smallest subnormal.
  Value units = b.convert<arith::SIToFPOp>(magnitude, builder.getF32Type());
  Value subnormal = b.convert<arith::BitcastOp>(
      b.mul(units, std::ldexp(1.0, 1 - f.bias - int(f.mantissaBits))), builder.getI32Type());
  Value isSubnormal = b.compare(IntPredicate::slt, magnitude, int64_t(1) << f.mantissaBits);
  Value result = b.i<arith::OrIOp>(b.select(isSubnormal, subnormal, normal), sign);
  Value nan = b.i<arith::OrIOp>(b.integer(code, 0x7fc00000), sign);
  if (f.specials == Specials::zeroNan)
    result =
        b.select(b.compare(IntPredicate::eq, code, int64_t(1) << bits), b.integer(code, 0x7fc00000), result);
  else if (f.specials == Specials::nan)
    result = b.select(b.compare(IntPredicate::sgt, magnitude, f.maxFinite), nan, result);
  else if (f.specials == Specials::ieee) {
    Value infinity = b.i<arith::OrIOp>(b.integer(code, 0x7f800000), sign);
    result = b.select(b.compare(IntPredicate::sgt, magnitude, f.maxFinite), infinity, result);
    result = b.select(b.compare(IntPredicate::sgt, magnitude, f.maxFinite + 1), nan, result);
  }
  return toFloat(b, result);
}

/// `bits` are those of |x| in f32.
static Value encodeScale(ScalarBuilder &b, Value bits, bool saturate, ScaleRounding rounding) {
  constexpr int64_t one = 1 << 23, half = 1 << 22, infinity = 0x7f800000;
  // What is added before the mantissa is cut off. Below 2^-126 the codes' steps are other than the
  // exponent's.
  const int64_t bias = rounding == ScaleRounding::up        ? one - 1
                       : rounding == ScaleRounding::nearest ? half
                                                            : 0;
  Value code = b.i<arith::ShRUIOp>(b.i<arith::AddIOp>(bits, b.integer(bits, bias)), b.integer(bits, 23));
  Value isSmall = b.compare(IntPredicate::slt, bits, one);
  if (rounding != ScaleRounding::down) {
    Value roundsUp =
        b.compare(IntPredicate::sge, bits, rounding == ScaleRounding::up ? half + 1 : half + half / 2);
    code = b.select(isSmall, b.select(roundsUp, b.integer(bits, 1), b.integer(bits, 0)), code);
  }
  Value tooLarge = b.compare(IntPredicate::sgt, code, 254);
  code = b.select(tooLarge, b.integer(bits, saturate ? 254 : 255), code);
  if (!saturate)
    code = b.select(b.compare(IntPredicate::slt, bits, half), b.integer(bits, 255), code);
  return b.select(b.compare(IntPredicate::sgt, bits, infinity), b.integer(bits, 255), code);
}

Value EncodeOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  Value x = args[0];
  bool isWide = tensorElement(getInput()).isF64();
  if (getFormat() == Format::f8E8M0FNU && isWide) {
    x = b.convert<arith::TruncFOp>(x, builder.getF32Type());
    isWide = false;
  }
  const int mantissa = isWide ? 52 : 23, bias = isWide ? 1023 : 127, width = isWide ? 64 : 32;
  Type integer = builder.getIntegerType(width);
  Value bits = b.convert<arith::BitcastOp>(x, integer);
  const int64_t signBit = isWide ? INT64_MIN : INT32_MIN;
  Value magnitude = b.i<arith::AndIOp>(bits, b.integer(bits, ~signBit));
  auto number = [&](int64_t value) { return b.integer(bits, value); };
  auto narrow = [&](Value code) { return b.convert<arith::TruncIOp>(code, builder.getI8Type()); };
  if (getFormat() == Format::f8E8M0FNU)
    return narrow(encodeScale(b, magnitude, getSaturate(), getRounding()));

  const FloatFormat &f = *getFloatFormat(getFormat());
  const int dropped = mantissa - int(f.mantissaBits);
  const int64_t codeSign = int64_t(1) << f.getMagnitudeBits();
  Value sign = b.i<arith::ShRUIOp>(b.i<arith::AndIOp>(bits, number(signBit)),
                                   number(width - 1 - f.getMagnitudeBits()));
  // Normal numbers: the difference of the biases, and half of what is cut off, a tie only where the last bit
  // is odd.
  Value odd = b.i<arith::AndIOp>(b.i<arith::ShRUIOp>(magnitude, number(dropped)), number(1));
  const int64_t rounding = (int64_t(1) << (dropped - 1)) - 1 - (int64_t(bias - f.bias) << mantissa);
  Value normal = b.i<arith::AddIOp>(b.i<arith::AddIOp>(magnitude, number(rounding)), odd);
  normal = b.i<arith::ShRUIOp>(normal, number(dropped));
  // Below them: added to a number whose last bit has the weight of the smallest subnormal.
  const int64_t anchor = int64_t(bias + 1 - f.bias + dropped) << mantissa;
  Value shifted = b.convert<arith::BitcastOp>(magnitude, getElementTypeOrSelf(x.getType()));
  Value anchorValue = b.convert<arith::BitcastOp>(number(anchor), getElementTypeOrSelf(x.getType()));
  Value sum = b.convert<arith::BitcastOp>(b.add(shifted, anchorValue), integer);
  Value subnormal = b.i<arith::SubIOp>(sum, number(anchor));
  Value isSubnormal = b.compare(IntPredicate::slt, magnitude, int64_t(bias + 1 - f.bias) << mantissa);
  Value code = b.select(isSubnormal, subnormal, normal);

  const bool finite = getSaturate() || f.specials == Specials::none;
  const int64_t beyond = finite                            ? int64_t(f.maxFinite)
                         : f.specials == Specials::ieee    ? int64_t(f.maxFinite) + 1
                         : f.specials == Specials::zeroNan ? 0
                                                           : 0x7f;
  Value tooLarge = b.compare(IntPredicate::sgt, code, f.maxFinite);
  code = b.select(tooLarge, number(beyond), code);
  Value isNan = b.compare(IntPredicate::sgt, magnitude, isWide ? 0x7ff0000000000000 : 0x7f800000);
  if (f.specials == Specials::zeroNan) {
    // Zeros have no sign; with it they are NaN.
    sign = b.select(b.compare(IntPredicate::eq, code, 0), number(0), sign);
    if (!finite)
      sign = b.select(tooLarge, number(codeSign), sign);
  }
  code = b.i<arith::OrIOp>(code, sign);
  Value nan = number(codeSign);
  if (f.specials == Specials::nan || f.specials == Specials::ieee)
    nan = b.i<arith::OrIOp>(number(f.specials == Specials::nan ? 0x7f : 0x7e), sign);
  return narrow(b.select(isNan, nan, code));
}
