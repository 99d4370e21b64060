//===- MemoryTest.cpp - table, device, memory and copies -----------------------------------===//
//
// What holds before any kernel runs.
//
//===--------------------------------------------------------------------------------------===//
#include "test/conformance/drivers/Conformance.h"

#include <numeric>
#include <set>

using namespace conformance;

TEST_F(DriverTest, FillsItsTable) {
  EXPECT_EQ(table->abi_version, AICC_DRIVER_ABI_VERSION);
  ASSERT_GE(table->struct_size, AICC_DRIVER_TABLE_MIN_SIZE);
  ASSERT_NE(table->name, nullptr);
  std::string problem;
  EXPECT_EQ(findDriver(problem)(AICC_DRIVER_ABI_VERSION + 1000), nullptr);
  EXPECT_EQ(findDriver(problem)(AICC_DRIVER_ABI_VERSION), table) << "the table is one and static";
  EXPECT_TRUE(table->create && table->destroy && table->device_count && table->device_open &&
              table->device_close && table->device_info && table->memory_alloc && table->memory_free &&
              table->memory_usage && table->executable_load && table->executable_destroy &&
              table->executable_entry_count && table->executable_entry_name && table->queue_create &&
              table->queue_destroy && table->queue_dispatch && table->queue_copy && table->queue_fill &&
              table->queue_write && table->queue_read && table->queue_flush && table->queue_wait);
  const auto implies = [&](uint64_t capability, bool present) {
    EXPECT_TRUE(present || !can(capability)) << "capability " << capability;
  };
  implies(AICC_DRIVER_IMPORT, table->memory_import && table->memory_release);
  implies(AICC_DRIVER_COMMANDS,
          table->commands_begin && table->commands_end && table->commands_submit && table->commands_destroy);
  implies(AICC_DRIVER_EVENTS, table->event_create && table->event_destroy && table->event_query &&
                                  table->event_signal && table->event_wait && table->queue_signal &&
                                  table->queue_await);
  implies(AICC_DRIVER_TIMESTAMPS, table->queue_timestamp && table->timestamp_read);
  const bool isLong = table->struct_size >= sizeof(aicc_driver_table);
  implies(AICC_DRIVER_PEER, isLong && table->queue_copy_peer);
  implies(AICC_DRIVER_ADOPT, isLong && table->memory_adopt);
}

TEST_F(DriverTest, DescribesItsDevices) {
  ASSERT_NE(info.name, nullptr);
  EXPECT_NE(*info.name, 0);
  ASSERT_NE(info.architecture, nullptr);
  EXPECT_NE(*info.architecture, 0);
  ASSERT_GT(info.format_count, 0u);
  std::set<std::string> formats(info.formats, info.formats + info.format_count);
  EXPECT_EQ(formats.size(), info.format_count) << "formats are listed once";
  std::set<std::string> features(info.features, info.features + info.feature_count);
  EXPECT_EQ(features.size(), info.feature_count) << "features are listed once";
  EXPECT_GT(info.memory_size, 1u << 20);
  EXPECT_LE(info.speed_class, 1000u);
  EXPECT_EQ(info.capabilities >> 8, 0u) << "capabilities that nobody knows";
  // As an older caller asks: what lies behind its struct is left alone.
  aicc_driver_device_info old;
  std::memset(&old, 0x5a, sizeof(old));
  old.struct_size = offsetof(aicc_driver_device_info, speed_class);
  ASSERT_OK(table->device_info(driver, options.device, &old));
  EXPECT_EQ(old.capabilities, info.capabilities);
  EXPECT_EQ(old.struct_size, offsetof(aicc_driver_device_info, speed_class));
  EXPECT_EQ(old.speed_class, 0x5a5a5a5au);
}

TEST_F(DriverTest, CountsItsMemory) {
  uint64_t before = 0, used = 0, available = 0;
  ASSERT_OK(table->memory_usage(device, &before, &available));
  EXPECT_GT(available, 0u);
  std::vector<void *> all;
  for (int i = 0; i < 20; ++i)
    all.push_back(allocate(1000 + i));
  ASSERT_OK(table->memory_usage(device, &used, &available));
  EXPECT_GE(used, before + 20 * 1000);
  EXPECT_EQ(std::set<void *>(all.begin(), all.end()).size(), all.size());
  for (int i = 0; i < 20; ++i)
    release(all[static_cast<size_t>(i)], 1000 + static_cast<uint64_t>(i));
  ASSERT_OK(table->memory_usage(device, &used, &available));
  EXPECT_EQ(used, before);
}

