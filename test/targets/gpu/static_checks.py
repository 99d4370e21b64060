"""What can be known of device code without a device: `static_checks.py [--all] [--only REGEX] [--target T...]`.

Cases of test/models are compiled for every architecture of the targets that need vendor's tools or hardware to run. For PTX:
the assembler takes every kernel, within the architecture's registers and workgroup memory, and contractions and attention
do not spill. For AMD code objects: metadata names the kernels with the arguments they have, the same limits hold, and the
disassembly of half-precision contractions has matrix instructions. For SPIR-V: it is valid, and asks for nothing that OpenCL
devices need not have. Without --all a case of each family is taken.
A table of what each class of kernels needs is written to --table. Last line: "N passed, N failed", a test for each case
and target.
"""
import argparse
import collections
import concurrent.futures
import glob
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(ROOT, "test", "models"))

from makers import Case, cases  # noqa: E402

LLVM = "/usr/lib/llvm-19/bin"
TARGETS = ["cuda:sm_75", "cuda:sm_80", "cuda:sm_90a", "cuda:sm_70", "rocm:gfx90a", "rocm:gfx942", "rocm:gfx1100",
           "rocm:gfx1201", "level_zero:generic"]
# All that a module of SPIR-V may ask for, and up to which version.
CAPABILITIES = {"Kernel", "Addresses", "Int8", "Int16", "Int64", "Float16", "Float64", "Vector16", "GroupNonUniform",
                "GroupNonUniformShuffle", "SubgroupDispatch", "Int64Atomics"}
# One of each family and of each kind of kernel; the others differ in sizes and spelling.
CHOSEN = re.compile(
    r"^(static_check_half|minilm|llama_step|mobilenet_v3|resnet_bottleneck|unet_bilinear|lstm_tagger|forms_opset13"
    r"|attributes_opset9)(/static|/symbolic)?$")
# Kernels whose inner loop is all that counts. Before and after it, the PTX assembler parks a few scalars while a subroutine
# divides 64-bit sizes, with most registers free; the disassembly of those seen so far has no local memory in any loop. So many
# bytes of stores and loads together are therefore no failure, but stay in the table.
TIGHT = re.compile(r"^(matmul|conv|attention)")
PARKED = 32
SHARED_LIMIT = {"sm_70": 96, "sm_75": 64, "sm_80": 163, "sm_90a": 227}  # kB
MATRIX = re.compile(r"\b(mma\.sync|wgmma\.mma_async|v_mfma|v_wmma)")

Kernel = collections.namedtuple("Kernel", "name registers shared spills matrix")


class Failure(Exception):
    """What is printed behind the case's name."""


def half_model(path):
    """Contractions in half precision, which every architecture has matrix instructions for."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(1)

    def weight(name, *shape):
        return numpy_helper.from_array(random.standard_normal(shape).astype(np.float16), name)

    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"], name="half_matmul"),
        helper.make_node("Add", ["a", "b"], ["y"], name="half_bias"),
        helper.make_node("Conv", ["i", "k"], ["z"], name="half_conv", pads=[1, 1, 1, 1]),
    ]
    f16 = TensorProto.FLOAT16
    graph = helper.make_graph(
        nodes, "half",
        [helper.make_tensor_value_info("x", f16, [256, 256]), helper.make_tensor_value_info("i", f16, [4, 64, 28, 28])],
        [helper.make_tensor_value_info("y", f16, [256, 512]), helper.make_tensor_value_info("z", f16, [4, 64, 28, 28])],
        [weight("w", 256, 512), weight("b", 512), weight("k", 64, 64, 3, 3)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def find_assembler():
    """A folder with the assembler that knows all of TARGETS, or an empty text: CUDA 13's does not know sm_70."""
    found = glob.glob(os.path.join(sys.prefix, "lib", "python3*", "site-packages", "nvidia", "cuda_nvcc", "bin", "ptxas"))
    if found:
        return os.path.dirname(found[0])
    path = shutil.which("ptxas", path=os.environ.get("PATH", "") + ":/usr/local/cuda/bin")
    return os.path.dirname(path) if path else ""


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise Failure(f"{os.path.basename(command[0])}: exit {done.returncode}: {done.stderr.strip()[:300]}")
    return done.stdout


def read(path):
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()


