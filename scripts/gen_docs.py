#!/usr/bin/env python3
"""The pages of docs/ that are made from sources and programs rather than from .td files.

operators.md comes from the importer's table (frontends/onnx/ops/*.cpp), the standard's schemas (the onnx package in
build/venv) and the cpu target's table of kernels; commands.md from `aicc COMMAND --help`. scripts/check_docs.py writes them
to build/docs and compares; `make docs` copies them to docs/.
"""

import glob
import os
import re
import subprocess
import textwrap

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("AICC_BUILD_DIR", os.path.join(ROOT, "build"))
MICROSOFT = "com.microsoft"
DOMAINS = {"microsoft": MICROSOFT, "machineLearning": "ai.onnx.ml", "training": "ai.onnx.preview.training"}
MIN_OPSET, MAX_OPSET = 1, 28
# Operations that the graph passes always turn into others, so that no target sees them.
REWRITTEN = {"batch_norm"}
COMMANDS = ("compile", "run", "bench", "inspect", "check", "devices")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as stream:
        return stream.read()


# ---- operators.md ----


def table_entries(text):
    """(domain, operator, first opset, last opset or None, importer) of each line `t.add(...)` of one family."""
    entries = []
    for call in re.findall(r"\bt\.add\((.*?)\);", text, re.S):
        match = re.fullmatch(
            r'(?:OpTable::(?P<domain>\w+),\s*)?"(?P<op>\w+)",\s*(?:(?P<first>\d+),\s*(?P<last>\d+|OpTable::anyOpset),\s*)?(?P<fn>.+)',
            call.strip(), re.S,
        )
        if re.match(r"OpTable::\w+, op,", call):
            continue  # in a helper, whose calls are read below
        if not match:
            raise SystemExit(f"gen_docs: cannot read the table's entry t.add({call})")
        last = match["last"]
        domain = DOMAINS[match["domain"]] if match["domain"] else ""
        entries.append((domain, match["op"], int(match["first"] or 1), int(last) if last and last.isdigit() else None, match["fn"]))
    # com.microsoft's families shorten the entry by a helper.
    for name, fn in re.findall(r'(?<![\w.])(?:add|like)\("(\w+)",\s*([^;]+)', text):
        entries.append((MICROSOFT, name, 1, None, fn.lstrip("[&=") or "none"))
    for names, fn in re.findall(r"for \(StringRef op : \{([^}]*)\}\)\s*(?:add|like)\(op,\s*([^;]+)", text):
        entries += [(MICROSOFT, name, 1, None, fn.lstrip("[&=")) for name in re.findall(r'"(\w+)"', names)]
    return entries


def function_bodies(text):
    """Name: body, of each function of one family."""
    bodies = {}
    for match in re.finditer(r"^(?:template <[^\n]*>\s*)?[\w:<>&* ]+?\b(\w+)\([^;{}]*\)\s*\{", text, re.M):
        # clang-format closes a function's brace in the first column, or on the same line.
        end = re.compile(r"^\}|\}[ ]*$", re.M).search(text, match.end())
        line_end = text.find("\n", match.end())
        stop = line_end if text[match.end() : line_end].rstrip().endswith("}") else text.find("\n}", match.end())
        bodies[match.group(1)] = text[match.end() : stop if end else len(text)]
    return bodies


def limits(importer, bodies):
    """What an importer and the functions of its family that it calls refuse, or need to be constant, in their own words."""
    notes, seen, todo = [], set(), re.findall(r"\w+", importer)[:1]
    while todo:
        name = todo.pop(0)
        if name in seen or name not in bodies:
            continue
        seen.add(name)
        body = bodies[name]
        for match in re.finditer(r'ImportError\(((?:[^()"]|"(?:[^"\\]|\\.)*"|\([^()]*\))*)\)', body):
            # The reason alone: up to the comma before the hint.
            reason = re.split(r'"\s*,\s*"', match.group(1))[0]
            text = re.sub(r'"\s*\+[^"]*\+\s*"', "…", reason)
            text = re.sub(r'^[^"]*"|"[^"]*$', "", text)
            # A message with one value in it is about a value that the standard does not have.
            limit = re.search(r"not supported|known at compile time|^only |single number|must be numbers", text)
            if limit and text.count("…") != 1:
                notes.append(text.strip())
        for what in re.findall(r'getConstant\w+\(\d+, "([^"]+)"', body):
            notes.append(f"{what} must be constant")
        todo += re.findall(r"\b(\w+)\(", body)
    return list(dict.fromkeys(notes))


def kernel_notes():
    """(nn operations, those that the cpu target takes), by the tables that the target itself reads."""
    definitions = "".join(read(path) for path in sorted(glob.glob(os.path.join(ROOT, "dialects/nn/NN*.td"))))
    elementwise = set(re.findall(r'NN_(?:Unary|Binary|Elementwise)<"(\w+)"', definitions))
    classes = dict(re.findall(r'def NN_(\w+)Op : NN_\w+<"(\w+)"', definitions))
    operations = set(classes.values()) - REWRITTEN
    kernels = set()
    for call in re.findall(r"\.Cases?\(([^)]*)\)", read("targets/cpu/codegen/Kernels.cpp")):
        kernels |= set(re.findall(r'"(\w+)"', call))
    check = re.search(r"std::string check\(Operation \*op\).*?\n  }\n", read("targets/cpu/codegen/CpuTarget.cpp"), re.S).group(0)
    moved = {classes[name] for name in re.findall(r"nn::(\w+)Op\b", check) if name in classes}
    return operations, operations & (elementwise | kernels | moved)


