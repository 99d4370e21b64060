// Kernels without a reduction.

#include "test/targets/gpu/KernelTest.h"

using namespace aicc::gpu::test;

#include "test/targets/kernel/MapCases.h"
