// Reference evaluation of reductions and normalizations. Sums are kept in double, or wrap in 64-bit integers.

#include "dialects/nn/EvaluateSupport.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace aicc::nn {
using namespace detail;

#define AICC_EVALUATE(OP)                                                                                    \
  LogicalResult OP::evaluate(EvalContext &ctx, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results)

/// The neutral element; of max and min, and of mean, what a reduction of nothing gives.
template <class C> static C getInitial(ReduceKind how, ElementKind kind) {
  switch (how) {
  case ReduceKind::sum:
  case ReduceKind::mean:
  case ReduceKind::any:
    return 0;
  case ReduceKind::prod:
  case ReduceKind::all:
    return 1;
  case ReduceKind::max:
    return getLowest<C>(kind);
  case ReduceKind::min:
    return getHighest<C>(kind);
  }
  llvm_unreachable("unknown reduction");
}

AICC_EVALUATE(ReduceOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  const Tensor &input = operands[0];
  ReduceKind how = getKind();
  // The result is walked along with the input, standing still along the reduced dimensions.
  SmallVector<int64_t> kept(input.getShape());
  int64_t count = 1;
  for (int64_t axis : getAxes()) {
    kept[axis] = 1;
    count *= input.getShape()[axis];
  }
  Loops loops;
  loops.sizes.assign(input.getShape().begin(), input.getShape().end());
  loops.strides = {getStrides(input.getShape()), getBroadcastStrides(kept, input.getShape())};
  loops.simplify();
  ElementKind kind = nn::detail::getKind(input);
  results.push_back(dispatchCompute(kind, [&](auto zero) {
    using C = decltype(zero);
    std::vector<C> result(type->getNumElements(), getInitial<C>(how, kind));
    std::vector<C> row(loops.sizes.back());
    int64_t step = loops.strides[1].back();
    auto run = [&](auto combine) {
      loops.forEachRow([&](ArrayRef<int64_t> offsets, int64_t n) {
        load(kind, input.getBytes().data(), offsets[0], loops.strides[0].back(), n, row.data());
        C *to = result.data() + offsets[1];
        for (int64_t i = 0; i < n; ++i)
          to[i * step] = combine(to[i * step], row[i]);
      });
    };
    switch (how) {
    case ReduceKind::sum:
    case ReduceKind::mean:
      run([](C a, C b) { return addWrap(a, b); });
      break;
    case ReduceKind::prod:
      run([](C a, C b) { return mulWrap(a, b); });
      break;
    case ReduceKind::max:
      run([](C a, C b) { return maxNaN(a, b); });
      break;
    case ReduceKind::min:
      run([](C a, C b) { return minNaN(a, b); });
      break;
    case ReduceKind::all:
      run([](C a, C b) { return C(a != 0 && b != 0); });
      break;
    case ReduceKind::any:
      run([](C a, C b) { return C(a != 0 || b != 0); });
      break;
    }
    if (how == ReduceKind::mean)
      for (C &value : result)
        value = std::is_floating_point_v<C> ? C(value / C(count)) : count ? C(value / C(count)) : C(0);
    return makeTensor(*type, result);
  }));
  return success();
}

AICC_EVALUATE(SoftmaxOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  AxisSplit split(type->getShape(), getAxis());
  bool log = getLog();
  std::vector<double> values = loadAll<double>(operands[0]);
  for (int64_t o = 0; o < split.outer; ++o)
    for (int64_t i = 0; i < split.inner; ++i) {
      double *row = values.data() + o * split.size * split.inner + i;
      double max = -std::numeric_limits<double>::infinity(), sum = 0;
      for (int64_t j = 0; j < split.size; ++j)
        max = maxNaN(max, row[j * split.inner]);
      for (int64_t j = 0; j < split.size; ++j)
        sum += std::exp(row[j * split.inner] - max);
      double logSum = std::log(sum);
      for (int64_t j = 0; j < split.size; ++j) {
        double &value = row[j * split.inner];
        value = log ? value - max - logSum : std::exp(value - max) / sum;
      }
    }
  results.push_back(makeTensor(*type, values));
  return success();
}

//===--- normalizations ---------------------------------------------------------------------------------===//

/// values[i] = values[i] * scale + bias under broadcasting of both (either may be absent) to `shape`.
static void scaleAndShift(std::vector<double> &values, ArrayRef<int64_t> shape, const Tensor &scale,
                          const Tensor &bias) {
  for (bool isBias : {false, true}) {
    const Tensor &operand = isBias ? bias : scale;
    if (!operand)
      continue;
    std::vector<double> factors = loadAll<double>(operand);
    Loops loops;
    loops.sizes.assign(shape.begin(), shape.end());
    loops.strides = {getStrides(shape), getBroadcastStrides(operand.getShape(), shape)};
    loops.simplify();
    int64_t step = loops.strides[0].back(), factorStep = loops.strides[1].back();
    loops.forEachRow([&](ArrayRef<int64_t> offsets, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        double &value = values[offsets[0] + i * step];
        double factor = factors[offsets[1] + i * factorStep];
        value = isBias ? value + factor : value * factor;
      }
    });
  }
}

