"""More of what random graphs are made of (see operators.py): generators, whole layers, sizes that depend on data, control flow."""
import numpy as np
from onnx import helper

from operators import TYPES, axis_of, family, image


@family
def triangle(g):
    v = g.some(lambda v: v.rank >= 2)
    g.op("Trilu", [v, *([g.const(g.int(-3, 3), np.int64)] if g.chance(0.7) else [])], upper=g.int(0, 1))


@family
def eye(g):
    g.op("EyeLike", [g.some(lambda v: v.rank == 2)], k=g.int(-2, 2), dtype=g.pick(1, 7, None))


@family
def reverse(g):
    v = g.some(lambda v: v.rank >= 2 and min(v.shape) > 0)
    batch = g.int(0, 1)
    lengths = g.rng.integers(1, v.shape[1 - batch] + 1, v.shape[batch])
    g.op("ReverseSequence", [v, g.const(lengths)], batch_axis=batch, time_axis=1 - batch)


@family
def shapes(g):
    v = g.some()
    shape = g.op(g.pick("Shape", "Size"), [v])
    if g.chance(0.4) and shape.rank:
        g.op("ConstantOfShape", [shape])
    elif g.chance(0.5):
        g.op("Cast", [shape], to=1)


@family
def sequence(g):
    dtype = g.pick("int64", "float32", "int32")
    g.op("Range", [g.const(g.int(-3, 3), dtype), g.const(g.int(-3, 12), dtype), g.const(g.pick(1, 2, -1, 3), dtype)])


# ---- whole layers ----
@family
def recurrent(g):
    kind, gates = g.pick(("LSTM", 4), ("GRU", 3), ("RNN", 1))
    t, b, i, h = g.int(1, 4), g.int(1, 3), g.int(1, 8), g.pick(1, 2, 4, 8, 16)
    direction = g.pick("forward", "reverse", "bidirectional")
    d = 2 if direction == "bidirectional" else 1
    x = g.new_input("float32", [t, b, i], special=False)
    w, r = g.weight("float32", [d, gates * h, i], i), g.weight("float32", [d, gates * h, h], h)
    bias = g.weight("float32", [d, 2 * gates * h], 4) if g.chance(0.7) else None
    lengths = g.const(g.rng.integers(1, t + 1, b), np.int32) if g.chance(0.3) else None
    initial = g.weight("float32", [d, b, h]) if g.chance(0.4) else None
    a = {"linear_before_reset": g.int(0, 1)} if kind == "GRU" else {}
    more = [g.weight("float32", [d, b, h])] if kind == "LSTM" and initial and g.chance(0.7) else []
    g.op(kind, [x, w, r, bias, lengths, initial, *more], outputs=3 if kind == "LSTM" else 2, hidden_size=h, direction=direction, **a)


@family
def quantize(g):
    v = g.some(lambda v: v.kind == "f" and not np.isnan(v.a.astype(np.float64)).any())
    dtype = g.pick("uint8", "int8", *(["uint16", "int16"] if g.opset >= 21 else []))
    if v.dtype != np.float32:
        raise ValueError
    per_axis = v.rank and g.chance(0.3)
    axis = axis_of(g, v) if per_axis else 0
    count = [v.shape[axis]] if per_axis else []
    scale = g.const(0.02 + 0.1 * g.rng.random(count), np.float32)
    zero = g.const(g.rng.integers(0, 10, count), dtype)
    q = g.op("QuantizeLinear", [v, scale, zero], axis=axis if per_axis else None)
    g.op("DequantizeLinear", [q, scale, zero], axis=axis if per_axis else None)


@family
def integer_products(g):
    v = g.new_input(g.pick("uint8", "int8"), [g.size() or 1, g.size() or 1])
    w = g.random_const(g.pick("uint8", "int8"), [v.shape[1], g.size() or 1])
    zero = [g.const(g.int(0, 5), v.dtype)] if g.chance(0.6) else []
    g.op("MatMulInteger", [v, w, *zero])


