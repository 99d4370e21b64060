"""Operators of com.microsoft that exported language models have, in the forms that ONNX Runtime documents.

A case holds several nodes with different attributes.  Integers that say how long a row is are computed from masks, as
exporters write it: from their contents (seqlens_k) or from their sizes (total_sequence_length).
"""
import numpy as np

from graph import FLOAT, INT32, INT64, Graph, normal, padding_mask
from makers import model

MS, FLOAT16 = "com.microsoft", 10
TEXT = [{"batch": 2, "seq": 7}, {"batch": 3, "seq": 5}]
PAST = [{"batch": 2, "seq": 4, "past": 5}, {"batch": 1, "seq": 1, "past": 9}]
CROSS = [{"batch": 2, "seq": 3, "keys": 6}, {"batch": 1, "seq": 5, "keys": 4}]
# The mask's length is a symbol of its own, as in exported models.
STEP = [{"batch": 3, "seq": 1, "past": 6, "total": 7}, {"batch": 2, "seq": 1, "past": 11, "total": 12}]
CHUNK = [{"batch": 1, "seq": 3, "past": 4, "total": 7}, {"batch": 1, "seq": 2, "past": 8, "total": 10}]
# A cache with room for more: past and present have one size.
ROOM = [{"batch": 2, "seq": 1, "past": 16, "total": 7}, {"batch": 3, "seq": 1, "past": 12, "total": 12}]
PROMPT = [{"batch": 2, "seq": 6, "past": 0, "total": 6}, {"batch": 1, "seq": 9, "past": 0, "total": 9}]


def ms(g, kind, *args, **attrs):
    return g.op(kind, *args, domain=MS, **attrs)


def lengths(rng, shape, sizes):
    """How many of `seq` elements each row has: all, then fewer."""
    return np.array([max(1, sizes["seq"] - 2 * i) for i in range(shape[0])], np.int32)


def mask_of(kind):
    return lambda rng, shape, sizes: kind(rng, shape, sizes).astype(np.int32)


def triangle(rng, shape, sizes):
    rows = np.tril(np.ones(shape[-2:], np.int32), shape[-1] - shape[-2])
    return np.ascontiguousarray(np.broadcast_to(rows, shape))


def ragged(rng, shape, sizes):
    """Lengths minus 1 of a batch whose longest row has `total` elements."""
    return np.array([sizes["total"] - 1 - (0 if sizes["seq"] > 1 else 2 * i % 5) for i in range(shape[0])], np.int32)


def angles(g, most, pairs):
    rates = 10000.0 ** (-np.arange(pairs) / pairs)
    table = np.outer(np.arange(most), rates)
    return g.const(np.cos(table).astype(np.float32), "cos"), g.const(np.sin(table).astype(np.float32), "sin")


# ---- MultiHeadAttention ----

@model(*TEXT)
def ms_mha_masks(g):
    """Self-attention: each form of mask, a bias of the projection, a bias of the scores, causal."""
    q, k, v = (g.input(n, FLOAT, ["batch", "seq", 12], normal()) for n in "qkv")
    wide = g.input("wide", FLOAT, ["batch", "seq", 24], normal())
    end = g.input("end", INT32, ["batch"], lengths)
    keys = g.input("keys", INT32, ["batch", "seq"], mask_of(padding_mask))
    pairs = g.input("pairs", INT32, ["batch", "seq", "seq"], triangle)
    bias = g.input("bias", FLOAT, ["batch", 3, "seq", "seq"], normal())
    ms(g, "MultiHeadAttention", q, k, v, num_heads=3, out=g.output("plain", ["batch", "seq", 12]))
    ms(g, "MultiHeadAttention", q, k, v, g.bias(36), num_heads=3, scale=0.7,
       out=g.output("biased", ["batch", "seq", 12]))
    ms(g, "MultiHeadAttention", q, k, v, "", end, num_heads=3, out=g.output("by_end", ["batch", "seq", 12]))
    ms(g, "MultiHeadAttention", q, k, wide, g.bias(48), keys, num_heads=3,
       out=g.output("by_keys", ["batch", "seq", 24]))
    ms(g, "MultiHeadAttention", q, k, v, "", pairs, bias, num_heads=3, mask_filter_value=-50.0,
       out=g.output("by_pairs", ["batch", "seq", 12]))
    ms(g, "MultiHeadAttention", q, k, v, "", "", bias, num_heads=3, out=g.output("added", ["batch", "seq", 12]))
    ms(g, "MultiHeadAttention", q, k, v, "", keys, num_heads=3, unidirectional=1,
       out=g.output("causal", ["batch", "seq", 12]))


