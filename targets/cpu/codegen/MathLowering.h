// Approximations of the math dialect's functions in arith: polynomials on 32-bit lanes, written for the
// processor's vectors. It runs on the emitters' native-lane vectors, before anything else is lowered. Bounds
// of every function are in docs/numerics.md, measured by test/targets/cpu/MathTest.cpp.

#ifndef AICC_TARGETS_CPU_CODEGEN_MATHLOWERING_H
#define AICC_TARGETS_CPU_CODEGEN_MATHLOWERING_H

#include "mlir/IR/PatternMatch.h"
#include "targets/cpu/codegen/Descriptor.h"

namespace aicc::cpu {

/// Patterns that rewrite math operations on scalars and vectors of floats:
///  - f32 into arith (with f64 inside where a function needs it);
///  - f16 and bf16 through f32;
///  - f64 and integer powers, lane by lane, into calls of the builtins archive.
/// Operations that are instructions (sqrt, fma, floor, abs, ...) are left to the LLVM dialect. None becomes a
/// libm call. Also rewrites conversions to and from bf16 where the processor has no instruction for them.
void populateMathLoweringPatterns(mlir::RewritePatternSet &patterns, const CpuDescriptor &cpu);

} // namespace aicc::cpu

#endif // AICC_TARGETS_CPU_CODEGEN_MATHLOWERING_H
