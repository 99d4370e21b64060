// Reductions. Where the innermost dimension is reduced, lanes run along it, several accumulators at once, and
// are reduced at the end; where it is kept, lanes run along it and never meet. Rows, that is results or
// blocks of them, are shared out.

#include "targets/cpu/codegen/ArgReduce.h"
#include "targets/cpu/codegen/Kernels.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/cpu/codegen/Rows.h"
#include "targets/kernel/Collapse.h"
#include "targets/kernel/Reduction.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;
using namespace aicc::kernel;

namespace {
struct ReduceEmitter {
  CpuEmitter &e;
  nn::ReduceOp root;
  Combiner combiner;
  SmallVector<unsigned> reduced, kept, keptInResult;
  int last = -1; // the innermost dimension larger than 1 of the input
  bool lastReduced = false;
  unsigned lanes = 0, vectors = 1;

  ReduceEmitter(CpuEmitter &e, nn::ReduceOp root)
      : e(e), root(root),
        combiner(e, root.getKind(), cast<RankedTensorType>(root.getType()).getElementType()) {
    ArrayRef<AffineExpr> sizes = e.shape(root.getInput());
    for (unsigned d = 0, next = 0; d < sizes.size(); ++d) {
      bool isReduced = llvm::is_contained(root.getAxes(), d);
      if (!isReduced) {
        kept.push_back(d);
        keptInResult.push_back(next);
      } else {
        reduced.push_back(d);
      }
      next += root.getKeepdims() || !isReduced;
      if (CpuEmitter::getConstant(sizes[d]) != 1)
        last = d, lastReduced = isReduced;
    }
    if (lastReduced) { // lanes run in the innermost loop: sizes of 1 behind it go first
      llvm::erase(reduced, unsigned(last));
      reduced.push_back(last);
    }
    unsigned wide = e.cpu.getLanes();
    if (last < 0 || !e.canVectorize(root.getInput(), last, wide))
      return;
    if (lastReduced || e.canStoreVectors(root.getResult(),
                                         keptInResult[llvm::find(kept, unsigned(last)) - kept.begin()], wide))
      lanes = wide;
    auto inner = CpuEmitter::getConstant(sizes[last]);
    if (lanes && !lastReduced && inner)
      vectors = std::clamp<int64_t>(llvm::divideCeil(*inner, lanes), 1, 4);
  }

  /// Sizes of dimensions of the input.
  SmallVector<AffineExpr> sizesOf(ArrayRef<unsigned> dims) {
    SmallVector<AffineExpr> sizes;
    for (unsigned d : dims)
      sizes.push_back(e.shape(root.getInput())[d]);
    return sizes;
  }

  /// Loops over the reduced dimensions from `depth` on; `idx` is the input's coordinate.
  SmallVector<Value> reduce(SmallVector<Value> idx, unsigned depth, SmallVector<Value> state, unsigned copies,
                            ArrayRef<Value> masks) {
    if (reduced.empty())
      return body(idx, ValueRange(state), masks);
    unsigned dim = reduced[depth];
    Value count = e.size(root.getInput(), dim);
    if (depth + 1 < reduced.size())
      return e.loop(e.constant(0), count, e.constant(1), state, [&](Value i, ValueRange carried) {
        idx[dim] = i;
        return reduce(idx, depth + 1, SmallVector<Value>(carried), copies, masks);
      });
    unsigned step = lanes && int(dim) == last ? lanes : 1;
    return sweep(e, count, step, copies, state, [&](Value i, Value mask, ValueRange carried) {
      idx[dim] = i;
      return body(idx, carried, step > 1 ? ArrayRef<Value>(mask) : masks);
    });
  }

  SmallVector<Value> body(SmallVector<Value> idx, ValueRange carried, ArrayRef<Value> masks) {
    SmallVector<Value> next;
    Value first = last >= 0 ? idx[last] : Value();
    for (unsigned v = 0; v < carried.size(); ++v) {
      Value mask = masks.empty() ? Value() : masks[v];
      Coord c{idx, lanes ? last : -1, Value()};
      if (v)
        c.idx[last] = e.add(first, e.constant(v * lanes));
      Value value = combiner.load(e.emit(root.getInput(), c, lanes, mask));
      next.push_back(combiner.combine(carried[v], masked(e, mask, value, combiner.neutral(lanes))));
    }
    return next;
  }

