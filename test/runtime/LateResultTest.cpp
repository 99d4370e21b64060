//===- LateResultTest.cpp - results whose sizes the run computes -------------------------===//
//
// The command BindResult: who gives the memory, what callers are told, and what goes wrong.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/TestModule.h"

#include <cstring>

using namespace aicc;
using namespace aicc::test;

namespace {

/// main(x: f32[n], k: i64[1]) -> the first k elements of x.
Function makeTakeFunction() {
  Function f;
  f.name = "main";
  f.args = {{f32("x", {-1}), 0}, {f32("k", {1}), 1}};
  f.args[0].type.dims[0].symbol = 0;
  f.args[1].type.elementType = AICC_TYPE_I64;
  f.symbols = {{"n", 0, 1 << 20, 1, 0, 0, 0}};
  Result result;
  result.type = f32("y", {-1});
  result.type.dims[0].symbol = -1;
  result.slot = 2;
  result.dims = {imm(-1)};
  result.late = true;
  f.results = {result};
  f.registerCount = 3;
  f.slotCount = 3;
  f.blocks = {{CommandLoadScalar{1, 1, imm(0)}, CommandArith{ArithOp::Mul, 2, reg(1), imm(4)},
               CommandBindResult{0, {reg(1)}}, CommandCopy{2, imm(0), 0, imm(0), reg(2)}, CommandReturn{}}};
  return f;
}

void write(aicc_tensor *tensor, int64_t value) {
  aicc_tensor_info info = {};
  info.struct_size = sizeof(info);
  ASSERT_TRUE(ok(aicc_tensor_get_info(tensor, &info)));
  std::memcpy(info.data, &value, sizeof(value));
}

struct LateResult : testing::Test {
  Session s{writeModule("late", makeTakeFunction())};
  Handle<aicc_tensor> x = s.tensor({4}, {1, 2, 3, 4});

  Handle<aicc_tensor> number(int64_t value) {
    int64_t one = 1;
    aicc_tensor *tensor = nullptr;
    EXPECT_TRUE(ok(aicc_tensor_create(s.instance.get(), nullptr, AICC_TYPE_I64, 1, &one, &tensor)));
    write(tensor, value);
    return Handle<aicc_tensor>(tensor);
  }
};

std::string verify(Function function) {
  ModuleWriter writer(temporaryPath("invalid-late.aicc"));
  Instance instance = makeInstance(writer);
  instance.functions.push_back(std::move(function));
  writer.addInstance(std::move(instance));
  return writer.finish() ? "valid" : writer.error();
}

} // namespace

TEST_F(LateResult, HasTheSizesOfTheRun) {
  for (int64_t k : {3, 0, 4, 1}) {
    auto count = number(k);
    std::vector<Handle<aicc_tensor>> outputs;
    ASSERT_TRUE(ok(s.run({x.get(), count.get()}, outputs)));
    EXPECT_EQ(dims(outputs[0].get()), std::vector<int64_t>{k});
    std::vector<float> expected = {1, 2, 3, 4};
    expected.resize(k);
    EXPECT_EQ(values(outputs[0].get()), expected);
  }
}

TEST_F(LateResult, IsNotToldBeforehand) {
  auto count = number(3);
  aicc_tensor *inputs[] = {x.get(), count.get()};
  int64_t size = 0;
  int64_t *rows[] = {&size};
  ASSERT_TRUE(ok(aicc_context_compute_shapes(s.context.get(), s.function, inputs, 2, rows)));
  EXPECT_EQ(size, -1);
}

TEST_F(LateResult, TakesTheCallersTensorIfItIsLargeEnough) {
  auto three = number(3), four = number(4);
  std::vector<Handle<aicc_tensor>> outputs;
  outputs.push_back(s.tensor({3}, {0, 0, 0}));
  aicc_tensor *mine = outputs[0].get();
  ASSERT_TRUE(ok(s.run({x.get(), three.get()}, outputs)));
  EXPECT_EQ(outputs[0].get(), mine);
  EXPECT_EQ(values(mine), (std::vector<float>{1, 2, 3}));
  EXPECT_TRUE(failsWith(s.run({x.get(), four.get()}, outputs), AICC_STATUS_INVALID_ARGUMENT,
                        "output y is 3xf32 in 12 bytes, but must be a dense 4xf32 in 16"));
  auto one = number(1);
  ASSERT_TRUE(ok(s.run({x.get(), one.get()}, outputs)));
  EXPECT_EQ(outputs[0].get(), mine);
  EXPECT_EQ(dims(mine), std::vector<int64_t>{1});
  // Its memory is still of three elements.
  ASSERT_TRUE(ok(s.run({x.get(), three.get()}, outputs)));
  EXPECT_EQ(values(mine), (std::vector<float>{1, 2, 3}));
}

TEST_F(LateResult, LeavesNothingBehindWhenTheRunFails) {
  auto negative = number(-1), five = number(5);
  std::vector<Handle<aicc_tensor>> outputs;
  EXPECT_TRUE(
      failsWith(s.run({x.get(), negative.get()}, outputs), AICC_STATUS_OUT_OF_RANGE, "result y would be"));
  EXPECT_TRUE(failsWith(s.run({x.get(), five.get()}, outputs), AICC_STATUS_OUT_OF_RANGE,
                        "a copy leaves its buffers"));
  for (const auto &output : outputs)
    EXPECT_EQ(output, nullptr);
}

TEST(LateResults, AreBoundOnce) {
  Function f = makeTakeFunction();
  f.blocks[0].insert(f.blocks[0].begin() + 2, CommandBindResult{0, {reg(1)}});
  Function never = makeTakeFunction();
  never.blocks = {{CommandReturn{}}};
  for (auto [function, message] : {std::pair(f, "is bound twice"), std::pair(never, "was not bound")}) {
    Session s(writeModule("late", function));
    auto x = s.tensor({1}, {1});
    int64_t one = 1;
    aicc_tensor *k = nullptr;
    ASSERT_TRUE(ok(aicc_tensor_create(s.instance.get(), nullptr, AICC_TYPE_I64, 1, &one, &k)));
    write(k, one);
    std::vector<Handle<aicc_tensor>> outputs;
    EXPECT_TRUE(failsWith(s.run({x.get(), k}, outputs), AICC_STATUS_OUT_OF_RANGE, message));
    aicc_tensor_release(k);
  }
}

TEST(LateResults, AreVerified) {
  EXPECT_EQ(verify(makeTakeFunction()), "valid");
  const auto refuses = [](const std::function<void(Function &)> &change, const std::string &field) {
    Function f = makeTakeFunction();
    change(f);
    EXPECT_NE(verify(f).find(field), std::string::npos) << verify(f);
  };
  const auto command = [](Function &f) -> CommandBindResult & {
    return std::get<CommandBindResult>(f.blocks[0][2].op);
  };
  refuses([&](Function &f) { command(f).result = 1; }, "result");
  refuses([&](Function &f) { command(f).dims.clear(); }, "dims");
  refuses([&](Function &f) { command(f).dims = {imm(-1)}; }, "dims");
  refuses([&](Function &f) { command(f).dims = {reg(7)}; }, "dims");
  refuses([](Function &f) { f.results[0].late = false; }, "dims");
  refuses([](Function &f) { f.results[0].finalDims = {imm(1)}; }, "late");
  refuses([](Function &f) { f.results[0].dims = {imm(-2)}; }, "dims");
}
