// Names, nodes, functions and branches; inputs and results are in Signature.cpp.

#include "frontends/onnx/Importer.h"
#include "dialects/nn/Formats.h"
#include "frontends/onnx/NodeOrder.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

namespace aicc::onnx_import {

/// As kMaxCallDepth: of everything there is an end.
static constexpr uint64_t maxNodes = 500000;
static constexpr size_t maxProblems = 1000;
/// Opsets of the standard that are known.
static constexpr int64_t minOpset = 1, maxOpset = 28;

static StringRef normalizeDomain(StringRef domain) { return domain == "ai.onnx" ? StringRef() : domain; }

static std::string getFunctionKey(StringRef domain, StringRef name, StringRef overload) {
  return (normalizeDomain(domain) + "\n" + name + "\n" + overload).str();
}

static void addOpsets(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto> &imports,
                      llvm::StringMap<int64_t> &opsets) {
  for (const onnx::OperatorSetIdProto &import : imports)
    opsets[normalizeDomain(import.domain())] = import.version();
}

Importer::Importer(MLIRContext &context, const onnx::ModelProto &model, ArrayRef<char> bytes, StringRef path,
                   const ImportOptions &options, llvm::SmallVectorImpl<Problem> &problems)
    : context(context), model(model), options(options), problems(problems), bytes(bytes), path(path) {
  for (const onnx::FunctionProto &function : model.functions())
    functions[getFunctionKey(function.domain(), function.name(), function.overload())] = &function;
  addOpsets(model.opset_import(), opsets);
}

OwningOpRef<ModuleOp> Importer::run() {
  const size_t before = problems.size();
  auto opset = opsets.find("");
  if (!model.has_graph()) {
    report("the file holds no graph", "is it an ONNX model?");
    return {};
  }
  if (opset != opsets.end() && (opset->second < minOpset || opset->second > maxOpset)) {
    report("opset " + Twine(opset->second) + " is not supported",
           "convert the model to one from " + Twine(minOpset) + " to " + Twine(maxOpset));
    return {};
  }
  Location location = FileLineColLoc::get(&context, path.empty() ? "model.onnx" : path, 0, 0);
  module = ModuleOp::create(location);
  OpBuilder top(module->getBodyRegion());
  func = top.create<func::FuncOp>(location, "main", FunctionType::get(&context, {}, {}));
  func.addEntryBlock();
  builder = std::make_unique<GraphBuilder>(func);
  loader = std::make_unique<TensorLoader>(*builder, bytes, path, options.inlineLimitBytes);

  Scope scope;
  scope.opsets = &opsets;
  addInitializers(model.graph(), scope);
  importInputs(scope);
  if (problems.size() > before)
    return {};
  importNodes(model.graph().node(), scope);
  finish(scope);
  if (problems.size() > before)
    return {};
  return std::move(module);
}

void Importer::addInitializers(const onnx::GraphProto &graph, Scope &scope) {
  for (const onnx::TensorProto &tensor : graph.initializer())
    scope.values[tensor.name()] = {Value(), &tensor, false};
  for (const onnx::SparseTensorProto &tensor : graph.sparse_initializer()) {
    scope.values[tensor.values().name()] = {Value(), nullptr, true};
    report("initializer '" + tensor.values().name() + "' is sparse, which is not supported");
  }
}

Importer::Binding *Importer::find(StringRef name, const Scope &scope) {
  for (const Scope *s = &scope; s; s = s->parent)
    if (auto it = s->values.find(name); it != s->values.end())
      return &it->second;
  return nullptr;
}

Value Importer::getValue(StringRef name, const Scope &scope) {
  Binding *binding = find(name, scope);
  if (!binding)
    throw ImportError("it reads '" + name + "', which nothing before it defines");
  if (!binding->value && !binding->failed && binding->tensor) {
    // At the top: the next to read it may stand outside of this region.
    OpBuilder::InsertionGuard guard(builder->getBuilder());
    builder->getBuilder().setInsertionPointToEnd(&func.getBody().front());
    builder->setLocation(getLocation(name));
    try {
      binding->value = loader->load(*binding->tensor, name);
    } catch (const ImportError &error) {
      binding->failed = true;
      report(error.reason, error.hint);
    }
  }
  if (binding->other)
    throw ImportError("'" + name + "' is a sequence or an optional, not a tensor");
  return binding->value;
}

Item Importer::getItem(StringRef name, const Scope &scope) {
  Binding *binding = find(name, scope);
  return binding && binding->other ? binding->other : Item(getValue(name, scope));
}

void Importer::importNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto> &nodes, Scope &scope) {
  for (const onnx::NodeProto *node : sortNodes(nodes)) {
    if (problems.size() >= maxProblems)
      return;
    importNode(*node, scope);
  }
}

