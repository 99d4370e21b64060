//===- Serialize.cpp - a module's structs as a FlatBuffer --------------------------------===//
//
// One overload of `add` for each struct. Strings are shared: node names repeat.
//
//===--------------------------------------------------------------------------------------===//
#include "compiler/writer/Serialize.h"

#include "runtime/module/Format.h"
#include "runtime/module/aicc_generated.h"

using namespace aicc;
using namespace aicc::writer;
using flatbuffers::Offset;

namespace {

class Serializer {
public:
  flatbuffers::FlatBufferBuilder builder{1 << 16};

  /// No string, no bytes: readers take an absent one for "".
  Offset<flatbuffers::String> add(const std::string &text) {
    return text.empty() ? 0 : builder.CreateSharedString(text);
  }

  Offset<flatbuffers::Vector<Offset<flatbuffers::String>>> add(const std::vector<std::string> &list) {
    if (list.empty())
      return 0;
    std::vector<Offset<flatbuffers::String>> offsets;
    for (const std::string &text : list)
      offsets.push_back(builder.CreateSharedString(text));
    return builder.CreateVector(offsets);
  }

  template <typename T> Offset<flatbuffers::Vector<T>> addScalars(const std::vector<T> &list) {
    return list.empty() ? 0 : builder.CreateVector(list);
  }

  Offset<flatbuffers::Vector<const fb::Operand *>> add(const std::vector<Operand> &list) {
    if (list.empty())
      return 0;
    std::vector<fb::Operand> operands;
    for (const Operand &operand : list)
      operands.push_back(convert(operand));
    return builder.CreateVectorOfStructs(operands);
  }

  /// A vector of tables, from what `add` makes of each element.
  template <typename T, typename U>
  Offset<flatbuffers::Vector<Offset<T>>> addAll(const std::vector<U> &list) {
    if (list.empty())
      return 0;
    std::vector<Offset<T>> offsets;
    offsets.reserve(list.size());
    for (const U &element : list)
      offsets.push_back(add(element));
    return builder.CreateVector(offsets);
  }

  static fb::Operand convert(const Operand &operand) {
    return fb::Operand(operand.value, operand.isRegister);
  }

  Offset<fb::Segment> add(const SegmentRecord &segment) {
    fb::Hash128 hash(segment.hash.low, segment.hash.high);
    return fb::CreateSegment(builder, segment.offset, segment.size, &hash,
                             segment.isCode ? fb::SegmentKind_Code : fb::SegmentKind_Data);
  }

  Offset<fb::Constant> add(const ConstantRecord &constant) {
    auto name = add(constant.name);
    return fb::CreateConstant(builder, constant.segment, constant.offset, constant.size, constant.alignment,
                              name);
  }

  Offset<fb::KeyValue> add(const std::pair<std::string, std::string> &pair) {
    auto key = builder.CreateSharedString(pair.first);
    auto value = builder.CreateSharedString(pair.second);
    return fb::CreateKeyValue(builder, key, value);
  }

  Offset<fb::Dim> add(const Dim &dim) { return fb::CreateDim(builder, dim.size, dim.symbol, add(dim.name)); }

  Offset<fb::TensorType> add(const TensorType &type) {
    auto name = add(type.name);
    auto dims = addAll<fb::Dim>(type.dims);
    auto strides = addScalars(type.strides);
    return fb::CreateTensorType(builder, name, static_cast<fb::ElementType>(type.elementType), dims, strides);
  }

  Offset<fb::Symbol> add(const Symbol &symbol) {
    return fb::CreateSymbol(builder, add(symbol.name), symbol.min, symbol.max, symbol.divisor, symbol.arg,
                            symbol.dim, symbol.reg);
  }

  Offset<fb::Arg> add(const Arg &arg) {
    return fb::CreateArg(builder, add(arg.type), arg.slot, arg.donated, arg.device);
  }

  Offset<fb::Result> add(const Result &result) {
    auto type = add(result.type);
    std::vector<Operand> sizes = result.dims;
    if (sizes.empty())
      for (const Dim &dim : result.type.dims)
        sizes.push_back(Operand::imm(dim.size));
    auto dims = add(sizes);
    auto finalDims = add(result.finalDims);
    return fb::CreateResult(builder, type, result.slot, dims, finalDims, result.aliasArg, result.device,
                            result.late);
  }

  Offset<fb::State> add(const State &state) {
    return fb::CreateState(builder, add(state.type), state.size, state.device);
  }

  Offset<fb::StateBinding> add(const StateBinding &binding) {
    return fb::CreateStateBinding(builder, binding.state, binding.slot);
  }

