"""Recurrent nets: LSTM, GRU and RNN as PyTorch exports them, gates reordered and states made in the graph."""
import numpy as np
from onnx import numpy_helper

from graph import FLOAT, INT64, ids, normal
from makers import model

TEXT = [{"batch": 2, "seq": 12}, {"batch": 3, "seq": 7}]


def recurrent(g, kind, x, n_in, hidden, directions=2, batch_from=None, **attrs):
    """x is [seq, batch, n_in]; batch_from: a value whose axis 0 is the batch, to make the zero states from.
    Returns Y [seq, directions, batch, hidden] and the last state."""
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    std = hidden ** -0.5
    w, r = g.weight(directions, gates * hidden, n_in, std=std), g.weight(directions, gates * hidden, hidden, std=std)
    states = []
    if batch_from:
        shape = g.vector(directions, (batch_from, 0, "batch"), hidden)
        zero = g.op("ConstantOfShape", shape, value=numpy_helper.from_array(np.zeros(1, np.float32)))
        states = ["", zero] + ([zero] if kind == "LSTM" else [])
    outs = g.op(kind, x, w, r, g.weight(directions, 2 * gates * hidden, std=0.1), *states,
                outs=3 if kind == "LSTM" else 2, hidden_size=hidden,
                direction="bidirectional" if directions == 2 else "forward", **attrs)
    return outs[0], outs[1]


def joined(g, y, width):
    """[seq, directions, batch, hidden] -> [seq, batch, directions * hidden]."""
    return g.op("Reshape", g.op("Transpose", y, perm=[0, 2, 1, 3]), g.ints(0, 0, width))


@model(*TEXT, opset=14)
def lstm_tagger(g, vocabulary=83, width=48, hidden=32, tags=9):
    """Embedding, two bidirectional LSTM layers, a linear layer and the best tag of each token."""
    tokens = g.input("tokens", INT64, ["batch", "seq"], ids(vocabulary))
    x = g.op("Transpose", g.op("Gather", g.weight(vocabulary, width, std=1.0), tokens), perm=[1, 0, 2])
    for n_in in (width, 2 * hidden):
        x = joined(g, recurrent(g, "LSTM", x, n_in, hidden, batch_from=tokens)[0], 2 * hidden)
    x = g.op("Transpose", x, perm=[1, 0, 2])
    logits = g.op("Add", g.op("MatMul", x, g.weight(2 * hidden, tags, std=0.5)), g.bias(tags))
    g.output(g.op("LogSoftmax", logits, axis=-1, out="scores"), ["batch", "seq", tags])
    g.output(g.op("ArgMax", logits, axis=-1, keepdims=0, out="tags"), ["batch", "seq"], INT64)


@model(*TEXT, opset=9)
def lstm_opset9(g, width=24, hidden=20):
    """One direction, no initial state, the direction's axis dropped by Squeeze, the last state as a second output."""
    x = g.input("x", FLOAT, ["seq", "batch", width], normal())
    y, last = recurrent(g, "LSTM", x, width, hidden, directions=1)
    y = g.squeeze(y, 1)
    g.output(g.op("MatMul", y, g.weight(hidden, 5), out="y"), ["seq", "batch", 5])
    g.output(g.op("Squeeze", last, axes=[0], out="last"), ["batch", hidden])


@model(*TEXT, opset=17)
def gru_classifier(g, width=24, hidden=32):
    """PyTorch's GRU (linear_before_reset), both directions; the class from the two last states."""
    x = g.input("x", FLOAT, ["batch", "seq", width], normal())
    _, last = recurrent(g, "GRU", g.op("Transpose", x, perm=[1, 0, 2]), width, hidden, batch_from=x,
                        linear_before_reset=1)
    last = g.op("Reshape", g.op("Transpose", last, perm=[1, 0, 2]), g.ints(0, 2 * hidden))
    g.output(g.op("Gemm", last, g.weight(2 * hidden, 4), g.bias(4), out="logits"), ["batch", 4])


@model(*TEXT, opset=14)
def gru_keras(g, width=24, hidden=24):
    """The other GRU (the reset gate before the product), one direction."""
    x = g.input("x", FLOAT, ["seq", "batch", width], normal())
    y, _ = recurrent(g, "GRU", x, width, hidden, directions=1)
    g.output(g.op("Squeeze", y, g.ints(1), out="y"), ["seq", "batch", hidden])


@model(*TEXT, opset=14)
def rnn(g, width=16, hidden=24):
    x = g.input("x", FLOAT, ["seq", "batch", width], normal())
    y, last = recurrent(g, "RNN", x, width, hidden, directions=2)
    g.output(g.op("Identity", joined(g, y, 2 * hidden), out="y"), ["seq", "batch", 2 * hidden])
    g.output(g.op("Identity", last, out="last"), [2, "batch", hidden])
