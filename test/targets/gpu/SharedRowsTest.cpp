// Rows that many threads share, in all the ways that graphics processors' kernels have: by subgroups, by
// workgroup memory, side by side with their neighbours, in registers and in loops. Shapes of every size are
// in the tests that all targets share.

#include "test/targets/gpu/EmulatedUnits.h"
#include "test/targets/gpu/KernelTest.h"
#include <cmath>

using namespace aicc::gpu::test;

/// With subgroups, and without.
static void checkBoth(const KernelCheck &check) {
  getEmulatedTargets();
  checkKernel(check);
  checkKernel(check, "emulated:generic");
}

static KernelText reduction(const std::string &kind, const std::string &from, const std::string &axes,
                            const std::string &to, const std::string &element = "f32") {
  std::string x = tensor(from, element), r = tensor(to, element);
  return {"%x: " + x,
          op("r", "reduce", "%x", x, r,
             "kind = #nn.reduce<" + kind + ">, axes = array<i64: " + axes + ">, keepdims = false") +
              ret("%r", r)};
}

TEST(SharedRows, longReductions) {
  checkBoth({reduction("sum", "50000", "0", "")});
  checkBoth({reduction("max", "2x20003", "1", "2")});
  checkBoth({reduction("mean", "3x{n}", "1", "3"), {{{"n", 1}}, {{"n", 4099}}}});
  for (const char *element : {"bf16", "i64", "ui8"})
    checkBoth({reduction("min", "3x5000", "1", "3", element)});
  checkBoth({reduction("any", "2x3000", "1", "2", "i1")});
}

TEST(SharedRows, columns) {
  checkBoth({reduction("sum", "5000x3", "0", "3")});
  checkBoth({reduction("max", "2x3000x5", "1", "2x5", "f16")});
  checkBoth({reduction("sum", "4x30x7x11", "0, 2", "30x11")});
  checkBoth({reduction("prod", "{n}x20", "0", "20", "i32"), {{{"n", 1}}, {{"n", 999}}}});
}

TEST(SharedRows, nothing) {
  for (const char *kind : {"sum", "prod", "max", "min", "mean"}) {
    checkBoth({reduction(kind, "3x0", "1", "3")});
    checkBoth({reduction(kind, "{n}x3", "0", "3"), {{{"n", 0}}}});
    checkBoth({reduction(kind, "0x3", "1", "0", "i32")});
  }
  for (const char *kind : {"all", "any"})
    checkBoth({reduction(kind, "0x3", "0", "3", "i1")});
}

/// Few different numbers, and some NaN far from each other.
static void fillRare(unsigned, aicc::nn::Tensor &x) {
  bool isFloat = llvm::isa<mlir::FloatType>(x.getElementType());
  for (int64_t i = 0; i < x.getNumElements(); ++i) {
    if (isFloat)
      x.setDouble(i, i % 2711 == 1500 ? std::nan("") : double(i * 7 % 1013) - 500);
    else
      x.setInt(i, i * 7 % 101);
  }
}

TEST(SharedRows, positions) {
  for (const char *max : {"true", "false"})
    for (const char *last : {"true", "false"})
      for (const char *element : {"f32", "i32"}) {
        auto text = [&](const std::string &from, const std::string &to, const std::string &axis) {
          std::string x = tensor(from, element), r = tensor(to, "i64");
          return KernelText{"%x: " + x, op("r", "arg_reduce", "%x", x, r,
                                           std::string("max = ") + max + ", last = " + last +
                                               ", axis = " + axis + " : i64, keepdims = false") +
                                            ret("%r", r)};
        };
        checkBoth({text("2x5003", "2", "1"), {{}}, 0, fillRare});
        checkBoth({text("3000x3", "3", "0"), {{}}, 0, fillRare});
      }
}

TEST(SharedRows, softmax) {
  auto text = [](const std::string &sizes, const std::string &axis, const std::string &log,
                 const std::string &element = "f32") {
    std::string x = tensor(sizes, element);
    return KernelText{"%x: " + x, op("r", "softmax", "%x", x, x, "axis = " + axis + " : i64, log = " + log) +
                                      ret("%r", x)};
  };
  for (const char *log : {"false", "true"}) {
    checkBoth({text("2x5003", "1", log)});
    checkBoth({text("2x4096", "1", log, "bf16")});
    checkBoth({text("40x{n}", "1", log), {{{"n", 1}}, {{"n", 515}}}});
    checkBoth({text("3000x3", "0", log)});
    checkBoth({text("300x12", "1", log)});
  }
}

TEST(SharedRows, norms) {
  auto text = [](const std::string &name, const std::string &rows, const std::string &n,
                 const std::string &element = "f32") {
    std::string x = tensor(rows + "x" + n, element), s = tensor(n, element);
    return KernelText{"%x: " + x + ", %s: " + s,
                      op("r", name, "%x, %s", x + ", " + s, x,
                         std::string("axis = 1 : i64, epsilon = 1.0e-5 : f32") +
                             (name == "layer_norm" ? ", operandSegmentSizes = array<i32: 1, 1, 0>" : "")) +
                          ret("%r", x)};
  };
  for (const char *name : {"layer_norm", "rms_norm"}) {
    checkBoth({text(name, "3", "4099")});
    checkBoth({text(name, "2", "16384", "f16")});
    checkBoth({text(name, "70", "{n}"), {{{"n", 1}}, {{"n", 300}}}});
  }
  std::string x = tensor("2x12x37x41"), c = tensor("12");
  checkBoth(
      {{"%x: " + x + ", %s: " + c + ", %b: " + c, op("r", "group_norm", "%x, %s, %b", x + ", " + c + ", " + c,
                                                     x, "groups = 3 : i64, epsilon = 1.0e-5 : f32") +
                                                      ret("%r", x)}});
}

