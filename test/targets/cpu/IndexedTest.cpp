// Running sums, the k largest, gathers and scatters against reference evaluation, and what happens to indices
// out of range.

#include "test/targets/cpu/KernelTest.h"
#include <cmath>

using namespace aicc::cpu::test;

/// Runs the kernel, with static sizes, on memory that is guarded.
static std::vector<aicc::nn::Tensor> runDispatch(TestDispatch &dispatch,
                                                 const std::vector<aicc::nn::Tensor> &inputs) {
  auto kernel = LoadedKernel::create(dispatch, "native");
  return kernel ? kernel->run(inputs, {}) : std::vector<aicc::nn::Tensor>();
}

#include "test/targets/kernel/IndexedCases.h"
