// The payloads of elementwise operations, compiled, give what reference evaluation gives: for every operation
// and element type, on values that include infinities, NaN, and the integers at which division traps.

#include "EvaluateTestSupport.h"
#include "NarrowSamples.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/Support/TargetSelect.h"
#include <numeric>

using namespace mlir;
using namespace aicc::nn;
using namespace aicc::nn::test;

namespace {
struct Case {
  std::string op, attributes;
  std::vector<std::string> operands;
  std::string result;
};

const std::vector<std::string> floats{"f32", "f64"};
const std::vector<std::string> integers{"i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64"};

const std::vector<const char *> narrowFloats{"f8E4M3FN",  "f8E4M3FNUZ", "f8E5M2",   "f8E5M2FNUZ",
                                             "f8E8M0FNU", "f6E2M3FN",   "f6E3M2FN", "f4E2M1FN"};

std::vector<Case> makeCases() {
  std::vector<Case> cases;
  auto add = [&](std::string op, std::vector<std::string> operands, std::string result,
                 std::string attributes = "") {
    cases.push_back({std::move(op), std::move(attributes), std::move(operands), std::move(result)});
  };
  for (const std::string &t : floats) {
    for (const char *op : {"exp",     "log",  "sqrt", "rsqrt",    "reciprocal", "floor",      "ceil",
                           "round",   "sin",  "cos",  "tan",      "asin",       "acos",       "atan",
                           "sinh",    "cosh", "tanh", "asinh",    "acosh",      "atanh",      "erf",
                           "sigmoid", "silu", "mish", "softplus", "softsign",   "hard_swish", "gelu"})
      add(op, {t}, t);
    add("gelu", {t}, t, "{tanh = true}");
    add("leaky_relu", {t}, t, "{alpha = 0.1 : f32}");
    add("elu", {t}, t, "{alpha = 1.67 : f32, gamma = 1.05 : f32}");
    add("hard_sigmoid", {t}, t, "{alpha = 0.2 : f32, beta = 0.5 : f32}");
    add("is_nan", {t}, "i1");
    for (const char *a :
         {"", "{negative = false}", "{positive = false}", "{positive = false, negative = false}"})
      add("is_inf", {t}, "i1", a);
  }
  std::vector<std::string> numbers(floats);
  numbers.insert(numbers.end(), integers.begin(), integers.end());
  for (const std::string &t : numbers) {
    for (const char *op : {"abs", "neg", "sign", "relu"})
      add(op, {t}, t);
    for (const char *op : {"add", "sub", "mul", "div", "mod", "min", "max", "prelu"})
      add(op, {t, t}, t);
    add("mod", {t, t}, t, "{fmod = true}");
    for (const char *kind : {"eq", "ne", "lt", "le", "gt", "ge"})
      add("compare", {t, t}, "i1", std::string("{kind = #nn.compare<") + kind + ">}");
    add("select", {"i1", t, t}, t);
    for (const std::string &other : numbers) {
      add("cast", {t}, other, "{to = " + other + "}");
      add("pow", {t, other}, t);
    }
    add("cast", {t}, "i1", "{to = i1}");
    add("cast", {"i1"}, t, "{to = " + t + "}");
  }
  std::vector<std::string> bits(integers);
  bits.push_back("i1");
  for (const std::string &t : bits) {
    for (const char *op : {"and", "or", "xor"})
      add(op, {t, t}, t);
    add("not", {t}, t);
  }
  for (const std::string &t : integers)
    for (const char *left : {"{left = true}", "{left = false}"})
      add("shift", {t, t}, t, left);
  for (auto [x, y] :
       {std::pair("f32", "i32"), {"i32", "f32"}, {"f64", "ui64"}, {"ui64", "f64"}, {"i8", "ui8"}})
    add("bitcast", {x}, y, std::string("{to = ") + y + "}");
  for (const char *format : narrowFloats) {
    const std::string name = std::string("format = #nn.format<") + format + ">";
    add("decode", {"ui8"}, "f32", "{" + name + "}");
    for (const std::string &t : floats)
      for (const char *further : {"", ", saturate = false", ", rounding = #nn.scale_rounding<down>",
                                  ", saturate = false, rounding = #nn.scale_rounding<nearest>"})
        add("encode", {t}, "ui8", "{" + name + further + "}");
  }
  add("compare", {"i1", "i1"}, "i1", "{kind = #nn.compare<lt>}");
  return cases;
}

/// Values that an operand takes. Those for which the operation is unspecified (casts of what the target does
/// not hold, overflowing powers) are left out.
std::vector<double> getSamples(const Case &c, const std::string &type) {
  if (type == "i1")
    return {0, 1};
  if (c.op == "decode") {
    std::vector<double> codes(256);
    std::iota(codes.begin(), codes.end(), 0);
    return codes;
  }
  if (c.op == "encode")
    for (const char *format : narrowFloats)
      if (c.attributes.find("<" + std::string(format) + ">") != std::string::npos)
        return getNarrowSamples(*symbolizeFormat(format));
  bool isFloat = type[0] == 'f', isUnsigned = type[0] == 'u';
  if (c.op == "pow") // an integer 0 to a negative fraction's power is infinite
    return isUnsigned || (isFloat && c.result[0] != 'f') ? std::vector<double>{0, 1, 2, 3}
                                                         : std::vector<double>{0, 1, 2, 3, -1, -2};
  if (c.op == "cast" && isFloat && c.result[0] != 'f' && c.result != "i1")
    return c.result[0] == 'u' ? std::vector<double>{0, 1, 2.75, 100.5}
                              : std::vector<double>{0, 1, 2.75, 100.5, -1.75, -100};
  if (isFloat)
    return {0, -0.0, 1, -1, 0.5, -2.5, 1.5, 2.5, 3, -7, 90, -90, 1e-3, infinity, -infinity, notANumber};
  int bits = std::stoi(type.substr(isUnsigned ? 2 : 1));
  if (isUnsigned)
    return {0, 1, 2, 3, 7, 8, 100, std::ldexp(1, std::min(bits, 53)) - 1};
  return {0, 1, -1, 2, -3, 7, -8, 100, -std::ldexp(1, bits - 1), std::ldexp(1, std::min(bits - 1, 53)) - 1};
}

/// One function of pointers per case, that loads operands, runs the payload, and stores the result.
void emitFunction(OpBuilder &builder, Operation *op, StringRef name) {
  MLIRContext *context = builder.getContext();
  Location loc = op->getLoc();
  auto pointer = LLVM::LLVMPointerType::get(context);
  auto scalar = [&](Value tensor) -> Type {
    Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
    return isa<IntegerType>(element) ? Type(builder.getIntegerType(element.getIntOrFloatBitWidth()))
                                     : element;
  };
  SmallVector<Type> inputs(op->getNumOperands() + 1, pointer);
  auto function = builder.create<func::FuncOp>(loc, name, builder.getFunctionType(inputs, {}));
  OpBuilder::InsertionGuard guard(builder);
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  SmallVector<Value> args;
  for (auto [operand, address] : llvm::zip(op->getOperands(), body->getArguments()))
    args.push_back(builder.create<LLVM::LoadOp>(loc, scalar(operand), address));
  Value result = cast<ElementwiseOpInterface>(op).emitScalar(builder, loc, args);
  EXPECT_EQ(result.getType(), scalar(op->getResult(0))) << name.str();
  builder.create<LLVM::StoreOp>(loc, result, body->getArguments().back());
  builder.create<func::ReturnOp>(loc);
}

class Payloads {
public:
  explicit Payloads(ModuleOp module) {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    MLIRContext *context = module.getContext();
    PassManager manager(context);
    manager.addPass(createConvertMathToLLVMPass());
    manager.addPass(createConvertMathToLibmPass());
    manager.addPass(createArithToLLVMConversionPass());
    manager.addPass(createConvertFuncToLLVMPass());
    EXPECT_TRUE(succeeded(manager.run(module)));
    auto llvmContext = std::make_unique<llvm::LLVMContext>();
    auto translated = translateModuleToLLVMIR(module, *llvmContext);
    EXPECT_TRUE(bool(translated));
    jit = llvm::cantFail(llvm::orc::LLJITBuilder().create());
    jit->getMainJITDylib().addGenerator(
        llvm::cantFail(llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
            jit->getDataLayout().getGlobalPrefix())));
    llvm::cantFail(jit->addIRModule({std::move(translated), std::move(llvmContext)}));
  }
  void call(StringRef name, ArrayRef<const char *> operands, char *result) {
    auto address = llvm::cantFail(jit->lookup(name));
    if (operands.size() == 1)
      address.toPtr<void(const char *, char *)>()(operands[0], result);
    else if (operands.size() == 2)
      address.toPtr<void(const char *, const char *, char *)>()(operands[0], operands[1], result);
    else
      address.toPtr<void(const char *, const char *, const char *, char *)>()(operands[0], operands[1],
                                                                              operands[2], result);
  }

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
};

