// Convolutions in the channel-blocked layout, direct: a register tile is a few pixels times a few panels of
// 16 output channels, and its accumulators stay in registers through all taps and input channels. Padded
// inputs are first copied, the rows that a workgroup needs, into the worker's memory with zeros around them,
// which costs a few percent and frees the tile of all checks. A 1x1 convolution is a product of matrices:
// rows and columns of pixels become one dimension. Of bytes, words of four channels take the place of
// channels.

#include "targets/cpu/codegen/ByteProducts.h"
#include "targets/cpu/codegen/ConvKernels.h"
#include "targets/cpu/codegen/Packing.h"
#include "targets/cpu/codegen/RegisterTile.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

namespace {

/// A register tile: rows x columns of pixels, times panels.
struct ConvTile {
  unsigned rows = 1, columns = 1, panels = 1;
};

/// The tile whose sweep over the whole takes the fewest cycles, roughly. Unknown sizes are nullopt.
ConvTile chooseConvTile(std::optional<int64_t> rows, std::optional<int64_t> columns, int64_t panels,
                        const CpuDescriptor &cpu) {
  unsigned perPanel = kPanel / cpu.getLanes();
  unsigned registers = cpu.numVectorRegisters, most = registers >= 32 ? 28 : 12;
  // One step of k: multiplications, loads and broadcasts at two a cycle, at least the latency of an fma; and
  // the panels' lines from L2.
  auto step = [&](int64_t pixels, int64_t width) {
    double vectors = double(width) * perPanel, sums = pixels * vectors, loads = pixels + vectors;
    return std::max({sums / 2, loads / 2, 4.0}) + 0.7 + 0.3 * vectors;
  };
  ConvTile best;
  double bestCost = 1e300;
  for (int64_t width = 1; width <= std::min<int64_t>(4, panels); ++width)
    for (int64_t w = 1; w <= 28; ++w)
      for (int64_t h = 1; h <= 4; ++h) {
        int64_t sums = h * w * width * perPanel;
        if (sums > most || sums + width * perPanel + 1 > registers)
          continue;
        if (h > 1 && (!rows || !columns || w != *columns || h > *rows))
          continue;
        if (columns && w > *columns)
          continue;
        auto line = [&](int64_t height, int64_t panelCount) {
          if (!columns) // about 100 columns, and a rest by halves
            return 100.0 / w * step(w * height, panelCount) +
                   (w > 1 ? step(std::max<int64_t>(1, w / 2), panelCount) : 0);
          double cost = double(*columns / w) * step(w * height, panelCount);
          return *columns % w ? cost + step(*columns % w * height, panelCount) : cost;
        };
        auto whole = [&](int64_t panelCount) {
          return rows ? double(*rows / h) * line(h, panelCount) + double(*rows % h) * line(1, panelCount)
                      : line(1, panelCount);
        };
        double cost = double(panels / width) * whole(width) + (panels % width ? whole(panels % width) : 0);
        if (cost < bestCost)
          bestCost = cost, best = {unsigned(h), unsigned(w), unsigned(width)};
      }
  return best;
}

struct BlockedConv {
  CpuEmitter &e;
  nn::ConvOp root;
  BlockArgument panelsArg;
  EpilogueStore store;
  const View *input;
  bool flat;                   // rows and columns of pixels are one dimension
  bool blockedInput = true;    // else [N, C, H, W]
  bool padded = false;         // the input is read from a copy in scratch memory
  bool bytes = false;          // a channel is a word of four bytes
  int64_t inputBlock = kPanel; // channels of a block of the input
  Type element = {}, accumulator = {};
  unsigned lanes = 0, perPanel = 0;
  int64_t channels = 0, outputs = 0, groups = 1, panelsPerGroup = 0;
  int64_t kernel[2] = {}, strides[2] = {}, dilations[2] = {}, low[2] = {}, high[2] = {};
  AffineExpr batch = {}, inRows = {}, inColumns = {}, rows = {}, columns = {}; // flat: one row
  ConvTile tile = {};
  int64_t block = 1;      // rows (flat: columns) of a workgroup
  int64_t copiedRows = 0; // of the scratch copy
  // Where the tile reads: element (c, row, column) of the input of one image and group is
  // source[c / inputBlock * blockPitch + row * rowPitch + column * pixel + c % inputBlock * channelPitch].
  Value blockPitch = {}, rowPitch = {}, channelPitch = {};
  int64_t pixel = 0;

