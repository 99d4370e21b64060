// Elements of pools, resizing, local response normalization, transposed convolutions and gathers, each by
// one thread (see emitPointwise).

#include "targets/gpu/codegen/Kernels.h"
#include "targets/kernel/Indexing.h"
#include "targets/kernel/Resizing.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;
using namespace aicc::kernel;

static Type elementOf(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

static Value both(GpuEmitter &e, Value x, Value y) {
  return x ? e.b.create<arith::AndIOp>(e.loc, x, y).getResult() : y;
}

//===--- windows
//---------------------------------------------------------------------------------------------------------===//

/// Carries `init` through body(tap, carried) for all `taps`, the first dimension outermost.
static SmallVector<Value>
forEachTap(GpuEmitter &e, ArrayRef<Value> taps, ValueRange init,
           llvm::function_ref<SmallVector<Value>(ArrayRef<Value>, ValueRange)> body) {
  SmallVector<Value> tap;
  std::function<SmallVector<Value>(ValueRange)> level = [&](ValueRange carried) -> SmallVector<Value> {
    if (tap.size() == taps.size()) {
      e.clearMemo();
      SmallVector<Value> next = body(tap, carried);
      e.clearMemo();
      return next;
    }
    return e.loop(e.constant(0), taps[tap.size()], e.constant(1), carried, [&](Value i, ValueRange before) {
      tap.push_back(i);
      SmallVector<Value> next = level(before);
      tap.pop_back();
      return next;
    });
  };
  return level(init);
}

namespace {
struct PoolElement {
  GpuEmitter &e;
  Value input;
  ArrayRef<int64_t> kernel, strides, dilations, low, high;
  bool ceil;
  Type element = {}, accumulator = {};

  /// (sum or maximum, number of elements seen as a float where `counts`) over the window at `c`.
  SmallVector<Value> sweep(const Coord &c, ValueRange init, bool counts,
                           llvm::function_ref<Value(Value, Value)> combine) {
    SmallVector<Value> taps;
    for (int64_t k : kernel)
      taps.push_back(e.constant(k));
    ArrayRef<AffineExpr> sizes = e.shape(input);
    return forEachTap(e, taps, init, [&](ArrayRef<Value> tap, ValueRange before) -> SmallVector<Value> {
      Coord from{{c.idx[0], c.idx[1]}, -1, Value()};
      Value inside;
      for (unsigned d = 0; d < tap.size(); ++d) {
        Value at =
            e.add(e.mul(c.idx[2 + d], e.constant(strides[d])), e.mul(tap[d], e.constant(dilations[d])));
        at = e.sub(at, e.constant(low[d]));
        if (low[d] || high[d] || ceil) // one unsigned comparison covers both ends
          inside = both(e, inside, e.compare(arith::CmpIPredicate::ult, at, e.size(sizes[2 + d])));
        from.idx.push_back(at);
      }
      from.idx.append(c.idx.begin() + 2 + tap.size(), c.idx.end()); // within a block of channels
      auto seen = [&] {
        Value x = toAccumulator(e, e.emit(input, from), element);
        SmallVector<Value> next{combine(before[0], x)};
        if (counts)
          next.push_back(addf(e, before[1], numberConstant(e, accumulator, 1, 0)));
        return next;
      };
      return inside ? e.ifElse(inside, seen, [&] { return SmallVector<Value>(before); }) : seen();
    });
  }

  /// Taps in dimension d of the window at `position` that lie in the padded input.
  Value paddedTaps(Value position, unsigned d) {
    if (!ceil)
      return e.constant(kernel[d]);
    Value end = e.size(e.shape(input)[2 + d] + (low[d] + high[d]));
    Value room = e.max(e.sub(end, e.mul(position, e.constant(strides[d]))), e.constant(0));
    return e.min(e.ceilDiv(room, e.constant(dilations[d])), e.constant(kernel[d]));
  }
};
} // namespace

template <typename Op> static PoolElement makePool(GpuEmitter &e, Op root) {
  PoolElement pool{e,
                   root.getInput(),
                   root.getKernel(),
                   root.getStrides(),
                   root.getDilations(),
                   root.getPadsLow(),
                   root.getPadsHigh(),
                   root.getCeil()};
  pool.element = elementOf(root.getResult());
  pool.accumulator = getAccumulatorType(e.b, pool.element);
  return pool;
}

Value aicc::gpu::emitMaxPoolElement(GpuEmitter &e, Operation *op, const Coord &c) {
  auto root = cast<nn::MaxPoolOp>(op);
  PoolElement pool = makePool(e, root);
  Type type = pool.accumulator;
  bool isUnsigned = pool.element.isUnsignedInteger() || pool.element.isInteger(1);
  TypedAttr lowest;
  if (auto floats = dyn_cast<FloatType>(type))
    lowest = FloatAttr::get(type, APFloat::getInf(floats.getFloatSemantics(), /*Negative=*/true));
  else if (isUnsigned)
    lowest = e.b.getZeroAttr(type);
  else
    lowest = IntegerAttr::get(type, APInt::getSignedMinValue(type.getIntOrFloatBitWidth()));
  Value start = e.b.create<arith::ConstantOp>(e.loc, lowest);
  Value max = pool.sweep(c, start, false, [&](Value x, Value y) -> Value {
    if (isa<FloatType>(type))
      return e.b.create<arith::MaximumFOp>(e.loc, x, y);
    if (isUnsigned)
      return e.b.create<arith::MaxUIOp>(e.loc, x, y);
    return e.b.create<arith::MaxSIOp>(e.loc, x, y);
  })[0];
  return fromAccumulator(e, max, pool.element);
}

Value aicc::gpu::emitAvgPoolElement(GpuEmitter &e, Operation *op, const Coord &c) {
  auto root = cast<nn::AvgPoolOp>(op);
  PoolElement pool = makePool(e, root);
  bool counts = !root.getCountIncludePad();
  SmallVector<Value> init(1 + counts, numberConstant(e, pool.accumulator, 0, 0));
  SmallVector<Value> sum = pool.sweep(c, init, counts, [&](Value x, Value y) { return addf(e, x, y); });
  Value count;
  if (counts) {
    count = e.b.create<arith::MaximumFOp>(e.loc, sum[1], numberConstant(e, pool.accumulator, 1, 0));
  } else {
    Value taps = e.constant(1);
    for (unsigned d = 0; d < pool.kernel.size(); ++d)
      taps = e.mul(taps, pool.paddedTaps(c.idx[2 + d], d));
    count = e.b.create<arith::SIToFPOp>(e.loc, pool.accumulator, e.max(taps, e.constant(1)));
  }
  return fromAccumulator(e, divf(e, sum[0], count), pool.element);
}

Value aicc::gpu::emitConvTransposeElement(GpuEmitter &e, Operation *op, const Coord &c) {
  auto root = cast<nn::ConvTransposeOp>(op);
  Type element = elementOf(root.getResult()), accumulator = getAccumulatorType(e.b, element);
  SmallVector<AffineExpr> filter(e.shape(root.getFilter())), input(e.shape(root.getInput()));
  Value outputs = e.size(filter[1]), channels = e.size(filter[0].floorDiv(root.getGroups()));
  Value group = root.getGroups() > 1 ? e.div(c.idx[1], outputs) : e.constant(0);
  Value column = root.getGroups() > 1 ? e.rem(c.idx[1], outputs) : c.idx[1];
  Value first = e.mul(group, channels), zero = numberConstant(e, accumulator, 0, 0);
  SmallVector<Value> taps;
  for (AffineExpr size : ArrayRef(filter).drop_front(2))
    taps.push_back(e.size(size));
  Value sum = forEachTap(e, taps, zero, [&](ArrayRef<Value> tap, ValueRange before) -> SmallVector<Value> {
    // The input that reaches here by this tap, if there is one.
    SmallVector<Value> at;
    Value inside;
    for (unsigned d = 0; d < tap.size(); ++d) {
      Value from = e.sub(e.add(c.idx[2 + d], e.constant(root.getPadsLow()[d])),
                         e.mul(tap[d], e.constant(root.getDilations()[d])));
      inside = both(e, inside, e.compare(arith::CmpIPredicate::sge, from, e.constant(0)));
      Value stride = e.constant(root.getStrides()[d]), from0 = e.max(from, e.constant(0));
      Value position = e.div(from0, stride);
      if (root.getStrides()[d] > 1)
        inside = both(e, inside, e.compare(arith::CmpIPredicate::eq, e.rem(from0, stride), e.constant(0)));
      inside = both(e, inside, e.compare(arith::CmpIPredicate::slt, position, e.size(input[2 + d])));
      at.push_back(position);
    }
    auto products = [&] {
      return e.loop(e.constant(0), channels, e.constant(1), before, [&](Value k, ValueRange sum) {
        e.clearMemo();
        Coord x{{c.idx[0], e.add(first, k)}, -1, Value()}, w{{x.idx[1], column}, -1, Value()};
        llvm::append_range(x.idx, at);
        llvm::append_range(w.idx, tap);
        Value left = toAccumulator(e, e.emit(root.getInput(), x), element),
              right = toAccumulator(e, e.emit(root.getFilter(), w), element);
        e.clearMemo();
        return SmallVector<Value>{multiplyAdd(e, left, right, sum[0])};
      });
    };
    return inside ? e.ifElse(inside, products, [&] { return SmallVector<Value>(before); }) : products();
  })[0];
  if (root.getBias()) {
    Value bias = toAccumulator(e, e.emit(root.getBias(), Coord{{c.idx[1]}, -1, Value()}), element);
    sum = isa<FloatType>(element) ? addf(e, sum, bias)
                                  : e.b.create<arith::AddIOp>(e.loc, sum, bias).getResult();
  }
  return fromAccumulator(e, sum, element);
}

Value aicc::gpu::emitLrnElement(GpuEmitter &e, Operation *op, const Coord &c) {
  auto root = cast<nn::LrnOp>(op);
  Value input = root.getInput();
  Type element = elementOf(input), accumulator = getAccumulatorType(e.b, element);
  int64_t size = root.getSize(), below = (size - 1) / 2, above = size - 1 - below;
  auto number = [&](double value) { return numberConstant(e, accumulator, value, 0); };
  auto read = [&](Value channel) {
    Coord at = c;
    at.idx[1] = channel;
    return toAccumulator(e, e.emit(input, at), element);
  };
  Value from = e.max(e.sub(c.idx[1], e.constant(below)), e.constant(0));
  Value to = e.min(e.add(c.idx[1], e.constant(above + 1)), e.size(input, 1));
  Value sum = e.loop(from, to, e.constant(1), number(0), [&](Value k, ValueRange before) {
    e.clearMemo();
    Value x = read(k);
    e.clearMemo();
    return SmallVector<Value>{multiplyAdd(e, x, x, before[0])};
  })[0];
  Value base = multiplyAdd(e, sum, number(root.getAlpha().convertToFloat() / size),
                           number(root.getBias().convertToFloat()));
  Value power = e.b.create<math::PowFOp>(e.loc, base, number(-root.getBeta().convertToFloat()));
  return fromAccumulator(e, mulf(e, read(c.idx[1]), power), element);
}

//===--- resizing
//--------------------------------------------------------------------------------------------------------===//

Value aicc::gpu::emitResizeElement(GpuEmitter &e, Operation *op, const Coord &c) {
  auto root = cast<nn::ResizeOp>(op);
  Value input = root.getInput();
  Type element = elementOf(input), real = e.gpu.fp64 ? e.b.getF64Type() : e.b.getF32Type();
  bool single = isa<FloatType>(element) && element.getIntOrFloatBitWidth() <= 32;
  Type number = single ? Type(e.b.getF32Type()) : real;
  unsigned rank = c.idx.size();
  SmallVector<SmallVector<ResizeTap>> taps(rank);
  for (unsigned d = 0; d < rank; ++d) {
    ResizeAxis axis = getResizeAxis(e, root, d);
    taps[d] = axis.identity ? SmallVector<ResizeTap>{{c.idx[d], Value()}}
                            : emitResizeTaps(e, root, axis, c.idx[d], real);
    for (ResizeTap &tap : taps[d])
      if (tap.weight && tap.weight.getType() != number)
        tap.weight = e.b.create<arith::TruncFOp>(e.loc, number, tap.weight);
  }
  Coord at = c;
  // Sums of dimensions from d on.
  std::function<Value(unsigned)> sumUp = [&](unsigned d) -> Value {
    if (d == rank) {
      Value value = e.emit(input, at);
      return root.getMode() == nn::ResizeMode::nearest ? value : toResizeNumber(e, value, element, number);
    }
    Value sum;
    for (const ResizeTap &tap : taps[d]) {
      at.idx[d] = tap.index;
      Value value = sumUp(d + 1);
      if (tap.weight)
        value = sum ? multiplyAdd(e, value, tap.weight, sum) : mulf(e, value, tap.weight);
      sum = value;
    }
    return sum;
  };
  Value value = sumUp(0);
  return root.getMode() == nn::ResizeMode::nearest ? value : fromResizeNumber(e, value, element);
}

//===--- gathers
//---------------------------------------------------------------------------------------------------------===//

/// The element of `input` at `from`; 0 where there are none to be read.
static Value readUnlessEmpty(GpuEmitter &e, Value input, const Coord &from) {
  Value elements = e.size(e.product(e.shape(input)));
  if (auto known = GpuEmitter::getConstant(elements); known && *known > 0)
    return e.emit(input, from);
  Type type = e.registerType(elementOf(input));
  e.clearMemo();
  return e.ifElse(
      e.compare(arith::CmpIPredicate::sgt, elements, e.constant(0)),
      [&] {
        Value value = e.emit(input, from);
        e.clearMemo();
        return SmallVector<Value>{value};
      },
      [&] { return SmallVector<Value>{e.b.create<arith::ConstantOp>(e.loc, e.b.getZeroAttr(type))}; })[0];
}

Value aicc::gpu::emitGatherElementsElement(GpuEmitter &e, Operation *op, const Coord &c) {
  auto root = cast<nn::GatherElementsOp>(op);
  Value input = root.getInput();
  SmallVector<AffineExpr> from(e.shape(input)), sizes(e.shape(root.getIndices()));
  unsigned axis = root.getAxis();
  Value size = e.size(from[axis]);
  Coord source = c;
  source.idx[axis] = clampIndex(e, fromEnd(e, e.emit(root.getIndices(), c), size), size);
  for (unsigned d = 0; d < from.size(); ++d)
    if (d != axis && !e.shapes.equal(from[d], sizes[d]))
      source.idx[d] = clampIndex(e, c.idx[d], e.size(from[d]));
  return readUnlessEmpty(e, input, source);
}

Value aicc::gpu::emitGatherNdElement(GpuEmitter &e, Operation *op, const Coord &c) {
  auto root = cast<nn::GatherNdOp>(op);
  Value input = root.getInput(), indices = root.getIndices();
  unsigned outer = e.shape(indices).size() - 1, batch = root.getBatchDims();
  int64_t tuple = *GpuEmitter::getConstant(e.shape(indices).back());
  Coord at, source;
  at.idx.assign(c.idx.begin(), c.idx.begin() + outer);
  at.idx.push_back(Value());
  source.idx.assign(c.idx.begin(), c.idx.begin() + batch);
  for (int64_t i = 0; i < tuple; ++i) {
    at.idx.back() = e.constant(i);
    Value size = e.size(input, batch + i);
    source.idx.push_back(clampIndex(e, fromEnd(e, e.emit(indices, at), size), size));
  }
  source.idx.append(c.idx.begin() + outer, c.idx.end());
  return readUnlessEmpty(e, input, source);
}
