// Reference evaluation of elementwise and structural operations, of functions with symbolic sizes, and of
// weights in files. The numbers are worked out by hand.

#include "EvaluateTestSupport.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>

using namespace aicc::nn;
using namespace aicc::nn::test;

namespace {
/// One unary operation on f32 values.
void checkUnary(const std::string &op, const std::string &input, const std::vector<double> &expected,
                double tolerance = 1e-6, const std::string &attributes = "") {
  std::string n = std::to_string(expected.size());
  check(constant("x", input, n + "xf32") + "%r = nn." + op + " %x " + attributes + " : (tensor<" + n +
            "xf32>) -> tensor<" + n + "xf32>",
        {expected}, tolerance);
}

/// One binary operation; both operands and the result have element type `type`, or `result`.
void checkBinary(const std::string &op, const std::string &type, const std::string &lhs,
                 const std::string &rhs, const std::vector<double> &expected,
                 const std::string &attributes = "", std::string result = "") {
  std::string n = std::to_string(expected.size()) + "x", t = "tensor<" + n + type + ">";
  if (result.empty())
    result = type;
  check(constant("x", lhs, n + type) + constant("y", rhs, n + type) + "%r = nn." + op + " %x, %y " +
            attributes + " : (" + t + ", " + t + ") -> tensor<" + n + result + ">",
        {expected});
}
} // namespace

TEST(EvaluateElementwise, Unary) {
  checkUnary("abs", "[-1.5, 2.0]", {1.5, 2});
  checkUnary("neg", "[-1.5, 2.0]", {1.5, -2});
  checkUnary("sign", "[-1.5, 0.0, 3.0, 0x7FC00000]", {-1, 0, 1, notANumber});
  checkUnary("exp", "[0.0, 1.0]", {1, 2.718281828});
  checkUnary("log", "[1.0, -1.0, 0.0]", {0, notANumber, -infinity});
  checkUnary("sqrt", "[4.0, 2.0]", {2, 1.414213562});
  checkUnary("rsqrt", "[4.0, 0.0]", {0.5, infinity});
  checkUnary("reciprocal", "[4.0, -0.5]", {0.25, -2});
  checkUnary("floor", "[-1.5, 1.5]", {-2, 1});
  checkUnary("ceil", "[-1.5, 1.5]", {-1, 2});
  checkUnary("round", "[0.5, 1.5, 2.5, -2.5, 1.2]", {0, 2, 2, -2, 1});
  checkUnary("sin", "[1.0]", {0.8414709848});
  checkUnary("cos", "[1.0]", {0.5403023059});
  checkUnary("tan", "[1.0]", {1.557407725});
  checkUnary("asin", "[0.5]", {0.5235987756});
  checkUnary("acos", "[0.5]", {1.047197551});
  checkUnary("atan", "[1.0]", {0.7853981634});
  checkUnary("sinh", "[1.0]", {1.175201194});
  checkUnary("cosh", "[1.0]", {1.543080635});
  checkUnary("tanh", "[1.0]", {0.7615941560});
  checkUnary("asinh", "[1.0]", {0.8813735870});
  checkUnary("acosh", "[2.0]", {1.316957897});
  checkUnary("atanh", "[0.5]", {0.5493061443});
  checkUnary("erf", "[0.5]", {0.5204998778});
  checkUnary("sigmoid", "[0.0, -100.0, 2.0]", {0.5, 0, 0.8807970780});
  checkUnary("relu", "[-1.0, 2.0, 0x7FC00000]", {0, 2, notANumber});
  checkUnary("silu", "[2.0]", {1.761594156});
  checkUnary("mish", "[1.0]", {0.8650983883});
  checkUnary("softplus", "[0.0, 1000.0, -1000.0]", {0.6931471806, 1000, 0});
  checkUnary("softsign", "[-3.0]", {-0.75});
  checkUnary("hard_swish", "[-4.0, 1.0, 4.0]", {0, 0.6666666667, 4});
  checkUnary("gelu", "[1.0, -1.0]", {0.8413447461, -0.1586552539});
  checkUnary("gelu", "[1.0]", {0.8411919906}, 1e-6, "{tanh = true}");
  checkUnary("leaky_relu", "[-2.0, 3.0]", {-1, 3}, 1e-6, "{alpha = 0.5 : f32}");
  checkUnary("elu", "[-1.0, 3.0]", {-2.528482235, 6}, 1e-6, "{alpha = 2.0 : f32, gamma = 2.0 : f32}");
  checkUnary("hard_sigmoid", "[-9.0, 1.0, 9.0]", {0, 0.75, 1}, 1e-6,
             "{alpha = 0.25 : f32, beta = 0.5 : f32}");
}

