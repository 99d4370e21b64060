// Functions on graphics processors, which have no builtins to call: polynomials in 32 and in 64 bits,
// remainders and powers of integers, over the ranges that models use.

#include "test/targets/gpu/KernelTest.h"
#include <cmath>

using namespace aicc::gpu::test;

namespace {

/// Numbers evenly over [low, high]; the second argument's over [1/4, 4].
Fill over(double low, double high) {
  return [=](unsigned index, aicc::nn::Tensor &x) {
    double from = index ? 0.25 : low, to = index ? 4 : high;
    for (int64_t i = 0, n = x.getNumElements(); i < n; ++i)
      x.setDouble(i, from + (to - from) * ((i * 37) % n) / std::max<int64_t>(1, n - 1));
  };
}

struct Function {
  std::string name;
  double low, high;
  double wide; // error in 64 bits, of the largest result
};

TEST(GpuMath, unary) {
  for (const Function &f : std::vector<Function>{
           {"exp", -20, 5, 1e-11},    {"log", 0.01, 50, 1e-11}, {"tanh", -4, 4, 1e-11},
           {"sigmoid", -8, 8, 1e-6},  {"sqrt", 0, 50, 1e-14},   {"rsqrt", 0.1, 50, 1e-14},
           {"erf", -3, 3, 1e-6},      {"sin", -20, 20, 1e-6},   {"cos", -20, 20, 1e-6},
           {"tan", -1.5, 1.5, 1e-6},  {"asin", -1, 1, 1e-6},    {"acos", -1, 1, 1e-6},
           {"atan", -9, 9, 1e-6},     {"sinh", -4, 4, 1e-6},    {"cosh", -4, 4, 1e-6},
           {"asinh", -9, 9, 1e-6},    {"acosh", 1, 9, 1e-6},    {"atanh", -0.99, 0.99, 1e-6},
           {"softplus", -9, 9, 1e-6}, {"gelu", -4, 4, 1e-6}})
    for (std::string element : {"f32", "f64"}) {
      std::string x = tensor("1000", element);
      checkKernel({{"%x: " + x, op("r", f.name, "%x", x, x) + ret("%r", x)},
                   {{}},
                   element == "f64" ? f.wide : 2e-6,
                   over(f.low, f.high)});
    }
}

TEST(GpuMath, powers) {
  for (std::string element : {"f32", "f64"}) {
    std::string x = tensor("1000", element);
    checkKernel({{"%x: " + x + ", %y: " + x, op("r", "pow", "%x, %y", x + ", " + x, x) + ret("%r", x)},
                 {{}},
                 element == "f64" ? 1e-11 : 2e-6,
                 over(0.01, 9)});
  }
  for (std::string element : {"i32", "i64"}) {
    std::string x = tensor("1000", element);
    checkKernel({{"%x: " + x + ", %y: " + x, op("r", "pow", "%x, %y", x + ", " + x, x) + ret("%r", x)},
                 {{}},
                 0,
                 [](unsigned index, aicc::nn::Tensor &x) {
                   for (int64_t i = 0; i < x.getNumElements(); ++i)
                     x.setDouble(i, index ? i % 9 : i % 13 - 6);
                 }});
  }
}

TEST(GpuMath, remainders) {
  for (std::string element : {"f32", "f64", "i32", "i64"})
    for (std::string fmod : {"false", "true"}) {
      std::string x = tensor("1000", element);
      checkKernel({{"%x: " + x + ", %y: " + x,
                    op("r", "mod", "%x, %y", x + ", " + x, x, "fmod = " + fmod) + ret("%r", x)},
                   {{}},
                   0,
                   [](unsigned index, aicc::nn::Tensor &x) {
                     for (int64_t i = 0; i < x.getNumElements(); ++i)
                       x.setDouble(i, index ? (i % 7 + 1) * (i % 2 ? 1 : -1) : (i * 37) % 1000 - 500);
                   }});
    }
}

} // namespace
