// The table of the math dialect's functions and what replaces each, and the rewriting around it: narrow
// floats through 32 bits, 64-bit floats into calls of the builtins.

#include "targets/kernel/MathLowering.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "targets/kernel/MathFunctions.h"

using namespace mlir;
using namespace aicc::kernel;

/// Calls the builtin `name` for each lane of `operands`, which have one shape and elements of one type.
static Value callBuiltin(ImplicitLocOpBuilder &b, StringRef name, ValueRange operands) {
  Type type = operands[0].getType(), element = getElementTypeOrSelf(type);
  auto module = b.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  LLVM::LLVMFuncOp callee =
      LLVM::lookupOrCreateFn(module, name, SmallVector<Type>(operands.size(), element), element);
  auto call = [&](ValueRange scalars) { return b.create<LLVM::CallOp>(callee, scalars).getResult(); };
  auto vector = dyn_cast<VectorType>(type);
  if (!vector)
    return call(operands);
  Value result = b.create<arith::ConstantOp>(b.getZeroAttr(vector));
  SmallVector<int64_t> strides = computeStrides(vector.getShape());
  for (int64_t i = 0, e = vector.getNumElements(); i < e; ++i) {
    SmallVector<int64_t> position = delinearize(i, strides);
    SmallVector<Value> scalars;
    for (Value operand : operands)
      scalars.push_back(b.create<vector::ExtractOp>(operand, position));
    result = b.create<vector::InsertOp>(call(scalars), result, position);
  }
  return result;
}

static bool isNarrowFloat(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isF16() || element.isBF16();
}

static Type withElement(Type type, Type element) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(vector.clone(element)) : element;
}

namespace {

/// A function of one argument: its approximation in 32 bits, and the builtin's name in 64.
template <typename Op> struct LowerUnary : OpRewritePattern<Op> {
  using Emit = Lanes (*)(Lanes, const MathFeatures &);
  using EmitWide = Lanes (*)(Lanes);
  LowerUnary(MLIRContext *context, const MathFeatures &features, Emit emit, StringRef builtin,
             EmitWide emitWide)
      : OpRewritePattern<Op>(context), features(features), emit(emit), builtin(builtin), emitWide(emitWide) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value x = op.getOperand();
    if (element.isF32() || (builtin.empty() && element.isF64()))
      rewriter.replaceOp(op, emit({&b, x}, features).v);
    else if (element.isF64() && features.builtins)
      rewriter.replaceOp(op, callBuiltin(b, builtin, x));
    else if (element.isF64() && emitWide)
      rewriter.replaceOp(op, emitWide({&b, x}).v);
    else if (element.isF64())
      rewriter.replaceOp(op, emit(Lanes{&b, x}.toF32(), features).toF64().v);
    else
      return failure();
    return success();
  }

  MathFeatures features;
  Emit emit;
  StringRef builtin;
  EmitWide emitWide;
};

template <typename Op> struct LowerBinary : OpRewritePattern<Op> {
  using Emit = Lanes (*)(Lanes, Lanes, const MathFeatures &);
  LowerBinary(MLIRContext *context, const MathFeatures &features, Emit emit, StringRef builtin)
      : OpRewritePattern<Op>(context), features(features), emit(emit), builtin(builtin) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    if (element.isF32())
      rewriter.replaceOp(op, emit({&b, op.getLhs()}, {&b, op.getRhs()}, features).v);
    else if (element.isF64() && features.builtins)
      rewriter.replaceOp(op, callBuiltin(b, builtin, {op.getLhs(), op.getRhs()}));
    else if (element.isF64() && isa<math::PowFOp>(op))
      rewriter.replaceOp(op, emitPowWide({&b, op.getLhs()}, {&b, op.getRhs()}).v);
    else if (element.isF64())
      rewriter.replaceOp(
          op, emit(Lanes{&b, op.getLhs()}.toF32(), Lanes{&b, op.getRhs()}.toF32(), features).toF64().v);
    else
      return failure();
    return success();
  }

  MathFeatures features;
  Emit emit;
  StringRef builtin;
};

