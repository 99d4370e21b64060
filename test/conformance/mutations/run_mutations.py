"""Hostile models: ONNX's node cases with something wrong in each, through the importer: `run_mutations.py [--per-case N] [--first N]`.

A mutation keeps the model a message of its format, and breaks what it means: attributes out of range, other axes and pads, names that
are given twice, cycles, other types and sizes, operands that are missing or too many. aicc may take what is left or refuse it with a
message; it must not crash, hang, or fail an assertion. The same seed makes the same mutations. A model that fails is kept in
build/mutations. Ends with "N passed, N failed".
"""
import argparse
import json
import multiprocessing
import multiprocessing.connection
import os
import random
import subprocess
import sys
import tempfile
import time
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
BUILD = os.environ.get("AICC_BUILD_DIR", os.path.join(ROOT, "build"))
AICC = os.environ.get("AICC", os.path.join(BUILD, "bin", "aicc"))
OUTPUT = os.path.join(BUILD, "mutations")
warnings.simplefilter("ignore")

import onnx  # noqa: E402
from onnx import AttributeProto, TensorProto, helper, numpy_helper  # noqa: E402

SECONDS = 20
NUMBERS = [0, 1, -1, 2, -2, 3, 7, -7, 100, -100, 2**31 - 1, -(2**31), 2**31, 2**63 - 1, -(2**63), 65536]
FLOATS = [0.0, -1.0, 1e30, -1e30, float("nan"), float("inf"), 1e-40, 0.5]
TEXTS = [b"", b"NOTSET", b"SAME_UPPER", b"linear", b"ij,jk->ik", b"...i,->", b"\xff\xfe", b"a" * 3000, b"constant"]


# ---- mutations: each changes a model in place, or returns False where it has nothing to change ----

def all_nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield from all_nodes(attribute.g)


def pick_node(r, model):
    nodes = list(all_nodes(model.graph))
    return r.choice(nodes) if nodes else None


