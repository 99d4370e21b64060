// See Emit.h. The order in the file is the order of work: weights, kernels, then the programs that name them.

#include "compiler/Emit.h"
#include "compiler/Recipes.h"
#include "dialects/exe/Exe.h"
#include "dialects/nn/NN.h"
#include "dialects/rt/Rt.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace aicc {

static aicc_element_type getElementType(Type type) {
  if (type.isF64())
    return AICC_TYPE_F64;
  if (type.isF32())
    return AICC_TYPE_F32;
  if (type.isF16())
    return AICC_TYPE_F16;
  if (type.isBF16())
    return AICC_TYPE_BF16;
  if (auto narrow = dyn_cast<nn::NarrowType>(type)) {
    // In the order of nn::Format.
    static constexpr aicc_element_type types[] = {
        AICC_TYPE_F8E4M3FN,  AICC_TYPE_F8E4M3FNUZ, AICC_TYPE_F8E5M2,   AICC_TYPE_F8E5M2FNUZ,
        AICC_TYPE_F8E8M0FNU, AICC_TYPE_F6E2M3FN,   AICC_TYPE_F6E3M2FN, AICC_TYPE_F4E2M1FN,
        AICC_TYPE_I4,        AICC_TYPE_U4,         AICC_TYPE_I2,       AICC_TYPE_U2};
    static_assert(std::size(types) == nn::getMaxEnumValForFormat() + 1, "one for each format");
    return types[static_cast<unsigned>(narrow.getFormat())];
  }
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return AICC_TYPE_INVALID;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return AICC_TYPE_BOOL;
  case 8:
    return isUnsigned ? AICC_TYPE_U8 : AICC_TYPE_I8;
  case 16:
    return isUnsigned ? AICC_TYPE_U16 : AICC_TYPE_I16;
  case 32:
    return isUnsigned ? AICC_TYPE_U32 : AICC_TYPE_I32;
  case 64:
    return isUnsigned ? AICC_TYPE_U64 : AICC_TYPE_I64;
  default:
    return AICC_TYPE_INVALID;
  }
}

static std::vector<std::string> getStrings(ArrayAttr attr) {
  std::vector<std::string> strings;
  for (Attribute element : attr)
    strings.push_back(cast<StringAttr>(element).getValue().str());
  return strings;
}

/// The bytes of an image, which the attribute holds as i8.
static ArrayRef<char> getImage(ElementsAttr attr) {
  if (auto dense = dyn_cast<DenseElementsAttr>(attr);
      dense && (!dense.isSplat() || dense.getNumElements() == 1))
    return dense.getRawData();
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr))
    if (AsmResourceBlob *blob = resource.getRawHandle().getBlob())
      return blob->getData();
  return {};
}

namespace {
/// Executables of an instance and where their kernels are.
struct Executables {
  llvm::DenseMap<StringAttr, uint32_t> indices;
  std::vector<llvm::StringMap<uint32_t>> entries;
};

/// Turns one program into the module's function.
class FunctionEmitter {
public:
  FunctionEmitter(rt::ProgramOp program, const Executables &executables, Instance &instance,
                  RecipeTable &recipes)
      : program(program), executables(executables), instance(instance), recipes(recipes),
        numRegisters(program.getSymbols().size()) {}
  FailureOr<Function> emit();

private:
  LogicalResult emitSignature();
  LogicalResult emitOp(Operation &op);
  LogicalResult emitRegion(Region &region);
  LogicalResult emitIf(rt::IfOp op);
  LogicalResult emitLoop(rt::LoopOp op);
  /// All at once: what is written may be read by another of them.
  void emitMoves(ValueRange from, ValueRange to);
  uint32_t addBlock() {
    function.blocks.emplace_back();
    return function.blocks.size() - 1;
  }
  void setBlock(uint32_t index) { commands = &function.blocks[index]; }
  LogicalResult emitDispatch(rt::DispatchOp op);
  FailureOr<TensorType> getType(rt::TensorAttr attr);
  uint32_t getRegister(Value value) {
    auto [place, isNew] = registers.try_emplace(value, numRegisters);
    numRegisters += isNew;
    return place->second;
  }
  uint32_t getSlot(Value value) {
    auto [place, isNew] = slots.try_emplace(value, numSlots);
    numSlots += isNew;
    return place->second;
  }
  Operand getOperand(Value value) {
    if (auto constant = value.getDefiningOp<arith::ConstantOp>())
      return Operand::imm(cast<IntegerAttr>(constant.getValue()).getInt());
    if (auto symbol = value.getDefiningOp<rt::SymbolOp>())
      return Operand::reg(symbol.getIndex());
    return Operand::reg(getRegister(value));
  }

