// Kernel IR to the LLVM dialect: vectors' own lowering, structured control flow to branches, and one
// conversion of all that is left, in which the gpu dialect's operations become the end's intrinsics.

#include "targets/gpu/codegen/LowerToLLVM.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace aicc::gpu;

void LlvmEnd::prepareContext(MLIRContext *context) const {
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  context->appendDialectRegistry(registry);
  context->loadDialect<LLVM::LLVMDialect, arith::ArithDialect, cf::ControlFlowDialect, mlir::gpu::GPUDialect,
                       index::IndexDialect, math::MathDialect, scf::SCFDialect, ub::UBDialect,
                       vector::VectorDialect>();
}

Value aicc::gpu::callIntrinsic(ImplicitLocOpBuilder &b, StringRef name, Type type, ValueRange operands) {
  auto call = b.create<LLVM::CallIntrinsicOp>(type, b.getStringAttr(name), operands);
  return type ? call.getResult(0) : Value();
}

Value aicc::gpu::constantI32(ImplicitLocOpBuilder &b, int32_t value) {
  return b.create<LLVM::ConstantOp>(b.getI32Type(), b.getI32IntegerAttr(value));
}

Value aicc::gpu::bitcastTo(ImplicitLocOpBuilder &b, Type type, Value value) {
  return value.getType() == type ? value : b.create<LLVM::BitcastOp>(type, value).getResult();
}

namespace {

template <typename Op> struct EndPattern : ConvertOpToLLVMPattern<Op> {
  EndPattern(const LLVMTypeConverter &converter, const LlvmEnd &end, unsigned threads)
      : ConvertOpToLLVMPattern<Op>(converter), end(end), threads(threads) {}
  const LlvmEnd &end;
  unsigned threads;

  /// Indices are not negative and below 2^31.
  void replaceByIndex(Op op, Value value, ImplicitLocOpBuilder &b,
                      ConversionPatternRewriter &rewriter) const {
    Type index = this->getTypeConverter()->convertType(op.getType());
    rewriter.replaceOp(op, b.create<LLVM::ZExtOp>(index, value).getResult());
  }
};

template <typename Op, Value (LlvmEnd::*emit)(ImplicitLocOpBuilder &) const> struct LowerId : EndPattern<Op> {
  using EndPattern<Op>::EndPattern;
  LogicalResult matchAndRewrite(Op op, typename Op::Adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    if constexpr (!std::is_same_v<Op, mlir::gpu::LaneIdOp>)
      if (op.getDimension() != mlir::gpu::Dimension::x)
        return rewriter.notifyMatchFailure(op, "workgroups have one dimension");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    this->replaceByIndex(op, (this->end.*emit)(b), b, rewriter);
    return success();
  }
};

struct LowerBlockDim : EndPattern<mlir::gpu::BlockDimOp> {
  using EndPattern::EndPattern;
  LogicalResult matchAndRewrite(mlir::gpu::BlockDimOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    replaceByIndex(op, constantI32(b, op.getDimension() == mlir::gpu::Dimension::x ? threads : 1), b,
                   rewriter);
    return success();
  }
};

struct LowerSubgroupSize : EndPattern<mlir::gpu::SubgroupSizeOp> {
  using EndPattern::EndPattern;
  LogicalResult matchAndRewrite(mlir::gpu::SubgroupSizeOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    replaceByIndex(op, constantI32(b, end.getSubgroupSize()), b, rewriter);
    return success();
  }
};

struct LowerNumSubgroups : EndPattern<mlir::gpu::NumSubgroupsOp> {
  using EndPattern::EndPattern;
  LogicalResult matchAndRewrite(mlir::gpu::NumSubgroupsOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    replaceByIndex(op, constantI32(b, llvm::divideCeil(threads, end.getSubgroupSize())), b, rewriter);
    return success();
  }
};

/// Work items are in subgroups by their number: true of workgroups of one dimension.
struct LowerSubgroupId : EndPattern<mlir::gpu::SubgroupIdOp> {
  using EndPattern::EndPattern;
  LogicalResult matchAndRewrite(mlir::gpu::SubgroupIdOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value shift = constantI32(b, llvm::Log2_32(end.getSubgroupSize()));
    replaceByIndex(op, b.create<LLVM::LShrOp>(end.emitThreadId(b), shift), b, rewriter);
    return success();
  }
};

struct LowerBarrier : EndPattern<mlir::gpu::BarrierOp> {
  using EndPattern::EndPattern;
  LogicalResult matchAndRewrite(mlir::gpu::BarrierOp op, OpAdaptor,
                                ConversionPatternRewriter &rewriter) const override {
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    end.emitBarrier(b);
    rewriter.eraseOp(op);
    return success();
  }
};

struct LowerShuffle : EndPattern<mlir::gpu::ShuffleOp> {
  using EndPattern::EndPattern;
  LogicalResult matchAndRewrite(mlir::gpu::ShuffleOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &rewriter) const override {
    APInt width;
    Type type = adaptor.getValue().getType();
    if (!matchPattern(op.getWidth(), m_ConstantInt(&width)) || !llvm::isPowerOf2_64(width.getZExtValue()) ||
        width.getZExtValue() > end.getSubgroupSize())
      return rewriter.notifyMatchFailure(op, "width must be a constant power of two within a subgroup");
    if (!type.isIntOrFloat() || type.getIntOrFloatBitWidth() != 32)
      return rewriter.notifyMatchFailure(op, "shuffles move 32 bits");
    if (!op.getValid().use_empty())
      return rewriter.notifyMatchFailure(op, "whether a shuffle's source exists is not computed");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value bits = bitcastTo(b, b.getI32Type(), adaptor.getValue());
    Value moved = end.emitShuffle(b, op.getMode(), bits, adaptor.getOffset(), width.getZExtValue());
    rewriter.replaceOp(op, {bitcastTo(b, type, moved),
                            b.create<LLVM::ConstantOp>(b.getI1Type(), b.getBoolAttr(true)).getResult()});
    return success();
  }
};

} // namespace

