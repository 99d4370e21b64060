// Matrix products: tiles and few rows, batches, operands read through views, epilogues, all sizes.

#include "test/targets/gpu/KernelTest.h"

using namespace aicc::gpu::test;

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
    {{"k", 5}, {"m", 0}, {"n", 20}},     {{"k", 128}, {"m", 200}, {"n", 260}},
};

TEST(GpuMatMul, plain) {
  checkKernel({product(tensor("{m}x{k}"), tensor("{k}x{n}"), tensor("{m}x{n}")), shapes});
}

TEST(GpuMatMul, transposed) {
  checkKernel(
      {product(tensor("{m}x{k}"), tensor("{n}x{k}"), tensor("{m}x{n}"), "transpose_rhs = true"), shapes});
  checkKernel(
      {product(tensor("{k}x{m}"), tensor("{k}x{n}"), tensor("{m}x{n}"), "transpose_lhs = true"), shapes});
  checkKernel({product(tensor("2x{k}x{m}"), tensor("{n}x{k}"), tensor("2x{m}x{n}"),
                       "transpose_lhs = true, transpose_rhs = true"),
               {shapes[3], shapes[5]}});
}

TEST(GpuMatMul, otherTypes) {
  std::vector<Sizes> runs = {shapes[3], {{"k", 64}, {"m", 4}, {"n", 128}}};
  for (std::string element : {"f16", "bf16", "f64", "i32", "i64", "i8", "ui8"}) {
    checkKernel(
        {product(tensor("{m}x{k}", element), tensor("{k}x{n}", element), tensor("{m}x{n}", element)), runs});
    checkKernel({product(tensor("{m}x{k}", element), tensor("{n}x{k}", element), tensor("{m}x{n}", element),
                         "transpose_rhs = true"),
                 runs});
  }
}

TEST(GpuMatMul, batches) {
  std::vector<Sizes> runs = {{{"b", 1}, {"k", 17}, {"m", 5}, {"n", 33}},
                             {{"b", 3}, {"k", 3}, {"m", 17}, {"n", 100}}};
  checkKernel({product(tensor("{b}x{m}x{k}"), tensor("{b}x{k}x{n}"), tensor("{b}x{m}x{n}")), runs});
  checkKernel({product(tensor("{b}x{m}x{k}"), tensor("{k}x{n}"), tensor("{b}x{m}x{n}")), runs});
  checkKernel({product(tensor("{m}x{k}"), tensor("{b}x{k}x{n}"), tensor("{b}x{m}x{n}")), runs});
  checkKernel({product(tensor("{b}x1x{m}x{k}"), tensor("2x{k}x{n}"), tensor("{b}x2x{m}x{n}")), runs});
  checkKernel({product(tensor("{b}x2x{m}x{k}"), tensor("{b}x1x{k}x{n}"), tensor("{b}x2x{m}x{n}")), runs});
}

TEST(GpuMatMul, unknownBatches) {
  // t = max(p, q): one of them may be 1.
  std::vector<Sizes> runs = {{{"k", 5}, {"p", 4}, {"q", 1}, {"t", 4}},
                             {{"k", 17}, {"p", 1}, {"q", 3}, {"t", 3}},
                             {{"k", 3}, {"p", 2}, {"q", 2}, {"t", 2}}};
  checkKernel({product(tensor("{p}x9x{k}"), tensor("{q}x{k}x20"), tensor("{t}x9x20"), "",
                       ", %t: " + tensor("{t}", "i8")),
               runs});
}

TEST(GpuMatMul, manyTiles) {
  // Several workgroups in both directions, more rows of tiles than are grouped.
  checkKernel({product(tensor("{m}x{k}"), tensor("{k}x{n}"), tensor("{m}x{n}")),
               {{{"k", 40}, {"m", 1100}, {"n", 200}}, {{"k", 20}, {"m", 700}, {"n", 130}}}});
}

TEST(GpuMatMul, fewRows) {
  for (std::string rows : {"1", "8"})
    for (std::string columns : {"33", "1024"}) {
      std::vector<Sizes> runs = {{{"k", 37}}, {{"k", 700}}};
      checkKernel({product(tensor(rows + "x{k}"), tensor("{k}x" + columns), tensor(rows + "x" + columns)),
                   runs, 2e-5});
      checkKernel({product(tensor(rows + "x{k}"), tensor(columns + "x{k}"), tensor(rows + "x" + columns),
                           "transpose_rhs = true"),
                   runs, 2e-5});
    }
}

TEST(GpuMatMul, throughViews) {
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
}

TEST(GpuMatMul, epilogues) {
  std::vector<Sizes> runs = {{{"b", 1}, {"s", 1}}, {{"b", 2}, {"s", 17}}, {{"b", 3}, {"s", 8}}};
  for (int64_t n : {20, 33, 64}) {
    std::string columns = std::to_string(n), x = tensor("{b}x{s}x32"), y = tensor("32x" + columns),
                r = tensor("{b}x{s}x" + columns), bias = tensor(columns), row = tensor("{b}x1x" + columns),
                column = tensor("{s}x1");
    std::string arguments = "%x: " + x + ", %y: " + y + ", %b: " + bias + ", %s: " + r;
    std::string start = op("m", "matmul", "%x, %y", x + ", " + y, r);
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
    checkKernel({{"%x: " + x + ", %y: " + y + ", %p: " + row + ", %q: " + column,
                  start + op("a", "mul", "%m, %p", r + ", " + row, r) +
                      op("r", "add", "%a, %q", r + ", " + column, r) + ret("%r", r)},
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
