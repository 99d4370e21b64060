// The compile cache: what makes a key, and what is deleted when it is full.

#include "aicc/Cache.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace aicc;
namespace fs = std::filesystem;

namespace {
class CacheTest : public testing::Test {
protected:
  void SetUp() override {
    folder = fs::temp_directory_path() / ("aicc-cache-test." + std::to_string(getpid()));
    fs::remove_all(folder);
    fs::create_directories(folder);
    setenv("XDG_CACHE_HOME", (folder / "cache").c_str(), 1);
    options.input = (folder / "model.onnx").string();
    write("model.onnx", "model");
  }
  void TearDown() override { fs::remove_all(folder); }

  void write(const std::string &name, const std::string &text) {
    std::ofstream(folder / name, std::ios::binary) << text;
  }

  /// Asks the cache; "compiles" a module of `bytes` bytes.
  CachedModule get(uint64_t maxBytes = 1 << 20, size_t bytes = 1000) {
    return compileCached(
        options, [&](const CompileOptions &now) { std::ofstream(now.output) << std::string(bytes, 'x'); },
        maxBytes);
  }

  /// The bytes of an ONNX model that names external data.
  static std::string external(const std::string &path) {
    return std::string("\x0a\x08location\x12", 11) + static_cast<char>(path.size()) + path;
  }

  fs::path folder;
  CompileOptions options;
};
} // namespace

TEST_F(CacheTest, SameContentIsAHit) {
  EXPECT_FALSE(get().isHit);
  EXPECT_TRUE(get().isHit);
  write("other.onnx", "model");
  options.input = (folder / "other.onnx").string();
  EXPECT_TRUE(get().isHit);
}

TEST_F(CacheTest, FolderIsPrivate) {
  get();
  struct stat status;
  ASSERT_EQ(stat((folder / "cache/aicc").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(CacheTest, ContentAndOptionsAreInTheKey) {
  get();
  write("model.onnx", "another");
  EXPECT_FALSE(get().isHit);
  options.dims = {{"batch", 1, 4}};
  EXPECT_FALSE(get().isHit);
  EXPECT_TRUE(get().isHit);
  options.targets = "cpu:x86-64-v3";
  EXPECT_FALSE(get().isHit);
}

TEST_F(CacheTest, ExternalDataIsInTheKey) {
  write("model.onnx", "head" + external("weights.bin") + "tail");
  EXPECT_FALSE(get().isHit);
  write("weights.bin", "1");
  EXPECT_FALSE(get().isHit);
  EXPECT_TRUE(get().isHit);
  write("weights.bin", "22");
  EXPECT_FALSE(get().isHit);
}

TEST_F(CacheTest, ExternalDataIsFoundWherePiecesMeet) {
  // The file is read in pieces of 4 MB.
  write("model.onnx", std::string((4 << 20) - 5, '.') + external("weights.bin"));
  get();
  write("weights.bin", "1");
  EXPECT_FALSE(get().isHit);
}

TEST_F(CacheTest, LeastRecentlyUsedGoesFirst) {
  const char *names[] = {"a", "b", "c"};
  std::string paths[3];
  for (int i = 0; i < 3; ++i) {
    write("model.onnx", names[i]);
    paths[i] = get(2500, 1000).path;
    // Ages are told apart by modification times.
    fs::last_write_time(paths[i], fs::file_time_type::clock::now() - std::chrono::hours(i == 0 ? 1 : 2));
  }
  write("model.onnx", "d");
  std::string last = get(2500, 1000).path;
  EXPECT_TRUE(fs::exists(last));
  EXPECT_EQ(fs::exists(paths[0]) + fs::exists(paths[1]) + fs::exists(paths[2]), 1);
}

TEST_F(CacheTest, WithoutAFolderModulesAreTemporary) {
  setenv("XDG_CACHE_HOME", "/proc/none", 1);
  CachedModule module = get();
  EXPECT_TRUE(module.isTemporary);
  EXPECT_FALSE(module.isHit);
  unlink(module.path.c_str());
}

TEST_F(CacheTest, MissingModelIsLeftToTheCompiler) {
  options.input = (folder / "none.onnx").string();
  CachedModule module = get();
  EXPECT_TRUE(module.isTemporary);
  unlink(module.path.c_str());
}
