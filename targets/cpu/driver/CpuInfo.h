//===- CpuInfo.h - what this processor can do --------------------------------------------===//
//
// Instruction sets as LLVM spells them, and how many threads it is sensible to run.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_TARGETS_CPU_DRIVER_CPUINFO_H
#define AICC_TARGETS_CPU_DRIVER_CPUINFO_H

#include <cstdint>
#include <string>
#include <vector>

namespace aicc::cpu {

struct CpuInfo {
  std::string name;
  const char *architecture = "x86-64"; ///< the highest x86-64 level: "x86-64-v3", ...
  std::vector<const char *> features;  ///< those the processor has and the system has enabled
  uint64_t memorySize = 0;
};

CpuInfo detectCpu();

/// Processors in the affinity mask, or fewer when a cgroup (version 1 or 2) has a quota. At least 1.
uint32_t detectThreadCount();

} // namespace aicc::cpu

#endif // AICC_TARGETS_CPU_DRIVER_CPUINFO_H
