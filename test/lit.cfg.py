# lit's configuration for every .mlir and .test file under test/, whose folders mirror the tree. Programs of build/bin,
# build/test/bin and LLVM's FileCheck and not are in PATH; %python is the build's Python, with onnx and numpy.
import os

import lit.formats

config.name = "aicc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "models", "fuzz", "bench", "conformance", "lit.cfg.py"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.aicc_obj_root, "test")
config.environment["PATH"] = os.pathsep.join(
    [config.aicc_tools_dir, os.path.join(config.test_exec_root, "bin"), config.llvm_tools_dir, config.environment["PATH"]]
)
# Programs that only tests use.
config.environment["PATH"] += os.pathsep + os.path.join(config.test_exec_root, "bin")
if os.path.exists(os.path.join(os.path.dirname(os.path.dirname(config.python)), "lib", "libintelocl.so")):
    config.available_features.add("opencl-cpu")
# The compile cache and every temporary file stay inside the build.
config.environment["XDG_CACHE_HOME"] = os.path.join(config.test_exec_root, "cache")
config.substitutions.append(("%python", config.python))
config.substitutions.append(("%aicc_src", config.aicc_src_root))
config.substitutions.append(("%aicc_lib", config.aicc_lib_dir))
# Plug-ins for tests: %plugins/good and %plugins/bad.
config.substitutions.append(("%plugins", os.path.join(config.test_exec_root, "plugins")))
# The mock device (test/runtime/MockPlugin.cpp), for AICC_PLUGIN_PATH.
config.substitutions.append(("%mock_plugins", os.path.join(config.test_exec_root, "lib", "aicc")))
