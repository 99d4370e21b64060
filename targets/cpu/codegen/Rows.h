// What kernels that sweep rows share (reductions, softmax, norms, attention): a loop over one dimension with
// several independent accumulators and a masked tail.

#ifndef AICC_TARGETS_CPU_CODEGEN_ROWS_H
#define AICC_TARGETS_CPU_CODEGEN_ROWS_H

#include "targets/cpu/codegen/CpuEmitter.h"
#include "targets/kernel/Numbers.h"

namespace aicc::cpu {

/// Elements of work in one workgroup of a row kernel, about.
inline constexpr int64_t kRowPiece = 8192;

using SweepBody = llvm::function_ref<SmallVector<Value>(Value i, Value mask, ValueRange carried)>;

/// Runs `body` at i = 0, step, ... below `count`. `state` holds the carried values of `copies` independent
/// copies, one copy after the other; body gets one copy's and returns its next. Where step > 1 leaves a rest,
/// the last call has a mask of the step's lanes.
SmallVector<Value> sweep(CpuEmitter &e, Value count, unsigned step, unsigned copies, ValueRange state,
                         SweepBody body);
/// The same without carried values.
void sweep(CpuEmitter &e, Value count, unsigned step, llvm::function_ref<void(Value i, Value mask)> body);
/// `copies` times the values `once`.
SmallVector<Value> replicate(ValueRange once, unsigned copies);
/// scf.if with results: `body`'s values, or `otherwise`.
SmallVector<Value> ifElse(CpuEmitter &e, Value condition, ValueRange otherwise,
                          llvm::function_ref<SmallVector<Value>()> body);

using kernel::addf;
using kernel::compare;
using kernel::divf;
using kernel::fold;
using kernel::foldLanes;
using kernel::lanesOf;
using kernel::masked;
using kernel::mulf;
using kernel::numberConstant;
using kernel::quickMax;
using kernel::reciprocalSqrt;
using kernel::softmaxExp;
using kernel::subf;

} // namespace aicc::cpu

#endif
