// Branches and loops of a program. What they pass on (results, carried values) lies in buffers of its own
// from the context's pool, which move from block to block; everything else is planned as outside of them.

#include "passes/program/Passes.h"
#include "passes/program/ProgramBuilder.h"

using namespace mlir;
using namespace aicc;

//===--- memory
//-------------------------------------------------------------------------------------------===//

/// The sizes of a scanned result are known when the loop starts.
static bool isExact(nn::LoopOp loop, unsigned result) {
  return llvm::none_of(nn::getSizesOf(loop.getSizes(), loop.getResults(), result),
                       [&](AffineExpr size) { return nn::getBound(loop.getBinds(), size).has_value(); });
}

void ProgramBuilder::assignControlMemory(Operation *op) {
  const unsigned first = stepOf.lookup(op), end = endOf.lookup(op);
  auto loop = dyn_cast<nn::LoopOp>(op);
  if (loop) {
    if (!loop.getIteration().use_empty())
      addMemory(loop.getIteration(), first + 1, /*isPassed=*/false);
    for (BlockArgument argument : loop.getBody().getArguments().drop_front())
      addMemory(argument, first + 1, /*isPassed=*/true);
  }
  for (Region &region : op->getRegions())
    assignMemory(region.front());
  for (OpResult result : op->getResults()) {
    const bool isWritten =
        loop && result.getResultNumber() >= loop.getNumCarried() && isExact(loop, result.getResultNumber());
    Memory &memory = addMemory(result, isWritten ? first : end, /*isPassed=*/!isWritten);
    memory.last = std::max(memory.last, end);
  }
}

void ProgramBuilder::assignGiven(Operation *op) {
  const unsigned step = stepOf.lookup(op);
  auto loop = dyn_cast<nn::LoopOp>(op);
  // Positions of what is passed on among the operands: a loop's inits, what is yielded but for a loop's
  // condition and scans.
  unsigned begin = 0, end = op->getNumOperands();
  if (loop) {
    begin = 2;
  } else if (auto outer = dyn_cast<nn::LoopOp>(op->getParentOp())) {
    begin = 1;
    end = 1 + outer.getNumCarried();
  }
  for (unsigned i = begin; i < end; ++i) {
    Value root = getRoot(op->getOperand(i));
    auto found = memoryOf.find(root);
    if (found == memoryOf.end() || root.getParentBlock() != op->getBlock())
      continue;
    Memory &memory = memories[found->second];
    // Read by the other operands, too: they are copied before.
    if (memory.last != step || memory.result >= 0 || memory.isGiven)
      continue;
    memory.isOwn = memory.isGiven = true;
    given.insert({op, i});
  }
}

//===--- blocks
//-------------------------------------------------------------------------------------------===//

LogicalResult ProgramBuilder::emitInner(Region &region, Attribute checks,
                                        function_ref<LogicalResult()> fill) {
  OpBuilder::InsertPoint place = body->saveInsertionPoint();
  SmallVector<unsigned> outerIdle = std::move(idle);
  std::vector<PendingCheck> outerPending = std::move(pending);
  idle.clear();
  pending.clear();
  body->setInsertionPointToEnd(&region.front());
  registers->enter(&*body);
  LogicalResult done = addChecks(dyn_cast_if_present<ArrayAttr>(checks));
  if (succeeded(done))
    done = fill();
  if (succeeded(done) && !pending.empty())
    done = func.emitError("a check needs a size that nothing binds (a bug of the compiler)");
  registers->leave();
  body->restoreInsertionPoint(place);
  idle = std::move(outerIdle);
  pending = std::move(outerPending);
  return done;
}

/// The checks of a region (see collect-checks).
static Attribute getChecks(Operation *op, unsigned region) {
  auto checks = op->getAttrOfType<ArrayAttr>(kChecksAttrName);
  return checks && region < checks.size() ? checks[region] : Attribute();
}

LogicalResult ProgramBuilder::bind(unsigned symbol, Value value) {
  registers->bind(symbol, value);
  return emitPendingChecks();
}

