// Attention against reference evaluation: many rows and few, masks, grouped queries, through transposed
// views. For inclusion, once, before the kernel tests of one kind of device, which define checkKernel.

namespace {
struct Attention {
  std::string heads = "2", keyHeads = "2", s = "{s}", t = "{t}", depth = "16", width = "16";
  std::string mask; // sizes; none if empty
  std::string maskElement = "f32", element = "f32";
  bool causal = false;

  std::string tensor(const std::string &sizes, const std::string &type) const {
    return "tensor<" + sizes + "x" + type + ">";
  }

  /// q, k, v are transposed views of projections, the result is transposed back and merged with a residual.
  KernelText text() const {
    std::string qp = tensor("{b}x" + s + "x" + heads + "x" + depth, element),
                kp = tensor("{b}x" + t + "x" + keyHeads + "x" + depth, element);
    std::string vp = tensor("{b}x" + t + "x" + keyHeads + "x" + width, element),
                q = tensor("{b}x" + heads + "x" + s + "x" + depth, element);
    std::string k = tensor("{b}x" + keyHeads + "x" + t + "x" + depth, element),
                v = tensor("{b}x" + keyHeads + "x" + t + "x" + width, element);
    std::string r = tensor("{b}x" + heads + "x" + s + "x" + width, element),
                op = tensor("{b}x" + s + "x" + heads + "x" + width, element);
    std::string m = mask.empty() ? "" : tensor(mask, maskElement);
    std::string perm = " {perm = array<i64: 0, 2, 1, 3>} : (";
    return {"%q: " + qp + ", %k: " + kp + ", %v: " + vp + (mask.empty() ? "" : ", %m: " + m),
            "%qt = nn.transpose %q" + perm + qp + ") -> " + q + "\n%kt = nn.transpose %k" + perm + kp +
                ") -> " + k + "\n%vt = nn.transpose %v" + perm + vp + ") -> " + v +
                "\n%r = nn.attention %qt, %kt, %vt" + (mask.empty() ? "" : ", %m") +
                " {scale = 0.25 : f32, causal = " + (causal ? "true" : "false") + "} : (" + q + ", " + k +
                ", " + v + (mask.empty() ? "" : ", " + m) + ") -> " + r + "\n%o = nn.transpose %r" + perm +
                r + ") -> " + op + "\nreturn %o : " + op};
  }
};

const std::vector<Sizes> manySizes = {{{"b", 1}, {"s", 1}, {"t", 1}},   {{"b", 2}, {"s", 3}, {"t", 17}},
                                      {{"b", 1}, {"s", 17}, {"t", 33}}, {{"b", 1}, {"s", 33}, {"t", 100}},
                                      {{"b", 2}, {"s", 100}, {"t", 3}}, {{"b", 1}, {"s", 150}, {"t", 300}}};

/// Scores that differ enough for the softmax to matter.
void fill(unsigned index, aicc::nn::Tensor &x) {
  if (index < 2 && mlir::isa<mlir::FloatType>(x.getElementType()))
    for (int64_t i = 0; i < x.getNumElements(); ++i)
      x.setDouble(i, 3 * x.getDouble(i));
}
} // namespace

TEST(AttentionKernel, sizes) {
  Attention attention;
  checkKernel({attention.text(), manySizes, 0, fill});
}

TEST(AttentionKernel, causal) {
  Attention attention;
  attention.causal = true;
  checkKernel({attention.text(),
               {{{"b", 1}, {"s", 17}, {"t", 17}},
                {{"b", 1}, {"s", 3}, {"t", 40}},
                {{"b", 2}, {"s", 300}, {"t", 300}},
                {{"b", 1}, {"s", 20}, {"t", 10}}},
               0,
               fill});
}

TEST(AttentionKernel, groupedQueries) {
  Attention attention;
  attention.heads = "6", attention.keyHeads = "2";
  for (bool causal : {false, true}) {
    attention.causal = causal;
    checkKernel({attention.text(),
                 {{{"b", 1}, {"s", 1}, {"t", 40}},
                  {{"b", 2}, {"s", 19}, {"t", 19}},
                  {{"b", 1}, {"s", 100}, {"t", 300}}},
                 0,
                 fill});
  }
}

TEST(AttentionKernel, masks) {
  Attention attention;
  std::vector<Sizes> runs = {
      {{"b", 2}, {"s", 3}, {"t", 17}}, {{"b", 1}, {"s", 40}, {"t", 100}}, {{"b", 2}, {"s", 2}, {"t", 300}}};
  for (std::string sizes : {"{b}x1x1x{t}", "{s}x{t}", "{b}x2x{s}x{t}", "{b}x1x{s}x1"})
    for (std::string element : {"f32", "i1"}) {
      attention.mask = sizes, attention.maskElement = element;
      checkKernel({attention.text(), runs, 0, fill});
    }
}

TEST(AttentionKernel, maskedRows) {
  Attention attention;
  attention.mask = "{s}x{t}";
  for (std::string element : {"f32", "i1"}) {
    attention.maskElement = element;
    checkKernel(
        {attention.text(),
         {{{"b", 1}, {"s", 3}, {"t", 300}}, {{"b", 1}, {"s", 20}, {"t", 300}}},
         0,
         [](unsigned index, aicc::nn::Tensor &x) {
           fill(index, x);
           if (index == 3) // the first row sees nothing, the second nothing of the first block of keys
             for (int64_t i = 0; i < 560; ++i)
               x.setDouble(i, x.getElementType().isInteger(1) ? 0 : -std::numeric_limits<double>::infinity());
         }});
  }
}

TEST(AttentionKernel, otherTypes) {
  Attention attention;
  for (std::string element : {"f16", "bf16", "f64"}) {
    attention.element = element;
    checkKernel({attention.text(),
                 {{{"b", 1}, {"s", 17}, {"t", 33}}, {{"b", 1}, {"s", 1}, {"t", 33}}},
                 element == "f64"   ? 1e-6
                 : element == "f16" ? 4e-3
                                    : 3e-2});
  }
}
