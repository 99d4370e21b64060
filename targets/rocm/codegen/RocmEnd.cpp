// The hooks of the AMDGPU end, and the way from kernels to the image.

#include "targets/rocm/codegen/RocmEnd.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Matchers.h"
#include "targets/kernel/LinkElf.h"
#include "targets/rocm/codegen/RocmDescriptors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsAMDGPU.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"
#include <mutex>

using namespace mlir;
using namespace aicc::rocm;
using namespace aicc::gpu;

//===--- Kernel IR's operations ---===//

Value RocmEnd::emitThreadId(ImplicitLocOpBuilder &b) const {
  return callIntrinsic(b, "llvm.amdgcn.workitem.id.x", b.getI32Type(), {});
}

Value RocmEnd::emitBlockId(ImplicitLocOpBuilder &b) const {
  return callIntrinsic(b, "llvm.amdgcn.workgroup.id.x", b.getI32Type(), {});
}

Value RocmEnd::emitLaneId(ImplicitLocOpBuilder &b) const {
  Value all = constantI32(b, -1);
  Value low = callIntrinsic(b, "llvm.amdgcn.mbcnt.lo", b.getI32Type(), {all, constantI32(b, 0)});
  return gpu.subgroupSize == 32 ? low : callIntrinsic(b, "llvm.amdgcn.mbcnt.hi", b.getI32Type(), {all, low});
}

void RocmEnd::emitBarrier(ImplicitLocOpBuilder &b) const {
  b.create<LLVM::FenceOp>(LLVM::AtomicOrdering::release, "workgroup");
  callIntrinsic(b, "llvm.amdgcn.s.barrier", {}, {});
  b.create<LLVM::FenceOp>(LLVM::AtomicOrdering::acquire, "workgroup");
}

/// The control word of a data-parallel move that exchanges lanes by `mask`; nothing if there is none.
static std::optional<int32_t> getDppControl(unsigned mask, bool hasRowXmask) {
  switch (mask) {
  case 1:
    return 0xB1; // quad_perm [1,0,3,2]
  case 2:
    return 0x4E; // quad_perm [2,3,0,1]
  case 3:
    return 0x1B; // quad_perm [3,2,1,0]
  case 7:
    return 0x141; // row_half_mirror
  case 15:
    return 0x140; // row_mirror
  default:
    if (hasRowXmask && mask > 0 && mask < 16)
      return 0x160 | mask;
    return std::nullopt;
  }
}

Value RocmEnd::emitShuffle(ImplicitLocOpBuilder &b, mlir::gpu::ShuffleMode mode, Value value, Value offset,
                           unsigned width) const {
  Type i32 = b.getI32Type();
  APInt constant;
  if (mode == mlir::gpu::ShuffleMode::XOR && matchPattern(offset, m_ConstantInt(&constant)) &&
      constant.ult(width)) {
    unsigned mask = constant.getZExtValue();
    if (std::optional<int32_t> control = getDppControl(mask, /*hasRowXmask=*/gpu.subgroupSize == 32)) {
      Value all = constantI32(b, 0xF);
      Value bound = b.create<LLVM::ConstantOp>(b.getI1Type(), b.getBoolAttr(true));
      return callIntrinsic(b, "llvm.amdgcn.update.dpp", i32,
                           {b.create<LLVM::UndefOp>(i32), value, constantI32(b, *control), all, all, bound});
    }
    if (mask < 32) // within 32 lanes: bits 10-14 are exclusive-ored
      return callIntrinsic(b, "llvm.amdgcn.ds.swizzle", i32, {value, constantI32(b, mask << 10 | 0x1F)});
  }
  Value lane = emitLaneId(b), source;
  switch (mode) {
  case mlir::gpu::ShuffleMode::XOR:
    source = b.create<LLVM::XOrOp>(lane, offset);
    break;
  case mlir::gpu::ShuffleMode::UP:
    source = b.create<LLVM::SubOp>(lane, offset);
    break;
  case mlir::gpu::ShuffleMode::DOWN:
    source = b.create<LLVM::AddOp>(lane, offset);
    break;
  case mlir::gpu::ShuffleMode::IDX:
    source = b.create<LLVM::AddOp>(b.create<LLVM::AndOp>(lane, constantI32(b, -int32_t(width))), offset);
    break;
  }
  Value apart = b.create<LLVM::XOrOp>(source, lane);
  Value inside = b.create<LLVM::ICmpOp>(LLVM::ICmpPredicate::ult, apart, constantI32(b, width));
  source = b.create<LLVM::SelectOp>(inside, source, lane);
  Value address = b.create<LLVM::ShlOp>(source, constantI32(b, 2));
  return callIntrinsic(b, "llvm.amdgcn.ds.bpermute", i32, {address, value});
}

