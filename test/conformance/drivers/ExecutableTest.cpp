//===- ExecutableTest.cpp - loading, and refusing to load -----------------------------------===//
//
// Formats, damage, other architectures, kernels that are too large, and dispatches of all shapes.
//
//===--------------------------------------------------------------------------------------===//
#include "test/conformance/drivers/Conformance.h"
#include "test/conformance/drivers/ImageEdit.h"

#include <cmath>
#include <limits>

using namespace conformance;

TEST_F(DriverTest, NamesItsKernels) {
  loadKernels();
  ASSERT_EQ(table->executable_entry_count(executable), KernelCount);
  for (uint32_t i = 0; i < KernelCount; ++i)
    EXPECT_STREQ(table->executable_entry_name(executable, i), kKernelNames[i]);
}

TEST_F(DriverTest, LoadsAnImageFromAnywhere) {
  // The image is only read during the call, and need not be aligned.
  std::vector<char> moved(image.size() + 1);
  std::memcpy(&moved[1], image.data(), image.size());
  aicc_driver_executable *other = nullptr;
  ASSERT_OK(table->executable_load(device, format.c_str(), &moved[1], image.size(), &other));
  std::memset(moved.data(), 0, moved.size());
  std::swap(executable, other);
  int32_t *visits = upload(std::vector<int32_t>(10));
  ASSERT_OK(dispatch(Visit, 10, {visits}, {}));
  EXPECT_EQ(download(visits, 10), std::vector<int32_t>(10, 1));
}

TEST_F(DriverTest, LoadsManyTimes) {
  std::vector<aicc_driver_executable *> all(10);
  for (aicc_driver_executable *&one : all)
    ASSERT_OK(table->executable_load(device, format.c_str(), image.data(), image.size(), &one));
  for (aicc_driver_executable *one : all)
    table->executable_destroy(one);
}

TEST_F(DriverTest, RefusesOtherFormats) {
  aicc_driver_executable *other = nullptr;
  EXPECT_CODE(table->executable_load(device, "no-such-format", image.data(), image.size(), &other),
              AICC_STATUS_UNSUPPORTED);
  EXPECT_EQ(other, nullptr);
}

TEST_F(DriverTest, RefusesTruncatedImages) {
  // Not nearer to the end, where a file may have nothing that is needed.
  for (size_t size : {size_t(0), size_t(1), size_t(20), size_t(63), image.size() / 8, image.size() / 4}) {
    aicc_driver_executable *other = nullptr;
    EXPECT_CODE(table->executable_load(device, format.c_str(), image.data(), size, &other),
                AICC_STATUS_DATA_LOSS)
        << size;
    EXPECT_EQ(other, nullptr);
  }
}

/// Bits of the headers, one at a time: the image is refused, or is as good as before; never a crash.
TEST_F(DriverTest, SurvivesFlippedBits) {
  int refused = 0;
  for (size_t bit = 0; bit < 64 * 8; bit += 5) {
    std::vector<char> damaged = image;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    aicc_driver_executable *other = nullptr;
    aicc_status_code code =
        takeCode(table->executable_load(device, format.c_str(), damaged.data(), damaged.size(), &other));
    if (other) {
      table->executable_destroy(other);
      EXPECT_EQ(code, AICC_STATUS_OK);
      continue;
    }
    ++refused;
    EXPECT_TRUE(code == AICC_STATUS_DATA_LOSS || code == AICC_STATUS_UNSUPPORTED)
        << "bit " << bit << " code " << code;
  }
  EXPECT_GT(refused, 10);
}

TEST_F(DriverTest, RefusesGarbage) {
  std::vector<char> garbage(image.size());
  for (size_t i = 0; i < garbage.size(); ++i)
    garbage[i] = static_cast<char>(i * 37 + i / 256);
  aicc_driver_executable *other = nullptr;
  EXPECT_CODE(table->executable_load(device, format.c_str(), garbage.data(), garbage.size(), &other),
              AICC_STATUS_DATA_LOSS);
}

TEST_F(DriverTest, RefusesCodeThatIsNoCode) {
  ImageParts parts;
  if (!parts.read(image))
    GTEST_SKIP() << "the format has no container";
  for (ImageParts::Payload &payload : parts.payloads)
    payload.data = "this is no code at all; it only lies where code should be";
  std::vector<char> bad = parts.write();
  aicc_driver_executable *other = nullptr;
  EXPECT_CODE(table->executable_load(device, format.c_str(), bad.data(), bad.size(), &other),
              AICC_STATUS_DATA_LOSS);
}

