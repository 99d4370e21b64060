// Kernels that follow indices or order: running sums, here; the largest elements in TopKKernel.cpp, gathers
// and scatters in GatherScatterKernel.cpp. Their operands lie row-major in memory or are one number; results
// are stored as they are.

#include "targets/cpu/codegen/Indexed.h"
#include "targets/cpu/codegen/Kernels.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/cpu/codegen/Rows.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

//===--- what they share
//-------------------------------------------------------------------------------------------------===//

static bool isSplat(Value v) {
  auto constant = v.getDefiningOp<nn::ConstantOp>();
  return constant && constant.getValue().isSplat();
}

bool aicc::cpu::canReadLinear(CpuEmitter &e, Value v, unsigned lanes) {
  const View *view = e.view(v);
  return isSplat(v) || (view && view->contiguous);
}

Value aicc::cpu::readLinear(CpuEmitter &e, Value v, Value linear, unsigned lanes, Value mask) {
  const View *view = e.view(v);
  if (view && view->contiguous)
    return e.load(view->base, linear, view->element, lanes, mask);
  e.clearMemo();
  Value value = e.emit(v, Coord{e.delinearize(linear, e.shape(v)), -1, Value()});
  e.clearMemo();
  return e.splat(value, lanes);
}

Value aicc::cpu::readIndex(CpuEmitter &e, Value indices, Value linear, Value size) {
  return kernel::fromEnd(e, readLinear(e, indices, linear), size);
}

Value aicc::cpu::relinearize(CpuEmitter &e, Value linear, ArrayRef<AffineExpr> from,
                             ArrayRef<AffineExpr> to) {
  if (llvm::all_of(llvm::zip_equal(from, to),
                   [&](auto pair) { return e.shapes.equal(std::get<0>(pair), std::get<1>(pair)); }))
    return linear;
  Value result = e.constant(0);
  for (auto [index, size] : llvm::zip_equal(e.delinearize(linear, from), to))
    result = e.add(e.mul(result, e.size(size)), index);
  return result;
}

void aicc::cpu::copyLinear(CpuEmitter &e, Value v, Value from, ArrayRef<Value> pointers, Value to,
                           Value count) {
  Type element = cast<RankedTensorType>(v.getType()).getElementType();
  unsigned lanes =
      canReadLinear(e, v, e.cpu.getLanes()) && CpuEmitter::getConstant(count) != 1 ? e.cpu.getLanes() : 0;
  sweep(e, count, std::max(1u, lanes), [&](Value i, Value mask) {
    storeAll(e, pointers, readLinear(e, v, e.add(from, i), lanes, mask), e.add(to, i), element, mask);
  });
}

void aicc::cpu::forEachShare(CpuEmitter &e, Value count, int64_t each, llvm::function_ref<void(Value)> body) {
  Value share = e.constant(each);
  e.loop(e.mul(e.begin, share), e.min(e.mul(e.end, share), count), e.constant(1), [&](Value i) {
    e.clearMemo();
    body(i);
    e.clearMemo();
  });
}

//===--- running sums
//----------------------------------------------------------------------------------------------------===//

Launch aicc::cpu::emitCumSum(CpuEmitter &e, nn::CumSumOp root) {
  Value input = root.getInput();
  Type element = cast<RankedTensorType>(input.getType()).getElementType();
  AxisSplit split = splitAt(e, input, root.getAxis());
  Value size = e.size(split.size), inner = e.size(split.inner);
  // Lanes run beside the axis.
  unsigned lanes = CpuEmitter::getConstant(split.inner) != 1 && canReadLinear(e, input, e.cpu.getLanes())
                       ? e.cpu.getLanes()
                       : 0;
  int64_t width = std::max(1u, lanes);
  AffineExpr blocks = split.inner.ceilDiv(width), rows = split.outer * blocks;
  int64_t each =
      kIndexedPiece / std::max<int64_t>(1, width * CpuEmitter::getConstant(split.size).value_or(64));
  each = std::max<int64_t>(1, each);
  SmallVector<Value> pointers = resultPointers(e, root, 0);
  forEachShare(e, e.size(rows), each, [&](Value row) {
    Value blockCount = e.size(blocks), outer = e.div(row, blockCount),
          column = e.mul(e.rem(row, blockCount), e.constant(width));
    Value mask = lanes ? e.maskOf(e.sub(inner, column), lanes) : Value();
    Value first = e.add(e.mul(e.mul(outer, size), inner), column);
    Value zero = numberConstant(e, getAccumulatorType(e.b, element), 0, lanes);
    e.loop(e.constant(0), size, e.constant(1), zero, [&](Value i, ValueRange carried) {
      Value at = root.getReverse() ? e.sub(e.sub(size, e.constant(1)), i) : i;
      Value linear = e.add(first, e.mul(at, inner));
      Value x = toAccumulator(e, readLinear(e, input, linear, lanes, mask), element), sum;
      if (isa<FloatType>(element))
        sum = addf(e, carried[0], x);
      else
        sum = e.b.create<arith::AddIOp>(e.loc, carried[0], x);
      storeAll(e, pointers, fromAccumulator(e, root.getExclusive() ? carried[0] : sum, element), linear,
               element, mask);
      return SmallVector<Value>{sum};
    });
  });
  return e.finish(rows.ceilDiv(each));
}

//===--- the list
//--------------------------------------------------------------------------------------------------------===//

FailureOr<Launch> aicc::cpu::emitIndexed(KernelRequest &request) {
  CpuEmitter e(request.module, request.name, request.dispatch, request.shapes, request.cpu);
  Operation *root = nullptr;
  for (Operation &op : e.getBody())
    if (isa<nn::CumSumOp, nn::TopKOp, nn::GatherElementsOp, nn::GatherNdOp, nn::ScatterElementsOp,
            nn::ScatterNdOp>(op))
      root = &op;
  bool ok =
      root &&
      llvm::all_of(root->getOperands(), [&](Value operand) { return e.canVectorize(operand, -1, 0); }) &&
      llvm::all_of(e.getYield().getValues(), [&](Value v) { return v.getDefiningOp() == root; });
  if (!ok) {
    e.abandon();
    return failure();
  }
  if (auto op = dyn_cast<nn::CumSumOp>(root))
    return emitCumSum(e, op);
  if (auto op = dyn_cast<nn::TopKOp>(root))
    return emitTopK(e, op);
  if (auto op = dyn_cast<nn::GatherElementsOp>(root))
    return emitGatherElements(e, op);
  if (auto op = dyn_cast<nn::GatherNdOp>(root))
    return emitGatherNd(e, op);
  if (auto op = dyn_cast<nn::ScatterElementsOp>(root))
    return emitScatterElements(e, op);
  return emitScatterNd(e, cast<nn::ScatterNdOp>(root));
}
