// The reference interpreter on functions of dispatches, and comparisons with it. Private to this folder.

#ifndef AICC_COMPILER_REFERENCE_H
#define AICC_COMPILER_REFERENCE_H

#include "aicc/Verify.h"
#include "dialects/exe/Exe.h"
#include "dialects/nn/Tensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace aicc {

/// How two tensors differ.
struct Difference {
  bool isWrong = false; ///< more than the tolerance allows
  double relative = 0;  ///< the largest error, of the largest value
  std::string what;     ///< as Divergence::what
};

/// Floats: max|a - b| <= tolerance * max|want|, NaNs and infinities in the same places; types with fewer
/// digits may differ by some units of theirs. Codes and integers of 8 bits may differ by one in one of a
/// hundred elements (a rounding that other roundings moved), other integers are exact.
Difference compareTensors(const nn::Tensor &want, const nn::Tensor &got, double tolerance);

/// `array` as a tensor of the interpreter, with these elements (codes of narrow numbers may be ui8).
nn::Tensor makeTensor(const HostTensor &array, mlir::Type element);

/// Called with each operation of a function's block that has computed values (dispatches, branches, loops),
/// and its results, which it may replace: what comes after sees these.
using ResultHook =
    llvm::function_ref<llvm::LogicalResult(mlir::Operation *, llvm::SmallVectorImpl<nn::Tensor> &)>;

/// Runs a function in the form that the dispatch phase makes: dispatches between constant-computable
/// operations and views. Fails with ctx.error set, or if the hook fails. Changes `func`: dispatches inside
/// branches and loops are taken apart.
llvm::LogicalResult evaluateDispatched(mlir::func::FuncOp func, nn::EvalContext &ctx,
                                       llvm::ArrayRef<nn::Tensor> arguments, ResultHook hook,
                                       llvm::SmallVectorImpl<nn::Tensor> &results);

} // namespace aicc

#endif
