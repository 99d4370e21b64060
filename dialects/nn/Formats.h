// Numbers coded in 8 bits or fewer: how each format is made, and conversion of single codes. Apart from the
// operations because importers, targets and tests need the formats without them.

#ifndef AICC_DIALECTS_NN_FORMATS_H
#define AICC_DIALECTS_NN_FORMATS_H

#include "dialects/nn/NN.h"

namespace aicc::nn {

/// What codes beyond the finite numbers stand for.
enum class Specials {
  none,   // nothing: all codes are finite
  nan,    // all bits set is NaN, of either sign; no infinities
  ieee,   // the largest exponent holds infinities and NaN
  zeroNan // the code of -0 is NaN; there is no -0
};

/// A float with a sign: exponent and mantissa bits, the exponent's bias, the code of the largest number.
struct FloatFormat {
  unsigned exponentBits, mantissaBits;
  int bias;
  unsigned maxFinite;
  Specials specials;
  /// Bits without the sign, which is the bit above.
  unsigned getMagnitudeBits() const { return exponentBits + mantissaBits; }
};

/// Argument and result attribute of functions that move codes: the element type that callers see.
constexpr llvm::StringLiteral elementAttrName = "nn.element";

/// The format's layout; null for integers and for f8E8M0FNU, which is an exponent alone (bias 127, 255 is
/// NaN).
const FloatFormat *getFloatFormat(Format format);
bool isIntegerFormat(Format format);
/// The element type in messages: "f32", "ui8", "f8E4M3FN".
std::string getElementName(mlir::Type element);
/// Bits of a code: 2, 4, 6 or 8.
unsigned getCodeBits(Format format);
/// The value of a code of a float; bits above the format's are ignored.
float decodeFloat(Format format, uint8_t code);
/// The code of a number as nn.encode defines it.
uint8_t encodeFloat(Format format, double value, bool saturate, ScaleRounding rounding);

} // namespace aicc::nn

#endif
