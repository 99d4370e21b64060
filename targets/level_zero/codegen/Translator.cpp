// Functions, types, control flow, and the dispatch to the dialects' files.

#include "targets/level_zero/codegen/Translator.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "targets/gpu/codegen/DeviceEnd.h"
#include "llvm/ADT/PostOrderIterator.h"

using namespace mlir;
using namespace aicc::level_zero;

Translator::Translator(spirv::ModuleOp module, llvm::SetVector<spirv::Capability> &capabilities)
    : module(module), capabilities(capabilities), b(module.getLoc(), module.getContext()) {}

LogicalResult Translator::unsupported(Operation *op, StringRef why) {
  InFlightDiagnostic diagnostic = op->emitOpError("has no translation to SPIR-V");
  if (!why.empty())
    diagnostic << ": " << why;
  else if (op->getNumResults() != 0)
    diagnostic << " (result type " << op->getResult(0).getType() << ")";
  return diagnostic;
}

Type Translator::convertType(Type type) {
  if (type.isIndex())
    type = b.getI64Type();
  else if (type.isBF16())
    type = b.getI16Type();
  if (auto pointer = dyn_cast<LLVM::LLVMPointerType>(type)) {
    spirv::StorageClass storage;
    switch (pointer.getAddressSpace()) {
    case 0:
    case 1:
      storage = spirv::StorageClass::CrossWorkgroup;
      break;
    case aicc::gpu::kSharedSpace:
      storage = spirv::StorageClass::Workgroup;
      break;
    case 5:
      storage = spirv::StorageClass::Function;
      break;
    default:
      return {};
    }
    need(spirv::Capability::Int8);
    return spirv::PointerType::get(b.getI8Type(), storage);
  }
  if (auto vector = dyn_cast<VectorType>(type)) {
    Type element = convertType(vector.getElementType());
    if (!element || vector.getRank() > 1 || vector.isScalable())
      return {};
    int64_t lanes = vector.getNumElements();
    if (lanes == 1)
      return element;
    if (!llvm::is_contained({2, 3, 4, 8, 16}, lanes))
      return {};
    if (lanes > 4)
      need(spirv::Capability::Vector16);
    return VectorType::get(lanes, element);
  }
  if (auto integer = dyn_cast<IntegerType>(type)) {
    switch (integer.getWidth()) {
    case 1:
    case 32:
      break;
    case 8:
      need(spirv::Capability::Int8);
      break;
    case 16:
      need(spirv::Capability::Int16);
      break;
    case 64:
      need(spirv::Capability::Int64);
      break;
    default:
      return {};
    }
    return IntegerType::get(type.getContext(), integer.getWidth());
  }
  if (type.isF16())
    need(spirv::Capability::Float16);
  else if (type.isF64())
    need(spirv::Capability::Float64);
  else if (!type.isF32())
    return {};
  return type;
}

Type Translator::convertMemoryType(Type type) {
  if (auto array = dyn_cast<LLVM::LLVMArrayType>(type)) {
    Type element = convertMemoryType(array.getElementType());
    return element ? spirv::ArrayType::get(element, array.getNumElements()) : Type();
  }
  if (type.isInteger(1))
    type = b.getI8Type();
  else if (auto vector = dyn_cast<VectorType>(type); vector && vector.getElementType().isInteger(1))
    type = vector.clone(b.getI8Type());
  return convertType(type);
}

Value Translator::make(StringRef name, Type type, ValueRange operands) {
  return b.create(b.getLoc(), b.getStringAttr("spirv." + name), operands, type)->getResult(0);
}

Value Translator::constant(Type type, Attribute value) {
  if (auto vector = dyn_cast<VectorType>(type))
    if (!isa<DenseElementsAttr>(value))
      value = DenseElementsAttr::get(vector, value);
  return b.create<spirv::ConstantOp>(type, value);
}

Value Translator::integer(Type type, int64_t value) {
  Type element = getElementTypeOrSelf(type);
  if (element.isInteger(1))
    return constant(type, b.getBoolAttr(value != 0));
  return constant(type, b.getIntegerAttr(element, value));
}

Value Translator::splat(Value scalar, Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector)
    return scalar;
  return compose(vector, SmallVector<Value>(vector.getNumElements(), scalar));
}