  rt::ProgramOp program;
  const Executables &executables;
  Instance &instance;
  RecipeTable &recipes;
  Function function;
  aicc::Block *commands = nullptr;
  llvm::DenseMap<Value, uint32_t> registers, slots;
  uint32_t numRegisters, numSlots = 0;
};
} // namespace

FailureOr<TensorType> FunctionEmitter::getType(rt::TensorAttr attr) {
  TensorType type;
  type.name = attr.getName().str();
  type.elementType = getElementType(attr.getType().getElementType());
  if (type.elementType == AICC_TYPE_INVALID)
    return program.emitError() << "'" << attr.getName()
                               << "' has an element type that modules don't have: " << attr.getType();
  for (auto [size, symbol, text] :
       llvm::zip_equal(attr.getType().getShape(), attr.getSymbols(), attr.getDims()))
    type.dims.push_back(
        {ShapedType::isDynamic(size) ? -1 : size, static_cast<int32_t>(symbol), text.getValue().str()});
  return type;
}

LogicalResult FunctionEmitter::emitSignature() {
  function.name = program.getSymName().str();
  mlir::Block &block = program.getBody().front();
  for (auto [i, attr] : llvm::enumerate(program.getArgs())) {
    FailureOr<TensorType> type = getType(cast<rt::TensorAttr>(attr));
    if (failed(type))
      return failure();
    function.args.push_back({*type, getSlot(block.getArgument(i))});
  }
  for (auto [i, attr] : llvm::enumerate(program.getSymbols())) {
    auto symbol = cast<rt::SymbolAttr>(attr);
    function.symbols.push_back({symbol.getName().str(), symbol.getMin(), symbol.getMax(), 1,
                                static_cast<uint32_t>(symbol.getArg()),
                                static_cast<uint32_t>(symbol.getDim()), static_cast<int32_t>(i)});
  }
  llvm::DenseSet<int64_t> lateResults;
  for (auto bind : block.getOps<rt::BindResultOp>())
    lateResults.insert(bind.getIndex());
  rt::ResultsOp results = program.getResultsOp();
  auto size = results.getSizes().begin();
  for (auto [i, attr] : llvm::enumerate(program.getResults())) {
    FailureOr<TensorType> type = getType(cast<rt::TensorAttr>(attr));
    if (failed(type))
      return failure();
    Result result;
    result.type = *type;
    result.slot = getSlot(results.getBuffers()[i]);
    result.late = lateResults.contains(i);
    for (size_t d = 0; d < type->dims.size(); ++d)
      result.dims.push_back(getOperand(*size++));
    function.results.push_back(std::move(result));
  }
  return success();
}

