//===- ApiTest.cpp - the C ABI beside runs -----------------------------------------------===//
//
// Targets and their selection, tensors, DLPack, queries, options of older and newer callers, and the files of
// every format that was ever released.
//
//===--------------------------------------------------------------------------------------===//
#include "test/runtime/TestModule.h"

#include <cstring>
#include <dirent.h>

using namespace aicc;
using namespace aicc::test;

namespace {

/// A module whose first target needs what no processor has.
std::string writeTwoTargets() {
  std::string path = temporaryPath("targets.aicc");
  ModuleWriter writer(path);
  for (const char *target : {"cpu:impossible", "cpu:avx", "cpu:plain"}) {
    Instance instance = makeInstance(writer, target);
    if (std::strcmp(target, "cpu:impossible") == 0)
      instance.features = {"sse2", "does-not-exist"};
    if (std::strcmp(target, "cpu:avx") == 0)
      instance.features = {"sse2"};
    instance.functions.push_back(makeAddFunction());
    writer.addInstance(std::move(instance));
  }
  writer.addProvenance("compiler", "aicc 0.1.0");
  EXPECT_TRUE(writer.finish()) << writer.error();
  return path;
}

} // namespace

TEST(Targets, TheFirstThatFitsIsTaken) {
  std::string path = writeTwoTargets();
  auto instance = makeRuntime();
  const aicc_device *device = aicc_instance_get_device(instance.get(), 0);
  const auto load = [&](const aicc_device *on, const char *target, std::string &chosen) {
    aicc_module_options options = {};
    options.struct_size = sizeof(options);
    options.target = target;
    aicc_module *module = nullptr;
    aicc_status *status = aicc_module_load_file(instance.get(), on, path.c_str(), &options, &module);
    if (status)
      return status;
    aicc_module_info info = {};
    info.struct_size = sizeof(info);
    EXPECT_TRUE(ok(aicc_module_get_info(module, &info)));
    EXPECT_EQ(info.target_count, 3u);
    aicc_target_info targetInfo = {};
    targetInfo.struct_size = sizeof(targetInfo);
    chosen = "none";
    if (info.target_index >= 0) {
      EXPECT_TRUE(ok(aicc_module_get_target(module, static_cast<uint32_t>(info.target_index), &targetInfo)));
      EXPECT_EQ(targetInfo.dispatch_count, 1u);
      chosen = targetInfo.target;
    }
    EXPECT_EQ(aicc_module_function_count(module), 1u);
    aicc_module_destroy(module);
    return status;
  };
  std::string chosen;
  EXPECT_TRUE(ok(load(device, nullptr, chosen)));
  EXPECT_EQ(chosen, "cpu:avx");
  EXPECT_TRUE(ok(load(device, "cpu:plain", chosen)));
  EXPECT_EQ(chosen, "cpu:plain");
  EXPECT_TRUE(failsWith(load(device, "cpu:impossible", chosen), AICC_STATUS_UNSUPPORTED, "does-not-exist"));
  EXPECT_TRUE(failsWith(load(device, "cpu:none", chosen), AICC_STATUS_NOT_FOUND, "cpu:plain"));
  EXPECT_TRUE(ok(load(nullptr, nullptr, chosen)));
  EXPECT_EQ(chosen, "none");
}

TEST(Targets, SaysWhyNothingFits) {
  std::string path = writeModule("unfit", makeAddFunction(), [](ModuleWriter &, Instance &instance) {
    instance.format = "other-format";
  });
  auto instance = makeRuntime();
  aicc_module *module = nullptr;
  EXPECT_TRUE(failsWith(aicc_module_load_file(instance.get(), aicc_instance_get_device(instance.get(), 0),
                                              path.c_str(), nullptr, &module),
                        AICC_STATUS_UNSUPPORTED, "cpu:x86-64 needs format other-format"));
  ASSERT_TRUE(ok(aicc_module_load_file(instance.get(), nullptr, path.c_str(), nullptr, &module)));
  aicc_context *context = nullptr;
  EXPECT_TRUE(failsWith(aicc_context_create(module, nullptr, &context), AICC_STATUS_INVALID_ARGUMENT,
                        "without a device"));
  aicc_module_destroy(module);
}

TEST(Targets, RefusesImagesWithoutTheKernel) {
  std::string path = writeModule("unnamed", makeAddFunction(), [](ModuleWriter &, Instance &instance) {
    instance.executables[0].entries[1].name = "other";
  });
  auto instance = makeRuntime();
  aicc_module *module = nullptr;
  EXPECT_TRUE(failsWith(aicc_module_load_file(instance.get(), aicc_instance_get_device(instance.get(), 0),
                                              path.c_str(), nullptr, &module),
                        AICC_STATUS_DATA_LOSS, "no kernel other"));
}

