"""How long libaicc takes to load a module: `load_time.py LIBAICC.so MODULE.aicc [TIMES]` prints {"median_ms": ...}.

Through the C ABI, in a process that does nothing else; the first load warms the page cache and is not counted.
"""
import ctypes
import json
import statistics
import sys
import time


def main():
    library = ctypes.CDLL(sys.argv[1])
    path, times = sys.argv[2].encode(), int(sys.argv[3]) if len(sys.argv) > 3 else 9
    for name in ("aicc_instance_create", "aicc_instance_find_device", "aicc_module_load_file"):
        getattr(library, name).restype = ctypes.c_void_p
    library.aicc_status_get_message.restype = ctypes.c_char_p

    def call(name, *given):
        status = getattr(library, name)(*given)
        if status:
            sys.exit(f"error: {name}: {library.aicc_status_get_message(ctypes.c_void_p(status)).decode()}")

    instance, device, samples = ctypes.c_void_p(), ctypes.c_void_p(), []
    call("aicc_instance_create", None, ctypes.byref(instance))
    call("aicc_instance_find_device", instance, None, ctypes.byref(device))
    for _ in range(times + 1):
        module, begin = ctypes.c_void_p(), time.perf_counter()
        call("aicc_module_load_file", instance, device, path, None, ctypes.byref(module))
        samples.append((time.perf_counter() - begin) * 1e3)
        library.aicc_module_destroy(module)
    print(json.dumps({"median_ms": statistics.median(samples[1:]), "first_ms": samples[0]}))


if __name__ == "__main__":
    main()
