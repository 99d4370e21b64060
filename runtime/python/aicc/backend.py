"""aicc as a backend of the onnx package: `onnx.backend.base.Backend`, so that ONNX's own tests run on it.

    import aicc.backend, onnx.backend.test
    tests = onnx.backend.test.BackendTest(aicc.backend, __name__)
"""
from __future__ import annotations

from typing import Any, Mapping, Sequence, Tuple, Union

import onnx
from onnx.backend.base import Backend, BackendRep, namedtupledict

import aicc


def _to_device(device: str) -> str:
    """The runtime's name of ONNX's "CPU", "CPU:0", or of a device that it lists itself."""
    return device.lower() or "cpu"


class AiccRep(BackendRep):
    """A compiled model."""

    def __init__(self, model: aicc.Model):
        self.model = model

    def run(self, inputs: Union[Any, Sequence[Any], Mapping[str, Any]], **kwargs: Any) -> Tuple[Any, ...]:
        """All outputs. `inputs`: one array, a sequence in the model's order, or arrays by name."""
        if isinstance(inputs, Mapping):
            results = self.model.run(**inputs, **kwargs)
        elif isinstance(inputs, (list, tuple)):
            results = self.model.run(*inputs, **kwargs)
        else:
            results = self.model.run(inputs, **kwargs)
        return namedtupledict("Outputs", [value.name for value in self.model.outputs])(*results)


class AiccBackend(Backend):
    """Compiles and runs models on any device of aicc.devices()."""

    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        try:
            cls.prepare(model, device, **kwargs)
        except aicc.Error:
            return False
        return True

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> AiccRep:
        return AiccRep(aicc.compile(model, device=_to_device(device), **kwargs))

    @classmethod
    def run_model(cls, model: onnx.ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> Tuple[Any, ...]:
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(cls, node: onnx.NodeProto, inputs: Sequence[Any], device: str = "CPU", outputs_info=None,
                 **kwargs: Any) -> Tuple[Any, ...]:
        """One node on arrays; `opset_version` among `kwargs` is the standard's version to read it by."""
        import numpy as np

        opset = kwargs.pop("opset_version", onnx.defs.onnx_opset_version())
        arrays = [np.asarray(array) for array in inputs]
        names = [name for name in node.input if name]
        infos = [onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
                 for name, array in zip(names, arrays)]
        if outputs_info:
            results = [onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
                       for name, (dtype, shape) in zip(node.output, outputs_info)]
        else:
            results = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        graph = onnx.helper.make_graph([node], "node", infos, results)
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid(node.domain, opset)])
        return cls.run_model(model, arrays, device, **kwargs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        name = _to_device(device)
        return any(each["id"] == name or each["id"].startswith(name + ":") for each in aicc.devices())


is_compatible = AiccBackend.is_compatible
prepare = AiccBackend.prepare
run_model = AiccBackend.run_model
run_node = AiccBackend.run_node
supports_device = AiccBackend.supports_device
