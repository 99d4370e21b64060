//===- Modules.cpp - modules and launches of the stand-in -------------------------------------===//
//
// A module is PTX or an ELF object that names kernels which the stand-in knows; nothing else of it is looked
// at.
//
//===--------------------------------------------------------------------------------------===//
#include "test/targets/gpu/stand_in/Calls.h"

#include <cstdio>
#include <cstring>
#include <elf.h>

using namespace stand_in;

/// The bytes of an ELF object, whose size its header says: the sections' table comes last.
static std::string bytesOf(const void *image) {
  Elf64_Ehdr header;
  std::memcpy(&header, image, sizeof(header));
  return std::string(static_cast<const char *>(image), header.e_shoff + header.e_shnum * header.e_shentsize);
}

static int load(void **module, const void *image, std::string &log) {
  if (int code = begin(__func__))
    return code;
  const auto *text = static_cast<const char *>(image);
  std::string bytes;
  const bool isElf = std::memcmp(text,
                                 "\x7f"
                                 "ELF",
                                 4) == 0;
  if (isElf) {
    bytes = bytesOf(image);
  } else if (NAME(true, false) && std::strstr(text, ".version") && std::strstr(text, ".target")) {
    bytes = text;
  } else {
    log = "ptxas fatal: no .version\n  and a second line";
    return NAME(InvalidSource, InvalidImage);
  }
  auto made = std::make_unique<Module>();
  // Symbols end with a zero byte and begin behind one; sections of machine code are named after their kernel.
  for (const char *name : kKernels) {
    const std::string zero(1, '\0'), symbol = zero + name + zero;
    const std::string entry =
        isElf ? std::string(".text.") + name + zero : ".entry " + std::string(name) + "(";
    if (bytes.find(entry) != std::string::npos || (isElf && bytes.find(symbol) != std::string::npos))
      made->kernels.insert(name);
  }
  *module = made.release();
  addHandle(*module, "module");
  return Ok;
}

#ifdef STAND_IN_CUDA
CALL cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options, void **values) {
  std::string log;
  int code = load(module, image, log);
  char *buffer = nullptr;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == 5)
      buffer = static_cast<char *>(values[i]);
    else if (options[i] == 6 && buffer)
      std::snprintf(buffer, reinterpret_cast<size_t>(values[i]), "%s", log.c_str());
    else
      return misuse(InvalidValue, "option %d of a module", options[i]);
  }
  return code;
}
CALL cuFuncSetAttribute(Function *function, int attribute, int value) {
  if (!isHandle(function->module, "module"))
    return misuse(InvalidHandle, "a kernel of a module that is gone");
  if (attribute != 8 || value < 0 || static_cast<uint64_t>(value) > kShared)
    return misuse(InvalidValue, "attribute %d of a kernel", attribute);
  function->dynamicShared = static_cast<unsigned>(value);
  return Ok;
}
#else
CALL hipModuleLoadData(void **module, const void *image) {
  std::string log;
  return load(module, image, log);
}
#endif

CALL NAME(cuModuleUnload, hipModuleUnload)(Module *module) {
  if (!removeHandle(module, "module"))
    return InvalidHandle;
  delete module;
  return Ok;
}
CALL NAME(cuModuleGetFunction, hipModuleGetFunction)(void **function, Module *module, const char *name) {
  if (!isHandle(module, "module"))
    return misuse(InvalidHandle, "a kernel of a module that is gone");
  if (!module->kernels.count(name))
    return NotFound;
  // Functions live as long as the process, as the vendors' do as long as their module.
  static std::mutex mutex;
  static auto *functions = new std::vector<std::unique_ptr<Function>>;
  std::lock_guard<std::mutex> lock(mutex);
  functions->push_back(std::make_unique<Function>(Function{module, name}));
  *function = functions->back().get();
  return Ok;
}
CALL NAME(cuFuncGetAttribute, hipFuncGetAttribute)(int *value, int attribute, Function *function) {
  *value = attribute == 0 ? int(kThreads) : function->name == "reverse" ? 256 : 0;
  return attribute == 0 || attribute == 1 ? Ok : misuse(InvalidValue, "attribute %d of a kernel", attribute);
}
CALL NAME(cuLaunchKernel, hipModuleLaunchKernel)(Function *function, unsigned gridX, unsigned gridY,
                                                 unsigned gridZ, unsigned blockX, unsigned blockY,
                                                 unsigned blockZ, unsigned shared, Stream *stream,
                                                 void **arguments, void **extra) {
  if (int code = begin(__func__))
    return code;
  if (!isHandle(stream, "stream") || !isHandle(function->module, "module"))
    return misuse(InvalidHandle, "a launch without a stream or a module");
  if (!gridX || gridY != 1 || gridZ != 1 || !blockX || blockX > kThreads || blockY != 1 || blockZ != 1 ||
      extra)
    return misuse(InvalidValue, "a launch of %u workgroups of %u threads", gridX, blockX);
  if (shared > kSharedWithoutAsking && shared > function->dynamicShared)
    return misuse(InvalidValue, "a launch with %u bytes of workgroup memory that nobody asked for", shared);
  unsigned bufferCount = 0, paramCount = 0;
  bool takesScratch = false;
  describeKernel(function->name, bufferCount, paramCount, takesScratch);
  std::vector<void *> buffers;
  std::vector<int64_t> params;
  void *scratch = nullptr;
  for (unsigned i = 0; i < bufferCount; ++i)
    buffers.push_back(*static_cast<void **>(*arguments++));
  for (unsigned i = 0; i < paramCount; ++i)
    params.push_back(*static_cast<int64_t *>(*arguments++));
  if (takesScratch)
    scratch = *static_cast<void **>(*arguments);
  return enqueue(stream, {'k', [=, name = function->name, module = function->module] {
                            if (!isHandle(module, "module"))
                              return misuse(LaunchFailed, "a kernel runs whose module is gone");
                            return runKernel(name, gridX, buffers, params, scratch);
                          }});
}
