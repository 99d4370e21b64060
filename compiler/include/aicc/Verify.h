// Verification: where a compiled model's numbers first differ from the reference interpreter's. This header
// needs no MLIR; whoever verifies brings a way to run modules.

#ifndef AICC_VERIFY_H
#define AICC_VERIFY_H

#include "aicc/Compiler.h"
#include "aicc/types.h"

namespace aicc {

/// A dense row-major tensor on the host, as the runtime has it.
struct HostTensor {
  aicc_element_type type = AICC_TYPE_INVALID;
  std::vector<int64_t> dims;
  std::vector<char> bytes;
};

/// What an integer argument's elements may be, judged by what the model does with them; both inclusive.
struct InputRange {
  int64_t low = 0, high = 1;
};

struct VerifyOptions {
  /// The model, the target (exactly one instance), sizes and progress. `output` is not used.
  CompileOptions compile;
  /// Largest difference allowed, relative to the largest value of the tensor. Types of fewer digits get what
  /// they can hold.
  double tolerance = 1e-4;
  /// Runs the module's function. `inputs` is empty at the first call, which makes them (integers within
  /// `ranges`, one for each argument); later calls use them again. Returns an error, or nothing.
  std::function<std::string(const std::string &module, const std::vector<InputRange> &ranges,
                            std::vector<HostTensor> &inputs, std::vector<HostTensor> &outputs)>
      run;
};

/// The first tensor that differs, and who made it.
struct Divergence {
  /// "pass": the optimized graph is not the model. "dispatches": what the target made of the graph isn't.
  /// "kernel": a kernel computes something else than its operations. "program": every kernel is right, but
  /// not the program around them. Empty: nothing differs.
  std::string stage;
  std::string node;   ///< `node "x"`, of the model
  std::string op;     ///< "nn.matmul": the operations, fused ones joined by " + "
  std::string pass;   ///< which one, for the stage "pass"
  std::string kernel; ///< for the stage "kernel"
  std::string tensor; ///< its type, or an output's name and type
  /// For the stage "kernel": the same numbers are right when these operations are not fused.
  bool onlyFused = false;
  std::string what; ///< "differs by 0.5 of at most 3.2 at [0, 3]: 1.5 instead of 2"
};

struct VerifyResult {
  CompileStatus status = CompileStatus::Done; ///< InternalError if something differs
  std::vector<std::string> errors, warnings;
  Divergence divergence;
  std::vector<HostTensor> outputs; ///< of the program, compiled as it is
  unsigned numNodes = 0;           ///< of the imported graph
  unsigned numDispatches = 0;      ///< compared one by one
  double largestError = 0;         ///< of a dispatch, relative to its largest value
  std::string largestErrorAt;      ///< that dispatch's nodes
};

/// Runs the model on the reference interpreter, as imported and as optimized, and compiled, and compares: the
/// graphs at the outputs, the compiled program at each dispatch. Never throws.
VerifyResult verify(const VerifyOptions &options);

} // namespace aicc

#endif
