// Shape arithmetic on its own: broadcasting, types, messages. The canonical form is in Simplify.cpp, the
// analysis of functions in SymbolicShapes.cpp.

#include "dialects/nn/Shapes.h"
#include "dialects/nn/NN.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace aicc::nn {

/// Unknowns are symbols from here on; functions have fewer.
static constexpr unsigned firstUnknown = 1u << 24;

std::optional<int64_t> ShapeContext::getConstant(AffineExpr expr) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  return std::nullopt;
}

LogicalResult ShapeContext::fail(const Twine &message) {
  if (error)
    error(message);
  return failure();
}

AffineExpr ShapeContext::unknown() { return getAffineSymbolExpr(firstUnknown + nextUnknown++, context); }

bool ShapeContext::hasUnknown(AffineExpr expr) {
  bool found = false;
  expr.walk([&](AffineExpr e) {
    if (auto symbol = dyn_cast<AffineSymbolExpr>(e))
      found |= symbol.getPosition() >= firstUnknown;
  });
  return found;
}

FailureOr<AffineExpr> ShapeContext::broadcastDim(AffineExpr a, AffineExpr b) {
  a = simplify(a);
  b = simplify(b);
  if (a == b)
    return a;
  std::optional<int64_t> x = getConstant(a), y = getConstant(b);
  if (x == 1)
    return b;
  if (y == 1)
    return a;
  if (x && y)
    return failure();
  if (x)
    return a;
  if (y)
    return b;
  return maxSymbol ? maxSymbol(a, b) : unknown();
}

FailureOr<SymShape> ShapeContext::broadcast(ArrayRef<SymShape> shapes) {
  size_t rank = 0;
  for (const SymShape &shape : shapes)
    rank = std::max(rank, shape.size());
  SymShape result(rank, constant(1));
  for (const SymShape &shape : shapes) {
    for (size_t i = 0; i < shape.size(); ++i) {
      AffineExpr &dim = result[rank - shape.size() + i];
      FailureOr<AffineExpr> merged = broadcastDim(dim, shape[i]);
      if (failed(merged)) {
        std::string all;
        for (const SymShape &s : shapes)
          all += (all.empty() ? "" : " and ") + toString(s);
        return fail("cannot broadcast " + all);
      }
      dim = *merged;
    }
  }
  return result;
}

AffineExpr ShapeContext::product(ArrayRef<AffineExpr> sizes) const {
  AffineExpr result = constant(1);
  for (AffineExpr size : sizes)
    result = result * size;
  return simplify(result);
}

std::string ShapeContext::toString(ArrayRef<AffineExpr> shape) {
  if (shape.empty())
    return "a scalar";
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleave(
      shape, os,
      [&](AffineExpr expr) {
        if (hasUnknown(expr))
          os << "?";
        else if (isa<AffineBinaryOpExpr>(expr))
          os << "(" << expr << ")";
        else
          os << expr;
      },
      "x");
  return text;
}

bool isElementType(Type type) {
  if (auto integer = dyn_cast<IntegerType>(type)) {
    unsigned width = integer.getWidth();
    if (width == 1)
      return integer.isSignless();
    return !integer.isSigned() && (width == 8 || width == 16 || width == 32 || width == 64);
  }
  return type.isF16() || type.isBF16() || type.isF32() || type.isF64() || isa<NarrowType>(type);
}

RankedTensorType getTensorType(ArrayRef<AffineExpr> shape, Type element) {
  SmallVector<int64_t> sizes;
  for (AffineExpr expr : shape)
    sizes.push_back(ShapeContext::getConstant(expr).value_or(ShapedType::kDynamic));
  return RankedTensorType::get(sizes, element);
}

std::optional<SmallVector<int64_t>> getConstantResults(AffineMap map) {
  SmallVector<int64_t> values;
  for (AffineExpr expr : map.getResults()) {
    std::optional<int64_t> value = ShapeContext::getConstant(expr);
    if (!value)
      return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

AffineMap getConstantMap(ArrayRef<int64_t> values, MLIRContext *context) {
  SmallVector<AffineExpr> exprs;
  for (int64_t value : values)
    exprs.push_back(getAffineConstantExpr(value, context));
  return AffineMap::get(/*dimCount=*/0, /*symbolCount=*/0, exprs, context);
}

namespace detail {
LogicalResult inferReturnTypes(MLIRContext *context, std::optional<Location> location, StringRef opName,
                               ValueRange operands, SmallVectorImpl<Type> &types, InferFn infer) {
  ShapeContext ctx(context, [&](const Twine &message) {
    (void)emitOptionalError(location, "'", opName, "' op ", message);
  });
  SmallVector<SymShape> shapes;
  for (Value operand : operands) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type)
      return ctx.fail("needs ranked tensors");
    SymShape &shape = shapes.emplace_back();
    for (int64_t size : type.getShape())
      shape.push_back(ShapedType::isDynamic(size) ? ctx.unknown() : ctx.constant(size));
  }
  SmallVector<SymType> results;
  if (failed(infer(ctx, shapes, results)) || failed(checkResults(ctx, results)))
    return failure();
  for (const SymType &result : results)
    types.push_back(getTensorType(result.shape, result.element));
  return success();
}

LogicalResult checkResults(ShapeContext &ctx, ArrayRef<SymType> results) {
  for (const SymType &result : results) {
    int64_t count = 1;
    for (AffineExpr expr : result.shape) {
      std::optional<int64_t> size = ShapeContext::getConstant(expr);
      bool ranges = false;
      expr.walk([&](AffineExpr e) { ranges |= isa<AffineSymbolExpr>(e); });
      if (!size && ranges)
        continue;
      // Numbers that don't fold have overflowed.
      if (!size)
        return ctx.fail("has a result with too many elements: " + ShapeContext::toString(result.shape));
      if (*size < 0)
        return ctx.fail("has a result with a negative size: " + ShapeContext::toString(result.shape));
      if (llvm::MulOverflow(count, std::max<int64_t>(*size, 1), count))
        return ctx.fail("has a result with too many elements: " + ShapeContext::toString(result.shape));
    }
    if (!isElementType(result.element))
      return ctx.fail("has a result whose element type nn does not have");
  }
  return success();
}

bool compatibleTypes(TypeRange l, TypeRange r) {
  if (l.size() != r.size())
    return false;
  for (auto [x, y] : llvm::zip_equal(l, r)) {
    auto a = dyn_cast<RankedTensorType>(x), b = dyn_cast<RankedTensorType>(y);
    if (!a || !b || a.getElementType() != b.getElementType() || failed(verifyCompatibleShape(a, b)))
      return false;
  }
  return true;
}
} // namespace detail
} // namespace aicc::nn
