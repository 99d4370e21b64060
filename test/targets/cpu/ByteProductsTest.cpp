// Products of quantized numbers: what raiseByteProducts makes of each form computes the same, and the kernel
// on words of four bytes.

#include "targets/cpu/codegen/ByteProducts.h"
#include "mlir/Parser/Parser.h"
#include "test/targets/cpu/KernelTest.h"

using namespace mlir;
using namespace aicc;
using namespace aicc::cpu::test;

namespace {

struct Form {
  const char *name;
  std::string arguments, body, result;
  int bytesAfter; // 1: it becomes a product of bytes
};

/// A constant of `shape` with small numbers of both signs (or shifted to positive ones).
std::string bytes(const std::string &name, int64_t rows, int64_t columns, const std::string &element) {
  std::string text = "%" + name + " = nn.constant dense<[";
  for (int64_t i = 0; i < rows; ++i) {
    text += i ? ", [" : "[";
    for (int64_t j = 0; j < columns; ++j)
      text += (j ? ", " : "") + std::to_string((i * 37 + j * 11) % 255 - (element == "ui8" ? 0 : 127));
    text += "]";
  }
  return text + "]> : " + tensor(std::to_string(rows) + "x" + std::to_string(columns), element) + "\n";
}

std::string castOf(const std::string &to, const std::string &from, const std::string &sizes,
                   const std::string &element, const std::string &wide) {
  return op(to, "cast", "%" + from, tensor(sizes, element), tensor(sizes, wide), "to = " + wide);
}

/// x [m, 7] of `left` times a matrix [7, 5] of `right` in i32, with zero points.
Form integers(const char *name, const std::string &left, const std::string &right, const std::string &zeros) {
  std::string body = bytes("w", 7, 5, right) + castOf("x1", "x", "3x7", left, "i32") +
                     castOf("w1", "w", "7x5", right, "i32"),
              x = "%x1", w = "%w1", arguments = "%x: " + tensor("3x7", left);
  if (zeros != "none") {
    bool known = zeros == "known", rows = zeros == "rows";
    std::string shape = rows ? "3x1" : "";
    if (known)
      body += "%zx = nn.constant dense<7> : tensor<i32>\n%zw = nn.constant dense<128> : tensor<i32>\n";
    else
      arguments += ", %zx: " + tensor(shape, "i32") + ", %zw: " + tensor(rows ? "1x5" : "", "i32");
    body +=
        op("x2", "sub", "%x1, %zx", tensor("3x7", "i32") + ", " + tensor(shape, "i32"),
           tensor("3x7", "i32")) +
        op("w2", "sub", "%w1, %zw", tensor("7x5", "i32") + ", " + tensor(known || !rows ? "" : "1x5", "i32"),
           tensor("7x5", "i32"));
    x = "%x2", w = known ? "%w2" : "%w1";
  }
  body += op("r", "matmul", x + ", " + w, tensor("3x7", "i32") + ", " + tensor("7x5", "i32"),
             tensor("3x5", "i32"));
  return {name, arguments, body, tensor("3x5", "i32"), 1};
}

/// The same in floats with scales, the matrix [5, 7] read transposed.
Form floats(const char *name, const std::string &left, const std::string &right, bool perColumn) {
  std::string scale = perColumn ? "5x1" : "";
  std::string numbers = perColumn ? "[[0.5], [0.25], [0.125], [1.0], [0.75]]" : "0.0625";
  std::string body =
      bytes("w", 5, 7, right) + "%sw = nn.constant dense<" + numbers + "> : " + tensor(scale, "f32") + "\n" +
      "%sx = nn.constant dense<0.03125> : tensor<f32>\n%zx = nn.constant dense<128.0> : tensor<f32>\n" +
      castOf("x1", "x", "2x3x7", left, "f32") + castOf("w1", "w", "5x7", right, "f32") +
      op("x2", "sub", "%x1, %zx", tensor("2x3x7") + ", " + tensor(""), tensor("2x3x7")) +
      op("x3", "mul", "%x2, %sx", tensor("2x3x7") + ", " + tensor(""), tensor("2x3x7")) +
      op("w2", "mul", "%w1, %sw", tensor("5x7") + ", " + tensor(scale), tensor("5x7")) +
      op("r", "matmul", "%x3, %w2", tensor("2x3x7") + ", " + tensor("5x7"), tensor("2x3x5"),
         "transpose_rhs = true");
  return {name, "%x: " + tensor("2x3x7", left), body, tensor("2x3x5"), 1};
}

/// A convolution of blocks of channels, 20 in, 24 out, 3x3, in floats made of bytes.
Form convolution(const char *name, const std::string &left, const std::string &right, int zero, bool padded,
                 bool perChannel) {
  std::string weights = tensor("24x20x3x3", right), wide = tensor("24x20x3x3"), x = "1x2x5x4x16",
              scale = perChannel ? "24x1x1x1" : "", pads = padded ? "1, 1" : "0, 0",
              r = padded ? "1x2x5x4x16" : "1x2x3x2x16";
  auto iota = [](const std::string &result, int64_t count, const std::string &type) {
    return op(result, "iota", "", "", tensor(std::to_string(count), type),
              "axis = 0 : i64, shape = affine_map<() -> (" + std::to_string(count) + ")>, type = " + type);
  };
  auto flat = [](int64_t count, const std::string &type) { return tensor(std::to_string(count), type); };
  std::string body =
      iota("i", 4320, "i32") +
      "%f = nn.constant dense<37> : tensor<i32>\n%m = nn.constant dense<255> : tensor<i32>\n" +
      "%h = nn.constant dense<" + (right == "i8" ? "127" : "0") + "> : tensor<i32>\n" +
      op("a", "mul", "%i, %f", flat(4320, "i32") + ", tensor<i32>", flat(4320, "i32")) +
      op("b", "mod", "%a, %m", flat(4320, "i32") + ", tensor<i32>", flat(4320, "i32")) +
      op("c", "sub", "%b, %h", flat(4320, "i32") + ", tensor<i32>", flat(4320, "i32")) +
      op("d", "cast", "%c", flat(4320, "i32"), flat(4320, right), "to = " + right) +
      op("w", "reshape", "%d", flat(4320, right), weights, "shape = affine_map<() -> (24, 20, 3, 3)>") +
      castOf("w1", "w", "24x20x3x3", right, "f32") + castOf("x1", "x", x, left, "f32") +
      "%z = nn.constant dense<" + std::to_string(zero) + ".0> : tensor<f32>\n%zw = nn.constant dense<" +
      (right == "i8" ? "0" : "128") + ".0> : tensor<f32>\n%s = nn.constant dense<0.125> : tensor<f32>\n" +
      op("x2", "sub", "%x1, %z", tensor(x) + ", " + tensor(""), tensor(x)) +
      op("x3", "mul", "%x2, %s", tensor(x) + ", " + tensor(""), tensor(x)) +
      op("w2", "sub", "%w1, %zw", wide + ", " + tensor(""), wide) +
      (perChannel ? iota("n", 24, "f32") + op("sw", "reshape", "%n", tensor("24"), tensor(scale),
                                              "shape = affine_map<() -> (24, 1, 1, 1)>")
                  : "%sw = nn.constant dense<0.5> : tensor<f32>\n") +
      op("w3", "mul", "%w2, %sw", wide + ", " + tensor(scale), wide) + iota("bias", 24, "f32") +
      op("r", "conv", "%x3, %w3, %bias", tensor(x) + ", " + wide + ", " + tensor("24"), tensor(r),
         "block = 16 : i64, dilations = array<i64: 1, 1>, groups = 1 : i64, pads_high = array<i64: " + pads +
             ">, pads_low = array<i64: " + pads + ">, strides = array<i64: 1, 1>");
  return {name, "%x: " + tensor(x, left), body, tensor(r), 1};
}

void checkForm(const Form &form) {
  SCOPED_TRACE(form.name);
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<nn::NNDialect, func::FuncDialect>();
  std::string text = "func.func @main(" + form.arguments + ") -> " + form.result + " {\n" + form.body +
                     "return %r : " + form.result + "\n}";
  auto before = parseSourceString<ModuleOp>(text, &context),
       after = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(before) << text;
  auto function = [](OwningOpRef<ModuleOp> &module) { return *module->getOps<func::FuncOp>().begin(); };
  cpu::raiseByteProducts(function(after));
  int found = 0;
  after->walk([&](Operation *op) {
    if (cpu::isByteProduct(op))
      found += cpu::getPackedBytes(op->getOperand(1)) || cpu::getPackedFilterBytes(op->getOperand(1));
  });
  EXPECT_EQ(found, form.bytesAfter);
  SmallVector<nn::Tensor> arguments;
  for (BlockArgument argument : function(before).getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    nn::Tensor tensor(type);
    for (int64_t i = 0; i < tensor.getNumElements(); ++i)
      tensor.setInt(i, type.getElementType().isSignlessInteger(8) ? i * 53 % 256 - 128 : i * 53 % 256);
    arguments.push_back(tensor);
  }
  nn::EvalContext one, other;
  SmallVector<nn::Tensor> expected, actual;
  ASSERT_TRUE(succeeded(nn::evaluateFunction(function(before), one, arguments, expected))) << one.error;
  ASSERT_TRUE(succeeded(nn::evaluateFunction(function(after), other, arguments, actual))) << other.error;
  kernel::test::compareTensors(actual[0], expected[0], 1e-6);
}

} // namespace

