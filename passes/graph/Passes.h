// The passes of the graph phase: target-independent, on functions of nn operations, for static and symbolic
// sizes alike. What each does is written, with IR before and after, in Passes.td.

#ifndef AICC_PASSES_GRAPH_PASSES_H
#define AICC_PASSES_GRAPH_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"
#include <memory>

namespace mlir {
class OpPassManager;
}

namespace aicc {

#define GEN_PASS_DECL
#include "passes/graph/Passes.h.inc"

/// What the whole phase can be told.
struct GraphOptions {
  /// Results of folded operations larger than this many bytes stay operations.
  int64_t foldLimit = 64 << 10;
  /// Channels per block of the layout kept between convolutions; 0 leaves plain layouts.
  int64_t block = 16;
};

/// Appends the phase to a pass manager on modules.
void buildGraphPipeline(mlir::OpPassManager &pm, const GraphOptions &options = {});

#define GEN_PASS_REGISTRATION
#include "passes/graph/Passes.h.inc"

/// The pipeline `nn-graph`, for textual pipelines.
void registerGraphPipelines();

} // namespace aicc

#endif // AICC_PASSES_GRAPH_PASSES_H
