//===- DeviceTest.cpp - devices with memory of their own ---------------------------------===//
//
// What the runtime does for a device on the far side of a bus: copies, recordings, times, choices between
// devices, and errors that leave nothing behind. On the mock device, so that it needs no hardware.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/MockDriver.h"
#include "test/runtime/TestModule.h"

#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <numeric>
#include <thread>

using namespace aicc;
using namespace aicc::test;

namespace {

/// Every test begins with the mock as it is by default, and must leave nothing on it.
class Device : public testing::Test {
protected:
  void SetUp() override { mockState().reset(); }
  void TearDown() override {
    mockState().reset();
    EXPECT_TRUE(mockState().isClean()) << mockState().allocations << " allocations, " << mockState().queues
                                       << " queues, " << mockState().commands << " commands";
  }
};

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

std::vector<float> ramp(size_t count, float first) {
  std::vector<float> numbers(count);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

aicc_tensor_info infoOf(const aicc_tensor *tensor) {
  aicc_tensor_info info = {};
  info.struct_size = sizeof(info);
  EXPECT_TRUE(ok(aicc_tensor_get_info(tensor, &info)));
  return info;
}

/// main(a: f32[64]) -> f32[64]: fifteen dispatches, a copy and a fill between arena and result; every element
/// is 2^14 times as large in the end.
Function makeChain() {
  Function f;
  f.name = "main";
  f.args = {{f32("a", {64}), 0}};
  f.results = {{f32("out", {64}), 1}};
  f.arenas = {{2, 256}, {3, 256}};
  f.slotCount = 4;
  Block block;
  CommandDispatch scale;
  scale.entry = Scale;
  scale.grid = imm(64);
  scale.params = {imm(64), imm(2)};
  scale.name = "scale";
  block.push_back(CommandFill{3, imm(0), imm(256), imm(7), 1});
  block.push_back(CommandCopy{2, imm(0), 0, imm(0), imm(256)});
  for (int i = 0; i < 14; ++i) {
    uint32_t from = i % 2 ? 3 : 2, to = i % 2 ? 2 : 3;
    scale.bindings = {{from, imm(0), imm(256)}, {to, imm(0), imm(256)}};
    block.push_back(scale);
  }
  scale.params = {imm(64), imm(1)};
  scale.bindings = {{2, imm(0), imm(256)}, {1, imm(0), imm(256)}};
  block.push_back(scale);
  block.push_back(CommandReturn{});
  f.blocks = {block};
  return f;
}

/// A module whose function adds three constants, one of them larger than a staging buffer, to its argument's
/// 16 elements, and has one more that nobody reads.
std::string writeWeights() {
  Function f;
  f.name = "main";
  f.args = {{f32("a", {16}), 0}};
  f.results = {{f32("out", {16}), 1}};
  f.slotCount = 5;
  return writeModule("weights", f, [](ModuleWriter &writer, Instance &instance) {
    std::vector<float> small = ramp(16, 100), big = ramp(3 << 20, 0), unused(1 << 20, 1);
    uint32_t first = writer.addConstant(small.data(), 64, "small");
    writer.addConstant(unused.data(), unused.size() * 4, "unused");
    uint32_t second = writer.addConstant(big.data(), big.size() * 4, "big", 4096);
    CommandDispatch add;
    add.entry = Add;
    add.params = {imm(16), imm(16)};
    Function &function = instance.functions.back();
    add.bindings = {{0, imm(0), imm(64)}, {2, imm(0), imm(64)}, {1, imm(0), imm(64)}};
    CommandDispatch more = add;
    more.bindings = {{1, imm(0), imm(64)}, {3, imm((3 << 22) - 64), imm(64)}, {1, imm(0), imm(64)}};
    function.blocks = {{CommandConstant{2, first}, CommandConstant{3, second}, add, more, CommandReturn{}}};
  });
}

} // namespace

TEST_F(Device, CopiesWhatIsNotThere) {
  Session s(writeModule("add", makeAddFunction()), 2, "mock");
  auto a = s.tensor({100}, ramp(100, 0)), b = s.tensor({100}, ramp(100, 5));
  auto onDevice = copyTo(b.get(), s.device);
  EXPECT_EQ(infoOf(onDevice.get()).device, s.device);
  std::vector<Handle<aicc_tensor>> outputs;
  ASSERT_TRUE(ok(s.run({a.get(), b.get()}, outputs)));
  std::vector<float> sum = values(outputs[0].get());
  EXPECT_EQ(infoOf(outputs[0].get()).device, nullptr);
  EXPECT_EQ(sum[99], 99.f + 104.f);
  EXPECT_EQ(mockState().writes, 3);

  // Of a device's own tensors nothing is copied.
  auto first = copyTo(a.get(), s.device);
  int64_t writes = mockState().writes, reads = mockState().reads;
  aicc_run_options options = runOptions();
  options.flags = AICC_RUN_DEVICE_OUTPUTS;
  outputs.clear();
  ASSERT_TRUE(ok(s.run({first.get(), onDevice.get()}, outputs, &options)));
  EXPECT_EQ(mockState().writes, writes);
  EXPECT_EQ(mockState().reads, reads);
  EXPECT_EQ(infoOf(outputs[0].get()).device, s.device);
  EXPECT_EQ(values(outputs[0].get()), sum);

  // Outputs of the caller's, there and here.
  ASSERT_TRUE(ok(s.run({first.get(), b.get()}, outputs)));
  EXPECT_EQ(values(outputs[0].get()), sum);
  outputs.clear();
  outputs.push_back(s.tensor({100}, std::vector<float>(100, 0)));
  ASSERT_TRUE(ok(s.run({a.get(), onDevice.get()}, outputs)));
  EXPECT_EQ(values(outputs[0].get()), sum);
}

TEST_F(Device, TakesTensorsOfOtherDevices) {
  mockOptions().deviceCount = 2;
  for (bool peers : {true, false}) {
    mockState().peerCopies = 0;
    if (!peers)
      mockOptions().capabilities &= ~AICC_DRIVER_PEER;
    Session s(writeModule("add", makeAddFunction()), 2, "mock:1");
    const aicc_device *other = nullptr, *host = nullptr;
    ASSERT_TRUE(ok(aicc_instance_find_device(s.instance.get(), "mock:0", &other)));
    ASSERT_TRUE(ok(aicc_instance_find_device(s.instance.get(), "cpu", &host)));
    auto a = s.tensor({50}, ramp(50, 0));
    auto there = copyTo(a.get(), other), here = copyTo(a.get(), host);
    std::vector<Handle<aicc_tensor>> outputs;
    outputs.push_back(copyTo(a.get(), other));
    ASSERT_TRUE(ok(s.run({there.get(), here.get()}, outputs)));
    EXPECT_EQ(values(outputs[0].get())[49], 98.f);
    EXPECT_EQ(mockState().peerCopies, peers ? 1 : 0);
    // From one to the other, and to the host's driver.
    auto moved = copyTo(there.get(), s.device);
    EXPECT_EQ(mockState().peerCopies, peers ? 2 : 0);
    EXPECT_EQ(values(copyTo(moved.get(), host).get()), ramp(50, 0));

    // The host's program takes tensors of the device, too.
    Session onHost(writeModule("add", makeAddFunction()), 2, "cpu");
    const aicc_device *its = nullptr;
    ASSERT_TRUE(ok(aicc_instance_find_device(onHost.instance.get(), "mock:0", &its)));
    auto b = onHost.tensor({50}, ramp(50, 0));
    auto far = copyTo(b.get(), its);
    outputs.clear();
    outputs.push_back(copyTo(b.get(), its));
    ASSERT_TRUE(ok(onHost.run({b.get(), far.get()}, outputs)));
    EXPECT_EQ(values(outputs[0].get())[49], 98.f);
    // A tensor of another instance is not taken.
    EXPECT_TRUE(failsWith(onHost.run({b.get(), there.get()}, outputs), AICC_STATUS_INVALID_ARGUMENT,
                          "another runtime instance"));
  }
}

TEST_F(Device, TakesStridedTensors) {
  Session s(writeModule("add", makeAddFunction()), 2, "mock");
  std::vector<float> numbers = ramp(20, 0);
  int64_t dims = 10, stride = 2;
  aicc_tensor *raw = nullptr;
  ASSERT_TRUE(ok(aicc_tensor_wrap(s.instance.get(), AICC_TYPE_F32, 1, &dims, &stride, numbers.data(),
                                  numbers.size() * 4, nullptr, nullptr, &raw)));
  Handle<aicc_tensor> strided(raw);
  std::vector<Handle<aicc_tensor>> outputs;
  ASSERT_TRUE(ok(s.run({strided.get(), strided.get()}, outputs)));
  EXPECT_EQ(values(outputs[0].get())[9], 36.f);
  EXPECT_EQ(values(copyTo(strided.get(), s.device).get())[9], 18.f);
}

TEST_F(Device, CopiesWhatIsNotAligned) {
  Session s(writeModule("add", makeAddFunction()), 2, "mock");
  // The last elements of a tensor of the device, as another library hands out a slice.
  auto tail = [&] {
    DLManagedTensor *managed = nullptr;
    aicc_tensor *slice = nullptr;
    EXPECT_TRUE(
        ok(aicc_tensor_export_dlpack(copyTo(s.tensor({100}, ramp(100, 0)).get(), s.device).get(), &managed)));
    auto *mirror = reinterpret_cast<DLTensorMirror *>(managed);
    mirror->byteOffset = 12, mirror->shape[0] = 97;
    EXPECT_TRUE(ok(aicc_tensor_import_dlpack(s.instance.get(), managed, &slice)));
    return Handle<aicc_tensor>(slice);
  };
  auto a = tail(), b = s.tensor({97}, ramp(97, 0));
  std::vector<Handle<aicc_tensor>> outputs;
  outputs.push_back(tail());
  ASSERT_TRUE(ok(s.run({a.get(), b.get()}, outputs)));
  EXPECT_EQ(values(outputs[0].get())[96], 99.f + 96.f);
  EXPECT_EQ(mockState().unalignedBuffers, 0);
}

TEST_F(Device, HoldsTheWeightsThatItsProgramReads) {
  Session s(writeWeights(), 2, "mock");
  aicc_module_info info = {};
  info.struct_size = sizeof(info);
  ASSERT_TRUE(ok(aicc_module_get_info(s.module.get(), &info)));
  EXPECT_GE(info.device_constant_size, (3u << 22) + 64);
  EXPECT_LT(info.device_constant_size, 4u << 22) << "what nobody reads is not uploaded";
  uint64_t used = 0, available = 0;
  ASSERT_TRUE(ok(aicc_device_get_memory(s.device, &used, &available)));
  EXPECT_GE(used, info.device_constant_size);
  EXPECT_EQ(used + available, 1ull << 30);
  auto a = s.tensor({16}, ramp(16, 0));
  std::vector<Handle<aicc_tensor>> outputs;
  ASSERT_TRUE(ok(s.run({a.get()}, outputs)));
  std::vector<float> got = values(outputs[0].get());
  for (int i = 0; i < 16; ++i)
    EXPECT_EQ(got[i], i + 100.f + i + (3 << 20) - 16 + i);
  int64_t before = mockState().bytes;
  s.context.reset();
  s.module.reset();
  EXPECT_LT(mockState().bytes, before - (3 << 22));
}

TEST_F(Device, UploadsWithoutEvents) {
  mockOptions().capabilities = 0;
  Session s(writeWeights(), 2, "mock");
  auto a = s.tensor({16}, ramp(16, 0));
  std::vector<Handle<aicc_tensor>> outputs;
  ASSERT_TRUE(ok(s.run({a.get()}, outputs)));
  EXPECT_EQ(values(outputs[0].get())[0], 100.f + (3 << 20) - 16);
}

TEST_F(Device, ReplaysWhatItHasRecorded) {
  Session s(writeModule("chain", makeChain()), 2, "mock");
  auto a = s.tensor({64}, ramp(64, 1)), b = s.tensor({64}, ramp(64, 2));
  std::vector<Handle<aicc_tensor>> outputs;
  for (int round = 0; round < 6; ++round) {
    outputs.clear();
    ASSERT_TRUE(ok(s.run({round % 2 ? a.get() : b.get()}, outputs)));
    EXPECT_EQ(values(outputs[0].get())[0], 16384.f * (round % 2 ? 1 : 2));
  }
  // Arguments and results are staged at the same addresses in each run.
  EXPECT_EQ(mockState().recordings, 1);
  EXPECT_EQ(mockState().submits, 5);

  // Other addresses are recorded when they come back.
  auto first = copyTo(a.get(), s.device), second = copyTo(b.get(), s.device);
  for (int round = 0; round < 6; ++round) {
    outputs.clear();
    ASSERT_TRUE(ok(s.run({round % 2 ? first.get() : second.get()}, outputs)));
    EXPECT_EQ(values(outputs[0].get())[0], 16384.f * (round % 2 ? 1 : 2));
  }
  EXPECT_EQ(mockState().recordings, 3);
  EXPECT_EQ(mockState().submits, 9);
}

TEST_F(Device, KeepsFewRecordings) {
  Session s(writeModule("chain", makeChain()), 2, "mock");
  auto a = s.tensor({64}, ramp(64, 1));
  std::vector<Handle<aicc_tensor>> inputs;
  for (int i = 0; i < 40; ++i)
    inputs.push_back(copyTo(a.get(), s.device));
  std::vector<Handle<aicc_tensor>> outputs;
  for (int round = 0; round < 3; ++round)
    for (auto &input : inputs) {
      outputs.clear();
      ASSERT_TRUE(ok(s.run({input.get()}, outputs)));
      EXPECT_EQ(values(outputs[0].get())[1], 32768.f);
    }
  EXPECT_LE(mockState().commands, 32);
}

TEST_F(Device, RunsWithoutRecordingsWhereTheDriverRefuses) {
  mockState().refusesToRecord = true;
  Session s(writeModule("chain", makeChain()), 2, "mock");
  auto a = s.tensor({64}, ramp(64, 1));
  for (int round = 0; round < 4; ++round) {
    std::vector<Handle<aicc_tensor>> outputs;
    ASSERT_TRUE(ok(s.run({a.get()}, outputs)));
    EXPECT_EQ(values(outputs[0].get())[0], 16384.f);
  }
  EXPECT_EQ(mockState().submits, 0);
}

TEST_F(Device, RunsWithEveryMixtureOfCapabilities) {
  for (uint64_t mask = 0; mask < 8; ++mask) {
    mockOptions().capabilities = (mask & 1 ? AICC_DRIVER_COMMANDS : 0) | (mask & 2 ? AICC_DRIVER_EVENTS : 0) |
                                 (mask & 4 ? AICC_DRIVER_TIMESTAMPS : 0);
    Session s(writeModule("chain", makeChain()), 2, "mock");
    auto a = s.tensor({64}, ramp(64, 1));
    // More than the host may run ahead of the device.
    for (int round = 0; round < 70; ++round) {
      std::vector<Handle<aicc_tensor>> outputs;
      ASSERT_TRUE(ok(s.run({a.get()}, outputs)));
      ASSERT_EQ(values(outputs[0].get())[0], 16384.f);
    }
    std::vector<uint64_t> times;
    aicc_run_options options = runOptions();
    options.profile_user = &times;
    options.profile = [](void *user, const aicc_function *, uint32_t, const char *name, uint64_t start,
                         uint64_t duration, uint32_t) {
      EXPECT_STREQ(name, "scale");
      auto &times = *static_cast<std::vector<uint64_t> *>(user);
      EXPECT_TRUE(times.empty() || start >= times.back());
      times.push_back(start);
    };
    std::vector<Handle<aicc_tensor>> outputs;
    ASSERT_TRUE(ok(s.run({a.get()}, outputs, &options)));
    EXPECT_EQ(times.size(), 15u);
    EXPECT_EQ(values(outputs[0].get())[0], 16384.f);
  }
}

TEST_F(Device, StopsWhereTheHostHasRunAhead) {
  // An endless loop of short dispatches, by every way of bounding what is queued.
  Function f;
  f.name = "main";
  f.slotCount = 1;
  f.arenas = {{0, 64}};
  CommandDispatch visit;
  visit.entry = Visit;
  visit.bindings = {{0}};
  f.blocks = {{visit, CommandBranch{0}}};
  std::string path = writeModule("endless", f);
  for (uint64_t capabilities : {uint64_t(0), uint64_t(AICC_DRIVER_EVENTS), uint64_t(AICC_DRIVER_COMMANDS),
                                uint64_t(AICC_DRIVER_COMMANDS | AICC_DRIVER_EVENTS)}) {
    mockOptions().capabilities = capabilities;
    Session s(path, 2, "mock");
    std::vector<Handle<aicc_tensor>> outputs;
    aicc_run_options options = runOptions();
    options.deadline_ns = nowNs() + 20000000;
    EXPECT_TRUE(failsWith(s.run({}, outputs, &options), AICC_STATUS_DEADLINE_EXCEEDED,
                          "did not end by its deadline"));
    aicc_event *event = nullptr;
    ASSERT_TRUE(
        ok(aicc_context_run_async(s.context.get(), s.function, nullptr, 0, nullptr, 0, nullptr, &event)));
    Handle<aicc_event> owner(event);
    EXPECT_TRUE(failsWith(aicc_event_wait(event, nowNs() + 2000000), AICC_STATUS_DEADLINE_EXCEEDED));
    aicc_context_cancel(s.context.get());
    EXPECT_TRUE(failsWith(aicc_event_wait(event, 0), AICC_STATUS_CANCELLED));
  }
}

TEST_F(Device, SaysThatARunIsLate) {
  mockState().delayNs = 5000000;
  Session s(writeModule("add", makeAddFunction()), 2, "mock");
  auto a = s.tensor({4}, ramp(4, 0));
  aicc_run_options options = runOptions();
  options.deadline_ns = nowNs() + 1000000;
  std::vector<Handle<aicc_tensor>> outputs;
  EXPECT_TRUE(failsWith(s.run({a.get(), a.get()}, outputs, &options), AICC_STATUS_DEADLINE_EXCEEDED));
  outputs.clear();
  ASSERT_TRUE(ok(s.run({a.get(), a.get()}, outputs)));
  EXPECT_EQ(values(outputs[0].get())[3], 6.f);
}

TEST_F(Device, KeepsAPlaceForANumberThatComesPastTheDeadline) {
  mockState().delayNs = 60000000;
  Function f;
  f.name = "main";
  f.args = {{f32("x", {4}), 0}, {TensorType{"n", AICC_TYPE_I64, {}}, 1}};
  f.results = {{f32("y", {4}), 2}};
  f.registerCount = 2;
  f.slotCount = 3;
  CommandDispatch scale;
  scale.entry = Scale;
  scale.grid = imm(4);
  scale.bindings = {{0, imm(0), imm(16)}, {2, imm(0), imm(16)}};
  scale.params = {imm(4), imm(2)};
  f.blocks = {{scale, CommandLoadScalar{0, 1, imm(0)}, CommandReturn{}}};
  Session s(writeModule("late", f), 2, "mock");
  auto x = s.tensor({4}, ramp(4, 0));
  int64_t turns = 5;
  aicc_tensor *n = nullptr;
  ASSERT_TRUE(ok(aicc_tensor_wrap(s.instance.get(), AICC_TYPE_I64, 0, nullptr, nullptr, &turns, sizeof(turns),
                                  nullptr, nullptr, &n)));
  Handle<aicc_tensor> owner(n);
  aicc_run_options options = runOptions();
  options.deadline_ns = nowNs() + 5000000;
  std::vector<Handle<aicc_tensor>> outputs;
  EXPECT_TRUE(failsWith(s.run({x.get(), n}, outputs, &options), AICC_STATUS_DEADLINE_EXCEEDED));
}

TEST_F(Device, ServesManyContextsAtOnce) {
  Session s(writeModule("chain", makeChain()), 3, "mock");
  std::vector<std::thread> threads;
  for (int t = 0; t < 5; ++t)
    threads.emplace_back([&, t] {
      aicc_context *created = nullptr;
      ASSERT_TRUE(ok(aicc_context_create(s.module.get(), nullptr, &created)));
      Handle<aicc_context> context(created);
      auto a = s.tensor({64}, ramp(64, static_cast<float>(t)));
      aicc_tensor *input = a.get();
      for (int round = 0; round < 20; ++round) {
        aicc_tensor *output = nullptr;
        ASSERT_TRUE(ok(aicc_context_run(created, s.function, &input, 1, &output, 1, nullptr)));
        EXPECT_EQ(values(output)[1], 16384.f * static_cast<float>(t + 1));
        aicc_tensor_release(output);
        auto there = copyTo(input, s.device);
        EXPECT_EQ(values(there.get()), values(input));
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

//===--- What goes wrong -----------------------------------------------------------------===//

TEST_F(Device, LeavesNothingBehindWhenMemoryIsRefused) {
  std::string weights = writeWeights(), chain = writeModule("chain", makeChain());
  int failures = 0;
  for (int64_t allowed = 0; allowed < 12; ++allowed) {
    for (const std::string &path : {weights, chain}) {
      auto instance = makeRuntime();
      const aicc_device *device = nullptr;
      ASSERT_TRUE(ok(aicc_instance_find_device(instance.get(), "mock", &device)));
      mockState().allocationsLeft = allowed;
      aicc_module *module = nullptr;
      aicc_status *status = aicc_module_load_file(instance.get(), device, path.c_str(), nullptr, &module);
      if (!status) {
        aicc_context *context = nullptr;
        const aicc_function *function = nullptr;
        ASSERT_TRUE(ok(aicc_module_find_function(module, nullptr, &function)));
        status = aicc_context_create(module, nullptr, &context);
        if (!status) {
          std::vector<float> numbers = ramp(64, 0);
          int64_t dims = path == chain ? 64 : 16;
          aicc_tensor *input = nullptr, *output = nullptr;
          ASSERT_TRUE(ok(aicc_tensor_wrap(instance.get(), AICC_TYPE_F32, 1, &dims, nullptr, numbers.data(),
                                          256, nullptr, nullptr, &input)));
          status = aicc_context_run(context, function, &input, 1, &output, 1, nullptr);
          EXPECT_EQ(status != nullptr, output == nullptr);
          if (status) {
            // The context goes on when there is memory again.
            mockState().allocationsLeft = -1;
            aicc_tensor *again = nullptr;
            EXPECT_TRUE(ok(aicc_context_run(context, function, &input, 1, &again, 1, nullptr)));
            aicc_tensor_release(again);
          }
          aicc_tensor_release(input);
          aicc_tensor_release(output);
          aicc_context_destroy(context);
        }
      }
      if (module)
        aicc_module_destroy(module);
      if (status) {
        ++failures;
        EXPECT_EQ(aicc_status_get_code(status), AICC_STATUS_OUT_OF_MEMORY) << aicc_status_get_message(status);
        aicc_status_destroy(status);
      }
      instance.reset();
      EXPECT_TRUE(mockState().isClean()) << allowed;
    }
  }
  EXPECT_GT(failures, 6);
}

TEST_F(Device, LeavesNothingBehindWhenQueuesAreRefused) {
  auto instance = makeRuntime();
  const aicc_device *device = nullptr;
  ASSERT_TRUE(ok(aicc_instance_find_device(instance.get(), "mock", &device)));
  aicc_module *module = nullptr;
  aicc_context *context = nullptr;
  for (auto *refusal : {&mockState().refusesQueues, &mockState().refusesEvents}) {
    *refusal = true;
    EXPECT_TRUE(
        failsWith(aicc_module_load_file(instance.get(), device, writeWeights().c_str(), nullptr, &module),
                  AICC_STATUS_OUT_OF_MEMORY, "no more"));
    ASSERT_TRUE(ok(aicc_module_load_file(instance.get(), device, writeModule("chain", makeChain()).c_str(),
                                         nullptr, &module)));
    EXPECT_TRUE(
        failsWith(aicc_context_create(module, nullptr, &context), AICC_STATUS_OUT_OF_MEMORY, "no more"));
    *refusal = false;
    ASSERT_TRUE(ok(aicc_context_create(module, nullptr, &context)));
    aicc_context_destroy(context);
    aicc_module_destroy(module);
  }
}

TEST_F(Device, SaysHowMuchTheWeightsTake) {
  mockOptions().memorySize = 8 << 20;
  auto instance = makeRuntime();
  const aicc_device *device = nullptr;
  ASSERT_TRUE(ok(aicc_instance_find_device(instance.get(), "mock", &device)));
  aicc_module *module = nullptr;
  EXPECT_TRUE(
      failsWith(aicc_module_load_file(instance.get(), device, writeWeights().c_str(), nullptr, &module),
                AICC_STATUS_OUT_OF_MEMORY, "weights take 13 MiB of device mock:0, which has 8 MiB free"));
}

TEST_F(Device, ReportsThatItIsLost) {
  for (int64_t left : {0, 3, 14}) {
    Session s(writeModule("chain", makeChain()), 2, "mock");
    auto a = s.tensor({64}, ramp(64, 0));
    std::vector<Handle<aicc_tensor>> outputs;
    for (int warm = 0; warm < 3; ++warm) {
      outputs.clear();
      ASSERT_TRUE(ok(s.run({a.get()}, outputs)));
    }
    mockState().dispatchesLeft = left;
    outputs.clear();
    EXPECT_TRUE(failsWith(s.run({a.get()}, outputs), AICC_STATUS_DEVICE_LOST, "lost"));
    mockState().dispatchesLeft = -1;
    outputs.clear();
    EXPECT_TRUE(failsWith(s.run({a.get()}, outputs), AICC_STATUS_DEVICE_LOST, "lost"));
    EXPECT_EQ(outputs[0].get(), nullptr);
    aicc_tensor *there = nullptr;
    EXPECT_TRUE(failsWith(aicc_tensor_copy_to(a.get(), s.device, &there), AICC_STATUS_DEVICE_LOST));
    // A new instance finds the device again.
    Session again(writeModule("chain", makeChain()), 2, "mock");
    outputs.clear();
    auto b = again.tensor({64}, ramp(64, 0));
    EXPECT_TRUE(ok(again.run({b.get()}, outputs)));
  }
}

TEST_F(Device, SaysWhichTargetItDidNotLoad) {
  auto instance = makeRuntime();
  const aicc_device *device = nullptr;
  ASSERT_TRUE(ok(aicc_instance_find_device(instance.get(), "mock", &device)));
  mockState().refusesToLoad = true;
  aicc_module *module = nullptr;
  EXPECT_TRUE(failsWith(
      aicc_module_load_file(instance.get(), device, writeModule("add", makeAddFunction()).c_str(), nullptr,
                            &module),
      AICC_STATUS_UNSUPPORTED, "device mock:0: target cpu:x86-64: the kernels take too many registers"));
}
