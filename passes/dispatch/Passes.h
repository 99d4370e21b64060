// The dispatch phase: a function of nn operations becomes one of exe.dispatch regions, each of which a target
// turns into kernels. What each pass does is written, with IR before and after, in Passes.td.

#ifndef AICC_PASSES_DISPATCH_PASSES_H
#define AICC_PASSES_DISPATCH_PASSES_H

#include "aicc/Target.h"
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace aicc {

#define GEN_PASS_DECL
#include "passes/dispatch/Passes.h.inc"

/// Forms dispatches in `func` for `instance`: fuses elementwise work and data movement into the contraction,
/// reduction or loop next to it. Constant-computable operations stay as recipes of weights. Fails after
/// diagnostics at the model's nodes.
llvm::LogicalResult formDispatches(mlir::func::FuncOp func, const TargetInstance &instance);

/// Turns tensors of narrow numbers into tensors of their codes (ui8). Arguments and results keep the model's
/// element types in attributes (nn::elementAttrName), for the program's signature.
void storeNarrowTypes(mlir::func::FuncOp func);

#define GEN_PASS_REGISTRATION
#include "passes/dispatch/Passes.h.inc"

} // namespace aicc

#endif
