// From launches to an rt program: what is stored where and for how long, in which order what is written. See
// Passes.td.

#include "dialects/exe/Exe.h"
#include "dialects/nn/Formats.h"
#include "mlir/IR/IRMapping.h"
#include "passes/graph/Constants.h"
#include "passes/program/Arena.h"
#include "passes/program/Passes.h"
#include "passes/program/ProgramBuilder.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;

namespace aicc {
#define GEN_PASS_DEF_BUILDPROGRAM
#include "passes/program/Passes.h.inc"
} // namespace aicc

using namespace aicc;

/// The value whose memory `value` is: through reshapes.
Value ProgramBuilder::getRoot(Value value) const {
  while (auto reshape = value.getDefiningOp<nn::ReshapeOp>()) {
    if (constantBuffers.contains(value) || !shapes.has(value))
      break;
    value = reshape.getInput();
  }
  return value;
}

AffineExpr ProgramBuilder::getBytes(Value value) const {
  auto type = cast<RankedTensorType>(value.getType());
  return ctx.simplify(ctx.product(shapes.get(value)) * nn::getElementSize(type.getElementType()));
}

//===--- analysis
//------------------------------------------------------------------------------------------------------===//

LogicalResult ProgramBuilder::setShapes(exe::LaunchOp launch) {
  auto attr = launch->getAttrOfType<ArrayAttr>(kLaunchShapesAttrName);
  if (attr && attr.size() != launch.getNumResults())
    return launch.emitOpError("'") << kLaunchShapesAttrName << "' must have a map for each result";
  for (auto [i, result] : llvm::enumerate(launch.getResults())) {
    auto type = cast<RankedTensorType>(result.getType());
    nn::SymShape shape;
    if (attr) {
      auto map = dyn_cast<AffineMapAttr>(attr[i]);
      if (!map || map.getValue().getNumResults() != unsigned(type.getRank()) || map.getValue().getNumDims())
        return launch.emitOpError("'")
               << kLaunchShapesAttrName << "' must have a map with a size for each dimension";
      llvm::append_range(shape, map.getValue().getResults());
    } else if (type.hasStaticShape()) {
      for (int64_t size : type.getShape())
        shape.push_back(ctx.constant(size));
    } else {
      return launch.emitOpError("has a result of symbolic sizes and no '") << kLaunchShapesAttrName << "'";
    }
    for (AffineExpr &size : shape)
      size = ctx.simplify(size);
    shapes.set(result, shape);
  }
  return success();
}

/// Notes that `user` reads a value in step `step`.
void ProgramBuilder::use(Value value, Operation *user, unsigned step) { uses.push_back({value, user, step}); }

/// Constants have no symbolic sizes; theirs are static.
LogicalResult ProgramBuilder::setStatic(Value value) {
  if (shapes.has(value))
    return success();
  auto type = cast<RankedTensorType>(value.getType());
  if (!type.hasStaticShape())
    return emitError(value.getLoc()) << "a constant has no static sizes (a bug of the compiler)";
  nn::SymShape shape;
  for (int64_t size : type.getShape())
    shape.push_back(ctx.constant(size));
  shapes.set(value, shape);
  constantBuffers[value] = nullptr;
  return success();
}

