// Arithmetic of kernels, see Numbers.h.

#include "targets/kernel/Numbers.h"

using namespace mlir;
using namespace aicc::kernel;

Type aicc::kernel::lanesOf(Type scalar, unsigned lanes) {
  return lanes ? VectorType::get({int64_t(lanes)}, scalar) : scalar;
}

Value aicc::kernel::numberConstant(KernelEmitter &e, Type scalar, double number, unsigned lanes) {
  TypedAttr attr = isa<FloatType>(scalar) ? TypedAttr(e.b.getFloatAttr(scalar, number))
                                          : TypedAttr(e.b.getIntegerAttr(scalar, int64_t(number)));
  if (lanes)
    attr = DenseElementsAttr::get(cast<ShapedType>(lanesOf(scalar, lanes)), Attribute(attr));
  return e.b.create<arith::ConstantOp>(e.loc, attr);
}

Value aicc::kernel::compare(KernelEmitter &e, arith::CmpIPredicate predicate, Value x, Value y) {
  return e.b.create<arith::CmpIOp>(e.loc, predicate, x, y);
}
Value aicc::kernel::addf(KernelEmitter &e, Value x, Value y) {
  return e.b.create<arith::AddFOp>(e.loc, x, y);
}
Value aicc::kernel::subf(KernelEmitter &e, Value x, Value y) {
  return e.b.create<arith::SubFOp>(e.loc, x, y);
}
Value aicc::kernel::mulf(KernelEmitter &e, Value x, Value y) {
  return e.b.create<arith::MulFOp>(e.loc, x, y);
}
Value aicc::kernel::divf(KernelEmitter &e, Value x, Value y) {
  return e.b.create<arith::DivFOp>(e.loc, x, y);
}

Value aicc::kernel::quickMax(KernelEmitter &e, Value x, Value y) {
  // The processor's max(y, x): x unless y is larger.
  Value larger = e.b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::OGT, y, x);
  return e.b.create<arith::SelectOp>(e.loc, larger, y, x);
}

Value aicc::kernel::masked(KernelEmitter &e, Value mask, Value value, Value neutral) {
  return mask ? e.b.create<arith::SelectOp>(e.loc, mask, value, neutral).getResult() : value;
}

Value aicc::kernel::fold(ValueRange values, llvm::function_ref<Value(Value, Value)> combine) {
  SmallVector<Value> list(values);
  while (list.size() > 1) {
    SmallVector<Value> next;
    for (size_t i = 0; i + 1 < list.size(); i += 2)
      next.push_back(combine(list[i], list[i + 1]));
    if (list.size() % 2)
      next.push_back(list.back());
    list = next;
  }
  return list[0];
}

Value aicc::kernel::foldLanes(KernelEmitter &e, Value vector,
                              llvm::function_ref<Value(Value, Value)> combine) {
  auto type = dyn_cast<VectorType>(vector.getType());
  if (!type)
    return vector;
  for (int64_t n = type.getNumElements(); n > 1; n /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < n / 2; ++i)
      low.push_back(i), high.push_back(n / 2 + i);
    Value x = e.b.create<vector::ShuffleOp>(e.loc, vector, vector, low);
    Value y = e.b.create<vector::ShuffleOp>(e.loc, vector, vector, high);
    vector = combine(x, y);
  }
  return e.b.create<vector::ExtractOp>(e.loc, vector, int64_t(0));
}

Value aicc::kernel::softmaxExp(KernelEmitter &e, Value x) {
  Type scalar = getElementTypeOrSelf(x.getType());
  auto vector = dyn_cast<VectorType>(x.getType());
  unsigned lanes = vector ? vector.getNumElements() : 0;
  Value cut = numberConstant(e, scalar, scalar.isF64() ? -700.0 : -80.0, lanes);
  Value counts = e.b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::UGE, x, cut);
  Value power = e.b.create<math::ExpOp>(e.loc, x);
  return e.b.create<arith::SelectOp>(e.loc, counts, power, numberConstant(e, scalar, 0, lanes));
}

Value aicc::kernel::reciprocalSqrt(KernelEmitter &e, Value x) {
  Type scalar = getElementTypeOrSelf(x.getType());
  auto vector = dyn_cast<VectorType>(x.getType());
  Value one = numberConstant(e, scalar, 1.0, vector ? vector.getNumElements() : 0);
  return divf(e, one, e.b.create<math::SqrtOp>(e.loc, x));
}

Value aicc::kernel::multiplyAdd(KernelEmitter &e, Value x, Value y, Value acc) {
  Type element = getElementTypeOrSelf(x.getType());
  if (isa<FloatType>(element))
    return e.b.create<math::FmaOp>(e.loc, x, y, acc);
  return e.b.create<arith::AddIOp>(e.loc, acc, e.b.create<arith::MulIOp>(e.loc, x, y));
}

Type aicc::kernel::getAccumulatorType(OpBuilder &b, Type element) {
  if (isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32)
    return b.getF32Type();
  if (auto integer = dyn_cast<IntegerType>(element))
    return b.getIntegerType(integer.getWidth());
  return element;
}

static Type replaceElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return VectorType::get(vector.getShape(), element);
  return element;
}

Value aicc::kernel::toAccumulator(KernelEmitter &e, Value value, Type element) {
  Type wanted = getAccumulatorType(e.b, element);
  if (isa<FloatType>(wanted) && wanted != element)
    return e.b.create<arith::ExtFOp>(e.loc, replaceElement(value.getType(), wanted), value);
  return value;
}

Value aicc::kernel::fromAccumulator(KernelEmitter &e, Value value, Type element) {
  Type wanted = getAccumulatorType(e.b, element);
  if (isa<FloatType>(wanted) && wanted != element)
    return e.b.create<arith::TruncFOp>(e.loc, replaceElement(value.getType(), element), value);
  return value;
}
