// What every file of this folder includes, compiled once.

#ifndef AICC_PASSES_PROGRAM_PCH_H
#define AICC_PASSES_PROGRAM_PCH_H

#include "dialects/exe/Exe.h"
#include "dialects/nn/NN.h"
#include "dialects/rt/Rt.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

#endif
