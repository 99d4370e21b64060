//===- ImageBuilder.h - device images for tests of drivers --------------------------------===//
//
// Writes the container of aicc/device_image.h from plain records, so that the drivers' tests need no code
// generator.
//
//===--------------------------------------------------------------------------------------===//
#ifndef AICC_TEST_TARGETS_GPU_DRIVER_IMAGEBUILDER_H
#define AICC_TEST_TARGETS_GPU_DRIVER_IMAGEBUILDER_H

#include "aicc/device_image.h"
#include "targets/gpu/driver/DeviceImage.h"

#include <cstring>
#include <string>
#include <vector>

namespace aicc::gpu {

struct TestPayload {
  std::string format, architecture, data;
};

/// The image of these kernels and payloads.
inline std::string buildImage(const std::vector<DeviceImage::Entry> &entries,
                              const std::vector<TestPayload> &payloads) {
  std::string image(sizeof(aicc_device_image_header) + entries.size() * sizeof(aicc_device_image_entry) +
                        payloads.size() * sizeof(aicc_device_image_payload),
                    '\0');
  const auto append = [&](const std::string &bytes, size_t alignment) {
    image.resize((image.size() + alignment - 1) / alignment * alignment);
    aicc_device_image_range range = {uint32_t(image.size()), uint32_t(bytes.size())};
    image += bytes;
    return range;
  };
  size_t at = sizeof(aicc_device_image_header);
  const auto record = [&](const auto &value) {
    std::memcpy(&image[at], &value, sizeof(value));
    at += sizeof(value);
  };
  for (const DeviceImage::Entry &entry : entries)
    record(aicc_device_image_entry{
        append(entry.name, 1), entry.threads, entry.subgroupSize, entry.staticShared, entry.dynamicShared,
        entry.bufferCount, entry.paramCount, entry.takesScratch ? AICC_DEVICE_ENTRY_SCRATCH : 0u, 0u});
  for (const TestPayload &payload : payloads) {
    aicc_device_image_range format = append(payload.format, 1),
                            architecture = append(payload.architecture, 1);
    record(aicc_device_image_payload{format, architecture, append(payload.data, 16)});
  }
  aicc_device_image_header header = {AICC_DEVICE_IMAGE_MAGIC, uint32_t(sizeof(header)),
                                     uint32_t(image.size()), uint32_t(entries.size()),
                                     uint32_t(payloads.size())};
  std::memcpy(image.data(), &header, sizeof(header));
  return image;
}

} // namespace aicc::gpu

#endif // AICC_TEST_TARGETS_GPU_DRIVER_IMAGEBUILDER_H
