// The CPU back end from MLIR text to running code: what the image looks like, what its errors say, and that
// the operations the emitters use compute what they should on every processor level.

#include "KernelImage.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>
#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace aicc::cpu;
using namespace aicc::cpu::test;
using testing::HasSubstr;

namespace {

/// A kernel that runs `body` for i from begin to end by `step`, with the buffers' addresses in %b0, %b1, ...
std::string writeKernel(const std::string &name, unsigned buffers, unsigned step, const std::string &body,
                        const std::string &before = "") {
  std::string text =
      "func.func @" + name +
      "(%bufs: !llvm.ptr, %params: !llvm.ptr, %begin: i64, %end: i64, %scratch: !llvm.ptr) {\n";
  for (unsigned i = 0; i < buffers; ++i)
    text += "  %slot" + std::to_string(i) + " = llvm.getelementptr %bufs[" + std::to_string(i) +
            "] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr\n  %b" + std::to_string(i) + " = llvm.load %slot" +
            std::to_string(i) + " : !llvm.ptr -> !llvm.ptr\n";
  return text + "  %step = arith.constant " + std::to_string(step) + " : i64\n" + before +
         "  scf.for %i = %begin to %end step %step : i64 {\n" + body + "  }\n  return\n}\n";
}

std::string address(const std::string &name, unsigned buffer, const std::string &type) {
  return "    %" + name + " = llvm.getelementptr %b" + std::to_string(buffer) +
         "[%i] : (!llvm.ptr, i64) -> !llvm.ptr, " + type + "\n";
}

/// r[i] = op(a[i]) with buffers a, r, `lanes` at a time (0: one by one).
std::string writeMap(const std::string &name, unsigned lanes, const std::string &from, const std::string &to,
                     const std::function<std::string(std::string, std::string)> &op) {
  auto type = [&](const std::string &element) {
    return lanes ? "vector<" + std::to_string(lanes) + "x" + element + ">" : element;
  };
  return writeKernel(name, 2, std::max(1u, lanes),
                     address("p", 0, from) + address("q", 1, to) + "    %x = llvm.load %p : !llvm.ptr -> " +
                         type(from) + "\n" + op(type(from), type(to)) +
                         "    llvm.store %r, %q : " + type(to) + ", !llvm.ptr\n");
}

/// An expanded copy of the sum c += a * b over k, in registers of `lanes` floats: rows x columns of them.
std::string writeRegisterTile(unsigned lanes, unsigned rows, unsigned columns) {
  std::string vector = "vector<" + std::to_string(lanes) + "xf32>", zero, init, types, next, body, after;
  auto id = [](const char *name, unsigned i, unsigned j) {
    return "%" + std::string(name) + std::to_string(i) + "_" + std::to_string(j);
  };
  for (unsigned j = 0; j < columns; ++j)
    body += "    " + id("bo", j, 0) + " = arith.constant " + std::to_string(j) + " : i64\n    " +
            id("bm", j, 0) + " = arith.muli " + id("bo", j, 0) + ", %panel : i64\n    " + id("bi", j, 0) +
            " = arith.addi " + id("bm", j, 0) + ", %k : i64\n    " + id("bp", j, 0) +
            " = llvm.getelementptr %b1[" + id("bi", j, 0) +
            "] : (!llvm.ptr, i64) -> !llvm.ptr, !llvm.array<" + std::to_string(lanes) + " x f32>\n    " +
            id("b", j, 0) + " = llvm.load " + id("bp", j, 0) + " : !llvm.ptr -> " + vector + "\n";
  for (unsigned i = 0; i < rows; ++i) {
    body += "    " + id("ao", i, 0) + " = arith.constant " + std::to_string(i) + " : i64\n    " +
            id("am", i, 0) + " = arith.muli " + id("ao", i, 0) + ", %panel : i64\n    " + id("ai", i, 0) +
            " = arith.addi " + id("am", i, 0) + ", %k : i64\n    " + id("ap", i, 0) +
            " = llvm.getelementptr %b0[" + id("ai", i, 0) + "] : (!llvm.ptr, i64) -> !llvm.ptr, f32\n    " +
            id("a", i, 0) + " = llvm.load " + id("ap", i, 0) + " : !llvm.ptr -> f32\n    " + id("av", i, 0) +
            " = vector.broadcast " + id("a", i, 0) + " : f32 to " + vector + "\n";
    for (unsigned j = 0; j < columns; ++j) {
      std::string comma = i + j ? ", " : "";
      init += comma + id("c", i, j) + " = %zero";
      types += comma + vector;
      next += comma + id("n", i, j);
      body += "    " + id("n", i, j) + " = vector.fma " + id("av", i, 0) + ", " + id("b", j, 0) + ", " +
              id("c", i, j) + " : " + vector + "\n";
      unsigned number = i * columns + j;
      after += "  " + id("cp", i, j) + " = llvm.getelementptr %b2[" + std::to_string(number * lanes) +
               "] : (!llvm.ptr) -> !llvm.ptr, f32\n  llvm.store %t#" + std::to_string(number) + ", " +
               id("cp", i, j) + " : " + vector + ", !llvm.ptr\n";
    }
  }
  std::string text = writeKernel("tile", 3, 1, "");
  text.resize(text.find("  scf.for"));
  return text +
         "  %panel = llvm.load %params : !llvm.ptr -> i64\n  %zero = arith.constant dense<0.0> : " + vector +
         "\n  %t:" + std::to_string(rows * columns) +
         " = scf.for %k = %begin to %panel step %step iter_args(" + init + ") -> (" + types + ") : i64 {\n" +
         body + "    scf.yield " + next + " : " + types + "\n  }\n" + after + "  return\n}\n";
}

class BackendTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    llvm::Expected<CpuDescriptor> expected = getCpuDescriptor(GetParam());
    if (!expected)
      GTEST_SKIP() << llvm::toString(expected.takeError());
    cpu = *expected;
    if (!canRun(cpu))
      GTEST_SKIP() << "this machine can't run " << cpu.name;
  }

  std::unique_ptr<KernelImage> compile(const std::vector<std::string> &texts) {
    llvm::Expected<std::vector<char>> bytes = compileTexts(texts, cpu);
    if (!bytes) {
      ADD_FAILURE() << llvm::toString(bytes.takeError());
      return std::make_unique<KernelImage>();
    }
    return KernelImage::load(*bytes);
  }

  CpuDescriptor cpu;
};

