// Helpers of row kernels, see Rows.h.

#include "targets/cpu/codegen/Rows.h"

using namespace mlir;
using namespace aicc::cpu;

SmallVector<Value> aicc::cpu::ifElse(CpuEmitter &e, Value condition, ValueRange otherwise,
                                     llvm::function_ref<SmallVector<Value>()> body) {
  auto op = e.b.create<scf::IfOp>(e.loc, otherwise.getTypes(), condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToStart(op.thenBlock());
  e.b.create<scf::YieldOp>(e.loc, body());
  e.b.setInsertionPointToStart(op.elseBlock());
  e.b.create<scf::YieldOp>(e.loc, otherwise);
  return SmallVector<Value>(op.getResults());
}

SmallVector<Value> aicc::cpu::replicate(ValueRange once, unsigned copies) {
  SmallVector<Value> all;
  for (unsigned i = 0; i < copies; ++i)
    all.append(once.begin(), once.end());
  return all;
}

SmallVector<Value> aicc::cpu::sweep(CpuEmitter &e, Value count, unsigned step, unsigned copies,
                                    ValueRange init, SweepBody body) {
  SmallVector<Value> state(init);
  unsigned each = state.size() / copies;
  auto run = [&](unsigned copy, Value i, Value mask, SmallVector<Value> &values) {
    e.clearMemo();
    SmallVector<Value> next = body(i, mask, ValueRange(values).slice(copy * each, each));
    std::copy(next.begin(), next.end(), values.begin() + copy * each);
    e.clearMemo();
  };
  int64_t width = int64_t(step) * copies;
  auto known = CpuEmitter::getConstant(count);
  Value whole =
      known ? e.constant(*known / width * width) : e.mul(e.div(count, e.constant(width)), e.constant(width));
  if (!known || *known >= width)
    state = e.loop(e.constant(0), whole, e.constant(width), state, [&](Value i, ValueRange carried) {
      SmallVector<Value> values(carried);
      for (unsigned copy = 0; copy < copies; ++copy)
        run(copy, e.add(i, e.constant(copy * step)), Value(), values);
      return values;
    });
  if (known) {
    int64_t at = *known / width * width;
    unsigned copy = 0;
    for (; at + step <= *known; at += step)
      run(copy++, e.constant(at), Value(), state);
    if (at < *known)
      run(copy, e.constant(at), e.maskOf(e.constant(*known - at), step), state);
    return state;
  }
  if (copies > 1) { // single steps into the first copy
    Value single = e.mul(e.div(count, e.constant(step)), e.constant(step));
    SmallVector<Value> first(state.begin(), state.begin() + each);
    first = e.loop(whole, single, e.constant(step), first, [&](Value i, ValueRange carried) {
      SmallVector<Value> values(carried);
      run(0, i, Value(), values);
      return values;
    });
    std::copy(first.begin(), first.end(), state.begin());
    whole = single;
  }
  if (step == 1)
    return state;
  Value some = compare(e, arith::CmpIPredicate::slt, whole, count);
  SmallVector<Value> last(state.end() - each, state.end());
  auto tail = [&] {
    SmallVector<Value> values = state;
    run(copies - 1, whole, e.maskOf(e.sub(count, whole), step), values);
    return SmallVector<Value>(values.end() - each, values.end());
  };
  if (each == 0) {
    e.ifThen(some, [&] { tail(); });
    return state;
  }
  last = ifElse(e, some, last, tail);
  std::copy(last.begin(), last.end(), state.end() - each);
  return state;
}

void aicc::cpu::sweep(CpuEmitter &e, Value count, unsigned step,
                      llvm::function_ref<void(Value, Value)> body) {
  sweep(e, count, step, 1, {}, [&](Value i, Value mask, ValueRange) {
    body(i, mask);
    return SmallVector<Value>();
  });
}

Type aicc::cpu::lanesOf(Type scalar, unsigned lanes) {
  return lanes ? VectorType::get({int64_t(lanes)}, scalar) : scalar;
}

Value aicc::cpu::numberConstant(CpuEmitter &e, Type scalar, double number, unsigned lanes) {
  TypedAttr attr = isa<FloatType>(scalar) ? TypedAttr(e.b.getFloatAttr(scalar, number))
                                          : TypedAttr(e.b.getIntegerAttr(scalar, int64_t(number)));
  if (lanes)
    attr = DenseElementsAttr::get(cast<ShapedType>(lanesOf(scalar, lanes)), Attribute(attr));
  return e.b.create<arith::ConstantOp>(e.loc, attr);
}

Value aicc::cpu::compare(CpuEmitter &e, arith::CmpIPredicate predicate, Value x, Value y) {
  return e.b.create<arith::CmpIOp>(e.loc, predicate, x, y);
}
Value aicc::cpu::addf(CpuEmitter &e, Value x, Value y) { return e.b.create<arith::AddFOp>(e.loc, x, y); }
Value aicc::cpu::subf(CpuEmitter &e, Value x, Value y) { return e.b.create<arith::SubFOp>(e.loc, x, y); }
Value aicc::cpu::mulf(CpuEmitter &e, Value x, Value y) { return e.b.create<arith::MulFOp>(e.loc, x, y); }
Value aicc::cpu::divf(CpuEmitter &e, Value x, Value y) { return e.b.create<arith::DivFOp>(e.loc, x, y); }

Value aicc::cpu::quickMax(CpuEmitter &e, Value x, Value y) {
  // The processor's max(y, x): x unless y is larger.
  Value larger = e.b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::OGT, y, x);
  return e.b.create<arith::SelectOp>(e.loc, larger, y, x);
}

Value aicc::cpu::masked(CpuEmitter &e, Value mask, Value value, Value neutral) {
  return mask ? e.b.create<arith::SelectOp>(e.loc, mask, value, neutral).getResult() : value;
}

Value aicc::cpu::fold(ValueRange values, llvm::function_ref<Value(Value, Value)> combine) {
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

Value aicc::cpu::foldLanes(CpuEmitter &e, Value vector, llvm::function_ref<Value(Value, Value)> combine) {
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

Value aicc::cpu::softmaxExp(CpuEmitter &e, Value x) {
  Type scalar = getElementTypeOrSelf(x.getType());
  auto vector = dyn_cast<VectorType>(x.getType());
  unsigned lanes = vector ? vector.getNumElements() : 0;
  Value cut = numberConstant(e, scalar, scalar.isF64() ? -700.0 : -80.0, lanes);
  Value counts = e.b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::UGE, x, cut);
  Value power = e.b.create<math::ExpOp>(e.loc, x);
  return e.b.create<arith::SelectOp>(e.loc, counts, power, numberConstant(e, scalar, 0, lanes));
}

Value aicc::cpu::reciprocalSqrt(CpuEmitter &e, Value x) {
  Type scalar = getElementTypeOrSelf(x.getType());
  auto vector = dyn_cast<VectorType>(x.getType());
  Value one = numberConstant(e, scalar, 1.0, vector ? vector.getNumElements() : 0);
  return divf(e, one, e.b.create<math::SqrtOp>(e.loc, x));
}
