// Recurrent networks against reference evaluation.

#include "test/targets/cpu/KernelTest.h"

using namespace aicc::cpu::test;

#include "test/targets/kernel/RecurrentCases.h"
