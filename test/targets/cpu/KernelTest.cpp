// The harness of kernel tests, see KernelTest.h.

#include "test/targets/cpu/KernelTest.h"
#include "targets/cpu/codegen/Backend.h"
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;
using namespace aicc::cpu::test;
using kernel::test::checkRun;
using kernel::test::forEachDispatch;
using nn::Tensor;

//===--- loading
//---------------------------------------------------------------------------------------------------------===//

std::unique_ptr<LoadedKernel> LoadedKernel::create(TestDispatch &dispatch, StringRef arch) {
  std::unique_ptr<LoadedKernel> kernel(new LoadedKernel(dispatch));
  llvm::Expected<CpuDescriptor> cpu = getCpuDescriptor(arch);
  if (!cpu) {
    ADD_FAILURE() << llvm::toString(cpu.takeError());
    return nullptr;
  }
  StringRef kind = dispatch.dispatch.getKind();
  KernelFn emit = getKernelEmitter(kind);
  OwningOpRef<ModuleOp> code = ModuleOp::create(dispatch.dispatch.getLoc());
  KernelRequest request{*code, (kind + "_0").str(), dispatch.dispatch, *dispatch.shapes, *cpu};
  FailureOr<Launch> launch = emit ? emit(request) : FailureOr<Launch>(failure());
  if (failed(launch)) {
    ADD_FAILURE() << "no kernel for\n" << dispatch.source;
    return nullptr;
  }
  kernel->launch = *launch;
  const char *dump = std::getenv("AICC_KERNEL_DUMP");
  BackendOptions backend{*cpu, 1, dump ? dump : ""};
  auto image = compileKernels({*code}, {launch->entry}, backend);
  if (!image) {
    ADD_FAILURE() << llvm::toString(image.takeError()) << "\n" << dispatch.source;
    return nullptr;
  }
  int file = memfd_create("kernel", MFD_CLOEXEC);
  bool written = write(file, image->data(), image->size()) == ssize_t(image->size());
  kernel->library =
      written ? dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  close(file);
  if (!kernel->library) {
    ADD_FAILURE() << dlerror();
    return nullptr;
  }
  auto query = aicc_executable_query_fn(dlsym(kernel->library, AICC_EXECUTABLE_QUERY_NAME));
  kernel->entry = query(AICC_KERNEL_ABI_VERSION)->entries[0];
  return kernel;
}

LoadedKernel::~LoadedKernel() {
  if (library)
    dlclose(library);
}

//===--- running
//---------------------------------------------------------------------------------------------------------===//

