"""Transformers: BERT, MiniLM, GPT-2, ViT and Llama-style decoders, in the pieces that exporters write.

Small (two layers) but with every idiom of the real graphs: shapes computed by Shape/Gather/Concat, erf and tanh GELU in
pieces, LayerNorm as an op and decomposed, RMSNorm, rotary embeddings by Slice and by Split, causal masks made in five
ways, grouped-query attention by Expand, KV caches as inputs and outputs.
"""
import math

import numpy as np

from graph import BOOL, FLOAT, INT64, ids, left_padding_mask, normal, padding_mask, positions
from makers import model

LOWEST = float(np.finfo(np.float32).min)
TEXT = [{"batch": 2, "seq": 16}, {"batch": 3, "seq": 11}]
STEP = [{"batch": 2, "past": 9, "seq": 1}, {"batch": 1, "past": 12, "seq": 3}]


# ---- idioms ----

def linear(g, x, n_in, n_out, bias=True, std=None):
    y = g.op("MatMul", x, g.weight(n_in, n_out, std=std))
    return g.op("Add", g.bias(n_out), y) if bias else y


def conv1d(g, x, n_in, n_out, batch="batch", seq="seq"):
    """GPT-2's linear: flattened to two dimensions, Gemm, and back."""
    flat = g.op("Gemm", g.op("Reshape", x, g.ints(-1, n_in)), g.weight(n_in, n_out), g.bias(n_out))
    return g.op("Reshape", flat, g.vector((x, 0, batch), (x, 1, seq), n_out))


def layer_norm(g, x, n, epsilon=1e-5, fused=True):
    scale, bias = g.weight(n, std=0.1, mean=1.0), g.bias(n)
    if fused and g.opset >= 17:
        return g.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=epsilon)
    centered = g.op("Sub", x, g.reduce("ReduceMean", x, -1))
    variance = g.reduce("ReduceMean", g.op("Pow", centered, g.scalar(2.0)), -1)
    normed = g.op("Div", centered, g.op("Sqrt", g.op("Add", variance, g.scalar(epsilon))))
    return g.op("Add", g.op("Mul", normed, scale), bias)


def rms_norm(g, x, n, epsilon=1e-6, reciprocal=True):
    mean = g.reduce("ReduceMean", g.op("Pow", x, g.scalar(2.0)), -1)
    root = g.op("Sqrt", g.op("Add", mean, g.scalar(epsilon)))
    if reciprocal:
        normed = g.op("Mul", x, g.op("Reciprocal", root))
    else:
        normed = g.op("Mul", x, g.op("Div", g.scalar(1.0), root))
    return g.op("Mul", g.weight(n, std=0.1, mean=1.0), normed)


def gelu_erf(g, x):
    y = g.op("Add", g.op("Erf", g.op("Div", x, g.scalar(math.sqrt(2)))), g.scalar(1.0))
    return g.op("Mul", g.op("Mul", x, y), g.scalar(0.5))


def gelu_tanh(g, x):
    inner = g.op("Add", x, g.op("Mul", g.scalar(0.044715), g.op("Pow", x, g.scalar(3.0))))
    tanh = g.op("Tanh", g.op("Mul", g.scalar(math.sqrt(2 / math.pi)), inner))
    return g.op("Mul", g.op("Mul", g.scalar(0.5), x), g.op("Add", g.scalar(1.0), tanh))


def heads_of(g, x, heads, depth, batch="batch", seq="seq", perm=(0, 2, 1, 3)):
    split = g.op("Reshape", x, g.vector((x, 0, batch), (x, 1, seq), heads, depth))
    return g.op("Transpose", split, perm=list(perm))


def merged(g, x, hidden, batch="batch", seq="seq"):
    """[batch, heads, seq, depth] -> [batch, seq, hidden]."""
    x = g.op("Transpose", x, perm=[0, 2, 1, 3])
    return g.op("Reshape", x, g.vector((x, 0, batch), (x, 1, seq), hidden))


# ---- BERT ----

