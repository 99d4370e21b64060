//===- DeviceChoiceTest.cpp - drivers that are found, devices that are chosen ------------===//
//
// Which device a module runs on, what is said when it runs on none, and where drivers come from.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/MockDriver.h"
#include "test/runtime/TestModule.h"

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

using namespace aicc;
using namespace aicc::test;

namespace {

/// Every test begins with the mock as it is by default, and must leave nothing on it.
class DeviceChoice : public testing::Test {
protected:
  void SetUp() override { mockState().reset(); }
  void TearDown() override {
    mockState().reset();
    EXPECT_TRUE(mockState().isClean()) << mockState().allocations << " allocations, " << mockState().queues
                                       << " queues, " << mockState().commands << " commands";
  }
};

} // namespace

//===--- Which device --------------------------------------------------------------------===//

namespace {

/// A module with a program for "elf-x86-64", and one for each of `others`: format and feature.
std::string writeFat(const std::vector<std::pair<std::string, std::string>> &others) {
  std::string path = temporaryPath("fat.aicc");
  ModuleWriter writer(path);
  for (auto &[format, feature] : others) {
    Instance instance = makeInstance(writer, "test:" + feature);
    instance.format = format;
    instance.features = {feature};
    instance.functions.push_back(makeAddFunction());
    writer.addInstance(std::move(instance));
  }
  Instance instance = makeInstance(writer);
  instance.functions.push_back(makeAddFunction());
  writer.addInstance(std::move(instance));
  EXPECT_TRUE(writer.finish()) << writer.error();
  return path;
}

/// Loads on `device` (null: the best) and returns "device target", or the error.
std::string load(const std::string &path, const char *device) {
  auto instance = makeRuntime();
  const aicc_device *found = nullptr;
  if (device)
    EXPECT_TRUE(ok(aicc_instance_find_device(instance.get(), device, &found)));
  aicc_module_options options = {};
  options.struct_size = sizeof(options);
  options.flags = device ? 0 : AICC_MODULE_AUTO_DEVICE;
  aicc_module *module = nullptr;
  if (aicc_status *status = aicc_module_load_file(instance.get(), found, path.c_str(), &options, &module)) {
    std::string message = aicc_status_get_message(status);
    aicc_status_destroy(status);
    return message;
  }
  aicc_device_info info = {};
  info.struct_size = sizeof(info);
  EXPECT_TRUE(ok(aicc_device_get_info(aicc_module_get_device(module), &info)));
  aicc_module_info moduleInfo = {};
  moduleInfo.struct_size = sizeof(moduleInfo);
  EXPECT_TRUE(ok(aicc_module_get_info(module, &moduleInfo)));
  aicc_target_info target = {};
  target.struct_size = sizeof(target);
  EXPECT_TRUE(ok(aicc_module_get_target(module, static_cast<uint32_t>(moduleInfo.target_index), &target)));
  std::string text = std::string(info.id) + " " + target.target;
  aicc_module_destroy(module);
  return text;
}

} // namespace

TEST_F(DeviceChoice, IsTheFastestThatHasAProgram) {
  std::string both = writeFat({});
  EXPECT_EQ(load(both, nullptr), "mock:0 cpu:x86-64");
  mockOptions().speedClass = AICC_SPEED_EMULATED;
  EXPECT_EQ(load(both, nullptr), "cpu:0 cpu:x86-64");
  mockOptions().speedClass = AICC_SPEED_UNKNOWN;
  EXPECT_EQ(load(both, nullptr), "cpu:0 cpu:x86-64");
  mockOptions().speedClass = AICC_SPEED_DISCRETE;
  mockOptions().formats = {"vendor-code"};
  EXPECT_EQ(load(both, nullptr), "cpu:0 cpu:x86-64");
}

TEST_F(DeviceChoice, TakesTheFirstProgramThatItCanRun) {
  mockOptions().features = {"unit-1", "unit-2"};
  std::string path = writeFat({{"elf-x86-64", "unit-3"}, {"elf-x86-64", "unit-2"}, {"elf-x86-64", "unit-1"}});
  EXPECT_EQ(load(path, "mock"), "mock:0 test:unit-2");
  EXPECT_EQ(load(path, "cpu"), "cpu:0 cpu:x86-64");
}

TEST_F(DeviceChoice, SaysWhatItLacksAndWhereTheModuleRuns) {
  mockOptions().formats = {"vendor-code"};
  EXPECT_EQ(
      load(writeFat({{"vendor-code", "unit-9"}}), "mock"),
      "the module has nothing that runs on device mock:0: test:unit-9 needs unit-9, cpu:x86-64 needs format "
      "elf-x86-64; the module runs on cpu:0 (cpu:x86-64)");
}

