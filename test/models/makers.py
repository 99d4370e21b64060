"""The list of models that are compiled and compared: `cases()`.

A maker is a function that fills a Graph; `@model` names it and gives two bindings of its symbols.  Each maker makes two
cases: NAME/static (the first binding's sizes) and NAME/symbolic (one module, run with both bindings).  Families live in
files of their own: attention_models, vision_models, recurrent_models, classic_models, quantized_models; exported_models are graphs that
PyTorch's exporters wrote, light_models the nine architectures of the onnx package.
"""
import importlib
import os
from dataclasses import dataclass
from typing import Callable

from graph import Graph, make_feeds, save

FAMILIES = ["attention_models", "vision_models", "recurrent_models", "classic_models", "exported_models",
            "light_models", "varied_models", "standard_models", "spatial_models", "quantized_models",
            "microsoft_models", "microsoft_quantized_models", "control_models", "data_models",
            "deployed_models"]


@dataclass
class Case:
    """One model to compile once and to run with each of `bindings`."""
    id: str
    bindings: list
    write: Callable  # (path) -> inputs [(name, shape with symbols, kind)]; writes the .onnx file
    tolerance: float = 1e-4  # of the largest value, per output
    reference: Callable = None  # (feeds) -> outputs, where ONNX Runtime has no kernel
    steps: int = 0  # by how much one in a hundred integers may differ: roundings of halves

    def feeds(self, inputs, binding):
        return make_feeds(inputs, self.bindings[binding], seed=100 + binding)


REGISTRY = []


def model(*bindings, opset=17, name=None, seed=None, modes=("static", "symbolic"), **more):
    """Registers a maker.  bindings: dicts of the symbols' sizes; the first is the static case's.  more: of Case."""
    def register(function):
        title = name or function.__name__
        for mode in modes:
            sizes = bindings[0] if mode == "static" else None
            REGISTRY.append(Case(f"{title}/{mode}", list(bindings[:1] if sizes is not None else bindings),
                                 writer(function, title, sizes, opset, len(title) if seed is None else seed), **more))
        return function
    return register


def writer(function, title, sizes, opset, seed):
    def write(path):
        graph = Graph(sizes=sizes, seed=seed, opset=opset)
        function(graph)
        save(graph.model(title), path)
        return graph.feeds
    return write


def cases():
    """All cases, in a stable order."""
    if not REGISTRY:
        for family in FAMILIES:
            if os.path.exists(os.path.join(os.path.dirname(os.path.abspath(__file__)), family + ".py")):
                importlib.import_module(family)
    return list(REGISTRY)
