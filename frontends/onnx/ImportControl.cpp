// If, Loop and Scan: nodes with graphs in them. What is known at compile time is decided here, the rest
// becomes nn.if and nn.loop. Sizes in which branches or iterations disagree become data symbols that these
// operations bind.

#include "dialects/nn/NNControl.h"
#include "frontends/onnx/Importer.h"

using namespace mlir;

namespace aicc::onnx_import {

/// Iterations that are written out where a loop must be.
static constexpr int64_t maxUnrolled = 1024;

const onnx::GraphProto &Importer::getGraph(Node &node, StringRef attribute) {
  const onnx::AttributeProto *graph = node.getAttr(attribute);
  if (!graph || !graph->has_g())
    throw ImportError("its graph '" + attribute + "' is missing");
  return graph->g();
}

Items Importer::importGraph(const onnx::GraphProto &graph, ArrayRef<Item> inputs, Scope &scope) {
  if (scope.depth >= kMaxCallDepth)
    throw ImportError("graphs are nested too deeply");
  Scope inner;
  inner.parent = &scope;
  inner.opsets = scope.opsets;
  inner.attributes = scope.attributes;
  inner.path = scope.path;
  inner.depth = scope.depth + 1;
  const size_t before = problems.size();
  Location location = builder->getLocation();
  addInitializers(graph, inner);
  for (auto [i, input] : llvm::enumerate(inputs))
    inner.values[graph.input(i).name()] = {input.value, nullptr, false, input.value ? Item() : input};
  importNodes(graph.node(), inner);
  Items results;
  for (const onnx::ValueInfoProto &output : graph.output())
    results.push_back(getItem(output.name(), inner));
  if (problems.size() > before)
    throw BodyFailed();
  builder->setLocation(location);
  for (const Item &result : results)
    if (!result)
      throw ImportError("a graph in it gives nothing for an output");
  return results;
}

/// The only element of a tensor, if it is known at compile time.
std::optional<int64_t> Importer::getNumber(Value value) {
  std::optional<SmallVector<AffineExpr>> known = builder->getKnownInts(value);
  if (!known || known->size() != 1)
    return std::nullopt;
  return nn::ShapeContext::getConstant(known->front());
}

/// Fails unless the tensor has one element.
static void checkSingle(GraphBuilder &builder, Value value, const Twine &what) {
  for (AffineExpr size : builder.getShape(value))
    if (nn::ShapeContext::getConstant(size) != 1)
      throw ImportError(what + " must be a single value");
}

//===--- If
//----------------------------------------------------------------------------------------------===//

Items Importer::importIf(Node &node, Scope &scope) {
  checkSingle(*builder, node.in(0), "its condition");
  const onnx::GraphProto &then = getGraph(node, "then_branch"), &otherwise = getGraph(node, "else_branch");
  if (then.output_size() != otherwise.output_size())
    throw ImportError("its branches have different numbers of outputs");
  if (then.input_size() || otherwise.input_size())
    throw ImportError("its branches have inputs");
  if (std::optional<int64_t> value = getNumber(node.in(0)))
    return importGraph(*value ? then : otherwise, {}, scope);
  return branch(node, node.in(0), then, otherwise, scope);
}

/// The tensors in an item, one after another.
static void flatten(const Item &item, SmallVectorImpl<Value> &values) {
  if (item.isTensor())
    values.push_back(item.value);
  if (item.list)
    for (const Item &element : *item.list)
      flatten(element, values);
}

/// An item built as `like` is, of other tensors.
static Item rebuild(const Item &like, ArrayRef<Value> values, unsigned &next) {
  if (like.isTensor())
    return values[next++];
  if (!like.list)
    return like;
  std::vector<Item> items;
  for (const Item &element : *like.list)
    items.push_back(rebuild(element, values, next));
  return Item::makeList(std::move(items));
}

static bool isAlike(const Item &a, const Item &b) {
  if (a.isTensor() != b.isTensor() || a.isNone != b.isNone || bool(a.list) != bool(b.list))
    return false;
  return !a.list ||
         (a.list->size() == b.list->size() && llvm::all_of(llvm::zip(*a.list, *b.list), [](auto pair) {
            return isAlike(std::get<0>(pair), std::get<1>(pair));
          }));
}

Items Importer::branch(Node &node, Value condition, const onnx::GraphProto &then,
                       const onnx::GraphProto &otherwise, Scope &scope) {
  if (!builder->getElement(condition).isInteger(1))
    throw ImportError("its condition is not a boolean");
  nn::SymbolicShapes &shapes = builder->getShapes();
  OpBuilder &b = builder->getBuilder();
  const Location location = builder->getLocation();
  std::unique_ptr<Region> regions[2];
  Items items[2];
  SmallVector<Value> values[2];
  for (int i : {0, 1}) {
    parked.push_back(std::make_unique<Region>());
    Block &block = parked.back()->emplaceBlock();
    const size_t place = parked.size() - 1;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(&block);
    items[i] = importGraph(i ? otherwise : then, {}, scope);
    for (const Item &item : items[i])
      flatten(item, values[i]);
    b.create<nn::YieldOp>(location, values[i]);
    regions[i] = std::move(parked[place]);
    parked[place] = std::make_unique<Region>();
  }
  // From here on nothing may be thrown before the regions have a place again.
  std::string problem;
  SmallVector<AffineExpr> sizes;
  SmallVector<int64_t> binds;
  SmallVector<Type> types;
  SmallVector<SmallVector<AffineExpr>> resultShapes;
  for (auto [x, y] : llvm::zip_equal(items[0], items[1]))
    if (!isAlike(x, y))
      problem = "its branches give sequences of different lengths, or a tensor and something else";
  for (unsigned i = 0; problem.empty() && i < values[0].size(); ++i) {
    Value x = values[0][i], y = values[1][i];
    if (builder->getElement(x) != builder->getElement(y)) {
      problem = "its branches give tensors of different element types";
    } else if (builder->getRank(x) != builder->getRank(y)) {
      problem = "its branches give tensors of rank " + std::to_string(builder->getRank(x)) + " and " +
                std::to_string(builder->getRank(y));
    } else {
      SmallVector<AffineExpr> &shape = resultShapes.emplace_back();
      for (auto [a, c] : llvm::zip_equal(builder->getShape(x), builder->getShape(y))) {
        if (shapes.equal(a, c)) {
          shape.push_back(a);
          continue;
        }
        Interval first = builder->getMath().getBounds(a), second = builder->getMath().getBounds(c);
        shape.push_back(shapes.addData("size" + std::to_string(shapes.getNumSymbols()),
                                       std::max<int64_t>(0, std::min(first.min, second.min)),
                                       std::max(first.max, second.max)));
        binds.push_back(shapes.getNumSymbols() - 1);
      }
      types.push_back(nn::getTensorType(shape, builder->getElement(x)));
      llvm::append_range(sizes, shape);
    }
  }
  if (!problem.empty()) {
    parked.push_back(std::move(regions[0]));
    parked.push_back(std::move(regions[1]));
    throw ImportError(problem, "export the model without the branch");
  }
  auto op = b.create<nn::IfOp>(location, types, condition, shapes.getMap(sizes), binds);
  op.getThenRegion().takeBody(*regions[0]);
  op.getElseRegion().takeBody(*regions[1]);
  for (auto [result, shape] : llvm::zip_equal(op.getResults(), resultShapes))
    shapes.set(result, shape);
  Items results;
  unsigned next = 0;
  SmallVector<Value> made(op.getResults());
  for (const Item &item : items[0])
    results.push_back(rebuild(item, made, next));
  return results;
}

//===--- loops
//---------------------------------------------------------------------------------------------===//

SmallVector<Value> Importer::makeLoop(Value trip, Value condition, ArrayRef<Value> inits,
                                      const ImportIteration &import) {
  nn::SymbolicShapes &shapes = builder->getShapes();
  OpBuilder &b = builder->getBuilder();
  const Location location = builder->getLocation();
  const unsigned firstInner = shapes.getNumSymbols();
  if (!trip) {
    auto type = RankedTensorType::get({}, b.getI64Type());
    trip = builder->constant(cast<ElementsAttr>(DenseElementsAttr::get(type, INT64_MAX)));
  }
  const bool isCounted = !condition || getNumber(condition) == 1;
  if (!condition)
    condition = builder->scalar(1, b.getI1Type());

  SmallVector<SmallVector<AffineExpr>> carried;
  for (Value init : inits)
    carried.emplace_back(builder->getShape(init));
  SmallVector<int64_t> binds;
  auto addSymbol = [&](AffineExpr &size) {
    size = shapes.addData("carried" + std::to_string(shapes.getNumSymbols()));
    binds.push_back(shapes.getNumSymbols() - 1);
  };
  std::string name;
  if (auto named = dyn_cast<NameLoc>(location))
    name = named.getName().str();
  for (auto [i, dim] : changedSizes[name])
    if (i < carried.size() && dim < carried[i].size())
      addSymbol(carried[i][dim]);
  Iteration iteration;
  std::unique_ptr<Region> body;
  // A size that an iteration changes is a symbol in the next attempt.
  for (bool isStable = false; !isStable;) {
    const size_t place = parked.size();
    parked.push_back(std::make_unique<Region>());
    Block &block = parked.back()->emplaceBlock();
    auto scalar = RankedTensorType::get({}, b.getI64Type());
    SmallVector<Value> arguments;
    Value number = block.addArgument(scalar, location);
    shapes.set(number, {});
    for (auto [init, shape] : llvm::zip_equal(inits, carried)) {
      arguments.push_back(block.addArgument(nn::getTensorType(shape, builder->getElement(init)), location));
      shapes.set(arguments.back(), shape);
    }
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(&block);
      iteration = import(number, arguments);
      if (!iteration.condition)
        iteration.condition = builder->scalar(1, b.getI1Type());
      if (!builder->getElement(iteration.condition).isInteger(1))
        throw ImportError("its body's first output, the condition, is not a boolean");
      checkSingle(*builder, iteration.condition, "its body's condition");
    }
    isStable = true;
    for (auto [i, value] : llvm::enumerate(iteration.carried)) {
      if (builder->getElement(value) != builder->getElement(inits[i]))
        throw ImportError("carried value " + Twine(i) + " changes its element type");
      if (builder->getRank(value) != builder->getRank(inits[i]))
        throw ImportError("carried value " + Twine(i) + " changes its rank from " +
                          Twine(builder->getRank(inits[i])) + " to " + Twine(builder->getRank(value)));
      SmallVector<AffineExpr> yielded(builder->getShape(value));
      for (size_t dim = 0; dim < yielded.size(); ++dim) {
        AffineExpr &expr = carried[i][dim];
        auto symbol = dyn_cast<AffineSymbolExpr>(expr);
        if (shapes.equal(expr, yielded[dim]) ||
            (symbol && llvm::is_contained(binds, int64_t(symbol.getPosition()))))
          continue;
        addSymbol(expr);
        changedSizes[name].push_back({i, dim});
        isStable = false;
      }
    }
    if (isStable) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(&block);
      SmallVector<Value> yielded = {iteration.condition};
      llvm::append_range(yielded, iteration.carried);
      llvm::append_range(yielded, iteration.scans);
      b.create<nn::YieldOp>(location, yielded);
      body = std::move(parked[place]);
      parked[place] = std::make_unique<Region>();
    }
  }

  // Sizes that are the same whatever the iteration.
  auto isOuter = [&](AffineExpr expr) {
    bool outer = true;
    expr.walk([&](AffineExpr e) {
      if (auto symbol = dyn_cast<AffineSymbolExpr>(e))
        outer &= symbol.getPosition() < firstInner;
    });
    return outer;
  };
  auto fresh = [&](int64_t max) {
    AffineExpr symbol = shapes.addData("loop" + std::to_string(shapes.getNumSymbols()), 0, max);
    binds.push_back(shapes.getNumSymbols() - 1);
    return symbol;
  };
  SmallVector<AffineExpr> sizes, carriedSizes;
  SmallVector<Type> types;
  SmallVector<SmallVector<AffineExpr>> resultShapes;
  for (auto [init, shape] : llvm::zip_equal(inits, carried)) {
    llvm::append_range(carriedSizes, shape);
    // Sizes that change have another name behind the loop: there they don't change any more.
    SmallVector<AffineExpr> &result = resultShapes.emplace_back();
    for (AffineExpr size : shape)
      result.push_back(isOuter(size) ? size : fresh(INT64_MAX));
    types.push_back(nn::getTensorType(result, builder->getElement(init)));
  }
  AffineExpr count;
  if (!iteration.scans.empty()) {
    std::optional<SmallVector<AffineExpr>> known = builder->getKnownInts(trip);
    const bool isEndless = known && nn::ShapeContext::getConstant(known->front()) == INT64_MAX;
    if (known && !isEndless && isCounted && getNumber(iteration.condition) == 1)
      count = builder->getMath().max(known->front(), builder->getMath().constant(0));
    std::optional<int64_t> limit = getNumber(trip);
    if (!count)
      count = fresh(limit ? std::max<int64_t>(*limit, 0) : INT64_MAX);
  }
  for (Value element : iteration.scans) {
    SmallVector<AffineExpr> &shape = resultShapes.emplace_back();
    shape.push_back(count);
    for (AffineExpr size : SmallVector<AffineExpr>(builder->getShape(element)))
      shape.push_back(isOuter(size) ? size : fresh(INT64_MAX));
    types.push_back(nn::getTensorType(shape, builder->getElement(element)));
  }
  for (const auto &shape : resultShapes)
    llvm::append_range(sizes, shape);
  auto op = b.create<nn::LoopOp>(location, types, trip, condition, inits, shapes.getMap(carriedSizes),
                                 shapes.getMap(sizes), binds);
  op.getBody().takeBody(*body);
  for (auto [result, shape] : llvm::zip_equal(op.getResults(), resultShapes))
    shapes.set(result, shape);
  return SmallVector<Value>(op.getResults());
}

