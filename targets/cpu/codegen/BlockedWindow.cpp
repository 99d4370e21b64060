// Loops of sliding windows in the channel-blocked layout, see BlockedWindow.h. Columns whose windows lie
// within the input are taken several at once, the others one by one with the range of their taps.

#include "targets/cpu/codegen/BlockedWindow.h"
#include "targets/cpu/codegen/RegisterTile.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

/// ceil(max(0, x) / d).
static Value ceilDivPositive(CpuEmitter &e, Value x, int64_t d) {
  return e.ceilDiv(e.max(x, e.constant(0)), e.constant(d));
}

void BlockedWindow::emitPixels(const Row &r, Value column, unsigned count, Value firstTap, Value lastTap) {
  // The index may be negative before the first tap that counts is added to it.
  Value origin =
      e.sub(e.mul(e.mul(column, e.constant(strides[1])), e.constant(kPanel)), e.constant(low[1] * kPanel));
  Value top = e.sub(e.mul(r.row, e.constant(strides[0])), e.constant(low[0]));
  auto known = [](Value v) { return CpuEmitter::getConstant(v); };
  bool unrolled = known(firstTap) == 0 && known(lastTap) == kernel[1] && kernel[1] <= 8;

  e.clearMemo();
  SmallVector<Value> sums;
  for (unsigned v = 0; v < parts; ++v)
    sums.append(count, init(r.block, v));
  sums = e.loop(r.firstTap, r.lastTap, e.constant(1), sums, [&](Value y, ValueRange carried) {
    Value line = e.add(e.mul(e.add(top, e.mul(y, e.constant(dilations[0]))), rowPitch), origin);
    auto step = [&](Value x, ValueRange before) {
      SmallVector<Value> next(before);
      Value at = e.add(line, e.mul(x, e.constant(dilations[1] * kPanel)));
      for (unsigned v = 0; v < parts; ++v) {
        Value factor = tap ? tap(r.block, y, x, v) : Value();
        for (unsigned p = 0; p < count; ++p) {
          Value index = e.add(at, e.constant(p * strides[1] * kPanel + v * lanes));
          Value in = e.load(r.source, index, element, lanes);
          next[v * count + p] = combine(next[v * count + p], in, factor);
        }
      }
      return next;
    };
    if (!unrolled)
      return e.loop(firstTap, lastTap, e.constant(1), carried, step);
    SmallVector<Value> inner(carried);
    for (int64_t x = 0; x < kernel[1]; ++x)
      inner = step(e.constant(x), inner);
    return inner;
  });
  e.clearMemo();
  for (unsigned v = 0; v < parts; ++v)
    for (unsigned p = 0; p < count; ++p)
      finish(sums[v * count + p], Place{r.image, r.block, r.row, e.add(column, e.constant(p)), v,
                                        e.sub(r.lastTap, r.firstTap), e.sub(lastTap, firstTap)});
  e.clearBound();
}

void BlockedWindow::emitRow(const Row &r) {
  Value width = e.size(inColumns), columns = e.size(result[3]), zero = e.constant(0), one = e.constant(1);
  int64_t stride = strides[1], span = dilations[1] * (kernel[1] - 1) + 1;
  Value left = e.min(e.constant(llvm::divideCeil(low[1], stride)), columns);
  // Whole windows end where their first element is within the input by their span.
  Value right =
      e.div(e.add(e.max(e.sub(e.add(width, e.constant(low[1])), e.constant(span)), e.constant(-stride)),
                  e.constant(stride)),
            e.constant(stride));
  right = e.max(e.min(right, columns), left);
  auto border = [&](Value from, Value to) {
    auto count = CpuEmitter::getConstant(e.sub(to, from));
    if (count && *count <= 0)
      return;
    e.loop(from, to, one, [&](Value w) {
      Value start = e.sub(e.constant(low[1]), e.mul(w, e.constant(stride))); // elements before the input
      Value first = e.min(ceilDivPositive(e, start, dilations[1]), e.constant(kernel[1]));
      Value last = e.min(ceilDivPositive(e, e.add(width, start), dilations[1]), e.constant(kernel[1]));
      emitPixels(r, w, 1, first, e.max(last, first));
    });
  };
  border(zero, left);
  Value all = e.constant(kernel[1]), step = e.constant(tile);
  Value whole = e.add(left, e.mul(e.div(e.sub(right, left), step), step));
  e.loop(left, whole, step, [&](Value w) { emitPixels(r, w, tile, zero, all); });
  auto rest = CpuEmitter::getConstant(e.sub(right, whole));
  if (!rest)
    e.loop(whole, right, one, [&](Value w) { emitPixels(r, w, 1, zero, all); });
  else if (*rest)
    emitPixels(r, whole, *rest, zero, all);
  border(right, columns);
}

Launch BlockedWindow::emit() {
  lanes = e.cpu.getLanes(), parts = kPanel / lanes;
  tile = e.cpu.numVectorRegisters >= 32 ? 8 : 8 / parts;
  rowPitch = e.size(input->strides[2]);
  // Rows of a workgroup: about 20 microseconds.
  auto value = [](AffineExpr size, int64_t guess) {
    return std::max<int64_t>(1, CpuEmitter::getConstant(size).value_or(guess));
  };
  double cycles = double(value(result[3], 28)) * parts * (double(kernel[0] * kernel[1]) + 6);
  int64_t rows = value(result[2], 28), block = std::clamp<int64_t>(int64_t(60000 / cycles), 1, rows);
  AffineExpr groups = result[2].ceilDiv(block);
  e.loop(e.begin, e.end, e.constant(1), [&](Value wg) {
    SmallVector<Value> at = e.delinearize(wg, {result[0], result[1], groups});
    Row r;
    r.image = at[0], r.block = at[1];
    Value index = e.add(e.size(input->offset), e.mul(r.image, e.size(input->strides[0])));
    r.source = e.address(input->base, e.add(index, e.mul(r.block, e.size(input->strides[1]))), element);
    Value first = e.mul(at[2], e.constant(block)),
          last = e.min(e.add(first, e.constant(block)), e.size(result[2]));
    e.loop(first, last, e.constant(1), [&](Value row) {
      Value start = e.sub(e.constant(low[0]), e.mul(row, e.constant(strides[0])));
      r.row = row;
      r.firstTap = e.min(ceilDivPositive(e, start, dilations[0]), e.constant(kernel[0]));
      r.lastTap =
          e.min(ceilDivPositive(e, e.add(e.size(inRows), start), dilations[0]), e.constant(kernel[0]));
      r.lastTap = e.max(r.lastTap, r.firstTap);
      emitRow(r);
    });
  });
  return e.finish(result[0] * result[1] * groups);
}
