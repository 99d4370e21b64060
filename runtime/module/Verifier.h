//===- Verifier.h - decides whether a file is a module -----------------------------------===//
//
// Everything that can be known before a module runs is checked here, once: the header, the FlatBuffer's
// structure, and then every index, offset, size, register and slot in it. Whoever reads a verified module
// relies on it and checks only what depends on run-time values. Used by the runtime's loader and, on its own
// output, by the compiler's writer.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_MODULE_VERIFIER_H
#define AICC_RUNTIME_MODULE_VERIFIER_H

#include "aicc/status.h"
#include "runtime/module/Format.h"

#include <string>

namespace aicc::fb {
struct Module;
struct Instance;
} // namespace aicc::fb

namespace aicc::rt {

/// Why a module was refused. The message names the field.
struct FormatError {
  aicc_status_code code = AICC_STATUS_OK;
  std::string message;
};

struct VerifyOptions {
  /// Whether the header's hash must match. Only the fuzzer, which cannot guess hashes, turns it off.
  bool checkHash = true;
};

/// Verifies the whole file `data`. Returns its root, which points into `data`, or null with `error` filled.
/// Reads the header and the FlatBuffer only. `data` is aligned to 8 bytes.
const fb::Module *verifyModule(const void *data, uint64_t size, FormatError &error,
                               const VerifyOptions &options = {});

/// Compares the segment's hash with its bytes. `index` is valid. Part of the load for code, on request for
/// weights.
bool verifySegment(const void *data, const fb::Module &module, uint32_t index, FormatError &error);

/// Part of verifyModule: functions, commands and states of one instance. `path` names it in messages.
bool verifyPrograms(const fb::Module &module, const fb::Instance &instance, const std::string &path,
                    FormatError &error);

/// Sets `error` to DATA_LOSS with "module: <where>: <what>"; returns false.
bool failVerification(FormatError &error, const std::string &where, const std::string &what);

/// "" for an absent string.
template <typename String> const char *stringOrEmpty(const String *string) {
  return string ? string->c_str() : "";
}

/// 0 for an absent vector.
template <typename Vector> uint32_t countOf(const Vector *vector) { return vector ? vector->size() : 0; }

} // namespace aicc::rt

#endif // AICC_RUNTIME_MODULE_VERIFIER_H
