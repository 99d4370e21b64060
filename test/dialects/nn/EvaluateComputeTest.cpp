// Reference evaluation of reductions, normalizations, contractions, windows, attention and recurrent
// networks. Short numbers are worked out by hand; the long lists are what ONNX Runtime computes for the same
// operands.

#include "EvaluateTestSupport.h"

using namespace aicc::nn::test;

TEST(EvaluateReduction, Reduces) {
  auto reduce = [](const std::string &kind, const std::string &type, const std::string &values,
                   const std::string &axes, const std::string &result, const std::vector<double> &expected) {
    check(constant("x", values, "2x3x" + type) + "%r = nn.reduce %x {kind = #nn.reduce<" + kind +
              ">, axes = array<i64: " + axes + ">, keepdims = false} : (tensor<2x3x" + type +
              ">) -> tensor<" + result + type + ">",
          {expected});
  };
  std::string x = "[[1, 2, 3], [4, 5, 7]]", f = "[[1.0, 2.0, 3.0], [4.0, 0x7FC00000, 7.0]]";
  reduce("sum", "i32", x, "0", "3x", {5, 7, 10});
  reduce("sum", "i32", x, "1", "2x", {6, 16});
  reduce("sum", "i32", x, "0, 1", "", {22});
  reduce("sum", "i8", "[[100, 100, 0], [1, 1, 1]]", "1", "2x", {-56, 3});
  reduce("mean", "i32", x, "1", "2x", {2, 5});
  reduce("mean", "f32", f, "1", "2x", {2, notANumber});
  reduce("prod", "i64", x, "1", "2x", {6, 140});
  reduce("max", "f32", f, "0", "3x", {4, notANumber, 7});
  reduce("min", "ui8", x, "1", "2x", {1, 4});
  reduce("all", "i1", "[[true, true, true], [true, false, true]]", "1", "2x", {1, 0});
  reduce("any", "i1", "[[false, false, false], [true, false, true]]", "1", "2x", {0, 1});
  check(constant("x", x, "2x3xi32") + "%r = nn.reduce %x {kind = #nn.reduce<max>, axes = array<i64: 1>, "
                                      "keepdims = true} : (tensor<2x3xi32>) -> tensor<2x1xi32>",
        {{3, 7}});
  check(constant("x", "1.0", "2x0xf32") + "%r = nn.reduce %x {kind = #nn.reduce<max>, axes = array<i64: 1>, "
                                          "keepdims = false} : (tensor<2x0xf32>) -> tensor<2xf32>",
        {{-infinity, -infinity}});
}

TEST(EvaluateReduction, Orders) {
  std::string x = constant("x", "[[3, 9, 9, 1]]", "1x4xi64");
  auto arg = [&](const std::string &attributes, double expected) {
    check(x + "%r = nn.arg_reduce %x {axis = 1 : i64, keepdims = false, " + attributes +
              "} : (tensor<1x4xi64>) -> tensor<1xi64>",
          {{expected}});
  };
  arg("max = true", 1);
  arg("max = true, last = true", 2);
  arg("max = false", 3);
  check(x + "%r:2 = nn.topk %x {k = affine_map<() -> (3)>, axis = 1 : i64, largest = true} : "
            "(tensor<1x4xi64>) -> "
            "(tensor<1x3xi64>, tensor<1x3xi64>)",
        {{9, 9, 3}, {1, 2, 0}});
  check(constant("x", "[[3.0, 0.5], [1.0, 0.5], [2.0, 0.25]]", "3x2xf16") +
            "%r:2 = nn.topk %x {k = affine_map<() -> (2)>, axis = 0 : i64, largest = false} : "
            "(tensor<3x2xf16>) -> "
            "(tensor<2x2xf16>, tensor<2x2xi64>)",
        {{1, 0.25, 2, 0.5}, {1, 2, 2, 0}});
  auto cumsum = [](const std::string &attributes, const std::vector<double> &expected) {
    check(constant("x", "[1, 2, 4]", "3xi32") + "%r = nn.cumsum %x {axis = 0 : i64, " + attributes +
              "} : (tensor<3xi32>) -> tensor<3xi32>",
          {expected});
  };
  cumsum("exclusive = false, reverse = false", {1, 3, 7});
  cumsum("exclusive = true, reverse = false", {0, 1, 3});
  cumsum("exclusive = false, reverse = true", {7, 6, 4});
  cumsum("exclusive = true, reverse = true", {6, 4, 0});
}

