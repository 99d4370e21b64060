// Kernels that sweep rows: reductions, positions of extremes, softmax and the norms. For inclusion, once,
// behind the kernel tests of one kind of device, which define checkKernel.

//===--- reductions
//------------------------------------------------------------------------------------------------------===//

static KernelText reduction(const std::string &kind, const std::string &from, const std::string &axes,
                            const std::string &to, const std::string &element = "f32", bool keep = false) {
  return {"%x: " + tensor(from, element),
          "%r = nn.reduce %x {kind = #nn.reduce<" + kind + ">, axes = array<i64" +
              (axes.empty() ? "" : ": ") + axes + ">, keepdims = " + (keep ? "true" : "false") + "} : (" +
              tensor(from, element) + ") -> " + tensor(to, element) + "\nreturn %r : " + tensor(to, element)};
}

static const std::vector<Sizes> rowSizes = {{{"m", 3}, {"n", 1}},   {{"m", 1}, {"n", 3}},
                                            {{"m", 5}, {"n", 17}},  {{"m", 33}, {"n", 33}},
                                            {{"m", 2}, {"n", 100}}, {{"m", 7}, {"n", 384}}};

TEST(ReduceKernel, innermost) {
  for (std::string kind : {"sum", "mean", "max", "min", "prod"})
    checkKernel({reduction(kind, "{m}x{n}", "1", "{m}"), rowSizes});
}

TEST(ReduceKernel, innermostKept) {
  for (std::string kind : {"sum", "mean", "max"})
    checkKernel({reduction(kind, "{m}x{n}", "0", "{n}"), rowSizes});
}

TEST(ReduceKernel, everything) {
  checkKernel({reduction("sum", "{m}x{n}", "0, 1", ""), rowSizes, 1e-5});
  checkKernel({reduction("mean", "{m}x{n}", "0, 1", "1x1", "f32", true), rowSizes, 1e-4});
  checkKernel({reduction("max", "", "", "")});
  checkKernel({reduction("sum", "{m}x{n}", "", "{m}x{n}"), rowSizes});
}

TEST(ReduceKernel, mixedAxes) {
  std::vector<Sizes> runs = {{{"a", 3}, {"b", 5}, {"c", 4}, {"d", 17}},
                             {{"a", 2}, {"b", 16}, {"c", 7}, {"d", 7}}};
  checkKernel({reduction("sum", "{a}x{b}x{c}x{d}", "2, 3", "{a}x{b}"), runs});
  checkKernel({reduction("mean", "{a}x{b}x{c}x{d}", "0, 2", "{b}x{d}"), runs});
  checkKernel({reduction("max", "{a}x{b}x{c}x{d}", "1", "{a}x1x{c}x{d}", "f32", true), runs});
  checkKernel({reduction("sum", "{a}x{b}x{c}x{d}", "1, 3", "{a}x1x{c}x1", "f32", true), runs});
  checkKernel({reduction("mean", "{a}x4x{c}x{d}x16", "2, 3", "{a}x4x16"), {{{"a", 2}, {"c", 7}, {"d", 7}}}});
}

TEST(ReduceKernel, otherTypes) {
  for (std::string element : {"f16", "bf16", "f64", "i64", "i32", "i8", "ui8"}) {
    for (std::string kind : {"sum", "mean", "max", "min"}) {
      checkKernel({reduction(kind, "5x100", "1", "5", element)});
      checkKernel({reduction(kind, "5x33", "0", "33", element)});
    }
  }
  for (std::string kind : {"all", "any"}) {
    checkKernel({reduction(kind, "50x3", "1", "50", "i1")});
    checkKernel({reduction(kind, "3x50", "0", "50", "i1")});
  }
}

TEST(ReduceKernel, notANumber) {
  auto fill = [](unsigned, aicc::nn::Tensor &x) {
    x.setDouble(5, std::nan(""));
    x.setDouble(x.getNumElements() - 1, std::nan(""));
  };
  for (std::string kind : {"max", "min", "sum"}) {
    checkKernel({reduction(kind, "4x70", "1", "4"), {{}}, 0, fill});
    checkKernel({reduction(kind, "4x70", "0", "70"), {{}}, 0, fill});
  }
}

TEST(ReduceKernel, fused) {
  std::string from = tensor("{m}x{n}"), to = tensor("{m}x1");
  checkKernel(
      {{"%x: " + from + ", %y: " + tensor("{n}") + ", %z: " + to,
        "%a = nn.mul %x, %x : (" + from + ", " + from + ") -> " + from + "\n%b = nn.add %a, %y : (" + from +
            ", " + tensor("{n}") + ") -> " + from +
            "\n%c = nn.reduce %b {kind = #nn.reduce<mean>, axes = array<i64: 1>, keepdims = true} : (" +
            from + ") -> " + to + "\n%d = nn.sqrt %c : (" + to + ") -> " + to + "\n%e = nn.add %d, %z : (" +
            to + ", " + to + ") -> " + to + "\nreturn %c, %e : " + to + ", " + to},
       rowSizes,
       0,
       [](unsigned index, aicc::nn::Tensor &x) {
         if (index == 1)
           for (int64_t i = 0; i < x.getNumElements(); ++i)
             x.setDouble(i, 1.0 + i % 3);
       }});
}

