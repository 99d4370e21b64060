// See Reference.h.

#include "compiler/Reference.h"
#include "dialects/nn/EvaluateFunction.h"
#include "dialects/nn/NN.h"
#include "dialects/nn/NNControl.h"
#include "dialects/nn/NNDynamic.h"
#include "mlir/IR/IRMapping.h"
#include <cmath>
#include <cstring>

using namespace mlir;

namespace aicc {

//===--- comparing
//----------------------------------------------------------------------------------------===//

/// "[1, 0, 3]" of a row-major index.
static std::string getPosition(ArrayRef<int64_t> shape, int64_t index) {
  SmallVector<int64_t> position(shape.size());
  for (size_t d = shape.size(); d-- > 0; index /= std::max<int64_t>(shape[d], 1))
    position[d] = index % std::max<int64_t>(shape[d], 1);
  std::string text = "[";
  for (auto [i, at] : llvm::enumerate(position))
    text += (i ? ", " : "") + std::to_string(at);
  return text + "]";
}

static std::string format(const char *text, double a, double b) {
  char line[128];
  std::snprintf(line, sizeof(line), text, a, b);
  return line;
}

static std::string getShapeText(ArrayRef<int64_t> shape) {
  std::string text;
  for (int64_t size : shape)
    text += (text.empty() ? "" : "x") + std::to_string(size);
  return text.empty() ? "a scalar" : text;
}

/// What the elements of a type can hold, relative to the largest.
static double getResolution(Type element) {
  if (element.isF16())
    return 4e-3;
  return element.isBF16() ? 3e-2 : 0;
}

Difference compareTensors(const nn::Tensor &want, const nn::Tensor &got, double tolerance) {
  Difference difference;
  if (want.getShape() != got.getShape()) {
    difference.isWrong = true;
    difference.relative = INFINITY;
    difference.what = "is " + getShapeText(got.getShape()) + " instead of " + getShapeText(want.getShape());
    return difference;
  }
  const bool isFloat = isa<FloatType>(want.getElementType());
  const int64_t count = want.getNumElements();
  int64_t at = -1, wrong = 0;
  double top = 0, worst = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (!isFloat) {
      // Integers beyond 2^53 have digits that doubles don't.
      const int64_t a = want.getInt(i), b = got.getInt(i);
      if (a == b)
        continue;
      ++wrong;
      const double error = std::fabs(double(a) - double(b));
      if (at < 0 || error > worst) {
        worst = std::max(error, 1.0);
        at = i;
      }
      continue;
    }
    const double a = want.getDouble(i), b = got.getDouble(i);
    if (std::isfinite(a) && std::isfinite(b)) {
      top = std::max(top, std::fabs(a));
      if (std::fabs(a - b) > worst) {
        worst = std::fabs(a - b);
        if (!difference.isWrong)
          at = i;
      }
    } else if (!(std::isnan(a) && std::isnan(b)) && a != b && !difference.isWrong) {
      difference.isWrong = true;
      difference.relative = INFINITY;
      at = i;
    }
  }
  if (difference.isWrong) {
    difference.what = "is" + format(" %g instead of %g at ", got.getDouble(at), want.getDouble(at)) +
                      getPosition(want.getShape(), at);
    return difference;
  }
  if (at < 0)
    return difference;
  if (!isFloat) {
    const bool rounds = nn::getElementSize(want.getElementType()) == 1 && !want.getElementType().isInteger(1);
    difference.isWrong = !(rounds && worst <= 1 && wrong <= std::max<int64_t>(1, count / 100));
    difference.relative = difference.isWrong ? INFINITY : 0;
    difference.what = "differs in " + std::to_string(wrong) + " of " + std::to_string(count) +
                      " elements, at " + getPosition(want.getShape(), at) + ": " +
                      std::to_string(got.getInt(at)) + " instead of " + std::to_string(want.getInt(at));
    return difference;
  }
  difference.relative = worst / (top > 0 ? top : worst);
  // Below the smallest normal number, digits are fewer.
  difference.isWrong =
      worst > std::max(tolerance, getResolution(want.getElementType())) * top && worst > 1e-37;
  difference.what = format("differs by %.3g, where the largest value is %.3g, at ", worst, top) +
                    getPosition(want.getShape(), at) +
                    format(": %.7g instead of %.7g", got.getDouble(at), want.getDouble(at));
  return difference;
}

nn::Tensor makeTensor(const HostTensor &array, Type element) {
  nn::Tensor tensor(RankedTensorType::get(array.dims, element));
  MutableArrayRef<char> bytes = tensor.getMutableBytes();
  std::memcpy(bytes.data(), array.bytes.data(), std::min(bytes.size(), array.bytes.size()));
  return tensor;
}

//===--- running
//------------------------------------------------------------------------------------------===//

