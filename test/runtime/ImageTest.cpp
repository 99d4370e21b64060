//===- ImageTest.cpp - kernel images -----------------------------------------------------===//
//
// The image loader on whole and on damaged images. Loading runs the image's query function, so damage to code
// is not tried: the module's hashes guard that.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/TestModule.h"

#include "targets/cpu/driver/CpuInfo.h"
#include "targets/cpu/driver/ElfImage.h"

#include <cstring>
#include <elf.h>

using namespace aicc;
using namespace aicc::test;

namespace {

aicc_status *loadImage(const std::vector<uint8_t> &bytes) {
  cpu::ElfImage image;
  return image.load(bytes.data(), bytes.size());
}

Elf64_Ehdr headerOf(const std::vector<uint8_t> &bytes) {
  Elf64_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  return header;
}

/// The image with one program header changed by `change`, for the first header of this type.
std::vector<uint8_t> withProgramHeader(uint32_t type, const std::function<void(Elf64_Phdr &)> &change) {
  std::vector<uint8_t> bytes = kernelImage();
  Elf64_Ehdr header = headerOf(bytes);
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr program;
    uint8_t *at = bytes.data() + header.e_phoff + i * sizeof(program);
    std::memcpy(&program, at, sizeof(program));
    if (program.p_type != type)
      continue;
    change(program);
    std::memcpy(at, &program, sizeof(program));
    break;
  }
  return bytes;
}

/// The image with one dynamic entry of tag `from` turned into (`to`, value).
std::vector<uint8_t> withDynamic(int64_t from, int64_t to, uint64_t value) {
  std::vector<uint8_t> bytes = kernelImage();
  Elf64_Ehdr header = headerOf(bytes);
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr program;
    std::memcpy(&program, bytes.data() + header.e_phoff + i * sizeof(program), sizeof(program));
    if (program.p_type != PT_DYNAMIC)
      continue;
    for (uint64_t at = program.p_offset; at < program.p_offset + program.p_filesz; at += sizeof(Elf64_Dyn)) {
      Elf64_Dyn entry;
      std::memcpy(&entry, bytes.data() + at, sizeof(entry));
      if (entry.d_tag != from)
        continue;
      entry.d_tag = to;
      entry.d_un.d_val = value;
      std::memcpy(bytes.data() + at, &entry, sizeof(entry));
    }
  }
  return bytes;
}

} // namespace

TEST(Image, ListsAndRunsItsKernels) {
  cpu::ElfImage image;
  ASSERT_TRUE(ok(image.load(kernelImage().data(), kernelImage().size())));
  ASSERT_EQ(image.entryCount(), 7u);
  EXPECT_STREQ(image.entryName(Visit), "visit");
  int32_t visits[4] = {};
  void *buffers[] = {visits};
  image.entry(Visit)(buffers, nullptr, 1, 3, nullptr);
  EXPECT_EQ(visits[0] + visits[3], 0);
  EXPECT_EQ(visits[1] + visits[2], 2);
}

TEST(Image, RefusesTruncatedImages) {
  // Section headers stand at the end and are not needed; up to there every cut must be noticed or harmless.
  for (size_t size = 0; size < kernelImage().size(); size += size < 800 ? 1 : 37) {
    std::vector<uint8_t> part(kernelImage().begin(), kernelImage().begin() + static_cast<long>(size));
    aicc_status *status = loadImage(part);
    EXPECT_TRUE(status || size >= headerOf(kernelImage()).e_shoff - 512) << size;
    aicc_status_destroy(status);
  }
}

TEST(Image, SurvivesDamagedHeaders) {
  const std::vector<uint8_t> &whole = kernelImage();
  Elf64_Ehdr header = headerOf(whole);
  size_t end = header.e_phoff + header.e_phnum * sizeof(Elf64_Phdr);
  // Addresses of code and data are left alone: an image whose pieces lie elsewhere is whole, and runs what it
  // finds.
  for (size_t i = 0; i < end; ++i) {
    bool isAddress = i >= header.e_phoff && (i - header.e_phoff) % sizeof(Elf64_Phdr) < 32;
    if (isAddress)
      continue;
    for (uint8_t value : {0x00, 0x7f, 0xff}) {
      std::vector<uint8_t> bytes = whole;
      bytes[i] = value;
      aicc_status_destroy(loadImage(bytes));
    }
  }
}

TEST(Image, RefusesWhatTheAbiForbids) {
  const auto lost = AICC_STATUS_DATA_LOSS;
  std::vector<uint8_t> bytes = kernelImage();
  bytes[EI_CLASS] = ELFCLASS32;
  EXPECT_TRUE(failsWith(loadImage(bytes), lost, "x86-64"));
  EXPECT_TRUE(
      failsWith(loadImage(withProgramHeader(PT_LOAD, [](Elf64_Phdr &p) { p.p_flags |= PF_W | PF_X; })), lost,
                "writable and executable"));
  EXPECT_TRUE(failsWith(loadImage(withProgramHeader(PT_LOAD, [](Elf64_Phdr &p) { p.p_memsz = UINT64_MAX; })),
                        lost, "leaves the file"));
  EXPECT_TRUE(failsWith(loadImage(withProgramHeader(PT_LOAD, [](Elf64_Phdr &p) { p.p_vaddr = 1ull << 62; })),
                        lost, "leaves the file"));
  EXPECT_TRUE(failsWith(loadImage(withProgramHeader(PT_LOAD, [](Elf64_Phdr &p) { p.p_offset = 1ull << 62; })),
                        lost, "leaves the file"));
  EXPECT_TRUE(failsWith(loadImage(withProgramHeader(PT_GNU_STACK, [](Elf64_Phdr &p) { p.p_type = PT_TLS; })),
                        lost, "thread-local"));
  EXPECT_TRUE(failsWith(loadImage(withProgramHeader(PT_DYNAMIC, [](Elf64_Phdr &p) { p.p_type = PT_NULL; })),
                        lost, "dynamic"));
  EXPECT_TRUE(failsWith(loadImage(withDynamic(DT_HASH, DT_NEEDED, 1)), lost, "another library"));
  EXPECT_TRUE(failsWith(loadImage(withDynamic(DT_HASH, DT_INIT, 1)), lost, "initializers"));
  EXPECT_TRUE(failsWith(loadImage(withDynamic(DT_HASH, DT_RELACOUNT, 1)), lost, "hash table"));
  for (int64_t tag : {DT_HASH, DT_SYMTAB, DT_STRTAB, DT_RELA, DT_STRSZ, DT_RELASZ})
    for (uint64_t value : {uint64_t(1) << 20, uint64_t(1) << 63, UINT64_MAX, UINT64_MAX - 7})
      EXPECT_TRUE(failsWith(loadImage(withDynamic(tag, tag, value)), lost)) << tag << " " << value;
  EXPECT_TRUE(failsWith(loadImage(withDynamic(DT_RELASZ, DT_RELASZ, 25)), lost, "relocations"));
}

TEST(CpuInfo, IsConsistent) {
  cpu::CpuInfo info = cpu::detectCpu();
  EXPECT_FALSE(info.name.empty());
  EXPECT_FALSE(info.features.empty());
  EXPECT_GE(cpu::detectThreadCount(), 1u);
  const auto has = [&](const std::string &name) {
    for (const char *feature : info.features)
      if (name == feature)
        return true;
    return false;
  };
  EXPECT_EQ(has("avx512f"), __builtin_cpu_supports("avx512f") != 0);
  EXPECT_EQ(has("avx2"), __builtin_cpu_supports("avx2") != 0);
  EXPECT_EQ(has("fma"), __builtin_cpu_supports("fma") != 0);
  EXPECT_EQ(has("bmi2"), __builtin_cpu_supports("bmi2") != 0);
}
