//===- DeviceImageTest.cpp - what the reader of device images takes and refuses -----------===//
//
// Every check of the reader has an image that only it refuses; then images damaged byte by byte, read from
// memory of exactly their size, so that a sanitizer sees what lies behind it.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/Support.h"
#include "test/targets/gpu/driver/ImageBuilder.h"

#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>

using namespace aicc::gpu;

namespace {

DeviceImage::Entry entry(const char *name) {
  DeviceImage::Entry result;
  result.name = name;
  result.threads = 256;
  result.subgroupSize = 16;
  result.staticShared = 4096;
  result.dynamicShared = 128;
  result.bufferCount = 3;
  result.paramCount = 2;
  result.takesScratch = true;
  return result;
}

std::string goodImage() {
  return buildImage({entry("first"), entry("second")},
                    {{"source", "", "some text"}, {"binary", "chip-7", "\x7f"}});
}

/// Reads a copy of exactly the image's size; the message, or "" if it is taken.
std::string read(const std::string &image, DeviceImage &out) {
  std::unique_ptr<char[]> copy(new char[image.size()]);
  std::memcpy(copy.get(), image.data(), image.size());
  aicc_status *status = DeviceImage::parse(copy.get(), image.size(), out);
  if (!status) {
    // Touch all that is handed out.
    size_t sum = 0;
    for (const DeviceImage::Payload &payload : out.payloads)
      for (std::string_view text : {payload.format, payload.architecture, payload.data})
        for (char c : text)
          sum += static_cast<unsigned char>(c);
    EXPECT_LE(sum, image.size() * 3 * 255);
    return "";
  }
  EXPECT_EQ(aicc_status_get_code(status), AICC_STATUS_DATA_LOSS);
  std::string message = aicc_status_get_message(status);
  EXPECT_NE(message, "");
  aicc_status_destroy(status);
  return message;
}

std::string read(const std::string &image) {
  DeviceImage out;
  return read(image, out);
}

/// The good image with one record changed.
template <typename T> std::string changed(size_t offset, const std::function<void(T &)> &change) {
  std::string image = goodImage();
  T value;
  std::memcpy(&value, &image[offset], sizeof(value));
  change(value);
  std::memcpy(&image[offset], &value, sizeof(value));
  return image;
}

using Header = aicc_device_image_header;
using Entry = aicc_device_image_entry;
using Payload = aicc_device_image_payload;
constexpr size_t kFirstEntry = sizeof(Header), kFirstPayload = kFirstEntry + 2 * sizeof(Entry);

} // namespace

TEST(DeviceImage, GivesWhatWasWritten) {
  std::string image = goodImage();
  DeviceImage out;
  aicc_status *status = DeviceImage::parse(image.data(), image.size(), out);
  ASSERT_EQ(status, nullptr) << aicc_status_get_message(status);
  ASSERT_EQ(out.entries.size(), 2u);
  EXPECT_EQ(out.entries[1].name, "second");
  EXPECT_EQ(out.entries[1].threads, 256u);
  EXPECT_EQ(out.entries[1].subgroupSize, 16u);
  EXPECT_EQ(out.entries[1].staticShared, 4096u);
  EXPECT_EQ(out.entries[1].dynamicShared, 128u);
  EXPECT_EQ(out.entries[1].argumentCount(), 6u);
  ASSERT_EQ(out.payloads.size(), 2u);
  EXPECT_EQ(out.payloads[0].format, "source");
  EXPECT_EQ(out.payloads[0].architecture, "");
  EXPECT_EQ(out.payloads[0].data, "some text");
  EXPECT_EQ(out.payloads[1].architecture, "chip-7");
}

TEST(DeviceImage, MayLieAnywhere) {
  std::string image = " " + goodImage();
  DeviceImage out;
  EXPECT_EQ(DeviceImage::parse(image.data() + 1, image.size() - 1, out), nullptr);
}

TEST(DeviceImage, RefusesDamagedHeaders) {
  EXPECT_THAT(read(""), testing::HasSubstr("shorter"));
  EXPECT_THAT(read(changed<Header>(0, [](Header &h) { h.magic ^= 1; })), testing::HasSubstr("begin"));
  EXPECT_THAT(read(changed<Header>(0, [](Header &h) { h.header_size += 8; })), testing::HasSubstr("version"));
  EXPECT_THAT(read(changed<Header>(0, [](Header &h) { h.image_size -= 1; })), testing::HasSubstr("bytes"));
  EXPECT_THAT(read(goodImage() + " "), testing::HasSubstr("bytes"));
  for (uint32_t count : {0u, 0x7fffffffu, 0xffffffffu, 100u}) {
    EXPECT_THAT(read(changed<Header>(0, [=](Header &h) { h.entry_count = count; })),
                testing::HasSubstr("hold"));
    EXPECT_THAT(read(changed<Header>(0, [=](Header &h) { h.payload_count = count; })),
                testing::HasSubstr("hold"));
  }
}