  /// An offset or a stride of the input, of whose elements four make one here where it is of bytes.
  Value inElements(AffineExpr elements) {
    return e.size(bytes ? elements.floorDiv(kBytesPerWord) : elements);
  }
  int64_t span(int d) const { return dilations[d] * (kernel[d] - 1) + 1; }
  int64_t weightsOfPanel() const { return kernel[0] * kernel[1] * channels * kPanel; }

  /// What one workgroup reads and writes.
  struct Region {
    Value image, group;
    Value firstRow, lastRow, firstColumn, lastColumn; // of the result
    Value source; // pointer to the element (0, firstRow * stride, 0) of the padded input
  };

  //===--- the tile
  //------------------------------------------------------------------------------------------------------===//

  /// Pixels (h .. h + height) x (w .. w + width) times `count` panels from `panel`.
  void emitTileAt(const Region &r, Value panel, unsigned count, Value h, Value w, unsigned height,
                  unsigned width) {
    unsigned vectors = count * perPanel, pixels = height * width;
    Value sourceIndex = e.mul(e.mul(e.sub(h, r.firstRow), e.constant(strides[0])), rowPitch);
    sourceIndex = e.add(sourceIndex, e.mul(w, e.constant(strides[1] * pixel)));
    Value source = e.address(r.source, sourceIndex, element);
    Value weights = e.address(e.inputPointer(panelsArg.getArgNumber()),
                              e.mul(panel, e.constant(weightsOfPanel())), element);

    SmallVector<Value> displacement;
    for (unsigned p = 0; p < pixels; ++p)
      displacement.push_back(e.add(e.mul(e.constant(int64_t(p / width) * strides[0]), rowPitch),
                                   e.constant(int64_t(p % width) * strides[1] * pixel)));
    // One step: the weights of one input channel and tap, at elements `k` of `from` and `c` of `at`.
    auto step = [&](Value at, Value from, Value c, Value k, ValueRange sums) {
      SmallVector<Value> right, next;
      for (unsigned v = 0; v < vectors; ++v) {
        int64_t offset = int64_t(v / perPanel) * weightsOfPanel() + v % perPanel * lanes;
        right.push_back(
            toAccumulator(e, e.load(from, e.add(k, e.constant(offset)), element, lanes), element));
      }
      for (unsigned p = 0; p < pixels; ++p) {
        Value left = toAccumulator(e, e.load(at, e.add(c, displacement[p]), element), element);
        left = e.splat(left, lanes);
        for (unsigned v = 0; v < vectors; ++v)
          next.push_back(bytes ? multiplyWords(e, left, right[v], sums[p * vectors + v])
                               : multiplyAdd(e, left, right[v], sums[p * vectors + v]));
      }
      return next;
    };
    SmallVector<Value> sums = initialSums(panel, vectors, pixels);
    sums = carryLoop(e, kernel[0], sums, [&](Value y, ValueRange carriedRow) {
      Value rowIndex = e.mul(e.mul(y, e.constant(dilations[0])), rowPitch);
      Value tapRow = e.mul(y, e.constant(kernel[1]));
      return blockedInput ? sumBlocked(source, weights, rowIndex, tapRow, carriedRow, step)
                          : sumPlain(source, weights, rowIndex, tapRow, carriedRow, step);
    });
    e.clearMemo();
    for (unsigned v = 0; v < vectors; ++v)
      for (unsigned p = 0; p < pixels; ++p) {
        Coord c;
        c.idx = {r.image, e.add(panel, e.constant(v / perPanel))};
        if (!flat)
          c.idx.push_back(e.add(h, e.constant(p / width)));
        c.idx.push_back(e.add(w, e.constant(p % width)));
        c.idx.push_back(e.constant(v % perPanel * lanes));
        c.lane = c.idx.size() - 1;
        store(fromAccumulator(e, sums[p * vectors + v], element), c);
      }
    e.clearBound();
  }

  template <typename Step>
  SmallVector<Value> sumBlocked(Value source, Value weights, Value rowIndex, Value tapRow, ValueRange init,
                                Step step) {
    return carryLoop(e, kernel[1], init, [&](Value x, ValueRange carried) {
      Value index = e.add(rowIndex, e.mul(x, e.constant(dilations[1] * pixel)));
      Value tap = e.mul(e.add(tapRow, x), e.constant(channels * kPanel));
      auto block = [&](Value b, int64_t count, ValueRange sums) {
        Value at = e.address(source, e.add(index, e.mul(b, blockPitch)), element);
        Value from = e.address(weights, e.add(tap, e.mul(b, e.constant(inputBlock * kPanel))), element);
        return carryLoop(e, count, sums, [&](Value c, ValueRange inner) {
          return step(at, from, c, e.mul(c, e.constant(kPanel)), inner);
        });
      };
      SmallVector<Value> sums(carried);
      if (int64_t full = channels / inputBlock)
        sums =
            carryLoop(e, full, sums, [&](Value b, ValueRange inner) { return block(b, inputBlock, inner); });
      if (int64_t rest = channels % inputBlock)
        sums = block(e.constant(channels / inputBlock), rest, sums);
      return sums;
    });
  }

