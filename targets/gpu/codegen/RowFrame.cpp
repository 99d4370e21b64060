// The frame of kernels over rows, see RowFrame.h.

#include "targets/gpu/codegen/RowFrame.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

/// Elements (or vectors) of a thread that are kept in registers.
static constexpr int64_t kMaxSlots = 8;

unsigned aicc::gpu::getWideLanes(exe::DispatchOp dispatch, const GpuDescriptor &gpu) {
  unsigned bytes = 1;
  auto note = [&](Type type) {
    unsigned bits = cast<RankedTensorType>(type).getElementType().getIntOrFloatBitWidth();
    bytes = std::max(bytes, bits / 8);
  };
  llvm::for_each(dispatch.getOperandTypes(), note);
  llvm::for_each(dispatch.getResultTypes(), note);
  return std::clamp(gpu.vectorBytes / bytes, 1u, 8u);
}

RowShape aicc::gpu::chooseRowShape(const GpuDescriptor &gpu, AffineExpr rows, AffineExpr length,
                                   unsigned lanes, bool apart) {
  RowShape shape;
  shape.apart = apart;
  shape.lanes = apart ? 1 : lanes;
  auto knownLength = GpuEmitter::getConstant(length), knownRows = GpuEmitter::getConstant(rows);
  unsigned subgroup = gpu.subgroupSize ? gpu.subgroupSize : 32;
  int64_t pieces = knownLength ? llvm::divideCeil(*knownLength, shape.lanes) : 0;
  // Threads that the device needs to be busy; a row gets more of them where there are few rows.
  int64_t enough = int64_t(gpu.computeUnits) * 256;
  auto isBusy = [&](unsigned width) { return !knownRows || *knownRows * width >= enough; };
  unsigned most = std::min(gpu.maxWorkgroupThreads, 1024u);
  unsigned width = 1;
  if (apart) {
    // Neighbouring rows in one workgroup, as many as memory likes to be read at once.
    shape.threads = 256;
    unsigned limit = shape.threads / subgroup;
    while (width < limit && !isBusy(width) && (!knownLength || int64_t(width) * 4 <= *knownLength))
      width *= 2;
  } else if (!knownLength) {
    width = subgroup;
  } else {
    // A subgroup's shuffles are cheap; beyond them each thread should have a few elements.
    while (width < most && (width < subgroup ? int64_t(width) < pieces : width * 2 <= pieces) &&
           (width < subgroup || int64_t(width) * kMaxSlots / 2 < pieces || !isBusy(width)))
      width *= 2;
  }
  shape.width = width;
  shape.threads = std::max(width, std::min(256u, most));
  // Few short rows: fewer threads in a workgroup, more workgroups.
  while (knownRows && shape.threads > std::max(width, 2 * subgroup) &&
         *knownRows < int64_t(gpu.computeUnits) * shape.getRows())
    shape.threads /= 2;
  return shape;
}

RowFrame::RowFrame(GpuEmitter &e, const RowShape &shape, AffineExpr rows, ArrayRef<AffineExpr> dims)
    : e(e), shape(shape), rows(rows), blocks(dims) {
  if (blocks.empty())
    blocks.push_back(e.expr(1));
  if (shape.lanes > 1)
    blocks.back() = blocks.back().floorDiv(shape.lanes);
  count = e.product(blocks);
  auto known = GpuEmitter::getConstant(count);
  if (known && *known > 0 && *known <= kMaxSlots * shape.width)
    slots = llvm::divideCeil(*known, shape.width);
  Value width = e.constant(shape.width), inGroup;
  if (shape.apart) {
    Value own = e.constant(shape.getRows());
    inGroup = e.rem(e.threadId(), own);
    part = e.div(e.threadId(), own);
  } else {
    inGroup = shape.width == shape.threads ? e.constant(0) : e.div(e.threadId(), width);
    part = shape.width == 1               ? e.constant(0)
           : shape.width == shape.threads ? e.threadId()
                                          : e.rem(e.threadId(), width);
  }
  row = e.add(e.mul(e.groupId(), e.constant(shape.getRows())), inGroup);
  if (shape.getRows() > 1 && !rows.isMultipleOf(shape.getRows())) {
    active = e.compare(arith::CmpIPredicate::ult, row, e.size(rows));
    row = e.min(row, e.sub(e.size(rows), e.constant(1)));
  }
}

