"""The rest of the ONNX standard in the forms that the other families do not have: recurrent networks with every
activation, einsum's notations, scatters that combine, losses, n-grams, and ai.onnx.ml's preprocessing, linear models and
trees as scikit-learn's converters write them."""
import numpy as np

from graph import FLOAT, INT32, INT64, ids, normal
from makers import model

ML = "ai.onnx.ml"
ROWS = [{"rows": 9}, {"rows": 1}]
STEPS = [{"seq": 6, "batch": 3}, {"seq": 21, "batch": 2}]


def output(g, y, rank, name, kind=FLOAT):
    g.output(g.op("Identity", y, out=name), [None] * rank, kind)


# ---- recurrent ----

def lengths(rng, shape, sizes):
    return rng.integers(1, sizes["seq"] + 1, shape).astype(np.int32)


def recurrent(kind, functions, **attrs):
    def make(g, width=5, hidden=7):
        gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
        batch = STEPS[0]["batch"] if g.sizes else "batch"
        x = g.input("x", FLOAT, ["seq", batch, width], normal())
        ends = g.input("lengths", INT32, [batch], lengths)
        for direction, count in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
            inputs = [x, g.weight(count, gates * hidden, width, std=0.5), g.weight(count, gates * hidden, hidden, std=0.4),
                      g.weight(count, 2 * gates * hidden, std=0.3), "" if direction == "forward" else ends]
            if kind == "LSTM":
                inputs += ["", "", g.weight(count, 3 * hidden, std=0.3)]
            more = {"activations": list(functions) * count} if functions else {}
            outs = g.op(kind, *inputs, outs=2, hidden_size=hidden, direction=direction, **more, **attrs)
            output(g, outs[0], 4, f"{direction}_y")
            output(g, outs[1], 3, f"{direction}_last")
    return make


for title, kind, functions, attrs in (
        ("lstm_clipped", "LSTM", None, {"clip": 0.6}),
        ("lstm_coupled", "LSTM", None, {"input_forget": 1}),
        ("lstm_keras", "LSTM", ["HardSigmoid", "Tanh", "Softsign"], {}),
        ("lstm_odd", "LSTM", ["Affine", "ScaledTanh", "Elu"],
         {"activation_alpha": [0.3, 0.8, 0.9] * 2, "activation_beta": [0.4, 0.7] * 2}),
        ("gru_keras", "GRU", ["HardSigmoid", "Relu"], {}),
        ("gru_reset_after", "GRU", ["Sigmoid", "LeakyRelu"], {"linear_before_reset": 1, "activation_alpha": [0.2] * 2}),
        ("rnn_softsign", "RNN", ["Softsign"], {"clip": 1.5}),
        ("rnn_thresholded", "RNN", ["ThresholdedRelu"], {"activation_alpha": [0.1] * 2})):
    model(*STEPS, opset=14, name=f"{title}_forms")(recurrent(kind, functions, **attrs))


# ---- products, scatters, running sums ----

@model({"n": 3, "m": 4}, {"n": 5, "m": 2}, opset=13)
def einsum_forms(g):
    square = g.input("square", FLOAT, ["n", "n"], normal())
    matrix = g.input("matrix", FLOAT, ["n", "m"], normal())
    cube = g.input("cube", FLOAT, [2, "n", "m"], normal())
    for name, equation, args, rank in (
            ("trace", "ii", [square], 0), ("diagonal", "ii->i", [square], 1), ("weighted", "ii,ij->j", [square, matrix], 1),
            ("transposed", "...ij->...ji", [cube], 3), ("sums", "b...->...", [cube], 2),
            ("gram", "bij,bkj->bik", [cube, cube], 3), ("chain", "ij,jk,bkl->bil", [square, square, cube], 3),
            ("outer", "i,bij,j->bij", [g.op("Einsum", square, equation="ii->i"), cube,
                                       g.op("Einsum", matrix, equation="ij->j")], 3),
            ("implicit", "ba,bc", [matrix, square], 2), ("product", "...ij,...ij->...", [cube, cube], 1)):
        output(g, g.op("Einsum", *args, equation=equation), rank, name)


