// The accuracy of the math lowering: every function, on every processor level this machine can run, as a
// scalar and as vectors, swept over its range and compared with the C library in the next wider format. The
// bounds asserted here are those that docs/numerics.md states; the test reads them there.

#include "KernelImage.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <map>

using namespace aicc::cpu;
using namespace aicc::cpu::test;

namespace {

using Wide = long double;

struct Range {
  double low, high;
  bool logarithmic = false; // spread evenly over exponents, with both signs where low < 0
};

struct Function {
  const char *name;
  Wide (*reference)(Wide, Wide);
  std::vector<Range> ranges;
  bool binary = false;
  Range second = {0, 0};
};

#define WIDE(expression) [](Wide x, Wide y) -> Wide { return expression; }

const double smallest = 1.5e-38, huge = 3e38;

const std::vector<Function> functions = {
    {"exp", WIDE(expl(x)), {{-103, 88.7}, {-1, 1}}},
    {"exp2", WIDE(exp2l(x)), {{-148, 127.9}, {-1, 1}}},
    {"expm1", WIDE(expm1l(x)), {{-20, 88.7}, {-1, 1}, {-1, 1, true}}},
    {"log", WIDE(logl(x)), {{1e-44, huge, true}, {0.5, 2}}},
    {"log2", WIDE(log2l(x)), {{1e-44, huge, true}, {0.5, 2}}},
    {"log10", WIDE(log10l(x)), {{1e-44, huge, true}, {0.5, 2}}},
    {"log1p", WIDE(log1pl(x)), {{-0.9999, 3}, {-0.9, 0.9, true}, {smallest, huge, true}}},
    {"sinh", WIDE(sinhl(x)), {{-89, 89}, {-1, 1, true}}},
    {"cosh", WIDE(coshl(x)), {{-89, 89}}},
    {"tanh", WIDE(tanhl(x)), {{-12, 12}, {-1, 1, true}}},
    {"asinh", WIDE(asinhl(x)), {{-5, 5}, {-huge, huge, true}}},
    {"acosh", WIDE(acoshl(x)), {{1, 5}, {1, huge, true}}},
    {"atanh", WIDE(atanhl(x)), {{-0.99999, 0.99999}, {-0.9, 0.9, true}}},
    {"erf", WIDE(erfl(x)), {{-5, 5}, {-1, 1, true}}},
    {"cbrt", WIDE(cbrtl(x)), {{-huge, huge, true}}},
    {"rsqrt", WIDE(1 / sqrtl(x)), {{smallest, huge, true}}},
    {"sin", WIDE(sinl(x)), {{-7, 7}, {-1e9, 1e9, true}}},
    {"cos", WIDE(cosl(x)), {{-7, 7}, {-1e9, 1e9, true}}},
    {"tan", WIDE(tanl(x)), {{-7, 7}, {-1e9, 1e9, true}}},
    {"asin", WIDE(asinl(x)), {{-1, 1}, {-1, 1, true}}},
    {"acos", WIDE(acosl(x)), {{-1, 1}}},
    {"atan", WIDE(atanl(x)), {{-5, 5}, {-huge, huge, true}}},
    {"atan2", WIDE(atan2l(x, y)), {{-5, 5}, {-1e30, 1e30, true}}, true, {-3, 3}},
    {"powf", WIDE(powl(x, y)), {{0, 20}, {1e-30, 1e30, true}}, true, {-8, 8}},
};

/// 16 and 17 digits' worth of samples without a pattern, the same on every machine.
template <typename T> std::vector<T> sample(Range range, unsigned count, uint64_t seed) {
  std::vector<T> values;
  uint64_t state = seed * 0x9e3779b97f4a7c15ull + 1;
  auto uniform = [&] {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return double(state >> 11) * 0x1p-53;
  };
  for (unsigned i = 0; i < count; ++i) {
    double u = uniform();
    if (range.logarithmic) {
      double low = range.low > 0 ? std::log(range.low) : std::log(smallest), high = std::log(range.high);
      double v = std::exp(low + (high - low) * u);
      values.push_back(T(range.low < 0 && uniform() < 0.5 ? -v : v));
    } else {
      values.push_back(T(range.low + (range.high - range.low) * u));
    }
  }
  return values;
}

/// |got - want| in units of the last place of a T next to `want`; infinite where only one is finite or NaN.
template <typename T> double ulps(T got, Wide want) {
  T rounded = T(want);
  if (std::isnan(want) || std::isnan(got))
    return std::isnan(want) && std::isnan(got) ? 0 : INFINITY;
  if (got == rounded)
    return 0;
  if (std::isinf(got) || std::isinf(rounded))
    return INFINITY;
  int exponent;
  std::frexp(rounded, &exponent);
  int digits = std::numeric_limits<T>::digits, lowest = std::numeric_limits<T>::min_exponent;
  return double(std::fabs(Wide(got) - want) / std::ldexp(Wide(1), std::max(exponent, lowest) - digits));
}

/// The functions' kernels for `lanes` elements of `type` at a time (0: scalars), all in one text.
std::string writeKernels(const std::string &type, unsigned lanes) {
  std::string value = lanes ? "vector<" + std::to_string(lanes) + "x" + type + ">" : type, text;
  for (const Function &f : functions) {
    std::string name = f.name;
    text += "func.func @" + name + "_" + type + "_" + std::to_string(lanes) +
            "(%bufs: !llvm.ptr, %params: !llvm.ptr, %begin: i64, %end: i64, %scratch: !llvm.ptr) {\n"
            "  %step = arith.constant " +
            std::to_string(std::max(1u, lanes)) + " : i64\n";
    for (const char *buffer : {"0", "1", "2"})
      text += std::string("  %slot") + buffer + " = llvm.getelementptr %bufs[" + buffer +
              "] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr\n  %b" + buffer + " = llvm.load %slot" + buffer +
              " : !llvm.ptr -> !llvm.ptr\n";
    text += "  scf.for %i = %begin to %end step %step : i64 {\n";
    for (const char *buffer : {"0", "1", "2"})
      text += std::string("    %p") + buffer + " = llvm.getelementptr %b" + buffer +
              "[%i] : (!llvm.ptr, i64) -> !llvm.ptr, " + type + "\n";
    text += "    %x = llvm.load %p0 : !llvm.ptr -> " + value + "\n";
    if (f.binary)
      text += "    %y = llvm.load %p1 : !llvm.ptr -> " + value + "\n";
    text += "    %r = math." + name + " %x" + (f.binary ? ", %y" : "") + " : " + value +
            "\n    llvm.store %r, %p2 : " + value + ", !llvm.ptr\n  }\n  return\n}\n";
  }
  return text;
}

/// Bounds in ulps by function and type, from the table in docs/numerics.md: lines "| `exp` | 1.9 | 1.0 |
/// ...".
std::map<std::string, std::pair<double, double>> readBounds() {
  std::map<std::string, std::pair<double, double>> bounds;
  auto file = llvm::MemoryBuffer::getFile(AICC_SOURCE_DIR "/docs/numerics.md");
  if (!file)
    return bounds;
  llvm::SmallVector<llvm::StringRef> lines;
  (*file)->getBuffer().split(lines, '\n');
  for (llvm::StringRef line : lines) {
    llvm::SmallVector<llvm::StringRef> cells;
    line.split(cells, '|');
    double f32, f64;
    if (cells.size() >= 5 && !cells[2].trim().getAsDouble(f32) && !cells[3].trim().getAsDouble(f64))
      bounds[cells[1].trim(" `").str()] = {f32, f64};
  }
  return bounds;
}

class MathTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    llvm::Expected<CpuDescriptor> expected = getCpuDescriptor(GetParam());
    if (!expected)
      GTEST_SKIP() << llvm::toString(expected.takeError());
    cpu = *expected;
    if (!canRun(cpu))
      GTEST_SKIP() << "this machine can't run " << cpu.name;
    llvm::Expected<std::vector<char>> bytes =
        compileTexts({writeKernels("f32", 0), writeKernels("f32", 8), writeKernels("f32", 16),
                      writeKernels("f64", 0), writeKernels("f64", 8)},
                     cpu);
    ASSERT_TRUE(bool(bytes)) << llvm::toString(bytes.takeError());
    image = KernelImage::load(*bytes);
    ASSERT_TRUE(image);
  }

  template <typename T>
  std::vector<T> evaluate(const Function &f, unsigned lanes, std::vector<T> x, std::vector<T> y) {
    size_t n = x.size();
    std::vector<T> r((n + 15) / 16 * 16);
    x.resize(r.size());
    y.resize(r.size());
    std::string name = f.name + std::string(sizeof(T) == 4 ? "_f32_" : "_f64_") + std::to_string(lanes);
    image->run(name, {x.data(), y.data(), r.data()}, {}, 0, r.size());
    r.resize(n);
    return r;
  }

  /// The largest error over the function's ranges.
  template <typename T> double measure(const Function &f, unsigned lanes, T &where) {
    double worst = 0;
    for (Range range : f.ranges) {
      const unsigned count = sizeof(T) == 4 ? 60000 : 8000;
      std::vector<T> x = sample<T>(range, count, 1), y = sample<T>(f.second, count, 2);
      std::vector<T> r = evaluate(f, lanes, x, y);
      for (unsigned i = 0; i < count; ++i) {
        double error = ulps(r[i], f.reference(x[i], y[i]));
        if (error > worst) {
          worst = error;
          where = x[i];
        }
      }
    }
    return worst;
  }

  CpuDescriptor cpu;
  std::unique_ptr<KernelImage> image;
};

} // namespace

