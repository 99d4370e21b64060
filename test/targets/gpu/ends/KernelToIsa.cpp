// kernel-to-isa TARGET:ARCHITECTURE FILE [FOLDER]: takes a file of kernel IR, each top-level module a kernel,
// through the target's end, and prints its assembly. Calls of functions that nobody defines stand for the
// end's hooks: @matrix.<unit>(lhs, rhs, acc), @async.copy.<bytes>(to, from), @async.commit(),
// @async.wait.<pending>(). FOLDER keeps all that the end dumps.

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "targets/cuda/codegen/CudaDescriptors.h"
#include "targets/cuda/codegen/CudaEnd.h"
#include "targets/rocm/codegen/RocmDescriptors.h"
#include "targets/rocm/codegen/RocmEnd.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::gpu;

static void expandHooks(ModuleOp module, const GpuDescriptor &descriptor, const DeviceEnd &end) {
  SmallVector<LLVM::CallOp> calls;
  module.walk([&](LLVM::CallOp call) { calls.push_back(call); });
  for (LLVM::CallOp call : calls) {
    StringRef name = call.getCallee().value_or("");
    OpBuilder b(call);
    Location loc = call.getLoc();
    auto operands = call.getArgOperands();
    unsigned number = 0;
    name.rsplit('.').second.getAsInteger(10, number);
    if (name.consume_front("matrix.")) {
      for (const MatrixUnit &unit : descriptor.matrixUnits)
        if (unit.name == name)
          call.getResult().replaceAllUsesWith(
              end.emitMatrix(b, loc, unit, operands[0], operands[1], operands[2]));
      if (!call.getResult().use_empty())
        continue;
    } else if (name.starts_with("async.copy.")) {
      end.emitAsyncCopy(b, loc, operands[0], operands[1], number);
    } else if (name == "async.commit") {
      end.emitAsyncCommit(b, loc);
    } else if (name.starts_with("async.wait.")) {
      end.emitAsyncWait(b, loc, number);
    } else {
      continue;
    }
    call.erase();
  }
}

int main(int argc, char **argv) {
  if (argc < 3) {
    llvm::errs() << "usage: kernel-to-isa TARGET:ARCHITECTURE FILE [FOLDER]\n";
    return 2;
  }
  std::vector<GpuDescriptor> descriptors = cuda::getDescriptors();
  for (GpuDescriptor &each : rocm::getDescriptors())
    descriptors.push_back(each);
  auto descriptor =
      llvm::find_if(descriptors, [&](const GpuDescriptor &each) { return each.getName() == argv[1]; });
  if (descriptor == descriptors.end()) {
    llvm::errs() << "error: no target '" << argv[1] << "'\n";
    return 2;
  }
  std::unique_ptr<DeviceEnd> end;
  if (descriptor->target == "cuda")
    end = std::make_unique<cuda::CudaEnd>(*descriptor);
  else
    end = std::make_unique<rocm::RocmEnd>(*descriptor);

  MLIRContext context;
  end->prepareContext(&context);
  OwningOpRef<ModuleOp> file = parseSourceFile<ModuleOp>(argv[2], &context);
  if (!file)
    return 1;
  SmallVector<ModuleOp> modules(file->getOps<ModuleOp>());
  if (modules.empty())
    modules.push_back(*file);
  std::vector<std::string> names;
  for (ModuleOp module : modules) {
    expandHooks(module, *descriptor, *end);
    names.push_back(describeKernel(module).name);
  }

  SmallString<128> folder(argc > 3 ? argv[3] : "");
  if (argc <= 3 && llvm::sys::fs::createUniqueDirectory("kernel-to-isa", folder))
    return 1;
  EndOptions options;
  options.dumpDir = folder.str().str();
  llvm::Expected<std::vector<char>> image = end->compile(modules, names, options);
  SmallString<128> path(folder);
  path += descriptor->target == "cuda" ? "/kernels.ptx" : "/kernels.s";
  if (auto text = llvm::MemoryBuffer::getFile(path))
    llvm::outs() << (*text)->getBuffer();
  if (argc <= 3)
    llvm::sys::fs::remove_directories(folder);
  if (!image) {
    llvm::errs() << "error: " << toString(image.takeError()) << "\n";
    return 1;
  }
  return 0;
}
