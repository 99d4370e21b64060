#!/usr/bin/env python3
"""The pages of docs/ and README.md say what is true of the tree that they lie in.

- Generated pages (docs/dialects and docs/passes from .td files; those of scripts/gen_docs.py) are what the sources generate.
- A code block after `<!-- from: PATH -->` occurs word for word in that file, up to indentation; a line `...` skips lines.
- In a ```console block, what follows `$ COMMAND` is printed by it: each line, in order, though others may come between. `...`
  stands for any text, and numbers (but exit codes) only have to be numbers. A command that fails must show its error. Commands
  run in a folder of their own, with the models of docs/examples in it and the tree's docs/, test/ and runtime/ beside it.
  `# not run` as first line exempts a block.
- Links lead to files that exist, and paths in `...` that begin with one of the tree's folders, too.

Without an option: reports what is wrong, and exits with 1 if anything is. --update: copies generated pages to docs/.
"""

import filecmp
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

import gen_docs

ROOT = gen_docs.ROOT
BUILD = gen_docs.BUILD
FOLDERS = ("dialects", "passes")
TOP = sorted(name for name in os.listdir(ROOT) if os.path.isdir(os.path.join(ROOT, name)) and not name.startswith((".", "build")))


# ---- generated pages ----


def pages(top):
    """The generated pages below `top`, as paths below it."""
    found = {name for name in gen_docs.PAGES if os.path.exists(os.path.join(top, name))}
    for folder in FOLDERS:
        for directory, _, names in os.walk(os.path.join(top, folder)):
            found |= {os.path.relpath(os.path.join(directory, name), top) for name in names if name.endswith(".md")}
    return found


def update(made, kept):
    for page in pages(kept) - pages(made):
        os.remove(os.path.join(kept, page))
    for page in pages(made):
        os.makedirs(os.path.dirname(os.path.join(kept, page)), exist_ok=True)
        shutil.copyfile(os.path.join(made, page), os.path.join(kept, page))


def stale(made, kept):
    for page in sorted(pages(made) | pages(kept)):
        both = all(os.path.exists(os.path.join(top, page)) for top in (made, kept))
        if not both or not filecmp.cmp(os.path.join(made, page), os.path.join(kept, page), shallow=False):
            yield f"docs/{page} is not what the sources generate: run make docs"


# ---- written pages ----


def blocks(text):
    """(line number, language, path of the `from:` comment before it or None, lines) of each fenced block."""
    source, fence = None, None
    for number, line in enumerate(text.splitlines(), 1):
        if fence is not None:
            if line.startswith("```"):
                yield start, language, source, fence
                source, fence = None, None
            else:
                fence.append(line)
        elif line.startswith("```"):
            start, language, fence = number, line[3:].strip(), []
        elif line.strip():
            match = re.fullmatch(r"<!-- from: (\S+) -->", line.strip())
            source = match.group(1) if match else None


def in_order(wanted, lines, equal):
    """The first of `wanted` that does not come, or None. `...` lines skip; without one between them, lines need not be adjacent."""
    at = 0
    for line in wanted:
        if line.strip() in ("", "..."):
            continue
        while at < len(lines) and not equal(line, lines[at]):
            at += 1
        if at == len(lines):
            return line
        at += 1
    return None


def check_snippet(page, start, source, lines):
    """Parts between `...` lines must be whole in the file: adjacent lines, in order."""
    path = os.path.join(ROOT, source)
    if not os.path.isfile(path):
        yield f"{page}:{start}: {source} does not exist"
        return
    with open(path, encoding="utf-8") as stream:
        text = [line.strip() for line in stream if line.strip()]
    at, part = 0, []
    for line in [*lines, "..."]:
        if line.strip() != "...":
            part += [line.strip()] if line.strip() else []
            continue
        found = next((i for i in range(at, len(text) - len(part) + 1) if text[i : i + len(part)] == part), None)
        if found is None:
            yield f"{page}:{start}: {source} does not have (any more): {part[0]}"
            return
        at, part = found + len(part), []


NUMBER = re.compile(r"(?<![A-Za-z_])\d+(\.\d+)?(e[+-]?\d+)?")


def matches(pattern, line):
    """True if `line` is `pattern` up to blanks, numbers (but exit codes), and what `...` stands for."""
    if pattern.startswith("exit code"):
        return line == pattern
    pattern, line = (NUMBER.sub("0", " ".join(text.split())) for text in (pattern, line))
    return re.fullmatch(".*".join(re.escape(part.strip()) for part in pattern.split("...")), line) is not None


def check_console(page, start, lines, folder, environment):
    if lines and lines[0].strip() == "# not run":
        return
    steps = []
    for line in lines:
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif steps:
            steps[-1][1].append(line)
    for command, wanted in steps:
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False,
        )
        if done.returncode != 0 and not any("error" in line for line in wanted):
            yield f"{page}:{start}: `{command}` ends with {done.returncode}: {(done.stdout.splitlines() or [''])[-1]}"
        missing = in_order(wanted, done.stdout.splitlines(), matches)
        if missing is not None:
            yield f"{page}:{start}: `{command}` does not print: {missing.strip()}"


def check_links(page, text):
    here = os.path.dirname(os.path.join(ROOT, page))
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target and not os.path.exists(os.path.join(here, target)):
            yield f"{page}: the link {target} leads nowhere"
    for path in re.findall(r"`((?:%s)/[\w./*-]*)`" % "|".join(map(re.escape, TOP)), text):
        if not glob.glob(os.path.join(ROOT, path)):
            yield f"{page}: there is no {path}"


def check_pages():
    names = sorted(glob.glob(os.path.join(ROOT, "docs", "*.md"))) + [os.path.join(ROOT, "README.md")]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("docs", "test", "runtime"):
            os.symlink(os.path.join(ROOT, name), os.path.join(folder, name))
        search = [os.path.join(BUILD, "bin"), os.path.join(BUILD, "venv", "bin"), os.environ["PATH"]]
        environment = {**os.environ, "PATH": os.pathsep.join(search), "XDG_CACHE_HOME": os.path.join(folder, ".cache")}
        for example in ("mlp", "decode"):
            subprocess.run(["python", f"docs/examples/{example}.py"], cwd=folder, env=environment, check=True)
        for name in names:
            page = os.path.relpath(name, ROOT)
            if not os.path.exists(name):
                yield f"{page} does not exist"
                continue
            with open(name, encoding="utf-8") as stream:
                text = stream.read()
            yield from check_links(page, text)
            if os.path.basename(page) in gen_docs.PAGES:
                continue
            for start, language, source, lines in blocks(text):
                if source:
                    yield from check_snippet(page, start, source, lines)
                elif language == "console":
                    yield from check_console(page, start, lines, folder, environment)


def main():
    made, kept = os.path.join(BUILD, "docs"), os.path.join(ROOT, "docs")
    build = subprocess.run(["ninja", "-C", BUILD, "aicc-docs"], capture_output=True, text=True, check=False)
    if build.returncode != 0:
        print(build.stdout[-4000:])
        return 1
    gen_docs.write(made)
    if "--update" in sys.argv[1:]:
        update(made, kept)
        return 0
    problems = [*stale(made, kept), *check_pages()]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
