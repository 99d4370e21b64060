// What every kernel is emitted with, whatever the device: sizes as i64 values, buffers as pointers, and the
// evaluation of fused elementwise work and views at a coordinate. Each kind of device derives the class that
// makes the function (its ABI) and adds what only it has. Emitted code uses scf, arith, math and vector on
// LLVM pointers; the device's back end lowers it.

#ifndef AICC_TARGETS_KERNEL_KERNELEMITTER_H
#define AICC_TARGETS_KERNEL_KERNELEMITTER_H

#include "dialects/exe/Exe.h"
#include "dialects/nn/NN.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include <map>

namespace aicc::kernel {

using llvm::ArrayRef;
using llvm::SmallVector;
using mlir::AffineExpr;
using mlir::Location;
using mlir::Type;
using mlir::Value;
using mlir::ValueRange;

/// A place in a tensor: one i64 index per dimension. With lane >= 0, vector lane l stands at idx[lane] + l *
/// laneStride (null: 1).
struct Coord {
  SmallVector<Value> idx;
  int lane = -1;
  Value laneStride;
};

/// A tensor that lies in memory, possibly under transposes, slices, broadcasts and reshapes: element (i...)
/// is at base[offset + sum(i * strides)].
struct View {
  Value base; // !llvm.ptr
  Type element;
  SmallVector<AffineExpr> strides; // in elements, one per dimension
  AffineExpr offset;               // in elements
  bool contiguous = false;         // row-major without gaps, offset 0
};

/// What a generated kernel needs from its caller; maps range over the function's symbols.
struct Launch {
  std::string entry;
  AffineExpr grid;         // number of workgroups
  AffineExpr scratchBytes; // for each worker of the host, for each workgroup of another device
  SmallVector<AffineExpr> params;
  SmallVector<int64_t> inplace; // pairs (operand, result)
};

class KernelEmitter {
public:
  virtual ~KernelEmitter() = default;
  KernelEmitter(const KernelEmitter &) = delete;

  /// Describes the launch. `grid`: workgroups; `scratchBytes`: see Launch.
  Launch finish(AffineExpr grid, AffineExpr scratchBytes = {});
  /// Leaves no trace of the kernel, for an emitter that finds that it can't take the dispatch.
  void abandon();

  mlir::OpBuilder b;
  Location loc;
  exe::DispatchOp dispatch;
  nn::SymbolicShapes &shapes;

  mlir::Block &getBody() { return dispatch.getBody().front(); }
  exe::YieldOp getYield() { return llvm::cast<exe::YieldOp>(getBody().back()); }

  //===--- i64 arithmetic, folded where constant
  //-------------------------------------------------------------------------===//
  Value constant(int64_t value);
  Value add(Value x, Value y);
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  virtual Value div(Value x, Value y); // both non-negative
  virtual Value rem(Value x, Value y);
  Value min(Value x, Value y);
  Value max(Value x, Value y);
  Value ceilDiv(Value x, Value y);
  static std::optional<int64_t> getConstant(Value x);
  /// A size, computed once at the function's entry.
  Value size(AffineExpr expr);
  Value size(Value tensor, unsigned dim) { return size(shapes.get(tensor)[dim]); }
  ArrayRef<AffineExpr> shape(Value tensor) { return shapes.get(tensor); }
  /// Sizes' product.
  AffineExpr product(ArrayRef<AffineExpr> sizes);
  AffineExpr expr(int64_t value) { return mlir::getAffineConstantExpr(value, b.getContext()); }
  static std::optional<int64_t> getConstant(AffineExpr expr) { return nn::ShapeContext::getConstant(expr); }
  /// ceil(a / b) for constant b > 0.
  AffineExpr ceilDivExpr(AffineExpr a, int64_t b) { return a.ceilDiv(b); }
  /// Indices of the linear index `linear` in row-major `sizes`.
  SmallVector<Value> delinearize(Value linear, ArrayRef<AffineExpr> sizes);
  /// for (i = lo; i < hi; i += step) body(i)
  void loop(Value lo, Value hi, Value step, llvm::function_ref<void(Value)> body);
  /// The same with values carried; body returns the next ones.
  SmallVector<Value> loop(Value lo, Value hi, Value step, ValueRange init,
                          llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body);
  void ifThen(Value condition, llvm::function_ref<void()> body);
  /// Runs `body` with the builder at the end of the entry block's hoisted part (for constants and strides).
  template <typename Fn> auto atEntry(Fn body) {
    mlir::OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(entryEnd);
    return body();
  }