TEST(EvaluateReduction, Normalizes) {
  check(constant("x", "[[1000.0, 1000.0], [0.0, 0.69314718]]", "2x2xf32") +
            "%r = nn.softmax %x {axis = 1 : i64} : (tensor<2x2xf32>) -> tensor<2x2xf32>",
        {{0.5, 0.5, 1.0 / 3, 2.0 / 3}});
  check(constant("x", "[[0.0, 1.0], [0.0, 0.0]]", "2x2xf32") +
            "%r = nn.softmax %x {axis = 0 : i64, log = true} : (tensor<2x2xf32>) -> tensor<2x2xf32>",
        {{-0.69314718, -0.31326169, -0.69314718, -1.31326169}});
  check(pattern("x", {2, 3, 2}) + pattern("s", {3, 2}, 2) + pattern("b", {2}, 3) +
            "%r = nn.layer_norm %x, %s, %b {axis = 1 : i64, epsilon = 1.0e-3 : f32, operandSegmentSizes = "
            "array<i32: 1, 1, 1>} : "
            "(tensor<2x3x2xf32>, tensor<3x2xf32>, tensor<2xf32>) -> tensor<2x3x2xf32>",
        {{1.94603, 1.120038, 1.125709, -0.9431943, 1.647731, 0.25, 0.5695136, 0.439024, 0.9853664, -0.5439008,
          1.098781, 0.25}});
  check(constant("x", "[[3.0, 4.0]]", "1x2xf32") + constant("s", "[1.0, 2.0]", "2xf32") +
            "%r = nn.rms_norm %x, %s {axis = 1 : i64, epsilon = 0.0 : f32} : (tensor<1x2xf32>, "
            "tensor<2xf32>) -> tensor<1x2xf32>",
        {{0.848528137, 2.262741700}});
  check(pattern("x", {1, 4, 3}) + pattern("s", {4}, 2) + pattern("b", {4}, 3) +
            "%r = nn.group_norm %x, %s, %b {groups = 2 : i64, epsilon = 1.0e-3 : f32} : "
            "(tensor<1x4x3xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x4x3xf32>",
        {{1.94603, 0.901985, 1.498582, 2.238657, 0.7471643, -0.7443286, -0.4097568, -0.7121952, -1.014634,
          0.2060992, 1.113414, 2.02073}});
  check(constant("x", "[[[1.0], [2.0]]]", "1x2x1xf32") + constant("a", "[2.0, 1.0]", "2xf32") +
            constant("b", "[0.5, 0.0]", "2xf32") + constant("m", "[0.0, 1.0]", "2xf32") +
            constant("v", "[3.0, 0.0]", "2xf32") +
            "%r = nn.batch_norm %x, %a, %b, %m, %v {epsilon = 1.0 : f32} : (tensor<1x2x1xf32>, "
            "tensor<2xf32>, tensor<2xf32>, "
            "tensor<2xf32>, tensor<2xf32>) -> tensor<1x2x1xf32>",
        {{1.5, 1}});
  check(pattern("x", {1, 5, 1, 2}) + "%r = nn.lrn %x {size = 3 : i64, alpha = 0.5 : f32, beta = 0.75 : f32, "
                                     "bias = 1.5 : f32} : (tensor<1x5x1x2xf32>) -> "
                                     "tensor<1x5x1x2xf32>",
        {{-0.803672, 0.3214688, -0.3200822, 0.7736773, 0.1665446, -0.4720084, 0.6320093, 0, -0.6347006,
          0.5287448}});
}

