"""Models whose weights and activations are stored in few bits, as quantizers write them: 4-bit weights in blocks, 8-bit
floats, integers with zero points, in QDQ form and as quantized operators."""
import ml_dtypes
import numpy as np

from graph import FLOAT, normal
from makers import model

TOKENS = [{"batch": 2, "seq": 12}, {"batch": 3, "seq": 7}]
IMAGES = [{"batch": 2, "height": 16, "width": 12}, {"batch": 1, "height": 9, "width": 20}]


def codes(g, dtype, low, high, *shape):
    return g.const(g.rng.integers(low, high, shape, endpoint=True).astype(dtype), "codes")


def scales(g, *shape, about=0.02):
    return g.const((g.rng.uniform(0.5, 1.5, shape) * about).astype(np.float32), "scales")


def linear4(g, x, n_in, n_out, signed, block=32):
    """Weights [K, N] of 4 bits, one scale (and zero point) for each block of K."""
    dtype, low, high = (ml_dtypes.int4, -8, 7) if signed else (ml_dtypes.uint4, 0, 15)
    blocks = -(-n_in // block)
    inputs = [codes(g, dtype, low, high, n_in, n_out), scales(g, blocks, n_out)]
    if not signed:
        inputs.append(codes(g, dtype, 6, 9, blocks, n_out))
    w = g.op("DequantizeLinear", *inputs, axis=0, block_size=block)
    return g.op("Add", g.op("MatMul", x, w), g.bias(n_out))


@model(*TOKENS, opset=21)
def int4_weights(g):
    x = g.input("x", FLOAT, ["batch", "seq", 64], normal())
    y = g.op("Relu", linear4(g, x, 64, 160, signed=True))
    g.output(g.op("Identity", linear4(g, y, 160, 48, signed=False), out="y"), ["batch", "seq", 48])


@model(*TOKENS, opset=21)
def float8_weights(g):
    x = g.input("x", FLOAT, ["batch", "seq", 48], normal())
    for dtype in (ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2):
        w = g.const((g.rng.standard_normal((48, 48)) * 4).astype(dtype), "codes")
        w = g.op("DequantizeLinear", w, scales(g, 48, about=0.04), axis=1)
        x = g.op("Tanh", g.op("MatMul", x, w))
    # Activations by way of 8 bits.
    zero = g.const(np.zeros((), ml_dtypes.float8_e4m3fn))
    y = g.op("QuantizeLinear", x, g.scalar(0.0625), zero)
    g.output(g.op("DequantizeLinear", y, g.scalar(0.0625), zero, out="y"), ["batch", "seq", 48])


@model(*IMAGES, opset=13)
def qdq_convolutions(g):
    """Per-channel int8 weights, uint8 activations; the quantized integers are outputs, too."""
    x = g.input("image", FLOAT, ["batch", 3, "height", "width"], normal())
    channels, q = 3, None
    for n in (16, 24):
        zero, scale = g.const(np.uint8(120)), g.scalar(0.025)
        q = g.op("QuantizeLinear", x, scale, zero)
        w = g.op("DequantizeLinear", codes(g, np.int8, -127, 127, n, channels, 3, 3), scales(g, n, about=0.004),
                 g.const(np.zeros(n, np.int8)), axis=0)
        x = g.op("Relu", g.op("Conv", g.op("DequantizeLinear", q, scale, zero), w, g.bias(n), pads=[1] * 4,
                              kernel_shape=[3, 3]))
        channels = n
    g.output(g.op("Identity", x, out="y"), ["batch", 24, "height", "width"])


@model(*TOKENS, opset=13)
def qlinear_matmul(g):
    x = g.input("x", FLOAT, ["batch", "seq", 40], normal())
    zero, scale = g.const(np.uint8(128)), g.scalar(0.03)
    q = g.op("QuantizeLinear", x, scale, zero)
    for n_in, n_out in ((40, 64), (64, 24)):
        out = (g.scalar(0.05), g.const(np.uint8(110)))
        q = g.op("QLinearMatMul", q, scale, zero, codes(g, np.int8, -127, 127, n_in, n_out), g.scalar(0.002),
                 g.const(np.int8(0)), *out)
        scale, zero = out
    g.output(g.op("DequantizeLinear", q, scale, zero, out="y"), ["batch", "seq", 24])


@model(*IMAGES, opset=13)
def qlinear_convolution(g):
    x = g.input("image", FLOAT, ["batch", 8, "height", "width"], normal())
    zero, scale = g.const(np.uint8(130)), g.scalar(0.03)
    q = g.op("QuantizeLinear", x, scale, zero)
    bias = g.const(g.rng.integers(-2000, 2000, 16).astype(np.int32))
    q = g.op("QLinearConv", q, scale, zero, codes(g, np.int8, -127, 127, 16, 8, 3, 3), scales(g, 16, about=0.002),
             g.const(np.zeros(16, np.int8)), g.scalar(0.04), g.const(np.uint8(100)), bias, pads=[1] * 4,
             kernel_shape=[3, 3])
    g.output(g.op("DequantizeLinear", q, g.scalar(0.04), g.const(np.uint8(100)), out="y"),
             ["batch", 16, "height", "width"])