TEST_F(DeviceChoice, IsFoundForAModule) {
  mockOptions().formats = {"vendor-code"};
  auto instance = makeRuntime();
  aicc_module *module = nullptr;
  ASSERT_TRUE(ok(aicc_module_load_file(instance.get(), nullptr, writeModule("add", makeAddFunction()).c_str(),
                                       nullptr, &module)));
  const aicc_device *device = nullptr;
  for (const char *name : {"auto", "cpu", "", "cpu:0"}) {
    ASSERT_TRUE(ok(aicc_module_find_device(module, name, &device))) << name;
    EXPECT_EQ(device, aicc_instance_get_device(instance.get(), 0));
  }
  EXPECT_TRUE(failsWith(aicc_module_find_device(module, "mock:0", &device), AICC_STATUS_UNSUPPORTED,
                        "cpu:x86-64 needs format elf-x86-64; the module runs on cpu:0 (cpu:x86-64)"));
  EXPECT_TRUE(failsWith(aicc_module_find_device(module, "npu:0", &device), AICC_STATUS_NOT_FOUND,
                        "there is no device npu:0; there is cpu:0, mock:0; the module runs on cpu:0"));
  aicc_module_destroy(module);
}

//===--- Drivers -------------------------------------------------------------------------===//

namespace {

aicc_driver_info driverAt(const Handle<aicc_instance> &instance, uint32_t index) {
  aicc_driver_info info = {};
  info.struct_size = sizeof(info);
  EXPECT_TRUE(ok(aicc_instance_get_driver(instance.get(), index, &info)));
  return info;
}

} // namespace

TEST_F(DeviceChoice, IsDescribed) {
  auto instance = makeRuntime();
  const aicc_device *device = nullptr;
  ASSERT_TRUE(ok(aicc_instance_find_device(instance.get(), "mock", &device)));
  aicc_device_info info = {};
  info.struct_size = sizeof(info);
  ASSERT_TRUE(ok(aicc_device_get_info(device, &info)));
  EXPECT_STREQ(info.driver_version, "mock 1.0");
  EXPECT_STREQ(info.matrix_units, "none");
  EXPECT_EQ(info.speed_class, AICC_SPEED_DISCRETE);
  EXPECT_EQ(info.dlpack_type, 12);
  ASSERT_TRUE(ok(aicc_device_get_info(aicc_instance_get_device(instance.get(), 0), &info)));
  EXPECT_STREQ(info.driver_version, "");
  EXPECT_EQ(info.speed_class, AICC_SPEED_HOST);
}

TEST_F(DeviceChoice, IsMissingForAReason) {
  mockOptions().problem = "libmock.so.1: cannot open shared object file";
  auto instance = makeRuntime();
  ASSERT_EQ(aicc_instance_driver_count(instance.get()), 2u);
  aicc_driver_info info = driverAt(instance, 1);
  EXPECT_STREQ(info.name, "mock");
  EXPECT_EQ(info.device_count, 0u);
  EXPECT_STREQ(info.problem, "libmock.so.1: cannot open shared object file");
  const aicc_device *device = nullptr;
  EXPECT_TRUE(failsWith(aicc_instance_find_device(instance.get(), "mock:0", &device), AICC_STATUS_NOT_FOUND,
                        "there is no device mock:0 (libmock.so.1: cannot open shared object file)"));
}

TEST_F(DeviceChoice, MayHaveAnOlderTable) {
  mockOptions().tableSize = AICC_DRIVER_TABLE_MIN_SIZE;
  mockOptions().capabilities = 0;
  Session s(writeModule("add", makeAddFunction()), 2, "mock");
  auto a = s.tensor({4}, {0, 1, 2, 3});
  std::vector<Handle<aicc_tensor>> outputs;
  ASSERT_TRUE(ok(s.run({a.get(), a.get()}, outputs)));
  mockOptions().capabilities = AICC_DRIVER_PEER;
  EXPECT_STREQ(driverAt(makeRuntime(), 1).problem, "device 0: the driver's table lacks queue_copy_peer");
}

#ifdef AICC_MOCK_PLUGIN
static Handle<aicc_instance> makeInstanceWith(const char *plugins) {
  aicc_instance_options options = {};
  options.struct_size = sizeof(options);
  options.plugins = plugins;
  aicc_instance *instance = nullptr;
  EXPECT_TRUE(ok(aicc_instance_create(&options, &instance)));
  return Handle<aicc_instance>(instance);
}

TEST_F(DeviceChoice, IsFoundAsAPlugIn) {
  std::string folder = AICC_MOCK_PLUGIN;
  folder.resize(folder.rfind('/'));
  std::string broken = temporaryPath("libaicc_driver_broken.so");
  fclose(fopen(broken.c_str(), "w"));
  setenv("AICC_PLUGIN_PATH", ("/no/such/folder:" + temporaryPath("") + ":" + folder).c_str(), 1);
  auto instance = makeInstanceWith(nullptr);
  ASSERT_EQ(aicc_instance_driver_count(instance.get()), 3u);
  EXPECT_STREQ(driverAt(instance, 1).name, "broken");
  EXPECT_NE(std::string(driverAt(instance, 1).problem).find("cannot be loaded"), std::string::npos);
  EXPECT_STREQ(driverAt(instance, 2).name, "mock");
  EXPECT_EQ(driverAt(instance, 2).path, std::string(AICC_MOCK_PLUGIN));
  EXPECT_EQ(driverAt(instance, 2).device_count, 2u);
  EXPECT_EQ(aicc_instance_driver_count(makeInstanceWith("").get()), 1u);
  EXPECT_EQ(aicc_instance_driver_count(makeInstanceWith("other").get()), 1u);
  EXPECT_EQ(aicc_instance_driver_count(makeInstanceWith("other,mock").get()), 2u);
  unsetenv("AICC_PLUGIN_PATH");
  unlink(broken.c_str());
}
#endif
