// Functions on 64-bit lanes for devices that have no builtins to call: exponentials, logarithms and powers to
// about 1e-12, the exact remainder, and powers of integers. Series are Taylor's over the reduced range.

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "targets/kernel/MathFunctions.h"

using namespace mlir;
using namespace aicc::kernel;

static constexpr double ln2 = 0.6931471805599453, infinity = __builtin_inf(), notANumber = __builtin_nan("");

static Lanes integer(Lanes like, int64_t value) { return like.constant(like.b->getI64IntegerAttr(value)); }

/// 2^f for |f| <= 1/2: the series of e^(f ln 2).
static Lanes exp2Reduced(Lanes f) {
  double c[15], factorial = 1, power = 1;
  for (int i = 0; i < 15; ++i) {
    c[i] = power / factorial;
    power *= ln2;
    factorial *= i + 1;
  }
  return polynomial(f, c);
}

/// 2^n for integers in [-1022, 1023].
static Lanes powerOfTwo(Lanes n) { return ((n + integer(n, 1023)) << 52).floats(); }

/// 2^(n + f) with n = high - magic, an integer.
static Lanes scale(Lanes p, Lanes n) {
  // In two steps, for denormals and for results near infinity.
  Lanes half = n >> 1;
  return p * powerOfTwo(half) * powerOfTwo(n - half);
}

/// x rounded, as an integer: |x| < 2^51.
static Lanes roundToInteger(Lanes x, Lanes &rounded) {
  const double magic = 6755399441055744.0; // 1.5 * 2^52
  Lanes sum = x + magic;
  rounded = sum - magic;
  return sum.bits() - sum.constant(magic).bits();
}

Lanes aicc::kernel::emitExpWide(Lanes x) {
  x = atMost(atLeast(x, -800), 800);
  Lanes n = x, exponent = roundToInteger(x * (1 / ln2), n);
  // ln 2 in two parts; what is left is a fraction of ln 2, and its exponential has base e.
  Lanes r = fma(n, -1.90821492927058770002e-10, fma(n, -6.93147180369123816490e-01, x));
  double c[14], factorial = 1;
  for (int i = 0; i < 14; ++i) {
    c[i] = 1 / factorial;
    factorial *= i + 1;
  }
  return scale(polynomial(r, c), exponent);
}

Lanes aicc::kernel::emitExp2Wide(Lanes x) {
  x = atMost(atLeast(x, -1100), 1100);
  Lanes n = x, exponent = roundToInteger(x, n);
  return scale(exp2Reduced(x - n), exponent);
}

/// log2 of a positive normal number: its exponent, and the logarithm of its mantissa in units of 2 / ln 2.
static Lanes log2Positive(Lanes x) {
  Lanes small = x < 2.2250738585072014e-308;
  Lanes scaled = select(small, x * 18014398509481984.0, x); // 2^54
  Lanes bits = scaled.bits();
  Lanes e = (bits - integer(bits, 0x3fe6a09e667f3bcd)) >> 52;
  Lanes m = (bits - (e << 52)).floats();
  Lanes s = (m - 1) / (m + 1);
  double c[12]; // 2 / ln 2 * (s + s^3 / 3 + s^5 / 5 + ...)
  for (int i = 0; i < 12; ++i)
    c[i] = 2 / ln2 / (2 * i + 1);
  Lanes exponent = e.fromInt(x) - select(small, x.constant(54), x.constant(0));
  return fma(s, polynomial(s * s, c), exponent);
}

/// The results of a logarithm where its argument is 0, negative, infinite or NaN.
static Lanes logSpecials(Lanes x, Lanes result) {
  result = select(x < infinity, result, x); // infinity and NaN
  result = select(x < 0, x.constant(notANumber), result);
  return select(x == 0, x.constant(-infinity), result);
}

Lanes aicc::kernel::emitLog2Wide(Lanes x) { return logSpecials(x, log2Positive(x)); }
Lanes aicc::kernel::emitLogWide(Lanes x) { return logSpecials(x, log2Positive(x) * ln2); }

