// Attention as com.microsoft has it: with the projection (Attention), without it (MultiHeadAttention,
// DecoderMaskedMultiHeadAttention), with grouped queries and a cache of keys and values whose rows have
// lengths of their own (GroupQueryAttention); rotary embeddings.

#include "frontends/onnx/ops/Heads.h"
#include "frontends/onnx/ops/Microsoft.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

int64_t getHeads(Node &n, StringRef name) {
  const int64_t heads = n.getInt(name);
  if (heads < 1 || heads > INT32_MAX)
    throw ImportError("attribute '" + name + "' must be positive");
  return heads;
}

double getScale(Node &n, Value query) {
  const double scale = n.getFloat("scale", 0);
  return scale != 0 ? scale : 1.0 / std::sqrt(double(n.getStaticSize(query, 3, "the size of a head")));
}

void checkRank(Node &n, Value value, int64_t rank, const Twine &what) {
  if (value && n.getRank(value) != rank)
    throw ImportError(what + " must have rank " + Twine(rank) + ", has rank " + Twine(n.getRank(value)));
}

/// The integers 0, 1, ... of rank `rank` along `axis`.
Value count(Node &n, AffineExpr size, int64_t axis, int64_t rank) {
  SmallVector<AffineExpr> shape(rank, n.constant(1));
  shape[axis] = size;
  return n.builder.iota(shape, axis, n.builder.getBuilder().getI64Type());
}

/// `part` of the last dimension, from `offset` on, which moves behind it.
Value takeColumns(Node &n, Value x, AffineExpr &offset, AffineExpr part) {
  if (!offset || !part)
    throw ImportError("its sizes are too large");
  Value y = n.builder.sliceAxis(x, n.getRank(x) - 1, offset, part);
  offset = n.math().simplify(offset + part);
  return y;
}

/// What a mask of 0 and 1 or of lengths adds to scores, [B or 1, 1, S or 1, T]: 0 where keys are seen.
Value getPaddingMask(Node &n, Value mask, AffineExpr batch, AffineExpr queries, AffineExpr keys,
                     Type element) {
  SmallVector<AffineExpr> s(n.getShape(mask));
  Type i64 = n.builder.getBuilder().getI64Type();
  const AffineExpr one = n.constant(1);
  Value seen;
  if (s.size() == 1) {
    Value lengths = n.builder.convert(mask, i64), column = count(n, keys, 3, 4);
    const AffineExpr twice = n.math().simplify(batch * 2), thrice = n.math().simplify(batch * 3 + 2);
    if (s[0] == thrice && s[0] != batch)
      throw ImportError("a mask of 3 * batch_size + 2 offsets is not supported", "give it as 0 and 1");
    auto part = [&](AffineExpr from) {
      return n.builder.reshape(n.builder.sliceAxis(lengths, 0, from, batch), {batch, one, one, one});
    };
    if (s[0] == twice && s[0] != batch) { // ends, then starts
      seen = n.make<nn::AndOp>(n.builder.compare(column, part(n.constant(0)), nn::CompareKind::lt),
                               n.builder.compare(column, part(batch), nn::CompareKind::ge));
    } else {
      seen =
          n.builder.compare(column, n.builder.reshape(lengths, {s[0], one, one, one}), nn::CompareKind::lt);
    }
  } else {
    if (s.size() == 2) {
      mask = n.builder.reshape(mask, {s[0], one, one, s[1]});
    } else if (s.size() == 3) {
      mask = n.builder.unsqueeze(mask, {1});
    } else if (s.size() == 4) { // of the longest sequence there may be
      const AffineExpr past = n.math().simplify(keys - queries);
      mask = n.builder.sliceAxis(n.builder.sliceAxis(mask, 2, past, queries), 3, n.constant(0), keys);
    } else {
      throw ImportError("a mask of rank " + Twine(int64_t(s.size())) + " is not supported");
    }
    seen = n.builder.compare(mask, n.builder.scalarLike(0, mask), nn::CompareKind::gt);
  }
  const double filter = n.getFloat("mask_filter_value", -10000.0);
  return n.make<nn::SelectOp>(seen, n.builder.scalar(0, element), n.builder.scalar(filter, element));
}

