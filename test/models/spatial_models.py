"""Operators that sample images or transform signals, in the forms of the standard that the other families do not have:
each model has several of them, over sizes that are no powers of two and in batches."""
import numpy as np

from graph import FLOAT, INT64, normal, uniform
from makers import model

IMAGES = [{"batch": 2, "height": 9, "width": 13}, {"batch": 1, "height": 14, "width": 5}]
EVEN = [{"batch": 2, "height": 10, "width": 16}, {"batch": 3, "height": 6, "width": 20}]


def output(g, y, rank, name, kind=FLOAT):
    g.output(g.op("Identity", y, out=name), [None] * rank, kind)


# ---- sampling ----

def grid_sample(mode, rank):
    def make(g):
        spatial = ["height", "width", 4][:rank - 2]
        x = g.input("x", FLOAT, ["batch", 3] + spatial, normal())
        grid = g.input("grid", FLOAT, ["batch", 7, "width", 3][:rank - 1] + [rank - 2], uniform(-1.6, 1.6))
        for padding in ("zeros", "border", "reflection"):
            if (mode, padding) == ("cubic", "border"):
                continue  # ONNX Runtime clamps a coordinate where another one is outside
            for aligned in (0, 1):
                y = g.op("GridSample", x, grid, mode=mode, padding_mode=padding, align_corners=aligned)
                output(g, y, rank, f"{padding}_{aligned}")
    return make


for mode in ("linear", "nearest", "cubic"):
    for rank in (4, 5) if mode != "cubic" else (4,):
        model(*IMAGES, opset=20, name=f"grid_sample_{mode}_{rank - 2}d")(grid_sample(mode, rank))


@model(*IMAGES)
def grid_sample_of_theta(g):
    """A spatial transformer, whose grid the model makes."""
    x = g.input("x", FLOAT, ["batch", 3, "height", "width"], normal())
    grid = g.input("offsets", FLOAT, ["batch", "height", "width", 2], uniform(-1, 1))
    y = g.op("GridSample", x, g.op("Tanh", g.op("Mul", grid, g.scalar(1.7))), mode="bilinear", align_corners=1)
    output(g, g.op("Conv", y, g.weight(4, 3, 3, 3), pads=[1] * 4), 4, "y")


@model(*IMAGES, opset=20)
def affine_grid(g):
    """A spatial transformer whose grid has the image's sizes."""
    x = g.input("x", FLOAT, ["batch", 3, "height", "width"], normal())
    theta = g.input("theta", FLOAT, ["batch", 2, 3], normal(0.6))
    for aligned in (0, 1):
        grid = g.op("AffineGrid", theta, g.op("Shape", x), align_corners=aligned)
        output(g, grid, 4, f"grid_{aligned}")
        output(g, g.op("GridSample", x, grid, align_corners=aligned), 4, f"y_{aligned}")


def regions(rng, shape, sizes):
    corners = rng.uniform(-2, 14, shape)
    corners[:, 2:] = corners[:, :2] + rng.uniform(0.1, 11, shape)[:, 2:]
    return corners.astype(np.float32)


def images(rng, shape, sizes):
    return rng.integers(0, sizes["batch"], shape).astype(np.int64)


@model(*[dict(sizes, regions=n) for sizes, n in zip(IMAGES, (5, 9))])
def roi_align(g):
    x = g.input("x", FLOAT, ["batch", 6, "height", "width"], normal())
    rois = g.input("rois", FLOAT, ["regions", 4], regions)
    batch = g.input("images", INT64, ["regions"], images)
    for mode in ("avg", "max"):
        for coordinates in ("half_pixel", "output_half_pixel"):
            for ratio in (1, 2):
                y = g.op("RoiAlign", x, rois, batch, mode=mode, coordinate_transformation_mode=coordinates,
                         output_height=5, output_width=3, sampling_ratio=ratio, spatial_scale=0.9)
                output(g, y, 4, f"{mode}_{coordinates}_{ratio}")


@model(*[dict(sizes, regions=n) for sizes, n in zip(IMAGES, (5, 9))])
def roi_align_adaptive(g):
    """As many samples as a bin has elements."""
    x = g.input("x", FLOAT, ["batch", 6, "height", "width"], normal())
    rois = g.input("rois", FLOAT, ["regions", 4], regions)
    batch = g.input("images", INT64, ["regions"], images)
    for coordinates in ("half_pixel", "output_half_pixel"):
        y = g.op("RoiAlign", x, rois, batch, coordinate_transformation_mode=coordinates, output_height=3,
                 output_width=2, sampling_ratio=0)
        output(g, y, 4, coordinates)