  Offset<fb::Arena> add(const Arena &arena) {
    return fb::CreateArena(builder, arena.slot, arena.size, arena.alignment, arena.device);
  }

  Offset<fb::Entry> add(const Entry &entry) {
    return fb::CreateEntry(builder, add(entry.name), entry.bufferCount, entry.paramCount);
  }

  Offset<fb::Executable> add(const Executable &executable) {
    auto entries = addAll<fb::Entry>(executable.entries);
    return fb::CreateExecutable(builder, executable.segment, entries, add(executable.name));
  }

  Offset<fb::Command> add(const Command &command);
  Offset<fb::Block> add(const Block &block) { return fb::CreateBlock(builder, addAll<fb::Command>(block)); }
  Offset<fb::Function> add(const Function &function);
  Offset<fb::Instance> add(const Instance &instance);
};

/// Turns each kind of command into its table; returns the union's type and value.
struct CommandVisitor {
  Serializer &s;
  using Value = std::pair<fb::CommandOp, Offset<void>>;

  template <typename T> static Value value(fb::CommandOp type, Offset<T> offset) {
    return {type, offset.Union()};
  }

  Value operator()(const CommandArith &op) const {
    fb::Operand a = s.convert(op.a), b = s.convert(op.b);
    return value(fb::CommandOp_Arith,
                 fb::CreateArith(s.builder, static_cast<fb::ArithOp>(op.op), op.dst, &a, &b));
  }
  Value operator()(const CommandSelect &op) const {
    fb::Operand condition = s.convert(op.condition), a = s.convert(op.a), b = s.convert(op.b);
    return value(fb::CommandOp_Select, fb::CreateSelect(s.builder, op.dst, &condition, &a, &b));
  }
  Value operator()(const CommandArgDim &op) const {
    return value(fb::CommandOp_ArgDim, fb::CreateArgDim(s.builder, op.dst, op.arg, op.dim));
  }
  Value operator()(const CommandAlloc &op) const {
    fb::Operand size = s.convert(op.size);
    return value(fb::CommandOp_Alloc, fb::CreateAlloc(s.builder, op.dst, &size, op.alignment));
  }
  Value operator()(const CommandFree &op) const {
    return value(fb::CommandOp_Free, fb::CreateFree(s.builder, op.slot));
  }
  Value operator()(const CommandView &op) const {
    fb::Operand offset = s.convert(op.offset), size = s.convert(op.size);
    return value(fb::CommandOp_View, fb::CreateView(s.builder, op.dst, op.src, &offset, &size));
  }
  Value operator()(const CommandConstant &op) const {
    return value(fb::CommandOp_ConstantView, fb::CreateConstantView(s.builder, op.dst, op.constant));
  }
  Value operator()(const CommandMove &op) const {
    return value(fb::CommandOp_Move, fb::CreateMove(s.builder, op.dst, op.src));
  }
  Value operator()(const CommandCopy &op) const {
    fb::Operand dst = s.convert(op.dstOffset), src = s.convert(op.srcOffset), size = s.convert(op.size);
    return value(fb::CommandOp_Copy, fb::CreateCopy(s.builder, op.dst, &dst, op.src, &src, &size));
  }
  Value operator()(const CommandFill &op) const {
    fb::Operand offset = s.convert(op.offset), size = s.convert(op.size), pattern = s.convert(op.pattern);
    return value(fb::CommandOp_Fill, fb::CreateFill(s.builder, op.dst, &offset, &size, &pattern,
                                                    static_cast<uint8_t>(op.patternSize)));
  }
  Value operator()(const CommandDispatch &op) const {
    std::vector<fb::Binding> list;
    for (const Binding &binding : op.bindings)
      list.emplace_back(s.convert(binding.offset), s.convert(binding.length), binding.slot);
    Offset<flatbuffers::Vector<const fb::Binding *>> bindings = 0;
    if (!list.empty())
      bindings = s.builder.CreateVectorOfStructs(list);
    auto params = s.add(op.params);
    auto name = s.add(op.name);
    auto nodes = s.add(op.nodes);
    fb::Operand grid = s.convert(op.grid), scratch = s.convert(op.scratch);
    return value(fb::CommandOp_Dispatch, fb::CreateDispatch(s.builder, op.executable, op.entry, &grid,
                                                            &scratch, bindings, params, name, nodes));
  }
  Value operator()(const CommandLoadScalar &op) const {
    fb::Operand offset = s.convert(op.offset);
    return value(fb::CommandOp_LoadScalar,
                 fb::CreateLoadScalar(s.builder, op.dst, op.src, &offset,
                                      static_cast<fb::ElementType>(op.elementType)));
  }
  Value operator()(const CommandAssert &op) const {
    auto message = s.add(op.message);
    auto nodes = s.add(op.nodes);
    fb::Operand condition = s.convert(op.condition);
    return value(fb::CommandOp_Assert, fb::CreateAssert(s.builder, &condition, message, nodes));
  }
  Value operator()(const CommandBranch &op) const {
    return value(fb::CommandOp_Branch, fb::CreateBranch(s.builder, op.block));
  }
  Value operator()(const CommandBranchIf &op) const {
    fb::Operand condition = s.convert(op.condition);
    return value(fb::CommandOp_BranchIf,
                 fb::CreateBranchIf(s.builder, &condition, op.thenBlock, op.elseBlock));
  }
  Value operator()(const CommandCall &op) const {
    auto args = s.addScalars(op.argSlots);
    auto results = s.addScalars(op.resultSlots);
    auto inputs = s.add(op.inputs);
    auto outputs = s.addScalars(op.outputs);
    return value(fb::CommandOp_Call, fb::CreateCall(s.builder, op.function, args, results, inputs, outputs));
  }
  Value operator()(const CommandBindResult &op) const {
    return value(fb::CommandOp_BindResult, fb::CreateBindResult(s.builder, op.result, s.add(op.dims)));
  }
  Value operator()(const CommandReturn &) const {
    return value(fb::CommandOp_Return, fb::CreateReturn(s.builder));
  }
};

Offset<fb::Command> Serializer::add(const Command &command) {
  auto [type, op] = std::visit(CommandVisitor{*this}, command.op);
  return fb::CreateCommand(builder, type, op, command.device);
}

Offset<fb::Function> Serializer::add(const Function &function) {
  auto name = add(function.name);
  auto args = addAll<fb::Arg>(function.args);
  auto results = addAll<fb::Result>(function.results);
  auto symbols = addAll<fb::Symbol>(function.symbols);
  auto states = addAll<fb::StateBinding>(function.states);
  auto arenas = addAll<fb::Arena>(function.arenas);
  auto shapeProgram = addAll<fb::Command>(function.shapeProgram);
  auto blocks = addAll<fb::Block>(function.blocks);
  auto inputs = addScalars(function.inputRegisters);
  auto outputs = addScalars(function.outputRegisters);
  return fb::CreateFunction(builder, name, args, results, symbols, states, arenas, function.registerCount,
                            function.slotCount, shapeProgram, blocks, function.rankRegister,
                            function.worldSizeRegister, function.isPrivate, inputs, outputs);
}

Offset<fb::Instance> Serializer::add(const Instance &instance) {
  auto target = add(instance.target);
  auto format = add(instance.format);
  auto features = add(instance.features);
  auto executables = addAll<fb::Executable>(instance.executables);
  auto functions = addAll<fb::Function>(instance.functions);
  auto states = addAll<fb::State>(instance.states);
  std::vector<Offset<fb::DeviceSlot>> slots;
  for (const std::string &deviceFormat : instance.deviceFormats)
    slots.push_back(fb::CreateDeviceSlot(builder, add(deviceFormat)));
  Offset<flatbuffers::Vector<Offset<fb::DeviceSlot>>> slotVector = 0;
  if (!slots.empty())
    slotVector = builder.CreateVector(slots);
  return fb::CreateInstance(builder, target, format, features, executables, functions, states, slotVector);
}

} // namespace

std::vector<uint8_t>
writer::serializeModule(const std::vector<SegmentRecord> &segments,
                        const std::vector<ConstantRecord> &constants,
                        const std::vector<std::pair<std::string, std::string>> &provenance,
                        std::vector<Instance> instances, std::string &error) {
  Serializer serializer;
  auto provenanceVector = serializer.addAll<fb::KeyValue>(provenance);
  auto segmentVector = serializer.addAll<fb::Segment>(segments);
  auto constantVector = serializer.addAll<fb::Constant>(constants);
  auto instanceVector = serializer.addAll<fb::Instance>(instances);
  if (serializer.builder.GetSize() > rt::kMaxFlatBufferSize - (1 << 20)) {
    error = "the program is too large for a module: its commands take more than 2 GB";
    return {};
  }
  auto module = fb::CreateModule(serializer.builder, rt::kFormatVersion, provenanceVector, segmentVector,
                                 constantVector, instanceVector);
  fb::FinishModuleBuffer(serializer.builder, module);
  const uint8_t *data = serializer.builder.GetBufferPointer();
  return std::vector<uint8_t>(data, data + serializer.builder.GetSize());
}
