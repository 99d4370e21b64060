// Coordinates and weights of resizing, see Resizing.h.

#include "targets/kernel/Resizing.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::kernel;

ResizeAxis aicc::kernel::getResizeAxis(KernelEmitter &e, nn::ResizeOp root, unsigned d) {
  ResizeAxis axis{false, e.shape(root.getInput())[d], e.shape(root.getResult())[d], std::nullopt};
  if (!root.getScales().empty())
    axis.scale = root.getScales()[d];
  axis.identity = e.shapes.equal(axis.inputs, axis.outputs) && (!axis.scale || *axis.scale == 1) &&
                  root.getCoordinates() != nn::CoordinateMode::tf_half_pixel_for_nn;
  return axis;
}

namespace {
struct Taps {
  KernelEmitter &e;
  nn::ResizeOp root;
  const ResizeAxis &axis;
  Type type;

  Value real(double value) { return e.b.create<arith::ConstantOp>(e.loc, e.b.getFloatAttr(type, value)); }
  Value real(Value integer) { return e.b.create<arith::SIToFPOp>(e.loc, type, integer); }
  Value plus(Value x, Value y) { return e.b.create<arith::AddFOp>(e.loc, x, y); }
  Value minus(Value x, Value y) { return e.b.create<arith::SubFOp>(e.loc, x, y); }
  Value times(Value x, Value y) { return e.b.create<arith::MulFOp>(e.loc, x, y); }
  Value over(Value x, Value y) { return e.b.create<arith::DivFOp>(e.loc, x, y); }
  Value floor(Value x) { return e.b.create<math::FloorOp>(e.loc, x); }
  Value ceil(Value x) { return e.b.create<math::CeilOp>(e.loc, x); }
  Value toInteger(Value x) { return e.b.create<arith::FPToSIOp>(e.loc, e.b.getI64Type(), x); }
  Value clamp(Value index) {
    return e.max(e.min(index, e.sub(e.size(axis.inputs), e.constant(1))), e.constant(0));
  }

  /// x / scale: exact from the sizes, in float as ONNX's scales are.
  Value unscale(Value x) {
    if (!axis.scale)
      return over(times(x, real(e.size(axis.inputs))), real(e.size(axis.outputs)));
    bool wide = type.isF64();
    Value narrow = wide ? e.b.create<arith::TruncFOp>(e.loc, e.b.getF32Type(), x).getResult() : x;
    Value scale = e.b.create<arith::ConstantOp>(e.loc, e.b.getF32FloatAttr(*axis.scale));
    Value result = over(narrow, scale);
    return wide ? e.b.create<arith::ExtFOp>(e.loc, type, result).getResult() : result;
  }

  /// The input coordinate of output `o`.
  Value coordinate(Value o) {
    Value inputs = real(e.size(axis.inputs)), outputs = real(e.size(axis.outputs)), x = real(o);
    auto halfPixel = [&] { return minus(unscale(plus(x, real(0.5))), real(0.5)); };
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
      return unscale(x);
    case nn::CoordinateMode::tf_half_pixel_for_nn:
      return unscale(plus(x, real(0.5)));
    }
    llvm_unreachable("unknown coordinate mode");
  }

  Value roundNearest(Value x) {
    switch (root.getNearest()) {
    case nn::NearestMode::round_prefer_floor:
      return ceil(minus(x, real(0.5)));
    case nn::NearestMode::round_prefer_ceil:
      return floor(plus(x, real(0.5)));
    case nn::NearestMode::floor:
      return floor(x);
    case nn::NearestMode::ceil:
      return ceil(x);
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

  SmallVector<ResizeTap> emit(Value o) {
    Value x = coordinate(o);
    if (root.getMode() == nn::ResizeMode::nearest)
      return {{clamp(toInteger(roundNearest(x))), Value()}};
    Value whole = floor(x), first = toInteger(whole), sum = real(0.0);
    SmallVector<Value> weights = weightsAt(minus(x, whole));
    SmallVector<ResizeTap> taps;
    for (auto [t, weight] : llvm::enumerate(weights)) {
      Value index = e.add(first, e.constant(int64_t(t) - (weights.size() == 4))), inside = clamp(index);
      if (root.getExcludeOutside()) {
        Value same = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::eq, index, inside);
        weight = e.b.create<arith::SelectOp>(e.loc, same, weight, real(0.0));
        sum = plus(sum, weight);
      }
      taps.push_back({inside, weight});
    }
    if (root.getExcludeOutside()) {
      Value some = e.b.create<arith::CmpFOp>(e.loc, arith::CmpFPredicate::UNE, sum, real(0.0));
      sum = e.b.create<arith::SelectOp>(e.loc, some, sum, real(1.0));
      for (ResizeTap &tap : taps)
        tap.weight = over(tap.weight, sum);
    }
    return taps;
  }
};
} // namespace

SmallVector<ResizeTap> aicc::kernel::emitResizeTaps(KernelEmitter &e, nn::ResizeOp root,
                                                    const ResizeAxis &axis, Value o, Type real) {
  return Taps{e, root, axis, real}.emit(o);
}

static Type withElement(Value value, Type element) {
  auto vector = dyn_cast<VectorType>(value.getType());
  return vector ? Type(vector.clone(element)) : element;
}

Value aicc::kernel::toResizeNumber(KernelEmitter &e, Value value, Type element, Type number) {
  Type type = withElement(value, number);
  if (isa<FloatType>(element))
    return type == value.getType() ? value : e.b.create<arith::ExtFOp>(e.loc, type, value).getResult();
  if (element.isUnsignedInteger() || element.isInteger(1))
    return e.b.create<arith::UIToFPOp>(e.loc, type, value);
  return e.b.create<arith::SIToFPOp>(e.loc, type, value);
}

Value aicc::kernel::fromResizeNumber(KernelEmitter &e, Value value, Type element) {
  Type type = withElement(value, e.registerType(element));
  if (isa<FloatType>(element))
    return type == value.getType() ? value : e.b.create<arith::TruncFOp>(e.loc, type, value).getResult();
  // Through a wider signed integer, which wraps where the result does.
  Value wide = e.b.create<arith::FPToSIOp>(e.loc, withElement(value, e.b.getI64Type()), value);
  return type == wide.getType() ? wide : e.b.create<arith::TruncIOp>(e.loc, type, wide).getResult();
}
