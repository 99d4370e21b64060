// Symbolic sizes: the one shape arithmetic that import, passes and code generation share. A size is an
// AffineExpr over the symbols of the enclosing function (attribute nn.symbols); equal expressions are equal
// sizes. Apart from the operations so that clients which only ask for sizes need no operation classes.

#ifndef AICC_DIALECTS_NN_SHAPES_H
#define AICC_DIALECTS_NN_SHAPES_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeRange.h"
#include "mlir/IR/ValueRange.h"
#include "llvm/ADT/DenseMap.h"
#include <functional>
#include <optional>

namespace mlir::func {
class FuncOp;
}

namespace aicc::nn {

/// Sizes of one tensor, outermost first. Constants are AffineConstantExprs; all else ranges over symbols.
using SymShape = llvm::SmallVector<mlir::AffineExpr, 4>;

struct SymType {
  SymShape shape;
  mlir::Type element;
};

/// What shape functions compute with. Errors go to the handler given (a diagnostic at the operation,
/// usually).
class ShapeContext {
public:
  using ErrorHandler = std::function<void(const llvm::Twine &)>;
  /// Returns a symbol's expression for max(a, b); null when the caller keeps no symbols (type inference
  /// alone).
  using MaxSymbol = std::function<mlir::AffineExpr(mlir::AffineExpr, mlir::AffineExpr)>;

  ShapeContext(mlir::MLIRContext *context, ErrorHandler error, MaxSymbol maxSymbol = nullptr)
      : context(context), error(std::move(error)), maxSymbol(std::move(maxSymbol)) {}

  mlir::MLIRContext *getContext() const { return context; }
  mlir::AffineExpr constant(int64_t value) const { return mlir::getAffineConstantExpr(value, context); }
  /// The value, if `expr` is a constant.
  static std::optional<int64_t> getConstant(mlir::AffineExpr expr);
  /// Simplified canonical form; equal sizes compare equal after it.
  mlir::AffineExpr simplify(mlir::AffineExpr expr) const;
  /// Emits an error and returns failure.
  llvm::LogicalResult fail(const llvm::Twine &message);
  /// Numpy broadcasting of one dimension: a 1 gives the other; equal gives it; a constant other than 1 wins
  /// over a symbol (checked at run time); two different symbols give their max symbol (or, where no symbols
  /// are kept, an unknown).
  llvm::FailureOr<mlir::AffineExpr> broadcastDim(mlir::AffineExpr a, mlir::AffineExpr b);
  /// Numpy broadcasting of whole shapes, right-aligned.
  llvm::FailureOr<SymShape> broadcast(llvm::ArrayRef<SymShape> shapes);
  /// The product of sizes, simplified.
  mlir::AffineExpr product(llvm::ArrayRef<mlir::AffineExpr> sizes) const;
  /// "2x?x(s0 + 1)" for messages.
  static std::string toString(llvm::ArrayRef<mlir::AffineExpr> shape);
  /// A size about which nothing is known: distinct from every other. Only for type inference. (A symbol
  /// numbered beyond those that functions have, so that it may be multiplied and divided by.)
  mlir::AffineExpr unknown();
  static bool hasUnknown(mlir::AffineExpr expr);

private:
  mlir::MLIRContext *context;
  ErrorHandler error;
  MaxSymbol maxSymbol;
  unsigned nextUnknown = 0;
};

/// The analysis: symbolic sizes of every tensor value of a function, in one walk. The function's nn.symbols
/// may grow (max symbols). Also used incrementally by importers: create the operation, then call `infer(op)`.
class SymbolicShapes {
public:
  /// Reads nn.symbols and nn.dims of `func` (dimension without nn.dims: `?` becomes a fresh symbol that is
  /// added); does not walk the body.
  explicit SymbolicShapes(mlir::func::FuncOp func);
  /// Walks the body (every region) in order. Fails with diagnostics at the operations.
  llvm::LogicalResult run();
  /// Infers the results of one nn operation whose operands are known. Returns failure after a diagnostic.
  /// With `setTypes` the results get the inferred types (else static sizes of their present types are
  /// believed).
  llvm::LogicalResult infer(mlir::Operation *op, bool setTypes = false);
  /// The sizes of a ranked tensor value (must be known by now).
  llvm::ArrayRef<mlir::AffineExpr> get(mlir::Value value) const;
  void set(mlir::Value value, llvm::ArrayRef<mlir::AffineExpr> shape);
  bool has(mlir::Value value) const { return shapes.contains(value); }
  /// True if sizes are provably equal.
  bool equal(mlir::AffineExpr a, mlir::AffineExpr b) const;
  bool equalShapes(mlir::Value a, mlir::Value b) const;
  unsigned getNumSymbols() const { return numSymbols; }
  /// Affine map ()[symbols] -> exprs, as attributes of operations hold it.
  mlir::AffineMap getMap(llvm::ArrayRef<mlir::AffineExpr> exprs) const;
  mlir::AffineExpr getSymbol(unsigned i) const;
  /// Adds a symbol to the function's nn.symbols (or finds the same max symbol again).
  mlir::AffineExpr addInput(llvm::StringRef name, int64_t min = 0, int64_t max = INT64_MAX);
  mlir::AffineExpr getMax(mlir::AffineExpr a, mlir::AffineExpr b);
  /// Adds a data symbol, whose value the run computes; an operation must bind it before it is used.
  mlir::AffineExpr addData(llvm::StringRef name, int64_t min = 0, int64_t max = INT64_MAX);
  mlir::func::FuncOp getFunction() const;
  mlir::MLIRContext *getContext() const;

private:
  llvm::LogicalResult inferOther(mlir::Operation *op);
  llvm::LogicalResult inferControl(mlir::Operation *op);
  llvm::LogicalResult runBlock(mlir::Block &block);

