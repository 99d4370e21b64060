// The kinds of kernels that the CPU code generator emits. Each function takes one fused dispatch whose values
// all have symbolic sizes, and emits its kernel(s) into `module`; it fails, having emitted nothing, where the
// dispatch is none of its kind.

#ifndef AICC_TARGETS_CPU_CODEGEN_KERNELS_H
#define AICC_TARGETS_CPU_CODEGEN_KERNELS_H

#include "targets/cpu/codegen/CpuEmitter.h"

namespace aicc::cpu {

struct KernelRequest {
  mlir::ModuleOp module;
  std::string name; // of the entry; unique
  exe::DispatchOp dispatch;
  nn::SymbolicShapes &shapes;
  const CpuDescriptor &cpu;
};

using KernelFn = llvm::FailureOr<Launch> (*)(KernelRequest &);

/// Elementwise work, views and copies; a concatenation has one loop nest for each part.
llvm::FailureOr<Launch> emitMap(KernelRequest &request);
/// nn.matmul with an elementwise epilogue; the right operand plain [.., K, N] or packed (see Packing.h).
llvm::FailureOr<Launch> emitMatMul(KernelRequest &request);
/// nn.conv with an elementwise epilogue, direct, in plain or channel-blocked layout.
llvm::FailureOr<Launch> emitConv(KernelRequest &request);
/// nn.conv_transpose.
llvm::FailureOr<Launch> emitConvTranspose(KernelRequest &request);
/// nn.max_pool and nn.avg_pool.
llvm::FailureOr<Launch> emitPool(KernelRequest &request);
/// nn.resize.
llvm::FailureOr<Launch> emitResize(KernelRequest &request);
/// nn.reduce and nn.arg_reduce, with elementwise producers and epilogue.
llvm::FailureOr<Launch> emitReduce(KernelRequest &request);
/// nn.softmax, nn.layer_norm, nn.rms_norm, nn.group_norm, nn.lrn, with elementwise producers and epilogue.
llvm::FailureOr<Launch> emitNorm(KernelRequest &request);
/// nn.attention, streamed: the score matrix never leaves the worker's scratch memory.
llvm::FailureOr<Launch> emitAttention(KernelRequest &request);
/// nn.lstm, nn.gru and nn.rnn.
llvm::FailureOr<Launch> emitRecurrent(KernelRequest &request);
/// nn.cumsum, nn.topk, nn.scatter_*, nn.gather_elements, nn.gather_nd.
llvm::FailureOr<Launch> emitIndexed(KernelRequest &request);

/// The emitter for a dispatch by its kind; null if there is none.
KernelFn getKernelEmitter(llvm::StringRef kind);

} // namespace aicc::cpu

#endif
