//===- VerifyPrograms.cpp - functions and commands ---------------------------------------===//
//
// The semantic check of an instance's functions: after it, every register, slot, block, constant, executable
// and function that a command names exists, every block ends in a terminator, calls form no cycle, and
// constants lie in the ranges of the fields that hold them.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/module/Verifier.h"

#include "runtime/module/aicc_generated.h"

#include "aicc/types.h"

#include <cstring>
#include <vector>

using namespace aicc;
using namespace aicc::rt;

static_assert(int(fb::ElementType_U2) == int(AICC_TYPE_U2) &&
                  int(fb::ElementType_Bool) == int(AICC_TYPE_BOOL) &&
                  int(fb::ElementType_MAX) == int(AICC_TYPE_F6E3M2FN),
              "schema and C ABI number element types alike");

namespace {

constexpr uint32_t kMaxBindings = 1u << 16;

/// Verifies one function. Methods return false with `error` set; `where` is the path of what is being looked
/// at.
class FunctionVerifier {
public:
  FunctionVerifier(const fb::Module &module, const fb::Instance &instance, const fb::Function &function,
                   std::string path, FormatError &error)
      : module(module), instance(instance), function(function), where(std::move(path)), error(error) {}

  bool verify(std::vector<uint32_t> &callees) {
    calls = &callees;
    return verifyDeclarations() && verifySignature() && verifyShapeProgram() && verifyBlocks();
  }

private:
  bool fail(const std::string &field, const char *what) {
    return failVerification(error, where + "." + field, what);
  }

  template <typename Body> bool within(const char *field, uint32_t index, Body body) {
    size_t length = where.size();
    where += std::string(".") + field + "[" + std::to_string(index) + "]";
    bool ok = body();
    where.resize(length);
    return ok;
  }

  bool checkRegister(uint64_t number, const char *field) {
    return number < function.register_count() || fail(field, "names a register that does not exist");
  }
  bool checkOptionalRegister(int32_t number, const char *field) {
    return number == -1 || (number >= 0 && checkRegister(number, field)) ||
           (number < -1 && fail(field, "names a register that does not exist"));
  }
  bool checkOperand(const fb::Operand *operand, const char *field, int64_t min = INT64_MIN) {
    if (!operand)
      return fail(field, "is missing");
    if (operand->is_register())
      return checkRegister(static_cast<uint64_t>(operand->value()), field);
    return operand->value() >= min || fail(field, "is negative");
  }
  bool checkSlot(uint32_t slot, const char *field) {
    return slot < function.slot_count() || fail(field, "names a slot that does not exist");
  }
  bool checkDevice(uint16_t device) {
    return device == 0 || fail("device", "is not the host without the multi-device feature");
  }
  bool checkAlignment(uint32_t alignment) {
    return (isPowerOfTwo(alignment) && alignment <= kMaxAlignment) ||
           fail("alignment", "is not a power of two up to 4096");
  }

  bool verifyType(const fb::TensorType *type, bool symbolsAllowed);
  bool verifyDeclarations();
  bool verifySignature();
  bool verifyShapeProgram();
  bool verifyBlocks();
  bool verifyCommand(const fb::Command &command, bool isLast);
  bool verifyShapeCommand(const fb::Command &command);
  bool verifyArith(const fb::Arith &op);
  bool verifyDispatch(const fb::Dispatch &op);
  bool verifyCall(const fb::Call &op);
  bool verifyBindResult(const fb::BindResult &op);
  bool verifyBlockIndex(uint32_t block, const char *field) {
    return block < countOf(function.blocks()) || fail(field, "names a block that does not exist");
  }

  const fb::Module &module;
  const fb::Instance &instance;
  const fb::Function &function;
  std::string where;
  FormatError &error;
  std::vector<uint32_t> *calls = nullptr;
};

} // namespace

