// Matrix products: plain and packed right operands, batches, operands read through views, epilogues, all
// sizes.

#include "test/targets/cpu/KernelTest.h"

using namespace aicc::cpu::test;

/// %x times %y.
static KernelText product(const std::string &x, const std::string &y, const std::string &r,
                          const std::string &attributes = "", const std::string &further = "") {
  return {"%x: " + x + ", %y: " + y + further,
          op("r", "matmul", "%x, %y", x + ", " + y, r, attributes) + ret("%r", r)};
}

static const std::vector<Sizes> shapes = {
    {{"k", 1}, {"m", 1}, {"n", 1}},      {{"k", 3}, {"m", 1}, {"n", 17}},
    {{"k", 17}, {"m", 3}, {"n", 3}},     {{"k", 33}, {"m", 17}, {"n", 33}},
    {{"k", 100}, {"m", 33}, {"n", 100}}, {{"k", 64}, {"m", 100}, {"n", 48}},
    {{"k", 16}, {"m", 7}, {"n", 64}},    {{"k", 0}, {"m", 5}, {"n", 20}},
};

TEST(MatMulKernel, plain) {
  checkKernel({product(tensor("{m}x{k}"), tensor("{k}x{n}"), tensor("{m}x{n}")), shapes});
}

TEST(MatMulKernel, otherTypes) {
  std::vector<Sizes> runs = {shapes[1], shapes[3], shapes[4]};
  for (std::string element : {"f16", "bf16", "f64", "i32", "i64", "i8"})
    checkKernel(
        {product(tensor("{m}x{k}", element), tensor("{k}x{n}", element), tensor("{m}x{n}", element)), runs});
}

TEST(MatMulKernel, batches) {
  std::vector<Sizes> runs = {{{"b", 1}, {"k", 17}, {"m", 5}, {"n", 33}},
                             {{"b", 3}, {"k", 3}, {"m", 17}, {"n", 100}}};
  checkKernel({product(tensor("{b}x{m}x{k}"), tensor("{b}x{k}x{n}"), tensor("{b}x{m}x{n}")), runs});
  checkKernel({product(tensor("{b}x{m}x{k}"), tensor("{k}x{n}"), tensor("{b}x{m}x{n}")), runs});
  checkKernel({product(tensor("{m}x{k}"), tensor("{b}x{k}x{n}"), tensor("{b}x{m}x{n}")), runs});
  checkKernel({product(tensor("{b}x1x{m}x{k}"), tensor("2x{k}x{n}"), tensor("{b}x2x{m}x{n}")), runs});
  checkKernel({product(tensor("{b}x2x{m}x{k}"), tensor("{b}x1x{k}x{n}"), tensor("{b}x2x{m}x{n}")), runs});
}

TEST(MatMulKernel, unknownBatches) {
  // t = max(p, q): one of them may be 1.
  std::vector<Sizes> runs = {{{"k", 5}, {"p", 4}, {"q", 1}, {"t", 4}},
                             {{"k", 17}, {"p", 1}, {"q", 3}, {"t", 3}},
                             {{"k", 3}, {"p", 2}, {"q", 2}, {"t", 2}}};
  checkKernel({product(tensor("{p}x9x{k}"), tensor("{q}x{k}x20"), tensor("{t}x9x20"), "",
                       ", %t: " + tensor("{t}", "i8")),
               runs});
}

TEST(MatMulKernel, transposedLeft) {
  checkKernel(
      {product(tensor("{k}x{m}"), tensor("{k}x{n}"), tensor("{m}x{n}"), "transpose_lhs = true"), shapes});
  checkKernel(
      {product(tensor("2x{k}x{m}"), tensor("{k}x{n}"), tensor("2x{m}x{n}"), "transpose_lhs = true"), shapes});
}

