// The analysis: symbolic sizes of every tensor of a function. Kept apart from shape arithmetic because it
// knows functions, regions and the attributes that hold symbols.

#include "dialects/nn/NNControl.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace aicc::nn {

static SmallVector<Attribute> getSymbols(Operation *func) {
  auto symbols = func->getAttrOfType<ArrayAttr>(NNDialect::getSymbolsAttrName());
  return symbols ? llvm::to_vector(symbols.getValue()) : SmallVector<Attribute>();
}

static void setSymbols(Operation *func, ArrayRef<Attribute> symbols) {
  func->setAttr(NNDialect::getSymbolsAttrName(), ArrayAttr::get(func->getContext(), symbols));
}

SymbolicShapes::SymbolicShapes(func::FuncOp funcOp) : func(funcOp) {
  numSymbols = getSymbols(func).size();
  if (funcOp.isExternal())
    return;
  for (BlockArgument argument : funcOp.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      continue;
    unsigned index = argument.getArgNumber();
    auto dims = funcOp.getArgAttrOfType<AffineMapAttr>(index, NNDialect::getDimsAttrName());
    bool known = dims && dims.getValue().getNumResults() == static_cast<unsigned>(type.getRank());
    bool fresh = false;
    SymShape shape;
    for (auto [i, size] : llvm::enumerate(type.getShape())) {
      if (!ShapedType::isDynamic(size)) {
        shape.push_back(getAffineConstantExpr(size, getContext()));
      } else if (known) {
        shape.push_back(dims.getValue().getResult(i));
      } else {
        fresh = true;
        shape.push_back(addInput(("arg" + Twine(index) + "_dim" + Twine(i)).str()));
      }
    }
    if (fresh)
      funcOp.setArgAttr(index, NNDialect::getDimsAttrName(), AffineMapAttr::get(getMap(shape)));
    set(argument, shape);
  }
}

func::FuncOp SymbolicShapes::getFunction() const { return cast<func::FuncOp>(func); }
MLIRContext *SymbolicShapes::getContext() const { return func->getContext(); }

LogicalResult SymbolicShapes::run() {
  for (Block &block : getFunction().getBody())
    if (failed(runBlock(block)))
      return failure();
  return success();
}

LogicalResult SymbolicShapes::runBlock(Block &block) {
  for (Operation &op : block)
    if (failed(isa<ShapeOpInterface>(op) ? infer(&op) : inferOther(&op)))
      return failure();
  return success();
}

LogicalResult SymbolicShapes::infer(Operation *op, bool setTypes) {
  auto shapeOp = dyn_cast<ShapeOpInterface>(op);
  if (!shapeOp)
    return inferOther(op);
  ShapeContext ctx(
      getContext(), [&](const Twine &message) { op->emitOpError(message); },
      [&](AffineExpr a, AffineExpr b) { return getMax(a, b); });
  SmallVector<SymShape> operands;
  for (Value operand : op->getOperands()) {
    if (!isa<RankedTensorType>(operand.getType()))
      return ctx.fail("needs ranked tensors");
    ArrayRef<AffineExpr> shape = get(operand);
    operands.emplace_back(shape.begin(), shape.end());
  }
  for (NamedAttribute attr : op->getAttrs())
    if (auto map = dyn_cast<AffineMapAttr>(attr.getValue()))
      if (map.getValue().getNumSymbols() > numSymbols || map.getValue().getNumDims())
        return ctx.fail("attribute '" + attr.getName().getValue() +
                        "' uses symbols that the function does not have");

  SmallVector<SymType> results;
  if (failed(shapeOp.inferShapes(ctx, operands, results)) || failed(detail::checkResults(ctx, results)))
    return failure();
  for (auto [value, result] : llvm::zip_equal(op->getResults(), results)) {
    for (AffineExpr &size : result.shape)
      size = ctx.simplify(size);
    if (setTypes) {
      value.setType(getTensorType(result.shape, result.element));
    } else if (auto type = dyn_cast<RankedTensorType>(value.getType());
               type && type.getRank() == int64_t(result.shape.size())) {
      for (auto [size, known] : llvm::zip_equal(result.shape, type.getShape()))
        if (!ShapedType::isDynamic(known))
          size = ctx.constant(known);
    }
    set(value, result.shape);
  }
  return success();
}

