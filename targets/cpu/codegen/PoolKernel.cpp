// Max and average pools: in the channel-blocked layout with channels in lanes, else with neighbours along the
// last dimension in lanes.

#include "targets/cpu/codegen/BlockedWindow.h"
#include "targets/cpu/codegen/PlainWindow.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/kernel/Collapse.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;
using namespace aicc::kernel;

namespace {
struct Pool {
  CpuEmitter &e;
  Value input, result;
  ArrayRef<int64_t> kernel, strides, dilations, low, high;
  bool ceil, isMax, includePad;
  Type element = {};
  unsigned lanes = 0;

  Type accumulator() { return getAccumulatorType(e.b, element); }
  Type vectorType() { return VectorType::get({int64_t(lanes)}, accumulator()); }

  Value start() {
    Type type = accumulator();
    Attribute value;
    if (!isMax)
      value = e.b.getZeroAttr(type);
    else if (auto floats = dyn_cast<FloatType>(type))
      value = FloatAttr::get(type, APFloat::getInf(floats.getFloatSemantics(), /*Negative=*/true));
    else if (element.isUnsignedInteger())
      value = e.b.getZeroAttr(type);
    else
      value = IntegerAttr::get(type, APInt::getSignedMinValue(type.getIntOrFloatBitWidth()));
    return e.b.create<arith::ConstantOp>(e.loc,
                                         DenseElementsAttr::get(cast<ShapedType>(vectorType()), value));
  }
  Value combine(Value sum, Value in) {
    in = toAccumulator(e, in, element);
    if (!isMax)
      return e.b.create<arith::AddFOp>(e.loc, sum, in);
    if (isa<FloatType>(accumulator()))
      return e.b.create<arith::MaximumFOp>(e.loc, sum, in);
    if (element.isUnsignedInteger())
      return e.b.create<arith::MaxUIOp>(e.loc, sum, in);
    return e.b.create<arith::MaxSIOp>(e.loc, sum, in);
  }
  /// Taps in dimension d of the window at `position` that lie in the padded input.
  Value paddedTaps(Value position, AffineExpr size, unsigned d) {
    if (!ceil)
      return e.constant(kernel[d]);
    Value end = e.size(size + (low[d] + high[d]));
    Value room = e.max(e.sub(end, e.mul(position, e.constant(strides[d]))), e.constant(0));
    return e.min(e.ceilDiv(room, e.constant(dilations[d])), e.constant(kernel[d]));
  }
  /// 1 / max(count, 1) as a scalar.
  Value reciprocal(Value count) {
    Value number = e.b.create<arith::SIToFPOp>(e.loc, accumulator(), e.max(count, e.constant(1)));
    Value one = e.b.create<arith::ConstantOp>(e.loc, e.b.getFloatAttr(accumulator(), 1));
    return e.b.create<arith::DivFOp>(e.loc, one, number);
  }
  Value multiply(Value x, Value factor) {
    return e.b.create<arith::MulFOp>(e.loc, x, e.splat(factor, lanes));
  }

  Launch emitBlocked(const View *view);
  Launch emitPlain(const View *view);
  void emitPlainLine(PlainWindow &window, Value image, Value channel, ArrayRef<Value> outer, Value column,
                     unsigned vectors, bool exact);
  SmallVector<Value> columnScale(PlainWindow &window, Value column, unsigned vectors, Value rows);
};
} // namespace

Launch Pool::emitBlocked(const View *view) {
  ArrayRef<AffineExpr> in = e.shape(input);
  SmallVector<AffineExpr> out(e.shape(result));
  BlockedWindow window{e, view, element, in[2], in[3], out, kernel, strides, dilations, low};
  EpilogueStore store(e, result, 4, lanes);
  window.init = [&](Value, unsigned) { return start(); };
  window.combine = [&](Value sum, Value x, Value) { return combine(sum, x); };
  window.finish = [&](Value sum, const BlockedWindow::Place &p) {
    if (!isMax) {
      Value count = includePad ? e.mul(paddedTaps(p.row, in[2], 0), paddedTaps(p.column, in[3], 1))
                               : e.mul(p.rowTaps, p.columnTaps);
      sum = multiply(sum, reciprocal(count));
    }
    store(fromAccumulator(e, sum, element),
          Coord{{p.image, p.block, p.row, p.column, e.constant(p.part * lanes)}, 4, Value()});
  };
  return window.emit();
}

