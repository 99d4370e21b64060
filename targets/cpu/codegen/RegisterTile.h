// The register-tile contraction: the innermost loop of matrix products and convolutions. An MR x NV tile of
// accumulators stays in registers while k runs; each step loads NV vectors of the right operand and
// broadcasts MR scalars of the left.

#ifndef AICC_TARGETS_CPU_CODEGEN_REGISTERTILE_H
#define AICC_TARGETS_CPU_CODEGEN_REGISTERTILE_H

#include "targets/cpu/codegen/CpuEmitter.h"
#include "targets/kernel/Numbers.h"

namespace aicc::cpu {

/// Columns of one panel of a packed right operand; every CPU instance shares this layout (DESIGN: canonical
/// packing).
inline constexpr int64_t kPanel = 16;

struct TileShape {
  unsigned rows;   // MR
  unsigned panels; // NV panels of kPanel columns
};

/// The tile for `rows` (nullopt: dynamic) times `panels` panels on this processor: as many accumulators as
/// registers allow, and panels that divide the whole where possible. `memoryBound`: few rows, where loads
/// count and not reuse.
TileShape chooseTile(std::optional<int64_t> rows, std::optional<int64_t> panels, const CpuDescriptor &cpu);

struct TileOperands {
  unsigned rows = 0;
  unsigned vectors = 0; // per row: panels * kPanel / lanes
  unsigned lanes = 0;
  Type accumulator;                                  // element type of accumulators
  std::function<Value(unsigned row, Value k)> left;  // scalar of the accumulator's type
  std::function<Value(unsigned vec, Value k)> right; // vector of the accumulator's type
  std::function<void(Value k)> everyBlock;           // called once per 16 steps (prefetches); may be null
  /// An accumulator after one step; null: left * right + accumulator.
  std::function<Value(Value left, Value right, Value accumulator)> combine;
};

/// Runs k over [from, to) and returns the accumulators (row-major: row * vectors + vec), starting from
/// `init`.
SmallVector<Value> emitTile(CpuEmitter &e, const TileOperands &operands, Value from, Value to,
                            ValueRange init);
/// acc + the products of the unsigned bytes of each word of one operand by the signed ones of the other,
/// vectors of i32: unsigned left, signed right.
Value multiplyWords(CpuEmitter &e, Value left, Value right, Value acc);
/// Zero accumulators.
SmallVector<Value> zeroTile(CpuEmitter &e, const TileOperands &operands);
using kernel::fromAccumulator;
using kernel::getAccumulatorType;
using kernel::multiplyAdd;
using kernel::toAccumulator;

} // namespace aicc::cpu

#endif
