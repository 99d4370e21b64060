//===- Program.cpp - decoding functions --------------------------------------------------===//
//
// From the schema's tables to flat arrays. The module has been verified, so nothing is checked here.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/core/Program.h"

#include "runtime/module/Verifier.h"
#include "runtime/module/aicc_generated.h"

#include <unordered_map>

using namespace aicc;
using namespace aicc::rt;

namespace {

class Decoder {
public:
  Decoder(const fb::Instance &instance, const fb::Function &from, aicc_function &to)
      : instance(instance), from(from), to(to) {}
  void decode();

private:
  ValueIndex value(const fb::Operand &operand);
  std::vector<ValueIndex> values(const flatbuffers::Vector<const fb::Operand *> *list);
  Op command(const fb::Command &command);
  Op dispatch(const fb::Dispatch &op);
  Op call(const fb::Call &op);
  Op assertion(const fb::Assert &op);
  Op bindResult(const fb::BindResult &op);
  ValueType valueType(const fb::TensorType &type);

  const fb::Instance &instance;
  const fb::Function &from;
  aicc_function &to;
  std::unordered_map<int64_t, ValueIndex> constants;
};

template <typename T> std::vector<T> copyVector(const flatbuffers::Vector<T> *list) {
  return list ? std::vector<T>(list->begin(), list->end()) : std::vector<T>();
}

} // namespace

ValueIndex Decoder::value(const fb::Operand &operand) {
  if (operand.is_register())
    return static_cast<ValueIndex>(operand.value());
  auto [it, isNew] = constants.try_emplace(operand.value(), static_cast<ValueIndex>(to.initialValues.size()));
  if (isNew)
    to.initialValues.push_back(operand.value());
  return it->second;
}

std::vector<ValueIndex> Decoder::values(const flatbuffers::Vector<const fb::Operand *> *list) {
  std::vector<ValueIndex> indices;
  for (uint32_t i = 0; i < countOf(list); ++i)
    indices.push_back(value(*list->Get(i)));
  return indices;
}

ValueType Decoder::valueType(const fb::TensorType &type) {
  ValueType result;
  result.name = stringOrEmpty(type.name());
  result.elementType = static_cast<aicc_element_type>(type.element_type());
  for (uint32_t i = 0; i < countOf(type.dims()); ++i) {
    const fb::Dim &dim = *type.dims()->Get(i);
    result.dims.push_back({dim.size(), dim.symbol()});
    result.sizes.push_back(dim.size());
    const char *name = stringOrEmpty(dim.name());
    if (!*name && dim.symbol() >= 0)
      name = stringOrEmpty(from.symbols()->Get(static_cast<uint32_t>(dim.symbol()))->name());
    result.dimNames.push_back(name);
  }
  return result;
}

Op Decoder::dispatch(const fb::Dispatch &op) {
  DispatchRef ref;
  ref.executable = op.executable();
  ref.entry = op.entry();
  ref.grid = value(*op.grid());
  ref.scratch = value(*op.scratch());
  ref.bindingBegin = static_cast<uint32_t>(to.bindings.size());
  ref.bindingCount = countOf(op.bindings());
  ref.paramBegin = static_cast<uint32_t>(to.params.size());
  ref.paramCount = countOf(op.params());
  ref.kernel = instance.executables()->Get(op.executable())->entries()->Get(op.entry())->name()->c_str();
  ref.name = stringOrEmpty(op.name());
  if (!*ref.name)
    ref.name = ref.kernel;
  for (uint32_t i = 0; i < countOf(op.nodes()); ++i)
    ref.nodes.push_back(op.nodes()->Get(i)->c_str());
  for (uint32_t i = 0; i < ref.bindingCount; ++i) {
    const fb::Binding &binding = *op.bindings()->Get(i);
    to.bindings.push_back({binding.slot(), value(binding.offset()), value(binding.length())});
  }
  for (uint32_t i = 0; i < ref.paramCount; ++i)
    to.params.push_back(value(*op.params()->Get(i)));
  to.maxBindings = std::max(to.maxBindings, ref.bindingCount);
  to.maxParams = std::max(to.maxParams, ref.paramCount);
  to.dispatches.push_back(std::move(ref));
  Op result;
  result.code = OpCode::Dispatch;
  result.a = static_cast<uint32_t>(to.dispatches.size() - 1);
  return result;
}

