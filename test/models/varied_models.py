"""Building blocks of many architectures, each in few nodes: what the other families do not have, in the forms that
exporters write."""
import numpy as np

from graph import BOOL, FLOAT, INT64, ids, normal, padding_mask
from makers import model
from vision_models import batch_norm, conv

IMAGES = [{"batch": 2, "height": 16, "width": 16}, {"batch": 1, "height": 24, "width": 8}]
TOKENS = [{"batch": 2, "seq": 12, "source": 5}, {"batch": 3, "seq": 7, "source": 9}]
SIGNALS = [{"batch": 2, "time": 40}, {"batch": 1, "time": 27}]


def norm(g, x, n, epsilon=1e-5):
    return g.op("LayerNormalization", x, g.weight(n, std=0.1, mean=1.0), g.bias(n), epsilon=epsilon)


def norm_pieces(g, x, n, axis=-1):
    """Over `axis`, in elementary operations."""
    centred = g.op("Sub", x, g.reduce("ReduceMean", x, axis))
    variance = g.reduce("ReduceMean", g.op("Mul", centred, centred), axis)
    y = g.op("Div", centred, g.op("Sqrt", g.op("Add", variance, g.scalar(1e-6))))
    shape = (n,) if axis == -1 else (n, 1, 1)
    return g.op("Add", g.op("Mul", y, g.weight(*shape, std=0.1, mean=1.0)), g.weight(*shape, std=0.1))


def linear(g, x, n_in, n_out):
    return g.op("Add", g.op("MatMul", x, g.weight(n_in, n_out)), g.bias(n_out))


def swish(g, x):
    return g.op("Mul", x, g.op("Sigmoid", x))


def gelu(g, x):
    erf = g.op("Erf", g.op("Div", x, g.scalar(2 ** 0.5)))
    return g.op("Mul", g.op("Mul", x, g.op("Add", erf, g.scalar(1.0))), g.scalar(0.5))


