// Translates one kernel, as Legalize.h leaves it, into a function of a spirv.module, operation by operation.
// A direct walk instead of a dialect conversion: LLVM's pointers have no pointee, SPIR-V's do, and the walk
// gives each use the type that it wants.

#ifndef AICC_TARGETS_LEVEL_ZERO_CODEGEN_TRANSLATOR_H
#define AICC_TARGETS_LEVEL_ZERO_CODEGEN_TRANSLATOR_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

namespace aicc::level_zero {

using mlir::Block;
using mlir::LogicalResult;
using mlir::Operation;
using mlir::Type;
using mlir::Value;
using mlir::ValueRange;

class Translator {
public:
  /// Functions and variables are appended to `module`, what they need to `capabilities`.
  Translator(mlir::spirv::ModuleOp module, llvm::SetVector<mlir::spirv::Capability> &capabilities);

  /// Adds the kernel and its entry point. Diagnostics name the operation that has no translation.
  LogicalResult translate(mlir::LLVM::LLVMFuncOp kernel);

private:
  // Translator.cpp: functions, control flow, what the others are written with.
  LogicalResult translateBody(mlir::LLVM::LLVMFuncOp kernel, mlir::spirv::FuncOp func);
  LogicalResult translateOp(Operation *op);
  LogicalResult translateBranch(Operation *op);
  LogicalResult unsupported(Operation *op, llvm::StringRef why = {});
  void need(mlir::spirv::Capability capability) { capabilities.insert(capability); }
  /// SPIR-V's type for values of `type`: index is i64, bf16 its bits, vectors of one lane are scalars. Null
  /// if there is none.
  Type convertType(Type type);
  /// The type in memory: booleans are bytes, arrays are arrays.
  Type convertMemoryType(Type type);
  Value get(Value v) { return values.lookup(v); }
  LogicalResult set(Value v, Value translated);
  /// The operation spirv.`name`.
  Value make(llvm::StringRef name, Type type, ValueRange operands);
  /// A constant of a scalar or vector type, the same in all lanes.
  Value integer(Type type, int64_t value);
  Value constant(Type type, mlir::Attribute value);
  Value splat(Value scalar, Type type);
  Value lane(Value vector, unsigned i);
  /// A value of `type` from its lanes.
  Value compose(Type type, llvm::ArrayRef<Value> lanes);
  /// `condition` may be one for all lanes.
  Value select(Value condition, Value x, Value y);
  Value logicalNot(Value v) { return make("LogicalNot", v.getType(), v); }

  // TranslateArith.cpp
  LogicalResult translateArith(Operation *op);
  LogicalResult translateMath(Operation *op);
  Value translateCast(Operation *op, Type type);
  Value translateCompare(mlir::arith::CmpIOp op);
  Value translateCompare(mlir::arith::CmpFOp op);
  Value translateConstant(Type type, mlir::TypedAttr value);

  // TranslateVector.cpp
  LogicalResult translateVector(Operation *op);
  Value bitcast(Value v, Type type);

  // TranslateMemory.cpp
  LogicalResult translateMemory(Operation *op);
  Value pointerTo(Value pointer, Type pointee);
  LogicalResult translateAddress(mlir::LLVM::GEPOp op);
  LogicalResult translateAtomic(mlir::LLVM::AtomicRMWOp op);
  LogicalResult translateAtomic(mlir::LLVM::AtomicCmpXchgOp op);
  LogicalResult translateAlloca(mlir::LLVM::AllocaOp op);
  LogicalResult translateShared(mlir::LLVM::AddressOfOp op);

  // TranslateGpu.cpp
  LogicalResult translateGpu(Operation *op);
  Value builtin(mlir::spirv::BuiltIn builtin);
  Value builtin(mlir::spirv::BuiltIn builtin, unsigned dimension);
  LogicalResult translateShuffle(Operation *op);

  mlir::spirv::ModuleOp module;
  llvm::SetVector<mlir::spirv::Capability> &capabilities;
  mlir::ImplicitLocOpBuilder b;
  mlir::LLVM::LLVMFuncOp kernel;
  mlir::spirv::FuncOp func;
  unsigned threads = 0, subgroup = 0;
  /// Its lanes know of one another: the subgroup's size must be as the kernel says.
  bool usesLanes = false;
  llvm::DenseMap<Value, Value> values;
  llvm::DenseMap<Block *, Block *> blocks;
  /// Globals that this kernel uses: by name in the kernel's module, and the builtins among them.
  llvm::StringMap<mlir::spirv::GlobalVariableOp> shared;
  llvm::SetVector<mlir::Attribute> interface;
};

} // namespace aicc::level_zero

#endif // AICC_TARGETS_LEVEL_ZERO_CODEGEN_TRANSLATOR_H