std::string errorOf(const std::vector<std::string> &texts) {
  llvm::Expected<CpuDescriptor> cpu = getCpuDescriptor("x86-64-v3");
  EXPECT_TRUE(bool(cpu));
  llvm::Expected<std::vector<char>> bytes = compileTexts(texts, *cpu);
  return bytes ? "" : llvm::toString(bytes.takeError());
}

template <typename T, typename U> T bitsAs(U value) {
  static_assert(sizeof(T) == sizeof(U));
  T result;
  std::memcpy(&result, &value, sizeof(T));
  return result;
}

} // namespace

//===--- The image
//-------------------------------------------------------------------------------------------------===//

TEST(BackendImageTest, ObeysTheKernelABI) {
  llvm::Expected<CpuDescriptor> cpu = getCpuDescriptor("x86-64-v3");
  ASSERT_TRUE(bool(cpu));
  // A constant table, a builtin and a remainder, so that there are relocations of all kinds.
  std::string text = writeMap("k", 0, "f64", "f64", [](std::string, std::string) {
    return "    %c = math.sin %x : f64\n    %r = arith.remf %c, %x : f64\n";
  });
  llvm::Expected<std::vector<char>> bytes = compileTexts({text}, *cpu);
  ASSERT_TRUE(bool(bytes)) << llvm::toString(bytes.takeError());
  using File = llvm::object::ELFFile<llvm::object::ELF64LE>;
  llvm::Expected<File> file = File::create(llvm::StringRef(bytes->data(), bytes->size()));
  ASSERT_TRUE(bool(file));
  EXPECT_EQ(file->getHeader().e_type, llvm::ELF::ET_DYN);

  auto segments = file->program_headers();
  ASSERT_TRUE(bool(segments));
  for (const auto &segment : *segments) {
    EXPECT_FALSE((segment.p_flags & llvm::ELF::PF_W) && (segment.p_flags & llvm::ELF::PF_X));
    EXPECT_NE(segment.p_type, llvm::ELF::PT_TLS);
    EXPECT_NE(segment.p_type, llvm::ELF::PT_INTERP);
  }
  auto entries = file->dynamicEntries();
  ASSERT_TRUE(bool(entries));
  for (const auto &entry : *entries) {
    for (int64_t unwanted :
         {llvm::ELF::DT_NEEDED, llvm::ELF::DT_INIT, llvm::ELF::DT_INIT_ARRAY, llvm::ELF::DT_TEXTREL})
      EXPECT_NE(entry.d_tag, unwanted);
  }
  auto sections = file->sections();
  ASSERT_TRUE(bool(sections));
  std::vector<std::string> exported;
  for (const auto &section : *sections) {
    if (section.sh_type == llvm::ELF::SHT_DYNSYM) {
      auto symbols = file->symbols(&section);
      auto strings = file->getStringTableForSymtab(section);
      ASSERT_TRUE(symbols && strings);
      for (const auto &symbol : symbols->drop_front()) {
        EXPECT_NE(symbol.st_shndx, llvm::ELF::SHN_UNDEF);
        exported.push_back(llvm::cantFail(symbol.getName(*strings)).str());
      }
    }
    if (section.sh_type == llvm::ELF::SHT_RELA)
      for (const auto &relocation : llvm::cantFail(file->relas(section)))
        EXPECT_EQ(relocation.getType(false), unsigned(llvm::ELF::R_X86_64_RELATIVE));
  }
  EXPECT_THAT(exported, testing::ElementsAre("aicc_executable_query"));
}

