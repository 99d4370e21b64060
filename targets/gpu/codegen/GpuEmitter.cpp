// The function of a kernel for graphics processors, ids, workgroup and scratch memory, and memory access
// without masks: lanes that are not contiguous, or guarded, are accessed one by one.

#include "targets/gpu/codegen/GpuEmitter.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

/// True if every index into values of the dispatch, and every product of some of their sizes, fits 31 bits.
static bool hasSmallSizes(exe::DispatchOp dispatch, nn::SymbolicShapes &shapes) {
  auto isSmall = [&](Value v) {
    int64_t count = 1;
    for (AffineExpr size : shapes.get(v)) {
      auto known = nn::ShapeContext::getConstant(size);
      if (!known || *known > INT32_MAX || (count *= std::max<int64_t>(1, *known)) > INT32_MAX)
        return false;
    }
    return true;
  };
  if (!llvm::all_of(dispatch.getBody().getArguments(), isSmall))
    return false;
  for (Operation &op : dispatch.getBody().front())
    if (!llvm::all_of(op.getResults(), isSmall))
      return false;
  return true;
}

GpuEmitter::GpuEmitter(ModuleOp module, StringRef name, exe::DispatchOp dispatch, nn::SymbolicShapes &shapes,
                       const GpuDescriptor &gpu, const DeviceEnd &end, unsigned threads)
    : KernelEmitter(module, dispatch, shapes), gpu(gpu), end(end), threads(threads),
      lanes(threads % std::max(1u, gpu.subgroupSize) ? 0 : gpu.subgroupSize),
      smallSizes(hasSmallSizes(dispatch, shapes)) {
  alignedBlocks = true;
  Type ptr = LLVM::LLVMPointerType::get(b.getContext()), none = LLVM::LLVMVoidType::get(b.getContext());
  SmallVector<Type> types(getNumBuffers(), ptr);
  types.append(usedSymbols.size(), b.getI64Type());
  b.setInsertionPointToEnd(module.getBody());
  auto function = b.create<LLVM::LLVMFuncOp>(loc, name, LLVM::LLVMFunctionType::get(none, types));
  for (unsigned i = 0; i < getNumBuffers(); ++i)
    function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
  function->setAttr(KernelAttrs::kernel, b.getUnitAttr());
  function->setAttr(KernelAttrs::threads, b.getI32IntegerAttr(threads));
  function->setAttr(KernelAttrs::subgroup, b.getI32IntegerAttr(lanes));
  owned.push_back(function);
  startBody(function, name);
}

Launch GpuEmitter::finish(AffineExpr grid, AffineExpr) { return KernelEmitter::finish(grid, scratchBytes); }

//===--- ids
//-------------------------------------------------------------------------------------------------------------===//

Value GpuEmitter::id(Value &slot, llvm::function_ref<Value()> make) {
  if (!slot)
    slot = atEntry(make);
  return slot;
}

Value GpuEmitter::groupId() {
  return id(group, [&]() -> Value {
    Value index = b.create<mlir::gpu::BlockIdOp>(loc, mlir::gpu::Dimension::x);
    return b.create<arith::IndexCastOp>(loc, b.getI64Type(), index);
  });
}

Value GpuEmitter::threadId() {
  return id(thread, [&]() -> Value {
    Value index = b.create<mlir::gpu::ThreadIdOp>(loc, mlir::gpu::Dimension::x);
    return b.create<arith::IndexCastOp>(loc, b.getI64Type(), index);
  });
}

Value GpuEmitter::laneId() {
  assert(lanes && "no subgroups");
  return id(lane, [&] { return lanes == threads ? threadId() : rem(threadId(), constant(lanes)); });
}

Value GpuEmitter::subgroupId() {
  assert(lanes && "no subgroups");
  return id(subgroup, [&] { return lanes == threads ? constant(0) : div(threadId(), constant(lanes)); });
}

Value GpuEmitter::globalId() {
  return id(global, [&] { return add(mul(groupId(), constant(threads)), threadId()); });
}

//===--- memory of the workgroup, the thread, and scratch
//----------------------------------------------------------------===//

void GpuEmitter::barrier() {
  b.create<mlir::gpu::BarrierOp>(loc);
  clearMemo(); // what was loaded may have changed
}

Value GpuEmitter::shared(Type element, unsigned count) {
  std::string name = (func.getName() + "_shared_" + llvm::Twine(numShared++)).str();
  auto type = LLVM::LLVMArrayType::get(memoryType(element), count);
  LLVM::GlobalOp memory;
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(func);
    memory = b.create<LLVM::GlobalOp>(loc, type, /*isConstant=*/false, LLVM::Linkage::Internal, name,
                                      Attribute(), /*alignment=*/16, kSharedSpace);
  }
  owned.push_back(memory);
  return atEntry([&]() -> Value { return b.create<LLVM::AddressOfOp>(loc, memory); });
}

Value GpuEmitter::local(Type element, unsigned count) {
  return atEntry([&]() -> Value {
    return b.create<LLVM::AllocaOp>(loc, LLVM::LLVMPointerType::get(b.getContext()), memoryType(element),
                                    constant(count), /*alignment=*/16);
  });
}

Value GpuEmitter::scratch(AffineExpr bytes) {
  assert(!scratchBytes && "a kernel has one scratch memory");
  scratchBytes = bytes.ceilDiv(64) * 64; // parts are aligned
  // One more argument, at the end.
  SmallVector<DictionaryAttr> attrs;
  func.getAllArgAttrs(attrs);
  SmallVector<Type> types(func.getArgumentTypes());
  Type ptr = LLVM::LLVMPointerType::get(b.getContext());
  types.push_back(ptr);
  func->removeAttr(func.getArgAttrsAttrName());
  func.setFunctionType(LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), types));
  // Threads read what others have written there: were it noalias, a barrier would not seem to change it.
  attrs.push_back(b.getDictionaryAttr({}));
  func.setAllArgAttrs(attrs);
  Value base = func.getBody().front().addArgument(ptr, loc);
  func->setAttr(KernelAttrs::scratch, b.getUnitAttr());
  return atEntry([&] { return address(base, mul(groupId(), size(scratchBytes)), b.getI8Type()); });
}

//===--- control
//---------------------------------------------------------------------------------------------------------===//

void GpuEmitter::share(Value count, llvm::function_ref<void(Value)> body) {
  loop(threadId(), count, constant(threads), body);
}

SmallVector<Value> GpuEmitter::share(Value count, ValueRange init,
                                     llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  return loop(threadId(), count, constant(threads), init, body);
}

SmallVector<Value> GpuEmitter::ifElse(Value condition, llvm::function_ref<SmallVector<Value>()> then,
                                      llvm::function_ref<SmallVector<Value>()> otherwise) {
  auto emitBranch = [&](llvm::function_ref<SmallVector<Value>()> branch) {
    return [&, branch](OpBuilder &builder, Location) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(builder.getInsertionBlock());
      b.create<scf::YieldOp>(loc, branch());
    };
  };
  auto op = b.create<scf::IfOp>(loc, condition, emitBranch(then), emitBranch(otherwise));
  return SmallVector<Value>(op.getResults());
}

Value GpuEmitter::compare(arith::CmpIPredicate predicate, Value x, Value y) {
  return b.create<arith::CmpIOp>(loc, predicate, x, y);
}

//===--- access
//----------------------------------------------------------------------------------------------------------===//

Value GpuEmitter::perLane(unsigned count, Type element, Value mask,
                          llvm::function_ref<Value(unsigned)> indexOf, Value base) {
  Type type = registerType(element);
  Value result = b.create<arith::ConstantOp>(loc, b.getZeroAttr(vectorOf(type, count)));
  for (unsigned l = 0; l < count; ++l) {
    auto one = [&] { return KernelEmitter::load(base, indexOf(l), element); };
    Value value;
    if (mask) {
      Value on = b.create<vector::ExtractOp>(loc, mask, int64_t(l));
      value = ifElse(
                  on, [&] { return SmallVector<Value>{one()}; },
                  [&] { return SmallVector<Value>{b.create<arith::ConstantOp>(loc, b.getZeroAttr(type))}; })
                  .front();
    } else {
      value = one();
    }
    result = b.create<vector::InsertOp>(loc, value, result, int64_t(l));
  }
  return result;
}

Value GpuEmitter::load(Value base, Value index, Type element, unsigned count, Value mask, unsigned aligned) {
  if (!count || !mask)
    return KernelEmitter::load(base, index, element, count, {}, aligned);
  return perLane(count, element, mask, [&](unsigned l) { return add(index, constant(l)); }, base);
}

Value GpuEmitter::loadStrided(Value base, Value index, Value stride, Type element, unsigned count,
                              Value mask) {
  return perLane(
      count, element, mask, [&](unsigned l) { return add(index, mul(stride, constant(l))); }, base);
}

Value GpuEmitter::loadGather(Value base, Value indices, Type element, unsigned count, Value mask) {
  return perLane(
      count, element, mask,
      [&](unsigned l) { return b.create<vector::ExtractOp>(loc, indices, int64_t(l)).getResult(); }, base);
}

void GpuEmitter::store(Value value, Value base, Value index, Type element, Value mask, unsigned aligned) {
  auto vector = dyn_cast<VectorType>(value.getType());
  if (!vector || !mask)
    return KernelEmitter::store(value, base, index, element, {}, aligned);
  for (int64_t l = 0; l < vector.getNumElements(); ++l)
    ifThen(b.create<vector::ExtractOp>(loc, mask, l), [&] {
      KernelEmitter::store(b.create<vector::ExtractOp>(loc, value, l), base, add(index, constant(l)),
                           element);
    });
}

//===--- arithmetic
//------------------------------------------------------------------------------------------------------===//

/// x and y, which are not negative and fit 32 bits, divided in 32 bits.
template <typename Op> static Value inNarrow(GpuEmitter &e, Value x, Value y) {
  Type narrow = e.b.getI32Type();
  Value quotient = e.b.create<Op>(e.loc, e.b.create<arith::TruncIOp>(e.loc, narrow, x),
                                  e.b.create<arith::TruncIOp>(e.loc, narrow, y));
  return e.b.create<arith::ExtUIOp>(e.loc, e.b.getI64Type(), quotient);
}

Value GpuEmitter::div(Value x, Value y) {
  auto known = getConstant(y);
  // Powers of two are shifts at any width.
  if (!smallSizes || !x.getType().isInteger(64) || getConstant(x) ||
      (known && (*known <= 1 || llvm::isPowerOf2_64(*known))))
    return KernelEmitter::div(x, y);
  return inNarrow<arith::DivUIOp>(*this, x, y);
}

Value GpuEmitter::rem(Value x, Value y) {
  auto known = getConstant(y);
  if (!smallSizes || !x.getType().isInteger(64) || getConstant(x) ||
      (known && (*known <= 1 || llvm::isPowerOf2_64(*known))))
    return KernelEmitter::rem(x, y);
  return inNarrow<arith::RemUIOp>(*this, x, y);
}
