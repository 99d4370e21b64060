// Running sums, the k largest, gathers and scatters against reference evaluation, and what happens to indices
// out of range. For inclusion, once, behind the kernel tests of one kind of device, which define checkKernel
// and runDispatch.

static const std::vector<Sizes> boxes = {{{"a", 1}, {"b", 1}, {"c", 1}},
                                         {{"a", 3}, {"b", 5}, {"c", 17}},
                                         {{"a", 2}, {"b", 33}, {"c", 3}},
                                         {{"a", 7}, {"b", 4}, {"c", 100}}};

//===--- running sums
//----------------------------------------------------------------------------------------------------===//

static KernelText cumsum(const std::string &sizes, int axis, bool exclusive, bool reverse,
                         const std::string &element = "f32") {
  std::string type = tensor(sizes, element);
  return {"%x: " + type, "%r = nn.cumsum %x {axis = " + std::to_string(axis) + " : i64, exclusive = " +
                             (exclusive ? "true" : "false") + ", reverse = " + (reverse ? "true" : "false") +
                             "} : (" + type + ") -> " + type + "\nreturn %r : " + type};
}

TEST(CumSumKernel, axes) {
  for (int axis : {0, 1, 2})
    checkKernel({cumsum("{a}x{b}x{c}", axis, axis == 1, axis == 2), boxes});
  for (bool exclusive : {false, true})
    for (bool reverse : {false, true}) {
      checkKernel({cumsum("{n}", 0, exclusive, reverse), {{{"n", 1}}, {{"n", 33}}, {{"n", 1000}}}});
      checkKernel({cumsum("5x{n}", 0, exclusive, reverse), {{{"n", 1}}, {{"n", 33}}, {{"n", 1000}}}});
    }
}

TEST(CumSumKernel, otherTypes) {
  for (std::string element : {"f16", "bf16", "f64", "i64", "i32", "i8", "ui8"}) {
    checkKernel({cumsum("3x40", 1, false, false, element)});
    checkKernel({cumsum("40x3", 0, true, true, element)});
  }
}

//===--- the k largest
//---------------------------------------------------------------------------------------------------===//

static KernelText topk(const std::string &sizes, int axis, const std::string &k, const std::string &to,
                       bool largest, const std::string &element = "f32", const std::string &results = "01") {
  std::string type = tensor(sizes, element), values = tensor(to, element), indices = tensor(to, "i64");
  std::string used = results == "01" ? "%r#0, %r#1 : " + values + ", " + indices
                                     : "%r#" + results + " : " + (results == "0" ? values : indices);
  return {"%x: " + type, "%r:2 = nn.topk %x {k = <<" + k + ">>, axis = " + std::to_string(axis) +
                             " : i64, largest = " + (largest ? "true" : "false") + "} : (" + type + ") -> (" +
                             values + ", " + indices + ")\nreturn " + used};
}

TEST(TopKKernel, axes) {
  for (bool largest : {false, true}) {
    checkKernel({topk("{a}x{b}x{c}", 0, "1", "1x{b}x{c}", largest), boxes});
    checkKernel({topk("{a}x{b}x{c}", 2, "c", "{a}x{b}x{c}", largest), boxes});
    checkKernel({topk("{m}x{n}", 1, "3", "{m}x3", largest),
                 {{{"m", 2}, {"n", 3}}, {{"m", 5}, {"n", 17}}, {{"m", 1}, {"n", 1000}}}});
    checkKernel({topk("{n}x{m}", 0, "k", "{k}x{m}", largest),
                 {{{"k", 1}, {"m", 2}, {"n", 3}},
                  {{"k", 4}, {"m", 5}, {"n", 17}},
                  {{"k", 50}, {"m", 1}, {"n", 1000}}}});
  }
}

/// Few different numbers, so that many are equal, and some NaN.
static void fillTies(unsigned, aicc::nn::Tensor &x) {
  bool isFloat = llvm::isa<mlir::FloatType>(x.getElementType());
  for (int64_t i = 0; i < x.getNumElements(); ++i) {
    if (isFloat)
      x.setDouble(i, i % 11 == 7 ? std::nan("") : double(i * 7 % 5) - 2);
    else
      x.setInt(i, i * 7 % 5);
  }
}