/// nn.if and nn.loop say all sizes themselves.
LogicalResult SymbolicShapes::inferControl(Operation *op) {
  for (NamedAttribute attr : op->getAttrs())
    if (auto map = dyn_cast<AffineMapAttr>(attr.getValue());
        map && map.getValue().getNumSymbols() > numSymbols)
      return op->emitOpError("attribute '")
             << attr.getName().getValue() << "' uses symbols that the function does not have";
  setArgumentSizes(op, *this);
  for (Region &region : op->getRegions())
    if (failed(runBlock(region.front())))
      return failure();
  setResultSizes(op, *this);
  return success();
}

/// Operations of other dialects: control flow carries sizes through, casts keep them, everything else has
/// static results.
LogicalResult SymbolicShapes::inferOther(Operation *op) {
  if (isa<IfOp, LoopOp>(op))
    return inferControl(op);
  auto copy = [&](Value from, Value to) {
    if (isa<RankedTensorType>(from.getType()) && isa<RankedTensorType>(to.getType()) && has(from))
      set(to, SymShape(get(from)));
  };
  if (auto loop = dyn_cast<LoopLikeOpInterface>(op))
    for (auto [init, argument] : llvm::zip(loop.getInits(), loop.getRegionIterArgs()))
      copy(init, argument);
  for (Region &region : op->getRegions()) {
    for (Block &block : region) {
      for (BlockArgument argument : block.getArguments()) {
        auto type = dyn_cast<RankedTensorType>(argument.getType());
        if (type && type.hasStaticShape()) {
          SymShape shape;
          for (int64_t size : type.getShape())
            shape.push_back(getAffineConstantExpr(size, getContext()));
          set(argument, shape);
        }
      }
      if (failed(runBlock(block)))
        return failure();
    }
  }
  // A loop's sizes must not change from one iteration to the next; both branches of an `if` must agree.
  if (auto loop = dyn_cast<LoopLikeOpInterface>(op)) {
    for (auto [init, result] : llvm::zip(loop.getInits(), op->getResults()))
      copy(init, result);
  } else if (auto branch = dyn_cast<scf::IfOp>(op); branch && op->getNumResults()) {
    for (auto [a, b, result] : llvm::zip_equal(branch.thenYield().getOperands(),
                                               branch.elseYield().getOperands(), branch.getResults()))
      if (isa<RankedTensorType>(a.getType()) && isa<RankedTensorType>(b.getType()) && equalShapes(a, b))
        copy(a, result);
  } else if (isa<CastOpInterface>(op) && op->getNumOperands() == 1 && op->getNumResults() == 1) {
    copy(op->getOperand(0), op->getResult(0));
  }

  for (Value result : op->getResults()) {
    auto type = dyn_cast<RankedTensorType>(result.getType());
    if (!type)
      continue;
    SymShape shape = has(result) ? SymShape(get(result)) : SymShape(type.getRank());
    for (auto [size, known] : llvm::zip(shape, type.getShape()))
      if (!ShapedType::isDynamic(known))
        size = getAffineConstantExpr(known, getContext());
    if (!llvm::all_of(shape, [](AffineExpr size) { return bool(size); }))
      return op->emitOpError("has a result whose sizes cannot be expressed by the function's symbols");
    set(result, shape);
  }
  return success();
}

ArrayRef<AffineExpr> SymbolicShapes::get(Value value) const {
  auto it = shapes.find(value);
  assert(it != shapes.end() && "sizes of a value that has not been visited");
  return it->second;
}

void SymbolicShapes::set(Value value, ArrayRef<AffineExpr> shape) {
  ShapeContext ctx(getContext(), nullptr);
  SymShape simplified;
  for (AffineExpr size : shape)
    simplified.push_back(ctx.simplify(size));
  shapes[value] = std::move(simplified);
}

bool SymbolicShapes::equal(AffineExpr a, AffineExpr b) const {
  ShapeContext ctx(getContext(), nullptr);
  return a == b || ctx.simplify(a) == ctx.simplify(b);
}

