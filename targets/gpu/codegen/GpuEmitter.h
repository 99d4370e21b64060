// The frame of a kernel for graphics processors: a function that every thread of every workgroup runs (the
// contract is in DeviceEnd.h), ids, workgroup memory, barriers, and what the threads of a subgroup or a
// workgroup compute together. What a thread computes is emitted with the KernelEmitter's means.

#ifndef AICC_TARGETS_GPU_CODEGEN_GPUEMITTER_H
#define AICC_TARGETS_GPU_CODEGEN_GPUEMITTER_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "targets/gpu/codegen/DeviceEnd.h"
#include "targets/kernel/KernelEmitter.h"

namespace aicc::gpu {

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

class GpuEmitter : public kernel::KernelEmitter {
public:
  /// Starts the kernel `name` for `dispatch` in `module`, for workgroups of `threads`. The builder stands in
  /// the body, which all threads run.
  GpuEmitter(mlir::ModuleOp module, llvm::StringRef name, exe::DispatchOp dispatch,
             nn::SymbolicShapes &shapes, const GpuDescriptor &gpu, const DeviceEnd &end, unsigned threads);

  /// As KernelEmitter's, with the scratch memory that was asked for; a second argument changes nothing.
  Launch finish(AffineExpr grid, AffineExpr scratchBytes = {});

  const GpuDescriptor &gpu;
  const DeviceEnd &end;
  /// Threads of a workgroup, and lanes of a subgroup (0: none to speak of).
  const unsigned threads, lanes;

  //===--- where this thread is (i64)
  Value groupId();
  Value threadId(); // within the workgroup
  Value laneId();   // within the subgroup; only where lanes > 0
  Value subgroupId();
  /// groupId() * threads + threadId()
  Value globalId();

  /// All threads of the workgroup meet, and see what others have written to workgroup and global memory.
  /// Every thread of the workgroup must come by: never inside of divergent control flow.
  void barrier();
  /// Uninitialized workgroup memory of `count` elements (memory type of `element`); a pointer in address
  /// space 3 for load, store and address. Counted against sharedBytes by the caller.
  Value shared(Type element, unsigned count);
  /// A private array of `count` elements.
  Value local(Type element, unsigned count);
  /// This workgroup's scratch memory (global), of `bytes`. Once in a kernel.
  Value scratch(AffineExpr bytes);

  //===--- control
  /// for (i = threadId(); i < count; i += threads) body(i): the workgroup shares out [0, count).
  void share(Value count, llvm::function_ref<void(Value)> body);
  /// The same with values carried by each thread.
  SmallVector<Value> share(Value count, ValueRange init,
                           llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body);
  /// if (condition) then() else otherwise(), with values.
  SmallVector<Value> ifElse(Value condition, llvm::function_ref<SmallVector<Value>()> then,
                            llvm::function_ref<SmallVector<Value>()> otherwise);
  Value compare(mlir::arith::CmpIPredicate predicate, Value x, Value y);

  //===--- what threads compute together
  using Combine = llvm::function_ref<SmallVector<Value>(ValueRange, ValueRange)>;
  /// The lane `laneId() ^ mask`'s value (any scalar type up to 64 bits). Only where lanes > 0.
  Value shuffleXor(Value value, unsigned mask);
  /// Lane `lane`'s (i64 or i32) value.
  Value shuffleIndex(Value value, Value lane);
  /// All values of a group of `width` neighbouring threads (power of two up to threads; groups start at
  /// multiples) combined; every thread gets the result. `combine` is associative and commutative on tuples of
  /// scalars. Uses subgroup shuffles where there are some, workgroup memory and barriers else, and so must be
  /// called by all threads of the workgroup.
  SmallVector<Value> reduce(ValueRange values, unsigned width, Combine combine);
  Value reduce(Value value, unsigned width, llvm::function_ref<Value(Value, Value)> combine);

  //===--- memory (see KernelEmitter)
  Value load(Value base, Value index, Type element, unsigned lanes = 0, Value mask = {},
             unsigned aligned = 1) override;
  Value loadStrided(Value base, Value index, Value stride, Type element, unsigned lanes, Value mask) override;
  Value loadGather(Value base, Value indices, Type element, unsigned lanes, Value mask) override;
  void store(Value value, Value base, Value index, Type element, Value mask = {},
             unsigned aligned = 1) override;
  /// In 32 bits where sizes are known to be small.
  Value div(Value x, Value y) override;
  Value rem(Value x, Value y) override;

private:
  Value id(Value &slot, llvm::function_ref<Value()> make);
  Value shuffle(Value value, Value lane, mlir::gpu::ShuffleMode mode);
  SmallVector<Value> reduceShared(ValueRange values, unsigned width, Combine combine);
  Value perLane(unsigned lanes, Type element, Value mask, llvm::function_ref<Value(unsigned)> index,
                Value base);

  SmallVector<Value> exchangeMemory(ValueRange values);

  Value group, thread, lane, subgroup, global;
  AffineExpr scratchBytes;
  /// Workgroup memory of reduceShared, by type; reused, with barriers between.
  llvm::DenseMap<Type, SmallVector<Value>> exchange;
  unsigned numShared = 0;
  bool smallSizes = false; // every index that can be computed fits 31 bits
};

} // namespace aicc::gpu

#endif