TEST(SharedRows, runningSums) {
  for (const char *element : {"f32", "i8", "f16"})
    for (const char *exclusive : {"true", "false"}) {
      std::string x = tensor("3x1000", element);
      checkBoth({{"%x: " + x,
                  op("r", "cumsum", "%x", x, x,
                     std::string("axis = 1 : i64, exclusive = ") + exclusive + ", reverse = " + exclusive) +
                      ret("%r", x)},
                 {{}},
                 std::string(element) == "f16" ? 2e-2 : 0});
    }
  std::string x = tensor("{m}x{n}");
  checkBoth({{"%x: " + x, op("r", "cumsum", "%x", x, x, "axis = 1 : i64, exclusive = false, reverse = true") +
                              ret("%r", x)},
             {{{"m", 2}, {"n", 128}}, {{"m", 1}, {"n", 1}}, {{"m", 3}, {"n", 0}}}});
}

TEST(SharedRows, largest) {
  auto text = [](const std::string &from, const std::string &to, const std::string &k,
                 const std::string &axis, const std::string &largest, const std::string &element) {
    std::string x = tensor(from, element), v = tensor(to, element), i = tensor(to, "i64");
    return KernelText{"%x: " + x, "%r:2 = nn.topk %x {k = <<" + k + ">>, axis = " + axis +
                                      " : i64, largest = " + largest + "} : (" + x + ") -> (" + v + ", " + i +
                                      ")\nreturn %r#0, %r#1 : " + v + ", " + i};
  };
  for (const char *largest : {"true", "false"}) {
    checkBoth({text("2x3001", "2x5", "5", "1", largest, "f32"), {{}}, 0, fillRare});
    checkBoth({text("2x3001", "2x100", "100", "1", largest, "f32"), {{}}, 0, fillRare});
    checkBoth({text("777x2", "777x2", "777", "0", largest, "i32"), {{}}, 0, fillRare});
    checkBoth({text("2x{n}", "2x{k}", "k", "1", largest, "f16"),
               {{{"k", 1}, {"n", 1}}, {{"k", 3}, {"n", 64}}, {{"k", 65}, {"n", 65}}, {{"k", 0}, {"n", 9}}}});
  }
}

/// Indices (operand 1) below `size` with many equal ones.
static Fill indicesBelow(int64_t size) {
  return [size](unsigned index, aicc::nn::Tensor &x) {
    if (index != 1)
      return fillRandom(x, index);
    for (int64_t i = 0; i < x.getNumElements(); ++i)
      x.setInt(i, i * i % size);
  };
}

TEST(SharedRows, updatesInOrder) {
  for (const char *kind : {"none", "add", "mul", "max"}) {
    std::string x = tensor("5000"), i = tensor("300", "i64"), u = tensor("300");
    std::string attributes = std::string("kind = #nn.scatter<") + kind + ">";
    checkBoth({{"%x: " + x + ", %i: " + i + ", %u: " + u,
                op("r", "scatter_elements", "%x, %i, %u", x + ", " + i + ", " + u, x,
                   "axis = 0 : i64, " + attributes) +
                    ret("%r", x)},
               {{}},
               0,
               indicesBelow(40)});
    std::string y = tensor("70x{c}"), j = tensor("{n}x1", "i64"), v = tensor("{n}x{c}");
    checkBoth({{"%x: " + y + ", %i: " + j + ", %u: " + v,
                op("r", "scatter_nd", "%x, %i, %u", y + ", " + j + ", " + v, y, attributes) + ret("%r", y)},
               {{{"c", 1}, {"n", 200}}, {{"c", 33}, {"n", 90}}, {{"c", 5}, {"n", 0}}},
               0,
               indicesBelow(70)});
  }
}

TEST(SharedRows, epilogues) {
  std::string x = tensor("{n}x12x9x7"), c = tensor("12"), b = tensor("12x1x1");
  checkBoth({{"%x: " + x + ", %s: " + c + ", %b: " + c + ", %o: " + b,
              op("r", "group_norm", "%x, %s, %b", x + ", " + c + ", " + c, x,
                 "groups = 3 : i64, epsilon = 1.0e-5 : f32") +
                  op("a", "sigmoid", "%r", x, x) + op("p", "mul", "%r, %a", x + ", " + x, x) +
                  op("q", "add", "%p, %o", x + ", " + b, x) + ret("%q", x)},
             {{{"n", 2}}}});
  checkBoth({{"%x: " + x, op("r", "lrn", "%x", x, x,
                             "size = 3 : i64, alpha = 0.1 : f32, beta = 0.75 : f32, bias = 1.0 : f32") +
                              op("a", "relu", "%r", x, x) + ret("%a", x)},
             {{{"n", 2}}}});
  std::string i = tensor("{n}", "i64"), y = tensor("{n}x7");
  checkBoth({{"%y: " + y + ", %i: " + i, op("r", "arg_reduce", "%y", y, i,
                                            "max = true, last = false, axis = 1 : i64, keepdims = false") +
                                             op("a", "mul", "%r, %i", i + ", " + i, i) + ret("%a", i)},
             {{{"n", 20}}}});
  std::string g = tensor("{n}x2", "i64"), z = tensor("{n}");
  checkBoth(
      {{"%y: " + y + ", %g: " + g, op("r", "gather_nd", "%y, %g", y + ", " + g, z, "batch_dims = 0 : i64") +
                                       op("a", "exp", "%r", z, z) + ret("%a, %r", z + ", " + z)},
       {{{"n", 20}}},
       0,
       indicesBelow(7)});
}
