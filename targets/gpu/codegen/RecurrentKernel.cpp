// Recurrent networks: a workgroup carries one sequence of one direction through all steps, its state in
// scratch memory. In each step groups of threads compute the gates' products, one row of the weights each;
// then every thread computes the cells of some hidden units.

#include "dialects/nn/EmitScalar.h"
#include "targets/gpu/codegen/Kernels.h"
#include "targets/kernel/Indexing.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;
using namespace aicc::kernel;

static constexpr unsigned kThreads = 256;

namespace {
struct Recurrent {
  GpuEmitter &e;
  Operation *root = nullptr;
  unsigned gates = 0;
  nn::RnnDirection direction = nn::RnnDirection::forward;
  Value input = {}, weights = {}, recurrence = {}; // the operands; null where absent
  Value bias = {}, lengths = {}, initialH = {}, initialC = {}, peephole = {};

  Type element = {}, accumulator = {};
  Value scratch = {};
  Value steps = {}, batch = {}, hidden = {}, dir = {}, at = {}, length = {};
  Value inputGates = {}, stateGates = {}, h = {}, c = {},
        scaled = {}; // offsets of elements in scratch memory

  OpBuilder &b() { return e.b; }

  //===--- access
  //--------------------------------------------------------------------------------------------------------===//

  Value read(Value operand, SmallVector<Value> idx) {
    Value value = e.emit(operand, Coord{std::move(idx), -1, Value()});
    e.clearMemo();
    return toAccumulator(e, value, element);
  }
  Value get(Value part, Value i) { return e.load(scratch, e.add(part, i), accumulator); }
  void set(Value part, Value i, Value value) { e.store(value, scratch, e.add(part, i), accumulator); }
  Value zero() { return numberConstant(e, accumulator, 0, 0); }
  void writeResult(unsigned i, Value value, Value index) {
    storeAll(e, resultPointers(e, root, i), fromAccumulator(e, value, element), index, element);
  }
  Value equal(Value x, Value y) { return e.compare(arith::CmpIPredicate::eq, x, y); }

  /// Where step t of the sequence lies.
  Value positionOf(Value t) {
    if (direction == nn::RnnDirection::forward)
      return t;
    Value back = e.sub(e.sub(length, e.constant(1)), t);
    if (direction == nn::RnnDirection::reverse)
      return back;
    return b().create<arith::SelectOp>(e.loc, equal(dir, e.constant(0)), t, back);
  }

  //===--- products
  //------------------------------------------------------------------------------------------------------===//

  /// out[row] = the product of row `row` of the direction's matrix with `left`, for rows [from, to).
  void multiply(Value matrix, Value depth, Value from, Value to, Value out,
                llvm::function_ref<Value(Value)> left) {
    unsigned width = e.lanes ? e.lanes : 16, groups = kThreads / width;
    Value part = e.rem(e.threadId(), e.constant(width)), group = e.div(e.threadId(), e.constant(width));
    // All threads run as often, so that they meet in the reduction.
    e.loop(from, to, e.constant(groups), [&](Value first) {
      Value own = e.add(first, group), row = e.min(own, e.sub(to, e.constant(1)));
      Value sum = e.loop(part, depth, e.constant(width), zero(), [&](Value k, ValueRange before) {
        return SmallVector<Value>{multiplyAdd(e, read(matrix, {dir, row, k}), left(k), before[0])};
      })[0];
      sum = e.reduce(sum, width, [&](Value x, Value y) { return addf(e, x, y); });
      Value mine = b().create<arith::AndIOp>(e.loc, equal(part, e.constant(0)),
                                             e.compare(arith::CmpIPredicate::ult, own, to));
      e.ifThen(mine, [&] { set(out, row, sum); });
    });
  }
  void multiplyInputs(Value position) {
    multiply(weights, e.size(input, 2), e.constant(0), e.mul(e.constant(gates), hidden), inputGates,
             [&](Value k) { return read(input, {position, at, k}); });
  }
  void multiplyStates(Value state, unsigned from, unsigned to) {
    multiply(recurrence, hidden, e.mul(e.constant(from), hidden), e.mul(e.constant(to), hidden), stateGates,
             [&](Value k) { return get(state, k); });
  }

  //===--- cells
  //---------------------------------------------------------------------------------------------------------===//

  Value gateAt(unsigned gate, Value unit) { return e.add(e.mul(e.constant(gate), hidden), unit); }
  /// The biases of the inputs' (0) and of the states' share (1) of a gate are added to `x`.
  Value plusBias(Value x, unsigned share, unsigned gate, Value unit) {
    return bias ? addf(e, x, read(bias, {dir, gateAt(share * gates + gate, unit)})) : x;
  }
  Value inputGate(unsigned gate, Value unit) {
    return plusBias(get(inputGates, gateAt(gate, unit)), 0, gate, unit);
  }
  Value stateGate(unsigned gate, Value unit) {
    return plusBias(get(stateGates, gateAt(gate, unit)), 1, gate, unit);
  }
  Value gate(unsigned g, Value unit) { return addf(e, inputGate(g, unit), stateGate(g, unit)); }
  Value sigmoid(Value x) { return nn::ScalarBuilder(b(), e.loc).sigmoid(x); }
  Value tanh(Value x) { return b().create<math::TanhOp>(e.loc, x); }