struct LowerFPowI : OpRewritePattern<math::FPowIOp> {
  LowerFPowI(MLIRContext *context, const MathFeatures &features)
      : OpRewritePattern(context), features(features) {}

  LogicalResult matchAndRewrite(math::FPowIOp op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    if (!element.isF32() && !element.isF64())
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type wide = withElement(op.getRhs().getType(), b.getF64Type());
    Value y = b.create<arith::SIToFPOp>(wide, op.getRhs());
    if (element.isF32())
      rewriter.replaceOp(op, emitPow({&b, op.getLhs()}, {&b, y}, features).v);
    else if (features.builtins)
      rewriter.replaceOp(op, callBuiltin(b, "__aicc_pow_f64", {op.getLhs(), y}));
    else
      rewriter.replaceOp(op, emitPowWide({&b, op.getLhs()}, {&b, y}).v);
    return success();
  }

  MathFeatures features;
};

struct LowerIPowI : OpRewritePattern<math::IPowIOp> {
  LowerIPowI(MLIRContext *context, const MathFeatures &features)
      : OpRewritePattern(context), features(features) {}

  LogicalResult matchAndRewrite(math::IPowIOp op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    if (!element.isInteger() || element.getIntOrFloatBitWidth() > 64)
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type wide = withElement(op.getType(), b.getI64Type());
    bool extend = wide != op.getType();
    auto widened = [&](Value v) -> Value { return extend ? b.create<arith::ExtSIOp>(wide, v) : v; };
    Value x = widened(op.getLhs()), n = widened(op.getRhs());
    Value r =
        features.builtins ? callBuiltin(b, "__aicc_ipow_i64", {x, n}) : emitIntegerPower({&b, x}, {&b, n}).v;
    // Powers modulo 2^64 are those of the narrow type in their low bits.
    rewriter.replaceOp(op, extend ? b.create<arith::TruncIOp>(op.getType(), r) : r);
    return success();
  }

  MathFeatures features;
};

/// fmod without an instruction or a builtin: exact while the quotient is below 2^52.
struct LowerRemF : OpRewritePattern<arith::RemFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::RemFOp op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    if (!element.isF32() && !element.isF64())
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Lanes x{&b, op.getLhs()}, y{&b, op.getRhs()};
    rewriter.replaceOp(op, element.isF64() ? emitRemainder(x, y).v
                                           : emitRemainder(x.toF64(), y.toF64()).toF32().v);
    return success();
  }
};

/// Elementwise arithmetic on 16-bit floats, in 32 bits: result and operands are converted around it. Half
/// precision stays where the processor computes in it, except for functions.
struct WidenNarrowFloats : RewritePattern {
  WidenNarrowFloats(MLIRContext *context, const MathFeatures &features)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context), fp16(features.fp16) {}

  LogicalResult matchAndRewrite(Operation *op, PatternRewriter &rewriter) const override {
    bool isMath = isa<math::MathDialect>(op->getDialect());
    if (!isMath && !isa<arith::ArithDialect>(op->getDialect()))
      return failure();
    if (isa<arith::ExtFOp, arith::TruncFOp, arith::BitcastOp, arith::ConstantOp, arith::SelectOp>(op))
      return failure();
    auto widens = [&](Type type) {
      return isNarrowFloat(type) && (isMath || !fp16 || !getElementTypeOrSelf(type).isF16());
    };
    if (llvm::none_of(op->getOperandTypes(), widens) && llvm::none_of(op->getResultTypes(), widens))
      return failure();
    Location loc = op->getLoc();
    Type f32 = rewriter.getF32Type();
    SmallVector<Value> operands;
    for (Value v : op->getOperands())
      operands.push_back(
          widens(v.getType()) ? rewriter.create<arith::ExtFOp>(loc, withElement(v.getType(), f32), v) : v);
    SmallVector<Type> types;
    for (Type type : op->getResultTypes())
      types.push_back(widens(type) ? withElement(type, f32) : type);
    Operation *wide = rewriter.create(loc, op->getName().getIdentifier(), operands, types, op->getAttrs());
    SmallVector<Value> results;
    for (auto [result, type] : llvm::zip(wide->getResults(), op->getResultTypes()))
      results.push_back(result.getType() == type ? Value(result)
                                                 : rewriter.create<arith::TruncFOp>(loc, type, result));
    rewriter.replaceOp(op, results);
    return success();
  }

  bool fp16;
};

} // namespace

