// What all kernels of matrix products share: where the operands lie.

#ifndef AICC_TARGETS_GPU_CODEGEN_MATMULOPERANDS_H
#define AICC_TARGETS_GPU_CODEGEN_MATMULOPERANDS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "targets/gpu/codegen/Kernels.h"
#include "targets/gpu/codegen/Tile.h"

namespace aicc::gpu {

struct MatMulOperands {
  MatMulOperands(GpuEmitter &e, nn::MatMulOp root);

  GpuEmitter &e;
  nn::MatMulOp root;
  const View *lhs, *rhs;                                // null where an operand is no view
  unsigned rank = 0;                                    // of the result
  unsigned leftRow, leftDepth, rightDepth, rightColumn; // dimensions of the views
  AffineExpr rows, columns, depth;
  SmallVector<AffineExpr> batches;
  Type element;

  /// Offset of batch `idx` in an operand's view (numpy broadcasting of leading dimensions).
  Value batchOffset(Value operand, const View &view, ArrayRef<Value> batch);
  /// The operand of a tile; `offset` is its batch's. `limit`: the largest number of elements in one load.
  TileOperand makeOperand(bool isLeft, Value offset, const TileShape &tile, unsigned limit);
  /// The largest power of two up to `limit` that a load along the dimension `along` may take.
  unsigned loadWidth(Value operand, const View &view, unsigned along, unsigned limit);
};

/// Lays constant right operands out with the depth innermost where matrix instructions read them so.
void transposeWeights(mlir::func::FuncOp func, const GpuDescriptor &gpu);

/// Row and column of tile `index`, numbered so that those which run at the same time share rows and columns.
std::pair<Value, Value> numberTiles(GpuEmitter &e, Value index, AffineExpr rowTiles, AffineExpr columnTiles);

/// More rows than that share a tile better.
inline constexpr int64_t kFewRows = 8;
/// The same where the number of rows is not known before the kernel runs.
inline constexpr int64_t kFewRowsUnknown = 4;

/// Emits the product of `rows` rows (of which there are `rowLimit` > 0, if that is given), bound by the
/// memory from which the right operand comes. Returns the grid; nullopt, and nothing is emitted, where
/// neither dimension of the right operand has neighbouring elements.
std::optional<AffineExpr> emitFewRows(GpuEmitter &e, MatMulOperands &mm, unsigned rows, Value rowLimit);
/// The kernel for a known number of few rows; fails where it does not apply.
llvm::FailureOr<Launch> emitMatMulFewRows(KernelRequest &request, exe::DispatchOp dispatch,
                                          nn::MatMulOp root);

} // namespace aicc::gpu

#endif