bool FunctionVerifier::verifyType(const fb::TensorType *type, bool symbolsAllowed) {
  if (!type)
    return fail("type", "is missing");
  if (type->element_type() == fb::ElementType_Invalid || type->element_type() > fb::ElementType_MAX)
    return fail("type.element_type", "is unknown");
  uint32_t rank = countOf(type->dims());
  if (rank > kMaxRank)
    return fail("type.dims", "are more than 64");
  uint64_t elements = 1;
  bool isStatic = true;
  for (uint32_t i = 0; i < rank; ++i) {
    const fb::Dim &dim = *type->dims()->Get(i);
    if (dim.size() < -1)
      return fail("type.dims", "have a negative size");
    if (dim.symbol() < -1 || (dim.symbol() >= 0 && (!symbolsAllowed || static_cast<uint32_t>(dim.symbol()) >=
                                                                           countOf(function.symbols()))))
      return fail("type.dims", "name a symbol that does not exist");
    if (dim.size() == -1)
      isStatic = false;
    else if (dim.size() > 0 && !checkedMul(elements, static_cast<uint64_t>(dim.size()), elements))
      return fail("type.dims", "are too large");
  }
  if (elements > (1ull << 59))
    return fail("type.dims", "are too large");
  if (uint32_t strides = countOf(type->strides())) {
    if (strides != rank || !isStatic)
      return fail("type.strides", "need one for each dimension, and static sizes");
    int64_t expected = 1;
    for (uint32_t i = rank; i-- > 0;) {
      if (type->dims()->Get(i)->size() > 1 && type->strides()->Get(i) != expected)
        return fail("type.strides", "are not dense row-major, which is all that this version can do");
      expected *= std::max<int64_t>(type->dims()->Get(i)->size(), 1);
    }
  }
  return true;
}

bool FunctionVerifier::verifyDeclarations() {
  if (!*stringOrEmpty(function.name()))
    return fail("name", "is missing");
  if (function.register_count() > kMaxRegisters)
    return fail("register_count", "is above 2^20");
  if (function.slot_count() > kMaxSlots)
    return fail("slot_count", "is above 2^20");
  if (!checkOptionalRegister(function.rank_register(), "rank_register") ||
      !checkOptionalRegister(function.world_size_register(), "world_size_register"))
    return false;
  if (!function.is_private() && (countOf(function.input_registers()) || countOf(function.output_registers())))
    return fail("input_registers", "belong to private functions only");
  if (function.is_private() && (countOf(function.symbols()) || countOf(function.shape_program())))
    return fail("symbols", "and shape programs belong to public functions only");
  for (uint32_t i = 0; i < countOf(function.input_registers()); ++i)
    if (!checkRegister(function.input_registers()->Get(i), "input_registers"))
      return false;
  for (uint32_t i = 0; i < countOf(function.output_registers()); ++i)
    if (!checkRegister(function.output_registers()->Get(i), "output_registers"))
      return false;
  for (uint32_t i = 0; i < countOf(function.states()); ++i) {
    const fb::StateBinding &binding = *function.states()->Get(i);
    if (!within("states", i, [&] {
          return (binding.state() < countOf(instance.states()) || fail("state", "does not exist")) &&
                 checkSlot(binding.slot(), "slot");
        }))
      return false;
  }
  for (uint32_t i = 0; i < countOf(function.arenas()); ++i) {
    const fb::Arena &arena = *function.arenas()->Get(i);
    if (!within("arenas", i, [&] {
          return checkSlot(arena.slot(), "slot") && checkAlignment(arena.alignment()) &&
                 checkDevice(arena.device()) && (arena.size() < (1ull << 48) || fail("size", "is too large"));
        }))
      return false;
  }
  return true;
}

bool FunctionVerifier::verifySignature() {
  for (uint32_t i = 0; i < countOf(function.args()); ++i) {
    const fb::Arg &arg = *function.args()->Get(i);
    if (!within("args", i, [&] {
          return verifyType(arg.type(), /*symbolsAllowed=*/true) && checkSlot(arg.slot(), "slot") &&
                 checkDevice(arg.device());
        }))
      return false;
  }
  for (uint32_t i = 0; i < countOf(function.symbols()); ++i) {
    const fb::Symbol &symbol = *function.symbols()->Get(i);
    if (!within("symbols", i, [&] {
          if (symbol.min() < 0 || symbol.min() > symbol.max())
            return fail("min", "is negative or above max");
          if (symbol.divisor() < 1)
            return fail("divisor", "is below 1");
          if (symbol.arg() >= countOf(function.args()))
            return fail("arg", "does not exist");
          if (symbol.dim() >= countOf(function.args()->Get(symbol.arg())->type()->dims()))
            return fail("dim", "does not exist");
          return checkOptionalRegister(symbol.register_(), "register");
        }))
      return false;
  }
  for (uint32_t i = 0; i < countOf(function.results()); ++i) {
    const fb::Result &result = *function.results()->Get(i);
    if (!within("results", i, [&] {
          if (!verifyType(result.type(), /*symbolsAllowed=*/true) || !checkSlot(result.slot(), "slot") ||
              !checkDevice(result.device()))
            return false;
          if (result.alias_arg() < -1 ||
              (result.alias_arg() >= 0 &&
               (static_cast<uint32_t>(result.alias_arg()) >= countOf(function.args()) ||
                !function.args()->Get(result.alias_arg())->donated())))
            return fail("alias_arg", "is not a donated argument");
          if (result.late() &&
              (function.is_private() || result.alias_arg() >= 0 || countOf(result.final_dims())))
            return fail("late", "is for public functions' own results without final sizes");
          if (function.is_private())
            return true;
          uint32_t rank = countOf(result.type()->dims());
          if (countOf(result.dims()) != rank)
            return fail("dims", "are not as many as the type's");
          if (countOf(result.final_dims()) != 0 && countOf(result.final_dims()) != rank)
            return fail("final_dims", "are not as many as the type's");
          for (uint32_t d = 0; d < rank; ++d)
            if (!checkOperand(result.dims()->Get(d), "dims", result.late() ? -1 : 0) ||
                (countOf(result.final_dims()) && !checkOperand(result.final_dims()->Get(d), "final_dims", 0)))
              return false;
          return true;
        }))
      return false;
  }
  return true;
}

