// The first half of verification: the imported against the optimized graph, on the reference interpreter.
// Private to this folder and its tests.

#ifndef AICC_COMPILER_VERIFYGRAPH_H
#define AICC_COMPILER_VERIFYGRAPH_H

#include "aicc/Verify.h"
#include "compiler/Compilation.h"
#include "dialects/nn/Tensor.h"

namespace aicc {

class GraphComparison {
public:
  GraphComparison(Compilation &compilation, llvm::SmallVector<nn::Tensor> arguments, double tolerance)
      : compilation(compilation), arguments(std::move(arguments)), tolerance(tolerance) {}
  /// Runs both. Where an output differs, looks for the pass after which it does, and for the first node of
  /// the model whose result does. Fails if the interpreter can't run one of them.
  llvm::LogicalResult run(mlir::ModuleOp imported, mlir::ModuleOp graph, Divergence &divergence);
  /// What the optimized graph gives, once `run` succeeded.
  llvm::SmallVector<nn::Tensor> outputs;

private:
  llvm::LogicalResult evaluate(mlir::ModuleOp module, llvm::SmallVectorImpl<nn::Tensor> &results,
                               const char *what);
  /// Which pass; empty: none alone.
  std::string findPass(mlir::ModuleOp imported, llvm::ArrayRef<nn::Tensor> want);
  /// Every result of the model made an output: the first that differs.
  void findNode(mlir::ModuleOp imported, Divergence &divergence);

  Compilation &compilation;
  llvm::SmallVector<nn::Tensor> arguments;
  double tolerance;
};

/// What each argument's integers may be: indices stay within what they index.
std::vector<InputRange> getInputRanges(mlir::func::FuncOp func);

/// The graph phase with passes of a test's own.
using PipelineBuilder = std::function<void(mlir::OpPassManager &, const GraphOptions &)>;
/// As verify(), with another graph phase (null: aicc's).
VerifyResult verifyWith(const VerifyOptions &options, const PipelineBuilder &pipeline);

} // namespace aicc

#endif
