// Reference evaluation of branches and loops: which region runs, what is carried, which sizes are bound.

#include "EvaluateTestSupport.h"

using namespace aicc::nn;
using namespace aicc::nn::test;
using namespace mlir;

namespace {
Tensor makeTensor(Type element, llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<double> values) {
  Tensor tensor(RankedTensorType::get(shape, element));
  for (auto [i, value] : llvm::enumerate(values))
    tensor.setDouble(i, value);
  return tensor;
}
Tensor floats(llvm::ArrayRef<double> values) {
  return makeTensor(Float32Type::get(&getContext()), {int64_t(values.size())}, values);
}
Tensor number(int64_t value) { return makeTensor(IntegerType::get(&getContext(), 64), {}, {double(value)}); }
Tensor truth(bool value) { return makeTensor(IntegerType::get(&getContext(), 1), {}, {double(value)}); }

/// Results of the only function; empty, with the message, where it fails.
std::vector<Tensor> run(llvm::StringRef text, llvm::ArrayRef<Tensor> arguments,
                        std::string *error = nullptr) {
  auto module = parse(text);
  if (!module)
    return {};
  EvalContext ctx;
  llvm::SmallVector<Tensor> results;
  if (failed(evaluateFunction(&module->getBody()->front(), ctx, arguments, results))) {
    if (error)
      *error = ctx.error;
    else
      ADD_FAILURE() << ctx.error;
    return {};
  }
  return {results.begin(), results.end()};
}

const char *const branchText = R"(
func.func @main(%c: tensor<i1>, %x: tensor<?xf32> {nn.dims = affine_map<()[s0, s1] -> (s0)>}) -> (tensor<?xf32>, tensor<1xi64>)
    attributes {nn.symbols = [#nn.symbol<"n", input, 0, 100>, #nn.symbol<"k", data, 0, 100>]} {
  %r = nn.if %c {binds = array<i64: 1>, sizes = affine_map<()[s0, s1] -> (s1)>} then {
    %0 = nn.neg %x : (tensor<?xf32>) -> tensor<?xf32>
    nn.yield %0 : tensor<?xf32>
  } else {
    %0 = nn.concat %x, %x {axis = 0 : i64} : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    nn.yield %0 : tensor<?xf32>
  } : (tensor<i1>) -> tensor<?xf32>
  %s = nn.sizes {value = affine_map<()[s0, s1] -> (s1)>} : () -> tensor<1xi64>
  return %r, %s : tensor<?xf32>, tensor<1xi64>
})";

/// Carries x, to which each iteration adds y at the end; scans the number of the iteration.
const char *const loopText = R"(
func.func @main(%m: tensor<i64>, %c: tensor<i1>, %x: tensor<?xf32> {nn.dims = affine_map<()[s0, s1, s2, s3] -> (s0)>}, %y: tensor<2xf32>)
    -> (tensor<?xf32>, tensor<?xi64>)
    attributes {nn.symbols = [#nn.symbol<"n", input, 0, 100>, #nn.symbol<"k", data, 0, 100>, #nn.symbol<"l", data, 0, 100>, #nn.symbol<"t", data, 0, 100>]} {
  %r:2 = nn.loop %m, %c, %x {binds = array<i64: 1, 2, 3>, carried = affine_map<()[s0, s1, s2, s3] -> (s1)>,
      sizes = affine_map<()[s0, s1, s2, s3] -> (s2, s3)>} do {
  ^bb0(%i: tensor<i64>, %a: tensor<?xf32>):
    %limit = nn.constant dense<6> : tensor<i64>
    %0 = nn.concat %a, %y {axis = 0 : i64} : (tensor<?xf32>, tensor<2xf32>) -> tensor<?xf32>
    %s = nn.sizes {value = affine_map<()[s0, s1, s2, s3] -> (s1 + 2)>, scalar = true} : () -> tensor<i64>
    %more = nn.compare %s, %limit {kind = #nn.compare<lt>} : (tensor<i64>, tensor<i64>) -> tensor<i1>
    nn.yield %more, %0, %i : tensor<i1>, tensor<?xf32>, tensor<i64>
  } : (tensor<i64>, tensor<i1>, tensor<?xf32>) -> (tensor<?xf32>, tensor<?xi64>)
  return %r#0, %r#1 : tensor<?xf32>, tensor<?xi64>
})";
} // namespace

TEST(EvaluateControl, BranchesBindSizes) {
  auto taken = run(branchText, {truth(true), floats({1, 2})});
  ASSERT_EQ(taken.size(), 2u);
  expectValues(taken[0], {-1, -2});
  expectValues(taken[1], {2});
  auto other = run(branchText, {truth(false), floats({1, 2})});
  ASSERT_EQ(other.size(), 2u);
  expectValues(other[0], {1, 2, 1, 2});
  expectValues(other[1], {4});
}

TEST(EvaluateControl, LargerOfSizesFromDataWaitsForThem) {
  // Before k is bound, max(k - 1, k - 2) is below what it may be; the larger of two arguments' sizes is
  // checked at once.
  const char *const text = R"(
func.func @main(%k: tensor<1xi64>, %x: tensor<?xf32> {nn.dims = affine_map<()[s0, s1, s2, s3] -> (s0)>}) -> tensor<2xi64>
    attributes {nn.symbols = [#nn.symbol<"n", input, 0, 100>, #nn.symbol<"k", data, 0, 100>,
        #nn.symbol<"a", max, 0, 100, affine_map<()[s0, s1] -> (s1 - 1, s1 - 2)>>,
        #nn.symbol<"b", max, 0, 4, affine_map<()[s0] -> (s0, 1)>>]} {
  nn.bind_size %k {symbols = array<i64: 1>, what = "k"} : tensor<1xi64>
  %s = nn.sizes {value = affine_map<()[s0, s1, s2, s3] -> (s2, s3)>} : () -> tensor<2xi64>
  return %s : tensor<2xi64>
})";
  const Tensor k = makeTensor(IntegerType::get(&getContext(), 64), {1}, {7});
  auto results = run(text, {k, floats({1, 2})});
  ASSERT_EQ(results.size(), 1u);
  expectValues(results[0], {6, 2});
  std::string error;
  EXPECT_TRUE(run(text, {k, floats({1, 2, 3, 4, 5})}, &error).empty());
  EXPECT_NE(error.find("'b' is 5, not within 0..4"), std::string::npos) << error;
}

TEST(EvaluateControl, LoopsEndByCountOrCondition) {
  auto counted = run(loopText, {number(1), truth(true), floats({1}), floats({7, 8})});
  ASSERT_EQ(counted.size(), 2u);
  expectValues(counted[0], {1, 7, 8});
  expectValues(counted[1], {0});
  auto limited = run(loopText, {number(1000000), truth(true), floats({1}), floats({7, 8})});
  ASSERT_EQ(limited.size(), 2u);
  expectValues(limited[0], {1, 7, 8, 7, 8, 7, 8});
  expectValues(limited[1], {0, 1, 2});
}

TEST(EvaluateControl, LoopsMayNotRun) {
  for (auto [trip, condition] : {std::pair(0, true), std::pair(-5, true), std::pair(3, false)}) {
    auto results = run(loopText, {number(trip), truth(condition), floats({1}), floats({7, 8})});
    ASSERT_EQ(results.size(), 2u);
    expectValues(results[0], {1});
    expectValues(results[1], {});
  }
}

TEST(EvaluateControl, ScannedElementsKeepTheirSizes) {
  const char *text = R"(
func.func @main(%m: tensor<i64>, %x: tensor<1xf32>) -> tensor<?x?xf32>
    attributes {nn.symbols = [#nn.symbol<"k", data, 0, 100>, #nn.symbol<"l", data, 0, 100>, #nn.symbol<"t", data, 0, 100>, #nn.symbol<"e", data, 0, 100>]} {
  %yes = nn.constant dense<true> : tensor<i1>
  %r:2 = nn.loop %m, %yes, %x {binds = array<i64: 0, 1, 2, 3>, carried = affine_map<()[s0, s1, s2, s3] -> (s0)>,
      sizes = affine_map<()[s0, s1, s2, s3] -> (s1, s2, s3)>} do {
  ^bb0(%i: tensor<i64>, %a: tensor<?xf32>):
    %0 = nn.concat %a, %x {axis = 0 : i64} : (tensor<?xf32>, tensor<1xf32>) -> tensor<?xf32>
    nn.yield %yes, %0, %a : tensor<i1>, tensor<?xf32>, tensor<?xf32>
  } : (tensor<i64>, tensor<i1>, tensor<1xf32>) -> (tensor<?xf32>, tensor<?x?xf32>)
  return %r#1 : tensor<?x?xf32>
})";
  auto once = run(text, {number(1), floats({3})});
  ASSERT_EQ(once.size(), 1u);
  expectValues(once[0], {3});
  std::string error;
  run(text, {number(2), floats({3})}, &error);
  EXPECT_NE(error.find("change their sizes"), std::string::npos) << error;
}
