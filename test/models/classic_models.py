"""Small nets that spread over the opsets: each operator in the form it had then.

AlexNet's operators (LRN, Dropout, Gemm) and the attribute forms of Pad, Split, Squeeze, Clip, Slice, Upsample, Softmax
up to opset 9, then what replaced them in 11, 13, 18 and 21.
"""
import numpy as np

from graph import BOOL, FLOAT, INT64, normal, uniform
from makers import model
from vision_models import conv

IMAGES = [{"batch": 2}, {"batch": 3}]


@model(*IMAGES, opset=7)
def alexnet_opset7(g):
    """LRN, Dropout with its ratio, MaxPool, Flatten, Gemm with a broadcast C, Softmax that flattens."""
    x = g.input("data", FLOAT, ["batch", 3, 35, 35], normal())
    x = g.op("LRN", g.op("Relu", conv(g, x, 3, 16, 5, 2)), size=5, alpha=2e-2, beta=0.75, bias=1.0)
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    x = g.op("LRN", g.op("Relu", conv(g, x, 16, 32, 3, groups=2)), size=3, alpha=2e-2, beta=0.75)
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 0, 0])
    x = g.dropout(g.op("Flatten", x))
    x = g.op("Relu", g.op("Gemm", x, g.weight(3 * 3 * 32, 64), g.bias(64)))
    x = g.op("Gemm", x, g.weight(10, 64, std=0.05), g.bias(10), alpha=0.5, beta=2.0, transB=1)
    g.output(g.op("Softmax", x, out="prob"), ["batch", 10])


@model(*IMAGES, opset=9)
def attributes_opset9(g):
    """Pad, Split, Squeeze, Unsqueeze, Slice, Clip, Upsample, ReduceMean, all by attributes."""
    x = g.input("x", FLOAT, ["batch", 8, 10, 12], normal())
    x = g.op("Pad", x, pads=[0, 0, 1, 2, 0, 0, 1, 0], mode="constant", value=0.25)
    x = g.op("Pad", x, pads=[0, 0, 1, 0, 0, 0, 0, 1], mode="reflect")
    a, b, c = g.op("Split", x, axis=1, split=[2, 4, 2], outs=3)
    b = g.op("Clip", g.op("Slice", b, axes=[1, 3], starts=[1, -9], ends=[3, 2147483647]), min=-0.5, max=0.75)
    a = g.op("Slice", a, axes=[3], starts=[0], ends=[9])
    c = g.op("Slice", c, axes=[3], starts=[3], ends=[12])
    y = g.op("Sum", a, b, c)
    y = g.op("Upsample", y, g.const(np.array([1, 1, 2, 2], np.float32)), mode="nearest")
    y = g.op("Unsqueeze", g.op("ReduceMean", y, axes=[2], keepdims=0), axes=[0])
    y = g.op("Squeeze", y, axes=[0])
    y = g.op("LeakyRelu", y, alpha=0.1)
    y = g.op("PRelu", y, g.weight(2, 1, std=0.1, mean=0.25))
    y = g.op("Elu", g.op("Selu", y), alpha=0.5)
    g.output(g.op("Softplus", y, out="y"), ["batch", 2, 18])
    g.output(g.op("ArgMax", y, axis=2, keepdims=0, out="best"), ["batch", 2], INT64)


@model(*IMAGES, opset=11)
def inputs_opset11(g):
    """Pad, Clip, Slice with steps, Resize with linear weights, TopK, Gather with negative indices."""
    x = g.input("x", FLOAT, ["batch", 8, 10, 12], normal())
    x = g.op("Pad", x, g.ints(0, 0, 2, 1, 0, 0, 0, 3), g.scalar(-0.5))
    x = g.op("Pad", x, g.ints(0, 0, 0, 1, 0, 0, 1, 1), mode="edge")
    x = g.op("Slice", x, g.ints(-1, 1), g.ints(-2147483648, 17), g.ints(2, 3), g.ints(-2, 3))
    x = g.op("Clip", x, g.scalar(-1.5))
    x = g.op("Resize", x, g.const(np.zeros(0, np.float32)), g.const(np.array([1, 1, 3, 2], np.float32)),
             mode="linear", coordinate_transformation_mode="align_corners")
    x = g.op("Gather", x, g.const(np.array([[0, -1], [2, 3]])), axis=1)
    x = g.op("ReduceMax", x, axes=[3], keepdims=1)
    x = g.op("Reshape", x, g.ints(0, 4, -1))
    values, where = g.op("TopK", x, g.ints(3), axis=-1, outs=2, largest=1, sorted=1)
    g.output(g.op("Identity", values, out="values"), ["batch", 4, 3])
    g.output(g.op("Identity", where, out="where"), ["batch", 4, 3], INT64)


