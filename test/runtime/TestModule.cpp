//===- TestModule.cpp - small modules for the runtime's tests ----------------------------===//
//
// See TestModule.h.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/TestModule.h"

#include "test/runtime/MockDriver.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

using namespace aicc;
using namespace aicc::test;

std::vector<uint8_t> test::readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

const std::vector<uint8_t> &test::kernelImage() {
  static const std::vector<uint8_t> image = readFile(AICC_TEST_KERNELS);
  return image;
}

std::string test::temporaryPath(const std::string &name) {
  struct Folder {
    std::string path = testing::TempDir() + "aicc-runtime-test." + std::to_string(getpid());
    Folder() { std::filesystem::create_directory(path); }
    ~Folder() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  };
  static const Folder folder;
  return folder.path + "/" + name;
}

TensorType test::f32(const std::string &name, const std::vector<int64_t> &dims) {
  TensorType type{name, AICC_TYPE_F32, {}};
  for (int64_t dim : dims)
    type.dims.push_back(dim >= 0 ? Dim{dim, -1} : Dim{-1, static_cast<int32_t>(-1 - dim)});
  return type;
}

Instance test::makeInstance(ModuleWriter &writer, const std::string &target) {
  Instance instance;
  instance.target = target;
  instance.format = "elf-x86-64";
  instance.executables.push_back({writer.addCode(kernelImage().data(), kernelImage().size()),
                                  {{"add", 3, 2},
                                   {"scale", 2, 2},
                                   {"visit", 1, 0},
                                   {"scratch", 1, 1},
                                   {"compact", 3, 1},
                                   {"burn", 1, 1},
                                   {"nothing", 1, 0}},
                                  "kernels"});
  return instance;
}

std::string test::writeModule(const std::string &name, Function function,
                              const std::function<void(ModuleWriter &, Instance &)> &more) {
  std::string path = temporaryPath(name + ".aicc");
  ModuleWriter writer(path);
  Instance instance = makeInstance(writer);
  instance.functions.push_back(std::move(function));
  if (more)
    more(writer, instance);
  writer.addInstance(std::move(instance));
  writer.addProvenance("producer", "test");
  bool finished = writer.finish();
  EXPECT_TRUE(finished) << writer.error();
  return path;
}

Function test::makeAddFunction() {
  Function function;
  function.name = "main";
  function.args = {{f32("a", {-1}), 0}, {f32("b", {-1}), 1}};
  function.results = {{f32("sum", {-1}), 2, {reg(0)}}};
  function.symbols = {{"n", 1, 1 << 20, 1, 0, 0, 0}};
  function.registerCount = 3;
  function.slotCount = 3;
  CommandDispatch add;
  add.entry = Add;
  add.grid = reg(1);
  add.bindings = {{0, imm(0), reg(2)}, {1, imm(0), reg(2)}, {2, imm(0), reg(2)}};
  add.params = {reg(0), imm(16)};
  add.name = "add";
  add.nodes = {"/model/Add"};
  function.blocks = {{CommandArith{ArithOp::CeilDiv, 1, reg(0), imm(16)},
                      CommandArith{ArithOp::Mul, 2, reg(0), imm(4)}, add, CommandReturn{}}};
  return function;
}

testing::AssertionResult test::ok(aicc_status *status) {
  if (!status)
    return testing::AssertionSuccess();
  auto result = testing::AssertionFailure() << aicc_status_code_name(aicc_status_get_code(status)) << ": "
                                            << aicc_status_get_message(status);
  aicc_status_destroy(status);
  return result;
}

testing::AssertionResult test::failsWith(aicc_status *status, aicc_status_code code,
                                         const std::string &part) {
  if (!status)
    return testing::AssertionFailure() << "succeeded";
  std::string message = aicc_status_get_message(status);
  aicc_status_code found = aicc_status_get_code(status);
  aicc_status_destroy(status);
  if (found == code && message.find(part) != std::string::npos)
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << aicc_status_code_name(found) << ": " << message;
}

