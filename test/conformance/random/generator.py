"""Random valid ONNX models: Graph(seed).build(). What operators they are made of is in operators.py."""
import random
import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

import operators
import operators_more  # noqa: F401  (adds to operators.TABLE)
from values import MAX_ELEMENTS, SIZES, Value, distance, disturb, is_float, onnx_type, random_array, tolerance

warnings.simplefilter("ignore")
OPSETS = [13, 15, 17, 18, 19, 21]
LIMIT = 2e-3  # a tensor that is less certain is not used
_sessions = onnxruntime.SessionOptions()
_sessions.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
_sessions.intra_op_num_threads = 1
_sessions.log_severity_level = 4


class Rejected(Exception):
    """This operation does not fit here."""


def make_model(nodes, inputs, outputs, initializers, opset):
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    sets = [helper.make_opsetid("", opset)]
    if any(node.domain == "com.microsoft" for node in nodes):
        sets.append(helper.make_opsetid("com.microsoft", 1))
    return helper.make_model(graph, opset_imports=sets, ir_version=min(10, 7 + max(0, opset - 13)))


def reference(model, feeds):
    """ONNX Runtime's outputs, without its optimizations."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), _sessions, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


class Graph:
    def __init__(self, seed, only=None):
        self.seed = seed
        self.r = random.Random(seed)
        self.rng = np.random.default_rng(seed)
        self.opset = self.r.choice(OPSETS)
        self.special = self.r.random() < 0.25
        self.symbolic = self.r.random() < 0.5
        self.late = self.r.random() < 0.2
        self.only = only
        self.nodes, self.values, self.inputs, self.initializers = [], [], [], []
        self.count = 0

    # ---- choices ----
    def chance(self, p):
        return self.r.random() < p

    def pick(self, *items):
        return self.r.choice(items)

    def int(self, low, high):
        return self.r.randint(low, high)

    def size(self):
        return 0 if self.chance(0.02) else self.r.choice(SIZES)

    def shape(self, low=0, high=4):
        while True:
            shape = [self.size() for _ in range(self.int(low, high))]
            if np.prod(shape, dtype=np.int64) <= MAX_ELEMENTS:
                return shape

    # ---- tensors ----
    def name(self, prefix):
        self.count += 1
        return f"{prefix}{self.count}"

    def new_input(self, dtype, shape, array=None, special=None):
        special = self.special if special is None else special
        array = random_array(self.rng, dtype, shape, special) if array is None else np.asarray(array, dtype)
        value = Value(self.name("x"), array, array, True)
        self.inputs.append(value)
        self.values.append(value)
        return value

    def const(self, array, dtype=None):
        """An initializer (not put where other operations find it)."""
        array = np.ascontiguousarray(np.asarray(array, dtype)).reshape(np.shape(array))
        name = self.name("c")
        self.initializers.append(numpy_helper.from_array(array, name))
        return Value(name, array, array, True, const=True)

    def ints(self, *items):
        """Sizes, axes and the like: a constant, or known only when the model runs."""
        if self.late and self.chance(0.4):
            array = np.array(items, np.int64)
            self.inputs.append(Value(self.name("s"), array, array, True))
            return self.inputs[-1]
        return self.const(list(items), np.int64)

    def random_const(self, dtype, shape):
        return self.const(random_array(self.rng, dtype, shape, False), dtype)

    def weight(self, dtype, shape, fan=1):
        return self.const(self.rng.standard_normal(shape) / max(fan, 1) ** 0.5, dtype)

    def some(self, test=lambda v: True):
        """A tensor of the graph that fits; late ones are likelier, so that graphs get deep."""
        fits = [v for v in self.values if test(v)]
        if not fits:
            raise Rejected
        return fits[-1 - min(int(abs(self.r.gauss(0, 3))), len(fits) - 1)]

    def float(self, low=0, high=9):
        return self.some(lambda v: v.kind == "f" and low <= v.rank <= high)

    def like(self, value, broadcast=True):
        """A second operand: of the same shape and type, or one that is broadcast to it."""
        shape = list(value.shape)
        choice = self.r.random()
        if choice < 0.35:
            same = [v for v in self.values if v.dtype == value.dtype and v.shape == value.shape]
            if same:
                return self.r.choice(same)
        if choice < 0.5 and broadcast:
            fits = [v for v in self.values if v.dtype == value.dtype and can_broadcast(v.shape, value.shape)]
            if fits:
                return self.r.choice(fits)
        if broadcast and self.chance(0.6):
            shape = [1 if self.chance(0.4) else size for size in shape][self.int(0, len(shape)) :]
        if self.chance(0.5):
            return self.random_const(value.dtype, shape)
        return self.new_input(value.dtype, shape)

    # ---- nodes ----
    def op(self, kind, inputs, outputs=1, domain="", keep=True, outer=(), **attributes):
        """Adds a node where ONNX Runtime takes it and its results are certain; else raises Rejected. `outer`: what its
        graphs read."""
        attributes = {key: value for key, value in attributes.items() if value is not None}
        names = [self.name("v") for _ in range(outputs)]
        node = helper.make_node(
            kind, [v.name if v else "" for v in inputs], names, name=f"{kind}_{self.count}", domain=domain, **attributes
        )
        given = {v.name: v for v in (*inputs, *outer) if v is not None}
        infos = [helper.make_tensor_value_info(v.name, onnx_type(v.dtype), v.shape) for v in given.values() if not v.const]
        used = [i for i in self.initializers if i.name in given]
        ends = [onnx.ValueInfoProto(name=name) for name in names]
        model = make_model([node], infos, ends, used, self.opset)
        try:
            session = onnxruntime.InferenceSession(model.SerializeToString(), _sessions, providers=["CPUExecutionProvider"])
            first = session.run(None, {v.name: v.a for v in given.values() if not v.const})
            # What only moves or compares numbers is exact if they are.
            still = kind in operators.EXACT or kind in operators.DISCRETE
            disturbed = {v.name: v.b if still or not v.exact else disturb(self.rng, v.b) for v in given.values()}
            second = session.run(None, {v.name: disturbed[v.name] for v in given.values() if not v.const})
        except Exception as error:  # whatever it says, the node is not for this graph
            raise Rejected(str(error)) from None
        moved = kind in operators.EXACT
        results = []
        for name, a, b in zip(names, first, second):
            if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
                raise Rejected
            exact = all(v.exact for v in given.values()) and (moved or not is_float(a.dtype))
            b = b if exact or a.shape != b.shape else disturb(self.rng, b)
            if a.size > MAX_ELEMENTS or distance(a, b) > LIMIT:
                raise Rejected
            results.append(Value(name, a, b, exact))
        self.nodes.append(node)
        if keep:
            self.values += results
        return results[0] if outputs == 1 else results

    def step(self):
        names = [name for name in operators.TABLE if not self.only or name in self.only]
        for _ in range(40):
            before = (len(self.nodes), len(self.values), len(self.inputs), len(self.initializers))
            try:
                operators.TABLE[self.r.choice(names)](self)
                return
            except (Rejected, IndexError, ValueError, ZeroDivisionError):
                for items, length in zip((self.nodes, self.values, self.inputs, self.initializers), before):
                    del items[length:]

    # ---- the model ----
    def build(self):
        """Returns (model, feeds, wanted outputs, allowed errors), or None where nothing came of it."""
        base = self.shape(1, 4)
        dtype = self.pick(*["float32"] * 9, "float16", "float64", "int64", "int32")
        self.new_input(dtype, base)
        if self.chance(0.5):
            self.new_input("float32", self.shape(0, 4))
        for _ in range(self.int(1, 12)):
            self.step()
        return self.finish() if self.nodes else None

    def finish(self):
        read = {name for node in self.nodes for name in reads(node)}
        made = {name for node in self.nodes for name in node.output}
        computed = [v for v in self.values if v.name in made]
        outputs = [v for v in computed if v.name not in read or self.chance(0.1)][:6]
        if not outputs:
            return None
        inputs = [v for v in self.inputs if v.name in read]
        symbols = {}

        def dims(value):
            if not self.symbolic:
                return list(value.shape)
            return [symbols.setdefault(size, f"n{size}" if self.chance(0.4) and size > 1 else size) for size in value.shape]

        infos = [helper.make_tensor_value_info(v.name, onnx_type(v.dtype), dims(v)) for v in inputs]
        ends = [helper.make_tensor_value_info(v.name, onnx_type(v.dtype), [None] * v.rank) for v in outputs]
        used = [i for i in self.initializers if i.name in read]
        model = make_model(self.nodes, infos, ends, used, self.opset)
        return model, {v.name: v.a for v in inputs}, [v.a for v in outputs], [tolerance(v) for v in outputs]


def reads(node):
    """The names that a node and its graphs read."""
    names = set(node.input)
    for attribute in node.attribute:
        for inner in attribute.g.node:
            names |= reads(inner)
    return names - {""}


def can_broadcast(small, large):
    return len(small) <= len(large) and all(s in (1, l) for s, l in zip(small[::-1], large[::-1]))
