// The approximations themselves, on 32-bit float lanes: exponentials, logarithms and powers in
// MathExponential.cpp, angles in MathTrigonometric.cpp. Private to the math lowering.

#ifndef AICC_TARGETS_KERNEL_MATHFUNCTIONS_H
#define AICC_TARGETS_KERNEL_MATHFUNCTIONS_H

#include "targets/kernel/MathBuilder.h"
#include "targets/kernel/MathLowering.h"

namespace aicc::kernel {

Lanes emitExp(Lanes x, const MathFeatures &features);
Lanes emitExp2(Lanes x, const MathFeatures &features);
Lanes emitExpm1(Lanes x, const MathFeatures &features);
Lanes emitLog(Lanes x, const MathFeatures &features);
Lanes emitLog2(Lanes x, const MathFeatures &features);
Lanes emitLog10(Lanes x, const MathFeatures &features);
Lanes emitLog1p(Lanes x, const MathFeatures &features);
Lanes emitSinh(Lanes x, const MathFeatures &features);
Lanes emitCosh(Lanes x, const MathFeatures &features);
Lanes emitTanh(Lanes x, const MathFeatures &features);
Lanes emitAsinh(Lanes x, const MathFeatures &features);
Lanes emitAcosh(Lanes x, const MathFeatures &features);
Lanes emitAtanh(Lanes x, const MathFeatures &features);
Lanes emitErf(Lanes x, const MathFeatures &features);
Lanes emitCbrt(Lanes x, const MathFeatures &features);
Lanes emitRsqrt(Lanes x, const MathFeatures &features);
Lanes emitSin(Lanes x, const MathFeatures &features);
Lanes emitCos(Lanes x, const MathFeatures &features);
Lanes emitTan(Lanes x, const MathFeatures &features);
Lanes emitAsin(Lanes x, const MathFeatures &features);
Lanes emitAcos(Lanes x, const MathFeatures &features);
Lanes emitAtan(Lanes x, const MathFeatures &features);
Lanes emitAtan2(Lanes y, Lanes x, const MathFeatures &features);
/// x to the power y; y in 32 or 64 bits.
Lanes emitPow(Lanes x, Lanes y, const MathFeatures &features);

// On 64-bit lanes, to about 1e-12 of the result (MathWide.cpp); for devices without the builtins.
Lanes emitExpWide(Lanes x);
Lanes emitExp2Wide(Lanes x);
Lanes emitLogWide(Lanes x);
Lanes emitLog2Wide(Lanes x);
Lanes emitTanhWide(Lanes x);
Lanes emitPowWide(Lanes x, Lanes y);
/// x - trunc(x / y) y, exact while the quotient is below 2^52; 64-bit lanes.
Lanes emitRemainder(Lanes x, Lanes y);
/// 64-bit integers modulo 2^64; of a negative power the integer part.
Lanes emitIntegerPower(Lanes x, Lanes n);

} // namespace aicc::kernel

#endif // AICC_TARGETS_KERNEL_MATHFUNCTIONS_H
