//===- RunTest.cpp - modules from file to result -----------------------------------------===//
//
// Hand-built modules through the C ABI: what commands do, and what runs answer to callers who get it wrong.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/TestModule.h"

#include <cstring>
#include <ctime>

using namespace aicc;
using namespace aicc::test;

namespace {

int64_t nowNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

aicc_run_options runOptions() {
  aicc_run_options options = {};
  options.struct_size = sizeof(options);
  return options;
}

} // namespace

TEST(Run, AddsWithSizesKnownWhenRun) {
  Session s(writeModule("add", makeAddFunction()));
  for (int64_t n : {1, 16, 17, 1000}) {
    std::vector<float> x(n), y(n), sum(n);
    for (int64_t i = 0; i < n; ++i) {
      x[i] = i;
      y[i] = 2 * i;
      sum[i] = 3 * i;
    }
    auto a = s.tensor({n}, x), b = s.tensor({n}, y);
    std::vector<Handle<aicc_tensor>> outputs;
    ASSERT_TRUE(ok(s.run({a.get(), b.get()}, outputs)));
    EXPECT_EQ(values(outputs[0].get()), sum);
    EXPECT_EQ(dims(outputs[0].get()), std::vector<int64_t>{n});
  }
}

TEST(Run, ChecksInputsAgainstTheSignature) {
  Session s(writeModule("add", makeAddFunction()));
  auto a = s.tensor({4}, {1, 2, 3, 4}), b = s.tensor({5}, {1, 2, 3, 4, 5}), empty = s.tensor({0}, {}),
       matrix = s.tensor({2, 2}, {1, 2, 3, 4});
  std::vector<Handle<aicc_tensor>> outputs;
  EXPECT_TRUE(failsWith(s.run({a.get()}, outputs), AICC_STATUS_INVALID_ARGUMENT, "takes 2 inputs"));
  EXPECT_TRUE(failsWith(s.run({a.get(), nullptr}, outputs), AICC_STATUS_INVALID_ARGUMENT, "b is missing"));
  EXPECT_TRUE(
      failsWith(s.run({a.get(), b.get()}, outputs), AICC_STATUS_INVALID_ARGUMENT, "is 5, but must be 4"));
  EXPECT_TRUE(failsWith(s.run({matrix.get(), a.get()}, outputs), AICC_STATUS_INVALID_ARGUMENT, "2x2xf32"));
  EXPECT_TRUE(
      failsWith(s.run({empty.get(), empty.get()}, outputs), AICC_STATUS_INVALID_ARGUMENT, "size n is 0"));
  int64_t four = 4;
  aicc_tensor *integers = nullptr;
  ASSERT_TRUE(ok(aicc_tensor_create(s.instance.get(), nullptr, AICC_TYPE_I32, 1, &four, &integers)));
  EXPECT_TRUE(failsWith(s.run({a.get(), integers}, outputs), AICC_STATUS_INVALID_ARGUMENT, "4xi32"));
  aicc_tensor_release(integers);
}

TEST(Run, WritesIntoTheCallersOutputs) {
  Session s(writeModule("add", makeAddFunction()));
  auto a = s.tensor({3}, {1, 2, 3}), b = s.tensor({3}, {10, 20, 30});
  std::vector<Handle<aicc_tensor>> outputs;
  outputs.push_back(s.tensor({3}, {0, 0, 0}));
  aicc_tensor *mine = outputs[0].get();
  ASSERT_TRUE(ok(s.run({a.get(), b.get()}, outputs)));
  EXPECT_EQ(outputs[0].get(), mine);
  EXPECT_EQ(values(mine), (std::vector<float>{11, 22, 33}));
  outputs[0] = s.tensor({4}, {0, 0, 0, 0});
  EXPECT_TRUE(
      failsWith(s.run({a.get(), b.get()}, outputs), AICC_STATUS_INVALID_ARGUMENT, "output sum is 4xf32"));
  EXPECT_NE(outputs[0], nullptr);
}