TEST_F(DriverTest, RefusesKernelsThatTheCodeLacks) {
  ImageParts parts;
  if (!parts.read(image))
    GTEST_SKIP() << "the format has no container";
  parts.entries[2].name = "no_such_kernel";
  std::vector<char> bad = parts.write();
  aicc_driver_executable *other = nullptr;
  EXPECT_CODE(table->executable_load(device, format.c_str(), bad.data(), bad.size(), &other),
              AICC_STATUS_DATA_LOSS);
}

TEST_F(DriverTest, RefusesOtherArchitectures) {
  ImageParts parts;
  if (!parts.read(image))
    GTEST_SKIP() << "the format has no container";
  parts.payloads.resize(1);
  parts.payloads[0].architecture = "no-such-architecture";
  std::vector<char> bad = parts.write();
  aicc_driver_executable *other = nullptr;
  aicc_status *status = table->executable_load(device, format.c_str(), bad.data(), bad.size(), &other);
  EXPECT_NE(std::string(aicc_status_get_message(status)).find("no-such-architecture"), std::string::npos)
      << "the message names what the executable holds: " << aicc_status_get_message(status);
  EXPECT_CODE(status, AICC_STATUS_UNSUPPORTED);
  EXPECT_EQ(other, nullptr);
}

TEST_F(DriverTest, RefusesKernelsThatAreTooLarge) {
  ImageParts parts;
  if (!parts.read(image))
    GTEST_SKIP() << "the format has no container";
  const auto refuse = [&](uint32_t aicc_device_image_entry::*field, uint32_t value) {
    ImageParts large = parts;
    large.entries[1].record.*field = value;
    std::vector<char> bad = large.write();
    aicc_driver_executable *other = nullptr;
    aicc_status *status = table->executable_load(device, format.c_str(), bad.data(), bad.size(), &other);
    EXPECT_NE(std::string(aicc_status_get_message(status)).find(kKernelNames[1]), std::string::npos)
        << "the message names the kernel: " << aicc_status_get_message(status);
    EXPECT_CODE(status, AICC_STATUS_UNSUPPORTED);
    EXPECT_EQ(other, nullptr);
  };
  refuse(&aicc_device_image_entry::threads, 1 << 20);
  refuse(&aicc_device_image_entry::static_shared, 1 << 30);
  refuse(&aicc_device_image_entry::dynamic_shared, 1 << 30);
  refuse(&aicc_device_image_entry::subgroup_size, 1 << 14);
}

TEST_F(DriverTest, RefusesWrongArguments) {
  ImageParts parts;
  if (!parts.read(image))
    GTEST_SKIP() << "the format does not say what a kernel takes";
  loadKernels();
  int32_t *visits = upload(std::vector<int32_t>(8));
  EXPECT_CODE(dispatch(Visit, 8, {visits, visits}, {}), AICC_STATUS_INVALID_ARGUMENT);
  EXPECT_CODE(dispatch(Visit, 8, {visits}, {1}), AICC_STATUS_INVALID_ARGUMENT);
  EXPECT_CODE(dispatch(Visit, 8, {}, {}), AICC_STATUS_INVALID_ARGUMENT);
  EXPECT_CODE(dispatch(KernelCount, 8, {visits}, {}), AICC_STATUS_INVALID_ARGUMENT);
  ASSERT_OK(dispatch(Visit, 8, {visits}, {}));
  EXPECT_EQ(download(visits, 8), std::vector<int32_t>(8, 1));
}

TEST_F(DriverTest, RunsEachWorkgroupOnce) {
  loadKernels();
  for (int64_t grid : {1, 2, 31, 1000, 300000}) {
    const size_t count = static_cast<size_t>(grid);
    int32_t *visits = upload(std::vector<int32_t>(count));
    for (int i = 0; i < 10; ++i)
      ASSERT_OK(dispatch(Visit, grid, {visits}, {}));
    EXPECT_EQ(download(visits, count), std::vector<int32_t>(count, 10));
  }
}

TEST_F(DriverTest, PassesParametersWhole) {
  loadKernels();
  const std::vector<int64_t> values = {-1, std::numeric_limits<int64_t>::min(), 0x0123456789abcdefll};
  int64_t *out = upload(std::vector<int64_t>(3));
  ASSERT_OK(dispatch(Store, 1, {out}, values));
  EXPECT_EQ(download(out, 3), values);
}

