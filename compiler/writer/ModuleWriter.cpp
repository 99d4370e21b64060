//===- ModuleWriter.cpp - streams a module to disk ---------------------------------------===//
//
// The file's side of the writer: segments, deduplication, header, verification and rename. How structs become
// the FlatBuffer is in Serialize.cpp. Apart from the compiler's emitter, because it needs no MLIR and tests
// use it without.
//
//===--------------------------------------------------------------------------------------===//
#include "aicc/ModuleWriter.h"

#include "compiler/writer/Serialize.h"
#include "runtime/module/Verifier.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unordered_map>

using namespace aicc;

namespace {

/// Weights up to this size share segments, so that a thousand scalars don't take a page each.
constexpr uint64_t kSmallConstant = 32 << 10;
/// When the shared segment is this large, the next small weight opens another.
constexpr uint64_t kSmallSegment = 4 << 20;
constexpr size_t kBufferSize = 1 << 20;

struct HashKey {
  size_t operator()(const rt::Hash &hash) const { return static_cast<size_t>(hash.low ^ hash.high); }
};

uint64_t alignTo(uint64_t value, uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }

} // namespace

struct ModuleWriter::Impl {
  std::string path, temporary, error;
  int fd = -1;
  uint64_t fileSize = 0;
  /// End of the last finished segment; multiple of a page once the next one begins.
  uint64_t end = rt::kPageSize;
  std::vector<writer::SegmentRecord> segments;
  std::vector<writer::ConstantRecord> constants;
  std::vector<std::pair<std::string, std::string>> provenance;
  std::vector<Instance> instances;

  // Weights by the hash of their contents: indices into `constants`.
  std::unordered_multimap<rt::Hash, uint32_t, HashKey> constantsByHash;
  // Small weights wait here until their segment is written.
  std::vector<uint8_t> small;
  std::vector<uint32_t> smallConstants;

  // The piecewise weight in the making.
  bool open = false;
  std::string openName;
  uint32_t openAlignment = 64;
  uint64_t openSize = 0;
  rt::Hasher openHasher;
  std::vector<uint8_t> buffer;
  uint64_t flushed = 0;

  void fail(const std::string &what) {
    if (error.empty())
      error = what;
  }
  void failErrno(const std::string &what) { fail(what + ": " + std::strerror(errno)); }

  bool writeAt(const void *data, uint64_t size, uint64_t offset);
  bool readAt(void *data, uint64_t size, uint64_t offset);
  bool equalOnDisk(uint64_t a, uint64_t b, uint64_t size);
  bool flush();
  void flushSmall();
  uint32_t findConstant(const rt::Hash &hash, const void *data, uint64_t size, uint64_t onDisk,
                        uint32_t alignment);
  bool verify();
};

bool ModuleWriter::Impl::writeAt(const void *data, uint64_t size, uint64_t offset) {
  const char *from = static_cast<const char *>(data);
  while (size && error.empty()) {
    ssize_t written = pwrite(fd, from, size, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0) {
      failErrno("cannot write " + path);
      break;
    }
    from += written;
    offset += static_cast<uint64_t>(written);
    size -= static_cast<uint64_t>(written);
  }
  return error.empty();
}

bool ModuleWriter::Impl::readAt(void *data, uint64_t size, uint64_t offset) {
  char *to = static_cast<char *>(data);
  while (size) {
    ssize_t count = pread(fd, to, size, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      failErrno("cannot read back " + path);
      return false;
    }
    to += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<uint64_t>(count);
  }
  return true;
}

bool ModuleWriter::Impl::equalOnDisk(uint64_t a, uint64_t b, uint64_t size) {
  std::vector<uint8_t> left(64 << 10), right(64 << 10);
  for (uint64_t done = 0; done < size;) {
    uint64_t step = std::min<uint64_t>(left.size(), size - done);
    if (!readAt(left.data(), step, a + done) || !readAt(right.data(), step, b + done))
      return false;
    if (std::memcmp(left.data(), right.data(), step) != 0)
      return false;
    done += step;
  }
  return true;
}

