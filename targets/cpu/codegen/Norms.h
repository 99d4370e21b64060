// The families behind emitNorm, one file each.

#ifndef AICC_TARGETS_CPU_CODEGEN_NORMS_H
#define AICC_TARGETS_CPU_CODEGEN_NORMS_H

#include "targets/cpu/codegen/Kernels.h"

namespace aicc::cpu {

/// Emits the kernel of a dispatch whose root is `root`; its body may have been collapsed (see collapseBody).
Launch emitSoftmax(CpuEmitter &e, nn::SoftmaxOp root);
/// nn.layer_norm or nn.rms_norm.
Launch emitLayerNorm(CpuEmitter &e, mlir::Operation *root);
Launch emitGroupNorm(CpuEmitter &e, nn::GroupNormOp root);
Launch emitLrn(CpuEmitter &e, nn::LrnOp root);

/// Merges dimensions of all values but `apart` where everything around `root` is elementwise on its result's
/// sizes, never across a `barrier` (before that dimension). Returns the flags of merged dimensions (d with d
/// + 1); none set if nothing can be done.
SmallVector<bool> collapseBody(exe::DispatchOp dispatch, mlir::Operation *root, ArrayRef<Value> apart,
                               ArrayRef<unsigned> barriers, nn::SymbolicShapes &shapes);

} // namespace aicc::cpu

#endif
