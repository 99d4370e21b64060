// Resizing. Every mode is separable: in each dimension a result has one, two or four inputs with weights. A
// worker first tabulates them for each resized dimension, in double as reference evaluation does, so that
// both choose the same neighbours; then rows are sums of gathered vectors.

#include "targets/cpu/codegen/ConvKernels.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/kernel/Collapse.h"
#include "targets/kernel/Resizing.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;
using namespace aicc::kernel;

namespace {
struct Resize {
  CpuEmitter &e;
  nn::ResizeOp root;
  const View *input;
  Type element, number; // of the tensor, and what weights and sums are held in
  unsigned lanes, rank;

  struct Axis : ResizeAxis {
    Value indices, weights; // tables [taps, outputs] of offsets (i64, in elements) and weights
  };
  SmallVector<Axis> axes = {};

  bool isNearest() { return root.getMode() == nn::ResizeMode::nearest; }
  int64_t taps() { return isNearest() ? 1 : root.getMode() == nn::ResizeMode::linear ? 2 : 4; }

  Value plus(Value x, Value y) { return e.b.create<arith::AddFOp>(e.loc, x, y); }
  Value times(Value x, Value y) { return e.b.create<arith::MulFOp>(e.loc, x, y); }

  void tabulate(const Axis &axis, Value stride) {
    Value outputs = e.size(axis.outputs);
    e.loop(e.constant(0), outputs, e.constant(1), [&](Value o) {
      for (auto [t, tap] : llvm::enumerate(emitResizeTaps(e, root, axis, o, e.b.getF64Type()))) {
        Value at = e.add(e.mul(e.constant(t), outputs), o), weight = tap.weight;
        e.store(e.mul(tap.index, stride), axis.indices, at, e.b.getI64Type());
        if (!weight)
          continue;
        if (number.isF32())
          weight = e.b.create<arith::TruncFOp>(e.loc, number, weight);
        e.store(weight, axis.weights, at, number);
      }
    });
  }

  //===--- rows
  //----------------------------------------------------------------------------------------------------------===//

  Value toNumber(Value value) { return toResizeNumber(e, value, element, number); }
  Value fromNumber(Value value) { return fromResizeNumber(e, value, element); }

  /// Lanes of the last dimension from `column`, in the input's line at `offset`.
  SmallVector<Value> loadLanes(Value offset, Value column, Value mask) {
    const Axis &axis = axes.back();
    if (axis.identity) {
      Value stride = e.size(input->strides.back()), at = e.add(offset, e.mul(column, stride));
      if (CpuEmitter::getConstant(stride) == 1)
        return {e.load(input->base, at, element, lanes, mask)};
      return {e.loadStrided(input->base, at, stride, element, lanes, mask)};
    }
    Value base = e.address(input->base, offset, element);
    SmallVector<Value> values;
    for (int64_t t = 0; t < taps(); ++t) {
      Value at = e.add(e.mul(e.constant(t), e.size(axis.outputs)), column);
      Value indices = e.load(axis.indices, at, e.b.getI64Type(), lanes, mask);
      values.push_back(e.loadGather(base, indices, element, lanes, mask));
    }
    return values;
  }

  /// Adds to `sum` what dimensions from d on contribute at the result's `outer`, weighted by `weight` (null:
  /// 1).
  Value accumulate(unsigned d, ArrayRef<Value> outer, Value offset, Value weight, Value column, Value mask,
                   Value sum) {
    const Axis &axis = axes[d];
    if (d + 1 == rank) {
      SmallVector<Value> values = loadLanes(offset, column, mask);
      if (isNearest())
        return values[0];
      for (auto [t, value] : llvm::enumerate(values)) {
        Value factor = weight ? e.splat(weight, lanes) : Value();
        if (!axis.identity) {
          Value at = e.add(e.mul(e.constant(t), e.size(axis.outputs)), column);
          Value own = e.load(axis.weights, at, number, lanes, mask);
          factor = factor ? times(factor, own) : own;
        }
        value = toNumber(value);
        sum = factor ? multiplyAdd(e, value, factor, sum) : plus(sum, value);
      }
      return sum;
    }
    if (axis.identity)
      return accumulate(d + 1, outer, e.add(offset, e.mul(outer[d], e.size(input->strides[d]))), weight,
                        column, mask, sum);
    auto tap = [&](Value t, Value before) {
      Value at = e.add(e.mul(t, e.size(axis.outputs)), outer[d]);
      Value next = e.add(offset, e.load(axis.indices, at, e.b.getI64Type())), factor = weight;
      if (!isNearest()) {
        Value own = e.load(axis.weights, at, number);
        factor = factor ? times(factor, own) : own;
      }
      return accumulate(d + 1, outer, next, factor, column, mask, before);
    };
    if (taps() == 1)
      return tap(e.constant(0), sum);
    return carryLoop(e, taps(), sum,
                     [&](Value t, ValueRange before) { return SmallVector<Value>{tap(t, before[0])}; })[0];
  }

