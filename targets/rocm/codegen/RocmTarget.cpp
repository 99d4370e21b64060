// The entry of the plug-in: graphics processors that take AMD code objects as a target.

#include "aicc/TargetPlugin.h"
#include "targets/gpu/codegen/GpuTarget.h"
#include "targets/rocm/codegen/RocmDescriptors.h"
#include "targets/rocm/codegen/RocmEnd.h"

using namespace aicc;

static void registerTargets() {
  registerTarget(gpu::makeGpuTarget("rocm", rocm::getDescriptors(),
                                    [](const gpu::GpuDescriptor &gpu) -> std::unique_ptr<gpu::DeviceEnd> {
                                      return std::make_unique<rocm::RocmEnd>(gpu);
                                    }));
}

AICC_TARGET_PLUGIN(registerTargets)