bool FunctionVerifier::verifyArith(const fb::Arith &op) {
  if (op.op() > fb::ArithOp_MAX)
    return fail("op", "is unknown");
  return checkRegister(op.dst(), "dst") && checkOperand(op.a(), "a") &&
         (op.op() == fb::ArithOp_Move || checkOperand(op.b(), "b"));
}

/// Commands that compute on registers only, and may stand in a shape program.
bool FunctionVerifier::verifyShapeCommand(const fb::Command &command) {
  switch (command.op_type()) {
  case fb::CommandOp_Arith:
    return verifyArith(*command.op_as_Arith());
  case fb::CommandOp_Select: {
    const fb::Select &op = *command.op_as_Select();
    return checkRegister(op.dst(), "dst") && checkOperand(op.condition(), "condition") &&
           checkOperand(op.a(), "a") && checkOperand(op.b(), "b");
  }
  case fb::CommandOp_ArgDim: {
    const fb::ArgDim &op = *command.op_as_ArgDim();
    if (function.is_private())
      return fail("arg_dim", "is for public functions only");
    if (op.arg() >= countOf(function.args()))
      return fail("arg", "does not exist");
    if (op.dim() >= countOf(function.args()->Get(op.arg())->type()->dims()))
      return fail("dim", "does not exist");
    return checkRegister(op.dst(), "dst");
  }
  case fb::CommandOp_Assert:
    return checkOperand(command.op_as_Assert()->condition(), "condition");
  default:
    return fail("op", "is unknown or may not stand here");
  }
}

bool FunctionVerifier::verifyShapeProgram() {
  for (uint32_t i = 0; i < countOf(function.shape_program()); ++i) {
    const fb::Command &command = *function.shape_program()->Get(i);
    if (!within("shape_program", i, [&] {
          return (command.op() || fail("op", "is missing")) && checkDevice(command.device()) &&
                 verifyShapeCommand(command);
        }))
      return false;
  }
  return true;
}

bool FunctionVerifier::verifyBlocks() {
  if (countOf(function.blocks()) == 0)
    return fail("blocks", "is empty");
  for (uint32_t b = 0; b < function.blocks()->size(); ++b) {
    const fb::Block &block = *function.blocks()->Get(b);
    uint32_t count = countOf(block.commands());
    bool ok = within("blocks", b, [&] {
      if (count == 0)
        return fail("commands", "is empty");
      for (uint32_t i = 0; i < count; ++i) {
        const fb::Command &command = *block.commands()->Get(i);
        if (!within("commands", i, [&] {
              return (command.op() || fail("op", "is missing")) && checkDevice(command.device()) &&
                     verifyCommand(command, i + 1 == count);
            }))
          return false;
      }
      return true;
    });
    if (!ok)
      return false;
  }
  return true;
}

bool FunctionVerifier::verifyDispatch(const fb::Dispatch &op) {
  if (op.executable() >= countOf(instance.executables()))
    return fail("executable", "does not exist");
  const fb::Executable &executable = *instance.executables()->Get(op.executable());
  if (op.entry() >= countOf(executable.entries()))
    return fail("entry", "does not exist");
  const fb::Entry &entry = *executable.entries()->Get(op.entry());
  if (countOf(op.bindings()) != entry.buffer_count() || countOf(op.bindings()) > kMaxBindings)
    return fail("bindings", "are not as many as the entry's buffers");
  if (countOf(op.params()) != entry.param_count() || countOf(op.params()) > kMaxBindings)
    return fail("params", "are not as many as the entry's");
  if (!checkOperand(op.grid(), "grid", 0) || !checkOperand(op.scratch(), "scratch", 0))
    return false;
  for (uint32_t i = 0; i < countOf(op.bindings()); ++i) {
    const fb::Binding &binding = *op.bindings()->Get(i);
    if (!within("bindings", i, [&] {
          return checkSlot(binding.slot(), "slot") && checkOperand(&binding.offset(), "offset", 0) &&
                 checkOperand(&binding.length(), "length", 0);
        }))
      return false;
  }
  for (uint32_t i = 0; i < countOf(op.params()); ++i)
    if (!checkOperand(op.params()->Get(i), "params"))
      return false;
  return true;
}

