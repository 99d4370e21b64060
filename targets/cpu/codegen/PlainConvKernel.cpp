// Convolutions in plain layout, see PlainConv.h: any rank, groups and dilations, filters that are not
// constant. What the blocked layout serves goes there instead; this is the general way.

#include "targets/cpu/codegen/PlainConv.h"
#include "targets/cpu/codegen/RegisterTile.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

void PlainConv::emitTile(Value image, Value group, Value channel, unsigned rows, ArrayRef<Value> outer,
                         Value column, Value phase, Value limit) {
  CpuEmitter &e = window.e;
  unsigned lanes = e.cpu.getLanes();
  Type element = window.input->element, accumulator = getAccumulatorType(e.b, element);

  e.clearMemo();
  SmallVector<Value> weights, sums;
  for (unsigned r = 0; r < rows; ++r) {
    Value m = e.add(channel, e.constant(r));
    weights.push_back(e.address(filter, filterRow(group, m), element));
    Value start = e.b.create<arith::ConstantOp>(e.loc, e.b.getZeroAttr(accumulator));
    if (bias) {
      Coord c{{e.add(e.mul(group, e.constant(outputs)), m)}, -1, Value()};
      start = toAccumulator(e, e.emit(bias, c), element);
    }
    sums.append(vectors, e.splat(start, lanes));
  }
  Value base = e.add(e.size(window.input->offset), e.mul(image, e.size(window.input->strides[0])));
  base = e.add(base, e.mul(e.mul(group, e.constant(inputs)), e.size(window.input->strides[1])));
  sums = window.forEachTap(
      outer, column, phase, vectors, sums, [&](const PlainWindow::Tap &tap, ValueRange carried) {
        return carryLoop(e, inputs, carried, [&](Value c, ValueRange before) {
          SmallVector<Value> pixels, next;
          Value plane = e.add(base, e.mul(c, e.size(window.input->strides[1])));
          for (unsigned v = 0; v < vectors; ++v)
            pixels.push_back(toAccumulator(e, window.load(plane, tap, v), element));
          Value index = filterIndex(tap.at, c);
          for (unsigned r = 0; r < rows; ++r) {
            Value weight = e.splat(toAccumulator(e, e.load(weights[r], index, element), element), lanes);
            for (unsigned v = 0; v < vectors; ++v)
              next.push_back(multiplyAdd(e, weight, pixels[v], before[r * vectors + v]));
          }
          return next;
        });
      });
  e.clearMemo();
  EpilogueStore store(e, result, int(e.shape(result).size()) - 1, lanes);
  int64_t step = window.transposed ? window.strides.back() : 1;
  for (unsigned r = 0; r < rows; ++r)
    for (unsigned v = 0; v < vectors; ++v) {
      Value at = e.add(column, e.constant(v * lanes)), mask;
      if (!exact)
        mask = e.maskOf(e.sub(limit, at), lanes);
      Coord c{{image, e.add(e.mul(group, e.constant(outputs)), e.add(channel, e.constant(r)))}, 0, Value()};
      c.idx.append(outer.begin(), outer.end());
      c.idx.push_back(window.transposed ? e.add(e.mul(at, e.constant(step)), phase) : at);
      c.lane = c.idx.size() - 1;
      if (step > 1)
        c.laneStride = e.constant(step);
      store(fromAccumulator(e, sums[r * vectors + v], element), c, mask);
    }
  e.clearBound();
}

