// Resize and its ancestor Upsample. The usual forms are nn.resize; the others, and scales or regions that
// only the run tells, are taken axis by axis: elements around each coordinate are gathered, weighed and
// summed.

#include "frontends/onnx/ops/Sampling.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

/// How one dimension is resized.
struct Axis {
  int64_t dim;
  AffineExpr size;             ///< of the result
  std::optional<double> scale; ///< if given, and known
  Value runScale;              ///< if given, but not known
  bool hasScale() const { return scale || runScale; }
};

Type getF32(Node &n) { return n.builder.getBuilder().getF32Type(); }

/// floor(size * scale) as every implementation computes it: in single precision where the size is known, else
/// exactly, by the simplest fraction that is the scale.
AffineExpr scaleSize(Node &n, AffineExpr size, double scale) {
  if (!(scale > 0) || scale > 1e6)
    throw ImportError("a scale is not positive");
  if (auto number = dyn_cast<AffineConstantExpr>(size))
    return n.constant(int64_t(std::floor(float(number.getValue()) * float(scale))));
  for (int64_t denominator = 1; denominator <= 1024; ++denominator) {
    const int64_t numerator = std::llround(scale * double(denominator));
    if (float(double(numerator) / double(denominator)) != float(scale))
      continue;
    AffineExpr scaled = n.math().floorDiv(size * numerator, n.constant(denominator));
    if (scaled)
      return scaled;
  }
  Value product = n.mul(sizeScalar(n, size, getF32(n)), scale);
  return toSize(n, n.make<nn::FloorOp>(product), "a size scaled by " + Twine(std::to_string(scale)));
}

Value pick(Node &n, Value vector, int64_t index) {
  return n.builder.reshape(n.builder.sliceAxis(vector, 0, n.constant(index), n.constant(1)), {});
}

SmallVector<Axis> fromScales(Node &n, Value x, ArrayRef<double> scales, ArrayRef<int64_t> dims) {
  if (scales.size() != dims.size())
    throw ImportError("it needs one scale per axis");
  SmallVector<Axis> axes;
  for (auto [dim, scale] : llvm::zip_equal(dims, scales))
    axes.push_back({dim, scaleSize(n, n.getShape(x)[dim], scale), scale, Value()});
  return axes;
}

/// Scales as input `index`.
SmallVector<Axis> fromScales(Node &n, Value x, unsigned index, ArrayRef<int64_t> dims) {
  Value scales = n.in(index);
  if (std::optional<SmallVector<double>> known = n.builder.getConstantDoubles(scales))
    return fromScales(n, x, *known, dims);
  if (n.getRank(scales) != 1)
    throw ImportError("it needs one scale per axis");
  scales = withSize(n, scales, 0, n.constant(int64_t(dims.size())), "the number of scales");
  SmallVector<Axis> axes;
  for (auto [i, dim] : llvm::enumerate(dims)) {
    Value scale = n.builder.convert(pick(n, scales, int64_t(i)), getF32(n));
    Value product = n.mul(sizeScalar(n, n.getShape(x)[dim], getF32(n)), scale);
    axes.push_back({dim, toSize(n, n.make<nn::FloorOp>(product), "a scaled size", 1), std::nullopt, scale});
  }
  return axes;
}

