// Convolutions against reference evaluation: layouts, borders, strides, dilations, groups, epilogues.

#include "test/targets/cpu/KernelTest.h"
#include "llvm/ADT/StringExtras.h"

using namespace aicc::cpu::test;

namespace {

using Ints = std::vector<int64_t>;

struct Conv {
  Ints input; // N, C, spatial..., as in plain layout
  int64_t outputs;
  Ints kernel, strides, low, high;
  Ints dilations = {};
  int64_t groups = 1;
  bool block = true, blockInput = true;
  bool residual = false; // then relu
  bool bias = true;
  std::string element = "f32";
  bool packedFilter = true;
};

std::string list(const Ints &values) {
  return "array<i64: " +
         llvm::join(llvm::map_range(values, [](int64_t v) { return std::to_string(v); }), ", ") + ">";
}

std::string type(const std::vector<std::string> &sizes, const std::string &element) {
  return "tensor<" + llvm::join(sizes, "x") + "x" + element + ">";
}

std::string number(int64_t value) { return std::to_string(value); }

/// Sizes of batch and space are symbols n, d0, d1, ... and the result's o0, o1, ...
KernelCheck makeCheck(Conv c) {
  size_t rank = c.kernel.size();
  if (c.dilations.empty())
    c.dilations.assign(rank, 1);
  int64_t perGroup = c.input[1] / c.groups;
  Sizes sizes{{"n", c.input[0]}};
  bool blockedIn = c.block && c.blockInput;
  std::vector<std::string> in{"{n}", number(blockedIn ? (c.input[1] + 15) / 16 : c.input[1])};
  std::vector<std::string> out{"{n}", number(c.block ? (c.outputs + 15) / 16 : c.outputs)};
  std::vector<std::string> filter{number(c.outputs), number(perGroup)}, panels{number((c.outputs + 15) / 16)};
  std::vector<std::string> turned{panels[0], number(perGroup)};
  Ints perm{0, int64_t(rank) + 1};
  bool same = true;
  for (size_t d = 0; d < rank; ++d) {
    int64_t span = c.dilations[d] * (c.kernel[d] - 1) + 1, size = c.input[2 + d];
    int64_t result = (size + c.low[d] + c.high[d] - span) / c.strides[d] + 1;
    same &= c.strides[d] == 1 && result == size;
  }
  for (size_t d = 0; d < rank; ++d) {
    std::string name = "d" + number(d), resultName = "o" + number(d);
    int64_t span = c.dilations[d] * (c.kernel[d] - 1) + 1;
    sizes[name] = c.input[2 + d];
    if (!same)
      sizes[resultName] = (c.input[2 + d] + c.low[d] + c.high[d] - span) / c.strides[d] + 1;
    in.push_back("{" + name + "}");
    out.push_back("{" + (same ? name : resultName) + "}");
    for (auto *sizes : {&filter, &panels, &turned})
      sizes->push_back(number(c.kernel[d]));
    perm.push_back(1 + d);
  }
  perm.push_back(rank + 2);
  panels.insert(panels.end(), {number(perGroup), "16"});
  turned.push_back("16");
  if (blockedIn)
    in.push_back("16");
  if (c.block)
    out.push_back("16");

  KernelCheck check;
  check.runs = {sizes};
  std::string x = type(in, c.element), y = type(out, c.element), w = type(filter, c.element),
              p = type(panels, c.element);
  std::string b = "tensor<" + number(c.outputs) + "x" + c.element + ">";
  KernelText &text = check.text;
  text.arguments = "%x: " + x + ", %w: " + (c.packedFilter ? p : w) + (c.bias ? ", %b: " + b : "") +
                   (c.residual ? ", %r: " + y : "");
  if (c.packedFilter)
    text.body = "%u = nn.transpose %w {perm = " + list(perm) + "} : (" + p + ") -> " +
                type(turned, c.element) + "\n%f = nn.unpack %u {axis = 0 : i64, size = " + number(c.outputs) +
                " : i64} : (" + type(turned, c.element) + ") -> " + w + "\n";
  text.body += "%c = nn.conv %x, " + std::string(c.packedFilter ? "%f" : "%w") + (c.bias ? ", %b" : "") +
               " {strides = " + list(c.strides) + ", dilations = " + list(c.dilations) +
               ", pads_low = " + list(c.low) + ", pads_high = " + list(c.high) +
               ", groups = " + number(c.groups) + " : i64, block = " + (c.block ? "16" : "0") +
               " : i64, block_input = " + (blockedIn || !c.block ? "true" : "false") + "} : (" + x + ", " +
               w + (c.bias ? ", " + b : "") + ") -> " + y + "\n";
  if (c.residual)
    text.body += "%s = nn.add %c, %r : (" + y + ", " + y + ") -> " + y + "\n%o = nn.relu %s : (" + y +
                 ") -> " + y + "\n";
  text.body += "return " + std::string(c.residual ? "%o" : "%c") + " : " + y;
  // Channels that only fill the last panel have no weights.
  if (c.packedFilter && c.outputs % 16)
    check.fill = [outputs = c.outputs](unsigned index, aicc::nn::Tensor &tensor) {
      int64_t rest = outputs % 16, perPanel = tensor.getNumElements() / tensor.getShape()[0];
      for (int64_t i = tensor.getNumElements() - perPanel; index == 1 && i < tensor.getNumElements(); ++i)
        if (i % 16 >= rest)
          tensor.setDouble(i, 0);
    };
  return check;
}

void check(const Conv &c) { checkKernel(makeCheck(c)); }

} // namespace