LogicalResult FunctionEmitter::emitDispatch(rt::DispatchOp op) {
  auto executable = executables.indices.find(op.getKernel().getRootReference());
  if (executable == executables.indices.end())
    return op.emitError() << "there is no executable '" << op.getKernel().getRootReference().getValue()
                          << "'";
  const auto &entries = executables.entries[executable->second];
  auto entry = entries.find(op.getKernel().getLeafReference().getValue());
  if (entry == entries.end())
    return op.emitError() << "the executable has no kernel '" << op.getKernel().getLeafReference().getValue()
                          << "'";
  CommandDispatch command;
  command.executable = executable->second;
  command.entry = entry->second;
  command.grid = getOperand(op.getGrid());
  command.scratch = getOperand(op.getScratch());
  for (auto [buffer, offset, length] : llvm::zip_equal(op.getBuffers(), op.getOffsets(), op.getLengths()))
    command.bindings.push_back({getSlot(buffer), getOperand(offset), getOperand(length)});
  for (Value param : op.getParams())
    command.params.push_back(getOperand(param));
  command.name = op.getKernel().getLeafReference().getValue().str();
  command.nodes = getStrings(op.getNodes());
  // What the kernel takes is what its dispatches give it.
  Entry &info = instance.executables[executable->second].entries[entry->second];
  uint32_t buffers = command.bindings.size(), params = command.params.size();
  if (info.bufferCount && (info.bufferCount != buffers || info.paramCount != params))
    return op.emitError() << "kernel '" << info.name
                          << "' is called with different numbers of buffers or parameters";
  info.bufferCount = buffers;
  info.paramCount = params;
  commands->push_back(std::move(command));
  return success();
}

LogicalResult FunctionEmitter::emitOp(Operation &operation) {
  if (auto op = dyn_cast<rt::ArithOp>(operation)) {
    commands->push_back(CommandArith{static_cast<ArithOp>(op.getKind()), getRegister(op),
                                     getOperand(op.getLhs()), getOperand(op.getRhs())});
  } else if (auto op = dyn_cast<rt::SelectOp>(operation)) {
    commands->push_back(CommandSelect{getRegister(op), getOperand(op.getCondition()),
                                      getOperand(op.getThen()), getOperand(op.getOtherwise())});
  } else if (auto op = dyn_cast<rt::ArgDimOp>(operation)) {
    commands->push_back(CommandArgDim{getRegister(op), static_cast<uint32_t>(op.getArg()),
                                      static_cast<uint32_t>(op.getDim())});
  } else if (auto op = dyn_cast<rt::AssertOp>(operation)) {
    commands->push_back(
        CommandAssert{getOperand(op.getCondition()), op.getMessage().str(), getStrings(op.getNodes())});
  } else if (auto op = dyn_cast<rt::LoadScalarOp>(operation)) {
    commands->push_back(CommandLoadScalar{getRegister(op), getSlot(op.getBuffer()),
                                          getOperand(op.getOffset()), getElementType(op.getType())});
  } else if (auto op = dyn_cast<rt::AllocOp>(operation)) {
    commands->push_back(
        CommandAlloc{getSlot(op), getOperand(op.getSize()), static_cast<uint32_t>(op.getAlignment())});
  } else if (auto op = dyn_cast<rt::FreeOp>(operation)) {
    commands->push_back(CommandFree{getSlot(op.getBuffer())});
  } else if (auto op = dyn_cast<rt::ViewOp>(operation)) {
    commands->push_back(CommandView{getSlot(op), getSlot(op.getSource()), getOperand(op.getOffset()),
                                    getOperand(op.getSize())});
  } else if (auto op = dyn_cast<rt::ConstantOp>(operation)) {
    commands->push_back(CommandConstant{getSlot(op), recipes.getIndex(op.getValue())});
  } else if (auto op = dyn_cast<rt::CopyOp>(operation)) {
    commands->push_back(CommandCopy{getSlot(op.getTarget()), getOperand(op.getTargetOffset()),
                                    getSlot(op.getSource()), getOperand(op.getSourceOffset()),
                                    getOperand(op.getSize())});
  } else if (auto op = dyn_cast<rt::FillOp>(operation)) {
    commands->push_back(CommandFill{getSlot(op.getTarget()), getOperand(op.getOffset()),
                                    getOperand(op.getSize()), getOperand(op.getPattern()),
                                    static_cast<uint32_t>(op.getPatternSize())});
  } else if (auto op = dyn_cast<rt::DispatchOp>(operation)) {
    return emitDispatch(op);
  } else if (auto op = dyn_cast<rt::IfOp>(operation)) {
    return emitIf(op);
  } else if (auto op = dyn_cast<rt::LoopOp>(operation)) {
    return emitLoop(op);
  } else if (auto op = dyn_cast<rt::BindResultOp>(operation)) {
    CommandBindResult command{static_cast<uint32_t>(op.getIndex()), {}};
    for (Value size : op.getSizes())
      command.dims.push_back(getOperand(size));
    commands->push_back(std::move(command));
    slots[op] = getSlot(program.getResultsOp().getBuffers()[op.getIndex()]);
  } else if (isa<rt::ReturnOp>(operation)) {
    commands->push_back(CommandReturn{});
  } else if (auto op = dyn_cast<rt::ArenaOp>(operation)) {
    function.arenas.push_back(
        {getSlot(op), static_cast<uint64_t>(op.getSize()), static_cast<uint32_t>(op.getAlignment())});
  } else if (!isa<rt::SymbolOp, rt::ResultsOp, rt::YieldOp, arith::ConstantOp, nn::EvaluateOpInterface>(
                 operation)) {
    return operation.emitError() << "'" << operation.getName() << "' has no command in the module format";
  }
  return success();
}