TEST(BackendImageTest, IsTheSameInEveryRun) {
  llvm::Expected<CpuDescriptor> cpu = getCpuDescriptor("x86-64-v3");
  ASSERT_TRUE(bool(cpu));
  std::vector<std::string> texts;
  for (int i = 0; i < 6; ++i)
    texts.push_back(writeMap("k" + std::to_string(i), 8, "f32", "f32", [](std::string type, std::string) {
      return "    %r = math.exp %x : " + type + "\n";
    }));
  llvm::Expected<std::vector<char>> first = compileTexts(texts, *cpu), second = compileTexts(texts, *cpu);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
}

TEST(BackendImageTest, HasAnEmptyTableWithoutKernels) {
  llvm::Expected<CpuDescriptor> cpu = getCpuDescriptor("x86-64-v3");
  ASSERT_TRUE(bool(cpu));
  llvm::Expected<std::vector<char>> bytes = compileTexts({}, *cpu);
  ASSERT_TRUE(bool(bytes)) << llvm::toString(bytes.takeError());
  EXPECT_TRUE(KernelImage::load(*bytes));
}

//===--- Errors
//----------------------------------------------------------------------------------------------------===//

TEST(BackendErrorTest, UndefinedSymbolNamesItselfAndItsKernel) {
  std::string good = writeMap("good", 0, "f32", "f32",
                              [](std::string, std::string) { return "    %r = math.exp %x : f32\n"; });
  std::string bad = writeMap("bad", 0, "f32", "f32", [](std::string, std::string) {
    return "    %r = llvm.call @nobody(%x) : (f32) -> f32\n";
  });
  std::string error = errorOf({good, "llvm.func @nobody(f32) -> f32\n" + bad});
  EXPECT_THAT(error, HasSubstr("kernel 'bad' needs the symbol 'nobody'"));
}

TEST(BackendErrorTest, EqualNamesAreRefused) {
  std::string kernel = writeMap("twin", 0, "f32", "f32",
                                [](std::string, std::string) { return "    %r = math.exp %x : f32\n"; });
  EXPECT_THAT(errorOf({kernel, kernel}), HasSubstr("'twin'"));
}

TEST(BackendErrorTest, WhatCannotBeLoweredIsNamed) {
  std::string kernel = writeMap(
      "k", 0, "i128", "i128", [](std::string, std::string) { return "    %r = math.ipowi %x, %x : i128\n"; });
  EXPECT_THAT(errorOf({kernel}), HasSubstr("math.ipowi"));
}

