// The program phase: functions of launches become rt programs, with memory planned and sizes computed by
// commands.

#ifndef AICC_PASSES_PROGRAM_PASSES_H
#define AICC_PASSES_PROGRAM_PASSES_H

#include "dialects/nn/NN.h"
#include "dialects/rt/Rt.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace aicc {

#define GEN_PASS_DECL
#include "passes/program/Passes.h.inc"

/// Function attribute: what sizes must hold at run time, as the pass collect-checks describes it.
constexpr llvm::StringLiteral kChecksAttrName = "rt.checks";
/// Attribute of exe.launch: an affine map over the function's symbols for each result, its sizes. Needed
/// where they are not static.
constexpr llvm::StringLiteral kLaunchShapesAttrName = "exe.shapes";

/// Adds `func`'s checks to it. To be called on nn operations, before dispatches are formed.
llvm::LogicalResult collectChecks(mlir::func::FuncOp func);

/// Replaces `func`, which holds launches, recipes of constants and reshapes, by an rt.program. Fails after
/// diagnostics.
llvm::LogicalResult buildProgram(mlir::func::FuncOp func);

#define GEN_PASS_REGISTRATION
#include "passes/program/Passes.h.inc"

} // namespace aicc

#endif
