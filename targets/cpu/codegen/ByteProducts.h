// Products of quantized numbers: what is written as arithmetic on wide integers, or on floats made of bytes,
// becomes a product of bytes with sums in 32 bits, and corrections for zero points and scales after it.

#ifndef AICC_TARGETS_CPU_CODEGEN_BYTEPRODUCTS_H
#define AICC_TARGETS_CPU_CODEGEN_BYTEPRODUCTS_H

#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace aicc::cpu {

/// Bytes that one instruction multiplies and adds up for each sum.
inline constexpr int64_t kBytesPerWord = 4;

/// Rewrites nn.matmul of (x - zero) [* scale], x of 8 bits, by a constant matrix of the same form to
/// nn.matmul of ui8 by i8. The matrix becomes words of four depths in panels, [N/16, K/4, 16, 4], followed by
/// the inverse (see Packing.h). Likewise nn.conv on channels in blocks, whose filter becomes
/// [M/16, kernel..., C/4, 16, 4].
void raiseByteProducts(mlir::func::FuncOp func);
/// True for nn.matmul and nn.conv of ui8 by i8.
bool isByteProduct(mlir::Operation *op);
/// The panels [N/16, K/4, 16, 4], if `rhs` is a matrix [K, N] as raiseByteProducts leaves it; else null.
mlir::Value getPackedBytes(mlir::Value rhs);
/// The same of filters.
mlir::Value getPackedFilterBytes(mlir::Value filter);

} // namespace aicc::cpu

#endif
