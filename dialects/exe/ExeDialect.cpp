// The exe dialect's registration and verifiers.

#include "dialects/exe/Exe.h"

using namespace mlir;
using namespace aicc::exe;

#include "dialects/exe/ExeDialect.cpp.inc"

void ExeDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/exe/ExeOps.cpp.inc"
      >();
}

LogicalResult DispatchOp::verify() {
  Block &block = getBody().front();
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("body arguments must have the operands' types");
  auto yield = dyn_cast_if_present<YieldOp>(block.empty() ? nullptr : &block.back());
  if (!yield)
    return emitOpError("body must end in exe.yield");
  if (yield.getValues().getTypes() != getOutputs().getTypes())
    return emitOpError("exe.yield must give the results' types");
  return success();
}

LogicalResult LaunchOp::verify() {
  if (getGrid().getNumResults() != 1 || getScratch().getNumResults() != 1)
    return emitOpError("grid and scratch must have one result each");
  ArrayRef<int64_t> pairs = getInplace();
  if (pairs.size() % 2)
    return emitOpError("inplace must list pairs of operand and result");
  for (size_t i = 0; i < pairs.size(); i += 2)
    if (pairs[i] < 0 || pairs[i] >= int64_t(getInputs().size()) || pairs[i + 1] < 0 ||
        pairs[i + 1] >= int64_t(getOutputs().size()))
      return emitOpError("inplace pair (") << pairs[i] << ", " << pairs[i + 1] << ") is out of range";
  return success();
}

#define GET_OP_CLASSES
#include "dialects/exe/ExeOps.cpp.inc"
