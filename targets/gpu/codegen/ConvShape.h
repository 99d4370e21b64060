// What a convolution, or its transpose, is to the generator of its kernel: sizes, and where its operands lie.

#ifndef AICC_TARGETS_GPU_CODEGEN_CONVSHAPE_H
#define AICC_TARGETS_GPU_CODEGEN_CONVSHAPE_H

#include "targets/gpu/codegen/GpuEmitter.h"

namespace aicc::gpu {

struct ConvShape {
  /// Fails for other operations, blocked layouts and filters whose sizes are not known.
  static llvm::FailureOr<ConvShape> create(mlir::Operation *op, nn::SymbolicShapes &shapes);

  mlir::Operation *op = nullptr;
  Value result, bias; // bias may be null
  bool transposed = false;
  int64_t groups = 1, inputs = 0, outputs = 0; // channels of a group
  SmallVector<int64_t> kernel, strides, dilations, low;
  AffineExpr images, pixels;            // pixels of all images
  SmallVector<AffineExpr> inner, outer; // spatial sizes of input and result

  unsigned rank() const { return kernel.size(); }
  int64_t depth() const;

  /// Makes one dimension of the result's spatial ones wherever the epilogue allows it.
  bool mergeSpatial(exe::DispatchOp dispatch, nn::SymbolicShapes &shapes);

  /// False if an operand is no view.
  bool findViews(GpuEmitter &e);
  const View *input = nullptr, *filter = nullptr;
  bool filterLinear = false; // an output channel's weights follow each other in the order of the depth

  /// True if every output pixel is computed from the input pixel at its place alone.
  bool isPointwise(GpuEmitter &e) const;
  /// True if windows may reach beyond the input along `d`.
  bool mayLeave(unsigned d) const;
  /// The depth, or 0 where there is no input at all.
  Value emitDepth(GpuEmitter &e) const;
};

} // namespace aicc::gpu

#endif
