//===- LoaderTest.cpp - files that are not what they should be ---------------------------===//
//
// Truncated, bit-flipped and inconsistent modules must give a status that names the field, and never a crash.
// Run under AddressSanitizer too.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/TestModule.h"

#include "runtime/module/Verifier.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

using namespace aicc;
using namespace aicc::test;

namespace {

/// The bytes of a module with every kind of segment.
std::vector<uint8_t> moduleBytes() {
  const float weights[] = {1, 2, 3, 4};
  return readFile(writeModule("whole", makeAddFunction(), [&](ModuleWriter &writer, Instance &) {
    writer.addConstant(weights, sizeof(weights), "w");
  }));
}

rt::ModuleHeader headerOf(const std::vector<uint8_t> &bytes) {
  rt::ModuleHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  return header;
}

/// Makes the header's hash right again, as an attacker or a fuzzer with patience would.
void rehash(std::vector<uint8_t> &bytes) {
  rt::ModuleHeader header = headerOf(bytes);
  if (!rt::rangeIsWithin(header.flatBufferOffset, header.flatBufferSize, bytes.size()))
    return;
  rt::Hash hash = computeModuleHash(header, bytes.data() + header.flatBufferOffset, header.flatBufferSize);
  header.hashLow = hash.low;
  header.hashHigh = hash.high;
  std::memcpy(bytes.data(), &header, sizeof(header));
}

class Loader : public testing::Test {
protected:
  Handle<aicc_instance> instance = makeRuntime(1);
  const aicc_device *device = aicc_instance_get_device(instance.get(), 0);

  aicc_status *load(const std::vector<uint8_t> &bytes, uint64_t flags = AICC_MODULE_COPY) const {
    aicc_module_options options = {};
    options.struct_size = sizeof(options);
    options.flags = flags;
    aicc_module *module = nullptr;
    aicc_status *status =
        aicc_module_load_memory(instance.get(), device, bytes.data(), bytes.size(), &options, &module);
    if (!status)
      aicc_module_destroy(module);
    return status;
  }
};

/// Builds a module around `function`; returns what the writer's own verification says.
std::string verifyFunction(Function function,
                           const std::function<void(ModuleWriter &, Instance &)> &more = {}) {
  ModuleWriter writer(temporaryPath("invalid.aicc"));
  Instance instance = makeInstance(writer);
  instance.functions.push_back(std::move(function));
  if (more)
    more(writer, instance);
  writer.addInstance(std::move(instance));
  if (writer.finish())
    return "valid";
  return writer.error();
}

/// A function whose only block is `block` and a return.
std::string verifyBlock(Block block) {
  Function f = makeAddFunction();
  block.push_back(CommandReturn{});
  f.blocks = {block};
  return verifyFunction(f);
}

} // namespace

TEST_F(Loader, TakesTheWholeFile) {
  EXPECT_TRUE(ok(load(moduleBytes())));
  EXPECT_TRUE(ok(load(moduleBytes(), AICC_MODULE_COPY | AICC_MODULE_VERIFY_WEIGHTS)));
}

TEST_F(Loader, RefusesTruncatedFiles) {
  std::vector<uint8_t> whole = moduleBytes();
  for (size_t size = 0; size < whole.size(); size += size < 80 || whole.size() - size < 300 ? 1 : 61) {
    std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<long>(size));
    EXPECT_TRUE(failsWith(load(part), AICC_STATUS_DATA_LOSS)) << size;
    if (size >= sizeof(rt::ModuleHeader)) {
      // The header may also have been made to fit.
      std::memcpy(part.data() + offsetof(rt::ModuleHeader, fileSize), &size, sizeof(size));
      rehash(part);
      EXPECT_TRUE(failsWith(load(part), AICC_STATUS_DATA_LOSS)) << size;
    }
  }
  whole.push_back(0);
  EXPECT_TRUE(failsWith(load(whole), AICC_STATUS_DATA_LOSS, "header.file_size"));
}

