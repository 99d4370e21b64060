// See Profile.h.

#include "tools/aicc/Profile.h"
#include "tools/aicc/Failure.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace aicc::tool {

Profile::Profile(const aicc_function *function, const std::string &device)
    : function(function), device(device), total(aicc_function_dispatch_count(function)) {}

void Profile::record(void *user, const aicc_function *, uint32_t dispatch, const char *, uint64_t start,
                     uint64_t duration, uint32_t) {
  auto &profile = *static_cast<Profile *>(user);
  if (dispatch < profile.total.size())
    profile.total[dispatch] += duration;
  profile.events.push_back({dispatch, start, duration});
}

void Profile::run(Session &session) {
  aicc_run_options options = {};
  options.struct_size = sizeof(options);
  options.profile = record;
  options.profile_user = this;
  events.clear();
  auto begin = std::chrono::steady_clock::now();
  session.run(&options);
  wall += static_cast<uint64_t>(
      std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count());
  ++runs;
}

static aicc_dispatch_info getDispatch(const aicc_function *function, uint32_t index) {
  aicc_dispatch_info info = {};
  info.struct_size = sizeof(info);
  check(aicc_function_get_dispatch(function, index, &info));
  return info;
}

static std::string joinNodes(const aicc_dispatch_info &info, size_t limit) {
  std::string text;
  for (uint32_t i = 0; i < info.node_count; ++i)
    text += (i ? ", " : "") + std::string(info.nodes[i]);
  return text.size() > limit ? text.substr(0, limit - 3) + "..." : text;
}

void Profile::printKernels(std::FILE *file, uint64_t sum) const {
  struct Sum {
    uint64_t time = 0;
    unsigned count = 0;
  };
  std::map<std::string, Sum> kinds;
  for (uint32_t i = 0; i < total.size(); ++i) {
    // "matmul_7": kernels are numbered.
    std::string name = getDispatch(function, i).name;
    Sum &kind = kinds[name.substr(0, name.find_last_not_of("0123456789_") + 1)];
    kind.time += total[i];
    ++kind.count;
  }
  std::vector<std::pair<std::string, Sum>> order(kinds.begin(), kinds.end());
  std::sort(order.begin(), order.end(),
            [](const auto &a, const auto &b) { return a.second.time > b.second.time; });
  std::fprintf(file, "%10s %6s  all of a kind\n", "us", "%");
  for (auto &[name, kind] : order)
    std::fprintf(file, "%10.1f %6.1f  %u x %s\n", static_cast<double>(kind.time) / runs / 1e3,
                 sum ? 100.0 * static_cast<double>(kind.time) / static_cast<double>(sum) : 0.0, kind.count,
                 name.c_str());
}

void Profile::printTable(std::FILE *file) const {
  std::vector<uint32_t> order(total.size());
  uint64_t sum = 0;
  for (uint32_t i = 0; i < order.size(); ++i) {
    order[i] = i;
    sum += total[i];
  }
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return total[a] > total[b]; });
  std::fprintf(file, "%10s %6s  %-12s %-28s %s\n", "us", "%", "device", "kernel", "nodes");
  for (uint32_t index : order) {
    aicc_dispatch_info info = getDispatch(function, index);
    std::fprintf(file, "%10.1f %6.1f  %-12s %-28s %s\n", static_cast<double>(total[index]) / runs / 1e3,
                 sum ? 100.0 * static_cast<double>(total[index]) / static_cast<double>(sum) : 0.0,
                 device.c_str(), info.name, joinNodes(info, 80).c_str());
  }
  printKernels(file, sum);
  std::fprintf(file, "%10.1f         in %zu dispatches; a run takes %.1f us while it is profiled\n",
               static_cast<double>(sum) / runs / 1e3, total.size(), static_cast<double>(wall) / runs / 1e3);
}

void Profile::writeTrace(const std::string &path) const {
  nlohmann::json trace = nlohmann::json::array();
  uint64_t begin = events.empty() ? 0 : events.front().start;
  for (const Event &event : events) {
    aicc_dispatch_info info = getDispatch(function, event.dispatch);
    trace.push_back(
        {{"name", info.name},
         {"cat", "dispatch"},
         {"ph", "X"},
         {"pid", 1},
         {"tid", 1},
         {"ts", static_cast<double>(event.start - begin) / 1e3},
         {"dur", static_cast<double>(event.duration) / 1e3},
         {"args", {{"nodes", joinNodes(info, 4000)}, {"kernel", info.kernel}, {"device", device}}}});
  }
  std::ofstream file(path, std::ios::trunc);
  file << nlohmann::json({{"traceEvents", trace}, {"displayTimeUnit", "ms"}})
              .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)
       << "\n";
  file.close();
  if (!file)
    throw Failure{kDataError, "cannot write " + path};
}

} // namespace aicc::tool
