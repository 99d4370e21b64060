// Merging of dimensions within a dispatch before emission, shared by kernels with elementwise parts.

#ifndef AICC_TARGETS_CPU_CODEGEN_COLLAPSE_H
#define AICC_TARGETS_CPU_CODEGEN_COLLAPSE_H

#include "dialects/exe/Exe.h"
#include "dialects/nn/NN.h"

namespace aicc::cpu {

/// A copy of `dispatch` outside of the function, with the sizes of its values noted in `shapes`; the caller erases it.
exe::DispatchOp cloneDetached(exe::DispatchOp dispatch, nn::SymbolicShapes &shapes);

/// Merges neighbouring dimensions of `values` (aligned on the right to the sizes `full`) that each of them either spans whole or broadcasts, but
/// keeps the last `keep` dimensions apart. Updates types and `shapes`; the body is then only fit for emission. Splat constants become scalars.
void collapseDimensions(llvm::ArrayRef<mlir::Value> values, llvm::ArrayRef<mlir::AffineExpr> full, unsigned keep,
                        nn::SymbolicShapes &shapes);

} // namespace aicc::cpu

#endif