TEST(DescriptorTest, UnknownArchitectureIsAnError) {
  llvm::Expected<CpuDescriptor> cpu = getCpuDescriptor("x86-64-v9");
  ASSERT_FALSE(bool(cpu));
  EXPECT_THAT(llvm::toString(cpu.takeError()), HasSubstr("x86-64-v9"));
}

TEST(DescriptorTest, LevelsDifferAsTheyShould) {
  CpuDescriptor v3 = llvm::cantFail(getCpuDescriptor("x86-64-v3")),
                v4 = llvm::cantFail(getCpuDescriptor("x86-64-v4"));
  EXPECT_EQ(v3.getLanes(), 8u);
  EXPECT_EQ(v4.getLanes(), 16u);
  EXPECT_THAT(v3.requiredFeatures, testing::Contains("fma"));
  EXPECT_THAT(v3.requiredFeatures, testing::Not(testing::Contains("avx512f")));
  EXPECT_THAT(v4.requiredFeatures, testing::Contains("avx512vl"));
}

//===--- What is computed
//------------------------------------------------------------------------------------------===//

TEST_P(BackendTest, RegisterTileStaysInRegisters) {
  unsigned lanes = cpu.getLanes(), rows = lanes == 16 ? 8 : 6, columns = lanes == 16 ? 3 : 2;
  llvm::SmallString<64> dir;
  ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("aicc-backend-test", dir));
  setenv("AICC_TEST_DUMP", dir.c_str(), 1);
  std::unique_ptr<KernelImage> image = compile({writeRegisterTile(lanes, rows, columns)});
  unsetenv("AICC_TEST_DUMP");
  auto assembly = llvm::MemoryBuffer::getFile(dir + "/kernels-0.s");
  ASSERT_TRUE(bool(assembly));
  std::string text = (*assembly)->getBuffer().str();
  llvm::sys::fs::remove_directories(dir);
  EXPECT_THAT(text, HasSubstr("vfmadd"));
  EXPECT_THAT(text, testing::Not(HasSubstr("(%rsp)"))) << "a register is spilled:\n" << text;

  const int64_t depth = 37;
  std::vector<float> a(rows * depth), b(columns * depth * lanes), c(rows * columns * lanes);
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = float(int(i * 7 % 13) - 6);
  for (size_t i = 0; i < b.size(); ++i)
    b[i] = float(int(i * 5 % 11) - 5);
  image->run("tile", {a.data(), b.data(), c.data()}, {depth}, 0, 1);
  for (unsigned i = 0; i < rows; ++i)
    for (unsigned j = 0; j < columns * lanes; ++j) {
      float sum = 0;
      for (int64_t k = 0; k < depth; ++k)
        sum += a[i * depth + k] * b[(j / lanes * depth + k) * lanes + j % lanes];
      ASSERT_EQ(c[i * columns * lanes + j], sum) << i << ", " << j;
    }
}