TEST(EvaluateContraction, MatMul) {
  std::string x = constant("x", "[[1, 2, 3], [4, 5, 6]]", "2x3xi32"),
              y = constant("y", "[[1, 0], [0, 1], [1, 1]]", "3x2xi32");
  check(x + y + "%r = nn.matmul %x, %y : (tensor<2x3xi32>, tensor<3x2xi32>) -> tensor<2x2xi32>",
        {{4, 5, 10, 11}});
  check(x + y +
            "%r = nn.matmul %y, %x {transpose_lhs = true, transpose_rhs = true} : (tensor<3x2xi32>, "
            "tensor<2x3xi32>) -> "
            "tensor<2x2xi32>",
        {{4, 10, 5, 11}});
  // Batches broadcast: [2, 1] with [3].
  check(constant("x", "[[[[1.0, 2.0]]], [[[3.0, 4.0]]]]", "2x1x1x2xf32") +
            constant("y", "[[[1.0], [0.0]], [[0.0], [1.0]], [[1.0], [1.0]]]", "3x2x1xf32") +
            "%r = nn.matmul %x, %y : (tensor<2x1x1x2xf32>, tensor<3x2x1xf32>) -> tensor<2x3x1x1xf32>",
        {{1, 2, 3, 3, 4, 7}});
  // The shared right-hand side, with a depth that is no multiple of four.
  check(constant("x", "1.0", "2x2x6xbf16") + constant("y", "2.0", "6x3xbf16") +
            "%r = nn.matmul %x, %y : (tensor<2x2x6xbf16>, tensor<6x3xbf16>) -> tensor<2x2x3xbf16>",
        {std::vector<double>(12, 12)});
  check(constant("x", "1.0", "2x0xf32") + constant("y", "2.0", "0x2xf32") +
            "%r = nn.matmul %x, %y : (tensor<2x0xf32>, tensor<0x2xf32>) -> tensor<2x2xf32>",
        {{0, 0, 0, 0}});
}

static const std::vector<double> convolved = {
    -1.0625, 0.375,   2.3125,  -1.125, -1,     3.125,   -0.25,  -2.4375, 3.375,  -0.8125, 1.75,   -2.3125,
    -1.125,  -0.6875, -1.6875, -1.625, 0.75,   -0.6875, 1.1875, -0.625,  0.5625, 0,       1.4375, 2.625,
    -0.5,    -0.4375, 2.4375,  -1,     1.0625, 0.5625,  -1.25,  4.625,   -0.75,  0.5,     -0.375, -1.125};

