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
