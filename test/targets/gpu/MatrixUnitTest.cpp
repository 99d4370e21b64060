// Contractions by matrix instructions, emulated: every layout of every descriptor, all element types.

#include "test/targets/gpu/EmulatedUnits.h"
#include "test/targets/gpu/KernelTest.h"

using namespace aicc::gpu::test;

namespace {
class MatrixUnits : public testing::TestWithParam<std::string> {};
} // namespace

TEST_P(MatrixUnits, products) {
  for (std::string element : {"f16", "bf16", "f32"})
    for (std::string m : {"33", "128"}) {
      std::string x = tensor(m + "x50", element), y = tensor("50x70", element),
                  r = tensor(m + "x70", element);
      checkKernel({{"%x: " + x + ", %y: " + y, op("r", "matmul", "%x, %y", x + ", " + y, r) +
                                                   op("a", "relu", "%r", r, r) + ret("%a", r)}},
                  GetParam());
    }
  // All sizes by one kernel.
  std::string x = tensor("{m}x{k}", "f16"), y = tensor("{n}x{k}", "f16"), r = tensor("{m}x{n}", "f16");
  checkKernel({{"%x: " + x + ", %y: " + y,
                op("r", "matmul", "%x, %y", x + ", " + y, r, "transpose_rhs = true") + ret("%r", r)},
               {{{"k", 70}, {"m", 150}, {"n", 20}}}},
              GetParam());
}

TEST_P(MatrixUnits, longDepths) {
  // Whole steps of the depth: where there are copies past the registers, several stages are under way.
  for (std::string element : {"f16", "f32"})
    for (std::string depth : {"32", "160", "448"}) {
      std::string x = tensor("70x" + depth, element), y = tensor("90x" + depth, element),
                  r = tensor("70x90", element);
      checkKernel({{"%x: " + x + ", %y: " + y,
                    op("r", "matmul", "%x, %y", x + ", " + y, r, "transpose_rhs = true") + ret("%r", r)}},
                  GetParam());
    }
}

TEST_P(MatrixUnits, convolutions) {
  for (std::string element : {"f16", "f32"}) {
    std::string x = tensor("2x20x9x13", element), w = tensor("40x20x3x3", element), b = tensor("40", element),
                r = tensor("2x40x9x13", element);
    checkKernel({{"%x: " + x + ", %w: " + w + ", %b: " + b,
                  op("r", "conv", "%x, %w, %b", x + ", " + w + ", " + b, r,
                     "strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 1, 1>, "
                     "pads_high = array<i64: 1, 1>, groups = 1 : i64") +
                      ret("%r", r)},
                 {{}}},
                GetParam());
  }
}

TEST_P(MatrixUnits, attention) {
  for (std::string element : {"f16", "bf16", "f32"}) {
    std::string q = tensor("1x4x35x32", element), k = tensor("1x2x70x32", element),
                v = tensor("1x2x70x48", element), m = tensor("35x70", "i1"), r = tensor("1x4x35x48", element);
    checkKernel({{"%q: " + q + ", %k: " + k + ", %v: " + v + ", %m: " + m,
                  op("r", "attention", "%q, %k, %v, %m", q + ", " + k + ", " + v + ", " + m, r,
                     "scale = 0.25 : f32, causal = false") +
                      ret("%r", r)},
                 {{}},
                 element == "f32"   ? 0
                 : element == "f16" ? 4e-3
                                    : 3e-2},
                GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(all, MatrixUnits, testing::ValuesIn(getEmulatedTargets()),
                         [](const auto &info) { return info.param.substr(info.param.find(':') + 1); });
