// Operators with one result element per element: arithmetic, activations, comparisons, logic, conversions.

#include "dialects/nn/Formats.h"
#include "frontends/onnx/Node.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

template <typename OpTy> Results unary(Node &n) { return n.make<OpTy>(n.in(0)); }
template <typename OpTy> Results binary(Node &n) { return n.make<OpTy>(n.in(0), n.in(1)); }
template <nn::CompareKind kind> Results compare(Node &n) { return n.builder.compare(n.in(0), n.in(1), kind); }

template <typename OpTy> Value fold(Node &n) {
  Value result = n.in(0);
  for (unsigned i = 1; i < n.getNumInputs(); ++i)
    result = n.make<OpTy>(result, n.in(i));
  return result;
}
template <typename OpTy> Results variadic(Node &n) { return fold<OpTy>(n); }

Results importMean(Node &n) {
  return n.div(fold<nn::AddOp>(n), n.builder.scalarLike(n.getNumInputs(), n.in(0)));
}

Results importIdentity(Node &n) { return n.in(0); }

Results importClip(Node &n) {
  Value x = n.in(0);
  const bool attributes = n.opset < 11;
  Value low =
      attributes ? n.hasAttr("min") ? n.builder.scalarLike(n.getFloat("min"), x) : Value() : n.getOptional(1);
  Value high =
      attributes ? n.hasAttr("max") ? n.builder.scalarLike(n.getFloat("max"), x) : Value() : n.getOptional(2);
  if (low)
    x = n.make<nn::MaxOp>(x, low);
  if (high)
    x = n.make<nn::MinOp>(x, high);
  return x;
}

Value cast(Node &n, Type to) {
  const std::string mode = n.getString("round_mode", "up");
  std::optional<nn::ScaleRounding> rounding = nn::symbolizeScaleRounding(mode);
  if (!rounding)
    throw ImportError("attribute 'round_mode' is '" + mode + "', not up, down or nearest");
  return n.builder.convert(n.in(0), to, n.getInt("saturate", 1) != 0, *rounding);
}
Results importCast(Node &n) { return cast(n, n.getType(n.getInt("to"))); }
Results importCastLike(Node &n) { return cast(n, n.getElement(n.in(1))); }

Results importBitCast(Node &n) {
  Value x = n.in(0);
  const Type from = n.getElement(x), to = n.getType(n.getInt("to"));
  auto getWidth = [](Type type) -> unsigned {
    auto narrow = dyn_cast<nn::NarrowType>(type);
    return narrow              ? nn::getCodeBits(narrow.getFormat())
           : type.isInteger(1) ? 8
                               : type.getIntOrFloatBitWidth();
  };
  if (getWidth(from) != getWidth(to))
    throw ImportError("the types' widths differ: " + Twine(getWidth(from)) + " and " + Twine(getWidth(to)) +
                      " bits");
  // Booleans are 0 or 1 in a byte.
  const Type byte = n.builder.getBuilder().getIntegerType(8, /*isSigned=*/false);
  if (from == to)
    return x;
  if (from.isInteger(1))
    x = n.builder.convert(x, byte);
  return to.isInteger(1) ? n.builder.convert(n.builder.bitcast(x, byte), to) : n.builder.bitcast(x, to);
}