TEST(BlockedConvTest, Pointwise) {
  check({{2, 32, 7, 7}, 32, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {}, 1, true, true, true});
  check({{1, 20, 5, 9}, 50, {1, 1}, {1, 1}, {0, 0}, {0, 0}});
  check({{1, 64, 8, 6}, 24, {1, 1}, {2, 2}, {0, 0}, {0, 0}, {}, 1, true, true, false, false});
}

TEST(BlockedConvTest, Padded) {
  check({{2, 32, 9, 14}, 48, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 1, true, true, true});
  check({{1, 16, 7, 7}, 64, {3, 3}, {1, 1}, {1, 1}, {1, 1}});
  check({{1, 24, 11, 10}, 16, {3, 3}, {2, 2}, {1, 0}, {1, 1}});
  check({{1, 16, 9, 30}, 80, {5, 3}, {2, 1}, {2, 3}, {1, 0}, {1, 2}});
  check({{1, 16, 6, 5}, 16, {1, 7}, {1, 1}, {0, 3}, {0, 3}});
  check({{1, 16, 3, 3}, 16, {3, 3}, {1, 1}, {4, 2}, {3, 2}, {2, 2}});
}

TEST(BlockedConvTest, Valid) {
  check({{2, 16, 8, 16}, 32, {3, 3}, {1, 1}, {0, 0}, {0, 0}});
  check({{1, 48, 13, 13}, 33, {2, 4}, {3, 2}, {0, 0}, {0, 0}, {2, 1}});
}

TEST(BlockedConvTest, PlainInput) {
  check({{2, 3, 20, 30}, 64, {7, 7}, {2, 2}, {3, 3}, {3, 3}, {}, 1, true, false});
  check({{1, 1, 12, 12}, 8, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 1, true, false});
  check({{1, 4, 16, 16}, 40, {4, 4}, {4, 4}, {0, 0}, {0, 0}, {}, 1, true, false});
  check({{1, 3, 9, 33}, 16, {3, 11}, {1, 1}, {1, 5}, {1, 5}, {}, 1, true, false});
}

TEST(BlockedConvTest, Groups) { check({{1, 64, 10, 10}, 128, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 2}); }

TEST(BlockedConvTest, HalfPrecision) {
  check({{1, 32, 7, 9}, 32, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 1, true, true, true, true, "f16"});
  check({{1, 32, 7, 9}, 32, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {}, 1, true, true, true, true, "bf16"});
}

TEST(BlockedConvTest, Depthwise) {
  check({{2, 32, 9, 20}, 32, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 32, true, true, true});
  check({{1, 24, 15, 14}, 24, {3, 3}, {2, 2}, {1, 0}, {1, 1}, {}, 24});
  check({{1, 16, 7, 7}, 16, {5, 5}, {1, 1}, {2, 2}, {2, 2}, {}, 16, true, true, false, false});
  check({{1, 16, 12, 19}, 16, {3, 9}, {1, 1}, {2, 8}, {2, 8}, {2, 2}, 16});
  check({{1, 16, 3, 2}, 16, {3, 3}, {2, 3}, {2, 2}, {2, 2}, {}, 16});
}

TEST(PlainConvTest, Ranks) {
  check({{2, 5, 40}, 7, {3}, {1}, {1}, {1}, {}, 1, false, true, true});
  check({{1, 12, 70}, 20, {5}, {2}, {2}, {1}, {}, 1, false});
  check({{2, 4, 9, 33}, 18, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 1, false, true, true});
  check({{1, 4, 10, 21}, 8, {3, 2}, {2, 3}, {0, 1}, {2, 1}, {2, 2}, 1, false});
  check({{1, 3, 5, 6, 18}, 4, {3, 2, 3}, {1, 2, 1}, {1, 0, 1}, {1, 1, 1}, {}, 1, false});
}

TEST(PlainConvTest, Pointwise) {
  check({{2, 6, 7, 7}, 9, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {}, 1, false, true, true});
  check({{1, 6, 50}, 16, {1}, {1}, {0}, {0}, {}, 1, false});
}

TEST(PlainConvTest, Groups) {
  check({{2, 6, 8, 20}, 12, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 3, false});
  check({{1, 6, 30}, 6, {3}, {1}, {1}, {1}, {}, 6, false, true, true, false});
  check({{1, 40, 5, 5}, 40, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {}, 4, false});
}

TEST(PlainConvTest, FilterFromElsewhere) {
  check({{1, 6, 8, 20}, 12, {3, 3}, {1, 2}, {1, 1}, {1, 1}, {}, 2, false, true, false, true, "f32", false});
}

TEST(PlainConvTest, OtherElements) {
  check({{1, 6, 8, 20}, 5, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 1, false, true, true, true, "f16"});
  check({{1, 6, 8, 20}, 5, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {}, 1, false, true, false, true, "bf16"});
  check({{1, 6, 8, 20}, 5, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {}, 1, false, true, true, true, "f64"});
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

TEST(ConvTransposeTest, ComputesAsReference) {
  checkTranspose({2, 5, 20}, 6, {3}, {1}, {1}, {1}, {0});
  checkTranspose({1, 5, 9, 20}, 10, {2, 2}, {2, 2}, {0, 0}, {0, 0}, {0, 0});
  checkTranspose({2, 4, 7, 11}, 6, {3, 4}, {2, 3}, {1, 2}, {0, 1}, {1, 2}, {}, 2);
  checkTranspose({1, 3, 6, 18}, 4, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {2, 3});
  checkTranspose({1, 3, 4, 5, 18}, 4, {3, 2, 3}, {1, 2, 2}, {0, 1, 1}, {1, 0, 1}, {0, 1, 0});
  checkTranspose({1, 3, 6, 18}, 4, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {}, 1, "f16");
}