TEST_P(MathTest, AccuracyIsAsDocumented) {
  auto bounds = readBounds();
  for (const Function &f : functions) {
    ASSERT_TRUE(bounds.count(f.name)) << f.name << " has no line in docs/numerics.md";
    float where = 0;
    for (unsigned lanes : {0, 8, 16}) {
      double error = measure<float>(f, lanes, where);
      EXPECT_LE(error, bounds[f.name].first) << f.name << " of f32, " << lanes << " lanes, at " << where;
      if (getenv("AICC_TEST_VERBOSE"))
        printf("%-6s f32 x %2u  %.2f ulp at %g\n", f.name, lanes, error, where);
    }
    double where64 = 0;
    for (unsigned lanes : {0, 8}) {
      double error = measure<double>(f, lanes, where64);
      EXPECT_LE(error, bounds[f.name].second) << f.name << " of f64, " << lanes << " lanes, at " << where64;
      if (getenv("AICC_TEST_VERBOSE"))
        printf("%-6s f64 x %2u  %.2f ulp at %g\n", f.name, lanes, error, where64);
    }
  }
}

/// Angles beyond the reduction's reach: some value of the function is enough.
static bool isBeyondReduction(const Function &f, double x) {
  llvm::StringRef name = f.name;
  return (name == "sin" || name == "cos" || name == "tan") && std::abs(x) > 1e15 && !std::isinf(x);
}

