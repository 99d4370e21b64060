// How a command of this tool ends early: an exit code and one line.

#ifndef AICC_TOOLS_FAILURE_H
#define AICC_TOOLS_FAILURE_H

#include "aicc/status.h"
#include <string>

namespace aicc::tool {

/// What `main` turns into `error: ...` and the exit code. 1: the model or data is at fault, 2: wrong usage,
/// 3: a bug of ours.
struct Failure {
  int exitCode;
  std::string message;
};

inline constexpr int kDataError = 1, kUsageError = 2, kInternalError = 3;

/// Throws a Failure for a status that is not OK, and destroys it.
inline void check(aicc_status *status, const std::string &what = "") {
  if (!status)
    return;
  Failure failure{aicc_status_get_code(status) == AICC_STATUS_INTERNAL ? kInternalError : kDataError,
                  (what.empty() ? "" : what + ": ") + aicc_status_get_message(status)};
  aicc_status_destroy(status);
  throw failure;
}

} // namespace aicc::tool

#endif