Op Decoder::call(const fb::Call &op) {
  CallRef ref;
  ref.function = op.function();
  ref.argSlots = copyVector(op.arg_slots());
  ref.resultSlots = copyVector(op.result_slots());
  ref.inputs = values(op.inputs());
  ref.outputs = copyVector(op.outputs());
  to.calls.push_back(std::move(ref));
  Op result;
  result.code = OpCode::Call;
  result.a = static_cast<uint32_t>(to.calls.size() - 1);
  return result;
}

Op Decoder::assertion(const fb::Assert &op) {
  AssertRef ref{stringOrEmpty(op.message())};
  for (uint32_t i = 0; i < countOf(op.nodes()); ++i)
    ref.message += (i ? ", " : " (node ") + op.nodes()->Get(i)->str();
  if (countOf(op.nodes()))
    ref.message += ")";
  to.asserts.push_back(std::move(ref));
  Op result;
  result.code = OpCode::Assert;
  result.a = value(*op.condition());
  result.b = static_cast<uint32_t>(to.asserts.size() - 1);
  return result;
}

Op Decoder::bindResult(const fb::BindResult &op) {
  to.boundResults.push_back({op.result(), values(op.dims())});
  Op result;
  result.code = OpCode::BindResult;
  result.a = static_cast<uint32_t>(to.boundResults.size() - 1);
  return result;
}

Op Decoder::command(const fb::Command &command) {
  Op r;
  r.device = command.device();
  switch (command.op_type()) {
  case fb::CommandOp_Arith: {
    const fb::Arith &op = *command.op_as_Arith();
    r.code = static_cast<OpCode>(op.op());
    r.a = op.dst();
    r.b = value(*op.a());
    r.c = op.op() == fb::ArithOp_Move ? r.b : value(*op.b());
    return r;
  }
  case fb::CommandOp_Select: {
    const fb::Select &op = *command.op_as_Select();
    r.code = OpCode::Select;
    r.a = op.dst();
    r.b = value(*op.condition());
    r.c = value(*op.a());
    r.d = value(*op.b());
    return r;
  }
  case fb::CommandOp_ArgDim: {
    const fb::ArgDim &op = *command.op_as_ArgDim();
    r.code = OpCode::ArgDim;
    r.a = op.dst();
    r.b = op.arg();
    r.c = op.dim();
    return r;
  }
  case fb::CommandOp_Alloc: {
    const fb::Alloc &op = *command.op_as_Alloc();
    r.code = OpCode::Alloc;
    r.a = op.dst();
    r.b = value(*op.size());
    r.c = op.alignment();
    return r;
  }
  case fb::CommandOp_Free:
    r.code = OpCode::Free;
    r.a = command.op_as_Free()->slot();
    return r;
  case fb::CommandOp_View: {
    const fb::View &op = *command.op_as_View();
    r.code = OpCode::View;
    r.a = op.dst();
    r.b = op.src();
    r.c = value(*op.offset());
    r.d = value(*op.size());
    return r;
  }
  case fb::CommandOp_ConstantView:
    r.code = OpCode::ConstantView;
    r.a = command.op_as_ConstantView()->dst();
    r.b = command.op_as_ConstantView()->constant();
    return r;
  case fb::CommandOp_Move:
    r.code = OpCode::MoveSlot;
    r.a = command.op_as_Move()->dst();
    r.b = command.op_as_Move()->src();
    return r;
  case fb::CommandOp_Copy: {
    const fb::Copy &op = *command.op_as_Copy();
    r.code = OpCode::Copy;
    r.a = op.dst();
    r.b = value(*op.dst_offset());
    r.c = op.src();
    r.d = value(*op.src_offset());
    r.e = value(*op.size());
    return r;
  }
  case fb::CommandOp_Fill: {
    const fb::Fill &op = *command.op_as_Fill();
    r.code = OpCode::Fill;
    r.aux = op.pattern_size();
    r.a = op.dst();
    r.b = value(*op.offset());
    r.c = value(*op.size());
    r.d = value(*op.pattern());
    return r;
  }
  case fb::CommandOp_LoadScalar: {
    const fb::LoadScalar &op = *command.op_as_LoadScalar();
    r.code = OpCode::LoadScalar;
    r.aux = op.element_type();
    r.a = op.dst();
    r.b = op.src();
    r.c = value(*op.offset());
    return r;
  }
  case fb::CommandOp_Branch:
    r.code = OpCode::Branch;
    r.a = command.op_as_Branch()->block();
    return r;
  case fb::CommandOp_BranchIf: {
    const fb::BranchIf &op = *command.op_as_BranchIf();
    r.code = OpCode::BranchIf;
    r.a = value(*op.condition());
    r.b = op.then_block();
    r.c = op.else_block();
    return r;
  }
  case fb::CommandOp_Dispatch:
    return dispatch(*command.op_as_Dispatch());
  case fb::CommandOp_Assert:
    return assertion(*command.op_as_Assert());
  case fb::CommandOp_Call:
    return call(*command.op_as_Call());
  case fb::CommandOp_BindResult:
    return bindResult(*command.op_as_BindResult());
  default:
    return r; // Return; the verifier lets nothing else through.
  }
}