TEST(TopKKernel, ties) {
  for (bool largest : {false, true})
    for (std::string element : {"f32", "f16", "bf16", "f64", "i64", "i32", "i8", "ui8"})
      checkKernel({topk("3x40", 1, "12", "3x12", largest, element), {{}}, 0, fillTies});
}

TEST(TopKKernel, unusedResults) {
  checkKernel({topk("3x40", 1, "12", "3x12", true, "f32", "0")});
  checkKernel({topk("3x40", 1, "12", "3x12", true, "f32", "1")});
  checkKernel({topk("3x40", 1, "0", "3x0", true)});
}

//===--- indices
//---------------------------------------------------------------------------------------------------------===//

/// Indices (integers in operand 1) from -size to size - 1, all different as long as they can be.
static Fill indicesBelow(int64_t size, int64_t multiplier = 7) {
  return [=](unsigned index, aicc::nn::Tensor &x) {
    if (index != 1)
      return;
    for (int64_t i = 0; i < x.getNumElements(); ++i)
      x.setInt(i, i * multiplier % size - (i % 3 == 1 ? size : 0));
  };
}

static KernelText gatherElements(const std::string &from, const std::string &indices, int axis,
                                 const std::string &element = "f32", const std::string &index = "i64") {
  std::string x = tensor(from, element), i = tensor(indices, index), r = tensor(indices, element);
  return {"%x: " + x + ", %i: " + i, "%r = nn.gather_elements %x, %i {axis = " + std::to_string(axis) +
                                         " : i64} : (" + x + ", " + i + ") -> " + r + "\nreturn %r : " + r};
}

TEST(GatherElementsKernel, axes) {
  std::vector<Sizes> runs = {
      {{"a", 3}, {"b", 5}, {"m", 4}}, {{"a", 1}, {"b", 33}, {"m", 1}}, {{"a", 2}, {"b", 1}, {"m", 17}}};
  checkKernel({gatherElements("6x{a}x{b}", "{m}x{a}x{b}", 0), runs, 0, indicesBelow(6)});
  checkKernel({gatherElements("{a}x6x{b}", "{a}x{m}x{b}", 1), runs, 0, indicesBelow(6)});
  checkKernel({gatherElements("{a}x{b}x6", "{a}x{b}x{m}", 2), runs, 0, indicesBelow(6)});
  checkKernel({gatherElements("7x9x6", "5x3x8", 2), {{}}, 0, indicesBelow(6)});
  checkKernel({gatherElements("9", "{m}", 0), {{{"m", 1}}, {{"m", 100}}}, 0, indicesBelow(9)});
}

TEST(GatherElementsKernel, otherTypes) {
  for (std::string element : {"f16", "bf16", "f64", "i64", "i32", "i8", "ui8", "i1"})
    checkKernel({gatherElements("5x6", "5x4", 1, element, "i32"), {{}}, 0, indicesBelow(6)});
}

static KernelText gatherNd(const std::string &from, const std::string &indices, const std::string &to,
                           int batchDims, const std::string &element = "f32") {
  std::string x = tensor(from, element), i = tensor(indices, "i64"), r = tensor(to, element);
  return {"%x: " + x + ", %i: " + i, "%r = nn.gather_nd %x, %i {batch_dims = " + std::to_string(batchDims) +
                                         " : i64} : (" + x + ", " + i + ") -> " + r + "\nreturn %r : " + r};
}

TEST(GatherNdKernel, slices) {
  std::vector<Sizes> runs = {{{"n", 1}, {"m", 1}}, {{"n", 5}, {"m", 17}}, {{"n", 33}, {"m", 100}}};
  checkKernel({gatherNd("5x{m}", "{n}x1", "{n}x{m}", 0), runs, 0, indicesBelow(5)});
  checkKernel({gatherNd("5x6x{m}", "{n}x2", "{n}x{m}", 0), runs, 0, indicesBelow(5)});
  checkKernel({gatherNd("5x6", "{n}x{m}x2", "{n}x{m}", 0), runs, 0, indicesBelow(5)});
  checkKernel({gatherNd("5", "1", "", 0), {{}}, 0, indicesBelow(5)});
}

