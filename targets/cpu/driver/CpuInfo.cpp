//===- CpuInfo.cpp - what this processor can do ------------------------------------------===//
//
// CPUID by a table of (leaf, register, bit); the wide registers count only when XCR0 says the system saves
// them.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/cpu/driver/CpuInfo.h"

#include <algorithm>
#include <cpuid.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace aicc::cpu;

namespace {

enum Register { EAX, EBX, ECX, EDX };
/// What XCR0 must have for a feature: nothing, AVX, AVX-512 or AMX state.
enum State : uint64_t { None = 0, Avx = 0x6, Avx512 = 0xe6, Amx = 0x60000 };

struct FeatureBit {
  const char *name;
  uint32_t leaf, subleaf;
  Register reg;
  uint32_t bit;
  State state;
};

constexpr FeatureBit kFeatures[] = {{"cx8", 1, 0, EDX, 8, None},
                                    {"cmov", 1, 0, EDX, 15, None},
                                    {"mmx", 1, 0, EDX, 23, None},
                                    {"fxsr", 1, 0, EDX, 24, None},
                                    {"sse", 1, 0, EDX, 25, None},
                                    {"sse2", 1, 0, EDX, 26, None},
                                    {"sse3", 1, 0, ECX, 0, None},
                                    {"pclmul", 1, 0, ECX, 1, None},
                                    {"ssse3", 1, 0, ECX, 9, None},
                                    {"fma", 1, 0, ECX, 12, Avx},
                                    {"cx16", 1, 0, ECX, 13, None},
                                    {"sse4.1", 1, 0, ECX, 19, None},
                                    {"sse4.2", 1, 0, ECX, 20, None},
                                    {"movbe", 1, 0, ECX, 22, None},
                                    {"popcnt", 1, 0, ECX, 23, None},
                                    {"aes", 1, 0, ECX, 25, None},
                                    {"crc32", 1, 0, ECX, 20, None},
                                    {"xsave", 1, 0, ECX, 26, None},
                                    {"rdrnd", 1, 0, ECX, 30, None},
                                    {"fsgsbase", 7, 0, EBX, 0, None},
                                    {"rdseed", 7, 0, EBX, 18, None},
                                    {"adx", 7, 0, EBX, 19, None},
                                    {"clflushopt", 7, 0, EBX, 23, None},
                                    {"clwb", 7, 0, EBX, 24, None},
                                    {"sha", 7, 0, EBX, 29, None},
                                    {"evex512", 7, 0, EBX, 16, Avx512},
                                    {"sahf", 0x80000001, 0, ECX, 0, None},
                                    {"prfchw", 0x80000001, 0, ECX, 8, None},
                                    {"avx", 1, 0, ECX, 28, Avx},
                                    {"f16c", 1, 0, ECX, 29, Avx},
                                    {"bmi", 7, 0, EBX, 3, None},
                                    {"avx2", 7, 0, EBX, 5, Avx},
                                    {"bmi2", 7, 0, EBX, 8, None},
                                    {"avx512f", 7, 0, EBX, 16, Avx512},
                                    {"avx512dq", 7, 0, EBX, 17, Avx512},
                                    {"avx512ifma", 7, 0, EBX, 21, Avx512},
                                    {"avx512cd", 7, 0, EBX, 28, Avx512},
                                    {"avx512bw", 7, 0, EBX, 30, Avx512},
                                    {"avx512vl", 7, 0, EBX, 31, Avx512},
                                    {"avx512vbmi", 7, 0, ECX, 1, Avx512},
                                    {"avx512vbmi2", 7, 0, ECX, 6, Avx512},
                                    {"gfni", 7, 0, ECX, 8, None},
                                    {"vaes", 7, 0, ECX, 9, Avx},
                                    {"vpclmulqdq", 7, 0, ECX, 10, Avx},
                                    {"avx512vnni", 7, 0, ECX, 11, Avx512},
                                    {"avx512bitalg", 7, 0, ECX, 12, Avx512},
                                    {"avx512vpopcntdq", 7, 0, ECX, 14, Avx512},
                                    {"avx512vp2intersect", 7, 0, EDX, 8, Avx512},
                                    {"amx-bf16", 7, 0, EDX, 22, Amx},
                                    {"avx512fp16", 7, 0, EDX, 23, Avx512},
                                    {"amx-tile", 7, 0, EDX, 24, Amx},
                                    {"amx-int8", 7, 0, EDX, 25, Amx},
                                    {"avxvnni", 7, 1, EAX, 4, Avx},
                                    {"avx512bf16", 7, 1, EAX, 5, Avx512},
                                    {"avxifma", 7, 1, EAX, 23, Avx},
                                    {"avxvnniint8", 7, 1, EDX, 4, Avx},
                                    {"avxneconvert", 7, 1, EDX, 5, Avx},
                                    {"lzcnt", 0x80000001, 0, ECX, 5, None}};

/// Asks the system for the state of matrix tiles, as a process has to before it uses them (Linux 5.16 and
/// later).
bool mayUseTiles() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

uint64_t readXcr0() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

bool hasAll(const CpuInfo &info, std::initializer_list<const char *> names) {
  for (const char *name : names)
    if (std::none_of(info.features.begin(), info.features.end(),
                     [&](const char *feature) { return std::strcmp(feature, name) == 0; }))
      return false;
  return true;
}

std::string brandString() {
  char brand[49] = {};
  uint32_t max = __get_cpuid_max(0x80000000, nullptr);
  if (max < 0x80000004)
    return "x86-64";
  for (uint32_t i = 0; i < 3; ++i) {
    uint32_t registers[4];
    __cpuid(0x80000002 + i, registers[0], registers[1], registers[2], registers[3]);
    std::memcpy(brand + 16 * i, registers, 16);
  }
  const char *begin = brand;
  while (*begin == ' ')
    ++begin;
  std::string name = begin;
  while (!name.empty() && name.back() == ' ')
    name.pop_back();
  return name;
}

/// The first line of a small file, or "".
std::string readLine(const std::string &path) {
  std::string line;
  if (FILE *file = std::fopen(path.c_str(), "re")) {
    char text[256];
    if (std::fgets(text, sizeof(text), file))
      line = text;
    std::fclose(file);
  }
  return line;
}

/// Quota over period of a cgroup folder, in processors; 0: no quota.
double quotaOf(const std::string &v2, const std::string &v1) {
  double quota = 0, period = 0;
  if (!v2.empty() && std::sscanf(readLine(v2 + "/cpu.max").c_str(), "%lf %lf", &quota, &period) == 2 &&
      period > 0)
    return quota / period;
  if (!v1.empty()) {
    quota = std::atof(readLine(v1 + "/cpu.cfs_quota_us").c_str());
    period = std::atof(readLine(v1 + "/cpu.cfs_period_us").c_str());
    if (quota > 0 && period > 0)
      return quota / period;
  }
  return 0;
}

/// The smallest quota on the way from this process's group to the root, as seen under the usual mounts.
double cgroupQuota() {
  double smallest = 0;
  const auto take = [&](double quota) {
    if (quota > 0 && (smallest == 0 || quota < smallest))
      smallest = quota;
  };
  FILE *file = std::fopen("/proc/self/cgroup", "re");
  char line[4096];
  while (file && std::fgets(line, sizeof(line), file)) {
    char *controllers = std::strchr(line, ':');
    char *path = controllers ? std::strchr(controllers + 1, ':') : nullptr;
    if (!path)
      continue;
    *path++ = 0;
    path[std::strcspn(path, "\n")] = 0;
    bool isV2 = controllers[1] == 0;
    if (!isV2 && !std::strstr(controllers, "cpu"))
      continue;
    for (std::string group = path;; group.resize(group.find_last_of('/'))) {
      if (group == "/")
        group.clear();
      take(isV2 ? quotaOf("/sys/fs/cgroup" + group, "") : quotaOf("", "/sys/fs/cgroup/cpu" + group));
      if (group.empty() || group.find_last_of('/') == std::string::npos)
        break;
    }
  }
  if (file)
    std::fclose(file);
  return smallest;
}

} // namespace