def packed_attention(feeds):
    qkv = feeds["qkv"].astype(np.float64)  # [batch, seq, heads, 3, size]
    q, k, v = (qkv[:, :, :, i].transpose(0, 2, 1, 3) for i in range(3))
    scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(q.shape[-1])
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    y = (weights / weights.sum(-1, keepdims=True)) @ v
    return [y.transpose(0, 2, 1, 3).reshape(*qkv.shape[:2], -1).astype(np.float32)]


@model(*TEXT, reference=packed_attention)
def ms_mha_packed(g):
    qkv = g.input("qkv", FLOAT, ["batch", "seq", 2, 3, 8], normal())
    ms(g, "MultiHeadAttention", qkv, num_heads=2, out=g.output("y", ["batch", "seq", 16]))


@model(*PAST)
def ms_mha_past(g):
    q, k, v = (g.input(n, FLOAT, ["batch", "seq", 16], normal()) for n in "qkv")
    pk, pv = (g.input(n, FLOAT, ["batch", 2, "past", 8], normal()) for n in ("pk", "pv"))
    mask = g.input("mask", INT32, ["batch", "past + seq"], mask_of(padding_mask))
    ms(g, "MultiHeadAttention", q, k, v, g.bias(48), mask, "", pk, pv, num_heads=2, unidirectional=1, out=[
        g.output("y", ["batch", "seq", 16]), g.output("key", ["batch", 2, "past + seq", 8]),
        g.output("value", ["batch", 2, "past + seq", 8])])


@model(*CROSS)
def ms_mha_cross(g):
    q = g.input("q", FLOAT, ["batch", "seq", 16], normal())
    k, v = (g.input(n, FLOAT, ["batch", "keys", 16], normal()) for n in "kv")
    ck, cv = (g.input(n, FLOAT, ["batch", 4, "keys", 4], normal()) for n in ("ck", "cv"))
    ms(g, "MultiHeadAttention", q, k, v, num_heads=4, out=g.output("y", ["batch", "seq", 16]))
    ms(g, "MultiHeadAttention", q, ck, cv, num_heads=4, out=g.output("cached", ["batch", "seq", 16]))


@model(*CROSS)
def ms_mha_scores(g):
    q = g.input("q", FLOAT, ["batch", "seq", 16], normal())
    k, v = (g.input(n, FLOAT, ["batch", "keys", 16], normal()) for n in "kv")
    ms(g, "MultiHeadAttention", q, k, v, num_heads=4, out=[
        g.output("y", ["batch", "seq", 16]), "", "", g.output("qk", ["batch", 4, "seq", "keys"])])


# ---- Attention ----

@model(*TEXT)
def ms_attention_masks(g):
    x = g.input("x", FLOAT, ["batch", "seq", 10], normal())
    end = g.input("end", INT32, ["batch"], lengths)
    ends_starts = g.op("Concat", end, g.op("Div", end, g.const(np.array([3], np.int32))), axis=0)
    keys = g.input("keys", INT32, ["batch", "seq"], mask_of(padding_mask))
    pairs = g.input("pairs", INT32, ["batch", "seq", "seq"], triangle)
    bias = g.input("bias", FLOAT, [1, 3, "seq", "seq"], normal())
    w, b = g.weight(10, 36), g.bias(36)
    ms(g, "Attention", x, w, b, num_heads=3, out=g.output("plain", ["batch", "seq", 12]))
    ms(g, "Attention", x, w, "", end, num_heads=3, out=g.output("by_end", ["batch", "seq", 12]))
    ms(g, "Attention", x, w, b, ends_starts, num_heads=3, out=g.output("by_range", ["batch", "seq", 12]))
    ms(g, "Attention", x, w, b, keys, num_heads=3, unidirectional=1, out=g.output("by_keys", ["batch", "seq", 12]))
    ms(g, "Attention", x, w, b, pairs, "", bias, num_heads=3, scale=0.3,
       out=g.output("by_pairs", ["batch", "seq", 12]))
    ms(g, "Attention", x, g.weight(10, 42), g.bias(42), num_heads=3, qkv_hidden_sizes=[12, 12, 18],
       out=g.output("uneven", ["batch", "seq", 18]))