TEST_F(DriverTest, ReadsItsArgumentsDuringTheCall) {
  loadKernels();
  int64_t *out = upload(std::vector<int64_t>(3 * 100));
  for (int64_t i = 0; i < 100; ++i) {
    std::vector<int64_t> values = {i, -i, i * i};
    std::vector<void *> buffers = {out + 3 * i};
    ASSERT_OK(dispatch(Store, 1, buffers, values));
    values.assign(3, 77);
    buffers[0] = nullptr;
  }
  std::vector<int64_t> results = download(out, 300);
  for (int64_t i = 0; i < 100; ++i) {
    ASSERT_EQ(results[static_cast<size_t>(3 * i)], i);
    ASSERT_EQ(results[static_cast<size_t>(3 * i + 1)], -i);
    ASSERT_EQ(results[static_cast<size_t>(3 * i + 2)], i * i);
  }
}

TEST_F(DriverTest, AddsWithOddSizesAndOffsets) {
  loadKernels();
  for (int64_t n : {1, 63, 64, 65, 1000, 100003}) {
    std::vector<float> a(static_cast<size_t>(n) + 16), b(a.size()), expected(a.size(), -1);
    for (size_t i = 0; i < a.size(); ++i) {
      a[i] = static_cast<float>(i % 1000) * 0.5f;
      b[i] = static_cast<float>(i % 77) - 30;
    }
    float *x = upload(a), *y = upload(b), *z = upload(expected);
    for (int64_t i = 0; i < n; ++i)
      expected[static_cast<size_t>(i) + 1] = a[static_cast<size_t>(i) + 3] + b[static_cast<size_t>(i)];
    ASSERT_OK(dispatch(Add, (n + 255) / 256, {x + 3, y, z + 1}, {n, 256}));
    EXPECT_EQ(download(z, a.size()), expected) << n;
    release(x, a.size() * 4);
    release(y, a.size() * 4);
  }
}

TEST_F(DriverTest, TakesEmptyBuffers) {
  loadKernels();
  ASSERT_OK(dispatch(Add, 1, {nullptr, nullptr, nullptr}, {0, 256}));
  ASSERT_OK(dispatch(Scale, 3, {nullptr, nullptr}, {0, 2}));
  ASSERT_OK(table->queue_wait(queue, 0));
  ASSERT_OK(table->queue_copy(queue, nullptr, nullptr, 0));
  ASSERT_OK(table->queue_fill(queue, nullptr, 0, 0, 4));
  ASSERT_OK(table->queue_write(queue, nullptr, nullptr, 0));
  ASSERT_OK(table->queue_read(queue, nullptr, nullptr, 0));
  ASSERT_OK(table->queue_wait(queue, 0));
}

TEST_F(DriverTest, TurnsGroupsAroundInWorkgroupMemory) {
  loadKernels();
  constexpr int64_t groups = 500;
  std::vector<int32_t> values(groups * kGroup), expected(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<int32_t>(i * 3);
    expected[i / kGroup * kGroup + kGroup - 1 - i % kGroup] = values[i];
  }
  int32_t *in = upload(values), *out = upload(std::vector<int32_t>(values.size()));
  ASSERT_OK(dispatch(Reverse, groups, {in, out}, {}));
  EXPECT_EQ(download(out, values.size()), expected);
  release(in, values.size() * 4);
}

TEST_F(DriverTest, GivesScratchThatGrows) {
  loadKernels();
  int32_t *good = upload(std::vector<int32_t>(64));
  // Without waiting in between: what is in use must outlive the growing.
  for (int64_t size : {64, 1 << 14, 1024, 1 << 16}) {
    ASSERT_OK(table->queue_fill(queue, good, 64 * 4, 0, 4));
    for (int i = 0; i < 3; ++i)
      ASSERT_OK(dispatch(Scratch, 64, {good}, {size}, static_cast<uint64_t>(size)));
    EXPECT_EQ(read(good, 64), std::vector<int32_t>(64, 1)) << size;
  }
  for (int i = 0; i < 3; ++i)
    for (int64_t size : {64, 1 << 10, 1 << 14, 1 << 18})
      ASSERT_OK(dispatch(Scratch, 64, {good}, {size}, static_cast<uint64_t>(size)));
  EXPECT_EQ(download(good, 64), std::vector<int32_t>(64, 1));
}

TEST_F(DriverTest, RefusesScratchThatCannotBe) {
  loadKernels();
  int32_t *good = upload(std::vector<int32_t>(64));
  for (uint64_t size : {uint64_t(1) << 46, uint64_t(1) << 62}) {
    aicc_status_code code = takeCode(dispatch(Scratch, 64, {good}, {64}, size));
    EXPECT_TRUE(code == AICC_STATUS_OUT_OF_MEMORY || code == AICC_STATUS_OUT_OF_RANGE) << code;
  }
  ASSERT_OK(dispatch(Scratch, 64, {good}, {64}, 64));
  EXPECT_EQ(download(good, 64), std::vector<int32_t>(64, 1));
}
