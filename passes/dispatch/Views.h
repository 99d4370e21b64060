// Strided layouts: where the elements of a view lie in the memory of the value under it. Shared by the
// formation of dispatches, which decides what is read through a view, and by code generators, which do it.

#ifndef AICC_PASSES_DISPATCH_VIEWS_H
#define AICC_PASSES_DISPATCH_VIEWS_H

#include "dialects/nn/NN.h"

namespace aicc {

/// Element (i...) of the view is element offset + sum(i * strides) of `base`, which is row-major and
/// contiguous.
struct StridedLayout {
  mlir::Value base;
  llvm::SmallVector<mlir::AffineExpr> strides;
  mlir::AffineExpr offset;
  bool contiguous = false; // row-major without gaps, offset 0
};

/// True for operations that only rename elements of one operand: nn.transpose, nn.reshape, nn.slice,
/// nn.broadcast.
bool isView(mlir::Operation *op);

/// The layout of `value` over the nearest value that `isBase` accepts (every value that no view defines is
/// one); nullopt where strides can't express it.
std::optional<StridedLayout> getStridedLayout(mlir::Value value, const nn::SymbolicShapes &shapes,
                                              llvm::function_ref<bool(mlir::Value)> isBase);

/// Ranges [first, last) of dimensions with equal products on both sides of a reshape.
struct ReshapeGroup {
  unsigned fromFirst, fromLast, toFirst, toLast;
};
/// The finest such groups in order; nullopt if sizes can't be matched.
std::optional<llvm::SmallVector<ReshapeGroup>> groupReshape(llvm::ArrayRef<mlir::AffineExpr> from,
                                                            llvm::ArrayRef<mlir::AffineExpr> to,
                                                            const nn::SymbolicShapes &shapes);

/// Follows blocks of `lanes` elements along dimension `lane` through a reshape: true if each block (which
/// starts at a multiple of `lanes`) stays contiguous; `lane` becomes its dimension in the result (-1: that
/// dimension is gone, its size was 1).
bool mapLaneThroughReshape(llvm::ArrayRef<mlir::AffineExpr> from, llvm::ArrayRef<mlir::AffineExpr> to,
                           const nn::SymbolicShapes &shapes, unsigned lanes, int &lane);

} // namespace aicc

#endif
