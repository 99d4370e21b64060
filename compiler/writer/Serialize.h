//===- Serialize.h - a module's structs as a FlatBuffer ----------------------------------===//
//
// Private to the writer. Apart from ModuleWriter.cpp so that only one file sees the generated schema.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_COMPILER_WRITER_SERIALIZE_H
#define AICC_COMPILER_WRITER_SERIALIZE_H

#include "aicc/ModuleWriter.h"
#include "runtime/module/Hash.h"

namespace aicc::writer {

struct SegmentRecord {
  uint64_t offset = 0; ///< in the file
  uint64_t size = 0;
  rt::Hash hash;
  bool isCode = false;
};

struct ConstantRecord {
  uint32_t segment = 0; ///< UINT32_MAX until the shared segment of small weights is written
  uint64_t offset = 0;
  uint64_t size = 0;
  uint32_t alignment = 64;
  std::string name;
};

/// The finished FlatBuffer. Sets `error` when the module does not fit into one.
std::vector<uint8_t> serializeModule(const std::vector<SegmentRecord> &segments,
                                     const std::vector<ConstantRecord> &constants,
                                     const std::vector<std::pair<std::string, std::string>> &provenance,
                                     std::vector<Instance> instances, std::string &error);

} // namespace aicc::writer

#endif // AICC_COMPILER_WRITER_SERIALIZE_H