/// The number of the iteration as a body declares it: a scalar, or a vector of one.
static Value shapeIteration(GraphBuilder &builder, Value iteration, const onnx::ValueInfoProto &input) {
  const auto &shape = input.type().tensor_type().shape();
  return shape.dim_size() == 1 ? builder.unsqueeze(iteration, {0}) : iteration;
}

Items Importer::importLoop(Node &node, ArrayRef<Item> inputs, Scope &scope) {
  const onnx::GraphProto &body = getGraph(node, "body");
  if (inputs.size() < 2)
    throw ImportError("it has fewer than two inputs");
  const int numCarried = int(inputs.size()) - 2;
  if (body.input_size() != 2 + numCarried)
    throw ImportError("its body has " + Twine(body.input_size()) + " inputs, but " + Twine(numCarried) +
                      " values are carried");
  if (body.output_size() < 1 + numCarried)
    throw ImportError("its body has " + Twine(body.output_size()) + " outputs, but " + Twine(numCarried) +
                      " values are carried");
  if (node.proto.output_size() > body.output_size() - 1)
    throw ImportError("it has more outputs than its body gives");
  for (const Item &input : inputs.take_front(2))
    if (input && !input.isTensor())
      throw ImportError("its trip count and its condition must be tensors");
  Value trip = node.getOptional(0), condition = node.getOptional(1);
  if (trip)
    checkSingle(*builder, trip, "its trip count");
  if (condition)
    checkSingle(*builder, condition, "its condition");
  if (trip && !builder->getElement(trip).isSignlessInteger(64))
    throw ImportError("its trip count is not an int64");
  if (condition && !builder->getElement(condition).isInteger(1))
    throw ImportError("its condition is not a boolean");
  SmallVector<Value> inits;
  for (auto [i, input] : llvm::enumerate(inputs.drop_front(2))) {
    if (!input)
      throw ImportError("carried value " + Twine(i) + " has no initial value");
    if (!input.isTensor())
      return unrollLoop(node, body, inputs, scope);
    inits.push_back(input.value);
  }
  return Results(makeLoop(trip, condition, inits, [&](Value iteration, ArrayRef<Value> carried) {
    SmallVector<Item> arguments = {shapeIteration(*builder, iteration, body.input(0)),
                                   builder->scalar(1, builder->getBuilder().getI1Type())};
    if (body.input(1).type().tensor_type().shape().dim_size() == 1)
      arguments[1] = builder->unsqueeze(arguments[1].value, {0});
    llvm::append_range(arguments, carried);
    Items outputs = importGraph(body, arguments, scope);
    SmallVector<Value> values;
    for (const Item &output : outputs) {
      if (!output.isTensor())
        throw ImportError("its body gives a sequence, whose length would change in the run",
                          "sequences in loops need a number of iterations that is known at compile time");
      values.push_back(output.value);
    }
    Iteration result;
    result.condition = values[0];
    result.carried.assign(values.begin() + 1, values.begin() + 1 + numCarried);
    result.scans.assign(values.begin() + 1 + numCarried, values.end());
    return result;
  }));
}

