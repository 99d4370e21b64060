"""Cases of run_kernels.py that are more than an operation on each element: control flow, memory, threads that talk."""

import numpy as np

from kernel_cases import THREADS, numpy_type


class Special:
    """A whole kernel. `body` is its text with %block, %thread and %id (i64) at hand; `make(generator)` gives the arguments, and
    `check(*arguments)` what the arguments that are arrays must be afterwards (None: unspecified), in their order."""

    def __init__(self, name, arguments, body, make, check, groups=4, threads=THREADS, subgroup=0, globals_="", ulp=0):
        self.name, self.make, self.check = name, make, check
        self.groups, self.threads, self.ulp = groups, threads, ulp
        types = ", ".join(f"%{n}: {'!llvm.ptr' if t == 'ptr' else t}" for n, t in arguments)
        self.module = f"""
module {{
  {globals_}
  llvm.func @{name}({types}) attributes {{gpu.kernel, aicc.threads = {threads} : i32, aicc.subgroup = {subgroup} : i32}} {{
    %threads = arith.constant {threads} : i64
    %bx = gpu.block_id x
    %tx = gpu.thread_id x
    %block = arith.index_cast %bx : index to i64
    %thread = arith.index_cast %tx : index to i64
    %first = arith.muli %block, %threads : i64
    %id = arith.addi %first, %thread : i64
    %c0 = arith.constant 0 : i64
    %c1 = arith.constant 1 : i64
    {body}
    llvm.return
  }}
}}"""

    def run(self, device, program, generator):
        arguments = self.make(generator)
        before = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
        device.run(program, self.name, arguments, self.groups, self.threads)
        after = [a for a in arguments if isinstance(a, np.ndarray)]
        with np.errstate(all="ignore"):
            wanted = self.check(*before)
        for i, (got, want) in enumerate(zip(after, wanted)):
            if want is None:
                continue
            want = np.asarray(want).astype(got.dtype).reshape(got.shape)
            same = got == want
            if got.dtype.kind not in "iub":
                g, w = got.astype(np.float64), want.astype(np.float64)
                same = same | (np.isnan(g) & np.isnan(w)) | (np.abs(g - w) <= self.ulp * 1e-6 * np.maximum(1, np.abs(w)))
            wrong = np.flatnonzero(~same)
            if len(wrong):
                return f"array {i}: {len(wrong)} wrong; [{wrong[0]}] is {got[wrong[0]]}, not {want[wrong[0]]}"
        return None


def at(name, base, index, element):
    return f"%{name} = llvm.getelementptr %{base}[%{index}] : (!llvm.ptr, i64) -> !llvm.ptr, {element}\n"


def load(name, base, index, element):
    return at(f"{name}_p", base, index, element) + f"%{name} = llvm.load %{name}_p : !llvm.ptr -> {element}\n"


def store(value, base, index, element):
    return at(f"{value}_{base}_p", base, index, element) + f"llvm.store %{value}, %{value}_{base}_p : {element}, !llvm.ptr\n"


N = 4 * THREADS
IN_OUT = [("x", "ptr"), ("y", "ptr")]


def floats(generator, n=N):
    return generator.standard_normal(n).astype(np.float32)


def in_out(generator):
    return [floats(generator), np.zeros(N, np.float32)]