Value Translator::lane(Value vector, unsigned i) {
  if (!isa<VectorType>(vector.getType()))
    return vector;
  return b.create<spirv::CompositeExtractOp>(vector, ArrayRef<int32_t>{int32_t(i)});
}

Value Translator::compose(Type type, ArrayRef<Value> lanes) {
  return isa<VectorType>(type) ? Value(b.create<spirv::CompositeConstructOp>(type, lanes)) : lanes.front();
}

Value Translator::select(Value condition, Value x, Value y) {
  if (auto vector = dyn_cast<VectorType>(x.getType()); vector && !isa<VectorType>(condition.getType()))
    condition = splat(condition, vector.clone(b.getI1Type()));
  return make("Select", x.getType(), {condition, x, y});
}

LogicalResult Translator::set(Value v, Value translated) {
  values[v] = translated;
  return success();
}

LogicalResult Translator::translate(LLVM::LLVMFuncOp source) {
  kernel = source;
  values.clear();
  blocks.clear();
  shared.clear();
  interface.clear();
  usesLanes = false;
  b.setLoc(kernel.getLoc());
  using aicc::gpu::KernelAttrs;
  auto number = [&](StringRef name) -> unsigned {
    auto attr = kernel->getAttrOfType<IntegerAttr>(name);
    return attr ? attr.getInt() : 0;
  };
  threads = number(KernelAttrs::threads);
  subgroup = number(KernelAttrs::subgroup);
  if (threads == 0)
    return kernel.emitOpError("has no workgroup size");

  SmallVector<Type> types;
  for (Type type : kernel.getArgumentTypes()) {
    types.push_back(convertType(type));
    if (!types.back() || isa<VectorType>(types.back()) || types.back().isInteger(1))
      return kernel.emitOpError("has a parameter that SPIR-V kernels can't have: ") << type;
  }
  b.setInsertionPointToEnd(module.getBody());
  func = b.create<spirv::FuncOp>(kernel.getName(), b.getFunctionType(types, {}));
  if (failed(translateBody(kernel, func)))
    return failure();

  b.setInsertionPointToEnd(module.getBody());
  b.create<spirv::EntryPointOp>(spirv::ExecutionModel::Kernel, func, interface.getArrayRef());
  b.create<spirv::ExecutionModeOp>(func, spirv::ExecutionMode::LocalSize,
                                   ArrayRef<int32_t>{int32_t(threads), 1, 1});
  // What may be fused has been (see Legalize.h).
  b.create<spirv::ExecutionModeOp>(func, spirv::ExecutionMode::ContractionOff, ArrayRef<int32_t>{});
  if (usesLanes && subgroup != 0) {
    need(spirv::Capability::SubgroupDispatch);
    b.create<spirv::ExecutionModeOp>(func, spirv::ExecutionMode::SubgroupSize,
                                     ArrayRef<int32_t>{int32_t(subgroup)});
  }
  return success();
}

LogicalResult Translator::translateBody(LLVM::LLVMFuncOp kernel, spirv::FuncOp func) {
  llvm::ReversePostOrderTraversal<Block *> order(&kernel.getBody().front());
  for (Block *block : order) {
    auto *copy = new Block;
    func.getBody().push_back(copy);
    blocks[block] = copy;
    for (BlockArgument arg : block->getArguments()) {
      Type type = convertType(arg.getType());
      if (!type)
        return emitError(arg.getLoc(), "a value of type ") << arg.getType() << " can't be carried in SPIR-V";
      values[arg] = copy->addArgument(type, arg.getLoc());
    }
  }
  // In reverse post-order, so that values come before their uses.
  for (Block *block : order) {
    b.setInsertionPointToEnd(blocks[block]);
    for (Operation &op : *block) {
      b.setLoc(op.getLoc());
      if (failed(translateOp(&op)))
        return failure();
    }
  }
  return success();
}