Lanes aicc::kernel::emitTanhWide(Lanes x) {
  Lanes a = atMost(abs(x), 30), e = emitExpWide(a + a);
  Lanes large = 1 - 2 / (e + 1);
  // Near 0 by the series, where the difference above cancels.
  Lanes square = a * a;
  Lanes small = a * polynomial(square, {1.0, -1.0 / 3, 2.0 / 15, -17.0 / 315, 62.0 / 2835, -1382.0 / 155925,
                                        21844.0 / 6081075});
  return copySign(select(a < 0.1, small, large), x);
}

Lanes aicc::kernel::emitPowWide(Lanes x, Lanes y) {
  Lanes a = abs(x);
  Lanes l = emitLog2Wide(a);
  Lanes r = emitExp2Wide(select(l == 0, l, y * l)); // |x| = 1 wins over an infinite y
  Lanes whole = trunc(y), half = y * 0.5;
  Lanes isInteger = whole == y;
  Lanes isOdd = isInteger & compare(arith::CmpFPredicate::ONE, trunc(half), half);
  r = select(isNegative(x.bits()) & isOdd, -r, r);
  r = select((x < 0) & (x > -infinity), select(isInteger, r, r.constant(notANumber)), r);
  r = select(compare(arith::CmpFPredicate::UNO, x, y), r.constant(notANumber), r);
  return select((x == 1) | (y == 0), r.constant(1), r);
}

Lanes aicc::kernel::emitRemainder(Lanes x, Lanes y) {
  Lanes ax = abs(x), ay = abs(y);
  Lanes r = fma(-trunc(ax / ay), ay, ax);
  // The quotient's rounding may have taken one too many.
  r = select(r < 0, r + ay, r);
  r = select(compare(arith::CmpFPredicate::OGE, r, ay), r - ay, r);
  r = select(ay == infinity, ax, r);
  // Infinite and NaN x, y = 0: NaN, as the quotient is.
  Lanes bad = compare(arith::CmpFPredicate::UEQ, ax, ax.constant(infinity)) | (y == 0);
  return select(bad, r.constant(notANumber), copySign(r, x));
}

Lanes aicc::kernel::emitIntegerPower(Lanes x, Lanes n) {
  Lanes one = integer(x, 1), zero = integer(x, 0);
  auto mul = [](Lanes p, Lanes q) { return p.with(p.b->create<arith::MulIOp>(p.v, q.v)); };
  auto equals = [](Lanes p, Lanes q) {
    return p.with(p.b->create<arith::CmpIOp>(arith::CmpIPredicate::eq, p.v, q.v));
  };
  // By squaring. Beyond 2^6 factors of two or more, 64 bits are all zero: but odd bases have powers up to any
  // exponent, so all 63 bits count.
  Lanes result = one, base = x, rest = n;
  auto ops = x.b->create<scf::ForOp>(
      x.b->create<arith::ConstantIndexOp>(0), x.b->create<arith::ConstantIndexOp>(63),
      x.b->create<arith::ConstantIndexOp>(1), ValueRange{result.v, base.v, rest.v},
      [&](OpBuilder &builder, Location loc, Value, ValueRange carried) {
        ImplicitLocOpBuilder inner(loc, builder);
        Lanes r{&inner, carried[0]}, p{&inner, carried[1]}, e{&inner, carried[2]};
        Lanes odd = isNonZero(e & 1);
        inner.create<scf::YieldOp>(ValueRange{select(odd, mul(r, p), r).v, mul(p, p).v, (e >> 1).v});
      });
  result = x.with(ops.getResult(0));
  Lanes sign = select(isNonZero(n & 1), integer(x, -1), one);
  Lanes inverse = select(equals(x, one), one, select(equals(x, integer(x, -1)), sign, zero));
  return select(isNegative(n), inverse, result);
}
