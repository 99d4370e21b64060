// What the tests of all targets' kernels share: nn operations as text become one dispatch, whose results are
// known by reference evaluation, with static sizes and with symbolic ones.

#ifndef AICC_TEST_TARGETS_KERNEL_DISPATCHTEST_H
#define AICC_TEST_TARGETS_KERNEL_DISPATCHTEST_H

#include "dialects/exe/Exe.h"
#include "dialects/nn/NN.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "gtest/gtest.h"
#include <functional>
#include <map>

namespace aicc::kernel::test {

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

/// The text's operations as one dispatch.
class TestDispatch {
public:
  /// `sizes` null: with symbolic sizes. Null after a test failure.
  static std::unique_ptr<TestDispatch> create(const KernelText &text, const Sizes *sizes,
                                              const std::vector<std::string> &symbols);

  /// Its results by reference evaluation.
  std::vector<nn::Tensor> evaluate(llvm::ArrayRef<nn::Tensor> inputs, const Sizes &sizes);
  /// The types of the arguments, and of the results, at these sizes.
  std::vector<mlir::RankedTensorType> argumentTypes(const Sizes &sizes);
  std::vector<mlir::RankedTensorType> resultTypes(const Sizes &sizes);
  /// What an expression over the function's symbols is.
  int64_t value(mlir::AffineExpr expr, const Sizes &sizes) const;

  std::string source;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  exe::DispatchOp dispatch;
  std::unique_ptr<nn::SymbolicShapes> shapes;

private:
  TestDispatch() = default;
  llvm::SmallVector<int64_t> symbolValues(const Sizes &sizes) const;
  std::vector<mlir::RankedTensorType> typesOf(mlir::ValueRange values, const Sizes &sizes);

  std::vector<std::string> symbols;
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
  bool onlyNative = false; ///< other instruction sets have no such kernel
};

/// Test failures where `actual` is not `expected` within the tolerance.
void compareTensors(const nn::Tensor &actual, const nn::Tensor &expected, double tolerance);
/// Random inputs of `dispatch` as `check` wants them, what `run` makes of them, and the comparison.
void checkRun(TestDispatch &dispatch, const KernelCheck &check, const Sizes &sizes,
              llvm::function_ref<std::vector<nn::Tensor>(llvm::ArrayRef<nn::Tensor>)> run);
/// `body` for each run of the check with a dispatch for just its sizes, and, if there are symbols, for all of
/// them with a symbolic one.
void forEachDispatch(const KernelCheck &check,
                     llvm::function_ref<void(TestDispatch &, llvm::ArrayRef<Sizes>)> body,
                     bool onlySymbolic = false);

} // namespace aicc::kernel::test

#endif
