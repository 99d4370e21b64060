"""One measurement of ONNX Runtime or OpenVINO, in a process of its own.

    peers.py PEER MODEL.onnx FEEDS.json THREADS SECONDS [OUT.npz]

Prints one JSON object: median_ms, p10_ms, runs, load_ms.  Both keep their input and output buffers from run to run, as
`aicc bench` does: otherwise page faults of fresh outputs are what is timed.  OpenVINO is told to compute in fp32: its
default takes bf16 where the CPU has it.  With OUT.npz the outputs are written there.
"""
import gc
import json
import sys
import time

import numpy as np


def ort(path, feeds, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(a) for a in session.run(names, feeds)]
    binding = session.io_binding()
    for name, array in feeds.items():
        binding.bind_cpu_input(name, array)
    for name, value in zip(names, values):
        binding.bind_ortvalue_output(name, value)
    return lambda: session.run_with_iobinding(binding), lambda: [v.numpy() for v in values]


def openvino(path, feeds, threads):
    import openvino as ov
    core = ov.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(path), "CPU", settings)
    request = compiled.create_infer_request()
    tensors = {name: ov.Tensor(array, shared_memory=True) for name, array in feeds.items()}
    for name, tensor in tensors.items():
        request.set_tensor(name, tensor)

    def run():  # infer() would copy the outputs
        request.start_async()
        request.wait()

    return run, lambda _keep=tensors: [np.array(request.get_output_tensor(i).data) for i in range(len(compiled.outputs))]


def main():
    peer, path, feeds_path, threads, seconds, *out = sys.argv[1:]
    with open(feeds_path) as file:
        feeds = {name: np.load(array) for name, array in json.load(file).items()}
    begin = time.perf_counter()
    run, outputs = {"ort": ort, "openvino": openvino}[peer](path, feeds, int(threads))
    run()
    load_ms = (time.perf_counter() - begin) * 1e3
    if out:
        np.savez(out[0], *outputs())
    for _ in range(3):
        run()
    gc.disable()
    samples, clock = [], time.perf_counter
    begin = clock()
    while len(samples) < 5 or (clock() - begin < float(seconds) and len(samples) < 50000):
        before = clock()
        run()
        samples.append(clock() - before)
    samples = np.array(samples) * 1e3
    print(json.dumps({"median_ms": float(np.median(samples)), "p10_ms": float(np.quantile(samples, 0.1)),
                      "runs": len(samples), "load_ms": load_ms}))


if __name__ == "__main__":
    main()
