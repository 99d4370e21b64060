// Indices and updates, see Indexing.h.

#include "targets/kernel/Indexing.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::kernel;

AxisSplit aicc::kernel::splitAt(KernelEmitter &e, Value tensor, int64_t axis) {
  ArrayRef<AffineExpr> sizes = e.shape(tensor);
  return {e.product(sizes.take_front(axis)), sizes[axis], e.product(sizes.drop_front(axis + 1))};
}

Value aicc::kernel::fromEnd(KernelEmitter &e, Value index, Value size) {
  Value zero = e.constant(0);
  if (index.getType() != zero.getType())
    index = e.b.create<arith::ExtSIOp>(e.loc, zero.getType(), index);
  Value negative = compare(e, arith::CmpIPredicate::slt, index, zero);
  return e.b.create<arith::SelectOp>(e.loc, negative, e.add(index, size), index);
}

Value aicc::kernel::clampIndex(KernelEmitter &e, Value index, Value size) {
  return e.max(e.min(index, e.sub(size, e.constant(1))), e.constant(0));
}

Value aicc::kernel::isInside(KernelEmitter &e, Value index, Value size) {
  return compare(e, arith::CmpIPredicate::ult, index, size); // negative ones are large
}

SmallVector<Value> aicc::kernel::resultPointers(KernelEmitter &e, Operation *root, unsigned i) {
  SmallVector<Value> pointers;
  for (auto [at, yielded] : llvm::enumerate(e.getYield().getValues()))
    if (yielded == root->getResult(i))
      pointers.push_back(e.outputPointer(at));
  return pointers;
}

void aicc::kernel::storeAll(KernelEmitter &e, ArrayRef<Value> pointers, Value value, Value linear,
                            Type element, Value mask) {
  for (Value pointer : pointers)
    e.store(value, pointer, linear, element, mask);
}

Value aicc::kernel::combineUpdate(KernelEmitter &e, nn::ScatterKind kind, Value old, Value update,
                                  Type element) {
  if (kind == nn::ScatterKind::none)
    return update;
  OpBuilder &b = e.b;
  old = toAccumulator(e, old, element), update = toAccumulator(e, update, element);
  auto make = [&](auto op) -> Value { return b.create<decltype(op)>(e.loc, old, update); };
  bool isFloat = isa<FloatType>(element), isUnsigned = element.isUnsignedInteger(),
       isBool = element.isInteger(1);
  Value result;
  switch (kind) {
  case nn::ScatterKind::add:
    result = isFloat ? make(arith::AddFOp()) : isBool ? make(arith::OrIOp()) : make(arith::AddIOp());
    break;
  case nn::ScatterKind::mul:
    result = isFloat ? make(arith::MulFOp()) : isBool ? make(arith::AndIOp()) : make(arith::MulIOp());
    break;
  case nn::ScatterKind::max:
    result = isFloat                ? make(arith::MaximumFOp())
             : isUnsigned || isBool ? make(arith::MaxUIOp())
                                    : make(arith::MaxSIOp());
    break;
  default:
    result = isFloat                ? make(arith::MinimumFOp())
             : isUnsigned || isBool ? make(arith::MinUIOp())
                                    : make(arith::MinSIOp());
    break;
  }
  return fromAccumulator(e, result, element);
}
