// From the LLVM dialect to code: translation, kernel arguments into the global address space, workgroup
// memory, LLVM's own optimizations, and the target machine's output.

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "targets/gpu/codegen/LowerToLLVM.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Scalar/InferAddressSpaces.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include <thread>

using namespace llvm;
using namespace aicc::gpu;

/// The address space of global memory: the same number in both back ends.
static constexpr unsigned kGlobalSpace = 1;

/// The kernel again, with its pointers in global memory: 64-byte aligned, and noalias but for scratch memory,
/// where threads read what others have written: were it noalias, a barrier would not seem to change it.
static Function *moveArguments(Function *kernel, bool takesScratch) {
  LLVMContext &context = kernel->getContext();
  SmallVector<Type *> types;
  for (Argument &argument : kernel->args())
    types.push_back(argument.getType()->isPointerTy() ? PointerType::get(context, kGlobalSpace)
                                                      : argument.getType());
  auto *type = FunctionType::get(kernel->getReturnType(), types, false);
  Function *moved = Function::Create(type, GlobalValue::ExternalLinkage, "", kernel->getParent());
  moved->takeName(kernel);
  moved->splice(moved->begin(), kernel);
  IRBuilder<> builder(&moved->getEntryBlock(), moved->getEntryBlock().begin());
  for (auto [from, to] : zip(kernel->args(), moved->args())) {
    to.addAttr(Attribute::NoUndef);
    if (!from.getType()->isPointerTy()) {
      from.replaceAllUsesWith(&to);
      continue;
    }
    if (!takesScratch || to.getArgNo() + 1 < moved->arg_size())
      to.addAttr(Attribute::NoAlias);
    to.addAttr(Attribute::getWithAlignment(context, Align(64)));
    from.replaceAllUsesWith(builder.CreateAddrSpaceCast(&to, from.getType()));
  }
  kernel->eraseFromParent();
  return moved;
}

/// Everything but the kernel is private to the module, under names that no other kernel's module has.
static void hideOthers(Module &module, Function *kernel) {
  for (GlobalObject &global : module.global_objects()) {
    if (&global == kernel || global.isDeclaration() || global.getName().starts_with("llvm."))
      continue;
    global.setLinkage(GlobalValue::InternalLinkage);
    global.setName(kernel->getName() + "_" + global.getName());
  }
  for (Function &function : module) {
    function.addFnAttr(Attribute::NoUnwind);
    if (&function != kernel && !function.isDeclaration())
      function.addFnAttr(Attribute::AlwaysInline);
  }
}

/// Sums up the workgroup memory that is left; where the code may not declare so much, one array of unknown
/// size takes the place of all, which the launch provides.
static void placeShared(Module &module, const std::string &kernel, const LlvmEnd &end, ImageEntry &entry) {
  SmallVector<GlobalVariable *> globals;
  for (GlobalVariable &global : module.globals())
    if (global.getAddressSpace() == kSharedSpace && !global.use_empty())
      globals.push_back(&global);
  const DataLayout &layout = module.getDataLayout();
  uint64_t total = 0;
  SmallVector<uint64_t> offsets;
  for (GlobalVariable *global : globals) {
    if (!global->getAlign() || *global->getAlign() < Align(16))
      global->setAlignment(Align(16));
    total = alignTo(total, *global->getAlign());
    offsets.push_back(total);
    total += layout.getTypeAllocSize(global->getValueType());
  }
  entry.staticShared = total;
  if (total <= end.getStaticSharedLimit())
    return;
  auto *bytes = ArrayType::get(Type::getInt8Ty(module.getContext()), 0);
  auto *base = new GlobalVariable(module, bytes, false, GlobalValue::ExternalLinkage, nullptr,
                                  kernel + "_shared", nullptr, GlobalValue::NotThreadLocal, kSharedSpace);
  base->setAlignment(Align(128));
  for (auto [global, offset] : zip(globals, offsets)) {
    global->replaceAllUsesWith(
        ConstantExpr::getGetElementPtr(Type::getInt8Ty(module.getContext()), base,
                                       ConstantInt::get(Type::getInt64Ty(module.getContext()), offset)));
    global->eraseFromParent();
  }
  entry.staticShared = 0;
  entry.dynamicShared += total;
}

static void optimize(Module &module, TargetMachine &machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  // Kernels are written in the vectors that they want.
  PipelineTuningOptions tuning;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);

  FunctionPassManager first;
  first.addPass(SROAPass(SROAOptions::ModifyCFG));
  first.addPass(InferAddressSpacesPass());
  ModulePassManager pipeline;
  pipeline.addPass(createModuleToFunctionPassAdaptor(std::move(first)));
  pipeline.addPass(builder.buildPerModuleDefaultPipeline(OptimizationLevel::O2));
  pipeline.run(module, modules);
}