@model(*IMAGES, opset=19)
def deform_conv(g):
    x = g.input("x", FLOAT, ["batch", 4, "height", "width"], normal())
    offset = g.input("offset", FLOAT, ["batch", 36, "height", "width"], normal(1.5))
    mask = g.input("mask", FLOAT, ["batch", 18, "height", "width"], uniform(0, 1))
    y = g.op("DeformConv", x, g.weight(6, 2, 3, 3), offset, g.bias(6), mask, group=2, offset_group=2,
             pads=[1] * 4)
    output(g, y, 4, "masked")
    strided = g.input("strided", FLOAT, ["batch", 12, "height // 2", "width // 2"], normal(1.0))
    y = g.op("DeformConv", x, g.weight(5, 4, 2, 3), strided, strides=[2, 2], dilations=[2, 1],
             pads=[0, 0, 1, 1])
    output(g, y, 4, "strided_y")


# ---- resizing ----

def resize(g, x, scales=None, sizes=None, roi=None, **attributes):
    scales = g.const(np.array(scales, np.float32)) if scales else ""
    return g.op("Resize", x, roi or "", scales, *([sizes] if sizes else []), **attributes)


@model(*IMAGES, opset=18)
def resize_antialias(g):
    x = g.input("x", FLOAT, ["batch", 3, "height", "width"], normal())
    for mode in ("linear", "cubic"):
        for exclude in (0, 1):
            y = resize(g, x, [1, 1, 0.4, 0.7], mode=mode, antialias=1, exclude_outside=exclude)
            output(g, y, 4, f"{mode}_{exclude}")
    output(g, resize(g, x, sizes=g.ints(4, 23), mode="linear", antialias=1, axes=[2, 3]), 4, "sizes")


def scales(rng, shape, sizes):
    return np.array([1, 1, 0.45, 1.7], np.float32) + rng.uniform(-0.05, 0.05, 4).astype(np.float32) * [0, 0, 1, 1]


@model(*IMAGES, opset=18)
def resize_at_run(g):
    """Sizes and scales that only the run tells."""
    x = g.input("x", FLOAT, ["batch", 3, "height", "width"], normal())
    by = g.input("scales", FLOAT, [4], lambda *args: scales(*args).astype(np.float32))
    to = g.input("sizes", INT64, [2], lambda rng, shape, sizes: rng.integers(3, 20, shape).astype(np.int64))
    for mode in ("nearest", "linear", "cubic"):
        output(g, g.op("Resize", x, "", by, mode=mode), 4, f"by_{mode}")
        output(g, g.op("Resize", x, "", "", to, mode=mode, axes=[2, 3]), 4, f"to_{mode}")
    output(g, g.op("Resize", x, "", by, mode="linear", antialias=1), 4, "smooth")


@model(*IMAGES, opset=18)
def resize_forms(g):
    x = g.input("x", FLOAT, ["batch", 3, "height", "width"], normal())
    roi = g.const(np.array([0.1, -0.2, 0.8, 1.1], np.float32))
    for mode in ("nearest", "linear"):
        y = resize(g, x, sizes=g.ints(7, 11), roi=roi, mode=mode, axes=[2, 3], extrapolation_value=3.0,
                   coordinate_transformation_mode="tf_crop_and_resize")
        output(g, y, 4, f"crop_{mode}")
    output(g, resize(g, x, [1, 1, 1.5, 2.5], mode="cubic", exclude_outside=1, cubic_coeff_a=-0.5), 4, "cubic")
    y = resize(g, x, sizes=g.ints(20, 17), mode="linear", axes=[2, 3],
               coordinate_transformation_mode="align_corners")
    output(g, y, 4, "aligned")
    y = resize(g, x, sizes=g.ints(20, 17), mode="linear", axes=[3, 2],
               coordinate_transformation_mode="half_pixel_symmetric")
    output(g, y, 4, "symmetric")
    for rounding in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        y = resize(g, x, sizes=g.ints(12, 8), mode="nearest", axes=[2, 3], nearest_mode=rounding)
        output(g, y, 4, rounding)