  mlir::Operation *func;
  unsigned numSymbols = 0;
  llvm::DenseMap<mlir::Value, SymShape> shapes;
};

/// True for what tensors of nn may hold: i1, signless (signed) and unsigned integers of 8 to 64 bits, f16,
/// bf16, f32, f64, and codes of narrow numbers.
bool isElementType(mlir::Type type);
/// A total order of expressions that does not depend on addresses.
int compareExprs(mlir::AffineExpr a, mlir::AffineExpr b);
/// The sizes as a RankedTensorType: constants stay, everything else is `?`.
mlir::RankedTensorType getTensorType(llvm::ArrayRef<mlir::AffineExpr> shape, mlir::Type element);
/// The constant results of a map; nullopt if one is not a constant.
std::optional<llvm::SmallVector<int64_t>> getConstantResults(mlir::AffineMap map);
/// A map ()[] -> (constants).
mlir::AffineMap getConstantMap(llvm::ArrayRef<int64_t> values, mlir::MLIRContext *context);

namespace detail {
using InferFn = llvm::function_ref<llvm::LogicalResult(ShapeContext &, llvm::ArrayRef<SymShape>,
                                                       llvm::SmallVectorImpl<SymType> &)>;
/// InferTypeOpInterface through the symbolic shape function: each `?` of an operand is an unknown of its own.
llvm::LogicalResult inferReturnTypes(mlir::MLIRContext *context, std::optional<mlir::Location> location,
                                     llvm::StringRef opName, mlir::ValueRange operands,
                                     llvm::SmallVectorImpl<mlir::Type> &types, InferFn infer);
/// Fails if a result has a negative size, or more elements than an int64_t counts.
llvm::LogicalResult checkResults(ShapeContext &ctx, llvm::ArrayRef<SymType> results);
/// Same element types and ranks, sizes equal where both are static.
bool compatibleTypes(mlir::TypeRange l, mlir::TypeRange r);
} // namespace detail
} // namespace aicc::nn

#endif