Launch PlainConv::emit() {
  CpuEmitter &e = window.e;
  SmallVector<AffineExpr> sizes(e.shape(result));
  unsigned lanes = e.cpu.getLanes();
  int64_t rows = std::min<int64_t>(outputs, e.cpu.numVectorRegisters >= 32 ? 8 : 5),
          tiles = llvm::divideCeil(outputs, rows);
  int64_t step = window.transposed ? window.strides.back() : 1;
  // Lines are rows of the result; where there is but one for each channel, pieces of it.
  SmallVector<AffineExpr> outer(sizes.begin() + 2, sizes.end() - 1);
  AffineExpr lines = e.product(outer), columns = sizes.back();
  auto value = [](AffineExpr size, int64_t guess) {
    return std::max<int64_t>(1, CpuEmitter::getConstant(size).value_or(guess));
  };
  double work = 2.0 * rows * inputs;
  for (int64_t k : window.kernel)
    work *= k;
  bool single = outer.empty();
  int64_t whole = value(columns, 256), unit = int64_t(lanes) * 6 * step;
  int64_t width = single ? std::max<int64_t>(unit, int64_t(2e6 / work) / unit * unit) : whole;
  int64_t block = single ? 1 : std::clamp<int64_t>(int64_t(2e6 / (work * whole)), 1, value(lines, 64));
  auto known = CpuEmitter::getConstant(columns);
  vectors = known ? std::clamp<int64_t>(llvm::divideCeil(*known, lanes * step), 1,
                                        e.cpu.numVectorRegisters >= 32 ? 3 : 2)
                  : 2;
  exact = known && step == 1 && *known % (vectors * lanes) == 0;
  AffineExpr pieces = single ? columns.ceilDiv(width) : lines.ceilDiv(block);

  e.loop(e.begin, e.end, e.constant(1), [&](Value wg) {
    SmallVector<Value> at = e.delinearize(wg, {sizes[0], e.expr(groups), pieces, e.expr(tiles)});
    Value channel = e.mul(at[3], e.constant(rows));
    auto emitLines = [&](unsigned count) {
      // Columns [from, to) of one line; `to` of the whole line in units of `step`, for each phase.
      auto line = [&](ArrayRef<Value> position, Value from, Value to) {
        e.loop(e.constant(0), e.constant(step), e.constant(1), [&](Value phase) {
          Value limit =
              step == 1 ? to : e.div(e.add(e.sub(to, phase), e.constant(step - 1)), e.constant(step));
          Value first = step == 1 ? from : e.div(from, e.constant(step));
          e.loop(first, limit, e.constant(vectors * lanes), [&](Value column) {
            emitTile(at[0], at[1], channel, count, position, column, phase, limit);
          });
        });
      };
      if (single) {
        Value from = e.mul(at[2], e.constant(width));
        line({}, from, e.min(e.add(from, e.constant(width)), e.size(columns)));
        return;
      }
      Value from = e.mul(at[2], e.constant(block)), to = e.min(e.add(from, e.constant(block)), e.size(lines));
      e.loop(from, to, e.constant(1),
             [&](Value l) { line(e.delinearize(l, outer), e.constant(0), e.size(columns)); });
    };
    int64_t rest = outputs % rows;
    if (!rest)
      return emitLines(rows);
    Value isFull = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::slt, at[3], e.constant(tiles - 1));
    e.ifThen(isFull, [&] { emitLines(rows); });
    Value isLast = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::eq, at[3], e.constant(tiles - 1));
    e.ifThen(isLast, [&] { emitLines(rest); });
  });
  return e.finish(sizes[0] * groups * pieces * tiles);
}

FailureOr<Launch> aicc::cpu::emitPlainConv(KernelRequest &request, exe::DispatchOp dispatch,
                                           nn::ConvOp root) {
  auto all = [](ArrayRef<int64_t> values, int64_t wanted) {
    return llvm::all_of(values, [&](int64_t v) { return v == wanted; });
  };
  auto filterType = cast<RankedTensorType>(root.getFilter().getType());
  if (!filterType.hasStaticShape())
    return failure();
  SmallVector<int64_t> filter(filterType.getShape());
  bool pointwise = filter.size() > 3 && all(ArrayRef(filter).drop_front(2), 1) && all(root.getStrides(), 1) &&
                   all(root.getPadsLow(), 0) && all(root.getPadsHigh(), 0);
  unsigned rank = filter.size() - 2;
  if (pointwise && mergeSpatial(dispatch, root, request.shapes))
    rank = 1;
  CpuEmitter e(request.module, request.name, dispatch, request.shapes, request.cpu);
  const View *input = e.view(root.getInput());
  BlockArgument panels = getFilterPanels(root);
  const View *plain = panels ? nullptr : e.view(root.getFilter());
  if (!input || (!panels && !plain)) {
    e.abandon();
    return failure();
  }
  PlainWindow window{e,  input, SmallVector<AffineExpr>(e.shape(root.getInput()).drop_front(2)), {}, {},
                     {}, {}};
  for (unsigned d = 0; d < rank; ++d) {
    window.kernel.push_back(filter[2 + d]), window.strides.push_back(root.getStrides()[d]);
    window.dilations.push_back(root.getDilations()[d]), window.low.push_back(root.getPadsLow()[d]);
  }
  int64_t groups = root.getGroups(), taps = 1;
  for (int64_t k : window.kernel)
    taps *= k;
  PlainConv conv{window, root.getResult(), root.getBias(), groups, filter[1], filter[0] / groups};
  conv.filterRow = [&](Value group, Value m) {
    m = e.add(e.mul(group, e.constant(filter[0] / groups)), m);
    if (plain)
      return e.add(e.size(plain->offset), e.mul(m, e.size(plain->strides[0])));
    Value panel = e.div(m, e.constant(kPanel));
    return e.add(e.mul(panel, e.constant(taps * filter[1] * kPanel)), e.rem(m, e.constant(kPanel)));
  };
  conv.filterIndex = [&](ArrayRef<Value> tap, Value c) {
    if (plain) {
      Value index = e.mul(c, e.size(plain->strides[1]));
      for (unsigned d = 0; d < rank; ++d)
        index = e.add(index, e.mul(tap[d], e.size(plain->strides[2 + d])));
      return index;
    }
    Value index = tap[0];
    for (unsigned d = 1; d < rank; ++d)
      index = e.add(e.mul(index, e.constant(window.kernel[d])), tap[d]);
    return e.mul(e.add(e.mul(index, e.constant(filter[1])), c), e.constant(kPanel));
  };
  conv.filter = panels ? e.inputPointer(panels.getArgNumber()) : plain->base;
  return conv.emit();
}