TEST_F(Loader, NoticesEachFlippedBit) {
  std::vector<uint8_t> bytes = moduleBytes();
  rt::ModuleHeader header = headerOf(bytes);
  const auto flipped = [&](uint64_t byte, int bit) {
    bytes[byte] ^= 1 << bit;
    aicc_status *status = load(bytes);
    bytes[byte] ^= 1 << bit;
    return status;
  };
  for (uint64_t byte = 0; byte < sizeof(header); ++byte)
    for (int bit = 0; bit < 8; ++bit) {
      aicc_status *status = flipped(byte, bit);
      EXPECT_NE(status, nullptr) << "header byte " << byte << " bit " << bit;
      aicc_status_destroy(status);
    }
  for (uint64_t i = 0; i < header.flatBufferSize; ++i)
    EXPECT_TRUE(failsWith(flipped(header.flatBufferOffset + i, static_cast<int>(i % 8)),
                          AICC_STATUS_DATA_LOSS, "header.hash"));
}

TEST_F(Loader, ChecksHashesOfCodeAtLoadAndOfWeightsOnRequest) {
  std::vector<uint8_t> bytes = moduleBytes();
  const float weights[] = {1, 2, 3, 4};
  std::vector<uint8_t> code = kernelImage();
  auto codeAt = std::search(bytes.begin(), bytes.end(), code.begin(), code.end());
  auto *pattern = reinterpret_cast<const uint8_t *>(weights);
  auto weightsAt = std::search(bytes.begin(), bytes.end(), pattern, pattern + sizeof(weights));
  ASSERT_NE(codeAt, bytes.end());
  ASSERT_NE(weightsAt, bytes.end());
  *weightsAt ^= 1;
  EXPECT_TRUE(ok(load(bytes)));
  EXPECT_TRUE(failsWith(load(bytes, AICC_MODULE_COPY | AICC_MODULE_VERIFY_WEIGHTS), AICC_STATUS_DATA_LOSS,
                        "segments["));
  *weightsAt ^= 1;
  codeAt[100] ^= 1;
  EXPECT_TRUE(failsWith(load(bytes), AICC_STATUS_DATA_LOSS, "segments["));
}

TEST_F(Loader, SurvivesEveryByteOfTheFlatBuffer) {
  std::vector<uint8_t> bytes = moduleBytes();
  rt::ModuleHeader header = headerOf(bytes);
  uint32_t refused = 0;
  for (uint64_t i = 0; i < header.flatBufferSize; ++i)
    for (uint8_t value : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::vector<uint8_t> changed = bytes;
      changed[header.flatBufferOffset + i] = value;
      rehash(changed);
      aicc_status *status = load(changed);
      refused += status != nullptr;
      aicc_status_destroy(status);
    }
  EXPECT_GT(refused, header.flatBufferSize);
}

TEST_F(Loader, SurvivesHostileHeaders) {
  const std::vector<uint8_t> bytes = moduleBytes();
  for (uint64_t field = 8; field < 48; field += 8)
    for (uint64_t value : {uint64_t(0), uint64_t(1), uint64_t(63), uint64_t(65), uint64_t(1) << 31,
                           uint64_t(1) << 32, uint64_t(1) << 63, UINT64_MAX, UINT64_MAX - 63}) {
      std::vector<uint8_t> changed = bytes;
      std::memcpy(changed.data() + field, &value, sizeof(value));
      rehash(changed);
      aicc_status *status = load(changed);
      EXPECT_TRUE(status || changed == bytes) << field << " " << value;
      aicc_status_destroy(status);
    }
}

TEST_F(Loader, NamesWhatItCannotDo) {
  std::vector<uint8_t> bytes = moduleBytes();
  const auto with = [&](size_t offset, auto value) {
    std::vector<uint8_t> changed = bytes;
    std::memcpy(changed.data() + offset, &value, sizeof(value));
    rehash(changed);
    return load(changed);
  };
  EXPECT_TRUE(failsWith(with(offsetof(rt::ModuleHeader, requiredFeatures), uint64_t(rt::FeatureEvents)),
                        AICC_STATUS_UNSUPPORTED, "events"));
  EXPECT_TRUE(failsWith(with(offsetof(rt::ModuleHeader, requiredFeatures), uint64_t(1) << 40),
                        AICC_STATUS_UNSUPPORTED, "bit 40"));
  EXPECT_TRUE(failsWith(with(offsetof(rt::ModuleHeader, formatVersion), uint32_t(2)), AICC_STATUS_UNSUPPORTED,
                        "format_version"));
  EXPECT_TRUE(failsWith(with(offsetof(rt::ModuleHeader, headerVersion), uint32_t(7)), AICC_STATUS_UNSUPPORTED,
                        "header_version"));
  EXPECT_TRUE(failsWith(with(0, uint32_t(0)), AICC_STATUS_DATA_LOSS, "not an .aicc module"));
}