/// Vectors loaded and stored without a stated alignment have their element's, not the whole vector's as LLVM
/// would assume.
static void relaxAlignment(ModuleOp module) {
  auto relax = [](auto op, Type type) {
    auto vector = dyn_cast<VectorType>(type);
    if (vector && !op.getAlignment())
      op.setAlignment(std::max(1u, vector.getElementTypeBitWidth() / 8));
  };
  module.walk([&](Operation *op) {
    if (auto load = dyn_cast<LLVM::LoadOp>(op))
      relax(load, load.getType());
    else if (auto store = dyn_cast<LLVM::StoreOp>(op))
      relax(store, store.getValue().getType());
  });
}

/// Vectors of narrow elements that are aligned as a whole move as 32-bit words: back ends split other vectors
/// into pieces, and some never join them again.
static void moveByWords(ModuleOp module) {
  auto getWords = [](VectorType vector, std::optional<uint64_t> alignment) -> VectorType {
    if (!vector || vector.getElementType().isIndex() || vector.getElementTypeBitWidth() >= 32)
      return {};
    int64_t bits = vector.getNumElements() * vector.getElementTypeBitWidth();
    if ((bits != 64 && bits != 128) || int64_t(alignment.value_or(1)) * 8 < bits)
      return {};
    return VectorType::get(bits / 32, IntegerType::get(vector.getContext(), 32));
  };
  module.walk([&](Operation *op) {
    OpBuilder b(op);
    if (auto load = dyn_cast<LLVM::LoadOp>(op)) {
      auto vector = dyn_cast<VectorType>(load.getType());
      if (VectorType words = getWords(vector, load.getAlignment())) {
        load.getResult().setType(words);
        b.setInsertionPointAfter(op);
        auto cast = b.create<LLVM::BitcastOp>(op->getLoc(), vector, load.getResult());
        load.getResult().replaceAllUsesExcept(cast, cast);
      }
    } else if (auto store = dyn_cast<LLVM::StoreOp>(op)) {
      auto vector = dyn_cast<VectorType>(store.getValue().getType());
      if (VectorType words = getWords(vector, store.getAlignment()))
        store.getValueMutable().assign(b.create<LLVM::BitcastOp>(op->getLoc(), words, store.getValue()));
    }
  });
}