void Importer::importNode(const onnx::NodeProto &proto, Scope &scope) {
  StringRef domain = normalizeDomain(proto.domain());
  // A domain that is not imported: what the whole model says, else the first version (exporters forget
  // com.microsoft).
  const int64_t opset = scope.opsets->count(domain) ? scope.opsets->lookup(domain)
                        : opsets.count(domain)      ? opsets.lookup(domain)
                                                    : 1;
  SmallVector<Item> items;
  SmallVector<Value> inputs;
  Items results;
  const size_t before = problems.size();
  bool failed = false;
  try {
    if (++nodesImported > maxNodes)
      throw ImportError("the model has more than " + Twine(maxNodes) + " nodes after inlining of functions");
    for (const std::string &name : proto.input()) {
      items.push_back(name.empty() ? Item() : getItem(name, scope));
      inputs.push_back(items.back().value);
      failed |= !name.empty() && find(name, scope)->failed;
    }
    if (failed) {
      // Nothing can be said about its sizes, but whether we know it at all.
      if (!isSupported(proto, domain, opset))
        throw ImportError("the operator is not supported");
    } else {
      builder->setLocation(getLocation(getName(proto, scope)));
      results = importOp(proto, domain, opset, items, scope);
      failed = problems.size() > before;
      for (const Item &result : results)
        if (result.value && cast<RankedTensorType>(result.value.getType()).getRank() > kMaxRank)
          throw ImportError("results of rank above " + Twine(kMaxRank) + " are not supported");
      for (int i = 0; !failed && i < proto.output_size(); ++i)
        if (!proto.output(i).empty() && (i >= int(results.size()) || !results[i]))
          throw ImportError("output " + Twine(i) + " is not supported");
    }
  } catch (const ImportError &error) {
    report(proto, scope, opset, inputs, error);
    failed = true;
  } catch (const BodyFailed &) {
    failed = true;
  } catch (const std::exception &error) {
    report(proto, scope, opset, inputs, ImportError(error.what()));
    failed = true;
  }
  for (int i = 0; i < proto.output_size(); ++i)
    if (!proto.output(i).empty()) {
      Item item = failed || i >= int(results.size()) ? Item() : results[i];
      scope.values[proto.output(i)] = {item.value, nullptr, !item, item.value ? Item() : item};
    }
}

bool Importer::isSupported(const onnx::NodeProto &proto, StringRef domain, int64_t opset) const {
  return functions.count(getFunctionKey(domain, proto.op_type(), proto.overload())) ||
         (domain.empty() && llvm::is_contained({"If", "Loop", "Scan"}, proto.op_type())) ||
         isSequenceOp(domain, proto.op_type()) || OpTable::get().find(domain, proto.op_type(), opset) ||
         hasFunctionBody(domain, proto.op_type(), opset);
}

/// What to do about a standard operator that is none of a tensor compiler's.
static StringRef getHint(StringRef op) {
  return llvm::StringSwitch<StringRef>(op)
      .Case("ImageDecoder", "decode images outside the model")
      .Cases("ZipMap", "DictVectorizer", "CastMap",
             "maps have no tensors; export the model with zipmap switched off")
      .Cases("StringConcat", "StringNormalizer", "StringSplit", "RegexFullMatch", "CategoryMapper",
             "process strings outside the model")
      .Case("Gradient", "export the gradients' computation as a graph")
      .Default("");
}