//===--- Hooks ---===//

static Value toOperand(ImplicitLocOpBuilder &b, Value fragment, Operand how) {
  auto type = dyn_cast<VectorType>(fragment.getType());
  if (!type) // one element
    return fragment;
  unsigned count = type.getNumElements(), bits = count * type.getElementTypeBitWidth();
  switch (how) {
  case Operand::same:
    return fragment;
  case Operand::scalar:
    return b.create<LLVM::ExtractElementOp>(fragment, constantI32(b, 0));
  case Operand::short_:
    return bitcastTo(b, VectorType::get(count, b.getI16Type()), fragment);
  case Operand::packed:
    return bitcastTo(b, b.getIntegerType(bits), fragment);
  case Operand::words:
    return bitcastTo(b, VectorType::get(bits / 32, b.getI32Type()), fragment);
  }
  llvm_unreachable("all forms are above");
}

Value RocmEnd::emitMatrix(OpBuilder &builder, Location loc, const MatrixUnit &unit, Value lhs, Value rhs,
                          Value acc) const {
  const MatrixInstruction *instruction = llvm::find_if(
      getMatrixInstructions(), [&](const MatrixInstruction &each) { return each.unit == unit.name; });
  assert(instruction != getMatrixInstructions().end() && "a unit of another end");
  ImplicitLocOpBuilder b(loc, builder);
  lhs = toOperand(b, lhs, instruction->operand);
  rhs = toOperand(b, rhs, instruction->operand);
  SmallVector<Value> operands;
  auto flag = [&](bool value) -> Value {
    return b.create<LLVM::ConstantOp>(b.getI1Type(), b.getBoolAttr(value));
  };
  switch (instruction->form) {
  case Form::mfma:
    operands = {lhs, rhs, acc, constantI32(b, 0), constantI32(b, 0), constantI32(b, 0)};
    break;
  case Form::wmma:
    operands = {lhs, rhs, acc};
    break;
  case Form::wmmaInteger:
    operands = {flag(true), lhs, flag(true), rhs, acc, flag(false)};
    break;
  }
  return callIntrinsic(b, instruction->intrinsic, acc.getType(), operands);
}

//===--- Code ---===//

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> RocmEnd::createTargetMachine() const {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeAMDGPUTargetInfo();
    LLVMInitializeAMDGPUTarget();
    LLVMInitializeAMDGPUTargetMC();
    LLVMInitializeAMDGPUAsmPrinter();
  });
  const char *triple = "amdgcn-amd-amdhsa";
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError("no back end for code objects: %s", error.c_str());
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(triple, gpu.architecture, "", options, llvm::Reloc::PIC_, std::nullopt,
                                  llvm::CodeGenOptLevel::Default));
  if (!machine)
    return llvm::createStringError("no code generator for %s", gpu.architecture.c_str());
  return machine;
}

/// Keeps loops around barriers, and those with many multiplications, as they are: they are made for the
/// registers there are, and unrolled, the scheduler would bring the loads of all iterations to the front.
static void keepLoops(llvm::Function &kernel) {
  llvm::DominatorTree dominators(kernel);
  llvm::LoopInfo loops(dominators);
  for (llvm::Loop *loop : loops.getLoopsInPreorder()) {
    unsigned barriers = 0, multiplications = 0;
    for (llvm::BasicBlock *block : loop->blocks())
      for (llvm::Instruction &instruction : *block)
        if (auto *call = dyn_cast<llvm::IntrinsicInst>(&instruction)) {
          barriers += call->getIntrinsicID() == llvm::Intrinsic::amdgcn_s_barrier;
          multiplications += call->getIntrinsicID() == llvm::Intrinsic::fma;
        }
    if (barriers > 0 || multiplications >= 32)
      loop->setLoopAlreadyUnrolled();
  }
}