/// Writes what the open weight has buffered to its place on disk.
bool ModuleWriter::Impl::flush() {
  if (!buffer.empty() && writeAt(buffer.data(), buffer.size(), end + flushed)) {
    flushed += buffer.size();
    buffer.clear();
  }
  return error.empty();
}

void ModuleWriter::Impl::flushSmall() {
  if (small.empty() || !error.empty())
    return;
  uint64_t offset = alignTo(end, rt::kPageSize);
  if (!writeAt(small.data(), small.size(), offset))
    return;
  for (uint32_t index : smallConstants)
    constants[index].segment = static_cast<uint32_t>(segments.size());
  segments.push_back({offset, small.size(), rt::computeHash(small.data(), small.size()), false});
  end = offset + small.size();
  small.clear();
  smallConstants.clear();
}

/// The constant whose contents are `size` bytes at `data`, or at file offset `onDisk` when `data` is null;
/// UINT32_MAX: none.
uint32_t ModuleWriter::Impl::findConstant(const rt::Hash &hash, const void *data, uint64_t size,
                                          uint64_t onDisk, uint32_t alignment) {
  auto range = constantsByHash.equal_range(hash);
  for (auto it = range.first; it != range.second; ++it) {
    const writer::ConstantRecord &other = constants[it->second];
    if (other.size != size || other.alignment < alignment)
      continue;
    if (other.segment == UINT32_MAX) {
      if (data && std::memcmp(small.data() + other.offset, data, size) == 0)
        return it->second;
      continue;
    }
    uint64_t place = segments[other.segment].offset + other.offset;
    if (!data) {
      if (equalOnDisk(place, onDisk, size))
        return it->second;
      continue;
    }
    std::vector<uint8_t> piece(std::min<uint64_t>(size, 64 << 10));
    bool equal = true;
    for (uint64_t done = 0; equal && done < size;) {
      uint64_t step = std::min<uint64_t>(piece.size(), size - done);
      equal = readAt(piece.data(), step, place + done) &&
              std::memcmp(piece.data(), static_cast<const uint8_t *>(data) + done, step) == 0;
      done += step;
    }
    if (equal)
      return it->second;
  }
  return UINT32_MAX;
}

/// Removes what killed writers of the same output have left in `folder`. A living writer, whatever container
/// it runs in, holds its file's lock.
static void removeLeftOvers(const std::string &folder, const std::string &prefix) {
  DIR *listing = opendir(folder.empty() ? "." : folder.c_str());
  if (!listing)
    return;
  while (dirent *entry = readdir(listing)) {
    std::string name = entry->d_name;
    if (name.compare(0, prefix.size(), prefix) != 0 ||
        name.find_first_not_of("0123456789.", prefix.size()) != std::string::npos)
      continue;
    std::string path = folder + name;
    int fd = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
      continue;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
      unlink(path.c_str());
    close(fd);
  }
  closedir(listing);
}

/// Makes the temporary file under a name that nobody has, and locks it for as long as it is open. Another
/// writer may hold it for left over between the two, then the next name is taken. Returns -1 and errno on
/// failure.
static int createLocked(const std::string &base, std::string &path) {
  path = base;
  for (unsigned attempt = 1;; path = base + "." + std::to_string(attempt++)) {
    int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST && attempt < 100)
      continue;
    if (fd < 0)
      return -1;
    // A file system without locks has no left-overs removed either.
    struct stat status;
    bool isTaken = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!isTaken && (fstat(fd, &status) != 0 || status.st_nlink > 0))
      return fd;
    close(fd);
  }
}

ModuleWriter::ModuleWriter(const std::string &path) : impl(std::make_unique<Impl>()) {
  impl->path = path;
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty()) {
    impl->fail("cannot write " + path + ": it names a folder");
    return;
  }
  struct stat status;
  if (stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) { // a rename would replace the device
    impl->fail("cannot write " + path + ": it is not a regular file");
    return;
  }
  std::string prefix = "." + name + ".tmp.";
  removeLeftOvers(folder, prefix);
  impl->fd = createLocked(folder + prefix + std::to_string(getpid()), impl->temporary);
  if (impl->fd < 0) {
    impl->temporary.clear();
    impl->failErrno("cannot write " + path);
  }
}

