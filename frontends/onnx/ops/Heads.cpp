// Attention and rotary embeddings in the forms that com.microsoft's operators have: caches of angles looked
// up by position, and softmax with a cap or a sink, written out.

#include "frontends/onnx/ops/Heads.h"

using namespace mlir;

namespace aicc::onnx_import {

Value rotateHeads(Node &n, Value x, Value cosCache, Value sinCache, Value positions, bool interleaved) {
  const int64_t depth = n.getStaticSize(x, 3, "the size of a head");
  if (n.getRank(cosCache) != 2 || n.getRank(sinCache) != 2)
    throw ImportError("the caches of cosines and sines must be matrices");
  const int64_t pairs = n.getStaticSize(cosCache, 1, "the number of angles");
  const int64_t rotary = 2 * pairs;
  if (pairs < 1 || rotary > depth || n.getShape(sinCache)[1] != n.getShape(cosCache)[1])
    throw ImportError("the caches of cosines and sines do not fit the size of a head");
  auto rows = [&](Value cache) {
    cache = n.make<nn::GatherOp>(cache, positions, 0); // [B, S, pairs]
    if (!interleaved) {
      cache = n.builder.concat({cache, cache}, 2);
    } else {
      SmallVector<AffineExpr> s(n.getShape(cache)), twice(s);
      twice.push_back(n.constant(2));
      s[2] = n.constant(rotary);
      cache = n.builder.reshape(n.builder.broadcast(n.builder.unsqueeze(cache, {3}), twice), s);
    }
    return n.builder.unsqueeze(n.builder.convert(cache, n.getElement(x)), {1});
  };
  Value part = n.builder.sliceAxis(x, 3, n.constant(0), n.constant(rotary));
  Value y = n.make<nn::RopeOp>(part, rows(cosCache), rows(sinCache), interleaved);
  if (rotary == depth)
    return y;
  Value rest = n.builder.sliceAxis(x, 3, n.constant(rotary), n.constant(depth - rotary));
  return n.builder.concat({y, rest}, 3);
}

namespace {

/// Scores by hand: [B, H, S, T].
Value getScores(Node &n, const AttentionForm &form) {
  SmallVector<AffineExpr> q(n.getShape(form.query)), k(n.getShape(form.key));
  const int64_t heads = n.getStaticSize(form.query, 1, "the number of heads"),
                groups = n.getStaticSize(form.key, 1, "the number of heads");
  if (groups < 1 || heads % groups)
    throw ImportError("the heads of keys do not divide those of queries");
  Value scores;
  if (heads == groups) {
    scores = n.make<nn::MatMulOp>(form.query, form.key, false, true);
  } else {
    Value query = n.builder.reshape(form.query, {q[0], k[1], n.constant(heads / groups), q[2], q[3]});
    scores = n.make<nn::MatMulOp>(query, n.builder.unsqueeze(form.key, {2}), false, true);
    scores = n.builder.reshape(scores, {q[0], q[1], q[2], k[2]});
  }
  scores = n.mul(scores, form.scale);
  if (form.softcap != 0)
    scores = n.mul(n.make<nn::TanhOp>(n.mul(scores, 1 / form.softcap)), form.softcap);
  Value lowest = n.builder.scalarLike(-INFINITY, scores);
  if (form.mask)
    scores =
        n.isFloat(form.mask) ? n.add(scores, form.mask) : n.make<nn::SelectOp>(form.mask, scores, lowest);
  if (form.causal) {
    AffineExpr offset = n.math().simplify(k[2] - q[2]);
    scores = n.make<nn::SelectOp>(causalMask(n, q[2], k[2], offset), scores, lowest);
  }
  return scores;
}

} // namespace

std::pair<Value, Value> attend(Node &n, const AttentionForm &form) {
  if (!form.softcap && !form.sink && form.scores == Scores::none)
    return {n.make<nn::AttentionOp>(form.query, form.key, form.value, form.mask, n.builder.f32(form.scale),
                                    form.causal),
            Value()};
  Value scores = getScores(n, form), weights;
  SmallVector<AffineExpr> s(n.getShape(scores)), v(n.getShape(form.value));
  if (!form.sink) {
    weights = n.make<nn::SoftmaxOp>(scores, 3);
  } else {
    Value sink = n.builder.broadcast(form.sink, {s[0], s[1], s[2], n.constant(1)});
    weights = n.make<nn::SoftmaxOp>(n.builder.concat({scores, sink}, 3), 3);
    weights = n.builder.sliceAxis(weights, 3, n.constant(0), s[3]);
  }
  Value shown;
  if (form.scores == Scores::afterSoftmax) {
    shown = weights;
  } else if (form.scores == Scores::beforeSoftmax) { // 0 where keys are hidden
    Value hidden = n.make<nn::IsInfOp>(scores, /*positive=*/false, /*negative=*/true);
    shown = n.make<nn::SelectOp>(hidden, n.builder.scalarLike(0, scores), scores);
  }
  Value y;
  if (s[1] == v[1]) {
    y = n.make<nn::MatMulOp>(weights, form.value, false, false);
  } else {
    AffineExpr each = n.math().divideExactly(s[1], v[1]);
    y = n.make<nn::MatMulOp>(n.builder.reshape(weights, {s[0], v[1], each, s[2], s[3]}),
                             n.builder.unsqueeze(form.value, {2}), false, false);
    y = n.builder.reshape(y, {s[0], s[1], s[2], v[3]});
  }
  return {y, shown};
}
} // namespace aicc::onnx_import
