// See aicc/Cache.h. The folder holds <key>.aicc modules, `hashes` (one line a file whose content was hashed)
// and `lock`.

#include "aicc/Cache.h"
#include "aicc/InitAll.h"
#include "aicc/Target.h"
#include "compiler/Support.h"
#include "compiler/TargetPlugins.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <cstdlib>
#include <fcntl.h>
#include <map>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

using llvm::StringRef;

namespace aicc {
namespace {

/// What is known of one file's content.
struct FileContent {
  std::string hash;
  /// Paths in the model that name external data, relative to its folder.
  std::vector<std::string> externals;
};

/// flock on the cache's lock file while it lives.
class FolderLock {
public:
  explicit FolderLock(const std::string &folder)
      : fd(open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd >= 0)
      while (flock(fd, LOCK_EX) != 0 && errno == EINTR) {
      }
  }
  ~FolderLock() {
    if (fd >= 0)
      close(fd);
  }
  FolderLock(const FolderLock &) = delete;
  FolderLock &operator=(const FolderLock &) = delete;

private:
  int fd;
};

/// "path<tab>size<tab>mtime<tab>inode": what must be unchanged for a remembered hash to hold. Empty if there
/// is no such file.
std::string getStamp(const std::string &path) {
  struct stat status;
  char *real = realpath(path.c_str(), nullptr);
  if (!real || stat(real, &status) != 0) {
    std::free(real);
    return "";
  }
  std::string stamp = real;
  std::free(real);
  if (StringRef(stamp).find_first_of("\t\n") != StringRef::npos)
    return "";
  return stamp + "\t" + std::to_string(status.st_size) + "\t" + std::to_string(status.st_mtim.tv_sec) + "." +
         std::to_string(status.st_mtim.tv_nsec) + "\t" + std::to_string(status.st_dev) + ":" +
         std::to_string(status.st_ino);
}

/// Longest path of external data that is found.
constexpr size_t kMaxPath = 4096;

/// External data of an ONNX model: every StringStringEntryProto {key: "location", value: path} in its bytes.
/// Finding too many does no harm.
void findExternals(StringRef bytes, std::vector<std::string> &found) {
  constexpr StringRef key("\x0a\x08location\x12", 11);
  for (size_t at = bytes.find(key); at != StringRef::npos; at = bytes.find(key, at + 1)) {
    size_t begin = at + key.size();
    uint64_t length = 0;
    for (unsigned shift = 0; begin < bytes.size() && shift < 28; shift += 7) {
      uint8_t byte = bytes[begin++];
      length |= uint64_t(byte & 127) << shift;
      if (!(byte & 128))
        break;
    }
    std::string path = bytes.substr(begin, length).str();
    if (length && length < kMaxPath && path.size() == length &&
        StringRef(path).find_first_of(StringRef("\t\n\0", 3)) == StringRef::npos &&
        !llvm::is_contained(found, path))
      found.push_back(path);
  }
}

/// Hashes of contents, remembered in the folder.
class ContentTable {
public:
  explicit ContentTable(const std::string &folder) : path(folder + "/hashes") {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    if (!buffer)
      return;
    llvm::SmallVector<StringRef> lines;
    (*buffer)->getBuffer().split(lines, '\n', -1, /*KeepEmpty=*/false);
    for (StringRef line : lines) {
      llvm::SmallVector<StringRef> fields;
      line.split(fields, '\t');
      if (fields.size() < 5)
        continue;
      FileContent content;
      content.hash = fields[4].str();
      for (StringRef external : llvm::ArrayRef(fields).drop_front(5))
        content.externals.push_back(external.str());
      known[(fields[0] + "\t" + fields[1] + "\t" + fields[2] + "\t" + fields[3]).str()] = std::move(content);
    }
  }

  /// Null if the file can't be read.
  const FileContent *get(const std::string &file, bool isModel) {
    std::string stamp = getStamp(file);
    auto found = known.find(stamp);
    if (!stamp.empty() && found != known.end())
      return &found->second;
    FileContent content;
    auto see = [&](StringRef piece) {
      if (isModel)
        findExternals(piece, content.externals);
    };
    content.hash = hashFile(file, see, kMaxPath + 64);
    if (content.hash.empty())
      return nullptr;
    changed |= !stamp.empty();
    return &(known[stamp] = std::move(content));
  }

