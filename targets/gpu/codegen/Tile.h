// Contractions by tiles: a workgroup computes a tile of the result, step by step along the depth, from tiles
// of both operands that its threads bring to workgroup memory together. Matrix products, convolutions and
// attention differ in how an operand's element is found (TileOperand) and in what becomes of the result; how
// a product of tiles is computed (TileProduct) is either every thread for itself or matrix instructions.

#ifndef AICC_TARGETS_GPU_CODEGEN_TILE_H
#define AICC_TARGETS_GPU_CODEGEN_TILE_H

#include "targets/gpu/codegen/GpuEmitter.h"
#include <functional>
#include <memory>

namespace aicc::gpu {

/// The tile of a workgroup, and the part of one thread (or, with matrix instructions, of one subgroup).
struct TileShape {
  unsigned rows = 64, columns = 64;
  unsigned depth = 16; // of one step
  /// Depth of the left operand's tile in workgroup memory where it is there beforehand; 0: one step's.
  unsigned residentDepth = 0;
  unsigned partRows = 4, partColumns = 4;
  unsigned threads = 256;
  /// Neighbouring columns that one thread holds; partColumns is a multiple. Without matrix instructions.
  unsigned run = 4;
  /// Tiles of operands under way: 1; 2, a step's loads overlap the product before it; more, copies past the
  /// registers do (TileContraction::chooseStages).
  unsigned stages = 2;
  /// Null: every thread for itself.
  const MatrixUnit *unit = nullptr;
  /// f32 operands are split into so many parts of the unit's type.
  unsigned splits = 1;
};

/// One operand. Its element (outer, k) has `outer` along the result's rows (left) or columns (right).
struct TileOperand {
  Type element = {}; // in memory
  /// Neighbouring threads, and the elements of one load, follow each other along outer; else along k.
  bool alongOuter = false;
  /// Elements of one load; places are multiples of it.
  unsigned width = 1;
  /// What does not depend on k; computed before the loop.
  std::function<SmallVector<Value>(Value outer)> prepare = nullptr;
  /// The elements (a vector where width > 1) at (outer, k): 0 where k is beyond the depth, anything where
  /// outer is beyond its edge.
  std::function<Value(ValueRange prepared, Value outer, Value k)> load = nullptr;
  /// Where these elements lie: `base` and an index. Null where elements beyond the depth must become 0.
  std::function<Value(ValueRange prepared, Value k)> locate = nullptr;
  Value base = {};
};

/// f32 for 16-bit floats, i32 for narrow integers, else the type itself.
Type getAccumulatorType(mlir::OpBuilder &b, Type element);
/// Converts elements (scalars or vectors) to `to`: extends or truncates.
Value convertNumber(GpuEmitter &e, Value value, Type to);
/// acc + x * y.
Value multiplyAdd(GpuEmitter &e, Value x, Value y, Value acc);
Value zeroOf(GpuEmitter &e, Type type);
/// True if `size` is a multiple of `factor` whatever its symbols are.
bool isMultipleOf(AffineExpr size, int64_t factor);

/// How an operand's tile lies in workgroup memory: rows of `stride` elements.
struct TileLayout {
  Type element = {};
  bool depthMajor = false; // rows are k, else outer
  unsigned stride = 0;
  unsigned size = 0; // elements of the whole tile

  /// Index of (outer, k).
  Value at(GpuEmitter &e, Value outer, Value k) const {
    return depthMajor ? e.add(e.mul(k, e.constant(stride)), outer)
                      : e.add(e.mul(outer, e.constant(stride)), k);
  }
};

/// A tile in workgroup memory: elements from `index` of `base` on.
struct TilePlace {
  Value base, index;
};

/// Products of tiles. Accumulators are a list of values, whose meaning is the class's own.
class TileProduct {
public:
  virtual ~TileProduct() = default;

  TileLayout lhs, rhs;

  virtual SmallVector<Value> zero() = 0;
  /// acc + left * right, for `depth` steps of k.
  virtual SmallVector<Value> multiply(TilePlace left, TilePlace right, unsigned depth, ValueRange acc) = 0;
  /// What lies at neighbouring columns of one row of the tile.
  struct Run {
    Value row, column; // within the tile
    SmallVector<Value> values;
  };
  virtual SmallVector<Run> runs(ValueRange acc) = 0;