def attribute_value(r, model):
    nodes = [node for node in all_nodes(model.graph) if node.attribute]
    if not nodes:
        return False
    attribute = r.choice(r.choice(nodes).attribute)
    if attribute.type == AttributeProto.INT:
        attribute.i = r.choice(NUMBERS)
    elif attribute.type == AttributeProto.FLOAT:
        attribute.f = r.choice(FLOATS)
    elif attribute.type == AttributeProto.STRING:
        attribute.s = r.choice(TEXTS)
    elif attribute.type == AttributeProto.INTS:
        change = r.randrange(4)
        if change == 0 and attribute.ints:
            attribute.ints[r.randrange(len(attribute.ints))] = r.choice(NUMBERS)
        elif change == 1:
            attribute.ints.append(r.choice(NUMBERS))
        elif change == 2:
            del attribute.ints[len(attribute.ints) // 2 :]
        else:
            attribute.ints[:] = [r.choice(NUMBERS) for _ in range(r.randrange(9))]
    elif attribute.type == AttributeProto.TENSOR:
        mutate_tensor(r, attribute.t)
    else:
        return False
    return True


def attribute_new(r, model):
    """An attribute that its operator knows, or one of another type."""
    node = pick_node(r, model)
    if node is None:
        return False
    names = ["axis", "axes", "pads", "strides", "dilations", "kernel_shape", "group", "perm", "to", "mode", "keepdims", "k", "p",
             "alpha", "epsilon", "blocksize", "auto_pad", "output_padding", "output_shape", "ceil_mode", "hidden_size", "direction",
             "batch_dims", "num_outputs", "block_size", "start", "end", "dtype", "size", "value", "equation", "reduction"]
    try:
        names += list(onnx.defs.get_schema(node.op_type, node.domain).attributes)
    except onnx.defs.SchemaError:
        pass
    name = r.choice(names)
    for i, old in enumerate(node.attribute):
        if old.name == name:
            del node.attribute[i]
            break
    value = r.choice([r.choice(NUMBERS), r.choice(FLOATS), r.choice(TEXTS), [r.choice(NUMBERS) for _ in range(r.randrange(1, 9))]])
    node.attribute.append(helper.make_attribute(name, value))
    return True


def attribute_drop(r, model):
    nodes = [node for node in all_nodes(model.graph) if node.attribute]
    if not nodes:
        return False
    node = r.choice(nodes)
    del node.attribute[r.randrange(len(node.attribute))]
    return True


def operand(r, model):
    """An operand is missing, doubled, of another place, or unknown."""
    node = pick_node(r, model)
    if node is None:
        return False
    names = [name for n in all_nodes(model.graph) for name in (*n.input, *n.output)] + ["", "nobody makes this"]
    change = r.randrange(4)
    if change == 0 and node.input:
        node.input[r.randrange(len(node.input))] = r.choice(names)
    elif change == 1:
        node.input.append(r.choice(names))
    elif change == 2 and node.input:
        del node.input[r.randrange(len(node.input)) :]
    elif node.input:
        inputs = list(node.input)
        r.shuffle(inputs)
        node.input[:] = inputs
    return True


def results(r, model):
    """A name that is given twice, a result too many or none."""
    node = pick_node(r, model)
    if node is None:
        return False
    names = [name for n in all_nodes(model.graph) for name in (*n.input, *n.output)]
    change = r.randrange(3)
    if change == 0 and node.output and names:
        node.output[r.randrange(len(node.output))] = r.choice(names)
    elif change == 1:
        node.output.append(r.choice([*names, "another"]))
    else:
        del node.output[r.randrange(len(node.output) + 1) :]
    return True


def cycle(r, model):
    node = pick_node(r, model)
    if node is None or not node.input or not node.output:
        return False
    node.input[r.randrange(len(node.input))] = r.choice(node.output)
    return True


def operator(r, model):
    """Another operator with these operands."""
    node = pick_node(r, model)
    if node is None:
        return False
    schema = r.choice(onnx.defs.get_all_schemas())
    node.op_type, node.domain = schema.name, schema.domain
    return True


def input_type(r, model):
    if not model.graph.input:
        return False
    value = r.choice(model.graph.input)
    change = r.randrange(5)
    if not value.type.HasField("tensor_type") or change == 0:
        value.type.tensor_type.elem_type = r.randrange(0, 30)
    elif change == 1:
        value.type.tensor_type.elem_type = r.choice([1, 2, 3, 6, 7, 9, 10, 11, 13, 16, 17, 22, 23])
    elif change == 2:
        value.type.tensor_type.ClearField("shape")
    else:
        dims = value.type.tensor_type.shape.dim
        if change == 3 or not dims:
            dims.add().dim_value = r.choice([0, 1, 2, 5, -1, 2**40])
        else:
            dim = r.choice(dims)
            dim.Clear()
            if r.random() < 0.5:
                dim.dim_value = r.choice([0, 1, 2, 7, -1, 2**31, 2**62])
            else:
                dim.dim_param = r.choice(["n", "m", "", "a + b"])
    return True


def mutate_tensor(r, tensor):
    change = r.randrange(4)
    if change == 0:
        tensor.data_type = r.randrange(0, 30)
    elif change == 1 and tensor.dims:
        tensor.dims[r.randrange(len(tensor.dims))] = r.choice(NUMBERS)
    elif change == 2:
        tensor.dims.append(r.choice([0, 1, 2, -1, 2**40]))
    else:
        try:
            array = numpy_helper.to_array(tensor).copy()
            if array.size and array.dtype.kind in "iu":
                array.reshape(-1)[r.randrange(array.size)] = r.choice([v for v in NUMBERS if -(2**31) <= v < 2**31]) % 128
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
        except (ValueError, TypeError, OverflowError):
            return


def constants(r, model):
    """An input becomes a constant that says nothing good; a constant becomes another."""
    if model.graph.initializer and r.random() < 0.5:
        mutate_tensor(r, r.choice(model.graph.initializer))
        return True
    values = [v for v in model.graph.input if v.type.tensor_type.elem_type in (TensorProto.INT64, TensorProto.INT32)]
    if not values:
        return False
    value = r.choice(values)
    sizes = [d.dim_value for d in value.type.tensor_type.shape.dim]
    count = 1
    for size in sizes:
        count *= max(0, size)
    if count > 1000:
        return False
    numbers = [r.choice(NUMBERS[:12]) for _ in range(count)]
    model.graph.initializer.append(helper.make_tensor(value.name, value.type.tensor_type.elem_type, sizes, numbers))
    return True


def opset(r, model):
    if not model.opset_import:
        return False
    r.choice(model.opset_import).version = r.choice([0, 1, 5, 6, 7, 9, 11, 12, 13, 17, 18, 23, 99, -1])
    return True


def outputs(r, model):
    if not model.graph.output:
        return False
    change = r.randrange(3)
    if change == 0:
        model.graph.output.append(r.choice(model.graph.output))
    elif change == 1:
        model.graph.output[0].name = r.choice(["nowhere", *(v.name for v in model.graph.input)])
    else:
        del model.graph.output[:]
    return True


MUTATIONS = [attribute_value, attribute_value, attribute_new, attribute_new, attribute_drop, operand, results, cycle, operator,
             input_type, input_type, constants, constants, opset, outputs]


def mutate(model, seed):
    r = random.Random(seed)
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        for _ in range(10):
            if r.choice(MUTATIONS)(r, changed):
                break
    return changed


# ---- running ----

def work(pipe, options):
    """A worker: takes (case, bytes), answers with what aicc says: "taken", "refused", or "internal: ..."."""
    if not options.tool:
        sys.path.insert(0, os.path.join(BUILD, "python"))
        from aicc import _aicc
    folder = tempfile.mkdtemp()
    path = os.path.join(folder, "m.onnx")
    while True:
        try:
            data = pipe.recv()
        except EOFError:
            return
        with open(path, "wb") as stream:
            stream.write(data)
        if options.tool:
            process = subprocess.run([AICC, "check", path], capture_output=True, text=True, errors="replace", check=False)
            if process.returncode in (0, 1):
                pipe.send("taken" if process.returncode == 0 else "refused")
            else:
                pipe.send(f"internal: exit code {process.returncode}: {process.stderr[-300:]}")
            continue
        status, errors, _ = _aicc.compile(path, os.path.join(folder, "m.aicc"), "cpu", [], 1)
        if status in (0, 1) and bool(status) == bool(errors):
            pipe.send("refused" if status else "taken")
        else:
            pipe.send(f"internal: status {status}: {'; '.join(errors)[:300]}")


class Worker:
    def __init__(self, options):
        self.options = options
        self.start()

    def start(self):
        self.pipe, other = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=work, args=(other, self.options), daemon=True)
        self.process.start()
        other.close()
        self.job = None

    def give(self, job, data):
        self.job, self.since = job, time.monotonic()
        self.pipe.send(data)

    def answer(self):
        """What came of the job; None: nothing yet."""
        if self.pipe.poll(0):
            try:
                return self.pipe.recv()
            except EOFError:
                self.process.join()
                code = self.process.exitcode
                self.start()
                return f"crash: the process ended with {code}"
        if time.monotonic() - self.since > SECONDS:
            self.process.kill()
            self.process.join()
            self.start()
            return f"hang: no answer after {SECONDS} s"
        return None


