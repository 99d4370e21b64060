// The table of the math dialect's functions and what replaces each, and the rewriting around it: narrow
// floats through 32 bits, 64-bit floats into calls of the builtins.

#include "targets/cpu/codegen/MathLowering.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/FunctionCallUtils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "targets/cpu/codegen/MathFunctions.h"

using namespace mlir;
using namespace aicc::cpu;

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
  using Emit = Lanes (*)(Lanes, const CpuDescriptor &);
  LowerUnary(MLIRContext *context, const CpuDescriptor &cpu, Emit emit, StringRef builtin)
      : OpRewritePattern<Op>(context), cpu(cpu), emit(emit), builtin(builtin) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value x = op.getOperand();
    if (element.isF32() || (builtin.empty() && element.isF64()))
      rewriter.replaceOp(op, emit({&b, x}, cpu).v);
    else if (element.isF64())
      rewriter.replaceOp(op, callBuiltin(b, builtin, x));
    else
      return failure();
    return success();
  }

  CpuDescriptor cpu;
  Emit emit;
  StringRef builtin;
};

template <typename Op> struct LowerBinary : OpRewritePattern<Op> {
  using Emit = Lanes (*)(Lanes, Lanes, const CpuDescriptor &);
  LowerBinary(MLIRContext *context, const CpuDescriptor &cpu, Emit emit, StringRef builtin)
      : OpRewritePattern<Op>(context), cpu(cpu), emit(emit), builtin(builtin) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    if (element.isF32())
      rewriter.replaceOp(op, emit({&b, op.getLhs()}, {&b, op.getRhs()}, cpu).v);
    else if (element.isF64())
      rewriter.replaceOp(op, callBuiltin(b, builtin, {op.getLhs(), op.getRhs()}));
    else
      return failure();
    return success();
  }

  CpuDescriptor cpu;
  Emit emit;
  StringRef builtin;
};

struct LowerFPowI : OpRewritePattern<math::FPowIOp> {
  LowerFPowI(MLIRContext *context, const CpuDescriptor &cpu) : OpRewritePattern(context), cpu(cpu) {}

  LogicalResult matchAndRewrite(math::FPowIOp op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    if (!element.isF32() && !element.isF64())
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type wide = withElement(op.getRhs().getType(), b.getF64Type());
    Value y = b.create<arith::SIToFPOp>(wide, op.getRhs());
    rewriter.replaceOp(op, element.isF32() ? emitPow({&b, op.getLhs()}, {&b, y}, cpu).v
                                           : callBuiltin(b, "__aicc_pow_f64", {op.getLhs(), y}));
    return success();
  }

  CpuDescriptor cpu;
};

struct LowerIPowI : OpRewritePattern<math::IPowIOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::IPowIOp op, PatternRewriter &rewriter) const override {
    Type element = getElementTypeOrSelf(op.getType());
    if (!element.isInteger() || element.getIntOrFloatBitWidth() > 64)
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type wide = withElement(op.getType(), b.getI64Type());
    bool extend = wide != op.getType();
    auto widened = [&](Value v) -> Value { return extend ? b.create<arith::ExtSIOp>(wide, v) : v; };
    Value r = callBuiltin(b, "__aicc_ipow_i64", {widened(op.getLhs()), widened(op.getRhs())});
    // Powers modulo 2^64 are those of the narrow type in their low bits.
    rewriter.replaceOp(op, extend ? b.create<arith::TruncIOp>(op.getType(), r) : r);
    return success();
  }
};

/// Elementwise arithmetic on 16-bit floats, in 32 bits: result and operands are converted around it. Half
/// precision stays where the processor computes in it, except for functions.
struct WidenNarrowFloats : RewritePattern {
  WidenNarrowFloats(MLIRContext *context, const CpuDescriptor &cpu)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context), fp16(cpu.fp16) {}

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
static void unary(RewritePatternSet &patterns, const CpuDescriptor &cpu, typename LowerUnary<Op>::Emit emit,
                  StringRef builtin) {
  patterns.add<LowerUnary<Op>>(patterns.getContext(), cpu, emit, builtin);
}

void aicc::cpu::populateMathLoweringPatterns(RewritePatternSet &patterns, const CpuDescriptor &cpu) {
  unary<math::ExpOp>(patterns, cpu, emitExp, "__aicc_exp_f64");
  unary<math::Exp2Op>(patterns, cpu, emitExp2, "__aicc_exp2_f64");
  unary<math::ExpM1Op>(patterns, cpu, emitExpm1, "__aicc_expm1_f64");
  unary<math::LogOp>(patterns, cpu, emitLog, "__aicc_log_f64");
  unary<math::Log2Op>(patterns, cpu, emitLog2, "__aicc_log2_f64");
  unary<math::Log10Op>(patterns, cpu, emitLog10, "__aicc_log10_f64");
  unary<math::Log1pOp>(patterns, cpu, emitLog1p, "__aicc_log1p_f64");
  unary<math::SinhOp>(patterns, cpu, emitSinh, "__aicc_sinh_f64");
  unary<math::CoshOp>(patterns, cpu, emitCosh, "__aicc_cosh_f64");
  unary<math::TanhOp>(patterns, cpu, emitTanh, "__aicc_tanh_f64");
  unary<math::AsinhOp>(patterns, cpu, emitAsinh, "__aicc_asinh_f64");
  unary<math::AcoshOp>(patterns, cpu, emitAcosh, "__aicc_acosh_f64");
  unary<math::AtanhOp>(patterns, cpu, emitAtanh, "__aicc_atanh_f64");
  unary<math::ErfOp>(patterns, cpu, emitErf, "__aicc_erf_f64");
  unary<math::CbrtOp>(patterns, cpu, emitCbrt, "__aicc_cbrt_f64");
  unary<math::SinOp>(patterns, cpu, emitSin, "__aicc_sin_f64");
  unary<math::CosOp>(patterns, cpu, emitCos, "__aicc_cos_f64");
  unary<math::TanOp>(patterns, cpu, emitTan, "__aicc_tan_f64");
  unary<math::AsinOp>(patterns, cpu, emitAsin, "__aicc_asin_f64");
  unary<math::AcosOp>(patterns, cpu, emitAcos, "__aicc_acos_f64");
  unary<math::AtanOp>(patterns, cpu, emitAtan, "__aicc_atan_f64");
  unary<math::RsqrtOp>(patterns, cpu, emitRsqrt, "");
  MLIRContext *context = patterns.getContext();
  patterns.add<LowerBinary<math::PowFOp>>(context, cpu, emitPow, "__aicc_pow_f64");
  patterns.add<LowerBinary<math::Atan2Op>>(context, cpu, emitAtan2, "__aicc_atan2_f64");
  patterns.add<LowerFPowI>(context, cpu);
  patterns.add<LowerIPowI>(context);
  patterns.add<WidenNarrowFloats>(context, cpu);
  if (!cpu.bf16)
    arith::populateExpandBFloat16Patterns(patterns);
}