/// Keys and values after those of the past, [B, H, P, D] each.
void appendToPast(Node &n, Value pastKey, Value pastValue, Value &key, Value &value) {
  if (!pastKey != !pastValue)
    throw ImportError("past keys and past values must be given together");
  if (!pastKey)
    return;
  checkRank(n, pastKey, 4, "past keys");
  checkRank(n, pastValue, 4, "past values");
  key = n.builder.concat({pastKey, key}, 2);
  value = n.builder.concat({pastValue, value}, 2);
}

/// What is added to the scores: a mask (optional), and a bias (optional).
Value addMasks(Node &n, Value mask, Value bias) {
  if (bias && n.getRank(bias) != 4)
    throw ImportError("attention_bias must have rank 4");
  return mask && bias ? n.add(mask, bias) : mask ? mask : bias;
}

/// Self-attention on inputs that stand behind `past` others: causal is what nn says, aligned at the last key,
/// unless there are more or fewer keys than queries.
void setCausal(Node &n, AttentionForm &form, AffineExpr past) {
  AffineExpr queries = n.getShape(form.query)[2], keys = n.getShape(form.key)[2];
  if (n.math().compare(keys - queries, past) == 0) {
    form.causal = true;
    return;
  }
  Value seen = causalMask(n, queries, keys, past);
  form.mask =
      form.mask ? n.make<nn::SelectOp>(seen, form.mask, n.builder.scalarLike(-INFINITY, form.mask)) : seen;
}

/// Attention behind the projections, and its results: y, key, value, scores.
struct Projected {
  Value query, key, value; ///< [B, H, S, D], [B, H, L, D], [B, H, L, E]
  Value mask, bias, pastKey, pastValue;
};
Results attendProjected(Node &n, Projected p, bool causal, bool wantsScores) {
  AffineExpr past = p.pastKey && n.getRank(p.pastKey) == 4 ? n.getShape(p.pastKey)[2] : n.constant(0);
  appendToPast(n, p.pastKey, p.pastValue, p.key, p.value);
  AttentionForm form{p.query, p.key, p.value};
  const Type element = n.getElement(p.query);
  AffineExpr batch = n.getShape(p.query)[0], queries = n.getShape(p.query)[2], keys = n.getShape(p.key)[2];
  Value mask = p.mask ? getPaddingMask(n, p.mask, batch, queries, keys, element) : Value();
  form.mask = addMasks(n, mask, p.bias);
  form.scale = getScale(n, p.query);
  if (causal)
    setCausal(n, form, past);
  form.scores = wantsScores ? Scores::beforeSoftmax : Scores::none;
  auto [y, scores] = attend(n, form);
  return {mergeHeads(n, y), p.key, p.value, scores};
}

/// [2, B, H, P, D] as keys and values.
void splitPast(Node &n, Value past, Projected &p) {
  if (!past)
    return;
  checkRank(n, past, 5, "past");
  SmallVector<AffineExpr> s(n.getShape(past).drop_front());
  auto part = [&](int64_t index) {
    return n.builder.reshape(n.builder.sliceAxis(past, 0, n.constant(index), n.constant(1)), s);
  };
  p.pastKey = part(0);
  p.pastValue = part(1);
}

void refuseSharedBuffer(Node &n) {
  if (n.getInt("past_present_share_buffer", 0))
    throw ImportError("past_present_share_buffer is not supported",
                      "export the model with past and present of their own");
  if (n.getInt("do_rotary", 0))
    throw ImportError("do_rotary is not supported here", "export the model with RotaryEmbedding");
}

} // namespace

Results attendPacked(Node &n, Value qkv, ArrayRef<AffineExpr> sizes, Value mask, Value past, Value bias) {
  checkRank(n, qkv, 3, "input");
  const int64_t heads = getHeads(n, "num_heads");
  refuseSharedBuffer(n);
  AffineExpr offset = n.constant(0);
  Projected p;
  p.query = splitHeads(n, takeColumns(n, qkv, offset, sizes[0]), heads);
  p.key = splitHeads(n, takeColumns(n, qkv, offset, sizes[1]), heads);
  p.value = splitHeads(n, takeColumns(n, qkv, offset, sizes[2]), heads);
  p.mask = mask;
  p.bias = bias;
  splitPast(n, past, p);
  Results all = attendProjected(n, p, n.getInt("unidirectional", 0) != 0, false);
  if (!n.wants(1))
    return all[0];
  Value present = n.builder.concat({n.builder.unsqueeze(all[1], {0}), n.builder.unsqueeze(all[2], {0})}, 0);
  return {all[0], present};
}

