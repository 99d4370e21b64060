//===- DeviceImageFuzz.cpp - the image's reader against bytes from anywhere ---------------===//
//
// libFuzzer's entry. Seeds are in test/fuzz/corpus/fuzz-device-image.
//
//===--------------------------------------------------------------------------------------===//
#include "targets/gpu/driver/DeviceImage.h"

#include <cstddef>
#include <cstdlib>

using namespace aicc::gpu;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  DeviceImage image;
  if (aicc_status *status = DeviceImage::parse(data, size, image)) {
    aicc_status_destroy(status);
    return 0;
  }
  volatile size_t sum = 0;
  for (const DeviceImage::Payload &payload : image.payloads)
    for (std::string_view text : {payload.format, payload.architecture, payload.data})
      for (char c : text)
        sum = sum + static_cast<unsigned char>(c);
  if (image.entries.empty() || image.payloads.empty())
    std::abort();
  return 0;
}
