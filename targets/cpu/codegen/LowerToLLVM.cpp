// From the kernel emitters' dialects to the LLVM dialect, in three steps: greedy patterns (math, vectors' own
// lowering), structured control flow to branches, and one conversion of all that is left. Pattern sets are
// applied directly, without a pass manager: a kernel is small and its compile time is mostly overhead.

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Dialect/X86Vector/Transforms.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "targets/cpu/codegen/BackendSteps.h"
#include "targets/kernel/MathLowering.h"

using namespace mlir;
using namespace aicc::cpu;

void aicc::cpu::prepareContext(MLIRContext *context) {
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  context->appendDialectRegistry(registry);
  context->loadDialect<LLVM::LLVMDialect, arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect,
                       index::IndexDialect, math::MathDialect, scf::SCFDialect, ub::UBDialect,
                       vector::VectorDialect, x86vector::X86VectorDialect>();
}

/// Vectors loaded and stored without a stated alignment have their element's, not the whole vector's as LLVM
/// would assume.
static void relaxAlignment(ModuleOp module) {
  auto relax = [](auto op, Type type) {
    auto vector = dyn_cast<VectorType>(type);
    if (!vector || op.getAlignment())
      return;
    unsigned bits = vector.getElementType().isIntOrFloat() ? vector.getElementTypeBitWidth() : 64;
    op.setAlignment(std::max(1u, bits / 8));
  };
  module.walk([&](Operation *op) {
    if (auto load = dyn_cast<LLVM::LoadOp>(op))
      relax(load, load.getType());
    else if (auto store = dyn_cast<LLVM::StoreOp>(op))
      relax(store, store.getValue().getType());
  });
}

static void simplify(ModuleOp module, const CpuDescriptor &cpu) {
  RewritePatternSet patterns(module.getContext());
  aicc::kernel::MathFeatures features;
  features.avx512 = cpu.vectorBits >= 512;
  features.fp16 = cpu.fp16;
  features.bf16 = cpu.bf16;
  aicc::kernel::populateMathLoweringPatterns(patterns, features);
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  vector::VectorTransformsOptions options;
  options.setVectorTransposeLowering(cpu.vectorBits >= 512 ? vector::VectorTransposeLowering::Shuffle16x16
                                                           : vector::VectorTransposeLowering::Shuffle1D);
  vector::populateVectorToVectorCanonicalizationPatterns(patterns);
  vector::populateVectorBroadcastLoweringPatterns(patterns);
  vector::populateVectorMaskOpLoweringPatterns(patterns);
  vector::populateVectorMultiReductionLoweringPatterns(patterns,
                                                       vector::VectorMultiReductionLowering::InnerReduction);
  vector::populateVectorShapeCastLoweringPatterns(patterns);
  vector::populateVectorInterleaveLoweringPatterns(patterns);
  vector::populateVectorTransposeLoweringPatterns(patterns, options);
  vector::populateVectorMaskMaterializationPatterns(patterns, /*force32BitVectorIndices=*/false);
  vector::populateVectorInsertExtractStridedSliceTransforms(patterns);
  x86vector::avx2::populateSpecializedTransposeLoweringPatterns(
      patterns, x86vector::avx2::LoweringOptions().setTransposeOptions(
                    x86vector::avx2::TransposeLoweringOptions().lower8x8xf32()));
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

static LogicalResult convertToLLVM(ModuleOp module) {
  MLIRContext *context = module.getContext();
  LowerToLLVMOptions options(context);
  options.overrideIndexBitwidth(64);
  LLVMTypeConverter converter(context, options);
  RewritePatternSet patterns(context);
  populateVectorToLLVMConversionPatterns(converter, patterns, /*reassociateFPReductions=*/true);
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  populateMathToLLVMConversionPatterns(converter, patterns, /*approximateLog1p=*/false);
  index::populateIndexToLLVMConversionPatterns(converter, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  populateFuncToLLVMConversionPatterns(converter, patterns);
  ub::populateUBToLLVMConversionPatterns(converter, patterns);
  populateX86VectorLegalizeForLLVMExportPatterns(converter, patterns);
  LLVMConversionTarget target(*context);
  target.addLegalOp<ModuleOp>();
  return applyFullConversion(module, target, std::move(patterns));
}

LogicalResult aicc::cpu::lowerToLLVMDialect(ModuleOp module, const CpuDescriptor &cpu) {
  relaxAlignment(module);
  simplify(module, cpu);
  return success(succeeded(lowerControlFlow(module)) && succeeded(convertToLLVM(module)));
}