/// A loop that carries sequences, or whose body makes them: iteration by iteration.
Items Importer::unrollLoop(Node &node, const onnx::GraphProto &body, ArrayRef<Item> inputs, Scope &scope) {
  const char *reason =
      "it carries a sequence or an optional, and how often it runs is not known at compile time";
  std::optional<int64_t> trip = inputs[0] ? getNumber(inputs[0].value) : std::optional<int64_t>(INT64_MAX);
  std::optional<int64_t> condition = inputs[1] ? getNumber(inputs[1].value) : std::optional<int64_t>(1);
  if (!trip || !condition)
    throw ImportError(reason);
  SmallVector<Item> carried(inputs.drop_front(2));
  const size_t numCarried = carried.size();
  SmallVector<SmallVector<Value>> scans(body.output_size() - 1 - numCarried);
  const Type boolean = builder->getBuilder().getI1Type(), integer = builder->getBuilder().getI64Type();
  for (int64_t i = 0; *condition && i < *trip; ++i) {
    if (i >= maxUnrolled)
      throw ImportError("it carries a sequence or an optional, and runs more than " + Twine(maxUnrolled) +
                        " times");
    SmallVector<Item> arguments = {
        shapeIteration(*builder, builder->scalar(double(i), integer), body.input(0)),
        builder->scalar(1, boolean)};
    llvm::append_range(arguments, carried);
    Items outputs = importGraph(body, arguments, scope);
    condition = outputs[0].isTensor() ? getNumber(outputs[0].value) : std::nullopt;
    if (!condition)
      throw ImportError(reason);
    for (size_t k = 0; k < numCarried; ++k)
      carried[k] = outputs[1 + k];
    for (size_t k = 0; k < scans.size(); ++k) {
      if (!outputs[1 + numCarried + k].isTensor())
        throw ImportError("a scanned output is not a tensor");
      scans[k].push_back(builder->unsqueeze(outputs[1 + numCarried + k].value, {0}));
    }
  }
  Items results;
  llvm::append_range(results, carried);
  for (ArrayRef<Value> elements : scans) {
    if (elements.empty())
      throw ImportError("it carries a sequence or an optional, runs not at all, and gives scanned outputs");
    results.push_back(builder->concat(elements, 0));
  }
  return results;
}