CpuInfo aicc::cpu::detectCpu() {
  CpuInfo info;
  info.name = brandString();
  info.memorySize =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  uint32_t leaf1[4] = {};
  __get_cpuid(1, &leaf1[EAX], &leaf1[EBX], &leaf1[ECX], &leaf1[EDX]);
  uint64_t enabled = (leaf1[ECX] >> 27) & 1 ? readXcr0() : 0;
  for (const FeatureBit &feature : kFeatures) {
    uint32_t registers[4] = {};
    if (!__get_cpuid_count(feature.leaf, feature.subleaf, &registers[EAX], &registers[EBX], &registers[ECX],
                           &registers[EDX]))
      continue;
    if (feature.subleaf == 1) {
      uint32_t subleaves = 0, unused[3];
      __get_cpuid_count(7, 0, &subleaves, &unused[0], &unused[1], &unused[2]);
      if (subleaves < 1)
        continue;
    }
    if (((registers[feature.reg] >> feature.bit) & 1) && (enabled & feature.state) == feature.state &&
        (feature.state != Amx || mayUseTiles()))
      info.features.push_back(feature.name);
  }
  if (hasAll(info, {"sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "cx16"}))
    info.architecture = "x86-64-v2";
  if (hasAll(info, {"sse4.2", "popcnt", "avx", "avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe"}))
    info.architecture = "x86-64-v3";
  if (hasAll(info, {"avx2", "fma", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    info.architecture = "x86-64-v4";
  return info;
}

uint32_t aicc::cpu::detectThreadCount() {
  // The mask may be larger than cpu_set_t on large machines.
  uint32_t processors = 0;
  for (int size = 1024; size <= 1 << 20 && !processors; size *= 4) {
    cpu_set_t *mask = CPU_ALLOC(size);
    if (!mask)
      break;
    if (sched_getaffinity(0, CPU_ALLOC_SIZE(size), mask) == 0)
      processors = static_cast<uint32_t>(CPU_COUNT_S(CPU_ALLOC_SIZE(size), mask));
    CPU_FREE(mask);
  }
  if (!processors)
    processors = static_cast<uint32_t>(std::max<long>(sysconf(_SC_NPROCESSORS_ONLN), 1));
  double quota = cgroupQuota();
  if (quota > 0 && quota < processors)
    processors = static_cast<uint32_t>(quota + 0.99);
  return std::max(processors, 1u);
}
