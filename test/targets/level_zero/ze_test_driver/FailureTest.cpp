//===- FailureTest.cpp - the Level Zero driver when calls fail ----------------------------===//
//
// Makes every function of Level Zero fail, in turn and at different calls, under a run that uses everything
// the driver has. Each failure must come out as a status, and nothing may be left behind.
//
//===--------------------------------------------------------------------------------------===//
#include "aicc/driver.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <vector>

namespace {

constexpr const char *kOutOfMemory = "70000003", *kLost = "70000001";

/// The plug-in and the test driver that it reaches through the loader.
struct Libraries {
  const aicc_driver_table *table = nullptr;
  void (*fail)(const char *) = nullptr;
  int64_t (*live)() = nullptr;
  std::vector<char> image;
  std::string problem;

  Libraries() {
    setenv("OCL_ICD_VENDORS", AICC_TEST_OPENCL, 0);
    setenv("ZE_ENABLE_ALT_DRIVERS", AICC_TEST_ZE_DRIVER, 1);
    setenv("ZE_ENABLE_VALIDATION_LAYER", "1", 1);
    setenv("ZE_ENABLE_PARAMETER_VALIDATION", "1", 1);
    void *plugin = dlopen(AICC_TEST_PLUGIN, RTLD_NOW);
    void *driver = dlopen(AICC_TEST_ZE_DRIVER, RTLD_NOW);
    if (!plugin || !driver) {
      problem = dlerror();
      return;
    }
    fail = reinterpret_cast<void (*)(const char *)>(dlsym(driver, "ze_test_driver_fail"));
    live = reinterpret_cast<int64_t (*)()>(dlsym(driver, "ze_test_driver_live"));
    table = reinterpret_cast<aicc_register_driver_fn>(dlsym(plugin, AICC_REGISTER_DRIVER_NAME))(
        AICC_DRIVER_ABI_VERSION);
    std::ifstream file(AICC_TEST_IMAGE, std::ios::binary);
    image.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    // The first use initializes the loader.
    aicc_driver_host host = {};
    host.struct_size = sizeof(host);
    aicc_driver *made = nullptr;
    if (aicc_status *status = table->create(&host, &made)) {
      problem = aicc_status_get_message(status);
      aicc_status_destroy(status);
      return;
    }
    table->destroy(made);
  }
};

Libraries &libraries() {
  static Libraries instance;
  return instance;
}

/// Everything that a run makes, given back at its end.
class Run {
public:
  Run() : table(*libraries().table) { host.struct_size = sizeof(host); }
  ~Run() {
    // Waits for what is in use.
    if (queue)
      table.queue_destroy(queue);
    if (commands)
      table.commands_destroy(commands);
    if (event)
      table.event_destroy(event);
    if (executable)
      table.executable_destroy(executable);
    if (memory)
      table.memory_free(device, memory, kSize, 64);
    if (device)
      table.device_close(device);
    if (driver)
      table.destroy(driver);
  }

  /// Null when everything went well, else the first failure.
  aicc_status *perform();

  static constexpr uint64_t kSize = 4096;

private:
  aicc_status *dispatch(uint32_t entry, std::vector<void *> buffers, std::vector<int64_t> params,
                        uint64_t scratch) {
    aicc_driver_dispatch request = {};
    request.struct_size = sizeof(request);
    request.executable = executable;
    request.entry = entry;
    request.grid = 4;
    request.buffers = buffers.data();
    request.buffer_count = static_cast<uint32_t>(buffers.size());
    request.params = params.data();
    request.param_count = static_cast<uint32_t>(params.size());
    request.scratch_size = scratch;
    return table.queue_dispatch(queue, &request);
  }

