// The attention kernel: the cases of all devices, and depths that fill no vector.

#include "test/targets/cpu/KernelTest.h"

using namespace aicc::cpu::test;

#include "test/targets/kernel/AttentionCases.h"

TEST(AttentionKernel, oddDepths) {
  Attention attention;
  attention.depth = "20", attention.width = "50";
  checkKernel({attention.text(), manySizes, 0, fill});
  attention.depth = "3", attention.width = "7";
  checkKernel({attention.text(), manySizes, 0, fill});
  attention.depth = "{d}", attention.width = "{w}";
  checkKernel({attention.text(),
               {{{"b", 1}, {"s", 7}, {"t", 20}, {"d", 24}, {"w", 40}},
                {{"b", 1}, {"s", 2}, {"t", 20}, {"d", 24}, {"w", 40}}},
               0,
               fill});
}
