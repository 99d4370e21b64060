// Reference evaluation of the elementwise operations: operands are read in chunks, converted to the type they
// are computed in, and each operation is one expression on values of that type.

#include "dialects/nn/EvaluateSupport.h"
#include <cmath>

using namespace mlir;

namespace aicc::nn {
using namespace detail;

namespace {
/// Elements converted at a time: their buffers stay in the first-level cache.
constexpr int64_t chunk = 512;

/// result[i] = fn(operands[i]...) under broadcasting; operands are read as C, results stored from R.
template <class C, class R, unsigned N, class Fn>
Tensor mapElements(RankedTensorType type, ArrayRef<Tensor> operands, Fn fn) {
  Tensor result(type);
  Loops loops;
  loops.sizes.assign(type.getShape().begin(), type.getShape().end());
  std::array<ElementKind, N> kinds;
  std::array<const char *, N> bytes;
  for (unsigned i = 0; i < N; ++i) {
    loops.strides.push_back(getBroadcastStrides(operands[i].getShape(), type.getShape()));
    kinds[i] = getKind(operands[i]);
    bytes[i] = operands[i].getBytes().data();
  }
  loops.strides.push_back(getStrides(type.getShape()));
  loops.simplify();
  ElementKind kind = getKind(type);
  char *to = result.getMutableBytes().data();
  C in[N][chunk];
  R out[chunk];
  loops.forEachRow([&](ArrayRef<int64_t> offsets, int64_t size) {
    for (int64_t first = 0; first < size; first += chunk) {
      int64_t n = std::min(chunk, size - first);
      for (unsigned i = 0; i < N; ++i) {
        int64_t stride = loops.strides[i].back();
        load(kinds[i], bytes[i], offsets[i] + first * stride, stride, n, in[i]);
      }
      for (int64_t j = 0; j < n; ++j) {
        if constexpr (N == 1)
          out[j] = fn(in[0][j]);
        else if constexpr (N == 2)
          out[j] = fn(in[0][j], in[1][j]);
        else
          out[j] = fn(in[0][j], in[1][j], in[2][j]);
      }
      store(kind, to, offsets[N] + first, n, out);
    }
  });
  return result;
}

/// An operation whose operands and result have the same class of elements; fn takes N values of any C.
template <unsigned N, class Fn>
LogicalResult evaluateNumeric(Operation *op, EvalContext &ctx, ArrayRef<Tensor> operands,
                              SmallVectorImpl<Tensor> &results, Fn fn) {
  FailureOr<RankedTensorType> type = getResultType(op, ctx, operands);
  if (failed(type))
    return failure();
  results.push_back(dispatchCompute(getKind(*type), [&](auto zero) {
    using C = decltype(zero);
    return mapElements<C, C, N>(*type, operands, fn);
  }));
  return success();
}

/// An operation on floats alone.
template <class Fn>
LogicalResult evaluateFloat(Operation *op, EvalContext &ctx, ArrayRef<Tensor> operands,
                            SmallVectorImpl<Tensor> &results, Fn fn) {
  if (!isFloat(getKind(operands[0])))
    return ctx.fail("needs floating-point elements");
  FailureOr<RankedTensorType> type = getResultType(op, ctx, operands);
  if (failed(type))
    return failure();
  results.push_back(mapElements<double, double, 1>(*type, operands, fn));
  return success();
}

/// An operation with a boolean result, whose operands are read as the first one's class.
template <unsigned N, class Fn>
LogicalResult evaluatePredicate(Operation *op, EvalContext &ctx, ArrayRef<Tensor> operands,
                                SmallVectorImpl<Tensor> &results, Fn fn) {
  FailureOr<RankedTensorType> type = getResultType(op, ctx, operands);
  if (failed(type))
    return failure();
  results.push_back(dispatchCompute(getKind(operands[0]), [&](auto zero) {
    using C = decltype(zero);
    return mapElements<C, uint64_t, N>(*type, operands, fn);
  }));
  return success();
}

template <class C> C negate(C x) {
  if constexpr (std::is_floating_point_v<C>)
    return -x;
  else
    return C(0 - uint64_t(x));
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }
double clampUnit(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

/// Quotient truncated to zero; 0 where the divisor is 0.
template <class C> C divide(C x, C y) {
  if constexpr (std::is_floating_point_v<C>)
    return x / y;
  else if (y == 0)
    return 0;
  else if (std::is_signed_v<C> && y == C(-1))
    return negate(x);
  else
    return x / y;
}

/// Remainder with the dividend's sign (`fmod`) or the divisor's; 0 where an integer divisor is 0.
template <class C> C remainder(C x, C y, bool fmod) {
  if constexpr (std::is_floating_point_v<C>) {
    C r = std::fmod(x, y);
    return !fmod && r != 0 && (r < 0) != (y < 0) ? r + y : r;
  } else {
    if (y == 0 || (std::is_signed_v<C> && y == C(-1)))
      return 0;
    C r = x % y;
    return !fmod && r != 0 && (r < 0) != (y < 0) ? r + y : r;
  }
}

/// x^y in wrapping integers; negative powers truncate to zero.
int64_t power(int64_t x, int64_t y) {
  if (y < 0)
    return x == 1 ? 1 : x == -1 ? (y % 2 ? -1 : 1) : 0;
  uint64_t result = 1, factor = x;
  for (; y; y >>= 1, factor *= factor)
    if (y & 1)
      result *= factor;
  return result;
}
} // namespace

#define AICC_EVALUATE(OP)                                                                                    \
  LogicalResult OP::evaluate(EvalContext &ctx, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results)

//===--- unary ------------------------------------------------------------------------------------------===//

#define AICC_FLOAT(OP, EXPRESSION)                                                                           \
  AICC_EVALUATE(OP) {                                                                                        \
    return evaluateFloat(*this, ctx, operands, results, [](double x) -> double { return EXPRESSION; });      \
  }

AICC_FLOAT(ExpOp, std::exp(x))
AICC_FLOAT(LogOp, std::log(x))
AICC_FLOAT(SqrtOp, std::sqrt(x))
AICC_FLOAT(RsqrtOp, 1 / std::sqrt(x))
AICC_FLOAT(SinOp, std::sin(x))
AICC_FLOAT(CosOp, std::cos(x))
AICC_FLOAT(TanOp, std::tan(x))
AICC_FLOAT(AsinOp, std::asin(x))
AICC_FLOAT(AcosOp, std::acos(x))
AICC_FLOAT(AtanOp, std::atan(x))
AICC_FLOAT(SinhOp, std::sinh(x))
AICC_FLOAT(CoshOp, std::cosh(x))
AICC_FLOAT(TanhOp, std::tanh(x))
AICC_FLOAT(AsinhOp, std::asinh(x))
AICC_FLOAT(AcoshOp, std::acosh(x))
AICC_FLOAT(AtanhOp, std::atanh(x))
AICC_FLOAT(ErfOp, std::erf(x))
AICC_FLOAT(SigmoidOp, sigmoid(x))
AICC_FLOAT(SiluOp, x *sigmoid(x))
AICC_FLOAT(MishOp, x *std::tanh(softplus(x)))
AICC_FLOAT(SoftplusOp, softplus(x))
AICC_FLOAT(SoftsignOp, x / (1 + std::abs(x)))
AICC_FLOAT(HardSwishOp, x *clampUnit(x / 6 + 0.5))
#undef AICC_FLOAT

#define AICC_NUMERIC(OP, EXPRESSION)                                                                         \
  AICC_EVALUATE(OP) {                                                                                        \
    return evaluateNumeric<1>(*this, ctx, operands, results, [](auto x) -> decltype(x) {                     \
      using C = decltype(x);                                                                                 \
      constexpr bool isFloat = std::is_floating_point_v<C>;                                                  \
      (void)isFloat;                                                                                         \
      EXPRESSION                                                                                             \
    });                                                                                                      \
  }

AICC_NUMERIC(AbsOp, if constexpr (isFloat) return std::abs(x);
             else return std::is_signed_v<C> && x < 0 ? negate(x) : x;)
AICC_NUMERIC(NegOp, return negate(x);)
AICC_NUMERIC(SignOp, return x > 0 ? C(1) : x < 0 ? C(-1) : x;)
AICC_NUMERIC(ReciprocalOp, return divide(C(1), x);)
AICC_NUMERIC(FloorOp, if constexpr (isFloat) return std::floor(x); else return x;)
AICC_NUMERIC(CeilOp, if constexpr (isFloat) return std::ceil(x); else return x;)
AICC_NUMERIC(RoundOp, if constexpr (isFloat) return std::nearbyint(x); else return x;)
AICC_NUMERIC(ReluOp, return x < 0 ? C(0) : x;)
#undef AICC_NUMERIC

AICC_EVALUATE(NotOp) {
  ElementKind kind = getKind(operands[0]);
  if (isFloat(kind))
    return ctx.fail("needs integer or boolean elements");
  bool logical = kind == ElementKind::i1;
  return evaluateNumeric<1>(*this, ctx, operands, results,
                            [&](auto x) -> decltype(x) { return logical ? uint64_t(!x) : ~uint64_t(x); });
}

AICC_EVALUATE(IsNanOp) {
  return evaluatePredicate<1>(*this, ctx, operands, results, [](auto x) -> uint64_t { return x != x; });
}

AICC_EVALUATE(IsInfOp) {
  bool positive = getPositive(), negative = getNegative();
  return evaluatePredicate<1>(*this, ctx, operands, results, [=](auto x) -> uint64_t {
    if constexpr (std::is_floating_point_v<decltype(x)>)
      return std::isinf(x) && (x > 0 ? positive : negative);
    return 0;
  });
}

AICC_EVALUATE(GeluOp) {
  if (getTanh())
    return evaluateFloat(*this, ctx, operands, results, [](double x) {
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    });
  return evaluateFloat(*this, ctx, operands, results,
                       [](double x) { return 0.5 * x * (1 + std::erf(x * M_SQRT1_2)); });
}

AICC_EVALUATE(LeakyReluOp) {
  double alpha = getAlpha().convertToFloat();
  return evaluateFloat(*this, ctx, operands, results, [=](double x) { return x < 0 ? alpha * x : x; });
}

AICC_EVALUATE(EluOp) {
  double alpha = getAlpha().convertToFloat(), gamma = getGamma().convertToFloat();
  return evaluateFloat(*this, ctx, operands, results,
                       [=](double x) { return gamma * (x > 0 ? x : alpha * std::expm1(x)); });
}

AICC_EVALUATE(HardSigmoidOp) {
  double alpha = getAlpha().convertToFloat(), beta = getBeta().convertToFloat();
  return evaluateFloat(*this, ctx, operands, results, [=](double x) { return clampUnit(alpha * x + beta); });
}

AICC_EVALUATE(CastOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  if (type->getElementType() == operands[0].getElementType()) {
    results.push_back(operands[0]);
    return success();
  }
  auto same = [](auto x) { return x; };
  ElementKind kind = getKind(operands[0]);
  if (isFloat(kind) && kind != ElementKind::f64) // exact, and half the work
    results.push_back(mapElements<float, float, 1>(*type, operands, same));
  else
    results.push_back(dispatchCompute(kind, [&](auto zero) {
      using C = decltype(zero);
      return mapElements<C, C, 1>(*type, operands, same);
    }));
  return success();
}

//===--- binary and ternary -----------------------------------------------------------------------------===//

#define AICC_NUMERIC(OP, EXPRESSION)                                                                         \
  AICC_EVALUATE(OP) {                                                                                        \
    return evaluateNumeric<2>(*this, ctx, operands, results,                                                 \
                              [](auto x, auto y) -> decltype(x) { return EXPRESSION; });                     \
  }

AICC_NUMERIC(AddOp, addWrap(x, y))
AICC_NUMERIC(SubOp, addWrap(x, negate(y)))
AICC_NUMERIC(MulOp, mulWrap(x, y))
AICC_NUMERIC(DivOp, divide(x, y))
AICC_NUMERIC(MinOp, minNaN(x, y))
AICC_NUMERIC(MaxOp, maxNaN(x, y))
AICC_NUMERIC(PReluOp, x < 0 ? mulWrap(x, y) : x)
#undef AICC_NUMERIC

#define AICC_BITWISE(OP, OPERATOR)                                                                           \
  AICC_EVALUATE(OP) {                                                                                        \
    if (isFloat(getKind(operands[0])))                                                                       \
      return ctx.fail("needs integer or boolean elements");                                                  \
    return evaluateNumeric<2>(*this, ctx, operands, results, [](auto x, auto y) -> decltype(x) {             \
      return uint64_t(x) OPERATOR uint64_t(y);                                                               \
    });                                                                                                      \
  }

AICC_BITWISE(AndOp, &)
AICC_BITWISE(OrOp, |)
AICC_BITWISE(XorOp, ^)
#undef AICC_BITWISE

AICC_EVALUATE(ModOp) {
  bool fmod = getFmod();
  return evaluateNumeric<2>(*this, ctx, operands, results,
                            [=](auto x, auto y) -> decltype(x) { return remainder(x, y, fmod); });
}

AICC_EVALUATE(PowOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  if (isFloat(getKind(operands[0])) || isFloat(getKind(operands[1])))
    results.push_back(
        mapElements<double, double, 2>(*type, operands, [](double x, double y) { return std::pow(x, y); }));
  else
    results.push_back(mapElements<int64_t, int64_t, 2>(*type, operands, power));
  return success();
}

AICC_EVALUATE(ShiftOp) {
  ElementKind kind = getKind(operands[0]);
  if (isFloat(kind))
    return ctx.fail("needs integer elements");
  bool left = getLeft();
  uint64_t width = 8 * nn::detail::getSize(kind);
  return evaluateNumeric<2>(*this, ctx, operands, results, [=](auto x, auto y) -> decltype(x) {
    using C = decltype(x);
    if constexpr (std::is_floating_point_v<C>) {
      return 0;
    } else if (uint64_t(y) >= width) {
      return std::is_signed_v<C> && !left && x < 0 ? C(-1) : 0;
    } else {
      // Values are extended by their sign, so that a right shift fills with it.
      return left ? C(uint64_t(x) << uint64_t(y)) : C(x >> uint64_t(y));
    }
  });
}

AICC_EVALUATE(CompareOp) {
  auto with = [&](auto compare) { return evaluatePredicate<2>(*this, ctx, operands, results, compare); };
  switch (getKind()) {
  case CompareKind::eq:
    return with([](auto x, auto y) -> uint64_t { return x == y; });
  case CompareKind::ne:
    return with([](auto x, auto y) -> uint64_t { return x != y; });
  case CompareKind::lt:
    return with([](auto x, auto y) -> uint64_t { return x < y; });
  case CompareKind::le:
    return with([](auto x, auto y) -> uint64_t { return x <= y; });
  case CompareKind::gt:
    return with([](auto x, auto y) -> uint64_t { return x > y; });
  case CompareKind::ge:
    return with([](auto x, auto y) -> uint64_t { return x >= y; });
  }
  llvm_unreachable("unknown comparison");
}

AICC_EVALUATE(SelectOp) {
  return evaluateNumeric<3>(*this, ctx, operands, results, [](auto condition, auto x, auto y) -> decltype(x) {
    return condition != 0 ? x : y;
  });
}

} // namespace aicc::nn
