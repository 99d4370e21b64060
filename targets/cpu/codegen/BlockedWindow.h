// Sliding windows over one channel at a time in the channel-blocked layout, channels in lanes: depthwise
// convolutions and pools, which differ only in what they do at each tap.

#ifndef AICC_TARGETS_CPU_CODEGEN_BLOCKEDWINDOW_H
#define AICC_TARGETS_CPU_CODEGEN_BLOCKEDWINDOW_H

#include "targets/cpu/codegen/ConvKernels.h"
#include <functional>

namespace aicc::cpu {

struct BlockedWindow {
  CpuEmitter &e;
  const View *input; // [N, blocks, H, W, 16]
  Type element;
  AffineExpr inRows, inColumns;
  ArrayRef<AffineExpr> result; // [N, blocks, OH, OW, 16]
  ArrayRef<int64_t> kernel, strides, dilations, low;

  /// Where a vector of results stands, and how many rows and columns of taps lie within the input there.
  struct Place {
    Value image, block, row, column;
    unsigned part; // vector of the block
    Value rowTaps, columnTaps;
  };
  /// The start of the accumulators of a block's vector `part`.
  std::function<Value(Value block, unsigned part)> init = nullptr;
  /// What a tap multiplies by or the like; may be null.
  std::function<Value(Value block, Value y, Value x, unsigned part)> tap = nullptr;
  /// The next accumulator from the one before, an input (of the element's type) and the tap's value.
  std::function<Value(Value sum, Value in, Value tap)> combine = nullptr;
  std::function<void(Value sum, const Place &place)> finish = nullptr;

  /// Emits the loops over all workgroups and ends the kernel.
  Launch emit();

  // Set by emit().
  unsigned lanes = 0, parts = 0, tile = 0;
  Value rowPitch = {};

private:
  struct Row {
    Value image, block, row;
    Value source; // the image's plane of this block
    Value firstTap, lastTap;
  };
  void emitRow(const Row &r);
  void emitPixels(const Row &r, Value column, unsigned count, Value firstTap, Value lastTap);
};

} // namespace aicc::cpu

#endif
