// The approximations themselves, on 32-bit float lanes: exponentials, logarithms and powers in
// MathExponential.cpp, angles in MathTrigonometric.cpp. Private to the math lowering.

#ifndef AICC_TARGETS_CPU_CODEGEN_MATHFUNCTIONS_H
#define AICC_TARGETS_CPU_CODEGEN_MATHFUNCTIONS_H

#include "targets/cpu/codegen/Descriptor.h"
#include "targets/cpu/codegen/MathBuilder.h"

namespace aicc::cpu {

Lanes emitExp(Lanes x, const CpuDescriptor &cpu);
Lanes emitExp2(Lanes x, const CpuDescriptor &cpu);
Lanes emitExpm1(Lanes x, const CpuDescriptor &cpu);
Lanes emitLog(Lanes x, const CpuDescriptor &cpu);
Lanes emitLog2(Lanes x, const CpuDescriptor &cpu);
Lanes emitLog10(Lanes x, const CpuDescriptor &cpu);
Lanes emitLog1p(Lanes x, const CpuDescriptor &cpu);
Lanes emitSinh(Lanes x, const CpuDescriptor &cpu);
Lanes emitCosh(Lanes x, const CpuDescriptor &cpu);
Lanes emitTanh(Lanes x, const CpuDescriptor &cpu);
Lanes emitAsinh(Lanes x, const CpuDescriptor &cpu);
Lanes emitAcosh(Lanes x, const CpuDescriptor &cpu);
Lanes emitAtanh(Lanes x, const CpuDescriptor &cpu);
Lanes emitErf(Lanes x, const CpuDescriptor &cpu);
Lanes emitCbrt(Lanes x, const CpuDescriptor &cpu);
Lanes emitRsqrt(Lanes x, const CpuDescriptor &cpu);
Lanes emitSin(Lanes x, const CpuDescriptor &cpu);
Lanes emitCos(Lanes x, const CpuDescriptor &cpu);
Lanes emitTan(Lanes x, const CpuDescriptor &cpu);
Lanes emitAsin(Lanes x, const CpuDescriptor &cpu);
Lanes emitAcos(Lanes x, const CpuDescriptor &cpu);
Lanes emitAtan(Lanes x, const CpuDescriptor &cpu);
Lanes emitAtan2(Lanes y, Lanes x, const CpuDescriptor &cpu);
/// x to the power y; y in 32 or 64 bits.
Lanes emitPow(Lanes x, Lanes y, const CpuDescriptor &cpu);

} // namespace aicc::cpu

#endif // AICC_TARGETS_CPU_CODEGEN_MATHFUNCTIONS_H
