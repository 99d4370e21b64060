#include "targets/gpu/codegen/ConvShape.h"
#include "targets/kernel/Collapse.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

FailureOr<ConvShape> ConvShape::create(Operation *op, nn::SymbolicShapes &shapes) {
  ConvShape conv;
  conv.op = op;
  Value input, filter;
  auto take = [&](auto root) {
    input = root.getInput(), filter = root.getFilter(), conv.bias = root.getBias();
    conv.result = root.getResult();
    conv.groups = root.getGroups();
    conv.strides.assign(root.getStrides().begin(), root.getStrides().end());
    conv.dilations.assign(root.getDilations().begin(), root.getDilations().end());
    conv.low.assign(root.getPadsLow().begin(), root.getPadsLow().end());
  };
  if (auto root = dyn_cast<nn::ConvOp>(op)) {
    if (root.getBlock())
      return failure();
    take(root);
  } else if (auto root = dyn_cast<nn::ConvTransposeOp>(op)) {
    take(root);
    conv.transposed = true;
  } else {
    return failure();
  }
  auto type = cast<RankedTensorType>(filter.getType());
  if (!type.hasStaticShape() || type.getRank() < 3)
    return failure();
  ArrayRef<int64_t> sizes = type.getShape();
  conv.inputs = conv.transposed ? sizes[0] / conv.groups : sizes[1];
  conv.outputs = conv.transposed ? sizes[1] : sizes[0] / conv.groups;
  conv.kernel.assign(sizes.begin() + 2, sizes.end());
  ArrayRef<AffineExpr> in = shapes.get(input), out = shapes.get(conv.result);
  conv.images = out[0];
  conv.inner.assign(in.begin() + 2, in.end());
  conv.outer.assign(out.begin() + 2, out.end());
  conv.pixels = out[0];
  for (AffineExpr size : conv.outer)
    conv.pixels = conv.pixels * size;
  if (conv.outputs == 0 || conv.depth() == 0)
    return failure();
  return conv;
}

int64_t ConvShape::depth() const {
  int64_t product = inputs;
  for (int64_t size : kernel)
    product *= size;
  return product;
}

bool ConvShape::mergeSpatial(exe::DispatchOp dispatch, nn::SymbolicShapes &shapes) {
  if (rank() < 2)
    return false;
  // Everything at the result's sizes: the epilogue's values and what it reads, but nothing that the root
  // does.
  SmallVector<Value> values;
  Block &body = dispatch.getBody().front();
  llvm::SmallDenseSet<Value> operands;
  for (Value operand : op->getOperands())
    for (Value v = operand; v; v = v.getDefiningOp() ? v.getDefiningOp()->getOperand(0) : Value())
      operands.insert(v);
  for (Value v : operands)
    if (llvm::any_of(v.getUsers(), [&](Operation *user) {
          return user != op && !(user->getNumResults() == 1 && operands.contains(user->getResult(0)));
        }))
      return false;
  for (BlockArgument arg : body.getArguments())
    if (!operands.contains(arg))
      values.push_back(arg);
  for (Operation &other : body.without_terminator()) {
    if (operands.contains(other.getResult(0)))
      continue;
    auto constant = dyn_cast<nn::ConstantOp>(other);
    if (&other != op && !isa<nn::ElementwiseOpInterface>(other) &&
        !(constant && constant.getValue().isSplat()))
      return false;
    values.push_back(other.getResult(0));
  }
  SmallVector<AffineExpr> full(shapes.get(result));
  if (llvm::any_of(values, [&](Value v) { return shapes.get(v).size() > full.size(); }))
    return false;
  SmallVector<bool> merge = kernel::findMergeable(values, full, /*keep=*/0, shapes);
  for (unsigned d = 0; d < merge.size(); ++d) {
    if (d < 2)
      merge[d] = false;
    else if (d + 1 < full.size() && !merge[d])
      return false;
  }
  kernel::mergeDimensions(values, merge, shapes);
  return true;
}

bool ConvShape::findViews(GpuEmitter &e) {
  input = e.view(op->getOperand(0)), filter = e.view(op->getOperand(1));
  if (!input || !filter)
    return false;
  filterLinear = !transposed;
  int64_t expected = 1;
  for (int d = int(rank()); d >= 0; --d) {
    int64_t size = d ? kernel[d - 1] : inputs;
    if (size > 1 && GpuEmitter::getConstant(filter->strides[1 + d]) != expected)
      filterLinear = false;
    expected *= size;
  }
  return true;
}

bool ConvShape::isPointwise(GpuEmitter &e) const {
  auto all = [](ArrayRef<int64_t> values, int64_t wanted) {
    return llvm::all_of(values, [&](int64_t v) { return v == wanted; });
  };
  if (transposed || !all(kernel, 1) || !all(strides, 1) || !all(low, 0))
    return false;
  AffineExpr expected = e.expr(1);
  for (int d = int(rank()) - 1; d >= 0; --d) {
    if (!e.shapes.equal(inner[d], outer[d]) || !e.shapes.equal(input->strides[2 + d], expected))
      return false;
    expected = expected * inner[d];
  }
  return true;
}

bool ConvShape::mayLeave(unsigned d) const {
  if (transposed || low[d] != 0)
    return true;
  auto in = GpuEmitter::getConstant(inner[d]), out = GpuEmitter::getConstant(outer[d]);
  return !in || !out || (*out - 1) * strides[d] + (kernel[d] - 1) * dilations[d] >= *in;
}

Value ConvShape::emitDepth(GpuEmitter &e) const {
  Value result = e.constant(depth());
  for (AffineExpr size : inner) {
    auto known = GpuEmitter::getConstant(size);
    if (known && *known > 0)
      continue;
    Value none = e.compare(mlir::arith::CmpIPredicate::eq, e.size(size), e.constant(0));
    result = e.b.create<mlir::arith::SelectOp>(e.loc, none, e.constant(0), result);
  }
  return result;
}
