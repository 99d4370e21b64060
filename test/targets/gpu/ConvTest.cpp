// Convolutions against reference evaluation: ranks, borders, strides, dilations, groups, epilogues.

#include "test/targets/gpu/KernelTest.h"
#include "llvm/ADT/StringExtras.h"

using namespace aicc::gpu::test;

namespace {

using Ints = std::vector<int64_t>;

struct Conv {
  Ints input; // N, C, spatial...
  int64_t outputs;
  Ints kernel, strides, low, high;
  Ints dilations = {};
  int64_t groups = 1;
  bool residual = false; // then relu
  bool bias = true;
  std::string element = "f32";
};

std::string list(const Ints &values) {
  return "array<i64: " +
         llvm::join(llvm::map_range(values, [](int64_t v) { return std::to_string(v); }), ", ") + ">";
}

std::string type(const std::vector<std::string> &sizes, const std::string &element) {
  return tensor(llvm::join(sizes, "x"), element);
}

std::string number(int64_t value) { return std::to_string(value); }

/// Sizes of batch and space are symbols n, d0, d1, ... and the result's o0, o1, ...
KernelCheck makeCheck(Conv c) {
  size_t rank = c.kernel.size();
  if (c.dilations.empty())
    c.dilations.assign(rank, 1);
  Sizes sizes{{"n", c.input[0]}};
  std::vector<std::string> in{"{n}", number(c.input[1])}, out{"{n}", number(c.outputs)},
      filter{number(c.outputs), number(c.input[1] / c.groups)};
  auto resultOf = [&](size_t d) {
    int64_t span = c.dilations[d] * (c.kernel[d] - 1) + 1;
    return (c.input[2 + d] + c.low[d] + c.high[d] - span) / c.strides[d] + 1;
  };
  bool same = true;
  for (size_t d = 0; d < rank; ++d)
    same &= c.strides[d] == 1 && resultOf(d) == c.input[2 + d];
  for (size_t d = 0; d < rank; ++d) {
    std::string name = "d" + number(d), resultName = "o" + number(d);
    sizes[name] = c.input[2 + d];
    if (!same)
      sizes[resultName] = resultOf(d);
    in.push_back("{" + name + "}");
    out.push_back("{" + (same ? name : resultName) + "}");
    filter.push_back(number(c.kernel[d]));
  }
  KernelCheck check;
  check.runs = {sizes};
  std::string x = type(in, c.element), y = type(out, c.element), w = type(filter, c.element),
              b = type({number(c.outputs)}, c.element);
  KernelText &text = check.text;
  text.arguments =
      "%x: " + x + ", %w: " + w + (c.bias ? ", %b: " + b : "") + (c.residual ? ", %r: " + y : "");
  text.body = op(
      "c", "conv", "%x, %w" + std::string(c.bias ? ", %b" : ""), x + ", " + w + (c.bias ? ", " + b : ""), y,
      "strides = " + list(c.strides) + ", dilations = " + list(c.dilations) + ", pads_low = " + list(c.low) +
          ", pads_high = " + list(c.high) + ", groups = " + number(c.groups) + " : i64");
  if (c.residual)
    text.body += op("s", "add", "%c, %r", y + ", " + y, y) + op("o", "relu", "%s", y, y);
  text.body += ret(c.residual ? "%o" : "%c", y);
  return check;
}

void check(const Conv &c) { checkKernel(makeCheck(c)); }

} // namespace

TEST(GpuConv, ranks) {
  check({{2, 5, 40}, 7, {3}, {1}, {1}, {1}, {}, 1, true});
  check({{1, 12, 70}, 20, {5}, {2}, {2}, {1}});
  check({{2, 4, 9, 33}, 18, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 1, true});
  check({{1, 4, 10, 21}, 8, {3, 2}, {2, 3}, {0, 1}, {2, 1}, {2, 2}});
  check({{1, 3, 5, 6, 18}, 4, {3, 2, 3}, {1, 2, 1}, {1, 0, 1}, {1, 1, 1}});
}

TEST(GpuConv, pointwise) {
  check({{2, 6, 7, 7}, 9, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {}, 1, true});
  check({{3, 32, 8, 8}, 64, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {}, 1, true});
  check({{1, 64, 8, 6}, 24, {1, 1}, {2, 2}, {0, 0}, {0, 0}, {}, 1, false, false});
  check({{1, 6, 50}, 16, {1}, {1}, {0}, {0}});
  check({{1, 16, 50}, 16, {1}, {1}, {1}, {1}});
}

