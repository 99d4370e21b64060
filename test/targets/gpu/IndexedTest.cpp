// Running sums, the k largest, gathers and scatters against reference evaluation, and what happens to indices
// out of range.

#include "test/targets/gpu/KernelTest.h"
#include <cmath>

using namespace aicc::gpu::test;

#include "test/targets/kernel/IndexedCases.h"
