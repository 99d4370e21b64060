// vector: on one dimension of 2, 3, 4, 8 or 16 lanes; a single lane is a scalar.

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "targets/level_zero/codegen/Translator.h"

using namespace mlir;
using namespace aicc::level_zero;

static int64_t countLanes(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  return vector ? vector.getNumElements() : 1;
}

Value Translator::bitcast(Value v, Type type) {
  if (v.getType() == type)
    return v;
  if (getElementTypeOrSelf(v.getType()).isInteger(1) || getElementTypeOrSelf(type).isInteger(1))
    return {};
  return b.create<spirv::BitcastOp>(type, v);
}

LogicalResult Translator::translateVector(Operation *op) {
  if (op->getNumResults() == 0)
    return unsupported(op);
  SmallVector<Type> types;
  for (Value result : op->getResults()) {
    types.push_back(convertType(result.getType()));
    if (!types.back())
      return unsupported(op);
  }
  Type type = types.front();
  Value result;
  /// The lanes from[i] of the concatenation of x and y.
  auto shuffle = [&](Value x, Value y, ArrayRef<int64_t> from) -> Value {
    auto vector = dyn_cast<VectorType>(type);
    if (vector && isa<VectorType>(x.getType()) && isa<VectorType>(y.getType())) {
      SmallVector<int32_t> components(from.begin(), from.end());
      return b.create<spirv::VectorShuffleOp>(type, x, y, b.getI32ArrayAttr(components));
    }
    SmallVector<Value> lanes;
    int64_t first = countLanes(x.getType());
    for (int64_t i : from)
      lanes.push_back(i < first ? lane(x, i) : lane(y, i - first));
    return compose(type, lanes);
  };
  auto at = [&](Value vector, Value index) -> Value {
    if (!isa<VectorType>(vector.getType()))
      return vector;
    if (auto constant = index.getDefiningOp<spirv::ConstantOp>())
      return lane(vector, cast<IntegerAttr>(constant.getValue()).getInt());
    return b.create<spirv::VectorExtractDynamicOp>(type, vector, index);
  };
  auto insertAt = [&](Value scalar, Value vector, Value index) -> Value {
    if (!isa<VectorType>(vector.getType()))
      return scalar;
    if (auto constant = index.getDefiningOp<spirv::ConstantOp>())
      return b.create<spirv::CompositeInsertOp>(
          scalar, vector, ArrayRef<int32_t>{int32_t(cast<IntegerAttr>(constant.getValue()).getInt())});
    return b.create<spirv::VectorInsertDynamicOp>(type, vector, scalar, index);
  };

  if (isa<vector::SplatOp, vector::BroadcastOp>(op)) {
    Value x = get(op->getOperand(0));
    result = x.getType() == type ? x : splat(x, type);
  } else if (isa<vector::ShapeCastOp>(op)) {
    result = get(op->getOperand(0));
  } else if (auto extract = dyn_cast<vector::ExtractOp>(op)) {
    Value x = get(extract.getVector());
    auto position = extract.getMixedPosition();
    if (position.empty() || x.getType() == type)
      result = x;
    else if (auto attr = dyn_cast<Attribute>(position[0]))
      result = lane(x, cast<IntegerAttr>(attr).getInt());
    else
      result = at(x, get(cast<Value>(position[0])));
  } else if (auto insert = dyn_cast<vector::InsertOp>(op)) {
    Value x = get(insert.getSource()), into = get(insert.getDest());
    auto position = insert.getMixedPosition();
    if (position.empty() || x.getType() == type)
      result = x;
    else if (auto attr = dyn_cast<Attribute>(position[0]))
      result = b.create<spirv::CompositeInsertOp>(
          x, into, ArrayRef<int32_t>{int32_t(cast<IntegerAttr>(attr).getInt())});
    else
      result = insertAt(x, into, get(cast<Value>(position[0])));
  } else if (auto extract = dyn_cast<vector::ExtractElementOp>(op)) {
    Value x = get(extract.getVector());
    result = extract.getPosition() ? at(x, get(extract.getPosition())) : x;
  } else if (auto insert = dyn_cast<vector::InsertElementOp>(op)) {
    Value x = get(insert.getSource());
    result = insert.getPosition() ? insertAt(x, get(insert.getDest()), get(insert.getPosition())) : x;
  } else if (auto from = dyn_cast<vector::FromElementsOp>(op)) {
    SmallVector<Value> lanes;
    for (Value v : from.getElements())
      lanes.push_back(get(v));
    result = compose(type, lanes);
  } else if (auto op2 = dyn_cast<vector::ShuffleOp>(op)) {
    SmallVector<int64_t> from;
    for (Attribute attr : op2.getMask())
      from.push_back(cast<IntegerAttr>(attr).getInt());
    result = shuffle(get(op2.getV1()), get(op2.getV2()), from);
  } else if (auto slice = dyn_cast<vector::ExtractStridedSliceOp>(op)) {
    if (slice.getOffsets().size() != 1)
      return unsupported(op);
    int64_t offset = cast<IntegerAttr>(slice.getOffsets()[0]).getInt();
    Value x = get(slice.getVector());
    auto from = llvm::to_vector(llvm::seq<int64_t>(offset, offset + countLanes(type)));
    result = shuffle(x, x, from);
  } else if (auto slice = dyn_cast<vector::InsertStridedSliceOp>(op)) {
    if (slice.getOffsets().size() != 1)
      return unsupported(op);
    int64_t offset = cast<IntegerAttr>(slice.getOffsets()[0]).getInt();
    Value x = get(slice.getSource()), into = get(slice.getDest());
    int64_t count = countLanes(x.getType());
    SmallVector<int64_t> from;
    for (int64_t i = 0, e = countLanes(type); i < e; ++i)
      from.push_back(i >= offset && i < offset + count ? e + i - offset : i);
    result = shuffle(into, x, from);
  } else if (isa<vector::InterleaveOp>(op)) {
    Value x = get(op->getOperand(0)), y = get(op->getOperand(1));
    SmallVector<int64_t> from;
    for (int64_t i = 0, e = countLanes(x.getType()); i < e; ++i)
      llvm::append_values(from, i, e + i);
    result = shuffle(x, y, from);
  } else if (isa<vector::DeinterleaveOp>(op)) {
    Value x = get(op->getOperand(0));
    SmallVector<int64_t> even, odd;
    for (int64_t i = 0, e = countLanes(x.getType()); i < e; i += 2) {
      even.push_back(i);
      odd.push_back(i + 1);
    }
    values[op->getResult(1)] = shuffle(x, x, odd);
    result = shuffle(x, x, even);
  } else if (isa<vector::FMAOp>(op)) {
    result = make("CL.fma", type, {get(op->getOperand(0)), get(op->getOperand(1)), get(op->getOperand(2))});
  } else if (isa<vector::BitCastOp>(op)) {
    result = bitcast(get(op->getOperand(0)), type);
  }
  return result ? set(op->getResult(0), result) : unsupported(op);
}
