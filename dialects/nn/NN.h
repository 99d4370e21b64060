// The nn dialect: what the model means. Include this for operation classes; Shapes.h or Tensor.h alone where
// those suffice.

#ifndef AICC_DIALECTS_NN_NN_H
#define AICC_DIALECTS_NN_NN_H

#include "dialects/nn/Shapes.h"
#include "dialects/nn/Tensor.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/nn/NNDialect.h.inc"
#include "dialects/nn/NNEnums.h.inc"
#include "dialects/nn/NNInterfaces.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/nn/NNTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NNAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/nn/NNOps.h.inc"

namespace aicc::nn {
/// Creates an nn operation from its operands and attributes, results typed by `shapes`. Null after a
/// diagnostic at `loc` where they don't fit: for operations that a model describes (builder.create<OpT>
/// without result types aborts there).
template <typename OpT, typename... Args>
OpT create(mlir::OpBuilder &builder, mlir::Location loc, SymbolicShapes &shapes, Args &&...args) {
  constexpr unsigned numResults = OpT::template hasTrait<mlir::OpTrait::OneResult>()           ? 1
                                  : OpT::template hasTrait<mlir::OpTrait::NResults<2>::Impl>() ? 2
                                                                                               : 3;
  // Placeholders until `infer` has seen the whole operation.
  llvm::SmallVector<mlir::Type, 3> types(numResults, builder.getNoneType());
  OpT op = builder.create<OpT>(loc, mlir::TypeRange(types), std::forward<Args>(args)...);
  if (mlir::failed(shapes.infer(op, /*setTypes=*/true))) {
    op.erase();
    return nullptr;
  }
  return op;
}

/// A tensor as an operation: nn.constant, of codes of narrow numbers followed by nn.bitcast.
mlir::Value makeConstant(mlir::OpBuilder &builder, mlir::Location loc, const Tensor &tensor);
/// The value of what makeConstant makes; empty for anything else.
Tensor getConstant(mlir::Value value);
} // namespace aicc::nn

#endif
