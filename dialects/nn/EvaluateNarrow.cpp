// Reference evaluation of what reads and writes codes of narrow numbers. One code at a time in double
// precision; payloads (EmitScalarNarrow.cpp) work on bits instead, so that each checks the other.

#include "dialects/nn/EvaluateSupport.h"
#include "dialects/nn/Formats.h"
#include <climits>
#include <cmath>
#include <limits>

using namespace mlir;

namespace aicc::nn {
using namespace detail;

const FloatFormat *getFloatFormat(Format format) {
  static constexpr FloatFormat f8E4M3FN{4, 3, 7, 0x7e, Specials::nan}, f8E5M2{5, 2, 15, 0x7b, Specials::ieee},
      f8E4M3FNUZ{4, 3, 8, 0x7f, Specials::zeroNan}, f8E5M2FNUZ{5, 2, 16, 0x7f, Specials::zeroNan},
      f6E2M3FN{2, 3, 1, 0x1f, Specials::none}, f6E3M2FN{3, 2, 3, 0x1f, Specials::none},
      f4E2M1FN{2, 1, 1, 0x7, Specials::none};
  switch (format) {
  case Format::f8E4M3FN:
    return &f8E4M3FN;
  case Format::f8E4M3FNUZ:
    return &f8E4M3FNUZ;
  case Format::f8E5M2:
    return &f8E5M2;
  case Format::f8E5M2FNUZ:
    return &f8E5M2FNUZ;
  case Format::f6E2M3FN:
    return &f6E2M3FN;
  case Format::f6E3M2FN:
    return &f6E3M2FN;
  case Format::f4E2M1FN:
    return &f4E2M1FN;
  default:
    return nullptr;
  }
}

bool isIntegerFormat(Format format) {
  return format == Format::i4 || format == Format::ui4 || format == Format::i2 || format == Format::ui2;
}

unsigned getCodeBits(Format format) {
  if (const FloatFormat *floats = getFloatFormat(format))
    return floats->getMagnitudeBits() + 1;
  return format == Format::i2 || format == Format::ui2 ? 2 : isIntegerFormat(format) ? 4 : 8;
}

float decodeFloat(Format format, uint8_t code) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(),
                  infinity = std::numeric_limits<float>::infinity();
  if (format == Format::f8E8M0FNU)
    return code == 255 ? nan : std::ldexp(1.0f, int(code) - 127);
  const FloatFormat &f = *getFloatFormat(format);
  const unsigned sign = 1u << f.getMagnitudeBits(), magnitude = code & (sign - 1);
  const unsigned field = magnitude >> f.mantissaBits, mantissa = magnitude & ((1u << f.mantissaBits) - 1);
  float value =
      field ? std::ldexp(float(mantissa + (1u << f.mantissaBits)), int(field) - f.bias - int(f.mantissaBits))
            : std::ldexp(float(mantissa), 1 - f.bias - int(f.mantissaBits));
  if (magnitude > f.maxFinite)
    value = f.specials == Specials::ieee && mantissa == 0 ? infinity : nan;
  if (!(code & sign))
    return value;
  return f.specials == Specials::zeroNan && magnitude == 0 ? nan : -value;
}

static uint8_t encodeScale(double value, bool saturate, ScaleRounding rounding) {
  value = std::abs(float(value));
  if (std::isnan(value))
    return 255;
  if (value < 0x1p-127)
    return saturate ? 0 : 255;
  const uint8_t tooLarge = saturate ? 254 : 255;
  if (std::isinf(value))
    return tooLarge;
  const int exponent = std::ilogb(value);
  const double fraction = std::ldexp(value, -exponent);
  const bool up =
      rounding == ScaleRounding::up ? fraction > 1 : rounding == ScaleRounding::nearest && fraction >= 1.5;
  return std::min<int>(exponent + 127 + up, tooLarge);
}

uint8_t encodeFloat(Format format, double value, bool saturate, ScaleRounding rounding) {
  if (format == Format::f8E8M0FNU)
    return encodeScale(value, saturate, rounding);
  const FloatFormat &f = *getFloatFormat(format);
  const unsigned signBit = 1u << f.getMagnitudeBits(), sign = std::signbit(value) ? signBit : 0;
  if (std::isnan(value)) {
    if (f.specials == Specials::none || f.specials == Specials::zeroNan)
      return signBit;
    return (f.specials == Specials::nan ? 0x7f : 0x7e) | sign;
  }
  const double magnitude = std::abs(value);
  unsigned code = f.maxFinite + 1; // of all that is too large
  if (magnitude < 0x1p64) {
    const int exponent = std::max(magnitude == 0 ? INT_MIN : std::ilogb(magnitude), 1 - f.bias);
    // A mantissa that rounds up to the next power of two carries into the exponent by itself.
    const double units = std::nearbyint(std::ldexp(magnitude, int(f.mantissaBits) - exponent));
    code = std::min(unsigned(units) + (unsigned(exponent + f.bias - 1) << f.mantissaBits), f.maxFinite + 1);
  }
  if (code > f.maxFinite) {
    if (saturate || f.specials == Specials::none)
      return f.maxFinite | sign;
    return f.specials == Specials::zeroNan ? signBit
           : f.specials == Specials::nan   ? 0x7f | sign
                                           : code | sign;
  }
  return f.specials == Specials::zeroNan && code == 0 ? 0 : code | sign;
}

LogicalResult BitcastOp::evaluate(EvalContext &ctx, ArrayRef<Tensor> operands,
                                  SmallVectorImpl<Tensor> &results) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  results.push_back(operands[0].recast(type->getElementType()));
  return success();
}

LogicalResult DecodeOp::evaluate(EvalContext &ctx, ArrayRef<Tensor> operands,
                                 SmallVectorImpl<Tensor> &results) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  float table[256];
  for (unsigned code = 0; code < 256; ++code)
    table[code] = decodeFloat(getFormat(), uint8_t(code));
  Tensor result(*type);
  char *to = result.getMutableBytes().data();
  for (char code : operands[0].getBytes()) {
    std::memcpy(to, &table[uint8_t(code)], sizeof(float));
    to += sizeof(float);
  }
  results.push_back(result);
  return success();
}

LogicalResult EncodeOp::evaluate(EvalContext &ctx, ArrayRef<Tensor> operands,
                                 SmallVectorImpl<Tensor> &results) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  Tensor result(*type);
  char *to = result.getMutableBytes().data();
  for (double value : loadAll<double>(operands[0]))
    *to++ = char(encodeFloat(getFormat(), value, getSaturate(), getRounding()));
  results.push_back(result);
  return success();
}

} // namespace aicc::nn
