// What the tests of kernels for graphics processors share: a dispatch goes through a target's code generator
// to an image, a driver runs it on a device, and the results are compared with reference evaluation. By
// default that is the level_zero target on the opencl driver, which has a device wherever OpenCL for
// processors is installed; where there is none, kernels are only generated. AICC_TEST_TARGET and
// AICC_TEST_DRIVER name others.

#ifndef AICC_TEST_TARGETS_GPU_KERNELTEST_H
#define AICC_TEST_TARGETS_GPU_KERNELTEST_H

#include "test/targets/kernel/DispatchTest.h"

namespace aicc::gpu::test {

using kernel::test::Fill;
using kernel::test::fillRandom;
using kernel::test::KernelCheck;
using kernel::test::KernelText;
using kernel::test::op;
using kernel::test::ret;
using kernel::test::Sizes;
using kernel::test::tensor;
using kernel::test::TestDispatch;

/// Results of `dispatch`, whose kernel is generated for `target`, at each of `runs`, compared as `check`
/// says.
void checkDispatch(TestDispatch &dispatch, const KernelCheck &check, llvm::ArrayRef<Sizes> runs,
                   llvm::StringRef target = "");
/// Results of `dispatch`, which has static sizes; none where there is no device.
std::vector<nn::Tensor> runDispatch(TestDispatch &dispatch, llvm::ArrayRef<nn::Tensor> inputs,
                                    llvm::StringRef target = "level_zero");
/// The check with static and with symbolic sizes.
void checkKernel(const KernelCheck &check, llvm::StringRef target = "");

} // namespace aicc::gpu::test

#endif
