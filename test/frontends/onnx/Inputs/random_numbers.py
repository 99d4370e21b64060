"""Runs a model of random numbers twice with `aicc run` and checks their distribution: `random_numbers.py DIRECTORY`."""
import os
import subprocess
import sys

import numpy as np
from onnx import TensorProto, helper, save

COUNT = 100_000


def run(nodes, names, directory, sizes=()):
    """The outputs of a model; its inputs (names of f32 vectors) are arrays."""
    os.makedirs(directory, exist_ok=True)
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [name + "_size"]) for name, _ in sizes]
    outputs = [helper.make_tensor_value_info(name, kind, None) for name, kind in names]
    graph = helper.make_graph(nodes, "random", inputs, outputs)
    path = os.path.join(directory, "random.onnx")
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10), path)
    command = ["aicc", "run", path, "--no-cache", "--output-dir", directory]
    for name, array in sizes:
        np.save(os.path.join(directory, name + ".npy"), array)
        command += ["--input", f"{name}=@{os.path.join(directory, name)}.npy"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return [np.load(os.path.join(directory, f"output_{i}.npy")) for i in range(len(names))]


def distance(x, distribution):
    """Kolmogorov's and Smirnov's statistic; beyond 2 in one of 1,500 samples."""
    x = np.sort(x.astype(np.float64).ravel())
    p, n = distribution(x), len(x)
    return np.sqrt(n) * max((p - np.arange(n) / n).max(), (np.arange(1, n + 1) / n - p).max())


def normal_distribution(x):
    t = np.linspace(-8, 8, 20001)
    density = np.exp(-t * t / 2) / np.sqrt(2 * np.pi)
    return np.interp(x, t, np.cumsum(density) * (t[1] - t[0]))


def correlation(a, b):
    return abs(np.corrcoef(a.astype(np.float64), b.astype(np.float64))[0, 1])


def main(directory):
    f32, f64 = TensorProto.FLOAT, TensorProto.DOUBLE
    make = lambda op, out, inputs=(), **more: helper.make_node(op, list(inputs), [out], name="node_" + out, **more)
    nodes = [make("RandomUniform", "a", shape=[COUNT]), make("RandomUniform", "b", shape=[COUNT], low=-3.0, high=5.0),
             make("RandomUniform", "s1", shape=[COUNT], seed=1.0), make("RandomUniform", "s2", shape=[COUNT], seed=1.0),
             make("RandomNormal", "n", shape=[COUNT], mean=2.0, scale=3.0),
             make("RandomNormalLike", "m", ["x"], dtype=f64), make("Bernoulli", "h", ["x"], dtype=f32)]
    names = [(n, f64 if n == "m" else f32) for n in ("a", "b", "s1", "s2", "n", "m", "h")]
    feeds = [("x", np.full(COUNT, 0.3, np.float32))]
    first, second = (run(nodes, names, directory, feeds) for _ in range(2))
    for x, y in zip(first, second):
        assert (x == y).all(), "two runs differ"
    a, b, s1, s2, n, m, h = first
    identity = lambda x: np.clip(x, 0, 1)
    assert (s1 == s2).all() and (s1 != a).any()
    assert a.min() >= 0 and a.max() < 1 and b.min() >= -3 and b.max() <= 5
    assert abs(a.mean() - 0.5) < 0.004 and abs(a.var() * 12 - 1) < 0.02
    assert distance(a, identity) < 2 and distance((b + 3) / 8, identity) < 2
    for x in (n.astype(np.float64) / 3 - 2 / 3, m):
        assert abs(x.mean()) < 0.015 and abs(x.std() - 1) < 0.01 and distance(x, normal_distribution) < 2
    assert abs(h.mean() - 0.3) < 0.007 and set(np.unique(h)) == {0, 1}
    # Nodes, and neighbours in a row, know nothing of each other.
    for x, y in ((a, b), (a, s1), (n, m), (a[1:], a[:-1]), (n[1:], n[:-1]), (a[4:], a[:-4])):
        assert correlation(x, y) < 0.015, correlation(x, y)
    print("random numbers are fine")


if __name__ == "__main__":
    main(sys.argv[1])
