// Narrow numbers as what kernels move: their codes. Graph passes see the model's types; kernels, programs and
// recipes only bytes, so that no target has to know the formats.

#include "dialects/nn/Formats.h"
#include "passes/dispatch/Passes.h"

using namespace mlir;

namespace {
/// The type with codes in place of narrow numbers; null if it has none.
Type getStorage(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !isa<aicc::nn::NarrowType>(tensor.getElementType()))
    return {};
  return tensor.clone(IntegerType::get(type.getContext(), 8, IntegerType::Unsigned));
}

void store(Value value) {
  if (Type type = getStorage(value.getType()))
    value.setType(type);
}
} // namespace

void aicc::storeNarrowTypes(func::FuncOp func) {
  FunctionType type = func.getFunctionType();
  SmallVector<Type> inputs(type.getInputs()), results(type.getResults());
  for (auto [i, input] : llvm::enumerate(inputs))
    if (Type storage = getStorage(input)) {
      func.setArgAttr(i, nn::elementAttrName, TypeAttr::get(cast<RankedTensorType>(input).getElementType()));
      input = storage;
    }
  for (auto [i, result] : llvm::enumerate(results))
    if (Type storage = getStorage(result)) {
      func.setResultAttr(i, nn::elementAttrName,
                         TypeAttr::get(cast<RankedTensorType>(result).getElementType()));
      result = storage;
    }
  func.setFunctionType(FunctionType::get(func.getContext(), inputs, results));
  for (BlockArgument argument : func.getArguments())
    store(argument);

  SmallVector<nn::BitcastOp> identities;
  func.walk([&](Operation *op) {
    for (Region &region : op->getRegions())
      for (Block &block : region)
        for (BlockArgument argument : block.getArguments())
          store(argument);
    for (Value result : op->getResults())
      store(result);
    Type byte = IntegerType::get(op->getContext(), 8, IntegerType::Unsigned);
    if (auto weight = dyn_cast<nn::WeightOp>(op)) {
      if (Type storage = getStorage(weight.getType()))
        weight.setType(storage);
    } else if (auto bitcast = dyn_cast<nn::BitcastOp>(op)) {
      if (isa<nn::NarrowType>(bitcast.getTo()))
        bitcast.setTo(byte);
      identities.push_back(bitcast);
    }
  });
  for (nn::BitcastOp bitcast : identities)
    if (bitcast.getInput().getType() == bitcast.getResult().getType()) {
      bitcast.getResult().replaceAllUsesWith(bitcast.getInput());
      bitcast.erase();
    }
}