ModuleWriter::~ModuleWriter() {
  if (impl->fd >= 0)
    close(impl->fd);
  if (!impl->temporary.empty())
    unlink(impl->temporary.c_str());
}

const std::string &ModuleWriter::temporaryPath() const { return impl->temporary; }
bool ModuleWriter::failed() const { return !impl->error.empty(); }
const std::string &ModuleWriter::error() const { return impl->error; }
uint64_t ModuleWriter::fileSize() const { return impl->fileSize; }

uint32_t ModuleWriter::addConstant(const void *data, uint64_t size, const std::string &name,
                                   uint32_t alignment) {
  beginConstant(name, alignment);
  write(data, size);
  return endConstant();
}

void ModuleWriter::beginConstant(const std::string &name, uint32_t alignment) {
  Impl &w = *impl;
  if (w.open)
    w.fail("constant " + name + " was begun while " + w.openName + " is open");
  if (!rt::isPowerOfTwo(alignment) || alignment > rt::kMaxAlignment)
    w.fail("constant " + name + " has an alignment that is not a power of two up to 4096");
  w.open = true;
  w.openName = name;
  w.openAlignment = alignment;
  w.openSize = w.flushed = 0;
  w.openHasher.reset();
  w.buffer.clear();
}

void ModuleWriter::write(const void *data, uint64_t size) {
  Impl &w = *impl;
  if (failed() || !size)
    return;
  if (!w.open)
    return w.fail("data was written outside of a constant");
  if (w.openSize <= kSmallConstant && w.openSize + size > kSmallConstant) {
    // It outgrows the shared segment: from here on it goes to its own, behind everything that is there.
    w.flushSmall();
    w.end = alignTo(w.end, rt::kPageSize);
  }
  w.openHasher.update(data, size);
  w.openSize += size;
  const uint8_t *from = static_cast<const uint8_t *>(data);
  if (w.openSize <= kSmallConstant || w.buffer.size() + size < kBufferSize) {
    w.buffer.insert(w.buffer.end(), from, from + size);
    return;
  }
  if (w.flush() && w.writeAt(from, size, w.end + w.flushed))
    w.flushed += size;
}

uint32_t ModuleWriter::endConstant() {
  Impl &w = *impl;
  if (!w.open)
    w.fail("a constant was ended that had not been begun");
  w.open = false;
  if (failed())
    return 0;
  rt::Hash hash = w.openHasher.digest();
  bool isSmall = w.openSize <= kSmallConstant;
  if (!isSmall && !w.flush())
    return 0;
  const uint8_t *data = isSmall ? w.buffer.data() : nullptr;
  static const uint8_t nothing = 0;
  if (isSmall && !data)
    data = &nothing;
  uint32_t known = w.findConstant(hash, data, w.openSize, w.end, w.openAlignment);
  if (failed())
    return 0;
  if (known != UINT32_MAX) {
    // Written beyond `end`; the next segment overwrites it, and `finish` cuts the file.
    w.buffer.clear();
    return known;
  }

  uint32_t index = static_cast<uint32_t>(w.constants.size());
  if (isSmall) {
    uint64_t offset = alignTo(w.small.size(), std::max<uint32_t>(w.openAlignment, 64));
    if (offset + w.openSize > kSmallSegment) {
      w.flushSmall();
      offset = 0;
    }
    // A segment of no bytes would not be written; one byte is nobody's loss.
    w.small.resize(offset + std::max<uint64_t>(w.openSize, 1));
    std::memcpy(w.small.data() + offset, data, w.openSize);
    w.constants.push_back({UINT32_MAX, offset, w.openSize, w.openAlignment, w.openName});
    w.smallConstants.push_back(index);
  } else {
    w.constants.push_back(
        {static_cast<uint32_t>(w.segments.size()), 0, w.openSize, w.openAlignment, w.openName});
    w.segments.push_back({w.end, w.openSize, hash, false});
    w.end += w.openSize;
  }
  w.constantsByHash.emplace(hash, index);
  w.buffer.clear();
  return index;
}

