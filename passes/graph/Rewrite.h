// How this folder's passes rewrite: greedily, with the symbolic sizes of every value at hand, those of values
// just made included; and the small matchers that patterns are written in.

#ifndef AICC_PASSES_GRAPH_REWRITE_H
#define AICC_PASSES_GRAPH_REWRITE_H

#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "passes/graph/Constants.h"

namespace aicc {

/// A pattern that can ask for sizes.
template <typename OpT> class ShapedPattern : public mlir::OpRewritePattern<OpT> {
public:
  ShapedPattern(mlir::MLIRContext *context, nn::SymbolicShapes &shapes, mlir::PatternBenefit benefit = 1)
      : mlir::OpRewritePattern<OpT>(context, benefit), shapes(shapes) {}

protected:
  nn::SymbolicShapes &shapes;
};

/// Infers the sizes of each operation as it is made.
class ShapeListener : public mlir::RewriterBase::Listener {
public:
  explicit ShapeListener(nn::SymbolicShapes &shapes) : shapes(shapes) {}
  void notifyOperationInserted(mlir::Operation *op, mlir::OpBuilder::InsertPoint previous) override;

private:
  nn::SymbolicShapes &shapes;
};

using PopulateFn = llvm::function_ref<void(mlir::RewritePatternSet &, nn::SymbolicShapes &)>;
/// Applies patterns, nn's folders and its canonicalization patterns to a function until nothing changes.
/// Sizes are analysed first and kept up to date for every operation that patterns create. Fails with
/// diagnostics if the sizes are inconsistent.
llvm::LogicalResult applyGraphPatterns(mlir::func::FuncOp func, PopulateFn populate);

/// Makes the function's result types those of the values it returns (rewriting may have made them more
/// static).
void refreshResultTypes(mlir::func::FuncOp func);

/// Replaces a one-result operation by a value of the same sizes; what only one of both types knows statically
/// is kept.
void replaceOp(mlir::RewriterBase &rewriter, mlir::Operation *op, mlir::Value value);

/// The locations of all these operations, each once.
mlir::Location fuseLocations(mlir::ArrayRef<mlir::Operation *> ops);

mlir::RankedTensorType getType(mlir::Value value);
int64_t getRank(mlir::Value value);
mlir::Type getElement(mlir::Value value);
bool isFloat(mlir::Value value);
bool isOne(mlir::AffineExpr size);

/// True if `scalar` can stand in an elementwise operation with `x` without changing the result's sizes from
/// x's: one element, no more dimensions than x.
bool isScalarFor(mlir::Value scalar, mlir::Value x);

/// v = x * factor, by a multiplication or division by a constant scalar, or a negation.
struct Scaled {
  mlir::Value x;
  double factor;
};
std::optional<Scaled> matchScaled(mlir::Value v);
/// v = x + term, by an addition or subtraction of a constant scalar.
std::optional<Scaled> matchShifted(mlir::Value v);

/// root = constant * factors[0] * factors[1] ..., through multiplications, scalings and powers 2 and 3.
/// Factors of the product that are used elsewhere, too, are not taken apart. `ops` are the operations that
/// make the product.
struct Product {
  double constant = 1;
  llvm::SmallVector<mlir::Value, 4> factors;
  llvm::SmallVector<mlir::Operation *, 4> ops;
  /// Removes one factor equal to `value`; false if there is none.
  bool take(mlir::Value value);
};
Product matchProduct(mlir::Value root);

/// The value before casts between floating-point types.
mlir::Value lookThroughFloatCasts(mlir::Value value);

/// The same operation on other operands, with one result of `shape` (its element type stays).
mlir::Value cloneOn(mlir::OpBuilder &builder, mlir::Operation *op, mlir::ValueRange operands,
                    mlir::ArrayRef<int64_t> shape);
/// value with its last two dimensions exchanged.
mlir::Value createSwap(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value);
/// value with constant sizes.
mlir::Value createReshape(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                          llvm::ArrayRef<int64_t> sizes);

// The families of patterns, one file each.
void populateSimplifyElementwise(mlir::RewritePatternSet &patterns, nn::SymbolicShapes &shapes);
void populateSimplifyViews(mlir::RewritePatternSet &patterns, nn::SymbolicShapes &shapes);
void populateRaiseActivations(mlir::RewritePatternSet &patterns, nn::SymbolicShapes &shapes);
void populateRaiseNorms(mlir::RewritePatternSet &patterns, nn::SymbolicShapes &shapes);
void populateRaiseRope(mlir::RewritePatternSet &patterns, nn::SymbolicShapes &shapes);
void populateRaiseAttention(mlir::RewritePatternSet &patterns, nn::SymbolicShapes &shapes);

} // namespace aicc

#endif // AICC_PASSES_GRAPH_REWRITE_H
