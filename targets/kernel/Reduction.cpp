// Reductions' arithmetic and collapsing, see Reduction.h.

#include "targets/kernel/Reduction.h"
#include "targets/kernel/Collapse.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::kernel;

Combiner::Combiner(KernelEmitter &e, nn::ReduceKind kind, Type element) : e(e), kind(kind), element(element) {
  isFloat = isa<FloatType>(element);
  isUnsigned = element.isUnsignedInteger() || element.isInteger(1);
  accumulator = getAccumulatorType(e.b, element);
  if (!isFloat && kind == nn::ReduceKind::mean)
    accumulator = e.b.getI64Type();
}

Value Combiner::load(Value value) {
  if (isFloat || accumulator == e.registerType(element))
    return toAccumulator(e, value, element);
  auto vector = dyn_cast<VectorType>(value.getType());
  Type wide = lanesOf(accumulator, vector ? vector.getNumElements() : 0);
  if (isUnsigned)
    return e.b.create<arith::ExtUIOp>(e.loc, wide, value);
  return e.b.create<arith::ExtSIOp>(e.loc, wide, value);
}

Value Combiner::neutral(unsigned lanes) {
  unsigned bits = accumulator.getIntOrFloatBitWidth();
  auto integer = [&](llvm::APInt value) {
    TypedAttr attr = e.b.getIntegerAttr(accumulator, value);
    if (lanes)
      attr = DenseElementsAttr::get(cast<ShapedType>(lanesOf(accumulator, lanes)), Attribute(attr));
    return e.b.create<arith::ConstantOp>(e.loc, attr).getResult();
  };
  constexpr double infinity = std::numeric_limits<double>::infinity();
  switch (kind) {
  case nn::ReduceKind::sum:
  case nn::ReduceKind::mean:
  case nn::ReduceKind::any:
    return numberConstant(e, accumulator, 0, lanes);
  case nn::ReduceKind::prod:
    return numberConstant(e, accumulator, 1, lanes);
  case nn::ReduceKind::all:
    return integer(llvm::APInt::getAllOnes(bits));
  case nn::ReduceKind::max:
    if (isFloat)
      return numberConstant(e, accumulator, -infinity, lanes);
    return integer(isUnsigned ? llvm::APInt::getMinValue(bits) : llvm::APInt::getSignedMinValue(bits));
  case nn::ReduceKind::min:
    if (isFloat)
      return numberConstant(e, accumulator, infinity, lanes);
    return integer(isUnsigned ? llvm::APInt::getMaxValue(bits) : llvm::APInt::getSignedMaxValue(bits));
  }
  llvm_unreachable("unknown reduction");
}

Value Combiner::combine(Value x, Value y) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  switch (kind) {
  case nn::ReduceKind::sum:
  case nn::ReduceKind::mean:
    return isFloat ? addf(e, x, y) : b.create<arith::AddIOp>(loc, x, y);
  case nn::ReduceKind::prod:
    return isFloat ? mulf(e, x, y) : b.create<arith::MulIOp>(loc, x, y);
  case nn::ReduceKind::any:
    return b.create<arith::OrIOp>(loc, x, y);
  case nn::ReduceKind::all:
    return b.create<arith::AndIOp>(loc, x, y);
  case nn::ReduceKind::max:
    if (isFloat)
      return b.create<arith::MaximumFOp>(loc, x, y);
    return isUnsigned ? b.create<arith::MaxUIOp>(loc, x, y).getResult() : b.create<arith::MaxSIOp>(loc, x, y);
  case nn::ReduceKind::min:
    if (isFloat)
      return b.create<arith::MinimumFOp>(loc, x, y);
    return isUnsigned ? b.create<arith::MinUIOp>(loc, x, y).getResult() : b.create<arith::MinSIOp>(loc, x, y);
  }
  llvm_unreachable("unknown reduction");
}

Value Combiner::finish(Value value, Value count) {
  auto vector = dyn_cast<VectorType>(value.getType());
  unsigned lanes = vector ? vector.getNumElements() : 0;
  if (kind == nn::ReduceKind::mean) {
    if (isFloat) {
      Value n = e.b.create<arith::SIToFPOp>(e.loc, accumulator, count);
      value = divf(e, value, e.splat(n, lanes));
    } else { // the mean of nothing is 0
      Value n = e.splat(e.max(count, e.constant(1)), lanes);
      value = isUnsigned ? e.b.create<arith::DivUIOp>(e.loc, value, n).getResult()
                         : e.b.create<arith::DivSIOp>(e.loc, value, n);
    }
  }
  Type result = lanesOf(e.registerType(element), lanes);
  if (isFloat)
    return fromAccumulator(e, value, element);
  return value.getType() == result ? value : e.b.create<arith::TruncIOp>(e.loc, result, value);
}

/// Merges dimensions on both sides of the reduction, kept with kept and reduced with reduced.
void aicc::kernel::collapseReduction(exe::DispatchOp dispatch, nn::ReduceOp root,
                                     nn::SymbolicShapes &shapes) {
  Block &body = dispatch.getBody().front();
  SmallVector<AffineExpr> full(shapes.get(root.getInput()));
  unsigned rank = full.size();
  llvm::SmallBitVector reduced(rank);
  for (int64_t axis : root.getAxes())
    reduced.set(axis);
  // What the input is computed from, and all else.
  llvm::SmallSetVector<Value, 8> producers, rest;
  SmallVector<Value> stack{root.getInput()};
  while (!stack.empty()) {
    Value v = stack.pop_back_val();
    if (producers.insert(v) && v.getDefiningOp())
      llvm::append_range(stack, v.getDefiningOp()->getOperands());
  }
  for (BlockArgument arg : body.getArguments())
    if (!producers.contains(arg))
      rest.insert(arg);
  for (Operation &op : body.without_terminator()) {
    auto constant = dyn_cast<nn::ConstantOp>(op);
    if (&op != root && !isa<nn::ElementwiseOpInterface>(op) && !(constant && constant.getValue().isSplat()))
      return;
    bool before = producers.contains(op.getResult(0));
    if (!before)
      rest.insert(op.getResult(0));
    for (Value operand : op.getOperands())
      if (!before && &op != root && producers.contains(operand))
        return; // read on both sides
  }
  SmallVector<AffineExpr> after(shapes.get(root.getResult()));
  bool keep = root.getKeepdims();
  SmallVector<bool> merge = findMergeable(producers.getArrayRef(), full, 0, shapes);
  SmallVector<bool> mergeAfter = findMergeable(rest.getArrayRef(), after, 0, shapes);
  SmallVector<unsigned> at(rank); // dimension of the result
  for (unsigned d = 0, next = 0; d < rank; ++d)
    at[d] = next, next += keep || !reduced[d];
  // A merge takes place on both sides or on none.
  SmallVector<bool> wanted(after.size(), false);
  for (unsigned d = 0; d + 1 < rank; ++d) {
    merge[d] = merge[d] && reduced[d] == reduced[d + 1];
    if (!merge[d] || (reduced[d] && !keep))
      continue;
    merge[d] = mergeAfter[at[d]];
    wanted[at[d]] = merge[d];
  }
  mergeDimensions(producers.getArrayRef(), merge, shapes);
  mergeDimensions(rest.getArrayRef(), wanted, shapes);
  SmallVector<int64_t> axes;
  for (unsigned d = 0, to = 0; d < rank; ++d) {
    if (reduced[d] && (axes.empty() || axes.back() != to))
      axes.push_back(to);
    to += !merge[d];
  }
  root.setAxes(axes);
}
