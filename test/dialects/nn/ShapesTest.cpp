// Symbolic sizes: canonical forms that make equal sizes equal expressions, broadcasting, max symbols, and the
// analysis of functions.

#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <random>

using namespace mlir;
using namespace aicc::nn;

namespace {
class ShapesTest : public ::testing::Test {
protected:
  ShapesTest() : ctx(&context, [this](const Twine &message) { message_ = message.str(); }) {
    context.loadDialect<NNDialect, func::FuncDialect>();
    bindSymbolsList(&context, MutableArrayRef<AffineExpr>(s));
  }
  AffineExpr c(int64_t value) { return ctx.constant(value); }
  AffineExpr simple(AffineExpr e) { return ctx.simplify(e); }
  std::string str(ArrayRef<AffineExpr> shape) { return ShapeContext::toString(shape); }
  void expectEqual(AffineExpr a, AffineExpr b) {
    EXPECT_EQ(simple(a), simple(b)) << str(simple(a)) << " vs " << str(simple(b));
  }

  OwningOpRef<ModuleOp> parse(StringRef text) { return parseSourceString<ModuleOp>(text, &context); }
  func::FuncOp function(ModuleOp module) { return *module.getOps<func::FuncOp>().begin(); }

  MLIRContext context;
  ShapeContext ctx;
  std::string message_;
  AffineExpr s[4];
};

TEST_F(ShapesTest, Sums) {
  expectEqual(s[0] + s[1] + 3, 1 + s[1] + 2 + s[0]);
  expectEqual(s[0] * 2 - s[0], s[0]);
  expectEqual(s[0] - s[0], c(0));
  expectEqual((s[0] + 1) * (s[0] - 1), s[0] * s[0] - 1);
}

TEST_F(ShapesTest, Products) {
  expectEqual(s[0] * s[1] * 64, s[1] * 8 * (s[0] * 8));
  expectEqual(s[0] * (s[1] + 2), s[1] * s[0] + s[0] + s[0]);
}

TEST_F(ShapesTest, DivisionByConstant) {
  expectEqual((s[0] * 6).floorDiv(3), s[0] * 2);
  expectEqual((s[0] * 6 + 5).floorDiv(3), s[0] * 2 + 1);
  expectEqual((s[0] * 4 + 2).floorDiv(8), (s[0] * 2 + 1).floorDiv(4));
  expectEqual((s[0] * 4 + 3).floorDiv(8), s[0].floorDiv(2));
  expectEqual((s[0] + 7).floorDiv(2), (s[0] + 1).floorDiv(2) + 3);
  expectEqual((s[0] * 5).floorDiv(4), s[0] + s[0].floorDiv(4));
  expectEqual(s[0].ceilDiv(4), (s[0] + 3).floorDiv(4));
}

TEST_F(ShapesTest, NestedDivision) {
  // Two strided convolutions in a row, or one of twice the stride.
  AffineExpr once = (s[0] + 1).floorDiv(2);
  expectEqual((once + 1).floorDiv(2), (s[0] + 3).floorDiv(4));
  expectEqual(s[0].floorDiv(2).floorDiv(3), s[0].floorDiv(6));
}

TEST_F(ShapesTest, Remainder) {
  expectEqual(s[0].floorDiv(4) * 4 + s[0] % 4, s[0]);
  expectEqual((s[0] * 8 + 5) % 4, c(1));
  expectEqual((s[0] * s[1]) % s[1], c(0));
}

TEST_F(ShapesTest, ReshapeInference) {
  // -1 in reshape: the product of the input's sizes by that of the known ones.
  expectEqual((s[0] * s[1] * 64).floorDiv(s[1] * 64), s[0]);
  expectEqual((s[0] * s[1] * 768).floorDiv(s[0] * s[1] * 12), c(64));
  expectEqual((s[0] * (s[1] + 1) * 12).floorDiv(s[0] * 12), s[1] + 1);
  expectEqual((s[0] * s[1] + s[0]).floorDiv(s[1] + 1), s[0]);
  expectEqual((s[0] * s[1] * 6).floorDiv(s[1] * 4), (s[0] * 3).floorDiv(2));
  expectEqual((s[0] * s[1] + s[0] * s[2] + s[3] * s[1] + s[3] * s[2]).floorDiv(s[1] + s[2]), s[0] + s[3]);
}

TEST_F(ShapesTest, DoesNotFoldWhatIsNotEqual) {
  EXPECT_NE(simple(s[0].floorDiv(2) * 2), simple(s[0]));
  EXPECT_NE(simple(s[0] * s[1]), simple(s[0] + s[1]));
  EXPECT_NE(simple((s[0] + s[1]).floorDiv(2)), simple(s[0].floorDiv(2) + s[1].floorDiv(2)));
}

TEST_F(ShapesTest, OverflowIsNotFolded) {
  AffineExpr big = c(INT64_MAX);
  EXPECT_FALSE(ShapeContext::getConstant(ctx.product({big, big, s[0]})));
  EXPECT_FALSE(ShapeContext::getConstant(ctx.product({big, big})));
  simple(s[0].floorDiv(INT64_MAX) * INT64_MAX * INT64_MAX);
  simple((s[0] * INT64_MAX + INT64_MAX).floorDiv(s[1] * 2));
}

/// Random expressions keep their value, and simplify is idempotent.
TEST_F(ShapesTest, RandomExpressions) {
  std::mt19937 random(7);
  auto pick = [&](int n) { return static_cast<int>(random() % n); };
  std::function<AffineExpr(int)> make = [&](int depth) -> AffineExpr {
    if (depth == 0 || pick(5) == 0)
      return pick(3) ? s[pick(3)] : c(pick(9) - 2);
    AffineExpr a = make(depth - 1);
    switch (pick(6)) {
    case 0:
      return a + make(depth - 1);
    case 1:
      return a - make(depth - 1);
    case 2:
      return a * make(depth - 1);
    case 3:
      return pick(2) ? a.floorDiv(1 + pick(6)) : a.floorDiv(s[pick(3)] * (1 + pick(3)));
    case 4:
      return a.ceilDiv(1 + pick(6));
    default:
      return pick(2) ? a % (1 + pick(6)) : a % s[pick(3)];
    }
  };
  // Evaluation by substitution: upstream folds constants as it builds.
  auto evaluate = [&](AffineExpr e, ArrayRef<int64_t> values) {
    std::function<int64_t(AffineExpr)> eval = [&](AffineExpr x) -> int64_t {
      if (auto constant = dyn_cast<AffineConstantExpr>(x))
        return constant.getValue();
      if (auto symbol = dyn_cast<AffineSymbolExpr>(x))
        return values[symbol.getPosition()];
      auto binary = cast<AffineBinaryOpExpr>(x);
      int64_t a = eval(binary.getLHS()), b = eval(binary.getRHS());
      int64_t floor = b ? a / b - (a % b != 0 && (a % b < 0) != (b < 0)) : 0;
      switch (binary.getKind()) {
      case AffineExprKind::Add:
        return a + b;
      case AffineExprKind::Mul:
        return a * b;
      case AffineExprKind::FloorDiv:
        return floor;
      case AffineExprKind::CeilDiv:
        return floor + (floor * b != a);
      default:
        return a - floor * b;
      }
    };
    return eval(e);
  };
  for (int i = 0; i < 4000; ++i) {
    AffineExpr e = make(4), t = simple(e);
    EXPECT_EQ(simple(t), t) << str(t);
    for (int k = 0; k < 6; ++k) {
      int64_t values[] = {1 + pick(9), 1 + pick(9), 1 + pick(9), 1};
      ASSERT_EQ(evaluate(e, values), evaluate(t, values)) << str(e) << " became " << str(t);
    }
  }
}

TEST_F(ShapesTest, Broadcast) {
  EXPECT_EQ(*ctx.broadcastDim(s[0], c(1)), s[0]);
  EXPECT_EQ(*ctx.broadcastDim(s[0], s[0]), s[0]);
  EXPECT_EQ(*ctx.broadcastDim(c(5), s[0]), c(5));
  EXPECT_TRUE(failed(ctx.broadcastDim(c(2), c(3))));
  EXPECT_TRUE(ShapeContext::hasUnknown(*ctx.broadcastDim(s[0], s[1])));
  EXPECT_EQ(str(*ctx.broadcast({SymShape{s[0], c(1)}, SymShape{c(3)}})), "s0x3");
  EXPECT_TRUE(failed(ctx.broadcast({SymShape{c(2), c(3)}, SymShape{c(4)}})));
  EXPECT_EQ(message_, "cannot broadcast 2x3 and 4");
}

TEST_F(ShapesTest, UnknownsDiffer) {
  AffineExpr a = ctx.unknown(), b = ctx.unknown();
  EXPECT_NE(a, b);
  EXPECT_TRUE(ShapeContext::hasUnknown(simple(a * b + 1)));
  EXPECT_EQ(str({c(2), a, s[0] + 1}), "2x?x(s0 + 1)");
}

TEST_F(ShapesTest, Types) {
  EXPECT_EQ(getTensorType({c(2), s[0]}, Float32Type::get(&context)),
            RankedTensorType::get({2, ShapedType::kDynamic}, Float32Type::get(&context)));
  EXPECT_EQ(*getConstantResults(getConstantMap({1, -2}, &context)), (SmallVector<int64_t>{1, -2}));
}

TEST_F(ShapesTest, MaxSymbols) {
  OwningOpRef<ModuleOp> module = parse("func.func @f(%a: tensor<?x?xf32>, %b: tensor<?x4xf32>) { return }");
  func::FuncOp func = function(*module);
  SymbolicShapes shapes(func);
  EXPECT_EQ(shapes.getNumSymbols(), 3u);
  AffineExpr a = shapes.getSymbol(0), b = shapes.getSymbol(1);
  AffineExpr max = shapes.getMax(a, b);
  EXPECT_EQ(max, shapes.getSymbol(3));
  EXPECT_EQ(shapes.getMax(b, a), max);
  EXPECT_EQ(shapes.getMax(max, a), max);
  EXPECT_EQ(shapes.getMax(a + 1, a), a + 1);
  EXPECT_NE(shapes.getMax(max, shapes.getSymbol(2)), max);
  EXPECT_EQ(shapes.getNumSymbols(), 5u);
  EXPECT_TRUE(succeeded(verify(*module)));
  // A second analysis reads what the first has written.
  EXPECT_EQ(SymbolicShapes(func).getMax(a, b), max);
}

TEST_F(ShapesTest, Analysis) {
  OwningOpRef<ModuleOp> module = parse(R"(
    func.func @f(%x: tensor<?x?x768xf32> {nn.dims = affine_map<()[s0, s1] -> (s0, s1, 768)>}, %w: tensor<768x768xf32>)
        attributes {nn.symbols = [#nn.symbol<"batch", input, 1, 8>, #nn.symbol<"seq", input, 1, 512>]} {
      %0 = nn.matmul %x, %w : (tensor<?x?x768xf32>, tensor<768x768xf32>) -> tensor<?x?x768xf32>
      %1 = nn.reshape %0 {shape = affine_map<()[s0, s1] -> (s0, s1, 12, 64)>} : (tensor<?x?x768xf32>) -> tensor<?x?x12x64xf32>
      %2 = nn.transpose %1 {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x?x12x64xf32>) -> tensor<?x12x?x64xf32>
      %3 = nn.matmul %2, %2 {transpose_rhs = true} : (tensor<?x12x?x64xf32>, tensor<?x12x?x64xf32>) -> tensor<?x12x?x?xf32>
      %4 = nn.concat %3, %3 {axis = 3 : i64} : (tensor<?x12x?x?xf32>, tensor<?x12x?x?xf32>) -> tensor<?x12x?x?xf32>
      return
    })");
  SymbolicShapes shapes(function(*module));
  ASSERT_TRUE(succeeded(shapes.run()));
  Block &body = function(*module).front();
  auto last = std::prev(body.end(), 2);
  EXPECT_EQ(str(shapes.get(last->getResult(0))), "s0x12xs1x(s1 * 2)");
  EXPECT_TRUE(shapes.equalShapes(std::prev(last)->getOperand(0), std::prev(last)->getOperand(1)));
  EXPECT_EQ(shapes.getNumSymbols(), 2u);
}

TEST_F(ShapesTest, AnalysisFindsWhatTypesCannot) {
  OwningOpRef<ModuleOp> module = parse(R"(
    func.func @f(%x: tensor<?xf32> {nn.dims = affine_map<()[s0] -> (s0)>})
        attributes {nn.symbols = [#nn.symbol<"n", input, 1, 8>]} {
      %0 = nn.reshape %x {shape = affine_map<()[s0] -> (s0 + 1)>} : (tensor<?xf32>) -> tensor<?xf32>
      return
    })");
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
  SymbolicShapes shapes(function(*module));
  EXPECT_TRUE(failed(shapes.run()));
  EXPECT_EQ(message, "'nn.reshape' op cannot reshape s0 to (s0 + 1)");
}

TEST_F(ShapesTest, CreateTypesResults) {
  OwningOpRef<ModuleOp> module = parse("func.func @f(%a: tensor<?x3xf32>, %b: tensor<?x?xf32>) { return }");
  func::FuncOp func = function(*module);
  SymbolicShapes shapes(func);
  OpBuilder builder(func.front().getTerminator());
  Value a = func.getArgument(0), b = func.getArgument(1);
  auto add = aicc::nn::create<AddOp>(builder, func.getLoc(), shapes, a, b);
  ASSERT_TRUE(add);
  EXPECT_EQ(add.getType(), RankedTensorType::get({ShapedType::kDynamic, 3}, builder.getF32Type()));
  EXPECT_EQ(str(shapes.get(add)), "s3x3"); // the max symbol of s0 and s1, after a's one and b's two
  auto topk =
      aicc::nn::create<TopKOp>(builder, func.getLoc(), shapes, a, getConstantMap({2}, &context), 1, true);
  ASSERT_TRUE(topk);
  EXPECT_EQ(cast<RankedTensorType>(topk.getIndices().getType()).getDimSize(1), 2);

  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
  EXPECT_FALSE(aicc::nn::create<TransposeOp>(builder, func.getLoc(), shapes, a, ArrayRef<int64_t>{0, 0}));
  EXPECT_EQ(message, "'nn.transpose' op 'perm' is not a permutation of the dimensions of s0x3");
  EXPECT_TRUE(succeeded(verify(*module)));
}

/// Sizes of pooling with ceil: as many windows as begin inside the input or the low padding (ONNX), for a
/// symbol as for numbers.
TEST_F(ShapesTest, CeilPooling) {
  for (int64_t kernel = 1; kernel <= 4; ++kernel)
    for (int64_t stride = 1; stride <= 4; ++stride)
      for (int64_t pad = 0; pad < kernel; ++pad) {
        std::string attributes =
            ("{kernel = array<i64: " + Twine(kernel) + ">, strides = array<i64: " + Twine(stride) +
             ">, dilations = array<i64: 1>, pads_low = array<i64: " + Twine(pad) +
             ">, pads_high = array<i64: " + Twine(pad) + ">, ceil = true}")
                .str();
        OwningOpRef<ModuleOp> module =
            parse("func.func @f(%x: tensor<1x1x?xf32>) { %0 = nn.max_pool %x " + attributes +
                  " : (tensor<1x1x?xf32>) -> tensor<1x1x?xf32> return }");
        SymbolicShapes shapes(function(*module));
        ASSERT_TRUE(succeeded(shapes.run()));
        AffineExpr size = shapes.get(function(*module).front().front().getResult(0))[2];
        for (int64_t n = kernel; n < 12; ++n) {
          int64_t count = (n + 2 * pad - kernel + stride - 1) / stride + 1;
          if ((count - 1) * stride >= n + pad)
            --count;
          EXPECT_EQ(ShapeContext::getConstant(size.replaceSymbols({ctx.constant(n)})), count)
              << "kernel " << kernel << " stride " << stride << " pad " << pad << " size " << n;
        }
      }
}
} // namespace
