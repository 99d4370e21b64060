// The target contract over a descriptor and an end: what is taken, what is fused, and the way from dispatches
// to launches and one image of kernels.

#include "targets/gpu/codegen/GpuTarget.h"
#include "targets/gpu/codegen/Kernels.h"
#include "targets/gpu/codegen/MatMulOperands.h"
#include "targets/gpu/codegen/SimplifyKernel.h"
#include "targets/kernel/KernelModules.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

namespace {

class GpuInstance : public TargetInstance {
public:
  GpuInstance(const GpuDescriptor &gpu, std::unique_ptr<DeviceEnd> end) : gpu(gpu), end(std::move(end)) {}

  std::string getName() const override { return gpu.getName(); }
  std::string describe() const override {
    std::string text = getName() + " " + gpu.format + ", subgroups of " + std::to_string(gpu.subgroupSize) +
                       ", " + std::to_string(gpu.sharedBytes >> 10) + " kB of workgroup memory";
    if (!gpu.requiredFeatures.empty())
      text += ", needs " + llvm::join(gpu.requiredFeatures, " ");
    if (!gpu.matrixUnits.empty())
      text += ", matrix units " +
              llvm::join(llvm::map_range(gpu.matrixUnits, [](auto &unit) { return unit.name; }), " ");
    return text;
  }
  std::string getFormat() const override { return gpu.format; }
  std::vector<std::string> getRequiredFeatures() const override { return gpu.requiredFeatures; }
  int64_t getRank() const override { return gpu.rank; }

  std::string check(Operation *op) const override {
    if (isa<nn::MatMulOp, nn::ConvOp>(op) &&
        getElementTypeOrSelf(op->getOperand(0)) != getElementTypeOrSelf(op->getOperand(1)))
      return "the " + gpu.target + " target has no kernel for it with operands of bytes";
    if (isa<nn::ElementwiseOpInterface>(op) || !getKernelEmitters(op->getName().stripDialect()).empty())
      return {};
    if (isa<nn::GatherOp, nn::PadOp, nn::IotaOp, nn::SizesOp, nn::PackOp, nn::UnpackOp, nn::RopeOp,
            nn::ConcatOp, nn::ConstantOp, nn::WeightOp, nn::TransposeOp, nn::ReshapeOp, nn::SliceOp,
            nn::BroadcastOp>(op))
      return {};
    return "the " + gpu.target + " target has no kernel for it";
  }

  LogicalResult prepare(func::FuncOp func) const override {
    transposeWeights(func, gpu);
    return success();
  }

  bool canFuse(Operation *op, Operation *root) const override {
    if (!root)
      return true;
    bool elementwise = isa<nn::ElementwiseOpInterface>(op);
    if (isa<nn::MatMulOp, nn::ConvOp, nn::AttentionOp, nn::MaxPoolOp, nn::AvgPoolOp, nn::ConvTransposeOp,
            nn::GroupNormOp, nn::LrnOp, nn::ResizeOp, nn::ArgReduceOp, nn::GatherElementsOp, nn::GatherNdOp>(
            root))
      return elementwise;
    if (isa<nn::ReduceOp, nn::SoftmaxOp, nn::LayerNormOp, nn::RmsNormOp>(root))
      return elementwise || isa<nn::GatherOp>(op);
    return false;
  }

  LogicalResult generate(ModuleOp module, const CodegenOptions &options) const override {
    MLIRContext *ctx = module.getContext();
    ctx->loadDialect<arith::ArithDialect, math::MathDialect, scf::SCFDialect, vector::VectorDialect,
                     LLVM::LLVMDialect, mlir::gpu::GPUDialect>();
    end->prepareContext(ctx);
    constexpr StringLiteral executable = "kernels";
    kernel::KernelModules kernels;
    auto emit = [&](kernel::KernelSource &source) -> FailureOr<Launch> {
      KernelRequest request{source.module, source.name, source.dispatch, source.shapes, gpu, *end};
      for (KernelFn emitter : getKernelEmitters(source.dispatch.getKind())) {
        FailureOr<Launch> launch = emitter(request);
        if (succeeded(launch))
          return launch;
      }
      return failure();
    };
    if (failed(kernels.run(module, executable, gpu.target, emit)))
      return failure();
    if (kernels.getEntries().empty())
      return success();
    if (options.keepKernels) {
      kernels.appendTo(module);
      return success();
    }
    SmallVector<ModuleOp> modules = kernels.getModules();
    unsigned threads = ctx->isMultithreadingEnabled() ? options.threads : 1;
    EndOptions endOptions{threads, options.dumpDir};
    llvm::cantFail(forEachInParallel(modules.size(), threads, [&](unsigned i) {
      dump(endOptions, modules[i], kernels.getEntries()[i]);
      simplifyKernel(modules[i], gpu);
      return llvm::Error::success();
    }));
    std::vector<std::string> features = gpu.requiredFeatures;
    llvm::append_range(features, end->getRequiredFeatures(modules));
    llvm::Expected<std::vector<char>> image = end->compile(modules, kernels.getEntries(), endOptions);
    if (!image)
      return module.emitError() << llvm::toString(image.takeError());
    kernels.addExecutable(module, executable, gpu.format, features, *image);
    return success();
  }

private:
  static void dump(const EndOptions &options, ModuleOp module, StringRef entry) {
    if (options.dumpDir.empty())
      return;
    std::string text;
    llvm::raw_string_ostream os(text);
    module.print(os);
    dumpKernel(options, (entry + ".mlir").str(), text);
  }

  const GpuDescriptor &gpu; // the target's
  std::unique_ptr<DeviceEnd> end;
};

class GpuTarget : public Target {
public:
  GpuTarget(std::string name, std::vector<GpuDescriptor> descriptors, MakeEnd makeEnd)
      : name(std::move(name)), descriptors(std::move(descriptors)), makeEnd(makeEnd) {}

  std::string getName() const override { return name; }
  std::vector<std::string> getArchitectures() const override {
    std::vector<std::string> names;
    for (const GpuDescriptor &gpu : descriptors)
      names.push_back(gpu.architecture);
    return names;
  }
  llvm::Expected<std::unique_ptr<TargetInstance>> createInstance(StringRef architecture) const override {
    for (const GpuDescriptor &gpu : descriptors)
      if (gpu.architecture == architecture)
        return std::make_unique<GpuInstance>(gpu, makeEnd(gpu));
    return llvm::createStringError("unknown architecture '" + architecture + "' of target " + name +
                                   "; known are " + llvm::join(getArchitectures(), ", "));
  }

private:
  std::string name;
  std::vector<GpuDescriptor> descriptors;
  MakeEnd makeEnd;
};

} // namespace

std::unique_ptr<Target> aicc::gpu::makeGpuTarget(std::string name, std::vector<GpuDescriptor> architectures,
                                                 MakeEnd makeEnd) {
  return std::make_unique<GpuTarget>(std::move(name), std::move(architectures), makeEnd);
}