@model({"n": 4, "m": 5}, {"n": 9, "m": 3}, opset=18)
def scatter_forms(g):
    """Indices count from the end where negative; with a reduction they may repeat."""
    x = g.input("x", FLOAT, ["n", "m"], normal())
    u = g.input("u", FLOAT, [3, "m"], normal())
    rows = g.input("rows", INT64, [3, "m"], lambda rng, shape, sizes: rng.integers(-sizes["n"], sizes["n"], shape))
    points = g.input("points", INT64, [3, 1], lambda rng, shape, sizes: rng.integers(-sizes["n"], sizes["n"], shape))
    for kind in ("add", "mul", "max", "min"):
        output(g, g.op("ScatterElements", x, rows, u, axis=0, reduction=kind), 2, f"elements_{kind}")
        output(g, g.op("ScatterND", x, points, u, reduction=kind), 2, f"nd_{kind}")
    output(g, g.op("GatherElements", x, rows, axis=-2), 2, "gathered")
    output(g, g.op("GatherND", x, points), 2, "gathered_nd")


@model({"n": 6, "m": 5}, {"n": 2, "m": 33}, opset=14)
def running_sums(g):
    x = g.input("x", FLOAT, ["n", "m"], normal())
    for axis in (0, -1):
        for exclusive in (0, 1):
            for reverse in (0, 1):
                y = g.op("CumSum", x, g.scalar(axis, np.int64), exclusive=exclusive, reverse=reverse)
                output(g, y, 2, f"sums_{axis % 2}{exclusive}{reverse}")


# ---- losses ----

@model({"batch": 4, "width": 3}, {"batch": 2, "width": 7}, opset=13)
def losses(g, classes=5):
    scores = g.input("scores", FLOAT, ["batch", classes, "width", 2], normal())
    labels = g.input("labels", INT64, ["batch", "width", 2], ids(classes))
    weights = g.const(np.linspace(0.5, 2, classes, dtype=np.float32))
    logs = g.op("LogSoftmax", scores, axis=1)
    for reduction in ("none", "mean", "sum"):
        rank = 3 if reduction == "none" else 0
        loss, log = g.op("SoftmaxCrossEntropyLoss", scores, labels, weights, outs=2, reduction=reduction, ignore_index=2)
        output(g, loss, rank, f"cross_entropy_{reduction}")
        output(g, log, 4, f"logarithms_{reduction}")
        output(g, g.op("NegativeLogLikelihoodLoss", logs, labels, reduction=reduction), rank, f"likelihood_{reduction}")


# ---- text ----

@model({"batch": 3, "length": 14}, {"batch": 2, "length": 3}, opset=9)
def ngrams(g):
    tokens = g.input("tokens", INT64, ["batch", "length"], ids(6))
    pool = {"pool_int64s": [2, 3, 5, 4, 5, 1, 4, 3, 1, 2, 1, 2, 3], "ngram_counts": [0, 4, 10],
            "ngram_indexes": [7, 3, 0, 1, 4, 6, 2, 5], "weights": [1.0, 2, 3, 4, 5, 6, 7, 8]}
    for mode in ("TF", "IDF", "TFIDF"):
        for skips in (0, 2):
            y = g.op("TfIdfVectorizer", tokens, mode=mode, min_gram_length=1, max_gram_length=3, max_skip_count=skips, **pool)
            output(g, y, 2, f"{mode.lower()}_{skips}")


# ---- ai.onnx.ml ----

@model(*ROWS)
def preprocessing(g):
    x = g.input("x", FLOAT, ["rows", 4], normal(2.0))
    codes = g.op("Cast", g.op("Round", x), to=INT64)
    output(g, g.op("Scaler", x, domain=ML, offset=[0.1, 0.2, 0.3, 0.4], scale=[1.0, 2.0, 3.0, 4.0]), 2, "scaled")
    for norm in ("MAX", "L1", "L2"):
        output(g, g.op("Normalizer", x, domain=ML, norm=norm), 2, "norm_" + norm)
    output(g, g.op("Binarizer", x, domain=ML, threshold=0.3), 2, "binary")
    holes = g.op("Where", g.op("Less", x, g.scalar(-1.0)), g.scalar(np.nan), x)
    output(g, g.op("Imputer", holes, domain=ML, imputed_value_floats=[1.0, 2.0, 3.0, 4.0], replaced_value_float=np.nan), 2,
           "imputed")
    output(g, g.op("OneHotEncoder", codes, domain=ML, cats_int64s=[-1, 0, 1, 2]), 3, "hot")
    output(g, g.op("LabelEncoder", codes, domain=ML, keys_int64s=[-1, 0, 1], values_floats=[0.1, 0.2, 0.3],
                   default_float=-7.0), 2, "encoded")
    output(g, g.op("ArrayFeatureExtractor", x, g.ints(2, 0), domain=ML), 2, "picked")
    output(g, g.op("FeatureVectorizer", x, g.op("ArrayFeatureExtractor", x, g.ints(1), domain=ML), domain=ML,
                   inputdimensions=[4, 1]), 2, "joined")


