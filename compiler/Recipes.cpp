// See Recipes.h.

#include "compiler/Recipes.h"

using namespace mlir;

namespace aicc {

/// Numbers values so that equal recipes have equal numbers: attributes and types are unique by address.
unsigned RecipeTable::getId(Value value) {
  SmallVector<std::pair<Value, unsigned>> stack = {{value, 0}};
  while (!stack.empty()) {
    auto [current, next] = stack.back();
    Operation *op = current.getDefiningOp();
    if (ids.contains(current)) {
      stack.pop_back();
      continue;
    }
    if (op && next < op->getNumOperands()) {
      ++stack.back().second;
      stack.push_back({op->getOperand(next), 0});
      continue;
    }
    std::vector<const void *> key;
    if (op) {
      key = {op->getName().getAsOpaquePointer(), op->getAttrDictionary().getAsOpaquePointer(),
             current.getType().getAsOpaquePointer(),
             reinterpret_cast<const void *>(uintptr_t(cast<OpResult>(current).getResultNumber()))};
      for (Value operand : op->getOperands())
        key.push_back(reinterpret_cast<const void *>(uintptr_t(ids.lookup(operand))));
    } else {
      key = {current.getAsOpaquePointer()};
    }
    ids[current] = structures.try_emplace(std::move(key), structures.size()).first->second;
    stack.pop_back();
  }
  return ids.lookup(value);
}

void RecipeTable::add(Value value, StringRef name) {
  if (recipeOfId.try_emplace(getId(value), recipes.size()).second)
    recipes.push_back({value, name.str()});
}

LogicalResult RecipeTable::write(ModuleWriter &writer, llvm::function_ref<void(double)> progress) {
  auto sizeOf = [](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return double(type.getNumElements()) * nn::getElementSize(type.getElementType());
  };
  double total = 0, done = 0;
  for (const Recipe &recipe : recipes)
    total += sizeOf(recipe.value);
  for (Recipe &recipe : recipes) {
    // A context for each: it maps the model's file, and what has been read stays in memory until it is
    // unmapped.
    nn::EvalContext ctx;
    FailureOr<nn::Tensor> tensor = nn::evaluateConstant(recipe.value, ctx);
    if (failed(tensor))
      return emitError(recipe.value.getLoc())
             << "the weight" << (recipe.name.empty() ? "" : " '" + recipe.name + "'")
             << " can't be computed: " << ctx.error;
    ArrayRef<char> bytes = tensor->getBytes();
    recipe.constant = writer.addConstant(bytes.data(), bytes.size(), recipe.name);
    if (writer.failed())
      return emitError(recipe.value.getLoc()) << writer.error();
    done += sizeOf(recipe.value);
    progress(total ? done / total : 1);
  }
  return success();
}

uint32_t RecipeTable::getIndex(Value value) const {
  return recipes[recipeOfId.lookup(ids.lookup(value))].constant;
}

} // namespace aicc