def control_flow():
    yield Special("loop_sum", IN_OUT + [("n", "i64")], """
      %zero = arith.constant 0.0 : f32
      %sum, %last = scf.for %i = %c0 to %n step %c1 iter_args(%a = %zero, %l = %c0) -> (f32, i64) : i64 {
    """ + load("v", "x", "i", "f32") + """
        %b = arith.addf %a, %v : f32
        scf.yield %b, %i : f32, i64
      }
      %lf = arith.sitofp %last : i64 to f32
      %r = arith.addf %sum, %lf : f32
    """ + store("r", "y", "id", "f32"), lambda g: in_out(g) + [37],
                  lambda x, y, n: (None, np.cumsum(x[:37], dtype=np.float32)[-1] + np.float32(36) + np.zeros(N)), ulp=10)
    yield Special("loop_never", IN_OUT, """
      %start = arith.constant 2.5 : f32
      %sum = scf.for %i = %c1 to %c0 step %c1 iter_args(%a = %start) -> f32 : i64 {
        %b = arith.addf %a, %a : f32
        scf.yield %b : f32
      }
    """ + store("sum", "y", "id", "f32"), in_out, lambda x, y: (None, np.full(N, 2.5)))
    yield Special("loop_nested", IN_OUT, """
      %zero = arith.constant 0 : i64
      %five = arith.constant 5 : i64
      %sum = scf.for %i = %c0 to %five step %c1 iter_args(%a = %zero) -> i64 : i64 {
        %s = scf.for %j = %i to %five step %c1 iter_args(%b = %a) -> i64 : i64 {
          %m = arith.muli %i, %j : i64
          %e = arith.remsi %id, %five : i64
          %skip = arith.cmpi eq, %e, %j : i64
          %t = scf.if %skip -> i64 {
            scf.yield %b : i64
          } else {
            %u = arith.addi %b, %m : i64
            scf.yield %u : i64
          }
          scf.yield %t : i64
        }
        scf.yield %s : i64
      }
      %r = arith.sitofp %sum : i64 to f32
    """ + store("r", "y", "id", "f32"), in_out,
                  lambda x, y: (None, [sum(i * j for i in range(5) for j in range(i, 5) if k % 5 != j) for k in range(N)]))
    yield Special("if_vectors", IN_OUT, load("v", "x", "id", "f32") + """
      %zero = arith.constant dense<0.0> : vector<4xf32>
      %z = arith.constant 0.0 : f32
      %c = arith.cmpf olt, %v, %z : f32
      %r:2 = scf.if %c -> (vector<4xf32>, i1) {
        %w = vector.splat %v : vector<4xf32>
        %true = arith.constant true
        scf.yield %w, %true : vector<4xf32>, i1
      } else {
        %false = arith.constant false
        scf.yield %zero, %false : vector<4xf32>, i1
      }
      %e = vector.extract %r#0[2] : f32 from vector<4xf32>
      %f = arith.uitofp %r#1 : i1 to f32
      %s = arith.addf %e, %f : f32
    """ + store("s", "y", "id", "f32"), in_out, lambda x, y: (None, np.where(x < 0, x + np.float32(1), 0)))
    yield Special("collatz", [("y", "ptr")], """
      %two = arith.constant 2 : i64
      %three = arith.constant 3 : i64
      %start = arith.addi %id, %c1 : i64
      %r:2 = scf.while (%v = %start, %n = %c0) : (i64, i64) -> (i64, i64) {
        %go = arith.cmpi ne, %v, %c1 : i64
        scf.condition(%go) %v, %n : i64, i64
      } do {
      ^bb0(%v: i64, %n: i64):
        %half = arith.divui %v, %two : i64
        %odd = arith.trunci %v : i64 to i1
        %t = arith.muli %v, %three : i64
        %u = arith.addi %t, %c1 : i64
        %w = arith.select %odd, %u, %half : i64
        %m = arith.addi %n, %c1 : i64
        scf.yield %w, %m : i64, i64
      }
      %s = arith.trunci %r#1 : i64 to i32
    """ + store("s", "y", "id", "i32"), lambda g: [np.zeros(N, np.int32)], lambda y: ([collatz(i + 1) for i in range(N)],))
    yield Special("switch", [("y", "ptr")], """
      %four = arith.constant 4 : i64
      %e = arith.remsi %id, %four : i64
      %k = arith.index_cast %e : i64 to index
      %s = scf.index_switch %k -> i32
      case 0 {
        %a = arith.constant 10 : i32
        scf.yield %a : i32
      }
      case 2 {
        %a = arith.constant -7 : i32
        scf.yield %a : i32
      }
      default {
        %a = arith.trunci %id : i64 to i32
        scf.yield %a : i32
      }
    """ + store("s", "y", "id", "i32"), lambda g: [np.zeros(N, np.int32)],
                  lambda y: ([{0: 10, 2: -7}.get(i % 4, i) for i in range(N)],))
    yield Special("carried_pointer", IN_OUT, at("p", "x", "id", "f32") + """
      %three = arith.constant 3 : i64
      %zero = arith.constant 0.0 : f32
      %q, %sum = scf.for %i = %c0 to %three step %c1 iter_args(%r = %p, %a = %zero) -> (!llvm.ptr, f32) : i64 {
        %v = llvm.load %r : !llvm.ptr -> f32
        %b = arith.addf %a, %v : f32
        %next = llvm.getelementptr inbounds %r[1] : (!llvm.ptr) -> !llvm.ptr, f32
        scf.yield %next, %b : !llvm.ptr, f32
      }
    """ + store("sum", "y", "id", "f32"), lambda g: [floats(g, N + 2), np.zeros(N, np.float32)],
                  lambda x, y: (None, (x[:-2] + x[1:-1]) + x[2:]), ulp=1)
    yield Special("select_pointer", [("x", "ptr"), ("z", "ptr"), ("y", "ptr")], """
      %odd = arith.trunci %id : i64 to i1
    """ + at("p", "x", "id", "f32") + """
      %q = arith.select %odd, %p, %z : !llvm.ptr
      %v = llvm.load %q : !llvm.ptr -> f32
    """ + store("v", "y", "id", "f32"), lambda g: [floats(g), floats(g), np.zeros(N, np.float32)],
                  lambda x, z, y: (None, None, np.where(np.arange(N) % 2, x, z[0])))


