// What reductions of all targets share: how elements are combined, and the merging of dimensions.

#ifndef AICC_TARGETS_KERNEL_REDUCTION_H
#define AICC_TARGETS_KERNEL_REDUCTION_H

#include "targets/kernel/Numbers.h"

namespace aicc::kernel {

/// How elements are combined: the reduction's kind in the accumulators' type. Values are scalars or vectors.
struct Combiner {
  KernelEmitter &e;
  nn::ReduceKind kind;
  Type element; // of the tensor
  bool isFloat, isUnsigned;
  Type accumulator;

  Combiner(KernelEmitter &e, nn::ReduceKind kind, Type element);

  /// A loaded element as an accumulator.
  Value load(Value value);
  /// What a reduction of nothing gives.
  Value neutral(unsigned lanes);
  Value combine(Value x, Value y);
  /// The accumulated value of `count` elements as the result's element.
  Value finish(Value value, Value count);
};

/// Merges dimensions on both sides of the reduction, kept with kept and reduced with reduced.
void collapseReduction(exe::DispatchOp dispatch, nn::ReduceOp root, nn::SymbolicShapes &shapes);

} // namespace aicc::kernel

#endif
