// Payloads of elementwise operations that go by element type: arithmetic, comparison, logic, conversion.
// Functions of floats alone are in EmitScalarMath.cpp.

#include "dialects/nn/EmitScalar.h"

using namespace mlir;
using namespace aicc::nn;
using IntPredicate = arith::CmpIPredicate;
using FloatPredicate = arith::CmpFPredicate;

//===--- ScalarBuilder
//-------------------------------------------------------------------------------------------------===//

static Value splatConstant(OpBuilder &builder, Location loc, Type type, TypedAttr scalar) {
  if (auto vector = dyn_cast<VectorType>(type))
    return builder.create<arith::ConstantOp>(loc, DenseElementsAttr::get(vector, scalar));
  return builder.create<arith::ConstantOp>(loc, scalar);
}

Value ScalarBuilder::constant(Value like, double value) {
  return splatConstant(builder, loc, like.getType(),
                       builder.getFloatAttr(getElementTypeOrSelf(like.getType()), value));
}

Value ScalarBuilder::integer(Value like, int64_t value) {
  auto type = cast<IntegerType>(getElementTypeOrSelf(like.getType()));
  APInt bits = APInt(64, value, /*isSigned=*/true).sextOrTrunc(type.getWidth());
  return splatConstant(builder, loc, like.getType(), builder.getIntegerAttr(type, bits));
}

Value ScalarBuilder::atLeast(Value a, double bound) {
  Value limit = constant(a, bound);
  return select(compare(FloatPredicate::OLT, a, limit), limit, a);
}

Value ScalarBuilder::atMost(Value a, double bound) {
  Value limit = constant(a, bound);
  return select(compare(FloatPredicate::OGT, a, limit), limit, a);
}

Value ScalarBuilder::sigmoid(Value a) { return div(constant(a, 1), add(exp(neg(a)), 1)); }

Value ScalarBuilder::widen(Value a) {
  Type element = getElementTypeOrSelf(a.getType());
  return element.isF16() || element.isBF16() ? convert<arith::ExtFOp>(a, builder.getF32Type()) : a;
}

Value ScalarBuilder::widened(ValueRange args, llvm::function_ref<Value(ScalarBuilder &, ValueRange)> emit) {
  SmallVector<Value> wide;
  for (Value arg : args)
    wide.push_back(widen(arg));
  Value result = emit(*this, wide);
  Type element = getElementTypeOrSelf(args[0].getType());
  return getElementTypeOrSelf(result.getType()) == element ? result
                                                           : convert<arith::TruncFOp>(result, element);
}

Value ScalarBuilder::castElement(Value a, Type from, Type to) {
  if (from == to)
    return a;
  auto width = [](Type type) { return type.getIntOrFloatBitWidth(); };
  auto signless = [&](unsigned bits) { return builder.getIntegerType(bits); };
  bool isUnsigned = from.isUnsignedInteger() || from.isInteger(1);
  if (isa<FloatType>(from)) {
    Value wide = widen(a);
    if (isa<FloatType>(to)) {
      // By way of f32: f64 to f16 or bf16 at once, and f16 to bf16, are library calls.
      if (width(to) < 32 && width(from) == 64)
        wide = convert<arith::TruncFOp>(wide, builder.getF32Type());
      unsigned bits = width(getElementTypeOrSelf(wide.getType()));
      if (bits == width(to))
        return wide;
      return bits < width(to) ? convert<arith::ExtFOp>(wide, to) : convert<arith::TruncFOp>(wide, to);
    }
    if (to.isInteger(1))
      return compare(FloatPredicate::UNE, wide, 0.0);
    if (to.isUnsignedInteger(64))
      return convert<arith::FPToUIOp>(wide, signless(64));
    // Narrow integers by way of wider ones, so that results wrap as C++ on common machines does.
    unsigned bits = width(to) == 64 || to.isUnsignedInteger(32) ? 64 : 32;
    Value number = convert<arith::FPToSIOp>(wide, signless(bits));
    return bits == width(to) ? number : convert<arith::TruncIOp>(number, signless(width(to)));
  }
  if (isa<FloatType>(to)) {
    Type target = width(to) < 32 ? builder.getF32Type() : to;
    Value number = isUnsigned ? convert<arith::UIToFPOp>(a, target) : convert<arith::SIToFPOp>(a, target);
    return target == to ? number : convert<arith::TruncFOp>(number, to);
  }
  if (to.isInteger(1))
    return compare(IntPredicate::ne, a, 0);
  if (width(from) == width(to))
    return a;
  if (width(from) > width(to))
    return convert<arith::TruncIOp>(a, signless(width(to)));
  return isUnsigned ? convert<arith::ExtUIOp>(a, signless(width(to)))
                    : convert<arith::ExtSIOp>(a, signless(width(to)));
}

