// The general form of LSTM, GRU and RNN, step by step; see the header.

#include "frontends/onnx/ops/RecurrentSteps.h"
#include "dialects/nn/NNControl.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

/// So many steps are written out; more, or a number that only the run knows, make a loop.
constexpr int64_t maxUnrolled = 16;

struct Activation {
  std::string name; // in lower case
  double alpha = 0, beta = 0;
};

ArrayRef<StringRef> getDefaults(RecurrentKind kind) {
  static constexpr StringRef lstm[] = {"sigmoid", "tanh", "tanh"}, gru[] = {"sigmoid", "tanh"},
                             rnn[] = {"tanh"};
  if (kind == RecurrentKind::lstm)
    return lstm;
  return kind == RecurrentKind::gru ? ArrayRef(gru) : ArrayRef(rnn);
}

/// All directions' functions in order. The lists of parameters hold one for each function that has it, as far
/// as they go.
SmallVector<Activation> getActivations(Node &n, RecurrentKind kind, int64_t directions) {
  ArrayRef<StringRef> defaults = getDefaults(kind);
  SmallVector<std::string> given = n.getStrings("activations");
  if (!given.empty() && given.size() != defaults.size() * size_t(directions) &&
      given.size() != defaults.size())
    throw ImportError("it needs " + Twine(defaults.size()) + " activations per direction");
  SmallVector<double> alphas = n.getFloats("activation_alpha"), betas = n.getFloats("activation_beta");
  size_t nextAlpha = 0, nextBeta = 0;
  SmallVector<Activation> result;
  for (size_t i = 0; i < defaults.size() * size_t(directions); ++i) {
    Activation a;
    a.name = given.empty() ? defaults[i % defaults.size()].str() : StringRef(given[i % given.size()]).lower();
    struct Known {
      StringRef name;
      int params;
      double alpha, beta;
    };
    static constexpr Known known[] = {
        {"affine", 2, 1, 0}, {"relu", 0, 0, 0},       {"leakyrelu", 1, 0.01, 0}, {"thresholdedrelu", 1, 1, 0},
        {"tanh", 0, 0, 0},   {"scaledtanh", 2, 1, 1}, {"sigmoid", 0, 0, 0},      {"hardsigmoid", 2, 0.2, 0.5},
        {"elu", 1, 1, 0},    {"softsign", 0, 0, 0},   {"softplus", 0, 0, 0}};
    const Known *k = llvm::find_if(known, [&](const Known &one) { return one.name == a.name; });
    if (k == std::end(known))
      throw ImportError("activation '" + a.name + "' is not supported");
    a.alpha = k->params > 0 && nextAlpha < alphas.size() ? alphas[nextAlpha++] : k->alpha;
    a.beta = k->params > 1 && nextBeta < betas.size() ? betas[nextBeta++] : k->beta;
    result.push_back(a);
  }
  return result;
}

class Steps {
public:
  Steps(Node &node, RecurrentKind kind, const RecurrentInputs &inputs, int64_t direction,
        ArrayRef<Activation> activations)
      : n(node), kind(kind), in(inputs), direction(direction), activations(activations) {
    hidden = n.getStaticSize(in.recurrence, 2, "the hidden size");
    gates = kind == RecurrentKind::lstm ? 4 : kind == RecurrentKind::gru ? 3 : 1;
    batch = n.getShape(in.x)[1];
    clip = n.hasAttr("clip") ? std::optional(n.getFloat("clip")) : std::nullopt;
  }