TEST(ByteProducts, keepValues) {
  for (const char *left : {"ui8", "i8"})
    for (const char *right : {"ui8", "i8"}) {
      SCOPED_TRACE(std::string(left) + " " + right);
      checkForm(integers("without zero points", left, right, "none"));
      checkForm(integers("known zero points", left, right, "known"));
      checkForm(integers("zero points at run time", left, right, "unknown"));
      checkForm(integers("a zero point for each row", left, right, "rows"));
      checkForm(floats("one scale", left, right, false));
      checkForm(floats("a scale for each column", left, right, true));
      for (int zero : {0, 128, 131})
        for (bool padded : {false, true})
          checkForm(convolution("a convolution", left, right, left[0] == 'u' ? zero : zero - 128, padded,
                                zero == 128));
    }
}

TEST(ByteProducts, leaveOthers) {
  // A fraction is no zero point, and neither is what data may be at run time.
  Form fraction = floats("a fraction", "ui8", "i8", false);
  size_t at = fraction.body.find("dense<128.0>");
  ASSERT_NE(at, std::string::npos);
  fraction.body.replace(at, 12, "dense<127.5>");
  fraction.bytesAfter = 0;
  checkForm(fraction);
  Form beyond = convolution("a zero point that no byte is", "ui8", "i8", 300, true, false);
  beyond.bytesAfter = 0;
  checkForm(beyond);
  Form form = integers("of 16 bits", "i16", "i8", "none");
  form.bytesAfter = 0;
  checkForm(form);
}