//===--- Scan
//------------------------------------------------------------------------------------------------===//

Items Importer::importScan(Node &node, Scope &scope) {
  const onnx::GraphProto &body = getGraph(node, "body");
  const bool isBatched = node.opset < 9;
  if (isBatched && node.has(0))
    throw ImportError("sequence lengths are not supported", "convert the model to opset 9 or later");
  SmallVector<Value> inputs;
  for (unsigned i = isBatched; i < node.getNumInputs(); ++i)
    inputs.push_back(node.in(i));
  if (!isBatched)
    return scan(node, body, inputs, isBatched, scope);
  // Opset 8: a scan for each element of a batch.
  if (inputs.empty())
    throw ImportError("it has no inputs");
  const int64_t batch = node.getStaticSize(inputs[0], 0, "its batch");
  if (batch < 1 || batch > maxUnrolled)
    throw ImportError("a batch of " + Twine(batch) + " is not supported",
                      "convert the model to opset 9 or later");
  SmallVector<SmallVector<Value>> parts;
  for (int64_t i = 0; i < batch; ++i) {
    SmallVector<Value> elements;
    for (Value input : inputs) {
      if (builder->getRank(input) < 1)
        throw ImportError("an input has no batch dimension");
      Value slice = builder->sliceAxis(input, 0, node.constant(i), node.constant(1));
      elements.push_back(builder->reshape(slice, builder->getShape(slice).drop_front()));
    }
    Results results = scan(node, body, elements, isBatched, scope);
    parts.resize(results.size());
    for (auto [part, result] : llvm::zip_equal(parts, results))
      part.push_back(builder->unsqueeze(result, {0}));
  }
  Results results;
  for (ArrayRef<Value> part : parts)
    results.push_back(builder->concat(part, 0));
  return results;
}

