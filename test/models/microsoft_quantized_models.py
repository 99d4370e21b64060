"""Operators of com.microsoft on packed weights and on 8-bit numbers, fused operators, mixtures of experts.

Quantized results may differ by one step where a value lies halfway (Case.steps); products and softmaxes that ONNX
Runtime computes on quantized activations by itself (accuracy_level 4) are compared loosely.
"""
import ml_dtypes
import numpy as np
from onnx import TensorProto

from graph import FLOAT, INT32, INT64, normal, padding_mask, uniform
from makers import model
from microsoft_models import TEXT, equivalent, mask_of, ms

UINT8, INT8, INT16, UINT16 = TensorProto.UINT8, TensorProto.INT8, TensorProto.INT16, TensorProto.UINT16
ROWS = [{"n": 5}, {"n": 1}]
IMAGE = [{"n": 2, "h": 8, "w": 10}, {"n": 1, "h": 12, "w": 9}]


def bytes_of(dtype):
    info = np.iinfo(dtype)
    return lambda rng, shape, sizes: rng.integers(info.min, info.max + 1, shape).astype(dtype)


def random_bytes(g, *shape, dtype=np.uint8):
    info = np.iinfo(dtype)
    return g.const(g.rng.integers(info.min, info.max + 1, shape).astype(dtype), "codes")


def scales(g, *shape):
    return g.const(g.rng.uniform(0.01, 0.05, shape).astype(np.float32), "scales")


# ---- packed weights ----

