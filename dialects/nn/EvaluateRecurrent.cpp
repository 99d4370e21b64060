// Reference evaluation of the recurrent networks: ONNX's equations, one sequence and one step at a time.

#include "dialects/nn/EvaluateSupport.h"
#include <cmath>

using namespace mlir;

namespace aicc::nn {
using namespace detail;

#define AICC_EVALUATE(OP)                                                                                    \
  LogicalResult OP::evaluate(EvalContext &ctx, ArrayRef<Tensor> operands, SmallVectorImpl<Tensor> &results)

namespace {
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

/// One step's view of a sequence: the gates' inputs and what the cell's equations read and write.
struct Step {
  int64_t hidden;
  const double *input;      // W x + input bias, [gates * H]
  const double *recurrence; // R of this direction, [gates * H, H]
  const double *bias;       // recurrence bias, [gates * H]
  const double *peephole;   // [3 * H], zeros where absent
  double *h, *c;            // state, [H]; read and written

  /// Row `gate * H + i` of R times `state`.
  double dot(int64_t gate, int64_t i, const double *state) const {
    const double *row = recurrence + (gate * hidden + i) * hidden;
    double sum = 0;
    for (int64_t j = 0; j < hidden; ++j)
      sum += row[j] * state[j];
    return sum;
  }
  double in(int64_t gate, int64_t i) const { return input[gate * hidden + i]; }
  double recur(int64_t gate, int64_t i, const double *state) const {
    return dot(gate, i, state) + bias[gate * hidden + i];
  }
};

/// Operands in the order that the three operations share.
struct Recurrence {
  Tensor input, weights, recurrence, bias, lengths, initialH, initialC, peephole;
  RnnDirection direction;
  int64_t gates;
};
} // namespace

/// Runs cell(step) over all sequences; results y, last h and, with three types, last c. Steps past a
/// sequence's length give zeros.
template <class Cell>
static LogicalResult run(EvalContext &ctx, const Recurrence &r, ArrayRef<RankedTensorType> types,
                         SmallVectorImpl<Tensor> &results, Cell cell) {
  ArrayRef<int64_t> shape = r.input.getShape();
  int64_t steps = shape[0], batch = shape[1], inputs = shape[2], dirs = r.weights.getShape()[0];
  int64_t hidden = r.recurrence.getShape()[2], rows = r.gates * hidden;
  if (r.weights.getShape()[1] != rows || r.weights.getShape()[2] != inputs ||
      r.recurrence.getShape()[1] != rows)
    return ctx.fail("its weights don't fit " + Twine(hidden) + " hidden units");
  std::vector<double> x = loadAll<double>(r.input), w = loadAll<double>(r.weights),
                      rec = loadAll<double>(r.recurrence);
  auto loadOr0 = [](const Tensor &tensor, int64_t size) {
    std::vector<double> values = loadAll<double>(tensor);
    values.resize(size);
    return values;
  };
  std::vector<double> bias = loadOr0(r.bias, dirs * 2 * rows),
                      peephole = loadOr0(r.peephole, dirs * 3 * hidden);
  std::vector<double> h = loadOr0(r.initialH, dirs * batch * hidden),
                      c = loadOr0(r.initialC, dirs * batch * hidden);
  std::vector<double> y(steps * dirs * batch * hidden), gates(rows);
  for (int64_t d = 0; d < dirs; ++d)
    for (int64_t b = 0; b < batch; ++b) {
      int64_t length = r.lengths ? r.lengths.getInt(b) : steps;
      if (length < 0 || length > steps)
        return ctx.fail("sequence " + Twine(b) + " has length " + Twine(length) + " of " + Twine(steps));
      double *state = h.data() + (d * batch + b) * hidden;
      Step step{hidden,
                gates.data(),
                rec.data() + d * rows * hidden,
                bias.data() + (d * 2 + 1) * rows,
                peephole.data() + d * 3 * hidden,
                state,
                c.data() + (d * batch + b) * hidden};
      bool reverse = d == 1 || r.direction == RnnDirection::reverse;
      for (int64_t t = 0; t < length; ++t) {
        int64_t at = reverse ? length - 1 - t : t;
        const double *row = x.data() + (at * batch + b) * inputs;
        for (int64_t g = 0; g < rows; ++g) {
          const double *weight = w.data() + (d * rows + g) * inputs;
          double sum = bias[d * 2 * rows + g];
          for (int64_t i = 0; i < inputs; ++i)
            sum += weight[i] * row[i];
          gates[g] = sum;
        }
        cell(step);
        std::copy_n(state, hidden, y.data() + ((at * dirs + d) * batch + b) * hidden);
      }
    }
  results.push_back(makeTensor(types[0], y));
  results.push_back(makeTensor(types[1], h));
  if (types.size() > 2)
    results.push_back(makeTensor(types[2], c));
  return success();
}

AICC_EVALUATE(LstmOp) {
  FailureOr<SmallVector<RankedTensorType>> types = nn::detail::getResultTypes(*this, ctx, operands);
  if (failed(types))
    return failure();
  auto operand = [&](unsigned i) { return nn::detail::getOperand(*this, operands, i); };
  Recurrence r{operand(0), operand(1), operand(2), operand(3),     operand(4),
               operand(5), operand(6), operand(7), getDirection(), 4};
  std::vector<double> next(r.recurrence.getShape()[2]);
  return run(ctx, r, *types, results, [&](Step &s) {
    for (int64_t i = 0; i < s.hidden; ++i) {
      double gate = sigmoid(s.in(0, i) + s.recur(0, i, s.h) + s.peephole[i] * s.c[i]);
      double forget = sigmoid(s.in(2, i) + s.recur(2, i, s.h) + s.peephole[2 * s.hidden + i] * s.c[i]);
      double cell = forget * s.c[i] + gate * std::tanh(s.in(3, i) + s.recur(3, i, s.h));
      double output = sigmoid(s.in(1, i) + s.recur(1, i, s.h) + s.peephole[s.hidden + i] * cell);
      s.c[i] = cell;
      next[i] = output * std::tanh(cell);
    }
    llvm::copy(next, s.h);
  });
}

AICC_EVALUATE(GruOp) {
  FailureOr<SmallVector<RankedTensorType>> types = nn::detail::getResultTypes(*this, ctx, operands);
  if (failed(types))
    return failure();
  auto operand = [&](unsigned i) { return nn::detail::getOperand(*this, operands, i); };
  Recurrence r{operand(0), operand(1), operand(2), operand(3),     operand(4),
               operand(5), Tensor(),   Tensor(),   getDirection(), 3};
  bool linearBeforeReset = getLinearBeforeReset();
  size_t hidden = r.recurrence.getShape()[2];
  std::vector<double> next(hidden), reset(hidden), scaled(hidden);
  return run(ctx, r, *types, results, [&](Step &s) {
    for (int64_t i = 0; i < s.hidden; ++i) {
      reset[i] = sigmoid(s.in(1, i) + s.recur(1, i, s.h));
      scaled[i] = reset[i] * s.h[i];
    }
    for (int64_t i = 0; i < s.hidden; ++i) {
      double update = sigmoid(s.in(0, i) + s.recur(0, i, s.h));
      double recurrence = linearBeforeReset ? reset[i] * s.recur(2, i, s.h) : s.recur(2, i, scaled.data());
      next[i] = (1 - update) * std::tanh(s.in(2, i) + recurrence) + update * s.h[i];
    }
    llvm::copy(next, s.h);
  });
}

AICC_EVALUATE(RnnOp) {
  FailureOr<SmallVector<RankedTensorType>> types = nn::detail::getResultTypes(*this, ctx, operands);
  if (failed(types))
    return failure();
  auto operand = [&](unsigned i) { return nn::detail::getOperand(*this, operands, i); };
  Recurrence r{operand(0), operand(1), operand(2), operand(3),     operand(4),
               operand(5), Tensor(),   Tensor(),   getDirection(), 1};
  bool relu = getRelu();
  std::vector<double> next(r.recurrence.getShape()[2]);
  return run(ctx, r, *types, results, [&](Step &s) {
    for (int64_t i = 0; i < s.hidden; ++i) {
      double sum = s.in(0, i) + s.recur(0, i, s.h);
      next[i] = relu ? std::max(sum, 0.0) : std::tanh(sum);
    }
    llvm::copy(next, s.h);
  });
}

} // namespace aicc::nn
