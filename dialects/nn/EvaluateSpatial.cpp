// Reference evaluation of pooling and resizing.

#include "dialects/nn/EvaluateWindow.h"
#include <cmath>

using namespace mlir;

namespace aicc::nn {
using namespace detail;

#define AICC_EVALUATE(OP)                                                                                    \
  LogicalResult OP::evaluate(EvalContext &ctx, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results)

//===--- pooling ----------------------------------------------------------------------------------------===//

/// The pool of a plain or packed input: fn(x, y, runs, window) fills y [outputs...] from x [inputs...] for
/// one channel.
template <class Op, class Fn>
static LogicalResult evaluatePool(Op op, EvalContext &ctx, ArrayRef<Tensor> operands,
                                  SmallVectorImpl<Tensor> &results, double initial, Fn fn) {
  FailureOr<RankedTensorType> type = getResultType(op, ctx, operands);
  if (failed(type))
    return failure();
  Tensor input = operands[0];
  int64_t block = op.getBlock();
  RankedTensorType plain = *type;
  if (block > 0) {
    // Channels that only fill the last block are pooled too: windows of zeros.
    input = unpack(input, 1, input.getShape()[1] * input.getShape().back());
    SmallVector<int64_t> shape(type->getShape().drop_back());
    shape[1] = input.getShape()[1];
    plain = withShape(*type, shape);
  }
  Window window{input.getShape().drop_front(2),
                plain.getShape().drop_front(2),
                op.getKernel(),
                op.getStrides(),
                op.getDilations(),
                op.getPadsLow()};
  std::vector<std::vector<Run>> runs = getRuns(window);
  int64_t channels = input.getShape()[0] * input.getShape()[1];
  int64_t inSize = getProduct(window.inputs), outSize = getProduct(window.outputs);
  std::vector<double> x = loadAll<double>(input), y(plain.getNumElements(), initial);
  for (int64_t c = 0; c < channels; ++c)
    fn(x.data() + c * inSize, y.data() + c * outSize, runs, window);
  Tensor result = makeTensor(plain, y);
  results.push_back(block > 0 ? pack(result, 1, block) : result);
  return success();
}

AICC_EVALUATE(MaxPoolOp) {
  double lowest = getLowest<double>(getKind(operands[0]));
  return evaluatePool(
      *this, ctx, operands, results, lowest,
      [](const double *x, double *y, const std::vector<std::vector<Run>> &runs, const Window &) {
        for (const std::vector<Run> &tap : runs)
          for (const Run &run : tap)
            for (int64_t i = 0; i < run.count; ++i)
              y[run.output + i] = maxNaN(y[run.output + i], x[run.input + i * run.step]);
      });
}

AICC_EVALUATE(AvgPoolOp) {
  // How many elements each window averages: those of the input, or those of the padded input. What a
  // rounded-up last window reads beyond the padding never counts.
  std::vector<double> counts;
  auto count = [&](const std::vector<std::vector<Run>> &runs, int64_t outputs) {
    counts.assign(outputs, 0);
    for (const std::vector<Run> &tap : runs)
      for (const Run &run : tap)
        for (int64_t i = 0; i < run.count; ++i)
          ++counts[run.output + i];
  };
  return evaluatePool(
      *this, ctx, operands, results, 0,
      [&](const double *x, double *y, const std::vector<std::vector<Run>> &runs, const Window &window) {
        int64_t outputs = getProduct(window.outputs);
        if (counts.empty() && getCountIncludePad()) {
          Sizes padded(window.inputs), pads(padded.size(), 0);
          for (unsigned i = 0; i < padded.size(); ++i)
            padded[i] += getPadsLow()[i] + getPadsHigh()[i];
          Window whole = window;
          whole.inputs = padded;
          whole.pads = pads;
          count(getRuns(whole), outputs);
        } else if (counts.empty()) {
          count(runs, outputs);
        }
        for (const std::vector<Run> &tap : runs)
          for (const Run &run : tap)
            for (int64_t i = 0; i < run.count; ++i)
              y[run.output + i] += x[run.input + i * run.step];
        for (int64_t i = 0; i < outputs; ++i)
          y[i] = counts[i] ? y[i] / counts[i] : 0;
      });
}

//===--- resize -----------------------------------------------------------------------------------------===//

namespace {
/// One dimension of a resize.
struct ResizeAxis {
  int64_t inputs, outputs;
  std::optional<float> scale; // from the sizes where absent
  CoordinateMode mode;

  /// x / scale: exact in double from the sizes, in float as ONNX's scales are.
  double unscale(double x) const {
    return scale ? double(float(x) / *scale) : x * double(inputs) / double(outputs);
  }

