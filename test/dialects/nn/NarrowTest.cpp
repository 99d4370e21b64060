// Codes of narrow floats, all 256 of each format: their values against the formats' definitions read off as
// bits, and the code of a number against a search for the nearest value. Payloads are compared with the same
// in EmitScalarTest.

#include "EvaluateTestSupport.h"
#include "NarrowSamples.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace aicc::nn;
using namespace aicc::nn::test;

namespace {

/// What a format's paper says: exponent and mantissa bits, bias, and which codes (without sign) are special.
struct Definition {
  Format format;
  int exponent, mantissa, bias;
  int firstInfinity, firstNan; // 256: none
  bool zeroNan;
};
constexpr Definition definitions[] = {
    {Format::f8E4M3FN, 4, 3, 7, 256, 0x7f, false}, {Format::f8E4M3FNUZ, 4, 3, 8, 256, 256, true},
    {Format::f8E5M2, 5, 2, 15, 0x7c, 0x7d, false}, {Format::f8E5M2FNUZ, 5, 2, 16, 256, 256, true},
    {Format::f6E2M3FN, 2, 3, 1, 256, 256, false},  {Format::f6E3M2FN, 3, 2, 3, 256, 256, false},
    {Format::f4E2M1FN, 2, 1, 1, 256, 256, false}};

/// Counted up: the mantissas of one exponent have steps twice those of the one before, the first two
/// exponents the same.
std::vector<double> countUp(const Definition &d) {
  std::vector<double> values;
  double value = 0, step = std::pow(2.0, 1 - d.bias - d.mantissa);
  for (int exponent = 0; exponent < 1 << d.exponent; ++exponent) {
    for (int mantissa = 0; mantissa < 1 << d.mantissa; ++mantissa) {
      values.push_back(value);
      value += step;
    }
    if (exponent > 0)
      step *= 2;
  }
  return values;
}

TEST(Narrow, ValuesOfAllCodes) {
  for (const Definition &d : definitions) {
    SCOPED_TRACE(stringifyFormat(d.format).str());
    std::vector<double> values = countUp(d);
    const int half = int(values.size());
    for (int code = 0; code < 256; ++code) {
      const int magnitude = code % half;
      const bool negative = code / half % 2;
      const double value = decodeFloat(d.format, uint8_t(code));
      if (magnitude >= d.firstNan || (d.zeroNan && negative && magnitude == 0)) {
        EXPECT_TRUE(std::isnan(value)) << code;
        continue;
      }
      const double expected = magnitude >= d.firstInfinity ? infinity : values[magnitude];
      EXPECT_EQ(value, negative ? -expected : expected) << code;
      EXPECT_EQ(std::signbit(value), negative) << code;
    }
  }
  EXPECT_EQ(decodeFloat(Format::f8E4M3FN, 0x7e), 448);
  EXPECT_EQ(decodeFloat(Format::f8E4M3FNUZ, 0x7f), 240);
  EXPECT_EQ(decodeFloat(Format::f8E5M2, 0x7b), 57344);
  EXPECT_EQ(decodeFloat(Format::f8E5M2FNUZ, 0x7f), 57344);
  EXPECT_EQ(decodeFloat(Format::f4E2M1FN, 0x7), 6);
  for (int code = 0; code < 255; ++code)
    EXPECT_EQ(decodeFloat(Format::f8E8M0FNU, uint8_t(code)), std::pow(2.0, code - 127));
  EXPECT_TRUE(std::isnan(decodeFloat(Format::f8E8M0FNU, 255)));
}

/// The code by search among all finite values and, where numbers may overflow, the one that would come next.
int findCode(const Definition &d, double number, bool saturate) {
  std::vector<double> values = countUp(d);
  const int half = int(values.size()), sign = std::signbit(number) ? half : 0;
  const int finite = std::min({half, d.firstInfinity, d.firstNan});
  const bool hasSpecials = d.firstNan < 256 || d.zeroNan;
  if (std::isnan(number))
    return d.firstInfinity < 256 ? 0x7e | sign : d.firstNan < 256 ? d.firstNan | sign : half;
  const double next = values[finite - 1] + (values[finite - 1] - values[finite - 2]);
  int best = 0;
  for (int code = 0; code <= finite; ++code) {
    const double value = code < finite ? values[code] : next;
    const double distance = std::fabs(value - std::fabs(number)),
                 least = std::fabs((best < finite ? values[best] : next) - std::fabs(number));
    if (distance < least || (distance == least && code % 2 == 0) || std::fabs(number) > next)
      best = code;
  }
  if (best == finite) {
    if (saturate || !hasSpecials)
      return (finite - 1) | sign;
    return d.zeroNan ? half : (d.firstInfinity < 256 ? d.firstInfinity : d.firstNan) | sign;
  }
  return d.zeroNan && best == 0 ? 0 : best | sign;
}

TEST(Narrow, CodesOfNumbers) {
  for (const Definition &d : definitions)
    for (bool saturate : {true, false}) {
      SCOPED_TRACE(stringifyFormat(d.format).str() + (saturate ? ", saturates" : ""));
      for (double number : getNarrowSamples(d.format))
        EXPECT_EQ(encodeFloat(d.format, number, saturate, ScaleRounding::up), findCode(d, number, saturate))
            << number;
      for (int code = 0; code < 1 << getCodeBits(d.format); ++code)
        if (double value = decodeFloat(d.format, uint8_t(code)); std::isfinite(value))
          EXPECT_EQ(encodeFloat(d.format, value, saturate, ScaleRounding::up), code);
    }
}

TEST(Narrow, CodesOfScales) {
  auto encode = [](double value, ScaleRounding rounding, bool saturate = true) {
    return int(encodeFloat(Format::f8E8M0FNU, value, saturate, rounding));
  };
  for (int code = 0; code < 255; ++code) {
    const double value = std::pow(2.0, code - 127);
    for (ScaleRounding rounding : {ScaleRounding::up, ScaleRounding::down, ScaleRounding::nearest})
      EXPECT_EQ(encode(value, rounding), code);
    if (code == 254)
      break;
    EXPECT_EQ(encode(value * 1.25, ScaleRounding::up), code + 1);
    EXPECT_EQ(encode(value * 1.75, ScaleRounding::down), code);
    EXPECT_EQ(encode(value * 1.25, ScaleRounding::nearest), code);
    EXPECT_EQ(encode(value * 1.5, ScaleRounding::nearest), code + 1);
  }
  for (bool saturate : {true, false}) {
    EXPECT_EQ(encode(0, ScaleRounding::up, saturate), saturate ? 0 : 255);
    EXPECT_EQ(encode(infinity, ScaleRounding::nearest, saturate), saturate ? 254 : 255);
    EXPECT_EQ(encode(0x1.8p127, ScaleRounding::up, saturate), saturate ? 254 : 255);
    EXPECT_EQ(encode(0x1.8p127, ScaleRounding::down, saturate), 254);
    EXPECT_EQ(encode(notANumber, ScaleRounding::up, saturate), 255);
  }
  EXPECT_EQ(encode(-3, ScaleRounding::up), 129);
}

TEST(Narrow, Operations) {
  const std::string codes = constant("c", "[0, 56, 126, 127, 184, 1]", "6xui8");
  check(codes + "%0 = nn.decode %c {format = #nn.format<f8E4M3FN>} : (tensor<6xui8>) -> tensor<6xf32>",
        {{0, 1, 448, notANumber, -1, 0x1p-9}});
  const std::string numbers = constant("x", "[0.0, 1.0, 1.0625, 1000.0, -1.0, 0.002]", "6xf32");
  check(numbers + "%0 = nn.encode %x {format = #nn.format<f8E4M3FN>} : (tensor<6xf32>) -> tensor<6xui8>",
        {{0, 56, 56, 126, 184, 1}});
  check(numbers + "%0 = nn.encode %x {format = #nn.format<f8E4M3FN>, saturate = false} : (tensor<6xf32>) -> "
                  "tensor<6xui8>",
        {{0, 56, 56, 127, 184, 1}});
  check(constant("i", "[1065353216, -2147483648]", "2xi32") +
            "%0 = nn.bitcast %i {to = f32} : (tensor<2xi32>) -> tensor<2xf32>",
        {{1, -0.0}});
  // Codes are moved as they are.
  check(codes + "%n = nn.bitcast %c {to = !nn.narrow<f4E2M1FN>} : (tensor<6xui8>) -> "
                "tensor<6x!nn.narrow<f4E2M1FN>>\n"
                "%r = nn.reshape %n {shape = affine_map<() -> (2, 3)>} : (tensor<6x!nn.narrow<f4E2M1FN>>) -> "
                "tensor<2x3x!nn.narrow<f4E2M1FN>>\n"
                "%t = nn.transpose %r {perm = array<i64: 1, 0>} : (tensor<2x3x!nn.narrow<f4E2M1FN>>) -> "
                "tensor<3x2x!nn.narrow<f4E2M1FN>>\n"
                "%0 = nn.bitcast %t {to = ui8} : (tensor<3x2x!nn.narrow<f4E2M1FN>>) -> tensor<3x2xui8>",
        {{0, 127, 56, 184, 126, 1}});
}

TEST(Narrow, ConstantsKeepTheirType) {
  MLIRContext &context = getContext();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  Tensor tensor(RankedTensorType::get({3}, NarrowType::get(&context, Format::i4)));
  for (int i = 0; i < 3; ++i)
    tensor.setInt(i, 5 * i);
  Value value = makeConstant(builder, builder.getUnknownLoc(), tensor);
  EXPECT_EQ(value.getType(), tensor.getType());
  Tensor again = getConstant(value);
  ASSERT_TRUE(bool(again));
  EXPECT_EQ(again.getType(), tensor.getType());
  EXPECT_EQ(again.getInt(2), 10);
}
} // namespace