TEST_P(MathTest, SpecialValuesAreThoseOfTheStandard) {
  const float inf = INFINITY, nan = NAN;
  const std::vector<float> special = {0.0f, -0.0f, 1,      -1,      2,    -2,    0.5f,  -0.5f,
                                      3,    -3,    1e-45f, -1e-45f, 1e9f, -1e9f, 1e38f, -1e38f,
                                      inf,  -inf,  nan,    200,     -200, 1.5f,  90,    -110};
  for (const Function &f : functions) {
    std::vector<float> x, y;
    for (float a : special) {
      if (isBeyondReduction(f, a))
        continue;
      for (float b : f.binary ? special : std::vector<float>{0}) {
        x.push_back(a);
        y.push_back(b);
      }
    }
    std::vector<double> x64(x.begin(), x.end()), y64(y.begin(), y.end());
    for (unsigned lanes : {0, 8, 16}) {
      std::vector<float> r = evaluate(f, lanes, x, y);
      for (size_t i = 0; i < x.size(); ++i)
        EXPECT_LE(ulps(r[i], f.reference(x[i], y[i])), 8)
            << f.name << "(" << x[i] << ", " << y[i] << ") = " << r[i] << ", " << lanes << " lanes";
    }
    std::vector<double> r = evaluate(f, 0, x64, y64);
    for (size_t i = 0; i < x.size(); ++i)
      EXPECT_LE(ulps(r[i], f.reference(x[i], y[i])), 8)
          << f.name << "(" << x[i] << ", " << y[i] << ") = " << r[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, MathTest, testing::Values("native", "x86-64-v3", "x86-64-v4"),
                         [](const testing::TestParamInfo<const char *> &info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });
