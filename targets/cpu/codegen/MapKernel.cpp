// Kernels without a reduction: one result element after the other. The innermost dimension runs in lanes; the
// rest, as rows, is shared out in pieces of a few thousand elements.

#include "targets/cpu/codegen/Kernels.h"
#include "targets/kernel/Collapse.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;
using namespace aicc::kernel;

/// Elements that one workgroup computes, about.
static constexpr int64_t kPiece = 4096;

FailureOr<Launch> aicc::cpu::emitMap(KernelRequest &request) {
  exe::DispatchOp clone = cloneDetached(request.dispatch, request.shapes);
  collapseElementwise(clone, request.shapes);
  auto erase = llvm::make_scope_exit([&] { clone.erase(); });

  CpuEmitter e(request.module, request.name, clone, request.shapes, request.cpu);
  unsigned lanes = request.cpu.vectorBits / 32;

  // Parts: what is written, where, over which sizes.
  struct Part {
    Value value;
    Value offset; // along `axis`
  };
  SmallVector<Part> parts;
  auto values = e.getYield().getValues();
  auto concat = values.size() == 1 ? values[0].getDefiningOp<nn::ConcatOp>() : nn::ConcatOp();
  if (concat) {
    Value offset = e.constant(0);
    for (Value input : concat.getInputs()) {
      parts.push_back({input, offset});
      offset = e.add(offset, e.size(input, concat.getAxis()));
    }
  } else {
    parts.push_back({values[0], Value()});
  }

  AffineExpr grid = e.expr(0);
  for (Part &part : parts) {
    SmallVector<AffineExpr> sizes(e.shape(part.value));
    unsigned rank = sizes.size();
    bool vector = rank > 0 && e.canVectorize(part.value, rank - 1, lanes);
    if (!concat)
      for (Value v : values)
        vector &= rank > 0 && e.canVectorize(v, rank - 1, lanes);
    AffineExpr inner = rank ? sizes.back() : e.expr(1);
    AffineExpr rows = e.product(ArrayRef<AffineExpr>(sizes).drop_back(rank ? 1 : 0));
    // A workgroup takes whole rows, or, where there is but one, a piece of it.
    auto rowCount = CpuEmitter::getConstant(rows);
    bool single = rowCount && *rowCount == 1;
    auto innerConstant = CpuEmitter::getConstant(inner);
    int64_t rowsPerGroup = std::max<int64_t>(1, kPiece / std::max<int64_t>(1, innerConstant.value_or(512)));
    AffineExpr groups = single ? inner.ceilDiv(kPiece) : rows.ceilDiv(rowsPerGroup);
    Value first = e.size(grid), count = e.size(groups);
    grid = grid + groups;

    // The groups of [begin, end) that are this part's.
    Value lo = e.max(e.sub(e.begin, first), e.constant(0)), hi = e.min(e.sub(e.end, first), count);
    auto element = [&](SmallVector<Value> outer, Value i, unsigned width, Value mask) {
      e.clearMemo();
      Coord c;
      c.idx = outer;
      if (rank)
        c.idx.push_back(i);
      if (width)
        c.lane = rank - 1;
      if (!concat) {
        e.emitStores(Value(), c, width, mask);
        return;
      }
      Value value = e.emit(part.value, c, width, mask), index = e.constant(0);
      ArrayRef<AffineExpr> whole = e.shape(concat);
      for (unsigned d = 0; d < rank; ++d) {
        Value at = int64_t(d) == int64_t(concat.getAxis()) ? e.add(c.idx[d], part.offset) : c.idx[d];
        index = e.add(index, e.mul(at, e.size(e.product(whole.drop_front(d + 1)))));
      }
      e.store(value, e.outputPointer(0), index, cast<RankedTensorType>(concat.getType()).getElementType(),
              mask);
    };
    auto row = [&](SmallVector<Value> outer, Value from, Value to) {
      if (!vector) {
        e.loop(from, to, e.constant(1), [&](Value i) { element(outer, i, 0, Value()); });
        return;
      }
      Value width = e.constant(lanes), length = e.sub(to, from);
      Value whole = e.add(from, e.mul(e.div(length, width), width));
      e.loop(from, whole, width, [&](Value i) { element(outer, i, lanes, Value()); });
      auto known = CpuEmitter::getConstant(e.sub(to, whole));
      if (known && *known == 0)
        return;
      Value some = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::slt, whole, to);
      e.ifThen(some, [&] { element(outer, whole, lanes, e.maskOf(e.sub(to, whole), lanes)); });
    };
    if (single) {
      SmallVector<Value> outer(rank ? rank - 1 : 0, e.constant(0));
      Value from = e.mul(lo, e.constant(kPiece)), to = e.min(e.mul(hi, e.constant(kPiece)), e.size(inner));
      row(outer, from, to);
    } else {
      Value from = e.mul(lo, e.constant(rowsPerGroup)),
            to = e.min(e.mul(hi, e.constant(rowsPerGroup)), e.size(rows));
      e.loop(from, to, e.constant(1), [&](Value r) {
        row(e.delinearize(r, ArrayRef<AffineExpr>(sizes).drop_back()), e.constant(0), e.size(inner));
      });
    }
  }
  return e.finish(grid);
}