TEST_P(BackendTest, NarrowFloatsConvertAsTheStandardSays) {
  std::vector<std::string> texts;
  for (unsigned lanes : {0, 8, 16})
    for (const char *narrow : {"f16", "bf16"})
      for (const char *wide : {"f32", "f64"}) {
        std::string suffix = std::string(narrow) + wide + std::to_string(lanes);
        texts.push_back(
            writeMap("narrow" + suffix, lanes, wide, narrow, [](std::string from, std::string to) {
              return "    %r = arith.truncf %x : " + from + " to " + to + "\n";
            }));
        texts.push_back(writeMap("widen" + suffix, lanes, narrow, wide, [](std::string from, std::string to) {
          return "    %r = arith.extf %x : " + from + " to " + to + "\n";
        }));
      }
  std::unique_ptr<KernelImage> image = compile(texts);

  // All 16-bit values; the values between neighbours, their ties and what is just beside the ties.
  std::vector<uint16_t> all(1 << 16), back(1 << 16);
  for (size_t i = 0; i < all.size(); ++i)
    all[i] = i;
  for (unsigned lanes : {0, 8, 16})
    for (bool brain : {false, true}) {
      std::string name = brain ? "bf16" : "f16";
      std::vector<float> wide(1 << 16);
      std::vector<double> wide64(1 << 16);
      image->run("widen" + name + "f32" + std::to_string(lanes), {all.data(), wide.data()}, {}, 0,
                 all.size());
      image->run("widen" + name + "f64" + std::to_string(lanes), {all.data(), wide64.data()}, {}, 0,
                 all.size());
      for (unsigned i = 0; i < all.size(); ++i) {
        float want = brain ? bitsAs<float>(uint32_t(i) << 16) : float(bitsAs<_Float16>(uint16_t(i)));
        if (std::isnan(want)) {
          ASSERT_TRUE(std::isnan(wide[i]) && std::isnan(wide64[i])) << name << " " << i;
        } else {
          ASSERT_EQ(wide[i], want) << name << " " << i;
          ASSERT_EQ(wide64[i], want) << name << " " << i;
        }
      }
      for (double nudge : {-0.001, 0.0, 0.001}) {
        std::vector<float> x(1 << 16);
        std::vector<double> x64(1 << 16);
        for (unsigned i = 0; i + 1 < all.size(); ++i) {
          x64[i] = std::isfinite(wide[i]) && std::isfinite(wide[i + 1])
                       ? wide[i] + (double(wide[i + 1]) - wide[i]) * (0.5 + nudge)
                       : wide[i];
          x[i] = float(x64[i]);
        }
        for (bool from64 : {false, true}) {
          image->run("narrow" + name + (from64 ? "f64" : "f32") + std::to_string(lanes),
                     {from64 ? (void *)x64.data() : (void *)x.data(), back.data()}, {}, 0, all.size());
          for (unsigned i = 0; i + 1 < all.size(); ++i) {
            double value = from64 ? x64[i] : x[i];
            // Of the two neighbours the nearer, of equally near ones the even.
            unsigned even = i & 1 ? i + 1 : i, near = nudge == 0 ? even : nudge < 0 ? i : i + 1;
            float low = wide[i], high = wide[i + 1];
            bool inside = std::isfinite(low) && std::isfinite(high) && (low < 0) == (high < 0);
            bool flushes = brain && cpu.bf16 && std::abs(value) < 0x1p-126;
            if (!inside || flushes || (!from64 && brain && std::abs(value) < 0x1p-120))
              continue;
            ASSERT_EQ(back[i], near) << name << " from " << (from64 ? "f64 " : "f32 ") << value << ", "
                                     << lanes << " lanes";
          }
        }
      }
      std::vector<float> special = {INFINITY, -INFINITY, NAN,   3.4028235e38f, -0.0f,  0, 1, -1,
                                    3.3e38f,  65519,     65520, -70000,        1e-30f, 0, 0, 0};
      image->run("narrow" + name + "f32" + std::to_string(lanes), {special.data(), back.data()}, {}, 0, 16);
      image->run("widen" + name + "f32" + std::to_string(lanes), {back.data(), wide.data()}, {}, 0, 16);
      EXPECT_EQ(wide[0], INFINITY);
      EXPECT_EQ(wide[1], -INFINITY);
      EXPECT_TRUE(std::isnan(wide[2]));
      EXPECT_EQ(wide[3], INFINITY);
      EXPECT_TRUE(wide[4] == 0 && std::signbit(wide[4]));
      if (!brain) {
        EXPECT_EQ(wide[9], 65504);
        EXPECT_EQ(wide[10], INFINITY);
        EXPECT_EQ(wide[11], -INFINITY);
      }
    }
}

