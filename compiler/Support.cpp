// See Support.h and aicc/CrashHandler.h.

#include "compiler/Support.h"
#include "aicc/Compiler.h"
#include "aicc/CrashHandler.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Threading.h"
#include "llvm/Support/xxhash.h"
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace aicc {

unsigned getAvailableThreads() { return std::max(1u, llvm::hardware_concurrency().compute_thread_count()); }

std::string hashText(llvm::StringRef text) {
  llvm::XXH128_hash_t hash = llvm::xxh3_128bits(llvm::arrayRefFromStringRef(text));
  return llvm::utohexstr(hash.high64, /*LowerCase=*/true, 16) +
         llvm::utohexstr(hash.low64, /*LowerCase=*/true, 16);
}

std::string hashFile(const std::string &path, llvm::function_ref<void(llvm::StringRef)> see, size_t overlap) {
  constexpr size_t kPiece = 4 << 20;
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return "";
  // The hash of the pieces' hashes.
  std::vector<char> buffer(overlap + kPiece);
  std::string hashes;
  size_t carried = 0;
  for (;;) {
    size_t filled = 0;
    while (filled < kPiece) {
      ssize_t count = read(fd, buffer.data() + carried + filled, kPiece - filled);
      if (count < 0 && errno == EINTR)
        continue;
      if (count < 0) {
        close(fd);
        return "";
      }
      if (count == 0)
        break;
      filled += static_cast<size_t>(count);
    }
    hashes += hashText(llvm::StringRef(buffer.data() + carried, filled));
    if (see)
      see(llvm::StringRef(buffer.data(), carried + filled));
    if (filled < kPiece)
      break;
    size_t keep = std::min(overlap, carried + filled);
    std::memmove(buffer.data(), buffer.data() + carried + filled - keep, keep);
    carried = keep;
  }
  close(fd);
  return hashText(hashes);
}

std::string writeTextFile(const std::string &path, const std::string &text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  return file ? "" : "cannot write '" + path + "': " + std::strerror(errno);
}

uint64_t getPeakMemory() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line))
    if (line.rfind("VmHWM:", 0) == 0)
      return std::strtoull(line.c_str() + 6, nullptr, 10) * 1024;
  return 0;
}

std::string getBuildId() {
  // The library's own file stands for its contents: every build writes it anew.
  static const std::string id = [] {
    std::string text = "0.1.0";
    Dl_info info;
    struct stat status;
    if (dladdr(reinterpret_cast<void *>(&getBuildId), &info) && info.dli_fname &&
        stat(info.dli_fname, &status) == 0) {
      char build[64];
      std::snprintf(
          build, sizeof(build), " build %llx-%llx", static_cast<unsigned long long>(status.st_mtim.tv_sec),
          static_cast<unsigned long long>(status.st_mtim.tv_nsec ^ (uint64_t(status.st_size) << 20)));
      text += build;
    }
    return text;
  }();
  return id;
}

//===--- crashes
//-------------------------------------------------------------------------------------------------------===//

static std::atomic<const char *> currentPhase{nullptr};

// A signal handler may read these at any moment: the flag is set only while the path is whole.
static char temporaryFile[4096];
static std::atomic<bool> hasTemporaryFile{false};

void setTemporaryFile(const std::string &path) {
  hasTemporaryFile = false;
  if (path.empty() || path.size() >= sizeof(temporaryFile))
    return;
  std::memcpy(temporaryFile, path.c_str(), path.size() + 1);
  hasTemporaryFile = true;
}

static void removeTemporaryFile() {
  if (hasTemporaryFile)
    unlink(temporaryFile);
}

void setCurrentPhase(const char *name) { currentPhase = name; }

/// Only what a signal handler may do.
[[noreturn]] static void die(const char *what) {
  removeTemporaryFile();
  const char *phase = currentPhase;
  const char *parts[] = {"error: aicc ",
                         what,
                         phase ? " in the phase '" : "",
                         phase ? phase : "",
                         phase ? "'" : "",
                         "; this is a bug of aicc, please report it with the model\n"};
  for (const char *part : parts)
    (void)!write(STDERR_FILENO, part, std::strlen(part));
  _exit(3);
}

static void onSignal(int number) {
  die(number == SIGABRT  ? "gave up"
      : number == SIGBUS ? "lost a file that it reads (changed or truncated meanwhile?)"
                         : "crashed");
}

static void onFatalError(void *, const char *reason, bool) {
  (void)!write(STDERR_FILENO, "error: ", 7);
  for (const char *c = reason; *c; ++c)
    (void)!write(STDERR_FILENO, *c == '\n' ? " " : c, 1);
  (void)!write(STDERR_FILENO, "\n", 1);
  die("gave up");
}

/// The default action, after cleaning up.
static void onInterrupt(int number) {
  removeTemporaryFile();
  signal(number, SIG_DFL);
  raise(number);
}

void installCrashHandler() {
  // A stack of its own: an overflow leaves none.
  static char stack[64 << 10];
  stack_t alternative = {};
  alternative.ss_sp = stack;
  alternative.ss_size = sizeof(stack);
  sigaltstack(&alternative, nullptr);
  struct sigaction action = {};
  action.sa_handler = onSignal;
  action.sa_flags = SA_ONSTACK | SA_RESETHAND;
  for (int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT})
    sigaction(number, &action, nullptr);
  for (int number : {SIGINT, SIGTERM, SIGHUP})
    if (signal(number, onInterrupt) == SIG_IGN)
      signal(number, SIG_IGN); // as under nohup
  llvm::install_fatal_error_handler(onFatalError);
  llvm::install_bad_alloc_error_handler(onFatalError);
}

} // namespace aicc
