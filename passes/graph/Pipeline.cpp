// The graph phase as a pipeline: which passes, in which order.

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "passes/graph/Passes.h"

using namespace mlir;

namespace aicc {
void buildGraphPipeline(OpPassManager &pm, const GraphOptions &options) {
  OpPassManager &funcs = pm.nest<func::FuncOp>();
  funcs.addPass(createCanonicalizerPass());
  funcs.addPass(createCSEPass());
  funcs.addPass(createFoldConstants({options.foldLimit}));
  funcs.addPass(createSimplify());
  // Norms compare values by identity: duplicates of a mean must be one by now.
  funcs.addPass(createCSEPass());
  funcs.addPass(createRaise());
  // What raising has left: transposes beside attention, masks that every layer makes anew.
  funcs.addPass(createSimplify());
  funcs.addPass(createCSEPass());
  funcs.addPass(createFoldBatchNorm());
  funcs.addPass(createFoldConstants({options.foldLimit}));
  if (options.block > 0)
    funcs.addPass(createBlockLayout({options.block}));
  // Packed channel vectors.
  funcs.addPass(createFoldConstants({options.foldLimit}));
  funcs.addPass(createCanonicalizerPass());
  funcs.addPass(createCSEPass());
}

namespace {
struct PipelineOptions : PassPipelineOptions<PipelineOptions> {
  Option<int64_t> limit{*this, "fold-limit", llvm::cl::desc("largest folded result in bytes"),
                        llvm::cl::init(GraphOptions().foldLimit)};
  Option<int64_t> block{*this, "block", llvm::cl::desc("channels per block, 0: plain layouts"),
                        llvm::cl::init(GraphOptions().block)};
};
} // namespace

void registerGraphPipelines() {
  PassPipelineRegistration<PipelineOptions>("nn-graph", "the graph phase",
                                            [](OpPassManager &pm, const PipelineOptions &options) {
                                              buildGraphPipeline(pm, {options.limit, options.block});
                                            });
}
} // namespace aicc