@model(*ROWS)
def linear_models(g):
    x = g.input("x", FLOAT, ["rows", 4], normal())
    numbers = lambda *shape: [float(v) for v in g.rng.standard_normal(shape).ravel()]
    for transform in ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"):
        output(g, g.op("LinearRegressor", x, domain=ML, coefficients=numbers(2, 4), intercepts=numbers(2), targets=2,
                       post_transform=transform), 2, f"regressor_{transform}")
        label, scores = g.op("LinearClassifier", x, domain=ML, outs=2, coefficients=numbers(3, 4), intercepts=numbers(3),
                             classlabels_ints=[3, 5, 9], post_transform=transform)
        output(g, g.op("Cast", label, to=FLOAT), 1, f"label_{transform}")
        output(g, scores, 2, f"scores_{transform}")
    scores = g.op("LinearClassifier", x, domain=ML, outs=2, coefficients=numbers(4), intercepts=numbers(1),
                  classlabels_ints=[0, 1], post_transform="LOGISTIC")[1]
    output(g, scores, 2, "binary")
    for kernel in ("LINEAR", "POLY", "RBF", "SIGMOID"):
        y = g.op("SVMRegressor", x, domain=ML, kernel_type=kernel, kernel_params=[0.5, 0.2, 3.0], n_supports=5,
                 coefficients=numbers(5), support_vectors=numbers(5, 4), rho=[0.3])
        output(g, y, 2, "svm_" + kernel)


def grow(rng, trees, depth, features, modes):
    """The attributes of random trees, and their leaves as (tree, node)."""
    names = ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids",
             "missing_value_tracks_true")
    table, leaves = {name: [] for name in names}, []

    def build(tree, number, level):
        at = len(table["treeids"])
        for name in names:
            table[name].append(0)
        node = number[0]
        number[0] += 1
        table["treeids"][at], table["nodeids"][at], table["values"][at] = tree, node, 0.0
        if level == 0 or (level < depth and rng.random() < 0.2):
            table["modes"][at] = "LEAF"
            leaves.append((tree, node))
            return node
        table["modes"][at] = str(rng.choice(modes))
        table["featureids"][at] = int(rng.integers(features))
        table["values"][at] = float(np.float32(rng.standard_normal() * 0.7))
        table["missing_value_tracks_true"][at] = int(rng.random() < 0.5)
        table["truenodeids"][at] = build(tree, number, level - 1)
        table["falsenodeids"][at] = build(tree, number, level - 1)
        return node

    for tree in range(trees):
        build(tree, [0], depth)
    return {"nodes_" + name: values for name, values in table.items()}, leaves


@model(*ROWS)
def tree_ensembles(g):
    x = g.input("x", FLOAT, ["rows", 4], normal())
    x = g.op("Where", g.op("Greater", x, g.scalar(1.2)), g.scalar(np.nan), x)
    every = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
    for how in ("SUM", "AVERAGE", "MIN", "MAX"):
        nodes, leaves = grow(g.rng, 6, 5, 4, every if how == "SUM" else every[:1])
        targets = [(tree, node, k) for tree, node in leaves for k in range(2)]
        y = g.op("TreeEnsembleRegressor", x, domain=ML, n_targets=2, aggregate_function=how, base_values=[0.5, -0.25],
                 target_treeids=[t for t, _, _ in targets], target_nodeids=[n for _, n, _ in targets],
                 target_ids=[k for _, _, k in targets],
                 target_weights=[float(v) for v in g.rng.standard_normal(len(targets))], **nodes)
        output(g, y, 2, "regressor_" + how)
    nodes, leaves = grow(g.rng, 5, 4, 4, every[:2])
    for classes, transform in ((3, "SOFTMAX"), (3, "NONE"), (2, "LOGISTIC"), (2, "NONE")):
        targets = [(tree, node, k) for tree, node in leaves for k in range(3 if classes == 3 else 1)]
        label, scores = g.op(
            "TreeEnsembleClassifier", x, domain=ML, outs=2, classlabels_int64s=[4, 2, 7][:classes], post_transform=transform,
            class_treeids=[t for t, _, _ in targets], class_nodeids=[n for _, n, _ in targets],
            class_ids=[k for _, _, k in targets], class_weights=[float(v) for v in g.rng.standard_normal(len(targets))],
            **nodes)
        if classes == 3:
            output(g, g.op("Cast", label, to=FLOAT), 1, f"label_{transform}")
        output(g, scores, 2, f"scores_{classes}_{transform}")
