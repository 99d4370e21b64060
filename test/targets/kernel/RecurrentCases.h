// Recurrent networks against reference evaluation. For inclusion, once, behind the kernel tests of one kind
// of device, which define checkKernel.

namespace {
/// What a network is tested with: optional operands by letter (b bias, l lengths, h and c initial states, p
/// peephole).
struct Network {
  std::string kind; // "lstm", "gru", "rnn"
  int gates;
  std::string direction = "forward";
  std::string operands = {};
  std::string attribute = {}; // further attributes
  std::string results = {};   // indices of those that are used; empty: all
  std::string element = "f32";
  std::string steps = "{s}", batch = "{b}";
  int inputs = 5, hidden = 7;
};
} // namespace

static KernelText toText(const Network &n) {
  std::string dirs = n.direction == "bidirectional" ? "2" : "1", h = std::to_string(n.hidden),
              rows = std::to_string(n.gates * n.hidden);
  auto type = [&](std::initializer_list<std::string> sizes, const std::string &element) {
    std::string text = "tensor<";
    for (const std::string &size : sizes)
      text += size + "x";
    return text + element + ">";
  };
  std::string state = type({dirs, n.batch, h}, n.element), y = type({n.steps, dirs, n.batch, h}, n.element);
  std::vector<std::pair<char, std::string>> operands = {
      {'x', type({n.steps, n.batch, std::to_string(n.inputs)}, n.element)},
      {'w', type({dirs, rows, std::to_string(n.inputs)}, n.element)},
      {'r', type({dirs, rows, h}, n.element)},
      {'b', type({dirs, std::to_string(2 * n.gates * n.hidden)}, n.element)},
      {'l', type({n.batch}, "i32")},
      {'h', state},
      {'c', state},
      {'p', type({dirs, std::to_string(3 * n.hidden)}, n.element)}};
  operands.resize(n.kind == "lstm" ? 8 : 6);
  std::string arguments, names, types, segments;
  for (auto &[letter, text] : operands) {
    bool given =
        letter == 'x' || letter == 'w' || letter == 'r' || n.operands.find(letter) != std::string::npos;
    segments += std::string(segments.empty() ? "" : ", ") + (given ? "1" : "0");
    if (!given)
      continue;
    std::string separator = names.empty() ? "" : ", ";
    arguments += separator + "%" + letter + ": " + text;
    names += separator + "%" + letter;
    types += separator + text;
  }
  std::vector<std::string> results = {y, state};
  if (n.kind == "lstm")
    results.push_back(state);
  std::string all, used, usedTypes;
  for (size_t i = 0; i < results.size(); ++i) {
    all += (i ? ", " : "") + results[i];
    if (!n.results.empty() && n.results.find(std::to_string(i)) == std::string::npos)
      continue;
    used += (used.empty() ? "%out#" : ", %out#") + std::to_string(i);
    usedTypes += (usedTypes.empty() ? "" : ", ") + results[i];
  }
  std::string attributes = "direction = #nn.direction<" + n.direction + ">, " +
                           (n.attribute.empty() ? "" : n.attribute + ", ") +
                           "operandSegmentSizes = array<i32: " + segments + ">";
  return {arguments, "%out:" + std::to_string(results.size()) + " = nn." + n.kind + " " + names + " {" +
                         attributes + "} : (" + types + ") -> (" + all + ")\nreturn " + used + " : " +
                         usedTypes};
}

/// Lengths from 0 to `steps`.
static Fill lengthsUpTo(int64_t steps) {
  return [steps](unsigned, aicc::nn::Tensor &x) {
    if (x.getElementType().isInteger(32))
      for (int64_t i = 0; i < x.getNumElements(); ++i)
        x.setInt(i, (steps + 2 * i) % (steps + 1));
  };
}

static const std::vector<Sizes> sizes = {
    {{"s", 1}, {"b", 1}}, {{"s", 5}, {"b", 3}}, {{"s", 19}, {"b", 4}}, {{"s", 6}, {"b", 9}}};

TEST(LstmKernel, directions) {
  for (std::string direction : {"forward", "reverse", "bidirectional"})
    checkKernel({toText({"lstm", 4, direction, "b"}), sizes, 1e-4});
}

