// Resizing. Every mode is separable: in each dimension a result has one, two or four inputs with weights. A
// worker first tabulates them for each resized dimension, in double as reference evaluation does, so that
// both choose the same neighbours; then rows are sums of gathered vectors.

#include "targets/cpu/codegen/ConvKernels.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/kernel/Collapse.h"
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

  struct Axis {
    bool identity;
    AffineExpr inputs, outputs;
    std::optional<float> scale;
    Value indices, weights; // tables [taps, outputs] of offsets (i64, in elements) and weights
  };
  SmallVector<Axis> axes = {};

  bool isNearest() { return root.getMode() == nn::ResizeMode::nearest; }
  int64_t taps() { return isNearest() ? 1 : root.getMode() == nn::ResizeMode::linear ? 2 : 4; }

  //===--- scalar doubles
  //------------------------------------------------------------------------------------------------===//

  Value real(double value) { return e.b.create<arith::ConstantOp>(e.loc, e.b.getF64FloatAttr(value)); }
  Value real(Value integer) { return e.b.create<arith::SIToFPOp>(e.loc, e.b.getF64Type(), integer); }
  Value plus(Value x, Value y) { return e.b.create<arith::AddFOp>(e.loc, x, y); }
  Value minus(Value x, Value y) { return e.b.create<arith::SubFOp>(e.loc, x, y); }
  Value times(Value x, Value y) { return e.b.create<arith::MulFOp>(e.loc, x, y); }
  Value over(Value x, Value y) { return e.b.create<arith::DivFOp>(e.loc, x, y); }
  Value floor(Value x) { return e.b.create<math::FloorOp>(e.loc, x); }
  Value toInteger(Value x) { return e.b.create<arith::FPToSIOp>(e.loc, e.b.getI64Type(), x); }
  Value clamp(Value index, const Axis &axis) {
    return e.max(e.min(index, e.sub(e.size(axis.inputs), e.constant(1))), e.constant(0));
  }

  /// x / scale: exact from the sizes, in float as ONNX's scales are.
  Value unscale(Value x, const Axis &axis) {
    if (!axis.scale)
      return over(times(x, real(e.size(axis.inputs))), real(e.size(axis.outputs)));
    Value narrow = e.b.create<arith::TruncFOp>(e.loc, e.b.getF32Type(), x);
    Value scale = e.b.create<arith::ConstantOp>(e.loc, e.b.getF32FloatAttr(*axis.scale));
    return e.b.create<arith::ExtFOp>(e.loc, e.b.getF64Type(), over(narrow, scale));
  }

  /// The input coordinate of output `o`.
  Value coordinate(Value o, const Axis &axis) {
    Value inputs = real(e.size(axis.inputs)), outputs = real(e.size(axis.outputs)), x = real(o);
    auto halfPixel = [&] { return minus(unscale(plus(x, real(0.5)), axis), real(0.5)); };
    // 0 where there is only one output.
    auto unlessOne = [&](Value value) -> Value {
      Value several =
          e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::sgt, e.size(axis.outputs), e.constant(1));
      return e.b.create<arith::SelectOp>(e.loc, several, value, real(0.0));
    };
    switch (root.getCoordinates()) {
    case nn::CoordinateMode::half_pixel:
      return halfPixel();
    case nn::CoordinateMode::half_pixel_symmetric: {
      Value adjustment = axis.scale ? over(outputs, times(real(double(*axis.scale)), inputs)) : real(1.0);
      return plus(times(over(inputs, real(2.0)), minus(real(1.0), adjustment)), halfPixel());
    }
    case nn::CoordinateMode::pytorch_half_pixel:
      return unlessOne(halfPixel());
    case nn::CoordinateMode::align_corners:
      return unlessOne(over(times(x, minus(inputs, real(1.0))), minus(outputs, real(1.0))));
    case nn::CoordinateMode::asymmetric:
      return unscale(x, axis);
    case nn::CoordinateMode::tf_half_pixel_for_nn:
      return unscale(plus(x, real(0.5)), axis);
    }
    llvm_unreachable("unknown coordinate mode");
  }

  Value roundNearest(Value x) {
    switch (root.getNearest()) {
    case nn::NearestMode::round_prefer_floor:
      return e.b.create<math::CeilOp>(e.loc, minus(x, real(0.5)));
    case nn::NearestMode::round_prefer_ceil:
      return floor(plus(x, real(0.5)));
    case nn::NearestMode::floor:
      return floor(x);
    case nn::NearestMode::ceil:
      return e.b.create<math::CeilOp>(e.loc, x);
    }
    llvm_unreachable("unknown rounding");
  }

  /// Weights of the inputs around x, whose fraction is t (cubic: Keys, 1981).
  SmallVector<Value> weightsAt(Value t) {
    Value one = real(1.0);
    if (root.getMode() == nn::ResizeMode::linear)
      return {minus(one, t), t};
    double a = root.getCubicA().convertToFloat();
    auto near = [&](Value d) {
      return plus(times(times(minus(times(real(a + 2), d), real(a + 3)), d), d), one);
    };
    auto far = [&](Value d) {
      return minus(times(plus(times(minus(times(real(a), d), real(5 * a)), d), real(8 * a)), d), real(4 * a));
    };
    return {far(plus(t, one)), near(t), near(minus(one, t)), far(minus(real(2.0), t))};
  }

  void tabulate(const Axis &axis, Value stride) {
    Type i64 = e.b.getI64Type();
    Value outputs = e.size(axis.outputs);
    e.loop(e.constant(0), outputs, e.constant(1), [&](Value o) {
      Value x = coordinate(o, axis);
      if (isNearest()) {
        e.store(e.mul(clamp(toInteger(roundNearest(x)), axis), stride), axis.indices, o, i64);
        return;
      }
      Value whole = floor(x), first = toInteger(whole);
      SmallVector<Value> weights = weightsAt(minus(x, whole)), indices;
      Value sum = real(0.0);
      for (auto [t, weight] : llvm::enumerate(weights)) {
        Value index = e.add(first, e.constant(int64_t(t) - (taps() == 4)));
        indices.push_back(clamp(index, axis));
        if (!root.getExcludeOutside())
          continue;
        Value inside = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::eq, index, indices.back());
        weight = e.b.create<arith::SelectOp>(e.loc, inside, weight, real(0.0));
        sum = plus(sum, weight);
      }
      if (root.getExcludeOutside()) {
        Value some = e.b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::UNE, sum, real(0.0));
        sum = e.b.create<arith::SelectOp>(e.loc, some, sum, real(1.0));
      }
      for (auto [t, weight] : llvm::enumerate(weights)) {
        if (root.getExcludeOutside())
          weight = over(weight, sum);
        Value at = e.add(e.mul(e.constant(t), outputs), o);
        e.store(e.mul(indices[t], stride), axis.indices, at, i64);
        if (number.isF32())
          weight = e.b.create<arith::TruncFOp>(e.loc, number, weight);
        e.store(weight, axis.weights, at, number);
      }
    });
  }

  //===--- rows
  //----------------------------------------------------------------------------------------------------------===//

  /// Loaded elements as `number`s.
  Value toNumber(Value value) {
    auto type = cast<VectorType>(value.getType()).clone(number);
    if (isa<FloatType>(element))
      return type == value.getType() ? value : e.b.create<arith::ExtFOp>(e.loc, type, value).getResult();
    if (element.isUnsignedInteger() || element.isInteger(1))
      return e.b.create<arith::UIToFPOp>(e.loc, type, value);
    return e.b.create<arith::SIToFPOp>(e.loc, type, value);
  }
  Value fromNumber(Value value) {
    auto type = cast<VectorType>(value.getType()).clone(e.registerType(element));
    if (isa<FloatType>(element))
      return type == value.getType() ? value : e.b.create<arith::TruncFOp>(e.loc, type, value).getResult();
    // Through a wider signed integer, which wraps where the result does.
    Value wide = e.b.create<arith::FPToSIOp>(e.loc, cast<VectorType>(type).clone(e.b.getI64Type()), value);
    return type == wide.getType() ? wide : e.b.create<arith::TruncIOp>(e.loc, type, wide).getResult();
  }

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
    Resize::Axis axis{false, e.shape(root.getInput())[d], e.shape(root.getResult())[d], std::nullopt, {}, {}};
    if (!root.getScales().empty())
      axis.scale = root.getScales()[d];
    axis.identity = request.shapes.equal(axis.inputs, axis.outputs) && (!axis.scale || *axis.scale == 1) &&
                    root.getCoordinates() != nn::CoordinateMode::tf_half_pixel_for_nn;
    resize.axes.push_back(axis);
  }
  return resize.emit();
}