  template <typename Step>
  SmallVector<Value> sumPlain(Value source, Value weights, Value rowIndex, Value tapRow, ValueRange init,
                              Step step) {
    return carryLoop(e, channels, init, [&](Value c, ValueRange carried) {
      Value at = e.address(source, e.add(rowIndex, e.mul(c, channelPitch)), element);
      Value k = e.add(e.mul(tapRow, e.constant(channels)), c);
      Value from = e.address(weights, e.mul(k, e.constant(kPanel)), element);
      auto tap = [&](Value x, ValueRange sums) {
        return step(at, from, e.mul(x, e.constant(dilations[1] * pixel)),
                    e.mul(x, e.constant(channels * kPanel)), sums);
      };
      // Not unrolled: neighbouring taps share scalars, which common subexpressions would keep, and spill.
      return carryLoop(e, kernel[1], carried, tap);
    });
  }

  /// The bias, or zeros.
  SmallVector<Value> initialSums(Value panel, unsigned vectors, unsigned pixels) {
    e.clearMemo();
    SmallVector<Value> sums, bias;
    for (unsigned v = 0; v < vectors; ++v) {
      if (!root.getBias()) {
        auto type = VectorType::get({int64_t(lanes)}, accumulator);
        bias.push_back(e.b.create<arith::ConstantOp>(e.loc, e.b.getZeroAttr(type)));
        continue;
      }
      Value first = e.add(e.mul(panel, e.constant(kPanel)), e.constant(v * lanes)), mask;
      if (outputs % kPanel)
        mask = e.maskOf(e.sub(e.constant(outputs), first), lanes);
      Coord c{{first}, 0, Value()};
      bias.push_back(toAccumulator(e, e.emit(root.getBias(), c, lanes, mask), element));
    }
    for (unsigned p = 0; p < pixels; ++p)
      llvm::append_range(sums, bias);
    return sums;
  }

  //===--- loops over tiles
  //------------------------------------------------------------------------------------------------===//

