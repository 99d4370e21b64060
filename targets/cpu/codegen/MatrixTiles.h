// Products of bytes by matrix tiles: two-dimensional registers of 16 rows of 64 bytes, with an instruction
// that multiplies two of them (AMX-INT8). The panels of packed bytes are what it wants of the right operand.

#ifndef AICC_TARGETS_CPU_CODEGEN_MATRIXTILES_H
#define AICC_TARGETS_CPU_CODEGEN_MATRIXTILES_H

#include "targets/cpu/codegen/CpuEmitter.h"

namespace aicc::cpu {

/// Rows of a tile; columns of its sums.
inline constexpr int64_t kTileRows = 16;
/// Depths of one step of a product.
inline constexpr int64_t kTileDepth = 64;

/// Where operands lie, strides in bytes.
struct MatrixTiles {
  unsigned rowTiles, panels; // 1 or 2 each
  Value left, rowStride;     // ui8 [rows, depth]
  Value right, panelStride;  // i8 panels [depth / 4, 16, 4]
  Value steps;               // of kTileDepth
};

/// Before and after all products of a kernel: the registers' sizes are the thread's state.
void configureTiles(CpuEmitter &e);
void releaseTiles(CpuEmitter &e);
/// Stores the sums, i32 [rowTiles * 16, panels * 16], at `to`.
void emitMatrixTiles(CpuEmitter &e, const MatrixTiles &tiles, Value to);

} // namespace aicc::cpu

#endif