def paragraph(text):
    return textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False)


def sequence_ops():
    """What the importer does with lists of values."""
    text = read("frontends/onnx/ImportSequences.cpp")
    return set(re.findall(r'"(\w+)"', re.search(r"isSequenceOp\(.*?\n}\n", text, re.S).group(0)))


def operators():
    import onnx.defs

    history = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            history.setdefault(schema.name, []).append(schema)
    for schemas in history.values():
        schemas.sort(key=lambda schema: schema.since_version)
    has_body = {name for name, s in history.items() if s[-1].has_function or s[-1].has_context_dependent_function}
    rows = []
    # What opsets 1 to 6 wrote differently is entered first.
    old = {op: last for _, op, _, last, _ in table_entries(read("frontends/onnx/ops/Legacy.cpp")) if last}
    for path in sorted(glob.glob(os.path.join(ROOT, "frontends/onnx/ops/*.cpp"))):
        text = read(path)
        bodies = function_bodies(text)
        for domain, op, first, last, importer in table_entries(text):
            if not domain and not path.endswith("Legacy.cpp") and first <= old.get(op, 0):
                first = old[op] + 1
            known = [s.since_version for s in history.get(op, []) if not s.deprecated]
            # Those that models of these opsets can mean.
            versions = [v for v, following in zip(known, known[1:] + [MAX_OPSET + 1]) if following > max(first, MIN_OPSET)]
            versions = [v for v in versions if v <= (last or MAX_OPSET)]
            since = max(first, MIN_OPSET, history[op][0].since_version) if op in history and not domain else 0
            rows.append((domain, op, since, f"{domain}.{op}" if domain else op,
                         f"{since}–{last or MAX_OPSET}" if since else "", ", ".join(map(str, versions)) if since else "",
                         "; ".join(limits(importer, bodies))))
    standard = {row[1] for row in rows if not row[0]}
    inlined = sorted(has_body - standard - sequence_ops())
    missing = sorted(n for n, s in history.items() if n not in standard | has_body | {"If", "Loop", "Scan"} | sequence_ops() and not s[-1].deprecated)
    current = {name for name, s in history.items() if not s[-1].deprecated}
    operations, taken = kernel_notes()

    lines = ["# ONNX operators", ""]
    lines += paragraph(
        "Generated by `make docs` from the importer's table, the standard's schemas and the cpu target's table of kernels. "
        f"The importer reads models of opset {MIN_OPSET} to {MAX_OPSET}. `aicc check MODEL` says, node by node, what of a model cannot be compiled."
    )
    lines += ["", "## Imported", ""]
    lines += paragraph(
        f"{len(standard & current)} of the standard's {len(current)} operators by an importer of their own, and "
        f"{len([row for row in rows if row[0]])} of other domains. `opsets` are those of models, `versions` the operator's in the standard. The limits are "
        "the importer's own messages when it refuses a node; some concern one form of the operator only."
    )
    lines += ["", "| operator | opsets | versions | limits |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(row[3:])} |".replace("|  |", "| |").replace("|  |", "| |") for row in sorted(rows)]
    lines.append("")
    lines += paragraph(
        "Beside the table, `If`, `Loop` and `Scan` become branches and loops (opset 8's Scan: without sequence lengths), or are "
        "decided and written out at compile time. Sequences and optionals (" + ", ".join(f"`{op}`" for op in sorted(sequence_ops())) +
        ") exist at compile time only: their lengths must be known then. Functions that a model defines itself are inlined."
    )
    lines += ["", "## By their definition", ""]
    lines += paragraph(
        "The standard defines these by other operators. The importer inlines that definition, so they work where the "
        f"operators in it do: {', '.join(inlined)}."
    )
    lines += ["", "## Not imported", ""] + paragraph(f"{', '.join(missing)}.") + ["", "## Kernels", ""]
    text = "Operators become operations of the `nn` dialect ([nn](dialects/nn.md)). The cpu target takes "
    if operations - taken:
        text += f"{len(taken)} of the {len(operations)} that reach it. It has no kernel yet for "
        text += ", ".join(f"`nn.{op}`" for op in sorted(operations - taken)) + "."
    else:
        text += f"all {len(operations)} that reach it."
    lines += paragraph(text)
    return "\n".join(lines) + "\n"


# ---- commands.md ----


def commands():
    program = os.path.join(BUILD, "bin", "aicc")
    lines = [
        "# Commands and options",
        "",
        "What `aicc --help` and `aicc COMMAND --help` print; generated by `make docs`. [Using aicc](using.md) explains.",
    ]
    for command in ("",) + COMMANDS:
        arguments = [command] if command else []
        done = subprocess.run([program, *arguments, "--help"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"gen_docs: {' '.join(['aicc', *arguments])} --help: exit code {done.returncode} {done.stderr}")
        lines += ["", f"## aicc {command}".rstrip(), "", "```", *(line.rstrip() for line in done.stdout.strip().splitlines()), "```"]
    return "\n".join(lines) + "\n"


PAGES = {"operators.md": operators, "commands.md": commands}


def write(folder):
    """Writes the pages into `folder`."""
    os.makedirs(folder, exist_ok=True)
    for name, make in PAGES.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
            stream.write(make())


if __name__ == "__main__":
    write(os.path.join(BUILD, "docs"))