//===--- helpers
//-------------------------------------------------------------------------------------------------------===//

static bool isFloating(Value arg) { return isa<FloatType>(getElementTypeOrSelf(arg.getType())); }

/// An operation of arith that exists for floats and for integers.
template <typename FloatOp, typename IntOp>
static Value emitArith(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  if (!isFloating(args[0]))
    return b.i<IntOp>(args[0], args[1]);
  return b.widened(args, [](ScalarBuilder &b, ValueRange a) { return b.f<FloatOp>(a[0], a[1]); });
}

/// Quotient and remainder by a divisor that cannot trap: `divisor` is 1 where the true one is 0 or (signed)
/// -1.
static Value safeDivisor(ScalarBuilder &b, Value divisor, bool isUnsigned) {
  Value bad = b.compare(IntPredicate::eq, divisor, 0);
  if (!isUnsigned)
    bad = b.i<arith::OrIOp>(bad, b.compare(IntPredicate::eq, divisor, -1));
  return b.select(bad, b.integer(divisor, 1), divisor);
}

//===--- arithmetic
//----------------------------------------------------------------------------------------------------===//

Value AddOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitArith<arith::AddFOp, arith::AddIOp>(builder, loc, args);
}

Value SubOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitArith<arith::SubFOp, arith::SubIOp>(builder, loc, args);
}

Value MulOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitArith<arith::MulFOp, arith::MulIOp>(builder, loc, args);
}

Value MinOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  if (tensorElement(getLhs()).isUnsignedInteger())
    return builder.create<arith::MinUIOp>(loc, args[0], args[1]);
  return emitArith<arith::MinimumFOp, arith::MinSIOp>(builder, loc, args);
}

Value MaxOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  if (tensorElement(getLhs()).isUnsignedInteger())
    return builder.create<arith::MaxUIOp>(loc, args[0], args[1]);
  return emitArith<arith::MaximumFOp, arith::MaxSIOp>(builder, loc, args);
}

Value DivOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  bool isUnsigned = tensorElement(getLhs()).isUnsignedInteger();
  if (isFloating(args[0]))
    return emitArith<arith::DivFOp, arith::DivSIOp>(builder, loc, args);
  ScalarBuilder b(builder, loc);
  Value x = args[0], y = args[1], divisor = safeDivisor(b, y, isUnsigned);
  Value quotient = isUnsigned ? b.i<arith::DivUIOp>(x, divisor) : b.i<arith::DivSIOp>(x, divisor);
  if (!isUnsigned)
    quotient = b.select(b.compare(IntPredicate::eq, y, -1), b.i<arith::SubIOp>(b.integer(x, 0), x), quotient);
  return b.select(b.compare(IntPredicate::eq, y, 0), b.integer(x, 0), quotient);
}

Value ModOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  if (isFloating(args[0]))
    return b.widened(args, [&](ScalarBuilder &b, ValueRange a) {
      Value rest = b.f<arith::RemFOp>(a[0], a[1]);
      if (getFmod())
        return rest;
      // The sign of the divisor: add it where the signs differ.
      Value differ = b.i<arith::XOrIOp>(b.compare(FloatPredicate::OLT, rest, 0.0),
                                        b.compare(FloatPredicate::OLT, a[1], 0.0));
      Value adjust = b.i<arith::AndIOp>(differ, b.compare(FloatPredicate::UNE, rest, 0.0));
      return b.select(adjust, b.add(rest, a[1]), rest);
    });
  bool isUnsigned = tensorElement(getLhs()).isUnsignedInteger();
  Value x = args[0], y = args[1], divisor = safeDivisor(b, y, isUnsigned);
  if (isUnsigned)
    return b.i<arith::RemUIOp>(x, divisor);
  Value rest = b.i<arith::RemSIOp>(x, divisor);
  if (getFmod())
    return rest;
  Value differ = b.compare(IntPredicate::slt, b.i<arith::XOrIOp>(rest, divisor), 0);
  Value adjust = b.i<arith::AndIOp>(differ, b.compare(IntPredicate::ne, rest, 0));
  return b.select(adjust, b.i<arith::AddIOp>(rest, divisor), rest);
}

