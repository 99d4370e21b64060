// The entry of the plug-in: devices that take SPIR-V as a target.

#include "aicc/TargetPlugin.h"
#include "targets/gpu/codegen/GpuTarget.h"
#include "targets/level_zero/codegen/LevelZeroEnd.h"

using namespace aicc;

static void registerTargets() {
  registerTarget(gpu::makeGpuTarget("level_zero", level_zero::getDescriptors(),
                                    [](const gpu::GpuDescriptor &) -> std::unique_ptr<gpu::DeviceEnd> {
                                      return std::make_unique<level_zero::LevelZeroEnd>();
                                    }));
}

AICC_TARGET_PLUGIN(registerTargets)
