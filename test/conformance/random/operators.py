"""What random graphs are made of: TABLE maps a family's name to a function that adds one node or a few to a graph.

A function need not know whether the operation is valid: ONNX Runtime says so, and an operation that it refuses is left out.
It only has to choose so that most are.
"""
import numpy as np

TABLE = {}
# Operations that compute nothing new: what is exact stays exact.
EXACT = {
    "Abs", "ArgMax", "ArgMin", "BitShift", "Ceil", "Clip", "Compress", "Concat", "ConstantOfShape", "DepthToSpace", "Expand",
    "EyeLike", "Flatten", "Floor", "Gather", "GatherElements", "GatherND", "GlobalMaxPool", "Hardmax", "Identity", "Max",
    "MaxPool", "Min", "Neg", "NonZero", "OneHot", "Pad", "Range", "ReduceMax", "ReduceMin", "Relu", "Reshape",
    "ReverseSequence", "Round", "ScatterElements", "ScatterND", "Shape", "Sign", "Size", "Slice", "SpaceToDepth", "Split",
    "Squeeze", "Tile", "TopK", "Transpose", "Trilu", "Unique", "Unsqueeze", "Where",
}
DISCRETE = {"Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal", "IsNaN", "IsInf", "Cast", "Mod"}
FLOATS = ["float32", "float32", "float32", "float16", "float64"]
INTS = ["int64", "int32", "int8", "uint8", "int16", "uint16", "uint32", "uint64"]


def family(function):
    TABLE[function.__name__] = function
    return function


def axis_of(g, v):
    return g.int(-v.rank, v.rank - 1)


def positive(g, v):
    return g.op("Add", [g.op("Abs", [v], keep=False), g.const(0.25, v.dtype)], keep=False)


# ---- elementwise ----
@family
def unary(g):
    kinds = ["Relu", "Tanh", "Sigmoid", "Neg", "Abs", "Erf", "Sin", "Cos", "Exp", "Floor", "Ceil", "Round", "Softplus",
             "Softsign", "HardSwish", "Sign", "Reciprocal", "Sqrt", "Log", "Atan", "Asinh", "Identity", "Elu", "Selu", "Celu",
             "LeakyRelu", "HardSigmoid", "ThresholdedRelu", "Shrink", "Mish", "Gelu", "Sinh", "Cosh", "Tan"]
    kind = g.pick(*kinds)
    attributes = {
        "Elu": {"alpha": g.pick(0.5, 1.0, 2.0)}, "Celu": {"alpha": g.pick(0.5, 1.0, 2.0)}, "LeakyRelu": {"alpha": g.pick(0.01, 0.3)},
        "HardSigmoid": {"alpha": g.pick(0.2, 0.4), "beta": g.pick(0.5, 0.1)}, "ThresholdedRelu": {"alpha": g.pick(0.3, 1.0)},
        "Shrink": {"lambd": g.pick(0.3, 0.5), "bias": g.pick(0.0, 0.4)}, "Gelu": {"approximate": g.pick("none", "tanh")},
    }.get(kind, {})
    v = g.some(lambda v: v.kind == "f" or (v.kind in "iu" and kind in ("Neg", "Abs", "Relu", "Sign", "Identity")))
    g.op(kind, [v], **attributes)


@family
def domain_unary(g):
    v = g.float()
    kind = g.pick("Sqrt", "Log", "Acosh", "Acos", "Asin", "Atanh")
    if kind in ("Sqrt", "Log"):
        v = positive(g, v)
    elif kind == "Acosh":
        v = g.op("Add", [positive(g, v), g.const(1, v.dtype)], keep=False)
    else:
        v = g.op("Mul", [g.op("Tanh", [v], keep=False), g.const(0.9, v.dtype)], keep=False)
    g.op(kind, [v])


@family
def binary(g):
    v = g.some(lambda v: v.kind in "fiu")
    w = g.like(v)
    operands = [v, w] if g.chance(0.6) else [w, v]
    g.op(g.pick("Add", "Sub", "Mul", "Max", "Min", "Add", "Mul"), operands)