FailureOr<Value> ProgramBuilder::loadScalar(Value value, Operation *op) {
  if (nn::Tensor constant = nn::getConstant(value))
    return registers->constant(constant.getInt(0));
  if (auto sizes = value.getDefiningOp<nn::SizesOp>())
    return getRegister(sizes.getValue().getResult(0), op);
  auto [buffer, offset] = locate(value, *body);
  Type type = cast<RankedTensorType>(value.getType()).getElementType();
  Value number = body->create<rt::LoadScalarOp>(op->getLoc(), body->getI64Type(), buffer,
                                                registers->constant(offset), type);
  return registers->setLate(number);
}

FailureOr<Value> ProgramBuilder::makeOwn(Operation *op, unsigned index) {
  Value value = op->getOperand(index);
  if (given.contains({op, index}))
    return locate(value, *body).first;
  FailureOr<Value> bytes = getRegister(getBytes(value), op);
  if (failed(bytes))
    return failure();
  Value buffer = body->create<rt::AllocOp>(op->getLoc(), body->getType<rt::BufferType>(), *bytes, 64);
  auto [source, offset] = locate(value, *body);
  body->create<rt::CopyOp>(op->getLoc(), buffer, registers->constant(0), source, registers->constant(offset),
                           *bytes);
  return buffer;
}

/// Types of `buffers` buffers after `numbers` registers.
static SmallVector<Type> getTypes(OpBuilder &builder, size_t numbers, size_t buffers) {
  SmallVector<Type> types(numbers, builder.getI64Type());
  types.append(buffers, builder.getType<rt::BufferType>());
  return types;
}

LogicalResult ProgramBuilder::finishBlock(Operation *terminator) {
  endMemory(stepOf.lookup(terminator), *body);
  for (unsigned index : idle)
    body->create<rt::FreeOp>(terminator->getLoc(), memories[index].buffer);
  idle.clear();
  return success();
}

//===--- branches
//-----------------------------------------------------------------------------------------===//

LogicalResult ProgramBuilder::emitIf(nn::IfOp op) {
  FailureOr<Value> condition = loadScalar(op.getCondition(), op);
  if (failed(condition))
    return failure();
  endMemory(stepOf.lookup(op), *body);
  ArrayRef<int64_t> binds = op.getBinds();
  auto made =
      body->create<rt::IfOp>(op.getLoc(), getTypes(*body, binds.size(), op.getNumResults()), *condition);
  Operation *outer = outermost;
  if (!outer)
    outermost = made;
  for (unsigned region : {0u, 1u}) {
    made->getRegion(region).emplaceBlock();
    LogicalResult done = emitInner(made->getRegion(region), getChecks(op, region), [&]() -> LogicalResult {
      if (failed(emitBlock(op->getRegion(region).front())))
        return failure();
      nn::YieldOp yield = op.getYield(region);
      SmallVector<Value> values(binds.size()), buffers;
      for (auto [i, value] : llvm::enumerate(yield.getValues())) {
        for (auto [expr, size] :
             llvm::zip_equal(nn::getSizesOf(op.getSizes(), op.getResults(), i), shapes.get(value))) {
          std::optional<unsigned> symbol = nn::getBound(binds, expr);
          if (!symbol)
            continue;
          FailureOr<Value> number = getRegister(size, yield);
          if (failed(number))
            return failure();
          values[llvm::find(binds, int64_t(*symbol)) - binds.begin()] = *number;
        }
        FailureOr<Value> buffer = makeOwn(yield, i);
        if (failed(buffer))
          return failure();
        buffers.push_back(*buffer);
      }
      for (Value &value : values)
        if (!value)
          value = registers->constant(0);
      if (failed(finishBlock(yield)))
        return failure();
      llvm::append_range(values, buffers);
      body->create<rt::YieldOp>(yield.getLoc(), values);
      return success();
    });
    if (failed(done))
      return failure();
  }
  outermost = outer;
  for (auto [i, result] : llvm::enumerate(op.getResults()))
    memories[memoryOf.lookup(result)].buffer = made.getResult(binds.size() + i);
  for (auto [i, symbol] : llvm::enumerate(binds))
    if (failed(bind(symbol, made.getResult(i))))
      return failure();
  endMemory(endOf.lookup(op), *body);
  return success();
}