TEST(EvaluateContraction, Conv) {
  std::string operands = pattern("x", {1, 4, 5, 4}) + pattern("w", {4, 2, 3, 2}, 3) + pattern("b", {4}, 1);
  std::string attributes =
      "strides = array<i64: 2, 1>, dilations = array<i64: 1, 2>, pads_low = array<i64: 1, 0>, "
      "pads_high = array<i64: 2, 1>, groups = 2 : i64";
  check(operands + "%r = nn.conv %x, %w, %b {" + attributes +
            "} : (tensor<1x4x5x4xf32>, tensor<4x2x3x2xf32>, tensor<4xf32>) -> tensor<1x4x3x3xf32>",
        {convolved});
  // Packed by 3, which doesn't divide the channels.
  check(operands +
            "%p = nn.pack %x {axis = 1 : i64, block = 3 : i64} : (tensor<1x4x5x4xf32>) -> "
            "tensor<1x2x5x4x3xf32>\n" +
            "%c = nn.conv %p, %w, %b {" + attributes +
            ", block = 3 : i64} : (tensor<1x2x5x4x3xf32>, tensor<4x2x3x2xf32>, tensor<4xf32>) -> "
            "tensor<1x2x3x3x3xf32>\n" +
            "%r = nn.unpack %c {axis = 1 : i64, size = 4 : i64} : (tensor<1x2x3x3x3xf32>) -> "
            "tensor<1x4x3x3xf32>",
        {convolved});
  check(operands + "%c = nn.conv %x, %w, %b {" + attributes +
            ", block = 4 : i64, block_input = false} : (tensor<1x4x5x4xf32>, tensor<4x2x3x2xf32>, "
            "tensor<4xf32>) -> "
            "tensor<1x1x3x3x4xf32>\n%r = nn.unpack %c {axis = 1 : i64, size = 4 : i64} : "
            "(tensor<1x1x3x3x4xf32>) -> "
            "tensor<1x4x3x3xf32>",
        {convolved});
  check(pattern("x", {1, 2, 5}) + pattern("w", {1, 2, 3}) +
            "%r = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads_low = array<i64: "
            "1>, pads_high = "
            "array<i64: 1>, groups = 1 : i64} : (tensor<1x2x5xf32>, tensor<1x2x3xf32>) -> tensor<1x1x5xf32>",
        {{-1.8125, 1.375, 0.5, 0.3125, -2.5}});
  check(
      pattern("x", {1, 4, 3, 2}) + pattern("w", {4, 1, 2, 3}, 3) + pattern("b", {2}, 1) +
          "%r = nn.conv_transpose %x, %w, %b {strides = array<i64: 2, 1>, dilations = array<i64: 1, 2>, "
          "pads_low = array<i64: 0, 1>, "
          "pads_high = array<i64: 1, 2>, output_padding = array<i64: 1, 0>, groups = 2 : i64} : "
          "(tensor<1x4x3x2xf32>, "
          "tensor<4x1x2x3xf32>, tensor<2xf32>) -> tensor<1x2x6x3xf32>",
      {{1.125,  -0.0625, 0.625,  1,      0,       0.5,     2.625,  0.625,  0.625,  2.125, 1,       0.125,
        -1.375, 0.625,   0.625,  -0.875, 0.625,   1.125,   -0.375, -0.875, 1.125,  0,     -1,      -1.25,
        -0.375, -2.375,  -0.375, -0.375, -0.8125, -1.0625, -0.375, 1.625,  -1.875, -0.75, -1.3125, -0.875}});
}

TEST(EvaluateContraction, AttentionAndRope) {
  std::string qkv =
      pattern("q", {1, 4, 2, 2}) + pattern("k", {1, 2, 3, 2}, 2) + pattern("v", {1, 2, 3, 1}, 3);
  std::string types = "tensor<1x4x2x2xf32>, tensor<1x2x3x2xf32>, tensor<1x2x3x1xf32>";
  check(qkv + pattern("m", {2, 3}, 9) +
            "%r = nn.attention %q, %k, %v, %m {scale = 0.5 : f32, causal = true} : (" + types +
            ", tensor<2x3xf32>) -> tensor<1x4x2x1xf32>",
        {{1.127477, 0.4403918, 0.7889832, -0.3286468, 0.8933094, -0.4720345, 0.5774954, -0.5958698}});
  // A row that is masked out gives zeros; the other sees one key.
  check(qkv + constant("m", "[[false, false, false], [false, true, false]]", "2x3xi1") +
            "%r = nn.attention %q, %k, %v, %m {scale = 0.5 : f32} : (" + types +
            ", tensor<2x3xi1>) -> tensor<1x4x2x1xf32>",
        {{0, 0.25, 0, 0.25, 0, 0, 0, 0}});
  std::string x = constant("x", "[[1.0, 2.0, 3.0, 4.0]]", "1x4xf32") +
                  constant("c", "[0.0, 1.0, 0.0, 1.0]", "4xf32") +
                  constant("s", "[1.0, 0.5, 1.0, 0.5]", "4xf32");
  std::string rope = " : (tensor<1x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<1x4xf32>";
  check(x + "%r = nn.rope %x, %c, %s" + rope, {{-3, 0, 1, 5}});
  check(x + "%r = nn.rope %x, %c, %s {interleaved = true}" + rope, {{-2, 2.5, -4, 5.5}});
}

