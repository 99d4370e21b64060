// Tests of kernels without a reduction: elementwise work under all kinds of broadcasting, views, data
// movement, casts. For inclusion, once, behind the kernel tests of one kind of device, which define
// checkKernel.

/// One operation on %x.
static KernelText unary(const std::string &from, const std::string &to, const std::string &name,
                        const std::string &attributes, const std::string &further = "") {
  return {"%x: " + from + further, op("r", name, "%x", from, to, attributes) + ret("%r", to)};
}

static const std::vector<Sizes> boxes = {{{"a", 1}, {"b", 1}, {"c", 1}},
                                         {{"a", 3}, {"b", 5}, {"c", 17}},
                                         {{"a", 2}, {"b", 33}, {"c", 3}},
                                         {{"a", 7}, {"b", 4}, {"c", 100}}};

//===--- elementwise
//-----------------------------------------------------------------------------------------------------===//

TEST(MapKernel, broadcasts) {
  std::string x = tensor("{a}x{b}x{c}");
  for (std::string other :
       {"{a}x{b}x{c}", "{c}", "1", "", "{b}x1", "{b}x{c}", "{a}x1x{c}", "{a}x1x1", "1x{b}x1", "{a}x{b}x1"}) {
    std::string y = tensor(other);
    checkKernel({{"%x: " + x + ", %y: " + y, op("s", "add", "%x, %y", x + ", " + y, x) +
                                                 op("r", "mul", "%y, %s", y + ", " + x, x) + ret("%r", x)},
                 boxes});
  }
}

TEST(MapKernel, outerProduct) {
  std::string x = tensor("{a}x1x{c}"), y = tensor("{b}x1"), r = tensor("{a}x{b}x{c}");
  checkKernel({{"%x: " + x + ", %y: " + y, op("r", "sub", "%x, %y", x + ", " + y, r) + ret("%r", r)}, boxes});
}

TEST(MapKernel, unknownBroadcasts) {
  // m = max(p, q): one of them may be 1.
  std::vector<Sizes> runs = {{{"c", 5}, {"m", 4}, {"p", 4}, {"q", 1}},
                             {{"c", 17}, {"m", 33}, {"p", 1}, {"q", 33}},
                             {{"c", 1}, {"m", 17}, {"p", 17}, {"q", 17}}};
  std::string m = ", %m: " + tensor("{m}", "i8");
  std::string x = tensor("{p}x{c}"), y = tensor("{q}x{c}"), r = tensor("{m}x{c}");
  checkKernel(
      {{"%x: " + x + ", %y: " + y + m, op("r", "add", "%x, %y", x + ", " + y, r) + ret("%r", r)}, runs});
  x = tensor("{c}x{p}"), y = tensor("{c}x{q}"), r = tensor("{c}x{m}");
  checkKernel(
      {{"%x: " + x + ", %y: " + y + m, op("r", "add", "%x, %y", x + ", " + y, r) + ret("%r", r)}, runs});
  checkKernel({{"%x: " + x + ", %y: " + y + m,
                op("n", "neg", "%y", y, y) + op("r", "add", "%x, %n", x + ", " + y, r) + ret("%r", r)},
               runs});
}

TEST(MapKernel, broadcastOp) {
  std::vector<Sizes> runs = {{{"m", 4}, {"n", 17}, {"p", 1}}, {{"m", 3}, {"n", 5}, {"p", 3}}};
  checkKernel(
      {unary(tensor("{n}"), tensor("{m}x{n}"), "broadcast", "shape = <<m, n>>", ", %y: " + tensor("{m}")),
       {{{"m", 4}, {"n", 17}}, {{"m", 1}, {"n", 5}}}});
  checkKernel(
      {unary(tensor("{p}x{n}"), tensor("{m}x{n}"), "broadcast", "shape = <<m, n>>", ", %y: " + tensor("{m}")),
       runs});
  checkKernel(
      {unary(tensor("{n}x{p}"), tensor("{n}x{m}"), "broadcast", "shape = <<n, m>>", ", %y: " + tensor("{m}")),
       runs});
}

