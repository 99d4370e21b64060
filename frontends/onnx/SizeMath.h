// Arithmetic on symbolic sizes that importing needs beyond the dialect's shape functions: exact division
// (Reshape's -1), bounds (which branch does a comparison of sizes take), expressions written in dimension
// names.

#ifndef AICC_FRONTENDS_ONNX_SIZEMATH_H
#define AICC_FRONTENDS_ONNX_SIZEMATH_H

#include "dialects/nn/Shapes.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace aicc::onnx_import {

/// A closed interval of integers, saturated at the ends of int64_t (which mean "unbounded").
struct Interval {
  int64_t min = INT64_MIN, max = INT64_MAX;
};

class SizeMath {
public:
  explicit SizeMath(nn::SymbolicShapes &shapes) : shapes(shapes) {}

  mlir::AffineExpr constant(int64_t value) const;
  /// Sums of products in one canonical order. Null where numbers overflow or the expression has grown beyond
  /// reason (a hostile model can square a size forever).
  mlir::AffineExpr simplify(mlir::AffineExpr expr) const;
  mlir::AffineExpr product(llvm::ArrayRef<mlir::AffineExpr> sizes) const;
  /// a / b if b divides a exactly as a polynomial; else null.
  mlir::AffineExpr divideExactly(mlir::AffineExpr a, mlir::AffineExpr b) const;
  /// a / b rounded down, exactly where possible. Null if b may be zero or negative and does not divide a.
  mlir::AffineExpr floorDiv(mlir::AffineExpr a, mlir::AffineExpr b) const;
  mlir::AffineExpr ceilDiv(mlir::AffineExpr a, int64_t b) const;
  mlir::AffineExpr mod(mlir::AffineExpr a, int64_t b) const;
  mlir::AffineExpr min(mlir::AffineExpr a, mlir::AffineExpr b) const;
  mlir::AffineExpr max(mlir::AffineExpr a, mlir::AffineExpr b) const;

  /// What the symbols' bounds say about an expression.
  Interval getBounds(mlir::AffineExpr expr) const;
  bool isNonNegative(mlir::AffineExpr expr) const { return getBounds(expr).min >= 0; }
  /// Sign of a - b if it is the same for all sizes: -1, 0, 1.
  std::optional<int> compare(mlir::AffineExpr a, mlir::AffineExpr b) const;
  /// Tightens an input symbol's bounds, if `expr` is one: sizes beyond make the model meaningless. True if
  /// done.
  bool require(mlir::AffineExpr expr, int64_t min, int64_t max) const;

private:
  nn::SymbolicShapes &shapes;
};

/// Parses `name`, `2*name`, `a + b - 1`, `(a)//2` over known names; null if it is anything else.
mlir::AffineExpr parseSize(llvm::StringRef text, llvm::function_ref<mlir::AffineExpr(llvm::StringRef)> lookup,
                           mlir::MLIRContext *context);

} // namespace aicc::onnx_import

#endif
