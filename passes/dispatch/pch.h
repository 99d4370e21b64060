// What every file of this folder includes, compiled once.

#ifndef AICC_PASSES_DISPATCH_PCH_H
#define AICC_PASSES_DISPATCH_PCH_H

#include "aicc/Target.h"
#include "dialects/exe/Exe.h"
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

#endif