bool FunctionVerifier::verifyCall(const fb::Call &op) {
  if (op.function() >= countOf(instance.functions()) ||
      !instance.functions()->Get(op.function())->is_private())
    return fail("function", "is not a private function");
  const fb::Function &callee = *instance.functions()->Get(op.function());
  if (countOf(op.arg_slots()) != countOf(callee.args()) ||
      countOf(op.result_slots()) != countOf(callee.results()) ||
      countOf(op.inputs()) != countOf(callee.input_registers()) ||
      countOf(op.outputs()) != countOf(callee.output_registers()))
    return fail("function", "takes another number of arguments, results, inputs or outputs");
  for (uint32_t i = 0; i < countOf(op.arg_slots()); ++i)
    if (!checkSlot(op.arg_slots()->Get(i), "arg_slots"))
      return false;
  for (uint32_t i = 0; i < countOf(op.result_slots()); ++i)
    if (!checkSlot(op.result_slots()->Get(i), "result_slots"))
      return false;
  for (uint32_t i = 0; i < countOf(op.inputs()); ++i)
    if (!checkOperand(op.inputs()->Get(i), "inputs"))
      return false;
  for (uint32_t i = 0; i < countOf(op.outputs()); ++i)
    if (!checkRegister(op.outputs()->Get(i), "outputs"))
      return false;
  calls->push_back(op.function());
  return true;
}

bool FunctionVerifier::verifyBindResult(const fb::BindResult &op) {
  if (op.result() >= countOf(function.results()) || !function.results()->Get(op.result())->late())
    return fail("result", "is not a late result");
  if (countOf(op.dims()) != countOf(function.results()->Get(op.result())->type()->dims()))
    return fail("dims", "are not as many as the type's");
  for (uint32_t i = 0; i < countOf(op.dims()); ++i)
    if (!checkOperand(op.dims()->Get(i), "dims", 0))
      return false;
  return true;
}

bool FunctionVerifier::verifyCommand(const fb::Command &command, bool isLast) {
  fb::CommandOp type = command.op_type();
  bool isTerminator =
      type == fb::CommandOp_Branch || type == fb::CommandOp_BranchIf || type == fb::CommandOp_Return;
  if (isTerminator != isLast)
    return fail("op", isLast ? "does not end its block with a branch or return"
                             : "is a branch or return before the end of its block");
  switch (type) {
  case fb::CommandOp_Alloc: {
    const fb::Alloc &op = *command.op_as_Alloc();
    return checkSlot(op.dst(), "dst") && checkOperand(op.size(), "size", 0) && checkAlignment(op.alignment());
  }
  case fb::CommandOp_Free:
    return checkSlot(command.op_as_Free()->slot(), "slot");
  case fb::CommandOp_View: {
    const fb::View &op = *command.op_as_View();
    return checkSlot(op.dst(), "dst") && checkSlot(op.src(), "src") &&
           checkOperand(op.offset(), "offset", 0) && checkOperand(op.size(), "size", 0);
  }
  case fb::CommandOp_ConstantView: {
    const fb::ConstantView &op = *command.op_as_ConstantView();
    return checkSlot(op.dst(), "dst") &&
           (op.constant() < countOf(module.constants()) || fail("constant", "does not exist"));
  }
  case fb::CommandOp_Move: {
    const fb::Move &op = *command.op_as_Move();
    return checkSlot(op.dst(), "dst") && checkSlot(op.src(), "src");
  }
  case fb::CommandOp_Copy: {
    const fb::Copy &op = *command.op_as_Copy();
    return checkSlot(op.dst(), "dst") && checkSlot(op.src(), "src") &&
           checkOperand(op.dst_offset(), "dst_offset", 0) && checkOperand(op.src_offset(), "src_offset", 0) &&
           checkOperand(op.size(), "size", 0);
  }
  case fb::CommandOp_Fill: {
    const fb::Fill &op = *command.op_as_Fill();
    if (!isPowerOfTwo(op.pattern_size()) || op.pattern_size() > 8)
      return fail("pattern_size", "is not 1, 2, 4 or 8");
    return checkSlot(op.dst(), "dst") && checkOperand(op.offset(), "offset", 0) &&
           checkOperand(op.size(), "size", 0) && checkOperand(op.pattern(), "pattern");
  }
  case fb::CommandOp_Dispatch:
    return verifyDispatch(*command.op_as_Dispatch());
  case fb::CommandOp_LoadScalar: {
    const fb::LoadScalar &op = *command.op_as_LoadScalar();
    switch (op.element_type()) {
    case fb::ElementType_I64:
    case fb::ElementType_I32:
    case fb::ElementType_I16:
    case fb::ElementType_I8:
    case fb::ElementType_U32:
    case fb::ElementType_U16:
    case fb::ElementType_U8:
    case fb::ElementType_Bool:
      break;
    default:
      return fail("element_type", "cannot be loaded into a register");
    }
    return checkRegister(op.dst(), "dst") && checkSlot(op.src(), "src") &&
           checkOperand(op.offset(), "offset", 0);
  }
  case fb::CommandOp_Branch:
    return verifyBlockIndex(command.op_as_Branch()->block(), "block");
  case fb::CommandOp_BranchIf: {
    const fb::BranchIf &op = *command.op_as_BranchIf();
    return checkOperand(op.condition(), "condition") && verifyBlockIndex(op.then_block(), "then_block") &&
           verifyBlockIndex(op.else_block(), "else_block");
  }
  case fb::CommandOp_Call:
    return verifyCall(*command.op_as_Call());
  case fb::CommandOp_BindResult:
    return verifyBindResult(*command.op_as_BindResult());
  case fb::CommandOp_Return:
    return true;
  case fb::CommandOp_HostCall:
    return fail("op", "is a host call without the host-calls feature");
  case fb::CommandOp_Event:
    return fail("op", "is an event without the events feature");
  case fb::CommandOp_Collective:
    return fail("op", "is a collective without the collectives feature");
  default:
    return verifyShapeCommand(command);
  }
}

