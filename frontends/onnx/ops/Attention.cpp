// Attention and rotary embeddings as operators of their own (opset 23). Rarer options go by the standard's
// function body.

#include "frontends/onnx/ops/Heads.h"

using namespace mlir;

namespace aicc::onnx_import {

Value splitHeads(Node &n, Value x, int64_t heads) {
  if (n.getRank(x) == 4)
    return x;
  SmallVector<AffineExpr> s(n.getShape(x));
  AffineExpr depth = heads > 0 ? n.math().divideExactly(s[2], n.constant(heads)) : AffineExpr();
  if (!depth)
    throw ImportError("the hidden size is not a multiple of the number of heads");
  return n.builder.transpose(n.builder.reshape(x, {s[0], s[1], n.constant(heads), depth}), {0, 2, 1, 3});
}

Value mergeHeads(Node &n, Value x) {
  SmallVector<AffineExpr> s(n.getShape(x));
  AffineExpr hidden = n.math().product({s[1], s[3]});
  return n.builder.reshape(n.builder.transpose(x, {0, 2, 1, 3}), {s[0], s[2], hidden});
}

Value causalMask(Node &n, AffineExpr queries, AffineExpr keys, AffineExpr offset) {
  Type i64 = n.builder.getBuilder().getI64Type();
  Value i = n.builder.iota({queries, n.constant(1)}, 0, i64),
        j = n.builder.iota({n.constant(1), keys}, 1, i64);
  if (offset != n.constant(0))
    i = n.add(i, n.builder.sizes({offset}, true));
  return n.builder.compare(j, i, nn::CompareKind::le);
}

namespace {
Results importAttention(Node &n) {
  const bool rare = n.getFloat("softcap", 0) != 0 || n.wants(3) || n.has(6) ||
                    n.getInt("left_window_size", -1) >= 0 || n.getInt("right_window_size", -1) >= 0;
  Value q = n.in(0), k = n.in(1), v = n.in(2), mask = n.getOptional(3);
  const int64_t rank = n.getRank(q);
  if (rare || (rank != 3 && rank != 4) || n.getRank(k) != rank || n.getRank(v) != rank ||
      n.has(4) != n.has(5))
    throw UseFunctionBody();
  const int64_t queryHeads = n.getInt("q_num_heads", 0), keyHeads = n.getInt("kv_num_heads", queryHeads);
  q = splitHeads(n, q, queryHeads);
  k = splitHeads(n, k, keyHeads);
  v = splitHeads(n, v, keyHeads);
  AffineExpr offset = n.constant(0);
  if (n.has(4)) {
    if (n.getRank(n.in(4)) != 4 || n.getRank(n.in(5)) != 4)
      throw ImportError("past keys and values must have rank 4");
    offset = n.getShape(n.in(4))[2];
    k = n.builder.concat({n.in(4), k}, 2);
    v = n.builder.concat({n.in(5), v}, 2);
  }
  AffineExpr queries = n.getShape(q)[2], keys = n.getShape(k)[2];
  if (mask) {
    AffineExpr last = n.getRank(mask) ? n.getShape(mask).back() : AffineExpr();
    if (!last || (last != keys && last != n.constant(1)))
      throw UseFunctionBody(); // a shorter mask is padded
  }
  // nn's causal mask is aligned at the last key, ONNX's at the cached ones.
  bool causal = n.getInt("is_causal", 0) != 0;
  if (causal && n.math().compare(keys - queries, offset) != 0) {
    Value seen = causalMask(n, queries, keys, offset);
    if (!mask)
      mask = seen;
    else if (n.isFloat(mask))
      mask = n.make<nn::SelectOp>(seen, mask, n.builder.scalarLike(-INFINITY, mask));
    else
      mask = n.make<nn::AndOp>(mask, seen);
    causal = false;
  }
  double scale = n.getFloat("scale", 0);
  if (!n.hasAttr("scale"))
    scale = 1.0 / std::sqrt(double(n.getStaticSize(q, 3, "the size of a head")));
  Value y = n.make<nn::AttentionOp>(q, k, v, mask, n.builder.f32(scale), causal);
  return {rank == 3 ? mergeHeads(n, y) : y, k, v};
}

/// Rotates the first `rotary_embedding_dim` elements of each head; caches hold one angle per pair.
Results importRotaryEmbedding(Node &n) {
  Value x = n.in(0), cos = n.in(1), sin = n.in(2);
  const int64_t rank = n.getRank(x);
  if (rank != 3 && rank != 4)
    throw ImportError("its input must have rank 3 or 4");
  const bool interleaved = n.getInt("interleaved", 0) != 0;
  Value heads = splitHeads(n, x, n.getInt("num_heads", 0)); // [B, H, S, D]
  const int64_t depth = n.getStaticSize(heads, 3, "the size of a head");
  int64_t rotary = n.getInt("rotary_embedding_dim", 0);
  if (rotary == 0)
    rotary = depth;
  if (rotary < 2 || rotary > depth || rotary % 2)
    throw ImportError("rotary_embedding_dim does not fit the size of a head");
  auto prepare = [&](Value cache) {
    if (n.has(3))
      cache = n.make<nn::GatherOp>(cache, n.in(3), 0);
    if (n.getRank(cache) != 3 || n.getShape(cache)[2] != n.constant(rotary / 2))
      throw ImportError("the cache does not fit rotary_embedding_dim");
    if (!interleaved) {
      cache = n.builder.concat({cache, cache}, 2);
    } else {
      SmallVector<AffineExpr> s(n.getShape(cache)), pairs(s);
      pairs.push_back(n.constant(2));
      s[2] = n.constant(rotary);
      cache = n.builder.reshape(n.builder.broadcast(n.builder.unsqueeze(cache, {3}), pairs), s);
    }
    return n.builder.unsqueeze(cache, {1});
  };
  Value part = n.builder.sliceAxis(heads, 3, n.constant(0), n.constant(rotary));
  Value y = n.make<nn::RopeOp>(part, prepare(cos), prepare(sin), interleaved);
  if (rotary < depth)
    y = n.builder.concat({y, n.builder.sliceAxis(heads, 3, n.constant(rotary), n.constant(depth - rotary))},
                         3);
  return rank == 3 ? mergeHeads(n, y) : y;
}
} // namespace

void addAttentionOps(OpTable &t) {
  t.add("Attention", importAttention);
  t.add("RotaryEmbedding", importRotaryEmbedding);
}
} // namespace aicc::onnx_import
