// What the tests of reference evaluation share: a few operations as text go in, the last one's results come
// out.

#ifndef AICC_TEST_DIALECTS_NN_EVALUATETESTSUPPORT_H
#define AICC_TEST_DIALECTS_NN_EVALUATETESTSUPPORT_H

#include "dialects/nn/NN.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

namespace aicc::nn::test {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double notANumber = std::numeric_limits<double>::quiet_NaN();

inline mlir::MLIRContext &getContext() {
  static mlir::MLIRContext *context = [] {
    auto *c = new mlir::MLIRContext(mlir::MLIRContext::Threading::DISABLED);
    c->loadDialect<NNDialect, mlir::func::FuncDialect>();
    return c;
  }();
  return *context;
}

inline mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text) {
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &getContext());
  EXPECT_TRUE(module) << text.str();
  return module;
}

/// Evaluates the last operation, from constants alone. Empty, with the message in `error`, if it fails.
inline std::vector<Tensor> evaluateLast(llvm::StringRef text, std::string *error = nullptr) {
  auto module = parse(text);
  if (!module)
    return {};
  EvalContext ctx;
  std::vector<Tensor> results;
  for (mlir::Value result : module->getBody()->back().getResults()) {
    auto tensor = evaluateConstant(result, ctx);
    if (failed(tensor)) {
      if (error)
        *error = ctx.error;
      else
        ADD_FAILURE() << ctx.error;
      return {};
    }
    results.push_back(*tensor);
  }
  return results;
}

inline void expectValues(const Tensor &tensor, const std::vector<double> &expected, double tolerance = 1e-6) {
  ASSERT_TRUE(bool(tensor));
  ASSERT_EQ(tensor.getNumElements(), int64_t(expected.size()));
  for (size_t i = 0; i < expected.size(); ++i) {
    double value = tensor.getDouble(i);
    if (std::isnan(expected[i]))
      EXPECT_TRUE(std::isnan(value)) << "element " << i << " is " << value;
    else if (std::isinf(expected[i]))
      EXPECT_EQ(value, expected[i]) << "element " << i;
    else
      EXPECT_NEAR(value, expected[i], tolerance * std::max(1.0, std::abs(expected[i]))) << "element " << i;
  }
}

/// The last operation's results must be these.
inline void check(const std::string &text, const std::vector<std::vector<double>> &expected,
                  double tolerance = 1e-6) {
  SCOPED_TRACE(text);
  std::vector<Tensor> results = evaluateLast(text);
  ASSERT_EQ(results.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i)
    expectValues(results[i], expected[i], tolerance);
}

/// Evaluation must fail with this in its message.
inline void checkFails(const std::string &text, const std::string &message) {
  SCOPED_TRACE(text);
  std::string error;
  evaluateLast(text, &error);
  EXPECT_NE(error.find(message), std::string::npos) << "got: " << error;
}

/// "%name = ..." of this shape whose element i is ((7 (i + k)) mod 11 - 5) / 4.
inline std::string pattern(const std::string &name, const std::vector<int64_t> &shape, int k = 0) {
  int64_t count = 1;
  std::string sizes, dims, values;
  for (int64_t size : shape) {
    count *= size;
    sizes += std::to_string(size) + "x";
    dims += (dims.empty() ? "" : ", ") + std::to_string(size);
  }
  for (int64_t i = 0; i < count; ++i)
    values += (i ? ", " : "") + std::to_string(((i + k) * 7 % 11 - 5) / 4.0);
  std::string flat = std::to_string(count) + "xf32>";
  return "%" + name + "_flat = nn.constant dense<[" + values + "]> : tensor<" + flat + "\n%" + name +
         " = nn.reshape %" + name + "_flat {shape = affine_map<() -> (" + dims + ")>} : (tensor<" + flat +
         ") -> tensor<" + sizes + "f32>\n";
}

/// "%name = nn.constant dense<values> : type".
inline std::string constant(const std::string &name, const std::string &values, const std::string &type) {
  return "%" + name + " = nn.constant dense<" + values + "> : tensor<" + type + ">\n";
}

} // namespace aicc::nn::test

#endif