TEST(EvaluateElementwise, UnaryOfOtherTypes) {
  check(constant("x", "[-128, 5]", "2xi8") + "%r = nn.abs %x : (tensor<2xi8>) -> tensor<2xi8>", {{-128, 5}});
  check(constant("x", "[-128, 5]", "2xi8") + "%r = nn.neg %x : (tensor<2xi8>) -> tensor<2xi8>", {{-128, -5}});
  check(constant("x", "[true, false]", "2xi1") + "%r = nn.not %x : (tensor<2xi1>) -> tensor<2xi1>", {{0, 1}});
  check(constant("x", "[0, 250]", "2xui8") + "%r = nn.not %x : (tensor<2xui8>) -> tensor<2xui8>", {{255, 5}});
  std::string x = constant("x", "[1.0, 0x7FC00000, 0x7F800000, 0xFF800000]", "4xf32");
  check(x + "%r = nn.is_nan %x : (tensor<4xf32>) -> tensor<4xi1>", {{0, 1, 0, 0}});
  check(x + "%r = nn.is_inf %x : (tensor<4xf32>) -> tensor<4xi1>", {{0, 0, 1, 1}});
  check(x + "%r = nn.is_inf %x {positive = false} : (tensor<4xf32>) -> tensor<4xi1>", {{0, 0, 0, 1}});
}

TEST(EvaluateElementwise, Binary) {
  checkBinary("add", "i8", "[127, 1]", "[1, 2]", {-128, 3});
  checkBinary("add", "f64", "[1.0, 1.0e-9]", "[1.0e-9, 1.0]", {1.000000001, 1.000000001});
  checkBinary("sub", "ui8", "[1, 200]", "[2, 100]", {255, 100});
  checkBinary("mul", "i32", "[65536, -3]", "[65536, 5]", {0, -15});
  checkBinary("div", "i32", "[7, -7, 5, -2147483648]", "[2, 2, 0, -1]", {3, -3, 0, -2147483648.0});
  checkBinary("div", "f32", "[1.0, -1.0]", "[0.0, 4.0]", {infinity, -0.25});
  checkBinary("div", "ui64", "[18446744073709551615, 8]", "[5, 0]", {3689348814741910323.0, 0});
  checkBinary("mod", "i32", "[7, -7, 7, -7, 3]", "[3, 3, -3, -3, 0]", {1, 2, -2, -1, 0});
  checkBinary("mod", "i32", "[7, -7]", "[-3, 3]", {1, -1}, "{fmod = true}");
  checkBinary("mod", "f32", "[5.5, -5.5]", "[2.0, 2.0]", {1.5, -1.5}, "{fmod = true}");
  checkBinary("min", "f32", "[1.0, 0x7FC00000, 2.0]", "[2.0, 1.0, 0x7FC00000]", {1, notANumber, notANumber});
  checkBinary("max", "f16", "[1.0, 3.0]", "[2.0, 1.0]", {2, 3});
  checkBinary("max", "ui64", "[18446744073709551615]", "[1]", {18446744073709551615.0});
  checkBinary("pow", "f32", "[2.0, 4.0]", "[3.0, -0.5]", {8, 0.5});
  checkBinary("pow", "i64", "[-2, 2]", "[3, -1]", {-8, 0});
  checkBinary("prelu", "f32", "[-2.0, 2.0]", "[0.25, 0.25]", {-0.5, 2});
  checkBinary("and", "i1", "[true, true]", "[true, false]", {1, 0});
  checkBinary("or", "ui8", "[12, 1]", "[10, 2]", {14, 3});
  checkBinary("xor", "i32", "[12, -1]", "[10, 0]", {6, -1});
  checkBinary("shift", "ui8", "[129, 1, 1]", "[1, 7, 8]", {2, 128, 0}, "{left = true}");
  checkBinary("shift", "i8", "[-128, -7, 100, -1, 5]", "[1, 1, 8, 8, -1]", {-64, -4, 0, -1, 0},
              "{left = false}");
  checkBinary("shift", "i8", "[64, -7, 1, -1]", "[1, 1, 8, -1]", {-128, -14, 0, 0}, "{left = true}");
  checkBinary("shift", "ui32", "[129, 4294967295, 1]", "[1, 31, 64]", {64, 1, 0}, "{left = false}");
  checkBinary("compare", "f32", "[1.0, 0x7FC00000]", "[1.0, 0x7FC00000]", {1, 0}, "{kind = #nn.compare<eq>}",
              "i1");
  checkBinary("compare", "f32", "[1.0, 0x7FC00000]", "[1.0, 0x7FC00000]", {0, 1}, "{kind = #nn.compare<ne>}",
              "i1");
  checkBinary("compare", "ui64", "[18446744073709551615, 1]", "[1, 1]", {0, 1}, "{kind = #nn.compare<le>}",
              "i1");
  checkBinary("compare", "i64", "[9223372036854775807]", "[9223372036854775806]", {1},
              "{kind = #nn.compare<gt>}", "i1");
  check(constant("x", "[2, 3]", "2xi32") + constant("y", "[0.5, 2.0]", "2xf32") +
            "%r = nn.pow %x, %y : (tensor<2xi32>, tensor<2xf32>) -> tensor<2xi32>",
        {{1, 9}});
}

