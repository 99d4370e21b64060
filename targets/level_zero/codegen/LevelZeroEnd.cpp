// The image of the SPIR-V end, and the descriptor.

#include "targets/level_zero/codegen/LevelZeroEnd.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "targets/gpu/codegen/ImageWriter.h"
#include "targets/level_zero/codegen/Legalize.h"
#include "targets/level_zero/codegen/LowerToSpirv.h"
#include <set>

using namespace aicc;
using namespace aicc::level_zero;

std::vector<gpu::GpuDescriptor> aicc::level_zero::getDescriptors() {
  gpu::GpuDescriptor generic;
  generic.target = "level_zero";
  generic.architecture = "generic";
  generic.format = "spirv-opencl";
  generic.requiredFeatures = {"int64"};
  // The size that all of Intel's graphics processors since Gen9 have, and the CPU device.
  generic.subgroupSize = 16;
  generic.maxWorkgroupThreads = 512;
  generic.sharedBytes = 32 << 10;
  // 128 registers of 32 bytes for 16 lanes.
  generic.registersPerThread = 64;
  generic.registersPerUnit = 32768;
  generic.computeUnits = 32;
  generic.cacheBytes = 8 << 20;
  generic.bandwidth = 500;
  generic.clock = 2000;
  generic.f32PerClock = 128;
  // Halves are loaded, stored and converted; sums are in 32 bits anyway.
  generic.fp16 = false;
  generic.fp64 = true;
  return {generic};
}

void LevelZeroEnd::prepareContext(mlir::MLIRContext *context) const { level_zero::prepareContext(context); }

std::vector<std::string> LevelZeroEnd::getRequiredFeatures(llvm::ArrayRef<mlir::ModuleOp> modules) const {
  std::set<std::string> features;
  auto useType = [&](mlir::Type type) {
    mlir::Type element = mlir::getElementTypeOrSelf(type);
    if (element.isF16())
      features.insert("fp16");
    else if (element.isF64())
      features.insert("fp64");
  };
  for (mlir::ModuleOp module : modules)
    module->walk([&](mlir::Operation *op) {
      llvm::for_each(op->getOperandTypes(), useType);
      llvm::for_each(op->getResultTypes(), useType);
      if (mlir::isa<mlir::LLVM::AtomicRMWOp, mlir::LLVM::AtomicCmpXchgOp>(op) &&
          op->getOperand(1).getType().getIntOrFloatBitWidth() == 64)
        features.insert("int64-atomics");
      if (mlir::isa<mlir::gpu::ShuffleOp, mlir::gpu::LaneIdOp, mlir::gpu::SubgroupIdOp>(op))
        if (auto size = op->getParentOfType<mlir::LLVM::LLVMFuncOp>()->getAttrOfType<mlir::IntegerAttr>(
                gpu::KernelAttrs::subgroup))
          features.insert("subgroup-" + std::to_string(size.getInt()));
    });
  return {features.begin(), features.end()};
}

llvm::Expected<std::vector<char>> LevelZeroEnd::compile(llvm::ArrayRef<mlir::ModuleOp> modules,
                                                        llvm::ArrayRef<std::string> entries,
                                                        const gpu::EndOptions &options) const {
  std::vector<gpu::ImageEntry> launches;
  for (mlir::ModuleOp module : modules)
    launches.push_back(gpu::describeKernel(module));
  llvm::Expected<std::vector<char>> binary = lowerToSpirv(modules, entries, options);
  if (!binary)
    return binary.takeError();
  return gpu::writeImage(launches, {{"spirv-opencl", "", std::move(*binary)}});
}