def heads(g, x, n, width, perm=(0, 2, 1, 3)):
    return g.op("Transpose", g.op("Reshape", x, g.ints(0, 0, n, width // n)), perm=list(perm))


def attention(g, x, width, n=4, bias=None, memory=None):
    memory = memory or x
    q, k, v = (heads(g, linear(g, y, width, width), n, width) for y in (x, memory, memory))
    scores = g.op("Div", g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2])), g.scalar((width // n) ** 0.5))
    if bias:
        scores = g.op("Add", scores, bias)
    y = g.op("MatMul", g.op("Softmax", scores, axis=-1), v)
    y = g.op("Reshape", g.op("Transpose", y, perm=[0, 2, 1, 3]), g.ints(0, 0, width))
    return linear(g, y, width, width)


# ---- images ----

@model(*IMAGES)
def convnext(g):
    x = g.input("image", FLOAT, ["batch", 3, "height", "width"], normal())
    x = norm_pieces(g, conv(g, x, 3, 24, 4, 4, pads=[0] * 4), 24, axis=1)
    for _ in range(2):
        y = g.op("Transpose", conv(g, x, 24, 24, 7, groups=24), perm=[0, 2, 3, 1])
        y = linear(g, gelu(g, linear(g, norm(g, y, 24, 1e-6), 24, 96)), 96, 24)
        y = g.op("Transpose", g.op("Mul", y, g.weight(24, std=0.5)), perm=[0, 3, 1, 2])
        x = g.op("Add", x, y)
    x = norm(g, g.reduce("ReduceMean", x, -2, -1, keepdims=0), 24)
    g.output(g.op("Gemm", x, g.weight(10, 24, std=0.2), g.bias(10), transB=1, out="logits"), ["batch", 10])


@model(*IMAGES, opset=13)
def mbconv(g):
    x = g.input("image", FLOAT, ["batch", 8, "height", "width"], normal())
    y = swish(g, batch_norm(g, conv(g, x, 8, 40, 1, bias=False), 40))
    y = swish(g, batch_norm(g, conv(g, y, 40, 40, 5, groups=40, bias=False), 40))
    gate = swish(g, conv(g, g.reduce("ReduceMean", y, 2, 3), 40, 3, 1))
    y = g.op("Mul", g.op("Sigmoid", conv(g, gate, 3, 40, 1)), y)
    y = batch_norm(g, conv(g, y, 40, 8, 1, bias=False), 8)
    g.output(g.op("Add", y, x, out="y"), ["batch", 8, "height", "width"])


@model({"batch": 2}, {"batch": 3})
def swin(g):
    """Windows of 4x4 by reshapes and transposes, shifted by Slice and Concat."""
    side, window, width = 8, 4, 32
    x = g.input("x", FLOAT, ["batch", side * side, width], normal())
    for shift in (0, 2):
        y = g.op("Reshape", norm(g, x, width), g.ints(-1, side, side, width))
        roll = lambda y, by: y if not shift else [
            y := g.op("Concat", g.slice(y, by, 2 ** 31, axis), g.slice(y, 0, by, axis), axis=axis) for axis in (1, 2)][-1]
        y = g.op("Reshape", roll(y, shift), g.ints(-1, side // window, window, side // window, window, width))
        y = g.op("Reshape", g.op("Transpose", y, perm=[0, 1, 3, 2, 4, 5]), g.ints(-1, window * window, width))
        y = attention(g, y, width, bias=g.weight(1, 4, window * window, window * window, std=1.0))
        y = g.op("Reshape", y, g.ints(-1, side // window, side // window, window, window, width))
        y = g.op("Reshape", g.op("Transpose", y, perm=[0, 1, 3, 2, 4, 5]), g.ints(-1, side, side, width))
        x = g.op("Add", x, g.op("Reshape", roll(y, -shift), g.ints(-1, side * side, width)))
        x = g.op("Add", x, linear(g, gelu(g, linear(g, norm(g, x, width), width, 64)), 64, width))
    y = g.op("Reshape", x, g.ints(-1, side, side, width))
    parts = [g.slice(g.slice(y, i, 2 ** 31, 1, 2), j, 2 ** 31, 2, 2) for j in (0, 1) for i in (0, 1)]
    y = g.op("Reshape", g.op("Concat", *parts, axis=-1), g.ints(-1, side * side // 4, 4 * width))
    y = g.op("MatMul", norm(g, y, 4 * width), g.weight(4 * width, 2 * width))
    g.output(g.op("Identity", y, out="y"), [None] * 3)


@model(*IMAGES)
def detr_encoder(g):
    """A feature map as tokens, with position embeddings of rows and columns."""
    n, width = 6, 32
    image = g.input("image", FLOAT, ["batch", 3, "height", "width"], normal())
    x = conv(g, image, 3, width, 4, 4, pads=[0] * 4)
    rows, columns = g.weight(n, width // 2, std=1.0), g.weight(n, width // 2, std=1.0)
    height, breadth = (g.vector((x, axis, f"{symbol} // 4")) for axis, symbol in ((2, "height"), (3, "width")))
    rows, columns = g.slice(rows, 0, height, 0), g.slice(columns, 0, breadth, 0)
    half = g.ints(width // 2)
    columns = g.op("Expand", g.unsqueeze(columns, 0), g.op("Concat", height, breadth, half, axis=0))
    rows = g.op("Expand", g.unsqueeze(rows, 1), g.op("Concat", height, breadth, half, axis=0))
    position = g.op("Reshape", g.op("Concat", columns, rows, axis=-1), g.ints(1, -1, width))
    x = g.op("Transpose", g.op("Reshape", x, g.ints(0, width, -1)), perm=[0, 2, 1])
    y = g.op("Add", x, position)
    x = norm(g, g.op("Add", x, attention(g, y, width, memory=y)), width)
    x = norm(g, g.op("Add", x, linear(g, g.op("Relu", linear(g, x, width, 64)), 64, width)), width)
    boxes = g.op("Sigmoid", linear(g, x, width, 4))
    g.output(g.op("Identity", x, out="features"), [None] * 3)
    g.output(g.op("Identity", boxes, out="boxes"), [None] * 3)


@model(*IMAGES)
def mixer(g):
    x = g.input("x", FLOAT, ["batch", 16, 24], normal())
    y = g.op("Transpose", norm(g, x, 24), perm=[0, 2, 1])
    y = g.op("Transpose", linear(g, gelu(g, linear(g, y, 16, 40)), 40, 16), perm=[0, 2, 1])
    x = g.op("Add", x, y)
    x = g.op("Add", x, linear(g, gelu(g, linear(g, norm(g, x, 24), 24, 40)), 40, 24))
    g.output(g.op("MatMul", g.reduce("ReduceMean", x, 1, keepdims=0), g.weight(24, 5), out="y"), ["batch", 5])


@model(*IMAGES)
def autoencoder(g):
    x = g.input("image", FLOAT, ["batch", 3, "height", "width"], normal())
    y = g.op("LeakyRelu", conv(g, x, 3, 16, 3, 2), alpha=0.2)
    y = g.op("Elu", conv(g, y, 16, 32, 3, 2))
    for n_in, n_out, kernel in ((32, 16, 4), (16, 3, 2)):
        y = g.op("ConvTranspose", y, g.weight(n_in, n_out, kernel, kernel, std=(4.0 / n_in / kernel ** 2) ** 0.5),
                 g.bias(n_out), kernel_shape=[kernel] * 2, strides=[2, 2], pads=[(kernel - 2) // 2] * 4)
        y = g.op("Relu", y) if n_out > 3 else y
    g.output(g.op("Sigmoid", y, out="y"), [None] * 4)


@model(*IMAGES)
def upsampler(g):
    """A generator: nearest Resize, padding by reflection, instance normalization."""
    x = g.input("image", FLOAT, ["batch", 8, "height", "width"], normal())
    for n_in, n_out in ((8, 12), (12, 6)):
        x = g.op("Resize", x, "", g.const(np.array([1, 1, 2, 2], np.float32)), mode="nearest",
                 coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        x = g.op("Pad", x, g.ints(0, 0, 1, 1, 0, 0, 1, 1), mode="reflect")
        x = conv(g, x, n_in, n_out, pads=[0] * 4)
        x = g.op("InstanceNormalization", x, g.weight(n_out, std=0.1, mean=1.0), g.bias(n_out), epsilon=1e-5)
        x = g.op("LeakyRelu", x, alpha=0.2)
    g.output(g.op("Tanh", conv(g, x, 6, 3, 7), out="y"), [None] * 4)


@model(*IMAGES)
def yolo_head(g):
    """Split channels, pool pyramid, boxes from logits on a grid."""
    x = g.input("image", FLOAT, ["batch", 3, "height", "width"], normal())
    x = swish(g, conv(g, x, 3, 32, 3, 2))
    a, b = g.split(x, [16, 16], 1)
    b = g.op("Add", b, swish(g, conv(g, swish(g, conv(g, b, 16, 16)), 16, 16)))
    x = swish(g, conv(g, g.op("Concat", a, b, axis=1), 32, 16, 1))
    pools = [x]
    for _ in range(3):
        pools.append(g.op("MaxPool", pools[-1], kernel_shape=[5, 5], strides=[1, 1], pads=[2] * 4))
    x = swish(g, conv(g, g.op("Concat", *pools, axis=1), 64, 32, 1))
    x = g.op("Concat", g.op("Resize", x, "", g.const(np.array([1, 1, 2, 2], np.float32)), mode="nearest"),
             conv(g, g.op("Resize", x, "", g.const(np.array([1, 1, 2, 2], np.float32)), mode="linear"), 32, 8, 1), axis=1)
    x = conv(g, x, 40, 2 * 9, 1)
    x = g.op("Reshape", x, g.op("Concat", g.vector((x, 0, "batch")), g.ints(2, 9, -1), axis=0))
    x = g.op("Transpose", x, perm=[0, 1, 3, 2])
    centre, size, score = g.split(g.op("Sigmoid", x), [2, 2, 5], -1)
    centre = g.op("Sub", g.op("Mul", centre, g.scalar(2.0)), g.scalar(0.5))
    size = g.op("Mul", g.op("Pow", g.op("Mul", size, g.scalar(2.0)), g.scalar(2.0)), g.weight(1, 2, 1, 2, std=1.0))
    x = g.op("Concat", centre, size, score, axis=-1)
    g.output(g.op("Reshape", x, g.op("Concat", g.vector((x, 0, "batch")), g.ints(-1, 9), axis=0), out="boxes"), [None] * 3)


@model(*IMAGES)
def pixel_shuffle(g):
    """Channels to space by a reshape, as PyTorch writes it, and the reverse by the operator; channel shuffle."""
    x = g.input("image", FLOAT, ["batch", 8, "height", "width"], normal())
    shuffled = g.op("Reshape", x, g.op("Concat", g.vector((x, 0, "batch")), g.ints(2, 4),
                                       g.vector((x, 2, "height"), (x, 3, "width")), axis=0))
    shuffled = g.op("Reshape", g.op("Transpose", shuffled, perm=[0, 2, 1, 3, 4]),
                    g.vector((x, 0, "batch"), 8, (x, 2, "height"), (x, 3, "width")))
    y = conv(g, shuffled, 8, 12, groups=4)
    y = g.op("DepthToSpace", y, blocksize=2, mode="CRD")
    y = g.op("PRelu", y, g.weight(3, 1, 1, std=0.3))
    y = g.op("SpaceToDepth", y, blocksize=4)
    g.output(g.op("Clip", y, g.scalar(-2.0), g.scalar(2.0), out="y"), [None] * 4)


@model(*IMAGES)
def dense_block(g):
    x = g.input("image", FLOAT, ["batch", 8, "height", "width"], normal())
    for n in (8, 14, 20):
        y = conv(g, g.op("Relu", batch_norm(g, x, n)), n, 12, 1)
        x = g.op("Concat", x, conv(g, g.op("Relu", batch_norm(g, y, 12)), 12, 6, 3, bias=False), axis=1)
    x = conv(g, g.op("Relu", batch_norm(g, x, 26)), 26, 16, 1)
    x = g.op("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = g.op("LRN", x, size=5, alpha=1e-2)
    dilated = [conv(g, x, 16, 8, 3, dilation=d) for d in (1, 2, 3)]
    pooled = g.op("Expand", conv(g, g.op("GlobalAveragePool", x), 16, 8, 1), g.op("Shape", dilated[0]))
    g.output(g.op("Concat", *dilated, pooled, axis=1, out="y"), [None] * 4)


# ---- sequences ----

def conv1d(g, x, n_in, n_out, kernel, groups=1, dilation=1, pads=None, stride=1):
    return g.op("Conv", x, g.weight(n_out, n_in // groups, kernel, std=(2.0 / (n_in // groups * kernel)) ** 0.5),
                g.bias(n_out), kernel_shape=[kernel], group=groups, dilations=[dilation], strides=[stride],
                pads=pads or [dilation * (kernel // 2)] * 2)


@model(*SIGNALS)
def wavenet(g):
    """Causal dilated convolutions behind a Pad, gates, skips."""
    x = conv1d(g, g.input("x", FLOAT, ["batch", 1, "time"], normal()), 1, 16, 1)
    skips = []
    for dilation in (1, 2, 4):
        padded = lambda: g.op("Pad", x, g.ints(0, 0, dilation, 0, 0, 0), g.scalar(0.0))
        y = g.op("Mul", g.op("Tanh", conv1d(g, padded(), 16, 16, 2, dilation=dilation, pads=[0, 0])),
                 g.op("Sigmoid", conv1d(g, padded(), 16, 16, 2, dilation=dilation, pads=[0, 0])))
        skips.append(conv1d(g, y, 16, 24, 1))
        x = g.op("Add", x, conv1d(g, y, 16, 16, 1))
    g.output(g.op("LogSoftmax", conv1d(g, g.op("Relu", g.op("Sum", *skips)), 24, 10, 1), axis=1, out="y"), [None] * 3)


@model(*SIGNALS)
def tcn(g):
    """Symmetric padding, cut at the end; strided pooling."""
    x = g.input("x", FLOAT, ["batch", 4, "time"], normal())
    for n_in, n_out, dilation in ((4, 16, 1), (16, 16, 2), (16, 12, 4)):
        y = conv1d(g, x, n_in, n_out, 3, dilation=dilation, pads=[2 * dilation] * 2)
        y = g.op("Relu", g.slice(y, 0, -2 * dilation, 2))
        x = g.op("Relu", g.op("Add", y, x if n_in == n_out else conv1d(g, x, n_in, n_out, 1)))
    y = g.op("MaxPool", x, kernel_shape=[3], strides=[2], pads=[1, 0], ceil_mode=1)
    z = g.op("AveragePool", x, kernel_shape=[4], strides=[3])
    g.output(g.op("Concat", g.op("GlobalMaxPool", y), g.op("GlobalAveragePool", z), axis=1, out="y"), ["batch", 24, 1])


@model(*SIGNALS)
def conformer(g):
    """Convolution subsampling, half-step feed forward, attention, gated depthwise convolution."""
    width = 32
    x = g.input("features", FLOAT, ["batch", "time", 20], normal())
    y = g.unsqueeze(x, 1)
    for n_in in (1, 8):
        y = g.op("Relu", conv(g, y, n_in, 8, 3, 2, pads=[0] * 4))
    y = g.op("Transpose", y, perm=[0, 2, 1, 3])
    shape = g.op("Concat", g.vector((y, 0, "batch")), g.ints(-1, 8 * 4), axis=0)
    x = linear(g, g.op("Reshape", y, shape), 8 * 4, width)
    half = lambda x: g.op("Mul", linear(g, swish(g, linear(g, norm(g, x, width), width, 64)), 64, width), g.scalar(0.5))
    x = g.op("Add", x, half(x))
    x = g.op("Add", x, attention(g, norm(g, x, width), width))
    y = conv1d(g, g.op("Transpose", norm(g, x, width), perm=[0, 2, 1]), width, 2 * width, 1)
    a, b = g.split(y, [width, width], 1)
    y = conv1d(g, g.op("Mul", a, g.op("Sigmoid", b)), width, width, 5, groups=width)
    y = swish(g, batch_norm(g, y, width))
    x = g.op("Add", x, g.op("Transpose", conv1d(g, y, width, width, 1), perm=[0, 2, 1]))
    x = norm(g, g.op("Add", x, half(x)), width)
    logits = g.op("LogSoftmax", linear(g, x, width, 11), axis=-1)
    g.output(g.op("Identity", logits, out="log_probs"), [None] * 3)
    g.output(g.op("ArgMax", logits, axis=-1, keepdims=0, out="best"), [None] * 2, INT64)


@model({"batch": 2, "frames": 6, "labels": 4}, {"batch": 1, "frames": 9, "labels": 3})
def rnnt_joint(g):
    a = linear(g, g.input("encoder", FLOAT, ["batch", "frames", 16], normal()), 16, 24)
    b = linear(g, g.input("predictor", FLOAT, ["batch", "labels", 12], normal()), 12, 24)
    y = g.op("Tanh", g.op("Add", g.unsqueeze(a, 2), g.unsqueeze(b, 1)))
    g.output(g.op("LogSoftmax", linear(g, y, 24, 9), axis=3, out="y"), ["batch", "frames", "labels", 9])


@model(*TOKENS)
def t5_attention(g):
    """Relative position buckets by Log, Min and Where; RMS norm; no scaling."""
    width, n, buckets = 32, 4, 16
    token = g.input("ids", INT64, ["batch", "seq"], ids(50))
    mask = g.input("mask", INT64, ["batch", "seq"], padding_mask)
    x = g.op("Gather", g.weight(50, width, std=1.0), token)
    length = g.squeeze(g.vector((token, 1, "seq")), 0)
    index = g.op("Range", g.scalar(0, np.int64), length, g.scalar(1, np.int64))
    relative = g.op("Sub", g.unsqueeze(index, 0), g.unsqueeze(index, 1))
    positive = g.op("Cast", g.op("Greater", relative, g.scalar(0, np.int64)), to=INT64)
    bucket = g.op("Mul", positive, g.scalar(buckets // 2, np.int64))
    distance = g.op("Abs", relative)
    small = g.op("Less", distance, g.scalar(buckets // 4, np.int64))
    log = g.op("Log", g.op("Div", g.op("Cast", distance, to=FLOAT), g.scalar(buckets / 4)))
    log = g.op("Mul", g.op("Div", log, g.scalar(np.log(8.0))), g.scalar(float(buckets // 4)))
    finite = g.op("Where", small, g.scalar(0.0), log)
    large = g.op("Add", g.op("Cast", finite, to=INT64), g.scalar(buckets // 4, np.int64))
    large = g.op("Min", large, g.op("Expand", g.scalar(buckets // 2 - 1, np.int64), g.op("Shape", large)))
    bucket = g.op("Add", bucket, g.op("Where", small, distance, large))
    bias = g.op("Transpose", g.op("Gather", g.weight(buckets, n, std=1.0), bucket), perm=[2, 0, 1])
    masked = g.op("Mul", g.op("Sub", g.scalar(1.0), g.op("Cast", g.unsqueeze(mask, 1, 2), to=FLOAT)),
                  g.scalar(float(np.finfo(np.float32).min)))
    bias = g.op("Add", g.unsqueeze(bias, 0), masked)
    square = g.op("Pow", x, g.scalar(2.0))
    scale = g.op("Sqrt", g.op("Add", g.reduce("ReduceMean", square, -1), g.scalar(1e-6)))
    y = g.op("Mul", g.weight(width, std=0.1, mean=1.0), g.op("Div", x, scale))
    q, k, v = (heads(g, g.op("MatMul", y, g.weight(width, width)), n, width) for _ in range(3))
    scores = g.op("Add", g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2])), bias)
    y = g.op("Transpose", g.op("MatMul", g.op("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
    y = g.op("MatMul", g.op("Reshape", y, g.ints(0, 0, width)), g.weight(width, width))
    g.output(g.op("Add", x, y, out="y"), ["batch", "seq", width])


@model(*TOKENS)
def moe_router(g):
    """The two best of six experts, their weights scattered, all experts computed."""
    width, experts = 16, 6
    x = g.input("x", FLOAT, ["batch", "seq", width], normal())
    flat = g.op("Reshape", x, g.ints(-1, width))
    probabilities = g.op("Softmax", g.op("MatMul", flat, g.weight(width, experts, std=1.0)), axis=-1)
    best, which = g.op("TopK", probabilities, g.ints(2), outs=2, axis=-1)
    best = g.op("Div", best, g.reduce("ReduceSum", best, -1))
    zero = g.op("ConstantOfShape", g.op("Shape", probabilities))
    gates = g.op("ScatterElements", zero, which, best, axis=1)
    hidden = g.op("Einsum", flat, g.weight(experts, width, 24, std=0.25), equation="td,edh->teh")
    y = g.op("Einsum", g.op("Relu", hidden), g.weight(experts, 24, width, std=0.2), equation="teh,ehd->ted")
    y = g.reduce("ReduceSum", g.op("Mul", y, g.unsqueeze(gates, -1)), 1, keepdims=0)
    g.output(g.op("Add", x, g.op("Reshape", y, g.op("Shape", x)), out="y"), ["batch", "seq", width])
    g.output(g.op("Identity", which, out="which"), [None] * 2, INT64)


@model({"batch": 3, "seq": 9, "images": 2}, {"batch": 2, "seq": 5, "images": 4})
def clip_towers(g):
    """Text features where the end token is (ArgMax), image features by class token, cosine similarities."""
    width = 32
    token = g.input("ids", INT64, ["batch", "seq"], ids(40))
    x = g.op("Gather", g.weight(40, width, std=1.0), token)
    x = g.op("Add", x, g.slice(g.weight(16, width, std=0.3), 0, g.vector((token, 1, "seq")), 0))
    n = g.vector((token, 1, "seq"))
    causal = g.op("Expand", g.scalar(float(np.finfo(np.float32).min)), g.op("Concat", n, n, axis=0))
    causal = g.op("Unsqueeze", g.op("Trilu", causal, g.scalar(1, np.int64), upper=1), g.ints(0, 1))
    x = g.op("Add", x, attention(g, norm(g, x, width), width, bias=causal))
    end = g.op("ArgMax", token, axis=-1, keepdims=0)
    rows = g.op("Range", g.scalar(0, np.int64), g.squeeze(g.vector((token, 0, "batch")), 0), g.scalar(1, np.int64))
    text = g.op("GatherND", x, g.op("Concat", g.unsqueeze(rows, 1), g.unsqueeze(end, 1), axis=1))
    image = conv(g, g.input("image", FLOAT, ["images", 3, 8, 8], normal()), 3, width, 4, 4, pads=[0] * 4)
    image = g.op("Transpose", g.op("Reshape", image, g.ints(0, width, -1)), perm=[0, 2, 1])
    token = g.op("Expand", g.weight(1, 1, width, std=1.0), g.vector((image, 0, "images"), 1, width))
    image = g.op("Add", g.op("Concat", token, image, axis=1), g.weight(1, 5, width, std=0.3))
    image = g.op("Add", image, attention(g, norm(g, image, width), width))
    image = g.op("Gather", image, g.scalar(0, np.int64), axis=1)
    unit = lambda x: g.op("Div", x, g.reduce("ReduceL2", x, -1))
    text, image = unit(g.op("MatMul", text, g.weight(width, 24))), unit(g.op("MatMul", image, g.weight(width, 24)))
    logits = g.op("Mul", g.op("MatMul", text, g.op("Transpose", image, perm=[1, 0])), g.op("Exp", g.scalar(2.0)))
    g.output(g.op("Identity", logits, out="per_text"), ["batch", "images"])
    g.output(g.op("Transpose", logits, perm=[1, 0], out="per_image"), ["images", "batch"])


@model({"batch": 5}, {"batch": 2})
def tabular(g):
    numbers = g.input("numbers", FLOAT, ["batch", 6], normal())
    colour, shop = (g.input(name, INT64, ["batch"], ids(n)) for name, n in (("colour", 4), ("shop", 9)))
    colour = g.op("OneHot", colour, g.scalar(4, np.int64), g.const(np.array([0, 1], np.float32)), axis=-1)
    shop = g.op("Gather", g.weight(9, 5, std=1.0), shop)
    missing = g.op("Greater", numbers, g.scalar(1.0))
    numbers = g.op("Where", missing, g.weight(6, std=0.3), numbers)
    x = g.op("Concat", numbers, g.op("Cast", missing, to=FLOAT), colour, shop, axis=1)
    for n_in, n_out in ((21, 32), (32, 16)):
        x = g.op("Selu", g.op("Gemm", x, g.weight(n_in, n_out), g.bias(n_out)))
        x = batch_norm(g, x, n_out)
    y = g.op("Gemm", x, g.weight(16, 3), g.bias(3))
    g.output(g.op("Softmax", y, axis=1, out="probabilities"), ["batch", 3])
    g.output(g.op("ArgMax", y, axis=1, keepdims=0, out="label"), ["batch"], INT64)


@model(*TOKENS)
def cross_decoder(g):
    """A decoder layer with a causal mask of its own and attention to another sequence; the last position's logits."""
    width = 32
    x = g.op("Gather", g.weight(30, width, std=1.0), g.input("ids", INT64, ["batch", "seq"], ids(30)))
    memory = g.input("memory", FLOAT, ["batch", "source", width], normal())
    n = g.squeeze(g.vector((x, 1, "seq")), 0)
    index = g.op("Range", g.scalar(0, np.int64), n, g.scalar(1, np.int64))
    future = g.op("Greater", g.unsqueeze(index, 0), g.unsqueeze(index, 1))
    bias = g.op("Where", future, g.scalar(-1e9), g.scalar(0.0))
    x = norm(g, g.op("Add", x, attention(g, x, width, bias=bias)), width)
    x = norm(g, g.op("Add", x, attention(g, x, width, memory=memory)), width)
    last = g.op("Gather", x, g.scalar(-1, np.int64), axis=1)
    g.output(g.op("MatMul", last, g.weight(width, 30), out="logits"), ["batch", 30])
    cumulative = g.op("CumSum", g.op("Softmax", g.op("MatMul", last, g.weight(width, 8)), axis=1), g.scalar(1, np.int64))
    g.output(g.op("Identity", cumulative, out="cumulative"), ["batch", 8])


@model(*TOKENS)
def bilstm_crf_scores(g):
    """Both directions of a GRU with lengths, masked mean and maximum."""
    x = g.input("x", FLOAT, ["batch", "seq", 12], normal())
    mask = g.input("mask", INT64, ["batch", "seq"], padding_mask)
    y = g.op("GRU", g.op("Transpose", x, perm=[1, 0, 2]), g.weight(2, 24, 12, std=0.3), g.weight(2, 24, 8, std=0.3),
             g.weight(2, 48, std=0.1), hidden_size=8, direction="bidirectional", linear_before_reset=1)
    y = g.op("Transpose", y, perm=[2, 0, 1, 3])
    y = g.op("Reshape", y, g.ints(0, 0, 16))
    real = g.op("Cast", g.unsqueeze(mask, -1), to=FLOAT)
    mean = g.op("Div", g.reduce("ReduceSum", g.op("Mul", y, real), 1, keepdims=0), g.reduce("ReduceSum", real, 1, keepdims=0))
    hidden = g.op("Where", g.op("Equal", g.unsqueeze(mask, -1), g.scalar(0, np.int64)), g.scalar(-1e9), y)
    top = g.reduce("ReduceMax", hidden, 1, keepdims=0)
    g.output(g.op("Concat", mean, top, axis=-1, out="y"), ["batch", 32])
