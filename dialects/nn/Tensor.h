// Tensors on the host and the context in which nn operations are evaluated on them (reference evaluation).
// Apart from the operations because importers, weight recipes and tests hold tensors without evaluating
// anything.

#ifndef AICC_DIALECTS_NN_TENSOR_H
#define AICC_DIALECTS_NN_TENSOR_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <string>

namespace aicc::nn {

/// A row-major tensor on the host. Copies share the bytes; bytes are immutable once shared. Booleans take one
/// byte each.
class Tensor {
public:
  Tensor() = default; // absent (an optional operand)
  /// Uninitialized, static type.
  explicit Tensor(mlir::RankedTensorType type);
  /// Borrows `bytes`, kept alive by `owner`.
  Tensor(mlir::RankedTensorType type, llvm::ArrayRef<char> bytes, std::shared_ptr<const void> owner);
  /// A dense attribute's elements (splats are spread, i1 is spread to bytes).
  static Tensor get(mlir::ElementsAttr attr);
  /// As an attribute, for nn.constant; codes of narrow numbers as ui8 (makeConstant has them as what they
  /// are).
  mlir::DenseElementsAttr getAttr() const;

  explicit operator bool() const { return bool(type); }
  mlir::RankedTensorType getType() const { return type; }
  llvm::ArrayRef<int64_t> getShape() const { return type.getShape(); }
  mlir::Type getElementType() const { return type.getElementType(); }
  int64_t getRank() const { return type.getRank(); }
  int64_t getNumElements() const { return type.getNumElements(); }
  llvm::ArrayRef<char> getBytes() const { return bytes; }
  /// Only while not shared (just created).
  llvm::MutableArrayRef<char> getMutableBytes();
  /// Any numeric element, converted. `getInt` of floats truncates.
  double getDouble(int64_t index) const;
  int64_t getInt(int64_t index) const;
  void setDouble(int64_t index, double value);
  void setInt(int64_t index, int64_t value);
  /// The same bytes under another shape with as many elements.
  Tensor reshaped(llvm::ArrayRef<int64_t> shape) const;
  /// The same bytes as elements of another type of the same size.
  Tensor recast(mlir::Type element) const;

private:
  mlir::RankedTensorType type;
  llvm::ArrayRef<char> bytes;
  std::shared_ptr<const void> owner;
  char *writable = nullptr;
};

/// Bytes that one element takes in memory (i1 and narrow numbers: 1). 0 if the type is not an element type of
/// nn.
int64_t getElementSize(mlir::Type element);

/// What evaluation needs beside the operands.
class EvalContext {
public:
  /// Values of the function's symbols, in order.
  llvm::SmallVector<int64_t> symbols;
  /// Message of the first failure.
  std::string error;
  llvm::LogicalResult fail(const llvm::Twine &message);
  /// Evaluates the results of a shape map at `symbols`.
  llvm::SmallVector<int64_t> evaluate(mlir::AffineMap map) const;
  /// Maps (and caches) a model's file. Null, with `error` set, where it can't be.
  std::shared_ptr<llvm::MemoryBuffer> map(llvm::StringRef path);

private:
  llvm::StringMap<std::shared_ptr<llvm::MemoryBuffer>> files;
};

/// Evaluates one nn operation: static result types must hold after symbols are bound. Fails with ctx.error
/// set.
llvm::LogicalResult evaluate(mlir::Operation *op, EvalContext &ctx, llvm::ArrayRef<Tensor> operands,
                             llvm::SmallVectorImpl<Tensor> &results);
/// Evaluates `value` from constants and weights alone, all its producers being nn operations without other
/// roots. Intermediate tensors are freed once used. Fails with ctx.error set if something is not constant.
llvm::FailureOr<Tensor> evaluateConstant(mlir::Value value, EvalContext &ctx);
/// Runs the body of a function (nn operations only) on `arguments`; binds input symbols from nn.dims first.
llvm::LogicalResult evaluateFunction(mlir::Operation *func, EvalContext &ctx,
                                     llvm::ArrayRef<Tensor> arguments,
                                     llvm::SmallVectorImpl<Tensor> &results);
} // namespace aicc::nn

#endif