LogicalResult ProgramBuilder::analyzeBlock(Block &block) {
  for (Operation &op : block) {
    const bool isLaunch = isa<exe::LaunchOp>(op), isControl = isa<nn::IfOp, nn::LoopOp>(op),
               isBind = isa<nn::BindSizeOp>(op), isEnd = op.hasTrait<OpTrait::IsTerminator>();
    if (isLaunch || isControl || isBind || isEnd) {
      const unsigned step = numSteps++;
      for (Value operand : op.getOperands()) {
        if (failed(setStatic(operand)))
          return failure();
        use(operand, &op, isa<func::ReturnOp>(op) ? kEnd : step);
      }
      stepOf[&op] = step;
    }
    if (isLaunch) {
      if (failed(setShapes(cast<exe::LaunchOp>(op))))
        return failure();
    } else if (isControl) {
      nn::setArgumentSizes(&op, shapes);
      for (Region &region : op.getRegions())
        if (failed(analyzeBlock(region.front())))
          return failure();
      nn::setResultSizes(&op, shapes);
      endOf[&op] = numSteps++;
    } else if (isBind || isEnd || (op.getNumResults() == 1 && constants.contains(op.getResult(0)))) {
      continue;
    } else if (isa<nn::ReshapeOp>(op)) {
      if (failed(setStatic(op.getOperand(0))) || failed(shapes.infer(&op)))
        return failure();
    } else if (isa<nn::SizesOp>(op)) {
      if (failed(shapes.infer(&op)))
        return failure();
    } else {
      return op.emitOpError("did not become part of a kernel (a bug of the compiler)");
    }
  }
  return success();
}

LogicalResult ProgramBuilder::analyze() {
  if (!llvm::hasSingleElement(func.getBody()))
    return func.emitOpError("must have one block");
  if (auto attr = func->getAttrOfType<ArrayAttr>(nn::NNDialect::getSymbolsAttrName()))
    symbols.assign(attr.begin(), attr.end());
  if (failed(analyzeBlock(func.getBody().front())))
    return failure();
  for (const Use &use : uses) {
    // What a branch or a loop reads from outside lives to its end.
    Value root = getRoot(use.value);
    Block *block = root.getParentBlock();
    unsigned step = use.step;
    if (use.user->getBlock() != block)
      step = endOf.lookup(block->findAncestorOpInBlock(*use.user));
    unsigned &last = lastUse.try_emplace(root, step).first->second;
    last = std::max(last, step);
  }
  return success();
}

/// The memory of an operand that result `result` of the launch at `step` may take over; -1: none.
int ProgramBuilder::findInPlace(exe::LaunchOp launch, unsigned step, unsigned result) {
  ArrayRef<int64_t> pairs = launch.getInplace();
  for (size_t i = 0; i < pairs.size(); i += 2) {
    if (pairs[i + 1] != int64_t(result))
      continue;
    Value root = getRoot(launch.getInputs()[pairs[i]]);
    auto found = memoryOf.find(root);
    if (found == memoryOf.end() || lastUse.lookup(root) != step)
      continue;
    Memory &memory = memories[found->second];
    if (memory.last != step || memory.result >= 0 ||
        !shapes.equal(memory.bytes, getBytes(launch.getResult(result))))
      continue;
    // Every place where the launch reads that memory must allow it.
    bool allowed = true;
    for (auto [k, operand] : llvm::enumerate(launch.getInputs())) {
      auto other = memoryOf.find(getRoot(operand));
      if (other == memoryOf.end() || other->second != found->second)
        continue;
      bool listed = false;
      for (size_t j = 0; j < pairs.size(); j += 2)
        listed |= pairs[j] == int64_t(k) && pairs[j + 1] == int64_t(result);
      allowed &= listed;
    }
    if (allowed)
      return found->second;
  }
  return -1;
}

Memory &ProgramBuilder::addMemory(Value value, unsigned first, bool isPassed) {
  const unsigned last = std::max(first, lastUse.contains(value) ? lastUse.lookup(value) : first);
  memoryOf[value] = memories.size();
  Memory &memory = memories.emplace_back();
  memory.bytes = getBytes(value);
  memory.first = first;
  memory.last = last;
  memory.block = value.getParentBlock();
  memory.isPassed = memory.isOwn = isPassed;
  return memory;
}