  // Rows, as far as this thread holds a part of them; the same for two products with as many rows and
  // threads, of which none divides a row among subgroups.
  /// Their numbers within the tile.
  virtual SmallVector<Value> rows() = 0;
  /// fn(index of the row in rows(), column, value) for all accumulators.
  virtual SmallVector<Value> map(ValueRange acc,
                                 llvm::function_ref<Value(unsigned row, Value column, Value value)> fn) = 0;
  /// For each row, this thread's values of it combined.
  virtual SmallVector<Value> foldRows(ValueRange acc, llvm::function_ref<Value(Value, Value)> combine) = 0;
  /// For each row, the values of all threads that hold a part of it combined. All threads call it.
  virtual SmallVector<Value> shareRows(ValueRange ofRows,
                                       llvm::function_ref<Value(Value, Value)> combine) = 0;
};

/// `element`: of the operands in memory. Must be made where its ids dominate all uses.
std::unique_ptr<TileProduct> makeTileProduct(GpuEmitter &e, const TileShape &shape, Type element);

/// Brings tiles of one operand to workgroup memory: loads to registers, then stores, so that something can be
/// done between.
class TileLoader {
public:
  TileLoader(GpuEmitter &e, const TileOperand &operand, const TileLayout &layout, unsigned outer,
             unsigned depth)
      : e(e), operand(operand), layout(layout), outer(outer), depth(depth) {}
  /// Sets the tile's place along outer.
  void begin(Value firstOuter);
  /// This thread's part of the tile at k.
  SmallVector<Value> load(Value k);
  void store(ValueRange values, TilePlace to);
  /// True if copies past the registers can do both.
  bool canCopy() const;
  /// Starts the copies of this thread's part of the tile at k.
  void copy(Value k, TilePlace to);
  /// Types of what load returns.
  SmallVector<Type> types();

private:
  unsigned count() const;
  /// The last part is not for all threads.
  bool isPartial() const;

  GpuEmitter &e;
  const TileOperand &operand;
  TileLayout layout;
  unsigned outer, depth;
  struct Place {
    Value outer, k; // within the tile
    Value global;   // firstOuter + outer
    Value valid;    // i1; null: always
    SmallVector<Value> prepared;
  };
  SmallVector<Place> places;
};

/// The contraction over [0, depth) for the tile at (firstRow, firstColumn); returns accumulators. All threads
/// of the workgroup call it. A barrier must follow before its workgroup memory is written again.
class TileContraction {
public:
  /// `memory`: workgroup memory to use, if not its own. With `resident`, the left operand's tile lies there
  /// for the whole depth, and `lhs` is not used.
  TileContraction(GpuEmitter &e, const TileShape &shape, const TileOperand &lhs, const TileOperand &rhs,
                  TileProduct &product, Value memory = {}, Value resident = {});
  SmallVector<Value> run(Value firstRow, Value firstColumn, Value depth) {
    return run(firstRow, firstColumn, depth, product.zero());
  }
  SmallVector<Value> run(Value firstRow, Value firstColumn, Value depth, ValueRange init);
  /// The stages for these operands: as many as half of the workgroup memory holds, up to 4, where copies past
  /// the registers are possible, else 2.
  static unsigned chooseStages(GpuEmitter &e, const TileShape &shape, const TileOperand &lhs,
                               const TileOperand &rhs, const TileProduct &product);
  /// Elements of workgroup memory that it takes, of the operands' type.
  static unsigned getSharedElements(const TileShape &shape, const TileProduct &product);

private:
  SmallVector<Value> runCopies(TileLoader &lhs, TileLoader &rhs, Value depth, ValueRange init);

  GpuEmitter &e;
  TileShape shape;
  TileProduct &product;
  TileOperand left, right;
  Value memory, resident;
  unsigned rightFirst; // element of `memory` where the right operand begins
};

/// Stores results through the dispatch's epilogue.
class TileStore {
public:
  /// `lane`: the dimension of `root` along which columns run; vectors of `run` go there in one piece where
  /// that is possible.
  TileStore(GpuEmitter &e, Value root, unsigned lane, unsigned run, AffineExpr columns);
  /// Whether whole runs are stored by vectors.
  bool vectors() const { return useVectors; }
  /// Stores a run that begins at (row, column) of the whole result, as far as these are below their limits
  /// (null: they are). `place` gives the coordinate in the root's result.
  void store(const TileProduct::Run &run, Value row, Value column, Value rowLimit, Value columnLimit,
             llvm::function_ref<Coord(Value row, Value column)> place);

private:
  GpuEmitter &e;
  Value root;
  unsigned lane, run;
  bool useVectors = false;
  Type element;
};

/// A vector of scalars.
Value packVector(GpuEmitter &e, ValueRange values);

/// What a choice of tiles depends on; sizes that are not known are 0.
struct TileProblem {
  int64_t rows = 0, columns = 0, depth = 0, batches = 1;
  Type element = {};
  bool vectorColumns = true; // columns can be stored by vectors
};
TileShape chooseTile(const GpuDescriptor &gpu, const TileProblem &problem);

} // namespace aicc::gpu

#endif