  const aicc_driver_table &table;
  aicc_driver_host host = {};
  aicc_driver *driver = nullptr;
  aicc_driver_device *device = nullptr;
  aicc_driver_executable *executable = nullptr;
  aicc_driver_queue *queue = nullptr;
  aicc_driver_event *event = nullptr;
  aicc_driver_commands *commands = nullptr;
  void *memory = nullptr;
  /// Lives until the queue is empty, whatever fails.
  std::vector<int32_t> values = std::vector<int32_t>(kSize / 4, 1);
};

#define STEP(EXPRESSION)                                                                                     \
  if (aicc_status *failure = (EXPRESSION))                                                                   \
  return failure

aicc_status *Run::perform() {
  const Libraries &all = libraries();
  STEP(table.create(&host, &driver));
  STEP(table.device_open(driver, 0, &device));
  STEP(table.queue_create(device, &queue));
  STEP(table.executable_load(device, "spirv-opencl", all.image.data(), all.image.size(), &executable));
  STEP(table.memory_alloc(device, AICC_MEMORY_DEVICE, kSize, 64, &memory));
  STEP(table.event_create(device, 0, &event));
  for (uint64_t round = 1; round <= 2; ++round) {
    STEP(table.queue_write(queue, memory, values.data(), kSize));
    STEP(dispatch(2, {memory}, {}, 0));
    STEP(dispatch(3, {memory}, {64 << round}, 64 << round));
    STEP(table.queue_timestamp(queue, 0));
    STEP(table.queue_signal(queue, event, round));
    STEP(table.queue_await(queue, event, round));
    STEP(table.queue_flush(queue));
    STEP(table.event_wait(event, round, 0));
    STEP(table.queue_wait(queue, 0));
  }
  STEP(table.commands_begin(queue));
  STEP(table.queue_fill(queue, memory, kSize, 7, 4));
  STEP(dispatch(2, {memory}, {}, 0));
  STEP(dispatch(3, {memory}, {256}, 256));
  STEP(table.commands_end(queue, &commands));
  STEP(table.commands_submit(queue, commands));
  STEP(table.commands_submit(queue, commands));
  STEP(table.queue_read(queue, values.data(), memory, kSize));
  STEP(table.queue_wait(queue, 0));
  EXPECT_EQ(values[100], 7);
  return nullptr;
}

/// The code of a run in which `what` fails; checks that nothing is left.
aicc_status_code perform(const std::string &what) {
  Libraries &all = libraries();
  int64_t before = all.live();
  aicc_status_code code = AICC_STATUS_OK;
  {
    Run run;
    all.fail(what.c_str());
    aicc_status *status = run.perform();
    code = aicc_status_get_code(status);
    EXPECT_TRUE(!status || *aicc_status_get_message(status)) << what;
    aicc_status_destroy(status);
    // The end of the run, too, is under the failure.
  }
  all.fail("");
  EXPECT_EQ(all.live(), before) << what;
  return code;
}

class LevelZeroFailures : public testing::Test {
protected:
  void SetUp() override {
    if (!libraries().problem.empty())
      GTEST_SKIP() << libraries().problem;
    ASSERT_FALSE(libraries().image.empty());
  }
};

/// What works on the device, or makes something on it.
const char *const kFunctions[] = {"zeContextCreate",
                                  "zeMemAllocDevice",
                                  "zeMemAllocHost",
                                  "zeModuleCreate",
                                  "zeKernelCreate",
                                  "zeKernelSetArgumentValue",
                                  "zeCommandQueueCreate",
                                  "zeCommandQueueExecuteCommandLists",
                                  "zeCommandListCreate",
                                  "zeCommandListClose",
                                  "zeCommandListReset",
                                  "zeCommandListAppendBarrier",
                                  "zeCommandListAppendLaunchKernel",
                                  "zeCommandListAppendMemoryCopy",
                                  "zeCommandListAppendMemoryFill",
                                  "zeCommandListAppendSignalEvent",
                                  "zeCommandListAppendWriteGlobalTimestamp",
                                  "zeFenceCreate",
                                  "zeFenceReset",
                                  "zeFenceHostSynchronize",
                                  "zeEventPoolCreate",
                                  "zeEventCreate"};

} // namespace

TEST_F(LevelZeroFailures, NothingFails) { EXPECT_EQ(perform(""), AICC_STATUS_OK); }

TEST_F(LevelZeroFailures, EveryFunctionLacksMemory) {
  for (const char *function : kFunctions)
    for (unsigned call : {0u, 2u}) {
      std::string what = std::string(function) + "=" + kOutOfMemory + "@" + std::to_string(call);
      aicc_status_code code = perform(what);
      // A function that is called less often does not fail.
      EXPECT_TRUE(code == AICC_STATUS_OUT_OF_MEMORY || (call && code == AICC_STATUS_OK))
          << what << ": " << code;
    }
}

TEST_F(LevelZeroFailures, TheDeviceIsLostInEveryFunction) {
  for (const char *function : kFunctions)
    for (unsigned call : {0u, 2u}) {
      std::string what = std::string(function) + "=" + kLost + "@" + std::to_string(call);
      aicc_status_code code = perform(what);
      EXPECT_TRUE(code == AICC_STATUS_DEVICE_LOST || (call && code == AICC_STATUS_OK))
          << what << ": " << code;
    }
}

TEST_F(LevelZeroFailures, ALostDeviceStaysLost) {
  const aicc_driver_table &table = *libraries().table;
  aicc_driver_host host = {};
  host.struct_size = sizeof(host);
  aicc_driver *driver = nullptr;
  aicc_driver_device *device = nullptr;
  aicc_driver_queue *queue = nullptr;
  void *memory = nullptr, *other = nullptr;
  ASSERT_EQ(table.create(&host, &driver), nullptr);
  ASSERT_EQ(table.device_open(driver, 0, &device), nullptr);
  ASSERT_EQ(table.queue_create(device, &queue), nullptr);
  ASSERT_EQ(table.memory_alloc(device, AICC_MEMORY_DEVICE, 4096, 64, &memory), nullptr);
  libraries().fail("zeFenceHostSynchronize=70000001");
  ASSERT_EQ(table.queue_fill(queue, memory, 4096, 0, 4), nullptr);
  const auto isLost = [](aicc_status *status) {
    EXPECT_EQ(aicc_status_get_code(status), AICC_STATUS_DEVICE_LOST) << aicc_status_get_message(status);
    aicc_status_destroy(status);
  };
  isLost(table.queue_wait(queue, 0));
  // Even if the library would do it again.
  libraries().fail("");
  isLost(table.queue_wait(queue, 0));
  isLost(table.queue_fill(queue, memory, 4096, 0, 4));
  isLost(table.queue_flush(queue));
  isLost(table.memory_alloc(device, AICC_MEMORY_DEVICE, 4096, 64, &other));
  isLost(table.queue_create(device, &queue));
  table.queue_destroy(queue);
  table.memory_free(device, memory, 4096, 64);
  table.device_close(device);
  table.destroy(driver);
  EXPECT_EQ(libraries().live(), 0);
}
