// The operations of NNDynamic.td: what must hold of them, and what they do.

#include "dialects/nn/NNControl.h"
#include "dialects/nn/NNDynamic.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace aicc::nn;

#define GET_OP_CLASSES
#include "dialects/nn/NNDynamic.cpp.inc"

static ArrayAttr getSymbols(Operation *op) {
  auto func = op->getParentOfType<FunctionOpInterface>();
  return func ? func->getAttrOfType<ArrayAttr>(NNDialect::getSymbolsAttrName()) : ArrayAttr();
}

LogicalResult BindSizeOp::verify() {
  auto type = cast<RankedTensorType>(getInput().getType());
  if (!type.hasStaticShape() || type.getNumElements() != int64_t(getSymbols().size()))
    return emitOpError("needs a symbol for each element of ") << type;
  auto integer = dyn_cast<IntegerType>(type.getElementType());
  if (!integer || (integer.isUnsigned() && integer.getWidth() == 64))
    return emitOpError("takes integers that fit into 64 bits, not ") << type;
  ArrayAttr symbols = ::getSymbols(*this);
  for (int64_t position : getSymbols()) {
    auto symbol = symbols && position >= 0 && position < int64_t(symbols.size())
                      ? dyn_cast<SymbolAttr>(symbols[position])
                      : SymbolAttr();
    if (!symbol || symbol.getKind() != SymbolKind::data)
      return emitOpError("binds symbol ") << position << ", which is not a data symbol of the function";
  }
  return success();
}

LogicalResult aicc::nn::evaluateBindSize(BindSizeOp op, EvalContext &ctx, const Tensor &input) {
  ArrayAttr symbols = getSymbols(op);
  for (auto [i, position] : llvm::enumerate(op.getSymbols())) {
    auto symbol = cast<SymbolAttr>(symbols[position]);
    const int64_t value = input.getInt(i);
    if (value < symbol.getMin() || value > symbol.getMax())
      return ctx.fail(op.getWhat() + " is " + Twine(value) + ", not within " + Twine(symbol.getMin()) + ".." +
                      Twine(symbol.getMax()));
    if (position >= int64_t(ctx.symbols.size()))
      ctx.symbols.resize(position + 1, 0);
    ctx.symbols[position] = value;
  }
  refreshMaxSymbols(op, ctx);
  return success();
}
