#include "targets/gpu/codegen/MatMulOperands.h"
#include "passes/graph/Constants.h"
#include "targets/gpu/codegen/MatrixUnitTile.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

void aicc::gpu::transposeWeights(func::FuncOp func, const GpuDescriptor &gpu) {
  func.walk([&](nn::MatMulOp op) {
    auto type = cast<RankedTensorType>(op.getRhs().getType());
    if (op.getTransposeRhs() || type.getRank() != 2 || !type.hasStaticShape() ||
        !isConstantComputable(op.getRhs()) || !findMatrixUnit(gpu, type.getElementType()))
      return;
    OpBuilder b(op);
    Value turned = b.create<nn::TransposeOp>(op.getLoc(), op.getRhs(), ArrayRef<int64_t>{1, 0});
    op.getRhsMutable().assign(turned);
    op.setTransposeRhs(true);
  });
}

MatMulOperands::MatMulOperands(GpuEmitter &e, nn::MatMulOp root)
    : e(e), root(root), lhs(e.view(root.getLhs())), rhs(e.view(root.getRhs())) {
  ArrayRef<AffineExpr> left = e.shape(root.getLhs()), right = e.shape(root.getRhs()),
                       result = e.shape(root.getResult());
  rank = result.size();
  leftRow = left.size() - (root.getTransposeLhs() ? 1 : 2);
  leftDepth = left.size() - (root.getTransposeLhs() ? 2 : 1);
  rightDepth = right.size() - (root.getTransposeRhs() ? 1 : 2);
  rightColumn = right.size() - (root.getTransposeRhs() ? 2 : 1);
  rows = result[rank - 2], columns = result[rank - 1], depth = left[leftDepth];
  batches.assign(result.begin(), result.end() - 2);
  element = e.registerType(cast<RankedTensorType>(root.getType()).getElementType());
}

Value MatMulOperands::batchOffset(Value operand, const View &view, ArrayRef<Value> batch) {
  Value offset = e.size(view.offset);
  ArrayRef<AffineExpr> sizes = e.shape(operand);
  unsigned count = sizes.size() - 2, lead = batch.size() - count;
  for (unsigned d = 0; d < count; ++d) {
    if (GpuEmitter::getConstant(sizes[d]) == 1)
      continue;
    Value index = batch[lead + d];
    if (!e.shapes.equal(sizes[d], e.shape(root.getResult())[lead + d]))
      index = e.mul(index, e.broadcastFactor(sizes[d]));
    offset = e.add(offset, e.mul(index, e.size(view.strides[d])));
  }
  return offset;
}

unsigned MatMulOperands::loadWidth(Value operand, const View &view, unsigned along, unsigned limit) {
  if (GpuEmitter::getConstant(view.strides[along]) != 1)
    return 1;
  auto fits = [&](unsigned width) {
    if (!e.shape(operand)[along].isMultipleOf(width) || !view.offset.isMultipleOf(width))
      return false;
    for (unsigned d = 0; d < view.strides.size(); ++d)
      if (d != along && !view.strides[d].isMultipleOf(width))
        return false;
    return true;
  };
  while (limit > 1 && !fits(limit))
    limit /= 2;
  return std::max(1u, limit);
}

TileOperand MatMulOperands::makeOperand(bool isLeft, Value offset, const TileShape &tile, unsigned limit) {
  Value operand = isLeft ? root.getLhs() : root.getRhs();
  const View &view = isLeft ? *lhs : *rhs;
  unsigned outerDim = isLeft ? leftRow : rightColumn, depthDim = isLeft ? leftDepth : rightDepth;
  unsigned outer = isLeft ? tile.rows : tile.columns;
  TileOperand result;
  result.element = element;
  result.alongOuter = GpuEmitter::getConstant(view.strides[depthDim]) != 1;
  // Every thread should have something to load.
  limit = std::min<unsigned>(limit, std::max(1u, outer * tile.depth / tile.threads));
  result.width = loadWidth(operand, view, result.alongOuter ? outerDim : depthDim, llvm::bit_floor(limit));

  AffineExpr size = e.shape(operand)[outerDim];
  bool exactOuter = size.isMultipleOf(outer), exactDepth = depth.isMultipleOf(tile.depth);
  Value lastOuter = e.sub(e.size(size), e.constant(result.alongOuter ? result.width : 1));
  Value outerStride = e.size(view.strides[outerDim]), depthStride = e.size(view.strides[depthDim]);
  Value base = view.base, K = e.size(depth),
        lastDepth = e.sub(K, e.constant(result.alongOuter ? 1 : result.width));
  unsigned width = result.width;
  result.prepare = [this, offset, exactOuter, lastOuter, outerStride](Value at) {
    if (!exactOuter)
      at = e.min(at, lastOuter);
    return SmallVector<Value>{e.add(offset, e.mul(at, outerStride))};
  };
  auto locate = [this, depthStride](ValueRange prepared, Value k) {
    return e.add(prepared[0], e.mul(k, depthStride));
  };
  result.base = base;
  if (exactDepth)
    result.locate = locate;
  result.load = [this, base, locate, exactDepth, lastDepth, K, width](ValueRange prepared, Value, Value k) {
    Value index = locate(prepared, exactDepth ? k : e.min(k, lastDepth));
    Value value = e.load(base, index, element, width > 1 ? width : 0, Value(), width);
    if (exactDepth)
      return value;
    Value inside = e.compare(arith::CmpIPredicate::slt, k, K);
    return e.b.create<arith::SelectOp>(e.loc, inside, value, zeroOf(e, value.getType())).getResult();
  };
  return result;
}