  Launch emit() {
    SmallVector<AffineExpr> sizes(e.shape(root.getResult())), outer(sizes.begin(), sizes.end() - 1);
    AffineExpr bytes = e.expr(0);
    auto reserve = [&](AffineExpr count, int64_t width) {
      Value at = e.address(e.scratch, e.size(bytes), e.b.getI8Type());
      bytes = bytes + count * width;
      return at;
    };
    for (Axis &axis : axes)
      if (!axis.identity)
        axis.indices = reserve(axis.outputs * taps(), 8);
    for (Axis &axis : axes)
      if (!axis.identity && !isNearest())
        axis.weights = reserve(axis.outputs * taps(), number.getIntOrFloatBitWidth() / 8);
    for (auto [d, axis] : llvm::enumerate(axes))
      if (!axis.identity)
        tabulate(axis, e.size(input->strides[d]));

    AffineExpr rows = e.product(outer), columns = sizes.back();
    auto known = CpuEmitter::getConstant(columns);
    int64_t block =
        std::max<int64_t>(1, 24576 / (taps() * taps() * std::max<int64_t>(1, known.value_or(128))));
    EpilogueStore store(e, root.getResult(), rank - 1, lanes);
    e.loop(e.begin, e.end, e.constant(1), [&](Value wg) {
      Value from = e.mul(wg, e.constant(block)), to = e.min(e.add(from, e.constant(block)), e.size(rows));
      e.loop(from, to, e.constant(1), [&](Value row) {
        SmallVector<Value> at = e.delinearize(row, outer);
        auto vector = [&](Value column, Value mask) {
          e.clearMemo();
          Value zero = isNearest() ? Value()
                                   : e.b.create<arith::ConstantOp>(
                                         e.loc, e.b.getZeroAttr(VectorType::get({int64_t(lanes)}, number)));
          Value value = accumulate(0, at, e.size(input->offset), Value(), column, mask, zero);
          Coord c{at, int(rank) - 1, Value()};
          c.idx.push_back(column);
          store(isNearest() ? value : fromNumber(value), c, mask);
          e.clearBound();
        };
        Value width = e.constant(lanes), whole = e.mul(e.div(e.size(columns), width), width);
        e.loop(e.constant(0), whole, width, [&](Value column) { vector(column, Value()); });
        if (known && *known % lanes == 0)
          return;
        Value some = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::slt, whole, e.size(columns));
        e.ifThen(some, [&] { vector(whole, e.maskOf(e.sub(e.size(columns), whole), lanes)); });
      });
    });
    return e.finish(rows.ceilDiv(block), bytes);
  }
};
} // namespace

FailureOr<Launch> aicc::cpu::emitResize(KernelRequest &request) {
  exe::DispatchOp clone = cloneDetached(request.dispatch, request.shapes);
  auto erase = llvm::make_scope_exit([&] { clone.erase(); });
  auto roots = clone.getBody().front().getOps<nn::ResizeOp>();
  if (!llvm::hasSingleElement(roots))
    return failure();
  nn::ResizeOp root = *roots.begin();
  unsigned rank = cast<RankedTensorType>(root.getType()).getRank();
  if (rank == 0)
    return failure();
  CpuEmitter e(request.module, request.name, clone, request.shapes, request.cpu);
  const View *input = e.view(root.getInput());
  if (!input) {
    e.abandon();
    return failure();
  }
  Type element = cast<RankedTensorType>(root.getType()).getElementType();
  bool single = isa<FloatType>(element) && element.getIntOrFloatBitWidth() <= 32;
  Resize resize{e,
                root,
                input,
                element,
                single ? Type(e.b.getF32Type()) : Type(e.b.getF64Type()),
                request.cpu.getLanes(),
                rank};
  for (unsigned d = 0; d < rank; ++d) {
    Resize::Axis axis{getResizeAxis(e, root, d), {}, {}};
    resize.axes.push_back(axis);
  }
  return resize.emit();
}
