// The table of processor levels and features, and the probing of the host.

#include "targets/cpu/codegen/Descriptor.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Threading.h"
#include "llvm/TargetParser/Host.h"
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

using namespace aicc::cpu;
using llvm::StringRef;

namespace {

struct Feature {
  const char *name;
  unsigned level; // x86-64-v<level> has it; 0: none does
};

/// Every feature generated code may use beyond x86-64-v1, all of which the runtime can check. Whatever a host
/// has and this table does not (cryptography, say) is not used.
constexpr Feature features[] = {
    {"sse3", 2},       {"ssse3", 2},        {"sse4.1", 2},
    {"sse4.2", 2},     {"popcnt", 2},       {"cx16", 2},
    {"avx", 3},        {"avx2", 3},         {"bmi", 3},
    {"bmi2", 3},       {"f16c", 3},         {"fma", 3},
    {"lzcnt", 3},      {"movbe", 3},        {"avx512f", 4},
    {"avx512bw", 4},   {"avx512cd", 4},     {"avx512dq", 4},
    {"avx512vl", 4},   {"avx512vnni", 0},   {"avx512bf16", 0},
    {"avx512fp16", 0}, {"avx512vbmi", 0},   {"avx512vbmi2", 0},
    {"avx512ifma", 0}, {"avx512bitalg", 0}, {"avx512vpopcntdq", 0},
    {"avxvnni", 0},    {"gfni", 0},         {"amx-tile", 0},
    {"amx-int8", 0},
};

struct Level {
  unsigned number;
  const char *name;
  unsigned vectorBits, numVectorRegisters;
  int64_t l1Bytes, l2Bytes, l3Bytes; // the smallest that processors of this level commonly have
};

constexpr Level levels[] = {
    {3, "x86-64-v3", 256, 16, 32 << 10, 256 << 10, 4 << 20},
    {4, "x86-64-v4", 512, 32, 32 << 10, 512 << 10, 8 << 20},
};

#if defined(__x86_64__)
/// Sizes of the data caches by CPUID's deterministic cache parameters: leaf 4, or the leaf of the same layout
/// among the extended ones. What is not reported keeps its value.
void readCaches(CpuDescriptor &cpu) {
  for (unsigned leaf : {0x4u, 0x8000001Du}) {
    bool any = false;
    for (unsigned index = 0; index < 16; ++index) {
      unsigned a = 0, b = 0, c = 0, d = 0;
      if (!__get_cpuid_count(leaf, index, &a, &b, &c, &d) || (a & 31) == 0)
        break;
      bool instructionsOnly = (a & 31) == 2;
      int64_t ways = (b >> 22) + 1, partitions = ((b >> 12) & 1023) + 1, line = (b & 4095) + 1,
              sets = int64_t(c) + 1;
      int64_t bytes = ways * partitions * line * sets;
      unsigned level = (a >> 5) & 7;
      any = true;
      if (instructionsOnly)
        continue;
      if (level == 1)
        cpu.l1Bytes = bytes;
      else if (level == 2)
        cpu.l2Bytes = bytes;
      else if (level == 3)
        cpu.l3Bytes = bytes;
    }
    if (any)
      return;
  }
}
#else
void readCaches(CpuDescriptor &) {}
#endif

/// Asks the system for the state that matrix tiles need, as a process has to (Linux 5.16 and later).
bool mayUseTiles() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr long requestPermission = 0x1023, tileData = 18;
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
#else
  return false;
#endif
}

/// Fills in what follows from the level: instruction set, vectors, assumed caches.
CpuDescriptor describeLevel(const Level &level) {
  CpuDescriptor cpu;
  cpu.name = cpu.llvmCpu = cpu.tuneCpu = level.name;
  cpu.vectorBits = level.vectorBits;
  cpu.numVectorRegisters = level.numVectorRegisters;
  cpu.l1Bytes = level.l1Bytes;
  cpu.l2Bytes = level.l2Bytes;
  cpu.l3Bytes = level.l3Bytes;
  cpu.fma = true;
  for (const Feature &feature : features)
    if (feature.level && feature.level <= level.number)
      cpu.requiredFeatures.push_back(feature.name);
  return cpu;
}

llvm::Expected<CpuDescriptor> describeHost() {
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  const Level *base = nullptr;
  for (const Level &level : levels)
    if (llvm::all_of(features, [&](const Feature &feature) {
          return !feature.level || feature.level > level.number || host.lookup(feature.name);
        }))
      base = &level;
  if (!base)
    return llvm::createStringError(
        "this processor is below x86-64-v3 (AVX2 and FMA), which is the least that "
        "can be compiled for; name an architecture, such as cpu:x86-64-v3, to "
        "compile for another machine");
  CpuDescriptor cpu = describeLevel(*base);
  cpu.name = "native";
  cpu.tuneCpu = llvm::sys::getHostCPUName().str();
  std::vector<std::string> extra;
  const bool tiles = host.lookup("amx-int8") && mayUseTiles();
  for (const Feature &feature : features) {
    bool fromLevel = feature.level && feature.level <= base->number;
    // Wider registers come with their whole level or not at all.
    bool usable = base->number >= 4 || !StringRef(feature.name).starts_with("avx512");
    usable &= tiles || !StringRef(feature.name).starts_with("amx");
    if (fromLevel || !usable || !host.lookup(feature.name))
      continue;
    extra.push_back("+" + std::string(feature.name));
    cpu.requiredFeatures.push_back(feature.name);
  }
  cpu.llvmFeatures = llvm::join(extra, ",");
  auto has = [&](StringRef name) { return llvm::is_contained(cpu.requiredFeatures, name); };
  cpu.vnni = has("avx512vnni") || has("avxvnni");
  cpu.byteTiles = cpu.vnni && has("amx-int8");
  cpu.bf16 = has("avx512bf16");
  cpu.fp16 = has("avx512fp16");
  int physical = llvm::get_physical_cores(); // not positive if unknown
  cpu.cores = llvm::hardware_concurrency().compute_thread_count();
  if (physical > 0)
    cpu.cores = std::min(cpu.cores, unsigned(physical));
  readCaches(cpu);
  return cpu;
}

} // namespace

llvm::Expected<CpuDescriptor> aicc::cpu::getCpuDescriptor(StringRef arch) {
  if (arch == "native")
    return describeHost();
  for (const Level &level : levels)
    if (arch == level.name)
      return describeLevel(level);
  return llvm::createStringError("unknown CPU architecture '%s'; known are native, x86-64-v3 and x86-64-v4",
                                 arch.str().c_str());
}
