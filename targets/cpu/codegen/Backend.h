// The lower half of the CPU target: from kernels in scf, arith, math, vector and LLVM dialects on !llvm.ptr
// to one ELF image that obeys aicc/kernel_abi.h. It knows nothing of models; what is computed is decided
// above, how it is encoded here.

#ifndef AICC_TARGETS_CPU_CODEGEN_BACKEND_H
#define AICC_TARGETS_CPU_CODEGEN_BACKEND_H

#include "mlir/IR/BuiltinOps.h"
#include "targets/cpu/codegen/Descriptor.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace aicc::cpu {

struct BackendOptions {
  const CpuDescriptor &cpu;
  /// Modules compiled at once.
  unsigned threads = 2;
  /// If set, an existing folder that receives each module's IR (.mlir, .ll), assembly (.s) and object (.o),
  /// and the image.
  std::string dumpDir = {};
};

/// Lowers kernels to one ELF shared object without imports, whose only export is aicc_executable_query.
///
/// `modules`: each holds kernels as llvm.func or func.func of the type (ptr buffers, ptr params, i64 begin,
/// i64 end, ptr scratch), and private functions they call. Modules are the units of parallel work (one kernel
/// each is best) and are consumed: on return their IR is in the LLVM dialect. No function but the kernels may
/// be visible outside of its module. `entryNames`: the kernels, in the order of the image's table.
///
/// Errors are a kernel the back end can't lower, an entry no module defines, one name defined twice, and a
/// symbol nobody defines, named together with the kernel that needs it.
llvm::Expected<std::vector<char>> compileKernels(llvm::ArrayRef<mlir::ModuleOp> modules,
                                                 llvm::ArrayRef<std::string> entryNames,
                                                 const BackendOptions &options);

} // namespace aicc::cpu

#endif // AICC_TARGETS_CPU_CODEGEN_BACKEND_H
