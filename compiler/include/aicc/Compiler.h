// The compile driver: a model file in, a module (or the IR at a phase) out. This header is what the tools
// use; it needs no MLIR.

#ifndef AICC_COMPILER_H
#define AICC_COMPILER_H

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace aicc {

/// Bounds of a symbolic size, inclusive; equal bounds fix it.
struct DimBounds {
  std::string name;
  int64_t min = 0, max = INT64_MAX;
};

struct CompileOptions {
  /// A model: .onnx, or .mlir with an nn-level func @main.
  std::string input;
  /// The module file to write (unless compileTo stops before).
  std::string output;
  /// "cpu", "cpu:x86-64-v3", "cpu:portable", ..., comma-separated.
  std::string targets = "cpu";
  std::vector<DimBounds> dims;
  /// A phase's name: stop there and return the IR as text. Empty or "module": all of it.
  std::string compileTo;
  /// A folder (made if missing) that receives the IR after each phase, and kernels' intermediate forms.
  /// Empty: none.
  std::string dumpDir;
  /// Threads of the compiler; 0: as many as this process may use.
  unsigned threads = 0;
  /// Told which phase runs, and how much of it is done (0 to 1). Called on the compiling thread.
  std::function<void(const std::string &phase, double done)> progress;
};

/// The exit codes of the tools.
enum class CompileStatus { Done = 0, ModelError = 1, UsageError = 2, InternalError = 3 };

struct PhaseTime {
  std::string phase;
  double seconds = 0;
  /// VmHWM at the phase's end, in bytes.
  uint64_t peakBytes = 0;
};

struct CompileResult {
  CompileStatus status = CompileStatus::Done;
  /// One line each: what, where (the model's node) and what to do.
  std::vector<std::string> errors, warnings;
  /// The IR, where compileTo asked for it.
  std::string text;
  std::vector<PhaseTime> phases;
  uint64_t outputBytes = 0;
};

/// Never throws, never exits. Thread-safe.
CompileResult compile(const CompileOptions &options);

/// Why one node cannot be compiled.
struct CheckProblem {
  std::string node, op, shapes, reason, hint;
  int64_t opset = 0; ///< 0: not known
};

struct CheckResult {
  CompileStatus status = CompileStatus::Done;
  std::vector<std::string> errors; ///< of the file as a whole
  std::vector<CheckProblem> problems;
  /// Operations looked at, after import.
  unsigned numOperations = 0;
};

/// Every node of the model that cannot be compiled for the targets, all at once.
CheckResult check(const CompileOptions &options);

/// One line: `node "x" (Op, opset n, shapes): reason; hint`.
std::string toString(const CheckProblem &problem);

/// The phases in order: "import", "graph", "dispatch", "kernel", "program", "module".
const std::vector<std::string> &getPhases();

struct TargetInfo {
  std::string name;
  std::vector<std::string> architectures; ///< the first is the default
  std::string description;                ///< of the default's instance, or why there is none
};
/// What this build can compile for.
std::vector<TargetInfo> getTargetInfos();
/// A line for each plug-in of a target that could not be loaded: which file, and why.
std::vector<std::string> getTargetProblems();

/// What to compile for so that a device with these formats and features runs it, as in `--target`: the
/// highest architecture of the first target that makes one of the formats, in their order. Empty: this build
/// has none.
std::string findTargetFor(const std::vector<std::string> &formats, const std::vector<std::string> &features);

/// Identifies the version and build: modules of different builds may differ.
std::string getBuildId();

/// VmHWM of this process in bytes; 0 where the system doesn't tell.
uint64_t getPeakMemory();

} // namespace aicc

#endif