void ProgramBuilder::assignMemory(Block &block) {
  for (Operation &op : block) {
    if (isa<nn::IfOp, nn::LoopOp>(op))
      assignControlMemory(&op);
    auto launch = dyn_cast<exe::LaunchOp>(op);
    if (!launch)
      continue;
    const unsigned step = stepOf.lookup(&op);
    for (auto [i, value] : llvm::enumerate(launch.getResults())) {
      if (int taken = findInPlace(launch, step, i); taken >= 0) {
        memoryOf[value] = taken;
        // Once taken, it is not free for the launch's other results, even if this one is never read.
        memories[taken].last =
            std::max<unsigned>(step, lastUse.contains(value) ? lastUse.lookup(value) : step);
        continue;
      }
      addMemory(value, step, /*isPassed=*/false);
    }
  }
}

void ProgramBuilder::assignMemory() {
  Block &block = func.getBody().front();
  assignMemory(block);
  for (auto [i, value] : llvm::enumerate(block.getTerminator()->getOperands())) {
    auto found = memoryOf.find(getRoot(value));
    if (found != memoryOf.end() && memories[found->second].result < 0 && !memories[found->second].isOwn)
      memories[found->second].result = i;
  }
  func.walk([&](Operation *op) {
    if (isa<nn::LoopOp, nn::YieldOp>(op))
      assignGiven(op);
  });
}

//===--- the program and its shape program
//-----------------------------------------------------------------------------===//

/// Gives each input symbol the first dimension that is it alone.
LogicalResult ProgramBuilder::bindSymbols() {
  inputs.assign(symbols.size(), -1);
  for (BlockArgument argument : func.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type)
      return func.emitOpError("argument ") << argument.getArgNumber() << " is not a ranked tensor";
    for (auto [dim, size] : llvm::enumerate(shapes.get(argument))) {
      auto symbol = dyn_cast<AffineSymbolExpr>(size);
      if (!symbol || symbol.getPosition() >= symbols.size() || inputs[symbol.getPosition()] >= 0 ||
          cast<nn::SymbolAttr>(symbols[symbol.getPosition()]).getKind() != nn::SymbolKind::input)
        continue;
      inputs[symbol.getPosition()] = bindings.size();
      bindings.push_back({argument.getArgNumber(), dim});
    }
  }
  return success();
}

rt::TensorAttr ProgramBuilder::describe(StringRef name, Value value, TypeAttr element) {
  Builder builder(func.getContext());
  SmallVector<int64_t> symbolOf;
  SmallVector<StringAttr> texts;
  SmallVector<int64_t> sizes;
  for (AffineExpr size : shapes.get(value)) {
    std::optional<int64_t> number = nn::ShapeContext::getConstant(size);
    auto symbol = dyn_cast<AffineSymbolExpr>(size);
    sizes.push_back(number ? *number : ShapedType::kDynamic);
    symbolOf.push_back(symbol ? inputs[symbol.getPosition()] : -1);
    texts.push_back(builder.getStringAttr(number ? "" : toText(size, symbols)));
  }
  auto type = RankedTensorType::get(
      sizes, element ? element.getValue() : cast<RankedTensorType>(value.getType()).getElementType());
  return rt::TensorAttr::get(func.getContext(), name, type, symbolOf, texts);
}

