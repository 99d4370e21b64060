// The attention kernel: the cases of all devices, and depths around what a workgroup takes.

#include "test/targets/gpu/KernelTest.h"

using namespace aicc::gpu::test;

#include "test/targets/kernel/AttentionCases.h"

TEST(AttentionKernel, oddDepths) {
  Attention attention;
  attention.depth = "20", attention.width = "50";
  std::vector<Sizes> some = {manySizes[1], manySizes[3], manySizes[4]};
  checkKernel({attention.text(), some, 0, fill});
  attention.depth = "3", attention.width = "7";
  checkKernel({attention.text(), some, 0, fill});
  attention.depth = "40", attention.width = "136"; // more than one workgroup takes
  checkKernel({attention.text(), {manySizes[1], manySizes[3]}, 0, fill});
  attention.depth = "128", attention.width = "128";
  checkKernel({attention.text(), {manySizes[1], manySizes[3]}, 0, fill});
  attention.depth = "{d}", attention.width = "{w}";
  checkKernel({attention.text(),
               {{{"b", 1}, {"s", 7}, {"t", 20}, {"d", 24}, {"w", 40}},
                {{"b", 1}, {"s", 2}, {"t", 20}, {"d", 24}, {"w", 40}}},
               0,
               fill});
}
