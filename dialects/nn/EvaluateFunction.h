// What evaluating a function starts with, for those who run its body themselves.

#ifndef AICC_DIALECTS_NN_EVALUATEFUNCTION_H
#define AICC_DIALECTS_NN_EVALUATEFUNCTION_H

#include "dialects/nn/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace aicc::nn {
/// Gives every symbol of the function a value (data symbols: their lower bound, until they are bound), and
/// checks all arguments' sizes against it. Fails with ctx.error set.
llvm::LogicalResult bindSymbols(mlir::FunctionOpInterface func, EvalContext &ctx,
                                llvm::ArrayRef<Tensor> arguments);
} // namespace aicc::nn

#endif