@model(*IMAGES, opset=13)
def forms_opset13(g):
    """Split, Squeeze, Unsqueeze, ReduceSum with inputs; Softmax on one axis; comparisons, logic, Where, CumSum."""
    x = g.input("x", FLOAT, ["batch", 12, 10], normal())
    y = g.input("y", FLOAT, ["batch", 1, 10], uniform(0.5, 2.0))
    a, b, c = g.split(x, [4, 4, 4], 1)
    keep = g.op("And", g.op("Less", a, b), g.op("Not", g.op("Equal", g.op("Floor", a), g.op("Ceil", c))))
    z = g.op("Where", keep, g.op("Mod", a, y, fmod=1), g.op("Pow", y, b))
    z = g.op("Add", z, g.op("CumSum", c, g.scalar(2, np.int64), exclusive=1))
    share = g.op("Softmax", z, axis=1)
    total = g.op("ReduceSum", share, g.ints(2), keepdims=0)
    g.output(g.op("Div", z, g.unsqueeze(g.op("Sqrt", total), 2), out="z"), ["batch", 4, 10])
    g.output(g.op("ReduceLogSumExp", z, axes=[1, 2], keepdims=0, out="energy"), ["batch"])
    g.output(g.op("Identity", keep, out="keep"), ["batch", 4, 10], BOOL)


@model(*IMAGES, opset=18)
def mixer_opset18(g):
    """An MLP mixer: Einsum, Split by num_outputs, LayerNormalization over two axes, Mish, GroupNormalization's kin."""
    x = g.input("x", FLOAT, ["batch", 16, 24], normal())
    y = g.op("LayerNormalization", x, g.weight(16, 24, std=0.1, mean=1.0), g.weight(16, 24, std=0.1), axis=1)
    y = g.op("Einsum", y, g.weight(16, 32), equation="bsc,st->btc")
    halves = g.op("Split", y, axis=1, num_outputs=2, outs=2)
    y = g.op("Mul", g.op("Mish", halves[0]), g.op("Sigmoid", halves[1]))
    x = g.op("Add", x, y)
    y = g.op("Einsum", x, g.weight(24, 24), equation="bsc,cd->bsd")
    top = g.op("ReduceMax", y, g.ints(1), keepdims=1)
    y = g.op("Softsign", g.op("Sub", y, top))
    g.output(g.op("ReduceMean", y, g.ints(-2), keepdims=0, out="y"), ["batch", 24])


@model(*IMAGES, opset=21)
def forms_opset21(g):
    """Gelu, GroupNormalization, ReduceMean with axes as input, Resize with axes, Cast to int and back, Pad with axes."""
    x = g.input("x", FLOAT, ["batch", 8, 10, 12], normal())
    x = g.op("GroupNormalization", x, g.weight(8, std=0.1, mean=1.0), g.bias(8), num_groups=2, epsilon=1e-5)
    x = g.op("Gelu", x)
    x = g.op("Gelu", conv(g, x, 8, 8, 3), approximate="tanh")
    x = g.op("Pad", x, g.ints(1, 2), g.scalar(0.5), g.ints(3))
    x = g.op("Resize", x, "", "", g.ints(7, 9), axes=[2, 3], mode="nearest")
    grid = g.op("Cast", g.op("Round", g.op("Mul", x, g.scalar(4.0))), to=INT64)
    g.output(g.op("ReduceMean", x, g.ints(2, 3), keepdims=0, out="mean"), ["batch", 8])
    g.output(g.op("ReduceMax", grid, g.ints(1), keepdims=0, out="grid"), ["batch", 7, 9], INT64)