Handle<aicc_instance> test::makeRuntime(uint32_t threads) {
  aicc_instance_options options = {};
  options.struct_size = sizeof(options);
  options.thread_count = threads;
  const aicc_register_driver_fn mock = aiccRegisterMockDriver;
  options.drivers = &mock;
  options.driver_count = 1;
  options.plugins = "";
  aicc_instance *instance = nullptr;
  EXPECT_TRUE(ok(aicc_instance_create(&options, &instance)));
  return Handle<aicc_instance>(instance);
}

std::string &test::sessionDevice() {
  static std::string device = "cpu";
  return device;
}

Session::Session(const std::string &path, uint32_t threads, const std::string &deviceName)
    : instance(makeRuntime(threads)) {
  aicc_module *loaded = nullptr;
  aicc_context *created = nullptr;
  EXPECT_TRUE(ok(aicc_instance_find_device(instance.get(), deviceName.c_str(), &device)));
  EXPECT_TRUE(ok(aicc_module_load_file(instance.get(), device, path.c_str(), nullptr, &loaded)));
  module.reset(loaded);
  if (!loaded)
    return;
  EXPECT_TRUE(ok(aicc_context_create(loaded, nullptr, &created)));
  context.reset(created);
  EXPECT_TRUE(ok(aicc_module_find_function(loaded, nullptr, &function)));
}

Handle<aicc_tensor> Session::tensor(const std::vector<int64_t> &dims,
                                    const std::vector<float> &values) const {
  aicc_tensor *tensor = nullptr;
  EXPECT_TRUE(ok(aicc_tensor_create(instance.get(), nullptr, AICC_TYPE_F32,
                                    static_cast<uint32_t>(dims.size()), dims.data(), &tensor)));
  aicc_tensor_info info = {};
  info.struct_size = sizeof(info);
  EXPECT_TRUE(ok(aicc_tensor_get_info(tensor, &info)));
  EXPECT_EQ(info.byte_size, values.size() * sizeof(float));
  if (!values.empty())
    std::memcpy(info.data, values.data(), info.byte_size);
  return Handle<aicc_tensor>(tensor);
}

aicc_status *Session::run(const std::vector<aicc_tensor *> &inputs, std::vector<Handle<aicc_tensor>> &outputs,
                          const aicc_run_options *options) const {
  std::vector<aicc_tensor *> raw;
  for (auto &output : outputs)
    raw.push_back(output.release());
  raw.resize(aicc_function_result_count(function));
  aicc_status *status =
      aicc_context_run(context.get(), function, inputs.data(), static_cast<uint32_t>(inputs.size()),
                       raw.data(), static_cast<uint32_t>(raw.size()), options);
  outputs.clear();
  for (aicc_tensor *output : raw)
    outputs.emplace_back(output);
  return status;
}

Handle<aicc_tensor> test::copyTo(const aicc_tensor *from, const aicc_device *device) {
  aicc_tensor *to = nullptr;
  EXPECT_TRUE(ok(aicc_tensor_copy_to(from, device, &to)));
  return Handle<aicc_tensor>(to);
}

std::vector<float> test::values(const aicc_tensor *tensor) {
  auto dense = copyTo(tensor, nullptr);
  aicc_tensor_info info = {};
  info.struct_size = sizeof(info);
  EXPECT_TRUE(ok(aicc_tensor_get_info(dense.get(), &info)));
  auto *data = static_cast<const float *>(info.data);
  return std::vector<float>(data, data + info.byte_size / sizeof(float));
}

std::vector<int64_t> test::dims(const aicc_tensor *tensor) {
  aicc_tensor_info info = {};
  info.struct_size = sizeof(info);
  EXPECT_TRUE(ok(aicc_tensor_get_info(tensor, &info)));
  return std::vector<int64_t>(info.dims, info.dims + info.rank);
}