TEST_P(BackendTest, NarrowFloatsComputeInWideOnes) {
  auto op = [](std::string type, std::string) {
    return "    %e = math.tanh %x : " + type + "\n    %s = arith.addf %e, %x : " + type +
           "\n    %r = math.sqrt %s : " + type + "\n";
  };
  std::vector<std::string> texts;
  for (const char *type : {"f16", "bf16"})
    for (unsigned lanes : {0, 16})
      texts.push_back(writeMap(type + std::to_string(lanes), lanes, type, type, op));
  std::unique_ptr<KernelImage> image = compile(texts);
  for (unsigned lanes : {0, 16}) {
    std::vector<uint16_t> x(16), r(16);
    for (unsigned i = 0; i < 16; ++i)
      x[i] = bitsAs<uint16_t>(_Float16(0.1 * i));
    image->run("f16" + std::to_string(lanes), {x.data(), r.data()}, {}, 0, 16);
    for (unsigned i = 0; i < 16; ++i) {
      double v = bitsAs<_Float16>(x[i]);
      EXPECT_NEAR(float(bitsAs<_Float16>(r[i])), std::sqrt(std::tanh(v) + v), 2e-3);
    }
    for (unsigned i = 0; i < 16; ++i)
      x[i] = bitsAs<uint32_t>(0.125f * i) >> 16;
    image->run("bf16" + std::to_string(lanes), {x.data(), r.data()}, {}, 0, 16);
    for (unsigned i = 0; i < 16; ++i)
      EXPECT_NEAR(bitsAs<float>(uint32_t(r[i]) << 16), std::sqrt(std::tanh(0.125f * i) + 0.125f * i), 1e-2);
  }
}

TEST_P(BackendTest, BlocksTranspose) {
  std::vector<std::string> texts;
  for (unsigned n : {4, 8, 16}) {
    std::string row = "vector<" + std::to_string(n) + "xf32>",
                block = "vector<" + std::to_string(n) + "x" + std::to_string(n) + "xf32>";
    std::string body = "    %m0 = arith.constant dense<0.0> : " + block + "\n";
    for (unsigned i = 0; i < n; ++i) {
      std::string k = std::to_string(i);
      body += "    %p" + k + " = llvm.getelementptr %b0[" + std::to_string(i * n) +
              "] : (!llvm.ptr) -> !llvm.ptr, f32\n    %r" + k + " = llvm.load %p" + k + " : !llvm.ptr -> " +
              row + "\n    %m" + std::to_string(i + 1) + " = vector.insert %r" + k + ", %m" + k + "[" + k +
              "] : " + row + " into " + block + "\n";
    }
    body +=
        "    %t = vector.transpose %m" + std::to_string(n) + ", [1, 0] : " + block + " to " + block + "\n";
    for (unsigned i = 0; i < n; ++i) {
      std::string k = std::to_string(i);
      body += "    %q" + k + " = llvm.getelementptr %b1[" + std::to_string(i * n) +
              "] : (!llvm.ptr) -> !llvm.ptr, f32\n    %s" + k + " = vector.extract %t[" + k + "] : " + row +
              " from " + block + "\n    llvm.store %s" + k + ", %q" + k + " : " + row + ", !llvm.ptr\n";
    }
    texts.push_back(writeKernel("t" + std::to_string(n), 2, 1, body));
  }
  std::unique_ptr<KernelImage> image = compile(texts);
  for (unsigned n : {4, 8, 16}) {
    std::vector<float> x(n * n), r(n * n);
    for (unsigned i = 0; i < n * n; ++i)
      x[i] = i;
    image->run("t" + std::to_string(n), {x.data(), r.data()}, {}, 0, 1);
    for (unsigned i = 0; i < n; ++i)
      for (unsigned j = 0; j < n; ++j)
        ASSERT_EQ(r[i * n + j], x[j * n + i]) << n;
  }
}