TEST(MapKernel, severalResults) {
  std::string x = tensor("{a}x{b}x{c}"), p = tensor("{a}x{b}x{c}", "i1");
  checkKernel({{"%x: " + x + ", %y: " + x,
                op("s", "add", "%x, %y", x + ", " + x, x) + op("t", "tanh", "%s", x, x) +
                    op("p", "compare", "%t, %x", x + ", " + x, p, "kind = #nn.compare<lt>") +
                    op("q", "select", "%p, %s, %t", p + ", " + x + ", " + x, x) +
                    ret("%s, %p, %q", x + ", " + p + ", " + x)},
               boxes});
}

TEST(MapKernel, scalarsAndNothing) {
  checkKernel({unary(tensor(""), tensor(""), "exp", "")});
  checkKernel({unary(tensor("{m}x{n}"), tensor("{m}x{n}"), "exp", ""),
               {{{"m", 0}, {"n", 5}}, {{"m", 5}, {"n", 0}}, {{"m", 1}, {"n", 5000}}}});
}

TEST(MapKernel, otherTypes) {
  for (std::string element : {"f16", "bf16", "f64", "i64", "i32", "i8", "ui8", "i16", "ui16", "ui32"}) {
    std::string x = tensor("{m}x{n}", element), p = tensor("{m}x{n}", "i1");
    std::vector<Sizes> runs = {{{"m", 3}, {"n", 17}}, {{"m", 2}, {"n", 100}}};
    for (std::string name : {"add", "mul", "sub", "max"})
      checkKernel(
          {{"%x: " + x + ", %y: " + x, op("r", name, "%x, %y", x + ", " + x, x) + ret("%r", x)}, runs});
    checkKernel(
        {{"%x: " + x + ", %y: " + x, op("p", "compare", "%x, %y", x + ", " + x, p, "kind = #nn.compare<ge>") +
                                         op("r", "select", "%p, %x, %y", p + ", " + x + ", " + x, x) +
                                         ret("%p, %r", p + ", " + x)},
         runs});
  }
}

TEST(MapKernel, logic) {
  std::string x = tensor("{m}x{n}", "i1");
  checkKernel(
      {{"%x: " + x + ", %y: " + x, op("a", "and", "%x, %y", x + ", " + x, x) + op("n", "not", "%a", x, x) +
                                       op("r", "xor", "%n, %y", x + ", " + x, x) + ret("%r", x)},
       {{{"m", 3}, {"n", 17}}, {{"m", 2}, {"n", 100}}}});
}

TEST(MapKernel, casts) {
  auto fill = [](unsigned, aicc::nn::Tensor &x) {
    bool negative = !x.getElementType().isUnsignedInteger() && !x.getElementType().isInteger(1);
    for (int64_t i = 0; i < x.getNumElements(); ++i)
      x.setDouble(i, x.getElementType().isInteger(1) ? double(i % 2)
                                                     : (i * 0.75) * (negative && i % 3 == 0 ? -1 : 1));
  };
  auto positive = [](unsigned, aicc::nn::Tensor &x) {
    for (int64_t i = 0; i < x.getNumElements(); ++i)
      x.setDouble(i, x.getElementType().isInteger(1) ? double(i % 2) : i * 0.75);
  };
  std::vector<std::string> types = {"f32", "f16",  "bf16", "f64",  "i64", "i32", "i16",
                                    "i8",  "ui64", "ui32", "ui16", "ui8", "i1"};
  for (const std::string &from : types)
    for (const std::string &to : types) {
      bool keepPositive =
          from[0] != 'i' && to[0] == 'u'; // negative floats to unsigned integers are unspecified
      std::string attributes = "to = " + to;
      Fill chosen = fill;
      if (keepPositive)
        chosen = positive;
      checkKernel({unary(tensor("{m}x{n}", from), tensor("{m}x{n}", to), "cast", attributes),
                   {{{"m", 3}, {"n", 33}}},
                   0,
                   chosen});
    }
}

