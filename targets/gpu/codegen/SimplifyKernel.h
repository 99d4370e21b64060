// The last step that all ends share: kernels in the form that emitters write become the smaller set of
// operations that DeviceEnd.h promises.

#ifndef AICC_TARGETS_GPU_CODEGEN_SIMPLIFYKERNEL_H
#define AICC_TARGETS_GPU_CODEGEN_SIMPLIFYKERNEL_H

#include "mlir/IR/BuiltinOps.h"
#include "targets/gpu/codegen/Descriptor.h"

namespace aicc::gpu {

/// Replaces functions by polynomials, narrow floats by f32 where they are not native, and divisions that
/// round by plain ones; folds and removes what is unused.
void simplifyKernel(mlir::ModuleOp module, const GpuDescriptor &gpu);

} // namespace aicc::gpu

#endif
