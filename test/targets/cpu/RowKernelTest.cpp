// Kernels that sweep rows: reductions, positions of extremes, softmax and the norms.

#include "test/targets/cpu/KernelTest.h"

using namespace aicc::cpu::test;

#include "test/targets/kernel/RowCases.h"