TEST(EvaluateElementwise, Broadcasts) {
  check(constant("x", "[[1.0], [2.0]]", "2x1xf32") + constant("y", "[10.0, 20.0, 30.0]", "3xf32") +
            "%r = nn.add %x, %y : (tensor<2x1xf32>, tensor<3xf32>) -> tensor<2x3xf32>",
        {{11, 21, 31, 12, 22, 32}});
  check(constant("c", "[[true], [false]]", "2x1xi1") + constant("x", "[1, 2]", "2xi64") +
            constant("y", "7", "i64") +
            "%r = nn.select %c, %x, %y : (tensor<2x1xi1>, tensor<2xi64>, tensor<i64>) -> tensor<2x2xi64>",
        {{1, 2, 7, 7}});
  check(constant("x", "1.0", "0x3xf32") +
            "%r = nn.add %x, %x : (tensor<0x3xf32>, tensor<0x3xf32>) -> tensor<0x3xf32>",
        {{}});
}

TEST(EvaluateElementwise, Casts) {
  auto cast = [](const std::string &values, const std::string &from, const std::string &to,
                 const std::vector<double> &expected) {
    std::string n = std::to_string(expected.size()) + "x";
    check(constant("x", values, n + from) + "%r = nn.cast %x {to = " + to + "} : (tensor<" + n + from +
              ">) -> tensor<" + n + to + ">",
          {expected}, 0);
  };
  cast("[1.9, -1.9, 300.0, -300.0, 0x7FC00000]", "f32", "i8", {1, -1, 127, -128, 0});
  cast("[-1.0, 4.0e9, 1.0e30]", "f32", "ui32", {0, 4000000000.0, 4294967295.0});
  cast("[300, -1]", "i32", "ui8", {44, 255});
  cast("[0.0, 0.5, -2.0]", "f32", "i1", {0, 1, 1});
  cast("[true, false]", "i1", "f16", {1, 0});
  cast("[9007199254740993]", "i64", "f64", {9007199254740992.0});
  // Halves to even in f16 (10 bits) and bf16 (7 bits), overflow, subnormals, NaN.
  cast("[2049.0, 2051.0, 65519.0, 65520.0, 2.9802322e-8, 2.98023259e-8, 1.0e-4, 0x7FC00000]", "f32", "f16",
       {2048, 2052, 65504, infinity, 0, 5.9604644775390625e-8, 1.00016593933105468750e-4, notANumber});
  cast("[257.0, 259.0, -1.0, 3.39e38, 3.4e38]", "f32", "bf16",
       {256, 260, -1, 3.3895313892515355e38, infinity});
  cast("[1.0, 0x0001, 0xFC00]", "f16", "f32", {1, 5.9604644775390625e-8, -infinity});
}

TEST(EvaluateStructure, Sources) {
  check("%r = nn.constant dense<[true, false, true]> : tensor<3xi1>", {{1, 0, 1}});
  check("%r = nn.constant dense<2.5> : tensor<2x2xbf16>", {{2.5, 2.5, 2.5, 2.5}});
  check("%r = nn.sizes {value = affine_map<() -> (4, 6)>} : () -> tensor<2xi64>", {{4, 6}});
  check("%r = nn.sizes {value = affine_map<() -> (4)>, scalar = true} : () -> tensor<i64>", {{4}});
  check("%r = nn.iota {shape = affine_map<() -> (2, 3)>, axis = 0 : i64, type = f16} : () -> tensor<2x3xf16>",
        {{0, 0, 0, 1, 1, 1}});
}

