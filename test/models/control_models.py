"""Branches and loops: a recurrent cell as a Scan, decoding as a Loop whose values grow, computing until it suffices, branches of
different sizes, loops in loops."""
import numpy as np
import onnx.parser

from graph import BOOL, FLOAT, INT64, normal, uniform
from makers import model

ROWS = [{"batch": 3, "seq": 7}, {"batch": 2, "seq": 1}]


def graph(text, **names):
    """A body in ONNX's text; {names} stand for values of the graph around it."""
    for key, value in names.items():
        text = text.replace("{" + key + "}", '"' + value + '"')
    return onnx.parser.parse_graph(text)


def count(number):
    """An input that says how often: a scalar by the sizes."""
    return lambda rng, shape, sizes: np.array(number(sizes), np.int64)


@model(*ROWS)
def scan_cell(g, width=5, hidden=6):
    """A gated cell over time, forwards and, with its outputs in the other order, backwards."""
    x = g.input("x", FLOAT, ["seq", "batch", width], normal())
    h = g.input("h", FLOAT, ["batch", hidden], normal())
    wx, wh, wz = g.weight(width, hidden), g.weight(hidden, hidden), g.weight(width, hidden)
    for name, direction in (("forward", 0), ("backward", 1)):
        body = graph("""cell (float[batch, hidden] h, float[batch, width] x) => (float[batch, hidden] n, float[batch, hidden] o) {
            a = MatMul(x, {wx}) b = MatMul(h, {wh}) c = Add(a, b) d = Tanh(c)
            e = MatMul(x, {wz}) z = Sigmoid(e) k = Sub(h, d) l = Mul(z, k) n = Add(d, l) o = Identity(n)
        }""", wx=wx, wh=wh, wz=wz)
        last, every = g.op("Scan", h, x, outs=2, body=body, num_scan_inputs=1, scan_input_directions=[direction],
                           scan_output_directions=[direction], scan_output_axes=[1])
        g.output(g.op("Identity", last, out=name + "_last"), ["batch", hidden])
        g.output(g.op("Identity", every, out=name + "_all"), ["batch", "seq", hidden])


@model(*ROWS)
def decode_loop(g, vocabulary=11, width=6):
    """Greedy decoding: each step appends the best token, and writes its score out; as often as an input says."""
    steps = g.input("steps", INT64, [], count(lambda sizes: sizes["seq"] + 2))
    start = g.input("start", INT64, ["batch", 1], lambda rng, shape, sizes: rng.integers(0, vocabulary, shape))
    embedding, w = g.weight(vocabulary, width, std=1.0), g.weight(width, vocabulary)
    body = graph("""step (int64 i, bool go, int64[batch, n] tokens) => (bool more, int64[batch, m] longer, float[batch] score) {
        more = Identity(go)
        e = Gather({embedding}, tokens) s = ReduceMean<axes = [1], keepdims = 0>(e) t = Tanh(s) l = MatMul(t, {w})
        k = ArgMax<axis = 1, keepdims = 1>(l) score = ReduceMax<axes = [1], keepdims = 0>(l)
        longer = Concat<axis = 1>(tokens, k)
    }""", embedding=embedding, w=w)
    tokens, scores = g.op("Loop", steps, "", start, outs=2, body=body)
    g.output(g.op("Identity", tokens, out="tokens"), [None, None], INT64)
    g.output(g.op("Identity", scores, out="scores"), [None, None])


@model(*ROWS)
def until_converged(g, n=8):
    """x = tanh(a x + b) until it changes little; how often that was is a result, and so are the changes."""
    x = g.input("x", FLOAT, ["batch", n], normal())
    limit = g.input("limit", FLOAT, [], uniform(0.01, 0.02))
    a, b = g.weight(n, n, std=0.2), g.bias(n)
    yes = g.const(np.array(True), "yes")
    body = graph("""step (int64 i, bool go, float[batch, n] x) => (bool more, float[batch, n] y, float change, int64 number) {
        p = MatMul(x, {a}) q = Add(p, {b}) y = Tanh(q)
        d = Sub(y, x) m = Abs(d) change = ReduceMax<keepdims = 0>(m) more = Greater(change, {limit}) number = Identity(i)
    }""", a=a, b=b, limit=limit)
    y, changes, numbers = g.op("Loop", "", yes, x, outs=3, body=body)
    g.output(g.op("Identity", y, out="y"), ["batch", n])
    g.output(g.op("Identity", changes, out="changes"), [None])
    g.output(g.op("Identity", numbers, out="numbers"), [None], INT64)