TEST(EvaluateSpatial, Pools) {
  auto pool = [](const std::string &op, int64_t size, const std::string &attributes, int64_t result,
                 const std::vector<double> &expected) {
    auto type = [](int64_t n) {
      return "tensor<1x1x" + std::to_string(n) + "x" + std::to_string(n) + "xf32>";
    };
    check(pattern("x", {1, 1, size, size}) + "%r = nn." + op +
              " %x {dilations = array<i64: 1, 1>, strides = array<i64: 2, 2>, " + attributes + "} : (" +
              type(size) + ") -> " + type(result),
          {expected});
  };
  pool("max_pool", 5,
       "kernel = array<i64: 2, 2>, pads_low = array<i64: 0, 0>, pads_high = array<i64: 0, 0>, ceil = true", 3,
       {1, 1.25, 0.75, 0.25, 1, 1.25, 0.75, 0.5, -0.5});
  pool("avg_pool", 5,
       "kernel = array<i64: 3, 3>, pads_low = array<i64: 1, 1>, pads_high = array<i64: 0, 0>, ceil = true, "
       "count_include_pad = true",
       3, {-0.05555556, 0.1388889, 0.2083333, -0.1944444, -0.1111111, -0.08333334, 0, -0.125, -0.25});
  pool("avg_pool", 4, "kernel = array<i64: 3, 3>, pads_low = array<i64: 1, 1>, pads_high = array<i64: 1, 1>",
       2, {-0.3125, 0.25, -0.125, 0.05555556});
  check(constant("x", "[[[[[1.0, -1.0], [3.0, -3.0], [2.0, -2.0]]]]]", "1x1x1x3x2xf32") +
            "%r = nn.max_pool %x {kernel = array<i64: 1, 2>, strides = array<i64: 1, 1>, dilations = "
            "array<i64: 1, 1>, pads_low = "
            "array<i64: 0, 0>, pads_high = array<i64: 0, 0>, block = 2 : i64} : (tensor<1x1x1x3x2xf32>) -> "
            "tensor<1x1x1x2x2xf32>",
        {{3, -1, 3, -2}});
}

TEST(EvaluateSpatial, Resizes) {
  auto resize = [](const std::string &mode, const std::string &coordinates, int64_t height, int64_t width,
                   const std::string &scales, const std::string &cubic, const std::vector<double> &expected) {
    std::string h = std::to_string(height), w = std::to_string(width);
    check(pattern("x", {1, 1, 3, 4}) + "%r = nn.resize %x {shape = affine_map<() -> (1, 1, " + h + ", " + w +
              ")>, scales = array<f32" + scales + ">, mode = #nn.resize<" + mode +
              ">, coordinates = #nn.coordinates<" + coordinates + ">, nearest = #nn.nearest<floor>, " +
              cubic + "} : (tensor<1x1x3x4xf32>) -> tensor<1x1x" + h + "x" + w + "xf32>",
          {expected}, 1e-5);
  };
  std::string keys = "cubic_a = -0.75 : f32, exclude_outside = false";
  resize("cubic", "half_pixel", 4, 2, ": 1.0, 1.0, 1.5, 0.6", "cubic_a = -0.5 : f32, exclude_outside = true",
         {-0.7752947, -0.5986838, -0.4051723, 0.2794118, -0.1009429, 0.9227686, -0.4305627, -0.09135649});
  resize("cubic", "half_pixel", 5, 3, "", keys,
         {-1.08301, -0.01199999, 1.05901, -0.5129941, 0.02093749, 0.7615774, 0.0760995, 0.125, 0.1739005,
          -0.3419948, 0.3682813, -0.678464, -0.8090096, 0.5445626, -1.248426});
  resize("linear", "align_corners", 5, 3, "", keys,
         {-1.25, 0, 1.25, -0.5, 0.0625, 0.625, 0.25, 0.125, 0, -0.375, 0.1875, -0.625, -1, 0.25, -1.25});
  resize("linear", "half_pixel_symmetric", 6, 2, ": 1.0, 1.0, 2.3, 0.7", keys,
         {0.125, -0.1250002, -0.1048137, 0.1917701, -0.3920807, 0.587733, -0.337733, 0.5139754, 0.05822977,
          -0.02950297, 0.375, -0.4642856});
  resize("linear", "pytorch_half_pixel", 1, 7, "", keys,
         {-1.25, -0.625, 0.3750001, 0, -0.3750001, 0.6249999, 1.25});
}

