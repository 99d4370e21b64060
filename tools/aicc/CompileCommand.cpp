// `aicc compile`: a model file becomes a module, or the IR at a phase.

#include "tools/aicc/Commands.h"
#include "tools/aicc/Failure.h"
#include "tools/aicc/Session.h"

#include <cstdio>
#include <memory>
#include <sys/stat.h>

namespace aicc::tool {

namespace {
struct Options {
  CompileOptions compile;
  std::vector<std::string> dims;
  bool verbose = false;
};
} // namespace

static int runCompile(Options &options) {
  CompileOptions &compile = options.compile;
  compile.dims = parseDims(options.dims);
  bool stops = !compile.compileTo.empty() && compile.compileTo != "module";
  if (!stops && compile.output.empty())
    throw Failure{kUsageError, "give the module's name: -o OUT.aicc"};
  struct stat from, to;
  if (!stops && stat(compile.input.c_str(), &from) == 0 && stat(compile.output.c_str(), &to) == 0 &&
      from.st_dev == to.st_dev && from.st_ino == to.st_ino)
    throw Failure{kUsageError, "-o " + compile.output + " is the model itself; give the module another name"};
  std::string irFile = stops ? std::move(compile.output) : "";
  CompileResult result = compileOrFail(compile, options.verbose);
  if (!stops) {
    double seconds = 0;
    for (const PhaseTime &phase : result.phases)
      seconds += phase.seconds;
    if (options.verbose)
      std::fprintf(stderr, "%s: %s in %.2f s\n", compile.output.c_str(),
                   formatBytes(result.outputBytes).c_str(), seconds);
    return 0;
  }
  std::FILE *file = irFile.empty() || irFile == "-" ? stdout : std::fopen(irFile.c_str(), "w");
  if (!file)
    throw Failure{kDataError, "cannot write " + irFile};
  size_t written = std::fwrite(result.text.data(), 1, result.text.size(), file);
  if ((file == stdout ? std::fflush(file) : std::fclose(file)) != 0 || written != result.text.size())
    throw Failure{kDataError, "cannot write " + (irFile.empty() ? std::string("the IR") : irFile)};
  return 0;
}

Action addCompile(CLI::App &app) {
  auto options = std::make_shared<Options>();
  app.description("Compile a model to a module file");
  app.add_option("model", options->compile.input, "An .onnx file, or .mlir with nn operations")
      ->required()
      ->type_name("MODEL");
  app.add_option("-o,--output", options->compile.output, "The module to write")->type_name("OUT.aicc");
  app.add_option("--target", options->compile.targets,
                 "What to compile for, separated by commas: cpu (this host, the default), cpu:x86-64-v3, "
                 "cpu:portable (v3 and v4)")
      ->type_name("T[,T...]");
  app.add_option("--dim", options->dims, "Fix or bound a symbolic size: seq=128, batch=1..32")
      ->type_name("NAME=N")
      ->allow_extra_args(false);
  app.add_option("--compile-to", options->compile.compileTo,
                 "Stop after a phase and print the IR: import, graph, dispatch, kernel, program, module")
      ->type_name("PHASE");
  app.add_option("--dump", options->compile.dumpDir,
                 "Keep the IR of every phase, kernels' sources, objects and assembly")
      ->type_name("DIR");
  app.add_option("--threads", options->compile.threads,
                 "Threads of the compiler (default: as many as this process may use)")
      ->type_name("N");
  app.add_flag("-v,--verbose", options->verbose, "Print time and peak memory of each phase");
  app.footer("Examples:\n  aicc compile model.onnx -o model.aicc\n  aicc compile model.onnx -o model.aicc "
             "--target cpu:portable --dim batch=1..32 "
             "--dim seq=128\n  aicc compile model.onnx --compile-to graph");
  return [options] { return runCompile(*options); };
}

} // namespace aicc::tool
