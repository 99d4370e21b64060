"""Makes a failing model small: fewer outputs and nodes, smaller sizes, no symbolic ones, as long as it fails in the same way."""
import os
import shutil

import numpy as np
import onnx
from onnx import helper, numpy_helper

from check import load, save, signature, verify
from generator import make_model, reads, reference
from values import onnx_type


class Candidate:
    def __init__(self, model, feeds):
        self.model, self.feeds = model, feeds

    def all_values(self):
        """Every tensor's value by ONNX Runtime."""
        names = [name for node in self.model.graph.node for name in node.output if name]
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
        return {**self.feeds, **dict(zip(names, reference(model, self.feeds)))}


def rebuild(model, nodes, outputs, values, symbolic=True):
    """A model of these nodes: what they read and nobody makes is an input or, as before, an initializer."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed & set(node.output):
            kept.insert(0, node)
            needed |= reads(node)
    made = {name for node in kept for name in node.output}
    initializers = [i for i in model.graph.initializer if i.name in needed]
    known = {i.name for i in initializers}
    old = {i.name: i for i in model.graph.input}
    inputs = []
    for name in sorted(needed - made - known):
        array = np.asarray(values[name])
        keep = symbolic and name in old
        inputs.append(old[name] if keep else helper.make_tensor_value_info(name, onnx_type(array.dtype), array.shape))
    infos = [helper.make_tensor_value_info(n, onnx_type(np.asarray(values[n]).dtype), [None] * np.ndim(values[n])) for n in outputs]
    opset = next(o.version for o in model.opset_import if not o.domain)
    return make_model(kept, inputs, infos, initializers, opset), {i.name: np.asarray(values[i.name]) for i in inputs}


def resized(model, feeds, old, new):
    """All tensors with their dimensions of size `old` cut to `new`."""

    def cut(array):
        return np.ascontiguousarray(array[tuple(slice(0, new) if s == old else slice(None) for s in array.shape)]).reshape(
            [new if s == old else s for s in array.shape])

    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for initializer in changed.graph.initializer:
        array = numpy_helper.to_array(initializer)
        if array.dtype == np.int64 and array.ndim <= 1:  # sizes, perhaps
            array = np.where(array == old, new, array)
        initializer.CopyFrom(numpy_helper.from_array(np.asarray(cut(array)), initializer.name))
    for value in changed.graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_value") and dim.dim_value == old:
                dim.dim_value = new
    return changed, {name: cut(array) for name, array in feeds.items()}


def reduce(folder, target, extra=(), limit=300):
    """Writes the smallest failing model found to `target`; returns its problem."""
    model, feeds, _, allowed = load(folder)
    problem = verify(folder, extra)
    wanted = signature(problem)
    tries = [0]
    work = target + ".work"
    best = [model, feeds, problem]

    def attempt(candidate, values):
        if tries[0] >= limit:
            return False
        tries[0] += 1
        try:
            results = reference(candidate, values)
            onnx.checker.check_model(candidate)
        except Exception:  # not a valid model
            return False
        shutil.rmtree(work, ignore_errors=True)
        save(work, candidate, values, [np.asarray(r) for r in results], [max(allowed)] * len(results))
        found = verify(work, extra)
        if signature(found) != wanted:
            return False
        best[:] = [candidate, values, found]
        return True

    changed = True
    while changed and tries[0] < limit:
        changed = False
        model, feeds, _ = best
        values = Candidate(model, feeds).all_values()
        nodes = list(model.graph.node)
        outputs = [o.name for o in model.graph.output]
        # The earliest tensor that shows it, alone.
        for name in [n for node in nodes for n in node.output if n]:
            if outputs != [name] and attempt(*rebuild(model, nodes, [name], values)):
                changed = True
                break
        if changed:
            continue
        for i in range(len(nodes)):
            rest = nodes[:i] + nodes[i + 1 :]
            if rest and attempt(*rebuild(model, rest, [o for o in outputs if any(o in n.output for n in rest)] or outputs, values)):
                changed = True
                break
        if changed:
            continue
        if any(d.dim_param for v in model.graph.input for d in v.type.tensor_type.shape.dim):
            changed = attempt(*rebuild(model, nodes, outputs, values, symbolic=False))
        if changed:
            continue
        sizes = sorted({s for a in feeds.values() for s in a.shape if s > 1}, reverse=True)
        changed = any(attempt(*resized(model, feeds, old, new)) for old in sizes for new in (1, 2, old // 2) if new < old)
    shutil.rmtree(work, ignore_errors=True)
    results = reference(best[0], best[1])
    save(target, best[0], best[1], [np.asarray(r) for r in results], [max(allowed)] * len(results))
    return best[2]


def describe(folder):
    """The model in ONNX's textual syntax, where it is short."""
    model = onnx.load(os.path.join(folder, "model.onnx"))
    return "\n".join(onnx.printer.to_text(node) for node in model.graph.node)
