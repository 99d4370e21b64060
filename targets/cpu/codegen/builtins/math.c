// Functions of 64-bit floats, of which models have few: what MathLowering.cpp calls lane by lane. They run on
// the x87 unit, whose instructions compute logarithm, power of two and arctangent to 64 bits, so that results
// rounded to 53 bits are right to within an ulp or two with hardly any code. Accuracy: docs/numerics.md.

#include <stdint.h>

typedef long double wide;

static const wide log2e = 1.44269504088896340735992468100189214L;
static const wide ln2 = 0.693147180559945309417232121458176568L;
static const wide log10of2 = 0.301029995663981195213738894724493027L;
static const wide pi2 = 1.57079632679489661923132169163975144L;
#define INFINITE (__builtin_infl())

/// y * log2(x); the processor's answer for 0, infinity, NaN and negative x.
static wide yLog2(wide x, wide y) {
  wide r;
  __asm__("fyl2x" : "=t"(r) : "0"(x), "u"(y) : "st(1)");
  return r;
}

/// y * log2(1 + x) for |x| < 0.29.
static wide yLog2p1(wide x, wide y) {
  wide r;
  __asm__("fyl2xp1" : "=t"(r) : "0"(x), "u"(y) : "st(1)");
  return r;
}

/// 2^x - 1 for |x| <= 1.
static wide pow2m1(wide x) {
  wide r;
  __asm__("f2xm1" : "=t"(r) : "0"(x));
  return r;
}

static wide roundEven(wide x) {
  wide r;
  __asm__("frndint" : "=t"(r) : "0"(x));
  return r;
}

static wide scale(wide x, wide n) {
  wide r;
  __asm__("fscale" : "=t"(r) : "0"(x), "u"(n));
  return r;
}

/// atan2, for all arguments.
static wide angle(wide y, wide x) {
  wide r;
  __asm__("fpatan" : "=t"(r) : "0"(x), "u"(y) : "st(1)");
  return r;
}

static wide squareRoot(wide x) {
  wide r;
  __asm__("fsqrt" : "=t"(r) : "0"(x));
  return r;
}

static wide magnitude(wide x) { return __builtin_fabsl(x); }

static wide exp2w(wide x) {
  if (x > 16000)
    return INFINITE;
  if (x < -16000)
    return 0;
  wide n = roundEven(x);
  return scale(pow2m1(x - n) + 1, n);
}

static wide expm1w(wide x) {
  wide t = x * log2e;
  return magnitude(t) < 0.5L ? pow2m1(t) : exp2w(t) - 1;
}

static wide log1pw(wide x) { return magnitude(x) < 0.25L ? yLog2p1(x, ln2) : yLog2(1 + x, ln2); }

static double withSign(wide x, double sign) { return __builtin_copysign((double)x, sign); }

double __aicc_exp_f64(double x) { return exp2w(x * log2e); }
double __aicc_exp2_f64(double x) { return exp2w(x); }
double __aicc_expm1_f64(double x) { return expm1w(x); }
double __aicc_log_f64(double x) { return yLog2(x, ln2); }
double __aicc_log2_f64(double x) { return yLog2(x, 1); }
double __aicc_log10_f64(double x) { return yLog2(x, log10of2); }
double __aicc_log1p_f64(double x) { return log1pw(x); }

double __aicc_tanh_f64(double x) {
  wide a = magnitude(x), e = expm1w(2 * a);
  return withSign(a > 30 ? 1 : e / (e + 2), x);
}

double __aicc_sinh_f64(double x) {
  wide e = expm1w(magnitude(x));
  return withSign(e == INFINITE ? e : (e + e / (e + 1)) / 2, x);
}

double __aicc_cosh_f64(double x) {
  wide e = exp2w(magnitude(x) * log2e);
  return (e + 1 / e) / 2;
}

double __aicc_asinh_f64(double x) {
  wide a = magnitude(x);
  return withSign(a == INFINITE ? a : log1pw(a + a * a / (1 + squareRoot(a * a + 1))), x);
}

double __aicc_acosh_f64(double x) {
  wide t = (wide)x - 1;
  return x < 1 ? __builtin_nan("") : log1pw(t + squareRoot(t * (t + 2)));
}

