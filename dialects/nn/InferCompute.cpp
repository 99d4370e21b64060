// Sizes and element types of reductions, normalizations, contractions, attention and recurrent networks.
// Windowed operations (convolution, pooling, resize) are in InferWindow.cpp.

#include "dialects/nn/InferSupport.h"

using namespace mlir;
using namespace aicc::nn;

/// The shape without `axes`, or with 1 in their places.
static SymShape reduceShape(ShapeContext &ctx, const SymShape &input, ArrayRef<int64_t> axes, bool keepdims) {
  SymShape shape;
  for (int64_t i = 0, e = input.size(); i < e; ++i) {
    if (!llvm::is_contained(axes, i))
      shape.push_back(input[i]);
    else if (keepdims)
      shape.push_back(ctx.constant(1));
  }
  return shape;
}

LogicalResult ReduceOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &input = operands[0];
  int64_t previous = -1;
  for (int64_t axis : adaptor.getAxes()) {
    if (failed(checkAxis(ctx, axis, input.size())))
      return failure();
    if (axis <= previous)
      return ctx.fail("'axes' must ascend");
    previous = axis;
  }
  Type element = elementOf(adaptor.getInput());
  bool logical = adaptor.getKind() == ReduceKind::all || adaptor.getKind() == ReduceKind::any;
  if (failed(logical ? checkElement(ctx, element, isBool, "booleans") : checkNumber(ctx, element)))
    return failure();
  return result(results, reduceShape(ctx, input, adaptor.getAxes(), adaptor.getKeepdims()), element);
}

LogicalResult ArgReduceOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  int64_t axis = adaptor.getAxis();
  if (failed(checkAxis(ctx, axis, operands[0].size())) ||
      failed(checkNumber(ctx, elementOf(adaptor.getInput()))))
    return failure();
  if (ctx.getConstant(operands[0][axis]) == 0)
    return ctx.fail("has no elements along axis " + Twine(axis) + " of " +
                    ShapeContext::toString(operands[0]));
  return result(results, reduceShape(ctx, operands[0], axis, adaptor.getKeepdims()),
                IntegerType::get(ctx.getContext(), 64));
}

LogicalResult CumSumOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  Type element = elementOf(adaptor.getInput());
  if (failed(checkAxis(ctx, adaptor.getAxis(), operands[0].size())) || failed(checkNumber(ctx, element)))
    return failure();
  return result(results, operands[0], element);
}

LogicalResult TopKOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  Type element = elementOf(adaptor.getInput());
  SymShape shape = operands[0];
  int64_t axis = adaptor.getAxis();
  if (failed(checkAxis(ctx, axis, shape.size())) || failed(checkNumber(ctx, element)) ||
      failed(checkMap(ctx, "k", adaptor.getK(), 1)))
    return failure();
  AffineExpr k = adaptor.getK().getResult(0);
  if (ctx.getConstant(ctx.simplify(shape[axis] - k)).value_or(0) < 0)
    return ctx.fail("takes " + text(k) + " elements along dimension " + Twine(axis) + " of " +
                    ShapeContext::toString(shape));
  shape[axis] = k;
  results.push_back({shape, element});
  return result(results, shape, IntegerType::get(ctx.getContext(), 64));
}

LogicalResult SoftmaxOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  Type element = elementOf(adaptor.getInput());
  if (failed(checkAxis(ctx, adaptor.getAxis(), operands[0].size())) || failed(checkFloat(ctx, element)))
    return failure();
  return result(results, operands[0], element);
}

//===--- normalizations
//------------------------------------------------------------------------------------------------===//

LogicalResult LayerNormOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  Type element = elementOf(adaptor.getInput());
  if (failed(checkSameElements(ctx, adaptor.getOperands())) || failed(checkFloat(ctx, element)) ||
      failed(checkAxis(ctx, adaptor.getAxis(), operands[0].size())))
    return failure();
  for (const SymShape &parameter : operands.drop_front())
    if (failed(checkBroadcastsTo(ctx, "scale or bias", parameter, operands[0])))
      return failure();
  return result(results, operands[0], element);
}

LogicalResult RmsNormOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  Type element = elementOf(adaptor.getInput());
  if (failed(checkSameElements(ctx, adaptor.getOperands())) || failed(checkFloat(ctx, element)) ||
      failed(checkAxis(ctx, adaptor.getAxis(), operands[0].size())))
    return failure();
  for (const SymShape &parameter : operands.drop_front())
    if (failed(checkBroadcastsTo(ctx, "scale", parameter, operands[0])))
      return failure();
  return result(results, operands[0], element);
}