TEST(EmitScalar, AgreesWithEvaluation) {
  MLIRContext &context = getContext();
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  context.appendDialectRegistry(registry);
  context.loadDialect<arith::ArithDialect, math::MathDialect, LLVM::LLVMDialect>();

  // Every combination of samples is one element.
  std::vector<Case> cases = makeCases();
  std::vector<OwningOpRef<ModuleOp>> modules;
  std::vector<std::vector<Tensor>> operands;
  OwningOpRef<ModuleOp> kernels = ModuleOp::create(UnknownLoc::get(&context));
  OpBuilder builder = OpBuilder::atBlockEnd(kernels->getBody());
  auto getOp = [&](size_t i) { return &cast<func::FuncOp>(modules[i]->getBody()->front()).front().front(); };
  for (auto [i, c] : llvm::enumerate(cases)) {
    std::vector<std::vector<double>> samples;
    int64_t count = 1;
    for (const std::string &type : c.operands) {
      samples.push_back(getSamples(c, type));
      count *= samples.back().size();
    }
    std::string size = std::to_string(count) + "x", arguments, names, types;
    for (size_t k = 0; k < c.operands.size(); ++k) {
      std::string name = "%a" + std::to_string(k), type = "tensor<" + size + c.operands[k] + ">",
                  comma = k ? ", " : "";
      arguments += comma + name + ": " + type;
      names += comma + name;
      types += comma + type;
    }
    modules.push_back(parse("func.func @f(" + arguments + ") { %0 = nn." + c.op + " " + names + " " +
                            c.attributes + " : (" + types + ") -> tensor<" + size + c.result + "> return }"));
    ASSERT_TRUE(modules.back());
    auto &tensors = operands.emplace_back();
    int64_t repeat = 1;
    for (auto [k, operand] : llvm::enumerate(getOp(i)->getOperands())) {
      Tensor tensor(cast<RankedTensorType>(operand.getType()));
      for (int64_t e = 0; e < count; ++e) {
        double value = samples[k][e / repeat % samples[k].size()];
        if (isa<FloatType>(tensor.getElementType()))
          tensor.setDouble(e, value);
        else
          tensor.setInt(e, static_cast<int64_t>(value));
      }
      repeat *= samples[k].size();
      tensors.push_back(tensor);
    }
    emitFunction(builder, getOp(i), "f" + std::to_string(i));
  }
  Payloads payloads(*kernels);

  for (auto [i, c] : llvm::enumerate(cases)) {
    SCOPED_TRACE(c.op + " " + llvm::join(c.operands, ", ") + " -> " + c.result + " " + c.attributes);
    EvalContext evalContext;
    SmallVector<Tensor> expected;
    ASSERT_TRUE(succeeded(evaluate(getOp(i), evalContext, operands[i], expected))) << evalContext.error;
    Tensor actual(expected[0].getType());
    for (int64_t e = 0; e < actual.getNumElements(); ++e) {
      SmallVector<const char *> addresses;
      std::string at;
      for (const Tensor &operand : operands[i]) {
        addresses.push_back(operand.getBytes().data() + e * getElementSize(operand.getElementType()));
        at += " " + std::to_string(operand.getDouble(e));
      }
      payloads.call("f" + std::to_string(i), addresses,
                    actual.getMutableBytes().data() + e * getElementSize(actual.getElementType()));
      if (c.result[0] != 'f') {
        EXPECT_EQ(actual.getInt(e), expected[0].getInt(e)) << "at" << at;
        continue;
      }
      double x = actual.getDouble(e), y = expected[0].getDouble(e);
      bool equal = std::isnan(y)      ? std::isnan(x)
                   : c.op == "decode" ? x == y && std::signbit(x) == std::signbit(y)
                   : std::isinf(y)
                       ? x == y
                       : std::abs(x - y) <= (c.result == "f64" ? 1e-12 : 3e-6) * std::max(1.0, std::abs(y));
      EXPECT_TRUE(equal) << x << ", not " << y << ", at" << at;
    }
  }
}
} // namespace