TEST_P(BackendTest, PowersRemaindersAndReductions) {
  std::vector<std::string> texts = {
      writeMap("ipow", 8, "i32", "i32",
               [](std::string type, std::string) {
                 return "    %n = arith.constant dense<5> : " + type +
                        "\n    %r = math.ipowi %x, %n : " + type + "\n";
               }),
      writeMap("fpowi", 8, "f32", "f32",
               [](std::string type, std::string) {
                 return "    %n = arith.constant dense<-3> : vector<8xi32>\n    %r = math.fpowi %x, %n : " +
                        type + ", vector<8xi32>\n";
               }),
      writeMap("rem", 8, "f32", "f32",
               [](std::string type, std::string) {
                 return "    %n = arith.constant dense<0.75> : " + type +
                        "\n    %r = arith.remf %x, %n : " + type + "\n";
               }),
      writeMap("floordiv", 8, "i64", "i64",
               [](std::string type, std::string) {
                 return "    %n = arith.constant dense<3> : " + type +
                        "\n    %r = arith.floordivsi %x, %n : " + type + "\n";
               }),
      writeMap("maximum", 8, "f32", "f32",
               [](std::string type, std::string) {
                 return "    %m = vector.reduction <maximumf>, %x : " + type +
                        " into f32\n    %r = vector.broadcast %m : f32 to " + type + "\n";
               }),
      writeMap("sum", 8, "f32", "f32",
               [](std::string type, std::string) {
                 return "    %m = vector.reduction <add>, %x : " + type +
                        " into f32\n    %r = vector.broadcast %m : f32 to " + type + "\n";
               }),
      writeMap("roundings", 8, "f32", "f32", [](std::string type, std::string) {
        return "    %a = math.floor %x : " + type + "\n    %b = math.roundeven %x : " + type +
               "\n    %c = math.trunc %x : " + type + "\n    %d = math.round %x : " + type +
               "\n    %e = arith.addf %a, %b : " + type + "\n    %f = arith.subf %e, %c : " + type +
               "\n    %r = arith.addf %f, %d : " + type + "\n";
      })};
  std::unique_ptr<KernelImage> image = compile(texts);
  std::vector<int32_t> i32 = {0, 1, -1, 2, -3, 7, 100, 12345}, ri(8);
  image->run("ipow", {i32.data(), ri.data()}, {}, 0, 8);
  for (unsigned i = 0; i < 8; ++i) {
    uint32_t x = i32[i];
    EXPECT_EQ(uint32_t(ri[i]), x * x * x * x * x);
  }
  std::vector<float> x = {1, -2, 0.5f, 3.25f, -7.5f, 2.5f, 1e3f, 1.5f}, r(8);
  image->run("fpowi", {x.data(), r.data()}, {}, 0, 8);
  for (unsigned i = 0; i < 8; ++i)
    EXPECT_FLOAT_EQ(r[i], std::pow(x[i], -3.0f));
  image->run("rem", {x.data(), r.data()}, {}, 0, 8);
  for (unsigned i = 0; i < 8; ++i)
    EXPECT_EQ(r[i], std::fmod(x[i], 0.75f));
  image->run("roundings", {x.data(), r.data()}, {}, 0, 8);
  for (unsigned i = 0; i < 8; ++i)
    EXPECT_EQ(r[i], std::floor(x[i]) + std::nearbyint(x[i]) - std::trunc(x[i]) + std::round(x[i])) << x[i];
  image->run("sum", {x.data(), r.data()}, {}, 0, 8);
  EXPECT_FLOAT_EQ(r[3], 999.25f);
  image->run("maximum", {x.data(), r.data()}, {}, 0, 8);
  EXPECT_EQ(r[7], 1000);
  x[2] = NAN;
  image->run("maximum", {x.data(), r.data()}, {}, 0, 8);
  EXPECT_TRUE(std::isnan(r[0]));
  std::vector<int64_t> i64 = {0, 1, -1, 2, -3, 7, -100, 12345}, r64(8);
  image->run("floordiv", {i64.data(), r64.data()}, {}, 0, 8);
  for (unsigned i = 0; i < 8; ++i)
    EXPECT_EQ(r64[i], int64_t(std::floor(i64[i] / 3.0)));
}

TEST_P(BackendTest, VectorsNeedNoAlignment) {
  std::unique_ptr<KernelImage> image =
      compile({writeMap("copy", cpu.getLanes(), "f32", "f32", [](std::string type, std::string) {
        return "    %r = arith.addf %x, %x : " + type + "\n";
      })});
  std::vector<float> x(64, 1.5f), r(64);
  image->run("copy", {x.data() + 1, r.data() + 3}, {}, 0, 32);
  EXPECT_EQ(r[3], 3);
  EXPECT_EQ(r[2], 0);
}

INSTANTIATE_TEST_SUITE_P(Levels, BackendTest, testing::Values("native", "x86-64-v3", "x86-64-v4"),
                         [](const testing::TestParamInfo<const char *> &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });
