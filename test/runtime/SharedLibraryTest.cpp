//===- SharedLibraryTest.cpp - libaicc.so itself -----------------------------------------===//
//
// What the library promises to those who ship it: it needs libc and libm only, exports the C ABI only, stays
// below 1 MB, and serves a C program.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/TestModule.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <elf.h>
#include <set>

using namespace aicc;
using namespace aicc::test;

namespace {

/// Dynamic section and dynamic symbols, read from the file.
struct Library {
  std::vector<uint8_t> bytes = readFile(AICC_LIBRARY);
  std::set<std::string> needed, exported;

  template <typename T> T at(uint64_t offset) const {
    T value;
    EXPECT_LE(offset + sizeof(T), bytes.size());
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
  }

  Library() {
    auto header = at<Elf64_Ehdr>(0);
    for (int i = 0; i < header.e_shnum; ++i) {
      auto section = at<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr));
      if (section.sh_type != SHT_DYNAMIC && section.sh_type != SHT_DYNSYM)
        continue;
      auto strings = at<Elf64_Shdr>(header.e_shoff + section.sh_link * sizeof(Elf64_Shdr));
      const auto name = [&](uint64_t offset) {
        return std::string(reinterpret_cast<const char *>(bytes.data()) + strings.sh_offset + offset);
      };
      for (uint64_t offset = 0; offset < section.sh_size; offset += section.sh_entsize) {
        if (section.sh_type == SHT_DYNAMIC) {
          auto entry = at<Elf64_Dyn>(section.sh_offset + offset);
          if (entry.d_tag == DT_NEEDED)
            needed.insert(name(entry.d_un.d_val));
        } else {
          auto symbol = at<Elf64_Sym>(section.sh_offset + offset);
          if (symbol.st_shndx != SHN_UNDEF)
            exported.insert(name(symbol.st_name));
        }
      }
    }
  }
};

} // namespace

TEST(SharedLibrary, NeedsOnlyTheCLibrary) {
  std::set<std::string> allowed = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"};
  Library library;
  EXPECT_FALSE(library.needed.empty());
  for (const std::string &name : library.needed)
    EXPECT_TRUE(allowed.count(name)) << name;
}

TEST(SharedLibrary, ExportsOnlyTheCAbi) {
  Library library;
  EXPECT_TRUE(library.exported.count("aicc_instance_create"));
  EXPECT_TRUE(library.exported.count("aicc_context_run"));
  for (const std::string &name : library.exported)
    EXPECT_EQ(name.rfind("aicc_", 0), 0u) << name;
}

TEST(SharedLibrary, StaysBelowOneMegabyte) { EXPECT_LT(readFile(AICC_LIBRARY).size(), 1000000u); }

TEST(SharedLibrary, ServesTheExampleOfTheManual) {
  std::string command = std::string(AICC_EXAMPLE) + " " + AICC_TEST_FIXTURES + "/format1.aicc 2>&1";
  FILE *pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  std::array<char, 256> line;
  while (std::fgets(line.data(), line.size(), pipe))
    output += line.data();
  EXPECT_EQ(pclose(pipe), 0) << output;
  EXPECT_EQ(output, "sum: 103 106 109 112\n");
}

TEST(SharedLibrary, TheManualShowsThisExample) {
  const auto text = [](const std::string &path) {
    std::vector<uint8_t> bytes = readFile(path);
    return std::string(bytes.begin(), bytes.end());
  };
  std::string program = text(AICC_SOURCE_DIR "/test/runtime/c_api_example.c");
  ASSERT_FALSE(program.empty());
  EXPECT_NE(text(AICC_SOURCE_DIR "/docs/c-api.md").find("```c\n" + program + "```"), std::string::npos);
}
