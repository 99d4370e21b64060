// How a sliding window's positions, taps and padding relate, for convolutions and pools of any rank. Private
// to evaluation.

#ifndef AICC_DIALECTS_NN_EVALUATEWINDOW_H
#define AICC_DIALECTS_NN_EVALUATEWINDOW_H

#include "dialects/nn/EvaluateSupport.h"

namespace aicc::nn::detail {

/// The indices o of `outputs` for which o * stride + offset lies within [0, inputs).
struct ValidRange {
  int64_t begin, end;
  ValidRange(int64_t offset, int64_t stride, int64_t inputs, int64_t outputs) {
    begin = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    end = inputs > offset ? std::min(outputs, (inputs - 1 - offset) / stride + 1) : 0;
  }
};

/// The geometry of a convolution from x [inputs...] to y [outputs...]: position o reads i = o * stride + k *
/// dilation - pad.
struct Window {
  llvm::ArrayRef<int64_t> inputs, outputs, kernel, strides, dilations, pads;

  /// Calls fn(input offset, input step, output offset, count, kernel offset) for each run of positions along
  /// the last dimension that pairs an input and an output element by one kernel tap.
  template <class Fn> void forEachRun(Fn fn) const {
    unsigned rank = inputs.size();
    Sizes inputStrides = getStrides(inputs), outputStrides = getStrides(outputs);
    int64_t taps = getProduct(kernel);
    Sizes tap(rank, 0);
    for (int64_t t = 0; t < taps; ++t) {
      walk(0, 0, 0, tap, inputStrides, outputStrides,
           [&](int64_t in, int64_t step, int64_t out, int64_t n) { fn(in, step, out, n, t); });
      for (int d = int(rank) - 1; d >= 0 && ++tap[d] == kernel[d]; --d)
        tap[d] = 0;
    }
  }

private:
  template <class Fn>
  void walk(unsigned dim, int64_t in, int64_t out, const Sizes &tap, const Sizes &inputStrides,
            const Sizes &outputStrides, Fn fn) const {
    int64_t offset = tap[dim] * dilations[dim] - pads[dim];
    ValidRange range(offset, strides[dim], inputs[dim], outputs[dim]);
    if (dim + 1 == inputs.size()) {
      if (range.begin < range.end)
        fn(in + range.begin * strides[dim] + offset, strides[dim], out + range.begin,
           range.end - range.begin);
      return;
    }
    for (int64_t o = range.begin; o < range.end; ++o)
      walk(dim + 1, in + (o * strides[dim] + offset) * inputStrides[dim], out + o * outputStrides[dim], tap,
           inputStrides, outputStrides, fn);
  }
};

/// One run of Window::forEachRun.
struct Run {
  int64_t input, step, output, count;
};

/// The runs of each kernel tap.
inline std::vector<std::vector<Run>> getRuns(const Window &window) {
  std::vector<std::vector<Run>> runs(getProduct(window.kernel));
  window.forEachRun([&](int64_t in, int64_t step, int64_t out, int64_t n, int64_t tap) {
    std::vector<Run> &list = runs[tap];
    // Where a row follows the one before without a gap on both sides they make one run.
    if (!list.empty()) {
      Run &last = list.back();
      if (last.step == step && last.output + last.count == out && last.input + last.count * step == in) {
        last.count += n;
        return;
      }
    }
    list.push_back({in, step, out, n});
  });
  return runs;
}

} // namespace aicc::nn::detail

#endif
