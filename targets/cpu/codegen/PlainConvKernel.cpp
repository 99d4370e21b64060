#include "targets/cpu/codegen/ConvKernels.h"
using namespace aicc;
using namespace aicc::cpu;
llvm::FailureOr<Launch> aicc::cpu::emitPlainConv(KernelRequest &request, exe::DispatchOp dispatch, nn::ConvOp root) { return mlir::failure(); }
llvm::FailureOr<Launch> aicc::cpu::emitBlockedDepthwise(KernelRequest &request, exe::DispatchOp dispatch, nn::ConvOp root) { return mlir::failure(); }
