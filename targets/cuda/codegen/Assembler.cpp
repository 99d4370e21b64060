// The PTX assembler, a program of the vendor's that need not be there: with it a module also holds a binary,
// and a device need not translate the text at load.

#include "targets/cuda/codegen/CudaEnd.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

std::string aicc::cuda::findAssembler() {
  if (ErrorOr<std::string> path = sys::findProgramByName("ptxas"))
    return *path;
  if (ErrorOr<std::string> path = sys::findProgramByName("ptxas", {"/usr/local/cuda/bin"}))
    return *path;
  return {};
}

Expected<std::vector<char>> aicc::cuda::assemble(StringRef assembler, StringRef ptx, StringRef architecture,
                                                 unsigned threads, std::string &messages) {
  SmallString<128> paths[3]; // text, binary, messages
  auto remove = make_scope_exit([&] {
    for (const SmallString<128> &path : paths)
      if (!path.empty())
        sys::fs::remove(path);
  });
  const char *suffixes[3] = {"ptx", "cubin", "txt"};
  for (int i = 0; i < 3; ++i)
    if (std::error_code error = sys::fs::createTemporaryFile("aicc", suffixes[i], paths[i]))
      return createStringError(error, "cannot make a temporary file for the PTX assembler");
  {
    std::error_code error;
    raw_fd_ostream stream(paths[0], error);
    stream << ptx;
    stream.close();
    if (error || stream.has_error()) {
      stream.clear_error();
      return createStringError("cannot write a temporary file for the PTX assembler");
    }
  }
  std::string arch = ("-arch=" + architecture).str(), split = "--split-compile=" + std::to_string(threads);
  std::optional<StringRef> redirects[3] = {StringRef(), StringRef(paths[2]), StringRef(paths[2])};
  auto run = [&](bool parallel) {
    SmallVector<StringRef> arguments = {assembler, arch, "-O3", "-v", paths[0], "-o", paths[1]};
    if (parallel)
      arguments.push_back(split);
    return sys::ExecuteAndWait(assembler, arguments, std::nullopt, redirects);
  };
  auto read = [&]() -> StringRef {
    ErrorOr<std::unique_ptr<MemoryBuffer>> text = MemoryBuffer::getFile(paths[2]);
    return messages = text ? (*text)->getBuffer().str() : std::string();
  };
  int code = run(threads > 1);
  if (read().contains("split-compile") && code != 0 && threads > 1)
    code = run(false);
  if (code != 0) {
    StringRef text = read();
    // "Value 'sm_70' is not defined for option 'gpu-name'", "Unsupported .version 8.5"
    if (text.contains("is not defined for option") || text.contains("Unsupported .version"))
      return std::vector<char>();
    return createStringError("the PTX assembler rejects the kernels: %s", text.trim().str().c_str());
  }
  ErrorOr<std::unique_ptr<MemoryBuffer>> binary =
      MemoryBuffer::getFile(paths[1], /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!binary)
    return createStringError(binary.getError(), "the PTX assembler wrote nothing");
  return std::vector<char>((*binary)->getBufferStart(), (*binary)->getBufferEnd());
}