TEST(EvaluateStructure, Weights) {
  llvm::SmallString<64> path;
  int file;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("weight", "bin", file, path));
  float values[] = {1.5f, -2, 3};
  {
    llvm::raw_fd_ostream os(file, /*shouldClose=*/true);
    os << "x"; // what follows is unaligned
    os.write(reinterpret_cast<const char *>(values), sizeof(values));
  }
  auto weight = [&](const std::string &range) {
    return "%w = nn.weight \"w\" <\"" + path.str().str() + "\", " + range + "> : tensor<3xf32>\n";
  };
  check(weight("1, 12") + "%r = nn.add %w, %w : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>",
        {{3, -4, 6}});
  checkFails(weight("2, 12"), "lies outside");
  checkFails(weight("9223372036854775807, 12"), "lies outside");
  llvm::sys::fs::remove(path);
  checkFails(weight("1, 12"), "cannot read");
}

TEST(EvaluateStructure, Views) {
  std::string x = constant("x", "[[1, 2, 3], [4, 5, 6]]", "2x3xi16");
  check(x + "%r = nn.reshape %x {shape = affine_map<() -> (3, 2)>} : (tensor<2x3xi16>) -> tensor<3x2xi16>",
        {{1, 2, 3, 4, 5, 6}});
  check(x + "%r = nn.transpose %x {perm = array<i64: 1, 0>} : (tensor<2x3xi16>) -> tensor<3x2xi16>",
        {{1, 4, 2, 5, 3, 6}});
  check(x + "%r = nn.slice %x {offsets = affine_map<() -> (0, 2)>, sizes = affine_map<() -> (2, 2)>, steps = "
            "array<i64: 1, -2>} : "
            "(tensor<2x3xi16>) -> tensor<2x2xi16>",
        {{3, 1, 6, 4}});
  check(x + "%r = nn.concat %x, %x {axis = 1 : i64} : (tensor<2x3xi16>, tensor<2x3xi16>) -> tensor<2x6xi16>",
        {{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}});
  check(constant("x", "[[1.0], [2.0]]", "2x1xf64") + "%r = nn.broadcast %x {shape = affine_map<() -> (2, 2, "
                                                     "2)>} : (tensor<2x1xf64>) -> tensor<2x2x2xf64>",
        {{1, 1, 2, 2, 1, 1, 2, 2}});
}

TEST(EvaluateStructure, TransposesOfHigherRank) {
  // Against the definition, over all permutations of four dimensions.
  std::vector<int64_t> sizes = {3, 5, 17, 2}, perm = {0, 1, 2, 3};
  do {
    std::string text = pattern("x", sizes), type;
    std::vector<int64_t> shape;
    for (int64_t dim : perm) {
      shape.push_back(sizes[dim]);
      type += std::to_string(sizes[dim]) + "x";
    }
    text += "%r = nn.transpose %x {perm = array<i64: " + std::to_string(perm[0]) + ", " +
            std::to_string(perm[1]) + ", " + std::to_string(perm[2]) + ", " + std::to_string(perm[3]) +
            ">} : (tensor<3x5x17x2xf32>) -> tensor<" + type + "f32>";
    std::vector<Tensor> results = evaluateLast(text);
    ASSERT_EQ(results.size(), 1u);
    int64_t strides[] = {170, 34, 2, 1}, next = 0;
    for (int64_t a = 0; a < shape[0]; ++a)
      for (int64_t b = 0; b < shape[1]; ++b)
        for (int64_t c = 0; c < shape[2]; ++c)
          for (int64_t d = 0; d < shape[3]; ++d) {
            int64_t from =
                a * strides[perm[0]] + b * strides[perm[1]] + c * strides[perm[2]] + d * strides[perm[3]];
            ASSERT_EQ(results[0].getDouble(next++), (from * 7 % 11 - 5) / 4.0) << text;
          }
  } while (std::next_permutation(perm.begin(), perm.end()));
}