TEST_F(Loader, SaysWhichFileIsMissing) {
  aicc_module *module = nullptr;
  EXPECT_TRUE(failsWith(aicc_module_load_file(instance.get(), device, "/no/such.aicc", nullptr, &module),
                        AICC_STATUS_NOT_FOUND, "/no/such.aicc"));
  EXPECT_TRUE(failsWith(aicc_module_load_file(instance.get(), device, "/", nullptr, &module),
                        AICC_STATUS_INVALID_ARGUMENT, "not a regular file"));
}

TEST(Verifier, NamesTheFieldOfABadCommand) {
  EXPECT_EQ(verifyBlock({}), "valid");
  const auto refuses = [](Command command, const std::string &field) {
    std::string error = verifyBlock({command});
    EXPECT_NE(error.find("functions[0].blocks[0].commands[0]." + field), std::string::npos) << error;
  };
  refuses(CommandArith{ArithOp::Add, 3, imm(0), imm(0)}, "dst");
  refuses(CommandArith{ArithOp::Add, 0, reg(3), imm(0)}, "a");
  refuses(CommandArith{ArithOp::Add, 0, imm(0), reg(UINT32_MAX)}, "b");
  refuses(CommandArith{static_cast<ArithOp>(16), 0, imm(0), imm(0)}, "op");
  refuses(CommandSelect{0, imm(1), imm(1), reg(9)}, "b");
  refuses(CommandArgDim{0, 2, 0}, "arg");
  refuses(CommandArgDim{0, 0, 1}, "dim");
  refuses(CommandAlloc{3, imm(1)}, "dst");
  refuses(CommandAlloc{0, imm(-1)}, "size");
  refuses(CommandAlloc{0, imm(1), 3}, "alignment");
  refuses(CommandAlloc{0, imm(1), 8192}, "alignment");
  refuses(CommandFree{3}, "slot");
  refuses(CommandView{0, 3, imm(0), imm(0)}, "src");
  refuses(CommandView{0, 0, imm(-1), imm(0)}, "offset");
  refuses(CommandConstant{0, 0}, "constant");
  refuses(CommandMove{0, 7}, "src");
  refuses(CommandCopy{0, imm(0), 1, imm(0), imm(-4)}, "size");
  refuses(CommandFill{0, imm(0), imm(4), imm(0), 3}, "pattern_size");
  refuses(CommandLoadScalar{0, 0, imm(0), AICC_TYPE_F32}, "element_type");
  refuses(CommandLoadScalar{5, 0, imm(0)}, "dst");
  refuses(CommandAssert{reg(9), "", {}}, "condition");
  refuses(CommandCall{0, {}, {}, {}, {}}, "function");
  refuses(CommandCall{5, {}, {}, {}, {}}, "function");
  refuses(CommandBranch{0}, "op"); // not at the end
  refuses(Command(CommandFree{0}, /*device=*/1), "device");
  CommandDispatch visit;
  visit.entry = Visit;
  visit.bindings = {{0}};
  CommandDispatch d = visit;
  d.executable = 1;
  refuses(d, "executable");
  d = visit;
  d.entry = 99;
  refuses(d, "entry");
  d = visit;
  d.bindings.clear();
  refuses(d, "bindings");
  d = visit;
  d.bindings[0].slot = 3;
  refuses(d, "bindings[0].slot");
  d = visit;
  d.bindings[0].offset = imm(-1);
  refuses(d, "bindings[0].offset");
  d = visit;
  d.params = {imm(0)};
  refuses(d, "params");
  d = visit;
  d.grid = imm(-1);
  refuses(d, "grid");
  d = visit;
  d.scratch = reg(77);
  refuses(d, "scratch");
}

