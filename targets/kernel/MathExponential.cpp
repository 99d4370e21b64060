// Exponentials, logarithms, powers, hyperbolic functions and erf on 32-bit float lanes. Polynomials are
// minimax fits (Lawson's iteration on Chebyshev nodes) of the relative error over the reduced range, which
// each function states.

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "targets/kernel/MathFunctions.h"

using namespace mlir;
using namespace aicc::kernel;

static constexpr double log2e = 1.4426950408889634, ln2 = 0.6931471805599453;
/// ln 2 in two parts: the first has few bits, so that its product with an exponent is exact.
static constexpr double ln2High = 0.693359375, ln2Low = -2.12194440054690583e-4;
static constexpr double smallestNormal = 1.1754943508222875e-38;
static constexpr double infinity = __builtin_inf(), notANumber = __builtin_nan("");

/// Whether these are the 16 lanes of a 512-bit register, for which some functions have instructions.
static bool isWideRegister(Lanes x, const MathFeatures &features) {
  auto type = dyn_cast<VectorType>(x.v.getType());
  return features.avx512 && type && type.getRank() == 1 && type.getDimSize(0) == 16 && !type.isScalable() &&
         type.getElementType().isF32();
}

static Lanes callIntrinsic(Lanes like, StringRef name, ValueRange operands) {
  return like.with(
      like.b->create<LLVM::CallIntrinsicOp>(like.v.getType(), like.b->getStringAttr(name), operands)
          .getResult(0));
}

namespace {
/// x to the nearest integer, as a float and as an integer; |x| < 2^22.
struct Rounded {
  Lanes value, integer;
};
} // namespace

/// Rounds x * factor by adding 1.5 * 2^23, which leaves the integer in the sum's low bits. NaN stays
/// harmless, as it would not in a conversion to integers.
static Rounded roundProduct(Lanes x, double factor) {
  const double magic = 12582912.0;
  Lanes sum = fma(x, factor, magic);
  return {sum - magic, sum.bits() - x.constant(magic).bits()};
}

/// 2^n for integers in [-126, 128]; 2^128 is infinity.
static Lanes powerOfTwo(Lanes n) { return ((n + 127) << 23).floats(); }

//===--- Exponentials
//----------------------------------------------------------------------------------------------===//

/// 2^f for |f| <= 1/2.
static Lanes exp2Reduced(Lanes f) {
  return polynomial(f, {1.0, 0.693147004, 0.240222424, 0.0555073358, 0.00967151299, 0.00132647215});
}

/// p * 2^n, with denormals and overflow to infinity; n in [-252, 256].
static Lanes scaleByPower(Lanes p, Rounded n, const MathFeatures &features) {
  if (isWideRegister(p, features)) {
    Value allLanes = p.b->create<arith::ConstantOp>(p.b->getI16IntegerAttr(-1));
    Value currentRounding = p.b->create<arith::ConstantOp>(p.b->getI32IntegerAttr(4));
    return callIntrinsic(p, "llvm.x86.avx512.mask.scalef.ps.512",
                         {p.v, n.value.v, p.v, allLanes, currentRounding});
  }
  Lanes half = n.integer >> 1;
  return p * powerOfTwo(half) * powerOfTwo(n.integer - half);
}

Lanes aicc::kernel::emitExp(Lanes x, const MathFeatures &features) {
  x = atMost(atLeast(x, -105), 89);
  Rounded n = roundProduct(x, log2e);
  // log2(e) in two floats: f is exact to 2^-26 whatever x is.
  Lanes f = fma(x, 1.925963033500011e-08, fma(x, 1.44269502162933349609375, -n.value));
  return scaleByPower(exp2Reduced(f), n, features);
}

Lanes aicc::kernel::emitExp2(Lanes x, const MathFeatures &features) {
  x = atMost(atLeast(x, -151), 129);
  Rounded n = roundProduct(x, 1);
  return scaleByPower(exp2Reduced(x - n.value), n, features);
}

/// (e^x - 1) / 4, which does not overflow before x = 90; relative accuracy around 0, too.
static Lanes quarterExpm1(Lanes x) {
  x = atMost(atLeast(x, -25), 89.5);
  Rounded n = roundProduct(x, log2e);
  Lanes r = fma(n.value, -ln2Low, fma(n.value, -ln2High, x));
  Lanes q = polynomial(r, {0.49999997, 0.166665435, 0.0416672006, 0.00836651959, 0.00138825167});
  Lanes quarter = powerOfTwo(n.integer - 2);
  return fma(fma(r * r, q, r), quarter, quarter - 0.25);
}

Lanes aicc::kernel::emitExpm1(Lanes x, const MathFeatures &) { return quarterExpm1(x) * 4; }

Lanes aicc::kernel::emitSinh(Lanes x, const MathFeatures &) {
  // With E = (e^|x| - 1)/2: sinh|x| = E + E/(2E + 1).
  Lanes e = quarterExpm1(abs(x)) * 2, bounded = atMost(e, 1e30);
  return copySign(e + bounded / fma(bounded, 2, 1), x);
}

Lanes aicc::kernel::emitCosh(Lanes x, const MathFeatures &) {
  Lanes half = fma(quarterExpm1(abs(x)), 2, 0.5); // e^|x| / 2
  return half + 0.25 / half;
}

Lanes aicc::kernel::emitTanh(Lanes x, const MathFeatures &) {
  // tanh a = (e^2a - 1) / (e^2a + 1); 1 in 32 bits from a = 9.1 on.
  Lanes a = atMost(abs(x), 10);
  Lanes quarter = quarterExpm1(a + a);
  return copySign(quarter / (quarter + 0.5), x);
}

//===--- Logarithms
//------------------------------------------------------------------------------------------------===//

namespace {
/// A positive number as (1 + f) * 2^e with 1 + f in [sqrt(1/2), sqrt(2)).
struct Split {
  Lanes f, e, exponent; // exponent: e as an integer
};
} // namespace

/// `x` must be normal.
static Split splitNormal(Lanes x) {
  Lanes bits = x.bits(), e = (bits - 0x3f3504f3) >> 23;
  return {(bits - (e << 23)).floats() - 1, e.fromInt(x), e};
}

static Split split(Lanes x) {
  Lanes small = x < smallestNormal;
  Split s = splitNormal(select(small, x * 8388608, x));
  s.e = s.e - select(small, x.constant(23), x.constant(0));
  return s;
}

/// log(1 + f) - f + rest, rounded before f is added.
static Lanes logReduced(Lanes f, Lanes rest) {
  Lanes square = f * f;
  Lanes p = polynomial(
      f, {0.333339095, -0.250013381, 0.199630618, -0.165775865, 0.149147868, -0.142674759, 0.0870035961});
  return fma(square * f, p, fma(square, -0.5, rest));
}

/// The results of a logarithm where its argument is 0, negative, infinite or NaN.
static Lanes logSpecials(Lanes x, Lanes result) {
  result = select(x < infinity, result, x); // infinity and NaN
  result = select(x < 0, x.constant(notANumber), result);
  return select(x == 0, x.constant(-infinity), result);
}

Lanes aicc::kernel::emitLog(Lanes x, const MathFeatures &) {
  Split s = split(x);
  return logSpecials(x, fma(s.e, ln2High, s.f + logReduced(s.f, s.e * ln2Low)));
}

Lanes aicc::kernel::emitLog2(Lanes x, const MathFeatures &) {
  Split s = split(x);
  Lanes tail = logReduced(s.f, s.f.constant(0));
  // log2(e) as 1.4375 + rest: f * 1.4375 stays nearly exact.
  Lanes low = fma(tail, log2e, s.f * (log2e - 1.4375));
  return logSpecials(x, s.e + fma(s.f, 1.4375, low));
}

Lanes aicc::kernel::emitLog10(Lanes x, const MathFeatures &) {
  const double log10e = 0.4342944819032518, log10of2High = 0.30078125, log10of2Low = 2.4874566398119522e-04;
  Split s = split(x);
  Lanes tail = logReduced(s.f, s.f.constant(0));
  Lanes low = fma(s.e, log10of2Low, fma(tail, log10e, s.f * (log10e - 0.4375)));
  return logSpecials(x, fma(s.e, log10of2High, fma(s.f, 0.4375, low)));
}

Lanes aicc::kernel::emitLog1p(Lanes x, const MathFeatures &) {
  // u = 1 + x rounded, and what the rounding lost, scaled as u's mantissa.
  Lanes u = x + 1, seen = u - 1;
  Lanes lost = (1 - (u - seen)) + (x - seen);
  Split s = splitNormal(u);
  Lanes shift = s.exponent.with(x.b->create<arith::MinSIOp>(s.exponent.v, s.exponent.constant(127).v));
  Lanes f = fma(lost, powerOfTwo(shift.constant(0) - shift), s.f);
  Lanes result = fma(s.e, ln2High, f + logReduced(f, s.e * ln2Low));
  return logSpecials(u, result);
}

Lanes aicc::kernel::emitAsinh(Lanes x, const MathFeatures &features) {
  Lanes a = abs(x), large = a > 1e9;
  Lanes z = a + a * a / (sqrt(fma(a, a, 1)) + 1);
  Lanes r = emitLog1p(select(large, a, z), features);
  return copySign(select(large, r + ln2, r), x);
}

Lanes aicc::kernel::emitAcosh(Lanes x, const MathFeatures &features) {
  Lanes t = x - 1, large = x > 1e9;
  Lanes r = emitLog1p(select(large, x, t + sqrt(t * (t + 2))), features);
  return select(x < 1, x.constant(notANumber), select(large, r + ln2, r));
}

Lanes aicc::kernel::emitAtanh(Lanes x, const MathFeatures &features) {
  Lanes a = abs(x);
  return copySign(emitLog1p((a + a) / (1 - a), features) * 0.5, x);
}

//===--- Powers
//----------------------------------------------------------------------------------------------------===//

