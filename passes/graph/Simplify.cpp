// nn-simplify: the pass of that name, see Passes.td. The patterns are in SimplifyElementwise.cpp and
// SimplifyViews.cpp.

#include "passes/graph/Passes.h"
#include "passes/graph/Rewrite.h"

namespace aicc {
#define GEN_PASS_DEF_SIMPLIFY
#include "passes/graph/Passes.h.inc"

namespace {
struct Simplify : impl::SimplifyBase<Simplify> {
  void runOnOperation() override {
    auto populate = [](mlir::RewritePatternSet &patterns, nn::SymbolicShapes &shapes) {
      populateSimplifyElementwise(patterns, shapes);
      populateSimplifyViews(patterns, shapes);
    };
    if (failed(applyGraphPatterns(getOperation(), populate)))
      signalPassFailure();
  }
};
} // namespace
} // namespace aicc