def cases():
    from onnx.backend.test.case.node import collect_testcases
    for case in collect_testcases(None):
        if case.model.ByteSize() < 100_000:
            yield case.name, case.model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-case", type=int, default=1, help="mutations of each case (default 1)")
    parser.add_argument("--first", type=int, default=0, help="the first mutation's number (default 0)")
    parser.add_argument("--write-seeds", metavar="DIR", help="write the small cases as seeds of the importer's fuzzer, and end")
    parser.add_argument("--tool", action="store_true", help="run the tool for each, instead of the Python package")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    options = parser.parse_args()
    if options.write_seeds:
        os.makedirs(options.write_seeds, exist_ok=True)
        for name, model in cases():
            if model.ByteSize() < 3000:
                with open(os.path.join(options.write_seeds, name), "wb") as stream:
                    stream.write(b"\0" + model.SerializeToString())  # the first byte chooses options
        return 0

    jobs = ((f"{name}-{i}", mutate(model, f"{name}-{i}")) for name, model in cases()
            for i in range(options.first, options.first + options.per_case))
    workers = [Worker(options) for _ in range(options.jobs)]
    counts = {"taken": 0, "refused": 0, "failed": 0}
    done = False
    while not done or any(worker.job for worker in workers):
        for worker in workers:
            if worker.job:
                answer = worker.answer()
                if answer is None:
                    continue
                name, model = worker.job
                worker.job = None
                counts[answer if answer in counts else "failed"] += 1
                if answer not in counts:
                    os.makedirs(OUTPUT, exist_ok=True)
                    path = os.path.join(OUTPUT, name + ".onnx")
                    onnx.save(model, path)
                    print(f"{name}: {answer} (aicc check {path})", flush=True)
            job = next(jobs, None) if not done else None
            if job is None:
                done = True
                continue
            worker.give(job, job[1].SerializeToString())
        multiprocessing.connection.wait([worker.pipe for worker in workers if worker.job], timeout=0.2)
    print(json.dumps(counts))
    print(f"{counts['taken'] + counts['refused']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
