// Softmax and norms: a group of threads sweeps a row several times (see RowFrame.h). Elements of short rows
// stay in registers from one sweep to the next; others are read, or computed, again.

#include "targets/gpu/codegen/RowFrame.h"
#include "targets/kernel/Collapse.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;
using namespace aicc::kernel;

namespace {
/// A kernel whose rows have the coordinates `at(place)` of the root's input and result.
struct RowKernel {
  RowKernel(KernelRequest &request, exe::DispatchOp dispatch, Value input, Value result)
      : request(request), dispatch(dispatch), input(input), result(result),
        element(cast<RankedTensorType>(result.getType()).getElementType()) {}

  KernelRequest &request;
  exe::DispatchOp dispatch;
  Value input, result;
  Type element, accumulator = {};
  std::optional<GpuEmitter> emitter = std::nullopt;
  std::optional<RowFrame> frame = std::nullopt;
  unsigned lanes = 0;
  SmallVector<Value> kept = {};
  std::function<SmallVector<Value>(ArrayRef<Value>)> at = nullptr;

  GpuEmitter &e() { return *emitter; }

  /// `vectors`: neighbours along the last dimension of a row are neighbours in the tensor.
  void start(AffineExpr rows, ArrayRef<AffineExpr> dims, bool vectors, bool apart,
             ArrayRef<Value> others = {}) {
    ArrayRef<AffineExpr> shape = request.shapes.get(result);
    AffineExpr length = getAffineConstantExpr(1, dispatch.getContext());
    for (AffineExpr size : dims)
      length = length * size;
    unsigned wide = getWideLanes(dispatch, request.gpu);
    if (!vectors || !shape.back().isMultipleOf(wide))
      wide = 1;
    RowShape rowShape = chooseRowShape(request.gpu, rows, length, wide, apart);
    emitter.emplace(request.module, request.name, dispatch, request.shapes, request.gpu, request.end,
                    rowShape.threads);
    accumulator = getAccumulatorType(e().b, element);
    if (wide = rowShape.lanes; wide > 1) {
      int last = shape.size() - 1;
      auto possible = [&](Value v) {
        int rank = v ? e().shape(v).size() : 0;
        bool one = rank == 0 || GpuEmitter::getConstant(e().shape(v).back()) == 1;
        return !v || e().canVectorize(v, one ? -1 : rank - 1, wide);
      };
      if (!e().canVectorize(input, last, wide) || !e().canStoreVectors(result, last, wide) ||
          !llvm::all_of(others, possible))
        rowShape.lanes = 1;
    }
    lanes = rowShape.lanes > 1 ? rowShape.lanes : 0;
    frame.emplace(e(), rowShape, rows, dims);
    kept.assign(frame->getNumSlots(), Value());
  }

  Coord coord(const RowFrame::Place &place) {
    SmallVector<Value> idx = at(place.idx);
    return Coord{idx, lanes ? int(idx.size()) - 1 : -1, Value()};
  }
  Value number(double value, bool scalar = false) {
    return numberConstant(e(), accumulator, value, scalar ? 0 : lanes);
  }
  /// The input at a place.
  Value read(const RowFrame::Place &place) {
    Value *slot = place.slot >= 0 ? &kept[place.slot] : nullptr;
    if (slot && *slot)
      return *slot;
    Value value = toAccumulator(e(), e().emit(input, coord(place), lanes), element);
    if (slot)
      *slot = value;
    return value;
  }
  Value ifInside(const RowFrame::Place &place, Value value, Value neutral) {
    if (!place.inside)
      return value;
    return e().b.create<arith::SelectOp>(e().loc, place.inside, value, neutral);
  }
  /// The sum over the row of body(place).
  Value sum(llvm::function_ref<Value(const RowFrame::Place &)> body) {
    Value zero = number(0);
    Value mine = frame->sweep(zero, [&](const RowFrame::Place &place, ValueRange before) {
      return SmallVector<Value>{addf(e(), before[0], ifInside(place, body(place), zero))};
    })[0];
    return frame->reduce(mine, [&](Value x, Value y) { return addf(e(), x, y); });
  }
  void store(llvm::function_ref<Value(const RowFrame::Place &, const Coord &)> body) {
    frame->store([&](const RowFrame::Place &place) {
      Coord c = coord(place);
      Value value = fromAccumulator(e(), body(place, c), element);
      e().bind(result, value);
      e().emitStores(result, c, lanes);
      e().clearBound();
    });
  }
  Launch finish() { return e().finish(frame->getGrid()); }

