//===- Format.h - the file around the FlatBuffer -----------------------------------------===//
//
// The 64-byte header of an .aicc file, its limits and feature bits: what writer and loader must agree on and
// the schema cannot say. docs/module-format.md is the description for people.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_MODULE_FORMAT_H
#define AICC_RUNTIME_MODULE_FORMAT_H

#include "runtime/module/Hash.h"

#include <cstddef>
#include <cstdint>

namespace aicc::rt {

constexpr char kModuleMagic[8] = {'A', 'I', 'C', 'C', 'M', 'O', 'D', '1'};
constexpr uint32_t kHeaderVersion = 1;
/// Of the schema; independent of the release's version.
constexpr uint32_t kFormatVersion = 1;
constexpr uint64_t kPageSize = 4096;
/// FlatBuffers' own limit is 2^31; offsets in it are 32 bits.
constexpr uint64_t kMaxFlatBufferSize = (1ull << 31) - 1;
/// What one function may declare; far above what a program needs, and small enough to allocate without
/// thought.
constexpr uint32_t kMaxRegisters = 1u << 20;
constexpr uint32_t kMaxSlots = 1u << 20;
constexpr uint32_t kMaxRank = 64;
constexpr uint32_t kMaxAlignment = 4096;

/// Bits of the header's required-feature mask. A reader refuses a file with a bit that it does not know.
enum Feature : uint64_t {
  FeatureMultiDevice = 1ull << 0, ///< a device slot other than 0
  FeatureEvents = 1ull << 1,      ///< Event commands
  FeatureCollectives = 1ull << 2, ///< Collective commands
  FeatureHostCalls = 1ull << 3,   ///< HostCall commands
  FeatureLateResults = 1ull << 4, ///< results that the command BindResult binds
};
/// What this runtime can do.
constexpr uint64_t kSupportedFeatures = FeatureLateResults;

/// At offset 0, little endian. `hash` is XXH3-128 of the FlatBuffer, seeded with the first 8 bytes (low) of
/// the XXH3-128 of the header's bytes before it, so that it guards both.
struct ModuleHeader {
  char magic[8];
  uint32_t headerVersion;
  uint32_t formatVersion;
  uint64_t requiredFeatures;
  uint64_t flatBufferOffset;
  uint64_t flatBufferSize;
  uint64_t fileSize;
  uint64_t hashLow;
  uint64_t hashHigh;
};
static_assert(sizeof(ModuleHeader) == 64, "the header is 64 bytes on disk");

inline Hash computeModuleHash(const ModuleHeader &header, const void *flatBuffer, size_t size) {
  return computeHash(flatBuffer, size, computeHash(&header, offsetof(ModuleHeader, hashLow)).low);
}

/// False on overflow.
inline bool checkedAdd(uint64_t a, uint64_t b, uint64_t &sum) { return !__builtin_add_overflow(a, b, &sum); }
inline bool checkedMul(uint64_t a, uint64_t b, uint64_t &product) {
  return !__builtin_mul_overflow(a, b, &product);
}

/// Whether [offset, offset + size) lies within [0, limit).
inline bool rangeIsWithin(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

inline bool isPowerOfTwo(uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

} // namespace aicc::rt

#endif // AICC_RUNTIME_MODULE_FORMAT_H
