// Sliding windows in plain layout [N, C, spatial...], of any rank: lanes are neighbours along the last
// dimension of the result. Taps outside of the input are masked there, and skipped in the dimensions before.

#ifndef AICC_TARGETS_CPU_CODEGEN_PLAINWINDOW_H
#define AICC_TARGETS_CPU_CODEGEN_PLAINWINDOW_H

#include "targets/cpu/codegen/ConvKernels.h"
#include <functional>

namespace aicc::cpu {

struct PlainWindow {
  CpuEmitter &e;
  const View *input;
  SmallVector<AffineExpr> inSizes;                      // spatial
  SmallVector<int64_t> kernel, strides, dilations, low; // per spatial dimension
  /// Input and result change places: tap k of input i adds to the result at i * stride + k * dilation - low.
  /// Lanes are then results that are `stride` apart, those at column * stride + phase.
  bool transposed = false;

  unsigned rank() const { return kernel.size(); }

  /// The lanes of one tap: element `index` + l * stride() of a channel's plane for lane l, where the mask is
  /// set.
  struct Tap {
    SmallVector<Value> at;          // position in the kernel
    SmallVector<Value> index, mask; // one for each vector
  };
  /// Elements between lanes.
  int64_t stride() const { return transposed ? 1 : strides.back(); }
  using Body = llvm::function_ref<SmallVector<Value>(const Tap &tap, ValueRange sums)>;
  /// Carries `init` through the taps for `vectors` vectors from `column`, in the row of the result at
  /// `outer`.
  SmallVector<Value> forEachTap(ArrayRef<Value> outer, Value column, Value phase, unsigned vectors,
                                ValueRange init, Body body);
  /// Lanes of a channel's plane that starts at element `plane` of the input; 0 off the mask.
  Value load(Value plane, const Tap &tap, unsigned vector);

  /// The lanes l with at + l * stride() in [0, size); `below`: at may be negative.
  Value lanesWithin(Value at, Value size, bool below);
  /// min(max(ceil(x / dilation), 0), kernel) in dimension d: the number of taps before distance x.
  Value tapsBefore(Value x, unsigned d);

private:
  SmallVector<Value> walk(unsigned d, ArrayRef<Value> outer, Value column, Value phase, unsigned vectors,
                          Value index, Tap &tap, ValueRange sums, Body body);
};

} // namespace aicc::cpu

#endif
