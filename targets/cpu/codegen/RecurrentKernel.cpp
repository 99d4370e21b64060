// Recurrent networks: a workgroup carries a few sequences of one direction through all steps, their state in
// scratch memory. The inputs' share of the gates is computed for a chunk of steps at once, so that weights
// are read once per chunk; products are dot products with lanes along the depth, as the weights lie; cells
// run in lanes over hidden units.

#include "dialects/nn/EmitScalar.h"
#include "targets/cpu/codegen/Kernels.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/cpu/codegen/Rows.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

/// Rows (sequence, step) whose gates are computed from the inputs at once.
static constexpr int64_t kChunkRows = 16;

namespace {
struct RecurrentEmitter {
  CpuEmitter &e;
  Operation *root = nullptr;
  unsigned gates = 0;
  nn::RnnDirection direction = nn::RnnDirection::forward;
  Value input = {}, weights = {}, recurrence = {}; // the operands; null where absent
  Value bias = {}, lengths = {}, initialH = {}, initialC = {}, peephole = {};

  Type element = {}, accumulator = {};
  unsigned lanes = 0;
  int64_t block = 1;                                    // sequences per workgroup
  Value steps = {}, batch = {}, hidden = {}, rows = {}; // S, B, H, gates * H
  Value inputGates = {}, stateGates = {}, h = {}, c = {},
        scaled = {};                      // offsets of elements in scratch memory
  Value dir = {}, first = {}, count = {}; // the workgroup's direction and sequences

  OpBuilder &b() { return e.b; }

  //===--- access
  //--------------------------------------------------------------------------------------------------------===//

  Value read(Value operand, SmallVector<Value> idx, Value mask) {
    int lane = idx.size() - 1;
    return toAccumulator(e, e.emit(operand, Coord{std::move(idx), lane, Value()}, lanes, mask), element);
  }
  Value readScratch(Value index, Value mask) { return e.load(e.scratch, index, accumulator, lanes, mask); }
  void writeScratch(Value value, Value index, Value mask) {
    e.store(value, e.scratch, index, accumulator, mask);
  }
  Value zeros() { return numberConstant(e, accumulator, 0, lanes); }
  /// Offset of row `row` of a part of the scratch memory.
  Value rowOf(Value part, Value row, Value width) { return e.add(part, e.mul(row, width)); }

  /// Stores lanes of result `i` at the element `index`, if anybody wants it.
  void writeResult(unsigned i, Value value, Value index, Value mask) {
    for (auto [at, yielded] : llvm::enumerate(e.getYield().getValues()))
      if (yielded == root->getResult(i))
        e.store(fromAccumulator(e, value, element), e.outputPointer(at), index, element, mask);
  }
  bool isWanted(unsigned i) { return llvm::is_contained(e.getYield().getValues(), root->getResult(i)); }

  /// Steps of sequence `at` (of the whole batch), within [0, S].
  Value lengthOf(Value at) {
    if (!lengths)
      return steps;
    e.clearMemo();
    Value length = e.emit(lengths, Coord{{at}, -1, Value()});
    e.clearMemo();
    length = b().create<arith::ExtSIOp>(e.loc, b().getI64Type(), length);
    return e.max(e.min(length, steps), e.constant(0));
  }
  /// Where step t of a sequence of `length` steps lies; within [0, S) for any t below S.
  Value positionOf(Value t, Value length) {
    if (direction == nn::RnnDirection::forward)
      return t;
    Value back = e.max(e.sub(e.sub(length, e.constant(1)), t), e.constant(0));
    if (direction == nn::RnnDirection::reverse)
      return back;
    return b().create<arith::SelectOp>(e.loc, compare(e, arith::CmpIPredicate::eq, dir, e.constant(0)), t,
                                       back);
  }

  //===--- products
  //------------------------------------------------------------------------------------------------------===//

  using LeftFn = llvm::function_ref<llvm::unique_function<Value(Value k, Value mask)>(Value row)>;

