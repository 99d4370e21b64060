//===- ElfImage.h - kernels in memory ----------------------------------------------------===//
//
// Loads the shared objects that aicc/kernel_abi.h describes, from memory and without the system's loader,
// which would want a file, run initializers and resolve imports. An image here has none of these.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_TARGETS_CPU_DRIVER_ELFIMAGE_H
#define AICC_TARGETS_CPU_DRIVER_ELFIMAGE_H

#include "aicc/kernel_abi.h"
#include "aicc/status.h"

#include <cstddef>
#include <vector>

namespace aicc::cpu {

class ElfImage {
public:
  ElfImage() = default;
  ~ElfImage();
  ElfImage(const ElfImage &) = delete;
  ElfImage &operator=(const ElfImage &) = delete;

  /// Copies, relocates and protects the image, and reads its table. Every offset in it is checked before it
  /// is used.
  aicc_status *load(const void *data, uint64_t size);

  uint32_t entryCount() const { return table->count; }
  aicc_kernel_fn entry(uint32_t index) const { return table->entries[index]; }
  const char *entryName(uint32_t index) const { return table->names[index]; }

private:
  struct Segment {
    uint64_t address, size; ///< relative to base
    uint32_t flags;
  };
  struct Dynamic;

  aicc_status *readSegments(const uint8_t *data, uint64_t size, uint64_t &dynamicAddress,
                            uint64_t &dynamicSize);
  aicc_status *readDynamic(uint64_t address, uint64_t size, Dynamic &dynamic) const;
  aicc_status *relocate(const Dynamic &dynamic, uint64_t address, uint64_t size);
  aicc_status *protect();
  aicc_status *findTable(const Dynamic &dynamic);
  /// Whether the range lies in one segment that has all of `flags`.
  bool contains(uint64_t address, uint64_t size, uint32_t flags) const;
  bool containsPointer(const void *pointer, uint64_t size, uint32_t flags) const;
  bool isString(const char *string) const;
  /// Reads a T at a relative address that `contains` has accepted.
  template <typename T> T read(uint64_t address) const;

  uint8_t *base = nullptr;
  uint64_t span = 0;
  std::vector<Segment> segments;
  const aicc_executable_table *table = nullptr;
};

} // namespace aicc::cpu

#endif // AICC_TARGETS_CPU_DRIVER_ELFIMAGE_H
