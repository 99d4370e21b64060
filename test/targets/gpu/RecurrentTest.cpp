// Recurrent networks against reference evaluation.

#include "test/targets/gpu/KernelTest.h"

using namespace aicc::gpu::test;

#include "test/targets/kernel/RecurrentCases.h"