  void emitColumns(const Region &r, Value panel, unsigned count, Value h, unsigned height) {
    Value from = r.firstColumn, to = r.lastColumn, step = e.constant(tile.columns);
    auto known = CpuEmitter::getConstant(columns);
    Value whole = e.add(from, e.mul(e.div(e.sub(to, from), step), step));
    e.loop(from, whole, step, [&](Value w) { emitTileAt(r, panel, count, h, w, height, tile.columns); });
    if (known) {
      unsigned rest = *known % tile.columns;
      if (!rest)
        return;
      if (CpuEmitter::getConstant(whole)) {
        emitTileAt(r, panel, count, h, whole, height, rest);
        return;
      }
      // Blocks of columns: only the last one is cut.
      Value cut = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::slt, whole, to);
      e.ifThen(cut, [&] { emitTileAt(r, panel, count, h, whole, height, rest); });
      return;
    }
    Value rest = e.sub(to, whole), at = whole;
    for (unsigned power = llvm::bit_floor(std::max(1u, tile.columns - 1)); power && tile.columns > 1;
         power /= 2) {
      Value bit = e.b.create<arith::AndIOp>(e.loc, rest, e.constant(power));
      Value some = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::ne, bit, e.constant(0));
      e.ifThen(some, [&] { emitTileAt(r, panel, count, h, at, height, power); });
      at = e.add(at, bit);
    }
  }

  void emitRows(const Region &r, Value panel, unsigned count) {
    if (flat)
      return emitColumns(r, panel, count, e.constant(0), 1);
    Value step = e.constant(tile.rows);
    Value whole = e.add(r.firstRow, e.mul(e.div(e.sub(r.lastRow, r.firstRow), step), step));
    e.loop(r.firstRow, whole, step, [&](Value h) { emitColumns(r, panel, count, h, tile.rows); });
    auto known = CpuEmitter::getConstant(rows);
    if (tile.rows > 1 && !(known && *known % tile.rows == 0 && block % tile.rows == 0))
      e.loop(whole, r.lastRow, e.constant(1), [&](Value h) { emitColumns(r, panel, count, h, 1); });
  }

  //===--- the padded copy
  //-------------------------------------------------------------------------------------------------===//

  /// Copies `count` elements, or writes zeros where `from` is null.
  void fill(Value from, Value fromIndex, Value toIndex, Value count) {
    Value step = e.constant(lanes), whole = e.mul(e.div(count, step), step);
    Value zero =
        e.b.create<arith::ConstantOp>(e.loc, e.b.getZeroAttr(VectorType::get({int64_t(lanes)}, element)));
    auto move = [&](Value i, Value mask) {
      Value value = from ? e.load(from, e.add(fromIndex, i), element, lanes, mask) : zero;
      e.store(value, e.scratch, e.add(toIndex, i), element, mask);
    };
    e.loop(e.constant(0), whole, step, [&](Value i) { move(i, Value()); });
    auto rest = CpuEmitter::getConstant(e.sub(count, whole));
    if (rest && !*rest)
      return;
    if (!rest && blockedInput)
      return; // whole vectors
    Value some = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::slt, whole, count);
    e.ifThen(some, [&] { move(whole, e.maskOf(e.sub(count, whole), lanes)); });
  }

  /// Fills the scratch memory with the rows of the padded input that the result's rows [first, last) read.
  void copyPadded(Value image, Value group, Value first, Value last) {
    int64_t width = blockedInput ? inputBlock : 1; // elements of a pixel
    int64_t blocks = blockedInput ? llvm::divideCeil(channels, inputBlock) : channels;
    Value height = e.size(inRows);
    Value top = e.sub(e.mul(first, e.constant(strides[0])), e.constant(low[0])); // input row of copied row 0
    Value needed =
        e.add(e.mul(e.sub(e.sub(last, first), e.constant(1)), e.constant(strides[0])), e.constant(span(0)));
    Value lo = e.min(e.max(e.sub(e.constant(0), top), e.constant(0)), needed);
    Value hi = e.max(e.min(e.sub(height, top), needed), lo);
    Value columnsIn = e.size(inColumns), copyPitch = blockedInput ? blockPitch : channelPitch;
    e.loop(e.constant(0), e.constant(blocks), e.constant(1), [&](Value b) {
      Value plane = e.mul(b, copyPitch);
      auto zeroRow = [&](Value row) { fill(Value(), Value(), e.add(plane, e.mul(row, rowPitch)), rowPitch); };
      e.loop(e.constant(0), lo, e.constant(1), zeroRow);
      e.loop(lo, hi, e.constant(1), [&](Value row) {
        Value to = e.add(plane, e.mul(row, rowPitch));
        Value channel = e.add(e.mul(group, e.constant(blocks)), b);
        Value from = e.add(inElements(input->offset), e.mul(image, inElements(input->strides[0])));
        from = e.add(from, e.mul(channel, inElements(input->strides[1])));
        from = e.add(from, e.mul(e.add(top, row), inElements(input->strides[2])));
        Value middle = e.add(to, e.constant(low[1] * width)), length = e.mul(columnsIn, e.constant(width));
        if (low[1])
          fill(Value(), Value(), to, e.constant(low[1] * width));
        fill(input->base, from, middle, length);
        if (high[1])
          fill(Value(), Value(), e.add(middle, length), e.constant(high[1] * width));
      });
      e.loop(hi, needed, e.constant(1), zeroRow);
    });
  }

  //===--- workgroups
  //------------------------------------------------------------------------------------------------------===//

  void emitPanels(const Region &r, Value group, Value chunk) {
    int64_t full = panelsPerGroup / tile.panels, rest = panelsPerGroup % tile.panels;
    Value panel = e.add(e.mul(group, e.constant(panelsPerGroup)), e.mul(chunk, e.constant(tile.panels)));
    if (!rest)
      return emitRows(r, panel, tile.panels);
    Value isFull = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::slt, chunk, e.constant(full));
    if (full)
      e.ifThen(isFull, [&] { emitRows(r, panel, tile.panels); });
    Value isLast = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::sge, chunk, e.constant(full));
    e.ifThen(isLast, [&] { emitRows(r, panel, rest); });
  }

  /// Rows (flat: columns) of a workgroup, and whether the groups of panels are the grid's outer dimension.
  bool chooseBlock() {
    int64_t bytes = std::max(1u, element.getIntOrFloatBitWidth() / 8);
    auto value = [](AffineExpr size, int64_t guess) {
      return std::max<int64_t>(1, CpuEmitter::getConstant(size).value_or(guess));
    };
    int64_t n = value(batch, 1), oh = value(rows, 28), ow = value(columns, flat ? 784 : 28);
    int64_t ih = value(inRows, flat ? 1 : 28), iw = value(inColumns, flat ? 784 : 28);
    int64_t lines = flat ? ow : oh, lineWidth = flat ? 1 : ow, unit = flat ? tile.columns : tile.rows;
    int64_t chunks = groups * llvm::divideCeil(panelsPerGroup, tile.panels);
    double flops = 2.0 * kPanel * tile.panels * channels * kernel[0] * kernel[1] *
                   lineWidth; // a line and a group of panels
    // About 25 microseconds, an input that stays in L2, and enough pieces to share.
    double most = 5e6 / flops;
    double inputBytes = double(channels) * bytes * (flat ? 1 : (iw + low[1] + high[1]) * strides[0]);
    most = std::min(most, cpu().l2Bytes / 3.0 / inputBytes);
    most = std::min(most, double(lines) * n * chunks / 12);
    block = std::clamp<int64_t>(int64_t(most) / unit * unit, unit, llvm::alignTo(lines, unit));
    if (CpuEmitter::getConstant(flat ? columns : rows)) { // even blocks
      int64_t count = llvm::divideCeil(lines, block);
      block = llvm::alignTo(llvm::divideCeil(lines, count), unit);
    }
    double weightBytes = double(panelsPerGroup) * groups * weightsOfPanel() * bytes;
    double imageBytes = double(n) * channels * groups * ih * iw * bytes, cache = cpu().l2Bytes / 2.0;
    double rowsOuter =
        (weightBytes > cache ? double(llvm::divideCeil(lines, block)) * n : 1) * weightBytes + imageBytes;
    double panelsOuter = weightBytes + (imageBytes > cache ? chunks : 1) * imageBytes;
    return panelsOuter < rowsOuter;
  }

  const CpuDescriptor &cpu() const { return e.cpu; }

  Launch emit() {
    bool panelsOuter = chooseBlock();
    AffineExpr scratch = e.expr(0);
    if (padded) {
      int64_t width = blockedInput ? inputBlock : 1;
      copiedRows = (block - 1) * strides[0] + span(0);
      AffineExpr pitch = (inColumns + (low[1] + high[1])) * width;
      rowPitch = e.size(pitch);
      Value plane = e.size(pitch * copiedRows);
      (blockedInput ? blockPitch : channelPitch) = plane;
      int64_t planes = blockedInput ? llvm::divideCeil(channels, inputBlock) : channels;
      scratch = pitch * (copiedRows * planes * std::max(1u, element.getIntOrFloatBitWidth() / 8));
    } else {
      rowPitch = flat ? e.constant(0) : inElements(input->strides[2]);
      (blockedInput ? blockPitch : channelPitch) = inElements(input->strides[1]);
    }
    pixel = blockedInput ? inputBlock : 1;
    if (blockedInput)
      channelPitch = e.constant(1);
    else
      blockPitch = e.constant(0);

    AffineExpr lines = flat ? columns : rows, blocks = lines.ceilDiv(block);
    int64_t chunks = llvm::divideCeil(panelsPerGroup, tile.panels);
    AffineExpr places = batch * blocks;
    e.loop(e.begin, e.end, e.constant(1), ValueRange{e.constant(-1)}, [&](Value wg, ValueRange carried) {
      Value place, chunk, group;
      if (panelsOuter) {
        place = e.rem(wg, e.size(places));
        chunk = e.div(wg, e.size(places));
      } else {
        place = e.div(wg, e.constant(chunks * groups));
        chunk = e.rem(wg, e.constant(chunks * groups));
      }
      group = e.div(chunk, e.constant(chunks));
      chunk = e.rem(chunk, e.constant(chunks));
      Region r;
      r.group = group;
      r.image = e.div(place, e.size(blocks));
      Value first = e.mul(e.rem(place, e.size(blocks)), e.constant(block));
      Value last = e.min(e.add(first, e.constant(block)), e.size(lines));
      if (auto known = CpuEmitter::getConstant(lines); known && *known <= block)
        first = e.constant(0), last = e.size(lines);
      else if (known && *known % block == 0)
        last = e.add(first, e.constant(block));
      r.firstRow = flat ? e.constant(0) : first, r.lastRow = flat ? e.constant(1) : last;
      r.firstColumn = flat ? first : e.constant(0), r.lastColumn = flat ? last : e.size(columns);
      Value key = e.add(e.mul(place, e.constant(groups)), group);
      if (padded) {
        Value isNew = e.b.create<arith::CmpIOp>(e.loc, arith::CmpIPredicate::ne, key, carried[0]);
        e.ifThen(isNew, [&] { copyPadded(r.image, group, r.firstRow, r.lastRow); });
        r.source = e.scratch;
      } else {
        Value index = e.add(inElements(input->offset), e.mul(r.image, inElements(input->strides[0])));
        Value channel = e.mul(group, e.constant(blockedInput ? channels / inputBlock : channels));
        index = e.add(index, e.mul(channel, inElements(input->strides[1])));
        index = e.add(index, e.mul(e.mul(r.firstRow, e.constant(strides[0])), rowPitch));
        r.source = e.address(input->base, index, element);
      }
      emitPanels(r, group, chunk);
      return SmallVector<Value>{key};
    });
    return e.finish(places * (chunks * groups), scratch);
  }
};

} // namespace

