// Arithmetic on scalars and 1-D vectors of any element type, as kernels of all targets write it: constants,
// accumulators of narrow floats, reductions of lanes.

#ifndef AICC_TARGETS_KERNEL_NUMBERS_H
#define AICC_TARGETS_KERNEL_NUMBERS_H

#include "targets/kernel/KernelEmitter.h"

namespace aicc::kernel {

/// A number of type `scalar` (float, or integer as far as the number is one), in `lanes` where > 0.
Value numberConstant(KernelEmitter &e, Type scalar, double number, unsigned lanes);
/// Scalar or vector of `scalar`.
Type lanesOf(Type scalar, unsigned lanes);
Value compare(KernelEmitter &e, mlir::arith::CmpIPredicate predicate, Value x, Value y);
Value addf(KernelEmitter &e, Value x, Value y);
Value subf(KernelEmitter &e, Value x, Value y);
Value mulf(KernelEmitter &e, Value x, Value y);
Value divf(KernelEmitter &e, Value x, Value y);
/// The larger; `x` where `x` is a number and `y` NaN, `y` where `x` is NaN: one instruction, unlike
/// arith.maximumf.
Value quickMax(KernelEmitter &e, Value x, Value y);
/// `value` where the mask is set, else `neutral` (same type); `value` where there is no mask.
Value masked(KernelEmitter &e, Value mask, Value value, Value neutral);
/// Combines values to one by `combine`, as a tree.
Value fold(ValueRange values, llvm::function_ref<Value(Value, Value)> combine);
/// The same with a vector's lanes; a scalar stays as it is.
Value foldLanes(KernelEmitter &e, Value vector, llvm::function_ref<Value(Value, Value)> combine);
/// e^x of a softmax, whose largest element is e^0: 0 below e^-80 (f64: e^-700), before products with such
/// numbers become denormal, which costs a hundred cycles each. NaN stays.
Value softmaxExp(KernelEmitter &e, Value x);
/// 1 / sqrt(x).
Value reciprocalSqrt(KernelEmitter &e, Value x);

/// acc + x * y elementwise: an fma for floats.
Value multiplyAdd(KernelEmitter &e, Value x, Value y, Value acc);
/// f32 for half-precision floats, else the type itself.
Type getAccumulatorType(mlir::OpBuilder &b, Type element);
/// Converts a loaded element or vector to the accumulator's type, and back.
Value toAccumulator(KernelEmitter &e, Value value, Type element);
Value fromAccumulator(KernelEmitter &e, Value value, Type element);

} // namespace aicc::kernel

#endif
