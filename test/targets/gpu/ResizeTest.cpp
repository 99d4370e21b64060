// Resizing against reference evaluation: all modes, up and down, by sizes and by scales.

#include "test/targets/gpu/KernelTest.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace aicc::gpu::test;

#include "test/targets/kernel/ResizeCases.h"