TEST(MatMulKernel, throughViews) {
  std::vector<Sizes> runs = {
      {{"b", 1}, {"s", 1}, {"t", 16}}, {{"b", 2}, {"s", 17}, {"t", 33}}, {{"b", 3}, {"s", 100}, {"t", 3}}};
  // Scores and context of attention, heads apart by views, together again behind the product.
  std::string x = tensor("{b}x{s}x3x16"), q = tensor("{b}x3x{s}x16"), k = tensor("{b}x3x16x{t}"),
              y = tensor("{b}x3x{s}x{t}");
  checkKernel({{"%x: " + x + ", %k: " + k, op("q", "transpose", "%x", x, q, "perm = array<i64: 0, 2, 1, 3>") +
                                               op("r", "matmul", "%q, %k", q + ", " + k, y) + ret("%r", y)},
               runs});
  std::string p = tensor("{b}x3x{s}x{t}"), w = tensor("{b}x{t}x3x16"), v = tensor("{b}x3x{t}x16"),
              c = tensor("{b}x3x{s}x16");
  checkKernel({{"%p: " + p + ", %w: " + w,
                op("v", "transpose", "%w", w, v, "perm = array<i64: 0, 2, 1, 3>") +
                    op("c", "matmul", "%p, %v", p + ", " + v, c) +
                    op("d", "transpose", "%c", c, x, "perm = array<i64: 0, 2, 1, 3>") +
                    op("r", "reshape", "%d", x, tensor("{b}x{s}x48"), "shape = <<b, s, 48>>") +
                    ret("%r", tensor("{b}x{s}x48"))},
               runs});
  // The left operand transposed by a view, and sliced.
  std::string a = tensor("{t}x{s}"), at = tensor("{s}x{t}"), n = tensor("{t}x20"), r = tensor("{s}x20");
  checkKernel({{"%a: " + a + ", %n: " + n + ", %b: " + tensor("{b}"),
                op("l", "transpose", "%a", a, at, "perm = array<i64: 1, 0>") +
                    op("r", "matmul", "%l, %n", at + ", " + n, r) + ret("%r", r)},
               runs});
  std::string wide = tensor("{s}x40"), part = tensor("{s}x20"), matrix = tensor("20x{t}"),
              result = tensor("{s}x{t}");
  checkKernel({{"%a: " + wide + ", %n: " + matrix + ", %b: " + tensor("{b}"),
                op("l", "slice", "%a", wide, part,
                   "offsets = <<0, 17>>, sizes = <<s, 20>>, steps = array<i64: 1, 1>") +
                    op("r", "matmul", "%l, %n", part + ", " + matrix, result) + ret("%r", result)},
               runs});
  // The right operand sliced: one of several projections in one weight.
  std::string columns = tensor("20x60"), some = tensor("20x20");
  checkKernel({{"%a: " + part + ", %n: " + columns + ", %b: " + tensor("{b}") + ", %t: " + tensor("{t}"),
                op("l", "slice", "%n", columns, some,
                   "offsets = <<0, 33>>, sizes = <<20, 20>>, steps = array<i64: 1, 1>") +
                    op("r", "matmul", "%a, %l", part + ", " + some, part) + ret("%r", part)},
               runs});
}

/// %w, panels [N/16, K, 16], as the matrix %y.
static std::string unpacked(int64_t k, int64_t n, const std::string &element = "f32") {
  std::string depth = std::to_string(k), panels = std::to_string((n + 15) / 16);
  std::string w = tensor(panels + "x" + depth + "x16", element),
              t = tensor(depth + "x" + panels + "x16", element);
  return op("t", "transpose", "%w", w, t, "perm = array<i64: 1, 0, 2>") +
         op("y", "unpack", "%t", t, tensor(depth + "x" + std::to_string(n), element),
            "axis = 1 : i64, size = " + std::to_string(n) + " : i64");
}
static std::string panels(int64_t k, int64_t n, const std::string &element = "f32") {
  return tensor(std::to_string((n + 15) / 16) + "x" + std::to_string(k) + "x16", element);
}

