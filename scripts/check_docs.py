#!/usr/bin/env python3
"""The generated pages of docs/ (dialects and passes, from their .td files) are those that the sources generate.

The build writes them to build/docs (target aicc-docs). Without an option: compares, and exits with 1 if docs/ is stale.
--update: copies them to docs/.
"""

import filecmp
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("AICC_BUILD_DIR", os.path.join(ROOT, "build"))
FOLDERS = ("dialects", "passes")


def pages(top):
    """The pages below `top`/dialects and `top`/passes, as paths below `top`."""
    found = set()
    for folder in FOLDERS:
        for directory, _, names in os.walk(os.path.join(top, folder)):
            found |= {os.path.relpath(os.path.join(directory, name), top) for name in names if name.endswith(".md")}
    return found


def main():
    made, kept = os.path.join(BUILD, "docs"), os.path.join(ROOT, "docs")
    build = subprocess.run(["ninja", "-C", BUILD, "aicc-docs"], capture_output=True, text=True, check=False)
    if build.returncode != 0:
        print(build.stdout[-4000:])
        return 1
    if "--update" in sys.argv[1:]:
        for page in pages(kept) - pages(made):
            os.remove(os.path.join(kept, page))
        for page in pages(made):
            os.makedirs(os.path.dirname(os.path.join(kept, page)), exist_ok=True)
            shutil.copyfile(os.path.join(made, page), os.path.join(kept, page))
        return 0
    stale = [
        page
        for page in sorted(pages(made) | pages(kept))
        if not all(os.path.exists(os.path.join(top, page)) for top in (made, kept))
        or not filecmp.cmp(os.path.join(made, page), os.path.join(kept, page), shallow=False)
    ]
    for page in stale:
        print(f"docs/{page} is not what the sources generate: run make docs")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
