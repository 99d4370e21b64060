//===- DeviceImage.cpp - reading the container of device code -----------------------------===//
//
// Records are copied out of the image, because it may lie at any address.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/DeviceImage.h"

#include "targets/gpu/driver/Support.h"

#include <cstring>
#include <unordered_set>

using namespace aicc::gpu;

namespace {

/// More of either is no kernel of ours; every device's own limit is lower.
constexpr uint32_t kMaxArguments = 4096;
constexpr uint32_t kMaxNameLength = 1024;

class Reader {
public:
  Reader(const void *image, uint64_t size) : bytes(static_cast<const char *>(image)), size(size) {}

  aicc_status *read(DeviceImage &out);

private:
  template <typename T> T record(uint64_t offset) const {
    T value;
    std::memcpy(&value, bytes + offset, sizeof(value));
    return value;
  }

  /// Whether the range lies behind the records and within the image.
  bool contains(aicc_device_image_range range) const {
    return range.offset >= recordsEnd && range.offset <= size && range.size <= size - range.offset;
  }

  std::string_view view(aicc_device_image_range range) const { return {bytes + range.offset, range.size}; }

  /// Texts end up in messages and in calls that want a zero behind them.
  bool isText(aicc_device_image_range range) const {
    if (!contains(range) || range.size > kMaxNameLength)
      return false;
    for (char c : view(range))
      if (c < 0x21 || c > 0x7e)
        return false;
    return true;
  }

  aicc_status *readEntry(uint32_t index, uint64_t offset, DeviceImage::Entry &out) const;
  aicc_status *readPayload(uint32_t index, uint64_t offset, DeviceImage::Payload &out) const;

  const char *bytes;
  uint64_t size;
  uint64_t recordsEnd = 0;
};

aicc_status *Reader::readEntry(uint32_t index, uint64_t offset, DeviceImage::Entry &out) const {
  auto raw = record<aicc_device_image_entry>(offset);
  if (raw.name.size == 0 || !isText(raw.name))
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: kernel %u has no valid name", index);
  if (raw.threads == 0 || (raw.subgroup_size & (raw.subgroup_size - 1)) ||
      (raw.flags & ~AICC_DEVICE_ENTRY_SCRATCH) || raw.reserved || raw.buffer_count > kMaxArguments ||
      raw.param_count > kMaxArguments)
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: kernel %u has a damaged record", index);
  out.name = view(raw.name);
  out.threads = raw.threads;
  out.subgroupSize = raw.subgroup_size;
  out.staticShared = raw.static_shared;
  out.dynamicShared = raw.dynamic_shared;
  out.bufferCount = raw.buffer_count;
  out.paramCount = raw.param_count;
  out.takesScratch = raw.flags & AICC_DEVICE_ENTRY_SCRATCH;
  return nullptr;
}

aicc_status *Reader::readPayload(uint32_t index, uint64_t offset, DeviceImage::Payload &out) const {
  auto raw = record<aicc_device_image_payload>(offset);
  // An empty architecture may stand anywhere, at offset 0 too.
  bool anyArchitecture = raw.architecture.size == 0;
  if (raw.format.size == 0 || !isText(raw.format) || (!anyArchitecture && !isText(raw.architecture)))
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: payload %u has no valid format", index);
  if (!contains(raw.data) || raw.data.size == 0 || raw.data.offset % 16 != 0)
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: payload %u lies outside of the image", index);
  out.format = view(raw.format);
  out.architecture = anyArchitecture ? std::string_view() : view(raw.architecture);
  out.data = view(raw.data);
  return nullptr;
}

aicc_status *Reader::read(DeviceImage &out) {
  if (size < sizeof(aicc_device_image_header))
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: it is shorter than its header");
  auto header = record<aicc_device_image_header>(0);
  if (header.magic != AICC_DEVICE_IMAGE_MAGIC)
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: it does not begin like one");
  if (header.header_size != sizeof(header))
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: its header has another version");
  if (header.image_size != size)
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: it has %llu bytes and names %u",
                      static_cast<unsigned long long>(size), header.image_size);
  // Counts have 32 bits, so that this does not overflow; and the size of the image bounds what is allocated.
  uint64_t entries = sizeof(header);
  uint64_t payloads = entries + uint64_t(header.entry_count) * sizeof(aicc_device_image_entry);
  recordsEnd = payloads + uint64_t(header.payload_count) * sizeof(aicc_device_image_payload);
  if (recordsEnd > size || header.entry_count == 0 || header.payload_count == 0)
    return makeStatus(AICC_STATUS_DATA_LOSS, "device image: it cannot hold %u kernels and %u payloads",
                      header.entry_count, header.payload_count);

  std::unordered_set<std::string_view> names;
  out.entries.resize(header.entry_count);
  for (uint32_t i = 0; i < header.entry_count; ++i) {
    DeviceImage::Entry &entry = out.entries[i];
    AICC_RETURN_IF_ERROR(readEntry(i, entries + uint64_t(i) * sizeof(aicc_device_image_entry), entry));
    if (!names.insert(entry.name).second)
      return makeStatus(AICC_STATUS_DATA_LOSS, "device image: two kernels are called %s", entry.name.c_str());
  }
  out.payloads.resize(header.payload_count);
  for (uint32_t i = 0; i < header.payload_count; ++i)
    AICC_RETURN_IF_ERROR(
        readPayload(i, payloads + uint64_t(i) * sizeof(aicc_device_image_payload), out.payloads[i]));
  return nullptr;
}

} // namespace

aicc_status *DeviceImage::parse(const void *image, uint64_t size, DeviceImage &out) {
  out.entries.clear();
  out.payloads.clear();
  return Reader(image, size).read(out);
}

const DeviceImage::Payload *DeviceImage::find(std::string_view format, std::string_view architecture) const {
  for (const Payload &payload : payloads)
    if (payload.format == format && (payload.architecture.empty() || payload.architecture == architecture))
      return &payload;
  return nullptr;
}

std::string DeviceImage::listPayloads() const {
  std::string text;
  for (const Payload &payload : payloads) {
    if (!text.empty())
      text += ", ";
    text += payload.format;
    text += " for ";
    text += payload.architecture.empty() ? "any" : payload.architecture;
  }
  return text;
}

bool aicc::gpu::isSpirv(std::string_view data) {
  constexpr uint32_t kMagic = 0x07230203;
  constexpr size_t kHeaderSize = 20;
  uint32_t magic = 0;
  if (data.size() < kHeaderSize || data.size() % 4 != 0)
    return false;
  std::memcpy(&magic, data.data(), sizeof(magic));
  return magic == kMagic;
}
