// Reference evaluation of blocks, branches and loops: operations in order, data symbols bound on the way.

#include "dialects/nn/EvaluateSupport.h"
#include "dialects/nn/NNControl.h"
#include "dialects/nn/NNDynamic.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;

namespace aicc::nn {

/// Tensors that an iteration's scanned results may have: a loop that never ends must not take all memory.
static constexpr int64_t maxIterations = int64_t(1) << 24;

void refreshMaxSymbols(Operation *op, EvalContext &ctx) {
  auto func = op->getParentOfType<FunctionOpInterface>();
  auto symbols = func ? func->getAttrOfType<ArrayAttr>(NNDialect::getSymbolsAttrName()) : ArrayAttr();
  for (auto [i, attr] : llvm::enumerate(symbols ? symbols.getValue() : ArrayRef<Attribute>()))
    if (auto symbol = dyn_cast<SymbolAttr>(attr);
        symbol && symbol.getKind() == SymbolKind::max && i < ctx.symbols.size()) {
      SmallVector<int64_t> sizes = ctx.evaluate(symbol.getDefinition().getValue());
      ctx.symbols[i] = std::max(sizes[0], sizes[1]);
    }
}

/// Binds or checks sizes. `fresh` holds the symbols that may still be bound here.
static LogicalResult matchSizes(EvalContext &ctx, ArrayRef<AffineExpr> exprs, ArrayRef<int64_t> sizes,
                                llvm::SmallDenseSet<unsigned> &fresh, const Twine &what) {
  for (auto [expr, size] : llvm::zip_equal(exprs, sizes)) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr); symbol && fresh.erase(symbol.getPosition())) {
      ctx.symbols[symbol.getPosition()] = size;
      continue;
    }
    const int64_t wanted = ctx.evaluate(AffineMap::get(0, ctx.symbols.size(), expr)).front();
    if (wanted != size)
      return ctx.fail(what + " has the size " + Twine(size) + " where " + Twine(wanted) + " is needed");
  }
  return success();
}

static llvm::SmallDenseSet<unsigned> getFresh(ArrayRef<int64_t> binds, EvalContext &ctx) {
  llvm::SmallDenseSet<unsigned> fresh;
  for (int64_t symbol : binds) {
    if (symbol >= int64_t(ctx.symbols.size()))
      ctx.symbols.resize(symbol + 1, 0);
    fresh.insert(symbol);
  }
  return fresh;
}

LogicalResult evaluateBlock(Block &block, EvalContext &ctx, llvm::DenseMap<Value, Tensor> &tensors) {
  // A value of this block is freed behind its last use, in it or in a region of it.
  llvm::DenseMap<Value, Operation *> last;
  for (Operation &op : block)
    op.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (operand.getParentBlock() == &block)
          last[operand] = &op;
    });
  for (Operation &op : block.without_terminator()) {
    SmallVector<Tensor> operands, produced;
    for (Value operand : op.getOperands())
      operands.push_back(tensors.lookup(operand));
    if (isa<IfOp, LoopOp>(op)) {
      if (failed(evaluateControl(&op, ctx, tensors, produced)))
        return failure();
    } else if (auto bind = dyn_cast<BindSizeOp>(op)) {
      if (failed(evaluateBindSize(bind, ctx, operands[0])))
        return failure();
    } else if (failed(evaluate(&op, ctx, operands, produced))) {
      return failure();
    }
    operands.clear();
    op.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (last.lookup(operand) == &op)
          tensors.erase(operand);
    });
    for (auto [result, tensor] : llvm::zip_equal(op.getResults(), produced))
      if (last.contains(result))
        tensors[result] = tensor;
  }
  return success();
}

static LogicalResult evaluateIf(IfOp op, EvalContext &ctx, llvm::DenseMap<Value, Tensor> &tensors,
                                SmallVectorImpl<Tensor> &results) {
  Tensor condition = tensors.lookup(op.getCondition());
  const unsigned region = condition.getInt(0) ? 0 : 1;
  if (failed(evaluateBlock(op.getRegion(region).front(), ctx, tensors)))
    return failure();
  llvm::SmallDenseSet<unsigned> fresh = getFresh(op.getBinds(), ctx);
  for (auto [i, value] : llvm::enumerate(op.getYield(region).getValues())) {
    Tensor tensor = tensors.lookup(value);
    if (failed(matchSizes(ctx, getSizesOf(op.getSizes(), op.getResults(), i), tensor.getShape(), fresh,
                          "result " + Twine(i) + " of a branch")))
      return failure();
    results.push_back(tensor);
  }
  refreshMaxSymbols(op, ctx);
  return success();
}

