// Sizes and element types of elementwise operations.

#include "dialects/nn/Formats.h"
#include "dialects/nn/InferSupport.h"

using namespace mlir;
using namespace aicc::nn;

/// Operand's sizes and element type; the element must be one that `accepts` takes.
template <typename Adaptor>
static LogicalResult inferUnary(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results,
                                bool (*accepts)(Type), StringRef what) {
  Type element = elementOf(adaptor.getInput());
  if (failed(checkElement(ctx, element, accepts, what)))
    return failure();
  return result(results, operands[0], element);
}

/// Broadcast sizes; both elements must be equal and one that `accepts` takes.
template <typename Adaptor>
static LogicalResult inferBinary(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results,
                                 bool (*accepts)(Type), StringRef what) {
  Type element = elementOf(adaptor.getLhs());
  if (failed(checkSameElements(ctx, adaptor.getOperands())) ||
      failed(checkElement(ctx, element, accepts, what)))
    return failure();
  FailureOr<SymShape> shape = ctx.broadcast(operands);
  return failed(shape) ? failure() : result(results, *shape, element);
}

static bool isBits(Type type) { return isa<IntegerType>(type); }
static bool isIntOrFloat(Type type) { return type.isIntOrFloat(); }
static bool isCode(Type type) { return type.isUnsignedInteger(8); }

#define AICC_NN_UNARY(OP, ACCEPTS, WHAT)                                                                     \
  LogicalResult OP::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {           \
    return inferUnary(ctx, adaptor, operands, results, ACCEPTS, WHAT);                                       \
  }
#define AICC_NN_FLOAT(OP) AICC_NN_UNARY(OP, isFloat, "floating-point elements")
#define AICC_NN_BINARY(OP, ACCEPTS, WHAT)                                                                    \
  LogicalResult OP::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {           \
    return inferBinary(ctx, adaptor, operands, results, ACCEPTS, WHAT);                                      \
  }

AICC_NN_UNARY(AbsOp, isNumber, "numbers")
AICC_NN_UNARY(NegOp, isNumber, "numbers")
AICC_NN_UNARY(SignOp, isNumber, "numbers")
AICC_NN_UNARY(ReluOp, isNumber, "numbers")
AICC_NN_UNARY(NotOp, isBits, "booleans or integers")
AICC_NN_FLOAT(ExpOp)
AICC_NN_FLOAT(LogOp)
AICC_NN_FLOAT(SqrtOp)
AICC_NN_FLOAT(RsqrtOp)
AICC_NN_FLOAT(ReciprocalOp)
AICC_NN_FLOAT(FloorOp)
AICC_NN_FLOAT(CeilOp)
AICC_NN_FLOAT(RoundOp)
AICC_NN_FLOAT(SinOp)
AICC_NN_FLOAT(CosOp)
AICC_NN_FLOAT(TanOp)
AICC_NN_FLOAT(AsinOp)
AICC_NN_FLOAT(AcosOp)
AICC_NN_FLOAT(AtanOp)
AICC_NN_FLOAT(SinhOp)
AICC_NN_FLOAT(CoshOp)
AICC_NN_FLOAT(TanhOp)
AICC_NN_FLOAT(AsinhOp)
AICC_NN_FLOAT(AcoshOp)
AICC_NN_FLOAT(AtanhOp)
AICC_NN_FLOAT(ErfOp)
AICC_NN_FLOAT(SigmoidOp)
AICC_NN_FLOAT(SiluOp)
AICC_NN_FLOAT(MishOp)
AICC_NN_FLOAT(SoftplusOp)
AICC_NN_FLOAT(SoftsignOp)
AICC_NN_FLOAT(HardSwishOp)
AICC_NN_FLOAT(GeluOp)
AICC_NN_FLOAT(LeakyReluOp)
AICC_NN_FLOAT(EluOp)
AICC_NN_FLOAT(HardSigmoidOp)
AICC_NN_BINARY(AddOp, isNumber, "numbers")
AICC_NN_BINARY(SubOp, isNumber, "numbers")
AICC_NN_BINARY(MulOp, isNumber, "numbers")
AICC_NN_BINARY(DivOp, isNumber, "numbers")
AICC_NN_BINARY(ModOp, isNumber, "numbers")
AICC_NN_BINARY(MinOp, isNumber, "numbers")
AICC_NN_BINARY(MaxOp, isNumber, "numbers")
AICC_NN_BINARY(PReluOp, isNumber, "numbers")
AICC_NN_BINARY(AndOp, isBits, "booleans or integers")
AICC_NN_BINARY(OrOp, isBits, "booleans or integers")
AICC_NN_BINARY(XorOp, isBits, "booleans or integers")
AICC_NN_BINARY(ShiftOp, isInteger, "integers")

LogicalResult IsNanOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  if (failed(checkFloat(ctx, elementOf(adaptor.getInput()))))
    return failure();
  return result(results, operands[0], IntegerType::get(ctx.getContext(), 1));
}

LogicalResult IsInfOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  if (failed(checkFloat(ctx, elementOf(adaptor.getInput()))))
    return failure();
  return result(results, operands[0], IntegerType::get(ctx.getContext(), 1));
}

LogicalResult CastOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  if (!isElementType(adaptor.getTo()) || !adaptor.getTo().isIntOrFloat())
    return ctx.fail("cannot convert to " + text(adaptor.getTo()));
  if (failed(checkElement(ctx, elementOf(adaptor.getInput()), isIntOrFloat, "numbers or booleans")))
    return failure();
  return result(results, operands[0], adaptor.getTo());
}

LogicalResult BitcastOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  Type from = elementOf(adaptor.getInput()), to = adaptor.getTo();
  if (!isElementType(to) || isBool(to) || isBool(from) || getElementSize(to) != getElementSize(from))
    return ctx.fail("cannot read the bits of " + text(from) + " as " + text(to));
  return result(results, operands[0], to);
}

LogicalResult DecodeOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  if (failed(checkElement(ctx, elementOf(adaptor.getInput()), isCode, "codes of ui8")))
    return failure();
  if (isIntegerFormat(adaptor.getFormat()))
    return ctx.fail("decodes floats only");
  return result(results, operands[0], Float32Type::get(ctx.getContext()));
}

LogicalResult EncodeOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  Type element = elementOf(adaptor.getInput());
  if (!element.isF32() && !element.isF64())
    return ctx.fail("needs f32 or f64, has " + text(element));
  if (isIntegerFormat(adaptor.getFormat()))
    return ctx.fail("encodes floats only");
  return result(results, operands[0], IntegerType::get(ctx.getContext(), 8, IntegerType::Unsigned));
}

LogicalResult PowOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  Type element = elementOf(adaptor.getLhs());
  if (failed(checkNumber(ctx, element)) || failed(checkNumber(ctx, elementOf(adaptor.getRhs()))))
    return failure();
  FailureOr<SymShape> shape = ctx.broadcast(operands);
  return failed(shape) ? failure() : result(results, *shape, element);
}

LogicalResult CompareOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  if (failed(inferBinary(ctx, adaptor, operands, results, isIntOrFloat, "numbers or booleans")))
    return failure();
  results.back().element = IntegerType::get(ctx.getContext(), 1);
  return success();
}

LogicalResult SelectOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  if (failed(checkElement(ctx, elementOf(adaptor.getCondition()), isBool, "a condition of booleans")) ||
      failed(checkSameElements(ctx, adaptor.getOperands().drop_front())))
    return failure();
  FailureOr<SymShape> shape = ctx.broadcast(operands);
  return failed(shape) ? failure() : result(results, *shape, elementOf(adaptor.getLhs()));
}
