"""Compile AI models and run them on any accelerator.

    import aicc
    model = aicc.compile("model.onnx")          # for this machine's fastest device
    outputs = model(x)                          # numpy or anything with DLPack in, numpy out
    model.save("model.aicc")
    model = aicc.load("model.aicc", device="cpu")

A `Model` can be called from many threads at once; compiling and running release Python's global lock.
"""
from __future__ import annotations

import os
import shutil
import tempfile
import time
import weakref
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from . import _aicc

__all__ = ["compile", "load", "devices", "targets", "Model", "Tensor", "Value", "Error", "CompileError", "RunError",
           "__version__"]
__version__ = _aicc.version()

# aicc_element_type (aicc/types.h) to the names of numpy's and ml_dtypes' types.
_TYPES = {
    1: "float64", 2: "float32", 3: "float16", 4: "bfloat16", 5: "int64", 6: "int32", 7: "int16", 8: "int8", 9: "uint64",
    10: "uint32", 11: "uint16", 12: "uint8", 13: "bool", 14: "float8_e4m3fn", 15: "float8_e5m2", 16: "float8_e4m3fnuz",
    17: "float8_e5m2fnuz", 18: "float8_e8m0fnu", 19: "float4_e2m1fn", 20: "int4", 21: "uint4", 22: "int2", 23: "uint2",
    24: "float6_e2m3fn", 25: "float6_e3m2fn",
}
_CODES = {name: code for code, name in _TYPES.items()}
# The others are ml_dtypes' and have no buffers; their bits go in and out.
_NATIVE = frozenset(("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8",
                     "bool"))


class Error(Exception):
    """What aicc reports; its text is one line that says what, where and what to do."""


class CompileError(Error):
    """A model that cannot be compiled. `problems` has a line for each cause, with the node's name."""

    def __init__(self, problems: Sequence[str]):
        super().__init__(problems[0] if len(problems) == 1 else "\n".join(problems) or "it could not be compiled")
        self.problems = list(problems)


class RunError(Error):
    """Loading or running failed. `code` is the aicc_status_code of aicc/status.h."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


def _call(function, *arguments):
    try:
        return function(*arguments)
    except _aicc.StatusError as error:
        raise RunError(str(error), error.code) from None


def _dtype(name: str) -> np.dtype:
    if name in _NATIVE:
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError:
        raise Error(f"numpy has no {name}: install the package ml_dtypes") from None
    return np.dtype(getattr(ml_dtypes, name))


_instances: Dict[int, _aicc.Instance] = {}


def _instance(threads: int = 0) -> _aicc.Instance:
    """The runtime with that many threads for kernels on the host (0: all that this process may use)."""
    if threads < 0:
        raise ValueError("threads must not be negative")
    if threads not in _instances:
        _instances[threads] = _call(_aicc.Instance, threads)
    return _instances[threads]


@dataclass(frozen=True)
class Value:
    """An input or output of a model. `shape` has a size, a symbol's name, or None for what only a run tells."""

    name: str
    dtype: str
    shape: Tuple[Union[int, str, None], ...]


class Tensor:
    """An output that stays in a device's memory. DLPack and numpy() give what is in it."""

    def __init__(self, handle: _aicc.Tensor):
        self._handle = handle

    @property
    def shape(self) -> Tuple[int, ...]:
        return tuple(self._handle.shape())

    @property
    def dtype(self) -> str:
        return _TYPES[self._handle.type()]

    def numpy(self) -> np.ndarray:
        """An array on the tensor's memory where the host reaches it, else a copy."""
        bits = _call(self._handle.bits)
        return bits.view(_dtype(self.dtype)) if bits.ndim else bits.reshape(1).view(_dtype(self.dtype)).reshape(())

    def __array__(self, dtype=None, copy=None):
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        return _call(self._handle.to_dlpack)

    def __dlpack_device__(self) -> Tuple[int, int]:
        return self._handle.dlpack_device()

    def __repr__(self) -> str:
        return f"aicc.Tensor({self.dtype}{list(self.shape)})"


def _to_tensor(instance: _aicc.Instance, value: Any, wanted: Value) -> _aicc.Tensor:
    if isinstance(value, Tensor):
        return value._handle
    if not isinstance(value, (np.ndarray, np.generic)) and hasattr(value, "__dlpack__"):
        return _call(_aicc.Tensor.from_dlpack, instance, value.__dlpack__())
    array = np.asarray(value)
    if not isinstance(value, (np.ndarray, np.generic)) and array.dtype.name != wanted.dtype:
        # Python's numbers and lists have no type of their own.
        if array.dtype.kind in "biuf":
            array = array.astype(_dtype(wanted.dtype))
    if array.dtype.name not in _CODES:
        raise TypeError(f"input {wanted.name}: arrays of {array.dtype} are not supported; {wanted.dtype} is wanted")
    code = _CODES[array.dtype.name]
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if any(stride < 0 or stride % array.itemsize for stride in array.strides):
        array = np.ascontiguousarray(array).reshape(array.shape)
    if array.dtype.name not in _NATIVE:
        array = np.ascontiguousarray(array).reshape(array.shape).view(f"u{array.itemsize}")
    return _call(_aicc.Tensor.wrap, instance, array, code)