SmallVector<Value> RowFrame::sweep(ValueRange init, Body body) {
  auto placeOf = [&](Value i) {
    Place place;
    place.idx = e.delinearize(i, blocks);
    if (shape.lanes > 1)
      place.idx.back() = e.mul(place.idx.back(), e.constant(shape.lanes));
    return place;
  };
  Value all = e.size(count), width = e.constant(shape.width);
  if (!isUnrolled())
    return e.loop(part, all, width, init, [&](Value i, ValueRange carried) {
      e.clearMemo();
      SmallVector<Value> next = body(placeOf(i), carried);
      e.clearMemo();
      return next;
    });
  SmallVector<Value> state(init);
  bool whole = count.isMultipleOf(shape.width);
  for (unsigned s = 0; s < slots; ++s) {
    Value i = e.add(part, e.constant(int64_t(s) * shape.width)), inside;
    if (s + 1 == slots && !whole) {
      inside = e.compare(arith::CmpIPredicate::ult, i, all);
      i = e.min(i, e.sub(all, e.constant(1)));
    }
    Place place = placeOf(i);
    place.slot = s, place.inside = inside;
    state = body(place, state);
    e.clearMemo();
  }
  return state;
}

void RowFrame::store(llvm::function_ref<void(const Place &)> body) {
  sweep({}, [&](const Place &place, ValueRange) {
    Value guard = active;
    if (place.inside)
      guard = guard ? e.b.create<arith::AndIOp>(e.loc, guard, place.inside).getResult() : place.inside;
    e.clearMemo();
    if (guard)
      e.ifThen(guard, [&] { body(place); });
    else
      body(place);
    e.clearMemo();
    return SmallVector<Value>();
  });
}

SmallVector<Value> RowFrame::reduceAll(ValueRange values, GpuEmitter::Combine combine) {
  e.clearMemo();
  SmallVector<Value> result(values);
  if (shape.width > 1)
    result = shape.apart ? reduceApart(values, combine) : e.reduce(values, shape.width, combine);
  e.clearMemo();
  return result;
}

Value RowFrame::reduce(Value value, llvm::function_ref<Value(Value, Value)> combine) {
  Value one = kernel::foldLanes(e, value, combine);
  return reduceAll(one,
                   [&](ValueRange x, ValueRange y) { return SmallVector<Value>{combine(x[0], y[0])}; })[0];
}

SmallVector<Value> RowFrame::reduceApart(ValueRange values, GpuEmitter::Combine combine) {
  SmallVector<Value> memory, mine(values);
  llvm::DenseMap<Type, unsigned> used;
  for (Value value : mine) {
    SmallVector<Value> &known = exchange[value.getType()];
    unsigned i = used[value.getType()]++;
    if (i == known.size())
      known.push_back(e.shared(value.getType(), shape.threads));
    memory.push_back(known[i]);
  }
  auto read = [&](Value at) {
    SmallVector<Value> list;
    for (auto [value, base] : llvm::zip_equal(mine, memory))
      list.push_back(e.load(base, at, value.getType()));
    return list;
  };
  auto write = [&](ValueRange list) {
    for (auto [value, base] : llvm::zip_equal(list, memory))
      e.store(value, base, e.threadId(), value.getType());
  };
  e.barrier(); // what was read before may be written over
  write(mine);
  e.barrier();
  for (unsigned half = shape.width / 2; half; half /= 2) {
    e.ifThen(e.compare(arith::CmpIPredicate::slt, part, e.constant(half)), [&] {
      SmallVector<Value> x = read(e.threadId()),
                         y = read(e.add(e.threadId(), e.constant(half * shape.getRows())));
      write(combine(x, y));
    });
    e.barrier();
  }
  return read(e.rem(e.threadId(), e.constant(shape.getRows())));
}

void RowFrame::once(llvm::function_ref<void()> body) {
  Value guard = active;
  if (shape.width > 1) {
    Value first = e.compare(arith::CmpIPredicate::eq, part, e.constant(0));
    guard = guard ? e.b.create<arith::AndIOp>(e.loc, guard, first).getResult() : first;
  }
  e.clearMemo();
  if (guard)
    e.ifThen(guard, body);
  else
    body();
  e.clearMemo();
}
