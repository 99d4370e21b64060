// See Rewrite.h.

#include "passes/graph/Rewrite.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace aicc {

void ShapeListener::notifyOperationInserted(Operation *op, OpBuilder::InsertPoint previous) {
  if (!previous.isSet() && isa<nn::ShapeOpInterface>(op))
    (void)shapes.infer(op);
}

LogicalResult applyGraphPatterns(func::FuncOp func, PopulateFn populate) {
  if (func.isExternal())
    return success();
  nn::SymbolicShapes shapes(func);
  if (failed(shapes.run()))
    return failure();
  RewritePatternSet patterns(func.getContext());
  populate(patterns, shapes);
  for (RegisteredOperationName name : func.getContext()->getRegisteredOperations())
    if (isa<nn::NNDialect>(name.getDialect()))
      name.getCanonicalizationPatterns(patterns, func.getContext());
  ShapeListener listener(shapes);
  GreedyRewriteConfig config;
  config.listener = &listener;
  config.useTopDownTraversal = true;
  // Not converging within the limit leaves a correct graph.
  (void)applyPatternsAndFoldGreedily(func, std::move(patterns), config);
  refreshResultTypes(func);
  return success();
}

void refreshResultTypes(func::FuncOp func) {
  if (func.isExternal())
    return;
  for (Block &block : func.getBody())
    if (auto ret = dyn_cast<func::ReturnOp>(block.getTerminator()))
      func.setType(
          FunctionType::get(func.getContext(), func.getFunctionType().getInputs(), ret.getOperandTypes()));
}

void replaceOp(RewriterBase &rewriter, Operation *op, Value value) {
  auto before = cast<RankedTensorType>(op->getResult(0).getType());
  auto after = cast<RankedTensorType>(value.getType());
  if (before != after && isa<OpResult>(value)) {
    SmallVector<int64_t> sizes(after.getShape());
    for (auto [size, known] : llvm::zip_equal(sizes, before.getShape()))
      if (ShapedType::isDynamic(size))
        size = known;
    value.setType(RankedTensorType::get(sizes, after.getElementType()));
  }
  rewriter.replaceOp(op, value);
}

Location fuseLocations(ArrayRef<Operation *> ops) {
  SmallVector<Location> locs;
  for (Operation *op : ops)
    if (!llvm::is_contained(locs, op->getLoc()))
      locs.push_back(op->getLoc());
  return FusedLoc::get(ops.front()->getContext(), locs);
}

RankedTensorType getType(Value value) { return cast<RankedTensorType>(value.getType()); }
int64_t getRank(Value value) { return getType(value).getRank(); }
Type getElement(Value value) { return getType(value).getElementType(); }
bool isFloat(Value value) { return isa<FloatType>(getElement(value)); }
bool isOne(AffineExpr size) { return nn::ShapeContext::getConstant(size) == 1; }

bool isScalarFor(Value scalar, Value x) {
  RankedTensorType type = getType(scalar);
  return type.hasStaticShape() && type.getNumElements() == 1 && type.getRank() <= getRank(x);
}

/// The operand that is a constant scalar beside the other, as (other, number).
static std::optional<Scaled> splitScalar(Value a, Value b) {
  if (std::optional<double> number = getUniform(b); number && isScalarFor(b, a))
    return Scaled{a, *number};
  return std::nullopt;
}

std::optional<Scaled> matchScaled(Value v) {
  Operation *op = v.getDefiningOp();
  if (!op || !isFloat(v))
    return std::nullopt;
  if (isa<nn::NegOp>(op))
    return Scaled{op->getOperand(0), -1};
  if (isa<nn::MulOp>(op)) {
    if (auto scaled = splitScalar(op->getOperand(0), op->getOperand(1)))
      return scaled;
    return splitScalar(op->getOperand(1), op->getOperand(0));
  }
  if (isa<nn::DivOp>(op))
    if (auto scaled = splitScalar(op->getOperand(0), op->getOperand(1)); scaled && scaled->factor != 0)
      return Scaled{scaled->x, 1 / scaled->factor};
  return std::nullopt;
}

std::optional<Scaled> matchShifted(Value v) {
  Operation *op = v.getDefiningOp();
  if (!op || !isFloat(v))
    return std::nullopt;
  if (isa<nn::AddOp>(op)) {
    if (auto shifted = splitScalar(op->getOperand(0), op->getOperand(1)))
      return shifted;
    return splitScalar(op->getOperand(1), op->getOperand(0));
  }
  if (isa<nn::SubOp>(op))
    if (auto shifted = splitScalar(op->getOperand(0), op->getOperand(1)))
      return Scaled{shifted->x, -shifted->factor};
  return std::nullopt;
}

bool Product::take(Value value) {
  auto it = llvm::find(factors, value);
  if (it == factors.end())
    return false;
  factors.erase(it);
  return true;
}

static void collectFactors(Value v, bool isRoot, unsigned depth, Product &product) {
  Operation *op = v.getDefiningOp();
  auto leaf = [&] { product.factors.push_back(v); };
  if (!op || !isFloat(v) || depth == 0)
    return leaf();
  // x * x is one use of the product but several of x.
  bool once = isRoot || llvm::all_of(v.getUsers(), [&](Operation *user) { return user == *v.user_begin(); });
  if (!once)
    return leaf();
  if (auto scaled = matchScaled(v)) {
    product.constant *= scaled->factor;
    product.ops.push_back(op);
    return collectFactors(scaled->x, false, depth - 1, product);
  }
  if (isa<nn::MulOp>(op)) {
    product.ops.push_back(op);
    collectFactors(op->getOperand(0), false, depth - 1, product);
    collectFactors(op->getOperand(1), false, depth - 1, product);
    return;
  }
  if (isa<nn::PowOp>(op) && isScalarFor(op->getOperand(1), op->getOperand(0)))
    for (int exponent : {2, 3})
      if (isUniform(op->getOperand(1), exponent)) {
        product.ops.push_back(op);
        product.factors.append(exponent, op->getOperand(0));
        return;
      }
  leaf();
}

Product matchProduct(Value root) {
  Product product;
  collectFactors(root, true, 6, product);
  return product;
}

Value lookThroughFloatCasts(Value value) {
  while (auto cast = value.getDefiningOp<nn::CastOp>()) {
    if (!isFloat(cast.getInput()) || !isFloat(value))
      break;
    value = cast.getInput();
  }
  return value;
}

Value cloneOn(OpBuilder &builder, Operation *op, ValueRange operands, ArrayRef<int64_t> shape) {
  // Not Operation::clone: who listens to insertions must see the right type.
  auto type = RankedTensorType::get(shape, getElement(op->getResult(0)));
  OperationState state(op->getLoc(), op->getName(), operands, type, op->getAttrs());
  return builder.create(state)->getResult(0);
}

Value createSwap(OpBuilder &builder, Location loc, Value value) {
  auto perm = llvm::to_vector(llvm::seq<int64_t>(0, getRank(value)));
  std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  return builder.create<nn::TransposeOp>(loc, value, perm);
}

Value createReshape(OpBuilder &builder, Location loc, Value value, ArrayRef<int64_t> sizes) {
  if (getType(value).getShape() == sizes)
    return value;
  return builder.create<nn::ReshapeOp>(loc, value, nn::getConstantMap(sizes, builder.getContext()));
}

} // namespace aicc