def read_image(folder):
    """{kernel: (threads, workgroup memory, number of arguments)}, as drivers read it (runtime/include/aicc/device_image.h)."""
    with open(os.path.join(folder, "kernels.image"), "rb") as stream:
        image = stream.read()
    magic, header_size, image_size, entry_count, payload_count = struct.unpack_from("<8sIIII", image)
    if magic != b"AICCIMG1" or header_size != 24 or image_size != len(image) or payload_count == 0:
        raise Failure("the image's header is wrong")
    entries = {}
    for number in range(entry_count):
        offset, size, threads, _, static, dynamic, buffers, params, flags, _ = struct.unpack_from(
            "<10I", image, header_size + 40 * number)
        entries[image[offset:offset + size].decode()] = (threads, static + dynamic, buffers + params + (flags & 1))
    return entries


def read_ptx(folder, architecture):
    """The kernels of a PTX file, by what the assembler said of them."""
    text = read(os.path.join(folder, "kernels.ptx"))
    bodies = re.split(r"^\.visible \.entry ", text, flags=re.M)[1:]
    entries = {re.match(r"[\w$]+", body).group(): body for body in bodies}
    log = read(os.path.join(folder, "kernels.ptxas.txt"))
    image = read_image(folder)
    kernels = []
    for part in re.split(r"Compiling entry function ", log)[1:]:
        name = re.match(r"'([^']+)'", part).group(1)

        def number(pattern):
            match = re.search(pattern, part)
            return int(match.group(1)) if match else 0

        if name not in image:
            raise Failure(f"{name} is not in the image")
        threads, shared, arguments = image[name]
        body = entries[name]
        if f".reqntid {threads}, 1, 1" not in body or len(re.findall(r"^\s*\.param ", body, flags=re.M)) != arguments:
            raise Failure(f"{name}: other threads or arguments than the image says")
        # The assembler adds some of its own (96 bytes to a softmax of 32).
        if number(r"(\d+) bytes smem") > shared + 1024:
            raise Failure(f"{name}: more workgroup memory than the image says")
        kernels.append(Kernel(name, number(r"Used (\d+) registers"), max(shared, number(r"(\d+) bytes smem")),
                              number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads"),
                              len(MATRIX.findall(body))))
    missing = (set(entries) | set(image)) - {kernel.name for kernel in kernels}
    if missing:
        raise Failure(f"the assembler said nothing of {', '.join(sorted(missing))}")
    limit = SHARED_LIMIT[architecture] << 10
    for kernel in kernels:
        if kernel.shared > limit:
            raise Failure(f"{kernel.name}: {kernel.shared} bytes of workgroup memory, {limit} are there")
    return kernels


def read_code_object(folder, architecture):
    """The kernels of an AMD code object, by its metadata and its disassembly."""
    path = os.path.join(folder, "kernels.hsaco")
    notes = run([f"{LLVM}/llvm-readobj", "--notes", path])
    code = run([f"{LLVM}/llvm-objdump", "-d", f"--mcpu={architecture}", path])
    bodies = dict(re.findall(r"^[0-9a-f]+ <([^>]+)>:\n(.*?)(?=^[0-9a-f]+ <|\Z)", code, flags=re.M | re.S))
    if not re.search(r"amdhsa\.version:\s*\n\s*- 1\n\s*- 2", notes):
        raise Failure("metadata is not of code object version 5")
    if f"amdgcn-amd-amdhsa--{architecture}" not in notes:
        raise Failure(f"metadata does not name {architecture}")
    image = read_image(folder)
    kernels = []
    for part in re.split(r"^  - (?=\.)", notes, flags=re.M)[1:]:

        def field(name):
            return int(re.search(rf"\.{name}:\s*(\d+)", part).group(1))

        name = re.search(r"^ {0,4}\.name:\s*(\S+)", part, flags=re.M).group(1)
        arguments = len(re.findall(r"\.value_kind:", part))
        if name not in bodies or f"{name}.kd" not in part:
            raise Failure(f"{name}: no code, or no descriptor")
        if field("kernarg_segment_size") != 8 * arguments or "hidden_" in part:
            raise Failure(f"{name}: {field('kernarg_segment_size')} bytes of arguments for {arguments}")
        if name not in image or image[name] != (field("max_flat_workgroup_size"), field("group_segment_fixed_size"), arguments):
            raise Failure(f"{name}: other threads, workgroup memory or arguments than the image says")
        if field("group_segment_fixed_size") > 64 << 10:
            raise Failure(f"{name}: {field('group_segment_fixed_size')} bytes of workgroup memory")
        if field("wavefront_size") != (64 if architecture.startswith("gfx9") else 32):
            raise Failure(f"{name}: subgroups of {field('wavefront_size')}")
        # .vgpr_count is of both register files where they are one. Scalars are spilled to lanes of vector registers.
        kernels.append(Kernel(name, field("vgpr_count"), field("group_segment_fixed_size"),
                              field("vgpr_spill_count"),
                              len(MATRIX.findall(bodies[name]))))
    return kernels


