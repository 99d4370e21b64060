// The assertions of a program: what its signature does not say of inputs' sizes, and what collect-checks has
// written down.

#include "passes/program/Passes.h"
#include "passes/program/ProgramBuilder.h"

using namespace mlir;
using namespace aicc;

LogicalResult ProgramBuilder::emitChecks() {
  // Numbers and symbols are the signature's; expressions are ours.
  for (BlockArgument argument : func.getArguments())
    for (auto [dim, size] : llvm::enumerate(shapes.get(argument))) {
      auto symbol = dyn_cast<AffineSymbolExpr>(size);
      bool isInput = symbol && inputs[symbol.getPosition()] >= 0;
      if (isFixed(size) || isInput)
        continue;
      FailureOr<Value> wanted = getRegister(size, func);
      if (failed(wanted))
        return failure();
      Value actual = registers->argDim(argument.getArgNumber(), dim);
      registers->check(registers->arith(rt::ArithKind::eq, actual, *wanted),
                       "input " + program.getArg(argument.getArgNumber()).getName() + ": dimension " +
                           Twine(dim) + " must be " + toText(size, symbols),
                       {});
    }
  return addChecks(func->getAttrOfType<ArrayAttr>(kChecksAttrName));
}

LogicalResult ProgramBuilder::addChecks(ArrayAttr checks) {
  for (Attribute attr : checks ? checks.getValue() : ArrayRef<Attribute>()) {
    auto check = cast<DictionaryAttr>(attr);
    AffineMap sizes = check.getAs<AffineMapAttr>("sizes").getValue();
    pending.push_back({sizes.getResult(0), sizes.getResult(1), check.getAs<BoolAttr>("exact").getValue(),
                       check.getAs<StringAttr>("node").getValue().str()});
  }
  return emitPendingChecks();
}

/// Those whose data symbols have values by now.
LogicalResult ProgramBuilder::emitPendingChecks() {
  std::vector<PendingCheck> waiting;
  for (const PendingCheck &check : pending) {
    if (!registers->isBound(check.a) || !registers->isBound(check.b)) {
      waiting.push_back(check);
      continue;
    }
    FailureOr<Value> a = getRegister(check.a, func), b = getRegister(check.b, func);
    if (failed(a) || failed(b))
      return failure();
    Value condition = registers->arith(rt::ArithKind::eq, *a, *b);
    if (!check.exact)
      condition = registers->arith(rt::ArithKind::ior, condition,
                                   registers->arith(rt::ArithKind::eq, *a, registers->constant(1)));
    registers->check(condition,
                     "node " + check.node + ": the size " + toText(check.a, symbols) + " must be " +
                         toText(check.b, symbols) + (check.exact ? "" : ", or 1"),
                     {check.node}, /*inBlock=*/outermost != nullptr);
  }
  pending = std::move(waiting);
  return success();
}