void Decoder::decode() {
  to.name = stringOrEmpty(from.name());
  to.isPrivate = from.is_private();
  to.slotCount = from.slot_count();
  to.registerCount = from.register_count();
  to.initialValues.assign(from.register_count(), 0);
  to.rankRegister = from.rank_register();
  to.worldSizeRegister = from.world_size_register();
  to.inputRegisters = copyVector(from.input_registers());
  to.outputRegisters = copyVector(from.output_registers());

  for (uint32_t i = 0; i < countOf(from.args()); ++i) {
    const fb::Arg &arg = *from.args()->Get(i);
    to.args.push_back({valueType(*arg.type()), arg.slot(), arg.donated()});
  }
  for (uint32_t i = 0; i < countOf(from.results()); ++i) {
    const fb::Result &result = *from.results()->Get(i);
    to.results.push_back({valueType(*result.type()), result.slot(), values(result.dims()),
                          values(result.final_dims()), result.alias_arg(), result.late()});
  }
  for (uint32_t i = 0; i < countOf(from.symbols()); ++i) {
    const fb::Symbol &symbol = *from.symbols()->Get(i);
    to.symbols.push_back({stringOrEmpty(symbol.name()), symbol.min(), symbol.max(), symbol.divisor(),
                          symbol.arg(), symbol.dim(), symbol.register_()});
  }
  for (uint32_t i = 0; i < countOf(from.arenas()); ++i) {
    const fb::Arena &arena = *from.arenas()->Get(i);
    to.arenas.push_back({arena.slot(), arena.size(), arena.alignment()});
  }
  for (uint32_t i = 0; i < countOf(from.states()); ++i)
    to.states.push_back({from.states()->Get(i)->state(), from.states()->Get(i)->slot()});

  for (uint32_t i = 0; i < countOf(from.shape_program()); ++i)
    to.shapeProgram.push_back(command(*from.shape_program()->Get(i)));
  to.shapeProgram.emplace_back();

  // Branches hold block numbers until all blocks have their position.
  std::vector<uint32_t> starts;
  for (const fb::Block *block : *from.blocks()) {
    starts.push_back(static_cast<uint32_t>(to.ops.size()));
    for (const fb::Command *op : *block->commands())
      to.ops.push_back(command(*op));
  }
  for (Op &op : to.ops) {
    if (op.code == OpCode::Branch)
      op.a = starts[op.a];
    if (op.code == OpCode::BranchIf) {
      op.b = starts[op.b];
      op.c = starts[op.c];
    }
  }
}

std::unique_ptr<aicc_function> aicc::rt::decodeFunction(const fb::Instance &instance, uint32_t index) {
  auto function = std::make_unique<aicc_function>();
  function->index = index;
  Decoder(instance, *instance.functions()->Get(index), *function).decode();
  return function;
}
