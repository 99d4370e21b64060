//===- Hash.cpp - the hash of the module format ------------------------------------------===//
//
// The only file that sees xxhash.h.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/module/Hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace aicc::rt;

struct alignas(64) Hasher::State {
  XXH3_state_t xxh;
};

Hash aicc::rt::computeHash(const void *data, size_t size, uint64_t seed) {
  XXH128_hash_t hash = XXH3_128bits_withSeed(data, size, seed);
  return {hash.low64, hash.high64};
}

Hasher::Hasher() : state(new State) { reset(); }
Hasher::~Hasher() = default;

void Hasher::reset() { XXH3_128bits_reset(&state->xxh); }

void Hasher::update(const void *data, size_t size) { XXH3_128bits_update(&state->xxh, data, size); }

Hash Hasher::digest() const {
  XXH128_hash_t hash = XXH3_128bits_digest(&state->xxh);
  return {hash.low64, hash.high64};
}