  Value lstmCell(Value unit) {
    Value cell = get(c, unit);
    auto peep = [&](Value x, unsigned which, Value state) {
      return peephole ? multiplyAdd(e, read(peephole, {dir, gateAt(which, unit)}), state, x) : x;
    };
    Value in = sigmoid(peep(gate(0, unit), 0, cell)), forget = sigmoid(peep(gate(2, unit), 2, cell));
    cell = multiplyAdd(e, in, tanh(gate(3, unit)), mulf(e, forget, cell));
    Value out = sigmoid(peep(gate(1, unit), 1, cell));
    set(c, unit, cell);
    return mulf(e, out, tanh(cell));
  }
  Value gruCell(Value unit, bool linearBeforeReset) {
    Value state = get(h, unit), update = sigmoid(gate(0, unit)), recurrent = stateGate(2, unit);
    if (linearBeforeReset)
      recurrent = mulf(e, sigmoid(gate(1, unit)), recurrent);
    Value candidate = tanh(addf(e, inputGate(2, unit), recurrent));
    // (1 - z) candidate + z h
    return multiplyAdd(e, update, subf(e, state, candidate), candidate);
  }
  Value rnnCell(Value unit, bool relu) {
    Value sum = gate(0, unit);
    return relu ? nn::ScalarBuilder(b(), e.loc).atLeast(sum, 0) : tanh(sum);
  }

  void emitStep(Value t) {
    Value position = positionOf(t);
    multiplyInputs(position);
    auto gru = dyn_cast<nn::GruOp>(root);
    bool scales = gru && !gru.getLinearBeforeReset();
    multiplyStates(h, 0, scales ? 2 : gates);
    e.barrier();
    if (scales) {
      e.share(hidden, [&](Value unit) { set(scaled, unit, mulf(e, sigmoid(gate(1, unit)), get(h, unit))); });
      e.barrier();
      multiplyStates(scaled, 2, 3);
      e.barrier();
    }
    e.share(hidden, [&](Value unit) {
      Value state;
      if (isa<nn::LstmOp>(root))
        state = lstmCell(unit);
      else if (gru)
        state = gruCell(unit, gru.getLinearBeforeReset());
      else
        state = rnnCell(unit, cast<nn::RnnOp>(root).getRelu());
      set(h, unit, state);
      writeResult(0, state, resultIndex(position, unit));
    });
    e.barrier();
  }
  Value resultIndex(Value position, Value unit) {
    Value row = e.add(e.mul(e.add(e.mul(position, e.size(weights, 0)), dir), batch), at);
    return e.add(e.mul(row, hidden), unit);
  }

  //===--- the whole
  //-----------------------------------------------------------------------------------------------------===//

  Launch run() {
    element = cast<RankedTensorType>(input.getType()).getElementType();
    accumulator = getAccumulatorType(b(), element);
    steps = e.size(input, 0), batch = e.size(input, 1), hidden = e.size(recurrence, 2);
    AffineExpr units = e.shape(recurrence)[2], used = e.expr(0), sequences = e.shape(input)[1];
    auto take = [&](AffineExpr elements) {
      AffineExpr start = used;
      used = used + elements;
      return e.size(start);
    };
    inputGates = take(units * gates), stateGates = take(units * gates);
    h = take(units), c = take(units), scaled = take(units);
    scratch = e.scratch(used * int64_t(accumulator.getIntOrFloatBitWidth() / 8));

    bool both = direction == nn::RnnDirection::bidirectional;
    dir = both ? e.div(e.groupId(), batch) : e.constant(0);
    at = both ? e.rem(e.groupId(), batch) : e.groupId();
    length = steps;
    if (lengths) {
      length = e.emit(lengths, Coord{{at}, -1, Value()});
      e.clearMemo();
      length = b().create<arith::ExtSIOp>(e.loc, b().getI64Type(), length);
      length = e.max(e.min(length, steps), e.constant(0));
    }
    e.share(hidden, [&](Value unit) {
      set(h, unit, initialH ? read(initialH, {dir, at, unit}) : zero());
      if (isa<nn::LstmOp>(root))
        set(c, unit, initialC ? read(initialC, {dir, at, unit}) : zero());
    });
    e.barrier();
    e.loop(e.constant(0), length, e.constant(1), [&](Value t) { emitStep(t); });
    e.share(hidden, [&](Value unit) {
      Value to = e.add(e.mul(e.add(e.mul(dir, batch), at), hidden), unit);
      writeResult(1, get(h, unit), to);
      if (isa<nn::LstmOp>(root))
        writeResult(2, get(c, unit), to);
      if (lengths) // after the sequence's end
        e.loop(length, steps, e.constant(1),
               [&](Value position) { writeResult(0, zero(), resultIndex(position, unit)); });
    });
    return e.finish(sequences * int64_t(both ? 2 : 1));
  }
};
} // namespace

FailureOr<Launch> aicc::gpu::emitRecurrent(KernelRequest &request) {
  Operation *root = getRoot(request.dispatch);
  GpuEmitter e(request.module, request.name, request.dispatch, request.shapes, request.gpu, request.end,
               kThreads);
  Recurrent emitter{e, root};
  auto take = [&](auto op, unsigned gates) {
    emitter.gates = gates, emitter.direction = op.getDirection();
    emitter.input = op.getInput(), emitter.weights = op.getWeights(), emitter.recurrence = op.getRecurrence();
    emitter.bias = op.getBias(), emitter.lengths = op.getLengths(), emitter.initialH = op.getInitialH();
  };
  if (auto lstm = dyn_cast_or_null<nn::LstmOp>(root)) {
    take(lstm, 4);
    emitter.initialC = lstm.getInitialC(), emitter.peephole = lstm.getPeephole();
  } else if (auto gru = dyn_cast_or_null<nn::GruOp>(root)) {
    take(gru, 3);
  } else if (auto rnn = dyn_cast_or_null<nn::RnnOp>(root)) {
    take(rnn, 1);
  }
  bool ok = emitter.gates &&
            llvm::all_of(e.getYield().getValues(), [&](Value v) { return v.getDefiningOp() == root; });
  if (!ok) {
    e.abandon();
    return failure();
  }
  return emitter.run();
}
