// See Registers.h.

#include "passes/program/Registers.h"

using namespace mlir;
using namespace aicc;
using rt::ArithKind;

Value Registers::constant(int64_t value) {
  // DenseMap reserves the two largest numbers as keys.
  OpBuilder &builder = *early;
  if (value >= INT64_MAX - 1)
    return builder.create<arith::ConstantOp>(loc, builder.getI64IntegerAttr(value));
  Value &known = constants[value];
  if (!known)
    known = builder.create<arith::ConstantOp>(loc, builder.getI64IntegerAttr(value));
  return known;
}

static std::optional<int64_t> getNumber(Value value) {
  auto op = value.getDefiningOp<arith::ConstantOp>();
  return op ? std::optional(cast<IntegerAttr>(op.getValue()).getInt()) : std::nullopt;
}

Value Registers::arith(ArithKind kind, Value a, Value b) {
  if (!a || !b)
    return nullptr;
  std::optional<int64_t> x = getNumber(a), y = getNumber(b);
  if (x && y)
    if (std::optional<int64_t> number = rt::compute(kind, *x, *y))
      return constant(*number);
  bool isOne =
      y == 1 && (kind == ArithKind::mul || kind == ArithKind::floordiv || kind == ArithKind::ceildiv);
  if (isOne || (y == 0 && (kind == ArithKind::add || kind == ArithKind::sub)))
    return a;
  const std::tuple<unsigned, Value, Value> key = {unsigned(kind), a, b};
  for (Level &level : llvm::reverse(levels))
    if (Value value = level.operations.lookup(key))
      return value;
  const bool isLate = late.contains(a) || late.contains(b);
  OpBuilder &builder = builderOf(isLate);
  Value value = builder.create<rt::ArithOp>(loc, builder.getI64Type(), kind, a, b);
  if (isLate)
    late.insert(value);
  return levelOf(isLate).operations[key] = value;
}

bool Registers::isBound(AffineExpr expr) const {
  bool bound = true;
  expr.walk([&](AffineExpr e) {
    auto symbol = dyn_cast<AffineSymbolExpr>(e);
    if (!symbol || symbol.getPosition() >= symbols.size())
      return;
    auto attr = cast<nn::SymbolAttr>(symbols[symbol.getPosition()]);
    if (attr.getKind() == nn::SymbolKind::max)
      for (AffineExpr part : attr.getDefinition().getValue().getResults())
        bound &= isBound(part);
    if (attr.getKind() == nn::SymbolKind::data)
      bound &= llvm::any_of(levels,
                            [&](const Level &level) { return level.symbols.contains(symbol.getPosition()); });
  });
  return bound;
}

Value Registers::argDim(int64_t arg, int64_t dim) {
  OpBuilder &builder = *early;
  return builder.create<rt::ArgDimOp>(loc, builder.getI64Type(), arg, dim);
}

void Registers::check(Value condition, const Twine &message, ArrayRef<StringRef> nodes, bool inBlock) {
  OpBuilder &builder = builderOf(inBlock || late.contains(condition));
  builder.create<rt::AssertOp>(loc, condition, builder.getStringAttr(message),
                               builder.getStrArrayAttr(nodes));
}

Value Registers::symbol(unsigned position) {
  if (position >= symbols.size()) {
    unbound = unbound.empty() ? "s" + std::to_string(position) : unbound;
    return nullptr;
  }
  auto attr = cast<nn::SymbolAttr>(symbols[position]);
  if (attr.getKind() == nn::SymbolKind::max) {
    AffineMap definition = attr.getDefinition().getValue();
    return arith(ArithKind::max, get(definition.getResult(0)), get(definition.getResult(1)));
  }
  if (attr.getKind() == nn::SymbolKind::data)
    for (Level &level : llvm::reverse(levels))
      if (Value value = level.symbols.lookup(position))
        return value;
  if (inputs[position] < 0) {
    unbound = unbound.empty() ? attr.getName().str() : unbound;
    return nullptr;
  }
  OpBuilder &builder = *early;
  return builder.create<rt::SymbolOp>(loc, builder.getI64Type(), inputs[position]);
}

