// What every nn operation can be asked, so that passes and targets need not know operations by name.

#ifndef AICC_NN_INTERFACES
#define AICC_NN_INTERFACES

include "mlir/IR/OpBase.td"

def NN_ShapeOpInterface : OpInterface<"ShapeOpInterface"> {
  let cppNamespace = "::aicc::nn";
  let description = "Results' sizes as expressions over the function's symbols; serves static and dynamic sizes alike.";
  let methods = [InterfaceMethod<"Appends one (element type, sizes) per result; fails with a diagnostic through `ctx`.",
    "::llvm::LogicalResult", "inferShapes",
    (ins "::aicc::nn::ShapeContext &":$ctx, "::llvm::ArrayRef<::aicc::nn::SymShape>":$operands,
         "::llvm::SmallVectorImpl<::aicc::nn::SymType> &":$results)>];
}

def NN_EvaluateOpInterface : OpInterface<"EvaluateOpInterface"> {
  let cppNamespace = "::aicc::nn";
  let description = [{Reference evaluation on the host: serves constant folding, weight recipes, tests and `aicc verify`. Slow and obviously
    right. Operands that are absent (optional) are empty tensors. Symbolic sizes in attributes are evaluated by `ctx`.}];
  let methods = [InterfaceMethod<"Appends one tensor per result; fails with a message set in `ctx`.",
    "::llvm::LogicalResult", "evaluate",
    (ins "::aicc::nn::EvalContext &":$ctx, "::llvm::ArrayRef<::aicc::nn::Tensor>":$operands,
         "::llvm::SmallVectorImpl<::aicc::nn::Tensor> &":$results)>];
}

def NN_ElementwiseOpInterface : OpInterface<"ElementwiseOpInterface"> {
  let cppNamespace = "::aicc::nn";
  let description = "An operation with one result element per broadcast operand element.";
  let methods = [InterfaceMethod<[{Builds the payload on `args`, scalars or equal-length 1-D vectors of the operands' element types (integers signless,
      booleans i1), in arith and math; returns the result element(s).}],
    "::mlir::Value", "emitScalar",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc, "::mlir::ValueRange":$args)>];
}

#endif
