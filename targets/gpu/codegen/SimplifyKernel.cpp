// Simplification of emitted kernels.

#include "targets/gpu/codegen/SimplifyKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "targets/kernel/MathLowering.h"

using namespace mlir;

void aicc::gpu::simplifyKernel(ModuleOp module, const GpuDescriptor &gpu) {
  RewritePatternSet patterns(module.getContext());
  kernel::MathFeatures features;
  features.fp16 = gpu.fp16;
  features.bf16 = gpu.bf16;
  features.builtins = false;
  features.expandBf16 = false;
  kernel::populateMathLoweringPatterns(patterns, features);
  arith::populateCeilFloorDivExpandOpsPatterns(patterns);
  vector::populateVectorToVectorCanonicalizationPatterns(patterns);
  vector::populateVectorBroadcastLoweringPatterns(patterns);
  vector::populateVectorMultiReductionLoweringPatterns(patterns,
                                                       vector::VectorMultiReductionLowering::InnerReduction);
  GreedyRewriteConfig config;
  config.useTopDownTraversal = true;
  config.enableRegionSimplification = GreedySimplifyRegionLevel::Disabled;
  FrozenRewritePatternSet frozen(std::move(patterns));
  // Whether it converges is not looked at: the end names what it can't lower.
  for (Operation &op : *module.getBody())
    (void)applyPatternsAndFoldGreedily(&op, frozen, config);
  IRRewriter rewriter(module.getContext());
  DominanceInfo dominance;
  eliminateCommonSubExpressions(rewriter, dominance, module);
}