  /// out[row, unit] = dot(left(row), matrix[dir, unit]) for rows [0, rowCount) and units [from, to); `out`
  /// has `rows` columns.
  void multiply(Value matrix, Value depth, Value rowCount, bool manyRows, Value from, Value to, Value out,
                LeftFn left) {
    bool wide = e.cpu.numVectorRegisters >= 32;
    unsigned tileRows = manyRows ? 4 : 1, tileUnits = !manyRows ? 8 : wide ? 4 : 2;
    auto unitCount = CpuEmitter::getConstant(e.sub(to, from));
    bool exact = unitCount && *unitCount % tileUnits == 0;
    auto tile = [&](Value row, unsigned numRows, Value unit) {
      SmallVector<llvm::unique_function<Value(Value, Value)>> lefts;
      SmallVector<Value> units;
      for (unsigned r = 0; r < numRows; ++r)
        lefts.push_back(left(e.add(row, e.constant(r))));
      for (unsigned u = 0; u < tileUnits; ++u) { // the last ones may be computed twice
        Value at = e.add(unit, e.constant(u));
        units.push_back(exact || u == 0 ? at : e.min(at, e.sub(to, e.constant(1))));
      }
      SmallVector<Value> sums(numRows * tileUnits, zeros());
      sums = sweep(e, depth, lanes, 1, sums, [&](Value k, Value mask, ValueRange carried) {
        SmallVector<Value> x, next;
        for (auto &row : lefts)
          x.push_back(masked(e, mask, row(k, mask), zeros()));
        for (unsigned u = 0; u < tileUnits; ++u) {
          Value w = read(matrix, {dir, units[u], k}, mask);
          for (unsigned r = 0; r < numRows; ++r)
            next.push_back(multiplyAdd(e, x[r], w, carried[u * numRows + r]));
        }
        return next;
      });
      for (unsigned u = 0; u < tileUnits; ++u)
        for (unsigned r = 0; r < numRows; ++r) {
          Value sum = foldLanes(e, sums[u * numRows + r], [&](Value x, Value y) { return addf(e, x, y); });
          e.store(sum, e.scratch, e.add(rowOf(out, e.add(row, e.constant(r)), rows), units[u]), accumulator);
        }
    };
    e.loop(from, to, e.constant(tileUnits), [&](Value unit) {
      Value step = e.constant(tileRows), whole = e.mul(e.div(rowCount, step), step);
      e.loop(e.constant(0), whole, step, [&](Value row) { tile(row, tileRows, unit); });
      auto rest = CpuEmitter::getConstant(e.sub(rowCount, whole));
      if (tileRows > 1 && (!rest || *rest > 0))
        e.loop(whole, rowCount, e.constant(1), [&](Value row) { tile(row, 1, unit); });
    });
    e.clearMemo();
  }

  /// The inputs' share of all gates for steps [t, t + n), rows (step, sequence).
  void multiplyInputs(Value t, Value n) {
    auto fixed = CpuEmitter::getConstant(e.mul(steps, batch));
    multiply(weights, e.size(input, 2), e.mul(n, count), !fixed || *fixed > 1, e.constant(0), rows,
             inputGates, [&](Value row) {
               Value step = block == 1 ? row : e.div(row, count),
                     sequence = block == 1 ? e.constant(0) : e.rem(row, count);
               Value at = e.add(first, sequence);
               Value position = positionOf(e.add(t, step), lengthOf(at));
               return
                   [this, position, at](Value k, Value mask) { return read(input, {position, at, k}, mask); };
             });
  }

  /// The states' share of gates [from, to), the states being [sequence, H] at `states`.
  void multiplyStates(Value states, unsigned from, unsigned to) {
    multiply(recurrence, hidden, count, block > 1, e.mul(e.constant(from), hidden),
             e.mul(e.constant(to), hidden), stateGates, [&](Value row) {
               Value base = rowOf(states, row, hidden);
               return [this, base](Value k, Value mask) { return readScratch(e.add(base, k), mask); };
             });
  }

  //===--- cells
  //---------------------------------------------------------------------------------------------------------===//