namespace {

/// Inputs x, weights, bias, mask, past, attention_bias.
Results importAttention(Node &n) {
  checkRank(n, n.in(0), 3, "input");
  checkRank(n, n.in(1), 2, "weights");
  if (n.has(6))
    throw ImportError("past_sequence_length is not supported: past and present share no buffer");
  AffineExpr columns = n.getShape(n.in(1))[1];
  SmallVector<AffineExpr> sizes;
  if (SmallVector<int64_t> given = n.getInts("qkv_hidden_sizes"); !given.empty()) {
    if (given.size() != 3 || llvm::any_of(given, [](int64_t size) { return size < 1 || size > INT32_MAX; }) ||
        n.constant(given[0] + given[1] + given[2]) != columns)
      throw ImportError("qkv_hidden_sizes do not fit the weights");
    for (int64_t size : given)
      sizes.push_back(n.constant(size));
  } else {
    AffineExpr third = n.math().divideExactly(columns, n.constant(3));
    if (!third)
      throw ImportError("the weights' columns are not three times as many as those of queries");
    sizes.assign(3, third);
  }
  Value qkv = matmulLikeNumpy(n, n.in(0), n.in(1));
  if (n.has(2))
    qkv = n.add(qkv, n.in(2));
  return attendPacked(n, qkv, sizes, n.getOptional(3), n.getOptional(4), n.getOptional(5));
}

/// One of three (or two) that stand before the last dimension of [B, S, H, parts, D]: [B, H, S, D].
Value takePart(Node &n, Value packed, int64_t index) {
  SmallVector<AffineExpr> s(n.getShape(packed));
  Value part = n.builder.sliceAxis(packed, 3, n.constant(index), n.constant(1));
  return n.builder.transpose(n.builder.reshape(part, {s[0], s[1], s[2], s[4]}), {0, 2, 1, 3});
}

/// Queries, keys and values from inputs that may be packed, with the bias of their projection.
void project(Node &n, Value query, Value key, Value value, Value bias, int64_t heads, Projected &p) {
  AffineExpr offset = n.constant(0);
  // x [B, H, S, D] plus its part of the bias [H * D].
  auto addBias = [&](Value x) {
    if (!bias)
      return x;
    SmallVector<AffineExpr> s(n.getShape(x));
    AffineExpr hidden = n.math().product({s[1], s[3]});
    return n.add(x, n.builder.reshape(takeColumns(n, bias, offset, hidden), {s[1], n.constant(1), s[3]}));
  };
  if (bias)
    checkRank(n, bias, 1, "bias");
  auto checkHeads = [&](Value packed) {
    if (n.getShape(packed)[2] != n.constant(heads))
      throw ImportError("a packed input does not have num_heads heads");
  };
  if (n.getRank(query) == 5) { // [B, S, H, 3, D]
    checkHeads(query);
    if (key || value || n.getShape(query)[3] != n.constant(3))
      throw ImportError("packed queries, keys and values must be [batch, sequence, heads, 3, size]");
    p.query = addBias(takePart(n, query, 0));
    p.key = addBias(takePart(n, query, 1));
    p.value = addBias(takePart(n, query, 2));
    return;
  }
  checkRank(n, query, 3, "query");
  if (!key)
    throw ImportError("keys are missing");
  p.query = addBias(splitHeads(n, query, heads));
  if (n.getRank(key) == 5) { // [B, L, H, 2, D]
    checkHeads(key);
    if (value || n.getShape(key)[3] != n.constant(2))
      throw ImportError("packed keys and values must be [batch, sequence, heads, 2, size]");
    p.key = addBias(takePart(n, key, 0));
    p.value = addBias(takePart(n, key, 1));
    return;
  }
  if (!value || n.getRank(value) != n.getRank(key) || (n.getRank(key) != 3 && n.getRank(key) != 4))
    throw ImportError("keys and values must both be of rank 3, or both of rank 4");
  const bool ready = n.getRank(key) == 4; // of a cache: their bias is in them
  p.key = ready ? key : addBias(splitHeads(n, key, heads));
  p.value = ready ? value : addBias(splitHeads(n, value, heads));
}

/// Inputs query, key, value, bias, mask, attention_bias, past key, past value.
Results importMultiHeadAttention(Node &n) {
  if (n.has(8) || n.has(9))
    throw ImportError(
        "past_sequence_length and cache_indirection are not supported: past and present share no "
        "buffer",
        "export the model with past and present of their own");
  Projected p;
  project(n, n.in(0), n.getOptional(1), n.getOptional(2), n.getOptional(3), getHeads(n, "num_heads"), p);
  p.mask = n.getOptional(4);
  p.bias = n.getOptional(5);
  p.pastKey = n.getOptional(6);
  p.pastValue = n.getOptional(7);
  return attendProjected(n, p, n.getInt("unidirectional", 0) != 0, n.wants(3));
}

/// Inputs query, key, value, mask, attention_bias, past key, past value, past length, beam width, cache
/// indirection, bias.
Results importDecoderMaskedMultiHeadAttention(Node &n) {
  refuseSharedBuffer(n);
  if (n.has(9))
    throw ImportError("cache_indirection is not supported: beams are the application's");
  const int64_t heads = getHeads(n, "num_heads");
  Value query = n.in(0), key = n.getOptional(1), value = n.getOptional(2);
  checkRank(n, query, 3, "query");
  if (!key && !value) { // packed along the last dimension
    AffineExpr third = n.math().divideExactly(n.getShape(query)[2], n.constant(3)), offset = n.constant(0);
    if (!third)
      throw ImportError("the packed size is not a multiple of 3");
    Value packed = query;
    query = takeColumns(n, packed, offset, third);
    key = takeColumns(n, packed, offset, third);
    value = takeColumns(n, packed, offset, third);
  }
  Projected p;
  project(n, query, key, value, n.getOptional(10), heads, p);
  p.mask = n.getOptional(3);
  p.bias = n.getOptional(4);
  p.pastKey = n.getOptional(5);
  p.pastValue = n.getOptional(6);
  return attendProjected(n, p, false, n.wants(3));
}

/// The cache of keys or values of T rows, [B, G, T, D]: the first `lengths` rows of `past`, then `fresh`,
/// then zeros. `lengths` is [B, 1, 1, 1], `places` [B, S] tell where the new rows go.
Value updateCache(Node &n, Value past, Value fresh, Value lengths, Value places, AffineExpr total) {
  SmallVector<AffineExpr> s(n.getShape(fresh));
  const AffineExpr zero = n.constant(0), one = n.constant(1);
  SmallVector<AffineExpr> low(4, zero), high(low);
  high[2] = n.math().simplify(total - n.getShape(past)[2]);
  Value nothing = n.builder.scalarLike(0, past);
  Value cache = high[2] == zero ? past
                                : n.make<nn::PadOp>(past, nothing, n.builder.map(low), n.builder.map(high),
                                                    nn::PadMode::constant);
  Value kept = n.builder.compare(count(n, total, 2, 4), lengths, nn::CompareKind::lt);
  cache = n.make<nn::SelectOp>(kept, cache, nothing);
  SmallVector<AffineExpr> wide{s[0], s[1], s[2], one};
  Type i64 = n.builder.getBuilder().getI64Type();
  Value index =
      n.builder.concat({n.builder.iota(wide, 0, i64), n.builder.iota(wide, 1, i64),
                        n.builder.broadcast(n.builder.reshape(places, {s[0], one, s[2], one}), wide)},
                       3);
  return n.make<nn::ScatterNdOp>(cache, index, fresh, nn::ScatterKind::none);
}

void refuseRareGroupQuery(Node &n) {
  for (StringRef name : {"k_quant_type", "v_quant_type"})
    if (std::string type = n.getString(name, "NONE"); type != "NONE" && !type.empty())
      throw ImportError("quantized caches are not supported", "export the model with caches of floats");
  if (n.getInt("sliding_window_cache", 0))
    throw ImportError("sliding_window_cache is not supported", "export the model with caches of full length");
  if (n.has(16))
    throw ImportError("query_seqlens is not supported");
  if (n.has(12) || n.has(13))
    throw ImportError("k_scale and v_scale are not supported: caches are not quantized");
}

/// Inputs query, key, value, past key, past value, lengths - 1, longest length, cos, sin, positions,
/// attention_bias, sink, k_scale, v_scale, q_norm, k_norm, query_seqlens.
Results importGroupQueryAttention(Node &n) {
  refuseRareGroupQuery(n);
  const int64_t heads = getHeads(n, "num_heads"), groups = getHeads(n, "kv_num_heads");
  if (heads % groups)
    throw ImportError("num_heads is not a multiple of kv_num_heads");
  Value query = n.in(0), key = n.getOptional(1), value = n.getOptional(2);
  checkRank(n, query, 3, "query");
  if (!key != !value)
    throw ImportError("keys and values must be given together");
  if (!key) {
    Value packed = query;
    AffineExpr depth = n.math().divideExactly(n.getShape(packed)[2], n.constant(heads + 2 * groups));
    if (!depth)
      throw ImportError("the packed size is not a multiple of the number of heads");
    AffineExpr offset = n.constant(0);
    query = takeColumns(n, packed, offset, n.math().simplify(depth * heads));
    key = takeColumns(n, packed, offset, n.math().simplify(depth * groups));
    value = takeColumns(n, packed, offset, n.math().simplify(depth * groups));
  }
  query = splitHeads(n, query, heads);
  key = splitHeads(n, key, groups);
  value = splitHeads(n, value, groups);
  if (n.has(14) != n.has(15))
    throw ImportError("q_norm_weight and k_norm_weight must be given together");
  if (n.has(14)) {
    const double epsilon = n.getFloat("qk_norm_epsilon", 1e-6);
    query = n.make<nn::RmsNormOp>(query, n.in(14), 3, n.builder.f32(n.getFloat("q_norm_epsilon", epsilon)));
    key = n.make<nn::RmsNormOp>(key, n.in(15), 3, n.builder.f32(n.getFloat("k_norm_epsilon", epsilon)));
  }

  // Each row has `lengths` in all, `past` of which are in the cache.
  const AffineExpr batch = n.getShape(query)[0], fresh = n.getShape(query)[2], one = n.constant(1);
  Value i64zero = n.builder.scalar(0, n.builder.getBuilder().getI64Type());
  Value pastKey = n.getOptional(3), pastValue = n.getOptional(4);
  checkRank(n, pastKey, 4, "past keys");
  checkRank(n, pastValue, 4, "past values");
  if (!pastKey != !pastValue)
    throw ImportError("past keys and past values must be given together");
  const bool causal = n.getInt("causal", 1) != 0;
  Value lengths = n.builder.convert(n.in(5), n.getElement(i64zero));
  lengths = n.add(n.builder.reshape(lengths, {batch, one}), 1);
  AffineExpr keys = fresh;
  Value past, offsets = count(n, fresh, 1, 2), places = offsets; // [B or 1, S]
  if (pastKey) {
    SmallVector<AffineExpr> total = n.getSizes(6, "total_sequence_length");
    if (total.size() != 1)
      throw ImportError("total_sequence_length must be a single number");
    keys = n.math().max(n.getShape(pastKey)[2], total[0]);
    if (!keys)
      throw ImportError("the size of the cache depends on sizes in too complicated a way");
    past = n.add(lengths, n.mul(n.builder.sizes({fresh}, true), -1.0));
    // A prompt, as long as the longest row, begins anew.
    if (std::optional<int> order = n.math().compare(total[0], fresh); !order || *order <= 0) {
      Value isPrompt = n.builder.compare(n.builder.sizes({total[0]}, true), n.builder.sizes({fresh}, true),
                                         nn::CompareKind::le);
      past = n.make<nn::SelectOp>(isPrompt, i64zero, past);
    }
    past = n.make<nn::MaxOp>(past, i64zero);
    places = n.add(past, offsets);
  }

  if (n.getInt("do_rotary", 0)) {
    Value positions = places;
    if (n.has(9)) {
      checkRank(n, n.in(9), 2, "position_ids");
      positions = n.in(9);
    }
    const bool interleaved = n.getInt("rotary_interleaved", 0) != 0;
    query = rotateHeads(n, query, n.in(7), n.in(8), positions, interleaved);
    key = rotateHeads(n, key, n.in(7), n.in(8), positions, interleaved);
  }
  if (pastKey) {
    Value last = n.builder.sizes({n.math().simplify(keys - 1)}, true);
    Value where = n.make<nn::MinOp>(places, last), rows = n.builder.reshape(past, {batch, one, one, one});
    key = updateCache(n, pastKey, key, rows, where, keys);
    value = updateCache(n, pastValue, value, rows, where, keys);
  }

  AttentionForm form{query, key, value};
  form.scale = getScale(n, query);
  form.softcap = n.getFloat("softcap", 0);
  const int64_t window = n.getInt("local_window_size", -1);
  Value column = count(n, keys, 3, 4);
  auto hide = [&](Value seen) { form.mask = form.mask ? n.make<nn::AndOp>(form.mask, seen) : seen; };
  // Positions of queries, [B or 1, 1, S, 1].
  Value row = n.builder.reshape(places, {n.getShape(places)[0], one, fresh, one});
  if (!causal)
    hide(n.builder.compare(column, n.builder.reshape(lengths, {batch, one, one, one}), nn::CompareKind::lt));
  else if (pastKey)
    hide(n.builder.compare(column, row, nn::CompareKind::le));
  else
    form.causal = true;
  if (window > 0) {
    if (!causal)
      throw ImportError("local_window_size needs causal attention");
    hide(n.builder.compare(n.add(column, double(window)), row, nn::CompareKind::gt));
  }
  if (n.has(10)) {
    Value bias = n.in(10);
    checkRank(n, bias, 4, "attention_bias");
    SmallVector<AffineExpr> low(4, n.constant(0)), high(low);
    high[3] = n.math().simplify(keys - n.getShape(bias)[3]);
    if (high[3] != n.constant(0))
      bias = n.make<nn::PadOp>(bias, n.builder.scalarLike(0, bias), n.builder.map(low), n.builder.map(high),
                               nn::PadMode::constant);
    form.mask =
        form.mask ? n.make<nn::SelectOp>(form.mask, bias, n.builder.scalarLike(-INFINITY, bias)) : bias;
  }
  if (n.has(11))
    form.sink = n.builder.reshape(n.in(11), {one, n.getShape(n.in(11))[0], one, one});
  else if (n.getInt("smooth_softmax", -1) == 1)
    form.sink = n.builder.reshape(n.builder.scalarLike(0, query), {one, one, one, one});
  if (const int64_t shown = n.getInt("qk_output", 0); shown && n.wants(3))
    form.scores = shown == 1 ? Scores::beforeSoftmax : Scores::afterSoftmax;
  auto [y, scores] = attend(n, form);
  return {mergeHeads(n, y), key, value, scores};
}

/// Inputs x, positions, cos, sin.
Results importRotaryEmbedding(Node &n) {
  Value x = n.in(0), positions = n.in(1);
  if (n.getInt("is_packed_batching", 0))
    throw ImportError("is_packed_batching is not supported");
  if (n.getRank(x) != 3 && n.getRank(x) != 4)
    throw ImportError("its input must have rank 3 or 4");
  const int64_t pairs = n.getRank(n.in(2)) == 2 ? n.getStaticSize(n.in(2), 1, "the number of angles") : 0;
  const int64_t rotary = n.getInt("rotary_embedding_dim", 0);
  int64_t heads = n.getInt("num_heads", 0);
  if (pairs < 1 || (rotary && rotary != 2 * pairs))
    throw ImportError("the caches of cosines and sines do not fit rotary_embedding_dim");
  if (n.getRank(x) == 3 && heads < 1) {
    if (rotary)
      throw ImportError("num_heads is missing");
    const int64_t hidden = n.getStaticSize(x, 2, "the hidden size");
    if (hidden % (2 * pairs))
      throw ImportError("the hidden size is not a multiple of the heads' size");
    heads = hidden / (2 * pairs);
  }
  Value y = splitHeads(n, x, heads);
  AffineExpr length = n.getShape(y)[2];
  if (n.getRank(positions) == 1) // that of the first
    positions = n.add(n.builder.reshape(positions, {n.constant(1), n.constant(1)}), count(n, length, 1, 2));
  checkRank(n, positions, 2, "position_ids");
  y = rotateHeads(n, y, n.in(2), n.in(3), positions, n.getInt("interleaved", 0) != 0);
  return n.getRank(x) == 3 ? mergeHeads(n, y) : y;
}

Results refuseGeneration(Node &) {
  throw ImportError("generation loops are not supported",
                    "export the decoder, and choose tokens in the application");
}
} // namespace

void addMicrosoftAttentionOps(OpTable &t) {
  auto add = [&](StringRef op, ImportFn import) {
    t.add(OpTable::microsoft, op, 1, OpTable::anyOpset, std::move(import));
  };
  add("Attention", importAttention);
  add("MultiHeadAttention", importMultiHeadAttention);
  add("DecoderMaskedMultiHeadAttention", importDecoderMaskedMultiHeadAttention);
  add("GroupQueryAttention", importGroupQueryAttention);
  add("RotaryEmbedding", importRotaryEmbedding);
  for (StringRef op : {"BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch"})
    add(op, refuseGeneration);
}
} // namespace aicc::onnx_import
