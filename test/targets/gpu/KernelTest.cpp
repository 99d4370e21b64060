// The harness of kernel tests, see KernelTest.h. Buffers have guards on both sides, which the kernels must
// leave alone.

#include "test/targets/gpu/KernelTest.h"
#include "aicc/Target.h"
#include "aicc/driver.h"
#include "test/targets/gpu/EmulatedUnits.h"
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu::test;
using nn::Tensor;

//===--- the device
//--------------------------------------------------------------------------------------------------------===//

namespace {
/// The first device of the driver that AICC_TEST_DRIVER names (default: opencl).
class Device {
public:
  static Device &get() {
    static Device device;
    return device;
  }
  /// False where the tests are to generate code only (AICC_TEST_DRIVER=none). A device that should be there
  /// and isn't fails the test.
  bool isPresent() const {
    if (!device && !generateOnly)
      ADD_FAILURE() << absence;
    return device;
  }

  const aicc_driver_table *table = nullptr;
  aicc_driver_device *device = nullptr;
  aicc_driver_queue *queue = nullptr;

  /// True if there was no error; else a test failure.
  static bool check(aicc_status *status, const char *what) {
    if (!status)
      return true;
    ADD_FAILURE() << what << ": " << aicc_status_get_message(status);
    aicc_status_destroy(status);
    return false;
  }

private:
  bool generateOnly = false;
  std::string absence = "the driver has no device";

  Device() {
    const char *name = std::getenv("AICC_TEST_DRIVER");
    generateOnly = name && StringRef(name) == "none";
    if (generateOnly)
      return;
    std::string path = std::string(AICC_PLUGIN_DIR "/libaicc_driver_") + (name ? name : "opencl") + ".so";
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    auto entry = library ? aicc_register_driver_fn(dlsym(library, AICC_REGISTER_DRIVER_NAME)) : nullptr;
    table = entry ? entry(AICC_DRIVER_ABI_VERSION) : nullptr;
    if (!table) {
      absence = "no driver: " + (library ? path : std::string(dlerror()));
      return;
    }
    static aicc_driver_host host = {};
    host.struct_size = sizeof(host);
    host.allocator.alloc = [](void *, size_t size, size_t alignment) {
      return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    };
    host.allocator.free = [](void *, void *pointer, size_t, size_t) { std::free(pointer); };
    host.log = [](void *, aicc_log_level, const char *) {};
    aicc_driver *driver = nullptr;
    if (aicc_status *status = table->create(&host, &driver)) {
      absence = std::string("no device: ") + aicc_status_get_message(status);
      aicc_status_destroy(status);
      return;
    }
    if (table->device_count(driver) && check(table->device_open(driver, 0, &device), "opening the device"))
      check(table->queue_create(device, &queue), "making a queue");
  }
};

/// Device memory between guards.
class Buffer {
public:
  static constexpr size_t kGuard = 256;
  static constexpr unsigned char kPattern = 0x5A;

  /// Holds `size` bytes of `data`, or 0xFF where that is null.
  Buffer(size_t size, const char *data) : size(size), contents(size + 2 * kGuard, char(kPattern)) {
    Device &d = Device::get();
    if (data)
      memcpy(contents.data() + kGuard, data, size);
    else
      memset(contents.data() + kGuard, 0xFF, size);
    if (Device::check(d.table->memory_alloc(d.device, AICC_MEMORY_DEVICE, contents.size(), 64, &base),
                      "allocating memory"))
      Device::check(d.table->queue_write(d.queue, base, contents.data(), contents.size()), "writing memory");
  }
  ~Buffer() {
    Device &d = Device::get();
    if (base)
      d.table->memory_free(d.device, base, contents.size(), 64);
  }
  Buffer(const Buffer &) = delete;

  void *address() const { return size ? static_cast<char *>(base) + kGuard : nullptr; }
  /// The data, after the queue is empty; a test failure if a guard has changed.
  const char *read() {
    Device &d = Device::get();
    Device::check(d.table->queue_read(d.queue, contents.data(), base, contents.size()), "reading memory");
    Device::check(d.table->queue_wait(d.queue, 0), "waiting");
    auto intact = [](char c) { return static_cast<unsigned char>(c) == kPattern; };
    EXPECT_TRUE(std::all_of(contents.begin(), contents.begin() + kGuard, intact) &&
                std::all_of(contents.end() - kGuard, contents.end(), intact))
        << "the kernel writes beyond a buffer";
    return contents.data() + kGuard;
  }

private:
  size_t size;
  std::vector<char> contents;
  void *base = nullptr;
};
} // namespace

//===--- kernels
//-----------------------------------------------------------------------------------------------------------===//

