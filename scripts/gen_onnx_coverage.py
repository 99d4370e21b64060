#!/usr/bin/env python3
"""docs/onnx-coverage.md from runs of ONNX's test suite: `gen_onnx_coverage.py RESULT.json... [-o FILE]`.

RESULT.json is what test/conformance/onnx/run_onnx.py --json writes, a file for each mode and device. The page has a row for
each operator, with the element types that its cases use, and how many of its cases pass in each run.
"""

import argparse
import collections
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "test", "conformance", "onnx"))

import run_onnx  # noqa: E402
from onnx import TensorProto  # noqa: E402

HEAD = """# Coverage of ONNX's test suite

`test/conformance/onnx/run_onnx.py` runs all node cases of the onnx package and the small models that it ships. A case counts
for each operator in its model. Modes: *given*, the models as they are; *dynamic*, every dimension of every input symbolic;
*constant*, every input an initializer, so that the compiler computes the result. `scripts/gen_onnx_coverage.py` writes this
page from the runs' results.
"""


def name_type(value):
    """The element type of an input or output, in ONNX's words."""
    kind = value.type
    while kind.WhichOneof("value") in ("sequence_type", "optional_type"):
        kind = getattr(kind, kind.WhichOneof("value")).elem_type
    return TensorProto.DataType.Name(kind.tensor_type.elem_type).lower() if kind.HasField("tensor_type") else "map"


def read_types():
    """{case: element types of its inputs and outputs}"""
    types = {}
    for case in [*run_onnx.node_cases(), *run_onnx.shipped_cases()]:
        graph = case.model.graph
        types[case.name] = {name_type(value) for value in [*graph.input, *graph.output]} - {"undefined"}
    return types


def write_page(runs, types):
    columns = [f"{run['mode']}, {run['device']}" for run in runs]
    counts = collections.defaultdict(lambda: [[0, 0] for _ in runs])
    used = collections.defaultdict(set)
    lines = [HEAD, "| run | pass | fail as expected | fail |", "|---|--:|--:|--:|"]
    for i, (column, run) in enumerate(zip(columns, runs)):
        passed = sum(case["message"] is None for case in run["cases"])
        known = sum(case["message"] is not None and case["reason"] is not None for case in run["cases"])
        lines.append(f"| {column} | {passed} | {known} | {len(run['cases']) - passed - known} |")
        for case in run["cases"]:
            for operator in case["ops"]:
                counts[operator][i][0] += case["message"] is None
                counts[operator][i][1] += 1
                used[operator] |= types.get(case["name"], set())
    reasons = sorted({case["reason"] for run in runs for case in run["cases"] if case["reason"]})
    if reasons:
        lines += ["", "Why cases fail as expected:", ""]
        lines += [f"- `{reason}`: {run_onnx.REASONS[reason][0]}" for reason in reasons]
    lines += ["", "Passing cases of all, by operator:", "", f"| operator | {' | '.join(columns)} | element types |",
              "|---|" + "--:|" * len(runs) + "---|"]
    for operator in sorted(counts):
        cells = [f"{good}/{all_}" if all_ else "" for good, all_ in counts[operator]]
        lines.append(f"| {operator} | {' | '.join(cells)} | {', '.join(sorted(used[operator]))} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="+", metavar="RESULT.json")
    parser.add_argument("-o", "--output", default=os.path.join(ROOT, "docs", "onnx-coverage.md"))
    options = parser.parse_args()
    runs = []
    for path in options.results:
        with open(path, encoding="utf-8") as stream:
            runs.append(json.load(stream))
    page = write_page(runs, read_types())
    with open(options.output, "w", encoding="utf-8") as stream:
        stream.write(page)


if __name__ == "__main__":
    main()