static LogicalResult evaluateDispatch(exe::DispatchOp dispatch, nn::EvalContext &ctx,
                                      ArrayRef<nn::Tensor> inputs, SmallVectorImpl<nn::Tensor> &results) {
  llvm::DenseMap<Value, nn::Tensor> local;
  Block &body = dispatch.getBody().front();
  for (auto [argument, input] : llvm::zip_equal(body.getArguments(), inputs))
    local[argument] = input;
  for (Operation &op : body.without_terminator()) {
    SmallVector<nn::Tensor> operands, produced;
    for (Value operand : op.getOperands())
      operands.push_back(local.lookup(operand));
    if (failed(nn::evaluate(&op, ctx, operands, produced)))
      return failure();
    for (auto [result, tensor] : llvm::zip_equal(op.getResults(), produced))
      local[result] = tensor;
  }
  for (Value value : body.getTerminator()->getOperands())
    results.push_back(local.lookup(value));
  return success();
}

/// Puts the operations of dispatches inside `op`'s regions in the dispatches' places.
static void takeApart(Operation *op) {
  SmallVector<exe::DispatchOp> dispatches;
  op->walk([&](exe::DispatchOp dispatch) { dispatches.push_back(dispatch); });
  for (exe::DispatchOp dispatch : dispatches) {
    OpBuilder builder(dispatch);
    IRMapping mapping;
    Block &body = dispatch.getBody().front();
    mapping.map(body.getArguments(), dispatch.getInputs());
    for (Operation &inner : body.without_terminator())
      builder.clone(inner, mapping);
    for (auto [result, value] : llvm::zip_equal(dispatch.getResults(), body.getTerminator()->getOperands()))
      result.replaceAllUsesWith(mapping.lookupOrDefault(value));
    dispatch.erase();
  }
}

LogicalResult evaluateDispatched(func::FuncOp func, nn::EvalContext &ctx, ArrayRef<nn::Tensor> arguments,
                                 ResultHook hook, SmallVectorImpl<nn::Tensor> &results) {
  if (failed(nn::bindSymbols(func, ctx, arguments)))
    return failure();
  llvm::DenseMap<Value, nn::Tensor> tensors;
  Block &block = func.getBody().front();
  for (auto [argument, tensor] : llvm::zip_equal(block.getArguments(), arguments))
    tensors[argument] = tensor;
  llvm::DenseMap<Value, Operation *> last;
  for (Operation &op : block) {
    if (op.getNumRegions() && !isa<exe::DispatchOp>(op))
      takeApart(&op);
    op.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (operand.getParentBlock() == &block)
          last[operand] = &op;
    });
  }
  /// What is not computed from arguments is constant: found when it is needed, and not kept.
  auto get = [&](Value value) -> nn::Tensor {
    if (auto found = tensors.find(value); found != tensors.end())
      return found->second;
    FailureOr<nn::Tensor> constant = nn::evaluateConstant(value, ctx);
    return succeeded(constant) ? *constant : nn::Tensor();
  };
  for (Operation &op : block.without_terminator()) {
    const bool isControl = op.getNumRegions() && !isa<exe::DispatchOp>(op);
    const bool isComputed = isControl || isa<exe::DispatchOp>(op) || op.getNumResults() == 0 ||
                            llvm::any_of(op.getOperands(), [&](Value v) { return tensors.contains(v); });
    if (!isComputed)
      continue;
    SmallVector<nn::Tensor> operands, produced;
    for (Value operand : op.getOperands()) {
      operands.push_back(get(operand));
      if (!operands.back())
        return failure();
    }
    LogicalResult done = success();
    if (auto dispatch = dyn_cast<exe::DispatchOp>(op)) {
      done = evaluateDispatch(dispatch, ctx, operands, produced);
    } else if (isControl) {
      // Bodies see this block's values in `tensors`.
      op.walk([&](Operation *inner) {
        for (Value operand : inner->getOperands())
          if (operand.getParentBlock() == &block && !tensors.contains(operand))
            tensors[operand] = get(operand);
      });
      done = nn::evaluateControl(&op, ctx, tensors, produced);
    } else if (auto bind = dyn_cast<nn::BindSizeOp>(op)) {
      done = nn::evaluateBindSize(bind, ctx, operands.front());
    } else {
      done = nn::evaluate(&op, ctx, operands, produced);
    }
    if (failed(done) || ((isControl || isa<exe::DispatchOp>(op)) && failed(hook(&op, produced))))
      return failure();
    for (auto [result, tensor] : llvm::zip_equal(op.getResults(), produced))
      tensors[result] = tensor;
    op.walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (last.lookup(operand) == &op)
          tensors.erase(operand);
    });
  }
  for (Value value : block.getTerminator()->getOperands()) {
    results.push_back(get(value));
    if (!results.back())
      return failure();
  }
  return success();
}

} // namespace aicc