TEST(MapKernel, narrowFloats) {
  auto codes = [](unsigned, aicc::nn::Tensor &x) {
    for (int64_t i = 0; i < x.getNumElements(); ++i)
      x.setInt(i, i % 256);
  };
  // Ties, subnormals, what overflows and what underflows, of both signs.
  auto numbers = [](unsigned, aicc::nn::Tensor &x) {
    for (int64_t i = 0; i < x.getNumElements(); ++i)
      x.setDouble(i, std::ldexp(1 + i % 32 / 32.0, i / 32 % 48 - 24) * (i % 3 ? 1 : -1));
  };
  std::string c = tensor("{m}x{n}", "ui8"), f = tensor("{m}x{n}");
  for (std::string format : {"f8E4M3FN", "f8E4M3FNUZ", "f8E5M2", "f8E5M2FNUZ", "f8E8M0FNU", "f4E2M1FN"}) {
    std::string attribute = "format = #nn.format<" + format + ">";
    checkKernel({unary(c, f, "decode", attribute), {{{"m", 9}, {"n", 33}}}, 0, codes});
    for (std::string further : {"", ", saturate = false"})
      checkKernel({unary(f, c, "encode", attribute + further), {{{"m", 48}, {"n", 33}}}, 0, numbers});
  }
}

TEST(MapKernel, bits) {
  std::string f = tensor("{m}x{n}"), i = tensor("{m}x{n}", "i32"), s = tensor("{m}x{n}", "i8");
  checkKernel({unary(f, i, "bitcast", "to = i32"), {{{"m", 3}, {"n", 33}}}});
  checkKernel({unary(i, f, "bitcast", "to = f32"), {{{"m", 3}, {"n", 33}}}});
  for (std::string left : {"left = true", "left = false"})
    checkKernel(
        {{"%x: " + s + ", %y: " + s, op("r", "shift", "%x, %y", s + ", " + s, s, left) + ret("%r", s)},
         {{{"m", 3}, {"n", 33}}}});
}

TEST(MapKernel, constants) {
  checkKernel({{"%x: tensor<{m}x3xf32>",
                "%k = nn.constant dense<[1.0, 2.0, 4.0]> : tensor<3xf32>\n" +
                    op("r", "mul", "%x, %k", "tensor<{m}x3xf32>, tensor<3xf32>", "tensor<{m}x3xf32>") +
                    ret("%r", "tensor<{m}x3xf32>")},
               {{{"m", 1}}, {{"m", 33}}}});
  checkKernel({{"%x: tensor<{m}x3xi64>",
                "%k = nn.constant dense<7> : tensor<i64>\n" +
                    op("r", "add", "%x, %k", "tensor<{m}x3xi64>, tensor<i64>", "tensor<{m}x3xi64>") +
                    ret("%r", "tensor<{m}x3xi64>")},
               {{{"m", 1}}, {{"m", 33}}}});
}

TEST(MapKernel, sizesAndPositions) {
  checkKernel(
      {{"%x: tensor<{m}x{n}xf32>",
        op("r", "sizes", "", "", "tensor<3xi64>", "value = <<m, n * 2, 7>>") + ret("%r", "tensor<3xi64>")},
       {{{"m", 3}, {"n", 17}}}});
  checkKernel({{"%x: tensor<{m}x{n}xf32>",
                op("r", "sizes", "", "", "tensor<i64>", "value = <<m * n>>, scalar = true") +
                    ret("%r", "tensor<i64>")},
               {{{"m", 3}, {"n", 17}}}});
  for (std::string element : {"i64", "i32", "f32", "f16", "i8"})
    for (std::string axis : {"0", "1"})
      checkKernel(
          {{"%x: tensor<{m}x{n}xi8>", op("r", "iota", "", "", tensor("{m}x{n}", element),
                                         "shape = <<m, n>>, axis = " + axis + " : i64, type = " + element) +
                                          ret("%r", tensor("{m}x{n}", element))},
           {{{"m", 3}, {"n", 17}}, {{"m", 33}, {"n", 1}}}});
  // The causal mask of a decoder with a cache.
  std::string i = tensor("{s}x1", "i64"), j = tensor("1x{t}", "i64"), p = tensor("{s}x{t}", "i1"),
              r = tensor("{s}x{t}");
  checkKernel({{"%x: tensor<{s}x{t}xi8>",
                op("i", "iota", "", "", i, "shape = <<s, 1>>, axis = 0 : i64, type = i64") +
                    op("j", "iota", "", "", j, "shape = <<1, t>>, axis = 1 : i64, type = i64") +
                    op("d", "sizes", "", "", "tensor<i64>", "value = <<t - s>>, scalar = true") +
                    op("k", "add", "%i, %d", i + ", tensor<i64>", i) +
                    op("p", "compare", "%j, %k", j + ", " + i, p, "kind = #nn.compare<le>") +
                    "%zero = nn.constant dense<0.0> : tensor<f32>\n%low = nn.constant dense<-3.0e38> : "
                    "tensor<f32>\n" +
                    op("r", "select", "%p, %zero, %low", p + ", tensor<f32>, tensor<f32>", r) + ret("%r", r)},
               {{{"s", 1}, {"t", 17}}, {{"s", 5}, {"t", 33}}, {{"s", 16}, {"t", 16}}}});
}

