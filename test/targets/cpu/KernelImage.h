// Compiles kernels written as MLIR text through the back end, and loads the image as a debugger would: a
// memory file and dlopen. For the unit tests of the CPU back end.

#ifndef AICC_TEST_TARGETS_CPU_KERNELIMAGE_H
#define AICC_TEST_TARGETS_CPU_KERNELIMAGE_H

#include "aicc/kernel_abi.h"
#include "targets/cpu/codegen/Backend.h"
#include "llvm/ADT/StringMap.h"
#include <memory>
#include <string>
#include <vector>

namespace aicc::cpu::test {

/// Compiles the func.funcs of each text, which are all kernels, for `cpu`.
llvm::Expected<std::vector<char>> compileTexts(const std::vector<std::string> &texts,
                                               const CpuDescriptor &cpu);

/// Whether this machine can run code for `cpu`.
bool canRun(const CpuDescriptor &cpu);

/// A loaded image.
class KernelImage {
public:
  /// Null, with a test failure, if it can't be loaded or its table is not as the ABI says.
  static std::unique_ptr<KernelImage> load(const std::vector<char> &bytes);
  ~KernelImage();

  /// Runs workgroups [begin, end) of a kernel.
  void run(llvm::StringRef name, std::vector<void *> buffers, std::vector<int64_t> params, int64_t begin,
           int64_t end);

private:
  void *handle = nullptr;
  llvm::StringMap<aicc_kernel_fn> kernels;
};

} // namespace aicc::cpu::test

#endif // AICC_TEST_TARGETS_CPU_KERNELIMAGE_H