LogicalResult ProgramBuilder::createProgram() {
  OpBuilder builder(func);
  if (failed(bindSymbols()))
    return failure();
  auto nameOf = [](StringAttr name, const char *role, unsigned i) {
    return name ? name.getValue().str() : role + std::to_string(i);
  };
  SmallVector<Attribute> args, outs, programSymbols;
  for (BlockArgument argument : func.getArguments()) {
    unsigned i = argument.getArgNumber();
    args.push_back(
        describe(nameOf(func.getArgAttrOfType<StringAttr>(i, nn::NNDialect::getNameAttrName()), "input_", i),
                 argument, func.getArgAttrOfType<TypeAttr>(i, nn::elementAttrName)));
  }
  for (auto [i, value] : llvm::enumerate(func.getBody().front().getTerminator()->getOperands()))
    outs.push_back(describe(
        nameOf(func.getResultAttrOfType<StringAttr>(i, nn::NNDialect::getNameAttrName()), "output_", i),
        value, func.getResultAttrOfType<TypeAttr>(i, nn::elementAttrName)));
  programSymbols.resize(bindings.size());
  for (auto [i, input] : llvm::enumerate(inputs))
    if (input >= 0) {
      auto symbol = cast<nn::SymbolAttr>(symbols[i]);
      programSymbols[input] =
          rt::SymbolAttr::get(func.getContext(), symbol.getName(), symbol.getMin(), symbol.getMax(),
                              bindings[input].first, bindings[input].second);
    }
  // The function makes room for the program of its name.
  StringAttr name = func.getSymNameAttr();
  func.setSymName((name.getValue() + ".launches").str());
  program = builder.create<rt::ProgramOp>(func.getLoc(), name, builder.getArrayAttr(args),
                                          builder.getArrayAttr(outs), builder.getArrayAttr(programSymbols));
  Block &block = program.getBody().emplaceBlock();
  for (BlockArgument argument : func.getArguments())
    block.addArgument(builder.getType<rt::BufferType>(), argument.getLoc());
  return success();
}

FailureOr<Value> ProgramBuilder::getRegister(AffineExpr expr, Operation *op) {
  if (Value value = registers->get(ctx.simplify(expr)))
    return value;
  op->emitError("no input has the size '")
      << registers->getUnbound() << "' as a dimension of its own, which is needed to compute with it";
  return failure();
}

LogicalResult ProgramBuilder::emitShapeProgram() {
  Block &block = program.getBody().front();
  OpBuilder builder = OpBuilder::atBlockEnd(&block);
  unsigned count = program.getResults().size();
  results = builder.create<rt::ResultsOp>(
      func.getLoc(), SmallVector<Type>(count, builder.getType<rt::BufferType>()), ValueRange());
  registers = std::make_unique<Registers>(OpBuilder(results), func.getLoc(), symbols, inputs);
  if (failed(emitChecks()))
    return failure();
  Operation *terminator = func.getBody().front().getTerminator();
  SmallVector<Value> sizes;
  for (Value value : terminator->getOperands())
    for (AffineExpr size : shapes.get(value)) {
      if (isLateSize(size)) {
        sizes.push_back(registers->constant(-1));
        continue;
      }
      FailureOr<Value> number = getRegister(size, terminator);
      if (failed(number))
        return failure();
      sizes.push_back(*number);
    }
  results.getSizesMutable().assign(sizes);
  for (auto [value, buffer] : llvm::zip_equal(terminator->getOperands(), results.getBuffers()))
    resultBuffers.push_back(isLateResult(value) ? Value() : buffer);
  builder.setInsertionPointToEnd(&block);
  body = builder;
  registers->enter(&*body);
  return success();
}

//===--- memory
//--------------------------------------------------------------------------------------------------------===//

void ProgramBuilder::placeStatic() {
  SmallVector<ArenaItem> items;
  SmallVector<unsigned> owners;
  for (auto [i, memory] : llvm::enumerate(memories)) {
    if (memory.result >= 0 || memory.isOwn || !isFixed(memory.bytes))
      continue;
    items.push_back({*nn::ShapeContext::getConstant(memory.bytes), memory.first, memory.last});
    owners.push_back(i);
  }
  if (items.empty())
    return;
  int64_t size = planArena(items);
  for (auto [item, owner] : llvm::zip_equal(items, owners))
    memories[owner].offset = item.offset;
  OpBuilder builder(results);
  arena = builder.create<rt::ArenaOp>(func.getLoc(), builder.getType<rt::BufferType>(), size, 64);
}

