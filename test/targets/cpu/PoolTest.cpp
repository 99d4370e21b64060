// Pools against reference evaluation: layouts, borders, strides, dilations, rounding.

#include "test/targets/cpu/KernelTest.h"
#include "llvm/ADT/StringExtras.h"

using namespace aicc::cpu::test;

#include "test/targets/kernel/PoolCases.h"
