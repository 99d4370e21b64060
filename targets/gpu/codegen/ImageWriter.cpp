// Serialization of device images, and what a kernel's function says about its launch.

#include "targets/gpu/codegen/ImageWriter.h"
#include "aicc/device_image.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "targets/gpu/codegen/DeviceEnd.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace mlir;
using namespace aicc::gpu;

ImageEntry aicc::gpu::describeKernel(ModuleOp module) {
  ImageEntry entry;
  DataLayout layout(module);
  for (auto func : module.getOps<LLVM::LLVMFuncOp>()) {
    if (!func->hasAttr(KernelAttrs::kernel))
      continue;
    entry.name = func.getName().str();
    auto number = [&](StringRef name) {
      auto attr = func->getAttrOfType<IntegerAttr>(name);
      return attr ? unsigned(attr.getInt()) : 0;
    };
    entry.threads = number(KernelAttrs::threads);
    entry.subgroupSize = number(KernelAttrs::subgroup);
    entry.dynamicShared = number(KernelAttrs::dynamicShared);
    entry.scratch = func->hasAttr(KernelAttrs::scratch);
    for (Type type : func.getArgumentTypes())
      isa<LLVM::LLVMPointerType>(type) ? ++entry.buffers : ++entry.params;
    entry.buffers -= entry.scratch;
  }
  for (auto global : module.getOps<LLVM::GlobalOp>())
    if (global.getAddrSpace() == kSharedSpace)
      entry.staticShared = llvm::alignTo(entry.staticShared, global.getAlignment().value_or(16)) +
                           uint64_t(layout.getTypeSize(global.getType()));
  return entry;
}

llvm::Expected<std::vector<char>> aicc::gpu::writeImage(ArrayRef<ImageEntry> entries,
                                                        ArrayRef<ImagePayload> payloads) {
  uint64_t records = sizeof(aicc_device_image_header) + entries.size() * sizeof(aicc_device_image_entry) +
                     payloads.size() * sizeof(aicc_device_image_payload);
  std::vector<char> image(records);
  bool tooLarge = false;
  auto append = [&](StringRef bytes, uint64_t alignment) {
    image.resize(llvm::alignTo(image.size(), alignment));
    aicc_device_image_range range{uint32_t(image.size()), uint32_t(bytes.size())};
    image.insert(image.end(), bytes.begin(), bytes.end());
    tooLarge |= image.size() > UINT32_MAX;
    return range;
  };
  uint64_t at = sizeof(aicc_device_image_header);
  auto put = [&](const auto &record) {
    std::memcpy(image.data() + at, &record, sizeof(record));
    at += sizeof(record);
  };
  for (const ImageEntry &entry : entries) {
    aicc_device_image_entry record = {};
    record.name = append(entry.name, 1);
    record.threads = entry.threads;
    record.subgroup_size = entry.subgroupSize;
    record.static_shared = entry.staticShared;
    record.dynamic_shared = entry.dynamicShared;
    record.buffer_count = entry.buffers;
    record.param_count = entry.params;
    record.flags = entry.scratch ? AICC_DEVICE_ENTRY_SCRATCH : 0;
    put(record);
  }
  for (const ImagePayload &payload : payloads) {
    aicc_device_image_payload record = {};
    record.format = append(payload.format, 1);
    record.architecture = append(payload.architecture, 1);
    record.data = append(StringRef(payload.data.data(), payload.data.size()), 16);
    put(record);
  }
  if (tooLarge)
    return llvm::createStringError("the image of kernels is larger than 4 GB");
  aicc_device_image_header header = {};
  header.magic = AICC_DEVICE_IMAGE_MAGIC;
  header.header_size = sizeof(header);
  header.image_size = image.size();
  header.entry_count = entries.size();
  header.payload_count = payloads.size();
  std::memcpy(image.data(), &header, sizeof(header));
  return image;
}
