// The passes of the dispatch phase.

#ifndef AICC_PASSES_DISPATCH_PASSES
#define AICC_PASSES_DISPATCH_PASSES

include "mlir/Pass/PassBase.td"

def FormDispatches : Pass<"exe-form-dispatches", "::mlir::ModuleOp"> {
  let summary = "groups nn operations into dispatches for a target instance";
  let description = [{
    Lets the target choose operands' layouts (`prepare`), then fuses elementwise work into the contraction, reduction or loop next to it,
    and lets every dispatch read its operands through views. Operations on constants alone stay: they are recipes of weights.

    ```mlir
    %0 = nn.add %a, %b : ...            %1 = exe.dispatch "map" (%a, %b) {
    %1 = nn.relu %0 : ...         =>    ^bb0(%x: ..., %y: ...):
                                          %2 = nn.add %x, %y : ...
                                          %3 = nn.relu %2 : ...
                                          exe.yield %3 : ...
                                        } : ...
    ```
  }];
  let options = [Option<"target", "target", "std::string", /*default=*/"\"cpu\"", "target instance, as of aicc compile --target">];
  let dependentDialects = ["::aicc::exe::ExeDialect", "::aicc::nn::NNDialect"];
}

def GenerateKernels : Pass<"exe-generate-kernels", "::mlir::ModuleOp"> {
  let summary = "turns dispatches into launches of kernels generated for a target instance";
  let description = [{
    Each `exe.dispatch` becomes an `exe.launch`; equal dispatches share a kernel. The kernels become one `exe.executable`, or, with
    `keep-kernels`, stay as nested modules of readable code.
  }];
  let options = [Option<"target", "target", "std::string", /*default=*/"\"cpu\"", "target instance, as of aicc compile --target">,
                 Option<"keepKernels", "keep-kernels", "bool", /*default=*/"false", "leave kernels as IR">];
  let dependentDialects = ["::aicc::exe::ExeDialect", "::aicc::nn::NNDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect", "::mlir::LLVM::LLVMDialect"];
}

#endif