Expected<std::unique_ptr<Module>> aicc::gpu::emitLLVMIR(mlir::ModuleOp module, ImageEntry &entry,
                                                        const LlvmEnd &end, TargetMachine &machine,
                                                        LLVMContext &context) {
  std::unique_ptr<Module> ir = mlir::translateModuleToLLVMIR(module, context, entry.name);
  if (!ir)
    return createStringError("the LLVM dialect can't be translated");
  ir->setTargetTriple(machine.getTargetTriple().str());
  ir->setDataLayout(machine.createDataLayout());
  Function *kernel = ir->getFunction(entry.name);
  if (!kernel || kernel->isDeclaration())
    return createStringError("its module does not define it");
  kernel = moveArguments(kernel, entry.scratch);
  hideOthers(*ir, kernel);
  end.finishKernel(*kernel, entry);
  optimize(*ir, machine);
  placeShared(*ir, entry.name, end, entry);
  for (Function &function : *ir)
    if (function.isDeclaration() && !function.isIntrinsic() && !function.use_empty())
      return createStringError("it calls '%s', which nobody defines", function.getName().str().c_str());
  return ir;
}

Expected<std::string> aicc::gpu::emitCode(Module &module, TargetMachine &machine, bool assembly) {
  SmallVector<char, 0> buffer;
  raw_svector_ostream stream(buffer);
  legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr,
                                  assembly ? CodeGenFileType::AssemblyFile : CodeGenFileType::ObjectFile))
    return createStringError("the back end emits no such file");
  passes.run(module);
  return std::string(buffer.begin(), buffer.end());
}

namespace {

/// Collects this thread's errors on a context that other threads use as well.
class ErrorCollector {
public:
  explicit ErrorCollector(mlir::MLIRContext *context)
      : thread(std::this_thread::get_id()), handler(context, [this](mlir::Diagnostic &diagnostic) {
          if (std::this_thread::get_id() != thread)
            return mlir::failure();
          if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error && text.empty())
            raw_string_ostream(text) << diagnostic.getLocation() << ": " << diagnostic;
          return mlir::success();
        }) {}
  std::string text;

private:
  std::thread::id thread;
  mlir::ScopedDiagnosticHandler handler;
};

/// What the back end says of a function that it cannot take (LLVM would end the process otherwise).
class BackendErrors : public DiagnosticHandler {
public:
  explicit BackendErrors(std::string &text) : text(text) {}
  bool handleDiagnostics(const DiagnosticInfo &info) override {
    if (info.getSeverity() == DS_Error && text.empty()) {
      raw_string_ostream stream(text);
      DiagnosticPrinterRawOStream printer(stream);
      info.print(printer);
    }
    return true;
  }

private:
  std::string &text;
};

} // namespace

Expected<std::vector<ImageEntry>>
aicc::gpu::emitKernels(ArrayRef<mlir::ModuleOp> modules, ArrayRef<std::string> names, const LlvmEnd &end,
                       const EndOptions &options,
                       function_ref<Error(unsigned, Module &, TargetMachine &)> consume) {
  std::vector<ImageEntry> entries(modules.size());
  auto compile = [&](unsigned index) -> Error {
    mlir::ModuleOp module = modules[index];
    ImageEntry &entry = entries[index];
    std::string text;
    auto dump = [&](StringRef suffix, auto print) {
      if (options.dumpDir.empty())
        return;
      text.clear();
      raw_string_ostream stream(text);
      print(stream);
      dumpKernel(options, (names[index] + suffix).str(), text);
    };
    {
      ErrorCollector errors(module.getContext());
      if (failed(lowerToLLVMDialect(module, entry, end)))
        return createStringError("%s", errors.text.c_str());
    }
    auto machine = end.createTargetMachine();
    if (!machine)
      return machine.takeError();
    LLVMContext context;
    std::string complaint;
    context.setDiagnosticHandler(std::make_unique<BackendErrors>(complaint));
    auto ir = emitLLVMIR(module, entry, end, **machine, context);
    if (!ir)
      return ir.takeError();
    dump(".ll", [&](raw_ostream &os) { (*ir)->print(os, nullptr); });
    Error error = consume(index, **ir, **machine);
    if (!error && !complaint.empty())
      return createStringError("%s", complaint.c_str());
    return error;
  };
  for (auto [module, name, entry] : zip(modules, names, entries)) {
    entry = describeKernel(module);
    if (entry.name != name || entry.threads == 0)
      return createStringError("kernel '%s' is not as kernel IR has to be", name.c_str());
  }
  auto work = [&](unsigned index) -> Error {
    if (Error error = compile(index))
      return createStringError("kernel '%s': %s", names[index].c_str(), toString(std::move(error)).c_str());
    return Error::success();
  };
  if (Error error = forEachInParallel(modules.size(), options.threads, work))
    return error;
  return entries;
}
