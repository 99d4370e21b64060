// What kernels that sweep rows share (reductions, softmax, norms, attention): a loop over one dimension with
// several independent accumulators and a masked tail, reductions of lanes, and constants of any type.

#ifndef AICC_TARGETS_CPU_CODEGEN_ROWS_H
#define AICC_TARGETS_CPU_CODEGEN_ROWS_H

#include "targets/cpu/codegen/CpuEmitter.h"

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

/// A number of type `scalar` (float, or integer as far as the number is one), in `lanes` where > 0.
Value numberConstant(CpuEmitter &e, Type scalar, double number, unsigned lanes);
/// Scalar or vector of `scalar`.
Type lanesOf(Type scalar, unsigned lanes);
Value compare(CpuEmitter &e, mlir::arith::CmpIPredicate predicate, Value x, Value y);
Value addf(CpuEmitter &e, Value x, Value y);
Value subf(CpuEmitter &e, Value x, Value y);
Value mulf(CpuEmitter &e, Value x, Value y);
Value divf(CpuEmitter &e, Value x, Value y);
/// The larger; `x` where `x` is a number and `y` NaN, `y` where `x` is NaN: one instruction, unlike
/// arith.maximumf.
Value quickMax(CpuEmitter &e, Value x, Value y);
/// `value` where the mask is set, else `neutral` (same type); `value` where there is no mask.
Value masked(CpuEmitter &e, Value mask, Value value, Value neutral);
/// Combines values to one by `combine`, as a tree.
Value fold(ValueRange values, llvm::function_ref<Value(Value, Value)> combine);
/// The same with a vector's lanes; a scalar stays as it is.
Value foldLanes(CpuEmitter &e, Value vector, llvm::function_ref<Value(Value, Value)> combine);
/// e^x of a softmax, whose largest element is e^0: 0 below e^-80 (f64: e^-700), before products with such
/// numbers become denormal, which costs a hundred cycles each. NaN stays.
Value softmaxExp(CpuEmitter &e, Value x);
/// 1 / sqrt(x).
Value reciprocalSqrt(CpuEmitter &e, Value x);

} // namespace aicc::cpu

#endif
