// Matrix instructions without the hardware: targets whose descriptors are those of processors with such
// instructions, and whose end does each of them by every lane for itself, on fragments that go through
// workgroup memory by the descriptor's layouts; and copies past the registers as loads and stores. What is
// proven by it: that kernels bring each element to where a layout says, and find the results there. What is
// not: that the layouts are the hardware's.

#ifndef AICC_TEST_TARGETS_GPU_EMULATEDUNITS_H
#define AICC_TEST_TARGETS_GPU_EMULATEDUNITS_H

#include <string>
#include <vector>

namespace aicc::gpu::test {

/// Registers the target "emulated" with an architecture for each of these, and "emulated:generic", without
/// matrix units and subgroups; returns "emulated:NAME" for each that has matrix units.
const std::vector<std::string> &getEmulatedTargets();

} // namespace aicc::gpu::test

#endif
