//===- Status.h - making statuses inside the runtime -------------------------------------===//
//
// Helpers around the C ABI's aicc_status. A status is a null pointer on success, so the good path costs a
// compare.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_CORE_STATUS_H
#define AICC_RUNTIME_CORE_STATUS_H

#include "aicc/status.h"

namespace aicc::rt {

/// A status with a formatted message. Never null.
__attribute__((format(printf, 2, 3))) aicc_status *makeStatus(aicc_status_code code, const char *format, ...);

} // namespace aicc::rt

/// Returns from the enclosing function when `expression` is a status that is not OK.
#define AICC_RETURN_IF_ERROR(expression)                                                                     \
  do {                                                                                                       \
    if (aicc_status *failure = (expression); __builtin_expect(failure != nullptr, 0))                        \
      return failure;                                                                                        \
  } while (false)

#endif // AICC_RUNTIME_CORE_STATUS_H
