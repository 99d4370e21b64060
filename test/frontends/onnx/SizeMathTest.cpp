// Arithmetic of symbolic sizes: exact division, bounds, comparisons, names with arithmetic in them.

#include "frontends/onnx/SizeMath.h"
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include <gtest/gtest.h>

using namespace aicc;
using namespace aicc::onnx_import;
using mlir::AffineExpr;

namespace {
class SizeMathTest : public testing::Test {
protected:
  SizeMathTest() {
    context.loadDialect<nn::NNDialect, mlir::func::FuncDialect>();
    module = mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
    mlir::OpBuilder builder(module->getBodyRegion());
    auto func =
        builder.create<mlir::func::FuncOp>(builder.getUnknownLoc(), "main", builder.getFunctionType({}, {}));
    func.addEntryBlock();
    shapes = std::make_unique<nn::SymbolicShapes>(func);
    math = std::make_unique<SizeMath>(*shapes);
    n = shapes->addInput("n");
    past = shapes->addInput("past");
    seq = shapes->addInput("seq", 1, 512);
  }

  AffineExpr number(int64_t value) { return math->constant(value); }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<nn::SymbolicShapes> shapes;
  std::unique_ptr<SizeMath> math;
  AffineExpr n, past, seq;
};

TEST_F(SizeMathTest, EqualSizesHaveOneForm) {
  EXPECT_EQ(math->simplify((past + seq) * n), math->simplify(n * seq + n * past));
  EXPECT_EQ(math->simplify(past + seq - past), seq);
}

TEST_F(SizeMathTest, DividesPolynomialsExactly) {
  EXPECT_EQ(math->divideExactly(n * seq * 768, n * 64), math->simplify(seq * 12));
  EXPECT_EQ(math->divideExactly((past + seq) * 8, past + seq), number(8));
  EXPECT_EQ(math->divideExactly(n * n + n * 2 + 1, n + 1), math->simplify(n + 1));
  EXPECT_FALSE(math->divideExactly(n * 3, number(2)));
  EXPECT_FALSE(math->divideExactly(n, number(0)));
  EXPECT_FALSE(math->divideExactly(n, seq));
}

TEST_F(SizeMathTest, RoundsDivisionDown) {
  EXPECT_EQ(math->floorDiv(number(7), number(2)), number(3));
  EXPECT_EQ(math->ceilDiv(number(7), 2), number(4));
  EXPECT_EQ(math->floorDiv(n, seq), n.floorDiv(seq));
  EXPECT_FALSE(math->floorDiv(n, past)); // may be 0
}

TEST_F(SizeMathTest, KnowsBounds) {
  EXPECT_EQ(math->getBounds(seq * 2 + 1).min, 3);
  EXPECT_EQ(math->getBounds(seq * 2 + 1).max, 1025);
  EXPECT_EQ(math->getBounds(n * seq).max, INT64_MAX);
  EXPECT_EQ(math->getBounds(-seq).max, -1);
  EXPECT_EQ(math->getBounds(seq % 8).max, 7);
  EXPECT_EQ(math->compare(past + seq, past), 1);
  EXPECT_EQ(math->compare(seq, number(513)), -1);
  EXPECT_EQ(math->compare(n, past), std::nullopt);
}

TEST_F(SizeMathTest, TightensInputSymbols) {
  EXPECT_TRUE(math->require(n, 1, 64));
  EXPECT_EQ(math->getBounds(n).max, 64);
  EXPECT_FALSE(math->require(n + 1, 1, 64));
  EXPECT_FALSE(math->require(n, 65, 128)); // nothing would be left
}

TEST_F(SizeMathTest, GivesUpOnGrowth) {
  AffineExpr size = n + seq;
  for (int i = 0; i < 64 && size; ++i)
    size = math->simplify(size * size);
  EXPECT_FALSE(size);
  EXPECT_FALSE(math->product({number(INT64_MAX), number(2)}));
}

TEST_F(SizeMathTest, ParsesNamesWithArithmetic) {
  auto lookup = [&](llvm::StringRef name) {
    return name == "past" ? past : name == "seq" ? seq : AffineExpr();
  };
  auto parse = [&](llvm::StringRef text) { return parseSize(text, lookup, &context); };
  EXPECT_EQ(parse("past + seq"), past + seq);
  EXPECT_EQ(parse("2*(seq - 1)"), (seq - 1) * 2);
  EXPECT_EQ(parse("seq//2"), seq.floorDiv(2));
  EXPECT_FALSE(parse("seq + other"));
  EXPECT_FALSE(parse("seq +"));
  EXPECT_FALSE(parse("seq//0"));
  EXPECT_FALSE(parse(std::string(1000, '(')));
}
} // namespace
