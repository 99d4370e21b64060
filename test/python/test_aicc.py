"""The Python package as its users meet it: `python test/python/test_aicc.py`. Last line: "N passed, M failed"."""
import gc
import os
import sys
import tempfile
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("AICC_BUILD_DIR", os.path.join(ROOT, "build"))
if not os.environ.get("AICC_INSTALLED"):
    sys.path.insert(0, os.path.join(BUILD, "python"))

import ml_dtypes  # noqa: E402
import numpy as np  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

import aicc  # noqa: E402
import aicc.backend  # noqa: E402


def make_model(nodes, inputs, outputs, initializers=(), opset=22):
    info = lambda values: [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in values]  # noqa: E731
    graph = helper.make_graph(nodes, "g", info(inputs), info(outputs), list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def linear():
    weights = np.arange(12, dtype=np.float32).reshape(4, 3)
    return make_model([helper.make_node("MatMul", ["x", "w"], ["y"], "product")], [("x", TensorProto.FLOAT, ["batch", 4])],
                      [("y", TensorProto.FLOAT, ["batch", 3])], [numpy_helper.from_array(weights, "w")]), weights


class Package(unittest.TestCase):
    def test_compiles_what_there_are_models_in(self):
        proto, weights = linear()
        x = np.ones((2, 4), np.float32)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.onnx")
            with open(path, "wb") as stream:
                stream.write(proto.SerializeToString())
            for model in (proto, proto.SerializeToString(), path):
                compiled = aicc.compile(model, device="cpu")
                np.testing.assert_allclose(compiled(x), x @ weights)
            saved = os.path.join(folder, "model.aicc")
            compiled.save(saved)
            del compiled
            gc.collect()
            np.testing.assert_allclose(aicc.load(saved, device="cpu")(x=x), x @ weights)

    def test_describes_a_model(self):
        model = aicc.compile(linear()[0], device="cpu")
        self.assertEqual(model.inputs, [aicc.Value("x", "float32", ("batch", 4))])
        self.assertEqual(model.outputs, [aicc.Value("y", "float32", ("batch", 3))])
        self.assertEqual(model.device, "cpu:0")
        self.assertTrue(model.target.startswith("cpu:"))
        self.assertIn("cpu", aicc.targets())
        self.assertEqual(aicc.devices()[0]["id"], "cpu:0")
        self.assertEqual(aicc.compile(linear()[0], device="cpu", dims={"batch": 2}).inputs[0].shape, (2, 4))

    def test_takes_arrays_of_any_layout(self):
        proto, weights = linear()
        model = aicc.compile(proto, device="cpu")
        x = np.random.default_rng(1).standard_normal((6, 8)).astype(np.float32)
        read_only = x[:, :4].copy()
        read_only.flags.writeable = False
        for array in (x[:, :4], x[::2, ::2], x[::-1, :4], x[:4, 4:].T, x[:, :4].astype(">f4"), read_only, x[:0, :4]):
            with self.subTest(strides=array.strides):
                np.testing.assert_allclose(model(array), array.astype(np.float32) @ weights, rtol=1e-5)
        np.testing.assert_allclose(model([[1, 2, 3, 4]]), np.float32([[1, 2, 3, 4]]) @ weights)

    def test_refuses_what_does_not_fit(self):
        model = aicc.compile(linear()[0], device="cpu")
        for arguments, named, message in (
                ((), {}, "'x' is missing"), ((1, 2), {}, "takes 1 inputs"), ((), {"z": 1}, "no input 'z'"),
                ((np.ones((1, 4)),), {"x": 1}, "given twice"), ((np.array(["a"]),), {}, "not supported")):
            with self.assertRaisesRegex(TypeError, message):
                model(*arguments, **named)
        for array, message in ((np.ones((1, 4)), "f64"), (np.ones((1, 5), np.float32), "dimension 1"),
                               (np.ones(4, np.float32), r"must be \?x4xf32")):
            with self.assertRaisesRegex(aicc.RunError, message):
                model(array)

    def test_names_what_cannot_be_compiled(self):
        proto = make_model([helper.make_node("Concat", ["x", "x"], ["y"], "joined", axis=7)], [("x", TensorProto.FLOAT, [2])],
                           [("y", TensorProto.FLOAT, [4])])
        with self.assertRaises(aicc.CompileError) as caught:
            aicc.compile(proto, device="cpu")
        self.assertIn("joined", caught.exception.problems[0])
        for junk in (b"", b"junk", b"\x08\x07"):
            with self.assertRaises(aicc.CompileError):
                aicc.compile(junk, device="cpu")
        with self.assertRaises(aicc.Error):
            aicc.compile(proto, device="toaster:3")
        with self.assertRaises(aicc.RunError):
            aicc.load("/no/such/file.aicc")

    def test_shares_memory(self):
        model = aicc.compile(linear()[0], device="cpu")
        x = np.ones((2, 4), np.float32)
        tensor, = model.run(x, device_outputs=True)
        self.assertEqual(tensor.shape, (2, 3))
        first, second = np.from_dlpack(tensor), tensor.numpy()
        second[0, 0] = 77
        self.assertEqual(first[0, 0], 77)
        del tensor, second
        gc.collect()
        self.assertEqual(first[0, 0], 77)
        again, = model.run(model.run(np.ones((3, 4), np.float32), device_outputs=True)[0].numpy() @ np.ones((3, 4), np.float32))
        self.assertEqual(again.shape, (3, 3))

    def test_has_the_types_of_ml_dtypes(self):
        for kind, dtype in ((TensorProto.BFLOAT16, ml_dtypes.bfloat16), (TensorProto.FLOAT8E4M3FN, ml_dtypes.float8_e4m3fn),
                            (TensorProto.INT4, ml_dtypes.int4), (TensorProto.BOOL, np.bool_), (TensorProto.UINT64, np.uint64)):
            proto = make_model([helper.make_node("Transpose", ["x"], ["y"])], [("x", kind, [2, 3])], [("y", kind, [3, 2])], (), 23)
            x = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
            y = aicc.compile(proto, device="cpu")(x)
            self.assertEqual(y.dtype, x.dtype)
            self.assertTrue((y.astype(np.float32) == x.T.astype(np.float32)).all())

    def test_gives_results_of_sizes_that_depend_on_data(self):
        proto = make_model([helper.make_node("NonZero", ["x"], ["y"])], [("x", TensorProto.FLOAT, ["n"])],
                           [("y", TensorProto.INT64, [1, None])])
        model = aicc.compile(proto, device="cpu")
        for x in ([0, 1, 0, 2], [0, 0], []):
            self.assertEqual(model(np.float32(x)).tolist(), [np.flatnonzero(x).tolist()])

    def test_runs_from_many_threads(self):
        proto, weights = linear()
        model = aicc.compile(proto, device="cpu")
        wrong = []

        def work(seed):
            random = np.random.default_rng(seed)
            for _ in range(50):
                x = random.standard_normal((random.integers(1, 9), 4)).astype(np.float32)
                if not np.allclose(model(x), x @ weights, rtol=1e-4, atol=1e-4):
                    wrong.append(seed)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_is_a_backend(self):
        proto, weights = linear()
        x = np.ones((2, 4), np.float32)
        self.assertTrue(aicc.backend.supports_device("CPU"))
        self.assertFalse(aicc.backend.supports_device("TOASTER"))
        np.testing.assert_allclose(aicc.backend.run_model(proto, [x]).y, x @ weights)
        node = helper.make_node("Add", ["a", "b"], ["c"])
        np.testing.assert_allclose(aicc.backend.run_node(node, [x, x])[0], x + x)


if __name__ == "__main__":
    result = unittest.main(argv=[sys.argv[0], *sys.argv[1:]], exit=False, verbosity=1).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    sys.exit(bool(bad))