@family
def divide(g):
    v = g.some(lambda v: v.kind in "fi")
    w = g.like(v)
    if v.kind == "i":
        w = g.op("Max", [g.op("Abs", [w], keep=False), g.const(1, v.dtype)], keep=False)
        g.op("Div", [v, w])
    else:
        g.op("Div", [v, w if g.chance(0.3) else positive(g, w)])


@family
def modulo(g):
    v = g.some(lambda v: v.kind in "fiu")
    nonzero = [1, 2, 3, 5] + ([-3, -2] if v.kind != "u" else [])
    g.op("Mod", [v, g.const(g.pick(*nonzero), v.dtype)], fmod=1 if v.kind == "f" else g.int(0, 1))


@family
def power(g):
    v = g.float()
    if g.chance(0.5):
        g.op("Pow", [v, g.const(g.pick(2, 3, 0, 1), g.pick("float32", "int64", "int32"))])
    else:
        g.op("Pow", [positive(g, v), g.const(g.pick(0.5, -1, 1.7, -0.5, 2.5), "float32")])


@family
def variadic(g):
    v = g.float()
    operands = [v] + [g.like(v) for _ in range(g.int(0, 3))]
    g.r.shuffle(operands)
    g.op(g.pick("Sum", "Mean", "Max", "Min"), operands)


@family
def compare(g):
    v = g.some(lambda v: v.kind in "fiu")
    g.op(g.pick("Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"), [v, g.like(v)])


@family
def logic(g):
    v = g.some(lambda v: v.kind == "b")
    kind = g.pick("And", "Or", "Xor", "Not")
    g.op(kind, [v] if kind == "Not" else [v, g.like(v)])


@family
def where(g):
    condition = g.some(lambda v: v.kind == "b") if g.chance(0.6) else g.new_input("bool", g.shape(0, 3))
    v = g.some(lambda v: v.kind in "fiu")
    g.op("Where", [condition, v, g.like(v)])


@family
def numbers(g):
    v = g.float()
    kind = g.pick("IsNaN", "IsInf")
    g.op(kind, [v], **({"detect_positive": g.int(0, 1), "detect_negative": g.int(0, 1)} if kind == "IsInf" else {}))


@family
def clip(g):
    v = g.some(lambda v: v.kind in "fi")
    low, high = g.const(-1, v.dtype), g.const(2, v.dtype)
    g.op("Clip", g.pick([v, low], [v, None, high], [v, low, high]))


@family
def cast(g):
    v = g.some()
    to = g.pick(*FLOATS, *INTS, "bool")
    if v.kind == "f" and np.dtype(to).kind in "iu":
        wide = v.a.astype(np.float64)
        info = np.iinfo(to)
        # Outside, the standard leaves the result open.
        if not np.isfinite(wide).all() or (wide.size and (wide.min() < info.min or wide.max() >= info.max)):
            v = g.op("Clip", [v, g.const(0, v.dtype), g.const(100, v.dtype)], keep=False)
            if np.isnan(v.a.astype(np.float64)).any():
                raise ValueError
    g.op("Cast", [v], to=int(TYPES[to]))


TYPES = {"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9, "float16": 10,
         "float64": 11, "uint32": 12, "uint64": 13, "bfloat16": 16}


@family
def bits(g):
    v = g.some(lambda v: v.kind in "iu") if g.chance(0.5) else g.new_input(g.pick(*INTS), g.shape(0, 3))
    kind = g.pick("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot", "BitShift")
    if kind == "BitwiseNot":
        g.op(kind, [v])
    elif kind == "BitShift":
        v = v if v.kind == "u" else g.new_input(g.pick("uint8", "uint32", "uint64"), g.shape(0, 3))
        g.op(kind, [v, g.const(g.int(0, 7), v.dtype)], direction=g.pick("LEFT", "RIGHT"))
    else:
        g.op(kind, [v, g.like(v)])