TEST(EvaluateStructure, Pads) {
  auto pad = [](const std::string &mode, int low, int high, const std::vector<double> &expected) {
    bool value = mode == "constant";
    check(constant("x", "[1, 2, 3]", "3xi32") + constant("v", "9", "i32") + "%r = nn.pad %x" +
              (value ? ", %v" : "") + " {low = affine_map<() -> (" + std::to_string(low) +
              ")>, high = affine_map<() -> (" + std::to_string(high) + ")>, mode = #nn.pad<" + mode +
              ">} : (tensor<3xi32>" + (value ? ", tensor<i32>" : "") + ") -> tensor<" +
              std::to_string(expected.size()) + "xi32>",
          {expected});
  };
  pad("constant", 2, 1, {9, 9, 1, 2, 3, 9});
  pad("constant", -1, 2, {2, 3, 9, 9});
  pad("reflect", 2, 2, {3, 2, 1, 2, 3, 2, 1});
  pad("edge", 1, 2, {1, 1, 2, 3, 3, 3});
  pad("wrap", 2, 4, {2, 3, 1, 2, 3, 1, 2, 3, 1});
  pad("edge", -2, 1, {3, 3});
  check(constant("x", "[[1.0, 2.0]]", "1x2xf32") + "%r = nn.pad %x {low = affine_map<() -> (0, 1)>, high = "
                                                   "affine_map<() -> (1, 0)>, mode = #nn.pad<constant>} : "
                                                   "(tensor<1x2xf32>) -> tensor<2x3xf32>",
        {{0, 1, 2, 0, 0, 0}});
}

TEST(EvaluateStructure, Packs) {
  std::string x = constant("x", "[[[1, 2], [3, 4], [5, 6]]]", "1x3x2xui8");
  std::string packed =
      x + "%p = nn.pack %x {axis = 1 : i64, block = 2 : i64} : (tensor<1x3x2xui8>) -> tensor<1x2x2x2xui8>\n";
  check(packed, {{1, 3, 2, 4, 5, 0, 6, 0}});
  check(packed +
            "%r = nn.unpack %p {axis = 1 : i64, size = 3 : i64} : (tensor<1x2x2x2xui8>) -> tensor<1x3x2xui8>",
        {{1, 2, 3, 4, 5, 6}});
}

TEST(EvaluateStructure, GathersAndScatters) {
  std::string x = constant("x", "[[1, 2, 3], [4, 5, 6]]", "2x3xi32");
  check(
      x + constant("i", "[[2, -3]]", "1x2xi64") +
          "%r = nn.gather %x, %i {axis = 1 : i64} : (tensor<2x3xi32>, tensor<1x2xi64>) -> tensor<2x1x2xi32>",
      {{3, 1, 6, 4}});
  checkFails(
      x + constant("i", "[2]", "1xi64") +
          "%r = nn.gather %x, %i {axis = 0 : i64} : (tensor<2x3xi32>, tensor<1xi64>) -> tensor<1x3xi32>",
      "index 2 is out of range");
  check(x + constant("i", "[[0, 0], [-1, 1]]", "2x2xi32") +
            "%r = nn.gather_elements %x, %i {axis = 1 : i64} : (tensor<2x3xi32>, tensor<2x2xi32>) -> "
            "tensor<2x2xi32>",
        {{1, 1, 6, 5}});
  check(x + constant("i", "[[1, 2], [0, -1]]", "2x2xi64") +
            "%r = nn.gather_nd %x, %i {batch_dims = 0 : i64} : (tensor<2x3xi32>, tensor<2x2xi64>) -> "
            "tensor<2xi32>",
        {{6, 3}});
  check(pattern("x", {2, 3, 2}) + constant("i", "[[[1], [0]], [[2], [-1]]]", "2x2x1xi64") +
            "%r = nn.gather_nd %x, %i {batch_dims = 1 : i64} : (tensor<2x3x2xf32>, tensor<2x2x1xi64>) -> "
            "tensor<2x2x2xf32>",
        {{-0.5, 1.25, -1.25, 0.5, -0.25, -1.25, -0.25, -1.25}});
  auto elements = [&](const std::string &kind, const std::vector<double> &expected) {
    check(x + constant("i", "[[0, 0], [1, -2]]", "2x2xi64") +
              constant("u", "[[10, 20], [30, 2]]", "2x2xi32") +
              "%r = nn.scatter_elements %x, %i, %u {axis = 0 : i64, kind = #nn.scatter<" + kind +
              ">} : (tensor<2x3xi32>, tensor<2x2xi64>, tensor<2x2xi32>) -> tensor<2x3xi32>",
          {expected});
  };
  elements("none", {10, 2, 3, 30, 5, 6});
  elements("add", {11, 24, 3, 34, 5, 6});
  elements("mul", {10, 80, 3, 120, 5, 6});
  elements("max", {10, 20, 3, 30, 5, 6});
  elements("min", {1, 2, 3, 4, 5, 6});
  check(x + constant("i", "[[1], [1]]", "2x1xi64") + constant("u", "[[1, 1, 1], [2, 2, 2]]", "2x3xi32") +
            "%r = nn.scatter_nd %x, %i, %u {kind = #nn.scatter<add>} : (tensor<2x3xi32>, tensor<2x1xi64>, "
            "tensor<2x3xi32>) -> "
            "tensor<2x3xi32>",
        {{1, 2, 3, 7, 8, 9}});
  checkFails(x + constant("i", "[[1, 3]]", "1x2xi64") + constant("u", "[1]", "1xi32") +
                 "%r = nn.scatter_nd %x, %i, %u {kind = #nn.scatter<none>} : (tensor<2x3xi32>, "
                 "tensor<1x2xi64>, tensor<1xi32>) -> "
                 "tensor<2x3xi32>",
             "index 3 is out of range");
}

