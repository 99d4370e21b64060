// The register-tile contraction, see RegisterTile.h.

#include "targets/cpu/codegen/RegisterTile.h"

using namespace mlir;
using namespace aicc::cpu;

TileShape aicc::cpu::chooseTile(std::optional<int64_t> rows, std::optional<int64_t> panels,
                                const CpuDescriptor &cpu) {
  unsigned perPanel = kPanel / cpu.getLanes();
  // One register per row broadcast and per loaded vector stays free of accumulators.
  struct Candidate {
    unsigned rows, panels;
  };
  static constexpr Candidate wide[] = {{8, 3}, {14, 2}, {28, 1}};
  static constexpr Candidate narrow[] = {{6, 1}};
  bool isWide = cpu.numVectorRegisters >= 32 && perPanel == 1;
  ArrayRef<Candidate> list = isWide ? ArrayRef<Candidate>(wide) : ArrayRef<Candidate>(narrow);
  unsigned budget = isWide ? 28 : 12; // vectors of accumulators
  if (rows && *rows < int64_t(list[0].rows)) {
    unsigned m = std::max<int64_t>(1, *rows);
    unsigned most = std::max(1u, std::min(8u, budget / (m * perPanel)));
    if (!panels)
      return {m, std::min(most, 4u)};
    unsigned best = 1;
    for (unsigned p = 1; p <= most && int64_t(p) <= *panels; ++p)
      if (*panels % p == 0 || p == most)
        best = p;
    return {m, best};
  }
  TileShape best{list[0].rows, list[0].panels};
  if (!panels)
    return best;
  // Cost of a column sweep: groups of panels times the rows' loads each needs; the fewest wasted steps win.
  double bestCost = 1e30;
  for (Candidate c : list) {
    if (int64_t(c.panels) > *panels)
      continue;
    double rest = *panels % c.panels;
    // Broadcasts and loads per fma; a rest group is as dear as a narrow tile.
    double cost = double(*panels / c.panels) * (c.panels + 0.25 + 0.02 * c.panels * c.rows / 8) +
                  (rest ? rest + 0.6 : 0);
    if (rows && *rows % c.rows)
      cost *= 1.0 + 0.3 * double(c.rows - *rows % c.rows) / double(*rows);
    if (cost < bestCost)
      bestCost = cost, best = {c.rows, c.panels};
  }
  return best;
}

Value aicc::cpu::multiplyWords(CpuEmitter &e, Value left, Value right, Value acc) {
  bool wide = cast<VectorType>(acc.getType()).getNumElements() == 16;
  auto name = e.b.getStringAttr(wide ? "llvm.x86.avx512.vpdpbusd.512" : "llvm.x86.avx512.vpdpbusd.256");
  return e.b
      .create<LLVM::CallIntrinsicOp>(e.loc, TypeRange{acc.getType()}, name, ValueRange{acc, left, right})
      .getResult(0);
}

SmallVector<Value> aicc::cpu::zeroTile(CpuEmitter &e, const TileOperands &t) {
  auto type = VectorType::get({int64_t(t.lanes)}, t.accumulator);
  Value zero = e.b.create<arith::ConstantOp>(e.loc, e.b.getZeroAttr(type));
  return SmallVector<Value>(t.rows * t.vectors, zero);
}

SmallVector<Value> aicc::cpu::emitTile(CpuEmitter &e, const TileOperands &t, Value from, Value to,
                                       ValueRange init) {
  auto step = [&](Value k, ValueRange acc) {
    SmallVector<Value> right, next;
    for (unsigned v = 0; v < t.vectors; ++v)
      right.push_back(t.right(v, k));
    for (unsigned m = 0; m < t.rows; ++m) {
      Value left = e.splat(t.left(m, k), t.lanes);
      for (unsigned v = 0; v < t.vectors; ++v) {
        Value sum = acc[m * t.vectors + v];
        next.push_back(t.combine ? t.combine(left, right[v], sum) : multiplyAdd(e, left, right[v], sum));
      }
    }
    return next;
  };
  Value one = e.constant(1);
  if (!t.everyBlock)
    return e.loop(from, to, one, init, step);
  Value block = e.constant(16);
  Value whole = e.add(from, e.mul(e.div(e.sub(to, from), block), block));
  SmallVector<Value> acc = e.loop(from, whole, block, init, [&](Value k, ValueRange carried) {
    t.everyBlock(k);
    return e.loop(k, e.add(k, block), one, carried, step);
  });
  auto rest = CpuEmitter::getConstant(e.sub(to, whole));
  return rest && *rest == 0 ? acc : e.loop(whole, to, one, acc, step);
}
