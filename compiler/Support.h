// What the driver and the cache ask of the operating system.

#ifndef AICC_COMPILER_SUPPORT_H
#define AICC_COMPILER_SUPPORT_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include <chrono>
#include <string>

namespace aicc {

class Stopwatch {
public:
  void restart() { begin = std::chrono::steady_clock::now(); }
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

private:
  std::chrono::steady_clock::time_point begin = std::chrono::steady_clock::now();
};

/// A hash of a file's content, read piece by piece so that it never fills memory; `see` gets every piece,
/// with up to `overlap` bytes of the one before in front. Empty if the file can't be read.
std::string hashFile(const std::string &path, llvm::function_ref<void(llvm::StringRef)> see = nullptr,
                     size_t overlap = 0);
/// A hash as 32 hexadecimal digits.
std::string hashText(llvm::StringRef text);
/// Processors that this process may use.
unsigned getAvailableThreads();
/// Replaces the file. Returns an error in one line, or nothing.
std::string writeTextFile(const std::string &path, const std::string &text);
/// A file to delete if the process is interrupted or crashes; empty: none.
void setTemporaryFile(const std::string &path);
/// The phase that is named if the process dies; a static or long-lived string, or null.
void setCurrentPhase(const char *name);

} // namespace aicc

#endif