SmallVector<Axis> fromSizes(Node &n, Value x, ArrayRef<AffineExpr> sizes, ArrayRef<int64_t> dims) {
  if (sizes.size() != dims.size())
    throw ImportError("it needs one size per axis");
  SmallVector<Axis> axes;
  const std::string policy = n.getString("keep_aspect_ratio_policy", "stretch");
  if (policy == "stretch") {
    for (auto [dim, size] : llvm::zip_equal(dims, sizes))
      axes.push_back({dim, size, std::nullopt, Value()});
    return axes;
  }
  // One scale for all axes, the smallest or the largest that the sizes ask for.
  if (policy != "not_larger" && policy != "not_smaller")
    throw ImportError("keep_aspect_ratio_policy '" + policy + "' is not supported");
  const bool smallest = policy == "not_larger";
  std::optional<double> scale;
  Value runScale;
  for (auto [dim, size] : llvm::zip_equal(dims, sizes)) {
    auto from = dyn_cast<AffineConstantExpr>(n.getShape(x)[dim]), to = dyn_cast<AffineConstantExpr>(size);
    if (from && to && !runScale && (dim == dims[0] || scale)) {
      const double wanted = double(to.getValue()) / double(std::max<int64_t>(from.getValue(), 1));
      scale = !scale ? wanted : smallest ? std::min(*scale, wanted) : std::max(*scale, wanted);
      continue;
    }
    if (scale)
      runScale = n.builder.scalar(*scale, getF32(n));
    scale.reset();
    Value wanted = n.div(sizeScalar(n, size, getF32(n)), sizeScalar(n, n.getShape(x)[dim], getF32(n)));
    runScale = !runScale  ? wanted
               : smallest ? n.make<nn::MinOp>(runScale, wanted)
                          : n.make<nn::MaxOp>(runScale, wanted);
  }
  for (int64_t dim : dims) {
    AffineExpr size = n.getShape(x)[dim];
    if (scale) {
      const double input = double(cast<AffineConstantExpr>(size).getValue());
      size = n.constant(int64_t(std::floor(*scale * input + 0.5)));
    } else {
      Value rounded = n.make<nn::FloorOp>(n.add(n.mul(sizeScalar(n, size, getF32(n)), runScale), 0.5));
      size = toSize(n, rounded, "a size whose aspect ratio is kept", 1);
    }
    axes.push_back({dim, size, scale, runScale});
  }
  return axes;
}

/// The attributes of all opsets.
struct Options {
  std::string mode, coordinates, nearest;
  bool antialias = false, excludeOutside = false;
  double cubicA = -0.75, extrapolation = 0;
  Value roi; ///< starts, then ends, of all axes
};

/// nn.resize where it covers the form; else null.
Value resizeAtOnce(Node &n, ArrayRef<Axis> axes, const Options &o) {
  std::optional<nn::ResizeMode> mode = nn::symbolizeResizeMode(o.mode);
  std::optional<nn::CoordinateMode> coordinates = nn::symbolizeCoordinateMode(o.coordinates);
  std::optional<nn::NearestMode> nearest = nn::symbolizeNearestMode(o.nearest);
  if (!mode || !nearest || (!coordinates && o.coordinates != "tf_crop_and_resize"))
    throw ImportError("mode '" + o.mode + "' with '" + o.coordinates + "' and '" + o.nearest +
                      "' is not supported");
  if (!coordinates || (o.antialias && *mode != nn::ResizeMode::nearest))
    return {};
  SmallVector<AffineExpr> shape(n.getShape(n.in(0)));
  SmallVector<float> scales;
  for (const Axis &axis : axes) {
    if (axis.runScale)
      return {};
    // Corners are those of the size before it is rounded.
    auto number = dyn_cast<AffineConstantExpr>(shape[axis.dim]);
    const double whole = axis.scale.value_or(1) * (number ? double(number.getValue()) : 1);
    if (*coordinates == nn::CoordinateMode::align_corners && whole != std::floor(whole))
      return {};
    shape[axis.dim] = axis.size;
    if (axis.scale)
      scales.resize(shape.size(), 1.0f);
  }
  for (const Axis &axis : axes)
    if (axis.scale)
      scales[axis.dim] = float(*axis.scale);
  return n.make<nn::ResizeOp>(n.in(0), n.builder.map(shape), scales, *mode, *coordinates, *nearest,
                              n.builder.f32(o.cubicA), o.excludeOutside);
}

/// The input's coordinate of each element of the result along an axis, [size].
struct Coordinates {
  Value at;
  Value scale;   ///< rank 0
  Value outside; ///< true where the result is the extrapolation value; may be null
};

