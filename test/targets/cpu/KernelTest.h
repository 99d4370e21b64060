// What the tests of the CPU's kernels share: nn operations as text become one dispatch, its kernel is
// generated, loaded and run, and its results are compared with reference evaluation, with static sizes and
// with symbolic ones, for each processor level that this machine has.

#ifndef AICC_TEST_TARGETS_CPU_KERNELTEST_H
#define AICC_TEST_TARGETS_CPU_KERNELTEST_H

#include "aicc/kernel_abi.h"
#include "dialects/nn/NN.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "targets/cpu/codegen/Kernels.h"
#include "gtest/gtest.h"
#include <map>

namespace aicc::cpu::test {

/// Values of the symbols by name.
using Sizes = std::map<std::string, int64_t>;

/// A function of nn operations. Sizes in braces are symbols: "tensor<{b}x{s}x768xf32>"; maps over them are
/// written
/// <<b, s, 12, 64>>. Static text has the symbols' values in their places.
struct KernelText {
  /// "%x: tensor<{b}x4xf32>, %y: tensor<4xf32>"
  std::string arguments;
  /// Operations and "return %r, ... : type, ...".
  std::string body;

  /// The module's text: symbolic, or with these sizes.
  std::string toModule(const Sizes *sizes, const std::vector<std::string> &symbols) const;
};

/// "tensor<SIZESxELEMENT>"
inline std::string tensor(const std::string &sizes, const std::string &element = "f32") {
  return "tensor<" + sizes + (sizes.empty() ? "" : "x") + element + ">";
}
/// "%RESULT = nn.NAME OPERANDS {ATTRIBUTES} : (TYPES) -> TYPE"
inline std::string op(const std::string &result, const std::string &name, const std::string &operands,
                      const std::string &types, const std::string &type, const std::string &attributes = "") {
  return "%" + result + " = nn." + name + " " + operands +
         (attributes.empty() ? "" : " {" + attributes + "}") + " : (" + types + ") -> " + type + "\n";
}
/// "return VALUES : TYPES"
inline std::string ret(const std::string &values, const std::string &types) {
  return "return " + values + " : " + types;
}

/// A kernel in this process.
class LoadedKernel {
public:
  /// Generates the kernel of `text` for `arch`; `sizes` null: with symbolic sizes. Null after a test failure.
  static std::unique_ptr<LoadedKernel> create(const KernelText &text, const Sizes *sizes,
                                              const std::vector<std::string> &symbols, llvm::StringRef arch);
  ~LoadedKernel();

  /// Runs it on memory that faults or is found damaged where the kernel leaves its buffers; the grid is split
  /// into `parts` calls, the last first.
  std::vector<nn::Tensor> run(llvm::ArrayRef<nn::Tensor> inputs, const Sizes &sizes, unsigned parts = 2);
  /// The same by reference evaluation.
  std::vector<nn::Tensor> evaluate(llvm::ArrayRef<nn::Tensor> inputs, const Sizes &sizes);
  /// Best processor time of one call over the whole grid, in microseconds.
  double measure(llvm::ArrayRef<nn::Tensor> inputs, const Sizes &sizes, double seconds = 0.3);
  /// The types of the arguments at these sizes.
  std::vector<mlir::RankedTensorType> argumentTypes(const Sizes &sizes);

private:
  LoadedKernel() = default;
  llvm::SmallVector<int64_t> symbolValues(const Sizes &sizes) const;
  int64_t value(mlir::AffineExpr expr, const Sizes &sizes) const;

  mlir::OwningOpRef<mlir::ModuleOp> module;
  exe::DispatchOp dispatch;
  std::unique_ptr<nn::SymbolicShapes> shapes;
  std::vector<std::string> symbols;
  Launch launch;
  void *library = nullptr;
  aicc_kernel_fn entry = nullptr;
};

/// Sets the elements of argument `index`.
using Fill = std::function<void(unsigned index, nn::Tensor &tensor)>;
/// Floats in [-1, 1), integers in [-10, 10) or [0, 20), booleans three in four set; from `seed`.
void fillRandom(nn::Tensor &tensor, unsigned seed);

struct KernelCheck {
  KernelText text;
  /// Each is run with a kernel for just these sizes; if there are symbols, then all with one symbolic kernel,
  /// too.
  std::vector<Sizes> runs = {{}};
  /// Of the largest expected element; 0: by the result's type. Integers are exact.
  double tolerance = 0;
  Fill fill = nullptr;
};

/// The check, for each level of the processor.
void checkKernel(const KernelCheck &check);

} // namespace aicc::cpu::test

#endif
