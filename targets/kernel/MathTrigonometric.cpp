// Circular functions and their inverses on 32-bit float lanes. Polynomials are minimax fits of the relative
// error over the reduced range.

#include "targets/kernel/MathFunctions.h"

using namespace mlir;
using namespace aicc::kernel;

static constexpr double pi = 3.14159265358979323846, halfPi = 1.57079632679489661923;

namespace {
struct Quadrant {
  Lanes sine, cosine; // of the angle reduced to [-pi/4, pi/4]
  Lanes number;       // which quarter turn was taken off, modulo 4, in 32-bit integers
};
} // namespace

/// Reduces an angle. In 64 bits, with pi/2 in two parts, this is right to the last bit of a float for |x| <
/// 2^50; beyond, the result is some angle. Infinity gives NaN.
static Quadrant reduceAngle(Lanes x) {
  const double magic = 6755399441055744.0; // 1.5 * 2^52: leaves an integer in the sum's low bits
  Lanes wide = x.toF64();
  Lanes sum = fma(wide, 2 / pi, magic), n = sum - magic;
  Lanes r = fma(n, -6.123233995736766e-17, fma(n, -halfPi, wide)).toF32();
  r = atMost(atLeast(r, -0.8), 0.8);
  Lanes square = r * r;
  Lanes sine =
      fma(r * square, polynomial(square, {-0.166666672, 0.00833332911, -0.000198393027, 2.71802674e-06}), r);
  Lanes cosine = fma(square * square, polynomial(square, {0.0416666456, -0.00138873083, 2.44322091e-05}),
                     fma(square, -0.5, 1));
  return {sine, cosine, sum.bits().toI32()};
}

/// Flips the sign where bit `bit` of `number` is set.
static Lanes flipSign(Lanes x, Lanes number, int bit) {
  Lanes one = number & (1 << bit);
  return (x.bits() ^ (one << (31 - bit))).floats();
}

Lanes aicc::kernel::emitSin(Lanes x, const MathFeatures &) {
  Quadrant q = reduceAngle(x);
  return flipSign(select(isNonZero(q.number & 1), q.cosine, q.sine), q.number, 1);
}

Lanes aicc::kernel::emitCos(Lanes x, const MathFeatures &) {
  Quadrant q = reduceAngle(x);
  return flipSign(select(isNonZero(q.number & 1), q.sine, q.cosine), q.number + 1, 1);
}

Lanes aicc::kernel::emitTan(Lanes x, const MathFeatures &) {
  Quadrant q = reduceAngle(x);
  Lanes odd = isNonZero(q.number & 1);
  return flipSign(select(odd, q.cosine, q.sine), q.number, 0) / select(odd, q.sine, q.cosine);
}

namespace {
/// asin of a reduced argument: |x| itself up to 1/2, sqrt((1 - |x|) / 2) above.
struct ReducedAsin {
  Lanes value, large;
};
} // namespace

static ReducedAsin reduceAsin(Lanes x) {
  Lanes a = abs(x), large = a > 0.5;
  Lanes square = select(large, fma(a, -0.5, 0.5), a * a);
  Lanes s = select(large, sqrt(square), a);
  Lanes p = polynomial(square, {0.166667521, 0.0749529749, 0.0454703569, 0.0241796039, 0.042166166});
  return {fma(s * square, p, s), large};
}

Lanes aicc::kernel::emitAsin(Lanes x, const MathFeatures &) {
  ReducedAsin r = reduceAsin(x);
  return copySign(select(r.large, fma(r.value, -2, halfPi), r.value), x);
}

Lanes aicc::kernel::emitAcos(Lanes x, const MathFeatures &) {
  ReducedAsin r = reduceAsin(x);
  Lanes twice = r.value + r.value;
  Lanes outer = select(x < 0, pi - twice, twice);
  return select(r.large, outer, halfPi - copySign(r.value, x));
}

/// atan on [0, 1].
static Lanes reducedAtan(Lanes q) {
  Lanes square = q * q;
  Lanes p = polynomial(square, {-0.333332986, 0.199985489, -0.142642409, 0.109521851, -0.0840344802,
                                0.0579575561, -0.0311778039, 0.0109145818, -0.00179361599});
  return fma(q * square, p, q);
}

Lanes aicc::kernel::emitAtan(Lanes x, const MathFeatures &) {
  Lanes a = abs(x), large = a > 1;
  Lanes r = reducedAtan(select(large, 1 / a, a));
  return copySign(select(large, halfPi - r, r), x);
}

Lanes aicc::kernel::emitAtan2(Lanes y, Lanes x, const MathFeatures &) {
  Lanes ax = abs(x), ay = abs(y), steep = ay > ax;
  Lanes numerator = select(steep, ax, ay), denominator = select(steep, ay, ax);
  Lanes q = numerator / denominator;
  q = select((numerator == 0) & (denominator == 0), q.constant(0), q);
  q = select((numerator == __builtin_inf()) & (denominator == __builtin_inf()), q.constant(1), q);
  Lanes r = reducedAtan(q);
  r = select(steep, halfPi - r, r);
  r = select(isNegative(x.bits()), pi - r, r);
  return copySign(r, y);
}
