// The end of the code generator for graphics processors that writes PTX: LLVM's NVPTX back end, and the
// assembler, where there is one, for a binary beside the text.

#ifndef AICC_TARGETS_CUDA_CODEGEN_CUDAEND_H
#define AICC_TARGETS_CUDA_CODEGEN_CUDAEND_H

#include "targets/gpu/codegen/LowerToLLVM.h"

namespace aicc::cuda {

class CudaEnd : public gpu::LlvmEnd {
public:
  explicit CudaEnd(const gpu::GpuDescriptor &gpu) : gpu(gpu) {}

  mlir::Value emitMatrix(mlir::OpBuilder &b, mlir::Location loc, const gpu::MatrixUnit &unit, mlir::Value lhs,
                         mlir::Value rhs, mlir::Value acc) const override;
  void emitAsyncCopy(mlir::OpBuilder &b, mlir::Location loc, mlir::Value to, mlir::Value from,
                     unsigned bytes) const override;
  void emitAsyncCommit(mlir::OpBuilder &b, mlir::Location loc) const override;
  void emitAsyncWait(mlir::OpBuilder &b, mlir::Location loc, unsigned pending) const override;
  llvm::Expected<std::vector<char>> compile(llvm::ArrayRef<mlir::ModuleOp> modules,
                                            llvm::ArrayRef<std::string> entries,
                                            const gpu::EndOptions &options) const override;

  unsigned getSubgroupSize() const override { return 32; }
  unsigned getPrivateSpace() const override { return 0; }
  bool hasBf16Conversions() const override;
  unsigned getStaticSharedLimit() const override { return 48 << 10; }
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

/// The path of the PTX assembler: in PATH, or where its installer puts it; empty: none.
std::string findAssembler();

/// The binary of `ptx` for `architecture`, and in `messages` what the assembler says of each kernel:
/// registers, spills, memory. Empty if the assembler is too new or too old for that architecture; an error,
/// with what it says, if it rejects the text.
llvm::Expected<std::vector<char>> assemble(llvm::StringRef assembler, llvm::StringRef ptx,
                                           llvm::StringRef architecture, unsigned threads,
                                           std::string &messages);

} // namespace aicc::cuda

#endif
