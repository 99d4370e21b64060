// aicc: the command line tool. This file knows which commands there are; each has a file of its own.

#include "aicc/Compiler.h"
#include "aicc/CrashHandler.h"
#include "aicc/runtime.h"
#include "tools/aicc/Commands.h"
#include "tools/aicc/Failure.h"

#include <cstdio>
#include <iostream>
#include <new>

using namespace aicc::tool;

static int runTool(int argc, char **argv) {
  CLI::App app("Compiles AI models and runs them.", "aicc");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("aicc ") + aicc_runtime_version());
  app.footer(
      "`aicc run model.onnx` compiles and runs a model at once. `aicc COMMAND --help` explains a command.\n"
      "Exit codes: 0 done, 1 the model or data is at fault, 2 wrong usage, 3 a bug of aicc.");
  struct {
    const char *name;
    Action (*add)(CLI::App &);
  } const commands[] = {{"compile", addCompile}, {"run", addRun},     {"bench", addBench},
                        {"inspect", addInspect}, {"check", addCheck}, {"verify", addVerify},
                        {"devices", addDevices}};
  int exitCode = 0;
  for (auto &command : commands) {
    CLI::App *sub = app.add_subcommand(command.name);
    Action action = command.add(*sub);
    sub->callback([action, &exitCode] { exitCode = action(); });
  }
  bool known = argc < 2 || argv[1][0] == '-';
  for (auto &command : commands)
    known |= argc > 1 && std::string(argv[1]) == command.name;
  if (!known)
    throw Failure{kUsageError, "there is no command '" + std::string(argv[1]) + "' (see `aicc --help`)"};
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &done) {
    return app.exit(done);
  } catch (const CLI::ParseError &error) {
    std::cerr << "error: " << error.what() << " (see `aicc --help`)" << std::endl;
    return kUsageError;
  }
  return exitCode;
}

int main(int argc, char **argv) {
  aicc::installCrashHandler();
  try {
    int exitCode = runTool(argc, argv);
    std::cout.flush();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) || !std::cout)
      throw Failure{kDataError, "cannot write to the standard output"};
    return exitCode;
  } catch (const Failure &failure) {
    std::fflush(stdout);
    std::fprintf(stderr, "error: %s\n", failure.message.c_str());
    return failure.exitCode;
  } catch (const std::bad_alloc &) {
    std::fprintf(stderr, "error: out of memory\n");
    return kDataError;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "error: %s; this is a bug of aicc\n", error.what());
    return kInternalError;
  }
}