TEST(ByteProducts, convolutionKernel) {
  if (!__builtin_cpu_supports("avx512vnni"))
    GTEST_SKIP() << "this CPU has no instruction for products of bytes";
  struct Shape {
    int64_t inputs, outputs, kernel, stride, pad;
  };
  for (Shape s :
       {Shape{16, 16, 1, 1, 0}, {64, 48, 3, 1, 1}, {20, 32, 3, 2, 1}, {4, 16, 5, 1, 2}, {48, 96, 1, 2, 0}}) {
    auto text = [](int64_t number) { return std::to_string(number); };
    int64_t size = 11, out = (size + 2 * s.pad - s.kernel) / s.stride + 1, panels = (s.outputs + 15) / 16;
    std::string k = text(s.kernel), kk = k + "x" + k, c4 = text((s.inputs + 3) / 4), p = text(panels);
    std::string x = tensor("2x" + text((s.inputs + 15) / 16) + "x11x11x16", "ui8"),
                w = tensor(p + "x" + kk + "x" + c4 + "x16x4", "i8"),
                t = tensor(p + "x" + c4 + "x" + kk + "x16x4", "i8"),
                u = tensor(p + "x" + text(s.inputs) + "x" + kk + "x16", "i8"),
                y = tensor(text(s.outputs) + "x" + text(s.inputs) + "x" + kk, "i8"),
                r = tensor("2x" + p + "x" + text(out) + "x" + text(out) + "x16", "i32");
    auto pair = [&](int64_t n) { return "array<i64: " + text(n) + ", " + text(n) + ">"; };
    KernelCheck check{
        {"%x: " + x + ", %w: " + w,
         op("t", "transpose", "%w", w, t, "perm = array<i64: 0, 3, 1, 2, 4, 5>") +
             op("u", "unpack", "%t", t, u, "axis = 1 : i64, size = " + text(s.inputs) + " : i64") +
             op("y", "unpack", "%u", u, y, "axis = 0 : i64, size = " + text(s.outputs) + " : i64") +
             op("r", "conv", "%x, %y", x + ", " + y, r,
                "block = 16 : i64, dilations = " + pair(1) + ", groups = 1 : i64, pads_high = " +
                    pair(s.pad) + ", pads_low = " + pair(s.pad) + ", strides = " + pair(s.stride)) +
             ret("%r", r)}};
    check.onlyNative = true;
    checkKernel(check);
  }
}

TEST(ByteProducts, kernel) {
  if (!__builtin_cpu_supports("avx512vnni"))
    GTEST_SKIP() << "this CPU has no instruction for products of bytes";
  std::vector<Sizes> runs = {{{"b", 1}, {"s", 1}}, {{"b", 1}, {"s", 3}}, {{"b", 2}, {"s", 17}}};
  for (auto [k, n] : {std::pair{4, 1}, {8, 17}, {68, 48}, {128, 100}, {6400, 33}}) {
    auto text = [](int64_t number) { return std::to_string(number); };
    std::string x = tensor("{b}x{s}x" + text(k), "ui8"), r = tensor("{b}x{s}x" + text(n), "i32");
    std::string words = text(k / 4), panels = text((n + 15) / 16),
                w = tensor(panels + "x" + words + "x16x4", "i8"),
                t = tensor(words + "x" + panels + "x16x4", "i8"),
                u = tensor(text(k) + "x" + panels + "x16", "i8"), y = tensor(text(k) + "x" + text(n), "i8");
    KernelCheck check{{"%x: " + x + ", %w: " + w,
                       op("t", "transpose", "%w", w, t, "perm = array<i64: 1, 0, 2, 3>") +
                           op("u", "unpack", "%t", t, u, "axis = 0 : i64, size = " + text(k) + " : i64") +
                           op("y", "unpack", "%u", u, y, "axis = 1 : i64, size = " + text(n) + " : i64") +
                           op("r", "matmul", "%x, %y", x + ", " + y, r) + ret("%r", r)},
                      runs};
    check.onlyNative = true;
    checkKernel(check);
  }
}
