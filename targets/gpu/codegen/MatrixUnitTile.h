// Products of tiles by matrix instructions: each subgroup holds a part of the result in accumulator
// fragments, whose places the descriptor's layouts give.

#ifndef AICC_TARGETS_GPU_CODEGEN_MATRIXUNITTILE_H
#define AICC_TARGETS_GPU_CODEGEN_MATRIXUNITTILE_H

#include "targets/gpu/codegen/Tile.h"

namespace aicc::gpu {

/// The product of tiles by shape.unit.
std::unique_ptr<TileProduct> makeMatrixUnitProduct(GpuEmitter &e, const TileShape &shape, Type element);

/// The best unit for operands of `element`, or the one with the fewest rows; null if there is none. For f32 a
/// tf32 unit, with operands in two parts.
const MatrixUnit *findMatrixUnit(const GpuDescriptor &gpu, Type element, bool fewestRows = false);
/// Parts that each operand of `unit` comes in, for products of f32 accuracy.
unsigned getSplits(const MatrixUnit &unit);

/// Neighbouring columns that a lane's accumulator holds.
unsigned getColumnRun(const MatrixUnit &unit);

/// The type of a number in memory and registers.
Type getNumberType(mlir::OpBuilder &b, Number number);

} // namespace aicc::gpu

#endif