def bounds():
    """Kernels whose threads end at once where there is nothing to do: device compilers make loop bounds of the first branch, and one
    has mixed up those of two kernels in a module."""
    yield Special("bound_unsigned", [("y", "ptr"), ("n", "i64")], """
      %c = arith.cmpi ult, %id, %c1 : i64
      scf.if %c {
        llvm.store %n, %y : i64, !llvm.ptr
      }
    """, lambda g: [np.zeros(N, np.int64), 77], lambda y, n: (np.where(np.arange(N) == 0, 77, 0),))
    yield Special("bound_signed", [("x", "ptr"), ("i", "ptr"), ("y", "ptr"), ("n", "i64"), ("m", "i64")], """
      %size = arith.muli %n, %m : i64
      %c = arith.cmpi slt, %id, %size : i64
      scf.if %c {
        %r = arith.remui %id, %m : i64
        %q = arith.divui %id, %m : i64
        %qm = arith.muli %q, %m : i64
        %at = arith.addi %qm, %r : i64
    """ + load("k", "i", "at", "i64") + load("v", "x", "k", "i8") + store("v", "y", "at", "i8") + """
      }
    """, lambda g: [np.arange(64, dtype=np.int8), g.integers(0, 64, N), np.zeros(N, np.int8), 2, 8],
                  lambda x, i, y, n, m: (None, None, np.where(np.arange(N) < 16, x[i], 0)))