/// x [N, C, ...]; every further operand is [C].
static LogicalResult inferPerChannel(ShapeContext &ctx, ValueRange values, Shapes operands,
                                     Results &results) {
  Type element = elementOf(values[0]);
  if (failed(checkSameElements(ctx, values)) || failed(checkFloat(ctx, element)) ||
      failed(checkRank(ctx, "input", operands[0], 2, /*atLeast=*/true)))
    return failure();
  for (const SymShape &parameter : operands.drop_front())
    if (failed(checkRank(ctx, "a channel's parameter", parameter, 1)) ||
        failed(unify(ctx, operands[0][1], parameter[0], "numbers of channels")))
      return failure();
  return result(results, operands[0], element);
}

LogicalResult GroupNormOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  int64_t groups = adaptor.getGroups();
  if (failed(inferPerChannel(ctx, adaptor.getOperands(), operands, results)) ||
      failed(checkValues(ctx, "groups", groups, 1, 1)))
    return failure();
  if (ctx.getConstant(operands[0][1]).value_or(0) % groups)
    return ctx.fail("cannot divide the channels of " + ShapeContext::toString(operands[0]) + " into " +
                    Twine(groups) + " groups");
  return success();
}

LogicalResult BatchNormOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  return inferPerChannel(ctx, adaptor.getOperands(), operands, results);
}

LogicalResult LrnOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  int64_t size = adaptor.getSize();
  if (failed(inferPerChannel(ctx, adaptor.getOperands(), operands, results)))
    return failure();
  return checkValues(ctx, "size", size, 1, 1);
}

//===--- contractions
//--------------------------------------------------------------------------------------------------===//

LogicalResult MatMulOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &lhs = operands[0], &rhs = operands[1];
  Type element = elementOf(adaptor.getLhs());
  bool bytes = isByteProduct(element, elementOf(adaptor.getRhs()));
  if (bytes)
    element = IntegerType::get(ctx.getContext(), 32);
  if ((!bytes && failed(checkSameElements(ctx, adaptor.getOperands()))) ||
      failed(checkNumber(ctx, element)) || failed(checkRank(ctx, "lhs", lhs, 2, /*atLeast=*/true)) ||
      failed(checkRank(ctx, "rhs", rhs, 2, /*atLeast=*/true)))
    return failure();
  auto last = [](const SymShape &shape, bool second) { return shape[shape.size() - (second ? 2 : 1)]; };
  bool tl = adaptor.getTransposeLhs(), tr = adaptor.getTransposeRhs();
  if (failed(unify(ctx, last(lhs, tl), last(rhs, !tr),
                   "inner sizes of " + ShapeContext::toString(lhs) + (tl ? " (transposed)" : "") + " and " +
                       ShapeContext::toString(rhs) + (tr ? " (transposed)" : ""))))
    return failure();
  FailureOr<SymShape> shape =
      ctx.broadcast({SymShape(lhs.begin(), lhs.end() - 2), SymShape(rhs.begin(), rhs.end() - 2)});
  if (failed(shape))
    return failure();
  shape->push_back(last(lhs, !tl));
  shape->push_back(last(rhs, tr));
  return result(results, *shape, element);
}

LogicalResult AttentionOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &query = operands[0], &key = operands[1], &value = operands[2];
  Type element = elementOf(adaptor.getQuery());
  if (failed(checkSameElements(ctx, {adaptor.getQuery(), adaptor.getKey(), adaptor.getValue()})) ||
      failed(checkFloat(ctx, element)) || failed(checkRank(ctx, "query", query, 3, /*atLeast=*/true)) ||
      failed(checkRank(ctx, "key", key, query.size())) ||
      failed(checkRank(ctx, "value", value, query.size())))
    return failure();
  size_t heads = query.size() - 3;
  SymShape shape;
  for (size_t i = 0; i < heads; ++i) {
    FailureOr<AffineExpr> size = unify(ctx, query[i], key[i], "leading sizes of query and key");
    if (succeeded(size))
      size = unify(ctx, *size, value[i], "leading sizes of query and value");
    if (failed(size))
      return failure();
    shape.push_back(*size);
  }
  if (failed(unify(ctx, key[heads], value[heads], "heads of key and value")) ||
      failed(unify(ctx, key[heads + 1], value[heads + 1], "lengths of key and value")) ||
      failed(unify(ctx, query[heads + 2], key[heads + 2], "head sizes of query and key")))
    return failure();
  std::optional<int64_t> h = ctx.getConstant(query[heads]), hk = ctx.getConstant(key[heads]);
  if (h && hk && (*hk == 0 ? *h != 0 : *h % *hk != 0))
    return ctx.fail("has " + Twine(*h) + " query heads, which " + Twine(*hk) + " key heads do not divide");
  shape.append({query[heads], query[heads + 1], key[heads + 1]});
  if (Value mask = adaptor.getMask()) {
    if (!isBool(elementOf(mask)) && elementOf(mask) != element)
      return ctx.fail("needs a mask of booleans or of the query's element type, has " +
                      text(elementOf(mask)));
    if (failed(checkBroadcastsTo(ctx, "mask", operands[3], shape)))
      return failure();
  }
  shape.back() = value.back();
  return result(results, shape, element);
}

