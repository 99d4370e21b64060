// The harness of kernel tests, see KernelTest.h.

#include "test/targets/cpu/KernelTest.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "targets/cpu/codegen/Backend.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu;
using namespace aicc::cpu::test;
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

//===--- loading
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

std::unique_ptr<LoadedKernel> LoadedKernel::create(const KernelText &text, const Sizes *sizes,
                                                   const std::vector<std::string> &symbols, StringRef arch) {
  std::unique_ptr<LoadedKernel> kernel(new LoadedKernel());
  std::string source = text.toModule(sizes, symbols);
  kernel->module = parseSourceString<ModuleOp>(source, &getContext());
  if (!kernel->module) {
    ADD_FAILURE() << source;
    return nullptr;
  }
  if (!sizes)
    kernel->symbols = symbols;
  auto func = *kernel->module->getOps<func::FuncOp>().begin();
  kernel->shapes = std::make_unique<nn::SymbolicShapes>(func);
  kernel->dispatch = formDispatch(func, *kernel->shapes);
  llvm::Expected<CpuDescriptor> cpu = getCpuDescriptor(arch);
  if (!cpu || !kernel->dispatch) {
    ADD_FAILURE() << (cpu ? source : llvm::toString(cpu.takeError()));
    return nullptr;
  }
  StringRef kind = kernel->dispatch.getKind();
  KernelFn emit = getKernelEmitter(kind);
  OwningOpRef<ModuleOp> code = ModuleOp::create(func.getLoc());
  KernelRequest request{*code, (kind + "_0").str(), kernel->dispatch, *kernel->shapes, *cpu};
  FailureOr<Launch> launch = emit ? emit(request) : FailureOr<Launch>(failure());
  if (failed(launch)) {
    ADD_FAILURE() << "no kernel for\n" << source;
    return nullptr;
  }
  kernel->launch = *launch;
  const char *dump = std::getenv("AICC_KERNEL_DUMP");
  BackendOptions backend{*cpu, 1, dump ? dump : ""};
  auto image = compileKernels({*code}, {launch->entry}, backend);
  if (!image) {
    ADD_FAILURE() << llvm::toString(image.takeError()) << "\n" << source;
    return nullptr;
  }
  int file = memfd_create("kernel", MFD_CLOEXEC);
  bool written = write(file, image->data(), image->size()) == ssize_t(image->size());
  kernel->library =
      written ? dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  close(file);
  if (!kernel->library) {
    ADD_FAILURE() << dlerror();
    return nullptr;
  }
  auto query = aicc_executable_query_fn(dlsym(kernel->library, AICC_EXECUTABLE_QUERY_NAME));
  kernel->entry = query(AICC_KERNEL_ABI_VERSION)->entries[0];
  return kernel;
}

LoadedKernel::~LoadedKernel() {
  if (library)
    dlclose(library);
}