void RocmEnd::finishKernel(llvm::Function &kernel, const ImageEntry &entry) const {
  llvm::LLVMContext &context = kernel.getContext();
  llvm::Module &module = *kernel.getParent();
  std::string threads = std::to_string(entry.threads);
  kernel.setCallingConv(llvm::CallingConv::AMDGPU_KERNEL);
  kernel.setVisibility(llvm::GlobalValue::ProtectedVisibility);
  kernel.addFnAttr("amdgpu-flat-work-group-size", threads + "," + threads);
  kernel.addFnAttr("uniform-work-group-size", "true");
  // Buffers are in the device's own, coarse-grained memory.
  kernel.addFnAttr("amdgpu-unsafe-fp-atomics", "true");
  kernel.addFnAttr("target-cpu", gpu.architecture);
  llvm::Type *i32 = llvm::Type::getInt32Ty(context);
  auto number = [&](unsigned n) { return llvm::ConstantAsMetadata::get(llvm::ConstantInt::get(i32, n)); };
  kernel.setMetadata("reqd_work_group_size",
                     llvm::MDNode::get(context, {number(entry.threads), number(1), number(1)}));
  module.addModuleFlag(llvm::Module::Error, "amdhsa_code_object_version", 500);
  keepLoops(kernel);
  // Atomics of kernel IR are among the work items of one launch.
  llvm::SyncScope::ID agent = context.getOrInsertSyncScopeID("agent");
  for (llvm::Instruction &instruction : llvm::instructions(kernel)) {
    if (auto *atomic = dyn_cast<llvm::AtomicRMWInst>(&instruction))
      atomic->setSyncScopeID(agent);
    else if (auto *exchange = dyn_cast<llvm::AtomicCmpXchgInst>(&instruction))
      exchange->setSyncScopeID(agent);
  }
}

llvm::Expected<std::vector<char>> RocmEnd::compile(llvm::ArrayRef<ModuleOp> modules,
                                                   llvm::ArrayRef<std::string> entries,
                                                   const EndOptions &options) const {
  // A code object has one table of its kernels, so all of them are generated at once, from what each thread
  // has optimized.
  std::vector<llvm::SmallVector<char, 0>> optimized(modules.size());
  auto consume = [&](unsigned index, llvm::Module &module, llvm::TargetMachine &) -> llvm::Error {
    llvm::raw_svector_ostream stream(optimized[index]);
    llvm::WriteBitcodeToFile(module, stream);
    return llvm::Error::success();
  };
  llvm::Expected<std::vector<ImageEntry>> launches = emitKernels(modules, entries, *this, options, consume);
  if (!launches)
    return launches.takeError();

  llvm::LLVMContext context;
  auto machine = createTargetMachine();
  if (!machine)
    return machine.takeError();
  llvm::Module all("kernels", context);
  all.setTargetTriple((*machine)->getTargetTriple().str());
  all.setDataLayout((*machine)->createDataLayout());
  llvm::Linker linker(all);
  for (auto [index, bitcode] : llvm::enumerate(optimized)) {
    auto module = llvm::parseBitcodeFile(
        llvm::MemoryBufferRef(StringRef(bitcode.data(), bitcode.size()), entries[index]), context);
    if (!module)
      return module.takeError();
    if (linker.linkInModule(std::move(*module)))
      return llvm::createStringError("kernel '%s' cannot be joined with the others", entries[index].c_str());
  }
  if (!options.dumpDir.empty()) {
    std::unique_ptr<llvm::Module> copy = llvm::CloneModule(all);
    if (llvm::Expected<std::string> text = emitCode(*copy, **machine, /*assembly=*/true))
      dumpKernel(options, "kernels.s", *text);
    else
      llvm::consumeError(text.takeError());
  }
  llvm::Expected<std::string> object = emitCode(all, **machine, /*assembly=*/false);
  if (!object)
    return object.takeError();
  llvm::Expected<std::vector<char>> code =
      kernel::linkElf({StringRef(*object)}, {"-shared", "--no-undefined", "--build-id=none"});
  if (!code)
    return code.takeError();
  dumpKernel(options, "kernels.hsaco", StringRef(code->data(), code->size()));
  std::vector<ImagePayload> payloads(1);
  payloads[0] = {"hsaco", gpu.architecture, std::move(*code)};
  llvm::Expected<std::vector<char>> image = writeImage(*launches, payloads);
  if (image)
    dumpKernel(options, "kernels.image", StringRef(image->data(), image->size()));
  return image;
}