Results Importer::scan(Node &node, const onnx::GraphProto &body, ArrayRef<Value> inputs, bool isBatched,
                       Scope &scope) {
  const int64_t numScanned = node.getInt("num_scan_inputs");
  if (numScanned < 1 || numScanned > int64_t(inputs.size()) || body.input_size() != int(inputs.size()))
    throw ImportError("its body has " + Twine(body.input_size()) + " inputs, the node " +
                      Twine(inputs.size()) + ", of which " + Twine(numScanned) + " are scanned");
  const size_t numStates = inputs.size() - numScanned;
  if (size_t(body.output_size()) < numStates)
    throw ImportError("its body has fewer outputs than states");
  const size_t numOutputs = body.output_size() - numStates;
  ArrayRef<Value> states = inputs.take_front(numStates), scanned = inputs.drop_front(numStates);
  auto getList = [&](const char *name, size_t count) {
    SmallVector<int64_t> values = node.getInts(name, count, 0);
    if (values.size() != count)
      throw ImportError("'" + Twine(name) + "' must have " + Twine(count) + " values");
    return values;
  };
  SmallVector<int64_t> backward = getList(isBatched ? "directions" : "scan_input_directions", numScanned);
  SmallVector<int64_t> inputAxes(numScanned, 0), outputAxes(numOutputs, 0), outputBackward(numOutputs, 0);
  if (!isBatched) {
    inputAxes = getList("scan_input_axes", numScanned);
    outputAxes = getList("scan_output_axes", numOutputs);
    outputBackward = getList("scan_output_directions", numOutputs);
  }
  AffineExpr length;
  for (auto [value, axis] : llvm::zip_equal(scanned, inputAxes)) {
    axis = node.getAxis(axis, builder->getRank(value));
    AffineExpr size = builder->getShape(value)[axis];
    std::optional<int64_t> a = length ? nn::ShapeContext::getConstant(length) : std::nullopt,
                           b = nn::ShapeContext::getConstant(size);
    if (a && b && *a != *b)
      throw ImportError("its scanned inputs have different lengths");
    if (!length || b)
      length = size;
  }
  Value trip = builder->sizes({length}, /*isScalar=*/true);
  SmallVector<Value> values = makeLoop(trip, Value(), states, [&](Value iteration, ArrayRef<Value> carried) {
    SmallVector<Item> arguments(carried);
    Value last;
    for (auto [value, axis, isBackward] : llvm::zip_equal(scanned, inputAxes, backward)) {
      if (isBackward && !last)
        last = node.sub(builder->sizes({length - 1}, /*isScalar=*/true), iteration);
      arguments.push_back(node.make<nn::GatherOp>(value, isBackward ? last : iteration, axis));
    }
    Items outputs = importGraph(body, arguments, scope);
    Iteration result;
    for (auto [i, output] : llvm::enumerate(outputs)) {
      if (!output.isTensor())
        throw ImportError("its body gives a sequence or an optional");
      (i < numStates ? result.carried : result.scans).push_back(output.value);
    }
    return result;
  });
  for (size_t i = 0; i < numOutputs; ++i) {
    Value &value = values[numStates + i];
    const int64_t rank = builder->getRank(value);
    if (outputBackward[i]) {
      SmallVector<AffineExpr> offsets(rank, node.constant(0)), sizes(builder->getShape(value));
      SmallVector<int64_t> steps(rank, 1);
      offsets[0] = sizes[0] - 1;
      steps[0] = -1;
      value = builder->slice(value, offsets, sizes, steps);
    }
    const int64_t axis = node.getAxis(outputAxes[i], rank);
    SmallVector<int64_t> perm;
    for (int64_t dim = 1; dim < rank; ++dim)
      perm.push_back(dim);
    perm.insert(perm.begin() + axis, 0);
    value = builder->transpose(value, perm);
  }
  return Results(values);
}
} // namespace aicc::onnx_import
