// Reading a tensor at computed places: flat positions of elements, and taps of interpolation around
// coordinates between elements. What the operators that sample images share.

#ifndef AICC_FRONTENDS_ONNX_OPS_SAMPLING_H
#define AICC_FRONTENDS_ONNX_OPS_SAMPLING_H

#include "frontends/onnx/Node.h"

namespace aicc::onnx_import {

/// A size as a number of any element type, rank 0.
Value sizeScalar(Node &n, AffineExpr size, Type element);
/// Numbers 0, 1, ... along dimension `axis` of something of rank `rank`: its other sizes are 1.
Value ramp(Node &n, AffineExpr size, int64_t axis, int64_t rank, Type element);
/// min(max(x, 0), size - 1).
Value clampIndex(Node &n, Value x, AffineExpr size);
/// lo <= x && x <= hi of numbers.
Value isBetween(Node &n, Value x, Value lo, Value hi);
/// f64 where `x` has it, else f32: what coordinates and weights are computed in.
Type getComputeType(Node &n, Value x);
/// A product of sizes; throws where it is too complicated.
AffineExpr productOf(Node &n, ArrayRef<AffineExpr> sizes);
/// `x` with a dimension that must be `size`; where only the run tells, it is checked there.
Value withSize(Node &n, Value x, int64_t dim, AffineExpr size, const Twine &what);
/// The value of a computed number (an integer, if in floats) as a size, at least `least`. `what` names it in
/// the error.
AffineExpr toSize(Node &n, Value x, const Twine &what, int64_t least = 0);
/// Input `index` as sizes of one at least.
SmallVector<AffineExpr> getPositiveSizes(Node &n, unsigned index, const Twine &what);
/// The type of positions in `x`: i32 where they are known to fit.
Type getPositionType(Node &n, Value x);

/// Elements of `x` at flat positions, of any shape.
Value takeFlat(Node &n, Value x, Value positions);
/// Flat positions of the first elements of rows, [shape..., 1 (trailing times)] where the shape counts
/// elements of `x` in blocks of `rowSize`.
Value rowPositions(Node &n, ArrayRef<AffineExpr> shape, int64_t trailing, AffineExpr rowSize, Type type);

enum class Interpolation { nearest, linear, cubic };
enum class Outside { zeros, border, reflection };

/// Where a sample reads and how much each element counts: index and weight broadcast to [taps of the first
/// axis, ..., points...]. A null weight is 1.
struct Taps {
  Value index, weight;
  int64_t numTapDims = 0;
};

/// One spatial dimension of a sampled tensor.
struct SampleAxis {
  Value at; ///< coordinates in elements, floats, of the points' rank
  AffineExpr size, stride;
};

/// The taps around points with a coordinate per axis. Indices are clamped into the tensor; `zeros` gives taps
/// outside of it no weight, `reflection` mirrors them between `low` and size - 1 - low.
Taps makeTaps(Node &n, ArrayRef<SampleAxis> axes, Interpolation mode, Outside outside, double low,
              Type position, double cubicA);
/// Coordinates mirrored at `low` and size - 1 - low until they lie between.
Value reflect(Node &n, Value x, AffineExpr size, double low);
/// The sum over taps of weighted elements of `x`, as its element type; rows broadcast against points.
Value sampleSum(Node &n, Value x, Value rows, const Taps &taps);

} // namespace aicc::onnx_import

#endif
