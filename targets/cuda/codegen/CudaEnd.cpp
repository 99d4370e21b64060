// The hooks of the NVPTX end, and the way from kernels to the image.

#include "targets/cuda/codegen/CudaEnd.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "targets/cuda/codegen/CudaDescriptors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
#include "llvm/IR/MDBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include <mutex>

using namespace mlir;
using namespace aicc::cuda;
using namespace aicc::gpu;

//===--- Kernel IR's operations ---===//

bool CudaEnd::hasBf16Conversions() const {
  return gpu.architecture != "sm_70" && gpu.architecture != "sm_75";
}

Value CudaEnd::emitThreadId(ImplicitLocOpBuilder &b) const {
  return callIntrinsic(b, "llvm.nvvm.read.ptx.sreg.tid.x", b.getI32Type(), {});
}

Value CudaEnd::emitBlockId(ImplicitLocOpBuilder &b) const {
  return callIntrinsic(b, "llvm.nvvm.read.ptx.sreg.ctaid.x", b.getI32Type(), {});
}

Value CudaEnd::emitLaneId(ImplicitLocOpBuilder &b) const {
  return callIntrinsic(b, "llvm.nvvm.read.ptx.sreg.laneid", b.getI32Type(), {});
}

void CudaEnd::emitBarrier(ImplicitLocOpBuilder &b) const { callIntrinsic(b, "llvm.nvvm.barrier0", {}, {}); }

Value CudaEnd::emitShuffle(ImplicitLocOpBuilder &b, mlir::gpu::ShuffleMode mode, Value value, Value offset,
                           unsigned width) const {
  bool up = mode == mlir::gpu::ShuffleMode::UP;
  StringRef name = up                                     ? "llvm.nvvm.shfl.sync.up.i32"
                   : mode == mlir::gpu::ShuffleMode::DOWN ? "llvm.nvvm.shfl.sync.down.i32"
                   : mode == mlir::gpu::ShuffleMode::IDX  ? "llvm.nvvm.shfl.sync.idx.i32"
                                                          : "llvm.nvvm.shfl.sync.bfly.i32";
  // Bits 8-12: which bits of the lane are its group; bits 0-4: the last lane that counts.
  Value clamp = constantI32(b, (32 - width) << 8 | (up ? 0 : 31));
  return callIntrinsic(b, name, b.getI32Type(), {constantI32(b, -1), value, offset, clamp});
}

//===--- Hooks ---===//

/// The registers of a fragment, as the instruction takes them.
static SmallVector<Value> split(ImplicitLocOpBuilder &b, Value fragment, Register how) {
  auto type = cast<VectorType>(fragment.getType());
  unsigned bits = type.getElementTypeBitWidth(), count = type.getNumElements() * bits / 32;
  SmallVector<Value> registers;
  if (how == Register::half2) {
    for (unsigned i = 0; i < count; ++i)
      registers.push_back(b.create<LLVM::ShuffleVectorOp>(
          fragment, fragment, ArrayRef<int32_t>{int32_t(2 * i), int32_t(2 * i + 1)}));
    return registers;
  }
  Type element = how == Register::single ? Type(b.getF32Type()) : Type(b.getI32Type());
  Value vector = bitcastTo(b, VectorType::get(count, element), fragment);
  for (unsigned i = 0; i < count; ++i)
    registers.push_back(b.create<LLVM::ExtractElementOp>(vector, constantI32(b, i)));
  return registers;
}

Value CudaEnd::emitMatrix(OpBuilder &builder, Location loc, const MatrixUnit &unit, Value lhs, Value rhs,
                          Value acc) const {
  const MatrixInstruction *instruction = llvm::find_if(
      getMatrixInstructions(), [&](const MatrixInstruction &each) { return each.unit == unit.name; });
  assert(instruction != getMatrixInstructions().end() && "a unit of another end");
  ImplicitLocOpBuilder b(loc, builder);
  SmallVector<Value> operands = split(b, lhs, instruction->operand);
  llvm::append_range(operands, split(b, rhs, instruction->operand));
  SmallVector<Value> registers = split(b, acc, instruction->acc);
  llvm::append_range(operands, registers);
  SmallVector<Type> types(registers.size(), registers[0].getType());
  Value results = callIntrinsic(b, instruction->intrinsic,
                                LLVM::LLVMStructType::getLiteral(b.getContext(), types), operands);
  Value vector = b.create<LLVM::UndefOp>(acc.getType());
  for (unsigned i = 0; i < registers.size(); ++i)
    vector = b.create<LLVM::InsertElementOp>(vector, b.create<LLVM::ExtractValueOp>(results, i),
                                             constantI32(b, i));
  return vector;
}

void CudaEnd::emitAsyncCopy(OpBuilder &builder, Location loc, Value to, Value from, unsigned bytes) const {
  ImplicitLocOpBuilder b(loc, builder);
  Type global = LLVM::LLVMPointerType::get(b.getContext(), 1);
  if (from.getType() != global)
    from = b.create<LLVM::AddrSpaceCastOp>(global, from);
  // Whole lines of 16 bytes need not pass the first-level cache.
  std::string name = bytes == 16 ? "llvm.nvvm.cp.async.cg.shared.global.16"
                                 : "llvm.nvvm.cp.async.ca.shared.global." + std::to_string(bytes);
  callIntrinsic(b, name, {}, {to, from});
}