template <typename Op>
static void unary(RewritePatternSet &patterns, const MathFeatures &features,
                  typename LowerUnary<Op>::Emit emit, StringRef builtin,
                  typename LowerUnary<Op>::EmitWide emitWide = nullptr) {
  patterns.add<LowerUnary<Op>>(patterns.getContext(), features, emit, builtin, emitWide);
}

void aicc::kernel::populateMathLoweringPatterns(RewritePatternSet &patterns, const MathFeatures &features) {
  unary<math::ExpOp>(patterns, features, emitExp, "__aicc_exp_f64", emitExpWide);
  unary<math::Exp2Op>(patterns, features, emitExp2, "__aicc_exp2_f64", emitExp2Wide);
  unary<math::ExpM1Op>(patterns, features, emitExpm1, "__aicc_expm1_f64");
  unary<math::LogOp>(patterns, features, emitLog, "__aicc_log_f64", emitLogWide);
  unary<math::Log2Op>(patterns, features, emitLog2, "__aicc_log2_f64", emitLog2Wide);
  unary<math::Log10Op>(patterns, features, emitLog10, "__aicc_log10_f64");
  unary<math::Log1pOp>(patterns, features, emitLog1p, "__aicc_log1p_f64");
  unary<math::SinhOp>(patterns, features, emitSinh, "__aicc_sinh_f64");
  unary<math::CoshOp>(patterns, features, emitCosh, "__aicc_cosh_f64");
  unary<math::TanhOp>(patterns, features, emitTanh, "__aicc_tanh_f64", emitTanhWide);
  unary<math::AsinhOp>(patterns, features, emitAsinh, "__aicc_asinh_f64");
  unary<math::AcoshOp>(patterns, features, emitAcosh, "__aicc_acosh_f64");
  unary<math::AtanhOp>(patterns, features, emitAtanh, "__aicc_atanh_f64");
  unary<math::ErfOp>(patterns, features, emitErf, "__aicc_erf_f64");
  unary<math::CbrtOp>(patterns, features, emitCbrt, "__aicc_cbrt_f64");
  unary<math::SinOp>(patterns, features, emitSin, "__aicc_sin_f64");
  unary<math::CosOp>(patterns, features, emitCos, "__aicc_cos_f64");
  unary<math::TanOp>(patterns, features, emitTan, "__aicc_tan_f64");
  unary<math::AsinOp>(patterns, features, emitAsin, "__aicc_asin_f64");
  unary<math::AcosOp>(patterns, features, emitAcos, "__aicc_acos_f64");
  unary<math::AtanOp>(patterns, features, emitAtan, "__aicc_atan_f64");
  unary<math::RsqrtOp>(patterns, features, emitRsqrt, "");
  MLIRContext *context = patterns.getContext();
  patterns.add<LowerBinary<math::PowFOp>>(context, features, emitPow, "__aicc_pow_f64");
  patterns.add<LowerBinary<math::Atan2Op>>(context, features, emitAtan2, "__aicc_atan2_f64");
  patterns.add<LowerFPowI>(context, features);
  patterns.add<LowerIPowI>(context, features);
  if (!features.builtins)
    patterns.add<LowerRemF>(context);
  patterns.add<WidenNarrowFloats>(context, features);
  if (!features.bf16 && features.expandBf16)
    arith::populateExpandBFloat16Patterns(patterns);
}