@family
def prelu(g):
    v = g.float(1)
    g.op("PRelu", [v, g.random_const(v.dtype, [1 if g.chance(0.5) else s for s in v.shape][g.int(0, v.rank - 1):])])


# ---- matrices ----
@family
def matmul(g):
    v = g.float(1)
    k = v.shape[-1]
    shape = [k, g.size()] if g.chance(0.6) else [*[1 if g.chance(0.5) else s for s in v.shape[:-2]], k, g.size()]
    if g.chance(0.1):
        shape = [k]
    w = g.weight(v.dtype, shape, k) if g.chance(0.7) else g.new_input(v.dtype, shape, special=False)
    y = g.op("MatMul", [v, w])
    if g.chance(0.5):
        y = g.op("Add", [y, g.random_const(v.dtype, [y.shape[-1]] if y.rank else [])])
    if g.chance(0.4):
        g.op(g.pick("Relu", "Gelu", "Sigmoid", "Tanh"), [y])


@family
def products(g):
    v = g.float(2)
    order = [*range(v.rank - 2), v.rank - 1, v.rank - 2]
    w = g.op("Transpose", [g.like(v, broadcast=False)], perm=order)
    g.op("Mul", [g.op("MatMul", [v, w], keep=False), g.const(max(1, v.shape[-1]) ** -0.5, v.dtype)])


@family
def gemm(g):
    v = g.float(2, 2)
    ta, tb = g.int(0, 1), g.int(0, 1)
    m, k = v.shape[::-1] if ta else v.shape
    n = g.size()
    w = g.weight(v.dtype, [n, k] if tb else [k, n], k)
    c = [g.random_const(v.dtype, g.pick([n], [1, n], [m, 1], [m, n], [], [1]))] if g.chance(0.7) else []
    g.op("Gemm", [v, w, *c], transA=ta, transB=tb, alpha=g.pick(1.0, 0.5), beta=g.pick(1.0, 2.0))


@family
def einsum(g):
    v = g.float(1, 4)
    letters = "abcd"[: v.rank]
    other = [*g.r.sample(letters, g.int(1, v.rank)), *("e" if g.chance(0.7) else "")]
    sizes = {**dict(zip(letters, v.shape)), "e": g.size()}
    w = g.weight(v.dtype, [sizes[c] for c in other], 4)
    every = [*letters, *("e" if "e" in other else "")]
    out = g.r.sample(every, g.int(0, min(4, len(every))))
    g.op("Einsum", [v, w], equation=f"{letters},{''.join(other)}->{''.join(out)}")


@family
def attention(g):
    v = g.float(3, 4)
    order = [*range(v.rank - 2), v.rank - 1, v.rank - 2]
    k, w = g.like(v, broadcast=False), g.like(v, broadcast=False)
    s = g.op("MatMul", [v, g.op("Transpose", [k], perm=order, keep=False)], keep=False)
    s = g.op(g.pick("Mul", "Div"), [s, g.const(g.pick(0.5, 2.0), v.dtype)], keep=False)
    if g.chance(0.5):
        s = g.op("Add", [s, g.new_input(v.dtype, [s.shape[-2] if g.chance(0.5) else 1, s.shape[-1]], special=False)], keep=False)
    g.op("MatMul", [g.op("Softmax", [s], axis=-1, keep=False), w])


# ---- windows ----
def image(g, low=1, high=3):
    """A tensor N, C, and `low` to `high` dimensions."""
    if g.chance(0.6):
        return g.float(low + 2, high + 2)
    n = g.int(low, high)
    return g.new_input("float32", [g.int(1, 2), g.pick(1, 2, 3, 4, 6, 8, 16), *[g.int(1, {1: 30, 2: 12, 3: 6}[n]) for _ in range(n)]],
                       special=False)


