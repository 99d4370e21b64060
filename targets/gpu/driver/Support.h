//===- Support.h - what every driver over a vendor's library needs ------------------------===//
//
// Statuses with formatted messages, vendors' libraries by their symbols, the clock that deadlines are given
// in, and info structs whose size the caller says.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_GPU_DRIVER_SUPPORT_H
#define AICC_GPU_DRIVER_SUPPORT_H

#include "aicc/driver.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace aicc::gpu {

/// A status with a formatted message of one line: line breaks become "; ". Null if code is AICC_STATUS_OK.
__attribute__((format(printf, 2, 3))) aicc_status *makeStatus(aicc_status_code code, const char *format, ...);

/// One function of a vendor's library.
struct LibrarySymbol {
  const char *name;
  void *target; ///< where its address goes: a pointer to a function pointer
  bool optional = false;
};

/// Opens the first of `names` (ended by null) that can be opened and looks up `symbols` (ended by one without
/// a name). Null, or UNSUPPORTED with one line that says what is missing; `library` is its name for people.
/// The library stays open: vendors' libraries do not survive being unloaded.
aicc_status *loadLibrary(const char *library, const char *const *names, const LibrarySymbol *symbols);

/// CLOCK_MONOTONIC in nanoseconds.
int64_t monotonicNow();

/// "1.5 GiB", for messages.
std::string formatBytes(uint64_t bytes);

/// Copies as much of `info` as the caller's struct has room for, and leaves its struct_size as it is.
template <typename T> void writeInfo(T info, T *out) {
  info.struct_size = out->struct_size;
  std::memcpy(out, &info, std::min<size_t>(out->struct_size, sizeof(T)));
}

} // namespace aicc::gpu

/// Returns from the enclosing function when `expression` is a status that is not OK.
#define AICC_RETURN_IF_ERROR(expression)                                                                     \
  do {                                                                                                       \
    if (aicc_status *failure = (expression); __builtin_expect(failure != nullptr, 0))                        \
      return failure;                                                                                        \
  } while (false)

#endif // AICC_GPU_DRIVER_SUPPORT_H
