// Pools against reference evaluation: layouts, borders, strides, dilations, rounding. For inclusion, once,
// behind the kernel tests of one kind of device, which define checkKernel.

namespace {

using Ints = std::vector<int64_t>;

struct Pool {
  Ints input, kernel, strides, low, high;
  Ints dilations = {};
  bool ceil = false, includePad = false;
  std::string element = "f32";
};

std::string list(const Ints &values) {
  return "array<i64: " +
         llvm::join(llvm::map_range(values, [](int64_t v) { return std::to_string(v); }), ", ") + ">";
}

/// Sizes of batch, channels (or their blocks) and space are symbols.
void check(Pool p, const std::string &kind, bool blocked) {
  size_t rank = p.kernel.size();
  if (p.dilations.empty())
    p.dilations.assign(rank, 1);
  Sizes sizes{{"n", p.input[0]}, {"c", blocked ? (p.input[1] + 15) / 16 : p.input[1]}};
  std::string in = "{n}x{c}", out = "{n}x{c}";
  for (size_t d = 0; d < rank; ++d) {
    std::string name = std::to_string(d);
    int64_t size = p.input[2 + d], span = p.dilations[d] * (p.kernel[d] - 1) + 1,
            room = size + p.low[d] + p.high[d] - span;
    int64_t positions = (p.ceil ? room + p.strides[d] - 1 : room) / p.strides[d] + 1;
    if (p.ceil && (positions - 1) * p.strides[d] >= size + p.low[d])
      --positions;
    sizes["d" + name] = size;
    sizes["o" + name] = positions;
    in += "x{d" + name + "}";
    out += "x{o" + name + "}";
  }
  std::string last = blocked ? "x16x" + p.element : "x" + p.element;
  std::string x = "tensor<" + in + last + ">", y = "tensor<" + out + last + ">";
  KernelCheck check;
  check.runs = {sizes};
  check.text.arguments = "%x: " + x;
  check.text.body =
      "%p = nn." + kind + " %x {kernel = " + list(p.kernel) + ", strides = " + list(p.strides) +
      ", dilations = " + list(p.dilations) + ", pads_low = " + list(p.low) + ", pads_high = " + list(p.high) +
      ", ceil = " + (p.ceil ? "true" : "false") + ", block = " + (blocked ? "16" : "0") + " : i64" +
      (kind == "avg_pool" ? std::string(", count_include_pad = ") + (p.includePad ? "true" : "false") : "") +
      "} : (" + x + ") -> " + y + "\nreturn %p : " + y;
  checkKernel(check);
}

void checkAll(const Pool &pool) {
  for (std::string kind : {"max_pool", "avg_pool"}) {
    check(pool, kind, false);
    if (pool.kernel.size() == 2)
      check(pool, kind, true);
  }
}

} // namespace

TEST(PoolTest, Square) {
  checkAll({{2, 20, 9, 21}, {3, 3}, {2, 2}, {1, 1}, {1, 1}});
  checkAll({{1, 16, 8, 32}, {2, 2}, {2, 2}, {0, 0}, {0, 0}});
  checkAll({{1, 16, 7, 7}, {7, 7}, {1, 1}, {0, 0}, {0, 0}});
}

TEST(PoolTest, RoundingUp) {
  checkAll({{1, 16, 8, 20}, {3, 3}, {2, 2}, {0, 0}, {0, 0}, {}, true});
  checkAll({{1, 16, 9, 20}, {3, 4}, {2, 3}, {1, 0}, {0, 2}, {}, true});
}

TEST(PoolTest, PaddingThatCounts) {
  checkAll({{1, 16, 8, 20}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {}, false, true});
  checkAll({{1, 16, 9, 20}, {3, 4}, {2, 3}, {1, 0}, {0, 2}, {}, true, true});
}

TEST(PoolTest, Dilations) {
  checkAll({{1, 16, 10, 40}, {3, 2}, {1, 2}, {2, 1}, {1, 1}, {2, 3}});
  checkAll({{1, 16, 5, 4}, {3, 3}, {1, 1}, {2, 2}, {2, 2}, {2, 2}});
}

TEST(PoolTest, Ranks) {
  checkAll({{2, 3, 70}, {4}, {3}, {1}, {2}});
  checkAll({{1, 3, 6, 7, 20}, {2, 3, 2}, {2, 1, 2}, {0, 1, 1}, {1, 1, 0}});
}

TEST(PoolTest, Elements) {
  for (std::string element : {"f16", "bf16", "f64"})
    checkAll({{1, 16, 9, 20}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {}, false, false, element});
  for (std::string element : {"i8", "ui8", "i32", "i64"})
    check({{1, 3, 9, 20}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {}, false, false, element}, "max_pool", false);
}