# ---- windows and their inverses ----

@model(*IMAGES)
def pool_indices(g):
    x = g.input("x", FLOAT, ["batch", 3, "height", "width"], normal())
    forms = [dict(kernel_shape=[2, 2], strides=[2, 2]), dict(kernel_shape=[3, 2], pads=[1, 0, 1, 1]),
             dict(kernel_shape=[2, 3], dilations=[2, 1], strides=[1, 2], pads=[1, 1, 0, 1], ceil_mode=1)]
    for number, form in enumerate(forms):
        for order in (0, 1):
            y, indices = g.op("MaxPool", x, outs=2, storage_order=order, **form)
            output(g, y, 4, f"y_{number}_{order}")
            output(g, indices, 4, f"indices_{number}_{order}", INT64)


@model(*EVEN)
def segnet(g):
    """Pooling whose places are remembered, and undone."""
    x = g.input("x", FLOAT, ["batch", 4, "height", "width"], normal())
    small, indices = g.op("MaxPool", x, outs=2, kernel_shape=[2, 2], strides=[2, 2])
    small = g.op("Relu", g.op("Conv", small, g.weight(4, 4, 3, 3, std=0.3), pads=[1] * 4))
    y = g.op("MaxUnpool", small, indices, kernel_shape=[2, 2], strides=[2, 2])
    output(g, g.op("Conv", y, g.weight(4, 4, 3, 3, std=0.3), pads=[1] * 4), 4, "y")


@model(*IMAGES, opset=20)
def pool_forms(g):
    x = g.input("x", FLOAT, ["batch", 3, "height", "width"], normal())
    for include in (0, 1):
        y = g.op("AveragePool", x, kernel_shape=[3, 2], strides=[2, 3], pads=[1, 0, 1, 1], ceil_mode=1,
                 count_include_pad=include)
        output(g, y, 4, f"ceil_{include}")
        y = g.op("AveragePool", x, kernel_shape=[2, 2], dilations=[2, 3], pads=[1, 1, 1, 1],
                 count_include_pad=include)
        output(g, y, 4, f"dilated_{include}")
    for p in (1, 2, 3):
        output(g, g.op("LpPool", x, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 1, 0, 0], p=p), 4, f"lp_{p}")
    output(g, g.op("LpPool", x, kernel_shape=[2, 3], strides=[3, 2], ceil_mode=1), 4, "lp_ceil")
    output(g, g.op("GlobalLpPool", x, p=3), 4, "global_lp")


@model(*IMAGES)
def auto_pad(g):
    """Padding that depends on sizes, as TensorFlow's exporter writes it."""
    x = g.input("x", FLOAT, ["batch", 4, "height", "width"], normal())
    for side in ("SAME_UPPER", "SAME_LOWER"):
        y = g.op("Conv", x, g.weight(6, 4, 3, 3, std=0.2), g.bias(6), strides=[2, 3], auto_pad=side)
        output(g, y, 4, f"conv_{side}")
        for kind in ("MaxPool", "AveragePool", "LpPool"):
            y = g.op(kind, x, kernel_shape=[3, 4], strides=[2, 2], auto_pad=side)
            output(g, y, 4, f"{kind}_{side}")
        y = g.op("ConvTranspose", x, g.weight(4, 6, 3, 3, std=0.2), strides=[2, 2], auto_pad=side)
        output(g, y, 4, f"transposed_{side}")


@model(*IMAGES)
def transposed(g):
    x = g.input("x", FLOAT, ["batch", 4, "height", "width"], normal())
    y = g.op("ConvTranspose", x, g.weight(4, 3, 3, 2, std=0.2), g.bias(6), group=2, dilations=[2, 1],
             strides=[2, 3], pads=[1, 0, 2, 1], output_padding=[1, 2])
    output(g, y, 4, "grouped")
    y = g.op("ConvTranspose", x, g.weight(4, 2, 3, 3, std=0.2), g.bias(2), strides=[2, 2], output_shape=[18, 11])
    output(g, y, 4, "fitted")
    line = g.input("line", FLOAT, ["batch", 4, "width"], normal())
    output(g, g.op("ConvTranspose", line, g.weight(4, 5, 4, std=0.2), strides=[3], pads=[1, 2]), 3, "line_y")
    cube = g.input("cube", FLOAT, ["batch", 2, 3, "height", "width"], normal())
    output(g, g.op("ConvTranspose", cube, g.weight(2, 3, 2, 3, 2, std=0.3), strides=[1, 2, 1]), 5, "cube_y")