Results importGelu(Node &n) {
  const std::string approximate = n.getString("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    throw ImportError("attribute 'approximate' is neither none nor tanh");
  return n.make<nn::GeluOp>(n.in(0), approximate == "tanh");
}

Results importLeakyRelu(Node &n) {
  return n.make<nn::LeakyReluOp>(n.in(0), n.builder.f32(n.getFloat("alpha", 0.01)));
}
Results importElu(Node &n) {
  return n.make<nn::EluOp>(n.in(0), n.builder.f32(n.getFloat("alpha", 1)), n.builder.f32(1));
}
Results importSelu(Node &n) {
  return n.make<nn::EluOp>(n.in(0), n.builder.f32(n.getFloat("alpha", 1.67326319217681884765625)),
                           n.builder.f32(n.getFloat("gamma", 1.05070102214813232421875)));
}
Results importCelu(Node &n) {
  // max(0, x) + min(0, alpha (e^(x / alpha) - 1)) = alpha elu(x / alpha)
  const double alpha = n.getFloat("alpha", 1);
  if (alpha == 0)
    throw ImportError("alpha is 0");
  Value scaled = n.div(n.in(0), n.builder.scalarLike(alpha, n.in(0)));
  return n.mul(n.make<nn::EluOp>(scaled, n.builder.f32(1), n.builder.f32(1)), alpha);
}
Results importHardSigmoid(Node &n) {
  return n.make<nn::HardSigmoidOp>(n.in(0), n.builder.f32(n.getFloat("alpha", 0.2)),
                                   n.builder.f32(n.getFloat("beta", 0.5)));
}
Results importThresholdedRelu(Node &n) {
  Value x = n.in(0), alpha = n.builder.scalarLike(n.getFloat("alpha", 1), x);
  return n.make<nn::SelectOp>(n.builder.compare(x, alpha, nn::CompareKind::gt), x,
                              n.builder.scalarLike(0, x));
}
Results importShrink(Node &n) {
  const double bias = n.getFloat("bias", 0), lambda = n.getFloat("lambd", 0.5);
  Value x = n.in(0), zero = n.builder.scalarLike(0, x);
  Value below = n.builder.compare(x, n.builder.scalarLike(-lambda, x), nn::CompareKind::lt);
  Value above = n.builder.compare(x, n.builder.scalarLike(lambda, x), nn::CompareKind::gt);
  return n.make<nn::SelectOp>(below, n.add(x, bias), n.make<nn::SelectOp>(above, n.add(x, -bias), zero));
}
Results importSwish(Node &n) {
  Value x = n.in(0);
  const double alpha = n.getFloat("alpha", 1);
  return alpha == 1 ? n.make<nn::SiluOp>(x) : n.mul(x, n.make<nn::SigmoidOp>(n.mul(x, alpha)));
}
Results importIsInf(Node &n) {
  return n.make<nn::IsInfOp>(n.in(0), n.getInt("detect_positive", 1) != 0,
                             n.getInt("detect_negative", 1) != 0);
}
Results importMod(Node &n) { return n.make<nn::ModOp>(n.in(0), n.in(1), n.getInt("fmod", 0) != 0); }
Results importBitShift(Node &n) {
  const std::string direction = n.getString("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    throw ImportError("attribute 'direction' is neither LEFT nor RIGHT");
  return n.make<nn::ShiftOp>(n.in(0), n.in(1), direction == "LEFT");
}
Results importWhere(Node &n) { return n.make<nn::SelectOp>(n.in(0), n.in(1), n.in(2)); }

// com.microsoft
Results importBiasGelu(Node &n) { return n.make<nn::GeluOp>(n.add(n.in(0), n.in(1)), false); }
Results importFastGelu(Node &n) {
  return n.make<nn::GeluOp>(n.has(1) ? n.add(n.in(0), n.in(1)) : n.in(0), true);
}
Results importQuickGelu(Node &n) {
  return n.mul(n.in(0), n.make<nn::SigmoidOp>(n.mul(n.in(0), n.getFloat("alpha", 1.702))));
}
} // namespace

void addElementwiseOps(OpTable &t) {
  t.add("Abs", unary<nn::AbsOp>);
  t.add("Neg", unary<nn::NegOp>);
  t.add("Sign", unary<nn::SignOp>);
  t.add("Exp", unary<nn::ExpOp>);
  t.add("Log", unary<nn::LogOp>);
  t.add("Sqrt", unary<nn::SqrtOp>);
  t.add("Reciprocal", unary<nn::ReciprocalOp>);
  t.add("Floor", unary<nn::FloorOp>);
  t.add("Ceil", unary<nn::CeilOp>);
  t.add("Round", unary<nn::RoundOp>);
  t.add("Sin", unary<nn::SinOp>);
  t.add("Cos", unary<nn::CosOp>);
  t.add("Tan", unary<nn::TanOp>);
  t.add("Asin", unary<nn::AsinOp>);
  t.add("Acos", unary<nn::AcosOp>);
  t.add("Atan", unary<nn::AtanOp>);
  t.add("Sinh", unary<nn::SinhOp>);
  t.add("Cosh", unary<nn::CoshOp>);
  t.add("Tanh", unary<nn::TanhOp>);
  t.add("Asinh", unary<nn::AsinhOp>);
  t.add("Acosh", unary<nn::AcoshOp>);
  t.add("Atanh", unary<nn::AtanhOp>);
  t.add("Erf", unary<nn::ErfOp>);
  t.add("Sigmoid", unary<nn::SigmoidOp>);
  t.add("Relu", unary<nn::ReluOp>);
  t.add("Mish", unary<nn::MishOp>);
  t.add("Softplus", unary<nn::SoftplusOp>);
  t.add("Softsign", unary<nn::SoftsignOp>);
  t.add("HardSwish", unary<nn::HardSwishOp>);
  t.add("Not", unary<nn::NotOp>);
  t.add("BitwiseNot", unary<nn::NotOp>);
  t.add("IsNaN", unary<nn::IsNanOp>);
  t.add("IsInf", importIsInf);
  t.add("Gelu", importGelu);
  t.add("LeakyRelu", importLeakyRelu);
  t.add("Elu", importElu);
  t.add("Selu", importSelu);
  t.add("Celu", importCelu);
  t.add("HardSigmoid", importHardSigmoid);
  t.add("ThresholdedRelu", importThresholdedRelu);
  t.add("Shrink", importShrink);
  t.add("Swish", importSwish);
  t.add("Clip", importClip);
  t.add("Cast", importCast);
  t.add("CastLike", importCastLike);
  t.add("BitCast", importBitCast);
  t.add("Identity", importIdentity);

  t.add("Add", binary<nn::AddOp>);
  t.add("Sub", binary<nn::SubOp>);
  t.add("Mul", binary<nn::MulOp>);
  t.add("Div", binary<nn::DivOp>);
  t.add("Mod", importMod);
  t.add("Pow", binary<nn::PowOp>);
  t.add("Sum", variadic<nn::AddOp>);
  t.add("Mean", importMean);
  t.add("Min", variadic<nn::MinOp>);
  t.add("Max", variadic<nn::MaxOp>);
  t.add("And", binary<nn::AndOp>);
  t.add("Or", binary<nn::OrOp>);
  t.add("Xor", binary<nn::XorOp>);
  t.add("BitwiseAnd", binary<nn::AndOp>);
  t.add("BitwiseOr", binary<nn::OrOp>);
  t.add("BitwiseXor", binary<nn::XorOp>);
  t.add("BitShift", importBitShift);
  t.add("Equal", compare<nn::CompareKind::eq>);
  t.add("Less", compare<nn::CompareKind::lt>);
  t.add("LessOrEqual", compare<nn::CompareKind::le>);
  t.add("Greater", compare<nn::CompareKind::gt>);
  t.add("GreaterOrEqual", compare<nn::CompareKind::ge>);
  t.add("Where", importWhere);

  t.add(OpTable::microsoft, "Gelu", 1, OpTable::anyOpset, importGelu);
  t.add(OpTable::microsoft, "BiasGelu", 1, OpTable::anyOpset, importBiasGelu);
  t.add(OpTable::microsoft, "FastGelu", 1, OpTable::anyOpset, importFastGelu);
  t.add(OpTable::microsoft, "QuickGelu", 1, OpTable::anyOpset, importQuickGelu);
}
} // namespace aicc::onnx_import
