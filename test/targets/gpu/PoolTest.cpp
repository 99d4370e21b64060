// Pools against reference evaluation: layouts, borders, strides, dilations, rounding.

#include "test/targets/gpu/KernelTest.h"
#include "llvm/ADT/StringExtras.h"

using namespace aicc::gpu::test;

#include "test/targets/kernel/PoolCases.h"
