// The entry of the plug-in: graphics processors that take PTX as a target.

#include "aicc/TargetPlugin.h"
#include "targets/cuda/codegen/CudaDescriptors.h"
#include "targets/cuda/codegen/CudaEnd.h"
#include "targets/gpu/codegen/GpuTarget.h"

using namespace aicc;

static void registerTargets() {
  registerTarget(gpu::makeGpuTarget("cuda", cuda::getDescriptors(),
                                    [](const gpu::GpuDescriptor &gpu) -> std::unique_ptr<gpu::DeviceEnd> {
                                      return std::make_unique<cuda::CudaEnd>(gpu);
                                    }));
}

AICC_TARGET_PLUGIN(registerTargets)