/// x^n of integers by repeated squaring, wrapping. Exponents beyond 63 count as 62 or 63: right for -1, 0 and
/// 1, all else has overflowed.
static Value emitIntegerPow(ScalarBuilder &b, Value x, Value n, bool isUnsigned) {
  Value one = b.integer(x, 1), zero = b.integer(x, 0);
  Value big = b.compare(isUnsigned ? IntPredicate::ugt : IntPredicate::sgt, n, 63);
  Value exponent =
      b.select(big, b.i<arith::OrIOp>(b.i<arith::AndIOp>(n, b.integer(n, 1)), b.integer(n, 62)), n);
  Value result = one, square = x;
  for (int bit = 0; bit < 6; ++bit) {
    Value set = b.compare(IntPredicate::ne, b.i<arith::AndIOp>(exponent, b.integer(n, int64_t(1) << bit)), 0);
    result = b.select(set, b.i<arith::MulIOp>(result, square), result);
    square = b.i<arith::MulIOp>(square, square);
  }
  if (isUnsigned)
    return result;
  // Negative exponents: 1/x^n is 1 for 1, 1 or -1 for -1, otherwise truncated to 0.
  Value odd = b.compare(IntPredicate::ne, b.i<arith::AndIOp>(n, b.integer(n, 1)), 0);
  Value minusOne = b.integer(x, -1);
  Value inverse = b.select(b.compare(IntPredicate::eq, x, minusOne), b.select(odd, minusOne, one),
                           b.select(b.compare(IntPredicate::eq, x, one), one, zero));
  return b.select(b.compare(IntPredicate::slt, n, 0), inverse, result);
}

Value PowOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  Type base = tensorElement(getLhs()), exponent = tensorElement(getRhs());
  if (isa<IntegerType>(base) && isa<IntegerType>(exponent)) {
    // In 64 bits, where both types' values fit.
    Type wide = builder.getI64Type();
    Value power = emitIntegerPow(b, b.castElement(args[0], base, wide),
                                 b.castElement(args[1], exponent, wide), exponent.isUnsignedInteger());
    return b.castElement(power, wide, base);
  }
  // Integers to a fractional power and integer exponents of more than 24 bits need f64.
  bool wide = isa<IntegerType>(base) || base.isF64() || exponent.isF64();
  Type compute = wide ? Type(builder.getF64Type()) : Type(builder.getF32Type());
  Value power =
      b.f<math::PowFOp>(b.castElement(args[0], base, compute), b.castElement(args[1], exponent, compute));
  return b.castElement(power, compute, base);
}

Value PReluOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  if (isFloating(args[0]))
    return b.widened(args, [](ScalarBuilder &b, ValueRange a) {
      return b.select(b.compare(FloatPredicate::OGE, a[0], 0.0), a[0], b.mul(a[0], a[1]));
    });
  if (tensorElement(getLhs()).isUnsignedInteger())
    return args[0];
  return b.select(b.compare(IntPredicate::sge, args[0], 0), args[0], b.i<arith::MulIOp>(args[0], args[1]));
}

//===--- one operand
//---------------------------------------------------------------------------------------------------===//

Value AbsOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  if (isFloating(args[0]))
    return b.abs(args[0]);
  if (tensorElement(getInput()).isUnsignedInteger())
    return args[0];
  return builder.create<math::AbsIOp>(loc, args[0]);
}

Value NegOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  return isFloating(args[0]) ? b.neg(args[0]) : b.i<arith::SubIOp>(b.integer(args[0], 0), args[0]);
}

