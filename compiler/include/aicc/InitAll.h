// Registers everything this build of aicc has: its dialects, its passes, and the upstream dialects and passes
// that they lower through. Apart from everything else because these headers cost seconds to compile: one file
// includes them.
#ifndef AICC_INITALL_H
#define AICC_INITALL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace aicc {

/// Adds aicc's dialects and every upstream dialect and external interface that a phase may need.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Registers aicc's passes and pipelines by name, for aicc-opt and for textual pipelines.
void registerAllPasses();

/// Registers the targets of this build; once, however often it is called.
void registerAllTargets();

} // namespace aicc

#endif // AICC_INITALL_H