Coordinates getCoordinates(Node &n, AffineExpr input, const Axis &axis, size_t index, size_t numAxes,
                           const Options &o) {
  // Precise where everything is known, since then it is constant.
  const bool fixed = isa<AffineConstantExpr>(input) && isa<AffineConstantExpr>(axis.size) && !axis.runScale;
  OpBuilder &b = n.builder.getBuilder();
  Type type = fixed ? Type(b.getF64Type()) : Type(b.getF32Type());
  auto number = [&](double value) { return n.builder.scalar(value, type); };
  Value in = sizeScalar(n, input, type), out = sizeScalar(n, axis.size, type);
  Coordinates c;
  c.scale = axis.scale      ? number(*axis.scale)
            : axis.runScale ? n.builder.convert(axis.runScale, type)
                            : n.div(out, in);
  // The size before rounding.
  Value width = axis.hasScale() ? n.mul(c.scale, in) : out;
  Value isOne = n.builder.compare(width, number(1), nn::CompareKind::eq);
  Value i = n.builder.iota({axis.size}, 0, type);
  auto unscale = [&](double shift) { return n.div(n.add(i, shift), c.scale); };
  auto perStep = [&](Value extent) { // extent / (width - 1)
    Value steps = n.make<nn::SelectOp>(isOne, number(1), n.add(width, -1.0));
    return n.div(n.mul(i, extent), steps);
  };
  if (o.coordinates == "align_corners") {
    c.at = n.make<nn::SelectOp>(isOne, number(0), perStep(n.add(in, -1.0)));
  } else if (o.coordinates == "asymmetric") {
    c.at = unscale(0);
  } else if (o.coordinates == "tf_half_pixel_for_nn") {
    c.at = unscale(0.5);
  } else if (o.coordinates == "tf_crop_and_resize") {
    Value start = n.builder.convert(pick(n, o.roi, int64_t(index)), type),
          end = n.builder.convert(pick(n, o.roi, int64_t(index + numAxes)), type);
    Value last = n.add(in, -1.0), extent = n.mul(n.sub(end, start), last);
    c.at = n.add(n.make<nn::SelectOp>(isOne, n.mul(extent, 0.5), perStep(extent)), n.mul(start, last));
    c.outside = n.make<nn::OrOp>(n.builder.compare(c.at, number(0), nn::CompareKind::lt),
                                 n.builder.compare(c.at, last, nn::CompareKind::gt));
  } else {
    c.at = n.add(unscale(0.5), -0.5);
    if (o.coordinates == "half_pixel_symmetric")
      c.at = n.add(c.at, n.mul(n.mul(in, 0.5), n.sub(number(1), n.div(out, width))));
    else if (o.coordinates == "pytorch_half_pixel")
      c.at = n.make<nn::SelectOp>(isOne, number(0), c.at);
  }
  return c;
}

Value roundNearest(Node &n, Value at, StringRef mode) {
  if (mode == "round_prefer_floor")
    return n.make<nn::CeilOp>(n.add(at, -0.5));
  if (mode == "round_prefer_ceil")
    return n.make<nn::FloorOp>(n.add(at, 0.5));
  return mode == "floor" ? n.make<nn::FloorOp>(at) : n.make<nn::CeilOp>(at);
}

/// Elements on each side of a coordinate that count: one or two, and more where the result is smaller and
/// the weights' curve is stretched over the elements that an element of the result stands for.
AffineExpr getReach(Node &n, AffineExpr input, const Axis &axis, int64_t reach, bool antialias) {
  if (!antialias)
    return n.constant(reach);
  if (axis.scale) {
    const double wide = std::ceil(double(reach) / std::min(*axis.scale, 1.0));
    if (wide > 1e6)
      throw ImportError("a scale is too small");
    return n.constant(int64_t(wide));
  }
  auto from = dyn_cast<AffineConstantExpr>(input), to = dyn_cast<AffineConstantExpr>(axis.size);
  if (from && to && !axis.runScale)
    return n.constant(std::max(
        reach, int64_t(llvm::divideCeil(from.getValue() * reach, std::max<int64_t>(to.getValue(), 1)))));
  // One more than needed does no harm: it has no weight.
  if (n.math().compare(axis.size, input).value_or(-1) >= 0)
    return n.constant(reach);
  AffineExpr ratio = n.math().floorDiv(input * reach, axis.size);
  if (!ratio)
    throw ImportError("antialias needs sizes that are known to be positive", "fix them with --dim");
  return n.math().simplify(ratio + (reach + 1));
}