  /// The result at the kept dimensions' indices `outer` (the block's first where lanes run along a kept one).
  void emitResult(ArrayRef<Value> outer) {
    SmallVector<Value> idx(e.shape(root.getInput()).size(), e.constant(0));
    for (auto [d, i] : llvm::zip_equal(kept, outer))
      idx[d] = i;
    bool along = lanes && !lastReduced;
    SmallVector<Value> masks;
    Value inner = last >= 0 ? e.size(root.getInput(), last) : Value();
    auto constantInner = inner ? CpuEmitter::getConstant(inner) : std::nullopt;
    if (along && !(constantInner && *constantInner % (lanes * vectors) == 0))
      for (unsigned v = 0; v < vectors; ++v)
        masks.push_back(e.maskOf(e.sub(inner, e.add(idx[last], e.constant(v * lanes))), lanes));
    unsigned copies = vectors > 1 || reduced.empty() ? 1 : 4;
    SmallVector<Value> state(copies * vectors, combiner.neutral(lanes));
    state = reduce(idx, 0, state, copies, masks);
    e.clearMemo();
    auto combine = [&](Value x, Value y) { return combiner.combine(x, y); };
    if (vectors == 1)
      state = {fold(state, combine)};
    Value count = e.size(e.product(sizesOf(reduced)));
    for (unsigned v = 0; v < vectors; ++v) {
      Coord c{SmallVector<Value>(e.shape(root.getResult()).size(), e.constant(0)), -1, Value()};
      for (auto [d, at] : llvm::zip_equal(kept, keptInResult)) {
        c.idx[at] = idx[d];
        if (along && int(d) == last) {
          c.lane = at;
          c.idx[at] = e.add(idx[d], e.constant(v * lanes));
        }
      }
      Value value = along ? state[v] : foldLanes(e, state[v], combine);
      e.clearComputed();
      e.bind(root.getResult(), combiner.finish(value, count));
      e.emitStores(root.getResult(), c, along ? lanes : 0, masks.empty() ? Value() : masks[v]);
    }
    e.clearBound();
  }

  Launch run() {
    bool along = lanes && !lastReduced;
    int64_t block = along ? lanes * vectors : 1;
    SmallVector<AffineExpr> sizes = sizesOf(kept);
    if (along)
      sizes[llvm::find(kept, unsigned(last)) - kept.begin()] = e.shape(root.getInput())[last].ceilDiv(block);
    AffineExpr rows = e.product(sizes);
    int64_t work = CpuEmitter::getConstant(e.product(sizesOf(reduced))).value_or(512) * block;
    int64_t rowsPerGroup = std::clamp<int64_t>(kRowPiece / std::max<int64_t>(1, work), 1, 1 << 20);
    Value from = e.mul(e.begin, e.constant(rowsPerGroup)),
          to = e.min(e.mul(e.end, e.constant(rowsPerGroup)), e.size(rows));
    e.loop(from, to, e.constant(1), [&](Value row) {
      SmallVector<Value> outer = e.delinearize(row, sizes);
      if (along) {
        Value &i = outer[llvm::find(kept, unsigned(last)) - kept.begin()];
        i = e.mul(i, e.constant(block));
      }
      emitResult(outer);
    });
    return e.finish(rows.ceilDiv(rowsPerGroup));
  }
};
} // namespace

FailureOr<Launch> aicc::cpu::emitReduce(KernelRequest &request) {
  exe::DispatchOp clone = cloneDetached(request.dispatch, request.shapes);
  auto erase = llvm::make_scope_exit([&] { clone.erase(); });
  Block &body = clone.getBody().front();
  auto roots = body.getOps<nn::ReduceOp>();
  auto argRoots = body.getOps<nn::ArgReduceOp>();
  if (llvm::hasSingleElement(argRoots) && roots.empty()) {
    CpuEmitter e(request.module, request.name, clone, request.shapes, request.cpu);
    return emitArgReduce(e, *argRoots.begin());
  }
  if (!llvm::hasSingleElement(roots))
    return failure();
  nn::ReduceOp root = *roots.begin();
  collapseReduction(clone, root, request.shapes);
  CpuEmitter e(request.module, request.name, clone, request.shapes, request.cpu);
  return ReduceEmitter(e, root).run();
}