namespace {
/// Memory between two pages that can't be touched; the data ends at the second, as far as 64 bytes' alignment
/// lets it.
class GuardedMemory {
public:
  explicit GuardedMemory(size_t size) : size(size) {
    size_t page = getpagesize();
    whole = (size + 64 + page - 1) / page * page;
    base = static_cast<char *>(
        mmap(nullptr, whole + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base, page, PROT_NONE);
    mprotect(base + page + whole, page, PROT_NONE);
    char *last = base + page + whole;
    data = last - (size + 63) / 64 * 64;
    memset(base + page, kPattern, whole);
  }
  ~GuardedMemory() { munmap(base, whole + 2 * getpagesize()); }
  GuardedMemory(const GuardedMemory &) = delete;
  /// Nothing around the data was written.
  bool isIntact() const {
    char *first = base + getpagesize(), *last = first + whole;
    return std::all_of(first, data, [](char c) { return c == kPattern; }) &&
           std::all_of(data + size, last, [](char c) { return c == kPattern; });
  }
  char *data;

private:
  static constexpr char kPattern = 0x5A;
  size_t size, whole;
  char *base;
};
} // namespace

std::vector<Tensor> LoadedKernel::run(ArrayRef<Tensor> inputs, const Sizes &sizes, unsigned parts) {
  std::vector<std::unique_ptr<GuardedMemory>> memory;
  std::vector<Tensor> results;
  std::vector<void *> buffers;
  for (const Tensor &input : inputs) {
    memory.push_back(std::make_unique<GuardedMemory>(input.getBytes().size()));
    memcpy(memory.back()->data, input.getBytes().data(), input.getBytes().size());
    buffers.push_back(memory.back()->data);
  }
  for (RankedTensorType type : dispatch.resultTypes(sizes)) {
    results.emplace_back(type);
    size_t bytes = results.back().getBytes().size();
    memory.push_back(std::make_unique<GuardedMemory>(bytes));
    memset(memory.back()->data, 0xFF, bytes);
    buffers.push_back(memory.back()->data);
  }
  std::vector<int64_t> params;
  for (AffineExpr param : launch.params)
    params.push_back(dispatch.value(param, sizes));
  int64_t grid = dispatch.value(launch.grid, sizes),
          scratchBytes = dispatch.value(launch.scratchBytes, sizes);
  for (int64_t part = parts; part-- > 0;) {
    int64_t begin = grid * part / parts, end = grid * (part + 1) / parts;
    if (begin == end)
      continue;
    GuardedMemory scratch(scratchBytes);
    memset(scratch.data, 0xFF, scratchBytes);
    entry(buffers.data(), params.data(), begin, end, scratch.data);
    EXPECT_TRUE(scratch.isIntact()) << "the kernel writes beyond its scratch memory";
  }
  for (auto &block : memory)
    EXPECT_TRUE(block->isIntact()) << "the kernel writes beyond a buffer";
  for (size_t i = 0; i < results.size(); ++i)
    memcpy(results[i].getMutableBytes().data(), buffers[inputs.size() + i], results[i].getBytes().size());
  return results;
}

double LoadedKernel::measure(ArrayRef<Tensor> inputs, const Sizes &sizes, double seconds) {
  std::vector<std::unique_ptr<char, decltype(&std::free)>> memory;
  std::vector<void *> buffers;
  auto allocate = [&](size_t bytes) {
    memory.emplace_back(static_cast<char *>(std::aligned_alloc(64, (bytes + 127) / 64 * 64)), &std::free);
    return memory.back().get();
  };
  for (const Tensor &input : inputs) {
    buffers.push_back(allocate(input.getBytes().size()));
    memcpy(buffers.back(), input.getBytes().data(), input.getBytes().size());
  }
  for (const Tensor &result : run(inputs, sizes, 1))
    buffers.push_back(allocate(result.getBytes().size()));
  std::vector<int64_t> params;
  for (AffineExpr param : launch.params)
    params.push_back(dispatch.value(param, sizes));
  int64_t grid = dispatch.value(launch.grid, sizes);
  char *scratch = allocate(dispatch.value(launch.scratchBytes, sizes));
  // This thread's time: other programs may run beside the measurement.
  auto now = [] {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1e6 + time.tv_nsec * 1e-3;
  };
  double best = 1e30;
  for (double start = now(), before; (before = now()) - start < seconds * 1e6;) {
    entry(buffers.data(), params.data(), 0, grid, scratch);
    best = std::min(best, now() - before);
  }
  return best;
}

//===--- checks
//----------------------------------------------------------------------------------------------------------===//

void aicc::cpu::test::checkKernel(const KernelCheck &check) {
  std::vector<std::string> levels = {"native"};
  if (!check.onlyNative)
    levels.push_back("x86-64-v3");
  if (!check.onlyNative && __builtin_cpu_supports("x86-64-v4"))
    levels.push_back("x86-64-v4");
  for (const std::string &level : levels) {
    SCOPED_TRACE(level);
    auto body = [&](TestDispatch &dispatch, ArrayRef<Sizes> runs) {
      auto kernel = LoadedKernel::create(dispatch, level);
      for (const Sizes &sizes : runs) {
        std::string text;
        for (auto &[name, size] : sizes)
          text += name + " = " + std::to_string(size) + " ";
        SCOPED_TRACE(text);
        if (kernel)
          checkRun(dispatch, check, sizes,
                   [&](ArrayRef<Tensor> inputs) { return kernel->run(inputs, sizes); });
      }
    };
    // The highest level is as native, nearly.
    forEachDispatch(check, body, /*onlySymbolic=*/level == "x86-64-v4");
  }
}
