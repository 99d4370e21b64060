//===- DeviceImage.h - reading the container of device code -------------------------------===//
//
// The one reader of aicc/device_image.h, for all drivers. Images come from files that anyone may have
// written: nothing is used before it is checked, and what the reader hands out needs no further checks of
// ranges.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_GPU_DRIVER_DEVICEIMAGE_H
#define AICC_GPU_DRIVER_DEVICEIMAGE_H

#include "aicc/device_image.h"
#include "aicc/status.h"

#include <string>
#include <string_view>
#include <vector>

namespace aicc::gpu {

struct DeviceImage {
  /// How one kernel is launched.
  struct Entry {
    std::string name; ///< not empty, printable, without spaces
    uint32_t threads = 0;
    uint32_t subgroupSize = 0; ///< 0: any
    uint32_t staticShared = 0;
    uint32_t dynamicShared = 0;
    uint32_t bufferCount = 0;
    uint32_t paramCount = 0;
    bool takesScratch = false;

    uint32_t argumentCount() const { return bufferCount + paramCount + (takesScratch ? 1 : 0); }
  };
  /// One form of all kernels: views of the image's own bytes.
  struct Payload {
    std::string_view format;
    std::string_view architecture; ///< empty: any
    std::string_view data;         ///< not empty
  };

  std::vector<Entry> entries;    ///< at least one; no two have the same name
  std::vector<Payload> payloads; ///< at least one, the best first

  /// The first payload of this format for this architecture or for any; null if there is none.
  const Payload *find(std::string_view format, std::string_view architecture) const;
  /// "text for any, binary for chip-7": what there is, for messages.
  std::string listPayloads() const;

  /// Reads the image of `size` bytes at `image`, at any address. AICC_STATUS_DATA_LOSS says what is wrong
  /// with it.
  static aicc_status *parse(const void *image, uint64_t size, DeviceImage &out);
};

/// Whether data looks like a SPIR-V module.
bool isSpirv(std::string_view data);

} // namespace aicc::gpu

#endif // AICC_GPU_DRIVER_DEVICEIMAGE_H
