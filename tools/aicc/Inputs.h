// The inputs of a run: from --input texts, and generated where none is given.

#ifndef AICC_TOOLS_INPUTS_H
#define AICC_TOOLS_INPUTS_H

#include "aicc/Verify.h"
#include "tools/aicc/Array.h"
#include "tools/aicc/Session.h"
#include <string>
#include <vector>

namespace aicc::tool {

struct Input {
  Array array;
  std::string origin; ///< "x.npy", "normal", "0": for the report
};

/// One array for each of the session's inputs. `texts`: NAME=@FILE.npy, NAME=2x3xf32 (generated),
/// NAME=2x3xf32=0 or NAME=0 (filled). Names may contain anything. Symbolic sizes come from the arrays given,
/// from --dim, or are chosen. Throws a Failure.
/// Generated integers are within `ranges`, one for each input where given, else 0 or 1. The same `seed`, the
/// same numbers.
std::vector<Input> makeInputs(const Session &session, const std::vector<std::string> &texts,
                              const std::vector<InputRange> &ranges = {}, uint64_t seed = 0);

/// The index of the value that `text` names as in NAME=REST, with REST. Throws a Failure that lists the
/// names.
size_t matchName(const std::string &flag, const std::string &text, const std::vector<Value> &values,
                 std::string &rest);

} // namespace aicc::tool

#endif
