// Creates nn operations for the importer: infers sizes as it goes, folds what is constant, and keeps the
// values of small integer tensors as expressions over the symbols, so that shapes computed in the graph
// become attributes. Knows nothing of ONNX.

#ifndef AICC_FRONTENDS_ONNX_GRAPHBUILDER_H
#define AICC_FRONTENDS_ONNX_GRAPHBUILDER_H

#include "dialects/nn/NN.h"
#include "frontends/onnx/SizeMath.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <string>

namespace aicc::onnx_import {

using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;
using llvm::Twine;
using mlir::AffineExpr;
using mlir::Type;
using mlir::Value;

/// What cannot be imported, and why. Thrown by importers of operators, caught at the node, never leaves this
/// library.
struct ImportError {
  std::string reason, hint;
  explicit ImportError(const Twine &reason, const Twine &hint = "")
      : reason(reason.str()), hint(hint.str()) {}
};

/// One element of a tensor whose value is known as an expression over symbols: numerator / denominator (1 in
/// integers).
struct Known {
  AffineExpr numerator;
  int64_t denominator = 1;
};
using KnownValues = SmallVector<Known, 4>;

class GraphBuilder {
public:
  explicit GraphBuilder(mlir::func::FuncOp func);

  mlir::MLIRContext *getContext() { return builder.getContext(); }
  mlir::OpBuilder &getBuilder() { return builder; }
  nn::SymbolicShapes &getShapes() { return shapes; }
  SizeMath &getMath() { return math; }
  void setLocation(mlir::Location location) { loc = location; }
  mlir::Location getLocation() const { return loc; }

  ArrayRef<AffineExpr> getShape(Value value) const { return shapes.get(value); }
  int64_t getRank(Value value) const { return shapes.get(value).size(); }
  Type getElement(Value value) const {
    return llvm::cast<mlir::RankedTensorType>(value.getType()).getElementType();
  }

  /// Creates an operation with one result. `args` are those of its builder after the result types. Throws
  /// ImportError if its operands do not fit together.
  template <typename OpTy, typename... Args> Value make(Args &&...args) {
    return makeResults<OpTy>(1, std::forward<Args>(args)...)[0];
  }
  template <typename OpTy, typename... Args> SmallVector<Value> makeResults(unsigned count, Args &&...args) {
    SmallVector<Type> placeholders(count, placeholder);
    return complete(builder.create<OpTy>(loc, mlir::TypeRange(placeholders), std::forward<Args>(args)...));
  }

  // Constants.
  Value constant(mlir::ElementsAttr value);
  Value constant(const nn::Tensor &tensor);
  Value ints(ArrayRef<int64_t> values);
  /// Rank 0, of any numeric element type.
  Value scalar(double value, Type element);
  Value scalarLike(double value, Value like) { return scalar(value, getElement(like)); }
  /// Sizes as data, rank 1 (or 0).
  Value sizes(ArrayRef<AffineExpr> values, bool isScalar = false);

  // Common operations with the arguments as the importers have them.
  Value reshape(Value input, ArrayRef<AffineExpr> shape);
  Value broadcast(Value input, ArrayRef<AffineExpr> shape);
  Value transpose(Value input, ArrayRef<int64_t> perm);
  /// Between any two element types; what is said of narrow floats is nn.encode's.
  Value convert(Value input, Type element, bool saturate = true,
                nn::ScaleRounding rounding = nn::ScaleRounding::up);
  /// The same bits; both types take as many bytes, and neither is i1.
  Value bitcast(Value input, Type element);
  Value slice(Value input, ArrayRef<AffineExpr> offsets, ArrayRef<AffineExpr> sizes, ArrayRef<int64_t> steps);
  /// `size` elements from `offset` on along one axis.
  Value sliceAxis(Value input, int64_t axis, AffineExpr offset, AffineExpr size);
  Value concat(ArrayRef<Value> inputs, int64_t axis);
  Value iota(ArrayRef<AffineExpr> shape, int64_t axis, Type element);
  Value reduce(Value input, nn::ReduceKind kind, ArrayRef<int64_t> axes, bool keepdims);
  Value compare(Value lhs, Value rhs, nn::CompareKind kind);
  /// Dimensions of size 1 inserted at (final) positions `axes`, ascending.
  Value unsqueeze(Value input, ArrayRef<int64_t> axes);
  /// Throws if one is null: sizes that overflow or have grown beyond reason.
  mlir::AffineMap map(ArrayRef<AffineExpr> exprs) {
    if (llvm::is_contained(exprs, AffineExpr()))
      throw ImportError("its sizes depend on the input's in too complicated a way");
    return shapes.getMap(exprs);
  }
  llvm::APFloat f32(double value) { return llvm::APFloat(float(value)); }

  /// Elements as expressions, if known: small constants, sizes, and what was computed from them.
  std::optional<KnownValues> getKnown(Value value) const;
  /// The same for integers (no fractions).
  std::optional<SmallVector<AffineExpr>> getKnownInts(Value value) const;
  /// Elements of a constant, converted.
  std::optional<SmallVector<double>> getConstantDoubles(Value value) const;
  std::optional<SmallVector<int64_t>> getConstantInts(Value value) const;

  /// The elements of a small integer tensor as sizes: what is known of them, else data symbols that the run
  /// binds here, one for each element. An element out of its bounds (`bounds` has one pair, or one for each)
  /// ends the run; one whose bounds leave no choice is that number. `what` names them.
  SmallVector<AffineExpr> bindSizes(Value tensor, const Twine &what, ArrayRef<Interval> bounds = {});
  /// Ends the run with `message` unless all of `condition` (i1, of static size) holds.
  void require(Value condition, const Twine &message);

  /// Last step: unused operations go, shape attributes range over all symbols there are by now.
  void finish();

private:
  /// Infers types of a new operation; replaces it by a constant if it can be; records known values. Throws
  /// (and erases it) on failure.
  SmallVector<Value> complete(mlir::Operation *op);
  /// A message with the symbols' names in place of s0, s1, ...
  std::string nameSymbols(StringRef message);
  /// Numbers of codes: f32, i8 or ui8.
  Value decode(Value input, nn::Format format);
  /// The operation's results as constants, if all operands are and it is small.
  bool foldConstants(mlir::Operation *op, SmallVector<Value> &results);
  /// Known elements of the only result from known elements of the operands (SymbolicValues.cpp).
  std::optional<KnownValues> evaluateSymbolically(mlir::Operation *op);

  mlir::func::FuncOp func;
  mlir::OpBuilder builder;
  mlir::Location loc;
  Type placeholder;
  nn::SymbolicShapes shapes;
  SizeMath math;
  llvm::DenseMap<Value, KnownValues> known;
  /// What was bound already, and in which block that holds.
  llvm::DenseMap<Value, std::pair<mlir::Block *, SmallVector<AffineExpr>>> boundSizes;
};

} // namespace aicc::onnx_import

#endif
