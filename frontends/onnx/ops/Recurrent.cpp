// LSTM, GRU and RNN.

#include "frontends/onnx/ops/RecurrentSteps.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

/// What the three have in common. Batch-major layout (1) is transposed to time-major and back.
struct Recurrent : RecurrentInputs {
  nn::RnnDirection direction;
  bool batchMajor, steps;
};

Value timeMajor(Node &n, Value state, bool batchMajor) {
  if (state && n.getRank(state) != 3)
    throw ImportError("an initial state must have rank 3");
  return state && batchMajor ? n.builder.transpose(state, {1, 0, 2}) : state;
}

Recurrent getRecurrent(Node &n, RecurrentKind kind) {
  Recurrent r;
  const std::string direction = n.getString("direction", "forward");
  std::optional<nn::RnnDirection> parsed = nn::symbolizeRnnDirection(direction);
  if (!parsed)
    throw ImportError("direction '" + direction + "' is not supported");
  r.direction = *parsed;
  r.steps = needsSteps(n, kind);
  r.batchMajor = n.getInt("layout", 0) != 0;
  r.x = n.in(0);
  if (n.getRank(r.x) != 3 || n.getRank(n.in(1)) != 3 || n.getRank(n.in(2)) != 3)
    throw ImportError("input, weights and recurrence must have rank 3");
  if (r.batchMajor)
    r.x = n.builder.transpose(r.x, {1, 0, 2});
  r.weights = n.in(1);
  r.recurrence = n.in(2);
  r.bias = n.getOptional(3);
  r.lengths = n.getOptional(4);
  r.initialH = timeMajor(n, n.getOptional(5), r.batchMajor);
  if (kind == RecurrentKind::lstm) {
    r.initialC = timeMajor(n, n.getOptional(6), r.batchMajor);
    r.peephole = n.getOptional(7);
  }
  const int64_t hidden = n.getStaticSize(r.recurrence, 2, "the hidden size");
  if (n.getInt("hidden_size", hidden) != hidden)
    throw ImportError("hidden_size differs from the recurrence weights'");
  return r;
}

/// Y [S, dirs, B, H] and states [dirs, B, H], in the layout asked for.
Results finish(Node &n, const Recurrent &r, const SmallVector<Value> &outputs) {
  Results results(outputs);
  if (!r.batchMajor)
    return results;
  for (auto [i, value] : llvm::enumerate(results))
    value = i == 0 ? n.builder.transpose(value, {2, 0, 1, 3}) : n.builder.transpose(value, {1, 0, 2});
  return results;
}

Results importLstm(Node &n) {
  Recurrent r = getRecurrent(n, RecurrentKind::lstm);
  if (r.steps)
    return finish(n, r, importSteps(n, RecurrentKind::lstm, r.direction, r));
  return finish(n, r,
                n.builder.makeResults<nn::LstmOp>(3, r.x, r.weights, r.recurrence, r.bias, r.lengths,
                                                  r.initialH, r.initialC, r.peephole, r.direction));
}

Results importGru(Node &n) {
  Recurrent r = getRecurrent(n, RecurrentKind::gru);
  if (r.steps)
    return finish(n, r, importSteps(n, RecurrentKind::gru, r.direction, r));
  return finish(n, r,
                n.builder.makeResults<nn::GruOp>(2, r.x, r.weights, r.recurrence, r.bias, r.lengths,
                                                 r.initialH, r.direction,
                                                 n.getInt("linear_before_reset", 0) != 0));
}

Results importRnn(Node &n) {
  Recurrent r = getRecurrent(n, RecurrentKind::rnn);
  if (r.steps)
    return finish(n, r, importSteps(n, RecurrentKind::rnn, r.direction, r));
  SmallVector<std::string> activations = n.getStrings("activations");
  const bool relu = !activations.empty() && StringRef(activations[0]).equals_insensitive("relu");
  return finish(n, r,
                n.builder.makeResults<nn::RnnOp>(2, r.x, r.weights, r.recurrence, r.bias, r.lengths,
                                                 r.initialH, r.direction, relu));
}
} // namespace

void addRecurrentOps(OpTable &t) {
  t.add("LSTM", importLstm);
  t.add("GRU", importGru);
  t.add("RNN", importRnn);
}
} // namespace aicc::onnx_import