Value Registers::build(AffineExpr expr) {
  if (auto constantExpr = dyn_cast<AffineConstantExpr>(expr))
    return constant(constantExpr.getValue());
  if (auto symbolExpr = dyn_cast<AffineSymbolExpr>(expr))
    return symbol(symbolExpr.getPosition());
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return nullptr;
  switch (expr.getKind()) {
  case AffineExprKind::Add: {
    // a + (-1) * b reads, and checks its range, better as a - b.
    auto product = dyn_cast<AffineBinaryOpExpr>(binary.getRHS());
    if (product && product.getKind() == AffineExprKind::Mul &&
        product.getRHS() == getAffineConstantExpr(-1, expr.getContext()))
      return arith(ArithKind::sub, get(binary.getLHS()), get(product.getLHS()));
    return arith(ArithKind::add, get(binary.getLHS()), get(binary.getRHS()));
  }
  case AffineExprKind::Mul:
    return arith(ArithKind::mul, get(binary.getLHS()), get(binary.getRHS()));
  case AffineExprKind::Mod:
    return arith(ArithKind::mod, get(binary.getLHS()), get(binary.getRHS()));
  case AffineExprKind::FloorDiv:
    return arith(ArithKind::floordiv, get(binary.getLHS()), get(binary.getRHS()));
  case AffineExprKind::CeilDiv:
    return arith(ArithKind::ceildiv, get(binary.getLHS()), get(binary.getRHS()));
  default:
    return nullptr;
  }
}

Value Registers::get(AffineExpr expr) {
  for (Level &level : llvm::reverse(levels))
    if (Value value = level.known.lookup(expr))
      return value;
  Value value = build(expr);
  if (value)
    levelOf(late.contains(value)).known[expr] = value;
  return value;
}

std::string aicc::toText(AffineExpr expr, ArrayRef<Attribute> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return std::to_string(constant.getValue());
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    if (symbol.getPosition() >= symbols.size())
      return "?";
    auto attr = cast<nn::SymbolAttr>(symbols[symbol.getPosition()]);
    if (attr.getKind() != nn::SymbolKind::max)
      return attr.getName().str();
    AffineMap definition = attr.getDefinition().getValue();
    return "max(" + toText(definition.getResult(0), symbols) + ", " +
           toText(definition.getResult(1), symbols) + ")";
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return "?";
  auto operand = [&](AffineExpr e) {
    std::string text = toText(e, symbols);
    return isa<AffineBinaryOpExpr>(e) && e.getKind() != AffineExprKind::Mul ? "(" + text + ")" : text;
  };
  switch (expr.getKind()) {
  case AffineExprKind::Add: {
    auto product = dyn_cast<AffineBinaryOpExpr>(binary.getRHS());
    if (product && product.getKind() == AffineExprKind::Mul &&
        product.getRHS() == getAffineConstantExpr(-1, expr.getContext()))
      return toText(binary.getLHS(), symbols) + " - " + operand(product.getLHS());
    if (auto number = dyn_cast<AffineConstantExpr>(binary.getRHS());
        number && number.getValue() < 0 && number.getValue() != INT64_MIN)
      return toText(binary.getLHS(), symbols) + " - " + std::to_string(-number.getValue());
    return toText(binary.getLHS(), symbols) + " + " + toText(binary.getRHS(), symbols);
  }
  case AffineExprKind::Mul:
    return operand(binary.getLHS()) + " * " + operand(binary.getRHS());
  case AffineExprKind::Mod:
    return operand(binary.getLHS()) + " mod " + operand(binary.getRHS());
  case AffineExprKind::FloorDiv:
    return operand(binary.getLHS()) + " / " + operand(binary.getRHS());
  default:
    return "ceil(" + operand(binary.getLHS()) + " / " + operand(binary.getRHS()) + ")";
  }
}