/// Element [j, i]: which input element is the j-th around coordinate i, and its weight.
std::pair<Value, Value> getTaps(Node &n, AffineExpr input, const Axis &axis, const Coordinates &c,
                                const Options &o) {
  const bool cubic = o.mode == "cubic";
  AffineExpr reach = getReach(n, input, axis, cubic ? 2 : 1, o.antialias);
  Type type = n.getElement(c.at);
  auto number = [&](double value) { return n.builder.scalar(value, type); };
  Value first = n.sub(n.make<nn::FloorOp>(c.at), sizeScalar(n, n.math().simplify(reach - 1), type));
  Value tap = n.add(ramp(n, n.math().simplify(reach * 2), 0, 2, type), first);
  Value d = n.make<nn::AbsOp>(n.sub(c.at, tap));
  if (o.antialias)
    d = n.mul(d, n.make<nn::MinOp>(c.scale, number(1)));
  Value weight;
  if (cubic) {
    const double a = o.cubicA;
    Value near = n.add(n.mul(n.mul(d, d), n.add(n.mul(d, a + 2), -(a + 3))), 1.0);
    Value far = n.add(n.mul(d, n.add(n.mul(d, n.add(n.mul(d, a), -5 * a)), 8 * a)), -4 * a);
    far = n.make<nn::SelectOp>(n.builder.compare(d, number(2), nn::CompareKind::lt), far, number(0));
    weight = n.make<nn::SelectOp>(n.builder.compare(d, number(1), nn::CompareKind::le), near, far);
  } else {
    weight = n.make<nn::MaxOp>(n.sub(number(1), d), number(0));
  }
  if (o.excludeOutside) {
    Value last = n.add(sizeScalar(n, input, type), -1.0);
    weight = n.make<nn::SelectOp>(isBetween(n, tap, number(0), last), weight, number(0));
  }
  if (o.excludeOutside || o.antialias) {
    Value sum = n.builder.reduce(weight, nn::ReduceKind::sum, {0}, true);
    Value isZero = n.builder.compare(sum, number(0), nn::CompareKind::eq);
    weight = n.div(weight, n.make<nn::SelectOp>(isZero, number(1), sum));
  }
  return {n.builder.convert(clampIndex(n, tap, input), n.builder.getBuilder().getI64Type()), weight};
}

/// Of values computed in floats: the nearest integers, and the largest and smallest where they are beyond.
Value toElement(Node &n, Value x, Type element) {
  auto integer = dyn_cast<IntegerType>(element);
  if (integer)
    x = n.make<nn::FloorOp>(n.add(x, 0.5));
  if (integer && integer.getWidth() <= 16) {
    const unsigned bits = integer.getWidth() - !integer.isUnsigned();
    const double top = std::ldexp(1.0, int(bits)) - 1, bottom = integer.isUnsigned() ? 0 : -top - 1;
    Type type = n.getElement(x);
    x = n.make<nn::MaxOp>(n.make<nn::MinOp>(x, n.builder.scalar(top, type)), n.builder.scalar(bottom, type));
  }
  return n.builder.convert(x, element);
}

