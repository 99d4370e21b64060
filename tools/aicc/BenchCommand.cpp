// `aicc bench`: latency of a module or model, and where the time goes.

#include "tools/aicc/Commands.h"
#include "tools/aicc/Failure.h"
#include "tools/aicc/Inputs.h"
#include "tools/aicc/Profile.h"
#include "tools/aicc/Session.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace aicc::tool {

namespace {
struct Options {
  SessionOptions session;
  std::vector<std::string> inputs;
  unsigned runs = 0;
  bool json = false, profile = false;
  std::string trace;
};
} // namespace

using Clock = std::chrono::steady_clock;

static double millisecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// Nearest rank.
static double percentile(const std::vector<double> &sorted, double fraction) {
  auto rank = static_cast<size_t>(fraction * static_cast<double>(sorted.size() - 1) + 0.5);
  return sorted[std::min(rank, sorted.size() - 1)];
}

static double median(const std::vector<double> &sorted) {
  size_t middle = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/// Forgets the peak that compiling has left.
static void resetPeakMemory() {
  int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return;
  (void)!write(fd, "5", 1);
  close(fd);
}

/// Warms up, then runs until times are steady enough: `runs` times, or about 1.5 seconds and at least 10
/// runs.
static std::vector<double> measure(Session &session, unsigned runs) {
  constexpr double kWarmUp = 300, kTime = 1500;
  constexpr size_t kFewest = 10, kMost = 100000;
  Clock::time_point begin = Clock::now();
  do
    session.run();
  while (millisecondsSince(begin) < kWarmUp);
  std::vector<double> times;
  begin = Clock::now();
  while (runs ? times.size() < runs
              : times.size() < kFewest || (millisecondsSince(begin) < kTime && times.size() < kMost)) {
    Clock::time_point start = Clock::now();
    session.run();
    times.push_back(millisecondsSince(start));
  }
  return times;
}

static int runBench(const Options &options) {
  Session session(options.session);
  resetPeakMemory();
  std::vector<Value> values = session.getInputs();
  std::vector<Array> arrays;
  std::string shapes;
  for (Input &input : makeInputs(session, options.inputs)) {
    shapes += (shapes.empty() ? "" : ", ") + values[arrays.size()].name + " " +
              toText(input.array.type, input.array.dims);
    arrays.push_back(std::move(input.array));
  }
  session.setInputs(arrays, /*resident=*/true);
  std::vector<double> times = measure(session, options.runs);
  std::sort(times.begin(), times.end());
  aicc_device_info device = session.getDeviceInfo();
  double middle = median(times), p90 = percentile(times, 0.9), p99 = percentile(times, 0.99);
  uint64_t peak = getPeakMemory();
  if (options.json) {
    nlohmann::ordered_json json = {{"median_ms", middle},
                                   {"p90_ms", p90},
                                   {"p99_ms", p99},
                                   {"runs", times.size()},
                                   {"threads", device.thread_count},
                                   {"device", device.id},
                                   {"target", session.getTarget()},
                                   {"runs_per_second", 1e3 / middle},
                                   {"peak_rss_bytes", peak}};
    if (session.isRemote())
      json["device_memory_bytes"] = session.getDeviceMemory();
    std::printf("%s\n", json.dump(1).c_str());
  } else {
    std::printf("inputs      %s\n", shapes.c_str());
    std::string threads = device.thread_count ? std::to_string(device.thread_count) + " threads, " : "";
    std::printf("device      %s (%s), %s%s\n", device.id, device.name, threads.c_str(),
                session.getTarget().c_str());
    std::printf("latency     median %.3f ms, p90 %.3f ms, p99 %.3f ms (%zu runs)\n", middle, p90, p99,
                times.size());
    std::printf("throughput  %.1f runs/s\n", 1e3 / middle);
    std::printf("memory      peak %s\n", formatBytes(peak).c_str());
    if (session.isRemote())
      std::printf("on device   %s; inputs and outputs stay there\n",
                  formatBytes(session.getDeviceMemory()).c_str());
  }
  if (options.profile || !options.trace.empty()) {
    Profile profile(session.getFunction(), device.id);
    unsigned runs = std::clamp<unsigned>(static_cast<unsigned>(300 / std::max(middle, 1e-3)), 3, 200);
    for (unsigned i = 0; i < runs; ++i)
      profile.run(session);
    if (options.profile)
      profile.printTable(options.json ? stderr : stdout);
    if (!options.trace.empty())
      profile.writeTrace(options.trace);
  }
  return 0;
}

Action addBench(CLI::App &app) {
  auto options = std::make_shared<Options>();
  app.description("Measure how long a module or model runs");
  options->session.add(app);
  app.add_option("--input", options->inputs, "As for `aicc run`")
      ->type_name("NAME=...")
      ->allow_extra_args(false);
  app.add_option("--runs", options->runs,
                 "How often to run (default: for about 1.5 seconds, at least 10 times)")
      ->type_name("N");
  app.add_flag("--json", options->json,
               "Print the result as JSON: median_ms, p90_ms, p99_ms, runs, threads, device, peak_rss_bytes");
  app.add_flag("--profile", options->profile, "Print the time of each dispatch");
  app.add_option("--trace", options->trace,
                 "Write the last run as a trace for chrome://tracing or ui.perfetto.dev")
      ->type_name("FILE.json");
  app.footer("Examples:\n  aicc bench model.onnx --threads 1\n  aicc bench model.aicc --dim batch=8 --json\n "
             " aicc bench model.aicc --profile "
             "--trace trace.json");
  return [options] { return runBench(*options); };
}

} // namespace aicc::tool
