"""Sizes that depend on data: shapes, places, axes and counts that are inputs, and what is picked out of a tensor."""
import numpy as np

from graph import BOOL, FLOAT, INT64, normal, uniform
from makers import model

ROWS = [{"n": 5, "m": 7}, {"n": 3, "m": 12}]


def ints(make):
    return lambda rng, shape, sizes: np.array(make(sizes), np.int64)


def counts(rng, shape, sizes):
    """Many zeros, and values that occur again."""
    return (rng.integers(0, 4, shape) * rng.integers(0, 2, shape)).astype(np.float32)


@model(*ROWS)
def shapes_of_data(g):
    """Shapes, ranges and repeats that are inputs, one used by several nodes."""
    x = g.input("x", FLOAT, ["n", "m"], normal())
    shape = g.input("shape", INT64, [3], ints(lambda s: [s["m"], 1, -1]))
    wide = g.input("wide", INT64, [3], ints(lambda s: [2, 1, s["m"]]))
    k = g.input("k", INT64, [1], ints(lambda s: [s["n"] - 1]))
    g.output(g.op("Relu", g.op("Reshape", x, shape), out="reshaped"), [None] * 3)
    g.output(g.op("Neg", g.op("Expand", x, wide), out="expanded"), [None] * 3)
    top, at = g.op("TopK", x, k, outs=2)
    g.output(g.op("Softmax", top, out="top"), [None] * 2)
    g.output(g.op("Add", at, k, out="at"), [None] * 2, INT64)
    zeros = g.op("ConstantOfShape", g.op("Concat", k, k, axis=0))
    columns = g.op("Range", g.const(np.array(0, np.int64)), g.op("Squeeze", k), g.const(np.array(1, np.int64)))
    g.output(g.op("Add", zeros, g.op("Cast", columns, to=FLOAT), out="filled"), [None] * 2)
    g.output(g.op("Identity", g.op("Tile", x, g.op("Concat", k, k, axis=0)), out="tiled"), [None] * 2)
    start, two = g.op("Squeeze", k), g.const(np.array(2, np.int64))
    g.output(g.op("Mul", g.op("Range", start, g.op("Mul", start, start), two), two, out="range"), [None], INT64)


@model(*ROWS, opset=18)
def places_of_data(g):
    """Slices backwards and forwards, padding, axes to reduce over and to sum along."""
    x = g.input("x", FLOAT, ["n", "m"], normal())
    start = g.input("start", INT64, [2], ints(lambda s: [1, -1]))
    end = g.input("end", INT64, [2], ints(lambda s: [100, -s["m"] - 1]))
    axes = g.input("axes", INT64, [2], ints(lambda s: [0, -1]))
    step = g.input("step", INT64, [2], ints(lambda s: [2, -3]))
    pads = g.input("pads", INT64, [4], ints(lambda s: [1, 0, 2, s["m"]]))
    axis = g.input("axis", INT64, [1], ints(lambda s: [1 if s["n"] == 5 else 0]))
    g.output(g.op("Exp", g.op("Slice", x, start, end, axes, step), out="sliced"), [None] * 2)
    g.output(g.op("Abs", g.op("Pad", x, pads), out="padded"), [None] * 2)
    g.output(g.op("CumSum", x, g.op("Squeeze", axis), out="sums"), ["n", "m"])
    for name, keep in (("kept", 1), ("dropped", 0)):
        y = g.op("ReduceMax", x, axis, keepdims=keep)
        g.output(g.op("Tanh", y, out=name), [None] * (1 + keep))
    g.output(g.op("Identity", g.op("Unsqueeze", x, axis), out="wider"), [None] * 3)


@model(*ROWS)
def picked_by_data(g):
    """What is not zero, chosen, or occurs at all, and work on that."""
    x = g.input("x", FLOAT, ["n", "m"], counts)
    keep = g.input("keep", BOOL, ["n"], lambda rng, shape, sizes: np.arange(shape[0]) % 2 == 0)
    where = g.op("NonZero", x)
    g.output(g.op("Identity", where, out="where"), [2, None], INT64)
    found = g.op("GatherND", x, g.op("Transpose", where, perm=[1, 0]))
    g.output(g.op("Sqrt", found, out="found"), [None])
    rows = g.op("Compress", x, keep, axis=0)
    g.output(g.op("MatMul", rows, g.op("Transpose", rows, perm=[1, 0]), out="products"), [None] * 2)
    for name, sort in (("sorted", 1), ("unsorted", 0)):
        y, first, inverse, count = g.op("Unique", x, outs=4, sorted=sort)
        for part, value, kind in (("values", y, FLOAT), ("first", first, INT64), ("inverse", inverse, INT64),
                                  ("counts", count, INT64)):
            g.output(g.op("Identity", value, out=f"{name}_{part}"), [None], kind)
    y, inverse = g.op("Unique", x, outs=3, axis=1)[::2]
    g.output(g.op("Identity", y, out="columns"), ["n", None])
    g.output(g.op("Identity", inverse, out="column"), ["m"], INT64)


def boxes(rng, shape, sizes):
    low = rng.uniform(0, 8, tuple(shape[:-1]) + (2,))
    return np.concatenate([low, low + rng.uniform(1, 6, low.shape)], -1).astype(np.float32)


@model({"n": 40}, {"n": 11})
def boxes_that_stay(g):
    """Non-maximum suppression, whose boxes are then gathered."""
    where = g.input("boxes", FLOAT, [2, "n", 4], boxes)
    scores = g.input("scores", FLOAT, [2, 3, "n"], uniform(0, 1))
    most = g.input("most", INT64, [1], ints(lambda s: [s["n"] // 4]))
    kept = g.op("NonMaxSuppression", where, scores, most, g.const(np.array([0.4], np.float32)), g.const(np.array([0.2], np.float32)))
    g.output(g.op("Identity", kept, out="kept"), [None, 3], INT64)
    index = g.op("Gather", kept, g.ints(0, 2), axis=1)
    g.output(g.op("GatherND", where, index, out="boxes_kept"), [None, 4])
