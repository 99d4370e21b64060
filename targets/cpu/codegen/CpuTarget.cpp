// The CPU as a target: what it takes, and the way from dispatches to launches and one image of kernels.

#include "targets/cpu/codegen/CpuTarget.h"
#include "aicc/Target.h"
#include "targets/cpu/codegen/Backend.h"
#include "targets/cpu/codegen/ByteProducts.h"
#include "targets/cpu/codegen/Kernels.h"
#include "targets/cpu/codegen/Packing.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/kernel/KernelModules.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

namespace {

class CpuInstance : public TargetInstance {
public:
  explicit CpuInstance(CpuDescriptor cpu) : cpu(std::move(cpu)) {}

  std::string getName() const override { return "cpu:" + cpu.name; }
  std::string describe() const override {
    return (getName() + " " + cpu.llvmCpu + " " + cpu.llvmFeatures + " " + llvm::Twine(cpu.vectorBits) +
            " bits, L1 " + llvm::Twine(cpu.l1Bytes) + ", L2 " + llvm::Twine(cpu.l2Bytes) + ", L3 " +
            llvm::Twine(cpu.l3Bytes))
        .str();
  }
  std::string getFormat() const override { return "elf-x86-64"; }
  int64_t getChannelBlock() const override { return kPanel; }

  std::string check(Operation *op) const override {
    if (isByteProduct(op)) {
      Value right = op->getOperand(1);
      if (!cpu.vnni || !(isa<nn::ConvOp>(op) ? getPackedFilterBytes(right) : getPackedBytes(right)))
        return "the cpu target has no kernel for it with operands of bytes";
    }
    if (isa<nn::ElementwiseOpInterface>(op) || getKernelEmitter(op->getName().stripDialect()))
      return {};
    if (isa<nn::GatherOp, nn::PadOp, nn::IotaOp, nn::SizesOp, nn::PackOp, nn::UnpackOp, nn::RopeOp,
            nn::ConcatOp, nn::ConstantOp, nn::WeightOp, nn::TransposeOp, nn::ReshapeOp, nn::SliceOp,
            nn::BroadcastOp>(op))
      return {};
    return "the cpu target has no kernel for it";
  }

  LogicalResult prepare(func::FuncOp func) const override {
    if (cpu.vnni)
      raiseByteProducts(func);
    packWeights(func);
    // A right operand that is computed at run time is read row by row: transposition becomes an operation of
    // its own.
    func.walk([](nn::MatMulOp op) {
      if (!op.getTransposeRhs())
        return;
      int64_t rank = cast<RankedTensorType>(op.getRhs().getType()).getRank();
      SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, rank));
      std::swap(perm[rank - 1], perm[rank - 2]);
      OpBuilder b(op);
      Value turned = b.create<nn::TransposeOp>(op.getLoc(), op.getRhs(), perm);
      op.getRhsMutable().assign(turned);
      op.setTransposeRhs(false);
    });
    return success();
  }

  bool canFuse(Operation *op, Operation *root) const override {
    if (!root)
      return true;
    bool elementwise = isa<nn::ElementwiseOpInterface>(op);
    if (isa<nn::MatMulOp, nn::ConvOp, nn::AttentionOp, nn::MaxPoolOp, nn::AvgPoolOp, nn::ConvTransposeOp>(
            root))
      return elementwise;
    if (isa<nn::ReduceOp, nn::SoftmaxOp, nn::LayerNormOp, nn::RmsNormOp>(root))
      return elementwise || isa<nn::GatherOp>(op);
    return false;
  }

  LogicalResult generate(ModuleOp module, const CodegenOptions &options) const override {
    MLIRContext *ctx = module.getContext();
    for (StringRef name : {"arith", "math", "scf", "vector", "llvm"})
      (void)ctx->getOrLoadDialect(name);
    constexpr StringLiteral executable = "kernels";
    kernel::KernelModules kernels;
    auto emit = [&](kernel::KernelSource &source) -> FailureOr<Launch> {
      KernelFn emitter = getKernelEmitter(source.dispatch.getKind());
      KernelRequest request{source.module, source.name, source.dispatch, source.shapes, cpu};
      return emitter ? emitter(request) : FailureOr<Launch>(failure());
    };
    if (failed(kernels.run(module, executable, "cpu", emit)))
      return failure();
    if (kernels.getEntries().empty())
      return success();
    if (options.keepKernels) {
      kernels.appendTo(module);
      return success();
    }
    BackendOptions backend{cpu, options.threads, options.dumpDir};
    llvm::Expected<std::vector<char>> image =
        compileKernels(kernels.getModules(), kernels.getEntries(), backend);
    if (!image)
      return module.emitError() << llvm::toString(image.takeError());
    kernels.addExecutable(module, executable, getFormat(), cpu.requiredFeatures, *image);
    return success();
  }

private:
  CpuDescriptor cpu;
};

class CpuTarget : public Target {
public:
  std::string getName() const override { return "cpu"; }
  std::vector<std::string> getArchitectures() const override { return {"native", "x86-64-v3", "x86-64-v4"}; }
  std::vector<std::string> expand(StringRef architecture) const override {
    if (architecture == "portable")
      return {"x86-64-v4", "x86-64-v3"};
    return {architecture.str()};
  }
  llvm::Expected<std::unique_ptr<TargetInstance>> createInstance(StringRef architecture) const override {
    llvm::Expected<CpuDescriptor> cpu = getCpuDescriptor(architecture);
    if (!cpu)
      return cpu.takeError();
    return std::make_unique<CpuInstance>(std::move(*cpu));
  }
};
} // namespace

void aicc::registerCpuTarget() { registerTarget(std::make_unique<CpuTarget>()); }