def read_spirv(folder):
    """The kernels of a SPIR-V module, which is valid; it says nothing of registers."""
    path = os.path.join(folder, "kernels.spv")
    run(["spirv-val", "--target-env", "spv1.3", path])
    text = run(["spirv-dis", path])
    excess = set(re.findall(r"OpCapability (\w+)", text)) - CAPABILITIES
    if excess:
        raise Failure(f"it asks for {', '.join(sorted(excess))}")
    return [Kernel(name, 0, 0, 0, 0) for name in re.findall(r'OpEntryPoint Kernel \S+ "([^"]+)"', text)]


def check(case, target, folder):
    """The kernels of one case for one target; Failure if something is wrong with them."""
    name, architecture = target.split(":")
    place = os.path.join(folder, f"kernels-{name}-{architecture}")
    if not os.path.isdir(place):
        raise Failure("no kernels were dumped")
    if name == "rocm":
        kernels = read_code_object(place, architecture)
    elif name == "level_zero":
        kernels = read_spirv(place)
    else:
        if not os.path.exists(os.path.join(place, "kernels.cubin")):
            raise Failure(f"the assembler does not know {architecture}")
        kernels = read_ptx(place, architecture)
    if not kernels:
        raise Failure("there are no kernels")
    for kernel in kernels:
        if TIGHT.match(kernel.name) and kernel.spills > (PARKED if name == "cuda" else 0):
            raise Failure(f"{kernel.name} spills: {kernel.spills}")
        if name != "level_zero" and case.id.startswith("static_check_half") and TIGHT.match(kernel.name) and not kernel.matrix:
            raise Failure(f"{kernel.name} has no matrix instructions")
    return kernels


def run_case(case, targets, aicc, folder):
    """-> [(target, kernels or why it failed)]"""
    os.makedirs(folder, exist_ok=True)
    model = os.path.join(folder, "model.onnx")
    case.write(model)
    results = []
    for target in targets:
        dump = os.path.join(folder, target.replace(":", "-"))
        os.makedirs(dump, exist_ok=True)
        try:
            run([aicc, "compile", model, "-o", os.path.join(folder, "model.aicc"), "--target", target, f"--dump={dump}"])
            results.append((target, check(case, target, dump)))
        except Failure as failure:
            results.append((target, str(failure)))
        shutil.rmtree(dump, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    return results


def write_table(path, needs):
    """needs: {(class, target): [Kernel]}"""
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("| kernels | target | number | registers, at most | workgroup memory, at most | spills "
                     "| with matrix instructions |\n|---|---|---|---|---|---|---|\n")
        for (kind, target), kernels in sorted(needs.items()):
            stream.write(f"| {kind} | {target} | {len(kernels)} | {max(k.registers for k in kernels)} "
                         f"| {max(k.shared for k in kernels)} | {sum(k.spills for k in kernels)} "
                         f"| {sum(k.matrix > 0 for k in kernels)} |\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    build = os.environ.get("AICC_BUILD_DIR", os.path.join(ROOT, "build"))
    parser.add_argument("--aicc", default=os.path.join(build, "bin", "aicc"))
    parser.add_argument("--all", action="store_true", help="every case of test/models")
    parser.add_argument("--only", default="", metavar="REGEX", help="cases whose name matches")
    parser.add_argument("--target", nargs="+", default=TARGETS, metavar="T")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--table", default=os.path.join(build, "gpu-static.md"))
    options = parser.parse_args()

    assembler = find_assembler()
    targets = options.target
    if assembler:
        os.environ["PATH"] = assembler + os.pathsep + os.environ["PATH"]
    else:
        print("no PTX assembler: PTX is not checked")
        targets = [target for target in targets if not target.startswith("cuda")]
    chosen = [Case("static_check_half/static", [{}], half_model), *cases()]
    if options.only:
        chosen = [case for case in chosen if re.search(options.only, case.id)]
    elif not options.all:
        chosen = [case for case in chosen if CHOSEN.match(case.id)]

    passed = failed = 0
    needs = collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        futures = [(case, pool.submit(run_case, case, targets, options.aicc, os.path.join(folder, str(number))))
                   for number, case in enumerate(chosen)]
        for case, future in futures:
            for target, result in future.result():
                if isinstance(result, str):
                    failed += 1
                    print(f"FAIL {case.id} {target}: {result}", flush=True)
                    continue
                passed += 1
                for kernel in result:
                    needs[(re.sub(r"_\d+$", "", kernel.name), target)].append(kernel)
            print(f"{case.id}", flush=True)
    write_table(options.table, needs)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