/// Refuses recursion, and call chains deeper than the interpreter's stack allows for.
static bool verifyCallGraph(const std::vector<std::vector<uint32_t>> &callees, const std::string &path,
                            FormatError &error) {
  constexpr uint32_t kMaxCallDepth = 64;
  // Longest chain below each function, by repeated relaxation: a cycle never settles.
  std::vector<uint32_t> depth(callees.size(), 0);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t caller = 0; caller < callees.size(); ++caller)
      for (uint32_t callee : callees[caller])
        if (depth[caller] < depth[callee] + 1) {
          depth[caller] = depth[callee] + 1;
          changed = true;
          if (depth[caller] > kMaxCallDepth)
            return failVerification(error, path + ".functions[" + std::to_string(caller) + "]",
                                    "calls itself, or calls nest deeper than 64");
        }
  }
  return true;
}

bool aicc::rt::verifyPrograms(const fb::Module &module, const fb::Instance &instance, const std::string &path,
                              FormatError &error) {
  for (uint32_t i = 0; i < countOf(instance.states()); ++i) {
    const fb::State &state = *instance.states()->Get(i);
    std::string where = path + ".states[" + std::to_string(i) + "]";
    const fb::TensorType *type = state.type();
    if (!type || !*stringOrEmpty(type->name()) || type->element_type() == fb::ElementType_Invalid ||
        type->element_type() > fb::ElementType_MAX || countOf(type->dims()) > kMaxRank)
      return failVerification(error, where + ".type", "has no name or no valid element type and sizes");
    if (state.size() >= (1ull << 48))
      return failVerification(error, where + ".size", "is too large");
    if (state.device() != 0)
      return failVerification(error, where + ".device", "is not the host without the multi-device feature");
  }
  uint32_t count = countOf(instance.functions());
  std::vector<std::vector<uint32_t>> callees(count);
  bool anyPublic = false;
  for (uint32_t i = 0; i < count; ++i) {
    const fb::Function &function = *instance.functions()->Get(i);
    std::string where = path + ".functions[" + std::to_string(i) + "]";
    if (!FunctionVerifier(module, instance, function, where, error).verify(callees[i]))
      return false;
    for (uint32_t other = 0; other < i; ++other)
      if (std::strcmp(instance.functions()->Get(other)->name()->c_str(), function.name()->c_str()) == 0)
        return failVerification(error, where + ".name", "is the same as another function's");
    anyPublic |= !function.is_private();
  }
  if (!anyPublic)
    return failVerification(error, path + ".functions", "has no public function");
  return verifyCallGraph(callees, path, error);
}
