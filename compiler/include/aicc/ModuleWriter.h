//===- ModuleWriter.h - builds and writes .aicc files ------------------------------------===//
//
// The plain C++ face of the module format: structs that mirror runtime/module/aicc.fbs, and a writer that
// streams weights and kernel images to disk as they are made. It knows neither MLIR nor, in this header,
// FlatBuffers; whoever emits modules (the compiler, tests) goes through here, so that the file's rules are
// kept in one place.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_MODULEWRITER_H
#define AICC_MODULEWRITER_H

#include "aicc/types.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace aicc {

/// A register's number or a constant.
struct Operand {
  int64_t value = 0;
  bool isRegister = false;

  static Operand reg(uint32_t number) { return {static_cast<int64_t>(number), true}; }
  static Operand imm(int64_t value) { return {value, false}; }
};

/// Register arithmetic; the values are the schema's. FloorDiv rounds to -inf, CeilDiv to +inf, Mod has the
/// divisor's sign; overflow and division by zero end the run. Comparisons give 0 or 1.
enum class ArithOp : uint8_t {
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
  Xor
};

//===--- Commands: what each does is said in aicc.fbs ------------------------------------===//

struct CommandArith {
  ArithOp op;
  uint32_t dst;
  Operand a, b;
};
struct CommandSelect {
  uint32_t dst;
  Operand condition, a, b;
};
struct CommandArgDim {
  uint32_t dst, arg, dim;
};
struct CommandAlloc {
  uint32_t dst;
  Operand size;
  uint32_t alignment = 64;
};
struct CommandFree {
  uint32_t slot;
};
struct CommandView {
  uint32_t dst, src;
  Operand offset, size;
};
struct CommandConstant {
  uint32_t dst, constant;
};
struct CommandMove {
  uint32_t dst, src;
};
struct CommandCopy {
  uint32_t dst;
  Operand dstOffset;
  uint32_t src;
  Operand srcOffset, size;
};
struct CommandFill {
  uint32_t dst;
  Operand offset, size, pattern;
  uint32_t patternSize = 1;
};

struct Binding {
  uint32_t slot = 0;
  Operand offset{}; ///< in bytes
  Operand length{}; ///< bytes the kernel touches from there; 0: not known, not checked
};

struct CommandDispatch {
  uint32_t executable = 0, entry = 0;
  Operand grid = Operand::imm(1);
  Operand scratch{}; ///< bytes for each worker
  std::vector<Binding> bindings;
  std::vector<Operand> params;
  std::string name;               ///< in profiles and errors
  std::vector<std::string> nodes; ///< the model's nodes this is made of
};

struct CommandLoadScalar {
  uint32_t dst, src;
  Operand offset;
  aicc_element_type elementType = AICC_TYPE_I64;
};
struct CommandAssert {
  Operand condition;
  std::string message;
  std::vector<std::string> nodes;
};
struct CommandBranch {
  uint32_t block;
};
struct CommandBranchIf {
  Operand condition;
  uint32_t thenBlock, elseBlock;
};
struct CommandCall {
  uint32_t function;
  std::vector<uint32_t> argSlots, resultSlots;
  std::vector<Operand> inputs;
  std::vector<uint32_t> outputs;
};
struct CommandReturn {};
struct CommandBindResult {
  uint32_t result;
  std::vector<Operand> dims;
};

struct Command {
  using Op = std::variant<CommandArith, CommandSelect, CommandArgDim, CommandAlloc, CommandFree, CommandView,
                          CommandConstant, CommandMove, CommandCopy, CommandFill, CommandDispatch,
                          CommandLoadScalar, CommandAssert, CommandBranch, CommandBranchIf, CommandCall,
                          CommandReturn, CommandBindResult>;
  Op op;
  uint16_t device = 0;

  template <typename T> Command(T op, uint16_t device = 0) : op(std::move(op)), device(device) {}
};

using Block = std::vector<Command>; ///< ends with Branch, BranchIf or Return

//===--- Functions -----------------------------------------------------------------------===//

struct Dim {
  int64_t size = -1;   ///< -1: known when run
  int32_t symbol = -1; ///< index into Function::symbols
  std::string name{};  ///< the model's own name for it
};

struct TensorType {
  std::string name;
  aicc_element_type elementType = AICC_TYPE_INVALID;
  std::vector<Dim> dims{};
  std::vector<int64_t> strides{}; ///< in elements; empty: dense row-major
};