void CudaEnd::emitAsyncCommit(OpBuilder &builder, Location loc) const {
  ImplicitLocOpBuilder b(loc, builder);
  callIntrinsic(b, "llvm.nvvm.cp.async.commit.group", {}, {});
}

void CudaEnd::emitAsyncWait(OpBuilder &builder, Location loc, unsigned pending) const {
  ImplicitLocOpBuilder b(loc, builder);
  callIntrinsic(b, "llvm.nvvm.cp.async.wait.group", {}, {constantI32(b, pending)});
}

//===--- Code ---===//

llvm::Expected<std::unique_ptr<llvm::TargetMachine>> CudaEnd::createTargetMachine() const {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  const char *triple = "nvptx64-nvidia-cuda";
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError("no back end for PTX: %s", error.c_str());
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  std::string features = "+ptx" + std::to_string(getPtxVersion(gpu.architecture));
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(triple, gpu.architecture, features, options, std::nullopt, std::nullopt,
                                  llvm::CodeGenOptLevel::Default));
  if (!machine)
    return llvm::createStringError("no code generator for %s", gpu.architecture.c_str());
  return machine;
}

void CudaEnd::finishKernel(llvm::Function &kernel, const ImageEntry &entry) const {
  llvm::LLVMContext &context = kernel.getContext();
  llvm::Type *i32 = llvm::Type::getInt32Ty(context);
  auto number = [&](unsigned n) { return llvm::ConstantAsMetadata::get(llvm::ConstantInt::get(i32, n)); };
  llvm::NamedMDNode *annotations = kernel.getParent()->getOrInsertNamedMetadata("nvvm.annotations");
  auto annotate = [&](StringRef what, unsigned n) {
    annotations->addOperand(llvm::MDNode::get(
        context, {llvm::ConstantAsMetadata::get(&kernel), llvm::MDString::get(context, what), number(n)}));
  };
  annotate("kernel", 1);
  annotate("reqntidx", entry.threads);
  annotate("reqntidy", 1);
  annotate("reqntidz", 1);
  llvm::MDNode *range =
      llvm::MDBuilder(context).createRange(llvm::APInt(32, 0), llvm::APInt(32, entry.threads));
  for (llvm::Instruction &instruction : llvm::instructions(kernel))
    if (auto *call = dyn_cast<llvm::IntrinsicInst>(&instruction))
      if (call->getIntrinsicID() == llvm::Intrinsic::nvvm_read_ptx_sreg_tid_x)
        call->setMetadata(llvm::LLVMContext::MD_range, range);
}

/// One text of several: the first's directives stand for all.
static std::string joinTexts(llvm::ArrayRef<std::string> texts) {
  constexpr StringLiteral last = ".address_size 64\n";
  std::string joined = texts.empty() ? "" : texts.front();
  for (const std::string &text : texts.drop_front(!texts.empty()))
    joined += StringRef(text).split(last).second;
  return joined;
}

llvm::Expected<std::vector<char>> CudaEnd::compile(llvm::ArrayRef<ModuleOp> modules,
                                                   llvm::ArrayRef<std::string> entries,
                                                   const EndOptions &options) const {
  std::vector<std::string> texts(modules.size());
  auto consume = [&](unsigned index, llvm::Module &module, llvm::TargetMachine &machine) -> llvm::Error {
    llvm::Expected<std::string> text = emitCode(module, machine, /*assembly=*/true);
    if (!text)
      return text.takeError();
    texts[index] = std::move(*text);
    return llvm::Error::success();
  };
  llvm::Expected<std::vector<ImageEntry>> launches = emitKernels(modules, entries, *this, options, consume);
  if (!launches)
    return launches.takeError();
  std::string text = joinTexts(texts);
  dumpKernel(options, "kernels.ptx", text);

  std::vector<ImagePayload> payloads;
  if (std::string assembler = findAssembler(); !assembler.empty()) {
    std::string messages;
    llvm::Expected<std::vector<char>> binary =
        assemble(assembler, text, gpu.architecture, options.threads, messages);
    dumpKernel(options, "kernels.ptxas.txt", messages);
    if (!binary)
      return binary.takeError();
    if (!binary->empty()) {
      dumpKernel(options, "kernels.cubin", StringRef(binary->data(), binary->size()));
      payloads.push_back({"cubin", gpu.architecture, std::move(*binary)});
    }
  }
  // Terminated by a zero, as the driver wants it.
  text.push_back('\0');
  payloads.push_back({"ptx", gpu.architecture, std::vector<char>(text.begin(), text.end())});
  llvm::Expected<std::vector<char>> image = writeImage(*launches, payloads);
  if (image)
    dumpKernel(options, "kernels.image", StringRef(image->data(), image->size()));
  return image;
}
