// What the kernels that follow indices or order share (IndexedKernel.cpp has the list): access to whole
// operands by linear index, and indices made safe.

#ifndef AICC_TARGETS_CPU_CODEGEN_INDEXED_H
#define AICC_TARGETS_CPU_CODEGEN_INDEXED_H

#include "targets/cpu/codegen/CpuEmitter.h"
#include "targets/kernel/Indexing.h"

namespace aicc::cpu {

/// Elements of work in one workgroup, about.
inline constexpr int64_t kIndexedPiece = 4096;

using kernel::AxisSplit;
using kernel::clampIndex;
using kernel::isInside;
using kernel::resultPointers;
using kernel::splitAt;
using kernel::storeAll;

/// True if elements of `v` at consecutive linear (row-major) indices can be read in lanes.
bool canReadLinear(CpuEmitter &e, Value v, unsigned lanes);
/// The element at the linear index, or `lanes` from there (where canReadLinear says so).
Value readLinear(CpuEmitter &e, Value v, Value linear, unsigned lanes = 0, Value mask = {});
/// An index read by readLinear, as i64, negative ones counted from the end of `size`.
Value readIndex(CpuEmitter &e, Value indices, Value linear, Value size);
/// The linear index in `to` of the element with the same indices as the one at `linear` in `from`.
Value relinearize(CpuEmitter &e, Value linear, ArrayRef<AffineExpr> from, ArrayRef<AffineExpr> to);

/// pointers[to + j] = v[from + j] for j < count.
void copyLinear(CpuEmitter &e, Value v, Value from, ArrayRef<Value> pointers, Value to, Value count);
/// Calls body(i) for the workgroups' shares of [0, count): `each` of them to a workgroup.
void forEachShare(CpuEmitter &e, Value count, int64_t each, llvm::function_ref<void(Value)> body);

Launch emitCumSum(CpuEmitter &e, nn::CumSumOp root);
Launch emitTopK(CpuEmitter &e, nn::TopKOp root);
Launch emitGatherElements(CpuEmitter &e, nn::GatherElementsOp root);
Launch emitGatherNd(CpuEmitter &e, nn::GatherNdOp root);
Launch emitScatterElements(CpuEmitter &e, nn::ScatterElementsOp root);
Launch emitScatterNd(CpuEmitter &e, nn::ScatterNdOp root);

} // namespace aicc::cpu

#endif
