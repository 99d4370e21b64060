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
  /// are built at `builder`'s place, which must stay in the shape program.
  Registers(mlir::OpBuilder builder, mlir::Location loc, llvm::ArrayRef<mlir::Attribute> symbols,
            llvm::ArrayRef<int64_t> inputs)
      : builder(builder), loc(loc), symbols(symbols), inputs(inputs) {}

  mlir::Value constant(int64_t value);
  /// Null if the expression needs a symbol that no argument binds; `getUnbound` names the first such.
  mlir::Value get(mlir::AffineExpr expr);
  mlir::Value argDim(int64_t arg, int64_t dim);
  /// One operation, folded where it can be, and shared with an equal one. Null if an operand is.
  mlir::Value arith(rt::ArithKind kind, mlir::Value a, mlir::Value b);
  void check(mlir::Value condition, const llvm::Twine &message, llvm::ArrayRef<llvm::StringRef> nodes);
  llvm::StringRef getUnbound() const { return unbound; }

private:
  mlir::Value build(mlir::AffineExpr expr);
  mlir::Value symbol(unsigned position);

  mlir::OpBuilder builder;
  mlir::Location loc;
  llvm::ArrayRef<mlir::Attribute> symbols;
  llvm::ArrayRef<int64_t> inputs;
  llvm::DenseMap<int64_t, mlir::Value> constants;
  llvm::DenseMap<mlir::AffineExpr, mlir::Value> known;
  llvm::DenseMap<std::tuple<unsigned, mlir::Value, mlir::Value>, mlir::Value> operations;
  std::string unbound;
};

/// "past + seq": a size with the symbols' own names, for people.
std::string toText(mlir::AffineExpr expr, llvm::ArrayRef<mlir::Attribute> symbols);

} // namespace aicc

#endif
