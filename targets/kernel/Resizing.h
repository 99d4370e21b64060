// Resizing of one dimension: which inputs make an output, and with what weights. Every mode is separable, and
// coordinates are computed as reference evaluation does, so that both choose the same neighbours.

#ifndef AICC_TARGETS_KERNEL_RESIZING_H
#define AICC_TARGETS_KERNEL_RESIZING_H

#include "targets/kernel/KernelEmitter.h"

namespace aicc::kernel {

struct ResizeAxis {
  bool identity;
  AffineExpr inputs, outputs;
  std::optional<float> scale; // from the sizes where absent
};
ResizeAxis getResizeAxis(KernelEmitter &e, nn::ResizeOp root, unsigned d);

struct ResizeTap {
  Value index;  // within the input
  Value weight; // null: 1
};
/// The inputs of output `o` along an axis that is no identity: one (nearest), two or four. Computed in the
/// floats `real` (f64 where exact).
SmallVector<ResizeTap> emitResizeTaps(KernelEmitter &e, nn::ResizeOp root, const ResizeAxis &axis, Value o,
                                      Type real);

/// A loaded element (or lanes) as a float of type `number`, and such a float as an element: integers truncate
/// and wrap.
Value toResizeNumber(KernelEmitter &e, Value value, Type element, Type number);
Value fromResizeNumber(KernelEmitter &e, Value value, Type element);

} // namespace aicc::kernel

#endif
