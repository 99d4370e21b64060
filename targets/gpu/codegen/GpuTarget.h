// A target for graphics processors over descriptors and an end: what a vendor's folder registers.

#ifndef AICC_TARGETS_GPU_CODEGEN_GPUTARGET_H
#define AICC_TARGETS_GPU_CODEGEN_GPUTARGET_H

#include "aicc/Target.h"
#include "targets/gpu/codegen/Descriptor.h"
#include "targets/gpu/codegen/DeviceEnd.h"

namespace aicc::gpu {

/// Makes the end of one architecture. The descriptor outlives it.
using MakeEnd = std::unique_ptr<DeviceEnd> (*)(const GpuDescriptor &gpu);

/// The target `name`; `architectures`, of which the first entry is the default, have it as their target.
std::unique_ptr<Target> makeGpuTarget(std::string name, std::vector<GpuDescriptor> architectures,
                                      MakeEnd makeEnd);

} // namespace aicc::gpu

#endif