/// log2(x) of a positive float, in 64 bits to 1e-13 of its value; -infinity for 0.
static Lanes log2Wide(Lanes x) {
  Lanes wide = x.toF64(), bits = wide.bits();
  Lanes e = (bits - bits.constant(bits.b->getI64IntegerAttr(0x3fe6a09e667f3bcd))) >> 52;
  Lanes m = (bits - (e << 52)).floats();
  Lanes s = (m - 1) / (m + 1);
  Lanes p = polynomial(s * s, {2.8853900817778499, 0.96179669411298796, 0.57707794243030819,
                               0.41220924797587588, 0.31990581408436625, 0.28289916801857046});
  Lanes r = fma(s, p, e.toI32().fromInt(wide));
  r = select(wide == infinity, wide, r);
  return select(wide == 0, wide.constant(-infinity), r);
}

/// 2^t of 64-bit lanes, in 32 bits. NaN stays.
static Lanes exp2Wide(Lanes t) {
  const double magic = 6755399441055744.0; // 1.5 * 2^52
  t = atMost(atLeast(t, -200), 200);
  Lanes sum = t + magic, f = t - (sum - magic);
  Lanes p = polynomial(f, {0.9999999999616821, 0.69314718072845383, 0.24022651198156111, 0.055504103534271952,
                           0.0096180272538635043, 0.0013333922580377692, 0.00015469291087952399,
                           1.5201917610377477e-05});
  // The magic number's low bits are 0, so those of the sum are the exponent.
  return (p.bits() + (sum.bits() << 52)).floats().toF32();
}

Lanes aicc::kernel::emitPow(Lanes x, Lanes y, const MathFeatures &) {
  Lanes wideY = y.element().isF64() ? y : y.toF64();
  Lanes l = log2Wide(abs(x));
  Lanes r = exp2Wide(select(l == 0, l, wideY * l)); // |x| = 1 wins over an infinite y

  Lanes whole = trunc(wideY), half = wideY * 0.5;
  Lanes isInteger = whole == wideY;
  Lanes isOdd = compare(arith::CmpFPredicate::ONE, trunc(half), half); // of an integer
  Lanes oddInteger = isInteger & isOdd;
  // A negative base: the sign of odd powers; no power but an integer one, unless the base is infinite.
  Lanes negative = isNegative(x.bits());
  r = select(negative & oddInteger, -r, r);
  Lanes finiteNegative = (x < 0) & (x > -infinity);
  r = select(finiteNegative, select(isInteger, r, r.constant(notANumber)), r);
  Lanes anyNaN = compare(arith::CmpFPredicate::UNO, x.toF64(), wideY);
  r = select(anyNaN, r.constant(notANumber), r);
  return select((x == 1) | (wideY == 0), r.constant(1), r);
}

Lanes aicc::kernel::emitCbrt(Lanes x, const MathFeatures &) {
  Lanes r = exp2Wide(log2Wide(abs(x)) * 0.3333333333333333);
  // Zero and infinity are their own roots; NaN stays.
  return select((abs(x) > 0) & (abs(x) < infinity), copySign(r, x), x);
}

Lanes aicc::kernel::emitRsqrt(Lanes x, const MathFeatures &) { return 1 / sqrt(x); }

//===--- erf
//-------------------------------------------------------------------------------------------------------===//

/// erf(a) / a around a = i * erfTop / 31, as a cubic in a * 31 / erfTop - i. Beyond erfTop, erf is 1 in 32
/// bits.
static constexpr double erfTop = 3.85;
#include "targets/kernel/ErfTable.inc"

Lanes aicc::kernel::emitErf(Lanes x, const MathFeatures &features) {
  if (isWideRegister(x, features)) {
    // A table of 32 entries in two registers for each coefficient; the instruction looks at 5 bits of the
    // index.
    Lanes a = atMost(abs(x), erfTop);
    const double perStep = 31 / erfTop, magic = 12582912.0;
    Lanes sum = fma(a, perStep, magic);
    Lanes f = fma(a, perStep, -(sum - magic)), index = sum.bits();
    auto lookUp = [&](const float(&table)[32]) {
      auto half = [&](unsigned first) {
        auto type = cast<ShapedType>(x.v.getType());
        return x.b->create<arith::ConstantOp>(
            DenseElementsAttr::get(type, ArrayRef<float>(table).slice(first, 16)));
      };
      return callIntrinsic(x, "llvm.x86.avx512.vpermi2var.ps.512", {half(0), index.v, half(16)});
    };
    Lanes p = fma(lookUp(erfTable[3]), f, lookUp(erfTable[2]));
    p = fma(p, f, lookUp(erfTable[1]));
    return copySign(a * fma(p, f, lookUp(erfTable[0])), x);
  }
  // x P(x^2) / Q(x^2).
  x = atMost(atLeast(x, -3.92), 3.92);
  Lanes square = x * x;
  Lanes p =
      polynomial(square, {1.1283791065216064, 0.1999213695526123, 0.05057290941476822, 0.003701472422108054,
                          0.00014184693282004446, -1.9578187675506342e-06, 1.992427201003011e-08});
  Lanes q = polynomial(
      square, {1.0, 0.510507345199585, 0.11499710381031036, 0.014352931641042233, 0.0009560048929415643});
  return atMost(atLeast(x * p / q, -1), 1);
}
