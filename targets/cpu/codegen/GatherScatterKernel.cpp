// Gathers and scatters by tensors of indices. Gathers clamp indices that are out of range, scatters skip
// them; workgroups of a scatter own disjoint parts of the result, so that updates of one place happen in
// order.

#include "targets/cpu/codegen/Indexed.h"
#include "targets/cpu/codegen/RegisterTile.h"
#include "targets/cpu/codegen/Rows.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;

/// `count`, or 0 where `tensor` has no elements that could be read.
static Value unlessEmpty(CpuEmitter &e, Value tensor, Value count) {
  Value elements = e.size(e.product(e.shape(tensor)));
  if (auto known = CpuEmitter::getConstant(elements))
    return *known ? count : e.constant(0);
  Value some = compare(e, arith::CmpIPredicate::sgt, elements, e.constant(0));
  return e.b.create<arith::SelectOp>(e.loc, some, count, e.constant(0));
}

//===--- gathers
//---------------------------------------------------------------------------------------------------------===//

Launch aicc::cpu::emitGatherElements(CpuEmitter &e, nn::GatherElementsOp root) {
  Value input = root.getInput(), indices = root.getIndices();
  Type element = cast<RankedTensorType>(input.getType()).getElementType();
  SmallVector<AffineExpr> sizes(e.shape(indices)), from(e.shape(input));
  unsigned axis = root.getAxis(), last = sizes.size() - 1;
  AffineExpr rows = e.product(ArrayRef<AffineExpr>(sizes).drop_back());
  Value width = e.size(sizes[last]);
  int64_t each = std::max<int64_t>(
      1, kIndexedPiece / std::max<int64_t>(1, CpuEmitter::getConstant(sizes[last]).value_or(512)));
  SmallVector<Value> pointers = resultPointers(e, root, 0);
  forEachShare(e, unlessEmpty(e, input, e.size(rows)), each, [&](Value row) {
    SmallVector<Value> outer = e.delinearize(row, ArrayRef<AffineExpr>(sizes).drop_back());
    auto elementAt = [&](Value i) {
      Value linear = e.add(e.mul(row, width), i);
      SmallVector<Value> idx(outer);
      idx.push_back(i);
      idx[axis] = clampIndex(e, readIndex(e, indices, linear, e.size(from[axis])), e.size(from[axis]));
      Value source = e.constant(0);
      for (unsigned d = 0; d <= last; ++d) {
        if (d != axis && !e.shapes.equal(from[d], sizes[d]))
          idx[d] = clampIndex(e, idx[d], e.size(from[d]));
        source = e.add(e.mul(source, e.size(from[d])), idx[d]);
      }
      storeAll(e, pointers, readLinear(e, input, source), linear, element);
    };
    e.loop(e.constant(0), width, e.constant(1), elementAt);
  });
  return e.finish(rows.ceilDiv(each));
}

Launch aicc::cpu::emitGatherNd(CpuEmitter &e, nn::GatherNdOp root) {
  Value input = root.getInput(), indices = root.getIndices();
  SmallVector<AffineExpr> sizes(e.shape(indices)), from(e.shape(input));
  unsigned batchDims = root.getBatchDims();
  int64_t tuple = *CpuEmitter::getConstant(sizes.back());
  sizes.pop_back();
  AffineExpr rows = e.product(sizes),
             slice = e.product(ArrayRef<AffineExpr>(from).drop_front(batchDims + tuple));
  AffineExpr perBatch = e.product(ArrayRef<AffineExpr>(sizes).drop_front(batchDims));
  Value count = e.size(slice);
  int64_t each = std::max<int64_t>(1, kIndexedPiece /
                                          std::max<int64_t>(1, CpuEmitter::getConstant(slice).value_or(256)));
  SmallVector<Value> pointers = resultPointers(e, root, 0);
  forEachShare(e, unlessEmpty(e, input, e.size(rows)), each, [&](Value row) {
    Value source = batchDims ? e.div(row, e.size(perBatch)) : e.constant(0);
    for (int64_t i = 0; i < tuple; ++i) {
      Value size = e.size(from[batchDims + i]);
      Value index = readIndex(e, indices, e.add(e.mul(row, e.constant(tuple)), e.constant(i)), size);
      source = e.add(e.mul(source, size), clampIndex(e, index, size));
    }
    copyLinear(e, input, e.mul(source, count), pointers, e.mul(row, count), count);
  });
  return e.finish(rows.ceilDiv(each));
}