  Launch emitSoftmax(nn::SoftmaxOp root);
  Launch emitLayerNorm(Value scale, Value bias, bool center, double epsilon, unsigned axis);
  Launch emitGroupNorm(nn::GroupNormOp root);
};
} // namespace

static AffineExpr productOf(ArrayRef<AffineExpr> sizes, MLIRContext *context) {
  AffineExpr result = getAffineConstantExpr(1, context);
  for (AffineExpr size : sizes)
    result = result * size;
  return result;
}

Launch RowKernel::emitSoftmax(nn::SoftmaxOp root) {
  SmallVector<AffineExpr> shape(request.shapes.get(result)), outer = shape;
  unsigned axis = root.getAxis();
  outer[axis] = getAffineConstantExpr(1, dispatch.getContext());
  bool along = llvm::all_of(ArrayRef(outer).drop_front(axis),
                            [](AffineExpr size) { return GpuEmitter::getConstant(size) == 1; });
  start(productOf(outer, dispatch.getContext()), shape[axis], axis + 1 == shape.size(), !along);
  SmallVector<Value> idx = e().delinearize(frame->row, outer);
  at = [&](ArrayRef<Value> place) {
    idx[axis] = place[0];
    return idx;
  };
  auto larger = [&](Value x, Value y) { return quickMax(e(), x, y); };
  Value lowest = number(-std::numeric_limits<double>::infinity());
  Value max = frame->sweep(lowest, [&](const RowFrame::Place &place, ValueRange before) {
    return SmallVector<Value>{larger(before[0], ifInside(place, read(place), lowest))};
  })[0];
  max = e().splat(frame->reduce(max, larger), lanes);
  // A NaN does not pass through the maximum, but through the sum.
  auto power = [&](const RowFrame::Place &place) { return softmaxExp(e(), subf(e(), read(place), max)); };
  SmallVector<Value> powers(kept.size());
  Value total = sum([&](const RowFrame::Place &place) {
    Value p = power(place);
    if (place.slot >= 0)
      powers[place.slot] = p;
    return p;
  });
  if (root.getLog()) {
    Value shift = e().splat(e().b.create<math::LogOp>(e().loc, total), lanes);
    store([&](const RowFrame::Place &place, const Coord &) {
      return subf(e(), subf(e(), read(place), max), shift);
    });
  } else {
    Value factor = e().splat(divf(e(), number(1, /*scalar=*/true), total), lanes);
    store([&](const RowFrame::Place &place, const Coord &) {
      return mulf(e(), place.slot >= 0 ? powers[place.slot] : power(place), factor);
    });
  }
  return finish();
}

Launch RowKernel::emitLayerNorm(Value scale, Value bias, bool center, double epsilon, unsigned axis) {
  SmallVector<AffineExpr> shape(request.shapes.get(result));
  ArrayRef<AffineExpr> outer = ArrayRef(shape).take_front(axis), inner = ArrayRef(shape).drop_front(axis);
  AffineExpr length = productOf(inner, dispatch.getContext());
  start(productOf(outer, dispatch.getContext()), inner, true, false, {scale, bias});
  SmallVector<Value> row = e().delinearize(frame->row, outer);
  at = [&](ArrayRef<Value> place) {
    SmallVector<Value> idx(row);
    llvm::append_range(idx, place);
    return idx;
  };
  Value count = e().b.create<arith::SIToFPOp>(e().loc, accumulator, e().size(length)), mean;
  if (center)
    mean = e().splat(divf(e(), sum([&](const RowFrame::Place &place) { return read(place); }), count), lanes);
  auto centered = [&](const RowFrame::Place &place) {
    return center ? subf(e(), read(place), mean) : read(place);
  };
  Value square = sum([&](const RowFrame::Place &place) {
    Value x = centered(place);
    return mulf(e(), x, x);
  });
  square = addf(e(), divf(e(), square, count), number(epsilon, /*scalar=*/true));
  Value factor = e().splat(reciprocalSqrt(e(), square), lanes);
  store([&](const RowFrame::Place &place, const Coord &c) {
    auto parameter = [&](Value v) {
      return e().splat(toAccumulator(e(), e().emit(v, e().operandCoord(v, result, c), lanes), element),
                       lanes);
    };
    Value x = mulf(e(), centered(place), factor);
    if (scale && bias)
      return multiplyAdd(e(), x, parameter(scale), parameter(bias));
    if (scale)
      return mulf(e(), x, parameter(scale));
    return bias ? addf(e(), x, parameter(bias)) : x;
  });
  return finish();
}