def encoder_layer(g, x, bias, hidden, heads, fused=True, ffn=None):
    depth = hidden // heads
    q = heads_of(g, linear(g, x, hidden, hidden), heads, depth)
    k = heads_of(g, linear(g, x, hidden, hidden), heads, depth)
    v = heads_of(g, linear(g, x, hidden, hidden), heads, depth)
    scores = g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2]))
    scores = g.op("Add", g.op("Div", scores, g.scalar(math.sqrt(depth))), bias)
    y = merged(g, g.op("MatMul", g.op("Softmax", scores, axis=-1), v), hidden)
    x = layer_norm(g, g.op("Add", linear(g, y, hidden, hidden), x), hidden, 1e-12, fused)
    ffn = ffn or 2 * hidden
    y = linear(g, gelu_erf(g, linear(g, x, hidden, ffn)), ffn, hidden)
    return layer_norm(g, g.op("Add", y, x), hidden, 1e-12, fused)


def text_inputs(g, vocabulary, kinds=True):
    return (g.input("input_ids", INT64, ["batch", "seq"], ids(vocabulary)),
            g.input("attention_mask", INT64, ["batch", "seq"], padding_mask),
            g.input("token_type_ids", INT64, ["batch", "seq"], ids(2)) if kinds else None)


def bert_embeddings(g, tokens, kinds, hidden, vocabulary=101, fused=True, places=64):
    """Positions are a slice of a stored arange, as the exported buffer position_ids is."""
    stored = g.const(np.arange(places, dtype=np.int64)[None], "position_ids")
    place = g.slice(stored, 0, g.vector((tokens, 1, "seq")), 1)
    x = g.op("Add", g.op("Gather", g.weight(vocabulary, hidden, std=1.0), tokens, axis=0),
             g.op("Gather", g.weight(2, hidden, std=1.0), kinds, axis=0))
    x = g.op("Add", x, g.op("Gather", g.weight(places, hidden, std=1.0), place, axis=0))
    return layer_norm(g, x, hidden, 1e-12, fused)


def additive_mask(g, mask):
    wide = g.op("Cast", g.unsqueeze(g.unsqueeze(mask, 1), 2), to=FLOAT)
    return g.op("Mul", g.op("Sub", g.scalar(1.0), wide), g.scalar(LOWEST))


@model(*TEXT, opset=11)
def bert(g, hidden=64, heads=4, layers=2):
    """As the TorchScript exporter writes it: LayerNorm decomposed, axes as attributes."""
    tokens, mask, kinds = text_inputs(g, 101)
    x = bert_embeddings(g, tokens, kinds, hidden, fused=False)
    bias = additive_mask(g, mask)
    for layer in range(layers):
        g.scope = f"/encoder/layer.{layer}"
        x = encoder_layer(g, x, bias, hidden, heads, fused=False)
    g.scope = ""
    g.output(g.op("Identity", x, out="last_hidden_state"), ["batch", "seq", hidden])
    first = g.op("Gather", x, g.scalar(0, np.int64), axis=1)
    pooled = g.op("Gemm", first, g.weight(hidden, hidden), g.bias(hidden), transB=1)
    g.output(g.op("Tanh", pooled, out="pooler_output"), ["batch", hidden])


@model(*TEXT, opset=17)
def minilm(g, hidden=96, heads=12, layers=2):
    """Sentence embedding: BERT, mean over the real tokens, length one."""
    tokens, mask, kinds = text_inputs(g, 101)
    x = bert_embeddings(g, tokens, kinds, hidden)
    bias = additive_mask(g, mask)
    for layer in range(layers):
        g.scope = f"/encoder/layer.{layer}"
        x = encoder_layer(g, x, bias, hidden, heads)
    g.scope = "/pooling"
    like = g.op("Expand", g.unsqueeze(mask, -1), g.op("Shape", x))
    wide = g.op("Cast", like, to=FLOAT)
    total = g.reduce("ReduceSum", g.op("Mul", x, wide), 1, keepdims=0)
    count = g.op("Clip", g.reduce("ReduceSum", wide, 1, keepdims=0), g.scalar(1e-9))
    mean = g.op("Div", total, count)
    norm = g.reduce("ReduceL2", mean, 1)
    norm = g.op("Expand", g.op("Clip", norm, g.scalar(1e-12)), g.op("Shape", mean))
    g.output(g.op("Div", mean, norm, out="sentence_embedding"), ["batch", hidden])