/// Normalizes consecutive runs of `count` values: to mean 0 (where `center`) and mean square 1.
static void normalize(std::vector<double> &values, int64_t count, bool center, double epsilon) {
  for (int64_t first = 0; count && first < int64_t(values.size()); first += count) {
    double mean = 0, square = 0;
    if (center) {
      for (int64_t i = 0; i < count; ++i)
        mean += values[first + i];
      mean /= count;
    }
    for (int64_t i = 0; i < count; ++i)
      square += (values[first + i] - mean) * (values[first + i] - mean);
    double factor = 1 / std::sqrt(square / count + epsilon);
    for (int64_t i = 0; i < count; ++i)
      values[first + i] = (values[first + i] - mean) * factor;
  }
}

/// A tensor [C] as one that broadcasts against [N, C, ...] of this rank.
static Tensor perChannel(const Tensor &tensor, int64_t rank) {
  SmallVector<int64_t> shape(rank - 1, 1);
  shape[0] = tensor.getNumElements();
  return tensor.reshaped(shape);
}

AICC_EVALUATE(LayerNormOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  std::vector<double> values = loadAll<double>(operands[0]);
  normalize(values, getProduct(type->getShape().drop_front(getAxis())), true, getEpsilon().convertToFloat());
  scaleAndShift(values, type->getShape(), nn::detail::getOperand(*this, operands, 1),
                nn::detail::getOperand(*this, operands, 2));
  results.push_back(makeTensor(*type, values));
  return success();
}

AICC_EVALUATE(RmsNormOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  std::vector<double> values = loadAll<double>(operands[0]);
  normalize(values, getProduct(type->getShape().drop_front(getAxis())), false, getEpsilon().convertToFloat());
  scaleAndShift(values, type->getShape(), nn::detail::getOperand(*this, operands, 1), Tensor());
  results.push_back(makeTensor(*type, values));
  return success();
}

AICC_EVALUATE(GroupNormOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  ArrayRef<int64_t> shape = type->getShape();
  int64_t groups = getGroups();
  if (groups <= 0 || shape[1] % groups != 0)
    return ctx.fail(Twine(shape[1]) + " channels don't split into " + Twine(groups) + " groups");
  std::vector<double> values = loadAll<double>(operands[0]);
  normalize(values, shape[1] / groups * getProduct(shape.drop_front(2)), true, getEpsilon().convertToFloat());
  scaleAndShift(values, shape, perChannel(operands[1], type->getRank()),
                perChannel(operands[2], type->getRank()));
  results.push_back(makeTensor(*type, values));
  return success();
}

AICC_EVALUATE(BatchNormOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  std::vector<double> values = loadAll<double>(operands[0]);
  std::vector<double> scale = loadAll<double>(operands[1]), bias = loadAll<double>(operands[2]);
  std::vector<double> mean = loadAll<double>(operands[3]), variance = loadAll<double>(operands[4]);
  double epsilon = getEpsilon().convertToFloat();
  AxisSplit split(type->getShape(), 1);
  for (int64_t o = 0; o < split.outer; ++o)
    for (int64_t c = 0; c < split.size; ++c) {
      double factor = scale[c] / std::sqrt(variance[c] + epsilon);
      double *run = values.data() + (o * split.size + c) * split.inner;
      for (int64_t i = 0; i < split.inner; ++i)
        run[i] = (run[i] - mean[c]) * factor + bias[c];
    }
  results.push_back(makeTensor(*type, values));
  return success();
}

AICC_EVALUATE(LrnOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  std::vector<double> input = loadAll<double>(operands[0]), values(input.size());
  double alpha = getAlpha().convertToFloat(), beta = getBeta().convertToFloat(),
         bias = getBias().convertToFloat();
  int64_t size = getSize(), below = (size - 1) / 2, above = size - 1 - below;
  AxisSplit split(type->getShape(), 1);
  for (int64_t o = 0; o < split.outer; ++o)
    for (int64_t c = 0; c < split.size; ++c)
      for (int64_t i = 0; i < split.inner; ++i) {
        double sum = 0;
        for (int64_t d = std::max<int64_t>(c - below, 0); d <= std::min(c + above, split.size - 1); ++d) {
          double x = input[(o * split.size + d) * split.inner + i];
          sum += x * x;
        }
        int64_t at = (o * split.size + c) * split.inner + i;
        values[at] = input[at] / std::pow(bias + alpha / size * sum, beta);
      }
  results.push_back(makeTensor(*type, values));
  return success();
}

} // namespace aicc::nn
