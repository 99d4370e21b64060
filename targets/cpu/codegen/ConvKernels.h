// What the kernels of convolutions and pools share: the cases that emitConv and emitPool choose from, and
// small helpers.

#ifndef AICC_TARGETS_CPU_CODEGEN_CONVKERNELS_H
#define AICC_TARGETS_CPU_CODEGEN_CONVKERNELS_H

#include "targets/cpu/codegen/Kernels.h"

namespace aicc::cpu {

/// nn.conv of blocked (or plain) input to a blocked result: register tiles of pixels x panels of output
/// channels.
llvm::FailureOr<Launch> emitBlockedConv(KernelRequest &request, exe::DispatchOp dispatch, nn::ConvOp root);
/// nn.conv where each channel is convolved alone, in blocked layout: channels in lanes.
llvm::FailureOr<Launch> emitBlockedDepthwise(KernelRequest &request, exe::DispatchOp dispatch,
                                             nn::ConvOp root);
/// nn.conv in plain layout, of any rank, with any groups: pixels in lanes.
llvm::FailureOr<Launch> emitPlainConv(KernelRequest &request, exe::DispatchOp dispatch, nn::ConvOp root);

/// Makes the spatial dimensions one, in all values at the result's sizes: what a pointwise convolution may
/// do. False, with nothing changed, where a value broadcasts over some of them only.
bool mergeSpatial(exe::DispatchOp dispatch, nn::ConvOp root, nn::SymbolicShapes &shapes);

/// The block argument behind a filter's panels [M/16, kernel..., C/groups, 16]; null if there are none.
mlir::BlockArgument getFilterPanels(nn::ConvOp conv);

/// Evaluates the epilogue for `value`, the root's result at `c` (whose lane is set), and stores it; lane by
/// lane where the epilogue can't be evaluated in vectors.
struct EpilogueStore {
  EpilogueStore(CpuEmitter &e, Value root, int lane, unsigned lanes)
      : e(e), root(root), lanes(lanes), vectors(e.canStoreVectors(root, lane, lanes)) {}
  /// `value` is a vector of the root's element type.
  void operator()(Value value, const Coord &c, Value mask = {});

  CpuEmitter &e;
  Value root;
  unsigned lanes;
  bool vectors;
};

/// for (i = 0; i < count; ++i) with values carried; without a loop where count is 1.
SmallVector<Value> carryLoop(CpuEmitter &e, int64_t count, ValueRange init,
                             llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body);

} // namespace aicc::cpu

#endif
