// What the attention operators of both domains share: heads, masks, rotary embeddings, and attention with the
// extras that nn.attention has not.

#ifndef AICC_FRONTENDS_ONNX_OPS_HEADS_H
#define AICC_FRONTENDS_ONNX_OPS_HEADS_H

#include "frontends/onnx/Node.h"

namespace aicc::onnx_import {

/// [B, S, H * D] -> [B, H, S, D]; tensors of rank 4 are so already.
Value splitHeads(Node &node, Value x, int64_t heads);
/// [B, H, S, D] -> [B, S, H * D]
Value mergeHeads(Node &node, Value x);
/// Key j is seen by query i if j <= i + offset: [S, T] of i1.
Value causalMask(Node &node, AffineExpr queries, AffineExpr keys, AffineExpr offset);

/// Rotates the first elements of each head by angles whose cosines and sines are rows of caches [M, R / 2]
/// (R elements are rotated), chosen by `positions`, integers of [B or 1, S]. `x` is [B, H, S, D].
Value rotateHeads(Node &node, Value x, Value cosCache, Value sinCache, Value positions, bool interleaved);

/// Which products of queries and keys an operator gives as a result.
enum class Scores { none, beforeSoftmax, afterSoftmax };

struct AttentionForm {
  Value query, key, value; ///< [B, H, S, D], [B, G, T, D], [B, G, T, E]; G divides H
  Value mask = nullptr; ///< may be null; broadcasts to [B, H, S, T]: added where float, false hides where i1
  double scale = 1;
  bool causal = false;  ///< aligned at the last key
  double softcap = 0;   ///< c tanh(scores / c) where not 0
  Value sink = nullptr; ///< may be null; [1, H or 1, 1, 1]: a score that takes part in softmax alone
  Scores scores = Scores::none;
};
/// [B, H, S, E], and the scores [B, H, S, T] that are asked for, or null.
std::pair<Value, Value> attend(Node &node, const AttentionForm &form);

} // namespace aicc::onnx_import

#endif
