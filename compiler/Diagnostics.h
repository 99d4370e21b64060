// Diagnostics as one line each for people: what, and where in the model. Nothing is printed here.

#ifndef AICC_COMPILER_DIAGNOSTICS_H
#define AICC_COMPILER_DIAGNOSTICS_H

#include "mlir/IR/Diagnostics.h"
#include <string>
#include <vector>

namespace aicc {

/// Collects a context's diagnostics while it lives.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(mlir::MLIRContext &context);
  std::vector<std::string> errors, warnings;

private:
  mlir::ScopedDiagnosticHandler handler;
};

/// The model's node names in a location, joined; a file's position where there are none; empty for nothing.
std::string describeLocation(mlir::Location location);

} // namespace aicc

#endif