@model(*TEXT, opset=18)
def bert_sdpa(g, hidden=64, heads=4, layers=2):
    """As scaled_dot_product_attention is exported: q and k scaled by the root of the scale, boolean mask by Where."""
    tokens, mask, kinds = text_inputs(g, 101)
    x = bert_embeddings(g, tokens, kinds, hidden)
    shape = g.vector((tokens, 0, "batch"), 1, (tokens, 1, "seq"), (tokens, 1, "seq"))
    keep = g.op("Cast", g.op("Expand", g.unsqueeze(mask, 1, 2), shape), to=BOOL)
    bias = g.op("Where", keep, g.scalar(0.0), g.scalar(float("-inf")))
    depth = hidden // heads
    for layer in range(layers):
        g.scope = f"/encoder/layer.{layer}"
        q = heads_of(g, linear(g, x, hidden, hidden), heads, depth)
        k = heads_of(g, linear(g, x, hidden, hidden), heads, depth, perm=(0, 2, 3, 1))
        v = heads_of(g, linear(g, x, hidden, hidden), heads, depth)
        root = g.op("Sqrt", g.op("Div", g.scalar(1.0), g.op("Sqrt", g.scalar(float(depth)))))
        scores = g.op("MatMul", g.op("Mul", q, root), g.op("Mul", k, root))
        share = g.op("Softmax", g.op("Add", scores, bias), axis=-1)
        clean = g.op("Where", g.op("IsNaN", share), g.scalar(0.0), share)
        y = linear(g, merged(g, g.op("MatMul", clean, v), hidden), hidden, hidden)
        x = layer_norm(g, g.op("Add", y, x), hidden, 1e-12)
        y = gelu_erf(g, linear(g, x, hidden, 2 * hidden))
        x = layer_norm(g, g.op("Add", linear(g, y, 2 * hidden, hidden), x), hidden, 1e-12)
    g.scope = ""
    logits = linear(g, x, hidden, 3)
    starts, ends, _ = g.split(logits, [1, 1, 1], -1)
    g.output(g.op("Squeeze", starts, g.ints(-1), out="start_logits"), ["batch", "seq"])
    g.output(g.op("Squeeze", ends, g.ints(-1), out="end_logits"), ["batch", "seq"])


@model(*TEXT, opset=9)
def bert_opset9(g, hidden=48, heads=3, layers=1):
    """The oldest form still met: attributes everywhere, Softmax with its axis given as 3."""
    tokens, mask, kinds = text_inputs(g, 61)
    x = g.op("Add", g.op("Gather", g.weight(61, hidden, std=1.0), tokens),
             g.op("Gather", g.weight(2, hidden, std=1.0), kinds))
    x = layer_norm(g, x, hidden, 1e-12, fused=False)
    bias = additive_mask(g, mask)
    depth = hidden // heads
    for _ in range(layers):
        q = heads_of(g, linear(g, x, hidden, hidden), heads, depth)
        k = heads_of(g, linear(g, x, hidden, hidden), heads, depth)
        v = heads_of(g, linear(g, x, hidden, hidden), heads, depth)
        scores = g.op("Div", g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2])), g.scalar(math.sqrt(depth)))
        share = g.op("Softmax", g.op("Add", scores, bias), axis=3)
        y = merged(g, g.op("MatMul", g.dropout(share), v), hidden)
        x = layer_norm(g, g.op("Add", linear(g, y, hidden, hidden), x), hidden, fused=False)
    g.output(g.op("Identity", x, out="last_hidden_state"), ["batch", "seq", hidden])


# ---- GPT-2 ----

def gpt2_block(g, x, allowed, hidden, heads, layer, past=None, fused=True):
    """One block; with `past` the key and value before this step are inputs and the grown ones outputs."""
    g.scope = f"/transformer/h.{layer}"
    depth = hidden // heads
    parts = g.split(conv1d(g, layer_norm(g, x, hidden, fused=fused), hidden, 3 * hidden), [hidden] * 3, 2)
    q, k, v = (heads_of(g, part, heads, depth) for part in parts)
    if past:
        k = g.op("Concat", past[0], k, axis=2, out=f"present.{layer}.key")
        v = g.op("Concat", past[1], v, axis=2, out=f"present.{layer}.value")
    scores = g.op("Div", g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2])), g.scalar(math.sqrt(depth)))
    scores = allowed(scores)
    y = merged(g, g.op("MatMul", g.op("Softmax", scores, axis=-1), v), hidden)
    x = g.op("Add", conv1d(g, y, hidden, hidden), x)
    y = conv1d(g, layer_norm(g, x, hidden, fused=fused), hidden, 4 * hidden)
    return g.op("Add", x, conv1d(g, gelu_tanh(g, y), 4 * hidden, hidden))


