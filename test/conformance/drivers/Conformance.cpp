//===- Conformance.cpp - the fixture and the program ---------------------------------------===//
//
// See Conformance.h.
//
//===--------------------------------------------------------------------------------------===//
#include "test/conformance/drivers/Conformance.h"

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <iterator>

extern "C" const aicc_driver_table *aiccRegisterCpuDriver(uint32_t abiVersion);

using namespace conformance;

const char *const conformance::kKernelNames[KernelCount] = {"add",     "scale",   "visit",
                                                            "scratch", "reverse", "store"};
Options conformance::options;

/// Bytes of the host's allocator that drivers hold.
static std::atomic<int64_t> hostBytes{0};

static void *allocateHost(void *, size_t size, size_t alignment) {
  if (size > uint64_t(1) << 40) // which sanitizers' allocators would stop the program for
    return nullptr;
  void *memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory)
    hostBytes += static_cast<int64_t>(size);
  return memory;
}
static void freeHost(void *, void *pointer, size_t size, size_t) {
  std::free(pointer);
  hostBytes -= static_cast<int64_t>(size);
}

std::string conformance::take(aicc_status *status) {
  if (!status)
    return "";
  std::string text = aicc_status_code_name(aicc_status_get_code(status));
  (text += ": ") += aicc_status_get_message(status);
  aicc_status_destroy(status);
  return text;
}

aicc_status_code conformance::takeCode(aicc_status *status) {
  aicc_status_code code = aicc_status_get_code(status);
  EXPECT_TRUE(!status || *aicc_status_get_message(status)) << "an error without a message";
  EXPECT_EQ(std::strchr(aicc_status_get_message(status), '\n'), nullptr) << "a message of several lines";
  aicc_status_destroy(status);
  return code;
}

aicc_register_driver_fn conformance::findDriver(std::string &problem) {
  if (options.driver == "cpu")
    return aiccRegisterCpuDriver;
  void *library = dlopen(options.driver.c_str(), RTLD_NOW | RTLD_LOCAL);
  void *entry = library ? dlsym(library, AICC_REGISTER_DRIVER_NAME) : nullptr;
  if (!entry) {
    const char *reason = dlerror();
    problem = reason ? reason : "the library has no " AICC_REGISTER_DRIVER_NAME;
  }
  return reinterpret_cast<aicc_register_driver_fn>(entry);
}

void DriverTest::SetUp() {
  std::string problem;
  aicc_register_driver_fn entry = findDriver(problem);
  ASSERT_NE(entry, nullptr) << problem;
  table = entry(AICC_DRIVER_ABI_VERSION);
  ASSERT_NE(table, nullptr);
  hostBytes = 0;
  host.struct_size = sizeof(host);
  host.thread_count = 3;
  host.allocator = {allocateHost, freeHost, nullptr};
  ASSERT_OK(table->create(&host, &driver));
  ASSERT_GT(table->device_count(driver), options.device);
  info.struct_size = sizeof(info);
  ASSERT_OK(table->device_info(driver, options.device, &info));
  ASSERT_OK(table->device_open(driver, options.device, &device));
  uint64_t available = 0;
  ASSERT_OK(table->memory_usage(device, &usedBefore, &available));
  ASSERT_OK(table->queue_create(device, &queue));
  for (uint32_t i = 0; i < info.format_count && image.empty(); ++i) {
    std::ifstream file(options.images + "/" + info.formats[i] + ".img", std::ios::binary);
    image.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    format = info.formats[i];
  }
  ASSERT_FALSE(image.empty()) << options.images << " has no image of a format that the device loads";
}

void DriverTest::TearDown() {
  if (executable)
    table->executable_destroy(executable);
  if (queue)
    table->queue_destroy(queue);
  if (device) {
    uint64_t used = 0, available = 0;
    if (aicc_status *status = table->memory_usage(device, &used, &available))
      EXPECT_CODE(status, AICC_STATUS_DEVICE_LOST);
    else
      EXPECT_EQ(used, usedBefore) << "device memory is left";
    table->device_close(device);
  }
  if (driver)
    table->destroy(driver);
  EXPECT_EQ(hostBytes.load(), 0) << "host memory is left";
}

void DriverTest::loadKernels() {
  ASSERT_OK(table->executable_load(device, format.c_str(), image.data(), image.size(), &executable));
}

void *DriverTest::allocate(uint64_t size, uint64_t alignment, aicc_memory_kind kind) {
  void *address = nullptr;
  EXPECT_OK(table->memory_alloc(device, kind, size, alignment, &address));
  EXPECT_NE(address, nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(address) % alignment, 0u);
  return address;
}

void DriverTest::release(void *address, uint64_t size, uint64_t alignment) {
  table->memory_free(device, address, size, alignment);
}

aicc_status *DriverTest::dispatchOn(aicc_driver_queue *to, uint32_t entry, int64_t grid,
                                    const std::vector<void *> &buffers, const std::vector<int64_t> &params,
                                    uint64_t scratch) {
  aicc_driver_dispatch request = {};
  request.struct_size = sizeof(request);
  request.entry = entry;
  request.executable = executable;
  request.grid = grid;
  request.scratch_size = scratch;
  request.buffers = buffers.data();
  request.buffer_count = static_cast<uint32_t>(buffers.size());
  request.params = params.empty() ? nullptr : params.data();
  request.param_count = static_cast<uint32_t>(params.size());
  return table->queue_dispatch(to, &request);
}

/// Whether the driver under test has the device; else says why not.
static bool isThere() {
  std::string problem;
  aicc_register_driver_fn entry = findDriver(problem);
  if (!entry) {
    std::printf("%s cannot be loaded: %s\n", options.driver.c_str(), problem.c_str());
    return false;
  }
  const aicc_driver_table *table = entry(AICC_DRIVER_ABI_VERSION);
  if (!table) {
    std::printf("%s is for another version of the runtime\n", options.driver.c_str());
    return false;
  }
  aicc_driver_host host = {};
  host.struct_size = sizeof(host);
  host.allocator = {allocateHost, freeHost, nullptr};
  aicc_driver *driver = nullptr;
  if (aicc_status *status = table->create(&host, &driver)) {
    std::printf("no device here: %s\n", aicc_status_get_message(status));
    aicc_status_destroy(status);
    return false;
  }
  const uint32_t count = table->device_count(driver);
  if (count <= options.device)
    std::printf("no device %u: %s lists %u\n", options.device, table->name, count);
  table->destroy(driver);
  return count > options.device;
}

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    const char *value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (value && name == "--driver")
      options.driver = value;
    else if (value && name == "--device")
      options.device = static_cast<uint32_t>(std::atoi(value));
    else if (value && name == "--images")
      options.images = value;
    else if (value && name == "--preload")
      options.preload = value;
    else {
      std::fprintf(stderr, "usage: %s --driver cpu|LIBRARY [--device N] --images DIR [--preload LIBRARY]\n",
                   argv[0]);
      return 2;
    }
  }
  void *preloaded = nullptr;
  if (!options.preload.empty()) {
    preloaded = dlopen(options.preload.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (!preloaded) {
      std::fprintf(stderr, "%s\n", dlerror());
      return 2;
    }
  }
  if (!isThere())
    return 77;
  int result = RUN_ALL_TESTS();
  // A stand-in counts what was made and not given back, and calls that the real library would not forgive.
  if (void *check = preloaded ? dlsym(preloaded, "stand_in_check") : nullptr)
    if (int problems = reinterpret_cast<int (*)()>(check)()) {
      std::printf("the stand-in reports %d problems\n", problems);
      result = 1;
    }
  return result;
}