TEST(LstmKernel, operands) {
  for (std::string operands : {"", "bhc", "bhcp", "hc", "p"})
    checkKernel({toText({"lstm", 4, "bidirectional", operands}),
                 {{{"s", 5}, {"b", 3}}, {{"s", 20}, {"b", 8}}},
                 1e-4});
}

TEST(LstmKernel, lengths) {
  for (std::string direction : {"forward", "reverse", "bidirectional"})
    checkKernel({toText({"lstm", 4, direction, "blhc"}),
                 {{{"s", 19}, {"b", 6}}, {{"s", 19}, {"b", 1}}},
                 1e-4,
                 lengthsUpTo(19)});
}

TEST(LstmKernel, unusedResults) {
  for (std::string results : {"0", "1", "2", "02", "12"})
    checkKernel(
        {toText({"lstm", 4, "forward", "bl", "", results}), {{{"s", 5}, {"b", 3}}}, 1e-4, lengthsUpTo(5)});
}

TEST(LstmKernel, widths) {
  for (auto [inputs, hidden] : {std::pair{1, 1}, {16, 16}, {33, 17}, {100, 64}, {64, 96}}) {
    Network n{"lstm", 4, "forward", "b"};
    n.inputs = inputs, n.hidden = hidden;
    checkKernel({toText(n), {{{"s", 3}, {"b", 1}}, {{"s", 17}, {"b", 5}}}, 1e-4});
  }
}

TEST(LstmKernel, otherTypes) {
  for (std::string element : {"f16", "bf16", "f64"})
    checkKernel({toText({"lstm", 4, "bidirectional", "bhcp", "", "", element, "5", "3"}),
                 {{}},
                 element == "f64" ? 1e-9 : 2e-2});
}

TEST(LstmKernel, constantOperands) {
  std::string y = "tensor<4x1x2x8xf32>", state = "tensor<1x2x8xf32>";
  checkKernel(
      {{"%x: tensor<4x2x3xf32>, %w: tensor<1x32x3xf32>",
        "%r = nn.constant dense<0.05> : tensor<1x32x8xf32>\n%h = nn.constant dense<0.5> : " + state +
            "\n%out:3 = nn.lstm %x, %w, %r, %h, %h {direction = #nn.direction<forward>, operandSegmentSizes "
            "= array<i32: 1, 1, 1, 0, "
            "0, 1, 1, 0>} : (tensor<4x2x3xf32>, tensor<1x32x3xf32>, tensor<1x32x8xf32>, " +
            state + ", " + state + ") -> (" + y + ", " + state + ", " + state + ")\nreturn %out#0 : " + y},
       {{}},
       1e-4});
}

TEST(GruKernel, directions) {
  for (std::string linear : {"true", "false"})
    for (std::string direction : {"forward", "reverse", "bidirectional"})
      checkKernel({toText({"gru", 3, direction, "bh", "linear_before_reset = " + linear}), sizes, 1e-4});
}

TEST(GruKernel, lengths) {
  for (std::string linear : {"true", "false"})
    checkKernel({toText({"gru", 3, "bidirectional", "lh", "linear_before_reset = " + linear}),
                 {{{"s", 19}, {"b", 6}}},
                 1e-4,
                 lengthsUpTo(19)});
}

TEST(GruKernel, widths) {
  for (auto [inputs, hidden] : {std::pair{1, 1}, {16, 16}, {33, 17}, {100, 64}}) {
    Network n{"gru", 3, "forward", "b", "linear_before_reset = false"};
    n.inputs = inputs, n.hidden = hidden;
    checkKernel({toText(n), {{{"s", 3}, {"b", 1}}, {{"s", 17}, {"b", 5}}}, 1e-4});
  }
}

TEST(RnnKernel, activations) {
  for (std::string relu : {"true", "false"})
    for (std::string direction : {"forward", "bidirectional"})
      checkKernel({toText({"rnn", 1, direction, "bh", "relu = " + relu}), sizes, 1e-4});
  checkKernel(
      {toText({"rnn", 1, "reverse", "l", "relu = false"}), {{{"s", 19}, {"b", 6}}}, 1e-4, lengthsUpTo(19)});
}