  //===--- memory
  //--------------------------------------------------------------------------------------------------------===//
  /// Base pointer of operand `i` or result `i` of the dispatch.
  Value inputPointer(unsigned i);
  Value outputPointer(unsigned i);
  /// The type of an element in registers (integers signless, booleans i1) and in memory (booleans i8).
  Type registerType(Type element);
  Type memoryType(Type element);
  /// Address base + index elements.
  Value address(Value base, Value index, Type element);
  /// Scalar load, or `lanes` > 0 consecutive elements as a vector; `mask` (vector<lanes x i1>) guards lanes,
  /// others are 0. `aligned`: `base` + `index` is a multiple of that many elements.
  virtual Value load(Value base, Value index, Type element, unsigned lanes = 0, Value mask = {},
                     unsigned aligned = 1);
  /// Lanes at index + l * stride.
  virtual Value loadStrided(Value base, Value index, Value stride, Type element, unsigned lanes, Value mask);
  /// Lanes at the i64 vector of indices.
  virtual Value loadGather(Value base, Value indices, Type element, unsigned lanes, Value mask);
  virtual void store(Value value, Value base, Value index, Type element, Value mask = {},
                     unsigned aligned = 1);
  Value splat(Value scalar, unsigned lanes);
  /// vector<lanes x i1>: lane l is set where l < count (i64).
  Value maskOf(Value count, unsigned lanes);
  /// Floating constant of f32 or vector<lanes x f32>.
  Value floatConstant(double value, unsigned lanes);

  //===--- fused work
  //----------------------------------------------------------------------------------------------------===//
  /// The value as memory, if it is an operand of the dispatch under views alone.
  const View *view(Value v);
  /// True if `v` can be evaluated with lanes along its dimension `lane` by `lanes` at a time (starts are
  /// multiples of it).
  bool canVectorize(Value v, int lane, unsigned lanes);
  /// The element (or `lanes` elements, where c.lane >= 0; a vector then, even if all are equal) of `v` at
  /// `c`. Lanes off the mask are unspecified but harmless.
  Value emit(Value v, const Coord &c, unsigned lanes = 0, Value mask = {});
  /// 0 or 1, a factor of an index: for a size of which only the run time knows whether it is 1 and
  /// broadcasts.
  Value broadcastFactor(AffineExpr extent);
  /// Where `operand`, which broadcasts to `result` (or to sizes), is read for the element at `c`.
  Coord operandCoord(Value operand, Value result, const Coord &c) {
    return operandCoord(operand, shape(result), c);
  }
  Coord operandCoord(Value operand, ArrayRef<AffineExpr> to, const Coord &c);
  /// Makes `emit` return `value` for `v` at every coordinate: a root's result in its epilogue. Call `unbind`
  /// after.
  void bind(Value v, Value value) { bound[v] = value; }
  void clearBound() {
    bound.clear();
    memo.clear();
  }
  void clearMemo() { memo.clear(); }
  /// Forgets all but loads: for the next element of an epilogue in the same straight line of code.
  void clearComputed() {
    llvm::erase_if(memo, [&](auto &entry) { return !view(std::get<0>(entry)); });
  }
  /// Emits all yielded values at the coordinate `c` of the root's result `root` (null: of the yielded values
  /// themselves) and stores them: each yield is elementwise on root's sizes, under trailing reshapes and
  /// transposes. `c` may have lanes.
  void emitStores(Value root, const Coord &c, unsigned lanes = 0, Value mask = {});
  /// True if every yield can be stored with lanes along dimension `lane` of root's result.
  bool canStoreVectors(Value root, int lane, unsigned lanes);

protected:
  /// A subclass makes the function, with getNumBuffers() pointers (operands, then results), then
  /// usedSymbols.size() 64-bit sizes, then its own arguments, and calls startBody.
  KernelEmitter(mlir::ModuleOp module, exe::DispatchOp dispatch, nn::SymbolicShapes &shapes);
  unsigned getNumBuffers() { return dispatch.getNumOperands() + dispatch.getNumResults(); }
  /// Gives `func` its entry block and leaves the builder in it. `entryName`: what the launch names.
  void startBody(mlir::LLVM::LLVMFuncOp func, llvm::StringRef entryName);
  /// i8 in memory to i1 in registers, if `element` is a boolean.
  Value fromMemory(Value value, Type element);
  static unsigned byteAlignment(Type type) { return std::max(1u, type.getIntOrFloatBitWidth() / 8); }
  static Type vectorOf(Type type, unsigned lanes);

