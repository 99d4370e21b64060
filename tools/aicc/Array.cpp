// Elements and texts of arrays. Files are in Npy.cpp.

#include "tools/aicc/Array.h"

#include <cmath>
#include <cstring>

namespace aicc::tool {

Array::Array(aicc_element_type type, std::vector<int64_t> dims) : type(type), dims(std::move(dims)) {
  bytes.resize(static_cast<size_t>(size()) * aicc_element_type_bits(type) / 8);
}

int64_t Array::size() const {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= dim;
  return count;
}

static bool isNarrowInteger(aicc_element_type type) { return type >= AICC_TYPE_I4 && type <= AICC_TYPE_U2; }

bool isNarrow(aicc_element_type type) { return type >= AICC_TYPE_F8E4M3FN && type <= AICC_TYPE_F6E3M2FN; }

bool isFloat(aicc_element_type type) {
  return type == AICC_TYPE_F64 || type == AICC_TYPE_F32 || type == AICC_TYPE_F16 || type == AICC_TYPE_BF16 ||
         (isNarrow(type) && !isNarrowInteger(type));
}

static float bitsToFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

static uint32_t floatToBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static double halfToDouble(uint16_t half) {
  int exponent = (half >> 10) & 31, mantissa = half & 1023;
  double value = exponent == 31  ? (mantissa ? NAN : INFINITY)
                 : exponent == 0 ? std::ldexp(mantissa, -24)
                                 : std::ldexp(mantissa + 1024, exponent - 25);
  return half & 0x8000 ? -value : value;
}

static uint16_t doubleToHalf(double value) {
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  value = std::fabs(value);
  if (std::isnan(value))
    return sign | 0x7e00;
  if (value >= 65520)
    return sign | 0x7c00;
  int exponent = value < std::ldexp(1, -14) ? -14 : std::ilogb(value);
  // Units of the last place, rounded to even; a carry moves into the exponent by itself.
  auto units = static_cast<uint32_t>(std::nearbyint(std::ldexp(value, 10 - exponent)));
  return sign | static_cast<uint16_t>(units + (static_cast<uint32_t>(exponent + 14) << 10));
}

static uint16_t doubleToBrain(double value) {
  uint32_t bits = floatToBits(static_cast<float>(value));
  if ((bits & 0x7fffffff) > 0x7f800000)
    return static_cast<uint16_t>(bits >> 16) | 0x40;
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// The value of a code, by the formats' definitions.
static double decode(aicc_element_type type, uint8_t code) {
  if (isNarrowInteger(type)) {
    int bits = type == AICC_TYPE_I4 || type == AICC_TYPE_U4 ? 4 : 2, value = code & ((1 << bits) - 1);
    bool isSigned = type == AICC_TYPE_I4 || type == AICC_TYPE_I2;
    return isSigned && value >> (bits - 1) ? value - (1 << bits) : value;
  }
  if (type == AICC_TYPE_F8E8M0FNU)
    return code == 255 ? NAN : std::ldexp(1, code - 127);
  struct Format {
    aicc_element_type type;
    int exponent, mantissa, bias;
  };
  static constexpr Format formats[] = {{AICC_TYPE_F8E4M3FN, 4, 3, 7},   {AICC_TYPE_F8E5M2, 5, 2, 15},
                                       {AICC_TYPE_F8E4M3FNUZ, 4, 3, 8}, {AICC_TYPE_F8E5M2FNUZ, 5, 2, 16},
                                       {AICC_TYPE_F4E2M1FN, 2, 1, 1},   {AICC_TYPE_F6E2M3FN, 2, 3, 1},
                                       {AICC_TYPE_F6E3M2FN, 3, 2, 3}};
  for (const Format &f : formats) {
    if (f.type != type)
      continue;
    int sign = code >> (f.exponent + f.mantissa) & 1, exponent = code >> f.mantissa & ((1 << f.exponent) - 1);
    int mantissa = code & ((1 << f.mantissa) - 1);
    bool zeroIsNan = type == AICC_TYPE_F8E4M3FNUZ || type == AICC_TYPE_F8E5M2FNUZ;
    if ((zeroIsNan && code == 0x80) || (type == AICC_TYPE_F8E4M3FN && (code & 0x7f) == 0x7f) ||
        (type == AICC_TYPE_F8E5M2 && exponent == 31 && mantissa))
      return NAN;
    double value = type == AICC_TYPE_F8E5M2 && exponent == 31 ? INFINITY
                   : exponent ? std::ldexp(mantissa + (1 << f.mantissa), exponent - f.bias - f.mantissa)
                              : std::ldexp(mantissa, 1 - f.bias - f.mantissa);
    return sign ? -value : value;
  }
  return code;
}

/// The code whose value is nearest to the number.
static uint8_t encode(aicc_element_type type, double number) {
  uint8_t best = 0;
  double least = INFINITY;
  for (int code = 0; code < 256; ++code) {
    double distance = std::fabs(decode(type, static_cast<uint8_t>(code)) - number);
    if (distance < least) {
      least = distance;
      best = static_cast<uint8_t>(code);
    }
  }
  return best;
}

template <typename T> static T load(const char *from) {
  T value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}
template <typename T> static void store(char *to, double number) {
  T value = static_cast<T>(number);
  std::memcpy(to, &value, sizeof(value));
}

double Array::get(int64_t index) const {
  const char *from = bytes.data() + static_cast<size_t>(index) * aicc_element_type_bits(type) / 8;
  if (isNarrow(type))
    return decode(type, load<uint8_t>(from));
  switch (type) {
  case AICC_TYPE_F64:
    return load<double>(from);
  case AICC_TYPE_F32:
    return load<float>(from);
  case AICC_TYPE_F16:
    return halfToDouble(load<uint16_t>(from));
  case AICC_TYPE_BF16:
    return bitsToFloat(static_cast<uint32_t>(load<uint16_t>(from)) << 16);
  case AICC_TYPE_I64:
    return static_cast<double>(load<int64_t>(from));
  case AICC_TYPE_I32:
    return load<int32_t>(from);
  case AICC_TYPE_I16:
    return load<int16_t>(from);
  case AICC_TYPE_I8:
    return load<int8_t>(from);
  case AICC_TYPE_U64:
    return static_cast<double>(load<uint64_t>(from));
  case AICC_TYPE_U32:
    return load<uint32_t>(from);
  case AICC_TYPE_U16:
    return load<uint16_t>(from);
  default:
    return load<uint8_t>(from);
  }
}

void Array::set(int64_t index, double value) {
  char *to = bytes.data() + static_cast<size_t>(index) * aicc_element_type_bits(type) / 8;
  if (isNarrow(type)) {
    *to = static_cast<char>(encode(type, value));
    return;
  }
  switch (type) {
  case AICC_TYPE_F64:
    return store<double>(to, value);
  case AICC_TYPE_F32:
    return store<float>(to, value);
  case AICC_TYPE_F16: {
    uint16_t half = doubleToHalf(value);
    std::memcpy(to, &half, 2);
    return;
  }
  case AICC_TYPE_BF16: {
    uint16_t brain = doubleToBrain(value);
    std::memcpy(to, &brain, 2);
    return;
  }
  case AICC_TYPE_I64:
    return store<int64_t>(to, value);
  case AICC_TYPE_I32:
    return store<int32_t>(to, value);
  case AICC_TYPE_I16:
    return store<int16_t>(to, value);
  case AICC_TYPE_I8:
    return store<int8_t>(to, value);
  case AICC_TYPE_U64:
    return store<uint64_t>(to, value);
  case AICC_TYPE_U32:
    return store<uint32_t>(to, value);
  case AICC_TYPE_U16:
    return store<uint16_t>(to, value);
  case AICC_TYPE_BOOL:
    return store<uint8_t>(to, value != 0);
  default:
    return store<uint8_t>(to, value);
  }
}

std::string toText(aicc_element_type type, const std::vector<int64_t> &dims) {
  std::string text;
  for (int64_t dim : dims)
    text += (dim < 0 ? "?" : std::to_string(dim)) + "x";
  return text + aicc_element_type_name(type);
}

aicc_element_type parseType(const std::string &name) {
  for (int type = AICC_TYPE_F64; type <= AICC_TYPE_F6E3M2FN; ++type)
    if (name == aicc_element_type_name(static_cast<aicc_element_type>(type)))
      return static_cast<aicc_element_type>(type);
  return AICC_TYPE_INVALID;
}

} // namespace aicc::tool
