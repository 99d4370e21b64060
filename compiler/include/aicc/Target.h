// A target's code generation half: what a vendor implements. One Target for each kind of device ("cpu"), one
// TargetInstance for each architecture that a module is compiled for ("cpu:x86-64-v4"). The compiler clones
// the optimized graph per instance, and everything from there on, layouts, dispatches, kernels and program,
// belongs to the instance.

#ifndef AICC_TARGET_H
#define AICC_TARGET_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace aicc {

struct CodegenOptions {
  /// Threads that code generation may use.
  unsigned threads = 1;
  /// Folder for kernels' intermediate forms; empty: none.
  std::string dumpDir;
  /// Stop with the kernels as readable IR in the module instead of a binary (`--compile-to=kernel`).
  bool keepKernels = false;
};

class TargetInstance {
public:
  virtual ~TargetInstance() = default;
  /// Target and architecture: "cpu:x86-64-v4".
  virtual std::string getName() const = 0;
  /// Everything that the generated code depends on, as text: part of the compile cache's key and of
  /// provenance.
  virtual std::string describe() const = 0;
  /// The executables' format: "elf-x86-64".
  virtual std::string getFormat() const = 0;
  /// What a device must list, as drivers spell it, to run code of this instance. Executables may ask for
  /// more.
  virtual std::vector<std::string> getRequiredFeatures() const { return {}; }
  /// Orders the instances of one target: of those that a device can run, the highest is the best. Equal ranks
  /// are ordered by the number of features that their executables require.
  virtual int64_t getRank() const { return 0; }
  /// Block of the channel-blocked layout that convolutions prefer; 0: none.
  virtual int64_t getChannelBlock() const { return 0; }
  /// Empty if `op` (of the nn dialect, in the graph's form) can be compiled, else the reason in one sentence.
  virtual std::string check(mlir::Operation *op) const = 0;
  /// Chooses operands' layouts: inserts nn.pack and the like before dispatches are formed.
  virtual llvm::LogicalResult prepare(mlir::func::FuncOp func) const = 0;
  /// True if the elementwise or data movement `op` may be fused into kernels. `root` is the dispatch's
  /// contraction, reduction, ... (null: none so far); false makes it a dispatch of its own.
  virtual bool canFuse(mlir::Operation *op, mlir::Operation *root) const = 0;
  /// Replaces each exe.dispatch of `module`'s functions by exe.launch, and adds the exe.executable that holds
  /// the kernels. Diagnostics name the model's nodes.
  virtual llvm::LogicalResult generate(mlir::ModuleOp module, const CodegenOptions &options) const = 0;
};

class Target {
public:
  virtual ~Target() = default;
  /// "cpu".
  virtual std::string getName() const = 0;
  /// Architectures by name, for help texts; the first is the default.
  virtual std::vector<std::string> getArchitectures() const = 0;
  virtual llvm::Expected<std::unique_ptr<TargetInstance>>
  createInstance(llvm::StringRef architecture) const = 0;
  /// "portable" and other names that stand for several architectures; identity otherwise.
  virtual std::vector<std::string> expand(llvm::StringRef architecture) const { return {architecture.str()}; }
};

/// The targets of this process: those that are built in, and then those of the plug-ins, which are loaded
/// when somebody asks for all targets or for one that is not built in. Registration is not thread-safe: it
/// happens at start-up and while plug-ins are loaded.
void registerTarget(std::unique_ptr<Target> target);
llvm::ArrayRef<std::unique_ptr<Target>> getTargets();
/// A line for each plug-in that could not be loaded, which file and why. Empty before plug-ins are loaded.
std::vector<std::string> getTargetPluginErrors();
/// Instances for "cpu", "cpu:x86-64-v3", "cpu:portable", ..., comma-separated.
llvm::Expected<std::vector<std::unique_ptr<TargetInstance>>> createInstances(llvm::StringRef targets);

} // namespace aicc

#endif
