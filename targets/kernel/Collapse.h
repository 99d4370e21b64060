// Merging of dimensions within a dispatch before emission, shared by kernels with elementwise parts.

#ifndef AICC_TARGETS_KERNEL_COLLAPSE_H
#define AICC_TARGETS_KERNEL_COLLAPSE_H

#include "dialects/exe/Exe.h"
#include "dialects/nn/NN.h"

namespace aicc::kernel {

/// A copy of `dispatch` outside of the function, with the sizes of its values noted in `shapes`; the caller
/// erases it.
exe::DispatchOp cloneDetached(exe::DispatchOp dispatch, nn::SymbolicShapes &shapes);

/// Finds neighbouring dimensions of `values` (aligned on the right to the sizes `full`) that each of them
/// either spans whole or broadcasts: flag d says that d can be merged with d + 1. The last `keep` dimensions
/// stay apart.
llvm::SmallVector<bool> findMergeable(llvm::ArrayRef<mlir::Value> values,
                                      llvm::ArrayRef<mlir::AffineExpr> full, unsigned keep,
                                      nn::SymbolicShapes &shapes);
/// Merges dimensions as flagged. Updates types and `shapes`; the body is then only fit for emission. Splat
/// constants become scalars.
void mergeDimensions(llvm::ArrayRef<mlir::Value> values, llvm::ArrayRef<bool> merge,
                     nn::SymbolicShapes &shapes);
/// Merges all that can be.
void collapseDimensions(llvm::ArrayRef<mlir::Value> values, llvm::ArrayRef<mlir::AffineExpr> full,
                        unsigned keep, nn::SymbolicShapes &shapes);
/// Merges all dimensions of a body that is elementwise throughout; leaves others alone.
void collapseElementwise(exe::DispatchOp dispatch, nn::SymbolicShapes &shapes);

/// Merges dimensions of all values but `apart` where everything around `root` is elementwise on its result's
/// sizes, never across a `barrier` (before that dimension). Returns the flags of merged dimensions (d with d
/// + 1); none set if nothing can be done.
llvm::SmallVector<bool> collapseBody(exe::DispatchOp dispatch, mlir::Operation *root,
                                     llvm::ArrayRef<mlir::Value> apart, llvm::ArrayRef<unsigned> barriers,
                                     nn::SymbolicShapes &shapes);
/// Merges batch and row dimensions of a product whose right operand has no batch: one tall product.
void collapseRows(exe::DispatchOp dispatch, nn::MatMulOp root, nn::SymbolicShapes &shapes);
/// Where dimension `d` has gone after a merge.
int64_t getMergedDimension(llvm::ArrayRef<bool> merge, int64_t d);

} // namespace aicc::kernel

#endif
