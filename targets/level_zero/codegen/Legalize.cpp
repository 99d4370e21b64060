// Patterns that leave only what the translation knows, all in arith and math.

#include "targets/level_zero/codegen/Legalize.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

void aicc::level_zero::prepareContext(MLIRContext *context) {
  context->loadDialect<LLVM::LLVMDialect, arith::ArithDialect, cf::ControlFlowDialect, gpu::GPUDialect,
                       math::MathDialect, scf::SCFDialect, spirv::SPIRVDialect, ub::UBDialect,
                       vector::VectorDialect>();
}

static Type withElement(Type type, Type element) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(vector.clone(element)) : element;
}

static Value integerLike(ImplicitLocOpBuilder &b, Type type, const APInt &value) {
  TypedAttr attr = b.getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, attr);
  return b.create<arith::ConstantOp>(attr);
}

/// Integers of the same width as the floats in `type`.
static Type bitsOf(Type type) {
  Type element = getElementTypeOrSelf(type);
  return withElement(type, IntegerType::get(type.getContext(), element.getIntOrFloatBitWidth()));
}

namespace {

using arith::FastMathFlags;

template <typename Op> bool mayContract(Op op) {
  return bitEnumContainsAll(op.getFastmath(), FastMathFlags::contract);
}

/// a * b + c, a * b - c and c - a * b.
template <typename Op> struct Contract : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (!mayContract(op))
      return failure();
    auto product = [](Value v) -> arith::MulFOp {
      auto mul = v.getDefiningOp<arith::MulFOp>();
      return mul && mul->hasOneUse() && mayContract(mul) ? mul : arith::MulFOp();
    };
    bool isSub = std::is_same_v<Op, arith::SubFOp>;
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto negate = [&](Value v) -> Value { return isSub ? b.create<arith::NegFOp>(v) : v; };
    if (auto mul = product(op.getLhs()))
      rewriter.replaceOpWithNewOp<math::FmaOp>(op, mul.getLhs(), mul.getRhs(), negate(op.getRhs()));
    else if (auto mul = product(op.getRhs()))
      rewriter.replaceOpWithNewOp<math::FmaOp>(op, negate(mul.getLhs()), mul.getRhs(), op.getLhs());
    else
      return failure();
    return success();
  }
};

/// arith.maximumf and minimumf: NaN if either is, and -0 < +0.
template <typename Op, typename NumOp, bool isMax> struct ExpandExtremum : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    using arith::CmpFPredicate;
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value x = op.getLhs(), y = op.getRhs();
    APFloat number(0.f);
    if (matchPattern(x, m_ConstantFloat(&number)))
      std::swap(x, y);
    if (matchPattern(y, m_ConstantFloat(&number)) && !number.isNaN()) {
      // One comparison will do: NaN compares false and stays. With equal zeros the sign decides.
      bool yWinsTies = number.isNegative() != isMax;
      CmpFPredicate predicate = isMax ? (yWinsTies ? CmpFPredicate::OLE : CmpFPredicate::OLT)
                                      : (yWinsTies ? CmpFPredicate::OGE : CmpFPredicate::OGT);
      rewriter.replaceOpWithNewOp<arith::SelectOp>(op, b.create<arith::CmpFOp>(predicate, x, y), y, x);
      return success();
    }
    Type bits = bitsOf(x.getType());
    Value xBits = b.create<arith::BitcastOp>(bits, x), yBits = b.create<arith::BitcastOp>(bits, y);
    Value both = isMax ? Value(b.create<arith::AndIOp>(xBits, yBits)) : b.create<arith::OrIOp>(xBits, yBits);
    Value equal = b.create<arith::CmpFOp>(CmpFPredicate::OEQ, x, y);
    Value r = b.create<arith::SelectOp>(equal, b.create<arith::BitcastOp>(x.getType(), both),
                                        b.create<NumOp>(x, y));
    Value unordered = b.create<arith::CmpFOp>(CmpFPredicate::UNO, x, y);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, unordered, b.create<arith::AddFOp>(x, y), r);
    return success();
  }
};

/// Between bf16 and what is neither it nor f32, through f32.
template <typename Op> struct ConvertBf16ThroughF32 : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    Type from = op.getIn().getType(), to = op.getType(), f32 = withElement(to, rewriter.getF32Type());
    if ((!getElementTypeOrSelf(from).isBF16() && !getElementTypeOrSelf(to).isBF16()) || from == f32 ||
        to == f32)
      return failure();
    Value middle = rewriter.create<Op>(op.getLoc(), f32, op.getIn());
    rewriter.replaceOpWithNewOp<Op>(op, to, middle);
    return success();
  }
};

struct ExpandTrunc : OpRewritePattern<math::TruncOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::TruncOp op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value x = op.getOperand(), zero = b.create<arith::ConstantOp>(b.getZeroAttr(op.getType()));
    Value negative = b.create<arith::CmpFOp>(arith::CmpFPredicate::OLT, x, zero);
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, negative, b.create<math::CeilOp>(x),
                                                 b.create<math::FloorOp>(x));
    return success();
  }
};

