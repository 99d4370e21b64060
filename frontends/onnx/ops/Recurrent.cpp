// LSTM, GRU and RNN with their default activations.

#include "frontends/onnx/Node.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

/// What the three have in common. Batch-major layout (1) is transposed to time-major and back.
struct Recurrent {
  nn::RnnDirection direction;
  Value x, weights, recurrence, bias, lengths, initialH;
  bool batchMajor;
  int64_t hidden;
};

bool equalsIgnoringCase(ArrayRef<std::string> a, ArrayRef<StringRef> cycle) {
  for (auto [i, name] : llvm::enumerate(a))
    if (!StringRef(name).equals_insensitive(cycle[i % cycle.size()]))
      return false;
  return true;
}

Value timeMajor(Node &n, Value state, bool batchMajor) {
  return state && batchMajor ? n.builder.transpose(state, {1, 0, 2}) : state;
}

Recurrent getRecurrent(Node &n, ArrayRef<StringRef> activations) {
  Recurrent r;
  const std::string direction = n.getString("direction", "forward");
  std::optional<nn::RnnDirection> parsed = nn::symbolizeRnnDirection(direction);
  if (!parsed)
    throw ImportError("direction '" + direction + "' is not supported");
  r.direction = *parsed;
  if (!equalsIgnoringCase(n.getStrings("activations"), activations))
    throw ImportError("activations other than the default ones are not supported");
  if (n.hasAttr("clip"))
    throw ImportError("clip is not supported");
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
  r.hidden = n.getStaticSize(r.recurrence, 2, "the hidden size");
  if (n.getInt("hidden_size", r.hidden) != r.hidden)
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
  if (n.getInt("input_forget", 0))
    throw ImportError("input_forget is not supported");
  Recurrent r = getRecurrent(n, {"Sigmoid", "Tanh", "Tanh"});
  return finish(n, r,
                n.builder.makeResults<nn::LstmOp>(3, r.x, r.weights, r.recurrence, r.bias, r.lengths,
                                                  r.initialH, timeMajor(n, n.getOptional(6), r.batchMajor),
                                                  n.getOptional(7), r.direction));
}

Results importGru(Node &n) {
  Recurrent r = getRecurrent(n, {"Sigmoid", "Tanh"});
  return finish(n, r,
                n.builder.makeResults<nn::GruOp>(2, r.x, r.weights, r.recurrence, r.bias, r.lengths,
                                                 r.initialH, r.direction,
                                                 n.getInt("linear_before_reset", 0) != 0));
}

Results importRnn(Node &n) {
  SmallVector<std::string> activations = n.getStrings("activations");
  const bool relu = !activations.empty() && StringRef(activations[0]).equals_insensitive("relu");
  Recurrent r = getRecurrent(n, {relu ? StringRef("Relu") : StringRef("Tanh")});
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
