// The weights of a module as recipes: each distinct one is evaluated once, written and freed.

#ifndef AICC_COMPILER_RECIPES_H
#define AICC_COMPILER_RECIPES_H

#include "aicc/ModuleWriter.h"
#include "dialects/nn/NN.h"
#include "llvm/ADT/DenseMap.h"
#include <map>
#include <vector>

namespace aicc {

class RecipeTable {
public:
  /// Adds a constant-computable value, under the module's name for it. Recipes are equal if their operations
  /// and attributes are.
  void add(mlir::Value value, llvm::StringRef name);
  /// Evaluates and writes all. Fails after a diagnostic.
  llvm::LogicalResult write(ModuleWriter &writer, llvm::function_ref<void(double)> progress);
  /// The module's constant of a value; only after `write`.
  uint32_t getIndex(mlir::Value value) const;

private:
  struct Recipe {
    mlir::Value value;
    std::string name;
    uint32_t constant = 0;
  };
  unsigned getId(mlir::Value value);

  std::vector<Recipe> recipes;
  /// Structure of a value -> a number that equal structures share.
  std::map<std::vector<const void *>, unsigned> structures;
  llvm::DenseMap<mlir::Value, unsigned> ids;
  llvm::DenseMap<unsigned, unsigned> recipeOfId;
};

} // namespace aicc

#endif
