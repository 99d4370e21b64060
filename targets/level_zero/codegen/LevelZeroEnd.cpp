// The image of the SPIR-V end, and the descriptor.

#include "targets/level_zero/codegen/LevelZeroEnd.h"
#include "targets/gpu/codegen/ImageWriter.h"
#include "targets/level_zero/codegen/Legalize.h"
#include "targets/level_zero/codegen/LowerToSpirv.h"

using namespace aicc;
using namespace aicc::level_zero;

std::vector<gpu::GpuDescriptor> aicc::level_zero::getDescriptors() {
  gpu::GpuDescriptor generic;
  generic.target = "level_zero";
  generic.architecture = "generic";
  generic.format = "spirv-opencl";
  generic.requiredFeatures = {"int64", "fp16", "fp64", "subgroup-16"};
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