/// Allocas into the address space that the back end has them in, at the function's entry.
static void movePrivateMemory(ModuleOp module, unsigned space) {
  SmallVector<LLVM::AllocaOp> allocas;
  module.walk([&](LLVM::AllocaOp op) { allocas.push_back(op); });
  for (LLVM::AllocaOp op : allocas) {
    auto type = cast<LLVM::LLVMPointerType>(op.getType());
    if (type.getAddressSpace() == space)
      continue;
    OpBuilder b(op);
    auto moved = b.create<LLVM::AllocaOp>(op.getLoc(), LLVM::LLVMPointerType::get(op.getContext(), space),
                                          op.getElemType(), op.getArraySize(), op.getAlignment().value_or(0));
    op.replaceAllUsesWith(b.create<LLVM::AddrSpaceCastOp>(op.getLoc(), type, moved).getResult());
    op.erase();
  }
}

static void simplify(ModuleOp module, const LlvmEnd &end) {
  MLIRContext *context = module.getContext();
  RewritePatternSet patterns(context);
  if (!end.hasBf16Conversions())
    arith::populateExpandBFloat16Patterns(patterns);
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  vector::populateVectorToVectorCanonicalizationPatterns(patterns);
  vector::populateVectorBroadcastLoweringPatterns(patterns);
  vector::populateVectorShapeCastLoweringPatterns(patterns);
  vector::populateVectorInsertExtractStridedSliceTransforms(patterns);
  GreedyRewriteConfig config;
  config.useTopDownTraversal = true;
  config.enableRegionSimplification = GreedySimplifyRegionLevel::Disabled;
  FrozenRewritePatternSet frozen(std::move(patterns));
  // Whether it converges is not looked at: the conversion names what is left over.
  for (Operation &op : *module.getBody())
    (void)applyPatternsAndFoldGreedily(&op, frozen, config);
}

static LogicalResult lowerControlFlow(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  populateSCFToControlFlowConversionPatterns(patterns);
  ConversionTarget target(*module.getContext());
  target.addIllegalDialect<scf::SCFDialect>();
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  return applyPartialConversion(module, target, std::move(patterns));
}

static LogicalResult convertToLLVM(ModuleOp module, const ImageEntry &entry, const LlvmEnd &end) {
  MLIRContext *context = module.getContext();
  LowerToLLVMOptions options(context);
  options.overrideIndexBitwidth(64);
  LLVMTypeConverter converter(context, options);
  RewritePatternSet patterns(context);
  namespace g = mlir::gpu;
  patterns.add<LowerId<g::ThreadIdOp, &LlvmEnd::emitThreadId>, LowerId<g::BlockIdOp, &LlvmEnd::emitBlockId>,
               LowerId<g::LaneIdOp, &LlvmEnd::emitLaneId>, LowerBlockDim, LowerSubgroupSize,
               LowerNumSubgroups, LowerSubgroupId, LowerBarrier, LowerShuffle>(converter, end, entry.threads);
  populateVectorToLLVMConversionPatterns(converter, patterns, /*reassociateFPReductions=*/true);
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  populateMathToLLVMConversionPatterns(converter, patterns, /*approximateLog1p=*/false);
  index::populateIndexToLLVMConversionPatterns(converter, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  ub::populateUBToLLVMConversionPatterns(converter, patterns);
  LLVMConversionTarget target(*context);
  target.addLegalOp<ModuleOp>();
  return applyFullConversion(module, target, std::move(patterns));
}

LogicalResult aicc::gpu::lowerToLLVMDialect(ModuleOp module, const ImageEntry &entry, const LlvmEnd &end) {
  relaxAlignment(module);
  moveByWords(module);
  movePrivateMemory(module, end.getPrivateSpace());
  simplify(module, end);
  return success(succeeded(lowerControlFlow(module)) && succeeded(convertToLLVM(module, entry, end)));
}
