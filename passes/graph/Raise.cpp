// nn-raise: the pass of that name, see Passes.td. The patterns are in Raise*.cpp, one file per family.

#include "passes/graph/Passes.h"
#include "passes/graph/Rewrite.h"

namespace aicc {
#define GEN_PASS_DEF_RAISE
#include "passes/graph/Passes.h.inc"

namespace {
struct Raise : impl::RaiseBase<Raise> {
  void runOnOperation() override {
    auto populate = [](mlir::RewritePatternSet &patterns, nn::SymbolicShapes &shapes) {
      populateRaiseActivations(patterns, shapes);
      populateRaiseNorms(patterns, shapes);
      populateRaiseRope(patterns, shapes);
      populateRaiseAttention(patterns, shapes);
    };
    if (failed(applyGraphPatterns(getOperation(), populate)))
      signalPassFailure();
  }
};
} // namespace
} // namespace aicc
