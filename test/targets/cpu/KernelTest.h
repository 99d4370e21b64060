// What the tests of the CPU's kernels share: a dispatch's kernel is generated, loaded and run, and its
// results are compared with reference evaluation, for each processor level that this machine has.

#ifndef AICC_TEST_TARGETS_CPU_KERNELTEST_H
#define AICC_TEST_TARGETS_CPU_KERNELTEST_H

#include "aicc/kernel_abi.h"
#include "targets/cpu/codegen/Kernels.h"
#include "test/targets/kernel/DispatchTest.h"

namespace aicc::cpu::test {

using kernel::test::Fill;
using kernel::test::fillRandom;
using kernel::test::KernelCheck;
using kernel::test::KernelText;
using kernel::test::op;
using kernel::test::ret;
using kernel::test::Sizes;
using kernel::test::tensor;
using kernel::test::TestDispatch;

/// A kernel in this process.
class LoadedKernel {
public:
  /// Generates the kernel of `dispatch`, which outlives it, for `arch`. Null after a test failure.
  static std::unique_ptr<LoadedKernel> create(TestDispatch &dispatch, llvm::StringRef arch);
  ~LoadedKernel();

  /// Runs it on memory that faults or is found damaged where the kernel leaves its buffers; the grid is split
  /// into `parts` calls, the last first.
  std::vector<nn::Tensor> run(llvm::ArrayRef<nn::Tensor> inputs, const Sizes &sizes, unsigned parts = 2);
  /// Best processor time of one call over the whole grid, in microseconds.
  double measure(llvm::ArrayRef<nn::Tensor> inputs, const Sizes &sizes, double seconds = 0.3);

private:
  explicit LoadedKernel(TestDispatch &dispatch) : dispatch(dispatch) {}

  TestDispatch &dispatch;
  Launch launch;
  void *library = nullptr;
  aicc_kernel_fn entry = nullptr;
};

/// The check, for each level of the processor.
void checkKernel(const KernelCheck &check);

} // namespace aicc::cpu::test

#endif
