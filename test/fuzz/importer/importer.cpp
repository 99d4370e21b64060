// Fuzzes the ONNX importer: whatever the bytes are, it answers with a verified module or with problems, in
// bounded time and memory. The first byte chooses options; external data is out of reach, as the model has no
// folder.

#include "frontends/onnx/Import.h"
#include "mlir/IR/MLIRContext.h"

#include <cstdlib>

using namespace aicc::onnx_import;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  // A context of its own: attributes live as long as their context does.
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.getDiagEngine().registerHandler([](mlir::Diagnostic &) { return mlir::success(); });
  ImportOptions options;
  options.inlineLimitBytes = data[0] & 1 ? 4096 : 64;
  if (data[0] & 2)
    options.dims["n"] = {1, 4};
  llvm::SmallVector<Problem> problems;
  llvm::ArrayRef<char> bytes(reinterpret_cast<const char *>(data) + 1, size - 1);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      importOnnxBytes(context, bytes, data[0] & 4 ? "model.onnxtxt" : "", options, problems);
  if (bool(module) == !problems.empty())
    abort();
  for (const Problem &problem : problems)
    if (toString(problem).empty())
      abort();
  return 0;
}