class Model:
    """A compiled model on a device. Call it with arrays, in the order of `inputs` or by their names."""

    def __init__(self, path: str, device: Optional[str] = None, threads: int = 0, target: str = "", _folder=None):
        self._instance = _instance(threads)
        self._path = path
        self._finalizer = weakref.finalize(self, shutil.rmtree, _folder, True) if _folder else None
        self._module = _call(_aicc.Module, self._instance, path, device or "auto", target)
        self.inputs: List[Value] = [self._describe(value) for value in self._module.values(True)]
        self.outputs: List[Value] = [self._describe(value) for value in self._module.values(False)]
        self._places = {value.name: i for i, value in enumerate(self.inputs)}

    @staticmethod
    def _describe(value) -> Value:
        name, code, sizes, names = value
        shape = tuple(size if size >= 0 else dim or None for size, dim in zip(sizes, names))
        return Value(name, _TYPES[code], shape)

    @property
    def device(self) -> str:
        """Where it runs: "cpu:0"."""
        return self._module.device()["id"]

    @property
    def target(self) -> str:
        """Which of the module's programs runs: "cpu:x86-64-v4"."""
        return self._module.target()

    def run(self, *arrays: Any, device_outputs: bool = False, timeout: Optional[float] = None,
            **named: Any) -> List[Union[np.ndarray, Tensor]]:
        """All outputs, in the model's order. `device_outputs`: as `Tensor`s where the model runs. `timeout` in seconds."""
        values: List[Any] = list(arrays)
        if len(values) > len(self.inputs):
            raise TypeError(f"the model takes {len(self.inputs)} inputs, {len(values)} are given")
        values += [None] * (len(self.inputs) - len(values))
        for name, value in named.items():
            place = self._places.get(name)
            if place is None:
                raise TypeError(f"the model has no input {name!r}; it has {', '.join(self._places)}")
            if values[place] is not None:
                raise TypeError(f"input {name!r} is given twice")
            values[place] = value
        for value, wanted in zip(values, self.inputs):
            if value is None:
                raise TypeError(f"input {wanted.name!r} is missing")
        tensors = [_to_tensor(self._instance, value, wanted) for value, wanted in zip(values, self.inputs)]
        deadline = 0 if timeout is None else time.clock_gettime_ns(time.CLOCK_MONOTONIC) + max(1, int(timeout * 1e9))
        results = [Tensor(handle) for handle in _call(self._module.run, tensors, device_outputs, deadline)]
        return results if device_outputs else [tensor.numpy() for tensor in results]

    def __call__(self, *arrays: Any, **named: Any):
        """The output, or a tuple of them where there are several."""
        results = self.run(*arrays, **named)
        return results[0] if len(results) == 1 else tuple(results)

    def save(self, path: Union[str, os.PathLike]) -> None:
        """Writes the module, which `load` and the command line take."""
        shutil.copyfile(self._path, path)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{v.name}: {v.dtype}{list(v.shape)}" for v in self.inputs)
        return f"aicc.Model({shapes}) on {self.device}"


def _dims(dims: Optional[Mapping[str, Union[int, Tuple[int, int]]]]) -> List[Tuple[str, int, int]]:
    result = []
    for name, bounds in (dims or {}).items():
        low, high = bounds if isinstance(bounds, tuple) else (bounds, bounds)
        result.append((name, int(low), int(high)))
    return result


def _target_for(instance: _aicc.Instance, device: Optional[str]) -> Tuple[str, Optional[str]]:
    """What to compile for, and the device: the given one, or the fastest that there is a target for."""
    if device and device != "auto":
        info = _call(instance.device, device)
        target = _aicc.find_target(info["formats"].split(","), info["features"].split(","))
        if not target:
            raise Error(f"device {device} runs {info['formats']}, which this build has no target for")
        return target, device
    for info in sorted(instance.devices(), key=lambda each: -each["speed"]):
        target = _aicc.find_target(info["formats"].split(","), info["features"].split(","))
        if target:
            return target, info["id"]
    raise Error("there is no device that this build has a target for")


def compile(model: Any, *, device: Optional[str] = None, target: Optional[str] = None,  # pylint: disable=redefined-builtin
            dims: Optional[Mapping[str, Union[int, Tuple[int, int]]]] = None, threads: int = 0) -> Model:
    """Compiles `model` (a path, an ONNX ModelProto, or its bytes) and loads it.

    `device`: where to run ("cpu:0"; default: the fastest). `target`: what to compile for, as the command line's
    --target (default: the device's; several make a fat module). `dims`: sizes or (min, max) of symbolic dimensions.
    `threads`: for kernels on the host. Raises CompileError with all problems of the model.
    """
    instance = _instance(threads)
    if target is None:
        target, device = _target_for(instance, device)
    folder = tempfile.mkdtemp(prefix="aicc-")
    try:
        if hasattr(model, "SerializeToString"):
            model = model.SerializeToString()
        if isinstance(model, (bytes, bytearray, memoryview)):
            path = os.path.join(folder, "model.onnx")
            with open(path, "wb") as stream:
                stream.write(model)
        else:
            path = os.fspath(model)
        output = os.path.join(folder, "model.aicc")
        status, errors, _ = _aicc.compile(path, output, target, _dims(dims), 0)
        if status:
            raise CompileError(errors)
        return Model(output, device, threads, _folder=folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def load(path: Union[str, os.PathLike], *, device: Optional[str] = None, target: str = "", threads: int = 0) -> Model:
    """Loads a module that `Model.save` or the command line wrote. `target` forces one of its programs."""
    return Model(os.fspath(path), device, threads, target)


def devices() -> List[Dict[str, Any]]:
    """What is on this machine: id, name, architecture, memory in bytes, ..."""
    return _instance().devices()


def targets() -> Dict[str, List[str]]:
    """What this build can compile for: architectures by target."""
    return dict(_aicc.targets())