TEST(Run, PacksStridedInputs) {
  Function f;
  f.name = "main";
  f.args = {{f32("x", {2, 3}), 0}};
  f.results = {{f32("y", {2, 3}), 1}};
  f.slotCount = 2;
  f.blocks = {{CommandCopy{1, imm(0), 0, imm(0), imm(24)}, CommandReturn{}}};
  Session s(writeModule("strided", f));
  float transposed[] = {1, 4, 2, 5, 3, 6};
  int64_t sizes[] = {2, 3}, strides[] = {1, 2};
  aicc_tensor *x = nullptr;
  ASSERT_TRUE(ok(aicc_tensor_wrap(s.instance.get(), AICC_TYPE_F32, 2, sizes, strides, transposed,
                                  sizeof(transposed), nullptr, nullptr, &x)));
  std::vector<Handle<aicc_tensor>> outputs;
  ASSERT_TRUE(ok(s.run({x}, outputs)));
  EXPECT_EQ(values(outputs[0].get()), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  aicc_tensor_release(x);
}

TEST(Run, ComputesShapesWithoutRunning) {
  Function f = makeAddFunction();
  f.results[0].type = f32("sum", {-1, 2});
  f.results[0].type.dims[0].symbol = -1;
  f.results[0].dims = {reg(1), imm(2)};
  f.shapeProgram = {CommandArgDim{1, 1, 0}, CommandArith{ArithOp::Mul, 1, reg(1), imm(3)}};
  Session s(writeModule("shapes", f));
  auto a = s.tensor({4}, {1, 2, 3, 4});
  aicc_tensor *inputs[] = {a.get(), a.get()};
  int64_t sizes[2] = {};
  int64_t *rows[] = {sizes};
  ASSERT_TRUE(ok(aicc_context_compute_shapes(s.context.get(), s.function, inputs, 2, rows)));
  EXPECT_EQ(sizes[0], 12);
  EXPECT_EQ(sizes[1], 2);
}

TEST(Run, ShrinksResultsWhoseSizesDependOnData) {
  Function f;
  f.name = "main";
  f.args = {{f32("x", {-1}), 0}};
  f.symbols = {{"n", 0, 1000, 1, 0, 0, 0}};
  Result result{f32("kept", {0}), 1, {reg(0)}, {reg(1)}};
  result.type.dims[0] = {-1, -1};
  f.results = {result};
  f.registerCount = 2;
  f.slotCount = 3;
  CommandDispatch compact;
  compact.entry = Compact;
  compact.bindings = {{0}, {1}, {2, imm(0), imm(8)}};
  compact.params = {reg(0)};
  f.blocks = {
      {CommandAlloc{2, imm(8)}, compact, CommandLoadScalar{1, 2, imm(0)}, CommandFree{2}, CommandReturn{}}};
  Session s(writeModule("compact", f));
  auto x = s.tensor({5}, {0, 7, 0, 8, 9});
  std::vector<Handle<aicc_tensor>> outputs;
  ASSERT_TRUE(ok(s.run({x.get()}, outputs)));
  EXPECT_EQ(values(outputs[0].get()), (std::vector<float>{7, 8, 9}));
  outputs[0] = s.tensor({5}, {0, 0, 0, 0, 0});
  ASSERT_TRUE(ok(s.run({x.get()}, outputs)));
  EXPECT_EQ(dims(outputs[0].get()), std::vector<int64_t>{3});
}

TEST(Run, ArithmeticRoundsAndChecks) {
  const auto compute = [](ArithOp op, int64_t a, int64_t b, std::vector<int64_t> &out) {
    Function f;
    f.name = "main";
    TensorType type{"y", AICC_TYPE_I64, {Dim{1, -1}}};
    f.results = {{type, 0}};
    f.registerCount = 1;
    f.slotCount = 1;
    f.blocks = {
        {CommandArith{op, 0, imm(a), imm(b)}, CommandFill{0, imm(0), imm(8), reg(0), 8}, CommandReturn{}}};
    Session s(writeModule("arith", f), 1);
    std::vector<Handle<aicc_tensor>> outputs;
    aicc_status *status = s.run({}, outputs);
    if (!status) {
      aicc_tensor_info info = {};
      info.struct_size = sizeof(info);
      EXPECT_TRUE(ok(aicc_tensor_get_info(outputs[0].get(), &info)));
      out = {*static_cast<int64_t *>(info.data)};
    }
    return status;
  };
  struct Case {
    ArithOp op;
    int64_t a, b, result;
  };
  const Case cases[] = {
      {ArithOp::Move, 5, 0, 5},    {ArithOp::Add, 2, 3, 5},        {ArithOp::Sub, 2, 3, -1},
      {ArithOp::Mul, -2, 3, -6},   {ArithOp::FloorDiv, -7, 2, -4}, {ArithOp::FloorDiv, 7, 2, 3},
      {ArithOp::CeilDiv, 7, 2, 4}, {ArithOp::CeilDiv, -7, 2, -3},  {ArithOp::CeilDiv, 8, 2, 4},
      {ArithOp::Mod, -7, 3, 2},    {ArithOp::Mod, 7, -3, -2},      {ArithOp::Mod, 6, 3, 0},
      {ArithOp::Min, 2, -3, -3},   {ArithOp::Max, 2, -3, 2},       {ArithOp::Eq, 2, 2, 1},
      {ArithOp::Ne, 2, 2, 0},      {ArithOp::Lt, 2, 3, 1},         {ArithOp::Le, 4, 3, 0},
      {ArithOp::And, 6, 3, 2},     {ArithOp::Or, 6, 3, 7},         {ArithOp::Xor, 6, 3, 5}};
  for (const Case &c : cases) {
    std::vector<int64_t> out;
    EXPECT_TRUE(ok(compute(c.op, c.a, c.b, out)));
    EXPECT_EQ(out, std::vector<int64_t>{c.result}) << static_cast<int>(c.op) << " " << c.a << " " << c.b;
  }
  std::vector<int64_t> out;
  EXPECT_TRUE(failsWith(compute(ArithOp::Add, INT64_MAX, 1, out), AICC_STATUS_OUT_OF_RANGE, "overflows"));
  EXPECT_TRUE(failsWith(compute(ArithOp::Mul, INT64_MAX, 2, out), AICC_STATUS_OUT_OF_RANGE, "overflows"));
  EXPECT_TRUE(failsWith(compute(ArithOp::FloorDiv, 1, 0, out), AICC_STATUS_OUT_OF_RANGE, "by zero"));
  EXPECT_TRUE(failsWith(compute(ArithOp::Mod, INT64_MIN, -1, out), AICC_STATUS_OUT_OF_RANGE));
}

TEST(Run, LoopsAndMovesBuffers) {
  // x doubles n times: two buffers change places in each turn.
  Function f;
  f.name = "main";
  TensorType count{"n", AICC_TYPE_I64, {}};
  f.args = {{f32("x", {4}), 0}, {count, 1}};
  f.results = {{f32("y", {4}), 2}};
  f.registerCount = 2;
  f.slotCount = 6;
  CommandDispatch scale;
  scale.entry = Scale;
  scale.grid = imm(4);
  scale.bindings = {{3, imm(0), imm(16)}, {4, imm(0), imm(16)}};
  scale.params = {imm(4), imm(2)};
  f.blocks = {{CommandLoadScalar{0, 1, imm(0)}, CommandAlloc{3, imm(16)}, CommandAlloc{4, imm(16)},
               CommandCopy{3, imm(0), 0, imm(0), imm(16)}, CommandBranch{1}},
              {CommandArith{ArithOp::Lt, 1, imm(0), reg(0)}, CommandBranchIf{reg(1), 2, 3}},
              {scale, CommandMove{5, 3}, CommandMove{3, 4}, CommandMove{4, 5},
               CommandArith{ArithOp::Sub, 0, reg(0), imm(1)}, CommandBranch{1}},
              {CommandCopy{2, imm(0), 3, imm(0), imm(16)}, CommandReturn{}}};
  Session s(writeModule("loop", f));
  auto x = s.tensor({4}, {1, 2, 3, 4});
  int64_t turns = 5;
  aicc_tensor *n = nullptr;
  ASSERT_TRUE(ok(aicc_tensor_wrap(s.instance.get(), AICC_TYPE_I64, 0, nullptr, nullptr, &turns, 8, nullptr,
                                  nullptr, &n)));
  std::vector<Handle<aicc_tensor>> outputs;
  ASSERT_TRUE(ok(s.run({x.get(), n}, outputs)));
  EXPECT_EQ(values(outputs[0].get()), (std::vector<float>{32, 64, 96, 128}));
  aicc_tensor_release(n);
}

TEST(Run, CallsPrivateFunctions) {
  Function callee;
  callee.name = "twice";
  callee.isPrivate = true;
  callee.args = {{f32("x", {4}), 0}};
  callee.results = {{f32("y", {4}), 1}};
  callee.registerCount = 2;
  callee.slotCount = 3;
  callee.inputRegisters = {0};
  callee.outputRegisters = {1};
  callee.arenas = {{2, 64}};
  CommandDispatch scale;
  scale.entry = Scale;
  scale.grid = reg(0);
  scale.bindings = {{0, imm(0), imm(16)}, {1, imm(0), imm(16)}};
  scale.params = {imm(4), imm(2)};
  callee.blocks = {{scale, CommandArith{ArithOp::Add, 1, reg(0), imm(100)}, CommandReturn{}}};

  Function f;
  f.name = "main";
  f.args = {{f32("x", {4}), 0}};
  f.results = {{f32("y", {4}), 1}, {TensorType{"n", AICC_TYPE_I64, {Dim{1, -1}}}, 2}};
  f.registerCount = 1;
  f.slotCount = 3;
  f.blocks = {
      {CommandCall{1, {0}, {1}, {imm(4)}, {0}}, CommandFill{2, imm(0), imm(8), reg(0), 8}, CommandReturn{}}};
  Session s(writeModule("call", f,
                        [&](ModuleWriter &, Instance &instance) { instance.functions.push_back(callee); }));
  EXPECT_EQ(aicc_module_function_count(s.module.get()), 1u);
  auto x = s.tensor({4}, {1, 2, 3, 4});
  std::vector<Handle<aicc_tensor>> outputs;
  ASSERT_TRUE(ok(s.run({x.get()}, outputs)));
  EXPECT_EQ(values(outputs[0].get()), (std::vector<float>{2, 4, 6, 8}));
  aicc_tensor_info info = {};
  info.struct_size = sizeof(info);
  ASSERT_TRUE(ok(aicc_tensor_get_info(outputs[1].get(), &info)));
  EXPECT_EQ(*static_cast<int64_t *>(info.data), 104);
}

TEST(Run, ReadsConstantsAndRefusesToWriteThem) {
  const float weights[] = {10, 20, 30};
  Function f;
  f.name = "main";
  f.args = {{f32("x", {3}), 0}};
  f.results = {{f32("y", {3}), 1}};
  f.slotCount = 4;
  CommandDispatch add;
  add.entry = Add;
  add.bindings = {{0, imm(0), imm(12)}, {3, imm(0), imm(12)}, {1, imm(0), imm(12)}};
  add.params = {imm(3), imm(16)};
  f.blocks = {{CommandConstant{2, 0}, CommandView{3, 2, imm(0), imm(12)}, add, CommandReturn{}}};
  const auto withWeights = [&](ModuleWriter &writer, Instance &) {
    writer.addConstant(weights, sizeof(weights), "w");
  };
  Session s(writeModule("constant", f, withWeights));
  auto x = s.tensor({3}, {1, 2, 3});
  std::vector<Handle<aicc_tensor>> outputs;
  ASSERT_TRUE(ok(s.run({x.get()}, outputs)));
  EXPECT_EQ(values(outputs[0].get()), (std::vector<float>{11, 22, 33}));
  EXPECT_TRUE(ok(aicc_module_verify_weights(s.module.get())));

  f.blocks[0][2] = CommandFill{3, imm(0), imm(4), imm(0), 4};
  Session readOnly(writeModule("write-constant", f, withWeights));
  auto again = readOnly.tensor({3}, {1, 2, 3});
  EXPECT_TRUE(failsWith(readOnly.run({again.get()}, outputs), AICC_STATUS_OUT_OF_RANGE, "constant"));
}

TEST(Run, ChecksRangesThatDependOnSizes) {
  const auto status = [](Block block) {
    Function f;
    f.name = "main";
    f.results = {{f32("y", {4}), 0}};
    f.registerCount = 2;
    f.slotCount = 4;
    f.arenas = {{1, 256}};
    block.push_back(CommandReturn{});
    f.blocks = {block};
    Session s(writeModule("ranges", f), 1);
    std::vector<Handle<aicc_tensor>> outputs;
    return s.run({}, outputs);
  };
  CommandDispatch visit;
  visit.entry = Visit;
  visit.name = "visit";
  visit.nodes = {"/model/Node"};
  visit.bindings = {{1, imm(200), imm(64)}};
  const auto range = AICC_STATUS_OUT_OF_RANGE;
  EXPECT_TRUE(failsWith(status({visit}), range, "/model/Node"));
  visit.bindings = {{3, imm(0), imm(0)}};
  EXPECT_TRUE(failsWith(status({visit}), range, "slot 3"));
  visit.bindings = {{1}};
  visit.grid = reg(0);
  EXPECT_TRUE(ok(status({visit}))); // an empty grid
  EXPECT_TRUE(failsWith(status({CommandArith{ArithOp::Move, 0, imm(-1), {}}, visit}), range, "negative"));
  EXPECT_TRUE(ok(status({CommandView{2, 1, imm(256), imm(0)}})));
  EXPECT_TRUE(failsWith(status({CommandView{2, 1, imm(200), imm(57)}}), range, "leaves slot 1"));
  EXPECT_TRUE(failsWith(status({CommandView{2, 1, imm(INT64_MAX), imm(INT64_MAX)}}), range));
  EXPECT_TRUE(failsWith(status({CommandView{2, 3, imm(0), imm(0)}}), range));
  EXPECT_TRUE(failsWith(status({CommandCopy{0, imm(8), 1, imm(0), imm(9)}}), range, "copy"));
  EXPECT_TRUE(failsWith(status({CommandFill{0, imm(0), imm(6), imm(1), 4}}), range, "fill"));
  EXPECT_TRUE(failsWith(status({CommandLoadScalar{0, 0, imm(9)}}), range, "scalar"));
  EXPECT_TRUE(failsWith(status({CommandFree{1}}), range, "owns no memory"));
  EXPECT_TRUE(
      failsWith(status({CommandArith{ArithOp::Move, 0, imm(-5), {}}, CommandAlloc{2, reg(0)}}), range));
  EXPECT_TRUE(failsWith(status({CommandAlloc{2, imm(INT64_MAX)}}), range));
  EXPECT_TRUE(failsWith(status({CommandAssert{imm(0), "sizes differ", {"/a", "/b"}}}),
                        AICC_STATUS_FAILED_PRECONDITION, "sizes differ (node /a, /b)"));
}

TEST(Run, LendsDonatedInputsToResults) {
  Function f;
  f.name = "main";
  f.args = {{f32("x", {4}), 0, /*donated=*/true}};
  Result result{f32("y", {4}), 0};
  result.aliasArg = 0;
  f.results = {result};
  f.slotCount = 1;
  CommandDispatch scale;
  scale.entry = Scale;
  scale.grid = imm(4);
  scale.bindings = {{0, imm(0), imm(16)}, {0, imm(0), imm(16)}};
  scale.params = {imm(4), imm(3)};
  f.blocks = {{scale, CommandReturn{}}};
  Session s(writeModule("alias", f));
  auto x = copyTo(s.tensor({4}, {1, 2, 3, 4}).get(), s.device);
  std::vector<Handle<aicc_tensor>> outputs;
  ASSERT_TRUE(ok(s.run({x.get()}, outputs)));
  EXPECT_EQ(values(outputs[0].get()), (std::vector<float>{3, 6, 9, 12}));
  EXPECT_EQ(values(x.get()), (std::vector<float>{3, 6, 9, 12}));
  x.reset(); // the result keeps the memory
  EXPECT_EQ(values(outputs[0].get())[3], 12);
}

TEST(Run, KeepsStateBetweenRuns) {
  Function f;
  f.name = "main";
  f.results = {{f32("y", {4}), 0}};
  f.slotCount = 2;
  f.states = {{0, 1}};
  f.blocks = {{CommandDispatch{0, Visit, imm(4), {}, {{1, imm(0), imm(16)}}, {}, "", {}},
               CommandCopy{0, imm(0), 1, imm(0), imm(16)}, CommandReturn{}}};
  Session s(writeModule(
      "state", f, [](ModuleWriter &, Instance &instance) { instance.states = {{f32("cache", {4}), 16}}; }));
  aicc_state *state = nullptr;
  EXPECT_TRUE(failsWith(aicc_state_create(s.module.get(), "other", &state), AICC_STATUS_NOT_FOUND, "other"));
  ASSERT_TRUE(ok(aicc_state_create(s.module.get(), "cache", &state)));
  Handle<aicc_state> owner(state);
  aicc_run_options options = runOptions();
  std::vector<Handle<aicc_tensor>> outputs;
  EXPECT_TRUE(failsWith(s.run({}, outputs, &options), AICC_STATUS_INVALID_ARGUMENT, "takes 1 states"));
  options.states = &state;
  options.state_count = 1;
  const auto visits = [&] {
    outputs.clear();
    EXPECT_TRUE(ok(s.run({}, outputs, &options)));
    int32_t count;
    float bits = values(outputs[0].get())[0];
    std::memcpy(&count, &bits, sizeof(count));
    return count;
  };
  EXPECT_EQ(visits(), 1);
  EXPECT_EQ(visits(), 2);
  EXPECT_TRUE(ok(aicc_state_reset(state)));
  EXPECT_EQ(visits(), 1);
}

TEST(Run, EndsAtItsDeadlineAndWhenCancelled) {
  // An endless loop of short dispatches.
  Function f;
  f.name = "main";
  f.slotCount = 1;
  f.arenas = {{0, 64}};
  CommandDispatch burn;
  burn.entry = Burn;
  burn.bindings = {{0}};
  burn.params = {imm(1)};
  f.blocks = {{burn, CommandBranch{0}}};
  Session s(writeModule("endless", f));
  std::vector<Handle<aicc_tensor>> outputs;
  aicc_run_options options = runOptions();
  options.deadline_ns = nowNs() + 5000000;
  EXPECT_TRUE(failsWith(s.run({}, outputs, &options), AICC_STATUS_DEADLINE_EXCEEDED));

  aicc_event *first = nullptr, *second = nullptr;
  ASSERT_TRUE(
      ok(aicc_context_run_async(s.context.get(), s.function, nullptr, 0, nullptr, 0, nullptr, &first)));
  ASSERT_TRUE(
      ok(aicc_context_run_async(s.context.get(), s.function, nullptr, 0, nullptr, 0, nullptr, &second)));
  Handle<aicc_event> firstOwner(first), secondOwner(second);
  EXPECT_TRUE(
      failsWith(aicc_event_wait(first, nowNs() + 2000000), AICC_STATUS_DEADLINE_EXCEEDED, "in progress"));
  EXPECT_EQ(aicc_event_is_done(first), 0);
  aicc_context_cancel(s.context.get());
  EXPECT_TRUE(failsWith(aicc_event_wait(first, 0), AICC_STATUS_CANCELLED));
  EXPECT_TRUE(failsWith(aicc_event_wait(second, 0), AICC_STATUS_CANCELLED));
  options.deadline_ns = nowNs() + 2000000;
  EXPECT_TRUE(failsWith(s.run({}, outputs, &options), AICC_STATUS_DEADLINE_EXCEEDED))
      << "later runs are not cancelled";
}

TEST(Run, RunsAsynchronouslyInOrder) {
  Session s(writeModule("add", makeAddFunction()));
  auto a = s.tensor({100}, std::vector<float>(100, 1)), b = s.tensor({100}, std::vector<float>(100, 2));
  aicc_tensor *inputs[] = {a.get(), b.get()};
  constexpr int kRuns = 20;
  aicc_tensor *outputs[kRuns] = {};
  aicc_event *events[kRuns] = {};
  for (int i = 0; i < kRuns; ++i)
    ASSERT_TRUE(ok(
        aicc_context_run_async(s.context.get(), s.function, inputs, 2, &outputs[i], 1, nullptr, &events[i])));
  a.reset();
  for (int i = 0; i < kRuns; ++i) {
    EXPECT_TRUE(ok(aicc_event_wait(events[i], 0)));
    EXPECT_EQ(values(outputs[i]), std::vector<float>(100, 3));
    aicc_tensor_release(outputs[i]);
    aicc_event_destroy(events[i]);
  }
}

TEST(Run, TellsTheTimeOfEachDispatch) {
  Session s(writeModule("add", makeAddFunction()));
  auto a = s.tensor({4}, {1, 2, 3, 4});
  std::vector<std::string> names;
  aicc_run_options options = runOptions();
  options.profile_user = &names;
  options.profile = [](void *user, const aicc_function *, uint32_t, const char *name, uint64_t start,
                       uint64_t, uint32_t) {
    EXPECT_GT(start, 0u);
    static_cast<std::vector<std::string> *>(user)->push_back(name);
  };
  std::vector<Handle<aicc_tensor>> outputs;
  ASSERT_TRUE(ok(s.run({a.get(), a.get()}, outputs, &options)));
  EXPECT_EQ(names, std::vector<std::string>{"add"});
  aicc_dispatch_info info = {};
  info.struct_size = sizeof(info);
  ASSERT_TRUE(ok(aicc_function_get_dispatch(s.function, 0, &info)));
  EXPECT_STREQ(info.nodes[0], "/model/Add");
  EXPECT_STREQ(info.kernel, "add");
}

TEST(Run, GivesEachWorkerItsScratch) {
  Function f;
  f.name = "main";
  f.results = {{TensorType{"ok", AICC_TYPE_I32, {Dim{64, -1}}}, 0}};
  f.slotCount = 1;
  CommandDispatch scratch;
  scratch.entry = Scratch;
  scratch.grid = imm(64);
  scratch.scratch = imm(1000);
  scratch.bindings = {{0, imm(0), imm(256)}};
  scratch.params = {imm(1000)};
  CommandDispatch larger = scratch;
  larger.scratch = larger.params[0] = imm(5000);
  f.blocks = {{scratch, larger, scratch, CommandReturn{}}};
  Session s(writeModule("scratch", f), 4);
  for (int i = 0; i < 20; ++i) {
    std::vector<Handle<aicc_tensor>> outputs;
    ASSERT_TRUE(ok(s.run({}, outputs)));
    aicc_tensor_info info = {};
    info.struct_size = sizeof(info);
    ASSERT_TRUE(ok(aicc_tensor_get_info(outputs[0].get(), &info)));
    for (int k = 0; k < 64; ++k)
      ASSERT_EQ(static_cast<int32_t *>(info.data)[k], 1) << k;
  }
}