TEST(Verifier, NamesTheFieldOfABadFunction) {
  const auto refuses = [](const std::function<void(Function &)> &change, const std::string &field) {
    Function f = makeAddFunction();
    change(f);
    std::string error = verifyFunction(f);
    EXPECT_NE(error.find(field), std::string::npos) << field << ": " << error;
  };
  refuses([](Function &f) { f.name.clear(); }, "functions[0].name");
  refuses([](Function &f) { f.registerCount = (1u << 20) + 1; }, "register_count");
  refuses([](Function &f) { f.slotCount = UINT32_MAX; }, "slot_count");
  refuses([](Function &f) { f.blocks.clear(); }, "blocks");
  refuses([](Function &f) { f.blocks = {{}}; }, "blocks[0].commands");
  refuses([](Function &f) { f.blocks = {{CommandBranch{1}}}; }, "block");
  refuses([](Function &f) { f.blocks = {{CommandBranchIf{imm(1), 0, 4}}}; }, "else_block");
  refuses([](Function &f) { f.blocks[0].pop_back(); }, "does not end");
  refuses([](Function &f) { f.args[0].slot = 3; }, "args[0].slot");
  refuses(
      [](Function &f) {
        f.args[0].type.elementType = static_cast<aicc_element_type>(AICC_TYPE_F6E3M2FN + 1);
      },
      "element_type");
  refuses([](Function &f) { f.args[0].type.dims[0].symbol = 1; }, "symbol");
  refuses([](Function &f) { f.args[0].type.dims[0] = {-2, -1}; }, "negative");
  refuses([](Function &f) { f.args[0].type.dims.assign(3, Dim{1ll << 31, -1}); }, "too large");
  refuses([](Function &f) { f.results[0].slot = 9; }, "results[0].slot");
  refuses([](Function &f) { f.results[0].dims = {reg(9)}; }, "results[0].dims");
  refuses([](Function &f) { f.results[0].dims = {imm(1), imm(1)}; }, "results[0].dims");
  refuses([](Function &f) { f.results[0].finalDims = {imm(1), imm(1)}; }, "final_dims");
  refuses([](Function &f) { f.results[0].aliasArg = 0; }, "alias_arg");
  refuses([](Function &f) { f.symbols[0].arg = 2; }, "symbols[0].arg");
  refuses([](Function &f) { f.symbols[0].dim = 1; }, "symbols[0].dim");
  refuses([](Function &f) { f.symbols[0].reg = 3; }, "symbols[0].register");
  refuses([](Function &f) { f.symbols[0].divisor = 0; }, "divisor");
  refuses([](Function &f) { f.symbols[0].min = 5, f.symbols[0].max = 4; }, "min");
  refuses([](Function &f) { f.states = {{0, 0}}; }, "states[0].state");
  refuses([](Function &f) { f.arenas = {{9, 64}}; }, "arenas[0].slot");
  refuses([](Function &f) { f.arenas = {{0, UINT64_MAX}}; }, "arenas[0].size");
  refuses([](Function &f) { f.rankRegister = 3; }, "rank_register");
  refuses([](Function &f) { f.shapeProgram = {CommandFree{0}}; }, "shape_program[0]");
  refuses([](Function &f) { f.isPrivate = true; }, "public functions only");
}

TEST(Verifier, RefusesRecursion) {
  Function f = makeAddFunction(), g;
  g.name = "g";
  g.isPrivate = true;
  g.blocks = {{CommandCall{2, {}, {}, {}, {}}, CommandReturn{}}};
  Function h = g;
  h.name = "h";
  h.blocks = {{CommandCall{1, {}, {}, {}, {}}, CommandReturn{}}};
  std::string error = verifyFunction(f, [&](ModuleWriter &, Instance &instance) {
    instance.functions.push_back(g);
    instance.functions.push_back(h);
  });
  EXPECT_NE(error.find("calls itself"), std::string::npos) << error;
}