  /// A sequence at a step.
  struct Place {
    Value sequence; // within the workgroup
    Value at;       // of the batch
    Value inputRow; // in inputGates
    Value position; // in time
  };

  /// The biases of the inputs' (0) and of the states' share (1) of a gate are added to `x`.
  Value plusBias(Value x, unsigned share, unsigned gate, Value unit, Value mask) {
    if (!bias)
      return x;
    Value at = e.add(e.mul(e.constant(share * gates + gate), hidden), unit);
    return addf(e, x, read(bias, {dir, at}, mask));
  }
  Value inputGate(const Place &p, unsigned gate, Value unit, Value mask) {
    Value at = e.add(rowOf(inputGates, p.inputRow, rows), e.add(e.mul(e.constant(gate), hidden), unit));
    return plusBias(readScratch(at, mask), 0, gate, unit, mask);
  }
  Value stateGate(const Place &p, unsigned gate, Value unit, Value mask) {
    Value at = e.add(rowOf(stateGates, p.sequence, rows), e.add(e.mul(e.constant(gate), hidden), unit));
    return plusBias(readScratch(at, mask), 1, gate, unit, mask);
  }
  Value gate(const Place &p, unsigned g, Value unit, Value mask) {
    return addf(e, inputGate(p, g, unit, mask), stateGate(p, g, unit, mask));
  }
  Value sigmoid(Value x) { return nn::ScalarBuilder(b(), e.loc).sigmoid(x); }
  Value tanh(Value x) { return b().create<math::TanhOp>(e.loc, x); }
  Value at(Value part, const Place &p, Value unit) { return e.add(rowOf(part, p.sequence, hidden), unit); }

  /// Keeps the new hidden state and writes it to y.
  void finishCell(const Place &p, Value state, Value unit, Value mask) {
    writeScratch(state, at(h, p, unit), mask);
    Value row = e.add(e.mul(e.add(e.mul(p.position, e.size(weights, 0)), dir), batch), p.at);
    writeResult(0, state, e.add(e.mul(row, hidden), unit), mask);
  }

  void lstmCell(const Place &p) {
    sweep(e, hidden, lanes, [&](Value unit, Value mask) {
      Value cell = readScratch(at(c, p, unit), mask);
      auto peep = [&](Value x, unsigned which, Value state) {
        if (!peephole)
          return x;
        Value weight = read(peephole, {dir, e.add(e.mul(e.constant(which), hidden), unit)}, mask);
        return multiplyAdd(e, weight, state, x);
      };
      Value in = sigmoid(peep(gate(p, 0, unit, mask), 0, cell)),
            forget = sigmoid(peep(gate(p, 2, unit, mask), 2, cell));
      Value candidate = tanh(gate(p, 3, unit, mask));
      cell = multiplyAdd(e, in, candidate, mulf(e, forget, cell));
      Value out = sigmoid(peep(gate(p, 1, unit, mask), 1, cell));
      writeScratch(cell, at(c, p, unit), mask);
      finishCell(p, mulf(e, out, tanh(cell)), unit, mask);
    });
  }

  void gruCell(const Place &p, bool linearBeforeReset) {
    sweep(e, hidden, lanes, [&](Value unit, Value mask) {
      Value state = readScratch(at(h, p, unit), mask), update = sigmoid(gate(p, 0, unit, mask));
      Value recurrent = stateGate(p, 2, unit, mask);
      if (linearBeforeReset)
        recurrent = mulf(e, sigmoid(gate(p, 1, unit, mask)), recurrent);
      Value candidate = tanh(addf(e, inputGate(p, 2, unit, mask), recurrent));
      // (1 - z) candidate + z h
      finishCell(p, multiplyAdd(e, update, subf(e, state, candidate), candidate), unit, mask);
    });
  }

  void rnnCell(const Place &p, bool relu) {
    sweep(e, hidden, lanes, [&](Value unit, Value mask) {
      Value sum = gate(p, 0, unit, mask);
      finishCell(p, relu ? nn::ScalarBuilder(b(), e.loc).atLeast(sum, 0) : tanh(sum), unit, mask);
    });
  }

