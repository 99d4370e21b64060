// The linker in process: memory files for its inputs, a pipe for its output, and a lock around its global
// state.

#include "targets/kernel/LinkElf.h"
#include "lld/Common/Driver.h"
#include "llvm/Support/raw_ostream.h"
#include <fcntl.h>
#include <mutex>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

using namespace llvm;

namespace {

/// An anonymous file in memory that can be opened by a path for as long as this lives.
class MemoryFile {
public:
  explicit MemoryFile(const char *name) : descriptor(memfd_create(name, MFD_CLOEXEC)) {}
  MemoryFile(MemoryFile &&other) : descriptor(std::exchange(other.descriptor, -1)) {}
  ~MemoryFile() {
    if (descriptor >= 0)
      close(descriptor);
  }
  std::string getPath() const { return "/proc/self/fd/" + std::to_string(descriptor); }
  bool write(StringRef bytes) {
    while (!bytes.empty()) {
      ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
      if (n <= 0)
        return false;
      bytes = bytes.drop_front(n);
    }
    return descriptor >= 0;
  }

private:
  int descriptor;
};

/// A pipe the linker writes to, by a path, and a thread that reads it. (The linker insists on a temporary
/// file beside its output, which a memory file has no folder for, except if the output is not a regular
/// file.)
class OutputPipe {
public:
  OutputPipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
      return;
    writeEnd = ends[1];
    reader = std::thread([this, readEnd = ends[0]] {
      char block[1 << 16];
      for (ssize_t n; (n = read(readEnd, block, sizeof(block))) != 0;) {
        if (n < 0 && errno != EINTR)
          break;
        if (n > 0)
          bytes.insert(bytes.end(), block, block + n);
      }
      close(readEnd);
    });
  }
  ~OutputPipe() { finish(); }
  std::string getPath() const { return "/proc/self/fd/" + std::to_string(writeEnd); }
  /// What was written; once, after the last writer is done.
  std::vector<char> finish() {
    if (reader.joinable()) {
      close(writeEnd);
      reader.join();
    }
    return std::move(bytes);
  }

private:
  int writeEnd = -1;
  std::thread reader;
  std::vector<char> bytes;
};

} // namespace

Expected<std::vector<char>> aicc::kernel::linkElf(ArrayRef<StringRef> objects,
                                                  ArrayRef<const char *> options) {
  std::vector<std::string> arguments = {"ld.lld", "--threads=1"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  std::vector<MemoryFile> files;
  for (StringRef object : objects) {
    MemoryFile &file = files.emplace_back("aicc-object");
    if (!file.write(object))
      return createStringError("cannot hold an object in memory for the linker");
    arguments.push_back(file.getPath());
  }
  OutputPipe image;
  arguments.insert(arguments.end(), {"-o", image.getPath()});

  // The linker's state is global: one at a time.
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  static bool usable = true;
  if (!usable)
    return createStringError("the linker cannot be used again after it failed");
  std::vector<const char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(argument.c_str());
  std::string output;
  raw_string_ostream stream(output);
  const lld::DriverDef drivers[] = {{lld::Gnu, &lld::elf::link}};
  lld::Result result = lld::lldMain(argv, stream, stream, drivers);
  usable = result.canRunAgain;
  if (result.retCode)
    return createStringError("the linker failed: %s", output.c_str());
  std::vector<char> bytes = image.finish();
  if (bytes.empty())
    return createStringError("the linker wrote nothing");
  return bytes;
}