TEST(MatMulKernel, packed) {
  std::vector<Sizes> runs = {
      {{"b", 1}, {"s", 1}}, {{"b", 1}, {"s", 3}}, {{"b", 2}, {"s", 17}}, {{"b", 3}, {"s", 33}}};
  for (auto [k, n] : {std::pair{1, 1},
                      {3, 17},
                      {17, 3},
                      {33, 100},
                      {100, 33},
                      {64, 48},
                      {48, 64},
                      {128, 144},
                      {70, 1000}}) {
    std::string depth = std::to_string(k), columns = std::to_string(n);
    std::string x = tensor("{b}x{s}x" + depth), y = tensor(depth + "x" + columns),
                r = tensor("{b}x{s}x" + columns);
    checkKernel({{"%x: " + x + ", %w: " + panels(k, n),
                  unpacked(k, n) + op("r", "matmul", "%x, %y", x + ", " + y, r) + ret("%r", r)},
                 runs});
  }
}

TEST(MatMulKernel, packedOtherTypes) {
  for (std::string element : {"f16", "bf16", "f64", "i32"}) {
    std::string x = tensor("{m}x33", element), y = tensor("33x40", element), r = tensor("{m}x40", element);
    checkKernel({{"%x: " + x + ", %w: " + panels(33, 40, element),
                  unpacked(33, 40, element) + op("r", "matmul", "%x, %y", x + ", " + y, r) + ret("%r", r)},
                 {{{"m", 1}}, {{"m", 17}}}});
  }
}

TEST(MatMulKernel, packedManyRows) {
  std::string x = tensor("{m}x300"), y = tensor("300x80"), r = tensor("{m}x80");
  checkKernel({{"%x: " + x + ", %w: " + panels(300, 80),
                unpacked(300, 80) + op("r", "matmul", "%x, %y", x + ", " + y, r) + ret("%r", r)},
               {{{"m", 1000}}, {{"m", 1537}}}});
}

TEST(MatMulKernel, longDepth) {
  for (std::string element : {"f32", "f16"}) {
    std::string x = tensor("{m}x2500", element), y = tensor("2500x{n}", element),
                r = tensor("{m}x{n}", element);
    checkKernel(
        {product(x, y, r), {{{"m", 3}, {"n", 33}}, {{"m", 70}, {"n", 70}}}, element == "f16" ? 0 : 1e-4});
    std::string w = tensor("2500x40", element), to = tensor("2x{m}x40", element),
                from = tensor("2x{m}x2500", element);
    checkKernel({{"%x: " + from + ", %w: " + panels(2500, 40, element),
                  unpacked(2500, 40, element) + op("m", "matmul", "%x, %y", from + ", " + w, to) +
                      op("r", "relu", "%m", to, to) + ret("%r", to)},
                 {{{"m", 1}}, {{"m", 17}}, {{"m", 100}}},
                 element == "f16" ? 0 : 1e-4});
  }
}

