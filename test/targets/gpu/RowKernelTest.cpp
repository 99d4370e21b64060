// Kernels that sweep rows: reductions, positions of extremes, softmax and the norms.

#include "test/targets/gpu/KernelTest.h"

using namespace aicc::gpu::test;

#include "test/targets/kernel/RowCases.h"
