// The last phase: rt programs, executables and recipes of weights become a module file.

#ifndef AICC_COMPILER_EMIT_H
#define AICC_COMPILER_EMIT_H

#include "aicc/ModuleWriter.h"
#include "aicc/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include <functional>
#include <utility>
#include <vector>

namespace aicc {

/// One target instance's programs, ready to be written.
struct EmitInstance {
  mlir::ModuleOp module;
  std::string name, format;
  int64_t rank = 0; ///< the target's; higher ones come first in the file
};

/// Writes weights, kernels and programs of all instances. Weights are evaluated one at a time, once for equal
/// recipes, and freed when they are written. Fails after diagnostics; the writer's own errors become one.
/// Does not finish the file.
llvm::LogicalResult emitModule(llvm::ArrayRef<EmitInstance> instances, ModuleWriter &writer,
                               llvm::function_ref<void(double)> progress);

} // namespace aicc

#endif
