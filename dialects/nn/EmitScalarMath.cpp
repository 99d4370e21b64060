// Payloads of functions of floats, in math operations that targets approximate as they see fit: exp, log, erf
// and tanh are left whole, so that each is approximated in one place.

#include "dialects/nn/EmitScalar.h"

using namespace mlir;
using namespace aicc::nn;
using FloatPredicate = arith::CmpFPredicate;
using Emit = llvm::function_ref<Value(ScalarBuilder &, Value)>;

static Value emitFloat(OpBuilder &builder, Location loc, ValueRange args, Emit emit) {
  return ScalarBuilder(builder, loc).widened(args, [&](ScalarBuilder &b, ValueRange a) {
    return emit(b, a[0]);
  });
}

/// Defines OP's payload as one operation of math.
#define AICC_NN_MATH(OP, MATH)                                                                               \
  Value OP::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {                                  \
    return emitFloat(builder, loc, args, [](ScalarBuilder &b, Value x) { return b.f<math::MATH>(x); });      \
  }

AICC_NN_MATH(ExpOp, ExpOp)
AICC_NN_MATH(LogOp, LogOp)
AICC_NN_MATH(SqrtOp, SqrtOp)
AICC_NN_MATH(FloorOp, FloorOp)
AICC_NN_MATH(CeilOp, CeilOp)
AICC_NN_MATH(RoundOp, RoundEvenOp)
AICC_NN_MATH(SinOp, SinOp)
AICC_NN_MATH(CosOp, CosOp)
AICC_NN_MATH(TanOp, TanOp)
AICC_NN_MATH(AsinOp, AsinOp)
AICC_NN_MATH(AcosOp, AcosOp)
AICC_NN_MATH(AtanOp, AtanOp)
AICC_NN_MATH(SinhOp, SinhOp)
AICC_NN_MATH(CoshOp, CoshOp)
AICC_NN_MATH(TanhOp, TanhOp)
AICC_NN_MATH(AsinhOp, AsinhOp)
AICC_NN_MATH(AcoshOp, AcoshOp)
AICC_NN_MATH(AtanhOp, AtanhOp)
AICC_NN_MATH(ErfOp, ErfOp)

Value RsqrtOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitFloat(builder, loc, args,
                   [](ScalarBuilder &b, Value x) { return b.div(b.constant(x, 1), b.f<math::SqrtOp>(x)); });
}

Value ReciprocalOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitFloat(builder, loc, args, [](ScalarBuilder &b, Value x) { return b.div(b.constant(x, 1), x); });
}

Value SigmoidOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitFloat(builder, loc, args, [](ScalarBuilder &b, Value x) { return b.sigmoid(x); });
}

Value SiluOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitFloat(builder, loc, args, [](ScalarBuilder &b, Value x) { return b.mul(x, b.sigmoid(x)); });
}

// tanh(log(1 + e)) = ((1 + e)^2 - 1) / ((1 + e)^2 + 1) = n / (n + 2) with n = e (e + 2), e = e^x. From x = 20
// on the quotient is 1 in f32, and from 40 on in f64.
Value MishOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitFloat(builder, loc, args, [](ScalarBuilder &b, Value x) {
    Value e = b.exp(b.atMost(x, 40));
    Value n = b.mul(e, b.add(e, 2));
    return b.mul(x, b.div(n, b.add(n, 2)));
  });
}

// max(x, 0) + log1p(e^-|x|): never overflows, and keeps small results.
Value SoftplusOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitFloat(builder, loc, args, [](ScalarBuilder &b, Value x) {
    return b.add(b.atLeast(x, 0), b.f<math::Log1pOp>(b.exp(b.neg(b.abs(x)))));
  });
}

Value SoftsignOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitFloat(builder, loc, args,
                   [](ScalarBuilder &b, Value x) { return b.div(x, b.add(b.abs(x), 1)); });
}

Value HardSwishOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitFloat(builder, loc, args, [](ScalarBuilder &b, Value x) {
    return b.mul(x, b.atMost(b.atLeast(b.add(b.mul(x, 1.0 / 6), 0.5), 0), 1));
  });
}

Value HardSigmoidOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  double alpha = getAlpha().convertToDouble(), beta = getBeta().convertToDouble();
  return emitFloat(builder, loc, args, [&](ScalarBuilder &b, Value x) {
    return b.atMost(b.atLeast(b.add(b.mul(x, alpha), beta), 0), 1);
  });
}

Value GeluOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  return emitFloat(builder, loc, args, [&](ScalarBuilder &b, Value x) {
    Value inner;
    if (getTanh()) { // sqrt(2/pi) (x + 0.044715 x^3)
      Value cubic = b.add(b.mul(b.mul(x, x), 0.044715), 1);
      inner = b.f<math::TanhOp>(b.mul(b.mul(x, cubic), 0.7978845608028654));
    } else { // x / sqrt(2)
      inner = b.f<math::ErfOp>(b.mul(x, 0.7071067811865476));
    }
    return b.mul(b.mul(x, 0.5), b.add(inner, 1));
  });
}

Value LeakyReluOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  double alpha = getAlpha().convertToDouble();
  return emitFloat(builder, loc, args, [&](ScalarBuilder &b, Value x) {
    return b.select(b.compare(FloatPredicate::OGE, x, 0.0), x, b.mul(x, alpha));
  });
}

Value EluOp::emitScalar(OpBuilder &builder, Location loc, ValueRange args) {
  double alpha = getAlpha().convertToDouble(), gamma = getGamma().convertToDouble();
  return emitFloat(builder, loc, args, [&](ScalarBuilder &b, Value x) {
    Value negative = b.mul(b.add(b.exp(x), -1), gamma * alpha);
    Value positive = gamma == 1 ? x : b.mul(x, gamma);
    return b.select(b.compare(FloatPredicate::OGT, x, 0.0), positive, negative);
  });
}
