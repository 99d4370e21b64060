// Sizes as register arithmetic: expressions over a function's symbols become rt operations, each expression
// once.

#ifndef AICC_PASSES_PROGRAM_REGISTERS_H
#define AICC_PASSES_PROGRAM_REGISTERS_H

#include "dialects/nn/NN.h"
#include "dialects/rt/Rt.h"

namespace aicc {

class Registers {
public:
  /// `symbols`: the function's nn.symbols. `inputs[i]`: the program's number of symbol i, or -1. Operations
  /// are built at `builder`'s place, which must stay in the shape program, unless they need data symbols.
  Registers(mlir::OpBuilder builder, mlir::Location loc, llvm::ArrayRef<mlir::Attribute> symbols,
            llvm::ArrayRef<int64_t> inputs)
      : loc(loc), symbols(symbols), inputs(inputs) {
    levels.emplace_back(nullptr);
    early = builder;
  }

  /// What depends on data symbols is built by `builder`, at its place at that time, until `leave`. A block
  /// within another one enters anew: what is computed in it is forgotten behind it.
  void enter(mlir::OpBuilder *builder) { levels.emplace_back(builder); }
  void leave() { levels.pop_back(); }
  /// From here on (to the end of the block that was entered) the data symbol is `value`.
  void bind(unsigned symbol, mlir::Value value) {
    levels.back().symbols[symbol] = value;
    late.insert(value);
  }
  /// Also for values from elsewhere, not of the shape program: what is computed from them is built in the
  /// block.
  mlir::Value setLate(mlir::Value value) {
    late.insert(value);
    return value;
  }
  /// True if all data symbols in the expression have been bound.
  bool isBound(mlir::AffineExpr expr) const;

  mlir::Value constant(int64_t value);
  /// Null if the expression needs a symbol that no argument binds; `getUnbound` names the first such.
  mlir::Value get(mlir::AffineExpr expr);
  mlir::Value argDim(int64_t arg, int64_t dim);
  /// One operation, folded where it can be, and shared with an equal one. Null if an operand is.
  mlir::Value arith(rt::ArithKind kind, mlir::Value a, mlir::Value b);
  /// Ends the run with `message` if the condition does not hold: before it starts, if that is known by then
  /// and not `inBlock`.
  void check(mlir::Value condition, const llvm::Twine &message, llvm::ArrayRef<llvm::StringRef> nodes,
             bool inBlock = false);
  llvm::StringRef getUnbound() const { return unbound; }

private:
  /// A block of the program under construction; the first one is the shape program.
  struct Level {
    explicit Level(mlir::OpBuilder *builder) : builder(builder) {}
    mlir::OpBuilder *builder;
    llvm::DenseMap<mlir::AffineExpr, mlir::Value> known;
    llvm::DenseMap<std::tuple<unsigned, mlir::Value, mlir::Value>, mlir::Value> operations;
    llvm::DenseMap<unsigned, mlir::Value> symbols;
  };
  mlir::Value build(mlir::AffineExpr expr);
  mlir::Value symbol(unsigned position);
  Level &levelOf(bool isLate) { return isLate ? levels.back() : levels.front(); }
  mlir::OpBuilder &builderOf(bool isLate) {
    return isLate && levels.back().builder ? *levels.back().builder : *early;
  }

  std::optional<mlir::OpBuilder> early;
  mlir::Location loc;
  llvm::ArrayRef<mlir::Attribute> symbols;
  llvm::ArrayRef<int64_t> inputs;
  llvm::DenseMap<int64_t, mlir::Value> constants;
  std::vector<Level> levels;
  llvm::DenseSet<mlir::Value> late;
  std::string unbound;
};

/// "past + seq": a size with the symbols' own names, for people.
std::string toText(mlir::AffineExpr expr, llvm::ArrayRef<mlir::Attribute> symbols);

} // namespace aicc

#endif