Launch RowKernel::emitGroupNorm(nn::GroupNormOp root) {
  SmallVector<AffineExpr> shape(request.shapes.get(result));
  AffineExpr groups = getAffineConstantExpr(root.getGroups(), dispatch.getContext());
  AffineExpr channels = shape[1].floorDiv(root.getGroups());
  SmallVector<AffineExpr> dims{channels};
  dims.append(shape.begin() + 2, shape.end());
  AffineExpr length = productOf(dims, dispatch.getContext());
  start(shape[0] * groups, dims, shape.size() > 2, false);
  SmallVector<Value> row = e().delinearize(frame->row, {shape[0], groups});
  Value first = e().mul(row[1], e().size(channels));
  at = [&](ArrayRef<Value> place) {
    SmallVector<Value> idx{row[0], e().add(first, place[0])};
    llvm::append_range(idx, place.drop_front());
    return idx;
  };
  Value count = e().b.create<arith::SIToFPOp>(e().loc, accumulator, e().size(length));
  Value mean =
      e().splat(divf(e(), sum([&](const RowFrame::Place &place) { return read(place); }), count), lanes);
  Value square = sum([&](const RowFrame::Place &place) {
    Value x = subf(e(), read(place), mean);
    return mulf(e(), x, x);
  });
  square = addf(e(), divf(e(), square, count), number(root.getEpsilon().convertToFloat(), /*scalar=*/true));
  Value factor = reciprocalSqrt(e(), square);
  store([&](const RowFrame::Place &place, const Coord &c) {
    auto parameter = [&](Value v) {
      return toAccumulator(e(), e().emit(v, Coord{{c.idx[1]}, -1, Value()}), element);
    };
    Value scale = e().splat(mulf(e(), parameter(root.getScale()), factor), lanes),
          bias = e().splat(parameter(root.getBias()), lanes);
    return multiplyAdd(e(), subf(e(), read(place), mean), scale, bias);
  });
  return finish();
}

FailureOr<Launch> aicc::gpu::emitNorm(KernelRequest &request) {
  exe::DispatchOp clone = cloneDetached(request.dispatch, request.shapes);
  auto erase = llvm::make_scope_exit([&] { clone.erase(); });
  Operation *root = getRoot(clone);
  if (!root)
    return failure();
  auto collapse = [&](ArrayRef<Value> apart, ArrayRef<unsigned> barriers) {
    return collapseBody(clone, root, apart, barriers, request.shapes);
  };
  return llvm::TypeSwitch<Operation *, FailureOr<Launch>>(root)
      .Case([&](nn::SoftmaxOp op) -> FailureOr<Launch> {
        unsigned axis = op.getAxis();
        op.setAxis(getMergedDimension(collapse({}, {axis, axis + 1}), axis));
        return RowKernel(request, clone, op.getInput(), op.getResult()).emitSoftmax(op);
      })
      .Case([&](nn::LayerNormOp op) -> FailureOr<Launch> {
        unsigned axis = op.getAxis();
        axis = getMergedDimension(collapse({}, {axis}), axis);
        return RowKernel(request, clone, op.getInput(), op.getResult())
            .emitLayerNorm(op.getScale(), op.getBias(), true, op.getEpsilon().convertToFloat(), axis);
      })
      .Case([&](nn::RmsNormOp op) -> FailureOr<Launch> {
        unsigned axis = op.getAxis();
        axis = getMergedDimension(collapse({}, {axis}), axis);
        return RowKernel(request, clone, op.getInput(), op.getResult())
            .emitLayerNorm(op.getScale(), Value(), false, op.getEpsilon().convertToFloat(), axis);
      })
      .Case([&](nn::GroupNormOp op) -> FailureOr<Launch> {
        collapse({op.getScale(), op.getBias()}, {1, 2});
        return RowKernel(request, clone, op.getInput(), op.getResult()).emitGroupNorm(op);
      })
      .Default([](Operation *) { return failure(); });
}