TEST(MatMulKernel, epilogues) {
  std::vector<Sizes> runs = {{{"b", 1}, {"s", 1}}, {{"b", 2}, {"s", 17}}, {{"b", 3}, {"s", 8}}};
  for (int64_t n : {20, 64}) {
    std::string columns = std::to_string(n), x = tensor("{b}x{s}x32"), y = tensor("32x" + columns),
                r = tensor("{b}x{s}x" + columns), bias = tensor(columns), row = tensor("{b}x1x" + columns),
                column = tensor("{s}x1");
    std::string arguments = "%x: " + x + ", %w: " + panels(32, n) + ", %b: " + bias + ", %s: " + r;
    std::string start = unpacked(32, n) + op("m", "matmul", "%x, %y", x + ", " + y, r);
    checkKernel({{arguments, start + op("a", "add", "%m, %b", r + ", " + bias, r) +
                                 op("g", "gelu", "%a", r, r) + ret("%g", r)},
                 runs});
    checkKernel({{arguments, start + op("a", "add", "%b, %m", bias + ", " + r, r) +
                                 op("r", "add", "%s, %a", r + ", " + r, r) + ret("%r", r)},
                 runs});
    checkKernel(
        {{arguments, start + op("a", "add", "%m, %b", r + ", " + bias, r) + op("g", "sigmoid", "%a", r, r) +
                         op("r", "mul", "%a, %g", r + ", " + r, r) + ret("%a, %r", r + ", " + r)},
         runs});
    checkKernel({{"%x: " + x + ", %w: " + panels(32, n) + ", %p: " + row + ", %q: " + column,
                  start + op("a", "mul", "%m, %p", r + ", " + row, r) +
                      op("r", "add", "%a, %q", r + ", " + column, r) + ret("%r", r)},
                 runs});
    // Its own operand again, and a condition.
    std::string square = tensor("{b}x{s}x32"), flags = tensor("{s}x32", "i1");
    checkKernel({{"%x: " + square + ", %w: " + panels(32, 32) + ", %c: " + flags,
                  unpacked(32, 32) + op("m", "matmul", "%x, %y", square + ", " + tensor("32x32"), square) +
                      op("r", "select", "%c, %m, %x", flags + ", " + square + ", " + square, square) +
                      ret("%r", square)},
                 runs});
  }
  // Scores: scaled, masked by a broadcast, cast.
  std::string q = tensor("{b}x2x{s}x16"), k = tensor("{b}x2x16x{s}"), r = tensor("{b}x2x{s}x{s}"),
              mask = tensor("{b}x1x1x{s}");
  checkKernel(
      {{"%q: " + q + ", %k: " + k + ", %m: " + mask,
        op("p", "matmul", "%q, %k", q + ", " + k, r) + "%c = nn.constant dense<0.25> : tensor<f32>\n" +
            op("a", "mul", "%p, %c", r + ", tensor<f32>", r) + op("t", "add", "%a, %m", r + ", " + mask, r) +
            ret("%t", r)},
       runs});
  std::string half = tensor("{b}x2x{s}x{s}", "f16");
  checkKernel({{"%q: " + q + ", %k: " + k, op("p", "matmul", "%q, %k", q + ", " + k, r) +
                                               op("t", "cast", "%p", r, half, "to = f16") + ret("%t", half)},
               runs});
}

TEST(MatMulKernel, trailingViews) {
  std::vector<Sizes> runs = {{{"b", 1}, {"s", 1}}, {{"b", 2}, {"s", 17}}, {{"b", 3}, {"s", 64}}};
  std::string x = tensor("{b}x{s}x20"), y = tensor("20x48"), m = tensor("{b}x{s}x48"),
              v = tensor("{b}x{s}x3x16"), r = tensor("{b}x3x{s}x16");
  checkKernel({{"%x: " + x + ", %w: " + panels(20, 48) + ", %b: " + tensor("48"),
                unpacked(20, 48) + op("m", "matmul", "%x, %y", x + ", " + y, m) +
                    op("a", "add", "%m, %b", m + ", " + tensor("48"), m) +
                    op("v", "reshape", "%a", m, v, "shape = <<b, s, 3, 16>>") +
                    op("r", "transpose", "%v", v, r, "perm = array<i64: 0, 2, 1, 3>") + ret("%r", r)},
               runs});
  // Columns become rows: lanes are stored apart.
  std::string t = tensor("{b}x48x{s}");
  checkKernel({{"%x: " + x + ", %w: " + panels(20, 48),
                unpacked(20, 48) + op("m", "matmul", "%x, %y", x + ", " + y, m) +
                    op("r", "transpose", "%m", m, t, "perm = array<i64: 0, 2, 1>") + ret("%r", t)},
               runs});
  checkKernel(
      {{"%x: " + tensor("{s}x20") + ", %w: " + panels(20, 17) + ", %b: " + tensor("{b}"),
        unpacked(20, 17) +
            op("m", "matmul", "%x, %y", tensor("{s}x20") + ", " + tensor("20x17"), tensor("{s}x17")) +
            op("r", "transpose", "%m", tensor("{s}x17"), tensor("17x{s}"), "perm = array<i64: 1, 0>") +
            ret("%r", tensor("17x{s}"))},
       runs});
}