//===--- scatters
//--------------------------------------------------------------------------------------------------------===//

Launch aicc::cpu::emitScatterElements(CpuEmitter &e, nn::ScatterElementsOp root) {
  Value input = root.getInput(), indices = root.getIndices(), updates = root.getUpdates();
  Type element = cast<RankedTensorType>(input.getType()).getElementType();
  unsigned axis = root.getAxis();
  ArrayRef<AffineExpr> whole = e.shape(input), part = e.shape(indices);
  AxisSplit to = splitAt(e, input, axis), from = splitAt(e, indices, axis);
  Value size = e.size(to.size), inner = e.size(to.inner), updateSize = e.size(from.size),
        updateInner = e.size(from.inner);
  // An update stays in its line along the axis: where indices and input agree in the other dimensions,
  // workgroups own lines.
  bool aligned = true;
  for (unsigned d = 0; d < whole.size(); ++d)
    aligned &= d == axis || e.shapes.equal(whole[d], part[d]);
  auto outerConstant = CpuEmitter::getConstant(to.outer);
  bool byColumns = aligned && outerConstant == 1;
  AffineExpr lines = !aligned ? e.expr(1) : byColumns ? to.inner : to.outer;
  int64_t line = CpuEmitter::getConstant(to.size).value_or(256) *
                 (byColumns ? 1 : CpuEmitter::getConstant(to.inner).value_or(16));
  int64_t each = std::max<int64_t>(byColumns ? 64 : 1, kIndexedPiece / std::max<int64_t>(1, line));
  SmallVector<Value> pointers = resultPointers(e, root, 0);

  Value zero = e.constant(0), one = e.constant(1);
  e.loop(e.begin, e.end, one, [&](Value workgroup) {
    Value first = e.mul(workgroup, e.constant(each)),
          last = e.min(e.add(first, e.constant(each)), e.size(lines));
    Value outerFrom = aligned && !byColumns ? first : zero,
          outerTo = aligned && !byColumns ? last : e.size(to.outer);
    Value innerFrom = byColumns ? first : zero, innerTo = byColumns ? last : inner;
    e.loop(outerFrom, outerTo, one, [&](Value outer) {
      Value base = e.mul(e.mul(outer, size), inner);
      if (!byColumns) {
        copyLinear(e, input, base, pointers, base, e.mul(size, inner));
        return;
      }
      e.loop(zero, size, one, [&](Value j) {
        Value at = e.add(e.add(base, e.mul(j, inner)), innerFrom);
        copyLinear(e, input, at, pointers, at, e.sub(innerTo, innerFrom));
      });
    });
    // Sizes of the indices other than along the axis are at most the input's; if not, what is beyond is
    // skipped.
    Value updateOuterTo = aligned ? outerTo : e.size(from.outer),
          updateInnerTo = aligned ? innerTo : updateInner;
    e.loop(outerFrom, updateOuterTo, one, [&](Value outer) {
      Value target = relinearize(e, outer, part.take_front(axis), whole.take_front(axis));
      e.loop(zero, updateSize, one, [&](Value j) {
        e.loop(innerFrom, updateInnerTo, one, [&](Value i) {
          Value linear = e.add(e.mul(e.add(e.mul(outer, updateSize), j), updateInner), i);
          Value index = readIndex(e, indices, linear, size), inside = isInside(e, index, size);
          Value column = relinearize(e, i, part.drop_front(axis + 1), whole.drop_front(axis + 1));
          if (!aligned) {
            SmallVector<Value> idx = e.delinearize(outer, part.take_front(axis));
            idx.push_back(index);
            llvm::append_range(idx, e.delinearize(i, part.drop_front(axis + 1)));
            for (unsigned d = 0; d < whole.size(); ++d)
              if (d != axis && !e.shapes.equal(whole[d], part[d]))
                inside = e.b.create<arith::AndIOp>(e.loc, inside, isInside(e, idx[d], e.size(whole[d])));
          }
          e.ifThen(inside, [&] {
            Value at = e.add(e.mul(e.add(e.mul(target, size), index), inner), column);
            Value old = root.getKind() == nn::ScatterKind::none ? Value() : e.load(pointers[0], at, element);
            Value update = readLinear(e, updates, linear);
            storeAll(e, pointers, kernel::combineUpdate(e, root.getKind(), old, update, element), at,
                     element);
          });
        });
      });
    });
  });
  return e.finish(lines.ceilDiv(each));
}

