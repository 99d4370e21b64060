// Convolutions and what they share with pooling: kernel, strides, dilations, padding.

#include "frontends/onnx/ops/Windows.h"

using namespace mlir;

namespace aicc::onnx_import {

Windows getWindows(Node &n, Value x, ArrayRef<int64_t> kernel, bool takesRunPadding) {
  const int64_t spatial = int64_t(kernel.size());
  Windows w;
  w.kernel.assign(kernel.begin(), kernel.end());
  w.strides = n.getInts("strides", spatial, 1);
  w.dilations = n.getInts("dilations", spatial, 1);
  for (auto values : {&w.kernel, &w.strides, &w.dilations})
    for (int64_t value : *values)
      if (value < 1 || value > INT32_MAX)
        throw ImportError("kernel, strides and dilations must be positive");
  const std::string mode = n.getString("auto_pad", "NOTSET");
  SmallVector<int64_t> pads = n.getInts("pads", 2 * spatial, 0);
  if (mode == "NOTSET" || mode == "VALID" || mode.empty()) {
    if (mode == "VALID")
      pads.assign(2 * spatial, 0);
  } else if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    for (int64_t i = 0; i < spatial; ++i) {
      const int64_t reach = (w.kernel[i] - 1) * w.dilations[i] + 1, stride = w.strides[i];
      int64_t total = reach - 1;
      AffineExpr given = n.getShape(x)[2 + i];
      if (stride > 1 && takesRunPadding && !isa<AffineConstantExpr>(given)) {
        // The windows of ceil(size / stride) places reach over the end, or not to it.
        AffineExpr sum = (given.ceilDiv(stride) - 1) * stride + reach - given;
        sum = n.math().simplify(sum);
        if (sum && n.math().getBounds(sum).min < 0)
          sum = n.math().max(sum, n.constant(0));
        AffineExpr half = sum ? n.math().floorDiv(sum, n.constant(2)) : sum;
        if (!half)
          throw ImportError("its padding depends on the input's size in too complicated a way");
        w.runLow.resize(spatial, n.constant(0));
        w.runHigh.resize(spatial, n.constant(0));
        w.runLow[i] = mode == "SAME_UPPER" ? half : n.math().simplify(sum - half);
        w.runHigh[i] = n.math().simplify(sum - w.runLow[i]);
        pads[i] = pads[i + spatial] = 0;
        continue;
      }
      if (stride > 1) {
        const int64_t size = n.getStaticSize(x, 2 + i, "a size that auto_pad pads");
        total = std::max<int64_t>(0, ((size + stride - 1) / stride - 1) * stride + reach - size);
      }
      const int64_t smaller = total / 2;
      pads[i] = mode == "SAME_UPPER" ? smaller : total - smaller;
      pads[i + spatial] = total - pads[i];
    }
  } else {
    throw ImportError("auto_pad '" + mode + "' is not supported");
  }
  w.low.assign(pads.begin(), pads.begin() + spatial);
  w.high.assign(pads.begin() + spatial, pads.end());
  return w;
}

Value padAtRun(Node &n, Value x, const Windows &w, Value padding) {
  if (w.runLow.empty())
    return x;
  SmallVector<AffineExpr> low(2, n.constant(0)), high(low);
  low.append(w.runLow);
  high.append(w.runHigh);
  return n.make<nn::PadOp>(x, padding, n.builder.map(low), n.builder.map(high), nn::PadMode::constant);
}

