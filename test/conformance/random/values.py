"""Tensors of random graphs: their sizes and elements, and how far a correct computation may be off.

Every tensor is known twice while a graph is made: as ONNX Runtime computes it, and once more from operands that are disturbed
by what rounding may disturb. An operation whose two results differ much (a rounding to integers near a half, a difference of
two almost equal sums, an infinity that appears in one of them) proves nothing and is not put into a graph; from what is left,
the disturbance says how exact a compiled model has to be.
"""
import ml_dtypes
import numpy as np
from onnx import TensorProto as T
from onnx import helper

bfloat16 = np.dtype(ml_dtypes.bfloat16)
SIZES = [1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 16, 17, 33]
MAX_ELEMENTS = 6000
# How far results of the same numbers may be apart, relative to the largest, by the type they are computed in.
NOISE = {"float32": 2e-6, "float64": 2e-6, "float16": 1e-3, "bfloat16": 8e-3}
SPECIAL = {
    "f": [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-30, 3e4, -3e4, 0.5, 1.5, 2.5],
    "i": [0, 1, -1, "min", "max"],
    "u": [0, 1, "max"],
}


class Value:
    """A tensor of the graph: its name, and the two computations of it."""

    def __init__(self, name, a, b, exact, const=False):
        self.name, self.a, self.b, self.exact, self.const = name, a, b, exact, const

    @property
    def shape(self):
        return self.a.shape

    @property
    def rank(self):
        return self.a.ndim

    @property
    def dtype(self):
        return self.a.dtype

    @property
    def kind(self):
        """f, i, u or b."""
        return kind_of(self.a.dtype)


def kind_of(dtype):
    return "f" if dtype == bfloat16 else dtype.kind


def is_float(dtype):
    return kind_of(dtype) == "f"


def onnx_type(dtype):
    return T.BFLOAT16 if dtype == bfloat16 else helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def random_array(rng, dtype, shape, special):
    """Normal floats and small integers; `special`: some elements are what arithmetic has limits for."""
    dtype = np.dtype(dtype)
    kind = kind_of(dtype)
    if kind == "b":
        return rng.random(shape) < 0.5
    if kind == "f":
        array = rng.standard_normal(shape)
        if rng.random() < 0.15:
            array = np.round(array * 2)  # ties
    else:
        low, high = (0, 9) if kind == "u" else (-8, 9)
        array = rng.integers(low, high, shape)
    array = np.asarray(array).astype(dtype)
    if special and array.size:
        flat = array.reshape(-1)
        for i in rng.integers(0, array.size, max(1, array.size // 6)):
            value = SPECIAL[kind][rng.integers(len(SPECIAL[kind]))]
            if isinstance(value, str):
                value = getattr(np.iinfo(dtype), value)
            with np.errstate(over="ignore"):
                flat[i] = value
        array = flat.reshape(shape)
    return array


def disturb(rng, array, reference=None):
    """The array with its elements changed by what rounding in its type may change."""
    if not is_float(array.dtype) or not array.size:
        return array
    with np.errstate(all="ignore"):
        wide = array.astype(np.float64)
        top = np.abs(wide[np.isfinite(wide)]).max(initial=0)
        noise = NOISE[array.dtype.name] * rng.standard_normal(array.shape)
        changed = wide + noise * (np.abs(wide) + 0.1 * top)
        return np.where(np.isfinite(wide), changed, wide).astype(array.dtype)


def distance(a, b):
    """The largest difference of two arrays, relative to the largest element; infinite where they are of different kinds."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return np.inf
    if not is_float(a.dtype):
        return 0.0 if (a == b).all() else np.inf
    a, b = a.astype(np.float64), b.astype(np.float64)
    fin = np.isfinite(a)
    if (fin != np.isfinite(b)).any() or not np.array_equal(a[~fin], b[~fin], equal_nan=True):
        return np.inf
    if not fin.any():
        return 0.0
    top, worst = np.abs(a[fin]).max(), np.abs(a[fin] - b[fin]).max()
    return worst / top if top > 0 else (0.0 if worst == 0 else np.inf)


def tolerance(value):
    """How far a compiled model may be off in this tensor, relative to its largest element."""
    if not is_float(value.dtype):
        return 0.0
    base = {"float32": 2e-5, "float64": 2e-5, "float16": 4e-3, "bfloat16": 3e-2}[value.dtype.name]
    return base + 20 * distance(value.a, value.b)


def explain(want, got, allowed):
    """How an output is wrong, or nothing."""
    if got.dtype != want.dtype and got.dtype.itemsize == want.dtype.itemsize and want.dtype == bfloat16:
        got = got.view(bfloat16)
    if want.dtype != got.dtype or want.shape != got.shape:
        return f"is {got.dtype}{list(got.shape)} instead of {want.dtype}{list(want.shape)}"
    if not want.size:
        return ""
    if not is_float(want.dtype):
        wrong = want != got
        if not wrong.any():
            return ""
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        # A quantization may round to the other side.
        if want.dtype.itemsize == 1 and want.dtype != bool and wrong.sum() <= max(1, want.size // 50) and \
                np.abs(want.astype(int) - got.astype(int)).max() <= 1:
            return ""
        return f"differs in {int(wrong.sum())} of {want.size} elements, at {list(at)}: {got[at]} instead of {want[at]}"
    a, b = want.astype(np.float64), got.astype(np.float64)
    fin = np.isfinite(a)
    bad = (fin != np.isfinite(b)) | (~fin & ~((a == b) | (np.isnan(a) & np.isnan(b))))
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        return f"differs in {int(bad.sum())} infinities or NaNs, at {list(at)}: {b[at]} instead of {a[at]}"
    if not fin.any():
        return ""
    top = np.abs(a[fin]).max()
    error = np.where(fin, np.abs(np.where(fin, a - b, 0)), 0)
    at = tuple(int(i) for i in np.unravel_index(error.argmax(), error.shape))
    if error[at] <= allowed * top + 1e-37:
        return ""
    return f"differs by {error[at]:.3g}, more than {allowed:.2g} of {top:.3g}, at {list(at)}: {b[at]} instead of {a[at]}"