Value resizeByAxis(Node &n, ArrayRef<Axis> axes, Options o) {
  Value x = n.in(0);
  Type element = n.getElement(x), type = getComputeType(n, x);
  const bool nearest = o.mode == "nearest";
  if (o.coordinates == "tf_crop_and_resize") {
    if (!o.roi)
      throw ImportError("tf_crop_and_resize needs a region");
    if (n.getRank(o.roi) != 1)
      throw ImportError("the region needs a start and an end per axis");
    o.roi = withSize(n, o.roi, 0, n.constant(2 * int64_t(axes.size())), "the region");
  }
  for (auto [index, axis] : llvm::enumerate(axes)) {
    SmallVector<AffineExpr> shape(n.getShape(x));
    AffineExpr input = shape[axis.dim];
    Coordinates c = getCoordinates(n, input, axis, index, axes.size(), o);
    std::optional<SmallVector<double>> at = n.builder.getConstantDoubles(c.at);
    if (at && input == axis.size && !at->empty() && (*at)[0] == 0 && at->back() == double(at->size()) - 1)
      continue;
    // [before, dimension, behind]: as few dimensions as can be.
    AffineExpr one = n.constant(1), before = productOf(n, ArrayRef(shape).take_front(axis.dim)),
               behind = productOf(n, ArrayRef(shape).drop_front(axis.dim + 1));
    const bool isLast = behind == one;
    SmallVector<AffineExpr> flat{before, input};
    if (!isLast)
      flat.push_back(behind);
    x = n.builder.reshape(x, flat);
    auto aligned = [&](Value v) { // [.., size] as it broadcasts against the result
      SmallVector<AffineExpr> wide(n.getShape(v));
      wide.push_back(one);
      return isLast ? v : n.builder.reshape(v, wide);
    };
    if (nearest) {
      Value from = clampIndex(n, roundNearest(n, c.at, o.nearest), input);
      x = n.make<nn::GatherOp>(x, n.builder.convert(from, n.builder.getBuilder().getI64Type()), 1);
    } else {
      auto [from, weight] = getTaps(n, input, axis, c, o);
      Value values = n.builder.convert(n.make<nn::GatherOp>(x, from, 1), type);
      values = n.mul(values, aligned(n.builder.convert(weight, type)));
      x = n.builder.reduce(values, nn::ReduceKind::sum, {1}, false);
    }
    if (c.outside)
      x = n.make<nn::SelectOp>(aligned(c.outside), n.builder.scalarLike(o.extrapolation, x), x);
    shape[axis.dim] = axis.size;
    x = n.builder.reshape(x, shape);
  }
  return n.getElement(x) == element ? x : toElement(n, x, element);
}

Value resize(Node &n, ArrayRef<Axis> axes, const Options &options) {
  if (Value y = resizeAtOnce(n, axes, options))
    return y;
  return resizeByAxis(n, axes, options);
}

SmallVector<int64_t> allAxes(Node &n) { return llvm::to_vector(llvm::seq<int64_t>(0, n.getRank(n.in(0)))); }

/// Upsample and Resize before opset 11: coordinates are simply divided.
Results importUpsample(Node &n) {
  Options o;
  o.mode = n.getString("mode", "nearest");
  if (o.mode == "bilinear")
    o.mode = "linear";
  o.coordinates = "asymmetric";
  o.nearest = "floor";
  Value x = n.in(0);
  if (n.hasAttr("height_scale") || n.hasAttr("width_scale")) {
    if (n.getRank(x) != 4)
      throw ImportError("its input must have rank 4");
    return resize(n, fromScales(n, x, {n.getFloat("height_scale", 1), n.getFloat("width_scale", 1)}, {2, 3}),
                  o);
  }
  return resize(n,
                n.hasAttr("scales") ? fromScales(n, x, n.getFloats("scales"), allAxes(n))
                                    : fromScales(n, x, 1, allAxes(n)),
                o);
}

Results importResize(Node &n) {
  Value x = n.in(0);
  Options o;
  o.mode = n.getString("mode", "nearest");
  o.coordinates = n.getString("coordinate_transformation_mode", "half_pixel");
  o.nearest = n.getString("nearest_mode", "round_prefer_floor");
  o.antialias = n.getInt("antialias", 0) != 0;
  o.excludeOutside = n.getInt("exclude_outside", 0) != 0;
  o.cubicA = n.getFloat("cubic_coeff_a", -0.75);
  o.extrapolation = n.getFloat("extrapolation_value", 0);
  o.roi = n.getOptional(1);
  SmallVector<int64_t> axes = allAxes(n);
  if (n.hasAttr("axes")) {
    axes = n.getInts("axes");
    n.getAxes(axes, n.getRank(x));
    for (int64_t &axis : axes)
      axis = n.getAxis(axis, n.getRank(x));
  }
  const bool hasSizes = n.has(3) && n.getShape(n.in(3)) != ArrayRef<AffineExpr>{n.constant(0)};
  return resize(
      n, hasSizes ? fromSizes(n, x, getPositiveSizes(n, 3, "the size"), axes) : fromScales(n, x, 2, axes), o);
}
} // namespace

void addResizeOps(OpTable &t) {
  t.add("Upsample", importUpsample);
  t.add("Resize", 1, 10, importUpsample);
  t.add("Resize", 11, OpTable::anyOpset, importResize);
}
} // namespace aicc::onnx_import
