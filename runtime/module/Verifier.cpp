//===- Verifier.cpp - header, structure, segments and signatures -------------------------===//
//
// The parts of a module that hold for all its instances. Programs are in VerifyPrograms.cpp.
//
//===--------------------------------------------------------------------------------------===//
#include "runtime/module/Verifier.h"

#include "runtime/module/aicc_generated.h"

#include <cstring>

using namespace aicc;
using namespace aicc::rt;

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format is little endian and is read in place");

bool aicc::rt::failVerification(FormatError &error, const std::string &where, const std::string &what) {
  error.code = AICC_STATUS_DATA_LOSS;
  error.message = "module is damaged: " + where + ": " + what;
  return false;
}

static bool failUnsupported(FormatError &error, const std::string &what) {
  error.code = AICC_STATUS_UNSUPPORTED;
  error.message = what;
  return false;
}

static std::string indexed(const char *field, uint32_t index) {
  return std::string(field) + "[" + std::to_string(index) + "]";
}

static const char *featureName(uint64_t bit) {
  switch (bit) {
  case FeatureMultiDevice:
    return "multi-device";
  case FeatureEvents:
    return "events";
  case FeatureCollectives:
    return "collectives";
  case FeatureLateResults:
    return "late results";
  case FeatureHostCalls:
    return "host-calls";
  default:
    return nullptr;
  }
}

static bool verifyHeader(const ModuleHeader &header, uint64_t size, FormatError &error) {
  if (std::memcmp(header.magic, kModuleMagic, sizeof(kModuleMagic)) != 0)
    return failVerification(error, "header.magic", "this is not an .aicc module");
  if (header.headerVersion != kHeaderVersion)
    return failUnsupported(error, "module: header.header_version is " + std::to_string(header.headerVersion) +
                                      "; this runtime reads " + std::to_string(kHeaderVersion));
  if (header.fileSize != size)
    return failVerification(error, "header.file_size",
                            "says " + std::to_string(header.fileSize) + " bytes, there are " +
                                std::to_string(size));
  if (header.formatVersion == 0 || header.formatVersion > kFormatVersion)
    return failUnsupported(error, "module: header.format_version is " + std::to_string(header.formatVersion) +
                                      "; this runtime reads up to " + std::to_string(kFormatVersion));
  if (uint64_t unknown = header.requiredFeatures & ~kSupportedFeatures) {
    uint64_t bit = unknown & (~unknown + 1);
    const char *name = featureName(bit);
    return failUnsupported(error, std::string("module: header.required_features asks for ") +
                                      (name ? name : "bit " + std::to_string(__builtin_ctzll(bit))) +
                                      ", which this runtime cannot do; a newer one may");
  }
  if (header.flatBufferOffset < sizeof(ModuleHeader) || header.flatBufferOffset % 8 != 0)
    return failVerification(error, "header.flatbuffer_offset", "lies in the header or is not aligned to 8");
  if (header.flatBufferSize < 16 || header.flatBufferSize > kMaxFlatBufferSize ||
      !rangeIsWithin(header.flatBufferOffset, header.flatBufferSize, size))
    return failVerification(error, "header.flatbuffer_size", "leaves the file");
  return true;
}

static bool verifySegments(const fb::Module &module, uint64_t limit, FormatError &error) {
  for (uint32_t i = 0, n = countOf(module.segments()); i < n; ++i) {
    const fb::Segment &segment = *module.segments()->Get(i);
    if (segment.offset() % kPageSize != 0 || segment.offset() < kPageSize)
      return failVerification(error, indexed("segments", i) + ".offset", "is not a page behind the header");
    if (!rangeIsWithin(segment.offset(), segment.size(), limit))
      return failVerification(error, indexed("segments", i) + ".size", "leaves the file");
    if (!segment.hash())
      return failVerification(error, indexed("segments", i) + ".hash", "is missing");
    if (segment.kind() > fb::SegmentKind_MAX)
      return failVerification(error, indexed("segments", i) + ".kind", "is unknown");
  }
  for (uint32_t i = 0, n = countOf(module.constants()); i < n; ++i) {
    const fb::Constant &constant = *module.constants()->Get(i);
    std::string path = indexed("constants", i);
    if (constant.segment() >= countOf(module.segments()))
      return failVerification(error, path + ".segment", "is out of range");
    const fb::Segment &segment = *module.segments()->Get(constant.segment());
    if (segment.kind() != fb::SegmentKind_Data)
      return failVerification(error, path + ".segment", "is not data");
    if (!isPowerOfTwo(constant.alignment()) || constant.alignment() > kMaxAlignment)
      return failVerification(error, path + ".alignment", "is not a power of two up to 4096");
    if (constant.offset() % constant.alignment() != 0)
      return failVerification(error, path + ".offset", "is not aligned");
    if (!rangeIsWithin(constant.offset(), constant.size(), segment.size()))
      return failVerification(error, path + ".size", "leaves its segment");
  }
  return true;
}

