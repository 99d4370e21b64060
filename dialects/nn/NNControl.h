// Branches and loops of the nn dialect. Apart from NN.h: few files look into regions.

#ifndef AICC_DIALECTS_NN_NNCONTROL_H
#define AICC_DIALECTS_NN_NNCONTROL_H

#include "dialects/nn/NN.h"

#define GET_OP_CLASSES
#include "dialects/nn/NNControl.h.inc"

namespace aicc::nn {
/// The part of a map of all sizes that belongs to value `index` of `values` (one after another, by their
/// ranks).
llvm::ArrayRef<mlir::AffineExpr> getSizesOf(mlir::AffineMap map, mlir::ValueRange values, unsigned index);
/// The position of the symbol that `expr` is, if `binds` lists it.
std::optional<unsigned> getBound(llvm::ArrayRef<int64_t> binds, mlir::AffineExpr expr);
/// The data symbols that an operation gives values: those of nn.if, nn.loop and nn.bind_size.
llvm::ArrayRef<int64_t> getBinds(mlir::Operation *op);

/// Gives the arguments of an nn.loop's body their sizes (nothing for nn.if), and the results of either
/// theirs.
void setArgumentSizes(mlir::Operation *op, SymbolicShapes &shapes);
void setResultSizes(mlir::Operation *op, SymbolicShapes &shapes);

/// Evaluates the function's max symbols anew, once data symbols have other values.
void refreshMaxSymbols(mlir::Operation *op, EvalContext &ctx);
/// Runs the operations of a block, but not its terminator, on the host; `tensors` has the values from outside
/// and gets those of the block. Fails with ctx.error set.
llvm::LogicalResult evaluateBlock(mlir::Block &block, EvalContext &ctx,
                                  llvm::DenseMap<mlir::Value, Tensor> &tensors);
/// nn.if and nn.loop, whose bodies see `tensors`.
llvm::LogicalResult evaluateControl(mlir::Operation *op, EvalContext &ctx,
                                    llvm::DenseMap<mlir::Value, Tensor> &tensors,
                                    llvm::SmallVectorImpl<Tensor> &results);
} // namespace aicc::nn

#endif
