// make-conformance-images KERNELS.mlir FOLDER: takes the driver conformance suite's kernels through every
// target's end and writes FOLDER/<format>.img, an image with one payload for each architecture that a device
// may need.

#include "mlir/Parser/Parser.h"
#include "targets/cuda/codegen/CudaDescriptors.h"
#include "targets/cuda/codegen/CudaEnd.h"
#include "targets/level_zero/codegen/LevelZeroEnd.h"
#include "targets/rocm/codegen/RocmDescriptors.h"
#include "targets/rocm/codegen/RocmEnd.h"
#include "test/conformance/drivers/ImageEdit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <map>

using namespace mlir;
using namespace aicc;
using conformance::ImageParts;

/// The image of all kernels in `path`, by one end.
static llvm::Expected<std::vector<char>> compile(const aicc::gpu::DeviceEnd &end, llvm::StringRef path) {
  MLIRContext context;
  end.prepareContext(&context);
  OwningOpRef<ModuleOp> file = parseSourceFile<ModuleOp>(path, &context);
  if (!file)
    return llvm::createStringError("the kernels cannot be read");
  SmallVector<ModuleOp> modules(file->getOps<ModuleOp>());
  std::vector<std::string> names;
  for (ModuleOp module : modules)
    names.push_back(aicc::gpu::describeKernel(module).name);
  return end.compile(modules, names, aicc::gpu::EndOptions());
}

int main(int argc, char **argv) {
  if (argc != 3) {
    llvm::errs() << "usage: make-conformance-images KERNELS.mlir FOLDER\n";
    return 2;
  }
  std::map<std::string, ImageParts> images;
  std::vector<aicc::gpu::GpuDescriptor> descriptors = cuda::getDescriptors();
  llvm::append_range(descriptors, rocm::getDescriptors());
  llvm::append_range(descriptors, level_zero::getDescriptors());
  for (const aicc::gpu::GpuDescriptor &descriptor : descriptors) {
    std::unique_ptr<aicc::gpu::DeviceEnd> end;
    if (descriptor.target == "cuda")
      end = std::make_unique<cuda::CudaEnd>(descriptor);
    else if (descriptor.target == "rocm")
      end = std::make_unique<rocm::RocmEnd>(descriptor);
    else
      end = std::make_unique<level_zero::LevelZeroEnd>();
    llvm::Expected<std::vector<char>> image = compile(*end, argv[1]);
    if (!image) {
      llvm::errs() << descriptor.getName() << ": " << toString(image.takeError()) << "\n";
      return 1;
    }
    ImageParts parts;
    if (!parts.read(*image))
      return 1;
    ImageParts &all = images[descriptor.format];
    if (all.entries.empty())
      all.entries = parts.entries;
    all.payloads.insert(all.payloads.end(), parts.payloads.begin(), parts.payloads.end());
  }
  for (const auto &[format, parts] : images) {
    std::error_code error;
    llvm::raw_fd_ostream out(std::string(argv[2]) + "/" + format + ".img", error);
    std::vector<char> bytes = parts.write();
    if (!error)
      out.write(bytes.data(), bytes.size());
    out.close();
    if (error || out.has_error()) {
      llvm::errs() << "cannot write to " << argv[2] << "\n";
      return 1;
    }
  }
  return 0;
}
