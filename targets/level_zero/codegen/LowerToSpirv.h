// From kernels (the contract is in targets/gpu/codegen/DeviceEnd.h) to one SPIR-V binary for OpenCL-like
// devices: Level Zero takes it, and OpenCL by clCreateProgramWithIL. Debian's LLVM has no back end for
// SPIR-V; the way goes through MLIR's spirv dialect.

#ifndef AICC_TARGETS_LEVEL_ZERO_CODEGEN_LOWERTOSPIRV_H
#define AICC_TARGETS_LEVEL_ZERO_CODEGEN_LOWERTOSPIRV_H

#include "targets/gpu/codegen/DeviceEnd.h"

namespace aicc::level_zero {

/// Lowers the kernels of `modules`, which are consumed, to one binary that holds `entries`. It asks for
/// SPIR-V 1.3 at most and for no capability that the kernels do without. An error names the kernel. `options`
/// say where the spirv dialect goes.
llvm::Expected<std::vector<char>> lowerToSpirv(llvm::ArrayRef<mlir::ModuleOp> modules,
                                               llvm::ArrayRef<std::string> entries,
                                               const gpu::EndOptions &options = {});

} // namespace aicc::level_zero

#endif // AICC_TARGETS_LEVEL_ZERO_CODEGEN_LOWERTOSPIRV_H
