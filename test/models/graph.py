"""Builds ONNX graphs for the model tests and the benchmark.

Apart from the models themselves because a maker must not care whether its sizes are known: the same function makes a
model with static sizes (`Graph(sizes={"batch": 2, ...})`: shapes become constants) and with symbolic ones
(`Graph()`: sizes become dim_params, and shapes are computed by Shape/Gather/Unsqueeze/Concat as PyTorch's exporters
write them).  Weights and inputs are random by seed and scaled so that activations stay of order one: a saturated
softmax or a constant output would hide every error.
"""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, INT32, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL

# What the newest released runtimes read; older opsets are what the maker asks for.
IR_VERSION = 8


def size_of(dim, sizes):
    """A size: an int, or an expression over the symbols in `sizes` such as "past + seq"."""
    return dim if isinstance(dim, int) else int(eval(dim, {"__builtins__": {}}, dict(sizes)))


# ---- inputs: each kind returns a function (rng, shape, sizes) -> array ----

def normal(std=1.0, mean=0.0):
    return lambda rng, shape, sizes: (rng.standard_normal(shape) * std + mean).astype(np.float32)


def uniform(low, high):
    return lambda rng, shape, sizes: rng.uniform(low, high, shape).astype(np.float32)


def ids(vocabulary):
    return lambda rng, shape, sizes: rng.integers(0, vocabulary, shape).astype(np.int64)