  void save() {
    if (!changed)
      return;
    constexpr size_t kMaxEntries = 4096;
    while (known.size() > kMaxEntries)
      known.erase(known.begin());
    std::string temporary = path + "." + std::to_string(getpid());
    std::error_code error;
    {
      llvm::raw_fd_ostream os(temporary, error);
      for (auto &[stamp, content] : known) {
        if (stamp.empty())
          continue;
        os << stamp << '\t' << content.hash;
        for (const std::string &external : content.externals)
          os << '\t' << external;
        os << '\n';
      }
      os.close();
      if (os.has_error()) {
        os.clear_error();
        error = std::make_error_code(std::errc::io_error);
      }
    }
    if (error || rename(temporary.c_str(), path.c_str()) != 0)
      unlink(temporary.c_str());
  }

private:
  std::string path;
  std::map<std::string, FileContent> known;
  bool changed = false;
};

/// The cache's folder, made if need be; empty if there can't be one.
std::string getFolder() {
  const char *cache = std::getenv("XDG_CACHE_HOME"), *home = std::getenv("HOME");
  std::string base = cache && *cache == '/' ? cache : home && *home ? std::string(home) + "/.cache" : "";
  if (base.empty() || llvm::sys::fs::create_directories(base))
    return "";
  std::string folder = base + "/aicc";
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return "";
  // Somebody else's folder, or one that others may write to, is not ours to trust.
  struct stat status;
  if (stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != geteuid())
    return "";
  if ((status.st_mode & 077) && chmod(folder.c_str(), 0700) != 0)
    return "";
  return access(folder.c_str(), W_OK) == 0 ? folder : "";
}

/// Everything a module depends on, as text; empty if a file can't be read (compiling will say which).
std::string getKey(const CompileOptions &options, const std::string &folder) {
  ContentTable contents(folder);
  const FileContent *model = contents.get(options.input, /*isModel=*/true);
  if (!model)
    return "";
  std::string text =
      "model " + model->hash + "\n" + "extension " + llvm::sys::path::extension(options.input).str() + "\n";
  StringRef parent = llvm::sys::path::parent_path(options.input);
  for (const std::string &external : std::vector<std::string>(model->externals)) {
    llvm::SmallString<256> path(parent);
    llvm::sys::path::append(path, external);
    const FileContent *content = contents.get(std::string(path), /*isModel=*/false);
    text += "external " + external + " " + (content ? content->hash : "missing") + "\n";
  }
  // Weights of textual IR are named by paths that this does not follow: their files' stamps are the model's
  // author's business.
  text += "build " + getBuildId() + "\n";
  for (const DimBounds &dim : options.dims)
    text += "dim " + dim.name + " " + std::to_string(dim.min) + " " + std::to_string(dim.max) + "\n";
  registerAllTargets();
  auto instances = createInstances(options.targets);
  if (!instances) {
    llvm::consumeError(instances.takeError());
    return "";
  }
  for (auto &instance : *instances)
    text += "instance " + instance->describe() + "\n";
  text += getTargetPluginStamps();
  contents.save();
  return text;
}

/// Deletes the least recently used modules until the rest fits, but never `keep`.
void evict(const std::string &folder, const std::string &keep, uint64_t maxBytes) {
  struct Entry {
    std::string path;
    uint64_t size;
    llvm::sys::TimePoint<> used;
  };
  std::vector<Entry> entries;
  uint64_t total = 0;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(folder, error), end; it != end && !error; it.increment(error)) {
    llvm::ErrorOr<llvm::sys::fs::basic_file_status> status = it->status();
    if (!status || status->type() != llvm::sys::fs::file_type::regular_file)
      continue;
    // What a killed process has left behind.
    bool isLeftOver =
        StringRef(it->path()).contains(".tmp.") &&
        std::chrono::system_clock::now() - status->getLastModificationTime() > std::chrono::hours(24);
    if (isLeftOver)
      unlink(it->path().c_str());
    else if (StringRef(it->path()).ends_with(".aicc")) {
      entries.push_back({it->path(), status->getSize(), status->getLastModificationTime()});
      total += status->getSize();
    }
  }
  llvm::sort(entries, [](const Entry &a, const Entry &b) { return a.used < b.used; });
  for (const Entry &entry : entries) {
    if (total <= maxBytes)
      break;
    if (entry.path == keep || unlink(entry.path.c_str()) != 0)
      continue;
    total -= entry.size;
  }
}

} // namespace

std::string makeTemporaryModulePath() {
  llvm::SmallString<256> path;
  if (llvm::sys::fs::createTemporaryFile("aicc", "aicc", path))
    return "/tmp/aicc." + std::to_string(getpid()) + ".aicc";
  return std::string(path);
}

CachedModule compileCached(CompileOptions options,
                           const std::function<void(const CompileOptions &)> &compileNow, uint64_t maxBytes) {
  CachedModule module;
  std::string folder = getFolder(), key;
  if (!folder.empty()) {
    FolderLock lock(folder);
    key = getKey(options, folder);
  }
  if (key.empty()) {
    module.path = options.output = makeTemporaryModulePath();
    module.isTemporary = true;
    compileNow(options);
    return module;
  }
  module.path = folder + "/" + hashText(key) + ".aicc";
  // The modification time is the time of last use.
  if (utimensat(AT_FDCWD, module.path.c_str(), nullptr, 0) == 0) {
    module.isHit = true;
    return module;
  }
  options.output = module.path;
  compileNow(options);
  FolderLock lock(folder);
  evict(folder, module.path, maxBytes);
  return module;
}

} // namespace aicc