//===--- Writer --------------------------------------------------------------------------===//

TEST(Writer, StoresEqualContentsOnce) {
  std::vector<uint8_t> large(100000, 7), other(100000, 8);
  uint32_t ids[6];
  std::string path = writeModule("dedupe", makeAddFunction(), [&](ModuleWriter &writer, Instance &) {
    ids[0] = writer.addConstant(large.data(), large.size(), "a");
    ids[1] = writer.addConstant("xyz", 3, "s");
    ids[2] = writer.addConstant(large.data(), large.size(), "b");
    ids[3] = writer.addConstant("xyz", 3, "t");
    // In pieces of odd sizes, and with the first piece small.
    writer.beginConstant("c");
    for (size_t at = 0, step = 1; at < large.size(); at += step, step = step * 3 + 1) {
      step = std::min(step, large.size() - at);
      writer.write(large.data() + at, step);
    }
    ids[4] = writer.endConstant();
    ids[5] = writer.addConstant(other.data(), other.size(), "d");
  });
  EXPECT_EQ(ids[0], ids[2]);
  EXPECT_EQ(ids[0], ids[4]);
  EXPECT_EQ(ids[1], ids[3]);
  EXPECT_NE(ids[0], ids[5]);
  EXPECT_LT(readFile(path).size(), 100000u * 2 + kernelImage().size() + 10 * 4096);
  Session s(path);
  EXPECT_TRUE(ok(aicc_module_verify_weights(s.module.get())));
  aicc_module_info info = {};
  info.struct_size = sizeof(info);
  ASSERT_TRUE(ok(aicc_module_get_info(s.module.get(), &info)));
  EXPECT_EQ(info.constant_count, 3u);
}

TEST(Writer, LeavesNothingBehindOnFailure) {
  std::string path = temporaryPath("unfinished.aicc");
  std::string hidden = temporaryPath(".unfinished.aicc.tmp." + std::to_string(getpid()));
  {
    ModuleWriter writer(path);
    writer.addConstant("x", 1);
    EXPECT_EQ(access(hidden.c_str(), F_OK), 0);
  }
  EXPECT_NE(access(hidden.c_str(), F_OK), 0);
  {
    ModuleWriter writer(path);
    EXPECT_FALSE(writer.finish()) << "a module without instances";
    EXPECT_NE(writer.error().find("instances"), std::string::npos);
  }
  EXPECT_NE(access(hidden.c_str(), F_OK), 0);
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  ModuleWriter nowhere("/no/such/folder/x.aicc");
  EXPECT_FALSE(nowhere.finish());
  EXPECT_NE(nowhere.error().find("/no/such/folder/x.aicc"), std::string::npos);
}

TEST(Writer, LeavesTheOldFileWhenKilled) {
  std::string path = writeModule("killed", makeAddFunction());
  std::vector<uint8_t> before = readFile(path);
  pid_t child = fork();
  if (child == 0) {
    ModuleWriter writer(path);
    std::vector<uint8_t> data(100000, 1);
    writer.addConstant(data.data(), data.size());
    raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(readFile(path), before);
  // The next writer of the same file removes what it left, but not what a living one writes.
  std::string left = temporaryPath(".killed.aicc.tmp." + std::to_string(child));
  EXPECT_EQ(access(left.c_str(), F_OK), 0);
  ModuleWriter first(path), second(path);
  EXPECT_NE(access(left.c_str(), F_OK), 0);
  EXPECT_NE(first.temporaryPath(), second.temporaryPath());
  EXPECT_EQ(access(first.temporaryPath().c_str(), F_OK), 0);
  EXPECT_EQ(access(second.temporaryPath().c_str(), F_OK), 0);
}

TEST(Writer, KeepsTheOldFileUntilTheNewOneIsWhole) {
  std::string path = writeModule("kept", makeAddFunction());
  std::vector<uint8_t> before = readFile(path);
  {
    ModuleWriter writer(path);
    writer.addConstant("x", 1);
  }
  EXPECT_EQ(readFile(path), before);
}
