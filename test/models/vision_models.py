"""Convolution nets: MobileNet, ResNet, U-Net, in the forms of several opsets."""
import numpy as np

from graph import FLOAT, normal
from makers import model

IMAGES = [{"batch": 2, "height": 32, "width": 32}, {"batch": 1, "height": 48, "width": 40}]
IMAGE = ["batch", 3, "height", "width"]


def conv(g, x, n_in, n_out, kernel=3, stride=1, groups=1, bias=True, dilation=1, pads=None):
    """Padded to the same size (for stride 1).  Weights by He, so that activations keep their size through ReLU."""
    weight = g.weight(n_out, n_in // groups, kernel, kernel, std=(2.0 / (n_in // groups * kernel * kernel)) ** 0.5)
    pad = dilation * (kernel // 2)
    return g.op("Conv", x, weight, *([g.bias(n_out)] if bias else []), kernel_shape=[kernel] * 2, group=groups,
                strides=[stride] * 2, dilations=[dilation] * 2, pads=pads or [pad] * 4)


def batch_norm(g, x, n):
    variance = g.const(g.rng.uniform(0.5, 1.5, n).astype(np.float32))
    return g.op("BatchNormalization", x, g.weight(n, std=0.1, mean=1.0), g.bias(n), g.bias(n), variance, epsilon=1e-5)


def head(g, x, n_in, classes=10, flatten=True):
    x = g.op("GlobalAveragePool", x)
    x = g.op("Flatten", x, axis=1) if flatten else g.op("Reshape", x, g.ints(0, -1))
    g.output(g.op("Gemm", x, g.weight(classes, n_in, std=n_in ** -0.5), g.bias(classes), transB=1, out="logits"),
             ["batch", classes])


# ---- MobileNet ----

def inverted_residual(g, x, n_in, n_out, stride, expand, activation, squeeze=None):
    wide = n_in * expand
    y = activation(batch_norm(g, conv(g, x, n_in, wide, 1, bias=False), wide)) if expand > 1 else x
    y = activation(batch_norm(g, conv(g, y, wide, wide, 3, stride, groups=wide, bias=False), wide))
    if squeeze:
        y = squeeze(y, wide)
    y = batch_norm(g, conv(g, y, wide, n_out, 1, bias=False), n_out)
    return g.op("Add", x, y) if stride == 1 and n_in == n_out else y


def mobilenet_body(g, activation, squeeze=None):
    x = g.input("input", FLOAT, IMAGE, normal())
    x = activation(batch_norm(g, conv(g, x, 3, 16, 3, 2, bias=False), 16))
    for n_in, n_out, stride, expand in [(16, 16, 1, 1), (16, 24, 2, 4), (24, 24, 1, 4), (24, 40, 2, 3)]:
        x = inverted_residual(g, x, n_in, n_out, stride, expand, activation, squeeze)
    return activation(batch_norm(g, conv(g, x, 40, 96, 1, bias=False), 96))


@model(*IMAGES, opset=13)
def mobilenet_v2(g):
    head(g, g.dropout(mobilenet_body(g, lambda x: g.clip(x, 0.0, 6.0))), 96)


@model(*IMAGES, opset=9)
def mobilenet_v2_opset9(g):
    """Clip's bounds as attributes; the mean over space by ReduceMean."""
    x = mobilenet_body(g, lambda x: g.clip(x, 0.0, 6.0))
    x = g.dropout(g.op("ReduceMean", x, axes=[2, 3], keepdims=0))
    g.output(g.op("Gemm", x, g.weight(10, 96, std=0.1), g.bias(10), transB=1, out="logits"), ["batch", 10])


def squeeze_excite(g, gate):
    def apply(x, n):
        y = g.op("Relu", conv(g, g.op("GlobalAveragePool", x), n, 8, 1))
        return g.op("Mul", gate(conv(g, y, 8, n, 1)), x)
    return apply


@model(*IMAGES, opset=14)
def mobilenet_v3(g):
    """HardSwish as one operator, squeeze and excite with HardSigmoid."""
    sigmoid = lambda x: g.op("HardSigmoid", x, alpha=1.0 / 6.0, beta=0.5)
    head(g, mobilenet_body(g, lambda x: g.op("HardSwish", x), squeeze_excite(g, sigmoid)), 96)


@model(*IMAGES, opset=12)
def mobilenet_v3_pieces(g):
    """The same in pieces: x * clip(x + 3, 0, 6) / 6."""
    six = lambda x: g.op("Div", g.clip(g.op("Add", x, g.scalar(3.0)), 0.0, 6.0), g.scalar(6.0))
    head(g, mobilenet_body(g, lambda x: g.op("Mul", x, six(x)), squeeze_excite(g, six)), 96, flatten=False)


# ---- ResNet ----

def basic_block(g, x, n_in, n_out, stride):
    y = g.op("Relu", batch_norm(g, conv(g, x, n_in, n_out, 3, stride, bias=False), n_out))
    y = batch_norm(g, conv(g, y, n_out, n_out, 3, bias=False), n_out)
    if stride != 1 or n_in != n_out:
        x = batch_norm(g, conv(g, x, n_in, n_out, 1, stride, bias=False), n_out)
    return g.op("Relu", g.op("Add", y, x))


def bottleneck(g, x, n_in, middle, n_out, stride):
    y = g.op("Relu", batch_norm(g, conv(g, x, n_in, middle, 1, bias=False), middle))
    y = g.op("Relu", batch_norm(g, conv(g, y, middle, middle, 3, stride, bias=False), middle))
    y = batch_norm(g, conv(g, y, middle, n_out, 1, bias=False), n_out)
    if stride != 1 or n_in != n_out:
        x = batch_norm(g, conv(g, x, n_in, n_out, 1, stride, bias=False), n_out)
    return g.op("Relu", g.op("Add", y, x))


@model(*IMAGES, opset=13)
def resnet_basic(g):
    x = g.input("input", FLOAT, IMAGE, normal())
    x = g.op("Relu", batch_norm(g, conv(g, x, 3, 16, 7, 2, bias=False), 16))
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    x = basic_block(g, x, 16, 16, 1)
    x = basic_block(g, x, 16, 32, 2)
    head(g, x, 32)


@model(*IMAGES, opset=17)
def resnet_bottleneck(g):
    """A grouped and a dilated convolution too, and a MaxPool that rounds up."""
    x = g.input("input", FLOAT, IMAGE, normal())
    x = g.op("Relu", conv(g, x, 3, 16, 3, 2))
    x = g.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = bottleneck(g, x, 16, 8, 32, 1)
    x = bottleneck(g, x, 32, 16, 64, 2)
    x = g.op("Relu", conv(g, x, 64, 64, 3, groups=8))
    x = g.op("Relu", conv(g, x, 64, 32, 3, dilation=2))
    head(g, x, 32)


@model(*IMAGES, opset=11)
def densenet_block(g):
    """Concatenated features, average pooling with and without its padding counted."""
    x = g.input("input", FLOAT, IMAGE, normal())
    x = conv(g, x, 3, 16, 3, 2)
    for layer in range(3):
        y = g.op("Relu", batch_norm(g, x, 16 + 8 * layer))
        x = g.op("Concat", x, conv(g, y, 16 + 8 * layer, 8, 3), axis=1)
    x = g.op("AveragePool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=0)
    x = g.op("AveragePool", conv(g, x, 40, 24, 1), kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 1, 1],
             count_include_pad=1)
    head(g, x, 24)


# ---- U-Net ----

def double_conv(g, x, n_in, n_out):
    x = g.op("Relu", batch_norm(g, conv(g, x, n_in, n_out, 3, bias=False), n_out))
    return g.op("Relu", batch_norm(g, conv(g, x, n_out, n_out, 3, bias=False), n_out))


def unet(g, up, widths=(16, 32, 48)):
    x = g.input("image", FLOAT, IMAGE, normal())
    n, skips = 3, []
    for width in widths[:-1]:
        x = double_conv(g, x, n, width)
        skips.append((x, width))
        x, n = g.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), width
    x, n = double_conv(g, x, n, widths[-1]), widths[-1]
    for skip, width in reversed(skips):
        x = g.op("Concat", skip, up(x, n, width, skip), axis=1)
        x, n = double_conv(g, x, 2 * width, width), width
    x = conv(g, x, n, 2, 1)
    g.output(g.op("Sigmoid", x, out="mask"), ["batch", 2, "height", "width"])


@model({"batch": 1, "height": 32, "width": 48}, {"batch": 2, "height": 24, "width": 40}, opset=13)
def unet_transposed(g):
    def up(x, n_in, n_out, skip):
        weight = g.weight(n_in, n_out, 2, 2, std=(1.0 / n_in) ** 0.5)
        return g.op("ConvTranspose", x, weight, g.bias(n_out), kernel_shape=[2, 2], strides=[2, 2])
    unet(g, up)


@model({"batch": 1, "height": 32, "width": 48}, {"batch": 2, "height": 24, "width": 40}, opset=13)
def unet_nearest(g):
    """Upsampled by constant scales, as nn.Upsample(scale_factor=2) is exported."""
    def up(x, n_in, n_out, skip):
        y = g.op("Resize", x, "", g.const(np.array([1, 1, 2, 2], np.float32)), mode="nearest",
                 coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        return conv(g, y, n_in, n_out, 3)
    unet(g, up)


@model({"batch": 1, "height": 32, "width": 48}, {"batch": 2, "height": 24, "width": 40}, opset=18)
def unet_bilinear(g):
    """Upsampled to the skip's size, which is computed in the graph when it is symbolic; instance and group norms."""
    def up(x, n_in, n_out, skip):
        if g.sizes is None:
            pair = g.slice(g.op("Shape", skip), 2, 4, 0)
            size = g.op("Concat", g.slice(g.op("Shape", x), 0, 2, 0), pair, axis=0)
        else:
            scale = 1 if n_out == 16 else 2  # the widest level has the image's size, the next half of it
            size = g.vector((x, 0, "batch"), n_in, (skip, 2, f"height // {scale}"), (skip, 3, f"width // {scale}"))
        y = g.op("Resize", x, "", "", size, mode="linear", coordinate_transformation_mode="half_pixel")
        y = g.op("InstanceNormalization", y, g.weight(n_in, std=0.1, mean=1.0), g.bias(n_in), epsilon=1e-5)
        return conv(g, y, n_in, n_out, 3)
    unet(g, up)


@model({"batch": 1, "height": 16, "width": 24}, {"batch": 2, "height": 20, "width": 12}, opset=17)
def diffusion_block(g):
    """GroupNorm in the exporter's pieces (Reshape, InstanceNormalization, Reshape, scale, shift), SiLU, a strided
    down and a nearest up."""
    def group_norm(x, n, groups=4):
        y = g.op("Reshape", x, g.ints(0, groups, -1))
        y = g.op("InstanceNormalization", y, g.const(np.ones(groups, np.float32)), g.const(np.zeros(groups, np.float32)))
        y = g.op("Reshape", y, g.op("Shape", x))
        return g.op("Add", g.op("Mul", y, g.weight(n, 1, 1, std=0.1, mean=1.0)), g.weight(n, 1, 1, std=0.1))

    def silu(x):
        return g.op("Mul", x, g.op("Sigmoid", x))

    x = conv(g, g.input("latent", FLOAT, ["batch", 4, "height", "width"], normal()), 4, 16)
    step = g.input("embedding", FLOAT, ["batch", 32], normal())
    y = conv(g, silu(group_norm(x, 16)), 16, 32)
    shift = g.op("Gemm", silu(step), g.weight(32, 32), g.bias(32))
    y = g.op("Add", y, g.unsqueeze(g.unsqueeze(shift, 2), 3))
    y = conv(g, silu(group_norm(y, 32)), 32, 16)
    x = g.op("Add", x, y)
    down = conv(g, x, 16, 16, 3, 2)
    up = g.op("Resize", down, "", g.const(np.array([1, 1, 2, 2], np.float32)), mode="nearest",
              coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    x = g.op("Concat", x, up, axis=1)
    g.output(g.op("Identity", conv(g, silu(group_norm(x, 32)), 32, 4), out="noise"), ["batch", 4, "height", "width"])
