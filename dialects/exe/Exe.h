// The exe dialect: what is launched, on one target instance.

#ifndef AICC_DIALECTS_EXE_EXE_H
#define AICC_DIALECTS_EXE_EXE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/exe/ExeDialect.h.inc"
#define GET_OP_CLASSES
#include "dialects/exe/ExeOps.h.inc"

#endif
