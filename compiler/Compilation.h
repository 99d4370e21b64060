// One compilation, step by step: what compiling, checking and verifying a model share. Private to this
// folder; others use aicc/Compiler.h.

#ifndef AICC_COMPILER_COMPILATION_H
#define AICC_COMPILER_COMPILATION_H

#include "aicc/Compiler.h"
#include "aicc/Target.h"
#include "compiler/Diagnostics.h"
#include "compiler/Support.h"
#include "frontends/onnx/Import.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "passes/graph/Passes.h"
#include "llvm/Support/ThreadPool.h"
#include <map>

namespace aicc {

/// One compilation. Every step returns failure once `result` or `diagnostics` has errors.
class Compilation {
public:
  explicit Compilation(const CompileOptions &options);

  CompileResult compile();
  CheckResult check();

  struct Program {
    TargetInstance *instance;
    mlir::OwningOpRef<mlir::ModuleOp> module;
  };

  llvm::LogicalResult validate();
  mlir::OwningOpRef<mlir::ModuleOp> import();
  mlir::OwningOpRef<mlir::ModuleOp> importOnnx();
  mlir::OwningOpRef<mlir::ModuleOp> optimize(mlir::ModuleOp module, int64_t block);
  llvm::LogicalResult formDispatches();
  /// What a target instance makes of a graph: `func` becomes one of dispatches.
  llvm::LogicalResult formDispatches(mlir::func::FuncOp func, const TargetInstance &instance);
  llvm::LogicalResult generate();
  llvm::LogicalResult buildPrograms();
  llvm::LogicalResult writeModule();
  llvm::LogicalResult runPhases();

  /// `name` must outlive the process: a crash reports it.
  void beginPhase(const char *name);
  /// Notes the phase's cost and its IR. True if compilation stops here.
  bool endPhase(llvm::ArrayRef<std::pair<std::string, mlir::ModuleOp>> modules);
  bool endPhase();
  llvm::LogicalResult fail(CompileStatus status, const llvm::Twine &message);

  const CompileOptions &options;
  /// The graph phase; tests put passes of their own into it.
  std::function<void(mlir::OpPassManager &, const GraphOptions &)> buildPipeline = buildGraphPipeline;
  unsigned threads;
  std::unique_ptr<llvm::StdThreadPool> pool;
  mlir::MLIRContext context;
  DiagnosticCollector diagnostics;
  CompileResult result;
  std::vector<std::unique_ptr<TargetInstance>> instances;
  std::vector<onnx_import::Problem> problems;
  mlir::OwningOpRef<mlir::ModuleOp> imported;
  std::map<int64_t, mlir::OwningOpRef<mlir::ModuleOp>> graphs; // by channel block
  std::vector<Program> programs;
  Stopwatch watch;
  std::string phase;
};

} // namespace aicc

#endif
