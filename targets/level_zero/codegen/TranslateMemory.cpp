// The LLVM dialect's part of kernel IR: addresses, loads, stores, atomics, private and workgroup memory. A
// pointer's translation has the type that it was made with; each use casts it to what it wants (pointerTo).

#include "mlir/IR/Matchers.h"
#include "targets/gpu/codegen/DeviceEnd.h"
#include "targets/level_zero/codegen/Translator.h"

using namespace mlir;
using namespace aicc::level_zero;

Value Translator::pointerTo(Value pointer, Type pointee) {
  auto type = cast<spirv::PointerType>(pointer.getType());
  if (type.getPointeeType() == pointee)
    return pointer;
  return b.create<spirv::BitcastOp>(spirv::PointerType::get(pointee, type.getStorageClass()), pointer);
}

/// What accesses are aligned to if they don't say: a vector to its elements.
static unsigned defaultAlignment(Type type) {
  return std::max(1u, getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8);
}

LogicalResult Translator::translateMemory(Operation *op) {
  auto aligned = [&](std::optional<uint64_t> alignment, Type type) {
    return b.getI32IntegerAttr(alignment.value_or(defaultAlignment(type)));
  };
  auto access = spirv::MemoryAccessAttr::get(op->getContext(), spirv::MemoryAccess::Aligned);
  if (auto address = dyn_cast<LLVM::GEPOp>(op))
    return translateAddress(address);
  if (auto load = dyn_cast<LLVM::LoadOp>(op)) {
    Type type = convertType(load.getType()), memory = convertMemoryType(load.getType());
    if (!type || !memory || isa<spirv::PointerType>(type))
      return unsupported(op);
    Value v = b.create<spirv::LoadOp>(pointerTo(get(load.getAddr()), memory), access,
                                      aligned(load.getAlignment(), memory));
    return set(load, memory == type ? v : make("INotEqual", type, {v, integer(memory, 0)}));
  }
  if (auto store = dyn_cast<LLVM::StoreOp>(op)) {
    Value v = get(store.getValue());
    Type memory = convertMemoryType(store.getValue().getType());
    if (!memory || isa<spirv::PointerType>(v.getType()))
      return unsupported(op);
    if (memory != v.getType())
      v = select(v, integer(memory, 1), integer(memory, 0));
    NamedAttribute attrs[] = {b.getNamedAttr("memory_access", access),
                              b.getNamedAttr("alignment", aligned(store.getAlignment(), memory))};
    b.create<spirv::StoreOp>(pointerTo(get(store.getAddr()), memory), v, attrs);
    return success();
  }
  if (auto atomic = dyn_cast<LLVM::AtomicRMWOp>(op))
    return translateAtomic(atomic);
  if (auto atomic = dyn_cast<LLVM::AtomicCmpXchgOp>(op))
    return translateAtomic(atomic);
  if (auto alloca = dyn_cast<LLVM::AllocaOp>(op))
    return translateAlloca(alloca);
  if (auto address = dyn_cast<LLVM::AddressOfOp>(op))
    return translateShared(address);
  if (op->getNumResults() != 1)
    return unsupported(op);

  Value from = op->getNumOperands() == 1 ? get(op->getOperand(0)) : Value();
  if (isa<LLVM::AddrSpaceCastOp>(op))
    return set(op->getResult(0), from); // Pointers keep the kind of memory that they were made for.
  if (auto extract = dyn_cast<LLVM::ExtractValueOp>(op)) {
    // Of a compare-and-exchange, whose translation is the value found: {value, whether it was as expected}.
    auto exchange = extract.getContainer().getDefiningOp<LLVM::AtomicCmpXchgOp>();
    if (!exchange)
      return unsupported(op);
    if (extract.getPosition()[0] == 0)
      return set(extract, from);
    return set(extract, make("IEqual", b.getI1Type(), {from, get(exchange.getCmp())}));
  }
  Type type = convertType(op->getResult(0).getType());
  if (!type)
    return unsupported(op);
  bool isPointer = isa<spirv::PointerType>(type);
  if (isa<LLVM::UndefOp, LLVM::PoisonOp>(op))
    return set(op->getResult(0), make("Undef", type, {}));
  if (auto constant = dyn_cast<LLVM::ConstantOp>(op)) {
    auto attr = dyn_cast<TypedAttr>(constant.getValue());
    Value v = attr && !isPointer ? translateConstant(type, attr) : Value();
    return v ? set(op->getResult(0), v) : unsupported(op);
  }
  if (isa<LLVM::ZeroOp>(op)) {
    if (isPointer)
      return set(op->getResult(0), make("ConvertUToPtr", type, integer(b.getI64Type(), 0)));
    Type element = getElementTypeOrSelf(type);
    Value zero = isa<FloatType>(element) ? constant(type, b.getFloatAttr(element, 0.0)) : integer(type, 0);
    return set(op->getResult(0), zero);
  }
  if (isa<LLVM::PtrToIntOp>(op) && !isa<VectorType>(type))
    return set(op->getResult(0), make("ConvertPtrToU", type, from));
  if (isa<LLVM::IntToPtrOp>(op) && isPointer && !isa<VectorType>(from.getType()))
    return set(op->getResult(0), make("ConvertUToPtr", type, from));
  return unsupported(op);
}

