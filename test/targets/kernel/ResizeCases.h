// Resizing against reference evaluation: all modes, up and down, by sizes and by scales. For inclusion, once,
// behind the kernel tests of one kind of device, which define checkKernel.

namespace {

using Ints = std::vector<int64_t>;

/// Batch and the last two dimensions are symbols. `scales` empty: from the sizes.
void check(const Ints &in, const Ints &out, const std::string &mode, const std::string &coordinates,
           const std::string &nearest = "floor", const std::vector<double> &scales = {},
           bool excludeOutside = false, const std::string &element = "f32") {
  Sizes sizes{{"n", in[0]}};
  std::string x = "{n}", y = "{n}", map = "n";
  for (size_t d = 1; d < in.size(); ++d) {
    if (d + 2 < in.size()) {
      x += "x" + std::to_string(in[d]);
      y += "x" + std::to_string(out[d]);
      map += ", " + std::to_string(out[d]);
      continue;
    }
    std::string i = "i" + std::to_string(d), o = "o" + std::to_string(d);
    sizes[i] = in[d];
    sizes[o] = out[d];
    x += "x{" + i + "}";
    y += "x{" + o + "}";
    map += ", " + o;
  }
  x = "tensor<" + x + "x" + element + ">";
  y = "tensor<" + y + "x" + element + ">";
  std::string list = "array<f32";
  for (size_t d = 0; d < scales.size(); ++d)
    list += (d ? ", " : ": ") + llvm::formatv("{0:f6}", scales[d]).str();
  KernelCheck check;
  check.runs = {sizes};
  check.text.arguments = "%x: " + x;
  check.text.body = "%r = nn.resize %x {shape = <<" + map + ">>, scales = " + list + ">, mode = #nn.resize<" +
                    mode + ">, coordinates = #nn.coordinates<" + coordinates + ">, nearest = #nn.nearest<" +
                    nearest +
                    ">, cubic_a = -0.75 : f32, exclude_outside = " + (excludeOutside ? "true" : "false") +
                    "} : (" + x + ") -> " + y + "\nreturn %r : " + y;
  checkKernel(check);
}

const std::vector<std::string> kCoordinates = {"half_pixel",         "half_pixel_symmetric",
                                               "pytorch_half_pixel", "align_corners",
                                               "asymmetric",         "tf_half_pixel_for_nn"};

} // namespace

TEST(ResizeTest, Nearest) {
  for (const std::string &coordinates : kCoordinates)
    for (std::string rounding : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"})
      check({1, 2, 5, 20}, {1, 2, 11, 13}, "nearest", coordinates, rounding);
  check({2, 3, 7, 16}, {2, 3, 14, 32}, "nearest", "asymmetric", "floor", {1, 1, 2, 2});
}

TEST(ResizeTest, Linear) {
  for (const std::string &coordinates : kCoordinates)
    check({1, 2, 6, 20}, {1, 2, 13, 45}, "linear", coordinates);
  check({2, 3, 9, 33}, {2, 3, 5, 11}, "linear", "half_pixel", "floor", {1, 1, 0.6, 0.35});
  check({2, 9, 33, 5}, {2, 18, 12, 5}, "linear", "half_pixel");
  check({1, 40}, {1, 17}, "linear", "align_corners");
  check({1, 4, 5, 6}, {1, 8, 9, 7}, "linear", "half_pixel");
}

TEST(ResizeTest, Cubic) {
  for (const std::string &coordinates : kCoordinates)
    check({1, 2, 6, 20}, {1, 2, 13, 45}, "cubic", coordinates);
  check({2, 3, 9, 33}, {2, 3, 5, 11}, "cubic", "half_pixel", "floor", {1, 1, 0.6, 0.35}, true);
}

TEST(ResizeTest, Elements) {
  for (std::string element : {"f16", "bf16", "f64"})
    check({1, 2, 6, 20}, {1, 2, 13, 45}, "linear", "half_pixel", "floor", {}, false, element);
  for (std::string element : {"i8", "ui8", "i32", "i64", "f16"})
    check({1, 2, 6, 20}, {1, 2, 13, 45}, "nearest", "asymmetric", "floor", {}, false, element);
}
