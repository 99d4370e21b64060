#!/usr/bin/env python3
"""PyTorch's times for what gpu_pack.py packs under bench/, by the same names: a JSON object for each. Needs a CUDA device
and torch; products go to cuBLASLt, attention to the fastest of scaled_dot_product_attention's."""

import json
import statistics
import sys
import time


def measure(torch, work, seconds):
    """Milliseconds of one call: the median, by events around single calls."""
    for _ in range(5):
        work()
    torch.cuda.synchronize()
    times = []
    begin = time.monotonic()
    while len(times) < 10 or time.monotonic() - begin < seconds:
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        work()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times), len(times)


def main():
    import torch

    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    types = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}
    torch.backends.cuda.matmul.allow_tf32 = True

    def report(name, work, flops=0, size=0):
        median, runs = measure(torch, work, seconds)
        row = {"name": name, "peer": f"torch {torch.__version__}", "median_ms": median, "runs": runs}
        if flops:
            row["tflops"] = flops / median * 1e-9
        if size:
            row["gb_per_s"] = size / median * 1e-6
        print(json.dumps(row), flush=True)

    with torch.inference_mode():
        for kind, size in (("bf16", 4096), ("bf16", 8192), ("f32", 4096), ("f32", 8192), ("f16", 4096)):
            a, b = (torch.rand(size, size, device="cuda", dtype=types[kind]) - 0.5 for _ in range(2))
            report(f"matmul_{kind}_{size}", lambda a=a, b=b: a @ b, flops=2 * size**3)
        for kind, size in (("bf16", 8192), ("f32", 8192)):
            a = torch.rand(1, size, device="cuda", dtype=types[kind]) - 0.5
            b = torch.rand(size, size, device="cuda", dtype=types[kind]) - 0.5
            report(f"gemv_{kind}_{size}", lambda a=a, b=b: a @ b, size=b.numel() * b.element_size())
        for length in (4096, 16384):
            q, k, v = (torch.rand(1, 16, length, 128, device="cuda", dtype=torch.bfloat16) - 0.5 for _ in range(3))
            work = lambda q=q, k=k, v=v: torch.nn.functional.scaled_dot_product_attention(q, k, v)  # noqa: E731
            report(f"attention_bf16_{length}", work, flops=4 * 16 * length**2 * 128)
        x = torch.empty(1 << 28, device="cuda", dtype=torch.float32)
        y = torch.empty_like(x)
        report("copy_1GiB", lambda: y.copy_(x), size=2 * x.numel() * 4)


if __name__ == "__main__":
    main()
