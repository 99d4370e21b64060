"""Graphs that PyTorch's two exporters wrote (exported/*.onnx, made by export_torch.py), as cases.

The files are what users bring, so they are taken as they are.  NAME_static.* has the sizes of the first binding;
the others are symbolic and run with all bindings from one module.
"""
import glob
import os
import shutil

from graph import ids, left_padding_mask, normal, padding_mask, positions
from makers import REGISTRY, Case

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "exported")
WORDS, DEPTH, HEADS, KV = 64, 6, 4, 2

TEXT = [{"batch": 2, "seq": 8}, {"batch": 3, "seq": 13}]
STEP = [{"batch": 2, "past": 5, "seq": 3}, {"batch": 1, "past": 9, "seq": 2}]
IMAGES = [{"batch": 2, "height": 32, "width": 32}, {"batch": 3, "height": 32, "width": 32}]
SPACE = [{"batch": 2, "height": 32, "width": 32}, {"batch": 1, "height": 48, "width": 40}]
MASKS = [{"batch": 2, "height": 16, "width": 24}, {"batch": 1, "height": 32, "width": 20}]

TOKENS = ("input_ids", ["batch", "seq"], ids(WORDS))
MASK = ("attention_mask", ["batch", "seq"], padding_mask)
TOTAL = ("attention_mask", ["batch", "past + seq"], left_padding_mask)
PLACES = ("position_ids", ["batch", "seq"], positions)
IMAGE = ("image", ["batch", 3, "height", "width"], normal())


def past(heads):
    return [(f"past.{layer}.{what}", ["batch", heads, "past", DEPTH], normal())
            for layer in range(2) for what in ("key", "value")]


MODELS = {
    "bert": (TEXT, [TOKENS, MASK, ("token_type_ids", ["batch", "seq"], ids(2))]),
    "bert_sdpa": (TEXT, [TOKENS, MASK, ("token_type_ids", ["batch", "seq"], ids(2))]),
    "gpt2": (TEXT, [TOKENS, MASK]),
    "gpt2_step": (STEP, [TOKENS, TOTAL, *past(HEADS)]),
    "llama": (TEXT, [TOKENS, MASK, PLACES]),
    "llama_step": (STEP, [TOKENS, TOTAL, PLACES, *past(KV)]),
    "llama_step_sdpa": (STEP, [TOKENS, TOTAL, PLACES, *past(KV)]),
    "vit": ([{"batch": 2}, {"batch": 3}], [("pixel_values", ["batch", 3, 16, 16], normal())]),
    "mobilenet_v2": (SPACE, [IMAGE]),
    "mobilenet_v3": (IMAGES, [IMAGE]),
    "resnet": (SPACE, [IMAGE]),
    "unet": (MASKS, [IMAGE]),
    "unet_nearest": (MASKS, [IMAGE]),
    "unet_bilinear": (MASKS, [IMAGE]),
    "lstm_tagger": (TEXT, [("tokens", ["batch", "seq"], ids(WORDS))]),
    "gru": (TEXT, [("x", ["batch", "seq", 12], normal())]),
    "encoder": (TEXT, [("x", ["batch", "seq", 24], normal())]),
}
# Where an exporter baked a size in although it was asked not to: nn.MultiheadAttention's length, by tracing.
BAKED = {"encoder.ts": [{"batch": 2, "seq": 8}, {"batch": 3, "seq": 8}]}


def copier(file, inputs):
    def write(path):
        shutil.copyfile(file, path)
        return inputs
    return write


def present(file, inputs):
    """The inputs that are in the file: exporters drop those that the graph does not read."""
    import onnx
    names = [i.name for i in onnx.load(file).graph.input]
    known = {name: (name, shape, kind) for name, shape, kind in inputs}
    return [known[name] for name in names]


def lazily(file, inputs):
    return lambda path: copier(file, present(file, inputs))(path)


for _file in sorted(glob.glob(os.path.join(FOLDER, "*.onnx"))):
    _name, _exporter, _ = os.path.basename(_file).split(".")
    _static = _name.endswith("_static")
    _base = _name.removesuffix("_static")
    _bindings, _inputs = MODELS[_base]
    _bindings = BAKED.get(f"{_base}.{_exporter}", _bindings)
    REGISTRY.append(Case(f"torch_{_base}.{_exporter}/{'static' if _static else 'symbolic'}",
                         _bindings[:1] if _static else _bindings, lazily(_file, _inputs)))