struct ExpandCopySign : OpRewritePattern<math::CopySignOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::CopySignOp op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type bits = bitsOf(op.getType());
    unsigned width = getElementTypeOrSelf(bits).getIntOrFloatBitWidth();
    Value x = b.create<arith::BitcastOp>(bits, op.getLhs()),
          y = b.create<arith::BitcastOp>(bits, op.getRhs());
    x = b.create<arith::AndIOp>(x, integerLike(b, bits, APInt::getSignedMaxValue(width)));
    y = b.create<arith::AndIOp>(y, integerLike(b, bits, APInt::getSignMask(width)));
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), b.create<arith::OrIOp>(x, y));
    return success();
  }
};

/// Leading zeros are the bits that are not at or below the highest one.
struct ExpandCtlz : OpRewritePattern<math::CountLeadingZerosOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::CountLeadingZerosOp op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type type = op.getType();
    unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    Value x = op.getOperand();
    for (unsigned shift = 1; shift < width; shift *= 2)
      x = b.create<arith::OrIOp>(x, b.create<arith::ShRUIOp>(x, integerLike(b, type, APInt(width, shift))));
    x = b.create<arith::XOrIOp>(x, integerLike(b, type, APInt::getAllOnes(width)));
    rewriter.replaceOpWithNewOp<math::CtPopOp>(op, x);
    return success();
  }
};

/// Trailing zeros are the bits below the lowest one.
struct ExpandCttz : OpRewritePattern<math::CountTrailingZerosOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::CountTrailingZerosOp op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type type = op.getType();
    unsigned width = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
    Value x = op.getOperand();
    Value below = b.create<arith::SubIOp>(x, integerLike(b, type, APInt(width, 1)));
    Value clear = b.create<arith::XOrIOp>(x, integerLike(b, type, APInt::getAllOnes(width)));
    rewriter.replaceOpWithNewOp<math::CtPopOp>(op, b.create<arith::AndIOp>(below, clear));
    return success();
  }
};

struct ExpandAddExtended : OpRewritePattern<arith::AddUIExtendedOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::AddUIExtendedOp op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value sum = b.create<arith::AddIOp>(op.getLhs(), op.getRhs());
    Value carry = b.create<arith::CmpIOp>(arith::CmpIPredicate::ult, sum, op.getLhs());
    rewriter.replaceOp(op, {sum, carry});
    return success();
  }
};

/// Both halves of a product: in twice the width, or of 64 bits, by halves (Knuth, TAOCP 4.3.1, algorithm M).
template <typename Op, bool isSigned> struct ExpandMulExtended : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value x = op.getLhs(), y = op.getRhs();
    Type type = x.getType(), element = getElementTypeOrSelf(type);
    unsigned width = element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
    if (width == 1 || element.isIndex())
      return failure();
    auto add = [&](Value u, Value v) -> Value { return b.create<arith::AddIOp>(u, v); };
    auto mul = [&](Value u, Value v) -> Value { return b.create<arith::MulIOp>(u, v); };
    auto shift = [&](Value u, unsigned by) -> Value {
      Type t = u.getType();
      unsigned w = getElementTypeOrSelf(t).getIntOrFloatBitWidth();
      return b.create<arith::ShRUIOp>(u, integerLike(b, t, APInt(w, by)));
    };
    if (width < 64) {
      Type wide = withElement(type, b.getIntegerType(2 * width));
      auto extend = [&](Value u) -> Value {
        return isSigned ? Value(b.create<arith::ExtSIOp>(wide, u)) : b.create<arith::ExtUIOp>(wide, u);
      };
      Value product = mul(extend(x), extend(y));
      Value low = b.create<arith::TruncIOp>(type, product);
      rewriter.replaceOp(op, {low, b.create<arith::TruncIOp>(type, shift(product, width))});
      return success();
    }
    Value mask = integerLike(b, type, APInt::getLowBitsSet(64, 32));
    auto lowHalf = [&](Value u) -> Value { return b.create<arith::AndIOp>(u, mask); };
    Value xl = lowHalf(x), xh = shift(x, 32), yl = lowHalf(y), yh = shift(y, 32);
    Value mid = add(mul(xh, yl), shift(mul(xl, yl), 32));
    Value mid2 = add(mul(xl, yh), lowHalf(mid));
    Value high = add(add(mul(xh, yh), shift(mid, 32)), shift(mid2, 32));
    if (isSigned) {
      Value zero = integerLike(b, type, APInt(64, 0));
      auto correct = [&](Value sign, Value by) {
        Value negative = b.create<arith::CmpIOp>(arith::CmpIPredicate::slt, sign, zero);
        high = b.create<arith::SubIOp>(high, b.create<arith::SelectOp>(negative, by, zero));
      };
      correct(x, y);
      correct(y, x);
    }
    rewriter.replaceOp(op, {mul(x, y), high});
    return success();
  }
};

