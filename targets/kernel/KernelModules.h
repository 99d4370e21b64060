// The way from a function's dispatches to launches, whatever emits their kernels: sizes are inferred, equal
// dispatches (the layers of a transformer, say) share a kernel, and each becomes an exe.launch.

#ifndef AICC_TARGETS_KERNEL_KERNELMODULES_H
#define AICC_TARGETS_KERNEL_KERNELMODULES_H

#include "mlir/IR/OwningOpRef.h"
#include "targets/kernel/KernelEmitter.h"
#include "llvm/ADT/StringMap.h"
#include <functional>

namespace aicc::kernel {

/// A kernel to be emitted: an empty module for it, its unique name, and the dispatch, whose values all have
/// symbolic sizes.
struct KernelSource {
  mlir::ModuleOp module;
  std::string name;
  exe::DispatchOp dispatch;
  nn::SymbolicShapes &shapes;
};

class KernelModules {
public:
  using Emit = std::function<llvm::FailureOr<Launch>(KernelSource &)>;

  /// Replaces all dispatches in the functions of `module` by launches of kernels of `executable`, emitting
  /// each different one once. A dispatch that can't be emitted is an error which calls the target `target`.
  llvm::LogicalResult run(mlir::ModuleOp module, llvm::StringRef executable, llvm::StringRef target,
                          const Emit &emit);

  /// The kernels' modules and, in the same order, entries.
  SmallVector<mlir::ModuleOp> getModules();
  const std::vector<std::string> &getEntries() const { return entries; }
  /// Moves the kernels to the end of `module`, to be read.
  void appendTo(mlir::ModuleOp module);
  /// Adds the exe.executable that holds the kernels.
  void addExecutable(mlir::ModuleOp module, llvm::StringRef executable, llvm::StringRef format,
                     llvm::ArrayRef<std::string> features, llvm::ArrayRef<char> image);

private:
  llvm::LogicalResult run(mlir::Block &block, llvm::StringRef executable, llvm::StringRef target,
                          const Emit &emit, nn::SymbolicShapes &shapes, llvm::StringMap<Launch> &known);

  SmallVector<mlir::OwningOpRef<mlir::ModuleOp>> kernels;
  std::vector<std::string> entries;
};

} // namespace aicc::kernel

#endif