//===--- views
//-----------------------------------------------------------------------------------------------------------===//

TEST(MapKernel, transposes) {
  checkKernel({unary(tensor("{a}x{b}x{c}"), tensor("{c}x{a}x{b}"), "transpose", "perm = array<i64: 2, 0, 1>"),
               boxes});
  checkKernel({unary(tensor("{a}x{b}x{c}"), tensor("{b}x{a}x{c}"), "transpose", "perm = array<i64: 1, 0, 2>"),
               boxes});
  for (std::string element : {"f16", "i64", "i8", "i1"})
    checkKernel({unary(tensor("{a}x{b}x{c}", element), tensor("{a}x{c}x{b}", element), "transpose",
                       "perm = array<i64: 0, 2, 1>"),
                 boxes});
  std::string x = tensor("{a}x{b}x{c}"), y = tensor("{c}x{b}x{a}"), z = tensor("{a}x{c}x{b}");
  checkKernel({{"%x: " + x + ", %y: " + y,
                op("t", "transpose", "%y", y, x, "perm = array<i64: 2, 1, 0>") +
                    op("s", "add", "%x, %t", x + ", " + x, x) +
                    op("r", "transpose", "%s", x, z, "perm = array<i64: 0, 2, 1>") + ret("%r", z)},
               boxes});
}

TEST(MapKernel, reshapes) {
  std::vector<Sizes> runs = {{{"b", 2}, {"s", 3}}, {{"b", 1}, {"s", 17}}, {{"b", 3}, {"s", 33}}};
  // Heads apart and together again.
  checkKernel(
      {{"%x: " + tensor("{b}x{s}x48"),
        op("v", "reshape", "%x", tensor("{b}x{s}x48"), tensor("{b}x{s}x3x16"), "shape = <<b, s, 3, 16>>") +
            op("r", "transpose", "%v", tensor("{b}x{s}x3x16"), tensor("{b}x3x{s}x16"),
               "perm = array<i64: 0, 2, 1, 3>") +
            ret("%r", tensor("{b}x3x{s}x16"))},
       runs});
  checkKernel({{"%x: " + tensor("{b}x3x{s}x16"), op("v", "transpose", "%x", tensor("{b}x3x{s}x16"),
                                                    tensor("{b}x{s}x3x16"), "perm = array<i64: 0, 2, 1, 3>") +
                                                     op("r", "reshape", "%v", tensor("{b}x{s}x3x16"),
                                                        tensor("{b}x{s}x48"), "shape = <<b, s, 48>>") +
                                                     ret("%r", tensor("{b}x{s}x48"))},
               runs});
  checkKernel(
      {{"%x: " + tensor("{b}x3x{s}x5"),
        op("v", "transpose", "%x", tensor("{b}x3x{s}x5"), tensor("{b}x{s}x3x5"),
           "perm = array<i64: 0, 2, 1, 3>") +
            op("w", "reshape", "%v", tensor("{b}x{s}x3x5"), tensor("{b}x{s}x15"), "shape = <<b, s, 15>>") +
            op("r", "neg", "%w", tensor("{b}x{s}x15"), tensor("{b}x{s}x15")) +
            ret("%r", tensor("{b}x{s}x15"))},
       runs});
  // Elements that have no common groups.
  checkKernel({{"%x: " + tensor("{s}x6"),
                op("t", "transpose", "%x", tensor("{s}x6"), tensor("6x{s}"), "perm = array<i64: 1, 0>") +
                    op("r", "reshape", "%t", tensor("6x{s}"), tensor("{s}x2x3"), "shape = <<s, 2, 3>>") +
                    ret("%r", tensor("{s}x2x3"))},
               {{{"s", 1}}, {{"s", 17}}}});
}