@model(*ROWS)
def branches(g, n=4):
    """What one branch gives is larger than what the other gives; one of them has branches of its own."""
    x = g.input("x", FLOAT, ["batch", n], normal())
    w = g.weight(n, n)
    y = g.op("Exp", x)
    for number in (0, 1):
        for inner in (0, 1):
            c = g.input(f"c{number}{inner}", BOOL, [], lambda rng, shape, sizes, v=number: np.array(bool(v)))
            d = g.input(f"d{number}{inner}", BOOL, [], lambda rng, shape, sizes, v=inner: np.array(bool(v)))
            last = str(number) + str(inner)
            then = graph("""then () => (float[p, n] r) {
                r = If ({d}) <then_branch = a () => (float[u, n] e) { f = MatMul({x}, {w}) e = Concat<axis = 0>(f, {y}) },
                              else_branch = b () => (float[v, n] k) { k = Relu({y}) }>
            }""", d=d, x=x, y=y, w=w)
            other = graph("other () => (float[q, n] s) { z = Concat<axis = 0>({y}, {y}, {x}) s = Mul(z, z) }", x=x, y=y)
            r = g.op("If", c, then_branch=then, else_branch=other)
            g.output(g.op("Neg", r, out="r" + last), [None, None])
            g.output(g.op("ReduceSum", r, g.ints(0), keepdims=0, out="s" + last), [n])


@model(*ROWS)
def loops_in_loops(g, n=5):
    """The inner loop runs as often as the outer one has before; a branch within; two values that swap."""
    x = g.input("x", FLOAT, ["batch", n], normal())
    u = g.input("u", FLOAT, ["batch", n], normal(0.3))
    times = g.input("times", INT64, [], count(lambda sizes: sizes["seq"] // 2 + 1))
    body = graph("""outer (int64 i, bool go, float[batch, n] a, float[batch, n] b) => (bool more, float[batch, n] c, float[batch, n] d, float[n] e) {
        more = Identity(go)
        f, g = Loop (i, , a, b) <body = inner (int64 j, bool on, float[batch, n] p, float[batch, n] q) => (bool k, float[batch, n] r, float[batch, n] s) {
            k = Identity(on) r = Identity(q) t = Mul({u}, p) s = Add(t, b)
        }>
        two = Constant<value_int = 2>() h = Mod(i, two) odd = Cast<to = 9>(h)
        c = If (odd) <then_branch = y () => (float[batch, n] l) { l = Sin(g) }, else_branch = z () => (float[batch, n] m) { m = Identity(f) }>
        d = Identity(a) e = ReduceMean<axes = [0], keepdims = 0>(c)
    }""", u=u)
    c, d, e = g.op("Loop", times, "", x, u, outs=3, body=body)
    g.output(g.op("Identity", c, out="c"), ["batch", n])
    g.output(g.op("Identity", d, out="d"), ["batch", n])
    g.output(g.op("Identity", e, out="e"), [None, None])


@model({"seq": 6}, {"seq": 0}, modes=("symbolic",))
def not_at_all(g, n=3):
    """A loop that may run zero times: its values stay, its scanned results are empty."""
    x = g.input("x", FLOAT, [n], normal())
    times = g.input("times", INT64, [], count(lambda sizes: sizes["seq"]))
    body = graph("step (int64 i, bool go, float[n] a) => (bool more, float[n] b, float[n] c) { more = Identity(go) b = Sin(a) c = Mul(b, {x}) }", x=x)
    b, c = g.op("Loop", times, "", x, outs=2, body=body)
    g.output(g.op("Add", b, x, out="b"), [n])
    g.output(g.op("Identity", c, out="c"), [None, n])


@model(*ROWS)
def sequences(g, n=6):
    """Sequences whose lengths are known: nothing of them is left."""
    x = g.input("x", FLOAT, ["batch", n], normal())
    parts = g.op("SplitToSequence", x, g.ints(1, 2, 3), axis=1)
    more = g.op("SequenceInsert", parts, g.op("Exp", x), g.scalar(1, np.int64))
    less = g.op("SequenceErase", more, g.scalar(-1, np.int64))
    g.output(g.op("ConcatFromSequence", less, axis=1, out="joined"), [None, None])
    g.output(g.op("SequenceAt", parts, g.scalar(-1, np.int64), out="last"), [None, None])
    rows = g.op("SequenceConstruct", x, g.op("Neg", x))
    body = graph("step (int64 i, bool go, seq(float[batch, n]) s) => (bool more, seq(float[batch, n]) t) { more = Identity(go) f = SequenceAt(s, i) e = Sin(f) t = SequenceInsert(s, e) }")
    grown = g.op("Loop", g.scalar(3, np.int64), "", rows, body=body)
    g.output(g.op("ConcatFromSequence", grown, axis=0, new_axis=1, out="stacked"), [None, None, None])