namespace {
int64_t getSpatialRank(Node &n, Value x) {
  if (n.getRank(x) < 3)
    throw ImportError("its input has no spatial dimensions");
  return n.getRank(x) - 2;
}

SmallVector<int64_t> getKernel(Node &n, Value filter, int64_t spatial) {
  if (n.getRank(filter) != spatial + 2)
    throw ImportError("the filter's rank differs from the input's");
  SmallVector<int64_t> kernel;
  for (int64_t i = 0; i < spatial; ++i)
    kernel.push_back(n.getStaticSize(filter, 2 + i, "the kernel's size"));
  SmallVector<int64_t> given = n.getInts("kernel_shape");
  if (!given.empty() && given != kernel)
    throw ImportError("kernel_shape differs from the filter's sizes");
  return kernel;
}

Value convolve(Node &n, Value x, Value filter, Value bias) {
  Windows w = getWindows(n, x, getKernel(n, filter, getSpatialRank(n, x)), /*takesRunPadding=*/true);
  x = padAtRun(n, x, w, n.builder.scalarLike(0, x));
  return n.make<nn::ConvOp>(x, filter, bias, w.strides, w.dilations, w.low, w.high, n.getInt("group", 1), 0,
                            true);
}

Results importConv(Node &n) { return convolve(n, n.in(0), n.in(1), n.getOptional(2)); }

/// A parameter with one element per filter, or for all.
Value perFilter(Node &n, Value parameter, Value filter) {
  const bool single = n.getRank(parameter) == 0 || n.getShape(parameter)[0] == n.constant(1);
  return single ? n.builder.reshape(parameter, {}) : alongAxis(n, parameter, 0, n.getRank(filter));
}

Results importConvInteger(Node &n) {
  // nn's convolution is one of floats; f64 holds every sum of 8-bit products exactly.
  Type f64 = n.builder.getBuilder().getF64Type();
  auto centered = [&](Value x, Value zero) {
    x = n.builder.convert(x, f64);
    if (!zero)
      return x;
    zero = n.builder.convert(zero, f64);
    return n.sub(x, perFilter(n, zero, x));
  };
  Value y = convolve(n, centered(n.in(0), n.getOptional(2)), centered(n.in(1), n.getOptional(3)), Value());
  return n.builder.convert(y, n.builder.getBuilder().getI32Type());
}

/// Inputs x, scale, zero, w, scale, zero, scale, zero of the result, bias (int32, in units of both scales).
Results importQLinearConv(Node &n) {
  Type f32 = n.builder.getBuilder().getF32Type();
  // The sums are of integers, exact in f32 up to 2^24: the scales come after.
  auto centered = [&](Value x, Value zero) {
    return n.sub(n.builder.convert(x, f32), perFilter(n, n.builder.convert(zero, f32), x));
  };
  Value bias = n.has(8) ? n.builder.convert(n.in(8), f32) : Value();
  Value y = convolve(n, centered(n.in(0), n.in(2)), centered(n.in(3), n.in(5)), bias);
  Value filterScale = n.builder.convert(n.in(4), f32);
  const bool single = n.getRank(filterScale) == 0 || n.getShape(filterScale)[0] == n.constant(1);
  filterScale = single ? n.builder.reshape(filterScale, {}) : alongAxis(n, filterScale, 1, n.getRank(y));
  auto scalar = [&](unsigned input) { return n.builder.reshape(n.in(input), {}); };
  Value scale =
      n.div(n.mul(n.builder.convert(scalar(1), f32), filterScale), n.builder.convert(scalar(6), f32));
  return saturateQuantized(n, n.mul(y, scale), scalar(7), n.getElement(n.in(7)));
}

/// The whole result `y` cut, or filled up by zeros, to the sizes that output_shape asks for. What is too much
/// goes from both ends.
Value fitOutput(Node &n, Value y, ArrayRef<int64_t> wanted, bool upper) {
  SmallVector<AffineExpr> low(2, n.constant(0)), high(low);
  for (auto [i, size] : llvm::enumerate(wanted)) {
    AffineExpr whole = n.getShape(y)[2 + i], total = n.math().max(whole - size, n.constant(0));
    AffineExpr half = total ? n.math().floorDiv(total, n.constant(2)) : total;
    if (!half)
      throw ImportError("its padding depends on the input's size in too complicated a way");
    AffineExpr before = upper ? half : n.math().simplify(total - half);
    low.push_back(n.math().simplify(-before));
    high.push_back(n.math().simplify(before + size - whole));
  }
  return n.make<nn::PadOp>(y, n.builder.scalarLike(0, y), n.builder.map(low), n.builder.map(high),
                           nn::PadMode::constant);
}

/// The output's size is (in - 1) stride + reach - padding + output_padding; output_shape or auto_pad give the
/// padding instead.
Results importConvTranspose(Node &n) {
  Value x = n.in(0), filter = n.in(1);
  const int64_t spatial = getSpatialRank(n, x);
  SmallVector<int64_t> kernel = getKernel(n, filter, spatial), strides = n.getInts("strides", spatial, 1),
                       dilations = n.getInts("dilations", spatial, 1),
                       outputPadding = n.getInts("output_padding", spatial, 0),
                       pads = n.getInts("pads", 2 * spatial, 0), outputShape = n.getInts("output_shape");
  const std::string mode = n.getString("auto_pad", "NOTSET");
  const bool same = mode == "SAME_UPPER" || mode == "SAME_LOWER";
  if (!outputShape.empty() && int64_t(outputShape.size()) == spatial + 2)
    outputShape.erase(outputShape.begin(), outputShape.begin() + 2);
  if (!outputShape.empty() && int64_t(outputShape.size()) != spatial)
    throw ImportError("output_shape needs " + Twine(spatial) + " sizes");
  auto isKnown = [](AffineExpr size) { return isa<AffineConstantExpr>(size); };
  if (!outputShape.empty() && !llvm::all_of(n.getShape(x).drop_front(2), isKnown)) {
    for (int64_t size : outputShape)
      if (size < 0 || size > INT32_MAX)
        throw ImportError("output_shape must be positive");
    Value y =
        n.make<nn::ConvTransposeOp>(x, filter, Value(), strides, dilations, SmallVector<int64_t>(spatial, 0),
                                    SmallVector<int64_t>(spatial, 0), outputPadding, n.getInt("group", 1));
    y = fitOutput(n, y, outputShape, mode == "SAME_UPPER");
    return n.has(2) ? n.add(y, alongAxis(n, n.in(2), 1, spatial + 2)) : y;
  }
  for (int64_t i = 0; i < spatial; ++i) {
    if (strides[i] < 1 || dilations[i] < 1)
      throw ImportError("strides and dilations must be positive");
    const int64_t reach = (kernel[i] - 1) * dilations[i] + 1;
    int64_t total;
    if (!outputShape.empty()) {
      const int64_t size = n.getStaticSize(x, 2 + i, "a size that output_shape is given for");
      total = strides[i] * (size - 1) + outputPadding[i] + reach - outputShape[i];
      // A larger output than the windows reach: the rest is padding at the end.
      if (total < 0) {
        outputPadding[i] -= total;
        total = 0;
      }
    } else if (same) {
      total = std::max<int64_t>(0, reach + outputPadding[i] - strides[i]);
    } else {
      if (mode == "VALID")
        pads[i] = pads[i + spatial] = 0;
      continue;
    }
    const int64_t smaller = total / 2;
    pads[i] = mode == "SAME_UPPER" ? smaller : total - smaller;
    pads[i + spatial] = total - pads[i];
  }
  return n.make<nn::ConvTransposeOp>(x, filter, n.getOptional(2), strides, dilations,
                                     ArrayRef(pads).take_front(spatial), ArrayRef(pads).drop_front(spatial),
                                     outputPadding, n.getInt("group", 1));
}
} // namespace

void addConvolutionOps(OpTable &t) {
  t.add("Conv", importConv);
  t.add("ConvInteger", importConvInteger);
  t.add("ConvTranspose", importConvTranspose);
  t.add("QLinearConv", importQLinearConv);
}
} // namespace aicc::onnx_import