TEST(MapKernel, slices) {
  auto slice = [](const std::string &from, const std::string &to, const std::string &offsets,
                  const std::string &sizes, const std::string &steps, const std::string &further = "") {
    KernelText text =
        unary(tensor(from), tensor(to), "slice",
              "offsets = <<" + offsets + ">>, sizes = <<" + sizes + ">>, steps = array<i64: " + steps + ">",
              further);
    return text;
  };
  std::vector<Sizes> runs = {{{"m", 2}, {"n", 1}}, {{"m", 5}, {"n", 17}}, {{"m", 3}, {"n", 100}}};
  checkKernel({slice("{m}x60x{n}", "{m}x20x{n}", "0, 7, 0", "m, 20, n", "1, 1, 1"), runs});
  checkKernel({slice("{m}x60x{n}", "{m}x20x{n}", "0, 59, 0", "m, 20, n", "1, -3, 1"), runs});
  checkKernel({slice("{m}x{n}", "{m}x{n}", "0, n - 1", "m, n", "1, -1"), runs});
  checkKernel({slice("{m}x60", "{m}x20", "0, 16", "m, 20", "1, 1"), {{{"m", 1}}, {{"m", 5}}}});
  checkKernel({slice("{m}x60", "{m}x29", "0, 1", "m, 29", "1, 2"), {{{"m", 1}}, {{"m", 5}}}});
  checkKernel({slice("{m}x{n}", "1x{n}", "m - 1, 0", "1, n", "1, 1"), runs});
  // Halves in work behind them.
  std::string x = tensor("{m}x34"), h = tensor("{m}x17");
  auto half = [&](const std::string &name, const std::string &offset) {
    return op(name, "slice", "%x", x, h,
              "offsets = <<0, " + offset + ">>, sizes = <<m, 17>>, steps = array<i64: 1, 1>");
  };
  checkKernel({{"%x: " + x, half("a", "0") + half("b", "17") + op("g", "sigmoid", "%b", h, h) +
                                op("r", "mul", "%a, %g", h + ", " + h, h) + ret("%r", h)},
               {{{"m", 1}}, {{"m", 5}}}});
}

//===--- movement
//--------------------------------------------------------------------------------------------------------===//

TEST(MapKernel, gathers) {
  auto gather = [](const std::string &from, const std::string &indices, const std::string &to, int axis,
                   const std::string &element = "f32", const std::string &index = "i64") {
    std::string x = tensor(from, element), i = tensor(indices, index), r = tensor(to, element);
    return KernelText{"%x: " + x + ", %i: " + i, op("r", "gather", "%x, %i", x + ", " + i, r,
                                                    "axis = " + std::to_string(axis) + " : i64") +
                                                     ret("%r", r)};
  };
  std::vector<Sizes> runs = {{{"m", 1}, {"n", 1}}, {{"m", 5}, {"n", 17}}, {{"m", 3}, {"n", 100}}};
  for (std::string element : {"f32", "f16", "i64", "i1"})
    for (std::string index : {"i64", "i32"}) {
      checkKernel({gather("20x{n}", "{m}", "{m}x{n}", 0, element, index), runs});
      checkKernel({gather("{m}x20", "{n}", "{m}x{n}", 1, element, index), runs});
    }
  checkKernel({gather("20x48", "{m}x{n}", "{m}x{n}x48", 0), runs});
  checkKernel({gather("{m}x20x{n}", "", "{m}x{n}", 1), runs});
  checkKernel({gather("{m}x20x{n}", "2x3", "{m}x2x3x{n}", 1), runs});
  checkKernel({gather("{m}x20", "2x{n}", "{m}x2x{n}", 1), runs});
  // With indices that are computed.
  std::string x = tensor("20x{n}"), i = tensor("{m}", "i64"), r = tensor("{m}x{n}");
  checkKernel({{"%x: " + x + ", %i: " + i + ", %y: " + r,
                op("j", "neg", "%i", i, i) + "%k = nn.constant dense<2> : tensor<i64>\n" +
                    op("l", "add", "%j, %k", i + ", tensor<i64>", i) +
                    op("g", "gather", "%x, %l", x + ", " + i, r, "axis = 0 : i64") +
                    op("r", "add", "%g, %y", r + ", " + r, r) + ret("%r", r)},
               runs});
}

