//===- Program.h - functions as the interpreter wants them -------------------------------===//
//
// A verified function, decoded once when its module is loaded: commands of one fixed size, every operand an
// index into one array of values (registers first, constants behind them), branch targets as positions. The
// interpreter then spends a few nanoseconds on a command.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_CORE_PROGRAM_H
#define AICC_RUNTIME_CORE_PROGRAM_H

#include "aicc/runtime.h"

#include <memory>
#include <string>
#include <vector>

namespace aicc::fb {
struct Function;
struct Instance;
} // namespace aicc::fb

namespace aicc::rt {

enum class OpCode : uint8_t {
  // Arithmetic, in the order of the schema's ArithOp. a: dst, b and c: operands.
  Move,
  Add,
  Sub,
  Mul,
  FloorDiv,
  CeilDiv,
  Mod,
  Min,
  Max,
  Eq,
  Ne,
  Lt,
  Le,
  And,
  Or,
  Xor,
  Select,       // a: dst, b: condition, c, d
  ArgDim,       // a: dst, b: arg, c: dim
  Alloc,        // a: slot, b: size, c: alignment itself
  Free,         // a: slot
  View,         // a: dst, b: src, c: offset, d: size
  ConstantView, // a: dst, b: constant
  MoveSlot,     // a: dst, b: src
  Copy,         // a: dst, b: offset, c: src, d: offset, e: size
  Fill,         // a: dst, b: offset, c: size, d: pattern, aux: bytes of the pattern
  Dispatch,     // a: index into dispatches
  LoadScalar,   // a: dst, b: slot, c: offset, aux: element type
  Assert,       // a: condition, b: index into asserts
  Branch,       // a: position
  BranchIf,     // a: condition, b and c: positions
  Call,         // a: index into calls
  BindResult,   // a: index into boundResults
  Return,
};

struct Op {
  OpCode code = OpCode::Return;
  uint8_t aux = 0;
  uint16_t device = 0;
  uint32_t a = 0, b = 0, c = 0, d = 0, e = 0;
};

/// An index into a frame's values.
using ValueIndex = uint32_t;

struct BindingRef {
  uint32_t slot;
  ValueIndex offset, length;
};

struct DispatchRef {
  uint32_t executable, entry;
  ValueIndex grid, scratch;
  uint32_t bindingBegin, bindingCount; ///< in Function::bindings
  uint32_t paramBegin, paramCount;     ///< in Function::params
  const char *name;
  const char *kernel;
  std::vector<const char *> nodes;
};

struct CallRef {
  uint32_t function; ///< index in the instance
  std::vector<uint32_t> argSlots, resultSlots;
  std::vector<ValueIndex> inputs;
  std::vector<uint32_t> outputs;
};

struct BindResultRef {
  uint32_t result;
  std::vector<ValueIndex> dims;
};

struct AssertRef {
  std::string message; ///< with the nodes' names
};

struct DimRef {
  int64_t size;
  int32_t symbol;
};

struct ValueType {
  std::string name;
  aicc_element_type elementType;
  std::vector<DimRef> dims;
  // As the C ABI shows it.
  std::vector<int64_t> sizes;
  std::vector<const char *> dimNames;
};

struct ArgRef {
  ValueType type;
  uint32_t slot;
  bool donated;
};

struct ResultRef {
  ValueType type;
  uint32_t slot;
  std::vector<ValueIndex> dims, finalDims;
  int32_t aliasArg;
  bool isLate; ///< bound by a command
};

struct SymbolRef {
  const char *name;
  int64_t min, max, divisor;
  uint32_t arg, dim;
  int32_t reg;
};

struct ArenaRef {
  uint32_t slot;
  uint64_t size;
  uint32_t alignment;
};

struct StateRef {
  uint32_t state, slot;
};

} // namespace aicc::rt

struct aicc_function {
  std::string name;
  uint32_t index = 0; ///< in the instance
  bool isPrivate = false;
  std::vector<aicc::rt::ArgRef> args;
  std::vector<aicc::rt::ResultRef> results;
  std::vector<aicc::rt::SymbolRef> symbols;
  std::vector<aicc::rt::ArenaRef> arenas;
  std::vector<aicc::rt::StateRef> states;
  std::vector<const aicc::rt::ValueType *> stateTypes;
  uint32_t slotCount = 0;
  uint32_t registerCount = 0;
  std::vector<int64_t> initialValues;     ///< registers (0), then constants
  std::vector<aicc::rt::Op> shapeProgram; ///< ends with Return
  std::vector<aicc::rt::Op> ops;
  std::vector<aicc::rt::DispatchRef> dispatches;
  std::vector<aicc::rt::BindingRef> bindings;
  std::vector<aicc::rt::ValueIndex> params;
  std::vector<aicc::rt::CallRef> calls;
  std::vector<aicc::rt::AssertRef> asserts;
  std::vector<aicc::rt::BindResultRef> boundResults;
  std::vector<uint32_t> inputRegisters, outputRegisters;
  int32_t rankRegister = -1, worldSizeRegister = -1;
  uint32_t maxBindings = 0, maxParams = 0;
};

namespace aicc::rt {

/// Decodes a function of a verified module; strings are borrowed from the module.
std::unique_ptr<aicc_function> decodeFunction(const fb::Instance &instance, uint32_t index);

} // namespace aicc::rt

#endif // AICC_RUNTIME_CORE_PROGRAM_H
