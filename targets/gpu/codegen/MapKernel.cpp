// Kernels without a root: one thread for each result element, or for each small vector of contiguous ones
// where the evaluation can be done in lanes. The parts of a concatenation follow each other in the grid.

#include "targets/gpu/codegen/Kernels.h"
#include "targets/kernel/Collapse.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

static constexpr unsigned kThreads = 256;

/// Elements in a vector that is as wide as the device's loads, by the widest element that lies in memory.
static unsigned chooseLanes(exe::DispatchOp dispatch, const GpuDescriptor &gpu) {
  unsigned bytes = 1;
  auto note = [&](Type type) {
    unsigned bits = cast<RankedTensorType>(type).getElementType().getIntOrFloatBitWidth();
    bytes = std::max(bytes, bits / 8);
  };
  llvm::for_each(dispatch.getOperandTypes(), note);
  llvm::for_each(dispatch.getResultTypes(), note);
  return std::clamp(gpu.vectorBytes / bytes, 1u, 8u);
}

namespace {
/// What is written, where, over which sizes.
struct Part {
  Value value;
  Value offset; // along the concatenation's axis
};

struct MapEmitter {
  GpuEmitter &e;
  nn::ConcatOp concat;

  /// Lanes with which `part` is evaluated along its last dimension: 1 for none.
  unsigned lanesFor(const Part &part, unsigned lanes) {
    ArrayRef<AffineExpr> sizes = e.shape(part.value);
    if (sizes.empty())
      return 1;
    // Fewer lanes until the device has enough to do.
    auto count = GpuEmitter::getConstant(e.product(sizes));
    int64_t enough = int64_t(e.gpu.computeUnits) * kThreads;
    for (; lanes > 1; lanes /= 2) {
      if (count && *count / lanes < enough)
        continue;
      int lane = sizes.size() - 1;
      bool whole = sizes.back().isMultipleOf(lanes);
      bool possible = concat ? whole && e.canVectorize(part.value, lane, lanes)
                             : llvm::all_of(e.getYield().getValues(), [&](Value v) {
                                 return (whole || sizes.size() == 1) && e.canVectorize(v, lane, lanes);
                               });
      if (possible)
        break;
    }
    return lanes;
  }

  void store(const Part &part, const Coord &c, unsigned width) {
    if (!concat) {
      e.emitStores(Value(), c, width);
      return;
    }
    Value value = e.emit(part.value, c, width), index = e.constant(0);
    ArrayRef<AffineExpr> whole = e.shape(concat.getResult());
    bool aligned = width > 1;
    for (unsigned d = 0; d < whole.size(); ++d) {
      Value at = d == concat.getAxis() ? e.add(c.idx[d], part.offset) : c.idx[d];
      AffineExpr step = e.product(whole.drop_front(d + 1));
      index = e.add(index, e.mul(at, e.size(step)));
      aligned &= d + 1 == whole.size() ? d != concat.getAxis() : step.isMultipleOf(std::max(1u, width));
    }
    e.store(value, e.outputPointer(0), index, cast<RankedTensorType>(concat.getType()).getElementType(), {},
            aligned ? width : 1);
  }

  /// Emits the part for thread `linear` of its own; returns how many threads it has.
  AffineExpr emit(const Part &part, Value linear, unsigned lanes) {
    SmallVector<AffineExpr> sizes(e.shape(part.value)), blocks = sizes;
    if (lanes > 1)
      blocks.back() = blocks.back().ceilDiv(lanes);
    AffineExpr count = e.product(blocks);
    e.ifThen(e.compare(arith::CmpIPredicate::ult, linear, e.size(count)), [&] {
      e.clearMemo();
      Coord c;
      c.idx = e.delinearize(linear, blocks);
      if (lanes == 1) {
        store(part, c, 0);
        return;
      }
      c.lane = sizes.size() - 1;
      c.idx.back() = e.mul(c.idx.back(), e.constant(lanes));
      if (sizes.back().isMultipleOf(lanes)) {
        store(part, c, lanes);
        return;
      }
      Value end = e.size(sizes.back());
      auto vector = [&] {
        store(part, c, lanes);
        e.clearMemo();
        return SmallVector<Value>{};
      };
      auto rest = [&] {
        e.loop(c.idx.back(), end, e.constant(1), [&](Value i) {
          Coord one = c;
          one.lane = -1;
          one.idx.back() = i;
          store(part, one, 0);
          e.clearMemo();
        });
        return SmallVector<Value>{};
      };
      e.ifElse(e.compare(arith::CmpIPredicate::sle, e.add(c.idx.back(), e.constant(lanes)), end), vector,
               rest);
    });
    e.clearMemo();
    return count;
  }
};
} // namespace

FailureOr<Launch> aicc::gpu::emitMap(KernelRequest &request) {
  exe::DispatchOp clone = kernel::cloneDetached(request.dispatch, request.shapes);
  kernel::collapseElementwise(clone, request.shapes);
  auto erase = llvm::make_scope_exit([&] { clone.erase(); });

  GpuEmitter e(request.module, request.name, clone, request.shapes, request.gpu, request.end, kThreads);
  auto values = e.getYield().getValues();
  MapEmitter map{e, values.size() == 1 ? values[0].getDefiningOp<nn::ConcatOp>() : nn::ConcatOp()};
  unsigned lanes = chooseLanes(clone, request.gpu);
  if (!map.concat) {
    Part part{values[0], Value()};
    AffineExpr count = map.emit(part, e.globalId(), map.lanesFor(part, lanes));
    return e.finish(count.ceilDiv(kThreads));
  }
  // Each part has whole workgroups of its own.
  AffineExpr grid = e.expr(0);
  Value offset = e.constant(0);
  for (Value input : map.concat.getInputs()) {
    Part part{input, offset};
    Value first = e.mul(e.size(grid), e.constant(kThreads));
    AffineExpr count = map.emit(part, e.sub(e.globalId(), first), map.lanesFor(part, lanes));
    grid = grid + count.ceilDiv(kThreads);
    offset = e.add(offset, e.size(input, map.concat.getAxis()));
  }
  return e.finish(grid);
}
