// Sizes that the run computes. Apart from NN.h: few files look at how a symbol gets its value.

#ifndef AICC_DIALECTS_NN_NNDYNAMIC_H
#define AICC_DIALECTS_NN_NNDYNAMIC_H

#include "dialects/nn/NN.h"

#define GET_OP_CLASSES
#include "dialects/nn/NNDynamic.h.inc"

namespace aicc::nn {
/// Gives the symbols of `op` their values. Fails with ctx.error set if one is out of bounds.
llvm::LogicalResult evaluateBindSize(BindSizeOp op, EvalContext &ctx, const Tensor &input);
} // namespace aicc::nn

#endif
