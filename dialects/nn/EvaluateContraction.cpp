// Reference evaluation of contractions: matrix products, convolutions, attention, rotary embedding. Sums are
// in double.

#include "dialects/nn/EvaluateWindow.h"
#include <cmath>
#include <limits>

using namespace mlir;

namespace aicc::nn {
using namespace detail;

#define AICC_EVALUATE(OP)                                                                                    \
  LogicalResult OP::evaluate(EvalContext &ctx, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results)

//===--- matrix products --------------------------------------------------------------------------------===//

// Compiled for each vector width, chosen when the library is loaded: models are verified through these loops.
#if defined(__x86_64__) && defined(__linux__) && !__has_feature(address_sanitizer)
#define AICC_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define AICC_WIDE
#endif

/// sums[j] += x[0] * rows[j] + x[1] * rows[n + j] + ..., four rows.
AICC_WIDE static void accumulate4(double *sums, const double *x, const float *rows, int64_t n) {
  for (int64_t j = 0; j < n; ++j)
    sums[j] += x[0] * rows[j] + x[1] * rows[n + j] + x[2] * rows[2 * n + j] + x[3] * rows[3 * n + j];
}

AICC_WIDE static void accumulate1(double *sums, double x, const float *row, int64_t n) {
  for (int64_t j = 0; j < n; ++j)
    sums[j] += x * row[j];
}

/// result [M, N] += lhs [M, K] rhs [K, N], row-major.
static void multiply(const float *lhs, const float *rhs, double *result, int64_t m, int64_t k, int64_t n) {
  for (int64_t i = 0; i < m; ++i, lhs += k, result += n) {
    int64_t p = 0;
    for (; p + 4 <= k; p += 4) {
      double x[4] = {lhs[p], lhs[p + 1], lhs[p + 2], lhs[p + 3]};
      accumulate4(result, x, rhs + p * n, n);
    }
    for (; p < k; ++p)
      accumulate1(result, lhs[p], rhs + p * n, n);
  }
}

template <class C>
static void multiply(const C *lhs, const C *rhs, C *result, int64_t m, int64_t k, int64_t n) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t p = 0; p < k; ++p)
      for (int64_t j = 0; j < n; ++j)
        result[i * n + j] = addWrap(result[i * n + j], mulWrap(lhs[i * k + p], rhs[p * n + j]));
}

/// The tensor with its last two dimensions exchanged.
static Tensor transposeMatrices(const Tensor &tensor) {
  SmallVector<int64_t> shape(tensor.getShape());
  Sizes strides = getStrides(shape);
  unsigned rank = shape.size();
  std::swap(shape[rank - 2], shape[rank - 1]);
  std::swap(strides[rank - 2], strides[rank - 1]);
  Tensor result(withShape(tensor.getType(), shape));
  copyStrided(shape, getElementSize(tensor.getElementType()), tensor.getBytes().data(), strides,
              result.getMutableBytes().data(), getStrides(shape));
  return result;
}

/// The batched product in operand type T with sums in R. Batch dimensions broadcast.
template <class T, class R>
static Tensor matmul(const Tensor &lhs, const Tensor &rhs, RankedTensorType type) {
  ArrayRef<int64_t> batch = type.getShape().drop_back(2);
  int64_t m = type.getShape()[batch.size()], n = type.getShape().back(), k = lhs.getShape().back();
  std::vector<T> left = loadAll<T>(lhs), right = loadAll<T>(rhs);
  std::vector<R> sums(type.getNumElements());
  Loops loops;
  loops.sizes.assign(batch.begin(), batch.end());
  loops.strides = {getBroadcastStrides(lhs.getShape().drop_back(2), batch),
                   getBroadcastStrides(rhs.getShape().drop_back(2), batch), getStrides(batch)};
  loops.simplify();
  // A right-hand side that all of the batch shares makes one tall product.
  if (loops.sizes.size() == 1 && loops.strides[0].back() == 1 && loops.strides[1].back() == 0) {
    m *= loops.sizes[0];
    loops.sizes[0] = 1;
  }
  loops.forEachRow([&](ArrayRef<int64_t> offsets, int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      multiply(left.data() + (offsets[0] + i * loops.strides[0].back()) * m * k,
               right.data() + (offsets[1] + i * loops.strides[1].back()) * k * n,
               sums.data() + (offsets[2] + i * loops.strides[2].back()) * m * n, m, k, n);
  });
  return makeTensor(type, sums);
}

AICC_EVALUATE(MatMulOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  Tensor lhs = getTransposeLhs() ? transposeMatrices(operands[0]) : operands[0];
  Tensor rhs = getTransposeRhs() ? transposeMatrices(operands[1]) : operands[1];
  if (lhs.getShape().back() != rhs.getShape()[rhs.getRank() - 2])
    return ctx.fail("multiplies " + Twine(lhs.getShape().back()) + " columns by " +
                    Twine(rhs.getShape()[rhs.getRank() - 2]) + " rows");
  ElementKind kind = getKind(*type);
  if (isFloat(kind) && kind != ElementKind::f64)
    results.push_back(matmul<float, double>(lhs, rhs, *type));
  else
    results.push_back(dispatchCompute(kind, [&](auto zero) {
      using C = decltype(zero);
      return matmul<C, C>(lhs, rhs, *type);
    }));
  return success();
}