/// The elements of all iterations along a new first dimension; `inner` are an element's sizes.
static Tensor stack(ArrayRef<Tensor> elements, ArrayRef<int64_t> inner, Type type) {
  SmallVector<int64_t> shape = {int64_t(elements.size())};
  llvm::append_range(shape, inner);
  Tensor result(RankedTensorType::get(shape, type));
  char *to = result.getMutableBytes().data();
  for (const Tensor &element : elements)
    to = llvm::copy(element.getBytes(), to);
  return result;
}

static LogicalResult evaluateLoop(LoopOp op, EvalContext &ctx, llvm::DenseMap<Value, Tensor> &tensors,
                                  SmallVectorImpl<Tensor> &results) {
  const int64_t trip = tensors.lookup(op.getTrip()).getInt(0);
  bool goOn = tensors.lookup(op.getCondition()).getInt(0);
  SmallVector<Tensor> carried;
  for (Value init : op.getInits())
    carried.push_back(tensors.lookup(init));
  const unsigned numCarried = carried.size();
  SmallVector<SmallVector<Tensor>> scans(op.getNumScans());
  Block &body = op.getBody().front();
  ValueRange arguments = body.getArguments().drop_front();
  // What the loop binds by its carried values, before each iteration and after the last.
  auto bindCarried = [&]() -> LogicalResult {
    llvm::SmallDenseSet<unsigned> fresh = getFresh(op.getBinds(), ctx);
    for (unsigned i = 0; i < numCarried; ++i)
      if (failed(matchSizes(ctx, getSizesOf(op.getCarried(), arguments, i), carried[i].getShape(), fresh,
                            "carried value " + Twine(i))))
        return failure();
    refreshMaxSymbols(op, ctx);
    return success();
  };
  if (failed(bindCarried()))
    return failure();
  int64_t count = 0;
  for (; goOn && count < trip; ++count) {
    if (count >= maxIterations)
      return ctx.fail("a loop of more than " + Twine(maxIterations) + " iterations is not evaluated");
    Tensor iteration(RankedTensorType::get({}, IntegerType::get(op.getContext(), 64)));
    iteration.setInt(0, count);
    tensors[op.getIteration()] =
        iteration.reshaped(cast<RankedTensorType>(op.getIteration().getType()).getShape());
    for (auto [argument, tensor] : llvm::zip_equal(arguments, carried))
      tensors[argument] = tensor;
    if (failed(evaluateBlock(body, ctx, tensors)))
      return failure();
    ValueRange yielded = op.getYield().getValues();
    goOn = tensors.lookup(yielded[0]).getInt(0);
    for (unsigned i = 0; i < numCarried; ++i)
      carried[i] = tensors.lookup(yielded[1 + i]);
    for (auto [i, list] : llvm::enumerate(scans)) {
      Tensor element = tensors.lookup(yielded[1 + numCarried + i]);
      if (!list.empty() && list.front().getShape() != element.getShape())
        return ctx.fail("a scanned result's elements change their sizes from one iteration to the next");
      list.push_back(element);
    }
    if (failed(bindCarried()))
      return failure();
  }
  llvm::append_range(results, carried);
  llvm::SmallDenseSet<unsigned> fresh = getFresh(op.getBinds(), ctx);
  for (AffineExpr expr : op.getCarried().getResults())
    if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
      fresh.erase(symbol.getPosition());
  for (auto [i, list] : llvm::enumerate(scans)) {
    const unsigned index = numCarried + i;
    ArrayRef<AffineExpr> exprs = getSizesOf(op.getSizes(), op.getResults(), index);
    SmallVector<int64_t> inner;
    if (!list.empty())
      inner.assign(list.front().getShape().begin(), list.front().getShape().end());
    else
      for (AffineExpr expr : exprs.drop_front())
        inner.push_back(getBound(op.getBinds(), expr)
                            ? 0
                            : ctx.evaluate(AffineMap::get(0, ctx.symbols.size(), expr)).front());
    results.push_back(
        stack(list, inner, cast<RankedTensorType>(op.getResult(index).getType()).getElementType()));
    if (failed(matchSizes(ctx, exprs, results.back().getShape(), fresh, "scanned result " + Twine(i))))
      return failure();
  }
  refreshMaxSymbols(op, ctx);
  return success();
}

LogicalResult evaluateControl(Operation *op, EvalContext &ctx, llvm::DenseMap<Value, Tensor> &tensors,
                              SmallVectorImpl<Tensor> &results) {
  if (auto branch = dyn_cast<IfOp>(op))
    return evaluateIf(branch, ctx, tensors, results);
  return evaluateLoop(cast<LoopOp>(op), ctx, tensors, results);
}
} // namespace aicc::nn
