// What the shape functions of all families share: checks of element types and of attributes that a model's
// author chose. Everything here fails by a message; nothing asserts.

#ifndef AICC_DIALECTS_NN_INFERSUPPORT_H
#define AICC_DIALECTS_NN_INFERSUPPORT_H

#include "dialects/nn/Formats.h"

namespace aicc::nn {

using Shapes = llvm::ArrayRef<SymShape>;
using Results = llvm::SmallVectorImpl<SymType>;

/// Magnitude that strides, pads and the like may have: keeps sums and products of a few of them within 64
/// bits.
constexpr int64_t maxAttribute = int64_t(1) << 31;

inline mlir::Type elementOf(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType()).getElementType();
}
inline bool isFloat(mlir::Type type) { return llvm::isa<mlir::FloatType>(type); }
inline bool isBool(mlir::Type type) { return type.isInteger(1); }
inline bool isNumber(mlir::Type type) { return type.isIntOrFloat() && !isBool(type); }
/// Signless or unsigned, but not a boolean.
inline bool isInteger(mlir::Type type) { return llvm::isa<mlir::IntegerType>(type) && !isBool(type); }

template <typename T> std::string text(const T &value) {
  std::string s;
  llvm::raw_string_ostream os(s);
  os << value;
  return s;
}

inline std::string text(mlir::Type element) { return getElementName(element); }

/// True for the operands of products of bytes, whose sums are i32.
inline bool isByteProduct(mlir::Type lhs, mlir::Type rhs) {
  return lhs.isUnsignedInteger(8) && rhs.isSignlessInteger(8);
}
/// Fails unless all present operands have the first one's element type.
llvm::LogicalResult checkSameElements(ShapeContext &ctx, mlir::ValueRange operands);
/// Fails unless `accepts(element)`; `what` names what is accepted.
llvm::LogicalResult checkElement(ShapeContext &ctx, mlir::Type element, bool (*accepts)(mlir::Type),
                                 llvm::StringRef what);
inline llvm::LogicalResult checkFloat(ShapeContext &ctx, mlir::Type element) {
  return checkElement(ctx, element, isFloat, "floating-point elements");
}
inline llvm::LogicalResult checkNumber(ShapeContext &ctx, mlir::Type element) {
  return checkElement(ctx, element, isNumber, "numbers");
}
/// Fails unless `indices` are i32 or i64.
llvm::LogicalResult checkIndices(ShapeContext &ctx, mlir::Value indices);
/// Fails unless 0 <= axis < rank.
llvm::LogicalResult checkAxis(ShapeContext &ctx, int64_t axis, int64_t rank);
/// Fails unless the map has no dimensions and, where `results` >= 0, so many results.
llvm::LogicalResult checkMap(ShapeContext &ctx, llvm::StringRef name, mlir::AffineMap map,
                             int64_t results = -1);
/// Fails unless `values` are `count` numbers in [min, max].
llvm::LogicalResult checkValues(ShapeContext &ctx, llvm::StringRef name, llvm::ArrayRef<int64_t> values,
                                size_t count, int64_t min, int64_t max = maxAttribute);
/// Fails unless the shape has rank `rank` (or, with `atLeast`, more).
llvm::LogicalResult checkRank(ShapeContext &ctx, llvm::StringRef name, llvm::ArrayRef<mlir::AffineExpr> shape,
                              int64_t rank, bool atLeast = false);

/// False if the sizes differ whatever the symbols' values.
bool mayBeEqual(ShapeContext &ctx, mlir::AffineExpr a, mlir::AffineExpr b);
/// One of two sizes that must be equal, preferably the constant one (what can't be proved holds at run time).
/// Fails with `what` in the message where they can't be.
llvm::FailureOr<mlir::AffineExpr> unify(ShapeContext &ctx, mlir::AffineExpr a, mlir::AffineExpr b,
                                        const llvm::Twine &what);
/// Fails unless `shape` may be broadcast to `target` without changing it.
llvm::LogicalResult checkBroadcastsTo(ShapeContext &ctx, llvm::StringRef name,
                                      llvm::ArrayRef<mlir::AffineExpr> shape,
                                      llvm::ArrayRef<mlir::AffineExpr> target);

/// The sizes of an operand by its position in the operation's declaration; empty where an optional one is
/// absent.
template <typename Adaptor> SymShape shapeOf(Adaptor &adaptor, Shapes operands, unsigned index) {
  auto [first, length] = adaptor.getODSOperandIndexAndLength(index);
  return length ? operands[first] : SymShape();
}

inline llvm::LogicalResult result(Results &results, SymShape shape, mlir::Type element) {
  results.push_back({std::move(shape), element});
  return mlir::success();
}

} // namespace aicc::nn

#endif
