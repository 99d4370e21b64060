// Sequences and optionals: lists of values at compile time. Lengths and positions must be known then; nothing
// of them is left in the program.

#include "frontends/onnx/Importer.h"

using namespace mlir;

namespace aicc::onnx_import {

bool Importer::isSequenceOp(StringRef domain, StringRef op) {
  return domain.empty() &&
         llvm::is_contained({"SequenceConstruct", "SequenceEmpty", "SequenceAt", "SequenceInsert",
                             "SequenceErase", "SequenceLength", "SplitToSequence", "ConcatFromSequence",
                             "SequenceMap", "Optional", "OptionalHasElement", "OptionalGetElement"},
                            op);
}

/// The elements of the sequence that input `index` is.
static std::vector<Item> getList(ArrayRef<Item> inputs, unsigned index) {
  if (index >= inputs.size() || !inputs[index].list)
    throw ImportError("input " + Twine(index) + " is not a sequence");
  return *inputs[index].list;
}

static Value getTensor(ArrayRef<Item> inputs, unsigned index) {
  if (index >= inputs.size() || !inputs[index].isTensor())
    throw ImportError("input " + Twine(index) + " is not a tensor");
  return inputs[index].value;
}

/// A position in a list of `size` places; negative ones count from the end.
static int64_t getPosition(Node &node, unsigned index, int64_t size) {
  int64_t position = node.getConstantInt(index, "the position in a sequence");
  if (position < -size || position >= size)
    throw ImportError("position " + Twine(position) + " is outside of its sequence");
  return position < 0 ? position + size : position;
}

/// SplitToSequence: parts along an axis, of given sizes, or (without any) of size 1, whose dimension may go.
static Item split(Node &node, Value input) {
  constexpr int64_t maxParts = 100000;
  auto checkCount = [](int64_t count) {
    if (count > maxParts)
      throw ImportError("it would give " + Twine(count) + " tensors");
    return count;
  };
  GraphBuilder &builder = node.builder;
  const int64_t axis = node.getAxis(node.getInt("axis", 0), node.getRank(input));
  const AffineExpr total = node.getShape(input)[axis];
  SmallVector<AffineExpr> sizes;
  bool keepdims = true;
  if (!node.has(1)) {
    keepdims = node.getInt("keepdims", 1);
    sizes.assign(checkCount(node.getStaticSize(input, axis, "the size of the split dimension")),
                 node.constant(1));
  } else if (node.getRank(node.in(1)) == 0) {
    const int64_t size = node.getConstantInt(1, "the size of the parts");
    const int64_t all = node.getStaticSize(input, axis, "the size of the split dimension");
    if (size < 1)
      throw ImportError("parts of size " + Twine(size) + " cannot be");
    checkCount(all / size);
    for (int64_t at = 0; at < all; at += size)
      sizes.push_back(node.constant(std::min(size, all - at)));
  } else {
    sizes = node.getSizes(1, "the sizes of the parts");
  }
  checkCount(sizes.size());
  std::vector<Item> items;
  AffineExpr offset = node.constant(0);
  for (AffineExpr size : sizes) {
    Value part = builder.sliceAxis(input, axis, offset, size);
    if (!keepdims) {
      SmallVector<AffineExpr> shape(builder.getShape(part));
      shape.erase(shape.begin() + axis);
      part = builder.reshape(part, shape);
    }
    items.push_back(part);
    offset = node.math().simplify(offset + size);
  }
  std::optional<int64_t> rest = nn::ShapeContext::getConstant(node.math().simplify(total - offset));
  if (rest && *rest != 0)
    throw ImportError("its parts do not add up to the split dimension");
  return Item::makeList(std::move(items));
}

static Value concatenate(Node &node, const std::vector<Item> &items) {
  SmallVector<Value> values;
  for (const Item &item : items)
    values.push_back(item.value);
  if (values.empty() || llvm::is_contained(values, Value()))
    throw ImportError("there is nothing to concatenate");
  const bool isStack = node.getInt("new_axis", 0);
  const int64_t axis = node.getAxis(node.getInt("axis"), node.getRank(values[0]) + isStack);
  if (isStack)
    for (Value &value : values) {
      if (axis > node.getRank(value))
        throw ImportError("its tensors have different ranks");
      value = node.builder.unsqueeze(value, {axis});
    }
  return node.builder.concat(values, axis);
}

Items Importer::importSequenceOp(Node &node, ArrayRef<Item> inputs, Scope &scope) {
  const std::string &op = node.proto.op_type();
  for (const Item &input : inputs)
    if (input.isNone && !llvm::is_contained({"OptionalHasElement", "Optional"}, op))
      throw ImportError("an optional that it reads has no value");
  if (op == "SequenceEmpty")
    return Item::makeList({});
  if (op == "SequenceConstruct") {
    std::vector<Item> items;
    for (unsigned i = 0; i < inputs.size(); ++i)
      items.push_back(getTensor(inputs, i));
    return Item::makeList(std::move(items));
  }
  if (op == "SplitToSequence")
    return split(node, getTensor(inputs, 0));
  if (op == "Optional") {
    if (inputs.empty() || !inputs[0])
      return Item::makeNone();
    return inputs[0];
  }
  const Type boolean = builder->getBuilder().getI1Type();
  if (op == "OptionalHasElement")
    return Item(builder->scalar(!inputs.empty() && inputs[0] && !inputs[0].isNone, boolean));
  if (op == "OptionalGetElement") {
    if (inputs.empty() || !inputs[0])
      throw ImportError("input 0 is missing");
    return inputs[0];
  }
  if (op == "SequenceMap") {
    const onnx::GraphProto &body = getGraph(node, "body");
    if (body.input_size() != int(inputs.size()))
      throw ImportError("its body has another number of inputs");
    const size_t length = getList(inputs, 0).size();
    std::vector<std::vector<Item>> results(body.output_size());
    for (size_t i = 0; i < length; ++i) {
      SmallVector<Item> arguments;
      for (const Item &input : inputs) {
        if (input.list && input.list->size() != length)
          throw ImportError("its sequences have different lengths");
        arguments.push_back(input.list ? (*input.list)[i] : input);
      }
      for (auto [result, item] : llvm::zip_equal(results, importGraph(body, arguments, scope)))
        result.push_back(item);
    }
    Items lists;
    for (std::vector<Item> &result : results)
      lists.push_back(Item::makeList(std::move(result)));
    return lists;
  }
  std::vector<Item> items = getList(inputs, 0);
  const int64_t length = items.size();
  if (op == "SequenceLength")
    return Item(builder->scalar(double(length), builder->getBuilder().getI64Type()));
  if (op == "ConcatFromSequence")
    return Item(concatenate(node, items));
  if (op == "SequenceAt")
    return items[getPosition(node, 1, length)];
  if (op == "SequenceErase") {
    if (length == 0)
      throw ImportError("its sequence is empty");
    items.erase(items.begin() + (node.has(1) ? getPosition(node, 1, length) : length - 1));
    return Item::makeList(std::move(items));
  }
  // SequenceInsert
  if (inputs.size() < 2 || !inputs[1])
    throw ImportError("input 1 is missing");
  int64_t position = length;
  if (node.has(2)) {
    position = node.getConstantInt(2, "the position in a sequence");
    position += position < 0 ? length : 0;
    if (position < 0 || position > length)
      throw ImportError("the position is outside of its sequence");
  }
  items.insert(items.begin() + position, getTensor(inputs, 1));
  return Item::makeList(std::move(items));
}
} // namespace aicc::onnx_import