LogicalResult RopeOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  const SymShape &input = operands[0];
  Type element = elementOf(adaptor.getInput());
  if (failed(checkSameElements(ctx, adaptor.getOperands())) || failed(checkFloat(ctx, element)) ||
      failed(checkRank(ctx, "input", input, 1, /*atLeast=*/true)) ||
      failed(checkBroadcastsTo(ctx, "cos", operands[1], input)) ||
      failed(checkBroadcastsTo(ctx, "sin", operands[2], input)))
    return failure();
  if (ctx.getConstant(input.back()).value_or(0) % 2)
    return ctx.fail("needs an even last size, has " + ShapeContext::toString(input));
  return result(results, input, element);
}

//===--- recurrent networks
//--------------------------------------------------------------------------------------------===//

/// Checks ONNX's operands with `gates` gates; appends y and `states` last states of [dirs, B, H].
template <typename Adaptor>
static LogicalResult inferRecurrent(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results,
                                    int64_t gates, int states, ArrayRef<Value> initial, Value peephole = {}) {
  Type element = elementOf(adaptor.getInput());
  SmallVector<Value> same{adaptor.getInput(), adaptor.getWeights(), adaptor.getRecurrence(),
                          adaptor.getBias(), peephole};
  same.append(initial.begin(), initial.end());
  for (Value value : same)
    if (value && elementOf(value) != element)
      return ctx.fail("needs operands of one element type, has " + text(element) + " and " +
                      text(elementOf(value)));
  const SymShape &x = operands[0], &w = operands[1], &r = operands[2];
  if (failed(checkFloat(ctx, element)) || failed(checkRank(ctx, "input", x, 3)) ||
      failed(checkRank(ctx, "weights", w, 3)) || failed(checkRank(ctx, "recurrence", r, 3)))
    return failure();
  AffineExpr dirs = ctx.constant(adaptor.getDirection() == RnnDirection::bidirectional ? 2 : 1);
  AffineExpr batch = x[1], hidden = r[2], gateRows = ctx.simplify(hidden * gates);
  auto check = [&](const Twine &name, const SymShape &shape, ArrayRef<AffineExpr> wanted) -> LogicalResult {
    bool ok = shape.size() == wanted.size();
    if (ok)
      for (auto [a, b] : llvm::zip_equal(shape, wanted))
        ok &= mayBeEqual(ctx, a, b);
    return ok ? success()
              : ctx.fail(name + " must be " + ShapeContext::toString(wanted) + ", is " +
                         ShapeContext::toString(shape));
  };
  if (failed(check("weights", w, {dirs, gateRows, x[2]})) ||
      failed(check("recurrence", r, {dirs, gateRows, hidden})) ||
      (adaptor.getBias() &&
       failed(check("bias", shapeOf(adaptor, operands, 3), {dirs, ctx.simplify(gateRows * 2)}))))
    return failure();
  if (Value lengths = adaptor.getLengths()) {
    if (!elementOf(lengths).isSignlessInteger(32))
      return ctx.fail("needs lengths of i32, has " + text(elementOf(lengths)));
    if (failed(check("lengths", shapeOf(adaptor, operands, 4), {batch})))
      return failure();
  }
  for (auto [i, value] : llvm::enumerate(initial))
    if (value && failed(check("an initial state", shapeOf(adaptor, operands, 5 + i), {dirs, batch, hidden})))
      return failure();
  if (peephole && failed(check("peephole", shapeOf(adaptor, operands, 7), {dirs, ctx.simplify(hidden * 3)})))
    return failure();
  results.push_back({SymShape{x[0], dirs, batch, hidden}, element});
  for (int i = 0; i < states; ++i)
    results.push_back({SymShape{dirs, batch, hidden}, element});
  return success();
}

LogicalResult LstmOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  return inferRecurrent(ctx, adaptor, operands, results, /*gates=*/4, /*states=*/2,
                        {adaptor.getInitialH(), adaptor.getInitialC()}, adaptor.getPeephole());
}

LogicalResult GruOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  return inferRecurrent(ctx, adaptor, operands, results, /*gates=*/3, /*states=*/1, {adaptor.getInitialH()});
}

LogicalResult RnnOp::infer(ShapeContext &ctx, Adaptor adaptor, Shapes operands, Results &results) {
  return inferRecurrent(ctx, adaptor, operands, results, /*gates=*/1, /*states=*/1, {adaptor.getInitialH()});
}
