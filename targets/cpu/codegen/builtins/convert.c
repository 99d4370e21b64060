// Conversions between floating formats that some processors have no instruction for. Names and meaning are
// the compiler's: the back end calls them. All round to nearest even; NaNs stay NaNs.

#include <stdint.h>

static uint64_t bitsOf(double x) { return __builtin_bit_cast(uint64_t, x); }

/// Narrows a double to `mantissa` bits of mantissa and an exponent of `exponent` bits, with denormals and
/// infinities.
static uint16_t narrow(double x, int mantissa, int exponent) {
  uint64_t bits = bitsOf(x), fraction = bits & 0xfffffffffffffull;
  uint16_t sign = (bits >> 63) << 15;
  int e = (int)((bits >> 52) & 0x7ff), bias = (1 << (exponent - 1)) - 1, top = (1 << exponent) - 1;
  if (e == 0x7ff)
    return sign | (top << mantissa) | (fraction ? 1u << (mantissa - 1) : 0);
  if (e == 0)
    return sign; // far below the smallest denormal
  e += bias - 1023;
  fraction |= 1ull << 52;
  int shift = 52 - mantissa;
  if (e <= 0) {
    shift += 1 - e;
    e = 0;
  }
  if (shift > 63)
    return sign;
  uint64_t kept = fraction >> shift, rest = fraction & ((1ull << shift) - 1), half = 1ull << (shift - 1);
  kept += rest > half || (rest == half && (kept & 1));
  // The leading one, and a carry of the rounding, go into the exponent.
  uint64_t result = e == 0 ? kept : ((uint64_t)(e - 1) << mantissa) + kept;
  return sign | (result >= (uint64_t)top << mantissa ? (uint64_t)top << mantissa : result);
}

/// Widens a half: exact.
static float widen(uint16_t h) {
  uint32_t sign = (uint32_t)(h >> 15) << 31, e = (h >> 10) & 31, fraction = h & 1023;
  if (e == 31)
    return __builtin_bit_cast(float, sign | 0x7f800000u | fraction << 13);
  if (e == 0) {
    float magnitude = (float)fraction * 0x1p-24f;
    return __builtin_bit_cast(float, sign | __builtin_bit_cast(uint32_t, magnitude));
  }
  return __builtin_bit_cast(float, sign | (e + 112) << 23 | fraction << 13);
}

_Float16 __truncsfhf2(float x) { return __builtin_bit_cast(_Float16, narrow(x, 10, 5)); }
_Float16 __truncdfhf2(double x) { return __builtin_bit_cast(_Float16, narrow(x, 10, 5)); }
float __extendhfsf2(_Float16 x) { return widen(__builtin_bit_cast(uint16_t, x)); }
__bf16 __truncsfbf2(float x) { return __builtin_bit_cast(__bf16, narrow(x, 7, 8)); }
__bf16 __truncdfbf2(double x) { return __builtin_bit_cast(__bf16, narrow(x, 7, 8)); }