  mlir::ModuleOp module;
  mlir::LLVM::LLVMFuncOp func;
  /// Everything in the module that belongs to the kernel.
  SmallVector<mlir::Operation *> owned;
  /// The symbols on which sizes in the dispatch depend, ascending.
  SmallVector<unsigned> usedSymbols;
  /// True if vectors of n lanes that the kernel asks for start at multiples of n, and buffers are aligned to
  /// vectors: loads and stores then say so where strides allow.
  bool alignedBlocks = false;

private:
  /// canVectorize's recursion, which remembers answers.
  bool vectorizes(Value v, int lane, unsigned lanes);
  bool vectorizesImpl(Value v, int lane, unsigned lanes);
  Value emitImpl(Value v, const Coord &c, unsigned lanes, Value mask);
  Value emitElementwise(mlir::Operation *op, const Coord &c, unsigned lanes, Value mask);
  std::unique_ptr<View> makeView(Value v);
  /// Splits a yielded value into the value at root's coordinates and the views (innermost first) behind it.
  Value peelViews(Value yielded, Value root, SmallVector<mlir::Operation *> &chain);
  bool mapThroughChain(ArrayRef<mlir::Operation *> chain, Coord &c, unsigned lanes);
  /// The largest power of two up to `lanes` that the row-major or strided index is known to be a multiple of.
  unsigned alignmentOf(ArrayRef<AffineExpr> strides, AffineExpr offset, const Coord &c, unsigned lanes);
  Value loadView(const View &view, const Coord &c, unsigned lanes, Value mask);
  std::optional<Coord> mapReshape(ArrayRef<AffineExpr> from, ArrayRef<AffineExpr> to, const Coord &c);
  Value laneIndices(const Coord &c, unsigned lanes);
  Value emitGather(nn::GatherOp op, const Coord &c, unsigned lanes, Value mask);
  Value emitConcat(nn::ConcatOp op, const Coord &c, unsigned lanes, Value mask);
  Value emitPad(nn::PadOp op, const Coord &c, unsigned lanes, Value mask);
  Value emitConstant(nn::ConstantOp op, const Coord &c, unsigned lanes);
  Value emitPack(nn::PackOp op, const Coord &c, unsigned lanes, Value mask);
  Value emitRope(nn::RopeOp op, const Coord &c, unsigned lanes, Value mask);

  mlir::Operation *entryEnd = nullptr; // hoisted values go before it
  std::string entry;
  llvm::DenseMap<AffineExpr, Value> sizes;
  llvm::DenseMap<int64_t, Value> constants;
  llvm::DenseMap<unsigned, Value> pointers;
  llvm::DenseMap<Value, std::unique_ptr<View>> views;
  llvm::DenseMap<Value, Value> bound;
  /// Answers within one canVectorize: without them a value that is used twice at each of n levels is asked
  /// 2^n times.
  std::map<std::tuple<void *, int, unsigned>, bool> vectorizable;
  llvm::SmallVector<std::tuple<Value, Coord, Value>> memo;
};

} // namespace aicc::kernel

#endif