def padding_mask(rng, shape, sizes):
    """Ones, with some zeros at the end of each second row: the mask must matter, and no row may be empty."""
    mask = np.ones(shape, np.int64)
    for row in range(1, shape[0], 2):
        mask[row, max(1, shape[1] * 3 // 4):] = 0
    return mask


def left_padding_mask(rng, shape, sizes):
    """As a decoder's batch is padded: zeros at the beginning of each second row."""
    return np.ascontiguousarray(padding_mask(rng, shape, sizes)[:, ::-1])


def zeros(dtype=np.int64):
    return lambda rng, shape, sizes: np.zeros(shape, dtype)


def ones(dtype=np.int64):
    return lambda rng, shape, sizes: np.ones(shape, dtype)


def positions(rng, shape, sizes):
    """0, 1, ... after what is already in the cache (the symbol "past", if there is one), the same in each row."""
    row = np.arange(shape[-1], dtype=np.int64) + sizes.get("past", 0)
    return np.ascontiguousarray(np.broadcast_to(row, shape))


def make_feeds(inputs, sizes, seed):
    """{name: array} for inputs = [(name, shape with symbols, kind)]."""
    feeds = {}
    for number, (name, shape, kind) in enumerate(inputs):
        rng = np.random.default_rng([seed, number])
        feeds[name] = kind(rng, tuple(size_of(d, sizes) for d in shape), sizes)
    return feeds


# ---- the builder ----

class Graph:
    """Collects nodes and weights.  Methods that add nodes return the name of the value they made."""

    def __init__(self, sizes=None, seed=0, opset=17):
        self.sizes, self.opset = sizes, opset
        self.rng = np.random.default_rng(seed)
        self.nodes, self.weights, self.inputs, self.outputs, self.feeds = [], [], [], [], []
        self.count, self.scope, self.known = 0, "", {}

    def name(self, hint):
        self.count += 1
        return f"{self.scope}/{hint}_{self.count}"

    def op(self, kind, *args, out=None, outs=1, domain="", **attrs):
        """Adds a node; `out` names its result or results (for graph outputs), `outs` > 1 returns that many names."""
        names = [self.name(kind) + "_output" for _ in range(outs)] if out is None else [out]
        if isinstance(out, list):
            names, outs = out, len(out)
        node = helper.make_node(kind, list(args), names, name=self.name(kind), domain=domain, **attrs)
        self.nodes.append(node)
        return names[0] if outs == 1 else names

    # Constants.

    def const(self, array, hint="const"):
        array = np.array(array)
        key = (array.dtype, array.shape, array.tobytes()) if array.size <= 16 else None
        if key in self.known:
            return self.known[key]
        name = self.name(hint)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        if key is not None:
            self.known[key] = name
        return name

    def ints(self, *values):
        return self.const(np.array(values, np.int64))

    def scalar(self, value, dtype=np.float32):
        return self.const(np.array(value, dtype))

    def weight(self, *shape, std=None, mean=0.0, hint="weight"):
        """Normal; by default std = 1/sqrt(fan in), with the first dimension (a MatMul's K) as fan in."""
        std = shape[0] ** -0.5 if std is None else std
        return self.const((self.rng.standard_normal(shape) * std + mean).astype(np.float32), hint)

    def bias(self, n):
        return self.weight(n, std=0.1, hint="bias")

    # Inputs and outputs.  Shapes: ints and symbol expressions.

    def dims(self, shape):
        return list(shape) if self.sizes is None else [d if d is None else size_of(d, self.sizes) for d in shape]

    def input(self, name, kind, shape, feed):
        self.inputs.append(helper.make_tensor_value_info(name, kind, self.dims(shape)))
        self.feeds.append((name, list(shape), feed))
        return name

    def output(self, name, shape, kind=FLOAT):
        self.outputs.append(helper.make_tensor_value_info(name, kind, None if shape is None else self.dims(shape)))
        return name

    # Sizes.

    def size(self, x, axis):
        """The size of x along axis as an int64 scalar, computed in the graph."""
        return self.op("Gather", self.op("Shape", x), self.scalar(axis, np.int64), axis=0)

    def vector(self, *parts):
        """A shape: ints, and (x, axis, symbol) where a size is taken from x.  With static sizes one constant."""
        if self.sizes is not None:
            return self.ints(*(p if isinstance(p, int) else size_of(p[2], self.sizes) for p in parts))
        return self.op("Concat", *(self.ints(p) if isinstance(p, int) else self.unsqueeze(self.size(p[0], p[1]), 0)
                                   for p in parts), axis=0)

    # Forms that changed between opsets.

    def unsqueeze(self, x, *axes):
        return self.axes_op("Unsqueeze", x, axes, 13)

    def squeeze(self, x, *axes, **more):
        return self.axes_op("Squeeze", x, axes, 13, **more)

    def reduce(self, kind, x, *axes, keepdims=1, **more):
        return self.axes_op(kind, x, axes, 13 if kind == "ReduceSum" else 18, keepdims=keepdims, **more)

    def axes_op(self, kind, x, axes, since, **more):
        """Axes as an attribute before opset `since`, as an input from it on."""
        if self.opset < since:
            return self.op(kind, x, axes=list(axes), **more)
        return self.op(kind, x, self.ints(*axes), **more)

    def split(self, x, parts, axis):
        if self.opset < 13:
            return self.op("Split", x, outs=len(parts), axis=axis, split=list(parts))
        return self.op("Split", x, self.ints(*parts), outs=len(parts), axis=axis)

    def slice(self, x, start, end, axis, step=1):
        """start and end: ints, or names of 1-element int64 vectors (from opset 10 on)."""
        if self.opset < 10:
            return self.op("Slice", x, starts=[start], ends=[end], axes=[axis])
        name = lambda v: self.ints(v) if isinstance(v, int) else v
        return self.op("Slice", x, name(start), name(end), self.ints(axis), self.ints(step))

    def clip(self, x, low, high):
        if self.opset < 11:
            return self.op("Clip", x, min=low, max=high)
        return self.op("Clip", x, self.scalar(low), self.scalar(high))

    def dropout(self, x, ratio=0.5):
        if self.opset < 12:
            return self.op("Dropout", x, ratio=ratio)
        return self.op("Dropout", x, self.scalar(ratio))

    def model(self, name):
        graph = helper.make_graph(self.nodes, name, self.inputs, self.outputs, self.weights)
        domains = sorted({node.domain for node in self.nodes} - {""})
        opsets = [helper.make_opsetid("", self.opset)] + [helper.make_opsetid(d, 3 if d == "ai.onnx.ml" else 1)
                                                            for d in domains]
        return helper.make_model(graph, opset_imports=opsets, producer_name="aicc-tests",
                                 ir_version=max(IR_VERSION if self.opset < 19 else 10, 10 if self.opset > 20 else 0))


def save(model, path):
    """Writes a checked model; weights beside it in one external file when protobuf's 2 GB are near."""
    if all(node.op_type != "SimplifiedLayerNormalization" for node in model.graph.node):  # ONNX Runtime's own
        onnx.checker.check_model(model)
    total = sum(len(w.raw_data) for w in model.graph.initializer)
    external = total > 1_000_000_000
    onnx.save_model(model, path, save_as_external_data=external, size_threshold=1024,
                    location=path.rsplit("/", 1)[-1].replace(".onnx", ".data") if external else None)
