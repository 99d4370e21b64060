"""The models that `make bench` measures, each made once: build/bench-models/NAME/{model.onnx, INPUT.npy, feeds.json}.

Weights are random by seed (MiniLM's are its own), sizes are fixed: batch 1, 128 tokens for the encoders.  A model's
folder is named with RECIPE, which changes whenever the models' making does.
"""
import json
import os
import shutil
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "test", "models"), os.path.join(ROOT, "scripts")]

import attention_models as attention  # noqa: E402
import light_models  # noqa: E402
from graph import FLOAT, Graph, make_feeds, normal, save  # noqa: E402

RECIPE = "r1"
CACHE = os.path.join(ROOT, "build", "bench-models")
SEQ = 128
GEMMS = {f"gemm_{m}x{n}x{k}": (m, n, k) for m, n, k in
         [(512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048), (128, 768, 768), (128, 3072, 768)]}


def light(name):
    def make(path):
        source = light_models.path_of(name)
        os.link(source, path)
        return make_feeds(light_models.inputs_of(source), {}, seed=1)
    return make


def bert_base(path, hidden=768, heads=12, layers=12, vocabulary=30522):
    """12 layers as PyTorch exports them, an eighth of the tokens masked out."""
    g = Graph(sizes={"batch": 1, "seq": SEQ}, seed=1, opset=17)
    tokens, mask, kinds = attention.text_inputs(g, vocabulary)
    x = attention.bert_embeddings(g, tokens, kinds, hidden, vocabulary, places=512)
    bias = attention.additive_mask(g, mask)
    for layer in range(layers):
        g.scope = f"/encoder/layer.{layer}"
        x = attention.encoder_layer(g, x, bias, hidden, heads, ffn=4 * hidden)
    g.scope = ""
    g.output(g.op("Identity", x, out="last_hidden_state"), ["batch", "seq", hidden])
    save(g.model("bert_base"), path)
    feeds = make_feeds(g.feeds, g.sizes, seed=1)
    feeds["attention_mask"][:, SEQ * 7 // 8:] = 0
    return feeds


def minilm(path):
    import export_minilm
    export_minilm.export(path, 1, SEQ)
    ids = np.random.default_rng(1).integers(1000, 30000, (1, SEQ))
    mask = np.ones((1, SEQ), np.int64)
    mask[:, SEQ * 7 // 8:] = 0
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros((1, SEQ), np.int64)}


def gemm(m, n, k):
    """[m, k] times constant weights [k, n]."""
    def make(path):
        g = Graph(sizes={}, seed=3)
        g.output(g.op("MatMul", g.input("a", FLOAT, [m, k], normal()), g.weight(k, n), out="y"), [m, n])
        save(g.model("gemm"), path)
        return make_feeds(g.feeds, {}, seed=1)
    return make


MAKERS = {**{name: light(name) for name in light_models.NAMES}, "bert_base": bert_base, "minilm": minilm,
          **{name: gemm(*sizes) for name, sizes in GEMMS.items()}}


def prepare(name):
    """Makes the model if need be.  -> (path of the .onnx, {input: path of its .npy})"""
    folder = os.path.join(CACHE, f"{name}.{RECIPE}")
    if not os.path.exists(folder):
        scratch = f"{folder}.{os.getpid()}.tmp"
        os.makedirs(scratch)
        feeds = MAKERS[name](os.path.join(scratch, "model.onnx"))
        for key, array in feeds.items():
            np.save(os.path.join(scratch, f"{key.replace('/', '_')}.npy"), array)
        with open(os.path.join(scratch, "feeds.json"), "w") as out:
            json.dump({key: f"{key.replace('/', '_')}.npy" for key in feeds}, out)
        os.rename(scratch, folder)
        for old in os.listdir(CACHE):
            if old.startswith(name + ".") and old != os.path.basename(folder):
                shutil.rmtree(os.path.join(CACHE, old), ignore_errors=True)
    with open(os.path.join(folder, "feeds.json")) as file:
        feeds = json.load(file)
    return os.path.join(folder, "model.onnx"), {key: os.path.join(folder, f) for key, f in feeds.items()}


def flops(path):
    """Multiply-adds of contractions, times two; 0 where shapes cannot be inferred."""
    import onnx
    inferred = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
              for v in [*inferred.value_info, *inferred.input, *inferred.output]}
    shapes.update({w.name: list(w.dims) for w in inferred.initializer})
    total = 0
    for node in inferred.node:
        if node.op_type in ("MatMul", "Gemm") and node.input[0] in shapes and node.output[0] in shapes:
            transposed = any(a.name == "transA" and a.i for a in node.attribute)
            total += 2 * np.prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if transposed else -1]
        elif node.op_type == "Conv" and node.output[0] in shapes:
            total += 2 * np.prod(shapes[node.output[0]]) * np.prod(shapes[node.input[1]][1:])
    return float(total)
