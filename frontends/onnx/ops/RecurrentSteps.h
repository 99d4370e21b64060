// Recurrent networks that nn's operations do not cover: other activations, clipping, coupled gates. Step by
// step.

#ifndef AICC_FRONTENDS_ONNX_OPS_RECURRENTSTEPS_H
#define AICC_FRONTENDS_ONNX_OPS_RECURRENTSTEPS_H

#include "frontends/onnx/Node.h"

namespace aicc::onnx_import {

enum class RecurrentKind { lstm, gru, rnn };

/// ONNX's operands, time-major; those that the node lacks are null.
struct RecurrentInputs {
  Value x, weights, recurrence, bias, lengths, initialH, initialC, peephole;
};

/// True if the node asks for what nn.lstm, nn.gru and nn.rnn don't do.
bool needsSteps(Node &node, RecurrentKind kind);
/// y [S, dirs, B, H], last hidden [dirs, B, H] and, of an LSTM, last cell.
llvm::SmallVector<Value> importSteps(Node &node, RecurrentKind kind, nn::RnnDirection direction,
                                     const RecurrentInputs &inputs);

} // namespace aicc::onnx_import

#endif
