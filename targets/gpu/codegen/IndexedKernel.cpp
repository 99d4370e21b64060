// Running sums and scatters. A thread owns one line along the axis, or, for scatters, every n-th place of it,
// and does all that happens there in order: results do not depend on timing. Where there are few lines, a
// workgroup shares out each line's running sum.

#include "targets/gpu/codegen/Kernels.h"
#include "targets/kernel/Indexing.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;
using namespace aicc::kernel;

static constexpr unsigned kThreads = 128;

/// Runs `body` in each of `count` threads. Returns the number of workgroups.
static AffineExpr forEachThread(GpuEmitter &e, AffineExpr count, llvm::function_ref<void(Value)> body) {
  // Unsigned: an OpenCL compiler for processors inverts the signed comparison in some modules.
  e.ifThen(e.compare(arith::CmpIPredicate::ult, e.globalId(), e.size(count)), [&] { body(e.globalId()); });
  e.clearMemo();
  return count.ceilDiv(kThreads);
}

/// A loop without memory of what was computed outside, or within it before.
static void forEach(GpuEmitter &e, Value from, Value to, Value step, llvm::function_ref<void(Value)> body) {
  e.loop(from, to, step, [&](Value i) {
    e.clearMemo();
    body(i);
    e.clearMemo();
  });
}

static Type elementOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

/// Row-major index of `idx` in `sizes`.
static Value linearize(GpuEmitter &e, ArrayRef<Value> idx, ArrayRef<AffineExpr> sizes) {
  Value linear = e.constant(0);
  for (auto [i, size] : llvm::zip_equal(idx, sizes))
    linear = e.add(e.mul(linear, e.size(size)), i);
  return linear;
}

//===--- running sums
//----------------------------------------------------------------------------------------------------===//

namespace {
struct CumSum {
  GpuEmitter &e;
  nn::CumSumOp root;
  Type element, accumulator;
  SmallVector<AffineExpr> sizes, lines; // of the input; 1 along the axis
  Value count = {}, zero = {};
  SmallVector<Value> pointers = {};

  CumSum(GpuEmitter &e, nn::CumSumOp root)
      : e(e), root(root), element(elementOf(root.getInput())), accumulator(getAccumulatorType(e.b, element)),
        sizes(e.shape(root.getInput())), lines(sizes) {
    lines[root.getAxis()] = e.expr(1);
    count = e.size(sizes[root.getAxis()]);
    zero = numberConstant(e, accumulator, 0, 0);
    pointers = resultPointers(e, root, 0);
  }

  Value sum(Value x, Value y) {
    return isa<FloatType>(accumulator) ? addf(e, x, y) : e.b.create<arith::AddIOp>(e.loc, x, y).getResult();
  }
  /// The i-th in the order of summation of the line at `idx`.
  SmallVector<Value> at(SmallVector<Value> idx, Value i) {
    idx[root.getAxis()] = root.getReverse() ? e.sub(e.sub(count, e.constant(1)), i) : i;
    return idx;
  }
  Value read(ArrayRef<Value> idx) {
    e.clearMemo();
    Value x = toAccumulator(e, e.emit(root.getInput(), Coord{SmallVector<Value>(idx), -1, Value()}), element);
    e.clearMemo();
    return x;
  }
  void write(ArrayRef<Value> idx, Value value) {
    storeAll(e, pointers, fromAccumulator(e, value, element), linearize(e, idx, sizes), element);
  }

  Launch emitByThreads();
  Launch emitByWorkgroups();
};
} // namespace

Launch CumSum::emitByThreads() {
  AffineExpr grid = forEachThread(e, e.product(lines), [&](Value line) {
    SmallVector<Value> idx = e.delinearize(line, lines);
    e.loop(e.constant(0), count, e.constant(1), zero, [&](Value i, ValueRange before) {
      SmallVector<Value> place = at(idx, i);
      Value next = sum(before[0], read(place));
      write(place, root.getExclusive() ? before[0] : next);
      return SmallVector<Value>{next};
    });
  });
  return e.finish(grid);
}