Value SignOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  Value x = args[0];
  if (isFloating(x))
    return b.select(b.compare(FloatPredicate::OGT, x, 0.0), b.constant(x, 1),
                    b.select(b.compare(FloatPredicate::OLT, x, 0.0), b.constant(x, -1), x));
  Value rest = b.integer(x, 0);
  if (tensorElement(getInput()).isUnsignedInteger())
    return b.select(b.compare(IntPredicate::ne, x, 0), b.integer(x, 1), rest);
  rest = b.select(b.compare(IntPredicate::slt, x, 0), b.integer(x, -1), rest);
  return b.select(b.compare(IntPredicate::sgt, x, 0), b.integer(x, 1), rest);
}

Value ReluOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  if (isFloating(args[0]))
    return b.atLeast(args[0], 0);
  if (tensorElement(getInput()).isUnsignedInteger())
    return args[0];
  return b.i<arith::MaxSIOp>(args[0], b.integer(args[0], 0));
}

Value NotOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  return b.i<arith::XOrIOp>(args[0], b.integer(args[0], -1));
}

Value CastOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return ScalarBuilder(builder, loc).castElement(args[0], tensorElement(getInput()), getTo());
}

//===--- logic, comparison, selection
//----------------------------------------------------------------------------------===//

Value AndOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return builder.create<arith::AndIOp>(loc, args[0], args[1]);
}

Value OrOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return builder.create<arith::OrIOp>(loc, args[0], args[1]);
}

Value XorOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return builder.create<arith::XOrIOp>(loc, args[0], args[1]);
}

Value ShiftOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  Value x = args[0], y = args[1], zero = b.integer(x, 0);
  // By a negative amount or the width and more: 0, or all of the sign.
  int64_t width = getElementTypeOrSelf(x.getType()).getIntOrFloatBitWidth();
  Value inside = b.compare(IntPredicate::ult, y, width);
  if (!getLeft() && !tensorElement(getLhs()).isUnsignedInteger())
    return b.i<arith::ShRSIOp>(x, b.select(inside, y, b.integer(y, width - 1)));
  Value amount = b.select(inside, y, zero);
  Value shifted = getLeft() ? b.i<arith::ShLIOp>(x, amount) : b.i<arith::ShRUIOp>(x, amount);
  return b.select(inside, shifted, zero);
}

Value CompareOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  unsigned kind = static_cast<unsigned>(getKind());
  if (isFloating(args[0])) {
    static constexpr FloatPredicate floats[] = {FloatPredicate::OEQ, FloatPredicate::UNE,
                                                FloatPredicate::OLT, FloatPredicate::OLE,
                                                FloatPredicate::OGT, FloatPredicate::OGE};
    return b.compare(floats[kind], b.widen(args[0]), b.widen(args[1]));
  }
  static constexpr IntPredicate ints[] = {IntPredicate::eq,  IntPredicate::ne,  IntPredicate::slt,
                                          IntPredicate::sle, IntPredicate::sgt, IntPredicate::sge};
  static constexpr IntPredicate unsignedInts[] = {IntPredicate::eq,  IntPredicate::ne,  IntPredicate::ult,
                                                  IntPredicate::ule, IntPredicate::ugt, IntPredicate::uge};
  Type element = tensorElement(getLhs());
  bool isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
  return b.compare(isUnsigned ? unsignedInts[kind] : ints[kind], args[0], args[1]);
}

Value SelectOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return builder.create<arith::SelectOp>(loc, args[0], args[1], args[2]);
}

Value IsNanOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  Value x = b.widen(args[0]);
  return b.compare(FloatPredicate::UNO, x, x);
}

Value IsInfOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  ScalarBuilder b(builder, loc);
  Value x = b.widen(args[0]);
  double infinity = std::numeric_limits<double>::infinity();
  if (getPositive() && getNegative())
    return b.compare(FloatPredicate::OEQ, b.abs(x), infinity);
  if (getPositive())
    return b.compare(FloatPredicate::OEQ, x, infinity);
  if (getNegative())
    return b.compare(FloatPredicate::OEQ, x, -infinity);
  Value never = b.compare(FloatPredicate::UNO, x, x);
  return b.i<arith::XOrIOp>(never, never);
}