void ProgramBuilder::makeMemory(Memory &memory, OpBuilder &at) {
  if (memory.buffer)
    return;
  if (memory.result >= 0) {
    if ((memory.buffer = getResultBuffer(memory.result)))
      return;
    memory.result = -1; // it is copied, once the result's sizes are known
  }
  if (memory.offset >= 0) {
    memory.buffer = arena;
    return;
  }
  // Latest first: what died last is still in the caches.
  for (unsigned i = idle.size(); i-- > 0;)
    if (shapes.equal(memories[idle[i]].bytes, memory.bytes)) {
      memory.buffer = memories[idle[i]].buffer;
      idle.erase(idle.begin() + i);
      return;
    }
  Value size = registers->get(memory.bytes);
  memory.buffer = at.create<rt::AllocOp>(func.getLoc(), at.getType<rt::BufferType>(), size, 64);
}

/// Frees, or keeps for a later one of the same size, what `step` read last.
void ProgramBuilder::endMemory(unsigned step, OpBuilder &at) {
  for (auto [i, memory] : llvm::enumerate(memories)) {
    if (memory.last != step || memory.result >= 0 || memory.offset >= 0 || !memory.buffer || memory.isGiven)
      continue;
    unsigned waiting = 0, kept = 0;
    for (const Memory &later : memories)
      waiting += later.first > step && later.result < 0 && later.block == memory.block && !later.isPassed &&
                 shapes.equal(later.bytes, memory.bytes);
    for (unsigned other : idle)
      kept += shapes.equal(memories[other].bytes, memory.bytes);
    if (waiting > kept)
      idle.push_back(i);
    else
      at.create<rt::FreeOp>(func.getLoc(), memory.buffer);
  }
}

/// "encoder/weight" for a recipe: the first weight in it that has a name.
static std::string getLabel(Value value) {
  SmallVector<Value> stack = {value};
  llvm::SmallPtrSet<Operation *, 8> seen;
  while (!stack.empty()) {
    Operation *op = stack.pop_back_val().getDefiningOp();
    if (!op || !seen.insert(op).second)
      continue;
    if (auto weight = dyn_cast<nn::WeightOp>(op))
      return weight.getLabel().str();
    for (Value operand : llvm::reverse(op->getOperands()))
      stack.push_back(operand);
  }
  return "";
}

Value ProgramBuilder::getConstant(Value value, OpBuilder &here) {
  Value &buffer = constantBuffers[value];
  if (buffer)
    return buffer;
  // Blocks within others read constants from outside.
  OpBuilder at = outermost ? OpBuilder(outermost) : here;
  // Producers first.
  SmallVector<std::pair<Operation *, unsigned>> stack = {{value.getDefiningOp(), 0}};
  while (!stack.empty()) {
    auto &[op, next] = stack.back();
    if (next < op->getNumOperands()) {
      Value operand = op->getOperand(next++);
      if (!recipes.contains(operand))
        stack.push_back({operand.getDefiningOp(), 0});
      continue;
    }
    if (!recipes.contains(op->getResult(0)))
      at.clone(*op, recipes);
    stack.pop_back();
  }
  buffer = at.create<rt::ConstantOp>(value.getLoc(), at.getType<rt::BufferType>(), recipes.lookup(value),
                                     at.getStringAttr(getLabel(value)));
  return buffer;
}

std::pair<Value, int64_t> ProgramBuilder::locate(Value value, OpBuilder &at) {
  Value root = getRoot(value);
  auto argument = dyn_cast<BlockArgument>(root);
  if (argument && argument.getOwner() == &func.getBody().front())
    return {program.getBody().getArgument(argument.getArgNumber()), 0};
  auto found = memoryOf.find(root);
  if (found == memoryOf.end())
    return {getConstant(root, at), 0};
  Memory &memory = memories[found->second];
  return {memory.buffer, std::max<int64_t>(memory.offset, 0)};
}

//===--- commands
//------------------------------------------------------------------------------------------------------===//