/// What sums are multiplied by, for each vector; `rows`: taps in the dimensions before the last.
SmallVector<Value> Pool::columnScale(PlainWindow &window, Value column, unsigned vectors, Value rows) {
  unsigned d = window.rank() - 1;
  if (includePad && !ceil)
    return SmallVector<Value>(vectors, reciprocal(e.mul(rows, e.constant(kernel[d]))));
  Value one = e.b.create<arith::ConstantOp>(
      e.loc, DenseElementsAttr::get(cast<ShapedType>(vectorType()), e.b.getFloatAttr(accumulator(), 1)));
  Value zero = e.b.create<arith::ConstantOp>(e.loc, e.b.getZeroAttr(vectorType()));
  Value size = e.size(window.inSizes[d]);
  if (includePad)
    size = e.add(size, e.constant(high[d]));
  SmallVector<Value> counts(vectors, zero);
  counts = carryLoop(e, kernel[d], counts, [&](Value k, ValueRange before) {
    SmallVector<Value> next;
    Value at = e.add(e.sub(e.mul(column, e.constant(strides[d])), e.constant(low[d])),
                     e.mul(k, e.constant(dilations[d])));
    for (unsigned v = 0; v < vectors; ++v) {
      Value inside =
          window.lanesWithin(e.add(at, e.constant(v * lanes * strides[d])), size, low[d] && !includePad);
      next.push_back(
          e.b.create<arith::AddFOp>(e.loc, before[v], e.b.create<arith::SelectOp>(e.loc, inside, one, zero)));
    }
    return next;
  });
  Value rowScale = reciprocal(rows);
  for (Value &count : counts) {
    Value columns = e.b.create<arith::MaximumFOp>(e.loc, count, one);
    count = multiply(e.b.create<arith::DivFOp>(e.loc, one, columns), rowScale);
  }
  return counts;
}

void Pool::emitPlainLine(PlainWindow &window, Value image, Value channel, ArrayRef<Value> outer, Value column,
                         unsigned vectors, bool exact) {
  e.clearMemo();
  const View *view = window.input;
  Value plane = e.add(e.size(view->offset), e.mul(image, e.size(view->strides[0])));
  plane = e.add(plane, e.mul(channel, e.size(view->strides[1])));
  Value lowest = start();
  SmallVector<Value> sums = window.forEachTap(
      outer, column, Value(), vectors, SmallVector<Value>(vectors, lowest),
      [&](const PlainWindow::Tap &tap, ValueRange before) {
        SmallVector<Value> next;
        for (unsigned v = 0; v < vectors; ++v) {
          Value sum = combine(before[v], window.load(plane, tap, v));
          // What is off the mask was read as 0.
          next.push_back(isMax ? e.b.create<arith::SelectOp>(e.loc, tap.mask[v], sum, before[v]).getResult()
                               : sum);
        }
        return next;
      });
  if (!isMax) {
    Value rows = e.constant(1);
    for (unsigned d = 0; d + 1 < window.rank(); ++d) {
      if (includePad) {
        rows = e.mul(rows, paddedTaps(outer[d], window.inSizes[d], d));
        continue;
      }
      Value begin = e.sub(e.mul(outer[d], e.constant(strides[d])), e.constant(low[d]));
      Value first = window.tapsBefore(e.sub(e.constant(0), begin), d);
      rows = e.mul(rows, e.max(e.sub(window.tapsBefore(e.sub(e.size(window.inSizes[d]), begin), d), first),
                               e.constant(0)));
    }
    SmallVector<Value> scale = columnScale(window, column, vectors, rows);
    for (unsigned v = 0; v < vectors; ++v)
      sums[v] = multiply(sums[v], scale[v]);
  }
  e.clearMemo();
  EpilogueStore store(e, result, int(e.shape(result).size()) - 1, lanes);
  for (unsigned v = 0; v < vectors; ++v) {
    Value at = e.add(column, e.constant(v * lanes)), mask;
    if (!exact)
      mask = e.maskOf(e.sub(e.size(e.shape(result).back()), at), lanes);
    Coord c{{image, channel}, 0, Value()};
    c.idx.append(outer.begin(), outer.end());
    c.idx.push_back(at);
    c.lane = c.idx.size() - 1;
    store(fromAccumulator(e, sums[v], element), c, mask);
  }
  e.clearBound();
}