  /// One step of all sequences; those that have ended keep their state.
  void emitStep(Value t, Value chunkStart) {
    auto forEach = [&](llvm::function_ref<void(const Place &)> body) {
      e.loop(e.constant(0), count, e.constant(1), [&](Value sequence) {
        Value at = e.add(first, sequence), length = lengthOf(at);
        Value row = e.add(e.mul(e.sub(t, chunkStart), count), sequence);
        Place p{sequence, at, row, positionOf(t, length)};
        if (lengths)
          e.ifThen(compare(e, arith::CmpIPredicate::slt, t, length), [&] { body(p); });
        else
          body(p);
        e.clearMemo();
      });
    };
    if (isa<nn::LstmOp>(root)) {
      multiplyStates(h, 0, gates);
      forEach([&](const Place &p) { lstmCell(p); });
    } else if (auto rnn = dyn_cast<nn::RnnOp>(root)) {
      multiplyStates(h, 0, gates);
      forEach([&](const Place &p) { rnnCell(p, rnn.getRelu()); });
    } else if (cast<nn::GruOp>(root).getLinearBeforeReset()) {
      multiplyStates(h, 0, gates);
      forEach([&](const Place &p) { gruCell(p, true); });
    } else {
      multiplyStates(h, 0, 2);
      forEach([&](const Place &p) {
        sweep(e, hidden, lanes, [&](Value unit, Value mask) {
          Value reset = sigmoid(gate(p, 1, unit, mask));
          writeScratch(mulf(e, reset, readScratch(at(h, p, unit), mask)), at(scaled, p, unit), mask);
        });
      });
      multiplyStates(scaled, 2, 3);
      forEach([&](const Place &p) { gruCell(p, false); });
    }
  }

  //===--- the whole
  //-----------------------------------------------------------------------------------------------------===//

  void emitStart() {
    e.loop(e.constant(0), count, e.constant(1), [&](Value sequence) {
      sweep(e, hidden, lanes, [&](Value unit, Value mask) {
        SmallVector<Value> from{dir, e.add(first, sequence), unit};
        writeScratch(initialH ? read(initialH, from, mask) : zeros(), e.add(rowOf(h, sequence, hidden), unit),
                     mask);
        if (c)
          writeScratch(initialC ? read(initialC, from, mask) : zeros(),
                       e.add(rowOf(c, sequence, hidden), unit), mask);
      });
    });
  }

  void emitEnd() {
    e.loop(e.constant(0), count, e.constant(1), [&](Value sequence) {
      Value at = e.add(first, sequence), row = e.add(e.mul(dir, batch), at);
      sweep(e, hidden, lanes, [&](Value unit, Value mask) {
        Value to = e.add(e.mul(row, hidden), unit);
        if (isWanted(1))
          writeResult(1, readScratch(e.add(rowOf(h, sequence, hidden), unit), mask), to, mask);
        if (c && isWanted(2))
          writeResult(2, readScratch(e.add(rowOf(c, sequence, hidden), unit), mask), to, mask);
      });
      if (!lengths || !isWanted(0))
        return;
      e.loop(lengthOf(at), steps, e.constant(1), [&](Value position) { // after a sequence's end
        Value to = e.add(e.mul(e.add(e.mul(position, e.size(weights, 0)), dir), batch), at);
        sweep(e, hidden, lanes,
              [&](Value unit, Value mask) { writeResult(0, zeros(), e.add(e.mul(to, hidden), unit), mask); });
      });
    });
  }

