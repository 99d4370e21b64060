// The compile cache: modules by the content of what they were made from. In $XDG_CACHE_HOME/aicc or
// ~/.cache/aicc, mode 0700.

#ifndef AICC_CACHE_H
#define AICC_CACHE_H

#include "aicc/Compiler.h"
#include <functional>
#include <string>

namespace aicc {

struct CachedModule {
  std::string path;
  bool isHit = false;
  /// There is no cache (its folder can't be made): the caller deletes the file.
  bool isTemporary = false;
};

/// The module of `options.input` with these options: from the cache, or made by `compileNow` (which gets
/// `options.output` set, and throws or succeeds). The key is the content of the model and its external data,
/// the options, the build and the targets' descriptions. Hashes of contents are remembered by path, size,
/// modification time and inode. Keeps the folder below `maxBytes`: least recently used modules go first. Any
/// number of processes may use one folder.
CachedModule compileCached(CompileOptions options,
                           const std::function<void(const CompileOptions &)> &compileNow,
                           uint64_t maxBytes = 10ull << 30);

/// A file name in the system's folder for temporary files that nobody else has.
std::string makeTemporaryModulePath();

} // namespace aicc

#endif