def nbits(g, name, x, k, n, bits, block, zeros=None, bias=False, **attrs):
    blocks = -(-k // block)
    args = [x, random_bytes(g, n, blocks, block * bits // 8), scales(g, n, blocks)]
    args.append("" if zeros is None else random_bytes(g, n, -(-blocks * bits // 8)) if zeros == "packed" else
                g.weight(n, blocks, std=2.0, mean=2.0 ** (bits - 1)))
    args += ["", g.bias(n)] if bias else []
    ms(g, "MatMulNBits", *args, K=k, N=n, bits=bits, block_size=block, out=g.output(name, ["n", n]), **attrs)


@model(*ROWS, tolerance=1e-3)
def ms_matmul_nbits(g):
    x = g.input("x", FLOAT, ["n", 64], normal())
    y = g.input("y", FLOAT, ["n", 72], normal())
    nbits(g, "four", x, 64, 24, 4, 32)
    nbits(g, "four_zeros", x, 64, 24, 4, 16, "packed", bias=True)
    nbits(g, "four_odd", y, 72, 24, 4, 16, "packed")
    nbits(g, "four_float", x, 64, 24, 4, 16, "float")
    nbits(g, "eight", x, 64, 24, 8, 32)
    nbits(g, "eight_zeros", y, 72, 24, 8, 32, "packed")
    nbits(g, "two", x, 64, 24, 2, 32)
    nbits(g, "two_zeros", x, 64, 24, 2, 16, "packed")


@model(*ROWS, tolerance=0.03)
def ms_matmul_nbits_level(g):
    x = g.input("x", FLOAT, ["n", 64], normal())
    nbits(g, "four", x, 64, 24, 4, 32, accuracy_level=4)
    nbits(g, "eight", x, 64, 24, 8, 32, accuracy_level=4)


@model({"batch": 2, "n": 3}, {"batch": 1, "n": 4})
def ms_matmul_bnb4(g):
    x = g.input("x", FLOAT, ["batch", "n", 64], normal())
    for name, kind, k, n in (("quantiles", 1, 64, 10), ("floats", 0, 64, 16)):
        ms(g, "MatMulBnb4", x, random_bytes(g, k * n // 2), scales(g, k * n // 32), K=k, N=n, quant_type=kind,
           block_size=32, out=g.output(name, ["batch", "n", n]))


@model(*ROWS)
def ms_gather_block_quantized(g):
    ids = g.input("ids", INT64, ["n", 2], lambda rng, shape, sizes: rng.integers(-20, 20, shape))
    ms(g, "GatherBlockQuantized", random_bytes(g, 20, 32), ids, scales(g, 20, 4), bits=4, block_size=16,
       quantize_axis=1, out=g.output("plain", ["n", 2, 64]))
    ms(g, "GatherBlockQuantized", random_bytes(g, 20, 32), ids, scales(g, 20, 4), random_bytes(g, 20, 2), bits=4,
       block_size=16, quantize_axis=-1, out=g.output("zeros", ["n", 2, 64]))
    ms(g, "GatherBlockQuantized", random_bytes(g, 20, 64), ids, scales(g, 20, 2), random_bytes(g, 20, 2), bits=8,
       block_size=32, quantize_axis=1, out=g.output("eight", ["n", 2, 64]))
    four = g.const(g.rng.integers(-8, 8, (20, 6, 32)).astype(ml_dtypes.int4))
    zeros = g.const(g.rng.integers(-8, 8, (20, 6, 2)).astype(ml_dtypes.int4))
    few = g.input("few", INT32, ["n"], lambda rng, shape, sizes: rng.integers(0, 6, shape).astype(np.int32))
    ms(g, "GatherBlockQuantized", four, few, scales(g, 20, 6, 2), zeros, block_size=16, gather_axis=1, quantize_axis=2,
       out=g.output("middle", [20, "n", 32]))
    ms(g, "GatherBlockQuantized", four, few, scales(g, 2, 6, 32), block_size=16, gather_axis=1, quantize_axis=0,
       out=g.output("first", [20, "n", 32]))


def moe(g, kind, name, x, router, experts=4, hidden=16, inner=32, third=False, fused=1, bias=True, **attrs):
    args = [x, router, g.weight(experts, fused * inner, hidden, std=0.25)]
    args += [g.weight(experts, fused * inner, std=0.1) if bias else ""]
    args += [g.weight(experts, hidden, inner, std=0.2), g.weight(experts, hidden, std=0.1) if bias else ""]
    args += [g.weight(experts, inner, hidden, std=0.25)] if third else []
    ms(g, kind, *args, out=g.output(name, ["n", hidden]), **attrs)


@model(*ROWS)
def ms_moe(g):
    x = g.input("x", FLOAT, ["n", 16], normal())
    router = g.input("router", FLOAT, ["n", 4], normal(2.0))
    moe(g, "MoE", "relu", x, router, k=1)
    moe(g, "MoE", "normalized", x, router, k=2, normalize_routing_weights=1, activation_type="gelu")
    moe(g, "MoE", "silu", x, router, k=2, activation_type="silu", bias=False)
    moe(g, "MoE", "swiglu", x, router, k=2, fused=2, swiglu_fusion=1, activation_type="swiglu", activation_alpha=1.7,
        activation_beta=1.0, swiglu_limit=0.8, normalize_routing_weights=1)


def qmoe(g, name, x, router, bits, block=0, experts=4, hidden=32, inner=64, fused=1, zeros=False, **attrs):
    def layer(rows, columns):
        blocks = [columns // block] if block else []
        weights = random_bytes(g, experts, rows, columns * bits // 8)
        return weights, g.const(g.rng.uniform(0.005, 0.02, [experts, rows] + blocks).astype(np.float32))
    first, second = layer(fused * inner, hidden), layer(hidden, inner)
    args = [x, router, *first, g.weight(experts, fused * inner, std=0.1), *second, g.weight(experts, hidden, std=0.1)]
    if zeros:
        args += ["", "", ""] + [random_bytes(g, experts, rows, columns // block * bits // 8)
                                for rows, columns in ((fused * inner, hidden), (hidden, inner))]
    ms(g, "QMoE", *args, expert_weight_bits=bits, weights_prepacked=0, out=g.output(name, ["n", hidden]),
       **({"block_size": block} if block else {}), **attrs)


@model(*ROWS, tolerance=0.02)
def ms_qmoe(g):
    x = g.input("x", FLOAT, ["n", 32], normal())
    router = g.input("router", FLOAT, ["n", 4], normal(2.0))
    qmoe(g, "rows", x, router, 4, k=2, normalize_routing_weights=1)
    qmoe(g, "eight", x, router, 8, k=1)
    qmoe(g, "blocks", x, router, 4, 16, k=2, fused=2, swiglu_fusion=1, activation_type="swiglu",
         activation_alpha=1.702, activation_beta=1.0, swiglu_limit=7.0)
    qmoe(g, "zeros", x, router, 4, 16, k=2, zeros=True, activation_type="silu")


# ---- products of 8-bit numbers ----

@model(*ROWS)
def ms_integer_products(g):
    a, sa = g.input("a", UINT8, ["n", 12], bytes_of(np.uint8)), g.scalar(0.02)
    b = random_bytes(g, 12, 8, dtype=np.int8)
    per_column, zero = scales(g, 8), g.const(g.rng.integers(-5, 5, 8).astype(np.int8))
    za, zb = g.scalar(120, np.uint8), g.scalar(3, np.int8)
    ms(g, "MatMulIntegerToFloat", a, b, sa, per_column, za, zero, g.bias(8), out=g.output("columns", ["n", 8]))
    ms(g, "MatMulIntegerToFloat", a, b, sa, g.scalar(0.03), out=g.output("plain", ["n", 8]))
    wide = g.const(g.rng.integers(-900, 900, 8).astype(np.int32))
    ms(g, "QGemm", a, sa, za, b, per_column, zero, wide, out=g.output("gemm", ["n", 8]))
    bt = random_bytes(g, 8, 12, dtype=np.int8)
    ms(g, "QGemm", a, sa, za, bt, g.scalar(0.03), zb, "", g.scalar(0.5), g.scalar(128, np.uint8), transB=1,
       out=g.output("gemm8", ["n", 8], UINT8))


@model(*ROWS, tolerance=0.01)
def ms_dynamic_matmul(g):
    x = g.input("x", FLOAT, ["n", 12], normal())
    b = random_bytes(g, 12, 8, dtype=np.int8)
    ms(g, "DynamicQuantizeMatMul", x, b, scales(g, 8), "", g.bias(8), out=g.output("columns", ["n", 8]))
    ms(g, "DynamicQuantizeMatMul", x, random_bytes(g, 12, 8), g.scalar(0.03), g.scalar(125, np.uint8),
       out=g.output("plain", ["n", 8]))


@model(*TEXT)
def ms_qattention(g):
    x = g.input("x", UINT8, ["batch", "seq", 10], bytes_of(np.uint8))
    keys = g.input("keys", INT32, ["batch", "seq"], mask_of(padding_mask))
    zero = g.scalar(130, np.uint8)
    b = random_bytes(g, 10, 36, dtype=np.int8)
    ms(g, "QAttention", x, b, g.bias(36), g.scalar(0.01), g.scalar(0.004), keys, zero, num_heads=3,
       out=g.output("y", ["batch", "seq", 12]))
    ms(g, "QAttention", x, b, g.bias(36), g.scalar(0.01), scales(g, 36), "", zero, g.const(np.arange(36, dtype=np.int8)),
       num_heads=3, unidirectional=1, out=g.output("causal", ["batch", "seq", 12]))


# ---- elementwise, pooling: floats between ----

@model(*IMAGE, steps=1)
def ms_qlinear(g):
    a = g.input("a", UINT8, ["n", 3, "h", "w"], bytes_of(np.uint8))
    b = g.input("b", UINT8, ["n", 3, 1, "w"], bytes_of(np.uint8))
    qa, qb = (g.scalar(0.0213), g.scalar(120, np.uint8)), (g.scalar(0.01377), g.scalar(131, np.uint8))
    qc = g.scalar(0.02917), g.scalar(110, np.uint8)
    shape = ["n", 3, "h", "w"]
    ms(g, "QLinearAdd", a, *qa, b, *qb, *qc, out=g.output("add", shape, UINT8))
    ms(g, "QLinearMul", a, *qa, b, *qb, *qc, out=g.output("mul", shape, UINT8))
    ms(g, "QLinearSigmoid", a, *qa, g.scalar(1 / 256), g.scalar(0, np.uint8), out=g.output("sigmoid", shape, UINT8))
    ms(g, "QLinearLeakyRelu", a, *qa, *qc, alpha=0.2, out=g.output("leaky", shape, UINT8))
    ms(g, "QLinearGlobalAveragePool", a, *qa, *qb, out=g.output("global", ["n", 3, 1, 1], UINT8))
    ms(g, "QLinearAveragePool", a, *qa, *qb, kernel_shape=[3, 3], pads=[1, 1, 1, 1],
       out=g.output("pool", shape, UINT8))
    ms(g, "QLinearSoftmax", a, *qa, g.scalar(1 / 256), g.scalar(0, np.uint8), axis=1, opset=13,
       out=g.output("softmax", shape, UINT8))
    ms(g, "QLinearConcat", *qc, a, *qa, a, *qb, axis=1, out=g.output("concat", ["n", 6, "h", "w"], UINT8))
    last = g.op("Transpose", a, perm=[0, 2, 3, 1])
    ms(g, "QLinearConv", last, *qa, random_bytes(g, 5, 3, 3, 3, dtype=np.int8), scales(g, 5),
       g.const(np.zeros(5, np.int8)), g.scalar(1.7), g.scalar(120, np.uint8), pads=[1, 1, 1, 1], channels_last=1,
       out=g.output("conv", ["n", "h", "w", 5], UINT8))
    ms(g, "QLinearGlobalAveragePool", last, *qa, *qb, channels_last=1, out=g.output("last", ["n", 1, 1, 3], UINT8))
    positive = g.op("Greater", g.op("Cast", a, to=FLOAT), g.scalar(100.0))
    ms(g, "QLinearWhere", positive, a, *qa, b, *qb, *qc, out=g.output("where", shape, UINT8))


@model(*ROWS, steps=1)
def ms_quantize(g):
    x = g.input("x", FLOAT, ["n", 6], normal(2.0))
    s, z16 = scales(g, 6), g.const(g.rng.integers(-99, 99, 6).astype(np.int16))
    for name, dtype, kind in (("i16", np.int16, INT16), ("u16", np.uint16, UINT16), ("u8", np.uint8, UINT8),
                              ("i8", np.int8, INT8)):
        zero = g.scalar(7, dtype)
        q = ms(g, "QuantizeLinear", x, g.scalar(0.02), zero, out=g.output(name, ["n", 6], kind))
        ms(g, "DequantizeLinear", q, g.scalar(0.02), zero, out=g.output(name + "_back", ["n", 6]))
    q = ms(g, "QuantizeLinear", x, s, z16, axis=1, out=g.output("axis", ["n", 6], INT16))
    ms(g, "DequantizeLinear", q, s, z16, axis=1, out=g.output("axis_back", ["n", 6]))


@model({"seq": 6, "batch": 3}, {"seq": 9, "batch": 1}, tolerance=0.02)
def ms_dynamic_lstm(g):
    """Weights in 8 bits; ONNX Runtime quantizes activations, too."""
    x = g.input("x", FLOAT, ["seq", "batch", 10], normal())
    for name, dirs, per_gate in (("forward", 1, False), ("bidirectional", 2, True)):
        def codes(rows, dirs=dirs):
            return random_bytes(g, dirs, rows, 32, dtype=np.int8)

        def pair(dirs=dirs, per_gate=per_gate):
            shape = (dirs, 32) if per_gate else (dirs,)
            return (g.const(g.rng.uniform(0.002, 0.004, shape).astype(np.float32)),
                    g.const(np.zeros(shape, np.int8)))
        w, r = codes(10), codes(8)
        ms(g, "DynamicQuantizeLSTM", x, w, r, g.weight(dirs, 64, std=0.1), "", "", "", "", *pair(), *pair(),
           hidden_size=8, direction=name,
           out=[g.output(name, ["seq", dirs, "batch", 8]), g.output(name + "_h", [dirs, "batch", 8]),
                g.output(name + "_c", [dirs, "batch", 8])])


# ---- fused operators ----

@model(*TEXT)
def ms_fused_rows(g):
    x = g.input("x", FLOAT, ["batch", "seq", 16], normal())
    y = g.input("y", FLOAT, ["batch", "seq", 16], normal())
    shape = ["batch", "seq", 16]
    row = g.input("row", FLOAT, ["seq", 16], normal())
    gamma, beta, bias = g.weight(16, std=0.1, mean=1.0), g.bias(16), g.bias(16)
    ms(g, "SkipLayerNormalization", x, y, gamma, beta, bias, epsilon=1e-5,
       out=[g.output("skip", shape), "", "", g.output("skip_sum", shape)])
    ms(g, "SkipLayerNormalization", x, row, gamma, out=g.output("skip_row", shape))
    ms(g, "SkipSimplifiedLayerNormalization", x, y, gamma, bias, epsilon=1e-6,
       out=[g.output("rms", shape), "", "", g.output("rms_sum", shape)])
    g.op("SimplifiedLayerNormalization", x, gamma, axis=-1, epsilon=1e-5, stash_type=1, out=g.output("simple", shape))
    ms(g, "BiasGelu", x, bias, out=g.output("bias_gelu", shape))
    ms(g, "FastGelu", x, bias, out=g.output("fast_gelu", shape))
    ms(g, "FastGelu", x, out=g.output("fast_gelu_plain", shape))
    ms(g, "QuickGelu", x, alpha=1.5, out=g.output("quick_gelu", shape))
    ms(g, "Gelu", x, out=g.output("gelu", shape))
    ms(g, "FusedMatMul", x, y, transB=1, alpha=0.3, out=g.output("product", ["batch", "seq", "seq"]))
    ms(g, "FusedMatMul", x, g.weight(16, 8), out=g.output("linear", ["batch", "seq", 8]))
    ms(g, "Trilu", x, g.scalar(1, np.int64), upper=0, out=g.output("trilu", shape))


@model(*TEXT)
def ms_embed(g):
    def ids(limit):
        return lambda rng, shape, sizes: rng.integers(0, limit, shape).astype(np.int32)
    words = g.input("words", INT32, ["batch", "seq"], ids(30))
    segments = g.input("segments", INT32, ["batch", "seq"], ids(2))
    mask = g.input("mask", INT32, ["batch", "seq"], mask_of(padding_mask))
    tables = g.weight(30, 8, std=1.0), g.weight(12, 8, std=1.0), g.weight(2, 8, std=1.0)
    gamma, beta = g.weight(8, std=0.1, mean=1.0), g.bias(8)
    ms(g, "EmbedLayerNormalization", words, segments, *tables, gamma, beta, mask, epsilon=1e-5,
       out=[g.output("y", ["batch", "seq", 8]), g.output("lengths", ["batch"], INT32),
            g.output("sum", ["batch", "seq", 8])])
    ms(g, "EmbedLayerNormalization", words, "", tables[0], tables[1], "", gamma, beta, "", segments,
       out=[g.output("plain", ["batch", "seq", 8]), g.output("none", ["batch"], INT32)])


@model({"n": 3, "m": 4}, {"n": 1, "m": 6})
def ms_fused_products(g):
    a = g.input("a", FLOAT, ["n", 2, "m", 8], normal())
    b = g.input("b", FLOAT, ["m", "n", 2, 8], normal())
    row = g.input("row", FLOAT, ["n", 8], normal())
    # transBatchB: [m, n, 2, 8] means [n, 2, m, 8]
    ms(g, "FusedMatMul", a, b, transBatchB=1, transB=1, out=g.output("batches", ["n", 2, "m", "m"]))
    ms(g, "FusedMatMul", a, a, transA=1, alpha=0.5, out=g.output("left", ["n", 2, 8, 8]))
    for name, attrs in (("Relu", {}), ("LeakyRelu", {"activation_alpha": 0.2}), ("Tanh", {}), ("Sigmoid", {}),
                        ("HardSigmoid", {"activation_alpha": 0.3, "activation_beta": 0.4})):
        ms(g, "FusedGemm", row, g.weight(6, 8), g.bias(6), transB=1, alpha=0.7, beta=0.5, activation=name,
           out=g.output(name, ["n", 6]), **attrs)


@model(*IMAGE)
def ms_fused_conv(g):
    x = g.input("x", FLOAT, ["n", 4, "h", "w"], normal())
    z = g.input("z", FLOAT, ["n", 6, "h", "w"], normal())
    shape = ["n", 6, "h", "w"]
    for name, args, attrs in (("Relu", [], {}), ("LeakyRelu", [], {"activation_params": [0.2]}), ("Tanh", [], {}),
                              ("Clip", [], {"activation_params": [-0.5, 0.7]}), ("Sigmoid", [z], {})):
        ms(g, "FusedConv", x, g.weight(6, 4, 3, 3, std=0.15), g.bias(6), *args, activation=name, pads=[1, 1, 1, 1],
           kernel_shape=[3, 3], out=g.output(name, shape), **attrs)
    codes = g.input("codes", UINT8, ["n", "h", "w", 4], bytes_of(np.uint8))
    ms(g, "NhwcMaxPool", codes, kernel_shape=[2, 2], out=g.output("pool", ["n", "h - 1", "w - 1", 4], UINT8))


@model(*TEXT)
def ms_gated(g):
    x, y = (g.input(name, FLOAT, ["batch", "seq", 16], normal()) for name in "xy")
    gate = g.input("gate", FLOAT, ["batch", "seq", 1], normal())
    shape = ["batch", "seq", 16]
    ms(g, "ScaledSiLU", x, alpha=0.7, out=g.output("silu", shape))
    ms(g, "GatedAdd", x, y, gate, out=g.output("added", shape))
    ms(g, "GatedRMSNorm", x, g.weight(8, std=0.1, mean=1.0), y, epsilon=1e-4, out=g.output("normed", shape))
    ms(g, "GatedRMSNorm", x, g.weight(16, std=0.1, mean=1.0), y, activation="sigmoid", out=g.output("sigmoid", shape))
    ms(g, "ExpandDims", x, g.scalar(-2, np.int32), out=g.output("wide", ["batch", "seq", 1, 16]))


# ---- what there are kernels for on graphics processors only: the same by operators of the standard ----

def other_inputs(g):
    return [g.input("x", FLOAT, ["n", "h", "w", 8], normal()), g.input("skip", FLOAT, ["n", 8], normal()),
            g.input("gamma", FLOAT, [8], normal(0.1, 1.0)), g.input("beta", FLOAT, [8], normal()),
            g.input("rows", FLOAT, ["n", "w", 8], normal()), g.input("more", FLOAT, ["n", "w", 8], normal()),
            g.input("matrix", FLOAT, [8, 8], normal(0.4)), g.input("filter", FLOAT, [6, 8, 3, 3], normal(0.15))]


def other_outputs(g):
    wide, rows = ["n", "h", "w", 8], ["n", "w", 8]
    return [g.output(f"y{i}", shape) for i, shape in enumerate(
        (wide, wide, wide, ["n", "w", 4], rows, rows, ["n", "w", 4], rows, rows, ["n", "h", "w", 6]))]


def as_standard(g):
    x, skip, gamma, beta, rows, more, matrix, kernel = other_inputs(g)
    y = other_outputs(g)

    def half(value, index):
        return g.split(value, [4, 4], -1)[index]

    def group_norm(value, groups, out=None):
        first = g.op("Transpose", value, perm=[0, 3, 1, 2])
        shape = g.op("Concat", g.op("Slice", g.op("Shape", first), g.ints(0), g.ints(1)), g.ints(groups, -1), axis=0)
        flat = g.op("InstanceNormalization", g.op("Reshape", first, shape), g.const(np.ones(groups, np.float32)),
                    g.const(np.zeros(groups, np.float32)), epsilon=1e-5)
        last = g.op("Transpose", g.op("Reshape", flat, g.op("Shape", first)), perm=[0, 2, 3, 1])
        return g.op("Add", g.op("Mul", last, gamma), beta, **({"out": out} if out else {}))

    normed = group_norm(x, 2)
    g.op("Mul", normed, g.op("Sigmoid", normed), out=y[0])
    total = g.op("Add", g.op("Add", x, g.unsqueeze(skip, 1, 2)), beta)
    group_norm(total, 4, y[1])
    g.op("Identity", total, out=y[2])
    biased = g.op("Add", rows, beta)
    g.op("Mul", half(biased, 0), ms(g, "Gelu", half(biased, 1)), out=y[3])
    g.op("Add", biased, more, out=y[4])
    gate = g.op("Min", rows, g.scalar(0.9))
    up = g.op("Max", g.op("Min", more, g.scalar(0.9)), g.scalar(-0.9))
    swish = g.op("Mul", gate, g.op("Sigmoid", g.op("Mul", gate, g.scalar(1.7))))
    g.op("Mul", swish, g.op("Add", up, g.scalar(1.0)), out=y[5])
    g.op("Mul", g.op("Mul", half(rows, 0), g.op("Sigmoid", half(rows, 0))), half(rows, 1), out=y[6])
    ms(g, "FastGelu", g.op("MatMul", rows, matrix), beta, out=y[7])
    g.op("Relu", g.op("Mul", g.op("MatMul", rows, matrix), g.scalar(0.5)), out=y[8])
    conv = g.op("Conv", g.op("Transpose", x, perm=[0, 3, 1, 2]), kernel, pads=[1, 1, 1, 1])
    g.op("Transpose", g.op("Tanh", conv), perm=[0, 2, 3, 1], out=y[9])


@model(*IMAGE, reference=equivalent(as_standard))
def ms_device_only(g):
    x, skip, gamma, beta, rows, more, matrix, kernel = other_inputs(g)
    y = other_outputs(g)
    ms(g, "GroupNorm", x, gamma, beta, groups=2, activation=1, epsilon=1e-5, out=y[0])
    ms(g, "SkipGroupNorm", x, gamma, beta, skip, beta, groups=4, activation=0, epsilon=1e-5, out=y[1:3])
    ms(g, "BiasSplitGelu", rows, beta, out=y[3])
    ms(g, "BiasAdd", rows, beta, more, out=y[4])
    ms(g, "SwiGLU", rows, more, activation_alpha=1.7, activation_beta=1.0, limit=0.9, out=y[5])
    ms(g, "SwiGLU", rows, out=y[6])
    ms(g, "GemmFastGelu", rows, matrix, beta, out=y[7])
    ms(g, "FusedMatMulActivation", rows, matrix, alpha=0.5, activation="Relu", out=y[8])
    ms(g, "NhwcFusedConv", x, kernel, activation="Tanh", pads=[1, 1, 1, 1], out=y[9])
