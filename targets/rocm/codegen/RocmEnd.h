// The end of the code generator for graphics processors that writes code objects (HSACO): LLVM's AMDGPU back
// end, and the linker, in process.

#ifndef AICC_TARGETS_ROCM_CODEGEN_ROCMEND_H
#define AICC_TARGETS_ROCM_CODEGEN_ROCMEND_H

#include "targets/gpu/codegen/LowerToLLVM.h"

namespace aicc::rocm {

class RocmEnd : public gpu::LlvmEnd {
public:
  explicit RocmEnd(const gpu::GpuDescriptor &gpu) : gpu(gpu) {}

  mlir::Value emitMatrix(mlir::OpBuilder &b, mlir::Location loc, const gpu::MatrixUnit &unit, mlir::Value lhs,
                         mlir::Value rhs, mlir::Value acc) const override;
  llvm::Expected<std::vector<char>> compile(llvm::ArrayRef<mlir::ModuleOp> modules,
                                            llvm::ArrayRef<std::string> entries,
                                            const gpu::EndOptions &options) const override;

  unsigned getSubgroupSize() const override { return gpu.subgroupSize; }
  unsigned getPrivateSpace() const override { return 5; }
  bool hasBf16Conversions() const override { return false; }
  unsigned getStaticSharedLimit() const override { return 64 << 10; }
  mlir::Value emitThreadId(mlir::ImplicitLocOpBuilder &b) const override;
  mlir::Value emitBlockId(mlir::ImplicitLocOpBuilder &b) const override;
  mlir::Value emitLaneId(mlir::ImplicitLocOpBuilder &b) const override;
  void emitBarrier(mlir::ImplicitLocOpBuilder &b) const override;
  mlir::Value emitShuffle(mlir::ImplicitLocOpBuilder &b, mlir::gpu::ShuffleMode mode, mlir::Value value,
                          mlir::Value offset, unsigned width) const override;
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine() const override;
  void finishKernel(llvm::Function &kernel, const gpu::ImageEntry &entry) const override;

private:
  const gpu::GpuDescriptor &gpu;
};

} // namespace aicc::rocm

#endif