TEST(EvaluateFunction, BindsSymbols) {
  auto module = parse(R"(
    func.func @f(%x: tensor<?x2xf32> {nn.dims = affine_map<()[s0, s1] -> (s0, 2)>},
                 %y: tensor<?xf32> {nn.dims = affine_map<()[s0, s1] -> (s1)>})
        -> (tensor<?xf32>, tensor<2xi64>)
        attributes {nn.symbols = [#nn.symbol<"n", input, 0, 100>, #nn.symbol<"m", input, 0, 100>]} {
      %flat = nn.reshape %x {shape = affine_map<()[s0, s1] -> (s0 * 2)>} : (tensor<?x2xf32>) -> tensor<?xf32>
      %r = nn.concat %flat, %y {axis = 0 : i64} : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
      %s = nn.sizes {value = affine_map<()[s0, s1] -> (s0, s0 * 2 + s1)>} : () -> tensor<2xi64>
      return %r, %s : tensor<?xf32>, tensor<2xi64>
    })");
  ASSERT_TRUE(module);
  auto tensor = [](std::vector<int64_t> shape) {
    Tensor t(mlir::RankedTensorType::get(shape, mlir::Float32Type::get(&getContext())));
    for (int64_t i = 0; i < t.getNumElements(); ++i)
      t.setDouble(i, i);
    return t;
  };
  EvalContext ctx;
  llvm::SmallVector<Tensor> results;
  ASSERT_TRUE(
      succeeded(evaluateFunction(&module->getBody()->front(), ctx, {tensor({2, 2}), tensor({1})}, results)))
      << ctx.error;
  ASSERT_EQ(results.size(), 2u);
  expectValues(results[0], {0, 1, 2, 3, 0});
  expectValues(results[1], {2, 5});
  results.clear();
  EXPECT_TRUE(
      failed(evaluateFunction(&module->getBody()->front(), ctx, {tensor({2, 3}), tensor({1})}, results)));
  EXPECT_NE(ctx.error.find("argument 0"), std::string::npos) << ctx.error;
  ctx.error.clear();
  EXPECT_TRUE(
      failed(evaluateFunction(&module->getBody()->front(), ctx, {tensor({2, 2}), tensor({101})}, results)));
  EXPECT_NE(ctx.error.find("'m' is 101"), std::string::npos) << ctx.error;
}

TEST(EvaluateFunction, NamesWhatIsNotConstant) {
  auto module = parse("func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {\n"
                      "  %r = nn.exp %x : (tensor<2xf32>) -> tensor<2xf32>\n  return %r : tensor<2xf32>\n}");
  ASSERT_TRUE(module);
  auto func = llvm::cast<mlir::func::FuncOp>(module->getBody()->front());
  EvalContext ctx;
  EXPECT_TRUE(failed(evaluateConstant(func.getBody().front().front().getResult(0), ctx)));
  EXPECT_NE(ctx.error.find("argument"), std::string::npos) << ctx.error;
}

TEST(Tensor, Attributes) {
  auto roundTrip = [](const std::string &text) {
    auto attr = llvm::cast<mlir::DenseElementsAttr>(mlir::parseAttribute(text, &getContext()));
    EXPECT_EQ(Tensor::get(attr).getAttr(), attr) << text;
  };
  roundTrip("dense<[1.0, 2.0]> : tensor<2xf32>");
  roundTrip("dense<3> : tensor<4xi8>");
  roundTrip("dense<[true, false, true]> : tensor<3xi1>");
  roundTrip("dense<true> : tensor<3xi1>");
  roundTrip("dense<[]> : tensor<0xf32>");
  roundTrip("dense<7> : tensor<ui16>");
}