TEST(Instance, FindsDevicesByName) {
  auto instance = makeRuntime(3);
  const aicc_device *device = nullptr;
  EXPECT_EQ(aicc_instance_device_count(instance.get()), 2u);
  for (const char *name : {"cpu", "cpu:0", "", static_cast<const char *>(nullptr)})
    EXPECT_TRUE(ok(aicc_instance_find_device(instance.get(), name, &device)));
  EXPECT_TRUE(
      failsWith(aicc_instance_find_device(instance.get(), "npu:7", &device), AICC_STATUS_NOT_FOUND, "cpu:0"));
  aicc_device_info info = {};
  info.struct_size = sizeof(info);
  ASSERT_TRUE(ok(aicc_device_get_info(device, &info)));
  EXPECT_STREQ(info.id, "cpu:0");
  EXPECT_STREQ(info.formats, "elf-x86-64");
  EXPECT_EQ(info.thread_count, 3u);
  EXPECT_NE(std::string(info.features).find("sse2"), std::string::npos);
}

TEST(Instance, RefusesDriversThatAreNone) {
  const char *path = "/no/such/driver.so";
  aicc_instance_options options = {};
  options.struct_size = sizeof(options);
  options.driver_paths = &path;
  options.driver_path_count = 1;
  aicc_instance *instance = nullptr;
  EXPECT_TRUE(failsWith(aicc_instance_create(&options, &instance), AICC_STATUS_NOT_FOUND, path));
}

TEST(Instance, FindsDriversAtRunTime) {
  const char *path = AICC_TEST_DRIVER;
  std::string logged;
  aicc_instance_options options = {};
  options.struct_size = sizeof(options);
  options.driver_paths = &path;
  options.driver_path_count = 1;
  options.log = [](void *user, aicc_log_level, const char *message) {
    *static_cast<std::string *>(user) = message;
  };
  options.log_user = &logged;
  aicc_instance *created = nullptr;
  ASSERT_TRUE(ok(aicc_instance_create(&options, &created)));
  Handle<aicc_instance> instance(created);
  EXPECT_EQ(logged, "null: device 0: the driver's table lacks memory_alloc");
  const aicc_device *device = nullptr;
  EXPECT_TRUE(failsWith(aicc_instance_find_device(created, "null", &device), AICC_STATUS_NOT_FOUND,
                        "there is no device null (device 0: the driver's table lacks memory_alloc); there is "
                        "cpu:0"));
}

TEST(Instance, ServesOlderAndNewerCallers) {
  // An older caller's struct ends earlier; what follows it in memory must not be read or written.
  struct {
    aicc_device_info info;
    uint8_t guard[8];
  } older = {};
  std::memset(&older, 0xab, sizeof(older));
  older.info.struct_size = offsetof(aicc_device_info, driver);
  auto instance = makeRuntime();
  ASSERT_TRUE(ok(aicc_device_get_info(aicc_instance_get_device(instance.get(), 0), &older.info)));
  EXPECT_STREQ(older.info.id, "cpu:0");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(older.info.driver), 0xababababababababull);
  EXPECT_EQ(older.info.struct_size, offsetof(aicc_device_info, driver));
}

TEST(Tensor, ChecksSizes) {
  auto instance = makeRuntime();
  aicc_tensor *tensor = nullptr;
  int64_t negative[] = {2, -1}, huge[] = {1ll << 40, 1ll << 40}, six[] = {2, 3};
  const auto invalid = AICC_STATUS_INVALID_ARGUMENT;
  EXPECT_TRUE(
      failsWith(aicc_tensor_create(instance.get(), nullptr, AICC_TYPE_F32, 2, negative, &tensor), invalid));
  EXPECT_TRUE(
      failsWith(aicc_tensor_create(instance.get(), nullptr, AICC_TYPE_F32, 2, huge, &tensor), invalid));
  EXPECT_TRUE(
      failsWith(aicc_tensor_create(instance.get(), nullptr, AICC_TYPE_INVALID, 2, six, &tensor), invalid));
  float data[6];
  EXPECT_TRUE(failsWith(
      aicc_tensor_wrap(instance.get(), AICC_TYPE_F32, 2, six, nullptr, data, 23, nullptr, nullptr, &tensor),
      invalid, "needs 24 bytes"));
  int64_t strides[] = {4, 1};
  EXPECT_TRUE(failsWith(
      aicc_tensor_wrap(instance.get(), AICC_TYPE_F32, 2, six, strides, data, 24, nullptr, nullptr, &tensor),
      invalid, "needs 28 bytes"));
  int64_t empty[] = {0, 3};
  ASSERT_TRUE(ok(aicc_tensor_wrap(instance.get(), AICC_TYPE_F32, 2, empty, nullptr, nullptr, 0, nullptr,
                                  nullptr, &tensor)));
  aicc_tensor_release(tensor);
}