TEST(EvaluateSpatial, ResizesToTheNearest) {
  auto nearest = [](const std::string &rounding, const std::string &coordinates,
                    const std::vector<double> &expected) {
    check("%x = nn.iota {shape = affine_map<() -> (6)>, axis = 0 : i64, type = i64} : () -> tensor<6xi64>\n"
          "%r = nn.resize %x {shape = affine_map<() -> (9)>, scales = array<f32>, mode = "
          "#nn.resize<nearest>, coordinates = "
          "#nn.coordinates<" +
              coordinates + ">, nearest = #nn.nearest<" + rounding +
              ">, cubic_a = -0.75 : f32, exclude_outside = false} : (tensor<6xi64>) -> tensor<9xi64>",
          {expected});
  };
  nearest("round_prefer_floor", "asymmetric", {0, 1, 1, 2, 3, 3, 4, 5, 5});
  nearest("round_prefer_floor", "half_pixel", {0, 0, 1, 2, 2, 3, 4, 4, 5});
  nearest("round_prefer_floor", "align_corners", {0, 1, 1, 2, 2, 3, 4, 4, 5});
  nearest("round_prefer_ceil", "half_pixel", {0, 1, 1, 2, 3, 3, 4, 5, 5});
  nearest("round_prefer_ceil", "align_corners", {0, 1, 1, 2, 3, 3, 4, 4, 5});
  nearest("floor", "asymmetric", {0, 0, 1, 2, 2, 3, 4, 4, 5});
  nearest("floor", "tf_half_pixel_for_nn", {0, 1, 1, 2, 3, 3, 4, 5, 5});
  nearest("ceil", "half_pixel", {0, 1, 2, 2, 3, 4, 4, 5, 5});
  nearest("ceil", "tf_half_pixel_for_nn", {1, 1, 2, 3, 3, 4, 5, 5, 5});
}

TEST(EvaluateRecurrent, Lstm) {
  check(pattern("x", {3, 2, 2}) + pattern("w", {2, 8, 2}, 2) + pattern("u", {2, 8, 2}, 5) +
            pattern("b", {2, 16}, 1) + constant("l", "[3, 2]", "2xi32") + pattern("h", {2, 2, 2}, 4) +
            pattern("c", {2, 2, 2}, 6) + pattern("p", {2, 6}, 7) +
            "%r:3 = nn.lstm %x, %w, %u, %b, %l, %h, %c, %p {direction = #nn.direction<bidirectional>, "
            "operandSegmentSizes = "
            "array<i32: 1, 1, 1, 1, 1, 1, 1, 1>} : (tensor<3x2x2xf32>, tensor<2x8x2xf32>, tensor<2x8x2xf32>, "
            "tensor<2x16xf32>, "
            "tensor<2xi32>, tensor<2x2x2xf32>, tensor<2x2x2xf32>, tensor<2x6xf32>) -> "
            "(tensor<3x2x2x2xf32>, tensor<2x2x2xf32>, tensor<2x2x2xf32>)",
        {{-0.1116333,  -0.2253899, 0.3256237, 0.3703326, 0.4878937,  -0.236835,   0.2979915,   -0.2640654,
          -0.09339168, -0.3732088, 0.5337707, 0.1329359, 0.07005642, 0.007810457, 0.009922262, -0.4649945,
          -0.1089587,  -0.6204664, 0,         0,         0.1591036,  -0.01852595, 0,           0},
         {-0.1089587, -0.6204664, 0.5337707, 0.1329359, 0.4878937, -0.236835, 0.2979915, -0.2640654},
         {-0.6776773, -0.8183264, 0.7422071, 0.3856412, 1.113153, -0.2522583, 0.9289402, -0.2809643}},
        2e-6);
}

