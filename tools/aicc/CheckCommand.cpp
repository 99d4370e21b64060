// `aicc check`: every node of a model that cannot be compiled, all at once.

#include "tools/aicc/Commands.h"
#include "tools/aicc/Failure.h"
#include "tools/aicc/Session.h"

#include <cstdio>
#include <memory>

namespace aicc::tool {

namespace {
struct Options {
  CompileOptions compile;
  std::vector<std::string> dims;
};
} // namespace

static int runCheck(Options &options) {
  options.compile.dims = parseDims(options.dims);
  CheckResult result = aicc::check(options.compile);
  for (const std::string &error : result.errors)
    std::fprintf(stderr, "error: %s\n", error.c_str());
  for (const CheckProblem &problem : result.problems)
    std::printf("%s\n", toString(problem).c_str());
  if (!result.problems.empty())
    std::printf("%zu nodes cannot be compiled\n", result.problems.size());
  else if (result.errors.empty())
    std::printf("%s: all %u operations can be compiled for %s\n", options.compile.input.c_str(),
                result.numOperations, options.compile.targets.c_str());
  return static_cast<int>(result.status);
}

Action addCheck(CLI::App &app) {
  auto options = std::make_shared<Options>();
  app.description("List every node of a model that cannot be compiled, with the reason");
  app.add_option("model", options->compile.input, "An .onnx file, or .mlir with nn operations")
      ->required()
      ->type_name("MODEL");
  app.add_option("--target", options->compile.targets, "As for `aicc compile`")->type_name("T[,T...]");
  app.add_option("--dim", options->dims, "Fix or bound a symbolic size: seq=128, batch=1..32")
      ->type_name("NAME=N")
      ->allow_extra_args(false);
  app.footer("Example:\n  aicc check model.onnx --target cpu:portable");
  return [options] { return runCheck(*options); };
}

} // namespace aicc::tool