Launch Pool::emitPlain(const View *view) {
  auto copy = [](ArrayRef<int64_t> values) { return SmallVector<int64_t>(values); };
  PlainWindow window{e,
                     view,
                     SmallVector<AffineExpr>(e.shape(input).drop_front(2)),
                     copy(kernel),
                     copy(strides),
                     copy(dilations),
                     copy(low)};
  SmallVector<AffineExpr> sizes(e.shape(result));
  SmallVector<AffineExpr> outer(sizes.begin(), sizes.end() - 1);
  AffineExpr lines = e.product(outer), columns = sizes.back();
  auto known = CpuEmitter::getConstant(columns);
  unsigned vectors = known ? std::clamp<int64_t>(llvm::divideCeil(*known, lanes), 1, 4) : 2;
  bool exact = known && *known % (vectors * lanes) == 0;
  double work = double(known.value_or(64)) / lanes + 1; // cycles of a line
  for (int64_t k : kernel)
    work *= k;
  int64_t block = std::max<int64_t>(1, int64_t(40000 / (3 * work)));
  AffineExpr groups = lines.ceilDiv(block);
  e.loop(e.begin, e.end, e.constant(1), [&](Value wg) {
    Value from = e.mul(wg, e.constant(block)), to = e.min(e.add(from, e.constant(block)), e.size(lines));
    e.loop(from, to, e.constant(1), [&](Value line) {
      SmallVector<Value> at = e.delinearize(line, outer);
      e.loop(e.constant(0), e.size(columns), e.constant(vectors * lanes), [&](Value column) {
        emitPlainLine(window, at[0], at[1], ArrayRef(at).drop_front(2), column, vectors, exact);
      });
    });
  });
  return e.finish(groups);
}

template <typename Op>
static FailureOr<Launch> emitPoolOf(KernelRequest &request, exe::DispatchOp dispatch, Op root,
                                    bool includePad) {
  CpuEmitter e(request.module, request.name, dispatch, request.shapes, request.cpu);
  const View *input = e.view(root.getInput());
  bool blocked = root.getBlock() != 0;
  Type element = cast<RankedTensorType>(root.getType()).getElementType();
  bool ok = input && (!blocked || (root.getBlock() == 16 && root.getKernel().size() == 2 &&
                                   input->contiguous && isa<FloatType>(element)));
  if (!ok) {
    e.abandon();
    return failure();
  }
  Pool pool{e,
            root.getInput(),
            root.getResult(),
            root.getKernel(),
            root.getStrides(),
            root.getDilations(),
            root.getPadsLow(),
            root.getPadsHigh(),
            root.getCeil(),
            std::is_same_v<Op, nn::MaxPoolOp>,
            includePad};
  pool.element = element;
  pool.lanes = request.cpu.getLanes();
  return blocked ? pool.emitBlocked(input) : pool.emitPlain(input);
}

FailureOr<Launch> aicc::cpu::emitPool(KernelRequest &request) {
  exe::DispatchOp clone = cloneDetached(request.dispatch, request.shapes);
  auto erase = llvm::make_scope_exit([&] { clone.erase(); });
  auto max = clone.getBody().front().getOps<nn::MaxPoolOp>();
  auto avg = clone.getBody().front().getOps<nn::AvgPoolOp>();
  if (llvm::hasSingleElement(max) && avg.empty())
    return emitPoolOf(request, clone, *max.begin(), false);
  if (llvm::hasSingleElement(avg) && max.empty()) {
    nn::AvgPoolOp root = *avg.begin();
    return emitPoolOf(request, clone, root, root.getCountIncludePad());
  }
  return failure();
}