void FunctionEmitter::emitMoves(ValueRange from, ValueRange to) {
  struct Move {
    Operand source; // of registers
    uint32_t from, to;
    bool isSlot;
  };
  SmallVector<Move> moves;
  for (auto [source, target] : llvm::zip_equal(from, to)) {
    const bool isSlot = isa<rt::BufferType>(source.getType());
    if (isSlot)
      moves.push_back({Operand::imm(0), getSlot(source), getSlot(target), true});
    else
      moves.push_back({getOperand(source), 0, getRegister(target), false});
  }
  auto reads = [](const Move &move, const Move &other) {
    if (move.isSlot != other.isSlot || &move == &other)
      return false;
    return move.isSlot ? move.from == other.to
                       : move.source.isRegister && move.source.value == int64_t(other.to);
  };
  // What another one overwrites is brought to safety first.
  for (Move &move : moves) {
    if (llvm::none_of(moves, [&](const Move &other) { return reads(move, other); }))
      continue;
    if (move.isSlot) {
      commands->push_back(CommandMove{numSlots, move.from});
      move.from = numSlots++;
    } else {
      commands->push_back(CommandArith{ArithOp::Move, numRegisters, move.source, Operand::imm(0)});
      move.source = Operand::reg(numRegisters++);
    }
  }
  for (const Move &move : moves) {
    if (move.isSlot)
      commands->push_back(CommandMove{move.to, move.from});
    else
      commands->push_back(CommandArith{ArithOp::Move, move.to, move.source, Operand::imm(0)});
  }
}

LogicalResult FunctionEmitter::emitRegion(Region &region) {
  for (Operation &op : region.front())
    if (failed(emitOp(op)))
      return failure();
  return success();
}

LogicalResult FunctionEmitter::emitIf(rt::IfOp op) {
  aicc::Block *before = commands;
  const uint32_t from = before - function.blocks.data();
  const uint32_t then = addBlock(), otherwise = addBlock(), behind = addBlock();
  setBlock(from);
  commands->push_back(CommandBranchIf{getOperand(op.getCondition()), then, otherwise});
  for (auto [block, region] :
       {std::pair(then, &op.getThenRegion()), std::pair(otherwise, &op.getElseRegion())}) {
    setBlock(block);
    if (failed(emitRegion(*region)))
      return failure();
    emitMoves(region->front().getTerminator()->getOperands(), op.getResults());
    commands->push_back(CommandBranch{behind});
  }
  setBlock(behind);
  return success();
}

LogicalResult FunctionEmitter::emitLoop(rt::LoopOp op) {
  ValueRange arguments = op.getBody().getArguments();
  const uint32_t condition = numRegisters++;
  auto setCondition = [&](Value value) {
    commands->push_back(CommandArith{ArithOp::Move, condition, getOperand(value), Operand::imm(0)});
  };
  setCondition(op.getCondition());
  emitMoves(op.getInits(), arguments);
  const uint32_t from = commands - function.blocks.data();
  const uint32_t head = addBlock(), body = addBlock(), behind = addBlock();
  setBlock(from);
  commands->push_back(CommandBranch{head});
  setBlock(head);
  commands->push_back(CommandBranchIf{Operand::reg(condition), body, behind});
  setBlock(body);
  if (failed(emitRegion(op.getBody())))
    return failure();
  ValueRange yielded = op.getBody().front().getTerminator()->getOperands();
  setCondition(yielded.front());
  emitMoves(yielded.drop_front(), arguments);
  commands->push_back(CommandBranch{head});
  setBlock(behind);
  for (auto [result, argument] : llvm::zip_equal(op.getResults(), arguments)) {
    if (isa<rt::BufferType>(result.getType()))
      slots[result] = getSlot(argument);
    else
      registers[result] = getRegister(argument);
  }
  return success();
}