TEST(MapKernel, concatenations) {
  auto concat = [](std::vector<std::string> parts, const std::string &to, int axis,
                   const std::string &further = "") {
    std::string arguments, names, types;
    for (size_t i = 0; i < parts.size(); ++i) {
      std::string name = "%p" + std::to_string(i), separator = i ? ", " : "";
      arguments += separator + name + ": " + tensor(parts[i]);
      names += separator + name;
      types += separator + tensor(parts[i]);
    }
    return KernelText{arguments + further, op("r", "concat", names, types, tensor(to),
                                              "axis = " + std::to_string(axis) + " : i64") +
                                               ret("%r", tensor(to))};
  };
  std::vector<Sizes> runs = {
      {{"m", 1}, {"n", 1}, {"t", 2}}, {{"m", 5}, {"n", 17}, {"t", 22}}, {{"m", 33}, {"n", 100}, {"t", 133}}};
  std::string t = ", %t: " + tensor("{t}", "i8");
  checkKernel({concat({"{m}x5", "{n}x5"}, "{t}x5", 0, t), runs});
  checkKernel({concat({"3x{m}", "3x{n}"}, "3x{t}", 1, t), runs});
  checkKernel({concat({"{m}x3x{n}", "{m}x1x{n}", "{m}x20x{n}"}, "{m}x24x{n}", 1),
               {{{"m", 1}, {"n", 1}}, {{"m", 5}, {"n", 17}}, {{"m", 3}, {"n", 100}}}});
  // Key cache: computed rows behind given ones, under a view.
  std::string past = tensor("2x3x{m}x16"), now = tensor("2x{n}x48"), split = tensor("2x{n}x3x16"),
              heads = tensor("2x3x{n}x16"), all = tensor("2x3x{t}x16");
  checkKernel({{"%p: " + past + ", %x: " + now + t,
                op("s", "reshape", "%x", now, split, "shape = <<2, n, 3, 16>>") +
                    op("h", "transpose", "%s", split, heads, "perm = array<i64: 0, 2, 1, 3>") +
                    op("e", "neg", "%h", heads, heads) +
                    op("r", "concat", "%p, %e", past + ", " + heads, all, "axis = 2 : i64") + ret("%r", all)},
               runs});
}

TEST(MapKernel, pads) {
  auto pad = [](const std::string &from, const std::string &to, const std::string &low,
                const std::string &high, const std::string &mode, bool value,
                const std::string &further = "") {
    std::string x = tensor(from), v = tensor("");
    std::string attributes = "low = <<" + low + ">>, high = <<" + high + ">>, mode = #nn.pad<" + mode + ">";
    return KernelText{
        "%x: " + x + (value ? ", %v: " + v : "") + further,
        op("r", "pad", value ? "%x, %v" : "%x", value ? x + ", " + v : x, tensor(to), attributes) +
            ret("%r", tensor(to))};
  };
  std::vector<Sizes> runs = {
      {{"m", 4}, {"n", 4}, {"t", 9}}, {{"m", 5}, {"n", 17}, {"t", 22}}, {{"m", 33}, {"n", 100}, {"t", 105}}};
  std::string t = ", %t: " + tensor("{t}", "i8");
  for (std::string mode : {"constant", "edge", "reflect", "wrap"}) {
    checkKernel({pad("{m}x{n}", "{m}x{t}", "0, 2", "0, 3", mode, false, t), runs});
    checkKernel({pad("{n}x{m}", "{t}x{m}", "3, 0", "2, 0", mode, false, t), runs});
    checkKernel({pad("5x6x7", "8x9x10", "1, 2, 3", "2, 1, 0", mode, false)});
    checkKernel({pad("5x6x7", "6x3x8", "-1, -2, 3", "2, -1, -2", mode, false)});
  }
  checkKernel({pad("{m}x{n}", "{m}x{t}", "0, 2", "0, 3", "constant", true, t), runs});
  checkKernel({pad("{n}x{m}", "{t}x{m}", "3, 0", "2, 0", "constant", true, t), runs});
  checkKernel({pad("{m}x{n}", "{m}x{t}", "0, t - n", "0, 0", "constant", true, t), runs});
  // Of what is computed.
  std::string x = tensor("3x{m}x{n}"), r = tensor("3x{m}x{t}");
  checkKernel({{"%x: " + x + t, op("e", "exp", "%x", x, x) +
                                    op("r", "pad", "%e", x, r,
                                       "low = <<0, 0, 4>>, high = <<0, 0, 1>>, mode = #nn.pad<constant>") +
                                    ret("%r", r)},
               runs});
  for (std::string element : {"f16", "i64", "i1"}) {
    std::string from = tensor("3x7", element), to = tensor("5x12", element);
    checkKernel({{"%x: " + from, op("r", "pad", "%x", from, to,
                                    "low = <<1, 2>>, high = <<1, 3>>, mode = #nn.pad<constant>") +
                                     ret("%r", to)}});
  }
}