//===--- loops
//--------------------------------------------------------------------------------------------===//

namespace {
/// A scanned result whose sizes the loop finds out: grows by doubling.
struct Growing {
  unsigned scan;                 // among the scanned results
  SmallVector<unsigned> symbols; // of its element, positions among the registers that the loop carries
};
} // namespace

LogicalResult ProgramBuilder::emitLoop(nn::LoopOp op) {
  const Location loc = op.getLoc();
  const unsigned numCarried = op.getNumCarried();
  auto arith = [&](rt::ArithKind kind, Value a, Value b) { return registers->arith(kind, a, b); };
  Value zero = registers->constant(0), one = registers->constant(1);
  FailureOr<Value> trip = loadScalar(op.getTrip(), op), condition = loadScalar(op.getCondition(), op);
  if (failed(trip) || failed(condition))
    return failure();
  Value goOn = arith(rt::ArithKind::iand, arith(rt::ArithKind::lt, zero, *trip), *condition);

  // The registers that the loop carries: the iteration, sizes of carried values, sizes of scanned elements,
  // capacities.
  SmallVector<Value> inits = {zero};
  SmallVector<int64_t> symbolOf = {-1}; // those that stand for a symbol
  ValueRange arguments = op.getBody().getArguments().drop_front();
  for (unsigned i = 0; i < numCarried; ++i)
    for (auto [expr, size] :
         llvm::zip_equal(nn::getSizesOf(op.getCarried(), arguments, i), shapes.get(op.getInits()[i])))
      if (std::optional<unsigned> symbol = nn::getBound(op.getBinds(), expr);
          symbol && !llvm::is_contained(symbolOf, *symbol)) {
        FailureOr<Value> number = getRegister(size, op);
        if (failed(number))
          return failure();
        inits.push_back(*number);
        symbolOf.push_back(*symbol);
      }
  const unsigned numSizes = inits.size();
  SmallVector<Growing> growing;
  for (unsigned i = 0; i < op.getNumScans(); ++i) {
    if (isExact(op, numCarried + i))
      continue;
    Growing &scan = growing.emplace_back();
    scan.scan = i;
    for (AffineExpr expr : nn::getSizesOf(op.getSizes(), op.getResults(), numCarried + i).drop_front())
      if (std::optional<unsigned> symbol = nn::getBound(op.getBinds(), expr)) {
        scan.symbols.push_back(inits.size());
        inits.push_back(zero);
        symbolOf.push_back(*symbol);
      }
  }
  const unsigned firstCapacity = inits.size();
  for (size_t i = 0; i < growing.size(); ++i) {
    inits.push_back(zero);
    symbolOf.push_back(-1);
  }
  const unsigned numNumbers = inits.size();

  // The buffers: carried values, then growing results.
  for (unsigned i = 0; i < numCarried; ++i) {
    FailureOr<Value> buffer = makeOwn(op, 2 + i);
    if (failed(buffer))
      return failure();
    inits.push_back(*buffer);
  }
  for (size_t i = 0; i < growing.size(); ++i)
    inits.push_back(body->create<rt::AllocOp>(loc, body->getType<rt::BufferType>(), zero, 64));
  for (unsigned i = numCarried; i < op.getNumResults(); ++i)
    if (isExact(op, i)) {
      Memory &memory = memories[memoryOf.lookup(op.getResult(i))];
      if (failed(getRegister(memory.bytes, op)))
        return failure();
      makeMemory(memory, *body);
    }
  endMemory(stepOf.lookup(op), *body);

  SmallVector<Type> types = getTypes(*body, numNumbers, inits.size() - numNumbers);
  auto made = body->create<rt::LoopOp>(loc, types, goOn, inits);
  Operation *outer = outermost;
  if (!outer)
    outermost = made;
  Block &block = made.getBody().emplaceBlock();
  for (Type type : types)
    block.addArgument(type, loc);
  LogicalResult done = emitInner(made.getBody(), getChecks(op, 0), [&]() -> LogicalResult {
    for (unsigned i = 0; i < numNumbers; ++i)
      registers->setLate(block.getArgument(i));
    for (unsigned i = 1; i < numSizes; ++i)
      if (failed(bind(symbolOf[i], block.getArgument(i))))
        return failure();
    Value iteration = block.getArgument(0);
    for (unsigned i = 0; i < numCarried; ++i)
      memories[memoryOf.lookup(arguments[i])].buffer = block.getArgument(numNumbers + i);
    if (auto found = memoryOf.find(op.getIteration()); found != memoryOf.end()) {
      Memory &memory = memories[found->second];
      memory.buffer = nullptr;
      makeMemory(memory, *body);
      body->create<rt::FillOp>(loc, memory.buffer, registers->constant(std::max<int64_t>(memory.offset, 0)),
                               registers->constant(8), iteration, 8);
    }
    if (failed(emitBlock(op.getBody().front())))
      return failure();

    nn::YieldOp yield = op.getYield();
    FailureOr<Value> again = loadScalar(yield.getValues()[0], yield);
    if (failed(again))
      return failure();
    SmallVector<Value> next(1 + types.size());
    Value *numbers = &next[1], *buffers = &next[1 + numNumbers];
    Value count = arith(rt::ArithKind::add, iteration, one);
    numbers[0] = count;
    for (unsigned i = 0; i < numCarried; ++i)
      for (auto [expr, size] : llvm::zip_equal(nn::getSizesOf(op.getCarried(), arguments, i),
                                               shapes.get(yield.getValues()[1 + i])))
        if (std::optional<unsigned> symbol = nn::getBound(op.getBinds(), expr)) {
          FailureOr<Value> number = getRegister(size, yield);
          if (failed(number))
            return failure();
          numbers[llvm::find(symbolOf, int64_t(*symbol)) - symbolOf.begin()] = *number;
        }
    // Elements of scanned results.
    unsigned grown = 0;
    for (unsigned i = 0; i < op.getNumScans(); ++i) {
      Value element = yield.getValues()[1 + numCarried + i];
      FailureOr<Value> bytes = getRegister(getBytes(element), yield);
      if (failed(bytes))
        return failure();
      Value at = arith(rt::ArithKind::mul, iteration, *bytes), target;
      if (grown < growing.size() && growing[grown].scan == i) {
        FailureOr<Value> buffer = growScan(op, i, growing[grown].symbols, &next[1], block,
                                           firstCapacity + grown, numNumbers + numCarried + grown, *bytes);
        if (failed(buffer))
          return failure();
        target = buffers[numCarried + grown] = *buffer;
        ++grown;
      } else {
        auto [buffer, offset] = locate(op.getResult(numCarried + i), *body);
        target = buffer;
        at = arith(rt::ArithKind::add, at, registers->constant(offset));
      }
      auto [source, offset] = locate(element, *body);
      body->create<rt::CopyOp>(loc, target, at, source, registers->constant(offset), *bytes);
    }
    for (unsigned i = 0; i < numCarried; ++i) {
      FailureOr<Value> buffer = makeOwn(yield, 1 + i);
      if (failed(buffer))
        return failure();
      buffers[i] = *buffer;
    }
    next[0] = arith(rt::ArithKind::iand, arith(rt::ArithKind::lt, count, *trip), *again);
    if (failed(finishBlock(yield)))
      return failure();
    body->create<rt::YieldOp>(yield.getLoc(), next);
    return success();
  });
  if (failed(done))
    return failure();
  outermost = outer;

  for (unsigned i = 0; i < numCarried; ++i)
    memories[memoryOf.lookup(op.getResult(i))].buffer = made.getResult(numNumbers + i);
  for (auto [i, scan] : llvm::enumerate(growing))
    memories[memoryOf.lookup(op.getResult(numCarried + scan.scan))].buffer =
        made.getResult(numNumbers + numCarried + i);
  // What the results' sizes are: of carried values, the number of iterations, of elements.
  llvm::SmallDenseSet<unsigned> bound;
  for (unsigned i = 0; i < op.getNumResults(); ++i) {
    ArrayRef<AffineExpr> sizes = nn::getSizesOf(op.getSizes(), op.getResults(), i);
    for (auto [dim, expr] : llvm::enumerate(sizes)) {
      std::optional<unsigned> symbol = nn::getBound(op.getBinds(), expr);
      if (!symbol || !bound.insert(*symbol).second)
        continue;
      unsigned position = 0;
      if (i < numCarried) {
        AffineExpr carried = nn::getSizesOf(op.getCarried(), arguments, i)[dim];
        std::optional<unsigned> from = nn::getBound(op.getBinds(), carried);
        if (!from)
          return op.emitError("binds a size that does not change (a bug of the compiler)");
        position = llvm::find(symbolOf, int64_t(*from)) - symbolOf.begin();
      } else if (dim > 0) {
        position = llvm::find(symbolOf, int64_t(*symbol)) - symbolOf.begin();
      }
      if (failed(bind(*symbol, made.getResult(position))))
        return failure();
    }
  }
  endMemory(endOf.lookup(op), *body);
  return success();
}