LogicalResult Translator::translateAddress(LLVM::GEPOp op) {
  Type element = convertMemoryType(op.getElemType());
  if (!element || !isa<LLVM::LLVMPointerType>(op.getType()))
    return unsupported(op);
  SmallVector<Value> indices;
  for (auto index : op.getIndices()) {
    if (auto attr = dyn_cast<IntegerAttr>(index))
      indices.push_back(integer(b.getI64Type(), attr.getInt()));
    else
      indices.push_back(get(cast<Value>(index)));
  }
  Value base = pointerTo(get(op.getBase()), element);
  ValueRange rest = ArrayRef<Value>(indices).drop_front();
  Type type = element;
  for (size_t i = 1; i < indices.size(); ++i) {
    auto array = dyn_cast<spirv::ArrayType>(type);
    if (!array)
      return unsupported(op, "it indexes what is no array");
    type = array.getElementType();
  }
  SmallVector<Value> operands{base, indices.front()};
  llvm::append_range(operands, rest);
  auto pointer = spirv::PointerType::get(type, cast<spirv::PointerType>(base.getType()).getStorageClass());
  return set(op, make(op.getInbounds() ? "InBoundsPtrAccessChain" : "PtrAccessChain", pointer, operands));
}

namespace {
/// Where an atomic access takes effect, and what it orders.
struct AtomicKind {
  spirv::Scope scope;
  spirv::MemorySemantics semantics;
};
} // namespace

static AtomicKind describeAtomic(Value pointer, LLVM::AtomicOrdering order) {
  bool isShared =
      cast<spirv::PointerType>(pointer.getType()).getStorageClass() == spirv::StorageClass::Workgroup;
  spirv::Scope scope = isShared ? spirv::Scope::Workgroup : spirv::Scope::Device;
  if (order == LLVM::AtomicOrdering::monotonic || order == LLVM::AtomicOrdering::unordered)
    return {scope, spirv::MemorySemantics::None};
  return {scope,
          spirv::MemorySemantics::AcquireRelease | (isShared ? spirv::MemorySemantics::WorkgroupMemory
                                                             : spirv::MemorySemantics::CrossWorkgroupMemory)};
}