Items Importer::importOp(const onnx::NodeProto &proto, StringRef domain, int64_t opset, ArrayRef<Item> inputs,
                         Scope &scope) {
  SmallVector<Value> values;
  for (const Item &input : inputs)
    values.push_back(input.value);
  Node node(*builder, *loader, proto, opset, std::move(values), scope.attributes);
  auto function = functions.find(getFunctionKey(domain, proto.op_type(), proto.overload()));
  if (function != functions.end())
    return importFunction(*function->second, node, inputs, nullptr, scope);
  if (isSequenceOp(domain, proto.op_type()))
    return importSequenceOp(node, inputs, scope);
  if (domain.empty() && proto.op_type() == "Loop")
    return importLoop(node, inputs, scope);
  if (domain.empty() && proto.op_type() == "Identity" && inputs.size() == 1 && !inputs[0].isTensor())
    return inputs[0];
  for (auto [i, input] : llvm::enumerate(inputs))
    if (input.list || input.isNone)
      throw ImportError("input " + Twine(i) + " is a sequence or an optional, not a tensor");
  const onnx::OpSchema *schema = onnx::OpSchemaRegistry::Schema(proto.op_type(), int(opset), domain.str());
  const bool hasBody = schema && (schema->HasFunction() || schema->HasContextDependentFunction());
  if (const OpTable::Entry *entry = OpTable::get().find(domain, proto.op_type(), opset)) {
    try {
      return entry->import(node);
    } catch (const UseFunctionBody &) {
      if (!hasBody)
        throw ImportError("this form of the operator is not supported");
    }
  }
  if (domain.empty() && proto.op_type() == "If")
    return importIf(node, scope);
  if (domain.empty() && proto.op_type() == "Scan")
    return importScan(node, scope);
  if (hasBody)
    return importFunctionBody(*schema, node, inputs, scope);
  if (OpTable::get().hasOtherOpset(domain, proto.op_type()))
    throw ImportError("the operator is not supported at this opset");
  if (!domain.empty() && !schema)
    throw ImportError("the operator is not supported: its domain '" + domain + "' is not a standard one",
                      "export the model without custom operators");
  throw ImportError("the operator is not supported", getHint(proto.op_type()));
}

Items Importer::importFunction(const onnx::FunctionProto &function, Node &node, ArrayRef<Item> inputs,
                               const onnx::OpSchema *schema, Scope &scope) {
  if (scope.depth >= kMaxCallDepth)
    throw ImportError("functions call each other too deeply");
  AttributeBindings attributes;
  if (schema)
    for (const auto &[name, attribute] : schema->attributes())
      if (attribute.default_value.has_type() &&
          attribute.default_value.type() != onnx::AttributeProto::UNDEFINED)
        attributes[name] = &attribute.default_value;
  for (const onnx::AttributeProto &attribute : function.attribute_proto())
    attributes[attribute.name()] = &attribute;
  for (const onnx::AttributeProto &attribute : node.proto.attribute())
    if (const onnx::AttributeProto *value = node.getAttr(attribute.name()))
      attributes[attribute.name()] = value;
  llvm::StringMap<int64_t> versions;
  addOpsets(function.opset_import(), versions);
  if (schema && !versions.count(""))
    // A body of another domain that names no opset means the standard's as the model has it.
    versions[""] = schema->domain().empty() ? node.opset : opsets.count("") ? opsets.lookup("") : maxOpset;

  Scope inner;
  inner.opsets = &versions;
  inner.attributes = &attributes;
  inner.path = getName(node.proto, scope);
  inner.depth = scope.depth + 1;
  if (node.getNumInputs() > unsigned(function.input_size()))
    throw ImportError("it has more inputs than its function");
  for (int i = 0; i < function.input_size(); ++i) {
    Item item = size_t(i) < inputs.size() ? inputs[i] : Item();
    inner.values[function.input(i)] = {item.value, nullptr, false, item.value ? Item() : item};
  }
  importNodes(function.node(), inner);
  Items results;
  for (int i = 0; i < function.output_size(); ++i)
    results.push_back(node.wants(i) ? getItem(function.output(i), inner) : Item());
  return results;
}

