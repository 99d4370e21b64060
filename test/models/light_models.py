"""The nine light_* models of the onnx package with random weights.

Their own weights are one constant, made by ConstantOfShape, and their outputs one repeated value: matching those proves
almost nothing.  Here every such weight is drawn (He for convolutions and matrix products, around 1 for scales and
variances), and the last layer is rescaled until the logits are of order one, or softmax would hide every error.
Full size, so the files are kept in build/models/light; RECIPE is part of their names and changes with their making.
"""
import os

import numpy as np
import onnx
from onnx import helper, numpy_helper

from graph import IR_VERSION, normal, save
from makers import REGISTRY, Case

NAMES = ["bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet", "vgg19",
         "zfnet512"]
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RECIPE = "r1"
CACHE = os.path.join(ROOT, "build", "models", "light")


def original(name):
    return onnx.load(os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", "light", f"light_{name}.onnx"))


def drawn(rng, shape, reader, position):
    """Random values for a weight that `reader` takes as its input number `position`."""
    if reader.op_type in ("Conv", "Gemm", "MatMul") and len(shape) > 1:
        return (rng.standard_normal(shape, dtype=np.float32) * np.float32((2.0 / np.prod(shape[1:])) ** 0.5))
    if reader.op_type == "Mul" or (reader.op_type == "BatchNormalization" and position in (1, 4)):
        return rng.uniform(0.8, 1.2, shape).astype(np.float32)
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(0.05)


def reader_of(graph, value):
    """The node that uses a weight, seen through the views between them, and at which of its inputs."""
    for node in graph.node:
        if value in node.input:
            if node.op_type in ("Reshape", "Unsqueeze", "Squeeze"):
                return reader_of(graph, node.output[0])
            return node, list(node.input).index(value)
    raise ValueError(f"nothing reads {value}")


def run(model, outputs, feeds):
    import onnxruntime
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    for name in outputs:
        probe.graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(probe.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(outputs, feeds)


def randomized(name):
    """-> (model, (input name, shape))"""
    source = original(name)
    graph, rng = source.graph, np.random.default_rng(len(name))
    stored = {w.name: numpy_helper.to_array(w) for w in graph.initializer}
    weights = {}
    for node in graph.node:
        if node.op_type == "ConstantOfShape" and node.input[0] in stored:
            shape = [int(d) for d in stored[node.input[0]]]
            weights[node.output[0]] = drawn(rng, shape, *reader_of(graph, node.output[0]))
    kept = [n for n in graph.node if not (n.op_type == "ConstantOfShape" and n.output[0] in weights)]
    used = {i for n in kept for i in n.input}
    inputs = [i for i in graph.input if i.name not in stored]
    assert len(inputs) == 1, name
    shape = [d.dim_value for d in inputs[0].type.tensor_type.shape.dim]
    rest = [w for w in graph.initializer if w.name in used]

    def assemble():
        made = [numpy_helper.from_array(array, key) for key, array in weights.items()]
        body = helper.make_graph(kept, name, inputs, graph.output, rest + made)
        return helper.make_model(body, opset_imports=source.opset_import, ir_version=IR_VERSION)

    last = next(n for n in reversed(kept) if n.op_type in ("Conv", "Gemm"))
    feeds = {inputs[0].name: rng.standard_normal(shape, dtype=np.float32)}
    for _ in range(3):
        spread = float(run(assemble(), [last.output[0]], feeds)[0].std())
        if 0.5 < spread < 2:
            break
        for key in last.input[1:]:
            if key in weights:
                weights[key] = (weights[key] / spread).astype(np.float32)
    return assemble(), (inputs[0].name, shape)


def path_of(name):
    """Makes NAME.onnx in the cache when it is not there; returns its path."""
    path = os.path.join(CACHE, f"{name}.{RECIPE}.onnx")
    if not os.path.exists(path):
        os.makedirs(CACHE, exist_ok=True)
        for old in os.listdir(CACHE):
            if old.startswith(name + "."):
                os.remove(os.path.join(CACHE, old))
        model, _ = randomized(name)
        scratch = f"{path}.{os.getpid()}.tmp"
        save(model, scratch)
        os.replace(scratch, path)
    return path


def inputs_of(path):
    value = onnx.load(path).graph.input[0]
    return [(value.name, [d.dim_value for d in value.type.tensor_type.shape.dim], normal())]


def free_batch(model, symbol):
    """Makes the batch symbolic: in the signature, and in the shapes of activations' Reshapes, which say 1."""
    weights = {w.name: w for w in model.graph.initializer}
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = symbol
    for node in model.graph.node:
        if node.op_type == "Reshape" and node.input[0] not in weights and node.input[1] in weights:
            shape = numpy_helper.to_array(weights[node.input[1]]).copy()
            shape[0] = 0
            weights[node.input[1]].CopyFrom(numpy_helper.from_array(shape, node.input[1]))


def linked(name, batch=None):
    def write(path):
        source = path_of(name)
        inputs = inputs_of(source)
        if os.path.lexists(path):
            os.remove(path)
        if batch is None:
            os.symlink(source, path)
            return inputs
        model = onnx.load(source)
        free_batch(model, batch)
        onnx.save(model, path)
        return [(key, [batch, *shape[1:]], kind) for key, shape, kind in inputs]
    return write


for _name in NAMES:
    REGISTRY.append(Case(f"light_{_name}/static", [{}], linked(_name)))
for _name in NAMES:
    if _name not in ("bvlc_alexnet", "vgg19", "zfnet512"):  # hundreds of megabytes a file, and nothing new
        REGISTRY.append(Case(f"light_{_name}/symbolic", [{"batch": 1}, {"batch": 2}], linked(_name, "batch")))
