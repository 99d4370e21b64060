// The kinds of kernels that the generator for graphics processors emits. Each function takes one fused
// dispatch whose values all have symbolic sizes, and emits its kernel into `module`; it fails, having emitted
// nothing, where the dispatch is none of its kind or form.
//
// Two ways to add an operation: an emitter of its own in the table of Kernels.cpp; or, for an operation whose
// result elements are computed independently of each other, a function in the table of RootElements.cpp, for
// which the pointwise emitter writes everything around it.

#ifndef AICC_TARGETS_GPU_CODEGEN_KERNELS_H
#define AICC_TARGETS_GPU_CODEGEN_KERNELS_H

#include "targets/gpu/codegen/GpuEmitter.h"

namespace aicc::gpu {

struct KernelRequest {
  mlir::ModuleOp module;
  std::string name; // of the entry; unique
  exe::DispatchOp dispatch;
  nn::SymbolicShapes &shapes;
  const GpuDescriptor &gpu;
  const DeviceEnd &end;
};

using KernelFn = llvm::FailureOr<Launch> (*)(KernelRequest &);

/// The emitters for a dispatch by its kind, in the order in which they are tried; empty if there are none.
llvm::ArrayRef<KernelFn> getKernelEmitters(llvm::StringRef kind);

/// The single operation of a dispatch's body that has loops of its own: the one whose name is the kind.
mlir::Operation *getRoot(exe::DispatchOp dispatch);

/// Elementwise work, views and copies, one thread for each element or small vector; a concatenation's parts
/// follow each other.
llvm::FailureOr<Launch> emitMap(KernelRequest &request);
/// One thread for each element of the root's result, by the table below.
llvm::FailureOr<Launch> emitPointwise(KernelRequest &request);

/// nn.matmul by tiles, or, for few rows, by threads that share out the depth.
llvm::FailureOr<Launch> emitMatMul(KernelRequest &request);
/// nn.conv and nn.conv_transpose as products of matrices, where channels are enough to share.
llvm::FailureOr<Launch> emitConv(KernelRequest &request);
llvm::FailureOr<Launch> emitConvTranspose(KernelRequest &request);
/// nn.attention, streamed: the score matrix never leaves the workgroup.
llvm::FailureOr<Launch> emitAttention(KernelRequest &request);

/// nn.reduce and nn.arg_reduce, a group of threads for each row.
llvm::FailureOr<Launch> emitReduce(KernelRequest &request);
/// nn.softmax, nn.layer_norm, nn.rms_norm and nn.group_norm, the same.
llvm::FailureOr<Launch> emitNorm(KernelRequest &request);
/// nn.cumsum, nn.scatter_elements and nn.scatter_nd.
llvm::FailureOr<Launch> emitIndexed(KernelRequest &request);
llvm::FailureOr<Launch> emitTopK(KernelRequest &request);
/// nn.lstm, nn.gru and nn.rnn, a workgroup for each sequence and direction.
llvm::FailureOr<Launch> emitRecurrent(KernelRequest &request);

/// The element at `c` (no lanes) of the result of `root`, in the type of the result's registers. Emits any
/// straight or structured code; must not use barriers or workgroup memory.
using RootElementFn = Value (*)(GpuEmitter &e, mlir::Operation *root, const Coord &c);
/// Null if the operation has none.
RootElementFn getRootElement(mlir::Operation *root);

//===--- root elements by file
Value emitMatMulElement(GpuEmitter &e, mlir::Operation *root, const Coord &c);
Value emitConvElement(GpuEmitter &e, mlir::Operation *root, const Coord &c);
Value emitMaxPoolElement(GpuEmitter &e, mlir::Operation *root, const Coord &c);
Value emitAvgPoolElement(GpuEmitter &e, mlir::Operation *root, const Coord &c);
Value emitConvTransposeElement(GpuEmitter &e, mlir::Operation *root, const Coord &c);
Value emitLrnElement(GpuEmitter &e, mlir::Operation *root, const Coord &c);
Value emitResizeElement(GpuEmitter &e, mlir::Operation *root, const Coord &c);
Value emitGatherElementsElement(GpuEmitter &e, mlir::Operation *root, const Coord &c);
Value emitGatherNdElement(GpuEmitter &e, mlir::Operation *root, const Coord &c);

} // namespace aicc::gpu

#endif