struct ExpandReduction : OpRewritePattern<vector::ReductionOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(vector::ReductionOp op, PatternRewriter &rewriter) const override {
    Location loc = op.getLoc();
    Value result = op.getAcc();
    for (int64_t i = 0, e = op.getSourceVectorType().getNumElements(); i < e; ++i) {
      Value lane = rewriter.create<vector::ExtractOp>(loc, op.getVector(), i);
      result =
          result ? vector::makeArithReduction(rewriter, loc, op.getKind(), lane, result, op.getFastmathAttr())
                 : lane;
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// Atomic arithmetic on floats: the new value is written if nobody has written another since it was read.
struct ExpandAtomicFloat : OpRewritePattern<LLVM::AtomicRMWOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LLVM::AtomicRMWOp op, PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!isa<FloatType>(type) || !llvm::is_contained({LLVM::AtomicBinOp::fadd, LLVM::AtomicBinOp::fsub,
                                                      LLVM::AtomicBinOp::fmax, LLVM::AtomicBinOp::fmin},
                                                     op.getBinOp()))
      return failure();
    auto combine = [&](ImplicitLocOpBuilder &b, Value x, Value y) -> Value {
      switch (op.getBinOp()) {
      case LLVM::AtomicBinOp::fadd:
        return b.create<arith::AddFOp>(x, y);
      case LLVM::AtomicBinOp::fsub:
        return b.create<arith::SubFOp>(x, y);
      case LLVM::AtomicBinOp::fmax:
        return b.create<arith::MaxNumFOp>(x, y);
      default:
        return b.create<arith::MinNumFOp>(x, y);
      }
    };
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Type bits = bitsOf(type);
    Value first = b.create<LLVM::LoadOp>(bits, op.getPtr(), type.getIntOrFloatBitWidth() / 8);
    auto loop = b.create<scf::WhileOp>(
        TypeRange{bits}, ValueRange{first},
        [&](OpBuilder &builder, Location loc, ValueRange args) {
          ImplicitLocOpBuilder b(loc, builder);
          Value sum = combine(b, b.create<arith::BitcastOp>(type, args[0]), op.getVal());
          Value next = b.create<arith::BitcastOp>(bits, sum);
          Value exchange = b.create<LLVM::AtomicCmpXchgOp>(
              op.getPtr(), args[0], next, LLVM::AtomicOrdering::monotonic, LLVM::AtomicOrdering::monotonic);
          Value found = b.create<LLVM::ExtractValueOp>(exchange, ArrayRef<int64_t>{0});
          Value done = b.create<LLVM::ExtractValueOp>(exchange, ArrayRef<int64_t>{1});
          Value yes = b.create<arith::ConstantOp>(b.getBoolAttr(true));
          b.create<scf::ConditionOp>(b.create<arith::XOrIOp>(done, yes), ValueRange{found});
        },
        [](OpBuilder &builder, Location loc, ValueRange args) { builder.create<scf::YieldOp>(loc, args); });
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, type, loop.getResult(0));
    return success();
  }
};

} // namespace

static LogicalResult lowerControlFlow(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  populateSCFToControlFlowConversionPatterns(patterns);
  ConversionTarget target(*module.getContext());
  target.addIllegalDialect<scf::SCFDialect>();
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  return applyPartialConversion(module, target, std::move(patterns));
}

LogicalResult aicc::level_zero::legalize(ModuleOp module) {
  MLIRContext *context = module.getContext();
  RewritePatternSet patterns(context);
  patterns
      .add<Contract<arith::AddFOp>, Contract<arith::SubFOp>,
           ExpandExtremum<arith::MaximumFOp, arith::MaxNumFOp, true>,
           ExpandExtremum<arith::MinimumFOp, arith::MinNumFOp, false>, ConvertBf16ThroughF32<arith::ExtFOp>,
           ConvertBf16ThroughF32<arith::TruncFOp>, ExpandTrunc, ExpandCopySign, ExpandCtlz, ExpandCttz,
           ExpandAddExtended, ExpandMulExtended<arith::MulSIExtendedOp, true>,
           ExpandMulExtended<arith::MulUIExtendedOp, false>, ExpandReduction, ExpandAtomicFloat>(context);
  arith::populateExpandBFloat16Patterns(patterns);
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  GreedyRewriteConfig config;
  config.useTopDownTraversal = true;
  config.enableRegionSimplification = GreedySimplifyRegionLevel::Disabled;
  FrozenRewritePatternSet frozen(std::move(patterns));
  // Whether it converges is not looked at: the translation names what is left over.
  for (Operation &op : *module.getBody())
    (void)applyPatternsAndFoldGreedily(&op, frozen, config);
  return lowerControlFlow(module);
}