TEST(Tensor, GivesSmallTypesAByteEach) {
  auto instance = makeRuntime();
  const std::pair<aicc_element_type, uint64_t> sizes[] = {
      {AICC_TYPE_F64, 72}, {AICC_TYPE_BF16, 18}, {AICC_TYPE_BOOL, 9}, {AICC_TYPE_I4, 9}, {AICC_TYPE_U2, 9}};
  for (auto [type, bytes] : sizes) {
    int64_t nine[] = {3, 3};
    aicc_tensor *tensor = nullptr;
    ASSERT_TRUE(ok(aicc_tensor_create(instance.get(), nullptr, type, 2, nine, &tensor)));
    aicc_tensor_info info = {};
    info.struct_size = sizeof(info);
    ASSERT_TRUE(ok(aicc_tensor_get_info(tensor, &info)));
    EXPECT_EQ(info.byte_size, bytes) << aicc_element_type_name(type);
    aicc_tensor_release(tensor);
  }
  for (int type = AICC_TYPE_F64; type <= AICC_TYPE_F6E3M2FN; ++type) {
    EXPECT_GT(aicc_element_type_bits(static_cast<aicc_element_type>(type)), 0u);
    EXPECT_STRNE(aicc_element_type_name(static_cast<aicc_element_type>(type)), "invalid");
  }
}

TEST(DLPack, ExportsAndImportsWithoutCopying) {
  auto instance = makeRuntime();
  int64_t sizes[] = {2, 3};
  aicc_tensor *tensor = nullptr, *back = nullptr;
  ASSERT_TRUE(ok(aicc_tensor_create(instance.get(), nullptr, AICC_TYPE_F32, 2, sizes, &tensor)));
  DLManagedTensor *managed = nullptr;
  ASSERT_TRUE(ok(aicc_tensor_export_dlpack(tensor, &managed)));
  auto *mirror = reinterpret_cast<DLTensorMirror *>(managed);
  EXPECT_EQ(mirror->ndim, 2);
  EXPECT_EQ(mirror->shape[1], 3);
  EXPECT_EQ(mirror->strides[0], 3);
  EXPECT_EQ(mirror->bits, 32);
  EXPECT_EQ(mirror->code, 2);
  aicc_tensor_release(tensor); // the export keeps it
  static_cast<float *>(mirror->data)[5] = 7;
  ASSERT_TRUE(ok(aicc_tensor_import_dlpack(instance.get(), managed, &back)));
  EXPECT_EQ(values(back)[5], 7);
  aicc_tensor_release(back);
}

TEST(DLPack, KnowsDevices) {
  auto instance = makeRuntime();
  const aicc_device *device = nullptr;
  ASSERT_TRUE(ok(aicc_instance_find_device(instance.get(), "mock", &device)));
  std::vector<float> numbers = {1, 2, 3, 4};
  int64_t size = 4;
  aicc_tensor *host = nullptr, *back = nullptr;
  ASSERT_TRUE(ok(aicc_tensor_wrap(instance.get(), AICC_TYPE_F32, 1, &size, nullptr, numbers.data(), 16,
                                  nullptr, nullptr, &host)));
  DLManagedTensor *managed = nullptr;
  ASSERT_TRUE(ok(aicc_tensor_export_dlpack(copyTo(host, device).get(), &managed)));
  aicc_tensor_release(host);
  auto *mirror = reinterpret_cast<DLTensorMirror *>(managed);
  EXPECT_EQ(mirror->deviceType, 12);
  // Memory that the driver does not know is refused.
  void *data = mirror->data;
  mirror->data = numbers.data();
  EXPECT_TRUE(failsWith(aicc_tensor_import_dlpack(instance.get(), managed, &back),
                        AICC_STATUS_INVALID_ARGUMENT, "not on the mock device"));
  mirror->data = data;
  ASSERT_TRUE(ok(aicc_tensor_import_dlpack(instance.get(), managed, &back)));
  aicc_tensor_info info = {};
  info.struct_size = sizeof(info);
  ASSERT_TRUE(ok(aicc_tensor_get_info(back, &info)));
  EXPECT_EQ(info.device, device);
  EXPECT_EQ(info.data, data);
  EXPECT_EQ(values(back), numbers);
  aicc_tensor_release(back);
}