FailureOr<Value> ProgramBuilder::growScan(nn::LoopOp op, unsigned scan, ArrayRef<unsigned> symbolPlaces,
                                          Value *numbers, Block &block, unsigned capacityPlace,
                                          unsigned bufferPlace, Value bytes) {
  const Location loc = op.getLoc();
  auto arith = [&](rt::ArithKind kind, Value a, Value b) { return registers->arith(kind, a, b); };
  Value iteration = block.getArgument(0), zero = registers->constant(0);
  Value element = op.getYield().getValues()[1 + op.getNumCarried() + scan];
  // All elements have the first one's sizes.
  ArrayRef<AffineExpr> sizes =
      nn::getSizesOf(op.getSizes(), op.getResults(), op.getNumCarried() + scan).drop_front();
  unsigned next = 0;
  Value isFirst = arith(rt::ArithKind::eq, iteration, zero);
  for (auto [expr, size] : llvm::zip_equal(sizes, shapes.get(element))) {
    if (!nn::getBound(op.getBinds(), expr))
      continue;
    const unsigned place = symbolPlaces[next++];
    FailureOr<Value> number = getRegister(size, op.getYield());
    if (failed(number))
      return failure();
    Value same = arith(rt::ArithKind::eq, *number, block.getArgument(place));
    registers->check(arith(rt::ArithKind::ior, isFirst, same),
                     "node " + getNodeName(op) +
                         ": the elements of an output change their sizes from one iteration to the next",
                     {getNodeName(op)}, /*inBlock=*/true);
    numbers[place] = *number;
  }
  Value capacity = block.getArgument(capacityPlace), old = block.getArgument(bufferPlace);
  Value needed =
      arith(rt::ArithKind::mul, arith(rt::ArithKind::add, iteration, registers->constant(1)), bytes);
  Value isFull = arith(rt::ArithKind::lt, capacity, needed);
  auto made = body->create<rt::IfOp>(loc, getTypes(*body, 1, 1), isFull);
  for (Region &region : made->getRegions())
    region.emplaceBlock();
  OpBuilder::InsertionGuard guard(*body);
  body->setInsertionPointToEnd(&made.getThenRegion().front());
  Value doubled =
      body->create<rt::ArithOp>(loc, body->getI64Type(), rt::ArithKind::mul, needed, registers->constant(2));
  Value larger = body->create<rt::AllocOp>(loc, body->getType<rt::BufferType>(), doubled, 64);
  Value used = body->create<rt::ArithOp>(loc, body->getI64Type(), rt::ArithKind::sub, needed, bytes);
  body->create<rt::CopyOp>(loc, larger, zero, old, zero, used);
  body->create<rt::YieldOp>(loc, ValueRange{doubled, larger});
  body->setInsertionPointToEnd(&made.getElseRegion().front());
  body->create<rt::YieldOp>(loc, ValueRange{capacity, old});
  numbers[capacityPlace] = registers->setLate(made.getResult(0));
  return Value(made.getResult(1));
}
