"""The cases of run_kernels.py: kernel IR, inputs, and what numpy says of them."""

import ml_dtypes
import numpy as np

THREADS = 64
COUNT = THREADS * 16 * 3  # elements; each thread takes as many as the case's vector has lanes
FLOATS = ("f16", "bf16", "f32", "f64")
INTEGERS = ("i8", "i16", "i32", "i64")


def numpy_type(element):
    return np.dtype({"i1": np.uint8, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64, "f16": np.float16,
                     "bf16": ml_dtypes.bfloat16, "f32": np.float32, "f64": np.float64}[element])


def unsigned(x):
    return x.view(f"u{x.dtype.itemsize}")


def inputs_for(case, element, which, generator):
    """Random numbers of a type, with those that are easily got wrong in front."""
    dtype = numpy_type(element)
    kind = case.inputs.get(which, "any")
    if element == "i1":
        return generator.integers(0, 2, COUNT).astype(np.uint8)
    if element in FLOATS:
        if kind == "any":
            values = generator.standard_normal(COUNT) * 10.0 ** generator.integers(-3, 4, COUNT)
            special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 1e-40, 65504.0]
            pairs = np.array([special[(i // len(special) if which else i) % len(special)] for i in range(len(special) ** 2)])
            values[: len(pairs)] = pairs
        elif kind == "positive":
            values = np.abs(generator.standard_normal(COUNT)) * 100 + 1e-3
        else:  # a range
            values = generator.uniform(*kind, COUNT)
        return values.astype(dtype)
    bounds = np.iinfo(dtype)
    if kind == "any":
        values = generator.integers(bounds.min, bounds.max, COUNT, dtype, endpoint=True)
        special = np.array([0, 1, 2, bounds.max, bounds.max - 1, bounds.min, bounds.min + 1, 77], dtype)
        values[:64] = np.tile(special, 8) if which == 0 else np.repeat(special, 8)
    elif kind == "nonzero":
        values = generator.integers(bounds.min, bounds.max, COUNT, dtype, endpoint=True)
        values[::3] = generator.integers(1, 12, len(values[::3]))
        values[values == 0] = 3
        if bounds.min < 0:
            values[values == -1] = 5
    else:
        values = generator.integers(*kind, COUNT, dtype)
    return values


def equal(got, want, case):
    """None, or what is wrong. Floats: the same bits, but any NaN for a NaN, within the case's ulp."""
    if got.dtype.kind in "iu":
        wrong = np.flatnonzero(got != want)
    else:
        g, w = got.astype(np.float64), want.astype(np.float64)
        same = (np.isnan(g) & np.isnan(w)) | ((g == w) & (np.signbit(g) == np.signbit(w)))
        if case.ulp:
            spacing = np.spacing(np.maximum(np.abs(want.astype(got.dtype)), np.finfo(np.float32).tiny).astype(np.float32))
            same |= np.abs(g - w) <= case.ulp * spacing
        wrong = np.flatnonzero(~same)
    return None if len(wrong) == 0 else wrong



class Elementwise:
    """out[i] = op(in[i]...). The body computes %r0, %r1... from %a0, %a1...; {0}, {1}... in it are the inputs' types and {r}, {s}
    the results', vectors where `lanes` > 1; {i1} and so on are such types of that element."""

    def __init__(self, name, ins, outs, body, reference, lanes=1, inputs=None, ulp=0):
        self.name = f"{name}_{lanes}"
        self.ins, self.outs, self.lanes = ins, outs, lanes
        self.reference, self.inputs, self.ulp = reference, inputs or {}, ulp

        def shaped(element):
            return element if lanes == 1 else f"vector<{lanes}x{element}>"

        types = {e: shaped(e) for e in ("i1",) + INTEGERS + FLOATS}
        types.update({"r": shaped(outs[0]), "s": shaped(outs[-1]), "lanes": lanes})
        lines = []
        arguments = [f"%p{i}: !llvm.ptr" for i in range(len(ins) + len(outs))] + ["%n: i64"]
        for i, e in enumerate(ins):
            memory = "i8" if e == "i1" else e
            lines.append(f"%q{i} = llvm.getelementptr %p{i}[%at] : (!llvm.ptr, i64) -> !llvm.ptr, {memory}")
            if e == "i1":
                lines += [f"%b{i} = llvm.load %q{i} {{alignment = 1 : i64}} : !llvm.ptr -> {shaped('i8')}",
                          f"%a{i} = arith.trunci %b{i} : {shaped('i8')} to {shaped('i1')}"]
            else:
                size = numpy_type(e).itemsize
                lines.append(f"%a{i} = llvm.load %q{i} {{alignment = {size} : i64}} : !llvm.ptr -> {shaped(e)}")
        lines += body.format(*[shaped(e) for e in ins], **types).strip().splitlines()
        for i, e in enumerate(outs):
            memory, value = ("i8", f"%z{i}") if e == "i1" else (e, f"%r{i}")
            if e == "i1":
                lines.append(f"%z{i} = arith.extui %r{i} : {shaped('i1')} to {shaped('i8')}")
            k = len(ins) + i
            lines += [f"%q{k} = llvm.getelementptr %p{k}[%at] : (!llvm.ptr, i64) -> !llvm.ptr, {memory}",
                      f"llvm.store {value}, %q{k} {{alignment = {numpy_type(e).itemsize} : i64}} : {shaped(memory)}, !llvm.ptr"]
        text = "\n      ".join(lines)
        self.module = f"""
module {{
  llvm.func @{self.name}({", ".join(arguments)}) attributes {{gpu.kernel, aicc.threads = {THREADS} : i32, aicc.subgroup = 0 : i32}} {{
    %threads = arith.constant {THREADS} : i64
    %lanes = arith.constant {lanes} : i64
    %bx = gpu.block_id x
    %tx = gpu.thread_id x
    %block = arith.index_cast %bx : index to i64
    %thread = arith.index_cast %tx : index to i64
    %first = arith.muli %block, %threads : i64
    %id = arith.addi %first, %thread : i64
    %at = arith.muli %id, %lanes : i64
    %inside = arith.cmpi slt, %at, %n : i64
    scf.if %inside {{
      {text}
    }}
    llvm.return
  }}
}}"""

    def run(self, device, program, generator):
        arrays = [inputs_for(self, e, i, generator) for i, e in enumerate(self.ins)]
        # One vector more than is computed: it must stay as it is.
        results = [np.full(COUNT + 16, 85, numpy_type(e)) for e in self.outs]
        groups = -(-COUNT // (THREADS * self.lanes))
        device.run(program, self.name, arrays + results + [COUNT], groups + 1, THREADS)
        with np.errstate(all="ignore"):
            wanted = self.reference(*arrays)
        if not isinstance(wanted, tuple):
            wanted = (wanted,)
        for got, want, element in zip(results, wanted, self.outs):
            want = np.asarray(want).astype(numpy_type(element))
            wrong = equal(got[:COUNT], want, self)
            if wrong is not None:
                i = wrong[0]
                return f"{len(wrong)} wrong; [{i}] of {[a[i] for a in arrays]} is {got[i]}, not {want[i]}"
            if not (got[COUNT:] == 85).all():
                return "it has written beyond the end"
        return None


def simple(op, element, reference, operands=2, lanes=(1, 4), **options):
    """The cases of an operation of one type."""
    values = ", ".join(f"%a{i}" for i in range(operands))
    body = f"%r0 = {op} {values} : {{0}}"
    return [Elementwise(f"{op.replace('.', '_')}_{element}", [element] * operands, [element], body, reference, n, **options)
            for n in lanes]


def maximum(x, y):
    both = np.where((x == y) & (np.signbit(x) != np.signbit(y)), np.abs(x), np.where(x > y, x, y))
    return np.where(np.isnan(x) | np.isnan(y), np.nan, both).astype(x.dtype)


def minimum(x, y):
    return -maximum(-x, -y)


def integer_cases():
    for e in INTEGERS:
        yield from cases_of_integer(e)


def cases_of_integer(e):
    dtype = numpy_type(e)
    bits = 8 * dtype.itemsize
    u = unsigned
    yield from simple("arith.addi", e, lambda x, y: x + y, lanes=(1, 2, 3, 4, 8, 16))
    yield from simple("arith.subi", e, lambda x, y: x - y)
    yield from simple("arith.muli", e, lambda x, y: x * y)
    nonzero = {1: "nonzero"}
    def quotient(x, y):
        q = u(np.abs(x)) // u(np.abs(y))
        return np.where((x < 0) != (y < 0), -q.view(x.dtype), q.view(x.dtype))
    yield from simple("arith.divsi", e, quotient, inputs=nonzero, lanes=(1, 2, 16))
    yield from simple("arith.remsi", e, lambda x, y: x - quotient(x, y) * y, inputs=nonzero)
    yield from simple("arith.divui", e, lambda x, y: (u(x) // u(y)).view(x.dtype), inputs=nonzero)
    yield from simple("arith.remui", e, lambda x, y: (u(x) % u(y)).view(x.dtype), inputs=nonzero)
    small = {0: (-100, 100), 1: (1, 20)}
    yield from simple("arith.floordivsi", e, lambda x, y: x // y, inputs=small)
    yield from simple("arith.ceildivsi", e, lambda x, y: -(-x // y), inputs=small)
    yield from simple("arith.ceildivui", e, lambda x, y: -(-x // y), inputs={0: (0, 100), 1: (1, 20)})
    shift = {1: (0, bits)}
    yield from simple("arith.shli", e, lambda x, y: np.left_shift(x, y), inputs=shift)
    yield from simple("arith.shrsi", e, lambda x, y: np.right_shift(x, y), inputs=shift)
    yield from simple("arith.shrui", e, lambda x, y: np.right_shift(u(x), u(y)).view(x.dtype), inputs=shift)
    yield from simple("arith.andi", e, lambda x, y: x & y)
    yield from simple("arith.ori", e, lambda x, y: x | y)
    yield from simple("arith.xori", e, lambda x, y: x ^ y)
    yield from simple("arith.maxsi", e, np.maximum)
    yield from simple("arith.minsi", e, np.minimum)
    yield from simple("arith.maxui", e, lambda x, y: np.maximum(u(x), u(y)).view(x.dtype))
    yield from simple("arith.minui", e, lambda x, y: np.minimum(u(x), u(y)).view(x.dtype), lanes=(1, 3, 8))
    yield from simple("math.absi", e, np.abs, 1)
    as_bits = lambda x: np.array([f"{v:0{bits}b}" for v in u(x)])
    yield from simple("math.ctpop", e, lambda x: np.array([s.count("1") for s in as_bits(x)]), 1)
    yield from simple("math.ctlz", e, lambda x: np.array([len(s) - len(s.lstrip("0")) for s in as_bits(x)]), 1)
    yield from simple("math.cttz", e, lambda x: np.array([len(s) - len(s.rstrip("0")) for s in as_bits(x)]), 1)
    for predicate, f in {"eq": lambda x, y: x == y, "ne": lambda x, y: x != y, "slt": lambda x, y: x < y,
                         "sle": lambda x, y: x <= y, "sgt": lambda x, y: x > y, "sge": lambda x, y: x >= y,
                         "ult": lambda x, y: u(x) < u(y), "ule": lambda x, y: u(x) <= u(y),
                         "ugt": lambda x, y: u(x) > u(y), "uge": lambda x, y: u(x) >= u(y)}.items():
        for n in (1, 4):
            yield Elementwise(f"cmpi_{predicate}_{e}", [e, e], ["i1"], f"%r0 = arith.cmpi {predicate}, %a0, %a1 : {{0}}", f, n)
    for n in (1, 2):
        yield Elementwise(f"select_{e}", ["i1", e, e], [e], "%r0 = arith.select %a0, %a1, %a2 : {0}, {r}" if n > 1 else
                          "%r0 = arith.select %a0, %a1, %a2 : {r}", lambda c, x, y: np.where(c, x, y), n)
        wide = lambda x, y: [int(a) * int(b) for a, b in zip(x, y)]
        halves = lambda products: (np.array([p & (2**bits - 1) for p in products], dtype=f"u{dtype.itemsize}").view(dtype),
                                   np.array([(p >> bits) & (2**bits - 1) for p in products], dtype=f"u{dtype.itemsize}").view(dtype))
        yield Elementwise(f"mulsi_extended_{e}", [e, e], [e, e], "%r0, %r1 = arith.mulsi_extended %a0, %a1 : {0}",
                          lambda x, y: halves(wide(x, y)), n)
        yield Elementwise(f"mului_extended_{e}", [e, e], [e, e], "%r0, %r1 = arith.mului_extended %a0, %a1 : {0}",
                          lambda x, y: halves(wide(u(x), u(y))), n)
        yield Elementwise(f"addui_extended_{e}", [e, e], [e, "i1"], "%r0, %r1 = arith.addui_extended %a0, %a1 : {0}, {s}",
                          lambda x, y: (x + y, u(x) + u(y) < u(x)), n)


def bool_cases():
    table = {"addi": np.bitwise_xor, "subi": np.bitwise_xor, "muli": np.bitwise_and, "andi": np.bitwise_and, "ori": np.bitwise_or,
             "xori": np.bitwise_xor, "maxui": np.bitwise_or, "minui": np.bitwise_and, "maxsi": np.bitwise_and,
             "minsi": np.bitwise_or}
    for op, f in table.items():
        yield from simple(f"arith.{op}", "i1", f)
    s = lambda x: -x.astype(np.int8)
    for predicate, f in {"eq": lambda x, y: x == y, "ne": lambda x, y: x != y, "ult": lambda x, y: x < y, "ule": lambda x, y: x <= y,
                         "ugt": lambda x, y: x > y, "uge": lambda x, y: x >= y, "slt": lambda x, y: s(x) < s(y),
                         "sle": lambda x, y: s(x) <= s(y), "sgt": lambda x, y: s(x) > s(y), "sge": lambda x, y: s(x) >= s(y)}.items():
        for n in (1, 4):
            yield Elementwise(f"cmpi_{predicate}_i1", ["i1", "i1"], ["i1"], f"%r0 = arith.cmpi {predicate}, %a0, %a1 : {{0}}", f, n)
    for n in (1, 8):
        yield Elementwise("select_i1", ["i1", "i1", "i1"], ["i1"], "%r0 = arith.select %a0, %a1, %a2 : {0}, {r}" if n > 1 else
                          "%r0 = arith.select %a0, %a1, %a2 : {r}", lambda c, x, y: np.where(c, x, y), n)
    yield Elementwise("select_one_condition", ["i32", "f32", "f32"], ["f32"],
                      """%e = vector.extract %a0[0] : i32 from {0}
                      %zero = arith.constant 0 : i32
                      %c = arith.cmpi sgt, %e, %zero : i32
                      %r0 = arith.select %c, %a1, %a2 : {r}""",
                      lambda c, x, y: np.where(np.repeat(c[::4] > 0, 4), x, y), 4)


def float_cases():
    for e in ("f16", "f32", "f64"):
        yield from cases_of_float(e)


def cases_of_float(e):
    dtype = numpy_type(e)
    yield from simple("arith.addf", e, lambda x, y: x + y, lanes=(1, 2, 3, 4, 8, 16))
    yield from simple("arith.subf", e, lambda x, y: x - y)
    yield from simple("arith.mulf", e, lambda x, y: x * y)
    yield from simple("arith.divf", e, lambda x, y: x / y)
    yield from simple("arith.remf", e, np.fmod)
    yield from simple("arith.negf", e, np.negative, 1)
    yield from simple("arith.maximumf", e, maximum, lanes=(1, 2, 3, 4, 8, 16))
    yield from simple("arith.minimumf", e, minimum)
    for value in ("0.0", "-0.0", "1.5", "-2.5"):
        for op, f in (("maximumf", maximum), ("minimumf", minimum)):
            for n in (1, 4):
                dense = f"dense<{value}>" if n > 1 else value
                yield Elementwise(f"{op}_{e}_constant_{value.replace('.', '_').replace('-', 'm')}", [e], [e],
                                  f"%c = arith.constant {dense} : {{0}}\n%r0 = arith.{op} %a0, %c : {{0}}",
                                  lambda x, f=f, v=float(value): f(x, np.full_like(x, v)), n)
    finite = {0: (-9.0, 9.0), 1: (-9.0, 9.0)}
    yield from simple("arith.maxnumf", e, np.fmax, inputs=finite)
    yield from simple("arith.minnumf", e, np.fmin, inputs=finite)
    yield from simple("math.absf", e, np.abs, 1)
    yield from simple("math.ceil", e, np.ceil, 1)
    yield from simple("math.floor", e, np.floor, 1)
    yield from simple("math.trunc", e, np.trunc, 1)
    yield from simple("math.roundeven", e, np.rint, 1)
    yield from simple("math.sqrt", e, np.sqrt, 1)
    yield from simple("math.copysign", e, np.copysign)
    if e != "f64":
        wide = np.float32 if e == "f16" else np.float64
        fma = lambda x, y, z: (x.astype(wide) * y.astype(wide) + z.astype(wide)).astype(dtype)
        near = {i: (-9.0, 9.0) for i in range(3)}
        yield from simple("math.fma", e, fma, 3, inputs=near, lanes=(1, 4, 16))
        yield from simple("vector.fma", e, fma, 3, inputs=near, lanes=(2, 4))
        contract = "%m = arith.mulf %a0, %a1 fastmath<contract> : {{0}}\n%r0 = arith.{} fastmath<contract> : {{0}}"
        yield Elementwise(f"contract_add_{e}", [e] * 3, [e], contract.format("addf %m, %a2"), fma, 4, near)
        yield Elementwise(f"contract_sub_{e}", [e] * 3, [e], contract.format("subf %m, %a2"), lambda x, y, z: fma(x, y, -z), 1, near)
        yield Elementwise(f"contract_rsub_{e}", [e] * 3, [e], contract.format("subf %a2, %m"), lambda x, y, z: fma(-x, y, z), 1, near)
        yield Elementwise(f"no_contraction_{e}", [e] * 3, [e], "%m = arith.mulf %a0, %a1 : {0}\n%r0 = arith.addf %m, %a2 : {0}",
                          lambda x, y, z: x * y + z, 1, near)
    nan = lambda x, y: np.isnan(x) | np.isnan(y)
    for predicate, f in {"oeq": lambda x, y: x == y, "ogt": lambda x, y: x > y, "oge": lambda x, y: x >= y,
                         "olt": lambda x, y: x < y, "ole": lambda x, y: x <= y, "one": lambda x, y: (x < y) | (x > y),
                         "ord": lambda x, y: ~nan(x, y), "ueq": lambda x, y: (x == y) | nan(x, y),
                         "ugt": lambda x, y: (x > y) | nan(x, y), "uge": lambda x, y: (x >= y) | nan(x, y),
                         "ult": lambda x, y: (x < y) | nan(x, y), "ule": lambda x, y: (x <= y) | nan(x, y),
                         "une": lambda x, y: x != y, "uno": nan, "false": lambda x, y: np.zeros(len(x)),
                         "true": lambda x, y: np.ones(len(x))}.items():
        for n in (1, 4):
            yield Elementwise(f"cmpf_{predicate}_{e}", [e, e], ["i1"], f"%r0 = arith.cmpf {predicate}, %a0, %a1 : {{0}}", f, n)
    for n in (1, 8):
        yield Elementwise(f"select_{e}", ["i1", e, e], [e], "%r0 = arith.select %a0, %a1, %a2 : {0}, {r}" if n > 1 else
                          "%r0 = arith.select %a0, %a1, %a2 : {r}", lambda c, x, y: np.where(c, x, y), n)


def conversion_cases():
    def convert(op, source, target, f, lanes=(1, 4), **options):
        for n in lanes:
            yield Elementwise(f"{op}_{source}_{target}", [source], [target], f"%r0 = arith.{op} %a0 : {{0}} to {{r}}", f, n, **options)

    width = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64}
    for a in ("i1",) + INTEGERS:
        for z in ("i1",) + INTEGERS:
            dtype = numpy_type(z)
            if width[a] < width[z]:
                signed = (lambda x: -x.astype(np.int8)) if a == "i1" else (lambda x: x)
                yield from convert("extsi", a, z, lambda x, t=dtype, s=signed: s(x).astype(t))
                yield from convert("extui", a, z, lambda x, t=dtype: unsigned(x).astype(t), lanes=(1, 2, 16))
            elif width[a] > width[z]:
                yield from convert("trunci", a, z, (lambda x: x & 1) if z == "i1" else (lambda x, t=dtype: x.astype(t)))
        for z in ("f16", "f32", "f64"):
            dtype = numpy_type(z)
            inputs = {0: (-2000, 2000)} if z == "f16" and width[a] > 8 else {}
            signed = (lambda x: -x.astype(np.int8)) if a == "i1" else (lambda x: x)
            yield from convert("sitofp", a, z, lambda x, t=dtype, s=signed: s(x).astype(t), inputs=inputs)
            inputs = {0: (0, 2000)} if z == "f16" and width[a] > 8 else {}
            yield from convert("uitofp", a, z, lambda x, t=dtype: unsigned(x).astype(t), inputs=inputs)
    for a in ("f16", "f32", "f64"):
        for z in INTEGERS:
            high = min(2.0 ** (width[z] - 1) - 1, 60000.0) if a == "f16" or width[z] < 64 else 2.0**62
            yield from convert("fptosi", a, z, lambda x, t=numpy_type(z): x.astype(t), inputs={0: (-high * 0.99, high * 0.99)})
            yield from convert("fptoui", a, z, lambda x, t=numpy_type(z): x.astype(f"u{t.itemsize}").view(t),
                               inputs={0: (0.0, high * 1.9 if a != "f16" else high)})
        yield from convert("fptoui", a, "i1", lambda x: x.astype(np.uint8), inputs={0: (0.0, 1.9)})
    sizes = {"f16": 2, "bf16": 2, "f32": 4, "f64": 8}
    for a in FLOATS:
        for z in FLOATS:
            if sizes[a] == sizes[z]:
                continue
            op = "extf" if sizes[a] < sizes[z] else "truncf"
            through = (lambda x, t=numpy_type(z): x.astype(np.float32).astype(t)) if "bf16" in (a, z) else (
                lambda x, t=numpy_type(z): x.astype(t))
            yield from convert(op, a, z, through, lanes=(1, 2, 3, 4, 8, 16))
    for a, z in (("f32", "i32"), ("i32", "f32"), ("f16", "i16"), ("i16", "bf16"), ("bf16", "i16"), ("f64", "i64")):
        inputs = {0: (-9.0, 9.0)} if a in FLOATS else {}
        # Of integers only those that are no NaN: its bits need not survive being a float.
        if a not in FLOATS:
            inputs = {0: (0, 0x7000)}
        yield from convert("bitcast", a, z, lambda x, t=numpy_type(z): x.view(t), inputs=inputs)
    yield from (Elementwise(f"bf16_arithmetic", ["bf16", "bf16"], ["bf16"],
                            """%x = arith.extf %a0 : {0} to {f32}
                            %y = arith.extf %a1 : {1} to {f32}
                            %m = arith.mulf %x, %y : {f32}
                            %r0 = arith.truncf %m : {f32} to {r}""",
                            lambda x, y: x.astype(np.float32) * y.astype(np.float32), n) for n in (1, 4, 16))
    yield from (Elementwise(f"bf16_select", ["i1", "bf16", "bf16"], ["bf16"],
                            "%r0 = arith.select %a0, %a1, %a2 : " + ("{0}, {r}" if n > 1 else "{r}"),
                            lambda c, x, y: np.where(c, x, y), n) for n in (1, 4))
    yield Elementwise("index", ["i32"], ["i32"],
                      """%x = arith.index_cast %a0 : i32 to index
                      %c = arith.constant 3 : index
                      %y = arith.muli %x, %c : index
                      %z = arith.index_cast %y : index to i64
                      %r0 = arith.trunci %z : i64 to i32""", lambda x: x * 3, 1)


def make():
    for group in (integer_cases, bool_cases, float_cases, conversion_cases):
        yield from group()