Items Importer::importFunctionBody(const onnx::OpSchema &schema, Node &node, ArrayRef<Item> inputs,
                                   Scope &scope) {
  const size_t before = problems.size();
  Items results;
  if (const onnx::FunctionProto *body = schema.GetFunction(int(node.opset))) {
    results = importFunction(*body, node, inputs, &schema, scope);
  } else {
    std::vector<onnx::TypeProto> types;
    for (Value input : node.getInputs()) {
      onnx::TypeProto &type = types.emplace_back();
      if (!input)
        continue;
      type.mutable_tensor_type()->set_elem_type(getOnnxType(node.getElement(input)));
      auto *shape = type.mutable_tensor_type()->mutable_shape();
      for (AffineExpr size : node.getShape(input)) {
        auto *dim = shape->add_dim();
        if (auto number = dyn_cast<AffineConstantExpr>(size))
          dim->set_dim_value(number.getValue());
      }
    }
    // The body's builder looks at attributes by name: references are resolved, those to nothing left out.
    onnx::NodeProto call = node.proto;
    call.clear_attribute();
    for (const onnx::AttributeProto &attribute : node.proto.attribute())
      if (const onnx::AttributeProto *value = node.getAttr(attribute.name())) {
        onnx::AttributeProto &resolved = *call.add_attribute();
        resolved = *value;
        resolved.clear_ref_attr_name();
        resolved.set_name(attribute.name());
      }
    onnx::FunctionBodyBuildContextImpl build(call, types);
    onnx::FunctionProto made;
    if (!schema.BuildContextDependentFunction(build, made, int(node.opset)))
      throw ImportError("the operator is not supported",
                        "the standard has no decomposition for these inputs");
    results = importFunction(made, node, inputs, &schema, scope);
  }
  // The user knows the node, not what it decomposes to.
  if (problems.size() > before) {
    const Problem inner = problems[before];
    problems.truncate(before);
    throw ImportError("in its decomposition, " + inner.op + ": " + inner.reason, inner.hint);
  }
  return results;
}

std::string Importer::getName(const onnx::NodeProto &proto, const Scope &scope) const {
  std::string name = proto.name();
  for (int i = 0; name.empty() && i < proto.output_size(); ++i)
    name = proto.output(i);
  if (name.empty())
    name = proto.op_type();
  return scope.path.empty() ? name : scope.path + "/" + name;
}

Location Importer::getLocation(StringRef name) const { return NameLoc::get(StringAttr::get(&context, name)); }

void Importer::report(const onnx::NodeProto &proto, const Scope &scope, int64_t opset, ArrayRef<Value> inputs,
                      const ImportError &error) {
  Problem problem;
  problem.node = getName(proto, scope);
  problem.op = proto.op_type();
  problem.domain = normalizeDomain(proto.domain()).str();
  problem.opset = opset;
  for (Value input : inputs)
    problem.shapes += (problem.shapes.empty() ? "" : ", ") + (input ? describe(input) : "-");
  problem.reason = error.reason;
  problem.hint = error.hint;
  problems.push_back(std::move(problem));
}

void Importer::report(const Twine &reason, const Twine &hint) {
  Problem problem;
  problem.reason = reason.str();
  problem.hint = hint.str();
  problems.push_back(std::move(problem));
}

std::string Importer::describe(Value value) {
  auto all = func->getAttrOfType<ArrayAttr>(nn::NNDialect::getSymbolsAttrName());
  std::string text;
  llvm::raw_string_ostream os(text);
  for (AffineExpr size : builder->getShape(value)) {
    auto symbol = dyn_cast<AffineSymbolExpr>(size);
    auto info = symbol && all && symbol.getPosition() < all.size()
                    ? dyn_cast<nn::SymbolAttr>(all[symbol.getPosition()])
                    : nn::SymbolAttr();
    if (auto number = dyn_cast<AffineConstantExpr>(size))
      os << number.getValue();
    else if (info && info.getKind() == nn::SymbolKind::input)
      os << info.getName();
    else
      os << "?";
    os << "x";
  }
  os << nn::getElementName(builder->getElement(value));
  return text;
}
} // namespace aicc::onnx_import
