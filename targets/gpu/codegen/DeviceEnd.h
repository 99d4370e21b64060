// What differs from one kind of graphics processor to the next after kernels are emitted: instructions that
// have no common spelling, and the way from kernels to a binary. A vendor's folder implements one DeviceEnd;
// everything above it is shared.
//
// The contract of the kernels that arrive here ("kernel IR"): one module for each kernel, in it one
//   llvm.func @name(!llvm.ptr x buffers (operands, then results), i64 x sizes, [!llvm.ptr scratch])
// with the attributes of KernelAttrs below, and globals in address space 3 (workgroup memory; uninitialized
// arrays). Pointer arguments are noalias and in address space 0, which stands for global memory; buffers are
// 64-byte aligned. The body has
//   - scf, arith (index casts of gpu ids included), cf.assert never;
//   - math: only fma, sqrt, absf, absi, floor, ceil, trunc, roundeven, copysign, ctlz, cttz, ctpop;
//   - vector on 1-D vectors of 2, 3, 4, 8 or 16 lanes: splat, extract, insert, shuffle, fma, reduction not;
//   - llvm.getelementptr with one dynamic i64 index; llvm.load and llvm.store of scalars and 1-D vectors with
//     an alignment in bytes, which may be less than a vector's size; llvm.mlir.addressof; llvm.alloca of
//     small private arrays; llvm.atomicrmw; llvm.mlir.undef, poison and zero;
//   - gpu.thread_id x, gpu.block_id x, gpu.lane_id, gpu.subgroup_id, gpu.barrier, gpu.shuffle of 32 bits;
//   - what the end's own hooks have emitted.
// Booleans are i8 in memory and i1 in registers. f16 and bf16 are loaded and stored as such and computed in
// f32 (arith.extf, arith.truncf) unless the descriptor says otherwise.

#ifndef AICC_TARGETS_GPU_CODEGEN_DEVICEEND_H
#define AICC_TARGETS_GPU_CODEGEN_DEVICEEND_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "targets/gpu/codegen/Descriptor.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace aicc::gpu {

/// Attributes of a kernel's llvm.func.
struct KernelAttrs {
  static constexpr llvm::StringLiteral kernel = "gpu.kernel";      // unit
  static constexpr llvm::StringLiteral threads = "aicc.threads";   // i32: work items of a workgroup
  static constexpr llvm::StringLiteral subgroup = "aicc.subgroup"; // i32; 0: any
  static constexpr llvm::StringLiteral scratch = "aicc.scratch"; // unit: the last argument is scratch memory
  static constexpr llvm::StringLiteral dynamicShared = "aicc.dynamic_shared"; // i32 bytes, if any
};

/// Workgroup memory is address space 3 in kernel IR.
constexpr unsigned kSharedSpace = 3;

struct EndOptions {
  /// Threads that compile() may use.
  unsigned threads = 1;
  /// If set, an existing folder that receives intermediate forms, a file for each kernel and form.
  std::string dumpDir = {};
};

class DeviceEnd {
public:
  virtual ~DeviceEnd() = default;

  /// Loads the dialects that the hooks and compile() emit; before anything else is called on a context.
  virtual void prepareContext(mlir::MLIRContext *context) const {}

  /// The accumulators after `unit`: fragments are 1-D vectors of the unit's numbers in the order of its
  /// layouts (16-bit floats as f16 or bf16, 8-bit as i8, tf32 as f32). Only for units of this end.
  virtual mlir::Value emitMatrix(mlir::OpBuilder &b, mlir::Location loc, const MatrixUnit &unit,
                                 mlir::Value lhs, mlir::Value rhs, mlir::Value acc) const {
    return {};
  }

  /// Starts a copy of `bytes` (one of the descriptor's asyncCopyBytes, both sides aligned to it) from global
  /// memory at `from` to workgroup memory at `to`.
  virtual void emitAsyncCopy(mlir::OpBuilder &b, mlir::Location loc, mlir::Value to, mlir::Value from,
                             unsigned bytes) const {}
  /// Closes the group of copies started since the last call, by this thread.
  virtual void emitAsyncCommit(mlir::OpBuilder &b, mlir::Location loc) const {}
  /// Waits until at most `pending` of this thread's groups are under way. A barrier must follow before other
  /// threads read.
  virtual void emitAsyncWait(mlir::OpBuilder &b, mlir::Location loc, unsigned pending) const {}

  /// What a device must list to run these kernels, beside the descriptor's features. Before compile().
  virtual std::vector<std::string> getRequiredFeatures(llvm::ArrayRef<mlir::ModuleOp> modules) const {
    return {};
  }

  /// Lowers kernels to an image (runtime/include/aicc/device_image.h; see ImageWriter.h). `modules`: one for
  /// each of `entries`, in that order; they are consumed. Errors name the kernel.
  virtual llvm::Expected<std::vector<char>> compile(llvm::ArrayRef<mlir::ModuleOp> modules,
                                                    llvm::ArrayRef<std::string> entries,
                                                    const EndOptions &options) const = 0;
};

/// Calls work(i) for all i < count on up to `threads` threads, and returns the errors of all together.
/// Contexts whose multithreading is disabled need threads = 1.
llvm::Error forEachInParallel(unsigned count, unsigned threads,
                              llvm::function_ref<llvm::Error(unsigned)> work);

/// Writes `text` into options.dumpDir/name, if there is such a folder; failures are ignored.
void dumpKernel(const EndOptions &options, llvm::StringRef name, llvm::StringRef text);

} // namespace aicc::gpu

#endif
