// Kernels without a reduction.

#include "test/targets/cpu/KernelTest.h"

using namespace aicc::cpu::test;

#include "test/targets/kernel/MapCases.h"
