// From the LLVM dialect to an object: translation, a short optimization pipeline, and code generation. The
// emitters already wrote the loops they want, so nothing here vectorizes or unrolls; what is left is to clean
// up, to hoist and to select instructions.

#include "mlir/Target/LLVMIR/Export.h"
#include "targets/cpu/codegen/BackendSteps.h"
#include "llvm/CodeGen/MachineModuleInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetPassConfig.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/AlwaysInliner.h"
#include "llvm/Transforms/InstCombine/InstCombine.h"
#include "llvm/Transforms/Scalar/ADCE.h"
#include "llvm/Transforms/Scalar/EarlyCSE.h"
#include "llvm/Transforms/Scalar/IndVarSimplify.h"
#include "llvm/Transforms/Scalar/LICM.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Scalar/SROA.h"
#include "llvm/Transforms/Scalar/SimplifyCFG.h"
#include <mutex>

using namespace llvm;
using namespace aicc::cpu;

Expected<std::unique_ptr<TargetMachine>> aicc::cpu::createTargetMachine(const CpuDescriptor &cpu) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); // inline assembly in the lowering of transposes
  });
  const char *triple = "x86_64-unknown-linux-gnu";
  std::string error;
  const Target *target = TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return createStringError("no x86-64 back end: %s", error.c_str());
  TargetOptions options;
  // Multiplications and additions are fused where they are marked `contract`, nowhere else.
  options.AllowFPOpFusion = FPOpFusion::Standard;
  options.FunctionSections = true;
  options.DataSections = true;
  std::unique_ptr<TargetMachine> machine(target->createTargetMachine(triple, cpu.llvmCpu, cpu.llvmFeatures,
                                                                     options, Reloc::PIC_, CodeModel::Small,
                                                                     CodeGenOptLevel::Default));
  if (!machine)
    return createStringError("no code generator for %s", cpu.llvmCpu.c_str());
  return machine;
}

/// What every function of a kernel has in common.
static void setAttributes(Module &module, const StringSet<> &entries, const CpuDescriptor &cpu) {
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", cpu.llvmCpu);
    function.addFnAttr("target-features", cpu.llvmFeatures);
    function.addFnAttr("tune-cpu", cpu.tuneCpu);
    function.addFnAttr("prefer-vector-width", std::to_string(cpu.vectorBits));
    function.addFnAttr("no-trapping-math", "true");
    function.addFnAttr(Attribute::NoUnwind);
    function.setDSOLocal(true);
    if (entries.contains(function.getName()))
      function.setVisibility(GlobalValue::HiddenVisibility);
    else
      function.setLinkage(GlobalValue::InternalLinkage);
  }
  for (GlobalVariable &global : module.globals()) {
    if (!global.isDeclaration() && !global.hasAppendingLinkage())
      global.setLinkage(GlobalValue::InternalLinkage);
    global.setDSOLocal(true);
  }
}

static void optimize(Module &module, TargetMachine &machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);

  FunctionPassManager clean;
  clean.addPass(SROAPass(SROAOptions::ModifyCFG));
  clean.addPass(EarlyCSEPass(/*UseMemorySSA=*/true));
  clean.addPass(SimplifyCFGPass());
  clean.addPass(InstCombinePass());
  LoopPassManager hoist;
  hoist.addPass(LoopRotatePass());
  hoist.addPass(LICMPass(LICMOptions()));
  clean.addPass(createFunctionToLoopPassAdaptor(std::move(hoist), /*UseMemorySSA=*/true));
  clean.addPass(EarlyCSEPass(/*UseMemorySSA=*/true));
  clean.addPass(SimplifyCFGPass());
  clean.addPass(InstCombinePass());
  clean.addPass(ADCEPass());

  ModulePassManager pipeline;
  pipeline.addPass(AlwaysInlinerPass(/*InsertLifetimeIntrinsics=*/false));
  pipeline.addPass(createModuleToFunctionPassAdaptor(std::move(clean)));
  pipeline.run(module, modules);
}

Expected<std::unique_ptr<Module>> aicc::cpu::emitLLVMIR(mlir::ModuleOp module, const StringSet<> &entries,
                                                        const CpuDescriptor &cpu, TargetMachine &machine,
                                                        LLVMContext &context) {
  std::unique_ptr<Module> ir = mlir::translateModuleToLLVMIR(module, context, "kernels");
  if (!ir)
    return createStringError("the kernels' LLVM dialect can't be translated");
  ir->setTargetTriple(machine.getTargetTriple().str());
  ir->setDataLayout(machine.createDataLayout());
  setAttributes(*ir, entries, cpu);
  optimize(*ir, machine);
  return ir;
}

Expected<SmallVector<char, 0>> aicc::cpu::emitObject(Module &module, TargetMachine &machine, bool assembly) {
  SmallVector<char, 0> buffer;
  raw_svector_ostream stream(buffer);
  auto &target = static_cast<LLVMTargetMachine &>(machine);
  legacy::PassManager passes;
  auto *info = new MachineModuleInfoWrapperPass(&target);
  TargetPassConfig *config = target.createPassConfig(passes);
  config->setDisableVerify(true);
  // The register tiles come in an order that needs no more registers than there are; the scheduler would
  // spread their loads and spill.
  config->disablePass(&MachineSchedulerID);
  passes.add(config);
  passes.add(info);
  if (config->addISelPasses())
    return createStringError("no instruction selection");
  config->addMachinePasses();
  config->setInitialized();
  if (target.addAsmPrinter(passes, stream, nullptr,
                           assembly ? CodeGenFileType::AssemblyFile : CodeGenFileType::ObjectFile,
                           info->getMMI().getContext()))
    return createStringError("no object emission");
  passes.add(createFreeMachineFunctionPass());
  passes.run(module);
  return buffer;
}