TEST(ReduceKernel, throughViews) {
  checkKernel(
      {{"%x: " + tensor("{m}x{n}x8"),
        "%t = nn.transpose %x {perm = array<i64: 1, 0, 2>} : (" + tensor("{m}x{n}x8") + ") -> " +
            tensor("{n}x{m}x8") +
            "\n%r = nn.reduce %t {kind = #nn.reduce<sum>, axes = array<i64: 1, 2>, keepdims = false} : (" +
            tensor("{n}x{m}x8") + ") -> " + tensor("{n}") + "\nreturn %r : " + tensor("{n}")},
       rowSizes});
}

TEST(ReduceKernel, sizesOfOneBehindLanes) {
  std::string from = tensor("6x1x1"), view = tensor("6x1x1x1"), to = tensor("1x1x1x1");
  checkKernel({{"%x: " + from, "%a = nn.reshape %x {shape = affine_map<() -> (6, 1, 1, 1)>} : (" + from +
                                   ") -> " + view +
                                   "\n%b = nn.reduce %a {kind = #nn.reduce<sum>, axes = array<i64: 0, 1, 2, "
                                   "3>, keepdims = true} : (" +
                                   view + ") -> " + to + "\nreturn %b : " + to}});
}

TEST(ArgReduceKernel, axes) {
  auto text = [](const std::string &axis, const std::string &to, bool max, bool last,
                 const std::string &element) {
    return KernelText{
        "%x: " + tensor("{m}x{n}", element),
        "%r = nn.arg_reduce %x {max = " + std::string(max ? "true" : "false") + ", axis = " + axis +
            " : i64, keepdims = false, last = " + (last ? "true" : "false") + "} : (" +
            tensor("{m}x{n}", element) + ") -> " + tensor(to, "i64") + "\nreturn %r : " + tensor(to, "i64")};
  };
  for (std::string element : {"f32", "i32"})
    for (bool max : {false, true})
      for (bool last : {false, true}) {
        checkKernel({text("1", "{m}", max, last, element), rowSizes});
        checkKernel({text("0", "{n}", max, last, element), rowSizes});
      }
}

//===--- softmax
//---------------------------------------------------------------------------------------------------------===//

static KernelText softmax(const std::string &sizes, int axis, bool log = false,
                          const std::string &element = "f32") {
  std::string type = tensor(sizes, element);
  return {"%x: " + type, "%r = nn.softmax %x {axis = " + std::to_string(axis) +
                             " : i64, log = " + (log ? "true" : "false") + "} : (" + type + ") -> " + type +
                             "\nreturn %r : " + type};
}

TEST(SoftmaxKernel, axes) {
  for (bool log : {false, true}) {
    checkKernel({softmax("{m}x{n}", 1, log), rowSizes});
    checkKernel({softmax("{m}x{n}", 0, log), rowSizes});
  }
  std::vector<Sizes> runs = {{{"a", 3}, {"b", 5}, {"c", 7}}, {{"a", 1}, {"b", 33}, {"c", 16}}};
  checkKernel({softmax("{a}x{b}x{c}x3", 1), runs});
}

TEST(SoftmaxKernel, otherTypes) {
  for (std::string element : {"f16", "bf16", "f64"})
    checkKernel({softmax("5x100", 1, false, element), {{}}, element == "f64" ? 1e-6 : 0});
}

TEST(SoftmaxKernel, extremes) {
  auto fill = [](unsigned, aicc::nn::Tensor &x) {
    double inf = std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < 70; ++i) {
      x.setDouble(i, -inf);
      x.setDouble(140 + i, i % 2 ? -inf : i);
      x.setDouble(210 + i, 1e4 * i);
    }
    x.setDouble(75, std::nan(""));
  };
  checkKernel({softmax("4x70", 1), {{}}, 0, fill});
}

TEST(SoftmaxKernel, fused) {
  std::string type = tensor("{b}x4x{s}x{s}"), mask = tensor("{b}x1x1x{s}");
  checkKernel(
      {{"%x: " + type + ", %m: " + mask,
        "%k = nn.constant dense<0.125> : tensor<f32>\n%a = nn.mul %x, %k : (" + type + ", tensor<f32>) -> " +
            type + "\n%b = nn.add %a, %m : (" + type + ", " + mask + ") -> " + type +
            "\n%r = nn.softmax %b {axis = 3 : i64} : (" + type + ") -> " + type + "\n%n = nn.neg %r : (" +
            type + ") -> " + type + "\nreturn %r, %n : " + type + ", " + type},
       {{{"b", 1}, {"s", 17}}, {{"b", 2}, {"s", 64}}, {{"b", 3}, {"s", 1}}}});
}

