"""The extension's stub (runtime/python/aicc/_aicc.pyi) names what the extension has, no more and no less. Last line: "N passed, M failed"."""
import ast
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("AICC_BUILD_DIR", os.path.join(ROOT, "build"))
sys.path.insert(0, os.path.join(BUILD, "python"))

import aicc  # noqa: E402


def names_in_stub(body):
    names = set()
    for each in body:
        if isinstance(each, ast.FunctionDef):
            names.add(each.name)
        elif isinstance(each, ast.ClassDef):
            names |= {each.name, *(f"{each.name}.{name}" for name in names_in_stub(each.body))}
    return names


def names_in_extension():
    names = set()
    for name, value in vars(aicc._aicc).items():
        if name.startswith("_"):
            continue
        names.add(name)
        if isinstance(value, type):
            own = {each for each in vars(value) if not each.startswith("_")}
            if not issubclass(value, Exception) and name != "Tensor":
                own.add("__init__")
            names |= {f"{name}.{each}" for each in own}
    return names


def main():
    with open(os.path.join(ROOT, "runtime", "python", "aicc", "_aicc.pyi"), encoding="utf-8") as stream:
        stub = names_in_stub(ast.parse(stream.read()).body)
    wrong = 0
    for name in sorted(stub ^ names_in_extension()):
        print(f"{name} is only in the {'stub' if name in stub else 'extension'}")
        wrong += 1
    print(f"{int(not wrong)} passed, {wrong} failed")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
