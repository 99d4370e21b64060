// How constant operands of contractions are laid out: panels of kPanel output columns. The layout is made by
// explicit nn.pack and nn.transpose operations, which become part of the weight's recipe, and undone within
// the dispatch by their inverses, so that the dispatch means the same to everybody; the emitters recognise
// the inverse and read the panels.

#ifndef AICC_TARGETS_CPU_CODEGEN_PACKING_H
#define AICC_TARGETS_CPU_CODEGEN_PACKING_H

#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace aicc::cpu {

/// Rewrites constant-computable right operands of nn.matmul to panels [N/16, K, 16], and filters of nn.conv
/// to [M/16, kernel..., C/groups, 16], each followed by its inverse.
void packWeights(mlir::func::FuncOp func);
/// The panels [N/16, K, 16], if `rhs` is a packed matrix [K, N] as packWeights leaves it; null otherwise.
mlir::Value getPackedMatrix(mlir::Value rhs);
/// The panels [M/16, kernel..., C/groups, 16], if `filter` is a packed filter [M, C/groups, kernel...]; null
/// otherwise.
mlir::Value getPackedFilter(mlir::Value filter);

} // namespace aicc::cpu

#endif