TEST_F(DriverTest, AlignsMemory) {
  for (aicc_memory_kind kind : {AICC_MEMORY_DEVICE, AICC_MEMORY_STAGING})
    for (uint64_t alignment = 1; alignment <= 65536; alignment *= 2)
      for (uint64_t size : {1, 100, 5000}) {
        void *first = allocate(size, alignment, kind), *second = allocate(size, alignment, kind);
        EXPECT_GE(std::max(first, second), static_cast<char *>(std::min(first, second)) + size);
        release(first, size, alignment);
        release(second, size, alignment);
      }
}

TEST_F(DriverTest, GivesStagingMemoryToTheHost) {
  const size_t size = 1 << 20;
  auto *staging = static_cast<unsigned char *>(allocate(size, 64, AICC_MEMORY_STAGING));
  void *memory = allocate(size);
  for (size_t i = 0; i < size; ++i)
    staging[i] = static_cast<unsigned char>(i * 31);
  ASSERT_OK(table->queue_write(queue, memory, staging, size));
  ASSERT_OK(table->queue_wait(queue, 0));
  std::memset(staging, 0, size);
  ASSERT_OK(table->queue_read(queue, staging, memory, size));
  ASSERT_OK(table->queue_wait(queue, 0));
  size_t wrong = 0;
  for (size_t i = 0; i < size; ++i)
    wrong += staging[i] != static_cast<unsigned char>(i * 31);
  EXPECT_EQ(wrong, 0u);
  release(staging, size);
  release(memory, size);
}

TEST_F(DriverTest, RefusesMoreMemoryThanThereIs) {
  for (uint64_t size : {uint64_t(1) << 50, UINT64_MAX / 2, UINT64_MAX - 4096}) {
    void *address = nullptr;
    EXPECT_CODE(table->memory_alloc(device, AICC_MEMORY_DEVICE, size, 64, &address),
                AICC_STATUS_OUT_OF_MEMORY);
    EXPECT_EQ(address, nullptr);
  }
  // And goes on.
  EXPECT_EQ(download(upload(std::vector<int32_t>(10, 3)), 10), std::vector<int32_t>(10, 3));
}

TEST_F(DriverTest, CopiesAnySizeFromAnyPlace) {
  std::vector<uint8_t> values(70000);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<uint8_t>(i * 7 + i / 251);
  uint8_t *a = upload(values), *b = upload(std::vector<uint8_t>(70000, 9));
  std::vector<uint8_t> expected(70000, 9);
  for (size_t size : {1, 2, 3, 5, 15, 63, 64, 65, 1023, 4097, 65537})
    for (size_t from : {0, 1, 3}) {
      const size_t to = from * 2 + 1;
      ASSERT_OK(table->queue_copy(queue, b + to, a + from, size));
      std::memcpy(&expected[to], &values[from], size);
    }
  EXPECT_EQ(read(b, 70000), expected);
  for (size_t size : {1, 3, 17, 4099}) {
    ASSERT_OK(table->queue_write(queue, b + 5, values.data() + 11, size));
    std::memcpy(&expected[5], &values[11], size);
    std::vector<uint8_t> part(size);
    ASSERT_OK(table->queue_read(queue, part.data(), b + 5, size));
    ASSERT_OK(table->queue_wait(queue, 0));
    EXPECT_EQ(part,
              std::vector<uint8_t>(expected.begin() + 5, expected.begin() + 5 + static_cast<int64_t>(size)));
  }
  EXPECT_EQ(download(b, 70000), expected);
  release(a, 70000);
}

