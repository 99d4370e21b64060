// Verification finds what is broken on purpose: a pass in the middle of the graph phase.

#include "aicc/Verify.h"
#include "compiler/VerifyGraph.h"
#include "dialects/nn/NN.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/raw_ostream.h"
#include "gmock/gmock.h"

using namespace aicc;
using namespace mlir;

namespace {
/// Turns a - b into b - a.
struct SwapSubtractions : PassWrapper<SwapSubtractions, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SwapSubtractions)
  StringRef getArgument() const override { return "test-swap-subtractions"; }
  void runOnOperation() override {
    getOperation().walk([](nn::SubOp op) { op->setOperands({op->getOperand(1), op->getOperand(0)}); });
  }
};

const char *const model = R"(
#l0 = loc("first")
#l1 = loc("difference")
#l2 = loc("last")
func.func @main(%x: tensor<4xf32> {nn.name = "x"}, %y: tensor<4xf32> {nn.name = "y"}) -> (tensor<4xf32> {nn.name = "z"}) {
  %0 = nn.tanh %x : (tensor<4xf32>) -> tensor<4xf32> loc(#l0)
  %1 = nn.sub %0, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc(#l1)
  %2 = nn.exp %1 : (tensor<4xf32>) -> tensor<4xf32> loc(#l2)
  return %2 : tensor<4xf32>
}
)";

/// The interpreter needs no device: what "runs" returns zeros of the right shapes.
VerifyResult verifyModel(const PipelineBuilder &pipeline) {
  SmallString<128> path;
  EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("verify", "mlir", path));
  llvm::FileRemover remover(path);
  {
    std::error_code error;
    llvm::raw_fd_ostream stream(path, error);
    stream << model;
  }
  VerifyOptions options;
  options.compile.input = path.str().str();
  options.run = [](const std::string &, const std::vector<InputRange> &ranges,
                   std::vector<HostTensor> &inputs, std::vector<HostTensor> &outputs) -> std::string {
    EXPECT_EQ(ranges.size(), 2u);
    for (float first : {0.5f, 2.0f}) {
      HostTensor tensor{AICC_TYPE_F32, {4}, std::vector<char>(16)};
      for (int i = 0; i < 4; ++i) {
        float value = first + i;
        std::memcpy(tensor.bytes.data() + 4 * i, &value, 4);
      }
      inputs.push_back(tensor);
    }
    outputs.assign(8, HostTensor{AICC_TYPE_F32, {4}, std::vector<char>(16)});
    return "";
  };
  return verifyWith(options, pipeline);
}

TEST(Verify, NamesAPassAndItsNode) {
  VerifyResult result = verifyModel([](OpPassManager &pm, const GraphOptions &options) {
    buildGraphPipeline(pm, options);
    pm.addPass(std::make_unique<SwapSubtractions>());
    buildGraphPipeline(pm, options);
  });
  EXPECT_EQ(result.status, CompileStatus::InternalError);
  EXPECT_EQ(result.divergence.stage, "pass");
  EXPECT_EQ(result.divergence.pass, "test-swap-subtractions");
  EXPECT_EQ(result.divergence.node, "node \"difference\"");
  EXPECT_EQ(result.divergence.op, "nn.sub");
  EXPECT_THAT(result.divergence.what, testing::HasSubstr("differs by"));
}

TEST(Verify, NamesAKernelThatGivesZeros) {
  VerifyResult result = verifyModel(nullptr);
  EXPECT_EQ(result.divergence.stage, "kernel");
  EXPECT_THAT(result.divergence.node, testing::HasSubstr("first"));
  EXPECT_FALSE(result.divergence.kernel.empty());
}
} // namespace