uint32_t ModuleWriter::addCode(const void *image, uint64_t size) {
  Impl &w = *impl;
  if (w.open)
    w.fail("code was added while constant " + w.openName + " is open");
  if (failed())
    return 0;
  rt::Hash hash = rt::computeHash(image, size);
  for (uint32_t i = 0; i < w.segments.size(); ++i) {
    if (!w.segments[i].isCode || w.segments[i].size != size || w.segments[i].hash != hash)
      continue;
    std::vector<uint8_t> other(size);
    if (!w.readAt(other.data(), size, w.segments[i].offset))
      return 0;
    if (std::memcmp(other.data(), image, size) == 0)
      return i;
  }
  w.flushSmall();
  w.end = alignTo(w.end, rt::kPageSize);
  if (!w.writeAt(image, size, w.end))
    return 0;
  w.segments.push_back({w.end, size, hash, true});
  w.end += size;
  return static_cast<uint32_t>(w.segments.size() - 1);
}

void ModuleWriter::addProvenance(const std::string &key, const std::string &value) {
  impl->provenance.emplace_back(key, value);
}

void ModuleWriter::addInstance(Instance instance) { impl->instances.push_back(std::move(instance)); }

/// Maps the finished file and runs the loader's checks on it, the weights' hashes too.
bool ModuleWriter::Impl::verify() {
  void *data = mmap(nullptr, fileSize, PROT_READ, MAP_SHARED, fd, 0);
  if (data == MAP_FAILED) {
    failErrno("cannot read back " + path);
    return false;
  }
  rt::FormatError why;
  const fb::Module *module = rt::verifyModule(data, fileSize, why);
  for (uint32_t i = 0; module && i < segments.size(); ++i)
    if (segments[i].isCode && !rt::verifySegment(data, *module, i, why))
      module = nullptr;
  if (!module)
    fail("the module that was written to " + path + " is not valid (a bug): " + why.message);
  munmap(data, fileSize);
  return module != nullptr;
}

/// What a reader must know to run these.
static uint64_t getRequiredFeatures(const std::vector<Instance> &instances) {
  uint64_t features = 0;
  for (const Instance &instance : instances)
    for (const Function &function : instance.functions)
      for (const Result &result : function.results)
        if (result.late)
          features |= rt::FeatureLateResults;
  return features;
}

bool ModuleWriter::finish() {
  Impl &w = *impl;
  if (w.open)
    w.fail("constant " + w.openName + " was not ended");
  w.flushSmall();
  if (failed())
    return false;

  const uint64_t features = getRequiredFeatures(w.instances);
  std::vector<uint8_t> buffer =
      writer::serializeModule(w.segments, w.constants, w.provenance, std::move(w.instances), w.error);
  if (failed())
    return false;
  rt::ModuleHeader header = {};
  std::memcpy(header.magic, rt::kModuleMagic, sizeof(header.magic));
  header.headerVersion = rt::kHeaderVersion;
  header.formatVersion = rt::kFormatVersion;
  header.requiredFeatures = features;
  header.flatBufferOffset = alignTo(w.end, rt::kPageSize);
  header.flatBufferSize = buffer.size();
  header.fileSize = w.fileSize = header.flatBufferOffset + buffer.size();
  rt::Hash hash = rt::computeModuleHash(header, buffer.data(), buffer.size());
  header.hashLow = hash.low;
  header.hashHigh = hash.high;
  // A dropped duplicate may have left more bytes than the file has.
  if (ftruncate(w.fd, static_cast<off_t>(w.end)) != 0)
    w.failErrno("cannot write " + w.path);
  if (failed() || !w.writeAt(buffer.data(), buffer.size(), header.flatBufferOffset) ||
      !w.writeAt(&header, sizeof(header), 0) || !w.verify())
    return false;

  if (fsync(w.fd) != 0) {
    w.failErrno("cannot write " + w.path);
    return false;
  }
  if (rename(w.temporary.c_str(), w.path.c_str()) != 0) {
    w.failErrno("cannot rename the finished file to " + w.path);
    return false;
  }
  w.temporary.clear();
  // The folder's entry must reach the disk too; where that is not possible, the file is still whole.
  size_t slash = w.path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : w.path.substr(0, slash + 1);
  int dir = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir >= 0) {
    (void)fsync(dir);
    close(dir);
  }
  return true;
}
