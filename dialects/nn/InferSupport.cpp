// Checks that the shape functions of all families share.

#include "dialects/nn/InferSupport.h"

using namespace mlir;

namespace aicc::nn {

LogicalResult checkSameElements(ShapeContext &ctx, ValueRange operands) {
  Type first;
  for (Value operand : operands) {
    if (!operand)
      continue;
    Type element = elementOf(operand);
    if (first && element != first)
      return ctx.fail("needs operands of one element type, has " + text(first) + " and " + text(element));
    first = element;
  }
  return success();
}

LogicalResult checkElement(ShapeContext &ctx, Type element, bool (*accepts)(Type), StringRef what) {
  return accepts(element) ? success() : ctx.fail("needs " + what + ", has " + text(element));
}

LogicalResult checkIndices(ShapeContext &ctx, Value indices) {
  return checkElement(
      ctx, elementOf(indices),
      [](Type type) { return type.isSignlessInteger(32) || type.isSignlessInteger(64); },
      "indices of i32 or i64");
}

LogicalResult checkAxis(ShapeContext &ctx, int64_t axis, int64_t rank) {
  if (axis >= 0 && axis < rank)
    return success();
  return ctx.fail("axis " + Twine(axis) + " is out of range for rank " + Twine(rank));
}

LogicalResult checkMap(ShapeContext &ctx, StringRef name, AffineMap map, int64_t results) {
  if (map.getNumDims())
    return ctx.fail("'" + name + "' must range over symbols only");
  if (results >= 0 && map.getNumResults() != results)
    return ctx.fail("'" + name + "' must have " + Twine(results) + " results, has " +
                    Twine(map.getNumResults()));
  return success();
}

LogicalResult checkValues(ShapeContext &ctx, StringRef name, ArrayRef<int64_t> values, size_t count,
                          int64_t min, int64_t max) {
  if (values.size() != count)
    return ctx.fail("'" + name + "' must have " + Twine(count) + " values, has " + Twine(values.size()));
  for (int64_t value : values)
    if (value < min || value > max)
      return ctx.fail("'" + name + "' has the value " + Twine(value) + ", allowed are " + Twine(min) +
                      " to " + Twine(max));
  return success();
}

LogicalResult checkRank(ShapeContext &ctx, StringRef name, ArrayRef<AffineExpr> shape, int64_t rank,
                        bool atLeast) {
  int64_t actual = shape.size();
  if (actual == rank || (atLeast && actual > rank))
    return success();
  return ctx.fail(name + " must have rank " + Twine(rank) + (atLeast ? " or more" : "") + ", is " +
                  ShapeContext::toString(shape));
}

bool mayBeEqual(ShapeContext &ctx, AffineExpr a, AffineExpr b) {
  if (a == b)
    return true;
  return ShapeContext::getConstant(ctx.simplify(a - b)).value_or(0) == 0;
}

FailureOr<AffineExpr> unify(ShapeContext &ctx, AffineExpr a, AffineExpr b, const Twine &what) {
  if (!mayBeEqual(ctx, a, b))
    return ctx.fail(what + " differ: " + ShapeContext::toString(a) + " and " + ShapeContext::toString(b));
  return ShapeContext::getConstant(b) || ShapeContext::hasUnknown(a) ? b : a;
}

LogicalResult checkBroadcastsTo(ShapeContext &ctx, StringRef name, ArrayRef<AffineExpr> shape,
                                ArrayRef<AffineExpr> target) {
  bool fits = shape.size() <= target.size();
  if (fits)
    for (auto [size, wanted] : llvm::zip_equal(shape, target.take_back(shape.size())))
      fits &= ShapeContext::getConstant(size) == 1 || mayBeEqual(ctx, size, wanted);
  if (fits)
    return success();
  return ctx.fail(name + " (" + ShapeContext::toString(shape) + ") does not broadcast to " +
                  ShapeContext::toString(target));
}

} // namespace aicc::nn
