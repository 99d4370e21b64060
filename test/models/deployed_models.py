"""Models as users deploy them: after ONNX Runtime's graph optimizer, its transformer optimizer and its quantizers, and as
the builders of language models for it write them.

The tools are run here, on models made here; what they write is imported, and compared with ONNX Runtime running the
same file (not the float model it was made of).  The transformer optimizer alone needs a package that the tests do without
(sympy): what it wrote is in deployed/, by `python deployed_models.py`.
"""
import contextlib
import logging
import os
import shutil
import tempfile

import numpy as np

from graph import FLOAT, INT32, INT64, Graph, ids, make_feeds, normal, padding_mask, save
from makers import REGISTRY, Case, model
from attention_models import TEXT, bert, encoder_layer, minilm
from microsoft_models import CHUNK, PROMPT, STEP, angles, ms


# ---- a decoder with weights in 4 bits, as builders for ONNX Runtime write it ----

def linear4(g, x, k, n, bits=4, block=32):
    codes = g.const(g.rng.integers(0, 256, (n, k // block, block * bits // 8)).astype(np.uint8), "weight_Q4")
    scale = g.const(g.rng.uniform(0.5, 1.5, (n, k // block)).astype(np.float32) / (4.6 * k ** 0.5), "scales")
    zeros = g.const(g.rng.integers(0x77, 0x89, (n, -(-k // block * bits // 8))).astype(np.uint8), "zero_points")
    return ms(g, "MatMulNBits", x, codes, scale, zeros, K=k, N=n, bits=bits, block_size=block)


def decoder(g, layers=2, hidden=64, heads=4, groups=2, depth=16, inner=96, words=97, packed=False):
    tokens = g.input("input_ids", INT64, ["batch", "seq"], ids(words))
    mask = g.input("attention_mask", INT64, ["batch", "total"], lambda rng, shape, sizes: np.ones(shape, np.int64))
    caches = [[g.input(f"past_key_values.{i}.{kind}", FLOAT, ["batch", groups, "past", depth], normal())
               for kind in ("key", "value")] for i in range(layers)]
    g.scope = "/model/attn_mask_reformat"
    counted = g.reduce("ReduceSum", mask, 1, keepdims=0)
    lengths = g.op("Cast", g.op("Sub", counted, g.ints(1)), to=INT32)
    total = g.op("Cast", g.op("Gather", g.op("Shape", mask), g.scalar(1, np.int64), axis=0), to=INT32)
    cos, sin = angles(g, 64, depth // 2)
    g.scope = "/model/embed_tokens"
    x = g.op("Gather", g.weight(words, hidden, std=1.0), tokens, axis=0)
    norm = g.op("SimplifiedLayerNormalization", x, g.weight(hidden, std=0.1, mean=1.0), axis=-1, epsilon=1e-5, stash_type=1)
    for i in range(layers):
        g.scope = f"/model/layers.{i}"
        if packed:
            q, k, v = linear4(g, norm, hidden, (heads + 2 * groups) * depth), "", ""
        else:
            q, k, v = (linear4(g, norm, hidden, n * depth) for n in (heads, groups, groups))
        shape = ["batch", groups, "total", depth]
        names = [g.name("attn"), g.output(f"present.{i}.key", shape), g.output(f"present.{i}.value", shape)]
        ms(g, "GroupQueryAttention", q, k, v, *caches[i], lengths, total, cos, sin, num_heads=heads, kv_num_heads=groups,
           do_rotary=1, scale=depth ** -0.5, out=names)
        y = linear4(g, names[0], heads * depth, hidden)
        norm, _, _, x = ms(g, "SkipSimplifiedLayerNormalization", x, y, g.weight(hidden, std=0.1, mean=1.0), epsilon=1e-5, outs=4)
        gate, up = linear4(g, norm, hidden, inner), linear4(g, norm, hidden, inner)
        y = linear4(g, g.op("Mul", g.op("Mul", gate, g.op("Sigmoid", gate)), up), inner, hidden)
        outs = [g.name("norm"), "", "", g.name("sum")]
        ms(g, "SkipSimplifiedLayerNormalization", x, y, g.weight(hidden, std=0.1, mean=1.0), epsilon=1e-5,
           out=outs if i + 1 < layers else outs[:1])
        norm, x = outs[0], outs[3]
    g.scope = "/lm_head"
    g.op("Identity", linear4(g, norm, hidden, words, bits=8), out=g.output("logits", ["batch", "seq", words]))


@model(STEP[0], STEP[1], PROMPT[0], CHUNK[0], PROMPT[1], opset=18)
def decoder_int4(g):
    """One module for the prompt, a chunk behind a cache, and single tokens."""
    decoder(g)


@model(PROMPT[0], opset=18, modes=("static",))
def decoder_int4_prompt(g):
    decoder(g, packed=True)


# ---- what ONNX Runtime's tools write ----

@contextlib.contextmanager
def quiet():
    """The tools log, and print, what concerns nobody here."""
    logging.disable(logging.WARNING)
    try:
        with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
            yield
    finally:
        logging.disable(logging.NOTSET)


def optimize(source, target, sizes, inputs):
    """ONNX Runtime's graph optimizer, with all that does not depend on this machine."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = target
    options.log_severity_level = 3
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


class Samples:
    """Inputs to calibrate with."""

    def __init__(self, inputs, sizes):
        self.left = [make_feeds(inputs, sizes, seed) for seed in range(3)]

    def get_next(self):
        return self.left.pop() if self.left else None


def quantize(operators, dynamic=False, **more):
    def convert(source, target, sizes, inputs):
        from onnxruntime import quantization as q
        with quiet():
            ready = source + ".prepared.onnx"
            q.shape_inference.quant_pre_process(source, ready, skip_symbolic_shape=True)
            if dynamic:
                q.quantize_dynamic(ready, target, weight_type=q.QuantType.QInt8, **more)
            else:
                q.quantize_static(ready, target, Samples(inputs, sizes), quant_format=getattr(q.QuantFormat, operators), **more)
    return convert


def deployed(name, maker, bindings, opset, convert, tolerance=1e-4, **more):
    """NAME/static and NAME/symbolic: what `convert` makes of what `maker` makes."""
    def write(path, sizes):
        graph = Graph(sizes=sizes, seed=len(name), opset=opset)
        maker(graph)
        with tempfile.TemporaryDirectory() as folder:
            source = os.path.join(folder, "source.onnx")
            save(graph.model(name), source)
            convert(source, path, sizes or bindings[0], graph.feeds)
        return graph.feeds
    for mode, sizes in (("static", bindings[0]), ("symbolic", None)):
        REGISTRY.append(Case(f"{name}/{mode}", bindings[:1] if sizes else bindings,
                             lambda path, sizes=sizes: write(path, sizes), tolerance, **more))


def cnn(g):
    """Convolutions with a residual, depthwise ones, pooling of all kinds, a classifier."""
    def conv(x, n_in, n_out, size=3, stride=1, groups=1):
        w = g.weight(n_out, n_in // groups, size, size, std=(n_in // groups * size * size) ** -0.5)
        return g.op("Conv", x, w, g.bias(n_out), kernel_shape=[size, size], pads=[size // 2] * 4, strides=[stride] * 2,
                    group=groups)
    x = g.input("image", FLOAT, ["n", 3, "h", "w"], normal())
    x = g.op("Relu", conv(x, 3, 16))
    x = g.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    y = g.op("Relu", conv(x, 16, 16, groups=16))
    x = g.op("Add", x, conv(y, 16, 16, size=1))
    y = g.op("Sigmoid", conv(x, 16, 8))
    z = g.op("LeakyRelu", conv(x, 16, 8), alpha=0.1)
    x = g.op("Concat", y, z, axis=1)
    x = g.op("AveragePool", x, kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])
    x = g.op("Flatten", g.op("GlobalAveragePool", conv(x, 16, 24, stride=2)), axis=1)
    x = g.op("Gemm", x, g.weight(10, 24), g.bias(10), transB=1)
    g.op("Softmax", x, axis=1, out=g.output("scores", ["n", 10]))


def encoder(g, words=101, hidden=64, heads=4):
    """A small transformer over given vectors: no integers."""
    x = g.input("x", FLOAT, ["batch", "seq", hidden], normal())
    bias = g.input("bias", FLOAT, ["batch", 1, 1, "seq"], normal())
    for layer in range(2):
        g.scope = f"/layer.{layer}"
        x = encoder_layer(g, x, bias, hidden, heads)
    g.op("Identity", x, out=g.output("y", ["batch", "seq", hidden]))


IMAGES = [{"n": 2, "h": 16, "w": 24}, {"n": 1, "h": 20, "w": 16}]
deployed("bert_optimized", bert, TEXT, 11, optimize)
deployed("minilm_optimized", minilm, TEXT, 17, optimize)
deployed("cnn_optimized", cnn, IMAGES, 17, optimize)
# What is quantized while it runs differs where a value lies halfway: a step of one in 255.
deployed("cnn_dynamic", cnn, IMAGES, 17, quantize("", dynamic=True), tolerance=0.02)
deployed("cnn_qdq", cnn, IMAGES, 17, quantize("QDQ"), tolerance=0.03)
deployed("cnn_qdq_channels", cnn, IMAGES, 17, quantize("QDQ", per_channel=True), tolerance=0.03)
deployed("cnn_qoperator", cnn, IMAGES, 17, quantize("QOperator"), tolerance=0.03)
deployed("encoder_dynamic", encoder, TEXT, 17, quantize("", dynamic=True), tolerance=0.03)
deployed("encoder_qdq", encoder, TEXT, 17, quantize("QDQ"), tolerance=0.03)
deployed("encoder_qoperator", encoder, TEXT, 17, quantize("QOperator"), tolerance=0.03)
deployed("bert_dynamic", minilm, TEXT, 17, quantize("", dynamic=True), tolerance=0.03)


# ---- what the transformer optimizer wrote ----

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "deployed")


def small_bert(g):
    bert(g, hidden=32, layers=1)


def stored(name, maker, bindings, opset):
    def write(path, mode):
        graph = Graph(sizes=bindings[0] if mode == "static" else None, seed=len(name), opset=opset)
        maker(graph)
        shutil.copyfile(os.path.join(FOLDER, f"{name}.{mode}.onnx"), path)
        return graph.feeds
    for mode in ("static", "symbolic"):
        REGISTRY.append(Case(f"{name}/{mode}", bindings[:1] if mode == "static" else bindings,
                             lambda path, mode=mode: write(path, mode)))


def remake(name, maker, bindings, opset):
    from onnxruntime.transformers import optimizer
    for mode, sizes in (("static", bindings[0]), ("symbolic", None)):
        graph = Graph(sizes=sizes, seed=len(name), opset=opset)
        maker(graph)
        with tempfile.TemporaryDirectory() as folder, quiet():
            source = os.path.join(folder, "source.onnx")
            save(graph.model(name), source)
            made = optimizer.optimize_model(source, model_type="bert", num_heads=4, hidden_size=32, opt_level=0)
            made.save_model_to_file(os.path.join(FOLDER, f"{name}.{mode}.onnx"))


STORED = [("bert_fused", small_bert, TEXT, 11)]
for _stored in STORED:
    stored(*_stored)
if __name__ == "__main__":
    for _stored in STORED:
        remake(*_stored)
