// The dispatch phase's passes: what the compile driver calls directly, as passes for aicc-opt and its tests.

#include "dialects/exe/Exe.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "passes/dispatch/Passes.h"

using namespace mlir;

namespace aicc {
#define GEN_PASS_DEF_FORMDISPATCHES
#define GEN_PASS_DEF_GENERATEKERNELS
#include "passes/dispatch/Passes.h.inc"
} // namespace aicc

/// The one instance that `text` names; null after a diagnostic.
static std::unique_ptr<aicc::TargetInstance> getInstance(ModuleOp module, llvm::StringRef text) {
  auto instances = aicc::createInstances(text);
  if (!instances) {
    module.emitError() << llvm::toString(instances.takeError());
    return nullptr;
  }
  return std::move(instances->front());
}

namespace {
struct FormDispatchesPass : aicc::impl::FormDispatchesBase<FormDispatchesPass> {
  using FormDispatchesBase::FormDispatchesBase;
  void runOnOperation() override {
    auto instance = getInstance(getOperation(), target);
    if (!instance)
      return signalPassFailure();
    for (func::FuncOp func : getOperation().getOps<func::FuncOp>()) {
      aicc::storeNarrowTypes(func);
      if (failed(instance->prepare(func)) || failed(aicc::formDispatches(func, *instance)))
        return signalPassFailure();
    }
  }
};

struct GenerateKernelsPass : aicc::impl::GenerateKernelsBase<GenerateKernelsPass> {
  using GenerateKernelsBase::GenerateKernelsBase;
  void runOnOperation() override {
    auto instance = getInstance(getOperation(), target);
    aicc::CodegenOptions options;
    options.keepKernels = keepKernels;
    if (!instance || failed(instance->generate(getOperation(), options)))
      return signalPassFailure();
  }
};
} // namespace
