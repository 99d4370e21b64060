// The CPU kernel's function, and what only a CPU can be asked for.

#include "targets/cpu/codegen/CpuEmitter.h"

using namespace mlir;
using namespace aicc::cpu;

CpuEmitter::CpuEmitter(ModuleOp module, llvm::StringRef name, exe::DispatchOp dispatch,
                       nn::SymbolicShapes &shapes, const CpuDescriptor &cpu)
    : KernelEmitter(module, dispatch, shapes), cpu(cpu) {
  // @name loads addresses and parameters and calls @name.body, whose pointers are declared not to alias: what
  // LLVM needs to keep loads and stores apart.
  MLIRContext *ctx = module.getContext();
  Type ptr = LLVM::LLVMPointerType::get(ctx), i64 = b.getI64Type(), none = LLVM::LLVMVoidType::get(ctx);
  unsigned buffers = getNumBuffers();
  SmallVector<Type> bodyTypes(buffers, ptr);
  bodyTypes.append(usedSymbols.size(), i64);
  bodyTypes.append({i64, i64, ptr});

  b.setInsertionPointToEnd(module.getBody());
  std::string bodyName = (name + ".body").str();
  auto body = b.create<LLVM::LLVMFuncOp>(loc, bodyName, LLVM::LLVMFunctionType::get(none, bodyTypes),
                                         LLVM::Linkage::Internal);
  for (unsigned i = 0; i < buffers; ++i)
    body.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
  body.setArgAttr(bodyTypes.size() - 1, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());

  auto outer =
      b.create<LLVM::LLVMFuncOp>(loc, name, LLVM::LLVMFunctionType::get(none, {ptr, ptr, i64, i64, ptr}));
  owned = {outer, body};
  Block *outerEntry = outer.addEntryBlock(b);
  b.setInsertionPointToStart(outerEntry);
  SmallVector<Value> args;
  auto loadSlot = [&](Value base, unsigned i, Type type) {
    Value at =
        i ? b.create<LLVM::GEPOp>(loc, ptr, i64, base, ArrayRef<LLVM::GEPArg>{int32_t(i)}).getResult() : base;
    return b.create<LLVM::LoadOp>(loc, type, at).getResult();
  };
  for (unsigned i = 0; i < buffers; ++i)
    args.push_back(loadSlot(outerEntry->getArgument(0), i, ptr));
  for (unsigned i = 0; i < usedSymbols.size(); ++i)
    args.push_back(loadSlot(outerEntry->getArgument(1), i, i64));
  for (unsigned i = 2; i < 5; ++i)
    args.push_back(outerEntry->getArgument(i));
  b.create<LLVM::CallOp>(loc, TypeRange{}, SymbolRefAttr::get(ctx, bodyName), args);
  b.create<LLVM::ReturnOp>(loc, ValueRange{});

  startBody(body, name);
  begin = body.getArgument(bodyTypes.size() - 3);
  end = body.getArgument(bodyTypes.size() - 2);
  scratch = body.getArgument(bodyTypes.size() - 1);
}

void CpuEmitter::prefetch(Value base, Value index, Type element, int locality) {
  Value at = address(base, index, element);
  b.create<LLVM::Prefetch>(loc, at, /*rw=*/0u, /*hint=*/unsigned(locality), /*cache=*/1u);
}