TEST(GatherNdKernel, batches) {
  std::vector<Sizes> runs = {{{"n", 1}, {"m", 1}}, {{"n", 5}, {"m", 17}}, {{"n", 3}, {"m", 33}}};
  checkKernel({gatherNd("{n}x5x{m}", "{n}x1", "{n}x{m}", 1), runs, 0, indicesBelow(5)});
  checkKernel({gatherNd("{n}x5x{m}", "{n}x4x1", "{n}x4x{m}", 1), runs, 0, indicesBelow(5)});
  checkKernel({gatherNd("{n}x2x5x6", "{n}x2x{m}x2", "{n}x2x{m}", 2), runs, 0, indicesBelow(5)});
}

static std::string kindAttribute(const std::string &kind) { return "kind = #nn.scatter<" + kind + ">"; }

static KernelText scatterElements(const std::string &into, const std::string &indices, int axis,
                                  const std::string &kind, const std::string &element = "f32",
                                  const std::string &index = "i64") {
  std::string x = tensor(into, element), i = tensor(indices, index), u = tensor(indices, element);
  return {"%x: " + x + ", %i: " + i + ", %u: " + u,
          "%r = nn.scatter_elements %x, %i, %u {axis = " + std::to_string(axis) + " : i64, " +
              kindAttribute(kind) + "} : (" + x + ", " + i + ", " + u + ") -> " + x + "\nreturn %r : " + x};
}

TEST(ScatterElementsKernel, axes) {
  std::vector<Sizes> runs = {
      {{"a", 3}, {"b", 5}, {"m", 4}}, {{"a", 1}, {"b", 133}, {"m", 1}}, {{"a", 2}, {"b", 1}, {"m", 17}}};
  for (std::string kind : {"none", "add"}) {
    checkKernel({scatterElements("6x{a}x{b}", "{m}x{a}x{b}", 0, kind), runs, 0, indicesBelow(6)});
    checkKernel({scatterElements("{a}x6x{b}", "{a}x{m}x{b}", 1, kind), runs, 0, indicesBelow(6)});
    checkKernel({scatterElements("{a}x{b}x6", "{a}x{b}x{m}", 2, kind), runs, 0, indicesBelow(6)});
    checkKernel({scatterElements("7x9x6", "5x3x8", 2, kind), {{}}, 0, indicesBelow(6)});
    checkKernel({scatterElements("7x6x9", "5x8x3", 1, kind), {{}}, 0, indicesBelow(6)});
    checkKernel({scatterElements("{n}", "{m}", 0, kind),
                 {{{"m", 1}, {"n", 9}}, {{"m", 100}, {"n", 50}}},
                 0,
                 indicesBelow(9)});
  }
}

TEST(ScatterElementsKernel, kinds) {
  for (std::string kind : {"none", "add", "mul", "max", "min"}) {
    for (std::string element : {"f32", "f16", "bf16", "f64", "i64", "i32", "i8", "ui8"})
      checkKernel({scatterElements("3x6", "3x8", 1, kind, element, "i32"), {{}}, 0, indicesBelow(6)});
    auto fill = [](unsigned index, aicc::nn::Tensor &x) {
      indicesBelow(6)(index, x);
      if (index != 1)
        x.setDouble(5, std::nan(""));
    };
    checkKernel({scatterElements("3x6", "3x8", 1, kind), {{}}, 0, fill});
  }
  checkKernel({scatterElements("3x6", "3x8", 1, "none", "i1"), {{}}, 0, indicesBelow(6)});
}

static KernelText scatterNd(const std::string &into, const std::string &indices, const std::string &updates,
                            const std::string &kind, const std::string &element = "f32") {
  std::string x = tensor(into, element), i = tensor(indices, "i64"), u = tensor(updates, element);
  return {"%x: " + x + ", %i: " + i + ", %u: " + u, "%r = nn.scatter_nd %x, %i, %u {" + kindAttribute(kind) +
                                                        "} : (" + x + ", " + i + ", " + u + ") -> " + x +
                                                        "\nreturn %r : " + x};
}

