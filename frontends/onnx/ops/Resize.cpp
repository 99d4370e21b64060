// Resize and its ancestor Upsample.

#include "frontends/onnx/Node.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

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
  throw ImportError("a scale of " + Twine(std::to_string(scale)) + " of a symbolic size is not supported",
                    "fix the size with --dim");
}

struct Target {
  SmallVector<AffineExpr> shape;
  SmallVector<float> scales; ///< of all dimensions, or empty: the ratios of the sizes
};

Target fromScales(Node &n, Value x, ArrayRef<double> scales, ArrayRef<int64_t> axes) {
  if (scales.size() != axes.size())
    throw ImportError("it needs one scale per axis");
  Target target;
  target.shape.assign(n.getShape(x).begin(), n.getShape(x).end());
  target.scales.assign(target.shape.size(), 1.0f);
  for (auto [axis, scale] : llvm::zip_equal(axes, scales)) {
    target.shape[axis] = scaleSize(n, target.shape[axis], scale);
    target.scales[axis] = float(scale);
  }
  return target;
}

Target fromSizes(Node &n, Value x, ArrayRef<AffineExpr> sizes, ArrayRef<int64_t> axes) {
  if (sizes.size() != axes.size())
    throw ImportError("it needs one size per axis");
  Target target;
  target.shape.assign(n.getShape(x).begin(), n.getShape(x).end());
  const std::string policy = n.getString("keep_aspect_ratio_policy", "stretch");
  if (policy == "stretch") {
    for (auto [axis, size] : llvm::zip_equal(axes, sizes))
      target.shape[axis] = size;
    return target;
  }
  // One scale for all axes, the smallest or the largest that the sizes ask for.
  if (policy != "not_larger" && policy != "not_smaller")
    throw ImportError("keep_aspect_ratio_policy '" + policy + "' is not supported");
  double scale = 0;
  SmallVector<double> inputs;
  for (auto [i, axis] : llvm::enumerate(axes)) {
    inputs.push_back(double(n.getStaticSize(x, axis, "a size whose aspect ratio is kept")));
    auto size = dyn_cast<AffineConstantExpr>(sizes[i]);
    if (!size || inputs.back() <= 0)
      throw ImportError("a size whose aspect ratio is kept must be known at compile time");
    const double wanted = double(size.getValue()) / inputs.back();
    scale = i == 0 ? wanted : policy == "not_larger" ? std::min(scale, wanted) : std::max(scale, wanted);
  }
  target.scales.assign(target.shape.size(), 1.0f);
  for (auto [axis, input] : llvm::zip_equal(axes, inputs)) {
    target.shape[axis] = n.constant(int64_t(std::floor(scale * input + 0.5)));
    target.scales[axis] = float(scale);
  }
  return target;
}

Value resize(Node &n, const Target &target, StringRef mode, StringRef coordinates, StringRef nearest) {
  std::optional<nn::ResizeMode> m = nn::symbolizeResizeMode(mode);
  std::optional<nn::CoordinateMode> c = nn::symbolizeCoordinateMode(coordinates);
  std::optional<nn::NearestMode> r = nn::symbolizeNearestMode(nearest);
  if (!m || !c || !r)
    throw ImportError("mode '" + mode + "' with '" + coordinates + "' and '" + nearest +
                      "' is not supported");
  return n.make<nn::ResizeOp>(n.in(0), n.builder.map(target.shape), target.scales, *m, *c, *r,
                              n.builder.f32(n.getFloat("cubic_coeff_a", -0.75)),
                              n.getInt("exclude_outside", 0) != 0);
}

SmallVector<int64_t> allAxes(Node &n) { return llvm::to_vector(llvm::seq<int64_t>(0, n.getRank(n.in(0)))); }

/// Upsample and Resize before opset 11: coordinates are simply divided.
Results importUpsample(Node &n) {
  std::string mode = n.getString("mode", "nearest");
  if (mode == "bilinear")
    mode = "linear";
  SmallVector<double> scales =
      n.hasAttr("scales") ? n.getFloats("scales") : n.getConstantDoubles(1, "scales");
  return resize(n, fromScales(n, n.in(0), scales, allAxes(n)), mode, "asymmetric", "floor");
}

Results importResize(Node &n) {
  Value x = n.in(0);
  if (n.getInt("antialias", 0))
    throw ImportError("antialias is not supported");
  SmallVector<int64_t> axes = allAxes(n);
  if (n.hasAttr("axes")) {
    axes = n.getInts("axes");
    n.getAxes(axes, n.getRank(x));
    for (int64_t &axis : axes)
      axis = n.getAxis(axis, n.getRank(x));
  }
  Target target;
  if (n.has(3) && n.builder.getShape(n.in(3)) != ArrayRef<AffineExpr>{n.constant(0)})
    target = fromSizes(n, x, n.getSizes(3, "the size"), axes);
  else
    target = fromScales(n, x, n.getConstantDoubles(2, "scales"), axes);
  return resize(n, target, n.getString("mode", "nearest"),
                n.getString("coordinate_transformation_mode", "half_pixel"),
                n.getString("nearest_mode", "round_prefer_floor"));
}
} // namespace

void addResizeOps(OpTable &t) {
  t.add("Upsample", importUpsample);
  t.add("Resize", 1, 10, importUpsample);
  t.add("Resize", 11, OpTable::anyOpset, importResize);
}
} // namespace aicc::onnx_import
