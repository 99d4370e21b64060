// The CPU as a target: its entry in the registry.

#ifndef AICC_TARGETS_CPU_CODEGEN_CPUTARGET_H
#define AICC_TARGETS_CPU_CODEGEN_CPUTARGET_H

namespace aicc {
/// Adds "cpu" to the registry of targets.
void registerCpuTarget();
} // namespace aicc

#endif