//===--- convolutions -----------------------------------------------------------------------------------===//

AICC_WIDE static void accumulateRun(double *to, const double *from, int64_t step, int64_t n, double weight) {
  if (step == 1)
    for (int64_t i = 0; i < n; ++i)
      to[i] += weight * from[i];
  else
    for (int64_t i = 0; i < n; ++i)
      to[i] += weight * from[i * step];
}

/// The values of each channel's bias (0 where it is absent), `count` times each, for all of N.
static std::vector<double> spreadBias(const Tensor &bias, int64_t batch, int64_t channels, int64_t count) {
  std::vector<double> values = loadAll<double>(bias), result;
  values.resize(channels);
  result.reserve(batch * channels * count);
  for (int64_t n = 0; n < batch; ++n)
    for (double value : values)
      result.insert(result.end(), count, value);
  return result;
}

AICC_EVALUATE(ConvOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  Tensor input = operands[0], filter = operands[1], bias = nn::detail::getOperand(*this, operands, 2);
  int64_t groups = getGroups(), outChannels = filter.getShape()[0], perGroup = filter.getShape()[1],
          block = getBlock();
  if (groups <= 0 || outChannels % groups != 0)
    return ctx.fail(Twine(outChannels) + " output channels don't split into " + Twine(groups) + " groups");
  RankedTensorType plain = *type;
  if (block > 0) {
    if (getBlockInput()) {
      if (input.getShape()[1] * input.getShape().back() < perGroup * groups)
        return ctx.fail("the filter reads more channels than the packed input has");
      input = unpack(input, 1, perGroup * groups);
    }
    SmallVector<int64_t> shape(type->getShape().drop_back());
    shape[1] = outChannels;
    plain = withShape(*type, shape);
  }
  if (input.getShape()[1] != perGroup * groups)
    return ctx.fail("the filter reads " + Twine(perGroup * groups) + " channels, the input has " +
                    Twine(input.getShape()[1]));
  ArrayRef<int64_t> inputs = input.getShape().drop_front(2), outputs = plain.getShape().drop_front(2);
  Window window{inputs, outputs, filter.getShape().drop_front(2), getStrides(), getDilations(), getPadsLow()};
  std::vector<std::vector<Run>> runs = getRuns(window);
  int64_t batch = plain.getShape()[0], inSize = getProduct(inputs), outSize = getProduct(outputs),
          taps = runs.size();
  std::vector<double> x = loadAll<double>(input), w = loadAll<double>(filter);
  std::vector<double> y = spreadBias(bias, batch, outChannels, outSize);
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t m = 0; m < outChannels; ++m)
      for (int64_t c = 0; c < perGroup; ++c) {
        const double *from =
            x.data() + (n * groups * perGroup + m / (outChannels / groups) * perGroup + c) * inSize;
        double *to = y.data() + (n * outChannels + m) * outSize;
        for (int64_t t = 0; t < taps; ++t)
          for (const Run &run : runs[t])
            accumulateRun(to + run.output, from + run.input, run.step, run.count,
                          w[(m * perGroup + c) * taps + t]);
      }
  Tensor result = makeTensor(plain, y);
  results.push_back(block > 0 ? pack(result, 1, block) : result);
  return success();
}

AICC_EVALUATE(ConvTransposeOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  const Tensor &input = operands[0], &filter = operands[1];
  int64_t groups = getGroups(), inChannels = input.getShape()[1], perGroup = filter.getShape()[1];
  if (groups <= 0 || inChannels % groups != 0 || filter.getShape()[0] != inChannels)
    return ctx.fail("the filter, of " + Twine(filter.getShape()[0]) + " channels in " + Twine(groups) +
                    " groups, doesn't fit " + Twine(inChannels) + " input channels");
  // The convolution whose gradient this is goes from the result's sizes to the input's.
  ArrayRef<int64_t> inputs = input.getShape().drop_front(2), outputs = type->getShape().drop_front(2);
  Window window{outputs, inputs, filter.getShape().drop_front(2), getStrides(), getDilations(), getPadsLow()};
  std::vector<std::vector<Run>> runs = getRuns(window);
  int64_t batch = type->getShape()[0], inSize = getProduct(inputs), outSize = getProduct(outputs),
          taps = runs.size();
  int64_t outChannels = perGroup * groups;
  std::vector<double> x = loadAll<double>(input), w = loadAll<double>(filter);
  std::vector<double> y = spreadBias(nn::detail::getOperand(*this, operands, 2), batch, outChannels, outSize);
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t c = 0; c < inChannels; ++c)
      for (int64_t m = 0; m < perGroup; ++m) {
        const double *from = x.data() + (n * inChannels + c) * inSize;
        double *to = y.data() + (n * outChannels + c / (inChannels / groups) * perGroup + m) * outSize;
        for (int64_t t = 0; t < taps; ++t)
          for (const Run &run : runs[t])
            for (int64_t i = 0; i < run.count; ++i)
              to[run.input + i * run.step] += w[(c * perGroup + m) * taps + t] * from[run.output + i];
      }
  results.push_back(makeTensor(*type, y));
  return success();
}

