// What the CPU target knows about a processor: instruction set, vector registers, caches. Descriptors are
// data, a table of the portable levels and, for "native", what the host itself reports; a machine's name is
// never looked at, so that an unknown processor is served by its features.

#ifndef AICC_TARGETS_CPU_CODEGEN_DESCRIPTOR_H
#define AICC_TARGETS_CPU_CODEGEN_DESCRIPTOR_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace aicc::cpu {

struct CpuDescriptor {
  /// "x86-64-v3", "x86-64-v4" or "native".
  std::string name;
  /// LLVM's name of the base level and the features beyond it ("+avx512vnni,..."): all that generated code
  /// may use.
  std::string llvmCpu, llvmFeatures;
  /// LLVM's name of the processor whose timing the instruction scheduler assumes; never adds instructions.
  std::string tuneCpu;
  unsigned vectorBits = 256;        // 512 or 256
  unsigned numVectorRegisters = 16; // 32 or 16
  /// Data caches: one core's L1 and L2, and the L3 that cores share (0: none). Bytes.
  int64_t l1Bytes = 0, l2Bytes = 0, l3Bytes = 0;
  /// Cores this process may use; 1 for portable levels.
  unsigned cores = 1;
  bool fma = false, vnni = false, bf16 = false, fp16 = false;
  bool byteTiles = false; // matrix tiles of bytes (AMX-INT8), and the system lets this process use them
  /// What the runtime checks before it loads the code, in LLVM's spelling.
  std::vector<std::string> requiredFeatures;

  unsigned getLanes(unsigned elementBits = 32) const { return vectorBits / elementBits; }
};

/// The descriptor of `arch`: "native" (this host), "x86-64-v3" or "x86-64-v4". An error if there is no such
/// level, or if the host is below x86-64-v3.
llvm::Expected<CpuDescriptor> getCpuDescriptor(llvm::StringRef arch);

} // namespace aicc::cpu

#endif // AICC_TARGETS_CPU_CODEGEN_DESCRIPTOR_H
