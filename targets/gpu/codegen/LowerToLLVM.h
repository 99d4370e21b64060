// From kernel IR to LLVM: the part that the ends with a back end of LLVM share. A kernel comes as scf, arith,
// math, vector, gpu and LLVM operations; it leaves as an optimized llvm::Module whose kernel function has its
// pointers in the global address space. What a back end calls the gpu dialect's operations, and how it marks
// a kernel, is behind LlvmEnd.

#ifndef AICC_TARGETS_GPU_CODEGEN_LOWERTOLLVM_H
#define AICC_TARGETS_GPU_CODEGEN_LOWERTOLLVM_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "targets/gpu/codegen/DeviceEnd.h"
#include "targets/gpu/codegen/ImageWriter.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class Function;
class LLVMContext;
class Module;
class TargetMachine;
} // namespace llvm

namespace aicc::gpu {

/// One back end of LLVM. Implementations are immutable; all functions may be called from several threads.
class LlvmEnd : public DeviceEnd {
public:
  void prepareContext(mlir::MLIRContext *context) const override;

  /// Lanes of a subgroup.
  virtual unsigned getSubgroupSize() const = 0;
  /// The address space of private memory.
  virtual unsigned getPrivateSpace() const = 0;
  /// Conversions between f32 and bf16 are instructions; otherwise they are integer arithmetic.
  virtual bool hasBf16Conversions() const = 0;
  /// The most workgroup memory that code may declare; kernels with more take all of theirs at launch.
  virtual unsigned getStaticSharedLimit() const = 0;

  // The gpu dialect's operations, as calls of intrinsics. All numbers are i32.
  virtual mlir::Value emitThreadId(mlir::ImplicitLocOpBuilder &b) const = 0;
  virtual mlir::Value emitBlockId(mlir::ImplicitLocOpBuilder &b) const = 0;
  virtual mlir::Value emitLaneId(mlir::ImplicitLocOpBuilder &b) const = 0;
  /// Waits for the workgroup; memory written before is seen by all of it after.
  virtual void emitBarrier(mlir::ImplicitLocOpBuilder &b) const = 0;
  /// The i32 `value` of the lane that `mode` and `offset` name, within groups of `width` lanes; the lane's
  /// own value if that lane is outside of its group.
  virtual mlir::Value emitShuffle(mlir::ImplicitLocOpBuilder &b, mlir::gpu::ShuffleMode mode,
                                  mlir::Value value, mlir::Value offset, unsigned width) const = 0;

  virtual llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine() const = 0;
  /// Marks a function as a kernel, before the module is optimized.
  virtual void finishKernel(llvm::Function &kernel, const ImageEntry &entry) const = 0;
};

/// Lowers one kernel to the LLVM dialect, in place. Errors are MLIR diagnostics.
mlir::LogicalResult lowerToLLVMDialect(mlir::ModuleOp module, const ImageEntry &entry, const LlvmEnd &end);

/// Translates a module that lowerToLLVMDialect left, and optimizes it. Only the kernel stays visible; other
/// names begin with the kernel's. Adds the sizes of workgroup memory to `entry`.
llvm::Expected<std::unique_ptr<llvm::Module>> emitLLVMIR(mlir::ModuleOp module, ImageEntry &entry,
                                                         const LlvmEnd &end, llvm::TargetMachine &machine,
                                                         llvm::LLVMContext &context);

/// The code of `module`: text of its assembly, or an object.
llvm::Expected<std::string> emitCode(llvm::Module &module, llvm::TargetMachine &machine, bool assembly);

/// Takes each module, in parallel, from kernel IR to LLVM IR, and hands it to `consume`, which may be called
/// from several threads, each with a context of its own. Returns how the kernels are launched, in order.
/// Errors name the kernel.
llvm::Expected<std::vector<ImageEntry>>
emitKernels(llvm::ArrayRef<mlir::ModuleOp> modules, llvm::ArrayRef<std::string> names, const LlvmEnd &end,
            const EndOptions &options,
            llvm::function_ref<llvm::Error(unsigned index, llvm::Module &, llvm::TargetMachine &)> consume);

/// A call of an intrinsic that is not overloaded, or whose types `type` and `operands` determine.
mlir::Value callIntrinsic(mlir::ImplicitLocOpBuilder &b, llvm::StringRef name, mlir::Type type,
                          mlir::ValueRange operands);
mlir::Value constantI32(mlir::ImplicitLocOpBuilder &b, int32_t value);
/// The value as `type`, which has as many bits.
mlir::Value bitcastTo(mlir::ImplicitLocOpBuilder &b, mlir::Type type, mlir::Value value);

} // namespace aicc::gpu

#endif // AICC_TARGETS_GPU_CODEGEN_LOWERTOLLVM_H
