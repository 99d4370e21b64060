// The operations of NNControl.td: what holds between their regions, their sizes and their results.

#include "dialects/nn/NNControl.h"
#include "dialects/nn/NNDynamic.h"

using namespace mlir;
using namespace aicc::nn;

#define GET_OP_CLASSES
#include "dialects/nn/NNControl.cpp.inc"

ArrayRef<AffineExpr> aicc::nn::getSizesOf(AffineMap map, ValueRange values, unsigned index) {
  unsigned first = 0;
  for (Value value : values.take_front(index))
    first += cast<RankedTensorType>(value.getType()).getRank();
  return map.getResults().slice(first, cast<RankedTensorType>(values[index].getType()).getRank());
}

std::optional<unsigned> aicc::nn::getBound(ArrayRef<int64_t> binds, AffineExpr expr) {
  auto symbol = dyn_cast<AffineSymbolExpr>(expr);
  if (!symbol || !llvm::is_contained(binds, int64_t(symbol.getPosition())))
    return std::nullopt;
  return symbol.getPosition();
}

ArrayRef<int64_t> aicc::nn::getBinds(Operation *op) {
  if (auto branch = dyn_cast<IfOp>(op))
    return branch.getBinds();
  if (auto loop = dyn_cast<LoopOp>(op))
    return loop.getBinds();
  if (auto bind = dyn_cast<BindSizeOp>(op))
    return bind.getSymbols();
  return {};
}

static void setSizes(SymbolicShapes &shapes, AffineMap map, ValueRange values) {
  for (unsigned i = 0; i < values.size(); ++i)
    shapes.set(values[i], getSizesOf(map, values, i));
}

void aicc::nn::setArgumentSizes(Operation *op, SymbolicShapes &shapes) {
  auto loop = dyn_cast<LoopOp>(op);
  if (!loop)
    return;
  const int64_t rank = cast<RankedTensorType>(loop.getIteration().getType()).getRank();
  shapes.set(loop.getIteration(), SymShape(rank, getAffineConstantExpr(1, op->getContext())));
  setSizes(shapes, loop.getCarried(), loop.getBody().getArguments().drop_front());
}

void aicc::nn::setResultSizes(Operation *op, SymbolicShapes &shapes) {
  if (auto loop = dyn_cast<LoopOp>(op))
    setSizes(shapes, loop.getSizes(), loop.getResults());
  else if (auto branch = dyn_cast<IfOp>(op))
    setSizes(shapes, branch.getSizes(), branch.getResults());
}

YieldOp IfOp::getYield(unsigned region) { return cast<YieldOp>(getRegion(region).front().getTerminator()); }
YieldOp LoopOp::getYield() { return cast<YieldOp>(getBody().front().getTerminator()); }

/// Fails unless `map` has a size for every dimension of `values`, as their types have them.
static LogicalResult checkSizes(Operation *op, StringRef name, AffineMap map, ValueRange values) {
  unsigned count = 0;
  for (Value value : values) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type)
      return op->emitOpError("needs ranked tensors");
    count += type.getRank();
  }
  if (map.getNumDims() || map.getNumResults() != count)
    return op->emitOpError("'") << name << "' must have " << count << " results over symbols, has "
                                << map.getNumResults();
  for (unsigned i = 0; i < values.size(); ++i)
    for (auto [size, expr] :
         llvm::zip_equal(cast<RankedTensorType>(values[i].getType()).getShape(), getSizesOf(map, values, i)))
      if (!ShapedType::isDynamic(size) && ShapeContext::getConstant(expr).value_or(size) != size)
        return op->emitOpError("'") << name << "' contradicts the type " << values[i].getType();
  return success();
}

static LogicalResult checkScalar(Operation *op, Value value, bool isCondition, const Twine &what) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getElementType().isInteger(isCondition ? 1 : 64) && type.hasStaticShape() &&
      type.getNumElements() == 1)
    return success();
  return op->emitOpError(what) << " must be one " << (isCondition ? "boolean" : "i64") << ", is " << type;
}

/// What a region yields for a value of another place: the same element type and rank, where `extra`
/// dimensions come first there.
static LogicalResult checkYielded(Operation *op, Value yielded, Value target, unsigned extra,
                                  const Twine &what) {
  auto from = cast<RankedTensorType>(yielded.getType()), to = cast<RankedTensorType>(target.getType());
  if (from.getElementType() == to.getElementType() && from.getRank() + int64_t(extra) == to.getRank())
    return success();
  return op->emitOpError(what) << " is yielded as " << from << ", which does not fit " << to;
}

static LogicalResult checkTerminator(Operation *op, Region &region, size_t count) {
  auto yield = region.front().empty() ? YieldOp() : dyn_cast<YieldOp>(region.front().back());
  if (!yield)
    return op->emitOpError("needs regions that end in nn.yield");
  if (yield.getValues().size() != count)
    return op->emitOpError("must yield ") << count << " values, yields " << yield.getValues().size();
  return success();
}

LogicalResult IfOp::verifyRegions() {
  if (failed(checkScalar(*this, getCondition(), /*isCondition=*/true, "its condition")) ||
      failed(checkSizes(*this, "sizes", getSizes(), getResults())))
    return failure();
  for (unsigned region : {0u, 1u}) {
    if (getRegion(region).getNumArguments())
      return emitOpError("has a branch with arguments");
    if (failed(checkTerminator(*this, getRegion(region), getNumResults())))
      return failure();
    for (auto [i, value] : llvm::enumerate(getYield(region).getValues()))
      if (failed(checkYielded(*this, value, getResult(i), 0, "result " + Twine(i))))
        return failure();
  }
  return success();
}

LogicalResult LoopOp::verifyRegions() {
  Block &block = getBody().front();
  const unsigned numCarried = getNumCarried();
  if (getNumResults() < numCarried || block.getNumArguments() != 1 + numCarried)
    return emitOpError("has ") << numCarried << " carried values, but " << getNumResults() << " results and "
                               << block.getNumArguments() << " arguments of its body";
  if (failed(checkTerminator(*this, getBody(), 1 + getNumResults())))
    return failure();
  for (BlockArgument argument : block.getArguments())
    if (!isa<RankedTensorType>(argument.getType()))
      return emitOpError("needs ranked tensors");
  ValueRange yielded = getYield().getValues(), arguments = block.getArguments();
  if (failed(checkScalar(*this, getTrip(), false, "its trip count")) ||
      failed(checkScalar(*this, getCondition(), true, "its condition")) ||
      failed(checkScalar(*this, arguments[0], false, "its body's first argument")) ||
      failed(checkScalar(*this, yielded[0], true, "the yielded condition")) ||
      failed(checkSizes(*this, "carried", getCarried(), arguments.drop_front())) ||
      failed(checkSizes(*this, "sizes", getSizes(), getResults())))
    return failure();
  for (unsigned i = 0; i < getNumResults(); ++i) {
    const bool isScan = i >= numCarried;
    if (failed(checkYielded(*this, yielded[1 + i], getResult(i), isScan, "result " + Twine(i))))
      return failure();
    if (!isScan && (failed(checkYielded(*this, getInits()[i], arguments[1 + i], 0, "the initial value")) ||
                    failed(checkYielded(*this, yielded[1 + i], arguments[1 + i], 0, "a carried value"))))
      return failure();
  }
  return success();
}
