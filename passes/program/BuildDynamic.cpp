// What of a program depends on data: sizes that are loaded from tensors, and results that get their memory
// when such sizes are known.

#include "passes/program/Passes.h"
#include "passes/program/ProgramBuilder.h"

using namespace mlir;
using namespace aicc;

bool ProgramBuilder::isLateSize(AffineExpr size) const {
  bool isLate = false;
  size.walk([&](AffineExpr e) {
    auto position = dyn_cast<AffineSymbolExpr>(e);
    if (!position || position.getPosition() >= symbols.size())
      return;
    auto symbol = cast<nn::SymbolAttr>(symbols[position.getPosition()]);
    isLate |= symbol.getKind() == nn::SymbolKind::data;
    if (symbol.getKind() == nn::SymbolKind::max)
      for (AffineExpr part : symbol.getDefinition().getValue().getResults())
        isLate |= isLateSize(part);
  });
  return isLate;
}

Value ProgramBuilder::getResultBuffer(unsigned index) {
  Value &buffer = resultBuffers[index];
  // Within a branch or a loop it might be bound never, or twice.
  if (buffer || outermost)
    return buffer;
  Operation *terminator = func.getBody().front().getTerminator();
  SmallVector<Value> sizes;
  for (AffineExpr size : shapes.get(terminator->getOperand(index))) {
    if (!registers->isBound(size))
      return nullptr;
    FailureOr<Value> number = getRegister(size, terminator);
    if (failed(number))
      return nullptr;
    sizes.push_back(*number);
  }
  buffer =
      body->create<rt::BindResultOp>(terminator->getLoc(), body->getType<rt::BufferType>(), index, sizes);
  return buffer;
}

static std::string getNode(Operation *op) {
  std::string name;
  op->getLoc()->walk([&](Location loc) {
    if (auto named = dyn_cast<NameLoc>(loc); named && name.empty())
      name = named.getName().str();
    return WalkResult::advance();
  });
  return name;
}

/// "k must be 1 to 10"; bounds that leave no choice are those of a condition, which `what` says.
static std::string describeBounds(StringRef what, nn::SymbolAttr symbol) {
  if (symbol.getMin() == symbol.getMax() && symbol.getMin() == 1)
    return what.str();
  std::string text = (what + " must be " + Twine(symbol.getMin())).str();
  if (symbol.getMax() == INT64_MAX)
    return text + " or more";
  return symbol.getMin() == symbol.getMax() ? text : text + " to " + std::to_string(symbol.getMax());
}

LogicalResult ProgramBuilder::emitBindSize(nn::BindSizeOp op) {
  Value input = op.getInput();
  Type type = cast<RankedTensorType>(input.getType()).getElementType();
  nn::Tensor constant = nn::getConstant(input);
  auto sizes = input.getDefiningOp<nn::SizesOp>();
  for (auto [i, position] : llvm::enumerate(op.getSymbols())) {
    Value number;
    if (constant || sizes) {
      // In a register of its own: what is computed from it stays behind this place.
      FailureOr<Value> known = constant ? FailureOr<Value>(registers->constant(constant.getInt(i)))
                                        : getRegister(sizes.getValue().getResult(i), op);
      if (failed(known))
        return failure();
      number =
          body->create<rt::ArithOp>(op.getLoc(), body->getI64Type(), rt::ArithKind::move, *known, *known);
    } else {
      auto [buffer, offset] = locate(input, *body);
      Value place = registers->constant(offset + int64_t(i) * nn::getElementSize(type));
      number = body->create<rt::LoadScalarOp>(op.getLoc(), body->getI64Type(), buffer, place, type);
    }
    registers->setLate(number);
    auto symbol = cast<nn::SymbolAttr>(symbols[position]);
    Value isWithin = registers->arith(rt::ArithKind::le, registers->constant(symbol.getMin()), number);
    if (symbol.getMax() != INT64_MAX)
      isWithin =
          registers->arith(rt::ArithKind::iand, isWithin,
                           registers->arith(rt::ArithKind::le, number, registers->constant(symbol.getMax())));
    const std::string node = getNode(op), text = describeBounds(op.getWhat(), symbol);
    SmallVector<StringRef> nodes;
    if (!node.empty())
      nodes.push_back(node);
    registers->check(isWithin, text, nodes, /*inBlock=*/true);
    if (failed(bind(position, number)))
      return failure();
  }
  endMemory(stepOf.lookup(op), *body);
  return success();
}
