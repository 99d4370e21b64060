// The cpu target with a fault that can be chosen: what `aicc verify` must find and name. "test_broken:kernel"
// computes tanh where a kernel should compute sigmoid, "test_broken:fused" only where it is fused with
// something else, and "test_broken:prepare" changes the graph before dispatches are formed.

#include "aicc/TargetPlugin.h"
#include "dialects/exe/Exe.h"
#include "dialects/nn/NN.h"

using namespace aicc;
using namespace mlir;

namespace {
/// Puts tanh in the place of each sigmoid below `root`.
void breakSigmoids(Operation *root, bool onlyFused) {
  SmallVector<nn::SigmoidOp> found;
  root->walk([&](nn::SigmoidOp op) {
    if (!onlyFused || !llvm::hasSingleElement(op->getBlock()->without_terminator()))
      found.push_back(op);
  });
  for (nn::SigmoidOp op : found) {
    OpBuilder builder(op);
    OperationState state(op.getLoc(), nn::TanhOp::getOperationName());
    state.addOperands(op->getOperands());
    state.addTypes(op->getResultTypes());
    op->replaceAllUsesWith(builder.create(state));
    op->erase();
  }
}

class BrokenInstance : public TargetInstance {
public:
  BrokenInstance(std::unique_ptr<TargetInstance> cpu, StringRef fault) : cpu(std::move(cpu)), fault(fault) {}
  std::string getName() const override { return "test_broken:" + fault; }
  std::string describe() const override { return cpu->describe(); }
  std::string getFormat() const override { return cpu->getFormat(); }
  std::vector<std::string> getRequiredFeatures() const override { return cpu->getRequiredFeatures(); }
  int64_t getRank() const override { return cpu->getRank(); }
  int64_t getChannelBlock() const override { return cpu->getChannelBlock(); }
  std::string check(Operation *op) const override { return cpu->check(op); }
  LogicalResult prepare(func::FuncOp func) const override {
    if (fault == "prepare")
      breakSigmoids(func, false);
    return cpu->prepare(func);
  }
  bool canFuse(Operation *op, Operation *root) const override { return cpu->canFuse(op, root); }
  LogicalResult generate(ModuleOp module, const CodegenOptions &options) const override {
    if (fault != "prepare")
      module.walk([&](exe::DispatchOp dispatch) { breakSigmoids(dispatch, fault == "fused"); });
    return cpu->generate(module, options);
  }

private:
  std::unique_ptr<TargetInstance> cpu;
  std::string fault;
};

class BrokenTarget : public Target {
public:
  std::string getName() const override { return "test_broken"; }
  std::vector<std::string> getArchitectures() const override { return {"kernel", "fused", "prepare"}; }
  llvm::Expected<std::unique_ptr<TargetInstance>> createInstance(StringRef architecture) const override {
    auto cpu = createInstances("cpu");
    if (!cpu)
      return cpu.takeError();
    return std::make_unique<BrokenInstance>(std::move(cpu->front()),
                                            architecture.empty() ? "kernel" : architecture);
  }
};

void registerBrokenTarget() { registerTarget(std::make_unique<BrokenTarget>()); }
} // namespace

AICC_TARGET_PLUGIN(registerBrokenTarget)
