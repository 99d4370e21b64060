// What most files of this folder include, compiled once.

#ifndef AICC_COMPILER_PCH_H
#define AICC_COMPILER_PCH_H

#include "dialects/exe/Exe.h"
#include "dialects/nn/NN.h"
#include "dialects/rt/Rt.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#endif
