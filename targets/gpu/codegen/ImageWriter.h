// Writes the container of device code that drivers read (runtime/include/aicc/device_image.h).

#ifndef AICC_TARGETS_GPU_CODEGEN_IMAGEWRITER_H
#define AICC_TARGETS_GPU_CODEGEN_IMAGEWRITER_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace aicc::gpu {

/// How one kernel is launched.
struct ImageEntry {
  std::string name;
  unsigned threads = 0, subgroupSize = 0;
  unsigned staticShared = 0, dynamicShared = 0; // bytes of workgroup memory
  unsigned buffers = 0, params = 0;
  bool scratch = false;
};

/// The same kernels in one form.
struct ImagePayload {
  std::string format, architecture; // as the driver calls them; empty architecture: any
  std::vector<char> data;
};

/// What a kernel's function and its module's workgroup memory say. Before the end lowers it.
ImageEntry describeKernel(mlir::ModuleOp module);

/// The image. An error if it were larger than its 32-bit offsets allow.
llvm::Expected<std::vector<char>> writeImage(llvm::ArrayRef<ImageEntry> entries,
                                             llvm::ArrayRef<ImagePayload> payloads);

} // namespace aicc::gpu

#endif
