//===- StreamDriverTest.cpp - the cuda and rocm drivers over stand-ins -----------------------===//
//
// What the conformance suite cannot ask of every driver: libraries that are absent, old or broken, devices
// that fail in the middle of work, devices without pools or timelines, the choice among an image's payloads.
// The stand-ins check our calls, not the vendors' libraries.
//
//===--------------------------------------------------------------------------------------===//
#include "aicc/driver.h"

#include "test/conformance/drivers/ImageEdit.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <set>

using conformance::ImageParts;

namespace {

struct Vendor {
  const char *name, *driver, *standIn, *library, *format;
  const char *launch, *poolAlloc, *instantiate, *oldVersion, *setArchitecture, *otherArchitecture;
};

const Vendor kVendors[] = {
    {"cuda", CUDA_DRIVER, CUDA_STAND_IN, "libcuda.so", "ptx", "cuLaunchKernel", "cuMemAllocFromPoolAsync",
     "cuGraphInstantiateWithFlags", "11020", "STAND_IN_CAPABILITY", "61"},
    {"rocm", ROCM_DRIVER, ROCM_STAND_IN, "libamdhip64.so", "hsaco", "hipModuleLaunchKernel",
     "hipMallocFromPoolAsync", "hipGraphInstantiateWithFlags", "50000000", "STAND_IN_ARCHITECTURE",
     "gfx1030"},
};

void *allocateHost(void *, size_t size, size_t alignment) {
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
void freeHost(void *, void *pointer, size_t, size_t) { std::free(pointer); }

std::string take(aicc_status *status) {
  std::string text = status ? aicc_status_code_name(aicc_status_get_code(status)) : "";
  if (status)
    (text += ": ") += aicc_status_get_message(status);
  aicc_status_destroy(status);
  return text;
}

/// Takes a status that must begin with a code and have `part` in its one line.
void expectFailure(aicc_status *status, const std::string &code, const std::string &part = "") {
  std::string text = take(status);
  EXPECT_EQ(text.substr(0, text.find(':')), code) << text;
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nlacks " << part;
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

#define EXPECT_OK(expression) EXPECT_EQ(take(expression), "")
#define ASSERT_OK(expression) ASSERT_EQ(take(expression), "")

const aicc_driver_table *loadDriver(const Vendor &vendor) {
  void *library = dlopen(vendor.driver, RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(library, nullptr) << dlerror();
  void *entry = library ? dlsym(library, AICC_REGISTER_DRIVER_NAME) : nullptr;
  return entry ? reinterpret_cast<aicc_register_driver_fn>(entry)(AICC_DRIVER_ABI_VERSION) : nullptr;
}

int64_t soon(int64_t milliseconds) {
  timespec time = {};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t(time.tv_sec) * 1000000000 + time.tv_nsec + milliseconds * 1000000;
}

class StreamDriverTest : public testing::TestWithParam<Vendor> {
protected:
  void SetUp() override {
    standIn = dlopen(vendor.standIn, RTLD_NOW | RTLD_GLOBAL);
    ASSERT_NE(standIn, nullptr) << dlerror();
    table = loadDriver(vendor);
    ASSERT_NE(table, nullptr);
    host.struct_size = sizeof(host);
    host.allocator = {allocateHost, freeHost, nullptr};
    std::ifstream file(std::string(STAND_IN_IMAGES) + "/" + vendor.format + ".img", std::ios::binary);
    image.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    ASSERT_FALSE(image.empty());
  }

  void TearDown() override {
    closeDevice();
    for (const char *name : {"STAND_IN_VERSION", "STAND_IN_DEVICES", "STAND_IN_INIT", "STAND_IN_BARE",
                             "STAND_IN_CAPABILITY", "STAND_IN_ARCHITECTURE"})
      unsetenv(name);
    call<int()>("stand_in_reset")();
    EXPECT_EQ(call<int()>("stand_in_check")(), 0) << "misuses, or something is left";
  }

  template <typename F> F *call(const char *name) { return reinterpret_cast<F *>(dlsym(standIn, name)); }
  void fail(const char *name, int code, int after = 0) {
    call<int(const char *, int, int)>("stand_in_fail")(name, code, after);
  }

  void openDevice() {
    ASSERT_OK(table->create(&host, &driver));
    info.struct_size = sizeof(info);
    ASSERT_OK(table->device_info(driver, 0, &info));
    ASSERT_OK(table->device_open(driver, 0, &device));
    ASSERT_OK(table->queue_create(device, &queue));
    ASSERT_OK(table->executable_load(device, vendor.format, image.data(), image.size(), &executable));
  }
  void closeDevice() {
    if (executable)
      table->executable_destroy(executable);
    if (queue)
      table->queue_destroy(queue);
    if (device)
      table->device_close(device);
    if (driver)
      table->destroy(driver);
    executable = nullptr;
    queue = nullptr;
    device = nullptr;
    driver = nullptr;
  }

  /// Counts workgroups at `address`.
  aicc_status *visit(void *address, int64_t grid) {
    aicc_driver_dispatch request = {};
    request.struct_size = sizeof(request);
    request.entry = 2;
    request.executable = executable;
    request.grid = grid;
    request.buffers = &address;
    request.buffer_count = 1;
    return table->queue_dispatch(queue, &request);
  }
  void *allocate(uint64_t size) {
    void *address = nullptr;
    EXPECT_OK(table->memory_alloc(device, AICC_MEMORY_DEVICE, size, 64, &address));
    return address;
  }
  /// The whole way once: memory, a kernel, back.
  void expectWorks() {
    void *counts = allocate(400);
    std::vector<int32_t> result(100);
    EXPECT_OK(table->queue_fill(queue, counts, 400, 0, 4));
    EXPECT_OK(visit(counts, 100));
    EXPECT_OK(table->queue_read(queue, result.data(), counts, 400));
    EXPECT_OK(table->queue_wait(queue, 0));
    EXPECT_EQ(result, std::vector<int32_t>(100, 1));
    table->memory_free(device, counts, 400, 64);
  }

  Vendor vendor = GetParam();
  void *standIn = nullptr;
  const aicc_driver_table *table = nullptr;
  aicc_driver_host host = {};
  aicc_driver *driver = nullptr;
  aicc_driver_device_info info = {};
  aicc_driver_device *device = nullptr;
  aicc_driver_queue *queue = nullptr;
  aicc_driver_executable *executable = nullptr;
  std::vector<char> image;
};

INSTANTIATE_TEST_SUITE_P(Vendors, StreamDriverTest, testing::ValuesIn(kVendors),
                         [](const testing::TestParamInfo<Vendor> &param) {
                           return std::string(param.param.name);
                         });

} // namespace

/// Runs before the stand-ins are loaded.
TEST(AbsentLibrary, IsOneLine) {
  for (const Vendor &vendor : kVendors) {
    const aicc_driver_table *table = loadDriver(vendor);
    ASSERT_NE(table, nullptr);
    aicc_driver_host host = {};
    host.struct_size = sizeof(host);
    aicc_driver *driver = nullptr;
    aicc_status *status = table->create(&host, &driver);
    if (!status)
      table->destroy(driver); // There is such a device on this machine.
    else
      expectFailure(status, "UNSUPPORTED", "");
  }
}

TEST_P(StreamDriverTest, SaysWhyThereAreNoDevices) {
  setenv("STAND_IN_VERSION", vendor.oldVersion, 1);
  expectFailure(table->create(&host, &driver), "UNSUPPORTED", "too old");
  unsetenv("STAND_IN_VERSION");
  setenv("STAND_IN_INIT", "100", 1);
  expectFailure(table->create(&host, &driver), "UNSUPPORTED", "(100)");
  unsetenv("STAND_IN_INIT");
  setenv("STAND_IN_DEVICES", "0", 1);
  expectFailure(table->create(&host, &driver), "UNSUPPORTED", "none of its devices");
}

TEST_P(StreamDriverTest, DescribesTheDevice) {
  openDevice();
  EXPECT_NE(std::string(info.name).find("Stand-in 0, 4 "), std::string::npos) << info.name;
  EXPECT_NE(
      std::string(info.driver_version).find(vendor.name == std::string("cuda") ? "CUDA 12.8" : "HIP 6.2"),
      std::string::npos)
      << info.driver_version;
  EXPECT_NE(std::string(info.matrix_units).find("bf16"), std::string::npos);
  EXPECT_EQ(info.dlpack_type, vendor.name == std::string("cuda") ? 2 : 10);
  EXPECT_EQ(info.speed_class, AICC_SPEED_DISCRETE);
  EXPECT_EQ(table->device_count(driver), 2u);
}

TEST_P(StreamDriverTest, ListsWhatItRuns) {
  const auto features = [&](const char *architecture) {
    setenv(vendor.setArchitecture, architecture, 1);
    openDevice();
    std::set<std::string> all(info.features, info.features + info.feature_count);
    closeDevice();
    return all;
  };
  if (vendor.name == std::string("rocm")) {
    EXPECT_EQ(features("gfx90a:sramecc+:xnack-"),
              (std::set<std::string>{"gfx90a", "gfx90a:sramecc+:xnack-"}));
    EXPECT_EQ(features("gfx1100"), (std::set<std::string>{"gfx1100"}));
    return;
  }
  EXPECT_TRUE(features("90").count("sm_90a"));
  EXPECT_TRUE(features("90").count("sm_70"));
  std::set<std::string> ampere = features("86");
  EXPECT_TRUE(ampere.count("sm_80") && ampere.count("sm_86"));
  EXPECT_FALSE(ampere.count("sm_89") || ampere.count("sm_90") || ampere.count("sm_90a") ||
               ampere.count("sm_86a"));
  std::set<std::string> blackwell = features("100");
  EXPECT_TRUE(blackwell.count("sm_90") && blackwell.count("sm_100a"));
  EXPECT_FALSE(blackwell.count("sm_90a")) << "code for sm_90a runs on 9.0 alone";
}

TEST_P(StreamDriverTest, NamesWhatAnImageLacks) {
  openDevice();
  closeDevice();
  setenv(vendor.setArchitecture, vendor.otherArchitecture, 1);
  ASSERT_OK(table->create(&host, &driver));
  ASSERT_OK(table->device_open(driver, 0, &device));
  aicc_status *status =
      table->executable_load(device, vendor.format, image.data(), image.size(), &executable);
  const bool isCuda = vendor.name == std::string("cuda");
  expectFailure(status, "UNSUPPORTED", isCuda ? "sm_70 (ptx); device cuda:0 is sm_61" : "gfx90a (hsaco)");
}

TEST_P(StreamDriverTest, TakesTheNextBestCode) {
  openDevice();
  ImageParts parts;
  ASSERT_TRUE(parts.read(image));
  const auto loads = [&](const ImageParts &changed) {
    std::vector<char> bytes = changed.write();
    aicc_driver_executable *other = nullptr;
    std::string text =
        take(table->executable_load(device, vendor.format, bytes.data(), bytes.size(), &other));
    if (other)
      table->executable_destroy(other);
    return text;
  };
  const bool isCuda = vendor.name == std::string("cuda");
  // Code that fits better, but is refused, is no obstacle; if it is all there is, the reason is told.
  ImageParts better = parts;
  better.payloads.push_back({isCuda ? "cubin" : "hsaco", isCuda ? "sm_90a" : "gfx90a:xnack-", "no code"});
  EXPECT_EQ(loads(better), "");
  better.payloads.erase(better.payloads.begin(), better.payloads.end() - 1);
  EXPECT_EQ(loads(better).substr(0, 9), "DATA_LOSS");
  // Code for a device with other features, or for one chip alone, is not tried.
  ImageParts foreign = parts;
  foreign.payloads = {
      {isCuda ? "cubin" : "hsaco", isCuda ? "sm_100a" : "gfx90a:xnack+", parts.payloads[0].data}};
  EXPECT_EQ(loads(foreign).substr(0, 11), "UNSUPPORTED");
  if (!isCuda)
    return;
  for (const char *architecture : {"sm_80", "sm_100", "sm_89a", "90", "sm_", ""}) {
    foreign.payloads[0].architecture = architecture;
    EXPECT_EQ(loads(foreign).substr(0, 11), "UNSUPPORTED") << architecture;
  }
  // What the compiler in the library says comes along, in one line.
  ImageParts bad = parts;
  bad.payloads[0].data = "garbage";
  std::string text = loads(bad);
  EXPECT_NE(text.find("ptxas fatal"), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

TEST_P(StreamDriverTest, AsksForMuchWorkgroupMemory) {
  openDevice();
  ImageParts parts;
  ASSERT_TRUE(parts.read(image));
  parts.entries[2].record.dynamic_shared = vendor.name == std::string("cuda") ? 80 << 10 : 40 << 10;
  std::vector<char> bytes = parts.write();
  table->executable_destroy(executable);
  executable = nullptr;
  ASSERT_OK(table->executable_load(device, vendor.format, bytes.data(), bytes.size(), &executable));
  expectWorks();
}

TEST_P(StreamDriverTest, TriesAgainWithoutItsCache) {
  openDevice();
  fail(vendor.poolAlloc, 2);
  table->memory_free(device, allocate(1000), 1000, 64);
  void *all = nullptr;
  expectFailure(table->memory_alloc(device, AICC_MEMORY_DEVICE, 1 << 30, 64, &all), "OUT_OF_MEMORY",
                "1073741824");
  expectWorks();
}

TEST_P(StreamDriverTest, ReportsALostDeviceFromThenOn) {
  openDevice();
  void *memory = allocate(400);
  aicc_driver_event *event = nullptr;
  ASSERT_OK(table->event_create(device, 0, &event));
  fail(vendor.launch, 719);
  expectFailure(visit(memory, 10), "DEVICE_LOST", "(719)");
  void *other = nullptr;
  uint64_t used = 0, available = 0, value = 0;
  aicc_driver_queue *second = nullptr;
  aicc_driver_commands *commands = nullptr;
  aicc_driver_executable *kernels = nullptr;
  int32_t word = 0;
  for (aicc_status *status :
       {table->memory_alloc(device, AICC_MEMORY_DEVICE, 4, 4, &other),
        table->memory_usage(device, &used, &available),
        table->memory_import(device, &word, 4, 0, &other),
        table->queue_create(device, &second),
        table->executable_load(device, vendor.format, image.data(), image.size(), &kernels),
        visit(memory, 10),
        table->queue_fill(queue, memory, 4, 0, 4),
        table->queue_copy(queue, memory, memory, 4),
        table->queue_write(queue, memory, &word, 4),
        table->queue_read(queue, &word, memory, 4),
        table->queue_flush(queue),
        table->queue_wait(queue, 0),
        table->queue_wait(queue, soon(10)),
        table->commands_begin(queue),
        table->event_create(device, 0, nullptr),
        table->event_query(event, &value),
        table->event_signal(event, 1),
        table->event_wait(event, 1, 0),
        table->queue_signal(queue, event, 1),
        table->queue_await(queue, event, 1),
        table->queue_timestamp(queue, 0)})
    expectFailure(status, "DEVICE_LOST", "(719)");
  EXPECT_TRUE(!other && !second && !commands && !kernels);
  // Everything can be given back, and another process, which the stand-in's reset stands for, can begin
  // again.
  table->event_destroy(event);
  table->memory_free(device, memory, 400, 64);
  closeDevice();
  call<int()>("stand_in_reset")();
  openDevice();
  expectWorks();
}

TEST_P(StreamDriverTest, FindsWhatAKernelBroke) {
  openDevice();
  void *memory = allocate(400);
  aicc_driver_event *event = nullptr;
  ASSERT_OK(table->event_create(device, 0, &event));
  std::vector<int32_t> result(100, 7);
  ASSERT_OK(visit(static_cast<char *>(memory) + 200, 100)); // leaves the buffer
  aicc_status *status = table->queue_read(queue, result.data(), memory, 400);
  if (status) // The device may be faster than this thread.
    expectFailure(status, "DEVICE_LOST");
  // A wait for a signal that will never come ends, too.
  expectFailure(table->event_wait(event, 1, 0), "DEVICE_LOST", "(700)");
  expectFailure(table->queue_wait(queue, 0), "DEVICE_LOST", "(700)");
  EXPECT_EQ(result, std::vector<int32_t>(100, 7));
  table->event_destroy(event);
  table->memory_free(device, memory, 400, 64);
}

TEST_P(StreamDriverTest, WritesWhatItHasJustRead) {
  openDevice();
  void *from = allocate(4000), *to = allocate(4000);
  std::vector<int32_t> middle(1000, -1), result(1000);
  ASSERT_OK(table->queue_fill(queue, from, 4000, 0x01020304, 4));
  ASSERT_OK(table->queue_read(queue, middle.data(), from, 4000));
  ASSERT_OK(table->queue_write(queue, to, middle.data(), 4000));
  ASSERT_OK(table->queue_read(queue, result.data(), to, 4000));
  ASSERT_OK(table->queue_wait(queue, 0));
  EXPECT_EQ(result, std::vector<int32_t>(1000, 0x01020304));
  table->memory_free(device, from, 4000, 64);
  table->memory_free(device, to, 4000, 64);
}

TEST_P(StreamDriverTest, SurvivesAFailedRecording) {
  openDevice();
  void *memory = allocate(400);
  aicc_driver_commands *commands = nullptr;
  ASSERT_OK(table->commands_begin(queue));
  ASSERT_OK(visit(memory, 100));
  fail(vendor.instantiate, 2);
  expectFailure(table->commands_end(queue, &commands), "OUT_OF_MEMORY");
  EXPECT_EQ(commands, nullptr);
  table->memory_free(device, memory, 400, 64);
  expectWorks();
}

TEST_P(StreamDriverTest, RefusesWhatCannotBeRecorded) {
  openDevice();
  aicc_driver_event *event = nullptr;
  ASSERT_OK(table->event_create(device, 0, &event));
  void *memory = allocate(4);
  int32_t word = 0;
  aicc_driver_commands *commands = nullptr;
  ASSERT_OK(table->commands_begin(queue));
  for (aicc_status *status :
       {table->commands_begin(queue), table->queue_wait(queue, 0),
        table->queue_write(queue, memory, &word, 4), table->queue_read(queue, &word, memory, 4),
        table->queue_signal(queue, event, 1), table->queue_await(queue, event, 1),
        table->queue_timestamp(queue, 0)})
    expectFailure(status, "INVALID_ARGUMENT");
  ASSERT_OK(table->commands_end(queue, &commands));
  expectFailure(table->commands_end(queue, &commands), "INVALID_ARGUMENT");
  table->commands_destroy(commands);
  table->event_destroy(event);
  table->memory_free(device, memory, 4, 64);
  expectWorks();
}

TEST_P(StreamDriverTest, WorksWithoutPoolsAndTimelines) {
  setenv("STAND_IN_BARE", "1", 1);
  openDevice();
  EXPECT_FALSE(info.capabilities & AICC_DRIVER_EVENTS);
  EXPECT_TRUE(info.capabilities & AICC_DRIVER_COMMANDS);
  expectWorks();
}

TEST_P(StreamDriverTest, RefusesGridsBeyondTheDevice) {
  openDevice();
  void *memory = allocate(400);
  expectFailure(visit(memory, int64_t(1) << 40), "OUT_OF_RANGE", "visit");
  expectFailure(visit(memory, 0), "OUT_OF_RANGE", "visit");
  table->memory_free(device, memory, 400, 64);
}