  Launch run() {
    element = cast<RankedTensorType>(input.getType()).getElementType();
    accumulator = getAccumulatorType(b(), element);
    steps = e.size(input, 0), batch = e.size(input, 1), hidden = e.size(recurrence, 2);
    rows = e.mul(e.constant(gates), hidden);
    // Sequences share the weights that they read; a few workgroups should be left, though.
    auto sequences = CpuEmitter::getConstant(batch);
    block = !sequences || *sequences >= 8 ? 4 : *sequences >= 4 ? 2 : 1;
    int64_t chunk = kChunkRows / block;

    AffineExpr hiddenExpr = e.shape(recurrence)[2], used = e.expr(0);
    auto take = [&](AffineExpr elements) {
      AffineExpr start = used;
      used = used + elements;
      return e.size(start);
    };
    inputGates = take(hiddenExpr * (gates * kChunkRows));
    stateGates = take(hiddenExpr * (gates * block));
    h = take(hiddenExpr * block);
    if (isa<nn::LstmOp>(root))
      c = take(hiddenExpr * block);
    auto gru = dyn_cast<nn::GruOp>(root);
    if (gru && !gru.getLinearBeforeReset())
      scaled = take(hiddenExpr * block);

    AffineExpr blocks = e.shape(input)[1].ceilDiv(block);
    Value blockCount = e.size(blocks);
    e.loop(e.begin, e.end, e.constant(1), [&](Value workgroup) {
      bool both = direction == nn::RnnDirection::bidirectional;
      dir = both ? e.div(workgroup, blockCount) : e.constant(0);
      first = e.mul(both ? e.rem(workgroup, blockCount) : workgroup, e.constant(block));
      count = block == 1 ? e.constant(1) : e.min(e.sub(batch, first), e.constant(block));
      if (sequences && *sequences % block == 0)
        count = e.constant(block);
      emitStart();
      Value last = steps;
      if (lengths)
        last = e.loop(e.constant(0), count, e.constant(1), e.constant(0),
                      [&](Value sequence, ValueRange longest) {
                        return SmallVector<Value>{e.max(longest[0], lengthOf(e.add(first, sequence)))};
                      })[0];
      e.loop(e.constant(0), last, e.constant(chunk), [&](Value start) {
        Value n = e.min(e.constant(chunk), e.sub(last, start));
        multiplyInputs(start, n);
        e.loop(start, e.add(start, n), e.constant(1), [&](Value t) { emitStep(t, start); });
      });
      emitEnd();
    });
    return e.finish(blocks * int64_t(direction == nn::RnnDirection::bidirectional ? 2 : 1),
                    used * int64_t(accumulator.getIntOrFloatBitWidth() / 8));
  }
};
} // namespace

FailureOr<Launch> aicc::cpu::emitRecurrent(KernelRequest &request) {
  CpuEmitter e(request.module, request.name, request.dispatch, request.shapes, request.cpu);
  RecurrentEmitter emitter{e};
  auto take = [&](auto op, unsigned gates) {
    emitter.root = op, emitter.gates = gates, emitter.direction = op.getDirection();
    emitter.input = op.getInput(), emitter.weights = op.getWeights(), emitter.recurrence = op.getRecurrence();
    emitter.bias = op.getBias(), emitter.lengths = op.getLengths(), emitter.initialH = op.getInitialH();
  };
  for (Operation &op : e.getBody()) {
    if (auto lstm = dyn_cast<nn::LstmOp>(op)) {
      take(lstm, 4);
      emitter.initialC = lstm.getInitialC(), emitter.peephole = lstm.getPeephole();
    } else if (auto gru = dyn_cast<nn::GruOp>(op)) {
      take(gru, 3);
    } else if (auto rnn = dyn_cast<nn::RnnOp>(op)) {
      take(rnn, 1);
    }
  }
  // Operands are read in lanes along their last dimension.
  emitter.lanes = request.cpu.getLanes();
  bool ok = emitter.root && llvm::all_of(emitter.root->getOperands(), [&](Value operand) {
              return operand == emitter.lengths ||
                     e.canVectorize(operand, e.shape(operand).size() - 1, emitter.lanes);
            });
  ok = ok &&
       llvm::all_of(e.getYield().getValues(), [&](Value v) { return v.getDefiningOp() == emitter.root; });
  if (!ok) {
    e.abandon();
    return failure();
  }
  return emitter.run();
}
