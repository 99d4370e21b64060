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

} // namespace aicc::cpu

#endif
