//===- Hash.h - the hash of the module format --------------------------------------------===//
//
// XXH3 with 128 bits, which guards FlatBuffer, kernels and weights against damage and finds equal segments.
// Apart, so that the hash's header (it is large and inlined) is compiled once.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_RUNTIME_MODULE_HASH_H
#define AICC_RUNTIME_MODULE_HASH_H

#include <cstddef>
#include <cstdint>
#include <memory>

namespace aicc::rt {

struct Hash {
  uint64_t low = 0;
  uint64_t high = 0;

  friend bool operator==(const Hash &a, const Hash &b) { return a.low == b.low && a.high == b.high; }
  friend bool operator!=(const Hash &a, const Hash &b) { return !(a == b); }
};

Hash computeHash(const void *data, size_t size, uint64_t seed = 0);

/// Hashes data that comes in pieces; the same value as computeHash with seed 0.
class Hasher {
public:
  Hasher();
  ~Hasher();
  void reset();
  void update(const void *data, size_t size);
  Hash digest() const;

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace aicc::rt

#endif // AICC_RUNTIME_MODULE_HASH_H