@model(*TEXT, opset=13)
def gpt2(g, hidden=64, heads=4, layers=2, vocabulary=97, places=32):
    """The prompt: causal mask sliced from a stored triangle, embeddings shared with the head."""
    tokens = g.input("input_ids", INT64, ["batch", "seq"], ids(vocabulary))
    table = g.weight(vocabulary, hidden, std=hidden ** -0.5, hint="wte")
    end = g.size(tokens, 1)
    place = g.unsqueeze(g.op("Range", g.scalar(0, np.int64), end, g.scalar(1, np.int64)), 0)
    x = g.op("Add", g.op("Gather", table, tokens), g.op("Gather", g.weight(places, hidden, std=0.1), place))
    triangle = g.const(np.tril(np.ones((1, 1, places, places), bool)), "bias")

    def allowed(scores):
        rows, columns = g.unsqueeze(g.size(scores, 2), 0), g.unsqueeze(g.size(scores, 3), 0)
        part = g.slice(g.slice(triangle, 0, rows, 2), 0, columns, 3)
        return g.op("Where", part, scores, g.scalar(LOWEST))

    for layer in range(layers):
        x = gpt2_block(g, x, allowed, hidden, heads, layer, fused=False)
    g.scope = ""
    x = layer_norm(g, x, hidden, fused=False)
    g.output(g.op("MatMul", x, g.op("Transpose", table, perm=[1, 0]), out="logits"), ["batch", "seq", vocabulary])


