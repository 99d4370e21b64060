// The state of building one program, shared by BuildProgram.cpp (analysis, memory, launches) and
// BuildControl.cpp (branches and loops).

#ifndef AICC_PASSES_PROGRAM_PROGRAMBUILDER_H
#define AICC_PASSES_PROGRAM_PROGRAMBUILDER_H

#include "dialects/exe/Exe.h"
#include "dialects/nn/NNControl.h"
#include "dialects/nn/NNDynamic.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"
#include "passes/graph/Constants.h"
#include "passes/program/Registers.h"

namespace aicc {
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;
using mlir::AffineExpr;
using mlir::Block;
using mlir::OpBuilder;
using mlir::Operation;
using mlir::Value;

inline constexpr unsigned kEnd = UINT_MAX;

/// Memory of temporaries. Several values share one where launches work in place.
struct Memory {
  AffineExpr bytes;
  unsigned first = 0, last = 0;
  int result = -1;        // the result whose memory it is
  int64_t offset = -1;    // in the arena
  Value buffer;           // once it exists
  Block *block = nullptr; // where it lives
  /// It is from the context's pool, in a buffer of its own: blocks pass it on.
  bool isOwn = false;
  /// A block gives it away at its end, or a loop takes it over: it is not freed.
  bool isGiven = false;
  bool isPassed = false; // its buffer comes from a branch or a loop
};

class ProgramBuilder {
public:
  explicit ProgramBuilder(mlir::func::FuncOp func)
      : func(func), shapes(func), ctx(func.getContext(), nullptr) {}
  llvm::LogicalResult run();

private:
  // Analysis.
  llvm::LogicalResult analyze();
  llvm::LogicalResult setShapes(exe::LaunchOp launch);
  llvm::LogicalResult analyzeBlock(Block &block);
  void use(Value value, Operation *user, unsigned step);
  llvm::LogicalResult setStatic(Value value);
  void assignMemory();
  void assignMemory(Block &block);
  Memory &addMemory(Value value, unsigned first, bool isPassed);
  /// It is not known before the run.
  bool isLateSize(AffineExpr size) const;
  bool isLateResult(Value value) const {
    return llvm::any_of(shapes.get(value), [&](AffineExpr size) { return isLateSize(size); });
  }
  int findInPlace(exe::LaunchOp launch, unsigned step, unsigned result);
  Value getRoot(Value value) const;
  AffineExpr getBytes(Value value) const;
  static bool isFixed(AffineExpr expr) { return nn::ShapeContext::getConstant(expr).has_value(); }

  // Construction.
  llvm::LogicalResult createProgram();
  llvm::LogicalResult bindSymbols();
  llvm::LogicalResult emitShapeProgram();
  llvm::LogicalResult emitChecks();
  void placeStatic();
  llvm::LogicalResult emitLaunch(exe::LaunchOp launch, unsigned step);
  void makeMemory(Memory &memory, OpBuilder &at);
  void endMemory(unsigned step, OpBuilder &at);
  llvm::LogicalResult emitReturn();
  llvm::LogicalResult emitBlock(Block &block);
  llvm::LogicalResult addChecks(mlir::ArrayAttr checks);
  llvm::LogicalResult emitPendingChecks();

  // Sizes that depend on data (BuildDynamic.cpp).
  llvm::LogicalResult emitBindSize(nn::BindSizeOp op);
  /// The memory of a result; null while not all of its sizes are known.
  Value getResultBuffer(unsigned index);

  // Control flow (BuildControl.cpp).
  void assignControlMemory(Operation *op);
  /// Decides which operands' memory itself a block or a loop gets.
  void assignGiven(Operation *op);
  llvm::LogicalResult emitIf(nn::IfOp op);
  llvm::LogicalResult emitLoop(nn::LoopOp op);
  /// The rest of a block in `region`, whose operations `fill` makes.
  llvm::LogicalResult emitInner(mlir::Region &region, mlir::Attribute checks,
                                llvm::function_ref<llvm::LogicalResult()> fill);
  /// Frees what its block has left, behind everything else in it.
  llvm::LogicalResult finishBlock(Operation *terminator);
  /// Makes room for another element of a scanned result that grows; gives its buffer. `numbers`: what the
  /// iteration yields.
  llvm::FailureOr<Value> growScan(nn::LoopOp op, unsigned scan, ArrayRef<unsigned> symbolPlaces,
                                  Value *numbers, Block &block, unsigned capacityPlace, unsigned bufferPlace,
                                  Value bytes);
  /// A register with the only element of a tensor.
  llvm::FailureOr<Value> loadScalar(Value value, Operation *op);
  /// A buffer of its own with the value, for operand `index` of `op` to give away.
  llvm::FailureOr<Value> makeOwn(Operation *op, unsigned index);
  llvm::LogicalResult bind(unsigned symbol, Value value);
  Value getConstant(Value value, OpBuilder &here);
  /// The buffer and the offset in it where a value lies.
  std::pair<Value, int64_t> locate(Value value, OpBuilder &at);
  llvm::FailureOr<Value> getRegister(AffineExpr expr, Operation *op);
  /// `element`, if not null, is the element type that callers see.
  rt::TensorAttr describe(StringRef name, Value value, mlir::TypeAttr element);

  mlir::func::FuncOp func;
  nn::SymbolicShapes shapes;
  nn::ShapeContext ctx;
  ConstantValues constants;
  struct Use {
    Value value;
    Operation *user;
    unsigned step;
  };
  std::vector<Use> uses;
  llvm::DenseMap<Operation *, unsigned> stepOf; // launches; where branches and loops begin; terminators
  llvm::DenseMap<Operation *, unsigned> endOf;  // where branches and loops end
  unsigned numSteps = 0;
  llvm::DenseSet<std::pair<Operation *, unsigned>> given; // operands whose memory itself is passed on
  llvm::DenseMap<Value, unsigned> lastUse;                // of roots: step
  llvm::DenseMap<Value, unsigned> memoryOf;               // of roots that launches write: index
  SmallVector<Memory> memories;
  SmallVector<mlir::Attribute> symbols;                // the function's
  SmallVector<int64_t> inputs;                         // symbol -> the program's symbol, or -1
  SmallVector<std::pair<unsigned, unsigned>> bindings; // the program's symbols: argument, dimension

  rt::ProgramOp program;
  rt::ResultsOp results;
  SmallVector<Value> resultBuffers; // of late results null until they are bound
  std::unique_ptr<Registers> registers;
  std::optional<OpBuilder> body;
  Value arena;
  mlir::IRMapping recipes;
  llvm::DenseMap<Value, Value> constantBuffers;
  SmallVector<unsigned> idle;     // memories of this block that are dead but kept for reuse
  Operation *outermost = nullptr; // the branch or loop of the program's own block that is being built
  struct PendingCheck {
    AffineExpr a, b;
    bool exact;
    std::string node;
  };
  std::vector<PendingCheck> pending; // checks of sizes that need data symbols
};

/// The model's name for what an operation comes from.
StringRef getNodeName(Operation *op);

} // namespace aicc

#endif
