// Convolutions in plain layout, forward and transposed: a register tile is a few output channels times a few
// vectors of pixels; weights are broadcast, pixels loaded.

#ifndef AICC_TARGETS_CPU_CODEGEN_PLAINCONV_H
#define AICC_TARGETS_CPU_CODEGEN_PLAINCONV_H

#include "targets/cpu/codegen/PlainWindow.h"

namespace aicc::cpu {

struct PlainConv {
  PlainWindow &window;
  Value result, bias;              // bias may be null
  int64_t groups, inputs, outputs; // channels of a group
  /// Address of the weights of output channel `m` of `group`, in elements.
  std::function<Value(Value group, Value m)> filterRow = nullptr;
  /// Address of the weight of a tap and input channel, relative to an output channel's.
  std::function<Value(ArrayRef<Value> tap, Value c)> filterIndex = nullptr;
  Value filter = {}; // pointer

  /// Emits the loops over all workgroups and ends the kernel.
  Launch emit();

  // Set by emit().
  unsigned vectors = 1; // of a tile
  bool exact = false;   // lines are whole tiles

private:
  void emitTile(Value image, Value group, Value channel, unsigned rows, ArrayRef<Value> outer, Value column,
                Value phase, Value limit);
};

} // namespace aicc::cpu

#endif
