// Images of device code: what is written, field by field, and what a kernel's function says about its launch.

#include "targets/gpu/codegen/ImageWriter.h"
#include "aicc/device_image.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <cstring>

using namespace aicc::gpu;

namespace {

template <typename T> T read(const std::vector<char> &image, size_t offset) {
  T value;
  EXPECT_LE(offset + sizeof(T), image.size());
  std::memcpy(&value, image.data() + offset, sizeof(T));
  return value;
}

std::string text(const std::vector<char> &image, aicc_device_image_range range) {
  EXPECT_LE(uint64_t(range.offset) + range.size, image.size());
  return std::string(image.data() + range.offset, range.size);
}

TEST(ImageWriter, fields) {
  ImageEntry first;
  first.name = "map_0", first.threads = 256, first.buffers = 3, first.params = 2;
  ImageEntry second;
  second.name = "softmax_1", second.threads = 128, second.subgroupSize = 32, second.staticShared = 512;
  second.dynamicShared = 1024, second.buffers = 2, second.scratch = true;
  auto image = writeImage({first, second}, {{"text", "any", {'a', 'b', 'c'}}, {"binary", "", {'d'}}});
  ASSERT_TRUE(bool(image));
  auto header = read<aicc_device_image_header>(*image, 0);
  EXPECT_EQ(header.magic, AICC_DEVICE_IMAGE_MAGIC);
  EXPECT_EQ(header.header_size, sizeof(header));
  EXPECT_EQ(header.image_size, image->size());
  EXPECT_EQ(header.entry_count, 2u);
  EXPECT_EQ(header.payload_count, 2u);
  size_t at = sizeof(header);
  auto a = read<aicc_device_image_entry>(*image, at);
  EXPECT_EQ(text(*image, a.name), "map_0");
  EXPECT_EQ(a.threads, 256u);
  EXPECT_EQ(a.buffer_count, 3u);
  EXPECT_EQ(a.param_count, 2u);
  EXPECT_EQ(a.flags, 0u);
  auto b = read<aicc_device_image_entry>(*image, at += sizeof(a));
  EXPECT_EQ(text(*image, b.name), "softmax_1");
  EXPECT_EQ(b.subgroup_size, 32u);
  EXPECT_EQ(b.static_shared, 512u);
  EXPECT_EQ(b.dynamic_shared, 1024u);
  EXPECT_EQ(b.flags, AICC_DEVICE_ENTRY_SCRATCH);
  EXPECT_EQ(b.reserved, 0u);
  auto p = read<aicc_device_image_payload>(*image, at += sizeof(b));
  EXPECT_EQ(text(*image, p.format), "text");
  EXPECT_EQ(text(*image, p.architecture), "any");
  EXPECT_EQ(text(*image, p.data), "abc");
  EXPECT_EQ(p.data.offset % 16, 0u);
  auto q = read<aicc_device_image_payload>(*image, at += sizeof(p));
  EXPECT_EQ(text(*image, q.data), "d");
  EXPECT_EQ(q.data.offset % 16, 0u);
  // No trailing bytes.
  EXPECT_EQ(uint64_t(q.data.offset) + q.data.size, image->size());
}

TEST(ImageWriter, describesKernels) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::LLVM::LLVMDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(R"(
    llvm.mlir.global internal @a() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<5 x f32>
    llvm.mlir.global internal @b() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<8 x i64>
    llvm.func @k(%x: !llvm.ptr, %y: !llvm.ptr, %n: i64, %scratch: !llvm.ptr) attributes {gpu.kernel,
        aicc.threads = 64 : i32, aicc.subgroup = 16 : i32, aicc.scratch, aicc.dynamic_shared = 4096 : i32} {
      llvm.return
    })",
                                                        &context);
  ASSERT_TRUE(module);
  ImageEntry entry = describeKernel(*module);
  EXPECT_EQ(entry.name, "k");
  EXPECT_EQ(entry.threads, 64u);
  EXPECT_EQ(entry.subgroupSize, 16u);
  EXPECT_EQ(entry.buffers, 2u);
  EXPECT_EQ(entry.params, 1u);
  EXPECT_TRUE(entry.scratch);
  EXPECT_EQ(entry.staticShared, 32u + 64u);
  EXPECT_EQ(entry.dynamicShared, 4096u);
}

} // namespace
