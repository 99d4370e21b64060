// Questions about constants: does a value depend on constants and weights alone, and is it one number. Apart
// from the passes because fusion asks the same questions.

#ifndef AICC_PASSES_GRAPH_CONSTANTS_H
#define AICC_PASSES_GRAPH_CONSTANTS_H

#include "dialects/nn/NN.h"
#include <optional>

namespace aicc {

/// True if `value` can be computed when the module is written: all its roots are nn.constant and nn.weight,
/// and no operation on the way depends on a symbol.
bool isConstantComputable(mlir::Value value);

/// The same with a memory, for many questions about one function that does not change between them.
class ConstantValues {
public:
  /// With `weights` false, only nn.constant counts as a root.
  explicit ConstantValues(bool weights = true) : weights(weights) {}
  bool contains(mlir::Value value);

private:
  bool weights;
  llvm::DenseMap<mlir::Operation *, bool> known;
};

/// True if an attribute of `op` depends on a symbol (and so the operation is no constant even without
/// operands).
bool dependsOnSymbols(mlir::Operation *op);

/// The number that every element of `value` is: a constant, possibly broadcast, reshaped or cast. Booleans
/// are 0 and 1.
std::optional<double> getUniform(mlir::Value value);
/// True if every element of `value` is `number`, up to `tolerance` relative to it (absolute for 0).
bool isUniform(mlir::Value value, double number, double tolerance = 0);

/// The number as a constant of rank 0.
mlir::Value createScalar(mlir::OpBuilder &builder, mlir::Location loc, double number, mlir::Type element);

} // namespace aicc

#endif // AICC_PASSES_GRAPH_CONSTANTS_H