static TargetInstance *getInstance(StringRef target) {
  (void)getEmulatedTargets();
  const char *name = std::getenv("AICC_TEST_TARGET");
  if (target.empty())
    target = name ? name : "level_zero";
  static std::map<std::string, std::unique_ptr<TargetInstance>> known;
  auto &slot = known[target.str()];
  if (!slot) {
    auto made = createInstances(target);
    if (!made)
      ADD_FAILURE() << llvm::toString(made.takeError());
    else
      slot = std::move(made->front());
  }
  return slot.get();
}

/// Runs the launch of the generated `module` on the device.
static std::vector<Tensor> run(TestDispatch &dispatch, ModuleOp module, ArrayRef<Tensor> inputs,
                               const Sizes &sizes) {
  Device &d = Device::get();
  auto executableOp = *module.getOps<exe::ExecutableOp>().begin();
  auto func = *module.getOps<mlir::func::FuncOp>().begin();
  exe::LaunchOp launch = *func.getBody().front().getOps<exe::LaunchOp>().begin();
  ArrayRef<char> image = cast<DenseElementsAttr>(executableOp.getImage()).getRawData();
  aicc_driver_executable *executable = nullptr;
  std::string format = executableOp.getFormat().str();
  if (!Device::check(
          d.table->executable_load(d.device, format.c_str(), image.data(), image.size(), &executable),
          "loading the kernel"))
    return {};
  std::vector<std::unique_ptr<Buffer>> memory;
  std::vector<void *> buffers;
  for (const Tensor &input : inputs)
    memory.push_back(std::make_unique<Buffer>(input.getBytes().size(), input.getBytes().data()));
  std::vector<Tensor> results;
  for (RankedTensorType type : dispatch.resultTypes(sizes)) {
    results.emplace_back(type);
    memory.push_back(std::make_unique<Buffer>(results.back().getBytes().size(), nullptr));
  }
  for (auto &buffer : memory)
    buffers.push_back(buffer->address());
  std::vector<int64_t> params;
  for (AffineExpr param : launch.getParams().getResults())
    params.push_back(dispatch.value(param, sizes));
  aicc_driver_dispatch arguments = {};
  arguments.struct_size = sizeof(arguments);
  arguments.executable = executable;
  arguments.grid = dispatch.value(launch.getGrid().getResult(0), sizes);
  arguments.scratch_size = dispatch.value(launch.getScratch().getResult(0), sizes);
  arguments.buffers = buffers.data(), arguments.buffer_count = buffers.size();
  arguments.params = params.data(), arguments.param_count = params.size();
  if (arguments.grid > 0)
    Device::check(d.table->queue_dispatch(d.queue, &arguments), "launching the kernel");
  Device::check(d.table->queue_wait(d.queue, 0), "running the kernel");
  for (size_t i = 0; i < memory.size(); ++i) {
    const char *data = memory[i]->read();
    if (i >= inputs.size())
      memcpy(results[i - inputs.size()].getMutableBytes().data(), data,
             results[i - inputs.size()].getBytes().size());
  }
  d.table->executable_destroy(executable);
  return results;
}

/// The dispatch's module with its kernels generated; null after a test failure.
static OwningOpRef<ModuleOp> generate(TestDispatch &dispatch, StringRef target) {
  TargetInstance *instance = getInstance(target);
  if (!instance)
    return nullptr;
  OwningOpRef<ModuleOp> module = dispatch.module->clone();
  CodegenOptions options;
  if (const char *dump = std::getenv("AICC_KERNEL_DUMP"))
    options.dumpDir = dump;
  if (succeeded(instance->generate(*module, options)))
    return module;
  ADD_FAILURE() << "no kernel for\n" << dispatch.source;
  return nullptr;
}

std::vector<Tensor> aicc::gpu::test::runDispatch(TestDispatch &dispatch, ArrayRef<Tensor> inputs,
                                                 StringRef target) {
  OwningOpRef<ModuleOp> module = generate(dispatch, target);
  if (!module || !Device::get().isPresent())
    return {};
  return run(dispatch, *module, inputs, {});
}

void aicc::gpu::test::checkDispatch(TestDispatch &dispatch, const KernelCheck &check, ArrayRef<Sizes> runs,
                                    StringRef target) {
  OwningOpRef<ModuleOp> module = generate(dispatch, target);
  if (!module)
    return;
  if (!Device::get().isPresent())
    return;
  for (const Sizes &sizes : runs) {
    std::string text;
    for (auto &[name, size] : sizes)
      text += name + " = " + std::to_string(size) + " ";
    SCOPED_TRACE(text);
    kernel::test::checkRun(dispatch, check, sizes,
                           [&](ArrayRef<Tensor> inputs) { return run(dispatch, *module, inputs, sizes); });
  }
}

void aicc::gpu::test::checkKernel(const KernelCheck &check, StringRef target) {
  kernel::test::forEachDispatch(check, [&](TestDispatch &dispatch, ArrayRef<Sizes> runs) {
    checkDispatch(dispatch, check, runs, target);
  });
}
