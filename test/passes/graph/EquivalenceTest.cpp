// The graph passes keep what a function computes: every function of the .mlir files beside this one is
// evaluated by the reference interpreter before and after each pass, and after the whole pipeline, on random
// arguments.
//
//   aicc_graph_equivalence_test FOLDER

#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "passes/graph/Passes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"
#include <cmath>
#include <fstream>
#include <random>

using namespace mlir;
using namespace aicc;

namespace {

std::string folder;

MLIRContext &getContext() {
  static MLIRContext *context = [] {
    registerGraphPasses();
    registerGraphPipelines();
    auto *made = new MLIRContext(MLIRContext::Threading::DISABLED);
    made->loadDialect<nn::NNDialect, func::FuncDialect>();
    return made;
  }();
  return *context;
}

/// Random, with symbol i being 2 + i as far as its bounds allow.
SmallVector<nn::Tensor> makeArguments(func::FuncOp func) {
  nn::SymbolicShapes shapes(func);
  nn::EvalContext ctx;
  if (auto symbols = func->getAttrOfType<ArrayAttr>(nn::NNDialect::getSymbolsAttrName()))
    for (auto symbol : symbols.getAsRange<nn::SymbolAttr>())
      ctx.symbols.push_back(std::clamp<int64_t>(2 + ctx.symbols.size(), symbol.getMin(), symbol.getMax()));
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  SmallVector<nn::Tensor> arguments;
  for (BlockArgument argument : func.getArguments()) {
    SmallVector<int64_t> sizes = ctx.evaluate(shapes.getMap(shapes.get(argument)));
    Type element = cast<RankedTensorType>(argument.getType()).getElementType();
    nn::Tensor tensor(RankedTensorType::get(sizes, element));
    for (int64_t i = 0; i < tensor.getNumElements(); ++i) {
      if (isa<FloatType>(element))
        tensor.setDouble(i, normal(random));
      else
        tensor.setInt(i, i % 3 != 2); // of a mask's row, some
    }
    arguments.push_back(tensor);
  }
  return arguments;
}

void expectEqual(const nn::Tensor &a, const nn::Tensor &b) {
  ASSERT_EQ(a.getShape(), b.getShape());
  ASSERT_EQ(a.getElementType(), b.getElementType());
  double largest = 0, tolerance = a.getElementType().isF16() ? 5e-3 : 1e-5;
  for (int64_t i = 0; i < a.getNumElements(); ++i)
    if (std::isfinite(a.getDouble(i)))
      largest = std::max(largest, std::abs(a.getDouble(i)));
  for (int64_t i = 0; i < a.getNumElements(); ++i) {
    double x = a.getDouble(i), y = b.getDouble(i);
    if (!std::isfinite(x))
      EXPECT_TRUE(x == y || (std::isnan(x) && std::isnan(y))) << "element " << i << ": " << x << ", " << y;
    else
      EXPECT_NEAR(x, y, tolerance * largest) << "element " << i;
  }
}

class Equivalence : public testing::TestWithParam<const char *> {};

TEST_P(Equivalence, KeepsValues) {
  SmallString<128> scratch;
  ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("aicc-graph", scratch));
  ASSERT_FALSE(llvm::sys::fs::set_current_path(scratch));
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  std::vector<float> weights(4096);
  for (float &weight : weights)
    weight = normal(random);
  std::ofstream("model.bin", std::ios::binary)
      .write(reinterpret_cast<const char *>(weights.data()), weights.size() * sizeof(float));

  unsigned count = 0;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(folder, error), end; it != end && !error; it.increment(error)) {
    if (llvm::sys::path::extension(it->path()) != ".mlir")
      continue;
    SCOPED_TRACE(it->path());
    auto module = parseSourceFile<ModuleOp>(it->path(), &getContext());
    ASSERT_TRUE(module);
    OwningOpRef<ModuleOp> changed = module->clone();
    PassManager pm(&getContext());
    ASSERT_TRUE(succeeded(parsePassPipeline(GetParam(), pm)));
    ASSERT_TRUE(succeeded(pm.run(*changed)));
    for (auto before : module->getOps<func::FuncOp>()) {
      SCOPED_TRACE(before.getSymName().str());
      SmallVector<nn::Tensor> arguments = makeArguments(before);
      nn::EvalContext ctx;
      SmallVector<nn::Tensor> expected, results;
      ASSERT_TRUE(succeeded(nn::evaluateFunction(before, ctx, arguments, expected))) << ctx.error;
      auto after = changed->lookupSymbol<func::FuncOp>(before.getSymName());
      nn::EvalContext afterCtx;
      ASSERT_TRUE(succeeded(nn::evaluateFunction(after, afterCtx, arguments, results))) << afterCtx.error;
      ASSERT_EQ(expected.size(), results.size());
      for (auto [x, y] : llvm::zip_equal(expected, results))
        expectEqual(x, y);
      ++count;
    }
  }
  EXPECT_GT(count, 40u);
  llvm::sys::fs::remove("model.bin");
  llvm::sys::fs::set_current_path("/");
  llvm::sys::fs::remove(scratch);
}

INSTANTIATE_TEST_SUITE_P(Passes, Equivalence,
                         testing::Values("func.func(nn-fold-constants)", "func.func(nn-simplify)",
                                         "func.func(nn-raise)", "func.func(nn-fold-batch-norm)",
                                         "func.func(nn-block-layout)", "func.func(nn-block-layout{block=4})",
                                         "nn-graph", "nn-graph{block=4}"));

} // namespace

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 2)
    return 2;
  SmallString<128> path(argv[1]);
  llvm::sys::fs::make_absolute(path); // the test works in a folder of its own
  folder = path.str().str();
  return RUN_ALL_TESTS();
}
