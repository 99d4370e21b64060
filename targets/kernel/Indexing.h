// What kernels that follow indices share: indices made safe, where results go, what a scatter combines.

#ifndef AICC_TARGETS_KERNEL_INDEXING_H
#define AICC_TARGETS_KERNEL_INDEXING_H

#include "targets/kernel/Numbers.h"

namespace aicc::kernel {

/// Sizes of a tensor around its dimension `axis`.
struct AxisSplit {
  AffineExpr outer, size, inner;
};
AxisSplit splitAt(KernelEmitter &e, Value tensor, int64_t axis);

/// An index of any integer type as i64, negative ones counted from the end of `size`.
Value fromEnd(KernelEmitter &e, Value index, Value size);
/// The index moved into [0, size).
Value clampIndex(KernelEmitter &e, Value index, Value size);
/// i1: the index is in [0, size).
Value isInside(KernelEmitter &e, Value index, Value size);

/// The dispatch's results that are the operation's result `i`.
SmallVector<Value> resultPointers(KernelEmitter &e, mlir::Operation *root, unsigned i);
/// Stores to each of them.
void storeAll(KernelEmitter &e, ArrayRef<Value> pointers, Value value, Value linear, Type element,
              Value mask = {});

/// What becomes of `old` when `update` comes; scalars or lanes of `element`.
Value combineUpdate(KernelEmitter &e, nn::ScatterKind kind, Value old, Value update, Type element);

} // namespace aicc::kernel

#endif
