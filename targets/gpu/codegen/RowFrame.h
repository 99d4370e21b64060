// How kernels over rows (reductions, softmax, norms) share out work: a row is swept by a group of threads of
// one workgroup, a workgroup has several rows where they are short. The threads of a row are neighbours, or,
// where neighbouring rows are neighbours in memory, stand apart by the number of rows of the workgroup.
// Threads without a row of their own do the last row's work again, but store nothing, so that all threads
// meet at barriers.

#ifndef AICC_TARGETS_GPU_CODEGEN_ROWFRAME_H
#define AICC_TARGETS_GPU_CODEGEN_ROWFRAME_H

#include "targets/gpu/codegen/Kernels.h"
#include "targets/kernel/Numbers.h"

namespace aicc::gpu {

struct RowShape {
  /// Threads of a row, a power of two, and of a workgroup, a multiple of it.
  unsigned width = 1, threads = 256;
  /// The threads of a row stand apart.
  bool apart = false;
  /// Elements that a thread takes at a time, along the row's last dimension.
  unsigned lanes = 1;

  unsigned getRows() const { return threads / width; }
};

/// The shape for `rows` rows of `length` elements. `lanes`: see RowShape.
RowShape chooseRowShape(const GpuDescriptor &gpu, AffineExpr rows, AffineExpr length, unsigned lanes,
                        bool apart);
/// Elements in one load as wide as the device's of the widest element that the dispatch reads or writes.
unsigned getWideLanes(exe::DispatchOp dispatch, const GpuDescriptor &gpu);

class RowFrame {
public:
  /// `rows`: how many there are; `dims`: a row's sizes, of which the last is a multiple of shape.lanes.
  RowFrame(GpuEmitter &e, const RowShape &shape, AffineExpr rows, ArrayRef<AffineExpr> dims);

  GpuEmitter &e;
  const RowShape shape;
  /// This thread's row, its place among the row's threads, and whether the row is its own (null: always).
  Value row, part, active;

  /// One visit of the thread to its next element or lanes: their index in each of the row's dimensions, the
  /// slot in which a value may be kept from one sweep to the next, and whether they exist (null: they do;
  /// else they can be read all the same).
  struct Place {
    SmallVector<Value> idx;
    int slot = -1;
    Value inside;
  };
  using Body = llvm::function_ref<SmallVector<Value>(const Place &, ValueRange carried)>;

  /// True if a thread visits so few elements that they are kept in registers: values of slots dominate all
  /// later sweeps.
  bool isUnrolled() const { return slots > 0; }
  unsigned getNumSlots() const { return slots; }
  /// Visits the thread's elements.
  SmallVector<Value> sweep(ValueRange init, Body body);
  /// The same; `body` runs only where the element exists and the row is the thread's own.
  void store(llvm::function_ref<void(const Place &)> body);
  /// What the row's threads have, combined; lanes of vectors, too. All threads of the workgroup call it.
  Value reduce(Value value, llvm::function_ref<Value(Value, Value)> combine);
  SmallVector<Value> reduceAll(ValueRange values, GpuEmitter::Combine combine);
  /// Runs `body` in the one thread that stores the row's result.
  void once(llvm::function_ref<void()> body);
  /// The number of workgroups.
  AffineExpr getGrid() const { return rows.ceilDiv(shape.getRows()); }

private:
  SmallVector<Value> reduceApart(ValueRange values, GpuEmitter::Combine combine);

  AffineExpr rows;
  SmallVector<AffineExpr> blocks; // the row's sizes, the last in lanes
  AffineExpr count;
  unsigned slots = 0;
  llvm::DenseMap<Type, SmallVector<Value>> exchange;
};

} // namespace aicc::gpu

#endif