def collatz(v):
    n = 0
    while v != 1:
        v, n = (v * 3 + 1 if v % 2 else v // 2), n + 1
    return n


def memory():
    for element in ("f32", "i8", "f16", "bf16", "i64", "f64"):
        dtype = numpy_type(element)
        shared = f"llvm.mlir.global private @buffer() {{addr_space = 3 : i32, alignment = 16 : i64}} : !llvm.array<{THREADS} x {element}>"
        yield Special(f"shared_{element}", IN_OUT, load("v", "x", "id", element) + f"""
          %s = llvm.mlir.addressof @buffer : !llvm.ptr<3>
          %sp = llvm.getelementptr %s[%thread] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, {element}
          llvm.store %v, %sp : {element}, !llvm.ptr<3>
          gpu.barrier
          %last = arith.constant {THREADS - 1} : i64
          %other = arith.subi %last, %thread : i64
          %op = llvm.getelementptr %s[%other] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, {element}
          %w = llvm.load %op : !llvm.ptr<3> -> {element}
        """ + store("w", "y", "id", element), lambda g, t=dtype: [floats(g).astype(t), np.zeros(N, t)],
                      lambda x, y: (None, x.reshape(-1, THREADS)[:, ::-1]), globals_=shared)
    two = "\n".join(f"llvm.mlir.global private @{n}() {{addr_space = 3 : i32}} : !llvm.array<8 x array<32 x f32>>" for n in "ab")
    yield Special("shared_two_arrays", IN_OUT, load("v", "x", "id", "f32") + """
      %a = llvm.mlir.addressof @a : !llvm.ptr<3>
      %b = llvm.mlir.addressof @b : !llvm.ptr<3>
      %ap = llvm.getelementptr %a[%thread] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, f32
      %bp = llvm.getelementptr %b[%thread] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, f32
      llvm.store %v, %ap : f32, !llvm.ptr<3>
      %n = arith.negf %v : f32
      llvm.store %n, %bp : f32, !llvm.ptr<3>
      gpu.barrier
      %two = arith.constant 2 : i64
      %row = arith.remsi %thread, %two : i64
      %rp = llvm.getelementptr %a[%row] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, !llvm.array<32 x f32>
      %w = llvm.load %rp {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
      %bw = llvm.load %b {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
      %t = arith.addf %w, %bw : vector<4xf32>
      %r = vector.reduction <add>, %t : vector<4xf32> into f32
    """ + store("r", "y", "id", "f32"), in_out, lambda x, y: (None, two_arrays(x)), globals_=two, ulp=4)
    yield Special("private_array", IN_OUT, """
      %count = arith.constant 8 : i64
      %p = llvm.alloca %count x f32 : (i64) -> !llvm.ptr<5>
      %three = arith.constant 3 : i64
      scf.for %i = %c0 to %count step %c1 : i64 {
        %k = arith.addi %id, %i : i64
    """ + load("v", "x", "k", "f32") + """
        %pp = llvm.getelementptr %p[%i] : (!llvm.ptr<5>, i64) -> !llvm.ptr<5>, f32
        llvm.store %v, %pp : f32, !llvm.ptr<5>
      }
      %m = arith.muli %id, %three : i64
      %j = arith.remsi %m, %count : i64
      %q = llvm.getelementptr %p[%j] : (!llvm.ptr<5>, i64) -> !llvm.ptr<5>, f32
      %w = llvm.load %q : !llvm.ptr<5> -> f32
      %front = llvm.load %p {alignment = 4 : i64} : !llvm.ptr<5> -> vector<4xf32>
      %f = vector.extract %front[3] : f32 from vector<4xf32>
      %r = arith.addf %w, %f : f32
    """ + store("r", "y", "id", "f32"), lambda g: [floats(g, N + 8), np.zeros(N, np.float32)],
                  lambda x, y: (None, [x[i + i * 3 % 8] + x[i + 3] for i in range(N)]))
    yield Special("private_array_space_0", IN_OUT, load("v", "x", "id", "f32") + """
      %count = llvm.mlir.constant(4 : i32) : i32
      %p = llvm.alloca %count x f32 : (i32) -> !llvm.ptr
      %two = arith.constant 2 : i64
      %q = llvm.getelementptr %p[%two] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      llvm.store %v, %q : f32, !llvm.ptr
      %w = llvm.load %q : !llvm.ptr -> f32
    """ + store("w", "y", "id", "f32"), in_out, lambda x, y: (None, x))
    yield Special("scratch", IN_OUT + [("n", "i64"), ("scratch", "ptr")], load("v", "x", "id", "f32") + store("v", "scratch", "id", "f32") + """
      gpu.barrier
      %t = arith.xori %thread, %c1 : i64
      %o = arith.addi %first, %t : i64
    """ + load("w", "scratch", "o", "f32") + store("w", "y", "id", "f32"),
                  lambda g: in_out(g) + [N, np.zeros(N, np.float32)], lambda x, y, n, s: (None, x.reshape(-1, 2)[:, ::-1], x))
    yield Special("negative_index", IN_OUT, """
      %back = arith.subi %c0, %id : i64
      %last = arith.constant 1020 : i64
    """ + at("e", "x", "last", "i8") + load("v", "e", "back", "f32") + store("v", "y", "id", "f32"), in_out,
                  lambda x, y: (None, x[::-1]))
    for alignment in (4, 8, 16):
        yield Special(f"vector_alignment_{alignment}", IN_OUT, f"""
          %four = arith.constant 4 : i64
          %at = arith.muli %id, %four : i64
          %off = arith.constant {alignment // 4 % 4} : i64
          %k = arith.addi %at, %off : i64
        """ + at("p", "x", "k", "f32") + at("q", "y", "k", "f32") + f"""
          %v = llvm.load %p {{alignment = {alignment} : i64}} : !llvm.ptr -> vector<4xf32>
          %w = arith.negf %v : vector<4xf32>
          llvm.store %w, %q {{alignment = {alignment} : i64}} : vector<4xf32>, !llvm.ptr
        """, lambda g: [floats(g, 4 * N + 4), np.zeros(4 * N + 4, np.float32)],
                      lambda x, y, o=alignment // 4 % 4: (None, np.concatenate([y[:o], -x[o : 4 * N + o], y[4 * N + o :]])))
    yield Special("bool_memory", [("x", "ptr"), ("y", "ptr")], load("v", "x", "id", "i1") + """
      %true = arith.constant true
      %w = arith.xori %v, %true : i1
    """ + store("w", "y", "id", "i1"), lambda g: [g.integers(0, 2, N).astype(np.int8), np.zeros(N, np.int8)],
                  lambda x, y: (None, 1 - x))


def two_arrays(x):
    blocks = x.reshape(-1, THREADS)
    rows = [blocks[:, r * 32 : r * 32 + 4] for r in range(2)]
    return [[np.sum(rows[t % 2][b] - blocks[b, :4]) for t in range(THREADS)] for b in range(len(blocks))]


def subgroups():
    for size in (8, 16, 32):
        for element in ("f32", "i32", "i64", "f64"):
            dtype = numpy_type(element)

            def case(mode, offset, width, pick, element=element, dtype=dtype):
                def wanted(x, y, ok):
                    lanes = x.reshape(-1, width)
                    index = np.array([pick(i, width) for i in range(width)])
                    valid = (index >= 0) & (index < width)
                    taken = lanes[:, np.where(valid, index, np.arange(width))]
                    return None, taken, np.tile(valid, N // width)
                return Special(f"shuffle_{mode}_{offset}_{width}_of_{size}_{element}", IN_OUT + [("ok", "ptr")],
                               load("v", "x", "id", element) + f"""
                  %offset = arith.constant {offset} : i32
                  %width = arith.constant {width} : i32
                  %w, %valid = gpu.shuffle {mode} %v, %offset, %width : {element}
                """ + store("w", "y", "id", element) + store("valid", "ok", "id", "i1"),
                               lambda g: [floats(g).astype(dtype) if element[0] == "f" else g.integers(-99, 99, N).astype(dtype),
                                          np.zeros(N, dtype), np.zeros(N, np.int8)], wanted, subgroup=size)

            yield case("xor", 1, size, lambda i, w: i ^ 1)
            yield case("xor", size // 2, size, lambda i, w: i ^ (w // 2))
            yield case("up", 3, size, lambda i, w: i - 3)
            yield case("down", 2, size, lambda i, w: i + 2)
            yield case("idx", 5, size, lambda i, w: 5)
            yield case("down", 1, size // 2, lambda i, w: i + 1)
            yield case("up", 1, size // 2, lambda i, w: i - 1)
            yield case("idx", 2, size // 2, lambda i, w: 2)
        yield Special(f"lanes_{size}", [("y", "ptr"), ("z", "ptr")], """
          %l = gpu.lane_id
          %g = gpu.subgroup_id : index
          %li = arith.index_cast %l : index to i64
          %gi = arith.index_cast %g : index to i64
        """ + store("li", "y", "id", "i64") + store("gi", "z", "id", "i64"),
                      lambda g: [np.zeros(N, np.int64), np.zeros(N, np.int64)],
                      lambda y, z, s=size: (np.arange(N) % s, np.arange(N) % THREADS // s), subgroup=size)
        yield Special(f"subgroup_sum_in_loop_{size}", IN_OUT, load("v", "x", "id", "f32") + "\n".join(f"""
          %o{k} = arith.constant {1 << k} : i32
          %s{k}, %u{k} = gpu.shuffle xor %{'v' if k == 0 else f't{k - 1}'}, %o{k}, %width : f32
          %t{k} = arith.addf %{'v' if k == 0 else f't{k - 1}'}, %s{k} : f32""" for k in range(size.bit_length() - 1)).replace(
            "%o0 =", f"%width = arith.constant {size} : i32\n%o0 =", 1) + f"""
          %count = arith.constant 3 : i64
          %r = scf.for %i = %c0 to %count step %c1 iter_args(%a = %t{size.bit_length() - 2}) -> f32 : i64 {{
            %s, %u = gpu.shuffle xor %a, %o0, %width : f32
            %b = arith.addf %a, %s : f32
            scf.yield %b : f32
          }}
        """ + store("r", "y", "id", "f32"), in_out,
                      lambda x, y, s=size: (None, np.repeat(x.reshape(-1, s).sum(1) * 8, s)), subgroup=size, ulp=50)


def atomics():
    operations = {"add": lambda a, x: a + x, "max": lambda a, x: max(a, x), "min": lambda a, x: min(a, x),
                  "_and": lambda a, x: a & x, "_or": lambda a, x: a | x, "_xor": lambda a, x: a ^ x, "sub": lambda a, x: a - x,
                  "umax": lambda a, x: a if (a % 2**64) >= (x % 2**64) else x, "umin": lambda a, x: a if (a % 2**64) <= (x % 2**64) else x}
    for element in ("i32", "i64"):
        dtype = numpy_type(element)
        for op, f in operations.items():
            def wanted(x, y, f=f):
                a = int(y[0])
                for v in x:
                    a = f(a, int(v))
                return None, [a]
            yield Special(f"atomic_{op}_{element}", IN_OUT, load("v", "x", "id", element) +
                          f"%old = llvm.atomicrmw {op} %y, %v monotonic : !llvm.ptr, {element}",
                          lambda g, t=dtype: [g.integers(-1000, 1000, N).astype(t), np.array([5], t)], wanted)
        shared = f"llvm.mlir.global private @sum() {{addr_space = 3 : i32}} : !llvm.array<1 x {element}>"
        yield Special(f"atomic_shared_{element}", IN_OUT, load("v", "x", "id", element) + f"""
          %s = llvm.mlir.addressof @sum : !llvm.ptr<3>
          %zero = arith.constant 0 : {element}
          %is = arith.cmpi eq, %thread, %c0 : i64
          scf.if %is {{
            llvm.store %zero, %s : {element}, !llvm.ptr<3>
          }}
          gpu.barrier
          %old = llvm.atomicrmw add %s, %v acq_rel : !llvm.ptr<3>, {element}
          gpu.barrier
          %r = llvm.load %s : !llvm.ptr<3> -> {element}
        """ + store("r", "y", "id", element), lambda g, t=dtype: [g.integers(-99, 99, N).astype(t), np.zeros(N, t)],
                      lambda x, y: (None, np.repeat(x.reshape(-1, THREADS).sum(1), THREADS)), globals_=shared)
    yield Special("atomic_ticket", [("y", "ptr"), ("n", "ptr")], """
      %one = arith.constant 1 : i32
      %t = llvm.atomicrmw add %n, %one monotonic : !llvm.ptr, i32
      %k = arith.extui %t : i32 to i64
      %v = arith.trunci %k : i64 to i32
    """ + store("v", "y", "k", "i32"), lambda g: [np.full(N, -1, np.int32), np.zeros(1, np.int32)], lambda y, n: (np.arange(N), [N]))
    yield Special("atomic_xchg_f32", IN_OUT, load("v", "x", "id", "f32") + at("p", "y", "id", "f32") + """
      %old = llvm.atomicrmw xchg %p, %v monotonic : !llvm.ptr, f32
    """, in_out, lambda x, y: (None, x))
    for op, element, f in (("fadd", "f32", np.sum), ("fadd", "f64", np.sum), ("fmax", "f32", np.max), ("fmin", "f64", np.min)):
        dtype = numpy_type(element)
        yield Special(f"atomic_{op}_{element}", IN_OUT, load("v", "x", "id", element) +
                      f"%old = llvm.atomicrmw {op} %y, %v monotonic : !llvm.ptr, {element}",
                      lambda g, t=dtype: [floats(g).astype(t), np.array([0], t)], lambda x, y, f=f: (None, [f(x)]), ulp=100)


def vectors():
    def lanes(name, n, body, wanted, element="f32", out="f32", outs=None):
        m = outs or n
        dtype, to = numpy_type(element), numpy_type(out)
        return Special(name, IN_OUT, f"""
          %n = arith.constant {n} : i64
          %m = arith.constant {m} : i64
          %at = arith.muli %id, %n : i64
          %to = arith.muli %id, %m : i64
        """ + at("p", "x", "at", element) + at("q", "y", "to", out) + f"""
          %v = llvm.load %p {{alignment = {dtype.itemsize} : i64}} : !llvm.ptr -> vector<{n}x{element}>
          {body}
          llvm.store %r, %q {{alignment = {to.itemsize} : i64}} : {f'vector<{m}x{out}>' if m > 1 else out}, !llvm.ptr
        """, lambda g: [(floats(g, n * N) * 50).astype(dtype), np.zeros(m * N, to)],
                       lambda x, y: (None, wanted(x.reshape(-1, n))), ulp=200)

    yield lanes("shuffle_lanes", 4, "%r = vector.shuffle %v, %v [3, 2, 5, 0] : vector<4xf32>, vector<4xf32>",
                lambda x: x[:, [3, 2, 1, 0]])
    yield lanes("shuffle_to_16", 8, "%w = arith.negf %v : vector<8xf32>\n%r = vector.shuffle %v, %w "
                "[0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15] : vector<8xf32>, vector<8xf32>",
                lambda x: np.stack([x, -x], 2), outs=16)
    yield lanes("interleave", 4, "%w = arith.negf %v : vector<4xf32>\n%r = vector.interleave %v, %w : vector<4xf32> -> vector<8xf32>",
                lambda x: np.stack([x, -x], 2), outs=8)
    yield lanes("deinterleave", 8, "%a, %b = vector.deinterleave %v : vector<8xf32> -> vector<4xf32>\n%r = arith.subf %a, %b : vector<4xf32>",
                lambda x: x[:, ::2] - x[:, 1::2], outs=4)
    yield lanes("dynamic_extract", 4, """%four = arith.constant 4 : i64
          %k = arith.remsi %id, %four : i64
          %i = arith.index_cast %k : i64 to index
          %r = vector.extract %v[%i] : f32 from vector<4xf32>""", lambda x: x[np.arange(N), np.arange(N) % 4], outs=1)
    yield lanes("dynamic_insert", 4, """%four = arith.constant 4 : i64
          %seven = arith.constant 7.0 : f32
          %k = arith.remsi %id, %four : i64
          %i = arith.index_cast %k : i64 to index
          %r = vector.insert %seven, %v[%i] : f32 into vector<4xf32>""",
                lambda x: np.where(np.arange(4) == (np.arange(N) % 4)[:, None], 7, x))
    yield lanes("extractelement", 4, """%two = arith.constant 2 : i32
          %e = vector.extractelement %v[%two : i32] : vector<4xf32>
          %r = vector.insertelement %e, %v[%two : i32] : vector<4xf32>""", lambda x: x)
    yield lanes("insert_extract", 3, """%a = vector.extract %v[0] : f32 from vector<3xf32>
          %b = vector.extract %v[2] : f32 from vector<3xf32>
          %w = vector.insert %b, %v[0] : f32 into vector<3xf32>
          %r = vector.insert %a, %w[2] : f32 into vector<3xf32>""", lambda x: x[:, ::-1])
    yield lanes("slices", 8, """%a = vector.extract_strided_slice %v {offsets = [2], sizes = [4], strides = [1]} : vector<8xf32> to vector<4xf32>
          %r = vector.insert_strided_slice %a, %v {offsets = [4], strides = [1]} : vector<4xf32> into vector<8xf32>""",
                lambda x: np.concatenate([x[:, :4], x[:, 2:6]], 1))
    yield lanes("slice_of_one", 4, """%a = vector.extract_strided_slice %v {offsets = [2], sizes = [1], strides = [1]} : vector<4xf32> to vector<1xf32>
          %b = arith.addf %a, %a : vector<1xf32>
          %c = vector.extract %b[0] : f32 from vector<1xf32>
          %r = vector.broadcast %c : f32 to vector<4xf32>""", lambda x: np.repeat(x[:, 2:3] * 2, 4, 1))
    yield lanes("from_elements", 2, """%a = vector.extract %v[0] : f32 from vector<2xf32>
          %b = vector.extract %v[1] : f32 from vector<2xf32>
          %r = vector.from_elements %b, %a, %b, %a : vector<4xf32>""", lambda x: x[:, [1, 0, 1, 0]], outs=4)
    yield lanes("bitcast_split", 2, "%r = vector.bitcast %v : vector<2xf32> to vector<8xi8>",
                lambda x: np.ascontiguousarray(x).view(np.int8), out="i8", outs=8)
    yield lanes("bitcast_join", 4, "%w = vector.bitcast %v : vector<4xi8> to vector<1xi32>\n%r = vector.extract %w[0] : i32 from vector<1xi32>",
                lambda x: np.ascontiguousarray(x).view(np.int32), element="i8", out="i32", outs=1)
    for n in (2, 3, 4, 8, 16):
        for kind, f in (("add", np.sum), ("mul", np.prod), ("maxnumf", np.max), ("minimumf", np.min)):
            yield lanes(f"reduction_{kind}_{n}", n, f"%r = vector.reduction <{kind}>, %v : vector<{n}xf32> into f32",
                        lambda x, f=f: f(x, 1), outs=1)
        yield lanes(f"reduction_bool_{n}", n, f"""%z = arith.constant dense<0.0> : vector<{n}xf32>
          %c = arith.cmpf ogt, %v, %z : vector<{n}xf32>
          %d = vector.reduction <and>, %c : vector<{n}xi1> into i1
          %r = arith.extui %d : i1 to i8""", lambda x: (x > 0).all(1), out="i8", outs=1)
    yield lanes("constants", 4, """%a = arith.constant dense<[1.0, 2.5, 0x7FC00000, -0.0]> : vector<4xf32>
          %mask = arith.constant dense<[true, false, true, false]> : vector<4xi1>
          %r = arith.select %mask, %a, %v : vector<4xi1>, vector<4xf32>""",
                lambda x: np.where([True, False, True, False], [1.0, 2.5, np.nan, -0.0], x))
    yield lanes("constants_bf16", 4, """%a = arith.constant dense<[1.0, 2.5, -3.0, 0.0]> : vector<4xbf16>
          %b = arith.extf %a : vector<4xbf16> to vector<4xf32>
          %s = arith.constant 0.5 : bf16
          %t = arith.extf %s : bf16 to f32
          %u = vector.splat %t : vector<4xf32>
          %w = arith.addf %b, %u : vector<4xf32>
          %r = arith.addf %w, %v : vector<4xf32>""", lambda x: np.float32([1.5, 3.0, -2.5, 0.5]) + x)
    yield lanes("undef_lanes", 4, """%u = llvm.mlir.undef : vector<4xf32>
          %a = vector.extract %v[1] : f32 from vector<4xf32>
          %w = vector.insert %a, %u[0] : f32 into vector<4xf32>
          %p0 = ub.poison : f32
          %r = vector.shuffle %w, %w [0, 0, 0, 0] : vector<4xf32>, vector<4xf32>""", lambda x: np.repeat(x[:, 1:2], 4, 1))


def make():
    for group in (bounds, control_flow, memory, subgroups, atomics, vectors):
        yield from group()
