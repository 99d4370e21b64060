// `aicc check`: every node of a model that cannot be compiled, all at once.

#include "tools/aicc/Commands.h"
#include "tools/aicc/Failure.h"
#include "tools/aicc/Session.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

namespace aicc::tool {

namespace {
struct Options {
  CompileOptions compile;
  std::vector<std::string> dims;
  bool json = false;
};
} // namespace

/// How many problems each operator has, the most first.
static std::vector<std::pair<std::string, size_t>> countByOperator(const CheckResult &result) {
  std::map<std::string, size_t> counts;
  for (const CheckProblem &problem : result.problems)
    ++counts[problem.op];
  std::vector<std::pair<std::string, size_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](auto &a, auto &b) { return a.second > b.second; });
  return sorted;
}

static void printJson(const CheckResult &result) {
  nlohmann::ordered_json json = {{"status", static_cast<int>(result.status)},
                                 {"operations", result.numOperations},
                                 {"errors", result.errors},
                                 {"problems", nlohmann::json::array()},
                                 {"operators", nlohmann::json::object()}};
  for (const CheckProblem &problem : result.problems)
    json["problems"].push_back({{"node", problem.node},
                                {"op", problem.op},
                                {"opset", problem.opset},
                                {"shapes", problem.shapes},
                                {"reason", problem.reason},
                                {"hint", problem.hint}});
  for (auto &[op, count] : countByOperator(result))
    json["operators"][op] = count;
  std::printf("%s\n", json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

static void printText(const Options &options, const CheckResult &result) {
  for (const std::string &error : result.errors)
    std::fprintf(stderr, "error: %s\n", error.c_str());
  for (const CheckProblem &problem : result.problems)
    std::printf("%s\n", toString(problem).c_str());
  if (!result.problems.empty()) {
    std::string counts;
    for (auto &[op, count] : countByOperator(result))
      counts += (counts.empty() ? ": " : ", ") + std::to_string(count) + " " + op;
    std::printf("%zu nodes cannot be compiled%s\n", result.problems.size(), counts.c_str());
  } else if (result.errors.empty()) {
    std::printf("%s: all %u operations can be compiled for %s\n", options.compile.input.c_str(),
                result.numOperations, options.compile.targets.c_str());
  }
}

static int runCheck(Options &options) {
  options.compile.dims = parseDims(options.dims);
  CheckResult result = aicc::check(options.compile);
  if (options.json)
    printJson(result);
  else
    printText(options, result);
  return static_cast<int>(result.status);
}

Action addCheck(CLI::App &app) {
  auto options = std::make_shared<Options>();
  app.description("List every node of a model that cannot be compiled, with the reason");
  app.add_option("model", options->compile.input, "An .onnx file, or .mlir with nn operations")
      ->required()
      ->type_name("MODEL");
  app.add_option("--target", options->compile.targets, "As for `aicc compile`; each of several is checked")
      ->type_name("T[,T...]");
  app.add_option("--dim", options->dims, "Fix or bound a symbolic size: seq=128, batch=1..32")
      ->type_name("NAME=N")
      ->allow_extra_args(false);
  app.add_flag("--json", options->json, "Print the result as JSON");
  app.footer(
      "Exit code 1: something cannot be compiled.\nExample:\n  aicc check model.onnx --target cpu:portable");
  return [options] { return runCheck(*options); };
}

} // namespace aicc::tool