TEST(ScatterNdKernel, slices) {
  std::vector<Sizes> runs = {{{"n", 1}, {"m", 1}}, {{"n", 5}, {"m", 17}}, {{"n", 33}, {"m", 1000}}};
  for (std::string kind : {"none", "add"}) {
    checkKernel({scatterNd("50x{m}", "{n}x1", "{n}x{m}", kind), runs, 0, indicesBelow(50)});
    checkKernel({scatterNd("5x6x{m}", "{n}x2", "{n}x{m}", kind), runs, 0, indicesBelow(5)});
    checkKernel({scatterNd("5x6", "{n}x{m}x2", "{n}x{m}", kind), runs, 0, indicesBelow(5)});
  }
}

TEST(ScatterNdKernel, kinds) {
  for (std::string kind : {"none", "add", "mul", "max", "min"})
    for (std::string element : {"f32", "f16", "bf16", "f64", "i64", "i32", "i8", "ui8"})
      checkKernel({scatterNd("5x70", "7x1", "7x70", kind, element), {{}}, 0, indicesBelow(5)});
}

TEST(ScatterNdKernel, constantOperands) {
  checkKernel(
      {{"%i: tensor<7x1xi64>",
        "%x = nn.constant dense<0.0> : tensor<50x3xf32>\n%u = nn.constant dense<1.0> : tensor<7x3xf32>\n"
        "%r = nn.scatter_nd %x, %i, %u {kind = #nn.scatter<add>} : (tensor<50x3xf32>, tensor<7x1xi64>, "
        "tensor<7x3xf32>) -> tensor<50x3xf32>\nreturn %r : tensor<50x3xf32>"},
       {{}},
       0,
       [](unsigned, aicc::nn::Tensor &x) { indicesBelow(50)(1, x); }});
}

//===--- indices out of range
//--------------------------------------------------------------------------------------------===//

/// Runs the kernel; indices are far away or just beyond.
static std::vector<aicc::nn::Tensor> runWild(const KernelText &text, std::vector<aicc::nn::Tensor> &inputs) {
  auto dispatch = TestDispatch::create(text, nullptr, {});
  if (!dispatch)
    return {};
  for (mlir::RankedTensorType type : dispatch->argumentTypes({})) {
    inputs.emplace_back(type);
    fillRandom(inputs.back(), inputs.size());
  }
  int64_t wild[] = {5, -6, int64_t(1) << 40, INT64_MIN, INT64_MAX, 2};
  for (int64_t i = 0; i < inputs[1].getNumElements(); ++i)
    inputs[1].setInt(i, wild[i % 6]);
  return runDispatch(*dispatch, inputs);
}

TEST(IndicesOutOfRange, gathersStayInside) {
  for (const KernelText &text : {gatherElements("5", "6", 0), gatherNd("5", "6x1", "6", 0)}) {
    std::vector<aicc::nn::Tensor> inputs, results = runWild(text, inputs);
    if (results.empty()) // no device
      return;
    EXPECT_EQ(results[0].getDouble(0), inputs[0].getDouble(4));
    EXPECT_EQ(results[0].getDouble(5), inputs[0].getDouble(2));
  }
  std::vector<aicc::nn::Tensor> inputs;
  runWild(gatherElements("0x3", "4x3", 0), inputs);
}

TEST(IndicesOutOfRange, scattersSkip) {
  for (const KernelText &text : {scatterElements("5", "6", 0, "none"), scatterNd("5", "6x1", "6", "none"),
                                 scatterNd("5x100", "6x1", "6x100", "none")}) {
    std::vector<aicc::nn::Tensor> inputs, results = runWild(text, inputs);
    if (results.empty()) // no device
      return;
    int64_t width = inputs[0].getNumElements() / 5;
    for (int64_t i = 0; i < 5 * width; ++i)
      EXPECT_EQ(results[0].getDouble(i),
                i / width == 2 ? inputs[2].getDouble(5 * width + i % width) : inputs[0].getDouble(i));
  }
}