LogicalResult Translator::translateOp(Operation *op) {
  for (Value operand : op->getOperands())
    if (!values.contains(operand))
      return unsupported(op, "an operand has no value");
  Dialect *dialect = op->getDialect();
  if (isa_and_present<arith::ArithDialect>(dialect))
    return translateArith(op);
  if (isa_and_present<math::MathDialect>(dialect))
    return translateMath(op);
  if (isa_and_present<vector::VectorDialect>(dialect))
    return translateVector(op);
  if (isa_and_present<mlir::gpu::GPUDialect>(dialect))
    return translateGpu(op);
  if (isa_and_present<cf::ControlFlowDialect>(dialect) || isa<LLVM::ReturnOp>(op))
    return translateBranch(op);
  if (isa<ub::PoisonOp>(op)) {
    Type type = convertType(op->getResult(0).getType());
    return type ? set(op->getResult(0), make("Undef", type, {})) : unsupported(op);
  }
  return translateMemory(op);
}

LogicalResult Translator::translateBranch(Operation *op) {
  // Pointers travel between blocks as pointers to bytes.
  auto arguments = [&](ValueRange from, Block *to, SmallVectorImpl<Value> &converted) {
    for (auto [value, arg] : llvm::zip(from, to->getArguments())) {
      Value v = get(value);
      Type type = get(arg).getType();
      if (auto pointer = dyn_cast<spirv::PointerType>(type)) {
        if (cast<spirv::PointerType>(v.getType()).getStorageClass() != pointer.getStorageClass())
          return unsupported(op, "it carries a pointer to another kind of memory than its type says");
        v = pointerTo(v, pointer.getPointeeType());
      }
      converted.push_back(v);
    }
    return success();
  };
  SmallVector<Value> first, second;
  if (isa<LLVM::ReturnOp>(op)) {
    if (op->getNumOperands() != 0)
      return unsupported(op, "kernels return nothing");
    b.create<spirv::ReturnOp>();
    return success();
  }
  if (auto branch = dyn_cast<cf::BranchOp>(op)) {
    if (failed(arguments(branch.getDestOperands(), branch.getDest(), first)))
      return failure();
    b.create<spirv::BranchOp>(blocks[branch.getDest()], first);
    return success();
  }
  if (auto branch = dyn_cast<cf::CondBranchOp>(op)) {
    Block *yes = branch.getTrueDest(), *no = branch.getFalseDest();
    if (failed(arguments(branch.getTrueOperands(), yes, first)) ||
        failed(arguments(branch.getFalseOperands(), no, second)))
      return failure();
    Value condition = get(branch.getCondition());
    if (yes != no) {
      b.create<spirv::BranchConditionalOp>(condition, blocks[yes], first, blocks[no], second);
      return success();
    }
    // An OpPhi has one value for each predecessor.
    for (auto [x, y] : llvm::zip(first, second))
      if (x != y)
        x = select(condition, x, y);
    b.create<spirv::BranchOp>(blocks[yes], first);
    return success();
  }
  if (auto branch = dyn_cast<cf::SwitchOp>(op)) {
    Value flag = get(branch.getFlag());
    auto cases = branch.getCaseValues();
    // A chain of comparisons; every block but the first is new.
    unsigned count = cases ? cases->getNumElements() : 0;
    for (unsigned i = 0; i < count; ++i) {
      first.clear();
      Block *target = branch.getCaseDestinations()[i];
      if (failed(arguments(branch.getCaseOperands(i), target, first)))
        return failure();
      int64_t value = (*(cases->value_begin<APInt>() + i)).getSExtValue();
      Value equal = make("IEqual", b.getI1Type(), {flag, integer(flag.getType(), value)});
      auto *taken = new Block, *next = new Block;
      Block *current = b.getInsertionBlock();
      func.getBody().getBlocks().insertAfter(current->getIterator(), taken);
      func.getBody().getBlocks().insertAfter(taken->getIterator(), next);
      b.create<spirv::BranchConditionalOp>(equal, taken, ValueRange(), next, ValueRange());
      b.setInsertionPointToEnd(taken);
      b.create<spirv::BranchOp>(blocks[target], first);
      b.setInsertionPointToEnd(next);
    }
    if (failed(arguments(branch.getDefaultOperands(), branch.getDefaultDestination(), second)))
      return failure();
    b.create<spirv::BranchOp>(blocks[branch.getDefaultDestination()], second);
    return success();
  }
  return unsupported(op);
}