double __aicc_atanh_f64(double x) {
  wide a = magnitude(x);
  return withSign(log1pw(2 * a / (1 - a)) / 2, x);
}

double __aicc_atan_f64(double x) { return angle(x, 1); }
double __aicc_atan2_f64(double y, double x) { return angle(y, x); }
double __aicc_asin_f64(double x) { return angle(x, squareRoot((1 - (wide)x) * (1 + (wide)x))); }
double __aicc_acos_f64(double x) { return angle(squareRoot((1 - (wide)x) * (1 + (wide)x)), x); }

/// x - n * pi/2 for the nearest n, whose last two bits go to *quadrant. pi/2 is taken in three parts, the
/// first two short enough that their products with n are exact; good for |x| < 2^30.
static wide reduce(double x, int *quadrant) {
  const wide high = 0x1.921fb544p+0L, middle = 0x1.0b4611a6p-34L, low = 0x1.3198a2e03707344ap-69L;
  wide n = roundEven(x / pi2);
  *quadrant = magnitude(n) < 0x1p62L ? (int)((int64_t)n & 3) : 0;
  return x - n * high - n * middle - n * low;
}

static wide sine(wide r) {
  wide s;
  __asm__("fsin" : "=t"(s) : "0"(r));
  return s;
}

static wide cosine(wide r) {
  wide s;
  __asm__("fcos" : "=t"(s) : "0"(r));
  return s;
}

double __aicc_sin_f64(double x) {
  int q;
  wide r = reduce(x, &q), s = q & 1 ? cosine(r) : sine(r);
  return q & 2 ? -s : s;
}

double __aicc_cos_f64(double x) {
  int q;
  wide r = reduce(x, &q), s = q & 1 ? sine(r) : cosine(r);
  return (q + 1) & 2 ? -s : s;
}

double __aicc_tan_f64(double x) {
  int q;
  wide r = reduce(x, &q), s = sine(r), c = cosine(r);
  return q & 1 ? -c / s : s / c;
}

/// erf(x) = 2/sqrt(pi) exp(-x^2) sum(2^n x^(2n+1) / (2n+1)!!): all terms have one sign.
double __aicc_erf_f64(double x) {
  wide a = magnitude(x);
  if (a > 6)
    return withSign(1, x);
  wide term = a, sum = a;
  for (int n = 1; term > sum * 0x1p-64L; ++n) {
    term *= 2 * a * a / (2 * n + 1);
    sum += term;
  }
  return a == a ? withSign(1.12837916709551257389615890312154517L * exp2w(-a * a * log2e) * sum, x) : x;
}

double __aicc_pow_f64(double x, double y) {
  if (y == 0 || x == 1)
    return 1;
  if (x != x || y != y)
    return x + y;
  wide a = magnitude(x);
  int integer = __builtin_trunc(y) == y, odd = integer && __builtin_trunc(y / 2) != y / 2;
  if (x < 0 && a != INFINITE && !integer)
    return __builtin_nan("");
  wide r = a == 1 ? 1 : exp2w(y * yLog2(a, 1));
  return odd && __builtin_signbit(x) ? -r : r;
}

double __aicc_cbrt_f64(double x) {
  wide a = magnitude(x);
  return a == 0 || a == INFINITE ? x : withSign(exp2w(yLog2(a, 1) / 3), x);
}

/// Integer power modulo 2^64. A negative power is the reciprocal's integer part, 0 for a base of 0.
int64_t __aicc_ipow_i64(int64_t x, int64_t n) {
  if (n < 0)
    return x == 1 ? 1 : x == -1 ? (n & 1 ? -1 : 1) : 0;
  uint64_t r = 1, b = (uint64_t)x;
  for (; n; n >>= 1, b *= b)
    if (n & 1)
      r *= b;
  return (int64_t)r;
}

/// The remainder that the quotient's truncation leaves, exact.
static wide remainderOf(wide x, wide y) {
  wide r;
  __asm__("1: fprem\n\tfnstsw %%ax\n\ttestb $4, %%ah\n\tjne 1b" : "=t"(r) : "0"(x), "u"(y) : "ax", "cc");
  return r;
}

float fmodf(float x, float y) { return remainderOf(x, y); }
double fmod(double x, double y) { return remainderOf(x, y); }