/// A line in pieces of one element for each thread; sums of distances 1, 2, 4, ... through workgroup memory.
Launch CumSum::emitByWorkgroups() {
  SmallVector<Value> idx = e.delinearize(e.groupId(), lines);
  Value memory = e.shared(accumulator, 2 * kThreads), width = e.constant(kThreads), thread = e.threadId();
  e.loop(e.constant(0), count, width, zero, [&](Value first, ValueRange before) {
    Value i = e.add(first, thread), inside = e.compare(arith::CmpIPredicate::ult, i, count);
    SmallVector<Value> place = at(idx, e.min(i, e.sub(count, e.constant(1))));
    Value x = e.b.create<arith::SelectOp>(e.loc, inside, read(place), zero), running = x;
    unsigned half = 0; // of the memory, alternating
    auto exchange = [&](Value value) {
      half ^= kThreads;
      e.store(value, memory, e.add(thread, e.constant(half)), accumulator);
      e.barrier();
    };
    for (unsigned distance = 1; distance < kThreads; distance *= 2) {
      exchange(running);
      Value from = e.sub(thread, e.constant(distance));
      Value exists = e.compare(arith::CmpIPredicate::sge, from, e.constant(0));
      Value other = e.load(memory, e.add(e.max(from, e.constant(0)), e.constant(half)), accumulator);
      running = sum(running, e.b.create<arith::SelectOp>(e.loc, exists, other, zero));
    }
    exchange(running);
    Value total = e.load(memory, e.constant(half + kThreads - 1), accumulator), result = running;
    if (root.getExclusive()) {
      Value neighbour = e.load(
          memory, e.add(e.max(e.sub(thread, e.constant(1)), e.constant(0)), e.constant(half)), accumulator);
      result = e.b.create<arith::SelectOp>(e.loc, e.compare(arith::CmpIPredicate::sgt, thread, e.constant(0)),
                                           neighbour, zero);
    }
    e.ifThen(inside, [&] { write(place, sum(before[0], result)); });
    e.barrier(); // the next piece writes to the same memory
    return SmallVector<Value>{sum(before[0], total)};
  });
  e.clearMemo();
  return e.finish(e.product(lines));
}

static Launch emitCumSum(GpuEmitter &e, nn::CumSumOp root) {
  CumSum cumSum(e, root);
  auto lines = GpuEmitter::getConstant(e.product(cumSum.lines)),
       length = GpuEmitter::getConstant(cumSum.sizes[root.getAxis()]);
  // A line's elements lie apart where dimensions follow the axis; many lines keep the device busy.
  bool few =
      lines ? *lines < int64_t(e.gpu.computeUnits) * kThreads : root.getAxis() + 1 == cumSum.sizes.size();
  return few && (!length || *length >= kThreads) ? cumSum.emitByWorkgroups() : cumSum.emitByThreads();
}

//===--- scatters
//--------------------------------------------------------------------------------------------------------===//

/// Into how many parts a line of `size` places is split; a power of two. Each part's thread reads all
/// indices, so that there should be no more of them than the device needs.
static int64_t chooseParts(GpuEmitter &e, AffineExpr lines, AffineExpr size) {
  auto knownLines = GpuEmitter::getConstant(lines), knownSize = GpuEmitter::getConstant(size);
  int64_t enough = int64_t(e.gpu.computeUnits) * kThreads, parts = 1;
  int64_t wanted =
      std::min(knownSize.value_or(1024), enough / std::max<int64_t>(1, knownLines.value_or(256)));
  while (parts < wanted)
    parts *= 2;
  return parts;
}

/// i1: place `index` belongs to part `part` of `parts`.
static Value isOwn(GpuEmitter &e, Value index, Value part, int64_t parts) {
  Value rest = e.b.create<arith::AndIOp>(e.loc, index, e.constant(parts - 1));
  return e.compare(arith::CmpIPredicate::eq, rest, part);
}

static Value both(GpuEmitter &e, Value x, Value y) { return e.b.create<arith::AndIOp>(e.loc, x, y); }

/// Combines what is at `at` with `update`.
static void applyUpdate(GpuEmitter &e, ArrayRef<Value> pointers, Value at, Value update, nn::ScatterKind kind,
                        Type element) {
  Value old = kind == nn::ScatterKind::none ? Value() : e.load(pointers[0], at, element);
  storeAll(e, pointers, combineUpdate(e, kind, old, update, element), at, element);
}