LogicalResult ProgramBuilder::emitBlock(Block &block) {
  for (Operation &op : block.without_terminator()) {
    LogicalResult done = success();
    if (auto launch = dyn_cast<exe::LaunchOp>(op))
      done = emitLaunch(launch, stepOf.lookup(&op));
    else if (auto branch = dyn_cast<nn::IfOp>(op))
      done = emitIf(branch);
    else if (auto loop = dyn_cast<nn::LoopOp>(op))
      done = emitLoop(loop);
    else if (auto bind = dyn_cast<nn::BindSizeOp>(op))
      done = emitBindSize(bind);
    if (failed(done))
      return failure();
  }
  return success();
}

LogicalResult ProgramBuilder::emitLaunch(exe::LaunchOp launch, unsigned step) {
  auto getMap = [&](AffineMapAttr attr, SmallVectorImpl<Value> &values) -> LogicalResult {
    for (AffineExpr expr : attr.getValue().getResults()) {
      FailureOr<Value> value = getRegister(expr, launch);
      if (failed(value))
        return failure();
      values.push_back(*value);
    }
    return success();
  };
  SmallVector<Value> grid, scratch, params, buffers, offsets, lengths;
  if (failed(getMap(launch.getGridAttr(), grid)) || failed(getMap(launch.getScratchAttr(), scratch)) ||
      failed(getMap(launch.getParamsAttr(), params)))
    return failure();
  auto bind = [&](Value value) -> LogicalResult {
    FailureOr<Value> length = getRegister(getBytes(value), launch);
    if (failed(length))
      return failure();
    auto [buffer, offset] = locate(value, *body);
    buffers.push_back(buffer);
    offsets.push_back(registers->constant(offset));
    lengths.push_back(*length);
    return success();
  };
  for (Value operand : launch.getInputs())
    if (failed(bind(operand)))
      return failure();
  for (Value result : launch.getResults()) {
    Memory &memory = memories[memoryOf.lookup(result)];
    if (!registers->get(memory.bytes))
      return getRegister(memory.bytes, launch);
    makeMemory(memory, *body);
    if (failed(bind(result)))
      return failure();
  }
  body->create<rt::DispatchOp>(launch.getLoc(), launch.getKernel(), grid.front(), scratch.front(), params,
                               buffers, offsets, lengths, launch.getNames());
  endMemory(step, *body);
  return success();
}

LogicalResult ProgramBuilder::emitReturn() {
  Operation *terminator = func.getBody().front().getTerminator();
  for (auto [i, value] : llvm::enumerate(terminator->getOperands())) {
    auto found = memoryOf.find(getRoot(value));
    if (found != memoryOf.end() && memories[found->second].result == int(i))
      continue;
    FailureOr<Value> bytes = getRegister(getBytes(value), terminator);
    if (failed(bytes))
      return failure();
    auto [buffer, offset] = locate(value, *body);
    Value zero = registers->constant(0);
    Value result = getResultBuffer(i);
    if (!result)
      return terminator->emitError("a result has sizes that nothing binds (a bug of the compiler)");
    body->create<rt::CopyOp>(terminator->getLoc(), result, zero, buffer, registers->constant(offset), *bytes);
  }
  for (unsigned index : idle)
    body->create<rt::FreeOp>(func.getLoc(), memories[index].buffer);
  body->create<rt::ReturnOp>(terminator->getLoc());
  return success();
}

LogicalResult ProgramBuilder::run() {
  if (failed(analyze()))
    return failure();
  assignMemory();
  if (failed(createProgram()))
    return failure();
  if (failed(emitShapeProgram()))
    return failure();
  placeStatic();
  if (failed(emitBlock(func.getBody().front())) || failed(emitReturn()))
    return failure();
  func.erase();
  return success();
}

LogicalResult aicc::buildProgram(func::FuncOp func) { return ProgramBuilder(func).run(); }

namespace {
struct BuildProgramPass : aicc::impl::BuildProgramBase<BuildProgramPass> {
  void runOnOperation() override {
    for (auto func : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (failed(buildProgram(func)))
        return signalPassFailure();
  }
};
} // namespace