TEST(GpuConv, padded) {
  check({{2, 32, 9, 14}, 48, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 1, true});
  check({{1, 16, 7, 7}, 64, {3, 3}, {1, 1}, {1, 1}, {1, 1}});
  check({{1, 24, 11, 10}, 16, {3, 3}, {2, 2}, {1, 0}, {1, 1}});
  check({{1, 16, 9, 30}, 80, {5, 3}, {2, 1}, {2, 3}, {1, 0}, {1, 2}});
  check({{1, 16, 3, 3}, 16, {3, 3}, {1, 1}, {4, 2}, {3, 2}, {2, 2}});
  check({{2, 3, 20, 30}, 64, {7, 7}, {2, 2}, {3, 3}, {3, 3}});
}

TEST(GpuConv, valid) {
  check({{2, 16, 8, 16}, 32, {3, 3}, {1, 1}, {0, 0}, {0, 0}});
  check({{1, 48, 13, 13}, 33, {2, 4}, {3, 2}, {0, 0}, {0, 0}, {2, 1}});
  check({{1, 4, 16, 16}, 40, {4, 4}, {4, 4}, {0, 0}, {0, 0}});
}

TEST(GpuConv, groups) {
  check({{2, 6, 8, 20}, 12, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 3});
  check({{1, 64, 10, 10}, 128, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 2});
  check({{1, 40, 5, 5}, 40, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {}, 4});
}

TEST(GpuConv, depthwise) {
  check({{2, 32, 9, 20}, 32, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 32, true});
  check({{1, 24, 15, 14}, 24, {3, 3}, {2, 2}, {1, 0}, {1, 1}, {}, 24});
  check({{1, 6, 30}, 12, {3}, {1}, {1}, {1}, {}, 6, true, false});
}

TEST(GpuConv, otherElements) {
  check({{1, 6, 8, 20}, 5, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 1, true, true, "f16"});
  check({{1, 16, 8, 20}, 32, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {}, 1, true, true, "f16"});
  check({{1, 6, 8, 20}, 5, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {}, 1, false, true, "bf16"});
  check({{1, 6, 8, 20}, 5, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 1, false, true, "f64"});
}

namespace {
/// Input [N, C, spatial...], filter [C, outputs / groups, kernel...].
void checkTranspose(const Ints &input, int64_t outputs, const Ints &kernel, const Ints &strides,
                    const Ints &low, const Ints &high, const Ints &more, Ints dilations = {},
                    int64_t groups = 1, const std::string &element = "f32") {
  size_t rank = kernel.size();
  if (dilations.empty())
    dilations.assign(rank, 1);
  Sizes sizes{{"n", input[0]}};
  std::vector<std::string> in{"{n}", number(input[1])}, out{"{n}", number(outputs)},
      filter{number(input[1]), number(outputs / groups)};
  for (size_t d = 0; d < rank; ++d) {
    sizes["d" + number(d)] = input[2 + d];
    sizes["o" + number(d)] =
        (input[2 + d] - 1) * strides[d] + more[d] + dilations[d] * (kernel[d] - 1) + 1 - low[d] - high[d];
    in.push_back("{d" + number(d) + "}");
    out.push_back("{o" + number(d) + "}");
    filter.push_back(number(kernel[d]));
  }
  KernelCheck check;
  check.runs = {sizes};
  std::string x = type(in, element), w = type(filter, element), y = type(out, element),
              b = type({number(outputs)}, element);
  check.text.arguments = "%x: " + x + ", %w: " + w + ", %b: " + b;
  check.text.body = "%c = nn.conv_transpose %x, %w, %b {strides = " + list(strides) +
                    ", dilations = " + list(dilations) + ", pads_low = " + list(low) +
                    ", pads_high = " + list(high) + ", output_padding = " + list(more) +
                    ", groups = " + number(groups) + " : i64} : (" + x + ", " + w + ", " + b + ") -> " + y +
                    "\n%r = nn.relu %c : (" + y + ") -> " + y + "\nreturn %r : " + y;
  checkKernel(check);
}
} // namespace

TEST(GpuConvTranspose, computesAsReference) {
  checkTranspose({2, 5, 20}, 6, {3}, {1}, {1}, {1}, {0});
  checkTranspose({1, 5, 9, 20}, 10, {2, 2}, {2, 2}, {0, 0}, {0, 0}, {0, 0});
  checkTranspose({2, 4, 7, 11}, 6, {3, 4}, {2, 3}, {1, 2}, {0, 1}, {1, 2}, {}, 2);
  checkTranspose({1, 3, 6, 18}, 4, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {2, 3});
  checkTranspose({1, 3, 4, 5, 18}, 4, {3, 2, 3}, {1, 2, 2}, {0, 1, 1}, {1, 0, 1}, {0, 1, 0});
  checkTranspose({1, 3, 6, 18}, 4, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {}, 1, "f16");
}
