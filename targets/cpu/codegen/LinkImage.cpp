// From objects to the image: the query function with its table, the check that nothing is left undefined, and
// the linker's options.

#include "aicc/kernel_abi.h"
#include "targets/cpu/codegen/BackendSteps.h"
#include "targets/kernel/LinkElf.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;
using namespace aicc::cpu;

using Object = SmallVector<char, 0>;

static_assert(sizeof(aicc_executable_table) == 32, "emitQueryObject writes this layout");

Expected<Object> aicc::cpu::emitQueryObject(ArrayRef<std::string> entryNames, TargetMachine &machine) {
  LLVMContext context;
  Module module("query", context);
  module.setTargetTriple(machine.getTargetTriple().str());
  module.setDataLayout(machine.createDataLayout());
  IRBuilder<> builder(context);
  Type *ptr = builder.getPtrTy(), *i32 = builder.getInt32Ty();

  SmallVector<Constant *> entries, names;
  for (const std::string &name : entryNames) {
    Function *entry = Function::Create(FunctionType::get(builder.getVoidTy(), {}, false),
                                       GlobalValue::ExternalLinkage, name, module);
    entry->setVisibility(GlobalValue::HiddenVisibility);
    entry->setDSOLocal(true);
    entries.push_back(entry);
    names.push_back(builder.CreateGlobalString(name, "name", 0, &module));
  }
  auto makeTable = [&](ArrayRef<Constant *> values) -> Constant * {
    auto *type = ArrayType::get(ptr, values.size());
    return new GlobalVariable(module, type, /*isConstant=*/true, GlobalValue::InternalLinkage,
                              ConstantArray::get(type, values));
  };
  Constant *table = ConstantStruct::getAnon({ConstantInt::get(i32, sizeof(aicc_executable_table)),
                                             ConstantInt::get(i32, AICC_KERNEL_ABI_VERSION),
                                             ConstantInt::get(i32, entryNames.size()),
                                             ConstantInt::get(i32, 0), makeTable(entries), makeTable(names)});
  auto *global =
      new GlobalVariable(module, table->getType(), /*isConstant=*/true, GlobalValue::InternalLinkage, table);

  Function *query = Function::Create(FunctionType::get(ptr, {i32}, false), GlobalValue::ExternalLinkage,
                                     AICC_EXECUTABLE_QUERY_NAME, module);
  query->addFnAttr(Attribute::NoUnwind);
  builder.SetInsertPoint(BasicBlock::Create(context, "", query));
  Value *known = builder.CreateICmpEQ(query->getArg(0), ConstantInt::get(i32, AICC_KERNEL_ABI_VERSION));
  builder.CreateRet(builder.CreateSelect(known, global, ConstantPointerNull::get(builder.getPtrTy())));
  return emitObject(module, machine);
}

//===--- Symbols
//---------------------------------------------------------------------------------------------------===//

static Expected<std::unique_ptr<object::ObjectFile>> openObject(StringRef bytes) {
  return object::ObjectFile::createELFObjectFile(MemoryBufferRef(bytes, "kernels.o"));
}

/// Adds the global symbols that an object defines; an error for the second definition of one.
static Error collectDefinitions(StringRef bytes, StringSet<> &defined) {
  auto object = openObject(bytes);
  if (!object)
    return object.takeError();
  for (const object::SymbolRef &symbol : (*object)->symbols()) {
    Expected<uint32_t> flags = symbol.getFlags();
    Expected<StringRef> name = symbol.getName();
    if (!flags || !name)
      return joinErrors(flags.takeError(), name.takeError());
    if ((*flags & object::SymbolRef::SF_Undefined) || !(*flags & object::SymbolRef::SF_Global))
      continue;
    if (!defined.insert(*name).second)
      return createStringError("two kernels are named '%s'", name->str().c_str());
  }
  return Error::success();
}

/// An error that names the first symbol which an object needs and nobody defines, and the function that needs
/// it.
static Error checkReferences(StringRef bytes, const StringSet<> &defined) {
  auto object = openObject(bytes);
  if (!object)
    return object.takeError();
  for (const object::SectionRef &section : (*object)->sections()) {
    Expected<object::section_iterator> relocated = section.getRelocatedSection();
    if (!relocated)
      return relocated.takeError();
    for (const object::RelocationRef &relocation : section.relocations()) {
      object::symbol_iterator symbol = relocation.getSymbol();
      if (symbol == (*object)->symbol_end())
        continue;
      Expected<uint32_t> flags = symbol->getFlags();
      Expected<StringRef> name = symbol->getName();
      if (!flags || !name)
        return joinErrors(flags.takeError(), name.takeError());
      if (!(*flags & object::SymbolRef::SF_Undefined) || defined.contains(*name))
        continue;
      if (bytes.contains(AICC_EXECUTABLE_QUERY_NAME))
        return createStringError("no module defines the kernel '%s'", name->str().c_str());
      // Every function has a section of its own, which bears its name.
      StringRef user = "?";
      if (*relocated != (*object)->section_end())
        if (Expected<StringRef> sectionName = (*relocated)->getName()) {
          user = *sectionName;
          user.consume_front(".text.");
        }
      return createStringError(
          "kernel '%s' needs the symbol '%s', which neither the kernels nor the builtins define",
          user.str().c_str(), name->str().c_str());
    }
  }
  return Error::success();
}

//===--- Linking
//---------------------------------------------------------------------------------------------------===//

Expected<std::vector<char>> aicc::cpu::linkImage(ArrayRef<Object> objects) {
  StringSet<> defined;
  std::vector<StringRef> inputs;
  for (const Object &object : objects)
    inputs.push_back(StringRef(object.data(), object.size()));
  for (StringRef input : inputs)
    if (Error error = collectDefinitions(input, defined))
      return error;
  if (Error error = collectDefinitions(getBuiltinsObject(), defined))
    return error;
  for (StringRef input : inputs)
    if (Error error = checkReferences(input, defined))
      return error;

  inputs.push_back(getBuiltinsObject());
  return aicc::kernel::linkElf(inputs, {"-shared", "-nostdlib", "--hash-style=sysv", "-Bsymbolic",
                                        "--gc-sections", "--build-id=none", "-z", "now", "-z", "defs", "-z",
                                        "max-page-size=4096", "-s"});
}
