// The function's signature: inputs with symbols from dimension names and --dim, results.

#include "frontends/onnx/Importer.h"

using namespace mlir;

namespace aicc::onnx_import {

/// A dimension's name that could be a symbol by itself; everything else may be an expression.
static bool isPlainName(StringRef name) {
  return !name.empty() && llvm::none_of(name, [](char c) { return StringRef("+-*/() ").contains(c); });
}

AffineExpr Importer::getSymbol(StringRef name) {
  AffineExpr &symbol = symbols[name];
  if (symbol)
    return symbol;
  DimSpec spec;
  if (auto given = options.dims.find(name); given != options.dims.end()) {
    spec = given->second;
    dimsUsed.insert(name);
    if (spec.min < 0 || spec.min > spec.max)
      report("--dim " + name + ": " + Twine(spec.min) + ".." + Twine(spec.max) + " is not a range of sizes");
  }
  symbol = spec.min == spec.max ? builder->getMath().constant(spec.min)
                                : builder->getShapes().addInput(name, spec.min, spec.max);
  return symbol;
}

AffineExpr Importer::getDim(const onnx::TensorShapeProto_Dimension &dim, const Twine &unnamed) {
  if (dim.has_dim_value() && dim.dim_value() >= 0)
    return builder->getMath().constant(dim.dim_value());
  StringRef name = dim.dim_param();
  if (name.empty())
    return getSymbol(unnamed.str());
  if (!isPlainName(name) && !options.dims.count(name)) {
    AffineExpr sum = parseSize(name, [&](StringRef part) { return symbols.lookup(part); }, &context);
    if (sum)
      sum = builder->getMath().simplify(sum);
    if (sum && builder->getMath().isNonNegative(sum))
      return sum;
  }
  return getSymbol(name);
}

void Importer::importInputs(Scope &scope) {
  const onnx::GraphProto &graph = model.graph();
  SmallVector<const onnx::ValueInfoProto *> inputs;
  for (const onnx::ValueInfoProto &input : graph.input())
    if (!scope.values.count(input.name())) // before IR version 4 initializers are inputs, too
      inputs.push_back(&input);
  // Plain names first: "past + 1" may come before "past".
  for (const onnx::ValueInfoProto *input : inputs)
    for (const auto &dim : input->type().tensor_type().shape().dim())
      if (isPlainName(dim.dim_param()))
        getSymbol(dim.dim_param());

  Block &body = func.getBody().front();
  SmallVector<SmallVector<AffineExpr>> shapes;
  SmallVector<Type> types;
  for (const onnx::ValueInfoProto *input : inputs) {
    const std::string &name = input->name();
    // An optional input must be given.
    const onnx::TypeProto &inner =
        input->type().has_optional_type() ? input->type().optional_type().elem_type() : input->type();
    if (!inner.has_tensor_type()) {
      report("input '" + name + "' is not a tensor",
             inner.has_sequence_type() ? "a sequence's length must be known: pass its tensors one by one"
                                       : "maps and sparse tensors are not supported");
      continue;
    }
    const onnx::TypeProto_Tensor &type = inner.tensor_type();
    Type element = getElementType(&context, type.elem_type());
    if (!element) {
      report("input '" + name + "' has element type " + getElementTypeName(type.elem_type()) +
             ", which is not supported");
      continue;
    }
    if (!type.has_shape()) {
      report("input '" + name + "' has no rank", "export the model with the shapes of its inputs");
      continue;
    }
    if (type.shape().dim_size() > kMaxRank) {
      report("input '" + name + "' has rank " + Twine(type.shape().dim_size()) + "; at most " +
             Twine(kMaxRank) + " is supported");
      continue;
    }
    SmallVector<AffineExpr> shape;
    for (auto [i, dim] : llvm::enumerate(type.shape().dim()))
      shape.push_back(getDim(dim, name + "_d" + std::to_string(i)));
    BlockArgument argument = body.addArgument(nn::getTensorType(shape, element), getLocation(name));
    builder->getShapes().set(argument, shape);
    scope.values[name] = {argument, nullptr, false};
    argumentNames.push_back(name);
  }
  for (const auto &given : options.dims)
    if (!dimsUsed.contains(given.first())) {
      std::string names;
      for (const auto &symbol : symbols)
        names += (names.empty() ? "" : ", ") + symbol.first().str();
      report("--dim " + given.first() + ": the model has no such size",
             names.empty() ? "all its sizes are fixed" : "it has " + names);
    }
}

/// The tensors of an output by name: of a sequence, one for each element.
static void collectOutputs(const Item &item, const std::string &name,
                           SmallVectorImpl<std::pair<std::string, Value>> &outputs) {
  if (item.isTensor())
    outputs.push_back({name, item.value});
  if (item.list)
    for (auto [i, element] : llvm::enumerate(*item.list))
      collectOutputs(element, name + "[" + std::to_string(i) + "]", outputs);
}

void Importer::finish(Scope &scope) {
  const onnx::GraphProto &graph = model.graph();
  SmallVector<std::pair<std::string, Value>> outputs;
  const size_t before = problems.size();
  for (const onnx::ValueInfoProto &output : graph.output()) {
    if (!find(output.name(), scope)) {
      report("output '" + output.name() + "' is made by no node");
      continue;
    }
    Item item = getItem(output.name(), scope);
    if (item.isNone)
      report("output '" + output.name() + "' is an optional without a value");
    // What has failed has its own problem already.
    collectOutputs(item, output.name(), outputs);
  }
  if (graph.output().empty())
    report("the model has no output");
  else if (outputs.empty() && problems.empty())
    report("the model's outputs hold no tensor");
  if (problems.size() > before || outputs.empty())
    return;
  SmallVector<Value> values;
  for (const auto &output : outputs)
    values.push_back(output.second);
  parked.clear();
  OpBuilder &b = builder->getBuilder();
  b.create<func::ReturnOp>(func.getLoc(), values);
  builder->finish();
  SmallVector<Type> argumentTypes(func.getBody().front().getArgumentTypes()), resultTypes;
  for (Value value : values)
    resultTypes.push_back(value.getType());
  func.setFunctionType(FunctionType::get(&context, argumentTypes, resultTypes));
  nn::SymbolicShapes &shapes = builder->getShapes();
  auto describeDims = [&](Value value) { return AffineMapAttr::get(shapes.getMap(shapes.get(value))); };
  for (auto [i, name] : llvm::enumerate(argumentNames)) {
    func.setArgAttr(i, nn::NNDialect::getNameAttrName(), b.getStringAttr(name));
    func.setArgAttr(i, nn::NNDialect::getDimsAttrName(), describeDims(func.getBody().getArgument(i)));
  }
  for (auto [i, output] : llvm::enumerate(outputs)) {
    func.setResultAttr(i, nn::NNDialect::getNameAttrName(), b.getStringAttr(output.first));
    func.setResultAttr(i, nn::NNDialect::getDimsAttrName(), describeDims(values[i]));
  }
  if (!func->hasAttr(nn::NNDialect::getSymbolsAttrName()))
    func->setAttr(nn::NNDialect::getSymbolsAttrName(), b.getArrayAttr({}));
}
} // namespace aicc::onnx_import
