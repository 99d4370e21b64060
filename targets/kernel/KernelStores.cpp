// Stores: a root's coordinates are mapped forward through trailing reshapes and transposes to where the
// result lies.

#include "passes/dispatch/Views.h"
#include "targets/kernel/KernelEmitter.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::kernel;

Value KernelEmitter::peelViews(Value yielded, Value root, SmallVector<Operation *> &chain) {
  while (root && yielded != root &&
         isa_and_present<nn::ReshapeOp, nn::TransposeOp>(yielded.getDefiningOp())) {
    chain.push_back(yielded.getDefiningOp());
    yielded = yielded.getDefiningOp()->getOperand(0);
  }
  std::reverse(chain.begin(), chain.end());
  return yielded;
}

bool KernelEmitter::mapThroughChain(ArrayRef<Operation *> chain, Coord &c, unsigned lanes) {
  for (Operation *op : chain) {
    if (auto transpose = dyn_cast<nn::TransposeOp>(op)) {
      Coord next{{}, -1, c.laneStride};
      for (auto [i, p] : llvm::enumerate(transpose.getPerm())) {
        next.idx.push_back(c.idx[p]);
        if (int(p) == c.lane)
          next.lane = i;
      }
      c = next;
      continue;
    }
    std::optional<Coord> next = mapReshape(shape(op->getOperand(0)), shape(op->getResult(0)), c);
    if (!next)
      return false;
    c = *next;
  }
  return true;
}

bool KernelEmitter::canStoreVectors(Value root, int lane, unsigned lanes) {
  // The root's own result will be bound when the stores are emitted.
  bool isBound = !root || bound.contains(root);
  if (!isBound)
    bound[root] = root;
  auto release = llvm::make_scope_exit([&] {
    if (!isBound)
      bound.erase(root);
  });
  for (Value yielded : getYield().getValues()) {
    SmallVector<Operation *> chain;
    Value value = peelViews(yielded, root, chain);
    if (!canVectorize(value, lane, lanes))
      return false;
    int at = lane;
    for (Operation *op : chain) {
      if (auto transpose = dyn_cast<nn::TransposeOp>(op))
        at = llvm::find(transpose.getPerm(), at) - transpose.getPerm().begin();
      else if (!mapLaneThroughReshape(shape(op->getOperand(0)), shape(op->getResult(0)), shapes, lanes, at) ||
               at < 0)
        return false;
    }
  }
  return true;
}

void KernelEmitter::emitStores(Value root, const Coord &c, unsigned lanes, Value mask) {
  for (unsigned i = 0; i < getYield().getValues().size(); ++i) {
    Value yielded = getYield().getValues()[i];
    SmallVector<Operation *> chain;
    Value source = peelViews(yielded, root, chain);
    Value value = emit(source, c, lanes, mask);
    Coord at = c;
    bool mapped = mapThroughChain(chain, at, lanes);
    assert(mapped && "canStoreVectors was not asked");
    (void)mapped;
    Type element = cast<RankedTensorType>(yielded.getType()).getElementType();
    ArrayRef<AffineExpr> sizes = shape(yielded);
    Value index = constant(0), stride;
    SmallVector<AffineExpr> steps;
    for (unsigned d = 0; d < sizes.size(); ++d) {
      steps.push_back(product(sizes.drop_front(d + 1)));
      Value step = size(steps.back());
      index = add(index, mul(at.idx[d], step));
      if (int(d) == at.lane)
        stride = at.laneStride ? mul(step, at.laneStride) : step;
    }
    if (!stride || getConstant(stride) == 1) {
      unsigned aligned = stride ? alignmentOf(steps, expr(0), at, lanes) : 1;
      store(value, outputPointer(i), index, element, mask, aligned);
      continue;
    }
    for (unsigned l = 0; l < lanes; ++l) { // lanes lie apart: one by one
      auto one = [&] {
        Value lane = b.create<vector::ExtractOp>(loc, value, int64_t(l));
        store(lane, outputPointer(i), add(index, mul(stride, constant(l))), element);
      };
      if (mask)
        ifThen(b.create<vector::ExtractOp>(loc, mask, int64_t(l)), one);
      else
        one();
    }
  }
}