FailureOr<Function> FunctionEmitter::emit() {
  if (failed(emitSignature()))
    return failure();
  addBlock();
  bool inShapeProgram = true;
  uint32_t current = 0;
  for (Operation &op : program.getBody().front()) {
    inShapeProgram &= !isa<rt::ResultsOp>(op);
    setBlock(current);
    if (inShapeProgram && !isa<rt::ConstantOp>(op))
      commands = &function.shapeProgram;
    if (failed(emitOp(op)))
      return failure();
    if (commands != &function.shapeProgram) // a branch or loop goes on in another block
      current = commands - function.blocks.data();
  }
  function.registerCount = numRegisters;
  function.slotCount = numSlots;
  return std::move(function);
}

static LogicalResult emitInstance(const EmitInstance &from, ModuleWriter &writer, RecipeTable &recipes,
                                  Instance &instance) {
  Executables executables;
  instance.target = from.name;
  instance.format = from.format;
  for (auto op : ModuleOp(from.module).getOps<exe::ExecutableOp>()) {
    if (instance.format != op.getFormat())
      return op.emitError() << "the executable's format must be the instance's, " << instance.format;
    for (std::string &feature : getStrings(op.getRequires()))
      if (!llvm::is_contained(instance.features, feature))
        instance.features.push_back(feature);
    ArrayRef<char> image = getImage(op.getImage());
    if (image.empty())
      return op.emitError() << "executable '" << op.getSymName() << "' has no image";
    Executable executable;
    executable.segment = writer.addCode(image.data(), image.size());
    executable.name = op.getSymName().str();
    llvm::StringMap<uint32_t> entries;
    for (std::string &name : getStrings(op.getEntries())) {
      entries[name] = executable.entries.size();
      executable.entries.push_back({name, 0, 0});
    }
    executables.indices[op.getSymNameAttr()] = instance.executables.size();
    executables.entries.push_back(std::move(entries));
    instance.executables.push_back(std::move(executable));
  }
  for (auto program : ModuleOp(from.module).getOps<rt::ProgramOp>()) {
    FailureOr<Function> function = FunctionEmitter(program, executables, instance, recipes).emit();
    if (failed(function))
      return failure();
    instance.functions.push_back(std::move(*function));
  }
  return success();
}

LogicalResult emitModule(ArrayRef<EmitInstance> instances, ModuleWriter &writer,
                         llvm::function_ref<void(double)> progress) {
  RecipeTable recipes;
  for (const EmitInstance &instance : instances) {
    ModuleOp module = instance.module;
    module.walk([&](rt::ConstantOp op) { recipes.add(op.getValue(), op.getName()); });
  }
  if (failed(recipes.write(writer, progress)))
    return failure();
  std::vector<std::pair<int64_t, Instance>> emitted;
  for (const EmitInstance &from : instances)
    if (failed(emitInstance(from, writer, recipes, emitted.emplace_back(from.rank, Instance()).second)))
      return failure();
  // The runtime takes the first that fits: the most demanding one comes first.
  llvm::stable_sort(emitted, [](const auto &a, const auto &b) {
    return std::make_pair(a.first, a.second.features.size()) >
           std::make_pair(b.first, b.second.features.size());
  });
  for (auto &[rank, instance] : emitted)
    writer.addInstance(std::move(instance));
  if (writer.failed())
    return emitError(UnknownLoc::get(instances.front().module->getContext())) << writer.error();
  return success();
}

} // namespace aicc
