#!/usr/bin/env python3
"""Writes mlp.onnx, the model that docs/how-it-works.md follows: two linear layers with a GELU, written out as exporters write
it, between them, and a softmax. Its first size is symbolic, and the weights are random, by a seed."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

random = np.random.default_rng(0)


def weight(name, *shape):
    return numpy_helper.from_array(random.normal(0, shape[0] ** -0.5, shape).astype(np.float32), name)


def scalar(name, value):
    return numpy_helper.from_array(np.array(value, np.float32), name)


nodes = [
    helper.make_node("MatMul", ["x", "w0"], ["h0"], "/up/MatMul"),
    helper.make_node("Add", ["h0", "b0"], ["h1"], "/up/Add"),
    # GELU: h (1 + erf(h / sqrt(2))) / 2
    helper.make_node("Div", ["h1", "sqrt2"], ["g0"], "/act/Div"),
    helper.make_node("Erf", ["g0"], ["g1"], "/act/Erf"),
    helper.make_node("Add", ["g1", "one"], ["g2"], "/act/Add"),
    helper.make_node("Mul", ["h1", "g2"], ["g3"], "/act/Mul"),
    helper.make_node("Mul", ["g3", "half"], ["h2"], "/act/Mul_1"),
    helper.make_node("MatMul", ["h2", "w1"], ["h3"], "/down/MatMul"),
    helper.make_node("Add", ["h3", "b1"], ["h4"], "/down/Add"),
    helper.make_node("Softmax", ["h4"], ["y"], "/Softmax", axis=-1),
]
graph = helper.make_graph(
    nodes,
    "mlp",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 32])],
    [weight("w0", 64, 256), weight("b0", 256), weight("w1", 256, 32), weight("b1", 32)]
    + [scalar("sqrt2", 2**0.5), scalar("one", 1), scalar("half", 0.5)],
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "mlp.onnx")