SmallVector<int64_t> LoadedKernel::symbolValues(const Sizes &sizes) const {
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

int64_t LoadedKernel::value(AffineExpr expr, const Sizes &sizes) const {
  SmallVector<AffineExpr> values;
  for (int64_t v : symbolValues(sizes))
    values.push_back(getAffineConstantExpr(v, &getContext()));
  return *nn::ShapeContext::getConstant(expr.replaceSymbols(values));
}

std::vector<RankedTensorType> LoadedKernel::argumentTypes(const Sizes &sizes) {
  std::vector<RankedTensorType> types;
  for (BlockArgument arg : dispatch.getBody().getArguments()) {
    SmallVector<int64_t> shape;
    for (AffineExpr size : shapes->get(arg))
      shape.push_back(value(size, sizes));
    types.push_back(RankedTensorType::get(shape, cast<RankedTensorType>(arg.getType()).getElementType()));
  }
  return types;
}

//===--- running
//---------------------------------------------------------------------------------------------------------===//

namespace {
/// Memory between two pages that can't be touched; the data ends at the second, as far as 64 bytes' alignment
/// lets it.
class GuardedMemory {
public:
  explicit GuardedMemory(size_t size) : size(size) {
    size_t page = getpagesize();
    whole = (size + 64 + page - 1) / page * page;
    base = static_cast<char *>(
        mmap(nullptr, whole + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base, page, PROT_NONE);
    mprotect(base + page + whole, page, PROT_NONE);
    char *last = base + page + whole;
    data = last - (size + 63) / 64 * 64;
    memset(base + page, kPattern, whole);
  }
  ~GuardedMemory() { munmap(base, whole + 2 * getpagesize()); }
  GuardedMemory(const GuardedMemory &) = delete;
  /// Nothing around the data was written.
  bool isIntact() const {
    char *first = base + getpagesize(), *last = first + whole;
    return std::all_of(first, data, [](char c) { return c == kPattern; }) &&
           std::all_of(data + size, last, [](char c) { return c == kPattern; });
  }
  char *data;

private:
  static constexpr char kPattern = 0x5A;
  size_t size, whole;
  char *base;
};
} // namespace

std::vector<Tensor> LoadedKernel::run(ArrayRef<Tensor> inputs, const Sizes &sizes, unsigned parts) {
  std::vector<std::unique_ptr<GuardedMemory>> memory;
  std::vector<Tensor> results;
  std::vector<void *> buffers;
  for (const Tensor &input : inputs) {
    memory.push_back(std::make_unique<GuardedMemory>(input.getBytes().size()));
    memcpy(memory.back()->data, input.getBytes().data(), input.getBytes().size());
    buffers.push_back(memory.back()->data);
  }
  for (Value out : dispatch.getOutputs()) {
    SmallVector<int64_t> shape;
    for (AffineExpr size : shapes->get(out))
      shape.push_back(value(size, sizes));
    results.emplace_back(
        RankedTensorType::get(shape, cast<RankedTensorType>(out.getType()).getElementType()));
    size_t bytes = results.back().getBytes().size();
    memory.push_back(std::make_unique<GuardedMemory>(bytes));
    memset(memory.back()->data, 0xFF, bytes);
    buffers.push_back(memory.back()->data);
  }
  std::vector<int64_t> params;
  for (AffineExpr param : launch.params)
    params.push_back(value(param, sizes));
  int64_t grid = value(launch.grid, sizes), scratchBytes = value(launch.scratchBytes, sizes);
  for (int64_t part = parts; part-- > 0;) {
    int64_t begin = grid * part / parts, end = grid * (part + 1) / parts;
    if (begin == end)
      continue;
    GuardedMemory scratch(scratchBytes);
    memset(scratch.data, 0xFF, scratchBytes);
    entry(buffers.data(), params.data(), begin, end, scratch.data);
    EXPECT_TRUE(scratch.isIntact()) << "the kernel writes beyond its scratch memory";
  }
  for (auto &block : memory)
    EXPECT_TRUE(block->isIntact()) << "the kernel writes beyond a buffer";
  for (size_t i = 0; i < results.size(); ++i)
    memcpy(results[i].getMutableBytes().data(), buffers[inputs.size() + i], results[i].getBytes().size());
  return results;
}

std::vector<Tensor> LoadedKernel::evaluate(ArrayRef<Tensor> inputs, const Sizes &sizes) {
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

double LoadedKernel::measure(ArrayRef<Tensor> inputs, const Sizes &sizes, double seconds) {
  std::vector<std::unique_ptr<char, decltype(&std::free)>> memory;
  std::vector<void *> buffers;
  auto allocate = [&](size_t bytes) {
    memory.emplace_back(static_cast<char *>(std::aligned_alloc(64, (bytes + 127) / 64 * 64)), &std::free);
    return memory.back().get();
  };
  for (const Tensor &input : inputs) {
    buffers.push_back(allocate(input.getBytes().size()));
    memcpy(buffers.back(), input.getBytes().data(), input.getBytes().size());
  }
  for (const Tensor &result : run(inputs, sizes, 1))
    buffers.push_back(allocate(result.getBytes().size()));
  std::vector<int64_t> params;
  for (AffineExpr param : launch.params)
    params.push_back(value(param, sizes));
  int64_t grid = value(launch.grid, sizes);
  char *scratch = allocate(value(launch.scratchBytes, sizes));
  // This thread's time: other programs may run beside the measurement.
  auto now = [] {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1e6 + time.tv_nsec * 1e-3;
  };
  double best = 1e30;
  for (double start = now(), before; (before = now()) - start < seconds * 1e6;) {
    entry(buffers.data(), params.data(), 0, grid, scratch);
    best = std::min(best, now() - before);
  }
  return best;
}

//===--- checks
//----------------------------------------------------------------------------------------------------------===//

void aicc::cpu::test::fillRandom(Tensor &tensor, unsigned seed) {
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

static void compare(const Tensor &actual, const Tensor &expected, double tolerance) {
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

static void checkRun(LoadedKernel &kernel, const KernelCheck &check, const Sizes &sizes) {
  std::vector<Tensor> inputs;
  for (RankedTensorType type : kernel.argumentTypes(sizes)) {
    inputs.emplace_back(type);
    fillRandom(inputs.back(), 17 + inputs.size());
    if (check.fill)
      check.fill(inputs.size() - 1, inputs.back());
  }
  std::vector<Tensor> expected = kernel.evaluate(inputs, sizes), actual = kernel.run(inputs, sizes);
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    SCOPED_TRACE("result " + std::to_string(i));
    compare(actual[i], expected[i], check.tolerance);
  }
}

void aicc::cpu::test::checkKernel(const KernelCheck &check) {
  std::vector<std::string> symbols;
  for (auto &[name, size] : check.runs[0])
    symbols.push_back(name);
  std::vector<std::string> levels = {"native", "x86-64-v3"};
  if (__builtin_cpu_supports("x86-64-v4"))
    levels.push_back("x86-64-v4");
  for (const std::string &level : levels) {
    SCOPED_TRACE(level);
    for (const Sizes &sizes : check.runs) {
      if (level == "x86-64-v4" && !symbols.empty())
        break; // as native, nearly
      SCOPED_TRACE(check.text.toModule(&sizes, symbols));
      if (auto kernel = LoadedKernel::create(check.text, &sizes, symbols, level))
        checkRun(*kernel, check, sizes);
    }
    if (symbols.empty())
      continue;
    SCOPED_TRACE(check.text.toModule(nullptr, symbols));
    auto kernel = LoadedKernel::create(check.text, nullptr, symbols, level);
    for (const Sizes &sizes : check.runs) {
      std::string text;
      for (auto &[name, size] : sizes)
        text += name + " = " + std::to_string(size) + " ";
      SCOPED_TRACE(text);
      if (kernel)
        checkRun(*kernel, check, sizes);
    }
  }
}