TEST(DLPack, RefusesWhatItCannotUse) {
  auto instance = makeRuntime();
  int64_t sizes[] = {4};
  float data[4];
  int deleted = 0;
  DLTensorMirror mirror = {
      data, 1,     0,       1, 2,        32,
      1,    sizes, nullptr, 0, &deleted, [](DLTensorMirror *self) {
                             ++*static_cast<int *>(self->context); }};
  auto *managed = reinterpret_cast<DLManagedTensor *>(&mirror);
  aicc_tensor *tensor = nullptr;
  mirror.deviceType = 2;
  EXPECT_TRUE(failsWith(aicc_tensor_import_dlpack(instance.get(), managed, &tensor), AICC_STATUS_UNSUPPORTED,
                        "device type 2"));
  mirror.deviceType = 1;
  mirror.lanes = 4;
  EXPECT_TRUE(failsWith(aicc_tensor_import_dlpack(instance.get(), managed, &tensor), AICC_STATUS_UNSUPPORTED,
                        "lanes"));
  mirror.lanes = 1;
  EXPECT_EQ(deleted, 0);
  ASSERT_TRUE(ok(aicc_tensor_import_dlpack(instance.get(), managed, &tensor)));
  aicc_tensor_retain(tensor);
  aicc_tensor_release(tensor);
  EXPECT_EQ(deleted, 0);
  aicc_tensor_release(tensor);
  EXPECT_EQ(deleted, 1);
}

TEST(Queries, DescribeTheSignature) {
  Session s(writeModule("add", makeAddFunction()));
  EXPECT_STREQ(aicc_function_get_name(s.function), "main");
  aicc_value_info value = {};
  value.struct_size = sizeof(value);
  ASSERT_TRUE(ok(aicc_function_get_arg(s.function, 1, &value)));
  EXPECT_STREQ(value.name, "b");
  EXPECT_EQ(value.rank, 1u);
  EXPECT_EQ(value.dims[0], -1);
  EXPECT_STREQ(value.dim_names[0], "n");
  EXPECT_TRUE(failsWith(aicc_function_get_arg(s.function, 2, &value), AICC_STATUS_INVALID_ARGUMENT));
  ASSERT_TRUE(ok(aicc_function_get_result(s.function, 0, &value)));
  EXPECT_EQ(value.alias_arg, -1);
  aicc_symbol_info symbol = {};
  symbol.struct_size = sizeof(symbol);
  ASSERT_TRUE(ok(aicc_function_get_symbol(s.function, 0, &symbol)));
  EXPECT_STREQ(symbol.name, "n");
  EXPECT_EQ(symbol.max, 1 << 20);
  const char *key = nullptr, *text = nullptr;
  ASSERT_TRUE(ok(aicc_module_get_provenance(s.module.get(), 0, &key, &text)));
  EXPECT_STREQ(key, "producer");
  const aicc_function *other = nullptr;
  EXPECT_TRUE(
      failsWith(aicc_module_find_function(s.module.get(), "other", &other), AICC_STATUS_NOT_FOUND, "other"));
}

TEST(Fixtures, OfEveryReleasedFormatLoadAndRun) {
  DIR *folder = opendir(AICC_TEST_FIXTURES);
  ASSERT_NE(folder, nullptr);
  int count = 0;
  while (dirent *entry = readdir(folder)) {
    std::string name = entry->d_name;
    if (name.size() < 5 || name.substr(name.size() - 5) != ".aicc")
      continue;
    ++count;
    SCOPED_TRACE(name);
    // All fixtures hold the same function: relu-free add with a weight, y = a + b + w, of dynamic size up
    // to 64.
    Session s(std::string(AICC_TEST_FIXTURES) + "/" + name);
    ASSERT_NE(s.function, nullptr);
    EXPECT_TRUE(ok(aicc_module_verify_weights(s.module.get())));
    auto a = s.tensor({3}, {1, 2, 3}), b = s.tensor({3}, {10, 20, 30});
    std::vector<Handle<aicc_tensor>> outputs;
    ASSERT_TRUE(ok(s.run({a.get(), b.get()}, outputs)));
    EXPECT_EQ(values(outputs[0].get()), (std::vector<float>{111, 122, 133}));
  }
  closedir(folder);
  EXPECT_GE(count, 1);
}
