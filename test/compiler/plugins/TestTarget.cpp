// A target of graphics processors whose binary is the text of its kernels: what the generator emits and how
// plug-ins are loaded is tested with it. TEST_LLVM and TEST_HASH make plug-ins that must be refused.

#include "aicc/TargetPlugin.h"
#include "targets/gpu/codegen/GpuTarget.h"
#include "targets/gpu/codegen/ImageWriter.h"

using namespace aicc;
using namespace aicc::gpu;

namespace {
class TextEnd : public DeviceEnd {
public:
  llvm::Expected<std::vector<char>> compile(llvm::ArrayRef<mlir::ModuleOp> modules,
                                            llvm::ArrayRef<std::string> entries,
                                            const EndOptions &) const override {
    std::string text;
    llvm::raw_string_ostream os(text);
    std::vector<ImageEntry> records;
    for (mlir::ModuleOp module : modules) {
      records.push_back(describeKernel(module));
      module.print(os);
    }
    return writeImage(records, {{"text", "", std::vector<char>(text.begin(), text.end())}});
  }
};

[[maybe_unused]] void registerTestTarget() {
  GpuDescriptor wide, plain;
  wide.target = plain.target = "test_gpu";
  wide.format = plain.format = "text";
  wide.architecture = "subgroups";
  wide.subgroupSize = 32;
  plain.architecture = "plain";
  registerTarget(makeGpuTarget("test_gpu", {wide, plain}, [](const GpuDescriptor &) {
    return std::unique_ptr<DeviceEnd>(new TextEnd);
  }));
}
} // namespace

#ifdef TEST_LLVM
#undef LLVM_VERSION_STRING
#define LLVM_VERSION_STRING TEST_LLVM
#endif
#ifdef TEST_HASH
#undef AICC_TARGET_ABI_HASH
#define AICC_TARGET_ABI_HASH TEST_HASH
#endif
#if !defined(TEST_LLVM) && !defined(TEST_HASH)
AICC_TARGET_PLUGIN(registerTestTarget)
#else
AICC_TARGET_PLUGIN([] { abort(); })
#endif
