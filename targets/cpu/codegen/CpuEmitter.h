// The frame in which every CPU kernel is emitted: the function with the kernel ABI
// (runtime/include/aicc/kernel_abi.h) over a range of workgroups. What a kernel computes is emitted with the
// KernelEmitter's means; kernels of one kind (map, matmul, conv, ...) are files of their own on top of it.

#ifndef AICC_TARGETS_CPU_CODEGEN_CPUEMITTER_H
#define AICC_TARGETS_CPU_CODEGEN_CPUEMITTER_H

#include "targets/cpu/codegen/Descriptor.h"
#include "targets/kernel/KernelEmitter.h"

namespace aicc::cpu {

using kernel::Coord;
using kernel::Launch;
using kernel::View;
using llvm::ArrayRef;
using llvm::SmallVector;
using mlir::AffineExpr;
using mlir::Location;
using mlir::Type;
using mlir::Value;
using mlir::ValueRange;

class CpuEmitter : public kernel::KernelEmitter {
public:
  /// Starts the kernel `name` for `dispatch` in `module`. The builder stands in the body of the entry block.
  CpuEmitter(mlir::ModuleOp module, llvm::StringRef name, exe::DispatchOp dispatch,
             nn::SymbolicShapes &shapes, const CpuDescriptor &cpu);

  const CpuDescriptor &cpu;
  Value begin, end; // the range of workgroups
  Value scratch;    // !llvm.ptr, of this worker

  /// Prefetches one cache line for reading, into the level of locality 3 (L1) to 1 (L3).
  void prefetch(Value base, Value index, Type element, int locality);
};

} // namespace aicc::cpu

#endif
