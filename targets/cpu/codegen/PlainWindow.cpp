// Loops over the taps of windows in plain layout, see PlainWindow.h.

#include "targets/cpu/codegen/PlainWindow.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

Value PlainWindow::tapsBefore(Value x, unsigned d) {
  return e.min(e.ceilDiv(e.max(x, e.constant(0)), e.constant(dilations[d])), e.constant(kernel[d]));
}

Value PlainWindow::lanesWithin(Value at, Value size, bool below) {
  unsigned lanes = e.cpu.getLanes();
  auto lanesBefore = [&](Value distance) {
    return e.maskOf(e.ceilDiv(e.max(distance, e.constant(0)), e.constant(stride())), lanes);
  };
  Value inside = lanesBefore(e.sub(size, at));
  if (!below)
    return inside;
  Value outside = lanesBefore(e.sub(e.constant(0), at));
  Value ones =
      e.b.create<arith::ConstantOp>(e.loc, DenseElementsAttr::get(cast<ShapedType>(outside.getType()), true));
  return e.b.create<arith::AndIOp>(e.loc, inside, e.b.create<arith::XOrIOp>(e.loc, outside, ones));
}

SmallVector<Value> PlainWindow::walk(unsigned d, ArrayRef<Value> outer, Value column, Value phase,
                                     unsigned vectors, Value index, Tap &tap, ValueRange sums, Body body) {
  unsigned lanes = e.cpu.getLanes();
  Value size = e.size(inSizes[d]), stride = e.constant(strides[d]), pitch = e.size(input->strides[2 + d]);
  Value zero = e.constant(0), one = e.constant(1);
  auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) -> Value {
    return e.b.create<arith::CmpIOp>(e.loc, predicate, x, y);
  };
  // Carries `before` through `then` where `condition` holds.
  auto when = [&](Value condition, ValueRange before, llvm::function_ref<SmallVector<Value>()> then) {
    SmallVector<Type> types(before.getTypes());
    auto op = e.b.create<scf::IfOp>(e.loc, types, condition, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToEnd(op.thenBlock());
    SmallVector<Value> next = then();
    e.b.create<scf::YieldOp>(e.loc, next);
    e.b.setInsertionPointToEnd(op.elseBlock());
    e.b.create<scf::YieldOp>(e.loc, before);
    return SmallVector<Value>(op.getResults());
  };
  // Distance of a tap in input elements (transposed: in result elements) from the window's start.
  auto distance = [&](Value k) { return e.mul(k, e.constant(dilations[d])); };

  if (d + 1 < rank()) {
    if (!transposed) {
      Value start = e.sub(e.mul(outer[d], stride), e.constant(low[d]));
      Value first = tapsBefore(e.sub(zero, start), d), last = e.max(tapsBefore(e.sub(size, start), d), first);
      return e.loop(first, last, one, sums, [&](Value k, ValueRange carried) {
        tap.at[d] = k;
        Value next = e.add(index, e.mul(e.add(start, distance(k)), pitch));
        return walk(d + 1, outer, column, phase, vectors, next, tap, carried, body);
      });
    }
    return e.loop(zero, e.constant(kernel[d]), one, sums, [&](Value k, ValueRange carried) {
      tap.at[d] = k;
      Value from = e.sub(e.add(outer[d], e.constant(low[d])), distance(k));
      Value at = e.div(e.max(from, zero), stride);
      Value whole = compare(arith::CmpIPredicate::eq, e.mul(at, stride), from);
      Value within = e.b.create<arith::AndIOp>(e.loc, whole, compare(arith::CmpIPredicate::slt, at, size));
      return when(within, carried, [&] {
        return walk(d + 1, outer, column, phase, vectors, e.add(index, e.mul(at, pitch)), tap, carried, body);
      });
    });
  }

  return carryLoop(e, kernel[d], sums, [&](Value k, ValueRange carried) {
    tap.at[d] = k;
    Value start; // of lane 0 of the first vector
    Value fits;
    if (transposed) {
      // (phase + low - distance) / stride, rounded down, if it is whole.
      int64_t shift = dilations[d] * (kernel[d] - 1) / strides[d] + 1;
      Value from = e.sub(e.add(phase, e.constant(low[d] + shift * strides[d])), distance(k));
      start = e.add(column, e.sub(e.div(from, stride), e.constant(shift)));
      if (strides[d] > 1)
        fits = compare(arith::CmpIPredicate::eq, e.rem(from, stride), zero);
    } else {
      start = e.add(e.sub(e.mul(column, stride), e.constant(low[d])), distance(k));
    }
    auto lanesOf = [&] {
      tap.index.clear(), tap.mask.clear();
      for (unsigned v = 0; v < vectors; ++v) {
        Value at = e.add(start, e.constant(v * lanes * this->stride()));
        Value inside = lanesWithin(at, size, low[d] || transposed);
        tap.index.push_back(e.add(index, e.mul(at, pitch)));
        tap.mask.push_back(inside);
      }
      return body(tap, carried);
    };
    return fits ? when(fits, carried, lanesOf) : lanesOf();
  });
}

SmallVector<Value> PlainWindow::forEachTap(ArrayRef<Value> outer, Value column, Value phase, unsigned vectors,
                                           ValueRange init, Body body) {
  Tap tap;
  tap.at.resize(rank());
  return walk(0, outer, column, phase, vectors, e.constant(0), tap, init, body);
}

Value PlainWindow::load(Value plane, const Tap &tap, unsigned vector) {
  unsigned lanes = e.cpu.getLanes();
  Value index = e.add(plane, tap.index[vector]),
        step = e.mul(e.size(input->strides[1 + rank()]), e.constant(stride()));
  if (CpuEmitter::getConstant(step) == 1)
    return e.load(input->base, index, input->element, lanes, tap.mask[vector]);
  Value value = e.loadStrided(input->base, index, step, input->element, lanes, tap.mask[vector]);
  if (input->element.getIntOrFloatBitWidth() >= 32)
    return value;
  // Narrow lanes off the mask are not 0.
  Value zero = e.b.create<arith::ConstantOp>(e.loc, e.b.getZeroAttr(value.getType()));
  return e.b.create<arith::SelectOp>(e.loc, tap.mask[vector], value, zero);
}