  /// y [S, B, H] and the last states [B, H].
  SmallVector<Value> run(bool backward) {
    Value weights = own(in.weights), bias = in.bias ? own(in.bias) : Value();
    recurrence = own(in.recurrence);
    if (n.getRank(weights) != 2 || n.getShape(weights)[0] != n.constant(gates * hidden) ||
        n.getShape(recurrence)[0] != n.constant(gates * hidden))
      throw ImportError("the weights do not have " + Twine(gates) + " times the hidden size as rows");
    ownBias = bias ? part(bias, gates, gates) : Value();
    holes = in.peephole ? own(in.peephole) : Value();
    if (in.lengths)
      lengths = n.builder.convert(in.lengths, n.builder.getBuilder().getI64Type());
    projected = n.make<nn::MatMulOp>(in.x, n.builder.unsqueeze(weights, {0}), false, true);
    if (bias)
      projected = n.add(projected, part(bias, 0, gates));
    Value zero = n.builder.broadcast(n.builder.scalarLike(0, in.x), {batch, n.constant(hidden)});
    h = in.initialH ? own(in.initialH) : zero;
    c = in.initialC ? own(in.initialC) : zero;

    const AffineExpr length = n.getShape(in.x)[0];
    auto known = dyn_cast<AffineConstantExpr>(length);
    if (!known || known.getValue() < 1 || known.getValue() > maxUnrolled)
      return loop(length, backward);
    SmallVector<Value> ys(known.getValue());
    Type i64 = n.builder.getBuilder().getI64Type();
    for (int64_t i = 0; i < known.getValue(); ++i) {
      const int64_t t = backward ? known.getValue() - 1 - i : i;
      Value x = n.builder.sliceAxis(projected, 0, n.constant(t), n.constant(1));
      Value y =
          step(n.builder.reshape(x, {batch, n.constant(gates * hidden)}), n.builder.scalar(double(t), i64));
      ys[t] = n.builder.unsqueeze(y, {0});
    }
    return {n.builder.concat(ys, 0), h, c};
  }

private:
  /// The same as a loop; y comes out in the order of its iterations.
  SmallVector<Value> loop(AffineExpr length, bool backward) {
    nn::SymbolicShapes &shapes = n.builder.getShapes();
    OpBuilder &b = n.builder.getBuilder();
    Value last = n.builder.sizes({n.math().simplify(length - 1)}, /*isScalar=*/true);
    Value trip = n.builder.sizes({length}, /*isScalar=*/true), yes = n.builder.scalar(1, b.getI1Type());
    const SmallVector<AffineExpr> state(n.getShape(h));
    const SmallVector<AffineExpr> all{length, state[0], state[1]};
    if (n.getShape(c) != ArrayRef(state))
      throw ImportError("the initial states differ in size");
    SmallVector<Value> inits{h, c};
    const Location location = projected.getLoc();

    Region body;
    Block &block = body.emplaceBlock();
    Value number = block.addArgument(RankedTensorType::get({}, b.getI64Type()), location);
    shapes.set(number, {});
    h = block.addArgument(inits[0].getType(), location);
    c = block.addArgument(inits[1].getType(), location);
    shapes.set(h, state);
    shapes.set(c, state);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(&block);
      Value t = backward ? n.sub(last, number) : number;
      Value y = step(n.make<nn::GatherOp>(projected, t, 0), t);
      Value on = n.builder.scalar(1, b.getI1Type());
      b.create<nn::YieldOp>(location, ValueRange{on, h, c, y});
    }
    SmallVector<AffineExpr> carried(state), sizes;
    for (int i = 0; i < 2; ++i)
      llvm::append_range(sizes, state);
    carried = sizes;
    llvm::append_range(sizes, all);
    SmallVector<Type> types{inits[0].getType(), inits[1].getType(), nn::getTensorType(all, n.getElement(h))};
    auto op = b.create<nn::LoopOp>(location, types, trip, yes, inits, n.builder.map(carried),
                                   n.builder.map(sizes), ArrayRef<int64_t>());
    op.getBody().takeBody(body);
    shapes.set(op.getResult(0), state);
    shapes.set(op.getResult(1), state);
    shapes.set(op.getResult(2), all);
    Value y = op.getResult(2);
    if (backward)
      y = n.builder.slice(y, {n.math().simplify(length - 1), n.constant(0), n.constant(0)}, all, {-1, 1, 1});
    return {y, op.getResult(0), op.getResult(1)};
  }

  /// One step from the projected input at time `t` (a scalar of i64): h and c become the next, y is returned.
  Value step(Value x, Value t) {
    Value oldH = h, oldC = c;
    if (kind == RecurrentKind::lstm)
      stepLstm(x);
    else if (kind == RecurrentKind::gru)
      stepGru(x);
    else
      h = activate(0, addBias(n.add(x, multiply(h, recurrence)), ownBias));
    if (!lengths)
      return h;
    // Beyond a row's end states stay and outputs are 0.
    Value lives = n.builder.unsqueeze(n.builder.compare(t, lengths, nn::CompareKind::lt), {1});
    Value y = n.make<nn::SelectOp>(lives, h, n.builder.scalarLike(0, h));
    h = n.make<nn::SelectOp>(lives, h, oldH);
    c = n.make<nn::SelectOp>(lives, c, oldC);
    return y;
  }

  /// This direction's share of an operand.
  Value own(Value v) {
    const int64_t rank = n.getRank(v);
    auto count = rank > 1 ? dyn_cast<AffineConstantExpr>(n.getShape(v)[0]) : AffineConstantExpr();
    if (!count || count.getValue() <= direction)
      throw ImportError("an operand does not have a part per direction");
    SmallVector<AffineExpr> shape(n.getShape(v).drop_front());
    return n.builder.reshape(n.builder.sliceAxis(v, 0, n.constant(direction), n.constant(1)), shape);
  }
  /// Gates `first`.. of something that has all in its last dimension.
  Value part(Value v, int64_t first, int64_t count = 1) {
    return n.builder.sliceAxis(v, n.getRank(v) - 1, n.constant(first * hidden), n.constant(count * hidden));
  }
  Value rows(Value v, int64_t first, int64_t count) {
    return n.builder.sliceAxis(v, 0, n.constant(first * hidden), n.constant(count * hidden));
  }
  Value multiply(Value state, Value matrix) { return n.make<nn::MatMulOp>(state, matrix, false, true); }
  Value addBias(Value v, Value bias) { return bias ? n.add(v, bias) : v; }

  Value activate(unsigned index, Value x) {
    if (clip) {
      x = n.make<nn::MinOp>(x, n.builder.scalarLike(*clip, x));
      x = n.make<nn::MaxOp>(x, n.builder.scalarLike(-*clip, x));
    }
    return apply(index, x);
  }
  Value apply(unsigned index, Value x) {
    const Activation &a = activations[index];
    const llvm::APFloat alpha = n.builder.f32(a.alpha), beta = n.builder.f32(a.beta);
    if (a.name == "affine")
      return n.add(n.mul(x, a.alpha), a.beta);
    if (a.name == "relu")
      return n.make<nn::ReluOp>(x);
    if (a.name == "leakyrelu")
      return n.make<nn::LeakyReluOp>(x, alpha);
    if (a.name == "thresholdedrelu")
      return n.make<nn::SelectOp>(n.builder.compare(x, n.builder.scalarLike(a.alpha, x), nn::CompareKind::gt),
                                  x, n.builder.scalarLike(0, x));
    if (a.name == "tanh")
      return n.make<nn::TanhOp>(x);
    if (a.name == "scaledtanh")
      return n.mul(n.make<nn::TanhOp>(n.mul(x, a.beta)), a.alpha);
    if (a.name == "sigmoid")
      return n.make<nn::SigmoidOp>(x);
    if (a.name == "hardsigmoid")
      return n.make<nn::HardSigmoidOp>(x, alpha, beta);
    if (a.name == "elu")
      return n.make<nn::EluOp>(x, alpha, n.builder.f32(1));
    if (a.name == "softsign")
      return n.make<nn::SoftsignOp>(x);
    return n.make<nn::SoftplusOp>(x);
  }

  /// Gates i o f c; peepholes i o f. A coupled forget gate is what the input gate leaves.
  void stepLstm(Value x) {
    Value all = addBias(n.add(x, multiply(h, recurrence)), ownBias);
    auto look = [&](Value v, int64_t gate, Value cell) {
      return holes ? n.add(v, n.mul(cell, part(holes, gate))) : v;
    };
    Value i = activate(0, look(part(all, 0), 0, c));
    Value f = n.getInt("input_forget", 0) ? n.sub(n.builder.scalarLike(1, i), i)
                                          : activate(0, look(part(all, 2), 2, c));
    c = n.add(n.mul(f, c), n.mul(i, activate(1, part(all, 3))));
    Value o = activate(0, look(part(all, 1), 1, c));
    h = n.mul(o, apply(2, c));
  }

  /// Gates z r h.
  void stepGru(Value x) {
    Value both = n.add(part(x, 0, 2), multiply(h, rows(recurrence, 0, 2)));
    both = activate(0, ownBias ? n.add(both, part(ownBias, 0, 2)) : both);
    Value z = part(both, 0), r = part(both, 1), last = rows(recurrence, 2, 1);
    Value lastBias = ownBias ? part(ownBias, 2) : Value(), candidate;
    if (n.getInt("linear_before_reset", 0))
      candidate = n.mul(r, addBias(multiply(h, last), lastBias));
    else
      candidate = addBias(multiply(n.mul(r, h), last), lastBias);
    candidate = activate(1, n.add(part(x, 2), candidate));
    h = n.add(n.mul(n.sub(n.builder.scalarLike(1, z), z), candidate), n.mul(z, h));
  }

  Node &n;
  RecurrentKind kind;
  const RecurrentInputs &in;
  int64_t direction, hidden, gates;
  AffineExpr batch;
  ArrayRef<Activation> activations;
  std::optional<double> clip;
  Value recurrence, ownBias, holes, lengths, projected, h, c;
};
} // namespace