static bool verifyInstance(const fb::Module &module, uint32_t index, FormatError &error) {
  const fb::Instance &instance = *module.instances()->Get(index);
  std::string path = indexed("instances", index);
  if (!*stringOrEmpty(instance.target()))
    return failVerification(error, path + ".target", "is missing");
  if (!*stringOrEmpty(instance.format()))
    return failVerification(error, path + ".format", "is missing");
  for (uint32_t other = 0; other < index; ++other)
    if (std::strcmp(module.instances()->Get(other)->target()->c_str(), instance.target()->c_str()) == 0)
      return failVerification(error, path + ".target", "is the same as another instance's");
  if (uint32_t slots = countOf(instance.device_slots())) {
    if (slots != 1 || *stringOrEmpty(instance.device_slots()->Get(0)->format()))
      return failVerification(error, path + ".device_slots",
                              "has more than the host without the multi-device feature");
  }
  for (uint32_t i = 0, n = countOf(instance.executables()); i < n; ++i) {
    const fb::Executable &executable = *instance.executables()->Get(i);
    std::string where = path + "." + indexed("executables", i);
    if (executable.segment() >= countOf(module.segments()) ||
        module.segments()->Get(executable.segment())->kind() != fb::SegmentKind_Code)
      return failVerification(error, where + ".segment", "is not a code segment");
    if (countOf(executable.entries()) == 0)
      return failVerification(error, where + ".entries", "is empty");
    for (uint32_t e = 0; e < executable.entries()->size(); ++e)
      if (!*stringOrEmpty(executable.entries()->Get(e)->name()))
        return failVerification(error, where + "." + indexed("entries", e) + ".name", "is missing");
  }
  return verifyPrograms(module, instance, path, error);
}

const fb::Module *aicc::rt::verifyModule(const void *data, uint64_t size, FormatError &error,
                                         const VerifyOptions &options) {
  if (size < sizeof(ModuleHeader)) {
    failVerification(error, "header", "the file is shorter than 64 bytes");
    return nullptr;
  }
  ModuleHeader header;
  std::memcpy(&header, data, sizeof(header));
  if (!verifyHeader(header, size, error))
    return nullptr;

  const uint8_t *buffer = static_cast<const uint8_t *>(data) + header.flatBufferOffset;
  if (options.checkHash) {
    Hash hash = computeModuleHash(header, buffer, header.flatBufferSize);
    if (hash.low != header.hashLow || hash.high != header.hashHigh) {
      failVerification(error, "header.hash", "does not match the contents");
      return nullptr;
    }
  }
  flatbuffers::Verifier verifier(buffer, header.flatBufferSize, /*max_depth=*/32, /*max_tables=*/1u << 24);
  if (!fb::ModuleBufferHasIdentifier(buffer) || !fb::VerifyModuleBuffer(verifier)) {
    failVerification(error, "flatbuffer", "its structure is not valid");
    return nullptr;
  }
  const fb::Module *module = fb::GetModule(buffer);
  if (module->format_version() != header.formatVersion) {
    failVerification(error, "format_version", "differs from the header's");
    return nullptr;
  }
  for (uint32_t i = 0, n = countOf(module->provenance()); i < n; ++i)
    if (!module->provenance()->Get(i)->key() || !module->provenance()->Get(i)->value()) {
      failVerification(error, indexed("provenance", i), "has no key or no value");
      return nullptr;
    }
  if (!verifySegments(*module, header.flatBufferOffset, error))
    return nullptr;
  if (countOf(module->instances()) == 0) {
    failVerification(error, "instances", "is empty");
    return nullptr;
  }
  for (uint32_t i = 0; i < module->instances()->size(); ++i)
    if (!verifyInstance(*module, i, error))
      return nullptr;
  return module;
}

bool aicc::rt::verifySegment(const void *data, const fb::Module &module, uint32_t index, FormatError &error) {
  const fb::Segment &segment = *module.segments()->Get(index);
  Hash hash = computeHash(static_cast<const uint8_t *>(data) + segment.offset(), segment.size());
  if (hash.low != segment.hash()->low() || hash.high != segment.hash()->high())
    return failVerification(error, indexed("segments", index) + ".hash", "does not match the contents");
  return true;
}
