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
  after->walk([&](nn::MatMulOp op) { found += cpu::isByteProduct(op) && cpu::getPackedBytes(op.getRhs()); });
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
    }
}

TEST(ByteProducts, leaveOthers) {
  Form form = integers("of 16 bits", "i16", "i8", "none");
  form.bytesAfter = 0;
  checkForm(form);
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
