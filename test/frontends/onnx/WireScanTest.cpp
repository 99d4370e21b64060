// Payloads are cut out of a model's bytes, everything else stays as it was; damage is an error.

#include "frontends/onnx/WireScan.h"
#include <gtest/gtest.h>

using namespace aicc::onnx_import;

namespace {
std::string bytesField(unsigned field, const std::string &content) {
  std::string out(1, char(field << 3 | 2));
  size_t size = content.size();
  for (; size >= 0x80; size >>= 7)
    out.push_back(char(size | 0x80));
  out.push_back(char(size));
  return out + content;
}

/// A ModelProto with one initializer "w" whose raw_data is `payload`.
std::string model(const std::string &payload, const std::string &more = "") {
  return bytesField(7, bytesField(5, bytesField(8, "w") + more + bytesField(9, payload)));
}

std::string cut(const std::string &bytes, uint64_t limit = 16) {
  llvm::Expected<std::string> result = cutPayloads(llvm::ArrayRef(bytes.data(), bytes.size()), limit);
  return result ? *result : "error: " + llvm::toString(result.takeError());
}

TEST(WireScan, CutsLargePayloads) {
  const std::string payload(100, 'x'), bytes = model(payload), reduced = cut(bytes);
  EXPECT_EQ(reduced.find("xxx"), std::string::npos);
  // In its place the segment's begin and end.
  const size_t at = bytes.find(payload);
  ASSERT_LT(at, 28u); // so that both are one byte
  const std::string expected =
      bytesField(7, bytesField(5, bytesField(8, "w") + bytesField(3, {8, char(at), 16, char(at + 100)})));
  EXPECT_EQ(reduced, expected);
}

TEST(WireScan, KeepsSmallOnes) {
  const std::string bytes = model("small");
  EXPECT_EQ(cut(bytes), bytes);
}

TEST(WireScan, DropsSegmentsOfTheFile) {
  const std::string segment = bytesField(3, std::string("\x08\x00\x10\x7f", 4));
  EXPECT_EQ(cut(model(std::string(50, 'x'), segment)).find(segment), std::string::npos);
}

TEST(WireScan, RefusesDamage) {
  const std::string bytes = model(std::string(100, 'x'));
  for (size_t size = 1; size < bytes.size(); ++size)
    EXPECT_EQ(cut(bytes.substr(0, size)).rfind("error: ", 0), 0u) << size;
  EXPECT_EQ(cut(std::string(20, '\xff')).rfind("error: ", 0), 0u);
  EXPECT_EQ(cut(std::string("\x3b", 1)).rfind("error: ", 0), 0u); // a group, long out of use
}

TEST(WireScan, RefusesDeepNesting) {
  // Graphs in attributes in nodes in graphs.
  std::string graph(64, 'x');
  for (int i = 0; i < 200; ++i)
    graph = bytesField(1, bytesField(5, bytesField(6, graph)));
  EXPECT_NE(cut(bytesField(7, graph)).find("nested too deeply"), std::string::npos);
}
} // namespace