@model({"batch": 2, "past": 9, "seq": 1}, {"batch": 1, "past": 5, "seq": 4}, opset=17)
def gpt2_step(g, hidden=64, heads=4, layers=2, vocabulary=97, places=32):
    """A step with the KV cache as inputs and outputs, padding on the left, positions from the mask by CumSum."""
    tokens = g.input("input_ids", INT64, ["batch", "seq"], ids(vocabulary))
    mask = g.input("attention_mask", INT64, ["batch", "past + seq"], left_padding_mask)
    past = [[g.input(f"past_key_values.{layer}.{what}", FLOAT, ["batch", heads, "past", hidden // heads], normal())
             for what in ("key", "value")] for layer in range(layers)]
    summed = g.op("Sub", g.op("CumSum", mask, g.scalar(1, np.int64)), g.scalar(1, np.int64))
    place = g.op("Where", g.op("Equal", mask, g.scalar(0, np.int64)), g.scalar(1, np.int64), summed)
    place = g.slice(place, g.unsqueeze(g.size(past[0][0], 2), 0), 2 ** 63 - 1, 1)
    table = g.weight(vocabulary, hidden, std=hidden ** -0.5, hint="wte")
    x = g.op("Add", g.op("Gather", table, tokens), g.op("Gather", g.weight(places, hidden, std=0.1), place))
    bias = additive_mask(g, mask)
    triangle = g.const(np.tril(np.ones((1, 1, places, places), bool)), "bias")

    def allowed(scores):
        columns, rows = g.size(scores, 3), g.size(scores, 2)
        part = g.slice(triangle, g.unsqueeze(g.op("Sub", columns, rows), 0), g.unsqueeze(columns, 0), 2)
        part = g.slice(part, 0, g.unsqueeze(columns, 0), 3)
        return g.op("Add", g.op("Where", part, scores, g.scalar(LOWEST)), bias)

    for layer in range(layers):
        x = gpt2_block(g, x, allowed, hidden, heads, layer, past[layer])
    g.scope = ""
    x = layer_norm(g, x, hidden)
    g.output(g.op("MatMul", x, g.op("Transpose", table, perm=[1, 0]), out="logits"), ["batch", "seq", vocabulary])
    for layer in range(layers):
        for what in ("key", "value"):
            g.output(f"present.{layer}.{what}", ["batch", heads, "past + seq", hidden // heads])


# ---- ViT ----

@model({"batch": 2}, {"batch": 3}, opset=17)
def vit(g, hidden=64, heads=4, layers=2, patch=8, image=32):
    pixels = g.input("pixel_values", FLOAT, ["batch", 3, image, image], normal())
    count = (image // patch) ** 2
    kernel = g.weight(hidden, 3, patch, patch, std=(3 * patch * patch) ** -0.5)
    x = g.op("Conv", pixels, kernel, g.bias(hidden), kernel_shape=[patch] * 2, strides=[patch] * 2)
    x = g.op("Reshape", x, g.vector((x, 0, "batch"), hidden, -1))
    x = g.op("Transpose", x, perm=[0, 2, 1])
    token = g.op("Expand", g.weight(1, 1, hidden, std=1.0), g.vector((pixels, 0, "batch"), 1, hidden))
    x = g.op("Add", g.op("Concat", token, x, axis=1), g.weight(1, count + 1, hidden, std=0.5))
    depth = hidden // heads
    for layer in range(layers):
        g.scope = f"/vit/layer.{layer}"
        y = layer_norm(g, x, hidden, 1e-12)
        q, k, v = (heads_of(g, linear(g, y, hidden, hidden), heads, depth, seq=str(count + 1)) for _ in range(3))
        scores = g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2]))
        share = g.op("Softmax", g.op("Div", scores, g.scalar(math.sqrt(depth))), axis=-1)
        y = merged(g, g.op("MatMul", share, v), hidden, seq=str(count + 1))
        x = g.op("Add", linear(g, y, hidden, hidden), x)
        y = gelu_erf(g, linear(g, layer_norm(g, x, hidden, 1e-12), hidden, 4 * hidden))
        x = g.op("Add", linear(g, y, 4 * hidden, hidden), x)
    g.scope = ""
    first = g.op("Gather", layer_norm(g, x, hidden, 1e-12), g.scalar(0, np.int64), axis=1)
    g.output(g.op("Gemm", first, g.weight(10, hidden, std=hidden ** -0.5), g.bias(10), transB=1, out="logits"),
             ["batch", 10])


# ---- Llama ----

def rotate_half(g, x, depth, split):
    if split:
        low, high = g.split(x, [depth // 2, depth // 2], 3)
    else:
        low, high = g.slice(x, 0, depth // 2, 3), g.slice(x, depth // 2, 2 ** 63 - 1, 3)
    return g.op("Concat", g.op("Neg", high), low, axis=3)


def rotary(g, x, cos, sin, depth, split):
    return g.op("Add", g.op("Mul", x, cos), g.op("Mul", rotate_half(g, x, depth, split), sin))


def rotary_tables(g, place, depth):
    """cos and sin as the model computes them: frequencies times positions by MatMul, doubled by Concat."""
    frequencies = g.const((1e4 ** (-np.arange(0, depth, 2) / depth)).astype(np.float32)[None, :, None])
    angles = g.op("MatMul", frequencies, g.op("Cast", g.unsqueeze(place, 1), to=FLOAT))
    angles = g.op("Transpose", angles, perm=[0, 2, 1])
    both = g.op("Concat", angles, angles, axis=-1)
    return g.unsqueeze(g.op("Cos", both), 1), g.unsqueeze(g.op("Sin", both), 1)


def spread(g, x, kv, repeat, depth, total):
    """[batch, kv, total, depth] -> [batch, kv * repeat, total, depth] by Unsqueeze, Expand, Reshape."""
    wide = g.op("Expand", g.unsqueeze(x, 2), g.vector((x, 0, "batch"), kv, repeat, (x, 2, total), depth))
    return g.op("Reshape", wide, g.vector((x, 0, "batch"), kv * repeat, (x, 2, total), depth))


def llama(g, split, mask_style, reciprocal, hidden=64, heads=4, kv=2, ffn=96, layers=2, vocabulary=89, cache=True):
    depth, total = hidden // heads, "past + seq" if cache else "seq"
    tokens = g.input("input_ids", INT64, ["batch", "seq"], ids(vocabulary))
    mask = g.input("attention_mask", INT64, ["batch", total], left_padding_mask)
    place = g.input("position_ids", INT64, ["batch", "seq"], positions)
    past = [[g.input(f"past_key_values.{layer}.{what}", FLOAT, ["batch", kv, "past", depth], normal())
             for what in ("key", "value")] for layer in range(layers)] if cache else None
    cos, sin = rotary_tables(g, place, depth)
    length, rows = g.size(mask, 1), g.size(tokens, 1)
    if mask_style == "trilu":
        full = g.op("ConstantOfShape", g.op("Concat", g.unsqueeze(rows, 0), g.unsqueeze(length, 0), axis=0),
                    value=_tensor(LOWEST))
        offset = g.op("Add", g.op("Sub", length, rows), g.scalar(1, np.int64))
        causal = g.unsqueeze(g.op("Trilu", full, offset, upper=1), 0, 1)
    else:
        columns = g.op("Range", g.scalar(0, np.int64), length, g.scalar(1, np.int64))
        first = g.op("Sub", length, rows)
        lines = g.op("Reshape", g.op("Range", first, length, g.scalar(1, np.int64)), g.ints(-1, 1))
        causal = g.unsqueeze(g.op("Where", g.op("Greater", columns, lines), g.scalar(LOWEST), g.scalar(0.0)), 0, 1)
    padded = g.op("Equal", g.unsqueeze(mask, 1, 2), g.scalar(0, np.int64))
    bias = g.op("Where", padded, g.scalar(LOWEST), causal)
    x = g.op("Gather", g.weight(vocabulary, hidden, std=1.0), tokens)
    present = []
    for layer in range(layers):
        g.scope = f"/model/layers.{layer}"
        y = rms_norm(g, x, hidden, reciprocal=reciprocal)
        q = rotary(g, heads_of(g, linear(g, y, hidden, hidden, False), heads, depth), cos, sin, depth, split)
        k = rotary(g, heads_of(g, linear(g, y, hidden, kv * depth, False), kv, depth), cos, sin, depth, split)
        v = heads_of(g, linear(g, y, hidden, kv * depth, False), kv, depth)
        if cache:
            k = g.op("Concat", past[layer][0], k, axis=2, out=f"present.{layer}.key")
            v = g.op("Concat", past[layer][1], v, axis=2, out=f"present.{layer}.value")
            present += [k, v]
        keys, values = (spread(g, t, kv, heads // kv, depth, total) for t in (k, v))
        scores = g.op("Mul", g.op("MatMul", q, g.op("Transpose", keys, perm=[0, 1, 3, 2])), g.scalar(depth ** -0.5))
        share = g.op("Softmax", g.op("Add", scores, bias), axis=-1)
        y = merged(g, g.op("MatMul", share, values), hidden)
        x = g.op("Add", x, linear(g, y, hidden, hidden, False))
        y = rms_norm(g, x, hidden, reciprocal=reciprocal)
        gate = linear(g, y, hidden, ffn, False)
        y = g.op("Mul", g.op("Mul", gate, g.op("Sigmoid", gate)), linear(g, y, hidden, ffn, False))
        x = g.op("Add", x, linear(g, y, ffn, hidden, False))
    g.scope = ""
    x = rms_norm(g, x, hidden, reciprocal=reciprocal)
    g.output(g.op("MatMul", x, g.weight(hidden, vocabulary), out="logits"), ["batch", "seq", vocabulary])
    for name in present:
        g.output(name, ["batch", kv, total, depth])


def _tensor(value):
    from onnx import numpy_helper
    return numpy_helper.from_array(np.array([value], np.float32))


@model(*STEP, opset=14)
def llama_step(g):
    """KV cache, rotary by Slice, mask by ConstantOfShape and Trilu."""
    llama(g, split=False, mask_style="trilu", reciprocal=False)


@model(*STEP, opset=18)
def llama_step_opset18(g):
    """KV cache, rotary by Split, mask by Range and Greater, reductions with axes as inputs."""
    llama(g, split=True, mask_style="range", reciprocal=True)


@model(*TEXT, opset=17)
def llama_prompt(g):
    llama(g, split=False, mask_style="range", reciprocal=True, cache=False)