bool needsSteps(Node &n, RecurrentKind kind) {
  if (n.hasAttr("clip") || n.getInt("input_forget", 0))
    return true;
  ArrayRef<StringRef> defaults = getDefaults(kind);
  SmallVector<std::string> given = n.getStrings("activations");
  if (given.empty())
    return false;
  const bool relu = kind == RecurrentKind::rnn && StringRef(given[0]).equals_insensitive("relu");
  for (auto [i, name] : llvm::enumerate(given))
    if (!StringRef(name).equals_insensitive(relu ? StringRef("relu") : defaults[i % defaults.size()]))
      return true;
  return false;
}

SmallVector<Value> importSteps(Node &n, RecurrentKind kind, nn::RnnDirection direction,
                               const RecurrentInputs &in) {
  const bool both = direction == nn::RnnDirection::bidirectional;
  const int64_t directions = both ? 2 : 1;
  SmallVector<Activation> activations = getActivations(n, kind, directions);
  const size_t each = getDefaults(kind).size();
  SmallVector<Value> y, h, c;
  for (int64_t d = 0; d < directions; ++d) {
    Steps steps(n, kind, in, d, ArrayRef(activations).slice(size_t(d) * each, each));
    SmallVector<Value> results = steps.run(d == 1 || direction == nn::RnnDirection::reverse);
    y.push_back(n.builder.unsqueeze(results[0], {1}));
    h.push_back(n.builder.unsqueeze(results[1], {0}));
    c.push_back(n.builder.unsqueeze(results[2], {0}));
  }
  SmallVector<Value> results{n.builder.concat(y, 1), n.builder.concat(h, 0)};
  if (kind == RecurrentKind::lstm)
    results.push_back(n.builder.concat(c, 0));
  return results;
}
} // namespace aicc::onnx_import