TEST_F(DriverTest, FillsByPatterns) {
  constexpr size_t size = 4096 + 64;
  for (uint64_t pattern : {0x1122334455667788ull, 0ull, 0x3f8000003f800000ull, 0xabababababababaull})
    for (uint32_t width : {1u, 2u, 4u, 8u})
      for (size_t offset : {0, 1, 3})
        for (size_t count : {1, 3, 64, 511}) {
          uint8_t *memory = upload(std::vector<uint8_t>(size, 0x77));
          std::vector<uint8_t> expected(size, 0x77);
          const size_t at = offset * width;
          ASSERT_OK(table->queue_fill(queue, memory + at, count * width, pattern, width));
          for (size_t i = 0; i < count; ++i)
            std::memcpy(&expected[at + i * width], &pattern, width);
          ASSERT_EQ(download(memory, size), expected)
              << "width " << width << " offset " << at << " count " << count;
        }
}

TEST_F(DriverTest, MovesManyMegabytesBothWays) {
  std::vector<uint32_t> values(5 << 20);
  std::iota(values.begin(), values.end(), 12345u);
  void *memory = allocate(values.size() * 4);
  // Without waiting in between: what is written first is read first.
  ASSERT_OK(table->queue_write(queue, memory, values.data(), values.size() * 4));
  std::vector<uint32_t> copy(values.size());
  ASSERT_OK(table->queue_read(queue, copy.data(), memory, values.size() * 4));
  ASSERT_OK(table->queue_wait(queue, 0));
  EXPECT_TRUE(copy == values);
  release(memory, values.size() * 4);
}

TEST_F(DriverTest, KeepsManySmallTransfersApart) {
  std::vector<int32_t> written(3000), read(3000, -1);
  std::iota(written.begin(), written.end(), 0);
  void *memory = allocate(3000 * 4);
  for (size_t i = 0; i < written.size(); ++i)
    ASSERT_OK(table->queue_write(queue, static_cast<int32_t *>(memory) + i, &written[i], 4));
  for (size_t i = 0; i < read.size(); ++i)
    ASSERT_OK(table->queue_read(queue, &read[i], static_cast<int32_t *>(memory) + i, 4));
  ASSERT_OK(table->queue_wait(queue, 0));
  EXPECT_EQ(read, written);
  release(memory, 3000 * 4);
}

TEST_F(DriverTest, ImportsHostMemory) {
  AICC_NEED(AICC_DRIVER_IMPORT);
  loadKernels();
  alignas(4096) static int32_t visits[1024];
  std::memset(visits, 0, sizeof(visits));
  void *address = nullptr, *again = nullptr;
  ASSERT_OK(table->memory_import(device, visits, sizeof(visits), 0, &address));
  ASSERT_OK(table->memory_import(device, visits, sizeof(visits), 0, &again));
  table->memory_release(device, again);
  ASSERT_OK(dispatch(Visit, 1024, {address}, {}));
  ASSERT_OK(table->queue_wait(queue, 0));
  table->memory_release(device, address);
  for (int32_t count : visits)
    ASSERT_EQ(count, 1);
}

TEST_F(DriverTest, CopiesToItself) {
  AICC_NEED(AICC_DRIVER_PEER);
  int32_t *a = upload(std::vector<int32_t>(100, 5)), *b = upload(std::vector<int32_t>(100));
  ASSERT_OK(table->queue_copy_peer(queue, device, b, device, a, 400));
  EXPECT_EQ(download(b, 100), std::vector<int32_t>(100, 5));
  release(a, 400);
}

TEST_F(DriverTest, CopiesBetweenDevices) {
  AICC_NEED(AICC_DRIVER_PEER);
  const uint32_t count = table->device_count(driver);
  if (count < 2)
    GTEST_SKIP() << "there is one device";
  aicc_driver_device *other = nullptr;
  ASSERT_OK(table->device_open(driver, (options.device + 1) % count, &other));
  int32_t *a = upload(std::vector<int32_t>(100, 5)), *b = upload(std::vector<int32_t>(100));
  void *there = nullptr;
  ASSERT_OK(table->memory_alloc(other, AICC_MEMORY_DEVICE, 400, 64, &there));
  ASSERT_OK(table->queue_copy_peer(queue, other, there, device, a, 400));
  ASSERT_OK(table->queue_copy_peer(queue, device, b, other, there, 400));
  EXPECT_EQ(download(b, 100), std::vector<int32_t>(100, 5));
  release(a, 400);
  table->memory_free(other, there, 400, 64);
  table->device_close(other);
}
