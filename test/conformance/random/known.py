"""Differences between aicc and ONNX Runtime that are not aicc's: what ONNX Runtime gets wrong, and what the standard leaves open.

Each entry: an operator, a part of what the comparison says, and the reason. Only a model with this operator and a problem at
the outputs (aicc agrees with its own reference) can match. LIMITS are refusals that are documented.
"""

NAN = "the standard does not say what becomes of NaNs; aicc keeps them, as numpy does"
KNOWN = [
    ("MaxPool", "nan instead of", NAN),
    ("GlobalMaxPool", "nan instead of", NAN),
    ("GridSample", "differs", "cubic, past the border: aicc moves the coordinate first, as the standard's reference implementation does"),
    ("Sign", "nan instead of 0", NAN),
    ("ReduceMin", "nan instead of", NAN),
    ("ReduceMax", "nan instead of", NAN),
    ("InstanceNormalization", "differs by", "ONNX Runtime subtracts the mean after scaling, which cancels for large numbers"),
    ("Clip", "inf instead of", "without a bound, ONNX Runtime takes the largest finite number; aicc takes none"),
    ("ReduceLogSumExp", "nan instead of inf", NAN),
    ("Resize", "instead of nan", "ONNX Runtime: a neighbour of weight zero counts as zero times NaN, and align_corners rounds the length first"),
    ("ReduceSum", "instead of 2147483647", "ONNX Runtime saturates integers; aicc wraps, as numpy does"),
    ("ReduceProd", "instead of 2147483647", "ONNX Runtime saturates integers; aicc wraps, as numpy does"),
    ("ReduceProd", "instead of -2147483648", "ONNX Runtime saturates integers; aicc wraps, as numpy does"),
]

# What aicc says it can't: (text, reason).
LIMITS = [
    ("the size is 0, which is out of range", "an empty tensor has nothing to interpolate"),
    ("a slice with a negative step needs sizes that are known", "documented: reversing a dimension whose size depends on data"),
]

# Kernels and the reference interpreter, where a tensor has infinities: (operation, text, reason).
INFINITIES = [
    ("nn.conv", "nan instead of", "with infinities in the input, lanes that pad a block of channels hold infinity times zero"),
    ("nn.resize", "nan instead of", "a neighbour of weight zero counts as zero times infinity in the kernel only"),
]


def find(model, problem):
    """The reason why this problem is none, or nothing."""
    kind, message = problem
    if kind == "refused":
        return next((reason for text, reason in LIMITS if text in message), "")
    if kind == "kernel":
        return next((reason for op, text, reason in INFINITIES if op in message and text in message), "")
    if kind != "wrong":
        return ""
    kinds = {node.op_type for node in model.graph.node}
    return next((reason for operator, text, reason in KNOWN if operator in kinds and text in message), "")
