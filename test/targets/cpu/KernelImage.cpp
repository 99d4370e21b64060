// Compiling and loading of test kernels.

#include "KernelImage.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/TargetParser/Host.h"
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace aicc::cpu;
using namespace aicc::cpu::test;

llvm::Expected<std::vector<char>> aicc::cpu::test::compileTexts(const std::vector<std::string> &texts,
                                                                const CpuDescriptor &cpu) {
  mlir::MLIRContext context;
  context.loadDialect<mlir::func::FuncDialect, mlir::LLVM::LLVMDialect, mlir::scf::SCFDialect,
                      mlir::arith::ArithDialect, mlir::math::MathDialect, mlir::vector::VectorDialect>();
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> owners;
  std::vector<mlir::ModuleOp> modules;
  std::vector<std::string> names;
  for (const std::string &text : texts) {
    owners.push_back(mlir::parseSourceString<mlir::ModuleOp>(text, &context));
    if (!owners.back())
      return llvm::createStringError("the test's MLIR does not parse");
    modules.push_back(*owners.back());
    for (auto func : modules.back().getOps<mlir::func::FuncOp>())
      if (!func.isExternal())
        names.push_back(func.getName().str());
  }
  BackendOptions options{cpu};
  if (const char *dir = getenv("AICC_TEST_DUMP"))
    options.dumpDir = dir;
  return compileKernels(modules, names, options);
}

bool aicc::cpu::test::canRun(const CpuDescriptor &cpu) {
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  return llvm::all_of(cpu.requiredFeatures, [&](const std::string &name) { return host.lookup(name); });
}

std::unique_ptr<KernelImage> KernelImage::load(const std::vector<char> &bytes) {
  int file = memfd_create("kernels", MFD_CLOEXEC);
  if (write(file, bytes.data(), bytes.size()) != ssize_t(bytes.size())) {
    ADD_FAILURE() << "cannot write the image";
    return nullptr;
  }
  auto image = std::make_unique<KernelImage>();
  image->handle = dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL);
  close(file);
  if (!image->handle) {
    ADD_FAILURE() << dlerror();
    return nullptr;
  }
  auto query = reinterpret_cast<aicc_executable_query_fn>(dlsym(image->handle, AICC_EXECUTABLE_QUERY_NAME));
  const aicc_executable_table *table = query ? query(AICC_KERNEL_ABI_VERSION) : nullptr;
  if (!table || table->struct_size != sizeof(*table) || table->abi_version != AICC_KERNEL_ABI_VERSION ||
      query(AICC_KERNEL_ABI_VERSION + 1)) {
    ADD_FAILURE() << "the image's query function is not as the ABI says";
    return nullptr;
  }
  for (unsigned i = 0; i < table->count; ++i)
    image->kernels[table->names[i]] = table->entries[i];
  return image;
}

KernelImage::~KernelImage() {
  if (handle)
    dlclose(handle);
}

void KernelImage::run(llvm::StringRef name, std::vector<void *> buffers, std::vector<int64_t> params,
                      int64_t begin, int64_t end) {
  aicc_kernel_fn kernel = kernels.lookup(name);
  ASSERT_TRUE(kernel) << name.str();
  alignas(64) static char scratch[1 << 16];
  kernel(buffers.data(), params.data(), begin, end, scratch);
}