bool SymbolicShapes::equalShapes(Value a, Value b) const {
  ArrayRef<AffineExpr> x = get(a), y = get(b);
  return x.size() == y.size() && llvm::all_of(llvm::zip(x, y), [&](auto pair) {
           return equal(std::get<0>(pair), std::get<1>(pair));
         });
}

AffineMap SymbolicShapes::getMap(ArrayRef<AffineExpr> exprs) const {
  return AffineMap::get(/*dimCount=*/0, numSymbols, exprs, getContext());
}

AffineExpr SymbolicShapes::getSymbol(unsigned i) const { return getAffineSymbolExpr(i, getContext()); }

AffineExpr SymbolicShapes::addInput(StringRef name, int64_t min, int64_t max) {
  SmallVector<Attribute> symbols = getSymbols(func);
  symbols.push_back(SymbolAttr::get(getContext(), name, SymbolKind::input, min, max, nullptr));
  setSymbols(func, symbols);
  numSymbols = symbols.size();
  return getSymbol(numSymbols - 1);
}

AffineExpr SymbolicShapes::addData(StringRef name, int64_t min, int64_t max) {
  SmallVector<Attribute> symbols = getSymbols(func);
  symbols.push_back(SymbolAttr::get(getContext(), name, SymbolKind::data, min, max, nullptr));
  setSymbols(func, symbols);
  numSymbols = symbols.size();
  return getSymbol(numSymbols - 1);
}

/// True if `expr` is a max symbol over `part`, directly or through other max symbols.
static bool covers(ArrayRef<Attribute> symbols, AffineExpr expr, AffineExpr part) {
  if (expr == part)
    return true;
  auto symbol = dyn_cast<AffineSymbolExpr>(expr);
  if (!symbol || symbol.getPosition() >= symbols.size())
    return false;
  auto attr = cast<SymbolAttr>(symbols[symbol.getPosition()]);
  return attr.getKind() == SymbolKind::max &&
         llvm::any_of(attr.getDefinition().getValue().getResults(),
                      [&](AffineExpr operand) { return covers(symbols, operand, part); });
}

/// Inclusive bounds, as far as symbols' own bounds give them.
static std::pair<int64_t, int64_t> getBounds(ArrayRef<Attribute> symbols, AffineExpr expr) {
  if (std::optional<int64_t> value = ShapeContext::getConstant(expr))
    return {*value, *value};
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr); symbol && symbol.getPosition() < symbols.size()) {
    auto attr = cast<SymbolAttr>(symbols[symbol.getPosition()]);
    return {attr.getMin(), attr.getMax()};
  }
  return {0, INT64_MAX};
}

AffineExpr SymbolicShapes::getMax(AffineExpr a, AffineExpr b) {
  ShapeContext ctx(getContext(), nullptr);
  a = ctx.simplify(a);
  b = ctx.simplify(b);
  if (std::optional<int64_t> difference = ShapeContext::getConstant(ctx.simplify(a - b)))
    return *difference >= 0 ? a : b;
  SmallVector<Attribute> symbols = getSymbols(func);
  if (covers(symbols, a, b))
    return a;
  if (covers(symbols, b, a))
    return b;
  if (compareExprs(a, b) > 0)
    std::swap(a, b);
  auto [minA, maxA] = getBounds(symbols, a);
  auto [minB, maxB] = getBounds(symbols, b);
  unsigned numMax = 0;
  for (auto [i, symbol] : llvm::enumerate(symbols)) {
    auto attr = cast<SymbolAttr>(symbol);
    if (attr.getKind() != SymbolKind::max)
      continue;
    ++numMax;
    if (attr.getDefinition().getValue().getResults() == ArrayRef<AffineExpr>{a, b})
      return getSymbol(i);
  }
  auto definition = AffineMapAttr::get(getMap({a, b}));
  symbols.push_back(SymbolAttr::get(getContext(), ("max" + Twine(numMax)).str(), SymbolKind::max,
                                    std::max(minA, minB), std::max(maxA, maxB), definition));
  setSymbols(func, symbols);
  numSymbols = symbols.size();
  return getSymbol(numSymbols - 1);
}

} // namespace aicc::nn