Launch aicc::cpu::emitScatterNd(CpuEmitter &e, nn::ScatterNdOp root) {
  Value input = root.getInput(), indices = root.getIndices(), updates = root.getUpdates();
  Type element = cast<RankedTensorType>(input.getType()).getElementType();
  ArrayRef<AffineExpr> sizes = e.shape(input), indexSizes = e.shape(indices);
  int64_t tuple = *CpuEmitter::getConstant(indexSizes.back());
  AffineExpr slots = e.product(sizes.take_front(tuple)), slice = e.product(sizes.drop_front(tuple));
  Value rows = e.size(e.product(indexSizes.drop_back())), count = e.size(slice), slotCount = e.size(slots);
  // Each workgroup owns some of the slices and reads all indices: worth it where slices are long.
  int64_t length = CpuEmitter::getConstant(slice).value_or(64);
  auto total = CpuEmitter::getConstant(slots * slice);
  int64_t workgroups =
      length < 64 ? 1 : std::clamp<int64_t>(total.value_or(1 << 17) / (4 * kIndexedPiece), 1, 16);
  SmallVector<Value> pointers = resultPointers(e, root, 0);
  bool wide = canReadLinear(e, updates, e.cpu.getLanes()) && CpuEmitter::getConstant(slice) != 1;
  unsigned lanes = wide ? e.cpu.getLanes() : 0;

  Value zero = e.constant(0), one = e.constant(1), parts = e.constant(workgroups);
  e.loop(e.begin, e.end, one, [&](Value workgroup) {
    Value first = e.div(e.mul(slotCount, workgroup), parts),
          last = e.div(e.mul(slotCount, e.add(workgroup, one)), parts);
    Value mine = e.sub(last, first), start = e.mul(first, count);
    copyLinear(e, input, start, pointers, start, e.mul(mine, count));
    e.loop(zero, rows, one, [&](Value row) {
      Value slot = zero, inside;
      for (int64_t i = 0; i < tuple; ++i) {
        Value size = e.size(sizes[i]),
              index = readIndex(e, indices, e.add(e.mul(row, e.constant(tuple)), e.constant(i)), size);
        Value valid = isInside(e, index, size);
        inside = inside ? e.b.create<arith::AndIOp>(e.loc, inside, valid).getResult() : valid;
        slot = e.add(e.mul(slot, size), index);
      }
      if (workgroups > 1)
        inside = e.b.create<arith::AndIOp>(e.loc, inside, isInside(e, e.sub(slot, first), mine));
      e.ifThen(inside, [&] {
        Value target = e.mul(slot, count), source = e.mul(row, count);
        sweep(e, count, std::max(1u, lanes), [&](Value i, Value mask) {
          Value at = e.add(target, i), update = readLinear(e, updates, e.add(source, i), lanes, mask);
          Value old = root.getKind() == nn::ScatterKind::none ? Value()
                                                              : e.load(pointers[0], at, element, lanes, mask);
          storeAll(e, pointers, kernel::combineUpdate(e, root.getKind(), old, update, element), at, element,
                   mask);
        });
      });
    });
  });
  return e.finish(e.expr(workgroups));
}