@model(*PAST)
def ms_attention_past(g):
    x = g.input("x", FLOAT, ["batch", "seq", 10], normal())
    past = g.input("past_kv", FLOAT, [2, "batch", 2, "past", 8], normal())
    mask = g.input("mask", INT32, ["batch", "past + seq"], mask_of(padding_mask))
    for name, m in (("plain", ""), ("masked", mask)):
        ms(g, "Attention", x, g.weight(10, 48), g.bias(48), m, past, num_heads=2, unidirectional=1,
           out=[g.output(name, ["batch", "seq", 16]), g.output(name + "_present", [2, "batch", 2, "past + seq", 8])])


# ---- GroupQueryAttention ----

def gqa(g, name, q, k, v, past=True, rotary=False, extra=(), most=64, heads=4, groups=2, depth=16, cache="total", **attrs):
    """A node and its three outputs; `cache` is the size of the present."""
    total = g.op("Cast", g.size(g.attention_mask, 1), to=INT32)
    pk = pv = ""
    if past:
        pk, pv = g.past
    cos, sin = angles(g, most, depth // 2) if rotary else ("", "")
    ms(g, "GroupQueryAttention", q, k, v, pk, pv, g.ragged, total, cos, sin, *extra,
       num_heads=heads, kv_num_heads=groups, do_rotary=int(rotary),
       out=[g.output(name, ["batch", "seq", heads * depth]), g.output(name + "_key", ["batch", groups, cache, depth]),
            g.output(name + "_value", ["batch", groups, cache, depth])], **attrs)


def gqa_inputs(g, past=True, heads=4, groups=2, depth=16):
    q = g.input("q", FLOAT, ["batch", "seq", heads * depth], normal())
    k, v = (g.input(n, FLOAT, ["batch", "seq", groups * depth], normal()) for n in "kv")
    if past:
        g.past = [g.input(n, FLOAT, ["batch", groups, "past", depth], normal()) for n in ("pk", "pv")]
    g.ragged = g.input("seqlens_k", INT32, ["batch"], ragged)
    g.attention_mask = g.input("attention_mask", INT64, ["batch", "total"], padding_mask)
    return q, k, v


@model(*TEXT, opset=18)
def ms_gqa_first(g):
    """No cache yet."""
    q = g.input("q", FLOAT, ["batch", "seq", 64], normal())
    k, v = (g.input(n, FLOAT, ["batch", "seq", 32], normal()) for n in "kv")
    packed = g.input("packed", FLOAT, ["batch", "seq", 128], normal())
    g.attention_mask = g.input("attention_mask", INT64, ["batch", "seq"], padding_mask)
    g.ragged = g.op("Cast", g.op("Sub", g.reduce("ReduceSum", g.op("Where", g.op("Equal", g.attention_mask, g.ints(7)),
                    g.attention_mask, g.scalar(1, np.int64)), 1, keepdims=0), g.scalar(1, np.int64)), to=INT32)
    gqa(g, "plain", q, k, v, past=False, cache="seq")
    gqa(g, "rotary", q, k, v, past=False, rotary=True, cache="seq", scale=0.4)
    gqa(g, "interleaved", q, k, v, past=False, rotary=True, cache="seq", rotary_interleaved=1, local_window_size=3)
    gqa(g, "packed_y", packed, "", "", past=False, rotary=True, cache="seq", softcap=2.0)
    sink = g.weight(4, std=1.0)
    gqa(g, "sink", q, k, v, past=False, cache="seq", extra=("", "", sink))
    gqa(g, "smooth", q, k, v, past=False, cache="seq", smooth_softmax=1)


@model(*STEP, opset=18)
def ms_gqa_step(g):
    """One token more, of rows with different lengths."""
    q, k, v = gqa_inputs(g)
    bias = g.input("bias", FLOAT, ["batch", 4, "seq", "total"], normal())
    sink = g.weight(4, std=1.0)
    gqa(g, "plain", q, k, v)
    gqa(g, "rotary", q, k, v, rotary=True, local_window_size=4)
    gqa(g, "biased", q, k, v, extra=("", bias), softcap=3.0)
    gqa(g, "sink", q, k, v, rotary=True, extra=("", "", sink), rotary_interleaved=1)


@model(*CHUNK, opset=18)
def ms_gqa_chunk(g):
    """Several tokens behind a cache."""
    q, k, v = gqa_inputs(g)
    places = g.input("places", INT64, ["batch", "seq"], lambda rng, shape, sizes: rng.integers(0, 50, shape))
    bias = g.input("bias", FLOAT, [1, 1, "seq", "total"], normal())
    gqa(g, "plain", q, k, v, rotary=True)
    gqa(g, "window", q, k, v, local_window_size=2)
    gqa(g, "placed", q, k, v, rotary=True, extra=(places, bias))
    gqa(g, "both_ways", q, k, v, causal=0)


@model(*CHUNK, opset=18)
def ms_gqa_scores(g):
    """The products of queries and keys as a result, before and after softmax."""
    q, k, v = gqa_inputs(g)
    total = g.op("Cast", g.size(g.attention_mask, 1), to=INT32)
    for name, kind in (("before", 1), ("after", 2)):
        outs = [g.output(name, ["batch", "seq", 64]), name + "_key", name + "_value",
                g.output(name + "_scores", ["batch", 4, "seq", "total"])]
        ms(g, "GroupQueryAttention", q, k, v, *g.past, g.ragged, total, num_heads=4, kv_num_heads=2, qk_output=kind,
           out=outs)


@model(*ROOM, opset=18)
def ms_gqa_room(g):
    q, k, v = gqa_inputs(g)
    gqa(g, "plain", q, k, v, rotary=True, cache="past")


@model(*STEP, PROMPT[0], opset=18)
def ms_gqa_late(g):
    """The longest length is an input: the size of the cache that comes out is known during the run only."""
    q, k, v = gqa_inputs(g)
    total = g.input("total_length", INT32, [1], lambda rng, shape, sizes: np.array([sizes["total"]], np.int32))
    ms(g, "GroupQueryAttention", q, k, v, *g.past, g.ragged, total, num_heads=4, kv_num_heads=2,
       out=[g.output("y", ["batch", "seq", 64]), g.output("key", ["batch", 2, None, 16]),
            g.output("value", ["batch", 2, None, 16])])


@model(*PROMPT, opset=18)
def ms_gqa_prompt(g):
    """The first run of a graph that takes a cache: it is empty."""
    q, k, v = gqa_inputs(g)
    gqa(g, "plain", q, k, v, rotary=True)


# ---- forms that ONNX Runtime has no kernel for on processors: it runs others that mean the same ----

def equivalent(maker):
    """A reference: what ONNX Runtime computes of the graph that `maker` fills, from the same inputs."""
    def compute(feeds):
        import onnxruntime
        g = Graph(opset=17)
        maker(g)
        session = onnxruntime.InferenceSession(g.model("reference").SerializeToString(),
                                               providers=["CPUExecutionProvider"])
        return session.run(None, {i.name: feeds[i.name] for i in session.get_inputs()})
    return compute


def decoder_inputs(g):
    q, k, v = (g.input(n, FLOAT, ["batch", 1, 16], normal()) for n in "qkv")
    pk, pv = (g.input(n, FLOAT, ["batch", 2, "past", 8], normal()) for n in ("pk", "pv"))
    mask = g.input("mask", INT32, ["batch", "past + 1"], mask_of(padding_mask))
    outs = [g.output("y", ["batch", 1, 16]), g.output("key", ["batch", 2, "past + 1", 8]),
            g.output("value", ["batch", 2, "past + 1", 8])]
    return q, k, v, g.input("bias", FLOAT, [48], normal()), mask, pk, pv, outs


def as_multi_head(g):
    q, k, v, bias, mask, pk, pv, outs = decoder_inputs(g)
    ms(g, "MultiHeadAttention", q, k, v, bias, mask, "", pk, pv, num_heads=2, out=outs)


@model({"batch": 2, "past": 5}, {"batch": 1, "past": 9}, reference=equivalent(as_multi_head))
def ms_decoder_mha(g):
    q, k, v, bias, mask, pk, pv, outs = decoder_inputs(g)
    ms(g, "DecoderMaskedMultiHeadAttention", q, k, v, mask, "", pk, pv, "", "", "", bias, num_heads=2, out=outs)


def square_inputs(g):
    return (g.input("x", FLOAT, ["batch", "seq", 10], normal()), g.input("w", FLOAT, [10, 48], normal(0.3)),
            g.input("past_kv", FLOAT, [2, "batch", 2, "past", 8], normal()),
            g.input("square", INT32, ["batch", 1, 16, 16], triangle), g.output("y", ["batch", "seq", 16]))


def as_pairs(g):
    x, w, past, mask, y = square_inputs(g)
    # The rows of the last queries, and the columns of all keys.
    keys, first = g.size(past, 3), g.size(x, 1)
    total = g.op("Add", keys, first)
    rows = g.op("Slice", mask, g.unsqueeze(keys, 0), g.unsqueeze(total, 0), g.ints(2))
    rows = g.squeeze(g.op("Slice", rows, g.ints(0), g.unsqueeze(total, 0), g.ints(3)), 1)
    ms(g, "Attention", x, w, "", rows, past, num_heads=2, out=[y, "present"])


@model(*PAST, reference=equivalent(as_pairs))
def ms_attention_square_mask(g):
    x, w, past, mask, y = square_inputs(g)
    ms(g, "Attention", x, w, "", mask, past, num_heads=2, out=[y, "present"])


# ---- float16 ----

def half(kind):
    return lambda rng, shape, sizes: kind(rng, shape, sizes).astype(np.float16)


@model(*TEXT, opset=18, tolerance=4e-3)
def ms_half(g):
    def cast(name):
        return g.op("Cast", name, to=FLOAT16)
    q = g.input("q", FLOAT16, ["batch", "seq", 64], half(normal()))
    k, v = (g.input(n, FLOAT16, ["batch", "seq", 32], half(normal())) for n in "kv")
    lengths = g.input("lengths", INT32, ["batch"], lambda rng, shape, sizes: np.full(shape, sizes["seq"] - 1, np.int32))
    places = g.input("places", INT64, ["batch", "seq"], lambda rng, shape, sizes: rng.integers(0, 32, shape))
    total = g.op("Cast", g.size(q, 1), to=INT32)
    cos, sin = (cast(c) for c in angles(g, 64, 8))
    ms(g, "GroupQueryAttention", q, k, v, "", "", lengths, total, cos, sin, num_heads=4, kv_num_heads=2, do_rotary=1,
       out=[g.output("gqa", ["batch", "seq", 64], FLOAT16), g.output("key", ["batch", 2, "seq", 16], FLOAT16),
            g.output("value", ["batch", 2, "seq", 16], FLOAT16)])
    ms(g, "MultiHeadAttention", q, q, q, num_heads=4, unidirectional=1,
       out=g.output("mha", ["batch", "seq", 64], FLOAT16))
    gamma = cast(g.weight(64, std=0.1, mean=1.0))
    ms(g, "SkipLayerNormalization", q, q, gamma, cast(g.bias(64)), out=g.output("skip", ["batch", "seq", 64], FLOAT16))
    ms(g, "SkipSimplifiedLayerNormalization", q, q, gamma, out=g.output("rms", ["batch", "seq", 64], FLOAT16))
    ms(g, "RotaryEmbedding", q, places, cos, sin, out=g.output("rotated", ["batch", "seq", 64], FLOAT16))
    codes = g.const(g.rng.integers(0, 256, (24, 2, 16)).astype(np.uint8))
    scale = g.const(g.rng.uniform(0.01, 0.05, (24, 2)).astype(np.float16))
    ms(g, "MatMulNBits", q, codes, scale, K=64, N=24, bits=4, block_size=32,
       out=g.output("product", ["batch", "seq", 24], FLOAT16))


# ---- RotaryEmbedding ----

@model(*TEXT)
def ms_rotary(g):
    x = g.input("x", FLOAT, ["batch", "seq", 24], normal())
    x4 = g.input("x4", FLOAT, ["batch", 3, "seq", 8], normal())
    ids = g.input("ids", INT64, ["batch", "seq"], lambda rng, shape, sizes: rng.integers(0, 32, shape))
    first = g.input("first", INT64, [1], lambda rng, shape, sizes: np.array([5], np.int64))
    cos, sin = angles(g, 48, 4)
    half_cos, half_sin = angles(g, 48, 2)
    ms(g, "RotaryEmbedding", x, ids, cos, sin, out=g.output("plain", ["batch", "seq", 24]))
    ms(g, "RotaryEmbedding", x, first, cos, sin, interleaved=1, out=g.output("interleaved", ["batch", "seq", 24]))
    ms(g, "RotaryEmbedding", x4, ids, cos, sin, out=g.output("heads", ["batch", 3, "seq", 8]))
    ms(g, "RotaryEmbedding", x, ids, half_cos, half_sin, num_heads=3, rotary_embedding_dim=4,
       out=g.output("partial", ["batch", "seq", 24]))
