// Operators on images beyond convolution and pooling: sampling at given places, regions of interest,
// deformable convolution, and the inverses of taking windows apart.

#include "frontends/onnx/ops/Sampling.h"
#include "frontends/onnx/ops/Windows.h"

using namespace mlir;

namespace aicc::onnx_import {
namespace {

/// Row-major strides of dimensions `first`.. of `shape`.
SmallVector<AffineExpr> getStrides(Node &n, ArrayRef<AffineExpr> sizes) {
  SmallVector<AffineExpr> strides(sizes.size(), n.constant(1));
  for (int64_t i = int64_t(sizes.size()) - 2; i >= 0; --i)
    strides[i] = productOf(n, {strides[i + 1], sizes[i + 1]});
  return strides;
}

/// y[n, c, place] = x[n, c] interpolated at grid[n, place], whose last dimension holds coordinates, the
/// innermost first, from -1 to 1.
Results importGridSample(Node &n) {
  Value x = n.in(0), grid = n.in(1);
  const int64_t rank = n.getRank(x), spatial = rank - 2;
  if (rank < 3 || n.getRank(grid) != rank)
    throw ImportError(
        "it needs an input [N, C, sizes...] and a grid [N, places..., coordinates] of its rank");
  grid = withSize(n, grid, rank - 1, n.constant(spatial), "the number of coordinates");
  const std::string name = n.getString("mode", n.opset < 20 ? "bilinear" : "linear"),
                    padding = n.getString("padding_mode", "zeros");
  Interpolation mode;
  if (name == "nearest")
    mode = Interpolation::nearest;
  else if (name == "linear" || name == "bilinear")
    mode = Interpolation::linear;
  else if (name == "cubic" || name == "bicubic")
    mode = Interpolation::cubic;
  else
    throw ImportError("mode '" + name + "' is not supported");
  if (padding != "zeros" && padding != "border" && padding != "reflection")
    throw ImportError("padding_mode '" + padding + "' is not supported");
  const Outside outside = padding == "zeros"    ? Outside::zeros
                          : padding == "border" ? Outside::border
                                                : Outside::reflection;
  const bool aligned = n.getInt("align_corners", 0) != 0;
  const double low = aligned ? 0 : -0.5;

  SmallVector<AffineExpr> sizes(n.getShape(x).drop_front(2)), strides = getStrides(n, sizes);
  SmallVector<AffineExpr> gridShape(n.getShape(grid));
  SmallVector<AffineExpr> places(ArrayRef(gridShape).slice(1, spatial));
  AffineExpr count = productOf(n, places), batch = gridShape[0];
  Type type = getComputeType(n, n.getElement(x).isF64() ? x : grid);
  grid = n.builder.reshape(grid, {batch, n.constant(1), count, n.constant(spatial)});
  SmallVector<SampleAxis> axes;
  for (int64_t d = 0; d < spatial; ++d) {
    Value at = n.builder.sliceAxis(grid, 3, n.constant(spatial - 1 - d), n.constant(1));
    at = n.add(n.builder.convert(n.builder.reshape(at, {batch, n.constant(1), count}), type), 1.0);
    if (aligned)
      at = n.mul(n.mul(at, 0.5), sizeScalar(n, n.math().simplify(sizes[d] - 1), type));
    else
      at = n.mul(n.add(n.mul(at, sizeScalar(n, sizes[d], type)), -1.0), 0.5);
    if (mode == Interpolation::nearest)
      at = n.make<nn::RoundOp>(at);
    if (outside == Outside::reflection) {
      at = reflect(n, at, sizes[d], low);
    } else if (outside == Outside::border) {
      Value high = n.add(sizeScalar(n, n.math().simplify(sizes[d] - 1), type), -low);
      Value inside = isBetween(n, at, n.builder.scalar(low, type), high);
      at = n.make<nn::SelectOp>(inside, at, clampIndex(n, at, sizes[d]));
    }
    axes.push_back({at, sizes[d], strides[d]});
  }
  Type position = getPositionType(n, x);
  Taps taps = makeTaps(n, axes, mode, outside, low, position, -0.75);
  Value rows = rowPositions(n, {n.getShape(x)[0], n.getShape(x)[1]}, 1, productOf(n, sizes), position);
  Value y = sampleSum(n, x, rows, taps);
  SmallVector<AffineExpr> shape(n.getShape(y).take_front(2));
  shape.append(places);
  return n.builder.reshape(y, shape);
}

/// The places of a grid from -1 to 1, each moved by theta [N, D, D + 1]; coordinates innermost first.
Results importAffineGrid(Node &n) {
  Value theta = n.in(0);
  SmallVector<AffineExpr> size = getPositiveSizes(n, 1, "the size");
  const int64_t spatial = int64_t(size.size()) - 2;
  if (spatial < 1 || n.getRank(theta) != 3)
    throw ImportError("it needs theta [N, D, D + 1] and a size [N, C, sizes...]");
  theta = withSize(n, theta, 1, n.constant(spatial), "theta");
  theta = withSize(n, theta, 2, n.constant(spatial + 1), "theta");
  const bool aligned = n.getInt("align_corners", 0) != 0;
  Type element = n.getElement(theta), type = getComputeType(n, theta);
  SmallVector<AffineExpr> places(ArrayRef(size).drop_front(2));
  AffineExpr count = productOf(n, places), one = n.constant(1);
  auto column = [&](Value x) { return n.builder.reshape(n.builder.broadcast(x, places), {one, count, one}); };
  SmallVector<Value> columns;
  for (int64_t d = spatial - 1; d >= 0; --d) {
    // (2 i + 1) / size - 1; with aligned corners 2 i / (size - 1) - 1.
    Value i = n.mul(ramp(n, places[d], d, spatial, type), 2.0);
    AffineExpr steps = aligned ? n.math().simplify(places[d] - 1) : places[d];
    i = n.div(n.add(i, aligned ? 0.0 : 1.0), sizeScalar(n, steps, type));
    columns.push_back(column(n.add(i, -1.0)));
  }
  columns.push_back(column(n.builder.scalar(1, type)));
  Value grid =
      n.make<nn::MatMulOp>(n.builder.concat(columns, 2), n.builder.convert(theta, type), false, true);
  SmallVector<AffineExpr> shape{n.getShape(theta)[0]};
  shape.append(places);
  shape.push_back(n.constant(spatial));
  return n.builder.convert(n.builder.reshape(grid, shape), element);
}

/// Each region [x1, y1, x2, y2] of an image is cut into bins, and each bin is the mean or maximum of samples.
Results importRoiAlign(Node &n) {
  Value x = n.in(0), rois = n.in(1), batch = n.in(2);
  if (n.getRank(x) != 4 || n.getRank(rois) != 2 || n.getRank(batch) != 1)
    throw ImportError("it needs an input [N, C, H, W], regions [R, 4] and their images [R]");
  rois = withSize(n, rois, 1, n.constant(4), "the number of coordinates of a region");
  const std::string name = n.getString("mode", "avg"),
                    coordinates = n.getString("coordinate_transformation_mode",
                                              n.opset < 16 ? "output_half_pixel" : "half_pixel");
  if ((name != "avg" && name != "max") || (coordinates != "half_pixel" && coordinates != "output_half_pixel"))
    throw ImportError("mode '" + name + "' with '" + coordinates + "' is not supported");
  const bool halfPixel = coordinates == "half_pixel", isMax = name == "max";
  const int64_t bins[2] = {n.getInt("output_height", 1), n.getInt("output_width", 1)},
                ratio = n.getInt("sampling_ratio", 0);
  if (bins[0] < 1 || bins[1] < 1 || bins[0] > INT16_MAX || bins[1] > INT16_MAX || ratio < 0 ||
      ratio > INT16_MAX)
    throw ImportError("output_height and output_width must be positive, sampling_ratio not negative");
  Type type = getComputeType(n, x), position = getPositionType(n, x);
  auto number = [&](double value) { return n.builder.scalar(value, type); };
  SmallVector<AffineExpr> s(n.getShape(x));
  SmallVector<AffineExpr> sizes{s[2], s[3]}, strides{s[3], n.constant(1)};
  AffineExpr channels = s[1], count = n.getShape(rois)[0];
  rois = n.add(n.mul(n.builder.convert(rois, type), n.getFloat("spatial_scale", 1)), halfPixel ? -0.5 : 0.0);

  // Points are [samples down, samples across, region, channel, bin down, bin across].
  SmallVector<SampleAxis> axes;
  Value inside, isSample, numSamples;
  for (int64_t d = 0; d < 2; ++d) {
    auto column = [&](int64_t i) {
      SmallVector<AffineExpr> shape(6, n.constant(1));
      shape[2] = count;
      return n.builder.reshape(n.builder.sliceAxis(rois, 1, n.constant(i), n.constant(1)), shape);
    };
    Value start = column(1 - d), extent = n.sub(column(3 - d), start);
    if (!halfPixel)
      extent = n.make<nn::MaxOp>(extent, number(1));
    Value bin = n.mul(extent, 1.0 / double(bins[d]));
    AffineExpr samples = n.constant(ratio);
    Value perBin = number(double(ratio));
    if (ratio == 0) {
      // As many samples as the bin has elements: of the largest region, and the others leave some out.
      perBin = n.make<nn::MaxOp>(n.make<nn::CeilOp>(bin), number(0));
      Value most = n.builder.reduce(perBin, nn::ReduceKind::max, {0, 1, 2, 3, 4, 5}, false);
      samples = toSize(n, n.make<nn::MaxOp>(most, number(1)), "the size of the largest region", 1);
    }
    Value sample = ramp(n, samples, d, 6, type);
    if (ratio == 0) {
      Value valid = n.builder.compare(sample, perBin, nn::CompareKind::lt);
      isSample = isSample ? n.make<nn::AndOp>(isSample, valid) : valid;
    }
    numSamples = numSamples ? n.mul(numSamples, perBin) : perBin;
    Value at = n.div(n.mul(n.add(sample, 0.5), bin), perBin);
    at = n.add(n.add(start, n.mul(ramp(n, n.constant(bins[d]), 4 + d, 6, type), bin)), at);
    Value near = isBetween(n, at, number(-1), sizeScalar(n, sizes[d], type));
    inside = inside ? n.make<nn::AndOp>(inside, near) : near;
    axes.push_back({clampIndex(n, at, sizes[d]), sizes[d], strides[d]});
  }
  Taps taps = makeTaps(n, axes, Interpolation::linear, Outside::border, 0, position, 0);
  taps.weight = n.make<nn::SelectOp>(inside, taps.weight, number(0));
  if (isSample && !isMax)
    taps.weight = n.make<nn::SelectOp>(isSample, taps.weight, number(0));

  // The image's number times its size, plus the channel's.
  AffineExpr image = productOf(n, {channels, sizes[0], sizes[1]}), plane = productOf(n, sizes);
  AffineExpr one = n.constant(1);
  Value rows = n.mul(n.builder.reshape(n.builder.convert(batch, position), {count, one, one, one}),
                     sizeScalar(n, image, position));
  rows = n.add(rows, n.mul(ramp(n, channels, 1, 4, position), sizeScalar(n, plane, position)));
  Value values = takeFlat(n, x, n.add(rows, taps.index));
  values = n.mul(n.builder.convert(values, type), taps.weight);
  SmallVector<int64_t> all{0, 1, 2, 3};
  Value y;
  if (!isMax) {
    Value share = n.div(number(1), n.make<nn::MaxOp>(numSamples, number(1)));
    if (n.getRank(share) == 6)
      share = n.builder.reshape(share, {count, one, one, one});
    y = n.mul(n.builder.reduce(values, nn::ReduceKind::sum, all, false), share);
  } else if (!isSample) {
    y = n.builder.reduce(values, nn::ReduceKind::max, all, false);
  } else {
    values = n.make<nn::SelectOp>(isSample, values, number(-INFINITY));
    y = n.builder.reduce(values, nn::ReduceKind::max, all, false);
    Value any = n.builder.compare(n.builder.reshape(numSamples, {count, one, one, one}), number(0),
                                  nn::CompareKind::gt);
    y = n.make<nn::SelectOp>(any, y, number(0));
  }
  return n.builder.convert(y, n.getElement(x));
}

/// Windows whose elements are each read at a place of its own; their product with the filter is a matrix's.
Results importDeformConv(Node &n) {
  Value x = n.in(0), filter = n.in(1), offset = n.in(2);
  const int64_t rank = n.getRank(x), spatial = rank - 2;
  if (rank < 3 || n.getRank(filter) != rank || n.getRank(offset) != rank)
    throw ImportError("its input, filter and offsets must have one rank, at least 3");
  SmallVector<int64_t> kernel;
  int64_t taps = 1;
  for (int64_t d = 0; d < spatial; ++d) {
    kernel.push_back(n.getStaticSize(filter, 2 + d, "the kernel's size"));
    if (kernel.back() < 1 || kernel.back() > INT16_MAX || (taps *= kernel.back()) > INT32_MAX)
      throw ImportError("the kernel's size is not supported");
  }
  SmallVector<int64_t> given = n.getInts("kernel_shape");
  if (!given.empty() && given != kernel)
    throw ImportError("kernel_shape differs from the filter's sizes");
  Windows w = getWindows(n, x, kernel);
  const int64_t groups = n.getInt("group", 1), offsetGroups = n.getInt("offset_group", 1);
  SmallVector<AffineExpr> s(n.getShape(x));
  AffineExpr batch = s[0], one = n.constant(1), perGroup, perOffset, filters;
  if (groups < 1 || offsetGroups < 1 || !(perGroup = n.math().divideExactly(s[1], n.constant(groups))) ||
      !(perOffset = n.math().divideExactly(s[1], n.constant(offsetGroups))) ||
      !(filters = n.math().divideExactly(n.getShape(filter)[0], n.constant(groups))) ||
      perGroup != n.getShape(filter)[1])
    throw ImportError("channels and groups do not fit together");
  const int64_t coordinates = offsetGroups * taps * spatial;
  if (n.math().compare(n.getShape(offset)[1], n.constant(coordinates)).value_or(0) != 0)
    throw ImportError("it needs " + Twine(coordinates) + " offsets per place");
  SmallVector<AffineExpr> sizes(ArrayRef(s).drop_front(2)), strides = getStrides(n, sizes),
                                                            out(n.getShape(offset).drop_front(2));
  for (int64_t d = 0; d < spatial; ++d) {
    AffineExpr room = sizes[d] + (w.low[d] + w.high[d] - (kernel[d] - 1) * w.dilations[d] - 1);
    AffineExpr expected = n.math().simplify(room.floorDiv(w.strides[d]) + 1);
    if (!expected || n.math().compare(expected, out[d]).value_or(0) != 0)
      throw ImportError("the offsets' sizes are not the result's");
  }
  AffineExpr count = productOf(n, out);
  Type type = getComputeType(n, x), position = getPositionType(n, x);

  // Points are [image, group of offsets, its channel, place in the window, place of the window].
  SmallVector<AffineExpr> points{batch, n.constant(offsetGroups), one, n.constant(taps), count};
  offset = n.builder.reshape(n.builder.convert(offset, type),
                             {batch, points[1], one, points[3], n.constant(spatial), count});
  SmallVector<SampleAxis> axes;
  for (int64_t d = 0; d < spatial; ++d) {
    SmallVector<AffineExpr> window;
    for (int64_t k : kernel)
      window.push_back(n.constant(k));
    window.append(out);
    Value start = n.mul(ramp(n, out[d], spatial + d, 2 * spatial, type), double(w.strides[d]));
    Value within = n.mul(ramp(n, window[d], d, 2 * spatial, type), double(w.dilations[d]));
    Value at = n.builder.broadcast(n.add(n.add(start, within), -double(w.low[d])), window);
    at = n.builder.reshape(at, {one, one, one, points[3], count});
    Value moved = n.builder.reshape(n.builder.sliceAxis(offset, 4, n.constant(d), one), points);
    axes.push_back({n.add(at, moved), sizes[d], strides[d]});
  }
  Taps corners = makeTaps(n, axes, Interpolation::linear, Outside::zeros, 0, position, 0);
  if (n.has(4))
    corners.weight = n.mul(corners.weight, n.builder.reshape(n.builder.convert(n.in(4), type), points));
  Value rows = rowPositions(n, {batch, points[1], perOffset}, 2, productOf(n, sizes), position);
  Value columns = sampleSum(n, x, rows, corners);
  AffineExpr depth = productOf(n, {perGroup, points[3]});
  columns = n.builder.reshape(columns, {batch, n.constant(groups), depth, count});
  Value y =
      n.make<nn::MatMulOp>(n.builder.reshape(filter, {one, n.constant(groups), filters, depth}), columns);
  SmallVector<AffineExpr> shape{batch, n.getShape(filter)[0]};
  shape.append(out);
  y = n.builder.reshape(y, shape);
  return n.has(3) ? n.add(y, alongAxis(n, n.in(3), 1, rank)) : y;
}

/// The sum of overlapping blocks: each element of the image collects those that it is part of.
Results importCol2Im(Node &n) {
  Value x = n.in(0);
  SmallVector<AffineExpr> image = getPositiveSizes(n, 1, "the image's shape");
  SmallVector<AffineExpr> block = getPositiveSizes(n, 2, "the block's shape");
  const int64_t spatial = int64_t(image.size());
  if (n.getRank(x) != 3 || spatial < 1 || int64_t(block.size()) != spatial)
    throw ImportError("it needs an input of rank 3, and image and block shapes of one length");
  SmallVector<int64_t> strides = n.getInts("strides", spatial, 1),
                       dilations = n.getInts("dilations", spatial, 1),
                       pads = n.getInts("pads", 2 * spatial, 0);
  for (int64_t d = 0; d < spatial; ++d) {
    for (int64_t value : {strides[d], dilations[d]})
      if (value < 1 || value > INT32_MAX)
        throw ImportError("strides and dilations must be positive");
    if (std::abs(pads[d]) > INT32_MAX || std::abs(pads[d + spatial]) > INT32_MAX)
      throw ImportError("its padding is too large");
    for (AffineExpr size : {image[d], block[d]})
      if (auto number = dyn_cast<AffineConstantExpr>(size); number && number.getValue() > INT32_MAX)
        throw ImportError("the image or its blocks are too large");
  }
  AffineExpr taps = productOf(n, block), channels = n.math().floorDiv(n.getShape(x)[1], taps),
             batch = n.getShape(x)[0], height = channels ? n.math().simplify(channels * taps) : channels;
  if (!height || n.math().compare(n.getShape(x)[1], height).value_or(0) != 0)
    throw ImportError("the input's rows are not a multiple of the block's size");
  SmallVector<AffineExpr> blocks;
  for (int64_t d = 0; d < spatial; ++d) {
    AffineExpr room = image[d] + (pads[d] + pads[d + spatial] - 1) - (block[d] - 1) * dilations[d];
    blocks.push_back(n.math().simplify(room.floorDiv(strides[d]) + 1));
    if (!blocks.back() || n.math().getBounds(blocks.back()).max < 1)
      throw ImportError("a block is larger than the image");
  }
  AffineExpr length = productOf(n, blocks);
  x = withSize(n, withSize(n, x, 1, height, "the number of rows"), 2, length, "the number of blocks");
  Type position = getPositionType(n, x);
  SmallVector<AffineExpr> blockStrides = getStrides(n, blocks), tapStrides = getStrides(n, block);
  Value index, inside;
  const int64_t rank = 2 * spatial + 2; // [place in the block..., image, channel, element...]
  for (int64_t d = 0; d < spatial; ++d) {
    Value tap = ramp(n, block[d], d, rank, position),
          element = ramp(n, image[d], spatial + 2 + d, rank, position);
    auto number = [&](int64_t value) { return n.builder.scalar(double(value), position); };
    Value from = n.sub(n.add(element, number(pads[d])), n.mul(tap, number(dilations[d])));
    Value which = n.div(from, number(strides[d]));
    Value here = isBetween(n, from, number(0),
                           sizeScalar(n, n.math().simplify((blocks[d] - 1) * strides[d]), position));
    if (strides[d] > 1)
      here = n.make<nn::AndOp>(
          here, n.builder.compare(n.mul(which, number(strides[d])), from, nn::CompareKind::eq));
    inside = inside ? n.make<nn::AndOp>(inside, here) : here;
    Value at = n.add(n.mul(tap, sizeScalar(n, productOf(n, {length, tapStrides[d]}), position)),
                     n.mul(clampIndex(n, which, blocks[d]), sizeScalar(n, blockStrides[d], position)));
    index = index ? n.add(index, at) : at;
  }
  Value rows = rowPositions(n, {batch, channels}, spatial, productOf(n, {taps, length}), position);
  Value values = takeFlat(n, x, n.add(rows, index));
  values = n.make<nn::SelectOp>(inside, values, n.builder.scalarLike(0, x));
  return n.builder.reduce(values, nn::ReduceKind::sum, llvm::to_vector(llvm::seq<int64_t>(0, spatial)),
                          false);
}

/// Elements go where pooling found them; what is left is 0.
Results importMaxUnpool(Node &n) {
  Value x = n.in(0), indices = n.in(1);
  const int64_t spatial = n.getRank(x) - 2;
  if (spatial < 1 || n.getRank(indices) != n.getRank(x))
    throw ImportError("its input and indices must have one rank, at least 3");
  SmallVector<int64_t> kernel = n.getInts("kernel_shape"), strides = n.getInts("strides", spatial, 1),
                       pads = n.getInts("pads", 2 * spatial, 0);
  if (int64_t(kernel.size()) != spatial)
    throw ImportError("kernel_shape does not fit the input's rank");
  SmallVector<AffineExpr> shape(n.getShape(x));
  for (int64_t d = 0; d < spatial; ++d) {
    if (strides[d] < 1 || kernel[d] < 1 || strides[d] > INT32_MAX || kernel[d] > INT32_MAX ||
        std::abs(pads[d]) > INT32_MAX || std::abs(pads[d + spatial]) > INT32_MAX)
      throw ImportError("kernel and strides must be positive");
    AffineExpr size = (shape[2 + d] - 1) * strides[d] + (kernel[d] - pads[d] - pads[d + spatial]);
    if (!(shape[2 + d] = n.math().simplify(size)) || n.math().getBounds(shape[2 + d]).max < 0)
      throw ImportError("its padding is larger than the result");
  }
  AffineExpr count = productOf(n, n.getShape(x));
  x = n.builder.reshape(x, {count});
  // Zeros that are written at run time: as a constant they would be in the module. An element goes, zeros
  // come behind it.
  Value zeros = n.builder.sliceAxis(x, 0, n.constant(0), n.constant(1));
  zeros = n.make<nn::PadOp>(zeros, n.builder.scalarLike(0, x), n.builder.map({n.constant(-1)}),
                            n.builder.map({productOf(n, shape)}), nn::PadMode::constant);
  Value y =
      n.make<nn::ScatterElementsOp>(zeros, n.builder.reshape(indices, {count}), x, 0, nn::ScatterKind::none);
  y = n.builder.reshape(y, shape);
  if (!n.has(2))
    return y;
  // Indices count in the shape that follows from the attributes; the result is that, made larger.
  SmallVector<AffineExpr> wanted = getPositiveSizes(n, 2, "the output's shape");
  if (wanted.size() != shape.size())
    throw ImportError("it needs one output size per dimension");
  SmallVector<AffineExpr> low(shape.size(), n.constant(0)), high;
  for (auto [from, to] : llvm::zip_equal(shape, wanted)) {
    high.push_back(n.math().simplify(to - from));
    if (!high.back())
      throw ImportError("its sizes depend on the input's in too complicated a way");
  }
  return n.make<nn::PadOp>(y, n.builder.scalarLike(0, x), n.builder.map(low), n.builder.map(high),
                           nn::PadMode::constant);
}
} // namespace

void addSpatialOps(OpTable &t) {
  t.add("GridSample", importGridSample);
  t.add("AffineGrid", importAffineGrid);
  t.add("RoiAlign", importRoiAlign);
  t.add("DeformConv", importDeformConv);
  t.add("Col2Im", importCol2Im);
  t.add("MaxUnpool", importMaxUnpool);
}
} // namespace aicc::onnx_import