//===--- norms
//-----------------------------------------------------------------------------------------------------------===//

static KernelText layerNorm(const std::string &sizes, int axis, const std::string &parameters,
                            const std::string &element = "f32") {
  std::string type = tensor(sizes, element), parameter = tensor(parameters, element);
  return {"%x: " + type + ", %s: " + parameter + ", %b: " + parameter,
          "%r = nn.layer_norm %x, %s, %b {axis = " + std::to_string(axis) +
              " : i64, epsilon = 1.0e-5 : f32, operandSegmentSizes = array<i32: 1, 1, 1>} : (" + type + ", " +
              parameter + ", " + parameter + ") -> " + type + "\nreturn %r : " + type};
}

TEST(LayerNormKernel, rows) {
  checkKernel(
      {layerNorm("{m}x{n}", 1, "{n}"),
       {{{"m", 5}, {"n", 17}}, {{"m", 3}, {"n", 33}}, {{"m", 2}, {"n", 100}}, {{"m", 40}, {"n", 768}}}});
  checkKernel({layerNorm("{m}x384", 1, "384"), {{{"m", 1}}, {{"m", 33}}}});
}

TEST(LayerNormKernel, severalDimensions) {
  checkKernel({layerNorm("{m}x3x5x7", 1, "3x5x7"), {{{"m", 3}}}});
  checkKernel({layerNorm("{m}x3x5x7", 2, "3x1x7"), {{{"m", 3}}}});
}

TEST(LayerNormKernel, otherTypes) {
  for (std::string element : {"f16", "bf16", "f64"})
    checkKernel({layerNorm("5x100", 1, "100", element)});
}

TEST(LayerNormKernel, fused) {
  std::string type = tensor("{b}x{s}x48");
  checkKernel({{"%x: " + type + ", %y: " + type + ", %s: tensor<48xf32>, %b: tensor<48xf32>",
                "%a = nn.add %x, %y : (" + type + ", " + type + ") -> " + type +
                    "\n%r = nn.layer_norm %a, %s, %b {axis = 2 : i64, epsilon = 1.0e-5 : f32, "
                    "operandSegmentSizes = array<i32: 1, 1, 1>} : (" +
                    type + ", tensor<48xf32>, tensor<48xf32>) -> " + type + "\n%g = nn.gelu %r : (" + type +
                    ") -> " + type + "\nreturn %g : " + type},
               {{{"b", 1}, {"s", 17}}, {{"b", 2}, {"s", 64}}}});
}

TEST(RmsNormKernel, rows) {
  std::string type = tensor("{b}x{s}x100");
  checkKernel({{"%x: " + type + ", %s: tensor<100xf32>",
                "%r = nn.rms_norm %x, %s {axis = 2 : i64, epsilon = 1.0e-5 : f32} : (" + type +
                    ", tensor<100xf32>) -> " + type + "\nreturn %r : " + type},
               {{{"b", 1}, {"s", 17}}, {{"b", 2}, {"s", 5}}}});
}

TEST(GroupNormKernel, groups) {
  auto text = [](const std::string &sizes, const std::string &channels, int groups) {
    std::string type = tensor(sizes), parameter = tensor(channels);
    return KernelText{"%x: " + type + ", %s: " + parameter + ", %b: " + parameter,
                      "%r = nn.group_norm %x, %s, %b {groups = " + std::to_string(groups) +
                          " : i64, epsilon = 1.0e-5 : f32} : (" + type + ", " + parameter + ", " + parameter +
                          ") -> " + type + "\n%y = nn.relu %r : (" + type + ") -> " + type +
                          "\nreturn %y : " + type};
  };
  checkKernel({text("{b}x12x{h}x{h}", "12", 3), {{{"b", 2}, {"h", 7}}, {{"b", 1}, {"h", 16}}}});
  checkKernel({text("2x{c}x33", "{c}", 1), {{{"c", 5}}}});
  checkKernel({text("2x6x9", "6", 6)});
  checkKernel({text("3x6", "6", 2)});
}

TEST(LrnKernel, windows) {
  for (int size : {3, 4, 5}) {
    std::string type = tensor("{b}x{c}x5x{w}");
    checkKernel({{"%x: " + type, "%r = nn.lrn %x {size = " + std::to_string(size) +
                                     " : i64, alpha = 0.5 : f32, beta = 0.75 : f32, bias = 2.0 : f32} : (" +
                                     type + ") -> " + type + "\nreturn %r : " + type},
                 {{{"b", 2}, {"c", 7}, {"w", 9}}, {{"b", 1}, {"c", 3}, {"w", 33}}}});
  }
}