def window(g, v):
    """Attributes of windows that fit: where none does, ONNX Runtime gives an empty tensor and aicc an error."""
    n = v.rank - 2
    kernel = [g.int(1, min(4, max(1, size))) for size in v.shape[2:]]
    a = {"kernel_shape": kernel, "strides": [g.pick(1, 1, 2, 3) for _ in range(n)]}
    how = g.r.random()
    if how < 0.2:
        a["auto_pad"] = g.pick("SAME_UPPER", "SAME_LOWER", "VALID")
        # Windows with gaps between them would have negative pads, by which ONNX Runtime skips elements.
        a["strides"] = [min(s, k) for s, k in zip(a["strides"], kernel)]
    elif how < 0.7:
        a["pads"] = [g.int(0, k - 1) for k in kernel * 2]
    return a


@family
def conv(g):
    v = image(g)
    a = window(g, v)
    channels = v.shape[1]
    group = g.pick(1, 1, channels, *[d for d in (2, 4) if channels % d == 0])
    out = group * g.pick(1, 2, 3, 8)
    if g.chance(0.3):
        a["dilations"] = [g.int(1, 2 if 2 * k - 1 <= s else 1) for k, s in zip(a["kernel_shape"], v.shape[2:])]
    w = g.weight(v.dtype, [out, channels // group, *a["kernel_shape"]], channels // group * np.prod(a["kernel_shape"]))
    y = g.op("Conv", [v, w, *([g.random_const(v.dtype, [out])] if g.chance(0.6) else [])], group=group, **a)
    if g.chance(0.5):
        g.op(g.pick("Relu", "Sigmoid", "HardSwish", "LeakyRelu"), [y])


@family
def conv_transpose(g):
    v = image(g)
    a = window(g, v)
    channels = v.shape[1]
    group = g.pick(1, 1, channels)
    out = g.pick(1, 2, 3)
    if g.chance(0.3):
        a["output_padding"] = [g.int(0, s - 1) for s in a["strides"]]
    if g.chance(0.2):
        a["dilations"] = [g.int(1, 2) for _ in a["strides"]]
    w = g.weight(v.dtype, [channels, out, *a["kernel_shape"]], channels)
    g.op("ConvTranspose", [v, w, *([g.random_const(v.dtype, [out * group])] if g.chance(0.6) else [])], group=group, **a)


@family
def pool(g):
    v = image(g)
    kind = g.pick("MaxPool", "AveragePool", "LpPool", "MaxPool", "AveragePool")
    a = window(g, v)
    if kind == "AveragePool":
        a["count_include_pad"] = g.int(0, 1)
    if kind == "MaxPool" and g.chance(0.3):
        a["dilations"] = [g.int(1, 2 if 2 * k - 1 <= s else 1) for k, s in zip(a["kernel_shape"], v.shape[2:])]
    if kind != "LpPool" and "auto_pad" not in a:
        a["ceil_mode"] = g.pick(0, 0, 1)
    if kind == "MaxPool" and g.chance(0.3):
        g.op(kind, [v], outputs=2, **a)
    else:
        g.op(kind, [v], **a)


@family
def global_pool(g):
    g.op(g.pick("GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"), [image(g)])


@family
def resize(g):
    v = image(g, 1, 3)
    mode = g.pick("nearest", "linear", "cubic") if v.rank == 4 else g.pick("nearest", "linear")
    transform = g.pick("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
    a = {"mode": mode, "coordinate_transformation_mode": transform}
    if mode == "nearest":
        a["nearest_mode"] = g.pick("floor", "ceil", "round_prefer_floor", "round_prefer_ceil")
    if mode == "cubic":
        a["exclude_outside"] = g.int(0, 1)
    if g.chance(0.5):
        g.op("Resize", [v, None, None, g.ints(*v.shape[:2], *[g.int(1, 12) for _ in v.shape[2:]])], **a)
    else:
        g.op("Resize", [v, None, g.const([1, 1, *[g.pick(0.5, 1.0, 2.0, 1.5, 3.0) for _ in v.shape[2:]]], np.float32)], **a)


@family
def blocks(g):
    b = g.int(1, 3)
    v = g.new_input("float32", [g.int(1, 2), b * b * g.int(1, 3), b * g.int(1, 4), b * g.int(1, 4)])
    if g.chance(0.5):
        g.op("DepthToSpace", [v], blocksize=b, mode=g.pick("DCR", "CRD"))
    else:
        g.op("SpaceToDepth", [v], blocksize=b)


# ---- reductions and normalizations ----
@family
def reduce(g):
    v = g.some(lambda v: v.kind in "fi")
    kinds = ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
             "ReduceLogSumExp", "ReduceLogSum"]
    kind = g.pick(*kinds) if v.kind == "f" else g.pick("ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd")
    if kind == "ReduceLogSum":
        v = positive(g, v)
    axes = g.r.sample(range(v.rank), g.int(0, v.rank))
    axes = [axis - v.rank if g.chance(0.3) else axis for axis in axes]
    keep = g.int(0, 1)
    if g.opset >= 18 or kind == "ReduceSum":
        g.op(kind, [v, g.ints(*axes)] if axes or g.chance(0.3) else [v], keepdims=keep,
             noop_with_empty_axes=g.pick(0, 0, 1))
    else:
        g.op(kind, [v], axes=axes or None, keepdims=keep)


@family
def softmax(g):
    v = g.float(1)
    kind = g.pick("Softmax", "LogSoftmax", "Softmax", "Hardmax")
    if kind == "Hardmax" and np.isnan(v.a.astype(np.float64)).any():
        raise ValueError
    g.op(kind, [v], axis=axis_of(g, v))


@family
def normalization(g):
    v = g.float(1)
    axis = g.int(-v.rank, -1)
    shape = v.shape[axis:]
    bias = [g.random_const(v.dtype, shape)] if g.chance(0.7) else []
    g.op("LayerNormalization", [v, g.random_const(v.dtype, shape), *bias], axis=axis, epsilon=g.pick(1e-5, 1e-3))


@family
def channel_normalization(g):
    v = image(g)
    c = v.shape[1]
    kind = g.pick("BatchNormalization", "InstanceNormalization", "LRN", "LpNormalization")
    s, b = g.random_const(v.dtype, [c]), g.random_const(v.dtype, [c])
    if kind == "BatchNormalization":
        variance = g.const(np.abs(g.rng.standard_normal(c)) + 0.5, v.dtype)
        y = g.op(kind, [v, s, b, g.random_const(v.dtype, [c]), variance], epsilon=1e-3)
        if g.chance(0.5):
            g.op("Relu", [y])
    elif kind == "InstanceNormalization":
        g.op(kind, [v, s, b], epsilon=1e-3)
    elif kind == "LRN":
        g.op(kind, [v], size=g.pick(1, 3, 5), alpha=0.01, beta=0.75, bias=1.0)
    else:
        g.op(kind, [v], axis=axis_of(g, v), p=g.int(1, 2))


@family
def cumsum(g):
    v = g.some(lambda v: v.rank >= 1 and (v.kind == "f" or v.dtype.name in ("int32", "int64")))
    g.op("CumSum", [v, g.const(axis_of(g, v), np.int64)], exclusive=g.int(0, 1), reverse=g.int(0, 1))


@family
def arg(g):
    v = g.some(lambda v: v.kind == "f" and v.rank >= 1 and not np.isnan(v.a.astype(np.float64)).any())
    g.op(g.pick("ArgMax", "ArgMin"), [v], axis=axis_of(g, v), keepdims=g.int(0, 1), select_last_index=g.int(0, 1))


@family
def topk(g):
    v = g.some(lambda v: v.kind in "fi" and v.rank >= 1)
    axis = axis_of(g, v)
    g.op("TopK", [v, g.ints(g.int(0 if g.chance(0.1) else 1, v.shape[axis]))], outputs=2, axis=axis, largest=g.int(0, 1), sorted=1)


# ---- movement ----
@family
def transpose(g):
    v = g.some(lambda v: v.rank >= 1)
    order = list(range(v.rank))
    g.r.shuffle(order)
    g.op("Transpose", [v], perm=order if g.chance(0.9) else None)


@family
def reshape(g):
    v = g.some()
    sizes, shape = list(v.shape), []
    for size in sizes:
        divisors = [d for d in range(1, size + 1) if size % d == 0]
        split = g.pick(*divisors) if divisors and g.chance(0.3) else None
        shape += [split, size // split] if split else [size]
    while len(shape) > 1 and (g.chance(0.4) or len(shape) > 5):
        i = g.int(0, len(shape) - 2)
        shape[i : i + 2] = [shape[i] * shape[i + 1]]
    if g.chance(0.2):
        shape.insert(g.int(0, len(shape)), 1)
    if shape and g.chance(0.5) and v.a.size:
        shape[g.int(0, len(shape) - 1)] = -1
    elif shape and 0 in shape:
        g.op("Reshape", [v, g.ints(*shape)], allowzero=1)
        return
    shape = [0 if i < v.rank and v.shape[i] == s and g.chance(0.3) else s for i, s in enumerate(shape)]
    g.op("Reshape", [v, g.ints(*shape)])


@family
def squeeze(g):
    v = g.some()
    if g.chance(0.5):
        axes = g.r.sample(range(-v.rank - 1, v.rank + 1), 1)
        g.op("Unsqueeze", [v, g.ints(*axes)])
    else:
        ones = [i for i, s in enumerate(v.shape) if s == 1]
        g.op("Squeeze", [v, g.ints(*g.r.sample(ones, g.int(1, len(ones))))] if g.chance(0.8) else [v])


@family
def flatten(g):
    v = g.some()
    g.op("Flatten", [v], axis=g.int(-v.rank, v.rank))


@family
def slices(g):
    v = g.some(lambda v: v.rank >= 1)
    axes = g.r.sample(range(v.rank), g.int(1, v.rank))
    steps = [g.pick(1, 1, 2, 3, -1, -2) for _ in axes]
    bound = lambda: g.pick(g.int(-9, 9), g.int(-3, 3), 10**6, -(10**6))
    starts = [g.int(0, 2) if s > 0 else g.pick(-1, 9, 2**31 - 1) for s in steps]
    ends = [g.pick(2**31 - 1, g.int(-3, 9)) if s > 0 else g.pick(-(2**31), 0, -9) for s in steps]
    if g.chance(0.2):
        starts, ends = [bound() for _ in axes], [bound() for _ in axes]
    g.op("Slice", [v, g.ints(*starts), g.ints(*ends), g.ints(*axes), *([g.ints(*steps)] if g.chance(0.9) else [])])


@family
def concat(g):
    v = g.some(lambda v: v.rank >= 1)
    axis = g.int(0, v.rank - 1)
    parts = [w for w in g.values if w.dtype == v.dtype and w.rank == v.rank and
             all(a == b for i, (a, b) in enumerate(zip(w.shape, v.shape)) if i != axis)]
    chosen = [g.pick(*parts) for _ in range(g.int(1, 3))]
    if g.chance(0.3):
        chosen.append(g.random_const(v.dtype, [g.size() if i == axis else s for i, s in enumerate(v.shape)]))
    g.op("Concat", chosen, axis=axis - (v.rank if g.chance(0.3) else 0))


@family
def split(g):
    v = g.some(lambda v: v.rank >= 1)
    axis = g.int(0, v.rank - 1)
    n, parts = g.int(1, 3), []
    left = v.shape[axis]
    for _ in range(n - 1):
        parts.append(g.int(0, left))
        left -= parts[-1]
    g.op("Split", [v, g.ints(*parts, left)], outputs=n, axis=axis)


@family
def expand(g):
    v = g.some()
    shape = [g.int(1, 3) for _ in range(g.int(0, 2))] + [g.int(1, 4) if s == 1 else g.pick(s, 1) for s in v.shape]
    g.op("Expand", [v, g.ints(*shape)])


@family
def tile(g):
    v = g.some(lambda v: v.rank >= 1)
    g.op("Tile", [v, g.ints(*[g.pick(1, 1, 2, 3, 0 if g.chance(0.05) else 1) for _ in v.shape])])


@family
def pad(g):
    v = g.some(lambda v: v.rank >= 1 and v.kind in "fi")
    mode = g.pick("constant", "constant", "edge", "reflect", *(["wrap"] if g.opset >= 19 else []))
    sign = -1 if mode == "constant" and g.chance(0.2) else 1
    pads = [sign * g.int(0, 2) if g.chance(0.7) else 0 for _ in range(2 * v.rank)]
    g.op("Pad", [v, g.ints(*pads), *([g.const(g.pick(0, 1, 2), v.dtype)] if mode == "constant" and g.chance(0.6) else [])], mode=mode)


@family
def gather(g):
    v = g.some(lambda v: v.rank >= 1 and min(v.shape) > 0)
    axis = g.int(0, v.rank - 1)
    indices = g.rng.integers(-v.shape[axis], v.shape[axis], g.shape(0, 2))
    dtype = g.pick("int64", "int32")
    index = g.const(indices, dtype) if g.chance(0.6) else g.new_input(dtype, indices.shape, indices)
    g.op("Gather", [v, index], axis=axis - (v.rank if g.chance(0.3) else 0))


@family
def gather_elements(g):
    v = g.some(lambda v: v.rank >= 1 and min(v.shape) > 0)
    axis = g.int(0, v.rank - 1)
    shape = [g.size() if i == axis else g.int(1, s) for i, s in enumerate(v.shape)]
    indices = g.rng.integers(-v.shape[axis], v.shape[axis], shape)
    g.op("GatherElements", [v, g.const(indices) if g.chance(0.5) else g.new_input("int64", shape, indices)], axis=axis)


@family
def gather_nd(g):
    v = g.some(lambda v: v.rank >= 1 and min(v.shape) > 0)
    depth = g.int(1, v.rank)
    shape = g.shape(0, 2)
    indices = np.stack([g.rng.integers(-v.shape[i], v.shape[i], shape) for i in range(depth)], axis=-1)
    g.op("GatherND", [v, g.const(indices) if g.chance(0.5) else g.new_input("int64", indices.shape, indices)])


@family
def scatter_elements(g):
    v = g.some(lambda v: v.kind in "fi" and v.rank >= 1 and min(v.shape) > 0)
    axis = g.int(0, v.rank - 1)
    shape = [g.int(1, s) for s in v.shape]
    order = np.argsort(g.rng.random([*shape[:axis], v.shape[axis], *shape[axis + 1 :]]), axis=axis)
    indices = np.take(order, range(shape[axis]), axis=axis)  # each once
    reduction = g.pick(None, "add", "mul", *(["max", "min"] if g.opset >= 18 else [])) if g.opset >= 16 else None
    g.op("ScatterElements", [v, g.const(indices) if g.chance(0.5) else g.new_input("int64", shape, indices),
                             g.new_input(v.dtype, shape)], axis=axis, reduction=reduction)


@family
def scatter_nd(g):
    v = g.some(lambda v: v.kind in "fi" and v.rank >= 1 and min(v.shape) > 0)
    depth, count = g.int(1, v.rank), g.int(1, 4)
    size = int(np.prod(v.shape[:depth]))
    flat = g.rng.permutation(size)[:count]
    indices = np.stack(np.unravel_index(flat, v.shape[:depth]), axis=-1)
    reduction = g.pick(None, "add", "mul") if g.opset >= 16 else None
    g.op("ScatterND", [v, g.const(indices) if g.chance(0.5) else g.new_input("int64", indices.shape, indices),
                       g.new_input(v.dtype, [len(flat), *v.shape[depth:]])], reduction=reduction)


@family
def one_hot(g):
    indices = g.rng.integers(-5, 5, g.shape(0, 2))
    dtype = g.pick("float32", "int64", "float32")
    v = g.new_input("int64", indices.shape, indices)
    g.op("OneHot", [v, g.ints(g.int(1, 6)), g.const([0, 3], dtype)], axis=g.int(-1, v.rank))