LogicalResult Translator::translateAtomic(LLVM::AtomicRMWOp op) {
  using LLVM::AtomicBinOp;
  Type type = convertType(op.getType());
  if (!type || !type.isIntOrFloat() || !llvm::is_contained({32u, 64u}, type.getIntOrFloatBitWidth()))
    return unsupported(op);
  if (type.getIntOrFloatBitWidth() == 64)
    need(spirv::Capability::Int64Atomics);
  Value pointer = pointerTo(get(op.getPtr()), type), v = get(op.getVal());
  AtomicKind kind = describeAtomic(pointer, op.getOrdering());
  auto emit = [&](auto tag) {
    using Op = decltype(tag);
    return set(op, b.create<Op>(type, pointer, kind.scope, kind.semantics, v));
  };
  if (op.getBinOp() == AtomicBinOp::xchg)
    return emit(spirv::AtomicExchangeOp());
  // Other operations on floats are compare-and-exchange loops by now.
  if (!type.isInteger())
    return unsupported(op);
  switch (op.getBinOp()) {
  case AtomicBinOp::add:
    return emit(spirv::AtomicIAddOp());
  case AtomicBinOp::sub:
    return emit(spirv::AtomicISubOp());
  case AtomicBinOp::_and:
    return emit(spirv::AtomicAndOp());
  case AtomicBinOp::_or:
    return emit(spirv::AtomicOrOp());
  case AtomicBinOp::_xor:
    return emit(spirv::AtomicXorOp());
  case AtomicBinOp::max:
    return emit(spirv::AtomicSMaxOp());
  case AtomicBinOp::min:
    return emit(spirv::AtomicSMinOp());
  case AtomicBinOp::umax:
    return emit(spirv::AtomicUMaxOp());
  case AtomicBinOp::umin:
    return emit(spirv::AtomicUMinOp());
  default:
    return unsupported(op);
  }
}

LogicalResult Translator::translateAtomic(LLVM::AtomicCmpXchgOp op) {
  Type type = convertType(op.getVal().getType());
  if (!type || !(type.isInteger(32) || type.isInteger(64)))
    return unsupported(op);
  if (type.isInteger(64))
    need(spirv::Capability::Int64Atomics);
  Value pointer = pointerTo(get(op.getPtr()), type);
  AtomicKind kind = describeAtomic(pointer, op.getSuccessOrdering());
  // Where the values differ nothing is written: no release.
  spirv::MemorySemantics unequal = kind.semantics;
  if (bitEnumContainsAny(unequal, spirv::MemorySemantics::AcquireRelease))
    unequal = (unequal & ~spirv::MemorySemantics::AcquireRelease) | spirv::MemorySemantics::Acquire;
  Value found = b.create<spirv::AtomicCompareExchangeOp>(type, pointer, kind.scope, kind.semantics, unequal,
                                                         get(op.getVal()), get(op.getCmp()));
  return set(op, found);
}

LogicalResult Translator::translateAlloca(LLVM::AllocaOp op) {
  APInt count;
  Type element = convertMemoryType(op.getElemType());
  if (!element || !matchPattern(op.getArraySize(), m_ConstantInt(&count)) || count.isZero())
    return unsupported(op, "private memory has a constant size and elements of a plain type");
  Type type = count.isOne() ? element : spirv::ArrayType::get(element, count.getZExtValue());
  Value variable = b.create<spirv::VariableOp>(spirv::PointerType::get(type, spirv::StorageClass::Function),
                                               spirv::StorageClass::Function, /*initializer=*/Value());
  return set(op, pointerTo(variable, element));
}

LogicalResult Translator::translateShared(LLVM::AddressOfOp op) {
  auto source = kernel->getParentOfType<ModuleOp>().lookupSymbol<LLVM::GlobalOp>(op.getGlobalName());
  if (!source || source.getAddrSpace() != aicc::gpu::kSharedSpace)
    return unsupported(op, "only workgroup memory is global");
  spirv::GlobalVariableOp &variable = shared[source.getName()];
  if (!variable) {
    Type declared = source.getGlobalType();
    // Memory of a size that the launch tells has been counted by the kernel's attribute.
    auto array = dyn_cast<LLVM::LLVMArrayType>(declared);
    auto bytes = kernel->getAttrOfType<IntegerAttr>(aicc::gpu::KernelAttrs::dynamicShared);
    if (array && array.getNumElements() == 0 && bytes)
      declared = LLVM::LLVMArrayType::get(b.getI8Type(), bytes.getInt());
    Type type = convertMemoryType(declared);
    if (!type)
      return unsupported(op);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(func);
    variable = b.create<spirv::GlobalVariableOp>(
        TypeAttr::get(spirv::PointerType::get(type, spirv::StorageClass::Workgroup)),
        b.getStringAttr(kernel.getName() + "." + source.getName()), nullptr);
  }
  return set(op, b.create<spirv::AddressOfOp>(variable));
}
