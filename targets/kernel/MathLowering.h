// Approximations of the math dialect's functions in arith: polynomials on 32-bit lanes, on scalars and
// vectors of any width. It runs on what the emitters have written, before anything else is lowered. Bounds of
// every function are in docs/numerics.md, measured by test/targets/cpu/MathTest.cpp.

#ifndef AICC_TARGETS_KERNEL_MATHLOWERING_H
#define AICC_TARGETS_KERNEL_MATHLOWERING_H

#include "mlir/IR/PatternMatch.h"

namespace aicc::kernel {

/// What the device computes without help.
struct MathFeatures {
  /// 512-bit registers of 16 floats, with the instructions of that x86 level.
  bool avx512 = false;
  /// Arithmetic on 16-bit floats; for bf16, conversions.
  bool fp16 = false, bf16 = false;
  /// There are builtins to call (see targets/cpu/codegen/builtins). Without, 64-bit functions have the
  /// accuracy of 32 bits, except exponentials, logarithms and powers.
  bool builtins = true;
  /// Expand conversions to and from bf16 where `bf16` is false. An end that does it itself says no.
  bool expandBf16 = true;
};

/// Patterns that rewrite math operations on scalars and vectors of floats:
///  - f32 into arith (with f64 inside where a function needs it);
///  - f16 and bf16 through f32;
///  - f64 and integer powers, lane by lane, into calls of the builtins archive, or into arith.
/// Operations that are instructions (sqrt, fma, floor, abs, ...) are left to the LLVM dialect. None becomes a
/// libm call. Also rewrites conversions to and from bf16 where the processor has no instruction for them.
void populateMathLoweringPatterns(mlir::RewritePatternSet &patterns, const MathFeatures &features);

} // namespace aicc::kernel

#endif // AICC_TARGETS_KERNEL_MATHLOWERING_H
