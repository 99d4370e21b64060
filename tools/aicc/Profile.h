// Times of dispatches over several runs, as a table and as a trace.

#ifndef AICC_TOOLS_PROFILE_H
#define AICC_TOOLS_PROFILE_H

#include "aicc/runtime.h"
#include "tools/aicc/Session.h"
#include <cstdio>
#include <string>
#include <vector>

namespace aicc::tool {

class Profile {
public:
  /// `device`: where the function's dispatches run.
  Profile(const aicc_function *function, const std::string &device);
  /// Runs once more and adds its times.
  void run(Session &session);
  /// Dispatches by their share of the time.
  void printTable(std::FILE *file) const;
  /// The last run in the Trace Event Format. Throws a Failure.
  void writeTrace(const std::string &path) const;

private:
  void printKernels(std::FILE *file, uint64_t sum) const;
  struct Event {
    uint32_t dispatch;
    uint64_t start, duration;
  };
  static void record(void *user, const aicc_function *, uint32_t dispatch, const char *name, uint64_t start,
                     uint64_t duration, uint32_t);

  const aicc_function *function;
  std::string device;
  std::vector<uint64_t> total; // nanoseconds by dispatch
  std::vector<Event> events;   // of the last run
  uint64_t wall = 0;
  unsigned runs = 0;
};

} // namespace aicc::tool

#endif
