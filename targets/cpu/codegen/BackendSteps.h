// The steps of compileKernels, each in a file of its own: MLIR to the LLVM dialect (LowerToLLVM.cpp), LLVM IR
// to an object (EmitObject.cpp), objects to the image (LinkImage.cpp). Private to the back end.

#ifndef AICC_TARGETS_CPU_CODEGEN_BACKENDSTEPS_H
#define AICC_TARGETS_CPU_CODEGEN_BACKENDSTEPS_H

#include "mlir/IR/BuiltinOps.h"
#include "targets/cpu/codegen/Descriptor.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class LLVMContext;
class Module;
class TargetMachine;
} // namespace llvm

namespace aicc::cpu {

/// Loads what the lowering needs into a context; before several threads use it.
void prepareContext(mlir::MLIRContext *context);

/// Lowers kernels to the LLVM dialect, in place. Errors are MLIR diagnostics.
mlir::LogicalResult lowerToLLVMDialect(mlir::ModuleOp module, const CpuDescriptor &cpu);

/// The code generator for `cpu`, for use by one thread at a time.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const CpuDescriptor &cpu);

/// Translates a module in the LLVM dialect, and optimizes it. Of its functions only `entries` stay visible
/// outside.
llvm::Expected<std::unique_ptr<llvm::Module>>
emitLLVMIR(mlir::ModuleOp module, const llvm::StringSet<> &entries, const CpuDescriptor &cpu,
           llvm::TargetMachine &machine, llvm::LLVMContext &context);

/// The object file of `module`, or its assembly text.
llvm::Expected<llvm::SmallVector<char, 0>> emitObject(llvm::Module &module, llvm::TargetMachine &machine,
                                                      bool assembly = false);

/// The object with aicc_executable_query and its table of `entryNames`.
llvm::Expected<llvm::SmallVector<char, 0>> emitQueryObject(llvm::ArrayRef<std::string> entryNames,
                                                           llvm::TargetMachine &machine);

/// Checks that objects and builtins define every symbol once and all that is needed, and links them.
llvm::Expected<std::vector<char>> linkImage(llvm::ArrayRef<llvm::SmallVector<char, 0>> objects);

/// The builtins archive as one relocatable object (see builtins/).
llvm::StringRef getBuiltinsObject();

} // namespace aicc::cpu

#endif // AICC_TARGETS_CPU_CODEGEN_BACKENDSTEPS_H
