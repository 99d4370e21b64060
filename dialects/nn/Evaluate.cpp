// Evaluation of whole functions and of constant expressions: what surrounds the operations' own `evaluate`,
// which are in the other Evaluate*.cpp by family.

#include "dialects/nn/EvaluateFunction.h"
#include "dialects/nn/EvaluateSupport.h"
#include "dialects/nn/NNControl.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;

namespace aicc::nn {

/// "nn.conv at 'layer1/conv'": the operation and the model's name for it.
static std::string describe(Operation *op) {
  std::string text = op->getName().getStringRef().str();
  std::string name;
  op->getLoc()->walk([&](Location loc) {
    if (auto named = dyn_cast<NameLoc>(loc); named && name.empty())
      name = named.getName().str();
    return WalkResult::advance();
  });
  return name.empty() ? text : text + " at '" + name + "'";
}

FailureOr<SmallVector<RankedTensorType>> detail::getResultTypes(Operation *op, EvalContext &ctx,
                                                                ArrayRef<Tensor> operands) {
  MLIRContext *context = op->getContext();
  ShapeContext shapes(context, [&](const llvm::Twine &message) { (void)ctx.fail(message); });
  SmallVector<SymShape> operandShapes;
  for (const Tensor &operand : operands) {
    SymShape &shape = operandShapes.emplace_back();
    if (operand)
      for (int64_t size : operand.getShape())
        shape.push_back(shapes.constant(size));
  }
  SmallVector<SymType> inferred;
  if (failed(cast<ShapeOpInterface>(op).inferShapes(shapes, operandShapes, inferred)))
    return ctx.fail("its operands' sizes don't fit");
  SmallVector<AffineExpr> symbols;
  for (int64_t value : ctx.symbols)
    symbols.push_back(shapes.constant(value));
  SmallVector<RankedTensorType> types;
  for (auto [type, result] : llvm::zip_equal(inferred, op->getResults())) {
    SmallVector<int64_t> sizes;
    int64_t bytes = getElementSize(type.element);
    for (AffineExpr expr : type.shape) {
      std::optional<int64_t> size = ShapeContext::getConstant(expr.replaceSymbols(symbols));
      if (!size || *size < 0)
        return ctx.fail("its result's sizes " + ShapeContext::toString(type.shape) + " have no value");
      if (llvm::MulOverflow(bytes, std::max<int64_t>(*size, 1), bytes))
        return ctx.fail("its result is too large: " + ShapeContext::toString(type.shape));
      sizes.push_back(*size);
    }
    auto declared = cast<RankedTensorType>(result.getType());
    auto actual = RankedTensorType::get(sizes, type.element);
    if (failed(verifyCompatibleShape(declared, actual)) || declared.getElementType() != type.element)
      return ctx.fail("its result would be " + ShapeContext::toString(type.shape) +
                      ", which its type doesn't allow");
    types.push_back(actual);
  }
  return types;
}

FailureOr<RankedTensorType> detail::getResultType(Operation *op, EvalContext &ctx,
                                                  ArrayRef<Tensor> operands) {
  FailureOr<SmallVector<RankedTensorType>> types = getResultTypes(op, ctx, operands);
  if (failed(types))
    return failure();
  return types->front();
}

/// What the operations rely on: each operand there, of its type, and every symbol bound.
static LogicalResult checkOperands(Operation *op, EvalContext &ctx, ArrayRef<Tensor> operands) {
  if (operands.size() != op->getNumOperands())
    return ctx.fail("takes " + llvm::Twine(op->getNumOperands()) + " tensors, got " +
                    llvm::Twine(operands.size()));
  for (auto [tensor, value] : llvm::zip(operands, op->getOperands())) {
    auto type = cast<RankedTensorType>(value.getType());
    if (!tensor || tensor.getElementType() != type.getElementType() ||
        failed(verifyCompatibleShape(type, tensor.getType())))
      return ctx.fail("an operand is not of its type");
    if (!detail::getElementKind(type.getElementType()))
      return ctx.fail("an operand's element type can't be evaluated");
  }
  for (Value result : op->getResults())
    if (!detail::getElementKind(cast<RankedTensorType>(result.getType()).getElementType()))
      return ctx.fail("a result's element type can't be evaluated");
  for (NamedAttribute attr : op->getAttrs())
    if (auto map = dyn_cast<AffineMapAttr>(attr.getValue()))
      for (AffineExpr expr : map.getValue().getResults()) {
        bool bound = true;
        expr.walk([&](AffineExpr e) {
          if (auto symbol = dyn_cast<AffineSymbolExpr>(e))
            bound &= symbol.getPosition() < ctx.symbols.size();
        });
        if (!bound)
          return ctx.fail("depends on a size that is not known");
      }
  return success();
}

LogicalResult evaluate(Operation *op, EvalContext &ctx, ArrayRef<Tensor> operands,
                       SmallVectorImpl<Tensor> &results) {
  bool clean = ctx.error.empty();
  auto evaluable = dyn_cast<EvaluateOpInterface>(op);
  LogicalResult done = evaluable ? checkOperands(op, ctx, operands) : ctx.fail("can't be evaluated");
  if (succeeded(done))
    done = evaluable.evaluate(ctx, operands, results);
  if (failed(done) && clean)
    ctx.error = describe(op) + ": " + ctx.error;
  return done;
}

FailureOr<Tensor> evaluateConstant(Value value, EvalContext &ctx) {
  // Producers in order, each after its operands'; and how often each value is still to be read.
  SmallVector<Operation *> order;
  llvm::DenseMap<Value, unsigned> uses;
  llvm::DenseSet<Operation *> seen;
  SmallVector<std::pair<Operation *, unsigned>> stack;
  auto push = [&](Value operand) -> LogicalResult {
    ++uses[operand];
    Operation *op = operand.getDefiningOp();
    if (!op || !isa<EvaluateOpInterface>(op))
      return ctx.fail(op ? describe(op) + ": is not constant" : "a function's argument is not constant");
    if (seen.insert(op).second)
      stack.emplace_back(op, 0);
    return success();
  };
  if (failed(push(value)))
    return failure();
  while (!stack.empty()) {
    auto [op, next] = stack.back();
    if (next == op->getNumOperands()) {
      order.push_back(op);
      stack.pop_back();
      continue;
    }
    ++stack.back().second;
    if (failed(push(op->getOperand(next))))
      return failure();
  }
  llvm::DenseMap<Value, Tensor> tensors;
  for (Operation *op : order) {
    SmallVector<Tensor> operands, results;
    for (Value operand : op->getOperands())
      operands.push_back(tensors.lookup(operand));
    for (Value operand : op->getOperands())
      if (--uses[operand] == 0)
        tensors.erase(operand);
    if (failed(evaluate(op, ctx, operands, results)))
      return failure();
    for (auto [result, tensor] : llvm::zip_equal(op->getResults(), results))
      if (uses.lookup(result))
        tensors[result] = tensor;
  }
  return tensors.lookup(value);
}

LogicalResult bindSymbols(FunctionOpInterface func, EvalContext &ctx, ArrayRef<Tensor> arguments) {
  auto symbols = func->getAttrOfType<ArrayAttr>(NNDialect::getSymbolsAttrName());
  unsigned count = symbols ? symbols.size() : 0;
  SmallVector<std::optional<int64_t>> values(count);
  auto getDims = [&](unsigned i) {
    auto dims = func.getArgAttrOfType<AffineMapAttr>(i, NNDialect::getDimsAttrName());
    return dims && int64_t(dims.getValue().getNumResults()) == arguments[i].getRank() ? dims.getValue()
                                                                                      : AffineMap();
  };
  for (unsigned i = 0; i < arguments.size(); ++i)
    if (AffineMap dims = getDims(i))
      for (auto [size, expr] : llvm::zip(arguments[i].getShape(), dims.getResults()))
        if (auto symbol = dyn_cast<AffineSymbolExpr>(expr); symbol && symbol.getPosition() < count)
          if (auto &value = values[symbol.getPosition()]; !value)
            value = size;
  ctx.symbols.clear();
  llvm::BitVector isLate(count); // data symbols and what depends on them: known once they are bound
  for (unsigned i = 0; i < count; ++i) {
    auto symbol = dyn_cast<SymbolAttr>(symbols[i]);
    if (!symbol)
      return ctx.fail("nn.symbols holds something that is not a symbol");
    if (symbol.getKind() == SymbolKind::max) {
      if (!symbol.getDefinition())
        return ctx.fail("symbol '" + symbol.getName() + "' has no definition");
      AffineMap definition = symbol.getDefinition().getValue();
      for (AffineExpr expr : definition.getResults()) {
        bool earlier = true;
        expr.walk([&](AffineExpr e) {
          if (auto other = dyn_cast<AffineSymbolExpr>(e))
            if (earlier &= other.getPosition() < i; earlier && isLate[other.getPosition()])
              isLate.set(i);
        });
        if (!earlier)
          return ctx.fail("symbol '" + symbol.getName() + "' depends on a later one");
      }
      SmallVector<int64_t> bounds = ctx.evaluate(definition);
      if (bounds.size() != 2)
        return ctx.fail("symbol '" + symbol.getName() + "' needs two sizes");
      values[i] = std::max(bounds[0], bounds[1]);
    }
    if (symbol.getKind() == SymbolKind::data) {
      values[i] = symbol.getMin(); // until it is bound
      isLate.set(i);
    }
    if (!values[i])
      return ctx.fail("no argument gives '" + symbol.getName() + "' a value");
    if (!isLate[i] && (*values[i] < symbol.getMin() || *values[i] > symbol.getMax()))
      return ctx.fail("'" + symbol.getName() + "' is " + llvm::Twine(*values[i]) + ", not within " +
                      llvm::Twine(symbol.getMin()) + ".." + llvm::Twine(symbol.getMax()));
    ctx.symbols.push_back(*values[i]);
  }
  for (unsigned i = 0; i < arguments.size(); ++i)
    if (AffineMap dims = getDims(i)) {
      if (dims.getNumSymbols() > count)
        return ctx.fail("argument " + llvm::Twine(i) + " uses symbols that the function doesn't have");
      if (ArrayRef<int64_t>(ctx.evaluate(dims)) != arguments[i].getShape())
        return ctx.fail("argument " + llvm::Twine(i) + " has sizes that disagree with other arguments");
    }
  return success();
}

LogicalResult evaluateFunction(Operation *op, EvalContext &ctx, ArrayRef<Tensor> arguments,
                               SmallVectorImpl<Tensor> &results) {
  auto func = dyn_cast<FunctionOpInterface>(op);
  if (!func || !llvm::hasSingleElement(func.getFunctionBody()))
    return ctx.fail("not a function of one block");
  Block &body = func.getFunctionBody().front();
  if (arguments.size() != body.getNumArguments())
    return ctx.fail("the function takes " + llvm::Twine(body.getNumArguments()) + " arguments, got " +
                    llvm::Twine(arguments.size()));
  llvm::DenseMap<Value, Tensor> tensors;
  for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !arguments[i] || type.getElementType() != arguments[i].getElementType() ||
        failed(verifyCompatibleShape(type, arguments[i].getType())))
      return ctx.fail("argument " + llvm::Twine(i) + " is not of its type");
    tensors[argument] = arguments[i];
  }
  if (failed(bindSymbols(func, ctx, arguments)))
    return failure();
  if (failed(evaluateBlock(body, ctx, tensors)))
    return failure();
  for (Value result : body.getTerminator()->getOperands())
    results.push_back(tensors.lookup(result));
  return success();
}

} // namespace aicc::nn