@family
def dynamic_quantize(g):
    v = g.float()
    if not v.a.size or not np.isfinite(v.a.astype(np.float64)).all() or not v.a.any():
        raise ValueError  # which the standard does not think of
    g.op("DynamicQuantizeLinear", [v], outputs=3)



# ---- sizes that depend on data ----
@family
def nonzero(g):
    v = g.some(lambda v: v.rank >= 1)
    g.op("NonZero", [v if v.kind == "b" or g.chance(0.3) else g.op("Greater", [v, g.const(0, v.dtype)], keep=False)])


@family
def compress(g):
    v = g.some(lambda v: v.rank >= 1 and v.a.size > 0)
    axis = g.pick(None, g.int(0, v.rank - 1))
    count = v.a.size if axis is None else v.shape[axis]
    g.op("Compress", [v, g.new_input("bool", [g.int(1, count)])], axis=axis)


@family
def unique(g):
    v = g.new_input(g.pick("int64", "float32"), g.shape(1, 2), special=False)
    if not v.a.size:
        raise ValueError
    axis = g.pick(None, None, g.int(0, v.rank - 1))
    g.op("Unique", [v], outputs=g.int(1, 4), axis=axis, sorted=g.pick(1, 1, 0))


@family
def suppression(g):
    n = g.int(1, 8)
    corners = g.rng.random([1, n, 2]).astype(np.float32)
    boxes = np.concatenate([corners, corners + 0.1 + g.rng.random([1, n, 2]).astype(np.float32)], axis=-1)
    g.op("NonMaxSuppression", [g.new_input("float32", boxes.shape, boxes), g.new_input("float32", [1, g.int(1, 2), n], special=False),
                               g.const([g.int(1, 5)], np.int64), g.const([0.4], np.float32)])


@family
def grid_sample(g):
    v = image(g, 2, 2)
    grid = g.new_input(v.dtype, [v.shape[0], g.int(1, 5), g.int(1, 5), 2], special=False)
    g.op("GridSample", [v, grid], mode=g.pick(*(["linear", "nearest", "cubic"] if g.opset >= 20 else ["bilinear", "nearest", "bicubic"])),
         padding_mode=g.pick("zeros", "border", "reflection"), align_corners=g.int(0, 1))


@family
def center(g):
    v = g.float(2)
    axes = g.r.sample(range(v.rank), 1)
    g.op("CenterCropPad", [v, g.ints(g.int(1, 9))], axes=axes)


# ---- control flow ----
@family
def branch(g):
    v = g.float()
    w = g.like(v, broadcast=False)
    kinds = g.r.sample(["Relu", "Neg", "Sin", "Abs"], 2)
    bodies = []
    for kind, operand in zip(kinds, (v, w)):
        out = g.name("b")
        node = helper.make_node(kind, [operand.name], [out], name=f"{kind}_{g.count}")
        info = helper.make_tensor_value_info(out, TYPES[v.dtype.name], None)
        bodies.append(helper.make_graph([node], "body", [], [info]))
    condition = g.new_input("bool", [])
    g.op("If", [condition], outer=[v, w], then_branch=bodies[0], else_branch=bodies[1])


@family
def loop(g):
    """An accumulation, with the values on the way as a scanned result."""
    v = g.float()
    w = g.like(v, broadcast=False)
    i, c, a, c2, b, s = (g.name("l") for _ in range(6))
    nodes = [helper.make_node("Identity", [c], [c2]), helper.make_node(g.pick("Add", "Max", "Mul"), [a, w.name], [b]),
             helper.make_node("Sin", [b], [s])]
    kind = TYPES[v.dtype.name]
    info = helper.make_tensor_value_info
    body = helper.make_graph(nodes, "body", [info(i, 7, []), info(c, 9, []), info(a, kind, None)],
                             [info(c2, 9, []), info(b, kind, None), info(s, kind, None)])
    count = g.const(g.int(0 if g.chance(0.2) else 1, 4), np.int64) if g.chance(0.5) else g.new_input("int64", [], g.int(1, 4))
    g.op("Loop", [count, None, v], outputs=2, outer=[w], body=body)