struct Symbol {
  std::string name;
  int64_t min = 0, max = INT64_MAX, divisor = 1;
  uint32_t arg = 0, dim = 0; ///< bound from this dimension of this argument
  int32_t reg = -1;          ///< holds the size when the shape program starts; -1: none
};

struct Arg {
  TensorType type;
  uint32_t slot = 0;
  bool donated = false;
  uint16_t device = 0;
};

struct Result {
  TensorType type;
  uint32_t slot = 0; ///< bound to the result's memory before block 0 starts
  std::vector<Operand>
      dims{}; ///< one for each dimension, evaluated after the shape program. Empty: the type's, all static
  std::vector<Operand> finalDims{}; ///< evaluated at return; empty: as `dims`
  int32_t aliasArg = -1;
  uint16_t device = 0;
  bool late = false; ///< CommandBindResult gives it sizes and memory; unknown `dims` are -1
};

struct State {
  TensorType type;
  uint64_t size = 0;
  uint16_t device = 0;
};
struct StateBinding {
  uint32_t state = 0, slot = 0;
};
struct Arena {
  uint32_t slot = 0;
  uint64_t size = 0;
  uint32_t alignment = 64;
  uint16_t device = 0;
};

struct Function {
  std::string name;
  std::vector<Arg> args;
  std::vector<Result> results;
  std::vector<Symbol> symbols;
  std::vector<StateBinding> states;
  std::vector<Arena> arenas;
  uint32_t registerCount = 0, slotCount = 0;
  Block shapeProgram; ///< Arith, Select, ArgDim, Assert only; no terminator
  std::vector<Block> blocks;
  int32_t rankRegister = -1, worldSizeRegister = -1;
  bool isPrivate = false; ///< only for CommandCall
  std::vector<uint32_t> inputRegisters, outputRegisters;
};

struct Entry {
  std::string name;
  uint32_t bufferCount = 0, paramCount = 0;
};

/// A kernel image that was added with addCode.
struct Executable {
  uint32_t segment = 0;
  std::vector<Entry> entries;
  std::string name;
};

/// The program for one target; put the most demanding first: the runtime takes the first that fits.
struct Instance {
  std::string target;                ///< "cpu:x86-64-v4"
  std::string format;                ///< "elf-x86-64"
  std::vector<std::string> features; ///< as LLVM spells them: "avx2", "avx512f"
  std::vector<Executable> executables;
  std::vector<Function> functions;
  std::vector<State> states;
  std::vector<std::string>
      deviceFormats; ///< one for each logical device slot, "" for the host; empty: only the host
};

//===--- Writer --------------------------------------------------------------------------===//

/// Writes one module. Data goes to `.<name>.tmp.<pid>` in the output's folder and is renamed in `finish`, so
/// that a crash leaves no half file. Equal contents are stored once. Errors stick: after the first, calls do
/// nothing, and `finish` returns false. One thread at a time.
class ModuleWriter {
public:
  explicit ModuleWriter(const std::string &path);
  /// Removes the temporary file unless `finish` succeeded.
  ~ModuleWriter();
  ModuleWriter(const ModuleWriter &) = delete;
  ModuleWriter &operator=(const ModuleWriter &) = delete;

  /// Adds a weight and returns the constant's index, of an equal one if there is one. `alignment`: a power of
  /// two up to 4096. `size` may be 0.
  uint32_t addConstant(const void *data, uint64_t size, const std::string &name = "",
                       uint32_t alignment = 64);

  /// The same in pieces, for weights that are made while they are written: begin, write as often as needed,
  /// end. Nothing else may be added in between.
  void beginConstant(const std::string &name = "", uint32_t alignment = 64);
  void write(const void *data, uint64_t size);
  uint32_t endConstant();

  /// Adds a kernel image and returns the segment's index, for Executable::segment.
  uint32_t addCode(const void *image, uint64_t size);

  void addProvenance(const std::string &key, const std::string &value);
  void addInstance(Instance instance);

  /// Writes the FlatBuffer and header, verifies the whole file as the runtime would, syncs and renames.
  /// False: see error().
  [[nodiscard]] bool finish();

  /// The file that data goes to until `finish`; empty if there is none (any more).
  const std::string &temporaryPath() const;
  bool failed() const;
  /// One line that says what went wrong; empty if nothing did.
  const std::string &error() const;
  /// Size of the file; valid after finish.
  uint64_t fileSize() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace aicc

#endif // AICC_MODULEWRITER_H