FailureOr<Launch> aicc::cpu::emitBlockedConv(KernelRequest &request, exe::DispatchOp dispatch,
                                             nn::ConvOp root) {
  auto all = [](ArrayRef<int64_t> values, int64_t wanted) {
    return llvm::all_of(values, [&](int64_t v) { return v == wanted; });
  };
  SmallVector<int64_t> filter(cast<RankedTensorType>(root.getFilter().getType()).getShape());
  bool padded = !all(root.getPadsLow(), 0) || !all(root.getPadsHigh(), 0);
  bool pointwise =
      all(ArrayRef(filter).drop_front(2), 1) && all(root.getStrides(), 1) && !padded && root.getBlockInput();
  int64_t groups = root.getGroups(), outputs = filter[0];
  if (groups > 1 && (!root.getBlockInput() || filter[1] % kPanel || outputs / groups % kPanel))
    return failure();
  bool flat = pointwise && mergeSpatial(dispatch, root, request.shapes);

  CpuEmitter e(request.module, request.name, dispatch, request.shapes, request.cpu);
  unsigned lanes = request.cpu.getLanes(), rank = e.shape(root.getResult()).size();
  const View *input = e.view(root.getInput());
  bool contiguous = input && CpuEmitter::getConstant(input->strides.back()) == 1;
  if (root.getBlockInput() && contiguous)
    contiguous = CpuEmitter::getConstant(input->strides[input->strides.size() - 2]) == kPanel;
  if (!contiguous || (root.getBias() && !e.canVectorize(root.getBias(), 0, lanes))) {
    e.abandon();
    return failure();
  }
  BlockedConv conv{e,     root, getFilterPanels(root), EpilogueStore(e, root.getResult(), rank - 1, lanes),
                   input, flat};
  conv.blockedInput = root.getBlockInput();
  conv.padded = padded;
  conv.element = cast<RankedTensorType>(root.getType()).getElementType();
  conv.accumulator = getAccumulatorType(e.b, conv.element);
  conv.lanes = lanes, conv.perPanel = kPanel / lanes;
  conv.bytes = isByteProduct(root);
  if (conv.bytes) {
    filter[1] = llvm::divideCeil(filter[1], kBytesPerWord);
    conv.inputBlock = kPanel / kBytesPerWord;
  }
  conv.channels = filter[1], conv.outputs = outputs, conv.groups = groups;
  conv.panelsPerGroup = llvm::divideCeil(outputs / groups, kPanel);
  for (int d = 0; d < 2; ++d) {
    conv.kernel[d] = filter[2 + d], conv.strides[d] = root.getStrides()[d],
    conv.dilations[d] = root.getDilations()[d];
    conv.low[d] = root.getPadsLow()[d], conv.high[d] = root.getPadsHigh()[d];
  }
  ArrayRef<AffineExpr> in = e.shape(root.getInput()), out = e.shape(root.getResult());
  conv.batch = out[0];
  conv.inRows = flat ? e.expr(1) : in[2], conv.inColumns = flat ? in[2] : in[3];
  conv.rows = flat ? e.expr(1) : out[2], conv.columns = flat ? out[2] : out[3];
  conv.tile = chooseConvTile(CpuEmitter::getConstant(conv.rows), CpuEmitter::getConstant(conv.columns),
                             conv.panelsPerGroup, request.cpu);
  return conv.emit();
}