//===--- attention --------------------------------------------------------------------------------------===//

AICC_EVALUATE(AttentionOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  const Tensor &query = operands[0], &key = operands[1], &value = operands[2];
  Tensor mask = nn::detail::getOperand(*this, operands, 3);
  ArrayRef<int64_t> shape = query.getShape();
  unsigned rank = shape.size();
  int64_t heads = shape[rank - 3], rows = shape[rank - 2], depth = shape[rank - 1];
  int64_t keyHeads = key.getShape()[rank - 3], columns = key.getShape()[rank - 2],
          width = value.getShape()[rank - 1];
  if (heads == 0) {
    results.push_back(Tensor(*type));
    return success();
  }
  if (keyHeads == 0 || heads % keyHeads != 0)
    return ctx.fail(Twine(heads) + " query heads can't share " + Twine(keyHeads) + " key heads");
  int64_t batch = getProduct(shape.drop_back(3));
  std::vector<double> q = loadAll<double>(query), k = loadAll<double>(key), v = loadAll<double>(value);
  std::vector<double> masks = loadAll<double>(mask), y(type->getNumElements()), scores(columns);
  bool logical = mask && getKind(mask) == ElementKind::i1;
  // One offset into the mask per (batch, head, row), and its step along a row.
  SmallVector<int64_t> scoreShape(shape);
  scoreShape.back() = columns;
  Sizes maskStrides = mask ? getBroadcastStrides(mask.getShape(), scoreShape) : Sizes(rank, 0);
  double scale = getScale().convertToFloat();
  constexpr double never = -std::numeric_limits<double>::infinity();
  for (int64_t head = 0; head < batch * heads; ++head) {
    int64_t source = head / heads * keyHeads + head % heads / (heads / keyHeads);
    int64_t maskOffset = 0, rest = head;
    for (int d = int(rank) - 3; d >= 0; rest /= shape[d], --d)
      maskOffset += rest % shape[d] * maskStrides[d];
    for (int64_t i = 0; i < rows; ++i) {
      double max = never, sum = 0;
      for (int64_t j = 0; j < columns; ++j) {
        double score = 0;
        for (int64_t d = 0; d < depth; ++d)
          score += q[(head * rows + i) * depth + d] * k[(source * columns + j) * depth + d];
        score *= scale;
        if (mask) {
          double bias = masks[maskOffset + i * maskStrides[rank - 2] + j * maskStrides[rank - 1]];
          score = !logical ? score + bias : bias != 0 ? score : never;
        }
        if (getCausal() && j > i + columns - rows)
          score = never;
        scores[j] = score;
        max = maxNaN(max, score);
      }
      if (max == never) // all masked: zeros, not the NaN of a plain softmax
        continue;
      for (double &score : scores)
        sum += score = std::exp(score - max);
      double *to = y.data() + (head * rows + i) * width;
      for (int64_t j = 0; j < columns; ++j)
        accumulateRun(to, v.data() + (source * columns + j) * width, 1, width, scores[j] / sum);
    }
  }
  results.push_back(makeTensor(*type, y));
  return success();
}

AICC_EVALUATE(RopeOp) {
  FailureOr<RankedTensorType> type = getResultType(*this, ctx, operands);
  if (failed(type))
    return failure();
  ArrayRef<int64_t> shape = type->getShape();
  int64_t depth = shape.back(), half = depth / 2;
  if (depth % 2)
    return ctx.fail("rotates pairs, but the last dimension is " + Twine(depth));
  bool interleaved = getInterleaved();
  std::vector<double> x = loadAll<double>(operands[0]), y(x.size());
  std::vector<double> cos = loadAll<double>(operands[1]), sin = loadAll<double>(operands[2]);
  Loops loops;
  loops.sizes.assign(shape.begin(), shape.end());
  loops.strides = {detail::getStrides(shape), getBroadcastStrides(operands[1].getShape(), shape),
                   getBroadcastStrides(operands[2].getShape(), shape)};
  loops.forEachRow([&](ArrayRef<int64_t> offsets, int64_t n) {
    const double *row = x.data() + offsets[0];
    for (int64_t i = 0; i < n; ++i) {
      double other =
          interleaved ? (i % 2 ? row[i - 1] : -row[i + 1]) : (i < half ? -row[i + half] : row[i - half]);
      y[offsets[0] + i] = row[i] * cos[offsets[1] + i * loops.strides[1].back()] +
                          other * sin[offsets[2] + i * loops.strides[2].back()];
    }
  });
  results.push_back(makeTensor(*type, y));
  return success();
}

} // namespace aicc::nn