static Launch emitScatterElements(GpuEmitter &e, nn::ScatterElementsOp root) {
  Value input = root.getInput(), indices = root.getIndices(), updates = root.getUpdates();
  Type element = elementOf(input);
  unsigned axis = root.getAxis();
  SmallVector<AffineExpr> whole(e.shape(input)), part(e.shape(indices)), lines = whole;
  lines[axis] = e.expr(1);
  int64_t parts = chooseParts(e, e.product(lines), whole[axis]);
  lines[axis] = e.expr(parts);
  SmallVector<Value> pointers = resultPointers(e, root, 0);
  AffineExpr grid = forEachThread(e, e.product(lines), [&](Value thread) {
    SmallVector<Value> idx = e.delinearize(thread, lines);
    Value first = idx[axis], size = e.size(whole[axis]);
    forEach(e, first, size, e.constant(parts), [&](Value j) {
      idx[axis] = j;
      storeAll(e, pointers, e.emit(input, Coord{idx, -1, Value()}), linearize(e, idx, whole), element);
    });
    // Indices may be fewer than places in the other dimensions, too.
    Value count = e.size(part[axis]);
    for (unsigned d = 0; d < whole.size(); ++d)
      if (d != axis && !e.shapes.equal(whole[d], part[d])) {
        Value inside = e.compare(arith::CmpIPredicate::slt, idx[d], e.size(part[d]));
        count = e.b.create<arith::SelectOp>(e.loc, inside, count, e.constant(0));
      }
    forEach(e, e.constant(0), count, e.constant(1), [&](Value j) {
      idx[axis] = j;
      Coord from{idx, -1, Value()};
      Value index = fromEnd(e, e.emit(indices, from), size);
      Value mine = both(e, isInside(e, index, size), isOwn(e, index, first, parts));
      e.ifThen(mine, [&] {
        Value update = e.emit(updates, from);
        idx[axis] = index;
        applyUpdate(e, pointers, linearize(e, idx, whole), update, root.getKind(), element);
      });
    });
  });
  return e.finish(grid);
}

static Launch emitScatterNd(GpuEmitter &e, nn::ScatterNdOp root) {
  Value input = root.getInput(), indices = root.getIndices(), updates = root.getUpdates();
  Type element = elementOf(input);
  SmallVector<AffineExpr> sizes(e.shape(input)), indexSizes(e.shape(indices));
  int64_t tuple = *GpuEmitter::getConstant(indexSizes.back());
  indexSizes.pop_back();
  ArrayRef<AffineExpr> slotSizes = ArrayRef(sizes).take_front(tuple),
                       sliceSizes = ArrayRef(sizes).drop_front(tuple);
  AffineExpr slots = e.product(slotSizes), slice = e.product(sliceSizes);
  int64_t parts = chooseParts(e, slice, slots);
  SmallVector<Value> pointers = resultPointers(e, root, 0);
  AffineExpr grid = forEachThread(e, slice * parts, [&](Value thread) {
    Value length = e.size(slice), first = e.div(thread, length), column = e.rem(thread, length);
    SmallVector<Value> inner = e.delinearize(column, sliceSizes);
    auto joined = [&](SmallVector<Value> outer) {
      llvm::append_range(outer, inner);
      return Coord{outer, -1, Value()};
    };
    auto placeOf = [&](Value slot) { return e.add(e.mul(slot, length), column); };
    forEach(e, first, e.size(slots), e.constant(parts), [&](Value slot) {
      Value old = e.emit(input, joined(e.delinearize(slot, slotSizes)));
      storeAll(e, pointers, old, placeOf(slot), element);
    });
    forEach(e, e.constant(0), e.size(e.product(indexSizes)), e.constant(1), [&](Value row) {
      SmallVector<Value> at = e.delinearize(row, indexSizes);
      Value slot = e.constant(0), mine;
      for (int64_t i = 0; i < tuple; ++i) {
        Coord from{at, -1, Value()};
        from.idx.push_back(e.constant(i));
        Value size = e.size(sizes[i]), index = fromEnd(e, e.emit(indices, from), size);
        Value inside = isInside(e, index, size);
        mine = mine ? both(e, mine, inside) : inside;
        slot = e.add(e.mul(slot, size), index);
      }
      Value own = isOwn(e, slot, first, parts);
      e.ifThen(mine ? both(e, mine, own) : own, [&] {
        applyUpdate(e, pointers, placeOf(slot), e.emit(updates, joined(at)), root.getKind(), element);
      });
    });
  });
  return e.finish(grid);
}

FailureOr<Launch> aicc::gpu::emitIndexed(KernelRequest &request) {
  Operation *root = getRoot(request.dispatch);
  GpuEmitter e(request.module, request.name, request.dispatch, request.shapes, request.gpu, request.end,
               kThreads);
  bool stored =
      root && llvm::all_of(e.getYield().getValues(), [&](Value v) { return v.getDefiningOp() == root; });
  if (!stored) {
    e.abandon();
    return failure();
  }
  return llvm::TypeSwitch<Operation *, FailureOr<Launch>>(root)
      .Case([&](nn::CumSumOp op) { return emitCumSum(e, op); })
      .Case([&](nn::ScatterElementsOp op) { return emitScatterElements(e, op); })
      .Case([&](nn::ScatterNdOp op) { return emitScatterNd(e, op); })
      .Default([&](Operation *) -> FailureOr<Launch> {
        e.abandon();
        return failure();
      });
}
