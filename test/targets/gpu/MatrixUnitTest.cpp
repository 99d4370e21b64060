// Contractions by matrix instructions, emulated: every layout of every descriptor, all element types.

#include "test/targets/gpu/EmulatedUnits.h"
#include "test/targets/gpu/KernelTest.h"

using namespace aicc::gpu::test;

namespace {
class MatrixUnits : public testing::TestWithParam<std::string> {};
} // namespace

TEST_P(MatrixUnits, products) {
  for (std::string element : {"f16", "bf16", "f32"}) {
    std::string x = tensor("{m}x{k}", element), y = tensor("{k}x{n}", element),
                t = tensor("{n}x{k}", element), r = tensor("{m}x{n}", element);
    std::vector<Sizes> runs = {{{"k", 64}, {"m", 128}, {"n", 128}}, {{"k", 50}, {"m", 33}, {"n", 70}}};
    checkKernel(
        {{"%x: " + x + ", %y: " + y, op("r", "matmul", "%x, %y", x + ", " + y, r) + ret("%r", r)}, runs},
        GetParam());
    checkKernel(
        {{"%x: " + x + ", %y: " + t, op("r", "matmul", "%x, %y", x + ", " + t, r, "transpose_rhs = true") +
                                         op("a", "relu", "%r", r, r) + ret("%a", r)},
         runs},
        GetParam());
  }
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
    std::string x = tensor("{n}x20x{h}x13", element), w = tensor("40x20x3x3", element),
                b = tensor("40", element), r = tensor("{n}x40x{h}x13", element);
    checkKernel({{"%x: " + x + ", %w: " + w + ", %b: " + b,
                  op("r", "conv", "%x, %w, %b", x + ", " + w + ", " + b, r,
                     "strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_low = array<i64: 1, 1>, "
                     "pads_high = array<i64: 1, 1>, groups = 1 : i64") +
                      ret("%r", r)},
                 {{{"n", 2}, {"h", 9}}}},
                GetParam());
  }
}

TEST_P(MatrixUnits, attention) {
  for (std::string element : {"f16", "bf16", "f32"}) {
    std::string q = tensor("{b}x4x{s}x32", element), k = tensor("{b}x2x{t}x32", element),
                v = tensor("{b}x2x{t}x48", element), m = tensor("{s}x{t}", "i1"),
                r = tensor("{b}x4x{s}x48", element);
    checkKernel({{"%q: " + q + ", %k: " + k + ", %v: " + v + ", %m: " + m,
                  op("r", "attention", "%q, %k, %v, %m", q + ", " + k + ", " + v + ", " + m, r,
                     "scale = 0.25 : f32, causal = false") +
                      ret("%r", r)},
                 {{{"b", 1}, {"s", 70}, {"t", 100}}, {{"b", 2}, {"s", 3}, {"t", 17}}},
                 element == "f32"   ? 0
                 : element == "f16" ? 4e-3
                                    : 3e-2},
                GetParam());
  }
}

INSTANTIATE_TEST_SUITE_P(all, MatrixUnits, testing::ValuesIn(getEmulatedTargets()),
                         [](const auto &info) { return info.param.substr(info.param.find(':') + 1); });