TEST(EvaluateRecurrent, Gru) {
  auto gru = [](const std::string &linear, const std::vector<double> &y, const std::vector<double> &last) {
    check(
        pattern("x", {3, 2, 2}) + pattern("w", {1, 6, 2}, 2) + pattern("u", {1, 6, 2}, 5) +
            pattern("b", {1, 12}, 1) + constant("l", "[3, 2]", "2xi32") + pattern("h", {1, 2, 2}, 4) +
            "%r:2 = nn.gru %x, %w, %u, %b, %l, %h {direction = #nn.direction<reverse>, linear_before_reset "
            "= " +
            linear +
            ", operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1>} : (tensor<3x2x2xf32>, tensor<1x6x2xf32>, "
            "tensor<1x6x2xf32>, "
            "tensor<1x12xf32>, tensor<2xi32>, tensor<1x2x2xf32>) -> (tensor<3x1x2x2xf32>, tensor<1x2x2xf32>)",
        {y, last}, 2e-6);
  };
  gru("false",
      {-0.4034485, 0.01093202, -0.3744067, 0.06858706, -0.3797083, 0.8651459, -0.3527007, 0.7600243,
       -0.08563408, 0.5232788, 0, 0},
      {-0.4034485, 0.01093202, -0.3744067, 0.06858706});
  gru("true",
      {-0.2793551, 0.003180865, -0.3749502, 0.03949901, -0.2457644, 0.8218027, -0.3523678, 0.7129906,
       -0.08542123, 0.4697537, 0, 0},
      {-0.2793551, 0.003180865, -0.3749502, 0.03949901});
}

TEST(EvaluateRecurrent, Rnn) {
  check(pattern("x", {3, 2, 2}) + pattern("w", {1, 2, 2}, 2) + pattern("u", {1, 2, 2}, 5) +
            pattern("b", {1, 4}, 1) +
            "%r:2 = nn.rnn %x, %w, %u, %b {direction = #nn.direction<forward>, relu = false, "
            "operandSegmentSizes = array<i32: 1, 1, 1, 1, "
            "0, 0>} : (tensor<3x2x2xf32>, tensor<1x2x2xf32>, tensor<1x2x2xf32>, tensor<1x4xf32>) -> "
            "(tensor<3x1x2x2xf32>, tensor<1x2x2xf32>)",
        {{0.9950548, -0.7340715, 0.9983917, -0.8649066, -0.6600277, 0.8037338, -0.3484693, 0.6987771,
          0.9997463, -0.9532515, 0.8545085, -0.07364351},
         {0.9997463, -0.9532515, 0.8545085, -0.07364351}},
        2e-6);
  checkFails(pattern("x", {3, 1, 1}) + pattern("w", {1, 1, 1}) + pattern("u", {1, 1, 1}) +
                 constant("l", "[4]", "1xi32") +
                 "%r:2 = nn.rnn %x, %w, %u, %l {direction = #nn.direction<forward>, relu = true, "
                 "operandSegmentSizes = array<i32: 1, 1, 1, "
                 "0, 1, 0>} : (tensor<3x1x1xf32>, tensor<1x1x1xf32>, tensor<1x1x1xf32>, tensor<1xi32>) -> "
                 "(tensor<3x1x1x1xf32>, tensor<1x1x1xf32>)",
             "length 4 of 3");
}
