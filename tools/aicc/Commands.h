// The commands of the tool, one file each. Every one adds its options to `app` and returns what to run once
// they are parsed; that throws a Failure, or returns the exit code.

#ifndef AICC_TOOLS_COMMANDS_H
#define AICC_TOOLS_COMMANDS_H

#include <CLI/CLI.hpp>
#include <functional>

namespace aicc::tool {

using Action = std::function<int()>;

Action addCompile(CLI::App &app);
Action addRun(CLI::App &app);
Action addBench(CLI::App &app);
Action addInspect(CLI::App &app);
Action addCheck(CLI::App &app);
Action addVerify(CLI::App &app);
Action addDevices(CLI::App &app);

} // namespace aicc::tool

#endif
