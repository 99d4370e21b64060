// What is rewritten in a kernel before it is translated: operations that SPIR-V's kernel flavour has no
// instruction for become others that it has, and structured control flow becomes branches.

#ifndef AICC_TARGETS_LEVEL_ZERO_CODEGEN_LEGALIZE_H
#define AICC_TARGETS_LEVEL_ZERO_CODEGEN_LEGALIZE_H

#include "mlir/IR/BuiltinOps.h"

namespace aicc::level_zero {

/// Loads the dialects that legalization and translation need.
void prepareContext(mlir::MLIRContext *context);

/// Rewrites all functions of `module` in place:
///  - addf and subf of a product, both marked `contract`, into fma (the rest is not contracted);
///  - float minimum and maximum, which SPIR-V leaves vague, with NaN and signed zeros as arith defines them;
///  - remainders of floats, exactly;
///  - conversions of bf16 into integer arithmetic;
///  - products of double width, sums with carry, divisions rounded down and up, trunc, copysign, ctlz, cttz;
///  - atomic arithmetic on floats into loops of compare-and-exchange;
///  - reductions of vectors lane by lane;
///  - scf into cf.
mlir::LogicalResult legalize(mlir::ModuleOp module);

} // namespace aicc::level_zero

#endif // AICC_TARGETS_LEVEL_ZERO_CODEGEN_LEGALIZE_H
