// The way of all kernels together: legalize, translate, serialize, and the decorations that MLIR's serializer
// has no words for.

#include "targets/level_zero/codegen/LowerToSpirv.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Target/SPIRV/SPIRVBinaryUtils.h"
#include "mlir/Target/SPIRV/Serialization.h"
#include "targets/level_zero/codegen/Legalize.h"
#include "targets/level_zero/codegen/Translator.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace aicc::level_zero;

/// Says of the pointers that kernels take what their LLVM attributes say: that memory reached by one is not
/// reached by another (llvm.noalias), and its alignment (llvm.align). These decorations have operands, which
/// the serializer can't write; functions keep their order in the binary.
static void decorateParameters(SmallVectorImpl<uint32_t> &words, ArrayRef<LLVM::LLVMFuncOp> kernels) {
  constexpr uint32_t kNoAlias = 4; // of FunctionParameterAttribute
  SmallVector<uint32_t> added;
  size_t firstType = 0, function = 0;
  unsigned parameter = 0;
  for (size_t at = spirv::kHeaderWordCount; at < words.size(); at += words[at] >> 16) {
    auto opcode = spirv::Opcode(words[at] & 0xFFFF);
    if (firstType == 0 && opcode >= spirv::Opcode::OpTypeVoid &&
        opcode <= spirv::Opcode::OpTypeForwardPointer)
      firstType = at;
    if (opcode == spirv::Opcode::OpFunction) {
      ++function;
      parameter = 0;
    }
    if (opcode != spirv::Opcode::OpFunctionParameter || function > kernels.size())
      continue;
    LLVM::LLVMFuncOp kernel = kernels[function - 1];
    uint32_t id = words[at + 2];
    unsigned index = parameter++;
    auto decorate = [&](spirv::Decoration decoration, uint32_t operand) {
      llvm::append_values(added, spirv::getPrefixedOpcode(4, spirv::Opcode::OpDecorate), id,
                          uint32_t(decoration), operand);
    };
    if (kernel.getArgAttr(index, LLVM::LLVMDialect::getNoAliasAttrName()))
      decorate(spirv::Decoration::FuncParamAttr, kNoAlias);
    if (auto align = kernel.getArgAttrOfType<IntegerAttr>(index, LLVM::LLVMDialect::getAlignAttrName()))
      decorate(spirv::Decoration::Alignment, align.getInt());
  }
  words.insert(words.begin() + firstType, added.begin(), added.end());
}

llvm::Expected<std::vector<char>> aicc::level_zero::lowerToSpirv(ArrayRef<ModuleOp> modules,
                                                                 ArrayRef<std::string> entries,
                                                                 const gpu::EndOptions &options) {
  if (modules.empty())
    return llvm::createStringError("there is no kernel");
  MLIRContext *context = modules.front()->getContext();
  prepareContext(context);
  std::string message, name;
  ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error && message.empty())
      message = diagnostic.str();
    return success();
  });
  auto fail = [&](StringRef what) {
    return llvm::createStringError("kernel '" + name + "': " + (message.empty() ? what.str() : message));
  };

  OpBuilder b(context);
  OwningOpRef<spirv::ModuleOp> module = b.create<spirv::ModuleOp>(
      b.getUnknownLoc(), spirv::AddressingModel::Physical64, spirv::MemoryModel::OpenCL);
  llvm::SetVector<spirv::Capability> capabilities;
  capabilities.insert(spirv::Capability::Kernel);
  capabilities.insert(spirv::Capability::Addresses);
  Translator translator(*module, capabilities);
  SmallVector<LLVM::LLVMFuncOp> kernels;
  llvm::StringSet<> defined;
  for (ModuleOp source : modules) {
    for (auto kernel : source.getOps<LLVM::LLVMFuncOp>()) {
      if (!kernel->hasAttr(aicc::gpu::KernelAttrs::kernel))
        continue;
      name = kernel.getName().str();
      if (!defined.insert(name).second)
        return fail("it is defined twice");
      kernels.push_back(kernel);
    }
    if (failed(legalize(source)))
      return fail("its control flow can't be lowered");
  }
  for (LLVM::LLVMFuncOp kernel : kernels) {
    name = kernel.getName().str();
    if (failed(translator.translate(kernel)))
      return fail("it can't be lowered to SPIR-V");
  }
  for (const std::string &entry : entries)
    if (!defined.contains(entry))
      return llvm::createStringError("no module defines the kernel '" + entry + "'");

  // Subgroup operations came with 1.3, execution modes for subgroups with 1.1.
  bool newer = llvm::any_of(capabilities, [](spirv::Capability c) {
    return c == spirv::Capability::GroupNonUniform || c == spirv::Capability::GroupNonUniformShuffle;
  });
  spirv::Version version = newer ? spirv::Version::V_1_3 : spirv::Version::V_1_1;
  module->setVceTripleAttr(spirv::VerCapExtAttr::get(version, capabilities.getArrayRef(), {}, context));
  if (!options.dumpDir.empty()) {
    std::string text;
    llvm::raw_string_ostream os(text);
    module->print(os);
    aicc::gpu::dumpKernel(options, "kernels.spirv.mlir", text);
  }
  name = entries.empty() ? "" : entries.front();
  if (failed(verify(*module)))
    return fail("its SPIR-V is invalid");
  SmallVector<uint32_t, 0> words;
  spirv::SerializationOptions serialization;
  serialization.emitSymbolName = !options.dumpDir.empty();
  if (failed(spirv::serialize(*module, words, serialization)))
    return fail("its SPIR-V can't be written");
  decorateParameters(words, kernels);
  auto *bytes = reinterpret_cast<const char *>(words.data());
  std::vector<char> binary(bytes, bytes + words.size() * sizeof(uint32_t));
  aicc::gpu::dumpKernel(options, "kernels.spv", StringRef(binary.data(), binary.size()));
  return binary;
}
