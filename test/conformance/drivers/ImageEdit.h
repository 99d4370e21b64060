//===- ImageEdit.h - making images of device code for tests -------------------------------===//
//
// Writes aicc/device_image.h from parts, so that tests can make images whose kernels are too large, whose
// code is for other devices, or which are damaged in one place.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_TEST_CONFORMANCE_IMAGEEDIT_H
#define AICC_TEST_CONFORMANCE_IMAGEEDIT_H

#include "aicc/device_image.h"

#include <cstring>
#include <string>
#include <vector>

namespace conformance {

struct ImageParts {
  struct Entry {
    std::string name;
    aicc_device_image_entry record = {};
  };
  struct Payload {
    std::string format, architecture, data;
  };
  std::vector<Entry> entries;
  std::vector<Payload> payloads;

  /// Takes a good image apart; false when it is of another kind.
  bool read(const std::vector<char> &image) {
    aicc_device_image_header header;
    if (image.size() < sizeof(header))
      return false;
    std::memcpy(&header, image.data(), sizeof(header));
    if (header.magic != AICC_DEVICE_IMAGE_MAGIC)
      return false;
    const auto text = [&](aicc_device_image_range range) {
      return std::string(image.data() + range.offset, range.size);
    };
    const char *at = image.data() + sizeof(header);
    for (uint32_t i = 0; i < header.entry_count; ++i, at += sizeof(aicc_device_image_entry)) {
      Entry entry;
      std::memcpy(&entry.record, at, sizeof(entry.record));
      entry.name = text(entry.record.name);
      entries.push_back(entry);
    }
    for (uint32_t i = 0; i < header.payload_count; ++i, at += sizeof(aicc_device_image_payload)) {
      aicc_device_image_payload record;
      std::memcpy(&record, at, sizeof(record));
      payloads.push_back({text(record.format), text(record.architecture), text(record.data)});
    }
    return true;
  }

  std::vector<char> write() const {
    const size_t records = sizeof(aicc_device_image_header) +
                           entries.size() * sizeof(aicc_device_image_entry) +
                           payloads.size() * sizeof(aicc_device_image_payload);
    std::vector<char> image(records);
    const auto append = [&](const std::string &bytes, size_t alignment) {
      image.resize((image.size() + alignment - 1) / alignment * alignment);
      aicc_device_image_range range = {static_cast<uint32_t>(image.size()),
                                       static_cast<uint32_t>(bytes.size())};
      image.insert(image.end(), bytes.begin(), bytes.end());
      return range;
    };
    size_t at = sizeof(aicc_device_image_header);
    for (const Entry &entry : entries) {
      aicc_device_image_entry record = entry.record;
      record.name = append(entry.name, 1);
      std::memcpy(&image[at], &record, sizeof(record));
      at += sizeof(record);
    }
    for (const Payload &payload : payloads) {
      aicc_device_image_payload record = {};
      record.format = append(payload.format, 1);
      record.architecture = append(payload.architecture, 1);
      record.data = append(payload.data, 16);
      std::memcpy(&image[at], &record, sizeof(record));
      at += sizeof(record);
    }
    aicc_device_image_header header = {};
    header.magic = AICC_DEVICE_IMAGE_MAGIC;
    header.header_size = sizeof(header);
    header.image_size = static_cast<uint32_t>(image.size());
    header.entry_count = static_cast<uint32_t>(entries.size());
    header.payload_count = static_cast<uint32_t>(payloads.size());
    std::memcpy(image.data(), &header, sizeof(header));
    return image;
  }
};

} // namespace conformance

#endif // AICC_TEST_CONFORMANCE_IMAGEEDIT_H
