// The end of the code generator for graphics processors that writes SPIR-V, and the processors it is for.

#ifndef AICC_TARGETS_LEVEL_ZERO_CODEGEN_LEVELZEROEND_H
#define AICC_TARGETS_LEVEL_ZERO_CODEGEN_LEVELZEROEND_H

#include "targets/gpu/codegen/DeviceEnd.h"

namespace aicc::level_zero {

/// "generic": what OpenCL 3 devices and Level Zero devices have in common. The default is the first.
std::vector<gpu::GpuDescriptor> getDescriptors();

class LevelZeroEnd : public gpu::DeviceEnd {
public:
  void prepareContext(mlir::MLIRContext *context) const override;
  /// "fp16", "fp64", "int64-atomics" and the subgroup's size, as far as the kernels use them.
  std::vector<std::string> getRequiredFeatures(llvm::ArrayRef<mlir::ModuleOp> modules) const override;
  llvm::Expected<std::vector<char>> compile(llvm::ArrayRef<mlir::ModuleOp> modules,
                                            llvm::ArrayRef<std::string> entries,
                                            const gpu::EndOptions &options) const override;
};

} // namespace aicc::level_zero

#endif // AICC_TARGETS_LEVEL_ZERO_CODEGEN_LEVELZEROEND_H