  /// The input coordinate of output o.
  double getCoordinate(int64_t o) const {
    switch (mode) {
    case CoordinateMode::half_pixel:
      return unscale(o + 0.5) - 0.5;
    case CoordinateMode::half_pixel_symmetric: {
      // The middle of the output is put on the middle of the input, though the size was rounded.
      double adjustment = scale ? double(outputs) / (double(*scale) * inputs) : 1;
      return inputs / 2.0 * (1 - adjustment) + unscale(o + 0.5) - 0.5;
    }
    case CoordinateMode::pytorch_half_pixel:
      return outputs > 1 ? unscale(o + 0.5) - 0.5 : 0;
    case CoordinateMode::align_corners:
      return outputs > 1 ? double(o) * double(inputs - 1) / double(outputs - 1) : 0;
    case CoordinateMode::asymmetric:
      return unscale(o);
    case CoordinateMode::tf_half_pixel_for_nn:
      return unscale(o + 0.5);
    }
    llvm_unreachable("unknown coordinate mode");
  }

  bool isIdentity() const {
    return inputs == outputs && (!scale || *scale == 1) && mode != CoordinateMode::tf_half_pixel_for_nn;
  }
};

/// A weighted input of an output element.
struct Tap {
  int64_t index;
  double weight;
};
} // namespace

static int64_t roundNearest(double x, NearestMode mode) {
  switch (mode) {
  case NearestMode::round_prefer_floor:
    return std::ceil(x - 0.5);
  case NearestMode::round_prefer_ceil:
    return std::floor(x + 0.5);
  case NearestMode::floor:
    return std::floor(x);
  case NearestMode::ceil:
    return std::ceil(x);
  }
  llvm_unreachable("unknown rounding");
}

/// The inputs around coordinate x, two (linear) or four (cubic: Keys, 1981, with parameter a). Outside the
/// input its edge is repeated, or left out with the rest scaled up.
static SmallVector<Tap, 4> getTaps(double x, int64_t inputs, bool cubic, double a, bool excludeOutside) {
  double floor = std::floor(x), t = x - floor;
  int64_t first = int64_t(floor);
  SmallVector<Tap, 4> taps;
  if (cubic) {
    auto near = [&](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
    auto far = [&](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
    taps = {{first - 1, far(t + 1)}, {first, near(t)}, {first + 1, near(1 - t)}, {first + 2, far(2 - t)}};
  } else {
    taps = {{first, 1 - t}, {first + 1, t}};
  }
  double sum = 0;
  for (Tap &tap : taps) {
    if (excludeOutside && (tap.index < 0 || tap.index >= inputs))
      tap.weight = 0;
    tap.index = std::clamp<int64_t>(tap.index, 0, inputs - 1);
    sum += tap.weight;
  }
  if (excludeOutside && sum != 0)
    for (Tap &tap : taps)
      tap.weight /= sum;
  return taps;
}

AICC_EVALUATE(ResizeOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  ArrayRef<float> scales = getScales();
  if (!scales.empty() && int64_t(scales.size()) != type->getRank())
    return ctx.fail("needs one scale per dimension");
  bool nearest = getMode() == ResizeMode::nearest;
  double a = getCubicA().convertToFloat();
  Tensor current = operands[0];
  std::vector<double> values;
  if (!nearest)
    values = loadAll<double>(current);
  SmallVector<int64_t> shape(current.getShape());
  // One dimension after the other: every mode is separable.
  for (int64_t dim = 0; dim < type->getRank(); ++dim) {
    ResizeAxis axis{shape[dim], type->getShape()[dim], std::nullopt, getCoordinates()};
    if (!scales.empty())
      axis.scale = scales[dim];
    if (axis.isIdentity())
      continue;
    if (axis.inputs == 0 && axis.outputs != 0)
      return ctx.fail("can't resize dimension " + Twine(dim) + ", which is empty");
    if (axis.scale && !(*axis.scale > 0))
      return ctx.fail("scales must be positive");
    AxisSplit split(shape, dim);
    shape[dim] = axis.outputs;
    if (nearest) {
      SmallVector<int64_t> indices;
      for (int64_t o = 0; o < axis.outputs; ++o)
        indices.push_back(
            std::clamp<int64_t>(roundNearest(axis.getCoordinate(o), getNearest()), 0, axis.inputs - 1));
      Tensor next(withShape(*type, shape));
      takeAlong(current, dim, indices, next);
      current = next;
      continue;
    }
    std::vector<double> next(split.outer * axis.outputs * split.inner);
    for (int64_t o = 0; o < axis.outputs; ++o)
      for (const Tap &tap : getTaps(axis.getCoordinate(o), axis.inputs, getMode() == ResizeMode::cubic, a,
                                    getExcludeOutside()))
        for (int64_t outer = 0; tap.weight != 0 && outer < split.outer; ++outer) {
          const double *from = values.data() + (outer * split.size + tap.index) * split.inner;
          double *to = next.data() + (outer * axis.outputs + o) * split.inner;
          for (int64_t i = 0; i < split.inner; ++i)
            to[i] += tap.weight * from[i];
        }
    values = std::move(next);
  }
  results.push_back(nearest ? current : makeTensor(*type, values));
  return success();
}

} // namespace aicc::nn
