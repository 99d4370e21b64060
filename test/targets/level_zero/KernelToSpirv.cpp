// Lowers a file of kernel IR to SPIR-V, for the tests beside it: kernel-to-spirv IN.mlir OUT.spv. The file
// holds modules, each with kernels; a file that has kernels at its top level is one module.

#include "mlir/Parser/Parser.h"
#include "targets/level_zero/codegen/Legalize.h"
#include "targets/level_zero/codegen/LowerToSpirv.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

int main(int argc, char **argv) {
  if (argc < 3) {
    llvm::errs() << "usage: kernel-to-spirv IN.mlir OUT.spv [DUMP-FOLDER]\n";
    return 2;
  }
  MLIRContext context;
  aicc::level_zero::prepareContext(&context);
  OwningOpRef<ModuleOp> file = parseSourceFile<ModuleOp>(argv[1], &context);
  if (!file)
    return 1;
  SmallVector<ModuleOp> modules(file->getOps<ModuleOp>());
  if (modules.empty())
    modules.push_back(*file);
  aicc::gpu::EndOptions options;
  if (argc > 3)
    options.dumpDir = argv[3];
  llvm::Expected<std::vector<char>> binary = aicc::level_zero::lowerToSpirv(modules, {}, options);
  if (!binary) {
    llvm::errs() << "error: " << toString(binary.takeError()) << "\n";
    return 1;
  }
  std::error_code ec;
  llvm::raw_fd_ostream os(argv[2], ec);
  if (ec) {
    llvm::errs() << "error: " << argv[2] << ": " << ec.message() << "\n";
    return 1;
  }
  os.write(binary->data(), binary->size());
  return 0;
}
