"""A minimal OpenCL host for tests, by ctypes: runs SPIR-V kernels on the CPU device of PyPI's intel-opencl-rt (or on any other
that OCL_ICD_FILENAMES or the system's loader knows)."""

import ctypes
import os
import sys
from ctypes import byref, c_char_p, c_int, c_size_t, c_uint, c_void_p

import numpy as np


def load_library():
    """The loader and driver in this Python's environment if they are there, else the system's loader; None without any."""
    folder = os.path.join(sys.prefix, "lib")
    driver = os.path.join(folder, "libintelocl.so")
    if os.path.exists(driver):
        os.environ.setdefault("OCL_ICD_FILENAMES", driver)
        # The loader and the driver find their helpers only if these are there already.
        for name in ("libintlc.so.5", "libirng.so", "libimf.so", "libsvml.so"):
            helper = os.path.join(folder, name)
            if os.path.exists(helper):
                ctypes.CDLL(helper, ctypes.RTLD_GLOBAL)
    for name in (os.path.join(folder, "libOpenCL.so.1"), "libOpenCL.so.1"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            pass
    return None


class Error(Exception):
    pass


class Device:
    def __init__(self):
        cl = self.cl = load_library()
        if cl is None:
            raise Error("no OpenCL loader")
        for name in ("clCreateContext", "clCreateCommandQueueWithProperties", "clCreateProgramWithIL", "clCreateKernel",
                     "clSVMAlloc"):
            getattr(cl, name).restype = c_void_p
        platforms = (c_void_p * 8)()
        count = c_uint()
        if cl.clGetPlatformIDs(8, platforms, byref(count)) != 0 or count.value == 0:
            raise Error("no OpenCL platform")
        self.device = c_void_p()
        for platform in platforms[: count.value]:
            if cl.clGetDeviceIDs(c_void_p(platform), 1 << 1, 1, byref(self.device), None) == 0:  # a CPU
                break
        else:
            raise Error("no OpenCL device")
        status = c_int()
        self.context = c_void_p(cl.clCreateContext(None, 1, byref(self.device), None, None, byref(status)))
        self.check("clCreateContext", status.value)
        self.queue = c_void_p(cl.clCreateCommandQueueWithProperties(self.context, self.device, None, byref(status)))
        self.check("clCreateCommandQueueWithProperties", status.value)

    def check(self, what, status):
        if status != 0:
            raise Error(f"{what}: {status}")

    def info(self, what):
        size = c_size_t()
        self.cl.clGetDeviceInfo(self.device, what, 0, None, byref(size))
        text = ctypes.create_string_buffer(size.value)
        self.cl.clGetDeviceInfo(self.device, what, size, text, None)
        return text.value.decode()

    def build(self, spirv, options=""):
        status = c_int()
        program = c_void_p(self.cl.clCreateProgramWithIL(self.context, spirv, c_size_t(len(spirv)), byref(status)))
        self.check("clCreateProgramWithIL", status.value)
        failed = self.cl.clBuildProgram(program, 1, byref(self.device), options.encode(), None, None)
        if failed:
            log = ctypes.create_string_buffer(1 << 16)
            self.cl.clGetProgramBuildInfo(program, self.device, 0x1183, c_size_t(len(log)), log, None)
            raise Error(f"clBuildProgram: {failed}\n{log.value.decode(errors='replace')}")
        return program

    def run(self, program, name, arguments, groups, threads):
        """Arrays are copied to shared memory and back; integers are passed as 64 bits."""
        cl, status = self.cl, c_int()
        kernel = c_void_p(cl.clCreateKernel(program, c_char_p(name.encode()), byref(status)))
        self.check(f"clCreateKernel {name}", status.value)
        buffers = []
        for i, argument in enumerate(arguments):
            if isinstance(argument, np.ndarray):
                size = max(argument.nbytes, 64)
                memory = cl.clSVMAlloc(self.context, 1 << 0, c_size_t(size), 64)
                ctypes.memmove(memory, argument.ctypes.data, argument.nbytes)
                buffers.append((argument, memory))
                self.check("clSetKernelArgSVMPointer", cl.clSetKernelArgSVMPointer(kernel, i, c_void_p(memory)))
            else:
                value = ctypes.c_int64(argument)
                self.check("clSetKernelArg", cl.clSetKernelArg(kernel, i, c_size_t(8), byref(value)))
        total, local = c_size_t(groups * threads), c_size_t(threads)
        self.check(f"clEnqueueNDRangeKernel {name}",
                   cl.clEnqueueNDRangeKernel(self.queue, kernel, 1, None, byref(total), byref(local), 0, None, None))
        self.check(f"clFinish {name}", cl.clFinish(self.queue))
        for argument, memory in buffers:
            ctypes.memmove(argument.ctypes.data, memory, argument.nbytes)
            cl.clSVMFree(self.context, c_void_p(memory))
        cl.clReleaseKernel(kernel)
