//===- DriverTest.cpp - the driver conformance suite -------------------------------------===//
//
// One suite for every driver of aicc/driver.h, through its table alone. A driver joins by a line in
// `kDrivers`, with the kernels of test/runtime/kernels.c built in a format it loads. What a driver declares
// no capability for is skipped; nothing else may be.
//
//===--------------------------------------------------------------------------------------===//
#include "aicc/driver.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

extern "C" const aicc_driver_table *aiccRegisterCpuDriver(uint32_t abiVersion);

namespace {

struct DriverCase {
  const char *name;
  aicc_register_driver_fn entry;
  const char *format;
  const char *kernels; ///< the image made from kernels.c
};

const DriverCase kDrivers[] = {{"cpu", aiccRegisterCpuDriver, "elf-x86-64", AICC_TEST_KERNELS}};

/// The entries of kernels.c that are used here.
enum Kernel : uint32_t { Add = 0, Scale = 1, Visit = 2, Scratch = 3 };

void *allocate(void *, size_t size, size_t alignment) {
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
void deallocate(void *, void *pointer, size_t, size_t) { std::free(pointer); }

#define ASSERT_OK(expression)                                                                                \
  do {                                                                                                       \
    aicc_status *failure = (expression);                                                                     \
    ASSERT_EQ(failure, nullptr) << aicc_status_get_message(failure);                                         \
  } while (false)

class DriverTest : public testing::TestWithParam<DriverCase> {
protected:
  void SetUp() override {
    table = GetParam().entry(AICC_DRIVER_ABI_VERSION);
    ASSERT_NE(table, nullptr);
    host.struct_size = sizeof(host);
    host.thread_count = 3;
    host.allocator = {allocate, deallocate, nullptr};
    aicc_status *status = table->create(&host, &driver);
    if (aicc_status_get_code(status) == AICC_STATUS_UNSUPPORTED) {
      std::string reason = aicc_status_get_message(status);
      aicc_status_destroy(status);
      GTEST_SKIP() << "no such device here: " << reason;
    }
    ASSERT_OK(status);
    ASSERT_GT(table->device_count(driver), 0u);
    info.struct_size = sizeof(info);
    ASSERT_OK(table->device_info(driver, 0, &info));
    ASSERT_OK(table->device_open(driver, 0, &device));
    ASSERT_OK(table->queue_create(device, &queue));
    std::ifstream file(GetParam().kernels, std::ios::binary);
    image.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }

  void TearDown() override {
    if (executable)
      table->executable_destroy(executable);
    if (queue)
      table->queue_destroy(queue);
    if (device)
      table->device_close(device);
    if (driver)
      table->destroy(driver);
  }

  void loadKernels() {
    ASSERT_OK(table->executable_load(device, GetParam().format, image.data(), image.size(), &executable));
  }

  template <typename T> T *upload(const std::vector<T> &values) {
    void *address = nullptr;
    uint64_t size = values.size() * sizeof(T);
    EXPECT_EQ(table->memory_alloc(device, AICC_MEMORY_DEVICE, size, 64, &address), nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(address) % 64, 0u);
    EXPECT_EQ(table->queue_write(queue, address, values.data(), size), nullptr);
    EXPECT_EQ(table->queue_wait(queue, 0), nullptr);
    return static_cast<T *>(address);
  }

  /// Reads `count` elements back and frees them.
  template <typename T> std::vector<T> download(T *address, size_t count) {
    std::vector<T> values(count);
    EXPECT_EQ(table->queue_read(queue, values.data(), address, count * sizeof(T)), nullptr);
    EXPECT_EQ(table->queue_wait(queue, 0), nullptr);
    table->memory_free(device, address, count * sizeof(T), 64);
    return values;
  }

  aicc_status *dispatch(uint32_t entry, int64_t grid, const std::vector<void *> &buffers,
                        const std::vector<int64_t> &params, uint64_t scratch = 0) {
    aicc_driver_dispatch request = {};
    request.struct_size = sizeof(request);
    request.entry = entry;
    request.executable = executable;
    request.grid = grid;
    request.scratch_size = scratch;
    request.buffers = buffers.data();
    request.buffer_count = static_cast<uint32_t>(buffers.size());
    request.params = params.empty() ? nullptr : params.data();
    request.param_count = static_cast<uint32_t>(params.size());
    return table->queue_dispatch(queue, &request);
  }

  const aicc_driver_table *table = nullptr;
  aicc_driver_host host = {};
  aicc_driver *driver = nullptr;
  aicc_driver_device_info info = {};
  aicc_driver_device *device = nullptr;
  aicc_driver_queue *queue = nullptr;
  aicc_driver_executable *executable = nullptr;
  std::vector<char> image;
};

} // namespace

TEST_P(DriverTest, FillsItsTable) {
  EXPECT_EQ(table->abi_version, AICC_DRIVER_ABI_VERSION);
  EXPECT_EQ(table->struct_size, sizeof(aicc_driver_table));
  EXPECT_STREQ(table->name, GetParam().name);
  EXPECT_EQ(GetParam().entry(AICC_DRIVER_ABI_VERSION + 1000), nullptr);
  const auto implies = [&](uint64_t capability, bool present) {
    EXPECT_TRUE(present || !(info.capabilities & capability)) << "capability " << capability;
  };
  implies(AICC_DRIVER_IMPORT, table->memory_import && table->memory_release);
  implies(AICC_DRIVER_COMMANDS,
          table->commands_begin && table->commands_end && table->commands_submit && table->commands_destroy);
  implies(AICC_DRIVER_EVENTS, table->event_create && table->event_destroy && table->event_query &&
                                  table->event_signal && table->event_wait && table->queue_signal &&
                                  table->queue_await);
  implies(AICC_DRIVER_TIMESTAMPS, table->queue_timestamp && table->timestamp_read);
}

TEST_P(DriverTest, DescribesItsDevices) {
  EXPECT_NE(info.name, nullptr);
  EXPECT_NE(info.architecture, nullptr);
  bool found = false;
  for (uint32_t i = 0; i < info.format_count; ++i)
    found |= std::strcmp(info.formats[i], GetParam().format) == 0;
  EXPECT_TRUE(found);
  uint64_t used = 1, available = 0;
  ASSERT_OK(table->memory_usage(device, &used, &available));
  EXPECT_GT(available, 0u);
}

TEST_P(DriverTest, CopiesAndFills) {
  std::vector<int32_t> values(1000);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<int32_t>(i);
  int32_t *a = upload(values), *b = upload(std::vector<int32_t>(1000));
  ASSERT_OK(table->queue_copy(queue, b + 1, a, 999 * sizeof(int32_t)));
  std::vector<int32_t> copied = download(b, 1000);
  EXPECT_EQ(copied[0], 0);
  EXPECT_EQ(copied[999], 998);
  for (uint32_t size : {1u, 2u, 4u, 8u}) {
    uint64_t pattern = 0x1122334455667788ull;
    ASSERT_OK(table->queue_fill(queue, a, 64, pattern, size));
    std::vector<uint8_t> bytes(64), expected(64);
    ASSERT_OK(table->queue_read(queue, bytes.data(), a, 64));
    ASSERT_OK(table->queue_wait(queue, 0));
    for (size_t i = 0; i < 64; i += size)
      std::memcpy(&expected[i], &pattern, size);
    EXPECT_EQ(bytes, expected) << size;
  }
  download(a, 1000);
}

TEST_P(DriverTest, NamesItsKernels) {
  loadKernels();
  ASSERT_GE(table->executable_entry_count(executable), 4u);
  EXPECT_STREQ(table->executable_entry_name(executable, Add), "add");
  EXPECT_STREQ(table->executable_entry_name(executable, Visit), "visit");
}

TEST_P(DriverTest, RefusesOtherFormatsAndDamagedImages) {
  aicc_driver_executable *other = nullptr;
  aicc_status *status = table->executable_load(device, "no-such-format", image.data(), image.size(), &other);
  EXPECT_EQ(aicc_status_get_code(status), AICC_STATUS_UNSUPPORTED);
  aicc_status_destroy(status);
  status = table->executable_load(device, GetParam().format, image.data(), image.size() / 2, &other);
  EXPECT_EQ(aicc_status_get_code(status), AICC_STATUS_DATA_LOSS);
  aicc_status_destroy(status);
  EXPECT_EQ(other, nullptr);
}

TEST_P(DriverTest, RunsEachWorkgroupOnce) {
  loadKernels();
  for (int64_t grid : {1, 2, 31, 1000}) {
    int32_t *visits = upload(std::vector<int32_t>(static_cast<size_t>(grid)));
    for (int i = 0; i < 10; ++i)
      ASSERT_OK(dispatch(Visit, grid, {visits}, {}));
    EXPECT_EQ(download(visits, static_cast<size_t>(grid)),
              std::vector<int32_t>(static_cast<size_t>(grid), 10));
  }
}

TEST_P(DriverTest, OrdersWhatIsInOneQueue) {
  loadKernels();
  float *x = upload(std::vector<float>(64, 1)), *y = upload(std::vector<float>(64));
  for (int i = 0; i < 5; ++i) {
    ASSERT_OK(dispatch(Scale, 64, {x, y}, {64, 2}));
    ASSERT_OK(dispatch(Add, 4, {x, y, x}, {64, 16}));
  }
  EXPECT_EQ(download(x, 64), std::vector<float>(64, 243)); // x *= 3, five times
  download(y, 64);
}

TEST_P(DriverTest, GivesScratchThatGrows) {
  loadKernels();
  int32_t *good = upload(std::vector<int32_t>(32));
  for (int64_t size : {64, 1 << 16, 1000}) {
    ASSERT_OK(dispatch(Scratch, 32, {good}, {size}, static_cast<uint64_t>(size)));
    ASSERT_OK(table->queue_wait(queue, 0));
  }
  EXPECT_EQ(download(good, 32), std::vector<int32_t>(32, 1));
}

TEST_P(DriverTest, ServesQueuesOfManyThreads) {
  loadKernels();
  std::vector<int32_t *> visits;
  for (int t = 0; t < 4; ++t)
    visits.push_back(upload(std::vector<int32_t>(100)));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      aicc_driver_queue *own = nullptr;
      ASSERT_OK(table->queue_create(device, &own));
      void *buffer = visits[static_cast<size_t>(t)];
      aicc_driver_dispatch request = {};
      request.struct_size = sizeof(request);
      request.entry = Visit;
      request.executable = executable;
      request.grid = 100;
      request.buffers = &buffer;
      request.buffer_count = 1;
      for (int i = 0; i < 50; ++i)
        ASSERT_OK(table->queue_dispatch(own, &request));
      ASSERT_OK(table->queue_wait(own, 0));
      table->queue_destroy(own);
    });
  for (std::thread &thread : threads)
    thread.join();
  for (int32_t *buffer : visits)
    EXPECT_EQ(download(buffer, 100), std::vector<int32_t>(100, 50));
}

TEST_P(DriverTest, ImportsHostMemory) {
  if (!(info.capabilities & AICC_DRIVER_IMPORT))
    GTEST_SKIP() << "the driver does not import";
  loadKernels();
  alignas(4096) static int32_t visits[1024];
  void *address = nullptr;
  ASSERT_OK(table->memory_import(device, visits, sizeof(visits), 0, &address));
  ASSERT_OK(dispatch(Visit, 1024, {address}, {}));
  ASSERT_OK(table->queue_wait(queue, 0));
  table->memory_release(device, address);
  for (int32_t count : visits)
    ASSERT_EQ(count, 1);
}

INSTANTIATE_TEST_SUITE_P(Drivers, DriverTest, testing::ValuesIn(kDrivers),
                         [](const testing::TestParamInfo<DriverCase> &param) {
                           return std::string(param.param.name);
                         });
