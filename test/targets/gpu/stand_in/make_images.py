#!/usr/bin/env python3
"""Writes FOLDER/ptx.img and FOLDER/hsaco.img: device images (runtime/include/aicc/device_image.h) whose code only names the
conformance suite's kernels, which is all that the stand-ins of vendors' libraries look at."""

import os
import struct
import sys

# Name, threads, buffers, params, takes scratch.
KERNELS = [("add", 64, 3, 2, 0), ("scale", 32, 2, 2, 0), ("visit", 32, 1, 0, 0), ("scratch", 32, 1, 1, 1),
           ("reverse", 64, 2, 0, 0), ("store", 32, 1, 3, 0)]


def image(payloads):
    """The container of `payloads`: (format, architecture, bytes)."""
    data = bytearray(24 + 40 * len(KERNELS) + 24 * len(payloads))

    def append(content, alignment=1):
        data.extend(b"\0" * (-len(data) % alignment))
        data.extend(content)
        return len(data) - len(content), len(content)

    at = 24
    for name, threads, buffers, params, scratch in KERNELS:
        struct.pack_into("<10I", data, at, *append(name.encode()), threads, 0, 0, 0, buffers, params, scratch, 0)
        at += 40
    for kind, architecture, code in payloads:
        ranges = append(kind.encode()) + append(architecture.encode()) + append(code, 16)
        struct.pack_into("<6I", data, at, *ranges)
        at += 24
    struct.pack_into("<Q4I", data, 0, 0x31474D4943434941, 24, len(data), len(KERNELS), len(payloads))
    return data


def elf(names):
    """As little of an ELF object as the stand-in reads: where its end is, and the names."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    header = b"\x7fELF\2\1\1" + b"\0" * 9
    header += struct.pack("<HHIQQQIHHHHHH", 3, 224, 1, 0, 0, 64 + len(strings), 0, 64, 0, 0, 64, 0, 0)
    return header + strings


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    names = [kernel[0] for kernel in KERNELS]
    ptx = ".version 7.8\n.target sm_70\n.address_size 64\n" + "".join(f".visible .entry {name}() {{ ret; }}\n" for name in names)
    images = {
        "ptx": [("ptx", "sm_70", ptx.encode())],
        "hsaco": [("hsaco", "gfx90a", elf(names)), ("hsaco", "gfx1100", elf(names))],
    }
    for kind, payloads in images.items():
        with open(os.path.join(folder, kind + ".img"), "wb") as stream:
            stream.write(image(payloads))


if __name__ == "__main__":
    main()