TEST(DeviceImage, RefusesDamagedEntries) {
  const auto refused = [](const std::function<void(Entry &)> &change) {
    return read(changed<Entry>(kFirstEntry, change));
  };
  EXPECT_THAT(refused([](Entry &e) { e.name.size = 0; }), testing::HasSubstr("name"));
  EXPECT_THAT(refused([](Entry &e) { e.name.offset = 0; }), testing::HasSubstr("name"));
  EXPECT_THAT(refused([](Entry &e) { e.name.offset = 0xffffffff; }), testing::HasSubstr("name"));
  EXPECT_THAT(refused([](Entry &e) { e.name.size = 0xffffffff; }), testing::HasSubstr("name"));
  EXPECT_THAT(refused([](Entry &e) { e.threads = 0; }), testing::HasSubstr("damaged"));
  EXPECT_THAT(refused([](Entry &e) { e.flags |= 2; }), testing::HasSubstr("damaged"));
  EXPECT_THAT(refused([](Entry &e) { e.reserved = 1; }), testing::HasSubstr("damaged"));
  EXPECT_THAT(refused([](Entry &e) { e.buffer_count = 0xffffffff; }), testing::HasSubstr("damaged"));
  EXPECT_THAT(refused([](Entry &e) { e.param_count = 0xffffffff; }), testing::HasSubstr("damaged"));
  EXPECT_THAT(read(buildImage({entry("same"), entry("same")}, {{"f", "", "d"}})),
              testing::HasSubstr("two kernels"));
  EXPECT_THAT(read(buildImage({entry("a\nb")}, {{"f", "", "d"}})), testing::HasSubstr("name"));
}

TEST(DeviceImage, RefusesDamagedPayloads) {
  const auto refused = [](const std::function<void(Payload &)> &change) {
    return read(changed<Payload>(kFirstPayload, change));
  };
  EXPECT_THAT(refused([](Payload &p) { p.format.size = 0; }), testing::HasSubstr("format"));
  EXPECT_THAT(refused([](Payload &p) { p.format.offset = 0x80000000; }), testing::HasSubstr("format"));
  EXPECT_THAT(refused([](Payload &p) { p.architecture = {0, 4}; }), testing::HasSubstr("format"));
  EXPECT_THAT(refused([](Payload &p) { p.data.size = 0; }), testing::HasSubstr("outside"));
  EXPECT_THAT(refused([](Payload &p) { p.data.size = 0xffffffff; }), testing::HasSubstr("outside"));
  EXPECT_THAT(refused([](Payload &p) { p.data.offset += 1; }), testing::HasSubstr("outside"));
  EXPECT_THAT(refused([](Payload &p) { p.data.offset = 0; }), testing::HasSubstr("outside"));
  EXPECT_EQ(refused([](Payload &p) { p.architecture = {0, 0}; }), "");
}

TEST(DeviceImage, SurvivesEveryByteAndEveryLength) {
  const std::string image = goodImage();
  DeviceImage out;
  for (size_t i = 0; i < image.size(); ++i)
    for (unsigned char value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string damaged = image;
      damaged[i] = static_cast<char>(value);
      read(damaged, out);
    }
  for (size_t length = 0; length < image.size(); ++length)
    EXPECT_NE(read(image.substr(0, length), out), "") << length;
}

TEST(DriverSupport, SaysWhatALibraryLacks) {
  void *function = nullptr;
  const LibrarySymbol missing[] = {{"no_such_function_anywhere", &function}, {}};
  const LibrarySymbol optional[] = {{"no_such_function_anywhere", &function, true}, {}};
  const char *const libc[] = {"libnothing.so.7", "libc.so.6", nullptr};
  const char *const nothing[] = {"libnothing.so.7", nullptr};
  aicc_status *status = loadLibrary("the C library", libc, missing);
  EXPECT_EQ(aicc_status_get_code(status), AICC_STATUS_UNSUPPORTED);
  EXPECT_STREQ(aicc_status_get_message(status),
               "the C library is too old: it has no no_such_function_anywhere");
  aicc_status_destroy(status);
  EXPECT_EQ(loadLibrary("the C library", libc, optional), nullptr);
  status = loadLibrary("nothing", nothing, optional);
  EXPECT_EQ(aicc_status_get_code(status), AICC_STATUS_UNSUPPORTED);
  EXPECT_THAT(aicc_status_get_message(status),
              testing::StartsWith("nothing is not installed: libnothing.so.7"));
  aicc_status_destroy(status);
}

TEST(DriverSupport, MakesMessagesOfOneLine) {
  aicc_status *status = makeStatus(AICC_STATUS_INTERNAL, "%s", "first\nsecond\r\n\tthird\n");
  EXPECT_STREQ(aicc_status_get_message(status), "first; second;  third");
  aicc_status_destroy(status);
  EXPECT_EQ(makeStatus(AICC_STATUS_OK, "nothing"), nullptr);
  EXPECT_EQ(formatBytes(100), "100 bytes");
  EXPECT_EQ(formatBytes(3ull << 29), "1.5 GiB");
}
