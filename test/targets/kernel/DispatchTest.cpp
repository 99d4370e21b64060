// Dispatches from text, their evaluation, and comparison, see DispatchTest.h.

#include "test/targets/kernel/DispatchTest.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <random>

using namespace mlir;
using namespace aicc;
using namespace aicc::kernel::test;
using nn::Tensor;

//===--- text
//------------------------------------------------------------------------------------------------------------===//

static std::string replaceAll(std::string text, const std::string &from, const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// Replaces whole words of `text` that are symbols.
static std::string replaceWords(const std::string &text,
                                llvm::function_ref<std::string(const std::string &)> replacement) {
  std::string result, word;
  for (char c : text + " ") {
    if (std::isalnum(c) || c == '_') {
      word += c;
      continue;
    }
    result += word.empty() ? "" : replacement(word);
    word.clear();
    result += c;
  }
  result.pop_back();
  return result;
}

std::string KernelText::toModule(const Sizes *sizes, const std::vector<std::string> &symbols) const {
  auto number = [&](const std::string &name) { return llvm::find(symbols, name) - symbols.begin(); };
  std::string domain;
  if (!sizes) {
    for (size_t i = 0; i < symbols.size(); ++i)
      domain += (i ? ", s" : "s") + std::to_string(i);
    domain = "[" + domain + "]";
  }
  auto convert = [&](const std::string &word) {
    if (size_t(number(word)) == symbols.size())
      return word;
    return sizes ? std::to_string(sizes->at(word)) : "s" + std::to_string(number(word));
  };
  auto mapOf = [&](const std::string &list) {
    return "affine_map<()" + domain + " -> (" + replaceWords(list, convert) + ")>";
  };
  auto expand = [&](std::string text) {
    for (size_t at; (at = text.find("<<")) != std::string::npos;) {
      size_t end = text.find(">>", at);
      text.replace(at, end + 2 - at, mapOf(text.substr(at + 2, end - at - 2)));
    }
    for (const std::string &name : symbols)
      text = replaceAll(text, "{" + name + "}", sizes ? std::to_string(sizes->at(name)) : "?");
    return text;
  };
  // Each argument's sizes are given by an attribute, too.
  std::string signature;
  llvm::SmallVector<llvm::StringRef> parts;
  llvm::StringRef(arguments).split(parts, ", ");
  for (llvm::StringRef part : parts) {
    signature += (signature.empty() ? "" : ", ") + expand(part.str());
    if (sizes || symbols.empty())
      continue;
    llvm::StringRef inside = part.split("tensor<").second.drop_back();
    std::string dims;
    while (!inside.empty() && (llvm::isDigit(inside[0]) || inside[0] == '{')) {
      auto [dim, rest] = inside.split('x');
      dims += (dims.empty() ? "" : ", ") + dim.trim("{}").str();
      inside = rest;
    }
    signature += " {nn.dims = " + mapOf(dims) + "}";
  }
  std::string attributes;
  if (!sizes && !symbols.empty()) {
    for (const std::string &name : symbols)
      attributes += (attributes.empty() ? "" : ", ") + ("#nn.symbol<\"" + name + "\", input, 0, 1000000>");
    attributes = " attributes {nn.symbols = [" + attributes + "]}";
  }
  std::string types = llvm::StringRef(body).rsplit("return ").second.split(" : ").second.trim().str();
  return "func.func @f(" + signature + ") -> (" + expand(types) + ")" + attributes + " {\n" + expand(body) +
         "\n}\n";
}

//===--- the dispatch
//---------------------------------------------------------------------------------------------------------===//

static MLIRContext &getContext() {
  static MLIRContext *context = [] {
    auto *c = new MLIRContext(MLIRContext::Threading::DISABLED);
    c->loadDialect<nn::NNDialect, exe::ExeDialect, func::FuncDialect, arith::ArithDialect, math::MathDialect,
                   scf::SCFDialect, vector::VectorDialect, LLVM::LLVMDialect>();
    return c;
  }();
  return *context;
}

/// Moves the function's operations into one dispatch.
static exe::DispatchOp formDispatch(func::FuncOp func, nn::SymbolicShapes &shapes) {
  Block &block = func.getBody().front();
  Operation *end = block.getTerminator();
  StringRef kind = "map";
  for (Operation &op : block.without_terminator())
    if (!isa<nn::ElementwiseOpInterface, nn::ConstantOp, nn::TransposeOp, nn::ReshapeOp, nn::SliceOp,
             nn::BroadcastOp, nn::GatherOp, nn::PadOp, nn::IotaOp, nn::SizesOp, nn::PackOp, nn::UnpackOp,
             nn::RopeOp, nn::ConcatOp>(op))
      kind = op.getName().stripDialect();
  OpBuilder b(end);
  auto dispatch = b.create<exe::DispatchOp>(func.getLoc(), end->getOperandTypes(), b.getStringAttr(kind),
                                            func.getArguments());
  Block *body = b.createBlock(&dispatch.getBody());
  IRMapping map;
  for (BlockArgument arg : func.getArguments()) {
    map.map(arg, body->addArgument(arg.getType(), arg.getLoc()));
    shapes.set(map.lookup(arg), SmallVector<AffineExpr>(shapes.get(arg)));
  }
  for (Operation &op : block.without_terminator())
    if (&op != dispatch && failed(shapes.infer(b.clone(op, map))))
      return {};
  SmallVector<Value> yielded;
  for (Value v : end->getOperands())
    yielded.push_back(map.lookup(v));
  b.create<exe::YieldOp>(func.getLoc(), yielded);
  for (auto [value, result] : llvm::zip_equal(yielded, dispatch.getOutputs()))
    shapes.set(result, SmallVector<AffineExpr>(shapes.get(value)));
  end->setOperands(dispatch.getOutputs());
  return dispatch;
}

std::unique_ptr<TestDispatch> TestDispatch::create(const KernelText &text, const Sizes *sizes,
                                                   const std::vector<std::string> &symbols) {
  std::unique_ptr<TestDispatch> result(new TestDispatch());
  result->source = text.toModule(sizes, symbols);
  result->module = parseSourceString<ModuleOp>(result->source, &getContext());
  if (!result->module) {
    ADD_FAILURE() << result->source;
    return nullptr;
  }
  if (!sizes)
    result->symbols = symbols;
  auto func = *result->module->getOps<func::FuncOp>().begin();
  result->shapes = std::make_unique<nn::SymbolicShapes>(func);
  result->dispatch = formDispatch(func, *result->shapes);
  if (!result->dispatch) {
    ADD_FAILURE() << result->source;
    return nullptr;
  }
  return result;
}

SmallVector<int64_t> TestDispatch::symbolValues(const Sizes &sizes) const {
  SmallVector<int64_t> values;
  for (const std::string &name : symbols)
    values.push_back(sizes.at(name));
  // Symbols that inference has added: the larger of two sizes.
  auto list = dispatch->getParentOfType<func::FuncOp>()->getAttrOfType<ArrayAttr>(
      nn::NNDialect::getSymbolsAttrName());
  for (size_t i = values.size(); list && i < list.size(); ++i) {
    auto symbol = cast<nn::SymbolAttr>(list[i]);
    nn::EvalContext ctx;
    ctx.symbols = values;
    ctx.symbols.resize(symbol.getDefinition().getValue().getNumSymbols());
    SmallVector<int64_t> pair = ctx.evaluate(symbol.getDefinition().getValue());
    values.push_back(std::max(pair[0], pair[1]));
  }
  return values;
}

int64_t TestDispatch::value(AffineExpr expr, const Sizes &sizes) const {
  SmallVector<AffineExpr> values;
  for (int64_t v : symbolValues(sizes))
    values.push_back(getAffineConstantExpr(v, &getContext()));
  return *nn::ShapeContext::getConstant(expr.replaceSymbols(values));
}

std::vector<RankedTensorType> TestDispatch::typesOf(ValueRange values, const Sizes &sizes) {
  std::vector<RankedTensorType> types;
  for (Value v : values) {
    SmallVector<int64_t> shape;
    for (AffineExpr size : shapes->get(v))
      shape.push_back(value(size, sizes));
    types.push_back(RankedTensorType::get(shape, cast<RankedTensorType>(v.getType()).getElementType()));
  }
  return types;
}

std::vector<RankedTensorType> TestDispatch::argumentTypes(const Sizes &sizes) {
  return typesOf(dispatch.getBody().getArguments(), sizes);
}
std::vector<RankedTensorType> TestDispatch::resultTypes(const Sizes &sizes) {
  return typesOf(dispatch.getOutputs(), sizes);
}

std::vector<Tensor> TestDispatch::evaluate(ArrayRef<Tensor> inputs, const Sizes &sizes) {
  nn::EvalContext ctx;
  ctx.symbols = symbolValues(sizes);
  llvm::DenseMap<Value, Tensor> tensors;
  for (auto [arg, tensor] : llvm::zip_equal(dispatch.getBody().getArguments(), inputs))
    tensors[arg] = tensor;
  for (Operation &op : dispatch.getBody().front().without_terminator()) {
    SmallVector<Tensor> operands, results;
    for (Value operand : op.getOperands())
      operands.push_back(tensors.lookup(operand));
    if (failed(nn::evaluate(&op, ctx, operands, results))) {
      ADD_FAILURE() << ctx.error;
      return {};
    }
    for (auto [result, tensor] : llvm::zip_equal(op.getResults(), results))
      tensors[result] = tensor;
  }
  std::vector<Tensor> results;
  for (Value v : cast<exe::YieldOp>(dispatch.getBody().front().back()).getValues())
    results.push_back(tensors.lookup(v));
  return results;
}

//===--- checks
//----------------------------------------------------------------------------------------------------------===//

void aicc::kernel::test::fillRandom(Tensor &tensor, unsigned seed) {
  std::mt19937 random(seed);
  Type element = tensor.getElementType();
  std::uniform_real_distribution<double> real(-1, 1);
  for (int64_t i = 0, n = tensor.getNumElements(); i < n; ++i) {
    if (isa<FloatType>(element))
      tensor.setDouble(i, real(random));
    else if (element.isInteger(1))
      tensor.setInt(i, random() % 4 != 0);
    else
      tensor.setInt(i, int64_t(random() % 20) - (element.isUnsignedInteger() ? 0 : 10));
  }
}

static double defaultTolerance(Type element) {
  return element.isF16() ? 2e-3 : element.isBF16() ? 1.6e-2 : element.isF64() ? 1e-12 : 1e-5;
}

void aicc::kernel::test::compareTensors(const Tensor &actual, const Tensor &expected, double tolerance) {
  ASSERT_EQ(actual.getType(), expected.getType());
  Type element = expected.getElementType();
  int64_t n = expected.getNumElements();
  if (!isa<FloatType>(element)) {
    for (int64_t i = 0; i < n; ++i)
      ASSERT_EQ(actual.getInt(i), expected.getInt(i)) << "element " << i << " of " << n;
    return;
  }
  double largest = 0;
  for (int64_t i = 0; i < n; ++i)
    if (std::isfinite(expected.getDouble(i)))
      largest = std::max(largest, std::abs(expected.getDouble(i)));
  double limit = (tolerance ? tolerance : defaultTolerance(element)) * largest;
  for (int64_t i = 0; i < n; ++i) {
    double a = actual.getDouble(i), e = expected.getDouble(i);
    if (std::isnan(e))
      ASSERT_TRUE(std::isnan(a)) << "element " << i << " of " << n << " is " << a << ", not NaN";
    else if (std::isinf(e))
      ASSERT_EQ(a, e) << "element " << i << " of " << n;
    else
      ASSERT_LE(std::abs(a - e), limit) << "element " << i << " of " << n << " is " << a << ", not " << e;
  }
}

void aicc::kernel::test::checkRun(TestDispatch &dispatch, const KernelCheck &check, const Sizes &sizes,
                                  llvm::function_ref<std::vector<Tensor>(ArrayRef<Tensor>)> run) {
  std::vector<Tensor> inputs;
  for (RankedTensorType type : dispatch.argumentTypes(sizes)) {
    inputs.emplace_back(type);
    fillRandom(inputs.back(), 17 + inputs.size());
    if (check.fill)
      check.fill(inputs.size() - 1, inputs.back());
  }
  std::vector<Tensor> expected = dispatch.evaluate(inputs, sizes), actual = run(inputs);
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    SCOPED_TRACE("result " + std::to_string(i));
    compareTensors(actual[i], expected[i], check.tolerance);
  }
}

void aicc::kernel::test::forEachDispatch(const KernelCheck &check,
                                         llvm::function_ref<void(TestDispatch &, ArrayRef<Sizes>)> body,
                                         bool onlySymbolic) {
  std::vector<std::string> symbols;
  for (auto &[name, size] : check.runs[0])
    symbols.push_back(name);
  for (const Sizes &sizes : check.runs) {
    if (onlySymbolic && !symbols.empty())
      break;
    SCOPED_TRACE(check.text.toModule(&sizes, symbols));
    if (auto dispatch = TestDispatch::create(check.text, &sizes, symbols))
      body(*dispatch, sizes);
  }
  if (symbols.empty())
    return;
  SCOPED_TRACE(check.text.toModule(nullptr, symbols));
  if (auto dispatch = TestDispatch::create(check.text, nullptr, symbols))
    body(*dispatch, check.runs);
}