TEST(MapKernel, blockedChannels) {
  for (int channels : {16, 48, 3, 17, 33}) {
    std::string c = std::to_string(channels), blocks = std::to_string((channels + 15) / 16);
    std::string plain = tensor("{n}x" + c + "x{h}x5"), packed = tensor("{n}x" + blocks + "x{h}x5x16");
    std::vector<Sizes> runs = {{{"h", 1}, {"n", 1}}, {{"h", 7}, {"n", 2}}};
    checkKernel({{"%x: " + plain, op("r", "pack", "%x", plain, packed, "axis = 1 : i64, block = 16 : i64") +
                                      ret("%r", packed)},
                 runs});
    checkKernel(
        {{"%x: " + packed, op("r", "unpack", "%x", packed, plain, "axis = 1 : i64, size = " + c + " : i64") +
                               ret("%r", plain)},
         runs});
    checkKernel(
        {{"%x: " + plain, op("e", "relu", "%x", plain, plain) +
                              op("r", "pack", "%e", plain, packed, "axis = 1 : i64, block = 16 : i64") +
                              ret("%r", packed)},
         runs});
    checkKernel({{"%x: " + packed,
                  op("e", "relu", "%x", packed, packed) +
                      op("r", "unpack", "%e", packed, plain, "axis = 1 : i64, size = " + c + " : i64") +
                      ret("%r", plain)},
                 runs});
    checkKernel({{"%x: " + packed + ", %y: " + plain,
                  op("u", "unpack", "%x", packed, plain, "axis = 1 : i64, size = " + c + " : i64") +
                      op("r", "add", "%u, %y", plain + ", " + plain, plain) + ret("%r", plain)},
                 runs});
  }
}

TEST(MapKernel, rotations) {
  for (std::string interleaved : {"false", "true"})
    for (std::string depth : {"6", "16", "32", "34", "64"})
      for (std::string element : {"f32", "f16"}) {
        std::string x = tensor("{b}x2x{s}x" + depth, element), y = tensor("{s}x" + depth, element);
        checkKernel(
            {{"%x: " + x + ", %c: " + y + ", %s: " + y,
              op("r", "rope", "%x, %c, %s", x + ", " + y + ", " + y, x, "interleaved = " + interleaved) +
                  ret("%r", x)},
             {{{"b", 1}, {"s", 1}}, {{"b", 2}, {"s", 17}}}});
      }
  // Heads read through a view, angles computed here.
  std::string x = tensor("{b}x{s}x2x32"), h = tensor("{b}x2x{s}x32"), a = tensor("{b}x1x{s}x32");
  checkKernel({{"%x: " + x + ", %a: " + a, op("h", "transpose", "%x", x, h, "perm = array<i64: 0, 2, 1, 3>") +
                                               op("c", "cos", "%a", a, a) + op("s", "sin", "%a", a, a) +
                                               op("r", "rope", "%h, %c, %s", h + ", " + a + ", " + a, h) +
                                               ret("%r", h)},
               {{{"b", 1}, {"s", 1}}, {{"b", 2}, {"s", 17}}}});
}