@model({"batch": 2}, {"batch": 1}, opset=18)
def col2im(g):
    x = g.input("x", FLOAT, ["batch", 3 * 6, 5 * 4], normal())
    output(g, g.op("Col2Im", x, g.ints(6, 6), g.ints(2, 3)), 4, "plain")
    x = g.input("strided", FLOAT, ["batch", 2 * 6, 4 * 5], normal())
    output(g, g.op("Col2Im", x, g.ints(8, 8), g.ints(2, 3), strides=[2, 1], dilations=[2, 2], pads=[1, 0, 0, 1]),
           4, "strided_y")
    x = g.input("line", FLOAT, ["batch", 2 * 3, 6], normal())
    output(g, g.op("Col2Im", x, g.ints(8), g.ints(3)), 3, "line_y")


# ---- signals ----

@model({"batch": 2, "time": 40}, {"batch": 3, "time": 27}, opset=20)
def dft(g):
    """Along the time, and along other dimensions, in both directions."""
    x = g.input("x", FLOAT, ["batch", "time", 1], normal())
    y = g.op("DFT", x, "", g.scalar(1, np.int64), onesided=1)
    output(g, y, 3, "onesided")
    z = g.input("z", FLOAT, ["batch", 6, "time", 2], normal())
    output(g, g.op("DFT", z), 4, "last")
    output(g, g.op("DFT", z, g.scalar(9, np.int64), g.scalar(1, np.int64)), 4, "longer")
    output(g, g.op("DFT", z, "", g.scalar(-3, np.int64), inverse=1), 4, "inverse")
    output(g, g.op("DFT", z, g.scalar(5, np.int64), g.scalar(2, np.int64), inverse=1), 4, "shorter")


@model({"batch": 2}, {"batch": 1}, opset=20)
def dft_long(g):
    """Lengths that are taken in two steps; powers of two, since ONNX Runtime is less precise with others."""
    axis = g.scalar(1, np.int64)
    for length, parts in ((1024, 1), (1024, 2), (2048, 1)):
        x = g.input(f"x{length}_{parts}", FLOAT, ["batch", length, parts], normal())
        output(g, g.op("DFT", x, "", axis), 3, f"forward{length}_{parts}")
        output(g, g.op("DFT", x, "", axis, onesided=int(parts == 1), inverse=int(parts == 2)), 3, f"other{length}_{parts}")
    x = g.input("x", FLOAT, ["batch", 3000, 1], normal())
    output(g, g.op("STFT", x, g.scalar(400, np.int64), g.weight(1024)), 4, "frames")


@model({"batch": 2, "time": 400}, {"batch": 1, "time": 333})
def log_mel(g):
    """The front end of speech recognizers."""
    x = g.input("x", FLOAT, ["batch", "time", 1], normal())
    window = g.const(np.hanning(64).astype(np.float32))
    y = g.op("STFT", x, g.scalar(20, np.int64), window, g.scalar(64, np.int64))
    power = g.op("ReduceSumSquare", y, axes=[3], keepdims=0)
    mel = g.op("MelWeightMatrix", g.scalar(10, np.int64), g.scalar(64, np.int64), g.scalar(8000, np.int64),
               g.scalar(80.0), g.scalar(3800.0))
    output(g, g.op("Log", g.op("Add", g.op("MatMul", power, mel), g.scalar(1e-3))), 3, "mel")


@model({"batch": 2, "time": 90}, {"batch": 3, "time": 121})
def stft(g):
    x = g.input("x", FLOAT, ["batch", "time", 1], normal())
    output(g, g.op("STFT", x, g.scalar(7, np.int64), "", g.scalar(30, np.int64), onesided=0), 4, "whole")
    output(g, g.op("STFT", x, g.scalar(5, np.int64), g.weight(21)), 4, "window")


@model({"batch": 2}, {"batch": 5})
def determinants(g):
    for size in (1, 2, 3, 4, 9):
        x = g.input(f"x{size}", FLOAT, ["batch", 3, size, size], normal())
        output(g, g.op("Det", x), 2, f"det{size}")
