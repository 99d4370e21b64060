// The table of the math dialect's functions and what replaces each.

#include "targets/cpu/codegen/MathLowering.h"

void aicc::cpu::populateMathLoweringPatterns(mlir::RewritePatternSet &patterns, const CpuDescriptor &cpu) {}
