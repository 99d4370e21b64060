// Access to a node's inputs and attributes; the table of operators.

#include "frontends/onnx/Node.h"

using namespace mlir;

namespace aicc::onnx_import {

Value Node::in(unsigned index) const {
  if (!has(index))
    throw ImportError("input " + Twine(index) + " is missing");
  return inputs[index];
}

int64_t Node::getStaticSize(Value value, int64_t dim, const Twine &what) const {
  if (dim >= 0 && dim < getRank(value))
    if (auto size = dyn_cast<AffineConstantExpr>(getShape(value)[dim]))
      return size.getValue();
  throw ImportError(what + " must be known at compile time", "fix it with --dim");
}

int64_t Node::getAxis(int64_t axis, int64_t rank) const {
  if (axis < -rank || axis >= rank)
    throw ImportError("axis " + Twine(axis) + " is outside a tensor of rank " + Twine(rank));
  return axis < 0 ? axis + rank : axis;
}

SmallVector<int64_t> Node::getAxes(ArrayRef<int64_t> axes, int64_t rank) const {
  SmallVector<int64_t> result;
  for (int64_t axis : axes)
    result.push_back(getAxis(axis, rank));
  llvm::sort(result);
  if (std::adjacent_find(result.begin(), result.end()) != result.end())
    throw ImportError("an axis occurs twice");
  return result;
}

SmallVector<int64_t> Node::getConstantInts(unsigned index, const Twine &what) const {
  std::optional<SmallVector<int64_t>> values = builder.getConstantInts(in(index));
  if (!values)
    throw ImportError(what + " must be constant");
  return *values;
}

SmallVector<double> Node::getConstantDoubles(unsigned index, const Twine &what) const {
  std::optional<SmallVector<double>> values = builder.getConstantDoubles(in(index));
  if (!values)
    throw ImportError(what + " must be constant");
  return *values;
}

int64_t Node::getConstantInt(unsigned index, const Twine &what) const {
  SmallVector<int64_t> values = getConstantInts(index, what);
  if (values.size() != 1)
    throw ImportError(what + " must be a single number");
  return values[0];
}

double Node::getConstantDouble(unsigned index, const Twine &what) const {
  SmallVector<double> values = getConstantDoubles(index, what);
  if (values.size() != 1)
    throw ImportError(what + " must be a single number");
  return values[0];
}

std::optional<SmallVector<int64_t>> Node::getAxesAttrOrInput(unsigned index) const {
  if (hasAttr("axes"))
    return getInts("axes");
  if (has(index))
    return getConstantInts(index, "axes");
  return std::nullopt;
}

const onnx::AttributeProto *Node::getAttr(StringRef name) const {
  for (const onnx::AttributeProto &attribute : proto.attribute()) {
    if (attribute.name() != name)
      continue;
    if (attribute.ref_attr_name().empty())
      return &attribute;
    return bindings ? bindings->lookup(attribute.ref_attr_name()) : nullptr;
  }
  return nullptr;
}

int64_t Node::getInt(StringRef name, int64_t otherwise) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  return attribute ? attribute->i() : otherwise;
}

int64_t Node::getInt(StringRef name) const {
  if (!hasAttr(name))
    throw ImportError("attribute '" + name + "' is missing");
  return getInt(name, 0);
}

double Node::getFloat(StringRef name, double otherwise) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  return attribute ? attribute->f() : otherwise;
}

double Node::getFloat(StringRef name) const {
  if (!hasAttr(name))
    throw ImportError("attribute '" + name + "' is missing");
  return getFloat(name, 0);
}

std::string Node::getString(StringRef name, StringRef otherwise) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  return attribute ? attribute->s() : otherwise.str();
}

SmallVector<int64_t> Node::getInts(StringRef name) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  if (!attribute)
    return {};
  return SmallVector<int64_t>(attribute->ints().begin(), attribute->ints().end());
}

SmallVector<int64_t> Node::getInts(StringRef name, int64_t count, int64_t otherwise) const {
  if (!hasAttr(name))
    return SmallVector<int64_t>(count, otherwise);
  SmallVector<int64_t> values = getInts(name);
  if (int64_t(values.size()) != count)
    throw ImportError("attribute '" + name + "' needs " + Twine(count) + " values");
  return values;
}

SmallVector<double> Node::getFloats(StringRef name) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  if (!attribute)
    return {};
  return SmallVector<double>(attribute->floats().begin(), attribute->floats().end());
}

SmallVector<std::string> Node::getStrings(StringRef name) const {
  const onnx::AttributeProto *attribute = getAttr(name);
  if (!attribute)
    return {};
  return SmallVector<std::string>(attribute->strings().begin(), attribute->strings().end());
}

Type Node::getType(int64_t onnxType) const {
  Type type = getElementType(builder.getContext(), onnxType);
  if (!type)
    throw ImportError("element type " + getElementTypeName(onnxType) + " is not supported");
  return type;
}

void Node::refuseOutputs(unsigned first, const Twine &why) const {
  for (unsigned i = first; i < getNumOutputs(); ++i)
    if (wants(i))
      throw ImportError("output " + Twine(i) + " is not supported: " + why);
}

void OpTable::add(StringRef domain, StringRef op, int64_t first, int64_t last, ImportFn import) {
  entries[{domain.str(), op.str()}].push_back({first, last, std::move(import)});
}

const OpTable::Entry *OpTable::find(StringRef domain, StringRef op, int64_t opset) const {
  auto it = entries.find({domain.str(), op.str()});
  if (it == entries.end())
    return nullptr;
  for (const Entry &entry : it->second)
    if (opset >= entry.minOpset && opset <= entry.maxOpset)
      return &entry;
  return nullptr;
}

bool OpTable::hasOtherOpset(StringRef domain, StringRef op) const {
  return entries.count({domain.str(), op.str()});
}

const OpTable &OpTable::get() {
  static const OpTable table = [] {
    OpTable all;
    addLegacyOps(all);
    addElementwiseOps(all);
    addViewOps(all);
    addIndexingOps(all);
    addSelectionOps(all);
    addReductionOps(all);
    addMatMulOps(all);
    addEinsumOps(all);
    addConvolutionOps(all);
    addPoolingOps(all);
    addNormalizationOps(all);
    addResizeOps(all);
    addRecurrentOps(all);
    addGeneratorOps(all);
    addAttentionOps(all);
    addQuantizationOps(all);
    addRandomOps(all);
    addTrainingOps(all);
    addTextOps(all);
    addMachineLearningOps(all);
    addTreeOps(all);
    addSpatialOps(all);
    addSignalOps(all);
    addMicrosoftFusedOps(all);
    addMicrosoftAttentionOps(all);
    addMicrosoftWeightOps(all);
    addMicrosoftQuantizedOps(all);
    return all;
  }();
  return table;
}
} // namespace aicc::onnx_import
